//! Labels: a resource's own, the stack's default ones, and the `infra-` marks that say whose a resource is. The marks show
//! neither in `labels` nor as drift. Google's labels are lowercase letters, digits, `_` and `-`, up to 63 (Google Cloud,
//! "Requirements for labels").

use infra_model::{Block, Operation, PlanRequest, Planned, Type, Value};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Labels by key.
pub(crate) type Labels = BTreeMap<String, String>;

/// The creating operation: written once, in the create call.
pub(crate) const OPERATION: &str = "infra-operation";

const PREFIX: &str = "infra-";

/// What Google itself adds.
const GOOGLES: &str = "goog-";

/// The longest value.
const LONGEST: usize = 63;

/// What a new resource is labelled with: its labels, the defaults and the marks.
pub(crate) fn for_create(defaults: &Labels, own: &Labels, operation: &Operation) -> Labels {
    let mut all = for_update(defaults, own, operation, &Labels::new());
    all.insert(OPERATION.to_owned(), operation.id.to_string());
    all
}

/// What a resource is labelled with from now on: labels are written whole, so that what is there of marks and of Google's own
/// goes along.
pub(crate) fn for_update(
    defaults: &Labels,
    own: &Labels,
    operation: &Operation,
    there: &Labels,
) -> Labels {
    let mut all: Labels = there
        .iter()
        .filter(|(k, _)| k.starts_with(PREFIX) || k.starts_with(GOOGLES))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    all.extend(defaults.clone());
    all.extend(own.clone());
    let marking = &operation.marking;
    all.insert("infra-stack".to_owned(), encode(&marking.stack));
    all.insert(
        "infra-address".to_owned(),
        encode(&operation.address.to_string()),
    );
    if let Some(instance) = &marking.instance {
        all.insert("infra-instance".to_owned(), encode(instance));
    }
    if let Some(expires) = marking
        .expires
        .and_then(|t| jiff::Timestamp::from_millisecond(t.0).ok())
    {
        all.insert("infra-expires".to_owned(), encode(&expires.to_string()));
    }
    all
}

/// A resource's own labels among all, and all without marks. A label that only the defaults ask for is not the resource's own.
pub(crate) fn split(found: Labels, defaults: &Labels, prior: Option<&Labels>) -> (Labels, Labels) {
    let all: Labels = found
        .into_iter()
        .filter(|(k, _)| !k.starts_with(PREFIX) && !k.starts_with(GOOGLES))
        .collect();
    let own = all
        .iter()
        .filter(|(k, v)| defaults.get(*k) != Some(v) || prior.is_some_and(|p| p.contains_key(*k)))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    (own, all)
}

/// The labels of a JSON object.
pub(crate) fn of(json: Option<&Json>) -> Labels {
    let entries = json.and_then(Json::as_object).into_iter().flatten();
    entries
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// Labels as JSON.
pub(crate) fn json(labels: &Labels) -> Json {
    let entries = labels
        .iter()
        .map(|(k, v)| (k.clone(), Json::String(v.clone())));
    Json::Object(entries.collect::<Map<_, _>>())
}

/// Text as a label's value: what a label cannot hold becomes `-`, and what was changed or is too long ends in a hash of the
/// whole, so that no two are alike.
pub(crate) fn encode(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '_' | '-' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    // The dot of an address is the one change that is not worth a hash: names have none.
    let readable = text.replace('.', "-") == plain;
    if readable && plain.len() <= LONGEST {
        return plain;
    }
    let digest = hex::encode(&Sha256::digest(text.as_bytes())[..5]);
    let kept = plain.len().min(LONGEST - 11);
    format!("{}-{digest}", &plain[..kept])
}

/// Plans `effective_labels` of a type that has it: the defaults and the planned labels, as far as they are known.
pub(crate) fn plan(block: &Block, request: &PlanRequest<'_>, planned: &mut Planned) {
    if !block.attributes.contains_key("effective_labels") {
        return;
    }
    let own = ["labels", "resource_labels"]
        .iter()
        .find_map(|name| Some((*name, planned.value.get(name)?.clone())));
    let Some((name, own)) = own else { return };
    let unchanged =
        planned.replace.is_empty() && request.prior.is_some_and(|p| p.get(name) == Some(&own));
    let all = match request.provider {
        Some(provider) => merged(provider.get("labels"), &own),
        None if unchanged => return,
        None => None,
    };
    let all = all.unwrap_or_else(|| Value::Unknown(Type::map(Type::String)));
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute("effective_labels", all);
}

fn merged(defaults: Option<&Value>, own: &Value) -> Option<Value> {
    let mut all = BTreeMap::new();
    let mut marks = own.marks();
    for labels in [defaults, Some(own)].into_iter().flatten() {
        if labels.is_unknown() {
            return None;
        }
        marks = marks.union(labels.marks());
        for (key, value) in labels.entries().into_iter().flatten() {
            if !value.is_null() {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    Some(Value::map(Type::String, all).with_marks(marks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn values_fit_and_differ() {
        assert_eq!(
            encode("google_compute_network.main"),
            "google_compute_network-main"
        );
        let keys = [r#"google_x.a["b.c"]"#, r#"google_x.a["b-c"]"#].map(encode);
        assert_ne!(keys[0], keys[1]);
        for text in [r#"module.q["Eu"].google_x.a[0]"#, &"x".repeat(300)] {
            let value = encode(text);
            assert!(value.len() <= LONGEST, "{value}");
            assert!(
                value
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b)),
                "{value}"
            );
        }
    }

    #[test]
    fn marks_are_written_and_never_shown() {
        let operation = operation("google_compute_network.main");
        let defaults = labels(&[("team", "shop"), ("env", "test")]);
        let own = labels(&[("env", "prod")]);
        let written = for_create(&defaults, &own, &operation);
        assert_eq!(written["infra-stack"], "demo");
        assert_eq!(written[OPERATION], operation.id.to_string());
        let (shown, all) = split(written.clone(), &defaults, Some(&own));
        assert_eq!(shown, own);
        assert_eq!(all, labels(&[("env", "prod"), ("team", "shop")]));
        let updated = for_update(&defaults, &Labels::new(), &operation, &written);
        assert_eq!(
            updated[OPERATION],
            operation.id.to_string(),
            "the creating operation stays"
        );
        assert_eq!(updated["env"], "test");
    }
}
