//! What somebody else changes between a plan and its application is a conflict that says so, never overwritten, and never blamed on infra.

use crate::support::{Folder, Ran, Server};
use serde_json::{Value as Json, json};

const COMPUTE: &str = "/compute/v1/projects/sandbox-project";

const STACK: &str = r#"
[stack]
name = "shared"

[variables.v]
type = "number"

[resource.google_compute_network.net]
name                    = "shared"
auto_create_subnetworks = false

[resource.google_compute_firewall.this]
name          = "shared"
network       = "${google_compute_network.net.id}"
source_ranges = ["10.0.0.0/8"]
priority      = "${1000 + var.v}"
allow         = [{ protocol = "tcp", ports = ["22"] }]

[resource.google_compute_subnetwork.this]
name          = "shared"
network       = "${google_compute_network.net.id}"
ip_cidr_range = "10.0.0.0/20"
log_config    = { flow_sampling = '${var.v == 1 ? 0.5 : 0.6}' }

[resource.google_compute_health_check.this]
name               = "shared"
check_interval_sec = "${10 + var.v}"
tcp_health_check   = { port = 80 }

[resource.google_compute_router.this]
name    = "shared"
network = "${google_compute_network.net.id}"
bgp     = { asn = "${64512 + var.v}" }

[resource.google_dns_managed_zone.zone]
name     = "shared"
dns_name = "shared.example.com."

[resource.google_dns_record_set.this]
managed_zone = "${google_dns_managed_zone.zone.name}"
name         = "www.shared.example.com."
type         = "A"
ttl          = "${300 + var.v}"
rrdatas      = ["203.0.113.1"]

[resource.google_secret_manager_secret.this]
secret_id   = "shared"
labels      = { a = "${var.v}" }
replication = { auto = {} }

[resource.google_storage_bucket.this]
name     = "shared-of-nobody-else"
location = "EU"
labels   = { a = "${var.v}" }

[resource.google_rest_resource.this]
collection = "https://compute.googleapis.com/compute/v1/projects/{project}/global/firewalls"
name       = "shared-rest"

[resource.google_rest_resource.this.body]
network      = "${google_compute_network.net.id}"
sourceRanges = ["10.0.0.0/8"]
allowed      = [{ IPProtocol = "tcp", ports = ["808${var.v}"] }]
"#;

struct Shared {
    server: Server,
    folder: Folder,
}

impl Shared {
    /// The stack, applied, and a plan of a change of everything.
    fn planned() -> Shared {
        let server = Server::sandbox(&["--latency", "none"]);
        let folder = Folder::new();
        folder.write("stacks/t.toml", STACK);
        let flag = server.flag();
        let apply = ["apply", "-auto-approve", "stacks/t.toml", "-var", "v=1"];
        folder.run(&[&apply[..], &[&flag]].concat()).expect(0);
        let plan = ["plan", "-out", "plan.bin", "stacks/t.toml", "-var", "v=2"];
        folder.run(&[&plan[..], &[&flag]].concat()).expect(0);
        Shared { server, folder }
    }

    /// Changes something behind the plan's back; what is there afterwards.
    fn change(&self, path: &str, fields: &Json) -> Json {
        let seen = self.server.ask_google("GET", path, &Json::Null);
        let mut body = fields.clone();
        if let Some(fingerprint) = seen.get("fingerprint") {
            body["fingerprint"] = fingerprint.clone();
        }
        let answer = self.server.ask_google("PATCH", path, &body);
        assert_eq!(answer.get("error"), None, "{path}: {answer}");
        self.look(path)
    }

    fn apply(&self) -> Ran {
        let flag = self.server.flag();
        self.folder.run(&["apply", "plan.bin", &flag]).expect(1)
    }

    fn look(&self, path: &str) -> Json {
        let path = path.split('?').next().unwrap_or(path);
        self.server.ask_google("GET", path, &Json::Null)
    }
}

#[test]
fn what_somebody_else_changed_is_not_overwritten() {
    let shared = Shared::planned();
    let network = "projects/sandbox-project/global/networks/shared";
    let cases = [
        (
            format!("{COMPUTE}/global/firewalls/shared"),
            json!({ "priority": 77 }),
            "`priority` of",
            "(planned with 1001; now 77)",
        ),
        (
            format!("{COMPUTE}/regions/europe-west1/subnetworks/shared"),
            json!({ "logConfig": { "enable": true, "flowSampling": 0.9 } }),
            "`log_config[0].flow_sampling` of",
            "(planned with 0.5; now 0.9)",
        ),
        (
            format!("{COMPUTE}/global/healthChecks/shared"),
            json!({ "checkIntervalSec": 99 }),
            "`check_interval_sec` of",
            "(planned with 11; now 99)",
        ),
        (
            format!("{COMPUTE}/regions/europe-west1/routers/shared"),
            json!({ "bgp": { "asn": 64999 } }),
            "`bgp[0].asn` of",
            "(planned with 64513; now 64999)",
        ),
        (
            "/dns/v1/projects/sandbox-project/managedZones/shared/rrsets/www.shared.example.com./A"
                .to_owned(),
            json!({ "name": "www.shared.example.com.", "type": "A", "ttl": 77, "rrdatas": ["203.0.113.1"] }),
            "`ttl` of",
            "(planned with 301; now 77)",
        ),
        (
            "/v1/projects/sandbox-project/secrets/shared?updateMask=labels".to_owned(),
            json!({ "labels": { "theirs": "1" } }),
            "`labels` of",
            r#"now {"theirs":"1"})"#,
        ),
        (
            "/storage/v1/b/shared-of-nobody-else".to_owned(),
            json!({ "labels": { "a": "77" } }),
            "`labels` of",
            r#"(planned with {"a":"1"}; now {"a":"77"})"#,
        ),
        (
            format!("{COMPUTE}/global/firewalls/shared-rest"),
            json!({ "network": network, "allowed": [{ "IPProtocol": "udp" }] }),
            "`body.allowed` of",
            "udp",
        ),
    ];
    let theirs: Vec<Json> = cases
        .iter()
        .map(|(path, fields, ..)| shared.change(path, fields))
        .collect();
    let refused = shared.apply();
    refused.says(&[
        "since this change was planned: nothing was overwritten; plan again",
        "help: see what has changed with `infra plan`, and apply that",
    ]);
    for (_, _, field, values) in &cases {
        refused.says(&[field, values]);
    }
    for ((path, ..), theirs) in cases.iter().zip(theirs) {
        assert_eq!(shared.look(path), theirs, "{path}");
    }
}

#[test]
fn what_somebody_else_changed_of_another_attribute_is_drift_and_no_bug() {
    let shared = Shared::planned();
    // With a fingerprint, with an etag, and with neither.
    let subnetwork = format!("{COMPUTE}/regions/europe-west1/subnetworks/shared");
    let check = format!("{COMPUTE}/global/healthChecks/shared");
    shared.change(
        &subnetwork,
        &json!({ "secondaryIpRanges": [{ "rangeName": "theirs", "ipCidrRange": "10.9.0.0/20" }] }),
    );
    shared.change(&check, &json!({ "description": "theirs" }));
    let secret = "/v1/projects/sandbox-project/secrets/shared";
    shared.change(
        &format!("{secret}?updateMask=annotations"),
        &json!({ "annotations": { "theirs": "1" } }),
    );
    let told = shared.apply();
    assert!(!told.told().contains("bug in the provider"), "{told:?}");
    told.says(&["somebody else has changed `description` meanwhile; what was planned is done"]);
    assert_eq!(shared.look(&check)["checkIntervalSec"], 12);
    assert_eq!(shared.look(&check)["description"], "theirs");
    assert_eq!(shared.look(secret)["labels"]["a"], "2");
    assert_eq!(shared.look(secret)["annotations"]["theirs"], "1");
    let sampled = &shared.look(&subnetwork)["logConfig"]["flowSampling"];
    assert_eq!(
        sampled,
        &json!(0.6),
        "a change of something else is no conflict"
    );
}

/// Attributes that are sent in a way of their own, and tags.
const AZURE: &str = r#"
[stack]
name = "shared"

[clouds.azure]
location = "westeurope"

[variables.v]
type = "number"

[resource.azurerm_resource_group.g]
name     = "shared"
location = "westeurope"

[resource.azurerm_storage_account.this]
name                     = "sharedbysome"
resource_group_name      = "${azurerm_resource_group.g.name}"
location                 = "westeurope"
account_tier             = "Standard"
account_replication_type = '${["LRS", "GRS", "RAGRS"][var.v - 1]}'

[resource.azurerm_virtual_network.this]
name                = "shared"
resource_group_name = "${azurerm_resource_group.g.name}"
location            = "westeurope"
address_space       = ["10.0.0.0/16"]
tags                = { v = "${var.v}" }
"#;

#[test]
fn on_azure_neither_tags_nor_kinds_of_storage_are_overwritten() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::new();
    folder.write("stacks/t.toml", AZURE);
    let flag = server.flag();
    let run = |folder: &Folder, command: &[&str], v: &str| {
        let v = format!("v={v}");
        folder.run(&[command, &["stacks/t.toml", "-var", &v, &flag]].concat())
    };
    run(&folder, &["apply", "-auto-approve"], "1").expect(0);
    run(&folder, &["plan", "-out", "plan.bin"], "2").expect(0);
    let somebody = folder.copy();
    let key = |folder: &Folder| folder.path().join(".config/infra/key");
    if key(&folder).exists() {
        std::fs::create_dir_all(somebody.path().join(".config/infra")).expect("a folder");
        std::fs::copy(key(&folder), key(&somebody)).expect("copied");
    }
    run(&somebody, &["apply", "-auto-approve"], "3").expect(0);
    let refused = folder.run(&["apply", "plan.bin", &flag]).expect(1);
    refused.says(&[
        "somebody else has changed `account_replication_type` of",
        "(planned with \"LRS\"; now \"RAGRS\")",
        "somebody else has changed `tags` of",
    ]);
    run(&somebody, &["plan", "-detailed-exitcode"], "3").expect(0);
}
