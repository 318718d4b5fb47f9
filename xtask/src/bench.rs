//! Times the promises: start-up, plan and apply of layered `terraform_data` graphs, beside the peers in the same call.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sizes of the graphs.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    sizes: Vec<usize>,
    /// The largest size for the peers: they take minutes beyond.
    #[arg(long, default_value_t = 1_000)]
    peers: usize,
    /// Runs of each; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// What a resource's input says: the text and what it depends on. Resource i refers to (i-1)/3 and, past 10, to i-7.
fn dependencies(i: usize) -> Vec<usize> {
    match i {
        0 => Vec::new(),
        1..=10 => vec![(i - 1) / 3],
        _ => vec![(i - 1) / 3, i - 7],
    }
}

fn input(i: usize) -> String {
    let references: Vec<String> = dependencies(i)
        .iter()
        .map(|d| format!("${{terraform_data.r{d}.id}}"))
        .collect();
    format!("v{i} {}", references.join(" "))
}

fn stack(size: usize) -> String {
    let mut text = String::from("[stack]\nname = \"bench\"\n");
    for i in 0..size {
        let _ = write!(
            text,
            "\n[resource.terraform_data.r{i}]\ninput = \"{}\"\n",
            input(i)
        );
    }
    text
}

fn configuration(size: usize) -> String {
    let mut text = String::new();
    for i in 0..size {
        let _ = write!(
            text,
            "resource \"terraform_data\" \"r{i}\" {{\n  input = \"{}\"\n}}\n",
            input(i)
        );
    }
    text
}

/// Runs everything and prints one line per measurement.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let root = crate::root();
    let built = Command::new("cargo")
        .args(["build", "--release", "-p", "infra"])
        .current_dir(&root)
        .status();
    if !built.is_ok_and(|s| s.success()) {
        return Err("the release build failed".to_owned());
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let infra = target.join("release/infra");
    let scratch = std::env::temp_dir().join(format!("infra-bench-{}", std::process::id()));
    let result = measure(options, &root, &infra, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    result
}

fn measure(options: &Options, root: &Path, infra: &Path, scratch: &Path) -> Result<(), String> {
    let infra = infra.to_string_lossy().into_owned();
    println!("{:<28} {:>12}", "start-up", "median");
    for arguments in [vec!["version"], vec!["validate", "stacks/quickstart.toml"]] {
        let time = median(options.runs.max(5), || timed(&infra, &arguments, root))?;
        println!(
            "{:<28} {:>9.1} ms",
            arguments.join(" "),
            time.as_secs_f64() * 1e3
        );
    }
    for size in &options.sizes {
        let ours = ours(options, &infra, scratch, *size)?;
        let mut peers = Vec::new();
        if *size <= options.peers {
            for peer in ["terraform", "tofu"] {
                match theirs(peer, scratch, *size) {
                    Ok(times) => peers.push((peer, times)),
                    Err(why) => println!("{peer}: not measured: {why}"),
                }
            }
        }
        println!("\n{size} terraform_data");
        for (i, what) in ["plan", "apply", "plan, no change"].into_iter().enumerate() {
            print!("  {what:<18} infra {:>9.1} ms", ours[i].as_secs_f64() * 1e3);
            for (peer, times) in &peers {
                let ratio = times[i].as_secs_f64() / ours[i].as_secs_f64();
                print!(
                    "   {peer} {:>9.0} ms = {ratio:.0} times",
                    times[i].as_secs_f64() * 1e3
                );
            }
            println!();
        }
    }
    Ok(())
}

fn ours(
    options: &Options,
    infra: &str,
    scratch: &Path,
    size: usize,
) -> Result<[Duration; 3], String> {
    let folder = scratch.join(format!("infra-{size}"));
    fs::create_dir_all(folder.join("stacks")).map_err(|e| e.to_string())?;
    fs::write(folder.join("stacks/bench.toml"), stack(size)).map_err(|e| e.to_string())?;
    let file = "stacks/bench.toml";
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..options.runs {
        let _ = fs::remove_dir_all(folder.join("state"));
        times[0].push(timed(infra, &["plan", "-out", "p", file], &folder)?);
        times[1].push(timed(infra, &["apply", "p"], &folder)?);
        times[2].push(timed(infra, &["plan", file], &folder)?);
    }
    Ok(times.map(middle))
}

fn theirs(peer: &str, scratch: &Path, size: usize) -> Result<[Duration; 3], String> {
    let folder = scratch.join(format!("{peer}-{size}"));
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    fs::write(folder.join("main.tf"), configuration(size)).map_err(|e| e.to_string())?;
    timed(peer, &["init", "-no-color"], &folder)?;
    Ok([
        timed(peer, &["plan", "-no-color", "-out", "p"], &folder)?,
        timed(peer, &["apply", "-no-color", "p"], &folder)?,
        timed(peer, &["plan", "-no-color"], &folder)?,
    ])
}

fn timed(program: &str, arguments: &[&str], folder: &Path) -> Result<Duration, String> {
    let started = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let elapsed = started.elapsed();
    let output = output.map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        return Ok(elapsed);
    }
    Err(format!(
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn median(
    runs: usize,
    mut work: impl FnMut() -> Result<Duration, String>,
) -> Result<Duration, String> {
    Ok(middle(
        (0..runs).map(|_| work()).collect::<Result<Vec<_>, _>>()?,
    ))
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
