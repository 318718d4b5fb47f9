//! Operations: what is done to one resource, under an id that is never used again.

use crate::address::Address;
use crate::program::Stack;
use crate::time::Timestamp;
use crate::value::Str;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Take it away.
    Delete,
}

/// Identifies an operation for ever. Random, 16 hexadecimal digits; goes into the `infra:operation` tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub Str);

impl OperationId {
    /// From 64 random bits.
    #[must_use]
    pub fn from_random(bits: u64) -> OperationId {
        OperationId(format!("{bits:016x}").into())
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The idempotency token of an operation: hash(lineage, operation id). Retries and recovery send the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(Str);

impl Token {
    /// The token of an operation under a state's lineage.
    #[must_use]
    pub fn new(lineage: &str, operation: &OperationId) -> Token {
        let digest = Sha256::new()
            .chain_update(lineage)
            .chain_update([0])
            .chain_update(&*operation.0)
            .finalize();
        Token(hex::encode(&digest[..20]).into())
    }

    /// 40 hexadecimal digits: fits EC2's `ClientToken` (at most 64 ASCII characters) and EKS's `clientRequestToken`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a non-zero UUID, for Google's `requestId`.
    #[must_use]
    pub fn as_uuid(&self) -> String {
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, self.0.as_bytes()).to_string()
    }

    /// For a second call of the same operation that needs a token of its own.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Token {
        Token::new(&self.0, &OperationId(purpose.into()))
    }
}

/// One operation as a provider sees it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// Its token.
    pub token: Token,
    /// What it acts on.
    pub address: Address,
    /// What it does.
    pub action: Action,
    /// When its intent was written; a token's lifetime counts from here.
    pub started: Timestamp,
    /// The cloud's id when it is known already: of the resource to change, or of one whose creation was begun by this very
    /// operation in an earlier run. A create that finds it set goes on waiting and configuring instead of creating.
    pub known_id: Option<String>,
    /// Whether something changes hands and must live through it: a create takes over what another resource has brought, with
    /// whatever it finds there; a change of that other one only stops it, and a delete lets go of all that it has brought.
    pub hands_over: bool,
    /// What every taggable resource is marked with.
    pub marking: Marking,
    /// What the resource type's `plan` kept for itself.
    pub private: Option<serde_json::Value>,
}

/// Ownership, as tags or labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marking {
    /// `infra:stack`
    pub stack: Str,
    /// `infra:instance`, for ephemeral copies.
    pub instance: Option<Str>,
    /// `infra:expires`, on ephemeral ones.
    pub expires: Option<Timestamp>,
}

impl Marking {
    /// What a stack marks with in an operation that was started at a moment: the same whenever it is sent again.
    #[must_use]
    pub fn of(stack: &Stack, started: Timestamp) -> Marking {
        let life = stack.ttl.map(Duration::from_secs);
        Marking {
            stack: stack.name.clone(),
            instance: stack.instance.clone(),
            expires: life.map(|life| started.plus(life)),
        }
    }
}
