//! The other regions of a registry: resources of their own below it, which its own block declares.

use super::VERSION;
use crate::client::{Client, Method, Request};
use crate::managed::{place, text};
use crate::operation;
use infra_cloud::absence::there;
use infra_cloud::wait::MINUTES;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const OF: &str = "Microsoft.ContainerRegistry/registries/replications";

/// Another region that has all of a registry's images.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct Georeplication {
    /// The region.
    #[record(required, compare = blanks)]
    pub(crate) location: String,
    /// Whether images are asked of it; otherwise it is only kept like the others.
    #[record(optional, default = false)]
    pub(crate) regional_endpoint_enabled: bool,
    /// Whether it spans the zones of its region.
    #[record(optional, default = false)]
    pub(crate) zone_redundancy_enabled: bool,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// What cannot be, as far as it is known.
pub(super) fn wrong(config: &Value) -> Option<ProviderError> {
    let home = place(&text(config, "location")?);
    let all = config.get("georeplications").and_then(Value::elements)?;
    let mut regions: Vec<String> = Vec::new();
    for one in all {
        let Some(region) = text(one, "location").map(|said| place(&said)) else {
            continue;
        };
        let message = if region == home {
            format!("the registry is in `{region}` itself: name other regions alone")
        } else if regions.contains(&region) {
            format!("`{region}` is named twice")
        } else {
            regions.push(region);
            continue;
        };
        return Some(ProviderError::invalid("georeplications", message));
    }
    None
}

fn path(id: &str, location: &str) -> String {
    // They are called as their regions are.
    format!("{id}/replications/{}", place(location))
}

/// All replications of a registry, its own region among them.
pub(super) async fn list(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Vec<Json>, ProviderError> {
    let request = Request::get(OF, VERSION, format!("{id}/replications"));
    Ok(there(client.list(context, request).await)?.unwrap_or_default())
}

/// Makes those that shall be, and takes those away that shall not. Whether one spans zones is settled when it is made.
pub(super) async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    prior: &[Georeplication],
    desired: &[Georeplication],
) -> Result<(), ProviderError> {
    let same = |a: &Georeplication, b: &Georeplication| {
        place(&a.location) == place(&b.location)
            && a.zone_redundancy_enabled == b.zone_redundancy_enabled
    };
    for gone in prior.iter().filter(|p| !desired.iter().any(|d| same(p, d))) {
        let request = Request::new(Method::Delete, OF, VERSION, path(id, &gone.location));
        let deleted = operation::run(client, context, operation, MINUTES, request).await;
        infra_cloud::absence::absent_is_done(deleted.map(|_| ()))?;
    }
    for one in desired.iter().filter(|one| !prior.contains(one)) {
        let mut body = json!({
            "location": place(&one.location),
            "properties": {
                "regionEndpointEnabled": one.regional_endpoint_enabled,
                "zoneRedundancy": if one.zone_redundancy_enabled { "Enabled" } else { "Disabled" },
            },
        });
        if !one.tags.is_empty() {
            body["tags"] = json!(one.tags);
        }
        let request = Request::new(Method::Put, OF, VERSION, path(id, &one.location)).body(body);
        operation::run(client, context, operation, MINUTES, request).await?;
    }
    Ok(())
}

/// Those that were found, as they were said; the registry's own region is none of them.
pub(super) fn found(registry: &Json, said: &[Georeplication]) -> Vec<Georeplication> {
    let home = place(registry["location"].as_str().unwrap_or_default());
    let all = registry["replications"].as_array().into_iter().flatten();
    let one = |found: &Json| {
        let region = place(found["location"].as_str()?);
        if region == home {
            return None;
        }
        let as_said = said.iter().find(|s| place(&s.location) == region);
        let properties = &found["properties"];
        Some(Georeplication {
            location: as_said.map_or(region, |s| s.location.clone()),
            regional_endpoint_enabled: properties["regionEndpointEnabled"] != false,
            zone_redundancy_enabled: properties["zoneRedundancy"] == "Enabled",
            tags: crate::tags::of(found),
        })
    };
    all.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_regions_are_told_as_they_were_said() {
        let registry = json!({ "location": "westeurope", "replications": [
            { "location": "westeurope", "properties": { "zoneRedundancy": "Disabled" } },
            { "location": "northeurope", "properties": { "regionEndpointEnabled": true, "zoneRedundancy": "Enabled" }, "tags": { "a": "b" } },
        ] });
        let said = [Georeplication {
            location: "North Europe".to_owned(),
            ..Georeplication::default()
        }];
        let told = found(&registry, &said);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].location, "North Europe");
        assert!(told[0].regional_endpoint_enabled && told[0].zone_redundancy_enabled);
        assert_eq!(told[0].tags.get("a").map(String::as_str), Some("b"));
        assert_eq!(found(&registry, &[])[0].location, "northeurope");
    }
}
