//! The engine's side of a cloud's provider: finds the type, checks and shapes values on their way in and out, and leaves
//! the rest to the type.

use crate::defaults::{self, Names};
use crate::{overtaken, shape};
use async_trait::async_trait;
use infra_model::kept::{Backups, Folder};
use infra_model::outside::{Ending, Fate, Made};
use infra_model::provider::{
    Environment, Finding, Opened, PreflightItem, RefineItem, Refined, Renewed, Shift,
};
use infra_model::resource::{DynDataSource, DynEphemeral, DynResource};
use infra_model::schema::ApiFamily;
use infra_model::{
    Block, CallContext, Catalogue, Operation, PlanRequest, Planned, Provider, ProviderError,
    ProviderSchema, ReadItem, Recovered, Schema, Session, Str, Value,
};
use std::sync::Arc;

/// What one cloud brings: its types and how to connect.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// What its types work with once it is configured.
    type Client: Send + Sync + 'static;
    /// `aws`
    const NAME: &'static str;
    /// How its attributes for tags or labels are called.
    const DEFAULTS: Names;

    /// The schema of its configuration.
    fn config() -> Block;

    /// Limits of its API families.
    fn families() -> Vec<ApiFamily>;

    /// Managed types.
    fn resources() -> Vec<Box<dyn DynResource<Self::Client>>>;

    /// Data sources.
    fn data() -> Vec<Box<dyn DynDataSource<Self::Client>>>;

    /// Ephemeral resources.
    fn ephemeral() -> Vec<Box<dyn DynEphemeral<Self::Client>>> {
        Vec::new()
    }

    /// Connects: see [`Provider::configure`].
    ///
    /// # Errors
    /// No credentials, no region, an endpoint that is no URL.
    async fn connect(
        config: &Value,
        environment: &Environment,
    ) -> Result<Self::Client, ProviderError>;

    /// The attributes of the resolved configuration that tell within what the cloud counts calls.
    const REALM: &'static [&'static str];

    /// The resolved configuration: see [`Session::resolved`].
    fn resolved(client: &Self::Client) -> serde_json::Value;

    /// What would be lost for good with an object: see [`Provider::data`].
    fn holds(_type_name: &str, _value: &Value) -> Option<&'static str> {
        None
    }

    /// What a resource has brought besides itself: see [`Provider::brings`].
    fn brings(_type_name: &str, _value: &Value) -> Vec<Str> {
        Vec::new()
    }

    /// The names of what a resource makes: see [`Provider::known_as`].
    fn known_as(_type_name: &str, _planned: &Value) -> Vec<Str> {
        Vec::new()
    }

    /// What asking adds to a plan: see [`Session::refine`].
    async fn refine(
        _client: &Self::Client,
        _context: &CallContext,
        _type_name: &str,
        items: &[RefineItem],
    ) -> Vec<Result<Refined, ProviderError>> {
        items.iter().map(|_| Ok(Refined::default())).collect()
    }

    /// What would outlive the host: see [`Session::leave`].
    ///
    /// # Errors
    /// The host cannot be reached, or something does not go.
    async fn leave(
        _client: &Self::Client,
        _context: &CallContext,
        _operation: &Operation,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Whether a resource makes things outside of its host: see [`Provider::tends`].
    fn tends(_type_name: &str, _value: &Value) -> bool {
        false
    }

    /// What has been made outside of the host: see [`Session::made_outside`].
    ///
    /// # Errors
    /// The host cannot be reached.
    async fn made_outside(
        _client: &Self::Client,
        _context: &CallContext,
        _endings: &[Ending<'_>],
    ) -> Result<Vec<Made>, ProviderError> {
        Ok(Vec::new())
    }

    /// Does with it what was decided: see [`Session::settle`].
    ///
    /// # Errors
    /// The host cannot be reached, or something does not go.
    async fn settle(
        _client: &Self::Client,
        _context: &CallContext,
        _operation: &Operation,
        _ending: Ending<'_>,
        _fate: Fate,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Moves what runs on some nodes to others: see [`Session::vacate`].
    ///
    /// # Errors
    /// The host cannot be reached, or something does not let itself be moved.
    async fn vacate(
        _client: &Self::Client,
        _context: &CallContext,
        _operation: &Operation,
        _label: (&str, &str),
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Why an object cannot be in a host whose version changes: see [`Provider::unserved`].
    fn unserved(_shift: &Shift<'_>) -> Option<ProviderError> {
        None
    }

    /// What would hold up a move: see [`Session::moving`].
    async fn moving(
        _client: &Self::Client,
        _context: &CallContext,
        _moved: &infra_model::Address,
    ) -> Vec<Finding> {
        Vec::new()
    }

    /// What is known to fail before the first call: see [`Session::preflight`].
    async fn preflight(
        client: &Self::Client,
        context: &CallContext,
        items: &[PreflightItem],
    ) -> Vec<Finding>;
}

/// A cloud before it is configured.
pub struct CloudProvider<C: Cloud> {
    catalogue: Arc<Catalogue<C::Client>>,
}

/// The provider, configured.
struct CloudSession<C: Cloud> {
    client: C::Client,
    catalogue: Arc<Catalogue<C::Client>>,
}

impl<C: Cloud> Default for CloudProvider<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Cloud> CloudProvider<C> {
    /// With all its types.
    #[must_use]
    pub fn new() -> Self {
        let whose = format!("the provider {}", C::NAME);
        let catalogue = Catalogue::new(whose, C::config(), C::families())
            .with_resources(C::resources())
            .with_data(C::data())
            .with_ephemeral(C::ephemeral());
        Self {
            catalogue: Arc::new(catalogue),
        }
    }
}

/// An error may name a parameter of the API that is no attribute of the type.
fn known_attribute(schema: &Schema, mut error: ProviderError) -> ProviderError {
    error.attribute = error.attribute.filter(|path| {
        path.root()
            .is_some_and(|root| schema.block.names().any(|name| name == root))
    });
    error
}

#[async_trait]
impl<C: Cloud> Provider for CloudProvider<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn schema(&self) -> &ProviderSchema {
        self.catalogue.schema()
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let resource = self.catalogue.resource(request.type_name)?;
        let mut planned = resource.plan(request)?;
        if !planned.replace.is_empty() {
            // A replacement is planned as a new resource, also when a type's own rule asks for it.
            let fresh = PlanRequest {
                prior: None,
                ..*request
            };
            planned.value = resource.plan(&fresh)?.value;
        }
        defaults::plan(C::DEFAULTS, &resource.schema().block, request, &mut planned);
        Ok(planned)
    }

    fn validate(&self, type_name: &str, config: &Value) -> Vec<ProviderError> {
        match self.catalogue.resource(type_name) {
            Ok(resource) => resource.validate(config),
            // Others have nothing to check beyond their schema.
            Err(_) if self.catalogue.data(type_name).is_ok() => Vec::new(),
            Err(_) if self.catalogue.ephemeral(type_name).is_ok() => Vec::new(),
            Err(error) => vec![error],
        }
    }

    fn data(&self, type_name: &str, value: &Value) -> Option<&'static str> {
        C::holds(type_name, value)
    }

    fn brings(&self, type_name: &str, value: &Value) -> Vec<Str> {
        C::brings(type_name, value)
    }

    fn known_as(&self, type_name: &str, planned: &Value) -> Vec<Str> {
        C::known_as(type_name, planned)
    }

    fn tends(&self, type_name: &str, value: &Value) -> bool {
        C::tends(type_name, value)
    }

    fn unserved(&self, shift: &Shift<'_>) -> Option<ProviderError> {
        C::unserved(shift)
    }

    fn upgrade(
        &self,
        type_name: &str,
        version: u32,
        raw: serde_json::Value,
    ) -> Result<serde_json::Value, ProviderError> {
        self.catalogue.resource(type_name)?.upgrade(version, raw)
    }

    async fn configure(
        &self,
        config: &Value,
        environment: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError> {
        let client = C::connect(config, environment).await?;
        Ok(Arc::new(CloudSession::<C> {
            client,
            catalogue: Arc::clone(&self.catalogue),
        }))
    }
}

#[async_trait]
impl<C: Cloud> Session for CloudSession<C> {
    fn resolved(&self) -> serde_json::Value {
        C::resolved(&self.client)
    }

    fn realm(&self) -> String {
        let resolved = C::resolved(&self.client);
        let parts = C::REALM.iter().map(|name| resolved[name].to_string());
        parts.collect::<Vec<_>>().join(" ")
    }

    async fn read_many(
        &self,
        context: &CallContext,
        type_name: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        let resource = match self.catalogue.resource(type_name) {
            Ok(resource) => resource,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let block = &resource.schema().block;
        resource
            .read(&self.client, context, items)
            .await
            .into_iter()
            .zip(items)
            .map(|(answer, item)| {
                answer.map(|found| found.map(|value| shape::like(block, &item.prior, value)))
            })
            .collect()
    }

    async fn refine(
        &self,
        context: &CallContext,
        type_name: &str,
        items: &[RefineItem],
    ) -> Vec<Result<Refined, ProviderError>> {
        C::refine(&self.client, context, type_name, items).await
    }

    async fn leave(
        &self,
        context: &CallContext,
        operation: &Operation,
    ) -> Result<(), ProviderError> {
        C::leave(&self.client, context, operation).await
    }

    async fn made_outside(
        &self,
        context: &CallContext,
        endings: &[Ending<'_>],
    ) -> Result<Vec<Made>, ProviderError> {
        C::made_outside(&self.client, context, endings).await
    }

    async fn settle(
        &self,
        context: &CallContext,
        operation: &Operation,
        ending: Ending<'_>,
        fate: Fate,
    ) -> Result<(), ProviderError> {
        C::settle(&self.client, context, operation, ending, fate).await
    }

    async fn vacate(
        &self,
        context: &CallContext,
        operation: &Operation,
        label: (&str, &str),
    ) -> Result<(), ProviderError> {
        C::vacate(&self.client, context, operation, label).await
    }

    async fn read_data(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Value, ProviderError> {
        let data = self.catalogue.data(type_name)?;
        let value = data.read(&self.client, context, config).await?;
        Ok(shape::like(&data.schema().block, config, value))
    }

    async fn open(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Opened, ProviderError> {
        let resource = self.catalogue.ephemeral(type_name)?;
        resource.open(&self.client, context, config).await
    }

    async fn renew(
        &self,
        context: &CallContext,
        type_name: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<Renewed, ProviderError> {
        let resource = self.catalogue.ephemeral(type_name)?;
        resource.renew(&self.client, context, private).await
    }

    async fn close(
        &self,
        context: &CallContext,
        type_name: &str,
        private: Option<&serde_json::Value>,
    ) -> Result<(), ProviderError> {
        let resource = self.catalogue.ephemeral(type_name)?;
        resource.close(&self.client, context, private).await
    }

    async fn create(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let desired = desired.without_unknowns();
        let value = resource
            .create(&self.client, context, operation, &desired)
            .await
            .map_err(|e| known_attribute(resource.schema(), e))?;
        Ok(shape::like(&resource.schema().block, &desired, value))
    }

    async fn update(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
        desired: &Value,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let desired = desired.without_unknowns();
        let value = resource
            .update(&self.client, context, operation, prior, &desired)
            .await
            .map_err(|e| overtaken::discreet(e, [prior, &desired]))
            .map_err(|e| known_attribute(resource.schema(), e))?;
        Ok(shape::like(&resource.schema().block, &desired, value))
    }

    async fn delete(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        self.catalogue
            .resource(type_name)?
            .delete(&self.client, context, operation, prior)
            .await
    }

    async fn recover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        desired: &Value,
    ) -> Result<Recovered, ProviderError> {
        self.catalogue
            .resource(type_name)?
            .recover(
                &self.client,
                context,
                operation,
                &desired.without_unknowns(),
            )
            .await
    }

    async fn import(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        let value = resource.import(&self.client, context, id).await?;
        Ok(shape::like(&resource.schema().block, &Value::NULL, value))
    }

    async fn rediscover(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        resource
            .rediscover(&self.client, context, operation, config)
            .await
    }

    async fn folder(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        resource.folder(&self.client, context, id, path).await
    }

    async fn backups(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        resource.backups(&self.client, context, id).await
    }

    async fn preflight(&self, context: &CallContext, items: &[PreflightItem]) -> Vec<Finding> {
        C::preflight(&self.client, context, items).await
    }

    async fn moving(&self, context: &CallContext, moved: &infra_model::Address) -> Vec<Finding> {
        C::moving(&self.client, context, moved).await
    }
}
