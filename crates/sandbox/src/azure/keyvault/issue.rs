//! Certificates that a vault has made: signed by themselves, by an issuer that stands in the vault, or by whoever is asked with the
//! request for it ("Monitor and manage certificate creation":
//! <https://learn.microsoft.com/azure/key-vault/certificates/create-certificate-scenarios>). One issuer signs in here for all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_RSA_SHA256, RsaKeySize, SanType,
};
use serde_json::{Value, json};
use std::time::Duration;

use super::certificate::{NO_PEM, described, refused};
use super::object::{self, What};
use super::pkcs12::{self, Bundle};
use super::{certificate, issuer};
use crate::azure::context::{Ctx, Input, default, items, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::clock::Millis;
use crate::latency::Work;

/// Begins to make a version of a certificate, and shows how that stands.
pub(super) fn create(
    ctx: &mut Ctx<'_>,
    vault: &Item,
    name: &str,
    input: &Input<'_>,
) -> ArmResult<Value> {
    let sent = &input.body;
    let mut item = object::begun(ctx, vault, What::Certificate, name)?;
    let mut policy = match &sent["policy"] {
        Value::Object(members) => Value::Object(members.clone()),
        _ => json!({}),
    };
    complete(&mut policy);
    let who = text(&policy, "/issuer/name").to_owned();
    let pair = key(&policy)?;
    let parameters = parameters(ctx, &policy)?;
    let wrong = |_| refused("The policy of the certificate has a name or a use that is none.");
    let request = parameters.serialize_request(&pair).map_err(wrong)?;
    let mut one = object::new_version(ctx, vault, sent);
    one["policy"] = policy.clone();
    let mut pending = json!({
        "request_id": ctx.hex(32), "csr": STANDARD.encode(request.der()), "issuer": policy["issuer"],
        "cancellation_requested": false, "status": "inProgress", "key": STANDARD.encode(pair.serialize_der()),
    });
    let certificates = match who.to_lowercase().as_str() {
        // Nobody but who merges it finishes this.
        "unknown" => None,
        "self" => {
            pending["due"] = ctx.due(Work::ArmQuick).into();
            let made = parameters.self_signed(&pair).map_err(wrong)?;
            Some(vec![made.der().to_vec()])
        }
        _ => {
            pending["due"] = ctx.due(Work::CertificateIssue).into();
            if let Some(error) = issuer::refusal(ctx, vault, &who)? {
                pending["error"] = error;
            }
            Some(signed(&parameters, &pair).map_err(wrong)?)
        }
    };
    if ctx.fails() {
        pending["error"] = failed("The request was stopped by a fault of the sandbox.");
    }
    if let Some(certificates) = certificates {
        let key = pair.serialize_der();
        filled(&mut one, &Bundle { certificates, key })?;
    }
    // The first version is there already, and can do nothing yet.
    if items(&item.doc, "/versions").next().is_none() {
        let mut empty = one.clone();
        for member in ["cer", "x5t", "value", "key"] {
            crate::azure::context::unset(&mut empty, &format!("/{member}"));
        }
        empty["attributes"]["enabled"] = false.into();
        item.doc["versions"] = json!([empty]);
    }
    pending["one"] = one;
    item.doc["pending"] = pending;
    item.doc["tags"] = match &sent["tags"] {
        Value::Null => json!({}),
        tags => tags.clone(),
    };
    item.changed = ctx.now;
    object::list(&mut item, text(&vault.doc, "/location"));
    let shown = shown(ctx, text(&vault.doc, "/name"), &item);
    settle(&mut item, ctx.now);
    ctx.put(item);
    shown
}

/// For how many seconds before it is made a certificate is good, as clocks differ.
const EARLIER: i64 = 600;

/// What fails at an issuer.
pub(super) fn failed(why: &str) -> Value {
    json!({ "code": "Certificate issuer error", "message": why })
}

/// What is not said of a policy ("Create Certificate": <https://learn.microsoft.com/rest/api/keyvault/certificates/create-certificate>).
fn complete(policy: &mut Value) {
    default(policy, "/issuer/name", "Unknown");
    let known = text(policy, "/issuer/name") != "Unknown";
    default(policy, "/secret_props/contentType", "application/x-pkcs12");
    default(policy, "/key_props/kty", "RSA");
    default(policy, "/key_props/exportable", true);
    default(policy, "/key_props/reuse_key", false);
    if text(policy, "/key_props/kty").starts_with("RSA") {
        default(policy, "/key_props/key_size", 2048);
    } else {
        default(policy, "/key_props/crv", "P-256");
    }
    default(policy, "/x509_props/validity_months", 12);
    default(
        policy,
        "/x509_props/ekus",
        json!(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
    );
    default(
        policy,
        "/x509_props/key_usage",
        json!(["digitalSignature", "keyEncipherment"]),
    );
    let action = if known { "AutoRenew" } else { "EmailContacts" };
    default(
        policy,
        "/lifetime_actions",
        json!([{ "trigger": { "lifetime_percentage": 80 }, "action": { "action_type": action } }]),
    );
}

fn key(policy: &Value) -> ArmResult<KeyPair> {
    let kind = text(policy, "/key_props/kty");
    let size = policy["key_props"]["key_size"].as_i64();
    let made = match (kind, size, text(policy, "/key_props/crv")) {
        ("RSA", Some(2048), _) => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        ("RSA", Some(3072), _) => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
        ("RSA", Some(4096), _) => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        ("EC", _, "P-256") => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        ("EC", _, "P-384") => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        ("EC", _, "P-521") => KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512),
        _ => {
            return Err(refused(&format!(
                "Certificates with keys of type {kind} of that size or curve are not made here."
            )));
        }
    };
    made.map_err(|_| refused("The key of the certificate could not be made."))
}

/// What a policy asks for.
fn parameters(ctx: &Ctx<'_>, policy: &Value) -> ArmResult<CertificateParams> {
    let asked = &policy["x509_props"];
    let mut parameters = CertificateParams::default();
    let names: Vec<&str> = items(asked, "/sans/dns_names")
        .filter_map(Value::as_str)
        .collect();
    let subject = text(asked, "/subject");
    if subject.is_empty() && names.is_empty() {
        return Err(refused(
            "Either the subject or one subject alternative name must be set in the policy.",
        ));
    }
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    for part in subject.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let kind = part.split_once('=').and_then(|(kind, value)| {
            let kind = match kind.trim().to_uppercase().as_str() {
                "CN" => DnType::CommonName,
                "O" => DnType::OrganizationName,
                "OU" => DnType::OrganizationalUnitName,
                "C" => DnType::CountryName,
                "L" => DnType::LocalityName,
                "S" | "ST" => DnType::StateOrProvinceName,
                _ => return None,
            };
            Some((kind, value.trim().trim_matches('"')))
        });
        let Some((kind, value)) = kind else {
            return Err(refused(&format!(
                "The subject '{subject}' is not an X.500 distinguished name."
            )));
        };
        parameters.distinguished_name.push(kind, value);
    }
    for name in names {
        let name = name.try_into().map_err(|_| {
            refused(&format!(
                "'{name}' is not a DNS name that a certificate can have."
            ))
        })?;
        parameters.subject_alt_names.push(SanType::DnsName(name));
    }
    for email in items(asked, "/sans/emails").filter_map(Value::as_str) {
        let email = email
            .try_into()
            .map_err(|_| refused("An email address is none."))?;
        parameters
            .subject_alt_names
            .push(SanType::Rfc822Name(email));
    }
    parameters.key_usages = items(asked, "/key_usage").filter_map(usage).collect();
    for id in items(asked, "/ekus") {
        let purpose = id.as_str().and_then(purpose);
        let purpose =
            purpose.ok_or_else(|| refused(&format!("{id} is not an object identifier.")))?;
        parameters.extended_key_usages.push(purpose);
    }
    let now = ctx.now / 1000;
    let months = asked["validity_months"].as_i64().unwrap_or(12);
    let until = jiff::Timestamp::from_second(now)
        .ok()
        .map(|now| now.to_zoned_datetime(jiff::tz::TimeZone::UTC))
        .and_then(|now| {
            now.checked_add(jiff::Span::new().try_months(months).ok()?)
                .ok()
        })
        .map(|then| then.timestamp().as_second())
        .filter(|_| months > 0)
        .ok_or_else(|| refused(&format!("A validity of {months} months is none.")))?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |seconds: i64| epoch + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    parameters.not_before = at(now - EARLIER);
    parameters.not_after = at(until);
    Ok(parameters)
}

/// A purpose by its object identifier, such as `1.3.6.1.5.5.7.3.1`.
fn purpose(id: &str) -> Option<ExtendedKeyUsagePurpose> {
    let parts: Result<Vec<u64>, _> = id.split('.').map(str::parse).collect();
    let parts = parts.ok()?;
    let good = match parts[..] {
        [0 | 1, second, _, ..] => second < 40,
        [2, ..] => parts.len() > 2,
        _ => false,
    };
    good.then_some(ExtendedKeyUsagePurpose::Other(parts))
}

fn usage(word: &Value) -> Option<KeyUsagePurpose> {
    Some(match word.as_str()? {
        "digitalSignature" => KeyUsagePurpose::DigitalSignature,
        "nonRepudiation" => KeyUsagePurpose::ContentCommitment,
        "keyEncipherment" => KeyUsagePurpose::KeyEncipherment,
        "dataEncipherment" => KeyUsagePurpose::DataEncipherment,
        "keyAgreement" => KeyUsagePurpose::KeyAgreement,
        "keyCertSign" => KeyUsagePurpose::KeyCertSign,
        "cRLSign" => KeyUsagePurpose::CrlSign,
        "encipherOnly" => KeyUsagePurpose::EncipherOnly,
        "decipherOnly" => KeyUsagePurpose::DecipherOnly,
        _ => return None,
    })
}

/// A certificate that an authority signs, and the authority's.
fn signed(parameters: &CertificateParams, pair: &KeyPair) -> Result<Vec<Vec<u8>>, rcgen::Error> {
    let authority = KeyPair::generate()?;
    let mut above = CertificateParams::default();
    above.distinguished_name = rcgen::DistinguishedName::new();
    above
        .distinguished_name
        .push(DnType::CommonName, "The sandbox's certificate authority");
    above.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    above.not_before = parameters.not_before;
    above.not_after = parameters.not_after;
    let top = above.self_signed(&authority)?.der().to_vec();
    let issuer = Issuer::new(above, authority);
    let mut own = parameters.clone();
    own.use_authority_key_identifier_extension = true;
    let own = own.signed_by(pair, &issuer)?.der().to_vec();
    Ok(vec![own, top])
}

/// Puts a certificate into its version: as it is shown, and as a secret in the form that the policy says.
fn filled(one: &mut Value, bundle: &Bundle) -> ArmResult<()> {
    let policy = one["policy"].clone();
    described(one, &bundle.certificates[0])?;
    one["value"] = match text(&policy, "/secret_props/contentType") {
        certificate::PEM => pkcs12::pem(bundle).into(),
        _ => {
            let file = pkcs12::write(bundle).ok_or_else(|| refused(NO_PEM))?;
            STANDARD.encode(file).into()
        }
    };
    Ok(())
}

/// Makes what has come by a time a certificate's newest version.
pub(super) fn settle(item: &mut Item, now: Millis) {
    let pending = &mut item.doc["pending"];
    let due = pending["due"].as_i64().is_some_and(|due| due <= now);
    if pending["status"] != "inProgress" {
        return;
    }
    if pending["cancellation_requested"] == true {
        pending["status"] = "cancelled".into();
    } else if due && pending["error"].is_object() {
        pending["status"] = "failed".into();
    } else if due {
        pending["status"] = "completed".into();
        let one = pending["one"].take();
        arrive(item, one);
    }
}

fn arrive(item: &mut Item, one: Value) {
    if let Some(versions) = item.doc["versions"].as_array_mut() {
        versions.retain(|old| old["version"] != one["version"]);
        versions.push(one);
    }
}

/// Whether a version is on its way, in whose place none can be made.
pub(super) fn busy(item: &Item) -> ArmResult<()> {
    if item.doc["pending"]["status"] != "inProgress" {
        return Ok(());
    }
    Err(ArmError::conflict(
        "Forbidden",
        "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress.",
    ))
}

/// How a request for a version stands.
fn shown(ctx: &Ctx<'_>, vault: &str, item: &Item) -> ArmResult<Value> {
    let pending = &item.doc["pending"];
    let own = super::plane::address(ctx, vault, item, What::Certificate, "");
    if pending.is_null() {
        return Err(ArmError::new(
            404,
            "PendingCertificateNotFound",
            format!(
                "Pending certificate not found: {}",
                text(&item.doc, "/name")
            ),
        ));
    }
    let mut shown = json!({ "id": format!("{own}/pending") });
    for member in [
        "request_id",
        "csr",
        "issuer",
        "cancellation_requested",
        "status",
    ] {
        shown[member] = pending[member].clone();
    }
    match text(pending, "/status") {
        "completed" => shown["target"] = own.into(),
        "failed" => shown["error"] = pending["error"].clone(),
        "inProgress" if pending["due"].is_null() => {
            shown["status_details"] =
                "Pending certificate created. Please Perform Merge to complete the request.".into();
        }
        "inProgress" => {
            shown["status_details"] = "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.".into();
        }
        _ => {}
    }
    Ok(shown)
}

/// Answers a request about a version that is on its way.
pub(super) fn operation(
    ctx: &mut Ctx<'_>,
    vault: &Item,
    name: &str,
    input: &Input<'_>,
) -> ArmResult<Value> {
    let vault = text(&vault.doc, "/name").to_owned();
    let mut item = object::get(ctx, &vault, What::Certificate, name)?;
    let now = shown(ctx, &vault, &item)?;
    match input.operation.name {
        "UpdateCertificateOperation" => {
            if now["status"] != "inProgress" {
                return Err(ArmError::bad(
                    "BadParameter",
                    "The request for the certificate is not in progress, and cannot be cancelled.",
                ));
            }
            item.doc["pending"]["cancellation_requested"] =
                input.body["cancellation_requested"].clone();
            let shown = shown(ctx, &vault, &item)?;
            ctx.put(item);
            Ok(shown)
        }
        "DeleteCertificateOperation" => {
            item.doc["pending"] = Value::Null;
            ctx.put(item);
            Ok(now)
        }
        _ => Ok(now),
    }
}

/// Finishes a request with the certificate that was signed for it, by whomever.
pub(super) fn merge(
    ctx: &mut Ctx<'_>,
    vault: &Item,
    name: &str,
    input: &Input<'_>,
) -> ArmResult<Item> {
    let mut item = object::get(ctx, text(&vault.doc, "/name"), What::Certificate, name)?;
    shown(ctx, text(&vault.doc, "/name"), &item)?;
    let pending = &item.doc["pending"];
    let who = text(pending, "/issuer/name");
    if pending["status"] == "inProgress" && !pending["due"].is_null() {
        return Err(ArmError::new(
            403,
            "Forbidden",
            format!(
                "Merge is forbidden on pending object created with issuer : {who} while it is in progess."
            ),
        ));
    }
    let certificates: Vec<Vec<u8>> = items(&input.body, "/x5c")
        .filter_map(|one| STANDARD.decode(one.as_str()?).ok())
        .collect();
    let key = STANDARD.decode(text(pending, "/key")).unwrap_or_default();
    let fits = |first: &Vec<u8>| pkcs12::fits(&key, first);
    if certificates.first().map(fits) != Some(true) {
        return Err(refused(
            "The public key of the end-entity certificate in the specified X.509 certificate content does not match the public part of the specified private key. Please check if certificate is valid.",
        ));
    }
    let mut one = pending["one"].clone();
    filled(&mut one, &Bundle { certificates, key })?;
    one["attributes"]["enabled"] = true.into();
    arrive(&mut item, one);
    item.doc["pending"]["status"] = "completed".into();
    item.changed = ctx.now;
    ctx.put(item.clone());
    Ok(item)
}
