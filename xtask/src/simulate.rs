//! Runs the simulation. It is a program of its own, built for speed, so that the other commands need not wait for it.

use std::process::Command;

/// What to simulate; `--help` lists it.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// `--seeds N --from S`, or `--seed S --trace`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds and runs it.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let build = [
        "run",
        "-q",
        "--release",
        "--locked",
        "-p",
        "infra-simulation",
        "--example",
        "simulate",
        "--",
    ];
    let status = Command::new("cargo")
        .current_dir(crate::root())
        .args(build)
        .args(&options.arguments)
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err("the simulation has found something".to_owned())
}
