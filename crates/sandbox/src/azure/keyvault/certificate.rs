//! Certificates that are brought in, in PEM, and what a certificate is besides: a secret, with its key, and a key of the same name
//! ("Import Certificate", and "About Azure Key Vault certificates": <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;

use super::object::What;
use crate::azure::context::{Ctx, default, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;

const PEM: &str = "application/x-pem-file";

fn refused(message: &str) -> ArmError {
    ArmError::bad("BadParameter", message)
}

/// A version of a certificate, of what `import` takes.
pub(super) fn imported(ctx: &Ctx<'_>, sent: &Value, one: &mut Value) -> ArmResult<()> {
    let value = text(sent, "/value");
    let said = text(&sent["policy"], "/secret_props/contentType");
    if !value.trim_start().starts_with("-----BEGIN ") || !matches!(said, "" | PEM) {
        // PKCS#12 is what no client of ours sends, and is not read here.
        return Err(refused(
            "The specified PKCS#12 X.509 certificate content can not be read. Please check if certificate is in valid PKCS#12 format.",
        ));
    }
    let format = || {
        refused(
            "The specified PEM X.509 certificate content is in an unexpected format. Please check if certificate is in valid PEM format.",
        )
    };
    let blocks: Result<Vec<Pem>, _> = Pem::iter_from_buffer(value.as_bytes()).collect();
    let blocks = blocks.map_err(|_| format())?;
    let of = |label: &str| {
        blocks
            .iter()
            .filter(|b| b.label == label)
            .collect::<Vec<_>>()
    };
    // "Key Vault will only accept a key in PKCS#8 format."
    let (certificates, keys) = (of("CERTIFICATE"), of("PRIVATE KEY"));
    let ([first, ..], [key]) = (&certificates[..], &keys[..]) else {
        return Err(format());
    };
    let x509 = first.parse_x509().map_err(|_| format())?;
    let pair = KeyPair::try_from(key.contents.as_slice()).map_err(|_| format())?;
    if pair.subject_public_key_info() != x509.public_key().raw {
        return Err(refused(
            "The specified PEM X.509 certificate content can not be read: its private key is not the certificate's.",
        ));
    }
    let validity = x509.validity();
    one["value"] = value.into();
    one["cer"] = STANDARD.encode(&first.contents).into();
    one["x5t"] = URL_SAFE_NO_PAD.encode(Sha1::digest(&first.contents)).into();
    one["key"] = key_of(&x509)?;
    one["attributes"]["nbf"] = validity.not_before.timestamp().into();
    one["attributes"]["exp"] = validity.not_after.timestamp().into();
    one["policy"] = policy(ctx, sent, &x509, &one["key"]);
    Ok(())
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
fn policy(ctx: &Ctx<'_>, sent: &Value, x509: &X509Certificate<'_>, key: &Value) -> Value {
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
        ("/secret_props/contentType", json!(PEM)),
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
    for one in other.doc["versions"].as_array_mut().into_iter().flatten() {
        one["managed"] = true.into();
        if what == What::Secret {
            one["contentType"] = one["policy"]["secret_props"]["contentType"].clone();
        }
    }
    other
}
