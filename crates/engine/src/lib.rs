//! The engine: a checked program and a state become a plan; a plan becomes operations on clouds, each known to the journal
//! before it is sent. It knows no cloud and no language, and takes clock, randomness, storage and providers as arguments, so
//! that a seed replays a run exactly.

mod apply;
mod ask;
mod codec;
mod configure;
mod engine;
mod ephemeral;
mod error;
mod events;
mod generate;
mod graph;
mod import;
mod limits;
mod lock;
pub mod plan;
mod recover;
mod refresh;
mod saved;
mod scope;
mod sessions;
mod values;

pub use apply::{ApplyReport, Failure, Skipped, Stop};
pub use ask::Asking;
pub use engine::{Engine, Input};
pub use error::EngineError;
pub use events::{Event, Observer, Silent};
pub use generate::Generated;
pub use graph::{ProgramGraph, ProgramNode};
pub use import::ImportReport;
pub use plan::{
    Change, ChangeAction, Drift, Held, HeldReason, OutputChange, Plan, PlanMode, PlanOptions,
    Reason, Step, StepKind,
};
pub use recover::Recovery;
pub use saved::{SavedFile, SavedPlan, SavedPlanError};
