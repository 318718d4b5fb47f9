//! What is in an archive, by the names that its tool gives: which lives of a database it has, what backups, and up to when changes. A
//! few listings tell it, and nothing is read.
//!
//! Barman Cloud's layout is `SERVER/base/20260131T020000/` for a backup and `SERVER/wals/0000000100000002/` for the segments of one
//! log file, which have 24 digits (<https://docs.pgbarman.org/release/3.18.0/user_guide/barman_cloud.html>).

use super::clouds::Clouds;
use infra_model::ProviderError;
use infra_model::kept::Stored;
use infra_model::time::Timestamp;
use infra_state::ResourceState;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How the segments of a log may end, besides by nothing.
const COMPRESSED: [&str; 7] = ["gz", "bz2", "lz4", "snappy", "xz", "zst", "zstd"];

/// A folder of a bucket in which the databases of a namespace are archived.
pub(super) struct Shelf<'a> {
    pub(super) clouds: &'a Clouds,
    pub(super) type_name: &'static str,
    pub(super) bucket: &'a ResourceState,
    /// Its path in the bucket, which ends with `/`.
    pub(super) path: String,
}

/// The newest of what is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The segment's name.
    pub(super) segment: String,
    /// When it came to the archive.
    pub(super) archived: Timestamp,
}

/// What an archive has of one life of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// When the oldest backup in it was begun.
    pub(super) first: Option<Timestamp>,
    /// When the newest one was.
    pub(super) last: Option<Timestamp>,
    /// The newest change.
    pub(super) change: Option<Change>,
}

impl Shelf<'_> {
    /// What is in it of one life.
    pub(super) async fn contents(&self, server: &str) -> Result<Contents, ProviderError> {
        let begun = self.folders(&format!("{server}/base/")).await?;
        let begun: Vec<Timestamp> = begun.iter().filter_map(|f| moment(last_part(f))).collect();
        Ok(Contents {
            first: begun.iter().min().copied(),
            last: begun.iter().max().copied(),
            change: self.newest(server).await?,
        })
    }

    /// The newest change of one life: in the last folder by its name, which is that of the newest timeline's newest log.
    async fn newest(&self, server: &str) -> Result<Option<Change>, ProviderError> {
        let mut logs = self.folders(&format!("{server}/wals/")).await?;
        logs.retain(|f| is_hexadecimal(last_part(f), 16));
        let Some(log) = logs.iter().max() else {
            return Ok(None);
        };
        let found = self.asking(log).await?;
        let segments = found.objects.into_iter().filter_map(segment);
        Ok(segments.max_by_key(|s| (s.archived, s.segment.clone())))
    }

    /// The lives that are archived here, as their servers are called.
    pub(super) async fn lives(&self) -> Result<Vec<String>, ProviderError> {
        let found = self.folders("").await?;
        Ok(found.iter().map(|f| last_part(f).to_owned()).collect())
    }

    /// The folders in a folder.
    async fn folders(&self, path: &str) -> Result<Vec<String>, ProviderError> {
        let path = format!("{}{path}", self.path);
        Ok(self.asking(&path).await?.folders)
    }

    async fn asking(&self, path: &str) -> Result<infra_model::kept::Folder, ProviderError> {
        let asking = &self.clouds.asking;
        asking.folder(self.type_name, self.bucket, path).await
    }
}

/// The path in its bucket, or account, of where an operator archives to: `postgres/shop/` of `s3://backups/postgres/shop`.
pub(super) fn path_of(at: &str) -> Option<String> {
    let (scheme, rest) = at.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    // On Azure what follows the account's address begins with the container, and so does a path in an account.
    let known = ["s3", "gs", "https"].contains(&scheme);
    known.then(|| format!("{}/", path.trim_end_matches('/')))
}

/// The last part of a folder's path.
fn last_part(folder: &str) -> &str {
    let folder = folder.trim_end_matches('/');
    folder.rsplit('/').next().unwrap_or(folder)
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// When a backup was begun, by its name, which is in UTC.
fn moment(name: &str) -> Option<Timestamp> {
    let begun = DateTime::strptime("%Y%m%dT%H%M%S", name).ok()?;
    let begun = TimeZone::UTC.to_timestamp(begun).ok()?;
    Some(Timestamp(begun.as_millisecond()))
}

/// A segment; none of what is not whole, or something else.
fn segment(object: Stored) -> Option<Change> {
    let file = object.name.rsplit('/').next()?;
    let (name, end) = file.split_once('.').unwrap_or((file, ""));
    let whole = is_hexadecimal(name, 24) && (end.is_empty() || COMPRESSED.contains(&end));
    whole.then(|| Change {
        segment: name.to_owned(),
        archived: object.written,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_in_a_folder_of_its_bucket() {
        for (at, path) in [
            ("s3://backups/postgres/shop", Some("postgres/shop/")),
            ("gs://backups/postgres/shop/", Some("postgres/shop/")),
            (
                "https://acme.blob.core.windows.net/backups/postgres/shop",
                Some("backups/postgres/shop/"),
            ),
            ("backups", None),
        ] {
            assert_eq!(path_of(at).as_deref(), path, "{at}");
        }
    }

    #[test]
    fn segments_are_whole_ones() {
        for (name, is_one) in [
            ("a/wals/0000000100000002/00000001000000020000002A.gz", true),
            ("a/wals/0000000100000002/00000001000000020000002A", true),
            ("00000001000000020000002A.partial", false),
            ("00000001000000020000002A.00000028.backup", false),
            ("00000002.history", false),
            ("0000000100000002", false),
        ] {
            let object = Stored {
                name: name.to_owned(),
                written: Timestamp(7),
            };
            assert_eq!(segment(object).is_some(), is_one, "{name}");
        }
    }

    #[test]
    fn backups_are_called_after_when_they_were_begun() {
        let noon: jiff::Timestamp = "2026-01-31T12:00:00Z".parse().expect("a moment");
        let told = moment("20260131T120000");
        assert_eq!(told, Some(Timestamp(noon.as_millisecond())));
        assert_eq!(moment("latest"), None);
    }
}
