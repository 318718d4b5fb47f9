//! `cargo xtask bench latency`: how near apply comes to the shortest possible time, over many random graphs.
#![allow(clippy::print_stdout, reason = "a developer's program prints")]

use clap::Parser;
use infra_simulation::latency::{Measured, SCENES, Setting};
use std::process::ExitCode;

/// Measures every scene.
#[derive(Parser)]
struct Options {
    /// Seeds of each scene.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut good = true;
    println!(
        "wall-clock of apply as a multiple of the shortest possible time, on the simulated clock"
    );
    for setting in SCENES {
        match scene(setting, options.seeds) {
            Ok(kept) => good &= kept,
            Err(why) => {
                println!("{}: {why}", setting.name);
                good = false;
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether every seed kept the promise.
fn scene(setting: &Setting, seeds: u64) -> Result<bool, String> {
    let mut all: Vec<Measured> = Vec::new();
    for seed in 0..seeds {
        all.push(setting.measure(seed)?);
    }
    let broken: Vec<String> = (0..seeds)
        .zip(&all)
        .filter_map(|(seed, m)| Some(format!("  seed {seed}: {}", setting.broken(m)?)))
        .collect();
    let mut ratios: Vec<f64> = all.iter().map(|m| setting.ratio(m)).collect();
    ratios.sort_by(f64::total_cmp);
    let (middle, worst) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let most = |of: fn(&Measured) -> u64| all.iter().map(of).max().unwrap_or(0);
    println!(
        "  {:<28} middle {middle:.4}  worst {worst:.4}  (at most {:.2})   {} calls, {} throttled, {} in flight (of {}), {} failed",
        setting.name,
        setting.most,
        most(|m| m.calls),
        most(|m| m.throttled),
        most(|m| m.in_flight as u64),
        setting.documented.concurrent,
        most(|m| m.failed as u64),
    );
    broken.iter().for_each(|line| println!("{line}"));
    Ok(broken.is_empty())
}
