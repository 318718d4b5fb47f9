//! Deletion protection: refused by name, lifted when asked for, safe against a kill between lifting and deleting.

use crate::bench::{Bench, actions};
use crate::cloud::{Cloud, Halt};
use infra_engine::{ChangeAction, Input, PlanMode, PlanOptions, Silent, Stop};
use infra_model::program::Program;
use infra_state::Store;
use std::sync::Arc;

const TWO: &str = r#"
[resource.test_safe.base]
name = "base"
locked = true
[resource.test_safe.top]
name = "top"
on = "${test_safe.base.id}"
"#;

fn bench() -> (Bench, Cloud) {
    let cloud = Cloud::new();
    (Bench::with(vec![Arc::new(cloud.clone())]), cloud)
}

fn destroy(unprotect: bool) -> PlanOptions {
    PlanOptions {
        mode: PlanMode::Destroy,
        unprotect,
        ..PlanOptions::default()
    }
}

/// The message and the help of a refused plan.
fn refusal(bench: &Bench, store: &Store, program: &Program, options: &PlanOptions) -> String {
    let error = bench.plan(store, program, options).expect_err("is refused");
    let infra_engine::EngineError::Invalid(found) = error else {
        panic!("{error}");
    };
    let words = found
        .iter()
        .map(|d| format!("{}\n{}", d.message, d.help.clone().unwrap_or_default()));
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_protected_stack_names_what_is_protected_and_is_not_touched() {
    let (bench, cloud) = bench();
    let store = bench.store();
    bench.settle(&store, TWO);
    let program = bench.program(&format!("[stack]\nname = \"prod\"\nprotect = true\n{TWO}"));
    cloud.calls();
    // Not even what it would read is asked for.
    let error = infra_model::ProviderError::new(infra_model::ErrorKind::Denied, "no");
    cloud.world().failing.insert("read", error);
    let said = refusal(&bench, &store, &program, &destroy(false));
    assert!(said.contains("the stack `prod` is protected"), "{said}");
    assert!(said.contains("test_safe.base (locked)"), "{said}");
    assert!(said.contains("--unprotect"), "{said}");
    assert!(!said.contains("test_safe.top"), "{said}");
}

#[test]
fn a_protected_resource_is_destroyed_only_when_asked_for() {
    let (bench, cloud) = bench();
    let store = bench.store();
    bench.settle(&store, TWO);
    let program = bench.program(TWO);
    let said = refusal(&bench, &store, &program, &destroy(false));
    assert!(
        said.contains(
            "test_safe.base is protected from deletion (locked), and this plan would destroy it"
        ),
        "{said}"
    );
    cloud.calls();
    let plan = bench.plan(&store, &program, &destroy(true)).expect("plans");
    let lifted: Vec<String> = plan
        .changes
        .iter()
        .flat_map(|c| c.lifts.iter().map(move |p| format!("{} {p}", c.address)))
        .collect();
    assert_eq!(lifted, ["test_safe.base locked"]);
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.changed, report.destroyed), (0, 2));
    // As late as possible: what stands on it has gone before.
    assert_eq!(
        cloud.calls(),
        [
            "delete safe-2",
            "update safe-1 locked=false",
            "delete safe-1"
        ]
    );
    assert!(store.state().is_empty());
}

#[test]
fn one_that_the_file_does_not_name_any_more_stays_until_it_is_unlocked() {
    let (bench, cloud) = bench();
    let store = bench.store();
    bench.settle(
        &store,
        "[resource.test_safe.a]\nname = \"a\"\nlocked = true\n",
    );
    let empty = bench.program("");
    let said = refusal(&bench, &store, &empty, &PlanOptions::default());
    assert!(
        said.contains("test_safe.a is protected from deletion (locked)"),
        "{said}"
    );
    assert!(said.contains("`locked = false`"), "{said}");
    // Forgetting it does not delete it.
    let forget = bench.program("[[removed]]\nfrom = \"test_safe.a\"\ndestroy = false\n");
    let plan = bench
        .plan(&store, &forget, &PlanOptions::default())
        .expect("plans");
    assert_eq!(
        actions(&plan),
        [("test_safe.a".to_owned(), ChangeAction::Forget)]
    );
    // The remedy works.
    bench.settle(&store, "[resource.test_safe.a]\nname = \"a\"\n");
    bench.settle(&store, "");
    assert!(cloud.world().safes.is_empty());
}

#[test]
fn a_replacement_needs_the_files_word_or_the_flag() {
    for before in ["false", "true"] {
        let text = |name: &str, locked: bool| {
            format!(
                "[resource.test_safe.a]\nname = \"{name}\"\nlocked = {locked}\nlifecycle = {{ create_before_destroy = {before} }}\n"
            )
        };
        let (bench, cloud) = bench();
        let store = bench.store();
        bench.settle(&store, &text("old", true));
        let program = bench.program(&text("new", true));
        let said = refusal(&bench, &store, &program, &PlanOptions::default());
        assert!(said.contains("this plan would replace it"), "{said}");
        cloud.calls();
        // The file says that it may go.
        bench.settle(&store, &text("new", false));
        let create_first = before == "true";
        let mut expected = [
            "update safe-1 locked=false",
            "delete safe-1",
            "create safe-2",
        ];
        if create_first {
            expected.rotate_right(1);
        }
        assert_eq!(cloud.calls(), expected);
        // The person says so, and the new one is locked again.
        bench.settle(&store, &text("new", true));
        cloud.calls();
        let program = bench.program(&text("third", true));
        let options = PlanOptions {
            unprotect: true,
            ..PlanOptions::default()
        };
        let plan = bench.plan(&store, &program, &options).expect("plans");
        let report = bench.apply(&store, &program, &plan);
        assert!(report.is_complete(), "{report:?}");
        let mut expected = [
            "update safe-2 locked=false",
            "delete safe-2",
            "create safe-3",
        ];
        if create_first {
            expected.rotate_right(1);
        }
        assert_eq!(cloud.calls(), expected);
        let world = cloud.world();
        let left: Vec<bool> = world.safes.values().map(|s| s.locked).collect();
        assert_eq!(left, [true]);
    }
}

/// Runs an apply until the cloud stops in the middle of a call, and dies there.
pub(crate) fn killed(
    bench: &Bench,
    cloud: &Cloud,
    program: &Program,
    options: &PlanOptions,
    halt: Halt,
) {
    let store = bench.store();
    let plan = bench.plan(&store, program, options).expect("plans");
    cloud.world().halt = Some(halt);
    let input = Input {
        program: Some(program),
        store: &store,
    };
    let stop = Stop::new();
    bench.runtime.block_on(async {
        let apply = bench.engine.apply(input, &plan, &Silent, &stop);
        tokio::select! {
            biased;
            () = cloud.halted.notified() => {}
            report = apply => panic!("{halt:?} was not reached: {report:?}"),
        }
    });
    cloud.world().halt = None;
    drop(store);
    bench.storage.kill();
}

#[test]
fn a_kill_at_any_moment_of_lifting_and_deleting_is_made_good_by_the_next_run() {
    let moments = [
        (Halt::Before("update"), true),
        (Halt::After("update"), false),
        (Halt::Before("delete"), false),
        (Halt::After("delete"), false),
    ];
    let text = "[resource.test_safe.a]\nname = \"a\"\nlocked = true\ncontent = 7\n";
    for (halt, lifts_again) in moments {
        let (bench, cloud) = bench();
        {
            let store = bench.store();
            bench.settle(&store, text);
            bench.runtime.block_on(store.close()).expect("closes");
        }
        let program = bench.program(text);
        killed(&bench, &cloud, &program, &destroy(true), halt);
        cloud.calls();
        let store = bench.store();
        assert_eq!(
            store.unfinished().len(),
            1,
            "{halt:?}: its intent was durable"
        );
        let recovered = bench.recover(&store, &program);
        assert!(recovered.pending.is_empty(), "{halt:?}");
        let plan = bench.plan(&store, &program, &destroy(true)).expect("plans");
        let report = bench.apply(&store, &program, &plan);
        assert!(report.is_complete(), "{halt:?}: {report:?}");
        assert!(store.state().is_empty(), "{halt:?}");
        assert!(cloud.world().safes.is_empty(), "{halt:?}");
        let lifted = cloud.calls().iter().any(|c| c.starts_with("update"));
        assert_eq!(lifted, lifts_again, "{halt:?}");
    }
}

#[test]
fn who_thinks_better_of_it_after_a_kill_gets_the_protection_back() {
    let text = "[resource.test_safe.a]\nname = \"a\"\nlocked = true\n";
    let (bench, cloud) = bench();
    {
        let store = bench.store();
        bench.settle(&store, text);
        bench.runtime.block_on(store.close()).expect("closes");
    }
    let program = bench.program(text);
    killed(
        &bench,
        &cloud,
        &program,
        &destroy(true),
        Halt::Before("delete"),
    );
    let store = bench.store();
    bench.recover(&store, &program);
    let plan = bench.settle(&store, text);
    assert_eq!(
        actions(&plan),
        [("test_safe.a".to_owned(), ChangeAction::Update)]
    );
    assert!(cloud.world().safes.values().all(|s| s.locked));
}

#[test]
fn a_leftover_of_a_replacement_is_unlocked_where_it_is() {
    let text = |name: &str| {
        format!(
            "[resource.test_safe.a]\nname = \"{name}\"\nlocked = true\nlifecycle = {{ create_before_destroy = true }}\n"
        )
    };
    let (bench, cloud) = bench();
    {
        let store = bench.store();
        bench.settle(&store, &text("old"));
        bench.runtime.block_on(store.close()).expect("closes");
    }
    let unprotect = PlanOptions {
        unprotect: true,
        ..PlanOptions::default()
    };
    let program = bench.program(&text("new"));
    killed(&bench, &cloud, &program, &unprotect, Halt::Before("update"));
    let store = bench.store();
    bench.recover(&store, &program);
    let said = refusal(&bench, &store, &program, &PlanOptions::default());
    assert!(said.contains("test_safe.a is protected"), "{said}");
    cloud.calls();
    let plan = bench.plan(&store, &program, &unprotect).expect("plans");
    let report = bench.apply(&store, &program, &plan);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(
        cloud.calls(),
        ["update safe-1 locked=false", "delete safe-1"]
    );
    let state = store.state();
    let resource = state.resources.values().next().expect("the new one");
    assert_eq!((&*resource.id, resource.deposed.len()), ("safe-2", 0));
}

#[test]
fn a_protection_that_cannot_be_lifted_leaves_the_object_and_what_it_needs() {
    let (bench, cloud) = bench();
    let store = bench.store();
    let text = "[resource.test_safe.base]\nname = \"base\"\n[resource.test_safe.top]\nname = \"top\"\nlocked = true\non = \"${test_safe.base.id}\"\n";
    bench.settle(&store, text);
    let program = bench.program(text);
    let denied = infra_model::ProviderError::new(infra_model::ErrorKind::Denied, "not yours");
    cloud.world().failing.insert("update", denied);
    let plan = bench.plan(&store, &program, &destroy(true)).expect("plans");
    let report = bench.apply(&store, &program, &plan);
    let failed: Vec<String> = report
        .failures
        .iter()
        .map(|f| format!("{}: {}", f.address, f.error))
        .collect();
    assert_eq!(failed, ["test_safe.top: not yours"]);
    assert_eq!(cloud.world().safes.len(), 2);
    assert!(store.unfinished().is_empty());
}

#[test]
fn what_holds_data_goes_only_when_it_is_named() {
    let (bench, cloud) = bench();
    let store = bench.store();
    let text = |name: &str| {
        format!(
            "[resource.test_safe.a]\nname = \"{name}\"\ncontent = 100\n[resource.test_safe.b]\nname = \"b\"\ncontent = 99\n"
        )
    };
    bench.settle(&store, &text("a"));
    let replaced = bench.program(&text("other"));
    let said = refusal(&bench, &store, &replaced, &PlanOptions::default());
    assert!(
        said.contains("this plan would replace test_safe.a, and what is in it would be lost"),
        "{said}"
    );
    assert!(said.contains("--allow-data-loss 'test_safe.a'"), "{said}");
    assert!(!said.contains("test_safe.b"), "{said}");
    // Naming another one does not help, and forgetting loses nothing.
    let naming = |pattern: &str| PlanOptions {
        data_loss: vec![pattern.parse().expect("a pattern")],
        ..PlanOptions::default()
    };
    let empty = bench.program("");
    let said = refusal(&bench, &store, &empty, &naming("test_safe.b"));
    assert!(said.contains("would destroy test_safe.a"), "{said}");
    let forget = bench.program("[[removed]]\nfrom = \"test_safe.a\"\ndestroy = false\n");
    let plan = bench.plan(&store, &forget, &PlanOptions::default());
    assert!(plan.is_ok(), "{plan:?}");
    // A stack that is there for a while only loses what it likes.
    let passing = bench.program("[stack]\nname = \"s\"\nttl = \"1h\"\n");
    let plan = bench.plan(&store, &passing, &PlanOptions::default());
    assert!(plan.is_ok(), "{plan:?}");
    let plan = bench
        .plan(&store, &empty, &naming("test_safe.*"))
        .expect("plans");
    assert!(bench.apply(&store, &empty, &plan).is_complete());
    assert!(cloud.world().safes.is_empty());
}
