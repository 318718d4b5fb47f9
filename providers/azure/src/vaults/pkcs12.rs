//! PKCS#12 files: made of PEM for services that take nothing else, such as application gateways
//! (<https://learn.microsoft.com/azure/application-gateway/key-vault-certs>), and tried before they are sent.

use crate::certificate::{blocks, in_pkcs8};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::error::Error;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive,
    PrivateKey, PrivateKeyChain,
};

/// A file in base 64 with the certificates and the key of a PEM text; otherwise what is wrong with that. It has no password and is
/// encrypted the old way, which protects nothing, as the connection does: vaults were seen to refuse the new one
/// (<https://github.com/MicrosoftDocs/azure-docs/issues/39861>), and to take this.
///
/// # Errors
/// What is wrong with the text, to go on after its name.
pub(super) fn of_pem(text: &str) -> Result<String, String> {
    let text = in_pkcs8(text)?;
    let unread = |_| "holds a certificate or a key that cannot be read".to_owned();
    let keys = blocks(&text, "PRIVATE KEY");
    let [key] = &keys[..] else {
        return Err("holds more than one private key".to_owned());
    };
    let mut certificates = blocks(&text, "CERTIFICATE");
    if certificates.is_empty() {
        return Err("holds no certificate beside its key".to_owned());
    }
    let public = public_of(key)
        .ok_or("has a key that is neither RSA nor of the curves P-256, P-384 and P-521")?;
    let own = certificates.iter().position(|one| holds(one, &public));
    let own = own.ok_or_else(|| "has a key that is not the certificate's".to_owned())?;
    let own = certificates.remove(own);
    certificates.insert(0, own);
    let certificates: Result<Vec<_>, _> = certificates
        .iter()
        .map(|one| Certificate::from_der(one))
        .collect();
    let key = PrivateKey::from_der(key).map_err(unread)?;
    let chain = PrivateKeyChain::new([1u8].as_slice(), key, certificates.map_err(unread)?);
    let mut store = KeyStore::new();
    store.add_entry("certificate", KeyStoreEntry::PrivateKeyChain(chain));
    let file = store
        .writer("")
        .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
        .mac_algorithm(MacAlgorithm::HmacSha1)
        .write();
    file.map(|file| STANDARD.encode(file)).map_err(unread)
}

/// The public half of a key in PKCS#8, as certificates hold it: RFC 8017's `RSAPublicKey`, or RFC 5480's point.
fn public_of(key: &[u8]) -> Option<Vec<u8>> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(key) {
        return Some(pair.public_key().as_ref().to_vec());
    }
    let curves = [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ];
    curves.into_iter().find_map(|curve| {
        let pair = EcdsaKeyPair::from_pkcs8(curve, key).ok()?;
        Some(pair.public_key().as_ref().to_vec())
    })
}

/// Whether a certificate is about a public key.
fn holds(certificate: &[u8], public: &[u8]) -> bool {
    certificate.windows(public.len()).any(|part| part == public)
}

/// Tries a file in base 64 with its password.
///
/// # Errors
/// What a vault would refuse, as far as that is certain, by the attribute.
pub(super) fn check(contents: &str, password: &str) -> Result<(), (&'static str, String)> {
    let contents: String = contents.chars().filter(|c| !c.is_whitespace()).collect();
    let file = STANDARD.decode(contents).map_err(|_| {
        let why = "is neither PEM nor a PKCS#12 file in base 64: of a file, write \"${filebase64(\"FILE.pfx\")}\"";
        ("contents", why.to_owned())
    })?;
    match Pkcs12Archive::from_pkcs12(&file, password) {
        Ok(archive) if archive.keys.is_empty() => {
            let why = "holds no private key beside its certificate";
            Err(("contents", why.to_owned()))
        }
        Err(Error::MacError(_)) if password.is_empty() => {
            let why = "must be set: the file in `contents` is encrypted with one";
            Err(("password", why.to_owned()))
        }
        Err(Error::MacError(_)) => {
            let why = "does not open the file in `contents`";
            Err(("password", why.to_owned()))
        }
        // What is not understood here may be understood there.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;

    /// Made by OpenSSL, with the issuer's before the certificate's own and its key as RFC 5915 has it.
    const CHAIN: &str = include_str!("pkcs12/chain.pem");

    #[test]
    fn a_pem_text_becomes_a_file_without_a_password() {
        let file = of_pem(CHAIN).expect("is whole");
        assert_eq!(check(&file, ""), Ok(()));
        let file = STANDARD.decode(file).expect("base64");
        let archive = Pkcs12Archive::from_pkcs12(&file, "").expect("is a file");
        let [issuer, own] = &blocks(CHAIN, "CERTIFICATE")[..] else {
            panic!("two certificates");
        };
        let found: Vec<&[u8]> = archive.certs.iter().map(|c| c.cert.as_der()).collect();
        assert_eq!(found, [own, issuer]);
        assert_eq!(archive.certs[0].local_key_id.as_deref(), Some(&[1u8][..]));
        let key = blocks(&in_pkcs8(CHAIN).expect("converts"), "PRIVATE KEY");
        assert_eq!(archive.keys[0].key.as_der(), key[0]);
    }

    #[test]
    fn what_no_file_can_be_made_of_is_told() {
        let pem = |kind: &str, der: &[u8]| {
            let body = STANDARD.encode(der);
            format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
        };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let other = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("encodes");
        let other = pem("PRIVATE KEY", other.as_ref());
        let certificates: String = blocks(CHAIN, "CERTIFICATE")
            .iter()
            .map(|der| pem("CERTIFICATE", der))
            .collect();
        for (text, why) in [
            (certificates.clone(), "holds no private key"),
            (other.clone(), "holds no certificate"),
            (certificates.clone() + &other, "not the certificate's"),
            (certificates + &other + &other, "more than one private key"),
        ] {
            let told = of_pem(&text).expect_err("is wrong");
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn a_file_is_tried_before_it_is_sent() {
        // `openssl pkcs12 -export`, with the password `tests`.
        let file = include_str!("pkcs12/new.b64");
        assert_eq!(check(file, "tests"), Ok(()));
        let told =
            |contents: &str, password: &str| check(contents, password).expect_err("is wrong");
        assert_eq!(told(file, "").0, "password");
        assert!(told(file, "").1.contains("must be set"));
        assert!(told(file, "wrong").1.contains("does not open"));
        assert!(told("no file!", "").1.contains("filebase64"));
    }
}
