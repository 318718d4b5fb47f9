//! What flexible servers have in common, whether they run PostgreSQL or MySQL: names, sizes, access, networks, settings, and that
//! a server does one thing at a time.

mod access;
pub(super) mod backups;
mod copies;
mod network;
pub(super) mod settings;

pub(super) use access::{encryption, login};
pub(super) use copies::{FIRST, source};
pub(super) use network::{check as network, open, removed};

use serde_json::Value;

use super::context::{Ctx, Input, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::Kind;
use super::{engine, lro};
use crate::http::HttpReply;
use crate::latency::Work;

/// What is otherwise from one to the other.
#[derive(Debug)]
pub(super) struct Engine {
    /// `Microsoft.DBforPostgreSQL/flexibleServers`
    pub(super) name: &'static str,
    /// The domain of its servers.
    pub(super) domain: &'static str,
    /// Where a server names its private zone.
    pub(super) zone: &'static str,
    /// How long the name of an administrator may be.
    pub(super) login: usize,
    /// How none may begin.
    pub(super) prefix: &'static str,
    /// What a copy that follows its source is called.
    pub(super) replica: &'static str,
}

pub(super) fn refuse<T>(code: &str, message: String) -> ArmResult<T> {
    Err(ArmError::bad(code, message))
}

pub(super) fn check_name(name: &str) -> ArmResult<()> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (3..=63).contains(&name.len())
        && name.starts_with(word)
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || c == '-');
    if good {
        return Ok(());
    }
    refuse(
        "InvalidServerName",
        format!(
            "Specified server name '{name}' is invalid: it is of 3 to 63 lower-case letters, digits and hyphens, and begins and ends with no hyphen."
        ),
    )
}

/// Refuses a new server whose name is none, or that another has: names are those of the whole cloud.
pub(super) fn check_new(ctx: &Ctx<'_>, of: &Engine, id: &Id, creates: bool) -> ArmResult<()> {
    check_name(id.name())?;
    if creates && taken(ctx, of, id.name(), &id.key()) {
        return Err(ArmError::conflict(
            "ServerNameAlreadyExists",
            "Specified server name is already used.",
        ));
    }
    Ok(())
}

/// Whether another server has a name.
fn taken(ctx: &Ctx<'_>, of: &Engine, name: &str, own: &str) -> bool {
    ctx.named(of.name, name).iter().any(|item| item.id != own)
}

/// Whether a name can be had: the members that tell.
pub(super) fn availability(ctx: &Ctx<'_>, of: &Engine, name: &str) -> Value {
    let wrong = |reason: &str, message: String| serde_json::json!({ "nameAvailable": false, "reason": reason, "message": message });
    match check_name(name) {
        Err(error) => wrong("Invalid", error.message),
        Ok(()) if taken(ctx, of, name, "") => wrong(
            "AlreadyExists",
            "Specified server name is already used.".to_owned(),
        ),
        Ok(()) => serde_json::json!({ "nameAvailable": true }),
    }
}

/// The cores of a size: `Standard_D4s_v3`, `Standard_B1ms`.
pub(super) fn cores_of(sku: &str) -> usize {
    let digits: String = sku
        .trim_start_matches("Standard_")
        .chars()
        .skip_while(char::is_ascii_alphabetic)
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

/// The server that a request is about.
fn owner(input: &Input<'_>, of: &Engine) -> Option<Id> {
    let name = input.variable("serverName");
    (!name.is_empty()).then(|| input.id.beside(of.name, name))
}

/// The server that a request is about, where it is there: a change is refused while the server cannot take it.
pub(super) fn ready(ctx: &Ctx<'_>, input: &Input<'_>, of: &Engine) -> ArmResult<Option<Item>> {
    let Some(owner) = owner(input, of) else {
        return Ok(None);
    };
    let Some(item) = ctx.get(&owner.text).map(|item| item.edit()) else {
        return Ok(None);
    };
    let name = input.operation.name;
    if !matches!(input.operation.http, "PUT" | "PATCH" | "DELETE") {
        return Ok(Some(item));
    }
    if let Some(error) = busy(ctx, &item, name == "Servers_Delete") {
        return Err(error);
    }
    let below = !name.starts_with("Servers_");
    if below && text(item.at(ctx.now), "/properties/state") == "Stopped" {
        return Err(ArmError::conflict(
            "ServerNotInReadyState",
            format!(
                "Server '{}' is stopped: it must be ready for this operation.",
                owner.name()
            ),
        ));
    }
    Ok(Some(item))
}

/// What is said while anything of a server is being changed.
fn busy(ctx: &Ctx<'_>, item: &Item, deletes: bool) -> Option<ArmError> {
    let below = ctx.below(&format!("{}/", item.id));
    let own = item.busy(ctx.now).is_some();
    let child = below.iter().any(|child| child.busy(ctx.now).is_some());
    (own || child && !deletes).then(|| {
        ArmError::conflict(
            "ServerIsBusy",
            format!(
                "Cannot complete operation while server '{}' is busy processing another operation. Please try again later.",
                text(&item.doc, "/name")
            ),
        )
    })
}

/// Starts, stops or restarts a server.
pub(super) fn power(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    kind: &'static Kind,
    settings: &settings::Table,
) -> ArmResult<HttpReply> {
    let mut item = engine::find(ctx, kind, &input.id)?;
    if let Some(error) = busy(ctx, &item, false) {
        return Err(error);
    }
    item.settle(ctx.now);
    let state = text(&item.doc, "/properties/state").to_owned();
    let (verb, becomes) = match input.operation.name {
        "Servers_Start" => ("Starting", "Ready"),
        "Servers_Stop" => ("Stopping", "Stopped"),
        // MySQL's servers have no state of their own while they restart.
        _ if kind.name.contains("MySQL") => ("Updating", "Ready"),
        _ => ("Restarting", "Ready"),
    };
    let wrong = match verb {
        "Starting" => state != "Stopped",
        _ => state != "Ready",
    };
    if wrong {
        return Err(ArmError::conflict(
            "InvalidServerState",
            format!("The operation is not allowed on a server that is {state}."),
        ));
    }
    let mut then = item.doc.clone();
    set(&mut then, "/properties/state", becomes);
    if input.operation.name == "Servers_Restart" {
        settings::restarted(ctx, &item, settings);
    }
    let until = ctx.due(Work::FlexibleServerUpdate);
    let location = text(&item.doc, "/location").to_owned();
    let id = input.id.clone();
    let begun = lro::begin(ctx, input, &id, &location, until, None);
    engine::work(&mut item, verb, until, &begun.operation, then);
    item.settle(ctx.now);
    ctx.put(item);
    Ok(begun.onto(HttpReply::new(202, "application/json", "")))
}
