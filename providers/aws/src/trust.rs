//! Trust policies of roles. Services refuse a role that does not let them in with the words for one that they do not know yet; the
//! policy tells the two apart.

use infra_model::{Path, ProviderError};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

/// A role that a service must be able to take on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// Its ARN.
    pub(crate) role: &'a str,
    /// `eks.amazonaws.com`
    pub(crate) service: &'static str,
    /// The attribute that names the role.
    pub(crate) attribute: &'static str,
}

impl Trust<'_> {
    /// Whether a trust policy, as IAM answers with it, does not let the service in for sure: it names others and not this one. What
    /// cannot be read, or is said by exceptions, is not judged.
    pub(crate) fn is_missing_in(&self, policy: &str) -> bool {
        let text = percent_decode_str(policy).decode_utf8_lossy();
        let Ok(policy) = serde_json::from_str::<Json>(&text) else {
            return false;
        };
        let Some(statements) = policy.get("Statement") else {
            return false;
        };
        let mut allowing = each(statements).filter(|one| one["Effect"] == "Allow");
        !allowing.any(|one| self.may_be_let_in_by(one))
    }

    fn may_be_let_in_by(&self, statement: &Json) -> bool {
        // `"*"` is everybody; `NotPrincipal` is everybody else.
        let Some(Json::Object(principal)) = statement.get("Principal") else {
            return true;
        };
        let services = principal.get("Service");
        let mut services = services.into_iter().flat_map(each).filter_map(Json::as_str);
        services.any(|named| {
            // In China some services have the partition's domain in their names as well.
            named == "*" || named.trim_end_matches(".cn") == self.service
        })
    }

    /// A refusal of a role that does not let the service in: what to write, and where.
    pub(crate) fn refused(&self, error: ProviderError) -> ProviderError {
        let name = self.role.rsplit('/').next().unwrap_or(self.role);
        let said = error.message.trim_end().trim_end_matches('.');
        let message = format!(
            "the trust policy of the role {name} does not let {service} take it on: allow it `sts:AssumeRole` in the role's \
             `assume_role_policy`, with `Principal = {{ Service = \"{service}\" }}`. It was refused with: {said}",
            service = self.service
        );
        ProviderError {
            message,
            attribute: Some(Path::attribute(self.attribute)),
            ..error
        }
    }
}

/// What stands in a list, or by itself.
fn each(value: &Json) -> std::slice::Iter<'_, Json> {
    match value {
        Json::Array(items) => items.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn missing(statement: &Json) -> bool {
        let trust = Trust {
            role: "arn:aws:iam::123456789012:role/main",
            service: "eks.amazonaws.com",
            attribute: "role_arn",
        };
        let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let encoded =
            percent_encoding::utf8_percent_encode(&policy, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(
            trust.is_missing_in(&policy),
            trust.is_missing_in(&encoded.to_string())
        );
        trust.is_missing_in(&policy)
    }

    #[test]
    fn a_policy_that_names_others_is_told_from_one_that_may_let_it_in() {
        let allow = |principal: Json| json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal });
        for principal in [
            json!({ "Service": "eks.amazonaws.com" }),
            json!({ "Service": ["ec2.amazonaws.com", "eks.amazonaws.com"] }),
            json!({ "Service": "eks.amazonaws.com.cn" }),
            json!({ "Service": "*" }),
            json!("*"),
        ] {
            assert!(!missing(&allow(principal.clone())), "{principal}");
            assert!(!missing(&json!([
                allow(json!({ "Service": "x.amazonaws.com" })),
                allow(principal)
            ])));
        }
        for principal in [
            json!({ "Service": "ec2.amazonaws.com" }),
            json!({ "Service": "eks" }),
            json!({ "AWS": "arn:aws:iam::123456789012:root" }),
            json!({ "Federated": "arn:aws:iam::123456789012:oidc-provider/x" }),
        ] {
            assert!(missing(&allow(principal.clone())), "{principal}");
        }
        assert!(missing(
            &json!({ "Effect": "Deny", "Action": "*", "Principal": { "Service": "eks.amazonaws.com" } })
        ));
        assert!(missing(&json!([])));
        // What is said by exceptions, or is no policy, is not judged.
        assert!(!missing(
            &json!({ "Effect": "Allow", "Action": "*", "NotPrincipal": { "Service": "x" } })
        ));
        for text in ["", "no policy", "{}"] {
            let trust = Trust {
                role: "r",
                service: "eks.amazonaws.com",
                attribute: "role_arn",
            };
            assert!(!trust.is_missing_in(text), "{text}");
        }
    }
}
