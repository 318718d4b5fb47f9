//! What the real stack has that a copy is made from: the archives of its databases, as they stand in what was applied, and how far they
//! reach.

use super::archive::{Contents, Shelf, path_of};
use super::clouds::Clouds;
use super::reach::{self, Window};
use super::report::Report;
use crate::commands::harden::restore::{is_database, with_uid};
use crate::commands::harden::seen::{LATER, Seen};
use infra_hardening::{Archived, Bucket, ReadRegistry};
use infra_model::program::ComponentInstance;
use infra_model::time::Timestamp;
use infra_state::ResourceState;
use serde_json::{Value as Json, json};
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

/// Whoever looks for archives.
pub(super) struct Search<'a> {
    pub(super) seen: &'a Seen,
    pub(super) clouds: &'a Clouds,
    /// The moment to recover to, RFC 3339.
    pub(super) moment: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl Search<'_> {
    /// The archives of a hardening's databases by their namespaces.
    pub(super) async fn archives(
        &self,
        hardening: &ComponentInstance,
        report: &mut Report,
    ) -> BTreeMap<String, Archived> {
        let nodes = self.seen.nodes(hardening);
        let objects: Vec<Json> = nodes.iter().filter_map(with_uid).collect();
        let databases: Vec<&Json> = objects.iter().filter(|o| is_database(o)).collect();
        let mut found = BTreeMap::new();
        if databases.is_empty() {
            return found;
        }
        let live = match self.seen.cluster_config(hardening) {
            Some(config) => self.clouds.objects(&config, TELLING).await.ok(),
            None => None,
        };
        for database in databases {
            let namespace = database["metadata"]["namespace"].as_str();
            let namespace = namespace.unwrap_or_default().to_owned();
            match self
                .archive(database, &objects, live.as_deref(), report)
                .await
            {
                Ok(archived) => drop(found.insert(namespace, archived)),
                Err(why) => report.lost(WHAT, format!("{}{why}", label(database))),
            }
        }
        found
    }

    /// The archive of a database; else what to say of it.
    async fn archive(
        &self,
        database: &Json,
        objects: &[Json],
        live: Option<&[Json]>,
        report: &mut Report,
    ) -> Result<Archived, String> {
        let name = label(database);
        let Some(mut place) = Place::of(database, objects) else {
            return Err(" has no backups: it is lost with its cluster".to_owned());
        };
        let unknown = |text: &str| text.contains(LATER);
        if unknown(&place.at) || unknown(&place.server) && !self.seen.is_without_state() {
            return Err(if self.seen.is_without_state() {
                ": the bucket of its archive is not found".to_owned()
            } else {
                " was never applied: it has none yet".to_owned()
            });
        }
        let Some((component, bucket)) = bucket(self.seen, &place.at) else {
            let at = &place.at;
            return Err(format!(
                " archives to {at}, which is no bucket of the stack's"
            ));
        };
        let (type_name, resource) = self
            .there(component)
            .await
            .map_err(|why| format!(": the bucket {} {why}", bucket.name))?;
        let mut database = database.clone();
        let shelf = path_of(&place.at).map(|path| Shelf {
            clouds: self.clouds,
            type_name,
            bucket: resource,
            path,
        });
        if unknown(&place.server) {
            self.take_life(&mut place, &mut database, shelf.as_ref(), report)
                .await?;
        }
        let contents = match &shelf {
            Some(shelf) => Some(shelf.contents(&place.server).await),
            None => None,
        };
        let contents = contents.transpose().unwrap_or_else(|error| {
            report.warn(
                WHAT,
                format!("{name}: {} cannot be looked into: {error}", place.told()),
            );
            None
        });
        self.tell(&name, &database, &place, live, contents.as_ref(), report)
            .map_err(|why| format!(": {}, {why}", place.told()))?;
        Ok(Archived {
            database,
            store: place.store,
            bucket,
        })
    }

    /// Tells how far an archive reaches; or why a copy cannot be made from it.
    fn tell(
        &self,
        name: &str,
        database: &Json,
        place: &Place,
        live: Option<&[Json]>,
        contents: Option<&Contents>,
        report: &mut Report,
    ) -> Result<(), String> {
        let namespace = database["metadata"]["namespace"].as_str();
        let window = window(live, namespace.unwrap_or_default(), place);
        let reach = reach::Reach {
            window,
            contents,
            timeout: reach::timeout(database),
        };
        // Also where it does not reach what is asked for: how far it does is what to ask for then.
        report.archive(reach.facts(name, &place.told(), self.now));
        let told = reach.told(self.moment, self.now)?;
        report.holds(WHAT, format!("{name}: {}{told}", place.told()));
        if let Some(warning) = reach.warning(self.now) {
            report.warn(WHAT, format!("{name}: {warning}"));
        }
        Ok(())
    }

    /// Which life of a database a copy begins from, where the state that knew it is lost: the one that was archived last.
    async fn take_life(
        &self,
        place: &mut Place,
        database: &mut Json,
        shelf: Option<&Shelf<'_>>,
        report: &mut Report,
    ) -> Result<(), String> {
        let unknown = |why: String| format!(": which of the lives in {} it was, {why}", place.at);
        let Some(shelf) = shelf else {
            let why = "only the state has told: Zalando's operator archives under the object's uid";
            return Err(unknown(why.to_owned()));
        };
        let failed = |error| unknown(format!("cannot be told: {error}"));
        let prefix = place.server.split(LATER).next().unwrap_or_default();
        let mut lives = Vec::new();
        for server in shelf.lives().await.map_err(failed)? {
            if server.starts_with(prefix) {
                let contents = shelf.contents(&server).await.map_err(failed)?;
                let change = contents.change.map(|c| c.archived);
                lives.push((change.max(contents.last), server));
            }
        }
        let Some((_, server)) = lives.iter().max() else {
            return Err(unknown("cannot be told: there is none".to_owned()));
        };
        if lives.len() > 1 {
            let text = format!(
                "{}: of {} lives in {} the one that was archived last, {server}",
                label(database),
                lives.len(),
                place.at
            );
            report.aside(WHAT, text);
        }
        let plugins = database["spec"]["plugins"].as_array_mut();
        for plugin in plugins.into_iter().flatten() {
            if plugin["isWALArchiver"] == true {
                plugin["parameters"]["serverName"] = json!(server);
            }
        }
        place.server.clone_from(server);
        Ok(())
    }

    /// The bucket that is still there, with its type; else what to say of it.
    async fn there(
        &self,
        component: &ComponentInstance,
    ) -> Result<(&'static str, &ResourceState), String> {
        for type_name in BUCKETS {
            for block in self.seen.blocks(component) {
                if &*block.address.type_name != type_name {
                    continue;
                }
                let name = &block.address.name;
                let resource = self.seen.resource(component, type_name, name);
                let (Some(resource), Some(prior)) =
                    (resource, self.seen.recorded(component, type_name, name))
                else {
                    return Err("is not in the state".to_owned());
                };
                return match self.clouds.asking.now(type_name, resource, prior).await {
                    Ok(Some(_)) => Ok((type_name, resource)),
                    Ok(None) => Err("is gone".to_owned()),
                    Err(error) => Err(format!("cannot be asked for: {error}")),
                };
            }
        }
        Err("is of no kind that can be asked for".to_owned())
    }
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

/// The registries of the stack, as far as they were applied: a copy reads images there, and has none of its own.
pub(super) fn registries(seen: &Seen) -> Vec<ReadRegistry> {
    let of = |component: &ComponentInstance| {
        let output = |name: &str| {
            let value = seen.plain(component.outputs.get(name)?, component);
            value
                .as_str()
                .filter(|t| !t.contains(LATER))
                .map(str::to_owned)
        };
        Some(ReadRegistry {
            name: output("name")?,
            target: output("arn")?,
        })
    };
    seen.components("registry").filter_map(of).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_store_of_the_real_cluster_tells_from_when_to_when() {
        let of = |server: &str, live: Option<&[Json]>| {
            let place = Place::of(&database(archiver(server)), &[store()]).expect("a place");
            window(live, "shop", &place)
        };
        let live = [store()];
        let good = of("postgres-1f2e", Some(&live));
        assert!(good.told && good.first.is_some() && good.last.is_some() && !good.archiving);
        let none = of("postgres-0000", Some(&live));
        assert!(none.told && none.last.is_none());
        assert_eq!(of("postgres-1f2e", None), Window::default());
    }
}
