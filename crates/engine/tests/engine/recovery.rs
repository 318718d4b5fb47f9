//! What interrupted runs leave, and what is said about it.

use crate::bench::Bench;
use crate::cloud::Cloud;
use infra_engine::{Input, PlanOptions, Silent, Stop};
use infra_model::{ErrorKind, ProviderError};
use std::sync::Arc;

/// A creation that failed half-way and cannot be read: recovery says why, and nothing else is made of it.
#[test]
fn a_half_made_resource_that_cannot_be_read_is_not_called_a_stale_plan() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    let text = "[resource.test_safe.a]\nname = \"a\"\n";
    let program = bench.program(text);
    let input = Input {
        program: Some(&program),
        store: &store,
    };
    let failing = |call, kind, words: &str| {
        let error = ProviderError::new(kind, words);
        cloud.world().failing.insert(call, error);
    };
    failing("create", ErrorKind::Other, "it broke on the way");
    failing("read", ErrorKind::Denied, "reading is not allowed");
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let report = bench.apply(&store, &program, &plan);
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(store.unfinished().len(), 1);

    let recovery = bench.recover(&store, &program);
    let said: Vec<&str> = recovery
        .diagnostics
        .iter()
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("test_safe.a"), "{said:?}");
    assert!(said[0].contains("it broke on the way"), "{said:?}");
    assert_eq!(recovery.pending.len(), 1);

    // Whoever goes on all the same hears of it, and of no stale plan: no other plan would do better.
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let refused = bench
        .runtime
        .block_on(bench.engine.apply(input, &plan, &Silent, &Stop::new()));
    let refused = refused.expect_err("is refused").to_string();
    assert!(!refused.contains("stale"), "{refused}");
    assert!(refused.contains("test_safe.a"), "{refused}");

    // Once it can be read, it is taken up.
    cloud.world().failing.clear();
    let recovery = bench.recover(&store, &program);
    assert_eq!(recovery.adopted.len(), 1, "{recovery:?}");
    assert!(recovery.diagnostics.is_empty());
    bench.settle(&store, text);
    assert_eq!(cloud.world().safes.len(), 1);
}
