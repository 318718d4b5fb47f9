//! What `local_file` and `local_sensitive_file` have in common: contents, checksums, modes; and the data source of a file.

use crate::provider::Client;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::provider::Recovered;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::path::PathBuf;

/// Checksums of a file's contents.
pub(crate) struct Checksums {
    pub(crate) md5: String,
    pub(crate) sha1: String,
    pub(crate) sha256: String,
    pub(crate) base64sha256: String,
    pub(crate) sha512: String,
    pub(crate) base64sha512: String,
}

impl Checksums {
    pub(crate) fn of(bytes: &[u8]) -> Checksums {
        let (sha256, sha512) = (Sha256::digest(bytes), Sha512::digest(bytes));
        Checksums {
            md5: hex::encode(Md5::digest(bytes)),
            sha1: hex::encode(Sha1::digest(bytes)),
            sha256: hex::encode(sha256),
            base64sha256: STANDARD.encode(sha256),
            sha512: hex::encode(sha512),
            base64sha512: STANDARD.encode(sha512),
        }
    }
}

/// A file that is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) filename: &'a str,
    pub(crate) content: Option<&'a str>,
    pub(crate) content_base64: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) file_permission: &'a str,
    pub(crate) directory_permission: &'a str,
}

impl Wanted<'_> {
    fn bytes(&self, client: &Client) -> Result<Vec<u8>, ProviderError> {
        match (self.content, self.content_base64, self.source) {
            (Some(text), None, None) => Ok(text.as_bytes().to_vec()),
            (None, Some(encoded), None) => STANDARD
                .decode(encoded)
                .map_err(|_| ProviderError::invalid("content_base64", "this is not base64")),
            (None, None, Some(source)) => read(client, source)?.ok_or_else(|| {
                ProviderError::invalid("source", format!("there is no file `{source}`"))
            }),
            _ => Err(one_content()),
        }
    }

    /// Writes it.
    pub(crate) fn write(&self, client: &Client) -> Result<Checksums, ProviderError> {
        let bytes = self.bytes(client)?;
        let file_mode = mode("file_permission", self.file_permission)?;
        let directory_mode = mode("directory_permission", self.directory_permission)?;
        client
            .files
            .write(
                &path(client, self.filename),
                &bytes,
                file_mode,
                directory_mode,
            )
            .map_err(|e| system("write", self.filename, &e))?;
        Ok(Checksums::of(&bytes))
    }

    /// Whether an interrupted write came to its end: files are never seen half-written.
    pub(crate) fn recover(&self, client: &Client) -> Result<Recovered, ProviderError> {
        let wanted = self.bytes(client)?;
        Ok(match read(client, self.filename)? {
            Some(found) if found == wanted => Recovered::Found(Checksums::of(&found).sha1),
            _ => Recovered::Absent,
        })
    }
}

fn one_content() -> ProviderError {
    ProviderError::invalid(
        "content",
        "exactly one of `content`, `content_base64` and `source` must be set",
    )
}

fn system(doing: &str, filename: &str, error: &std::io::Error) -> ProviderError {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Other,
    };
    ProviderError::new(kind, format!("cannot {doing} `{filename}`: {error}"))
}

/// Relative to the stack file's directory.
fn path(client: &Client, filename: &str) -> PathBuf {
    client.directory.join(filename)
}

fn read(client: &Client, filename: &str) -> Result<Option<Vec<u8>>, ProviderError> {
    client
        .files
        .read(&path(client, filename))
        .map_err(|e| system("read", filename, &e))
}

/// Whether the file is there and has the contents of this checksum. One that was changed is made anew, as in Terraform.
pub(crate) fn is_there(client: &Client, filename: &str, sha1: &str) -> Result<bool, ProviderError> {
    Ok(read(client, filename)?.is_some_and(|found| Checksums::of(&found).sha1 == sha1))
}

pub(crate) fn remove(client: &Client, filename: &str) -> Result<(), ProviderError> {
    client
        .files
        .remove(&path(client, filename))
        .map_err(|e| system("remove", filename, &e))
}

/// `0644`, as octal digits.
fn mode(name: &str, text: &str) -> Result<u32, ProviderError> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| {
            ProviderError::invalid(
                name,
                format!("`{text}` is no mode: it is octal, such as \"0644\""),
            )
        })
}

/// What is known to be wrong with a configuration.
pub(crate) fn validate(config: &Value) -> Vec<ProviderError> {
    let mut errors = Vec::new();
    let given = |name| config.get(name).is_some_and(|v: &Value| !v.is_null());
    let count = ["content", "content_base64", "source"]
        .into_iter()
        .filter(|name| given(name))
        .count();
    if count != 1 {
        errors.push(one_content());
    }
    for name in ["file_permission", "directory_permission"] {
        if let Some(text) = config.get(name).and_then(Value::as_str) {
            errors.extend(mode(name, text).err());
        }
    }
    errors
}

/// Reads a file of this machine.
#[derive(Clone, Debug, Record)]
pub(crate) struct LocalFileDataRecord {
    /// Where it is; relative to the stack file's directory.
    #[record(required)]
    filename: String,
    /// Its contents as text. Bytes that are no UTF-8 are replaced: `content_base64` has them.
    #[record(computed)]
    content: Option<String>,
    /// Its contents in base64.
    #[record(computed)]
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

pub(crate) struct LocalFileData;

/// The contents of a file that must be there.
pub(crate) fn contents(client: &Client, filename: &str) -> Result<Vec<u8>, ProviderError> {
    read(client, filename)?.ok_or_else(|| ProviderError {
        kind: ErrorKind::NotFound,
        ..ProviderError::invalid("filename", format!("there is no file `{filename}`"))
    })
}

#[async_trait]
impl DataSource<Client> for LocalFileData {
    type Record = LocalFileDataRecord;
    const TYPE: &'static str = "local_file";

    async fn read(
        client: &Client,
        _: &CallContext,
        config: LocalFileDataRecord,
    ) -> Result<LocalFileDataRecord, ProviderError> {
        let bytes = contents(client, &config.filename)?;
        let sums = Checksums::of(&bytes);
        Ok(LocalFileDataRecord {
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

    #[test]
    fn a_file_is_read_beside_the_stack() {
        let bench = Bench::new();
        bench.files.put("/stack/a.txt", "hello");
        bench.files.put("/b.txt", "");
        let read = |name: &str, path: &str| {
            bench.data(name, &Value::object([("filename", Value::from(path))]))
        };
        let found = read("local_file", "a.txt").expect("reads");
        assert_eq!(text(&found, "content"), "hello");
        assert_eq!(text(&found, "content_base64"), "aGVsbG8=");
        assert_eq!(
            text(&found, "content_md5"),
            "5d41402abc4b2a76b9719d911017c592"
        );
        assert_eq!(
            text(&found, "id"),
            "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
        );
        assert_eq!(
            text(&read("local_file", "/b.txt").expect("reads"), "content"),
            ""
        );
        let error = read("local_file", "none").expect_err("is not there");
        assert_eq!(error.kind, ErrorKind::NotFound);
        let secret = read("local_sensitive_file", "a.txt").expect("reads");
        assert!(secret.get("content").expect("one").marks().sensitive);
        assert!(!secret.get("content_md5").expect("one").marks().sensitive);
    }

    #[test]
    fn modes_are_octal() {
        for (text, expected) in [
            ("0644", Some(0o644)),
            ("777", Some(0o777)),
            ("0800", None),
            ("rw", None),
            ("", None),
            ("+77", None),
        ] {
            assert_eq!(mode("file_permission", text).ok(), expected, "{text}");
        }
    }
}
