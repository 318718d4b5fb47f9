//! Data sources: read while planning where their configuration is known, during apply otherwise.

use super::config::{about, config_errors, unknown_where_null};
use super::instance::Planner;
use super::repeat::instances;
use super::{Change, ChangeAction, Reason};
use crate::scope::{Touched, World};
use crate::values::BlockValues;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::diagnostic::Diagnostics;
use infra_model::value::Value;

impl Planner<'_> {
    /// The instances of a data source that can be read now, with their configuration. Those that cannot are planned to be
    /// read during apply.
    pub(crate) fn data(
        &mut self,
        world: &World<'_>,
        i: usize,
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
        let Some(list) = list else {
            world
                .values()
                .declare(block.address.clone(), BlockValues::unknown(keying));
            return Vec::new();
        };
        world
            .values()
            .declare(block.address.clone(), BlockValues::new(keying));
        let mut explicit: Touched = block
            .depends_on
            .iter()
            .flat_map(|d| world.dependency(d, &block.address.scope))
            .collect();
        explicit.extend(world.gate(&block.address.scope).iter().cloned());
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
            let pending = explicit.iter().any(|d| {
                self.changes
                    .values()
                    .any(|c| d.covers(&c.address) && c.action != ChangeAction::NoOp)
            });
            if config.is_wholly_known() && !pending {
                now.push((address, provider, config));
                continue;
            }
            // What the configuration does not say stays unknown until it is read.
            let after = unknown_where_null(&schema, &config);
            world.values().set(&address, after.clone());
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
                span: Some(block.span),
            };
            self.changes.insert(address, change);
        }
        now
    }
}
