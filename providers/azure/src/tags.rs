//! Tags: a resource's own, the stack's default ones, and the `infra:` marks that say whose a resource is. The marks show
//! neither in `tags` nor as drift. Names may hold anything but `<>%&\?/`, values have up to 256 characters, and a resource up
//! to 50 tags (Azure, "Use tags to organize your Azure resources").

pub(crate) use infra_cloud::defaults::Texts as Tags;
use infra_cloud::defaults::{self, Names};
use infra_model::Operation;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

/// How Azure calls them.
pub(crate) const NAMES: Names = Names {
    own: &["tags"],
    all: "tags_all",
    provider: "tags",
};

/// The creating operation: written once, in the creating call.
pub(crate) const OPERATION: &str = "infra:operation";

const PREFIX: &str = "infra:";

/// What services themselves add.
const AZURES: [&str; 3] = ["hidden-", "aks-managed", "ms-resource-usage"];

/// The longest value.
const LONGEST: usize = 256;

/// What a new resource is tagged with: its tags, the defaults and the marks.
pub(crate) fn for_create(defaults: &Tags, own: &Tags, operation: &Operation) -> Tags {
    let mut all = for_update(defaults, own, operation, &Tags::new());
    all.insert(OPERATION.to_owned(), operation.id.to_string());
    all
}

/// What a resource is tagged with from now on: tags are written whole, so that what is there of marks and of Azure's own goes
/// along.
pub(crate) fn for_update(defaults: &Tags, own: &Tags, operation: &Operation, there: &Tags) -> Tags {
    let mut all: Tags = there
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

fn is_mark(key: &str) -> bool {
    key.starts_with(PREFIX) || AZURES.iter().any(|a| key.starts_with(a))
}

/// A resource's own tags among all, and all without marks.
pub(crate) fn split(found: Tags, defaults: &Tags, prior: Option<&Tags>) -> (Tags, Tags) {
    defaults::split(found, defaults, prior, is_mark)
}

/// The tags of a body.
pub(crate) fn of(found: &Json) -> Tags {
    at(found, "tags")
}

/// The tags of a body, where its field for them is.
pub(crate) fn at(found: &Json, field: &str) -> Tags {
    let entries = crate::wire::get(found, field).and_then(Json::as_object);
    entries
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// Tags as JSON.
pub(crate) fn json(tags: &Tags) -> Json {
    let entries = tags
        .iter()
        .map(|(k, v)| (k.clone(), Json::String(v.clone())));
    Json::Object(entries.collect::<Map<_, _>>())
}

/// Text as a mark's value, in `[A-Za-z0-9_.:/+@-]`: other characters, which some services refuse, become `=` and their
/// hexadecimal digits; what is too long ends in a hash of the whole.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.:/+@-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("={byte:02X}"));
        }
    }
    if out.len() <= LONGEST {
        return out;
    }
    let digest = hex::encode(&Sha256::digest(out.as_bytes())[..8]);
    format!("{}..{digest}", &out[..LONGEST - 18])
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn values_fit_and_differ() {
        assert_eq!(
            encode("azurerm_virtual_network.main"),
            "azurerm_virtual_network.main"
        );
        let keys = [r#"azurerm_x.a["b.c"]"#, r#"azurerm_x.a["b-c"]"#].map(encode);
        assert_ne!(keys[0], keys[1]);
        for text in [r#"module.q["Eu"].azurerm_x.a[0]"#, &"x<".repeat(300)] {
            let value = encode(text);
            assert!(value.len() <= LONGEST, "{value}");
            assert!(
                !value.contains(['<', '>', '%', '&', '\\', '?', '"', '[']),
                "{value}"
            );
        }
    }

    #[test]
    fn marks_are_written_and_never_shown() {
        let operation = operation("azurerm_virtual_network.main");
        let defaults = tags(&[("team", "shop"), ("env", "test")]);
        let own = tags(&[("env", "prod")]);
        let written = for_create(&defaults, &own, &operation);
        assert_eq!(written["infra:stack"], "demo");
        assert_eq!(written[OPERATION], operation.id.to_string());
        let (shown, all) = split(written.clone(), &defaults, Some(&own));
        assert_eq!(shown, own);
        assert_eq!(all, tags(&[("env", "prod"), ("team", "shop")]));
        let updated = for_update(&defaults, &Tags::new(), &operation, &written);
        assert_eq!(
            updated[OPERATION],
            operation.id.to_string(),
            "the creating operation stays"
        );
        assert_eq!(updated["env"], "test");
    }
}
