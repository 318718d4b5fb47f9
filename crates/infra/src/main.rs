//! The command line. Everything that this binary does is in its rooms: `cli` says what can be asked for, `commands` does it,
//! `render` and `live` show it, `system` lends the operating system to the libraries.

mod arguments;
mod cli;
mod clusters;
mod commands;
mod error;
mod instance;
mod kept;
mod live;
mod logging;
mod modules;
mod panic;
mod place;
mod providers;
mod reference;
mod render;
mod stack;
mod system;
mod ui;
mod usage;
mod world;

use crate::error::Exit;
use crate::ui::Ui;
use clap::{CommandFactory, FromArgMatches};
use infra_model::diagnostic::Sources;
use std::process::ExitCode;

fn main() -> ExitCode {
    panic::install();
    let arguments = arguments::normalise(&cli::Cli::command(), std::env::args_os());
    let matches = match cli::Cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            return match usage::explain(&error) {
                Some(diagnostic) => {
                    Ui::of_process(false).diagnostics(&[diagnostic], &Sources::default());
                    Exit::Error
                }
                // Help and version are results; help instead of a command is not what was asked for.
                None => {
                    // What cannot be printed has nobody to read it.
                    let _ = error.print();
                    if error.use_stderr() {
                        Exit::Error
                    } else {
                        Exit::Done
                    }
                }
            }
            .code()
            .into();
        }
    };
    let cli =
        cli::Cli::from_arg_matches(&matches).expect("the matches come from this very definition");
    logging::install();
    ExitCode::from(commands::run(cli).code())
}
