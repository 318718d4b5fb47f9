//! `local_file`: a file on this machine.

use crate::local_content::{self, Checksums, Wanted};
use crate::provider::Client;
use crate::state_only::made;
use async_trait::async_trait;
use infra_model::provider::Recovered;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Resource, Value};
use std::time::Duration;

/// A file on this machine. What only a few may see belongs into a `local_sensitive_file`.
#[derive(Clone, Debug, Record)]
pub(crate) struct LocalFileRecord {
    /// Where it is; relative to the stack file's directory.
    #[record(required, force_new)]
    filename: String,
    /// Its contents. One of this, `content_base64` and `source` is set.
    #[record(optional, force_new)]
    content: Option<String>,
    /// Its contents in base64, for bytes that are no text.
    #[record(optional, force_new)]
    content_base64: Option<String>,
    /// A file that has the contents.
    #[record(optional, force_new)]
    source: Option<String>,
    /// Its mode, as octal digits.
    #[record(optional, computed, force_new, default = "0777")]
    file_permission: Option<String>,
    /// The mode of directories that are made for it.
    #[record(optional, computed, force_new, default = "0777")]
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

pub(crate) struct LocalFile;

impl LocalFileRecord {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            filename: &self.filename,
            content: self.content.as_deref(),
            content_base64: self.content_base64.as_deref(),
            source: self.source.as_deref(),
            file_permission: self.file_permission.as_deref().unwrap_or("0777"),
            directory_permission: self.directory_permission.as_deref().unwrap_or("0777"),
        }
    }

    fn with(self, sums: Checksums) -> LocalFileRecord {
        LocalFileRecord {
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
impl Resource<Client> for LocalFile {
    type Record = LocalFileRecord;
    const TYPE: &'static str = "local_file";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            ..Traits::default().seconds(0, 0, 0)
        }
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        local_content::validate(config)
    }

    fn id(record: &LocalFileRecord) -> String {
        made(record.id.as_ref())
    }

    async fn read(
        client: &Client,
        _: &CallContext,
        items: &[Item<LocalFileRecord>],
    ) -> Vec<Result<Option<LocalFileRecord>, ProviderError>> {
        let read = |item: &Item<LocalFileRecord>| match &item.prior {
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
        desired: LocalFileRecord,
    ) -> Result<LocalFileRecord, ProviderError> {
        let sums = desired.wanted().write(client)?;
        Ok(desired.with(sums))
    }

    /// Only what changes nothing of the file can be changed in place.
    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: LocalFileRecord,
        desired: LocalFileRecord,
    ) -> Result<LocalFileRecord, ProviderError> {
        Ok(desired)
    }

    async fn delete(
        client: &Client,
        _: &CallContext,
        _: &Operation,
        prior: LocalFileRecord,
    ) -> Result<(), ProviderError> {
        local_content::remove(client, &prior.filename)
    }

    async fn recover(
        client: &Client,
        _: &CallContext,
        _: &Operation,
        desired: LocalFileRecord,
    ) -> Result<Recovered, ProviderError> {
        desired.wanted().recover(client)
    }

    fn import(_: &str) -> Result<Imported<LocalFileRecord>, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Invalid,
            "a local_file cannot be imported: let it be written anew",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, text};

    const T: &str = "local_file";

    fn config(content: &str) -> Value {
        Value::object([
            ("filename", Value::from("out/x.txt")),
            ("content", content.into()),
        ])
    }

    #[test]
    fn a_file_is_written_noticed_and_removed() {
        let bench = Bench::new();
        let made = bench.make(
            T,
            config("hello").with_attribute("file_permission", "0640".into()),
        );
        assert_eq!(
            bench.files.get("/stack/out/x.txt"),
            Some(("hello".to_owned(), 0o640))
        );
        assert_eq!(
            text(&made, "id"),
            "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
        );
        assert_eq!(bench.read(T, &made).as_ref(), Some(&made));
        let planned = bench.plan(T, Some(&made), config("other"));
        assert!(
            !planned.replace.is_empty()
                && planned.value.get("content_md5").expect("one").is_unknown()
        );
        // Changed by someone else, it is made anew.
        bench.files.put("/stack/out/x.txt", "changed");
        assert_eq!(bench.read(T, &made), None);
        bench.delete(T, &made);
        assert_eq!(bench.files.get("/stack/out/x.txt"), None);
        assert_eq!(bench.read(T, &made), None);
        bench.delete(T, &made);
        assert!(bench.import(T, "out/x.txt").is_err());
    }

    #[test]
    fn contents_come_from_one_place() {
        let bench = Bench::new();
        bench.files.put("/stack/template", "from a file");
        let set = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs.iter().map(|(k, v)| (*k, Value::from(*v)));
            Value::object(pairs.chain([("filename", Value::from("/x"))]))
        };
        let cases = [
            (set(&[("content", "a")]), Some("a")),
            (set(&[("content", "")]), Some("")),
            (set(&[("content_base64", "aGVsbG8=")]), Some("hello")),
            (set(&[("source", "template")]), Some("from a file")),
            (set(&[("source", "none")]), None),
            (set(&[("content_base64", "?")]), None),
            (set(&[]), None),
            (set(&[("content", "a"), ("source", "template")]), None),
            (set(&[("content", "a"), ("file_permission", "rw-")]), None),
        ];
        for (config, expected) in cases {
            bench
                .files
                .0
                .lock()
                .expect("not poisoned")
                .remove(std::path::Path::new("/x"));
            let made = bench.try_make(T, config.clone());
            assert_eq!(made.is_ok(), expected.is_some(), "{config:?}");
            assert_eq!(
                bench.files.get("/x").map(|f| f.0).as_deref(),
                expected,
                "{config:?}"
            );
        }
        assert_eq!(bench.validate(T, &set(&[])).len(), 1);
        assert_eq!(
            bench
                .validate(T, &set(&[("content", "a"), ("content_base64", "b")]))
                .len(),
            1
        );
        assert_eq!(
            bench
                .validate(T, &set(&[("content", "a"), ("directory_permission", "9")]))
                .len(),
            1
        );
        assert!(bench.validate(T, &set(&[("content", "a")])).is_empty());
    }

    #[test]
    fn an_interrupted_write_is_found_when_it_was_done() {
        let bench = Bench::new();
        assert_eq!(bench.recover(T, config("hello")), Recovered::Absent);
        bench.files.put("/stack/out/x.txt", "before");
        assert_eq!(bench.recover(T, config("hello")), Recovered::Absent);
        let made = bench.make(T, config("hello"));
        assert_eq!(
            bench.recover(T, config("hello")),
            Recovered::Found(text(&made, "id").to_owned())
        );
    }
}
