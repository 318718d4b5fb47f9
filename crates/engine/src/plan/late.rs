//! What is read for checks alone is read last: it tells how things stand when all is done, and not on the way there.

use super::{Change, Step, StepKind};
use infra_model::address::{BlockAddress, MODULE};
use infra_model::hash::HashSet;
use infra_model::program::Program;

/// Lets reads for checks wait for every step that does not wait for them.
pub(super) fn reads(program: &Program, changes: &[Change], steps: &mut [Step]) {
    let in_checks = program.blocks.iter().filter(|b| b.check.is_some());
    let in_checks: HashSet<&BlockAddress> = in_checks.map(|b| &b.address).collect();
    if in_checks.is_empty() {
        return;
    }
    let read = |step: &Step| match step.kind {
        StepKind::Read(i) => changes.get(i as usize).map(|c| &c.address.block),
        _ => None,
    };
    let is_late = |step: &Step| read(step).is_some_and(|block| in_checks.contains(block));
    let mut after: Vec<bool> = steps.iter().map(is_late).collect();
    if !after.contains(&true) {
        return;
    }
    let late: Vec<usize> = (0..after.len()).filter(|i| after[*i]).collect();
    // A component's own is named by its assertions and nobody else: who waits for the component waits for what it makes.
    let own: HashSet<u32> = (0u32..)
        .zip(steps.iter())
        .filter(|(i, step)| after[*i as usize] && read(step).is_some_and(is_of_a_component))
        .map(|(i, _)| i)
        .collect();
    for step in steps.iter_mut() {
        step.needs.retain(|n| !own.contains(n));
    }
    // Whatever waits for another one, directly or by others, is not waited for.
    loop {
        let waits = |step: &Step| step.needs.iter().any(|n| after[*n as usize]);
        let more: Vec<usize> = (0..steps.len())
            .filter(|i| !after[*i] && waits(&steps[*i]))
            .collect();
        if more.is_empty() {
            break;
        }
        more.into_iter().for_each(|i| after[i] = true);
    }
    let others = (0u32..).zip(&after).filter(|(_, after)| !**after);
    let others: Vec<u32> = others.map(|(i, _)| i).collect();
    for i in late {
        let needs = &mut steps[i].needs;
        needs.extend(&others);
        needs.sort_unstable();
        needs.dedup();
    }
}

/// Whether a block was made by a component, and stands in no file.
fn is_of_a_component(block: &BlockAddress) -> bool {
    let last = block.scope.steps().last();
    last.is_some_and(|step| &*step.kind != MODULE)
}
