//! `-target`, `-exclude` and `-replace`.

use crate::bench::{Bench, actions, addresses, patterns};
use infra_engine::{ChangeAction, PlanMode, PlanOptions, Reason};

#[test]
fn targets_take_their_dependencies_along() {
    let bench = Bench::new();
    let store = bench.store();
    let program = bench.program(
        "
[resource.terraform_data.a]
[resource.terraform_data.b]
input = \"${terraform_data.a.id}\"
[resource.terraform_data.c]
",
    );
    let options = PlanOptions {
        targets: patterns(&["terraform_data.b"]),
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &options).expect("plans");
    assert_eq!(
        actions(&plan),
        [
            ("terraform_data.a".to_owned(), ChangeAction::Create),
            ("terraform_data.b".to_owned(), ChangeAction::Create)
        ]
    );
    assert!(plan.partial);
    assert!(bench.apply(&store, &program, &plan).is_complete());
}

const CHAIN: &str = r#"
[resource.terraform_data.a]
input = "1"
[resource.terraform_data.b]
input = "${terraform_data.a.output}"
[resource.terraform_data.c]
input = "${terraform_data.b.output}"
[resource.terraform_data.d]
for_each = '${toset(["x", "y"])}'
input = "${each.key}"
[outputs.c]
value = "${terraform_data.c.output}"
"#;

fn named(actions: &[(String, ChangeAction)]) -> Vec<&str> {
    actions.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn an_exclusion_takes_what_depends_on_it_along() {
    let bench = Bench::new();
    let store = bench.store();
    let plan = bench.planned(&store, CHAIN, |o| {
        o.excludes = patterns(&["terraform_data.b"]);
    });
    let found = actions(&plan);
    assert_eq!(
        named(&found),
        [
            "terraform_data.a",
            "terraform_data.d[\"x\"]",
            "terraform_data.d[\"y\"]"
        ]
    );
    assert!(plan.partial && !plan.is_complete() && plan.deferred().next().is_none());
    bench.done(&store, CHAIN, &plan);
    // The output refers to what was left out: it is not there yet, and nothing has failed.
    assert_eq!(crate::bench::output(&store, "c"), None);
    let rest = bench.settle(&store, CHAIN);
    let found = actions(&rest);
    assert_eq!(named(&found), ["terraform_data.b", "terraform_data.c"]);
}

#[test]
fn what_is_left_out_keeps_its_value_and_its_record() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, CHAIN);
    let changed = CHAIN.replace("\"1\"", "\"2\"");
    let plan = bench.planned(&store, &changed, |o| {
        o.excludes = patterns(&["terraform_data.b"]);
    });
    assert_eq!(named(&actions(&plan)), ["terraform_data.a"]);
    bench.done(&store, &changed, &plan);
    assert_eq!(
        crate::bench::attribute(&store, "terraform_data.b", "output"),
        "1"
    );
    assert_eq!(
        crate::bench::output(&store, "c"),
        Some(infra_model::Value::from("1"))
    );
    let state = store.state();
    let address = "terraform_data.b".parse().expect("an address");
    let b = state.resource(&address).expect("b");
    assert_eq!(b.dependencies.len(), 1, "{:?}", b.dependencies);
}

#[test]
fn patterns_name_many_at_once() {
    let bench = Bench::new();
    let store = bench.store();
    let targets = |texts: &[&str]| {
        let plan = bench.planned(&store, CHAIN, |o| o.targets = patterns(texts));
        let found = actions(&plan);
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(targets(&["terraform_data.d[*]"]).len(), 2);
    assert_eq!(
        targets(&["terraform_data.d[\"x\"]"]),
        ["terraform_data.d[\"x\"]"]
    );
    assert_eq!(targets(&["terraform_data.*"]).len(), 5);
    assert_eq!(targets(&["**"]).len(), 5);
    assert_eq!(targets(&["*.c"]).len(), 3);
}

#[test]
fn a_name_that_means_nothing_is_refused_with_the_nearest() {
    let bench = Bench::new();
    let store = bench.store();
    let refused = bench.refused(&store, CHAIN, |o| {
        o.targets = patterns(&["terraform_dat.a"]);
    });
    assert!(
        refused.contains("-target=terraform_dat.a names nothing")
            && refused.contains("did you mean `terraform_data.a`?"),
        "{refused}"
    );
    let refused = bench.refused(&store, CHAIN, |o| {
        o.excludes = patterns(&["module.q*"]);
        o.replace = patterns(&["terraform_data.zz"]);
    });
    assert!(
        refused.contains("-exclude=module.q*") && refused.contains("-replace=terraform_data.zz"),
        "{refused}"
    );
    let refused = bench.refused(&store, CHAIN, |o| {
        o.targets = patterns(&["terraform_data.d[\"z\"]"]);
    });
    assert!(refused.contains("names no instance"), "{refused}");
}

#[test]
fn several_are_replaced_as_requested() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, CHAIN);
    let plan = bench.planned(&store, CHAIN, |o| {
        o.replace = patterns(&["terraform_data.a", "terraform_data.d[*]"]);
    });
    let replaced: Vec<String> = plan
        .changes
        .iter()
        .filter(|c| c.reason == Some(Reason::Requested))
        .map(|c| c.address.to_string())
        .collect();
    assert_eq!(
        replaced,
        [
            "terraform_data.a",
            "terraform_data.d[\"x\"]",
            "terraform_data.d[\"y\"]"
        ]
    );
    bench.done(&store, CHAIN, &plan);
}

#[test]
fn destroying_a_target_takes_its_dependents_along_and_an_exclusion_keeps_what_it_needs() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, CHAIN);
    let destroy = |change: &dyn Fn(&mut PlanOptions)| {
        let plan = bench.planned(&store, CHAIN, |o| {
            o.mode = PlanMode::Destroy;
            change(o);
        });
        let mut found: Vec<String> = actions(&plan).into_iter().map(|(n, _)| n).collect();
        found.sort();
        (plan, found)
    };
    let (_, found) = destroy(&|o| o.targets = patterns(&["terraform_data.b"]));
    assert_eq!(found, ["terraform_data.b", "terraform_data.c"]);
    let (plan, found) = destroy(&|o| o.excludes = patterns(&["terraform_data.b"]));
    assert_eq!(
        found,
        [
            "terraform_data.c",
            "terraform_data.d[\"x\"]",
            "terraform_data.d[\"y\"]"
        ],
        "a stays, since b needs it"
    );
    bench.done(&store, CHAIN, &plan);
    assert_eq!(addresses(&store), ["terraform_data.a", "terraform_data.b"]);
}
