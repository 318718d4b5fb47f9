//! SSL policies: profiles of ciphers and the lowest version of TLS.
//! <https://cloud.google.com/load-balancing/docs/ssl-policies-concepts>

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Guard, Kind, Subject};
use crate::http::HttpReply;

pub(crate) const KIND: Kind = Kind {
    resource: "sslPolicies",
    collection: "sslPolicies",
    word: "sslPolicy",
    terraform: |_| "google_compute_ssl_policy",
    guard: Guard::Required,
    quota: Some(("SSL_POLICIES", 10)),
    defaults: &[
        ("profile", Default::Text("COMPATIBLE")),
        ("minTlsVersion", Default::Text("TLS_1_0")),
    ],
    prepare,
    ..Kind::BASE
};

/// Ciphers, and the profile with the fewest ciphers that has each: what `RESTRICTED` has, `MODERN` has too.
const FEATURES: [(&str, Profile); 15] = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Profile::Fips),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Profile::Fips),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Profile::Fips),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Profile::Fips),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Profile::Restricted,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Profile::Restricted,
    ),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Profile::Modern),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Profile::Modern),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Profile::Modern),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Profile::Modern),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", Profile::Compatible),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", Profile::Compatible),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", Profile::Compatible),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", Profile::Compatible),
    ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Profile::Compatible),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Profile {
    Fips,
    Restricted,
    Modern,
    Compatible,
}

/// `listAvailableFeatures`: what a custom profile may have.
pub(crate) fn features(_: &mut Ctx<'_>, _: &Kind, _: &Input<'_>) -> GoogleResult<HttpReply> {
    let names: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
    Ok(HttpReply::json(200, &json!({ "features": names })))
}

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let text = |name: &str| {
        let value = doc.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (profile, version) = (text("profile"), text("minTlsVersion"));
    let custom: Vec<String> = doc
        .get("customFeatures")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    let features =
        |why: &str| GoogleError::field("resource.customFeatures", &custom.join(", "), why);
    let known = match profile.as_str() {
        "CUSTOM" => None,
        "FIPS_202205" => Some(Profile::Fips),
        "RESTRICTED" => Some(Profile::Restricted),
        "MODERN" => Some(Profile::Modern),
        _ => Some(Profile::Compatible),
    };
    let enabled: Vec<Value> = match known {
        Some(_) if !custom.is_empty() => {
            return Err(features(
                "Custom features may only be set with the CUSTOM profile.",
            ));
        }
        Some(profile) => {
            let has = FEATURES.iter().filter(|(_, least)| *least <= profile);
            has.map(|(name, _)| (*name).into()).collect()
        }
        None if custom.is_empty() => {
            return Err(features("The CUSTOM profile needs at least one feature."));
        }
        None => {
            let unknown = |name: &&String| !FEATURES.iter().any(|(known, _)| known == name);
            if custom.iter().find(unknown).is_some() {
                return Err(features("Unknown feature."));
            }
            custom.iter().map(|name| name.as_str().into()).collect()
        }
    };
    let unfit = match (profile.as_str(), version.as_str()) {
        ("FIPS_202205", version) => version != "TLS_1_2",
        (profile, "TLS_1_3") => profile != "RESTRICTED",
        _ => false,
    };
    if unfit {
        let why = format!("It does not go with the profile {profile}.");
        return Err(GoogleError::field("resource.minTlsVersion", &version, &why));
    }
    doc.insert("enabledFeatures".into(), enabled.into());
    Ok(())
}
