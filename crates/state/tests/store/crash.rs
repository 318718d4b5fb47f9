//! A crash after every single storage call, with every kind of loss: what is found again is a state that was, at least as new
//! as what was promised durable, and it can be gone on with.

use crate::support::*;
use infra_model::{Action, OperationId};
use infra_state::memory::Fault;
use infra_state::*;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

/// One call of a run, over eight resources.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// Begins an operation on a resource.
    Intent(Action, u8),
    /// The n-th unfinished operation's id.
    Id(u8),
    /// The n-th unfinished operation ends: well, refused, or half-way.
    Outcome(u8, u8),
    Changes(u8),
    Record(u8),
    Sync,
    Fold,
}

impl Call {
    /// Whether everything before is durable once it has returned.
    fn promises(self) -> bool {
        !matches!(self, Call::Outcome(..) | Call::Record(_))
    }
}

fn at(i: u8) -> String {
    format!("aws_subnet.s[{}]", i % 8)
}

fn pick(store: &Store, n: u8) -> Option<(OperationId, Action)> {
    let unfinished = store.unfinished();
    if unfinished.is_empty() {
        return None;
    }
    let chosen = &unfinished[usize::from(n) % unfinished.len()];
    Some((chosen.intent.operation.clone(), chosen.intent.action))
}

async fn call(store: &Store, call: Call, n: usize) -> Result<(), StateError> {
    let value = || resource(&format!("id{n}"), json!({"n": n}));
    match call {
        Call::Intent(action, i) => store.intent(intent(store, action, &at(i))).await,
        Call::Id(i) => match pick(store, i) {
            Some((operation, _)) => store.early_id(&operation, &format!("id{n}")).await,
            None => store.sync().await,
        },
        Call::Outcome(i, how) => match pick(store, i) {
            Some((operation, action)) => {
                let outcome = match (how % 3, action) {
                    (0, Action::Create) => Outcome::Created(value()),
                    (0, Action::Update) => Outcome::Updated(value()),
                    (0, Action::Delete) => Outcome::Deleted,
                    (1, _) => Outcome::Refused,
                    _ => Outcome::Failed {
                        resource: Some(value()),
                    },
                };
                store.outcome(&operation, outcome).await
            }
            None => Ok(()),
        },
        Call::Changes(i) => {
            store
                .apply_changes(vec![put(&at(i), &format!("id{n}")), put(&at(i + 1), "y")])
                .await
        }
        Call::Record(i) => store.record(vec![put(&at(i), &format!("id{n}"))]),
        Call::Sync => store.sync().await,
        Call::Fold => store.fold().await,
    }
}

/// What must be found again; serial and sequence aside, and when it was folded.
fn essence(state: &State) -> State {
    State {
        serial: 0,
        sequence: 0,
        quiet_since: None,
        ..state.clone()
    }
}

/// Runs the calls with a fault, crashes, and checks what is found. Returns whether the fault's time came.
fn check(calls: &[Call], fault: Fault, keep: impl Fn(&str, usize) -> usize) -> bool {
    let disk = MemoryStorage::new();
    run(async {
        // A state with a snapshot and a backup to begin with.
        let store = open(&disk);
        store
            .apply_changes(vec![put("aws_vpc.first", "1")])
            .await
            .unwrap();
        store.fold().await.unwrap();
        store
            .apply_changes(vec![put("aws_vpc.first", "2")])
            .await
            .unwrap();
        store.close().await.unwrap();

        let store = open(&disk);
        let mut seen = vec![essence(&store.state())];
        let mut promised = 0;
        disk.set_fault(Some(fault));
        let mut failed = false;
        for (n, c) in calls.iter().enumerate() {
            let before = essence(&store.state());
            let result = call(&store, *c, n).await;
            failed = result.is_err();
            if failed {
                // What was begun may have been written, though it was not promised: rebuild what it would have been.
                seen.push(essence(&store.state()));
                break;
            }
            let after = essence(&store.state());
            if after != before {
                seen.push(after);
            }
            if c.promises() {
                promised = seen.len() - 1;
            }
        }
        drop(store);
        disk.crash(&keep);

        let reopened = open(&disk);
        let found = essence(&reopened.state());
        let index = seen.iter().rposition(|s| *s == found);
        let begun_last = failed && {
            // An intent whose sync failed is not begun, but its record may be there: recovery finds that it did nothing.
            let mut without = found.clone();
            without.unfinished.pop().is_some() && seen.contains(&without)
        };
        assert!(
            index.is_some_and(|i| i >= promised) || begun_last,
            "{calls:?} with {fault:?}: promised {promised}, found {index:?} of {}",
            seen.len()
        );
        // A run that has nothing to do leaves no journal behind, not even one that had been folded and not been removed.
        reopened.close().await.unwrap();
        assert!(!disk.exists("s.journal").unwrap());
        let reopened = open(&disk);
        // It can be gone on with, and is the same when opened again, before and after a fold.
        reopened
            .apply_changes(vec![put("aws_vpc.last", "3")])
            .await
            .unwrap();
        let expected = essence(&reopened.state());
        drop(reopened);
        disk.kill();
        let again = open(&disk);
        assert_eq!(essence(&again.state()), expected);
        again.close().await.unwrap();
        let last = open(&disk).state();
        let sorted = |s: &State| {
            let mut s = essence(s);
            s.resources.sort_unstable_keys();
            s
        };
        assert_eq!(sorted(&last), sorted(&expected));
        failed
    })
}

type Keep = fn(&str, usize) -> usize;

/// Nothing unsynced survives; all does; half does.
const LOSSES: [Keep; 3] = [|_, _| 0, |_, n| n, |_, n| n.div_ceil(2)];

#[test]
fn a_crash_after_every_storage_call() {
    let calls = [
        Call::Intent(Action::Create, 0),
        Call::Id(0),
        Call::Intent(Action::Create, 1),
        Call::Outcome(0, 0),
        Call::Record(2),
        Call::Outcome(0, 2),
        Call::Intent(Action::Update, 0),
        Call::Fold,
        Call::Outcome(0, 0),
        Call::Record(3),
        Call::Sync,
        Call::Intent(Action::Delete, 0),
        Call::Changes(4),
        Call::Outcome(0, 0),
        Call::Record(5),
        Call::Fold,
        Call::Fold,
        Call::Record(6),
        Call::Fold,
    ];
    let mut crashed = 0;
    for after in 0.. {
        let mut any = false;
        for torn in [0, 1, 40, 100_000] {
            for keep in LOSSES {
                any |= check(&calls, Fault::crash(after, torn), keep);
            }
        }
        crashed += u32::from(any);
        if !any {
            // At the end, the call after the last: the fault never came.
            assert!(after > 20, "only {after} calls");
            break;
        }
    }
    assert!(crashed > 20);
}

fn any_call() -> impl Strategy<Value = Call> {
    let action = prop_oneof![
        Just(Action::Create),
        Just(Action::Update),
        Just(Action::Delete)
    ];
    prop_oneof![
        4 => (action, 0..8_u8).prop_map(|(a, i)| Call::Intent(a, i)),
        2 => (0..4_u8).prop_map(Call::Id),
        4 => (0..4_u8, 0..3_u8).prop_map(|(i, how)| Call::Outcome(i, how)),
        1 => (0..8_u8).prop_map(Call::Changes),
        2 => (0..8_u8).prop_map(Call::Record),
        1 => Just(Call::Sync),
        1 => Just(Call::Fold),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_anywhere_in_any_run(
        calls in proptest::collection::vec(any_call(), 1..30),
        after in 0..60_u64,
        torn in 0..300_usize,
        kept in 0..400_usize,
        tried in any::<bool>(),
    ) {
        let fault = Fault { lasting: tried, ..Fault::crash(after, torn) };
        check(&calls, fault, |_, n| kept.min(n));
    }
}

/// A record is written though the disk said that it was not, and cannot be taken back. The run gives up and folds; then the machine
/// stops before it has forgotten the journal.
#[test]
fn a_journal_with_more_than_it_was_told_to_have_is_passed_over() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        let begun = intent(&store, Action::Create, "aws_vpc.first");
        store.intent(begun.clone()).await.unwrap();
        disk.set_fault(Some(Fault::crash(0, 100_000)));
        let refused = intent(&store, Action::Create, "aws_vpc.second");
        store.intent(refused).await.expect_err("the disk fails");
        disk.set_fault(None);
        store.fold().await.unwrap();
        drop(store);
        disk.crash(|_, unsynced| unsynced);
        assert!(disk.exists("s.journal").unwrap());
        let store = open(&disk);
        let unfinished = store.unfinished();
        let operations: Vec<_> = unfinished.iter().map(|u| &u.intent.operation).collect();
        assert_eq!(operations, [&begun.operation]);
    });
}

/// The dead process's store is still there, as in a simulation, while the next one is at work.
#[test]
fn a_lock_survives_only_its_owner() {
    let disk = MemoryStorage::new();
    let dead = open(&disk);
    assert!(matches!(
        Store::open(Arc::new(disk.clone()), "s", options()),
        Err(StateError::Locked { .. })
    ));
    disk.crash(|_, _| 0);
    let alive = open(&disk);
    drop(dead);
    drop(alive);
    open(&disk);
}
