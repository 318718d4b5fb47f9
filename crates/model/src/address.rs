//! Addresses of resources and blocks: `module.q["eu"].network.main.aws_subnet.private["a"]`.

use crate::value::Str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

mod provider;
pub use provider::ProviderAddress;

/// Which instance of a block: a `count` index or a `for_each` key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceKey {
    /// `[3]`
    Index(u64),
    /// `["eu"]`
    Name(Str),
}

/// Managed by us, only read, or only for the time of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `[resource.…]`, or one made by a component.
    Managed,
    /// A `[data.…]`.
    Data,
    /// An `[ephemeral.…]`: opened when it is needed, never stored.
    Ephemeral,
}

impl Mode {
    /// The word before the type in addresses and references; none for what is managed.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        match self {
            Mode::Managed => None,
            Mode::Data => Some("data"),
            Mode::Ephemeral => Some("ephemeral"),
        }
    }

    /// The name of the table in stack files that has the blocks.
    #[must_use]
    pub fn table(self) -> &'static str {
        self.word().unwrap_or("resource")
    }
}

/// The kind of a [`ScopeStep`] that is a module.
pub const MODULE: &str = "module";

/// One enclosing module or component instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeStep {
    /// `module`, a component kind such as `network`, or `hardening`.
    pub kind: Str,
    /// The block's name.
    pub name: Str,
    /// Which instance, when it has `for_each` or `count`.
    pub key: Option<InstanceKey>,
}

/// The enclosing modules and component, outermost first. Empty at the root. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopePath(Option<Arc<[ScopeStep]>>);

/// A block of the program without its instance key; also the junction that stands for all its instances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockAddress {
    /// Where it stands.
    pub scope: ScopePath,
    /// Resource or data.
    pub mode: Mode,
    /// `aws_vpc`
    pub type_name: Str,
    /// Its name in the file.
    pub name: Str,
}

/// One resource instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The block it is an instance of.
    pub block: BlockAddress,
    /// Which instance; none for a block without `for_each` and `count`.
    pub key: Option<InstanceKey>,
}

impl ScopePath {
    /// The root of the stack.
    #[must_use]
    pub fn root() -> ScopePath {
        ScopePath(None)
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn steps(&self) -> &[ScopeStep] {
        self.0.as_deref().unwrap_or_default()
    }

    /// One level deeper.
    #[must_use]
    pub fn join(&self, step: ScopeStep) -> ScopePath {
        ScopePath(Some(self.steps().iter().cloned().chain([step]).collect()))
    }

    /// Whether this is the stack's own level.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps().is_empty()
    }

    /// The path of the outermost steps, as many as wanted.
    #[must_use]
    pub fn first(&self, steps: usize) -> ScopePath {
        match self.steps() {
            [] => ScopePath::root(),
            all if steps >= all.len() => self.clone(),
            _ if steps == 0 => ScopePath::root(),
            all => ScopePath(Some(all[..steps].into())),
        }
    }

    /// This path below an outer one.
    #[must_use]
    pub fn within(&self, outer: &ScopePath) -> ScopePath {
        if outer.is_root() {
            return self.clone();
        }
        if self.is_root() {
            return outer.clone();
        }
        ScopePath(Some(
            outer.steps().iter().chain(self.steps()).cloned().collect(),
        ))
    }

    /// The path of every module around it, itself included, outermost first.
    pub fn modules(&self) -> impl Iterator<Item = ScopePath> + '_ {
        let steps = self.steps().iter().enumerate();
        steps
            .filter(|(_, s)| &*s.kind == MODULE)
            .map(|(i, _)| self.first(i + 1))
    }

    /// The call of the innermost module or component, as an address that stands for all its instances; none at the root.
    #[must_use]
    pub fn call(&self) -> Option<BlockAddress> {
        let (last, outer) = self.steps().split_last()?;
        let outer = self.first(outer.len());
        Some(BlockAddress::call(
            outer,
            last.kind.clone(),
            last.name.clone(),
        ))
    }

    /// The innermost module level: this path without a component step at its end.
    #[must_use]
    pub fn module(&self) -> ScopePath {
        let steps = self.steps();
        self.first(
            steps
                .iter()
                .rposition(|s| &*s.kind == MODULE)
                .map_or(0, |i| i + 1),
        )
    }
}

impl BlockAddress {
    /// The address that stands for all instances of a module or component.
    #[must_use]
    pub fn call(scope: ScopePath, kind: Str, name: Str) -> BlockAddress {
        BlockAddress {
            scope,
            mode: Mode::Managed,
            type_name: kind,
            name,
        }
    }

    /// Whether an address is meant by this one with a key: it, any of its instances when there is no key, or what is inside
    /// the module or component that it names.
    #[must_use]
    pub fn covers(&self, key: Option<&InstanceKey>, other: &Address) -> bool {
        let found = if *self == other.block {
            &other.key
        } else if let Some(step) = self.step_in(&other.block.scope) {
            &step.key
        } else {
            return false;
        };
        key.is_none() || key == found.as_ref()
    }

    /// The step of a path that is an instance of the module or component which this names, whatever its key.
    #[must_use]
    pub fn step_in<'p>(&self, path: &'p ScopePath) -> Option<&'p ScopeStep> {
        let (outer, steps) = (self.scope.steps(), path.steps());
        let step = steps.get(outer.len())?;
        let named = step.kind == self.type_name && step.name == self.name;
        (named && steps[..outer.len()] == *outer).then_some(step)
    }

    /// The address of one instance.
    #[must_use]
    pub fn instance(&self, key: Option<InstanceKey>) -> Address {
        Address {
            block: self.clone(),
            key,
        }
    }
}

impl Address {
    /// Whether another address is meant by this one, as [`BlockAddress::covers`] says.
    #[must_use]
    pub fn covers(&self, other: &Address) -> bool {
        self.block.covers(self.key.as_ref(), other)
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstanceKey::Index(i) => write!(f, "[{i}]"),
            InstanceKey::Name(name) => {
                write!(
                    f,
                    "[{}]",
                    serde_json::to_string(&**name).map_err(|_| fmt::Error)?
                )
            }
        }
    }
}

impl fmt::Display for ScopePath {
    /// `module.q["eu"].network.main`, without a trailing dot; empty at the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps().iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{}.{}", step.kind, step.name)?;
            if let Some(key) = &step.key {
                write!(f, "{key}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for BlockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scope.is_root() {
            write!(f, "{}.", self.scope)?;
        }
        if let Some(word) = self.mode.word() {
            write!(f, "{word}.")?;
        }
        write!(f, "{}.{}", self.type_name, self.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.block)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "{key}"))
    }
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a resource address: {why}")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

/// Splits `a.b["c.d"].e[0]` into names with their keys.
fn split(text: &str) -> Result<Vec<(Str, Option<InstanceKey>)>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if !is_identifier(name) {
            return Err("each part is a name made of letters, digits, `_` and `-`");
        }
        rest = &rest[end..];
        let mut key = None;
        if let Some(inner) = rest.strip_prefix('[') {
            let mut stream =
                serde_json::Deserializer::from_str(inner).into_iter::<serde_json::Value>();
            key = Some(match stream.next() {
                Some(Ok(serde_json::Value::String(s))) => InstanceKey::Name(s.into()),
                Some(Ok(serde_json::Value::Number(n))) => {
                    InstanceKey::Index(n.as_u64().ok_or("an index is a whole number from 0")?)
                }
                _ => return Err("a key is [number] or [\"text\"]"),
            });
            rest = inner[stream.byte_offset()..]
                .strip_prefix(']')
                .ok_or("a key ends with `]`")?;
        }
        parts.push((name.into(), key));
        if rest.is_empty() {
            return Ok(parts);
        }
        rest = rest.strip_prefix('.').ok_or("parts are joined by `.`")?;
    }
}

/// Whether the text is an HCL identifier.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |why| AddressError {
            text: text.to_owned(),
            why,
        };
        let mut parts = split(text).map_err(error)?;
        let (name, key) = parts.pop().ok_or_else(|| error("it is empty"))?;
        let (type_name, None) = parts
            .pop()
            .ok_or_else(|| error("it has the form TYPE.NAME"))?
        else {
            return Err(error("only names and scopes have keys"));
        };
        let mode = match parts.last() {
            Some((word, None)) if &**word == "data" && parts.len() % 2 == 1 => {
                parts.pop();
                Mode::Data
            }
            Some((word, None)) if &**word == "ephemeral" && parts.len() % 2 == 1 => {
                parts.pop();
                Mode::Ephemeral
            }
            _ => Mode::Managed,
        };
        if parts.len() % 2 != 0 {
            return Err(error(
                "a scope is KIND.NAME, as in `module.queue` or `network.main`",
            ));
        }
        let mut scope = ScopePath::root();
        for pair in parts.chunks(2) {
            let [(kind, None), (name, key)] = pair else {
                return Err(error("only names and scopes have keys"));
            };
            scope = scope.join(ScopeStep {
                kind: kind.clone(),
                name: name.clone(),
                key: key.clone(),
            });
        }
        Ok(Address {
            block: BlockAddress {
                scope,
                mode,
                type_name,
                name,
            },
            key,
        })
    }
}

/// Addresses are stored as their text.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

impl FromStr for BlockAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address: Address = text.parse()?;
        match address.key {
            None => Ok(address.block),
            Some(_) => Err(AddressError {
                text: text.to_owned(),
                why: "a block's address has no key",
            }),
        }
    }
}

as_text!(Address);
as_text!(BlockAddress);

impl Serialize for InstanceKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            InstanceKey::Index(i) => serializer.serialize_u64(*i),
            InstanceKey::Name(name) => serializer.serialize_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_print() {
        for text in [
            "aws_vpc.main",
            "data.aws_region.here",
            "network.main.aws_subnet.private[\"a\"]",
            "module.q[\"eu.x\\\"y\"].network.main[0].data.aws_subnet.private[12]",
            "module.data.aws_vpc.x",
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "aws_vpc",
            "aws_vpc.",
            "a.b.c",
            "aws_vpc[0].x",
            "aws_vpc.x[",
            "aws_vpc.x[-1]",
            "aws_vpc.x[1.5]",
            "1.2",
            "a b.c",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_covers_its_instances_and_what_is_inside() {
        let covers = |outer: &str, inner: &str| {
            let outer: Address = outer.parse().expect("an address");
            outer.covers(&inner.parse().expect("an address"))
        };
        assert!(covers("aws_vpc.a", "aws_vpc.a[\"x\"]"));
        assert!(!covers("aws_vpc.a[\"y\"]", "aws_vpc.a[\"x\"]"));
        assert!(covers("module.q", "module.q[\"eu\"].network.n.aws_vpc.a"));
        assert!(covers("module.q[\"eu\"]", "module.q[\"eu\"].aws_vpc.a[0]"));
        assert!(!covers("module.q[\"eu\"]", "module.q.aws_vpc.a"));
        assert!(!covers("module.q", "module.qq.aws_vpc.a"));
        assert!(covers(
            "module.q.network.n",
            "module.q.network.n[1].aws_vpc.a"
        ));
        assert!(!covers("module.q", "aws_vpc.a"));
    }

    #[test]
    fn paths_know_the_modules_around_them() {
        let inner: Address = "module.a.module.b[0].network.main.aws_vpc.this"
            .parse()
            .expect("an address");
        let scope = &inner.block.scope;
        let modules: Vec<String> = scope.modules().map(|m| m.to_string()).collect();
        assert_eq!(modules, ["module.a", "module.a.module.b[0]"]);
        let call = scope.call().expect("inside something").to_string();
        assert_eq!(call, "module.a.module.b[0].network.main");
        assert_eq!(
            scope.first(2).within(&scope.first(1)).to_string(),
            "module.a.module.a.module.b[0]"
        );
        assert_eq!(scope.first(0).call(), None);
    }

    #[test]
    fn the_module_of_a_component_is_what_encloses_it() {
        let inner: Address = "module.q.network.main.aws_vpc.this"
            .parse()
            .expect("an address");
        assert_eq!(inner.block.scope.module().to_string(), "module.q");
        let root: Address = "network.main.aws_vpc.this".parse().expect("an address");
        assert!(root.block.scope.module().is_root());
    }
}
