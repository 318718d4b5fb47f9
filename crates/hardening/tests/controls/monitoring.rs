//! `monitoring`: what is made, and how Prometheus' and Alertmanager's own programs judge it.

use crate::alternatives::{objects, on, values, with_database};
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

    fn run(program: &Path, arguments: &[&str], dir: &Path) -> String {
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

    /// Twenty minutes of traffic to one service: so many requests a minute go well, so many fail.
    fn traffic(name: &str, good: Option<u32>, bad: Option<u32>, fires: bool) -> Json {
        let series = |class: &str, each: u32| {
            json!({
                "series": format!("envoy_cluster_upstream_rq_xx{{envoy_cluster_name=\"httproute/shop/front/rule/0\", envoy_response_code_class=\"{class}\"}}"),
                "values": format!("0+{each}x30"),
            })
        };
        let mut input = Vec::new();
        input.extend(good.map(|each| series("2", each)));
        input.extend(bad.map(|each| series("5", each)));
        let alerts = if fires {
            json!([{ "exp_labels": { "severity": "critical", "route_namespace": "shop", "route": "front" } }])
        } else {
            json!([])
        };
        json!({
            "name": name,
            "interval": "1m",
            "input_series": input,
            "alert_rule_test": [{ "eval_time": "20m", "alertname": "HighErrorRate", "exp_alerts": alerts }],
        })
    }

    #[test]
    fn alerts_fire_when_they_must_and_not_otherwise() {
        let Some(promtool) = tool("promtool", "alerts_fire_when_they_must_and_not_otherwise")
        else {
            return;
        };
        let expansion = hardened(&["tls", "database", "monitoring"], json!({}));
        let dir = tempfile::tempdir().expect("a scratch folder");
        let rules: Vec<Json> = objects(&expansion)
            .into_iter()
            .filter(|o| o["kind"] == "PrometheusRule")
            .collect();
        assert_eq!(rules.len(), 4);
        let mut files = Vec::new();
        for rule in &rules {
            let name = format!(
                "{}.yaml",
                rule["metadata"]["name"].as_str().expect("a name")
            );
            std::fs::write(dir.path().join(&name), rule["spec"].to_string()).expect("written");
            files.push(name);
        }
        let mut check = vec!["check", "rules"];
        check.extend(files.iter().map(String::as_str));
        let told = run(&promtool, &check, dir.path());
        assert!(
            told.contains("SUCCESS") && !told.contains("FAILED"),
            "{told}"
        );

        let mut errors = vec![
            traffic("1.1 % fail", Some(989), Some(11), true),
            traffic("0.9 % fail", Some(991), Some(9), false),
            traffic("nobody calls", Some(0), Some(0), false),
            traffic("never called", None, None, false),
            traffic("never failed", Some(1000), None, false),
            traffic("everything fails", None, Some(10), true),
        ];
        for test in &mut errors {
            // What an alert says has its own test.
            let all = test["name"] == "everything fails";
            for alert in test["alert_rule_test"][0]["exp_alerts"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                let share = if all { "100%" } else { "1.1%" };
                alert["exp_annotations"] = json!({
                    "summary": format!("{share} of the requests to shop/front fail, more than 1 %"),
                });
            }
        }
        errors.extend(others());
        let tests = json!({ "rule_files": files, "evaluation_interval": "1m", "tests": errors });
        std::fs::write(dir.path().join("tests.yaml"), tests.to_string()).expect("written");
        let told = run(&promtool, &["test", "rules", "tests.yaml"], dir.path());
        assert!(told.contains("SUCCESS"), "{told}");
    }

    /// A test of one alert at a moment: series, and whether it fires.
    fn one(alert: &str, at: &str, series: &[(&str, &str)], fires: Option<Json>) -> Json {
        let input: Vec<Json> = series
            .iter()
            .map(|(s, v)| json!({ "series": s, "values": v }))
            .collect();
        let expected = fires.map_or_else(|| json!([]), |f| json!([f]));
        json!({
            "name": format!("{alert} at {at}"),
            "interval": "1m",
            "input_series": input,
            "alert_rule_test": [{ "eval_time": at, "alertname": alert, "exp_alerts": expected }],
        })
    }

    fn others() -> Vec<Json> {
        let slow = |le: &str| {
            format!(
                "envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name=\"httproute/shop/front/rule/0\", le=\"{le}\"}}"
            )
        };
        let calls = "envoy_cluster_upstream_rq_xx{envoy_cluster_name=\"httproute/shop/front/rule/0\", envoy_response_code_class=\"2\"}";
        let backup = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{namespace=\"shop\", pod=\"postgres-1\"}";
        let expiry = "certmanager_certificate_expiration_timestamp_seconds{namespace=\"gateway\", name=\"shop\"}";
        let volume = |what: &str| {
            format!(
                "kubelet_volume_stats_{what}_bytes{{namespace=\"shop\", persistentvolumeclaim=\"data\"}}"
            )
        };
        let (available, capacity) = (volume("available"), volume("capacity"));
        vec![
            // Fast: everything within half a second.
            one(
                "HighLatency",
                "30m",
                &[
                    (calls, "0+100x60"),
                    (&slow("500"), "0+100x60"),
                    (&slow("2500"), "0+100x60"),
                    (&slow("+Inf"), "0+100x60"),
                ],
                None,
            ),
            // Slow: nothing within half a second, all within two and a half.
            one(
                "HighLatency",
                "30m",
                &[
                    (calls, "0+100x60"),
                    (&slow("500"), "0+0x60"),
                    (&slow("2500"), "0+100x60"),
                    (&slow("+Inf"), "0+100x60"),
                ],
                Some(json!({
                    "exp_labels": { "severity": "warning", "route_namespace": "shop", "route": "front" },
                    "exp_annotations": { "summary": "one request in a hundred to shop/front takes 2.48k ms, more than 1000" },
                })),
            ),
            // A backup of the hour 0, a day and a bit later.
            one("DatabaseBackupIsOld", "25h", &[(backup, "60+0x2000")], None),
            one(
                "DatabaseBackupIsOld",
                "27h",
                &[(backup, "60+0x2000")],
                Some(json!({
                    "exp_labels": { "severity": "critical", "namespace": "shop", "cluster": "postgres" },
                    "exp_annotations": { "summary": "the last backup of the database shop/postgres is 1d 2h 59m 0s old" },
                })),
            ),
            // Thirty days left, then ten.
            one(
                "CertificateExpires",
                "2h",
                &[(expiry, "2592000+0x200")],
                None,
            ),
            one(
                "CertificateExpires",
                "2h",
                &[(expiry, "871200+0x200")],
                Some(json!({
                    "exp_labels": { "severity": "critical", "namespace": "gateway", "name": "shop" },
                    "exp_annotations": { "summary": "the certificate gateway/shop expires in 10d 0h 0m 0s and was not renewed" },
                })),
            ),
            one(
                "VolumeFillsUp",
                "20m",
                &[(&available, "20+0x60"), (&capacity, "100+0x60")],
                None,
            ),
            one(
                "VolumeFillsUp",
                "20m",
                &[(&available, "5+0x60"), (&capacity, "100+0x60")],
                Some(json!({
                    "exp_labels": { "severity": "critical", "namespace": "shop", "persistentvolumeclaim": "data" },
                    "exp_annotations": { "summary": "the volume shop/data has 5% left" },
                })),
            ),
        ]
    }
}
