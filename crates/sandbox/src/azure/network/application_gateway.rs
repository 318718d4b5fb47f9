//! Application gateways: everything of theirs is in one document.

use serde_json::{Value, json};

use super::load_balancer::{SUBNET, check_own_references, frontends};
use super::public_ip::check_zones;
use super::{begin, gateway_certificates};
use crate::azure::context::{Ctx, Input, default, items, items_mut, set, text};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::kind::{Kind, Part, Write};
use crate::azure::{identity, lro};
use crate::http::HttpReply;
use crate::latency::Work;

const NAME: &str = "Microsoft.Network/applicationGateways";

pub(crate) const KIND: Kind = Kind {
    create: Work::ArmGatewayCreate,
    update: Work::ArmGatewayDelete,
    delete: Work::ArmGatewayDelete,
    parts: &[
        Part::new("gatewayIPConfigurations", ""),
        Part::new("frontendIPConfigurations", ""),
        Part::new("frontendPorts", ""),
        Part::new("backendAddressPools", ""),
        Part::new("backendHttpSettingsCollection", ""),
        Part::new("httpListeners", ""),
        Part::new("requestRoutingRules", ""),
        Part::new("probes", ""),
        Part::new("sslCertificates", ""),
        Part::new("authenticationCertificates", ""),
        Part::new("trustedRootCertificates", ""),
        Part::new("trustedClientCertificates", ""),
        Part::new("sslProfiles", ""),
        Part::stateless("redirectConfigurations"),
        Part::untyped("rewriteRuleSets"),
        Part::new("urlPathMaps", ""),
        Part::new("privateLinkConfigurations", ""),
        Part::new("loadDistributionPolicies", ""),
    ],
    prepare,
    ..Kind::network(NAME, "azurerm_application_gateway")
};

/// Lists without which a gateway is none, and what is said of each.
const NEEDED: [(&str, &str); 7] = [
    (
        "gatewayIPConfigurations",
        "ApplicationGatewayGatewayIpConfigurationCannotBeEmpty",
    ),
    (
        "frontendIPConfigurations",
        "ApplicationGatewayFrontendIpConfigurationCannotBeEmpty",
    ),
    (
        "frontendPorts",
        "ApplicationGatewayFrontendPortCannotBeEmpty",
    ),
    (
        "backendAddressPools",
        "ApplicationGatewayBackendAddressPoolCannotBeEmpty",
    ),
    (
        "backendHttpSettingsCollection",
        "ApplicationGatewayBackendHttpSettingsCannotBeEmpty",
    ),
    (
        "httpListeners",
        "ApplicationGatewayHttpListenerCannotBeEmpty",
    ),
    (
        "requestRoutingRules",
        "ApplicationGatewayRequestRoutingRuleCannotBeEmpty",
    ),
];

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    begin(ctx, write, NAME)?;
    write.carry(&["/properties/operationalState"]);
    default(&mut write.doc, "/properties/operationalState", "Running");
    default(&mut write.doc, "/properties/enableHttp2", false);
    default(
        &mut write.doc,
        "/properties/defaultPredefinedSslPolicy",
        "AppGwSslPolicy20220101",
    );
    identity::assign(ctx, write)?;
    let id = write.id.clone();
    let sku = text(&write.doc, "/properties/sku/name").to_owned();
    let tier = text(&write.doc, "/properties/sku/tier").to_owned();
    if sku.is_empty() || !sku.eq_ignore_ascii_case(&tier) && sku.ends_with("_v2") {
        return Err(ArmError::network(
            "ApplicationGatewaySkuInvalid",
            format!(
                "Application Gateway {} has SKU '{sku}' and tier '{tier}', which do not go together.",
                id.text
            ),
        ));
    }
    let second = sku.ends_with("_v2") || sku == "Basic";
    if !second {
        return Err(ArmError::network(
            "ApplicationGatewayV1SkuCreationNotAllowed",
            format!(
                "Application Gateway {} cannot be made with SKU '{sku}': V1 is retired.",
                id.text
            ),
        ));
    }
    set(&mut write.doc, "/properties/sku/family", "Generation_2");
    let scales = write.doc["properties"]["autoscaleConfiguration"].is_object();
    if scales == write.doc["properties"]["sku"]["capacity"].is_i64() {
        return Err(ArmError::network(
            "ApplicationGatewayAutoscaleConfigurationOrCapacity",
            format!(
                "Application Gateway {} must have either a capacity or an autoscale configuration.",
                id.text
            ),
        ));
    }
    for (list, code) in NEEDED {
        if items(&write.doc, &format!("/properties/{list}"))
            .next()
            .is_none()
        {
            return Err(ArmError::network(
                code,
                format!(
                    "Application Gateway {} must have at least one of {list}.",
                    id.text
                ),
            ));
        }
    }
    check_zones(&write.doc)?;
    if write.changed("/zones") {
        return Err(ArmError::network(
            "ResourceAvailabilityZonesCannotBeModified",
            format!(
                "Resource {} has an existing availability zone constraint, which cannot be changed.",
                id.text
            ),
        ));
    }
    subnets(ctx, write)?;
    frontends(ctx, write, NAME)?;
    listeners(write)?;
    gateway_certificates::check(ctx, write)?;
    for part in KIND.parts {
        default(
            &mut write.doc,
            &format!("/properties/{}", part.field),
            json!([]),
        );
    }
    check_own_references(write)
}

/// A gateway has its subnet for itself and other gateways.
fn subnets(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let id = write.id.clone();
    let count = items(&write.doc, "/properties/gatewayIPConfigurations").count();
    for at in 0..count {
        let pointer = format!("/properties/gatewayIPConfigurations/{at}/properties/subnet");
        let Some(subnet) = write.attach(ctx, &pointer, SUBNET)? else {
            return Err(ArmError::network(
                "ApplicationGatewayGatewayIpConfigurationSubnetMissing",
                format!("A gateway IP configuration of {} names no subnet.", id.text),
            ));
        };
        let network = subnet.parent();
        let others: Vec<_> = ctx
            .users(&subnet.text, &network.text)
            .into_iter()
            .filter(|user| !user.to_lowercase().contains("/applicationgateways/"))
            .collect();
        if !others.is_empty() {
            return Err(ArmError::network(
                "ApplicationGatewaySubnetCannotBeUsedByOtherResources",
                format!(
                    "Subnet {} cannot be used for Application Gateway {} since it has other resources deployed: {}.",
                    subnet.text,
                    id.text,
                    others.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

fn listeners(write: &mut Write<'_>) -> ArmResult<()> {
    let id = write.id.text.clone();
    for settings in items_mut(&mut write.doc, "/properties/backendHttpSettingsCollection") {
        default(settings, "/properties/cookieBasedAffinity", "Disabled");
        default(settings, "/properties/requestTimeout", 30);
        default(
            settings,
            "/properties/pickHostNameFromBackendAddress",
            false,
        );
    }
    for pool in items_mut(&mut write.doc, "/properties/backendAddressPools") {
        default(pool, "/properties/backendAddresses", json!([]));
    }
    for listener in items_mut(&mut write.doc, "/properties/httpListeners") {
        default(listener, "/properties/requireServerNameIndication", false);
        default(listener, "/properties/hostNames", json!([]));
        let https = text(listener, "/properties/protocol") == "Https";
        let certified = !text(listener, "/properties/sslCertificate/id").is_empty();
        if https != certified {
            return Err(ArmError::network(
                "ApplicationGatewayHttpsListenerMustReferenceSslCert",
                format!(
                    "Listener {} of {id}: an SSL certificate is named for Https, and for it only.",
                    text(listener, "/name")
                ),
            ));
        }
    }
    let mut priorities: Vec<i64> = Vec::new();
    for rule in items_mut(&mut write.doc, "/properties/requestRoutingRules") {
        let name = text(rule, "/name").to_owned();
        default(rule, "/properties/ruleType", "Basic");
        let Some(priority) = rule["properties"]["priority"].as_i64() else {
            return Err(ArmError::network(
                "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
                format!(
                    "Priority for the request routing rule {name} of {id} cannot be empty. All the request routing rules should have a priority value defined starting from api-version 2021-08-01."
                ),
            ));
        };
        if !(1..=20_000).contains(&priority) || priorities.contains(&priority) {
            return Err(ArmError::network(
                "ApplicationGatewayRequestRoutingRulePriorityInvalid",
                format!(
                    "Priority {priority} of the request routing rule {name} of {id} is out of 1 to 20000 or used twice."
                ),
            ));
        }
        priorities.push(priority);
    }
    Ok(())
}

/// Starts or stops a gateway.
pub(crate) fn power(ctx: &mut Ctx<'_>, input: &Input<'_>, state: &str) -> ArmResult<HttpReply> {
    let id = input.id.clone();
    let mut item = engine::find(ctx, &KIND, &id)?;
    if item.deleting() || item.busy(ctx.now).is_some() {
        return Err((KIND.busy)(ctx, &item, &id));
    }
    item.settle(ctx.now);
    let mut then = item.doc.clone();
    set(&mut then, "/properties/operationalState", state);
    let until = ctx.due(Work::ArmGatewayDelete);
    let location = engine::location_of(ctx, &id);
    let begun = lro::begin(ctx, input, &id, &location, until, None);
    engine::work(&mut item, "Updating", until, &begun.operation, then);
    item.settle(ctx.now);
    ctx.put(item);
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}

/// The health of what is behind a gateway: of its pools' addresses, all healthy.
pub(crate) fn health(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let item = engine::find(ctx, &KIND, &input.id)?;
    let doc = item.at(ctx.now);
    let pools: Vec<Value> = items(doc, "/properties/backendAddressPools")
        .map(|pool| {
            let servers: Vec<Value> = items(pool, "/properties/backendAddresses")
                .map(|address| {
                    let name = match text(address, "/ipAddress") {
                        "" => text(address, "/fqdn"),
                        ip => ip,
                    };
                    json!({ "address": name, "health": "Healthy" })
                })
                .collect();
            let settings = items(doc, "/properties/backendHttpSettingsCollection").next();
            json!({
                "backendAddressPool": { "id": pool["id"] },
                "backendHttpSettingsCollection": [{
                    "backendHttpSettings": { "id": settings.map_or("", |one| text(one, "/id")) }, "servers": servers,
                }],
            })
        })
        .collect();
    Ok(HttpReply::json(
        200,
        &json!({ "backendAddressPools": pools }),
    ))
}
