//! Questions to the clouds outside of any plan: about what a state has, and after what a state that is lost had. Nothing is changed
//! by them. Each provider is configured once.

use crate::configure;
use crate::engine::Engine;
use crate::graph::ProgramGraph;
use crate::import;
use crate::scope::{Frame, World};
use crate::sessions::{Connected, Sessions};
use infra_model::address::{Address, Mode};
use infra_model::kept::{Backups, Folder};
use infra_model::operation::{Action, Marking, Operation, OperationId, Token};
use infra_model::program::Program;
use infra_model::provider::{CallContext, NoEvents, ReadItem};
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::value::Value;
use infra_state::ResourceState;
use std::sync::Arc;

/// Whoever asks.
pub struct Asking {
    engine: Engine,
    sessions: Sessions,
}

impl Engine {
    /// For questions of one run.
    #[must_use]
    pub fn asking(&self) -> Asking {
        Asking {
            engine: self.clone(),
            sessions: Sessions::new(self),
        }
    }
}

impl Asking {
    /// An object of a state's, read as if nothing were known of it.
    ///
    /// # Errors
    /// It is gone, or cannot be read.
    pub async fn whole(
        &self,
        type_name: &str,
        resource: &ResourceState,
    ) -> Result<Value, ProviderError> {
        let (connected, context) = self.connected(resource).await?;
        let session = connected.session;
        session.import(&context, type_name, &resource.id).await
    }

    /// An object of a state's as it is now, by what is known of it; none when it is gone.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn now(
        &self,
        type_name: &str,
        resource: &ResourceState,
        prior: &Value,
    ) -> Result<Option<Value>, ProviderError> {
        let (connected, context) = self.connected(resource).await?;
        let item = ReadItem {
            id: resource.id.clone(),
            prior: prior.unmark_deep(),
        };
        let session = connected.session;
        let answers = session.read_many(&context, type_name, &[item]).await;
        answers.into_iter().next().unwrap_or(Ok(None))
    }

    /// What is directly in a folder of an object store: see [`infra_model::Session::folder`].
    ///
    /// # Errors
    /// A type that has no folders, or one that cannot be read.
    pub async fn folder(
        &self,
        type_name: &str,
        resource: &ResourceState,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let (connected, context) = self.connected(resource).await?;
        let session = connected.session;
        session
            .folder(&context, type_name, &resource.id, path)
            .await
    }

    /// The backups that the cloud makes of an object: see [`infra_model::Session::backups`].
    ///
    /// # Errors
    /// A type that does not tell, or an object that cannot be read.
    pub async fn backups(
        &self,
        type_name: &str,
        resource: &ResourceState,
    ) -> Result<Option<Backups>, ProviderError> {
        let (connected, context) = self.connected(resource).await?;
        let session = connected.session;
        session.backups(&context, type_name, &resource.id).await
    }

    /// What the clouds have of a block without instances, by the marks that it was made with and by what `config` says of it, as far
    /// as that is known: as a state would have it, with its value.
    ///
    /// # Errors
    /// The provider of the block cannot be configured by the program alone; the cloud cannot be asked.
    pub async fn found_again(
        &self,
        program: &Program,
        address: &Address,
        config: &Value,
    ) -> Result<Vec<(ResourceState, Value)>, ProviderError> {
        let wrong = |why: String| ProviderError::new(ErrorKind::Invalid, why);
        let block = program.blocks.iter().find(|b| b.address == address.block);
        let block = block.ok_or_else(|| wrong(format!("there is no {address} in the stack")))?;
        let type_name = &*address.block.type_name;
        let schema = self
            .engine
            .schema(&block.provider.name, Mode::Managed, type_name)
            .ok_or_else(|| wrong(format!("there is no type {type_name}")))?;
        let graph = ProgramGraph::new(program);
        let world = World::planning(&self.engine, program, &graph);
        let frame = Frame::of_key(&address.block.scope, address.key.as_ref());
        let said = world
            .provider_of(block, &frame)
            .map_err(|e| wrong(words(&e)))?;
        let configured = graph.provider(&said).map(|i| &program.providers[i]);
        let configured =
            configured.ok_or_else(|| wrong(format!("the provider {said} is not configured")))?;
        let value = configure::configuration(&self.engine, &world, configured)
            .map_err(|e| wrong(words(&e)))?
            .value;
        let value = value.ok_or_else(|| {
            wrong(format!(
                "the configuration of the provider {said} is not known without a state"
            ))
        })?;
        let connected = self.sessions.connect(&said, &value).await?;
        let context = self.context(&said.name, &connected);
        let operation = self.operation(program, address);
        let session = &connected.session;
        let config = config.unmark_deep();
        let mut found = Vec::new();
        for id in session
            .rediscover(&context, &operation, type_name, &config)
            .await?
        {
            let value = session.import(&context, type_name, &id).await?;
            let resource = import::recorded(block, schema, said.clone(), &connected, &value, &id);
            found.push((resource, value));
        }
        Ok(found)
    }

    /// What has made it, as far as that shows in marks: which operation it was is lost with the state.
    fn operation(&self, program: &Program, address: &Address) -> Operation {
        let id = OperationId("".into());
        let started = self.engine.clock.now();
        Operation {
            token: Token::new("", &id),
            id,
            address: address.clone(),
            action: Action::Create,
            started,
            known_id: None,
            hands_over: false,
            marking: Marking::of(&program.stack, started),
            private: None,
        }
    }

    async fn connected(
        &self,
        resource: &ResourceState,
    ) -> Result<(Connected, CallContext), ProviderError> {
        let address = &resource.provider;
        let config = &resource.provider_config;
        let connected = self.sessions.reconnect(address, config).await?;
        let context = self.context(&address.name, &connected);
        Ok((connected, context))
    }

    fn context(&self, provider: &str, connected: &Connected) -> CallContext {
        let events = Arc::new(NoEvents);
        (self.sessions).context(provider, &*connected.session, events)
    }
}

fn words(errors: &[infra_model::Diagnostic]) -> String {
    let all: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
    all.join("; ")
}
