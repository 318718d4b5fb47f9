//! Several runs at once: one works, the others say who does, and nothing is damaged.

use super::life::{Life, Phase};
use super::signals::send;
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_run_says_who_is_at_work() {
    let life = Life::new("delay=60", 1);
    for phase in Phase::ALL {
        let mut first = life.start(phase);
        life.wait_for_intent(&mut first);
        // It holds the lock for as long as the others need, however slow the machine is.
        send("-STOP", &first);
        let process = format!("process {}", first.id());
        for second in Phase::ALL {
            let refused = life.run(second).expect(1);
            let command = if phase == Phase::Destroy {
                "infra destroy on"
            } else {
                "infra apply on"
            };
            for words in ["the state is locked by", command, process.as_str()] {
                assert!(refused.stderr.contains(words), "{}", refused.stderr);
            }
        }
        // Looking needs no lock.
        life.folder.run(&["state", "list"]).expect(0);
        send("-CONT", &first);
        let output = first.wait_with_output().expect("ends");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        life.check(phase);
    }
}

#[test]
fn of_many_runs_at_once_each_works_alone() {
    let life = Life::new("", 1);
    for phase in Phase::ALL {
        let runs: Vec<_> = (0..6).map(|_| life.start(phase)).collect();
        let outputs: Vec<_> = runs
            .into_iter()
            .map(|run| run.wait_with_output().expect("ends"))
            .collect();
        let (done, refused): (Vec<_>, Vec<_>) =
            outputs.iter().partition(|o| o.status.code() == Some(0));
        assert!(!done.is_empty() && !refused.is_empty(), "{outputs:#?}");
        for output in refused {
            let told = text(output);
            assert_eq!(output.status.code(), Some(1), "{told}");
            assert!(told.contains("the state is locked"), "{told}");
        }
        life.check(phase);
    }
}
