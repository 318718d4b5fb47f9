//! Resources of Google's services as the world keeps them: JSON documents under their full names, with what is
//! under way. It knows no service.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Millis;
use crate::world::{Document, Listed};

/// A change that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Change {
    /// When it has been made; before, readers see the old document.
    pub(crate) at: Millis,
    /// The document from then on, and what it refers to; none when the change fails.
    pub(crate) after: Option<(Value, Vec<String>)>,
}

/// A resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Its full name: `projects/p/global/networks/n`.
    pub(crate) id: String,
    pub(crate) doc: Value,
    /// What only the server knows.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) hidden: Value,
    /// Full names of what it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<String>,
    /// When it is made.
    pub(crate) ready_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<Change>,
    /// When it vanishes: it is being deleted, or its making fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_at: Option<Millis>,
    /// Whether its deletion has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deleting: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<Listed>,
}

impl Document for Item {
    const KIND: &'static str = "google";

    fn id(&self) -> &str {
        &self.id
    }

    /// While it changes: both what it referred to and what it will refer to.
    fn links(&self) -> Vec<String> {
        let mut links = self.links.clone();
        if let Some(Change {
            after: Some((_, new)),
            ..
        }) = &self.change
        {
            links.extend(new.iter().cloned());
        }
        links
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        self.listed.clone()
    }
}

impl Item {
    /// A resource that is there at once.
    pub(crate) fn new(id: impl Into<String>, doc: Value) -> Self {
        Self {
            id: id.into(),
            doc,
            hidden: Value::Null,
            links: Vec::new(),
            ready_at: 0,
            change: None,
            gone_at: None,
            deleting: false,
            listed: None,
        }
    }

    /// The document that readers see.
    pub(crate) fn at(&self, now: Millis) -> &Value {
        self.settled(now).map_or(&self.doc, |(doc, _)| doc)
    }

    /// What a change has made of it.
    fn settled(&self, now: Millis) -> Option<&(Value, Vec<String>)> {
        let change = self.change.as_ref().filter(|change| change.at <= now)?;
        change.after.as_ref()
    }

    /// Whether it refers to another: not when a change has let go of that since.
    pub(crate) fn holds(&self, id: &str, now: Millis) -> bool {
        let links = self.settled(now).map_or(&self.links, |(_, links)| links);
        let coming = self.change.as_ref().filter(|change| change.at > now);
        let coming = coming.and_then(|change| change.after.as_ref());
        let mut all = links
            .iter()
            .chain(coming.into_iter().flat_map(|(_, links)| links));
        all.any(|link| link == id)
    }

    /// Whether something is being done to it.
    pub(crate) fn busy(&self, now: Millis) -> bool {
        self.deleting
            || self.ready_at > now
            || self.change.as_ref().is_some_and(|change| change.at > now)
    }

    /// Puts another document in its place from `at` on; `None` for a change that will fail.
    pub(crate) fn become_at(
        &mut self,
        after: Option<(Value, Vec<String>)>,
        at: Millis,
        now: Millis,
    ) {
        self.settle(now);
        self.change = Some(Change { at, after });
        self.settle(now);
    }

    /// Makes what a finished change has brought the document itself.
    pub(crate) fn settle(&mut self, now: Millis) {
        if let Some((doc, links)) = self.settled(now).cloned() {
            self.doc = doc;
            self.links = links;
        }
        if self.change.as_ref().is_some_and(|change| change.at <= now) {
            self.change = None;
        }
    }

    /// The last segment of its name.
    pub(crate) fn short(&self) -> &str {
        short(&self.id)
    }

    /// Lists it under a type of stack files.
    pub(crate) fn list_as(&mut self, resource: &str, region: &str, owner: Option<String>) {
        self.listed = Some(Listed {
            cloud: "google".to_owned(),
            resource: resource.to_owned(),
            id: None,
            region: Some(region.to_owned()),
            owner,
        });
    }
}

/// The last segment of a name.
pub(crate) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A background operation; how it is shown is its service's business.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// Its full name.
    pub(crate) id: String,
    pub(crate) service: String,
    /// What it shows at any time.
    pub(crate) doc: Value,
    pub(crate) started: Millis,
    /// When it goes from `PENDING` to `RUNNING`.
    pub(crate) runs_at: Millis,
    pub(crate) done_at: Millis,
    /// Of one that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
    /// What a finished one answers.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) response: Value,
}

/// How long finished operations are shown.
const SHOWN: Millis = 14 * 24 * 3600 * 1000;

impl Document for Operation {
    const KIND: &'static str = "google-operation";

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        Some(self.done_at.saturating_add(SHOWN))
    }
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Running,
    Done,
}

impl Operation {
    pub(crate) fn phase(&self, now: Millis) -> Phase {
        if self.done_at <= now {
            Phase::Done
        } else if self.runs_at <= now {
            Phase::Running
        } else {
            Phase::Pending
        }
    }
}
