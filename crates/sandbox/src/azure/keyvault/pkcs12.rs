//! PKCS#12 files (RFC 7292), as clients bring them and as vaults and gateways read them: of what OpenSSL, Windows and Java write, old and
//! new. A vault gives back what it was brought without a password (<https://github.com/Azure/azure-cli/issues/11576>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::error::Error;
use p12_keystore::{
    Certificate, KeyStore, KeyStoreEntry, Pkcs12Archive, PrivateKey, PrivateKeyChain,
};
use rcgen::{KeyPair, PublicKeyData};
use x509_parser::parse_x509_certificate;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The certificate and those of its issuers, in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The key as PKCS#8, in DER.
    pub(super) key: Vec<u8>,
}

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Another password opens it.
    Password,
    /// It is none, or is encrypted in a way that nobody writes.
    Format,
    /// It has no key, or not that of one of its certificates.
    Key,
}

/// Whether a key is that of a certificate.
pub(super) fn fits(key: &[u8], certificate: &[u8]) -> bool {
    let pair = KeyPair::try_from(key).ok();
    let parsed = parse_x509_certificate(certificate).ok();
    pair.zip(parsed).is_some_and(|(pair, (_, certificate))| {
        pair.subject_public_key_info() == certificate.public_key().raw
    })
}

/// Reads a file: its first key, and the certificates with the key's own before all others.
///
/// # Errors
/// Why it is not read.
pub(super) fn read(file: &[u8], password: &str) -> Result<Bundle, Unread> {
    let archive = Pkcs12Archive::from_pkcs12(file, password).map_err(|error| match error {
        // A file without a MAC shows in what comes out that it was not this password.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => Unread::Password,
        _ => Unread::Format,
    })?;
    let key = archive.keys.first().ok_or(Unread::Key)?;
    let key = key.key.as_der().to_vec();
    let mut certificates: Vec<Vec<u8>> = archive
        .certs
        .iter()
        .map(|bag| bag.cert.as_der().to_vec())
        .collect();
    let own = certificates.iter().position(|one| fits(&key, one));
    let own = certificates.remove(own.ok_or(Unread::Key)?);
    certificates.insert(0, own);
    Ok(Bundle { certificates, key })
}

/// Writes a file that no password protects.
pub(super) fn write(bundle: &Bundle) -> Option<Vec<u8>> {
    let key = PrivateKey::from_der(&bundle.key).ok()?;
    let certificates: Result<Vec<_>, _> = bundle
        .certificates
        .iter()
        .map(|one| Certificate::from_der(one))
        .collect();
    let chain = PrivateKeyChain::new([1u8].as_slice(), key, certificates.ok()?);
    let mut store = KeyStore::new();
    store.add_entry("certificate", KeyStoreEntry::PrivateKeyChain(chain));
    // It is read back by us alone, and by clients that need not be patient.
    store
        .writer("")
        .encryption_iterations(2000)
        .mac_iterations(2000)
        .write()
        .ok()
}

/// The same as PEM: the key before its certificates, as vaults write what they have made.
pub(super) fn pem(bundle: &Bundle) -> String {
    let block = |label: &str, der: &[u8]| {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    };
    let certificates = bundle.certificates.iter();
    std::iter::once(block("PRIVATE KEY", &bundle.key))
        .chain(certificates.map(|der| block("CERTIFICATE", der)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `openssl pkcs12 -export` wrote, by its options; the password of each is `tests`.
    const FILES: [(&str, &str); 6] = [
        ("", include_str!("pkcs12/new.b64")),
        ("-legacy", include_str!("pkcs12/legacy.b64")),
        (
            "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg SHA512",
            include_str!("pkcs12/mixed.b64"),
        ),
        (
            "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg SHA1",
            include_str!("pkcs12/3des.b64"),
        ),
        (
            "-keypbe NONE -certpbe NONE",
            include_str!("pkcs12/clear.b64"),
        ),
        ("with issuers: -certfile", include_str!("pkcs12/chain.b64")),
    ];

    fn file(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        STANDARD.decode(text).expect("base64")
    }

    #[test]
    fn what_openssl_writes_is_read_with_its_password_alone() {
        for (options, text) in FILES {
            let file = file(text);
            let bundle = read(&file, "tests").unwrap_or_else(|why| panic!("{options}: {why:?}"));
            let count = if options.contains("issuers") { 2 } else { 1 };
            assert_eq!(bundle.certificates.len(), count, "{options}");
            assert!(fits(&bundle.key, &bundle.certificates[0]), "{options}");
            for wrong in ["", "Tests"] {
                assert_eq!(
                    read(&file, wrong).err(),
                    Some(Unread::Password),
                    "{options}"
                );
            }
            let again = write(&bundle).expect("is written");
            let again = read(&again, "").expect("needs no password");
            assert_eq!(again.certificates, bundle.certificates, "{options}");
            assert_eq!(again.key, bundle.key, "{options}");
        }
    }

    #[test]
    fn what_is_no_file_and_what_lacks_a_key_are_told_apart() {
        assert_eq!(read(b"no file", "").err(), Some(Unread::Format));
        let file = file(include_str!("pkcs12/no_key.b64"));
        assert_eq!(read(&file, "tests").err(), Some(Unread::Key));
    }
}
