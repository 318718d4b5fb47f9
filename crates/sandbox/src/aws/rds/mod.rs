//! RDS: database instances with what they need. One file per type; what they share on the wire is here.

mod account;
mod engine;
pub(crate) mod instance;
mod instance_change;
mod instance_settings;
mod instance_view;
mod parameter_group;
mod parameters;
mod snapshot;
pub(crate) mod subnet_group;
mod tagging;

pub(super) use self::tagging::tagged;

use super::context::Page;
use super::error::{AwsError, AwsResult};
use super::query::{Params, QueryService, Style};

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "http://rds.amazonaws.com/doc/2014-10-31/",
    operations: &[
        instance::OPERATIONS,
        instance_change::OPERATIONS,
        subnet_group::OPERATIONS,
        parameter_group::OPERATIONS,
        snapshot::OPERATIONS,
        engine::OPERATIONS,
        account::OPERATIONS,
        tagging::OPERATIONS,
    ],
};

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValue", message)
}

fn combination(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterCombination", message)
}

/// `MaxRecords` and `Marker` of a list.
fn pages<T>(items: Vec<T>, key: impl Fn(&T) -> &str, params: &Params) -> AwsResult<Page<T>> {
    let limit = match params.int("MaxRecords")? {
        None => 100,
        Some(limit @ 20..=100) => limit as usize,
        Some(limit) => {
            let message =
                format!("Invalid value {limit} for MaxRecords. Must be between 20 and 100");
            return Err(invalid(message));
        }
    };
    let token = params.str("Marker").filter(|token| !token.is_empty());
    let bad = || invalid("Invalid value for Marker");
    super::context::page(items, key, token, Some(limit), bad)
}

/// Filters with their values.
fn filters(params: &Params) -> AwsResult<Vec<(&str, Vec<&str>)>> {
    let mut filters = Vec::new();
    for filter in params.items("Filters") {
        filters.push((filter.require("Name")?, filter.strings("Values")));
    }
    Ok(filters)
}

/// Checks an identifier: letters, digits and hyphens, a letter first; kept in lower case.
fn identifier(params: &Params, name: &str) -> AwsResult<String> {
    let text = params.require(name)?;
    let fits = (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !text.ends_with('-')
        && !text.contains("--");
    if fits {
        return Ok(text.to_ascii_lowercase());
    }
    Err(invalid(format!(
        "The parameter {name} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
    )))
}
