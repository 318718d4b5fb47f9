//! Reading what is there: all instances of one type under one provider configuration are one batch.

use crate::codec;
use crate::engine::Engine;
use crate::sessions::{Connected, Sessions};
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::defect::Defect;
use infra_model::hash::IndexMap;
use infra_model::provider::{NoEvents, ReadItem};
use infra_model::provider_error::ProviderError;
use infra_model::time::Timestamp;
use infra_model::value::{Str, Value};
use infra_state::State;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;

/// The instances of one type under one provider configuration.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) provider: ProviderAddress,
    pub(crate) type_name: Str,
    /// The configuration that the state recorded, for when the program does not have one any more.
    pub(crate) recorded: Arc<Json>,
    pub(crate) items: Vec<(Address, ReadItem)>,
    /// How long what was just made may be missing from reads.
    settle: Duration,
    /// Since when nothing was made.
    quiet_since: Option<Timestamp>,
}

/// What was found of one instance.
pub(crate) type Found = (Address, Result<Option<Value>, ProviderError>);

/// The state's managed instances in batches; types that live in the state alone need no reading.
pub(crate) fn batches(
    engine: &Engine,
    state: &State,
    prior: &IndexMap<Address, Value>,
) -> Vec<Batch> {
    let mut batches: IndexMap<(ProviderAddress, Str, usize), Batch> = IndexMap::default();
    for (address, value) in prior {
        let Some(resource) = state.resource(address) else {
            continue;
        };
        let type_name = &address.block.type_name;
        let Some(schema) = engine.schema(&resource.provider.name, Mode::Managed, type_name) else {
            continue;
        };
        if schema.traits.state_only {
            continue;
        }
        let key = (
            resource.provider.clone(),
            type_name.clone(),
            Arc::as_ptr(&resource.provider_config).addr(),
        );
        let batch = batches.entry(key).or_insert_with(|| Batch {
            provider: resource.provider.clone(),
            type_name: type_name.clone(),
            recorded: resource.provider_config.clone(),
            items: Vec::new(),
            settle: schema.traits.settle,
            quiet_since: state.quiet_since,
        });
        batch.items.push((
            address.clone(),
            ReadItem {
                id: resource.id.clone(),
                prior: value.without_unknowns(),
            },
        ));
    }
    batches.into_values().collect()
}

/// Reads one batch through a session. What is absent although a run may have made it just now is looked for once more when
/// its settle time has passed: recreating what a read does not show yet would lose it.
pub(crate) async fn read(sessions: &Sessions, connected: &Connected, batch: &Batch) -> Vec<Found> {
    let events = Arc::new(NoEvents);
    let context = sessions.context(&batch.provider.name, &*connected.session, events);
    let items: Vec<ReadItem> = batch.items.iter().map(|(_, item)| item.clone()).collect();
    let mut answers = connected
        .session
        .read_many(&context, &batch.type_name, &items)
        .await;
    let absent: Vec<usize> = (0..answers.len())
        .filter(|i| matches!(answers[*i], Ok(None)))
        .collect();
    let quiet = batch
        .quiet_since
        .map_or(Duration::ZERO, |since| context.clock.now().since(since));
    let wait = batch.settle.saturating_sub(quiet);
    if !absent.is_empty() && !wait.is_zero() && !Defect::AbsenceAtOnce.is_present() {
        context.clock.sleep(wait).await;
        let again: Vec<ReadItem> = absent.iter().map(|i| items[*i].clone()).collect();
        let found = connected
            .session
            .read_many(&context, &batch.type_name, &again)
            .await;
        for (i, answer) in absent.into_iter().zip(found) {
            answers[i] = answer;
        }
    }
    batch
        .items
        .iter()
        .zip(answers)
        .map(|((address, item), answer)| {
            // What the state knew to be secret stays secret.
            (
                address.clone(),
                answer.map(|found| found.map(|value| codec::carry_marks(&item.prior, value))),
            )
        })
        .collect()
}
