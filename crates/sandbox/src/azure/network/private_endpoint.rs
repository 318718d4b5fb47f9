//! Private endpoints: an interface in a subnet that leads to a resource, and the zones in which it is named.

use serde_json::{Value, json};

use super::load_balancer::SUBNET;
use super::{address, check_name, check_quota, interface};
use crate::azure::context::{Ctx, default, items, items_mut, set, text, unset};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Etag, Kind, Part, States, Write};
use crate::azure::places;
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/privateEndpoints";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmBalancer,
    update: Work::ArmNetwork,
    delete: Work::ArmBalancer,
    parts: &[
        Part::new("privateLinkServiceConnections", ""),
        Part::new("manualPrivateLinkServiceConnections", ""),
    ],
    prepare,
    show,
    removed,
    ..Kind::network(NAME, "azurerm_private_endpoint")
};

pub(crate) const ZONE_GROUP: Kind = Kind {
    tracked: false,
    states: States::NETWORK,
    etag: Etag::Weak,
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    prepare: prepare_group,
    // A group does not tell its type.
    show: |_, _, doc| unset(doc, "/type"),
    removed: group_removed,
    busy: super::busy,
    ..Kind::new(
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "",
    )
};

/// Groups of a type, with the zone in which each is named.
const GROUPS: [(&str, &str, &str); 11] = [
    (
        "Microsoft.Storage/storageAccounts",
        "blob",
        "blob.core.windows.net",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "file",
        "file.core.windows.net",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "queue",
        "queue.core.windows.net",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "table",
        "table.core.windows.net",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "dfs",
        "dfs.core.windows.net",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "web",
        "web.core.windows.net",
    ),
    ("Microsoft.KeyVault/vaults", "vault", "vault.azure.net"),
    (
        "Microsoft.ContainerRegistry/registries",
        "registry",
        "azurecr.io",
    ),
    (
        "Microsoft.DBforMySQL/flexibleServers",
        "mysqlServer",
        "mysql.database.azure.com",
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "postgresqlServer",
        "postgres.database.azure.com",
    ),
    (
        "Microsoft.ContainerService/managedClusters",
        "management",
        "azmk8s.io",
    ),
];

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    check_name(write.id)?;
    check_quota(ctx, write, NAME)?;
    let id = write.id.clone();
    let Some(subnet) = write.attach(ctx, "/properties/subnet", SUBNET)? else {
        return Err(ArmError::network(
            "PrivateEndpointSubnetMissing",
            format!("Private endpoint {} names no subnet.", id.text),
        ));
    };
    if write.changed("/properties/subnet/id") {
        return Err(ArmError::network(
            "PrivateEndpointCannotChangeSubnet",
            format!(
                "The subnet of private endpoint {} cannot be changed.",
                id.text
            ),
        ));
    }
    let mut names: Vec<String> = Vec::new();
    for list in [
        "privateLinkServiceConnections",
        "manualPrivateLinkServiceConnections",
    ] {
        default(&mut write.doc, &format!("/properties/{list}"), json!([]));
        let count = items(&write.doc, &format!("/properties/{list}")).count();
        for at in 0..count {
            let base = format!("/properties/{list}/{at}/properties");
            let Some(target) = write.refer(ctx, &format!("{base}/privateLinkServiceId"))? else {
                return Err(ArmError::network(
                    "PrivateLinkServiceIdMissing",
                    format!(
                        "A connection of private endpoint {} names no resource.",
                        id.text
                    ),
                ));
            };
            let kind = target.kind();
            let groups: Vec<_> = items(&write.doc, &format!("{base}/groupIds"))
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            for group in &groups {
                let known = GROUPS.iter().find(|(other, name, _)| {
                    other.eq_ignore_ascii_case(&kind) && name.eq_ignore_ascii_case(group)
                });
                let Some((_, _, zone)) = known else {
                    return Err(ArmError::network(
                        "PrivateEndpointGroupIdInvalid",
                        format!(
                            "Call to {kind} failed. Error message: the group id '{group}' is invalid for resource {}.",
                            target.text
                        ),
                    ));
                };
                let region = engine::location_of(ctx, &target);
                let name = format!("{}.{zone}", target.name().to_lowercase());
                names.push(places::named(&region, &name));
            }
            if groups.is_empty() {
                return Err(ArmError::network(
                    "PrivateEndpointGroupIdMissing",
                    format!(
                        "A connection of private endpoint {} to {} has no group id.",
                        id.text, target.text
                    ),
                ));
            }
            set(
                &mut write.doc,
                &format!("{base}/privateLinkServiceConnectionState"),
                json!({ "status": "Approved", "description": "Auto-Approved", "actionsRequired": "None" }),
            );
        }
    }
    if names.is_empty() {
        return Err(ArmError::network(
            "PrivateEndpointMustHaveConnection",
            format!("Private endpoint {} has no connection.", id.text),
        ));
    }
    default(&mut write.doc, "/properties/ipConfigurations", json!([]));
    write.carry(&[
        "/properties/networkInterfaces",
        "/properties/customDnsConfigs",
    ]);
    if write.creates() {
        make_interface(ctx, write, &subnet, &names)?;
    }
    Ok(())
}

fn make_interface(
    ctx: &mut Ctx<'_>,
    write: &mut Write<'_>,
    subnet: &Id,
    names: &[String],
) -> ArmResult<()> {
    let id = write.id.clone();
    let asked = text(&write.doc, "/properties/customNetworkInterfaceName").to_owned();
    let name = if asked.is_empty() {
        format!("{}.nic.{}", id.name(), ctx.uuid())
    } else {
        asked
    };
    let own = id.beside(interface::NAME, &name);
    let wanted = items(&write.doc, "/properties/ipConfigurations")
        .find_map(|one| text(one, "/properties/privateIPAddress").parse().ok());
    let address = wanted
        .or_else(|| address::free(ctx, &subnet.text, &[]))
        .ok_or_else(|| {
            ArmError::network(
                "SubnetIsFull",
                format!(
                    "Subnet {} has no capacity for 1 IP addresses.",
                    subnet.name()
                ),
            )
        })?;
    let location = text(&write.doc, "/location").to_owned();
    ctx.put(interface::made_for(
        ctx,
        &own,
        &location,
        &subnet.text,
        address,
        &id.text,
    ));
    set(
        &mut write.doc,
        "/properties/networkInterfaces",
        json!([{ "id": own.text }]),
    );
    let configs: Vec<Value> = names
        .iter()
        .map(|name| json!({ "fqdn": name, "ipAddresses": [address.to_string()] }))
        .collect();
    set(&mut write.doc, "/properties/customDnsConfigs", configs);
    Ok(())
}

/// With zone groups the names are in their zones, no longer in the endpoint.
fn show(ctx: &Ctx<'_>, item: &Item, doc: &mut Value) {
    let groups = ctx.of_kind(&format!("{}/", item.id), ZONE_GROUP.name);
    if !groups.is_empty() {
        set(doc, "/properties/customDnsConfigs", json!([]));
    }
}

fn removed(ctx: &mut Ctx<'_>, item: &Item, until: crate::Millis) -> ArmResult<()> {
    let interfaces: Vec<_> = items(&item.doc, "/properties/networkInterfaces")
        .map(|one| text(one, "/id").to_owned())
        .collect();
    for id in interfaces {
        if let Some(found) = ctx.get(&id) {
            engine::vanish(ctx, found.edit(), "Deleting", until, "");
        }
    }
    for group in ctx.of_kind(&format!("{}/", item.id), ZONE_GROUP.name) {
        group_removed(ctx, &group, until)?;
    }
    Ok(())
}

fn prepare_group(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let endpoint = write.id.parent();
    let Some(parent) = ctx.get(&endpoint.text).map(|item| item.edit()) else {
        return Err(engine::no_parent("write", write.id));
    };
    let configs = parent.at(ctx.now)["properties"]["customDnsConfigs"].clone();
    let count = items(&write.doc, "/properties/privateDnsZoneConfigs").count();
    for at in 0..count {
        let base = format!("/properties/privateDnsZoneConfigs/{at}");
        let Some(zone) = write.refer(ctx, &format!("{base}/properties/privateDnsZoneId"))? else {
            return Err(ArmError::network(
                "PrivateDnsZoneIdMissing",
                format!(
                    "A configuration of {} names no private DNS zone.",
                    write.id.text
                ),
            ));
        };
        let mut rows = Vec::new();
        for config in configs.as_array().into_iter().flatten() {
            let full = text(config, "/fqdn");
            let Some(name) = full.split('.').next() else {
                continue;
            };
            let public = full.split_once('.').map_or("", |(_, zone)| zone);
            if !zone
                .name()
                .eq_ignore_ascii_case(&places::private_zone(public))
            {
                continue;
            }
            let addresses: Vec<_> = items(config, "/ipAddresses").cloned().collect();
            crate::azure::private_dns::register(ctx, &zone, name, &addresses, &endpoint.text);
            rows.push(json!({
                "recordType": "A", "recordSetName": name, "fqdn": format!("{name}.{}", zone.name()), "ttl": 10,
                "ipAddresses": addresses, "provisioningState": "Succeeded",
            }));
        }
        if let Some(config) = items_mut(&mut write.doc, "/properties/privateDnsZoneConfigs").nth(at)
        {
            set(config, "/properties/recordSets", rows);
        }
    }
    Ok(())
}

/// The records of a group go with it.
fn group_removed(ctx: &mut Ctx<'_>, item: &Item, until: crate::Millis) -> ArmResult<()> {
    let records: Vec<(String, String)> = items(&item.doc, "/properties/privateDnsZoneConfigs")
        .flat_map(|config| {
            let zone = text(config, "/properties/privateDnsZoneId").to_owned();
            items(config, "/properties/recordSets")
                .map(move |row| (zone.clone(), text(row, "/recordSetName").to_owned()))
        })
        .collect();
    for (zone, name) in records {
        if let Some(found) = ctx.get(&format!("{zone}/A/{name}")) {
            engine::vanish(ctx, found.edit(), "", until, "");
        }
    }
    Ok(())
}
