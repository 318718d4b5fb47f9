//! The store over a disk that fails: what is promised durable survives, what is recovered is a state that was, and no secret
//! is ever written in clear.

#![allow(clippy::unwrap_used, reason = "tests")]

mod corruption;
mod crash;
mod deposed;
mod edit;
mod exchange;
mod refusals;
mod secrets;
mod support;

use infra_model::Action;
use infra_state::*;
use serde_json::json;
use std::sync::Arc;
use support::*;

#[test]
fn a_resource_is_made_found_again_and_removed() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        assert!(store.is_new() && store.state().is_empty());
        let intent = intent(&store, Action::Create, "aws_vpc.main");
        let operation = intent.operation.clone();
        store.intent(intent.clone()).await.unwrap();
        assert_eq!(store.unfinished().len(), 1);
        store.early_id(&operation, "vpc-1").await.unwrap();
        let made = resource("vpc-1", json!({"cidr_block": "10.0.0.0/16"}));
        store
            .outcome(&operation, Outcome::Created(made.clone()))
            .await
            .unwrap();
        assert!(store.unfinished().is_empty());
        let before = store.state();
        store.close().await.unwrap();
        assert_eq!(disk.files().keys().collect::<Vec<_>>(), ["s.json"]);

        let store = open(&disk);
        assert!(!store.is_new());
        let state = store.state();
        assert_eq!(state.lineage, before.lineage);
        assert_eq!((state.serial, state.sequence), (1, 4));
        assert_eq!(state.resource(&address("aws_vpc.main")), Some(&made));
        assert_eq!(
            infra_model::Token::new(&state.lineage, &operation),
            intent.token
        );
        begin_and(&store, Action::Delete, "aws_vpc.main", Outcome::Deleted).await;
        store.close().await.unwrap();
        assert!(open(&disk).state().is_empty());
        // The snapshot before is the backup.
        let backup = String::from_utf8(disk.files()["s.json.backup"].clone()).unwrap();
        assert!(backup.contains("vpc-1") && backup.contains("\"serial\": 1"));
    });
}

#[test]
fn writes_come_in_their_order() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let intent = intent(&store, Action::Create, "aws_vpc.main");
        let operation = intent.operation.clone();
        store.intent(intent).await.unwrap();
        assert_eq!(
            disk.log(),
            ["write s.journal", "append s.journal", "sync s.journal"]
        );
        disk.clear_log();
        store.early_id(&operation, "vpc-1").await.unwrap();
        assert_eq!(disk.log(), ["append s.journal", "sync s.journal"]);
        disk.clear_log();
        store
            .outcome(&operation, Outcome::Created(resource("vpc-1", json!({}))))
            .await
            .unwrap();
        assert_eq!(disk.log(), ["append s.journal"]);
        disk.clear_log();
        // Of a type that lives in the state alone: it waits for a record with an effect outside.
        store.record(vec![put("terraform_data.a", "1")]).unwrap();
        assert_eq!(disk.log(), [""; 0]);
        store
            .intent(self::intent(&store, Action::Create, "aws_subnet.a"))
            .await
            .unwrap();
        assert_eq!(disk.log(), ["append s.journal", "sync s.journal"]);
        disk.clear_log();
        store.fold().await.unwrap();
        assert_eq!(disk.log(), ["write s.json", "remove s.journal"]);
        disk.clear_log();
        store
            .apply_changes(vec![put("terraform_data.a", "2")])
            .await
            .unwrap();
        store.close().await.unwrap();
        // `copy_atomic` of the memory is a write of the backup.
        let expected = [
            "write s.journal",
            "append s.journal",
            "sync s.journal",
            "write s.json.backup",
            "write s.json",
            "remove s.journal",
        ];
        assert_eq!(disk.log(), expected);
        disk.clear_log();
        let store = open(&disk);
        assert_eq!(
            store.unfinished().len(),
            1,
            "an operation under way outlives a fold"
        );
        store.close().await.unwrap();
        assert_eq!(disk.log(), [""; 0], "nothing was changed");
    });
}

#[test]
fn callers_at_the_same_time_share_a_sync() {
    let count = |disk: &MemoryStorage| disk.log().iter().filter(|l| l.starts_with("sync")).count();
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let intents: Vec<_> = (0..100)
            .map(|i| intent(&store, Action::Create, &format!("aws_subnet.s[{i}]")))
            .collect();
        let all = intents.iter().cloned().map(|i| store.intent(i));
        for result in futures::future::join_all(all).await {
            result.unwrap();
        }
        assert!(count(&disk) <= 2, "{} syncs", count(&disk));
        disk.clear_log();
        let ids = intents.iter().map(|i| store.early_id(&i.operation, "x"));
        futures::future::join_all(ids).await;
        assert!(count(&disk) <= 2, "{} syncs", count(&disk));
        drop(store);
        disk.kill();
        let found = open(&disk).unfinished();
        assert_eq!(found.len(), 100);
        assert!(found.iter().all(|u| u.id.as_deref() == Some("x")));
    });
}

/// The same through a real file, with syncs on other threads.
#[test]
fn a_real_disk_is_synced_off_the_async_threads() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(Store::open(storage.clone(), "s@pr-1", options()).unwrap());
        let tasks = (0..50).map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let intent = intent(&store, Action::Create, &format!("aws_subnet.s[{i}]"));
                let operation = intent.operation.clone();
                store.intent(intent).await.unwrap();
                store
                    .outcome(&operation, Outcome::Created(resource("x", json!({}))))
                    .await
                    .unwrap();
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let locked = Store::open(storage.clone(), "s@pr-1", options());
        assert!(matches!(
            locked.err(),
            Some(StateError::Locked { info: Some(_), .. })
        ));
        Arc::into_inner(store).unwrap().close().await.unwrap();
        let store = Store::open(storage.clone(), "s@pr-1", options()).unwrap();
        assert_eq!(store.state().resources.len(), 50);
    });
}

#[test]
fn reading_only_writes_nothing() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store
            .apply_changes(vec![put("terraform_data.a", "1")])
            .await
            .unwrap();
        disk.clear_log();
        // While the other one is at work.
        let reader = Store::open(
            Arc::new(disk.clone()),
            "s",
            OpenOptions {
                lock: false,
                ..options()
            },
        )
        .unwrap();
        assert_eq!(reader.state().resources.len(), 1);
        assert!(matches!(reader.record(vec![]), Err(StateError::ReadOnly)));
        assert!(matches!(reader.sync().await, Err(StateError::ReadOnly)));
        reader.close().await.unwrap();
        assert_eq!(disk.log(), [""; 0]);
        // A torn tail is left for the next run to cut.
        let mut bytes = disk.files()["s.journal"].clone();
        bytes.extend_from_slice(b"torn");
        disk.put("s.journal", &bytes);
        let reader = Store::open(
            Arc::new(disk.clone()),
            "s",
            OpenOptions {
                lock: false,
                ..options()
            },
        )
        .unwrap();
        assert_eq!(reader.state().resources.len(), 1);
        assert_eq!(disk.files()["s.journal"], bytes);
    });
}

#[test]
fn operations_follow_the_rules() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let first = intent(&store, Action::Create, "aws_vpc.main");
        let operation = first.operation.clone();
        let unknown = store.outcome(&operation, Outcome::Deleted).await;
        assert!(matches!(unknown, Err(StateError::UnknownOperation(_))));
        store.intent(first.clone()).await.unwrap();
        assert!(matches!(
            store.intent(first.clone()).await,
            Err(StateError::ReusedOperation(_))
        ));
        store.outcome(&operation, Outcome::Refused).await.unwrap();
        assert!(matches!(
            store.intent(first.clone()).await,
            Err(StateError::ReusedOperation(_))
        ));
        assert!(matches!(
            store.early_id(&operation, "x").await,
            Err(StateError::UnknownOperation(_))
        ));
        let moves = [
            ("terraform_data.x", "terraform_data.y", "no"),
            ("terraform_data.a", "terraform_data.b", "already"),
        ];
        store
            .record(vec![
                put("terraform_data.a", "1"),
                put("terraform_data.b", "1"),
            ])
            .unwrap();
        for (from, to, words) in moves {
            let change = StateChange::Move {
                from: address(from),
                to: address(to),
            };
            let error = store
                .apply_changes(vec![change])
                .await
                .expect_err(words)
                .to_string();
            assert!(error.contains(words), "{error}");
        }
        drop(store);
        disk.kill();
        let store = open(&disk);
        assert!(matches!(
            store.intent(first).await,
            Err(StateError::ReusedOperation(_))
        ));
    });
}

#[test]
fn provider_configurations_are_stored_once() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let in_region = |i: u64, region: &str| StateChange::Put {
            address: address(&format!("aws_subnet.s[{i}]")),
            resource: ResourceState {
                provider_config: Arc::new(json!({"region": region})),
                ..resource("x", json!({}))
            },
            depose: None,
        };
        let changes =
            (0..50).map(|i| in_region(i, if i % 2 == 0 { "eu-west-1" } else { "us-east-1" }));
        store.record(changes.collect()).unwrap();
        store.sync().await.unwrap();
        drop(store);
        disk.kill();
        let count = |name: &str| {
            String::from_utf8(disk.files()[name].clone())
                .unwrap()
                .matches("us-east-1")
                .count()
        };
        assert_eq!(count("s.journal"), 1);
        let store = open(&disk);
        store.close().await.unwrap();
        assert_eq!(count("s.json"), 1);
        let store = open(&disk);
        store
            .record(vec![
                in_region(1, "eu-west-1"),
                in_region(51, "us-east-1"),
                in_region(52, "ap-south-1"),
            ])
            .unwrap();
        store.close().await.unwrap();
        let state = open(&disk).state();
        let region = |i: u64| {
            state.resources[&address(&format!("aws_subnet.s[{i}]"))].provider_config["region"]
                .clone()
        };
        assert_eq!(
            [region(1), region(3), region(51), region(52)],
            ["eu-west-1", "us-east-1", "us-east-1", "ap-south-1"]
        );
    });
}

#[test]
fn outputs_durations_and_moves_are_kept() {
    use infra_model::{Type, Value};
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let value = Value::object([
            (
                "ids",
                Value::set(Type::String, vec!["b".into(), "a".into()]),
            ),
            ("none", Value::Null(Type::Number)),
        ]);
        let output = |v: &Value| Some(OutputState::new("o", v, false).unwrap());
        store
            .apply_changes(vec![
                StateChange::Output {
                    name: "o".into(),
                    output: output(&value),
                },
                StateChange::Output {
                    name: "gone".into(),
                    output: output(&Value::from("x")),
                },
                StateChange::Output {
                    name: "gone".into(),
                    output: None,
                },
                StateChange::Duration {
                    key: "aws_vpc/create".into(),
                    millis: 1500,
                },
                put("terraform_data.a", "1"),
                StateChange::Move {
                    from: address("terraform_data.a"),
                    to: address("module.m.terraform_data.b"),
                },
                StateChange::Taint {
                    address: address("module.m.terraform_data.b"),
                    tainted: true,
                },
            ])
            .await
            .unwrap();
        store.close().await.unwrap();
        let state = open(&disk).state();
        assert_eq!(state.outputs["o"].value, value);
        assert_eq!(state.outputs.len(), 1);
        assert_eq!(
            state.duration("aws_vpc", "create").unwrap().as_millis(),
            1500
        );
        assert!(state.resources[&address("module.m.terraform_data.b")].tainted);
        let ephemeral = Value::from("x").with_marks(infra_model::Marks {
            sensitive: false,
            ephemeral: true,
        });
        assert!(matches!(
            OutputState::new("o", &ephemeral, false),
            Err(StateError::Ephemeral(_))
        ));
    });
}
