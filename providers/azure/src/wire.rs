//! Between attributes and Resource Manager's JSON. A resource has `location`, `tags` and a few more at its root, and the rest
//! under `properties`, with the attributes' names in lowerCamelCase; a type lists only what is otherwise.

mod shown;

use infra_cloud::fields::join;
pub(crate) use infra_cloud::fields::{camel, get, snake};
use infra_cloud::shape::is_empty;
use infra_model::{Attribute, Block, NestedBlock, Value, planning};
use serde_json::{Map, Value as Json, json};

use shown::decode;
pub(crate) use shown::shown;

/// How an attribute or block, named by its dotted path, differs from the habit. A field is named from the object that the
/// attribute's block is, `/` between parts: `properties/addressSpace/addressPrefixes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The field.
    At(&'static str),
    /// An id, or a list of them, as references: `{"id": …}`.
    Ref(&'static str),
    /// The name of a part of the same resource, as a reference to it: the field, and the collection that the part is in.
    Sibling(&'static str, &'static str),
    /// A boolean as `Enabled` or `Disabled`.
    Switch(&'static str),
    /// A boolean as its opposite.
    Not(&'static str),
    /// Anything as text.
    Text(&'static str),
    /// The one element of a list.
    First(&'static str),
    /// A list of texts as a list of objects with one field: the field, and that.
    Each(&'static str, &'static str),
    /// A block of parts with a `name` and `properties` of their own.
    Parts(&'static str),
    /// A block, of which there is at most one, whose attributes are fields of the object that it is in.
    Inline,
    /// A block that says something also when it is empty.
    Present(&'static str),
    /// Nothing of the service's: the type itself deals with it.
    Own,
    /// Sent, and never shown again: what was said is what is.
    SentOnly(&'static str),
    /// Shown, never sent.
    ShownOnly(&'static str),
    /// A field whose absence says nothing: what was said stands.
    Kept(&'static str),
}

/// The rules of a type.
pub(crate) type Rules = &'static [(&'static str, Rule)];

/// What stands at the root of a resource, beside `properties`.
const AT_ROOT: [&str; 8] = [
    "location", "tags", "zones", "kind", "name", "type", "etag", "id",
];

/// Where a block's object is, which decides where its attributes are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// A resource, or a part with properties of its own.
    Resource,
    /// Anything else.
    Plain,
}

/// What encoding and decoding go by.
#[derive(Clone, Copy)]
struct Scope<'a> {
    rules: Rules,
    /// The resource's id, for references to its parts.
    id: &'a str,
    level: Level,
    /// The dotted path of the block.
    path: &'a str,
}

impl Scope<'_> {
    fn rule(&self, name: &str) -> Option<Rule> {
        let is = |path: &str| match path.strip_suffix(name) {
            Some("") => self.path.is_empty(),
            Some(front) => front.strip_suffix('.') == Some(self.path),
            None => false,
        };
        let found = self.rules.iter().find(|(path, _)| is(path));
        found.map(|(_, rule)| *rule)
    }

    fn field(&self, name: &str, rule: Option<Rule>) -> String {
        use Rule::{
            At, Each, First, Kept, Not, Own, Parts, Present, Ref, SentOnly, ShownOnly, Sibling,
            Switch, Text,
        };
        match rule {
            Some(
                At(field)
                | Ref(field)
                | Each(field, _)
                | Sibling(field, _)
                | Switch(field)
                | Text(field)
                | Not(field)
                | First(field)
                | Parts(field)
                | Present(field)
                | SentOnly(field)
                | ShownOnly(field)
                | Kept(field),
            ) if !field.is_empty() => field.to_owned(),
            Some(Own) => String::new(),
            _ if self.level == Level::Resource && !AT_ROOT.contains(&name) => {
                format!("properties/{}", camel(name))
            }
            _ => camel(name),
        }
    }

    /// The scope of a block in this one.
    fn inside<'b>(&'b self, rule: Option<Rule>, path: &'b str) -> Scope<'b> {
        let level = match rule {
            Some(Rule::Parts(_)) => Level::Resource,
            Some(Rule::Inline) => self.level,
            _ => Level::Plain,
        };
        Scope {
            level,
            path,
            ..*self
        }
    }
}

/// Puts a field in its place, perhaps inside another.
pub(crate) fn put(out: &mut Json, field: &str, json: Json) {
    if !out.is_object() {
        *out = Json::Object(Map::new());
    }
    match field.split_once('/') {
        None => out[field] = json,
        Some((outer, inner)) => put(&mut out[outer], inner, json),
    }
}

/// Takes a field away, perhaps inside another.
pub(crate) fn remove(out: &mut Json, field: &str) {
    match field.split_once('/') {
        None => {
            if let Some(fields) = out.as_object_mut() {
                fields.remove(field);
            }
        }
        Some((outer, inner)) => {
            if let Some(inside) = out.get_mut(outer) {
                remove(inside, inner);
            }
        }
    }
}

/// The body that asks for what a value says, without the attributes that are in its id. What it leaves out is left to the
/// service.
pub(crate) fn body(block: &Block, value: &Value, rules: Rules, id: &str, in_id: &[&str]) -> Json {
    encode(block, value, root(rules, id), in_id)
}

/// The same of an object that is no resource: all of its fields are in one place.
pub(crate) fn object(block: &Block, value: &Value, rules: Rules) -> Json {
    encode(block, value, plain_root(rules), &[])
}

/// The attributes that such an object shows.
pub(crate) fn shown_object(block: &Block, found: &Json, prior: &Value, rules: Rules) -> Json {
    decode(block, found, prior, plain_root(rules))
}

/// The fields of such an object that change.
pub(crate) fn object_changes(
    block: &Block,
    prior: &Value,
    desired: &Value,
    rules: Rules,
) -> Vec<Change> {
    changes_in(block, prior, desired, plain_root(rules), &[])
}

fn plain_root(rules: Rules) -> Scope<'static> {
    Scope {
        level: Level::Plain,
        ..root(rules, "")
    }
}

fn root(rules: Rules, id: &str) -> Scope<'_> {
    Scope {
        rules,
        id,
        level: Level::Resource,
        path: "",
    }
}

fn is_sent(attribute: &Attribute, rule: Option<Rule>) -> bool {
    (attribute.required || attribute.optional)
        && !matches!(rule, Some(Rule::Own | Rule::ShownOnly(_)))
}

fn encode(block: &Block, value: &Value, scope: Scope<'_>, without: &[&str]) -> Json {
    let mut out = Json::Object(Map::new());
    for (name, attribute) in &block.attributes {
        let rule = scope.rule(name);
        if !is_sent(attribute, rule) || without.contains(&&**name) {
            continue;
        }
        let encoded = value
            .get(name)
            .and_then(|v| encode_attribute(v, rule, scope.id));
        if let Some(json) = encoded {
            put(&mut out, &scope.field(name, rule), json);
        }
    }
    for (name, nested) in &block.blocks {
        let rule = scope.rule(name);
        if matches!(rule, Some(Rule::Own | Rule::ShownOnly(_))) {
            continue;
        }
        let items = value
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        match encode_block(nested, items, scope, name) {
            Some(json) if rule == Some(Rule::Inline) => merge(&mut out, json),
            Some(json) => put(&mut out, &scope.field(name, rule), json),
            None => {}
        }
    }
    out
}

/// Puts the fields of one object into another.
fn merge(out: &mut Json, more: Json) {
    match (out, more) {
        (Json::Object(out), Json::Object(more)) => {
            for (name, json) in more {
                merge(out.entry(name).or_insert(Json::Null), json);
            }
        }
        (out, more) => *out = more,
    }
}

/// None of what nobody spoke of.
fn encode_attribute(value: &Value, rule: Option<Rule>, id: &str) -> Option<Json> {
    if value.is_null() || value.is_unknown() {
        return None;
    }
    // A record's empty collection is one that nobody spoke of.
    if is_empty(value) {
        return None;
    }
    let json = infra_model::json::to_json(value);
    let each = |json: Json, one: &dyn Fn(Json) -> Json| match json {
        Json::Array(items) => Json::Array(items.into_iter().map(one).collect()),
        other => one(other),
    };
    Some(match (rule, json) {
        (Some(Rule::Ref(_)), json) => each(json, &|id| json!({ "id": id })),
        (Some(Rule::Each(_, key)), json) => each(json, &|text| json!({ key: text })),
        (Some(Rule::Sibling(_, collection)), json) => each(
            json,
            &|name| json!({ "id": format!("{id}/{collection}/{}", name.as_str().unwrap_or_default()) }),
        ),
        (Some(Rule::Switch(_)), Json::Bool(on)) => {
            Json::from(if on { "Enabled" } else { "Disabled" })
        }
        (Some(Rule::Not(_)), Json::Bool(on)) => Json::Bool(!on),
        (Some(Rule::Text(_)), json @ (Json::Bool(_) | Json::Number(_))) => {
            Json::String(json.to_string())
        }
        (Some(Rule::First(_)), json) => json!([json]),
        (_, json) => json,
    })
}

fn encode_block(
    nested: &NestedBlock,
    items: &[Value],
    scope: Scope<'_>,
    name: &str,
) -> Option<Json> {
    let (rule, path) = (scope.rule(name), join(scope.path, name));
    let inner = scope.inside(rule, &path);
    let mut encoded = items
        .iter()
        .map(|item| encode(&nested.block, item, inner, &[]));
    if nested.max == Some(1) && !matches!(rule, Some(Rule::Parts(_) | Rule::First(_))) {
        return encoded.next();
    }
    (!items.is_empty()).then(|| Json::Array(encoded.collect()))
}

/// A field that changes: what it is from now on, or that it goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// The attribute or block.
    pub(crate) name: String,
    /// Where it is in the body.
    pub(crate) field: String,
    /// What was sent before.
    pub(crate) was: Option<Json>,
    /// What is sent.
    pub(crate) json: Option<Json>,
}

/// A field of the body as it is there, with what changes between two of ours: what we never spoke of stays, also inside the
/// items of a list that have names.
pub(crate) fn merged(there: Option<Json>, was: Option<&Json>, now: &Json) -> Json {
    match (there, now) {
        (Some(Json::Object(mut fields)), Json::Object(new)) => {
            for gone in was.and_then(Json::as_object).into_iter().flatten() {
                if !new.contains_key(gone.0) {
                    fields.remove(gone.0);
                }
            }
            for (name, json) in new {
                let was = was.and_then(|w| w.get(name));
                let json = merged(fields.remove(name), was, json);
                fields.insert(name.clone(), json);
            }
            Json::Object(fields)
        }
        (Some(Json::Array(there)), Json::Array(new))
            if new.iter().all(|i| i["name"].is_string()) =>
        {
            let named = |items: &[Json], item: &Json| {
                let same = |other: &&Json| other["name"] == item["name"];
                items.iter().find(same).cloned()
            };
            let old = was.and_then(Json::as_array).cloned().unwrap_or_default();
            let items = new
                .iter()
                .map(|item| merged(named(&there, item), named(&old, item).as_ref(), item));
            Json::Array(items.collect())
        }
        (_, now) => now.clone(),
    }
}

/// The fields that change between two values.
pub(crate) fn changes(
    block: &Block,
    prior: &Value,
    desired: &Value,
    rules: Rules,
    id: &str,
    in_id: &[&str],
) -> Vec<Change> {
    changes_in(block, prior, desired, root(rules, id), in_id)
}

fn changes_in(
    block: &Block,
    prior: &Value,
    desired: &Value,
    scope: Scope<'_>,
    in_id: &[&str],
) -> Vec<Change> {
    let id = scope.id;
    let mut out = Vec::new();
    for (name, attribute) in &block.attributes {
        let rule = scope.rule(name);
        let (Some(old), Some(new)) = (prior.get(name), desired.get(name)) else {
            continue;
        };
        if !is_sent(attribute, rule)
            || in_id.contains(&&**name)
            || new.is_unknown()
            || planning::same(attribute.compare, old, new)
        {
            continue;
        }
        out.push(Change {
            name: name.to_string(),
            field: scope.field(name, rule),
            was: encode_attribute(old, rule, id),
            json: encode_attribute(new, rule, id),
        });
    }
    for (name, nested) in &block.blocks {
        let rule = scope.rule(name);
        if matches!(rule, Some(Rule::Own | Rule::ShownOnly(_))) {
            continue;
        }
        let (Some(old), Some(new)) = (prior.get(name), desired.get(name)) else {
            continue;
        };
        if old.unmark_deep() == new.unmark_deep() {
            continue;
        }
        let encoded = |value: &Value| {
            let items = value.elements().unwrap_or_default();
            encode_block(nested, items, scope, name)
        };
        if rule == Some(Rule::Inline) {
            let (old, new) = (encoded(old), encoded(new));
            differences(name, "", old.as_ref(), new.as_ref(), &mut out);
            continue;
        }
        out.push(Change {
            name: name.to_string(),
            field: scope.field(name, rule),
            was: encoded(old),
            json: encoded(new),
        });
    }
    out
}

/// The fields in which two objects differ.
fn differences(
    name: &str,
    at: &str,
    old: Option<&Json>,
    new: Option<&Json>,
    out: &mut Vec<Change>,
) {
    if old == new {
        return;
    }
    let fields = |json: Option<&Json>| match json {
        Some(Json::Object(fields)) => Some(fields.clone()),
        None => Some(Map::new()),
        _ => None,
    };
    match (fields(old), fields(new)) {
        (Some(old), Some(new)) => {
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for field in names {
                let at = if at.is_empty() {
                    field.clone()
                } else {
                    format!("{at}/{field}")
                };
                differences(name, &at, old.get(field), new.get(field), out);
            }
        }
        _ => out.push(Change {
            name: name.to_owned(),
            field: at.to_owned(),
            was: old.cloned(),
            json: new.cloned(),
        }),
    }
}
