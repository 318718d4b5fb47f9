//! CloudNativePG, with the Barman Cloud plugin for archives: what was built into the operator is to be removed.

use super::{Archive, Config, NAME, POOLER, Wanted, destination, restore};
use crate::control::plain;
use crate::drill::Archived;
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity, Lowered};
use crate::inside::{Inside, Release};
use crate::node::{Wait, identifier};
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// Where its images come from: Postgres, the pooler, the plugin beside it.
pub(super) const IMAGES: &str = "ghcr.io/cloudnative-pg/";
const NAMESPACE: &str = "cnpg-system";
const PLUGIN: &str = "barman-cloud.cloudnative-pg.io";
const API: &str = "postgresql.cnpg.io/v1";
/// The account that its pods run as.
const ACCOUNT: &str = "postgres-archive";
/// The object store of a database.
const STORE: &str = "postgres-archive";
/// That of the database which a copy begins as.
const ORIGIN: &str = "postgres-origin";

/// The operator and its plugin.
pub(super) fn install(inside: &mut Inside<'_>) {
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("cloudnative-pg");
    let operator = operator();
    inside.calls_api(&operator);
    inside.called_by_api(&operator, 9443);
    inside.scrape(&operator, 8080, "/metrics");
    let spread = json!([{
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": { "app.kubernetes.io/name": "cloudnative-pg" } },
    }]);
    inside.release(Release {
        chart: "cloudnative-pg",
        namespace: NAMESPACE,
        values: json!({
            "crds": { "create": false },
            "replicaCount": 2,
            "config": { "clusterWide": true },
            "priorityClassName": "system-cluster-critical",
            "topologySpreadConstraints": spread,
            "resources": resources(["100m", "128Mi"], ["500m", "512Mi"]),
            // Whoever may be scraped is said once, by the control that scrapes.
            "monitoring": { "podMonitorEnabled": false },
        }),
        serves: &["postgresql.cnpg.io"],
        provides: &["Deployment/cloudnative-pg"],
        ..Release::default()
    });
    if !inside.on("tls") {
        inside.draft.refuse(
            "database",
            "backups of CloudNativePG need cert-manager, which the control `tls` installs",
            "switch `tls` on, or run databases by `operator = \"zalando\"`",
        );
        return;
    }
    inside.crds("barman-cloud");
    let plugin = Pods::of(
        NAMESPACE,
        "plugin",
        &[("app.kubernetes.io/name", "plugin-barman-cloud")],
    );
    inside.calls_api(&plugin);
    inside.allow(Peer::Pods(operator), Peer::Pods(plugin), &[Port::tcp(9090)]);
    inside.release(Release {
        chart: "plugin-barman-cloud",
        namespace: NAMESPACE,
        values: json!({
            "crds": { "create": false },
            "resources": resources(["50m", "64Mi"], ["500m", "256Mi"]),
        }),
        kinds: &["cert-manager.io/Certificate", "cert-manager.io/Issuer"],
        // An object store says how its plugin archives: nothing judges it, but without the plugin nothing heeds it.
        serves: &["barmancloud.cnpg.io"],
        provides: &["Deployment/plugin-barman-cloud"],
        after: vec!["helm_release.cloudnative_pg".to_owned()],
        ..Release::default()
    });
}

fn operator() -> Pods {
    Pods::of(
        NAMESPACE,
        "operator",
        &[("app.kubernetes.io/name", "cloudnative-pg")],
    )
}

/// The database of an app.
pub(super) fn database(config: &Config, wanted: &Wanted<'_>, inside: &mut Inside<'_>) {
    let namespace = wanted.namespace();
    let mut cluster_after = Vec::new();
    let mut life = None;
    let mut lowered = None;
    if let Some(archive) = &wanted.backup {
        cluster_after.push(inside.object(store(archive, wanted, inside)));
        life = Some(life_of(wanted, inside));
        let mut grants = vec![Grant::Objects(archive.bucket.clone())];
        if let Some(origin) = wanted.origin(inside).cloned() {
            cluster_after.push(inside.object(origin_store(&origin, namespace)));
            grants.push(Grant::Read(origin.bucket));
        }
        // One account for the database and for whatever is restored from its archive.
        let identity = inside.identity(&Identity {
            name: format!("{}-{NAME}", wanted.app.name),
            pods: Pods::of(namespace, "postgres-all", &[("cnpg.io/cluster", NAME)]),
            service_account: inside.account(ACCOUNT),
            grants,
        });
        cluster_after.extend(identity.before.iter().cloned());
        let account = account(namespace, &inside.account(ACCOUNT), &identity);
        cluster_after.push(inside.object(account));
        lowered = Some(identity);
    }
    let cluster = inside.waited(
        cluster(wanted, life.as_deref(), lowered.as_ref(), inside),
        Wait::default().condition("Ready"),
    );
    inside.after(&cluster, cluster_after);
    if let Some(archive) = &wanted.backup {
        let scheduled = inside.object(scheduled(archive, namespace));
        inside.after(&scheduled, [cluster.clone()]);
    }
    if config.pooler {
        let pooler = inside.object(pooler(wanted));
        inside.after(&pooler, [cluster]);
    }
    flows(config, wanted, inside);
}

/// The account of the pods, with what makes it an identity of the cloud's.
fn account(namespace: &str, name: &str, identity: &Lowered) -> Json {
    let metadata = if is_filled(&identity.annotations) {
        json!({ "annotations": identity.annotations })
    } else {
        json!({})
    };
    let rest = json!({ "metadata": metadata });
    object("v1", "ServiceAccount", namespace, name, rest)
}

fn is_filled(json: &Json) -> bool {
    json.as_object().is_some_and(|o| !o.is_empty())
}

/// A name for the archive of this life of the database: one that is made anew never writes over what an earlier one left.
fn life_of(wanted: &Wanted<'_>, inside: &mut Inside<'_>) -> String {
    let name = identifier(&[&wanted.app.name, NAME, "life"]);
    inside.builtin("random_id", &name, json!({ "byte_length": 4 }));
    format!("{NAME}-${{random_id.{name}.hex}}")
}

fn cluster(
    wanted: &Wanted<'_>,
    life: Option<&str>,
    identity: Option<&Lowered>,
    inside: &Inside<'_>,
) -> Json {
    let postgres = wanted.postgres;
    // With fewer zones than instances, apart is what is wished for and not what is asked for.
    let zones = i64::try_from(inside.site.zones).unwrap_or(1);
    let apart = if zones >= postgres.instances {
        "required"
    } else {
        "preferred"
    };
    let mut settings = json!({ "parameters": wanted.parameters() });
    if postgres.instances > 1 {
        // What was confirmed is on another instance too, as long as there is one.
        settings["synchronous"] =
            json!({ "method": "any", "number": 1, "dataDurability": "preferred" });
    }
    let mut spec = json!({
        "instances": postgres.instances,
        "imageName": format!("ghcr.io/cloudnative-pg/postgresql:{}-standard-trixie", postgres.version),
        "enableSuperuserAccess": false,
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover",
        "bootstrap": { "initdb": { "database": "app", "owner": "app", "dataChecksums": true } },
        "affinity": {
            "enablePodAntiAffinity": true,
            "podAntiAffinityType": apart,
            "topologyKey": if zones > 1 { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" },
        },
        "storage": { "size": postgres.storage, "storageClass": wanted.class },
        "resources": wanted.resources(),
        "postgresql": settings,
    });
    if let Some(identity) = identity {
        spec["serviceAccountName"] = json!(inside.account(ACCOUNT));
        if is_filled(&identity.labels) {
            spec["inheritedMetadata"] = json!({ "labels": identity.labels });
        }
    }
    if let Some(life) = life {
        spec["plugins"] = json!([{
            "name": PLUGIN,
            "isWALArchiver": true,
            "parameters": { "barmanObjectName": STORE, "serverName": life },
        }]);
    }
    if let (Some(origin), Some(copied)) = (wanted.origin(inside), &inside.origin)
        && let Some(mut archiver) = restore::archiver(&origin.database["spec"])
    {
        archiver["parameters"]["barmanObjectName"] = json!(ORIGIN);
        restore::recovers(&mut spec, &archiver, copied.moment.as_deref());
    }
    object(
        API,
        "Cluster",
        wanted.namespace(),
        NAME,
        json!({ "spec": spec }),
    )
}

/// The archive that a copy recovers from. Nothing says how long it is kept: that is for the database whose it is.
fn origin_store(origin: &Archived, namespace: &str) -> Json {
    let spec = json!({
        "configuration": plain(origin.store["spec"]["configuration"].clone()),
        "instanceSidecarConfiguration": origin.store["spec"]["instanceSidecarConfiguration"],
    });
    object(
        "barmancloud.cnpg.io/v1",
        "ObjectStore",
        namespace,
        ORIGIN,
        json!({ "spec": spec }),
    )
}

fn store(archive: &Archive, wanted: &Wanted<'_>, inside: &Inside<'_>) -> Json {
    let cloud = &inside.site.cloud;
    let folder = format!("postgres/{}", wanted.namespace());
    let mut configuration = json!({
        "destinationPath": destination(cloud, &archive.bucket, &folder),
        "wal": { "compression": "gzip", "maxParallel": 4 },
        "data": { "compression": "gzip", "jobs": 2 },
    });
    // The pods' own identity, and no key anywhere.
    match cloud {
        Cloud::Aws(_) => configuration["s3Credentials"] = json!({ "inheritFromIAMRole": true }),
        Cloud::Google(_) => configuration["googleCredentials"] = json!({ "gkeEnvironment": true }),
        Cloud::Azure(_) => {
            configuration["azureCredentials"] = json!({ "useDefaultAzureCredentials": true });
        }
    }
    let spec = json!({
        "configuration": configuration,
        "retentionPolicy": archive.retention,
        "instanceSidecarConfiguration": { "resources": resources(["50m", "128Mi"], ["500m", "512Mi"]) },
    });
    object(
        "barmancloud.cnpg.io/v1",
        "ObjectStore",
        wanted.namespace(),
        STORE,
        json!({ "spec": spec }),
    )
}

fn scheduled(archive: &Archive, namespace: &str) -> Json {
    let spec = json!({
        "schedule": archive.schedule,
        // The first one at once: until then nothing can be restored.
        "immediate": true,
        "backupOwnerReference": "self",
        "cluster": { "name": NAME },
        // What is meant by default is to be removed.
        "method": "plugin",
        "pluginConfiguration": { "name": PLUGIN },
    });
    object(
        API,
        "ScheduledBackup",
        namespace,
        NAME,
        json!({ "spec": spec }),
    )
}

fn pooler(wanted: &Wanted<'_>) -> Json {
    let resources = resources(["50m", "64Mi"], ["500m", "128Mi"]);
    let spec = json!({
        "cluster": { "name": NAME },
        "instances": if wanted.postgres.instances > 1 { 2 } else { 1 },
        "type": "rw",
        "pgbouncer": {
            "poolMode": "transaction",
            "parameters": { "max_client_conn": "1000", "default_pool_size": "20", "max_prepared_statements": "200" },
        },
        "template": {
            "metadata": { "labels": { "app.kubernetes.io/name": POOLER } },
            "spec": { "containers": [{ "name": "pgbouncer", "resources": resources }] },
        },
    });
    object(
        API,
        "Pooler",
        wanted.namespace(),
        POOLER,
        json!({ "spec": spec }),
    )
}

fn flows(config: &Config, wanted: &Wanted<'_>, inside: &mut Inside<'_>) {
    let namespace = wanted.namespace();
    let instances = Pods::of(
        namespace,
        NAME,
        &[("cnpg.io/cluster", NAME), ("cnpg.io/podRole", "instance")],
    );
    let pooler = Pods::of(namespace, POOLER, &[("cnpg.io/poolerName", POOLER)]);
    let all = Pods::of(namespace, "postgres-all", &[("cnpg.io/cluster", NAME)]);
    inside.calls_api(&all);
    inside.allow(
        Peer::Pods(all),
        Peer::Pods(instances.clone()),
        &[Port::tcp(5432), Port::tcp(8000)],
    );
    inside.allow(
        Peer::Pods(operator()),
        Peer::Pods(instances.clone()),
        &[Port::tcp(8000), Port::tcp(5432)],
    );
    inside.scrape(&instances, 9187, "/metrics");
    wanted.connect(&instances, config.pooler.then_some(&pooler), inside);
    if config.pooler {
        inside.scrape(&pooler, 9127, "/metrics");
    }
}
