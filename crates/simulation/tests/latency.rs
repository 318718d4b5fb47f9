//! Apply uses the time well: the assertions behind `cargo xtask bench latency`, on fewer seeds.

use infra_simulation::latency::{SCENES, Setting};

const SEEDS: u64 = 4;

#[test]
fn apply_comes_near_the_shortest_possible_time() {
    for setting in SCENES {
        for seed in 0..SEEDS {
            let measured = setting.measure(seed).expect("is applied");
            if let Some(broken) = setting.broken(&measured) {
                panic!("{}, seed {seed}: {broken}: {measured:?}", setting.name);
            }
        }
    }
}

/// The assertions can fail: a cloud that permits less than the engine is told throttles, and a promise of less than the
/// critical path is broken.
#[test]
fn a_broken_promise_is_seen() {
    let graph = SCENES[0];
    let impossible = Setting {
        most: 0.99,
        ..graph
    };
    let measured = impossible.measure(1).expect("is applied");
    assert!(impossible.broken(&measured).is_some(), "{measured:?}");
    let narrow = SCENES.iter().find(|s| s.bucket != s.documented);
    let throttled = narrow.expect("one is throttled").measure(1);
    assert!(throttled.expect("is applied").throttled > 0);
}
