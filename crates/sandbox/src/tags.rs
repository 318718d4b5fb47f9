//! Tags: a map from key to value with the limits that AWS puts on both. How a service writes or reads them on
//! the wire is the service's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most tags a resource may have.
pub(crate) const MAX_TAGS: usize = 50;

/// Tags of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tags(BTreeMap<String, String>);

/// Why tags are refused; services word it in their own way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagError {
    #[error("Tag key exceeds the maximum length of 128 characters")]
    KeyLength,
    #[error("Tag value exceeds the maximum length of 256 characters")]
    ValueLength,
    #[error("Tag keys starting with 'aws:' are reserved for internal use")]
    Reserved,
    #[error("Tag keys and values may only contain letters, numbers, spaces and _.:/=+-@: {0:?}")]
    Characters(String),
    #[error("Duplicate tag key {0:?}")]
    Duplicate(String),
    #[error("A resource may have no more than 50 tags")]
    TooMany,
}

impl Tags {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Sets one without checking it: for tags that the cloud itself puts.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }

    /// Tags from a request; duplicates and reserved keys are refused.
    pub(crate) fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
        characters: Characters,
    ) -> Result<Self, TagError> {
        let mut tags = Self::default();
        for (key, value) in pairs {
            if tags.0.contains_key(&key) {
                return Err(TagError::Duplicate(key));
            }
            tags.add(key, value, characters)?;
        }
        Ok(tags)
    }

    /// Adds or overwrites with the tags of a request.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), TagError> {
        self.0.extend(other.0);
        if self.0.len() > MAX_TAGS {
            Err(TagError::TooMany)
        } else {
            Ok(())
        }
    }

    fn add(&mut self, key: String, value: String, characters: Characters) -> Result<(), TagError> {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(TagError::KeyLength);
        }
        if value.chars().count() > 256 {
            return Err(TagError::ValueLength);
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(TagError::Reserved);
        }
        if characters == Characters::Restricted {
            let allowed =
                |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
            for text in [&key, &value] {
                if !text.chars().all(allowed) {
                    return Err(TagError::Characters(text.clone()));
                }
            }
        }
        self.0.insert(key, value);
        if self.0.len() > MAX_TAGS {
            Err(TagError::TooMany)
        } else {
            Ok(())
        }
    }
}

/// Which characters a service takes in tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Characters {
    /// EC2 takes any.
    Any,
    /// IAM, ELB and others take letters, numbers, spaces and `_.:/=+-@`.
    Restricted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let cases: [(&str, &str, Characters, bool); 6] = [
            ("Name", "a[0]", Characters::Any, true),
            ("Name", "a[0]", Characters::Restricted, false),
            ("aws:x", "a", Characters::Any, false),
            ("", "a", Characters::Any, false),
            ("infra:stack", "a/b=c+d-e@f", Characters::Restricted, true),
            ("k", "\"", Characters::Restricted, false),
        ];
        for (key, value, characters, ok) in cases {
            let tags = Tags::from_pairs([(key.to_owned(), value.to_owned())], characters);
            assert_eq!(tags.is_ok(), ok, "{key}={value}");
        }
        let many = (0..51).map(|i| (format!("k{i}"), String::new()));
        assert_eq!(
            Tags::from_pairs(many, Characters::Any),
            Err(TagError::TooMany)
        );
        let twice = ["k", "k"].map(|k| (k.to_owned(), String::new()));
        assert_eq!(
            Tags::from_pairs(twice, Characters::Any),
            Err(TagError::Duplicate("k".into()))
        );
    }
}
