//! The contract between the engine and a provider. The engine never knows a cloud; a provider never knows the engine.

use crate::kept::{Backups, Folder};
use crate::operation::Operation;
use crate::outside::{Ending, Fate, Made};
use crate::path::Path;
use crate::provider_error::{ErrorKind, ProviderError};
use crate::schema::ProviderSchema;
use crate::time::{Clock, Timestamp};
use crate::value::{Str, Value};
use async_trait::async_trait;
use std::sync::Arc;

/// A provider before it is configured: schemas and pure planning.
#[async_trait]
pub trait Provider: Send + Sync {
    /// `aws`
    fn name(&self) -> &'static str;

    /// Everything it offers.
    fn schema(&self) -> &ProviderSchema;

    /// What an instance would become. Pure, and works on values that may be unknown.
    ///
    /// # Errors
    /// Values that the provider knows to be wrong without asking the cloud.
    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError>;

    /// Checks a configuration that may contain unknown values, beyond what the schema says.
    fn validate(&self, type_name: &str, config: &Value) -> Vec<ProviderError>;

    /// What would be lost for good with an object, in a few words (`what is stored in it`): a plan deletes or replaces such
    /// an object only when a person has named it. `None` when it can be made again as it was.
    fn data(&self, _type_name: &str, _value: &Value) -> Option<&'static str> {
        None
    }

    /// What a resource has brought to a cloud besides itself, each by a name that [`Provider::known_as`] gives to a resource that
    /// makes the same. Empty for what brings nothing.
    fn brings(&self, _type_name: &str, _value: &Value) -> Vec<Str> {
        Vec::new()
    }

    /// The names of what a planned resource makes, as [`Provider::brings`] has them.
    fn known_as(&self, _type_name: &str, _planned: &Value) -> Vec<Str> {
        Vec::new()
    }

    /// Why an object cannot be in a host whose version changes: what it is of is not served there any more, or it is not made for
    /// the version. `None` when it can.
    fn unserved(&self, _shift: &Shift<'_>) -> Option<ProviderError> {
        None
    }

    /// State attributes of an older schema version, brought to the present one.
    ///
    /// # Errors
    /// A version newer than this binary's, or attributes that cannot be read.
    fn upgrade(
        &self,
        type_name: &str,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError>;

    /// Whether a resource is, or belongs to, a controller that makes things outside of its host: see [`Session::made_outside`].
    fn tends(&self, _type_name: &str, _value: &Value) -> bool {
        false
    }

    /// Connects. The configuration is wholly known and of the schema's shape, or the resolved one that a state recorded.
    ///
    /// # Errors
    /// No credentials, no region, an endpoint that is no URL.
    async fn configure(
        &self,
        config: &Value,
        environment: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError>;
}

/// What a provider may know of the world around the process: passed in, never read.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Environment variables; when set, they stand for the process's own (the sandbox sets endpoints and credentials so).
    pub variables: Vec<(String, String)>,
    /// Directory of the stack file: relative paths of `local_file` start there.
    pub directory: std::path::PathBuf,
    /// How to log in to clusters of clouds.
    pub logins: crate::clusters::Logins,
}

impl Environment {
    /// A variable by name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .rev()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// Whether the clouds are a sandbox's.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.variable("INFRA_SANDBOX") == Some("1")
    }
}

/// A configured provider.
#[async_trait]
pub trait Session: Send + Sync {
    /// The resolved configuration (region, account, endpoints; no credentials), as the state stores it so that a destroy
    /// needs nothing else. `configure` accepts it.
    fn resolved(&self) -> serde_json::Value;

    /// Within what its cloud counts calls, such as an account and a region: sessions of one realm share the limits of its families.
    fn realm(&self) -> String {
        String::new()
    }

    /// Reads many instances of one type with as few calls as the API allows: one answer per item, in order; `Ok(None)` is
    /// absent. One error fails no other item.
    async fn read_many(
        &self,
        context: &CallContext,
        type_name: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>>;

    /// What asking the cloud adds to what [`Provider::plan`] foretold of changes of a type that
    /// [plans online](crate::schema::Traits::plans_online): one answer per item, in order. Nothing is changed by it.
    async fn refine(
        &self,
        _context: &CallContext,
        _type_name: &str,
        items: &[RefineItem],
    ) -> Vec<Result<Refined, ProviderError>> {
        items.iter().map(|_| Ok(Refined::default())).collect()
    }

    /// Reads a data source.
    async fn read_data(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Value, ProviderError>;

    /// What this configuration manages is about to end with its host: takes away what would outlive that outside of it (load
    /// balancers, disks), and returns when it has gone. Doing so again does no harm.
    ///
    /// # Errors
    /// The host cannot be reached, or something does not go.
    async fn leave(
        &self,
        _context: &CallContext,
        _operation: &Operation,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// What controllers inside the host have made outside of it, and nobody looks after once these have gone. Nothing is changed by it.
    ///
    /// # Errors
    /// The host cannot be reached.
    async fn made_outside(
        &self,
        _context: &CallContext,
        _endings: &[Ending<'_>],
    ) -> Result<Vec<Made>, ProviderError> {
        Ok(Vec::new())
    }

    /// Does with that what was decided, and returns when what goes has gone. Doing so again does no harm.
    ///
    /// # Errors
    /// The host cannot be reached, or something does not go.
    async fn settle(
        &self,
        _context: &CallContext,
        _operation: &Operation,
        _ending: Ending<'_>,
        _fate: Fate,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The nodes with a label are about to go while what this configuration manages stays: moves what runs on them to others, and
    /// returns when nothing is left there that could be moved. Doing so again does no harm.
    ///
    /// # Errors
    /// The host cannot be reached, or something does not let itself be moved.
    async fn vacate(
        &self,
        _context: &CallContext,
        _operation: &Operation,
        _label: (&str, &str),
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Opens an ephemeral resource: the configuration with the computed attributes filled, and what is to be told when it is
    /// renewed and closed.
    async fn open(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Opened, ProviderError> {
        let _ = (context, config);
        Err(no_ephemeral(type_name))
    }

    /// Makes what is open last longer.
    async fn renew(
        &self,
        context: &CallContext,
        type_name: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError> {
        let _ = (context, private);
        Err(no_ephemeral(type_name))
    }

    /// Gives up what is open. What is gone already is done.
    async fn close(
        &self,
        context: &CallContext,
        type_name: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError> {
        let _ = (context, private);
        Err(no_ephemeral(type_name))
    }

    /// Creates, or goes on with a creation that has [`Operation::known_id`]. Returns the whole new value.
    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError>;

    /// Changes in place. Returns the whole new value.
    async fn update(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError>;

    /// Deletes; what is absent is done.
    async fn delete(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
    ) -> Result<(), ProviderError>;

    /// Finds what an interrupted create made, by its operation tag, client-chosen name or parent and key.
    async fn recover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Recovered, ProviderError>;

    /// The value of an existing resource by its import id.
    async fn import(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Value, ProviderError>;

    /// Finds again what a state that is lost told of: the import ids of what carries the marks of an operation's stack, instance and
    /// address; where a type bears no marks, what its configuration names, as far as that is known. Nothing is changed by it.
    async fn rediscover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let _ = (context, operation, config);
        Err(silent(type_name))
    }

    /// What is directly in a folder of an object store, a bucket for one: `path` ends with `/`, or is empty.
    async fn folder(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let _ = (context, id, path);
        Err(silent(type_name))
    }

    /// From when to when what is in a resource could be had back from the backups that its cloud makes; none when it is gone.
    async fn backups(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let _ = (context, id);
        Err(silent(type_name))
    }

    /// What can be known before the first call to be going to fail: quotas, taken names, versions that do not exist.
    async fn preflight(&self, context: &CallContext, items: &[PreflightItem]) -> Vec<Finding>;

    /// What would hold up that everything that runs inside a host is moved to other machines, which `moved` is about to do.
    async fn moving(&self, context: &CallContext, moved: &crate::address::Address) -> Vec<Finding> {
        let _ = (context, moved);
        Vec::new()
    }
}

fn silent(type_name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("this provider does not tell that of `{type_name}`"),
    )
}

fn no_ephemeral(type_name: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("this provider has no ephemeral resource `{type_name}`"),
    )
}

/// What [`Session::open`] gave. Nothing of it is ever stored.
#[derive(Clone)]
pub struct Opened {
    /// Its value, of the schema's shape.
    pub value: Value,
    /// When it must be renewed, if it does not last.
    pub renew_at: Option<Timestamp>,
    /// For the type's own use when it is renewed and closed.
    pub private: Option<serde_json::Value>,
}

/// What [`Session::renew`] gave.
#[derive(Clone)]
pub struct Renewed {
    /// When it must be renewed again.
    pub renew_at: Option<Timestamp>,
    /// For the type's own use, instead of what it was.
    pub private: Option<serde_json::Value>,
}

/// What the change of a host's version means for one object in it.
#[derive(Clone, Copy, Debug)]
pub struct Shift<'a> {
    /// The object's type.
    pub type_name: &'a str,
    /// As it is; none for a new one.
    pub before: Option<&'a Value>,
    /// As it will be.
    pub after: &'a Value,
    /// The version that the host has; none where it is new too.
    pub from: Option<&'a str>,
    /// The version that the host is to have.
    pub to: &'a str,
    /// Whether the object changes before its host does, so that it must suit both versions as it will be. What changes after its
    /// host must suit the new version as it is.
    pub ahead: bool,
}

/// What planning one instance works on.
#[derive(Clone, Copy, Debug)]
pub struct PlanRequest<'a> {
    /// The resource type.
    pub type_name: &'a str,
    /// What is there, of the schema's implied type; none for a new one.
    pub prior: Option<&'a Value>,
    /// What the stack file says, coerced to the schema: null where it says nothing.
    pub config: &'a Value,
    /// What `plan` kept last time.
    pub private: Option<&'a serde_json::Value>,
    /// The resolved provider configuration, when it is known: default tags come from it.
    pub provider: Option<&'a Value>,
}

/// What an instance will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The planned value; unknown where only apply will tell. What is known is a promise.
    pub value: Value,
    /// Paths whose change forces replacement; empty when it can be changed in place.
    pub replace: Vec<Path>,
    /// For the type's own use at apply and in the next plan.
    pub private: Option<serde_json::Value>,
}

/// One planned creation or change, for [`Session::refine`].
#[derive(Clone, Debug)]
pub struct RefineItem {
    /// What is there; none for a new one, and one that is replaced.
    pub prior: Option<Value>,
    /// What is planned; may contain unknown values.
    pub planned: Value,
    /// Whether it takes over what another resource has brought: see [`Operation::hands_over`].
    pub takes_over: bool,
}

/// What asking the cloud adds to a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refined {
    /// The planned value, with more known than before; what is known is a promise.
    pub value: Option<Value>,
    /// Paths that the cloud would refuse to change in place.
    pub replace: Vec<Path>,
    /// In words, what of an object that is taken over would be another one than it is.
    pub differs: Vec<String>,
}

/// One instance to read.
#[derive(Clone, Debug)]
pub struct ReadItem {
    /// The cloud's id.
    pub id: String,
    /// What the state says; import passes an object with only `id`.
    pub prior: Value,
}

/// What [`Session::recover`] found.
#[derive(Clone, Debug, PartialEq)]
pub enum Recovered {
    /// Nothing, after all pages were read.
    Absent,
    /// The operation's own resource, by its id: it may be half-configured or still in creation.
    Found(String),
    /// A resource of that name which this operation did not make.
    Foreign(String),
}

/// One planned change, for preflight.
#[derive(Clone, Debug)]
pub struct PreflightItem {
    /// Whose.
    pub address: crate::address::Address,
    /// What is planned; may contain unknown values.
    pub planned: Value,
    /// Whether it will be created (or replaced) rather than changed.
    pub creates: bool,
    /// Whose ids the attributes of [`Traits::refers`](crate::schema::Traits::refers) will have, where those are not known yet:
    /// resources that this plan makes too.
    pub refers: std::collections::BTreeMap<&'static str, Vec<crate::address::Address>>,
}

/// Something that will not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose.
    pub address: crate::address::Address,
    /// What and why.
    pub error: ProviderError,
    /// Whether the run must not start.
    pub fatal: bool,
}

/// What the engine lends to a provider for the time of a call.
#[derive(Clone)]
pub struct CallContext {
    /// Time and waiting.
    pub clock: Arc<dyn Clock>,
    /// Limits on calls.
    pub gate: Arc<dyn Gate>,
    /// Where news goes.
    pub events: Arc<dyn Events>,
    /// The provider whose limits apply.
    pub provider: &'static str,
}

/// Limits how many calls of a family are in flight and how fast they follow one another.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Waits until a call may be made. The permit is held for the time of the call, never while waiting for the cloud.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`](crate::ErrorKind) when the run is stopping and nothing new may start.
    async fn enter(&self, provider: &str, family: &str) -> Result<Permit, ProviderError>;
    /// The cloud said "too fast": the family's rate goes down, and up again slowly.
    fn throttled(&self, provider: &str, family: &str);
}

/// Leave to make one call; dropping it ends the call.
pub struct Permit(#[allow(dead_code, reason = "held for its drop")] Box<dyn Send>);

impl Permit {
    /// Wraps whatever releases the slot when dropped.
    #[must_use]
    pub fn new(release: impl Send + 'static) -> Permit {
        Permit(Box::new(release))
    }
}

/// News of a running operation.
#[async_trait]
pub trait Events: Send + Sync {
    /// The cloud has returned the id: it is made durable before this returns, so that a crash cannot lose the resource.
    async fn id_known(&self, operation: &Operation, id: &str) -> Result<(), ProviderError>;
    /// The cloud's own word for where a long operation stands.
    fn status(&self, operation: &Operation, status: &str);
}

/// For calls that nobody need follow: outside any operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

#[async_trait]
impl Events for NoEvents {
    async fn id_known(&self, _: &Operation, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }
    fn status(&self, _: &Operation, _: &str) {}
}

/// For a handful of calls, which no limit is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLimits;

#[async_trait]
impl Gate for NoLimits {
    async fn enter(&self, _: &str, _: &str) -> Result<Permit, ProviderError> {
        Ok(Permit::new(()))
    }
    fn throttled(&self, _: &str, _: &str) {}
}

impl CallContext {
    /// Leave to make one call of a family.
    ///
    /// # Errors
    /// See [`Gate::enter`].
    pub async fn enter(&self, family: &str) -> Result<Permit, ProviderError> {
        self.gate.enter(self.provider, family).await
    }
}
