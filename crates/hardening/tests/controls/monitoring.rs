//! `monitoring`: what is made, and how Prometheus' and Alertmanager's own programs judge it.

#[cfg(unix)]
mod alerts;

use crate::alternatives::{on, values, with_database};
use crate::fixture::{comes_after, node, object, readable, shop, with};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

fn hardened(controls: &[&str], monitoring: Json) -> Expansion {
    on("aws").harden(
        controls,
        with(with_database(), json!({ "monitoring": monitoring })),
    )
}

#[test]
fn prometheus_alertmanager_and_grafana() {
    let inputs = with(
        shop(),
        json!({ "monitoring": { "slack_webhook": "?", "slack_channel": "#ops" } }),
    );
    insta::assert_snapshot!(readable(&on("aws").harden(&["monitoring"], inputs)));
}

#[test]
fn the_webhook_stands_in_a_secret_and_nowhere_else() {
    let expansion = hardened(&["monitoring"], json!({ "slack_webhook": "?" }));
    let with_it: Vec<String> = expansion
        .blocks
        .iter()
        .filter(|b| b.body.to_string().contains("slack_webhook"))
        .map(|b| b.type_name.to_string())
        .collect();
    assert_eq!(with_it, ["kubernetes_secret"]);
}

#[test]
fn rules_and_monitors_of_everybody_are_seen() {
    let expansion = hardened(&["monitoring"], json!({}));
    let spec = &node(&expansion, "helm_release.kube_prometheus_stack")["values"]["prometheus"]["prometheusSpec"];
    for kind in [
        "rule",
        "serviceMonitor",
        "podMonitor",
        "probe",
        "scrapeConfig",
    ] {
        assert_eq!(
            spec[format!("{kind}SelectorNilUsesHelmValues")],
            false,
            "{kind}"
        );
    }
    let tls = hardened(&["tls", "monitoring"], json!({}));
    let monitor = object(&tls, "podmonitor_cert_manager_controller_9402");
    assert_eq!(
        monitor["spec"]["podMetricsEndpoints"][0]["portNumber"],
        9402
    );
}

/// Grafana's account reads nobody's secrets: its data sources and dashboards are config maps where it
/// stands itself, which an app cannot make.
#[test]
fn grafana_reads_its_own_namespace_only() {
    let grafana = &values(
        &hardened(&["monitoring"], json!({})),
        "kube_prometheus_stack",
    )["grafana"];
    assert_eq!(grafana["rbac"]["namespaced"], true);
    for part in ["dashboards", "datasources"] {
        let sidecar = &grafana["sidecar"][part];
        assert_eq!(sidecar["searchNamespace"], "monitoring", "{part}");
        assert_eq!(sidecar["resource"], "configmap", "{part}");
    }
    // What is to be shown is there.
    for (_, expansion) in crate::alternatives::all() {
        for made in crate::alternatives::objects(&expansion) {
            let labels = &made["metadata"]["labels"];
            if labels["grafana_dashboard"] == "1" || labels["grafana_datasource"] == "1" {
                assert_eq!(made["kind"], "ConfigMap");
                assert_eq!(made["metadata"]["namespace"], "monitoring");
            }
        }
    }
}

/// What cert-manager tells of a certificate names the certificate's namespace; what an app tells is the app's own, whatever it says.
#[test]
fn only_the_platform_speaks_for_others() {
    let mut inputs = with_database();
    inputs["apps"]["shop"]["services"]["front"]["metrics"] = json!("/metrics");
    let expansion = on("aws").harden(&["tls", "database", "monitoring"], inputs);
    let mut seen = [0, 0];
    for made in crate::alternatives::objects(&expansion) {
        if made["kind"] != "PodMonitor" {
            continue;
        }
        let app = made["metadata"]["namespace"] == "shop";
        seen[usize::from(app)] += 1;
        let endpoint = &made["spec"]["podMetricsEndpoints"][0];
        assert_eq!(endpoint["honorLabels"], !app, "{}", made["metadata"]);
    }
    assert!(seen[0] > 2 && seen[1] > 2, "{seen:?}");
}

/// It listens by TLS only, and tells Prometheus' format when it is asked for it.
#[test]
fn vault_is_asked_by_its_certificate() {
    let inputs =
        json!({ "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["bQ=="] } } });
    let expansion = on("aws").harden(&["tls", "secrets", "monitoring"], inputs);
    let all = crate::alternatives::objects(&expansion);
    let monitor = all.iter().find(|made| {
        made["kind"] == "PodMonitor" && made["spec"]["podMetricsEndpoints"][0]["portNumber"] == 8200
    });
    let endpoint = &monitor.expect("Vault is looked at")["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["scheme"], "https");
    assert_eq!(endpoint["params"]["format"], json!(["prometheus"]));
    let certificate = node(&expansion, "tls_self_signed_cert.vault");
    let names = certificate["dns_names"].as_array().expect("names");
    assert!(
        names.contains(&endpoint["tlsConfig"]["serverName"]),
        "{names:?}"
    );
}

/// Its webhook's certificate is one of cert-manager's, which judges it.
#[test]
fn certificates_of_its_own_come_when_somebody_issues_them() {
    let stack = "helm_release.kube_prometheus_stack";
    let expansion = hardened(&["tls", "monitoring"], json!({}));
    for earlier in ["kubernetes_crds.cert_manager", "helm_release.cert_manager"] {
        assert!(comes_after(&expansion, stack, earlier), "{earlier}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |monitoring: Json| {
        on("aws").refused(
            &["monitoring"],
            with(shop(), json!({ "monitoring": monitoring })),
        )
    };
    let all = [
        refused(json!({ "error_rate": 2 })),
        refused(json!({ "latency_ms": 0 })),
        refused(json!({ "replicas": 0 })),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[cfg(unix)]
mod judged {
    use super::*;
    use crate::kube::tool;
    use std::path::Path;
    use std::process::Command;

    pub(super) fn run(program: &Path, arguments: &[&str], dir: &Path) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(dir)
            .output()
            .expect("the program runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        told
    }

    #[test]
    fn alertmanager_accepts_its_configuration() {
        let Some(amtool) = tool("amtool", "alertmanager_accepts_its_configuration") else {
            return;
        };
        for monitoring in [
            json!({}),
            json!({ "slack_webhook": "?" }),
            json!({ "slack_webhook": "?", "slack_channel": "#ops" }),
        ] {
            let expansion = hardened(&["monitoring"], monitoring);
            let config =
                values(&expansion, "kube_prometheus_stack")["alertmanager"]["config"].clone();
            let dir = tempfile::tempdir().expect("a scratch folder");
            std::fs::write(dir.path().join("alertmanager.yml"), config.to_string())
                .expect("written");
            let told = run(&amtool, &["check-config", "alertmanager.yml"], dir.path());
            assert!(told.contains("SUCCESS"), "{told}");
            let receiver = config["route"]["receiver"].as_str().expect("a receiver");
            let critical = run(
                &amtool,
                &[
                    "config",
                    "routes",
                    "test",
                    "--config.file=alertmanager.yml",
                    "severity=critical",
                ],
                dir.path(),
            );
            assert_eq!(critical.trim(), receiver);
            let watchdog = run(
                &amtool,
                &[
                    "config",
                    "routes",
                    "test",
                    "--config.file=alertmanager.yml",
                    "alertname=Watchdog",
                ],
                dir.path(),
            );
            assert_eq!(watchdog.trim(), "nobody");
        }
    }
}
