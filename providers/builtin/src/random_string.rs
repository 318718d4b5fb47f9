//! `random_string`: random text that is no secret.

use crate::dice::Dice;
use crate::provider::Client;
use crate::random_text::{self, Wanted};
use crate::state_only::{StateOnly, made};
use async_trait::async_trait;
use infra_model::{CallContext, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// Random text that is no secret; for one that is, there is `random_password`.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomStringRecord {
    /// How many characters, at least 1.
    #[record(required, force_new)]
    length: i64,
    /// Any values; when one changes, a new text is drawn.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// Whether it has capital letters.
    #[record(optional, computed, force_new, default = true)]
    upper: Option<bool>,
    /// Whether it has small letters.
    #[record(optional, computed, force_new, default = true)]
    lower: Option<bool>,
    /// Whether it has digits.
    #[record(optional, computed, force_new, default = true)]
    numeric: Option<bool>,
    /// Whether it has special characters: `!@#$%&*()-_=+[]{}<>:?`, or those of `override_special`.
    #[record(optional, computed, force_new, default = true)]
    special: Option<bool>,
    /// At least so many capital letters.
    #[record(optional, computed, force_new, default = 0)]
    min_upper: Option<i64>,
    /// At least so many small letters.
    #[record(optional, computed, force_new, default = 0)]
    min_lower: Option<i64>,
    /// At least so many digits.
    #[record(optional, computed, force_new, default = 0)]
    min_numeric: Option<i64>,
    /// At least so many special characters.
    #[record(optional, computed, force_new, default = 0)]
    min_special: Option<i64>,
    /// The special characters to choose from, instead of the usual ones.
    #[record(optional, force_new)]
    override_special: Option<String>,
    /// The text.
    #[record(computed)]
    result: Option<String>,
    /// The text.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomString;

#[async_trait]
impl StateOnly for RandomString {
    type Record = RandomStringRecord;
    const TYPE: &'static str = "random_string";

    fn id(record: &RandomStringRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        random_text::validate(config)
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomStringRecord,
    ) -> Result<RandomStringRecord, ProviderError> {
        let text = Wanted::of(&desired.to_value()).draw(&mut Dice::new(&*client.random))?;
        Ok(RandomStringRecord {
            result: Some(text.clone()),
            id: Some(text),
            ..desired
        })
    }

    /// By the text itself.
    fn import(id: &str) -> Result<RandomStringRecord, ProviderError> {
        Ok(RandomStringRecord {
            length: i64::try_from(id.chars().count()).expect("an id in memory is short"),
            keepers: None,
            upper: Some(true),
            lower: Some(true),
            numeric: Some(true),
            special: Some(true),
            min_upper: Some(0),
            min_lower: Some(0),
            min_numeric: Some(0),
            min_special: Some(0),
            override_special: None,
            result: Some(id.to_owned()),
            id: Some(id.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::Value;

    const T: &str = "random_string";

    #[test]
    fn text_is_drawn_kept_and_imported() {
        let bench = Bench::new();
        let config = |length: i64| {
            Value::object([("length", Value::from(length)), ("special", false.into())])
        };
        let made = bench.make(T, config(12));
        assert_eq!(text(&made, "result").len(), 12);
        assert_eq!(made.get("result"), made.get("id"));
        assert_eq!(bench.plan(T, Some(&made), config(12)).value, made);
        assert!(!bench.plan(T, Some(&made), config(13)).replace.is_empty());
        let imported = bench.import(T, "abc").expect("imports");
        assert_eq!(
            (text(&imported, "result"), imported.get("length")),
            ("abc", Some(&Value::from(3)))
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let bench = Bench::new();
        let set = |pairs: &[(&'static str, Value)]| Value::object(pairs.iter().cloned());
        let off = Value::from(false);
        let cases = [
            (set(&[("length", 3.into())]), 0),
            (set(&[("length", 0.into())]), 1),
            (
                set(&[
                    ("length", 3.into()),
                    ("min_upper", 2.into()),
                    ("min_lower", 2.into()),
                ]),
                1,
            ),
            (set(&[("length", 3.into()), ("min_upper", (-1).into())]), 1),
            (
                set(&[
                    ("length", 3.into()),
                    ("upper", off.clone()),
                    ("lower", off.clone()),
                    ("numeric", off.clone()),
                    ("special", off),
                ]),
                1,
            ),
            (
                set(&[("length", Value::UNKNOWN), ("min_upper", 9.into())]),
                0,
            ),
        ];
        for (config, errors) in cases {
            let found = bench.validate(T, &config);
            assert_eq!(found.len(), errors, "{config:?}: {found:?}");
        }
    }
}
