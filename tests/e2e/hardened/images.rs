//! Images in the stack's own registry: what verifies and scans them is let in by the cloud, in the run that makes both.

use crate::support::{Folder, Server};

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.CLOUD]
WHERE

[network.main]
cloud = "CLOUD"

[cluster.main]
network    = "main"
kubernetes = "1.34"
[cluster.main.pools.general]
size = "large"
min  = 3
max  = 3

[registry.app]
cloud         = "CLOUD"
force_destroy = true

[hardening.main]
cluster = "main"
profile = ["network", "policy", "supply_chain"]
[hardening.main.policy]
registries = ["ghcr.io/acme/"]
[hardening.main.supply_chain]
identities = [{ issuer = "https://gitlab.com", subject = "ci" }]
"#;

/// Who reads.
const READERS: [&str; 3] = [
    "kyverno_admission_controller",
    "kyverno_reports_controller",
    "trivy_operator",
];

#[test]
fn images_are_read_by_identity_on_every_cloud() {
    for (cloud, region, given) in [
        (
            "aws",
            "region = \"eu-west-1\"",
            &["aws_eks_pod_identity_association", "aws_iam_role_policy"][..],
        ),
        (
            "google",
            "project = \"shop\"\nregion = \"europe-west1\"",
            &["google_artifact_registry_repository_iam_member"],
        ),
        (
            "azure",
            "location = \"westeurope\"",
            &[
                "azurerm_federated_identity_credential",
                "azurerm_role_assignment",
            ],
        ),
    ] {
        let folder = Folder::new();
        let server = Server::sandbox(&["--latency", "none"]);
        let stack = STACK.replace("CLOUD", cloud).replace("WHERE", region);
        folder.write("stacks/shop.toml", &stack);
        let flag = server.flag();
        folder.run(&["apply", "-auto-approve", &flag]).expect(0);
        let listed = folder.run(&["state", "list"]).expect(0).stdout;
        for reader in READERS {
            for type_name in given {
                let block = match *type_name {
                    "google_artifact_registry_repository_iam_member"
                    | "azurerm_role_assignment" => format!("{reader}_0"),
                    _ => reader.to_owned(),
                };
                let address = format!("hardening.main.{type_name}.{block}");
                assert!(listed.lines().any(|l| l == address), "{address}: {listed}");
            }
        }
        // What the clouds say of it is what was asked for.
        folder.run(&["plan", "-detailed-exitcode", &flag]).expect(0);
        // Without the registry nobody has anything to read.
        let (head, rest) = stack.split_once("[registry.app]").expect("a registry");
        let (_, rest) = rest.split_once("[hardening.main]").expect("a hardening");
        folder.write("stacks/shop.toml", &format!("{head}[hardening.main]{rest}"));
        folder.run(&["apply", "-auto-approve", &flag]).expect(0);
        let listed = folder.run(&["state", "list"]).expect(0).stdout;
        let given = |line: &str| {
            let reads = READERS.iter().any(|reader| line.contains(reader));
            reads && given.iter().any(|type_name| line.contains(type_name))
        };
        assert_eq!(listed.lines().find(|line| given(line)), None);
        let all = ["destroy", "-auto-approve", "--allow-data-loss", "**", &flag];
        folder.run(&all).expect(0);
    }
}
