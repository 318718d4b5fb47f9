//! The state file: readable JSON with a checksum over itself. Bytes in, bytes out.

use crate::codec::{Codec, Fault};
use crate::configs::ConfigTable;
use crate::document::{FORMAT, State, World};
use crate::error::StateError;
use crate::seal::Sealer;
use crate::stored::{StoredIntent, StoredObject, StoredOutput};
use indexmap::IndexMap;
use infra_model::checked::Checked;
use infra_model::defect::Defect;
use infra_model::{Address, Str, Timestamp};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The checksum's text while it is not known yet; it does not count for itself.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Serialize)]
struct DocumentOut<'a> {
    format: u32,
    checksum: &'static str,
    lineage: &'a str,
    serial: u64,
    sequence: u64,
    stack_file: &'a str,
    world: &'a World,
    outputs: IndexMap<&'a str, StoredOutput<'a>>,
    #[serde(skip_serializing_if = "<[Checked]>::is_empty")]
    checked: &'a [Checked],
    provider_configs: &'a BTreeMap<Str, Arc<Json>>,
    resources: BTreeMap<&'a Address, StoredObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unfinished: Vec<StoredIntent<'a>>,
    durations: &'a BTreeMap<Str, u64>,
    quiet_since: Timestamp,
}

#[derive(Deserialize)]
struct DocumentIn {
    lineage: Str,
    serial: u64,
    sequence: u64,
    stack_file: Str,
    world: World,
    outputs: IndexMap<Str, StoredOutput<'static>>,
    #[serde(default)]
    checked: Vec<Checked>,
    provider_configs: BTreeMap<Str, Arc<Json>>,
    #[serde(deserialize_with = "in_order")]
    resources: Vec<(Address, StoredObject<'static>)>,
    #[serde(default)]
    unfinished: Vec<StoredIntent<'static>>,
    #[serde(default)]
    durations: BTreeMap<Str, u64>,
    #[serde(default)]
    quiet_since: Option<Timestamp>,
}

/// The entries of a map as they stand; of those with the same key the last will count.
fn in_order<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(Address, StoredObject<'static>)>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Address, StoredObject<'static>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("resources by their addresses")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries)
}

/// A snapshot that was read.
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) configs: ConfigTable,
    pub(crate) checksum: String,
}

/// What every snapshot begins with, up to the checksum's digits.
fn opening() -> String {
    format!("{{\n  \"format\": {FORMAT},\n  \"checksum\": \"sha256:")
}

/// The bytes of a state that is folded now, under this serial and sequence, and their checksum.
pub(crate) fn encode(
    state: &State,
    serial: u64,
    sequence: u64,
    now: Timestamp,
    codec: &Codec<'_>,
) -> Result<(Vec<u8>, String), StateError> {
    let mut outputs = IndexMap::with_capacity(state.outputs.len());
    for (name, output) in &state.outputs {
        outputs.insert(&**name, codec.store_output(name, output)?);
    }
    let mut resources = BTreeMap::new();
    for (address, resource) in &state.resources {
        resources.insert(address, codec.store_resource(address, resource, true)?);
    }
    let mut unfinished = Vec::with_capacity(state.unfinished.len());
    for u in state.unfinished.values() {
        if Defect::UnfinishedNotFolded.is_present() {
            break;
        }
        unfinished.push(codec.store_intent(&u.intent, u.id.as_deref())?);
    }
    let document = DocumentOut {
        format: FORMAT,
        checksum: "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        lineage: &state.lineage,
        serial,
        sequence,
        stack_file: &state.stack_file,
        world: &state.world,
        outputs,
        checked: &state.checked,
        provider_configs: codec.configs.entries(),
        resources,
        unfinished,
        durations: &state.durations,
        quiet_since: now,
    };
    let mut bytes =
        serde_json::to_vec_pretty(&document).expect("every key of a state is text when written");
    bytes.push(b'\n');
    let from = opening().len();
    let digits = digest(&bytes, from);
    bytes[from..from + NO_CHECKSUM.len()].copy_from_slice(digits.as_bytes());
    Ok((bytes, format!("sha256:{digits}")))
}

/// Over everything but the digits at `from`.
fn digest(bytes: &[u8], from: usize) -> String {
    let digest = Sha256::new()
        .chain_update(&bytes[..from])
        .chain_update(&bytes[from + NO_CHECKSUM.len()..])
        .finalize();
    hex::encode(digest)
}

/// Why a snapshot cannot be read.
pub(crate) enum SnapshotError {
    /// It is not what was written.
    Damage(String),
    /// Written by a newer version.
    Newer(u32),
    /// A key or a sealed value.
    State(StateError),
}

impl From<Fault> for SnapshotError {
    fn from(fault: Fault) -> SnapshotError {
        match fault {
            Fault::Shape(what) => SnapshotError::Damage(what),
            Fault::State(error) => SnapshotError::State(error),
        }
    }
}

/// Reads a snapshot whose checksum is right. Its lineage decides the sealer.
pub(crate) fn decode(
    bytes: &[u8],
    sealer: impl FnOnce(&str) -> Sealer,
) -> Result<Snapshot, SnapshotError> {
    let opening = opening();
    let from = opening.len();
    let digits = bytes
        .strip_prefix(opening.as_bytes())
        .and_then(|rest| rest.get(..NO_CHECKSUM.len()));
    let Some(digits) = digits else {
        return Err(if opening_was_changed(bytes, &opening) {
            SnapshotError::Damage("its first lines are not what was written".to_owned())
        } else {
            other_shape(bytes)
        });
    };
    let checksum = digest(bytes, from);
    if digits != checksum.as_bytes() {
        return Err(SnapshotError::Damage(
            "its checksum does not fit its contents".to_owned(),
        ));
    }
    load(bytes, format!("sha256:{checksum}"), sealer)
}

/// Whether all is as it was written but the opening: the version in it says nothing then.
fn opening_was_changed(bytes: &[u8], opening: &str) -> bool {
    let from = opening.len();
    bytes.len() > from + NO_CHECKSUM.len() && {
        let mended = [opening.as_bytes(), &bytes[from..]].concat();
        digest(&mended, from).as_bytes() == &mended[from..from + NO_CHECKSUM.len()]
    }
}

/// Reads a snapshot that a person may have edited: its checksum does not count.
pub(crate) fn decode_edited(
    bytes: &[u8],
    sealer: impl FnOnce(&str) -> Sealer,
) -> Result<Snapshot, SnapshotError> {
    if let error @ SnapshotError::Newer(_) = other_shape(bytes) {
        return Err(error);
    }
    load(bytes, String::new(), sealer)
}

fn load(
    bytes: &[u8],
    checksum: String,
    sealer: impl FnOnce(&str) -> Sealer,
) -> Result<Snapshot, SnapshotError> {
    let document: DocumentIn =
        serde_json::from_slice(bytes).map_err(|e| SnapshotError::Damage(e.to_string()))?;
    let mut configs = ConfigTable::default();
    for (key, config) in document.provider_configs {
        configs.insert(key, config);
    }
    let sealer = sealer(&document.lineage);
    let codec = Codec {
        sealer: &sealer,
        configs: &configs,
    };
    let mut state = State::empty(document.lineage, document.stack_file, document.world);
    state.serial = document.serial;
    state.sequence = document.sequence;
    state.durations = document.durations;
    state.quiet_since = document.quiet_since;
    state.checked = document.checked;
    for (name, stored) in document.outputs {
        let output = codec.load_output(&name, stored)?;
        state.outputs.insert(name, output);
    }
    state.resources.reserve(document.resources.len());
    for (address, stored) in document.resources {
        let resource = codec.load_resource(&address, stored)?;
        state.resources.insert(address, Arc::new(resource));
    }
    for stored in document.unfinished {
        let unfinished = codec.load_intent(stored)?;
        state
            .unfinished
            .insert(unfinished.intent.operation.clone(), unfinished);
    }
    let configs = used_configs(&state, &configs);
    Ok(Snapshot {
        state,
        configs,
        checksum,
    })
}

/// Without the configurations that nothing uses any more.
fn used_configs(state: &State, configs: &ConfigTable) -> ConfigTable {
    let mut used = BTreeSet::new();
    for resource in state.resources.values() {
        used.insert(Arc::as_ptr(&resource.provider_config).addr());
        for deposed in resource.deposed.values() {
            used.insert(Arc::as_ptr(&deposed.provider_config).addr());
        }
    }
    for unfinished in state.unfinished.values() {
        used.insert(Arc::as_ptr(&unfinished.intent.provider_config).addr());
    }
    let mut kept = ConfigTable::default();
    for (key, config) in configs.entries() {
        if used.contains(&Arc::as_ptr(config).addr()) {
            kept.insert(key.clone(), config.clone());
        }
    }
    kept
}

/// A file that does not begin as ours do: a newer format, something else, or damage.
fn other_shape(bytes: &[u8]) -> SnapshotError {
    #[derive(Deserialize)]
    struct Probe<'a> {
        format: Option<u32>,
        #[serde(borrow)]
        checksum: Option<Cow<'a, str>>,
        #[serde(borrow)]
        terraform_version: Option<Cow<'a, str>>,
    }
    let what = match serde_json::from_slice::<Probe<'_>>(bytes) {
        _ if bytes.is_empty() => "it is empty".to_owned(),
        Ok(Probe {
            format: Some(found),
            ..
        }) if found > FORMAT => return SnapshotError::Newer(found),
        Ok(probe) if probe.terraform_version.is_some() => {
            "it is a state of Terraform, not one of infra".to_owned()
        }
        Ok(probe) if probe.checksum.is_some() => {
            "it was written by something else than infra, and its checksum cannot be checked"
                .to_owned()
        }
        Ok(_) => "it has no checksum".to_owned(),
        Err(error) => error.to_string(),
    };
    SnapshotError::Damage(what)
}
