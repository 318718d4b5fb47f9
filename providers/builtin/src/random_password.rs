//! `random_password`: random text that is a secret, and its bcrypt hash.

use crate::dice::Dice;
use crate::provider::Client;
use crate::random_text::{self, Wanted};
use crate::state_only::StateOnly;
use async_trait::async_trait;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};
use std::collections::BTreeMap;

/// bcrypt's customary cost, that of Go's `bcrypt.DefaultCost`.
const COST: u32 = 10;
/// bcrypt looks at no more bytes than these.
const BCRYPT_BYTES: usize = 72;

/// A random password: sensitive, and stored encrypted.
#[derive(Clone, Debug, Record)]
pub(crate) struct RandomPasswordRecord {
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
    /// The password.
    #[record(computed, sensitive)]
    result: Option<String>,
    /// Its bcrypt hash, of at most 72 bytes of it.
    #[record(computed, sensitive)]
    bcrypt_hash: Option<String>,
    /// Always `none`: the password identifies nothing.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct RandomPassword;

pub(crate) fn hash(password: &str, salt: [u8; 16]) -> Result<String, ProviderError> {
    let mut bytes = password.as_bytes();
    bytes = &bytes[..bytes.len().min(BCRYPT_BYTES)];
    bcrypt::hash_with_salt(bytes, COST, salt)
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|e| ProviderError::new(ErrorKind::Other, format!("bcrypt: {e}")))
}

#[async_trait]
impl StateOnly for RandomPassword {
    type Record = RandomPasswordRecord;
    const TYPE: &'static str = "random_password";

    fn id(_: &RandomPasswordRecord) -> String {
        "none".to_owned()
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        random_text::validate(config)
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: RandomPasswordRecord,
    ) -> Result<RandomPasswordRecord, ProviderError> {
        let mut dice = Dice::new(&*client.random);
        let text = Wanted::of(&desired.to_value()).draw(&mut dice)?;
        Ok(RandomPasswordRecord {
            bcrypt_hash: Some(hash(&text, dice.bytes())?),
            result: Some(text),
            id: Some("none".to_owned()),
            ..desired
        })
    }

    /// By the password itself. Its hash takes the password's own digest as salt, since nothing random can be had here.
    fn import(id: &str) -> Result<RandomPasswordRecord, ProviderError> {
        // Registering the type asks for the form of the id with an empty one: that must not cost a hash.
        if id.is_empty() {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                "`` is not the password itself, which has at least one character",
            ));
        }
        let mut dice = Dice::seeded(&format!("bcrypt salt of {id}"));
        Ok(RandomPasswordRecord {
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
            bcrypt_hash: Some(hash(id, dice.bytes())?),
            result: Some(id.to_owned()),
            id: Some("none".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::Value;

    const T: &str = "random_password";

    #[test]
    fn the_password_is_sensitive_and_its_hash_fits() {
        let bench = Bench::new();
        for length in [1, 16, 100] {
            let config = Value::object([("length", Value::from(length))]);
            let planned = bench.plan(T, None, config.clone());
            for name in ["result", "bcrypt_hash"] {
                let value = planned.value.get(name).expect("planned");
                assert!(value.is_unknown() && value.marks().sensitive, "{name}");
            }
            let made = bench.make(T, config.clone());
            let (password, hash) = (text(&made, "result"), text(&made, "bcrypt_hash"));
            assert_eq!(
                password.chars().count(),
                usize::try_from(length).expect("small")
            );
            assert!(hash.starts_with("$2a$10$") && hash.len() == 60, "{hash}");
            assert!(
                bcrypt::verify(&password.as_bytes()[..password.len().min(72)], hash)
                    .expect("a hash")
            );
            assert!(made.get("result").expect("made").marks().sensitive);
            assert!(made.get("bcrypt_hash").expect("made").marks().sensitive);
            assert_eq!(text(&made, "id"), "none");
            assert_eq!(bench.plan(T, Some(&made), config).value, made);
        }
    }

    #[test]
    fn a_known_password_can_be_imported() {
        let imported = Bench::new().import(T, "s3cret").expect("imports");
        assert_eq!(text(&imported, "result"), "s3cret");
        assert!(bcrypt::verify("s3cret", text(&imported, "bcrypt_hash")).expect("a hash"));
        assert!(Bench::new().import(T, "").is_err());
    }
}
