//! Servers that begin as a copy of another one.

use super::{Engine, refuse};
use crate::azure::context::{Ctx, default, set, unset};
use crate::azure::error::ArmResult;
use crate::azure::kind::Write;

/// The first moment that a server can be restored to.
pub(in crate::azure) const FIRST: &str = "/properties/backup/earliestRestoreDate";

/// A copy takes what its source is.
pub(in crate::azure) fn source(
    ctx: &Ctx<'_>,
    of: &Engine,
    write: &mut Write<'_>,
    mode: &str,
) -> ArmResult<()> {
    let Some(id) = write.refer(ctx, "/properties/sourceServerResourceId")? else {
        return refuse(
            "MissingRequiredParameter",
            format!("createMode {mode} needs 'sourceServerResourceId'."),
        );
    };
    let Some(item) = ctx.get(&id.text) else {
        return refuse(
            "SourceServerNotFound",
            format!("The source server {} was not found.", id.text),
        );
    };
    let from = item.at(ctx.now).clone();
    for pointer in [
        "/sku",
        "/properties/version",
        "/properties/storage",
        "/properties/administratorLogin",
    ] {
        if let Some(value) = from.pointer(pointer) {
            default(&mut write.doc, pointer, value.clone());
        }
    }
    if mode == "Replica" {
        set(&mut write.doc, "/properties/replicationRole", of.replica);
    } else {
        unset(&mut write.doc, "/properties/sourceServerResourceId");
        write.links.clear();
    }
    Ok(())
}
