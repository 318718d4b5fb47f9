//! What is in the cloud, and what was: writes see the present, reads may see the past. It also watches for what must never
//! happen, since nobody else sees all of it.

use super::kinds::{Identity, Kind, Thing};
use crate::dice::Dice;
use infra_model::{Address, ErrorKind, OperationId, ProviderError};
use std::collections::BTreeMap;

/// A call that changes something.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Create {
        kind: &'static Kind,
        token: String,
        operation: OperationId,
        address: Address,
        thing: Thing,
    },
    Configure {
        id: String,
        thing: Thing,
    },
    Delete {
        id: String,
    },
}

/// One object at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its attributes.
    pub thing: Thing,
    /// Its type.
    pub kind: &'static Kind,
    /// The operation that made it; none when it was made by somebody else, or is managed no more.
    pub made_by: Option<OperationId>,
    /// For which resource.
    pub address: Option<Address>,
    /// When its creation is over.
    pub ready_at: i64,
    /// Its creation ends in failure.
    pub fails: bool,
    /// It is on its way out.
    pub deleting: bool,
}

/// Everything that was, by id.
#[derive(Debug, Default)]
pub struct Objects {
    history: BTreeMap<String, Vec<(i64, Option<Snapshot>)>>,
    tokens: BTreeMap<String, (String, i64)>,
    made: u64,
    /// How long creations take, in percent of their usual time; the dice for it.
    pub(super) pace: Option<Dice>,
    /// Creations that are stuck for a quarter of an hour, and ones that fail, in a thousand.
    pub(super) stuck: u64,
    pub(super) failing: u64,
    /// What must never happen and did.
    pub(super) violations: Vec<String>,
    /// Deletions asked for since the last look.
    pub(super) deletions: u64,
}

/// How long a token is remembered, in milliseconds: a day, as EC2 does.
const TOKENS: i64 = 86_400_000;
/// Objects of one type that there may be.
const QUOTA: usize = 60;

impl Objects {
    /// None yet.
    pub(super) fn new(pace: Dice) -> Objects {
        Objects {
            pace: Some(pace),
            ..Objects::default()
        }
    }

    /// What is there now, by id.
    pub fn live(&self, now: i64) -> impl Iterator<Item = (&String, &Snapshot)> {
        self.history
            .keys()
            .filter_map(move |id| Some((id, self.at(id, now)?)))
    }

    /// One object at a time.
    #[must_use]
    pub fn at(&self, id: &str, time: i64) -> Option<&Snapshot> {
        let versions = self.history.get(id)?;
        let (_, snapshot) = versions.iter().rev().find(|(at, _)| *at <= time)?;
        snapshot.as_ref()
    }

    /// The id of what an operation made, as it was listed at a time.
    pub(super) fn made_by(&self, operation: &OperationId, time: i64) -> Option<String> {
        self.history.keys().find_map(|id| {
            let snapshot = self.at(id, time)?;
            let tagged = snapshot.kind.identity != Identity::Key;
            (tagged && snapshot.made_by.as_ref() == Some(operation)).then(|| id.clone())
        })
    }

    fn push(&mut self, id: &str, at: i64, snapshot: Option<Snapshot>) {
        let versions = self.history.entry(id.to_owned()).or_default();
        // What was to come is overtaken.
        versions.retain(|(time, _)| *time <= at);
        versions.push((at, snapshot));
    }

    /// Somebody else changes or makes something.
    pub fn put(&mut self, id: &str, now: i64, snapshot: Snapshot) {
        self.push(id, now, Some(snapshot));
    }

    /// Somebody else takes something away, whatever stands on it.
    pub fn vanish(&mut self, id: &str, now: i64) {
        self.push(id, now, None);
    }

    /// Who needs an object.
    #[must_use]
    pub fn users(&self, id: &str, now: i64) -> Vec<String> {
        let users = self
            .live(now)
            .filter(|(_, s)| s.thing.needs().any(|p| p == id));
        users.map(|(user, _)| user.clone()).collect()
    }

    /// Does what a call asks; the id.
    pub(super) fn execute(&mut self, request: &Request, now: i64) -> Result<String, ProviderError> {
        match request {
            Request::Create {
                kind,
                token,
                operation,
                address,
                thing,
            } => self.create(kind, token, operation, address, thing, now),
            Request::Configure { id, thing } => self.configure(id, thing, now),
            Request::Delete { id } => self.delete(id, now),
        }
    }

    fn create(
        &mut self,
        kind: &'static Kind,
        token: &str,
        operation: &OperationId,
        address: &Address,
        thing: &Thing,
        now: i64,
    ) -> Result<String, ProviderError> {
        if kind.identity == Identity::Token
            && let Some((id, at)) = self.tokens.get(token)
            && now - at < TOKENS
        {
            return Ok(id.clone());
        }
        for parent in thing.needs() {
            if self.at(parent, now).is_none_or(|p| p.deleting) {
                let message = format!("`{parent}` does not exist");
                return Err(refusal("InvalidParent", ErrorKind::Invalid, message));
            }
        }
        let id = match kind.identity {
            Identity::Token | Identity::Tags => {
                self.made += 1;
                format!("{}-{}", &kind.type_name[4..], self.made)
            }
            Identity::Name => thing.name.clone(),
            Identity::Key => thing.place(),
        };
        if self.at(&id, now).is_some() {
            let message = format!("`{id}` exists already");
            return Err(refusal("AlreadyExists", ErrorKind::Conflict, message));
        }
        if self
            .live(now)
            .filter(|(_, s)| s.kind.type_name == kind.type_name)
            .count()
            >= QUOTA
        {
            let message = format!("no more than {QUOTA} of {}", kind.type_name);
            return Err(refusal("QuotaExceeded", ErrorKind::Quota, message));
        }
        let twin = self
            .live(now)
            .find(|(_, s)| s.made_by.as_ref() == Some(operation));
        let twin = twin.map(|(id, _)| id.clone());
        if let Some(twin) = twin {
            let message = format!("{address}: operation {operation} made `{twin}` and then `{id}`");
            self.violations.push(message);
        }
        let mut thing = Thing {
            id: Some(id.clone()),
            revision: Some(1),
            ..thing.clone()
        };
        if kind.two_calls {
            thing.size = 1;
            thing.note = None;
            thing.secret = None;
            thing.links = None;
        }
        let (mut wait, mut fails) = (kind.create, false);
        if let Some(dice) = self.pace.as_mut().filter(|_| kind.create > 0) {
            wait = wait * dice.between(50, 200) / 100;
            fails = dice.permille(self.failing);
            if dice.permille(self.stuck) {
                wait = 900_000;
            }
        }
        let snapshot = Snapshot {
            thing,
            kind,
            made_by: Some(operation.clone()),
            address: Some(address.clone()),
            ready_at: now + wait,
            fails,
            deleting: false,
        };
        self.push(&id, now, Some(snapshot));
        self.tokens.insert(token.to_owned(), (id.clone(), now));
        Ok(id)
    }

    fn configure(&mut self, id: &str, thing: &Thing, now: i64) -> Result<String, ProviderError> {
        let Some(old) = self.at(id, now).filter(|s| !s.deleting).cloned() else {
            let message = format!("`{id}` does not exist");
            return Err(refusal("NotFound", ErrorKind::NotFound, message));
        };
        for link in thing.links.iter().flatten() {
            if self.at(link, now).is_none_or(|p| p.deleting) {
                let message = format!("`{link}` does not exist");
                return Err(refusal("InvalidLink", ErrorKind::Invalid, message));
            }
        }
        let mut new = old.clone();
        new.thing.size = thing.size;
        new.thing.note.clone_from(&thing.note);
        new.thing.secret.clone_from(&thing.secret);
        new.thing.links.clone_from(&thing.links);
        if new.thing != old.thing {
            new.thing.revision = old.thing.revision.map(|r| r + 1);
            self.push(id, now, Some(new));
        }
        Ok(id.to_owned())
    }

    fn delete(&mut self, id: &str, now: i64) -> Result<String, ProviderError> {
        self.deletions += 1;
        let Some(old) = self.at(id, now).cloned() else {
            let message = format!("`{id}` does not exist");
            return Err(refusal("NotFound", ErrorKind::NotFound, message));
        };
        if old.deleting {
            return Ok(id.to_owned());
        }
        let users = self.users(id, now);
        for user in &users {
            let Some(there) = self
                .at(user, now)
                .filter(|s| !s.deleting && s.made_by.is_some())
            else {
                continue;
            };
            if let (Some(gone), Some(needs)) = (&old.address, &there.address) {
                self.violations.push(format!(
                    "{gone} (`{id}`) was to go before {needs} (`{user}`), which needs it"
                ));
            }
        }
        if let Some(user) = users.first() {
            let message = format!("`{id}` is in use by `{user}`");
            return Err(refusal("InUse", ErrorKind::Conflict, message));
        }
        let wait = old.kind.delete;
        if wait > 0 {
            let leaving = Snapshot {
                deleting: true,
                ..old
            };
            self.push(id, now, Some(leaving));
        }
        let versions = self.history.entry(id.to_owned()).or_default();
        versions.push((now + wait, None));
        Ok(id.to_owned())
    }
}

pub(super) fn refusal(code: &str, kind: ErrorKind, message: String) -> ProviderError {
    ProviderError {
        service: "sim".to_owned(),
        code: code.to_owned(),
        request_id: Some("r-1".to_owned()),
        ..ProviderError::new(kind, message)
    }
}
