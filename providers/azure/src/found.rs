//! What is there: one by one or by listings, whose it is, how it stands, and its attributes.

use crate::api::{Api, collection};
use crate::client::{Client, Request};
use crate::error;
use crate::kind::Kind;
use crate::resources;
use crate::tags::{self, MARKS, Tags};
use crate::wire;
use futures::future::{join_all, try_join_all};
use infra_cloud::absence::there;
use infra_cloud::fields::understood;
use infra_cloud::pending::split;
use infra_model::resource::Item;
use infra_model::schema::Compare;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Value, planning,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// From so many members of one collection on, a listing is asked for instead of each of them.
const LIST_FROM: usize = 4;

/// From so many members of a subscription on, in more than a few collections, the subscription's listing is asked for.
const LIST_SUBSCRIPTION_FROM: usize = 10;

/// So many collections are listed one by one.
const FEW_COLLECTIONS: usize = 2;

/// What is under an id.
pub(crate) async fn fetch(
    client: &Client,
    context: &CallContext,
    api: &Api,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let request = Request::get(api.name, api.version, id);
    there(client.call(context, &request).await)
}

/// What is under an id of a type.
pub(crate) async fn find<K: Kind>(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let found = fetch(client, context, &K::API, id).await?;
    Ok(found.filter(K::is_there))
}

/// What is under each id: one listing for the many of a subscription, or of one collection. What a listing lacks, or may not be
/// asked for, is asked for by itself.
pub(crate) async fn find_many<K: Kind>(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Vec<Result<Option<Json>, ProviderError>> {
    let groups = match K::API.listed {
        true => groups(ids, K::EMBEDDED.is_some(), K::ALL_SCOPES),
        false => Vec::new(),
    };
    let listed = groups
        .iter()
        .map(|group| members::<K>(client, context, group));
    let members: BTreeMap<String, Json> = match try_join_all(listed).await {
        Ok(listed) => listed.into_iter().flatten().collect(),
        Err(error) => return ids.iter().map(|_| Err(error.clone())).collect(),
    };
    join_all(ids.iter().map(|id| {
        let member = members.get(&id.to_ascii_lowercase());
        async move {
            match member {
                Some(member) => Ok(Some(member.clone()).filter(K::is_there)),
                None => find::<K>(client, context, id).await,
            }
        }
    }))
    .await
}

/// Collections, and the listing of the subscription that has all that is in them, where it is worth one.
#[derive(Debug, PartialEq)]
struct Group<'a> {
    whole: Option<String>,
    /// Those that are worth a listing of their own.
    collections: Vec<&'a str>,
}

/// The listings in which most of the ids are. Only what stands in a resource group itself is listed by subscription, or what can be
/// at `any` scope; what is `embedded` is listed with the resources that it is a part of.
fn groups<'a>(ids: &[&'a str], embedded: bool, any: bool) -> Vec<Group<'a>> {
    let mut collections: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for id in ids {
        let at = collection(id);
        let members = collections.entry(at.to_ascii_lowercase());
        members.or_insert((0, at)).0 += 1;
    }
    let mut groups: BTreeMap<Option<String>, Vec<(usize, &str)>> = BTreeMap::new();
    for (members, at) in collections.into_values() {
        let parents = if embedded {
            collection(collection(at))
        } else {
            at
        };
        let whole = if any {
            of_all_scopes(parents)
        } else {
            in_subscription(parents)
        };
        groups.entry(whole).or_default().push((members, at));
    }
    let group = |(whole, collections): (Option<String>, Vec<(usize, &'a str)>)| {
        let members: usize = collections.iter().map(|(members, _)| members).sum();
        let worth = members >= LIST_SUBSCRIPTION_FROM && collections.len() > FEW_COLLECTIONS;
        let many = collections.into_iter().filter(|(n, _)| *n >= LIST_FROM);
        Group {
            whole: whole.filter(|_| worth),
            collections: many.map(|(_, at)| at).collect(),
        }
    };
    groups.into_iter().map(group).collect()
}

/// The members of a group's collections by id, in lower case, as far as they are listed.
async fn members<K: Kind>(
    client: &Client,
    context: &CallContext,
    group: &Group<'_>,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    if let Some(whole) = &group.whole {
        let found = list(client, context, &K::API, whole).await;
        match (found, K::EMBEDDED) {
            // Who may read one resource group need not be allowed to list a subscription.
            (Err(error), _) if error.kind == ErrorKind::Denied => {}
            (Err(error), _) => return Err(error),
            (Ok(found), None) => return Ok(found),
            (Ok(found), Some(pointer)) => {
                let parts = found.values().filter_map(|whole| whole.pointer(pointer));
                let parts = parts.filter_map(Json::as_array).flatten().cloned();
                return Ok(by_id(parts));
            }
        }
    }
    let each = group.collections.iter();
    let listed = try_join_all(each.map(|at| list(client, context, &K::API, at)));
    Ok(listed.await?.into_iter().flatten().collect())
}

fn by_id(found: impl IntoIterator<Item = Json>) -> BTreeMap<String, Json> {
    let members = found.into_iter().filter_map(|member| {
        let id = member["id"].as_str()?.to_ascii_lowercase();
        Some((id, member))
    });
    members.collect()
}

/// `/subscriptions/s/providers/n/t` of `/subscriptions/s/resourceGroups/g/providers/n/t`.
fn in_subscription(collection: &str) -> Option<String> {
    let parts: Vec<&str> = collection.split('/').collect();
    match parts[..] {
        ["", subscriptions, of, groups, _, providers, namespace, kind]
            if groups.eq_ignore_ascii_case("resourceGroups") =>
        {
            Some(format!(
                "/{subscriptions}/{of}/{providers}/{namespace}/{kind}"
            ))
        }
        _ => None,
    }
}

/// `/subscriptions/s/providers/n/t` of `/subscriptions/s/…/providers/n/t`.
fn of_all_scopes(collection: &str) -> Option<String> {
    let (scope, own) = collection.rsplit_once("/providers/")?;
    let mut parts = scope.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(subscriptions), Some(of))
            if subscriptions.eq_ignore_ascii_case("subscriptions") =>
        {
            Some(format!("/{subscriptions}/{of}/providers/{own}"))
        }
        _ => None,
    }
}

/// All members of a collection by id, in lower case.
async fn list(
    client: &Client,
    context: &CallContext,
    api: &Api,
    at: &str,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    let request = Request::get(api.name, api.version, at);
    let found = there(client.list(context, request).await)?;
    Ok(by_id(found.unwrap_or_default()))
}

/// The ids of what carries the marks of an operation: Resource Manager lists what has a tag, of all types of a subscription
/// (<https://learn.microsoft.com/rest/api/resources/resources/list>).
pub(crate) async fn marked<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
) -> Result<Vec<String>, ProviderError> {
    let (name, value) = MARKS.address(&operation.address);
    let filter = format!("tagName eq '{name}' and tagValue eq '{value}'");
    let path = format!("{}/resources", client.subscription());
    let request = Request::get("Microsoft.Resources/resources", resources::VERSION, path);
    let found = client
        .list(context, request.query("$filter", filter))
        .await?;
    let ours = found.iter().filter(|member| {
        let kind = member["type"].as_str().unwrap_or_default();
        kind.eq_ignore_ascii_case(K::API.name) && MARKS.are_of(&tags::of(member), operation)
    });
    Ok(ours
        .filter_map(|member| member["id"].as_str().map(str::to_owned))
        .collect())
}

/// Reads many of a type.
pub(crate) async fn read<K: Kind>(
    client: &Client,
    context: &CallContext,
    items: &[Item<K::Record>],
) -> Vec<Result<Option<K::Record>, ProviderError>> {
    let ids: Vec<&str> = items.iter().map(|i| split(&i.id).0).collect();
    let found = find_many::<K>(client, context, &ids).await;
    let shown =
        found
            .into_iter()
            .zip(items.iter().zip(ids))
            .map(|(found, (item, id))| async move {
                match found? {
                    None => Ok(None),
                    Some(found) => record::<K>(client, context, id, found, item.prior.as_ref())
                        .await
                        .map(Some),
                }
            });
    join_all(shown).await
}

/// Whose the resource of an id is. What has no tags is ours only when the operation knows its id: that is written down just
/// before it is made, after a look that nothing is there.
pub(crate) fn whose<K: Kind>(operation: &Operation, id: &str, found: &Json) -> Recovered {
    let told = if K::API.tags {
        MARKS.made_by(operation, &tags::at(found, K::TAGS))
    } else {
        operation.known_id.is_some() || K::always_there()
    };
    let ours = K::made_by(operation, id) || told;
    if ours {
        Recovered::Found(id.to_owned())
    } else {
        Recovered::Foreign(id.to_owned())
    }
}

/// How a resource stands.
pub(crate) enum Standing {
    /// As it was asked for.
    Ready,
    /// On its way; the service's own word.
    Going(String),
    /// Given up.
    Failed,
}

/// How a resource says it stands.
pub(crate) fn standing(found: &Json) -> Standing {
    match found["properties"]["provisioningState"].as_str() {
        None | Some("Succeeded" | "succeeded" | "Ready") => Standing::Ready,
        Some("Failed" | "Canceled" | "Cancelled") => Standing::Failed,
        Some(state) => Standing::Going(wire::snake(state).replace('_', " ")),
    }
}

/// Why a resource failed, as far as it tells.
pub(crate) fn failure(api: &Api, found: &Json) -> ProviderError {
    failed(api.name, found)
}

/// The same of any type, by its name.
pub(crate) fn failed(of: &str, found: &Json) -> ProviderError {
    let state = found["properties"]["provisioningState"]
        .as_str()
        .unwrap_or("Failed");
    ProviderError {
        kind: ErrorKind::Failed,
        ..error::of_operation(of, "PUT", state, &found["properties"])
    }
}

/// Its etag, wherever the service says it.
pub(crate) fn etag(found: &Json) -> Option<&str> {
    let properties = &found["properties"];
    [&found["etag"], &found["eTag"], &properties["eTag"]]
        .into_iter()
        .find_map(Json::as_str)
}

/// A body as it was read, to be sent again: without what only answers say, which the service would compare with its own.
pub(crate) fn without_shown_only(found: &Json) -> Json {
    let mut whole = found.clone();
    for name in ["etag", "eTag", "systemData", "id", "name", "type"] {
        wire::remove(&mut whole, name);
    }
    for name in ["provisioningState", "resourceGuid", "eTag"] {
        wire::remove(&mut whole, &format!("properties/{name}"));
    }
    whole
}

/// The attributes of what was found.
pub(crate) async fn record<K: Kind>(
    client: &Client,
    context: &CallContext,
    id: &str,
    mut found: Json,
    prior: Option<&K::Record>,
) -> Result<K::Record, ProviderError> {
    K::more(client, context, id, prior, &mut found).await?;
    record_of::<K>(client, id, found, prior)
}

/// The same, of what needs no more calls.
pub(crate) fn record_of<K: Kind>(
    client: &Client,
    id: &str,
    mut found: Json,
    prior: Option<&K::Record>,
) -> Result<K::Record, ProviderError> {
    K::shown(&mut found);
    let block = K::Record::block();
    let said = prior.map_or(Value::NULL, Record::to_value);
    let mut all = Tags::new();
    if K::API.tags {
        let defaults = &client.config().tags;
        let (own, effective) =
            MARKS.split(tags::at(&found, K::TAGS), defaults, Some(&tags_of(&said)));
        wire::put(&mut found, "tags", tags::json(&own));
        all = effective;
    }
    let mut shown = wire::shown(&block, &found, &said, K::RULES);
    let mut set = |name: &str, json: Json| {
        if block.attributes.contains_key(name) {
            shown[name] = json;
        }
    };
    for (name, part) in K::API.parts(id).unwrap_or_default() {
        let same = said
            .get(name)
            .filter(|said| planning::same(Compare::CaseInsensitive, said, &part.into()));
        set(
            name,
            same.map_or_else(|| part.into(), infra_model::json::to_json),
        );
    }
    set("id", id.into());
    set("tags_all", tags::json(&all));
    let mut record: K::Record = understood(&block, format_args!("`{id}`"), &shown)?;
    K::complete(client, &found, prior, &mut record);
    Ok(record)
}

/// The tags that a value says.
pub(crate) fn tags_of(value: &Value) -> Tags {
    let entries = value.get("tags").and_then(Value::entries);
    entries
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(group: usize, name: usize) -> String {
        format!("/subscriptions/s/resourceGroups/g{group}/providers/n/t/r{name}")
    }

    fn asked(ids: &[String], embedded: bool) -> Vec<(Option<String>, Vec<String>)> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let told = groups(&ids, embedded, false).into_iter();
        let owned = |at: &str| at.to_owned();
        told.map(|g| (g.whole, g.collections.into_iter().map(owned).collect()))
            .collect()
    }

    #[test]
    fn the_many_of_a_group_or_a_subscription_are_listed() {
        let in_group = "/subscriptions/s/resourceGroups/g1/providers/n/t".to_owned();
        let whole = Some("/subscriptions/s/providers/n/t".to_owned());
        let three: Vec<String> = (0..3).map(|name| id(1, name)).collect();
        assert_eq!(asked(&three, false), [(None, vec![])]);
        let group: Vec<String> = (0..20).map(|name| id(1, name)).collect();
        assert_eq!(asked(&group, false), [(None, vec![in_group.clone()])]);
        let mut all: Vec<String> = (2..12).map(|group| id(group, 0)).collect();
        assert_eq!(asked(&all, false), [(whole.clone(), vec![])]);
        all.extend(group);
        // The group's listing is for those who may not have the subscription's.
        assert_eq!(asked(&all, false), [(whole.clone(), vec![in_group])]);
        // What is below a resource is in the subscription's listing with that resource, or in none.
        let below: Vec<String> = (0..20).map(|n| format!("{}/c/x", id(n, 0))).collect();
        assert_eq!(asked(&below, false), [(None, vec![])]);
        assert_eq!(asked(&below, true), [(whole, vec![])]);
    }

    #[test]
    fn what_can_be_at_any_scope_is_listed_with_its_subscription() {
        let at = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
        let whole = at("/subscriptions/s");
        let ids: Vec<String> = (0..10)
            .map(|n| format!("{}/a{n}", at(&id(n, 0))))
            .chain([format!("{whole}/b")])
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let told = groups(&ids, false, true);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].whole.as_deref(), Some(&*whole));
        // Few are asked for one by one, and so is what is of no subscription.
        assert_eq!(groups(&ids[..3], false, true)[0].whole, None);
        assert_eq!(of_all_scopes(&at("/providers/m/managementGroups/g")), None);
    }
}
