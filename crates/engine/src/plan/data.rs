//! Data sources: read while planning where their configuration is known, during apply otherwise.

use super::config::{about, conditions, config_errors, unknown_where_null};
use super::held::{Held, HeldReason};
use super::instance::{Planner, never_known};
use super::repeat::{frame_of, instances};
use super::walk::Walk;
use super::{Change, ChangeAction, Reason};
use crate::scope::{Frame, World};
use crate::sessions::Sessions;
use crate::values::BlockValues;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::diagnostic::Diagnostics;
use infra_model::value::Value;

impl Planner<'_> {
    /// The instances of a data source that can be read now, with their configuration. Those that cannot, for want of their
    /// configuration or of a connected provider, are planned to be read during apply.
    pub(crate) fn data(
        &mut self,
        world: &World<'_>,
        i: usize,
        sessions: &Sessions,
        errors: &mut Diagnostics,
    ) -> Vec<(Address, ProviderAddress, Value)> {
        let block = &self.program.blocks[i];
        let Some(schema) = self
            .engine
            .schema(&block.provider.name, Mode::Data, &block.address.type_name)
            .cloned()
        else {
            return Vec::new();
        };
        let (keying, list, repeat_touched) = match instances(world, block) {
            Ok(found) => found,
            Err(found) => {
                errors.extend(found);
                return Vec::new();
            }
        };
        let explicit = Self::static_dependencies(world, block);
        let held = self
            .held
            .reason(&repeat_touched)
            .or_else(|| self.held.reason(&explicit));
        let list = match (held, list) {
            (Some(reason), _) => {
                self.hold_block(world, block, keying, reason);
                return Vec::new();
            }
            (None, Some(list)) => list,
            (None, None) if self.is_pending(&repeat_touched) => {
                self.hold_block(world, block, keying, HeldReason::Instances);
                return Vec::new();
            }
            (None, None) => {
                errors.push(never_known(block));
                world
                    .values()
                    .declare(block.address.clone(), BlockValues::unknown(keying));
                return Vec::new();
            }
        };
        world
            .values()
            .declare(block.address.clone(), BlockValues::new(keying));
        let pending = self.is_pending(&explicit);
        let mut now = Vec::new();
        for (key, frame) in list {
            let address = block.address.instance(key);
            let provider = match world.provider_of(block, &frame) {
                Ok(provider) => provider,
                Err(found) => {
                    errors.extend(found);
                    continue;
                }
            };
            let evaluated = world
                .evaluate(&block.config, &frame)
                .map_err(|e| about(e, &address))
                .and_then(|found| {
                    let preconditions = &block.lifecycle.preconditions;
                    conditions(world, preconditions, &frame, &address, "precondition", None)?;
                    Ok(found)
                })
                .and_then(|(value, touched)| {
                    Ok((
                        schema
                            .block
                            .coerce(&value)
                            .map_err(|e| config_errors(e, &block.config, &address))?,
                        touched,
                    ))
                });
            let (config, mut touched) = match evaluated {
                Ok(found) => found,
                Err(found) => {
                    errors.extend(found);
                    continue;
                }
            };
            touched.extend(explicit.iter().chain(&repeat_touched).cloned());
            touched.extend(self.providers.get(&provider).into_iter().flatten().cloned());
            let held = match self.selection.left_out(&address) {
                Some(_) => Some(HeldReason::LeftOut),
                None => self.held.reason(&touched),
            };
            let connected = sessions.get(&provider).is_some();
            if held.is_none() && connected && config.is_wholly_known() && !pending {
                now.push((address, provider, config));
                continue;
            }
            // What the configuration does not say stays unknown until it is read.
            let after = unknown_where_null(&schema, &config);
            world.values().set(&address, after.clone());
            if let Some(reason) = held {
                self.held.hold(Held {
                    address,
                    whole: false,
                    provider,
                    reason,
                    before: None,
                    after: Some(after),
                    place: self.program.sources.place(block.span),
                });
                continue;
            }
            let change = Change {
                address: address.clone(),
                previous_address: None,
                deposed: None,
                provider,
                action: ChangeAction::Read,
                reason: Some(if pending {
                    Reason::DependencyPending
                } else {
                    Reason::ConfigUnknown
                }),
                before: None,
                after: Some(after),
                replace_paths: Vec::new(),
                lifts: Vec::new(),
                importing: None,
                resuming: None,
                create_before_destroy: false,
                dependencies: touched.into_iter().collect(),
                private: None,
                untouched: false,
                span: Some(block.span),
            };
            self.insert(address, change);
        }
        now
    }
}

impl Walk<'_> {
    /// Checks what must hold of what was read.
    pub(super) fn postconditions(
        &self,
        address: &Address,
        value: &Value,
    ) -> Result<(), Diagnostics> {
        let Some(i) = self.graph.block_at(&address.block) else {
            return Ok(());
        };
        let block = &self.program.blocks[i];
        let conditions = &block.lifecycle.postconditions;
        if conditions.is_empty() {
            return Ok(());
        }
        let frame = Frame {
            this: Some(value.clone()),
            ..frame_of(&self.world, block, &address.key)?.unwrap_or_default()
        };
        super::conditions(
            &self.world,
            conditions,
            &frame,
            address,
            "postcondition",
            None,
        )
    }
}
