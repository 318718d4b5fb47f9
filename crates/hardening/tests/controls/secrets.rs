//! `secrets`.

use crate::fixture::{Fixture, comes_after, node, nodes, object, readable, shop, with};
use serde_json::json;

fn vault() -> serde_json::Value {
    json!({ "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["?", "bQ==", "cQ=="] } } })
}

#[test]
fn sealed_secrets_with_two_keys() {
    let inputs =
        json!({ "secrets": { "keys": ["2026", "2027"], "certificate_file": "sealing.pem" } });
    let expansion = Fixture::on("google").harden(&["secrets"], inputs);
    insta::assert_snapshot!(readable(&expansion));
}

/// Sealing works before the cluster exists, and with the newest key.
#[test]
fn keys_are_made_before_the_controller_and_none_by_it() {
    let inputs = json!({ "secrets": { "keys": ["old", "new"] } });
    let expansion = Fixture::new().harden(&["secrets"], inputs);
    for key in ["sealing_old", "sealing_new"] {
        assert!(comes_after(
            &expansion,
            "helm_release.sealed_secrets",
            &format!("kubernetes_secret.{key}")
        ));
        let secret = node(&expansion, &format!("kubernetes_secret.{key}"));
        assert_eq!(
            secret["metadata"]["labels"]["sealedsecrets.bitnami.com/sealed-secrets-key"],
            "active"
        );
        assert_eq!(
            secret["data"]["tls.key"],
            format!("${{tls_private_key.{key}.private_key_pem}}")
        );
    }
    let release = node(&expansion, "helm_release.sealed_secrets");
    assert_eq!(release["values"]["keyrenewperiod"], "0");
    assert_eq!(
        expansion.outputs["sealing_certificate"],
        "${tls_self_signed_cert.sealing_new.cert_pem}"
    );
    let key = node(&expansion, "tls_private_key.sealing_new");
    assert!(key["depends_on"].is_null(), "a key waits for no cluster");
}

/// Where cluster and state are lost, the keys are in the cloud's secret manager, and nobody else's.
#[test]
fn sealing_keys_stand_in_the_secret_manager_of_each_cloud() {
    let inputs = || json!({ "secrets": { "keys": ["old", "new"] } });
    for (cloud, of, field) in [
        ("aws", "aws_secretsmanager_secret_version", "secret_string"),
        (
            "google",
            "google_secret_manager_secret_version",
            "secret_data",
        ),
        ("azure", "azurerm_key_vault_secret", "value"),
    ] {
        let expansion = Fixture::on(cloud).harden(&["secrets"], inputs());
        for key in ["sealing_old", "sealing_new"] {
            assert_eq!(
                node(&expansion, &format!("{of}.{key}"))[field],
                format!("${{tls_private_key.{key}.private_key_pem}}"),
                "{cloud}"
            );
        }
        let vaults = nodes(&expansion);
        let vaults = vaults
            .keys()
            .filter(|a| a.starts_with("azurerm_key_vault."));
        assert_eq!(vaults.count(), usize::from(cloud == "azure"));
    }
}

/// The password of a managed database comes from the cloud's secret manager to those who call the database, and to nobody else.
#[test]
fn passwords_of_managed_databases_come_by_external_secrets() {
    for (cloud, service, grant) in [
        (
            "aws",
            "aws",
            "aws_iam_role_policy.external_secrets_database_orders",
        ),
        (
            "google",
            "gcpsm",
            "google_secret_manager_secret_iam_member.external_secrets_database_orders_0",
        ),
        (
            "azure",
            "azurekv",
            "azurerm_role_assignment.external_secrets_database_orders_0",
        ),
    ] {
        let mut inputs = shop();
        let none = crate::alternatives::on(cloud).harden(&["secrets"], inputs.clone());
        assert!(!nodes(&none).contains_key("helm_release.external_secrets"));

        inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["database.orders"]);
        inputs["apps"]["blog"] = json!({});
        let expansion = crate::alternatives::on(cloud).harden(&["secrets", "network"], inputs);
        let store = object(&expansion, "clustersecretstore_database_orders");
        assert!(store["spec"]["provider"][service].is_object(), "{store:#}");
        assert_eq!(
            store["spec"]["conditions"],
            json!([{ "namespaces": ["shop"] }])
        );
        let name = "externalsecret_shop_database_orders";
        let secret = object(&expansion, name);
        let data = &secret["spec"]["target"]["template"]["data"];
        assert_eq!(data["password"], "{{ .password }}");
        assert_eq!(data["host"], "${database.orders.address}");
        let secret = format!("kubernetes_manifest.{name}");
        let store = "kubernetes_manifest.clustersecretstore_database_orders";
        assert!(comes_after(&expansion, &secret, store), "{cloud}");
        assert!(comes_after(
            &expansion,
            store,
            "helm_release.external_secrets"
        ));
        assert!(comes_after(&expansion, store, grant), "{cloud}");
        let account = "serviceaccount_external_secrets_database_orders";
        let account = format!("kubernetes_manifest.{account}");
        assert!(comes_after(&expansion, store, &account), "{cloud}");
        let others = nodes(&expansion)
            .into_iter()
            .filter(|(a, _)| a.contains("externalsecret_"));
        assert_eq!(others.count(), 1, "only those who call it");
        insta::with_settings!({ snapshot_suffix => cloud }, {
            let role = "aws_iam_role.external_secrets_database_orders";
            let reaches = [role, grant, account.as_str(), store, &secret];
            let seen: Vec<_> = reaches
                .iter()
                .filter_map(|a| nodes(&expansion).remove(*a).map(|body| json!({ *a: body })))
                .collect();
            insta::assert_snapshot!(format!("{:#}", json!(seen)));
        });
    }
}

/// The controller may do nothing in the cloud; each store has an account that may do one thing. A store that names none reaches nothing.
#[test]
fn each_store_has_an_account_of_its_own() {
    for cloud in ["aws", "google", "azure"] {
        let mut inputs = with(shop(), vault());
        inputs["apps"]["shop"]["services"]["back"]["to"] =
            json!(["database.orders", "database.stock"]);
        let mut fixture = crate::alternatives::on(cloud);
        let stock = json!({ "network": "main", "engine": "postgres", "version": "17" });
        fixture.add("database", "stock", &stock);
        let expansion = fixture.harden(&["secrets", "network"], inputs);
        let mut accounts = std::collections::BTreeSet::new();
        let mut stores = 0;
        for (address, body) in nodes(&expansion) {
            let object = &body["manifest"];
            let kind = object["kind"].as_str().unwrap_or_default();
            if !["SecretStore", "ClusterSecretStore"].contains(&kind) || address.ends_with("_vault")
            {
                continue;
            }
            stores += 1;
            let provider = &object["spec"]["provider"];
            let account = match cloud {
                "aws" => provider.pointer("/aws/auth/jwt/serviceAccountRef"),
                "google" => provider.pointer("/gcpsm/auth/workloadIdentity/serviceAccountRef"),
                _ => provider.pointer("/azurekv/serviceAccountRef"),
            };
            let account = account.expect("an account");
            // One of a namespace uses those of its namespace; the other kind says which.
            assert_eq!(
                account["namespace"].is_string(),
                kind == "ClusterSecretStore"
            );
            accounts.insert(account["name"].to_string());
        }
        assert_eq!((stores, accounts.len()), (3, 3), "{cloud}");
        let release = node(&expansion, "helm_release.external_secrets");
        assert!(release["values"]["serviceAccount"].is_null(), "{release:#}");
        assert!(release["values"]["podLabels"].is_null(), "{release:#}");
        let all = nodes(&expansion);
        let controllers = all.values().map(ToString::to_string).filter(|body| {
            body.contains("sa/external-secrets\"")
                || body.contains("external-secrets:external-secrets\"")
                || body.contains("\"service_account\":\"external-secrets\"")
        });
        assert_eq!(
            controllers.count(),
            0,
            "{cloud}: the controller has no rights of its own"
        );
        // Each may do what its own store is for.
        let grants = match cloud {
            "aws" => "aws_iam_role_policy.external_secrets_database_orders",
            "google" => {
                "google_secret_manager_secret_iam_member.external_secrets_database_orders_0"
            }
            _ => "azurerm_role_assignment.external_secrets_database_orders_0",
        };
        let grant = node(&expansion, grants).to_string();
        assert!(
            grant.contains("database.orders") && !grant.contains("stock"),
            "{grant}"
        );
    }
}

/// On EKS a role trusts one account of the cluster, for the cloud's own audience; the agent of pods has nothing to do with it.
#[test]
fn roles_of_stores_trust_one_account() {
    let mut inputs = shop();
    inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["database.orders"]);
    let expansion = crate::alternatives::on("aws").harden(&["secrets", "network"], inputs);
    let role = node(&expansion, "aws_iam_role.external_secrets_database_orders");
    let trust = role["assume_role_policy"].as_str().expect("a policy");
    let trust: serde_json::Value = serde_json::from_str(trust).expect("JSON");
    let issuer = "${substr(cluster.main.oidc_issuer_url, 8, -1)}";
    let condition = json!({
        format!("{issuer}:aud"): "sts.amazonaws.com",
        format!("{issuer}:sub"): "system:serviceaccount:external-secrets:database-orders",
    });
    assert_eq!(
        trust["Statement"][0]["Condition"]["StringEquals"],
        condition
    );
    assert_eq!(
        trust["Statement"][0]["Principal"]["Federated"],
        "${cluster.main.oidc_provider_arn}"
    );
    let account = object(
        &expansion,
        "serviceaccount_external_secrets_database_orders",
    );
    assert_eq!(
        account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
        "${aws_iam_role.external_secrets_database_orders.arn}"
    );
    let policies = nodes(&expansion);
    let agent = policies
        .values()
        .filter(|b| b.to_string().contains("169.254.170.23"));
    assert_eq!(agent.count(), 0, "nobody asks the agent");
}

#[test]
fn vault_on_every_cloud() {
    for cloud in ["aws", "google", "azure"] {
        let expansion = Fixture::on(cloud).harden(&["secrets", "network"], with(shop(), vault()));
        let release = node(&expansion, "helm_release.vault");
        let raft = &release["values"]["server"]["ha"]["raft"];
        let seal = match cloud {
            "aws" => "seal \"awskms\"",
            "google" => "seal \"gcpckms\"",
            _ => "seal \"azurekeyvault\"",
        };
        let text = raft["config"].as_str().expect("text");
        assert!(
            text.contains(seal) && text.contains("tls_cert_file"),
            "{text}"
        );
        assert_eq!(release["wait"], false, "it is ready only after the job");
        let init = "kubernetes_manifest.job_vault_vault_init";
        assert!(comes_after(&expansion, init, "helm_release.vault"));
        assert!(comes_after(
            &expansion,
            "kubernetes_manifest.secretstore_shop_vault",
            init
        ));
        let identity = match cloud {
            "aws" => "aws_eks_pod_identity_association.vault",
            "google" => "google_kms_crypto_key_iam_member.vault_0",
            _ => "azurerm_federated_identity_credential.vault",
        };
        assert!(
            comes_after(&expansion, "helm_release.vault", identity),
            "{cloud}"
        );
    }
}

/// Where the recovery keys are kept on a cloud: the secret, what lets External Secrets write it, how a store reaches it, and its name there.
type Kept = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

const KEPT: &[Kept] = &[
    (
        "aws",
        "aws_secretsmanager_secret.vault_recovery",
        &["aws_iam_role_policy.external_secrets_vault_recovery"],
        "/aws/region",
        "${aws_secretsmanager_secret.vault_recovery.arn}",
    ),
    (
        "google",
        "google_secret_manager_secret.vault_recovery",
        &[
            "google_secret_manager_secret_iam_member.external_secrets_vault_recovery_0",
            "google_secret_manager_secret_iam_member.external_secrets_vault_recovery_0_1",
            "google_secret_manager_secret_iam_member.external_secrets_vault_recovery_0_2",
        ],
        "/gcpsm/projectID",
        "shop-main-vault-recovery-keys",
    ),
    (
        "azure",
        "azurerm_key_vault.vault_recovery",
        &["azurerm_role_assignment.external_secrets_vault_recovery_0"],
        "/azurekv/vaultUrl",
        "vault-recovery-keys",
    ),
];

/// The stack makes the secret without anything in it, External Secrets may write it and nothing else, and the apply waits until the keys are
/// there.
#[test]
fn recovery_keys_go_to_the_secret_manager_of_each_cloud() {
    for (cloud, secret, grants, place, key) in KEPT {
        let mut inputs = vault();
        // Nobody's tag takes the place of the one that External Secrets asks for.
        inputs["tags"] = json!({ "managed-by": "infra", "product": "shop" });
        let expansion = Fixture::on(cloud).harden(&["secrets", "network"], inputs);
        let made = node(&expansion, secret);
        let tag = match *cloud {
            "aws" => &made["tags"],
            "google" => &made["labels"],
            // Azure's is pushed with its tag.
            _ => &json!({ "managed-by": "external-secrets" }),
        };
        assert_eq!(tag["managed-by"], "external-secrets", "{made:#}");
        let held = nodes(&expansion).into_iter().filter(|(address, _)| {
            address.contains("_secret_version.") || address.contains("key_vault_secret.")
        });
        assert_eq!(held.count(), 0, "the stack puts nothing in it");

        let manager = object(&expansion, "secretstore_vault_recovery");
        let place = manager["spec"]["provider"].pointer(place);
        let place = place.and_then(serde_json::Value::as_str).expect("a place");
        assert!(place.contains(secret), "{place}");
        let name = "pushsecret_vault_vault_recovery_keys";
        let push = object(&expansion, name);
        let entry = &push["spec"]["data"][0];
        assert_eq!(entry["match"]["remoteRef"]["remoteKey"], *key);
        assert_eq!(push["spec"]["secretStoreRefs"][0]["name"], "recovery");
        let push = format!("kubernetes_manifest.{name}");
        let waits = &node(&expansion, &push)["wait"]["condition"][0];
        assert_eq!(*waits, json!({ "type": "Ready", "status": "True" }));
        for earlier in [
            "externalsecret_vault_vault_recovery_keys",
            "secretstore_vault_recovery",
            "job_vault_vault_init",
        ] {
            let earlier = format!("kubernetes_manifest.{earlier}");
            assert!(comes_after(&expansion, &push, &earlier), "{earlier}");
        }
        let seen = [*secret, push.as_str()];
        let seen = seen.iter().chain(*grants);
        let seen: Vec<_> = seen.map(|a| json!({ *a: node(&expansion, a) })).collect();
        insta::with_settings!({ snapshot_suffix => *cloud }, {
            insta::assert_snapshot!(format!("{:#}", json!(seen)));
        });
    }
}

/// A snapshot each night, brought to the bucket by a pod that may write there and take snapshots, and nothing else.
#[test]
fn snapshots_of_vault_go_to_a_bucket() {
    for cloud in ["aws", "google", "azure"] {
        let mut inputs = with(shop(), vault());
        inputs["secrets"]["vault"]["bucket"] = json!("backups");
        inputs["secrets"]["vault"]["snapshot_days"] = json!(7);
        let expansion = crate::alternatives::on(cloud).harden(&["secrets", "network"], inputs);
        let job = object(&expansion, "cronjob_vault_vault_snapshot");
        let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        let keep = &pod["containers"][0];
        let script = keep["command"][2].as_str().expect("a script");
        assert!(script.contains("--min-age 7d"), "{script}");
        let folder = keep["env"][0]["value"].as_str().expect("a folder");
        let expected = match cloud {
            "aws" => ":s3,provider=AWS,",
            "google" => ":gcs,",
            _ => ":azureblob,",
        };
        assert!(
            folder.starts_with(expected) && folder.ends_with("/vault"),
            "{folder}"
        );
        assert!(folder.contains("bucket.backups."), "{folder}");
        let job = "kubernetes_manifest.cronjob_vault_vault_snapshot";
        assert!(comes_after(
            &expansion,
            job,
            "kubernetes_manifest.job_vault_vault_init"
        ));
        let identity = match cloud {
            "aws" => "aws_eks_pod_identity_association.vault_snapshot",
            "google" => "google_storage_bucket_iam_member.vault_snapshot_0",
            _ => "azurerm_role_assignment.vault_snapshot_0",
        };
        assert!(comes_after(&expansion, job, identity), "{cloud}");
    }
    let none = Fixture::new().harden(&["secrets"], vault());
    assert!(!nodes(&none).keys().any(|a| a.contains("cronjob")));
}

#[test]
fn vault_on_aws_as_a_whole() {
    let expansion = Fixture::new().harden(&["secrets"], vault());
    insta::assert_snapshot!(readable(&expansion));
}

/// The job's script is as it is written: what looks like a template in it is the shell's.
#[test]
fn the_root_token_does_not_outlive_the_job() {
    let expansion = Fixture::new().harden(&["secrets"], vault());
    let job = object(&expansion, "job_vault_vault_init");
    let pod = &job["spec"]["template"]["spec"];
    let script = pod["containers"][0]["command"][2]
        .as_str()
        .expect("a script");
    assert!(
        script.trim_end().ends_with("end\nrm /work/init"),
        "{script}"
    );
    assert!(script.contains("-recovery-shares=3 -recovery-threshold=2 -recovery-pgp-keys=/recipients/0,/recipients/1,/recipients/2"));
    assert!(!script.contains("${"), "{script}");
    let work = &pod["volumes"][3]["emptyDir"]["medium"];
    assert_eq!(*work, "Memory");
    // A container that is started anew finds there what Vault answered, and goes on.
    assert_eq!(pod["restartPolicy"], "OnFailure");
    assert!(script.contains("> /work/init.part\n  mv /work/init.part /work/init"));
}

/// An app's namespace reads what stands under its own name, by a service account of its own.
#[test]
fn each_namespace_reads_its_own_part_of_vault() {
    let expansion = Fixture::new().harden(&["secrets"], with(shop(), vault()));
    let job = object(&expansion, "job_vault_vault_init").to_string();
    assert!(
        job.contains("metadata.service_account_namespace}}"),
        "{job}"
    );
    for namespace in ["shop", "vault"] {
        let store = object(&expansion, &format!("secretstore_{namespace}_vault"));
        let login = &store["spec"]["provider"]["vault"]["auth"]["kubernetes"];
        assert_eq!(login["role"], "namespace");
        assert_eq!(
            login["serviceAccountRef"],
            json!({ "name": "external-secrets", "audiences": ["vault"] })
        );
        let account = format!("serviceaccount_{namespace}_external_secrets");
        assert_eq!(
            object(&expansion, &account)["automountServiceAccountToken"],
            false
        );
    }
    let all = nodes(&expansion);
    assert!(
        !all.keys().any(|a| a.contains("clustersecretstore")),
        "nothing is open to all"
    );
    let keys = object(&expansion, "externalsecret_vault_vault_recovery_keys");
    assert_eq!(
        keys["spec"]["data"][0]["remoteRef"]["key"],
        "vault/recovery-keys"
    );
}

/// Nobody but External Secrets, the jobs and Vault itself talks to Vault.
#[test]
fn who_reaches_vault() {
    let mut inputs = with(shop(), vault());
    inputs["secrets"]["vault"]["bucket"] = json!("backups");
    let expansion = crate::alternatives::on("aws").harden(&["secrets", "network"], inputs);
    let all = nodes(&expansion)
        .into_iter()
        .map(|(_, body)| body["manifest"].clone());
    let policies: Vec<_> = all.filter(|o| o["kind"] == "NetworkPolicy").collect();
    let pod = crate::reach::End::pod;
    let vault = pod(
        "vault",
        "vault",
        &["app.kubernetes.io/name=vault", "component=server"],
    );
    for (from, allowed) in [
        (
            pod(
                "eso",
                "external-secrets",
                &["app.kubernetes.io/name=external-secrets"],
            ),
            true,
        ),
        (
            pod("init", "vault", &["app.kubernetes.io/name=vault-init"]),
            true,
        ),
        (
            pod(
                "snapshot",
                "vault",
                &["app.kubernetes.io/name=vault-snapshot"],
            ),
            true,
        ),
        (
            pod(
                "webhook",
                "external-secrets",
                &["app.kubernetes.io/name=external-secrets-webhook"],
            ),
            false,
        ),
        (
            pod("front", "shop", &["app.kubernetes.io/name=front"]),
            false,
        ),
    ] {
        assert_eq!(
            crate::reach::reaches(&policies, &from, &vault, "TCP", 8200),
            allowed,
            "{}",
            from.name()
        );
    }
    let agent = crate::reach::End::address("169.254.170.23");
    let metadata = crate::reach::End::address("169.254.169.254");
    assert!(crate::reach::reaches(&policies, &vault, &agent, "TCP", 80));
    assert!(!crate::reach::reaches(
        &policies, &vault, &metadata, "TCP", 80
    ));
}

#[test]
fn what_is_refused() {
    let one = Fixture::new().refused(&["secrets"], json!({ "secrets": { "engine": "valut" } }));
    let two = Fixture::new().refused(&["secrets"], json!({ "secrets": { "engine": "vault" } }));
    let inputs = json!({ "secrets": { "engine": "vault", "vault": { "replicas": 2, "recovery_threshold": 4, "recovery_recipients": ["?"] } } });
    let three = Fixture::new().refused(&["secrets"], inputs);
    let four = Fixture::new().refused(
        &["secrets"],
        json!({ "secrets": { "keys": ["A", "b", "b"] } }),
    );
    let inputs = json!({ "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["?"], "bucket": "nowhere", "snapshot_days": 0 } } });
    let five = Fixture::new().refused(&["secrets"], inputs);
    insta::assert_snapshot!([one, two, three, four, five].join("\n\n"));
}
