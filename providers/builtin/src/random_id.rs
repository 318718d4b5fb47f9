//! `random_id`: random bytes in several notations.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, check_at_least, made};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// Random bytes, for names that must be unique.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomIdRecord {
    /// How many bytes, at least 1.
    #[record(required, force_new)]
    byte_length: i64,
    /// Any values; when one changes, new bytes are drawn.
    #[record(optional, force_new)]
    keepers: Option<BTreeMap<String, String>>,
    /// Put before the notations `b64_url`, `b64_std`, `hex` and `dec`, as it is.
    #[record(optional, force_new)]
    prefix: Option<String>,
    /// The bytes in URL-safe base64, without the prefix.
    #[record(computed)]
    id: Option<String>,
    /// In URL-safe base64.
    #[record(computed)]
    b64_url: Option<String>,
    /// In standard base64.
    #[record(computed)]
    b64_std: Option<String>,
    /// In hexadecimal digits, twice as many as bytes.
    #[record(computed)]
    hex: Option<String>,
    /// As a decimal number.
    #[record(computed)]
    dec: Option<String>,
}

pub(crate) struct RandomId;

/// All notations of some bytes.
fn with_bytes(desired: RandomIdRecord, bytes: &[u8]) -> RandomIdRecord {
    let prefix = desired.prefix.clone().unwrap_or_default();
    let prefixed = |text: String| Some(format!("{prefix}{text}"));
    RandomIdRecord {
        id: Some(URL_SAFE_NO_PAD.encode(bytes)),
        b64_url: prefixed(URL_SAFE_NO_PAD.encode(bytes)),
        b64_std: prefixed(STANDARD.encode(bytes)),
        hex: prefixed(hex::encode(bytes)),
        dec: prefixed(rsa::BigUint::from_bytes_be(bytes).to_string()),
        ..desired
    }
}

#[async_trait]
impl StateOnly for RandomId {
    type Record = RandomIdRecord;
    const TYPE: &'static str = "random_id";

    fn id(record: &RandomIdRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        check_at_least(config, "byte_length", 1, &mut errors);
        errors
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomIdRecord,
    ) -> Result<RandomIdRecord, ProviderError> {
        let length = usize::try_from(desired.byte_length)
            .ok()
            .filter(|n| (1..=1 << 20).contains(n))
            .ok_or_else(|| ProviderError::invalid("byte_length", "from 1 to 1048576 bytes"))?;
        let mut bytes = vec![0; length];
        Dice::new(&*client.random).fill(&mut bytes);
        Ok(with_bytes(desired, &bytes))
    }

    /// `ID`, or `PREFIX,ID`, as in Terraform.
    fn import(id: &str) -> Result<RandomIdRecord, ProviderError> {
        let (prefix, encoded) = match id.rsplit_once(',') {
            Some((prefix, encoded)) => (Some(prefix.to_owned()), encoded),
            None => (None, id),
        };
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| {
            ProviderError::new(
                ErrorKind::Invalid,
                "a random_id is imported by its `id` in URL-safe base64, or by `PREFIX,ID`",
            )
        })?;
        let empty = RandomIdRecord {
            byte_length: i64::try_from(bytes.len()).expect("an id in memory is short"),
            keepers: None,
            prefix,
            id: None,
            b64_url: None,
            b64_std: None,
            hex: None,
            dec: None,
        };
        Ok(with_bytes(empty, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::{Type, Value};

    const T: &str = "random_id";

    #[test]
    fn all_notations_are_of_the_same_bytes() {
        let bench = Bench::new();
        let made = bench.make(
            T,
            Value::object([("byte_length", Value::from(8)), ("prefix", "p-".into())]),
        );
        assert_eq!(text(&made, "hex").len(), 18);
        assert_eq!(text(&made, "b64_url"), format!("p-{}", text(&made, "id")));
        let number = u64::from_str_radix(&text(&made, "hex")[2..], 16).expect("hexadecimal");
        assert_eq!(text(&made, "dec"), format!("p-{number}"));
        let imported = bench
            .import(T, &format!("p-,{}", text(&made, "id")))
            .expect("imports");
        assert_eq!(imported, made);
        assert!(bench.import(T, "no base64!").is_err());
    }

    #[test]
    fn new_bytes_are_drawn_when_something_changes() {
        let bench = Bench::new();
        let config = |length: i64, keeper: &str| {
            let keepers = Value::map(Type::String, [("k", Value::from(keeper))]);
            Value::object([("byte_length", Value::from(length)), ("keepers", keepers)])
        };
        let made = bench.make(T, config(4, "a"));
        for (length, keeper, replaced) in [(4, "a", false), (5, "a", true), (4, "b", true)] {
            let planned = bench.plan(T, Some(&made), config(length, keeper));
            assert_eq!(!planned.replace.is_empty(), replaced, "{length} {keeper}");
            assert_eq!(
                planned.value.get("hex").expect("one").is_unknown(),
                replaced
            );
        }
        assert_ne!(
            text(&made, "id"),
            text(&bench.make(T, config(4, "a")), "id")
        );
        assert_eq!(
            bench
                .validate(T, &Value::object([("byte_length", Value::from(0))]))
                .len(),
            1
        );
    }
}
