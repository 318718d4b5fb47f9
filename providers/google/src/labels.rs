//! Labels: a resource's own, the stack's default ones, and the `infra-` marks that say whose a resource is. The marks show
//! neither in `labels` nor as drift. Google's labels are lowercase letters, digits, `_` and `-`, up to 63 (Google Cloud,
//! "Requirements for labels").

pub(crate) use infra_cloud::defaults::Texts as Labels;
use infra_cloud::defaults::{self, Names};
use infra_model::Operation;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

/// How Google calls them.
pub(crate) const NAMES: Names = Names {
    own: &["labels", "resource_labels"],
    all: "effective_labels",
    provider: "labels",
};

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
        .filter(|(k, _)| is_mark(k))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    all.extend(defaults::merged(defaults, own));
    let marks = defaults::marks(operation);
    all.extend(marks.map(|(name, text)| (format!("{PREFIX}{name}"), encode(&text))));
    all.insert(
        format!("{PREFIX}address"),
        encode(&operation.address.to_string()),
    );
    all
}

/// Whether a label is a mark or Google's own.
fn is_mark(key: &str) -> bool {
    key.starts_with(PREFIX) || key.starts_with(GOOGLES)
}

/// A resource's own labels among all, and all without marks.
pub(crate) fn split(found: Labels, defaults: &Labels, prior: Option<&Labels>) -> (Labels, Labels) {
    defaults::split(found, defaults, prior, is_mark)
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
