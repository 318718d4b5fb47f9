//! How well apply uses the time: random graphs of resources that take as long as real ones do, on the simulated clock. The
//! shortest possible time is the longest chain of what the cloud itself needs; nothing goes wrong here but throttling.

mod cloud;
mod provider;

use crate::clock::{self, Ended, SimClock};
use crate::dice::Dice;
use crate::fate::Fate;
use crate::program::load_text;
use cloud::{Call, Cloud};
use infra_engine::{Engine, Input, PlanOptions, Silent, Stop};
use infra_lang::Evaluator;
use infra_lang::files::MemoryFiles;
use infra_model::Random;
use infra_model::time::Clock;
use infra_state::memory::{CountingRandom, MemoryStorage};
use infra_state::{Key, Keyring, OpenOptions, Owner, Store, World};
use provider::{KINDS, Kind, LatencyProvider};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use cloud::Bucket;

/// A kind of scene, and what it promises.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// In words.
    pub name: &'static str,
    /// How many resources.
    pub size: usize,
    /// Only what is made by one quick call, without dependencies: the bucket decides.
    pub flat: bool,
    /// What the cloud permits.
    pub bucket: Bucket,
    /// What it says that it permits: the engine keeps to it until it is told otherwise.
    pub documented: Bucket,
    /// The most that wall-clock time may be, as a multiple of the critical path, or of the time in which the bucket permits so
    /// many calls, whichever is longer.
    pub most: f64,
}

const WIDE: Bucket = Bucket {
    burst: 100.0,
    per_second: 20.0,
    concurrent: 20,
};
/// Others use the same account: of what is documented a part is left.
const SHARED: Bucket = Bucket {
    burst: 40.0,
    per_second: 8.0,
    ..WIDE
};
/// The first quick ones use it up: what is urgent must not queue behind them.
const NARROW: Bucket = Bucket {
    burst: 5.0,
    per_second: 4.0,
    concurrent: 4,
};
const GRAPH: Setting = Setting {
    name: "",
    size: 100,
    flat: false,
    bucket: WIDE,
    documented: WIDE,
    most: 1.02,
};

/// All that is measured.
pub const SCENES: &[Setting] = &[
    Setting {
        name: "30 resources",
        size: 30,
        ..GRAPH
    },
    Setting {
        name: "100 resources",
        ..GRAPH
    },
    Setting {
        name: "300 resources",
        size: 300,
        ..GRAPH
    },
    Setting {
        name: "300 resources, narrow bucket",
        size: 300,
        bucket: NARROW,
        documented: NARROW,
        most: 1.05,
        ..GRAPH
    },
    Setting {
        name: "1,000 quick ones",
        size: 1_000,
        flat: true,
        most: 1.1,
        ..GRAPH
    },
    Setting {
        name: "1,000 quick ones, throttled",
        size: 1_000,
        flat: true,
        bucket: SHARED,
        most: 1.1,
        ..GRAPH
    },
];

impl Setting {
    /// Plans and applies one of them.
    ///
    /// # Errors
    /// What kept it from being planned or applied at all.
    pub fn measure(&self, seed: u64) -> Result<Measured, String> {
        measure(self, seed)
    }

    /// Wall-clock time as a multiple of the shortest possible.
    #[must_use]
    pub fn ratio(&self, measured: &Measured) -> f64 {
        let least = measured.permitted.max(measured.critical);
        measured.wall.as_secs_f64() / least.as_secs_f64().max(f64::EPSILON)
    }

    /// Which promise was broken.
    #[must_use]
    pub fn broken(&self, measured: &Measured) -> Option<String> {
        let ratio = self.ratio(measured);
        if measured.failed > 0 {
            return Some(format!("{} operations failed", measured.failed));
        }
        if measured.in_flight > self.documented.concurrent {
            return Some(format!("{} calls in flight", measured.in_flight));
        }
        if measured.throttled > 0 && self.bucket == self.documented {
            return Some(format!("{} calls throttled", measured.throttled));
        }
        (ratio > self.most).then(|| format!("{ratio:.4} times the shortest possible time"))
    }
}

/// How an apply went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// From its first call to its end.
    pub wall: Duration,
    /// The longest chain of what the cloud needs.
    pub critical: Duration,
    /// The shortest time in which the bucket lets so many calls through.
    pub permitted: Duration,
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that were refused for coming too fast.
    pub throttled: u64,
    /// The most calls that were in flight at once.
    pub in_flight: usize,
    /// Operations that failed, and that were not begun.
    pub failed: usize,
}

struct Part {
    kind: &'static Kind,
    needs: Vec<usize>,
    create: Call,
}

/// Real stacks have few slow things, and what is slow stands on what is quick.
fn parts(scene: &Setting, seed: u64) -> Vec<Part> {
    let mut dice = Dice::new(seed, 11);
    let quick = KINDS.len() - 1;
    (0..scene.size)
        .map(|i| {
            let kind = if scene.flat || dice.permille(800) {
                &KINDS[quick]
            } else {
                &KINDS[dice.index(quick)]
            };
            let mut needs = Vec::new();
            for _ in 0..dice.below(4) {
                if i > 0 && !scene.flat {
                    // Mostly on what stands near by.
                    let reach = if dice.permille(700) { 8 } else { 80 };
                    let back = 1 + dice.index(i.min(reach));
                    needs.push(i - back);
                }
            }
            needs.sort_unstable();
            needs.dedup();
            let create = Call {
                latency: dice.between(80, 400),
                ready: dice.between(kind.shortest, kind.longest),
            };
            Part {
                kind,
                needs,
                create,
            }
        })
        .collect()
}

fn text(parts: &[Part]) -> String {
    let mut text = "[stack]\nname = \"latency\"\n".to_owned();
    for (i, part) in parts.iter().enumerate() {
        let needs: Vec<String> = part
            .needs
            .iter()
            .map(|n| format!("\"${{{}.n{n}.id}}\"", parts[*n].kind.type_name))
            .collect();
        let _ = write!(
            text,
            "[resource.{}.n{i}]\nname = \"n{i}\"\nneeds = [{}]\n",
            part.kind.type_name,
            needs.join(", ")
        );
    }
    text
}

/// The longest chain of what the cloud needs for each.
fn critical_path(parts: &[Part]) -> Duration {
    let mut ends: Vec<i64> = Vec::with_capacity(parts.len());
    for part in parts {
        let begin = part.needs.iter().map(|n| ends[*n]).max().unwrap_or(0);
        ends.push(begin + part.create.latency + part.create.ready);
    }
    let longest = ends.into_iter().max().unwrap_or(0);
    Duration::from_millis(longest.unsigned_abs())
}

fn measure(scene: &Setting, seed: u64) -> Result<Measured, String> {
    let parts = parts(scene, seed);
    let clock = SimClock::default();
    clock.pass(Duration::from_secs(1_000_000));
    let creates = parts
        .iter()
        .enumerate()
        .map(|(i, part)| (format!("n{i}"), part.create))
        .collect();
    let cloud = Cloud::new(seed, clock.clone(), scene.bucket, creates);
    let random = Arc::new(CountingRandom::new(seed));
    let provider = LatencyProvider::new(cloud.clone(), scene.documented);
    let engine = Engine {
        providers: BTreeMap::from([("lat", Arc::new(provider) as _)]),
        evaluator: Arc::new(Evaluator::new(
            Arc::new(MemoryFiles::default()),
            PathBuf::from("."),
        )),
        clock: Arc::new(clock.clone()),
        random: random.clone(),
        environment: Default::default(),
        parallelism: None,
    };
    let program = load_text(&engine, "latency.toml", &text(&parts))?;
    let ended = clock::run(&clock, &Fate::default(), async {
        let mut key = [0; 32];
        random.fill(&mut key);
        let options = OpenOptions {
            stack_file: "latency.toml".into(),
            world: World::Cloud,
            keyring: Keyring::with_key(Key::from_bytes(key), random.clone()),
            clock: engine.clock.clone(),
            random: random.clone(),
            lock: true,
            accept_moved: false,
            who: Owner::default(),
        };
        let storage = Arc::new(MemoryStorage::new());
        let store = Store::open(storage, "latency", options).map_err(|e| e.to_string())?;
        let input = Input {
            program: Some(&program),
            store: &store,
        };
        let plan = engine.plan(input, &PlanOptions::default(), &Silent).await;
        let plan = plan.map_err(|e| e.to_string())?;
        let began = clock.now();
        let stop = Stop::new();
        let applied = engine.apply(input, &plan, &Silent, &stop).await;
        let report = applied.map_err(|e| e.to_string())?;
        Ok::<_, String>((clock.now().since(began), report))
    });
    let (wall, report) = match ended {
        Ended::Returned(result) => result?,
        other => return Err(format!("it did not end: {other:?}")),
    };
    let seen = cloud.seen();
    Ok(Measured {
        wall,
        critical: critical_path(&parts),
        permitted: scene.bucket.shortest(seen.calls),
        calls: seen.calls,
        throttled: seen.throttled,
        in_flight: seen.most_in_flight,
        failed: report.failures.len() + report.skipped.len(),
    })
}
