//! Maps whose keys are hashed quickly. Programs and states have hundreds of thousands of addresses, and looking them up is a
//! good part of planning. Keys come from the user's own files, so that nothing guards against those made to collide; hashing
//! is the same in every run.

use foldhash::fast::FixedState;

/// A [`std::collections::HashMap`]; made by `default()`.
pub type HashMap<K, V> = std::collections::HashMap<K, V, FixedState>;
/// A [`std::collections::HashSet`]; made by `default()`.
pub type HashSet<K> = std::collections::HashSet<K, FixedState>;
/// An [`indexmap::IndexMap`]; made by `default()`.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, FixedState>;
/// An [`indexmap::IndexSet`]; made by `default()`.
pub type IndexSet<K> = indexmap::IndexSet<K, FixedState>;
