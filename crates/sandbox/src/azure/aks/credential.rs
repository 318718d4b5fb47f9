//! Credentials of clusters: kubeconfigs, as clients download them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{cluster, kubernetes};
use crate::azure::context::{Ctx, Input, text};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::certificate;
use crate::http::HttpReply;
use crate::kubernetes::tls;

/// The server application of AKS, for whose tokens clients ask.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// Answers a request for credentials.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let id = cluster::of(input);
    let item = engine::find(ctx, &cluster::KIND, &id)?;
    if item
        .busy(ctx.now)
        .is_some_and(|busy| busy.verb == "Creating")
    {
        return Err(ArmError::new(
            404,
            "ResourceNotReady",
            format!(
                "The managed cluster {} is being created: it has no credentials yet.",
                id.name()
            ),
        ));
    }
    let doc = item.at(ctx.now).clone();
    let hash = text(&item.hidden, "/uid").replace('-', "");
    let local = doc["properties"]["disableLocalAccounts"] != true;
    let directory = doc["properties"]["aadProfile"].is_object();
    let user = input.operation.name == "ManagedClusters_ListClusterUserCredentials";
    if !local && !user {
        return Err(ArmError::bad(
            "BadRequest",
            "Getting static credential is not allowed because this cluster is set to disable local accounts.",
        ));
    }
    let who = match input.operation.name {
        "ManagedClusters_ListClusterUserCredentials" => "clusterUser",
        "ManagedClusters_ListClusterMonitoringUserCredentials" => "clusterMonitoringUser",
        "ManagedClusters_GetAccessProfile" => input.variable("roleName"),
        _ => "clusterAdmin",
    };
    let config = kubeconfig(ctx, &doc, &hash, who, user && directory);
    let data = STANDARD.encode(config.to_string());
    let body = if input.operation.name == "ManagedClusters_GetAccessProfile" {
        json!({
            "id": format!("{}/accessProfiles/{who}", id.text), "name": who, "location": doc["location"],
            "type": "Microsoft.ContainerService/managedClusters/accessProfiles", "properties": { "kubeConfig": data },
        })
    } else {
        json!({ "kubeconfigs": [{ "name": who, "value": data }] })
    };
    Ok(HttpReply::json(200, &body))
}

/// A kubeconfig; JSON is YAML too.
fn kubeconfig(ctx: &Ctx<'_>, doc: &Value, hash: &str, who: &str, directory: bool) -> Value {
    let name = text(doc, "/name");
    let group = Id::new(text(doc, "/id")).group().to_owned();
    let user = format!("{who}_{group}_{name}");
    let credential = if directory {
        json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubelogin",
            "args": ["get-token", "--environment", "AzurePublicCloud", "--server-id", SERVER, "--tenant-id",
                text(doc, "/properties/aadProfile/tenantID"), "--login", "devicecode"],
            "env": null, "provideClusterInfo": false,
        } })
    } else {
        let (certificate, key) =
            tls::client(ctx.frame.tx.identity(), "masterclient", "system:masters");
        json!({
            "client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(key),
            "token": hash,
        })
    };
    // Its API is the sandbox's, not at the name that the cluster has.
    let server = format!("https://{}", kubernetes::address_of(ctx, doc));
    json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": name,
        "clusters": [{ "name": name, "cluster": {
            "server": server, "certificate-authority-data": certificate::authority(&ctx.frame.tx),
        } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": user } }],
        "users": [{ "name": user, "user": credential }],
    })
}
