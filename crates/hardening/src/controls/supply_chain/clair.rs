//! Clair, for pipelines that ask it about images. It has no chart of the project's own: one Deployment in its combined mode, on a
//! database of CloudNativePG's.

use super::Config;
use crate::control::plain;
use crate::controls::network;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;
use crate::node::Wait;
use crate::objects::{object, resources};
use serde_json::json;

const NAMESPACE: &str = "clair";
const NAME: &str = "clair";
const DATABASE: &str = "clair-postgres";
/// Where it answers.
const PORT: u16 = 6060;
const IMAGE: &str = "quay.io/projectquay/clair:4.9.0";
/// Its Postgres, by the minor: the tag of the major alone becomes another image by itself, and a pod that moves another version.
const POSTGRES: &str = "ghcr.io/cloudnative-pg/postgresql:17.10-standard-trixie";

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    let databases = inside
        .on("database")
        .then(|| {
            inside
                .config::<crate::controls::database::Config>("database")
                .ok()
        })
        .flatten();
    if databases.is_none_or(|d| d.operator != "cloudnative-pg") {
        inside.draft.refuse(
            "supply_chain.clair",
            "Clair keeps what it knows in a Postgres, and nobody runs one",
            "switch the control `database` on, with `operator = \"cloudnative-pg\"`",
        );
        return;
    }
    inside.namespace(NAMESPACE, "restricted");
    let spec = json!({
        "instances": 1,
        "imageName": POSTGRES,
        "bootstrap": { "initdb": { "database": "app", "owner": "app" } },
        "storage": { "size": "20Gi" },
        "resources": resources(["200m", "1Gi"], ["1", "1Gi"]),
    });
    let database = object(
        "postgresql.cnpg.io/v1",
        "Cluster",
        NAMESPACE,
        DATABASE,
        json!({ "spec": spec }),
    );
    let database = inside.waited(database, Wait::default().condition("Ready"));

    // The rest of the connection is in the environment, from the Secret that the operator makes.
    let connection = "sslmode=require";
    let settings = json!({
        "http_listen_addr": format!(":{PORT}"),
        "introspection_addr": ":8089",
        "log_level": "info",
        "indexer": { "connstring": connection, "migrations": true },
        "matcher": { "connstring": connection, "migrations": true },
        "notifier": { "connstring": connection, "migrations": true },
        "metrics": { "name": "prometheus" },
    });
    let data = json!({ "data": { "config.yaml": settings.to_string() } });
    let configured = inside.object(object("v1", "ConfigMap", NAMESPACE, NAME, data));

    let from = |name: &str, key: &str| {
        let source = json!({ "secretKeyRef": { "name": format!("{DATABASE}-app"), "key": key } });
        json!({ "name": name, "valueFrom": source })
    };
    let labels = json!({ "app.kubernetes.io/name": NAME });
    let container = json!({
        "name": NAME,
        "image": IMAGE,
        "env": [
            { "name": "CLAIR_MODE", "value": "combo" },
            { "name": "CLAIR_CONF", "value": "/etc/clair/config.yaml" },
            from("PGHOST", "host"),
            from("PGPORT", "port"),
            from("PGDATABASE", "dbname"),
            from("PGUSER", "username"),
            from("PGPASSWORD", "password"),
        ],
        "ports": [{ "name": "http", "containerPort": PORT }, { "name": "introspection", "containerPort": 8089 }],
        "readinessProbe": { "httpGet": { "path": "/readyz", "port": "introspection" } },
        "livenessProbe": { "httpGet": { "path": "/healthz", "port": "introspection" } },
        "resources": resources(["200m", "1Gi"], ["2", "4Gi"]),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": [
            { "name": "config", "mountPath": "/etc/clair", "readOnly": true },
            { "name": "temp", "mountPath": "/tmp" },
        ],
    });
    let pod = json!({
        "automountServiceAccountToken": false,
        "containers": [container],
        "volumes": [
            { "name": "config", "configMap": { "name": NAME } },
            // It unpacks layers here.
            { "name": "temp", "emptyDir": { "sizeLimit": "20Gi" } },
        ],
    });
    let deployment = json!({
        "metadata": { "labels": labels },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    });
    let deployment = object("apps/v1", "Deployment", NAMESPACE, NAME, plain(deployment));
    let address = inside.waited(deployment, Wait::default().rollout());
    inside.after(&address, [database, configured]);
    let service = json!({ "spec": { "selector": labels, "ports": [{ "name": "http", "port": PORT, "targetPort": "http" }] } });
    inside.object(object("v1", "Service", NAMESPACE, NAME, service));

    let clair = Pods::of(NAMESPACE, NAME, &[("app.kubernetes.io/name", NAME)]);
    let instances = Pods::of(NAMESPACE, DATABASE, &[("cnpg.io/cluster", DATABASE)]);
    let operator = Pods::of(
        "cnpg-system",
        "operator",
        &[("app.kubernetes.io/name", "cloudnative-pg")],
    );
    inside.calls_api(&instances);
    inside.allow(
        Peer::Pods(clair.clone()),
        Peer::Pods(instances.clone()),
        &[Port::tcp(5432)],
    );
    inside.allow(
        Peer::Pods(instances.clone()),
        Peer::Pods(instances.clone()),
        &[Port::tcp(5432), Port::tcp(8000)],
    );
    inside.allow(
        Peer::Pods(operator),
        Peer::Pods(instances),
        &[Port::tcp(5432), Port::tcp(8000)],
    );
    // Layers of images, and what is known of holes.
    inside.allow(Peer::Pods(clair.clone()), Peer::Internet, &[Port::tcp(443)]);
    inside.scrape(&clair, 8089, "/metrics");
    if config.clair_from.is_empty() && inside.on("network") {
        inside.draft.remark(
            "supply_chain.clair",
            "nobody may ask Clair",
            "write who does: `clair_from = [\"ci.runner\"]`, a service of an app, or a range of addresses",
        );
    }
    for peer in network::callers(&config.clair_from, "supply_chain.clair_from", inside) {
        inside.allow(peer, Peer::Pods(clair.clone()), &[Port::tcp(PORT)]);
    }
}
