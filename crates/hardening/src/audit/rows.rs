//! The rows.

use super::{Kind, Row, Seen, is_users, name, namespace, pipelines, policies, release_values};
use crate::objects::TLS_ENDED_BY;
use serde_json::{Value as Json, json};

/// In the order of the roadmap.
pub(super) const ROWS: &[fn(&Seen<'_>) -> Row] = &[
    tls,
    secrets,
    network,
    database,
    monitoring,
    logging,
    pipelines::row,
    gitops,
    quotas,
    supply_chain,
    policies::row,
    provisioning,
];

const fn kind(api_version: &'static str, kind: &'static str) -> Kind {
    Kind { api_version, kind }
}

#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind("v1", "Namespace"),
    kind("v1", "LimitRange"),
    kind("v1", "ResourceQuota"),
    kind("apps/v1", "Deployment"),
    kind("apps/v1", "StatefulSet"),
    kind("apps/v1", "DaemonSet"),
    kind("batch/v1", "CronJob"),
    kind("networking.k8s.io/v1", "NetworkPolicy"),
    kind("networking.k8s.io/v1", "Ingress"),
    kind("gateway.networking.k8s.io/v1", "Gateway"),
    kind("gateway.networking.k8s.io/v1", "HTTPRoute"),
    kind("cert-manager.io/v1", "ClusterIssuer"),
    kind("cert-manager.io/v1", "Issuer"),
    kind("cert-manager.io/v1", "Certificate"),
    kind("bitnami.com/v1alpha1", "SealedSecret"),
    kind("external-secrets.io/v1", "ClusterSecretStore"),
    kind("external-secrets.io/v1", "SecretStore"),
    kind("external-secrets.io/v1", "ExternalSecret"),
    kind("postgresql.cnpg.io/v1", "Cluster"),
    kind("postgresql.cnpg.io/v1", "ScheduledBackup"),
    kind("acid.zalan.do/v1", "postgresql"),
    kind("acid.zalan.do/v1", "OperatorConfiguration"),
    kind("monitoring.coreos.com/v1", "Prometheus"),
    kind("monitoring.coreos.com/v1", "PrometheusRule"),
    kind("monitoring.coreos.com/v1", "Alertmanager"),
    kind("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig"),
    kind("elasticsearch.k8s.elastic.co/v1", "Elasticsearch"),
    kind("beat.k8s.elastic.co/v1beta1", "Beat"),
    kind("argoproj.io/v1alpha1", "Application"),
    kind("argoproj.io/v1alpha1", "ApplicationSet"),
    kind("source.toolkit.fluxcd.io/v1", "GitRepository"),
    kind("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    kind("policies.kyverno.io/v1", "ValidatingPolicy"),
    kind("policies.kyverno.io/v1", "ImageValidatingPolicy"),
    kind("policy.sigstore.dev/v1beta1", "ClusterImagePolicy"),
    kind("templates.gatekeeper.sh/v1", "ConstraintTemplate"),
    kind("apiextensions.crossplane.io/v1", "Composition"),
    kind("pkg.crossplane.io/v1", "Provider"),
];

/// Collects what is there and what is not.
pub(super) struct Finding(pub(super) Row);

impl Finding {
    pub(super) fn new(section: &'static str, name: &'static str, remedy: &'static str) -> Finding {
        Finding(Row {
            section,
            name,
            found: Vec::new(),
            open: Vec::new(),
            remedy,
        })
    }

    /// One thing that must hold.
    pub(super) fn must(&mut self, holds: bool, found: impl Into<String>, open: impl Into<String>) {
        if holds {
            self.0.found.push(found.into());
        } else {
            self.0.open.push(open.into());
        }
    }

    /// Something of which there must be none; `open` is what is said before their names.
    pub(super) fn none<T: AsRef<str>>(
        &mut self,
        wrong: impl Iterator<Item = T>,
        found: &str,
        open: &str,
    ) {
        let wrong: Vec<T> = wrong.collect();
        let names: Vec<&str> = wrong.iter().map(AsRef::as_ref).collect();
        self.must(
            names.is_empty(),
            found,
            format!("{open} {}", names.join(", ")),
        );
    }

    /// Something that must hold in every namespace of the user's.
    pub(super) fn everywhere(&mut self, seen: &Seen<'_>, what: &str, holds: impl Fn(&str) -> bool) {
        let missing = seen.apps().filter(|place| !holds(place));
        let found = format!("every namespace with workloads has {what}");
        self.none(missing, &found, &format!("{what} is missing in:"));
    }
}

fn listeners<'a>(seen: &'a Seen<'_>) -> impl Iterator<Item = &'a Json> {
    let all = seen.all("Gateway").iter();
    all.flat_map(|g| g["spec"]["listeners"].as_array().into_iter().flatten())
}

/// Whether a condition of an object's status says no; one that is only written down has none.
fn is_not(object: &Json, condition: &str) -> bool {
    let all = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    all.into_iter()
        .any(|c| c["type"] == condition && c["status"] != "True")
}

/// `shop/database`
fn path(object: &Json) -> String {
    format!("{}/{}", namespace(object), name(object))
}

fn tls(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "1. Security & Encryption",
        "HTTPS / TLS",
        "[hardening.main.tls]\nissuer = \"letsencrypt\"\nemail  = \"ops@example.com\"",
    );
    let issuer = seen.has("ClusterIssuer") || seen.has("Issuer");
    row.must(
        issuer,
        "certificates are issued by cert-manager",
        "nobody issues certificates: there is no ClusterIssuer",
    );
    let encrypted = listeners(seen).any(|l| {
        let refs = &l["tls"]["certificateRefs"];
        l["protocol"] == "HTTPS" && refs.as_array().is_some_and(|r| !r.is_empty())
    });
    let ingress = seen
        .all("Ingress")
        .iter()
        .any(|i| i["spec"]["tls"].as_array().is_some_and(|t| !t.is_empty()));
    let before = seen.all("Gateway").iter().any(|gateway| {
        let ended = &gateway["metadata"]["annotations"][TLS_ENDED_BY];
        ended.as_str().is_some_and(|by| !by.is_empty())
    });
    row.must(
        encrypted || ingress || before,
        "what comes in is encrypted",
        "nothing listens with a certificate: no HTTPS listener, no Ingress with `tls`",
    );
    let ingresses = seen.all("Ingress").iter();
    let plain = ingresses.filter(|i| i["spec"]["tls"].is_null());
    row.none(
        plain.map(|i| name(i)),
        "no Ingress is without TLS",
        "reached without encryption:",
    );
    // A route on the plain listener answers in clear unless it only sends on.
    let clear = seen.all("HTTPRoute").iter().filter(|route| {
        let parents = route["spec"]["parentRefs"].as_array().into_iter().flatten();
        let on_plain = parents.into_iter().any(|p| {
            let listener = listeners(seen).find(|l| l["name"] == p["sectionName"]);
            listener.is_some_and(|l| l["protocol"] == "HTTP")
        });
        let rules = route["spec"]["rules"].as_array().into_iter().flatten();
        on_plain
            && encrypted
            && rules
                .into_iter()
                .any(|r| r["backendRefs"].as_array().is_some_and(|b| !b.is_empty()))
    });
    row.none(
        clear.map(|r| name(r)),
        "plain HTTP is only sent on",
        "served over plain HTTP:",
    );
    let certificates = seen.all("Certificate").iter();
    let waiting = certificates.filter(|c| is_not(c, "Ready"));
    row.none(
        waiting.map(|c| name(c)),
        "no certificate is waited for",
        "not issued yet, does the DNS record point to the gateway?",
    );
    row.0
}

fn secrets(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "1. Security & Encryption",
        "Secret Management",
        "[hardening.main.secrets]\nengine = \"sealed-secrets\"",
    );
    let sealed = seen.has("SealedSecret") || seen.runs("sealed-secrets");
    let external =
        seen.has("ExternalSecret") || seen.has("ClusterSecretStore") || seen.has("SecretStore");
    row.must(
        sealed || external,
        "secrets are sealed, or come from a store",
        "nothing opens sealed secrets or brings them from a store",
    );
    let plain = seen.all("Secret").iter().filter(|s| {
        s["type"] != "kubernetes.io/service-account-token"
            && s["metadata"]["ownerReferences"].is_null()
    });
    row.none(
        plain.map(|s| path(s)),
        "no Secret stands in the manifests",
        "in clear in the manifests:",
    );
    row.0
}

fn network(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "1. Security & Encryption",
        "Network Policies",
        "[hardening.main.network]",
    );
    for direction in ["Ingress", "Egress"] {
        let what = format!("a policy that denies {direction} by default");
        row.everywhere(seen, &what, |place| {
            seen.within("NetworkPolicy", place).any(|p| {
                let types = p["spec"]["policyTypes"].as_array();
                let all = p["spec"]["podSelector"]
                    .as_object()
                    .is_some_and(serde_json::Map::is_empty);
                let none = p["spec"][direction.to_lowercase()]
                    .as_array()
                    .is_none_or(Vec::is_empty);
                all && none && types.is_some_and(|t| t.iter().any(|t| t == direction))
            })
        });
    }
    let policies = seen
        .apps()
        .flat_map(|place| seen.within("NetworkPolicy", place));
    let open = policies.filter(|p| {
        let rules = |key: &str| {
            let all = p["spec"][key].as_array().into_iter().flatten();
            all.into_iter().any(|r| *r == json!({}))
        };
        rules("ingress") || rules("egress")
    });
    row.none(
        open.map(path),
        "no policy allows everything",
        "these allow everything:",
    );
    row.0
}

fn database(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "2. Database Reliability",
        "High Availability (HA)",
        "[hardening.main.apps.shop.postgres]\ninstances = 3\nbackup    = { bucket = \"backups\" }",
    );
    let is_postgres = |o: &&&Json| {
        let containers = o["spec"]["template"]["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten();
        containers.into_iter().any(|c| {
            let image = c["image"].as_str().unwrap_or_default();
            let image = image.rsplit('/').next().unwrap_or_default();
            image.split([':', '@']).next().is_some_and(|i| {
                i.contains("postgres") && !i.contains("exporter") && !i.contains("operator")
            })
        })
    };
    let workloads = seen.all("StatefulSet").iter().chain(seen.all("Deployment"));
    row.none(
        workloads.filter(is_postgres).map(|o| name(o)),
        "no Postgres runs without an operator",
        "without an operator that fails over and backs up:",
    );
    let all = databases(seen);
    let instances = |c: &Json| {
        let spec = &c["spec"];
        let said = [&spec["instances"], &spec["numberOfInstances"]];
        said.iter().find_map(|n| n.as_i64()).unwrap_or(1)
    };
    row.none(
        all.iter().filter(|c| instances(c) < 2).map(|c| path(c)),
        "every database has a standby",
        "one instance only:",
    );
    row.none(
        all.iter()
            .filter(|c| !is_backed_up(seen, c))
            .map(|c| path(c)),
        "every database is backed up",
        "no backups:",
    );
    row.0
}

/// Databases of the user's that an operator runs. What the platform keeps in one is made anew without it.
fn databases<'a>(seen: &'a Seen<'_>) -> Vec<&'a Json> {
    let cloudnative_pg = seen.all("Cluster").iter().filter(|c| {
        let version = c["apiVersion"].as_str();
        version.is_some_and(|v| v.starts_with("postgresql.cnpg.io/"))
    });
    cloudnative_pg
        .chain(seen.all("postgresql"))
        .copied()
        .filter(|c| is_users(&namespace(c)))
        .collect()
}

/// Whether something takes backups of a database: a schedule of CloudNativePG's; a bucket for WAL-G, or dumps, of Zalando's, which its
/// operator may also have for all of them.
fn is_backed_up(seen: &Seen<'_>, database: &Json) -> bool {
    if database["kind"] == "Cluster" {
        return seen
            .within("ScheduledBackup", namespace(database))
            .any(|backup| {
                backup["spec"]["cluster"]["name"] == database["metadata"]["name"]
                    && backup["spec"]["suspend"] != true
            });
    }
    let variables = database["spec"]["env"].as_array().into_iter().flatten();
    let own = variables.filter_map(|v| Some((v["name"].as_str()?, v["value"].as_str()?)));
    let places = [
        "WAL_S3_BUCKET",
        "WAL_GS_BUCKET",
        "WALE_S3_PREFIX",
        "WALG_S3_PREFIX",
        "WALG_GS_PREFIX",
        "WALG_AZ_PREFIX",
    ];
    let to_bucket = own
        .into_iter()
        .any(|(n, v)| places.contains(&n) && !v.is_empty());
    let for_all = seen.all("OperatorConfiguration").iter().any(|o| {
        let cloud = &o["configuration"]["aws_or_gcp"];
        let fields = ["wal_s3_bucket", "wal_gs_bucket", "wal_az_storage_account"];
        fields
            .iter()
            .any(|f| cloud[f].as_str().is_some_and(|b| !b.is_empty()))
    });
    to_bucket || for_all || database["spec"]["enableLogicalBackup"] == true
}

fn monitoring(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "3. Observability",
        "Monitoring & Alerting",
        "[hardening.main.monitoring]\nslack_webhook = \"${var.slack_webhook}\"\nerror_rate    = 0.01",
    );
    let prometheus = seen.has("Prometheus") || seen.runs("prometheus");
    row.must(
        prometheus,
        "Prometheus collects metrics",
        "nothing collects metrics",
    );
    row.must(
        seen.runs("grafana") || seen.runs("kube-prometheus-stack"),
        "Grafana shows them",
        "nothing shows them: no Grafana",
    );
    row.must(
        seen.has("PrometheusRule"),
        "there are alerts",
        "there are no alerts: no PrometheusRule",
    );
    row.must(
        reach_somebody(seen),
        "alerts reach somebody",
        "alerts reach nobody: no receiver of Alertmanager's is told anything",
    );
    row.0
}

/// Whether Alertmanager tells somebody: by an object of its own kind, by the values of its chart, or, in a cluster, by what it mounts to
/// do so. (Its configuration itself is a Secret, which is not looked at.)
fn reach_somebody(seen: &Seen<'_>) -> bool {
    // `slackConfigs` of objects, `slack_configs` of the file.
    let tells = |receiver: &Json| {
        let fields = receiver.as_object().into_iter().flatten();
        let told = |value: &Json| value.as_array().is_some_and(|a| !a.is_empty());
        fields
            .into_iter()
            .any(|(key, value)| key.to_lowercase().ends_with("configs") && told(value))
    };
    let any = |receivers: &Json| {
        receivers
            .as_array()
            .is_some_and(|all| all.iter().any(tells))
    };
    let by_object = seen.all("AlertmanagerConfig").iter();
    let by_values = seen.releases().map(release_values);
    let mounted = seen.all("Alertmanager").iter().any(|a| {
        let secrets = a["spec"]["secrets"].as_array();
        secrets.is_some_and(|s| !s.is_empty())
    });
    by_object.map(|o| &o["spec"]["receivers"]).any(any)
        || by_values
            .map(|v| &v["alertmanager"]["config"]["receivers"])
            .any(any)
        || mounted
}

fn logging(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "3. Observability",
        "Centralized Logging",
        "[hardening.main.logging]",
    );
    let store = seen.runs("loki") || seen.has("Elasticsearch");
    row.must(
        store,
        "logs are kept",
        "logs are kept nowhere: neither Loki nor Elasticsearch",
    );
    let collectors = [
        "alloy",
        "promtail",
        "fluent-bit",
        "fluentd",
        "filebeat",
        "vector",
    ];
    row.must(
        collectors.iter().any(|c| seen.runs(c)) || seen.has("Beat"),
        "logs are collected",
        "nobody collects logs",
    );
    row.must(
        !seen.runs("promtail"),
        "the collector is maintained",
        "Promtail gets no security fixes since March 2026: use Alloy",
    );
    row.0
}

fn gitops(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "4. CI/CD & Automation",
        "GitOps (CD)",
        "[hardening.main.gitops]\nrepository = \"https://github.com/acme/config\"",
    );
    let argo = seen.has("Application") || seen.has("ApplicationSet");
    // In what is committed stands no source: who watches the folder has that.
    let brought = seen
        .all("Kustomization")
        .iter()
        .chain(seen.all("HelmRelease"));
    let by_flux = |o: &&Json| {
        let version = o["apiVersion"].as_str();
        version.is_some_and(|v| v.contains(".toolkit.fluxcd.io/"))
    };
    let flux = brought.copied().any(|o| by_flux(&o));
    row.must(
        argo || flux,
        "the cluster follows a repository",
        "the cluster follows no repository: neither Argo CD nor Flux",
    );
    row.0
}

fn quotas(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "4. CI/CD & Automation",
        "Resource Quotas",
        "[hardening.main.quotas]",
    );
    for kind in ["LimitRange", "ResourceQuota"] {
        row.everywhere(seen, &format!("a {kind}"), |place| {
            seen.within(kind, place).next().is_some()
        });
    }
    row.0
}

fn supply_chain(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "5. DevSecOps",
        "Supply Chain Security",
        "[hardening.main.supply_chain]",
    );
    row.must(
        seen.runs("trivy") || seen.runs("clair"),
        "images are scanned",
        "no image is scanned in the cluster",
    );
    let signed = seen.has("ImageValidatingPolicy") || seen.has("ClusterImagePolicy");
    row.must(
        signed,
        "signatures are asked for",
        "signatures of images are not checked",
    );
    row.0
}

fn provisioning(seen: &Seen<'_>) -> Row {
    let mut row = Finding::new(
        "6. Infrastructure as Code (IaC)",
        "Automate Infrastructure Provisioning",
        "[cluster.main]\n[hardening.main]\ncluster = \"main\"",
    );
    let ours = seen
        .all("Namespace")
        .iter()
        .any(|n| n["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "infra");
    let crossplane = seen.has("Composition") || seen.has("Provider");
    row.must(
        ours || crossplane,
        "what runs here is made from code",
        "nothing says that this cluster is made from code",
    );
    row.0
}
