//! Certificates that are brought in, in PEM or PKCS#12, and what a certificate is besides: a secret, with its key, and a key of the
//! same name ("Import Certificate", and "About Azure Key Vault certificates": <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;

use super::object::What;
use super::pkcs12::{self, Bundle, Unread};
use crate::azure::context::{Ctx, default, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;

pub(super) const PEM: &str = "application/x-pem-file";
const PKCS12: &str = "application/x-pkcs12";

/// What is said of a file that is none, or that another password opens
/// (<https://github.com/damienbod/AspNetCoreCertificates/issues/38>).
const NO_PKCS12: &str = "The specified PKCS#12 X.509 certificate content can not be read. Please check if certificate is in valid PKCS#12 format.";
pub(super) const NO_PEM: &str = "The specified PEM X.509 certificate content is in an unexpected format. Please check if certificate is in valid PEM format.";

pub(super) fn refused(message: &str) -> ArmError {
    ArmError::bad("BadParameter", message)
}

/// A version of a certificate, of what `import` takes.
pub(super) fn imported(ctx: &Ctx<'_>, sent: &Value, one: &mut Value) -> ArmResult<()> {
    let value = text(sent, "/value");
    // Of what kind the contents are, the policy says, and not they themselves.
    let kind = match text(&sent["policy"], "/secret_props/contentType") {
        "" => PKCS12,
        said => said,
    };
    let (bundle, value) = match kind {
        PEM => (from_pem(value)?, value.to_owned()),
        PKCS12 => from_pkcs12(value, text(sent, "/pwd"))?,
        other => {
            return Err(refused(&format!(
                "The content type {other} is not one of {PKCS12} and {PEM}."
            )));
        }
    };
    let der = &bundle.certificates[0];
    one["value"] = value.into();
    described(one, der)?;
    let (_, x509) = parse_x509_certificate(der).map_err(|_| refused(NO_PKCS12))?;
    one["policy"] = policy(ctx, sent, &x509, &one["key"], kind);
    Ok(())
}

/// Puts into a version what a certificate says of itself.
pub(super) fn described(one: &mut Value, der: &[u8]) -> ArmResult<()> {
    let (_, x509) = parse_x509_certificate(der).map_err(|_| refused(NO_PKCS12))?;
    let validity = x509.validity();
    one["cer"] = STANDARD.encode(der).into();
    one["x5t"] = URL_SAFE_NO_PAD.encode(Sha1::digest(der)).into();
    one["key"] = key_of(&x509)?;
    one["attributes"]["nbf"] = validity.not_before.timestamp().into();
    one["attributes"]["exp"] = validity.not_after.timestamp().into();
    Ok(())
}

/// The certificates and the key of a PEM text, which stays as it is.
fn from_pem(value: &str) -> ArmResult<Bundle> {
    let blocks: Result<Vec<Pem>, _> = Pem::iter_from_buffer(value.as_bytes()).collect();
    let blocks = blocks.map_err(|_| refused(NO_PEM))?;
    let of = |label: &str| -> Vec<Vec<u8>> {
        let blocks = blocks.iter().filter(|block| block.label == label);
        blocks.map(|block| block.contents.clone()).collect()
    };
    // "Key Vault will only accept a key in PKCS#8 format."
    let (certificates, keys) = (of("CERTIFICATE"), of("PRIVATE KEY"));
    let ([first, ..], [key]) = (&certificates[..], &keys[..]) else {
        return Err(refused(NO_PEM));
    };
    if KeyPair::try_from(key.as_slice()).is_err() || parse_x509_certificate(first).is_err() {
        return Err(refused(NO_PEM));
    }
    if !pkcs12::fits(key, first) {
        return Err(refused(
            "The specified PEM X.509 certificate content can not be read: its private key is not the certificate's.",
        ));
    }
    let key = key.clone();
    Ok(Bundle { certificates, key })
}

/// What is in a file in base 64, and the file without its password.
fn from_pkcs12(value: &str, password: &str) -> ArmResult<(Bundle, String)> {
    let unread = || refused(NO_PKCS12);
    let file = decoded(value).ok_or_else(unread)?;
    let bundle = pkcs12::read(&file, password).map_err(|_| unread())?;
    let open = pkcs12::write(&bundle).ok_or_else(unread)?;
    Ok((bundle, STANDARD.encode(open)))
}

/// A file in base 64, however it is broken into lines, as .NET reads it.
fn decoded(value: &str) -> Option<Vec<u8>> {
    let value: String = value.split_whitespace().collect();
    STANDARD.decode(value).ok()
}

/// What a gateway makes of a file in base 64 and a password
/// (<https://learn.microsoft.com/azure/application-gateway/key-vault-certs>: PKCS#12 alone, and from a vault without a password).
pub(crate) fn readable(value: &str, password: &str) -> Result<(), Unread> {
    let file = decoded(value).ok_or(Unread::Format)?;
    pkcs12::read(&file, password).map(drop)
}

/// The public half, as keys are shown.
fn key_of(x509: &X509Certificate<'_>) -> ArmResult<Value> {
    let number = |bytes: &[u8]| {
        let first = bytes.iter().position(|b| *b != 0).unwrap_or(0);
        URL_SAFE_NO_PAD.encode(&bytes[first..])
    };
    let unknown =
        || refused("The key of the certificate is of an algorithm that vaults do not keep.");
    match x509.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Ok(json!({
            "kty": "RSA", "n": number(key.modulus), "e": number(key.exponent),
            "key_ops": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
        })),
        Ok(PublicKey::EC(point)) => {
            let curve = match point.key_size() {
                256 => "P-256",
                384 => "P-384",
                521 | 528 => "P-521",
                _ => return Err(unknown()),
            };
            // 04, and two coordinates.
            let data = point.data().get(1..).unwrap_or_default();
            let (x, y) = data.split_at(data.len() / 2);
            let whole = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            Ok(
                json!({ "kty": "EC", "crv": curve, "x": whole(x), "y": whole(y), "key_ops": ["sign", "verify"] }),
            )
        }
        _ => Err(unknown()),
    }
}

/// The policy that a certificate has: what is sent of it, and what the certificate says.
fn policy(
    ctx: &Ctx<'_>,
    sent: &Value,
    x509: &X509Certificate<'_>,
    key: &Value,
    kind: &str,
) -> Value {
    let mut policy = match &sent["policy"] {
        Value::Object(members) => Value::Object(members.clone()),
        _ => json!({}),
    };
    let names = x509.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|n| &n.value.general_names);
    let names: Vec<&str> = names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
        .collect();
    let size = text(key, "/n").len() * 6 / 8 * 8;
    for (pointer, value) in [
        ("/issuer/name", json!("Unknown")),
        ("/secret_props/contentType", json!(kind)),
        ("/key_props/exportable", json!(true)),
        ("/key_props/reuse_key", json!(false)),
        ("/x509_props/subject", json!(x509.subject().to_string())),
        ("/x509_props/sans/dns_names", json!(names)),
        (
            "/lifetime_actions",
            json!([{ "trigger": { "lifetime_percentage": 80 }, "action": { "action_type": "EmailContacts" } }]),
        ),
        (
            "/attributes",
            json!({ "enabled": true, "created": ctx.now / 1000, "updated": ctx.now / 1000 }),
        ),
    ] {
        default(&mut policy, pointer, value);
    }
    // These are the key's, whatever was said.
    policy["key_props"]["kty"] = key["kty"].clone();
    if size > 0 {
        policy["key_props"]["key_size"] = size.into();
    } else {
        policy["key_props"]["crv"] = key["crv"].clone();
    }
    policy
}

/// The secret or key that a certificate is, too.
pub(super) fn as_other(certificate: &Item, what: What) -> Item {
    let mut other = certificate.clone();
    if let Some(versions) = other.doc["versions"].as_array_mut() {
        // One that is still being made is neither.
        versions.retain(|one| one["cer"].is_string());
    }
    for one in other.doc["versions"].as_array_mut().into_iter().flatten() {
        one["managed"] = true.into();
        if what == What::Secret {
            one["contentType"] = one["policy"]["secret_props"]["contentType"].clone();
        }
    }
    other
}
