//! What `-target` takes along.

use super::order::meanings;
use super::{PlanMode, PlanOptions};
use crate::graph::ProgramGraph;
use infra_model::address::BlockAddress;
use infra_model::program::Program;
use infra_state::State;
use std::collections::{HashMap, HashSet};

/// The blocks that targets name and all that these depend on.
pub(super) fn targeted_blocks(
    program: &Program,
    state: &State,
    options: &PlanOptions,
) -> HashSet<BlockAddress> {
    let graph = ProgramGraph::new(program);
    let mut edges: HashMap<BlockAddress, Vec<BlockAddress>> = HashMap::new();
    if options.mode == PlanMode::Destroy {
        // Destroying a target takes along what depends on it.
        for (address, resource) in &state.resources {
            for dependency in &resource.dependencies {
                edges
                    .entry(dependency.parts().0.clone())
                    .or_default()
                    .push(address.block.clone());
            }
        }
    } else {
        for (from, to) in graph.block_edges(program) {
            edges.entry(from).or_default().push(to);
        }
    }
    let named = |block: &BlockAddress| {
        let text = block.to_string();
        options.targets.iter().any(|t| {
            t.matches(&block.instance(None))
                || t.0
                    .strip_prefix(text.as_str())
                    .is_some_and(|r| r.starts_with('['))
        })
    };
    let all = program
        .blocks
        .iter()
        .map(|b| &b.address)
        .chain(state.resources.keys().map(|a| &a.block));
    let mut queue: Vec<BlockAddress> = all.filter(|b| named(b)).cloned().collect();
    let mut found: HashSet<BlockAddress> = queue.iter().cloned().collect();
    while let Some(block) = queue.pop() {
        let nexts = meanings(&block).filter_map(|means| edges.get(&means));
        for next in nexts.flatten() {
            if found.insert(next.clone()) {
                queue.push(next.clone());
            }
        }
    }
    found
}
