//! The command line. Everything that this binary does is in its rooms: `cli` says what can be asked for, `commands` does it,
//! `render` and `live` show it, `system` lends the operating system to the libraries.

mod arguments;
mod cli;
mod commands;
mod error;
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
mod world;

use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

fn main() -> ExitCode {
    panic::install();
    let arguments = arguments::normalise(&cli::Cli::command(), std::env::args_os());
    let matches = match cli::Cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are results, everything else is a usage error. What cannot be printed has nobody to read it.
            let _ = error.print();
            return if error.use_stderr() {
                error::Exit::Error
            } else {
                error::Exit::Done
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
