//! The values of resource instances as they become known: prior, planned, applied. Whole blocks (`x[*].id`) are put together
//! once and shared, so that many readers of many instances cost no more than their sum.

use indexmap::IndexMap;
use infra_model::address::{Address, BlockAddress, InstanceKey};
use infra_model::hash::HashMap;
use infra_model::program::Repeat;
use infra_model::types::Type;
use infra_model::value::{Str, Value};

/// How the instances of a block are keyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keying {
    /// One, or none when it is switched off.
    #[default]
    Single,
    /// By index.
    Count,
    /// By name.
    ForEach,
}

impl Keying {
    /// As the program says.
    pub(crate) fn of(repeat: &Repeat) -> Keying {
        match repeat {
            Repeat::Single | Repeat::Enabled(_) => Keying::Single,
            Repeat::Count(_) => Keying::Count,
            Repeat::ForEach(_) => Keying::ForEach,
        }
    }
}

/// The instances of one block.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockValues {
    keying: Keying,
    /// The instance without a key. Most blocks have no other, and need no map.
    single: Option<Value>,
    instances: IndexMap<Option<InstanceKey>, Value>,
    whole: Option<Value>,
    /// Which instances exist is not known yet.
    unknown: bool,
}

impl BlockValues {
    pub(crate) fn new(keying: Keying) -> BlockValues {
        BlockValues {
            keying,
            ..BlockValues::default()
        }
    }

    /// A block whose `for_each` is not known yet.
    pub(crate) fn unknown(keying: Keying) -> BlockValues {
        BlockValues {
            keying,
            unknown: true,
            ..BlockValues::default()
        }
    }

    pub(crate) fn keying(&self) -> Keying {
        self.keying
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.unknown
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Option<InstanceKey>> {
        let single = self.single.iter().map(|_| &None);
        single.chain(self.instances.keys())
    }

    pub(crate) fn get(&self, key: &Option<InstanceKey>) -> Option<&Value> {
        match key {
            None => self.single.as_ref(),
            Some(_) => self.instances.get(key),
        }
    }

    pub(crate) fn set(&mut self, key: Option<InstanceKey>, value: Value) {
        match key {
            None => self.single = Some(value),
            Some(_) => {
                self.instances.insert(key, value);
            }
        }
        self.whole = None;
    }

    pub(crate) fn remove(&mut self, key: &Option<InstanceKey>) {
        match key {
            None => self.single = None,
            Some(_) => {
                self.instances.shift_remove(key);
            }
        }
        self.whole = None;
    }

    /// The value of the block as a whole: an object, a tuple of objects, or an object of objects.
    pub(crate) fn whole(&mut self) -> Value {
        if self.unknown {
            return Value::Unknown(Type::Any);
        }
        if self.keying == Keying::Single {
            return self.single.clone().unwrap_or(Value::NULL);
        }
        if self.whole.is_none() {
            self.whole = Some(match self.keying {
                Keying::Single | Keying::Count => {
                    let mut items: Vec<_> = self.instances.iter().collect();
                    items.sort_by(|a, b| a.0.cmp(b.0));
                    let items = items.into_iter().map(|(_, v)| v.clone());
                    Value::tuple(self.single.iter().cloned().chain(items).collect())
                }
                Keying::ForEach => {
                    Value::object(self.instances.iter().filter_map(|(key, value)| match key {
                        Some(InstanceKey::Name(name)) => Some((Str::clone(name), value.clone())),
                        _ => None,
                    }))
                }
            });
        }
        self.whole.clone().unwrap_or(Value::NULL)
    }
}

/// All blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    blocks: HashMap<BlockAddress, BlockValues>,
}

impl Values {
    pub(crate) fn declare(&mut self, block: BlockAddress, values: BlockValues) {
        self.blocks.insert(block, values);
    }

    pub(crate) fn block(&self, block: &BlockAddress) -> Option<&BlockValues> {
        self.blocks.get(block)
    }

    pub(crate) fn block_mut(&mut self, block: &BlockAddress) -> Option<&mut BlockValues> {
        self.blocks.get_mut(block)
    }

    /// Takes one instance away.
    pub(crate) fn remove(&mut self, address: &Address) {
        if let Some(block) = self.blocks.get_mut(&address.block) {
            block.remove(&address.key);
        }
    }

    /// Sets one instance, declaring its block by its key if nobody has.
    pub(crate) fn set(&mut self, address: &Address, value: Value) {
        let keying = match &address.key {
            None => Keying::Single,
            Some(InstanceKey::Index(_)) => Keying::Count,
            Some(InstanceKey::Name(_)) => Keying::ForEach,
        };
        self.blocks
            .entry(address.block.clone())
            .or_insert_with(|| BlockValues::new(keying))
            .set(address.key.clone(), value);
    }
}
