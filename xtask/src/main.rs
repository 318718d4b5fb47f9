//! What a developer does more than once: `cargo xtask tidy`, `cargo xtask bench`, `cargo xtask simulate`, `cargo xtask kills`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's program prints"
)]

mod bench;
mod kills;
mod simulate;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer commands.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the invariants of docs/ARCHITECTURE.md that a program can check.
    Tidy,
    /// Times start-up, plan and apply beside `terraform` and `tofu`, where they are installed.
    Bench(bench::Options),
    /// Runs seeds of the simulation: `--seeds N --from S`, or `--seed S --trace` for one of them told in full.
    Simulate(simulate::Options),
    /// Kills the real process at random moments: `--kills N --from SEED`.
    Kills(kills::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Tidy => tidy::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Kills(options) => kills::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root. Asked when run, not when built: clones share a target folder and with it this program.
fn root() -> std::path::PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| "xtask".into(), std::path::PathBuf::from);
    here.parent()
        .map(std::path::Path::to_path_buf)
        .unwrap_or_default()
}
