//! Compute Engine: networks and load balancing. `engine` serves the verbs that all kinds have, from their descriptions;
//! the other files describe the kinds.

pub(crate) mod address;
mod backend_service;
mod certificate;
mod endpoint_group;
mod engine;
mod filter;
mod firewall;
mod forwarding_rule;
pub(crate) mod group;
mod health_check;
pub(crate) mod kind;
pub(crate) mod machine_type;
mod network;
mod operation;
mod place;
pub(crate) mod reference;
mod router;
mod security_policy;
mod ssl_policy;
pub(crate) mod subnetwork;
mod url_map;

use self::kind::Kind;
use super::context::{Ctx, Input};
use super::error::{GoogleError, GoogleResult};
use crate::http::HttpReply;

/// All kinds.
const KINDS: &[&Kind] = &[
    &network::KIND,
    &subnetwork::KIND,
    &router::KIND,
    &address::REGIONAL,
    &address::GLOBAL,
    &firewall::KIND,
    &health_check::GLOBAL,
    &health_check::REGIONAL,
    &endpoint_group::ZONAL,
    &endpoint_group::REGIONAL,
    &endpoint_group::GLOBAL,
    &group::KIND,
    &group::MANAGERS,
    &backend_service::GLOBAL,
    &backend_service::REGIONAL,
    &backend_service::BUCKETS,
    &url_map::KIND,
    &url_map::HTTP_PROXIES,
    &url_map::HTTPS_PROXIES,
    &url_map::TCP_PROXIES,
    &url_map::SSL_PROXIES,
    &certificate::KIND,
    &ssl_policy::KIND,
    &security_policy::KIND,
    &forwarding_rule::GLOBAL,
    &forwarding_rule::REGIONAL,
];

/// Verbs that some kinds have besides the usual ones.
type Custom = fn(&mut Ctx<'_>, &Kind, &Input<'_>) -> GoogleResult<HttpReply>;

const CUSTOM: &[(&str, Custom)] = &[
    ("networks.switchToCustomMode", network::switch_to_custom),
    ("networks.addPeering", network::add_peering),
    ("networks.removePeering", network::remove_peering),
    ("subnetworks.expandIpCidrRange", subnetwork::expand),
    (
        "subnetworks.setPrivateIpGoogleAccess",
        subnetwork::set_private_access,
    ),
    ("routers.getRouterStatus", router::status),
    ("sslPolicies.listAvailableFeatures", ssl_policy::features),
    ("securityPolicies.patch", security_policy::patch),
    ("securityPolicies.addRule", security_policy::add_rule),
    ("securityPolicies.getRule", security_policy::get_rule),
    ("securityPolicies.patchRule", security_policy::patch_rule),
    ("securityPolicies.removeRule", security_policy::remove_rule),
    (
        "backendServices.setSecurityPolicy",
        backend_service::set_security_policy,
    ),
    ("instanceGroups.setNamedPorts", group::set_named_ports),
    ("instanceGroups.addInstances", group::add_instances),
    ("instanceGroups.removeInstances", group::remove_instances),
    ("instanceGroups.listInstances", group::list_instances),
    (
        "instanceGroupManagers.listManagedInstances",
        group::list_managed,
    ),
    (
        "globalForwardingRules.setTarget",
        forwarding_rule::set_target,
    ),
    ("forwardingRules.setTarget", forwarding_rule::set_target),
];

/// Verbs that set some fields of any kind that has them.
const ASSIGN: [&str; 6] = [
    "setUrlMap",
    "setSslCertificates",
    "setSslPolicy",
    "setQuicOverride",
    "setBackendService",
    "setProxyHeader",
];

/// An address of Google's out of digits.
pub(crate) fn address_of(hex: &str) -> String {
    let number = u32::from_str_radix(hex.get(..6).unwrap_or_default(), 16).unwrap_or_default();
    let [_, a, b, c] = number.to_be_bytes();
    format!("34.{a}.{b}.{c}")
}

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let method = input.method;
    match method.resource.as_str() {
        "zones" | "regions" | "projects" => return place::run(ctx, input),
        "machineTypes" => return machine_type::run(input),
        "globalOperations" | "regionOperations" | "zoneOperations" => {
            return operation::run(ctx, input);
        }
        _ => {}
    }
    let kind = KINDS.iter().find(|kind| kind.resource == method.resource);
    let Some(kind) = kind else {
        return Err(unserved(input));
    };
    let custom = CUSTOM.iter().find(|(name, _)| *name == method.name);
    if let Some((_, custom)) = custom {
        return custom(ctx, kind, input);
    }
    match method.verb {
        "insert" => engine::insert(ctx, kind, input),
        "get" => engine::get(ctx, kind, input),
        "list" => engine::list(ctx, kind, input),
        "aggregatedList" => engine::aggregated(ctx, kind, input),
        "patch" => engine::patch(ctx, kind, input),
        "update" => engine::update(ctx, kind, input),
        "delete" => engine::delete(ctx, kind, input),
        "setLabels" => engine::set_labels(ctx, kind, input),
        "attachNetworkEndpoints" | "detachNetworkEndpoints" => {
            endpoint_group::change(ctx, kind, input)
        }
        "listNetworkEndpoints" => endpoint_group::list(ctx, kind, input),
        "getHealth" => backend_service::health(ctx, kind, input),
        verb if ASSIGN.contains(&verb) => engine::assign(ctx, kind, input, verb),
        _ => Err(unserved(input)),
    }
}

fn unserved(input: &Input<'_>) -> GoogleError {
    GoogleError::not_found(format!(
        "The sandbox does not serve compute.{}",
        input.method.name
    ))
}
