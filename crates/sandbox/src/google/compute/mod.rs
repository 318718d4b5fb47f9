//! Compute Engine: networks and load balancing. `engine` serves the verbs that all kinds have, from their descriptions;
//! the other files describe the kinds.

mod engine;
mod filter;
mod kind;
mod network;
mod operation;
mod place;
mod reference;
mod subnetwork;

use self::kind::Kind;
use super::context::{Ctx, Input};
use super::error::{GoogleError, GoogleResult};
use crate::http::HttpReply;

/// All kinds.
const KINDS: &[&Kind] = &[&network::KIND, &subnetwork::KIND];

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
];

/// Answers a request.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> GoogleResult<HttpReply> {
    let method = input.method;
    match method.resource.as_str() {
        "zones" | "regions" | "projects" => return place::run(ctx, input),
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
        _ => Err(unserved(input)),
    }
}

fn unserved(input: &Input<'_>) -> GoogleError {
    GoogleError::not_found(format!(
        "The sandbox does not serve compute.{}",
        input.method.name
    ))
}
