//! Certificate authorities. That of clusters is the one of the port on which their API is served; others are one
//! public certificate that any client can read, with a serial number of their own, whose private key nobody has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::world::Tx;

/// A certificate authority named `kubernetes`, in DER.
const TEMPLATE: &str = concat!(
    "MIIBYjCCAQigAwIBAgIIESIzRFVmd4gwCgYIKoZIzj0EAwIwFTETMBEGA1UEAwwKa3ViZXJuZXRlczAeFw0yMDAxMD",
    "EwMDAwMDBaFw00OTAxMDEwMDAwMDBaMBUxEzARBgNVBAMMCmt1YmVybmV0ZXMwWTATBgcqhkjOPQIBBggqhkjOPQMB",
    "BwNCAASa/WMjxog+UGVMM6e9hG7+MjjjyPOFdGf2/R6f3+PlCslEY715KGruVVP8PWMM56Yib5xTNTCNiiXBV8kaa+",
    "IWo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICpDAdBgNVHQ4EFgQUBzfOBIzyg2YNflJghVZZwB2H",
    "+FUwCgYIKoZIzj0EAwIDSAAwRQIhAMzytwKmgN/Lz5+XlwgmoHkXtCpPrDaarizUwskgvmXdAiA22km3oU0mjL9UEY",
    "HexzqfoRsiF8M7Or5XqabrZivsSw==",
);

/// Where its serial number is, eight bytes of which the first stays.
const SERIAL: std::ops::Range<usize> = 16..23;

/// What `certificateAuthority.data` of a cluster holds: the base64 of the certificate's PEM.
pub(crate) fn authority(tx: &Tx<'_>) -> String {
    let (_, pem) = crate::kubernetes::tls::authority(tx.identity());
    STANDARD.encode(pem)
}

/// A certificate in PEM.
pub(crate) fn pem(serial: &str) -> String {
    let mut der = STANDARD.decode(TEMPLATE).expect("the template is base64");
    let digits = hex::decode(serial.get(..14).unwrap_or_default()).unwrap_or_default();
    if digits.len() == SERIAL.len() {
        der[SERIAL].copy_from_slice(&digits);
    }
    let body = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
