//! Reading, writing and taking away resources that clients name, as Resource Manager has it for every type. What a type
//! checks by itself is in its `Kind`.

use serde_json::{Map, Value, json};

pub(crate) use super::conditions::check as check_conditions;
use super::context::{Ctx, Input, Shape, merge, set, text, without_nulls};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::{Busy, Item};
use super::kind::{Etag, Kind, Write};
use super::{lro, page, parts, places, tags};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::latency::Work;

/// Answers a request that its service leaves to what all types have in common.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    if let Shape::Collection(name) = &input.shape {
        return list(ctx, input, name);
    }
    let kind_name = input.id.kind();
    let Some(kind) = super::kind::find(&kind_name) else {
        if let Some((owner, part)) = parts::find(&kind_name) {
            return parts::run(ctx, input, owner, part);
        }
        return Err(super::no_type(&kind_name, &input.version));
    };
    match input.operation.http {
        "GET" => {
            let item = find(ctx, kind, &input.id)?;
            Ok(reply(200, kind, &show(ctx, kind, &item)))
        }
        "PUT" | "PATCH" => write(ctx, input, kind),
        "DELETE" => delete(ctx, input, kind),
        _ => Err(super::no_type(&kind_name, &input.version)),
    }
}

/// A resource that must be there.
pub(crate) fn find(ctx: &Ctx<'_>, kind: &Kind, id: &Id) -> ArmResult<Item> {
    ctx.get(&id.text)
        .map(|item| item.edit())
        .ok_or_else(|| missing(ctx, kind.name, id))
}

/// What is said of a resource that is not there.
pub(crate) fn missing(ctx: &Ctx<'_>, kind: &str, id: &Id) -> ArmError {
    let parent = id.parent();
    let nested = kind.matches('/').count() > 1;
    if nested && !parent.kind().is_empty() && !exists(ctx, &parent.text) {
        let kind = parent.kind();
        return ArmError::new(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform 'read' on resource(s) of type '{}', because the parent resource '{}' could not be found.",
                kind.split_once('/').map_or("", |(_, rest)| rest),
                parent.text
            ),
        );
    }
    if nested && kind.starts_with("Microsoft.Network") {
        return ArmError::new(404, "NotFound", format!("Resource {} not found.", id.text));
    }
    ArmError::not_found(kind, &id.names(), id.group())
}

/// Whether an id names a resource or a part of one.
pub(crate) fn exists(ctx: &Ctx<'_>, id: &str) -> bool {
    ctx.get(id).is_some() || parts::get(ctx, &Id::new(id)).is_some()
}

/// What is shown of an id, if it is there.
pub(crate) fn shown(ctx: &Ctx<'_>, id: &str) -> Option<Value> {
    if let Some(item) = ctx.get(id) {
        let id = Id::new(id);
        let name = id.kind();
        return match super::kind::find(&name) {
            Some(kind) => Some(show(ctx, kind, &item)),
            None => Some(item.at(ctx.now).clone()),
        };
    }
    parts::shown(ctx, &Id::new(id))
}

/// The document that readers see.
pub(crate) fn show(ctx: &Ctx<'_>, kind: &Kind, item: &Item) -> Value {
    let mut doc = item.at(ctx.now).clone();
    if let Some(busy) = item.busy(ctx.now)
        && !kind.states.member.is_empty()
    {
        set(
            &mut doc,
            &format!("/properties/{}", kind.states.member),
            busy.verb.as_str(),
        );
    }
    parts::states(item, kind, &mut doc, ctx.now);
    (kind.show)(ctx, item, &mut doc);
    doc
}

/// An answer with a resource, and its tag.
pub(crate) fn reply(status: u16, kind: &Kind, doc: &Value) -> HttpReply {
    let reply = HttpReply::json(status, doc);
    match etag_of(kind, doc) {
        "" => reply,
        etag => reply.with("etag", etag),
    }
}

pub(crate) fn etag_of<'d>(kind: &Kind, doc: &'d Value) -> &'d str {
    match kind.etag {
        Etag::None => "",
        Etag::Weak => text(doc, "/etag"),
        Etag::Plain(name) => doc[name].as_str().unwrap_or_default(),
        Etag::Inner(name) => doc["properties"][name].as_str().unwrap_or_default(),
    }
}

/// The location of a resource: its own or the one of what it is in.
pub(crate) fn location_of(ctx: &Ctx<'_>, id: &Id) -> String {
    let mut at = id.clone();
    for _ in 0..8 {
        if let Some(item) = ctx.get(&at.text)
            && let Some(location) = item.doc["location"].as_str()
        {
            return location.to_owned();
        }
        if at.kind().is_empty() {
            break;
        }
        at = at.parent();
    }
    ctx.get(&id.group_id().text).map_or_else(
        || "global".to_owned(),
        |group| text(&group.doc, "/location").to_owned(),
    )
}

fn write(ctx: &mut Ctx<'_>, input: &Input<'_>, kind: &'static Kind) -> ArmResult<HttpReply> {
    let old = ctx.get(&input.id.text).map(|item| {
        let mut item = item.edit();
        if item.busy(ctx.now).is_none() {
            item.settle(ctx.now);
        }
        item
    });
    if input.is_patch() && old.is_none() {
        return Err(missing(ctx, kind.name, &input.id));
    }
    let parent = input.id.parent();
    if kind.name.matches('/').count() > 1 && !exists(ctx, &parent.text) {
        return Err(no_parent("write", &input.id));
    }
    let etag = old.as_ref().map(|item| etag_of(kind, &item.doc).to_owned());
    check_conditions(input, etag.as_deref())?;
    if let Some(item) = &old
        && (item.deleting() || item.busy(ctx.now).is_some())
    {
        return Err((kind.busy)(ctx, item, &input.id));
    }
    let body = body(input, kind, old.as_ref())?;
    put(ctx, input, kind, &input.id, old, body)
}

/// What a resource of a type says whose parent is not there.
pub(crate) fn no_parent(verb: &str, id: &Id) -> ArmError {
    let kind = id.kind();
    ArmError::new(
        404,
        "ParentResourceNotFound",
        format!(
            "Failed to perform '{verb}' on resource(s) of type '{}', because the parent resource '{}' could not be found.",
            kind.split_once('/').map_or("", |(_, rest)| rest),
            id.parent().text
        ),
    )
}

/// The document that a body makes of what was there: members and location checked.
fn body(input: &Input<'_>, kind: &Kind, old: Option<&Item>) -> ArmResult<Value> {
    let sent = input.body.as_object().cloned().unwrap_or_default();
    let mut doc = match old {
        Some(item) if input.is_patch() => {
            let mut doc = item.doc.clone();
            merge(&mut doc, &Value::Object(sent));
            doc
        }
        _ => {
            let mut sent = Value::Object(sent);
            without_nulls(&mut sent);
            sent
        }
    };
    let members = doc.as_object_mut();
    let members = members.expect("a document is an object");
    if kind.tracked {
        let said = members
            .get("location")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let location = places::read(&said);
        let location = match (old, said.is_empty()) {
            (None, true) => {
                return Err(ArmError::bad(
                    "LocationRequired",
                    "The location property is required for this definition.",
                ));
            }
            (Some(old), true) => text(&old.doc, "/location").to_owned(),
            _ => location,
        };
        places::check(&location, kind.name)?;
        if let Some(old) = old {
            let before = text(&old.doc, "/location");
            if before != location {
                return Err(ArmError::conflict(
                    "InvalidResourceLocation",
                    format!(
                        "The resource '{}' already exists in location '{before}' in resource group '{}'. A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
                        input.id.name(),
                        input.id.group()
                    ),
                ));
            }
        }
        members.insert("location".into(), location.into());
        tags::check(members.get("tags"))?;
    }
    let id = old.map_or_else(
        || input.id.text.clone(),
        |old| text(&old.doc, "/id").to_owned(),
    );
    members.insert("name".into(), Id::new(id.as_str()).name().into());
    members.insert("id".into(), id.into());
    members.insert("type".into(), kind.name.into());
    Ok(doc)
}

/// Work that a write begins.
#[derive(Debug)]
pub(crate) struct Begins<'a> {
    pub(crate) verb: &'a str,
    pub(crate) until: Millis,
    /// The part that is worked on.
    pub(crate) part: Option<String>,
}

/// Writes a document in the place of what was there, and answers with it.
pub(crate) fn put(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    kind: &'static Kind,
    id: &Id,
    old: Option<Item>,
    doc: Value,
) -> ArmResult<HttpReply> {
    let (created, states) = (old.is_none(), kind.states);
    let work = if created { kind.create } else { kind.update };
    let until = if input.operation.long() || states.member.is_empty() {
        due(ctx, input, work)
    } else {
        ctx.due(work)
    };
    let until = if created || input.operation.long() {
        until
    } else {
        ctx.now
    };
    let begins = Begins {
        verb: if created {
            states.creating
        } else {
            states.updating
        },
        until,
        part: None,
    };
    let begun = store(ctx, input, kind, id, old, doc, begins)?;
    let status = status_of(input, created);
    let item = find(ctx, kind, id)?;
    let shown = show(ctx, kind, &item);
    let answer = match (status, input.operation.api) {
        (202, "storage" | "privatedns") => HttpReply::new(202, "application/json", ""),
        (202, "mysql" | "postgresql") => {
            let started = crate::clock::iso8601_millis(ctx.now);
            HttpReply::json(
                202,
                &json!({ "operation": input.operation.name.replace('_', ""), "startTime": started }),
            )
        }
        _ => reply(status, kind, &shown),
    };
    Ok(match begun {
        Some(begun) => begun.onto(answer),
        None => answer,
    })
}

/// When the work of a request is done: at once, when its type says nothing of work.
fn due(ctx: &Ctx<'_>, input: &Input<'_>, work: Work) -> Millis {
    if input.operation.long() {
        ctx.due(work)
    } else {
        ctx.now
    }
}

/// The status of an answer to a write.
pub(crate) fn status_of(input: &Input<'_>, created: bool) -> u16 {
    let statuses = &input.operation.statuses;
    let has = |status: u16| statuses.contains(&status);
    // These accept what they make.
    let api = input.operation.api;
    let accepts = !has(201) || matches!(api, "privatedns" | "mysql");
    match created {
        true if has(202) && accepts => 202,
        // Its models allow both, its examples accept what changes.
        false if has(202) && api == "mysql" => 202,
        true if has(201) => 201,
        _ if has(200) && api != "privatedns" => 200,
        _ => statuses.iter().copied().max().unwrap_or(200),
    }
}

/// Prepares and writes a document, and begins the operation that makes it true.
pub(crate) fn store(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    kind: &'static Kind,
    id: &Id,
    old: Option<Item>,
    doc: Value,
    begins: Begins<'_>,
) -> ArmResult<Option<lro::Begun>> {
    let created = old.is_none();
    let before = old.as_ref().map_or(Value::Null, |item| item.doc.clone());
    let mut write = Write {
        id,
        old: old.as_ref(),
        before: &before,
        doc,
        hidden: old.as_ref().map_or(Value::Null, |item| item.hidden.clone()),
        links: Vec::new(),
        later: Value::Null,
        patch: input.is_patch(),
        failure: None,
    };
    parts::check(&mut write, kind)?;
    (kind.prepare)(ctx, &mut write)?;
    parts::check_removed(ctx, &write, kind)?;
    let Write {
        mut doc,
        hidden,
        mut links,
        later,
        failure: vain,
        ..
    } = write;
    links.sort();
    links.dedup();
    let etag = ctx.uuid();
    match kind.etag {
        Etag::None => {}
        Etag::Weak => set(&mut doc, "/etag", format!("W/\"{etag}\"")),
        Etag::Plain(name) => {
            doc[name] = etag.into();
        }
        Etag::Inner(name) => set(&mut doc, &format!("/properties/{name}"), etag),
    }
    let state = format!("/properties/{}", kind.states.member);
    if !kind.states.member.is_empty() {
        set(&mut doc, &state, kind.states.done);
    }
    parts::complete(&mut doc, kind, id);
    let mut then = doc.clone();
    if later.is_object() {
        merge(&mut then, &later);
    }
    let stopped = || (ctx.fails() && begins.until > ctx.now).then(failure);
    let error = vain.or_else(stopped);
    if error.is_some() && !kind.states.member.is_empty() {
        then = doc.clone();
        set(&mut then, &state, kind.states.failed);
    }
    let location = match doc["location"].as_str() {
        Some(location) => location.to_owned(),
        None => location_of(ctx, id),
    };
    let begun = input
        .operation
        .long()
        .then(|| lro::begin(ctx, input, id, &location, begins.until, error.as_ref()));
    let mut item = old.unwrap_or_else(|| Item::new(&id.text, Value::Null, ctx.now));
    item.doc = doc;
    item.hidden = hidden;
    item.links.clone_from(&links);
    item.changed = ctx.now;
    item.busy = Some(Busy {
        verb: begins.verb.to_owned(),
        until: begins.until,
        part: begins.part,
        operation: begun
            .as_ref()
            .map_or_else(String::new, |begun| begun.operation.clone()),
        then: (then, links),
    });
    item.settle(ctx.now);
    if created && !kind.listed.is_empty() {
        let shown = text(&item.doc, "/id").to_owned();
        item.list_as(kind.listed, &shown, &location, None);
    }
    parts::list(ctx, kind, &item);
    ctx.put(item);
    Ok(begun)
}

/// What background work says that a fault lets fail.
pub(crate) fn failure() -> ArmError {
    ArmError::new(
        500,
        "InternalServerError",
        "An error occurred: the work was stopped by a fault of the sandbox.",
    )
}

fn delete(ctx: &mut Ctx<'_>, input: &Input<'_>, kind: &'static Kind) -> ArmResult<HttpReply> {
    let statuses = &input.operation.statuses;
    let Some(mut item) = ctx.get(&input.id.text).map(|item| item.edit()) else {
        check_conditions(input, None)?;
        if statuses.contains(&204) {
            return Ok(HttpReply::new(204, "application/json", ""));
        }
        return Err(missing(ctx, kind.name, &input.id));
    };
    check_conditions(input, Some(etag_of(kind, &item.doc)))?;
    if item.busy(ctx.now).is_some() {
        return Err((kind.busy)(ctx, &item, &input.id));
    }
    item.settle(ctx.now);
    (kind.guard)(ctx, &item, &input.id)?;
    let long = input.operation.long();
    let until = due(ctx, input, kind.delete);
    let error = (ctx.fails() && long).then(failure);
    let location = location_of(ctx, &input.id);
    let begun = long.then(|| lro::begin(ctx, input, &input.id, &location, until, error.as_ref()));
    let operation = begun
        .as_ref()
        .map_or_else(String::new, |begun| begun.operation.clone());
    if error.is_some() {
        let mut then = item.doc.clone();
        if !kind.states.member.is_empty() {
            let state = format!("/properties/{}", kind.states.member);
            set(&mut then, &state, kind.states.failed);
        }
        work(&mut item, kind.states.deleting, until, &operation, then);
        ctx.put(item);
    } else {
        (kind.removed)(ctx, &item, until)?;
        vanish(ctx, item, kind.states.deleting, until, &operation);
    }
    let status = match long {
        true if statuses.contains(&202) => 202,
        _ if statuses.contains(&200) => 200,
        _ => 204,
    };
    let answer = HttpReply::new(status, "application/json", "");
    Ok(match begun {
        Some(begun) => begun.onto(answer),
        None => answer,
    })
}

/// Takes a resource away at a time, with everything below it.
pub(crate) fn vanish(
    ctx: &mut Ctx<'_>,
    mut item: Item,
    verb: &str,
    until: Millis,
    operation: &str,
) {
    let below = ctx.below(&format!("{}/", item.id));
    if until <= ctx.now {
        for child in below {
            ctx.remove(&child.id);
        }
        parts::unlist(ctx, &item.id);
        ctx.remove(&item.id);
        return;
    }
    for child in below {
        let mut child = child.edit();
        child.gone_at = Some(until);
        relist(ctx, &child);
        ctx.put(child);
    }
    item.settle(ctx.now);
    item.gone_at = Some(until);
    let then = item.doc.clone();
    work(&mut item, verb, until, operation, then);
    relist(ctx, &item);
    ctx.put(item);
}

/// Keeps the list of live resources true about the parts of what is going away.
fn relist(ctx: &mut Ctx<'_>, item: &Item) {
    if let Some(kind) = super::kind::find(text(&item.doc, "/type")) {
        parts::list(ctx, kind, item);
    }
}

fn list(ctx: &mut Ctx<'_>, input: &Input<'_>, name: &str) -> ArmResult<HttpReply> {
    let id = &input.id;
    let own = id.kind();
    // Below a resource its type goes on; below a group or subscription the provider's begins.
    let kind_name = if own.is_empty() || own.matches('/').count() == 0 {
        format!("{}/{name}", input.operation.namespace())
    } else {
        format!("{own}/{name}")
    };
    if let Some((owner, part)) = parts::find(&kind_name) {
        return parts::list_all(ctx, input, owner, part);
    }
    let Some(kind) = super::kind::find(&kind_name) else {
        return Err(super::no_type(&kind_name, &input.version));
    };
    if kind.name.matches('/').count() > 1 && !exists(ctx, &id.text) {
        return Err(no_parent("read", &id.child(name, "x")));
    }
    let prefix = if own.matches('/').count() == 0 && !own.is_empty() {
        // `…/providers/Microsoft.Network` stands between.
        id.parent().text
    } else {
        id.text.clone()
    };
    let rows = ctx
        .of_kind(&format!("{prefix}/"), kind.name)
        .iter()
        .map(|item| show(ctx, kind, item))
        .collect();
    page::reply(ctx, input, rows)
}

/// Begins work on a resource, after which its document is another.
pub(crate) fn work(item: &mut Item, verb: &str, until: Millis, operation: &str, then: Value) {
    item.busy = Some(Busy {
        verb: verb.to_owned(),
        until,
        part: None,
        operation: operation.to_owned(),
        then: (then, item.links.clone()),
    });
}

/// A document with members that all have.
pub(crate) fn document(id: &Id, properties: Value) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), id.text.clone().into());
    members.insert("name".into(), id.name().into());
    members.insert("type".into(), id.kind().into());
    members.insert("properties".into(), properties);
    Value::Object(members)
}
