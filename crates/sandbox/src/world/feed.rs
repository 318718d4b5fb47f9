//! What watchers are told: changes of objects in the order in which they were committed. It lives in memory, so
//! that who asks for what was before this process hears that it is gone.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::{Document, Key, Stored, Tx, World};

/// Changes that are kept.
const KEPT: usize = 20_000;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// A change of an object.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) scope: String,
    /// The table of the object.
    pub(crate) topic: String,
    pub(crate) version: u64,
    pub(crate) change: Change,
    /// The object after it; the last that was of a deleted one.
    pub(crate) object: Arc<Value>,
    pub(crate) before: Option<Arc<Value>>,
}

/// The changes so far, and those of the transaction under way.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    pending: Vec<Announcement>,
    recent: VecDeque<Arc<Announcement>>,
    /// Changes up to this version are forgotten.
    oldest: u64,
}

impl Feed {
    /// Forgets what was before.
    pub(super) fn forget(&mut self, version: u64) {
        self.recent.clear();
        self.oldest = version;
    }

    pub(super) fn publish(&mut self) {
        for announcement in self.pending.drain(..) {
            if self.recent.len() == KEPT
                && let Some(dropped) = self.recent.pop_front()
            {
                self.oldest = dropped.version;
            }
            self.recent.push_back(Arc::new(announcement));
        }
    }
}

impl World {
    /// The changes after a version; `None` when some of them are forgotten.
    pub(crate) fn since(&self, scope: &str, version: u64) -> Option<Vec<Arc<Announcement>>> {
        if version < self.feed.oldest {
            return None;
        }
        let start = self
            .feed
            .recent
            .partition_point(|change| change.version <= version);
        let later = self.feed.recent.range(start..);
        Some(
            later
                .filter(|change| change.scope == scope)
                .cloned()
                .collect(),
        )
    }

    /// The version of the world now.
    pub(crate) fn version(&self) -> u64 {
        self.counter
    }

    /// The world's id and seed.
    pub(crate) fn identity(&self) -> (uuid::Uuid, u64) {
        (self.id, self.seed)
    }
}

impl Tx<'_> {
    /// A version that this world has not given out before, greater than all before.
    pub(crate) fn tick(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The version of the world now.
    pub(crate) fn version(&self) -> u64 {
        self.counter
    }

    /// Tells watchers, once this is committed.
    pub(crate) fn announce(&mut self, announcement: Announcement) {
        self.world.feed.pending.push(announcement);
    }

    /// How far the transaction is.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.undo.len(), self.world.feed.pending.len())
    }

    /// Undoes all since a mark; the transaction goes on.
    pub(crate) fn undo_to(&mut self, (writes, told): (usize, usize)) {
        self.world.feed.pending.truncate(told);
        for (key, old) in self.undo.split_off(writes).into_iter().rev() {
            match old {
                Some(entry) => drop(self.world.insert(entry)),
                None => drop(self.world.remove(&key)),
            }
        }
    }

    /// Documents of a kind in every scope.
    pub(crate) fn everywhere<T: Document>(&self) -> Vec<(String, Stored<T>)> {
        let scopes = self.world.tables.get(T::KIND).into_iter().flatten();
        let mut found: Vec<_> = scopes
            .flat_map(|(scope, table)| {
                table
                    .values()
                    .map(|entry| (scope.clone(), Self::stored(entry)))
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// The scopes in which there are documents of a kind.
    pub(crate) fn scopes<T: Document>(&self) -> Vec<String> {
        let scopes = self.world.tables.get(T::KIND).into_iter().flatten();
        scopes
            .filter(|(_, table)| !table.is_empty())
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    /// Takes every document of a kind in a scope away.
    pub(crate) fn clear<T: Document>(&mut self, scope: &str) {
        let ids: Vec<String> = self
            .world
            .table::<T>(scope)
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default();
        for id in ids {
            let key = Key(T::KIND.to_owned(), scope.to_owned(), id);
            if let Some(old) = self.world.remove(&key) {
                self.undo.push((key, Some(old)));
            }
        }
    }

    /// The world's id and seed.
    pub(crate) fn identity(&self) -> (uuid::Uuid, u64) {
        self.world.identity()
    }
}
