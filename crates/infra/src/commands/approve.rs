//! Asking before anything is changed.

use crate::error::CommandError;
use crate::ui::Ui;
use infra_engine::PlanMode;
use infra_model::codes::Code;

/// Whether there is anybody to ask; checked before any work is done.
pub(super) fn require_terminal(
    ui: Ui,
    auto_approve: bool,
    command: &str,
) -> Result<(), CommandError> {
    if auto_approve || (ui.is_interactive() && !ui.is_stream()) {
        return Ok(());
    }
    let message = if ui.is_stream() {
        format!("`infra {command} -json` cannot ask")
    } else {
        format!("`infra {command}` asks first, and there is no terminal to ask at")
    };
    Err(CommandError::hint(
        Code::NeedsApproval,
        message,
        "add -auto-approve, or apply a plan that was saved with `infra plan -out FILE`",
    ))
}

/// Asks for a `yes`.
pub(super) fn ask(ui: Ui, mode: PlanMode) -> bool {
    let question = match mode {
        PlanMode::Normal => "Do you want to perform these actions?",
        PlanMode::Destroy => "Do you really want to destroy all of this? There is no way back.",
        PlanMode::RefreshOnly => "Do you want to record these changes in the state?",
    };
    let answer = ui.ask(&format!(
        "\n{}\n  Only 'yes' will be accepted: ",
        ui.err.bold(question)
    ));
    ui.talk("");
    answer.as_deref() == Some("yes")
}
