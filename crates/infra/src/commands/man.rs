//! `infra man`: a man page for every command.

use crate::cli::{Cli, Man};
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use clap::CommandFactory;

pub(super) fn run(arguments: &Man, ui: Ui) -> Outcome {
    let folder = &arguments.folder;
    let failed = |e: std::io::Error| CommandError::io("write man pages into", folder, &e);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    ui.talk(&format!("Written into {}.", folder.display()));
    Ok(Exit::Done)
}
