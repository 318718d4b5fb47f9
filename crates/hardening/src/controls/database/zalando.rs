//! Zalando's operator: Spilo, which is Postgres with Patroni and WAL-G.

pub(in crate::controls) mod age;

use super::{Config, NAME, POOLER, Wanted, restore};
use crate::drill::Archived;
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity};
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// Where its images come from: Spilo and the pooler.
pub(super) const IMAGES: &str = "ghcr.io/zalando/";
pub(in crate::controls) const NAMESPACE: &str = "postgres-operator";
const API: &str = "acid.zalan.do/v1";
/// Where Patroni answers.
const PATRONI: u16 = 8008;

/// The operator.
pub(super) fn install(inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("zalando-postgres");
    let operator = operator();
    inside.calls_api(&operator);
    inside.release(Release {
        chart: "zalando-postgres-operator",
        namespace: NAMESPACE,
        values: json!({
            "configGeneral": { "enable_crd_registration": false, "kubernetes_use_configmaps": true },
            "configKubernetes": {
                "enable_pod_antiaffinity": true,
                "pod_antiaffinity_preferred_during_scheduling": inside.site.zones < 3,
                "pod_antiaffinity_topology_key": "topology.kubernetes.io/zone",
                // Spilo would run as root.
                "spilo_runasuser": 101,
                "spilo_runasgroup": 103,
                "spilo_fsgroup": 103,
                "spilo_privileged": false,
                "spilo_allow_privilege_escalation": false,
                // Deleting the object by mistake deletes nothing that cannot be had back.
                "persistent_volume_claim_retention_policy": { "when_deleted": "retain", "when_scaled": "retain" },
                "enable_secrets_deletion": false,
                "enable_persistent_volume_claim_deletion": false,
            },
            "configConnectionPooler": {
                "connection_pooler_default_cpu_request": "50m",
                "connection_pooler_default_memory_request": "64Mi",
                "connection_pooler_default_cpu_limit": "500m",
                "connection_pooler_default_memory_limit": "128Mi",
            },
            "configTeamsApi": { "enable_teams_api": false },
            "priorityClassName": "system-cluster-critical",
            "resources": resources(["100m", "250Mi"], ["500m", "500Mi"]),
            "securityContext": {
                "runAsUser": 1000,
                "runAsNonRoot": true,
                "readOnlyRootFilesystem": true,
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            },
        }),
        kinds: &["acid.zalan.do/OperatorConfiguration"],
        serves: &["acid.zalan.do"],
        provides: &["Deployment/zalando-postgres-operator"],
        ..Release::default()
    });
}

fn operator() -> Pods {
    Pods::of(
        NAMESPACE,
        "operator",
        &[("app.kubernetes.io/name", "postgres-operator")],
    )
}

/// The database of an app.
pub(super) fn database(config: &Config, wanted: &Wanted<'_>, inside: &mut Inside<'_>) {
    if wanted.app.inputs.pod_security == "restricted" {
        inside.draft.refuse(
            &wanted.path,
            "the pods that Zalando's operator makes fall short of the standard `restricted`",
            format!(
                "write `pod_security = \"baseline\"` in [hardening.{}.{}], or run databases by `operator = \"cloudnative-pg\"`",
                inside.draft.instance.name,
                wanted.app.path(),
            ),
        );
        return;
    }
    let mut spec = spec(config, wanted, &inside.site.cloud);
    let origin = wanted.origin(inside).cloned();
    let mut before = Vec::new();
    if let Some(archive) = &wanted.backup {
        if matches!(inside.site.cloud, Cloud::Azure(_)) {
            inside.draft.refuse(
                &format!("{}.backup", wanted.path),
                "the archives of Zalando's databases are not reached by an identity of Azure's",
                "run databases by `operator = \"cloudnative-pg\"`",
            );
            return;
        }
        let identity = inside.identity(&Identity {
            name: format!("{}-{NAME}", wanted.app.name),
            pods: instances(wanted.namespace()),
            // That of all databases of a namespace.
            service_account: "postgres-pod".to_owned(),
            grants: [Grant::Objects(archive.bucket.clone())]
                .into_iter()
                .chain(origin.as_ref().map(|o| Grant::Read(o.bucket.clone())))
                .collect(),
        });
        if inside.on("monitoring") {
            age::watch(wanted, &archive.bucket, &archive.schedule, inside);
        }
        before = identity.before;
        if let Some(origin) = &origin {
            begins_as(&mut spec, origin, wanted, inside);
        }
    }
    let cluster = object(
        API,
        "postgresql",
        wanted.namespace(),
        NAME,
        json!({ "spec": spec }),
    );
    let running = Wait::default().field("status.PostgresClusterStatus", "^Running$");
    let address = inside.waited(cluster, running);
    inside.after(&address, before);
    flows(config, wanted, inside);
}

/// Lets a copy's database begin as the origin's was, read from the origin's bucket.
fn begins_as(spec: &mut Json, origin: &Archived, wanted: &Wanted<'_>, inside: &mut Inside<'_>) {
    let moment = inside.origin.as_ref().and_then(|o| o.moment.clone());
    let Some(moment) = moment else {
        inside.draft.refuse(
            &wanted.path,
            "Zalando's operator recovers a database as of a moment, and none was given",
            "name one that is archived: -to 2026-01-31T12:00:00Z",
        );
        return;
    };
    let metadata = &origin.database["metadata"];
    let cluster = metadata["name"].as_str().unwrap_or(NAME);
    spec["clone"] = restore::clone_of(cluster, &metadata["uid"], &moment);
    for variable in spec["env"].as_array_mut().into_iter().flatten() {
        if variable["name"] == clone_variable(&inside.site.cloud) {
            variable["value"] = json!(escape(&origin.bucket.name));
        }
    }
}

/// The variable that names the bucket which a database begins from.
fn clone_variable(cloud: &Cloud) -> &'static str {
    match cloud {
        Cloud::Aws(_) => "CLONE_WAL_S3_BUCKET",
        Cloud::Google(_) => "CLONE_WAL_GS_BUCKET",
        Cloud::Azure(_) => "CLONE_WALG_AZ_PREFIX",
    }
}

fn spec(config: &Config, wanted: &Wanted<'_>, cloud: &Cloud) -> Json {
    let postgres = wanted.postgres;
    let mut spec = json!({
        "teamId": wanted.app.team(),
        "numberOfInstances": postgres.instances,
        "volume": { "size": postgres.storage, "storageClass": wanted.class },
        "postgresql": { "version": postgres.version, "parameters": wanted.parameters() },
        "users": { "app": [] },
        "databases": { "app": "app" },
        "resources": wanted.resources(),
        "patroni": {
            "synchronous_mode": postgres.instances > 1,
            "initdb": { "encoding": "UTF8", "data-checksums": "true" },
            // Whoever connects does so encrypted.
            "pg_hba": [
                "local all all trust",
                "hostssl all +zalandos 127.0.0.1/32 pam",
                "host all all 127.0.0.1/32 md5",
                "hostssl replication standby all md5",
                "hostnossl all all all reject",
                "hostssl all all all md5",
            ],
        },
        "enableConnectionPooler": config.pooler,
    });
    if config.pooler {
        spec["connectionPooler"] = json!({
            "mode": "transaction",
            "numberOfInstances": 2,
            "resources": resources(["50m", "64Mi"], ["500m", "128Mi"]),
        });
    }
    if let Some(archive) = &wanted.backup {
        // This operator archives under the identity of the object, which is another one for each life.
        let bucket = format!("${{{}.name}}", archive.bucket);
        let mut environment = vec![
            ("USE_WALG_BACKUP", "true".to_owned()),
            ("USE_WALG_RESTORE", "true".to_owned()),
            ("CLONE_USE_WALG_RESTORE", "true".to_owned()),
            ("BACKUP_SCHEDULE", without_seconds(&archive.schedule)),
            ("BACKUP_NUM_TO_RETAIN", days(&archive.retention).to_string()),
        ];
        let name = match cloud {
            Cloud::Aws(_) => "WAL_S3_BUCKET",
            Cloud::Google(_) => "WAL_GS_BUCKET",
            Cloud::Azure(_) => "WALG_AZ_PREFIX",
        };
        environment.extend([(name, bucket.clone()), (clone_variable(cloud), bucket)]);
        spec["env"] = environment
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
    }
    spec
}

/// Schedules have seconds first; cron has none.
fn without_seconds(schedule: &str) -> String {
    schedule
        .split_whitespace()
        .skip(1)
        .collect::<Vec<_>>()
        .join(" ")
}

/// How many daily backups a retention is.
fn days(retention: &str) -> u32 {
    let (digits, unit) = retention.split_at(retention.len().saturating_sub(1));
    let each = match unit {
        "w" => 7,
        "m" => 30,
        _ => 1,
    };
    digits.parse::<u32>().unwrap_or(14).saturating_mul(each)
}

fn instances(namespace: &str) -> Pods {
    Pods::of(
        namespace,
        NAME,
        &[("application", "spilo"), ("cluster-name", NAME)],
    )
}

fn flows(config: &Config, wanted: &Wanted<'_>, inside: &mut Inside<'_>) {
    let namespace = wanted.namespace();
    let instances = instances(namespace);
    let pooler = Pods::of(
        namespace,
        POOLER,
        &[("application", "db-connection-pooler")],
    );
    // Patroni elects through the API server, and tells how it goes.
    inside.calls_api(&instances);
    inside.scrape(&instances, PATRONI, "/metrics");
    inside.allow(
        Peer::Pods(instances.clone()),
        Peer::Pods(instances.clone()),
        &[Port::tcp(5432), Port::tcp(PATRONI)],
    );
    inside.allow(
        Peer::Pods(operator()),
        Peer::Pods(instances.clone()),
        &[Port::tcp(5432), Port::tcp(PATRONI)],
    );
    wanted.connect(&instances, config.pooler.then_some(&pooler), inside);
    if config.pooler {
        inside.allow(
            Peer::Pods(pooler),
            Peer::Pods(instances),
            &[Port::tcp(5432)],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_and_retentions_are_said_in_its_words() {
        assert_eq!(without_seconds("0 0 2 * * *"), "0 2 * * *");
        assert_eq!(days("14d"), 14);
        assert_eq!(days("2w"), 14);
        assert_eq!(days("3m"), 90);
    }
}
