//! Load balancers on Google Cloud: who reaches them, from the internet by a Cloud Armor policy and from their network by proxies in it.

use crate::support::Stack;

/// A cluster with two load balancers, the first of which lets `from` in.
fn stack(from: &str) -> String {
    format!(
        r#"
[stack]
name = "shop"

[clouds.google]
region = "europe-west1"

[network.main]
cloud = "google"

[cluster.main]
network    = "main"
kubernetes = "1.34"
api        = {{ public_from = [] }}

[cluster.main.pools.general]
size = "small"
min  = 1
max  = 2

[load_balancer.web]
network = "main"
listen  = {{ port = 80, protocol = "http" }}
target  = {{ cluster = "main", node_port = 30080 }}
{from}

[load_balancer.orders]
network  = "main"
internal = true
listen   = [
  {{ port = 8080, protocol = "http" }},
  {{ port = 443, protocol = "https", certificate = {{ id = "//certificatemanager.googleapis.com/projects/sandbox-project/locations/global/certificates/orders" }} }},
]
target = {{ cluster = "main", node_port = 30081 }}

[load_balancer.queue]
kind     = "network"
network  = "main"
internal = true
listen   = {{ port = 5672, protocol = "tcp" }}
target   = {{ cluster = "main", node_port = 30082 }}

[outputs.orders]
value = "${{load_balancer.orders.dns_name}}"
"#
    )
}

impl Stack {
    fn become_from(&self, from: &str) -> String {
        self.write(&stack(from));
        let told = self.run(&["apply", "-auto-approve"]);
        let told = told.expect(0).stdout.clone();
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        told
    }

    /// How often a method of Compute was called.
    fn calls(&self, operation: &str) -> usize {
        let requests = self.server.get("/_sandbox/requests");
        let all = requests.as_array().expect("a list").iter();
        all.filter(|one| one["operation"] == operation).count()
    }

    fn made(&self, of_type: &str) -> usize {
        let all = self.server.resources();
        all.iter().filter(|one| one["type"] == of_type).count()
    }
}

const POLICY: &str = "google_compute_security_policy";

#[test]
fn a_load_balancer_lets_in_whom_it_is_told_to() {
    let shop = Stack::sandboxed();
    let twelve: Vec<String> = (0..12).map(|n| format!("\"198.51.{n}.0/24\"")).collect();
    shop.become_from(&format!("from = [{}]", twelve.join(", ")));
    assert_eq!(shop.made(POLICY), 1);
    assert_eq!(shop.calls("backendServices.setSecurityPolicy"), 1);
    // The network's own addresses are what the internal one answers at.
    let told = shop.folder.run(&["output", "-json"]).expect(0).json();
    let address = told["orders"]["value"].as_str().expect("an address");
    assert!(address.starts_with("10.0.0."), "{address}");

    // Fewer ranges: the policy stays, and its rules change.
    shop.become_from("from = [\"203.0.113.0/24\"]");
    assert_eq!(shop.calls("securityPolicies.patchRule"), 1);
    assert_eq!(shop.calls("securityPolicies.removeRule"), 1);
    // Nobody.
    shop.become_from("from = []");
    assert_eq!(shop.calls("securityPolicies.removeRule"), 2);
    assert_eq!(shop.calls("securityPolicies.insert"), 1);
    // Everybody: the policy is let go of before it goes.
    shop.become_from("");
    assert_eq!(shop.made(POLICY), 0);
    assert_eq!(shop.calls("backendServices.setSecurityPolicy"), 2);
    shop.run(&["destroy", "-auto-approve"]).expect(0);
    assert_eq!(shop.server.resources().len(), 0);
}
