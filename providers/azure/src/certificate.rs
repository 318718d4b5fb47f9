//! Certificates in PEM, and signing in with one: the application signs an assertion about itself with the certificate's key
//! (Microsoft identity platform, "Application authentication certificate credentials"). The official crate does so with OpenSSL alone, which is not
//! there everywhere.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use azure_core::Uuid;
use azure_core::error::ErrorKind as CoreKind;
use azure_core::http::ClientMethodOptions;
use azure_core::time::OffsetDateTime;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use infra_model::ProviderError;
use serde_json::json;
use std::fmt;

/// For how many seconds an assertion is good.
const LIFETIME: i64 = 600;

/// An application that signs for itself.
pub(crate) struct Certified {
    client: String,
    /// Where the assertion is shown: `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    audience: String,
    /// SHA-256 of the certificate.
    thumbprint: String,
    key: RsaKeyPair,
}

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certified")
            .field("client", &self.client)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn wrong(message: String) -> ProviderError {
    ProviderError::invalid("client_certificate_path", message)
}

impl Certified {
    /// An application with the certificate and key of a PEM file.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold both.
    pub(crate) fn read(
        path: &str,
        authority: &str,
        tenant: &str,
        client: &str,
    ) -> Result<Certified, ProviderError> {
        let bytes = std::fs::read(path).map_err(|e| wrong(format!("`{path}`: {e}")))?;
        let (certificate, key) = parts(&bytes).map_err(|why| wrong(format!("`{path}` {why}")))?;
        let authority = authority.trim_end_matches('/');
        Ok(Certified {
            client: client.to_owned(),
            audience: format!("{authority}/{tenant}/oauth2/v2.0/token"),
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)),
            key,
        })
    }

    /// The assertion at a moment, in seconds since 1970.
    fn assertion(&self, now: i64) -> Option<String> {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint }));
        let claims = part(json!({
            "aud": self.audience, "iss": self.client, "sub": self.client,
            "iat": now, "nbf": now, "exp": now + LIFETIME,
            "jti": Uuid::new_v4().to_string(),
        }));
        let said = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self
            .key
            .sign(&RSA_PSS_SHA256, &random, said.as_bytes(), &mut signature);
        signed.ok()?;
        Some(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait]
impl ClientAssertion for Certified {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        // What asks for it has no clock of the engine's to lend.
        let now = OffsetDateTime::now_utc().unix_timestamp();
        self.assertion(now).ok_or_else(|| {
            let message = "the certificate's key signs nothing";
            azure_core::Error::with_message(CoreKind::Credential, message)
        })
    }
}

/// The first certificate and the key of a PEM file; otherwise what is wrong with it.
fn parts(bytes: &[u8]) -> Result<(Vec<u8>, RsaKeyPair), String> {
    let text = std::str::from_utf8(bytes).ok();
    let Some(text) = text.filter(|text| text.contains("-----BEGIN ")) else {
        return Err(
            "is no PEM file: of a PKCS#12 file (.pfx), `openssl pkcs12 -in FILE -nodes -out FILE.pem` makes one"
                .to_owned(),
        );
    };
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "has a key with a passphrase: `openssl pkey -in FILE` writes it without one".to_owned(),
        );
    }
    let certificate =
        block(text, "CERTIFICATE").ok_or("holds no certificate beside its key".to_owned())?;
    let key = match (block(text, "PRIVATE KEY"), block(text, "RSA PRIVATE KEY")) {
        (Some(key), _) => RsaKeyPair::from_pkcs8(&key),
        (None, Some(key)) => RsaKeyPair::from_der(&key),
        (None, None) => return Err("holds no private key beside its certificate".to_owned()),
    };
    let key = key.map_err(|why| {
        format!(
            "has a private key that is not taken ({why}): it must be RSA, with 2,048 bits or more"
        )
    })?;
    Ok((certificate, key))
}

/// What the first block of a kind holds.
fn block(text: &str, kind: &str) -> Option<Vec<u8>> {
    blocks(text, kind).into_iter().next()
}

/// What the blocks of a kind hold.
pub(crate) fn blocks(text: &str, kind: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (
        format!("-----BEGIN {kind}-----"),
        format!("-----END {kind}-----"),
    );
    let starts = text.split(&begin).skip(1);
    starts
        .filter_map(|rest| {
            let (inside, _) = rest.split_once(&end)?;
            let plain: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
            STANDARD.decode(plain).ok()
        })
        .collect()
}

/// Whether a text is PEM.
pub(crate) fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN ")
}

/// A PEM text with its key as PKCS#8, whatever form it had (RFC 8017's or RFC 5915's); otherwise what is wrong with it.
pub(crate) fn in_pkcs8(text: &str) -> Result<String, String> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "has a key with a passphrase: `openssl pkey -in FILE` writes it without one".to_owned(),
        );
    }
    for (kind, convert) in [
        (
            "RSA PRIVATE KEY",
            rsa_in_pkcs8 as fn(&[u8]) -> Option<Vec<u8>>,
        ),
        ("EC PRIVATE KEY", ec_in_pkcs8),
    ] {
        let (begin, end) = (
            format!("-----BEGIN {kind}-----"),
            format!("-----END {kind}-----"),
        );
        let (Some(from), Some(to)) = (text.find(&begin), text.find(&end)) else {
            continue;
        };
        let key = block(text, kind).and_then(|der| convert(&der));
        let key = key.ok_or_else(|| format!("has a {kind} that cannot be read"))?;
        let lines: Vec<String> = STANDARD
            .encode(key)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            lines.join("\n")
        );
        return Ok(format!("{}{key}{}", &text[..from], &text[to + end.len()..]));
    }
    if block(text, "PRIVATE KEY").is_none() {
        return Err("holds no private key beside its certificate".to_owned());
    }
    Ok(text.to_owned())
}

fn rsa_in_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    let pair = RsaKeyPair::from_der(der).ok()?;
    let key = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).ok()?;
    Some(key.as_ref().to_vec())
}

fn ec_in_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    let mut pairs = curves
        .into_iter()
        .filter_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
    let key = pairs.next()?.to_pkcs8v1().ok()?;
    Some(key.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SignIn};
    use crate::credentials;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use azure_core::http::headers::Headers;
    use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode, Transport};
    use std::sync::{Arc, Mutex};

    const TENANT: &str = "00000000-0000-0000-0000-000000000001";

    /// Entra's token endpoint: takes an assertion that the key has signed, and nothing else.
    #[derive(Debug)]
    struct Entra {
        key: Vec<u8>,
        asked: Mutex<Vec<String>>,
    }

    impl Entra {
        fn is_signed(&self, assertion: &str) -> bool {
            let Some((said, signature)) = assertion.rsplit_once('.') else {
                return false;
            };
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
            let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.key);
            key.verify(said.as_bytes(), &signature).is_ok()
        }
    }

    #[async_trait]
    impl HttpClient for Entra {
        async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
            let Body::Bytes(bytes) = request.body() else {
                panic!("a form")
            };
            let form = String::from_utf8(bytes.to_vec()).expect("text");
            let field = |name: &str| {
                let mut fields = form.split('&').filter_map(|f| f.split_once('='));
                fields
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            };
            let assertion = field("client_assertion").unwrap_or_default();
            self.asked
                .lock()
                .expect("whole")
                .push(request.url().to_string());
            let (status, body) = match self.is_signed(&assertion) {
                true => (
                    StatusCode::Ok,
                    r#"{"token_type":"Bearer","expires_in":3600,"access_token":"granted"}"#,
                ),
                false => (StatusCode::Unauthorized, r#"{"error":"invalid_client"}"#),
            };
            Ok(AsyncRawResponse::from_bytes(status, Headers::new(), body))
        }
    }

    fn pem(kind: &str, der: &[u8]) -> String {
        format!(
            "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
            STANDARD.encode(der)
        )
    }

    #[tokio::test]
    async fn a_certificate_signs_in() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let key = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("encodes");
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("application.pem");
        // Of the certificate only the thumbprint is sent.
        let text = pem("PRIVATE KEY", key.as_ref()) + &pem("CERTIFICATE", b"certificate");
        std::fs::write(&path, text).expect("written");
        let config = Config {
            tenant_id: Some(TENANT.to_owned()),
            client_id: Some("shop".to_owned()),
            client_certificate_path: Some(path.display().to_string()),
            ..Config::default()
        };
        let entra = Arc::new(Entra {
            key: pair.public_key().as_ref().to_vec(),
            asked: Mutex::default(),
        });
        let transport = Transport::new(entra.clone());
        let credential = credentials::over(&config, SignIn::default(), Some(transport));
        let credential = credential.expect("is enough");
        let scope = "https://management.azure.com/.default";
        let token = credential
            .get_token(&[scope], None)
            .await
            .expect("signs in");
        assert_eq!(token.token.secret(), "granted");
        let asked = entra.asked.lock().expect("whole").join(" ");
        let endpoint = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
        assert_eq!(asked, endpoint);
        let shown = format!("{credential:?}");
        assert!(
            !shown.contains(&STANDARD.encode(key.as_ref())[..40]),
            "{shown}"
        );
    }

    #[test]
    fn keys_of_any_form_become_pkcs8() {
        let certificate = pem("CERTIFICATE", b"certificate");
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("encodes");
        // RFC 5958: version, algorithm, and RFC 8017's key in an OCTET STRING whose header has four bytes.
        let inside = &pkcs8.as_ref()[26..];
        let old = certificate.clone() + &pem("RSA PRIVATE KEY", inside) + "# end";
        let new = in_pkcs8(&old).expect("converts");
        assert_eq!(block(&new, "PRIVATE KEY").as_deref(), Some(pkcs8.as_ref()));
        assert!(
            new.starts_with(&certificate) && new.ends_with("# end"),
            "{new}"
        );
        assert_eq!(in_pkcs8(&new).as_deref(), Ok(&*new));
        assert!(in_pkcs8(&certificate).is_err());
        assert!(in_pkcs8(&pem("EC PRIVATE KEY", b"no key")).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_the_remedy() {
        let certificate = pem("CERTIFICATE", b"certificate");
        for (text, why) in [
            ("\u{1}\u{2}".to_owned(), "openssl pkcs12"),
            (certificate.clone(), "holds no private key"),
            (pem("PRIVATE KEY", b"key"), "holds no certificate"),
            (
                certificate.clone() + &pem("PRIVATE KEY", b"key"),
                "it must be RSA",
            ),
            (
                certificate + &pem("ENCRYPTED PRIVATE KEY", b"key"),
                "passphrase",
            ),
        ] {
            let told = parts(text.as_bytes()).expect_err("is wrong");
            assert!(told.contains(why), "{told}");
        }
        let missing = Certified::read("/nowhere/application.pem", "https://a", "t", "c");
        let missing = missing.expect_err("is not there");
        assert!(
            missing.message.contains("/nowhere/application.pem"),
            "{missing}"
        );
    }
}
