//! Key pairs and their notations: PEM as OpenSSL reads it, OpenSSH, fingerprints. The formats' details are the crates'.

use crate::dice::Dice;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use infra_model::{ErrorKind, ProviderError};
use md5::Md5;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use sec1::der::EncodePem;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Rsa(usize),
    P224,
    P256,
    P384,
    P521,
    Ed25519,
}

/// A key pair in all its notations; each text ends with a line break.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// PKCS#1, SEC1 or, for Ed25519, PKCS#8.
    pub(crate) private_pem: String,
    pub(crate) private_pkcs8: String,
    /// Empty for P224, which OpenSSH does not have.
    pub(crate) private_openssh: String,
    pub(crate) public_pem: String,
    /// Empty for P224.
    pub(crate) public_openssh: String,
    /// `aa:bb:…`; empty for P224.
    pub(crate) fingerprint_md5: String,
    /// `SHA256:…`; empty for P224.
    pub(crate) fingerprint_sha256: String,
    /// SHA-1 of the public key in DER.
    pub(crate) id: String,
}

fn failed(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::Other, format!("the key cannot be made: {error}"))
}

/// What all kinds give, whatever their type.
struct Raw {
    private_pem: String,
    private_pkcs8: String,
    public_pem: String,
    public_der: Vec<u8>,
    openssh: Option<KeypairData>,
}

/// An elliptic-curve key. Its SEC1 form names the curve (an object identifier of RFC 5480, section 2.1.1.1): OpenSSL does
/// not read it otherwise.
macro_rules! elliptic {
    ($curve:ident, $oid:literal, $dice:expr, $openssh:expr) => {{
        let secret = $curve::SecretKey::random($dice.generator());
        let public = secret.public_key();
        let point = $curve::EncodedPoint::from(&public);
        let scalar = secret.to_bytes();
        let named = sec1::EcPrivateKey {
            private_key: &scalar,
            parameters: Some(sec1::EcParameters::NamedCurve(
                sec1::der::asn1::ObjectIdentifier::new_unwrap($oid),
            )),
            public_key: Some(point.as_bytes()),
        };
        let openssh: fn($curve::EncodedPoint, $curve::SecretKey) -> Option<KeypairData> = $openssh;
        Raw {
            private_pem: named.to_pem(LineEnding::LF).map_err(failed)?,
            private_pkcs8: secret
                .to_pkcs8_pem(LineEnding::LF)
                .map_err(failed)?
                .to_string(),
            public_pem: public.to_public_key_pem(LineEnding::LF).map_err(failed)?,
            public_der: public.to_public_key_der().map_err(failed)?.into_vec(),
            openssh: openssh(point, secret),
        }
    }};
}

/// A new key pair. RSA takes seconds for long keys.
pub(crate) fn generate(kind: KeyKind, dice: &mut Dice) -> Result<Keys, ProviderError> {
    let raw = match kind {
        KeyKind::Rsa(bits) => {
            let secret = rsa::RsaPrivateKey::new(dice.generator(), bits).map_err(failed)?;
            let public = secret.to_public_key();
            Raw {
                private_pem: secret
                    .to_pkcs1_pem(LineEnding::LF)
                    .map_err(failed)?
                    .to_string(),
                private_pkcs8: secret
                    .to_pkcs8_pem(LineEnding::LF)
                    .map_err(failed)?
                    .to_string(),
                public_pem: public.to_public_key_pem(LineEnding::LF).map_err(failed)?,
                public_der: public.to_public_key_der().map_err(failed)?.into_vec(),
                openssh: Some(RsaKeypair::try_from(secret).map_err(failed)?.into()),
            }
        }
        KeyKind::P224 => elliptic!(p224, "1.3.132.0.33", dice, |_, _| None),
        KeyKind::P256 => elliptic!(p256, "1.2.840.10045.3.1.7", dice, |public, secret| {
            let private = secret.into();
            Some(EcdsaKeypair::NistP256 { public, private }.into())
        }),
        KeyKind::P384 => elliptic!(p384, "1.3.132.0.34", dice, |public, secret| {
            let private = secret.into();
            Some(EcdsaKeypair::NistP384 { public, private }.into())
        }),
        KeyKind::P521 => elliptic!(p521, "1.3.132.0.35", dice, |public, secret| {
            let private = secret.into();
            Some(EcdsaKeypair::NistP521 { public, private }.into())
        }),
        KeyKind::Ed25519 => {
            let secret = ed25519_dalek::SigningKey::from_bytes(&dice.bytes());
            let public = secret.verifying_key();
            // Version 1 of PKCS#8, without the public key, is what everything reads (RFC 8410, section 7).
            let bytes = ed25519_dalek::pkcs8::KeypairBytes {
                secret_key: secret.to_bytes(),
                public_key: None,
            };
            let pem = bytes
                .to_pkcs8_pem(LineEnding::LF)
                .map_err(failed)?
                .to_string();
            Raw {
                private_pem: pem.clone(),
                private_pkcs8: pem,
                public_pem: public.to_public_key_pem(LineEnding::LF).map_err(failed)?,
                public_der: public.to_public_key_der().map_err(failed)?.into_vec(),
                openssh: Some(Ed25519Keypair::from(secret).into()),
            }
        }
    };
    let mut keys = Keys {
        private_pem: raw.private_pem,
        private_pkcs8: raw.private_pkcs8,
        private_openssh: String::new(),
        public_pem: raw.public_pem,
        public_openssh: String::new(),
        fingerprint_md5: String::new(),
        fingerprint_sha256: String::new(),
        id: hex::encode(Sha1::digest(&raw.public_der)),
    };
    if let Some(openssh) = raw.openssh {
        let private = ssh_key::PrivateKey::new(openssh, "").map_err(failed)?;
        let public = private.public_key();
        let wire = public.to_bytes().map_err(failed)?;
        let md5: Vec<String> = Md5::digest(&wire)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        keys.private_openssh = private
            .to_openssh(LineEnding::LF)
            .map_err(failed)?
            .to_string();
        keys.public_openssh = format!("{}\n", public.to_openssh().map_err(failed)?);
        keys.fingerprint_md5 = md5.join(":");
        keys.fingerprint_sha256 =
            format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&wire)));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each notation is read back by a reader of that notation, and gives the same key.
    #[test]
    fn every_notation_reads_back() {
        use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
        let cases = [
            (KeyKind::Rsa(1024), "RSA PRIVATE KEY", "ssh-rsa "),
            (KeyKind::P224, "EC PRIVATE KEY", ""),
            (KeyKind::P256, "EC PRIVATE KEY", "ecdsa-sha2-nistp256 "),
            (KeyKind::P384, "EC PRIVATE KEY", "ecdsa-sha2-nistp384 "),
            (KeyKind::P521, "EC PRIVATE KEY", "ecdsa-sha2-nistp521 "),
            (KeyKind::Ed25519, "PRIVATE KEY", "ssh-ed25519 "),
        ];
        for (kind, label, openssh) in cases {
            let keys = generate(kind, &mut Dice::seeded("keys")).expect("makes them");
            assert!(
                keys.private_pem
                    .starts_with(&format!("-----BEGIN {label}-----\n")),
                "{kind:?}"
            );
            assert!(keys.private_pem.ends_with("-----\n") && keys.public_pem.ends_with("-----\n"));
            assert!(
                keys.private_pkcs8
                    .starts_with("-----BEGIN PRIVATE KEY-----\n")
            );
            assert_eq!(keys.id.len(), 40);
            if openssh.is_empty() {
                let all = [
                    &keys.private_openssh,
                    &keys.public_openssh,
                    &keys.fingerprint_md5,
                    &keys.fingerprint_sha256,
                ];
                assert!(all.iter().all(|t| t.is_empty()));
            } else {
                assert!(
                    keys.public_openssh.starts_with(openssh) && keys.public_openssh.ends_with('\n')
                );
                let private =
                    ssh_key::PrivateKey::from_openssh(&keys.private_openssh).expect("reads");
                let public = ssh_key::PublicKey::from_openssh(&keys.public_openssh).expect("reads");
                assert_eq!(private.public_key().key_data(), public.key_data());
                let fingerprint = public.fingerprint(ssh_key::HashAlg::Sha256).to_string();
                assert_eq!(keys.fingerprint_sha256, fingerprint);
                assert_eq!(keys.fingerprint_md5.split(':').count(), 16);
            }
            let same = match kind {
                KeyKind::Rsa(bits) => {
                    use rsa::traits::PublicKeyParts;
                    let secret =
                        rsa::RsaPrivateKey::from_pkcs8_pem(&keys.private_pkcs8).expect("reads");
                    assert_eq!(secret.size() * 8, bits);
                    secret.to_public_key()
                        == rsa::RsaPublicKey::from_public_key_pem(&keys.public_pem).expect("reads")
                }
                KeyKind::P256 => {
                    let secret = p256::SecretKey::from_sec1_pem(&keys.private_pem).expect("reads");
                    assert_eq!(
                        secret,
                        p256::SecretKey::from_pkcs8_pem(&keys.private_pkcs8).expect("reads")
                    );
                    secret.public_key()
                        == p256::PublicKey::from_public_key_pem(&keys.public_pem).expect("reads")
                }
                KeyKind::Ed25519 => {
                    let secret = ed25519_dalek::SigningKey::from_pkcs8_pem(&keys.private_pem)
                        .expect("reads");
                    let public = ed25519_dalek::VerifyingKey::from_public_key_pem(&keys.public_pem);
                    secret.verifying_key() == public.expect("reads")
                }
                _ => true,
            };
            assert!(same, "{kind:?}");
        }
    }
}
