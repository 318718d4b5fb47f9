//! Trust policies of roles, held against who wants to take one on: principals, actions, conditions, and denials, which go before.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::collections::BTreeMap;

use serde_json::Value;

/// Who asks for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// A user or a role, by all names that policies have for it.
    Aws(Vec<String>),
    /// The subject of an identity provider, by the provider's ARN.
    Federated(String),
}

/// A request to take on a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    /// `sts:AssumeRole`
    pub(crate) action: &'static str,
    pub(crate) principal: Principal,
    /// What conditions are held against, by key.
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

impl Asker {
    /// Whether a policy lets it in: a statement allows it and none denies it.
    pub(crate) fn is_let_in_by(&self, policy: &str) -> bool {
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let statements = each(&policy["Statement"]);
        let any = |effect: &str| {
            statements
                .iter()
                .any(|one| one["Effect"] == effect && self.is_meant_by(one))
        };
        any("Allow") && !any("Deny")
    }

    fn is_meant_by(&self, statement: &Value) -> bool {
        let named = |element: &str, names: &dyn Fn(&Value) -> bool| {
            statement.get(element).is_some_and(names)
        };
        let actions = |value: &Value| {
            each(value).iter().any(|pattern| {
                let pattern = pattern.as_str().unwrap_or_default().to_ascii_lowercase();
                is_like(&pattern, &self.action.to_ascii_lowercase())
            })
        };
        let principals = |value: &Value| self.is_named_by(value);
        let acts = if statement.get("NotAction").is_some() {
            !named("NotAction", &actions)
        } else {
            named("Action", &actions)
        };
        let who = if statement.get("NotPrincipal").is_some() {
            !named("NotPrincipal", &principals)
        } else {
            named("Principal", &principals)
        };
        acts && who && self.meets(&statement["Condition"])
    }

    fn is_named_by(&self, principal: &Value) -> bool {
        if principal == "*" {
            return true;
        }
        match &self.principal {
            Principal::Aws(names) => each(&principal["AWS"])
                .iter()
                .filter_map(|one| one.as_str())
                .any(|one| one == "*" || names.iter().any(|name| one == name)),
            Principal::Federated(provider) => each(&principal["Federated"])
                .iter()
                .any(|one| one.as_str() == Some(provider)),
        }
    }

    fn meets(&self, conditions: &Value) -> bool {
        let operators = conditions.as_object().into_iter().flatten();
        operators
            .flat_map(|(operator, keys)| {
                let keys = keys.as_object().into_iter().flatten();
                keys.map(move |(key, wanted)| (operator, key, wanted))
            })
            .all(|(operator, key, wanted)| self.meets_one(operator, key, wanted))
    }

    fn meets_one(&self, operator: &str, key: &str, wanted: &Value) -> bool {
        let found = self
            .context
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, values)| values.as_slice());
        let (quantifier, operator) = operator.split_once(':').unwrap_or(("", operator));
        let (operator, if_there) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator, false),
        };
        let wanted: Vec<String> = each(wanted)
            .iter()
            .map(|value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            })
            .collect();
        if operator == "Null" {
            return wanted.iter().any(|w| (w == "true") == found.is_none());
        }
        let Some(found) = found else {
            let negated = operator.contains("Not");
            return if_there || negated || quantifier == "ForAllValues";
        };
        let (negated, compare) = comparison(operator);
        let one = |value: &String| {
            let met = wanted.iter().any(|wanted| compare(wanted, value));
            met != negated
        };
        match quantifier {
            "ForAllValues" => found.iter().all(one),
            _ => found.iter().any(one),
        }
    }
}

type Compare = fn(&str, &str) -> bool;

/// Whether an operator turns its comparison around, and that: what is wanted, and what there is. An operator for numbers, dates or
/// addresses is never met: no key that is known here has such.
fn comparison(operator: &str) -> (bool, Compare) {
    let lower: Compare = |wanted, value| wanted.eq_ignore_ascii_case(value);
    let equal: Compare = |wanted, value| wanted == value;
    match operator {
        "StringEquals" => (false, equal),
        "StringNotEquals" => (true, equal),
        "StringEqualsIgnoreCase" | "Bool" => (false, lower),
        "StringNotEqualsIgnoreCase" => (true, lower),
        "StringLike" | "ArnEquals" | "ArnLike" => (false, is_like),
        "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => (true, is_like),
        _ => (false, |_, _| false),
    }
}

/// Whether text is of a pattern in which `*` is any text and `?` any one character.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    if first == '*' {
        let places = text.char_indices().map(|(at, _)| at);
        let mut places = places.chain([text.len()]);
        return places.any(|at| is_like(rest, &text[at..]));
    }
    match text.chars().next() {
        Some(c) => (first == '?' || first == c) && is_like(rest, &text[c.len_utf8()..]),
        None => false,
    }
}

/// What stands in a list, or by itself; nothing of what is not there.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

    fn asks(context: &[(&str, &str)]) -> Asker {
        let context = context
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]));
        Asker {
            action: "sts:AssumeRole",
            principal: Principal::Aws(vec!["123456789012".to_owned(), ROLE.to_owned()]),
            context: context.collect(),
        }
    }

    fn allowed(asker: &Asker, statements: &Value) -> bool {
        asker.is_let_in_by(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
    }

    fn statement(effect: &str, principal: Value, condition: Value) -> Value {
        json!({ "Effect": effect, "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition })
    }

    #[test]
    fn whom_a_policy_names_is_let_in() {
        let asker = asks(&[]);
        for (principal, expected) in [
            (json!("*"), true),
            (json!({ "AWS": "*" }), true),
            (json!({ "AWS": "123456789012" }), true),
            (json!({ "AWS": ["arn:aws:iam::1:root", ROLE] }), true),
            (json!({ "AWS": "arn:aws:iam::1:root" }), false),
            (json!({ "Service": "ec2.amazonaws.com" }), false),
            (json!({ "Federated": ROLE }), false),
        ] {
            let allow = statement("Allow", principal.clone(), json!({}));
            assert_eq!(allowed(&asker, &allow), expected, "{principal}");
            let deny = statement("Deny", json!({ "AWS": ROLE }), json!({}));
            assert!(!allowed(&asker, &json!([allow, deny])), "{principal}");
        }
        let others = json!({ "Effect": "Allow", "Action": "sts:TagSession", "Principal": "*" });
        assert!(!allowed(&asker, &others));
        let most =
            json!({ "Effect": "Allow", "NotAction": "sts:Tag*", "NotPrincipal": { "AWS": "x" } });
        assert!(allowed(&asker, &most));
    }

    #[test]
    fn conditions_are_held_against_what_is_asked() {
        let asker = asks(&[("sts:ExternalId", "shop-1"), ("aws:PrincipalArn", ROLE)]);
        for (condition, expected) in [
            (
                json!({ "StringEquals": { "sts:ExternalId": "shop-1" } }),
                true,
            ),
            (
                json!({ "StringEquals": { "sts:externalid": ["a", "shop-1"] } }),
                true,
            ),
            (
                json!({ "StringEquals": { "sts:ExternalId": "Shop-1" } }),
                false,
            ),
            (
                json!({ "StringEqualsIgnoreCase": { "sts:ExternalId": "Shop-1" } }),
                true,
            ),
            (
                json!({ "StringLike": { "sts:ExternalId": "shop-?" } }),
                true,
            ),
            (json!({ "StringLike": { "sts:ExternalId": "*op*" } }), true),
            (json!({ "StringLike": { "sts:ExternalId": "shop" } }), false),
            (
                json!({ "StringNotEquals": { "sts:ExternalId": "shop-1" } }),
                false,
            ),
            (json!({ "StringNotLike": { "sts:ExternalId": "x*" } }), true),
            (
                json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/ci" } }),
                true,
            ),
            (json!({ "StringEquals": { "aws:SourceIp": "x" } }), false),
            (
                json!({ "StringEqualsIfExists": { "aws:SourceIp": "x" } }),
                true,
            ),
            (json!({ "Null": { "sts:ExternalId": "false" } }), true),
            (json!({ "Null": { "sts:ExternalId": true } }), false),
            (
                json!({ "NumericLessThan": { "sts:ExternalId": "9" } }),
                false,
            ),
            (
                json!({ "StringEquals": { "sts:ExternalId": "shop-1" }, "ArnLike": { "aws:PrincipalArn": "x" } }),
                false,
            ),
        ] {
            let allow = statement("Allow", json!({ "AWS": ROLE }), condition.clone());
            assert_eq!(allowed(&asker, &allow), expected, "{condition}");
        }
    }
}
