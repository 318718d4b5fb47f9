//! `delivery = "gitops"`: the same objects in the same order, in files.

use crate::alternatives::{CONTROLS, choices, on, with_database};
use crate::fixture::{nodes, with};
use crate::schema;
use infra_model::expand::Expansion;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const REPOSITORY: &str = "kubernetes_config_repository.platform";
const ENGINES: [&str; 2] = ["argocd", "flux"];

/// A title, and the same inputs committed and directly.
type Case = (String, Expansion, Expansion);

/// Every choice of every control under every engine; made once for all tests.
pub(crate) fn all() -> &'static [Case] {
    static ALL: OnceLock<Vec<Case>> = OnceLock::new();
    ALL.get_or_init(made)
}

fn made() -> Vec<Case> {
    let mut out = Vec::new();
    for engine in ENGINES {
        for (cloud, (name, choice)) in [("aws", 0), ("google", 1), ("azure", 0)]
            .map(|(cloud, i)| (cloud, choices()[i].clone()))
        {
            let mut inputs = with(with_database(), choice);
            if name == "second" {
                inputs["apps"]["shop"]["pod_security"] = json!("baseline");
            }
            inputs["gitops"]["engine"] = json!(engine);
            if engine == "argocd" {
                inputs["gitops"]
                    .as_object_mut()
                    .expect("a table")
                    .shift_remove("images");
            } else {
                inputs["gitops"]
                    .as_object_mut()
                    .expect("a table")
                    .shift_remove("sso");
            }
            inputs["cluster"] = json!("main");
            inputs["profile"] = json!(CONTROLS);
            let direct = on(cloud).add("hardening", "main", &inputs);
            inputs["delivery"] = json!("gitops");
            let committed = on(cloud).add("hardening", "main", &inputs);
            out.push((
                format!("{engine} on {cloud}, {name} choice"),
                committed,
                direct,
            ));
        }
    }
    out
}

pub(crate) fn files(expansion: &Expansion) -> Map<String, Json> {
    let repository = nodes(expansion).remove(REPOSITORY).expect("a repository");
    repository["files"].as_object().expect("files").clone()
}

/// Which object, as text.
fn name(object: &Json) -> String {
    let metadata = &object["metadata"];
    format!(
        "{} {} {} {}",
        object["apiVersion"], object["kind"], metadata["namespace"], metadata["name"]
    )
}

fn without_annotations(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.shift_remove("annotations");
    }
    object
}

#[test]
fn whatever_is_applied_directly_is_committed_or_applied() {
    for (title, committed, direct) in all() {
        let files = files(committed);
        let in_files: BTreeMap<String, &Json> = files.values().map(|o| (name(o), o)).collect();
        let own = nodes(committed);
        for (address, body) in nodes(direct) {
            let kind = address.split('.').next().unwrap_or_default();
            if own.contains_key(&address) {
                continue;
            }
            match kind {
                "kubernetes_manifest" => {
                    let found = in_files.get(&name(&body["manifest"]));
                    let found = found.unwrap_or_else(|| panic!("{title}: {address} is nowhere"));
                    assert_eq!(
                        without_annotations(found),
                        without_annotations(&body["manifest"]),
                        "{title}"
                    );
                }
                "kubernetes_namespace" => {
                    let file = files.values().find(|o| {
                        o["kind"] == "Namespace"
                            && o["metadata"]["name"] == body["metadata"]["name"]
                    });
                    assert!(file.is_some(), "{title}: {address} is nowhere");
                }
                "kubernetes_secret" => {
                    let sealed = files.values().find(|o| {
                        o["kind"] == "SealedSecret"
                            && o["metadata"]["name"] == body["metadata"]["name"]
                    });
                    assert!(sealed.is_some(), "{title}: {address} is nowhere");
                }
                "helm_release" => release(title, &files, &body),
                "kubernetes_crds" => {
                    let repository = &own[REPOSITORY];
                    let copied: Vec<&Json> = repository["definition"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .collect();
                    for (url, sum) in body["urls"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .zip(body["sha256"].as_array().into_iter().flatten())
                    {
                        let found = copied.iter().find(|d| d["url"] == *url);
                        assert_eq!(found.map(|d| &d["sha256"]), Some(sum), "{title}: {url}");
                    }
                }
                other => panic!("{title}: {other} is left out"),
            }
        }
        // The state keeps little: what it does not, it hands over.
        let handed: BTreeSet<String> = committed
            .handed_over
            .iter()
            .map(|[(kind, name), _]| format!("{kind}.{name}"))
            .collect();
        let gone: BTreeSet<String> = nodes(direct)
            .keys()
            .filter(|a| !own.contains_key(*a))
            .cloned()
            .collect();
        assert_eq!(handed, gone, "{title}");
        assert!(handed.len() > 60, "{title}: {}", handed.len());
    }
}

/// Version and values are those of the release.
fn release(title: &str, files: &Map<String, Json>, body: &Json) {
    let of_argo = files.values().find(|o| {
        o["kind"] == "Application" && o["spec"]["source"]["helm"]["releaseName"] == body["name"]
    });
    let of_flux = files
        .values()
        .find(|o| o["kind"] == "HelmRelease" && o["spec"]["releaseName"] == body["name"]);
    let (version, values, namespace) = match (of_argo, of_flux) {
        (Some(unit), None) => (
            &unit["spec"]["source"]["targetRevision"],
            &unit["spec"]["source"]["helm"]["valuesObject"],
            &unit["spec"]["destination"]["namespace"],
        ),
        (None, Some(unit)) => (
            &unit["spec"]["chart"]["spec"]["version"],
            &unit["spec"]["values"],
            &unit["spec"]["targetNamespace"],
        ),
        found => panic!("{title}: {} is {found:?}", body["name"]),
    };
    let pins = [&body["version"], &body["digest"]];
    assert!(pins.contains(&version), "{title}: {version}");
    assert_eq!(values, &body["values"], "{title}");
    assert_eq!(namespace, &body["namespace"], "{title}");
}

#[test]
fn what_flux_writes_into_labels_fits_there() {
    let mut long = 0;
    for (title, committed, _) in all() {
        let files = files(committed);
        let units = files.iter().filter(|(path, _)| path.starts_with("sync/"));
        let mut names = BTreeSet::new();
        for (path, unit) in units {
            let name = unit["metadata"]["name"].as_str().expect("a name");
            assert!(name.len() <= 63, "{title}: {name}");
            assert!(names.insert(name.to_owned()), "{title}: {name} twice");
            long += usize::from(group(path).len() + "platform-".len() > 63);
        }
    }
    assert!(long > 0, "no group has so long a name");
}

#[test]
fn no_file_is_a_secret_and_no_text_of_one_stands_in_a_file() {
    for (title, committed, _) in all() {
        for (path, object) in files(committed) {
            assert_ne!(object["kind"], "Secret", "{title}: {path}");
            let text = object.to_string();
            // What stands for secrets in these inputs.
            for secret in [
                "hooks.slack.com",
                "client_secret]",
                ".credentials",
                ".push",
                "private_key_pem",
                "random_password",
            ] {
                assert!(!text.contains(secret), "{title}: {path} has {secret}");
            }
        }
    }
}

#[test]
fn rendering_is_a_fixed_point() {
    for ((title, first, _), (_, second, _)) in all().iter().zip(made()) {
        assert_eq!(
            nodes(first)[REPOSITORY],
            nodes(&second)[REPOSITORY],
            "{title}"
        );
    }
}

/// The addresses that a node of the direct graph has before it.
fn before(direct: &Map<String, Json>, address: &str) -> BTreeSet<String> {
    let listed = direct[address]["depends_on"].as_array();
    listed
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect()
}

/// The object that a node of the direct graph became, and its path.
fn file_of<'f>(
    files: &'f Map<String, Json>,
    address: &str,
    body: &Json,
) -> Option<(&'f String, &'f Json)> {
    let kind = address.split('.').next().unwrap_or_default();
    files.iter().find(|(path, object)| match kind {
        "kubernetes_manifest" => name(object) == name(&body["manifest"]),
        "kubernetes_namespace" => {
            object["kind"] == "Namespace" && object["metadata"]["name"] == body["metadata"]["name"]
        }
        "kubernetes_secret" => {
            object["kind"] == "SealedSecret"
                && object["metadata"]["name"] == body["metadata"]["name"]
        }
        "helm_release" => {
            object["spec"]["source"]["helm"]["releaseName"] == body["name"]
                || object["kind"] == "HelmRelease" && object["spec"]["releaseName"] == body["name"]
        }
        _ => {
            let system = address
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .replace('_', "-");
            path.contains(&format!("definitions-{system}/"))
                || **path == format!("sync/definitions-{system}.yaml")
        }
    })
}

#[test]
fn waves_follow_the_graph() {
    let mut compared = 0;
    for (title, committed, direct) in all() {
        let files = files(committed);
        let own = nodes(committed);
        let direct = &nodes(direct);
        let flux = title.starts_with("flux");
        for (address, body) in direct {
            if own.contains_key(address) {
                continue;
            }
            let Some((path, object)) = file_of(&files, address, body) else {
                panic!("{title}: {address} is nowhere");
            };
            for earlier in before(direct, address) {
                let Some(other) = direct.get(&earlier).filter(|_| !own.contains_key(&earlier))
                else {
                    continue;
                };
                let (other_path, other) = file_of(&files, &earlier, other).expect("a file");
                compared += 1;
                if flux {
                    let (group, needed) = (group(path), group(other_path));
                    assert!(
                        group == needed || reaches(&files, group, needed),
                        "{title}: {address} does not wait for {earlier}"
                    );
                } else {
                    assert!(
                        wave(object) > wave(other),
                        "{title}: {address} is not after {earlier}"
                    );
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

fn wave(object: &Json) -> i64 {
    let said = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str();
    said.expect("a wave").parse().expect("a number")
}

/// The group of a file: `objects/GROUP/…`, `sync/GROUP.yaml`.
fn group(path: &str) -> &str {
    let rest = path.split_once('/').map_or(path, |(_, rest)| rest);
    rest.split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".yaml")
}

/// The group whose Kustomization is called so. Flux writes the name into a label, which has at most 63 letters.
fn named(files: &Map<String, Json>, name: &str) -> String {
    let mut units = files.iter().filter(|(path, _)| path.starts_with("sync/"));
    let found = units.find(|(_, unit)| unit["metadata"]["name"] == name);
    let (path, _) = found.unwrap_or_else(|| panic!("no Kustomization is called {name}"));
    group(path).to_owned()
}

/// Whether a group's Kustomization waits for another's, directly or by others; waiting in a circle is a failure.
fn reaches(files: &Map<String, Json>, from: &str, to: &str) -> bool {
    let needs = |group: &str| -> Vec<String> {
        let unit = &files[&format!("sync/{group}.yaml")];
        let all = unit["spec"]["dependsOn"].as_array();
        let names = all.into_iter().flatten().filter_map(|d| d["name"].as_str());
        names.map(|name| named(files, name)).collect()
    };
    let mut open = needs(from);
    let mut seen = BTreeSet::new();
    while let Some(group) = open.pop() {
        assert_ne!(group, from, "{from} waits for itself");
        if group == to {
            return true;
        }
        if seen.insert(group.clone()) {
            open.extend(needs(&group));
        }
    }
    false
}

/// Objects that only files have, with their titles: all others are judged as they are applied directly.
fn only_in_files() -> Vec<(String, Json)> {
    let kinds = [
        "Application",
        "HelmRelease",
        "HelmRepository",
        "Kustomization",
        "SealedSecret",
        "AppProject",
    ];
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for (title, committed, _) in all() {
        let roots = nodes(committed)
            .into_iter()
            .filter_map(|(address, mut body)| {
                (body.get("manifest").is_some()).then(|| (address, body["manifest"].take()))
            });
        for (path, mut object) in files(committed).into_iter().chain(roots) {
            if !kinds.iter().any(|k| object["kind"] == *k) {
                continue;
            }
            if object["kind"] == "SealedSecret" {
                // What the resource that seals it gives.
                object["spec"]["encryptedData"] = json!({ "key": "AgA=" });
            }
            if seen.insert(object.to_string()) {
                out.push((format!("{title}: {path}"), object));
            }
        }
    }
    out
}

#[test]
fn files_are_as_their_definitions_want_them() {
    for (title, object) in only_in_files() {
        let wrong = schema::problems(&object);
        assert!(
            wrong.is_empty(),
            "{title}\n{}\n{object:#}",
            wrong.join("\n")
        );
    }
}

/// What holds data stays in the cluster when it is gone from the repository.
#[test]
fn data_outlives_the_file_that_it_came_with() {
    for (title, committed, _) in all() {
        for (path, object) in files(committed) {
            let kind = object["kind"].as_str().unwrap_or_default();
            let group = object["apiVersion"].as_str().unwrap_or_default();
            let data = ["Namespace", "postgresql", "Elasticsearch"].contains(&kind)
                || (kind == "Cluster" && group.contains("cnpg"));
            let annotations = &object["metadata"]["annotations"];
            let kept = annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
                || annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled";
            assert_eq!(kept, data, "{title}: {path}");
            if path.contains("definitions-") {
                let prune = [
                    &object["spec"]["syncPolicy"]["automated"]["prune"],
                    &object["spec"]["prune"],
                ];
                assert!(prune.contains(&&json!(false)), "{title}: {path}");
            }
        }
    }
}

#[test]
fn argo_cd_is_told_what_it_has_to_know() {
    let (title, committed, _) = &all()[0];
    assert!(title.starts_with("argocd"));
    let own = nodes(committed);
    let root = &own["kubernetes_manifest.application_argocd_platform"]["manifest"];
    assert_eq!(root["spec"]["source"]["path"], "platform/objects");
    let release = own["helm_release.argo_cd"]["values"].to_string();
    for part in ["caBundle", "health.argoproj.io_Application"] {
        assert!(release.contains(part), "{part}");
    }
    let applications = files(committed);
    let applications = applications
        .values()
        .filter(|o| o["kind"] == "Application")
        .chain([root]);
    for application in applications {
        let options = application["spec"]["syncPolicy"]["syncOptions"].to_string();
        for option in ["ServerSideApply=true", "SkipDryRunOnMissingResource=true"] {
            assert!(options.contains(option), "{options}");
        }
    }
}

fn committed(cloud: &str, controls: &[&str], more: Json) -> Expansion {
    let gitops = json!({ "delivery": "gitops", "gitops": { "repository": "https://github.com/acme/config" } });
    let controls: Vec<&str> = controls.iter().copied().chain(["gitops"]).collect();
    on(cloud).harden(&controls, with(with(crate::fixture::shop(), gitops), more))
}

/// Without a zone nobody makes the record that a certificate waits for: it holds nothing up, as it does not directly.
#[test]
fn what_is_not_waited_for_directly_holds_nothing_up() {
    let expansion = committed(
        "aws",
        &["tls"],
        json!({ "tls": { "email": "ops@example.com" } }),
    );
    let files = files(&expansion);
    let annotation = |part: &str| {
        let found = files.iter().find(|(path, _)| path.contains(part));
        let (_, object) = found.unwrap_or_else(|| panic!("no {part}: {:?}", files.keys()));
        object["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"].clone()
    };
    assert_eq!(annotation("certificate-tls-shop"), "true");
    assert_eq!(annotation("gateway-main.yaml"), Json::Null);
    assert_eq!(annotation("release-cert-manager"), Json::Null);
}

/// A record of the cloud's waits for the Gateway, and the certificate for the record: they come after the commit, by themselves.
#[test]
fn what_waits_for_the_cloud_is_applied_after_the_commit() {
    let tls = json!({ "tls": { "email": "ops@example.com", "dns": { "zone": "shop" } } });
    let expansion = committed("google", &["tls"], tls);
    let own = nodes(&expansion);
    let record = &own["google_dns_record_set.host_shop_example_com"];
    let address = "${try(data.kubernetes_resource.gateway_gateway_main.object.status.addresses[0].value, null)}";
    assert_eq!(record["rrdatas"], json!([address]));
    assert!(own.contains_key("kubernetes_resource.gateway_gateway_main"));
    let certificate = &own["kubernetes_manifest.certificate_gateway_tls_shop_example_com"];
    let after = certificate["depends_on"].to_string();
    assert!(
        after.contains(REPOSITORY) && after.contains("google_dns_record_set"),
        "{after}"
    );
    let before = own[REPOSITORY]["depends_on"].to_string();
    for late in ["google_dns_record_set", "certificate_gateway", "data."] {
        assert!(!before.contains(late), "{late}: {before}");
    }
}

/// Without a certificate to seal with, Secrets are applied directly, and what they need with them.
#[test]
fn secrets_that_cannot_be_sealed_are_applied() {
    let more = json!({ "monitoring": { "slack_webhook": "https://hooks.slack.com/services/x" } });
    let expansion = committed("aws", &["monitoring"], more);
    let own = nodes(&expansion);
    for address in [
        "kubernetes_secret.monitoring_alertmanager_slack",
        "kubernetes_namespace.monitoring",
    ] {
        assert!(own.contains_key(address), "{address}: {:?}", own.keys());
    }
    assert!(
        files(&expansion)
            .values()
            .all(|o| o["kind"] != "SealedSecret")
    );
    assert!(!own.keys().any(|a| a.starts_with("sealed_secret.")));
}

/// A real API server takes what only files have, strictly; it is asked about all others as they are applied directly.
#[cfg(unix)]
#[test]
fn a_real_server_accepts_every_file() {
    let Some(plane) = crate::plane::with_definitions("a_real_server_accepts_every_file") else {
        return;
    };
    let objects: Vec<Json> = only_in_files()
        .iter()
        .map(|(_, object)| crate::alternatives::rendered(object))
        .collect();
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .filter_map(|o| o["metadata"]["namespace"].as_str())
        .collect();
    let namespaces: Vec<Json> = namespaces
        .into_iter()
        .map(|n| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": n } }))
        .collect();
    let list =
        |items: &[Json]| json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    plane.apply(&list(&namespaces)).done();
    let arguments = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
    ];
    let answer = plane.kubectl_with(&arguments, &list(&objects));
    assert!(answer.ok, "{}", answer.stderr);
    assert!(objects.len() > 60, "{}", objects.len());
}

#[test]
fn what_cannot_be_committed_is_refused() {
    let refused = |controls: &[&str], more: Json| on("aws").refused(controls, more);
    let gitops = |more: Json| {
        let base = json!({ "repository": "https://github.com/acme/config" });
        json!({ "delivery": "gitops", "gitops": with(base, more) })
    };
    let all = [
        refused(&["quotas"], json!({ "delivery": "gitops" })),
        refused(
            &["quotas", "gitops"],
            gitops(json!({ "platform": "/platform" })),
        ),
        refused(
            &["quotas", "gitops"],
            gitops(json!({ "platform": "apps/platform" })),
        ),
        refused(
            &["quotas", "gitops"],
            gitops(json!({ "repository": "/srv/config.git" })),
        ),
        refused(&["quotas"], json!({ "delivery": "by-hand" })),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
