//! `database`.

use crate::alternatives::{on, with_database};
use crate::fixture::{comes_after, node, nodes, object, readable, with};
use crate::reach::{End, reaches};
use serde_json::{Value as Json, json};

#[test]
fn a_database_by_cloudnative_pg() {
    let expansion = on("aws").harden(&["tls", "database"], with_database());
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn a_database_by_zalando() {
    let mut inputs = with(
        with_database(),
        json!({ "database": { "operator": "zalando" } }),
    );
    inputs["apps"]["shop"]["pod_security"] = json!("baseline");
    let expansion = on("google").harden(&["database"], inputs);
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn archives_are_reached_by_identity_and_each_life_has_its_own() {
    for (cloud, credentials, scheme) in [
        (
            "aws",
            "s3Credentials",
            "s3://${bucket.backups.name}/postgres/shop",
        ),
        (
            "google",
            "googleCredentials",
            "gs://${bucket.backups.name}/postgres/shop",
        ),
        (
            "azure",
            "azureCredentials",
            "${bucket.backups.url}/postgres/shop",
        ),
    ] {
        let expansion = on(cloud).harden(&["tls", "database"], with_database());
        let store = object(&expansion, "objectstore_shop_postgres_archive");
        let configuration = &store["spec"]["configuration"];
        assert_eq!(configuration["destinationPath"], scheme);
        assert!(configuration[credentials].is_object(), "{configuration}");
        let text = store.to_string();
        assert!(
            !text.contains("secretAccessKey") && !text.contains("storageKey"),
            "{text}"
        );
        let cluster = object(&expansion, "cluster_shop_postgres");
        let parameters = &cluster["spec"]["plugins"][0]["parameters"];
        assert_eq!(
            parameters["serverName"],
            "postgres-${random_id.shop_postgres_life.hex}"
        );
        assert_eq!(cluster["spec"]["storage"]["storageClass"], "database");
        assert_eq!(
            object(&expansion, "storageclass_database")["reclaimPolicy"],
            "Retain"
        );
    }
}

#[test]
fn instances_stand_apart_as_far_as_there_are_zones() {
    let apart = |instances: i64| {
        let mut inputs = with_database();
        inputs["apps"]["shop"]["postgres"]["instances"] = json!(instances);
        let expansion = on("aws").harden(&["tls", "database"], inputs);
        object(&expansion, "cluster_shop_postgres")["spec"]["affinity"]["podAntiAffinityType"]
            .clone()
    };
    assert_eq!(apart(2), "required");
    assert_eq!(apart(9), "preferred");
}

#[test]
fn nothing_is_made_before_what_it_needs() {
    let expansion = on("aws").harden(&["tls", "database"], with_database());
    let cluster = "kubernetes_manifest.cluster_shop_postgres";
    for earlier in [
        "kubernetes_crds.cloudnative_pg",
        "kubernetes_crds.barman_cloud",
        "helm_release.cloudnative_pg",
        "helm_release.plugin_barman_cloud",
        "helm_release.cert_manager",
        "kubernetes_manifest.objectstore_shop_postgres_archive",
        "kubernetes_manifest.storageclass_database",
    ] {
        assert!(comes_after(&expansion, cluster, earlier), "{earlier}");
    }
    let backup = "kubernetes_manifest.scheduledbackup_shop_postgres";
    assert!(comes_after(&expansion, backup, cluster));
    assert_eq!(
        node(&expansion, backup)["manifest"]["spec"]["method"],
        "plugin"
    );
}

#[test]
fn what_is_restored_is_a_valid_object_that_leaves_the_old_archive_alone() {
    let expansion = on("aws").harden(&["tls", "database"], with_database());
    let old = object(&expansion, "cluster_shop_postgres");
    let new = infra_hardening::restore(&old, "postgres-restored", Some("2026-01-31T12:00:00Z"))
        .expect("restored");
    let wrong = crate::schema::problems(&new);
    assert!(wrong.is_empty(), "{wrong:?}");
    let server = |plugin: &Json| plugin["parameters"]["serverName"].clone();
    let written = server(&new["spec"]["plugins"][0]);
    let read = server(&new["spec"]["externalClusters"][0]["plugin"]);
    assert_ne!(written, read);
    assert_eq!(read, server(&old["spec"]["plugins"][0]));
}

/// It reads the old one's archive by the old one's account, and nobody stands in the way.
#[test]
fn what_is_restored_reaches_what_the_old_one_reaches() {
    let controls = ["tls", "network", "database", "monitoring"];
    let expansion = on("aws").harden(&controls, with_database());
    let old = object(&expansion, "cluster_shop_postgres");
    let new = infra_hardening::restore(&old, "restored", None).expect("restored");
    let account = object(&expansion, "serviceaccount_shop_postgres_archive");
    for database in [&old, &new] {
        assert_eq!(
            database["spec"]["serviceAccountName"],
            account["metadata"]["name"]
        );
    }
    let association = node(&expansion, "aws_eks_pod_identity_association.shop_postgres");
    assert_eq!(association["service_account"], account["metadata"]["name"]);

    let mut policies: Vec<Json> = nodes(&expansion)
        .into_iter()
        .map(|(_, body)| body["manifest"].clone())
        .filter(|o| o["kind"] == "NetworkPolicy")
        .collect();
    let instance = |of: &str, name: &'static str| {
        let label = format!("cnpg.io/cluster={of}");
        End::pod(name, "shop", &[&label, "cnpg.io/podRole=instance"])
    };
    let (before, after) = (instance("postgres", "old"), instance("restored", "new"));
    let pod = |name, namespace, label: &str| End::pod(name, namespace, &[label]);
    let back = pod("back", "shop", "app=back");
    let front = pod("front", "shop", "app.kubernetes.io/name=front");
    let operator = pod(
        "operator",
        "cnpg-system",
        "app.kubernetes.io/name=cloudnative-pg",
    );
    let prometheus = pod(
        "prometheus",
        "monitoring",
        "app.kubernetes.io/name=prometheus",
    );
    let bucket = End::address("198.51.100.1");
    let agent = End::address("169.254.170.23");
    let matrix = |policies: &[Json], me: &End| {
        [
            reaches(policies, &back, me, "TCP", 5432),
            reaches(policies, &front, me, "TCP", 5432),
            reaches(policies, &operator, me, "TCP", 8000),
            reaches(policies, &prometheus, me, "TCP", 9187),
            reaches(policies, me, me, "TCP", 5432),
            reaches(policies, me, &bucket, "TCP", 443),
            reaches(policies, me, &agent, "TCP", 80),
        ]
    };
    let all = [true, false, true, true, true, true, true];
    assert_eq!(matrix(&policies, &before), all);
    assert_eq!(matrix(&policies, &after), [false; 7]);
    let more = infra_hardening::policies_of_restored(&policies, &old, "restored");
    for policy in &more {
        let wrong = crate::schema::problems(policy);
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    policies.extend(more);
    assert_eq!(matrix(&policies, &after), all);
    assert_eq!(matrix(&policies, &before), all);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |change: &dyn Fn(&mut Json)| {
        let mut inputs = with_database();
        change(&mut inputs);
        on("aws").refused(&["tls", "database"], inputs)
    };
    let all = [
        refused(&|i| i["database"] = json!({ "operator": "zalndo" })),
        refused(&|i| i["database"] = json!({ "operator": "zalando" })),
        refused(&|i| i["apps"]["shop"]["postgres"]["from"] = json!(["bak"])),
        refused(&|i| i["apps"]["shop"]["postgres"]["size"] = json!("tiny")),
        refused(&|i| i["apps"]["shop"]["postgres"]["version"] = json!("9.6")),
        refused(&|i| i["apps"]["shop"]["postgres"]["instances"] = json!(0)),
        refused(&|i| i["apps"]["shop"]["postgres"]["backup"] = json!({ "bucket": "nowhere" })),
        refused(&|i| i["apps"]["shop"]["postgres"]["backup"]["schedule"] = json!("0 2 * * *")),
        refused(&|i| i["apps"]["shop"]["postgres"]["backup"]["retention"] = json!("forever")),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn operators_alone_run_where_no_app_has_a_database() {
    let expansion = on("aws").harden(&["tls", "database"], crate::fixture::shop());
    assert!(nodes(&expansion).contains_key("helm_release.cloudnative_pg"));
    assert!(!nodes(&expansion).keys().any(|k| k.contains("cluster_shop")));
}

/// On EKS no class is the default: whatever claims a volume and names none would wait for ever.
#[test]
fn claims_that_name_no_class_have_an_encrypted_one() {
    let class = "kubernetes_manifest.storageclass_encrypted";
    for (name, expansion) in crate::alternatives::all() {
        let nodes = crate::fixture::nodes(&expansion);
        if !name.starts_with("aws") {
            // GKE's `standard-rwo` and AKS' `default` are: https://cloud.google.com/kubernetes-engine/docs/concepts/persistent-volumes
            assert!(!nodes.contains_key(class), "{name}");
            continue;
        }
        let made = object(&expansion, "storageclass_encrypted");
        let annotations = &made["metadata"]["annotations"];
        assert_eq!(
            annotations["storageclass.kubernetes.io/is-default-class"],
            "true"
        );
        assert_eq!(made["provisioner"], "ebs.csi.aws.com");
        assert_eq!(made["parameters"]["encrypted"], "true");
        assert_eq!(made["allowVolumeExpansion"], true);
        assert_eq!(made["volumeBindingMode"], "WaitForFirstConsumer");
        let mut after = 0;
        for (address, body) in &nodes {
            let kind = body["manifest"]["kind"].as_str().unwrap_or_default();
            let claims = ["Cluster", "Elasticsearch", "postgresql", "StatefulSet"];
            // What brings all others from a repository claims nothing.
            let bootstrap = ["argo_cd", "flux2"].iter().any(|c| address.ends_with(c));
            if !bootstrap && (address.starts_with("helm_release.") || claims.contains(&kind)) {
                assert!(comes_after(&expansion, address, class), "{name}: {address}");
                after += 1;
            }
        }
        assert!(after > 8, "{name}: {after}");
    }
}
