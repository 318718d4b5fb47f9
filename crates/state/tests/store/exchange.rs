//! States as bytes, out and in, and the history beside them.

use crate::support::{address, intent, open, options, put, random, resource, run};
use infra_model::{Action, Path};
use infra_state::history::{self, RunResult};
use infra_state::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn key() -> Arc<Keyring> {
    Keyring::with_key(Key::from_bytes([1; 32]), random())
}

fn incoming(bytes: &[u8]) -> Result<Incoming, StateError> {
    Incoming::read(bytes, "copy.json", &key())
}

/// A state of two resources, one of which has a secret, folded.
fn filled(disk: &MemoryStorage) {
    let store = open(disk);
    let secret = StateChange::Put {
        address: address("aws_db_instance.d"),
        resource: ResourceState {
            sensitive_paths: vec![Path::attribute("password")],
            ..resource("d", json!({ "id": "d", "password": "hunter2" }))
        },
        depose: None,
    };
    run(store.apply_changes(vec![put("aws_vpc.a", "vpc-1"), secret])).unwrap();
    run(store.close()).unwrap();
}

fn edited(bytes: &[u8], change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut json: Json = serde_json::from_slice(bytes).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

fn push(disk: &MemoryStorage, bytes: &[u8], force: bool) -> Result<Pushed, StateError> {
    run(open(disk).push(incoming(bytes)?, force, "1"))
}

fn refusal(result: Result<Pushed, StateError>) -> String {
    let error = result.unwrap_err();
    format!("{error}; {}", error.help().unwrap_or_default())
}

#[test]
fn what_is_pulled_is_the_state_with_its_journal_and_no_secret_in_clear() {
    let disk = MemoryStorage::new();
    filled(&disk);
    let store = open(&disk);
    run(store.apply_changes(vec![put("aws_vpc.b", "vpc-2")])).unwrap();
    let bytes = store.pull().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    let pulled = incoming(&bytes).unwrap();
    assert_eq!(pulled.state().resources.len(), 3);
    assert_eq!(pulled.state().resources, store.state().resources);
}

#[test]
fn a_newer_state_is_pushed_and_the_one_before_becomes_the_backup() {
    let disk = MemoryStorage::new();
    filled(&disk);
    let old = open(&disk).pull().unwrap();
    // Something is only in the journal: the backup has it all the same.
    let store = open(&disk);
    run(store.apply_changes(vec![put("aws_vpc.b", "vpc-2")])).unwrap();
    drop(store);
    assert_eq!(push(&disk, &old, true).unwrap(), Pushed::Written(3));
    let state = open(&disk).state();
    assert_eq!((state.serial, state.resources.len()), (3, 2));
    let secret = &state
        .resource(&address("aws_db_instance.d"))
        .unwrap()
        .attributes;
    assert_eq!(
        secret["password"], "hunter2",
        "sealed for this lineage and read back"
    );
    let backup = incoming(&disk.files()["s.json.backup"]).unwrap();
    assert_eq!(backup.state().resources.len(), 3);
    assert!(!disk.files().contains_key("s.journal"));
}

#[test]
fn a_push_that_would_undo_anothers_work_is_refused_unless_forced() {
    let disk = MemoryStorage::new();
    filled(&disk);
    let first = open(&disk).pull().unwrap();
    assert_eq!(push(&disk, &first, false).unwrap(), Pushed::Same);

    let edit = edited(&first, |s| s["serial"] = json!(9));
    assert!(refusal(push(&disk, &edit, false)).contains("it was edited"));

    let store = open(&disk);
    run(store.apply_changes(vec![put("aws_vpc.b", "vpc-2")])).unwrap();
    run(store.close()).unwrap();
    assert!(refusal(push(&disk, &first, false)).contains("it is older: its serial is 1"));
    let second = open(&disk).pull().unwrap();

    let other = MemoryStorage::new();
    filled(&other);
    let foreign = open(&other).pull().unwrap();
    assert!(refusal(push(&disk, &foreign, false)).contains("its lineage is"));

    // The same serial from another history of the same state.
    let fork = MemoryStorage::new();
    assert_eq!(push(&fork, &first, false).unwrap(), Pushed::Written(1));
    let store = open(&fork);
    run(store.apply_changes(vec![put("aws_vpc.c", "vpc-3")])).unwrap();
    run(store.close()).unwrap();
    assert!(refusal(push(&fork, &second, false)).contains("it has the same serial"));

    assert_eq!(push(&fork, &second, true).unwrap(), Pushed::Written(3));
    assert_eq!(push(&disk, &foreign, true).unwrap(), Pushed::Written(3));
    assert_eq!(open(&disk).state().lineage, open(&other).state().lineage);
}

#[test]
fn another_world_and_what_is_no_state_are_never_pushed() {
    let disk = MemoryStorage::new();
    filled(&disk);
    let bytes = open(&disk).pull().unwrap();
    let sandbox = edited(&bytes, |s| s["world"] = json!("sandbox:w1"));
    assert!(refusal(push(&disk, &sandbox, true)).contains("the sandbox world `w1`"));
    assert!(refusal(push(&disk, b"{}", true)).contains("copy.json is no state"));
    let newer = edited(&bytes, |s| s["format"] = json!(99));
    assert!(matches!(
        push(&disk, &newer, true),
        Err(StateError::NewerFormat { found: 99, .. })
    ));
    let tampered = edited(&bytes, |s| {
        let sealed = &mut s["resources"]["aws_db_instance.d"]["attributes"]["password"]["$sealed"];
        *sealed = format!("{}A", sealed.as_str().unwrap().replace(['x', 'y'], "z")).into();
    });
    assert!(push(&disk, &tampered, true).is_err());
}

#[test]
fn operations_of_an_interrupted_run_are_not_lost_to_a_push() {
    let disk = MemoryStorage::new();
    filled(&disk);
    let newer = edited(&open(&disk).pull().unwrap(), |s| s["serial"] = json!(9));
    let store = open(&disk);
    run(store.intent(intent(&store, Action::Create, "aws_vpc.n"))).unwrap();
    drop(store);
    // With its checksum mended it is no edited one.
    let fork = MemoryStorage::new();
    push(&fork, &newer, true).unwrap();
    let whole = open(&fork).pull().unwrap();
    assert!(refusal(push(&disk, &whole, false)).contains("1 operations of an interrupted run"));
    assert_eq!(push(&disk, &whole, true).unwrap(), Pushed::Written(9));
}

#[test]
fn a_push_survives_a_crash_at_every_step() {
    for step in 0.. {
        let disk = MemoryStorage::new();
        filled(&disk);
        let old = incoming(&open(&disk).pull().unwrap()).unwrap();
        let store = open(&disk);
        run(store.apply_changes(vec![put("aws_vpc.b", "vpc-2")])).unwrap();
        disk.set_fault(Some(memory::Fault {
            after: step,
            torn: 0,
            kind: std::io::ErrorKind::Other,
            lasting: true,
        }));
        let pushed = run(store.push(old, true, "1"));
        disk.kill();
        let count = open(&disk).state().resources.len();
        assert!(
            count == 3 || count == 2,
            "either the old or the new one: {count} at {step}"
        );
        if pushed.is_ok() {
            assert_eq!(count, 2);
            assert!(step > 3, "the steps were tried");
            return;
        }
    }
}

#[test]
fn the_history_says_who_did_what_and_passes_over_what_it_cannot_read() {
    let disk = MemoryStorage::new();
    let store = open(&disk);
    let many = (0..history::NAMED + 5).map(|i| ("create", format!("aws_vpc.v[{i}]")));
    let first = store.note_begin("0.1", many).unwrap();
    run(store.apply_changes(vec![put("aws_vpc.a", "vpc-1")])).unwrap();
    run(store.fold()).unwrap();
    let counts = BTreeMap::from([("added".into(), 1)]);
    store.note_end(first, RunResult::Complete, counts).unwrap();
    // A run that is killed has no end; its torn line is passed over.
    store
        .note_begin("0.1", [("delete", "aws_vpc.a".to_owned())])
        .unwrap();
    disk.append("s.history", b"{\"event\":\"ended\",\"run\":\"")
        .unwrap();
    let runs = history::read(&disk, "s").unwrap();
    assert_eq!(runs.len(), 2);
    let began = &runs[0].began;
    assert_eq!(
        (began.who.as_str(), began.serial, began.unnamed),
        ("ana", 0, 5)
    );
    assert_eq!(began.changes["create"].len(), history::NAMED);
    let ended = runs[0].ended.as_ref().unwrap();
    assert_eq!(
        (ended.serial, ended.result, ended.counts["added"]),
        (1, RunResult::Complete, 1)
    );
    assert!(runs[1].ended.is_none());
    assert_eq!(options().who.who, "ana");
    assert!(
        history::read(&MemoryStorage::new(), "s")
            .unwrap()
            .is_empty()
    );
}
