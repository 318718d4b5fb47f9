//! External Secrets: brings to namespaces what a Vault or the cloud's secret manager keeps. The password of a managed database comes
//! this way to the apps that call it, and follows when it is rotated: neither the stack nor the state ever has it.

use super::stores::{self, Open};
use crate::flow::{Peer, Pods, Port};
use crate::identity::Grant;
use crate::inside::{Inside, Release};
use crate::node::{Wait, identifier};
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use infra_model::Value;
use infra_model::expand::Known;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where it runs.
pub(super) const NAMESPACE: &str = "external-secrets";
/// The service account of an app's namespace by which secrets come from a Vault.
pub(super) const ACCOUNT: &str = "external-secrets";
/// Of its kinds.
pub(super) const VERSION: &str = "external-secrets.io/v1";
/// Of what it pushes.
const PUSH_VERSION: &str = "external-secrets.io/v1alpha1";
/// How soon a rotated password is followed.
const REFRESH: &str = "5m";

/// A managed database that apps call.
struct Database {
    known: Known,
    /// What its objects are called: `database-shop`.
    name: String,
    /// The namespaces of the apps that call it.
    namespaces: BTreeSet<String>,
}

/// What asks for secrets.
pub(super) fn controller() -> Pods {
    part("controller", "external-secrets")
}

fn part(name: &str, label: &str) -> Pods {
    Pods::of(NAMESPACE, name, &[("app.kubernetes.io/name", label)])
}

/// External Secrets with the passwords of all managed databases that apps call. It is not there where it would do nothing: without them
/// and `needed` by nobody else.
pub(super) fn expand(needed: bool, inside: &mut Inside<'_>) {
    let databases = databases(inside);
    if databases.is_empty() && !needed {
        return;
    }
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("external-secrets");
    release(inside);
    traffic(inside);
    stores::guard(inside);
    for database in &databases {
        bring(database, inside);
    }
}

/// The managed databases that services name under `to`. What is wrong with a name is said where flows are read.
fn databases(inside: &Inside<'_>) -> Vec<Database> {
    let mut found: BTreeMap<String, Database> = BTreeMap::new();
    for app in &inside.apps {
        let named = inside
            .services(&app.name)
            .iter()
            .flat_map(|r| &r.service.to);
        for name in named.filter_map(|to| to.strip_prefix("database.")) {
            let Some(known) = (inside.draft.instance.lookup)("database", name) else {
                continue;
            };
            let database = found
                .entry(known.reference.clone())
                .or_insert_with(|| Database {
                    name: identifier(&["database", name]).replace('_', "-"),
                    known,
                    namespaces: BTreeSet::new(),
                });
            database.namespaces.insert(app.namespace().to_owned());
        }
    }
    found.into_values().collect()
}

fn release(inside: &mut Inside<'_>) {
    let small = |limits: [&str; 2]| resources(["10m", "64Mi"], limits);
    let disruption = || json!({ "enabled": true, "minAvailable": 1 });
    let values = json!({
        "installCRDs": false,
        "replicaCount": 2,
        "leaderElect": true,
        "podDisruptionBudget": disruption(),
        "resources": resources(["50m", "128Mi"], ["300m", "512Mi"]),
        "webhook": { "replicaCount": 2, "podDisruptionBudget": disruption(), "resources": small(["100m", "128Mi"]) },
        "certController": { "resources": small(["200m", "256Mi"]) },
    });
    inside.release(Release {
        chart: "external-secrets",
        namespace: NAMESPACE,
        values,
        kinds: &[
            "external-secrets.io/ExternalSecret",
            "external-secrets.io/SecretStore",
            "external-secrets.io/ClusterSecretStore",
            "external-secrets.io/PushSecret",
        ],
        serves: &["external-secrets.io"],
        provides: &[
            "Deployment/external-secrets",
            "Deployment/external-secrets-webhook",
            "Deployment/external-secrets-cert-controller",
        ],
        ..Release::default()
    });
}

fn traffic(inside: &mut Inside<'_>) {
    let webhook = part("webhook", "external-secrets-webhook");
    let certificates = part("cert-controller", "external-secrets-cert-controller");
    for pods in [&controller(), &webhook, &certificates] {
        inside.calls_api(pods);
        inside.scrape(pods, 8080, "/metrics");
    }
    inside.called_by_api(&webhook, 10250);
}

/// Opens a port of a server to the controller.
pub(super) fn reaches(server: Peer, port: Port, inside: &mut Inside<'_>) {
    inside.allow(Peer::Pods(controller()), server, &[port]);
}

/// A store of a namespace, or one that conditions open to several; its address.
pub(super) fn store(namespace: &str, name: &str, rest: Json, inside: &mut Inside<'_>) -> String {
    let kind = if namespace.is_empty() {
        "ClusterSecretStore"
    } else {
        "SecretStore"
    };
    let store = object(VERSION, kind, namespace, name, rest);
    inside.waited(store, ready())
}

/// A secret that is brought from a store; its address.
pub(super) fn secret(
    namespace: &str,
    name: &str,
    spec: Json,
    store: String,
    inside: &mut Inside<'_>,
) -> String {
    let rest = json!({ "spec": spec });
    let secret = object(VERSION, "ExternalSecret", namespace, name, rest);
    let secret = inside.waited(secret, ready());
    inside.after(&secret, [store]);
    secret
}

/// A secret that is brought to a store, after these.
pub(super) fn push(
    namespace: &str,
    name: &str,
    spec: Json,
    after: impl IntoIterator<Item = String>,
    inside: &mut Inside<'_>,
) {
    let rest = json!({ "spec": spec });
    let push = object(PUSH_VERSION, "PushSecret", namespace, name, rest);
    let push = inside.waited(push, ready());
    inside.after(&push, after);
}

fn ready() -> Wait {
    Wait::default().condition("Ready")
}

/// The secret `database-NAME` in each namespace whose services call it, from a store that is open to them alone.
fn bring(database: &Database, inside: &mut Inside<'_>) {
    let id = format!("{}.secret_id", database.known.reference);
    let (place, key) = kept(&inside.site.cloud, &id);
    let name = &database.name;
    let grant = Grant::Password(database.known.reference.clone());
    let login = stores::login(name, Open::Wide, grant, &place, inside);
    let spec = json!({ "provider": login.provider, "conditions": [{ "namespaces": database.namespaces }] });
    let address = store("", name, json!({ "spec": spec }), inside);
    inside.after(&address, login.before);
    for namespace in &database.namespaces {
        let spec = json!({
            "refreshInterval": REFRESH,
            "secretStoreRef": { "kind": "ClusterSecretStore", "name": name },
            "target": {
                "name": name,
                "creationPolicy": "Owner",
                "template": { "engineVersion": "v2", "data": contents(&database.known) },
            },
            "data": [{ "secretKey": "password", "remoteRef": key }],
        });
        secret(namespace, name, spec, address.clone(), inside);
    }
}

/// The secret manager of a secret, for [`stores::login`], and what is asked of it: by an expression of the secret's id, as the component
/// `database` gives it.
fn kept(cloud: &Cloud, secret: &str) -> (String, Json) {
    match cloud {
        // RDS keeps user and password in one secret.
        Cloud::Aws(_) => (
            secret.to_owned(),
            json!({ "key": format!("${{{secret}}}"), "property": "password" }),
        ),
        Cloud::Google(_) => (
            secret.to_owned(),
            json!({ "key": format!("${{split(\"/\", {secret})[3]}}") }),
        ),
        // https://VAULT/…/secrets/NAME
        Cloud::Azure(_) => (
            format!("split(\"/secrets/\", {secret})[0]"),
            json!({ "key": format!("${{split(\"/secrets/\", {secret})[1]}}") }),
        ),
    }
}

/// What an app finds in the secret; External Secrets fills in the password.
fn contents(database: &Known) -> Json {
    let of = |output: &str| format!("${{{}.{output}}}", database.reference);
    let engine = database.facts.get("engine").and_then(Value::as_str);
    let (scheme, tls) = match engine {
        Some("mysql") => ("mysql", "ssl-mode=REQUIRED"),
        _ => ("postgresql", "sslmode=require"),
    };
    let uri = format!(
        "{scheme}://{}:{{{{ .password | urlquery }}}}@{}/{}?{tls}",
        of("username"),
        of("endpoint"),
        of("database")
    );
    json!({
        "host": of("address"),
        // Everything in a Secret is text.
        "port": format!("${{tostring({}.port)}}", database.reference),
        "database": of("database"),
        "username": of("username"),
        "password": "{{ .password }}",
        "uri": uri,
    })
}
