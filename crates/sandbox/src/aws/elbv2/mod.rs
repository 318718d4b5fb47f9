//! Elastic Load Balancing (v2): one file per type; what they share on the wire is here.

mod account;
mod action;
mod attributes;
pub(crate) mod listener;
mod listener_settings;
pub(crate) mod load_balancer;
mod load_balancer_settings;
pub(crate) mod owned;
pub(crate) mod registration;
mod rule;
mod ssl_policy;
mod tagging;
pub(crate) mod target_group;

pub(super) use self::tagging::tagged;

use serde_json::Value;

use super::context::Page;
use super::error::{AwsError, AwsResult};
use super::query::{Params, QueryService, Style};
use super::xml::Xml;

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    operations: &[
        load_balancer::OPERATIONS,
        load_balancer_settings::OPERATIONS,
        target_group::OPERATIONS,
        registration::OPERATIONS,
        listener::OPERATIONS,
        listener_settings::OPERATIONS,
        rule::OPERATIONS,
        ssl_policy::OPERATIONS,
        account::OPERATIONS,
        tagging::OPERATIONS,
    ],
};

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

fn configuration(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidConfigurationRequest", message)
}

/// A parameter that must be there.
fn require<'a>(params: &'a Params, name: &str) -> AwsResult<&'a str> {
    params
        .str(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| validation(format!("A parameter must be specified: {name}")))
}

/// `PageSize` and `Marker` of a list.
fn pages<T>(items: Vec<T>, key: impl Fn(&T) -> &str, params: &Params) -> AwsResult<Page<T>> {
    let limit = match params.int("PageSize")? {
        None => 400,
        Some(limit @ 1..=400) => limit as usize,
        Some(_) => return Err(validation("PageSize must be between 1 and 400")),
    };
    let token = params.str("Marker").filter(|token| !token.is_empty());
    super::context::page(items, key, token, Some(limit), || {
        validation("The marker is not valid")
    })
}

/// Checks the name of a load balancer or target group.
fn check_name(what: &str, name: &str) -> AwsResult<()> {
    if name.is_empty() || name.chars().count() > 32 {
        return Err(validation(format!(
            "The {what} name '{name}' cannot be longer than '32' characters"
        )));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(validation(format!(
            "The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(validation(format!(
            "The {what} name '{name}' cannot begin or end with a hyphen(-)"
        )));
    }
    Ok(())
}

/// Writes a structure as it was sent: names are the same in requests and answers.
fn write_value(xml: &mut Xml, name: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            xml.node(name, |xml| {
                for (name, value) in members {
                    write_value(xml, name, value);
                }
            });
        }
        Value::Array(items) => {
            xml.node(name, |xml| {
                for item in items {
                    write_value(xml, "member", item);
                }
            });
        }
        Value::String(text) => {
            xml.text(name, text);
        }
        Value::Null => {}
        other => {
            xml.text(name, other);
        }
    }
}
