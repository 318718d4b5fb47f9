//! `cargo xtask simulate`: any number of seeds, or one of them told in full.
#![allow(clippy::print_stdout, reason = "a developer's program prints")]

use clap::Parser;
use infra_model::defect::Defect;
use infra_simulation::{fleet, run};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

/// Runs the simulation.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one.
    #[arg(long)]
    seed: Option<u64>,
    /// With its whole event log.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// With one of the deliberate bugs, by its name.
    #[arg(long)]
    defect: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let defect = match options.defect.as_deref().map(named) {
        None => None,
        Some(Some(defect)) => Some(defect),
        Some(None) => {
            let names: Vec<String> = Defect::ALL.iter().map(|d| format!("{d:?}")).collect();
            println!("there is no such defect; there are {}", names.join(", "));
            return ExitCode::FAILURE;
        }
    };
    match options.seed {
        Some(seed) => one(seed, options.trace, defect),
        None => many(&options, defect),
    }
}

fn named(name: &str) -> Option<Defect> {
    let mut all = Defect::ALL.iter().copied();
    all.find(|d| format!("{d:?}") == name)
}

fn one(seed: u64, trace: bool, defect: Option<Defect>) -> ExitCode {
    Defect::put(defect);
    match run(seed, trace) {
        Ok((tally, log)) => {
            print!("{log}");
            println!(
                "seed {seed}: holds; {} commands, {} crashes",
                tally.commands, tally.crashes
            );
            ExitCode::SUCCESS
        }
        Err(violation) => {
            print!("{}", violation.log);
            println!("seed {seed}: {}", violation.what);
            ExitCode::FAILURE
        }
    }
}

fn many(options: &Options, defect: Option<Defect>) -> ExitCode {
    let began = Instant::now();
    let threads = available_parallelism().map_or(2, usize::from);
    let fleet = fleet(options.from, options.seeds, threads, defect);
    let tally = fleet.tally;
    println!(
        "{} runs, {} commands, {} crashes, {} points at which one could be, in {:.1} s on {threads} threads",
        fleet.runs,
        tally.commands,
        tally.crashes,
        tally.points,
        began.elapsed().as_secs_f64()
    );
    let Some(violation) = fleet.violation else {
        println!("everything held");
        return ExitCode::SUCCESS;
    };
    let with = options
        .defect
        .as_ref()
        .map(|d| format!(" --defect {d}"))
        .unwrap_or_default();
    println!(
        "seed {}: {}\nsee all of it with: cargo xtask simulate --seed {} --trace{with}",
        violation.seed, violation.what, violation.seed
    );
    ExitCode::FAILURE
}
