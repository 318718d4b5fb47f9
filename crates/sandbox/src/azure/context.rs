//! What a handler of an Azure service works with: the transaction, the time, new ids, due times, references.

use serde_json::{Map, Value};

use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::{Item, Operation, SCOPE};
use super::schema;
use crate::clock::Millis;
use crate::core::Frame;
use crate::http::HttpRequest;
pub(crate) use crate::json::{text, without_nulls};
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::Stored;

/// The subscription, tenant and principal that there are.
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-4000-8000-5a4db0c50001";
pub(crate) const TENANT: &str = "00000000-0000-4000-8000-5a4db0c50000";
pub(crate) const CLIENT: &str = "00000000-0000-4000-8000-5a4db0c5c11e";
/// The object that acts: the service principal of the client.
pub(crate) const PRINCIPAL: &str = "00000000-0000-4000-8000-5a4db0c50b1e";

/// The context of one request.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) now: Millis,
    /// `http://HOST`, as the client has written it.
    pub(crate) base: String,
}

/// A request with the parts of its path.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) operation: &'static schema::Operation,
    /// Variables of the path, in order.
    pub(crate) variables: &'a [(&'static str, String)],
    /// The resource that it is about, its parent for a listing.
    pub(crate) id: Id,
    pub(crate) shape: Shape,
    /// The body, checked; null where there is none.
    pub(crate) body: Value,
    pub(crate) request: &'a HttpRequest,
    /// The api-version that is asked for.
    pub(crate) version: String,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Resource,
    /// All of a type: `virtualNetworks`.
    Collection(String),
    /// `listKeys`.
    Action,
}

impl Input<'_> {
    /// A variable of the path, empty where it has none.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables
            .iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    /// The first query parameter of a name, unless it is empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.request
            .query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Whether it changes some members only.
    pub(crate) fn is_patch(&self) -> bool {
        self.operation.http == "PATCH"
    }
}

impl Ctx<'_> {
    /// A resource by its id, in any case.
    pub(crate) fn get(&self, id: &str) -> Option<Stored<Item>> {
        self.frame.tx.get(SCOPE, &id.to_ascii_lowercase())
    }

    /// Everything whose id begins so.
    pub(crate) fn below(&self, prefix: &str) -> Vec<Stored<Item>> {
        let prefix = prefix.to_ascii_lowercase();
        self.frame.tx.range(SCOPE, &prefix, None, usize::MAX)
    }

    /// Everything of a type below an id.
    pub(crate) fn of_kind(&self, prefix: &str, kind: &str) -> Vec<Stored<Item>> {
        let mut all = self.below(prefix);
        all.retain(|item| {
            item.doc["type"]
                .as_str()
                .is_some_and(|t| t.eq_ignore_ascii_case(kind))
        });
        all
    }

    /// Everything of a type that has a name, wherever it is.
    pub(crate) fn named(&self, kind: &str, name: &str) -> Vec<Stored<Item>> {
        let mut all = self.of_kind("/subscriptions/", kind);
        all.retain(|item| text(&item.doc, "/name").eq_ignore_ascii_case(name));
        all
    }

    /// Everything that refers to an id.
    pub(crate) fn holders(&self, id: &str) -> Vec<Stored<Item>> {
        let id = id.to_ascii_lowercase();
        let mut all = self.frame.tx.holders::<Item>(&id);
        all.retain(|item| item.holds(&id, self.now));
        all
    }

    /// Ids of what refers to an id: a resource, or the part of it that does. What is below `except` does not count.
    pub(crate) fn users(&self, id: &str, except: &str) -> Vec<String> {
        let except = except.to_ascii_lowercase();
        let mut users = Vec::new();
        for item in self.holders(id) {
            if item.id == except {
                continue;
            }
            let mut found = Vec::new();
            let doc = item.at(self.now);
            enclosing(doc, id, text(doc, "/id"), &mut found);
            if found.is_empty() {
                found.push(text(doc, "/id").to_owned());
            }
            users.extend(found);
        }
        users.sort();
        users.dedup();
        users
    }

    /// Writes a resource; its tags are those of its document.
    pub(crate) fn put(&mut self, item: Item) {
        let mut tags = Tags::default();
        for (key, value) in item.doc["tags"].as_object().into_iter().flatten() {
            tags.set(key, value.as_str().unwrap_or_default());
        }
        self.frame.tx.put(SCOPE, item, Some(tags));
    }

    /// Takes a resource away at once.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.frame
            .tx
            .delete::<Item>(SCOPE, &id.to_ascii_lowercase())
    }

    /// Writes an operation.
    pub(crate) fn put_operation(&mut self, operation: Operation) {
        self.frame.tx.put(SCOPE, operation, None);
    }

    /// An operation by its id.
    pub(crate) fn operation(&self, id: &str) -> Option<Stored<Operation>> {
        self.frame.tx.get(SCOPE, id)
    }

    /// Hexadecimal digits not given out before.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        self.frame.tx.hex(digits)
    }

    /// A UUID not given out before.
    pub(crate) fn uuid(&mut self) -> String {
        self.frame.tx.uuid()
    }

    /// When background work that begins now is done.
    pub(crate) fn due(&self, work: Work) -> Millis {
        let latency = self.frame.latency.of(work);
        self.frame.pace.due(self.now, latency)
    }

    /// Whether a fault lets the background work of this request fail.
    pub(crate) fn fails(&self) -> bool {
        self.frame.pace.fails
    }

    /// Seconds after which a client shall ask again for work that ends then.
    pub(crate) fn retry_after(&self, until: Millis) -> u64 {
        let left = until.saturating_sub(self.now).clamp(0, 10_000) / 1000;
        u64::try_from(left).unwrap_or(0)
    }
}

/// What services of Microsoft.Network say of a reference to nothing.
pub(crate) fn missing_reference(id: &str, by: &Id) -> ArmError {
    ArmError::network(
        "InvalidResourceReference",
        format!(
            "Resource {id} referenced by resource {} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.",
            by.text
        ),
    )
}

/// An id that is none is refused before any service sees it.
pub(crate) fn check_reference(id: &str, path: &str) -> ArmResult<()> {
    if Id::read(id).is_some() {
        return Ok(());
    }
    let path = path.trim_start_matches('/').replace('/', ".");
    Err(ArmError::bad(
        "LinkedInvalidPropertyId",
        format!(
            "Property id '{id}' at path '{path}' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
        ),
    ))
}

/// Collects ids of the innermost objects with an id of their own in which `target` is named.
fn enclosing(value: &Value, target: &str, within: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let id = members.get("id").and_then(Value::as_str);
            let owns = members.contains_key("properties") || members.contains_key("type");
            let within = match id {
                Some(id) if owns => id,
                _ => within,
            };
            for (name, value) in members {
                if value
                    .as_str()
                    .is_some_and(|text| text.eq_ignore_ascii_case(target))
                {
                    if !(name == "id" && owns) {
                        found.push(within.to_owned());
                    }
                } else {
                    enclosing(value, target, within, found);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if item
                    .as_str()
                    .is_some_and(|text| text.eq_ignore_ascii_case(target))
                {
                    found.push(within.to_owned());
                } else {
                    enclosing(item, target, within, found);
                }
            }
        }
        _ => {}
    }
}

/// Collects all values under the name `id` of objects without properties of their own, and their places.
pub(crate) fn references(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            let owns = members.contains_key("properties") || members.contains_key("name");
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "id" && !owns && text.starts_with('/') => {
                        found.push((place.to_owned(), text.to_owned()));
                    }
                    Some(_) => {}
                    None => references(value, &format!("{place}/{name}"), found),
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                references(item, &format!("{place}/{at}"), found);
            }
        }
        _ => {}
    }
}

/// Merges as JSON merge patch has it; tables of tags are replaced as a whole.
pub(crate) fn merge(into: &mut Value, patch: &Value) {
    crate::json::merge(into, patch, &["tags"]);
}

/// Sets a value at a path of members, which are made where they are missing.
pub(crate) fn set(into: &mut Value, pointer: &str, value: impl Into<Value>) {
    let mut at = into;
    for name in pointer.split('/').filter(|name| !name.is_empty()) {
        let index = name.parse::<usize>().ok();
        if let Some(index) = index.filter(|index| at.get(*index).is_some()) {
            at = &mut at[index];
            continue;
        }
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
    }
    *at = value.into();
}

/// Sets a value at a path unless there is one.
pub(crate) fn default(into: &mut Value, pointer: &str, value: impl Into<Value>) {
    if into.pointer(pointer).is_none_or(Value::is_null) {
        set(into, pointer, value);
    }
}

/// Takes a member away.
pub(crate) fn unset(from: &mut Value, pointer: &str) {
    if let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(Value::Object(members)) = from.pointer_mut(parent)
    {
        members.remove(name);
    }
}

/// The items of a list, none where there is no list.
pub(crate) fn items<'v>(
    value: &'v Value,
    pointer: &str,
) -> impl Iterator<Item = &'v Value> + use<'v> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The items of a list, to change.
pub(crate) fn items_mut<'v>(
    value: &'v mut Value,
    pointer: &str,
) -> impl Iterator<Item = &'v mut Value> + use<'v> {
    value
        .pointer_mut(pointer)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}
