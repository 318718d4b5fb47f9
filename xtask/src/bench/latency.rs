//! How near apply comes to the shortest possible time. The measuring is done by the simulation, on its own clock.

use std::process::Command;

/// Random graphs, and how many of each.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seeds of each scene
    #[arg(long, default_value_t = 100)]
    seeds: u64,
}

/// Builds and runs it.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let status = Command::new("cargo")
        .current_dir(crate::root())
        .args(["run", "-q", "--release", "--locked"])
        .args(["-p", "infra-simulation", "--example", "latency", "--"])
        .args(["--seeds", &options.seeds.to_string()])
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err("apply takes longer than it may".to_owned())
}
