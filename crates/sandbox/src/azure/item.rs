//! Resources as the world keeps them: JSON documents under their ids in lower case, with what is under way. It knows no
//! service.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Millis;
use crate::world::{Document, Listed};

/// The scope under which everything of Azure is kept, so that what is below an id is found by its beginning.
pub(crate) const SCOPE: &str = "azure";

/// Work that is under way on a resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Busy {
    /// What its state is until then: `Updating`.
    pub(crate) verb: String,
    pub(crate) until: Millis,
    /// The part that is worked on, by its id; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<String>,
    /// The operation that does it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) operation: String,
    /// The document from then on, and what it refers to.
    pub(crate) then: (Value, Vec<String>),
}

/// A resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Its id in lower case.
    pub(crate) id: String,
    pub(crate) doc: Value,
    /// What only the server knows.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) hidden: Value,
    /// Ids of what it refers to, in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<String>,
    pub(crate) created: Millis,
    pub(crate) changed: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) busy: Option<Busy>,
    /// When it vanishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<Listed>,
}

impl Document for Item {
    const KIND: &'static str = "azure";

    fn id(&self) -> &str {
        &self.id
    }

    /// While it changes: both what it referred to and what it will refer to.
    fn links(&self) -> Vec<String> {
        let mut links = self.links.clone();
        if let Some(busy) = &self.busy {
            links.extend(busy.then.1.iter().cloned());
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
    pub(crate) fn new(id: &str, doc: Value, now: Millis) -> Self {
        Self {
            id: id.to_ascii_lowercase(),
            doc,
            hidden: Value::Null,
            links: Vec::new(),
            created: now,
            changed: now,
            busy: None,
            gone_at: None,
            listed: None,
        }
    }

    /// The work under way.
    pub(crate) fn busy(&self, now: Millis) -> Option<&Busy> {
        self.busy.as_ref().filter(|busy| busy.until > now)
    }

    /// Whether it is being taken away.
    pub(crate) fn deleting(&self) -> bool {
        self.gone_at.is_some()
    }

    /// The document that readers see, without its state.
    pub(crate) fn at(&self, now: Millis) -> &Value {
        match &self.busy {
            Some(busy) if busy.until <= now => &busy.then.0,
            _ => &self.doc,
        }
    }

    /// Makes what finished work has brought the document itself.
    pub(crate) fn settle(&mut self, now: Millis) {
        if self.busy.as_ref().is_some_and(|busy| busy.until <= now)
            && let Some(busy) = self.busy.take()
        {
            (self.doc, self.links) = busy.then;
        }
    }

    /// Whether it refers to another: not when finished work has let go of that.
    pub(crate) fn holds(&self, id: &str, now: Millis) -> bool {
        let coming = self.busy.as_ref().map(|busy| (busy.until, &busy.then.1));
        let has = |links: &[String]| links.iter().any(|link| link == id);
        match coming {
            Some((until, links)) if until <= now => has(links),
            Some((_, links)) => has(&self.links) || has(links),
            None => has(&self.links),
        }
    }

    /// Lists it under a type of stack files.
    pub(crate) fn list_as(&mut self, resource: &str, id: &str, region: &str, owner: Option<&str>) {
        self.listed = Some(Listed {
            cloud: "azure".to_owned(),
            resource: resource.to_owned(),
            id: Some(id.to_owned()),
            region: Some(region.to_owned()),
            owner: owner.map(str::to_owned),
        });
    }
}

/// A background operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// A UUID.
    pub(crate) id: String,
    /// Paths at which it is asked for, in lower case: its status, and its result.
    pub(crate) status_path: String,
    pub(crate) result_path: String,
    pub(crate) started: Millis,
    pub(crate) done_at: Millis,
    /// Of one that fails.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) error: Value,
    /// The resource that it is about.
    pub(crate) resource: String,
    /// Whether that is gone at its end.
    #[serde(default)]
    pub(crate) deletes: bool,
    /// Whether its status is no more than the word, as Microsoft.Network has it.
    #[serde(default)]
    pub(crate) bare: bool,
    /// The version that answers about the resource are made for.
    #[serde(default)]
    pub(crate) version: String,
}

/// How long finished operations are shown.
const SHOWN: Millis = 24 * 3600 * 1000;

impl Document for Operation {
    const KIND: &'static str = "azure-operation";

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        Some(self.done_at.saturating_add(SHOWN))
    }
}
