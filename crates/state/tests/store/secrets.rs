//! Sensitive values: never on disk in clear, readable with their key, kept without it, and useless elsewhere.

use crate::support::*;
use infra_model::{Action, Path, Value};
use infra_state::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const SECRET: &str = "correct horse battery staple";

fn secret_resource(id: &str) -> ResourceState {
    ResourceState {
        sensitive_paths: vec![Path::attribute("password")],
        ..resource(id, json!({"password": SECRET, "name": "db"}))
    }
}

fn assert_no_secret(disk: &MemoryStorage) {
    for (name, bytes) in disk.files() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("horse"), "in {name}: {text}");
    }
}

fn with_keyring(disk: &MemoryStorage, keyring: Arc<Keyring>) -> Result<Store, StateError> {
    Store::open(
        Arc::new(disk.clone()),
        "s",
        OpenOptions {
            keyring,
            ..options()
        },
    )
}

/// A state with a secret everywhere that one can be: current, deposed, output, planned and prior values; in snapshot, journal
/// and backup.
async fn fill(disk: &MemoryStorage) {
    let store = open(disk);
    for round in 0..3 {
        let mut first = intent(&store, Action::Create, "aws_db_instance.a");
        first.planned = json!({"password": SECRET});
        first.sensitive_paths = vec![Path::attribute("password")];
        first.prior = Some(json!({"password": SECRET, "old": 1}));
        first.prior_sensitive_paths = first.sensitive_paths.clone();
        first.deposed = Some(DeposedKey(format!("k{round}").into()));
        let mut second = intent(
            &store,
            Action::Create,
            &format!("aws_db_instance.b[{round}]"),
        );
        second.planned = first.planned.clone();
        second.sensitive_paths = first.sensitive_paths.clone();
        let operation = first.operation.clone();
        store.intent(first).await.unwrap();
        store.intent(second).await.unwrap();
        assert_no_secret(disk);
        store
            .outcome(
                &operation,
                Outcome::Created(secret_resource(&format!("db{round}"))),
            )
            .await
            .unwrap();
        let value = Value::object([("dsn", Value::from(SECRET).sensitive())]);
        let output = OutputState::new("dsn", &value, false).unwrap();
        assert!(output.sensitive);
        store
            .apply_changes(vec![StateChange::Output {
                name: "dsn".into(),
                output: Some(output),
            }])
            .await
            .unwrap();
        assert_no_secret(disk);
        if round < 2 {
            store.fold().await.unwrap();
            assert_no_secret(disk);
        }
    }
    drop(store);
    disk.kill();
}

fn assert_readable(state: &State) {
    let found = state.resource(&address("aws_db_instance.a")).unwrap();
    assert_eq!(found.attributes["password"], SECRET);
    assert_eq!(found.deposed.len(), 2);
    assert!(
        found
            .deposed
            .values()
            .all(|d| d.attributes["password"] == SECRET)
    );
    assert_eq!(
        state.outputs["dsn"].value.get("dsn"),
        Some(&Value::from(SECRET))
    );
    assert!(
        state
            .unfinished
            .values()
            .all(|u| u.intent.planned["password"] == SECRET)
    );
    assert!(!state.is_sealed());
}

#[test]
fn secrets_are_never_written_in_clear() {
    let disk = MemoryStorage::new();
    run(async {
        fill(&disk).await;
        let store = open(&disk);
        assert_readable(&store.state());
        store.close().await.unwrap();
        assert_no_secret(&disk);
        assert_readable(&open(&disk).state());
    });
}

#[test]
fn without_the_key_the_rest_stays_readable_and_nothing_is_lost() {
    for keyring in [
        || Keyring::without_key(random()),
        || Keyring::with_key(Key::from_bytes([2; 32]), random()),
    ] {
        let disk = MemoryStorage::new();
        run(async {
            fill(&disk).await;
            let store = with_keyring(&disk, keyring()).unwrap();
            let state = store.state();
            let found = state.resource(&address("aws_db_instance.a")).unwrap();
            assert_eq!(found.attributes["name"], "db");
            assert!(found.is_sealed() && state.is_sealed());
            assert!(state.outputs["dsn"].is_sealed() && state.outputs["dsn"].value.is_unknown());
            let moved = StateChange::Move {
                from: address("aws_db_instance.a"),
                to: address("aws_db_instance.c"),
            };
            let error = store
                .apply_changes(vec![moved])
                .await
                .expect_err("it cannot be bound anew");
            assert!(
                matches!(
                    error,
                    StateError::KeyMissing { .. } | StateError::WrongKey { .. }
                ),
                "{error}"
            );
            assert!(error.help().is_some_and(|h| h.contains("INFRA_STATE_KEY")));
            // Other work goes on, and what is sealed is written as it was.
            store
                .apply_changes(vec![put("terraform_data.x", "1")])
                .await
                .unwrap();
            store.close().await.unwrap();
            let store = open(&disk);
            assert_readable(&store.state());
            assert!(
                store
                    .state()
                    .resource(&address("terraform_data.x"))
                    .is_some()
            );
        });
    }
}

#[test]
fn a_move_binds_secrets_to_their_new_place() {
    let disk = MemoryStorage::new();
    run(async {
        fill(&disk).await;
        let store = open(&disk);
        let (from, to) = (
            address("aws_db_instance.a"),
            address("module.m.aws_db_instance.a"),
        );
        store
            .apply_changes(vec![StateChange::Move {
                from,
                to: to.clone(),
            }])
            .await
            .unwrap();
        drop(store);
        disk.kill();
        assert_no_secret(&disk);
        // Replayed and folded by someone without the key: what was moved is bound to its new address already.
        let keyless = with_keyring(&disk, Keyring::without_key(random())).unwrap();
        keyless.close().await.unwrap();
        let state = open(&disk).state();
        let found = state.resource(&to).unwrap();
        assert_eq!(found.attributes["password"], SECRET);
        assert!(
            found
                .deposed
                .values()
                .all(|d| d.attributes["password"] == SECRET)
        );
    });
}

#[test]
fn a_value_put_in_anothers_place_is_noticed() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        for name in ["a", "b"] {
            let change = StateChange::Put {
                address: address(&format!("aws_db_instance.{name}")),
                resource: secret_resource(name),
                depose: None,
            };
            store.apply_changes(vec![change]).await.unwrap();
        }
        drop(store);
        disk.kill();
        // A journal whose checksums someone took care to get right.
        let text = String::from_utf8(disk.files()["s.journal"].clone()).unwrap();
        let mut out = String::new();
        let mut prev = String::new();
        for line in text.lines() {
            let (checksum, payload) = line.split_once(' ').unwrap();
            let mut payload = payload.replace("aws_db_instance.b", "aws_db_instance.c");
            if let Some(at) = payload.find("\"prev\":\"") {
                payload.replace_range(at + 8..at + 16, &prev);
            }
            prev = format!("{:08x}", crc32fast::hash(payload.as_bytes()));
            assert_eq!(prev.len(), checksum.len());
            out.push_str(&format!("{prev} {payload}\n"));
        }
        disk.put("s.journal", out.as_bytes());
        let error = with_keyring(&disk, options().keyring)
            .err()
            .expect("noticed");
        assert!(matches!(error, StateError::Tampered { .. }), "{error}");
        assert!(with_keyring(&disk, Keyring::without_key(random())).is_ok());
    });
}

/// Counts how often it is asked, and keeps the key that it makes.
#[derive(Clone, Default)]
struct Source {
    asked: Arc<AtomicU32>,
    made: Arc<AtomicU32>,
}

impl KeySource for Source {
    fn existing(&self) -> Result<Option<Key>, StateError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok((self.made.load(Ordering::Relaxed) > 0).then(|| Key::from_bytes([9; 32])))
    }
    fn create(&self) -> Result<Key, StateError> {
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(Key::from_bytes([9; 32]))
    }
}

#[test]
fn the_key_is_asked_for_by_the_first_sensitive_value() {
    let disk = MemoryStorage::new();
    let source = Source::default();
    let asked = || source.asked.load(Ordering::Relaxed);
    let made = || source.made.load(Ordering::Relaxed);
    run(async {
        let store = with_keyring(&disk, Keyring::new(source.clone(), random())).unwrap();
        store
            .apply_changes(vec![put("terraform_data.x", "1")])
            .await
            .unwrap();
        assert_eq!((asked(), made()), (0, 0));
        for i in 0..3 {
            let change = StateChange::Put {
                address: address(&format!("aws_db_instance.a[{i}]")),
                resource: secret_resource("x"),
                depose: None,
            };
            store.apply_changes(vec![change]).await.unwrap();
        }
        assert_eq!(made(), 1);
        store.close().await.unwrap();
        let store = with_keyring(&disk, Keyring::new(source.clone(), random())).unwrap();
        assert!(!store.state().is_sealed());
        assert_eq!(made(), 1);
        drop(store);
        // The key was lost: no second one is made beside values that need the first.
        source.made.store(0, Ordering::Relaxed);
        let store = with_keyring(&disk, Keyring::new(source.clone(), random())).unwrap();
        let change = StateChange::Put {
            address: address("aws_db_instance.b"),
            resource: secret_resource("y"),
            depose: None,
        };
        let error = store
            .apply_changes(vec![change])
            .await
            .expect_err("no second key");
        assert!(matches!(error, StateError::KeyMissing { .. }), "{error}");
        assert_eq!(made(), 0);
    });
}
