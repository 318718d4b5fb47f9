//! A plan as text, in Terraform's layout: drift apart, then the changes with their reasons, the outputs, and the summary.

use super::diff::Compare;
use super::literal::{key, quoted};
use super::paint::Paint;
use super::print::Printer;
use super::tree::{Inside, Mark, Node};
use super::veil::veil;
use super::why::Why;
use infra_engine::plan::Summary;
use infra_engine::{Change, ChangeAction, Drift, Held, OutputChange, Plan, PlanMode, Reason};
use infra_model::address::Address;
use infra_model::path::Path;
use infra_model::schema::{Block, Schemas};
use infra_model::value::Value;
use infra_state::DependencyRef;
use std::collections::{BTreeSet, HashSet};

/// The column of a resource's name; its symbol stands two before.
const LEVEL: usize = 4;
/// At most so many waiting resources are named.
const LISTED: usize = 20;

/// The whole plan.
pub(crate) fn plan_text(plan: &Plan, schemas: &dyn Schemas, paint: Paint) -> String {
    let mut writer = Writer {
        printer: Printer::new(paint),
        schemas,
        paint,
        why: Why::new(plan),
    };
    writer.drift(plan);
    writer.changes(plan);
    writer.outputs(plan);
    writer.later(plan);
    writer.end(plan);
    writer.printer.finish()
}

struct Writer<'a> {
    printer: Printer,
    schemas: &'a dyn Schemas,
    paint: Paint,
    why: Why<'a>,
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
    if summary.take_over > 0 {
        parts.push(format!("{} to take over", summary.take_over));
    }
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

/// Whether it is made of what another resource has brought.
fn is_taken_over(change: &Change) -> bool {
    change.action == ChangeAction::Create && change.changes_hands()
}

/// The schema of an instance's type.
pub(crate) fn block_of<'s>(schemas: &'s dyn Schemas, address: &Address) -> Option<&'s Block> {
    let schema = schemas.of_mode(address.block.mode, &address.block.type_name);
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
        let (shown, rest) = relevant(plan);
        for drift in &shown {
            self.drifted(drift);
        }
        if rest > 0 {
            let more = if shown.is_empty() { "" } else { " more" };
            let s = if rest == 1 { "" } else { "s" };
            self.printer.line("");
            self.printer.line(&format!(
                "  {rest}{more} resource{s} changed in ways that no change below depends on; `infra drift` shows all."
            ));
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
        let taken = |change: &&&Change| is_taken_over(change);
        let others = visible.iter().filter(|c| !taken(c));
        let actions: BTreeSet<ChangeAction> = others.map(|c| c.action).collect();
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
        if visible.iter().any(|c| taken(&c)) {
            let text = format!("{} take over", self.paint.cyan("="));
            self.printer.at(2, &text);
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
        for reason in self.why.reasons(change) {
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
            // It is there already, and what becomes another is named above; or what it has brought goes on without it.
            _ if change.changes_hands() => Inside::default(),
            ChangeAction::NoOp => {
                compare.inside(schema, after.as_ref(), after.as_ref(), &Path::default())
            }
            _ => compare.inside(schema, before.as_ref(), after.as_ref(), &Path::default()),
        };
        let symbol = match is_taken_over(change) {
            true => self.paint.cyan("="),
            false => self.symbol(change.action),
        };
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
        let mut changed: Vec<(String, Node)> = plan
            .outputs
            .iter()
            .filter(|(_, change)| change.is_change())
            .filter_map(|(name, change)| Some((key(name), output_node(change)?)))
            .collect();
        if changed.is_empty() {
            return;
        }
        changed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let title = self.paint.bold("Changes to Outputs:");
        self.printer.line(&title);
        self.printer
            .named(LEVEL, changed.iter().map(|(k, n)| (k.as_str(), n)));
        self.printer.line("");
    }

    /// What waits for the next plan.
    fn later(&mut self, plan: &Plan) {
        let deferred: Vec<&Held> = plan.deferred().collect();
        if deferred.is_empty() {
            return;
        }
        let title = self
            .paint
            .bold("Left for a second plan, once this one is applied:");
        self.printer.line(&title);
        self.printer.line("");
        for held in deferred.iter().take(LISTED) {
            self.printer.at(2, &super::why::held(held));
        }
        if deferred.len() > LISTED {
            let more = format!("and {} more", deferred.len() - LISTED);
            self.printer.at(2, &more);
        }
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
        if plan.deferred().next().is_some() {
            self.printer.line("");
            self.printer.line("This plan is the first of two: `infra apply` shows the second when it is known, and asks again.");
        }
        let kept = super::report::kept(plan);
        if !kept.is_empty() {
            self.printer.line("");
            self.printer.line(&format!(
                "Backups outlive the stack: {} stays, with what it needs. --allow-data-loss takes it too.",
                kept.join(", ")
            ));
        }
        if let Some(made) = super::report::made_inside(plan) {
            self.printer.line("");
            self.printer.line(&made);
        }
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
    let word = address.block.mode.table();
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
        (ChangeAction::Create, Some(Reason::TakenOver { .. })) => "will be taken over".to_owned(),
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

/// The drift to show in full, and how much there is besides: in a plan that changes something, what a change is about or
/// depends on; otherwise all of it.
fn relevant(plan: &Plan) -> (Vec<&Drift>, usize) {
    let visible = || plan.changes.iter().filter(|c| is_visible(c));
    if plan.mode != PlanMode::Normal || visible().next().is_none() {
        return (plan.drift.iter().collect(), 0);
    }
    let changed: HashSet<&Address> = visible()
        .flat_map(|c| [Some(&c.address), c.previous_address.as_ref()])
        .flatten()
        .collect();
    let needed: HashSet<&DependencyRef> = visible().flat_map(|c| &c.dependencies).collect();
    let (shown, rest): (Vec<&Drift>, Vec<&Drift>) = plan.drift.iter().partition(|d| {
        let block = DependencyRef::Block(d.address.block.clone());
        changed.contains(&d.address)
            || needed.contains(&block)
            || needed.contains(&DependencyRef::from(d.address.clone()))
    });
    (shown, rest.len())
}
