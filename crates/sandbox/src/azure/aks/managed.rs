//! What a cluster makes for itself, in a resource group of its own that goes away with it: an identity of its nodes, scale
//! sets, and for its way out a load balancer with an address, and a network when it is given none.

use serde_json::{Value, json};

use super::pool::Owner;
use crate::azure::context::{Ctx, items, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::Write;
use crate::azure::{compute, engine, identity, kind, network, parts};
use crate::clock::Millis;

/// The id of the group of a cluster, by its document.
pub(super) fn group_of(cluster: &Value) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}",
        Id::new(text(cluster, "/id")).subscription(),
        text(cluster, "/properties/nodeResourceGroup")
    )
}

/// Makes the group and what is in it from the beginning.
pub(super) fn begin(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let group = group_of(&write.doc);
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
    let made = Made {
        group,
        location,
        owner,
    };
    let name = format!("aks-agentpool-{hash}-nsg");
    made.put(
        ctx,
        "Microsoft.Network/networkSecurityGroups",
        &name,
        rules,
        &[],
    )?;
    if text(&write.doc, "/properties/networkProfile/outboundType") == "loadBalancer" {
        balancer(ctx, write, &made)?;
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
fn balancer(ctx: &mut Ctx<'_>, write: &mut Write<'_>, made: &Made) -> ArmResult<()> {
    let group = &made.group;
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
        addresses.push(made.put(ctx, network::PUBLIC_IP, &name, properties, &[])?);
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
    made.put(
        ctx,
        "Microsoft.Network/loadBalancers",
        "kubernetes",
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

/// Where resources that a cluster owns are made.
struct Made {
    group: String,
    location: String,
    owner: String,
}

impl Made {
    /// Makes a resource; its id.
    fn put(
        &self,
        ctx: &mut Ctx<'_>,
        type_name: &str,
        name: &str,
        properties: Value,
        links: &[String],
    ) -> ArmResult<String> {
        let Some(kind) = kind::find(type_name) else {
            let message = format!("There is no type {type_name}.");
            return Err(ArmError::new(500, "InternalServerError", message));
        };
        let id = Id::new(format!("{}/providers/{type_name}/{name}", self.group));
        let mut doc = engine::document(&id, properties);
        doc["location"] = self.location.clone().into();
        doc["etag"] = format!("W/\"{}\"", ctx.uuid()).into();
        if type_name.ends_with("publicIPAddresses") || type_name.ends_with("loadBalancers") {
            doc["sku"] = json!({ "name": "Standard", "tier": "Regional" });
        }
        doc["tags"] = json!({ "aks-managed-cluster-name": Id::new(self.owner.as_str()).name() });
        set(&mut doc, "/properties/provisioningState", "Succeeded");
        parts::complete(&mut doc, kind, &id);
        let mut item = Item::new(&id.text, doc, ctx.now);
        item.links = links.iter().map(|link| link.to_lowercase()).collect();
        item.list_as(kind.listed, &id.text, &self.location, Some(&self.owner));
        parts::list(ctx, kind, &item);
        ctx.put(item);
        Ok(id.text)
    }
}

/// The id of a pool's scale set.
fn scale_set(owner: &Owner, pool: &str) -> Id {
    Id::new(format!(
        "{}/providers/{}/{}",
        group_of(&owner.doc),
        compute::SCALE_SETS,
        scale_set_name(&owner.id, pool)
    ))
}

/// The name of the scale set of a pool.
pub(super) fn scale_set_name(cluster: &Id, pool: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(format!("{}/{pool}", cluster.key()).as_bytes());
    let number = digest[..4]
        .iter()
        .fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    format!("aks-{pool}-{:08}-vmss", number % 100_000_000)
}

/// The id of the scale set of a pool, in lower case.
pub(super) fn scale_set_id(owner: &Owner, pool: &str) -> String {
    scale_set(owner, pool).key()
}

/// The id of the scale set of a pool of a cluster.
pub(super) fn scale_set_of(cluster: &Item, pool: &str) -> Id {
    let owner = Owner {
        id: Id::new(text(&cluster.doc, "/id")),
        doc: cluster.doc.clone(),
    };
    scale_set(&owner, pool)
}

/// Makes a resource of a cluster that is there already.
pub(super) fn make_for(
    ctx: &mut Ctx<'_>,
    cluster: &Item,
    type_name: &str,
    name: &str,
    properties: Value,
    links: &[String],
) -> ArmResult<String> {
    let id = Id::new(text(&cluster.doc, "/id"));
    let made = Made {
        group: group_of(&cluster.doc),
        location: text(&cluster.doc, "/location").to_owned(),
        owner: id.text,
    };
    made.put(ctx, type_name, name, properties, links)
}

/// Writes a resource of a cluster again, with the ids of its parts.
pub(super) fn rewrite(ctx: &mut Ctx<'_>, mut item: Item) {
    let Some(kind) = kind::find(text(&item.doc, "/type")) else {
        return;
    };
    let id = Id::new(text(&item.doc, "/id"));
    item.doc["etag"] = format!("W/\"{}\"", ctx.uuid()).into();
    parts::complete(&mut item.doc, kind, &id);
    parts::list(ctx, kind, &item);
    ctx.put(item);
}

/// The subnet of a network that the cluster makes because it is given none.
fn own_subnet(ctx: &mut Ctx<'_>, owner: &Owner) -> ArmResult<String> {
    let group = group_of(&owner.doc);
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
            let made = Made {
                group,
                location,
                owner: owned_by,
            };
            let name = format!("aks-vnet-{number}");
            made.put(
                ctx,
                "Microsoft.Network/virtualNetworks",
                &name,
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
