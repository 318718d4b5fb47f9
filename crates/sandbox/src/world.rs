//! The world: every document of every cloud, indexed by kind and by what it refers to, changed in transactions
//! that are written to the world file before they are answered. It knows nothing of any cloud's rules.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, Deref};
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Millis;
use crate::journal::{Journal, JournalError, Line, Op};
use crate::tags::Tags;

pub(crate) use self::feed::{Announcement, Change, Feed};
pub(crate) use self::listed::Listed;

mod feed;
mod listed;
mod seat;

/// A resource, or a piece of one, that the world keeps.
pub(crate) trait Document: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The table it lives in; part of the file format.
    const KIND: &'static str;
    /// Whether its id is unique in the account or only in a region.
    const SCOPE: Scope = Scope::Regional;

    /// Its id: unique in its kind and scope.
    fn id(&self) -> &str;

    /// What it refers to, by id: `Tx::referrers` finds it by each.
    fn links(&self) -> Vec<String> {
        Vec::new()
    }

    /// When it vanishes by itself, if it does.
    fn gone_at(&self) -> Option<Millis> {
        None
    }

    /// Until when it counts as a live resource; a deleted NAT gateway is shown for a while but is not alive.
    fn live_until(&self) -> Option<Millis> {
        self.gone_at()
    }

    /// The resource type and cloud under which `/_sandbox/resources` lists it; `None` for what the cloud makes
    /// by itself and takes away with its parent.
    fn listed(&self) -> Option<Listed> {
        None
    }
}

/// Where a document's id is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One per region of the request.
    Regional,
    /// One in the account.
    Global,
}

impl Scope {
    /// The name of the scope for a request to `region`.
    pub(crate) fn name(self, region: &str) -> &str {
        match self {
            Self::Regional => region,
            Self::Global => "",
        }
    }
}

/// Kind, scope and id of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) String, pub(crate) String, pub(crate) String);

/// A document as the file and the tables hold it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live_until: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<Listed>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
    doc: Value,
    /// The document as its service's struct, made once.
    #[serde(skip)]
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// A document with its tags, read.
pub(crate) struct Stored<T> {
    entry: Arc<Entry>,
    doc: Arc<T>,
}

impl<T> Stored<T> {
    /// Its tags.
    pub(crate) fn tags(&self) -> &Tags {
        &self.entry.tags
    }
}

impl<T: Clone> Stored<T> {
    /// A copy to change and put back.
    pub(crate) fn edit(&self) -> T {
        T::clone(&self.doc)
    }
}

impl<T> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self {
            entry: self.entry.clone(),
            doc: self.doc.clone(),
        }
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.doc
    }
}

impl Entry {
    fn new<T: Document>(scope: &str, doc: T, tags: Tags) -> Self {
        let value = serde_json::to_value(&doc).expect("documents are plain data");
        let typed = OnceLock::new();
        let entry = Self {
            key: Key(T::KIND.to_owned(), scope.to_owned(), doc.id().to_owned()),
            links: doc.links(),
            gone_at: doc.gone_at(),
            live_until: doc.live_until(),
            listed: doc.listed(),
            tags,
            doc: value,
            typed: OnceLock::new(),
        };
        let _ = typed.set(Arc::new(doc) as Arc<dyn Any + Send + Sync>);
        Self { typed, ..entry }
    }

    /// The same document with other tags.
    fn retagged(&self, tags: Tags) -> Self {
        Self {
            key: self.key.clone(),
            links: self.links.clone(),
            gone_at: self.gone_at,
            live_until: self.live_until,
            listed: self.listed.clone(),
            tags,
            doc: self.doc.clone(),
            typed: self.typed.clone(),
        }
    }

    fn typed<T: Document>(&self) -> Arc<T> {
        let any = self.typed.get_or_init(|| {
            let doc: T = serde_json::from_value(self.doc.clone()).expect(
                "a document of the world file has the shape its kind had when it was written",
            );
            Arc::new(doc)
        });
        any.clone().downcast::<T>().expect("a kind has one type")
    }
}

/// A live resource, as `/_sandbox/resources` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// `aws`, `google`, `azure` or `kubernetes`.
    pub cloud: String,
    /// The type's name in stack files, such as `aws_vpc`.
    #[serde(rename = "type")]
    pub resource: String,
    /// Its id.
    pub id: String,
    /// The region, empty for global resources.
    pub region: String,
    /// Its tags or labels.
    pub tags: BTreeMap<String, String>,
    /// The resource that made it, when a controller did.
    pub owner: Option<String>,
}

type Table = BTreeMap<String, Arc<Entry>>;

/// All documents.
#[derive(Debug)]
pub(crate) struct World {
    id: Uuid,
    seed: u64,
    /// Grows with each id given out, so that ids are never repeated, also after a restart.
    counter: u64,
    tables: HashMap<String, HashMap<String, Table>>,
    /// (kind, target) → documents of that kind that refer to the target.
    links: HashMap<(String, String), BTreeSet<Key>>,
    expiries: BTreeSet<(Millis, Key)>,
    journal: Option<Journal>,
    feed: Feed,
    /// Host and port of the Kubernetes API, once it is bound.
    kubernetes_authority: String,
}

impl World {
    /// An empty world, or the one that the journal holds.
    pub(crate) fn open(
        file: Option<&std::path::Path>,
        id: Uuid,
        seed: u64,
    ) -> Result<Self, JournalError> {
        let mut world = Self {
            id,
            seed,
            counter: 0,
            tables: HashMap::new(),
            links: HashMap::new(),
            expiries: BTreeSet::new(),
            journal: None,
            feed: Feed::default(),
            kubernetes_authority: String::new(),
        };
        let Some(path) = file else { return Ok(world) };
        let (mut journal, header, lines) = Journal::open(path, id, seed)?;
        world.id = header.id;
        world.seed = header.seed;
        let mut records = 0usize;
        for line in lines {
            world.counter = line.counter;
            for op in line.ops {
                records += 1;
                match op {
                    Op::Put(entry) => drop(world.insert(entry)),
                    Op::Delete(key) => drop(world.remove(&key)),
                    Op::Reset => world.clear(),
                }
            }
        }
        let live = world.entries().count();
        if records > 64 && records > live * 2 {
            let ops = world.entries().cloned().map(Op::Put).collect();
            journal.rewrite(
                &header,
                &Line {
                    counter: world.counter,
                    ops,
                },
            )?;
        }
        world.journal = Some(journal);
        world.feed.forget(world.counter);
        Ok(world)
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.tables
            .values()
            .flat_map(HashMap::values)
            .flat_map(BTreeMap::values)
    }

    /// Live resources that clients or controllers made.
    pub(crate) fn resources(&self, now: Millis) -> Vec<Resource> {
        let mut resources: Vec<_> = self
            .entries()
            .filter(|entry| entry.live_until.is_none_or(|until| until > now))
            .filter_map(|entry| {
                let listed = entry.listed.as_ref()?;
                Some(Resource {
                    cloud: listed.cloud.clone(),
                    resource: listed.resource.clone(),
                    id: listed.id.clone().unwrap_or_else(|| entry.key.2.clone()),
                    region: listed.region.clone().unwrap_or_else(|| entry.key.1.clone()),
                    tags: entry.tags.to_map(),
                    owner: listed.owner.clone(),
                })
            })
            .collect();
        resources.sort_by(|a, b| {
            (&a.cloud, &a.resource, &a.region, &a.id).cmp(&(
                &b.cloud,
                &b.resource,
                &b.region,
                &b.id,
            ))
        });
        resources
    }

    fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let old = self.remove(&entry.key);
        for target in &entry.links {
            self.links
                .entry((entry.key.0.clone(), target.clone()))
                .or_default()
                .insert(entry.key.clone());
        }
        if let Some(at) = entry.gone_at {
            self.expiries.insert((at, entry.key.clone()));
        }
        self.tables
            .entry(entry.key.0.clone())
            .or_default()
            .entry(entry.key.1.clone())
            .or_default()
            .insert(entry.key.2.clone(), entry);
        old
    }

    fn remove(&mut self, key: &Key) -> Option<Arc<Entry>> {
        let old = self
            .tables
            .get_mut(&key.0)?
            .get_mut(&key.1)?
            .remove(&key.2)?;
        for target in &old.links {
            let index = (key.0.clone(), target.clone());
            if let Some(set) = self.links.get_mut(&index) {
                set.remove(key);
                if set.is_empty() {
                    self.links.remove(&index);
                }
            }
        }
        if let Some(at) = old.gone_at {
            self.expiries.remove(&(at, key.clone()));
        }
        Some(old)
    }

    fn clear(&mut self) {
        self.tables.clear();
        self.links.clear();
        self.expiries.clear();
        self.feed.forget(self.counter);
    }

    fn table<T: Document>(&self, scope: &str) -> Option<&Table> {
        self.tables.get(T::KIND)?.get(scope)
    }

    /// Empties the world; its id stays.
    pub(crate) fn reset(&mut self) -> Result<(), JournalError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&Line {
                counter: self.counter,
                ops: vec![Op::Reset],
            })?;
        }
        self.clear();
        Ok(())
    }

    /// Begins a transaction at `now`; what had its time vanishes first.
    pub(crate) fn begin(&mut self, now: Millis) -> Tx<'_> {
        // Not written to the file: reading it later expires the same documents.
        while let Some((at, key)) = self.expiries.first().cloned() {
            if at > now {
                break;
            }
            self.remove(&key);
        }
        let counter = self.counter;
        Tx {
            world: self,
            undo: Vec::new(),
            counter,
            done: false,
        }
    }
}

/// A transaction: reads see its own writes; dropped without commit, it leaves the world as it was.
#[derive(Debug)]
pub(crate) struct Tx<'a> {
    world: &'a mut World,
    undo: Vec<(Key, Option<Arc<Entry>>)>,
    counter: u64,
    done: bool,
}

impl Tx<'_> {
    fn stored<T: Document>(entry: &Arc<Entry>) -> Stored<T> {
        Stored {
            entry: entry.clone(),
            doc: entry.typed::<T>(),
        }
    }

    /// One document.
    pub(crate) fn get<T: Document>(&self, scope: &str, id: &str) -> Option<Stored<T>> {
        self.world.table::<T>(scope)?.get(id).map(Self::stored)
    }

    /// All documents of a kind in a scope, by id.
    pub(crate) fn list<T: Document>(&self, scope: &str) -> Vec<Stored<T>> {
        self.world
            .table::<T>(scope)
            .map(|table| table.values().map(Self::stored).collect())
            .unwrap_or_default()
    }

    /// How many documents of a kind there are in a scope.
    pub(crate) fn count<T: Document>(&self, scope: &str) -> usize {
        self.world.table::<T>(scope).map_or(0, BTreeMap::len)
    }

    /// Documents whose id starts with `prefix` and comes after `after`, by id, at most `limit`.
    pub(crate) fn range<T: Document>(
        &self,
        scope: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Stored<T>> {
        let Some(table) = self.world.table::<T>(scope) else {
            return Vec::new();
        };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        table
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(id, _)| id.starts_with(prefix))
            .take(limit)
            .map(|(_, entry)| Self::stored(entry))
            .collect()
    }

    /// Documents of a kind that name `target` among their links.
    pub(crate) fn referrers<T: Document>(&self, scope: &str, target: &str) -> Vec<Stored<T>> {
        let index = (T::KIND.to_owned(), target.to_owned());
        let Some(keys) = self.world.links.get(&index) else {
            return Vec::new();
        };
        keys.iter()
            .filter(|key| key.1 == scope)
            .filter_map(|key| self.get(scope, &key.2))
            .collect()
    }

    /// Whether any document of a kind names `target`.
    pub(crate) fn referred<T: Document>(&self, scope: &str, target: &str) -> bool {
        self.world
            .links
            .get(&(T::KIND.to_owned(), target.to_owned()))
            .is_some_and(|keys| keys.iter().any(|key| key.1 == scope))
    }

    /// Documents of a kind in any scope that name `target`.
    pub(crate) fn holders<T: Document>(&self, target: &str) -> Vec<Stored<T>> {
        let index = (T::KIND.to_owned(), target.to_owned());
        let Some(keys) = self.world.links.get(&index) else {
            return Vec::new();
        };
        keys.iter()
            .filter_map(|key| self.get(&key.1, &key.2))
            .collect()
    }

    /// Writes a document, with these tags or those it had.
    pub(crate) fn put<T: Document>(&mut self, scope: &str, doc: T, tags: Option<Tags>) {
        let tags = tags.unwrap_or_else(|| {
            self.get::<T>(scope, doc.id())
                .map(|old| old.tags().clone())
                .unwrap_or_default()
        });
        self.insert(Entry::new(scope, doc, tags));
    }

    /// Replaces the tags of a document; false when there is none.
    pub(crate) fn retag(&mut self, kind: &str, scope: &str, id: &str, tags: Tags) -> bool {
        let Some(entry) = self.entry(kind, scope, id) else {
            return false;
        };
        let entry = entry.retagged(tags);
        self.insert(entry);
        true
    }

    /// The tags of a document of a kind known only by name.
    pub(crate) fn tags_of(&self, kind: &str, scope: &str, id: &str) -> Option<&Tags> {
        self.entry(kind, scope, id).map(|entry| &entry.tags)
    }

    /// Ids and tags of all documents of a kind known only by name.
    pub(crate) fn tagged(&self, kind: &str, scope: &str) -> impl Iterator<Item = (&str, &Tags)> {
        self.world
            .tables
            .get(kind)
            .and_then(|scopes| scopes.get(scope))
            .into_iter()
            .flat_map(|table| table.iter().map(|(id, entry)| (id.as_str(), &entry.tags)))
    }

    fn entry(&self, kind: &str, scope: &str, id: &str) -> Option<&Arc<Entry>> {
        self.world.tables.get(kind)?.get(scope)?.get(id)
    }

    fn insert(&mut self, entry: Entry) {
        let key = entry.key.clone();
        let old = self.world.insert(Arc::new(entry));
        self.undo.push((key, old));
    }

    /// Takes a document away; false when there was none.
    pub(crate) fn delete<T: Document>(&mut self, scope: &str, id: &str) -> bool {
        let key = Key(T::KIND.to_owned(), scope.to_owned(), id.to_owned());
        let Some(old) = self.world.remove(&key) else {
            return false;
        };
        self.undo.push((key, Some(old)));
        true
    }

    /// `len` hexadecimal digits that this world has not given out before.
    pub(crate) fn hex(&mut self, len: usize) -> String {
        self.counter += 1;
        let mut digest = Sha256::new();
        digest.update(self.world.seed.to_le_bytes());
        digest.update(self.counter.to_le_bytes());
        let mut text = hex::encode(digest.finalize());
        text.truncate(len);
        text
    }

    /// A UUID that this world has not given out before.
    pub(crate) fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        parts.join("-")
    }

    /// Writes the transaction to the world file; only then may it be answered.
    pub(crate) fn commit(mut self) -> Result<(), JournalError> {
        if !self.undo.is_empty()
            && let Some(mut journal) = self.world.journal.take()
        {
            let mut changed = BTreeSet::new();
            // Each document once, in its final shape.
            let ops = self
                .undo
                .iter()
                .filter(|(key, _)| changed.insert(key))
                .map(|(key, _)| match self.entry(&key.0, &key.1, &key.2) {
                    Some(entry) => Op::Put(entry.clone()),
                    None => Op::Delete(key.clone()),
                })
                .collect();
            let written = journal.append(&Line {
                counter: self.counter,
                ops,
            });
            self.world.journal = Some(journal);
            written?;
        }
        self.world.counter = self.counter;
        self.world.feed.publish();
        self.done = true;
        Ok(())
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.undo_to((0, 0));
        }
    }
}

#[cfg(test)]
mod tests;
