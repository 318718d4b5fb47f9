//! Whole lives of small stacks.

use crate::bench::{Bench, actions, output};
use infra_engine::{ChangeAction, Input, PlanMode, PlanOptions, Silent, Stop};
use infra_model::Value;

#[test]
fn instances_use_the_configuration_of_their_key() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[variables.keys]
default = { a = 1, b = 2 }
[clouds.builtin.alias.each]
for_each = "${var.keys}"
[resource.terraform_data.x]
for_each = "${var.keys}"
provider = "builtin.each[each.key]"
input = "${each.value}"
"#;
    bench.settle(&store, text);
    let providers: Vec<String> = store.read(|s| {
        s.resources
            .values()
            .map(|r| r.provider.to_string())
            .collect()
    });
    assert_eq!(providers, ["builtin.each[\"a\"]", "builtin.each[\"b\"]"]);
    let wrong = text.replace("[each.key]", "[upper(each.key)]");
    let program = bench.program(&wrong);
    let refused = bench.plan(&store, &program, &PlanOptions::default());
    let message = format!("{:?}", refused.expect_err("there is no such configuration"));
    assert!(
        message.contains("there is no provider configuration builtin.each[\\\"A\\\"]"),
        "{message}"
    );
    bench.settle(&store, "");
}

#[test]
fn a_stack_is_created_changed_and_destroyed() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.a]
input = "one"
[resource.terraform_data.b]
input = "${terraform_data.a.output}-b"
[outputs.b]
value = "${terraform_data.b.output}"
"#;
    let plan = bench.settle(&store, text);
    assert_eq!(actions(&plan).len(), 2);
    assert_eq!(output(&store, "b"), Some(Value::from("one-b")));
    let plan = bench.settle(&store, &text.replace("one", "two"));
    assert_eq!(
        actions(&plan),
        [
            ("terraform_data.a".to_owned(), ChangeAction::Update),
            ("terraform_data.b".to_owned(), ChangeAction::Update)
        ]
    );
    assert_eq!(output(&store, "b"), Some(Value::from("two-b")));
    let program = bench.program(text);
    let destroy = PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &destroy).expect("plans");
    assert_eq!(plan.summary().destroy, 2);
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(store.state().is_empty());
    assert_eq!(output(&store, "b"), None);
}

#[test]
fn instances_come_and_go_by_key() {
    let bench = Bench::new();
    let store = bench.store();
    let text = |keys: &str| {
        format!(
            r#"
[resource.terraform_data.each]
for_each = '${{toset([{keys}])}}'
input = "${{each.key}}"
[resource.terraform_data.all]
input = '${{join(",", [for k, v in terraform_data.each : v.output])}}'
[outputs.all]
value = "${{terraform_data.all.output}}"
"#
        )
    };
    bench.settle(&store, &text("\"a\", \"b\""));
    assert_eq!(output(&store, "all"), Some(Value::from("a,b")));
    let plan = bench.settle(&store, &text("\"b\", \"c\""));
    let mut seen = actions(&plan);
    seen.sort();
    assert_eq!(
        seen,
        [
            ("terraform_data.all".to_owned(), ChangeAction::Update),
            (
                "terraform_data.each[\"a\"]".to_owned(),
                ChangeAction::Delete
            ),
            (
                "terraform_data.each[\"c\"]".to_owned(),
                ChangeAction::Create
            ),
        ]
    );
    assert_eq!(output(&store, "all"), Some(Value::from("b,c")));
}

#[test]
fn replacement_goes_through_create_before_destroy_where_asked() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.base]
triggers_replace = "1"
[resource.terraform_data.user]
triggers_replace = "${terraform_data.base.id}"
lifecycle = { create_before_destroy = true }
"#;
    bench.settle(&store, text);
    let plan = bench.settle(&store, &text.replace('1', "2"));
    assert_eq!(
        actions(&plan),
        [
            (
                "terraform_data.base".to_owned(),
                ChangeAction::CreateThenDelete
            ),
            (
                "terraform_data.user".to_owned(),
                ChangeAction::CreateThenDelete
            )
        ]
    );
}

#[test]
fn secrets_flow_and_outputs_must_admit_them() {
    let bench = Bench::new();
    let store = bench.store();
    let text = "
[resource.random_password.p]
length = 20
[resource.terraform_data.d]
input = \"${random_password.p.result}\"
";
    bench.settle(&store, text);
    let program = bench.program(&format!(
        "{text}\n[outputs.p]\nvalue = \"${{terraform_data.d.output}}\"\n"
    ));
    let error = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect_err("is refused");
    assert!(
        error.to_string().contains("would show a sensitive value"),
        "{error}"
    );
    let secret = store.read(|s| {
        s.resources.values().find_map(|r| {
            r.attributes
                .get("result")
                .and_then(|v| v.as_str().map(str::to_owned))
        })
    });
    let secret = secret.expect("a password");
    bench.runtime.block_on(store.fold()).expect("folds");
    for (name, bytes) in bench.storage.files() {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&secret),
            "{name} has the secret in clear"
        );
    }
}

#[test]
fn a_stale_plan_is_refused() {
    let bench = Bench::new();
    let store = bench.store();
    let program = bench.program("[resource.terraform_data.a]\n");
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    assert!(bench.apply(&store, &program, &plan).is_complete());
    bench.runtime.block_on(store.fold()).expect("folds");
    let input = Input {
        program: Some(&program),
        store: &store,
    };
    let again = bench
        .runtime
        .block_on(bench.engine.apply(input, &plan, &Silent, &Stop::new()));
    assert!(again.expect_err("is stale").to_string().contains("stale"));
}
