//! Ctrl-C and SIGTERM: once, and what is under way is finished; twice, and the process ends at once.

use super::life::{Life, Phase};
use std::process::{Child, Command};

/// Slow enough that a signal comes in the middle.
const SLOW: &str = "delay=60";

pub(super) fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "{signal}");
}

#[test]
fn asked_to_stop_it_finishes_what_is_under_way() {
    for (seed, signal) in ["-TERM", "-INT"].into_iter().enumerate() {
        let life = Life::new(SLOW, seed as u64);
        for phase in Phase::ALL {
            let mut child = life.start(phase);
            life.wait_for_intent(&mut child);
            send(signal, &child);
            let output = child.wait_with_output().expect("ends");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(130), "{signal} {phase:?} {told}");
            assert!(told.contains("Stopping: what is under way"), "{told}");
            // All of it has its outcome, and is folded into the state; the lock is free.
            assert!(!life.state("journal").exists(), "{signal} {phase:?} {told}");
            let free = life.folder.run(&["force-unlock"]).expect(0);
            assert!(free.stderr.contains("not locked"), "{}", free.stderr);
            let state = std::fs::read_to_string(life.state("json")).expect("a state");
            assert!(!state.contains("\"unfinished\""), "{state}");
            let history = life.folder.run(&["history", "-json"]).expect(0).json();
            let runs = history["runs"].as_array().expect("runs").clone();
            let last = |r: &serde_json::Value| r["result"] == "interrupted";
            assert!(runs.iter().any(last) && runs.len() % 2 == 1, "{history:#}");
            assert_eq!(life.complete(phase), 1);
        }
    }
}

#[test]
fn asked_twice_it_stops_at_once_and_loses_nothing() {
    for (seed, signal) in ["-TERM", "-INT"].into_iter().enumerate() {
        let life = Life::new(SLOW, seed as u64);
        for phase in Phase::ALL {
            let mut child = life.start(phase);
            life.wait_for_intent(&mut child);
            send(signal, &child);
            // Two at the same moment would be one.
            std::thread::sleep(std::time::Duration::from_millis(20));
            send(signal, &child);
            let output = child.wait_with_output().expect("ends");
            assert_eq!(output.status.code(), Some(130), "{signal} {phase:?}");
            assert!(life.unfinished() > 0, "{signal} {phase:?}: it waited");
            life.complete(phase);
        }
    }
}
