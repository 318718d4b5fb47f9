//! What replacements leave over: deposed objects, through every outcome and change.

use crate::support::*;
use infra_model::Action;
use infra_state::*;
use serde_json::json;

/// What each outcome and change leaves behind, the same in memory and after a replay and a fold.
#[test]
fn replaced_objects_stay_until_they_are_deleted() {
    let key = |k: &str| DeposedKey(k.into());
    let a = "aws_vpc.main";
    enum Do {
        Operation(Action, Option<DeposedKey>, Outcome),
        Change(StateChange),
    }
    // What is done, then the current id and the deposed ones.
    type Step<'a> = (Do, &'a str, &'a [(&'a str, &'a str)]);
    let steps: Vec<Step<'_>> = vec![
        (
            Do::Operation(
                Action::Create,
                None,
                Outcome::Created(resource("v1", json!({"n": 1}))),
            ),
            "v1",
            &[],
        ),
        (
            Do::Operation(Action::Update, None, Outcome::Failed { resource: None }),
            "v1",
            &[],
        ),
        (
            Do::Operation(Action::Create, Some(key("k1")), Outcome::Refused),
            "v1",
            &[],
        ),
        (
            Do::Operation(
                Action::Create,
                Some(key("k1")),
                Outcome::Created(resource("v2", json!({"n": 2}))),
            ),
            "v2",
            &[("k1", "v1")],
        ),
        // A deposed object can be changed where it is, and the current one stays.
        (
            Do::Operation(
                Action::Update,
                Some(key("k1")),
                Outcome::Updated(resource("v1-changed", json!({"n": 3}))),
            ),
            "v2",
            &[("k1", "v1-changed")],
        ),
        (
            Do::Operation(
                Action::Update,
                Some(key("k1")),
                Outcome::Updated(resource("v1", json!({"n": 1}))),
            ),
            "v2",
            &[("k1", "v1")],
        ),
        // A new value never loses deposed objects.
        (
            Do::Operation(
                Action::Update,
                None,
                Outcome::Updated(resource("v2", json!({"n": 3}))),
            ),
            "v2",
            &[("k1", "v1")],
        ),
        (Do::Change(put("aws_vpc.main", "v2")), "v2", &[("k1", "v1")]),
        (
            Do::Operation(
                Action::Delete,
                Some(key("k1")),
                Outcome::Failed {
                    resource: Some(resource("v1", json!({"half": true}))),
                },
            ),
            "v2",
            &[("k1", "v1")],
        ),
        (
            Do::Operation(
                Action::Create,
                Some(key("k2")),
                Outcome::Failed {
                    resource: Some(ResourceState {
                        tainted: true,
                        ..resource("v3", json!({}))
                    }),
                },
            ),
            "v3",
            &[("k1", "v1"), ("k2", "v2")],
        ),
        (
            Do::Operation(Action::Delete, None, Outcome::Deleted),
            "",
            &[("k1", "v1"), ("k2", "v2")],
        ),
        (
            Do::Operation(Action::Delete, Some(key("k1")), Outcome::Deleted),
            "",
            &[("k2", "v2")],
        ),
        (
            Do::Change(StateChange::Restore {
                address: address("aws_vpc.main"),
                key: key("k2"),
            }),
            "v2",
            &[],
        ),
        (
            Do::Change(StateChange::Depose {
                address: address("aws_vpc.main"),
                key: key("k3"),
            }),
            "",
            &[("k3", "v2")],
        ),
        (
            Do::Operation(
                Action::Create,
                None,
                Outcome::Adopted(resource("v4", json!({}))),
            ),
            "v4",
            &[("k3", "v2")],
        ),
        (
            Do::Operation(Action::Delete, Some(key("k3")), Outcome::Forgotten),
            "v4",
            &[],
        ),
        (
            Do::Operation(Action::Delete, None, Outcome::Deleted),
            "gone",
            &[],
        ),
    ];
    let disk = MemoryStorage::new();
    run(async {
        for (i, (step, current, deposed)) in steps.into_iter().enumerate() {
            let store = open(&disk);
            match step {
                Do::Operation(action, key, outcome) => {
                    let mut intent = intent(&store, action, a);
                    intent.deposed = key;
                    let operation = intent.operation.clone();
                    store.intent(intent).await.unwrap();
                    store.outcome(&operation, outcome).await.unwrap();
                }
                Do::Change(change) => store.apply_changes(vec![change]).await.unwrap(),
            }
            let live = store.state();
            drop(store);
            disk.kill();
            let store = open(&disk);
            let replayed = store.state();
            store.close().await.unwrap();
            let folded = open(&disk).state();
            for state in [&live, &replayed, &folded] {
                assert_eq!(state.resources, live.resources, "step {i}");
                let Some(found) = state.resource(&address(a)) else {
                    assert_eq!(current, "gone", "step {i}");
                    continue;
                };
                assert_eq!(found.id, current, "step {i}");
                assert_eq!(found.has_current(), !current.is_empty(), "step {i}");
                let ids: Vec<_> = found
                    .deposed
                    .iter()
                    .map(|(k, d)| (k.clone(), d.id.clone()))
                    .collect();
                let expected: Vec<_> = deposed
                    .iter()
                    .map(|(k, id)| (key(k), (*id).to_owned()))
                    .collect();
                assert_eq!(ids, expected, "step {i}");
            }
        }
    });
}
