//! `infra completions`

use crate::cli::{Cli, Completions};
use crate::error::{Exit, Outcome};
use crate::ui::Ui;
use clap::CommandFactory;

pub(super) fn run(arguments: &Completions, ui: Ui) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "infra", &mut script);
    ui.result(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
