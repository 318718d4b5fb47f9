//! What the real stack has that a copy is made from: the archives of its databases, as they stand in what was applied, and how far they
//! reach.

use super::clouds::Clouds;
use super::report::Report;
use crate::commands::harden::restore::{is_database, with_uid};
use crate::commands::harden::seen::{LATER, Seen};
use infra_hardening::{Archived, Bucket};
use infra_model::program::ComponentInstance;
use infra_model::time::Timestamp;
use serde_json::Value as Json;
use std::collections::BTreeMap;

const WHAT: &str = "archive";
/// The types of which a bucket is one, by cloud.
const BUCKETS: [&str; 3] = [
    "aws_s3_bucket",
    "google_storage_bucket",
    "azurerm_storage_account",
];
/// The kinds that tell about archives.
const TELLING: [(&str, &str); 2] = [
    ("barmancloud.cnpg.io/v1", "ObjectStore"),
    ("postgresql.cnpg.io/v1", "Cluster"),
];
/// The variables of Zalando's operator that name the bucket.
const VARIABLES: [&str; 2] = ["WAL_S3_BUCKET", "WAL_GS_BUCKET"];

/// The archives of a hardening's databases by their namespaces.
pub(super) async fn archives(
    seen: &Seen,
    hardening: &ComponentInstance,
    clouds: &Clouds,
    moment: Option<&str>,
    now: Timestamp,
    report: &mut Report,
) -> BTreeMap<String, Archived> {
    let objects: Vec<Json> = seen.nodes(hardening).iter().filter_map(with_uid).collect();
    let databases: Vec<&Json> = objects.iter().filter(|o| is_database(o)).collect();
    let mut found = BTreeMap::new();
    if databases.is_empty() {
        return found;
    }
    let live = match seen.cluster_config(hardening) {
        Some(config) => clouds.objects(&config, TELLING).await.ok(),
        None => None,
    };
    for database in databases {
        let namespace = database["metadata"]["namespace"].as_str();
        let namespace = namespace.unwrap_or_default().to_owned();
        let name = label(database);
        let Some(place) = Place::of(database, &objects) else {
            let why = "has no backups: it is lost with its cluster";
            report.lost(WHAT, format!("{name} {why}"));
            continue;
        };
        if place.at.contains(LATER) || place.server.contains(LATER) {
            report.lost(WHAT, format!("{name} was never applied: it has none yet"));
            continue;
        }
        let Some((component, bucket)) = bucket(seen, &place.at) else {
            let why = format!(
                "{name} archives to {}, which is no bucket of the stack's",
                place.at
            );
            report.lost(WHAT, why);
            continue;
        };
        if let Err(why) = there(seen, component, clouds).await {
            report.lost(WHAT, format!("{name}: the bucket {} {why}", bucket.name));
            continue;
        }
        let window = window(live.as_deref(), &namespace, &place);
        match reach(&window, moment, now) {
            Ok(reach) => report.holds(WHAT, format!("{name}: {}{reach}", place.told())),
            Err(why) => {
                report.lost(WHAT, format!("{name}: {}, {why}", place.told()));
                continue;
            }
        }
        let archived = Archived {
            database: database.clone(),
            store: place.store,
            bucket,
        };
        found.insert(namespace, archived);
    }
    found
}

/// `shop/postgres`
pub(super) fn label(object: &Json) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

/// Where a database archives to.
struct Place {
    /// As its operator names it: a URL, or a bucket.
    at: String,
    /// Its name in there: that of one life of it.
    server: String,
    /// The object that says so.
    store: Json,
}

impl Place {
    fn of(database: &Json, objects: &[Json]) -> Option<Place> {
        let text = |json: &Json| json.as_str().map(str::to_owned);
        if database["kind"] == "postgresql" {
            let environment = database["spec"]["env"].as_array()?;
            let value = |name: &str| environment.iter().find(|e| e["name"] == name);
            let bucket = VARIABLES
                .iter()
                .find_map(|name| text(&value(name)?["value"]))?;
            let uid = text(&database["metadata"]["uid"]).unwrap_or_else(|| LATER.to_owned());
            return Some(Place {
                at: bucket,
                server: uid,
                store: Json::Null,
            });
        }
        let plugins = database["spec"]["plugins"].as_array()?;
        let archiver = plugins.iter().find(|p| p["isWALArchiver"] == true)?;
        let parameters = &archiver["parameters"];
        let store = objects.iter().find(|o| {
            o["kind"] == "ObjectStore"
                && o["metadata"]["name"] == parameters["barmanObjectName"]
                && o["metadata"]["namespace"] == database["metadata"]["namespace"]
        })?;
        Some(Place {
            at: text(&store["spec"]["configuration"]["destinationPath"])?,
            server: text(&parameters["serverName"])?,
            store: store.clone(),
        })
    }

    fn told(&self) -> String {
        format!("{}/{}", self.at.trim_end_matches('/'), self.server)
    }
}

/// The bucket of the stack's that an archive is in, with its component.
fn bucket<'s>(seen: &'s Seen, at: &str) -> Option<(&'s ComponentInstance, Bucket)> {
    let of = |component: &'s ComponentInstance| {
        let output = |name: &str| {
            let value = seen.plain(component.outputs.get(name)?, component);
            value.as_str().filter(|t| *t != LATER).map(str::to_owned)
        };
        let (name, url) = (output("name")?, output("url").unwrap_or_default());
        let path = at.split_once("://").map_or(at, |(_, path)| path);
        let is_it = path.split('/').next() == Some(&*name)
            || !url.is_empty() && at.starts_with(&format!("{url}/"));
        is_it.then(|| {
            let bucket = Bucket {
                id: output("id").unwrap_or_default(),
                arn: output("arn").unwrap_or_default(),
                key: output("key_id").unwrap_or_default(),
                name,
            };
            (component, bucket)
        })
    };
    seen.components("bucket").find_map(of)
}

/// Whether the bucket is still there; else what to say of it.
async fn there(seen: &Seen, component: &ComponentInstance, clouds: &Clouds) -> Result<(), String> {
    for type_name in BUCKETS {
        for block in seen.blocks(component) {
            if &*block.address.type_name != type_name {
                continue;
            }
            let name = &block.address.name;
            let resource = seen.resource(component, type_name, name);
            let (Some(resource), Some(prior)) =
                (resource, seen.recorded(component, type_name, name))
            else {
                return Err("is not in the state".to_owned());
            };
            return match clouds.now(type_name, resource, prior).await {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err("is gone".to_owned()),
                Err(error) => Err(format!("cannot be asked for: {error}")),
            };
        }
    }
    Err("is of no kind that can be asked for".to_owned())
}

/// From when to when a database can be recovered, as far as its operator tells.
#[derive(Debug, Default, PartialEq)]
struct Window {
    /// Whether it was told at all.
    told: bool,
    first: Option<jiff::Timestamp>,
    /// The last whole backup.
    last: Option<jiff::Timestamp>,
    /// Whether changes are archived as they are made.
    archiving: bool,
}

/// As the store of the real cluster says; nothing when that cannot be asked.
fn window(live: Option<&[Json]>, namespace: &str, place: &Place) -> Window {
    let of = |kind: &str, is_it: &dyn Fn(&Json) -> bool| {
        let mut all = live.into_iter().flatten();
        all.find(|o| o["kind"] == kind && o["metadata"]["namespace"] == namespace && is_it(o))
    };
    let store = of("ObjectStore", &|o| {
        o["metadata"]["name"] == place.store["metadata"]["name"]
    });
    let Some(store) = store else {
        return Window::default();
    };
    let writes = |cluster: &Json| {
        let plugins = cluster["spec"]["plugins"].as_array().into_iter().flatten();
        plugins
            .into_iter()
            .any(|p| p["parameters"]["serverName"] == place.server.as_str())
    };
    let archiving = of("Cluster", &writes).is_some_and(|c| is_true(c, "ContinuousArchiving"));
    let window = &store["status"]["serverRecoveryWindow"][&place.server];
    let time = |name: &str| window[name].as_str().and_then(|t| t.parse().ok());
    Window {
        told: true,
        first: time("firstRecoverabilityPoint"),
        last: time("lastSuccessfulBackupTime"),
        archiving,
    }
}

/// Whether a condition of an object's status is true.
pub(super) fn is_true(object: &Json, condition: &str) -> bool {
    let all = object["status"]["conditions"].as_array();
    all.into_iter()
        .flatten()
        .any(|c| c["type"] == condition && c["status"] == "True")
}

/// What that means for a recovery; or why there can be none.
fn reach(window: &Window, moment: Option<&str>, now: Timestamp) -> Result<String, String> {
    if !window.told {
        return Ok("; how far it reaches is not known, the real cluster does not tell".to_owned());
    }
    let (Some(first), Some(last)) = (window.first, window.last) else {
        return Err("in which no backup is whole yet".to_owned());
    };
    let moment = moment.and_then(|m| m.parse::<jiff::Timestamp>().ok());
    if moment.is_some_and(|moment| moment < first) {
        return Err(format!("which begins at {first}, after what -to asks for"));
    }
    let age = now.0.saturating_sub(last.as_millisecond()).max(0);
    let age = std::time::Duration::from_millis(u64::try_from(age).unwrap_or(0));
    let since = if window.archiving {
        "every change since is archived as it is made"
    } else {
        "what changed since is not archived"
    };
    let age = crate::live::duration(age);
    Ok(format!("; last whole backup {age} ago, {since}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn store() -> Json {
        json!({
            "kind": "ObjectStore",
            "metadata": { "name": "postgres-archive", "namespace": "shop" },
            "spec": { "configuration": { "destinationPath": "s3://backups/postgres/shop" } },
            "status": { "serverRecoveryWindow": { "postgres-1f2e": {
                "firstRecoverabilityPoint": "2026-01-30T02:00:00Z", "lastSuccessfulBackupTime": "2026-01-31T02:00:00Z",
            } } },
        })
    }

    fn database(plugins: Json) -> Json {
        json!({
            "kind": "Cluster",
            "metadata": { "name": "postgres", "namespace": "shop" },
            "spec": { "plugins": plugins },
        })
    }

    fn archiver(server: &str) -> Json {
        json!([{ "isWALArchiver": true, "parameters": { "barmanObjectName": "postgres-archive", "serverName": server } }])
    }

    #[test]
    fn an_archive_is_where_the_applied_objects_say() {
        let objects = [store()];
        let place = Place::of(&database(archiver("postgres-1f2e")), &objects).expect("a place");
        assert_eq!(place.told(), "s3://backups/postgres/shop/postgres-1f2e");
        assert!(Place::of(&database(json!([])), &objects).is_none());
        let zalando = json!({
            "kind": "postgresql",
            "metadata": { "uid": "1-2" },
            "spec": { "env": [{ "name": "WAL_S3_BUCKET", "value": "backups" }] },
        });
        assert_eq!(
            Place::of(&zalando, &[]).expect("a place").told(),
            "backups/1-2"
        );
    }

    #[test]
    fn it_reaches_from_its_first_moment_to_its_last_backup() {
        let noon: jiff::Timestamp = "2026-01-31T12:00:00Z".parse().expect("a moment");
        let now = Timestamp(noon.as_millisecond());
        let of = |server: &str, live: Option<&[Json]>| {
            let place = Place::of(&database(archiver(server)), &[store()]).expect("a place");
            window(live, "shop", &place)
        };
        let live = [store()];
        let good = of("postgres-1f2e", Some(&live));
        let told = reach(&good, None, now).expect("reaches");
        assert!(
            told.starts_with("; last whole backup 10h00m ago, what changed"),
            "{told}"
        );
        assert!(reach(&good, Some("2026-01-30T03:00:00Z"), now).is_ok());
        let early = reach(&good, Some("2026-01-29T03:00:00Z"), now).expect_err("too early");
        assert!(early.contains("begins at 2026-01-30T02:00:00Z"), "{early}");
        let none = reach(&of("postgres-0000", Some(&live)), None, now).expect_err("no backup");
        assert!(none.contains("no backup is whole"), "{none}");
        let unknown = reach(&of("postgres-1f2e", None), None, now).expect("goes on");
        assert!(unknown.contains("not known"), "{unknown}");
    }
}
