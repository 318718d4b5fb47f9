//! Plans and reports as events of the JSON stream.

use super::plan::{action_reason, deferred_address, deferred_reason};
use super::state::outputs_json;
use super::tree::by_name;
use super::values;
use crate::live::resource_json;
use crate::render::plan::{counts, is_visible};
use crate::ui::Ui;
use infra_engine::{ApplyReport, ChangeAction, OutputChange, Plan, PlanMode};
use infra_model::Address;
use infra_model::json::type_to_json;
use infra_state::State;
use serde_json::{Map, Value as Json, json};

fn fields(name: &str, value: Json) -> Map<String, Json> {
    let mut fields = Map::new();
    fields.insert(name.to_owned(), value);
    fields
}

/// The single word that events have for an action.
pub(crate) fn word(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::NoOp => "noop",
        ChangeAction::Read => "read",
        ChangeAction::Create => "create",
        ChangeAction::Update => "update",
        ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete => "replace",
        ChangeAction::Delete => "delete",
        ChangeAction::Forget => "forget",
    }
}

/// Terraform's shorter words for the reasons that its plans have longer ones for.
fn reason(long: &str) -> &str {
    match long {
        "replace_because_tainted" => "tainted",
        "replace_because_cannot_update" => "cannot_update",
        "replace_by_request" => "requested",
        other => other,
    }
}

/// `resource_drift`, `planned_change`, `change_summary` and `outputs`.
pub(crate) fn plan_events(plan: &Plan, ui: Ui) {
    for drift in &plan.drift {
        let action = if drift.after.is_some() {
            "update"
        } else {
            "delete"
        };
        let change = json!({ "resource": resource_json(&drift.address), "action": action });
        let message = format!("{}: Drift detected ({action})", drift.address);
        ui.event("info", "resource_drift", &message, fields("change", change));
    }
    for change in plan.changes.iter().filter(|c| is_visible(c)) {
        let moved = change.previous_address.is_some() && change.action == ChangeAction::NoOp;
        let imported = change.importing.is_some() && change.action == ChangeAction::NoOp;
        let action = match (moved, imported) {
            (true, _) => "move",
            (_, true) => "import",
            _ => word(change.action),
        };
        let mut entry = json!({ "resource": resource_json(&change.address), "action": action });
        let mut put = |name: &str, value: Json| {
            entry[name] = value;
        };
        if let Some(old) = &change.previous_address {
            put("previous_resource", resource_json(old));
        }
        if let Some(long) = action_reason(change) {
            put("reason", reason(long).into());
        }
        if let Some(id) = &change.importing {
            put("importing", json!({ "id": id }));
        }
        let message = format!(
            "{}: Plan to {action}",
            subject(
                &change.address,
                change.deposed.as_ref().map(ToString::to_string)
            )
        );
        ui.event("info", "planned_change", &message, fields("change", entry));
    }
    for held in plan.deferred() {
        let address = deferred_address(held);
        let mut resource = resource_json(&held.address);
        resource["addr"] = address.as_str().into();
        let change = json!({ "resource": resource, "reason": deferred_reason(&held.reason) });
        let message = format!("{address}: Left for the next plan");
        ui.event(
            "info",
            "deferred_change",
            &message,
            fields("change", change),
        );
    }
    let summary = plan.summary();
    let changes = json!({
        "add": summary.add,
        "change": summary.change,
        "import": summary.import,
        "remove": summary.destroy,
        "operation": "plan",
    });
    ui.event(
        "info",
        "change_summary",
        &format!("Plan: {}.", counts(summary)),
        fields("changes", changes),
    );
    if plan.outputs.values().any(OutputChange::is_change) {
        let outputs = by_name(plan.outputs.iter().map(|(name, c)| (name, output(c))));
        let message = format!("Outputs: {}", plan.outputs.len());
        ui.event("info", "outputs", &message, fields("outputs", outputs));
    }
}

fn subject(address: &Address, deposed: Option<String>) -> String {
    deposed.map_or_else(
        || address.to_string(),
        |key| format!("{address} (deposed object {key})"),
    )
}

fn output(change: &OutputChange) -> Json {
    let action = match (&change.before, &change.after) {
        _ if !change.is_change() => "noop",
        (None, _) => "create",
        (_, None) => "delete",
        _ => "update",
    };
    let mut entry = json!({ "sensitive": change.sensitive, "action": action });
    if let Some(value) = change.after.as_ref().filter(|v| !v.is_unknown()) {
        entry["type"] = type_to_json(&value.ty());
        if !change.sensitive {
            entry["value"] = values::plain(value);
        }
    }
    entry
}

/// The second `change_summary`, and the outputs as they are now.
pub(crate) fn report_events(report: &ApplyReport, state: &State, mode: PlanMode, ui: Ui) {
    let operation = if mode == PlanMode::Destroy {
        "destroy"
    } else {
        "apply"
    };
    let changes = json!({
        "add": report.added,
        "change": report.changed,
        "import": report.imported,
        "remove": report.destroyed,
        "failed": report.failures.len(),
        "skipped": report.skipped.len(),
        "operation": operation,
    });
    let word = match (report.is_complete(), mode) {
        (true, PlanMode::Destroy) => "Destroy complete!",
        (true, _) => "Apply complete!",
        (false, _) => "Not complete.",
    };
    let message = format!(
        "{word} Resources: {} added, {} changed, {} destroyed.",
        report.added, report.changed, report.destroyed
    );
    ui.event(
        "info",
        "change_summary",
        &message,
        fields("changes", changes),
    );
    let message = format!("Outputs: {}", state.outputs.len());
    let mut outputs = outputs_json(state);
    for output in outputs
        .as_object_mut()
        .into_iter()
        .flat_map(|o| o.values_mut())
    {
        // Here Terraform has no value at all where one is sensitive.
        if let Some(entry) = output.as_object_mut().filter(|e| e["sensitive"] == true) {
            entry.shift_remove("value");
        }
    }
    ui.event("info", "outputs", &message, fields("outputs", outputs));
}
