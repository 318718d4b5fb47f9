//! SIGKILL in the middle of an example's apply, on each cloud, at random times: the next apply completes, and nothing is there twice.

use crate::support::{Folder, Ran, Server, root};
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
    kills(&example("quickstart.toml"), 20, &[], false);
}

/// Few, because recovery waits until names that were just taken are seen: twenty took six minutes, and lost nothing either.
#[test]
fn kills_on_google_cloud_lose_nothing() {
    kills(&example("google.toml"), 3, &[], false);
}

#[test]
fn kills_on_azure_lose_nothing() {
    kills(&example("azure.toml"), 3, &[], false);
}

/// Types that infra knows by no schema: what is made is found again by a token, a name or an operation's id. Each call takes a
/// while, so that most of a run is the creation; some answers are lost.
const SLOW: [&str; 2] = ["--faults", "delay=40,lost@0.1"];

#[test]
fn kills_while_cloud_control_creates_lose_nothing() {
    let stack = r#"
[resource.aws_cloudcontrol_resource.many]
count       = 6
type_name   = "AWS::Logs::LogGroup"
properties  = { LogGroupName = "killed-${count.index}", RetentionInDays = 7 }
create_only = ["LogGroupName"]
"#;
    kills(stack, 6, &SLOW, true);
}

#[test]
fn kills_while_any_arm_resource_is_created_lose_nothing() {
    let stack = r#"
[resource.azapi_resource.group]
type     = "Microsoft.Resources/resourceGroups@2025-04-01"
name     = "killed"
location = "West Europe"

[resource.azapi_resource.many]
count     = 6
type      = "Microsoft.Network/publicIPAddresses@2026-03-01"
name      = "killed-${count.index}"
parent_id = "${azapi_resource.group.id}"
location  = "West Europe"
body      = { sku = { name = "Standard" }, properties = { publicIPAllocationMethod = "Static" } }
"#;
    kills(stack, 6, &SLOW, true);
}

#[test]
fn kills_while_any_google_resource_is_created_lose_nothing() {
    let stack = r#"
[clouds.google]
project = "shop"

[resource.google_rest_resource.many]
count      = 6
collection = "https://compute.googleapis.com/compute/v1/projects/{project}/global/healthChecks"
name       = "killed-${count.index}"
body       = { type = "TCP", tcpHealthCheck = { port = 80 } }

# It has no labels: whose it is only its operation tells.
[resource.google_compute_health_check.many]
count            = 6
name             = "checked-${count.index}"
tcp_health_check = { port = 80 }
"#;
    kills(stack, 6, &SLOW, true);
}

fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("stacks").join(name)).expect("an example")
}

/// How many operations the journal leaves open.
fn open(folder: &Folder) -> usize {
    let journal = folder.path().join("state/killed.journal");
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let lines = |word: &str| text.matches(word).count();
    lines("\"data\":{\"intent\"").saturating_sub(lines("\"data\":{\"outcome\""))
}

/// Runs until it is through: with faults, the cloud may refuse more often than one run is patient.
fn through(folder: &Folder, arguments: &[&str]) -> Ran {
    let first = folder.run(arguments);
    match first.code {
        Some(0) => first,
        _ => folder.run(arguments).expect(0),
    }
}

/// So many kills of applies of a stack, in lives that end complete and are taken away. `creating` counts only those that left
/// operations open, and waits for the first one.
fn kills(text: &str, wanted: usize, server: &[&str], creating: bool) {
    let stack = "stacks/killed.toml";
    let server = Server::sandbox(server);
    let flag = server.flag();
    let new = || {
        let folder = Folder::new();
        folder.write(stack, text);
        folder
    };
    let (expected, full) = {
        let folder = new();
        let started = Instant::now();
        through(&folder, &["apply", "-auto-approve", stack, &flag]);
        let full = started.elapsed();
        let expected = census(&server);
        through(&folder, &["destroy", "-auto-approve", stack, &flag]);
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
        let folder = new();
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
            // Of a run that has begun to create, half is left at most.
            let moment = if creating { moment / 2 } else { moment };
            let mut started = Instant::now();
            let mut begun = !creating;
            while (!begun || started.elapsed() < moment)
                && child.try_wait().expect("waits").is_none()
            {
                std::thread::sleep(Duration::from_millis(2));
                if !begun && open(&folder) > 0 {
                    (begun, started) = (true, Instant::now());
                }
            }
            let alive = child.try_wait().expect("waits").is_none();
            if alive {
                child.kill().expect("killed");
            }
            child.wait().expect("waits");
            killed += usize::from(alive && (!creating || open(&folder) > 0));
        }
        let last = through(&folder, &["apply", "-auto-approve", stack, &flag]);
        assert_eq!(
            census(&server),
            expected,
            "after {killed} kills\n{}",
            last.stderr
        );
        folder
            .run(&["plan", "-detailed-exitcode", stack, &flag])
            .expect(0);
        through(&folder, &["destroy", "-auto-approve", stack, &flag]);
        let left: Vec<Json> = server.resources();
        assert!(left.is_empty(), "left on the server: {left:#?}");
    }
}
