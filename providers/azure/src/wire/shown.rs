//! What answers show, as attributes.

use super::{Rule, Rules, Scope, root};
use crate::api::short;
use infra_cloud::fields::{blocks, get, join, kept, nothing};
use infra_model::schema::Compare;
use infra_model::{Attribute, Block, NestedBlock, Type, Value, planning};
use serde_json::{Map, Value as Json};

/// The attributes that a service's answer shows, in the shape of the block; `prior` says what answers do not.
pub(crate) fn shown(block: &Block, found: &Json, prior: &Value, rules: Rules) -> Json {
    decode(block, found, prior, root(rules, ""))
}

pub(super) fn decode(block: &Block, found: &Json, prior: &Value, scope: Scope<'_>) -> Json {
    let mut out = Map::new();
    for (name, attribute) in &block.attributes {
        let said = prior.get(name).filter(|v| !v.is_unknown());
        let rule = scope.rule(name);
        let found = get(found, &scope.field(name, rule));
        let json = match rule {
            Some(Rule::Own | Rule::SentOnly(_)) => kept(attribute, said),
            Some(Rule::Kept(_)) if found.is_none() => kept(attribute, said),
            _ => decode_attribute(attribute, rule, found, said),
        };
        out.insert(name.to_string(), json.unwrap_or(Json::Null));
    }
    for (name, nested) in &block.blocks {
        let said = prior
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        let rule = scope.rule(name);
        let found = match rule {
            Some(Rule::Inline) => Some(found),
            rule => get(found, &scope.field(name, rule)),
        };
        let as_said = || said.iter().map(infra_model::json::to_json).collect();
        let items = match (rule, found) {
            (Some(Rule::Own | Rule::SentOnly(_)), _) | (Some(Rule::Kept(_)), None) => as_said(),
            (_, found) => decode_block(nested, found, said, scope, name),
        };
        out.insert(name.to_string(), Json::Array(items));
    }
    Json::Object(out)
}

fn decode_block(
    nested: &NestedBlock,
    found: Option<&Json>,
    said: &[Value],
    scope: Scope<'_>,
    name: &str,
) -> Vec<Json> {
    let (rule, path) = (scope.rule(name), join(scope.path, name));
    let inner = scope.inside(rule, &path);
    let one = |item: &Json, said: &Value| decode(&nested.block, item, said, inner);
    let says = matches!(rule, Some(Rule::Present(_))) || nested.computed;
    blocks(
        nested,
        found,
        said,
        says,
        |item, i| twin(item, said, i),
        one,
    )
}

/// The item that was said for one that was found: of the same name where they have names, or in the same place.
fn twin<'a>(item: &Json, said: &'a [Value], place: usize) -> Option<&'a Value> {
    let name = item["name"].as_str();
    let named = said
        .iter()
        .find(|s| name.is_some() && s.get("name").and_then(Value::as_str) == name);
    named.or_else(|| said.get(place))
}

/// What a rule makes of a field, back again.
fn plain(rule: Option<Rule>, found: &Json) -> Json {
    let id = |json: &Json| json["id"].clone();
    let name = |json: &Json| Json::from(short(json["id"].as_str().unwrap_or_default()));
    match (rule, found) {
        (Some(Rule::Ref(_)), Json::Array(items)) => items.iter().map(id).collect(),
        (Some(Rule::Ref(_)), one) => id(one),
        (Some(Rule::Each(_, key)), Json::Array(items)) => {
            items.iter().map(|item| item[key].clone()).collect()
        }
        (Some(Rule::Sibling(..)), Json::Array(items)) => items.iter().map(name).collect(),
        (Some(Rule::Sibling(..)), one) => name(one),
        (Some(Rule::Switch(_)), Json::String(text)) => {
            Json::Bool(text.eq_ignore_ascii_case("enabled"))
        }
        (Some(Rule::Not(_)), Json::Bool(on)) => Json::Bool(!on),
        (Some(Rule::First(_)), Json::Array(items)) => items.first().cloned().unwrap_or_default(),
        (_, found) => found.clone(),
    }
}

fn decode_attribute(
    attribute: &Attribute,
    rule: Option<Rule>,
    found: Option<&Json>,
    said: Option<&Value>,
) -> Option<Json> {
    let found = found.map(|f| plain(rule, f)).filter(|f| !f.is_null());
    let Some(found) = found else {
        let said = said.map(infra_model::json::to_json);
        if let Some(said) = said.filter(|said| !said.is_null() && nothing(said)) {
            return Some(said);
        }
        return attribute.default.as_ref().map(infra_model::json::to_json);
    };
    let silent = said.is_none_or(Value::is_null);
    if silent && nothing(&found) && !attribute.computed && attribute.default.is_none() {
        // Services say the zero values that nobody asked for.
        return (attribute.required).then_some(found);
    }
    let json = fit(&attribute.ty, &found);
    // Letter case of ids says nothing, and what means the same is kept as it was said.
    let compare = match (attribute.compare, rule) {
        (Compare::Exact, Some(Rule::Ref(_) | Rule::Sibling(..))) => Compare::CaseInsensitive,
        (compare, _) => compare,
    };
    let same = said.filter(|said| {
        infra_model::json::from_json(&json, &attribute.ty)
            .is_ok_and(|value| planning::same(compare, said, &value))
    });
    Some(same.map_or(json, infra_model::json::to_json))
}

/// Numbers as text, and texts of ours as numbers.
fn fit(ty: &Type, json: &Json) -> Json {
    match (ty, json) {
        (Type::Number | Type::Bool, Json::String(text)) => {
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
