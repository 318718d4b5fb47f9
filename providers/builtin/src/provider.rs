//! The provider: its catalogue, and dispatch by type name. What a type does stands in the type's own file.

use crate::caller_address::CallerAddress;
use crate::ephemeral_password::EphemeralPassword;
use crate::external::External;
use crate::files::Files;
use crate::http::Http;
use crate::local_content::LocalFileData;
use crate::local_file::LocalFile;
use crate::local_sensitive_file::{LocalSensitiveFile, LocalSensitiveFileData};
use crate::random_id::RandomId;
use crate::random_integer::RandomInteger;
use crate::random_password::RandomPassword;
use crate::random_pet::RandomPet;
use crate::random_shuffle::RandomShuffle;
use crate::random_string::RandomString;
use crate::random_uuid::RandomUuid;
use crate::sealed_secret::SealedSecret;
use crate::state_only::InState;
use crate::terraform_data::TerraformData;
use crate::time_sleep::TimeSleep;
use crate::time_static::TimeStatic;
use crate::tls_private_key::TlsPrivateKey;
use crate::tls_self_signed_cert::TlsSelfSignedCert;
use async_trait::async_trait;
use infra_model::provider::{Environment, Finding, Opened, PreflightItem, Renewed, Session};
use infra_model::resource::{DynDataSource, DynEphemeral};
use infra_model::schema::ProviderSchema;
use infra_model::{
    Block, CallContext, Catalogue, DynResource, Operation, PlanRequest, Planned, Provider,
    ProviderError, Random, ReadItem, Recovered, Typed, Value,
};
use std::path::PathBuf;
use std::sync::Arc;

/// What the types may use of the world.
pub(crate) struct Client {
    pub(crate) random: Arc<dyn Random>,
    pub(crate) files: Arc<dyn Files>,
    /// Relative paths start here.
    pub(crate) directory: PathBuf,
    /// The address that this machine calls from, where the environment says it.
    pub(crate) caller: Option<String>,
}

/// The provider of everything that needs no cloud.
pub struct Builtin {
    catalogue: Arc<Catalogue<Client>>,
    random: Arc<dyn Random>,
    files: Arc<dyn Files>,
}

/// The provider, with the randomness and the files that it may use.
#[must_use]
pub fn provider(random: Arc<dyn Random>, files: Arc<dyn Files>) -> Arc<dyn Provider> {
    Arc::new(Builtin::new(random, files))
}

impl Builtin {
    /// With the randomness and the files that it may use.
    #[must_use]
    pub fn new(random: Arc<dyn Random>, files: Arc<dyn Files>) -> Builtin {
        Builtin {
            catalogue: Arc::new(catalogue()),
            random,
            files,
        }
    }
}

fn catalogue() -> Catalogue<Client> {
    let resources: Vec<Box<dyn DynResource<Client>>> = vec![
        Typed::<InState<SealedSecret>>::register(),
        Typed::<InState<TerraformData>>::register(),
        Typed::<InState<RandomId>>::register(),
        Typed::<InState<RandomInteger>>::register(),
        Typed::<InState<RandomPassword>>::register(),
        Typed::<InState<RandomPet>>::register(),
        Typed::<InState<RandomShuffle>>::register(),
        Typed::<InState<RandomString>>::register(),
        Typed::<InState<RandomUuid>>::register(),
        Typed::<InState<TimeSleep>>::register(),
        Typed::<InState<TimeStatic>>::register(),
        Typed::<InState<TlsPrivateKey>>::register(),
        Typed::<InState<TlsSelfSignedCert>>::register(),
        Typed::<LocalFile>::register(),
        Typed::<LocalSensitiveFile>::register(),
    ];
    let data: Vec<Box<dyn DynDataSource<Client>>> = vec![
        Typed::<CallerAddress>::register_data(),
        Typed::<External>::register_data(),
        Typed::<Http>::register_data(),
        Typed::<LocalFileData>::register_data(),
        Typed::<LocalSensitiveFileData>::register_data(),
    ];
    let ephemeral: Vec<Box<dyn DynEphemeral<Client>>> =
        vec![Typed::<EphemeralPassword>::register_ephemeral()];
    Catalogue::new("the builtin provider", Block::default(), Vec::new())
        .with_resources(resources)
        .with_data(data)
        .with_ephemeral(ephemeral)
}

#[async_trait]
impl Provider for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn schema(&self) -> &ProviderSchema {
        self.catalogue.schema()
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        self.catalogue.resource(request.type_name)?.plan(request)
    }

    fn validate(&self, type_name: &str, config: &Value) -> Vec<ProviderError> {
        match self.catalogue.resource(type_name) {
            Ok(resource) => resource.validate(config),
            // A data source: the schema says it all.
            Err(_) => Vec::new(),
        }
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
        _: &Value,
        environment: &Environment,
    ) -> Result<Arc<dyn Session>, ProviderError> {
        Ok(Arc::new(Open {
            catalogue: self.catalogue.clone(),
            client: Client {
                random: self.random.clone(),
                files: self.files.clone(),
                directory: environment.directory.clone(),
                caller: environment
                    .variable("INFRA_CALLER_ADDRESS")
                    .map(str::to_owned),
            },
        }))
    }
}

/// The provider for one stack.
struct Open {
    catalogue: Arc<Catalogue<Client>>,
    client: Client,
}

#[async_trait]
impl Session for Open {
    fn resolved(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    async fn read_many(
        &self,
        context: &CallContext,
        type_name: &str,
        items: &[ReadItem],
    ) -> Vec<Result<Option<Value>, ProviderError>> {
        match self.catalogue.resource(type_name) {
            Ok(resource) => resource.read(&self.client, context, items).await,
            Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn read_data(
        &self,
        context: &CallContext,
        type_name: &str,
        config: &Value,
    ) -> Result<Value, ProviderError> {
        let source = self.catalogue.data(type_name)?;
        source.read(&self.client, context, config).await
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
        resource
            .create(&self.client, context, operation, desired)
            .await
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
        resource
            .update(&self.client, context, operation, prior, desired)
            .await
    }

    async fn delete(
        &self,
        context: &CallContext,
        operation: &Operation,
        type_name: &str,
        prior: &Value,
    ) -> Result<(), ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        resource
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
        let resource = self.catalogue.resource(type_name)?;
        resource
            .recover(&self.client, context, operation, desired)
            .await
    }

    async fn import(
        &self,
        context: &CallContext,
        type_name: &str,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let resource = self.catalogue.resource(type_name)?;
        resource.import(&self.client, context, id).await
    }

    /// Nothing can be known to be in the way.
    async fn preflight(&self, _: &CallContext, _: &[PreflightItem]) -> Vec<Finding> {
        Vec::new()
    }
}
