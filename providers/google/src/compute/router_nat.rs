//! `google_compute_router_nat`: an entry in a router's list.

use super::router::Router;
use crate::api::{Api, relative, short};
use crate::client::{Client, Request};
use crate::error;
use crate::family::COMPUTE;
use crate::found::find;
use crate::managed::run;
use crate::part;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_cloud::overtaken::overtaken;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

/// Address translation for machines without public addresses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NatRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The router, of the same region.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) router: String,
    /// `AUTO_ONLY`, or `MANUAL_ONLY` with `nat_ips`.
    #[record(optional, default = "AUTO_ONLY")]
    pub(crate) nat_ip_allocate_option: String,
    /// Reserved addresses.
    #[record(optional, compare = resource_name)]
    pub(crate) nat_ips: Vec<String>,
    /// `ALL_SUBNETWORKS_ALL_IP_RANGES`, `ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES` or `LIST_OF_SUBNETWORKS`.
    #[record(required)]
    pub(crate) source_subnetwork_ip_ranges_to_nat: String,
    /// The subnetworks of `LIST_OF_SUBNETWORKS`.
    #[record(block, set)]
    pub(crate) subnetwork: Vec<NatSubnetwork>,
    /// The fewest ports of a machine.
    #[record(optional, computed)]
    pub(crate) min_ports_per_vm: Option<i64>,
    /// The most ports of a machine, with dynamic allocation.
    #[record(optional)]
    pub(crate) max_ports_per_vm: Option<i64>,
    /// Whether machines get ports as they need them.
    #[record(optional, computed)]
    pub(crate) enable_dynamic_port_allocation: Option<bool>,
    /// Whether one port serves all destinations.
    #[record(optional, computed)]
    pub(crate) enable_endpoint_independent_mapping: Option<bool>,
    /// Seconds until an idle UDP mapping ends.
    #[record(optional, computed)]
    pub(crate) udp_idle_timeout_sec: Option<i64>,
    /// Seconds until an idle TCP connection ends.
    #[record(optional, computed)]
    pub(crate) tcp_established_idle_timeout_sec: Option<i64>,
    /// Logs.
    #[record(block, max = 1)]
    pub(crate) log_config: Vec<Logs>,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/regions/{region}/routers/{router}/nats/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A subnetwork.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NatSubnetwork {
    /// Its name.
    #[record(required, compare = resource_name)]
    pub(crate) name: String,
    /// `ALL_IP_RANGES`, `PRIMARY_IP_RANGE`, `LIST_OF_SECONDARY_IP_RANGES`.
    #[record(required)]
    pub(crate) source_ip_ranges_to_nat: Vec<String>,
    /// Names of secondary ranges.
    #[record(optional)]
    pub(crate) secondary_ip_range_names: Vec<String>,
}

/// Logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logs {
    /// Whether there are any.
    #[record(required)]
    pub(crate) enable: bool,
    /// `ERRORS_ONLY`, `TRANSLATIONS_ONLY` or `ALL`.
    #[record(required)]
    pub(crate) filter: String,
}

pub(crate) struct RouterNat;

/// Where ids are made from; calls go to the router.
const API: Api = super::api(
    "compute.routers",
    "projects/{project}/regions/{region}/routers/{router}/nats",
    crate::api::Update::None,
);

const RULES: Rules = &[
    ("subnetwork", Rule::Named("subnetworks")),
    (
        "subnetwork.source_ip_ranges_to_nat",
        Rule::Named("sourceIpRangesToNat"),
    ),
    ("router", Rule::Own),
    ("region", Rule::Own),
    ("project", Rule::Own),
    ("id", Rule::Own),
];

fn router_of(id: &str) -> &str {
    id.split("/nats/").next().unwrap_or(id)
}

fn id_of(client: &Client, record: &NatRecord) -> Result<String, ProviderError> {
    let collection = API.collection_of(&record.to_value(), client)?;
    Ok(format!("{collection}/{}", record.name))
}

/// What becomes of an entry.
#[derive(Clone, Copy)]
enum Write<'a> {
    /// It is put in; `fresh` when nobody has begun with that before.
    In { entry: &'a NatRecord, fresh: bool },
    /// It is changed.
    Change {
        from: &'a NatRecord,
        to: &'a NatRecord,
    },
    /// It is taken out.
    Out,
}

/// Writes the router's list anew.
async fn write(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    what: Write<'_>,
) -> Result<(), ProviderError> {
    let router = router_of(id);
    part::change(client, context, operation, router, || async move {
        let Some(found) = find::<Router>(client, context, router).await? else {
            return match what {
                Write::Out => Ok(()),
                _ => Err(error::gone(router)),
            };
        };
        let name = short(id);
        let mut nats = found["nats"].as_array().cloned().unwrap_or_default();
        let old = nats.iter().position(|n| n["name"] == name);
        match (old, what) {
            (None, Write::Out) => return Ok(()),
            (Some(at), Write::Out) => drop(nats.remove(at)),
            (Some(_), Write::In { fresh: true, .. }) => {
                return Err(ProviderError {
                    code: "alreadyExists".to_owned(),
                    ..ProviderError::new(
                        ErrorKind::Invalid,
                        format!("`{id}` exists already: import it, or choose another name"),
                    )
                });
            }
            (at, Write::In { entry, .. } | Write::Change { to: entry, .. }) => {
                if let (Some(at), Write::Change { from, to }) = (at, what) {
                    let seen = record(id, &nats[at], Some(from))?;
                    let [old, new, seen] = [from, to, &seen].map(Record::to_value);
                    if let Some(conflict) = overtaken(&NatRecord::block(), id, &old, &new, &seen) {
                        return Err(conflict);
                    }
                }
                let body = Json::Object(wire::body(&NatRecord::block(), &entry.to_value(), RULES));
                match at {
                    Some(at) => nats[at] = body,
                    None => nats.push(body),
                }
            }
        }
        let request = Request::send(
            COMPUTE,
            "compute.routers.patch",
            Method::PATCH,
            router,
            json!({ "nats": nats }),
        );
        run::<Router>(client, context, operation, router, request)
            .await
            .map(|_| ())
    })
    .await
}

fn record(id: &str, entry: &Json, prior: Option<&NatRecord>) -> Result<NatRecord, ProviderError> {
    let block = NatRecord::block();
    let said = prior.map_or(Value::NULL, Record::to_value);
    let mut shown = wire::shown(&block, entry, &said, RULES);
    for (name, part) in API.parts(id).unwrap_or_default() {
        let said = prior.map(|p| match name {
            "router" => p.router.clone(),
            "region" => p.region.clone().unwrap_or_default(),
            _ => String::new(),
        });
        let keep = said.filter(|s| short(s) == part);
        shown[name] = keep.map_or_else(|| part.into(), Json::from);
    }
    shown["id"] = id.into();
    let value = infra_model::json::from_json(&shown, &block.implied_type())
        .map_err(|e| ProviderError::new(ErrorKind::Other, format!("`{id}`: {e}")))?;
    Ok(NatRecord::from_value(&value)?)
}

#[async_trait]
impl Resource<Client> for RouterNat {
    type Record = NatRecord;
    const TYPE: &'static str = "google_compute_router_nat";

    fn traits() -> Traits {
        Traits::default()
            .seconds(12, 12, 12)
            .family(COMPUTE.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_none() || !planned.replace.is_empty() {
            crate::managed::name_it(&API, &NatRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &NatRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<NatRecord>],
    ) -> Vec<Result<Option<NatRecord>, ProviderError>> {
        let items = &API.wholes(items, client);
        let routers = items.iter().map(|i| router_of(&i.id));
        let found = part::once(routers, |router| find::<Router>(client, context, router)).await;
        items
            .iter()
            .map(|item| {
                let found = found.get(router_of(&item.id));
                let Some(router) = found.cloned().transpose()?.flatten() else {
                    return Ok(None);
                };
                let name = short(&item.id);
                let nats = router["nats"].as_array();
                let entry = nats.and_then(|n| n.iter().find(|n| n["name"] == name));
                entry
                    .map(|e| record(&item.id, e, item.prior.as_ref()))
                    .transpose()
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: NatRecord,
    ) -> Result<NatRecord, ProviderError> {
        let id = id_of(client, &desired)?;
        let fresh = operation.known_id.is_none();
        if fresh {
            // The place is ours once nobody else is in it: known before the call, so that a crash finds it.
            let taken = Self::recover(client, context, operation, desired.clone()).await?;
            if matches!(taken, Recovered::Absent) {
                context.events.id_known(operation, &id).await?;
            }
        }
        let entry = &desired;
        write(client, context, operation, &id, Write::In { entry, fresh }).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NatRecord,
        desired: NatRecord,
    ) -> Result<NatRecord, ProviderError> {
        let id = Self::id(&prior);
        let (from, to) = (&prior, &desired);
        write(client, context, operation, &id, Write::Change { from, to }).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NatRecord,
    ) -> Result<(), ProviderError> {
        write(client, context, operation, &Self::id(&prior), Write::Out).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: NatRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of(client, &desired)?;
        let found = read::one::<_, Self>(client, context, &id, None).await?;
        Ok(match found {
            // An entry of a router has no mark of its own; what was asked for is what tells it.
            Some(found) if same(&found, &desired) => Recovered::Found(id),
            Some(_) => Recovered::Foreign(id),
            None => Recovered::Absent,
        })
    }

    fn import(id: &str) -> Result<Imported<NatRecord>, ProviderError> {
        API.import(relative(id))
    }
}

/// Whether an entry is what was asked for, as far as it was.
fn same(found: &NatRecord, desired: &NatRecord) -> bool {
    found.source_subnetwork_ip_ranges_to_nat == desired.source_subnetwork_ip_ranges_to_nat
        && found.nat_ip_allocate_option == desired.nat_ip_allocate_option
        && found.nat_ips.len() == desired.nat_ips.len()
}
