//! One file per command. Each gathers what it needs, asks the libraries, and hands the answer to `render`.

mod apply;
mod approve;
mod ci;
mod cluster_token;
mod completions;
mod console;
mod destroy;
mod docs;
mod drift;
mod edit;
mod explain;
mod export;
mod fmt;
mod force_unlock;
mod generate;
mod graph;
mod harden;
mod history;
mod import;
mod init;
mod kubeconfig;
mod man;
mod modules;
mod output;
mod plan;
mod sandbox;
mod saved;
mod schema;
mod secrets;
mod session;
mod show;
mod state;
mod taint;
mod validate;
mod version;
mod written;

use crate::cli::{Cli, Command, Modules};
use crate::error::{CommandError, Exit, Outcome};
use crate::ui::Ui;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use std::path::PathBuf;
use tokio::runtime::{Builder, Runtime};

/// Does what was asked, and tells what went wrong.
pub(crate) fn run(cli: Cli) -> Exit {
    let mut ui = Ui::of_process(cli.no_color);
    if let Some(directory) = &cli.directory
        && let Err(error) = std::env::set_current_dir(directory)
    {
        let error = CommandError::io("change to", directory, &error);
        ui.diagnostics(&error.diagnostics, &error.sources);
        return Exit::Error;
    }
    ui = ui.streaming(match &cli.command {
        Command::Plan(plan) => plan.planning.json,
        Command::Apply(apply) => apply.planning.json,
        Command::Destroy(destroy) => destroy.planning.json,
        Command::Drift(drift) => drift.planning.json,
        Command::Harden(crate::cli::Harden::Drill(drill)) => drill.json,
        _ => false,
    });
    if ui.is_stream() {
        version::event(ui);
    }
    match dispatch(&cli.command, ui) {
        Ok(exit) => exit,
        Err(error) => {
            ui.diagnostics(&error.diagnostics, &error.sources);
            Exit::Error
        }
    }
}

fn dispatch(command: &Command, ui: Ui) -> Outcome {
    match command {
        Command::Validate(arguments) => validate::run(arguments, ui),
        Command::Fmt(arguments) => fmt::run(arguments, ui),
        Command::Plan(arguments) => plan::run(arguments, ui),
        Command::Apply(arguments) => apply::run(arguments, ui),
        Command::Destroy(arguments) => destroy::run(arguments, ui),
        Command::Drift(arguments) => drift::run(arguments, ui),
        Command::Show(arguments) => show::run(arguments, ui),
        Command::Output(arguments) => output::run(arguments, ui),
        Command::Kubeconfig(arguments) => kubeconfig::run(arguments, ui),
        Command::ClusterToken(token) => cluster_token::run(token, ui),
        Command::State(arguments) => state::run(arguments, ui),
        Command::Modules(Modules::List(arguments)) => modules::list(arguments, ui),
        Command::Modules(Modules::Update(arguments)) => modules::update(arguments, ui),
        Command::Harden(arguments) => harden::run(arguments, ui),
        Command::Ci(arguments) => ci::run(arguments, ui),
        Command::Export(arguments) => export::run(arguments, ui),
        Command::Secrets(arguments) => secrets::run(arguments, ui),
        Command::Taint(arguments) => taint::run(arguments, true, ui),
        Command::Untaint(arguments) => taint::run(arguments, false, ui),
        Command::ForceUnlock(arguments) => force_unlock::run(arguments, ui),
        Command::History(arguments) => history::run(arguments, ui),
        Command::Import(arguments) => import::run(arguments, ui),
        Command::Graph(arguments) => graph::run(arguments, ui),
        Command::Console(arguments) => console::run(arguments, ui),
        Command::Sandbox(arguments) => sandbox::run(arguments, ui),
        Command::Init(arguments) => init::run(arguments, ui),
        Command::Docs(arguments) => docs::run(arguments, ui),
        Command::Schema(arguments) => schema::run(arguments, ui),
        Command::Man(arguments) => man::run(arguments, ui),
        Command::Explain(arguments) => explain::run(arguments, ui),
        Command::Version(arguments) => version::run(arguments, ui),
        Command::Completions(arguments) => completions::run(arguments, ui),
    }
}

/// The runtime, for the commands that talk to something.
fn runtime() -> Result<Runtime, CommandError> {
    Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .map_err(|e| {
            Diagnostic::error(Code::System, format!("the runtime does not start: {e}")).into()
        })
}

/// The stack file (the positional that ends in `.toml`) and the other positionals.
fn words(words: &[String]) -> (Option<PathBuf>, Vec<&str>) {
    let is_stack = |w: &&String| w.ends_with(".toml");
    let stack = words.iter().find(is_stack).map(PathBuf::from);
    (
        stack,
        words
            .iter()
            .filter(|w| !is_stack(w))
            .map(String::as_str)
            .collect(),
    )
}
