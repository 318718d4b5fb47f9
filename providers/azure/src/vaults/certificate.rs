//! `azurerm_key_vault_certificate`.

use super::kept::Object;
use super::object::{self, Collection, Seen, request};
use super::once_granted;
use super::pkcs12;
use super::policy::{self, PEM, PKCS12, Policy};
use super::secret::SECRETS;
use crate::certificate::{in_pkcs8, is_pem};
use crate::client::{Client, Method, Request};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use infra_cloud::absence::there;
use infra_cloud::preflight::block;
use infra_cloud::wait::{self, Pace, Progress};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, Planned, ProviderError, Record, Value, planning,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// A certificate of one's own in a vault, with its key. It is a secret and a key of the same name besides; what reads the secret gets
/// certificate and key, in the form that `secret_properties` of the policy says: application gateways take `application/x-pkcs12`
/// alone, which PEM is turned into on its way. A vault can also make one by a policy: signed by itself, or by an issuer that stands in the
/// vault, which renews it too. Azure keeps a deleted certificate for a while: it is purged where that is allowed.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CertificateRecord {
    /// Its name: letters, digits and hyphens.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The vault.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) key_vault_id: String,
    /// What is brought in; without it the vault makes one by `certificate_policy`. Another one is a new version.
    #[record(block, max = 1)]
    pub(crate) certificate: Vec<Contents>,
    /// How it is made, what the vault may do with it, and shows of it. Another one is a new version, unless what is done at its end alone
    /// changes.
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

/// The policy that is sent: what is said of it, and of which kind the contents are.
fn policy(desired: &CertificateRecord, contents: &str) -> Json {
    let kind = match is_pem(contents) {
        true => PEM,
        false => PKCS12,
    };
    let said = desired.certificate_policy.first();
    let mut policy = said.map_or_else(|| json!({}), policy::sent);
    if policy["secret_props"].is_null() {
        policy["secret_props"] = json!({ "contentType": kind });
    }
    policy
}

/// What is not said of the policy, the vault reads in the certificate.
fn open_policy(config: &Value, planned: &mut Planned) {
    const NAME: &str = "certificate_policy";
    let schema = Policy::block();
    let Some(said) = block(config, NAME) else {
        planning::mark_unknown(planned, &CertificateRecord::block(), &[NAME]);
        return;
    };
    let Some(mut policy) = block(&planned.value, NAME).cloned() else {
        return;
    };
    for name in policy::READ {
        if block(said, name).is_none() {
            let unknown = Value::Unknown(schema.blocks[name].value_type());
            policy = policy.with_attribute(name, unknown);
        }
    }
    let policy = Value::list(schema.implied_type(), vec![policy]);
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute(NAME, policy);
}

/// What is not said of a key of another type is the vault's to choose.
fn open_key(config: &Value, prior: &Value, planned: &mut Planned) {
    const PATH: [&str; 2] = ["certificate_policy", "key_properties"];
    let key = |value: &Value| {
        block(value, PATH[0])
            .and_then(|p| block(p, PATH[1]))
            .cloned()
    };
    let (Some(said), Some(key_there)) = (key(config), key(&planned.value)) else {
        return;
    };
    let kind = |key: &Value| key.get("key_type").cloned();
    if key(prior).is_some_and(|old| kind(&old) == kind(&key_there)) {
        return;
    }
    let mut open = key_there;
    for name in ["key_size", "curve"] {
        if said.get(name).is_none_or(Value::is_null) {
            let kind = policy::KeyProperties::block().attributes[name].ty.clone();
            open = open.with_attribute(name, Value::Unknown(kind));
        }
    }
    let Some(policy) = block(&planned.value, PATH[0]).cloned() else {
        return;
    };
    let list = |kind: infra_model::Type, one: Value| Value::list(kind, vec![one]);
    let policy = policy.with_attribute(
        PATH[1],
        list(policy::KeyProperties::block().implied_type(), open),
    );
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute(PATH[0], list(Policy::block().implied_type(), policy));
}

/// Whether two differ in nothing of their policies but in what is done at the end.
fn same_but_later(prior: &Value, planned: &Value) -> bool {
    let without = |value: &Value| {
        let policy = block(value, "certificate_policy").cloned();
        policy.map(|policy| policy.with_attribute("lifetime_action", Value::NULL))
    };
    without(prior) == without(planned)
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

/// The call that has a version made ("Create Certificate").
fn make(url: &str, desired: &CertificateRecord, tags: Json) -> Request {
    let body = json!({
        "policy": policy(desired, ""), "attributes": { "enabled": true }, "tags": tags,
    });
    request(Method::Post, CERTIFICATES, format!("{url}/create")).body(body)
}

/// The call that makes a version, either way.
fn version(url: &str, desired: &CertificateRecord, tags: Json) -> Result<Request, ProviderError> {
    match desired.certificate.is_empty() {
        true => Ok(make(url, desired, tags)),
        false => import(url, desired, tags),
    }
}

/// Issuers answer within minutes, and those that look at who asks within days: the next run goes on waiting.
const ISSUED: Pace = Pace {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(30),
    limit: Duration::from_mins(30),
};

/// Waits until a version that was asked for is there. A request that somebody else is to sign is all that is waited for.
async fn issued(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    url: &str,
) -> Result<(), ProviderError> {
    let look = &request(Method::Get, CERTIFICATES, format!("{url}/pending"));
    wait::until(context, operation, ISSUED, || async move {
        let Some(found) = there(client.call(context, look).await)? else {
            // It was merged or imported meanwhile.
            return Ok(Progress::Done(()));
        };
        let issuer = found["issuer"]["name"].as_str().unwrap_or_default();
        match found["status"].as_str().unwrap_or_default() {
            status if status.eq_ignore_ascii_case("inProgress") => {
                if issuer.eq_ignore_ascii_case("Unknown") {
                    return Ok(Progress::Done(()));
                }
                Ok(Progress::Pending(format!("waits for the issuer {issuer}")))
            }
            "completed" => Ok(Progress::Done(())),
            status => Err(given_up(issuer, status, &found["error"])),
        }
    })
    .await
}

/// A request that an issuer has ended without a certificate.
fn given_up(issuer: &str, status: &str, error: &Json) -> ProviderError {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    let why = match (text("code"), text("message")) {
        ("", "") => String::new(),
        (code, message) => format!(": {code}: {message}"),
    };
    ProviderError {
        service: CERTIFICATES.of.to_owned(),
        code: status.to_owned(),
        ..ProviderError::new(
            ErrorKind::Failed,
            format!(
                "the issuer `{issuer}` gave no certificate, its request ended as `{status}`{why}"
            ),
        )
    }
}

fn wrong_contents(why: String) -> ProviderError {
    ProviderError::invalid("certificate", format!("its `contents` {why}"))
}

/// What is missing to have one made.
fn unmade(config: &Value) -> Option<ProviderError> {
    let open = |name: &str| config.get(name).is_some_and(|v| !v.is_wholly_known());
    if open("certificate_policy") {
        return None;
    }
    let policy = block(config, "certificate_policy");
    let missing = ["issuer_parameters", "x509_certificate_properties"]
        .into_iter()
        .find(|name| policy.and_then(|p| block(p, name)).is_none())?;
    Some(ProviderError::invalid(
        "certificate_policy",
        format!(
            "without a `certificate` that is brought in, the vault makes one: the policy needs `{missing}`"
        ),
    ))
}

/// What a vault would refuse of contents that are known.
fn wrong(config: &Value) -> Option<ProviderError> {
    if config.get("certificate").is_some_and(Value::is_unknown) {
        return None;
    }
    let Some(given) = block(config, "certificate") else {
        return unmade(config);
    };
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
        if policy && !other {
            open_key(config, prior, planned);
        }
        let later = !other && same_but_later(prior, &planned.value);
        if other || policy && !later {
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
        version(
            url,
            desired,
            object::new_tags(client, &desired.to_value(), operation),
        )
    }

    async fn made(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        desired: &CertificateRecord,
    ) -> Result<(), ProviderError> {
        match desired.certificate.is_empty() {
            true => issued(client, context, operation, url).await,
            false => Ok(()),
        }
    }

    async fn change(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        url: &str,
        prior: &CertificateRecord,
        desired: &CertificateRecord,
    ) -> Result<String, ProviderError> {
        let (old, new) = (prior.to_value(), desired.to_value());
        let same = prior.certificate == desired.certificate && same_but_later(&old, &new);
        if same && prior.certificate_policy != desired.certificate_policy {
            let said = desired.certificate_policy.first();
            let actions = said.map_or_else(|| json!([]), policy::actions);
            let patch = request(Method::Patch, CERTIFICATES, format!("{url}/policy"));
            let patch = patch.body(json!({ "lifetime_actions": actions }));
            once_granted(client, context, operation, &patch).await?;
        }
        let send = |newest: &str, tags: Json| match same {
            true => Ok(request(Method::Patch, CERTIFICATES, newest).body(json!({ "tags": tags }))),
            false => version(url, desired, tags),
        };
        let look = request(Method::Get, CERTIFICATES, url);
        let of = (prior.id.as_deref(), &new);
        let newest = object::changed(client, context, operation, look, of, send).await?;
        if !same && desired.certificate.is_empty() {
            issued(client, context, operation, url).await?;
        }
        Ok(newest)
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
            certificate_policy: vec![policy::shown(&found["policy"])],
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
}
