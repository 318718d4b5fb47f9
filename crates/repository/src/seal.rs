//! Sealed Secrets: what only the controller of a cluster can read. Written from the format that `kubeseal` writes
//! (<https://github.com/bitnami/sealed-secrets/blob/main/docs/developer/crypto.md>): a session key for AES-256-GCM, itself
//! encrypted with RSA-OAEP under SHA-256, whose label binds it to a name and namespace. No cluster is asked; randomness is passed in.

use crate::object::object;
use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_model::Random;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::sha2::Sha256;
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Where a sealed secret may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Only under its name, in its namespace.
    #[default]
    Strict,
    /// Under any name in its namespace.
    Namespace,
    /// Everywhere in the cluster.
    Cluster,
}

impl Scope {
    /// What the session key is bound to.
    fn label(self, namespace: &str, name: &str) -> String {
        match self {
            Scope::Strict => format!("{namespace}/{name}"),
            Scope::Namespace => namespace.to_owned(),
            Scope::Cluster => String::new(),
        }
    }

    /// The annotation by which the controller knows.
    fn annotation(self) -> Option<&'static str> {
        match self {
            Scope::Strict => None,
            Scope::Namespace => Some("sealedsecrets.bitnami.com/namespace-wide"),
            Scope::Cluster => Some("sealedsecrets.bitnami.com/cluster-wide"),
        }
    }

    /// The scope that annotations of a secret ask for.
    fn of(annotations: &Json) -> Scope {
        let said = |scope: Scope| scope.annotation().is_some_and(|a| annotations[a] == "true");
        match (said(Scope::Cluster), said(Scope::Namespace)) {
            (true, _) => Scope::Cluster,
            (_, true) => Scope::Namespace,
            _ => Scope::Strict,
        }
    }
}

/// What cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No certificate.
    #[error("this is no certificate in PEM form: {0}")]
    Certificate(String),
    /// No key.
    #[error("this is no private key in PEM form")]
    Key,
    /// No secret.
    #[error("{0}")]
    Secret(String),
    /// The certificate's key is too small, or something like it.
    #[error("it cannot be encrypted: {0}")]
    Encrypt(String),
    /// None of the keys opens an entry.
    #[error(
        "none of the keys opens the entry `{0}`: it was sealed for another cluster, name, namespace or scope"
    )]
    Closed(String),
}

/// The randomness that is passed in, as the cipher's crates want it.
struct Dice<'a>(&'a dyn Random);

impl RngCore for Dice<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
    fn next_u64(&mut self) -> u64 {
        self.0.bits()
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Dice<'_> {}

/// A cluster's sealing certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: RsaPublicKey,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
}

impl Certificate {
    /// Reads PEM.
    ///
    /// # Errors
    /// No certificate, or one whose key is not RSA.
    pub fn parse(pem: &str) -> Result<Certificate, SealError> {
        let wrong = |e: &dyn std::fmt::Display| SealError::Certificate(e.to_string());
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|e| wrong(&e))?;
        let certificate = block.parse_x509().map_err(|e| wrong(&e))?;
        let key = RsaPublicKey::from_public_key_der(certificate.public_key().raw)
            .map_err(|_| wrong(&"its key is not RSA"))?;
        Ok(Certificate {
            key,
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// Encrypts one entry.
    ///
    /// # Errors
    /// See [`SealError::Encrypt`].
    pub fn encrypt(
        &self,
        plain: &[u8],
        label: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let failed = |e: &dyn std::fmt::Display| SealError::Encrypt(e.to_string());
        let mut session = [0; 32];
        random.fill(&mut session);
        let padding = Oaep::new_with_label::<Sha256, _>(label);
        let wrapped = self
            .key
            .encrypt(&mut Dice(random), padding, &session)
            .map_err(|e| failed(&e))?;
        let length = u16::try_from(wrapped.len()).map_err(|e| failed(&e))?;
        let mut out = length.to_be_bytes().to_vec();
        out.extend(wrapped);
        // The key is used once, so the nonce may always be the same.
        let sealed = Aes256Gcm::new(&session.into()).encrypt(&Nonce::default(), plain);
        out.extend(sealed.map_err(|e| failed(&e))?);
        Ok(out)
    }

    /// A Secret as a SealedSecret. `scope` stands unless the secret's annotations ask for one.
    ///
    /// # Errors
    /// What is no Secret, has no name, or has values that are not base64.
    pub fn seal(
        &self,
        secret: &Json,
        scope: Option<Scope>,
        random: &dyn Random,
    ) -> Result<Json, SealError> {
        let problem = |text: String| Err(SealError::Secret(text));
        if secret["apiVersion"] != "v1" || secret["kind"] != "Secret" {
            return problem("this is no Secret: `apiVersion: v1`, `kind: Secret`".to_owned());
        }
        let metadata = &secret["metadata"];
        let annotations = &metadata["annotations"];
        let scope = scope.unwrap_or_else(|| Scope::of(annotations));
        let name = metadata["name"].as_str().unwrap_or_default();
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        if name.is_empty() {
            return problem("the Secret has no name, which a SealedSecret needs".to_owned());
        }
        if namespace.is_empty() && scope != Scope::Cluster {
            return problem(format!(
                "the Secret `{name}` has no namespace, to which it is bound: give it one, or seal it for the whole cluster"
            ));
        }
        let label = scope.label(namespace, name);
        let mut encrypted = Map::new();
        for (key, plain) in entries(secret)? {
            let sealed = self.encrypt(&plain, &label, random)?;
            encrypted.insert(key, json!(STANDARD.encode(sealed)));
        }
        if encrypted.is_empty() {
            return problem(format!("the Secret `{name}` has no entries"));
        }
        let mut template = metadata.clone();
        for ours in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
            "ownerReferences",
        ] {
            template.as_object_mut().and_then(|t| t.remove(ours));
        }
        let last = "kubectl.kubernetes.io/last-applied-configuration";
        if let Some(annotations) = template["annotations"].as_object_mut() {
            // It holds the secret.
            annotations.remove(last);
        }
        for other in [Scope::Namespace, Scope::Cluster] {
            let Some(annotation) = other.annotation() else {
                continue;
            };
            if other == scope {
                template["annotations"][annotation] = json!("true");
            } else if let Some(annotations) = template["annotations"].as_object_mut() {
                annotations.remove(annotation);
            }
        }
        if template["annotations"]
            .as_object()
            .is_none_or(Map::is_empty)
        {
            template
                .as_object_mut()
                .and_then(|t| t.remove("annotations"));
        }
        let mut spec = json!({ "encryptedData": encrypted, "template": { "metadata": template } });
        for field in ["type", "immutable"] {
            if !secret[field].is_null() {
                spec["template"][field] = secret[field].clone();
            }
        }
        let mut out = object(
            "bitnami.com/v1alpha1",
            "SealedSecret",
            namespace,
            name,
            json!({ "spec": spec }),
        );
        if let Some(annotation) = scope.annotation() {
            out["metadata"]["annotations"] = json!({ annotation: "true" });
        }
        Ok(out)
    }
}

/// The entries of a Secret, as bytes.
fn entries(secret: &Json) -> Result<BTreeMap<String, Vec<u8>>, SealError> {
    let mut out = BTreeMap::new();
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        let text: String = value
            .as_str()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let plain = STANDARD.decode(text);
        let plain = plain
            .map_err(|_| SealError::Secret(format!("the entry `{key}` of `data` is not base64")))?;
        out.insert(key.clone(), plain);
    }
    for (key, value) in secret["stringData"].as_object().into_iter().flatten() {
        let Some(text) = value.as_str() else {
            return Err(SealError::Secret(format!(
                "the entry `{key}` of `stringData` is no text"
            )));
        };
        out.insert(key.clone(), text.as_bytes().to_vec());
    }
    Ok(out)
}

/// Bytes as the `data` of a Secret has them.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The private key in a Secret of the controller's.
#[must_use]
pub fn key_of(secret: &Json) -> Option<String> {
    let text = secret["data"]["tls.key"].as_str()?;
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// A cluster's sealing keys, from its backup.
pub struct Keys(Vec<RsaPrivateKey>);

impl Keys {
    /// From PEM texts, in PKCS #1 or #8.
    ///
    /// # Errors
    /// A text that is no key.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Keys, SealError> {
        let one = |pem: &str| {
            RsaPrivateKey::from_pkcs8_pem(pem)
                .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
                .map_err(|_| SealError::Key)
        };
        texts
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Keys)
    }

    fn decrypt(&self, sealed: &[u8], label: &str) -> Option<Vec<u8>> {
        let (length, rest) = sealed.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (wrapped, sealed) = rest.split_at_checked(length)?;
        self.0.iter().find_map(|key| {
            let session = key
                .decrypt(Oaep::new_with_label::<Sha256, _>(label), wrapped)
                .ok()?;
            let cipher = Aes256Gcm::new_from_slice(&session).ok()?;
            cipher.decrypt(&Nonce::default(), sealed).ok()
        })
    }

    /// The Secret of a SealedSecret.
    ///
    /// # Errors
    /// No SealedSecret, or one that these keys do not open.
    pub fn open(&self, sealed: &Json) -> Result<Json, SealError> {
        if sealed["kind"] != "SealedSecret" {
            return Err(SealError::Secret("this is no SealedSecret".to_owned()));
        }
        let metadata = &sealed["metadata"];
        let text = |name: &str| metadata[name].as_str().unwrap_or_default();
        let scope = Scope::of(&metadata["annotations"]);
        let label = scope.label(text("namespace"), text("name"));
        let mut data = Map::new();
        for (key, value) in sealed["spec"]["encryptedData"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).ok();
            let plain = bytes.and_then(|bytes| self.decrypt(&bytes, &label));
            let plain = plain.ok_or_else(|| SealError::Closed(key.clone()))?;
            data.insert(key.clone(), json!(STANDARD.encode(plain)));
        }
        let template = &sealed["spec"]["template"];
        let mut out = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": template["metadata"], "data": data });
        for field in ["name", "namespace"] {
            if out["metadata"][field].is_null() && !metadata[field].is_null() {
                out["metadata"][field] = metadata[field].clone();
            }
        }
        for field in ["type", "immutable"] {
            if !template[field].is_null() {
                out[field] = template[field].clone();
            }
        }
        Ok(out)
    }
}
