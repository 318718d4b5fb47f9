//! What the providers know to be going to fail before anything is begun.

use super::config::at_attribute;
use super::refers::Refers;
use super::{Change, ChangeAction, Plan, shifts};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sessions::Sessions;
use futures::future::join_all;
use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, ProviderAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use infra_model::hash::HashMap;
use infra_model::program::{Program, ResourceBlock};
use infra_model::provider::{Finding, NoEvents, PreflightItem};
use infra_state::State;
use std::sync::Arc;

/// Asks each provider about all that it would create or change, and about what moves with that, at once. What need not be so is added to the plan's warnings.
///
/// # Errors
/// What cannot work.
pub(super) async fn check(
    engine: &Engine,
    sessions: &Sessions,
    program: &Program,
    state: &State,
    refers: &HashMap<Address, Refers>,
    plan: &mut Plan,
) -> Result<(), EngineError> {
    let shifts = shifts::find(engine, state, &plan.changes, &plan.steps);
    let mut items: IndexMap<&ProviderAddress, Vec<PreflightItem>> = IndexMap::new();
    for change in &plan.changes {
        if let Some(item) = item(change, refers) {
            items.entry(&change.provider).or_default().push(item);
        }
    }
    let asked = items.iter().filter_map(|(provider, items)| {
        // A provider that waits for resources of this plan cannot be asked.
        let session = sessions.get(provider)?.session;
        let context = sessions.context(&provider.name, &*session, Arc::new(NoEvents));
        Some(async move { session.preflight(&context, items).await })
    });
    let asked_moved = shifts.moved.iter().filter_map(|(provider, moved)| {
        let session = sessions.get(provider)?.session;
        let context = sessions.context(&provider.name, &*session, Arc::new(NoEvents));
        Some(async move { session.moving(&context, moved).await })
    });
    let blocks: HashMap<&BlockAddress, &ResourceBlock> =
        program.blocks.iter().map(|b| (&b.address, b)).collect();
    let (found, held_up) = futures::join!(join_all(asked), join_all(asked_moved));
    let found: Diagnostics = found
        .into_iter()
        .chain(held_up)
        .flatten()
        .chain(shifts.unserved)
        .map(|finding| diagnostic(finding, &blocks))
        .collect();
    if found.iter().any(Diagnostic::is_error) {
        return Err(EngineError::Invalid(found));
    }
    plan.diagnostics.extend(found);
    Ok(())
}

fn item(change: &Change, refers: &HashMap<Address, Refers>) -> Option<PreflightItem> {
    let creates = match change.action {
        ChangeAction::Create | ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete => {
            true
        }
        ChangeAction::Update => false,
        ChangeAction::NoOp | ChangeAction::Read | ChangeAction::Delete | ChangeAction::Forget => {
            return None;
        }
    };
    Some(PreflightItem {
        address: change.address.clone(),
        planned: change.after.clone()?,
        creates,
        refers: refers.get(&change.address).cloned().unwrap_or_default(),
    })
}

fn diagnostic(finding: Finding, blocks: &HashMap<&BlockAddress, &ResourceBlock>) -> Diagnostic {
    let Finding {
        address,
        error,
        fatal,
    } = finding;
    let mut told = match blocks.get(&address.block) {
        Some(block) => at_attribute(error, block, &address),
        None => Diagnostic::error(Code::of_provider(error.kind), error.to_string())
            .about(&address)
            .help(error.kind.remedy()),
    };
    if !fatal {
        told.severity = Severity::Warning;
    }
    told
}
