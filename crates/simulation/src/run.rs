//! One run: a random stack lives through changes, faults, crashes and intruders, and is looked at after each step.

use crate::check;
use crate::clock::Ended;
use crate::cloud::kinds::{Identity, KINDS, LAG, Thing};
use crate::cloud::{Faults, Intrusion, Snapshot};
use crate::dice::Dice;
use crate::fate::Death;
use crate::log::Log;
use crate::process::{Command, Done, Machine};
use crate::stack::Stack;
use infra_engine::ApplyReport;
use infra_model::{Address, OperationId};
use infra_state::ResourceState;
use std::time::Duration;

/// What must hold and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// What was seen.
    pub what: String,
    /// The event log, when it was wanted.
    pub log: String,
}

/// How much a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commands that were run.
    pub commands: u64,
    /// Of those, ended by a crash.
    pub crashes: u64,
    /// Points that were passed at which a crash can happen.
    pub points: u64,
}

/// Runs a seed. The log is kept when `trace` says so; it changes nothing else.
///
/// # Errors
/// What must hold and did not.
pub fn run(seed: u64, trace: bool) -> Result<(Tally, String), Violation> {
    let log = Log::new(trace);
    let mut run = Run::new(seed, &log);
    match run.live() {
        Ok(()) => Ok((run.tally, log.text())),
        Err(what) => {
            for (name, bytes) in run.machine.disk.memory().files() {
                let text = String::from_utf8_lossy(&bytes);
                run.machine
                    .note(format_args!("file of the state: {name}\n{text}"));
            }
            run.machine.note(format_args!("VIOLATION {what}"));
            Err(Violation {
                seed,
                what,
                log: log.text(),
            })
        }
    }
}

struct Run {
    machine: Machine,
    dice: Dice,
    stack: Stack,
    tally: Tally,
    /// The kinds of trouble that this run has.
    faults: Faults,
    crashes: bool,
    disk_trouble: bool,
    /// The last length of a command in points: crashes are placed within it.
    length: (u64, u64),
}

/// How often quiet rounds are tried before it counts as never settling.
const ROUNDS: usize = 6;

impl Run {
    fn new(seed: u64, log: &Log) -> Run {
        let mut dice = Dice::new(seed, 1);
        let stack = Stack::random(&mut dice);
        let mut machine = Machine::new(seed, log);
        machine.set_parallelism(dice.permille(300).then(|| dice.index(3) + 1));
        let faults = random_faults(&mut dice);
        Run {
            machine,
            stack,
            tally: Tally::default(),
            faults,
            crashes: dice.permille(800),
            disk_trouble: dice.permille(300),
            length: (200, 60),
            dice,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.dice.between(1, 4) {
            self.step()?;
            if self.dice.permille(250) {
                self.settle()?;
            }
        }
        self.settle()?;
        self.destroy()
    }

    /// The file changes, somebody does something else, and a command or two are run in troubled times.
    fn step(&mut self) -> Result<(), String> {
        let mut commands = vec![Command::Apply {
            saved: self.dice.permille(200),
        }];
        match self.dice.below(12) {
            0..=5 => {
                let what = self.stack.change(&mut self.dice);
                self.machine.note(format_args!("file  {what}"));
            }
            6 => self.intrude(),
            7 => commands = vec![Command::Destroy],
            8 => commands = vec![Command::RefreshOnly],
            9 => commands = vec![Command::Plan],
            10 => {
                if let Some(import) = self.something_to_import() {
                    commands.insert(0, import);
                }
            }
            _ => return self.forget(),
        }
        if self.dice.permille(200) {
            commands.push(Command::Apply { saved: false });
        }
        for command in commands {
            self.troubled(&command)?;
        }
        Ok(())
    }

    /// Runs a command in troubled times, and looks at what must always hold.
    fn troubled(&mut self, command: &Command) -> Result<(), String> {
        let dice = &mut self.dice;
        let death = (self.crashes && dice.permille(600)).then(|| {
            let (all, changes) = self.length;
            if dice.permille(300) {
                Death::AtAny(1 + dice.below(all))
            } else {
                Death::AtChange(1 + dice.below(changes))
            }
        });
        let stop_after = dice
            .permille(100)
            .then(|| Duration::from_millis(dice.below(60_000)));
        self.machine.cloud.set_faults(self.faults.clone());
        if self.disk_trouble && dice.permille(500) {
            let full_after = dice.permille(500).then(|| dice.below(20));
            let rate = dice.below(3) * 10;
            self.machine.disk.set_trouble(rate / 4, rate, full_after);
        }
        if dice.permille(100) {
            let (now, _) = self.machine.cloud.look(|_, now| (now, ()));
            let later = now + dice.between(0, 30_000);
            let intrusions = self.random_intrusion().map(|i| (later, i));
            self.machine
                .cloud
                .set_intrusions(intrusions.into_iter().collect());
        }
        let ended = self.command(command, death, stop_after);
        self.machine.disk.set_trouble(0, 0, None);
        let done = self.over(ended)?;
        if let Some(done) = done
            && done.deletions_of_recovery > 0
        {
            return Err("recovery deleted something".to_owned());
        }
        Ok(())
    }

    fn command(
        &mut self,
        command: &Command,
        death: Option<Death>,
        stop_after: Option<Duration>,
    ) -> Ended<Done> {
        let text = self.stack.text();
        self.machine.note(format_args!(
            "stack\n{}",
            text.replace(crate::stack::SECRET, "(secret)")
        ));
        let ended = self.machine.run(command, &text, death, stop_after);
        self.machine.cloud.sender_is_gone();
        let passed = self.machine.fate.passed();
        self.tally.commands += 1;
        self.tally.points += passed.0;
        if death.is_none() {
            self.length = (passed.0.clamp(50, 2_000), passed.1.clamp(20, 500));
        }
        // A process that begins right away, or later.
        let pause = [0, 100, 1_000, 5_000, 60_000];
        let pause = *self.dice.pick(&pause);
        self.machine.clock.pass(Duration::from_millis(pause));
        ended
    }

    /// After a process, however it ended.
    fn over(&mut self, ended: Ended<Done>) -> Result<Option<Done>, String> {
        let done = match ended {
            Ended::Returned(done) => {
                // The machine may die right after.
                if self.crashes && self.dice.permille(50) {
                    self.machine.disk.power_off();
                } else {
                    self.machine.disk.kill();
                }
                Some(done)
            }
            Ended::Crashed => {
                self.tally.crashes += 1;
                if self.dice.permille(500) {
                    self.machine.disk.power_off();
                } else {
                    self.machine.disk.kill();
                }
                None
            }
            Ended::Stuck => return Err("the process waits for ever".to_owned()),
            Ended::Panicked(message) => return Err(format!("the process panicked: {message}")),
        };
        check::always(&self.machine)?;
        Ok(done)
    }

    /// Nothing goes wrong any more, and all that was under way has arrived.
    fn quiet(&mut self) {
        self.machine.cloud.set_faults(Faults::default());
        self.machine.cloud.set_intrusions(Vec::new());
        self.machine.clock.pass(Duration::from_secs(4_000));
    }

    /// In quiet times, applying comes to an end: cloud, state and file say the same, and there is nothing left to do.
    fn settle(&mut self) -> Result<(), String> {
        self.quiet();
        for import in self.still_to_import()? {
            let ended = self.command(&import, None, None);
            self.over(ended)?;
        }
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let ended = self.command(&Command::Apply { saved: false }, None, None);
            let done = self.over(ended)?.unwrap_or_default();
            self.machine
                .clock
                .pass(Duration::from_millis(2 * LAG.unsigned_abs()));
            if done.error.is_none() && done.report.as_ref().is_some_and(ApplyReport::is_complete) {
                check::settled(&self.machine, &self.stack)?;
                self.take_over()?;
                let ended = self.command(&Command::Plan, None, None);
                let plan = self.over(ended)?.unwrap_or_default();
                if plan.error.is_some() || plan.changes != Some(false) {
                    return Err(format!(
                        "the second plan is not empty: {:?} {:?}",
                        plan.planned, plan.error
                    ));
                }
                return Ok(());
            }
            last = troubles(&done);
        }
        Err(format!("it does not settle: {last}"))
    }

    /// What stands in the way of a block because its import failed in troubled times.
    fn still_to_import(&self) -> Result<Vec<Command>, String> {
        let state = check::always(&self.machine)?;
        let blocks = self.stack.blocks.iter().filter(|b| {
            let managed = |a: &Address| state.resource(a).is_some_and(ResourceState::has_current);
            let address = b.address().parse();
            b.kind.identity == Identity::Name && !address.is_ok_and(|a| managed(&a))
        });
        let in_the_way = |called: &str| {
            self.machine.cloud.look(|objects, now| {
                let there = objects.at(called, now);
                there.is_some_and(|o| o.made_by.is_none())
            })
        };
        // One that was renamed is managed under its old address still.
        let is_managed = |called: &str| state.resources.values().any(|r| r.id == called);
        Ok(blocks
            .filter(|b| in_the_way(&b.called(0)) && !is_managed(&b.called(0)))
            .map(|b| Command::Import(b.address(), b.called(0)))
            .collect())
    }

    /// What was imported is managed from now on, as if it had been made here.
    fn take_over(&self) -> Result<(), String> {
        let state = check::always(&self.machine)?;
        let ids = state.resources.values().map(|r| r.id.clone());
        self.machine.cloud.look(|objects, now| {
            for id in ids {
                if let Some(theirs) = objects
                    .at(&id, now)
                    .filter(|o| o.made_by.is_none())
                    .cloned()
                {
                    let ours = Snapshot {
                        made_by: Some(OperationId(format!("import of {id}").into())),
                        ..theirs
                    };
                    objects.put(&id, now, ours);
                }
            }
        });
        Ok(())
    }

    /// Destroys, in troubled times and then in quiet ones, until nothing is left.
    fn destroy(&mut self) -> Result<(), String> {
        if self.dice.permille(700) {
            self.troubled(&Command::Destroy)?;
        }
        self.quiet();
        let mut last = String::new();
        for _ in 0..ROUNDS {
            let ended = self.command(&Command::Destroy, None, None);
            let done = self.over(ended)?.unwrap_or_default();
            if done.error.is_none() && done.report.as_ref().is_some_and(ApplyReport::is_complete) {
                return check::nothing(&self.machine);
            }
            last = troubles(&done);
        }
        Err(format!("destroy does not come to an end: {last}"))
    }

    /// Somebody else changes the cloud before the command.
    fn intrude(&mut self) {
        for _ in 0..self.dice.between(1, 3) {
            if let Some(intrusion) = self.random_intrusion() {
                let now = self.machine.cloud.look(|_, now| now);
                self.machine.cloud.set_intrusions(vec![(now, intrusion)]);
                self.machine.cloud.look(|_, _| ());
            }
        }
    }

    fn random_intrusion(&mut self) -> Option<Intrusion> {
        let ids: Vec<String> = self.machine.cloud.look(|objects, now| {
            let managed = objects.live(now).filter(|(_, o)| o.made_by.is_some());
            managed.map(|(id, _)| id.clone()).collect()
        });
        if ids.is_empty() {
            return None;
        }
        let id = self.dice.pick(&ids).clone();
        Some(if self.dice.permille(500) {
            Intrusion::Resize(id, self.dice.between(1, 99))
        } else {
            Intrusion::Remove(id)
        })
    }

    /// Something that somebody else has made, and a block for it.
    fn something_to_import(&mut self) -> Option<Command> {
        let kinds: Vec<_> = KINDS
            .iter()
            .filter(|k| k.identity != Identity::Key)
            .collect();
        let kind = *self.dice.pick(&kinds);
        let size = self.dice.between(1, 9);
        let called = format!("theirs{}", self.dice.below(1_000_000));
        let id = match kind.identity {
            Identity::Name => called.clone(),
            _ => format!(
                "{}-theirs{}",
                &kind.type_name[4..],
                self.dice.below(1_000_000)
            ),
        };
        let thing = Thing {
            name: called.clone(),
            zone: Some("z1".to_owned()),
            size: self.dice.between(1, 9),
            id: Some(id.clone()),
            revision: Some(1),
            ..Thing::default()
        };
        self.machine.cloud.look(|objects, now| {
            let theirs = Snapshot {
                thing,
                kind,
                made_by: None,
                address: None,
                ready_at: now,
                fails: false,
                deleting: false,
            };
            objects.put(&id, now, theirs);
        });
        let address = self.stack.adopt(kind, &called, Some(1), size);
        self.machine
            .note(format_args!("other made {id}, to be imported as {address}"));
        Some(Command::Import(address, id))
    }

    /// A resource leaves the file and is forgotten, not deleted. In quiet times, so that it is known what is to be there.
    fn forget(&mut self) -> Result<(), String> {
        self.settle()?;
        let Some(address) = self.stack.forget(&mut self.dice) else {
            return Ok(());
        };
        let state = check::always(&self.machine)?;
        let id = address
            .parse()
            .ok()
            .and_then(|a| Some(state.resource(&a)?.id.clone()));
        let Some(id) = id else { return Ok(()) };
        self.machine
            .note(format_args!("file  {address} is to be forgotten"));
        let deletions = self.machine.cloud.take_deletions();
        let _ = deletions;
        self.machine.cloud.look(|objects, now| {
            if let Some(there) = objects.at(&id, now).cloned() {
                let unmanaged = Snapshot {
                    made_by: None,
                    ..there
                };
                objects.put(&id, now, unmanaged);
            }
        });
        self.settle()?;
        self.machine
            .cloud
            .look(|objects, now| match objects.at(&id, now) {
                Some(there) if !there.deleting => Ok(()),
                _ => Err(format!("{address} was to be forgotten, and `{id}` is gone")),
            })
    }
}

/// Why a command did not do all.
fn troubles(done: &Done) -> String {
    let report = done.report.as_ref();
    let failures = report.into_iter().flat_map(|r| &r.failures);
    let mut all: Vec<String> = failures
        .map(|f| format!("{}: {}", f.address, f.error))
        .collect();
    all.extend(done.error.clone());
    all.extend(
        report
            .map(|r| format!("{:?}", r.diagnostics))
            .filter(|d| d != "[]"),
    );
    all.join("; ")
}

/// Some kinds of trouble, each more or less often; every fifth run has none.
fn random_faults(dice: &mut Dice) -> Faults {
    if dice.permille(200) {
        return Faults::default();
    }
    let mut some = |most: u64| {
        if dice.permille(400) {
            dice.below(most)
        } else {
            0
        }
    };
    let (throttled, internal, internal_after) = (some(150), some(100), some(100));
    let (lost_call, lost_answer, late) = (some(80), some(80), some(50));
    let (refused, stuck, failing, stale) = (some(40), some(150), some(150), some(700));
    Faults {
        throttled,
        internal,
        internal_after,
        lost_call,
        lost_answer,
        late,
        refused,
        stuck,
        failing,
        stale,
        credentials: dice.permille(100).then(|| dice.between(0, 120_000)),
    }
}
