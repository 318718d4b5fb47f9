//! Flexible servers of PostgreSQL and MySQL: versions, machines, zones, standbys and sizes of storage that their region does not offer.

use super::location;
use crate::client::{Client, Request};
use crate::managed::text;
use crate::{flexible, mysql, postgres};
use futures::future::join_all;
use infra_cloud::preflight::{block, of_type, refused, within};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, Path, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let asked = SERVICES.iter().map(|service| async move {
        let mut regions: BTreeMap<String, Vec<&PreflightItem>> = BTreeMap::new();
        for item in of_type(items, service.own) {
            if let Some(location) = location(item) {
                regions.entry(location).or_default().push(item);
            }
        }
        let asked = regions.into_iter().map(|(location, items)| async move {
            let Some(offer) = (match service.product {
                Product::MySql => mysql_offer(client, context, &location).await,
                Product::PostgreSql => postgres_offer(client, context, &location).await,
            }) else {
                return Vec::new();
            };
            let found = items
                .into_iter()
                .filter_map(|item| not_offered(item, service, &location, &offer));
            found.collect()
        });
        join_all(asked).await.concat()
    });
    join_all(asked).await.concat()
}

#[derive(Clone, Copy)]
enum Product {
    MySql,
    PostgreSql,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Product::MySql => "MySQL",
            Product::PostgreSql => "PostgreSQL",
        }
    }
}

/// A service of flexible servers.
struct Service {
    own: &'static str,
    product: Product,
    /// Where a server says its storage: the block, the attribute, and how many MiB one of it is.
    storage: (Option<&'static str>, &'static str, i64),
}

const SERVICES: [Service; 2] = [
    Service {
        own: "azurerm_mysql_flexible_server",
        product: Product::MySql,
        storage: (Some("storage"), "size_gb", 1024),
    },
    Service {
        own: "azurerm_postgresql_flexible_server",
        product: Product::PostgreSql,
        storage: (None, "storage_mb", 1),
    },
];

/// What a region offers.
#[derive(Default)]
struct Offer {
    versions: BTreeSet<String>,
    /// By tier and the machine's name in lower case.
    machines: BTreeMap<(String, String), Machine>,
    /// Why the subscription can have nothing there.
    restricted: Option<String>,
}

#[derive(Default)]
struct Machine {
    zones: Vec<String>,
    standbys: Vec<String>,
    storage: Storage,
}

/// MiB of storage.
#[derive(Clone, Default)]
enum Storage {
    #[default]
    Any,
    Sizes(BTreeSet<i64>),
    Within(i64, i64),
}

impl Storage {
    /// The largest of sizes is a little less than a power of two.
    fn has(&self, mib: i64) -> bool {
        match self {
            Storage::Any => true,
            Storage::Sizes(sizes) => sizes.iter().any(|size| size / 1024 == mib / 1024),
            Storage::Within(least, most) => (*least..=*most).contains(&mib),
        }
    }
}

/// Azure, "Capabilities By Location - List" of PostgreSQL.
async fn postgres_offer(client: &Client, context: &CallContext, location: &str) -> Option<Offer> {
    let path = format!(
        "{}/providers/Microsoft.DBforPostgreSQL/locations/{location}/capabilities",
        client.subscription()
    );
    let of = "Microsoft.DBforPostgreSQL/locations/capabilities";
    let request = Request::get(of, postgres::VERSION, path).unregistered();
    let rows = client.list(context, request).await.ok()?;
    let mut offer = Offer::default();
    for row in &rows {
        offer.add(row);
    }
    (!offer.machines.is_empty() || offer.restricted.is_some()).then_some(offer)
}

/// Azure, "Location Based Capability Set - Get" of MySQL.
async fn mysql_offer(client: &Client, context: &CallContext, location: &str) -> Option<Offer> {
    let path = format!(
        "{}/providers/Microsoft.DBforMySQL/locations/{location}/capabilitySets/default",
        client.subscription()
    );
    let of = "Microsoft.DBforMySQL/locations/capabilitySets";
    let request = Request::get(of, mysql::VERSION, path).unregistered();
    let set = client.call(context, &request).await.ok()?;
    let set = &set["properties"];
    let mut offer = Offer::default();
    let versions = list(set, "supportedServerVersions");
    offer.versions = versions
        .filter_map(|v| v["name"].as_str().map(str::to_owned))
        .collect();
    for edition in list(set, "supportedFlexibleServerEditions") {
        let tier = edition["name"].as_str().unwrap_or_default();
        let storage = list(edition, "supportedStorageEditions").find_map(|s| {
            let (least, most) = (s["minStorageSize"].as_i64()?, s["maxStorageSize"].as_i64()?);
            Some(Storage::Within(least, most))
        });
        for sku in list(edition, "supportedSkus") {
            let machine = Machine {
                zones: texts(sku, "supportedZones"),
                standbys: texts(sku, "supportedHAMode"),
                storage: storage.clone().unwrap_or_default(),
            };
            offer.put(tier, sku, machine);
        }
    }
    (!offer.machines.is_empty()).then_some(offer)
}

fn list<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    json[name].as_array().into_iter().flatten()
}

fn texts(json: &Json, name: &str) -> Vec<String> {
    let texts = list(json, name).filter_map(Json::as_str);
    texts.map(str::to_owned).collect()
}

impl Offer {
    fn add(&mut self, row: &Json) {
        if row["restricted"] == "Enabled" {
            let why = row["reason"].as_str().unwrap_or("it is restricted");
            self.restricted = Some(why.to_owned());
        }
        let versions = list(row, "supportedServerVersions");
        self.versions
            .extend(versions.filter_map(|v| v["name"].as_str().map(str::to_owned)));
        for edition in list(row, "supportedServerEditions") {
            let tier = edition["name"].as_str().unwrap_or_default();
            let storages = list(edition, "supportedStorageEditions");
            let sizes = storages.flat_map(|s| list(s, "supportedStorageMb"));
            let sizes: BTreeSet<i64> = sizes.filter_map(|s| s["storageSizeMb"].as_i64()).collect();
            let storage = if sizes.is_empty() {
                Storage::Any
            } else {
                Storage::Sizes(sizes)
            };
            for sku in list(edition, "supportedServerSkus") {
                let machine = Machine {
                    zones: texts(sku, "supportedZones"),
                    standbys: texts(sku, "supportedHaMode"),
                    storage: storage.clone(),
                };
                self.put(tier, sku, machine);
            }
        }
    }

    fn put(&mut self, tier: &str, sku: &Json, machine: Machine) {
        if let Some(name) = sku["name"].as_str() {
            let key = (tier.to_owned(), name.to_ascii_lowercase());
            self.machines.insert(key, machine);
        }
    }
}

/// The first thing of a server that its region does not offer.
fn not_offered(
    item: &PreflightItem,
    service: &Service,
    location: &str,
    offer: &Offer,
) -> Option<Finding> {
    let planned = &item.planned;
    let refused = |at: Path, message: String| Some(refused(item, at, message));
    if let Some(why) = &offer.restricted {
        let message = format!("this subscription can have no servers in {location}: {why}");
        return refused(Path::attribute("location"), message);
    }
    if let Some(version) = text(planned, "version").filter(|v| !offer.versions.contains(v)) {
        let mut all: Vec<&str> = offer.versions.iter().map(String::as_str).collect();
        all.sort_by_key(|v| {
            v.split('.')
                .map(|p| p.parse().unwrap_or(0))
                .collect::<Vec<u32>>()
        });
        let all = all.join(", ");
        let product = service.product.name();
        let message = format!("{location} offers no {product} {version}: there are {all}");
        return refused(Path::attribute("version"), message);
    }
    let said = text(planned, "sku_name")?;
    let (machine, tier) = flexible::machine(&said)?;
    let key = (tier.to_owned(), machine.to_ascii_lowercase());
    let Some(found) = offer.machines.get(&key) else {
        let message = format!("{location} offers no servers of size `{said}`");
        return refused(Path::attribute("sku_name"), message);
    };
    let zone = text(planned, "zone");
    if let Some(zone) = zone.filter(|zone| !found.zones.contains(zone)) {
        let message = format!("`{said}` cannot be had in zone {zone} of {location}");
        return refused(Path::attribute("zone"), message);
    }
    let standby = block(planned, "high_availability").and_then(|b| text(b, "mode"));
    if let Some(mode) = standby.filter(|mode| !found.standbys.contains(mode)) {
        let message = format!("`{said}` cannot have a standby of mode `{mode}` in {location}");
        return refused(within("high_availability", "mode"), message);
    }
    let (of, name, unit) = service.storage;
    let (storage, at) = match of {
        Some(of) => (
            block(planned, of).and_then(|b| b.get(name)),
            within(of, name),
        ),
        None => (planned.get(name), Path::attribute(name)),
    };
    let storage = storage.and_then(Value::as_i64).map(|size| size * unit);
    if let Some(mib) = storage.filter(|mib| !found.storage.has(*mib)) {
        let message = format!("`{said}` cannot have {mib} MiB of storage in {location}");
        return refused(at, message);
    }
    None
}
