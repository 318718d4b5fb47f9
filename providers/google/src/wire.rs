//! Between attributes and the services' JSON. Google's fields have the attributes' names in lowerCamelCase, a nested block of
//! which there is at most one is an object, and zero values are left out of answers; a type lists only what is otherwise.

use crate::api::relative;
use infra_cloud::fields::{blocks, get, join, kept, nothing};
pub(crate) use infra_cloud::fields::{camel, snake};
use infra_cloud::shape::is_empty;
use infra_model::schema::Compare;
use infra_model::{Attribute, Block, NestedBlock, Type, Value, planning};
use serde_json::{Map, Value as Json};

/// How an attribute, named by its dotted path, differs from the habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The field's name; `routingConfig/routingMode` for one inside another.
    Named(&'static str),
    /// The field's name; that the block stands there says something, also when it is empty.
    Present(&'static str),
    /// Nothing of the service's: the type itself deals with it.
    Own,
    /// Sent, and never shown again: what was said is what is.
    SentOnly,
    /// Shown, never sent.
    ShownOnly,
    /// A field whose absence says nothing: what was said stands.
    Kept,
}

/// The rules of a type.
pub(crate) type Rules = &'static [(&'static str, Rule)];

fn rule(rules: Rules, path: &str) -> Option<Rule> {
    rules
        .iter()
        .find(|(p, _)| *p == path)
        .map(|(_, rule)| *rule)
}

/// Puts a field in its place, perhaps inside another.
pub(crate) fn put(out: &mut Map<String, Json>, field: &str, json: Json) {
    match field.split_once('/') {
        None => drop(out.insert(field.to_owned(), json)),
        Some((outer, inner)) => {
            let at = out
                .entry(outer.to_owned())
                .or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(at) = at {
                put(at, inner, json);
            }
        }
    }
}

fn field(rules: Rules, path: &str, name: &str) -> String {
    match rule(rules, path) {
        Some(Rule::Named(field) | Rule::Present(field)) => field.to_owned(),
        _ => camel(name),
    }
}

/// The body that asks for what a value says. What it leaves out is left to the service.
pub(crate) fn body(block: &Block, value: &Value, rules: Rules) -> Map<String, Json> {
    encode(block, value, rules, "")
}

fn is_sent(attribute: &Attribute, rule: Option<Rule>) -> bool {
    (attribute.required || attribute.optional) && !matches!(rule, Some(Rule::Own | Rule::ShownOnly))
}

fn encode(block: &Block, value: &Value, rules: Rules, path: &str) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, attribute) in &block.attributes {
        let at = join(path, name);
        let Some(value) = value.get(name).filter(|v| !v.is_null() && !v.is_unknown()) else {
            continue;
        };
        // A record's empty collection is one that nobody spoke of.
        if is_sent(attribute, rule(rules, &at)) && !is_empty(value) {
            put(
                &mut out,
                &field(rules, &at, name),
                infra_model::json::to_json(value),
            );
        }
    }
    for (name, nested) in &block.blocks {
        let at = join(path, name);
        if matches!(rule(rules, &at), Some(Rule::Own | Rule::ShownOnly)) {
            continue;
        }
        let items = value
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        if let Some(json) = encode_block(nested, items, rules, &at) {
            put(&mut out, &field(rules, &at, name), json);
        }
    }
    out
}

fn encode_block(nested: &NestedBlock, items: &[Value], rules: Rules, at: &str) -> Option<Json> {
    let mut encoded = items
        .iter()
        .map(|item| Json::Object(encode(&nested.block, item, rules, at)));
    if nested.max == Some(1) {
        return encoded.next();
    }
    (!items.is_empty()).then(|| Json::Array(encoded.collect()))
}

/// The fields that a change touches, as a JSON merge patch: what is no longer said is null, a list that is empty now is empty.
pub(crate) fn patch(
    block: &Block,
    prior: &Value,
    desired: &Value,
    rules: Rules,
) -> Map<String, Json> {
    let mut out = Map::new();
    for (name, attribute) in &block.attributes {
        let (Some(old), Some(new)) = (prior.get(name), desired.get(name)) else {
            continue;
        };
        if !is_sent(attribute, rule(rules, name))
            || new.is_unknown()
            || planning::same(attribute.compare, old, new)
        {
            continue;
        }
        let json = match infra_model::json::to_json(new) {
            Json::Null if matches!(attribute.ty, Type::List(_) | Type::Set(_)) => {
                Json::Array(Vec::new())
            }
            json => json,
        };
        put(&mut out, &field(rules, name, name), json);
    }
    for (name, nested) in &block.blocks {
        if matches!(rule(rules, name), Some(Rule::Own | Rule::ShownOnly)) {
            continue;
        }
        let (Some(old), Some(new)) = (prior.get(name), desired.get(name)) else {
            continue;
        };
        if old.unmark_deep() == new.unmark_deep() {
            continue;
        }
        let items = new.elements().unwrap_or_default();
        let empty = if nested.max == Some(1) {
            Json::Null
        } else {
            Json::Array(Vec::new())
        };
        let json = encode_block(nested, items, rules, name).unwrap_or(empty);
        put(&mut out, &field(rules, name, name), json);
    }
    out
}

/// The attributes that a service's answer shows, in the shape of the block; `prior` says what answers do not.
pub(crate) fn shown(block: &Block, found: &Json, prior: &Value, rules: Rules) -> Json {
    decode(block, found, prior, rules, "")
}

fn decode(block: &Block, found: &Json, prior: &Value, rules: Rules, path: &str) -> Json {
    let mut out = Map::new();
    for (name, attribute) in &block.attributes {
        let at = join(path, name);
        let said = prior.get(name).filter(|v| !v.is_unknown());
        let json = match rule(rules, &at) {
            Some(Rule::Own | Rule::SentOnly) => kept(attribute, said),
            Some(Rule::Kept) if get(found, &field(rules, &at, name)).is_none() => {
                kept(attribute, said)
            }
            _ => decode_attribute(attribute, get(found, &field(rules, &at, name)), said),
        };
        out.insert(name.to_string(), json.unwrap_or(Json::Null));
    }
    for (name, nested) in &block.blocks {
        let at = join(path, name);
        let said = prior
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        let items = match rule(rules, &at) {
            Some(Rule::Own | Rule::SentOnly) => {
                said.iter().map(infra_model::json::to_json).collect()
            }
            other => {
                let found = get(found, &field(rules, &at, name));
                match (found, other) {
                    (None, Some(Rule::Kept)) => {
                        said.iter().map(infra_model::json::to_json).collect()
                    }
                    (found, _) => decode_block(nested, found, said, rules, &at),
                }
            }
        };
        out.insert(name.to_string(), Json::Array(items));
    }
    Json::Object(out)
}

fn decode_block(
    nested: &NestedBlock,
    found: Option<&Json>,
    said: &[Value],
    rules: Rules,
    at: &str,
) -> Vec<Json> {
    let one = |item: &Json, said: &Value| decode(&nested.block, item, said, rules, at);
    let says = matches!(rule(rules, at), Some(Rule::Present(_)));
    blocks(nested, found, said, says, |_, i| said.get(i), one)
}

fn decode_attribute(
    attribute: &Attribute,
    found: Option<&Json>,
    said: Option<&Value>,
) -> Option<Json> {
    let Some(found) = found else {
        let said = said.map(infra_model::json::to_json);
        if let Some(said) = said.filter(|said| !said.is_null() && nothing(said)) {
            return Some(said);
        }
        return match (&attribute.ty, &attribute.default) {
            (Type::Bool, Some(_)) => Some(Json::Bool(false)),
            (_, Some(default)) => Some(infra_model::json::to_json(default)),
            _ => None,
        };
    };
    let silent = said.is_none_or(Value::is_null);
    if silent && nothing(found) && !attribute.computed && attribute.default.is_none() {
        // Some services say the zero values that nobody asked for.
        return (attribute.required).then(|| found.clone());
    }
    let json = match (attribute.compare, found) {
        // The whole name without the host, which is what ids are.
        (Compare::ResourceName, Json::String(name)) => Json::String(relative(name).to_owned()),
        (Compare::ResourceName, Json::Array(names)) => names
            .iter()
            .filter_map(Json::as_str)
            .map(|name| Json::String(relative(name).to_owned()))
            .collect(),
        _ => fit(&attribute.ty, found),
    };
    // What means the same is kept as it was said.
    let same = said.filter(|said| {
        infra_model::json::from_json(&json, &attribute.ty)
            .is_ok_and(|value| planning::same(attribute.compare, said, &value))
    });
    Some(same.map_or(json, infra_model::json::to_json))
}

/// Google writes 64-bit numbers as text, and some texts of ours as numbers.
fn fit(ty: &Type, json: &Json) -> Json {
    match (ty, json) {
        (Type::Number, Json::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| json.clone())
        }
        (Type::String, Json::Number(n)) => Json::String(n.to_string()),
        (Type::String, Json::Bool(b)) => Json::String(b.to_string()),
        (Type::List(t) | Type::Set(t), Json::Array(items)) => {
            Json::Array(items.iter().map(|item| fit(t, item)).collect())
        }
        (Type::Map(t), Json::Object(items)) => {
            Json::Object(items.iter().map(|(k, v)| (k.clone(), fit(t, v))).collect())
        }
        _ => json.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Record;
    use serde_json::json;
    use std::collections::BTreeMap;

    /// A thing.
    #[derive(Clone, Record)]
    struct Thing {
        /// Its name.
        #[record(required, force_new)]
        name: String,
        /// A range.
        #[record(optional)]
        ip_cidr_range: Option<String>,
        /// A switch.
        #[record(optional, default = true)]
        enabled: bool,
        /// A size.
        #[record(optional)]
        size: Option<i64>,
        /// Where it belongs.
        #[record(optional, compare = resource_name)]
        network: Option<String>,
        /// An address.
        #[record(optional)]
        ip_address: Option<String>,
        /// Labels.
        #[record(optional)]
        labels: BTreeMap<String, String>,
        /// Secret.
        #[record(optional, sensitive)]
        password: Option<String>,
        /// Given by the service.
        #[record(computed)]
        self_link: Option<String>,
        /// Logging.
        #[record(block, max = 1)]
        log_config: Vec<Log>,
        /// Ranges.
        #[record(block)]
        secondary_range: Vec<Range>,
    }

    /// Logging.
    #[derive(Clone, Record)]
    struct Log {
        /// On.
        #[record(optional)]
        enable: Option<bool>,
    }

    /// A range.
    #[derive(Clone, Record)]
    struct Range {
        /// Its name.
        #[record(required)]
        range_name: String,
    }

    const RULES: Rules = &[
        ("ip_address", Rule::Named("IPAddress")),
        ("password", Rule::SentOnly),
        ("secondary_range", Rule::Named("ranges")),
    ];

    fn thing() -> Thing {
        Thing {
            name: "a".to_owned(),
            ip_cidr_range: Some("10.0.0.0/8".to_owned()),
            enabled: false,
            size: Some(7),
            network: Some("projects/p/global/networks/n".to_owned()),
            ip_address: Some("10.0.0.1".to_owned()),
            labels: BTreeMap::new(),
            password: Some("hunter2".to_owned()),
            self_link: None,
            log_config: vec![Log {
                enable: Some(false),
            }],
            secondary_range: vec![Range {
                range_name: "pods".to_owned(),
            }],
        }
    }

    #[test]
    fn a_body_says_what_was_asked_for() {
        let sent = Json::Object(body(&Thing::block(), &thing().to_value(), RULES));
        assert_eq!(
            sent,
            json!({
                "name": "a", "ipCidrRange": "10.0.0.0/8", "enabled": false, "size": 7,
                "network": "projects/p/global/networks/n", "IPAddress": "10.0.0.1",
                "password": "hunter2", "logConfig": {"enable": false}, "ranges": [{"rangeName": "pods"}],
            })
        );
    }

    #[test]
    fn an_answer_shows_what_is_and_keeps_what_was_said() {
        let answer = json!({
            "name": "a", "ipCidrRange": "10.0.0.0/8", "size": "7", "selfLink": "https://x/a",
            "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
            "IPAddress": "10.0.0.2", "ranges": [{"rangeName": "pods"}],
        });
        let prior = thing().to_value();
        let shown = shown(&Thing::block(), &answer, &prior, RULES);
        let value =
            infra_model::json::from_json(&shown, &Thing::block().implied_type()).expect("fits");
        let read = Thing::from_value(&value).expect("reads");
        assert_eq!(read.size, Some(7));
        assert!(!read.enabled, "what is left out is false, not the default");
        assert_eq!(
            read.network,
            thing().network,
            "the same network, as it was said"
        );
        assert_eq!(read.ip_address.as_deref(), Some("10.0.0.2"), "drift shows");
        assert_eq!(read.password, thing().password);
        assert_eq!(read.log_config.len(), 1, "zero values are left out");
        assert_eq!(read.secondary_range.len(), 1);
    }

    #[test]
    fn a_patch_has_what_changed() {
        let (prior, mut desired) = (thing(), thing());
        desired.ip_cidr_range = None;
        desired.size = Some(9);
        desired.secondary_range.clear();
        desired.network =
            Some("https://www.googleapis.com/compute/v1/projects/p/global/networks/n".to_owned());
        let sent = Json::Object(patch(
            &Thing::block(),
            &prior.to_value(),
            &desired.to_value(),
            RULES,
        ));
        assert_eq!(sent, json!({"ipCidrRange": null, "size": 9, "ranges": []}));
    }
}
