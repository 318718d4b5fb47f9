//! `random_shuffle`: a list in another order.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, check_at_least};
use async_trait::async_trait;
use infra_model::{CallContext, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// The elements of a list in a random order.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomShuffleRecord {
    /// What is shuffled.
    #[record(required, force_new)]
    input: Vec<String>,
    /// How many elements the result has: as many as `input` when it is not set. Elements repeat only when more are asked for.
    #[record(optional, force_new)]
    result_count: Option<i64>,
    /// The same seed and input give the same order.
    #[record(optional, force_new)]
    seed: Option<String>,
    /// Any values; when one changes, it is shuffled anew.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// The shuffled elements.
    #[record(computed)]
    result: Option<Vec<String>>,
    /// Always `-`: there is nothing to identify.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomShuffle;

#[async_trait]
impl StateOnly for RandomShuffle {
    type Record = RandomShuffleRecord;
    const TYPE: &'static str = "random_shuffle";

    fn id(_: &RandomShuffleRecord) -> String {
        "-".to_owned()
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        check_at_least(config, "result_count", 0, &mut errors);
        errors
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomShuffleRecord,
    ) -> Result<RandomShuffleRecord, ProviderError> {
        let mut dice = Dice::of(desired.seed.as_deref(), &*client.random);
        let count = match desired.result_count {
            Some(count) => usize::try_from(count).unwrap_or_default(),
            None => desired.input.len(),
        };
        if count > 1 << 20 {
            return Err(ProviderError::invalid("result_count", "at most 1048576"));
        }
        let mut result = Vec::with_capacity(count);
        // Round after round, so that nothing comes twice before all have come once.
        while result.len() < count && !desired.input.is_empty() {
            let mut round = desired.input.clone();
            dice.shuffle(&mut round);
            round.truncate(count - result.len());
            result.append(&mut round);
        }
        Ok(RandomShuffleRecord {
            result: Some(result),
            id: Some("-".to_owned()),
            ..desired
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;
    use infra_model::Value;

    #[test]
    fn all_come_once_before_any_comes_twice() {
        let bench = Bench::new();
        let input = ["a", "b", "c"];
        for (count, expected) in [(None, 3), (Some(0), 0), (Some(2), 2), (Some(7), 7)] {
            let mut config = vec![("input", Value::strings(input))];
            config.extend(count.map(|c| ("result_count", Value::from(c))));
            let made = bench.make("random_shuffle", Value::object(config));
            let result = made
                .get("result")
                .and_then(Value::elements)
                .expect("a list");
            assert_eq!(result.len(), expected);
            for round in result.chunks(3) {
                let mut round = round.to_vec();
                round.sort();
                round.dedup();
                assert!(round.len() == result.len().min(3) || round.len() == result.len() % 3);
            }
        }
        let empty = bench.make(
            "random_shuffle",
            Value::object([("input", Value::tuple(vec![])), ("result_count", 3.into())]),
        );
        assert_eq!(
            empty
                .get("result")
                .and_then(Value::elements)
                .map(<[_]>::len),
            Some(0)
        );
    }
}
