//! Tags or labels that the stack gives to everything, beside a resource's own: which of what a resource carries are its own,
//! and what it will carry. Marks, which say whose a resource is, are no one's own and are left out by whoever asks.

use infra_model::{Block, Operation, PlanRequest, Planned, Type, Value};
use std::collections::BTreeMap;

/// Tags or labels by key.
pub type Texts = BTreeMap<String, String>;

/// How a cloud's attributes are called.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// A resource's own, by the name that the type has for it: the first of these.
    pub own: &'static [&'static str],
    /// All of them: `tags_all`.
    pub all: &'static str,
    /// The stack's, in the provider's configuration.
    pub provider: &'static str,
}

/// The defaults and a resource's own, which go before.
#[must_use]
pub fn merged(defaults: &Texts, own: &Texts) -> Texts {
    let mut all = defaults.clone();
    all.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
    all
}

/// A resource's own of what the cloud says, and all but the marks. What only the defaults ask for is not the resource's own.
#[must_use]
pub fn split(
    found: Texts,
    defaults: &Texts,
    prior: Option<&Texts>,
    is_mark: impl Fn(&str) -> bool,
) -> (Texts, Texts) {
    let all: Texts = found.into_iter().filter(|(k, _)| !is_mark(k)).collect();
    let own = all
        .iter()
        .filter(|(k, v)| defaults.get(*k) != Some(v) || prior.is_some_and(|p| p.contains_key(*k)))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    (own, all)
}

/// What the marks of the stack, its instance and its end say, by the mark's name; the address has forms of its own.
pub fn marks(operation: &Operation) -> impl Iterator<Item = (&'static str, String)> {
    let marking = &operation.marking;
    let expires = marking
        .expires
        .and_then(|t| jiff::Timestamp::from_millisecond(t.0).ok());
    [
        ("stack", Some(marking.stack.to_string())),
        (
            "instance",
            marking.instance.as_ref().map(ToString::to_string),
        ),
        ("expires", expires.map(|t| t.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some((name, text?)))
}

/// Plans what a resource of a type that shows it will carry: the defaults and its own, as far as they are known.
pub fn plan(names: Names, block: &Block, request: &PlanRequest<'_>, planned: &mut Planned) {
    if !block.attributes.contains_key(names.all) {
        return;
    }
    let mut own = names.own.iter();
    let own = own.find_map(|name| Some((*name, planned.value.get(name)?.clone())));
    let Some((name, own)) = own else { return };
    let unchanged =
        planned.replace.is_empty() && request.prior.is_some_and(|p| p.get(name) == Some(&own));
    let all = match request.provider {
        Some(provider) => merged_values(provider.get(names.provider), &own),
        // The defaults are not known yet, but they are hardly what changed.
        None if unchanged => return,
        None => None,
    };
    let all = all.unwrap_or_else(|| Value::Unknown(Type::map(Type::String)));
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute(names.all, all);
}

fn merged_values(defaults: Option<&Value>, own: &Value) -> Option<Value> {
    let mut all = BTreeMap::new();
    let mut marks = own.marks();
    for texts in [defaults, Some(own)].into_iter().flatten() {
        if texts.is_unknown() {
            return None;
        }
        marks = marks.union(texts.marks());
        for (key, value) in texts.entries().into_iter().flatten() {
            if !value.is_null() {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    Some(Value::map(Type::String, all).with_marks(marks))
}
