//! The corpora of the fuzz targets, as plain tests: `fuzz/corpus` has a folder for each.

#[allow(unreachable_pub, reason = "the fuzz targets are another crate")]
#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Runs a target on every file of its corpus.
fn run(name: &str, target: fn(&[u8])) {
    let folder = Path::new("../../fuzz/corpus").join(name);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        let held = std::panic::catch_unwind(|| target(&bytes));
        assert!(held.is_ok(), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 4, "{name}: {seen} files");
}

#[test]
fn every_stack_of_the_corpus_is_read_or_refused() {
    run("stack", targets::stack);
}

#[test]
fn every_expression_of_the_corpus_is_read_or_refused() {
    run("expression", targets::expression);
}

#[test]
fn every_state_of_the_corpus_is_read_or_refused() {
    run("state", targets::state);
}

#[test]
fn every_journal_of_the_corpus_is_read_or_refused() {
    run("journal", targets::journal);
}

#[test]
fn every_plan_of_the_corpus_is_read_or_refused() {
    run("plan", targets::plan);
}
