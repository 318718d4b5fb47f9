//! Types that plan online: once a block is planned, the cloud is asked what it would make of the changes. What it refuses is told
//! before anything is done, and what it would not change in place is replaced.

use super::config::{about, at_attribute, config_errors, foretold, ignore, prevent_destroy};
use super::repeat::frame_of;
use super::walk::{Done, Walk};
use super::{Change, ChangeAction, PlanMode, Reason};
use crate::codec;
use crate::scope::Frame;
use futures::future::BoxFuture;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::diagnostic::Diagnostics;
use infra_model::hash::IndexMap;
use infra_model::program::ResourceBlock;
use infra_model::provider::{NoEvents, PlanRequest, RefineItem, Refined};
use infra_model::provider_error::ProviderError;
use infra_model::value::Value;
use std::sync::Arc;

/// What the cloud says of one change.
pub(super) type Answered = (Address, Result<Refined, ProviderError>);

impl<'a> Walk<'a> {
    /// Asks about what was just planned of a block: the changes from a place in their list on. None when there is nothing to
    /// ask, or nobody yet.
    pub(super) fn ask_online(&self, i: usize, from: usize) -> Option<BoxFuture<'a, Done>> {
        let block = &self.program.blocks[i];
        let (provider, type_name) = (&block.provider.name, &block.address.type_name);
        let schema = self.engine.schema(provider, Mode::Managed, type_name)?;
        if !schema.traits.plans_online || self.options.mode != PlanMode::Normal {
            return None;
        }
        let mut asked: IndexMap<ProviderAddress, (Vec<Address>, Vec<RefineItem>)> =
            IndexMap::default();
        for (address, change) in self.planner.changes.iter().skip(from) {
            let replaces = change.action.is_replace();
            let planned = change.after.as_ref().filter(|_| !change.untouched);
            let asks =
                replaces || matches!(change.action, ChangeAction::Create | ChangeAction::Update);
            // A creation that was begun is gone on with.
            if let Some(planned) = planned.filter(|_| asks && change.resuming.is_none()) {
                let (addresses, items) = asked.entry(change.provider.clone()).or_default();
                addresses.push(address.clone());
                items.push(RefineItem {
                    prior: change.before.clone().filter(|_| !replaces),
                    planned: planned.clone(),
                    takes_over: change.changes_hands(),
                });
            }
        }
        let calls: Vec<_> = asked
            .into_iter()
            .filter_map(|(provider, (addresses, items))| {
                let session = self.sessions.get(&provider)?.session;
                let events = Arc::new(NoEvents);
                let context = self.sessions.context(&provider.name, &*session, events);
                let type_name = type_name.clone();
                Some(async move {
                    let answers = session.refine(&context, &type_name, &items).await;
                    addresses.into_iter().zip(answers).collect::<Vec<_>>()
                })
            })
            .collect();
        if calls.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let answers = futures::future::join_all(calls).await;
            Done::Refined(i, answers.into_iter().flatten().collect())
        }))
    }

    /// Takes into the plan what the cloud has said.
    pub(super) fn take_refined(&mut self, i: usize, answers: Vec<Answered>) {
        let block = &self.program.blocks[i];
        for (address, answer) in answers {
            let taken = match answer {
                Ok(refined) if refined == Refined::default() => continue,
                Ok(refined) => self.refined(block, &address, refined),
                Err(error) => Err(vec![at_attribute(error, block, &address)]),
            };
            match taken {
                Ok(change) => {
                    let after = change.after.clone().unwrap_or(Value::NULL);
                    self.world.values().set(&address, after);
                    self.planner.insert(address, change);
                }
                Err(found) => {
                    self.errors.extend(found);
                    self.world.values().set(&address, Value::UNKNOWN);
                }
            }
        }
    }

    fn refined(
        &self,
        block: &ResourceBlock,
        address: &Address,
        refined: Refined,
    ) -> Result<Change, Diagnostics> {
        let known = self.planner.changes.get(address).cloned();
        let mut change = known.ok_or_else(Diagnostics::new)?;
        if let Some(Reason::TakenOver { differs, .. }) = &mut change.reason {
            *differs = refined.differs;
        }
        if let Some(value) = refined.value {
            // What was secret stays secret.
            change.after = match &change.after {
                Some(before) => Some(codec::carry_marks(before, value)),
                None => Some(value),
            };
        }
        if refined.replace.is_empty() || change.action != ChangeAction::Update {
            return Ok(change);
        }
        let frame = frame_of(&self.world, block, &address.key)?
            .unwrap_or_else(|| Frame::at(&block.address.scope));
        prevent_destroy(&self.world, block, address, &frame)?;
        // It is planned as a new one.
        let type_name = &block.address.type_name;
        let schema = self
            .engine
            .schema(&block.provider.name, Mode::Managed, type_name);
        let provider = self.engine.provider(&block.provider.name);
        let (Some(schema), Some(provider)) = (schema, provider) else {
            return Err(Diagnostics::new());
        };
        let (value, _) = self
            .world
            .evaluate(&block.config, &frame)
            .map_err(|e| about(e, address))?;
        let config = schema
            .block
            .coerce(&value)
            .map_err(|e| config_errors(e, &block.config, address))?;
        let ignored = &block.lifecycle.ignore_changes;
        let config = ignore(config, change.before.as_ref(), ignored, schema);
        let connected = self.sessions.get(&change.provider);
        let planned = foretold(
            &**provider,
            &PlanRequest {
                type_name,
                prior: None,
                config: &config,
                private: change.private.as_ref(),
                provider: connected.as_ref().map(|c| &c.value),
            },
            block,
            address,
        )?;
        change.after = Some(planned.value);
        change.private = planned.private;
        change.action = ChangeAction::replacing(block);
        let span = refined.replace.first().map_or(block.span, |path| {
            super::config::span_of(&block.config, path)
        });
        change.reason = Some(Reason::CannotUpdate {
            place: self.program.sources.place(span),
            because: None,
        });
        change.replace_paths = refined.replace;
        Ok(change)
    }
}
