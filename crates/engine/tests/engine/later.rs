//! What is not known before apply waits for a second plan, and what exists stays untouched till then.

use crate::bench::{Bench, actions, addresses, attribute, output, patterns};
use infra_engine::{ChangeAction, HeldReason, PlanMode};
use infra_model::Value;

/// `each` has an instance for each word of what `source` says after apply.
fn text(words: &str) -> String {
    format!(
        r#"
[resource.terraform_data.source]
input = "{words}"
[resource.terraform_data.each]
for_each = '${{toset(split(",", terraform_data.source.output))}}'
input = "${{each.key}}"
[resource.terraform_data.after]
input = '${{join("+", [for e in terraform_data.each : e.output])}}'
[resource.terraform_data.apart]
input = "x"
[outputs.after]
value = "${{terraform_data.after.output}}"
[outputs.apart]
value = "${{terraform_data.apart.output}}"
"#
    )
}

#[test]
fn instances_that_are_not_known_come_in_a_second_plan() {
    let bench = Bench::new();
    let store = bench.store();
    let text = text("a,b");
    let first = bench.planned(&store, &text, |_| {});
    assert_eq!(
        actions(&first),
        [
            ("terraform_data.source".to_owned(), ChangeAction::Create),
            ("terraform_data.apart".to_owned(), ChangeAction::Create),
        ]
    );
    let held: Vec<(String, bool)> = first
        .deferred()
        .map(|h| (h.address.to_string(), h.whole))
        .collect();
    assert_eq!(
        held,
        [
            ("terraform_data.each".to_owned(), true),
            ("terraform_data.after".to_owned(), false)
        ]
    );
    assert!(!first.is_complete() && !first.partial && first.only_creates());
    bench.done(&store, &text, &first);
    assert_eq!(output(&store, "apart"), Some(Value::from("x")));
    assert_eq!(output(&store, "after"), None);
    let second = bench.settle(&store, &text);
    assert_eq!(actions(&second).len(), 3);
    assert_eq!(output(&store, "after"), Some(Value::from("a+b")));
}

#[test]
fn what_exists_and_what_follows_from_it_stays_untouched_till_then() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, &text("a,b"));
    let changed = text("b,c");
    let first = bench.planned(&store, &changed, |_| {});
    assert_eq!(
        actions(&first),
        [("terraform_data.source".to_owned(), ChangeAction::Update)]
    );
    assert!(first.changes.iter().filter(|c| c.untouched).count() == 3);
    bench.done(&store, &changed, &first);
    assert_eq!(attribute(&store, "terraform_data.after", "output"), "a+b");
    assert_eq!(output(&store, "after"), Some(Value::from("a+b")));
    let second = bench.settle(&store, &changed);
    assert_eq!(actions(&second).len(), 3, "{:?}", actions(&second));
    assert_eq!(output(&store, "after"), Some(Value::from("b+c")));
}

#[test]
fn what_goes_waits_for_what_stays_and_needs_it() {
    let bench = Bench::new();
    let store = bench.store();
    let with_base = format!(
        "{}\n[resource.terraform_data.base]\n",
        text("a").replace(
            "input = \"${each.key}\"",
            "input = \"${each.key}\"\ndepends_on = [\"terraform_data.base\"]"
        )
    );
    bench.settle(&store, &with_base);
    let without = text("b");
    let first = bench.planned(&store, &without, |_| {});
    let needed: Vec<String> = first
        .deferred()
        .filter(|h| matches!(h.reason, HeldReason::Needed(_)))
        .map(|h| h.address.to_string())
        .collect();
    assert_eq!(needed, ["terraform_data.base"]);
    bench.done(&store, &without, &first);
    assert!(addresses(&store).contains(&"terraform_data.base".to_owned()));
    bench.settle(&store, &without);
    assert!(!addresses(&store).contains(&"terraform_data.base".to_owned()));
}

#[test]
fn a_count_waits_too_and_a_destroy_waits_for_nothing() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.random_integer.n]
min = 2
max = 2
[resource.terraform_data.counted]
count = "${random_integer.n.result}"
"#;
    let first = bench.planned(&store, text, |_| {});
    assert_eq!(first.deferred().count(), 1);
    bench.done(&store, text, &first);
    let second = bench.settle(&store, text);
    assert_eq!(actions(&second).len(), 2);
    let changed = text.replace("min = 2\nmax = 2", "min = 3\nmax = 3");
    let gone = bench.planned(&store, &changed, |o| o.mode = PlanMode::Destroy);
    assert_eq!(gone.summary().destroy, 3);
    assert!(gone.is_complete());
    bench.done(&store, &changed, &gone);
    assert!(store.state().is_empty());
}

#[test]
fn what_no_plan_makes_known_is_an_error() {
    let bench = Bench::new();
    let store = bench.store();
    let text = "
[resource.terraform_data.other]
[resource.terraform_data.each]
for_each = '${toset([timestamp()])}'
";
    let refused = bench.refused(&store, text, |_| {});
    assert!(
        refused.contains("which instances terraform_data.each has is not known before apply")
            && refused.contains("timestamp()"),
        "{refused}"
    );
}

#[test]
fn what_is_left_out_on_purpose_is_not_for_the_next_plan() {
    let bench = Bench::new();
    let store = bench.store();
    let text = text("a");
    let plan = bench.planned(&store, &text, |o| {
        o.excludes = patterns(&["terraform_data.source"]);
    });
    assert_eq!(
        actions(&plan),
        [("terraform_data.apart".to_owned(), ChangeAction::Create)]
    );
    assert_eq!(plan.deferred().count(), 0);
    bench.done(&store, &text, &plan);
}
