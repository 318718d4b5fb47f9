//! Monitoring: Prometheus measures, Alertmanager tells Slack, Grafana shows.

mod dashboards;
mod databases;
mod rules;

use crate::control::{Control, plain};
use crate::flow::{self, Peer, Pods, Port};
use crate::inside::{Inside, Release, Scrape};
use crate::node::identifier;
use crate::objects::{object, resources};
use databases::Databases;
use infra_draft::input::Input;
use infra_model::{Number, Record};
use serde_json::{Value as Json, json};

/// Prometheus, Alertmanager and Grafana, with alerts about failing and slow requests, full volumes, certificates that expire and
/// backups that are old.
#[derive(Record)]
pub(crate) struct Config {
    /// The address that Slack gave for messages. Without one, alerts reach nobody.
    #[record(optional, sensitive)]
    pub(crate) slack_webhook: Option<Input<String>>,
    /// The channel, where the webhook has no fixed one.
    #[record(optional)]
    pub(crate) slack_channel: Option<String>,
    /// The share of a service's requests that may fail; by default 0.01, one in a hundred.
    #[record(optional)]
    pub(crate) error_rate: Option<Number>,
    /// How many milliseconds one request in a hundred may take.
    #[record(optional, default = 1000)]
    pub(crate) latency_ms: i64,
    /// How long measurements are kept.
    #[record(optional, default = "15d")]
    pub(crate) retention: String,
    /// The volume of each Prometheus.
    #[record(optional, default = "50Gi")]
    pub(crate) storage: String,
    /// How many Prometheus run beside each other.
    #[record(optional, default = 2)]
    pub(crate) replicas: i64,
}

/// Where it stands.
pub(crate) const NAMESPACE: &str = flow::MONITORING;
const RELEASE: &str = "kube-prometheus-stack";
const SLACK: &str = "alertmanager-slack";
const GRAFANA_ADMIN: &str = "grafana-admin";

/// The control.
pub(crate) struct Monitoring;

impl Control for Monitoring {
    const NAME: &'static str = "monitoring";
    const BASELINE: bool = false;
    type Config = Config;

    /// Whoever is told of alerts would take them for the real one's: a name that nothing has (RFC 2606) gets them.
    fn beside(config: &mut Config) {
        if config.slack_webhook.is_some() {
            config.slack_webhook = Some(Input::Known("https://drill.invalid/".to_owned()));
        }
    }

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        check(config, inside);
        // node-exporter reads the node, which no stricter standard lets it.
        inside.namespace(NAMESPACE, "privileged");
        inside.crds("prometheus-operator");
        let mut after = vec![grafana_admin(inside)];
        if config.slack_webhook.is_some() {
            after.push(slack(config, inside));
        } else {
            inside.draft.remark(
                "monitoring.slack_webhook",
                "alerts reach nobody",
                "write `slack_webhook = \"${var.slack_webhook}\"`, with a sensitive variable",
            );
        }
        let certificates = inside.on("tls");
        let mut kinds = vec![
            "monitoring.coreos.com/Prometheus",
            "monitoring.coreos.com/Alertmanager",
        ];
        if certificates {
            // Its webhook's own.
            kinds.extend(["cert-manager.io/Certificate", "cert-manager.io/Issuer"]);
        }
        inside.release(Release {
            chart: RELEASE,
            namespace: NAMESPACE,
            values: values(config, certificates),
            kinds: &kinds,
            serves: &["monitoring.coreos.com"],
            provides: &[
                "Deployment/kube-prometheus-stack-operator",
                "Deployment/kube-prometheus-stack-grafana",
                "Deployment/kube-prometheus-stack-kube-state-metrics",
                "DaemonSet/kube-prometheus-stack-prometheus-node-exporter",
            ],
            after,
            ..Release::default()
        });
        flows(inside);
        let databases = Databases::of(inside);
        for rule in rules::all(config, NAMESPACE, databases.as_ref(), certificates) {
            inside.object(rule);
        }
        for board in dashboards::all(NAMESPACE, databases.as_ref()) {
            inside.object(board);
        }
    }

    fn finish(_: &Config, inside: &mut Inside<'_>) {
        // That Prometheus may call them, the control `network` says.
        for scrape in inside.scrapes.clone() {
            let namespace = inside.namespaces.get(&scrape.pods.namespace);
            let platform = namespace.is_none_or(|n| !n.app);
            inside.object(monitor(&scrape, platform));
        }
        let late: Vec<Json> = jobs(inside)
            .iter()
            .map(|(namespace, name)| rules::job_is_late(namespace, name))
            .collect();
        if !late.is_empty() {
            inside.object(rules::group(NAMESPACE, "backups", late));
        }
    }
}

fn check(config: &Config, inside: &mut Inside<'_>) {
    let rate = error_rate(config);
    if !(rate > 0.0 && rate < 1.0) {
        inside.draft.refuse(
            "monitoring.error_rate",
            "the share of requests that may fail is between 0 and 1",
            "write `error_rate = 0.01` for one in a hundred",
        );
    }
    if config.latency_ms < 1 {
        inside.draft.refuse(
            "monitoring.latency_ms",
            "a request takes at least a millisecond",
            "write `latency_ms = 1000` for a second",
        );
    }
    if config.replicas < 1 {
        inside.draft.refuse(
            "monitoring.replicas",
            "there is at least one Prometheus",
            "write `replicas = 2`, or `enabled = false` to have no monitoring",
        );
    }
}

/// The share of requests that may fail.
fn error_rate(config: &Config) -> f64 {
    config.error_rate.as_ref().map_or(0.01, Number::to_f64)
}

fn grafana_admin(inside: &mut Inside<'_>) -> String {
    inside.builtin(
        "random_password",
        "grafana_admin",
        json!({ "length": 32, "special": false }),
    );
    secret(
        inside,
        GRAFANA_ADMIN,
        json!({
            "admin-user": "admin",
            "admin-password": "${random_password.grafana_admin.result}",
        }),
    )
}

fn slack(config: &Config, inside: &mut Inside<'_>) -> String {
    let input = format!("{}.slack_webhook", Inside::input("monitoring"));
    let url = config
        .slack_webhook
        .as_ref()
        .map(|webhook| webhook.json(&input));
    secret(inside, SLACK, json!({ "url": url }))
}

fn secret(inside: &mut Inside<'_>, name: &str, data: Json) -> String {
    let metadata = json!({ "name": name, "namespace": NAMESPACE });
    inside.secret(&identifier(&[NAMESPACE, name]), metadata, None, data)
}

/// Who is told what. What the receivers get is written by Alertmanager's own templates.
fn alertmanager(config: &Config) -> Json {
    let told = config.slack_webhook.is_some();
    let mut slack = json!({ "name": "slack" });
    if told {
        slack["slack_configs"] = json!([{
            "api_url_file": format!("/etc/alertmanager/secrets/{SLACK}/url"),
            "channel": config.slack_channel,
            "send_resolved": true,
            "title": r#"[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .CommonLabels.alertname }}"#,
            "text": "{{ range .Alerts }}{{ .Annotations.summary }}{{ .Annotations.description }}\n{{ end }}",
            "color": r#"{{ if eq .Status "firing" }}{{ if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}{{ else }}good{{ end }}"#,
        }]);
        if config.slack_channel.is_none()
            && let Some(first) = slack["slack_configs"][0].as_object_mut()
        {
            first.shift_remove("channel");
        }
    }
    let receiver = if told { "slack" } else { "nobody" };
    let mut receivers = vec![json!({ "name": "nobody" })];
    if told {
        receivers.push(slack);
    }
    plain(json!({
        "global": { "resolve_timeout": "5m" },
        "route": {
            "receiver": receiver,
            "group_by": ["namespace", "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [
                { "receiver": "nobody", "matchers": [r#"alertname =~ "Watchdog|InfoInhibitor""#] },
                { "receiver": receiver, "matchers": [r#"severity = "critical""#], "repeat_interval": "1h" },
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [r#"severity = "critical""#],
                "target_matchers": [r#"severity =~ "warning|info""#],
                "equal": ["namespace", "alertname"],
            },
            {
                "source_matchers": [r#"alertname = "InfoInhibitor""#],
                "target_matchers": [r#"severity = "info""#],
                "equal": ["namespace"],
            },
        ],
        "receivers": receivers,
        "templates": ["/etc/alertmanager/config/*.tmpl"],
    }))
}

fn values(config: &Config, certificates: bool) -> Json {
    let volume = |size: &str| {
        json!({ "volumeClaimTemplate": { "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": size } },
        } } })
    };
    let small = resources(["10m", "32Mi"], ["100m", "128Mi"]);
    // What others brought is seen too, not only what came with this chart.
    let prometheus = json!({
        "replicas": config.replicas,
        "retention": config.retention,
        "podAntiAffinity": "soft",
        "ruleSelectorNilUsesHelmValues": false,
        "serviceMonitorSelectorNilUsesHelmValues": false,
        "podMonitorSelectorNilUsesHelmValues": false,
        "probeSelectorNilUsesHelmValues": false,
        "scrapeConfigSelectorNilUsesHelmValues": false,
        "resources": resources(["200m", "1Gi"], ["2", "4Gi"]),
        "storageSpec": volume(&config.storage),
    });
    let off = json!({ "enabled": false });
    let own = json!({ "searchNamespace": NAMESPACE, "resource": "configmap" });
    json!({
        "crds": { "enabled": false },
        "prometheusOperator": {
            "admissionWebhooks": {
                "certManager": { "enabled": certificates },
                "annotations": { "admissions.enforcer/disabled": "true" },
                "patch": { "resources": small },
            },
            "networkPolicy": off,
            "resources": resources(["50m", "128Mi"], ["300m", "256Mi"]),
            "prometheusConfigReloader": { "resources": resources(["10m", "32Mi"], ["100m", "64Mi"]) },
        },
        "prometheus": { "networkPolicy": off, "prometheusSpec": prometheus },
        "alertmanager": {
            "config": alertmanager(config),
            "alertmanagerSpec": {
                "replicas": 3,
                "podAntiAffinity": "soft",
                "secrets": if config.slack_webhook.is_some() { json!([SLACK]) } else { json!([]) },
                // Otherwise a configuration of somebody's sees only alerts of their own namespace.
                "alertmanagerConfigMatcherStrategy": { "type": "None" },
                "resources": resources(["10m", "64Mi"], ["100m", "256Mi"]),
                "storage": volume("5Gi"),
            },
        },
        "kube-state-metrics": {
            "resources": resources(["20m", "64Mi"], ["200m", "256Mi"]),
            "securityContext": { "seccompProfile": { "type": "RuntimeDefault" } },
        },
        "prometheus-node-exporter": {
            "resources": small,
            "containerSecurityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        },
        "grafana": {
            "admin": {
                "existingSecret": GRAFANA_ADMIN,
                "userKey": "admin-user",
                "passwordKey": "admin-password",
            },
            "grafana.ini": {
                "analytics": { "reporting_enabled": false, "check_for_updates": false },
                "users": { "allow_sign_up": false },
                "auth.anonymous": off,
                "security": { "disable_gravatar": true, "cookie_secure": true },
            },
            // Dashboards and data sources are config maps of its own namespace: an app plants none, and Grafana's account reads nobody's
            // secrets.
            "rbac": { "namespaced": true },
            "sidecar": { "resources": small, "dashboards": own, "datasources": own },
            "resources": resources(["50m", "128Mi"], ["500m", "512Mi"]),
        },
        // Clouds do not show these of a control plane that they run.
        "kubeControllerManager": off,
        "kubeScheduler": off,
        "kubeEtcd": off,
        "kubeProxy": off,
    })
}

/// Who talks to whom inside the namespace.
fn flows(inside: &mut Inside<'_>) {
    let app =
        |name: &str, value: &str| Pods::of(NAMESPACE, name, &[("app.kubernetes.io/name", value)]);
    let operator = app("operator", "kube-prometheus-stack-prometheus-operator");
    let alertmanager = app("alertmanager", "alertmanager");
    let grafana = app("grafana", "grafana");
    let state = app("kube-state-metrics", "kube-state-metrics");
    let prometheus = Pods::monitoring();
    for pods in [&operator, &grafana, &state, &prometheus] {
        inside.calls_api(pods);
    }
    inside.called_by_api(&operator, 10250);
    let mut pair = |from: &Pods, to: &Pods, ports: &[u16]| {
        let ports: Vec<Port> = ports.iter().map(|p| Port::tcp(*p)).collect();
        inside.allow(Peer::Pods(from.clone()), Peer::Pods(to.clone()), &ports);
    };
    pair(&prometheus, &operator, &[10250]);
    pair(&prometheus, &alertmanager, &[9093, 8080]);
    pair(&prometheus, &grafana, &[3000]);
    pair(&prometheus, &state, &[8080]);
    pair(&prometheus, &prometheus, &[9090, 8080]);
    pair(&grafana, &prometheus, &[9090]);
    pair(&grafana, &alertmanager, &[9093]);
    // They agree on what was told.
    pair(&alertmanager, &alertmanager, &[9094]);
    inside.allow(
        Peer::Pods(alertmanager.clone()),
        Peer::Pods(alertmanager.clone()),
        &[Port::udp(9094)],
    );
    inside.allow(Peer::Pods(alertmanager), Peer::Internet, &[Port::tcp(443)]);
    // Kubelets, and node-exporter, which listens on the node.
    inside.allow(
        Peer::Pods(prometheus.clone()),
        Peer::Nodes,
        &[Port::tcp(10250), Port::tcp(9100)],
    );
    let dns = Pods::of("kube-system", "kube-dns", &[("k8s-app", "kube-dns")]);
    inside.allow(Peer::Pods(prometheus), Peer::Pods(dns), &[Port::tcp(9153)]);
}

/// The jobs that make backups, by namespace and name: all that run by a schedule, but for those that look for other backups, of which
/// there are rules of their own.
fn jobs(inside: &Inside<'_>) -> Vec<(String, String)> {
    let objects = inside.nodes.iter().filter_map(|node| node.object());
    let jobs = objects.filter(|object| {
        let looks =
            object["metadata"]["namespace"] == crate::controls::database::zalando::NAMESPACE;
        object["kind"] == "CronJob" && !looks
    });
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    jobs.map(|job| &job["metadata"])
        .map(|metadata| (text(&metadata["namespace"]), text(&metadata["name"])))
        .collect()
}

/// How Prometheus finds pods that tell metrics. What the platform's tell of others' namespaces is taken at its word: cert-manager says
/// whose a certificate is. An app speaks for itself only.
fn monitor(scrape: &Scrape, platform: bool) -> Json {
    let pods = &scrape.pods;
    let mut endpoint = json!({
        "path": scrape.path,
        // By number: names of ports are up to whoever wrote the workload.
        "portNumber": scrape.port,
        "honorLabels": platform,
    });
    if let (Json::Object(endpoint), Json::Object(more)) = (&mut endpoint, &scrape.more) {
        endpoint.extend(more.clone());
    }
    let spec = json!({
        "selector": { "matchLabels": pods.labels },
        "podMetricsEndpoints": [endpoint],
    });
    let name = format!("{}-{}", pods.name, scrape.port);
    object(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        &pods.namespace,
        &name,
        plain(json!({ "spec": spec })),
    )
}
