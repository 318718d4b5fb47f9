//! What a plan on Google Cloud tells before anything is begun.

use crate::oracles;
use crate::support::{Folder, Server, planned};

/// A network with two subnetworks, a cluster with a pool, and a database.
struct Stack {
    ranges: [&'static str; 3],
    master: &'static str,
    version: &'static str,
    machine: &'static str,
    nodes: u32,
    database: [&'static str; 2],
}

const RIGHT: Stack = Stack {
    ranges: ["10.0.0.0/20", "10.0.16.0/20", "10.1.0.0/16"],
    master: "172.16.0.0/28",
    version: "1.34",
    machine: "e2-standard-4",
    nodes: 1,
    database: ["POSTGRES_17", "db-custom-2-7680"],
};

impl Stack {
    fn text(&self) -> String {
        let Stack {
            ranges: [first, second, pods],
            master,
            version,
            machine,
            nodes,
            database: [database, tier],
        } = self;
        format!(
            r#"
[stack]
name = "t"

[clouds.google]
project = "shop"
region  = "europe-west1"

[resource.google_compute_network.n]
name                    = "n"
auto_create_subnetworks = false

[resource.google_compute_subnetwork.a]
name               = "a"
network            = "${{google_compute_network.n.id}}"
ip_cidr_range      = "{first}"
secondary_ip_range = [{{ range_name = "pods", ip_cidr_range = "{pods}" }}]

[resource.google_compute_subnetwork.b]
name          = "b"
network       = "${{google_compute_network.n.id}}"
ip_cidr_range = "{second}"
region        = "europe-west4"

[resource.google_container_cluster.k]
name                     = "k"
location                 = "europe-west1"
network                  = "${{google_compute_network.n.id}}"
subnetwork               = "${{google_compute_subnetwork.a.id}}"
min_master_version       = "{version}"
initial_node_count       = 1
remove_default_node_pool = true
private_cluster_config   = {{ enable_private_nodes = true, master_ipv4_cidr_block = "{master}" }}

[resource.google_container_node_pool.p]
name        = "p"
cluster     = "${{google_container_cluster.k.id}}"
node_count  = {nodes}
node_config = {{ machine_type = "{machine}" }}

[resource.google_sql_database_instance.d]
name             = "d"
database_version = "{database}"
settings         = {{ tier = "{tier}", edition = "ENTERPRISE" }}
"#
        )
    }
}

#[test]
fn versions_types_and_ranges_that_cannot_be_had_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    oracles::record(&server);
    planned(&server, &RIGHT.text()).expect(0);
    let told = |stack: Stack, code: i32, sentences: &[&str]| {
        planned(&server, &stack.text()).expect(code).says(sentences);
    };
    let wrong = Stack {
        version: "1.2",
        machine: "huge",
        database: ["POSTGRES_99", "db-huge"],
        ..RIGHT
    };
    told(
        wrong,
        1,
        &[
            "europe-west1 offers no Kubernetes 1.2: there are 1.30, 1.31, 1.32, 1.33, 1.34",
            "europe-west1 offers no machines of type `huge`",
            "Cloud SQL offers no `POSTGRES_99`: there are POSTGRES_10",
            "Cloud SQL offers no tier `db-huge`",
        ],
    );
    // There are such machines, elsewhere.
    let machine = "t2a-standard-4";
    let elsewhere = "europe-west1 offers no machines of type `t2a-standard-4`";
    told(Stack { machine, ..RIGHT }, 1, &[elsewhere]);
    let database = ["MYSQL_8_4", "db-custom-3-7680"];
    let odd = "`db-custom-3-7680` cannot be had: it has 1 processor or an even number up to 96";
    told(Stack { database, ..RIGHT }, 1, &[odd]);
    let ranges = Stack {
        ranges: ["10.0.0.0/20", "10.0.8.0/24", "10.1.0.0/16"],
        master: "10.1.255.0/28",
        ..RIGHT
    };
    told(
        ranges,
        1,
        &[
            "10.0.8.0/24 has addresses of google_compute_subnetwork.a, which has 10.0.0.0/20",
            "10.1.255.0/28 has addresses of google_compute_subnetwork.a, which has 10.1.0.0/16",
        ],
    );
    // Four processors on eight machines in each of three zones. A quota may have been raised a moment ago.
    let cores = "96 of `CPUS` are planned in europe-west1, 0 are there, and the quota is 72";
    told(Stack { nodes: 8, ..RIGHT }, 0, &[cores]);
    assert!(server.resources().is_empty());
    oracles::judge("google", &server, true);
}

/// Regions and zones are asked for once, whatever is planned in them.
#[test]
fn places_that_there_are_not_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = |region: &str, zone: &str, location: &str| {
        format!(
            r#"
[stack]
name = "t"
[clouds.google]
project = "shop"
region  = "europe-west1"
[resource.google_compute_address.a]
name   = "a"
region = "{region}"
[resource.google_compute_network_endpoint_group.g]
name         = "g"
network      = "${{google_compute_network.n.id}}"
default_port = 80
zone         = "{zone}"
[resource.google_compute_network.n]
name                    = "n"
auto_create_subnetworks = false
[resource.google_storage_bucket.b]
name     = "infra-test-places"
location = "{location}"
[resource.google_storage_bucket.wide]
name     = "infra-test-wide"
location = "EUR4"
[resource.google_container_cluster.k]
name                     = "k"
location                 = "{region}"
node_locations           = ["{zone}"]
network                  = "${{google_compute_network.n.id}}"
initial_node_count       = 1
remove_default_node_pool = true
"#
        )
    };
    planned(
        &server,
        &stack("europe-west1", "europe-west1-b", "EUROPE-WEST4"),
    )
    .expect(0);
    planned(&server, &stack("europe-west99", "europe-west1-z", "EUROPE-WEST98"))
        .expect(1)
        .says(&[
            "google_compute_address.a: `region`: the project has no region `europe-west99`: there are",
            "google_container_cluster.k: `location`: the project has no region or zone `europe-west99`",
            "google_compute_network_endpoint_group.g: `zone`: the project has no zone `europe-west1-z`: there are europe-west1-b",
            "google_container_cluster.k: `node_locations`: the project has no zone `europe-west1-z`",
            "google_storage_bucket.b: `location`: the project has no region `europe-west98`",
        ]);
    assert!(server.resources().is_empty());
}

/// The forms of ids that Terraform's documentation has.
/// What is granted to whom there.
const GRANTED: &str = "roles/secretmanager.secretAccessor serviceAccount:short-ids@sandbox-project.iam.gserviceaccount.com";

#[test]
fn short_ids_are_imported() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    let stack = r#"
[stack]
name = "NAME"
[clouds.google]
project = "sandbox-project"
region  = "europe-west1"
[resource.google_compute_network.n]
name                    = "net"
auto_create_subnetworks = false
[resource.google_compute_subnetwork.s]
name          = "sub"
network       = "${google_compute_network.n.id}"
ip_cidr_range = "10.0.0.0/20"
[resource.google_compute_router.r]
name    = "router"
network = "${google_compute_network.n.id}"
[resource.google_compute_router_nat.r]
name                               = "nat"
router                             = "${google_compute_router.r.name}"
nat_ip_allocate_option             = "AUTO_ONLY"
source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
[resource.google_storage_bucket.b]
name                        = "infra-test-short"
location                    = "EU"
uniform_bucket_level_access = true
[resource.google_service_account.a]
account_id = "short-ids"
[resource.google_secret_manager_secret.s]
secret_id   = "short"
replication = { auto = {} }
[resource.google_secret_manager_secret_iam_member.m]
secret_id = "${google_secret_manager_secret.s.id}"
role      = "roles/secretmanager.secretAccessor"
member    = "${google_service_account.a.member}"
"#;
    let folder = Folder::new();
    folder.write("stacks/made.toml", &stack.replace("NAME", "made"));
    folder
        .run(&["apply", "-auto-approve", "stacks/made.toml", &flag])
        .expect(0);
    let project = "projects/sandbox-project";
    for (address, whole, ids) in [
        (
            "google_compute_subnetwork.s",
            format!("{project}/regions/europe-west1/subnetworks/sub"),
            &[
                "sub",
                "europe-west1/sub",
                "sandbox-project/europe-west1/sub",
                "regions/europe-west1/subnetworks/sub",
                "projects/sandbox-project/regions/europe-west1/subnetworks/sub",
            ][..],
        ),
        (
            "google_compute_network.n",
            format!("{project}/global/networks/net"),
            &["net", "sandbox-project/net"],
        ),
        (
            "google_compute_router_nat.r",
            format!("{project}/regions/europe-west1/routers/router/nats/nat"),
            &["router/nat", "europe-west1/router/nat"],
        ),
        (
            "google_storage_bucket.b",
            "b/infra-test-short".to_owned(),
            &["infra-test-short", "sandbox-project/infra-test-short"],
        ),
        (
            "google_service_account.a",
            format!("{project}/serviceAccounts/short-ids@sandbox-project.iam.gserviceaccount.com"),
            &["short-ids@sandbox-project.iam.gserviceaccount.com"],
        ),
        (
            "google_secret_manager_secret_iam_member.m",
            format!("{project}/secrets/short {GRANTED}"),
            &[
                &*format!("short {GRANTED}"),
                &*format!("sandbox-project/short {GRANTED}"),
                &*format!("{project}/secrets/short {GRANTED}"),
            ],
        ),
    ] {
        for id in ids {
            let folder = Folder::new();
            folder.write("stacks/t.toml", &stack.replace("NAME", "t"));
            folder
                .run(&["import", "stacks/t.toml", address, id, &flag])
                .expect(0);
            assert_eq!(
                crate::types::attributes(&folder, address)["id"],
                *whole,
                "{id}"
            );
        }
    }
    let folder = Folder::new();
    folder.write("stacks/t.toml", &stack.replace("NAME", "t"));
    folder
        .run(&[
            "import",
            "stacks/t.toml",
            "google_compute_subnetwork.s",
            "a/b/c/d",
            &flag,
        ])
        .expect(1)
        .says(&[
            "nor a short form of it: `{project}/{region}/{name}`, `{region}/{name}`, `{name}`",
        ]);
}

#[test]
fn what_is_there_already_is_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let flag = server.flag();
    let stack = |name: &str, bucket: &str, subnetworks: &str| {
        format!(
            r#"
[stack]
name = "{name}"

[clouds.google]
project = "shop"
region  = "europe-west1"

[resource.google_storage_bucket.b]
name     = "{bucket}"
location = "EU"
{subnetworks}
"#
        )
    };
    let network = r#"
[resource.google_compute_network.n]
name                    = "standing"
auto_create_subnetworks = false

[resource.google_compute_subnetwork.s]
name          = "theirs"
network       = "${google_compute_network.n.id}"
ip_cidr_range = "10.0.0.0/16"
"#;
    let folder = Folder::new();
    let run = |arguments: &[&str]| folder.run(&[arguments, &["stacks/t.toml", &flag]].concat());
    folder.write("stacks/t.toml", &stack("theirs", "one-and-only", network));
    run(&["apply", "-auto-approve"]).expect(0);
    // What is replaced has its names and addresses itself.
    run(&[
        "plan",
        "-replace",
        "google_storage_bucket.b",
        "-replace",
        "google_compute_subnetwork.s",
    ])
    .expect(0);
    let ours = r#"
[resource.google_compute_subnetwork.s]
name          = "ours"
network       = "projects/shop/global/networks/standing"
ip_cidr_range = "10.0.8.0/24"
"#;
    let other =
        stack("ours", "one-and-only", ours).replace("storage_bucket.b]", "storage_bucket.c]");
    planned(&server, &other).expect(0).says(&[
        "the name `one-and-only` cannot be had: there is a bucket of that name already",
        "10.0.8.0/24 has addresses of projects/shop/regions/europe-west1/subnetworks/theirs",
    ]);
    planned(&server, &stack("t", "google-reports", ""))
        .expect(1)
        .says(&["must neither begin with `goog` nor contain `google`"]);
}

#[test]
fn quotas_that_a_plan_exceeds_are_told() {
    let server = Server::sandbox(&["--latency", "none"]);
    let stack = r#"
[stack]
name = "t"

[clouds.google]
project = "shop"
region  = "europe-west1"

[resource.google_compute_address.a]
count = 22
name  = "a${count.index}"

[resource.google_compute_network.n]
count = 51
name  = "n${count.index}"
"#;
    planned(&server, stack).expect(0).says(&[
        "22 of `STATIC_ADDRESSES` are planned in europe-west1, 0 are there, and the quota is 21",
        "51 of `NETWORKS` are planned in shop, 0 are there, and the quota is 50",
    ]);
}
