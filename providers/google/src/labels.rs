//! Labels: a resource's own, the stack's default ones, and the `infra-` marks that say whose a resource is. The marks show
//! neither in `labels` nor as drift. Google's labels are lowercase letters, digits, `_` and `-`, up to 63 (Google Cloud,
//! "Requirements for labels").

use infra_cloud::defaults::Names;
pub(crate) use infra_cloud::defaults::Texts as Labels;
use infra_cloud::marks::Marks;
pub(crate) use infra_cloud::marks::{json, of};
use sha2::{Digest, Sha256};

/// How Google calls them.
pub(crate) const NAMES: Names = Names {
    own: &["labels", "resource_labels"],
    all: "effective_labels",
    provider: "labels",
};

/// How Google's labels carry the marks; Google itself adds `goog-…`.
pub(crate) const MARKS: Marks = Marks {
    prefix: "infra-",
    operation: "infra-operation",
    clouds: &["goog-"],
    encode,
};

/// The longest value.
const LONGEST: usize = 63;

/// Text as a label's value: what a label cannot hold becomes `-`, and what was changed or is too long ends in a hash of the
/// whole, so that no two are alike.
fn encode(text: &str) -> String {
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
        let written = MARKS.for_create(&defaults, &own, &operation);
        assert_eq!(written["infra-stack"], "demo");
        assert_eq!(written[MARKS.operation], operation.id.to_string());
        let (shown, all) = MARKS.split(written.clone(), &defaults, Some(&own));
        assert_eq!(shown, own);
        assert_eq!(all, labels(&[("env", "prod"), ("team", "shop")]));
        let updated = MARKS.for_update(&defaults, &Labels::new(), &operation, &written);
        assert_eq!(
            updated[MARKS.operation],
            operation.id.to_string(),
            "the creating operation stays"
        );
        assert_eq!(updated["env"], "test");
    }
}
