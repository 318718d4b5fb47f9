//! One process, timed from its start to its end, with its peak memory.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Wall-clock time.
    pub(super) time: Duration,
    /// Processor time of the process and its children: what counts where others use the machine too.
    pub(super) cpu: Duration,
    /// Peak resident memory in bytes, the largest of the process and its children.
    pub(super) memory: u64,
}

/// Why there is no figure.
#[derive(Debug)]
pub(super) enum Failed {
    /// It took longer than it may.
    TooSlow,
    /// It could not be run, or said no.
    Refused(String),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::TooSlow => f.write_str("not done in time"),
            Failed::Refused(why) => f.write_str(why),
        }
    }
}

/// Runs a program in a folder, at most as long as `limit`.
pub(super) fn run(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    limit: Option<Duration>,
) -> Result<Cost, Failed> {
    let refused = |why: &dyn std::fmt::Display| {
        Failed::Refused(format!("{program} {}: {why}", arguments.join(" ")))
    };
    let talk = folder.join("stderr.txt");
    let stderr = File::create(&talk).map_err(|e| refused(&e))?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(|e| refused(&e))?;
    let ended = loop {
        if let Some(ended) = child.try_wait4().map_err(|e| refused(&e))? {
            break ended;
        }
        if limit.is_some_and(|l| started.elapsed() > l) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failed::TooSlow);
        }
        thread::sleep(Duration::from_micros(200));
    };
    let time = started.elapsed();
    if ended.status.success() {
        return Ok(Cost {
            time,
            cpu: ended.rusage.utime + ended.rusage.stime,
            memory: ended.rusage.maxrss,
        });
    }
    Err(refused(&fs::read_to_string(talk).unwrap_or_default()))
}

/// The middle times, and the largest memory of all.
pub(super) fn middle(mut costs: Vec<Cost>) -> Option<Cost> {
    let memory = costs.iter().map(|c| c.memory).max()?;
    let mut middle_of = |of: fn(&Cost) -> Duration| {
        costs.sort_by_key(of);
        costs.get(costs.len() / 2).map(of)
    };
    let (time, cpu) = (middle_of(|c| c.time)?, middle_of(|c| c.cpu)?);
    Some(Cost { time, cpu, memory })
}
