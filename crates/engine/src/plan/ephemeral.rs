//! Ephemeral resources while planning: opened where their configuration is known, unknown otherwise. They are no changes.

use super::PlanMode;
use super::config::{about, conditions, config_errors, unreadable};
use super::instance::{Planner, never_known};
use super::repeat::instances;
use super::walk::{Done, Walk};
use crate::scope::{Frame, World};
use crate::values::BlockValues;
use futures::future::BoxFuture;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::diagnostic::Diagnostics;
use infra_model::program::ResourceBlock;
use infra_model::provider_error::ProviderError;
use infra_model::schema::Schema;
use infra_model::value::{Marks, Value};

/// The configuration of one instance, and what it touched.
pub(crate) fn configuration(
    world: &World<'_>,
    block: &ResourceBlock,
    schema: &Schema,
    address: &Address,
    frame: &Frame,
) -> Result<(Value, crate::scope::Touched), Diagnostics> {
    let (value, touched) = world
        .evaluate(&block.config, frame)
        .map_err(|e| about(e, address))?;
    let preconditions = &block.lifecycle.preconditions;
    conditions(world, preconditions, frame, address, "precondition", None)?;
    let config = schema.block.coerce(&value);
    let config = config.map_err(|e| config_errors(e, &block.config, address))?;
    Ok((config, touched))
}

impl Planner<'_> {
    /// The instances that can be opened now, with their configuration.
    fn ephemeral(
        &mut self,
        world: &World<'_>,
        block: &ResourceBlock,
        schema: &Schema,
        errors: &mut Diagnostics,
    ) -> Vec<(Address, ProviderAddress, Value)> {
        let (keying, list, repeat_touched) = match instances(world, block) {
            Ok(found) => found,
            Err(found) => {
                errors.extend(found);
                return Vec::new();
            }
        };
        let mut touched = Self::static_dependencies(world, block);
        let pending = self.is_pending(&touched) || self.held.reason(&touched).is_some();
        touched.extend(repeat_touched);
        let Some(list) = list else {
            if !self.is_pending(&touched) {
                errors.push(never_known(block));
            }
            let unknown = BlockValues::unknown(keying);
            world.values().declare(block.address.clone(), unknown);
            world.waits_for(&block.address, touched);
            return Vec::new();
        };
        let values = BlockValues::new(keying);
        world.values().declare(block.address.clone(), values);
        let mut now = Vec::new();
        for (key, frame) in list {
            let address = block.address.instance(key);
            let unknown = Value::Unknown(schema.implied_type().clone());
            world
                .values()
                .set(&address, unknown.with_marks(Marks::EPHEMERAL));
            let found = world.provider_of(block, &frame).and_then(|provider| {
                let (config, of_config) = configuration(world, block, schema, &address, &frame)?;
                Ok((provider, config, of_config))
            });
            let (provider, config, of_config) = match found {
                Ok(found) => found,
                Err(found) => {
                    errors.extend(found);
                    continue;
                }
            };
            touched.extend(of_config);
            touched.extend(self.providers.get(&provider).into_iter().flatten().cloned());
            if config.is_wholly_known() && !pending {
                now.push((address, provider, config));
            }
        }
        world.waits_for(&block.address, touched);
        now
    }
}

impl<'a> Walk<'a> {
    /// Begins to open an ephemeral block.
    pub(super) fn open_ephemeral(&mut self, i: usize) -> Vec<BoxFuture<'a, Done>> {
        let (program, sessions, leases) = (self.program, self.sessions, self.leases);
        let block = &program.blocks[i];
        let name = &block.address.type_name;
        let schema = self
            .engine
            .schema(&block.provider.name, Mode::Ephemeral, name);
        let Some(schema) = schema.cloned() else {
            return Vec::new();
        };
        let mut errors = Diagnostics::new();
        let found = self
            .planner
            .ephemeral(&self.world, block, &schema, &mut errors);
        // What it needs may have gone before, or was never made: whatever needs it in turn says so.
        if self.options.mode != PlanMode::Destroy {
            self.errors.append(&mut errors);
        }
        let mut opening: Vec<BoxFuture<'a, Done>> = Vec::new();
        for (address, provider, config) in found {
            // Without a session its values are not known yet.
            let Some(connected) = sessions.get(&provider) else {
                continue;
            };
            opening.push(Box::pin(async move {
                let session = connected.session.clone();
                let opened = leases.open(sessions, session, &address, &provider, &config);
                let opened = opened.await;
                Done::Opened(address, Box::new(opened))
            }));
        }
        opening
    }

    /// Takes what was opened.
    pub(super) fn take_opened(&mut self, address: &Address, opened: Result<Value, ProviderError>) {
        match opened {
            Ok(value) => {
                self.world.values().set(address, value.clone());
                if let Err(failed) = self.postconditions(address, &value) {
                    self.errors.extend(failed);
                }
            }
            Err(error) => self.cannot(address, &error),
        }
    }

    /// An ephemeral resource that could not be opened, renewed or closed.
    pub(super) fn cannot(&mut self, address: &Address, error: &ProviderError) {
        let mut diagnostic = unreadable(address, error).about(address);
        if let Some(block) = self.graph.block_at(&address.block) {
            diagnostic = diagnostic.at(self.program.blocks[block].span, "");
        }
        self.errors.push(diagnostic);
    }
}
