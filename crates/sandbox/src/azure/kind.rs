//! What the sandbox knows of a type of resource: how it is named, how long it takes, what it checks, what it shows.

use serde_json::Value;

use super::context::{Ctx, check_reference, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use crate::clock::Millis;
use crate::latency::Work;

/// A type of resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// `Microsoft.Network/virtualNetworks`.
    pub(crate) name: &'static str,
    /// Its type in stack files; empty for what is not listed among live resources.
    pub(crate) listed: &'static str,
    /// Whether it has a location and tags, and so appears in listings of all resources.
    pub(crate) tracked: bool,
    pub(crate) etag: Etag,
    pub(crate) states: States,
    pub(crate) create: Work,
    pub(crate) update: Work,
    pub(crate) delete: Work,
    /// Lists in its document whose items are resources too.
    pub(crate) parts: &'static [Part],
    /// Checks and completes a document that is about to be written.
    pub(crate) prepare: fn(&mut Ctx<'_>, &mut Write<'_>) -> ArmResult<()>,
    /// Says whether it may be taken away.
    pub(crate) guard: fn(&Ctx<'_>, &Item, &Id) -> ArmResult<()>,
    /// Adds what depends on others to what is shown.
    pub(crate) show: fn(&Ctx<'_>, &Item, &mut Value),
    /// Does what goes with its deletion, which ends at a time.
    pub(crate) removed: fn(&mut Ctx<'_>, &Item, Millis) -> ArmResult<()>,
    /// What is said to who would change it while it is busy.
    pub(crate) busy: fn(&Ctx<'_>, &Item, &Id) -> ArmError,
}

/// A list of parts: subnets of a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// The member of `properties`, which is the type's last segment too.
    pub(crate) field: &'static str,
    /// Its type in stack files; empty for what is not listed.
    pub(crate) listed: &'static str,
    /// What is said when it may not be taken away.
    pub(crate) guard: fn(&Ctx<'_>, &Item, &Id) -> ArmResult<()>,
    /// Whether its model has a state.
    pub(crate) stateful: bool,
    /// Whether its model says of which type it is.
    pub(crate) typed: bool,
}

/// How entity tags are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Etag {
    None,
    /// `etag`, as `W/"…"`.
    Weak,
    /// A plain text under this name.
    Plain(&'static str),
    /// A plain text under this name in `properties`.
    Inner(&'static str),
}

/// The member that has the state, and its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct States {
    /// Below `properties`; empty for types without one.
    pub(crate) member: &'static str,
    pub(crate) creating: &'static str,
    pub(crate) updating: &'static str,
    pub(crate) deleting: &'static str,
    pub(crate) done: &'static str,
    pub(crate) failed: &'static str,
}

impl States {
    pub(crate) const USUAL: Self = Self {
        member: "provisioningState",
        creating: "Creating",
        updating: "Updating",
        deleting: "Deleting",
        done: "Succeeded",
        failed: "Failed",
    };
    /// Microsoft.Network calls making what is new an update too.
    pub(crate) const NETWORK: Self = Self {
        creating: "Updating",
        ..Self::USUAL
    };
    pub(crate) const NONE: Self = Self {
        member: "",
        ..Self::USUAL
    };
}

impl Kind {
    /// A tracked type with nothing of its own.
    pub(crate) const fn new(name: &'static str, listed: &'static str) -> Self {
        Self {
            name,
            listed,
            tracked: true,
            etag: Etag::None,
            states: States::USUAL,
            create: Work::ArmQuick,
            update: Work::ArmQuick,
            delete: Work::ArmQuick,
            parts: &[],
            prepare: |_, _| Ok(()),
            guard: |_, _, _| Ok(()),
            show: |_, _, _| (),
            removed: |_, _, _| Ok(()),
            busy: |_, _, id| {
                ArmError::conflict(
                    "AnotherOperationInProgress",
                    format!(
                        "Another operation on resource '{}' is in progress. Please try again later.",
                        id.text
                    ),
                )
            },
        }
    }

    /// A tracked type of Microsoft.Network.
    pub(crate) const fn network(name: &'static str, listed: &'static str) -> Self {
        Self {
            etag: Etag::Weak,
            states: States::NETWORK,
            busy: super::network::busy,
            ..Self::new(name, listed)
        }
    }

    /// A type without location and tags, and without states.
    pub(crate) const fn plain(name: &'static str, listed: &'static str) -> Self {
        Self {
            tracked: false,
            states: States::NONE,
            ..Self::new(name, listed)
        }
    }
}

impl Part {
    pub(crate) const fn new(field: &'static str, listed: &'static str) -> Self {
        Self {
            field,
            listed,
            guard: |_, _, _| Ok(()),
            stateful: true,
            typed: true,
        }
    }

    /// One whose model does not say of which type it is.
    pub(crate) const fn untyped(field: &'static str) -> Self {
        Self {
            typed: false,
            ..Self::new(field, "")
        }
    }

    /// One that has no state.
    pub(crate) const fn stateless(field: &'static str) -> Self {
        Self {
            stateful: false,
            ..Self::new(field, "")
        }
    }
}

/// A document that is about to be written.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    pub(crate) id: &'a Id,
    /// What was there before.
    pub(crate) old: Option<&'a Item>,
    /// The old document, as it stood.
    pub(crate) before: &'a Value,
    pub(crate) doc: Value,
    pub(crate) hidden: Value,
    pub(crate) links: Vec<String>,
    /// What the document becomes when the work is done; null when it stays.
    pub(crate) later: Value,
    /// Whether the client sent some members only.
    pub(crate) patch: bool,
    /// How the work that is begun ends, where it is begun in vain.
    pub(crate) failure: Option<ArmError>,
}

impl Write<'_> {
    pub(crate) fn creates(&self) -> bool {
        self.old.is_none()
    }

    /// Remembers that it refers to another resource.
    pub(crate) fn link(&mut self, id: &str) {
        self.links.push(id.to_ascii_lowercase());
    }

    /// Refers to the resource whose id is at a path, which must be there; `None` when there is no id.
    pub(crate) fn refer(&mut self, ctx: &Ctx<'_>, pointer: &str) -> ArmResult<Option<Id>> {
        let id = text(&self.doc, pointer).to_owned();
        if id.is_empty() {
            return Ok(None);
        }
        check_reference(&id, pointer)?;
        if !super::engine::exists(ctx, &id) {
            return Err(super::context::missing_reference(&id, self.id));
        }
        self.link(&id);
        Ok(Some(Id::new(id)))
    }

    /// Carries values over from the document before where the new one has none.
    pub(crate) fn carry(&mut self, pointers: &[&str]) {
        for pointer in pointers {
            if self.doc.pointer(pointer).is_none_or(Value::is_null)
                && let Some(value) = self.before.pointer(pointer)
            {
                super::context::set(&mut self.doc, pointer, value.clone());
            }
        }
    }

    /// Whether a value differs from the one before; never of what is new.
    pub(crate) fn changed(&self, pointer: &str) -> bool {
        self.old.is_some()
            && self.doc.pointer(pointer).unwrap_or(&Value::Null)
                != self.before.pointer(pointer).unwrap_or(&Value::Null)
    }
}

/// The type of a name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    let all = [
        super::network::KINDS,
        super::aks::KINDS,
        super::compute::KINDS,
        super::dns::KINDS,
        super::identity::KINDS,
        super::keyvault::KINDS,
        super::log_analytics::KINDS,
        super::mysql::KINDS,
        super::postgres::KINDS,
        super::private_dns::KINDS,
        super::registry::KINDS,
        super::storage::KINDS,
    ];
    all.into_iter()
        .flatten()
        .find(|kind| kind.name.eq_ignore_ascii_case(name))
}
