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

/// What a stack does not say, or says empty, is what the first of these variables says.
pub fn fill(own: &mut Option<String>, environment: &Environment, names: &[&str]) {
    let said = own.take().filter(|v| !v.is_empty());
    *own = said.or_else(|| variable(environment, names));
}

/// Whether a URL is plain HTTP to this machine: a sandbox or an emulator, which gets no credentials.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    url.strip_prefix("http://").is_some_and(|rest| {
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
            rest.strip_prefix(host)
                .is_some_and(|r| r.is_empty() || r.starts_with([':', '/']))
        })
    })
}

/// What an endpoint with credentials is not, when it is neither safe on its way nor of this machine.
#[must_use]
pub fn not_secure(url: &str) -> Option<&'static str> {
    let right = url.starts_with("https://") || is_loopback(url);
    (!right).then_some("an https:// URL, nor http:// on this machine")
}

/// Checks endpoints by service; `is_not` says of a service's endpoint what it should be and is not: `an https:// URL`.
///
/// # Errors
/// An unknown service, or an endpoint of another form.
pub fn check_endpoints(
    endpoints: &BTreeMap<String, String>,
    services: &[&str],
    is_not: impl Fn(&str, &str) -> Option<&'static str>,
) -> Result<(), ProviderError> {
    for (service, url) in endpoints {
        if !services.contains(&service.as_str()) {
            let hint = meant(service, services.iter().copied());
            return Err(ProviderError::invalid(
                "endpoints",
                format!("`{service}` is no service with an endpoint{hint}"),
            ));
        }
        if let Some(form) = is_not(service, url) {
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
