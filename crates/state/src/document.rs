//! What the state says: plain data, as it is in memory. How it is stored, and how it changes, is decided elsewhere.

use crate::error::StateError;
use crate::journal::Intent;
use crate::seal;
use indexmap::IndexMap;
use infra_model::checked::Checked;
use infra_model::hash;
use infra_model::{
    Address, BlockAddress, InstanceKey, OperationId, Path, ProviderAddress, Random, Str, Timestamp,
    Value,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The version of the stored shape that this binary writes.
pub const FORMAT: u32 = 1;

/// Everything known of a stack's resources. Cloning copies no attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Version of the stored shape.
    pub format: u32,
    /// Identifies this state for ever; tokens are made from it.
    pub lineage: Str,
    /// Goes up with every snapshot.
    pub serial: u64,
    /// The last journal record in it; goes up with every record. A saved plan binds serial and sequence.
    pub sequence: u64,
    /// The stack file that it belongs to.
    pub stack_file: Str,
    /// Where its resources live.
    pub world: World,
    /// The stack's outputs.
    pub outputs: IndexMap<Str, OutputState>,
    /// How its conditions stood at the end of the last apply.
    pub checked: Vec<Checked>,
    /// Every instance. A snapshot lists them sorted.
    pub resources: hash::IndexMap<Address, Arc<ResourceState>>,
    /// Operations whose outcome is not known.
    pub unfinished: IndexMap<OperationId, Unfinished>,
    /// Learnt durations in milliseconds, by `type/action`.
    pub durations: BTreeMap<Str, u64>,
    /// When the last run ended; none while one changes something, and after one that was interrupted. What was made
    /// shortly before may not be seen by every read yet.
    pub quiet_since: Option<Timestamp>,
}

/// Where resources live: a run against one world must never touch the state of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum World {
    /// The real clouds.
    Cloud,
    /// A sandbox, by the id of its world.
    Sandbox(Str),
}

/// One instance, as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceState {
    /// Which provider configuration manages it.
    pub provider: ProviderAddress,
    /// That configuration as it was resolved (region, account, endpoints), without credentials. Shared between resources.
    pub provider_config: Arc<Json>,
    /// Version of the attributes' shape.
    pub schema_version: u32,
    /// As `model::json::to_json_as` writes them under the schema's type. Null when only deposed objects are left.
    pub attributes: Json,
    /// What in the attributes is sensitive.
    pub sensitive_paths: Vec<Path>,
    /// What it depends on: an instance, or the junction of a block, component or module.
    pub dependencies: Vec<DependencyRef>,
    /// Whether a replacement is created before this one is deleted.
    pub create_before_destroy: bool,
    /// Whether the next apply must replace it.
    pub tainted: bool,
    /// Objects that were replaced and are not deleted yet. Only depositing and deleting them changes this: whatever a new
    /// value of the resource says here is ignored.
    pub deposed: BTreeMap<DeposedKey, Deposed>,
    /// What the resource type keeps for itself.
    pub private: Option<Json>,
    /// The cloud's id.
    pub id: String,
}

/// A replaced object that is still to be deleted; fields as in [`ResourceState`].
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "as in `ResourceState`")]
pub struct Deposed {
    pub provider: ProviderAddress,
    pub provider_config: Arc<Json>,
    pub schema_version: u32,
    pub attributes: Json,
    pub sensitive_paths: Vec<Path>,
    pub dependencies: Vec<DependencyRef>,
    pub create_before_destroy: bool,
    pub tainted: bool,
    pub private: Option<Json>,
    pub id: String,
}

/// Names a deposed object within its resource: 8 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeposedKey(pub Str);

/// One output of the stack.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputState {
    /// Its value, without marks. Unknown when it is encrypted and there is no key.
    pub value: Value,
    /// Never shown, stored encrypted.
    pub sensitive: bool,
    /// The encrypted value, while it cannot be read.
    pub(crate) sealed: Option<Json>,
}

/// What a resource depends on. Stored as its text; text without a key is a junction, which for a block without `count` and
/// `for_each` is the same as its only instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyRef {
    /// One instance, or one instance of a component or module.
    Address(Address),
    /// All instances of a block, component or module.
    Block(BlockAddress),
}

/// An operation that was begun and has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// What was to be done.
    pub intent: Intent,
    /// The cloud's id, when it was learnt before the end.
    pub id: Option<String>,
}

impl State {
    /// A state of nothing.
    #[must_use]
    pub fn empty(lineage: impl Into<Str>, stack_file: impl Into<Str>, world: World) -> State {
        State {
            format: FORMAT,
            lineage: lineage.into(),
            serial: 0,
            sequence: 0,
            stack_file: stack_file.into(),
            world,
            outputs: IndexMap::new(),
            checked: Vec::new(),
            resources: hash::IndexMap::default(),
            unfinished: IndexMap::new(),
            durations: BTreeMap::new(),
            quiet_since: None,
        }
    }

    /// One instance.
    #[must_use]
    pub fn resource(&self, address: &Address) -> Option<&ResourceState> {
        self.resources.get(address).map(|r| &**r)
    }

    /// What the instances that stay depend on when those that are gone hand on to them what they depended on themselves, for each
    /// of which that is more than is recorded: what stood between two of them says no more which of them goes first.
    #[must_use]
    pub fn handed_on(
        &self,
        is_gone: impl Fn(&Address) -> bool,
    ) -> hash::IndexMap<Address, Vec<DependencyRef>> {
        let gone: Vec<_> = self.resources.iter().filter(|(a, _)| is_gone(a)).collect();
        let mut by_name: hash::HashMap<DependencyRef, Vec<usize>> = hash::HashMap::default();
        for (i, (address, _)) in gone.iter().enumerate() {
            for name in DependencyRef::naming(address) {
                by_name.entry(name).or_default().push(i);
            }
        }
        let mut handed = hash::IndexMap::default();
        if gone.is_empty() {
            return handed;
        }
        for (address, resource) in self.resources.iter().filter(|(a, _)| !is_gone(a)) {
            let mut all = resource.dependencies.clone();
            let mut known: hash::HashSet<DependencyRef> = all.iter().cloned().collect();
            let mut at = 0;
            while let Some(dependency) = all.get(at) {
                let through = by_name.get(dependency).into_iter().flatten();
                let more: Vec<DependencyRef> = through
                    .flat_map(|i| gone[*i].1.dependencies.iter().cloned())
                    .collect();
                all.extend(more.into_iter().filter(|d| known.insert(d.clone())));
                at += 1;
            }
            if all.len() > resource.dependencies.len() {
                handed.insert(address.clone(), all);
            }
        }
        handed
    }

    /// Whether nothing is left that could cost money: no resource, no deposed object, nothing under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.unfinished.is_empty()
    }

    /// Whether some sensitive value could not be decrypted, for want of its key.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.resources.values().any(|r| r.is_sealed())
            || self.outputs.values().any(|o| o.sealed.is_some())
            || self.unfinished.values().any(|u| u.intent.is_sealed())
    }

    /// The expected duration of an action on a type, learnt from past runs.
    #[must_use]
    pub fn duration(&self, type_name: &str, action: &str) -> Option<std::time::Duration> {
        let key = format!("{type_name}/{action}");
        self.durations
            .get(key.as_str())
            .map(|ms| std::time::Duration::from_millis(*ms))
    }
}

impl ResourceState {
    /// Whether the object itself is there, not only deposed ones.
    #[must_use]
    pub fn has_current(&self) -> bool {
        !self.attributes.is_null()
    }

    /// Whether a sensitive attribute could not be decrypted.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        seal::is_sealed(&self.attributes, &self.sensitive_paths)
            || self
                .deposed
                .values()
                .any(|d| seal::is_sealed(&d.attributes, &d.sensitive_paths))
    }

    /// The current object as a deposed one.
    #[must_use]
    pub fn to_deposed(&self) -> Deposed {
        Deposed {
            provider: self.provider.clone(),
            provider_config: self.provider_config.clone(),
            schema_version: self.schema_version,
            attributes: self.attributes.clone(),
            sensitive_paths: self.sensitive_paths.clone(),
            dependencies: self.dependencies.clone(),
            create_before_destroy: self.create_before_destroy,
            tainted: self.tainted,
            private: self.private.clone(),
            id: self.id.clone(),
        }
    }
}

impl From<Deposed> for ResourceState {
    /// As a current object without deposed ones.
    fn from(d: Deposed) -> ResourceState {
        ResourceState {
            provider: d.provider,
            provider_config: d.provider_config,
            schema_version: d.schema_version,
            attributes: d.attributes,
            sensitive_paths: d.sensitive_paths,
            dependencies: d.dependencies,
            create_before_destroy: d.create_before_destroy,
            tainted: d.tainted,
            deposed: BTreeMap::new(),
            private: d.private,
            id: d.id,
        }
    }
}

impl OutputState {
    /// An output; marks are taken off the value.
    ///
    /// # Errors
    /// [`StateError::Ephemeral`]: such a value is never stored.
    pub fn new(name: &str, value: &Value, sensitive: bool) -> Result<OutputState, StateError> {
        let marks = value.deep_marks();
        if marks.ephemeral {
            return Err(StateError::Ephemeral(format!("output `{name}`")));
        }
        Ok(OutputState {
            value: value.unmark_deep(),
            sensitive: sensitive || marks.sensitive,
            sealed: None,
        })
    }

    /// Whether the value could not be decrypted.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }
}

impl DeposedKey {
    /// A new one.
    #[must_use]
    pub fn generate(random: &dyn Random) -> DeposedKey {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        DeposedKey(hex::encode(bytes).into())
    }
}

impl fmt::Display for DeposedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl DependencyRef {
    /// The block part, and the key if only one instance is meant.
    #[must_use]
    pub fn parts(&self) -> (&BlockAddress, Option<&InstanceKey>) {
        match self {
            DependencyRef::Address(a) => (&a.block, a.key.as_ref()),
            DependencyRef::Block(b) => (b, None),
        }
    }

    /// Whether this resource instance is meant: it, its block, or a component or module around it.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        let (block, key) = self.parts();
        block.covers(key, address)
    }

    /// Everything that means this address: the instance, its block, and the modules and components around it, each as one
    /// instance and as all of them. An index by these answers what [`DependencyRef::covers`] says at the price of a look.
    pub fn naming(address: &Address) -> impl Iterator<Item = DependencyRef> + '_ {
        let scope = &address.block.scope;
        let around = (1..=scope.steps().len()).filter_map(|depth| {
            let path = scope.first(depth);
            let key = path.steps().last().and_then(|step| step.key.clone());
            Some((path.call()?, key))
        });
        std::iter::once((address.block.clone(), address.key.clone()))
            .chain(around)
            .flat_map(|(block, key)| {
                let one = key.map(|key| DependencyRef::Address(block.instance(Some(key))));
                std::iter::once(DependencyRef::Block(block)).chain(one)
            })
    }
}

impl From<Address> for DependencyRef {
    /// An address without a key becomes the junction, which is how it reads back.
    fn from(address: Address) -> DependencyRef {
        match address.key {
            Some(_) => DependencyRef::Address(address),
            None => DependencyRef::Block(address.block),
        }
    }
}

impl From<BlockAddress> for DependencyRef {
    fn from(block: BlockAddress) -> DependencyRef {
        DependencyRef::Block(block)
    }
}

impl fmt::Display for DependencyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DependencyRef::Address(a) => a.fmt(f),
            DependencyRef::Block(b) => b.fmt(f),
        }
    }
}

impl FromStr for DependencyRef {
    type Err = infra_model::address::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Address>().map(Into::into)
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            World::Cloud => f.write_str("cloud"),
            World::Sandbox(id) => write!(f, "sandbox:{id}"),
        }
    }
}

impl World {
    /// As a sentence names it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            World::Cloud => "resources in the real cloud".to_owned(),
            World::Sandbox(id) => format!("the sandbox world `{id}`"),
        }
    }
}

impl FromStr for World {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cloud" => Ok(World::Cloud),
            Some(("sandbox", id)) if !id.is_empty() => Ok(World::Sandbox(id.into())),
            _ => Err(format!("`{text}` is no world")),
        }
    }
}

/// Stored as their text.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(DependencyRef);
as_text!(World);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_covers_what_its_text_names() {
        let cases = [
            ("aws_vpc.main", "aws_vpc.main", true),
            ("aws_subnet.a", "aws_subnet.a[\"x\"]", true),
            ("aws_subnet.a[\"x\"]", "aws_subnet.a[\"x\"]", true),
            ("aws_subnet.a[\"x\"]", "aws_subnet.a[\"y\"]", false),
            ("network.main", "network.main.aws_vpc.this", true),
            ("network.main", "network.main[\"eu\"].aws_vpc.this", true),
            (
                "network.main[\"us\"]",
                "network.main[\"eu\"].aws_vpc.this",
                false,
            ),
            ("network.main", "module.q.network.main.aws_vpc.this", false),
            (
                "module.q.network.main",
                "module.q.network.main.aws_vpc.this",
                true,
            ),
            ("module.q", "module.q.network.main.aws_vpc.this", true),
            ("data.aws_vpc.main", "aws_vpc.main", false),
        ];
        for (dependency, address, expected) in cases {
            let parsed: DependencyRef = dependency.parse().expect("a dependency");
            assert_eq!(parsed.to_string(), dependency);
            let address: Address = address.parse().expect("an address");
            assert_eq!(
                parsed.covers(&address),
                expected,
                "{dependency} of {address}"
            );
        }
    }

    #[test]
    fn worlds_read_back() {
        for world in [World::Cloud, World::Sandbox("w-1:x".into())] {
            assert_eq!(world.to_string().parse::<World>(), Ok(world));
        }
        assert!("sandbox:".parse::<World>().is_err());
    }
}
