//! `tls_self_signed_cert`: an X.509 certificate that its own key signs.

use crate::dice::Dice;
use crate::provider::Client;
use crate::state_only::{StateOnly, check_at_least, made};
use crate::time_static::{now, parse};
use async_trait::async_trait;
use infra_model::{
    CallContext, ErrorKind, Path, PlanRequest, Planned, ProviderError, Record, Value,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose as Extended, IsCa, KeyPair, KeyUsagePurpose as Usage, SanType,
    SerialNumber,
};
use std::time::Duration;

/// A certificate signed by its own key: for tests, and for authorities of one's own.
#[derive(Clone, Debug, Record)]
pub(crate) struct TlsSelfSignedCertRecord {
    /// The key that is certified and signs, as PEM.
    #[record(required, sensitive, force_new)]
    private_key_pem: String,
    /// For how many hours it is valid.
    #[record(required, force_new)]
    validity_period_hours: i64,
    /// What the key may be used for: `digital_signature`, `key_encipherment`, `server_auth`, `client_auth`, `cert_signing`,
    /// `crl_signing`, …
    #[record(required, force_new)]
    allowed_uses: Vec<String>,
    /// Host names that it is for.
    #[record(optional, force_new)]
    dns_names: Option<Vec<String>>,
    /// IP addresses that it is for.
    #[record(optional, force_new)]
    ip_addresses: Option<Vec<String>>,
    /// URIs that it is for.
    #[record(optional, force_new)]
    uris: Option<Vec<String>>,
    /// So many hours before its end it is renewed by an apply.
    #[record(optional, computed, default = 0)]
    early_renewal_hours: Option<i64>,
    /// Whether it is an authority's.
    #[record(optional, computed, force_new, default = false)]
    is_ca_certificate: Option<bool>,
    /// How many authorities may follow below this one.
    #[record(optional, force_new)]
    max_path_length: Option<i64>,
    /// Whether it names its key as subject.
    #[record(optional, computed, force_new, default = false)]
    set_subject_key_id: Option<bool>,
    /// Whether it names its key as the signer's.
    #[record(optional, computed, force_new, default = false)]
    set_authority_key_id: Option<bool>,
    /// Whom it is about.
    #[record(block, max = 1, force_new)]
    subject: Vec<SubjectRecord>,
    /// The certificate as PEM.
    #[record(computed)]
    cert_pem: Option<String>,
    /// `RSA`, `ECDSA` or `ED25519`.
    #[record(computed)]
    key_algorithm: Option<String>,
    /// Whether it has ended, or will within the hours of early renewal.
    #[record(computed)]
    ready_for_renewal: Option<bool>,
    /// From when it is valid, as RFC 3339 text.
    #[record(computed)]
    validity_start_time: Option<String>,
    /// Until when it is valid, as RFC 3339 text.
    #[record(computed)]
    validity_end_time: Option<String>,
    /// Its serial number.
    #[record(computed)]
    id: Option<String>,
}

/// A distinguished name.
#[derive(Clone, Debug, Record)]
pub(crate) struct SubjectRecord {
    /// CN
    #[record(optional)]
    common_name: Option<String>,
    /// O
    #[record(optional)]
    organization: Option<String>,
    /// OU
    #[record(optional)]
    organizational_unit: Option<String>,
    /// STREET
    #[record(optional)]
    street_address: Option<Vec<String>>,
    /// L
    #[record(optional)]
    locality: Option<String>,
    /// ST
    #[record(optional)]
    province: Option<String>,
    /// C
    #[record(optional)]
    country: Option<String>,
    /// PC
    #[record(optional)]
    postal_code: Option<String>,
    /// SERIALNUMBER
    #[record(optional)]
    serial_number: Option<String>,
}

pub(crate) struct TlsSelfSignedCert;

const USAGES: &[(&str, Usage)] = &[
    ("digital_signature", Usage::DigitalSignature),
    ("content_commitment", Usage::ContentCommitment),
    ("key_encipherment", Usage::KeyEncipherment),
    ("data_encipherment", Usage::DataEncipherment),
    ("key_agreement", Usage::KeyAgreement),
    ("cert_signing", Usage::KeyCertSign),
    ("crl_signing", Usage::CrlSign),
    ("encipher_only", Usage::EncipherOnly),
    ("decipher_only", Usage::DecipherOnly),
];

const EXTENDED: &[(&str, Extended)] = &[
    ("any_extended", Extended::Any),
    ("server_auth", Extended::ServerAuth),
    ("client_auth", Extended::ClientAuth),
    ("code_signing", Extended::CodeSigning),
    ("email_protection", Extended::EmailProtection),
    ("timestamping", Extended::TimeStamping),
    ("ocsp_signing", Extended::OcspSigning),
];

fn failed(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("the certificate cannot be made: {error}"),
    )
}

fn name(subject: &SubjectRecord) -> DistinguishedName {
    // Object identifiers of RFC 4519, sections 2.34, 2.23 and 2.31.
    let (street, postal, serial) = (
        DnType::CustomDnType(vec![2, 5, 4, 9]),
        DnType::CustomDnType(vec![2, 5, 4, 17]),
        DnType::CustomDnType(vec![2, 5, 4, 5]),
    );
    let street_address = subject
        .street_address
        .as_ref()
        .map(|lines| lines.join(", "));
    let parts = [
        (DnType::CountryName, &subject.country),
        (DnType::StateOrProvinceName, &subject.province),
        (DnType::LocalityName, &subject.locality),
        (street, &street_address),
        (postal, &subject.postal_code),
        (DnType::OrganizationName, &subject.organization),
        (DnType::OrganizationalUnitName, &subject.organizational_unit),
        (DnType::CommonName, &subject.common_name),
        (serial, &subject.serial_number),
    ];
    let mut name = DistinguishedName::new();
    for (kind, text) in parts {
        if let Some(text) = text.as_deref().filter(|t| !t.is_empty()) {
            name.push(kind, text);
        }
    }
    name
}

fn alternative_names(desired: &TlsSelfSignedCertRecord) -> Result<Vec<SanType>, ProviderError> {
    let mut names = Vec::new();
    for text in desired.dns_names.iter().flatten() {
        let wrong = |_| ProviderError::invalid("dns_names", format!("`{text}` is no host name"));
        names.push(SanType::DnsName(text.as_str().try_into().map_err(wrong)?));
    }
    for text in desired.ip_addresses.iter().flatten() {
        let wrong =
            |_| ProviderError::invalid("ip_addresses", format!("`{text}` is no IP address"));
        names.push(SanType::IpAddress(text.parse().map_err(wrong)?));
    }
    for text in desired.uris.iter().flatten() {
        let wrong = |_| ProviderError::invalid("uris", format!("`{text}` is no URI"));
        names.push(SanType::URI(text.as_str().try_into().map_err(wrong)?));
    }
    Ok(names)
}

fn find<T: Clone>(table: &[(&str, T)], name: &str) -> Option<T> {
    let found = table.iter().find(|(known, _)| *known == name)?;
    Some(found.1.clone())
}

fn check_uses(uses: &[String]) -> Result<(), ProviderError> {
    let unknown = uses
        .iter()
        .find(|u| find(USAGES, u).is_none() && find(EXTENDED, u).is_none());
    unknown.map_or(Ok(()), |u| {
        Err(ProviderError::invalid(
            "allowed_uses",
            format!("`{u}` is no use of a key; see `infra docs tls_self_signed_cert`"),
        ))
    })
}

/// As the certificate library has time; a macro, because its type is of a crate that is not ours to name.
macro_rules! rcgen_time {
    ($moment:expr) => {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from($moment.as_second()).map_err(failed)?)
    };
}

#[async_trait]
impl StateOnly for TlsSelfSignedCert {
    type Record = TlsSelfSignedCertRecord;
    const TYPE: &'static str = "tls_self_signed_cert";

    fn id(record: &TlsSelfSignedCertRecord) -> String {
        made(record.id.as_ref())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        check_at_least(config, "validity_period_hours", 0, &mut errors);
        check_at_least(config, "early_renewal_hours", 0, &mut errors);
        if let Some(uses) = config.get("allowed_uses").and_then(Value::elements) {
            let known = uses.iter().filter_map(|u| u.as_str().map(str::to_owned));
            errors.extend(check_uses(&known.collect::<Vec<_>>()).err());
        }
        errors
    }

    /// One that is ready for renewal is replaced.
    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let ready = request.prior.and_then(|p| p.get("ready_for_renewal"));
        if ready.and_then(Value::as_bool) == Some(true) && planned.replace.is_empty() {
            planned.replace.push(Path::attribute("ready_for_renewal"));
            let computed = [
                "cert_pem",
                "ready_for_renewal",
                "validity_start_time",
                "validity_end_time",
                "id",
                "key_algorithm",
            ];
            let block = <TlsSelfSignedCertRecord as Record>::block();
            infra_model::planning::mark_unknown(planned, &block, &computed);
        }
        Ok(())
    }

    async fn make(
        client: &Client,
        context: &CallContext,
        desired: TlsSelfSignedCertRecord,
    ) -> Result<TlsSelfSignedCertRecord, ProviderError> {
        check_uses(&desired.allowed_uses)?;
        let key = KeyPair::from_pem(&desired.private_key_pem).map_err(|_| {
            let what = "this is not a private key that can sign a certificate (RSA, ECDSA P256, P384 or P521, ED25519)";
            ProviderError::invalid("private_key_pem", what)
        })?;
        let start = now(context)?;
        let hours = u64::try_from(desired.validity_period_hours).map_err(failed)?;
        let valid = Duration::from_secs(hours.saturating_mul(3600));
        let end = start.checked_add(valid).map_err(failed)?;
        let mut serial: [u8; 16] = Dice::new(&*client.random).bytes();
        // A positive number (RFC 5280, section 4.1.2.2), and never 0.
        serial[0] = (serial[0] & 0x7f) | 0x40;

        let mut params = CertificateParams::default();
        params.not_before = rcgen_time!(start);
        params.not_after = rcgen_time!(end);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.subject_alt_names = alternative_names(&desired)?;
        params.distinguished_name = desired.subject.first().map(name).unwrap_or_default();
        params.key_usages = desired
            .allowed_uses
            .iter()
            .filter_map(|u| find(USAGES, u))
            .collect();
        params.extended_key_usages = desired
            .allowed_uses
            .iter()
            .filter_map(|u| find(EXTENDED, u))
            .collect();
        params.use_authority_key_identifier_extension =
            desired.set_authority_key_id.unwrap_or(false);
        if desired.is_ca_certificate == Some(true) {
            let length = desired.max_path_length.and_then(|n| u8::try_from(n).ok());
            params.is_ca = IsCa::Ca(length.map_or(
                BasicConstraints::Unconstrained,
                BasicConstraints::Constrained,
            ));
        } else if desired.set_subject_key_id == Some(true) {
            // An authority's certificate has it anyway. The value is an OCTET STRING of fewer than 128 bytes.
            let id = params.key_identifier(&key);
            let length = u8::try_from(id.len()).map_err(failed)?;
            let value = [&[4, length][..], &id].concat();
            let extension = CustomExtension::from_oid_content(&[2, 5, 29, 14], value);
            params.custom_extensions.push(extension);
        }
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(TlsSelfSignedCertRecord {
            cert_pem: Some(certificate.pem()),
            key_algorithm: Some(algorithm(&key).to_owned()),
            ready_for_renewal: Some(false),
            validity_start_time: Some(start.to_string()),
            validity_end_time: Some(end.to_string()),
            id: Some(rsa::BigUint::from_bytes_be(&serial).to_string()),
            ..desired
        })
    }

    fn refresh(context: &CallContext, prior: TlsSelfSignedCertRecord) -> TlsSelfSignedCertRecord {
        let early = prior.early_renewal_hours.unwrap_or(0).saturating_mul(3600);
        let end = prior
            .validity_end_time
            .as_deref()
            .and_then(|t| parse(t).ok());
        let ready = match (end, now(context)) {
            (Some(end), Ok(now)) => now.as_second().saturating_add(early) >= end.as_second(),
            _ => false,
        };
        TlsSelfSignedCertRecord {
            ready_for_renewal: Some(ready),
            ..prior
        }
    }
}

fn algorithm(key: &KeyPair) -> &'static str {
    if key.is_compatible(&rcgen::PKCS_ED25519) {
        "ED25519"
    } else if key.is_compatible(&rcgen::PKCS_RSA_SHA256) {
        "RSA"
    } else {
        "ECDSA"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, text};
    use infra_model::Clock;

    const T: &str = "tls_self_signed_cert";

    fn key(bench: &Bench, algorithm: &str) -> Value {
        let mut config = vec![("algorithm", Value::from(algorithm))];
        config.push(("ecdsa_curve", "P256".into()));
        bench
            .make("tls_private_key", Value::object(config))
            .get("private_key_pem")
            .expect("a key")
            .clone()
    }

    fn config(key: Value) -> Value {
        let subject = Value::object([
            ("common_name", Value::from("example.com")),
            ("organization", "Example".into()),
        ]);
        Value::object([
            ("private_key_pem", key),
            ("validity_period_hours", 24.into()),
            ("early_renewal_hours", 4.into()),
            (
                "allowed_uses",
                Value::strings(["digital_signature", "server_auth", "cert_signing"]),
            ),
            ("dns_names", Value::strings(["example.com"])),
            ("ip_addresses", Value::strings(["10.0.0.1"])),
            ("is_ca_certificate", true.into()),
            ("set_authority_key_id", true.into()),
            ("subject", subject),
        ])
    }

    #[test]
    fn the_certificate_says_what_was_asked_for() {
        let bench = Bench::new();
        for algorithm in ["RSA", "ECDSA", "ED25519"] {
            let made = bench.make(T, config(key(&bench, algorithm)));
            assert_eq!(text(&made, "key_algorithm"), algorithm);
            assert_eq!(text(&made, "validity_start_time"), "2023-11-14T22:13:20Z");
            assert_eq!(text(&made, "validity_end_time"), "2023-11-15T22:13:20Z");
            let pem = x509_parser::pem::parse_x509_pem(text(&made, "cert_pem").as_bytes())
                .expect("PEM")
                .1;
            let certificate = pem.parse_x509().expect("a certificate");
            let subject = certificate.subject().to_string();
            assert!(
                subject.contains("CN=example.com") && subject.contains("O=Example"),
                "{subject}"
            );
            assert_eq!(certificate.issuer(), certificate.subject());
            assert!(certificate.is_ca());
            assert_eq!(certificate.serial.to_string(), text(&made, "id"));
            assert_eq!(certificate.validity().not_before.timestamp(), 1_700_000_000);
            assert_eq!(certificate.validity().not_after.timestamp(), 1_700_086_400);
            let names = certificate
                .subject_alternative_name()
                .expect("readable")
                .expect("there");
            assert_eq!(names.value.general_names.len(), 2);
            let uses = certificate
                .key_usage()
                .expect("readable")
                .expect("there")
                .value;
            assert!(uses.digital_signature() && uses.key_cert_sign() && !uses.crl_sign());
            assert!(
                certificate
                    .extended_key_usage()
                    .expect("readable")
                    .expect("there")
                    .value
                    .server_auth
            );
        }
    }

    #[test]
    fn it_is_renewed_before_its_end() {
        let bench = Bench::new();
        let config = config(key(&bench, "ED25519"));
        let made = bench.make(T, config.clone());
        let steps = [(0, false), (19, false), (1, true), (5, true)];
        for (hours, ready) in steps {
            crate::testing::run(bench.clock.sleep(Duration::from_secs(hours * 3600)));
            let found = bench.read(T, &made).expect("is there");
            let planned = bench.plan(T, Some(&found), config.clone());
            assert_eq!(
                !planned.replace.is_empty(),
                ready,
                "after {hours} more hours"
            );
            assert_eq!(
                planned.value.get("cert_pem").expect("one").is_unknown(),
                ready
            );
        }
    }

    #[test]
    fn what_cannot_be_certified_is_refused() {
        let bench = Bench::new();
        let good = config(key(&bench, "ED25519"));
        let cases = [
            ("private_key_pem", Value::from("no key")),
            ("dns_names", Value::strings(["ö.example"])),
            ("ip_addresses", Value::strings(["10.0.0"])),
            ("allowed_uses", Value::strings(["anything"])),
        ];
        for (name, value) in cases {
            let error = bench
                .try_make(T, good.clone().with_attribute(name, value))
                .expect_err(name);
            assert_eq!(error.attribute, Some(Path::attribute(name)), "{error}");
            assert!(
                !error.to_string().contains("no key"),
                "a key is never repeated"
            );
        }
    }
}
