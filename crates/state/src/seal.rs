//! Encryption of sensitive values at rest: XChaCha20-Poly1305 over each value by itself, so that the rest stays readable. A
//! sealed value is bound to its lineage, its resource and its path, so that none can be put in another's place.

use crate::error::StateError;
use crate::key::{Key, Keyring};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use infra_model::defect::Defect;
use infra_model::json::type_from_json;
use infra_model::{Path, Step, Str};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::sync::Arc;

/// The only key of a sealed value's object: `{"$sealed": "1:KEY-FINGERPRINT:BASE64"}`.
const FIELD: &str = "$sealed";
const VERSION: &str = "1";
/// First bytes of a sealed file.
const MAGIC: &str = "infra-sealed:";

/// Seals and unseals the values of one state.
#[derive(Clone)]
pub struct Sealer {
    keyring: Arc<Keyring>,
    lineage: Str,
}

impl Sealer {
    /// For a state of this lineage.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, lineage: impl Into<Str>) -> Sealer {
        Sealer {
            keyring,
            lineage: lineage.into(),
        }
    }

    /// The same JSON with everything at the paths encrypted. `scope` is the resource's address, or `output.NAME`. Where a
    /// path cannot be followed exactly, what encloses it is encrypted. Values that are sealed already stay as they are.
    ///
    /// # Errors
    /// No key can be had.
    pub fn seal<'a>(
        &self,
        scope: &str,
        json: &'a Json,
        paths: &[Path],
    ) -> Result<Cow<'a, Json>, StateError> {
        if paths.is_empty() || json.is_null() || Defect::SecretsInClear.is_present() {
            return Ok(Cow::Borrowed(json));
        }
        let mut copy = json.clone();
        // Outer places first: what lies inside one is then sealed with it, once.
        let mut paths: Vec<&Path> = paths.iter().collect();
        paths.sort_by_key(|p| p.0.len());
        for path in paths {
            walk(&mut copy, path, &mut |value, at| {
                if !value.is_null() && !self.is_own_seal(scope, value, at)? {
                    *value = self.seal_value(scope, at, value)?;
                }
                Ok(())
            })?;
        }
        Ok(Cow::Owned(copy))
    }

    /// Decrypts everything at the paths, in place. Without the right key it is left as it is.
    ///
    /// # Errors
    /// [`StateError::Tampered`], or a key that cannot be read.
    pub fn unseal(&self, scope: &str, json: &mut Json, paths: &[Path]) -> Result<(), StateError> {
        for path in paths {
            walk(json, path, &mut |value, at| {
                if let Some(plain) = self.unseal_value(scope, at, value)? {
                    *value = plain;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// One whole value, sealed.
    pub(crate) fn seal_value(
        &self,
        scope: &str,
        at: &str,
        plain: &Json,
    ) -> Result<Json, StateError> {
        let plain = serde_json::to_vec(plain).expect("JSON values can always be written");
        Ok(serde_json::json!({ FIELD: self.encrypt(scope, at, &plain)? }))
    }

    /// The plain value of a sealed one; `None` for a value that is not sealed, or whose key is not here.
    pub(crate) fn unseal_value(
        &self,
        scope: &str,
        at: &str,
        value: &Json,
    ) -> Result<Option<Json>, StateError> {
        let Some(sealed) = sealed_text(value) else {
            return Ok(None);
        };
        let Some(plain) = self.decrypt(scope, at, sealed)? else {
            return Ok(None);
        };
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|_| tampered(scope, at))
    }

    /// A whole file (a saved plan), encrypted.
    ///
    /// # Errors
    /// No key can be had.
    pub fn seal_bytes(&self, scope: &str, plain: &[u8]) -> Result<Vec<u8>, StateError> {
        Ok(format!("{MAGIC}{}\n", self.encrypt(scope, "", plain)?).into_bytes())
    }

    /// The reverse of [`Sealer::seal_bytes`]; `None` when the bytes are not a sealed file.
    ///
    /// # Errors
    /// [`StateError::KeyMissing`], [`StateError::WrongKey`], [`StateError::Tampered`].
    pub fn unseal_bytes(&self, scope: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let text = std::str::from_utf8(bytes).ok();
        let Some(sealed) = text.and_then(|t| t.strip_prefix(MAGIC)) else {
            return Ok(None);
        };
        let sealed = sealed.trim_end();
        match self.decrypt(scope, "", sealed)? {
            Some(plain) => Ok(Some(plain)),
            None => Err(self.missing(sealed, "read this file with")?),
        }
    }

    /// What is wrong with the key, where something was met that is encrypted with another one.
    pub(crate) fn lacking(&self) -> Option<StateError> {
        self.keyring.lacking()
    }

    fn encrypt(&self, scope: &str, at: &str, plain: &[u8]) -> Result<String, StateError> {
        let key = self.keyring.required()?;
        let nonce = self.keyring.nonce();
        let bound = self.bound(scope, at);
        let encrypted = cipher(&key)
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: &bound,
                },
            )
            .expect("a value of less than 2^38 bytes can be encrypted");
        let packed = BASE64.encode([&nonce[..], &encrypted].concat());
        Ok(format!("{VERSION}:{}:{packed}", key.fingerprint()))
    }

    /// `None` when its key is not here.
    fn decrypt(&self, scope: &str, at: &str, text: &str) -> Result<Option<Vec<u8>>, StateError> {
        let Some((fingerprint, packed)) = split(text) else {
            // Someone's own value that only looks like a sealed one.
            return Ok(None);
        };
        let key = match self.keyring.existing()? {
            Some(key) if key.fingerprint() == fingerprint => key,
            _ => {
                self.keyring.lacks(fingerprint);
                return Ok(None);
            }
        };
        let packed = BASE64.decode(packed).map_err(|_| tampered(scope, at))?;
        let (nonce, encrypted) = packed
            .split_at_checked(24)
            .ok_or_else(|| tampered(scope, at))?;
        let bound = self.bound(scope, at);
        cipher(&key)
            .decrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: encrypted,
                    aad: &bound,
                },
            )
            .map(Some)
            .map_err(|_| tampered(scope, at))
    }

    /// What a sealed value is bound to. Lengths stand before the parts, so that no two places give the same bytes.
    fn bound(&self, scope: &str, at: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.lineage.len() + scope.len() + at.len() + 16);
        for part in [&*self.lineage, scope] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(at.as_bytes());
        bytes
    }

    /// Whether a value is one that was sealed for this very place. Someone's own object of that shape is not; without the key
    /// it cannot be told apart, and cannot be in memory unsealed either.
    fn is_own_seal(&self, scope: &str, value: &Json, at: &str) -> Result<bool, StateError> {
        let Some(text) = sealed_text(value) else {
            return Ok(false);
        };
        let Some((fingerprint, _)) = split(text) else {
            return Ok(false);
        };
        match self.keyring.existing()? {
            Some(key) if key.fingerprint() == fingerprint => {
                Ok(self.decrypt(scope, at, text).is_ok_and(|p| p.is_some()))
            }
            _ => Ok(true),
        }
    }

    /// The error for sealed text whose key is not here.
    pub(crate) fn missing(&self, sealed: &str, what: &str) -> Result<StateError, StateError> {
        let fingerprint = split(sealed).map_or("", |(fingerprint, _)| fingerprint);
        self.keyring.missing(fingerprint, what)
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}

fn tampered(scope: &str, at: &str) -> StateError {
    StateError::Tampered {
        scope: scope.to_owned(),
        path: at.to_owned(),
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(VERSION)?
        .strip_prefix(':')?
        .split_once(':')
}

/// The text of a sealed value.
pub(crate) fn sealed_text(value: &Json) -> Option<&str> {
    match value {
        Json::Object(map) if map.len() == 1 => map.get(FIELD)?.as_str(),
        _ => None,
    }
}

/// Whether something at the paths is sealed.
#[must_use]
pub fn is_sealed(json: &Json, paths: &[Path]) -> bool {
    first_sealed(json, paths).is_some()
}

/// The first sealed text at the paths.
pub(crate) fn first_sealed<'a>(json: &'a Json, paths: &[Path]) -> Option<&'a str> {
    paths
        .iter()
        .find_map(|path| sealed_text(descend(json, path).0))
}

/// The place that a path means: as deep as it can be followed. How many steps that were.
fn descend<'a>(json: &'a Json, path: &Path) -> (&'a Json, usize) {
    let mut at = json;
    for (depth, step) in path.0.iter().enumerate() {
        match next(at, step) {
            Next::Into => at = child(at, step).expect("the child was just seen"),
            Next::Stop => return (at, depth),
            Next::Nothing => return (&Json::Null, depth),
        }
    }
    (at, path.0.len())
}

enum Next {
    /// Follow the step.
    Into,
    /// It cannot be followed: the value here stands for what the path means.
    Stop,
    /// There is nothing there.
    Nothing,
}

fn next(json: &Json, step: &Step) -> Next {
    match json {
        Json::Null => Next::Nothing,
        // A value of type `any` is wrapped, and inside the wrapper the path would be ambiguous.
        Json::Object(_) if sealed_text(json).is_some() || is_wrapper(json) => Next::Stop,
        Json::Object(_) | Json::Array(_) => match (json, step) {
            (Json::Array(_), Step::Index(_))
            | (Json::Object(_), Step::Attribute(_) | Step::Key { .. }) => {
                if child(json, step).is_some() {
                    Next::Into
                } else {
                    Next::Nothing
                }
            }
            _ => Next::Stop,
        },
        _ => Next::Stop,
    }
}

fn child<'a>(json: &'a Json, step: &Step) -> Option<&'a Json> {
    match step {
        Step::Attribute(name) | Step::Key { key: name } => json.get(&**name),
        Step::Index(i) => json.get(*i),
    }
}

/// Whether this is `{"type": …, "value": …}`, as `model::json` writes a value whose type is `any`.
fn is_wrapper(json: &Json) -> bool {
    json.as_object().is_some_and(|map| {
        map.len() == 2
            && map.contains_key("value")
            && map.get("type").is_some_and(|t| type_from_json(t).is_some())
    })
}

/// Calls `act` on the place that a path means, with the text of the path as far as it was followed.
fn walk(
    json: &mut Json,
    path: &Path,
    act: &mut impl FnMut(&mut Json, &str) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let depth = descend(json, path).1;
    let followed = Path(path.0[..depth].to_vec());
    let mut at = json;
    for step in &followed.0 {
        let inner = match step {
            Step::Attribute(name) | Step::Key { key: name } => at.get_mut(&**name),
            Step::Index(i) => at.get_mut(*i),
        };
        match inner {
            Some(inner) => at = inner,
            None => return Ok(()),
        }
    }
    if let Some(step) = path.0.get(depth)
        && matches!(next(at, step), Next::Nothing)
    {
        return Ok(());
    }
    act(at, &followed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::CountingRandom;
    use serde_json::json;

    fn sealer(key: u8) -> Sealer {
        let random = Arc::new(CountingRandom::default());
        let keyring = Keyring::with_key(Key::from_bytes([key; 32]), random);
        Sealer::new(keyring, "lineage")
    }

    fn path(steps: &[&str]) -> Path {
        Path(
            steps
                .iter()
                .map(|s| {
                    s.parse()
                        .map_or_else(|_| Step::Attribute((*s).into()), Step::Index)
                })
                .collect(),
        )
    }

    #[test]
    fn what_is_sensitive_is_sealed_and_comes_back() {
        let cases = [
            (json!({"p": "S3CRET", "q": 1}), vec![path(&["p"])]),
            (json!({"l": ["a", "S3CRET"]}), vec![path(&["l", "1"])]),
            (
                json!({"b": [{"p": "S3CRET"}]}),
                vec![path(&["b", "0", "p"])],
            ),
            (
                json!({"m": {"k": "S3CRET", "o": "x"}}),
                vec![path(&["m", "k"])],
            ),
            // Inside `any` the whole value is sealed.
            (
                json!({"i": {"type": ["object", {"type": "string"}], "value": {"type": "S3CRET"}}}),
                vec![path(&["i", "type"])],
            ),
            // A path that does not fit the JSON seals what it does reach.
            (json!({"t": "S3CRET"}), vec![path(&["t", "0"])]),
            (json!({"m": {"k": "S3CRET"}}), vec![path(&["m", "0"])]),
            // Overlapping paths.
            (
                json!({"m": {"k": "S3CRET"}}),
                vec![path(&["m"]), path(&["m", "k"])],
            ),
            (
                json!({"m": {"k": "S3CRET"}}),
                vec![path(&["m", "k"]), path(&["m"])],
            ),
            // Someone's own value of a sealed one's shape.
            (json!({"p": {"$sealed": "S3CRET"}}), vec![path(&["p"])]),
            (json!("S3CRET"), vec![Path::default()]),
        ];
        for (plain, paths) in cases {
            let sealer = sealer(1);
            let sealed = sealer
                .seal("a.b", &plain, &paths)
                .expect("seals")
                .into_owned();
            assert!(!sealed.to_string().contains("S3CRET"), "{sealed}");
            assert!(is_sealed(&sealed, &paths), "{sealed}");
            let again = sealer
                .seal("a.b", &sealed, &paths[..1])
                .expect("seals")
                .into_owned();
            assert_eq!(again, sealed, "sealing again changes nothing");
            let mut open = sealed.clone();
            sealer.unseal("a.b", &mut open, &paths).expect("unseals");
            assert_eq!(open, plain);
            let mut kept = sealed.clone();
            self::sealer(2)
                .unseal("a.b", &mut kept, &paths)
                .expect("is left alone");
            assert_eq!(kept, sealed);
        }
    }

    #[test]
    fn absent_and_null_values_are_left_alone() {
        let plain = json!({"p": null, "l": [], "m": {}});
        let paths = [
            path(&["p"]),
            path(&["l", "3"]),
            path(&["m", "k"]),
            path(&["x", "y"]),
        ];
        let sealed = sealer(1)
            .seal("a.b", &plain, &paths)
            .expect("seals")
            .into_owned();
        assert_eq!(sealed, plain);
    }

    #[test]
    fn a_sealed_value_belongs_to_its_place() {
        let sealer = sealer(1);
        let plain = json!({"p": "S3CRET", "q": "other"});
        let paths = [path(&["p"]), path(&["q"])];
        let sealed = sealer
            .seal("a.b", &plain, &paths)
            .expect("seals")
            .into_owned();
        let swapped = json!({"p": sealed["q"], "q": sealed["p"]});
        for (scope, mut json, lineage) in [
            ("a.b", swapped, "lineage"),
            ("a.c", sealed.clone(), "lineage"),
            ("a.b", sealed.clone(), "other"),
        ] {
            let reader = Sealer::new(sealer.keyring.clone(), lineage);
            let error = reader
                .unseal(scope, &mut json, &paths)
                .expect_err("another place");
            assert!(matches!(error, StateError::Tampered { .. }), "{error}");
        }
    }

    #[test]
    fn sealed_files_need_their_key() {
        let sealed = sealer(1).seal_bytes("plan", b"S3CRET").expect("seals");
        assert!(!sealed.windows(6).any(|w| w == b"S3CRET"));
        assert_eq!(
            sealer(1)
                .unseal_bytes("plan", &sealed)
                .expect("opens")
                .as_deref(),
            Some(&b"S3CRET"[..])
        );
        assert_eq!(
            sealer(1).unseal_bytes("plan", b"{}").expect("is plain"),
            None
        );
        assert!(matches!(
            sealer(2).unseal_bytes("plan", &sealed),
            Err(StateError::WrongKey { .. })
        ));
        assert!(matches!(
            sealer(1).unseal_bytes("state", &sealed),
            Err(StateError::Tampered { .. })
        ));
    }
}
