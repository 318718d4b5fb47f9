//! The inside of clusters in Microsoft's other clouds: who must know which it is, is told.

use crate::support::Stack;

const STACK: &str = r#"
[stack]
name = "shop"

[clouds.azure]
environment = "ENVIRONMENT"
location    = "LOCATION"

[network.main]
cloud = "azure"

[cluster.main]
network    = "main"
kubernetes = "1.34"
[cluster.main.pools.general]
size = "large"
min  = 3
max  = 6

[registry.app]
cloud         = "azure"
force_destroy = true

[bucket.backups]
cloud         = "azure"
force_destroy = true

[database.orders]
network = "main"
engine  = "postgres"
version = "17"
size    = "small"

[hardening.main]
cluster = "main"
profile = ["network", "secrets", "logging", "policy", "supply_chain", "crossplane", "ci"]
[hardening.main.secrets]
engine = "vault"
vault  = { recovery_recipients = ["bWlu", "bWFj"], recovery_threshold = 2, bucket = "backups" }
[hardening.main.logging]
bucket = "backups"
[hardening.main.policy]
registries = ["ghcr.io/acme/"]
[hardening.main.supply_chain]
verifier   = "VERIFIER"
identities = [{ issuer = "https://gitlab.com", subject = "ci" }]
[hardening.main.ci]
repository = "acme/shop"
registry   = "app"
[hardening.main.apps.shop]
team = "shop"
[hardening.main.apps.shop.services.back]
port = 8000
to   = ["database.orders"]
"#;

/// What only public Azure has.
const PUBLIC: [&str; 7] = [
    "AzurePublicCloud",
    "\"PublicCloud\"",
    "AzureGlobal",
    "vault.azure.net",
    "core.windows.net",
    "azurecr.io",
    "postgres.database.azure.com",
];

#[test]
fn each_azure_is_told_to_who_must_know_it() {
    for (environment, location, words) in [
        (
            "usgovernment",
            "usgovvirginia",
            [
                // Vault's seal, and the login of Kyverno to registries.
                "environment = \\\"AzureUSGovernmentCloud\\\"",
                "{\"name\":\"AZURE_ENVIRONMENT\",\"value\":\"AzureUSGovernmentCloud\"}",
                // External Secrets, Loki, Crossplane.
                "\"environmentType\":\"USGovernmentCloud\"",
                "\"environment\":\"AzureUSGovernment\"",
                "\"environment\":\"usgovernment\"",
                // The job that brings snapshots of Vault to a bucket, and pipelines.
                "endpoint=blob.core.usgovcloudapi.net:",
                "\"api://AzureADTokenExchangeUSGov\"",
            ],
        ),
        (
            "china",
            "chinanorth3",
            [
                "environment = \\\"AzureChinaCloud\\\"",
                "{\"name\":\"AZURE_ENVIRONMENT\",\"value\":\"AzureChinaCloud\"}",
                "\"environmentType\":\"ChinaCloud\"",
                "\"environment\":\"AzureChinaCloud\"",
                "\"environment\":\"china\"",
                "endpoint=blob.core.chinacloudapi.cn:",
                "\"api://AzureADTokenExchangeChina\"",
            ],
        ),
    ] {
        let stack = Stack::sandboxed();
        let text = STACK
            .replace("ENVIRONMENT", environment)
            .replace("LOCATION", location);
        stack.write(&text.replace("VERIFIER", "kyverno"));
        stack.run(&["apply", "-auto-approve"]).expect(0);
        let shown = stack
            .folder
            .run(&["show", "-json"])
            .expect(0)
            .json()
            .to_string();
        for word in words {
            assert!(shown.contains(word), "{environment}: {word}");
        }
        for word in PUBLIC {
            let around = shown
                .find(word)
                .map(|at| &shown[at.saturating_sub(200)..at]);
            assert_eq!(around, None, "{environment}: {word}");
        }
        // What reads tokens of pods asks for one audience, whichever Azure it is.
        assert!(shown.contains("\"api://AzureADTokenExchange\""));

        // Sigstore's own controller knows public Azure alone, and that is said.
        stack.write(&text.replace("VERIFIER", "policy-controller"));
        stack
            .run(&["plan"])
            .expect(0)
            .says(&["logs in to registries of public Azure alone"]);
    }
}
