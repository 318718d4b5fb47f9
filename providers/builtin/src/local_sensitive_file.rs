//! `local_sensitive_file`: a file whose contents are a secret.

use crate::local_content::{self, Checksums, Wanted, contents};
use crate::provider::Client;
use crate::state_only::made;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::provider::Recovered;
use infra_model::resource::{DataSource, Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Resource, Value};
use std::time::Duration;

/// A file on this machine whose contents are sensitive: never shown, and stored encrypted.
#[derive(Clone, Debug, Record)]
pub(crate) struct LocalSensitiveFileRecord {
    /// Where it is; relative to the stack file's directory.
    #[record(required, force_new)]
    filename: String,
    /// Its contents. One of this, `content_base64` and `source` is set.
    #[record(optional, force_new, sensitive)]
    content: Option<String>,
    /// Its contents in base64, for bytes that are no text.
    #[record(optional, force_new, sensitive)]
    content_base64: Option<String>,
    /// A file that has the contents.
    #[record(optional, force_new)]
    source: Option<String>,
    /// Its mode, as octal digits.
    #[record(optional, computed, force_new, default = "0700")]
    file_permission: Option<String>,
    /// The mode of directories that are made for it.
    #[record(optional, computed, force_new, default = "0700")]
    directory_permission: Option<String>,
    /// MD5 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_md5: Option<String>,
    /// SHA-1 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha1: Option<String>,
    /// SHA-256 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha256: Option<String>,
    /// SHA-256 of the contents, in base64.
    #[record(computed)]
    content_base64sha256: Option<String>,
    /// SHA-512 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha512: Option<String>,
    /// SHA-512 of the contents, in base64.
    #[record(computed)]
    content_base64sha512: Option<String>,
    /// SHA-1 of the contents.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct LocalSensitiveFile;

impl LocalSensitiveFileRecord {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            filename: &self.filename,
            content: self.content.as_deref(),
            content_base64: self.content_base64.as_deref(),
            source: self.source.as_deref(),
            file_permission: self.file_permission.as_deref().unwrap_or("0700"),
            directory_permission: self.directory_permission.as_deref().unwrap_or("0700"),
        }
    }

    fn with(self, sums: Checksums) -> LocalSensitiveFileRecord {
        LocalSensitiveFileRecord {
            content_md5: Some(sums.md5),
            id: Some(sums.sha1.clone()),
            content_sha1: Some(sums.sha1),
            content_sha256: Some(sums.sha256),
            content_base64sha256: Some(sums.base64sha256),
            content_sha512: Some(sums.sha512),
            content_base64sha512: Some(sums.base64sha512),
            ..self
        }
    }
}

#[async_trait]
impl Resource<Client> for LocalSensitiveFile {
    type Record = LocalSensitiveFileRecord;
    const TYPE: &'static str = "local_sensitive_file";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            ..Traits::default().seconds(0, 0, 0)
        }
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        local_content::validate(config)
    }

    fn id(record: &LocalSensitiveFileRecord) -> String {
        made(record.id.as_ref())
    }

    async fn read(
        client: &Client,
        _: &CallContext,
        items: &[Item<LocalSensitiveFileRecord>],
    ) -> Vec<Result<Option<LocalSensitiveFileRecord>, ProviderError>> {
        let read = |item: &Item<LocalSensitiveFileRecord>| match &item.prior {
            Some(prior) => {
                let there = local_content::is_there(client, &prior.filename, &item.id)?;
                Ok(there.then(|| prior.clone()))
            }
            None => Ok(None),
        };
        items.iter().map(read).collect()
    }

    async fn create(
        client: &Client,
        _: &CallContext,
        _: &Operation,
        desired: LocalSensitiveFileRecord,
    ) -> Result<LocalSensitiveFileRecord, ProviderError> {
        let sums = desired.wanted().write(client)?;
        Ok(desired.with(sums))
    }

    /// Only what changes nothing of the file can be changed in place.
    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: LocalSensitiveFileRecord,
        desired: LocalSensitiveFileRecord,
    ) -> Result<LocalSensitiveFileRecord, ProviderError> {
        Ok(desired)
    }

    async fn delete(
        client: &Client,
        _: &CallContext,
        _: &Operation,
        prior: LocalSensitiveFileRecord,
    ) -> Result<(), ProviderError> {
        local_content::remove(client, &prior.filename)
    }

    async fn recover(
        client: &Client,
        _: &CallContext,
        _: &Operation,
        desired: LocalSensitiveFileRecord,
    ) -> Result<Recovered, ProviderError> {
        desired.wanted().recover(client)
    }

    fn import(_: &str) -> Result<Imported<LocalSensitiveFileRecord>, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Invalid,
            "a local_sensitive_file cannot be imported: let it be written anew",
        ))
    }
}

/// Reads a file of this machine whose contents are sensitive.
#[derive(Clone, Debug, Record)]
pub(crate) struct LocalSensitiveFileDataRecord {
    /// Where it is; relative to the stack file's directory.
    #[record(required)]
    filename: String,
    /// Its contents as text. Bytes that are no UTF-8 are replaced: `content_base64` has them.
    #[record(computed, sensitive)]
    content: Option<String>,
    /// Its contents in base64.
    #[record(computed, sensitive)]
    content_base64: Option<String>,
    /// MD5 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_md5: Option<String>,
    /// SHA-1 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha1: Option<String>,
    /// SHA-256 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha256: Option<String>,
    /// SHA-256 of the contents, in base64.
    #[record(computed)]
    content_base64sha256: Option<String>,
    /// SHA-512 of the contents, in hexadecimal digits.
    #[record(computed)]
    content_sha512: Option<String>,
    /// SHA-512 of the contents, in base64.
    #[record(computed)]
    content_base64sha512: Option<String>,
    /// SHA-1 of the contents.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct LocalSensitiveFileData;

#[async_trait]
impl DataSource<Client> for LocalSensitiveFileData {
    type Record = LocalSensitiveFileDataRecord;
    const TYPE: &'static str = "local_sensitive_file";

    async fn read(
        client: &Client,
        _: &CallContext,
        config: LocalSensitiveFileDataRecord,
    ) -> Result<LocalSensitiveFileDataRecord, ProviderError> {
        let bytes = contents(client, &config.filename)?;
        let sums = Checksums::of(&bytes);
        Ok(LocalSensitiveFileDataRecord {
            content: Some(String::from_utf8_lossy(&bytes).into_owned()),
            content_base64: Some(STANDARD.encode(&bytes)),
            content_md5: Some(sums.md5),
            id: Some(sums.sha1.clone()),
            content_sha1: Some(sums.sha1),
            content_sha256: Some(sums.sha256),
            content_base64sha256: Some(sums.base64sha256),
            content_sha512: Some(sums.sha512),
            content_base64sha512: Some(sums.base64sha512),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, text};

    const T: &str = "local_sensitive_file";

    fn config(content: &str) -> Value {
        Value::object([
            ("filename", Value::from("out/x.txt")),
            ("content", content.into()),
        ])
    }

    #[test]
    fn contents_are_sensitive_and_the_file_is_private() {
        let bench = Bench::new();
        let made = bench.make(T, config("s3cret"));
        assert_eq!(
            bench.files.get("/stack/out/x.txt"),
            Some(("s3cret".to_owned(), 0o700))
        );
        for name in ["content", "content_base64"] {
            let value = made.get(name).expect("the attribute");
            assert!(value.is_null() || value.marks().sensitive, "{name}");
        }
        assert_eq!(text(&made, "id"), text(&made, "content_sha1"));
        assert_eq!(bench.plan(T, Some(&made), config("s3cret")).value, made);
    }
}
