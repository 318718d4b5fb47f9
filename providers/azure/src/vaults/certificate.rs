//! `azurerm_key_vault_certificate`.

use super::kept::Object;
use super::object::{self, Collection, Seen, request};
use super::pkcs12;
use super::secret::SECRETS;
use crate::certificate::{in_pkcs8, is_pem};
use crate::client::{Client, Method, Request};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use infra_cloud::preflight::block;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, Planned, ProviderError, Record, Value, planning};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A certificate of one's own in a vault, with its key. It is a secret and a key of the same name besides; what reads the secret gets
/// certificate and key, in the form that `secret_properties` of the policy says: application gateways take `application/x-pkcs12`
/// alone, which PEM is turned into on its way. Azure keeps a deleted certificate for a while: it is purged where that is allowed. A vault can also have
/// certificates made, which is not supported: `tls_self_signed_cert` makes one.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CertificateRecord {
    /// Its name: letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The vault.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) key_vault_id: String,
    /// What is brought in. Another one is a new version.
    #[record(block, min = 1, max = 1)]
    pub(crate) certificate: Vec<Contents>,
    /// What the vault may do with it, and shows of it. Another one is a new version.
    #[record(block, computed, max = 1)]
    pub(crate) certificate_policy: Vec<Policy>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// The certificate itself, in hexadecimal digits.
    #[record(computed)]
    pub(crate) certificate_data: Option<String>,
    /// The certificate itself, in base64.
    #[record(computed)]
    pub(crate) certificate_data_base64: Option<String>,
    /// SHA-1 of the certificate, in hexadecimal digits.
    #[record(computed)]
    pub(crate) thumbprint: Option<String>,
    /// Its newest version.
    #[record(computed)]
    pub(crate) version: Option<String>,
    /// Its address without a version.
    #[record(computed)]
    pub(crate) versionless_id: Option<String>,
    /// The address of its newest version as a secret, which application gateways take.
    #[record(computed)]
    pub(crate) secret_id: Option<String>,
    /// The same without a version.
    #[record(computed)]
    pub(crate) versionless_secret_id: Option<String>,
    /// The resource id of its newest version.
    #[record(computed)]
    pub(crate) resource_manager_id: Option<String>,
    /// Its resource id without a version.
    #[record(computed)]
    pub(crate) resource_manager_versionless_id: Option<String>,
    /// The address of its newest version.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// A certificate that is brought in.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Contents {
    /// The certificate, those of its issuers and its key: in PEM, or a PKCS#12 file in base64. Stored encrypted.
    #[record(required, sensitive)]
    pub(crate) contents: String,
    /// What the PKCS#12 file is encrypted with.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
}

/// What a vault may do with a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Policy {
    /// Who gives the next one.
    #[record(block, computed, max = 1)]
    pub(crate) issuer_parameters: Vec<Issuer>,
    /// Its key.
    #[record(block, computed, max = 1)]
    pub(crate) key_properties: Vec<KeyProperties>,
    /// Its secret.
    #[record(block, computed, max = 1)]
    pub(crate) secret_properties: Vec<SecretProperties>,
}

/// Who gives a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Issuer {
    /// `Self`, `Unknown`, or the name of an issuer of the vault.
    #[record(required)]
    pub(crate) name: String,
}

/// The key of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KeyProperties {
    /// Whether the secret has the key, without which nothing else can use it.
    #[record(required)]
    pub(crate) exportable: bool,
    /// Whether the next version has the same key.
    #[record(required)]
    pub(crate) reuse_key: bool,
    /// `RSA` or `EC`.
    #[record(required)]
    pub(crate) key_type: String,
    /// How long an RSA key is.
    #[record(optional, computed)]
    pub(crate) key_size: Option<i64>,
    /// The curve of an EC key.
    #[record(optional, computed)]
    pub(crate) curve: Option<String>,
}

/// The secret of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct SecretProperties {
    /// `application/x-pem-file` or `application/x-pkcs12`; what is not said is what the contents are. PEM becomes PKCS#12 where that is
    /// said.
    #[record(required)]
    pub(crate) content_type: String,
}

pub(crate) struct Certificate;

const CERTIFICATES: Collection = Collection {
    one: "certificate",
    name: "certificates",
    of: "Microsoft.KeyVault/vaults/certificates",
    deleted: "deletedcertificates",
};

/// The attributes that another certificate changes.
const OF_VERSION: [&str; 7] = [
    "id",
    "version",
    "secret_id",
    "resource_manager_id",
    "certificate_data",
    "certificate_data_base64",
    "thumbprint",
];

const PEM: &str = "application/x-pem-file";
const PKCS12: &str = "application/x-pkcs12";

/// The policy that is sent: what is said of it, and of which kind the contents are.
fn policy(desired: &CertificateRecord, contents: &str) -> Json {
    let kind = match is_pem(contents) {
        true => PEM,
        false => PKCS12,
    };
    let mut policy = json!({ "secret_props": { "contentType": kind } });
    let Some(said) = desired.certificate_policy.first() else {
        return policy;
    };
    if let Some(secret) = said.secret_properties.first() {
        policy["secret_props"]["contentType"] = secret.content_type.as_str().into();
    }
    if let Some(issuer) = said.issuer_parameters.first() {
        policy["issuer"] = json!({ "name": issuer.name });
    }
    if let Some(key) = said.key_properties.first() {
        let mut props = json!({ "exportable": key.exportable, "reuse_key": key.reuse_key, "kty": key.key_type });
        if let Some(size) = key.key_size {
            props["key_size"] = size.into();
        }
        if let Some(curve) = &key.curve {
            props["crv"] = curve.as_str().into();
        }
        policy["key_props"] = props;
    }
    policy
}

/// What is not said of the policy, the vault reads in the certificate.
fn open_policy(config: &Value, planned: &mut Planned) {
    const NAME: &str = "certificate_policy";
    const KEY: &str = "key_properties";
    let schema = Policy::block();
    let said = block(config, NAME);
    if said.is_none() {
        planning::mark_unknown(planned, &CertificateRecord::block(), &[NAME]);
    } else if said.and_then(|said| block(said, KEY)).is_none()
        && let Some(policy) = block(&planned.value, NAME).cloned()
    {
        let key = Value::Unknown(schema.blocks[KEY].value_type());
        let policy = Value::list(schema.implied_type(), vec![policy.with_attribute(KEY, key)]);
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute(NAME, policy);
    }
}

/// What is sent of contents that a vault is to keep in a form; otherwise what is wrong with them. "Key Vault will only accept a key in
/// PKCS#8 format."
fn sent(contents: &str, kind: &str) -> Result<String, String> {
    match (is_pem(contents), kind) {
        (true, PKCS12) => pkcs12::of_pem(contents),
        (true, _) => in_pkcs8(contents),
        (false, _) => Ok(contents.split_whitespace().collect()),
    }
}

/// The call that makes a version ("Import Certificate").
fn import(url: &str, desired: &CertificateRecord, tags: Json) -> Result<Request, ProviderError> {
    let given = desired.certificate.first().cloned().unwrap_or_default();
    let policy = policy(desired, &given.contents);
    let kind = policy["secret_props"]["contentType"].as_str();
    let value = sent(&given.contents, kind.unwrap_or_default()).map_err(wrong_contents)?;
    let mut body = json!({
        "value": value, "policy": policy, "attributes": { "enabled": true }, "tags": tags,
    });
    // What is made of PEM has none.
    if let Some(password) = given.password.filter(|_| !is_pem(&given.contents)) {
        body["pwd"] = password.as_str().into();
    }
    Ok(request(Method::Post, CERTIFICATES, format!("{url}/import")).body(body))
}

fn wrong_contents(why: String) -> ProviderError {
    ProviderError::invalid("certificate", format!("its `contents` {why}"))
}

/// What a vault would refuse of contents that are known.
fn wrong(config: &Value) -> Option<ProviderError> {
    let given = block(config, "certificate")?;
    let contents = given.get("contents").and_then(Value::as_str)?;
    let said = block(config, "certificate_policy").and_then(|p| block(p, "secret_properties"));
    let kind = said.and_then(|said| said.get("content_type")?.as_str());
    if is_pem(contents) {
        return sent(contents, kind.unwrap_or(PEM))
            .err()
            .map(wrong_contents);
    }
    let password = given.get("password");
    if password.is_some_and(Value::is_unknown) {
        return None;
    }
    let password = password.and_then(Value::as_str).unwrap_or_default();
    if let Err((name, why)) = pkcs12::check(contents, password) {
        return Some(ProviderError::invalid(
            "certificate",
            format!("its `{name}` {why}"),
        ));
    }
    (kind == Some(PEM)).then(|| {
        wrong_contents(format!(
            "are a PKCS#12 file, and `content_type` says {PEM}: it must be {PKCS12}"
        ))
    })
}

fn shown_policy(found: &Json) -> Policy {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let (key, policy) = (&found["key_props"], found);
    let issuer = text(&policy["issuer"]["name"]).map(|name| Issuer { name });
    let secret = text(&policy["secret_props"]["contentType"]);
    let key = key.is_object().then(|| KeyProperties {
        exportable: key["exportable"] == true,
        reuse_key: key["reuse_key"] == true,
        key_type: text(&key["kty"]).unwrap_or_default(),
        key_size: key["key_size"].as_i64(),
        curve: text(&key["crv"]),
    });
    Policy {
        issuer_parameters: issuer.into_iter().collect(),
        key_properties: key.into_iter().collect(),
        secret_properties: secret
            .map(|content_type| SecretProperties { content_type })
            .into_iter()
            .collect(),
    }
}

/// Bytes as hexadecimal digits in capitals.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[async_trait]
impl Object for Certificate {
    type Record = CertificateRecord;
    const TYPE: &'static str = "azurerm_key_vault_certificate";
    const COLLECTION: Collection = CERTIFICATES;
    const RESOURCE: &'static str = "resource_manager_versionless_id";

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 10)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        wrong(config).into_iter().collect()
    }

    fn plan(config: &Value, prior: &Value, planned: &mut Planned) {
        let changes = |name: &str| prior.get(name) != planned.value.get(name);
        let (other, policy) = (changes("certificate"), changes("certificate_policy"));
        if other || policy {
            planning::mark_unknown(planned, &CertificateRecord::block(), &OF_VERSION);
        }
        if other {
            open_policy(config, planned);
        }
    }

    fn making(
        client: &Client,
        operation: &Operation,
        url: &str,
        desired: &CertificateRecord,
    ) -> Result<Request, ProviderError> {
        import(
            url,
            desired,
            object::new_tags(client, &desired.to_value(), operation),
        )
    }

    async fn change(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        prior: &CertificateRecord,
        desired: &CertificateRecord,
    ) -> Result<String, ProviderError> {
        let same = prior.certificate == desired.certificate
            && prior.certificate_policy == desired.certificate_policy;
        let send = |newest: &str, tags: Json| match same {
            true => Ok(request(Method::Patch, CERTIFICATES, newest).body(json!({ "tags": tags }))),
            false => import(url, desired, tags),
        };
        let look = request(Method::Get, CERTIFICATES, url);
        let of = (prior.id.as_deref(), &desired.to_value());
        object::changed(client, context, operation, look, of, send).await
    }

    async fn record(
        _: &Client,
        _: &CallContext,
        seen: Seen,
        found: &Json,
        prior: Option<&CertificateRecord>,
    ) -> Result<CertificateRecord, ProviderError> {
        let decoded = |name: &str, as_url: bool| {
            let text = found[name].as_str()?;
            match as_url {
                true => URL_SAFE_NO_PAD.decode(text).ok(),
                false => STANDARD.decode(text).ok(),
            }
        };
        let der = decoded("cer", false);
        let secret = seen.versionless.replacen(
            &format!("/{}/", CERTIFICATES.name),
            &format!("/{}/", SECRETS.name),
            1,
        );
        Ok(CertificateRecord {
            // The vault gives it as a secret alone.
            certificate: prior.map(|p| p.certificate.clone()).unwrap_or_default(),
            certificate_policy: vec![shown_policy(&found["policy"])],
            certificate_data: der.as_deref().map(digits),
            certificate_data_base64: der.map(|der| STANDARD.encode(der)),
            thumbprint: decoded("x5t", true).as_deref().map(digits),
            secret_id: found["sid"].as_str().map(str::to_owned),
            versionless_secret_id: Some(secret),
            resource_manager_id: Some(seen.resource_id()),
            name: seen.newest.name,
            key_vault_id: seen.vault,
            tags: seen.tags,
            tags_all: seen.tags_all,
            version: Some(seen.newest.version),
            versionless_id: Some(seen.versionless),
            resource_manager_versionless_id: Some(seen.resource),
            id: Some(seen.id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_brought_in_says_of_which_kind_it_is() {
        let of = |contents: &str| {
            let desired = CertificateRecord {
                certificate: vec![Contents {
                    contents: contents.to_owned(),
                    password: None,
                }],
                ..CertificateRecord::default()
            };
            policy(&desired, contents)["secret_props"]["contentType"].clone()
        };
        assert_eq!(
            of("-----BEGIN CERTIFICATE-----\n"),
            "application/x-pem-file"
        );
        assert_eq!(of("MIIJqQIBAzCC"), "application/x-pkcs12");
    }

    #[test]
    fn a_policy_comes_back_as_it_was_sent() {
        let said = Policy {
            issuer_parameters: vec![Issuer {
                name: "Self".to_owned(),
            }],
            key_properties: vec![KeyProperties {
                exportable: true,
                reuse_key: false,
                key_type: "RSA".to_owned(),
                key_size: Some(2048),
                curve: None,
            }],
            secret_properties: vec![SecretProperties {
                content_type: "application/x-pem-file".to_owned(),
            }],
        };
        let desired = CertificateRecord {
            certificate_policy: vec![said.clone()],
            ..CertificateRecord::default()
        };
        assert_eq!(shown_policy(&policy(&desired, "-----BEGIN ")), said);
    }
}
