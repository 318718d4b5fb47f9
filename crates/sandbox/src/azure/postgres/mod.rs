//! Microsoft.DBforPostgreSQL: flexible servers, with their databases, rules, settings and administrators.

mod capability;
mod child;
mod configuration;
mod server;

use serde_json::json;

use super::context::{Ctx, Input, merge, text};
use super::error::ArmResult;
use super::flexible::{self, backups, settings};
use super::kind::Kind;
use super::{found, page, usage};
use crate::http::HttpReply;

pub(crate) const KINDS: &[Kind] = &[
    server::KIND,
    child::DATABASE,
    child::FIREWALL,
    child::ADMINISTRATOR,
    configuration::KIND,
];

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    let name = input.operation.name;
    match name {
        "CapabilitiesByLocation_List" => {
            let rows = vec![capability::of(input.variable("locationName"))];
            return page::reply(ctx, input, rows).map(Some);
        }
        "NameAvailability_CheckGlobally" | "NameAvailability_CheckWithLocation" => {
            let asked = text(&input.body, "/name").to_owned();
            let mut answer = json!({ "name": asked, "type": "Microsoft.DBforPostgreSQL/flexibleServers", "nameAvailable": true });
            merge(
                &mut answer,
                &flexible::availability(ctx, &server::ENGINE, &asked),
            );
            return found(&answer);
        }
        "QuotaUsages_List" => {
            let location = input.variable("locationName").to_owned();
            let used = server::cores(ctx, &location);
            let mut row = usage("cores", "Total Regional vCores", used, server::CORES);
            row["id"] = format!("/subscriptions/{}/providers/Microsoft.DBforPostgreSQL/locations/{location}/usages/cores", input.variable("subscriptionId")).into();
            return page::reply(ctx, input, vec![row]).map(Some);
        }
        "Servers_Start" | "Servers_Stop" | "Servers_Restart" => {
            return flexible::power(ctx, input, &server::KIND, &configuration::TABLE).map(Some);
        }
        _ => {}
    }
    if name.starts_with("BackupsAutomaticAndOnDemand_") {
        return backups::run(ctx, input, &server::KIND, "Full");
    }
    match flexible::ready(ctx, input, &server::ENGINE)? {
        Some(server) if name.starts_with("Configurations_") => {
            settings::run(ctx, input, &server, &configuration::TABLE)
        }
        _ => Ok(None),
    }
}
