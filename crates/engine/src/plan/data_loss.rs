//! What a plan would delete although data goes with it: refused, but for what a person has named.

use super::Change;
use super::instance::Planner;
use crate::graph::ProgramGraph;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics};

impl Planner<'_> {
    /// Refuses to delete and to replace what holds data, unless it was named, or the stack is there for a while only.
    pub(crate) fn data_losses(&self, graph: &ProgramGraph, errors: &mut Diagnostics) {
        if self.program.stack.ttl.is_some() {
            return;
        }
        for change in self.changes.values() {
            if !change.action.takes_away() || change.changes_hands() {
                continue;
            }
            let named = |p: &infra_model::pattern::AddressPattern| p.matches(&change.address);
            if self.options.data_loss.iter().any(named) {
                continue;
            }
            let provider = self.engine.provider(&change.provider.name);
            let (Some(provider), Some(before)) = (provider, &change.before) else {
                continue;
            };
            let type_name = &change.address.block.type_name;
            if let Some(data) = provider.data(type_name, before) {
                let refused = refused(change, data);
                let block = graph.block_at(&change.address.block);
                errors.push(match block {
                    Some(block) => refused.at(self.program.blocks[block].span, ""),
                    None => refused,
                });
            }
        }
    }
}

fn refused(change: &Change, data: &str) -> Diagnostic {
    let fate = if change.action.is_replace() {
        "replace"
    } else {
        "destroy"
    };
    let address = &change.address;
    Diagnostic::error(
        Code::DataLoss,
        format!("this plan would {fate} {address}, and {data} would be lost"),
    )
    .help(format!(
        "run again with --allow-data-loss '{address}' if it may be lost; to keep the object and only forget it, take it out with [[removed]] and `destroy = false`"
    ))
    .about(address)
}
