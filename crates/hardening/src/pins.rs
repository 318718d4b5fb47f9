//! Versions of everything that is installed, in one place: charts here, definitions in `crds.tsv`. Each is the newest that was
//! known to work together when this was written. A digest pins the archive itself; where none is written yet, the version does.

use std::ops::RangeInclusive;

/// A chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chart {
    /// How controls name it, and the release's usual name.
    pub(crate) name: &'static str,
    /// The repository; `oci://…` for registries.
    pub(crate) repository: &'static str,
    /// The chart's name in it.
    pub(crate) chart: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// The archive's digest.
    pub(crate) digest: Option<&'static str>,
}

const fn chart_of(
    name: &'static str,
    repository: &'static str,
    chart: &'static str,
    version: &'static str,
) -> Chart {
    Chart {
        name,
        repository,
        chart,
        version,
        digest: None,
    }
}

impl Chart {
    /// With the digest of its archive, as the repository's `index.yaml` gives it.
    const fn of_archive(mut self, digest: &'static str) -> Chart {
        self.digest = Some(digest);
        self
    }
}

/// One line a chart, in the order of names, with its digest where the repository's index was read, or several projects that have
/// nothing to do with one another quote the same from it.
#[rustfmt::skip]
const CHARTS: &[Chart] = &[
    chart_of("alloy",             "https://grafana.github.io/helm-charts",          "alloy",           "1.11.1")
        .of_archive("sha256:cc4cd48a885c070fe8b2929971552852375c11e92d95fc6337d0c3fa277ac575"),
    chart_of("argo-cd",           "oci://ghcr.io/argoproj/argo-helm",               "argo-cd",         "10.1.1"),
    chart_of("cert-manager",      "oci://quay.io/jetstack/charts",                  "cert-manager",    "v1.21.1"),
    chart_of("cloudnative-pg",    "https://cloudnative-pg.github.io/charts",        "cloudnative-pg",  "0.29.0")
        .of_archive("sha256:668e065ff53508d58238788fd35b355a925060843629a951df0e6a9362e6d32f"),
    chart_of("crossplane",        "https://charts.crossplane.io/stable",            "crossplane",      "2.3.4"),
    // Elastic's own licence: free of charge, not open source.
    chart_of("eck-operator",      "https://helm.elastic.co",                        "eck-operator",    "3.5.0"),
    chart_of("eck-operator-crds", "https://helm.elastic.co",                        "eck-operator-crds", "3.5.0"),
    chart_of("envoy-gateway",     "oci://docker.io/envoyproxy",                     "gateway-helm",    "v1.9.0"),
    chart_of("external-secrets",  "https://charts.external-secrets.io",             "external-secrets", "2.9.0")
        .of_archive("sha256:da2d5c126a103b4c1b16a9dc1c168c4332a3687144e88ac070e594f81a0b6578"),
    chart_of("gatekeeper",        "https://open-policy-agent.github.io/gatekeeper/charts", "gatekeeper", "3.23.0")
        .of_archive("sha256:33f018bca8b875a9e01f447efef09414609d0d38185101207a4a6d655fe3d2a0"),
    chart_of("kube-prometheus-stack", "oci://ghcr.io/prometheus-community/charts",  "kube-prometheus-stack", "88.5.3"),
    chart_of("kyverno",           "https://kyverno.github.io/kyverno",              "kyverno",         "3.9.1")
        .of_archive("sha256:7b7fe51a431b5b133b0ce7eb9dcb222b6a37fb967c163223cf480054ad14d752"),
    chart_of("policy-controller", "https://sigstore.github.io/helm-charts",         "policy-controller", "0.10.6")
        .of_archive("sha256:bf168eb01cc63424194a58070c4a3682407976cfe9e0c15efac8e5a5d6c7eafa"),
    // The project moved from bitnami-labs in June 2026; the old address does not answer any more.
    chart_of("sealed-secrets",    "https://bitnami.github.io/sealed-secrets",       "sealed-secrets",  "2.19.1")
        .of_archive("sha256:f2a3aa61638f1e23ef963be311e8d5ea75878d8e01ae3846285965b6dd985337"),
    // The one of grafana.github.io is for paying customers since March 2026.
    chart_of("loki",              "oci://ghcr.io/grafana-community/helm-charts",    "loki",            "18.11.0"),
    chart_of("plugin-barman-cloud", "https://cloudnative-pg.github.io/charts",      "plugin-barman-cloud", "0.7.0")
        .of_archive("sha256:683494c04cc94f7d33c4ac5f3d8d64c209634b48bd0e84da31d7d1fad22cdcdb"),
    // Versions 0.69.4 to 0.69.6 of the scanner were somebody else's: this one has a later.
    chart_of("trivy-operator",    "oci://ghcr.io/aquasecurity/helm-charts",         "trivy-operator",  "0.34.0"),
    chart_of("vault",             "https://helm.releases.hashicorp.com",            "vault",           "0.34.1")
        .of_archive("sha256:df4c37fac32496892ff1e1d6fd7954d3a402cc7b1b2b4c2226af11b8a57564c4"),
    chart_of("zalando-postgres-operator", "https://opensource.zalando.com/postgres-operator/charts/postgres-operator", "postgres-operator", "2.0.1"),
];

/// The version of Elasticsearch, Kibana and Filebeat.
pub(crate) const ELASTIC: &str = "9.2.0";
/// Crossplane's providers, and the function that its compositions are written for.
pub(crate) const CROSSPLANE_AWS: &str = "v2.6.0";
pub(crate) const CROSSPLANE_GOOGLE: &str = "v3.0.0";
pub(crate) const CROSSPLANE_AZURE: &str = "v2.7.0";
pub(crate) const CROSSPLANE_FUNCTION: &str = "v0.9.0";

/// The Cluster Autoscaler's newest release for each minor of Kubernetes 1: it is built with the scheduler of one, and meant for that
/// (<https://github.com/kubernetes/autoscaler/releases>; those from 32 to 35 are also what kOps installs).
const AUTOSCALER: &[(u32, &str)] = &[
    (30, "v1.30.7"),
    (31, "v1.31.5"),
    (32, "v1.32.7"),
    (33, "v1.33.5"),
    (34, "v1.34.4"),
    (35, "v1.35.1"),
    (36, "v1.36.1"),
];

/// The image of the Cluster Autoscaler for a version of Kubernetes; for one that is not known that of the nearest.
pub(crate) fn autoscaler(kubernetes: &str) -> String {
    let minor = kubernetes.split('.').nth(1).and_then(|m| m.parse().ok());
    let minor: u32 = minor.unwrap_or(u32::MAX);
    let nearest = AUTOSCALER.iter().min_by_key(|(of, _)| of.abs_diff(minor));
    let version = nearest.map_or("", |(_, version)| version);
    format!("registry.k8s.io/autoscaling/cluster-autoscaler:{version}")
}

/// The minors of Kubernetes 1 that the versions of a chart are supported on, by those who make it: chart, line of versions, minors.
/// Older lines than the one that is pinned are what a cluster may have, and what leads from there to here.
#[rustfmt::skip]
const SUPPORTED: &[(&str, &str, RangeInclusive<u32>)] = &[
    // https://cert-manager.io/docs/releases/
    ("cert-manager",   "v1.18", 29..=33),
    ("cert-manager",   "v1.19", 31..=35),
    ("cert-manager",   "v1.20", 32..=35),
    ("cert-manager",   "v1.21", 33..=36),
    // https://cloudnative-pg.io/docs/current/supported_releases; the charts bring 1.27, 1.28 and 1.30 of the operator.
    ("cloudnative-pg", "0.26",  31..=33),
    ("cloudnative-pg", "0.27",  32..=34),
    ("cloudnative-pg", "0.29",  34..=36),
    // https://gateway.envoyproxy.io/news/releases/matrix/
    ("envoy-gateway",  "v1.5",  30..=33),
    ("envoy-gateway",  "v1.6",  30..=33),
    ("envoy-gateway",  "v1.7",  32..=35),
    ("envoy-gateway",  "v1.9",  33..=36),
];

/// The lines of versions of a chart of which somebody says the minors that they are supported on.
pub(crate) fn lines(
    chart: &str,
) -> impl Iterator<Item = (&'static str, &'static RangeInclusive<u32>)> {
    let lines = SUPPORTED.iter().filter(move |(name, ..)| *name == chart);
    lines.map(|(_, line, minors)| (*line, minors))
}

/// The minors that a version of a chart is supported on, by the name that controls use; none where nobody says.
pub(crate) fn supported(chart: &str, version: &str) -> Option<&'static RangeInclusive<u32>> {
    let is_of = |line: &str| {
        let rest = version.strip_prefix(line);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let (_, minors) = lines(chart).find(|(line, _)| is_of(line))?;
    Some(minors)
}

/// All charts.
pub(crate) fn charts() -> impl Iterator<Item = Chart> {
    CHARTS.iter().copied()
}

/// A chart by the name that controls use. A name that is not in the table is a mistake in a control, which every test of it
/// would show.
pub(crate) fn chart(name: &str) -> Chart {
    let found = CHARTS.iter().find(|c| c.name == name);
    *found.expect("controls name charts of the table")
}

/// A definition of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crd {
    file: &'static str,
    /// The SHA-256 of the file.
    pub(crate) sha256: &'static str,
    /// `cert-manager.io`
    pub(crate) group: &'static str,
    /// `Certificate`
    pub(crate) kind: &'static str,
    cluster: bool,
    versions: &'static str,
}

impl Crd {
    /// Where the file is published, under the tag of its version.
    pub(crate) fn url(&self) -> String {
        format!("https://raw.githubusercontent.com/{}", self.file)
    }

    /// The kinds that it defines, as `kubernetes_crds` wants them told.
    pub(crate) fn provides(&self) -> Vec<String> {
        let scope = if self.cluster { ":Cluster" } else { "" };
        let served = self
            .versions
            .split(',')
            .filter(|v| !v.ends_with("!unserved"));
        served
            .map(|version| format!("{}/{version}/{}{scope}", self.group, self.kind))
            .collect()
    }
}

/// The definitions of a system, such as `cert-manager`.
pub(crate) fn crds(system: &str) -> impl Iterator<Item = Crd> {
    let lines = include_str!("crds.tsv")
        .lines()
        .filter(|l| !l.starts_with('#'));
    let all = lines.filter_map(|line| {
        let [system, file, sha256, group, kind, scope, versions] =
            line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let cluster = scope == "Cluster";
        Some((
            system,
            Crd {
                file,
                sha256,
                group,
                kind,
                cluster,
                versions,
            },
        ))
    });
    all.filter(move |(s, _)| *s == system).map(|(_, crd)| crd)
}
