//! Pools that are replaced or go while their host stays: the new one first where it can be, and what stands on the old one is
//! moved before that goes.

use crate::bench::{Bench, actions};
use crate::cloud::{Cloud, Halt};
use crate::protection::killed;
use infra_engine::{ChangeAction, PlanMode, PlanOptions};
use infra_model::{ErrorKind, ProviderError};
use infra_state::Store;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A house with something in it.
const HOME: &str = r#"
[resource.test_house.home]
name = "home"
[resource.test_safe.inner]
name = "inner"
on = "${test_house.home.id}"
"#;

/// A pool of the house.
fn pool(kind: &str, label: &str, name: &str, content: u32) -> String {
    format!(
        "[resource.{kind}.{label}]\nname = \"{name}\"\ncontent = {content}\non = \"${{test_house.home.id}}\"\n"
    )
}

fn floor(name: &str) -> String {
    format!("{HOME}{}", pool("test_floor", "ground", name, 0))
}

fn settled(text: &str) -> (Bench, Cloud, Store) {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, text);
    cloud.calls();
    (bench, cloud, store)
}

/// Each of these comes after the one before.
fn in_order(calls: &[String], expected: &[&str]) {
    let places: Vec<_> = expected
        .iter()
        .map(|e| calls.iter().position(|c| c.starts_with(e)))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{calls:?}"
    );
}

#[test]
fn the_new_one_is_there_before_the_old_one_is_emptied_and_goes() {
    let (bench, cloud, store) = settled(&floor("oak"));
    bench.settle(&store, &floor("ash"));
    let calls = cloud.calls();
    in_order(&calls, &["create", "vacate floor oak", "delete"]);
    assert_eq!(calls.len(), 3, "{calls:?}");
}

#[test]
fn one_that_has_what_only_one_can_have_goes_first() {
    let cellar =
        |name: &str, content| format!("{HOME}{}", pool("test_cellar", "deep", name, content));
    let (bench, cloud, store) = settled(&cellar("dry", 3));
    bench.settle(&store, &cellar("wet", 3));
    in_order(&cloud.calls(), &["vacate floor dry", "delete", "create"]);
    bench.settle(&store, &cellar("cold", 4));
    in_order(&cloud.calls(), &["create", "vacate floor wet", "delete"]);
}

#[test]
fn what_stands_on_a_host_that_is_away_for_a_while_goes_first() {
    let (bench, cloud, store) = settled(&floor("oak"));
    let moved = floor("oak").replace("name = \"home\"", "name = \"hut\"");
    let moved = moved.replace("name = \"oak\"", "name = \"ash\"");
    let plan = bench.planned(&store, &moved, |_| {});
    let all = actions(&plan);
    let replaced = all
        .iter()
        .filter(|(_, a)| *a == ChangeAction::DeleteThenCreate);
    assert_eq!(replaced.count(), 2, "{all:?}");
    bench.done(&store, &moved, &plan);
    let calls = cloud.calls();
    // Its host goes too: nothing is moved.
    assert!(!calls.iter().any(|c| c.starts_with("vacate")), "{calls:?}");
}

#[test]
fn one_that_goes_for_good_is_emptied_when_the_others_are_there() {
    let (bench, cloud, store) = settled(&floor("oak"));
    let another = format!("{HOME}{}", pool("test_floor", "upper", "ash", 0));
    bench.settle(&store, &another);
    in_order(&cloud.calls(), &["create", "vacate floor oak", "delete"]);
    // Nothing is moved when all goes.
    let program = bench.program(&another);
    let destroy = PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &destroy).expect("plans");
    assert!(bench.apply(&store, &program, &plan).is_complete());
    let calls = cloud.calls();
    assert!(!calls.iter().any(|c| c.starts_with("vacate")), "{calls:?}");
}

#[test]
fn what_cannot_be_moved_keeps_its_pool() {
    let (bench, cloud, store) = settled(&floor("oak"));
    let error = ProviderError::new(ErrorKind::Conflict, "it does not go");
    cloud.world().failing.insert("vacate", error);
    let program = bench.program(&floor("ash"));
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let report = bench.apply(&store, &program, &plan);
    assert_eq!(report.failures.len(), 1, "{report:?}");
    in_order(&cloud.calls(), &["create"]);
    cloud.world().failing.clear();
    bench.settle(&store, &floor("ash"));
    let calls = cloud.calls();
    in_order(&calls, &["vacate floor oak", "delete"]);
    assert_eq!(calls.len(), 2, "{calls:?}");
}

#[test]
fn a_kill_at_any_moment_of_emptying_is_made_good_by_the_next_run() {
    for halt in [
        Halt::Before("vacate"),
        Halt::After("vacate"),
        Halt::Before("delete"),
        Halt::After("delete"),
    ] {
        let (bench, cloud, store) = settled(&floor("oak"));
        let program = bench.program(&floor("ash"));
        bench.runtime.block_on(store.close()).expect("closes");
        killed(&bench, &cloud, &program, &PlanOptions::default(), halt);
        let store = bench.store();
        bench.recover(&store, &program);
        bench.settle(&store, &floor("ash"));
        let world = cloud.world();
        let names: BTreeSet<&str> = world.safes.values().map(|s| &*s.name).collect();
        assert_eq!(names, BTreeSet::from(["ash", "inner"]), "{halt:?}");
    }
}
