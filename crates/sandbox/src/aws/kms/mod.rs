//! KMS as infrastructure uses it: keys with policies, rotation and deletion, and aliases. It encrypts nothing.

mod alias;
pub(crate) mod key;
pub(crate) mod key_settings;

pub(super) use self::key::tagged;

use serde_json::{Map, Value};

use super::error::{AwsError, AwsResult};
use super::json::{JsonService, require, text, validation};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "TrentService",
    operations: &[key::OPERATIONS, key_settings::OPERATIONS, alias::OPERATIONS],
};

/// Cuts a page by `Limit` and `Marker`; the members of an answer.
fn paged<T>(
    body: &Value,
    name: &str,
    default: usize,
    most: usize,
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    each: impl FnMut(&T) -> Value,
) -> AwsResult<Value> {
    let limit = match body.get("Limit").map(Value::as_u64) {
        None => default,
        Some(Some(limit)) if (1..=most as u64).contains(&limit) => limit as usize,
        Some(_) => return Err(validation(format!("Limit must be between 1 and {most}"))),
    };
    let bad = || AwsError::new("InvalidMarkerException", "Could not deserialize marker");
    let page = super::context::page(items, key, text(body, "Marker")?, Some(limit), bad)?;
    let mut answer = Map::new();
    answer.insert(name.to_owned(), page.items.iter().map(each).collect());
    answer.insert("Truncated".to_owned(), page.next.is_some().into());
    if let Some(next) = page.next {
        answer.insert("NextMarker".to_owned(), next.into());
    }
    Ok(Value::Object(answer))
}
