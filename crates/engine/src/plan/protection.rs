//! Deletion protection: what a plan would delete although the cloud refuses to, and whether that is lifted or the plan refused.

use super::config::span_of;
use super::instance::Planner;
use super::{Change, PlanMode, PlanOptions, Reason};
use crate::codec;
use crate::engine::{Engine, Input};
use crate::error::EngineError;
use crate::graph::ProgramGraph;
use infra_model::address::{Address, Mode};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::path::Path;
use infra_model::program::Program;
use infra_model::protection;
use infra_model::value::Value;
use infra_state::State;

impl Engine {
    /// Refuses the destruction of a protected stack that was not asked for explicitly. It asks no cloud: run it before
    /// anything else is done.
    ///
    /// # Errors
    /// The stack is protected; the error names what the state knows to be protected by the clouds as well.
    pub fn check_protection(
        &self,
        input: Input<'_>,
        options: &PlanOptions,
    ) -> Result<(), EngineError> {
        let Some(stack) = input.program.map(|p| &p.stack).filter(|s| s.protect) else {
            return Ok(());
        };
        if options.mode != PlanMode::Destroy || options.unprotect {
            return Ok(());
        }
        let message = format!(
            "the stack `{}` is protected: destroying it is refused",
            stack.name
        );
        let protected = input.store.read(|state| self.protected(state));
        let mut help = "run again with --unprotect if it really must go".to_owned();
        if !protected.is_empty() {
            help.push_str(", with what its clouds protect:\n");
            let lines = protected
                .iter()
                .map(|(address, paths)| format!("  {address} ({})", in_words(paths)));
            help.push_str(&lines.collect::<Vec<_>>().join("\n"));
        }
        Err(Diagnostic::error(Code::Protected, message)
            .help(help)
            .into())
    }

    /// The resources of a state that are protected from deletion, and by which attributes.
    fn protected(&self, state: &State) -> Vec<(Address, Vec<Path>)> {
        let mut found = Vec::new();
        for (address, resource) in &state.resources {
            let type_name = &address.block.type_name;
            let (Some(provider), Some(schema)) = (
                self.provider(&resource.provider.name),
                self.schema(&resource.provider.name, Mode::Managed, type_name),
            ) else {
                continue;
            };
            // What cannot be read is told by the plan.
            let Ok(value) = codec::decode_resource(&**provider, schema, resource) else {
                continue;
            };
            let paths = protection::holding(&schema.block, &value);
            if !paths.is_empty() {
                found.push((address.clone(), paths));
            }
        }
        found
    }
}

impl Planner<'_> {
    /// Decides about every object that goes although it is protected: lifted where that was asked for, by flag or because
    /// the file now says so; refused otherwise.
    pub(crate) fn protections(&mut self, graph: &ProgramGraph, errors: &mut Diagnostics) {
        let (engine, unprotect) = (self.engine, self.options.unprotect);
        for change in self.changes.values_mut() {
            if !change.action.takes_away() {
                continue;
            }
            let provider = &change.provider.name;
            let type_name = &change.address.block.type_name;
            let (Some(schema), Some(before)) = (
                engine.schema(provider, Mode::Managed, type_name),
                &change.before,
            ) else {
                continue;
            };
            let holding = protection::holding(&schema.block, before);
            let off = |path: &Path| {
                let after = change.after.as_ref().and_then(|after| path.get(after));
                after.and_then(Value::as_bool) == Some(false)
            };
            if unprotect || holding.iter().all(off) {
                change.lifts = holding;
            } else {
                errors.push(refused(change, &holding, graph, self.program));
            }
        }
    }
}

/// `deletion_protection`
fn in_words(paths: &[Path]) -> String {
    let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn refused(
    change: &Change,
    holding: &[Path],
    graph: &ProgramGraph,
    program: &Program,
) -> Diagnostic {
    let flag = "run again with --unprotect if it really must go";
    let names = holding.iter().map(|path| format!("`{path} = false`"));
    let off = names.collect::<Vec<_>>().join(" and ");
    let (fate, help) = match (&change.reason, change.action) {
        (Some(Reason::Destroy), _) => ("destroy", flag.to_owned()),
        (_, action) if action.is_replace() => (
            "replace",
            format!("set {off} in the same change to say that it may go, or {flag}"),
        ),
        (Some(Reason::Deposed), _) => ("destroy", flag.to_owned()),
        _ => (
            "destroy",
            format!("put it back, apply with {off}, and take it out then; or {flag}"),
        ),
    };
    let diagnostic = Diagnostic::error(
        Code::Protected,
        format!(
            "{} is protected from deletion ({}), and this plan would {fate} it",
            change.address,
            in_words(holding)
        ),
    )
    .help(help)
    .about(&change.address);
    let block = graph.block_at(&change.address.block);
    let Some(block) = block.map(|i| &program.blocks[i]) else {
        return diagnostic;
    };
    let written = |path: &&Path| {
        path.root()
            .is_some_and(|r| block.config.attribute(r).is_some())
    };
    match holding.iter().find(written) {
        Some(path) => diagnostic.at(span_of(&block.config, path), "protected here"),
        None => diagnostic.at(block.span, ""),
    }
}
