//! How a cloud writes the marks that say whose a resource is, among tags or labels that are written whole, and the characters
//! that its values can hold.

use crate::defaults::{Texts, marks, merged, split};
use infra_model::{Address, Operation};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

/// How a cloud writes marks.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// What their names begin with: `infra:`.
    pub prefix: &'static str,
    /// The mark of the creating operation: written once, in the creating call.
    pub operation: &'static str,
    /// What names begin with that the cloud itself gives.
    pub clouds: &'static [&'static str],
    /// Text as a value.
    pub encode: fn(&str) -> String,
}

impl Marks {
    /// What a new resource carries: its own, the defaults and the marks.
    #[must_use]
    pub fn for_create(&self, defaults: &Texts, own: &Texts, operation: &Operation) -> Texts {
        let mut all = self.for_update(defaults, own, operation, &Texts::new());
        all.insert(self.operation.to_owned(), operation.id.to_string());
        all
    }

    /// What a resource carries from now on: all is written whole, so that what is there of marks and of the cloud's own goes
    /// along.
    #[must_use]
    pub fn for_update(
        &self,
        defaults: &Texts,
        own: &Texts,
        operation: &Operation,
        there: &Texts,
    ) -> Texts {
        let mut all: Texts = there
            .iter()
            .filter(|(k, _)| self.is_mark(k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        all.extend(merged(defaults, own));
        let address = ("address", operation.address.to_string());
        let marks = marks(operation).chain([address]);
        all.extend(
            marks.map(|(name, text)| (format!("{}{name}", self.prefix), (self.encode)(&text))),
        );
        all
    }

    /// The mark of an address: its name and its value.
    #[must_use]
    pub fn address(&self, address: &Address) -> (String, String) {
        let value = (self.encode)(&address.to_string());
        (format!("{}address", self.prefix), value)
    }

    /// Whether what carries these is marked as an address.
    #[must_use]
    pub fn is_of(&self, found: &Texts, address: &Address) -> bool {
        let (name, value) = self.address(address);
        found.get(&name) == Some(&value)
    }

    /// Whether what carries these is the stack's, the instance's and the address' of an operation.
    #[must_use]
    pub fn are_of(&self, found: &Texts, operation: &Operation) -> bool {
        let name = |name: &str| format!("{}{name}", self.prefix);
        let marking = &operation.marking;
        let instance = marking.instance.as_ref().map(|i| (self.encode)(i));
        found.get(&name("stack")) == Some(&(self.encode)(&marking.stack))
            && found.get(&name("instance")) == instance.as_ref()
            && self.is_of(found, &operation.address)
    }

    /// A resource's own among all that the cloud says, and all without marks.
    #[must_use]
    pub fn split(&self, found: Texts, defaults: &Texts, prior: Option<&Texts>) -> (Texts, Texts) {
        split(found, defaults, prior, |key| self.is_mark(key))
    }

    /// Whether a resource carries the mark of an operation that made it.
    #[must_use]
    pub fn made_by(&self, operation: &Operation, found: &Texts) -> bool {
        found.get(self.operation) == Some(&operation.id.to_string())
    }

    fn is_mark(&self, key: &str) -> bool {
        key.starts_with(self.prefix) || self.clouds.iter().any(|own| key.starts_with(own))
    }
}

/// The texts of a JSON object.
#[must_use]
pub fn of(json: Option<&Json>) -> Texts {
    let entries = json.and_then(Json::as_object).into_iter().flatten();
    entries
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// Texts as JSON.
#[must_use]
pub fn json(texts: &Texts) -> Json {
    let entries = texts
        .iter()
        .map(|(k, v)| (k.clone(), Json::String(v.clone())));
    Json::Object(entries.collect::<Map<_, _>>())
}

/// Text in letters, digits and the characters `kept`: other bytes become `=` and their hexadecimal digits.
#[must_use]
pub fn escaped(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("={byte:02X}"));
        }
    }
    out
}

/// What is too long for a value ends in a hash of the whole; in ASCII.
#[must_use]
pub fn shortened(text: String, longest: usize) -> String {
    if text.len() <= longest {
        return text;
    }
    let digest = hex::encode(&Sha256::digest(text.as_bytes())[..8]);
    format!("{}..{digest}", &text[..longest - 18])
}
