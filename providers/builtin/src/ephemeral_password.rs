//! The ephemeral `random_password`: a password that is drawn anew whenever a run needs it, and never stored.

use crate::dice::Dice;
use crate::provider::Client;
use crate::random_password;
use crate::random_text::{self, Wanted};
use async_trait::async_trait;
use infra_model::resource::EphemeralResource;
use infra_model::{CallContext, ProviderError, Record};

/// A random password that is never stored: another one in every plan and every apply.
#[derive(Clone, Debug, Record)]
pub(crate) struct EphemeralPasswordRecord {
    /// How many characters, at least 1.
    #[record(required)]
    length: i64,
    /// Whether it has capital letters.
    #[record(optional, computed, default = true)]
    upper: Option<bool>,
    /// Whether it has small letters.
    #[record(optional, computed, default = true)]
    lower: Option<bool>,
    /// Whether it has digits.
    #[record(optional, computed, default = true)]
    numeric: Option<bool>,
    /// Whether it has special characters: `!@#$%&*()-_=+[]{}<>:?`, or those of `override_special`.
    #[record(optional, computed, default = true)]
    special: Option<bool>,
    /// At least so many capital letters.
    #[record(optional, computed, default = 0)]
    min_upper: Option<i64>,
    /// At least so many small letters.
    #[record(optional, computed, default = 0)]
    min_lower: Option<i64>,
    /// At least so many digits.
    #[record(optional, computed, default = 0)]
    min_numeric: Option<i64>,
    /// At least so many special characters.
    #[record(optional, computed, default = 0)]
    min_special: Option<i64>,
    /// The special characters to choose from, instead of the usual ones.
    #[record(optional)]
    override_special: Option<String>,
    /// The password.
    #[record(computed, sensitive)]
    result: Option<String>,
    /// Its bcrypt hash, of at most 72 bytes of it.
    #[record(computed, sensitive)]
    bcrypt_hash: Option<String>,
}

pub(crate) struct EphemeralPassword;

#[async_trait]
impl EphemeralResource<Client> for EphemeralPassword {
    type Record = EphemeralPasswordRecord;
    const TYPE: &'static str = "random_password";

    async fn open(
        client: &Client,
        _: &CallContext,
        config: EphemeralPasswordRecord,
    ) -> Result<EphemeralPasswordRecord, ProviderError> {
        let asked = config.to_value();
        if let Some(error) = random_text::validate(&asked).pop() {
            return Err(error);
        }
        let text = Wanted::of(&asked).draw(&mut Dice::new(&*client.random))?;
        let mut salt = [0; 16];
        client.random.fill(&mut salt);
        Ok(EphemeralPasswordRecord {
            bcrypt_hash: Some(random_password::hash(&text, salt)?),
            result: Some(text),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;
    use infra_model::Value;

    #[test]
    fn it_is_as_long_as_asked_and_another_one_each_time() {
        let bench = Bench::new();
        let open = |length: i64| {
            bench.open(
                "random_password",
                &Value::object([
                    ("length", Value::from(length)),
                    ("special", Value::from(false)),
                ]),
            )
        };
        let [first, second] = [open(20), open(20)].map(|opened| opened.expect("opens").value);
        let text = |value: &Value| {
            let result = value.get("result").expect("a result").unmark_deep();
            result.as_str().expect("text").to_owned()
        };
        assert_eq!(text(&first).len(), 20);
        assert!(text(&first).chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(text(&first), text(&second));
        assert!(first.get("result").expect("a result").marks().sensitive);
        assert!(open(0).is_err());
    }
}
