//! What Crossplane has made goes, or stays, as a person has decided before Crossplane goes; in the sandbox, where what it makes is made up.

use crate::hostile::Hostile;
use crate::support::{Folder, Ran, Server};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

const BELOW: &str = r#"
[clouds.aws]
region = "eu-west-1"

[network.main]
cloud = "aws"

[cluster.main]
network    = "main"
kubernetes = "1.34"

[cluster.main.pools.general]
size = "large"
min  = 3
max  = 3
"#;

const INSIDE: &str = r#"
[hardening.main]
cluster = "main"
profile = ["crossplane"]

[hardening.main.apps.shop]
team = "shop"
"#;

/// A database and a bucket, of which all managed resources are made.
const DATABASE: &str =
    "Instance shop/orders-instance of rds.aws.m.upbound.io (teams-main-crossplane-";
const BUCKET: &str = "Bucket shop/assets-bucket of s3.aws.m.upbound.io (teams-main-crossplane-";

/// The same cluster on Azure.
fn on_azure() -> String {
    BELOW
        .replace(
            "[clouds.aws]\nregion = \"eu-west-1\"",
            "[clouds.azure]\nlocation = \"westeurope\"",
        )
        .replace("\"aws\"", "\"azure\"")
}

/// All kinds of managed resources of a database and a bucket: where their lists are.
const ON_AWS: [&str; 5] = [
    "rds.aws.m.upbound.io/v1beta1/namespaces/shop/instances",
    "s3.aws.m.upbound.io/v1beta1/namespaces/shop/buckets",
    "s3.aws.m.upbound.io/v1beta1/namespaces/shop/bucketpublicaccessblocks",
    "s3.aws.m.upbound.io/v1beta1/namespaces/shop/bucketversionings",
    "s3.aws.m.upbound.io/v1beta1/namespaces/shop/bucketserversideencryptionconfigurations",
];
const ON_AZURE: [&str; 4] = [
    "dbforpostgresql.azure.m.upbound.io/v1beta1/namespaces/shop/flexibleservers",
    "dbforpostgresql.azure.m.upbound.io/v1beta1/namespaces/shop/flexibleserverdatabases",
    "storage.azure.m.upbound.io/v1beta1/namespaces/shop/accounts",
    "storage.azure.m.upbound.io/v1beta1/namespaces/shop/containers",
];

struct Teams {
    folder: Folder,
    server: Server,
    below: String,
    kinds: &'static [&'static str],
}

impl Teams {
    /// A cluster with Crossplane, of which a team has asked for a database and a bucket.
    fn new(stack: &str) -> Teams {
        Teams::on(stack, BELOW.to_owned(), &ON_AWS)
    }

    fn on(stack: &str, below: String, kinds: &'static [&'static str]) -> Teams {
        let teams = Teams {
            folder: Folder::new(),
            server: Server::sandbox(&["--latency", "none"]),
            below,
            kinds,
        };
        teams.write(stack, INSIDE);
        teams.run(&["apply", "-auto-approve"]).expect(0);
        teams
            .folder
            .write("kubeconfig", &teams.server.kubeconfig("teams-main"));
        let inside = teams.inside();
        for (kind, plural, name) in [
            ("Database", "databases", "orders"),
            ("Bucket", "buckets", "assets"),
        ] {
            let asked = json!({ "apiVersion": "platform.infra/v1", "kind": kind, "metadata": { "name": name }, "spec": {} });
            inside.make(
                &format!("/apis/platform.infra/v1/namespaces/shop/{plural}"),
                &asked,
            );
        }
        let patience = Instant::now();
        while teams.managed().len() < kinds.len() {
            assert!(patience.elapsed().as_secs() < 60, "{:#?}", teams.managed());
            std::thread::sleep(Duration::from_millis(50));
        }
        teams.server.post("/_sandbox/counts/reset", "");
        teams
    }

    fn write(&self, stack: &str, inside: &str) {
        let below = &self.below;
        let text = format!("[stack]\nname = \"teams\"\n{stack}\n{below}{inside}");
        self.folder.write("stacks/teams.toml", &text);
    }

    fn run(&self, command: &[&str]) -> Ran {
        let flag = self.server.flag();
        self.folder.run(&[command, &[flag.as_str()]].concat())
    }

    fn inside(&self) -> Hostile {
        Hostile::against(&self.folder.path().join("kubeconfig"), None)
    }

    /// The managed resources that have been made.
    fn managed(&self) -> Vec<Json> {
        let inside = self.inside();
        let lists = self.kinds.iter().map(|kind| {
            inside.get(&format!("/apis/{kind}"))["items"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        });
        lists
            .flatten()
            .filter(|m| m["status"]["atProvider"]["id"].is_string())
            .collect()
    }

    /// Where operations come first among what the server did.
    fn places(&self, operations: &[&str]) -> Vec<Option<usize>> {
        let requests = self.server.get("/_sandbox/requests");
        let done = requests.as_array().expect("requests").iter();
        let done = done.filter(|r| r["status"].as_u64().is_some_and(|s| s < 300));
        let all: Vec<&str> = done.filter_map(|r| r["operation"].as_str()).collect();
        operations
            .iter()
            .map(|o| all.iter().position(|a| a == o))
            .collect()
    }

    fn in_order(&self, operations: &[&str]) {
        let places = self.places(operations);
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{operations:?}: {places:?}"
        );
    }
}

const DESTROY: [&str; 4] = ["destroy", "-auto-approve", "--allow-data-loss", "**"];

fn with(fate: &'static str) -> Vec<&'static str> {
    [&DESTROY[..], &["--crossplane", fate]].concat()
}

/// Nothing is begun before somebody has decided; what is let go is patched and not deleted, and named in the end.
#[test]
fn a_destroy_asks_what_becomes_of_it_and_leaves_it_where_it_is() {
    let teams = Teams::new("");
    let told = teams.run(&DESTROY).expect(1).told();
    for part in [
        DATABASE,
        BUCKET,
        "--crossplane delete",
        "--crossplane orphan",
    ] {
        assert!(
            told.replace(' ', "").contains(&part.replace(' ', "")),
            "{part}: {told}"
        );
    }
    assert_eq!(teams.managed().len(), 5);
    assert_eq!(
        teams.places(&["DeleteCluster", "patch/instances"]),
        [None, None]
    );

    let done = teams.run(&with("orphan")).expect(0).stdout;
    let (planned, summary) = done.split_once("Destroy complete").expect("it is done");
    for (at, text) in [("plan", planned), ("summary", summary)] {
        assert!(
            text.contains("What Crossplane has made stays"),
            "{at}: {text}"
        );
        assert!(
            text.contains(DATABASE) && text.contains(BUCKET),
            "{at}: {text}"
        );
    }
    teams.in_order(&["patch/instances", "DeleteCluster"]);
    teams.in_order(&["patch/buckets", "DeleteCluster"]);
    assert_eq!(
        teams.places(&["delete/instances", "delete/databases"]),
        [None, None]
    );
    let left = teams.server.resources();
    assert!(left.is_empty(), "{left:#?}");
}

/// Its protection is lifted, and what it stands for has gone before the cluster does.
#[test]
fn a_destroy_deletes_it_first() {
    let teams = Teams::new("");
    let done = teams.run(&with("delete")).expect(0).stdout;
    assert!(
        done.contains("What Crossplane has made is deleted first"),
        "{done}"
    );
    teams.in_order(&["patch/databases", "delete/databases", "DeleteCluster"]);
    teams.in_order(&["delete/buckets", "DeleteCluster"]);
    let left = teams.server.resources();
    assert!(left.is_empty(), "{left:#?}");
}

/// What is there for a while only leaves nothing, and asks nobody.
#[test]
fn a_stack_with_an_end_leaves_nothing() {
    let teams = Teams::new("ttl = \"8h\"");
    teams.run(&["destroy", "-auto-approve"]).expect(0);
    teams.in_order(&["patch/databases", "delete/databases", "DeleteCluster"]);
}

/// Without the cluster's end the same, but that what is let go goes from the cluster, too: nobody is there to hold it.
#[test]
fn crossplane_alone_goes_when_what_it_made_is_settled() {
    for (fate, left_alone) in [("delete", false), ("orphan", true)] {
        let teams = Teams::new("");
        teams.write("", "");
        let apply = ["apply", "-auto-approve", "--allow-data-loss", "**"];
        let told = teams.run(&apply).expect(1).told();
        assert!(told.contains("--crossplane orphan"), "{told}");
        assert_eq!(teams.managed().len(), 5);
        teams
            .run(&[&apply[..], &["--crossplane", fate]].concat())
            .expect(0);
        assert!(teams.managed().is_empty());
        teams.in_order(&["delete/databases", "delete/providers"]);
        assert_eq!(
            teams.places(&["patch/instances"])[0].is_some(),
            left_alone,
            "{fate}"
        );
        teams.run(&["plan", "-detailed-exitcode"]).expect(0);
    }
}

/// On Azure a group takes along all that is in it: what is to stay needs the group to stay, and that is said before anything is begun.
#[test]
fn on_azure_what_is_let_go_keeps_its_group() {
    let teams = Teams::on("", on_azure(), &ON_AZURE);
    let groups = ["crossplane", "crossplane_databases"]
        .map(|name| format!("hardening.main.azurerm_resource_group.{name}"));
    let told = teams.run(&with("orphan")).expect(1).told();
    let told = told.replace(['│', '\n', ' '], "");
    assert!(told.contains("wouldnotstay"), "{told}");
    for group in &groups {
        assert!(told.contains(&format!("'{group}'")), "{group}: {told}");
    }
    assert!(told.contains("infrastaterm"), "{told}");
    assert_eq!(teams.managed().len(), ON_AZURE.len());

    let away: Vec<&str> = ["state", "rm"]
        .into_iter()
        .chain(groups.iter().map(String::as_str))
        .collect();
    teams.folder.run(&away).expect(0);
    teams.run(&with("orphan")).expect(0);
    let left = teams.server.resources();
    let left: Vec<String> = left.iter().map(Json::to_string).collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    for name in [
        "teams-main-crossplane\"",
        "teams-main-crossplane-databases\"",
    ] {
        assert!(left.iter().any(|l| l.contains(name)), "{name}: {left:#?}");
    }
}

/// What Azure has no protection for is deleted once its composite says that it may be, and not before.
#[test]
fn on_azure_a_destroy_deletes_it_first() {
    let teams = Teams::on("", on_azure(), &ON_AZURE);
    teams.run(&with("delete")).expect(0);
    teams.in_order(&["patch/databases", "delete/databases"]);
    let left = teams.server.resources();
    assert!(left.is_empty(), "{left:#?}");
}
