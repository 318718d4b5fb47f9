//! Provider configurations: evaluated in one place, for planning, applying and importing.

use crate::engine::Engine;
use crate::plan::config_errors;
use crate::scope::{Frame, Touched, World};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::program::ProviderBlock;
use infra_model::value::Value;

/// What a program says of a provider's configuration by now.
pub(crate) struct Configuration {
    /// Of the schema's shape and without marks; none while something in it is not known.
    pub(crate) value: Option<Value>,
    /// What it depends on: all that the provider manages does too.
    pub(crate) touched: Touched,
}

/// Evaluates a provider's configuration.
///
/// # Errors
/// Expressions without a value, values that the schema refuses, a provider that this build does not have.
pub(crate) fn configuration(
    engine: &Engine,
    world: &World<'_>,
    block: &ProviderBlock,
) -> Result<Configuration, Diagnostics> {
    let Some(provider) = engine.provider(&block.address.name) else {
        let message = format!(
            "this build of infra has no provider `{}`",
            block.address.name
        );
        return Err(vec![
            Diagnostic::error(Code::UnknownProvider, message).or_at(block.span),
        ]);
    };
    let (value, touched) = world.evaluate(&block.config, &Frame::at(&block.scope))?;
    let config = provider
        .schema()
        .config
        .coerce(&value)
        .map_err(|e| config_errors(e, &block.config, &block.address))?;
    Ok(Configuration {
        value: config.is_wholly_known().then(|| config.unmark_deep()),
        touched,
    })
}
