//! Every alert fires when it must and not otherwise, as Prometheus' own program judges it: with series that have the labels which the
//! exporters give them and those which our own scrapes add.

mod databases;

use super::judged::run;
use crate::alternatives::{objects, on, with_database};
use crate::fixture::with;
use crate::kube::tool;
use databases::{cloudnative_pg, patroni, snapshots};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Labels of a series.
type Labels<'a> = &'a [(&'a str, &'a str)];
/// A series, and its values as promtool writes them.
type Series = (String, String);

/// Who tells series: the labels that Prometheus gives the target, and whether it heeds what the series says about the same.
struct Exporter {
    target: BTreeMap<String, String>,
    honors: bool,
}

impl Exporter {
    /// A pod that one of our monitors finds.
    fn of(expansion: &Expansion, namespace: &str, monitor: &str, pod: &str) -> Exporter {
        let all = objects(expansion);
        let found = all.iter().find(|o| {
            let metadata = &o["metadata"];
            o["kind"] == "PodMonitor"
                && metadata["namespace"] == namespace
                && metadata["name"] == monitor
        });
        let found = found.unwrap_or_else(|| panic!("no monitor {namespace}/{monitor}"));
        let job = format!("{namespace}/{monitor}");
        let target = [
            ("namespace", namespace),
            ("pod", pod),
            ("container", "main"),
            ("job", job.as_str()),
            ("instance", "10.0.1.7:9000"),
        ];
        Exporter {
            target: owned(&target),
            honors: found["spec"]["podMetricsEndpoints"][0]["honorLabels"] == true,
        }
    }

    /// What comes with the chart, whose monitors of these two heed what they say (`honorLabels: true`).
    fn of_chart(job: &str) -> Exporter {
        let target = [
            ("namespace", "monitoring"),
            ("pod", "exporter-0"),
            ("container", "exporter"),
            ("job", job),
            ("service", "exporter"),
            ("instance", "10.0.1.8:8080"),
        ];
        Exporter {
            target: owned(&target),
            honors: true,
        }
    }

    /// A series as Prometheus keeps it.
    fn tells(&self, name: &str, labels: Labels<'_>, values: &str) -> Series {
        let mut all = self.target.clone();
        for (label, value) in labels {
            let taken = !self.honors && self.target.contains_key(*label);
            let label = if taken {
                format!("exported_{label}")
            } else {
                (*label).to_owned()
            };
            all.insert(label, (*value).to_owned());
        }
        let all: Vec<String> = all.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
        (format!("{name}{{{}}}", all.join(", ")), values.to_owned())
    }
}

fn owned(labels: Labels<'_>) -> BTreeMap<String, String> {
    let one = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    labels.iter().map(one).collect()
}

/// One alert at one moment: the series, and with which labels and words it fires, if it does.
struct Case {
    alert: &'static str,
    at: &'static str,
    series: Vec<Series>,
    fires: Option<(Json, &'static str)>,
}

fn fires(
    alert: &'static str,
    at: &'static str,
    series: Vec<Series>,
    labels: Json,
    words: &'static str,
) -> Case {
    Case {
        alert,
        at,
        series,
        fires: Some((labels, words)),
    }
}

fn quiet(alert: &'static str, at: &'static str, series: Vec<Series>) -> Case {
    Case {
        alert,
        at,
        series,
        fires: None,
    }
}

/// Judges the alerts of an expansion. Each has a case in which it fires, and one in which it does not.
fn judge(expansion: &Expansion, cases: &[Case], test: &str) {
    let Some(promtool) = tool("promtool", test) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a scratch folder");
    let mut files = Vec::new();
    let mut alerts = BTreeSet::new();
    for object in objects(expansion) {
        if object["kind"] != "PrometheusRule" {
            continue;
        }
        let name = object["metadata"]["name"].as_str().expect("a name");
        let file = format!("{name}.yaml");
        std::fs::write(dir.path().join(&file), object["spec"].to_string()).expect("written");
        files.push(file);
        let rules = object["spec"]["groups"][0]["rules"].as_array();
        let names = rules
            .expect("rules")
            .iter()
            .filter_map(|r| r["alert"].as_str());
        alerts.extend(names.map(str::to_owned));
    }
    let tried = |fires: bool| -> BTreeSet<String> {
        let these = cases.iter().filter(|c| c.fires.is_some() == fires);
        these.map(|c| c.alert.to_owned()).collect()
    };
    assert_eq!(tried(true), alerts, "each fires");
    assert_eq!(tried(false), alerts, "each is quiet");

    let mut check = vec!["check", "rules"];
    check.extend(files.iter().map(String::as_str));
    let told = run(&promtool, &check, dir.path());
    assert!(
        told.contains("SUCCESS") && !told.contains("FAILED"),
        "{told}"
    );
    let tests: Vec<Json> = cases.iter().map(written).collect();
    let tests = json!({ "rule_files": files, "evaluation_interval": "5m", "tests": tests });
    std::fs::write(dir.path().join("tests.yaml"), tests.to_string()).expect("written");
    let told = run(&promtool, &["test", "rules", "tests.yaml"], dir.path());
    assert!(told.contains("SUCCESS"), "{told}");
}

/// A case as promtool reads it.
fn written(case: &Case) -> Json {
    let series = case.series.iter();
    let series: Vec<Json> = series
        .map(|(s, v)| json!({ "series": s, "values": v }))
        .collect();
    let expected: Vec<Json> = case
        .fires
        .iter()
        .map(|(labels, words)| json!({ "exp_labels": labels, "exp_annotations": { "summary": words } }))
        .collect();
    json!({
        "name": format!("{} at {}", case.alert, case.at),
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [{ "eval_time": case.at, "alertname": case.alert, "exp_alerts": expected }],
    })
}

/// Requests through the gateway: so many a minute go well, so many fail.
fn traffic(expansion: &Expansion, good: Option<u32>, bad: Option<u32>) -> Vec<Series> {
    let envoy = Exporter::of(expansion, "envoy-gateway-system", "proxy-19001", "envoy-0");
    let one = |class: &str, each: u32| {
        let labels = [
            ("envoy_cluster_name", "httproute/shop/front/rule/0"),
            ("envoy_response_code_class", class),
        ];
        let values = format!("0+{each}x30");
        envoy.tells("envoy_cluster_upstream_rq_xx", &labels, &values)
    };
    let good = good.map(|each| one("2", each));
    good.into_iter()
        .chain(bad.map(|each| one("5", each)))
        .collect()
}

/// A hundred requests a minute of which so many take no more than half a second, and all no more than two and a half.
fn taking(expansion: &Expansion, fast: u32) -> Vec<Series> {
    let envoy = Exporter::of(expansion, "envoy-gateway-system", "proxy-19001", "envoy-0");
    let route = ("envoy_cluster_name", "httproute/shop/front/rule/0");
    let bucket = |le: &str, each: u32| {
        envoy.tells(
            "envoy_cluster_upstream_rq_time_bucket",
            &[route, ("le", le)],
            &format!("0+{each}x60"),
        )
    };
    let calls = envoy.tells(
        "envoy_cluster_upstream_rq_xx",
        &[route, ("envoy_response_code_class", "2")],
        "0+100x60",
    );
    vec![
        calls,
        bucket("500", fast),
        bucket("2500", 100),
        bucket("+Inf", 100),
    ]
}

fn services(expansion: &Expansion) -> Vec<Case> {
    let labels = json!({ "severity": "critical", "route_namespace": "shop", "route": "front" });
    let errors = |good, bad, words| {
        let series = traffic(expansion, good, bad);
        fires("HighErrorRate", "20m", series, labels.clone(), words)
    };
    let calm = |good, bad| quiet("HighErrorRate", "20m", traffic(expansion, good, bad));
    let late = json!({ "severity": "warning", "route_namespace": "shop", "route": "front" });
    vec![
        errors(
            Some(989),
            Some(11),
            "1.1% of the requests to shop/front fail, more than 1 %",
        ),
        errors(
            None,
            Some(10),
            "100% of the requests to shop/front fail, more than 1 %",
        ),
        calm(Some(991), Some(9)),
        // Nobody calls, nobody ever called, nothing ever failed.
        calm(Some(0), Some(0)),
        calm(None, None),
        calm(Some(1000), None),
        quiet("HighLatency", "30m", taking(expansion, 100)),
        fires(
            "HighLatency",
            "30m",
            taking(expansion, 0),
            late,
            "one request in a hundred to shop/front takes 2.48k ms, more than 1000",
        ),
    ]
}

fn capacity() -> Vec<Case> {
    let (state, kubelet) = (
        Exporter::of_chart("kube-state-metrics"),
        Exporter::of_chart("kubelet"),
    );
    let back = [
        ("namespace", "shop"),
        ("pod", "back-1"),
        ("container", "back"),
    ];
    let memory = |used: &str| {
        let limit = [&back[..], &[("resource", "memory"), ("unit", "byte")]].concat();
        vec![
            kubelet.tells("container_memory_working_set_bytes", &back, used),
            state.tells("kube_pod_container_resource_limits", &limit, "100+0x60"),
        ]
    };
    let throttled = |each: &str| {
        let counter = |which: &str| format!("container_cpu_cfs_{which}periods_total");
        vec![
            kubelet.tells(&counter("throttled_"), &back, each),
            kubelet.tells(&counter(""), &back, "0+10x60"),
        ]
    };
    let node = |value: &str| {
        let labels = [
            ("node", "a"),
            ("condition", "DiskPressure"),
            ("status", "true"),
        ];
        vec![state.tells("kube_node_status_condition", &labels, value)]
    };
    let volume = |left: &str| {
        let claim = [("namespace", "shop"), ("persistentvolumeclaim", "data")];
        vec![
            kubelet.tells("kubelet_volume_stats_available_bytes", &claim, left),
            kubelet.tells("kubelet_volume_stats_capacity_bytes", &claim, "100+0x60"),
        ]
    };
    let quota = |used: &str| {
        let of = |kind, value| {
            let labels = [
                ("namespace", "shop"),
                ("resourcequota", "shop"),
                ("resource", "pods"),
                ("type", kind),
            ];
            state.tells("kube_resourcequota", &labels, value)
        };
        vec![of("used", used), of("hard", "50+0x60")]
    };
    let container =
        json!({ "severity": "warning", "namespace": "shop", "pod": "back-1", "container": "back" });
    vec![
        quiet("ContainerMemoryNearLimit", "30m", memory("80+0x60")),
        fires(
            "ContainerMemoryNearLimit",
            "30m",
            memory("95+0x60"),
            container.clone(),
            "shop/back-1 (back) uses 95% of its memory limit",
        ),
        quiet("ContainerThrottled", "40m", throttled("0+2x60")),
        fires(
            "ContainerThrottled",
            "40m",
            throttled("0+6x60"),
            container,
            "shop/back-1 (back) waits for the processor in 60% of its periods",
        ),
        quiet("NodePressure", "20m", node("0+0x60")),
        fires(
            "NodePressure",
            "20m",
            node("1+0x60"),
            json!({ "severity": "warning", "node": "a", "condition": "DiskPressure" }),
            "node a tells DiskPressure",
        ),
        quiet("VolumeFillsUp", "20m", volume("20+0x60")),
        fires(
            "VolumeFillsUp",
            "20m",
            volume("5+0x60"),
            json!({ "severity": "critical", "namespace": "shop", "persistentvolumeclaim": "data" }),
            "the volume shop/data has 5% left",
        ),
        quiet("QuotaNearlyUsed", "30m", quota("40+0x60")),
        fires(
            "QuotaNearlyUsed",
            "30m",
            quota("48+0x60"),
            json!({ "severity": "warning", "namespace": "shop", "resource": "pods" }),
            "the namespace shop uses 96% of its quota of pods",
        ),
    ]
}

/// What cert-manager tells, from its own namespace, of a certificate in another one.
fn certificates(expansion: &Expansion) -> Vec<Case> {
    let manager = Exporter::of(
        expansion,
        "cert-manager",
        "controller-9402",
        "cert-manager-0",
    );
    let labels = [
        ("name", "shop"),
        ("namespace", "gateway"),
        ("issuer_name", "letsencrypt"),
        ("issuer_kind", "ClusterIssuer"),
        ("issuer_group", "cert-manager.io"),
    ];
    let expiry = |at: &str| {
        vec![manager.tells(
            "certmanager_certificate_expiration_timestamp_seconds",
            &labels,
            at,
        )]
    };
    let ready = |no: &str| {
        let labels = [&labels[..], &[("condition", "False")]].concat();
        vec![manager.tells("certmanager_certificate_ready_status", &labels, no)]
    };
    let named =
        |severity: &str| json!({ "severity": severity, "namespace": "gateway", "name": "shop" });
    vec![
        // Thirty days left, ten, and never issued.
        quiet("CertificateExpires", "2h", expiry("2592000+0x200")),
        quiet("CertificateExpires", "2h", expiry("0+0x200")),
        fires(
            "CertificateExpires",
            "2h",
            expiry("871200+0x200"),
            named("critical"),
            "the certificate gateway/shop expires in 10d 0h 0m 0s and was not renewed",
        ),
        quiet("CertificateNotReady", "1h", ready("0+0x100")),
        fires(
            "CertificateNotReady",
            "1h",
            ready("1+0x100"),
            named("warning"),
            "the certificate gateway/shop is not ready",
        ),
    ]
}

#[test]
fn alerts_fire_when_they_must_and_not_otherwise() {
    let controls = ["tls", "database", "monitoring"];
    let expansion = on("aws").harden(&controls, with_database());
    let cases = [
        services(&expansion),
        capacity(),
        certificates(&expansion),
        cloudnative_pg(&expansion),
    ];
    judge(
        &expansion,
        &cases.into_iter().flatten().collect::<Vec<_>>(),
        "alerts_fire_when_they_must_and_not_otherwise",
    );
}

#[test]
fn so_do_those_of_the_other_alternatives() {
    let mut inputs = with(
        with_database(),
        json!({
            "database": { "operator": "zalando" },
            "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["bQ=="], "bucket": "backups" } },
        }),
    );
    inputs["apps"]["shop"]["pod_security"] = json!("baseline");
    let controls = ["tls", "secrets", "database", "monitoring"];
    let expansion = on("aws").harden(&controls, inputs);
    let cases = [
        services(&expansion),
        capacity(),
        certificates(&expansion),
        patroni(&expansion),
        snapshots(),
    ];
    judge(
        &expansion,
        &cases.into_iter().flatten().collect::<Vec<_>>(),
        "so_do_those_of_the_other_alternatives",
    );
}

/// A database that is backed up on Sundays is not late on Tuesday.
#[test]
fn a_backup_is_old_by_its_own_schedule() {
    let mut inputs = with_database();
    inputs["apps"]["shop"]["postgres"]["backup"]["schedule"] = json!("0 0 2 * * SUN");
    let expansion = on("aws").harden(&["tls", "database", "monitoring"], inputs);
    let all = objects(&expansion);
    let rule = all
        .iter()
        .find(|o| o["metadata"]["name"] == "infra-databases")
        .expect("rules");
    let rules = rule["spec"]["groups"][0]["rules"]
        .as_array()
        .expect("rules");
    let old: Vec<&str> = rules
        .iter()
        .filter(|r| r["alert"] == "DatabaseBackupIsOld")
        .filter_map(|r| r["expr"].as_str())
        .collect();
    assert_eq!(old.len(), 2, "{old:?}");
    assert!(old[0].contains(r#"namespace!~"shop""#) && old[0].ends_with("> 26 * 3600"));
    assert!(old[1].contains(r#"namespace=~"shop""#) && old[1].ends_with("> 170 * 3600"));
}
