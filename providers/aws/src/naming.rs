//! Names that nobody chose: made from the operation that creates the resource, so that a repeated attempt and recovery
//! mean the same name.

use infra_model::{Operation, PlanRequest, Planned, ProviderError, Record, Value, planning};

/// The given name, or one of its own for the operation: `prefix` or `infra-`, and 16 digits.
#[must_use]
pub(crate) fn chosen(name: Option<&str>, prefix: Option<&str>, operation: &Operation) -> String {
    match name {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{}{}", prefix.unwrap_or("infra-"), operation.id),
    }
}

/// Takes a name that an imported object has for one that was made of the prefix that the configuration says, where it begins so. What a
/// type's plan does first: `names` are the attributes of name and prefix.
pub(crate) fn adopt<R: Record>(
    request: &PlanRequest<'_>,
    planned: &mut Planned,
    names: (&str, &str),
) {
    planning::adopt_prefix(&R::block(), request, planned, names);
}

/// Refuses a `name` or `name_prefix` that is longer than the service takes, or has other characters than letters, digits and these.
pub(crate) fn check(config: &Value, longest: usize, others: &str) -> Vec<ProviderError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    let wrong = |attribute: &&str| {
        let name = config.get(attribute).and_then(Value::as_str);
        name.is_some_and(|n| n.len() > longest || !n.chars().all(legal))
    };
    let message = format!("use at most {longest} letters, digits and `{others}`");
    ["name", "name_prefix"]
        .into_iter()
        .filter(wrong)
        .map(|attribute| ProviderError::invalid(attribute, message.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;

    #[test]
    fn a_name_that_nobody_chose_is_the_operations() {
        let operation = operation("aws_lb.main");
        for (name, prefix, expected) in [
            (Some("web"), None, "web"),
            (None, Some("web-"), "web-0123456789abcdef"),
            (None, None, "infra-0123456789abcdef"),
        ] {
            assert_eq!(chosen(name, prefix, &operation), expected);
        }
    }
}
