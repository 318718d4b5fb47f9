//! The live tree on a terminal: what is running with its elapsed time and the cloud's word for it, what lies on the critical
//! path, how much is done and about how long the rest takes. What is done scrolls away above.

use super::lines::line;
use super::words::{duration, going};
use super::{Live, Table};
use crate::render::literal::tame;
use crate::ui::Ui;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use infra_engine::{Event, Observer};
use infra_model::address::Address;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At most so many operations are drawn; the rest are counted.
const SHOWN: usize = 16;
/// How often spinners move.
const FRAME: Duration = Duration::from_millis(120);

/// Draws to standard error.
pub(super) struct Terminal {
    ui: Ui,
    bars: MultiProgress,
    running: Table,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    total: Option<ProgressBar>,
    rows: BTreeMap<Address, Row>,
    steps: u64,
    done: u64,
    expected: Duration,
    started: Option<Instant>,
}

struct Row {
    bar: ProgressBar,
    critical: bool,
}

impl Terminal {
    pub(super) fn new(ui: Ui) -> Terminal {
        Terminal {
            ui,
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            running: Table::default(),
            drawn: Mutex::default(),
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line above what is drawn.
    fn above(&self, text: &str) {
        // A terminal that cannot be drawn on still gets the line.
        if self.bars.println(text).is_err() {
            self.ui.talk(text);
        }
    }

    fn spinner(&self, template: &str) -> ProgressBar {
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
        bar.enable_steady_tick(FRAME);
        bar
    }

    fn row(&self, address: &Address, critical: bool) {
        let mut drawn = self.drawn();
        if drawn.rows.len() >= SHOWN || drawn.rows.contains_key(address) {
            return;
        }
        let bar = self.spinner("  {spinner} {msg}");
        drawn.rows.insert(address.clone(), Row { bar, critical });
        drop(drawn);
        self.describe(address);
    }

    /// Writes an operation's row anew.
    fn describe(&self, address: &Address) {
        let Some(operation) = self.running.lock().get(address).cloned() else {
            return;
        };
        let drawn = self.drawn();
        let Some(row) = drawn.rows.get(address) else {
            return;
        };
        let paint = self.ui.err;
        let status = operation
            .status
            .as_deref()
            .map(|s| format!("  {}", paint.cyan(tame(s))))
            .unwrap_or_default();
        let critical = if row.critical {
            format!("  {}", paint.yellow("◆ critical path"))
        } else {
            String::new()
        };
        let text = format!(
            "{address}: {}  {}{status}{critical}",
            going(operation.action),
            duration(operation.started.elapsed())
        );
        row.bar.set_message(text);
    }

    fn ended(&self, address: &Address, counted: bool) {
        self.running.end(address);
        let mut drawn = self.drawn();
        if let Some(row) = drawn.rows.remove(address) {
            row.bar.finish_and_clear();
            self.bars.remove(&row.bar);
        }
        if counted {
            drawn.done += 1;
        }
        drop(drawn);
        self.total();
    }

    fn total(&self) {
        let drawn = self.drawn();
        let Some(bar) = &drawn.total else {
            return;
        };
        bar.set_position(drawn.done.min(drawn.steps));
        let elapsed = drawn.started.map(|s| s.elapsed()).unwrap_or_default();
        let left = drawn.expected.saturating_sub(elapsed);
        let estimate = if left > Duration::from_secs(1) {
            format!(", about {} left", duration(left))
        } else {
            String::new()
        };
        bar.set_message(format!("{}{estimate}", duration(elapsed)));
    }

    /// Rows of operations that had no room before.
    fn fill(&self) {
        let waiting: Vec<Address> = {
            let drawn = self.drawn();
            let free = SHOWN.saturating_sub(drawn.rows.len());
            self.running
                .all()
                .into_iter()
                .map(|(a, _)| a)
                .filter(|a| !drawn.rows.contains_key(a))
                .take(free)
                .collect()
        };
        for address in waiting {
            self.row(&address, false);
        }
    }
}

impl Observer for Terminal {
    fn event(&self, event: Event) {
        match &event {
            Event::RefreshStarted { resources } if *resources > 0 => {
                let bar = self.spinner("{spinner} {msg}");
                bar.set_message(line(&event).unwrap_or_default());
                self.drawn().total = Some(bar);
            }
            Event::ApplyStarted {
                steps,
                critical_path,
            } => {
                let template = "{bar:24.green/dim} {pos}/{len}  {msg}";
                let style = ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("━━─");
                let bar = self
                    .bars
                    .add(ProgressBar::new(*steps as u64).with_style(style));
                let mut drawn = self.drawn();
                if let Some(old) = drawn.total.replace(bar) {
                    old.finish_and_clear();
                }
                drawn.steps = *steps as u64;
                drawn.expected = *critical_path;
                drawn.started = Some(Instant::now());
                drop(drawn);
                self.total();
            }
            Event::Started {
                address,
                action,
                id,
                critical,
            } => {
                self.running.begin(address, *action, id.clone());
                self.row(address, *critical);
            }
            Event::Identified { address, id } => {
                self.running.identify(address, id);
                self.describe(address);
            }
            Event::Status { address, status } => {
                if self.running.status(address, status) {
                    self.describe(address);
                }
            }
            Event::Finished { address, .. } => {
                self.ended(address, true);
                let text = line(&event).unwrap_or_default();
                self.above(&format!("{} {text}", self.ui.err.green("✓")));
            }
            Event::Failed { address, .. } => {
                self.ended(address, true);
                let text = line(&event).unwrap_or_default();
                self.above(&format!("{} {text}", self.ui.err.red("✗")));
            }
            Event::Skipped { .. } => {
                let text = line(&event).unwrap_or_default();
                self.above(&format!("{} {text}", self.ui.err.yellow("•")));
            }
            Event::Recovering { .. } => self.above(&line(&event).unwrap_or_default()),
            Event::RefreshStarted { .. }
            | Event::Refreshed { .. }
            | Event::DataRead { .. }
            | Event::Planned { .. } => {}
        }
        if matches!(event, Event::Finished { .. } | Event::Failed { .. }) {
            self.fill();
        }
    }
}

impl Live for Terminal {
    fn tick(&self) {
        for (address, _) in self.running.all() {
            self.describe(&address);
        }
        self.total();
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn finish(&self) {
        let mut drawn = self.drawn();
        for row in std::mem::take(&mut drawn.rows).into_values() {
            row.bar.finish_and_clear();
        }
        if let Some(total) = drawn.total.take() {
            total.finish_and_clear();
        }
        // What could not be cleared stays on the screen, and nothing is lost by it.
        let _ = self.bars.clear();
    }
}
