//! Checksums, hashes, identifiers, and decryption.

use super::string::text;
use super::{Call, Outcome, bad, failed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::evaluate::Phase;
use infra_model::{Type, Value};
use md5::Md5;
use rsa::pkcs1::DecodeRsaPrivateKey;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

/// The checksum of bytes in hexadecimal.
pub(super) fn hexadecimal<D: Digest>(bytes: &[u8]) -> Outcome {
    text(hex::encode(D::digest(bytes)))
}

/// The checksum of bytes in base64.
pub(super) fn in_base64<D: Digest>(bytes: &[u8]) -> Outcome {
    text(STANDARD.encode(D::digest(bytes)))
}

pub(super) fn base64sha256(call: &Call<'_>) -> Outcome {
    in_base64::<Sha256>(call.text(0).as_bytes())
}

pub(super) fn base64sha512(call: &Call<'_>) -> Outcome {
    in_base64::<Sha512>(call.text(0).as_bytes())
}

pub(super) fn md5(call: &Call<'_>) -> Outcome {
    hexadecimal::<Md5>(call.text(0).as_bytes())
}

pub(super) fn sha1(call: &Call<'_>) -> Outcome {
    hexadecimal::<Sha1>(call.text(0).as_bytes())
}

pub(super) fn sha256(call: &Call<'_>) -> Outcome {
    hexadecimal::<Sha256>(call.text(0).as_bytes())
}

pub(super) fn sha512(call: &Call<'_>) -> Outcome {
    hexadecimal::<Sha512>(call.text(0).as_bytes())
}

/// What differs at every call is known only when applying.
pub(super) fn when_applying(call: &Call<'_>, compute: impl FnOnce() -> Outcome) -> Outcome {
    match call.context.scope.phase() {
        Phase::Apply => compute(),
        Phase::Validate | Phase::Plan => Ok(Value::Unknown(Type::String)),
    }
}

pub(super) fn bcrypt(call: &Call<'_>) -> Outcome {
    let cost = match call.arguments.len() {
        1 => 10,
        2 => call.integer(1)?,
        _ => return failed("it takes a string and at most one cost"),
    };
    // A cost that is too low means the usual one.
    let cost = if cost < 4 { 10 } else { cost };
    let Some(cost) = u32::try_from(cost).ok().filter(|c| *c <= 31) else {
        return bad(1, "the cost must not be greater than 31");
    };
    let password = call.text(0);
    if password.len() > 72 {
        return bad(0, "bcrypt takes no more than 72 bytes");
    }
    when_applying(call, || match bcrypt::hash_with_result(password, cost) {
        Ok(hash) => text(hash.format_for_version(bcrypt::Version::TwoA)),
        Err(e) => failed(e.to_string()),
    })
}

pub(super) fn rsadecrypt(call: &Call<'_>) -> Outcome {
    let Ok(ciphertext) = STANDARD.decode(call.text(0)) else {
        return bad(0, "base64 is required");
    };
    let pem = call.text(1);
    let Ok(key) = rsa::RsaPrivateKey::from_pkcs1_pem(pem) else {
        return bad(
            1,
            "an RSA private key in PEM form (PKCS #1), without a password, is required",
        );
    };
    let Ok(plain) = key.decrypt(rsa::Pkcs1v15Encrypt, &ciphertext) else {
        return bad(0, "it cannot be decrypted with this key");
    };
    match String::from_utf8(plain) {
        Ok(plain) => text(plain),
        Err(_) => bad(0, "what was encrypted is not UTF-8 text"),
    }
}

pub(super) fn uuid(call: &Call<'_>) -> Outcome {
    when_applying(call, || text(Uuid::new_v4().to_string()))
}

pub(super) fn uuidv5(call: &Call<'_>) -> Outcome {
    let namespace = match call.text(0) {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => match Uuid::parse_str(other) {
            Ok(namespace) => namespace,
            Err(_) => return bad(0, "`dns`, `url`, `oid`, `x500` or a UUID is required"),
        },
    };
    text(Uuid::new_v5(&namespace, call.text(1).as_bytes()).to_string())
}
