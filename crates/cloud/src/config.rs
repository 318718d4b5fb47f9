//! What every cloud's own configuration needs: the environment, endpoints by service, and how the state keeps it.

use infra_model::diagnostic::meant;
use infra_model::provider::Environment;
use infra_model::{ProviderError, Record};
use std::collections::BTreeMap;

/// The first of these variables that is set, unless it is empty.
#[must_use]
pub fn variable(environment: &Environment, names: &[&str]) -> Option<String> {
    let found = names.iter().find_map(|name| environment.variable(name));
    found.filter(|v| !v.is_empty()).map(str::to_owned)
}

/// Checks endpoints by service; `form` says what `is_url` asks for: `an https:// URL`.
///
/// # Errors
/// An unknown service, or an endpoint that is no URL.
pub fn check_endpoints(
    endpoints: &BTreeMap<String, String>,
    services: &[&str],
    is_url: impl Fn(&str) -> bool,
    form: &str,
) -> Result<(), ProviderError> {
    for (service, url) in endpoints {
        if !services.contains(&service.as_str()) {
            let hint = meant(service, services.iter().copied());
            return Err(ProviderError::invalid(
                "endpoints",
                format!("`{service}` is no service with an endpoint{hint}"),
            ));
        }
        if !is_url(url) {
            return Err(ProviderError::invalid(
                "endpoints",
                format!("`{url}` is not {form}"),
            ));
        }
    }
    Ok(())
}

/// A configuration as the state keeps it: what is not set is left out.
#[must_use]
pub fn stated(config: &impl Record) -> serde_json::Value {
    let mut json = infra_model::json::to_json(&config.to_value());
    if let Some(map) = json.as_object_mut() {
        map.retain(|_, v| {
            !v.is_null()
                && v.as_object().is_none_or(|o| !o.is_empty())
                && v.as_array().is_none_or(|a| !a.is_empty())
        });
    }
    json
}
