//! A stack file that a command writes something into: what stands there stays as it is, comments and order too.

use crate::error::CommandError;
use crate::system::replace;
use infra_model::codes::Code;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, TableLike};

/// The file as it is read, until it is saved.
pub(crate) struct Edit {
    file: PathBuf,
    document: DocumentMut,
}

impl Edit {
    /// Reads it.
    ///
    /// # Errors
    /// A file that cannot be read, or is no TOML.
    pub(crate) fn open(file: &Path) -> Result<Edit, CommandError> {
        let text = std::fs::read_to_string(file).map_err(|e| CommandError::io("read", file, &e))?;
        Edit::of(file, &text)
    }

    fn of(file: &Path, text: &str) -> Result<Edit, CommandError> {
        let document = text.parse().map_err(|e: toml_edit::TomlError| {
            CommandError::hint(
                Code::Usage,
                format!("{} is no TOML: {}", file.display(), e.message()),
                "mend it; `infra validate` says more",
            )
        })?;
        Ok(Edit {
            file: file.to_owned(),
            document,
        })
    }

    /// A table by its path, made where there is none. What only leads to it gets no heading of its own.
    ///
    /// # Errors
    /// Something on the way is no table; `instead` says what to write.
    pub(crate) fn table(
        &mut self,
        path: &[&str],
        instead: &str,
    ) -> Result<&mut dyn TableLike, CommandError> {
        let mut table = self.document.as_table_mut() as &mut dyn TableLike;
        for (at, name) in path.iter().enumerate() {
            let fresh = || {
                let mut table = Table::new();
                table.set_implicit(at + 1 < path.len());
                Item::Table(table)
            };
            let item = table.entry(name).or_insert_with(fresh);
            table = item.as_table_like_mut().ok_or_else(|| {
                CommandError::hint(
                    Code::Usage,
                    format!(
                        "`{name}` in [{}] is no table that could be written into",
                        path.join(".")
                    ),
                    instead,
                )
            })?;
        }
        Ok(table)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn save(&self) -> Result<(), CommandError> {
        let text = self.document.to_string();
        replace(&self.file, &text).map_err(|e| CommandError::io("write", &self.file, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml_edit::value;

    #[test]
    fn what_is_written_stands_beside_what_is_there() {
        let text = "# A stack.\n[hardening.main]\ncluster = \"main\" # this one\n\n[hardening.main.charts.loki]\nrepository = \"oci://mirror\"\n\n[outputs.a]\nvalue = 1\n";
        let mut edit = Edit::of(Path::new("a.toml"), text).expect("TOML");
        for chart in ["loki", "cert-manager"] {
            let path = ["hardening", "main", "charts", chart];
            let table = edit.table(&path, "").expect("a table");
            table.insert("version", value("1.2.3"));
        }
        let written = edit.document.to_string();
        assert!(
            written.starts_with("# A stack.\n[hardening.main]\ncluster = \"main\" # this one\n")
        );
        for part in [
            "[hardening.main.charts.loki]\nrepository = \"oci://mirror\"\nversion = \"1.2.3\"\n",
            "[hardening.main.charts.cert-manager]\nversion = \"1.2.3\"\n",
        ] {
            assert!(written.contains(part), "{written}");
        }
        assert!(!written.contains("[hardening.main.charts]\n"), "{written}");
        let error = edit.table(&["hardening", "main", "cluster"], "write it");
        assert!(error.is_err());
    }
}
