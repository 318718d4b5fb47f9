//! What controllers inside hosts have made outside of them: before such a controller goes it is said what there is, and a person has
//! said what becomes of it.

use super::{Change, ChangeAction, Plan, PlanOptions, Reason};
use crate::codec;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sessions::Sessions;
use futures::future::join_all;
use indexmap::IndexMap;
use infra_model::address::ProviderAddress;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::outside::{Ending, Fate, Made};
use infra_model::program::Program;
use infra_model::provider::NoEvents;
use infra_model::provider_error::ProviderError;
use infra_model::value::{Str, Value};
use infra_state::State;
use std::sync::Arc;

/// What goes of what one configuration manages.
struct Going {
    provider: ProviderAddress,
    config: Arc<serde_json::Value>,
    host: bool,
    resources: Vec<(Str, Value)>,
}

/// Asks each provider what would be left behind, and writes that and its fate into the plan.
///
/// # Errors
/// Something would, and nobody has said what becomes of it; or it was said that it stays, and it goes with what the cloud has it in.
pub(super) async fn check(
    engine: &Engine,
    sessions: &Sessions,
    program: &Program,
    state: &State,
    options: &PlanOptions,
    plan: &mut Plan,
) -> Result<(), EngineError> {
    // What is there for a while only leaves nothing.
    let passing = program.stack.ttl.is_some() || program.stack.instance.is_some();
    plan.fate = options.fate.or(passing.then_some(Fate::Delete));
    if !options.refresh {
        return Ok(());
    }
    let going = going(engine, state, &plan.changes);
    let asked = going.iter().map(|going| ask(sessions, going));
    let mut made: Vec<Made> = Vec::new();
    for answer in join_all(asked).await {
        match answer {
            Ok(found) => made.extend(found),
            Err(error) => plan.diagnostics.push(Diagnostic::warning(
                Code::of_provider(error.kind),
                format!("it is not known what has been made from inside the cluster: {error}"),
            )),
        }
    }
    made.sort();
    made.dedup();
    plan.made_inside = made.iter().map(|made| made.told.clone()).collect();
    let refused = match plan.fate {
        _ if made.is_empty() => return Ok(()),
        Some(Fate::Delete) => return Ok(()),
        Some(Fate::Orphan) => would_go_with(state, &plan.changes, &made),
        None => {
            let (message, help) = Fate::undecided(&plan.made_inside);
            Some(Diagnostic::error(Code::DataLoss, message).help(help))
        }
    };
    refused.map_or(Ok(()), |refused| Err(EngineError::Invalid(vec![refused])))
}

/// What is to stay does not where this run deletes what the cloud has it in.
fn would_go_with(state: &State, changes: &[Change], made: &[Made]) -> Option<Diagnostic> {
    let containers = changes.iter().filter(|change| {
        let deleted = change.action == ChangeAction::Delete && !change.changes_hands();
        let recorded = change.previous_address.as_ref().unwrap_or(&change.address);
        let resource = state.resource(recorded).filter(|_| deleted);
        resource.is_some_and(|r| made.iter().any(|made| made.is_inside(&r.id)))
    });
    let all: Vec<String> = containers.map(|c| c.address.to_string()).collect();
    if all.is_empty() {
        return None;
    }
    let quoted: Vec<String> = all.iter().map(|address| format!("'{address}'")).collect();
    let message = format!(
        "what Crossplane has made would not stay: its cloud deletes with a group all that is in it, and this run deletes {}",
        all.join(" and ")
    );
    let help = format!(
        "let the group stay: `infra state rm {}`, and then this again; or delete what is in it: `--crossplane delete`",
        quoted.join(" ")
    );
    Some(Diagnostic::error(Code::DataLoss, message).help(help))
}

async fn ask(sessions: &Sessions, going: &Going) -> Result<Vec<Made>, ProviderError> {
    let connected = sessions.reconnect(&going.provider, &going.config).await?;
    let session = &*connected.session;
    let context = sessions.context(&going.provider.name, session, Arc::new(NoEvents));
    let host = going.host.then_some(Ending::Host);
    let resources = going
        .resources
        .iter()
        .map(|(type_name, value)| Ending::Resource { type_name, value });
    let endings: Vec<Ending<'_>> = match host {
        Some(host) => vec![host],
        None => resources.collect(),
    };
    connected.session.made_outside(&context, &endings).await
}

/// By configuration, as far as a provider's resources are inside something at all.
fn going(engine: &Engine, state: &State, changes: &[Change]) -> Vec<Going> {
    let mut all: IndexMap<(Str, String), Going> = IndexMap::new();
    for change in changes {
        let host = matches!(change.reason, Some(Reason::WithHost(_)));
        if !(host || change.action == ChangeAction::Delete)
            || change.changes_hands()
            || change.deposed.is_some()
        {
            continue;
        }
        let recorded = change.previous_address.as_ref().unwrap_or(&change.address);
        let Some(resource) = state.resource(recorded) else {
            continue;
        };
        let type_name = &change.address.block.type_name;
        let value = value(engine, change, resource);
        let tends = |value: &Value| {
            let provider = engine.provider(&resource.provider.name);
            provider.is_some_and(|p| p.tends(type_name, value))
        };
        let Some(value) = value.filter(|v| host || tends(v)) else {
            continue;
        };
        let key = (
            resource.provider.name.clone(),
            resource.provider_config.to_string(),
        );
        let going = all.entry(key).or_insert_with(|| Going {
            provider: resource.provider.clone(),
            config: resource.provider_config.clone(),
            host: false,
            resources: Vec::new(),
        });
        going.host |= host;
        if !host {
            going.resources.push((type_name.clone(), value));
        }
    }
    all.into_values().collect()
}

fn value(engine: &Engine, change: &Change, resource: &infra_state::ResourceState) -> Option<Value> {
    if let Some(before) = &change.before {
        return Some(before.clone());
    }
    let provider = engine.provider(&resource.provider.name)?;
    let schema = provider
        .schema()
        .resources
        .get(&change.address.block.type_name)?;
    codec::decode_resource(&**provider, schema, resource).ok()
}
