//! Paths into a value, as plans, errors and `ignore_changes` name them: `vpc_config[0].subnet_ids`.

use crate::value::{Str, Value};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A path from a resource's root into one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Path(pub Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// An attribute of an object.
    Attribute(Str),
    /// A position in a list, tuple, or (sorted) set.
    Index(usize),
    /// A key of a map.
    Key {
        /// The key.
        key: Str,
    },
}

impl Path {
    /// The path of one attribute.
    #[must_use]
    pub fn attribute(name: impl Into<Str>) -> Path {
        Path(vec![Step::Attribute(name.into())])
    }

    /// This path, one step longer.
    #[must_use]
    pub fn join(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// The name of the first step, when it is an attribute.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        match self.0.first() {
            Some(Step::Attribute(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether `self` is `other` or lies above it.
    #[must_use]
    pub fn is_prefix_of(&self, other: &Path) -> bool {
        other.0.len() >= self.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(a, b)| a == b || a.key() == b.key())
    }

    /// The value at this path, if every step exists and is known.
    #[must_use]
    pub fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Attribute(name) | Step::Key { key: name } => value.get(name),
            Step::Index(i) => value.elements().and_then(|items| items.get(*i)),
        })
    }
}

impl Step {
    /// Maps and objects are addressed alike: `tags.Name` and `tags["Name"]` are the same place.
    fn key(&self) -> Result<&str, usize> {
        match self {
            Step::Attribute(name) | Step::Key { key: name } => Ok(name),
            Step::Index(i) => Err(*i),
        }
    }
}

impl<'de> Deserialize<'de> for Step {
    /// Text, a number, or `{"key": …}`. Numbers of `serde_json` come as objects when they are met unannounced, which
    /// derived untagged enumerations do not understand.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
        struct Steps;
        impl<'de> Visitor<'de> for Steps {
            type Value = Step;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step of a path")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Step, E> {
                Ok(Step::Attribute(name.into()))
            }
            fn visit_u64<E: de::Error>(self, index: u64) -> Result<Step, E> {
                usize::try_from(index).map(Step::Index).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
                use de::Error;
                let json =
                    serde_json::Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
                if let Some(index) = json.as_u64() {
                    return self.visit_u64(index);
                }
                match json.get("key").and_then(serde_json::Value::as_str) {
                    Some(key) => Ok(Step::Key { key: key.into() }),
                    None => Err(A::Error::custom("a step has a `key`")),
                }
            }
        }
        deserializer.deserialize_any(Steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if i == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key { key } => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_from_json() {
        let path = Path(vec![
            Step::Attribute("a".into()),
            Step::Index(3),
            Step::Key { key: "k".into() },
        ]);
        let text = serde_json::to_string(&path).expect("JSON");
        assert_eq!(text, r#"["a",3,{"key":"k"}]"#);
        assert_eq!(serde_json::from_str::<Path>(&text).expect("reads"), path);
        let json = serde_json::to_value(&path).expect("JSON");
        assert_eq!(serde_json::from_value::<Path>(json).expect("reads"), path);
        assert!(serde_json::from_str::<Path>(r#"[{"kee":"k"}]"#).is_err());
        assert!(serde_json::from_str::<Path>("[-1]").is_err());
    }
}
