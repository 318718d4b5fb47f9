//! What a person asks the state to do by address.

use crate::support::{address, intent, open, options, resource, run};
use infra_model::{Action, ProviderAddress};
use infra_state::*;
use serde_json::json;
use std::sync::Arc;

/// A state with instances, blocks, modules and components, and who needs whom.
fn filled(disk: &MemoryStorage) -> Store {
    let store = open(disk);
    let needing = |at: &str, needs: &[&str]| StateChange::Put {
        address: address(at),
        resource: ResourceState {
            dependencies: needs.iter().map(|n| n.parse().unwrap()).collect(),
            ..resource(at, json!({ "id": at }))
        },
        depose: None,
    };
    let changes = vec![
        needing("aws_vpc.main", &[]),
        needing("aws_subnet.all[\"a\"]", &["aws_vpc.main"]),
        needing("aws_subnet.all[\"b\"]", &["aws_vpc.main"]),
        needing("aws_eip.one", &["aws_subnet.all[\"a\"]"]),
        needing("aws_eip.two", &["aws_subnet.all"]),
        needing("module.q[\"eu\"].network.main.aws_vpc.this", &[]),
        needing(
            "module.q[\"eu\"].aws_sqs_queue.q",
            &["module.q[\"eu\"].network.main", "aws_vpc.main"],
        ),
        needing("module.q[\"us\"].aws_sqs_queue.q", &[]),
        needing("aws_eip.three", &["module.q", "module.q[\"eu\"]"]),
    ];
    run(store.apply_changes(changes)).unwrap();
    store
}

fn needs(store: &Store, at: &str) -> Vec<String> {
    let state = store.state();
    let found = state
        .resource(&address(at))
        .unwrap_or_else(|| panic!("{at}"));
    found.dependencies.iter().map(ToString::to_string).collect()
}

fn addresses(store: &Store) -> Vec<String> {
    let mut all: Vec<_> = store.read(|s| s.resources.keys().map(ToString::to_string).collect());
    all.sort();
    all
}

/// Moves, and checks that what was written reads back as it is in memory.
fn moved(from: &str, to: &str) -> Store {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    let changes = edit::relocate(&store.state(), from, to).unwrap();
    run(store.apply_changes(changes)).unwrap();
    let (before, names) = (store.state(), addresses(&store));
    drop(store);
    let again = open(&disk);
    assert_eq!(addresses(&again), names);
    assert_eq!(again.state().resources, before.resources, "{from} to {to}");
    again
}

#[test]
fn an_instance_moves_and_those_who_need_it_follow() {
    let store = moved("aws_vpc.main", "aws_vpc.core");
    assert_eq!(needs(&store, "aws_subnet.all[\"b\"]"), ["aws_vpc.core"]);
    let store = moved("aws_subnet.all[\"a\"]", "module.n.aws_subnet.first");
    assert_eq!(needs(&store, "aws_eip.one"), ["module.n.aws_subnet.first"]);
    // What needed all of them needs the one that left too.
    assert_eq!(
        needs(&store, "aws_eip.two"),
        ["aws_subnet.all", "module.n.aws_subnet.first"]
    );
}

#[test]
fn a_block_moves_with_all_its_keys() {
    let store = moved("aws_subnet.all", "module.n.aws_subnet.every");
    let names = addresses(&store);
    assert!(
        names.contains(&"module.n.aws_subnet.every[\"b\"]".to_owned()),
        "{names:?}"
    );
    assert_eq!(
        needs(&store, "aws_eip.one"),
        ["module.n.aws_subnet.every[\"a\"]"]
    );
    assert_eq!(needs(&store, "aws_eip.two"), ["module.n.aws_subnet.every"]);
}

#[test]
fn modules_and_components_move_with_everything_in_them() {
    let store = moved("module.q", "module.outer.module.jobs");
    let inner = "module.outer.module.jobs[\"eu\"].aws_sqs_queue.q";
    assert_eq!(
        needs(&store, inner),
        [
            "module.outer.module.jobs[\"eu\"].network.main",
            "aws_vpc.main"
        ]
    );
    assert_eq!(
        needs(&store, "aws_eip.three"),
        [
            "module.outer.module.jobs",
            "module.outer.module.jobs[\"eu\"]"
        ]
    );
    let store = moved("module.q[\"eu\"]", "module.q[\"de\"]");
    assert_eq!(
        addresses(&store)
            .iter()
            .filter(|a| a.starts_with("module"))
            .collect::<Vec<_>>(),
        [
            "module.q[\"de\"].aws_sqs_queue.q",
            "module.q[\"de\"].network.main.aws_vpc.this",
            "module.q[\"us\"].aws_sqs_queue.q",
        ]
    );
    let store = moved("module.q[\"eu\"].network.main", "network.core");
    assert_eq!(
        needs(&store, "module.q[\"eu\"].aws_sqs_queue.q"),
        ["network.core", "aws_vpc.main"]
    );
}

#[test]
fn what_cannot_move_is_told_with_a_remedy() {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    let cases = [
        (
            "aws_vpc.mian",
            "aws_vpc.x",
            "there is no aws_vpc.mian in the state",
            "did you mean `aws_vpc.main`?",
        ),
        (
            "aws_vpc",
            "aws_vpc.x",
            "is not a resource address",
            "did you mean `aws_vpc.main`?",
        ),
        (
            "module.r",
            "module.x",
            "there is no module.r",
            "did you mean `module.q`?",
        ),
        (
            "aws_vpc.main",
            "aws_subnet.main",
            "a resource keeps its type",
            "",
        ),
        (
            "aws_vpc.main",
            "data.aws_vpc.main",
            "a resource keeps its type",
            "",
        ),
        (
            "aws_vpc.main",
            "aws_vpc",
            "is not a resource address",
            "`infra state list`",
        ),
        (
            "aws_subnet.all",
            "aws_subnet.x[0]",
            "stands for several instances",
            "",
        ),
        ("module.q", "network.q", "a module stays a module", ""),
        (
            "module.q",
            "module.x[\"y\"]",
            "stands for several instances",
            "",
        ),
        (
            "aws_eip.one",
            "aws_eip.two",
            "aws_eip.two is in the state already",
            "infra state rm",
        ),
    ];
    for (from, to, message, help) in cases {
        let error = edit::relocate(&store.state(), from, to).unwrap_err();
        assert!(
            error.to_string().contains(message),
            "{from} to {to}: {error}"
        );
        let remedy = error.help().unwrap_or_default();
        assert!(remedy.contains(help), "{from} to {to}: {remedy}");
    }
}

#[test]
fn what_an_interrupted_run_was_at_work_on_stays_where_it_is() {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    run(store.intent(intent(&store, Action::Update, "aws_vpc.main"))).unwrap();
    let state = store.state();
    for error in [
        edit::relocate(&state, "aws_vpc.main", "aws_vpc.x").unwrap_err(),
        edit::forget(&state, &["aws_vpc.main"]).unwrap_err(),
    ] {
        assert_eq!(error, EditError::Unfinished(address("aws_vpc.main")));
    }
    assert!(edit::forget(&state, &["aws_eip.one"]).is_ok());
}

#[test]
fn forgetting_takes_instances_blocks_and_modules() {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    let changes = edit::forget(&store.state(), &["module.q", "aws_subnet.all[\"a\"]"]).unwrap();
    assert_eq!(changes.len(), 4);
    run(store.apply_changes(changes)).unwrap();
    assert_eq!(addresses(&store).len(), 5);
    assert!(edit::forget(&store.state(), &["aws_vpc.main", "module.q"]).is_err());
}

#[test]
fn a_provider_is_replaced_by_another_configuration_of_it() {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    let provider = |text: &str| text.parse::<ProviderAddress>().unwrap();
    let key = store.new_deposed_key();
    run(store.apply_changes(vec![StateChange::Depose {
        address: address("aws_vpc.main"),
        key: key.clone(),
    }]))
    .unwrap();
    let changes =
        edit::replace_provider(&store.state(), &provider("aws"), &provider("aws.us")).unwrap();
    assert_eq!(changes.len(), 9);
    run(store.apply_changes(changes)).unwrap();
    drop(store);
    let state = open(&disk).state();
    assert!(
        state
            .resources
            .values()
            .all(|r| r.deposed.is_empty() && r.provider == provider("aws.us")
                || r.deposed[&key].provider == provider("aws.us"))
    );
    let gone = edit::replace_provider(&state, &provider("aws"), &provider("aws.eu")).unwrap_err();
    assert_eq!(gone.help().as_deref(), Some("there are aws.us"));
    assert!(edit::replace_provider(&state, &provider("aws.us"), &provider("google")).is_err());
}

#[test]
fn a_taint_is_set_once_and_taken_away() {
    let disk = MemoryStorage::new();
    let store = filled(&disk);
    let changes = edit::taint(&store.state(), "aws_vpc.main", true).unwrap();
    assert_eq!(changes.len(), 1);
    run(store.apply_changes(changes)).unwrap();
    assert!(
        edit::taint(&store.state(), "aws_vpc.main", true)
            .unwrap()
            .is_empty()
    );
    let changes = edit::taint(&store.state(), "aws_vpc.main", false).unwrap();
    run(store.apply_changes(changes)).unwrap();
    assert!(
        !store
            .state()
            .resource(&address("aws_vpc.main"))
            .unwrap()
            .tainted
    );
    assert!(
        edit::taint(&store.state(), "aws_subnet.all", true).is_err(),
        "one instance at a time"
    );
}

#[test]
fn a_lock_is_seen_and_can_be_broken() {
    let disk = MemoryStorage::new();
    let lock = lock_name("s");
    assert_eq!(disk.lock_state(&lock).unwrap(), LockState::Free);
    let store = open(&disk);
    let LockState::Held(Some(holder)) = disk.lock_state(&lock).unwrap() else {
        panic!("it is held");
    };
    assert_eq!(holder.who, "ana");
    disk.break_lock(&lock).unwrap();
    assert_eq!(disk.lock_state(&lock).unwrap(), LockState::Free);
    drop(store);

    let folder = tempfile::tempdir().unwrap();
    let local = LocalStorage::new(folder.path());
    assert_eq!(local.lock_state(&lock).unwrap(), LockState::Free);
    let held = Store::open(Arc::new(LocalStorage::new(folder.path())), "s", options()).unwrap();
    assert!(matches!(local.lock_state(&lock).unwrap(), LockState::Held(Some(h)) if h.who == "ana"));
    local.break_lock(&lock).unwrap();
    let next = Store::open(Arc::new(LocalStorage::new(folder.path())), "s", options()).unwrap();
    drop(held);
    assert!(
        matches!(local.lock_state(&lock).unwrap(), LockState::Held(_)),
        "the old owner's end does not free the new one's lock"
    );
    drop(next);
    assert_eq!(local.lock_state(&lock).unwrap(), LockState::Free);
}
