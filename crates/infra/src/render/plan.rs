//! A plan as text, in Terraform's layout: drift apart, then the changes with their reasons, the outputs, and the summary.

use super::diff::Compare;
use super::literal::{key, quoted};
use super::paint::Paint;
use super::print::Printer;
use super::tree::{Inside, Mark, Node};
use super::veil::veil;
use infra_engine::plan::Summary;
use infra_engine::{Change, ChangeAction, Drift, OutputChange, Plan, PlanMode, Reason};
use infra_model::address::{Address, Mode};
use infra_model::path::Path;
use infra_model::schema::{Block, Schemas};
use infra_model::value::Value;
use std::collections::BTreeSet;

/// The column of a resource's name; its symbol stands two before.
const LEVEL: usize = 4;

/// The whole plan.
pub(crate) fn plan_text(plan: &Plan, schemas: &dyn Schemas, paint: Paint) -> String {
    let mut writer = Writer {
        printer: Printer::new(paint),
        schemas,
        paint,
    };
    writer.drift(plan);
    writer.changes(plan);
    writer.outputs(plan);
    writer.end(plan);
    writer.printer.finish()
}

struct Writer<'a> {
    printer: Printer,
    schemas: &'a dyn Schemas,
    paint: Paint,
}

/// The summary's counts, as both the text and the event stream say them.
pub(crate) fn counts(summary: Summary) -> String {
    let mut parts = Vec::new();
    if summary.import > 0 {
        parts.push(format!("{} to import", summary.import));
    }
    parts.push(format!("{} to add", summary.add));
    parts.push(format!("{} to change", summary.change));
    parts.push(format!("{} to destroy", summary.destroy));
    if summary.forget > 0 {
        parts.push(format!("{} to forget", summary.forget));
    }
    parts.join(", ")
}

/// Whether a change is worth showing.
pub(crate) fn is_visible(change: &Change) -> bool {
    change.action != ChangeAction::NoOp
        || change.previous_address.is_some()
        || change.importing.is_some()
}

/// The schema of an instance's type.
pub(crate) fn block_of<'s>(schemas: &'s dyn Schemas, address: &Address) -> Option<&'s Block> {
    let schema = match address.block.mode {
        Mode::Managed => schemas.resource(&address.block.type_name),
        Mode::Data => schemas.data(&address.block.type_name),
    };
    schema.map(|s| &s.block)
}

impl Writer<'_> {
    fn drift(&mut self, plan: &Plan) {
        if plan.drift.is_empty() {
            return;
        }
        let title = self.paint.bold("Changes outside of infra");
        self.printer.line(&title);
        self.printer.line("");
        self.printer
            .line("The clouds differ from what infra last saw:");
        for drift in &plan.drift {
            self.drifted(drift);
        }
        self.printer.line("");
        let rule = self.paint.dim("─".repeat(72));
        self.printer.line(&rule);
        self.printer.line("");
    }

    fn drifted(&mut self, drift: &Drift) {
        let schema = block_of(self.schemas, &drift.address);
        let (what, mark) = match drift.after {
            Some(_) => ("has changed", Mark::Change),
            None => ("has been deleted", Mark::Remove),
        };
        self.heading(&drift.address.to_string(), what);
        let before = veil(&drift.before, schema);
        let after = drift.after.as_ref().map(|a| veil(a, schema));
        let inside =
            Compare::default().inside(schema, Some(&before), after.as_ref(), &Path::default());
        let symbol = match mark {
            Mark::Remove => self.paint.red("-"),
            _ => self.paint.yellow("~"),
        };
        self.printer
            .block(LEVEL, &symbol, &header(&drift.address), &inside, "");
    }

    fn heading(&mut self, subject: &str, what: &str) {
        self.printer.line("");
        let text = format!("# {subject} {what}");
        let text = self.paint.bold(text);
        self.printer.at(2, &text);
    }

    fn changes(&mut self, plan: &Plan) {
        let visible: Vec<&Change> = plan.changes.iter().filter(|c| is_visible(c)).collect();
        if visible.is_empty() {
            return;
        }
        let actions: BTreeSet<ChangeAction> = visible.iter().map(|c| c.action).collect();
        let text = match plan.mode {
            PlanMode::RefreshOnly => "infra found:",
            _ => "infra will perform the following actions:",
        };
        self.printer.line(text);
        self.printer.line("");
        for action in actions.into_iter().filter(|a| *a != ChangeAction::NoOp) {
            let text = format!("{} {}", self.symbol(action), meaning(action));
            // Wider symbols begin further left, so that the words stand in one column.
            let level = if action.is_replace() {
                0
            } else if action == ChangeAction::Read {
                1
            } else {
                2
            };
            self.printer.at(level, &text);
        }
        for change in visible {
            self.change(change);
        }
        self.printer.line("");
    }

    fn symbol(&self, action: ChangeAction) -> String {
        let (plus, minus) = (self.paint.green("+"), self.paint.red("-"));
        match action {
            ChangeAction::NoOp => String::new(),
            ChangeAction::Read => self.paint.cyan("<="),
            ChangeAction::Create => plus,
            ChangeAction::Update => self.paint.yellow("~"),
            ChangeAction::DeleteThenCreate => format!("{minus}/{plus}"),
            ChangeAction::CreateThenDelete => format!("{plus}/{minus}"),
            ChangeAction::Delete => minus,
            ChangeAction::Forget => self.paint.red("."),
        }
    }

    fn change(&mut self, change: &Change) {
        let subject = match &change.deposed {
            Some(key) => format!("{} (deposed object {key})", change.address),
            None => change.address.to_string(),
        };
        match (&change.previous_address, change.action) {
            (Some(old), ChangeAction::NoOp) => {
                let new = change.address.to_string();
                self.heading(&old.to_string(), &format!("has moved to {new}"));
            }
            _ => self.heading(&subject, &fate(change)),
        }
        for reason in reasons(change) {
            let text = self.paint.dim(format!("# ({reason})"));
            self.printer.at(2, &text);
        }
        let schema = block_of(self.schemas, &change.address);
        let veiled = |v: &Option<Value>| v.as_ref().map(|v| veil(v, schema));
        let (before, after) = (veiled(&change.before), veiled(&change.after));
        let compare = Compare {
            replace: &change.replace_paths,
            show_all: false,
        };
        let inside = match change.action {
            ChangeAction::Forget => Inside::default(),
            ChangeAction::NoOp => {
                compare.inside(schema, after.as_ref(), after.as_ref(), &Path::default())
            }
            _ => compare.inside(schema, before.as_ref(), after.as_ref(), &Path::default()),
        };
        let symbol = self.symbol(change.action);
        // The header's name column is fixed: a wider symbol begins further left.
        let level = match change.action {
            ChangeAction::Read => LEVEL - 1,
            a if a.is_replace() => LEVEL - 2,
            _ => LEVEL,
        };
        if level == LEVEL {
            self.printer
                .block(LEVEL, &symbol, &header(&change.address), &inside, "");
        } else {
            self.printer
                .wide_block(LEVEL, level, &symbol, &header(&change.address), &inside);
        }
    }

    fn outputs(&mut self, plan: &Plan) {
        let changed: Vec<(String, Node)> = plan
            .outputs
            .iter()
            .filter(|(_, change)| change.is_change())
            .filter_map(|(name, change)| Some((key(name), output_node(change)?)))
            .collect();
        if changed.is_empty() {
            return;
        }
        let title = self.paint.bold("Changes to Outputs:");
        self.printer.line(&title);
        self.printer
            .named(LEVEL, changed.iter().map(|(k, n)| (k.as_str(), n)));
        self.printer.line("");
    }

    fn end(&mut self, plan: &Plan) {
        let nothing = !plan.changes.iter().any(is_visible);
        let text = match (plan.mode, nothing) {
            (PlanMode::RefreshOnly, true) if plan.drift.is_empty() => {
                format!(
                    "{} The clouds are as infra last saw them.",
                    self.paint.green("No changes.")
                )
            }
            (PlanMode::RefreshOnly, _) => {
                let n = plan.drift.len();
                let s = if n == 1 {
                    "resource has"
                } else {
                    "resources have"
                };
                format!(
                    "{} {n} {s} changed outside of infra.",
                    self.paint.bold("Drift:")
                )
            }
            (PlanMode::Destroy, true) => {
                format!(
                    "{} There is nothing to destroy.",
                    self.paint.green("No changes.")
                )
            }
            (PlanMode::Normal, true) if plan.outputs.values().any(OutputChange::is_change) => {
                format!(
                    "{} Only outputs change; applying this plan touches no cloud.",
                    self.paint.bold("Plan:")
                )
            }
            (PlanMode::Normal, true) if !plan.drift.is_empty() => format!(
                "{} The stack file already matches the changes outside; applying records them.",
                self.paint.green("No changes.")
            ),
            (PlanMode::Normal, true) => format!(
                "{} Your infrastructure matches the stack file.",
                self.paint.green("No changes.")
            ),
            (_, false) => format!("{} {}.", self.paint.bold("Plan:"), counts(plan.summary())),
        };
        self.printer.line(&text);
        if plan.partial {
            self.printer.line("");
            self.printer.line("This plan is limited by -target or -exclude: it may leave out changes that the stack file asks for.");
        }
    }
}

/// An output before and after; none when neither is there.
pub(crate) fn output_node(change: &OutputChange) -> Option<Node> {
    let veiled = |v: &Option<Value>| {
        v.as_ref().map(|v| {
            if change.sensitive {
                v.clone().sensitive()
            } else {
                v.clone()
            }
        })
    };
    let (before, after) = (veiled(&change.before), veiled(&change.after));
    Compare::default().value(before.as_ref(), after.as_ref(), &Path::default())
}

/// `resource "aws_vpc" "main"`
pub(crate) fn header(address: &Address) -> String {
    let word = match address.block.mode {
        Mode::Managed => "resource",
        Mode::Data => "data",
    };
    format!(
        "{word} {} {}",
        quoted(&address.block.type_name),
        quoted(&address.block.name)
    )
}

fn meaning(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::NoOp => "nothing",
        ChangeAction::Read => "read",
        ChangeAction::Create => "create",
        ChangeAction::Update => "update in place",
        ChangeAction::DeleteThenCreate => "destroy and then create replacement",
        ChangeAction::CreateThenDelete => "create replacement and then destroy",
        ChangeAction::Delete => "destroy",
        ChangeAction::Forget => "forget",
    }
}

fn fate(change: &Change) -> String {
    match (change.action, &change.reason) {
        (ChangeAction::NoOp, _) => "will be imported".to_owned(),
        (ChangeAction::Read, _) => "will be read during apply".to_owned(),
        (ChangeAction::Create, _) if change.resuming.is_some() => "will be finished".to_owned(),
        (ChangeAction::Create, _) => "will be created".to_owned(),
        (ChangeAction::Update, _) => "will be updated in-place".to_owned(),
        (ChangeAction::Delete, _) => "will be destroyed".to_owned(),
        (ChangeAction::Forget, _) => {
            "will no longer be managed by infra, but will not be destroyed".to_owned()
        }
        (_, Some(Reason::Tainted)) => "is tainted, so it must be replaced".to_owned(),
        (_, Some(Reason::Requested)) => "will be replaced, as requested".to_owned(),
        (_, Some(Reason::TriggeredBy(_))) => {
            "will be replaced due to changes in replace_triggered_by".to_owned()
        }
        (ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete, _) => {
            "must be replaced".to_owned()
        }
    }
}

fn reasons(change: &Change) -> Vec<String> {
    let mut out = Vec::new();
    match &change.reason {
        Some(Reason::CannotUpdate { place, because }) => {
            let paths: Vec<String> = change
                .replace_paths
                .iter()
                .map(ToString::to_string)
                .collect();
            let what = if paths.is_empty() {
                "an attribute".to_owned()
            } else {
                paths.join(", ")
            };
            out.push(match (because, place) {
                (Some(address), Some(place)) => {
                    format!("because {what}, set at {place}, changes when {address} is replaced")
                }
                (Some(address), None) => {
                    format!("because {what} changes when {address} is replaced")
                }
                (None, Some(place)) => format!("because {what} changed at {place}"),
                (None, None) => format!("because {what} changed"),
            });
        }
        Some(Reason::TriggeredBy(what)) => out.push(format!("because {what} changes")),
        Some(Reason::NotInConfiguration) => {
            out.push(format!(
                "because {} is not in the stack file",
                change.address.block
            ));
        }
        Some(Reason::NoSuchInstance) => {
            let key = change
                .address
                .key
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            out.push(match change.address.key {
                Some(_) => format!("because key {key} is not in count or for_each"),
                None => {
                    "because the block now has count or for_each, or is switched off".to_owned()
                }
            });
        }
        Some(Reason::Removed) => out.push("because of a [[removed]] block".to_owned()),
        Some(Reason::Deposed) => {
            out.push(
                "left over from a replacement of this instance that did not finish".to_owned(),
            );
        }
        Some(Reason::ConfigUnknown) => {
            out.push("its configuration refers to values not yet known".to_owned());
        }
        Some(Reason::DependencyPending) => {
            out.push("it depends on a resource with changes pending".to_owned());
        }
        Some(Reason::Vanished) => out.push("because it was deleted outside of infra".to_owned()),
        Some(Reason::Tainted | Reason::Requested | Reason::Destroy) | None => {}
    }
    if !change.lifts.is_empty() {
        let names: Vec<String> = change.lifts.iter().map(ToString::to_string).collect();
        let what = names.join(", ");
        out.push(format!("protected from deletion: {what} is lifted first"));
    }
    if let Some(old) = change
        .previous_address
        .as_ref()
        .filter(|_| change.action != ChangeAction::NoOp)
    {
        out.push(format!("moved from {old}"));
    }
    if let Some(id) = &change.importing {
        out.push(format!("imported from {}", quoted(id)));
    }
    match &change.resuming {
        Some(Some(id)) => out.push(format!(
            "an interrupted run began it, and {} exists already",
            quoted(id)
        )),
        Some(None) => out.push("an interrupted run began it".to_owned()),
        None => {}
    }
    out
}
