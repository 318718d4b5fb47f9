//! CloudNativePG and Zalando's operator: clusters of Postgres with their pods, claims, Services and passwords.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::super::kinds;
use super::super::super::store::Session;
use super::super::super::value::{default, list, number, set, text};
use super::super::{is_ready, make_pod};
use super::{Case, child, claiming, condition, later, ready, say, service, workload};

pub(super) fn reconcile(session: &mut Session<'_>, case: &Case<'_>) {
    match (case.resource.group.as_str(), case.kind()) {
        ("postgresql.cnpg.io", "Cluster") => cluster(session, case),
        ("postgresql.cnpg.io", "Backup") => {
            let now = session.time();
            ready(session, case, &[], |new| {
                set(new, "status/phase", "completed");
                for member in ["startedAt", "stoppedAt"] {
                    default(new, &format!("status/{member}"), now.as_str());
                }
            });
        }
        ("postgresql.cnpg.io", "Pooler") => {
            let labels = json!({ "cnpg.io/poolerName": case.name() });
            let wanted = number(case.object, "/spec/instances").unwrap_or(1);
            let pool = workload(
                "Deployment",
                case.name(),
                &labels,
                "ghcr.io/cloudnative-pg/pgbouncer:1.24.1",
                wanted,
            );
            child(session, case, "apps", "deployments", pool);
            child(
                session,
                case,
                "",
                "services",
                service(case.name(), &labels, 5432),
            );
            ready(session, case, &[], |new| {
                set(new, "status/instances", wanted);
            });
        }
        ("postgresql.cnpg.io", "ScheduledBackup") => {
            let now = session.time();
            ready(session, case, &[], |new| {
                default(new, "status/lastCheckTime", now.as_str());
            });
        }
        ("postgresql.cnpg.io", _) => ready(session, case, &["Ready"], |new| {
            set(new, "status/applied", true);
        }),
        (_, "postgresql") => zalando(session, case),
        _ => {}
    }
}

fn password(case: &Case<'_>, user: &str) -> String {
    STANDARD.encode(super::super::super::hash(&format!("{}/{user}", case.id)))
}

fn cluster(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let name = case.name();
    if let Some(missing) = lacks(session, object) {
        say(session, case, |new, now, generation| {
            condition(
                new,
                "Ready",
                false,
                "ClusterIsNotReady",
                &missing,
                now,
                generation,
            );
            set(new, "status/phase", "Setting up primary");
            set(new, "status/phaseReason", missing.as_str());
        });
        return later(session, case);
    }
    let wanted = number(object, "/spec/instances").unwrap_or(1);
    let image = match text(object, "/spec/imageName") {
        "" => "ghcr.io/cloudnative-pg/postgresql:17",
        image => image,
    };
    for (suffix, role) in [("rw", "primary"), ("ro", "replica"), ("r", "")] {
        let mut selector = json!({ "cnpg.io/cluster": name });
        if !role.is_empty() {
            selector["cnpg.io/instanceRole"] = role.into();
        }
        child(
            session,
            case,
            "",
            "services",
            service(&format!("{name}-{suffix}"), &selector, 5432),
        );
    }
    let user = match text(object, "/spec/bootstrap/initdb/owner") {
        "" => "app",
        user => user,
    };
    let database = match text(object, "/spec/bootstrap/initdb/database") {
        "" => "app",
        database => database,
    };
    let host = format!("{name}-rw");
    let encode = |text: &str| STANDARD.encode(text);
    child(
        session,
        case,
        "",
        "secrets",
        json!({
            "metadata": { "name": format!("{name}-app"), "labels": { "cnpg.io/cluster": name } },
            "type": "kubernetes.io/basic-auth",
            "data": {
                "username": encode(user), "password": password(case, user), "dbname": encode(database), "host": encode(&host),
                "port": encode("5432"), "uri": encode(&format!("postgresql://{user}@{host}:5432/{database}")),
            },
        }),
    );
    for (secret, kind) in [
        ("ca", "Opaque"),
        ("server", "kubernetes.io/tls"),
        ("replication", "kubernetes.io/tls"),
    ] {
        let (certificate, key) =
            crate::kubernetes::tls::issue(session.tx().identity(), case.id, &[&host]);
        let data = if secret == "ca" {
            json!({ "ca.crt": encode(&certificate), "ca.key": encode(&key) })
        } else {
            json!({ "tls.crt": encode(&certificate), "tls.key": encode(&key) })
        };
        child(
            session,
            case,
            "",
            "secrets",
            json!({ "metadata": { "name": format!("{name}-{secret}") }, "type": kind, "data": data }),
        );
    }
    let pods = kinds::known("", "pods");
    let claims = kinds::known("", "persistentvolumeclaims");
    let mut up = 0;
    for instance in 1..=wanted {
        let pod = format!("{name}-{instance}");
        match session.get(&pods.id(case.namespace(), &pod)) {
            Some(found) => up += i64::from(is_ready(&found)),
            None => instance_of(session, case, &claims, &pod, instance, image),
        }
        // Instances come one after the other.
        if up < instance {
            break;
        }
    }
    // Those that are too many go, their claims with them.
    for pod in super::super::pods_of(session, object) {
        let number = text(&pod, "/metadata/name")
            .rsplit('-')
            .next()
            .and_then(|text| text.parse::<i64>().ok());
        if number.is_some_and(|number| number > wanted) {
            super::super::delete(session, &pods, &pod);
        }
    }
    let archives =
        !list(object, "/spec/plugins").is_empty() || object["spec"]["backup"].is_object();
    say(session, case, |new, now, generation| {
        let done = up >= wanted;
        let reason = if done {
            "ClusterIsReady"
        } else {
            "ClusterIsNotReady"
        };
        let message = if done {
            "Cluster is Ready"
        } else {
            "Cluster Is Not Ready"
        };
        condition(new, "Ready", done, reason, message, now, generation);
        if archives && done {
            condition(
                new,
                "ContinuousArchiving",
                true,
                "ContinuousArchivingSuccess",
                "Continuous archiving is working",
                now,
                generation,
            );
        }
        let phase = if done {
            "Cluster in healthy state"
        } else {
            "Setting up primary"
        };
        set(new, "status/phase", phase);
        set(new, "status/instances", wanted);
        set(new, "status/readyInstances", up);
        set(new, "status/currentPrimary", format!("{name}-1"));
        set(new, "status/targetPrimary", format!("{name}-1"));
        set(new, "status/readService", format!("{name}-r"));
        set(new, "status/writeService", format!("{name}-rw"));
        set(new, "status/image", image);
    });
    if up < wanted {
        return later(session, case);
    }
    archived(session, object);
}

/// The stores that plugins of an object's archive to, or read from, with the server's name in there.
fn stores<'o>(plugins: impl Iterator<Item = &'o Value>) -> Vec<(&'o str, &'o str)> {
    plugins
        .map(|plugin| {
            (
                text(plugin, "/parameters/barmanObjectName"),
                text(plugin, "/parameters/serverName"),
            )
        })
        .filter(|(store, _)| !store.is_empty())
        .collect()
}

/// What is missing of what a cluster is to be recovered from.
fn lacks(session: &Session<'_>, object: &Value) -> Option<String> {
    let source = object["spec"]["bootstrap"]["recovery"]["source"].as_str()?;
    let all = list(object, "/spec/externalClusters");
    let Some(origin) = all.iter().find(|o| text(o, "/name") == source) else {
        return Some(format!("externalCluster {source:?} not found"));
    };
    let namespace = text(object, "/metadata/namespace");
    stores(std::iter::once(&origin["plugin"]))
        .into_iter()
        .find(|(store, _)| {
            session
                .find("barmancloud.cnpg.io", "objectstores", namespace, store)
                .is_none()
        })
        .map(|(store, _)| format!("ObjectStore {store:?} not found"))
}

/// The first backup is made at once: the store says from when on there is something to recover. No Postgres runs here, and nothing
/// is written anywhere.
fn archived(session: &mut Session<'_>, object: &Value) {
    let namespace = text(object, "/metadata/namespace").to_owned();
    let Some(kind) = session.resource("barmancloud.cnpg.io", "v1", "objectstores") else {
        return;
    };
    let now = session.time();
    for (store, server) in stores(list(object, "/spec/plugins").iter()) {
        let found = session.find("barmancloud.cnpg.io", "objectstores", &namespace, store);
        let Some(old) = found else { continue };
        let mut new = Value::clone(&old);
        if !new["status"].is_object() {
            new["status"] = json!({});
        }
        let windows = &mut new["status"]["serverRecoveryWindow"];
        if windows[server].is_object() {
            continue;
        }
        windows[server] =
            json!({ "firstRecoverabilityPoint": now, "lastSuccessfulBackupTime": now });
        session.update(&kind, &old, new);
    }
}

fn instance_of(
    session: &mut Session<'_>,
    case: &Case<'_>,
    claims: &super::Resource,
    pod: &str,
    instance: i64,
    image: &str,
) {
    let object = case.object;
    let name = case.name();
    let size = match text(object, "/spec/storage/size") {
        "" => "1Gi",
        size => size,
    };
    let mut claim = json!({
        "metadata": {
            "name": pod, "namespace": case.namespace(), "labels": { "cnpg.io/cluster": name },
            "ownerReferences": [super::owner_reference(object)],
        },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } },
    });
    if let Some(class) = object["spec"]["storage"]["storageClass"].as_str() {
        set(&mut claim, "spec/storageClassName", class);
    }
    super::super::storage::make_claim(session, claims, claim);
    let labels = json!({
        "cnpg.io/cluster": name, "cnpg.io/instanceName": pod, "cnpg.io/podRole": "instance",
        "cnpg.io/instanceRole": if instance == 1 { "primary" } else { "replica" },
        "role": if instance == 1 { "primary" } else { "replica" },
    });
    let mut template = workload("Deployment", pod, &labels, image, 1);
    let container = &mut template["spec"]["template"]["spec"]["containers"][0];
    container["name"] = "postgres".into();
    container["ports"] = json!([{ "name": "postgresql", "containerPort": 5432 }, { "name": "metrics", "containerPort": 9187 }]);
    if object["spec"]["resources"].is_object() {
        container["resources"] = object["spec"]["resources"].clone();
    }
    template["spec"]["template"]["spec"]["volumes"] =
        json!([{ "name": "pgdata", "persistentVolumeClaim": { "claimName": pod } }]);
    let mut owner = Value::clone(object);
    owner["spec"] = json!({ "template": template["spec"]["template"] });
    make_pod(session, &owner, pod, |_| {});
}

fn zalando(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let name = case.name();
    let labels = json!({ "application": "spilo", "cluster-name": name });
    let wanted = number(object, "/spec/numberOfInstances").unwrap_or(1);
    let mut set_of = workload(
        "StatefulSet",
        name,
        &labels,
        "ghcr.io/zalando/spilo-17:4.0-p2",
        wanted,
    );
    let size = match text(object, "/spec/volume/size") {
        "" => "1Gi",
        size => size,
    };
    let mut claim = json!({
        "metadata": { "name": "pgdata", "labels": labels },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } },
    });
    if let Some(class) = object["spec"]["volume"]["storageClass"].as_str() {
        set(&mut claim, "spec/storageClassName", class);
    }
    claiming(&mut set_of, vec![claim]);
    child(session, case, "apps", "statefulsets", set_of);
    for suffix in ["", "-repl"] {
        child(
            session,
            case,
            "",
            "services",
            service(&format!("{name}{suffix}"), &labels, 5432),
        );
    }
    for (user, _) in super::super::super::value::members(object, "/spec/users") {
        let secret =
            format!("{user}.{name}.credentials.postgresql.acid.zalan.do").replace('_', "-");
        let value = json!({
            "metadata": { "name": secret, "labels": labels }, "type": "Opaque",
            "data": { "username": STANDARD.encode(user), "password": password(case, user) },
        });
        child(session, case, "", "secrets", value);
    }
    let up = session
        .find("apps", "statefulsets", case.namespace(), name)
        .is_some_and(|found| number(&found, "/status/readyReplicas").unwrap_or(0) >= wanted);
    say(session, case, |new, _, _| {
        set(
            new,
            "status/PostgresClusterStatus",
            if up { "Running" } else { "Creating" },
        );
    });
    if !up {
        later(session, case);
    }
}
