//! The plan as data: every change with its before, after and reason, and the steps in the order in which apply walks them.

mod ahead;
mod checked;
mod config;
mod data;
mod data_loss;
pub(crate) mod ephemeral;
mod finish;
mod held;
mod hosts;
mod imports;
mod instance;
mod late;
mod moves;
mod named;
mod online;
mod order;
mod orphans;
mod outputs;
mod outside;
pub(crate) mod pools;
mod preflight;
mod protection;
mod reason;
mod refers;
mod repeat;
mod shifts;
mod takeover;
mod target;
mod walk;

use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, ProviderAddress};
use infra_model::checked::Checked;
use infra_model::diagnostic::{Diagnostics, Span};
use infra_model::outside::Fate;
use infra_model::path::Path;
use infra_model::pattern::AddressPattern;
use infra_model::program::ResourceBlock;
use infra_model::time::Timestamp;
use infra_model::value::{Str, Value};
use infra_state::{DependencyRef, DeposedKey};
use serde::{Deserialize, Serialize};

pub(crate) use checked::checked;
pub(crate) use config::{conditions, config_errors, ignore};
pub use held::{Held, HeldReason};
pub(crate) use imports::read_import;
pub(crate) use named::Named;
pub(crate) use outputs::failed_checks;
pub(crate) use repeat::{Instances, instances};
pub(crate) use walk::run;

/// What a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Make the clouds what the stack file says.
    #[default]
    Normal,
    /// Take everything away.
    Destroy,
    /// Only bring the state up to date with the clouds.
    RefreshOnly,
}

/// How to plan.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// What for.
    pub mode: PlanMode,
    /// Read the clouds first.
    pub refresh: bool,
    /// Only these and what they depend on.
    pub targets: Vec<AddressPattern>,
    /// Not these, and not what depends on them.
    pub excludes: Vec<AddressPattern>,
    /// Replace these even if nothing changed.
    pub replace: Vec<AddressPattern>,
    /// Destroy protected stacks too, and lift the deletion protection of what is deleted.
    pub unprotect: bool,
    /// Delete or replace these although data goes with them.
    pub data_loss: Vec<AddressPattern>,
    /// What becomes of what controllers inside a host have made outside of it, when they go.
    pub fate: Option<Fate>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions {
            mode: PlanMode::Normal,
            refresh: true,
            targets: Vec::new(),
            excludes: Vec::new(),
            replace: Vec::new(),
            unprotect: false,
            data_loss: Vec::new(),
            fate: None,
        }
    }
}

/// A whole plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What for.
    pub mode: PlanMode,
    /// When it was made.
    pub created: Timestamp,
    /// The state it was made from.
    pub lineage: Str,
    /// Its serial.
    pub serial: u64,
    /// One per resource instance, unchanged ones included, in the order of the program.
    pub changes: Vec<Change>,
    /// What changed in the clouds behind the state's back.
    pub drift: Vec<Drift>,
    /// By name.
    pub outputs: IndexMap<Str, OutputChange>,
    /// What apply does; `needs` point to earlier or later steps, never in a circle.
    pub steps: Vec<Step>,
    /// Limited by `-target` or `-exclude`.
    pub partial: bool,
    /// What is left as it is: for the next plan, or on purpose.
    #[serde(default)]
    pub held: Vec<Held>,
    /// What controllers inside hosts have made outside of them, in words, and nobody looks after once this plan is done.
    #[serde(default)]
    pub made_inside: Vec<String>,
    /// What becomes of it.
    #[serde(default)]
    pub fate: Option<Fate>,
    /// Warnings, failed checks.
    #[serde(skip)]
    pub diagnostics: Diagnostics,
    /// What the state will say about resources that were read (drift included), before any step.
    pub refreshed: Vec<Refreshed>,
    /// Data sources that were read while planning.
    pub reads: Vec<DataRead>,
    /// How the conditions stand of whatever has some.
    #[serde(default)]
    pub checked: Vec<Checked>,
}

/// A data source that was read while planning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataRead {
    /// Which.
    pub address: Address,
    /// What it said.
    pub value: Value,
}

/// What the refresh found of one resource, to be written to the state when the plan is applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refreshed {
    /// Which.
    pub address: Address,
    /// Its value now; none when it is gone.
    pub value: Option<Value>,
}

/// What happens to one instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Its address.
    pub address: Address,
    /// Where it was, when it moved.
    pub previous_address: Option<Address>,
    /// The deposed object this is about, if it is not the current one.
    pub deposed: Option<DeposedKey>,
    /// The provider configuration.
    pub provider: ProviderAddress,
    /// What is done.
    pub action: ChangeAction,
    /// Why, when it is not simply what the file says.
    pub reason: Option<Reason>,
    /// The value in the cloud now.
    pub before: Option<Value>,
    /// The planned value; what is known is a promise.
    pub after: Option<Value>,
    /// What forces the replacement.
    pub replace_paths: Vec<Path>,
    /// The deletion protections that are lifted before the object is deleted.
    pub lifts: Vec<Path>,
    /// The import id, when it is brought under management by this plan.
    pub importing: Option<String>,
    /// Its creation was begun by an interrupted run, which got this id (if it got that far).
    pub resuming: Option<Option<String>>,
    /// New objects are made before old ones go.
    pub create_before_destroy: bool,
    /// What it depends on, as the state will record it.
    pub dependencies: Vec<DependencyRef>,
    /// Kept by the resource type.
    pub private: Option<serde_json::Value>,
    /// Left as it is, whatever the stack file says: see [`Plan::held`].
    #[serde(default)]
    pub untouched: bool,
    /// Where it is declared; not in saved plans.
    #[serde(skip)]
    pub span: Option<Span>,
}

impl Change {
    /// Whether it is taken over from another resource, or is that one.
    #[must_use]
    pub fn changes_hands(&self) -> bool {
        let reason = self.reason.as_ref();
        reason.is_some_and(|r| matches!(r, Reason::TakenOver { .. } | Reason::GivenBack))
    }
}

/// The actions, as Terraform's plans have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeAction {
    /// Nothing.
    NoOp,
    /// A data source is read during apply.
    Read,
    /// `+`
    Create,
    /// `~`
    Update,
    /// `-/+`
    DeleteThenCreate,
    /// `+/-`
    CreateThenDelete,
    /// `-`
    Delete,
    /// `.`: no longer managed, not touched.
    Forget,
}

impl ChangeAction {
    /// Either order of replacement.
    #[must_use]
    pub fn is_replace(self) -> bool {
        matches!(
            self,
            ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete
        )
    }

    /// Whether the object that is there goes.
    pub(crate) fn takes_away(self) -> bool {
        self == ChangeAction::Delete || self.is_replace()
    }

    /// The replacement of an instance of a block.
    fn replacing(block: &ResourceBlock) -> ChangeAction {
        if block.lifecycle.create_before_destroy {
            ChangeAction::CreateThenDelete
        } else {
            ChangeAction::DeleteThenCreate
        }
    }
}

/// Why something happens that the file does not say in so many words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An attribute that cannot be changed in place changed; the place in the file and, for a chain, what it came from.
    CannotUpdate {
        /// `stacks/prod.toml:14`
        place: Option<String>,
        /// The resource whose replacement changes the attribute.
        because: Option<Address>,
    },
    /// The last creation failed half-way.
    Tainted,
    /// `-replace`
    Requested,
    /// `replace_triggered_by`
    TriggeredBy(String),
    /// Not in the stack file any more.
    NotInConfiguration,
    /// Its instance key is gone from `for_each` or `count`.
    NoSuchInstance,
    /// `infra destroy`
    Destroy,
    /// `[[removed]]`
    Removed,
    /// Another resource brings it now; it is forgotten when that one is there.
    HandedOver(Address),
    /// Another resource has brought it; it is taken over as it is, once that one has stopped bringing it.
    TakenOver {
        /// That other one.
        by: Address,
        /// In words, what would be otherwise than it is, as far as the cloud could be asked.
        differs: Vec<String>,
    },
    /// What it has brought is taken over; it goes without taking any of that away.
    GivenBack,
    /// Left over from a replacement.
    Deposed,
    /// It ends with what it is in, which is deleted.
    WithHost(Address),
    /// A data source whose configuration is not known yet.
    ConfigUnknown,
    /// A data source that depends on something that changes.
    DependencyPending,
    /// It was deleted outside.
    Vanished,
}

/// A difference between state and cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drift {
    /// Which.
    pub address: Address,
    /// As the state has it.
    pub before: Value,
    /// As the cloud has it; none when it is gone.
    pub after: Option<Value>,
}

/// A change of an output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputChange {
    /// In the state now.
    pub before: Option<Value>,
    /// After apply; unknown until then where it depends on changes; none when removed.
    pub after: Option<Value>,
    /// Never shown.
    pub sensitive: bool,
    /// It refers to what is left as it is, and so keeps its value: see [`Plan::held`].
    #[serde(default)]
    pub untouched: bool,
}

/// One step of apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub kind: StepKind,
    /// Indices of the steps that must be done first.
    pub needs: Vec<u32>,
    /// Expected milliseconds from its start to the end of the longest chain after it: the priority.
    pub remaining: u64,
}

/// The kinds of steps; the number is the index of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Create it; for create-before-destroy the old object is deposed first.
    Create(u32),
    /// Change it in place.
    Update(u32),
    /// Lift the deletion protection of the object that is deleted next.
    Lift(u32),
    /// Delete it (or the deposed object that the change names, or the one that its replacement deposed).
    Delete(u32),
    /// Read the data source.
    Read(u32),
    /// Write what was read by its import id to the state.
    Import(u32),
    /// Take away what the objects inside it would leave behind, before it is deleted with them.
    Leave(u32),
    /// Move what runs on it to others, before it is deleted.
    Empty(u32),
    /// Stop it from bringing what others take over, before they do.
    Release(u32),
    /// Forget it.
    Forget(u32),
    /// Nothing but the state changes: a move, new dependencies.
    Record(u32),
    /// Stands for all instances of a block.
    Junction(BlockAddress),
}

impl StepKind {
    /// The change it belongs to.
    #[must_use]
    pub fn change(&self) -> Option<usize> {
        match self {
            StepKind::Create(i)
            | StepKind::Update(i)
            | StepKind::Lift(i)
            | StepKind::Delete(i)
            | StepKind::Read(i)
            | StepKind::Import(i)
            | StepKind::Leave(i)
            | StepKind::Empty(i)
            | StepKind::Release(i)
            | StepKind::Forget(i)
            | StepKind::Record(i) => Some(*i as usize),
            StepKind::Junction(_) => None,
        }
    }
}

/// How many of each, for the summary line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// To create, replacements included.
    pub add: usize,
    /// To change in place.
    pub change: usize,
    /// To delete, replacements included.
    pub destroy: usize,
    /// To import.
    pub import: usize,
    /// To forget.
    pub forget: usize,
    /// To take over from another resource.
    pub take_over: usize,
}

impl Plan {
    /// How many of each.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for change in &self.changes {
            match change.action {
                ChangeAction::NoOp | ChangeAction::Read => {}
                ChangeAction::Create if change.changes_hands() => summary.take_over += 1,
                ChangeAction::Create => summary.add += 1,
                ChangeAction::Update => summary.change += 1,
                ChangeAction::Delete => summary.destroy += 1,
                ChangeAction::Forget => summary.forget += 1,
                ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete => {
                    summary.add += 1;
                    summary.destroy += 1;
                }
            }
            if change.importing.is_some() {
                summary.import += 1;
            }
        }
        summary
    }

    /// What the next plan has to do, once this one is applied and more is known.
    pub fn deferred(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|h| h.is_deferred())
    }

    /// Whether it would do all that the stack file asks for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.partial && self.deferred().next().is_none()
    }

    /// Whether it makes things and does nothing else: no update, no replacement, nothing goes.
    #[must_use]
    pub fn only_creates(&self) -> bool {
        self.changes.iter().all(|c| {
            matches!(
                c.action,
                ChangeAction::NoOp | ChangeAction::Read | ChangeAction::Create
            ) && c.importing.is_none()
        })
    }

    /// Whether applying it would do anything at all: resources, outputs or the state.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(|c| {
            c.action != ChangeAction::NoOp || c.previous_address.is_some() || c.importing.is_some()
        }) || self.outputs.values().any(OutputChange::is_change)
            || (self.mode == PlanMode::RefreshOnly && !self.drift.is_empty())
    }
}

impl OutputChange {
    /// Whether before and after differ, or whether it may be shown.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else {
            return self.before.is_some() || self.after.is_some();
        };
        before.unmark_deep() != after.unmark_deep()
            || (before.marks().sensitive != self.sensitive && !self.untouched)
    }
}
