//! Bringing an existing resource under management.

use crate::codec;
use crate::configure;
use crate::engine::{Engine, Input};
use crate::error::EngineError;
use crate::events::Observer;
use crate::graph::ProgramGraph;
use crate::plan::Instances;
use crate::scope::{Frame, World};
use crate::sessions::{Connected, Sessions};
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use infra_model::program::{Program, ResourceBlock};
use infra_model::schema::Schema;
use infra_model::value::Value;
use infra_state::{ResourceState, State, StateChange};
use serde_json::Value as Json;

/// What was imported.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// Where to.
    pub address: Address,
    /// The cloud's id.
    pub id: String,
    /// Its value.
    pub value: Value,
}

impl Engine {
    /// Imports one resource into the state; its block must be in the stack file.
    ///
    /// # Errors
    /// No such block, an address that is taken, an id that the cloud does not know.
    pub async fn import(
        &self,
        input: Input<'_>,
        address: &Address,
        id: &str,
        _: &dyn Observer,
    ) -> Result<ImportReport, EngineError> {
        let empty = Program::default();
        let program = input.program.unwrap_or(&empty);
        let graph = ProgramGraph::new(program);
        let Some(block) = graph.block_at(&address.block).map(|i| &program.blocks[i]) else {
            let names: Vec<String> = program
                .blocks
                .iter()
                .map(|b| b.address.to_string())
                .collect();
            let near = did_you_mean(&address.block.to_string(), names.iter().map(String::as_str));
            let help = near.map_or_else(
                || {
                    format!(
                        "add [resource.{}.{}] first",
                        address.block.type_name, address.block.name
                    )
                },
                |n| format!("did you mean `{n}`?"),
            );
            return Err(Diagnostic::error(
                Code::UnknownResource,
                format!("there is no block {} in the stack file", address.block),
            )
            .help(help)
            .into());
        };
        if input
            .store
            .read(|s| s.resource(address).is_some_and(ResourceState::has_current))
        {
            return Err(Diagnostic::error(
                Code::ManagedAlready,
                format!("{address} is managed already"),
            )
            .help("choose another address, or forget it first")
            .into());
        }
        let world = World::planning(self, program, &graph);
        let (_, list, _) = crate::plan::instances(&world, block)?;
        if let Some(list) = &list
            && !list.iter().any(|(key, _)| *key == address.key)
        {
            let keys: Vec<String> = list
                .iter()
                .map(|(key, _)| block.address.instance(key.clone()).to_string())
                .collect();
            return Err(Diagnostic::error(
                Code::NoSuchInstance,
                format!("the stack file has no instance {address}"),
            )
            .help(format!("it has {}", keys.join(", ")))
            .into());
        }
        let provider = configuration_of(&world, block, address, list)?;
        let (connected, value) = self.look_up(&world, &graph, &provider, address, id).await?;
        let Some(schema) = self.schema(
            &block.provider.name,
            Mode::Managed,
            &block.address.type_name,
        ) else {
            return Err(Diagnostic::error(
                Code::UnknownType,
                format!("there is no resource type {}", block.address.type_name),
            )
            .into());
        };
        let resource = recorded(block, schema, provider, &connected, &value, id);
        let id = resource.id.clone();
        if let Some(other) = input
            .store
            .read(|s| managed_as(s, address, &connected.resolved, &id))
        {
            return Err(
                Diagnostic::error(Code::ManagedAlready, format!("`{id}` is managed already, as {other}"))
                    .about(address)
                    .help("give it the new address with [[moved]], or forget it there first: two addresses of one resource would undo each other")
                    .into(),
            );
        }
        input
            .store
            .apply_changes(vec![StateChange::Put {
                address: address.clone(),
                resource,
                depose: None,
            }])
            .await?;
        Ok(ImportReport {
            address: address.clone(),
            id,
            value,
        })
    }

    /// Asks the cloud for what an import id names, with a provider configuration of the program.
    pub(crate) async fn look_up(
        &self,
        world: &World<'_>,
        graph: &ProgramGraph,
        provider: &ProviderAddress,
        address: &Address,
        id: &str,
    ) -> Result<(Connected, Value), EngineError> {
        let problem = |error: infra_model::ProviderError| {
            Diagnostic::error(
                Code::of_provider(error.kind),
                format!("{address} cannot be imported: {error}"),
            )
            .about(address)
        };
        let Some(block) = graph
            .provider(provider)
            .map(|i| &world.program.providers[i])
        else {
            return Err(Diagnostic::error(
                Code::UnknownProviderConfig,
                format!("provider {provider} is not configured"),
            )
            .help(format!("add [clouds.{}]", provider.name))
            .into());
        };
        let Some(config) = configure::configuration(self, world, block)?.value else {
            let message =
                format!("the configuration of provider {provider} is not known while importing");
            return Err(Diagnostic::error(Code::UnknownProviderConfig, message)
                .about(address)
                .help("apply what it refers to first, or use an [[import]] block")
                .into());
        };
        let sessions = Sessions::new(self);
        let connected = sessions.connect(provider, &config).await.map_err(problem)?;
        let type_name = &address.block.type_name;
        let value =
            crate::plan::read_import(&sessions, &connected, &provider.name, type_name, id).await;
        let value = value.map_err(problem)?;
        Ok((connected, value))
    }
}

/// A found object as the state has it.
pub(crate) fn recorded(
    block: &ResourceBlock,
    schema: &Schema,
    provider: ProviderAddress,
    connected: &Connected,
    value: &Value,
    id: &str,
) -> ResourceState {
    let (attributes, sensitive_paths) = codec::encode(schema, value);
    ResourceState {
        provider,
        provider_config: connected.resolved.clone(),
        schema_version: schema.version,
        attributes,
        sensitive_paths,
        dependencies: Vec::new(),
        create_before_destroy: block.lifecycle.create_before_destroy,
        tainted: false,
        deposed: Default::default(),
        private: None,
        id: codec::id_of(value).unwrap_or_else(|| id.to_owned()),
    }
}

/// The provider configuration of the instance that is imported, which `provider = "aws.by_region[each.key]"` computes.
fn configuration_of(
    world: &World<'_>,
    block: &ResourceBlock,
    address: &Address,
    instances: Option<Instances>,
) -> Result<ProviderAddress, Diagnostics> {
    let mut known = instances.into_iter().flatten();
    let frame = known.find(|(key, _)| *key == address.key);
    // Where it is not known which instances there are, the address says the key.
    let frame = frame.map_or_else(
        || Frame::of_key(&address.block.scope, address.key.as_ref()),
        |(_, frame)| frame,
    );
    world.provider_of(block, &frame)
}

/// The address under which the state has this id of the same type in the same place already.
pub(crate) fn managed_as(
    state: &State,
    address: &Address,
    place: &Json,
    id: &str,
) -> Option<Address> {
    let mut others = state.resources.iter();
    let found = others.find(|(at, resource)| {
        at.block.type_name == address.block.type_name
            && resource.has_current()
            && resource.id == id
            && *resource.provider_config == *place
    });
    found.map(|(at, _)| at.clone())
}
