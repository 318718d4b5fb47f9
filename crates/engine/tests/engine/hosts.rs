//! What ends with its host: let go in the plan, and what it would leave behind taken away first.

use crate::bench::{Bench, actions};
use crate::cloud::{Cloud, Halt};
use crate::protection::killed;
use infra_engine::{ChangeAction, PlanMode, PlanOptions, Reason};
use std::sync::Arc;

/// A house on a safe, and in it a safe that also needs another thing, which only itself needs the house.
const HOUSE: &str = r#"
[resource.test_safe.ground]
name = "ground"
[resource.test_house.home]
name = "home"
on = "${test_safe.ground.id}"
"#;

const INSIDE: &str = r#"
[resource.test_safe.inner]
name = "inner"
on = "${test_house.home.id}"
[resource.test_safe.upper]
name = "upper"
on = "${test_safe.inner.id} ${test_gate.key.id} ${test_house.home.id}"
[resource.test_gate.key]
name = "key"
"#;

fn destroy() -> PlanOptions {
    PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    }
}

fn settled() -> (Bench, Cloud, infra_state::Store) {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, &format!("{HOUSE}{INSIDE}"));
    cloud.calls();
    (bench, cloud, store)
}

#[test]
fn what_is_inside_is_let_go_and_leaves_first() {
    let (bench, cloud, store) = settled();
    let program = bench.program(&format!("{HOUSE}{INSIDE}"));
    let plan = bench.plan(&store, &program, &destroy()).expect("plans");
    let mut ends: Vec<String> = plan
        .changes
        .iter()
        .filter(|c| matches!(c.reason, Some(Reason::WithHost(_))))
        .map(|c| c.address.to_string())
        .collect();
    ends.sort();
    assert_eq!(ends, ["test_safe.inner", "test_safe.upper"]);
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.destroyed, report.forgotten), (3, 2));
    let calls = cloud.calls();
    let at = |call: &str| calls.iter().position(|c| c == call);
    assert!(at("leave home") < at("delete home"), "{calls:?}");
    // It may be needed for leaving.
    assert!(at("leave home") < at("delete key"), "{calls:?}");
    assert!(at("delete home") < at("delete safe-1"), "{calls:?}");
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert!(store.state().is_empty());
}

#[test]
fn while_the_host_stays_things_in_it_are_deleted() {
    let (bench, cloud, store) = settled();
    let program = bench.program(HOUSE);
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let deleted = actions(&plan);
    let deleted = deleted.iter().filter(|(_, a)| *a == ChangeAction::Delete);
    assert_eq!(deleted.count(), 3);
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(!cloud.calls().iter().any(|call| call.starts_with("leave")));
}

#[test]
fn a_host_that_cannot_be_left_stays_with_all_that_is_in_it() {
    let (bench, cloud, store) = settled();
    let program = bench.program(&format!("{HOUSE}{INSIDE}"));
    let plan = bench.plan(&store, &program, &destroy()).expect("plans");
    let error = infra_model::ProviderError::new(infra_model::ErrorKind::Denied, "no answer");
    cloud.world().failing.insert("leave", error);
    let report = bench.apply(&store, &program, &plan);
    assert!(!report.is_complete());
    assert_eq!(cloud.calls(), Vec::<String>::new());
    // Once it works, the next run does it all.
    cloud.world().failing.clear();
    let plan = bench.plan(&store, &program, &destroy()).expect("plans");
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(store.state().is_empty());
}

#[test]
fn a_kill_at_any_moment_of_leaving_is_made_good_by_the_next_run() {
    for halt in [
        Halt::Before("leave"),
        Halt::After("leave"),
        Halt::Before("delete"),
        Halt::After("delete"),
    ] {
        let (bench, cloud, store) = settled();
        let program = bench.program(&format!("{HOUSE}{INSIDE}"));
        bench.runtime.block_on(store.close()).expect("closes");
        killed(&bench, &cloud, &program, &destroy(), halt);
        let store = bench.store();
        bench.recover(&store, &program);
        let plan = bench.plan(&store, &program, &destroy()).expect("plans");
        let report = bench.apply(&store, &program, &plan);
        assert!(report.is_complete(), "{halt:?}: {report:?}");
        assert!(store.state().is_empty(), "{halt:?}");
    }
}

/// A safe on another one, which stands on a third.
const STACKED: &str = r#"
[resource.test_safe.floor]
name = "floor"
[resource.test_safe.table]
name = "table"
depends_on = ["test_safe.floor"]
[resource.test_safe.lamp]
name = "lamp"
depends_on = ["test_safe.table"]
"#;

/// What stood between two and was taken away by somebody else still says which of them goes first, in the run that finds it gone
/// and in the next one.
#[test]
fn what_is_gone_hands_on_what_it_depended_on() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, STACKED);
    cloud.world().safes.retain(|_, safe| safe.name != "table");
    let error = infra_model::ProviderError::new(infra_model::ErrorKind::Denied, "held");
    cloud.world().failing.insert("delete", error);
    let program = bench.program(STACKED);
    for _ in 0..2 {
        let plan = bench.plan(&store, &program, &destroy()).expect("plans");
        let report = bench.apply(&store, &program, &plan);
        // The floor is not even tried while the lamp is there.
        assert_eq!(
            (report.failures.len(), report.skipped.len()),
            (1, 1),
            "{report:?}"
        );
        assert_eq!(report.failures[0].address.to_string(), "test_safe.lamp");
    }
    cloud.world().failing.clear();
    let plan = bench.plan(&store, &program, &destroy()).expect("plans");
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(store.state().is_empty());
}
