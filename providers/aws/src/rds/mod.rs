//! RDS: database instances, their subnets and parameters. One file a type; an instance's calls and view are in files of
//! their own, what all share is in `tagging`.

pub(crate) mod instance;
mod instance_call;
mod instance_look;
mod instance_view;
pub(crate) mod parameter_group;
pub(crate) mod subnet_group;
mod tagging;

use infra_model::{ProviderError, Value};

/// RDS keeps names in lower case: one in capitals would come back as another.
fn check_name(config: &Value, attribute: &str, others: &str) -> Vec<ProviderError> {
    let Some(name) = config.get(attribute).and_then(Value::as_str) else {
        return Vec::new();
    };
    let legal =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || others.contains(c);
    if name.is_empty() || name.chars().all(legal) {
        return Vec::new();
    }
    let others: Vec<String> = others.chars().map(|c| format!(", `{c}`")).collect();
    vec![ProviderError::invalid(
        attribute,
        format!(
            "`{name}` must be of lower-case letters, digits, hyphens{}",
            others.concat()
        ),
    )]
}

/// Every page of a `Describe…`.
macro_rules! list {
    ($client:expr, $context:expr, $call:literal: $($request:tt)*) => {
        $crate::batch::pages_by_marker!($client, $context, rds, $crate::family::RDS, $call: $($request)*, marker)
    };
}
use list;
