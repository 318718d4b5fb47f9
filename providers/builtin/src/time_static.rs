//! `time_static`: a moment that stays.

use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use async_trait::async_trait;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// A moment, by default that of creation, that does not move afterwards.
#[derive(Clone, Debug, Record)]
pub(crate) struct TimeStaticRecord {
    /// The moment, as RFC 3339 text in UTC.
    #[record(optional, computed, force_new)]
    rfc3339: Option<String>,
    /// Any values; when one changes, the moment is taken anew.
    #[record(optional, force_new)]
    triggers: Option<BTreeMap<String, String>>,
    /// Its day of the month.
    #[record(computed)]
    day: Option<i64>,
    /// Its hour.
    #[record(computed)]
    hour: Option<i64>,
    /// Its minute.
    #[record(computed)]
    minute: Option<i64>,
    /// Its month.
    #[record(computed)]
    month: Option<i64>,
    /// Its second.
    #[record(computed)]
    second: Option<i64>,
    /// Seconds since 1970 in UTC.
    #[record(computed)]
    unix: Option<i64>,
    /// Its year.
    #[record(computed)]
    year: Option<i64>,
    /// The moment, as RFC 3339 text.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct TimeStatic;

/// The moment of RFC 3339 text.
pub(crate) fn parse(text: &str) -> Result<jiff::Timestamp, ProviderError> {
    text.parse().map_err(|_| {
        let what = format!("`{text}` is no RFC 3339 time such as 2026-01-31T12:00:00Z");
        ProviderError::invalid("rfc3339", what)
    })
}

fn at(moment: jiff::Timestamp, text: String, desired: TimeStaticRecord) -> TimeStaticRecord {
    let utc = jiff::tz::Offset::UTC.to_datetime(moment);
    TimeStaticRecord {
        rfc3339: Some(text.clone()),
        day: Some(utc.day().into()),
        hour: Some(utc.hour().into()),
        minute: Some(utc.minute().into()),
        month: Some(utc.month().into()),
        second: Some(utc.second().into()),
        unix: Some(moment.as_second()),
        year: Some(utc.year().into()),
        id: Some(text),
        ..desired
    }
}

#[async_trait]
impl StateOnly for TimeStatic {
    type Record = TimeStaticRecord;
    const TYPE: &'static str = "time_static";

    fn id(record: &TimeStaticRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let text = config.get("rfc3339").and_then(Value::as_str);
        text.and_then(|t| parse(t).err()).into_iter().collect()
    }

    async fn make(
        _: &Client,
        context: &CallContext,
        desired: TimeStaticRecord,
    ) -> Result<TimeStaticRecord, ProviderError> {
        match desired.rfc3339.clone() {
            Some(text) => Ok(at(parse(&text)?, text, desired)),
            None => {
                let moment = now(context)?;
                Ok(at(moment, moment.to_string(), desired))
            }
        }
    }

    /// By the moment.
    fn import(id: &str) -> Result<TimeStaticRecord, ProviderError> {
        let empty = TimeStaticRecord {
            rfc3339: None,
            triggers: None,
            day: None,
            hour: None,
            minute: None,
            month: None,
            second: None,
            unix: None,
            year: None,
            id: None,
        };
        Ok(at(parse(id)?, id.to_owned(), empty))
    }
}

/// The present second.
pub(crate) fn now(context: &CallContext) -> Result<jiff::Timestamp, ProviderError> {
    jiff::Timestamp::from_second(context.clock.now().0.div_euclid(1000))
        .map_err(|e| ProviderError::new(ErrorKind::Other, format!("the clock: {e}")))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::{Type, Value};

    const T: &str = "time_static";

    #[test]
    fn a_moment_is_taken_once_or_given() {
        let bench = Bench::new();
        let now = bench.make(T, Value::object::<&str>([]));
        assert_eq!(text(&now, "rfc3339"), "2023-11-14T22:13:20Z");
        let numbers = ["year", "month", "day", "hour", "minute", "second", "unix"];
        let found = numbers.map(|n| now.get(n).and_then(Value::as_i64).expect("a number"));
        assert_eq!(found, [2023, 11, 14, 22, 13, 20, 1_700_000_000]);
        let given = Value::object([("rfc3339", Value::from("2020-02-12T06:36:13Z"))]);
        let made = bench.make(T, given.clone());
        assert_eq!(
            (text(&made, "id"), made.get("month")),
            ("2020-02-12T06:36:13Z", Some(&Value::from(2)))
        );
        assert_eq!(
            bench.import(T, "2020-02-12T06:36:13Z").expect("imports"),
            made
        );
        assert!(bench.plan(T, Some(&made), given).replace.is_empty());
        assert_eq!(
            bench
                .validate(T, &Value::object([("rfc3339", Value::from("yesterday"))]))
                .len(),
            1
        );
        let triggers = Value::map(Type::String, [("k", Value::from("v"))]);
        let planned = bench.plan(T, Some(&now), Value::object([("triggers", triggers)]));
        assert!(
            !planned.replace.is_empty() && planned.value.get("unix").expect("one").is_unknown()
        );
    }
}
