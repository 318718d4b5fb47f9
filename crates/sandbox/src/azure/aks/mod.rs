//! Microsoft.ContainerService: managed clusters with their agent pools, and what they make for themselves in a resource group
//! of their own. A cluster is the item at its id; its `hidden` has `uid`, a GUID of its own.

mod cluster;
mod credential;
mod kubernetes;
mod managed;
mod network;
mod pool;
mod version;

use serde_json::{Value, json};

use super::context::{Ctx, Input, set, text};
use super::error::{ArmError, ArmResult};
use super::item::Item;
use super::kind::Kind;
use super::{engine, found, lro};
use crate::http::HttpReply;
use crate::latency::Work;

pub(crate) use self::kubernetes::Clusters;

pub(crate) const KINDS: &[Kind] = &[
    cluster::KIND,
    pool::KIND,
    Kind::plain(
        "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
        "",
    ),
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let name = input.operation.name;
    match name {
        "ManagedClusters_ListKubernetesVersions" => return found(&version::list()),
        "ManagedClusters_ListClusterAdminCredentials"
        | "ManagedClusters_ListClusterUserCredentials"
        | "ManagedClusters_ListClusterMonitoringUserCredentials"
        | "ManagedClusters_GetAccessProfile" => return credential::run(ctx, input).map(Some),
        "ManagedClusters_Start"
        | "ManagedClusters_Stop"
        | "ManagedClusters_RotateClusterCertificates" => {
            return power(ctx, input).map(Some);
        }
        "ManagedClusters_GetUpgradeProfile"
        | "AgentPools_GetUpgradeProfile"
        | "AgentPools_GetAvailableAgentPoolVersions" => return upgrades(ctx, input).map(Some),
        "AgentPools_UpgradeNodeImageVersion" => return pool::upgrade_image(ctx, input).map(Some),
        _ => {}
    }
    let writes = matches!(input.operation.http, "PUT" | "PATCH" | "DELETE");
    let managed = name.starts_with("AgentPools_") || name.starts_with("ManagedClusters_");
    if writes
        && managed
        && let Some(item) = ctx.get(&cluster::of(input).text)
        && let Some(error) = pending(ctx, &item, name == "ManagedClusters_Delete")
    {
        return Err(error);
    }
    Ok(None)
}

/// What is said while anything of a cluster is being changed.
fn pending(ctx: &Ctx<'_>, item: &Item, deletes: bool) -> Option<ArmError> {
    let own = item.busy(ctx.now).map(|busy| busy.verb.clone());
    let pools = ctx.of_kind(&format!("{}/", item.id), pool::KIND.name);
    let of_pool = pools.iter().find_map(|pool| {
        pool.busy(ctx.now)
            .map(|busy| format!("{} agent pool", busy.verb))
    });
    let verb = own.or(of_pool.filter(|_| !deletes))?;
    Some(ArmError::conflict(
        "OperationNotAllowed",
        format!(
            "Operation is not allowed: Another operation ({verb}) is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details"
        ),
    ))
}

/// Starts or stops a cluster, or gives it new certificates.
fn power(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let id = input.id.clone();
    let mut item = engine::find(ctx, &cluster::KIND, &id)?;
    if let Some(error) = pending(ctx, &item, false) {
        return Err(error);
    }
    item.settle(ctx.now);
    let (verb, state) = match input.operation.name {
        "ManagedClusters_Start" => ("Starting", "Running"),
        "ManagedClusters_Stop" => ("Stopping", "Stopped"),
        _ => ("RotatingClusterCertificates", ""),
    };
    if !state.is_empty() && text(&item.doc, "/properties/powerState/code") == state {
        return Ok(HttpReply::new(204, "application/json", ""));
    }
    let mut then = item.doc.clone();
    if !state.is_empty() {
        set(&mut then, "/properties/powerState/code", state);
    }
    let until = ctx.due(Work::AksClusterUpdate);
    let location = text(&item.doc, "/location").to_owned();
    let begun = lro::begin(ctx, input, &id, &location, until, None);
    engine::work(&mut item, verb, until, &begun.operation, then);
    item.settle(ctx.now);
    ctx.put(item);
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}

/// Versions to which a cluster or a pool can go.
fn upgrades(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let owner = cluster::of(input);
    let item = engine::find(ctx, &cluster::KIND, &owner)?;
    let version = text(item.at(ctx.now), "/properties/currentKubernetesVersion").to_owned();
    let rows = |from: &str| -> Vec<Value> {
        version::upgrades(from)
            .into_iter()
            .map(|to| json!({ "kubernetesVersion": to, "isPreview": false }))
            .collect()
    };
    let doc = match input.operation.name {
        "AgentPools_GetAvailableAgentPoolVersions" => {
            let versions: Vec<Value> = version::MINORS
                .iter()
                .flat_map(|minor| minor.patches)
                .filter(|patch| {
                    let (minors, older) = version::distance(&version, patch);
                    **patch == version || older && minors <= 3
                })
                .map(|patch| {
                    json!({ "kubernetesVersion": patch, "isPreview": false, "default": *patch == version })
                })
                .collect();
            let id = owner.child("availableAgentPoolVersions", "default");
            engine::document(&id, json!({ "agentPoolVersions": versions }))
        }
        "AgentPools_GetUpgradeProfile" => {
            let pool = owner.child("agentPools", input.variable("agentPoolName"));
            let found = engine::find(ctx, &pool::KIND, &pool)?;
            let own = text(&found.doc, "/properties/currentOrchestratorVersion").to_owned();
            // Nodes do not run ahead of their control plane.
            let all: Vec<Value> = rows(&own)
                .into_iter()
                .filter(|row| {
                    let to = text(row, "/kubernetesVersion");
                    to == version || version::distance(&version, to).1
                })
                .collect();
            engine::document(
                &pool.child("upgradeProfiles", "default"),
                json!({
                    "kubernetesVersion": own, "osType": "Linux", "upgrades": all,
                    "latestNodeImageVersion": text(&found.doc, "/properties/nodeImageVersion"),
                }),
            )
        }
        _ => {
            let pools: Vec<Value> = ctx
                .of_kind(&format!("{}/", item.id), pool::KIND.name)
                .iter()
                .map(|pool| {
                    let own = text(&pool.doc, "/properties/currentOrchestratorVersion");
                    json!({ "name": pool.doc["name"], "kubernetesVersion": own, "osType": "Linux", "upgrades": rows(own) })
                })
                .collect();
            engine::document(
                &owner.child("upgradeProfiles", "default"),
                json!({
                    "controlPlaneProfile": { "kubernetesVersion": version, "osType": "Linux", "upgrades": rows(&version) },
                    "agentPoolProfiles": pools,
                }),
            )
        }
    };
    Ok(HttpReply::json(200, &doc))
}
