//! What a handler of a Google service works with: the transaction, the time, new ids, due times, references.

use base64::Engine;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::{GoogleError, GoogleResult};
use super::item::{Item, Operation};
use super::schema::Method;
use crate::clock::{Millis, NEVER};
use crate::core::Frame;
use crate::http::HttpRequest;
use crate::json;
pub(crate) use crate::json::{text, without_nulls};
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::Stored;

/// Who acts, as operations name it.
pub(crate) const USER: &str = "sandbox@sandbox-project.iam.gserviceaccount.com";

/// The project that is there from the beginning.
const DEFAULT_PROJECT: &str = "sandbox-project";

/// The table of projects by number.
const PROJECTS: &str = "projects";

/// The context of one request.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) now: Millis,
}

/// A request with the parts of its path.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) method: &'static Method,
    /// Variables of the path, in order.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The body, checked; null where there is none.
    pub(crate) body: Value,
    pub(crate) request: &'a HttpRequest,
}

impl Input<'_> {
    /// A variable of the path.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The project, empty where the path has none.
    pub(crate) fn project(&self) -> &str {
        self.variables
            .iter()
            .find(|(name, _)| is_project(self.method, name))
            .map_or("", |(_, value)| value)
    }

    /// Region, zone or location, empty where the path has none.
    pub(crate) fn location(&self) -> &str {
        location(&self.variables)
    }

    /// Names of the resource and what it is in: all variables but project and location.
    pub(crate) fn names(&self) -> Vec<&str> {
        const OTHERS: [&str; 11] = [
            "project",
            "projectsId",
            "projectId",
            "v1Id",
            "v1Id1",
            "v1beta1Id",
            "v1beta1Id1",
            "region",
            "zone",
            "location",
            "locationsId",
        ];
        self.variables
            .iter()
            .filter(|(name, _)| !OTHERS.contains(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The last of the names.
    pub(crate) fn name(&self) -> &str {
        self.names().last().copied().unwrap_or_default()
    }

    /// Whether a query parameter is on; clients write it in their own languages.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The first query parameter of a name, unless it is empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.request.query(name).filter(|value| !value.is_empty())
    }

    /// How many rows a page has: what a parameter says, or so many. Nothing is as good as nothing said (<https://google.aip.dev/158>), and
    /// what the official crates send.
    pub(crate) fn size(&self, parameter: &str, usual: usize) -> usize {
        let said = self.query(parameter).and_then(|size| size.parse().ok());
        said.filter(|size| *size > 0).unwrap_or(usual)
    }

    /// The answer to a listing, with a page of its rows under a name and the token of the next page. Where there are no rows
    /// the name is left as it is.
    pub(crate) fn paged(
        &self,
        mut answer: Value,
        name: &str,
        rows: Vec<Value>,
        size: usize,
    ) -> GoogleResult<Value> {
        let (rows, next) = page(rows, size, self.query("pageToken"))?;
        if !rows.is_empty() {
            answer[name] = rows.into();
        }
        if let Some(next) = next {
            answer["nextPageToken"] = next.into();
        }
        Ok(answer)
    }
}

/// Whether a variable of a path names the project.
pub(crate) fn is_project(method: &Method, name: &str) -> bool {
    let named = matches!(
        name,
        "project" | "projectsId" | "projectId" | "v1Id1" | "v1beta1Id1"
    );
    // Policies of projects are asked for by this name; elsewhere it is the resource's own.
    named || name == "resource" && method.service == "cloudresourcemanager"
}

/// What a project's name must be, as Compute's discovery document has it.
pub(crate) const PROJECT: &str = "Must be a match of regex '(?:(?:[-a-z0-9]{1,63}\\.)*(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?):)?(?:[0-9]{1,19}|(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?))'";

/// Whether a project can have that id or number; `-` stands for whichever it is.
pub(crate) fn is_project_name(name: &str) -> bool {
    let (domain, id) = name.split_once(':').unwrap_or(("", name));
    let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let part = |part: &str| (1..=63).contains(&part.len()) && part.bytes().all(legal);
    let ends = |part: &str| !part.starts_with('-') && !part.ends_with('-');
    let of_domain = domain.is_empty() && !name.starts_with(':') || domain.split('.').all(part);
    name == "-" || of_domain && part(id) && ends(id)
}

/// The location among the variables of a path.
pub(crate) fn location<'v>(variables: &'v [(&'static str, String)]) -> &'v str {
    variables
        .iter()
        .find(|(name, _)| matches!(*name, "region" | "zone" | "location" | "locationsId"))
        .map_or("", |(_, value)| value)
}

impl Ctx<'_> {
    /// A resource by its full name.
    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<Stored<Item>> {
        self.frame.tx.get(kind, id)
    }

    /// Resources of a kind whose full name begins so.
    pub(crate) fn list(&self, kind: &str, prefix: &str) -> Vec<Stored<Item>> {
        self.frame.tx.range(kind, prefix, None, usize::MAX)
    }

    /// Everything that refers to a resource.
    pub(crate) fn holders(&self, id: &str) -> Vec<Stored<Item>> {
        self.frame.tx.holders(id)
    }

    /// Writes a resource with these labels.
    pub(crate) fn put(&mut self, kind: &str, item: Item, labels: Option<&Value>) {
        let mut tags = Tags::default();
        for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
            tags.set(key, value.as_str().unwrap_or_default());
        }
        self.frame.tx.put(kind, item, Some(tags));
    }

    /// Writes a resource; its labels stay.
    pub(crate) fn keep(&mut self, kind: &str, item: Item) {
        self.frame.tx.put(kind, item, None);
    }

    /// The id of a project that may be named by its number.
    pub(crate) fn project_id(&self, name: &str) -> String {
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_digit()) {
            return name.to_owned();
        }
        match self.get(PROJECTS, name) {
            Some(item) => text(&item.doc, "/id").to_owned(),
            None if name == project_number(DEFAULT_PROJECT) => DEFAULT_PROJECT.to_owned(),
            None => name.to_owned(),
        }
    }

    /// Remembers a project, so that it can be named by its number.
    pub(crate) fn know_project(&mut self, id: &str) {
        let number = project_number(id);
        if id != DEFAULT_PROJECT && number != id && self.get(PROJECTS, &number).is_none() {
            self.put(
                PROJECTS,
                Item::new(number, serde_json::json!({ "id": id })),
                None,
            );
        }
    }

    /// Takes a resource away at once.
    pub(crate) fn remove(&mut self, kind: &str, id: &str) -> bool {
        self.frame.tx.delete::<Item>(kind, id)
    }

    /// Writes an operation.
    pub(crate) fn put_operation(&mut self, operation: Operation) {
        self.frame.tx.put("", operation, None);
    }

    /// An operation by its full name.
    pub(crate) fn operation(&self, id: &str) -> Option<Stored<Operation>> {
        self.frame.tx.get("", id)
    }

    /// Operations whose full name begins so.
    pub(crate) fn operations(&self, prefix: &str) -> Vec<Stored<Operation>> {
        self.frame.tx.range("", prefix, None, usize::MAX)
    }

    /// Hexadecimal digits not given out before.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        self.frame.tx.hex(digits)
    }

    /// A 19-digit number not given out before.
    pub(crate) fn number(&mut self) -> String {
        let hex = self.hex(15);
        let number = u64::from_str_radix(&hex, 16).unwrap_or_default();
        (1_000_000_000_000_000_000 + number).to_string()
    }

    /// A UUID not given out before.
    pub(crate) fn uuid(&mut self) -> String {
        self.frame.tx.uuid()
    }

    /// When background work that begins now is done.
    pub(crate) fn due(&self, work: Work) -> Millis {
        let latency = self.frame.latency.of(work);
        self.frame.pace.due(self.now, latency)
    }

    /// Whether a fault lets the background work of this request fail.
    pub(crate) fn fails(&self) -> bool {
        self.frame.pace.fails
    }

    /// When an operation of that length is no longer pending.
    pub(crate) fn runs_at(&self, done: Millis) -> Millis {
        let length = done - self.now;
        if done == NEVER || length < 20 {
            self.now
        } else {
            self.now + length / 10
        }
    }
}

/// `2026-01-31T00:05:00.250-08:00`, as compute writes times.
pub(crate) fn pacific(at: Millis) -> String {
    let shifted = crate::clock::iso8601_millis(at.saturating_sub(8 * 3_600_000));
    shifted.replace('Z', "-08:00")
}

/// The number of a project, always the same for the same id.
pub(crate) fn project_number(project: &str) -> String {
    if !project.is_empty() && project.bytes().all(|c| c.is_ascii_digit()) {
        return project.to_owned();
    }
    let digest = Sha256::digest(project.as_bytes());
    let number = digest[..5]
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (100_000_000_000 + number % 900_000_000_000).to_string()
}

fn print(value: &Value) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&Sha256::digest(value.to_string().as_bytes())[..8]);
    out
}

/// Eight bytes of a digest in the web-safe base64 that discovery documents mean by `byte`, as Compute's fingerprints are written.
pub(crate) fn fingerprint(value: &Value) -> String {
    base64::engine::general_purpose::URL_SAFE.encode(print(value))
}

/// The same in the base64 of protocol buffers' JSON, as etags of policies and accounts are written.
pub(crate) fn etag(value: &Value) -> String {
    base64::engine::general_purpose::STANDARD.encode(print(value))
}

/// Merges as JSON merge patch has it.
pub(crate) fn merge(into: &mut Value, patch: &Value) {
    json::merge(into, patch, &[]);
}

/// Merges the fields that an update mask names; without a mask, those that are sent. Fields that are not among the
/// allowed ones are refused.
pub(crate) fn merge_masked(
    into: &mut Value,
    patch: &Value,
    mask: Option<&str>,
    allowed: &[&str],
) -> GoogleResult<()> {
    let sent = || -> Vec<String> {
        let members = patch.as_object().into_iter().flatten();
        members.map(|(name, _)| name.clone()).collect()
    };
    let paths = match mask {
        None | Some("*") => sent(),
        Some(mask) => mask.split(',').map(|path| camel(path.trim())).collect(),
    };
    for path in paths {
        let first = path.split('.').next().unwrap_or_default();
        if !allowed.contains(&first) {
            let message = format!("Invalid field in update mask: {path}");
            return Err(GoogleError::bad(message));
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = patch.pointer(&pointer).cloned().unwrap_or(Value::Null);
        let mut parts: Vec<_> = path.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let mut at = &mut *into;
        for part in parts {
            if !at[part].is_object() {
                at[part] = Value::Object(Map::new());
            }
            at = &mut at[part];
        }
        if let Some(members) = at.as_object_mut() {
            members.remove(last);
            if !value.is_null() {
                members.insert(last.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// `update_mask` as `updateMask`: masks are written in both ways.
fn camel(path: &str) -> String {
    let mut text = String::new();
    let mut upper = false;
    for c in path.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            text.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            text.push(c);
        }
    }
    text
}

/// Sets a member unless it is there.
pub(crate) fn default(members: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    if !members.contains_key(name) {
        members.insert(name.to_owned(), value.into());
    }
}

/// Takes empty texts away: services on gRPC do not tell them from what is not there.
pub(crate) fn without_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| value != "");
            members.values_mut().for_each(without_empty);
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty),
        _ => {}
    }
}

/// Calls `visit` on every value at a path whose `*` stands for each item: `backends/*/group`.
pub(crate) fn each(
    value: &mut Value,
    path: &str,
    visit: &mut dyn FnMut(&mut Value) -> GoogleResult<()>,
) -> GoogleResult<()> {
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let mut step = |value: &mut Value| match rest {
        None => visit(value),
        Some(rest) => each(value, rest, visit),
    };
    match value {
        Value::Array(items) if first == "*" => items.iter_mut().try_for_each(step),
        Value::Object(members) => match members.get_mut(first) {
            Some(member) if !member.is_null() => step(member),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A page: at most `size` of the items after the token, and the token of the next one.
pub(crate) fn page<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
) -> GoogleResult<(Vec<T>, Option<String>)> {
    json::page(items, size.max(1), token).ok_or_else(|| {
        let token = token.unwrap_or_default();
        GoogleError::field("pageToken", token, "The page token is invalid.")
    })
}
