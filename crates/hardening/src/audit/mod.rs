//! The roadmap, row by row, held against objects: those of a live cluster, of a folder of manifests, or that a stack would make. Pure:
//! who calls brings the objects.

mod pipelines;
mod policies;
mod rows;

pub use pipelines::{is_pipeline, pipeline};

use crate::system;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A row of the roadmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its section: `1. Security & Encryption`.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What is in place.
    pub found: Vec<String>,
    /// What is not; the row is closed when nothing stands here.
    pub open: Vec<String>,
    /// Lines of a stack file that would close it.
    pub remedy: &'static str,
}

impl Row {
    /// Whether something is missing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// A kind of objects that the audit looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `networking.k8s.io/v1`
    pub api_version: &'static str,
    /// `NetworkPolicy`
    pub kind: &'static str,
}

/// The kinds to list of a live cluster; those that it does not serve are absent.
pub const KINDS: &[Kind] = rows::KINDS;

/// Kinds that are known only by what was listed already: those of Gatekeeper's constraints. API version and kind.
#[must_use]
pub fn more_kinds(objects: &[Json]) -> Vec<(&'static str, &str)> {
    let templates = objects.iter().filter(|o| o["kind"] == "ConstraintTemplate");
    templates
        .filter_map(policies::constraint_kind)
        .map(|kind| ("constraints.gatekeeper.sh/v1beta1", kind))
        .collect()
}

/// Holds objects against the roadmap.
#[must_use]
pub fn audit(objects: &[Json]) -> Vec<Row> {
    let seen = Seen::new(objects);
    rows::ROWS.iter().map(|row| row(&seen)).collect()
}

/// Objects by kind.
pub(crate) struct Seen<'a> {
    by_kind: BTreeMap<&'a str, Vec<&'a Json>>,
    /// Namespaces in which workloads of the user's run.
    apps: BTreeSet<&'a str>,
}

/// Namespaces of what this program installs.
const PLATFORM: &[&str] = &[
    "cert-manager",
    "envoy-gateway-system",
    "gateway",
    "sealed-secrets",
    "vault",
    "external-secrets",
    "monitoring",
    "logging",
    "loki",
    "argocd",
    "flux-system",
    "kyverno",
    "gatekeeper-system",
    "trivy-system",
    "cosign-system",
    "crossplane-system",
    "cnpg-system",
    "elastic-system",
    "postgres-operator",
    "clair",
    "cluster-autoscaler",
];

/// Whether workloads of the user's may run in a namespace: it is neither the cluster's, nor a cloud's, nor the platform's.
fn is_users(namespace: &&str) -> bool {
    let others = [
        PLATFORM,
        system::KUBERNETES,
        system::AWS,
        system::GOOGLE,
        system::AZURE,
    ];
    !others.iter().any(|names| names.contains(namespace))
}

impl<'a> Seen<'a> {
    fn new(objects: &'a [Json]) -> Seen<'a> {
        let mut by_kind: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
        for object in objects {
            if let Some(kind) = object["kind"].as_str() {
                by_kind.entry(kind).or_default().push(object);
            }
        }
        let mut seen = Seen {
            by_kind,
            apps: BTreeSet::new(),
        };
        let mut apps = BTreeSet::new();
        for kind in [
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "CronJob",
            "HTTPRoute",
            "Ingress",
        ] {
            let all = seen.all(kind).iter();
            apps.extend(all.map(|o| namespace(o)).filter(is_users));
        }
        let labelled = seen
            .all("Namespace")
            .iter()
            .filter(|o| o["metadata"]["labels"]["app.kubernetes.io/part-of"].is_string());
        apps.extend(labelled.map(|o| name(o)).filter(is_users));
        seen.apps = apps;
        seen
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: &str) -> &[&'a Json] {
        self.by_kind
            .get(kind)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Whether there is one of a kind.
    pub(crate) fn has(&self, kind: &str) -> bool {
        !self.all(kind).is_empty()
    }

    /// Namespaces in which workloads of the user's run.
    pub(crate) fn apps(&self) -> impl Iterator<Item = &'a str> {
        self.apps.iter().copied()
    }

    /// Objects of a kind in a namespace.
    pub(crate) fn within(&self, kind: &str, place: &str) -> impl Iterator<Item = &'a Json> {
        let all = self.all(kind).iter().copied();
        all.filter(move |o| namespace(o) == place)
    }

    /// Releases of charts: Flux's, or Applications of Argo CD's with a chart.
    pub(crate) fn releases(&self) -> impl Iterator<Item = &'a Json> {
        let flux = self.all("HelmRelease").iter().copied();
        flux.chain(self.all("Application").iter().copied())
    }

    /// Whether something runs, by a part of its name: a workload, or the release that makes it.
    pub(crate) fn runs(&self, part: &str) -> bool {
        let workloads = ["Deployment", "StatefulSet", "DaemonSet", "HelmRelease"];
        let mut named = workloads.iter().flat_map(|kind| self.all(kind));
        named.any(|o| name(o).contains(part)) || self.releases().any(|o| chart(o).contains(part))
    }
}

/// An object's name.
pub(crate) fn name(object: &Json) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// An object's namespace.
pub(crate) fn namespace(object: &Json) -> &str {
    object["metadata"]["namespace"]
        .as_str()
        .unwrap_or("default")
}

/// The chart of a release, if it is one; of one in a registry of images, its address.
fn chart(object: &Json) -> &str {
    let source = object.pointer("/spec/source").unwrap_or(&Json::Null);
    let named = object.pointer("/spec/chart/spec/chart");
    let named = named.or_else(|| source.get("chart")).and_then(Json::as_str);
    let registry = source["repoURL"]
        .as_str()
        .filter(|url| url.starts_with("oci://"));
    named.or(registry).unwrap_or_default()
}

/// The values of a release.
pub(crate) fn release_values(object: &Json) -> &Json {
    let flux = object.pointer("/spec/values");
    let argo = object.pointer("/spec/source/helm/valuesObject");
    flux.or(argo).unwrap_or(&Json::Null)
}
