//! `google_compute_ssl_policy`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use infra_model::schema::Traits;
use infra_model::{ProviderError, Record, Value};
use std::collections::BTreeSet;

/// Which versions of TLS and which ciphers a load balancer speaks with clients.
/// <https://cloud.google.com/load-balancing/docs/ssl-policies-concepts>
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SslPolicyRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// `COMPATIBLE`, `MODERN`, `RESTRICTED`, `FIPS_202205`, or `CUSTOM` for `custom_features`.
    #[record(optional, default = "COMPATIBLE")]
    pub(crate) profile: String,
    /// The lowest version: `TLS_1_0`, `TLS_1_1`, `TLS_1_2`, or `TLS_1_3`, which only `RESTRICTED` has.
    #[record(optional, default = "TLS_1_0")]
    pub(crate) min_tls_version: String,
    /// The ciphers of a `CUSTOM` profile, such as `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`.
    #[record(optional)]
    pub(crate) custom_features: BTreeSet<String>,
    /// The ciphers that it allows.
    #[record(computed)]
    pub(crate) enabled_features: BTreeSet<String>,
    /// Changes with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) fingerprint: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/sslPolicies/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

pub(crate) struct SslPolicy;

impl Kind for SslPolicy {
    type Record = SslPolicyRecord;
    const TYPE: &'static str = "google_compute_ssl_policy";
    const API: Api = super::api(
        "compute.sslPolicies",
        "projects/{project}/global/sslPolicies",
        Update::Patch,
    );

    fn traits() -> Traits {
        Traits::default().seconds(10, 10, 10)
    }

    fn plan(
        request: &infra_model::PlanRequest<'_>,
        planned: &mut infra_model::Planned,
    ) -> Result<(), ProviderError> {
        let changes = |name: &str| {
            let prior = request.prior.and_then(|prior| prior.get(name));
            prior.is_some_and(|prior| planned.value.get(name) != Some(prior))
        };
        if planned.replace.is_empty() && (changes("profile") || changes("custom_features")) {
            let block = SslPolicyRecord::block();
            infra_model::planning::mark_unknown(planned, &block, &["enabled_features"]);
        }
        Ok(())
    }

    /// What the reference says of its fields (`SslPolicy`).
    fn validate(config: &Value) -> Vec<ProviderError> {
        let known = |name: &str| config.get(name).filter(|v| !v.is_unknown());
        let text = |name: &str| known(name).and_then(Value::as_str);
        let features = known("custom_features").filter(|f| !f.is_null());
        let custom = match text("profile") {
            Some(profile) => profile == "CUSTOM",
            // Left out, it is COMPATIBLE; unknown, it may be anything.
            None if config.get("profile").is_some_and(Value::is_unknown) => return Vec::new(),
            None => false,
        };
        let none = features.is_none_or(|f| f.elements().is_some_and(<[Value]>::is_empty));
        let unknown = config.get("custom_features").is_some_and(Value::is_unknown);
        let mut wrong = Vec::new();
        if custom && none && !unknown {
            let message = "a `CUSTOM` profile needs the ciphers that it allows";
            wrong.push(ProviderError::invalid("custom_features", message));
        }
        if !custom && !none {
            let message = "only the profile `CUSTOM` has ciphers of its own";
            wrong.push(ProviderError::invalid("custom_features", message));
        }
        let needs = match (text("profile"), text("min_tls_version")) {
            (Some("FIPS_202205"), version) if version != Some("TLS_1_2") => {
                known("min_tls_version").map(|_| "the profile `FIPS_202205` needs `TLS_1_2`")
            }
            (profile, Some("TLS_1_3")) if profile != Some("RESTRICTED") => {
                Some("`TLS_1_3` needs the profile `RESTRICTED`")
            }
            _ => None,
        };
        wrong.extend(needs.map(|message| ProviderError::invalid("min_tls_version", message)));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_fit_versions_and_ciphers() {
        for (profile, version, features, right) in [
            ("MODERN", Some("TLS_1_2"), &[][..], true),
            ("RESTRICTED", Some("TLS_1_3"), &[], true),
            ("MODERN", Some("TLS_1_3"), &[], false),
            ("FIPS_202205", Some("TLS_1_2"), &[], true),
            ("FIPS_202205", Some("TLS_1_0"), &[], false),
            ("FIPS_202205", None, &[], false),
            (
                "CUSTOM",
                None,
                &["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
                true,
            ),
            ("CUSTOM", None, &[], false),
            (
                "MODERN",
                None,
                &["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
                false,
            ),
        ] {
            let config = Value::object([
                ("profile", profile.into()),
                ("min_tls_version", version.map_or(Value::NULL, Into::into)),
                ("custom_features", Value::strings(features.iter().copied())),
            ]);
            assert_eq!(
                SslPolicy::validate(&config).is_empty(),
                right,
                "{profile} {version:?} {features:?}"
            );
        }
    }
}
