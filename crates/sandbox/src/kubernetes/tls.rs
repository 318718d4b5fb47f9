//! The certificate authority of a world and the certificate of its port. Both are made from the world's id and seed,
//! so that they are the same after a restart and nothing secret is kept.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use uuid::Uuid;

/// A world, by id and seed.
type World = (Uuid, u64);

fn digest(world: World, purpose: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(world.0.as_bytes());
    digest.update(world.1.to_le_bytes());
    digest.update(purpose.as_bytes());
    digest.finalize().into()
}

/// An Ed25519 key in PKCS #8 (RFC 8410): its signatures are the same each time.
fn key(world: World, purpose: &str) -> (Vec<u8>, KeyPair) {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let mut der = PREFIX.to_vec();
    der.extend(digest(world, purpose));
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(
        &PrivatePkcs8KeyDer::from(der.clone()),
        &rcgen::PKCS_ED25519,
    )
    .expect("any 32 bytes are a key");
    (der, pair)
}

fn parameters(world: World, name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let mut serial = digest(world, name)[..16].to_vec();
    serial[0] &= 0x7f;
    parameters.serial_number = Some(SerialNumber::from(serial));
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 1, 1);
    parameters
}

fn authority_parameters(world: World) -> CertificateParams {
    let mut parameters = parameters(world, "kubernetes");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyCertSign,
    ];
    parameters
}

/// The authority of a world: its certificate in DER and in PEM.
pub(crate) fn authority(world: World) -> (Vec<u8>, String) {
    static LAST: OnceLock<(World, Vec<u8>, String)> = OnceLock::new();
    let make = || {
        let (_, pair) = key(world, "authority");
        let certificate = authority_parameters(world)
            .self_signed(&pair)
            .expect("the parameters are good");
        (world, certificate.der().to_vec(), certificate.pem())
    };
    let (known, der, pem) = LAST.get_or_init(make);
    if *known == world {
        return (der.clone(), pem.clone());
    }
    let (_, der, pem) = make();
    (der, pem)
}

/// What accepts TLS connections to the port.
pub(crate) fn acceptor(world: World) -> TlsAcceptor {
    let (_, authority_key) = key(world, "authority");
    let issuer = Issuer::new(authority_parameters(world), authority_key);
    let (der, pair) = key(world, "server");
    let mut leaf = parameters(world, "kube-apiserver");
    for name in ["127.0.0.1", "::1", "localhost", "kubernetes.default.svc"] {
        let name = match name.parse() {
            Ok(address) => rcgen::SanType::IpAddress(address),
            Err(_) => rcgen::SanType::DnsName(name.try_into().expect("a name of ASCII")),
        };
        leaf.subject_alt_names.push(name);
    }
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf
        .signed_by(&pair, &issuer)
        .expect("the parameters are good");
    let chain = vec![
        certificate.der().clone(),
        CertificateDer::from(authority(world).0),
    ];
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual suites")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der)))
        .expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_one_authority() {
        let (a, b) = ((Uuid::from_u128(1), 7), (Uuid::from_u128(2), 7));
        assert_eq!(authority(a), authority(a));
        assert_ne!(authority(a), authority(b));
        drop(acceptor(a));
    }
}
