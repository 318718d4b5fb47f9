//! What is there: one by one or by listings, whose it is, and its attributes.

use crate::api::{Operations, relative};
use crate::client::{Client, Request};
use crate::kind::Kind;
use crate::labels::{self, Labels, MARKS};
use crate::managed::{labels_of, verb};
use crate::wire;
use futures::future::join_all;
use infra_cloud::absence::there;
use infra_cloud::fields::understood;
use infra_model::schema::Compare;
use infra_model::{
    Block, CallContext, Operation, ProviderError, Record, Recovered, Value, planning,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Services that list 20 to 100 on a page unless more are asked for, and cut that to the most that they give
/// (<https://google.aip.dev/158>).
const LARGE_PAGES: [&str; 4] = ["artifactregistry", "iam", "kms", "secretmanager"];

/// From so many members of one collection on, a listing is asked for instead of each of them.
const LIST_FROM: usize = 4;

/// Whose the resource of an id is.
pub(crate) async fn own<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: &K::Record,
) -> Result<Recovered, ProviderError> {
    let Some(found) = find::<K>(client, context, id).await? else {
        return Ok(Recovered::Absent);
    };
    let ours = match (K::API.labels.place(), K::API.operations) {
        (Some((_, pointer)), _) => MARKS.made_by(operation, &labels::of(found.pointer(pointer))),
        // Compute keeps its operations for two weeks, with the token that each was asked for with.
        (None, Operations::Compute) => was_ours::<K>(client, context, operation, id).await?,
        (None, _) => {
            made_since(&found, operation).unwrap_or_else(|| K::is_as_asked(&found, desired))
        }
    };
    Ok(if ours {
        Recovered::Found(id.to_owned())
    } else {
        Recovered::Foreign(id.to_owned())
    })
}

/// Whether Compute remembers the insertion of this resource under the operation's token.
async fn was_ours<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<bool, ProviderError> {
    // projects/p/global/…, projects/p/regions/r/…, projects/p/zones/z/…
    let parts: Vec<&str> = id.split('/').collect();
    let scope = if parts.get(2) == Some(&"global") {
        3
    } else {
        4
    };
    let place = parts.get(..scope).unwrap_or_default().join("/");
    let token = operation.token.as_uuid();
    let request = Request::get(
        K::API.service,
        "compute.operations.list",
        format!("{place}/operations"),
    )
    .query("filter", format!("clientOperationId=\"{token}\""));
    let found = client.list(context, request, "items").await?;
    Ok(found.iter().any(|o| {
        o["clientOperationId"] == Json::String(token.clone())
            && o["targetLink"]
                .as_str()
                .is_some_and(|link| relative(link) == id)
    }))
}

/// Whether a resource was made since the operation began, where it tells when it was made.
fn made_since(found: &Json, operation: &Operation) -> Option<bool> {
    let made = [
        "createTime",
        "creationTimestamp",
        "creationTime",
        "timeCreated",
    ]
    .iter()
    .find_map(|name| found[*name].as_str()?.parse::<jiff::Timestamp>().ok())?;
    // The two clocks may differ a little.
    Some(made.as_millisecond() + 5_000 >= operation.started.0)
}

/// What is under an id.
pub(crate) async fn find<K: Kind>(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let request = Request::get(K::API.service, verb(&K::API, "get"), id);
    let found = there(client.call(context, &request).await)?;
    Ok(found.filter(K::is_there))
}

/// What is under each id: one listing for the many of one collection, or of several where the service has one. What a listing lacks is asked for by itself.
pub(crate) async fn find_many<K: Kind>(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Vec<Result<Option<Json>, ProviderError>> {
    let mut collections: BTreeMap<&str, usize> = BTreeMap::new();
    for id in ids {
        *collections.entry(parent(id)).or_default() += 1;
    }
    let listed: BTreeMap<&str, _> = join_all(
        collections
            .into_iter()
            .filter(|(_, members)| *members >= LIST_FROM && !K::API.items.is_empty())
            .map(|(collection, _)| async move {
                (collection, list::<K>(client, context, collection).await)
            }),
    )
    .await
    .into_iter()
    .collect();
    let few = ids.iter().copied();
    let few: Vec<&str> = few.filter(|id| !listed.contains_key(parent(id))).collect();
    // Who may read each need not be allowed to list all.
    let over_all = match few.len() >= LIST_FROM {
        true => K::listed(client, context, &few).await.unwrap_or_default(),
        false => BTreeMap::new(),
    };
    join_all(ids.iter().map(|id| {
        let member = match listed.get(parent(id)) {
            Some(Ok(members)) => Ok(members.get(*id)),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(over_all.get(*id)),
        };
        async move {
            match member? {
                Some(member) => Ok(Some(member.clone()).filter(K::is_there)),
                None => find::<K>(client, context, id).await,
            }
        }
    }))
    .await
}

/// The ids of what carries the marks of an operation; where a type bears none, of what a configuration names.
pub(crate) async fn marked<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    config: &Value,
) -> Result<Vec<String>, ProviderError> {
    let Some((_, pointer)) = K::API.labels.place() else {
        let (Ok(collection), Some(key)) = (
            K::API.collection_of(config, client),
            crate::managed::text(config, K::API.key),
        ) else {
            return Ok(Vec::new());
        };
        let id = format!("{collection}/{key}");
        let found = find::<K>(client, context, &id).await?;
        return Ok(found.map(|_| id).into_iter().collect());
    };
    let members = if K::API.items.is_empty() {
        K::listed(client, context, &[]).await?
    } else {
        list::<K>(client, context, &K::API.collection_of(config, client)?).await?
    };
    let ours = members.into_iter().filter(|(_, member)| {
        K::is_there(member) && MARKS.are_of(&labels::of(member.pointer(pointer)), operation)
    });
    Ok(ours.map(|(id, _)| id).collect())
}

fn parent(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// All members of a collection by id.
async fn list<K: Kind>(
    client: &Client,
    context: &CallContext,
    collection: &str,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    let mut request = Request::get(K::API.service, verb(&K::API, "list"), collection);
    if LARGE_PAGES.contains(&K::API.service.name) {
        request = request.query("pageSize", "1000");
    }
    let found = there(client.list(context, request, K::API.items).await)?;
    let members = found.unwrap_or_default().into_iter().filter_map(|member| {
        let name = member["name"].as_str()?;
        let name = crate::api::short(name);
        Some((format!("{collection}/{name}"), member))
    });
    Ok(members.collect())
}

/// The attributes of what was found.
pub(crate) fn record<K: Kind>(
    client: &Client,
    id: &str,
    mut found: Json,
    prior: Option<&K::Record>,
) -> Result<K::Record, ProviderError> {
    K::shown(&mut found);
    let block = K::Record::block();
    let prior = prior.map_or(Value::NULL, Record::to_value);
    let mut all = Labels::new();
    if let Some((attribute, pointer)) = K::API.labels.place() {
        let said = labels_of(&prior, attribute);
        let (own, effective) = MARKS.split(
            labels::of(found.pointer(pointer)),
            &client.config().labels,
            Some(&said),
        );
        if let Some(place) = found.pointer_mut(pointer) {
            *place = labels::json(&own);
        }
        all = effective;
    }
    let mut shown = wire::shown(&block, &found, &prior, K::RULES);
    let mut set = |name: &str, json: Json| {
        if block.attributes.contains_key(name) {
            shown[name] = json;
        }
    };
    for (name, part) in K::API.parts(id).unwrap_or_default() {
        let said = prior.get(name).filter(|said| {
            let compare = block
                .attributes
                .get(name)
                .map(|a| a.compare)
                .unwrap_or_default();
            planning::same(compare, said, &part.into())
        });
        let whole = match name {
            "project" | "region" | "zone" | "location" => None,
            name if name == K::API.key => None,
            name if !is_reference(&block, name) => None,
            // A parent is named in full.
            _ => id
                .find(&format!("/{part}/"))
                .map(|at| &id[..=at + part.len()]),
        };
        let shown = whole.unwrap_or(part);
        set(
            name,
            said.map_or_else(|| shown.into(), infra_model::json::to_json),
        );
    }
    set("id", id.into());
    set("effective_labels", labels::json(&all));
    let mut record: K::Record = understood(&block, format_args!("`{id}`"), &shown)?;
    K::complete(client, &mut record);
    Ok(record)
}

fn is_reference(block: &Block, name: &str) -> bool {
    let attribute = block.attributes.get(name);
    attribute.is_some_and(|a| a.compare == Compare::ResourceName)
}
