//! Microsoft.DBforMySQL: flexible servers, with their databases, rules and settings.

mod capability;
mod child;
mod configuration;
mod server;

use serde_json::json;

use super::context::{Ctx, Input, merge, text};
use super::error::{ArmError, ArmResult};
use super::flexible::{self, backups, settings};
use super::kind::Kind;
use super::{found, page};
use crate::http::HttpReply;

pub(crate) const KINDS: &[Kind] = &[
    server::KIND,
    child::DATABASE,
    child::FIREWALL,
    configuration::KIND,
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let name = input.operation.name;
    match name {
        "LocationBasedCapabilitySet_List" => {
            return page::reply(ctx, input, vec![capability::of(input)]).map(Some);
        }
        "LocationBasedCapabilitySet_Get" => {
            let asked = input.variable("capabilitySetName");
            if asked.eq_ignore_ascii_case(capability::NAME) {
                return found(&capability::of(input));
            }
            return Err(ArmError::new(
                404,
                "ResourceNotFound",
                format!("The capability set '{asked}' was not found."),
            ));
        }
        "CheckNameAvailability_Execute" | "CheckNameAvailabilityWithoutLocation_Execute" => {
            let mut answer = json!({ "nameAvailable": true });
            let asked = text(&input.body, "/name");
            merge(
                &mut answer,
                &flexible::availability(ctx, &server::ENGINE, asked),
            );
            return found(&answer);
        }
        "Servers_Start" | "Servers_Stop" | "Servers_Restart" => {
            return flexible::power(ctx, input, &server::KIND, &configuration::TABLE).map(Some);
        }
        _ => {}
    }
    if name.starts_with("Backups_") {
        return backups::run(ctx, input, &server::KIND, "FULL");
    }
    match flexible::ready(ctx, input, &server::ENGINE)? {
        Some(server) if name.starts_with("Configurations_") => {
            settings::run(ctx, input, &server, &configuration::TABLE)
        }
        _ => Ok(None),
    }
}
