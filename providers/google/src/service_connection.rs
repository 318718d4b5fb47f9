//! `google_service_networking_connection`.

use crate::api::{Operations, short};
use crate::client::{Client, Request};
use crate::error;
use crate::family::PEERING;
use crate::managed::{is_taken, text};
use crate::operation;
use async_trait::async_trait;
use infra_cloud::absence::there;
use infra_cloud::overtaken::overtaken;
use infra_cloud::read;
use infra_cloud::wait::{self, MINUTES};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, Ordering};

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
    request: &Request,
) -> Result<(), ProviderError> {
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    wait::while_refused(context, operation, MINUTES, busy, || {
        attempt(client, context, operation, request)
    })
    .await
}

/// Sends a call once, and waits for its operation.
async fn attempt(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &Request,
) -> Result<(), ProviderError> {
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
}

/// Makes the connection. Google refuses that for as long as there is one, and while it does something else.
async fn make(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    ranges: &Json,
    request: &Request,
) -> Result<(), ProviderError> {
    let lost = &AtomicBool::new(operation.known_id.is_some());
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict && !is_taken(error);
    wait::while_refused(context, operation, MINUTES, busy, || async move {
        let Err(refused) = attempt(client, context, operation, request).await else {
            return Ok(());
        };
        lost.fetch_or(refused.maybe_done, Ordering::Relaxed);
        if refused.kind != ErrorKind::Conflict {
            return Err(refused);
        }
        match find_connection(client, context, id).await? {
            None => Err(refused),
            // An answer was lost: this is what that attempt made.
            Some(made) if lost.load(Ordering::Relaxed) && has(&made, ranges) => Ok(()),
            Some(_) => Err(error::foreign(id)),
        }
    })
    .await
}

fn has(connection: &Json, ranges: &Json) -> bool {
    connection["reservedPeeringRanges"] == *ranges
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
        // One that a run before this one made is not made again: Google refuses that for as long as it is there.
        let made = match operation.known_id {
            None => None,
            Some(_) => find_connection(client, context, &id).await?,
        };
        let ranges = json!(desired.reserved_peering_ranges);
        if made.is_none_or(|made| !has(&made, &ranges)) {
            make(client, context, operation, &id, &ranges, &request).await?;
        }
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
            let seen = read::one::<_, Self>(client, context, &id, Some(prior.clone())).await?;
            let values = [&prior, &desired, seen.as_ref().unwrap_or(&prior)];
            let [old, new, seen] = values.map(Record::to_value);
            if let Some(conflict) = overtaken(&ConnectionRecord::block(), &id, &old, &new, &seen) {
                return Err(conflict);
            }
            send(client, context, operation, &request).await?;
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
        infra_cloud::absence::absent_is_done(send(client, context, operation, &request).await)
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
