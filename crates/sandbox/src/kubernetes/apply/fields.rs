//! Sets of fields, as `managedFields` has them: a tree of path elements, each written `f:NAME`, `k:{KEYS}`, `v:VALUE`
//! or `i:INDEX` (`FieldsV1` of the API reference).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    pub(super) members: BTreeSet<String>,
    pub(super) children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(super) fn insert(&mut self, path: &[String]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub(super) fn child(&self, element: &str) -> Option<&Self> {
        self.children.get(element)
    }

    /// Whether an element or anything under it is in the set.
    pub(super) fn touches(&self, element: &str) -> bool {
        self.members.contains(element)
            || self
                .children
                .get(element)
                .is_some_and(|child| !child.is_empty())
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.add(other);
        all
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, child) in &other.children {
            self.children.entry(element.clone()).or_default().add(child);
        }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            let both = child.intersection(other.children.get(element)?);
            (!both.is_empty()).then(|| (element.clone(), both))
        });
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            let rest = match other.children.get(element) {
                Some(other) => child.difference(other),
                None => child.clone(),
            };
            (!rest.is_empty()).then(|| (element.clone(), rest))
        });
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// Without what is under the elements that the other has as members.
    pub(super) fn difference_deep(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            if other.members.contains(element) {
                return None;
            }
            let rest = match other.children.get(element) {
                Some(other) => child.difference_deep(other),
                None => child.clone(),
            };
            (!rest.is_empty()).then(|| (element.clone(), rest))
        });
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// Takes an element and all under it away.
    pub(super) fn without(mut self, path: &[&str]) -> Self {
        self.cut(path);
        self
    }

    fn cut(&mut self, path: &[&str]) {
        match path {
            [] => {}
            [last] => {
                self.members.remove(*last);
                self.children.remove(*last);
            }
            [first, rest @ ..] => {
                if let Some(child) = self.children.get_mut(*first) {
                    child.cut(rest);
                    if child.is_empty() {
                        self.children.remove(*first);
                    }
                }
            }
        }
    }

    /// Only what is under some elements.
    pub(super) fn only(&self, elements: &[&str]) -> Self {
        let kept = |element: &&String| elements.contains(&element.as_str());
        Self {
            members: self.members.iter().filter(kept).cloned().collect(),
            children: self
                .children
                .iter()
                .filter(|(element, _)| kept(element))
                .map(|(element, child)| (element.clone(), child.clone()))
                .collect(),
        }
    }

    /// As `fieldsV1` has it.
    pub(super) fn to_json(&self) -> Value {
        let mut all = Map::new();
        let elements: BTreeSet<&String> = self.members.iter().chain(self.children.keys()).collect();
        for element in elements {
            let mut value = match self.children.get(element) {
                Some(child) if !child.is_empty() => child.to_json(),
                Some(_) if !self.members.contains(element) => continue,
                _ => Value::Object(Map::new()),
            };
            if self.members.contains(element)
                && let Some(members) = value.as_object_mut()
                && !members.is_empty()
            {
                members.shift_insert(0, ".".to_owned(), Value::Object(Map::new()));
            }
            all.insert(element.clone(), value);
        }
        Value::Object(all)
    }

    pub(super) fn from_json(value: &Value) -> Self {
        let mut set = Self::default();
        for (element, value) in value.as_object().into_iter().flatten() {
            if element == "." {
                continue;
            }
            let empty = value.as_object().is_none_or(Map::is_empty);
            if empty || value.get(".").is_some() {
                set.members.insert(element.clone());
            }
            let child = Self::from_json(value);
            if !child.is_empty() {
                set.children.insert(element.clone(), child);
            }
        }
        set
    }

    /// Its fields as messages name them: `.spec.containers[name="a"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(String::new(), &mut found);
        found
    }

    fn collect(&self, prefix: String, found: &mut Vec<String>) {
        for element in &self.members {
            found.push(format!("{prefix}{}", shown(element)));
        }
        for (element, child) in &self.children {
            child.collect(format!("{prefix}{}", shown(element)), found);
        }
    }
}

fn shown(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("v", value)) => format!("[={value}]"),
        Some(("i", index)) => format!("[{index}]"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("[{}]", keys.join(","))
        }
        _ => element.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_set_is_what_its_json_says() {
        let value = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}}}, "f:tags": {"v:\"a\"": {}}},
        });
        let set = FieldSet::from_json(&value);
        assert_eq!(set.to_json(), value);
        assert_eq!(
            set.paths(),
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.ports[port=80]",
                ".spec.ports[port=80].port",
                ".spec.tags[=\"a\"]",
            ]
        );
    }

    #[test]
    fn what_is_taken_away_leaves_the_rest() {
        let a = FieldSet::from_json(&json!({"f:a": {}, "f:b": {"f:c": {}, "f:d": {}}}));
        let b = FieldSet::from_json(&json!({"f:b": {"f:c": {}}}));
        assert_eq!(
            a.difference(&b).to_json(),
            json!({"f:a": {}, "f:b": {"f:d": {}}})
        );
        assert_eq!(a.intersection(&b), b);
        assert_eq!(a.difference(&b).union(&b), a);
    }
}
