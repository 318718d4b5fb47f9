//! What the fuzz targets do with any bytes, and the engine's tests with the bytes that are kept in `corpus`. Nothing may
//! panic, and what is accepted must come out as it went in.

use infra_engine::{Engine, SavedPlan};
use infra_lang::files::MemoryFiles;
use infra_lang::modules::NoFetch;
use infra_lang::{Evaluator, LoadRequest, Loaded, format, load, parse_expression};
use infra_model::Random;
use infra_model::diagnostic::Sources;
use infra_model::expand::NoComponents;
use infra_model::time::{Clock, Timestamp};
use infra_state::document::World;
use infra_state::memory::CountingRandom;
use infra_state::{Key, Keyring, MemoryStorage, OpenOptions, Owner, Sealer, State, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct NoTime;

#[async_trait::async_trait]
impl Clock for NoTime {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
    async fn sleep(&self, _: std::time::Duration) {}
}

fn random() -> Arc<dyn Random> {
    Arc::new(CountingRandom::new(0))
}

fn keyring() -> Arc<Keyring> {
    Keyring::with_key(Key::from_bytes([7; 32]), random())
}

/// An engine with the builtin provider, and no files to read.
fn engine() -> Engine {
    let files = Arc::new(MemoryFiles::default());
    let builtin = infra_builtin::provider(random(), Arc::new(infra_builtin::OsFiles));
    Engine {
        providers: [(builtin.name(), builtin)].into_iter().collect(),
        evaluator: Arc::new(Evaluator::new(files, PathBuf::from("."))),
        clock: Arc::new(NoTime),
        random: random(),
        environment: Default::default(),
        parallelism: None,
    }
}

fn loaded(text: &str, engine: &Engine) -> Loaded {
    load(&LoadRequest {
        path: Path::new("stacks/fuzz.toml"),
        name: "stacks/fuzz.toml",
        text,
        schemas: engine,
        expand: &NoComponents,
        given: &[],
        environment: &[],
        require_variables: false,
        instance: None,
        passing: None,
        files: Arc::new(MemoryFiles::default()),
        working_directory: PathBuf::from("."),
        fetch: &NoFetch,
        now: Timestamp(0),
    })
}

/// A stack file: it loads or says why not; its canonical layout means the same and stays as it is.
pub fn stack(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let engine = engine();
    let first = loaded(text, &engine);
    assert!(
        first.program.is_some() || !first.diagnostics.is_empty(),
        "refused without a word"
    );
    if let Ok(laid_out) = format(text) {
        let again = loaded(&laid_out, &engine);
        assert_eq!(
            first.program.is_some(),
            again.program.is_some(),
            "the layout changes what it means: {laid_out}"
        );
        assert_eq!(
            format(&laid_out).ok().as_deref(),
            Some(&*laid_out),
            "laid out twice"
        );
    }
}

/// One expression, as `infra console` takes it.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut sources = Sources::default();
    if let Err(problems) = parse_expression(text, &NoComponents, Path::new("."), &mut sources) {
        assert!(!problems.is_empty(), "refused without a word");
    }
}

fn opened(files: &[(&str, &[u8])]) -> Option<(MemoryStorage, Store)> {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        storage.put(name, bytes);
    }
    let before = storage.files();
    let options = OpenOptions {
        stack_file: "stacks/fuzz.toml".into(),
        world: World::Cloud,
        keyring: keyring(),
        clock: Arc::new(NoTime),
        random: random(),
        lock: true,
        accept_moved: true,
        who: Owner::default(),
    };
    match Store::open(Arc::new(storage.clone()), "s", options) {
        Ok(store) => Some((storage, store)),
        Err(_) => {
            assert_eq!(storage.files(), before, "a refusal changed a file");
            None
        }
    }
}

/// What is accepted is written down and read back as it was.
fn folded(files: &[(&str, &[u8])]) {
    let Some((storage, store)) = opened(files) else {
        return;
    };
    let state = essence(&store.state());
    futures::executor::block_on(store.fold()).expect("memory takes everything");
    drop(store);
    let written = storage.files();
    let files: Vec<(&str, &[u8])> = written.iter().map(|(n, b)| (&**n, &**b)).collect();
    let (_, again) = opened(&files).expect("what was written is read");
    assert_eq!(essence(&again.state()), state);
}

/// Without the numbers that only grow, and without the moment of reading.
fn essence(state: &State) -> State {
    State {
        sequence: 0,
        serial: 0,
        quiet_since: None,
        ..state.clone()
    }
}

/// A state file.
pub fn state(bytes: &[u8]) {
    folded(&[("s.json", bytes)]);
}

/// A journal beside no state file, and beside a good one.
pub fn journal(bytes: &[u8]) {
    folded(&[("s.journal", bytes)]);
    let good = include_bytes!("../corpus/state/good.json");
    folded(&[("s.json", good), ("s.journal", bytes)]);
}

/// A saved plan.
pub fn plan(bytes: &[u8]) {
    let sealer = Sealer::new(keyring(), "fuzz");
    let Ok(plan) = SavedPlan::from_bytes(bytes, &sealer) else {
        return;
    };
    let written = plan.to_bytes(&sealer).expect("there is a key");
    assert!(SavedPlan::from_bytes(&written, &sealer).is_ok());
}
