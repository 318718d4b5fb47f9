//! What the tests share: a clock that stands, resources, intents.

use infra_model::{Action, Address, Clock, ProviderAddress, Timestamp};
use infra_state::memory::CountingRandom;
use infra_state::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) struct Standing;

#[async_trait::async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
    async fn sleep(&self, _: Duration) {}
}

/// Every opening has other random numbers, as it would.
static SEED: AtomicU64 = AtomicU64::new(1);

pub(crate) fn random() -> Arc<CountingRandom> {
    Arc::new(CountingRandom::new(SEED.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) fn options() -> OpenOptions {
    let random = random();
    OpenOptions {
        stack_file: "stacks/s.toml".into(),
        world: World::Cloud,
        keyring: Keyring::with_key(Key::from_bytes([1; 32]), random.clone()),
        clock: Arc::new(Standing),
        random,
        lock: true,
        accept_moved: false,
        who: Owner {
            who: "ana".into(),
            place: "here".into(),
        },
    }
}

pub(crate) fn open(disk: &MemoryStorage) -> Store {
    Store::open(Arc::new(disk.clone()), "s", options()).unwrap()
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn resource(id: &str, attributes: Json) -> ResourceState {
    ResourceState {
        provider: ProviderAddress::default_of("aws"),
        provider_config: Arc::new(json!({"region": "eu-west-1"})),
        schema_version: 0,
        attributes,
        sensitive_paths: Vec::new(),
        dependencies: vec!["network.main".parse().unwrap()],
        create_before_destroy: false,
        tainted: false,
        deposed: BTreeMap::new(),
        private: None,
        id: id.to_owned(),
    }
}

pub(crate) fn put(at: &str, id: &str) -> StateChange {
    StateChange::Put {
        address: address(at),
        resource: resource(id, json!({"id": id})),
        depose: None,
    }
}

pub(crate) fn intent(store: &Store, action: Action, at: &str) -> Intent {
    let (operation, token) = store.new_operation();
    let address = address(at);
    Intent {
        operation,
        time: Timestamp(1),
        type_name: address.block.type_name.clone(),
        address,
        action,
        schema_version: 0,
        provider: ProviderAddress::default_of("aws"),
        provider_config: Arc::new(json!({"region": "eu-west-1"})),
        prior_id: None,
        deposed: None,
        dependencies: Vec::new(),
        planned: json!({"name": at}),
        sensitive_paths: Vec::new(),
        token,
        create_before_destroy: false,
        private: None,
        prior: None,
        prior_sensitive_paths: Vec::new(),
        lookup_only: false,
        hands_over: false,
    }
}

/// A whole operation.
pub(crate) async fn begin_and(store: &Store, action: Action, at: &str, outcome: Outcome) {
    let intent = intent(store, action, at);
    let operation = intent.operation.clone();
    store.intent(intent).await.unwrap();
    store.outcome(&operation, outcome).await.unwrap();
}
