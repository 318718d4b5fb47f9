//! Whether a plan still fits the state that it is applied to.

use crate::plan::Plan;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_state::State;

/// What an earlier run began and nobody has taken up stands in the way of every plan, also of one made after it.
fn unfinished(state: &State) -> Diagnostic {
    let names: Vec<String> = state
        .unfinished
        .values()
        .map(|u| u.intent.address.to_string())
        .collect();
    let message = format!(
        "what an interrupted run began is not finished yet: {}",
        names.join(", ")
    );
    Diagnostic::error(Code::Unfinished, message).help(
        "apply the stack file: that takes it up first, and says what is wrong where it cannot; then make a new plan",
    )
}

/// Refuses a plan that was made for another state than there is now, saying what differs.
pub(super) fn still_fits(plan: &Plan, state: &State) -> Result<(), Diagnostic> {
    let stale = |why: String, help: &str| {
        Err(Diagnostic::error(Code::StalePlan, format!("this plan is stale: {why}")).help(help))
    };
    if plan.lineage != state.lineage {
        return stale(
            "it was made for another state, whose lineage is not that of this one".to_owned(),
            "apply it where it was made, or make a new plan here",
        );
    }
    if !state.unfinished.is_empty() {
        return Err(unfinished(state));
    }
    if plan.serial != state.serial {
        return stale(
            format!(
                "the state has changed since it was made (serial {} then, {} now)",
                plan.serial, state.serial
            ),
            "make a new plan",
        );
    }
    Ok(())
}
