//! IAM: roles, policies and identity providers. One file a type; IAM is global, so that ARNs have no region.

mod account;
pub(crate) mod openid_connect_provider;
pub(crate) mod policy;
pub(crate) mod role;
pub(crate) mod role_policy;
pub(crate) mod role_policy_attachment;
mod tagging;

use crate::client::Client;
use crate::document;
use infra_model::{ProviderError, Value};
use percent_encoding::percent_decode_str;

/// `arn:aws:iam::123456789012:policy/reader` of `policy/reader`.
fn arn(client: &Client, resource: &str) -> String {
    let (partition, account) = (client.partition(), client.account());
    format!("arn:{partition}:iam::{account}:{resource}")
}

/// A document as IAM gives it back: percent-encoded, and perhaps in another order than it was said in.
fn document(found: &str, said: Option<&str>) -> String {
    document::as_said(
        percent_decode_str(found).decode_utf8_lossy().into_owned(),
        said,
    )
}

/// A document that names a principal which is not known everywhere yet.
fn unheard_principal(error: &ProviderError) -> bool {
    error.code.starts_with("MalformedPolicyDocument")
        && error.message.to_lowercase().contains("principal")
}

/// Checks a name: letters, digits and `_+=,.@-`.
fn check_name(config: &Value, longest: usize) -> Vec<ProviderError> {
    let Some(name) = config.get("name").and_then(Value::as_str) else {
        return Vec::new();
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.len() <= longest && name.chars().all(legal) {
        return Vec::new();
    }
    vec![ProviderError::invalid(
        "name",
        format!("`{name}` must be at most {longest} letters, digits and `_+=,.@-`"),
    )]
}

/// Every page of a `List…`.
macro_rules! list {
    ($client:expr, $context:expr, $call:literal: $method:ident $(. $set:ident($value:expr))* => $answer:ident: $items:expr) => {{
        let (client, context) = ($client, $context);
        $crate::batch::all_pages(move |marker| {
            let request = client
                .iam()
                .$method()
                $(.$set($value))*
                .set_marker(marker);
            async move {
                let $answer = client
                    .call(context, $crate::family::IAM, $call, || request.clone().send())
                    .await?;
                let next = $answer.marker.clone().filter(|_| $answer.is_truncated);
                Ok::<_, infra_model::ProviderError>($crate::batch::Page { items: $items, next })
            }
        })
    }};
}
use list;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_means_the_same_stays_as_it_was_said() {
        let said = r#"{ "Action": ["s3:GetObject"] }"#;
        let found = "%7B%22Action%22%3A%22s3%3AGetObject%22%7D";
        assert_eq!(document(found, Some(said)), said);
        assert_eq!(document(found, None), r#"{"Action":"s3:GetObject"}"#);
        assert_eq!(document(found, Some("{}")), r#"{"Action":"s3:GetObject"}"#);
    }
}
