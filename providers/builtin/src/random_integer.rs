//! `random_integer`: a number from a range.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use async_trait::async_trait;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// A random whole number from a range, both ends included.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomIntegerRecord {
    /// The least that it can be.
    #[record(required, force_new)]
    min: i64,
    /// The most that it can be.
    #[record(required, force_new)]
    max: i64,
    /// The same seed and range give the same number.
    #[record(optional, force_new)]
    seed: Option<String>,
    /// Any values; when one changes, a new number is drawn.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// The number.
    #[record(computed)]
    result: Option<i64>,
    /// The number, as text.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomInteger;

#[async_trait]
impl StateOnly for RandomInteger {
    type Record = RandomIntegerRecord;
    const TYPE: &'static str = "random_integer";

    fn id(record: &RandomIntegerRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let number = |name| config.get(name).and_then(Value::as_i64);
        match (number("min"), number("max")) {
            (Some(min), Some(max)) if min > max => {
                vec![ProviderError::invalid(
                    "min",
                    format!("`min` is {min}, more than `max`, {max}"),
                )]
            }
            _ => Vec::new(),
        }
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomIntegerRecord,
    ) -> Result<RandomIntegerRecord, ProviderError> {
        if desired.min > desired.max {
            return Err(ProviderError::invalid("min", "`min` is more than `max`"));
        }
        let mut dice = Dice::of(desired.seed.as_deref(), &*client.random);
        let result = match desired.max.abs_diff(desired.min).checked_add(1) {
            Some(count) => desired.min.wrapping_add_unsigned(dice.below(count)),
            // The range is all there is.
            None => i64::from_le_bytes(dice.bytes()),
        };
        Ok(RandomIntegerRecord {
            result: Some(result),
            id: Some(result.to_string()),
            ..desired
        })
    }

    /// `RESULT,MIN,MAX` or `RESULT,MIN,MAX,SEED`, as in Terraform.
    fn import(id: &str) -> Result<RandomIntegerRecord, ProviderError> {
        let mut parts = id.splitn(4, ',');
        let mut number = || parts.next().and_then(|p| p.trim().parse::<i64>().ok());
        let (Some(result), Some(min), Some(max)) = (number(), number(), number()) else {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                "a random_integer is imported by `RESULT,MIN,MAX` or `RESULT,MIN,MAX,SEED`",
            ));
        };
        Ok(RandomIntegerRecord {
            min,
            max,
            seed: parts.next().map(str::to_owned),
            keepers: None,
            result: Some(result),
            id: Some(result.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::Value;

    const T: &str = "random_integer";

    fn config(min: i64, max: i64) -> Value {
        Value::object([("min", Value::from(min)), ("max", Value::from(max))])
    }

    #[test]
    fn numbers_are_in_their_range() {
        let bench = Bench::new();
        for (min, max) in [
            (1, 6),
            (-3, -3),
            (0, 1),
            (i64::MIN, i64::MAX),
            (i64::MAX - 1, i64::MAX),
        ] {
            for _ in 0..20 {
                let made = bench.make(T, config(min, max));
                let result = made
                    .get("result")
                    .and_then(Value::as_i64)
                    .expect("a number");
                assert!((min..=max).contains(&result));
                assert_eq!(text(&made, "id"), result.to_string());
            }
        }
        assert_eq!(bench.validate(T, &config(2, 1)).len(), 1);
    }

    #[test]
    fn a_seed_repeats_the_number_and_an_import_keeps_it() {
        let bench = Bench::new();
        let seeded = config(1, 1_000_000).with_attribute("seed", "s".into());
        let made = bench.make(T, seeded.clone());
        assert_eq!(made, bench.make(T, seeded.clone()));
        let imported = bench
            .import(T, &format!("{},1,1000000,s", text(&made, "id")))
            .expect("imports");
        assert_eq!(imported, made);
        assert!(bench.plan(T, Some(&imported), seeded).replace.is_empty());
        assert!(bench.import(T, "1,2").is_err());
    }
}
