//! The files of the folder. Argo CD gets one Application that reads all objects, in waves as deep as the graph is, and one for each
//! chart; Flux a Kustomization for each group of objects, which waits for those that the graph has before it. Groups are so made
//! that an object never moves from one to another: Flux would take it away before it makes it again.

use super::{Delivery, NAME, owner};
use crate::node::{Node, identifier};
use crate::objects::{managed, object};
use infra_draft::names;
use infra_model::expand::Instance;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const ARGO: &str = "argoproj.io/v1alpha1";
const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io/v1";
const HERE: &str = "https://kubernetes.default.svc";
/// In whose name Flux does what the folder says.
pub(crate) const ACCOUNT: &str = "platform";
/// What Flux calls the repository.
pub(crate) const SOURCE: &str = "config";

/// Kinds that hold data, by group: they stay when they are gone from the repository.
const KEPT: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "PersistentVolumeClaim"),
    ("", "PersistentVolume"),
    ("postgresql.cnpg.io", "Cluster"),
    ("acid.zalan.do", "postgresql"),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"),
];

/// Groups of the cluster's own kinds, which are healthy as soon as they are there, or by their rollout.
const BUILT_IN: &[&str] = &[
    "",
    "apps",
    "autoscaling",
    "batch",
    "policy",
    "admissionregistration.k8s.io",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// The files in the making.
pub(super) struct Files<'d> {
    delivery: &'d Delivery,
    members: Vec<Member>,
}

/// A node with its place.
struct Member {
    address: String,
    group: String,
    after: BTreeSet<String>,
    /// Objects by the names of their files.
    objects: Vec<(String, Json)>,
    /// Definitions that are copied.
    definitions: Vec<Json>,
    ready: Option<Json>,
    /// Whether what comes after it waits until it is healthy, and not only until it is there.
    gated: bool,
    /// A release and what it brings.
    provides: Option<(String, Json)>,
    /// Its chart, and what that is supported on.
    chart: Option<Json>,
}

impl<'d> Files<'d> {
    pub(super) fn new(delivery: &'d Delivery) -> Files<'d> {
        Files {
            delivery,
            members: Vec::new(),
        }
    }

    /// A node, after others that are committed too.
    pub(super) fn add(&mut self, node: &Node, after: BTreeSet<String>) {
        let mut member = Member {
            address: node.address(),
            group: String::new(),
            after,
            objects: Vec::new(),
            definitions: Vec::new(),
            ready: None,
            gated: true,
            provides: None,
            chart: None,
        };
        match node.type_name {
            "kubernetes_namespace" => {
                member.group = "namespaces".to_owned();
                let metadata = &node.body["metadata"];
                let namespace =
                    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
                member.objects.push((file(&node.name), namespace));
            }
            "kubernetes_crds" => self.definitions(node, &mut member),
            "helm_release" => self.release(node, &mut member),
            _ => plain(node, &mut member),
        }
        self.members.push(member);
    }

    /// The body of the resource that stands for all of them.
    pub(super) fn body(mut self, instance: &Instance<'_>) -> Json {
        let waves = self.waves();
        let delivery = self.delivery;
        let mut files = Map::new();
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut ungated: BTreeSet<String> = BTreeSet::new();
        let group_of: BTreeMap<String, String> = self
            .members
            .iter()
            .map(|m| (m.address.clone(), m.group.clone()))
            .collect();
        for member in &mut self.members {
            let needs = groups.entry(member.group.clone()).or_default();
            let before = member.after.iter().filter_map(|a| group_of.get(a));
            needs.extend(before.filter(|g| **g != member.group).cloned());
            if !member.gated {
                ungated.insert(member.group.clone());
            }
            for (name, object) in std::mem::take(&mut member.objects) {
                let object = annotated(object, delivery, waves[&member.address], member.gated);
                files.insert(format!("objects/{}/{name}", member.group), object);
            }
        }
        if delivery.flux {
            for (group, needs) in &groups {
                let mut unit = kustomization(group, needs, delivery);
                unit["spec"]["wait"] = json!(!ungated.contains(group));
                files.insert(format!("sync/{group}.yaml"), unit);
            }
        }
        let definitions: Vec<Json> = self
            .members
            .iter_mut()
            .flat_map(|m| std::mem::take(&mut m.definitions))
            .collect();
        let ready: Vec<Json> = self
            .members
            .iter_mut()
            .filter_map(|m| m.ready.take())
            .collect();
        let provides: Map<String, Json> = self
            .members
            .iter_mut()
            .filter_map(|m| m.provides.take())
            .collect();
        let charts: Vec<Json> = self
            .members
            .iter_mut()
            .filter_map(|m| m.chart.take())
            .collect();
        json!({
            "repository": delivery.repository,
            "branch": delivery.branch,
            "path": delivery.path,
            "owner": owner(instance),
            "login": delivery.login,
            "files": files,
            "definition": definitions,
            "engine": {
                "kind": if delivery.flux { "flux" } else { "argocd" },
                "namespace": delivery.namespace,
                "root": NAME,
            },
            "ready": ready,
            "provides": provides,
            "chart": charts,
            "timeouts": { "create": "45m", "update": "45m", "delete": "30m" },
        })
    }

    /// How many committed nodes stand one after the other before each.
    fn waves(&self) -> BTreeMap<String, usize> {
        let by_address: BTreeMap<&str, &Member> =
            self.members.iter().map(|m| (&*m.address, m)).collect();
        let mut waves = BTreeMap::new();
        for member in &self.members {
            deep(member, &by_address, &mut waves);
        }
        waves
    }

    fn definitions(&self, node: &Node, member: &mut Member) {
        let name = format!("definitions-{}", node.name.replace('_', "-"));
        let texts = |field: &str| -> Vec<String> {
            let all = node.body[field].as_array().into_iter().flatten();
            all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let (urls, sums, provides) = (texts("urls"), texts("sha256"), texts("provides"));
        for ((url, sum), kind) in urls.iter().zip(&sums).zip(&node.kinds) {
            // `GROUP/KIND` of each file; of `provides` its versions.
            let (group, kind) = kind.split_once('/').unwrap_or_default();
            let of_kind = |p: &&String| {
                let mut parts = p.split('/');
                parts.next() == Some(group)
                    && parts
                        .nth(1)
                        .is_some_and(|k| k == kind || k.strip_suffix(":Cluster") == Some(kind))
            };
            let file_name = file(&format!("{kind}-{group}"));
            member.definitions.push(json!({
                "path": format!("definitions/{name}/{file_name}"),
                "url": url,
                "sha256": sum,
                "provides": provides.iter().filter(of_kind).collect::<Vec<_>>(),
            }));
        }
        if !self.delivery.flux {
            let folder = format!("{}/definitions/{name}", self.delivery.path);
            let source = json!({
                "repoURL": self.delivery.watched, "targetRevision": self.delivery.branch, "path": folder,
                "directory": { "recurse": true },
            });
            // Without a finalizer, and never pruned: with a definition go all its objects.
            let unit = application(&name, "default", source, false);
            member.objects.push(("application.yaml".to_owned(), unit));
        }
        member.group = name;
    }

    fn release(&self, node: &Node, member: &mut Member) {
        let text = |name: &str| node.body[name].as_str().unwrap_or_default().to_owned();
        let (release, namespace) = (text("name"), text("namespace"));
        member.group = format!("release-{}", node.name.replace('_', "-"));
        member.provides = Some((release.clone(), node.body["provides"].clone()));
        member.chart = Some(json!({
            "chart": node.body["chart"],
            "version": node.body["version"],
            "kube_versions": node.body["kube_versions"],
        }));
        let unit = node.name.replace('_', "-");
        if self.delivery.flux {
            let all = helm(&unit, node, &release, &namespace, self.delivery.namespace);
            member.objects.extend(all);
            return;
        }
        let (repository, chart) = (text("repository"), text("chart"));
        let mut source = match repository.strip_prefix("oci://") {
            Some(_) => json!({
                "repoURL": format!("{repository}/{chart}"),
                // A digest is another name for a version there.
                "targetRevision": node.body["digest"].as_str().map_or_else(|| text("version"), str::to_owned),
                "path": ".",
            }),
            None => {
                json!({ "repoURL": repository, "chart": chart, "targetRevision": text("version") })
            }
        };
        source["helm"] = json!({
            "releaseName": release,
            "skipCrds": node.body["skip_crds"],
            "valuesObject": node.body["values"],
        });
        let unit = application(&unit, &namespace, source, true);
        member.objects.push(("application.yaml".to_owned(), unit));
    }
}

/// An object of its own.
fn plain(node: &Node, member: &mut Member) {
    let object = node.body["manifest"].clone();
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Json::as_str)
            .unwrap_or_default()
    };
    let (kind, name, namespace) = (
        text("/kind").to_owned(),
        text("/metadata/name").to_owned(),
        text("/metadata/namespace").to_owned(),
    );
    let wait = &node.body["wait"];
    if !wait.is_null() {
        let mut ready = json!({
            "api_version": object["apiVersion"], "kind": kind, "name": name,
            "namespace": object["metadata"]["namespace"],
        });
        for field in ["condition", "fields", "rollout"] {
            ready[field] = wait[field].clone();
        }
        member.ready = Some(ready);
    }
    let own = BUILT_IN.contains(&api_group(&object));
    // Nobody waits for it directly either: a certificate of a host without a record is never ready. Not so what is unsealed.
    member.gated = own || !wait.is_null() || kind == "SealedSecret";
    // All that lets traffic into a namespace is one group: it waits for namespaces and charts alone.
    let (group, file_name) = match kind.as_str() {
        "NetworkPolicy" if name != "default-deny" => (format!("network-{namespace}"), file(&name)),
        _ => (node.name.replace('_', "-"), file(&format!("{kind}-{name}"))),
    };
    member.group = group;
    member.objects.push((file_name, object));
}

fn deep<'m>(
    member: &'m Member,
    all: &BTreeMap<&str, &'m Member>,
    waves: &mut BTreeMap<String, usize>,
) -> usize {
    if let Some(known) = waves.get(&member.address) {
        return *known;
    }
    let before = member.after.iter().filter_map(|a| all.get(a.as_str()));
    let before: Vec<&&Member> = before.collect();
    let wave = before
        .into_iter()
        .map(|m| deep(m, all, waves) + 1)
        .max()
        .unwrap_or(0);
    waves.insert(member.address.clone(), wave);
    wave
}

/// The group of an object's kind; empty for those of `v1`.
fn api_group(object: &Json) -> &str {
    let api = object["apiVersion"].as_str().unwrap_or_default();
    api.rsplit_once('/').map_or("", |(group, _)| group)
}

/// The name of a file.
fn file(name: &str) -> String {
    format!("{}.yaml", identifier(&[name]).replace('_', "-"))
}

/// With what the engine is to know of it.
fn annotated(mut object: Json, delivery: &Delivery, wave: usize, gated: bool) -> Json {
    let kind = object["kind"].as_str().unwrap_or_default();
    let kept = KEPT.contains(&(api_group(&object), kind));
    let mut annotations = object["metadata"]["annotations"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    if delivery.flux {
        if kept {
            annotations.insert(
                "kustomize.toolkit.fluxcd.io/prune".into(),
                json!("disabled"),
            );
        }
    } else {
        annotations.insert(
            "argocd.argoproj.io/sync-wave".into(),
            json!(wave.to_string()),
        );
        if !gated {
            annotations.insert(
                "argocd.argoproj.io/ignore-healthcheck".into(),
                json!("true"),
            );
        }
        if kept {
            annotations.insert(
                "argocd.argoproj.io/sync-options".into(),
                json!("Prune=false,Delete=false"),
            );
            // Else what stays would keep the whole from being synchronised.
            annotations.insert(
                "argocd.argoproj.io/compare-options".into(),
                json!("IgnoreExtraneous"),
            );
        }
    }
    if !annotations.is_empty() {
        object["metadata"]["annotations"] = Json::Object(annotations);
    }
    object
}

/// An Application. Those of charts take what they have made with them.
fn application(name: &str, namespace: &str, source: Json, cascade: bool) -> Json {
    let mut unit = object(
        ARGO,
        "Application",
        "argocd",
        name,
        json!({ "spec": spec(NAME, namespace, source, cascade) }),
    );
    if cascade {
        unit["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    }
    managed(unit)
}

fn spec(project: &str, namespace: &str, source: Json, prune: bool) -> Json {
    json!({
        "project": project,
        "source": source,
        "destination": { "server": HERE, "namespace": namespace },
        "syncPolicy": {
            "automated": { "prune": prune, "selfHeal": true },
            "syncOptions": [
                "ServerSideApply=true",
                "SkipDryRunOnMissingResource=true",
                "RespectIgnoreDifferences=true",
                "CreateNamespace=false",
                "PruneLast=true",
            ],
            "retry": { "limit": -1, "backoff": { "duration": "10s", "factor": 2, "maxDuration": "3m" } },
        },
    })
}

/// The Application that watches all objects of the folder, and what Applications of the folder may do.
pub(crate) fn argo_root(delivery: &Delivery) -> [Json; 2] {
    let any = json!([{ "group": "*", "kind": "*" }]);
    let project = object(
        ARGO,
        "AppProject",
        delivery.namespace,
        NAME,
        json!({ "spec": {
            "description": "The platform, as the stack says",
            // Charts come from where they are published.
            "sourceRepos": ["*"],
            "destinations": [{ "server": HERE, "namespace": "*" }],
            "clusterResourceWhitelist": any,
        } }),
    );
    let source = json!({
        "repoURL": delivery.watched,
        "targetRevision": delivery.branch,
        "path": format!("{}/objects", delivery.path),
        "directory": { "recurse": true },
    });
    // Without a finalizer: deleting it by mistake deletes nothing that runs.
    let root = object(
        ARGO,
        "Application",
        delivery.namespace,
        NAME,
        json!({ "spec": spec(NAME, delivery.namespace, source, true) }),
    );
    [project, root]
}

/// The account in whose name Flux does what the folder says, what it may do, and the Kustomization that watches the folder.
pub(crate) fn flux_root(delivery: &Delivery) -> [Json; 3] {
    let account = object(
        "v1",
        "ServiceAccount",
        delivery.namespace,
        ACCOUNT,
        json!({}),
    );
    let binding = object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "",
        "flux-platform",
        json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": delivery.namespace }],
        }),
    );
    let path = format!("./{}/sync", delivery.path);
    let root = unit(NAME, &path, true, &BTreeSet::new(), delivery);
    [account, binding, root]
}

/// The Kustomization of a group.
fn kustomization(group: &str, needs: &BTreeSet<String>, delivery: &Delivery) -> Json {
    let definitions = group.starts_with("definitions-");
    let folder = if definitions {
        "definitions"
    } else {
        "objects"
    };
    let path = format!("./{}/{folder}/{group}", delivery.path);
    managed(unit(
        &unit_name(group),
        &path,
        !definitions,
        needs,
        delivery,
    ))
}

/// A group's Kustomization is called after it; the root has its own name. Flux puts the name into a label of each object, which a
/// longer one could not be.
fn unit_name(group: &str) -> String {
    names::fit(NAME, group, 63)
}

fn unit(
    name: &str,
    path: &str,
    prune: bool,
    needs: &BTreeSet<String>,
    delivery: &Delivery,
) -> Json {
    let mut spec = json!({
        "interval": "10m",
        "retryInterval": "1m",
        "timeout": "15m",
        "path": path,
        "prune": prune,
        "wait": true,
        "serviceAccountName": ACCOUNT,
        "sourceRef": { "kind": "GitRepository", "name": SOURCE },
    });
    if !needs.is_empty() {
        let needs: Vec<Json> = needs
            .iter()
            .map(|g| json!({ "name": unit_name(g) }))
            .collect();
        spec["dependsOn"] = json!(needs);
    }
    if !prune {
        spec["deletionPolicy"] = json!("Orphan");
    }
    object(
        KUSTOMIZE,
        "Kustomization",
        delivery.namespace,
        name,
        json!({ "spec": spec }),
    )
}

/// A chart for Flux: where it is from, and how it is installed.
fn helm(
    unit: &str,
    node: &Node,
    release: &str,
    namespace: &str,
    home: &str,
) -> Vec<(String, Json)> {
    let repository = node.body["repository"].as_str().unwrap_or_default();
    let mut from = json!({ "interval": "12h", "url": repository });
    if repository.starts_with("oci://") {
        from["type"] = json!("oci");
    }
    let source = object(
        "source.toolkit.fluxcd.io/v1",
        "HelmRepository",
        home,
        unit,
        json!({ "spec": from }),
    );
    let crds = if node.body["skip_crds"] == true {
        "Skip"
    } else {
        "CreateReplace"
    };
    let tries = json!({ "retries": 3 });
    let spec = json!({
        "interval": "10m",
        "timeout": "15m",
        "releaseName": release,
        "targetNamespace": namespace,
        "storageNamespace": namespace,
        "serviceAccountName": ACCOUNT,
        "chart": { "spec": {
            "chart": node.body["chart"],
            "version": node.body["version"],
            "sourceRef": { "kind": "HelmRepository", "name": unit },
        } },
        "install": { "crds": crds, "remediation": tries },
        "upgrade": { "crds": crds, "remediation": tries },
        "driftDetection": { "mode": "enabled" },
        "values": node.body["values"],
    });
    let release = object(
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        home,
        unit,
        json!({ "spec": spec }),
    );
    vec![
        ("helmrepository.yaml".to_owned(), managed(source)),
        ("helmrelease.yaml".to_owned(), managed(release)),
    ]
}
