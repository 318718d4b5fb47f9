//! Times the promises: start-up, and the whole life of layered `terraform_data` graphs beside the peers in the same call.

mod floor;
mod graph;
mod latency;
mod process;
mod refresh;

use floor::Floor;
use process::{Cost, Failed, middle};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What to measure.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// Sizes of the graphs
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 3_000, 10_000, 100_000])]
    sizes: Vec<usize>,
    /// Runs of each; the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Runs of each peer's; they take minutes
    #[arg(long, default_value_t = 1)]
    peer_runs: usize,
    /// Peers to compare with, where they are on PATH
    #[arg(long, value_delimiter = ',', default_values_t = ["terraform".to_owned(), "tofu".to_owned()])]
    peers: Vec<String>,
    /// Let peers run on where one of their commands takes more than five minutes
    #[arg(long)]
    large: bool,
}

/// Benchmarks of their own.
#[derive(clap::Subcommand)]
enum Other {
    /// How near apply comes to the shortest possible time, on random graphs and a simulated clock.
    Latency(latency::Options),
    /// How many calls a refresh of each type takes, by the sandbox's count.
    Refresh(refresh::Options),
}

/// How long one command of a peer may take; beyond, the larger graphs are not tried with it.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is timed, in this order, each beginning where the one before ended.
const STEPS: [&str; 5] = [
    "plan",
    "apply",
    "plan, no change",
    "plan, one change",
    "destroy",
];

/// The figures of one program at one size, as far as it got.
type Life = Vec<Cost>;

/// Runs everything and prints a line a measurement.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let root = crate::root();
    if let Some(Other::Latency(options)) = &options.other {
        return latency::run(options);
    }
    let given = match &options.other {
        Some(Other::Refresh(options)) => options.infra.clone(),
        _ => None,
    };
    let infra = given.map_or_else(|| release(&root), Ok)?;
    let scratch = std::env::temp_dir().join(format!("infra-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let result = match &options.other {
        Some(Other::Refresh(options)) => refresh::run(options, &root, &infra, &scratch),
        _ => start_up(options, &root, &infra, &scratch)
            .and_then(|()| lives(options, &infra, &scratch)),
    };
    let _ = fs::remove_dir_all(&scratch);
    result
}

/// The binary of a release build.
fn release(root: &Path) -> Result<String, String> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--workspace", "--locked"])
        .current_dir(root)
        .status();
    if !built.is_ok_and(|s| s.success()) {
        return Err("the release build failed".to_owned());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/infra").to_string_lossy().into_owned())
}

/// Commands that need no network answer at once.
fn start_up(options: &Options, root: &Path, infra: &str, scratch: &Path) -> Result<(), String> {
    println!("start-up");
    let root = root.to_string_lossy();
    for arguments in [&["version"][..], &["validate", "stacks/quickstart.toml"]] {
        let whole = [&["-C", &root], arguments].concat();
        let costs = (0..options.runs.max(9))
            .map(|_| process::run(infra, &whole, scratch, None))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| e.to_string())?;
        let cost = middle(costs).ok_or("nothing was run")?;
        println!("  {:<32} {}", arguments.join(" "), figure(cost));
    }
    Ok(())
}

fn lives(options: &Options, infra: &str, scratch: &Path) -> Result<(), String> {
    let mut peers: Vec<&str> = Vec::new();
    for peer in &options.peers {
        match process::run(peer, &["version"], scratch, None) {
            Ok(_) => peers.push(peer),
            Err(why) => println!("\n{peer} is not measured: {why}"),
        }
    }
    let mut per_resource: Vec<(usize, Life)> = Vec::new();
    for &size in &options.sizes {
        let runs = if size > 10_000 { 1 } else { options.runs };
        let mut ours = Vec::new();
        let mut floor = Floor::default();
        let mut theirs: Vec<Vec<Life>> = vec![Vec::new(); peers.len()];
        // Alternating, so that what disturbs the machine disturbs all.
        for round in 0..runs.max(1) {
            let (life, bytes) = life_of_infra(infra, scratch, size).map_err(|e| e.to_string())?;
            ours.push(life);
            floor = bytes;
            if round < options.peer_runs {
                for (i, peer) in peers.iter().enumerate() {
                    let limit = (!options.large).then_some(PATIENCE);
                    theirs[i].push(life_of_peer(peer, scratch, size, limit));
                }
            }
        }
        println!("\n{size} terraform_data");
        let ours = medians(&ours);
        let theirs: Vec<Life> = theirs.iter().map(|l| medians(l)).collect();
        print_life(&ours, &peers, &theirs);
        floor.print();
        let mut still = theirs.iter().map(|l| l.len() == STEPS.len());
        peers.retain(|_| still.next().unwrap_or(false));
        per_resource.push((size, ours));
    }
    print_linearity(&per_resource);
    Ok(())
}

fn print_life(ours: &[Cost], peers: &[&str], theirs: &[Life]) {
    for (step, what) in STEPS.iter().enumerate() {
        let Some(mine) = ours.get(step) else { continue };
        print!("  {what:<18} infra {}", figure(*mine));
        for (peer, life) in peers.iter().zip(theirs) {
            match life.get(step) {
                Some(cost) => {
                    let ratio = |of: fn(&Cost) -> Duration| {
                        of(cost).as_secs_f64() / of(mine).as_secs_f64().max(1e-3)
                    };
                    let (time, cpu) = (ratio(|c| c.time), ratio(|c| c.cpu));
                    print!(
                        "   {peer} {} = {time:.0} times, {cpu:.0} of CPU",
                        figure(*cost)
                    );
                }
                None => print!("   {peer} not done in {} s", PATIENCE.as_secs()),
            }
        }
        println!();
    }
}

/// What a resource costs in large graphs, beside what it costs at 1,000.
fn print_linearity(lives: &[(usize, Life)]) {
    let Some((_, base)) = lives.iter().find(|(size, _)| *size == 1_000) else {
        return;
    };
    println!("\nprocessor time per resource, as a multiple of that at 1,000");
    for (size, life) in lives.iter().filter(|(size, _)| *size > 1_000) {
        print!("  {size:>7}");
        for ((what, at), small) in STEPS.iter().zip(life).zip(base) {
            let each = |cost: &Cost, n: f64| cost.cpu.as_secs_f64() / n;
            #[allow(clippy::cast_precision_loss, reason = "sizes are small")]
            let ratio = each(at, *size as f64) / each(small, 1_000.0);
            print!("   {what} {ratio:.2}");
        }
        println!();
    }
}

fn figure(cost: Cost) -> String {
    #[allow(clippy::cast_precision_loss, reason = "megabytes")]
    let memory = cost.memory as f64 / f64::from(1 << 20);
    format!(
        "{:>9.1} ms {:>8.1} ms CPU {memory:>5.0} MiB",
        cost.time.as_secs_f64() * 1e3,
        cost.cpu.as_secs_f64() * 1e3
    )
}

/// Step by step the middle of all lives; shorter than a whole life where one of them was.
fn medians(lives: &[Life]) -> Life {
    (0..STEPS.len())
        .map_while(|step| {
            let costs: Option<Vec<Cost>> = lives.iter().map(|l| l.get(step).copied()).collect();
            middle(costs?)
        })
        .collect()
}

fn life_of_infra(infra: &str, scratch: &Path, size: usize) -> Result<(Life, Floor), Failed> {
    let folder = emptied(scratch, "infra")?;
    let file = folder.join("bench.toml");
    let step = |arguments: &[&str]| process::run(infra, arguments, &folder, None);
    write(&file, graph::stack(size, None))?;
    let mut life = vec![
        step(&["plan", "-out", "p", "bench.toml"])?,
        step(&["apply", "p"])?,
        step(&["plan", "bench.toml"])?,
    ];
    write(&file, graph::stack(size, Some(size / 2)))?;
    life.push(step(&["plan", "bench.toml"])?);
    let floor = Floor::of(&file, &folder.join("state/bench.json")).map_err(Failed::Refused)?;
    life.push(step(&["destroy", "-auto-approve", "bench.toml"])?);
    Ok((life, floor))
}

/// As far as the peer gets in time.
fn life_of_peer(peer: &str, scratch: &Path, size: usize, limit: Option<Duration>) -> Life {
    let mut life = Life::new();
    if let Err(why) = peer_steps(peer, scratch, size, limit, &mut life) {
        println!("\n{peer} at {size}, {}: {why}", STEPS[life.len()]);
    }
    life
}

fn peer_steps(
    peer: &str,
    scratch: &Path,
    size: usize,
    limit: Option<Duration>,
    life: &mut Life,
) -> Result<(), Failed> {
    let folder = emptied(scratch, peer)?;
    let file = folder.join("main.tf");
    let step = |arguments: &[&str]| {
        let (command, rest) = arguments.split_first().unwrap_or((&"", &[]));
        let whole = [&[*command, "-no-color"], rest].concat();
        process::run(peer, &whole, &folder, limit)
    };
    write(&file, graph::configuration(size, None))?;
    step(&["init"])?;
    life.push(step(&["plan", "-out", "p"])?);
    life.push(step(&["apply", "p"])?);
    life.push(step(&["plan"])?);
    write(&file, graph::configuration(size, Some(size / 2)))?;
    life.push(step(&["plan"])?);
    life.push(step(&["destroy", "-auto-approve"])?);
    Ok(())
}

fn emptied(scratch: &Path, name: &str) -> Result<PathBuf, Failed> {
    let folder = scratch.join(name.replace('/', "_"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| Failed::Refused(e.to_string()))?;
    Ok(folder)
}

fn write(file: &Path, text: String) -> Result<(), Failed> {
    fs::write(file, text).map_err(|e| Failed::Refused(e.to_string()))
}
