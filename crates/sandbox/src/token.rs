//! Idempotency tokens: the same token with the same parameters names the same result; with others it is a
//! mismatch, which each service reports in its own words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::Millis;
use crate::world::{Document, Tx};

/// How long a token is remembered.
const LIFETIME: Millis = 24 * 60 * 60 * 1000;

#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    /// `OPERATION/TOKEN`.
    id: String,
    fingerprint: String,
    result: Value,
    gone_at: Millis,
}

impl Document for Remembered {
    const KIND: &'static str = "token";

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        Some(self.gone_at)
    }
}

/// What a token says of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Not seen before: do the work, then `remember`.
    New,
    /// Seen with the same parameters: what it made.
    Seen(Value),
    /// Seen with other parameters.
    Mismatch,
}

/// A digest of a request's parameters without its token.
pub(crate) fn fingerprint(parameters: &str) -> String {
    hex::encode(Sha256::digest(parameters.as_bytes()))
}

/// Looks a token up.
pub(crate) fn look_up(
    tx: &Tx<'_>,
    scope: &str,
    operation: &str,
    token: &str,
    print: &str,
) -> Token {
    match tx.get::<Remembered>(scope, &format!("{operation}/{token}")) {
        None => Token::New,
        Some(seen) if seen.fingerprint == print => Token::Seen(seen.result.clone()),
        Some(_) => Token::Mismatch,
    }
}

/// Remembers what a token's request made.
pub(crate) fn remember(
    tx: &mut Tx<'_>,
    scope: &str,
    operation: &str,
    token: &str,
    print: String,
    result: Value,
    now: Millis,
) {
    let id = format!("{operation}/{token}");
    tx.put(
        scope,
        Remembered {
            id,
            fingerprint: print,
            result,
            gone_at: now + LIFETIME,
        },
        None,
    );
}
