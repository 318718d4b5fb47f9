//! How a kind of compute resource is described: data for the engine, and hooks for what is special.

use serde_json::{Map, Value};

use super::super::context::Ctx;
use super::super::error::GoogleResult;
use super::super::item::Item;
use super::super::places;
use crate::latency::Work;

/// Where a resource is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) project: String,
    /// Region or zone; empty for global.
    pub(crate) location: String,
}

impl Place {
    /// `projects/p/regions/r`, without what follows.
    pub(crate) fn path(&self) -> String {
        let project = &self.project;
        match self.word() {
            "global" => format!("projects/{project}/global"),
            word => format!("projects/{project}/{word}s/{}", self.location),
        }
    }

    /// `global`, `region` or `zone`.
    pub(crate) fn word(&self) -> &'static str {
        if self.location.is_empty() {
            "global"
        } else if places::is_zone(&self.location) {
            "zone"
        } else {
            "region"
        }
    }

    /// The region, also of a zone.
    pub(crate) fn region(&self) -> &str {
        places::region_of(&self.location).unwrap_or(&self.location)
    }
}

/// A field that names another resource.
#[derive(Debug)]
pub(crate) struct Reference {
    /// `backends/*/group`.
    pub(crate) field: &'static str,
    /// Collections it may name; empty for any.
    pub(crate) to: &'static [&'static str],
    /// Whether the field may hold something else, as `IPAddress` does.
    pub(crate) loose: bool,
}

/// A reference to one collection.
pub(crate) const fn to(field: &'static str, to: &'static [&'static str]) -> Reference {
    Reference {
        field,
        to,
        loose: false,
    }
}

/// How fingerprints guard changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// There is none.
    None,
    /// Checked when it is sent.
    Optional,
    /// Must be sent.
    Required,
}

/// What a hook sees of the resource under the request.
#[derive(Debug)]
pub(crate) struct Subject<'s> {
    pub(crate) place: &'s Place,
    pub(crate) name: &'s str,
    /// Its full name.
    pub(crate) id: &'s str,
    /// The document before the change; none when it is made.
    pub(crate) before: Option<&'s Value>,
}

type Members = Map<String, Value>;

/// Checks a document and fills in what the server decides, before it is made or changed.
pub(crate) type Prepare = fn(&mut Ctx<'_>, &Subject<'_>, &mut Members) -> GoogleResult<()>;

/// A kind.
#[derive(Debug)]
pub(crate) struct Kind {
    /// As methods have it: `globalAddresses`.
    pub(crate) resource: &'static str,
    /// As paths have it: `addresses`.
    pub(crate) collection: &'static str,
    /// `network`, of `compute#network`.
    pub(crate) word: &'static str,
    /// The type of stack files.
    pub(crate) terraform: fn(&Value) -> &'static str,
    pub(crate) references: &'static [Reference],
    pub(crate) required: &'static [&'static str],
    /// What no change may touch.
    pub(crate) fixed: &'static [&'static str],
    pub(crate) guard: Guard,
    pub(crate) labels: bool,
    /// The metric and number of the quota.
    pub(crate) quota: Option<(&'static str, usize)>,
    pub(crate) work: Work,
    /// Values of fields that are not sent.
    pub(crate) defaults: &'static [(&'static str, Default)],
    pub(crate) prepare: Prepare,
    /// What else a document refers to, by no field of its own.
    pub(crate) also: fn(&Ctx<'_>, &Subject<'_>, &Value) -> Option<String>,
    /// Adds what is computed when it is read.
    pub(crate) view: fn(&Ctx<'_>, &Item, &mut Members),
    /// What goes with a new one.
    pub(crate) made:
        fn(&mut Ctx<'_>, &Subject<'_>, &Members, crate::clock::Millis) -> GoogleResult<()>,
    /// Whether it may go, besides nobody's referring to it; what goes with it.
    pub(crate) delete: fn(&mut Ctx<'_>, &Item, crate::clock::Millis) -> GoogleResult<()>,
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    Text(&'static str),
    Number(i64),
    Bool(bool),
}

impl From<Default> for Value {
    fn from(default: Default) -> Self {
        match default {
            Default::Text(text) => text.into(),
            Default::Number(number) => number.into(),
            Default::Bool(value) => value.into(),
        }
    }
}

impl Kind {
    /// What most kinds are.
    pub(crate) const BASE: Self = Self {
        resource: "",
        collection: "",
        word: "",
        terraform: |_| "",
        references: &[],
        required: &[],
        fixed: &[],
        guard: Guard::None,
        labels: false,
        quota: None,
        work: Work::ComputeQuick,
        defaults: &[],
        prepare: |_, _, _| Ok(()),
        also: |_, _, _| None,
        view: |_, _, _| {},
        made: |_, _, _, _| Ok(()),
        delete: |_, _, _| Ok(()),
    };

    /// The table of the world.
    pub(crate) fn table(&self) -> String {
        table(self.collection)
    }
}

/// The table of a collection.
pub(crate) fn table(collection: &str) -> String {
    format!("compute.{collection}")
}
