//! How far an archive reaches: by what the operator in the real cluster tells while that answers, and by what is in the archive.

use super::archive::Contents;
use super::databases::written;
use crate::error::CommandError;
use infra_model::codes::Code;
use infra_model::time::Timestamp;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// What CloudNativePG sets `archive_timeout` to, by default: so old the newest change may be while something is written
/// (<https://cloudnative-pg.io/documentation/current/wal_archiving>).
const TIMEOUT: Duration = Duration::from_mins(5);
/// So long a segment may take to come to the archive.
const ON_ITS_WAY: Duration = Duration::from_mins(1);

/// From when to when a database can be recovered, as far as its operator tells.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Whether it was told at all.
    pub(super) told: bool,
    pub(super) first: Option<jiff::Timestamp>,
    /// The last whole backup.
    pub(super) last: Option<jiff::Timestamp>,
    /// Whether changes are archived as they are made.
    pub(super) archiving: bool,
}

/// What is known of an archive.
pub(super) struct Reach<'a> {
    pub(super) window: Window,
    /// What is in it, where that could be looked at.
    pub(super) contents: Option<&'a Contents>,
    /// The database's `archive_timeout`.
    pub(super) timeout: Duration,
}

/// Refuses a moment that has not come: nothing can be archived of it. `last` is the last that every archive reaches, where that is known.
pub(super) fn check(moment: &str, last: Option<&str>, now: Timestamp) -> Result<(), CommandError> {
    let asked = moment.parse::<jiff::Timestamp>();
    if asked.is_ok_and(|asked| Timestamp(asked.as_millisecond()) <= now) {
        return Ok(());
    }
    let help = last.map_or_else(
        || "write a moment that has passed, or leave `-to` out: then it is the last change that was archived".to_owned(),
        |last| format!("the last moment that all archives reach is {last}: write `-to {last}`, or leave it out"),
    );
    Err(CommandError::hint(
        Code::Usage,
        format!("{moment} is still to come: nothing is archived of it"),
        help,
    ))
}

impl Reach<'_> {
    /// What that means for a recovery; or why there can be none.
    pub(super) fn told(&self, moment: Option<&str>, now: Timestamp) -> Result<String, String> {
        let moment = moment.and_then(|m| m.parse::<jiff::Timestamp>().ok());
        let moment = moment.map(|m| Timestamp(m.as_millisecond()));
        if let Some(first) = self.first()
            && moment.is_some_and(|moment| moment < first)
        {
            let first = written(first);
            return Err(format!("which begins at {first}, after what -to asks for"));
        }
        if let Some(last) = self.change()
            && moment.is_some_and(|moment| moment > last)
        {
            let last = written(last);
            return Err(format!("which ends at {last}, before what -to asks for"));
        }
        Ok(format!("; {}, {}", self.backup(now)?, self.point(now)))
    }

    /// How old the last backup is.
    fn backup(&self, now: Timestamp) -> Result<String, String> {
        let ago = |since: Timestamp| crate::live::duration(now.since(since));
        if self.window.told {
            let whole = self.window.first.and(self.window.last);
            let last = whole.ok_or("in which no backup is whole yet")?;
            let last = Timestamp(last.as_millisecond());
            return Ok(format!("last whole backup {} ago", ago(last)));
        }
        match self.contents.map(|c| c.last) {
            Some(Some(last)) => Ok(format!(
                "last backup begun {} ago (whether it is whole, the real cluster does not tell)",
                ago(last)
            )),
            Some(None) => Err("in which there is no backup".to_owned()),
            None => {
                Ok("how far it reaches is not known, the real cluster does not tell".to_owned())
            }
        }
    }

    /// Up to when changes can be had back.
    fn point(&self, now: Timestamp) -> String {
        match (self.contents, self.change()) {
            (_, Some(last)) => format!(
                "last archived change {} ago: what was written up to {} can be had back",
                crate::live::duration(now.since(last)),
                written(last)
            ),
            (Some(_), None) => "no change is archived".to_owned(),
            (None, None) if self.window.archiving => {
                "every change since is archived as it is made".to_owned()
            }
            (None, None) if self.window.told => "what changed since is not archived".to_owned(),
            (None, None) => "nor whether changes are archived".to_owned(),
        }
    }

    /// What is not as it should be.
    pub(super) fn warning(&self, now: Timestamp) -> Option<String> {
        let contents = self.contents?;
        let Some(last) = self.change() else {
            let since = contents.last.map_or(
                "what is in it",
                |_| "what was written since the last backup",
            );
            return Some(format!(
                "no change is archived: {since} is lost with its cluster"
            ));
        };
        let age = now.since(last);
        let limit = self.timeout + ON_ITS_WAY;
        (age > limit).then(|| {
            format!(
                "the last archived change is {} old, and `archive_timeout` brings one every {} while something is written: either nothing was written, or archiving has stopped",
                crate::live::duration(age),
                crate::live::duration(self.timeout)
            )
        })
    }

    /// The same for programs.
    pub(super) fn facts(&self, database: &str, place: &str, now: Timestamp) -> Json {
        let backup = self.window.last.map(|l| Timestamp(l.as_millisecond()));
        let backup = backup.or_else(|| self.contents?.last);
        let change = self.contents.and_then(|c| c.change.as_ref());
        json!({
            "database": database,
            "archive": place,
            "first_recoverable": self.first().map(written),
            "last_backup": backup.map(written),
            "last_archived_change": change.map(|c| written(c.archived)),
            "last_archived_segment": change.map(|c| &c.segment),
            "recovery_point_age_seconds": change.map(|c| now.since(c.archived).as_secs()),
            "archive_timeout_seconds": self.timeout.as_secs(),
        })
    }

    /// The first moment that can be had back.
    fn first(&self) -> Option<Timestamp> {
        let told = self.window.first.map(|f| Timestamp(f.as_millisecond()));
        told.or_else(|| self.contents?.first)
    }

    /// When the newest change came to the archive.
    fn change(&self) -> Option<Timestamp> {
        Some(self.contents?.change.as_ref()?.archived)
    }
}

/// The `archive_timeout` of a database: seconds, or with a unit of Postgres' own.
pub(super) fn timeout(database: &Json) -> Duration {
    let set = &database["spec"]["postgresql"]["parameters"]["archive_timeout"];
    let of = |text: &str| {
        let at = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let number: u64 = text[..at].parse().ok()?;
        let unit = match text[at..].trim() {
            "" | "s" => 1,
            "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Duration::from_secs(number.checked_mul(unit)?))
    };
    let set = set.as_str().and_then(|text| of(text.trim()));
    set.filter(|t| !t.is_zero()).unwrap_or(TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::super::archive::Change;
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("a moment");
        Timestamp(moment.as_millisecond())
    }

    fn window(archiving: bool) -> Window {
        Window {
            told: true,
            first: "2026-01-30T02:00:00Z".parse().ok(),
            last: "2026-01-31T02:00:00Z".parse().ok(),
            archiving,
        }
    }

    fn reach(window: Window, contents: Option<&Contents>) -> Reach<'_> {
        Reach {
            window,
            contents,
            timeout: TIMEOUT,
        }
    }

    fn contents(change: &str) -> Contents {
        Contents {
            first: Some(at("2026-01-30T02:00:00Z")),
            last: Some(at("2026-01-31T02:00:00Z")),
            change: Some(Change {
                segment: "00000001000000020000002A".to_owned(),
                archived: at(change),
            }),
        }
    }

    #[test]
    fn it_reaches_from_its_first_moment_to_its_last_change() {
        let noon = at("2026-01-31T12:00:00Z");
        let good = contents("2026-01-31T11:57:00Z");
        let told = reach(window(true), Some(&good)).told(None, noon);
        assert_eq!(
            told.as_deref(),
            Ok(
                "; last whole backup 10h00m ago, last archived change 3m00s ago: what was written up to 2026-01-31T11:57:00Z can be had back"
            )
        );
        for (moment, why) in [
            ("2026-01-29T03:00:00Z", "begins at 2026-01-30T02:00:00Z"),
            ("2026-01-31T11:58:00Z", "ends at 2026-01-31T11:57:00Z"),
        ] {
            let error = reach(window(true), Some(&good)).told(Some(moment), noon);
            let error = error.expect_err("out of reach");
            assert!(error.contains(why), "{error}");
        }
        let inside = reach(window(true), Some(&good)).told(Some("2026-01-30T03:00:00Z"), noon);
        assert!(inside.is_ok());
        assert_eq!(reach(window(true), Some(&good)).warning(noon), None);
        let facts = reach(window(true), Some(&good)).facts("shop/postgres", "s3://b/x", noon);
        assert_eq!(facts["recovery_point_age_seconds"], 180);
        assert_eq!(facts["last_archived_segment"], "00000001000000020000002A");
    }

    #[test]
    fn what_has_not_come_yet_is_refused_with_the_last_that_can_be_had() {
        let noon = at("2026-01-31T12:00:00Z");
        let refused = |moment: &str, last| {
            let refused = check(moment, last, noon);
            refused.err().map(|error| format!("{error:?}"))
        };
        assert_eq!(refused("2026-01-31T12:00:00Z", None), None);
        // Half past twelve, two hours to the east.
        assert_eq!(refused("2026-01-31T13:30:00+02:00", None), None);
        let told = refused("2026-01-31T12:00:01Z", None).expect("refused");
        assert!(
            told.contains("is still to come") && told.contains("leave `-to` out"),
            "{told}"
        );
        let last = Some("2026-01-31T11:57:00Z");
        let told = refused("2027-01-31T12:00:00Z", last).expect("refused");
        assert!(told.contains("write `-to 2026-01-31T11:57:00Z`"), "{told}");
    }

    #[test]
    fn what_the_timeout_does_not_explain_is_a_warning() {
        let noon = at("2026-01-31T12:00:00Z");
        let old = contents("2026-01-31T11:53:00Z");
        let warning = reach(window(true), Some(&old)).warning(noon);
        let warning = warning.expect("too old");
        assert!(
            warning.contains("7m00s old") && warning.contains("every 5m00s"),
            "{warning}"
        );
        let patient = Reach {
            timeout: Duration::from_mins(10),
            ..reach(window(true), Some(&old))
        };
        assert_eq!(patient.warning(noon), None);
        let none = Contents {
            change: None,
            ..contents("2026-01-31T11:53:00Z")
        };
        let warning = reach(window(true), Some(&none)).warning(noon);
        assert!(warning.is_some_and(|w| w.contains("since the last backup")));
    }

    #[test]
    fn a_cluster_that_does_not_tell_leaves_it_to_the_archive() {
        let noon = at("2026-01-31T12:00:00Z");
        let good = contents("2026-01-31T11:57:00Z");
        let told = reach(Window::default(), Some(&good)).told(None, noon);
        assert!(told.is_ok_and(|t| t.contains("last backup begun 10h00m ago")));
        let empty = reach(Window::default(), Some(&Contents::default())).told(None, noon);
        assert!(empty.is_err_and(|e| e.contains("no backup")));
        let unknown = reach(Window::default(), None).told(None, noon);
        assert!(unknown.is_ok_and(|t| t.contains("not known")));
        let nothing = Window {
            told: true,
            ..Window::default()
        };
        let none = reach(nothing, None).told(None, noon);
        assert!(none.is_err_and(|e| e.contains("no backup is whole")));
        let told = reach(window(false), None).told(None, noon);
        assert!(told.is_ok_and(|t| t.contains("what changed since is not archived")));
    }

    #[test]
    fn the_timeout_is_as_postgres_writes_it() {
        let of = |text: &str| {
            timeout(
                &json!({ "spec": { "postgresql": { "parameters": { "archive_timeout": text } } } }),
            )
        };
        for (text, seconds) in [
            ("600", 600),
            ("10min", 600),
            ("1 h", 3600),
            ("0", 300),
            ("soon", 300),
        ] {
            assert_eq!(of(text), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(timeout(&json!({})), TIMEOUT);
    }
}
