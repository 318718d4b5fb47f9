//! What a cluster makes for itself, in a resource group of its own that goes away with it: an identity of its nodes, scale
//! sets, and for its way out a load balancer with an address, and a network when it is given none.

use serde_json::{Value, json};

use super::pool::Owner;
use crate::azure::context::{Ctx, items, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Write};
use crate::azure::{compute, engine, identity, kind, network, parts};
use crate::clock::Millis;

/// The group of a cluster.
fn group_of(id: &Id, doc: &Value) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}",
        id.subscription(),
        text(doc, "/properties/nodeResourceGroup")
    )
}

/// Makes the group and what is in it from the beginning.
pub(super) fn begin(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let group = group_of(write.id, &write.doc);
    if ctx.get(&group).is_some() {
        return Err(ArmError::bad(
            "NodeResourceGroupAlreadyExists",
            format!(
                "The node resource group '{}' exists already.",
                text(&write.doc, "/properties/nodeResourceGroup")
            ),
        )
        .target("properties.nodeResourceGroup"));
    }
    let location = text(&write.doc, "/location").to_owned();
    let owner = write.id.text.clone();
    let mut tags = write.doc["tags"].clone();
    if !tags.is_object() {
        tags = json!({});
    }
    tags["aks-managed-cluster-name"] = write.id.name().into();
    tags["aks-managed-cluster-rg"] = write.id.group().into();
    let doc = json!({
        "id": group, "name": text(&write.doc, "/properties/nodeResourceGroup"), "type": "Microsoft.Resources/resourceGroups",
        "location": location, "managedBy": owner, "tags": tags, "properties": { "provisioningState": "Succeeded" },
    });
    let mut item = Item::new(&group, doc, ctx.now);
    item.list_as("azurerm_resource_group", &group, &location, Some(&owner));
    ctx.put(item);
    kubelet(ctx, write, &group, &location)?;
    let hash = text(&write.hidden, "/hash").to_owned();
    let rules = json!({ "securityRules": [] });
    make(
        ctx,
        &group,
        "Microsoft.Network/networkSecurityGroups",
        &format!("aks-agentpool-{hash}-nsg"),
        &location,
        &owner,
        rules,
        &[],
    )?;
    if text(&write.doc, "/properties/networkProfile/outboundType") == "loadBalancer" {
        balancer(ctx, write, &group, &location)?;
    }
    Ok(())
}

/// The identity with which nodes pull images: the one given, or one of its own.
fn kubelet(ctx: &mut Ctx<'_>, write: &mut Write<'_>, group: &str, location: &str) -> ArmResult<()> {
    let pointer = "/properties/identityProfile/kubeletidentity";
    let given = text(&write.doc, &format!("{pointer}/resourceId")).to_owned();
    if !given.is_empty() {
        let Some(item) = ctx.get(&given) else {
            return Err(ArmError::bad(
                "InvalidParameter",
                format!("The kubelet identity {given} was not found."),
            )
            .target("identityProfile.kubeletidentity"));
        };
        if !text(&write.doc, "/identity/type").eq_ignore_ascii_case("UserAssigned") {
            return Err(ArmError::bad(
                "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
                "Custom kubelet identity is only supported on user assigned identity cluster.",
            ));
        }
        let properties = item.doc["properties"].clone();
        write.link(&given);
        set(
            &mut write.doc,
            &format!("{pointer}/clientId"),
            properties["clientId"].clone(),
        );
        set(
            &mut write.doc,
            &format!("{pointer}/objectId"),
            properties["principalId"].clone(),
        );
        return Ok(());
    }
    if text(&write.doc, "/properties/servicePrincipalProfile/clientId") != "msi" {
        return Ok(());
    }
    let id = Id::new(format!(
        "{group}/providers/{}/{}-agentpool",
        identity::NAME,
        write.id.name()
    ));
    let owner = write.id.text.clone();
    let properties = identity::made_for(ctx, &id, location, &owner);
    set(
        &mut write.doc,
        pointer,
        json!({ "resourceId": id.text, "clientId": properties["clientId"], "objectId": properties["principalId"] }),
    );
    Ok(())
}

/// The load balancer of what nodes send out, with its addresses.
fn balancer(
    ctx: &mut Ctx<'_>,
    write: &mut Write<'_>,
    group: &str,
    location: &str,
) -> ArmResult<()> {
    let owner = write.id.text.clone();
    let base = "/properties/networkProfile/loadBalancerProfile";
    let mut addresses: Vec<String> = items(&write.doc, &format!("{base}/outboundIPs/publicIPs"))
        .map(|one| text(one, "/id").to_owned())
        .collect();
    let count = write
        .doc
        .pointer(&format!("{base}/managedOutboundIPs/count"))
        .and_then(Value::as_u64)
        .unwrap_or(0);
    for _ in 0..count {
        let name = ctx.uuid();
        let address = network::public_address(ctx);
        let mut properties = json!({
            "ipAddress": address, "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": "Static",
            "idleTimeoutInMinutes": 30, "ipTags": [], "resourceGuid": ctx.uuid(),
        });
        properties["provisioningState"] = "Succeeded".into();
        addresses.push(make(
            ctx,
            group,
            network::PUBLIC_IP,
            &name,
            location,
            &owner,
            properties,
            &[],
        )?);
    }
    if let Some(item) = addresses.iter().find(|id| ctx.get(id).is_none()) {
        return Err(ArmError::bad(
            "InvalidParameter",
            format!("The outbound address {item} was not found."),
        ));
    }
    let id = format!("{group}/providers/Microsoft.Network/loadBalancers/kubernetes");
    let frontends: Vec<Value> = addresses
        .iter()
        .map(|address| {
            let name = Id::new(address.as_str()).name().to_owned();
            json!({ "name": name, "properties": {
                "privateIPAllocationMethod": "Dynamic", "publicIPAddress": { "id": address },
            } })
        })
        .collect();
    let used: Vec<Value> = frontends
        .iter()
        .map(|one| json!({ "id": format!("{id}/frontendIPConfigurations/{}", text(one, "/name")) }))
        .collect();
    let properties = json!({
        "frontendIPConfigurations": frontends, "loadBalancingRules": [], "probes": [], "inboundNatRules": [], "inboundNatPools": [],
        "backendAddressPools": [
            { "name": "aksOutboundBackendPool", "properties": { "loadBalancerBackendAddresses": [] } },
            { "name": "kubernetes", "properties": { "loadBalancerBackendAddresses": [] } },
        ],
        "outboundRules": [{ "name": "aksOutboundRule", "properties": {
            "protocol": "All", "enableTcpReset": true, "idleTimeoutInMinutes": 30, "allocatedOutboundPorts": 0,
            "frontendIPConfigurations": used, "backendAddressPool": { "id": format!("{id}/backendAddressPools/aksOutboundBackendPool") },
        } }],
    });
    make(
        ctx,
        group,
        "Microsoft.Network/loadBalancers",
        "kubernetes",
        location,
        &owner,
        properties,
        &addresses,
    )?;
    let shown: Vec<Value> = addresses.iter().map(|id| json!({ "id": id })).collect();
    set(
        &mut write.doc,
        &format!("{base}/effectiveOutboundIPs"),
        shown,
    );
    Ok(())
}

/// Makes a resource that the cluster owns; its id.
fn make(
    ctx: &mut Ctx<'_>,
    group: &str,
    type_name: &str,
    name: &str,
    location: &str,
    owner: &str,
    properties: Value,
    links: &[String],
) -> ArmResult<String> {
    let Some(kind) = kind::find(type_name) else {
        return Err(ArmError::new(
            500,
            "InternalServerError",
            format!("no type {type_name}"),
        ));
    };
    let id = Id::new(format!("{group}/providers/{type_name}/{name}"));
    let mut doc = engine::document(&id, properties);
    doc["location"] = location.into();
    if type_name.starts_with("Microsoft.Network") {
        doc["etag"] = format!("W/\"{}\"", ctx.uuid()).into();
        if type_name.ends_with("publicIPAddresses") || type_name.ends_with("loadBalancers") {
            doc["sku"] = json!({ "name": "Standard", "tier": "Regional" });
        }
    }
    doc["tags"] = json!({ "aks-managed-cluster-name": Id::new(owner).name() });
    set(&mut doc, "/properties/provisioningState", "Succeeded");
    put_owned(ctx, kind, &id, doc, location, owner, links);
    Ok(id.text)
}

fn put_owned(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    id: &Id,
    mut doc: Value,
    location: &str,
    owner: &str,
    links: &[String],
) {
    parts::complete(&mut doc, kind, id);
    let mut item = Item::new(&id.text, doc, ctx.now);
    item.links = links.iter().map(|link| link.to_lowercase()).collect();
    item.list_as(kind.listed, &id.text, location, Some(owner));
    parts::list(ctx, kind, &item);
    ctx.put(item);
}

/// The id of a pool's scale set.
fn scale_set(owner: &Owner, pool: &str) -> Id {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(format!("{}/{pool}", owner.id.key()).as_bytes());
    let number = digest[..4]
        .iter()
        .fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    Id::new(format!(
        "{}/providers/{}/aks-{pool}-{:08}-vmss",
        group_of(&owner.id, &owner.doc),
        compute::SCALE_SETS,
        number % 100_000_000
    ))
}

/// The subnet of a network that the cluster makes because it is given none.
fn own_subnet(ctx: &mut Ctx<'_>, owner: &Owner) -> ArmResult<String> {
    let group = group_of(&owner.id, &owner.doc);
    let location = text(&owner.doc, "/location").to_owned();
    let there = ctx.of_kind(&format!("{group}/"), "Microsoft.Network/virtualNetworks");
    let network = match there.first() {
        Some(item) => text(&item.doc, "/id").to_owned(),
        None => {
            let number = ctx.hex(8);
            let properties = json!({
                "addressSpace": { "addressPrefixes": ["10.224.0.0/12"] }, "enableDdosProtection": false, "virtualNetworkPeerings": [],
                "resourceGuid": ctx.uuid(),
                "subnets": [{ "name": "aks-subnet", "properties": {
                    "addressPrefix": "10.224.0.0/16", "delegations": [], "privateEndpointNetworkPolicies": "Disabled",
                    "privateLinkServiceNetworkPolicies": "Enabled",
                } }],
            });
            let owned_by = owner.id.text.clone();
            make(
                ctx,
                &group,
                "Microsoft.Network/virtualNetworks",
                &format!("aks-vnet-{number}"),
                &location,
                &owned_by,
                properties,
                &[],
            )?
        }
    };
    Ok(format!("{network}/subnets/aks-subnet"))
}

/// Makes the scale set of a pool, or gives it another size.
pub(super) fn scale(
    ctx: &mut Ctx<'_>,
    owner: &Owner,
    pool: &str,
    properties: &Value,
) -> ArmResult<()> {
    let id = scale_set(owner, pool);
    let subnet = match text(properties, "/vnetSubnetID") {
        "" => own_subnet(ctx, owner)?,
        given => given.to_owned(),
    };
    let location = text(&owner.doc, "/location").to_owned();
    let unique = ctx.uuid();
    let mut doc = engine::document(
        &id,
        json!({
            "provisioningState": "Succeeded", "orchestrationMode": "Uniform", "overprovision": false, "singlePlacementGroup": false,
            "upgradePolicy": { "mode": "Manual" }, "uniqueId": unique,
            "virtualMachineProfile": { "networkProfile": { "networkInterfaceConfigurations": [{
                "name": id.name(), "properties": { "primary": true, "ipConfigurations": [{
                    "name": "ipconfig1", "properties": { "primary": true, "subnet": { "id": subnet } },
                }] },
            }] } },
        }),
    );
    doc["location"] = location.clone().into();
    doc["sku"] = json!({ "name": text(properties, "/vmSize"), "tier": "Standard", "capacity": properties["count"] });
    doc["tags"] =
        json!({ "aks-managed-poolName": pool, "aks-managed-cluster-name": owner.id.name() });
    if let Some(zones) = properties.get("availabilityZones") {
        doc["zones"] = zones.clone();
    }
    let mut item = match ctx.get(&id.text) {
        Some(item) => item.edit(),
        None => Item::new(&id.text, Value::Null, ctx.now),
    };
    item.doc = doc;
    item.links = vec![subnet.to_lowercase()];
    item.list_as(
        "azurerm_linux_virtual_machine_scale_set",
        &id.text,
        &location,
        Some(&owner.id.text),
    );
    ctx.put(item);
    Ok(())
}

/// Takes the scale set of a pool away.
pub(super) fn unscale(ctx: &mut Ctx<'_>, owner: &Owner, pool: &str, until: Millis) {
    if let Some(item) = ctx.get(&scale_set(owner, pool).text) {
        engine::vanish(ctx, item.edit(), "Deleting", until, "");
    }
}
