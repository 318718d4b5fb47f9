//! Functions on times in RFC 3339 form.

use super::duration;
use super::hash::when_applying;
use super::string::text;
use super::{Call, FunctionError, Outcome, bad};
use infra_model::evaluate::Phase;
use infra_model::{Timestamp, Type, Value};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::fmt::strtime;

/// A moment as it was written: the time on the wall and its offset from UTC in minutes.
#[derive(Clone, Copy)]
struct Moment {
    wall: DateTime,
    offset: i32,
}

impl Moment {
    fn parse(source: &str) -> Option<Moment> {
        let number = |range: std::ops::Range<usize>| -> Option<i16> {
            let digits = source.get(range)?;
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())?
        };
        let punctuation = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
        if punctuation
            .iter()
            .any(|(i, c)| source.get(*i..i + 1) != Some(*c))
        {
            return None;
        }
        let small = |n: i16| i8::try_from(n).ok();
        let date = Date::new(number(0..4)?, small(number(5..7)?)?, small(number(8..10)?)?).ok()?;
        let mut rest = source.get(19..)?;
        let mut nanoseconds = 0;
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let end = fraction
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(fraction.len());
            if end == 0 {
                return None;
            }
            let digits = &fraction[..end.min(9)];
            nanoseconds = format!("{digits:0<9}").parse::<i32>().ok()?;
            rest = &fraction[end..];
        }
        let offset = if rest == "Z" {
            0
        } else {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let at = source.len() - rest.len();
            if rest.len() != 6 || rest.get(3..4) != Some(":") {
                return None;
            }
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            if hours > 24 || minutes > 59 {
                return None;
            }
            sign * (i32::from(hours) * 60 + i32::from(minutes))
        };
        let time = jiff::civil::Time::new(
            small(number(11..13)?)?,
            small(number(14..16)?)?,
            small(number(17..19)?)?,
            nanoseconds,
        )
        .ok()?;
        Some(Moment {
            wall: date.to_datetime(time),
            offset,
        })
    }

    /// As RFC 3339 without fractions of a second.
    fn show(self) -> String {
        let zone = if self.offset == 0 {
            "Z".to_owned()
        } else {
            self.zone(":")
        };
        format!("{}{zone}", self.wall.strftime("%Y-%m-%dT%H:%M:%S"))
    }

    /// `+02:30`
    fn zone(self, colon: &str) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs();
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    }

    fn utc(self) -> Option<DateTime> {
        self.wall
            .checked_sub(SignedDuration::from_mins(i64::from(self.offset)))
            .ok()
    }
}

fn moment(call: &Call<'_>, index: usize) -> Result<Moment, FunctionError> {
    match Moment::parse(call.text(index)) {
        Some(moment) => Ok(moment),
        None => bad(
            index,
            format!(
                "{:?} is not a time in RFC 3339 form such as 2025-01-31T12:00:00Z",
                call.text(index)
            ),
        ),
    }
}

/// A time of the clock, in UTC.
pub(super) fn written(at: Timestamp) -> Outcome {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => text(strtime::format("%Y-%m-%dT%H:%M:%SZ", at).unwrap_or_default()),
        Err(e) => super::failed(e.to_string()),
    }
}

pub(super) fn timestamp(call: &Call<'_>) -> Outcome {
    when_applying(call, || written(call.context.scope.now()))
}

pub(super) fn plantimestamp(call: &Call<'_>) -> Outcome {
    match call.context.scope.phase() {
        Phase::Validate => Ok(Value::Unknown(Type::String)),
        Phase::Plan | Phase::Apply => written(call.context.scope.planned()),
    }
}

pub(super) fn timeadd(call: &Call<'_>) -> Outcome {
    let moment = moment(call, 0)?;
    let Some(nanoseconds) = duration::parse(call.text(1)) else {
        return bad(
            1,
            format!("{:?} is not a duration such as 1h30m", call.text(1)),
        );
    };
    match moment
        .wall
        .checked_add(SignedDuration::from_nanos(nanoseconds))
    {
        Ok(wall) => text(Moment { wall, ..moment }.show()),
        Err(_) => bad(1, "the result lies outside of the calendar"),
    }
}

pub(super) fn timecmp(call: &Call<'_>) -> Outcome {
    let (a, b) = (moment(call, 0)?.utc(), moment(call, 1)?.utc());
    Ok(Value::from(a.cmp(&b) as i64))
}

pub(super) fn formatdate(call: &Call<'_>) -> Outcome {
    let moment = moment(call, 1)?;
    let mut out = String::new();
    let mut rest = call.text(0);
    while let Some(c) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(c).len();
        if c == '\'' {
            rest = match quoted(rest, &mut out) {
                Some(rest) => rest,
                None => return bad(0, "a quoted piece of the format is not closed"),
            };
            continue;
        }
        if !c.is_ascii_alphabetic() {
            out.push_str(&rest[..run]);
            rest = &rest[run..];
            continue;
        }
        let verb = &rest[..run];
        match verb_text(verb, moment) {
            Some(piece) => out.push_str(&piece),
            None => {
                return bad(
                    0,
                    format!(
                        "{verb:?} has no meaning in a format; letters that mean themselves go in single quotes"
                    ),
                );
            }
        }
        rest = &rest[run..];
    }
    text(out)
}

/// Text in single quotes, in which two quotes mean one; the rest after it.
fn quoted<'a>(source: &'a str, out: &mut String) -> Option<&'a str> {
    let mut rest = &source[1..];
    loop {
        let end = rest.find('\'')?;
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Some(rest),
        }
    }
}

fn verb_text(verb: &str, moment: Moment) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let t = moment.wall;
    let month = MONTHS[usize::from(t.month().unsigned_abs()) - 1];
    let weekday = match t.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    };
    let hour12 = match t.hour() % 12 {
        0 => 12,
        h => h,
    };
    let half = if t.hour() < 12 { "AM" } else { "PM" };
    Some(match verb {
        "YYYY" => format!("{:04}", t.year()),
        "YY" => format!("{:02}", t.year() % 100),
        "MMMM" => month.to_owned(),
        "MMM" => month[..3].to_owned(),
        "MM" => format!("{:02}", t.month()),
        "M" => t.month().to_string(),
        "DD" => format!("{:02}", t.day()),
        "D" => t.day().to_string(),
        "EEEE" => weekday.to_owned(),
        "EEE" => weekday[..3].to_owned(),
        "hh" => format!("{:02}", t.hour()),
        "h" => t.hour().to_string(),
        "HH" => format!("{hour12:02}"),
        "H" => hour12.to_string(),
        "AA" => half.to_owned(),
        "aa" => half.to_ascii_lowercase(),
        "mm" => format!("{:02}", t.minute()),
        "m" => t.minute().to_string(),
        "ss" => format!("{:02}", t.second()),
        "s" => t.second().to_string(),
        "Z" if moment.offset == 0 => "Z".to_owned(),
        "Z" | "ZZZZZ" => moment.zone(":"),
        "ZZZ" if moment.offset == 0 => "UTC".to_owned(),
        "ZZZ" | "ZZZZ" => moment.zone(""),
        _ => return None,
    })
}

/// A date or time as YAML writes it, in RFC 3339 form without fractions of a second.
pub(super) fn yaml_timestamp(source: &str) -> Option<String> {
    // A quick look, as most scalars are nothing of the kind.
    if source.len() < 8 || source.as_bytes()[4] != b'-' {
        return None;
    }
    let (date, time) = source.split_once(['T', 't', ' ']).unwrap_or((source, ""));
    let mut parts = date.split('-');
    let mut next = |longest: usize| {
        let digits = parts.next()?;
        let plain = digits.len() <= longest && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<i16>().ok()).flatten()
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    if parts.next().is_some() {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let full = if time.is_empty() {
        if date.len() != 10 || source.len() > 10 {
            return None;
        }
        format!("{date}T00:00:00Z")
    } else if source.contains(' ') {
        format!("{date}T{time}Z")
    } else {
        format!("{date}T{time}")
    };
    Moment::parse(&full).map(Moment::show)
}
