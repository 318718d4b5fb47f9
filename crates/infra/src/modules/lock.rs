//! `infra.lock`: TOML, to be kept under version control.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

const HEADER: &str = "# The commits that modules in git repositories are at. `infra modules update` moves them on; keep this file under version\n# control.\n";

/// A repository at a `ref`; the default branch when there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) repository: String,
    pub(crate) reference: Option<String>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.reference
            .as_ref()
            .map_or(Ok(()), |reference| write!(f, "?ref={reference}"))
    }
}

/// What it is locked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    /// The whole commit id.
    pub(crate) commit: String,
    /// Of everything in it.
    pub(crate) checksum: String,
}

impl Locked {
    /// The beginning of the commit id, for people.
    pub(crate) fn short(&self) -> &str {
        self.commit.get(..12).unwrap_or(&self.commit)
    }
}

/// All that is locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) modules: BTreeMap<Name, Locked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default)]
    module: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    repository: String,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    commit: String,
    checksum: String,
}

impl Lock {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Lock, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        let document: Document =
            toml_edit::de::from_str(text).map_err(|e| e.message().to_owned())?;
        if document.version != 1 {
            return Err(format!(
                "its version is {}, and this infra knows 1",
                document.version
            ));
        }
        let hexadecimal = |c: &str| c.len() >= 40 && c.bytes().all(|b| b.is_ascii_hexdigit());
        let mut modules = BTreeMap::new();
        for entry in document.module {
            if !hexadecimal(&entry.commit) {
                return Err(format!("`{}` is not the id of a commit", entry.commit));
            }
            let name = Name {
                repository: entry.repository,
                reference: entry.reference,
            };
            let locked = Locked {
                commit: entry.commit,
                checksum: entry.checksum,
            };
            if modules.insert(name.clone(), locked).is_some() {
                return Err(format!("{name} is in it twice"));
            }
        }
        Ok(Lock { modules })
    }

    /// As text, the same for the same content.
    pub(crate) fn to_text(&self) -> Result<String, toml_edit::ser::Error> {
        let document = Document {
            version: 1,
            module: self
                .modules
                .iter()
                .map(|(name, locked)| Entry {
                    repository: name.repository.clone(),
                    reference: name.reference.clone(),
                    commit: locked.commit.clone(),
                    checksum: locked.checksum.clone(),
                })
                .collect(),
        };
        Ok(format!(
            "{HEADER}{}",
            toml_edit::ser::to_string_pretty(&document)?
        ))
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let text = self.to_text().map_err(io::Error::other)?;
        crate::system::replace(file, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_is_written() {
        let mut lock = Lock::default();
        for (reference, digit) in [(None, "a"), (Some("v1"), "b")] {
            let name = Name {
                repository: "https://example.com/a.git".to_owned(),
                reference: reference.map(str::to_owned),
            };
            let locked = Locked {
                commit: digit.repeat(40),
                checksum: "sha256:00".to_owned(),
            };
            lock.modules.insert(name, locked);
        }
        let text = lock.to_text().expect("text");
        assert!(
            text.contains("\n[[module]]\nrepository = \"https://example.com/a.git\"\n"),
            "{text}"
        );
        assert_eq!(Lock::parse(text.as_bytes()), Ok(lock));
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        for (text, why) in [
            ("version = 2", "version is 2"),
            ("module = 1", "missing"),
            (
                "version = 1\n[[module]]\nrepository = \"a\"\ncommit = \"--x\"\nchecksum = \"\"",
                "not the id",
            ),
        ] {
            let error = Lock::parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(why) || why == "missing", "{text}: {error}");
        }
    }
}
