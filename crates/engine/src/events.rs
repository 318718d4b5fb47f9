//! What a run tells while it goes on. The binary draws it; nothing here is text for a person.

use crate::plan::ChangeAction;
use infra_model::address::Address;
use infra_model::operation::Action;
use infra_model::provider_error::ProviderError;
use std::time::Duration;

/// One piece of news.
#[derive(Clone, Debug)]
pub enum Event {
    /// So many resources of the state are being read.
    RefreshStarted {
        /// How many.
        resources: usize,
    },
    /// A batch of one type has been read.
    Refreshed {
        /// How many.
        resources: usize,
    },
    /// A data source is being read while planning.
    DataRead {
        /// Which.
        address: Address,
    },
    /// What an interrupted run had begun is being looked for, or waited for.
    Recovering {
        /// Which.
        address: Address,
        /// Its id, once known.
        id: Option<String>,
    },
    /// An instance is planned.
    Planned {
        /// Which.
        address: Address,
        /// What will be done.
        action: ChangeAction,
    },
    /// Apply begins with so many steps that touch a cloud.
    ApplyStarted {
        /// How many.
        steps: usize,
        /// Expected duration of the longest chain.
        critical_path: Duration,
    },
    /// An operation begins.
    Started {
        /// Which.
        address: Address,
        /// What.
        action: Action,
        /// The id, when there is one already.
        id: Option<String>,
        /// Whether it lies on the longest remaining chain.
        critical: bool,
    },
    /// The cloud's own word for where it stands.
    Status {
        /// Which.
        address: Address,
        /// The word.
        status: String,
    },
    /// The cloud has given it an id.
    Identified {
        /// Which.
        address: Address,
        /// The id.
        id: String,
    },
    /// An operation is done.
    Finished {
        /// Which.
        address: Address,
        /// What.
        action: Action,
        /// The id.
        id: Option<String>,
        /// How long it took.
        elapsed: Duration,
    },
    /// What existed is under management now.
    Imported {
        /// As which.
        address: Address,
        /// Its id.
        id: String,
    },
    /// An operation failed.
    Failed {
        /// Which.
        address: Address,
        /// What.
        action: Action,
        /// Why.
        error: ProviderError,
        /// How long it took.
        elapsed: Duration,
    },
    /// Not begun, because something it needs failed or the run was stopped.
    Skipped {
        /// Which.
        address: Address,
        /// The failed one, if that is why.
        because: Option<Address>,
    },
}

/// Receives news.
pub trait Observer: Send + Sync {
    /// One piece.
    fn event(&self, event: Event);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}
