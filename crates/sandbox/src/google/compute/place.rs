//! Regions, zones and the project with its quotas.

use serde_json::{Value, json};

use super::super::context::{Ctx, Input};
use super::super::error::GoogleResult;
use super::super::places;
use super::reference::{PREFIX, missing};
use super::{KINDS, filter};
use crate::http::HttpReply;

/// `zones`, `regions`, `projects`.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let project = input.project();
    let answer = match (input.method.resource.as_str(), input.method.verb) {
        ("regions", "get") if places::is_region(input.location()) => {
            region(ctx, project, input.location())
        }
        ("zones", "get") if places::is_zone(input.location()) => zone(project, input.location()),
        ("regions", "get") => {
            return Err(missing(&format!(
                "projects/{project}/regions/{}",
                input.location()
            )));
        }
        ("zones", "get") => {
            return Err(missing(&format!(
                "projects/{project}/zones/{}",
                input.location()
            )));
        }
        ("regions", _) => {
            let all = places::regions()
                .map(|name| region(ctx, project, name))
                .collect();
            listing(input, "region", all)?
        }
        ("zones", _) => {
            let all = places::regions()
                .flat_map(places::zones)
                .map(|name| zone(project, &name))
                .collect();
            listing(input, "zone", all)?
        }
        _ => whole_project(ctx, project),
    };
    Ok(HttpReply::json(200, &answer))
}

fn listing(input: &Input<'_>, word: &str, items: Vec<Value>) -> GoogleResult<Value> {
    let path = format!("projects/{}/{word}s", input.project());
    let items = filter::apply(items, input)?;
    let answer = json!({
        "kind": format!("compute#{word}List"),
        "id": path,
        "items": [],
        "selfLink": format!("{PREFIX}{path}"),
    });
    input.paged(answer, "items", items, filter::size(input)?)
}

/// A number as stable as the name it stands for.
pub(super) fn number(name: &str) -> String {
    let sum = name.bytes().fold(0u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (1000 + sum % 9000).to_string()
}

fn zone(project: &str, name: &str) -> Value {
    let region = places::region_of(name).unwrap_or_default();
    json!({
        "kind": "compute#zone",
        "id": number(name),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": name,
        "status": "UP",
        "region": format!("{PREFIX}projects/{project}/regions/{region}"),
        "selfLink": format!("{PREFIX}projects/{project}/zones/{name}"),
        "availableCpuPlatforms": ["Intel Broadwell", "Intel Ice Lake", "AMD Milan"],
        "supportsPzs": true,
    })
}

/// Metrics of quotas that belong to regions, with the collections that use them.
const REGIONAL: [(&str, f64, &str); 6] = [
    ("CPUS", 72.0, ""),
    ("IN_USE_ADDRESSES", 69.0, ""),
    ("STATIC_ADDRESSES", 21.0, "addresses"),
    ("INSTANCE_GROUPS", 500.0, "instanceGroups"),
    ("NETWORK_ENDPOINT_GROUPS", 100.0, "networkEndpointGroups"),
    ("SSD_TOTAL_GB", 500.0, ""),
];

fn region(ctx: &Ctx<'_>, project: &str, name: &str) -> Value {
    let quotas: Vec<_> = REGIONAL
        .iter()
        .map(|(metric, limit, collection)| {
            let prefix = format!("projects/{project}/regions/{name}/{collection}/");
            let usage = ctx.list(&super::kind::table(collection), &prefix).len();
            json!({ "metric": metric, "limit": limit, "usage": usage as f64 })
        })
        .collect();
    let zones: Vec<_> = places::zones(name)
        .iter()
        .map(|zone| format!("{PREFIX}projects/{project}/zones/{zone}"))
        .collect();
    json!({
        "kind": "compute#region",
        "id": number(name),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": name,
        "status": "UP",
        "zones": zones,
        "quotas": quotas,
        "selfLink": format!("{PREFIX}projects/{project}/regions/{name}"),
        "supportsPzs": true,
    })
}

fn whole_project(ctx: &Ctx<'_>, project: &str) -> Value {
    let mut quotas = Vec::new();
    for kind in KINDS {
        let Some((metric, limit)) = kind.quota else {
            continue;
        };
        // Kinds of a region have it from the global ones.
        if quotas.iter().any(|quota: &Value| quota["metric"] == metric) {
            continue;
        }
        let usage = ctx
            .list(&kind.table(), &format!("projects/{project}/"))
            .len();
        quotas.push(json!({ "metric": metric, "limit": limit as f64, "usage": usage as f64 }));
    }
    json!({
        "kind": "compute#project",
        "id": super::super::context::project_number(project),
        "creationTimestamp": "2024-01-01T00:00:00.000-08:00",
        "name": project,
        "selfLink": format!("{PREFIX}projects/{project}"),
        "quotas": quotas,
        "commonInstanceMetadata": { "kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA=" },
        "defaultServiceAccount": format!("{}-compute@developer.gserviceaccount.com", super::super::context::project_number(project)),
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "defaultNetworkTier": "PREMIUM",
    })
}
