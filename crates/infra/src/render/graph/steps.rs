//! The steps of a plan and what each waits for, as graphs: what apply does, in the order that it must have.

use super::{escaped, quoted};
use infra_engine::{Plan, StepKind};

/// For `dot`.
pub(crate) fn dot(plan: &Plan) -> String {
    let names = names(plan);
    let mut out = String::from(
        "digraph {\n  rankdir = \"RL\";\n  node [shape = box, fontname = \"sans-serif\"];\n",
    );
    for name in &names {
        out.push_str(&format!("  {};\n", quoted(name)));
    }
    for (step, name) in plan.steps.iter().zip(&names) {
        for need in &step.needs {
            out.push_str(&format!(
                "  {} -> {};\n",
                quoted(name),
                quoted(&names[*need as usize])
            ));
        }
    }
    out.push_str("}\n");
    out
}

/// For Markdown.
pub(crate) fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart RL\n");
    for (i, name) in names(plan).iter().enumerate() {
        out.push_str(&format!("  n{i}[\"{}\"]\n", escaped(name)));
    }
    for (i, step) in plan.steps.iter().enumerate() {
        for need in &step.needs {
            out.push_str(&format!("  n{i} --> n{need}\n"));
        }
    }
    out
}

/// A name for each step that no other step has.
fn names(plan: &Plan) -> Vec<String> {
    let name = |(i, kind): (usize, &StepKind)| {
        let word = match kind {
            StepKind::Create(_) => "create",
            StepKind::Update(_) => "update",
            StepKind::Lift(_) => "lift protection",
            StepKind::Delete(_) => "destroy",
            StepKind::Read(_) => "read",
            StepKind::Import(_) => "import",
            StepKind::Leave(_) | StepKind::Empty(_) => "empty",
            StepKind::Release(_) => "stop",
            StepKind::Forget(_) => "forget",
            StepKind::Record(_) => "record",
            StepKind::Junction(block) => return format!("{block} (all, {i})"),
        };
        let change = kind.change().map(|c| &plan.changes[c]);
        let Some(change) = change else {
            return format!("{word} {i}");
        };
        match &change.deposed {
            Some(key) => format!("{} ({word} deposed {key})", change.address),
            None => format!("{} ({word})", change.address),
        }
    };
    plan.steps
        .iter()
        .map(|step| &step.kind)
        .enumerate()
        .map(name)
        .collect()
}
