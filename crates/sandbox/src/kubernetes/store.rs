//! Objects of clusters as the world keeps them, and the session of one request: reading and writing objects,
//! versions, what watchers are told, and what controllers are to look at again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clusters::Found;
use super::kinds::{self, Definition, Resource};
use super::value::{condition, list, remove, set, text};
use crate::clock::{Millis, iso8601};
use crate::core::Frame;
use crate::latency::Work;
use crate::world::{Announcement, Change, Document, Listed, Tx};

/// An object.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    /// `GROUP/PLURAL/NAMESPACE/NAME`.
    id: String,
    value: Arc<Value>,
    /// Whether a client made it, and not a controller or the cluster itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    client: bool,
    /// The cluster's name, under which it is listed.
    place: String,
    /// What it defines, if it is a custom resource definition.
    #[serde(skip)]
    definition: OnceLock<Arc<Definition>>,
}

impl Document for Object {
    const KIND: &'static str = "kubernetes/object";

    fn id(&self) -> &str {
        &self.id
    }

    /// Its owners, by their uids.
    fn links(&self) -> Vec<String> {
        let owners = list(&self.value, "/metadata/ownerReferences").iter();
        owners.map(|owner| text(owner, "/uid").to_owned()).collect()
    }

    fn listed(&self) -> Option<Listed> {
        if !self.client {
            return None;
        }
        let kind = text(&self.value, "/kind");
        let name = text(&self.value, "/metadata/name");
        Some(Listed {
            cloud: "kubernetes".to_owned(),
            resource: format!("{}/{kind}", text(&self.value, "/apiVersion")),
            id: Some(match text(&self.value, "/metadata/namespace") {
                "" => name.to_owned(),
                namespace => format!("{namespace}/{name}"),
            }),
            region: Some(self.place.clone()),
            owner: None,
        })
    }
}

/// When controllers look at an object again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wake {
    /// `TIME/OBJECT`, so that the first is the next.
    id: String,
    at: Millis,
    object: String,
}

impl Document for Wake {
    const KIND: &'static str = "kubernetes/wake";

    fn id(&self) -> &str {
        &self.id
    }
}

/// What a request, or a controller, works in.
#[derive(Debug)]
pub(super) struct Session<'a> {
    /// Away only while a cloud works in it.
    frame: Option<Frame<'a>>,
    pub(super) cluster: Found,
    scope: String,
    pub(super) now: Millis,
    /// Objects that controllers are to look at.
    queue: VecDeque<String>,
    queued: BTreeSet<String>,
    /// Whether what is written now is a client's.
    pub(super) client: bool,
    /// Told to the client in `Warning` headers.
    pub(super) warnings: Vec<String>,
}

impl<'a> Session<'a> {
    pub(super) fn new(frame: Frame<'a>, cluster: Found) -> Self {
        Self {
            now: frame.now,
            frame: Some(frame),
            scope: cluster.scope(),
            cluster,
            queue: VecDeque::new(),
            queued: BTreeSet::new(),
            client: false,
            warnings: Vec::new(),
        }
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    pub(super) fn frame(&self) -> &Frame<'a> {
        self.frame.as_ref().expect("no cloud works in it")
    }

    pub(super) fn tx(&self) -> &Tx<'a> {
        &self.frame().tx
    }

    pub(super) fn tx_mut(&mut self) -> &mut Tx<'a> {
        &mut self.frame.as_mut().expect("no cloud works in it").tx
    }

    /// Lends the transaction to a cloud.
    pub(super) fn lend<T>(&mut self, work: impl FnOnce(Frame<'a>, &Found) -> (Frame<'a>, T)) -> T {
        let frame = self.frame.take().expect("no cloud works in it");
        let (frame, result) = work(frame, &self.cluster);
        self.frame = Some(frame);
        result
    }

    /// Gives the frame back.
    pub(super) fn finish(mut self) -> Frame<'a> {
        self.frame.take().expect("no cloud works in it")
    }

    /// One object.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Value>> {
        let found = self.tx().get::<Object>(&self.scope, id)?;
        Some(found.value.clone())
    }

    /// An object of a built-in kind.
    pub(super) fn find(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Value>> {
        self.get(&kinds::id(group, plural, namespace, name))
    }

    /// Objects whose id begins so, in order.
    pub(super) fn list(&self, prefix: &str) -> Vec<Arc<Value>> {
        self.page(prefix, None, usize::MAX)
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }

    /// At most `limit` objects with their ids, after one.
    pub(super) fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(String, Arc<Value>)> {
        let found = self.tx().range::<Object>(&self.scope, prefix, after, limit);
        found
            .into_iter()
            .map(|object| (object.id.clone(), object.value.clone()))
            .collect()
    }

    /// The objects of a built-in kind in a namespace.
    pub(super) fn of(&self, group: &str, plural: &str, namespace: &str) -> Vec<Arc<Value>> {
        self.list(&format!("{group}/{plural}/{namespace}/"))
    }

    /// The objects of a built-in kind everywhere.
    pub(super) fn all(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        self.list(&format!("{group}/{plural}/"))
    }

    /// Objects that name an owner, with their ids.
    pub(super) fn dependents(&self, uid: &str) -> Vec<(String, Arc<Value>)> {
        let found = self.tx().referrers::<Object>(&self.scope, uid);
        found
            .into_iter()
            .map(|object| (object.id.clone(), object.value.clone()))
            .collect()
    }

    /// Writes an object under a new version, and tells who watches.
    pub(super) fn write(&mut self, resource: &Resource, mut value: Value) -> Arc<Value> {
        let namespace = text(&value, "/metadata/namespace").to_owned();
        let name = text(&value, "/metadata/name").to_owned();
        let id = resource.id(&namespace, &name);
        let before = self.tx().get::<Object>(&self.scope, &id);
        let client = match &before {
            Some(before) => before.client,
            None => self.client,
        };
        let before = before.map(|before| before.value.clone());
        let version = self.tx_mut().tick();
        set(&mut value, "metadata/resourceVersion", version.to_string());
        let value = Arc::new(value);
        let object = Object {
            id: id.clone(),
            value: value.clone(),
            client,
            place: self.cluster.name.clone(),
            definition: OnceLock::new(),
        };
        let scope = self.scope.clone();
        let tx = self.tx_mut();
        tx.put(&scope, object, None);
        tx.announce(Announcement {
            scope,
            topic: resource.table(),
            version,
            change: match before {
                None => Change::Added,
                Some(_) => Change::Modified,
            },
            object: value.clone(),
            before,
        });
        self.enqueue(&id);
        value
    }

    /// Takes an object away, and tells who watches.
    pub(super) fn erase(&mut self, table: &str, id: &str) {
        let Some(old) = self.get(id) else { return };
        let scope = self.scope.clone();
        let tx = self.tx_mut();
        let version = tx.tick();
        tx.delete::<Object>(&scope, id);
        let mut last = Value::clone(&old);
        set(&mut last, "metadata/resourceVersion", version.to_string());
        tx.announce(Announcement {
            scope,
            topic: table.to_owned(),
            version,
            change: Change::Deleted,
            object: Arc::new(last),
            before: Some(old.clone()),
        });
        self.enqueue(id);
        super::controllers::gone(self, id, &old);
    }

    /// A new object's metadata: uid and the time.
    pub(super) fn stamp(&mut self, value: &mut Value) {
        let uid = self.tx_mut().uuid();
        set(value, "metadata/uid", uid);
        set(value, "metadata/creationTimestamp", self.time());
    }

    /// Makes an object as a controller does, unless there is one.
    pub(super) fn make(&mut self, resource: &Resource, mut value: Value) -> Option<Arc<Value>> {
        let namespace = text(&value, "/metadata/namespace").to_owned();
        let name = text(&value, "/metadata/name").to_owned();
        if self.get(&resource.id(&namespace, &name)).is_some() {
            return None;
        }
        self.stamp(&mut value);
        super::defaults::fill(resource, &mut value);
        super::verbs::identify(resource, &mut value);
        if resource.has_status() && !matches!(resource.kind.as_str(), "Namespace" | "Node") {
            super::value::default(&mut value, "status", json!({}));
        }
        let client = std::mem::replace(&mut self.client, false);
        let written = self.write(resource, value);
        self.client = client;
        Some(written)
    }

    /// Writes what a controller has changed; nothing when it has not.
    pub(super) fn update(&mut self, resource: &Resource, old: &Value, new: Value) -> bool {
        if super::value::same(old, &new) {
            return false;
        }
        self.write(resource, new);
        true
    }

    /// Lets controllers look at an object.
    pub(super) fn enqueue(&mut self, id: &str) {
        if self.queued.insert(id.to_owned()) {
            self.queue.push_back(id.to_owned());
        }
    }

    /// The next object to look at.
    pub(super) fn dequeue(&mut self) -> Option<String> {
        let id = self.queue.pop_front()?;
        self.queued.remove(&id);
        Some(id)
    }

    /// Lets controllers look at an object when its time has come.
    pub(super) fn wake_at(&mut self, at: Millis, object: &str) {
        let scope = self.scope.clone();
        let wake = Wake {
            id: format!("{at:016x}/{object}"),
            at,
            object: object.to_owned(),
        };
        self.tx_mut().put(&scope, wake, None);
    }

    /// Takes the wakes that are due and queues their objects.
    pub(super) fn take_due(&mut self) {
        let scope = self.scope.clone();
        let due: Vec<(String, String)> = self
            .tx()
            .range::<Wake>(&scope, "", None, 500)
            .into_iter()
            .take_while(|wake| wake.at <= self.now)
            .map(|wake| (wake.id.clone(), wake.object.clone()))
            .collect();
        for (id, object) in due {
            self.tx_mut().delete::<Wake>(&scope, &id);
            self.enqueue(&object);
        }
    }

    /// When the next wake is due.
    pub(super) fn next_due(&self) -> Option<Millis> {
        let next = self.tx().range::<Wake>(&self.scope, "", None, 1);
        next.first().map(|wake| wake.at)
    }

    /// When work that begins now is done.
    pub(super) fn due(&self, work: Work) -> Millis {
        let frame = self.frame();
        frame.pace.due(self.now, frame.latency.of(work))
    }

    /// The time now, as objects have it.
    pub(super) fn time(&self) -> String {
        iso8601(self.now)
    }

    /// A uid not given out before.
    pub(super) fn uuid(&mut self) -> String {
        self.tx_mut().uuid()
    }

    /// Letters and digits not given out before, as generated names end in.
    pub(super) fn suffix(&mut self, length: usize) -> String {
        let hex = self.tx_mut().hex(length * 2);
        super::letters(&hex::decode(hex).unwrap_or_default())
    }

    /// What a custom resource definition defines, if it is established.
    pub(super) fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        let id = kinds::id(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "",
            name,
        );
        let stored = self.tx().get::<Object>(&self.scope, &id)?;
        let established = condition(&stored.value, "Established") == "True";
        established.then(|| {
            stored
                .definition
                .get_or_init(|| Arc::new(kinds::read_definition(&stored.value)))
                .clone()
        })
    }

    /// Every established definition.
    pub(super) fn definitions(&self) -> Vec<Arc<Definition>> {
        let all = self.all("apiextensions.k8s.io", "customresourcedefinitions");
        all.iter()
            .filter_map(|definition| self.definition(text(definition, "/metadata/name")))
            .collect()
    }

    /// The resource at a path.
    pub(super) fn resource(
        &self,
        group: &str,
        version: &str,
        plural: &str,
    ) -> Option<Arc<Resource>> {
        if let Some(found) = kinds::find_builtin(group, version, plural) {
            return Some(found);
        }
        let definition = self.definition(&format!("{plural}.{group}"))?;
        let mut resources = definition.resources.iter();
        resources
            .find(|resource| resource.version == version)
            .cloned()
    }

    /// The resource whose objects' ids begin with this one's table, in its stored version.
    pub(super) fn resource_of(&self, id: &str) -> Option<Arc<Resource>> {
        let mut parts = id.splitn(3, '/');
        let (group, plural) = (parts.next()?, parts.next()?);
        if group.is_empty() || kinds::is_builtin_group(group) {
            return kinds::preferred(group, plural);
        }
        let definition = self.definition(&format!("{plural}.{group}"))?;
        let stored = |resource: &&Arc<Resource>| resource.version == resource.storage;
        let resources = &definition.resources;
        resources
            .iter()
            .find(stored)
            .or_else(|| resources.first())
            .cloned()
    }

    /// The resource of a kind, as owner references and targets name it.
    pub(super) fn resource_of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let builtin = kinds::builtin()
            .iter()
            .filter(|known| known.name == group)
            .flat_map(|known| &known.versions)
            .flat_map(|(_, resources)| resources)
            .find(|resource| resource.kind == kind);
        if let Some(found) = builtin {
            return Some(found.clone());
        }
        let definitions = self.definitions();
        let resources = definitions
            .iter()
            .flat_map(|definition| &definition.resources);
        let mut same = resources.filter(|found| found.group == group && found.kind == kind);
        let first = same.next()?.clone();
        if first.version == version {
            return Some(first);
        }
        Some(
            same.find(|found| found.version == version)
                .cloned()
                .unwrap_or(first),
        )
    }

    /// An object as one of its versions has it.
    pub(super) fn shown(&self, resource: &Resource, value: &Arc<Value>) -> Arc<Value> {
        let wanted = resource.api_version();
        if text(value, "/apiVersion") == wanted {
            return value.clone();
        }
        let mut copy = Value::clone(value);
        set(&mut copy, "apiVersion", wanted);
        super::validate::prune(resource.schema(), &mut copy);
        Arc::new(copy)
    }

    /// Marks an object as being deleted.
    pub(super) fn mark_deleted(
        &mut self,
        resource: &Resource,
        old: &Value,
        grace: i64,
    ) -> Arc<Value> {
        let mut new = Value::clone(old);
        set(&mut new, "metadata/deletionTimestamp", self.time());
        set(&mut new, "metadata/deletionGracePeriodSeconds", grace);
        let generation = old["metadata"]["generation"].as_i64();
        if let Some(generation) = generation {
            set(&mut new, "metadata/generation", generation + 1);
        }
        self.write(resource, new)
    }

    /// Takes one finalizer away.
    pub(super) fn let_go(&mut self, resource: &Resource, id: &str, finalizer: &str) {
        let Some(old) = self.get(id) else { return };
        let mut new = Value::clone(&old);
        if let Some(all) = new["metadata"]["finalizers"].as_array_mut() {
            all.retain(|one| one != finalizer);
            if all.is_empty() {
                remove(&mut new, "metadata/finalizers");
            }
        }
        self.update(resource, &old, new);
    }
}

/// When something that has begun is done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Timer {
    id: String,
    at: Millis,
}

impl Document for Timer {
    const KIND: &'static str = "kubernetes/timer";

    fn id(&self) -> &str {
        &self.id
    }
}

impl Session<'_> {
    /// Whether work that an object waits for is done; begins it when it has not begun. After `#` stands which of
    /// several works of the object it is.
    pub(super) fn elapsed(&mut self, id: &str, work: Work) -> bool {
        let scope = self.scope.clone();
        let at = match self.tx().get::<Timer>(&scope, id) {
            Some(timer) => timer.at,
            None => {
                let at = self.due(work);
                if at > self.now {
                    let timer = Timer {
                        id: id.to_owned(),
                        at,
                    };
                    self.tx_mut().put(&scope, timer, None);
                    self.wake_at(at, id.split('#').next().unwrap_or(id));
                }
                at
            }
        };
        if at <= self.now {
            self.clear_timer(id);
        }
        at <= self.now
    }

    /// Forgets what an object waited for.
    pub(super) fn clear_timer(&mut self, id: &str) {
        let scope = self.scope.clone();
        self.tx_mut().delete::<Timer>(&scope, id);
    }

    /// Forgets all that an object waited for.
    pub(super) fn clear_timers(&mut self, id: &str) {
        self.clear_timer(id);
        for work in ["stop", "balancer"] {
            self.clear_timer(&format!("{id}#{work}"));
        }
    }
}
