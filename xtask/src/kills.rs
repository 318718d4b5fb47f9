//! Kills the real process, more often than `make test` does: the same test, told how often and from which seed.

use std::process::Command;

/// How often to kill.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many kills must land
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// The seed that the moments, the order and the cloud's faults are drawn from; by default another one each time
    #[arg(long, value_name = "SEED")]
    from: Option<u32>,
}

/// Builds and runs it.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let test = [
        "test",
        "-q",
        "--locked",
        "--workspace",
        "--test",
        "e2e",
        "--",
        "kills::killed_",
    ];
    let mut command = Command::new("cargo");
    command
        .current_dir(crate::root())
        .args(test)
        .env("INFRA_KILLS", options.kills.to_string());
    if let Some(seed) = options.from {
        command.env("INFRA_KILLS_SEED", seed.to_string());
    }
    let status = command.status().map_err(|e| format!("cargo: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err("the kills have found something".to_owned())
}
