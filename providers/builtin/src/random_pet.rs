//! `random_pet`: a name that a person can say.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, check_at_least, made};
use crate::words::{ADJECTIVES, ADVERBS, ANIMALS};
use async_trait::async_trait;
use infra_model::{CallContext, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// A random name that people can say and remember, such as `calm-otter`.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomPetRecord {
    /// How many words.
    #[record(optional, computed, force_new, default = 2)]
    length: Option<i64>,
    /// Any values; when one changes, a new name is drawn.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// Put before the words, with a separator.
    #[record(optional, force_new)]
    prefix: Option<String>,
    /// Stands between the words.
    #[record(optional, computed, force_new, default = "-")]
    separator: Option<String>,
    /// The name.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomPet;

#[async_trait]
impl StateOnly for RandomPet {
    type Record = RandomPetRecord;
    const TYPE: &'static str = "random_pet";

    fn id(record: &RandomPetRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        check_at_least(config, "length", 1, &mut errors);
        errors
    }

    /// An animal; before it an adjective; before that as many adverbs as are left.
    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomPetRecord,
    ) -> Result<RandomPetRecord, ProviderError> {
        let mut dice = Dice::new(&*client.random);
        let length = desired.length.unwrap_or(2);
        if !(1..=1000).contains(&length) {
            return Err(ProviderError::invalid("length", "from 1 to 1000 words"));
        }
        let mut words: Vec<&str> = desired.prefix.as_deref().into_iter().collect();
        for left in (0..length).rev() {
            let kind = match left {
                0 => ANIMALS,
                1 => ADJECTIVES,
                _ => ADVERBS,
            };
            words.push(*dice.pick(kind));
        }
        let name = words.join(desired.separator.as_deref().unwrap_or("-"));
        Ok(RandomPetRecord {
            id: Some(name),
            ..desired
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, text};

    #[test]
    fn names_have_their_words() {
        let bench = Bench::new();
        let cases = [
            (vec![], "-", 2),
            (vec![("length", Value::from(1))], "-", 1),
            (
                vec![
                    ("length", Value::from(4)),
                    ("separator", "_".into()),
                    ("prefix", "web".into()),
                ],
                "_",
                5,
            ),
        ];
        for (config, separator, words) in cases {
            let made = bench.make("random_pet", Value::object(config));
            assert_eq!(
                text(&made, "id").split(separator).count(),
                words,
                "{made:?}"
            );
        }
        assert_eq!(
            bench
                .validate("random_pet", &Value::object([("length", Value::from(0))]))
                .len(),
            1
        );
        assert!(bench.import("random_pet", "calm-otter").is_err());
    }

    #[test]
    fn words_are_plain_and_different() {
        for list in [ADVERBS, ADJECTIVES, ANIMALS] {
            assert!(list.windows(2).all(|w| w[0] < w[1]), "sorted, none twice");
            assert!(
                list.iter()
                    .all(|w| w.bytes().all(|b| b.is_ascii_lowercase()))
            );
            assert!(list.len() >= 64);
        }
    }
}
