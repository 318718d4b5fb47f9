//! Copies for a drill: made from what the real one has, and in nobody's way.

use crate::alternatives::{CONTROLS, choices, on, with_database};
use crate::fixture::{node, nodes, object, with};
use crate::schema;
use infra_hardening::{Archived, Bucket, Origin, SealingKey};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const MOMENT: &str = "2026-01-31T12:00:00Z";

/// What the real stack has: objects as they were applied.
fn origin(cloud: &str, zalando: bool) -> Origin {
    let credentials = match cloud {
        "aws" => json!({ "inheritFromIAMRole": true }),
        "google" => json!({ "gkeEnvironment": true }),
        _ => json!({ "useDefaultAzureCredentials": true }),
    };
    let database = if zalando {
        json!({
            "apiVersion": "acid.zalan.do/v1", "kind": "postgresql",
            "metadata": { "name": "postgres", "namespace": "shop", "uid": "11-22" },
            "spec": { "env": [{ "name": "WAL_S3_BUCKET", "value": "real-backups" }] },
        })
    } else {
        json!({
            "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster",
            "metadata": { "name": "postgres", "namespace": "shop" },
            "spec": { "plugins": [{
                "name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": true,
                "parameters": { "barmanObjectName": "postgres-archive", "serverName": "postgres-real" },
            }] },
        })
    };
    let credential = format!("{}Credentials", if cloud == "aws" { "s3" } else { cloud });
    let archived = Archived {
        database,
        store: json!({ "spec": {
            "configuration": { "destinationPath": "s3://real-backups/postgres/shop", credential: credentials },
            "retentionPolicy": "14d",
        } }),
        bucket: Bucket {
            name: "real-backups".to_owned(),
            id: "/subscriptions/s/real".to_owned(),
            arn: "arn:aws:s3:::real-backups".to_owned(),
            key: "arn:aws:kms:eu-west-1:1:key/real".to_owned(),
        },
    };
    Origin {
        keys: ["first", "2026", "old", "new"]
            .map(|name| (name.to_owned(), SealingKey(format!("the real {name}"))))
            .into(),
        archives: [("shop".to_owned(), archived)].into(),
        registries: Vec::new(),
        moment: Some(MOMENT.to_owned()),
    }
}

fn made(cloud: &str, zalando: bool, profile: &[&str], inputs: Json) -> Expansion {
    let expansion = on(cloud).beside(origin(cloud, zalando), profile, inputs);
    let expansion = expansion.expect("a copy");
    schema::check(&expansion);
    expansion
}

/// Whatever the stack says, a copy tells nobody, changes nothing outside of itself, and writes to no repository.
#[test]
fn a_copy_is_in_nobodys_way() {
    for cloud in ["aws", "google", "azure"] {
        for (choice, (_, more)) in choices().into_iter().enumerate() {
            if choice == 1 && cloud == "azure" {
                continue;
            }
            let mut inputs = with(with_database(), more);
            inputs["delivery"] = json!("gitops");
            inputs["tls"] = json!({ "issuer": "letsencrypt", "dns": { "zone": "Z1" } });
            inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["203.0.113.0/24:443"]);
            inputs["override"] = json!({ "kubernetes_config_repository": { "branch": "main" } });
            let zalando = choice == 1;
            if zalando {
                inputs["apps"]["shop"]["pod_security"] = json!("baseline");
            } else {
                inputs["secrets"]["certificate_file"] = json!("sealing.pem");
            }
            let copy = made(cloud, zalando, CONTROLS, inputs);
            let nodes = nodes(&copy);
            for address in nodes.keys() {
                for kind in [
                    "kubernetes_config_repository.",
                    "aws_route53_record.",
                    "google_dns_record_set.",
                    "azurerm_dns_a_record.",
                    "local_file.",
                    "tls_private_key.sealing",
                    "aws_secretsmanager_secret.sealing",
                    "google_secret_manager_secret.sealing",
                    "azurerm_key_vault_secret.sealing",
                ] {
                    assert!(!address.starts_with(kind), "{address}");
                }
            }
            let made = |n: &(&String, &Json)| !n.0.starts_with("kubernetes_crds.");
            for (address, body) in nodes.iter().filter(made) {
                let text = body.to_string();
                for words in [
                    "letsencrypt.org",
                    "hooks.slack.com",
                    "ImageUpdateAutomation",
                    "203.0.113.0",
                ] {
                    assert!(!text.contains(words), "{cloud}, {address}: {words}");
                }
                // Crossplane would take over what teams have asked for.
                for right in [
                    "s3:*",
                    "rds:*",
                    "roles/storage.admin",
                    "roles/cloudsql.admin",
                    "Storage Account Contributor",
                ] {
                    assert!(!text.contains(right), "{cloud}, {address}: {right}");
                }
            }
        }
    }
}

#[test]
fn what_was_sealed_before_opens_in_a_copy() {
    let inputs = json!({ "secrets": { "keys": ["old", "new"] } });
    let copy = made("aws", false, &["secrets"], inputs.clone());
    for key in ["old", "new"] {
        let secret = node(&copy, &format!("kubernetes_secret.sealing_{key}"));
        assert_eq!(secret["data"]["tls.key"], format!("the real {key}"));
        let labels = &secret["metadata"]["labels"];
        assert_eq!(
            labels["sealedsecrets.bitnami.com/sealed-secrets-key"],
            "active"
        );
    }
    let mut without = origin("aws", false);
    without.keys.remove("old");
    let refused = on("aws").beside(without, &["secrets"], inputs);
    let told = crate::expansions::told(&refused.expect_err("no key"));
    assert!(
        told.contains("the sealing key `old` was not found"),
        "{told}"
    );
}

/// It reads the real archive, by a right to read that is its own, and writes to a bucket of its own.
#[test]
fn a_copys_database_begins_as_the_real_one_was() {
    for (cloud, right, what) in [
        (
            "aws",
            "aws_iam_role_policy.shop_postgres",
            "arn:aws:s3:::real-backups",
        ),
        (
            "google",
            "google_storage_bucket_iam_member.shop_postgres_1",
            "roles/storage.objectViewer",
        ),
        (
            "azure",
            "azurerm_role_assignment.shop_postgres_1",
            "Storage Blob Data Reader",
        ),
    ] {
        let copy = made(cloud, false, &["tls", "database"], with_database());
        let spec = &object(&copy, "cluster_shop_postgres")["spec"];
        assert_eq!(
            spec["bootstrap"]["recovery"]["recoveryTarget"]["targetTime"],
            MOMENT
        );
        assert_eq!(spec["bootstrap"]["initdb"], Json::Null);
        let from = &spec["externalClusters"][0]["plugin"]["parameters"];
        assert_eq!(
            from,
            &json!({ "barmanObjectName": "postgres-origin", "serverName": "postgres-real" })
        );
        let to = &spec["plugins"][0]["parameters"];
        assert_eq!(to["barmanObjectName"], "postgres-archive");
        assert_ne!(to["serverName"], from["serverName"]);
        let store = object(&copy, "objectstore_shop_postgres_origin");
        let path = &store["spec"]["configuration"]["destinationPath"];
        assert_eq!(path, "s3://real-backups/postgres/shop");
        // How long the real one's backups are kept is not for a copy to say.
        assert_eq!(store["spec"]["retentionPolicy"], Json::Null);
        let own = object(&copy, "objectstore_shop_postgres_archive");
        assert!(
            own["spec"]["configuration"]["destinationPath"]
                .to_string()
                .contains("bucket.backups")
        );
        let right = node(&copy, right).to_string();
        assert!(right.contains(what), "{cloud}: {right}");
        // On Google Cloud the same account would have the rights of the real one.
        assert_eq!(spec["serviceAccountName"], "postgres-archive-drill");
    }
    let copy = made("aws", false, &["tls", "database"], with_database());
    let policy = node(&copy, "aws_iam_role_policy.shop_postgres");
    let policy: Json =
        serde_json::from_str(policy["policy"].as_str().expect("text")).expect("JSON");
    for statement in policy["Statement"].as_array().expect("statements") {
        if statement["Resource"].to_string().contains("real") {
            for action in statement["Action"].as_array().expect("actions") {
                let reads = ["s3:Get", "s3:List", "kms:Decrypt"];
                let action = action.as_str().expect("text");
                assert!(reads.iter().any(|r| action.starts_with(r)), "{action}");
            }
        }
    }
}

#[test]
fn so_does_one_of_zalandos() {
    let mut inputs = with(
        with_database(),
        json!({ "database": { "operator": "zalando" } }),
    );
    inputs["apps"]["shop"]["pod_security"] = json!("baseline");
    let copy = made("aws", true, &["database"], inputs.clone());
    let spec = &object(&copy, "postgresql_shop_postgres")["spec"];
    let clone =
        json!({ "cluster": "postgres", "uid": "11-22", "timestamp": "2026-01-31T12:00:00+00:00" });
    assert_eq!(spec["clone"], clone);
    let value = |name: &str| {
        let mut all = spec["env"].as_array().expect("variables").iter();
        all.find(|v| v["name"] == name).expect("the variable")["value"].clone()
    };
    assert_eq!(value("CLONE_WAL_S3_BUCKET"), "real-backups");
    assert_eq!(value("WAL_S3_BUCKET"), "${bucket.backups.name}");
    let mut last = origin("aws", true);
    last.moment = None;
    let refused = on("aws").beside(last, &["database"], inputs);
    let told = crate::expansions::told(&refused.expect_err("no moment"));
    assert!(
        told.contains("as of a moment, and none was given"),
        "{told}"
    );
}

/// A database that has no archive begins empty.
#[test]
fn a_database_without_an_archive_begins_empty() {
    let copy = on("aws").beside(Origin::default(), &["tls", "database"], with_database());
    let copy = copy.expect("a copy");
    let spec = &object(&copy, "cluster_shop_postgres")["spec"];
    assert!(spec["bootstrap"]["initdb"].is_object());
    assert_eq!(spec["externalClusters"], Json::Null);
}
