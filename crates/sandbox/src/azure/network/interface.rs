//! Network interfaces.

use std::net::IpAddr;

use serde_json::json;

use super::begin;
use super::load_balancer::{SUBNET, private_address};
use super::public_ip::{self, check_free};
use crate::azure::context::{Ctx, default, items, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::{Kind, Part, Write};
use crate::latency::Work;

pub(crate) const NAME: &str = "Microsoft.Network/networkInterfaces";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmNetwork,
    update: Work::ArmNetwork,
    delete: Work::ArmNetwork,
    parts: &[Part::new("ipConfigurations", "")],
    prepare,
    guard,
    ..Kind::network(NAME, "azurerm_network_interface")
};

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    write.carry(&["/properties/macAddress", "/properties/privateEndpoint"]);
    let mac = ctx.hex(6).to_uppercase();
    let mac = format!("00-0D-3A-{}-{}-{}", &mac[..2], &mac[2..4], &mac[4..6]);
    default(&mut write.doc, "/properties/macAddress", mac);
    for name in ["enableAcceleratedNetworking", "enableIPForwarding"] {
        default(&mut write.doc, &format!("/properties/{name}"), false);
    }
    let id = write.id.clone();
    let group = "/properties/networkSecurityGroup";
    write.attach(ctx, group, "Microsoft.Network/networkSecurityGroups")?;
    let count = items(&write.doc, "/properties/ipConfigurations").count();
    if count == 0 {
        return Err(ArmError::network(
            "NetworkInterfaceMustHaveIpConfiguration",
            format!("Network interface {} has no IP configuration.", id.text),
        ));
    }
    let mut given: Vec<IpAddr> = Vec::new();
    for at in 0..count {
        let base = format!("/properties/ipConfigurations/{at}");
        let name = text(&write.doc, &format!("{base}/name")).to_owned();
        let subnet = format!("{base}/properties/subnet");
        let Some(found) = write.attach(ctx, &subnet, SUBNET)? else {
            return Err(ArmError::network(
                "SubnetRequired",
                format!("IP configuration {name} of {} names no subnet.", id.text),
            ));
        };
        default(
            &mut write.doc,
            &format!("{base}/properties/primary"),
            at == 0,
        );
        let before = items(write.before, "/properties/ipConfigurations")
            .find(|one| text(one, "/name").eq_ignore_ascii_case(&name))
            .map(|one| text(one, "/properties/privateIPAddress").to_owned())
            .unwrap_or_default();
        private_address(
            ctx,
            write,
            &format!("{base}/properties"),
            &found,
            &before,
            &mut given,
        )?;
        let public = format!("{base}/properties/publicIPAddress");
        if let Some(found) = write.attach(ctx, &public, public_ip::NAME)? {
            let part = id.child("ipConfigurations", &name);
            check_free(ctx, &found, &id, &part.text)?;
        }
        for list in [
            "loadBalancerBackendAddressPools",
            "applicationGatewayBackendAddressPools",
        ] {
            let pools = items(&write.doc, &format!("{base}/properties/{list}")).count();
            for pool in 0..pools {
                let pointer = format!("{base}/properties/{list}/{pool}");
                if let Some(found) = write.refer(ctx, &format!("{pointer}/id"))? {
                    set(&mut write.doc, &pointer, json!({ "id": found.text }));
                }
            }
        }
    }
    Ok(())
}

fn guard(_ctx: &Ctx<'_>, item: &Item, id: &Id) -> ArmResult<()> {
    let endpoint = text(&item.doc, "/properties/privateEndpoint/id");
    if endpoint.is_empty() {
        return Ok(());
    }
    Err(ArmError::network(
        "NicInUseWithPrivateEndpoint",
        format!(
            "Network interface {} is currently associated with private endpoint {endpoint} and cannot be deleted.",
            id.text
        ),
    ))
}

/// An interface that another resource has made for itself in a subnet.
pub(crate) fn made_for(
    ctx: &Ctx<'_>,
    id: &Id,
    location: &str,
    subnet: &str,
    address: IpAddr,
    owner: &str,
) -> Item {
    let configuration = id.child("ipConfigurations", "privateEndpointIpConfig");
    let doc = json!({
        "id": id.text, "name": id.name(), "type": NAME, "location": location, "etag": "W/\"0\"",
        "properties": {
            "provisioningState": "Succeeded", "privateEndpoint": { "id": owner }, "enableAcceleratedNetworking": false,
            "enableIPForwarding": false,
            "ipConfigurations": [{
                "id": configuration.text, "name": configuration.name(), "type": format!("{NAME}/ipConfigurations"),
                "properties": {
                    "provisioningState": "Succeeded", "privateIPAddress": address.to_string(),
                    "privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4", "primary": true,
                    "subnet": { "id": subnet },
                },
            }],
        },
    });
    let mut item = Item::new(&id.text, doc, ctx.now);
    item.links = vec![subnet.to_lowercase(), owner.to_lowercase()];
    item.list_as("azurerm_network_interface", &id.text, location, Some(owner));
    item
}
