//! Modules: their whole lives, what waits for what, and what moves.

use crate::bench::{Bench, output};
use infra_engine::{EngineError, Plan, PlanMode, PlanOptions, StepKind};
use infra_lang::files::MemoryFiles;
use infra_model::Value;

const MODULE: &str = r#"
[variables.name]
type = "string"
validation = [{ condition = '${length(var.name) < 40}', message = "too long" }]
[variables.more]
default = []
[locals]
label = "${var.name}!"
[resource.terraform_data.it]
input = "${local.label}"
[resource.terraform_data.beside]
input = "x"
[module.inner]
source = "./inner.toml"
value = "${terraform_data.it.output}"
[outputs.label]
value = "${module.inner.value}"
[outputs.name]
value = "${var.name}"
[outputs.secret]
value = "s"
sensitive = true
"#;

const INNER: &str = r#"
[variables.value]
[resource.terraform_data.deep]
input = "${var.value}"
[outputs.value]
value = "${terraform_data.deep.output}"
"#;

fn module_files() -> MemoryFiles {
    MemoryFiles::new([("stacks/m.toml", MODULE), ("stacks/inner.toml", INNER)])
}

#[test]
fn modules_are_planned_applied_and_read_by_their_outputs() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.first]
input = "eu"
[module.m]
source = "./m.toml"
for_each = { a = "${terraform_data.first.output}", b = "us" }
name = "${each.value}"
[outputs.labels]
value = '${[for k, m in module.m : "${k}=${m.label}"]}'
[outputs.b]
value = '${module.m["b"].label}'
[outputs.names]
value = '${values(module.m)[*].name}'
"#;
    let plan = bench.settle_with(&store, text, module_files());
    assert_eq!(plan.summary().add, 7);
    assert_eq!(output(&store, "b"), Some(Value::from("us!")));
    let labels = Value::tuple(vec!["a=eu!".into(), "b=us!".into()]);
    assert_eq!(output(&store, "labels"), Some(labels));
    let names = Value::tuple(vec!["eu".into(), "us".into()]);
    assert_eq!(output(&store, "names"), Some(names));
    // What a module's instance depends on is what its inputs touch.
    let depends = |address: &str| {
        let state = store.state();
        let address: infra_model::Address = address.parse().expect("an address");
        let found = state.resource(&address).expect("in the state");
        let names = found.dependencies.iter().map(ToString::to_string);
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        depends("module.m[\"a\"].terraform_data.it"),
        ["terraform_data.first"]
    );
    assert!(depends("module.m[\"b\"].terraform_data.it").is_empty());
    assert_eq!(
        depends("module.m[\"b\"].module.inner.terraform_data.deep"),
        ["module.m[\"b\"].terraform_data.it"]
    );
    // One instance goes, the other stays as it is.
    let plan = bench.settle_with(
        &store,
        &text
            .replace(", b = \"us\"", "")
            .replace("module.m[\"b\"].label", "1"),
        module_files(),
    );
    assert_eq!(plan.summary().destroy, 3);
    assert_eq!(plan.summary().add, 0);
}

#[test]
fn modules_wait_and_are_waited_for_as_a_whole() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.before]
input = "b"
[module.m]
source = "./m.toml"
name = "n"
depends_on = ["terraform_data.before"]
[resource.terraform_data.after]
count = 3
input = "a"
depends_on = ["module.m"]
"#;
    let program = bench.program_with(text, module_files());
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    let step_of = |address: &str| {
        let change = plan
            .changes
            .iter()
            .position(|c| c.address.to_string() == address);
        let change = change.unwrap_or_else(|| panic!("{address} is planned"));
        plan.steps
            .iter()
            .position(|s| s.kind.change() == Some(change))
            .expect("it has a step")
    };
    fn needs(plan: &Plan, step: usize, wanted: usize) -> bool {
        let mut stack = vec![step];
        while let Some(at) = stack.pop() {
            if at == wanted {
                return true;
            }
            stack.extend(plan.steps[at].needs.iter().map(|n| *n as usize));
        }
        false
    }
    let (before, after) = (
        step_of("terraform_data.before"),
        step_of("terraform_data.after[0]"),
    );
    for inside in ["it", "beside", "module.inner.terraform_data.deep"] {
        let inside = if inside.contains('.') {
            format!("module.m.{inside}")
        } else {
            format!("module.m.terraform_data.{inside}")
        };
        let inside = step_of(&inside);
        assert!(needs(&plan, after, inside) && needs(&plan, inside, before));
    }
    // Three that wait for three meet in one junction.
    let junctions = plan
        .steps
        .iter()
        .filter(|s| matches!(s.kind, StepKind::Junction(_)));
    assert_eq!(junctions.count(), 1);
    assert!(bench.apply(&store, &program, &plan).is_complete());
    let state = store.state();
    let address = "terraform_data.after[1]".parse().expect("an address");
    let recorded = &state.resource(&address).expect("in the state").dependencies;
    assert_eq!(
        recorded.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["module.m"]
    );
    // And on the way back what depends on the module goes first.
    let destroy = PlanOptions {
        mode: PlanMode::Destroy,
        ..PlanOptions::default()
    };
    let plan = bench.plan(&store, &program, &destroy).expect("plans");
    let step_of = |address: &str| {
        let change = plan
            .changes
            .iter()
            .position(|c| c.address.to_string() == address);
        plan.steps
            .iter()
            .position(|s| s.kind.change() == change && change.is_some())
            .expect("a step")
    };
    assert!(needs(
        &plan,
        step_of("module.m.terraform_data.beside"),
        step_of("terraform_data.after[2]")
    ));
    assert!(bench.apply(&store, &program, &plan).is_complete());
    assert!(store.state().is_empty());
}

#[test]
fn resources_move_into_modules_and_modules_move() {
    let bench = Bench::new();
    let store = bench.store();
    bench.settle(&store, "[resource.terraform_data.old]\ninput = \"n!\"");
    let call = "[module.m]\nsource = \"./m.toml\"\nname = \"n\"\n";
    let moved = |from: &str, to: &str| format!("[[moved]]\nfrom = '{from}'\nto = '{to}'\n");
    let text = format!(
        "{call}{}",
        moved("terraform_data.old", "module.m.terraform_data.it")
    );
    let plan = bench.settle_with(&store, &text, module_files());
    assert_eq!((plan.summary().add, plan.summary().destroy), (2, 0));
    // The whole module gets a key, and then another name.
    let text = format!(
        "{}{}",
        call.replace("name", "for_each = { k = 1 }\nname"),
        moved("module.m", "module.m[\"k\"]")
    );
    let plan = bench.settle_with(&store, &text, module_files());
    assert_eq!((plan.summary().add, plan.summary().destroy), (0, 0));
    let text = text.replace("module.m]", "module.n]") + &moved("module.m", "module.n");
    let plan = bench.settle_with(&store, &text, module_files());
    assert_eq!((plan.summary().add, plan.summary().destroy), (0, 0));
    let state = store.state();
    let addresses: Vec<String> = state.resources.keys().map(ToString::to_string).collect();
    assert!(
        addresses.iter().all(|a| a.starts_with("module.n[\"k\"].")),
        "{addresses:?}"
    );
    // Removed without being destroyed.
    let plan = bench.settle(&store, "[[removed]]\nfrom = \"module.n\"\ndestroy = false");
    assert_eq!(plan.summary().forget, 3);
    assert_eq!(plan.summary().destroy, 0);
    assert!(store.state().resources.is_empty());
}

#[test]
fn conditions_on_module_variables_hold_when_their_values_are_known() {
    let bench = Bench::new();
    let store = bench.store();
    let text = r#"
[resource.terraform_data.long]
input = '${join("", [for i in range(60) : "x"])}'
[module.m]
source = "./m.toml"
name = "${terraform_data.long.output}"
"#;
    let program = bench.program_with(text, module_files());
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("not known yet");
    let report = bench.apply(&store, &program, &plan);
    assert!(!report.is_complete());
    let addresses = store.state();
    assert_eq!(
        addresses.resources.len(),
        2,
        "what the variable does not touch is made"
    );
    let Err(EngineError::Invalid(found)) = bench.plan(&store, &program, &PlanOptions::default())
    else {
        panic!("it is known now");
    };
    let about = found
        .iter()
        .find(|d| d.message == "the value of `name` is refused: too long");
    assert_eq!(about.and_then(|d| d.address.as_deref()), Some("module.m"));
}

#[test]
fn a_thousand_instances_of_a_module_plan_quickly() {
    use std::fmt::Write as _;
    let mut module = String::from("[variables.n]\n[locals]\nx = \"${var.n}\"\n");
    for i in 0..10 {
        let _ = write!(
            module,
            "[resource.terraform_data.r{i}]\ninput = \"${{local.x}}\"\n"
        );
    }
    module.push_str("[outputs.o]\nvalue = \"${terraform_data.r0.output}\"\n");
    let text = r#"
[module.m]
source = "./m.toml"
count = 1000
n = "${count.index}"
[resource.terraform_data.after]
count = 100
input = "${module.m[count.index].o}"
depends_on = ["module.m"]
"#;
    let bench = Bench::new();
    let store = bench.store();
    let program = bench.program_with(text, MemoryFiles::new([("stacks/m.toml", &*module)]));
    let started = std::time::Instant::now();
    let plan = bench
        .plan(&store, &program, &PlanOptions::default())
        .expect("plans");
    assert_eq!(plan.summary().add, 10_100);
    let edges: usize = plan.steps.iter().map(|s| s.needs.len()).sum();
    assert!(edges < 25_000, "{edges} edges");
    // Generous: a debug build on a busy machine. Anything quadratic takes minutes.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn what_is_protected_stays_when_its_module_instance_goes() {
    let bench = Bench::new();
    let store = bench.store();
    let module = |protect: &str| {
        format!(
            "[variables.on]\ntype = \"bool\"\ndefault = true\n[resource.terraform_data.a]\ninput = 1\nlifecycle = {{ prevent_destroy = {protect} }}\n"
        )
    };
    let text = |keys: &str| {
        format!("[module.m]\nsource = \"./m.toml\"\nfor_each = '${{toset({keys})}}'\n")
    };
    let files = |module: &str| MemoryFiles::new([("stacks/m.toml", module)]);
    bench.settle_with(&store, &text(r#"["x", "y"]"#), files(&module("true")));
    let less = text(r#"["x"]"#);
    let plan = |module: &str| {
        let program = bench.program_with(&less, files(module));
        bench.plan(&store, &program, &infra_engine::PlanOptions::default())
    };
    for (protect, help) in [
        ("true", "take prevent_destroy away first"),
        ("\"${var.on}\"", "it counts as true"),
    ] {
        let error = plan(&module(protect)).expect_err("is protected");
        let infra_engine::EngineError::Invalid(problems) = error else {
            panic!("{error}");
        };
        assert_eq!(
            problems[0].message,
            "module.m[\"y\"].terraform_data.a has prevent_destroy, and this plan would destroy it"
        );
        assert!(
            problems[0]
                .help
                .as_deref()
                .is_some_and(|h| h.contains(help)),
            "{problems:?}"
        );
    }
    assert!(plan(&module("false")).is_ok());
    // Also when all its instances go at once, but not when it is no longer called.
    let program = |text: &str| bench.program_with(text, files(&module("true")));
    let plan = |text: &str| bench.plan(&store, &program(text), &PlanOptions::default());
    let error = plan(&text("[]")).expect_err("is protected");
    let EngineError::Invalid(problems) = error else {
        panic!("{error}");
    };
    let about: Vec<&str> = problems.iter().map(|d| &*d.message).collect();
    let refusal = |key: &str| {
        format!(
            "module.m[\"{key}\"].terraform_data.a has prevent_destroy, and this plan would destroy it"
        )
    };
    assert_eq!(about, [refusal("x"), refusal("y")]);
    assert!(plan("").is_ok());
}

#[test]
fn validations_in_modules_take_text_for_a_condition() {
    let bench = Bench::new();
    let store = bench.store();
    let module = "[variables.on]\ntype = \"string\"\nvalidation = [{ condition = \"${var.on}\", message = \"It is off.\" }]\n[resource.terraform_data.a]\ninput = \"${var.on}\"\n";
    let text = |on: &str| {
        format!(
            "[resource.terraform_data.on]\ninput = \"{on}\"\n[module.m]\nsource = \"./m.toml\"\non = \"${{terraform_data.on.output}}\"\n"
        )
    };
    let files = || MemoryFiles::new([("stacks/m.toml", module)]);
    bench.settle_with(&store, &text("true"), files());
    // Known while planning, because it is in the state; and only when applying.
    let off = bench.program_with(&text("false"), files());
    let plan = bench.plan(&store, &off, &infra_engine::PlanOptions::default());
    let report = bench.apply(&store, &off, &plan.expect("not known yet"));
    let told = format!("{report:?}");
    assert!(
        told.contains("the value of `on` is refused: It is off."),
        "{told}"
    );
    let again = bench.plan(&store, &off, &infra_engine::PlanOptions::default());
    let told = again.expect_err("is refused").to_string();
    assert!(
        told.contains("the value of `on` is refused: It is off."),
        "{told}"
    );
}
