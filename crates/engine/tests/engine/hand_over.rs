//! What another resource brings now: forgotten when that one is there, never deleted.

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
