//! Flux.

use super::flux_controllers::{self, CONTROLLERS};
use super::{Config, held, login, repository, secret};
use crate::control::plain;
use crate::delivery;
use crate::flow::{Peer, Pods, Port};
use crate::identity::Lowered;
use crate::inside::Inside;
use crate::node::{Wait, identifier};
use crate::objects::object;
use crate::registries;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// Where it stands.
pub(super) const NAMESPACE: &str = "flux-system";
/// What the source is called.
const SOURCE: &str = delivery::SOURCE;
const LOGIN: &str = "config-repository";
/// Who looks for new versions of images.
const REFLECTOR: &str = "image-reflector-controller";

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    let definitions = inside.crds("flux");
    inside.bootstrap([definitions]);
    let role = inside.object(flux_controllers::role());
    let reads = config
        .images
        .iter()
        .any(|i| provider(&i.image, inside).is_some());
    let reader = reads.then(|| inside.reads_images(REFLECTOR, &part(REFLECTOR), REFLECTOR));
    let reader = reader.flatten();
    let mut running = Vec::new();
    for controller in CONTROLLERS {
        let mut before = vec![role.clone()];
        let identity = match (controller.name, &reader) {
            (REFLECTOR, Some(reader)) => reader.clone(),
            _ => Lowered::default(),
        };
        before.extend(identity.before.iter().cloned());
        for object in flux_controllers::objects(controller, &identity) {
            if object["kind"] == "Deployment" {
                let address = inside.waited(object, Wait::default().rollout());
                inside.after(&address, before.iter().cloned());
                running.push(address);
            } else {
                before.push(inside.object(object));
            }
        }
    }
    let mut before = running;
    if let Some(credentials) = config.credentials.first() {
        let data = login(
            credentials,
            ["username", "password", "identity", "known_hosts"],
        );
        before.push(secret(inside, NAMESPACE, LOGIN, Json::Null, data));
    }
    // A repository to which nothing was committed yet has no branch that could be ready.
    let wait = match inside.delivery {
        Some(_) => Wait::default(),
        None => Wait::default().condition("Ready"),
    };
    let source = inside.waited(source(config), wait);
    inside.after(&source, before);
    if let Some(delivery) = inside.delivery.clone() {
        let [account, binding, root] = delivery::flux_root(&delivery).map(|o| inside.object(o));
        let before = [account, binding, source.clone()];
        inside.after(&root, before.iter().cloned());
        inside.bootstrap(before.into_iter().chain([root]));
    }
    for object in images(config, reader.is_some(), inside) {
        let address = inside.object(object);
        inside.after(&address, [source.clone()]);
    }
    flows(inside);
}

/// The apps' folders, each applied in a name of its own.
pub(super) fn folders(config: &Config, inside: &mut Inside<'_>) {
    let source = format!(
        "kubernetes_manifest.{}",
        identifier(&["GitRepository", NAMESPACE, SOURCE])
    );
    let role = held::role(&held::kinds(inside));
    let role = inside.object(role);
    for app in inside.apps.clone() {
        let account = format!("app-{}", app.name);
        let binding = json!({
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": held::ROLE },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": NAMESPACE }],
        });
        let rbac = "rbac.authorization.k8s.io/v1";
        let gates = [
            inside.object(object(
                "v1",
                "ServiceAccount",
                NAMESPACE,
                &account,
                json!({}),
            )),
            inside.object(object(
                rbac,
                "RoleBinding",
                app.namespace(),
                held::ROLE,
                binding,
            )),
        ];
        let spec = json!({
            "interval": "10m",
            "retryInterval": "1m",
            "timeout": "5m",
            "path": format!("./{}/{}", config.path, app.name),
            "prune": true,
            // Deleting this by mistake deletes nothing that runs.
            "deletionPolicy": "Orphan",
            "targetNamespace": app.namespace(),
            // What the folder says is done in this name, which can do nothing elsewhere.
            "serviceAccountName": account,
            "sourceRef": { "kind": "GitRepository", "name": SOURCE },
        });
        let kustomization = object(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            NAMESPACE,
            &app.name,
            json!({ "spec": spec }),
        );
        let address = inside.object(kustomization);
        let before = gates.into_iter().chain([role.clone(), source.clone()]);
        inside.after(&address, before);
    }
}

fn source(config: &Config) -> Json {
    let mut spec = json!({
        "interval": "1m",
        "url": repository(config),
        "ref": { "branch": config.branch },
        "timeout": "60s",
    });
    if !config.credentials.is_empty() {
        spec["secretRef"] = json!({ "name": LOGIN });
    }
    object(
        "source.toolkit.fluxcd.io/v1",
        "GitRepository",
        NAMESPACE,
        SOURCE,
        json!({ "spec": spec }),
    )
}

/// How Flux logs in to the registry of an image: as the pod that it is, where that is one of the cluster's own cloud.
/// <https://fluxcd.io/flux/components/image/imagerepositories/#provider>
fn provider(image: &str, inside: &Inside<'_>) -> Option<&'static str> {
    match (&inside.site.cloud, registries::cloud_of(image)?) {
        (Cloud::Aws(_), "aws") => Some("aws"),
        (Cloud::Google(_), "google") => Some("gcp"),
        (Cloud::Azure(_), "azure") => Some("azure"),
        _ => None,
    }
}

fn part(name: &str) -> Pods {
    Pods::of(NAMESPACE, name, &[("app", name)])
}

/// New versions of images, written into the repository where files are marked; `private` where registries of the cloud can be logged in to.
fn images(config: &Config, private: bool, inside: &Inside<'_>) -> Vec<Json> {
    let api = "image.toolkit.fluxcd.io/v1";
    let mut out = Vec::new();
    for image in &config.images {
        let mut repository = json!({ "image": image.image, "interval": "5m" });
        if let Some(provider) = provider(&image.image, inside).filter(|_| private) {
            repository["provider"] = json!(provider);
        }
        out.push(object(
            api,
            "ImageRepository",
            NAMESPACE,
            &image.name,
            json!({ "spec": repository }),
        ));
        let policy = json!({
            "imageRepositoryRef": { "name": image.name },
            "policy": { "semver": { "range": image.range } },
            "digestReflectionPolicy": "IfNotPresent",
        });
        out.push(object(
            api,
            "ImagePolicy",
            NAMESPACE,
            &image.name,
            json!({ "spec": policy }),
        ));
    }
    if !out.is_empty() {
        let spec = plain(json!({
            "interval": "5m",
            "sourceRef": { "kind": "GitRepository", "name": SOURCE },
            "git": {
                "checkout": { "ref": { "branch": config.branch } },
                "commit": {
                    "author": { "name": "flux", "email": "flux@localhost" },
                    "messageTemplate": "New images\n\n{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}",
                },
                "push": { "branch": config.branch },
            },
            "update": { "path": format!("./{}", config.path), "strategy": "Setters" },
        }));
        out.push(object(
            api,
            "ImageUpdateAutomation",
            NAMESPACE,
            SOURCE,
            json!({ "spec": spec }),
        ));
    }
    out
}

fn flows(inside: &mut Inside<'_>) {
    let [source, notification] = ["source-controller", "notification-controller"].map(part);
    for controller in CONTROLLERS {
        let pods = part(controller.name);
        inside.calls_api(&pods);
        inside.scrape(&pods, 8080, "/metrics");
        if controller.name != "notification-controller" {
            inside.allow(
                Peer::Pods(pods.clone()),
                Peer::Pods(notification.clone()),
                &[Port::tcp(9090)],
            );
        }
        if [
            "kustomize-controller",
            "helm-controller",
            "image-automation-controller",
        ]
        .contains(&controller.name)
        {
            inside.allow(
                Peer::Pods(pods.clone()),
                Peer::Pods(source.clone()),
                &[Port::tcp(9090)],
            );
        }
        let out: &[Port] = match controller.name {
            "source-controller" | "image-automation-controller" => &[Port::tcp(443), Port::tcp(22)],
            "image-reflector-controller" | "notification-controller" => &[Port::tcp(443)],
            _ => continue,
        };
        inside.allow(Peer::Pods(pods), Peer::Internet, out);
    }
}
