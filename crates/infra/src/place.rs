//! Where a stack is and where its state is: `stacks/x.toml` keeps it in `state/` beside `stacks/`, any other file in `state/`
//! beside itself. Finds both without reading more of the stack file than its `[stack]` table, which works when the rest of it
//! no longer parses.

use crate::error::CommandError;
use crate::instance;
use crate::system::{SystemClock, SystemKeys, SystemRandom, owner};
use crate::ui::say;
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::program::Stack;
use infra_state::history::Run;
use infra_state::{Keyring, LocalStorage, LockState, OpenOptions, Storage, Store, World};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A stack file and its state.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The stack file, as the user would write it.
    pub(crate) file: PathBuf,
    /// What is in it, unless it cannot be read.
    pub(crate) text: Option<String>,
    /// `[stack].protect` as it is literally written.
    protected: bool,
    /// Which copy.
    pub(crate) instance: Option<String>,
    /// The state's name: `prod`, `staging@pr-1`.
    name: String,
    /// The folder of states.
    directory: PathBuf,
    /// The stack file as the state records it: relative to the folder that holds the folder of states.
    recorded: String,
}

/// What a state says about itself before it is opened.
#[derive(Clone, Debug, Deserialize)]
struct Label {
    stack_file: String,
    world: World,
}

/// As much of a snapshot as certainly holds its label.
const HEAD: u64 = 64 * 1024;
/// What follows the label in a snapshot. No text in JSON has a line break, so that it stands nowhere else.
const AFTER_LABEL: &[u8] = b",\n  \"outputs\":";

/// What of `[stack]` matters before the file is checked.
#[derive(Default)]
struct StackTable {
    name: Option<String>,
    protect: bool,
}

impl Place {
    /// The stack that a command is about: the given file, or the only one in `stacks/`.
    pub(crate) fn find(file: Option<&Path>, instance: Option<&str>) -> Result<Place, CommandError> {
        let file = match file {
            Some(file) => file.to_owned(),
            None => only_stack()?,
        };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(CommandError::io("read", &file, &error)),
        };
        let (base, recorded) = home_of(&file);
        let directory = if base == Path::new(".") {
            PathBuf::from("state")
        } else {
            base.join("state")
        };
        let table = text.as_deref().map(stack_table).unwrap_or_default();
        let stem = file
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let suffix = instance.map(|i| format!("@{i}")).unwrap_or_default();
        let mut place = Place {
            name: format!("{}{suffix}", table.name.clone().unwrap_or(stem)),
            file,
            protected: table.protect,
            instance: instance.map(str::to_owned),
            directory,
            recorded,
            text,
        };
        place.check_name(instance)?;
        // Another state may name the file: the name cannot be read any more, or it was changed.
        if place
            .label()?
            .is_none_or(|l| l.stack_file != place.recorded)
            && let Some(name) = place.recorded_name(&suffix)?
        {
            if table.name.is_some() && has_resources(&place.storage(), &name)? {
                return Err(place.renamed(&name));
            }
            if table.name.is_none() {
                place.name = name;
            }
        }
        if place.text.is_none() && place.label()?.is_none() {
            let help = "give the path of a stack file, such as stacks/prod.toml";
            return Err(CommandError::hint(
                Code::NoStack,
                format!("there is no file {}", place.file.display()),
                help,
            ));
        }
        Ok(place)
    }

    fn check_name(&self, instance: Option<&str>) -> Result<(), CommandError> {
        let good = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
                && !text.starts_with('.')
        };
        if let Some(instance) = instance.filter(|i| !good(i)) {
            let message = format!("`{instance}` cannot name an instance");
            return Err(CommandError::hint(
                Code::BadStackName,
                message,
                "use letters, digits, `-`, `_` and `.`",
            ));
        }
        let name = self.name.split('@').next().unwrap_or_default();
        if !good(name) {
            let message = format!("the stack's name `{name}` cannot name its state");
            return Err(CommandError::hint(
                Code::BadStackName,
                message,
                "use letters, digits, `-`, `_` and `.` in [stack].name",
            ));
        }
        Ok(())
    }

    /// The stack, as far as it is known without the rest of its file.
    pub(crate) fn stack(&self) -> Stack {
        Stack {
            name: self.name.split('@').next().unwrap_or_default().into(),
            instance: self.instance.as_deref().map(Into::into),
            protect: self.protected,
            ..Stack::default()
        }
    }

    fn storage(&self) -> LocalStorage {
        LocalStorage::new(&self.directory)
    }

    /// What the state of this name says about itself; none when there is none.
    fn label(&self) -> Result<Option<Label>, CommandError> {
        label(&self.storage(), &self.name)
    }

    /// The stack has another name than the state that has its resources.
    fn renamed(&self, old: &str) -> CommandError {
        let (file, new) = (self.file.display(), &self.name);
        let folder = self.directory.display();
        CommandError::hint(
            Code::Renamed,
            format!("{file} is now called `{new}`, and its resources are in the state `{old}`"),
            format!("set [stack].name back, or rename {folder}/{old}.* to {folder}/{new}.*"),
        )
    }

    /// The name of the state that records this file.
    fn recorded_name(&self, suffix: &str) -> Result<Option<String>, CommandError> {
        let storage = self.storage();
        let files = storage.list().unwrap_or_default();
        for file in files {
            let Some(name) = file.strip_suffix(".json") else {
                continue;
            };
            let instance = name.find('@').map_or("", |i| &name[i..]);
            if instance == suffix
                && let Some(label) = label(&storage, name)?
                && label.stack_file == self.recorded
            {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    /// The folder of the stack file, for relative paths.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// The sandbox's world of this stack.
    pub(crate) fn world_file(&self) -> PathBuf {
        let stack = self.name.split('@').next().unwrap_or_default();
        let beside = instance::is_beside(self.instance.as_deref());
        let name = if beside { stack } else { &self.name };
        self.directory.join(format!("{name}.world"))
    }

    /// Opens the state for a run in a world. With a lock it can be changed.
    pub(crate) fn open(
        &self,
        world: World,
        lock: bool,
        command: &str,
    ) -> Result<Store, CommandError> {
        let moved = self.label()?.is_some_and(|l| self.was_moved(&l.stack_file));
        let options = OpenOptions {
            stack_file: self.recorded.as_str().into(),
            world,
            keyring: keyring(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            lock,
            accept_moved: moved,
            who: owner(command),
        };
        let store = Store::open(Arc::new(self.storage()), &self.name, options)?;
        if let Some(torn) = store.torn() {
            say(&format!("Warning: {torn}"));
        }
        Ok(store)
    }

    /// Opens the state to look at it, whatever world it belongs to; none when there is none.
    pub(crate) fn look(&self, command: &str) -> Result<Option<Store>, CommandError> {
        let world = self.state_world()?;
        world.map(|w| self.open(w, false, command)).transpose()
    }

    /// Opens the state to change it without talking to a cloud; none when there is none.
    pub(crate) fn edit(&self, command: &str) -> Result<Option<Store>, CommandError> {
        let world = self.state_world()?;
        world.map(|w| self.open(w, true, command)).transpose()
    }

    /// The world of the state; none when there is no state. Files that say nothing are a damaged state: opening it tells.
    fn state_world(&self) -> Result<Option<World>, CommandError> {
        if let Some(label) = self.label()? {
            return Ok(Some(label.world));
        }
        let storage = self.storage();
        let is_there = |extension: &&str| {
            let file = format!("{}.{extension}", self.name);
            storage.exists(&file).unwrap_or(true)
        };
        let damaged = ["json", "json.backup", "journal"].iter().any(is_there);
        Ok(damaged.then_some(World::Cloud))
    }

    /// That there is nothing to look at yet.
    pub(crate) fn no_state(&self) -> CommandError {
        CommandError::hint(
            Code::NoState,
            format!("{} has no state yet", self.file.display()),
            "it has one after the first `infra apply`",
        )
    }

    /// Who is at work on the state now.
    pub(crate) fn lock_state(&self) -> Result<LockState, CommandError> {
        let lock = infra_state::lock_name(&self.name);
        self.storage().lock_state(&lock).map_err(|e| {
            Diagnostic::error(
                Code::StateIo,
                format!("cannot look at the lock of the state: {e}"),
            )
            .into()
        })
    }

    /// Takes the lock away from whoever holds it.
    pub(crate) fn break_lock(&self) -> Result<(), CommandError> {
        let lock = infra_state::lock_name(&self.name);
        self.storage().break_lock(&lock).map_err(|e| {
            Diagnostic::error(Code::StateIo, format!("cannot remove the lock: {e}")).into()
        })
    }

    /// Who did what, oldest first.
    pub(crate) fn history(&self) -> Result<Vec<Run>, CommandError> {
        Ok(infra_state::history::read(&self.storage(), &self.name)?)
    }

    /// Whether the state belongs to a file that is gone: then it was moved here.
    fn was_moved(&self, recorded: &str) -> bool {
        let base = self.directory.parent().unwrap_or(Path::new(""));
        recorded != self.recorded && !base.join(recorded).exists()
    }
}

/// The key for sensitive values, asked for when the first one appears.
pub(crate) fn keyring() -> Arc<Keyring> {
    Keyring::new(SystemKeys::of_process(say), Arc::new(SystemRandom))
}

fn unreadable(storage: &LocalStorage, file: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        Code::FileAccess,
        format!("cannot read {}: {error}", storage.describe(file)),
    )
}

/// Whether a state has resources, as far as it can be read.
fn has_resources(storage: &LocalStorage, name: &str) -> Result<bool, CommandError> {
    #[derive(Deserialize)]
    struct Resources {
        #[serde(default)]
        resources: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let file = format!("{name}.json");
    let snapshot = storage.read(&file);
    let snapshot = snapshot.map_err(|e| unreadable(storage, &file, &e))?;
    let read = snapshot.and_then(|bytes| serde_json::from_slice::<Resources>(&bytes).ok());
    Ok(read.is_some_and(|state| !state.resources.is_empty()))
}

/// Reads the beginning of a snapshot alone: it can be large, and is read as a whole when it is opened.
fn label(storage: &LocalStorage, name: &str) -> Result<Option<Label>, CommandError> {
    let snapshot = format!("{name}.json");
    let head = storage.head(&snapshot, HEAD);
    if let Some(mut head) = head.map_err(|e| unreadable(storage, &snapshot, &e))? {
        let cut = head
            .windows(AFTER_LABEL.len())
            .position(|w| w == AFTER_LABEL);
        if let Some(cut) = cut {
            head.truncate(cut);
            head.push(b'}');
            if let Ok(label) = serde_json::from_slice(&head) {
                return Ok(Some(label));
            }
        }
        // Not as we write it. A damaged one is told when it is opened.
        let whole = storage.read(&snapshot);
        let whole = whole.map_err(|e| unreadable(storage, &snapshot, &e))?;
        return Ok(serde_json::from_slice(&whole.unwrap_or_default()).ok());
    }
    let journal = format!("{name}.journal");
    let read = storage.read(&journal);
    let Some(journal) = read.map_err(|e| unreadable(storage, &journal, &e))? else {
        return Ok(None);
    };
    let header = journal.split(|b| *b == b'\n').next().unwrap_or_default();
    let json = header
        .iter()
        .position(|b| *b == b'{')
        .map_or(&[][..], |i| &header[i..]);
    Ok(serde_json::from_slice(json).ok())
}

/// The only stack in `stacks/`.
fn only_stack() -> Result<PathBuf, CommandError> {
    let mut found = stack_files(Path::new("stacks"))?;
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    if found.is_empty() {
        return Err(CommandError::hint(
            Code::NoStack,
            "no stack file was given, and there is none in stacks/",
            "give its path: infra plan path/to/stack.toml",
        ));
    }
    let names: Vec<String> = found.iter().map(|f| f.display().to_string()).collect();
    Err(CommandError::hint(
        Code::NoStack,
        format!("no stack file was given, and stacks/ has {}", found.len()),
        format!("choose one: {}", names.join(", ")),
    ))
}

/// The `.toml` files directly in a folder, sorted; none when there is no such folder.
pub(crate) fn stack_files(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CommandError::io("list", folder, &error)),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml") && p.is_file())
        .collect();
    found.sort();
    Ok(found)
}

/// The folder that holds the folder of states, and the stack file relative to it.
pub(crate) fn home_of(file: &Path) -> (PathBuf, String) {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    let name = file
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    // `-C stacks x.toml` and `x.toml` inside stacks/ mean the same place as `stacks/x.toml`.
    let shown = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let named = match shown.components().next_back() {
        Some(Component::Normal(last)) => Some(last.to_owned()),
        _ => shown
            .canonicalize()
            .ok()
            .and_then(|p| p.file_name().map(ToOwned::to_owned)),
    };
    if named.is_some_and(|n| n == "stacks") {
        let base = match (shown.parent(), shown.components().next_back()) {
            (Some(parent), Some(Component::Normal(_))) if parent.as_os_str().is_empty() => {
                PathBuf::from(".")
            }
            (Some(parent), Some(Component::Normal(_))) => parent.to_owned(),
            _ => shown.join(".."),
        };
        return (base, format!("stacks/{name}"));
    }
    (shown, name)
}

/// The `[stack]` table, as far as it can be read.
fn stack_table(text: &str) -> StackTable {
    let fragment = fragment(text);
    let parsed = fragment
        .parse::<toml_edit::DocumentMut>()
        .or_else(|_| text.parse());
    let Ok(document) = parsed else {
        return StackTable::default();
    };
    let Some(table) = document
        .get("stack")
        .and_then(toml_edit::Item::as_table_like)
    else {
        return StackTable::default();
    };
    let name = table.get("name").and_then(toml_edit::Item::as_str);
    StackTable {
        name: name.filter(|n| !n.contains("${")).map(str::to_owned),
        protect: table
            .get("protect")
            .and_then(toml_edit::Item::as_bool)
            .unwrap_or(false),
    }
}

/// The part of the text that says what the stack is called: the `[stack]` table alone, because a large file is not read
/// twice; everything when the table is written in another way.
fn fragment(text: &str) -> &str {
    let mut offset = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        match start {
            Some(start) if bare.starts_with('[') => return &text[start..offset],
            None if bare == "[stack]" => start = Some(offset),
            None if bare.starts_with("stack") => return text,
            _ => {}
        }
        offset += line.len();
    }
    start.map_or("", |start| &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_table_is_read_even_from_a_broken_file() {
        let cases = [
            (
                "[stack]\nname = \"prod\"\nprotect = true\n[x]\nbroken = \n",
                Some("prod"),
                true,
            ),
            ("stack = { name = \"inline\" }\n", Some("inline"), false),
            ("stack.name = \"dotted\"\n", Some("dotted"), false),
            ("[stack]\nname = \"${var.x}\"\n", None, false),
            ("[network.main]\n", None, false),
            ("broken = \n", None, false),
        ];
        for (text, name, protect) in cases {
            let table = stack_table(text);
            assert_eq!(
                (table.name.as_deref(), table.protect),
                (name, protect),
                "{text}"
            );
        }
    }

    #[test]
    fn the_state_lies_beside_stacks_or_beside_the_file() {
        let cases = [
            ("stacks/x.toml", ".", "stacks/x.toml"),
            ("a/stacks/x.toml", "a", "stacks/x.toml"),
            ("/p/stacks/x.toml", "/p", "stacks/x.toml"),
            ("x.toml", ".", "x.toml"),
            ("a/b/x.toml", "a/b", "x.toml"),
        ];
        for (file, base, recorded) in cases {
            let (found, name) = home_of(Path::new(file));
            assert_eq!(
                (found.as_path(), name.as_str()),
                (Path::new(base), recorded),
                "{file}"
            );
        }
    }

    #[test]
    fn a_state_is_found_by_its_file_when_the_name_cannot_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.toml");
        std::fs::write(&file, "[stack]\nname = \"shop\"\n").expect("written");
        let place = Place::find(Some(&file), None).expect("found");
        assert_eq!(place.name, "shop");
        let state = serde_json::json!({ "stack_file": "x.toml", "world": "cloud" });
        std::fs::create_dir(folder.path().join("state")).expect("made");
        std::fs::write(folder.path().join("state/shop.json"), state.to_string()).expect("written");
        std::fs::write(&file, "[stack\nname = \"shop\"\n").expect("written");
        assert_eq!(Place::find(Some(&file), None).expect("found").name, "shop");
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(Place::find(Some(&file), None).expect("found").name, "shop");
        assert!(Place::find(Some(&folder.path().join("y.toml")), None).is_err());
    }

    #[test]
    fn a_stack_that_is_renamed_does_not_lose_its_resources() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.toml");
        std::fs::write(&file, "[stack]\nname = \"new\"\n").expect("written");
        std::fs::create_dir(folder.path().join("state")).expect("made");
        let write = |resources: serde_json::Value| {
            let state = serde_json::json!({ "stack_file": "x.toml", "world": "cloud", "resources": resources });
            std::fs::write(folder.path().join("state/old.json"), state.to_string())
                .expect("written");
        };
        write(serde_json::json!({ "aws_vpc.main": {} }));
        let error = Place::find(Some(&file), None).expect_err("refused");
        assert!(
            error.diagnostics[0].message.contains("in the state `old`"),
            "{error:?}"
        );
        write(serde_json::json!({}));
        assert_eq!(Place::find(Some(&file), None).expect("found").name, "new");
    }
}
