//! Policies of certificates in vaults: how they are made, with which key, as what they are given out, and what is done at their end
//! ("Certificate policy": <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#certificate-policy>).

use infra_model::Record;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

pub(super) const PEM: &str = "application/x-pem-file";
pub(super) const PKCS12: &str = "application/x-pkcs12";

/// The blocks that a vault reads in a certificate that is brought in.
pub(super) const READ: [&str; 2] = ["key_properties", "x509_certificate_properties"];

/// How a certificate is made, and what a vault may do with it.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Policy {
    /// Who gives it, and the next one.
    #[record(block, computed, max = 1)]
    pub(crate) issuer_parameters: Vec<Issuer>,
    /// Its key.
    #[record(block, computed, max = 1)]
    pub(crate) key_properties: Vec<KeyProperties>,
    /// What is done before it ends.
    #[record(block, computed)]
    pub(crate) lifetime_action: Vec<LifetimeAction>,
    /// Its secret.
    #[record(block, computed, max = 1)]
    pub(crate) secret_properties: Vec<SecretProperties>,
    /// What it says.
    #[record(block, computed, max = 1)]
    pub(crate) x509_certificate_properties: Vec<X509>,
}

/// Who gives a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Issuer {
    /// `Self`; the name of an issuer of the vault (`azurerm_key_vault_certificate_issuer`), whose certificate is waited for; or `Unknown`:
    /// somebody else signs the request that the vault keeps, and merges it.
    #[record(required)]
    pub(crate) name: String,
}

/// The key of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct KeyProperties {
    /// Whether the secret has the key, without which nothing else can use it.
    #[record(required)]
    pub(crate) exportable: bool,
    /// Whether the next version has the same key.
    #[record(required)]
    pub(crate) reuse_key: bool,
    /// `RSA` or `EC`.
    #[record(required)]
    pub(crate) key_type: String,
    /// How long an RSA key is.
    #[record(optional, computed)]
    pub(crate) key_size: Option<i64>,
    /// The curve of an EC key.
    #[record(optional, computed)]
    pub(crate) curve: Option<String>,
}

/// What is done before a certificate ends.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct LifetimeAction {
    /// What is done.
    #[record(block, min = 1, max = 1)]
    pub(crate) action: Vec<Action>,
    /// When.
    #[record(block, min = 1, max = 1)]
    pub(crate) trigger: Vec<Trigger>,
}

/// What is done.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Action {
    /// `AutoRenew`, or `EmailContacts`: the vault's contacts are told.
    #[record(required)]
    pub(crate) action_type: String,
}

/// When something is done: by one of the two.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Trigger {
    /// So many days before the end.
    #[record(optional)]
    pub(crate) days_before_expiry: Option<i64>,
    /// After so much of its life, in percent.
    #[record(optional)]
    pub(crate) lifetime_percentage: Option<i64>,
}

/// The secret of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct SecretProperties {
    /// `application/x-pem-file` or `application/x-pkcs12`; what is not said is what the contents are. PEM becomes PKCS#12 where that is
    /// said.
    #[record(required)]
    pub(crate) content_type: String,
}

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct X509 {
    /// Whose it is, such as `CN=shop.example.com`.
    #[record(required)]
    pub(crate) subject: String,
    /// For how long it is good, in months.
    #[record(required)]
    pub(crate) validity_in_months: i64,
    /// What its key may do: `digitalSignature`, `keyEncipherment`, …
    #[record(required)]
    pub(crate) key_usage: BTreeSet<String>,
    /// What it is for, as object identifiers: `1.3.6.1.5.5.7.3.1` is a server's.
    #[record(optional, computed)]
    pub(crate) extended_key_usage: Vec<String>,
    /// Other names of whose it is.
    #[record(block, computed, max = 1)]
    pub(crate) subject_alternative_names: Vec<Names>,
}

/// Other names of whose a certificate is.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Names {
    /// Names of hosts.
    #[record(optional)]
    pub(crate) dns_names: BTreeSet<String>,
    /// Addresses of mail.
    #[record(optional)]
    pub(crate) emails: BTreeSet<String>,
    /// Names of users.
    #[record(optional)]
    pub(crate) upns: BTreeSet<String>,
}

/// A policy as it is sent: what is said.
pub(super) fn sent(said: &Policy) -> Json {
    let mut policy = json!({});
    if let Some(secret) = said.secret_properties.first() {
        policy["secret_props"] = json!({ "contentType": secret.content_type });
    }
    if let Some(issuer) = said.issuer_parameters.first() {
        policy["issuer"] = json!({ "name": issuer.name });
    }
    if let Some(key) = said.key_properties.first() {
        let mut props = json!({ "exportable": key.exportable, "reuse_key": key.reuse_key, "kty": key.key_type });
        if let Some(size) = key.key_size {
            props["key_size"] = size.into();
        }
        if let Some(curve) = &key.curve {
            props["crv"] = curve.as_str().into();
        }
        policy["key_props"] = props;
    }
    if !said.lifetime_action.is_empty() {
        policy["lifetime_actions"] = actions(said);
    }
    if let Some(x509) = said.x509_certificate_properties.first() {
        let mut props = json!({
            "subject": x509.subject, "validity_months": x509.validity_in_months, "key_usage": x509.key_usage,
        });
        if !x509.extended_key_usage.is_empty() {
            props["ekus"] = json!(x509.extended_key_usage);
        }
        if let Some(names) = x509.subject_alternative_names.first() {
            let all = [
                ("dns_names", &names.dns_names),
                ("emails", &names.emails),
                ("upns", &names.upns),
            ];
            for (name, values) in all.into_iter().filter(|(_, values)| !values.is_empty()) {
                props["sans"][name] = json!(values);
            }
        }
        policy["x509_props"] = props;
    }
    policy
}

/// What is done before the end, as it is sent.
pub(super) fn actions(said: &Policy) -> Json {
    let action = |one: &LifetimeAction| {
        let kind = one.action.first().map(|a| a.action_type.as_str());
        let mut trigger = json!({});
        if let Some(when) = one.trigger.first() {
            for (name, value) in [
                ("days_before_expiry", when.days_before_expiry),
                ("lifetime_percentage", when.lifetime_percentage),
            ] {
                if let Some(value) = value {
                    trigger[name] = value.into();
                }
            }
        }
        json!({ "action": { "action_type": kind }, "trigger": trigger })
    };
    said.lifetime_action.iter().map(action).collect()
}

/// A policy as a vault tells it.
pub(super) fn shown(found: &Json) -> Policy {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let list = |json: &Json| -> Vec<String> {
        let all = json.as_array().into_iter().flatten();
        all.filter_map(text).collect()
    };
    let set = |json: &Json| -> BTreeSet<String> { list(json).into_iter().collect() };
    let key = &found["key_props"];
    let key = key.is_object().then(|| KeyProperties {
        exportable: key["exportable"] == true,
        reuse_key: key["reuse_key"] == true,
        key_type: text(&key["kty"]).unwrap_or_default(),
        key_size: key["key_size"].as_i64(),
        curve: text(&key["crv"]),
    });
    let actions = found["lifetime_actions"].as_array().into_iter().flatten();
    let actions = actions.map(|one| LifetimeAction {
        action: vec![Action {
            action_type: text(&one["action"]["action_type"]).unwrap_or_default(),
        }],
        trigger: vec![Trigger {
            days_before_expiry: one["trigger"]["days_before_expiry"].as_i64(),
            lifetime_percentage: one["trigger"]["lifetime_percentage"].as_i64(),
        }],
    });
    let x509 = &found["x509_props"];
    let x509 = x509.is_object().then(|| {
        let sans = &x509["sans"];
        let names = Names {
            dns_names: set(&sans["dns_names"]),
            emails: set(&sans["emails"]),
            upns: set(&sans["upns"]),
        };
        X509 {
            subject: text(&x509["subject"]).unwrap_or_default(),
            validity_in_months: x509["validity_months"].as_i64().unwrap_or_default(),
            key_usage: set(&x509["key_usage"]),
            extended_key_usage: list(&x509["ekus"]),
            subject_alternative_names: Some(names)
                .filter(|names| *names != Names::default())
                .into_iter()
                .collect(),
        }
    });
    let issuer = text(&found["issuer"]["name"]).map(|name| Issuer { name });
    let secret = text(&found["secret_props"]["contentType"]);
    let secret = secret.map(|content_type| SecretProperties { content_type });
    Policy {
        issuer_parameters: issuer.into_iter().collect(),
        key_properties: key.into_iter().collect(),
        lifetime_action: actions.collect(),
        secret_properties: secret.into_iter().collect(),
        x509_certificate_properties: x509.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_back_as_it_was_sent() {
        let text = |words: &str| words.to_owned();
        let said = Policy {
            issuer_parameters: vec![Issuer { name: text("Self") }],
            key_properties: vec![KeyProperties {
                exportable: true,
                reuse_key: false,
                key_type: text("RSA"),
                key_size: Some(2048),
                curve: None,
            }],
            lifetime_action: vec![LifetimeAction {
                action: vec![Action {
                    action_type: text("AutoRenew"),
                }],
                trigger: vec![Trigger {
                    days_before_expiry: Some(30),
                    lifetime_percentage: None,
                }],
            }],
            secret_properties: vec![SecretProperties {
                content_type: text(PEM),
            }],
            x509_certificate_properties: vec![X509 {
                subject: text("CN=shop.example.com"),
                validity_in_months: 12,
                key_usage: BTreeSet::from([text("digitalSignature")]),
                extended_key_usage: vec![text("1.3.6.1.5.5.7.3.1")],
                subject_alternative_names: vec![Names {
                    dns_names: BTreeSet::from([text("shop.example.com")]),
                    ..Names::default()
                }],
            }],
        };
        assert_eq!(shown(&sent(&said)), said);
    }
}
