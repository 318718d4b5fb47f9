//! Microsoft.OperationalInsights: workspaces, which can be recovered for a while after they are deleted.

use serde_json::json;

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Etag, Kind, Write};
use super::{engine, found, identity, page};
use crate::clock::{Millis, iso8601};
use crate::http::HttpReply;
use crate::latency::Work;

const NAME: &str = "Microsoft.OperationalInsights/workspaces";
const DELETED: &str = "Microsoft.OperationalInsights/deletedWorkspaces";

pub(crate) const KINDS: &[Kind] = &[Kind {
    etag: Etag::Plain("etag"),
    create: Work::WorkspaceCreate,
    prepare,
    removed,
    ..Kind::new(NAME, "azurerm_log_analytics_workspace")
}];

/// Days during which a deleted one can be recovered.
const KEPT: Millis = 14 * 24 * 3_600_000;

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        "SharedKeys_GetSharedKeys" | "SharedKeys_Regenerate" => {
            let id = input.id.beside(NAME, input.variable("workspaceName"));
            let mut item = engine::find(ctx, &KINDS[0], &id)?;
            if input.operation.name == "SharedKeys_Regenerate" {
                item.hidden = json!({ "primary": ctx.hex(64), "secondary": ctx.hex(64) });
                ctx.put(item.clone());
            }
            found(&json!({
                "primarySharedKey": item.hidden["primary"], "secondarySharedKey": item.hidden["secondary"],
            }))
        }
        "Workspaces_Delete" if input.query("force") == Some("true") => {
            // It is not kept: what `removed` reads.
            if let Some(item) = ctx.get(&input.id.text) {
                let mut item = item.edit();
                item.hidden["force"] = true.into();
                ctx.put(item);
            }
            Ok(None)
        }
        "DeletedWorkspaces_List" | "DeletedWorkspaces_ListByResourceGroup" => {
            let group = input.variable("resourceGroupName");
            let prefix = format!("/subscriptions/{}/", input.variable("subscriptionId"));
            let rows = ctx
                .of_kind(&prefix, DELETED)
                .iter()
                .map(|item| item.hidden.clone())
                .filter(|doc| {
                    group.is_empty()
                        || Id::new(text(doc, "/id"))
                            .group()
                            .eq_ignore_ascii_case(group)
                })
                .collect();
            page::reply(ctx, input, rows).map(Some)
        }
        _ => Ok(None),
    }
}

/// Where a deleted workspace is kept: not in its group, which may go away.
fn grave(id: &Id) -> Id {
    Id::new(format!(
        "/subscriptions/{}/providers/{DELETED}/{}--{}",
        id.subscription(),
        id.group().to_lowercase(),
        id.name().to_lowercase()
    ))
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_owned();
    let word = |c: char| c.is_ascii_alphanumeric();
    let good = (4..=63).contains(&name.len())
        && name.starts_with(word)
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || c == '-');
    if !good {
        return Err(ArmError::bad(
            "InvalidParameter",
            format!(
                "The workspace name '{name}' is invalid: it is of 4 to 63 letters, digits and '-', which stands neither first nor last."
            ),
        ));
    }
    write.carry(&[
        "/identity",
        "/properties/sku",
        "/properties/retentionInDays",
        "/properties/features",
        "/properties/workspaceCapping",
        "/properties/customerId",
        "/properties/createdDate",
    ]);
    identity::assign(ctx, write)?;
    // One that was deleted not long ago comes back.
    let grave = grave(write.id);
    if let (true, Some(old)) = (write.creates(), ctx.get(&grave.text)) {
        let customer = old.hidden["properties"]["customerId"].clone();
        set(&mut write.doc, "/properties/customerId", customer);
        ctx.remove(&grave.text);
    }
    let customer = ctx.uuid();
    let now = iso8601(ctx.now);
    for (member, value) in [
        ("sku/name", json!("PerGB2018")),
        ("retentionInDays", json!(30)),
        ("customerId", json!(customer)),
        ("createdDate", json!(now)),
        ("publicNetworkAccessForIngestion", json!("Enabled")),
        ("publicNetworkAccessForQuery", json!("Enabled")),
        (
            "features/enableLogAccessUsingOnlyResourcePermissions",
            json!(true),
        ),
        (
            "workspaceCapping",
            json!({ "dailyQuotaGb": -1.0, "dataIngestionStatus": "RespectQuota" }),
        ),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    set(&mut write.doc, "/properties/modifiedDate", now.as_str());
    set(&mut write.doc, "/properties/sku/lastSkuUpdate", now);
    let days = write.doc["properties"]["retentionInDays"]
        .as_i64()
        .unwrap_or_default();
    let free = text(&write.doc, "/properties/sku/name") == "Free";
    if !(free && days == 7 || (30..=730).contains(&days)) {
        return Err(ArmError::bad(
            "InvalidParameter",
            format!(
                "'RetentionInDays' property doesn't match the SKU limits: {days} is not within 30 to 730 days."
            ),
        ));
    }
    if write.hidden.is_null() {
        write.hidden = json!({ "primary": ctx.hex(64), "secondary": ctx.hex(64) });
    }
    Ok(())
}

fn removed(ctx: &mut Ctx<'_>, item: &Item, _until: Millis) -> ArmResult<()> {
    if item.hidden["force"] == true {
        return Ok(());
    }
    let id = Id::new(text(&item.doc, "/id"));
    let grave = grave(&id);
    let mut gone = Item::new(
        &grave.text,
        json!({ "type": DELETED, "id": grave.text }),
        ctx.now,
    );
    gone.hidden = item.doc.clone();
    gone.gone_at = Some(ctx.now.saturating_add(KEPT));
    ctx.put(gone);
    Ok(())
}
