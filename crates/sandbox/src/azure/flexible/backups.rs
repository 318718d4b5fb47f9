//! Backups of servers: Azure made one when the server was.

use serde_json::{Value, json};

use crate::azure::context::{Ctx, Input, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::kind::Kind;
use crate::azure::{engine, found, page};
use crate::http::HttpReply;

/// Answers a request about the backups of a server of a kind, `whole` the word for one of everything.
pub(in crate::azure) fn run(
    ctx: &Ctx<'_>,
    input: &Input<'_>,
    kind: &'static Kind,
    whole: &str,
) -> ArmResult<Option<HttpReply>> {
    let id = input.id.beside(kind.name, input.variable("serverName"));
    let server = engine::find(ctx, kind, &id)?;
    let row = made(server.at(ctx.now), kind, whole);
    if input.operation.name.ends_with("_ListByServer") {
        return page::reply(ctx, input, row.into_iter().collect()).map(Some);
    }
    let asked = input.variable("backupName");
    match row.filter(|row| text(row, "/name").eq_ignore_ascii_case(asked)) {
        Some(row) => found(&row),
        None => Err(ArmError::new(
            404,
            "ResourceNotFound",
            format!("The requested backup '{asked}' was not found."),
        )),
    }
}

/// The backup that there is: of the first moment that can be had back.
fn made(server: &Value, kind: &Kind, whole: &str) -> Option<Value> {
    let moment = text(server, "/properties/backup/earliestRestoreDate");
    if moment.is_empty() {
        return None;
    }
    let digits: String = moment.chars().filter(char::is_ascii_digit).collect();
    let name = format!("backup_{digits}");
    Some(json!({
        "id": format!("{}/backups/{name}", text(server, "/id")),
        "name": name,
        "type": format!("{}/backups", kind.name),
        "properties": { "backupType": whole, "completedTime": moment, "source": "Automatic" },
    }))
}
