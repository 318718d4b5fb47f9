//! Every way in which a state file or a journal can be other than it was written. Opening refuses it, says the way back and
//! writes nothing; or it gives a state that was, and of the journal only a torn tail is cut, told and kept.

use crate::support::*;
use infra_model::{Action, Path, Random};
use infra_state::memory::CountingRandom;
use infra_state::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const SNAPSHOT: &str = "s.json";
const JOURNAL: &str = "s.journal";

/// A state that was folded twice and then gone on with, until its process died.
struct Good {
    files: BTreeMap<String, Vec<u8>>,
    /// The state in the snapshot, and after each record of the journal.
    seen: Vec<State>,
    /// Where each line of the journal begins, and where the last one ends.
    lines: Vec<usize>,
}

/// The state without the number that only grows when it is read back.
fn essence(state: &State) -> State {
    State {
        sequence: 0,
        ..state.clone()
    }
}

impl Good {
    fn new() -> Good {
        let disk = MemoryStorage::new();
        let mut seen = Vec::new();
        run(async {
            let store = open(&disk);
            for id in ["1", "2"] {
                let change = vec![put("terraform_data.a", id)];
                store.apply_changes(change).await.unwrap();
                store.fold().await.unwrap();
            }
            seen.push(essence(&store.state()));
            let intent = intent(&store, Action::Create, "aws_vpc.v");
            let operation = intent.operation.clone();
            // The configuration is known from the snapshot: each of these is one record.
            store.intent(intent).await.unwrap();
            seen.push(essence(&store.state()));
            store.early_id(&operation, "vpc-1").await.unwrap();
            seen.push(essence(&store.state()));
            let mut made = resource("vpc-1", json!({"id": "vpc-1", "password": "hunter2"}));
            made.sensitive_paths = vec![Path::attribute("password")];
            store
                .outcome(&operation, Outcome::Created(made))
                .await
                .unwrap();
            seen.push(essence(&store.state()));
            for (at, id) in [("terraform_data.b", "1"), ("terraform_data.a", "3")] {
                store.apply_changes(vec![put(at, id)]).await.unwrap();
                seen.push(essence(&store.state()));
            }
        });
        disk.kill();
        let files = disk.files();
        let mut lines = vec![0];
        for line in files[JOURNAL].split_inclusive(|b| *b == b'\n') {
            lines.push(lines[lines.len() - 1] + line.len());
        }
        assert_eq!(lines.len(), seen.len() + 1, "one record for each state");
        Good { files, seen, lines }
    }

    /// Opens it with other bytes in one of its files, and checks what must hold in any case.
    fn open(&self, name: &str, bytes: &[u8], what: &str) -> Result<Found, StateError> {
        let mut files = self.files.clone();
        files.insert(name.to_owned(), bytes.to_vec());
        let open = |lock| {
            let disk = MemoryStorage::new();
            for (name, bytes) in &files {
                disk.put(name, bytes);
            }
            let options = OpenOptions { lock, ..options() };
            let opened = Store::open(Arc::new(disk.clone()), "s", options);
            let unchanged = disk.log().is_empty() && disk.files() == files;
            (opened, disk.files(), unchanged)
        };
        let (looked, _, unchanged) = open(false);
        assert!(unchanged, "{what}: looking changed a file");
        let (opened, after, unchanged) = open(true);
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                assert!(unchanged, "{what}: a refusal changed a file");
                assert!(looked.is_err(), "{what}: refused only with the lock");
                let help = error.help().unwrap_or_default();
                let told = format!("{error}; {help}");
                assert!(told.contains(name) && !help.is_empty(), "{what}: {told}");
                return Err(error);
            }
        };
        let looked = looked.unwrap_or_else(|e| panic!("{what}: only looking is refused: {e}"));
        let state = essence(&store.state());
        assert_eq!(state, essence(&looked.state()), "{what}");
        let Some(index) = self.seen.iter().position(|s| *s == state) else {
            panic!("{what}: a state that never was: {state:#?}");
        };
        // What was cut is told and kept, to the byte; all else is as it was.
        let torn = store.torn().is_some();
        assert_eq!(torn, looked.torn().is_some(), "{what}");
        let mut expected = files.clone();
        if torn {
            let kept = after.keys().find(|n| n.contains(".torn-"));
            let kept = kept.unwrap_or_else(|| panic!("{what}: nothing is kept"));
            assert!(store.torn().is_some_and(|t| t.contains(kept.as_str())));
            assert_eq!([&after[JOURNAL][..], &after[kept]].concat(), files[JOURNAL]);
            expected.insert(JOURNAL.to_owned(), after[JOURNAL].clone());
            expected.insert(kept.clone(), after[kept].clone());
        }
        assert_eq!(after, expected, "{what}");
        Ok(Found { index, torn })
    }

    /// That it is refused as damaged.
    fn refused(&self, name: &str, bytes: &[u8], what: &str) -> (Option<u64>, String) {
        match self.open(name, bytes, what) {
            Err(StateError::Corrupted { offset, what, .. }) => (offset, what),
            Err(other) => panic!("{what}: {other}"),
            Ok(found) => panic!("{what} was taken for the state {}", found.index),
        }
    }

    /// What the lines from here on say that is safely on disk.
    fn declared(&self, line: usize) -> usize {
        let journal = std::str::from_utf8(&self.files[JOURNAL]).unwrap();
        let declared = journal.lines().skip(line.max(1)).map(|line| {
            let record: Json = serde_json::from_str(&line[9..]).unwrap();
            usize::try_from(record["durable"].as_u64().unwrap()).unwrap()
        });
        declared.max().unwrap_or(0)
    }

    fn line(&self, n: usize) -> &[u8] {
        &self.files[JOURNAL][self.lines[n]..self.lines[n + 1]]
    }
}

/// What was opened.
#[derive(Debug, PartialEq)]
struct Found {
    /// Which of the states that were.
    index: usize,
    torn: bool,
}

#[test]
fn the_files_are_good_as_they_are() {
    let good = Good::new();
    let found = good.open(JOURNAL, &good.files[JOURNAL], "unchanged");
    let last = good.seen.len() - 1;
    assert_eq!(found.expect("opens").index, last);
    assert!(good.files.contains_key("s.json.backup"));
}

#[test]
fn a_snapshot_cut_anywhere_is_refused() {
    let good = Good::new();
    let bytes = &good.files[SNAPSHOT];
    for len in 0..bytes.len() {
        good.refused(SNAPSHOT, &bytes[..len], &format!("cut at {len}"));
    }
}

#[test]
fn a_journal_cut_anywhere_is_read_up_to_the_last_whole_record() {
    let good = Good::new();
    let bytes = &good.files[JOURNAL];
    for len in 0..=bytes.len() {
        let what = format!("cut at {len}");
        if len < good.lines[1] {
            let (offset, _) = good.refused(JOURNAL, &bytes[..len], &what);
            assert_eq!(offset, Some(0), "{what}");
            continue;
        }
        let whole = good.lines.iter().rposition(|at| *at <= len).unwrap();
        let expected = Found {
            index: whole - 1,
            torn: good.lines[whole] != len,
        };
        let found = good.open(JOURNAL, &bytes[..len], &what);
        assert_eq!(found.expect(&what), expected, "{what}");
    }
}

/// Every bit of a file, flipped for itself; on all cores.
fn every_bit(bytes: &[u8], check: impl Fn(usize, &[u8], &str) + Sync) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let check = &check;
            scope.spawn(move || {
                for at in (thread..bytes.len()).step_by(threads) {
                    for bit in 0..8 {
                        let mut broken = bytes.to_vec();
                        broken[at] ^= 1 << bit;
                        check(at, &broken, &format!("bit {bit} of byte {at}"));
                    }
                }
            });
        }
    });
}

#[test]
fn a_snapshot_with_any_bit_flipped_is_refused() {
    let good = Good::new();
    every_bit(&good.files[SNAPSHOT], |_, broken, what| {
        good.refused(SNAPSHOT, broken, what);
    });
}

#[test]
fn a_journal_with_any_bit_flipped_is_refused_or_torn_there() {
    let good = Good::new();
    every_bit(&good.files[JOURNAL], |at, broken, what| {
        let line = good.lines.iter().rposition(|l| *l <= at).unwrap();
        // A later record says that this one was safely on disk.
        if line == 0 || good.declared(line + 1) > good.lines[line] {
            let (offset, _) = good.refused(JOURNAL, broken, what);
            assert_eq!(offset, Some(good.lines[line] as u64), "{what}");
            return;
        }
        let found = good.open(JOURNAL, broken, what).expect(what);
        let index = line - 1;
        assert_eq!(found, Found { index, torn: true }, "{what}");
    });
    // Both happen: with one of them missing, the test would not see what it is for.
    let last = good.lines.len() - 2;
    assert!(good.declared(2) > good.lines[1] && good.declared(last + 1) <= good.lines[last]);
}

#[test]
fn what_is_there_twice_missing_or_misplaced_is_noticed() {
    let good = Good::new();
    let (bytes, last) = (&good.files[JOURNAL], good.lines.len() - 2);
    let complete = |broken: &[u8], what: &str| {
        let found = good.open(JOURNAL, broken, what).expect(what);
        let index = good.seen.len() - 1;
        assert_eq!(found, Found { index, torn: true }, "{what}");
    };
    complete(&bytes.repeat(2), "the whole twice");
    for n in 0..=last {
        let again = [bytes, good.line(n)].concat();
        complete(&again, &format!("line {n} once more"));
        let tail = [bytes, &bytes[good.lines[n] + 7..]].concat();
        complete(
            &tail,
            &format!("the tail from the middle of line {n} twice"),
        );
    }
    for n in 0..last {
        let (start, end) = (good.lines[n], good.lines[n + 1]);
        let next = good.lines[n + 2];
        // Each lets a later record stand where what is declared does not fit.
        let cases = [
            ("twice", [&bytes[..end], &bytes[start..]].concat()),
            ("missing", [&bytes[..start], &bytes[end..]].concat()),
            (
                "after its successor",
                [
                    &bytes[..start],
                    &bytes[end..next],
                    &bytes[start..end],
                    &bytes[next..],
                ]
                .concat(),
            ),
        ];
        for (how, broken) in cases {
            let what = format!("line {n} {how}");
            match good.open(JOURNAL, &broken, &what) {
                Err(error) => assert!(matches!(error, StateError::Corrupted { .. }), "{what}"),
                // Only a tail that no later record calls durable may go.
                Ok(found) => assert!(
                    found.torn && n > 0 && good.declared(n + 1) <= good.lines[found.index + 1],
                    "{what}: {found:?}"
                ),
            }
        }
    }
    let twice = good.files[SNAPSHOT].repeat(2);
    good.refused(SNAPSHOT, &twice, "the snapshot twice");
}

#[test]
fn what_is_something_else_is_refused_by_name() {
    let good = Good::new();
    let terraform = br#"{"version": 4, "terraform_version": "1.9.8", "serial": 3, "lineage": "3f1a", "outputs": {}, "resources": []}"#;
    let cases: [(&str, &[u8], &str); 6] = [
        ("nothing", b"", "it is empty"),
        ("Terraform's state", terraform, "a state of Terraform"),
        ("a list", b"[1, 2]", "invalid type"),
        ("some object", b"{\"a\": 1}", "no checksum"),
        (
            "a state that was edited",
            br#"{"format": 1, "checksum": "sha256:00"}"#,
            "something else than infra",
        ),
        ("the journal", &good.files[JOURNAL], ""),
    ];
    for (what, bytes, words) in &cases {
        let (_, told) = good.refused(SNAPSHOT, bytes, what);
        assert!(told.contains(words), "{what}: {told}");
    }
    for (what, bytes, _) in &cases[..5] {
        let (offset, told) = good.refused(JOURNAL, bytes, what);
        assert!(offset == Some(0) && told.contains("header"), "{told}");
    }
    good.refused(JOURNAL, &good.files[SNAPSHOT], "the snapshot");
    let random = CountingRandom::new(7);
    for len in 1..300 {
        let mut bytes = vec![0; len * 7];
        random.fill(&mut bytes);
        for name in [SNAPSHOT, JOURNAL] {
            good.refused(name, &bytes, &format!("{len} times 7 random bytes"));
        }
    }
}

#[test]
fn what_belongs_to_another_state_is_refused() {
    let (good, other) = (Good::new(), Good::new());
    let (_, told) = good.refused(JOURNAL, &other.files[JOURNAL], "another journal");
    assert!(told.contains("lineages differ"), "{told}");
    // The same stack's state from elsewhere, beside a journal that continues this one.
    let mixed = Good {
        files: BTreeMap::from([
            (SNAPSHOT.to_owned(), other.files[SNAPSHOT].clone()),
            (JOURNAL.to_owned(), good.files[JOURNAL].clone()),
        ]),
        seen: Vec::new(),
        lines: Vec::new(),
    };
    let journal = &mixed.files[JOURNAL];
    let (_, told) = mixed.refused(JOURNAL, journal, "another snapshot");
    assert!(told.contains("lineages differ"), "{told}");
    // An older snapshot of the same state.
    let mut older = good.files.clone();
    older.insert(SNAPSHOT.to_owned(), good.files["s.json.backup"].clone());
    let older = Good {
        files: older,
        seen: Vec::new(),
        lines: Vec::new(),
    };
    let (_, told) = older.refused(JOURNAL, &good.files[JOURNAL], "an older snapshot");
    assert!(told.contains("another snapshot"), "{told}");
}

/// With right checksums, as a future version would write them.
#[test]
fn what_a_newer_version_wrote_is_told_apart_from_damage() {
    let good = Good::new();
    let snapshot = String::from_utf8(good.files[SNAPSHOT].clone()).unwrap();
    for format in [2, 9, 10, u32::MAX] {
        let newer = [
            snapshot.replacen("\"format\": 1", &format!("\"format\": {format}"), 1),
            format!(r#"{{"format": {format}, "resources": "elsewhere"}}"#),
        ];
        // The first lies about its checksum where only the number was changed.
        for (n, text) in newer.iter().enumerate() {
            match good.open(SNAPSHOT, text.as_bytes(), "newer") {
                Err(StateError::NewerFormat { found, .. }) => assert_eq!(found, format),
                Err(StateError::Corrupted { .. }) => assert!(n == 0 && format < 10, "{text}"),
                other => panic!("{format}: {other:?}"),
            }
        }
        let header: Json = serde_json::from_slice(&good.line(0)[9..]).unwrap();
        for mut header in [header, json!({"shape": "unheard of"})] {
            header["infra_journal"] = format.into();
            let payload = header.to_string();
            let line = format!("{:08x} {payload}\n", crc32fast::hash(payload.as_bytes()));
            match good.open(JOURNAL, line.as_bytes(), "newer") {
                Err(StateError::NewerFormat { found, .. }) => assert_eq!(found, format),
                other => panic!("{format}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_way_back_leads_back() {
    let good = Good::new();
    let open = |files: &BTreeMap<String, Vec<u8>>| {
        let disk = MemoryStorage::new();
        for (name, bytes) in files {
            disk.put(name, bytes);
        }
        Store::open(Arc::new(disk), "s", options())
    };
    let mut files = good.files.clone();
    files.insert(SNAPSHOT.to_owned(), b"{".to_vec());
    let told = open(&files).err().expect("damaged").help().unwrap();
    assert!(told.contains("The snapshot before it is s.json.backup"));
    files.remove(JOURNAL);
    let backup = files.remove("s.json.backup").unwrap();
    files.insert(SNAPSHOT.to_owned(), backup);
    let store = open(&files).unwrap_or_else(|e| panic!("the backup is good: {e}"));
    assert_eq!(store.state().serial, 1);

    // A backup that is damaged too is not recommended.
    for backup in [None, Some(b"{".to_vec())] {
        let mut files = good.files.clone();
        files.insert(SNAPSHOT.to_owned(), b"{".to_vec());
        files.remove("s.json.backup");
        files.extend(backup.map(|b| ("s.json.backup".to_owned(), b)));
        let told = open(&files).err().expect("damaged").help().unwrap();
        assert!(told.contains("no whole backup"), "{told}");
        for name in [SNAPSHOT, "s.json.backup", JOURNAL] {
            assert!(told.contains(name), "{told}");
            files.remove(name);
        }
        assert!(open(&files).unwrap_or_else(|e| panic!("{e}")).is_new());
    }
    // A journal that is damaged, moved aside, leaves the snapshot's state.
    let mut files = good.files.clone();
    files.insert(JOURNAL.to_owned(), b"x".to_vec());
    let told = open(&files).err().expect("damaged").help().unwrap();
    assert!(told.contains("move it aside"), "{told}");
    files.remove(JOURNAL);
    let store = open(&files).unwrap_or_else(|e| panic!("the snapshot is good: {e}"));
    assert_eq!(essence(&store.state()), good.seen[0]);
}

/// The history is for people: what is torn in it costs its own line only.
#[test]
fn a_torn_line_of_the_history_spoils_no_other() {
    let disk = MemoryStorage::new();
    run(async {
        let store = open(&disk);
        store.note_begin("1", []).unwrap();
        disk.set_fault(Some(memory::Fault {
            after: 0,
            torn: 20,
            lasting: false,
            kind: std::io::ErrorKind::StorageFull,
        }));
        let full = store.note_begin("1", []).expect_err("there is no room");
        assert!(full.is_disk_full(), "{full}");
        store.note_begin("1", []).unwrap();
    });
    assert_eq!(history::read(&disk, "s").unwrap().len(), 2);
}
