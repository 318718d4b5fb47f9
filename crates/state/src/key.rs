//! The key that sensitive values are encrypted with. Where it comes from (environment, file) is the caller's business; it is
//! asked for only when the first sensitive value appears.

use crate::error::StateError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use infra_model::Random;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// 256 bits for XChaCha20-Poly1305. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// From raw bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As `INFRA_STATE_KEY` and the key file carry it. Secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        BASE64.encode(self.0)
    }

    /// Names the key without telling it; stands beside every encrypted value.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::new()
            .chain_update("infra state key ")
            .chain_update(self.0)
            .finalize();
        hex::encode(&digest[..4])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

/// A new key.
#[must_use]
pub fn generate_key(random: &dyn Random) -> Key {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    Key(bytes)
}

/// Reads a key: base64 of 32 bytes, or 64 hexadecimal digits.
///
/// # Errors
/// [`StateError::BadKey`], which does not repeat the text.
pub fn parse_key(text: &str) -> Result<Key, StateError> {
    let text = text.trim();
    let bytes = if text.len() == 64 {
        hex::decode(text).ok()
    } else {
        BASE64.decode(text).ok()
    };
    bytes
        .and_then(|b| <[u8; 32]>::try_from(b).ok())
        .map(Key)
        .ok_or_else(|| StateError::BadKey("it is not a key's text".to_owned()))
}

/// Where the key comes from.
pub trait KeySource: Send + Sync {
    /// The key that there is; `None` when none was ever made.
    ///
    /// # Errors
    /// One that cannot be read, or is no key.
    fn existing(&self) -> Result<Option<Key>, StateError>;

    /// Makes and keeps a key, and tells the user. Called only when [`KeySource::existing`] has none, the first sensitive
    /// value must be written, and nothing in the state is encrypted yet.
    ///
    /// # Errors
    /// One that cannot be kept.
    fn create(&self) -> Result<Key, StateError>;
}

/// The key of a run, fetched once.
pub struct Keyring {
    source: Box<dyn KeySource>,
    random: Arc<dyn Random>,
    known: Mutex<Option<Key>>,
    /// The fingerprint of a key that something in the state needs and that is not here.
    lacking: Mutex<Option<String>>,
}

impl Keyring {
    /// Asks `source` when the first sensitive value appears. Nonces come from `random`.
    #[must_use]
    pub fn new(source: impl KeySource + 'static, random: Arc<dyn Random>) -> Arc<Keyring> {
        Arc::new(Keyring {
            source: Box::new(source),
            random,
            known: Mutex::new(None),
            lacking: Mutex::new(None),
        })
    }

    /// With a key that is known from the start.
    #[must_use]
    pub fn with_key(key: Key, random: Arc<dyn Random>) -> Arc<Keyring> {
        Keyring::new(Fixed(Some(key)), random)
    }

    /// Without any key: sensitive values stay encrypted, and new ones are refused.
    #[must_use]
    pub fn without_key(random: Arc<dyn Random>) -> Arc<Keyring> {
        Keyring::new(Fixed(None), random)
    }

    /// The key, if there is one.
    pub(crate) fn existing(&self) -> Result<Option<Key>, StateError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            *known = self.source.existing()?;
        }
        Ok(known.clone())
    }

    /// Something is encrypted with a key that is not here.
    pub(crate) fn lacks(&self, fingerprint: &str) {
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint.to_owned());
    }

    /// What is wrong with the key, where something was met that is encrypted with another one.
    pub(crate) fn lacking(&self) -> Option<StateError> {
        let lacking = self
            .lacking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.missing(&lacking?, "read them with").ok()
    }

    /// The key to encrypt with, made if there is none. Never a second one beside values that need another.
    pub(crate) fn required(&self) -> Result<Key, StateError> {
        let lacking = self
            .lacking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(fingerprint) = lacking {
            return Err(self.missing(&fingerprint, "encrypt a new one beside them with")?);
        }
        if let Some(key) = self.existing()? {
            return Ok(key);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match known.take() {
            Some(key) => key,
            None => self.source.create()?,
        };
        *known = Some(key.clone());
        Ok(key)
    }

    /// The error for a value whose key, of this fingerprint, is not here.
    pub(crate) fn missing(&self, fingerprint: &str, what: &str) -> Result<StateError, StateError> {
        Ok(match self.existing()? {
            Some(key) => StateError::WrongKey {
                wanted: fingerprint.to_owned(),
                found: key.fingerprint(),
            },
            None => StateError::KeyMissing {
                what: what.to_owned(),
            },
        })
    }

    pub(crate) fn nonce(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        self.random.fill(&mut bytes);
        bytes
    }
}

struct Fixed(Option<Key>);

impl KeySource for Fixed {
    fn existing(&self) -> Result<Option<Key>, StateError> {
        Ok(self.0.clone())
    }

    fn create(&self) -> Result<Key, StateError> {
        Err(StateError::KeyMissing {
            what: "encrypt a new one with".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_never_show() {
        let key = Key::from_bytes([7; 32]);
        assert_eq!(
            parse_key(&format!(" {}\n", key.to_text())).expect("base64"),
            key
        );
        assert_eq!(parse_key(&hex::encode([7; 32])).expect("hex"), key);
        let shown = format!("{key:?}");
        assert!(
            !shown.contains(&key.to_text()) && !shown.contains("0707"),
            "{shown}"
        );
        for bad in [
            "",
            "secretsecret",
            &"zz".repeat(32),
            &BASE64.encode([1; 31]),
        ] {
            let error = parse_key(bad).expect_err(bad).to_string();
            assert!(bad.is_empty() || !error.contains(bad));
        }
    }
}
