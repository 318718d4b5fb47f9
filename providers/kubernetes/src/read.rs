//! Reading many objects with few calls: one list for all of a kind in a namespace, page by page.

use crate::apply;
use crate::client::{Call, Client};
use crate::discovery::{self, Place};
use crate::object::Reference;
use futures::future::join_all;
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// So few are read one by one: the list may have thousands of others.
const FEW: usize = 3;
/// Objects in one page.
const PAGE: usize = 500;
/// How often a list is begun again because its pages have become too old.
const AGAIN: usize = 3;

type Answer = Result<Option<Json>, ProviderError>;
/// `(apiVersion, kind, namespace)`
type Group<'a> = (&'a str, &'a str, Option<&'a str>);

/// One answer per object, in order; none for what is not there.
pub(crate) async fn many(
    client: &Client,
    context: &CallContext,
    objects: &[Result<Reference, ProviderError>],
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = objects
        .iter()
        .map(|o| o.as_ref().map(|_| None).map_err(Clone::clone))
        .collect();
    let mut groups: BTreeMap<Group<'_>, Vec<usize>> = BTreeMap::new();
    for (i, object) in objects.iter().enumerate() {
        if let Ok(object) = object {
            let key = (
                &*object.api_version,
                &*object.kind,
                object.namespace.as_deref(),
            );
            groups.entry(key).or_default().push(i);
        }
    }
    let reads = groups
        .iter()
        .map(|(group, places)| one_group(client, context, *group, places, objects));
    for (places, found) in groups.values().zip(join_all(reads).await) {
        for (i, answer) in places.iter().zip(found) {
            answers[*i] = answer;
        }
    }
    answers
}

async fn one_group(
    client: &Client,
    context: &CallContext,
    (api_version, kind, namespace): Group<'_>,
    places: &[usize],
    objects: &[Result<Reference, ProviderError>],
) -> Vec<Answer> {
    let failed = |error: ProviderError| places.iter().map(|_| Err(error.clone())).collect();
    let place = match discovery::place(client, context, api_version, kind).await {
        Ok(Some(place)) => place,
        Ok(None) => return places.iter().map(|_| Ok(None)).collect(),
        Err(error) => return failed(error),
    };
    let wanted = places.iter().filter_map(|i| objects[*i].as_ref().ok());
    if places.len() <= FEW {
        return join_all(wanted.map(|o| apply::get(client, context, &place, o))).await;
    }
    let namespace = namespace.or(place.namespaced.then_some("default"));
    match list(client, context, &place, kind, namespace, "").await {
        Ok(items) => {
            let mut by_name: BTreeMap<String, Json> = items
                .into_iter()
                .filter_map(|item| Some((item["metadata"]["name"].as_str()?.to_owned(), item)))
                .collect();
            wanted.map(|o| Ok(by_name.remove(&o.name))).collect()
        }
        Err(error) => failed(error),
    }
}

/// All objects of a kind, in a namespace or everywhere, that a query such as `labelSelector=a%3Db` selects.
pub(crate) async fn list(
    client: &Client,
    context: &CallContext,
    place: &Place,
    kind: &str,
    namespace: Option<&str>,
    query: &str,
) -> Result<Vec<Json>, ProviderError> {
    let mut tries = 0;
    loop {
        match pages(client, context, place, kind, namespace, query).await {
            // The pages that were begun are too old by now.
            Err(error) if error.code == "Expired" && tries < AGAIN => tries += 1,
            other => return other,
        }
    }
}

/// All objects of a kind, wherever they are; none of one that the cluster does not have.
pub(crate) async fn everywhere(
    client: &Client,
    context: &CallContext,
    api_version: &str,
    kind: &str,
) -> Result<Vec<Json>, ProviderError> {
    match discovery::place(client, context, api_version, kind).await? {
        Some(place) => list(client, context, &place, kind, None, "").await,
        None => Ok(Vec::new()),
    }
}

async fn pages(
    client: &Client,
    context: &CallContext,
    place: &Place,
    kind: &str,
    namespace: Option<&str>,
    query: &str,
) -> Result<Vec<Json>, ProviderError> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let mut path = format!("{}?limit={PAGE}", place.collection(namespace));
        if !query.is_empty() {
            path = format!("{path}&{query}");
        }
        if !next.is_empty() {
            let token: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            path = format!("{path}&continue={token}");
        }
        let call = Call::get(format!("list {kind}"), path);
        let mut page = client.call(context, &call).await?;
        let Json::Array(found) = page["items"].take() else {
            let message = "the answer is no list";
            return Err(crate::error::of(ErrorKind::Other, &call.name, message));
        };
        items.extend(found.into_iter().map(|item| place.whole(kind, item)));
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => return Ok(items),
        }
    }
}
