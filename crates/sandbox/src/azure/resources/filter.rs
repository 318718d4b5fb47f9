//! The `$filter` of listings: terms joined by `and`.

use serde_json::Value;

use crate::azure::context::text;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;

/// A term of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    /// `name eq 'value'`.
    Is(String, String),
    /// `substringof('value', name)`.
    Has(String, String),
}

/// A filter, read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Filter(Vec<Term>);

fn bad(filter: &str) -> ArmError {
    ArmError::bad(
        "InvalidFilterInQueryString",
        format!("Invalid $filter '{filter}' specified in the query string."),
    )
}

/// Reads a filter; none takes everything.
pub(crate) fn read(filter: Option<&str>) -> ArmResult<Filter> {
    const NAMES: [&str; 8] = [
        "resourceType",
        "resourceGroup",
        "name",
        "location",
        "tagName",
        "tagValue",
        "plan/publisher",
        "identity/principalId",
    ];
    let Some(filter) = filter else {
        return Ok(Filter::default());
    };
    let known = |name: &str| {
        let found = NAMES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name.trim()));
        found
            .map(|name| (*name).to_owned())
            .ok_or_else(|| bad(filter))
    };
    let quoted = |text: &str| {
        let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'"))
    };
    let mut terms = Vec::new();
    for term in filter.split(" and ") {
        let term = term.trim();
        if let Some(inner) = term
            .strip_prefix("substringof(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            let (value, name) = inner.split_once(',').ok_or_else(|| bad(filter))?;
            let value = quoted(value).ok_or_else(|| bad(filter))?;
            terms.push(Term::Has(known(name)?, value));
        } else {
            let (name, value) = term.split_once(" eq ").ok_or_else(|| bad(filter))?;
            let value = quoted(value).ok_or_else(|| bad(filter))?;
            terms.push(Term::Is(known(name)?, value));
        }
    }
    Ok(Filter(terms))
}

impl Filter {
    /// Whether it takes a resource.
    pub(crate) fn takes(&self, doc: &Value) -> bool {
        let id = Id::new(text(doc, "/id"));
        let tag = |wanted: &str| {
            let tags = doc["tags"].as_object()?;
            tags.iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_str().unwrap_or_default().to_owned())
        };
        let wanted_tag = self.0.iter().find_map(|term| match term {
            Term::Is(name, value) if name == "tagName" => Some(value.as_str()),
            _ => None,
        });
        self.0.iter().all(|term| match term {
            Term::Is(name, value) => match name.as_str() {
                "resourceType" => text(doc, "/type").eq_ignore_ascii_case(value),
                "resourceGroup" => id.group().eq_ignore_ascii_case(value),
                "name" => text(doc, "/name").eq_ignore_ascii_case(value),
                "location" => text(doc, "/location").eq_ignore_ascii_case(value),
                "tagName" => tag(value).is_some(),
                "tagValue" => wanted_tag
                    .and_then(tag)
                    .is_some_and(|found| found == *value),
                "identity/principalId" => text(doc, "/identity/principalId") == value,
                _ => false,
            },
            Term::Has(name, value) => {
                let value = value.to_lowercase();
                let found = match name.as_str() {
                    "resourceType" => text(doc, "/type"),
                    "resourceGroup" => id.group(),
                    "location" => text(doc, "/location"),
                    _ => text(doc, "/name"),
                };
                found.to_lowercase().contains(&value)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_take_what_they_say() {
        let doc = json!({
            "id": "/subscriptions/s/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/v", "name": "v",
            "type": "Microsoft.Network/virtualNetworks", "location": "westeurope", "tags": { "infra:stack": "a" },
        });
        let cases = [
            ("resourceType eq 'microsoft.network/virtualnetworks'", true),
            ("tagName eq 'infra:stack' and tagValue eq 'a'", true),
            ("tagName eq 'infra:stack' and tagValue eq 'b'", false),
            ("substringof('V', name)", true),
            ("resourceGroup eq 'g' and name eq 'w'", false),
        ];
        for (filter, expected) in cases {
            let filter = read(Some(filter)).expect("a filter");
            assert_eq!(filter.takes(&doc), expected, "{filter:?}");
        }
        assert!(read(Some("colour eq 'red'")).is_err());
        assert!(read(Some("name ne 'red'")).is_err());
    }
}
