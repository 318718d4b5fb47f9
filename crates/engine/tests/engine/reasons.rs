//! Why something is replaced, through several levels.

use crate::bench::Bench;
use infra_engine::{Plan, Reason};

fn reason(plan: &Plan, address: &str) -> Option<Reason> {
    plan.changes
        .iter()
        .find(|c| c.address.to_string() == address)
        .and_then(|c| c.reason.clone())
}

fn because(plan: &Plan, address: &str) -> (Option<String>, Option<String>) {
    match reason(plan, address) {
        Some(Reason::CannotUpdate { place, because }) => (place, because.map(|b| b.to_string())),
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn a_chain_leads_to_the_line_that_changed() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[locals]
id = "${terraform_data.a.id}"
[resource.terraform_data.a]
triggers_replace = "1"
[resource.terraform_data.b]
triggers_replace = "${local.id}-b"
[resource.terraform_data.c]
triggers_replace = ["x", "${terraform_data.b.id}"]
[resource.terraform_data.d]
lifecycle = { replace_triggered_by = ["terraform_data.c"] }
"#;
    bench.settle(&store, text);
    let plan = bench.settle(&store, &text.replace("\"1\"", "\"2\""));
    let place = |line: u32| Some(format!("stacks/test.toml:{line}"));
    assert_eq!(because(&plan, "terraform_data.a"), (place(5), None));
    assert_eq!(
        because(&plan, "terraform_data.b"),
        (place(7), Some("terraform_data.a".to_owned()))
    );
    assert_eq!(
        because(&plan, "terraform_data.c").1.as_deref(),
        Some("terraform_data.b")
    );
    assert_eq!(
        reason(&plan, "terraform_data.d"),
        Some(Reason::TriggeredBy("terraform_data.c".to_owned()))
    );
}

#[test]
fn an_update_can_be_the_cause() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.a]
input = "1"
[resource.terraform_data.b]
triggers_replace = "${terraform_data.a.output}"
"#;
    bench.settle(&store, text);
    let plan = bench.settle(&store, &text.replace("\"1\"", "\"2\""));
    assert_eq!(
        because(&plan, "terraform_data.b").1.as_deref(),
        Some("terraform_data.a")
    );
}

#[test]
fn triggers_fire_on_what_they_name() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |trigger: &str, first: &str, second: &str| {
        format!(
            r#"
[resource.terraform_data.a]
for_each = '${{{{ x = "{first}", y = "{second}" }}}}'
input = {{ used = "${{each.value}}", other = "${{each.key}}" }}
[resource.terraform_data.b]
lifecycle = {{ replace_triggered_by = ['{trigger}'] }}
"#
        )
    };
    let fires = |trigger: &str| {
        let store = Bench::new();
        let state = store.store();
        store.settle(&state, &text(trigger, "1", "1"));
        let plan = store.planned(&state, &text(trigger, "1", "2"), |_| {});
        reason(&plan, "terraform_data.b").is_some()
    };
    assert!(fires("terraform_data.a"));
    assert!(fires("terraform_data.a[\"y\"]"));
    assert!(!fires("terraform_data.a[\"x\"]"));
    assert!(fires("terraform_data.a[\"y\"].input.used"));
    assert!(!fires("terraform_data.a[\"y\"].input.other"));
    assert!(!fires("terraform_data.a[\"y\"].id"));
    bench.settle(&store, &text("terraform_data.a", "1", "1"));
}

#[test]
fn a_trigger_can_name_the_key_of_each_instance() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.a]
for_each = { x = 1, y = 1 }
input = "${each.value}"
[resource.terraform_data.b]
for_each = '${toset(["x", "y"])}'
lifecycle = { replace_triggered_by = ["terraform_data.a[each.key].output"] }
[resource.terraform_data.c]
count = 2
input = 1
[resource.terraform_data.d]
count = 2
lifecycle = { replace_triggered_by = ["terraform_data.c[count.index]"] }
"#;
    bench.settle(&store, text);
    let plan = bench.settle(&store, &text.replace("y = 1", "y = 2"));
    assert_eq!(reason(&plan, "terraform_data.b[\"x\"]"), None);
    let fired = Some(Reason::TriggeredBy(
        "terraform_data.a[\"y\"].output".to_owned(),
    ));
    assert_eq!(reason(&plan, "terraform_data.b[\"y\"]"), fired);
    // A trigger is a dependency, of each instance on its own.
    let state = store.state();
    let recorded = |address: &str| {
        let address = address.parse().expect("an address");
        let resource = state.resource(&address).expect("in the state");
        resource
            .dependencies
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        recorded("terraform_data.b[\"y\"]"),
        ["terraform_data.a[\"y\"]"]
    );
    assert_eq!(recorded("terraform_data.d[1]"), ["terraform_data.c[1]"]);
}
