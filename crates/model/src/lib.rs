//! The shared vocabulary of `infra`: values, types, schemas, addresses, the checked program, diagnostics and the
//! traits between the rooms (`Provider`, `Evaluate`, `Expand`). It knows nobody, performs no input or output, and
//! reads neither the clock nor the environment.

extern crate self as infra_model;

pub mod address;
pub mod catalogue;
pub mod cause;
pub mod checked;
pub mod clusters;
pub mod codes;
pub mod convert;
pub mod defect;
pub mod diagnostic;
pub mod evaluate;
pub mod expand;
pub mod expr;
pub mod fix;
mod float;
pub mod hash;
pub mod json;
pub mod kept;
pub mod near;
pub mod number;
pub mod operation;
pub mod outside;
pub mod path;
pub mod pattern;
pub mod planning;
pub mod program;
pub mod protection;
pub mod provider;
pub mod provider_error;
pub mod random;
pub mod record;
pub mod resource;
pub mod schema;
pub mod time;
pub mod types;
pub mod value;
pub mod versions;

pub use address::{
    Address, BlockAddress, InstanceKey, Mode, ProviderAddress, ScopePath, ScopeStep,
};
pub use catalogue::Catalogue;
pub use codes::Code;
pub use diagnostic::{Diagnostic, Diagnostics, FileId, Severity, Sources, Span};
pub use infra_model_derive::Record;
pub use number::Number;
pub use operation::{Action, Operation, OperationId, Token};
pub use path::{Path, Step};
pub use pattern::AddressPattern;
pub use provider::{CallContext, PlanRequest, Planned, Provider, ReadItem, Recovered, Session};
pub use provider_error::{ErrorKind, ProviderError};
pub use random::Random;
pub use record::Record;
pub use resource::{DynResource, Resource, Typed};
pub use schema::{Attribute, Block, NestedBlock, Nesting, ProviderSchema, Schema};
pub use time::{Clock, Timestamp};
pub use types::Type;
pub use value::{Marks, Str, Value};
