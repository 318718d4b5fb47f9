//! The real process, stopped in every way at any moment of apply, update and destroy, while the cloud misbehaves. Then the
//! same command is run again, and what the server has is what the state says.

mod disk;
mod life;
mod lock;
mod signals;

use crate::support::say;
use life::{Life, Phase};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What goes wrong besides: refusals, errors, lost requests and lost answers, and some that are slow.
const FAULTS: &str = "throttle@0.02,error@0.01,error=503@0.01,reset@0.01,lost@0.02,delay=30@0.3";

/// So many stacks live at the same time: recovery waits more than it works.
const LIVES: usize = 8;

/// Each with a moto of its own, which is heavy.
const MOTO_LIVES: usize = 2;

/// Random numbers from a seed: SplitMix64 (Steele, Lea, Flood).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 40).expect("24 bits")) / f64::from(1 << 24)
    }
}

/// What the lives have in common.
#[derive(Default)]
struct Tally {
    wanted: usize,
    landed: AtomicUsize,
    by_phase: [AtomicUsize; 3],
    /// Kills that left an operation without an outcome.
    open: AtomicUsize,
    /// Runs to the end that needed another one.
    again: AtomicUsize,
    failed: AtomicBool,
    /// How long a phase takes undisturbed: the sum, and how many were measured.
    took: [Mutex<(Duration, u32)>; 3],
}

impl Tally {
    fn is_over(&self) -> bool {
        self.landed.load(Ordering::Relaxed) >= self.wanted || self.failed.load(Ordering::Relaxed)
    }

    fn measured(&self, phase: Phase, took: Duration) {
        let mut sum = self.took[phase as usize].lock().expect("whole");
        sum.0 += took;
        sum.1 += 1;
    }

    fn duration(&self, phase: Phase) -> Duration {
        let sum = self.took[phase as usize].lock().expect("whole");
        sum.0 / sum.1.max(1)
    }
}

/// Sets the flag when a life ends by a panic, so that the others end too.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// One stack that is applied, updated and destroyed over and over.
fn live(tally: &Tally, seed: u64, life: impl FnOnce() -> Life) {
    let _alarm = Alarm(&tally.failed);
    let mut dice = Dice(seed);
    let life = life();
    // All measure at the same time, under the load under which they are killed.
    for phase in Phase::ALL {
        let started = Instant::now();
        let rounds = life.finish(phase);
        if rounds == 1 {
            tally.measured(phase, started.elapsed());
        }
        life.check(phase);
    }
    while !tally.is_over() {
        for phase in Phase::ALL {
            // Often the run that takes up what was left is killed too.
            let kills = 1 + dice.next() % 3;
            for _ in 0..kills {
                let moment = tally.duration(phase).mul_f64(dice.share());
                if life.kill_after(phase, moment) {
                    tally.landed.fetch_add(1, Ordering::Relaxed);
                    tally.by_phase[phase as usize].fetch_add(1, Ordering::Relaxed);
                    let open = usize::from(life.unfinished() > 0);
                    tally.open.fetch_add(open, Ordering::Relaxed);
                }
            }
            let rounds = life.complete(phase);
            tally
                .again
                .fetch_add(usize::from(rounds > 1), Ordering::Relaxed);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{variable}: {e}")))
}

/// `cargo xtask kills` says how many and from which seed.
#[test]
fn killed_at_any_moment_it_loses_nothing_and_makes_nothing_twice() {
    let wanted = number("INFRA_KILLS").unwrap_or(200);
    kill(wanted, LIVES, |seed| Life::new(FAULTS, seed));
}

/// The same against a cloud that others wrote. It makes no trouble of its own and keeps no tokens, so that nothing but what is
/// found again keeps a creation from being made twice.
#[test]
fn killed_over_moto_it_loses_nothing_and_makes_nothing_twice() {
    let name = "killed_over_moto_it_loses_nothing_and_makes_nothing_twice";
    let wanted = number("INFRA_KILLS").map_or(24, |all| all / 8);
    if std::env::var_os("INFRA_PYTHON").is_none() {
        say(&format!(
            "{name} is skipped: INFRA_PYTHON names no Python with moto (`make test` installs one)"
        ));
        return;
    }
    kill(wanted, MOTO_LIVES, |_| {
        Life::in_moto(name).expect("INFRA_PYTHON is set")
    });
}

/// So many kills, in so many lives at the same time.
fn kill(wanted: u64, lives: usize, life: impl Fn(u64) -> Life + Sync) {
    let seed = number("INFRA_KILLS_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        u64::from(now.expect("after 1970").subsec_nanos())
    });
    let tally = Tally {
        wanted: usize::try_from(wanted).expect("fits"),
        ..Tally::default()
    };
    let started = Instant::now();
    let whole = std::thread::scope(|scope| {
        let (tally, life) = (&tally, &life);
        let lives: Vec<_> = (0..lives as u64)
            .map(|n| {
                let seed = seed.wrapping_mul(1000).wrapping_add(n);
                scope.spawn(move || live(tally, seed, || life(seed)))
            })
            .collect();
        lives.into_iter().all(|life| life.join().is_ok())
    });
    let count = |n: &AtomicUsize| n.load(Ordering::Relaxed);
    let [apply, update, destroy] = tally.by_phase.each_ref().map(count);
    let (landed, open, again) = (
        count(&tally.landed),
        count(&tally.open),
        count(&tally.again),
    );
    let seconds = started.elapsed().as_secs();
    let told = format!(
        "{landed} kills from seed {seed} in {seconds} s: {apply} of apply, {update} of update, {destroy} of destroy; {open} left operations open; {again} times the cloud's faults asked for another run"
    );
    say(&told);
    assert!(whole, "see above; cargo xtask kills --from {seed}: {told}");
    assert!(landed >= tally.wanted, "{told}");
    // Else it killed where nothing could be lost. Each phase should have a third; five standard deviations less are no chance.
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let all = landed as f64;
    let fewest = (all / 3.0 - 5.0 * (all * 2.0 / 9.0).sqrt()).max(1.0);
    let spread = |n: &usize| f64::from(u32::try_from(*n).expect("hundreds")) >= fewest;
    assert!(
        open * 5 > landed && [apply, update, destroy].iter().all(spread),
        "{told}"
    );
}
