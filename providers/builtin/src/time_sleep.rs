//! `time_sleep`: waits, by the clock that is passed in.

use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use crate::time_static::now;
use async_trait::async_trait;
use infra_model::{CallContext, ProviderError, Record, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Waits after it is created or before it is gone, for APIs that need a while.
#[derive(Clone, Debug, Record)]
pub(crate) struct TimeSleepRecord {
    /// How long creation takes: a number with `ms`, `s`, `m` or `h`.
    #[record(optional)]
    create_duration: Option<String>,
    /// How long deletion takes.
    #[record(optional)]
    destroy_duration: Option<String>,
    /// Any values; when one changes, it waits anew.
    #[record(optional, force_new)]
    triggers: Option<BTreeMap<String, String>>,
    /// When it was created, as RFC 3339 text.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct TimeSleep;

/// `30s`, `1.5h`.
fn parse(name: &str, text: &str) -> Result<Duration, ProviderError> {
    let wrong = || {
        let what = format!("`{text}` is no duration: it is a number with `ms`, `s`, `m` or `h`");
        ProviderError::invalid(name, what)
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    if !plain {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

async fn wait(context: &CallContext, name: &str, text: Option<&str>) -> Result<(), ProviderError> {
    if let Some(text) = text {
        context.clock.sleep(parse(name, text)?).await;
    }
    Ok(())
}

#[async_trait]
impl StateOnly for TimeSleep {
    type Record = TimeSleepRecord;
    const TYPE: &'static str = "time_sleep";

    fn id(record: &TimeSleepRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let text = |name| config.get(name).and_then(Value::as_str);
        ["create_duration", "destroy_duration"]
            .into_iter()
            .filter_map(|name| parse(name, text(name)?).err())
            .collect()
    }

    async fn make(
        _: &Client,
        context: &CallContext,
        desired: TimeSleepRecord,
    ) -> Result<TimeSleepRecord, ProviderError> {
        wait(
            context,
            "create_duration",
            desired.create_duration.as_deref(),
        )
        .await?;
        Ok(TimeSleepRecord {
            id: Some(now(context)?.to_string()),
            ..desired
        })
    }

    async fn unmake(context: &CallContext, prior: TimeSleepRecord) {
        // A duration was checked before it was stored; one that is wrong all the same keeps nothing from being deleted.
        let _ = wait(
            context,
            "destroy_duration",
            prior.destroy_duration.as_deref(),
        )
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use infra_model::Clock;

    const T: &str = "time_sleep";

    #[test]
    fn it_waits_by_the_clock() {
        let bench = Bench::new();
        let config = |create: &str, destroy: &str| {
            Value::object([
                ("create_duration", Value::from(create)),
                ("destroy_duration", destroy.into()),
            ])
        };
        let start = bench.clock.now();
        let made = bench.make(T, config("30s", "1m"));
        assert_eq!(bench.clock.now().since(start), Duration::from_secs(30));
        let changed = bench.change(T, &made, config("1h", "2m"));
        assert_eq!(bench.clock.now().since(start), Duration::from_secs(30));
        bench.delete(T, &changed);
        assert_eq!(bench.clock.now().since(start), Duration::from_secs(150));
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let cases = [
            ("30s", Some(30_000)),
            ("1.5m", Some(90_000)),
            ("250ms", Some(250)),
            ("2h", Some(7_200_000)),
            ("", None),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1e3s", None),
            ("infs", None),
            ("1m30s", None),
        ];
        for (text, millis) in cases {
            let found = parse("create_duration", text).ok().map(|d| d.as_millis());
            assert_eq!(found, millis, "{text:?}");
        }
    }
}
