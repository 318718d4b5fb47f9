//! Watches: the changes of a resource's objects as they come, in the form that is asked for. A watch is data; the
//! server asks it for what is new, and when to ask again.

use std::sync::Arc;

use serde_json::{Value, json};

use super::clusters;
use super::error::{ApiError, ApiResult};
use super::kinds::Resource;
use super::request::{Form, flag};
use super::selector::Selector;
use super::store::Session;
use super::table;
use super::value::text;
use crate::clock::Millis;
use crate::core::{Core, Frame, lock};
use crate::http::HttpRequest;
use crate::world::Change;

/// How often a watch that hears nothing is told how far it is.
const BOOKMARK: Millis = 60_000;

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    cluster: String,
    scope: String,
    group: String,
    version: String,
    plural: String,
    /// The table of the objects, and what their ids begin with.
    topic: String,
    namespace: String,
    selector: Selector,
    form: Form,
    included: String,
    bookmarks: bool,
    /// Whether a table has been sent, with its columns.
    headed: bool,
    /// What is to be sent.
    pending: Vec<u8>,
    /// How far it is.
    seen: u64,
    ends: Millis,
    marked: Millis,
}

/// What a watch has to say.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    /// When to ask again at the latest, in milliseconds from now; `None` ends it.
    pub(crate) again: Option<u64>,
}

impl Watch {
    /// Begins a watch of the objects under a prefix.
    pub(super) fn begin(
        session: &mut Session<'_>,
        resource: &Arc<Resource>,
        prefix: &str,
        selector: Selector,
        form: Form,
        request: &HttpRequest,
    ) -> ApiResult<Self> {
        let now = session.tx().version();
        let asked = request.query("resourceVersion").unwrap_or_default();
        let seconds = request
            .query("timeoutSeconds")
            .and_then(|text| text.parse::<i64>().ok())
            .filter(|seconds| *seconds > 0)
            .unwrap_or(1800);
        let mut watch = Self {
            cluster: session.cluster.full_name(),
            scope: session.scope().to_owned(),
            group: resource.group.clone(),
            version: resource.version.clone(),
            plural: resource.plural.clone(),
            topic: resource.table(),
            namespace: prefix[resource.table().len()..]
                .trim_end_matches('/')
                .to_owned(),
            selector,
            form,
            included: request
                .query("includeObject")
                .unwrap_or("Metadata")
                .to_owned(),
            bookmarks: flag(request, "allowWatchBookmarks"),
            headed: false,
            pending: Vec::new(),
            seen: now,
            ends: session.now + seconds * 1000,
            marked: session.now,
        };
        let all = request.query("sendInitialEvents") == Some("true");
        match asked {
            _ if all || matches!(asked, "" | "0") => watch.start(session, resource, prefix, all),
            version => {
                let version: u64 = version.parse().map_err(|_| {
                    ApiError::bad(format!(
                        "invalid resource version {version:?}: strconv.ParseUint: invalid syntax"
                    ))
                })?;
                watch.seen = version;
            }
        }
        Ok(watch)
    }

    /// What is there already, as if it came now.
    fn start(
        &mut self,
        session: &Session<'_>,
        resource: &Arc<Resource>,
        prefix: &str,
        mark_end: bool,
    ) {
        for value in session.list(prefix) {
            if self.selector.matches(&value) {
                let shown = session.shown(resource, &value);
                self.say("ADDED", session.now, resource, &shown);
            }
        }
        if mark_end {
            self.bookmark(resource, self.seen, true);
        }
    }

    fn say(&mut self, word: &str, now: Millis, resource: &Resource, value: &Arc<Value>) {
        let object = match self.form {
            Form::Plain => Value::clone(value),
            Form::Partial => table::partial(value),
            Form::Table => {
                let rows = vec![table::row(now, resource, value, &self.included)];
                let metadata = json!({ "resourceVersion": value["metadata"]["resourceVersion"] });
                let mut whole = table::whole(resource, rows, &metadata);
                if std::mem::replace(&mut self.headed, true) {
                    whole["columnDefinitions"] = Value::Null;
                }
                whole
            }
        };
        self.line(word, &object);
    }

    fn line(&mut self, word: &str, object: &Value) {
        let line = json!({ "type": word, "object": object }).to_string();
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.push(b'\n');
    }

    fn bookmark(&mut self, resource: &Resource, version: u64, initial: bool) {
        let mut object = json!({
            "kind": resource.kind,
            "apiVersion": resource.api_version(),
            "metadata": { "resourceVersion": version.to_string(), "creationTimestamp": null },
        });
        if initial {
            object["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        self.line("BOOKMARK", &object);
    }

    fn fail(&mut self, error: &ApiError) -> Heard {
        self.line("ERROR", &error.status());
        self.ended()
    }

    /// What is new since it was last asked.
    pub(crate) fn poll(&mut self, core: &Core) -> Heard {
        let mut world = lock(&core.world);
        let frame = core.background(&mut world);
        let now = frame.now;
        let Some((resource, due)) = self.settle(frame) else {
            return self.ended();
        };
        let version = world.version();
        let Some(changes) = world.since(&self.scope, self.seen) else {
            let message = format!("too old resource version: {} ({version})", self.seen);
            return self.fail(&ApiError::expired(message));
        };
        drop(world);
        for change in changes {
            if change.topic == self.topic {
                self.hear(now, &resource, &change);
            }
        }
        self.seen = self.seen.max(version);
        if self.bookmarks && now - self.marked >= BOOKMARK {
            self.marked = now;
            self.bookmark(&resource, self.seen, false);
        }
        let bytes = std::mem::take(&mut self.pending);
        if now >= self.ends {
            return Heard { bytes, again: None };
        }
        let next = due.unwrap_or(Millis::MAX).min(self.ends);
        let next = if self.bookmarks {
            next.min(self.marked + BOOKMARK)
        } else {
            next
        };
        Heard {
            bytes,
            again: Some(u64::try_from(next.saturating_sub(now)).unwrap_or(0).max(1)),
        }
    }

    /// Brings the cluster up to now; the resource and when the next thing is due, unless the cluster has gone.
    fn settle(&self, frame: Frame<'_>) -> Option<(Arc<Resource>, Option<Millis>)> {
        let cluster = clusters::find(&frame, &self.cluster).ok()?;
        if cluster.scope() != self.scope {
            return None;
        }
        let mut session = Session::new(frame, cluster);
        super::controllers::settle(&mut session);
        let due = session.next_due();
        let resource = session.resource(&self.group, &self.version, &self.plural)?;
        session.finish().tx.commit().ok()?;
        Some((resource, due))
    }

    fn ended(&mut self) -> Heard {
        Heard {
            bytes: std::mem::take(&mut self.pending),
            again: None,
        }
    }

    fn hear(&mut self, now: Millis, resource: &Arc<Resource>, change: &crate::world::Announcement) {
        let object = &change.object;
        if !self.namespace.is_empty() && text(object, "/metadata/namespace") != self.namespace {
            return;
        }
        let before = change
            .before
            .as_ref()
            .is_some_and(|before| self.selector.matches(before));
        let after = change.change != Change::Deleted && self.selector.matches(object);
        let word = match (before, after) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return,
        };
        let wanted = resource.api_version();
        let shown = if text(object, "/apiVersion") == wanted {
            object.clone()
        } else {
            let mut copy = Value::clone(object);
            super::value::set(&mut copy, "apiVersion", wanted);
            Arc::new(copy)
        };
        self.say(word, now, resource, &shown);
    }
}
