//! Names that nobody chose: made from the operation that creates the resource, so that a repeated attempt and recovery
//! mean the same name.

use infra_model::Operation;

/// The given name, or one of its own for the operation: `prefix` or `infra-`, and 16 digits.
#[must_use]
pub(crate) fn chosen(name: Option<&str>, prefix: Option<&str>, operation: &Operation) -> String {
    match name {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{}{}", prefix.unwrap_or("infra-"), operation.id),
    }
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
