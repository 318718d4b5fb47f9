//! Patterns over addresses: what `-target`, `-exclude` and `-replace` name.
//!
//! A pattern is an address, or its beginning, in which names and keys may hold `*` (any text) and `?` (any character); `**`
//! stands for any number of parts. `module.queue` means everything in it, `aws_subnet.private` all its instances,
//! `aws_subnet.*` all subnets of the stack itself, `**.aws_subnet.*` those in modules and components too.

use crate::address::{Address, BlockAddress, InstanceKey, ScopePath};
use std::fmt;
use std::str::FromStr;

/// A pattern over addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    Any,
    Name(String, Option<Key>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Any,
    Index(u64),
    Name(String),
}

/// One part of an address, as patterns see it.
#[derive(Clone, Copy)]
struct Named<'a> {
    name: &'a str,
    key: Keyed<'a>,
}

#[derive(Clone, Copy)]
enum Keyed<'a> {
    Is(Option<&'a InstanceKey>),
    /// A block, whose instances are not looked at.
    Open,
}

/// Text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address or a pattern of addresses: {why}")]
pub struct PatternError {
    text: String,
    why: &'static str,
}

impl AddressPattern {
    /// Whether an instance is meant: it, or something around it.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        let key = Keyed::Is(address.key.as_ref());
        self.fits(&address.block, key)
    }

    /// Whether the block, or some instance of it, can be meant.
    #[must_use]
    pub fn reaches(&self, block: &BlockAddress) -> bool {
        self.fits(block, Keyed::Open)
    }

    /// Whether all instances of the block are meant, whichever there are.
    #[must_use]
    pub fn covers(&self, block: &BlockAddress) -> bool {
        self.fits(block, Keyed::Is(None))
    }

    /// Whether it has `*` or `?` in it.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.text.contains(['*', '?'])
    }

    fn fits(&self, block: &BlockAddress, key: Keyed<'_>) -> bool {
        let mut named = Vec::with_capacity(block.scope.steps().len() * 2 + 3);
        scope_parts(&block.scope, &mut named);
        let plain = |name| Named {
            name,
            key: Keyed::Is(None),
        };
        if let Some(word) = block.mode.word() {
            named.push(plain(word));
        }
        named.push(plain(&block.type_name));
        named.push(Named {
            name: &block.name,
            key,
        });
        begins(&self.parts, &named)
    }
}

fn scope_parts<'a>(scope: &'a ScopePath, named: &mut Vec<Named<'a>>) {
    for step in scope.steps() {
        named.push(Named {
            name: &step.kind,
            key: Keyed::Is(None),
        });
        named.push(Named {
            name: &step.name,
            key: Keyed::Is(step.key.as_ref()),
        });
    }
}

/// Whether the pattern fits the beginning of an address.
fn begins(parts: &[Part], named: &[Named<'_>]) -> bool {
    match (parts.split_first(), named.split_first()) {
        (None, _) => true,
        (Some((Part::Any, rest)), _) => (0..=named.len()).any(|i| begins(rest, &named[i..])),
        (Some(_), None) => false,
        (Some((Part::Name(name, key), rest)), Some((first, others))) => {
            glob(name, first.name)
                && key.as_ref().is_none_or(|key| key.fits(first.key))
                && begins(rest, others)
        }
    }
}

impl Key {
    fn fits(&self, key: Keyed<'_>) -> bool {
        match (self, key) {
            (_, Keyed::Open) => true,
            (_, Keyed::Is(None)) => false,
            (Key::Any, Keyed::Is(Some(_))) => true,
            (Key::Index(i), Keyed::Is(Some(InstanceKey::Index(j)))) => i == j,
            (Key::Name(name), Keyed::Is(Some(InstanceKey::Name(key)))) => glob(name, key),
            _ => false,
        }
    }
}

/// Whether a text fits a pattern of `*`, `?` and plain characters.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stood, and how much it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

impl FromStr for AddressPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<AddressPattern, PatternError> {
        let parts = parse(text.trim()).map_err(|why| PatternError {
            text: text.to_owned(),
            why,
        })?;
        Ok(AddressPattern {
            text: text.trim().to_owned(),
            parts,
        })
    }
}

fn parse(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '?');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(
                "its parts are names of letters, digits, `_` and `-`, with `*` and `?` for what may differ",
            );
        }
        rest = &rest[end..];
        let mut key = None;
        if let Some(inner) = rest.strip_prefix('[') {
            let (found, after) = parse_key(inner)?;
            (key, rest) = (Some(found), after);
        }
        parts.push(match (name, key) {
            ("**", None) => Part::Any,
            (name, key) => Part::Name(name.to_owned(), key),
        });
        if rest.is_empty() {
            return Ok(parts);
        }
        rest = rest.strip_prefix('.').ok_or("parts are joined by `.`")?;
    }
}

/// A key after `[`, and what follows `]`.
fn parse_key(inner: &str) -> Result<(Key, &str), &'static str> {
    const FORMS: &str =
        "a key is [number], [\"text\"] or [*]; in a shell, put the whole in single quotes";
    if let Some(rest) = inner.strip_prefix("*]") {
        return Ok((Key::Any, rest));
    }
    let mut stream = serde_json::Deserializer::from_str(inner).into_iter::<serde_json::Value>();
    let key = match stream.next() {
        Some(Ok(serde_json::Value::String(s))) => Key::Name(s),
        Some(Ok(serde_json::Value::Number(n))) => {
            Key::Index(n.as_u64().ok_or("an index is a whole number from 0")?)
        }
        _ => return Err(FORMS),
    };
    let rest = inner[stream.byte_offset()..]
        .strip_prefix(']')
        .ok_or(FORMS)?;
    Ok((key, rest))
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, address: &str) -> bool {
        let pattern: AddressPattern = pattern.parse().expect("a pattern");
        pattern.matches(&address.parse().expect("an address"))
    }

    #[test]
    fn a_plain_address_means_itself_and_what_is_in_it() {
        assert!(matches("aws_vpc.main", "aws_vpc.main"));
        assert!(matches("aws_vpc.main", "aws_vpc.main[\"a\"]"));
        assert!(!matches("aws_vpc.main", "aws_vpc.main2"));
        assert!(!matches("aws_vpc.main", "module.q.aws_vpc.main"));
        assert!(matches(
            "module.q",
            "module.q[\"eu\"].network.x.aws_vpc.main"
        ));
        assert!(!matches(
            "module.q[\"us\"]",
            "module.q[\"eu\"].aws_vpc.main"
        ));
        assert!(!matches("aws_vpc.main[0]", "aws_vpc.main"));
        assert!(matches("data.aws_ami.x", "data.aws_ami.x[3]"));
    }

    #[test]
    fn stars_stand_for_names_keys_and_parts() {
        assert!(matches("aws_subnet.*", "aws_subnet.a[0]"));
        assert!(!matches("aws_subnet.*", "network.n.aws_subnet.a"));
        assert!(matches("module.q*", "module.queue.aws_sqs_queue.x"));
        assert!(!matches("module.q*", "module.b.aws_sqs_queue.x"));
        assert!(matches(
            "**.aws_subnet.pub*",
            "network.n.aws_subnet.public[\"a\"]"
        ));
        assert!(matches("**.aws_subnet.pub*", "aws_subnet.public"));
        assert!(matches("**", "aws_subnet.public"));
        assert!(matches("x_y.z[\"eu-*\"]", "x_y.z[\"eu-west-1\"]"));
        assert!(!matches("x_y.z[\"eu-*\"]", "x_y.z[\"us-1\"]"));
        assert!(matches("x_y.z[*]", "x_y.z[7]"));
        assert!(matches("x_y.?a*b", "x_y.aacbb"));
    }

    #[test]
    fn blocks_are_reached_through_any_instance() {
        let block = "x_y.z".parse::<Address>().expect("an address").block;
        let pattern = |text: &str| text.parse::<AddressPattern>().expect("a pattern");
        assert!(pattern("x_y.z[3]").reaches(&block) && !pattern("x_y.z[3]").covers(&block));
        assert!(pattern("x_y.*").covers(&block));
        assert!(!pattern("x_y.zz").reaches(&block));
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for text in ["", "a..b", "a.b[", "a.b[x]", "a b.c", "a.b[0]c"] {
            assert!(text.parse::<AddressPattern>().is_err(), "{text}");
        }
    }
}
