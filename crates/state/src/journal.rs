//! What the journal remembers: an intent before a mutating call, the id the moment it is known, the outcome; and changes of
//! the state alone. Plain data; `log` writes it and `transition` says what it means.

use crate::document::{DependencyRef, DeposedKey, OutputState, ResourceState};
use crate::seal;
use infra_model::checked::Checked;
use infra_model::{Action, Address, OperationId, Path, ProviderAddress, Str, Timestamp, Token};
use serde_json::Value as Json;
use std::sync::Arc;

/// What is about to be done, durable before the call that does it. Holds all that recovery needs without the stack file.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its id, never used again.
    pub operation: OperationId,
    /// When it was decided; settle times and token lifetimes count from here.
    pub time: Timestamp,
    /// Of which resource.
    pub address: Address,
    /// What is done.
    pub action: Action,
    /// The resource type.
    pub type_name: Str,
    /// Version of the shape of `planned` and `prior`.
    pub schema_version: u32,
    /// Which provider configuration does it.
    pub provider: ProviderAddress,
    /// Resolved, without credentials.
    pub provider_config: Arc<Json>,
    /// The id of the object that is changed or deleted.
    pub prior_id: Option<String>,
    /// On a create: the current object is deposed under this key when the new one takes its place. On a
    /// delete or an update: it is this deposed object that is deleted or changed.
    pub deposed: Option<DeposedKey>,
    /// As the resource will record them.
    pub dependencies: Vec<DependencyRef>,
    /// The planned attributes, without ephemeral and write-only values.
    pub planned: Json,
    /// What in the planned attributes is sensitive.
    pub sensitive_paths: Vec<Path>,
    /// What is sent with every try.
    pub token: Token,
    /// As the resource will record it.
    pub create_before_destroy: bool,
    /// What the type's plan kept for itself.
    pub private: Option<Json>,
    /// The attributes before, for an update or delete that has to be recovered.
    pub prior: Option<Json>,
    /// What in the prior attributes is sensitive.
    pub prior_sensitive_paths: Vec<Path>,
    /// Whether an ephemeral or write-only value belonged to it: it can be looked up, never sent again.
    pub lookup_only: bool,
    /// Whether something changes hands by it: see `Operation::hands_over`.
    pub hands_over: bool,
}

impl Intent {
    /// Whether a sensitive value in it could not be decrypted.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        seal::is_sealed(&self.planned, &self.sensitive_paths)
            || self
                .prior
                .as_ref()
                .is_some_and(|p| seal::is_sealed(p, &self.prior_sensitive_paths))
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is there. Takes the place of the current object, which is deposed when the intent has a key for it.
    Created(ResourceState),
    /// It is changed: the current object, or the deposed one that the intent names.
    Updated(ResourceState),
    /// It is gone: the current object, or the deposed one that the intent names.
    Deleted,
    /// A definite refusal: nothing was changed.
    Refused,
    /// It failed on the way.
    Failed {
        /// What there is now, when that differs from before: a half-made object, tainted when the cloud says that it failed.
        resource: Option<ResourceState>,
    },
    /// Recovery found what the operation made. As [`Outcome::Created`].
    Adopted(ResourceState),
    /// Recovery found that the operation did nothing.
    Abandoned,
    /// The object is no longer managed; it was not deleted.
    Forgotten,
    /// The resource has another address.
    Moved {
        /// Which.
        to: Address,
    },
    /// The current object is deposed, and nothing is in its place yet.
    Deposed {
        /// Under this key.
        key: DeposedKey,
    },
}

/// A change of the state with no effect outside it.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "the large one is the common one")]
pub enum StateChange {
    /// Sets the current object: refreshed, imported, or of a type that lives in the state alone.
    Put {
        /// Of which resource.
        address: Address,
        /// What it is now.
        resource: ResourceState,
        /// Deposes what was there before, instead of replacing it.
        depose: Option<DeposedKey>,
    },
    /// Removes the current object; deposed ones stay.
    Remove {
        /// Of which resource.
        address: Address,
    },
    /// Removes a deposed object.
    RemoveDeposed {
        /// Of which resource.
        address: Address,
        /// Which.
        key: DeposedKey,
    },
    /// Forgets the resource, deposed objects included.
    Forget {
        /// Which.
        address: Address,
    },
    /// Gives a resource another address.
    Move {
        /// From here.
        from: Address,
        /// To here, where nothing may be.
        to: Address,
    },
    /// Deposes the current object.
    Depose {
        /// Of which resource.
        address: Address,
        /// Under this key.
        key: DeposedKey,
    },
    /// Makes a deposed object the current one again; there must be no other.
    Restore {
        /// Of which resource.
        address: Address,
        /// Which.
        key: DeposedKey,
    },
    /// Sets or clears the taint.
    Taint {
        /// Of which resource.
        address: Address,
        /// Whether it must be replaced.
        tainted: bool,
    },
    /// Another configuration of the provider manages what `from` did: the current object and deposed ones.
    Provider {
        /// Of which resource.
        address: Address,
        /// The configuration until now.
        from: ProviderAddress,
        /// The one from now on.
        to: ProviderAddress,
    },
    /// Sets what a resource depends on.
    Depends {
        /// Which resource.
        address: Address,
        /// An object of it that a replacement left over, instead of the current one.
        deposed: Option<DeposedKey>,
        /// On these.
        dependencies: Vec<DependencyRef>,
    },
    /// Sets or removes an output.
    Output {
        /// Which.
        name: Str,
        /// Its value; none to remove it.
        output: Option<OutputState>,
    },
    /// Says how the conditions stand.
    Checked {
        /// All that have any.
        checked: Vec<Checked>,
    },
    /// Remembers how long an action takes.
    Duration {
        /// `type/action`
        key: Str,
        /// How long.
        millis: u64,
    },
    /// The stack file was moved.
    StackFile {
        /// Where it is now.
        path: Str,
    },
}
