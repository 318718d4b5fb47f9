//! The network of a cluster: ranges of pods and services, how packets go, and which way out they take.

use ipnet::IpNet;
use serde_json::json;

use super::cluster::refuse;
use crate::azure::context::{Ctx, default, items, set, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::kind::Write;
use crate::azure::network::{first_range, overlap};

/// Checks the network of a cluster, and completes it.
pub(super) fn check(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let base = "/properties/networkProfile";
    for (member, value) in [
        ("networkPlugin", "azure"),
        ("loadBalancerSku", "standard"),
        ("outboundType", "loadBalancer"),
        ("serviceCidr", "10.0.0.0/16"),
        ("dnsServiceIP", "10.0.0.10"),
        ("networkPolicy", "none"),
    ] {
        default(&mut write.doc, &format!("{base}/{member}"), value);
    }
    let get =
        |write: &Write<'_>, member: &str| text(&write.doc, &format!("{base}/{member}")).to_owned();
    let plugin = get(write, "networkPlugin");
    if write.creates()
        && plugin == "azure"
        && write
            .doc
            .pointer(&format!("{base}/networkPluginMode"))
            .is_none()
        && get(write, "podCidr").is_empty()
    {
        let flat = items(&write.doc, "/properties/agentPoolProfiles")
            .any(|pool| !text(pool, "/podSubnetID").is_empty());
        if !flat {
            set(
                &mut write.doc,
                &format!("{base}/networkPluginMode"),
                "overlay",
            );
        }
    }
    let overlay = get(write, "networkPluginMode") == "overlay" || plugin == "kubenet";
    let cilium = get(write, "networkPolicy") == "cilium";
    default(
        &mut write.doc,
        &format!("{base}/networkDataplane"),
        if cilium { "cilium" } else { "azure" },
    );
    if get(write, "networkDataplane") == "cilium" && (!cilium || plugin != "azure") {
        return refuse("The network dataplane cilium needs the network policy cilium and the network plugin azure.".to_owned(), "networkProfile.networkDataplane");
    }
    if cilium && get(write, "networkDataplane") != "cilium" {
        return refuse(
            "The network policy cilium needs the network dataplane cilium.".to_owned(),
            "networkProfile.networkPolicy",
        );
    }
    if overlay {
        default(&mut write.doc, &format!("{base}/podCidr"), "10.244.0.0/16");
    }
    let (pod, service, dns) = (
        get(write, "podCidr"),
        get(write, "serviceCidr"),
        get(write, "dnsServiceIP"),
    );
    let read = |value: &str, member: &str| -> ArmResult<IpNet> {
        value.parse().or_else(|_| refuse(format!("The value of parameter networkProfile.{member} is invalid: '{value}' is not a CIDR."), &format!("networkProfile.{member}")))
    };
    let services = read(&service, "serviceCidr")?;
    let pods = if pod.is_empty() {
        None
    } else {
        Some(read(&pod, "podCidr")?)
    };
    if let Some(pods) = &pods {
        set(&mut write.doc, &format!("{base}/podCidrs"), json!([pod]));
        if overlap(pods, &services) {
            return refuse(
                format!("The pod CIDR {pod} and the service CIDR {service} overlap."),
                "networkProfile.podCidr",
            );
        }
    }
    set(
        &mut write.doc,
        &format!("{base}/serviceCidrs"),
        json!([service]),
    );
    default(
        &mut write.doc,
        &format!("{base}/ipFamilies"),
        json!(["IPv4"]),
    );
    let address: Option<std::net::IpAddr> = dns.parse().ok();
    if !address.is_some_and(|address| services.contains(&address) && address != services.network())
    {
        return refuse(
            format!("The DNS service IP {dns} is not in the service CIDR {service}."),
            "networkProfile.dnsServiceIP",
        );
    }
    for profile in items(&write.doc, "/properties/agentPoolProfiles") {
        let subnet = text(profile, "/vnetSubnetID");
        let Some(element) = crate::azure::parts::get(ctx, &Id::new(subnet)) else {
            continue;
        };
        let range = first_range(&element);
        for (member, other, code) in [
            (
                "service",
                Some(&services),
                "ServiceCidrOverlapExistingSubnetsCidr",
            ),
            ("pod", pods.as_ref(), "PodCidrOverlapExistingSubnetsCidr"),
        ] {
            if let (Some(range), Some(other)) = (&range, other)
                && overlap(range, other)
            {
                return Err(ArmError::bad(
                    code,
                    format!("The specified {member} CIDR {other} is conflicted with an existing subnet CIDR {range}. For more information, please see https://aka.ms/aks/servicecidroverlap"),
                )
                .target(format!("networkProfile.{member}Cidr")));
            }
        }
        let outbound = text(&write.doc, &format!("{base}/outboundType"));
        let needs = match outbound {
            "userAssignedNATGateway" => ("natGateway", "ExistingNATGatewayNotAssociatedWithSubnet"),
            "userDefinedRouting" => ("routeTable", "ExistingRouteTableNotAssociatedWithSubnet"),
            _ => continue,
        };
        if text(&element, &format!("/properties/{}/id", needs.0)).is_empty() {
            return Err(ArmError::bad(
                needs.1,
                format!(
                    "An existing {} has not been associated with subnet {subnet}, which outbound type {outbound} needs.",
                    needs.0
                ),
            ));
        }
    }
    let own = items(&write.doc, "/properties/agentPoolProfiles")
        .any(|pool| !text(pool, "/vnetSubnetID").is_empty());
    let outbound = get(write, "outboundType");
    if write.creates()
        && !own
        && matches!(
            outbound.as_str(),
            "userAssignedNATGateway" | "userDefinedRouting"
        )
    {
        return refuse(
            format!("Outbound type {outbound} needs a subnet of your own in every agent pool."),
            "networkProfile.outboundType",
        );
    }
    if outbound == "loadBalancer" {
        let given = write
            .doc
            .pointer(&format!("{base}/loadBalancerProfile"))
            .cloned()
            .unwrap_or(json!({}));
        let none = given["outboundIPs"].is_null() && given["outboundIPPrefixes"].is_null();
        if none {
            default(
                &mut write.doc,
                &format!("{base}/loadBalancerProfile/managedOutboundIPs/count"),
                1,
            );
        }
        default(
            &mut write.doc,
            &format!("{base}/loadBalancerProfile/backendPoolType"),
            "NodeIPConfiguration",
        );
        let count = items(
            &write.doc,
            &format!("{base}/loadBalancerProfile/outboundIPs/publicIPs"),
        )
        .count();
        for at in 0..count {
            write.refer(
                ctx,
                &format!("{base}/loadBalancerProfile/outboundIPs/publicIPs/{at}/id"),
            )?;
        }
    } else {
        unset(&mut write.doc, &format!("{base}/loadBalancerProfile"));
    }
    Ok(())
}
