//! The state of a stack: what exists, under which id, with which attributes. A snapshot, a journal of what is being done, a
//! lock, and encryption of what is sensitive. It talks to no cloud, and touches the disk only through [`Storage`].

pub mod document;
pub mod edit;
pub mod error;
pub mod exchange;
pub mod history;
pub mod journal;
pub mod key;
pub mod local;
pub mod memory;
pub mod seal;
pub mod storage;
pub mod store;

mod codec;
mod commit;
mod configs;
mod log;
mod open;
mod snapshot;
mod stored;
mod transition;

pub use document::{
    DependencyRef, Deposed, DeposedKey, OutputState, ResourceState, State, Unfinished, World,
};
pub use edit::EditError;
pub use error::StateError;
pub use exchange::{Incoming, Pushed};
pub use journal::{Intent, Outcome, StateChange};
pub use key::{Key, KeySource, Keyring, generate_key, parse_key};
pub use local::LocalStorage;
pub use memory::MemoryStorage;
pub use open::lock_name;
pub use seal::Sealer;
pub use storage::{LockGuard, LockInfo, LockState, Storage};
pub use store::{OpenOptions, Owner, Store};
