//! What a step works on, evaluated again now that more is known: its provider, its configuration, its final plan, checked
//! against the promise of the plan.

use super::Run;
use crate::codec;
use crate::configure;
use crate::plan::{self, Change};
use crate::scope::Frame;
use crate::sessions::Connected;
use infra_model::address::ProviderAddress;
use infra_model::diagnostic::Diagnostics;
use infra_model::program::ResourceBlock;
use infra_model::provider::PlanRequest;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::schema::{self, ConfigError, Schema};
use infra_model::value::Value;

/// A configuration that the schema refuses, as one provider error.
pub(super) fn refused(errors: &[ConfigError]) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, schema::in_words(errors))
}

/// Diagnostics of an evaluation as one provider error: what a report can carry.
pub(super) fn in_words(diagnostics: Diagnostics) -> ProviderError {
    let text = diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    ProviderError::new(ErrorKind::Invalid, text)
}

impl Run<'_> {
    pub(super) fn block(&self, change: &Change) -> Result<&ResourceBlock, ProviderError> {
        let found = self
            .graph
            .block_at(&change.address.block)
            .map(|i| &self.program.blocks[i]);
        found.ok_or_else(|| {
            ProviderError::new(ErrorKind::Other, "it is not in the stack file any more")
        })
    }

    /// The session of a change's provider: configured from the program now, if its configuration was not known before.
    pub(super) async fn connected(&self, change: &Change) -> Result<Connected, ProviderError> {
        if self.sessions.get(&change.provider).is_none()
            && self.graph.provider(&change.provider).is_none()
        {
            let at = change.previous_address.as_ref().unwrap_or(&change.address);
            let recorded = self
                .input
                .store
                .read(|s| s.resource(at).map(|r| r.provider_config.clone()));
            if let Some(recorded) = recorded {
                return self.sessions.reconnect(&change.provider, &recorded).await;
            }
        }
        self.connected_to(&change.provider).await
    }

    /// The session of a provider of the program.
    pub(super) async fn connected_to(
        &self,
        provider: &ProviderAddress,
    ) -> Result<Connected, ProviderError> {
        if let Some(known) = self.sessions.get(provider) {
            return Ok(known);
        }
        let refuse = |kind, what| ProviderError::new(kind, what);
        let Some(i) = self.graph.provider(provider) else {
            let message = format!("provider {provider} is not configured");
            return Err(refuse(ErrorKind::Invalid, message));
        };
        let block = &self.program.providers[i];
        let config = configure::configuration(self.engine, &self.world, block)
            .map_err(in_words)?
            .value;
        let Some(config) = config else {
            let message = format!("the configuration of provider {provider} is still not known");
            return Err(refuse(ErrorKind::Other, message));
        };
        self.sessions.connect(provider, &config).await
    }

    /// The configuration and the final plan of a change, checked against what was promised.
    pub(super) fn settle(
        &self,
        change: &Change,
        schema: &Schema,
        prior: Option<&Value>,
        connected: Option<&Connected>,
    ) -> Result<Settled, ProviderError> {
        let block = self.block(change)?;
        let frame = self.frame(&change.address)?;
        let (value, _) = self
            .world
            .evaluate(&block.config, &frame)
            .map_err(in_words)?;
        plan::conditions(
            &self.world,
            &block.lifecycle.preconditions,
            &frame,
            &change.address,
            "precondition",
            None,
        )
        .map_err(in_words)?;
        let config = schema.block.coerce(&value).map_err(|e| refused(&e))?;
        let config = plan::ignore(
            config,
            change.before.as_ref(),
            &block.lifecycle.ignore_changes,
            schema,
        );
        let provider = self
            .engine
            .provider(&change.provider.name)
            .ok_or_else(|| ProviderError::new(ErrorKind::Invalid, "unknown provider"))?;
        let planned = provider.plan(&PlanRequest {
            type_name: &schema.type_name,
            prior,
            config: &config,
            private: change.private.as_ref(),
            provider: connected.map(|c| &c.value),
        })?;
        let mut planned_value = codec::carry_marks(&config, planned.value);
        if let Some(promised) = change.after.as_ref().filter(|_| schema.traits.plans_online) {
            planned_value = codec::with_promised(planned_value, promised);
        }
        if let Some(promised) = &change.after
            && let Some(path) = codec::broken_promise(promised, &planned_value)
        {
            return Err(ProviderError {
                attribute: Some(path.clone()),
                ..ProviderError::new(
                    ErrorKind::Other,
                    format!("`{path}` is not what the plan had promised; make a new plan"),
                )
            });
        }
        if prior.is_some()
            && let Some(path) = planned.replace.first()
        {
            return Err(ProviderError {
                attribute: Some(path.clone()),
                ..ProviderError::new(
                    ErrorKind::Other,
                    format!(
                        "`{path}` would force its replacement now that more is known, and the plan said that it is updated; make a new plan"
                    ),
                )
            });
        }
        let desired = with_write_only(schema, &planned_value, &config).without_unknowns();
        Ok(Settled {
            desired,
            planned: planned_value,
            private: planned.private,
            frame,
        })
    }
}

/// What a step has settled before its call.
pub(super) struct Settled {
    pub(super) desired: Value,
    pub(super) planned: Value,
    pub(super) private: Option<serde_json::Value>,
    pub(super) frame: Frame,
}

/// A planned value with the write-only attributes of the configuration: they are sent and never stored.
fn with_write_only(schema: &Schema, planned: &Value, config: &Value) -> Value {
    let names = schema
        .block
        .attributes
        .iter()
        .filter(|(_, a)| a.write_only)
        .map(|(n, _)| n);
    names.fold(planned.clone(), |value, name| match config.get(name) {
        Some(secret) => value.with_attribute(name, secret.clone()),
        None => value,
    })
}
