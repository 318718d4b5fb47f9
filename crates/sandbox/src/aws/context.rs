//! What a handler of an AWS service works with: the transaction, the time, the region of the request, new ids
//! and due times. It holds no rules of any service.

use serde_json::Value;

use super::error::AwsResult;
use crate::clock::Millis;
use crate::core::Frame;
use crate::faults::Pace;
use crate::latency::{Latency, Work};
use crate::tags::Tags;
use crate::token::{self, Token};
use crate::world::{Document, Stored, Tx};

/// The only account there is.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The context of one request.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) tx: Tx<'a>,
    pub(crate) now: Millis,
    pub(crate) region: String,
    /// The key that signed the request; empty for what happens by itself.
    pub(crate) access_key: String,
    pub(crate) latency: Latency,
    /// What faults make of the background work that this request starts.
    pub(crate) pace: Pace,
}

impl<'a> Ctx<'a> {
    /// The context of what happens in a region.
    pub(crate) fn new(frame: Frame<'a>, region: &str) -> Self {
        Self {
            tx: frame.tx,
            now: frame.now,
            region: region.to_owned(),
            access_key: String::new(),
            latency: frame.latency,
            pace: frame.pace,
        }
    }

    /// Gives the frame back.
    pub(crate) fn into_frame(self) -> Frame<'a> {
        Frame {
            tx: self.tx,
            now: self.now,
            latency: self.latency,
            pace: self.pace,
        }
    }
}

impl Ctx<'_> {
    /// One document of the request's region, or of the account for global kinds.
    pub(crate) fn get<T: Document>(&self, id: &str) -> Option<Stored<T>> {
        self.tx.get(T::SCOPE.name(&self.region), id)
    }

    /// Whether it exists.
    pub(crate) fn exists<T: Document>(&self, id: &str) -> bool {
        self.get::<T>(id).is_some()
    }

    /// All of a kind, by id.
    pub(crate) fn list<T: Document>(&self) -> Vec<Stored<T>> {
        self.tx.list(T::SCOPE.name(&self.region))
    }

    /// How many there are of a kind.
    pub(crate) fn count<T: Document>(&self) -> usize {
        self.tx.count::<T>(T::SCOPE.name(&self.region))
    }

    /// Those of a kind that link to `target`.
    pub(crate) fn referrers<T: Document>(&self, target: &str) -> Vec<Stored<T>> {
        self.tx.referrers(T::SCOPE.name(&self.region), target)
    }

    /// Whether any of a kind links to `target`.
    pub(crate) fn referred<T: Document>(&self, target: &str) -> bool {
        self.tx.referred::<T>(T::SCOPE.name(&self.region), target)
    }

    /// Writes a document; its tags stay.
    pub(crate) fn put<T: Document>(&mut self, doc: T) {
        let scope = T::SCOPE.name(&self.region).to_owned();
        self.tx.put(&scope, doc, None);
    }

    /// Writes a document with tags.
    pub(crate) fn put_tagged<T: Document>(&mut self, doc: T, tags: Tags) {
        let scope = T::SCOPE.name(&self.region).to_owned();
        self.tx.put(&scope, doc, Some(tags));
    }

    /// Replaces the tags of a document; false when there is none.
    pub(crate) fn set_tags<T: Document>(&mut self, id: &str, tags: Tags) -> bool {
        let scope = T::SCOPE.name(&self.region).to_owned();
        self.tx.retag(T::KIND, &scope, id, tags)
    }

    /// Takes a document away; false when there was none.
    pub(crate) fn delete<T: Document>(&mut self, id: &str) -> bool {
        let scope = T::SCOPE.name(&self.region).to_owned();
        self.tx.delete::<T>(&scope, id)
    }

    /// `vpc-0123456789abcdef0`: a prefix and 17 hexadecimal digits.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.tx.hex(16))
    }

    /// Hexadecimal digits not given out before.
    pub(crate) fn new_hex(&mut self, digits: usize) -> String {
        self.tx.hex(digits)
    }

    /// A UUID not given out before.
    pub(crate) fn new_uuid(&mut self) -> String {
        self.tx.uuid()
    }

    /// `PREFIX` and upper-case letters and digits, as IAM's unique ids.
    pub(crate) fn new_unique_id(&mut self, prefix: &str) -> String {
        let digits = self.tx.hex(17).to_uppercase();
        format!("{prefix}{digits}")
    }

    /// When background work that begins now is done.
    pub(crate) fn due(&self, work: Work) -> Millis {
        self.due_after(self.now, work)
    }

    /// When background work that begins at `start` is done.
    pub(crate) fn due_after(&self, start: Millis, work: Work) -> Millis {
        self.pace.due(start, self.latency.of(work))
    }

    /// Whether a due time has come.
    pub(crate) fn past(&self, at: Millis) -> bool {
        at <= self.now
    }

    /// `arn:aws:SERVICE:REGION:ACCOUNT:REST` in the request's region.
    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{rest}", self.region)
    }

    /// What an idempotency token says of a request with these parameters.
    pub(crate) fn token(&self, operation: &str, token: &str, parameters: &str) -> Token {
        token::look_up(
            &self.tx,
            &self.region,
            operation,
            token,
            &token::fingerprint(parameters),
        )
    }

    /// Remembers what a token's request made.
    pub(crate) fn remember(
        &mut self,
        operation: &str,
        token: Option<&str>,
        parameters: &str,
        result: impl Into<Value>,
    ) {
        if let Some(token) = token {
            let print = token::fingerprint(parameters);
            let region = self.region.clone();
            token::remember(
                &mut self.tx,
                &region,
                operation,
                token,
                print,
                result.into(),
                self.now,
            );
        }
    }
}

/// `arn:aws:SERVICE::ACCOUNT:REST`: an ARN without a region.
pub(crate) fn global_arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}::{ACCOUNT}:{rest}")
}

/// A page of a list that is cut by a token naming the last item shown.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// Cuts a page out of items that are sorted by key: those after the token's, at most `limit`.
pub(crate) fn page<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    token: Option<&str>,
    limit: Option<usize>,
    bad_token: impl FnOnce() -> super::error::AwsError,
) -> AwsResult<Page<T>> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut items = items;
    if let Some(token) = token {
        let after = engine
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(after) = after else {
            return Err(bad_token());
        };
        items.retain(|item| key(item) > after.as_str());
    }
    let mut next = None;
    if let Some(limit) = limit
        && items.len() > limit
    {
        items.truncate(limit);
        next = items.last().map(|item| engine.encode(key(item)));
    }
    Ok(Page { items, next })
}
