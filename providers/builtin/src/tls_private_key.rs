//! `tls_private_key`: a key pair.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, made};
use crate::tls_keys::{self, KeyKind, Keys};
use async_trait::async_trait;
use infra_model::{CallContext, ErrorKind, ProviderError, Record, Value};

/// A private key and its public one. The private key is stored in the state, encrypted.
#[derive(Clone, Debug, Record)]
pub(crate) struct TlsPrivateKeyRecord {
    /// `RSA`, `ECDSA` or `ED25519`.
    #[record(required, force_new)]
    algorithm: String,
    /// Length of an RSA key in bits.
    #[record(optional, computed, force_new, default = 2048)]
    rsa_bits: Option<i64>,
    /// Curve of an ECDSA key: `P224`, `P256`, `P384` or `P521`.
    #[record(optional, computed, force_new, default = "P224")]
    ecdsa_curve: Option<String>,
    /// The private key as PEM: PKCS#1 for RSA, SEC1 for ECDSA, PKCS#8 for ED25519.
    #[record(computed, sensitive)]
    private_key_pem: Option<String>,
    /// The private key as PKCS#8 PEM.
    #[record(computed, sensitive)]
    private_key_pem_pkcs8: Option<String>,
    /// The private key as OpenSSH writes it. Empty for the curve P224, which OpenSSH does not have.
    #[record(computed, sensitive)]
    private_key_openssh: Option<String>,
    /// The public key as PEM.
    #[record(computed)]
    public_key_pem: Option<String>,
    /// The public key as a line of `authorized_keys`. Empty for the curve P224.
    #[record(computed)]
    public_key_openssh: Option<String>,
    /// MD5 fingerprint of the OpenSSH public key, `aa:bb:…`. Empty for the curve P224.
    #[record(computed)]
    public_key_fingerprint_md5: Option<String>,
    /// SHA-256 fingerprint of the OpenSSH public key, `SHA256:…`. Empty for the curve P224.
    #[record(computed)]
    public_key_fingerprint_sha256: Option<String>,
    /// SHA-1 of the public key in DER.
    #[record(computed)]
    id: Option<String>,
}

pub(crate) struct TlsPrivateKey;

const CURVES: &[(&str, KeyKind)] = &[
    ("P224", KeyKind::P224),
    ("P256", KeyKind::P256),
    ("P384", KeyKind::P384),
    ("P521", KeyKind::P521),
];

/// What is asked for; what is not known yet counts as right.
fn kind(algorithm: &str, bits: Option<i64>, curve: &str) -> Result<KeyKind, ProviderError> {
    match algorithm {
        "RSA" => bits
            .map_or(Some(2048), |b| usize::try_from(b).ok())
            .filter(|b| (1024..=16384).contains(b))
            .map(KeyKind::Rsa)
            .ok_or_else(|| ProviderError::invalid("rsa_bits", "an RSA key has 1024 to 16384 bits")),
        "ECDSA" => CURVES
            .iter()
            .find(|(name, _)| *name == curve)
            .map(|(_, kind)| *kind)
            .ok_or_else(|| {
                let what = format!("`{curve}` is none of P224, P256, P384, P521");
                ProviderError::invalid("ecdsa_curve", what)
            }),
        "ED25519" => Ok(KeyKind::Ed25519),
        _ => Err(ProviderError::invalid(
            "algorithm",
            format!("`{algorithm}` is none of RSA, ECDSA, ED25519"),
        )),
    }
}

/// Long RSA keys take seconds: they are made where they keep no task from running.
async fn generate(kind: KeyKind, mut dice: Dice) -> Result<Keys, ProviderError> {
    match (kind, tokio::runtime::Handle::try_current()) {
        (KeyKind::Rsa(_), Ok(runtime)) => runtime
            .spawn_blocking(move || tls_keys::generate(kind, &mut dice))
            .await
            .unwrap_or_else(|e| Err(ProviderError::new(ErrorKind::Other, e.to_string()))),
        _ => tls_keys::generate(kind, &mut dice),
    }
}

#[async_trait]
impl StateOnly for TlsPrivateKey {
    type Record = TlsPrivateKeyRecord;
    const TYPE: &'static str = "tls_private_key";

    fn id(record: &TlsPrivateKeyRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let Some(algorithm) = config.get("algorithm").and_then(Value::as_str) else {
            return Vec::new();
        };
        let bits = config.get("rsa_bits").and_then(Value::as_i64);
        let curve = config.get("ecdsa_curve").and_then(Value::as_str);
        let checked = kind(algorithm, bits, curve.unwrap_or("P224"));
        checked.err().into_iter().collect()
    }

    async fn make(
        client: &Client,
        _: &CallContext,
        desired: TlsPrivateKeyRecord,
    ) -> Result<TlsPrivateKeyRecord, ProviderError> {
        let curve = desired.ecdsa_curve.as_deref().unwrap_or("P224");
        let kind = kind(&desired.algorithm, desired.rsa_bits, curve)?;
        let keys = generate(kind, Dice::new(&*client.random)).await?;
        Ok(TlsPrivateKeyRecord {
            private_key_pem: Some(keys.private_pem),
            private_key_pem_pkcs8: Some(keys.private_pkcs8),
            private_key_openssh: Some(keys.private_openssh),
            public_key_pem: Some(keys.public_pem),
            public_key_openssh: Some(keys.public_openssh),
            public_key_fingerprint_md5: Some(keys.fingerprint_md5),
            public_key_fingerprint_sha256: Some(keys.fingerprint_sha256),
            id: Some(keys.id),
            ..desired
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, text};
    use infra_model::Value;

    const T: &str = "tls_private_key";

    #[test]
    fn private_parts_are_sensitive_and_the_key_stays() {
        let bench = Bench::new();
        let config = Value::object([("algorithm", Value::from("RSA")), ("rsa_bits", 1024.into())]);
        let made = bench.make(T, config.clone());
        for (name, value) in made.entries().expect("an object") {
            assert_eq!(
                value.marks().sensitive,
                name.starts_with("private"),
                "{name}"
            );
        }
        assert!(text(&made, "private_key_pem").contains("RSA PRIVATE KEY"));
        assert_eq!(bench.plan(T, Some(&made), config).value, made);
        let other = Value::object([("algorithm", Value::from("ED25519"))]);
        let planned = bench.plan(T, Some(&made), other);
        let secret = planned.value.get("private_key_pem").expect("planned");
        assert!(!planned.replace.is_empty() && secret.is_unknown() && secret.marks().sensitive);
        assert!(bench.import(T, "x").is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let bench = Bench::new();
        let cases = [
            ("RSA", None, None, true),
            ("RSA", Some(512), None, false),
            ("ECDSA", None, Some("P256"), true),
            ("ECDSA", None, Some("P255"), false),
            ("DSA", None, None, false),
        ];
        for (algorithm, bits, curve, good) in cases {
            let mut config = vec![("algorithm", Value::from(algorithm))];
            config.extend(bits.map(|b| ("rsa_bits", Value::from(b))));
            config.extend(curve.map(|c| ("ecdsa_curve", Value::from(c))));
            let config = Value::object(config);
            assert_eq!(bench.validate(T, &config).is_empty(), good, "{config:?}");
            if !good {
                assert!(bench.try_make(T, config).is_err());
            }
        }
    }
}
