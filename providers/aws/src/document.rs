//! Documents in JSON, such as policies: checked before they are sent, and kept as they were said where the cloud only orders
//! and spaces them otherwise.

use infra_model::schema::Compare;
use infra_model::{ProviderError, Value, planning};

/// Checks that a document is JSON.
pub(crate) fn check(config: &Value, attribute: &str) -> Vec<ProviderError> {
    let text = config.get(attribute).and_then(Value::as_str);
    let Some(Err(error)) = text.map(serde_json::from_str::<serde_json::Value>) else {
        return Vec::new();
    };
    vec![ProviderError::invalid(
        attribute,
        format!("the policy is not JSON: {error}"),
    )]
}

/// What was found, in the words of what was said where both mean the same.
pub(crate) fn as_said(found: String, said: Option<&str>) -> String {
    match said {
        Some(said) if planning::same(Compare::Json, &Value::from(said), &Value::from(&*found)) => {
            said.to_owned()
        }
        _ => found,
    }
}
