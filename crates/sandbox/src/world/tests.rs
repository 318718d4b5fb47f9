//! The world on its own: transactions, expiry, the file.

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    id: String,
    parent: Option<String>,
    gone_at: Option<Millis>,
}

impl Document for Thing {
    const KIND: &'static str = "thing";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        self.parent.iter().cloned().collect()
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("a_thing")
    }
}

fn thing(id: &str, parent: Option<&str>) -> Thing {
    Thing {
        id: id.to_owned(),
        parent: parent.map(str::to_owned),
        gone_at: None,
    }
}

fn ids(things: &[Stored<Thing>]) -> Vec<&str> {
    things.iter().map(|thing| thing.id.as_str()).collect()
}

fn open(file: &std::path::Path) -> World {
    World::open(Some(file), Uuid::from_u128(1), 7).expect("opens")
}

struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("infra-world-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("world.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_dropped_transaction_leaves_no_trace() {
    let mut world = World::open(None, Uuid::nil(), 0).expect("opens");
    let mut tx = world.begin(0);
    tx.put("r", thing("a", Some("p")), None);
    tx.commit().expect("commits");
    let mut tx = world.begin(0);
    tx.put("r", thing("a", Some("q")), None);
    tx.put("r", thing("b", Some("p")), None);
    tx.delete::<Thing>("r", "a");
    assert!(tx.referrers::<Thing>("r", "q").is_empty());
    drop(tx);
    let tx = world.begin(0);
    assert_eq!(ids(&tx.list::<Thing>("r")), ["a"]);
    assert_eq!(ids(&tx.referrers::<Thing>("r", "p")), ["a"]);
    assert!(tx.list::<Thing>("other").is_empty());
}

#[test]
fn documents_vanish_when_their_time_has_come() {
    let mut world = World::open(None, Uuid::nil(), 0).expect("opens");
    let mut tx = world.begin(0);
    let leaving = Thing {
        gone_at: Some(10),
        ..thing("a", None)
    };
    tx.put("r", leaving, None);
    tx.commit().expect("commits");
    assert_eq!(world.resources(9).len(), 1);
    assert!(world.resources(10).is_empty());
    assert!(world.begin(9).get::<Thing>("r", "a").is_some());
    assert!(world.begin(10).get::<Thing>("r", "a").is_none());
}

#[test]
fn what_was_committed_is_there_after_a_restart_and_ids_are_not_repeated() {
    let folder = Folder::new();
    let mut world = open(&folder.file());
    let mut tx = world.begin(0);
    let first = tx.hex(16);
    let mut tags = Tags::default();
    tags.set("k", "v");
    tx.put("r", thing("a", Some("p")), Some(tags));
    tx.put("r", thing("b", None), None);
    tx.commit().expect("commits");
    let mut tx = world.begin(0);
    tx.delete::<Thing>("r", "b");
    tx.commit().expect("commits");
    drop(world);

    // A write that was cut off by the end of the machine.
    let mut bytes = std::fs::read(folder.file()).expect("reads");
    bytes.extend_from_slice(b"{\"counter\":9,\"ops\":[{\"put");
    std::fs::write(folder.file(), bytes).expect("writes");

    let mut world = World::open(Some(&folder.file()), Uuid::from_u128(2), 8).expect("opens");
    assert_eq!(world.id(), Uuid::from_u128(1));
    let mut tx = world.begin(0);
    assert_eq!(ids(&tx.list::<Thing>("r")), ["a"]);
    assert_eq!(
        tx.get::<Thing>("r", "a")
            .map(|a| a.tags().get("k").map(str::to_owned)),
        Some(Some("v".into()))
    );
    assert_eq!(ids(&tx.referrers::<Thing>("r", "p")), ["a"]);
    assert_ne!(tx.hex(16), first);
}

#[test]
fn opening_compacts_what_was_overwritten() {
    let folder = Folder::new();
    let mut world = open(&folder.file());
    for round in 0..200 {
        let mut tx = world.begin(0);
        tx.put("r", thing("a", Some(&round.to_string())), None);
        tx.commit().expect("commits");
    }
    drop(world);
    let before = std::fs::metadata(folder.file()).expect("there").len();
    let mut world = open(&folder.file());
    let mut tx = world.begin(0);
    tx.put("r", thing("b", None), None);
    tx.commit().expect("commits");
    drop(world);
    let after = std::fs::metadata(folder.file()).expect("there").len();
    assert!(after * 10 < before, "{before} to {after}");
    assert_eq!(
        ids(&open(&folder.file()).begin(0).list::<Thing>("r")),
        ["a", "b"]
    );
}

#[test]
fn a_world_has_one_user_and_damage_is_named() {
    let folder = Folder::new();
    let world = open(&folder.file());
    let second = World::open(Some(&folder.file()), Uuid::nil(), 0);
    assert!(matches!(second, Err(JournalError::Locked(_))));
    drop(world);
    let mut text = std::fs::read_to_string(folder.file()).expect("reads");
    text.push_str("nonsense\n");
    std::fs::write(folder.file(), text).expect("writes");
    let damaged = World::open(Some(&folder.file()), Uuid::nil(), 0);
    assert!(matches!(
        damaged,
        Err(JournalError::Damaged { line: 2, .. })
    ));
}

#[test]
fn ranges_go_on_after_the_last_id_seen() {
    let mut world = World::open(None, Uuid::nil(), 0).expect("opens");
    let mut tx = world.begin(0);
    for id in ["a/1", "a/2", "a/3", "b/1"] {
        tx.put("r", thing(id, None), None);
    }
    assert_eq!(ids(&tx.range::<Thing>("r", "a/", None, 2)), ["a/1", "a/2"]);
    assert_eq!(ids(&tx.range::<Thing>("r", "a/", Some("a/2"), 2)), ["a/3"]);
}
