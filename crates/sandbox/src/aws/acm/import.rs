//! Certificates that are brought in, with the key that belongs to them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::public_key::PublicKey;

use super::certificate::{self, Certificate, Imported};
use super::request::QUOTA;
use super::{invalid, require, tagging, text, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::JsonOperation;
use crate::clock::Millis;

pub(super) const OPERATIONS: &[JsonOperation] = &[JsonOperation {
    name: "ImportCertificate",
    accepts: &[
        "CertificateArn",
        "Certificate",
        "PrivateKey",
        "CertificateChain",
        "Tags",
    ],
    handler: import,
}];

/// The text of a blob.
fn blob(body: &Value, name: &str) -> AwsResult<String> {
    let bytes = STANDARD.decode(require(body, name)?).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| validation(format!("{name} is not PEM")))
}

fn pems(text: &str, what: &str) -> AwsResult<Vec<Pem>> {
    let found: Result<Vec<Pem>, _> = Pem::iter_from_buffer(text.as_bytes()).collect();
    let found = found
        .ok()
        .filter(|pems| !pems.is_empty() && pems.iter().all(|pem| pem.label == "CERTIFICATE"));
    found.ok_or_else(|| validation(format!("The {what} is not a valid PEM-encoded certificate")))
}

fn parsed<'a>(pem: &'a Pem, what: &str) -> AwsResult<X509Certificate<'a>> {
    pem.parse_x509()
        .map_err(|_| validation(format!("The {what} is not a valid X.509 certificate")))
}

fn algorithm(certificate: &X509Certificate<'_>) -> AwsResult<&'static str> {
    let unsupported = || invalid("The key of the certificate is not of a supported algorithm");
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => match key.key_size() {
            1024 => Ok("RSA_1024"),
            2048 => Ok("RSA_2048"),
            3072 => Ok("RSA_3072"),
            4096 => Ok("RSA_4096"),
            _ => Err(unsupported()),
        },
        Ok(PublicKey::EC(key)) => match key.key_size() {
            256 => Ok("EC_prime256v1"),
            384 => Ok("EC_secp384r1"),
            521 | 528 => Ok("EC_secp521r1"),
            _ => Err(unsupported()),
        },
        _ => Err(unsupported()),
    }
}

/// The names of a certificate: the subject's, then the others.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().next();
    let mut names: Vec<String> = common
        .and_then(|name| name.as_str().ok())
        .map(str::to_owned)
        .into_iter()
        .collect();
    let others = certificate.subject_alternative_name().ok().flatten();
    for other in others.iter().flat_map(|others| &others.value.general_names) {
        if let GeneralName::DNSName(name) = other
            && !names.iter().any(|known| known == name)
        {
            names.push((*name).to_owned());
        }
    }
    names
}

fn millis(seconds: i64) -> Millis {
    Millis::try_from(seconds).unwrap_or_default() * 1000
}

fn import(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (certificate, key) = (blob(body, "Certificate")?, blob(body, "PrivateKey")?);
    let chain = match text(body, "CertificateChain")? {
        None => None,
        Some(_) => Some(blob(body, "CertificateChain")?),
    };
    let own = pems(&certificate, "certificate")?;
    if own.len() != 1 {
        return Err(validation(
            "The certificate field contains more than one certificate. You can specify only one certificate in this field.",
        ));
    }
    let x509 = parsed(&own[0], "certificate")?;
    let key = KeyPair::from_pem(&key)
        .map_err(|_| validation("The private key is not supported or not valid PEM"))?;
    if key.subject_public_key_info() != x509.public_key().raw {
        return Err(validation("The private key does not match the certificate"));
    }
    check_chain(&x509, chain.as_deref())?;
    let validity = x509.validity();
    let imported = Imported {
        serial: x509.raw_serial_as_string(),
        issuer: x509.issuer().to_string(),
        subject: x509.subject().to_string(),
        not_before: millis(validity.not_before.timestamp()),
        not_after: millis(validity.not_after.timestamp()),
        at: ctx.now,
        certificate: certificate.clone(),
        chain,
    };
    if imported.not_after <= ctx.now {
        return Err(validation(
            "The certificate has expired and cannot be imported",
        ));
    }
    let names = names(&x509);
    if names.is_empty() {
        return Err(invalid("The certificate has no domain name"));
    }
    let algorithm = algorithm(&x509)?.to_owned();
    if text(body, "CertificateArn")?.is_some() {
        return again(ctx, body, names, algorithm, imported);
    }
    if ctx.count::<Certificate>() >= QUOTA {
        return Err(AwsError::new(
            "LimitExceededException",
            format!("Error: you have reached your limit of {QUOTA} certificates"),
        ));
    }
    let tags = tagging::read(body)?;
    let id = ctx.new_uuid();
    let arn = ctx.arn("acm", &format!("certificate/{id}"));
    let made = Certificate {
        arn: arn.clone(),
        names,
        algorithm,
        created: ctx.now,
        request: None,
        imported: Some(imported),
        logging: "DISABLED".to_owned(),
        export: "DISABLED".to_owned(),
    };
    ctx.put_tagged(made, tags);
    Ok(json!({"CertificateArn": arn}))
}

/// Imports another one under the same ARN.
fn again(
    ctx: &mut Ctx<'_>,
    body: &Value,
    names: Vec<String>,
    algorithm: String,
    imported: Imported,
) -> AwsResult<Value> {
    let mut there = certificate::find(ctx, body)?.edit();
    if there.imported.is_none() {
        return Err(validation("Only imported certificates can be reimported"));
    }
    if body.get("Tags").is_some() {
        return Err(invalid(
            "Tags cannot be applied when a certificate is reimported",
        ));
    }
    if there.algorithm != algorithm {
        return Err(validation(
            "The key type of the certificate must stay what it was",
        ));
    }
    let arn = there.arn.clone();
    (there.names, there.imported) = (names, Some(imported));
    ctx.put(there);
    Ok(json!({"CertificateArn": arn}))
}

/// Each certificate of a chain is the issuer of the one before it.
fn check_chain(own: &X509Certificate<'_>, chain: Option<&str>) -> AwsResult<()> {
    let Some(chain) = chain else { return Ok(()) };
    let pems = pems(chain, "certificate chain")?;
    let mut issuer = own.issuer().as_raw().to_vec();
    for pem in &pems {
        let next = parsed(pem, "certificate chain")?;
        if next.subject().as_raw() != issuer {
            return Err(validation(
                "Could not validate the certificate with the certificate chain.",
            ));
        }
        issuer = next.issuer().as_raw().to_vec();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, generate_simple_self_signed};

    #[test]
    fn what_a_certificate_says_is_read() {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(vec![
            "shop.example.com".to_owned(),
            "*.shop.example.com".to_owned(),
        ])
        .expect("parameters");
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "shop.example.com");
        let made = parameters.self_signed(&key).expect("a certificate").pem();
        let pems = pems(&made, "certificate").expect("PEM");
        let x509 = parsed(&pems[0], "certificate").expect("X.509");
        assert_eq!(names(&x509), ["shop.example.com", "*.shop.example.com"]);
        assert_eq!(algorithm(&x509), Ok("EC_prime256v1"));
        assert_eq!(key.subject_public_key_info(), x509.public_key().raw);
        assert_eq!(check_chain(&x509, Some(&made)), Ok(()));
        let other = generate_simple_self_signed(["b.example.com".to_owned()]).expect("another");
        let other_pem = other.cert.pem();
        let other = super::pems(&other_pem, "certificate").expect("PEM");
        let other = parsed(&other[0], "certificate").expect("X.509");
        assert_ne!(key.subject_public_key_info(), other.public_key().raw);
        assert!(super::pems(&key.serialize_pem(), "certificate").is_err());
    }
}
