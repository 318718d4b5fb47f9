//! Settings of a server: each has a value from the beginning, and is never taken away.

use serde_json::{Value, json};

use crate::azure::context::{Ctx, Input, set, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::id::Id;
use crate::azure::item::Item;
use crate::azure::kind::Write;
use crate::azure::{engine, found, page};
use crate::http::HttpReply;

/// A setting: its name, type, value, what it may be, whether it takes effect at once.
#[derive(Debug)]
pub(in crate::azure) struct Setting(
    pub(in crate::azure) &'static str,
    pub(in crate::azure) &'static str,
    pub(in crate::azure) &'static str,
    pub(in crate::azure) &'static str,
    pub(in crate::azure) bool,
);

/// The settings of the servers of a database.
#[derive(Debug)]
pub(in crate::azure) struct Table {
    /// The type of resource.
    pub(in crate::azure) kind: &'static str,
    pub(in crate::azure) product: &'static str,
    /// Where each is documented.
    pub(in crate::azure) documentation: &'static str,
    /// Whether its models say yes and no as `True` and `False`, and its values are shown as the service writes them.
    pub(in crate::azure) worded: bool,
    pub(in crate::azure) settings: &'static [Setting],
}

impl Table {
    fn find(&self, name: &str) -> ArmResult<&'static Setting> {
        self.settings
            .iter()
            .find(|setting| setting.0.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                ArmError::new(
                    404,
                    "ConfigurationNotExists",
                    format!(
                        "The configuration '{name}' does not exist for {} server.",
                        self.product
                    ),
                )
            })
    }

    fn flag(&self, on: bool) -> Value {
        match (self.worded, on) {
            (false, on) => on.into(),
            (true, true) => "True".into(),
            (true, false) => "False".into(),
        }
    }

    fn document(
        &self,
        server: &Id,
        setting: &Setting,
        value: &str,
        source: &str,
        pending: bool,
    ) -> Value {
        let Setting(name, kind, usual, allowed, dynamic) = setting;
        engine::document(
            &server.child("configurations", name),
            json!({
                "value": value, "source": source, "defaultValue": usual, "dataType": kind, "allowedValues": allowed,
                "description": format!("The server parameter {name}."), "isDynamicConfig": self.flag(*dynamic),
                "isReadOnly": self.flag(false), "isConfigPendingRestart": self.flag(pending),
                "documentationLink": format!("{}#{name}", self.documentation),
            }),
        )
    }

    fn shown(&self, ctx: &Ctx<'_>, server: &Id, setting: &Setting) -> Value {
        let id = server.child("configurations", setting.0);
        match ctx.get(&id.text) {
            Some(item) => item.at(ctx.now).clone(),
            None => self.document(server, setting, setting.2, "system-default", false),
        }
    }
}

/// Answers a request; a change goes on as one of any type.
pub(in crate::azure) fn run(
    ctx: &mut Ctx<'_>,
    input: &Input<'_>,
    owner: &Item,
    table: &Table,
) -> ArmResult<Option<HttpReply>> {
    let server = Id::new(text(&owner.doc, "/id"));
    if input.operation.name == "Configurations_ListByServer" {
        let rows = table
            .settings
            .iter()
            .map(|setting| table.shown(ctx, &server, setting))
            .collect();
        return page::reply(ctx, input, rows).map(Some);
    }
    let setting = table.find(input.variable("configurationName"))?;
    if input.operation.http == "GET" {
        return found(&table.shown(ctx, &server, setting));
    }
    let id = server.child("configurations", setting.0);
    if ctx.get(&id.text).is_none() && input.is_patch() {
        // What a client has never set is there all the same.
        let doc = table.document(&server, setting, setting.2, "system-default", false);
        ctx.put(Item::new(&id.text, doc, ctx.now));
    }
    Ok(None)
}

/// Checks the value of a setting, and completes it.
pub(in crate::azure) fn prepare(write: &mut Write<'_>, table: &Table) -> ArmResult<()> {
    let setting = table.find(write.id.name())?;
    let server = write.id.parent();
    let Setting(name, kind, usual, allowed, dynamic) = setting;
    let value = match text(&write.doc, "/properties/value") {
        "" if !matches!(*kind, "Set" | "String") => (*usual).to_owned(),
        value => value.to_owned(),
    };
    let word = |value: &str| {
        allowed
            .split(',')
            .find(|word| word.eq_ignore_ascii_case(value.trim()))
    };
    let (mut parts, each) = (value.split(','), value.split(','));
    let good = match *kind {
        "Boolean" | "Enumeration" => word(&value).is_some(),
        "Set" => parts.all(|one| one.trim().is_empty() || word(one).is_some()),
        "String" => true,
        _ => value
            .parse::<f64>()
            .is_ok_and(|number| within(number, allowed)),
    };
    if !good {
        return Err(ArmError::bad(
            "InvalidParameterValue",
            format!(
                "The value '{value}' of the server parameter '{name}' is not allowed: {allowed}."
            ),
        ));
    }
    let value = if table.worded && matches!(*kind, "Boolean" | "Enumeration" | "Set") {
        each.filter_map(word).collect::<Vec<_>>().join(",")
    } else {
        value
    };
    let source = match text(&write.doc, "/properties/source") {
        "system-default" => "system-default",
        _ if value == *usual => "system-default",
        _ => "user-override",
    };
    let changed =
        text(write.before, "/properties/value") != value && !(write.creates() && value == *usual);
    write.doc = table.document(&server, setting, &value, source, changed && !dynamic);
    Ok(())
}

/// Whether a number is within `-1-2147483647`.
fn within(number: f64, range: &str) -> bool {
    let cut = range
        .get(1..)
        .and_then(|rest| rest.find('-'))
        .map(|at| at + 1);
    let Some(cut) = cut else { return true };
    let least: f64 = range[..cut].parse().unwrap_or(f64::MIN);
    let most: f64 = range[cut + 1..].parse().unwrap_or(f64::MAX);
    (least..=most).contains(&number)
}

/// Gives a new server a setting that is not the usual one.
pub(in crate::azure) fn begin(
    ctx: &mut Ctx<'_>,
    server: &Id,
    table: &Table,
    name: &str,
    value: &str,
) -> ArmResult<()> {
    let doc = table.document(server, table.find(name)?, value, "system-default", false);
    let id = server.child("configurations", name);
    ctx.put(Item::new(&id.text, doc, ctx.now));
    Ok(())
}

/// After a restart nothing waits for one.
pub(in crate::azure) fn restarted(ctx: &mut Ctx<'_>, owner: &Item, table: &Table) {
    for item in ctx.of_kind(&format!("{}/configurations/", owner.id), table.kind) {
        let mut item = item.edit();
        item.settle(ctx.now);
        let pending = "/properties/isConfigPendingRestart";
        set(&mut item.doc, pending, table.flag(false));
        ctx.put(item);
    }
}
