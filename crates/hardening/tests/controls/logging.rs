//! `logging`.

use crate::alternatives::{on, values};
use crate::fixture::{comes_after, node, object, readable, shop, with};
use crate::kube::process::tool;
use serde_json::json;
use std::process::Command;

#[test]
fn loki_with_alloy() {
    let inputs = with(shop(), json!({ "logging": { "bucket": "logs" } }));
    let expansion = on("aws").harden(&["monitoring", "logging"], inputs);
    insta::assert_snapshot!(readable(&on("aws").harden(
        &["logging"],
        with(shop(), json!({ "logging": { "bucket": "logs" } }))
    )));
    // Grafana asks for the logs of every team.
    let source = object(&expansion, "configmap_monitoring_datasource_loki");
    let text = source["data"]["loki.yaml"].as_str().expect("a data source");
    assert!(text.contains("platform|shop"), "{text}");
    assert!(comes_after(
        &expansion,
        "helm_release.alloy",
        "helm_release.loki"
    ));
}

#[test]
fn loki_keeps_logs_in_the_bucket_of_each_cloud() {
    for (cloud, kind) in [("aws", "s3"), ("google", "gcs"), ("azure", "azure")] {
        let inputs = with(
            shop(),
            json!({ "logging": { "bucket": "logs", "retention_days": 10 } }),
        );
        let expansion = on(cloud).harden(&["logging"], inputs);
        let values = &node(&expansion, "helm_release.loki")["values"]["loki"];
        let storage = &values["storage"];
        assert_eq!(storage["type"], kind);
        for part in ["chunks", "ruler", "admin"] {
            assert_eq!(storage["bucketNames"][part], "${bucket.logs.container}");
        }
        // https://github.com/grafana/loki/blob/main/production/helm/loki/templates/_helpers.tpl
        let account = match cloud {
            "azure" => json!("${bucket.logs.name}"),
            _ => json!(null),
        };
        assert_eq!(storage["azure"]["accountName"], account);
        assert_eq!(values["schemaConfig"]["configs"][0]["object_store"], kind);
        assert_eq!(values["limits_config"]["retention_period"], "240h");
    }
}

#[test]
fn elasticsearch_kibana_and_filebeat() {
    let inputs = with(
        shop(),
        json!({ "logging": { "engine": "elk", "retention_days": 7 } }),
    );
    let expansion = on("aws").harden(&["logging"], inputs);
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn alloy_reads_no_files_of_nodes_and_runs_as_nobody() {
    let inputs = with(shop(), json!({ "logging": { "bucket": "logs" } }));
    let expansion = on("aws").harden(&["logging"], inputs);
    let values = values(&expansion, "alloy");
    assert_eq!(values["alloy"]["mounts"]["varlog"], false);
    assert_eq!(values["alloy"]["securityContext"]["runAsNonRoot"], true);
}

/// Alloy's own parser and formatter. (Loki's checker is not built: it comes under the AGPL.)
#[test]
fn alloy_understands_its_configuration() {
    let Some(check) = tool("alloy-check", "alloy_understands_its_configuration") else {
        return;
    };
    let inputs = with(shop(), json!({ "logging": { "bucket": "logs" } }));
    let expansion = on("aws").harden(&["logging"], inputs);
    let values = values(&expansion, "alloy");
    let written = values["alloy"]["configMap"]["content"].as_str();
    let written = written.expect("a configuration");
    let dir = tempfile::tempdir().expect("a scratch folder");
    let judged = |text: &str| {
        let file = dir.path().join("config.alloy");
        std::fs::write(&file, text).expect("written");
        let output = Command::new(&check).arg(&file).output();
        let output = output.expect("the checker runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), told)
    };
    assert_eq!(judged(written), (true, String::new()));
    assert!(written.contains("replacement   = \"shop\""), "{written}");
    let broken = written.replacen("targets    =", "targets", 1);
    let (passes, told) = judged(&broken);
    assert!(!passes && told.contains("config.alloy"), "{told}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |logging: serde_json::Value| {
        on("aws").refused(&["logging"], with(shop(), json!({ "logging": logging })))
    };
    let all = [
        refused(json!({})),
        refused(json!({ "bucket": "nowhere" })),
        refused(json!({ "engine": "elastic" })),
        refused(json!({ "bucket": "logs", "retention_days": 0 })),
        refused(json!({ "bucket": "logs", "replicas": 0 })),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
