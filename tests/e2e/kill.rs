//! SIGKILL in the middle of an example's apply, on each cloud, at random times: the next apply completes, and nothing is there twice.

use crate::support::{Folder, Server};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the server has, by type: the same after a run that was killed as after one that was not.
fn census(server: &Server) -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    for resource in server.resources() {
        *census
            .entry(resource["type"].as_str().unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    census
}

#[test]
fn twenty_kills_at_random_times_lose_nothing() {
    kills("quickstart.toml", 20);
}

/// Few, because recovery waits until names that were just taken are seen: twenty took six minutes, and lost nothing either.
#[test]
fn kills_on_google_cloud_lose_nothing() {
    kills("google.toml", 3);
}

#[test]
fn kills_on_azure_lose_nothing() {
    kills("azure.toml", 3);
}

fn kills(example: &str, wanted: usize) {
    let stack = format!("stacks/{example}");
    let stack = stack.as_str();
    let server = Server::sandbox(&[]);
    let flag = server.flag();
    let (expected, full) = {
        let folder = Folder::new();
        folder.example(example);
        let started = Instant::now();
        folder
            .run(&["apply", "-auto-approve", stack, &flag])
            .expect(0);
        let full = started.elapsed();
        let expected = census(&server);
        folder
            .run(&["destroy", "-auto-approve", stack, &flag])
            .expect(0);
        (expected, full)
    };
    let mut seed = u64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos()
            & 0xFFFF_FFFF,
    )
    .expect("fits");
    println!("seed {seed}");
    let mut killed = 0;
    while killed < wanted {
        let folder = Folder::new();
        folder.example(example);
        // Several kills in one life, then a run to the end.
        for _ in 0..3 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let share = f64::from(u32::try_from(seed >> 40).expect("24 bits")) / f64::from(1 << 24);
            let moment = full.mul_f64(share);
            let mut child = folder
                .command(&["apply", "-auto-approve", stack, &flag])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts");
            let started = Instant::now();
            while started.elapsed() < moment && child.try_wait().expect("waits").is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            if child.try_wait().expect("waits").is_none() {
                child.kill().expect("killed");
                killed += 1;
            }
            child.wait().expect("waits");
        }
        let last = folder
            .run(&["apply", "-auto-approve", stack, &flag])
            .expect(0);
        assert_eq!(
            census(&server),
            expected,
            "after {killed} kills\n{}",
            last.stderr
        );
        folder
            .run(&["plan", "-detailed-exitcode", stack, &flag])
            .expect(0);
        folder
            .run(&["destroy", "-auto-approve", stack, &flag])
            .expect(0);
        let left: Vec<Json> = server.resources();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }
}
