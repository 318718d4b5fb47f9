//! Tens of thousands of seeded lives, the deliberate bugs that they must find, and the seeds that found real ones.

use infra_model::defect::Defect;
use infra_simulation::{Violation, fleet, run};
use std::thread::available_parallelism;

/// `make test` runs so many.
const RUNS: u64 = 20_000;
/// A deliberate bug is found within so many seeds; most are within the first hundred.
const SEARCH: u64 = 10_000;

#[test]
fn whatever_goes_wrong_nothing_is_lost() {
    let threads = available_parallelism().map_or(2, usize::from);
    let fleet = fleet(0, RUNS, threads, None);
    if let Some(Violation { seed, what, .. }) = fleet.violation {
        panic!(
            "seed {seed}: {what}\nsee all of it with: cargo xtask simulate --seed {seed} --trace"
        );
    }
    assert_eq!(fleet.runs, RUNS);
    let crashes = fleet.tally.crashes;
    assert!(
        crashes > RUNS / 2,
        "only {crashes} crashes: it has become too quiet"
    );
}

#[test]
fn the_same_seed_tells_the_same_story_byte_for_byte() {
    for seed in 0..60 {
        let (first, again) = (run(seed, true), run(seed, true));
        assert!(first == again, "seed {seed} is not repeatable");
        let log = first.expect("holds").1;
        assert!(log.lines().count() > 10, "a log of a life:\n{log}");
    }
}

#[test]
fn the_documentation_lists_every_deliberate_bug() {
    let text = include_str!("../../../docs/simulation.md");
    for defect in Defect::ALL {
        let row = format!("| `{defect:?}` |");
        assert!(text.contains(&row), "docs/simulation.md lacks {row}");
    }
}

/// Seeds that show the bugs, so that nothing need be searched; one that shows its bug no longer is looked for anew.
const SHOWN_BY: &[(Defect, u64)] = &[
    (Defect::AbsenceAtOnce, 152),
    (Defect::DeletesUnordered, 4),
    (Defect::DependenciesNotKept, 210),
    (Defect::DeposedForgotten, 131),
    (Defect::DeposedOrderForgotten, 5_672),
    (Defect::DriftIgnored, 3),
    (Defect::EarlyIdNotWritten, 0),
    (Defect::HalfMadeAbsentAtOnce, 3_821),
    (Defect::IntentAfterCall, 22),
    (Defect::IntentNotSynced, 0),
    (Defect::LostAnswerIsRefusal, 663),
    (Defect::MovesForgotten, 334),
    (Defect::NotDeposed, 131),
    (Defect::OutcomeNotWritten, 2),
    (Defect::RecoveryAdoptsTooEarly, 1_386),
    (Defect::RecoveryDeletes, 1),
    (Defect::RecoveryDoesNotWait, 3_281),
    (Defect::RefusalAfterLostAnswer, 663),
    (Defect::SecretsInClear, 0),
    (Defect::TaintForgotten, 3),
    (Defect::TokenReused, 3),
    (Defect::TornTailKept, 48),
    (Defect::UnfinishedNotFolded, 10),
];

#[test]
fn every_deliberate_bug_is_found() {
    let threads = available_parallelism().map_or(2, usize::from);
    let mut missed: Vec<Defect> = Vec::new();
    for defect in Defect::ALL {
        let known = SHOWN_BY.iter().find(|(of, _)| of == defect);
        let shown = known.and_then(|(_, seed)| fleet(*seed, 1, 1, Some(*defect)).violation);
        let found = shown.or_else(|| {
            let found = fleet(0, SEARCH, threads, Some(*defect)).violation?;
            println!("SHOWN_BY can have (Defect::{defect:?}, {})", found.seed);
            Some(found)
        });
        match found {
            Some(violation) => println!("{defect:?}: seed {}: {}", violation.seed, violation.what),
            None => missed.push(*defect),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
