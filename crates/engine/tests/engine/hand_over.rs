//! What another resource brings now: forgotten when that one is there, never deleted. And the way back.

use crate::bench::Bench;
use crate::cloud::Cloud;
use infra_engine::{ChangeAction, PlanMode, PlanOptions, Reason};
use infra_model::program::{HandOver, Program};
use infra_model::{ErrorKind, ProviderError};
use std::sync::Arc;

const BEFORE: &str = "[resource.test_safe.a]\nname = \"a\"\n[resource.test_safe.b]\nname = \"b\"\non = \"${test_safe.a.id}\"\n";
const AFTER: &str = "[resource.test_safe.all]\nname = \"all\"\n";

fn handed_over(bench: &Bench, text: &str) -> Program {
    let block = |name: &str| {
        let address: infra_model::Address = name.parse().expect("an address");
        address.block
    };
    let mut program = bench.program(text);
    let of = |name: &str| HandOver {
        from: block(name),
        to: block("test_safe.all"),
    };
    program.handed_over = vec![of("test_safe.a"), of("test_safe.b")];
    program
}

#[test]
fn what_is_handed_over_is_forgotten_once_the_other_is_there() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, BEFORE);
    cloud.calls();
    let program = handed_over(&bench, AFTER);
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let forgotten = plan.changes.iter().filter(|c| {
        c.action == ChangeAction::Forget && matches!(c.reason, Some(Reason::HandedOver(_)))
    });
    assert_eq!(forgotten.count(), 2);

    // When the other one cannot be made, all stays as it is.
    let error = ProviderError::new(ErrorKind::Denied, "no");
    cloud.world().failing.insert("create", error);
    let report = bench.apply(&store, &program, &plan);
    assert!(!report.is_complete());
    assert_eq!(report.forgotten, 0);
    let there: Vec<String> = store
        .state()
        .resources
        .keys()
        .map(ToString::to_string)
        .collect();
    for kept in ["test_safe.a", "test_safe.b"] {
        assert!(there.iter().any(|a| a == kept), "{there:?}");
    }
    cloud.world().failing.clear();

    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    cloud.calls();
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.forgotten, report.destroyed), (2, 0));
    let calls = cloud.calls();
    assert!(!calls.iter().any(|c| c.starts_with("delete")), "{calls:?}");
    let left: Vec<String> = store
        .state()
        .resources
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, ["test_safe.all"]);
}

/// When everything goes, what was never handed over goes too.
#[test]
fn a_destroy_hands_nothing_over() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, BEFORE);
    let program = handed_over(&bench, AFTER);
    let options = PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &options).expect("plans");
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.destroyed, report.forgotten), (2, 0));
    assert!(store.state().is_empty());
}

/// What has brought `a`, `b` and `c`, and holds data.
const KEPT: &str = "[resource.test_safe.all]\nname = \"keeper\"\non = \"a,b,c\"\ncontent = 150\n";
/// Two of them, and one that it has not brought.
const BACK: &str = "[resource.test_safe.a]\nname = \"a\"\n[resource.test_safe.b]\nname = \"b\"\non = \"${test_safe.a.id}\"\n[resource.test_safe.d]\nname = \"d\"\n";

fn addresses(store: &infra_state::Store) -> Vec<String> {
    let state = store.state();
    let mut all: Vec<String> = state.resources.keys().map(ToString::to_string).collect();
    all.sort();
    all
}

#[test]
fn what_was_brought_is_taken_over_before_its_bringer_goes() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, KEPT);
    cloud.calls();
    let program = bench.program(BACK);
    let look = || bench.plan(&store, &program, &PlanOptions::default());
    // Nothing has to be named, although there is data in it.
    let plan = look().expect("plans");
    let summary = plan.summary();
    assert_eq!((summary.take_over, summary.add), (2, 1));
    assert_eq!((summary.destroy, summary.change), (1, 0));
    let reason = |name: &str| {
        let change = plan.changes.iter().find(|c| c.address.to_string() == name);
        change.and_then(|c| c.reason.clone())
    };
    let all: infra_model::Address = "test_safe.all".parse().expect("an address");
    let taken = Reason::TakenOver {
        by: all,
        differs: Vec::new(),
    };
    assert_eq!(reason("test_safe.a"), Some(taken.clone()));
    assert_eq!(reason("test_safe.b"), Some(taken));
    assert_eq!(reason("test_safe.d"), None);
    assert_eq!(reason("test_safe.all"), Some(Reason::GivenBack));
    // What nobody takes is told of.
    let told: Vec<&str> = plan.diagnostics.iter().map(|d| &*d.message).collect();
    assert!(
        told.iter().any(|m| m.ends_with("make itself: c")),
        "{told:?}"
    );

    // While it cannot be stopped, nothing is taken from it.
    let error = ProviderError::new(ErrorKind::Denied, "no");
    cloud.world().failing.insert("update", error.clone());
    let report = bench.apply(&store, &program, &plan);
    assert!(!report.is_complete());
    let calls = cloud.calls();
    assert!(
        !calls.iter().any(|c| c.starts_with("take over")),
        "{calls:?}"
    );
    assert!(addresses(&store).contains(&"test_safe.all".to_owned()));
    cloud.world().failing.clear();

    // It goes last; when that fails, there is nothing to take over any more, and it is let go of all the same.
    cloud.world().failing.insert("delete", error);
    let plan = look().expect("plans");
    let report = bench.apply(&store, &program, &plan);
    assert_eq!((report.taken_over, report.destroyed), (2, 0));
    let calls = cloud.calls();
    let at = |call: &str| calls.iter().position(|c| c == call);
    assert!(at("stop safe-1") < at("take over a"), "{calls:?}");
    assert!(at("take over a") < at("take over b"), "{calls:?}");
    cloud.world().failing.clear();
    let plan = look().expect("plans");
    assert_eq!((plan.summary().take_over, plan.summary().destroy), (0, 1));
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(cloud.calls(), ["stop safe-1", "let go safe-1"]);
    assert_eq!(
        addresses(&store),
        ["test_safe.a", "test_safe.b", "test_safe.d"]
    );
}

/// Without anything that takes over what it has brought, it is deleted like any other, data and all.
#[test]
fn what_nobody_takes_over_is_lost_only_by_name() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, KEPT);
    let program = bench.program("[resource.test_safe.d]\nname = \"d\"\n");
    let refused = bench.plan(&store, &program, &PlanOptions::default());
    let told = format!("{:?}", refused.expect_err("is refused"));
    assert!(told.contains("test_safe.all"), "{told}");
}

/// A take-over that failed is no object that has to be made anew.
#[test]
fn what_fails_while_it_is_taken_over_is_not_replaced() {
    let cloud = Cloud::new();
    let bench = Bench::with(vec![Arc::new(cloud.clone())]);
    let store = bench.store();
    bench.settle(&store, KEPT);
    let program = bench.program(BACK);
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let error = ProviderError::new(ErrorKind::Failed, "it is not ready");
    cloud.world().failing.insert("create", error);
    let report = bench.apply(&store, &program, &plan);
    assert!(!report.is_complete());
    cloud.world().failing.clear();
    let state = store.state();
    let tainted = |name: &str| {
        let address = name.parse().expect("an address");
        state.resource(&address).map(|r| r.tainted)
    };
    assert_eq!(tainted("test_safe.a"), Some(false));
    assert_eq!(tainted("test_safe.d"), Some(true));
}
