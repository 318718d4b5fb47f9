//! The verbs that all kinds of compute resources have, served from their descriptions.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, fingerprint, merge, pacific, page, without_nulls};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::super::{labels, places};
use super::kind::{Guard, Kind, Place, Subject};
use super::reference::{self, PREFIX, missing, not_ready};
use super::{filter, operation};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::json::canonical;
use crate::token::{self, Token};
use crate::world::Stored;

/// What only the server writes: a change keeps it.
const SERVER: [&str; 9] = [
    "id",
    "kind",
    "name",
    "selfLink",
    "selfLinkWithId",
    "creationTimestamp",
    "region",
    "zone",
    "labelFingerprint",
];

/// The place of a request; an unknown region or zone is refused.
pub(crate) fn place(input: &Input<'_>) -> GoogleResult<Place> {
    let place = Place {
        project: input.project().to_owned(),
        location: input.location().to_owned(),
    };
    let unknown = |field: &str| {
        let why = format!("Unknown {field}.");
        Err(GoogleError::field(field, &place.location, &why))
    };
    if input.variable("region").is_some() && !places::is_region(&place.location) {
        return unknown("region");
    }
    if input.variable("zone").is_some() && !places::is_zone(&place.location) {
        return unknown("zone");
    }
    Ok(place)
}

/// The full name of the request's resource.
pub(crate) fn id(kind: &Kind, place: &Place, name: &str) -> String {
    format!("{}/{}/{name}", place.path(), kind.collection)
}

/// The request's resource.
pub(crate) fn find(ctx: &Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<Stored<Item>> {
    let place = place(input)?;
    let id = id(kind, &place, input.name());
    ctx.get(&kind.table(), &id).ok_or_else(|| missing(&id))
}

/// The request's resource, when nothing is being done to it.
pub(crate) fn find_idle(ctx: &Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<Item> {
    let item = find(ctx, kind, input)?;
    if item.busy(ctx.now) {
        return Err(not_ready(&item.id));
    }
    Ok(item.edit())
}

/// The answer to a `requestId` that was seen before, or what to remember it by.
pub(crate) fn seen(ctx: &Ctx<'_>, input: &Input<'_>) -> GoogleResult<Option<HttpReply>> {
    let Some(request) = input.query("requestId") else {
        return Ok(None);
    };
    let valid = uuid::Uuid::parse_str(request).is_ok_and(|id| !id.is_nil());
    if !valid {
        let why = "The requestId must be a valid non-zero UUID.";
        return Err(GoogleError::field("requestId", request, why));
    }
    let print = token::fingerprint(&print(input));
    match token::look_up(&ctx.frame.tx, input.project(), "compute", request, &print) {
        Token::New => Ok(None),
        Token::Seen(name) => {
            let name = name.as_str().unwrap_or_default();
            Ok(Some(operation::again(ctx, name)?))
        }
        Token::Mismatch => {
            let why = "The requestId was used by a request with other parameters.";
            Err(GoogleError::field("requestId", request, why))
        }
    }
}

/// What was asked for; clients write maps in any order.
fn print(input: &Input<'_>) -> String {
    let body = canonical(&input.body);
    format!("{} {} {body}", input.request.method, input.request.path)
}

/// Begins the operation of a request, and remembers it by the request's id.
pub(crate) fn begin(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    place: &Place,
    kind: &str,
    target: (&str, &str),
    done: Millis,
) -> HttpReply {
    let request = input.query("requestId");
    let (id, reply) = operation::begin(ctx, place, kind, target, request, done);
    if let Some(request) = request {
        let print = token::fingerprint(&print(input));
        let scope = input.project();
        let now = ctx.now;
        let tx = &mut ctx.frame.tx;
        token::remember(tx, scope, "compute", request, print, id.into(), now);
    }
    reply
}

/// Whether a name is one by RFC 1035.
fn check_name(name: &str) -> GoogleResult<()> {
    let mut chars = name.chars();
    let good = name.len() <= 63
        && chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    let why = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'";
    Err(GoogleError::field("resource.name", name, why))
}

/// `insert`.
pub(crate) fn insert(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let place = place(input)?;
    let mut doc = input.body.clone();
    without_nulls(&mut doc);
    let done = ctx.due(kind.work);
    let id = create(ctx, kind, &place, doc, done)?;
    let target = numeric(ctx, kind, &id);
    Ok(begin(ctx, input, &place, "insert", (&id, &target), done))
}

fn numeric(ctx: &Ctx<'_>, kind: &Kind, id: &str) -> String {
    ctx.get(&kind.table(), id)
        .and_then(|item| item.doc["id"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Makes a resource that is ready at `done`, and gives its full name.
pub(crate) fn create(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    place: &Place,
    mut doc: Value,
    done: Millis,
) -> GoogleResult<String> {
    let name = doc["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(GoogleError::required("resource.name"));
    }
    check_name(&name)?;
    for field in kind.required {
        let pointer = format!("/{}", field.replace('.', "/"));
        if doc.pointer(&pointer).is_none_or(Value::is_null) {
            return Err(GoogleError::required(&format!("resource.{field}")));
        }
    }
    labels::check(doc.get("labels"))?;
    let id = id(kind, place, &name);
    if ctx.get(&kind.table(), &id).is_some() {
        let message = format!("The resource '{id}' already exists");
        return Err(GoogleError::exists(message));
    }
    if let Some((metric, limit)) = kind.quota {
        let prefix = format!("{}/{}/", place.path(), kind.collection);
        if ctx.list(&kind.table(), &prefix).len() >= limit {
            return Err(over_quota(metric, limit, place));
        }
    }
    for (field, value) in kind.defaults {
        if doc.get(field).is_none() {
            doc[*field] = (*value).into();
        }
    }
    let mut links = reference::resolve(ctx, kind, place, &mut doc)?;
    let number = ctx.number();
    let mut members = doc.as_object().cloned().unwrap_or_default();
    let subject = Subject {
        place,
        name: &name,
        id: &id,
        before: None,
    };
    (kind.prepare)(ctx, &subject, &mut members)?;
    members.insert("kind".into(), format!("compute#{}", kind.word).into());
    members.insert("id".into(), number.into());
    members.insert("creationTimestamp".into(), pacific(ctx.now).into());
    members.insert("selfLink".into(), format!("{PREFIX}{id}").into());
    if place.word() != "global" {
        let url = format!("{PREFIX}{}", place.path());
        members.insert(place.word().into(), url.into());
    }
    if kind.labels {
        let labels = members.get("labels").cloned().unwrap_or(json!({}));
        members.insert("labelFingerprint".into(), fingerprint(&labels).into());
        if labels.as_object().is_some_and(Map::is_empty) {
            members.remove("labels");
        }
    }
    stamp(kind, &mut members);
    (kind.made)(ctx, &subject, &members, done)?;
    let mut item = Item::new(id.clone(), Value::Object(members));
    links.extend((kind.also)(ctx, &subject, &item.doc));
    item.links = links;
    item.ready_at = done;
    if ctx.fails() {
        item.gone_at = Some(done);
    }
    item.list_as((kind.terraform)(&item.doc), place.region(), None);
    let labels = item.doc.get("labels").cloned();
    ctx.put(&kind.table(), item, labels.as_ref());
    Ok(id)
}

/// 403 `quotaExceeded`.
pub(crate) fn over_quota(metric: &str, limit: usize, place: &Place) -> GoogleError {
    let scope = match place.word() {
        "global" => "globally".to_owned(),
        _ => format!("in region {}", place.region()),
    };
    let message = format!("Quota '{metric}' exceeded.  Limit: {limit}.0 {scope}.");
    GoogleError::new(403, "quotaExceeded", "RESOURCE_EXHAUSTED", message)
}

/// Writes the fingerprint of a document anew, without lists that are empty.
fn stamp(kind: &Kind, members: &mut Map<String, Value>) {
    members.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    if kind.guard == Guard::None {
        return;
    }
    members.remove("fingerprint");
    let print = fingerprint(&Value::Object(members.clone()));
    members.insert("fingerprint".into(), print.into());
}

/// A resource as readers see it.
pub(crate) fn show(ctx: &Ctx<'_>, kind: &Kind, item: &Item) -> Value {
    let mut members = item.at(ctx.now).as_object().cloned().unwrap_or_default();
    (kind.view)(ctx, item, &mut members);
    Value::Object(members)
}

/// `get`.
pub(crate) fn get(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let item = find(ctx, kind, input)?;
    Ok(HttpReply::json(200, &show(ctx, kind, &item)))
}

/// `list`.
pub(crate) fn list(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let place = place(input)?;
    let path = format!("{}/{}", place.path(), kind.collection);
    let shown = ctx
        .list(&kind.table(), &format!("{path}/"))
        .iter()
        .map(|item| show(ctx, kind, item))
        .collect();
    let items = filter::apply(shown, input)?;
    let mut answer = json!({
        "kind": format!("compute#{}List", kind.word),
        "id": path,
    });
    // `SecurityPolicyList` is the one listing without a link.
    if kind.word != "securityPolicy" {
        answer["selfLink"] = format!("{PREFIX}{path}").into();
    }
    let answer = input.paged(answer, "items", items, filter::size(input)?)?;
    Ok(HttpReply::json(200, &answer))
}

/// `aggregatedList`: items of all regions and zones, by place.
pub(crate) fn aggregated(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let project = format!("projects/{}/", input.project());
    let shown = ctx
        .list(&kind.table(), &project)
        .iter()
        .map(|item| show(ctx, kind, item))
        .collect();
    let items = filter::apply(shown, input)?;
    let (items, next) = page(items, filter::size(input)?, input.query("pageToken"))?;
    let mut places: Map<String, Value> = Map::new();
    for item in items {
        let place = item["selfLink"]
            .as_str()
            .and_then(|link| link.split_once(&project))
            .map_or("", |(_, rest)| rest);
        let place = match place.split_once(&format!("/{}/", kind.collection)) {
            Some((place, _)) => place.to_owned(),
            None => "global".to_owned(),
        };
        let scoped = places
            .entry(place)
            .or_insert_with(|| json!({ kind.collection: [] }));
        if let Some(list) = scoped[kind.collection].as_array_mut() {
            list.push(item);
        }
    }
    let path = format!("{project}aggregated/{}", kind.collection);
    let mut answer = json!({
        "kind": format!("compute#{}AggregatedList", kind.word),
        "id": path,
        "selfLink": format!("{PREFIX}{path}"),
        "items": places,
    });
    if let Some(next) = next {
        answer["nextPageToken"] = next.into();
    }
    Ok(HttpReply::json(200, &answer))
}

/// `patch`: merges into what is there.
pub(crate) fn patch(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let item = find_idle(ctx, kind, input)?;
    let mut doc = item.at(ctx.now).clone();
    let sent = input.body["fingerprint"].as_str();
    merge(&mut doc, &input.body);
    change(ctx, kind, input, item, doc, sent, "patch")
}

/// `update`: replaces what is there.
pub(crate) fn update(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let item = find_idle(ctx, kind, input)?;
    let before = item.at(ctx.now).clone();
    let mut doc = input.body.clone();
    without_nulls(&mut doc);
    for field in SERVER.iter().chain(kind.fixed) {
        if doc.get(field).is_none()
            && let Some(value) = before.get(field)
        {
            doc[*field] = value.clone();
        }
    }
    for (field, value) in kind.defaults {
        if doc.get(field).is_none() {
            doc[*field] = (*value).into();
        }
    }
    let sent = input.body["fingerprint"].as_str();
    change(ctx, kind, input, item, doc, sent, "update")
}

/// Checks a fingerprint that was sent against the one in force.
pub(crate) fn guard(guard: Guard, sent: Option<&str>, current: &Value) -> GoogleResult<()> {
    let stale = match (guard, sent) {
        (Guard::None, _) | (Guard::Optional, None) => false,
        (Guard::Required, None) => true,
        (_, Some(sent)) => current.as_str().is_some_and(|current| current != sent),
    };
    if stale {
        let message = match sent {
            None => "Invalid fingerprint: it must be sent.",
            Some(_) => "Invalid fingerprint.",
        };
        return Err(GoogleError::condition(message));
    }
    Ok(())
}

/// Puts a changed document in place, once all rules allow it, and answers with the operation.
pub(crate) fn change(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    item: Item,
    doc: Value,
    sent: Option<&str>,
    operation: &str,
) -> GoogleResult<HttpReply> {
    let place = place(input)?;
    let done = ctx.due(kind.work);
    let id = item.id.clone();
    let target = item.doc["id"].as_str().unwrap_or_default().to_owned();
    apply(ctx, kind, &place, item, doc, sent, done)?;
    Ok(begin(ctx, input, &place, operation, (&id, &target), done))
}

/// Puts a changed document in place from `done` on, once all rules allow it.
pub(crate) fn apply(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    place: &Place,
    mut item: Item,
    mut doc: Value,
    sent: Option<&str>,
    done: Millis,
) -> GoogleResult<()> {
    let before = item.at(ctx.now).clone();
    guard(kind.guard, sent, &before["fingerprint"])?;
    labels::check(doc.get("labels"))?;
    // A place may be sent by its short name.
    for field in ["name", "region", "zone"] {
        if let Some(value) = before.get(field) {
            doc[field] = value.clone();
        }
    }
    let mut links = reference::resolve(ctx, kind, place, &mut doc)?;
    for field in kind.fixed {
        if doc.get(field) != before.get(field) {
            let value = doc[*field].as_str().unwrap_or_default().to_owned();
            let field = format!("resource.{field}");
            return Err(GoogleError::field(
                &field,
                &value,
                "The field cannot be changed.",
            ));
        }
    }
    let mut members = doc.as_object().cloned().unwrap_or_default();
    let name = item.short().to_owned();
    let id = item.id.clone();
    let subject = Subject {
        place,
        name: &name,
        id: &id,
        before: Some(&before),
    };
    (kind.prepare)(ctx, &subject, &mut members)?;
    stamp(kind, &mut members);
    let doc = Value::Object(members);
    links.extend((kind.also)(ctx, &subject, &doc));
    let labels = doc.get("labels").cloned();
    let after = (!ctx.fails()).then_some((doc, links));
    item.become_at(after, done, ctx.now);
    ctx.put(&kind.table(), item, labels.as_ref());
    Ok(())
}

/// `setLabels`.
pub(crate) fn set_labels(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let mut item = find_idle(ctx, kind, input)?;
    let sent = input.body["labelFingerprint"].as_str();
    let mut doc = item.at(ctx.now).clone();
    if sent.is_none_or(|sent| doc["labelFingerprint"] != sent) {
        return Err(GoogleError::condition(
            "Labels fingerprint either invalid or resource labels have changed",
        ));
    }
    let wanted = input.body.get("labels").cloned().unwrap_or(json!({}));
    labels::check(Some(&wanted))?;
    doc["labelFingerprint"] = fingerprint(&wanted).into();
    doc["labels"] = wanted.clone();
    let place = place(input)?;
    // Answered when it is done.
    let done = ctx.now;
    let target = doc["id"].as_str().unwrap_or_default().to_owned();
    let id = item.id.clone();
    let after = (!ctx.fails()).then(|| (doc, item.links.clone()));
    item.become_at(after, done, ctx.now);
    ctx.put(&kind.table(), item, Some(&wanted));
    Ok(begin(ctx, input, &place, "setLabels", (&id, &target), done))
}

/// `delete`.
pub(crate) fn delete(ctx: &mut Ctx<'_>, kind: &Kind, input: &Input<'_>) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let place = place(input)?;
    let item = find_idle(ctx, kind, input)?;
    let done = ctx.due(kind.work);
    let id = item.id.clone();
    let target = item.doc["id"].as_str().unwrap_or_default().to_owned();
    remove(ctx, kind, item, done)?;
    Ok(begin(ctx, input, &place, "delete", (&id, &target), done))
}

/// Takes a resource away at `done`, unless something refers to it.
pub(crate) fn remove(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    mut item: Item,
    done: Millis,
) -> GoogleResult<()> {
    unused(ctx, kind, &item.id)?;
    (kind.delete)(ctx, &item, done)?;
    if !ctx.fails() {
        item.gone_at = Some(done);
        item.deleting = true;
        ctx.keep(&kind.table(), item);
    }
    Ok(())
}

/// Refuses when something refers to the resource. Automatic subnetworks go with their network.
pub(crate) fn unused(ctx: &Ctx<'_>, kind: &Kind, id: &str) -> GoogleResult<()> {
    let holder = ctx
        .holders(id)
        .into_iter()
        .find(|holder| holder.holds(id, ctx.now) && holder.hidden["automatic"] != true);
    match holder {
        None => Ok(()),
        Some(holder) => Err(in_use(kind, id, &holder.id)),
    }
}

/// 400 `resourceInUseByAnotherResource`.
pub(crate) fn in_use(kind: &Kind, id: &str, by: &str) -> GoogleError {
    let word = kind.word;
    let message = format!("The {word} resource '{id}' is already being used by '{by}'");
    GoogleError::new(
        400,
        "resourceInUseByAnotherResource",
        "FAILED_PRECONDITION",
        message,
    )
}

/// A verb that sets some fields: `setUrlMap`, `setTarget`. The fingerprint need not be sent.
pub(crate) fn assign(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    operation: &str,
) -> GoogleResult<HttpReply> {
    if let Some(reply) = seen(ctx, input)? {
        return Ok(reply);
    }
    let item = find_idle(ctx, kind, input)?;
    let current = item.at(ctx.now)["fingerprint"].clone();
    let sent = input.body["fingerprint"].as_str().or(current.as_str());
    let mut doc = item.at(ctx.now).clone();
    merge(&mut doc, &input.body);
    change(ctx, kind, input, item, doc, sent, operation)
}
