//! Tags: a resource's own, the stack's default ones, and the `infra:` marks that say whose a resource is. The marks show
//! neither in `tags` nor as drift. Names may hold anything but `<>%&\?/`, values have up to 256 characters, and a resource up
//! to 50 tags (Azure, "Use tags to organize your Azure resources").

use infra_cloud::defaults::Names;
pub(crate) use infra_cloud::defaults::Texts as Tags;
pub(crate) use infra_cloud::marks::json;
use infra_cloud::marks::{self, Marks, escaped, shortened};
use serde_json::Value as Json;

/// How Azure calls them.
pub(crate) const NAMES: Names = Names {
    own: &["tags"],
    all: "tags_all",
    provider: "tags",
};

/// How tags carry the marks, beside those that services themselves add.
pub(crate) const MARKS: Marks = Marks {
    prefix: "infra:",
    operation: "infra:operation",
    clouds: &["hidden-", "aks-managed", "ms-resource-usage"],
    encode,
};

/// The longest value.
const LONGEST: usize = 256;

/// The tags of a body.
pub(crate) fn of(found: &Json) -> Tags {
    at(found, "tags")
}

/// The tags of a body, where its field for them is.
pub(crate) fn at(found: &Json, field: &str) -> Tags {
    marks::of(crate::wire::get(found, field))
}

/// Text as a mark's value, in `[A-Za-z0-9_.:/+@-]`: other characters, which some services refuse, become `=` and their
/// hexadecimal digits; what is too long ends in a hash of the whole.
fn encode(text: &str) -> String {
    shortened(escaped(text, "_.:/+@-"), LONGEST)
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
        let written = MARKS.for_create(&defaults, &own, &operation);
        assert_eq!(written["infra:stack"], "demo");
        assert_eq!(written[MARKS.operation], operation.id.to_string());
        let (shown, all) = MARKS.split(written.clone(), &defaults, Some(&own));
        assert_eq!(shown, own);
        assert_eq!(all, tags(&[("env", "prod"), ("team", "shop")]));
        let updated = MARKS.for_update(&defaults, &Tags::new(), &operation, &written);
        assert_eq!(
            updated[MARKS.operation],
            operation.id.to_string(),
            "the creating operation stays"
        );
        assert_eq!(updated["env"], "test");
    }
}
