//! `google_project_service`, `google_project_service_identity` and `google_service_networking_connection`.

use crate::api::{Api, Create, Labelled, Operations, Update, short};
use crate::client::{Client, Request};
use crate::family::{PEERING, USAGE};
use crate::managed::{Kind, name_it, run, text};
use crate::operation;
use crate::wire::Rules;
use async_trait::async_trait;
use infra_cloud::absence::there;
use infra_cloud::wait::{self, MINUTES};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A service that a project uses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ServiceRecord {
    /// `compute.googleapis.com`, …
    #[record(required, force_new)]
    pub(crate) service: String,
    /// Whether it ends with the resource; otherwise infra only forgets it.
    #[record(optional, default = true)]
    pub(crate) disable_on_destroy: bool,
    /// Whether services that need it end with it.
    #[record(optional)]
    pub(crate) disable_dependent_services: Option<bool>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/services/{service}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Of a service: its collection, for ids and operations.
struct Usage;

impl Kind for Usage {
    type Record = ServiceRecord;
    const TYPE: &'static str = "google_project_service";
    const API: Api = SERVICES;
    const RULES: Rules = &[];

    fn traits() -> Traits {
        Traits::default()
    }
}

const SERVICES: Api = Api {
    service: USAGE,
    name: "serviceusage.services",
    collection: "projects/{project}/services",
    key: "service",
    create: Create::Create,
    update: Update::None,
    items: "services",
    operations: Operations::Rpc,
    labels: Labelled::No,
};

pub(crate) struct Service;

async fn enabled(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Result<BTreeMap<String, bool>, ProviderError> {
    // Up to thirty at once: `services.batchGet`.
    let mut out = BTreeMap::new();
    let mut projects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in ids {
        let project = id.split("/services/").next().unwrap_or_default();
        projects.entry(project).or_default().push(id);
    }
    for (project, ids) in projects {
        for batch in ids.chunks(30) {
            let mut request = Request::get(
                USAGE,
                "serviceusage.services.batchGet",
                format!("{project}/services:batchGet"),
            );
            for id in batch {
                request = request.query("names", *id);
            }
            let answer = client.call(context, &request).await?;
            for service in answer["services"].as_array().into_iter().flatten() {
                let name = short(service["name"].as_str().unwrap_or_default());
                let id = format!("{project}/services/{name}");
                out.insert(id, service["state"] == "ENABLED");
            }
        }
    }
    Ok(out)
}

#[async_trait]
impl Resource<Client> for Service {
    type Record = ServiceRecord;
    const TYPE: &'static str = "google_project_service";

    fn traits() -> Traits {
        Traits::default()
            .seconds(20, 2, 20)
            .family(USAGE.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_none() || !planned.replace.is_empty() {
            name_it(&SERVICES, &ServiceRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &ServiceRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ServiceRecord>],
    ) -> Vec<Result<Option<ServiceRecord>, ProviderError>> {
        let ids: Vec<&str> = items.iter().map(|i| &*i.id).collect();
        let states = match enabled(client, context, &ids).await {
            Ok(states) => states,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let one = |item: &Item<ServiceRecord>| {
            states.get(&item.id).copied().unwrap_or(false).then(|| {
                let said = item.prior.as_ref();
                ServiceRecord {
                    service: short(&item.id).to_owned(),
                    disable_on_destroy: said.is_none_or(|p| p.disable_on_destroy),
                    disable_dependent_services: said.and_then(|p| p.disable_dependent_services),
                    project: item.id.split('/').nth(1).map(str::to_owned),
                    id: Some(item.id.clone()),
                }
            })
        };
        items.iter().map(|item| Ok(one(item))).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ServiceRecord,
    ) -> Result<ServiceRecord, ProviderError> {
        let collection = SERVICES.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.service);
        // Enabling twice is enabling once, also what others have enabled: the id says all there is to know.
        context.events.id_known(operation, &id).await?;
        let request = Request::send(
            USAGE,
            "serviceusage.services.enable",
            Method::POST,
            format!("{id}:enable"),
            json!({}),
        );
        run::<Usage>(client, context, operation, &id, request).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ServiceRecord,
        desired: ServiceRecord,
    ) -> Result<ServiceRecord, ProviderError> {
        crate::managed::settled::<Self>(client, context, operation, &Self::id(&prior), desired)
            .await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ServiceRecord,
    ) -> Result<(), ProviderError> {
        if !prior.disable_on_destroy {
            return Ok(());
        }
        let id = Self::id(&prior);
        let dependents = prior.disable_dependent_services == Some(true);
        let request = Request::send(
            USAGE,
            "serviceusage.services.disable",
            Method::POST,
            format!("{id}:disable"),
            json!({ "disableDependentServices": dependents }),
        );
        infra_cloud::absence::absent_is_done(
            run::<Usage>(client, context, operation, &id, request).await,
        )
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: ServiceRecord,
    ) -> Result<Recovered, ProviderError> {
        let collection = SERVICES.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.service);
        let states = enabled(client, context, &[&id]).await?;
        Ok(if states.get(&id) == Some(&true) {
            Recovered::Found(id)
        } else {
            Recovered::Absent
        })
    }

    fn import(id: &str) -> Result<Imported<ServiceRecord>, ProviderError> {
        if SERVICES.parts(id).is_none() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `{}`", SERVICES.form()),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// A private connection between a network and the services that Google runs for it, such as Cloud SQL.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ConnectionRecord {
    /// The network.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) network: String,
    /// `servicenetworking.googleapis.com`
    #[record(required, force_new)]
    pub(crate) service: String,
    /// Names of global addresses: the ranges that services get addresses from.
    #[record(required)]
    pub(crate) reserved_peering_ranges: Vec<String>,
    /// The peering that it made.
    #[record(computed)]
    pub(crate) peering: Option<String>,
    /// The network's name and the service, with a colon between.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Connection;

/// `projects/p/global/networks/n:servicenetworking.googleapis.com`
fn connection_id(client: &Client, record: &ConnectionRecord) -> String {
    format!(
        "{}:{}",
        full_network(client, &record.network),
        record.service
    )
}

fn full_network(client: &Client, network: &str) -> String {
    if network.contains('/') {
        crate::api::relative(network).to_owned()
    } else {
        format!("projects/{}/global/networks/{network}", client.project())
    }
}

async fn find_connection(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let Some((network, service)) = id.rsplit_once(':') else {
        return Ok(None);
    };
    let request = Request::get(
        PEERING,
        "servicenetworking.services.connections.list",
        format!("services/{service}/connections"),
    )
    .query("network", network);
    let found = there(client.list(context, request, "connections").await)?;
    // The network is answered with the project's number.
    let name = short(network);
    let mut found = found.unwrap_or_default().into_iter();
    Ok(found.find(|c| c["network"].as_str().is_some_and(|n| short(n) == name)))
}

/// Sends a call and waits for its operation.
async fn send(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: Request,
) -> Result<(), ProviderError> {
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    let request = &request;
    wait::while_refused(context, operation, MINUTES, busy, || async move {
        let answer = client.call(context, request).await?;
        let Some(path) = operation::path(Operations::Rpc, "", &answer) else {
            return Ok(());
        };
        operation::wait(
            client,
            context,
            operation,
            PEERING,
            &request.call,
            &path,
            MINUTES,
        )
        .await
        .map(|_| ())
    })
    .await
}

#[async_trait]
impl Resource<Client> for Connection {
    type Record = ConnectionRecord;
    const TYPE: &'static str = "google_service_networking_connection";

    fn traits() -> Traits {
        Traits::default()
            .seconds(40, 40, 40)
            .family(PEERING.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_some() && planned.replace.is_empty() {
            return Ok(());
        }
        let of = |name: &str| text(&planned.value, name);
        if let (Some(network), Some(service)) = (of("network"), of("service"))
            && network.contains('/')
        {
            let id = format!("{}:{service}", crate::api::relative(&network));
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("id", id.into());
        }
        Ok(())
    }

    fn id(record: &ConnectionRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ConnectionRecord>],
    ) -> Vec<Result<Option<ConnectionRecord>, ProviderError>> {
        futures::future::join_all(items.iter().map(|item| async move {
            let Some(found) = find_connection(client, context, &item.id).await? else {
                return Ok(None);
            };
            let (network, service) = item.id.rsplit_once(':').unwrap_or_default();
            let said = item.prior.as_ref().map(|p| p.network.clone());
            let ranges = found["reservedPeeringRanges"]
                .as_array()
                .into_iter()
                .flatten();
            Ok(Some(ConnectionRecord {
                network: said
                    .filter(|n| !n.is_empty())
                    .unwrap_or_else(|| network.to_owned()),
                service: service.to_owned(),
                reserved_peering_ranges: ranges
                    .filter_map(|r| r.as_str().map(str::to_owned))
                    .collect(),
                peering: found["peering"].as_str().map(str::to_owned),
                id: Some(item.id.clone()),
            }))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ConnectionRecord,
    ) -> Result<ConnectionRecord, ProviderError> {
        let id = connection_id(client, &desired);
        // A network has one connection to a service: its place is its name.
        context.events.id_known(operation, &id).await?;
        let body = json!({
            "network": full_network(client, &desired.network),
            "reservedPeeringRanges": desired.reserved_peering_ranges,
        });
        let request = Request::send(
            PEERING,
            "servicenetworking.services.connections.create",
            Method::POST,
            format!("services/{}/connections", desired.service),
            body,
        );
        send(client, context, operation, request).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ConnectionRecord,
        desired: ConnectionRecord,
    ) -> Result<ConnectionRecord, ProviderError> {
        let id = Self::id(&prior);
        if prior.reserved_peering_ranges != desired.reserved_peering_ranges {
            let body = json!({
                "network": full_network(client, &desired.network),
                "reservedPeeringRanges": desired.reserved_peering_ranges,
            });
            let request = Request::send(
                PEERING,
                "servicenetworking.services.connections.patch",
                Method::PATCH,
                format!("services/{}/connections/-", desired.service),
                body,
            )
            .query("updateMask", "reservedPeeringRanges")
            .query("force", "true");
            send(client, context, operation, request).await?;
        }
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ConnectionRecord,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        if find_connection(client, context, &id).await?.is_none() {
            return Ok(());
        }
        let network = full_network(client, &prior.network);
        let request = Request::send(
            PEERING,
            "servicenetworking.services.connections.deleteConnection",
            Method::POST,
            format!(
                "services/{}/connections/servicenetworking-googleapis-com",
                prior.service
            ),
            json!({ "consumerNetwork": network }),
        );
        infra_cloud::absence::absent_is_done(send(client, context, operation, request).await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: ConnectionRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = connection_id(client, &desired);
        Ok(match find_connection(client, context, &id).await? {
            Some(_) => Recovered::Found(id),
            None => Recovered::Absent,
        })
    }

    fn import(id: &str) -> Result<Imported<ConnectionRecord>, ProviderError> {
        if !id.starts_with("projects/") || !id.contains(':') {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!(
                    "`{id}` is not `projects/{{project}}/global/networks/{{network}}:{{service}}`"
                ),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}
