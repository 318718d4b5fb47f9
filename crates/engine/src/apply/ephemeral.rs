//! Ephemeral resources during apply: opened before the first step that uses one, closed after the last.

use super::settle::in_words;
use super::{Run, lock};
use crate::plan::ephemeral::configuration;
use crate::plan::{Change, StepKind, instances};
use crate::scope::Frame;
use crate::values::BlockValues;
use infra_model::address::Mode;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::provider_error::{ErrorKind, ProviderError};
use std::collections::HashMap;
use std::sync::Arc;

/// How many steps still use each ephemeral block, by its place in the program.
pub(super) type Users = HashMap<usize, usize>;

impl Run<'_> {
    /// How many steps use each.
    pub(super) fn count_users(&self) {
        let mut users = Users::new();
        for step in &self.plan.steps {
            for i in self.used_by(&step.kind) {
                *users.entry(*i).or_default() += 1;
            }
        }
        *lock(&self.users) = users;
    }

    fn used_by(&self, kind: &StepKind) -> &[usize] {
        let change = kind.change().map(|c| &self.plan.changes[c]);
        let block = change.and_then(|c| self.graph.block_at(&c.address.block));
        block.map_or(&[], |block| self.needs.of(block))
    }

    /// Opens what a change needs and what is not open yet.
    pub(super) async fn open_for(&self, change: &Change) -> Result<(), ProviderError> {
        let Some(block) = self.graph.block_at(&change.address.block) else {
            return Ok(());
        };
        for i in self.needs.of(block) {
            // Steps that need the same one wait for each other.
            let gate = Arc::clone(lock(&self.opened).entry(*i).or_default());
            let mut is_open = gate.lock().await;
            if !*is_open {
                self.open(*i).await?;
                *is_open = true;
            }
        }
        Ok(())
    }

    async fn open(&self, i: usize) -> Result<(), ProviderError> {
        let block = &self.program.blocks[i];
        let name = &block.address.type_name;
        let schema = self
            .engine
            .schema(&block.provider.name, Mode::Ephemeral, name);
        let schema = schema
            .cloned()
            .ok_or_else(|| ProviderError::new(ErrorKind::Other, "unknown ephemeral resource"))?;
        let (keying, list, _) = instances(&self.world, block).map_err(in_words)?;
        let unknown = |what: &str| {
            let message = format!("{what} of {} is still not known", block.address);
            ProviderError::new(ErrorKind::Other, message)
        };
        let list = list.ok_or_else(|| unknown("which instances there are"))?;
        let values = BlockValues::new(keying);
        self.world.values().declare(block.address.clone(), values);
        for (key, frame) in list {
            let address = block.address.instance(key);
            let provider = self.world.provider_of(block, &frame).map_err(in_words)?;
            let found = configuration(&self.world, block, &schema, &address, &frame);
            let (config, _) = found.map_err(in_words)?;
            if !config.is_wholly_known() {
                return Err(unknown("the configuration"));
            }
            let session = self.connected_to(&provider).await?.session;
            let opened = self
                .leases
                .open(self.sessions, session, &address, &provider, &config);
            let value = opened.await?;
            self.world.values().set(&address, value.clone());
            let frame = Frame {
                this: Some(value),
                ..frame
            };
            let after = &block.lifecycle.postconditions;
            crate::plan::conditions(&self.world, after, &frame, &address, "postcondition", None)
                .map_err(in_words)?;
        }
        Ok(())
    }

    /// A step is over: what it was the last to use is closed.
    pub(super) async fn used(&self, kind: &StepKind) {
        for i in self.used_by(kind).iter().rev() {
            let last = {
                let mut users = lock(&self.users);
                let left = users.entry(*i).or_insert(1);
                *left = left.saturating_sub(1);
                *left == 0
            };
            if last && !self.needs.of_providers.contains(i) {
                let block = &self.program.blocks[*i].address;
                self.leases.close(|address| address.block == *block).await;
            }
        }
    }

    /// Closes what is still open, and tells what could not be renewed or closed.
    pub(super) async fn close_all(&self) -> Vec<Diagnostic> {
        let failed = self.leases.end().await.into_iter();
        let told = failed.map(|(address, error)| {
            let message = format!("{address} could not be kept open, or not be closed: {error}");
            Diagnostic::warning(Code::of_provider(error.kind), message).about(&address)
        });
        told.collect()
    }
}
