//! Files that are torn, damaged, folded twice, of something else, or on a full disk.

use crate::support::*;
use infra_model::{Action, Timestamp};
use infra_state::*;
use serde_json::json;
use std::sync::Arc;

#[test]
fn a_torn_tail_is_cut_and_kept() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.a", "1")])
            .await
            .unwrap();
        drop(store);
        disk.kill();
        let whole = disk.files()["s.journal"].clone();
        disk.put("s.journal", &[&whole[..], b"0badc0de {\"seq\":4,"].concat());
        disk.clear_log();
        let store = open(&disk);
        assert_eq!(
            disk.log(),
            [
                "write s.journal.torn-2",
                "truncate s.journal",
                "sync s.journal"
            ]
        );
        assert_eq!(disk.files()["s.journal"], whole);
        assert_eq!(disk.files()["s.journal.torn-2"], b"0badc0de {\"seq\":4,");
        store
            .apply_changes(vec![put("terraform_data.b", "2")])
            .await
            .unwrap();
        drop(store);
        disk.kill();
        assert_eq!(open(&disk).state().resources.len(), 2);
    });
}

#[test]
fn what_is_damaged_is_refused_and_left_alone() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.a", "1")])
            .await
            .unwrap();
        store.fold().await.unwrap();
        store
            .apply_changes(vec![put("terraform_data.b", "1")])
            .await
            .unwrap();
        store.fold().await.unwrap();
        for i in 0..3 {
            store
                .apply_changes(vec![put("terraform_data.c", &i.to_string())])
                .await
                .unwrap();
        }
    });
    disk.kill();
    let good = disk.files();
    let line = |name: &str, n: usize| {
        good[name]
            .split_inclusive(|b| *b == b'\n')
            .take(n)
            .map(<[u8]>::len)
            .sum::<usize>()
    };
    let flip = |name: &str, at: usize| {
        let mut bytes = good[name].clone();
        bytes[at] ^= 1;
        (name.to_owned(), Some(bytes))
    };
    let cases = [
        (
            "snapshot",
            flip("s.json", good["s.json"].len() / 2),
            None,
            "checksum",
        ),
        ("snapshot's checksum", flip("s.json", 40), None, "checksum"),
        (
            "snapshot, edited",
            ("s.json".to_owned(), Some(b"{\"format\": 1}".to_vec())),
            None,
            "no checksum",
        ),
        ("journal header", flip("s.journal", 3), Some(0), "header"),
        (
            "a durable record",
            flip("s.journal", line("s.journal", 1) + 30),
            Some(line("s.journal", 1)),
            "safely on disk",
        ),
        ("snapshot gone", ("s.json".to_owned(), None), None, "gone"),
        (
            "an older snapshot",
            ("s.json".to_owned(), Some(good["s.json.backup"].clone())),
            None,
            "another snapshot",
        ),
        (
            "an empty journal",
            ("s.journal".to_owned(), Some(Vec::new())),
            Some(0),
            "header",
        ),
    ];
    for (what, (name, bytes), offset, words) in cases {
        let broken = MemoryStorage::new();
        for (file, contents) in &good {
            broken.put(file, contents);
        }
        match &bytes {
            Some(bytes) => broken.put(&name, bytes),
            None => broken.remove(&name).unwrap(),
        }
        broken.clear_log();
        let error = Store::open(Arc::new(broken.clone()), "s", options())
            .err()
            .expect(what);
        let StateError::Corrupted { offset: found, .. } = &error else {
            panic!("{what}: {error}");
        };
        assert_eq!(*found, offset.map(|o| o as u64), "{what}");
        assert!(error.to_string().contains(words), "{what}: {error}");
        assert!(
            error
                .help()
                .is_some_and(|h| h.contains("s.json") || h.contains("s.journal")),
            "{what}"
        );
        assert_eq!(broken.log(), [""; 0], "{what}: nothing is written");
    }
    // With the journal gone too, the state file that is missing was lost all the same.
    let lost = MemoryStorage::new();
    lost.put("s.json.backup", &good["s.json.backup"]);
    let error = Store::open(Arc::new(lost), "s", options())
        .err()
        .expect("lost");
    assert!(error.to_string().contains("gone"), "{error}");
}

#[test]
fn folding_again_is_harmless() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.a", "1")])
            .await
            .unwrap();
        let begun = intent(&store, Action::Create, "aws_vpc.main");
        store.intent(begun).await.unwrap();
        let journal = disk.files()["s.journal"].clone();
        store.close().await.unwrap();
        let folded = disk.files()["s.json"].clone();
        // The removal of the journal was lost in a crash.
        disk.put("s.journal", &journal);
        let store = open(&disk);
        let state = store.state();
        assert_eq!(
            (state.resources.len(), state.unfinished.len(), state.serial),
            (1, 1, 1)
        );
        store.close().await.unwrap();
        assert_eq!(disk.files()["s.json"], folded);
        // New records take the place of the old journal.
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.b", "1")])
            .await
            .unwrap();
        store.close().await.unwrap();
        assert_eq!(open(&disk).state().resources.len(), 2);
    });
}

#[test]
fn the_state_of_something_else_is_refused() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.a", "1")])
            .await
            .unwrap();
        let journal_only = disk.files();
        store.close().await.unwrap();
        for files in [journal_only, disk.files()] {
            let disk = MemoryStorage::new();
            for (name, bytes) in &files {
                disk.put(name, bytes);
            }
            let with = |change: fn(&mut OpenOptions)| {
                let mut options = options();
                change(&mut options);
                Store::open(Arc::new(disk.clone()), "s", options)
            };
            let foreign = with(|o| o.stack_file = "other/s.toml".into())
                .err()
                .expect("foreign");
            assert!(matches!(foreign, StateError::Foreign { .. }), "{foreign}");
            let world = with(|o| o.world = World::Sandbox("w".into()))
                .err()
                .expect("wrong world");
            assert!(matches!(world, StateError::WrongWorld { .. }), "{world}");
        }
        let store = Store::open(
            Arc::new(disk.clone()),
            "s",
            OpenOptions {
                stack_file: "moved/s.toml".into(),
                accept_moved: true,
                ..options()
            },
        )
        .unwrap();
        store.close().await.unwrap();
        assert!(matches!(
            Store::open(Arc::new(disk.clone()), "s", options()),
            Err(StateError::Foreign { .. })
        ));

        let newer = String::from_utf8(disk.files()["s.json"].clone()).unwrap();
        disk.put(
            "s.json",
            newer
                .replacen("\"format\": 1", "\"format\": 2", 1)
                .replacen("\"serial\"", "\"version\"", 1)
                .as_bytes(),
        );
        let error = Store::open(Arc::new(disk.clone()), "s", options())
            .err()
            .expect("newer");
        assert!(
            matches!(error, StateError::NewerFormat { found: 2, .. }),
            "{error}"
        );
    });
}

#[test]
fn a_full_disk_stops_what_would_begin_and_loses_nothing() {
    for fails in 0..8 {
        let disk = MemoryStorage::new();
        run(async {
            let store = open(&disk);
            begin_and(
                &store,
                Action::Create,
                "aws_vpc.main",
                Outcome::Created(resource("v1", json!({}))),
            )
            .await;
            disk.set_fault(Some(memory::Fault {
                after: fails,
                torn: 25,
                lasting: false,
                kind: std::io::ErrorKind::StorageFull,
            }));
            let mut begun = Vec::new();
            for i in 0..3 {
                let intent = intent(&store, Action::Create, &format!("aws_subnet.s[{i}]"));
                let operation = intent.operation.clone();
                match store.intent(intent).await {
                    Err(error) => {
                        assert!(error.is_disk_full() && error.help().is_some(), "{error}");
                    }
                    Ok(()) => {
                        begun.push(i);
                        // An error here says that it is only in memory.
                        let made = Outcome::Created(resource(&format!("s{i}"), json!({})));
                        let _ = store.outcome(&operation, made).await;
                    }
                }
            }
            let expected = begun.len() + 1;
            assert_eq!(store.state().resources.len(), expected, "fault {fails}");
            assert!(store.unfinished().is_empty(), "fault {fails}");
            if store.fold().await.is_err() {
                store.fold().await.expect("there is room again");
            }
            drop(store);
            disk.kill();
            let state = open(&disk).state();
            assert_eq!(state.resources.len(), expected, "fault {fails}");
            assert!(state.unfinished.is_empty(), "fault {fails}");
        });
    }
}

#[test]
fn messages_say_who_where_and_when() {
    let error = StateError::Locked {
        file: "s.lock".into(),
        info: Some(LockInfo {
            who: "ana: infra apply".into(),
            place: "laptop, process 7".into(),
            since: Timestamp(1_700_000_000_000),
        }),
    };
    assert_eq!(
        error.to_string(),
        "the state is locked by ana: infra apply on laptop, process 7 since 2023-11-14T22:13:20Z"
    );
}
