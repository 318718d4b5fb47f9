//! Resources that live in a list of their parent's document: subnets of a network, rules of a security group. Each has an
//! id, and some are written by themselves; the parent is busy while that goes on.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::{Ctx, Input, items, items_mut, set, text};
use super::engine::{self, Begins};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::{Busy, Item, SCOPE};
use super::kind::{Etag, Kind, Part, Write};
use super::{lro, page};
use crate::clock::Millis;
use crate::http::HttpReply;
use crate::world::{Document, Listed};

/// A part among the live resources: it has no other content.
#[derive(Debug, Serialize, Deserialize)]
struct Shadow {
    id: String,
    listed: Listed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<Millis>,
}

impl Document for Shadow {
    const KIND: &'static str = "azure-part";

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        Some(self.listed.clone())
    }
}

/// The type that a part's type belongs to.
pub(crate) fn find(kind: &str) -> Option<(&'static Kind, &'static Part)> {
    let (owner, field) = kind.rsplit_once('/')?;
    let owner = super::kind::find(owner)?;
    let part = owner
        .parts
        .iter()
        .find(|part| part.field.eq_ignore_ascii_case(field))?;
    Some((owner, part))
}

fn list_of(part: &Part) -> String {
    format!("/properties/{}", part.field)
}

/// The part of a name in a document.
fn within<'d>(doc: &'d Value, part: &Part, name: &str) -> Option<&'d Value> {
    items(doc, &list_of(part)).find(|one| text(one, "/name").eq_ignore_ascii_case(name))
}

/// A part by its id.
pub(crate) fn get(ctx: &Ctx<'_>, id: &Id) -> Option<Value> {
    let (_, part) = find(&id.kind())?;
    let parent = ctx.get(&id.parent().text)?;
    within(parent.at(ctx.now), part, id.name()).cloned()
}

/// What readers see of a part.
pub(crate) fn shown(ctx: &Ctx<'_>, id: &Id) -> Option<Value> {
    let (owner, part) = find(&id.kind())?;
    let parent = ctx.get(&id.parent().text)?;
    let doc = engine::show(ctx, owner, &parent);
    within(&doc, part, id.name()).cloned()
}

/// Refuses lists in which a part has no name, or two have the same.
pub(crate) fn check(write: &mut Write<'_>, kind: &Kind) -> ArmResult<()> {
    for part in kind.parts {
        let mut names = BTreeSet::new();
        for one in items(&write.doc, &list_of(part)) {
            let name = text(one, "/name");
            if name.is_empty() {
                return Err(ArmError::network(
                    "MissingNameForSubResource",
                    format!(
                        "A child of {} in '{}' has no name.",
                        write.id.text, part.field
                    ),
                ));
            }
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(ArmError::network(
                    "DuplicateResourceName",
                    format!(
                        "Resource {} has two child resources with the same name ({name}).",
                        write.id.text
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Refuses to take parts away that are in use.
pub(crate) fn check_removed(ctx: &Ctx<'_>, write: &Write<'_>, kind: &Kind) -> ArmResult<()> {
    let Some(old) = write.old else { return Ok(()) };
    for part in kind.parts {
        for one in items(write.before, &list_of(part)) {
            let name = text(one, "/name");
            if within(&write.doc, part, name).is_none() {
                (part.guard)(ctx, old, &write.id.child(part.field, name))?;
            }
        }
    }
    Ok(())
}

/// Gives parts what only the server writes: ids, types, states, tags.
pub(crate) fn complete(doc: &mut Value, kind: &Kind, id: &Id) {
    let etag = doc["etag"].clone();
    let shown = Id::new(match text(doc, "/id") {
        "" => id.text.as_str(),
        shown => shown,
    });
    for part in kind.parts {
        let type_name = format!("{}/{}", kind.name, part.field);
        for one in items_mut(doc, &list_of(part)) {
            let name = text(one, "/name").to_owned();
            one["id"] = shown.child(part.field, &name).text.into();
            if part.typed {
                one["type"] = type_name.clone().into();
            }
            if kind.etag == Etag::Weak {
                one["etag"] = etag.clone();
            }
            if part.stateful && !kind.states.member.is_empty() {
                let state = format!("/properties/{}", kind.states.member);
                set(one, &state, kind.states.done);
            }
        }
    }
}

/// Writes the state of parts that are worked on.
pub(crate) fn states(item: &Item, kind: &Kind, doc: &mut Value, now: Millis) {
    let Some(busy) = item.busy(now) else { return };
    if kind.states.member.is_empty() {
        return;
    }
    let state = format!("/properties/{}", kind.states.member);
    for part in kind.parts.iter().filter(|part| part.stateful) {
        for one in items_mut(doc, &list_of(part)) {
            let meant = match &busy.part {
                None => true,
                Some(id) => text(one, "/id").eq_ignore_ascii_case(id),
            };
            if meant {
                set(one, &state, busy.verb.as_str());
            }
        }
    }
}

/// Keeps the list of live resources true about the parts of a resource.
pub(crate) fn list(ctx: &mut Ctx<'_>, kind: &Kind, item: &Item) {
    unlist(ctx, &item.id);
    for part in kind.parts.iter().filter(|part| !part.listed.is_empty()) {
        for one in items(&item.doc, &list_of(part)) {
            let stays = item
                .busy
                .as_ref()
                .is_none_or(|busy| within(&busy.then.0, part, text(one, "/name")).is_some());
            let ends = item.busy.as_ref().filter(|_| !stays).map(|busy| busy.until);
            let shadow = Shadow {
                id: text(one, "/id").to_ascii_lowercase(),
                listed: Listed {
                    cloud: "azure".to_owned(),
                    resource: part.listed.to_owned(),
                    id: Some(text(one, "/id").to_owned()),
                    region: Some(text(&item.doc, "/location").to_owned()),
                    owner: item.listed.as_ref().and_then(|listed| listed.owner.clone()),
                },
                gone_at: item.gone_at.or(ends),
            };
            ctx.frame.tx.put(SCOPE, shadow, None);
        }
    }
}

/// Takes the parts of a resource that is gone from the live resources.
pub(crate) fn unlist(ctx: &mut Ctx<'_>, id: &str) {
    let prefix = format!("{id}/");
    let old = ctx
        .frame
        .tx
        .range::<Shadow>(SCOPE, &prefix, None, usize::MAX);
    for shadow in old {
        ctx.frame.tx.delete::<Shadow>(SCOPE, &shadow.id);
    }
}

/// Answers a request for one part.
pub(crate) fn run(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &'static Kind,
    part: &'static Part,
) -> ArmResult<HttpReply> {
    let parent_id = input.id.parent();
    let kind_name = format!("{}/{}", owner.name, part.field);
    let Some(parent) = ctx.get(&parent_id.text).map(|item| item.edit()) else {
        return Err(match input.operation.http {
            "PUT" => engine::no_parent("write", &input.id),
            "DELETE" => return Ok(HttpReply::new(204, "application/json", "")),
            _ => engine::missing(ctx, &kind_name, &input.id),
        });
    };
    match input.operation.http {
        "GET" => match shown(ctx, &input.id) {
            Some(doc) => Ok(engine::reply(200, owner, &doc)),
            None => Err(engine::missing(ctx, &kind_name, &input.id)),
        },
        "PUT" => write(ctx, input, owner, part, parent),
        _ => delete(ctx, input, owner, part, parent),
    }
}

fn write(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &'static Kind,
    part: &'static Part,
    mut parent: Item,
) -> ArmResult<HttpReply> {
    if parent.deleting() || parent.busy(ctx.now).is_some() {
        return Err((owner.busy)(ctx, &parent, &input.id));
    }
    parent.settle(ctx.now);
    let old = within(&parent.doc, part, input.id.name()).cloned();
    let etag = old.as_ref().map(|old| text(old, "/etag").to_owned());
    engine::check_conditions(input, etag.as_deref())?;
    let mut one = input.body.clone();
    if !one.is_object() {
        one = Value::Object(Map::new());
    }
    // The name of the path counts, in the case in which it was made.
    let name = old
        .as_ref()
        .map_or(input.id.name(), |old| text(old, "/name"));
    one["name"] = name.into();
    let id = Id::new(text(&parent.doc, "/id"));
    one["id"] = id.child(part.field, name).text.into();
    let mut doc = parent.doc.clone();
    let created = old.is_none();
    let list = list_of(part);
    if doc.pointer(&list).is_none_or(Value::is_null) {
        set(&mut doc, &list, Value::Array(Vec::new()));
    }
    if let Some(rows) = doc.pointer_mut(&list).and_then(Value::as_array_mut) {
        let place = rows
            .iter_mut()
            .find(|row| text(row, "/name").eq_ignore_ascii_case(name));
        match place {
            Some(row) => *row = one,
            None => rows.push(one),
        }
    }
    let begins = Begins {
        verb: owner.states.updating,
        until: if input.operation.long() {
            ctx.due(owner.update)
        } else {
            ctx.now
        },
        part: Some(input.id.text.clone()),
    };
    let begun = engine::store(ctx, input, owner, &id, Some(parent), doc, begins)?;
    let doc = shown(ctx, &input.id).unwrap_or(Value::Null);
    let reply = engine::reply(engine::status_of(input, created), owner, &doc);
    Ok(match begun {
        Some(begun) => begun.onto(reply),
        None => reply,
    })
}

fn delete(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &'static Kind,
    part: &'static Part,
    mut parent: Item,
) -> ArmResult<HttpReply> {
    let gone = || HttpReply::new(204, "application/json", "");
    let Some(old) = within(parent.at(ctx.now), part, input.id.name()).cloned() else {
        return Ok(gone());
    };
    if parent.deleting() || parent.busy(ctx.now).is_some() {
        return Err((owner.busy)(ctx, &parent, &input.id));
    }
    parent.settle(ctx.now);
    engine::check_conditions(input, Some(text(&old, "/etag")))?;
    (part.guard)(ctx, &parent, &input.id)?;
    let mut doc = parent.doc.clone();
    if let Some(rows) = doc
        .pointer_mut(&list_of(part))
        .and_then(Value::as_array_mut)
    {
        rows.retain(|row| !text(row, "/name").eq_ignore_ascii_case(input.id.name()));
    }
    let id = Id::new(text(&parent.doc, "/id"));
    let before = parent.doc.clone();
    let mut write = Write {
        id: &id,
        old: Some(&parent),
        before: &before,
        doc,
        hidden: parent.hidden.clone(),
        links: Vec::new(),
        later: Value::Null,
        patch: false,
        failure: None,
    };
    (owner.prepare)(ctx, &mut write)?;
    let then = (write.doc, write.links);
    let long = input.operation.long();
    let until = if long { ctx.due(owner.update) } else { ctx.now };
    let error = (ctx.fails() && long).then(engine::failure);
    let location = engine::location_of(ctx, &id);
    let begun = long.then(|| lro::begin(ctx, input, &input.id, &location, until, error.as_ref()));
    let links = parent.links.clone();
    parent.busy = Some(Busy {
        verb: owner.states.deleting.to_owned(),
        until,
        part: Some(input.id.text.clone()),
        operation: begun
            .as_ref()
            .map_or_else(String::new, |begun| begun.operation.clone()),
        then: if error.is_some() {
            (before, links)
        } else {
            then
        },
    });
    parent.changed = ctx.now;
    parent.settle(ctx.now);
    list(ctx, owner, &parent);
    ctx.put(parent);
    let status = if long { 202 } else { 200 };
    let reply = HttpReply::new(status, "application/json", "");
    Ok(match begun {
        Some(begun) => begun.onto(reply),
        None => reply,
    })
}

/// Answers a listing of parts.
pub(crate) fn list_all(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &'static Kind,
    part: &'static Part,
) -> ArmResult<HttpReply> {
    let Some(parent) = ctx.get(&input.id.text) else {
        return Err(engine::missing(ctx, owner.name, &input.id));
    };
    let doc = engine::show(ctx, owner, &parent);
    let rows = items(&doc, &list_of(part)).cloned().collect();
    page::reply(ctx, input, rows)
}
