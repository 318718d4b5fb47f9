//! cert-manager, External Secrets, Sealed Secrets and Vault's operator: what ends in a Secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::super::store::Session;
use super::super::super::value::{list, members, set, text};
use super::super::condition as status_of;
use super::{Case, child, condition, later, ready, say, texts};
use crate::clock::iso8601;
use crate::kubernetes::tls;

/// Issuers and certificates.
pub(super) fn certificates(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    match case.kind() {
        "Issuer" | "ClusterIssuer" => {
            let acme = &object["spec"]["acme"];
            let key = text(acme, "/privateKeySecretRef/name");
            if !key.is_empty() {
                let namespace = match case.namespace() {
                    "" => case.home,
                    namespace => namespace,
                };
                let digest = STANDARD.encode(super::super::super::hash(case.id));
                let value = json!({
                    "metadata": { "name": key, "namespace": namespace }, "type": "Opaque", "data": { "tls.key": digest },
                });
                child(session, case, "", "secrets", value);
            }
            let needed = text(object, "/spec/ca/secretName");
            let namespace = match case.namespace() {
                "" => case.home,
                namespace => namespace,
            };
            if !needed.is_empty() && session.find("", "secrets", namespace, needed).is_none() {
                say(session, case, |new, now, generation| {
                    let message =
                        format!("Error getting keypair for CA issuer: secret {needed:?} not found");
                    condition(
                        new,
                        "Ready",
                        false,
                        "ErrGetKeyPair",
                        &message,
                        now,
                        generation,
                    );
                });
                return later(session, case);
            }
            ready(session, case, &["Ready"], |new| {
                if !key.is_empty() {
                    set(new, "status/acme/uri", "https://acme.invalid/acct/1");
                }
            });
        }
        "Certificate" => certificate(session, case),
        _ => ready(session, case, &["Ready"], |_| {}),
    }
}

fn certificate(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    let issuer = text(object, "/spec/issuerRef/name");
    let (plural, place) = match text(object, "/spec/issuerRef/kind") {
        "ClusterIssuer" => ("clusterissuers", ""),
        _ => ("issuers", case.namespace()),
    };
    let found = session.find("cert-manager.io", plural, place, issuer);
    let good = found.is_some_and(|found| status_of(&found, "Ready") == "True");
    if !good {
        say(session, case, |new, now, generation| {
            let message = format!("Referenced {plural} {issuer:?} is not ready");
            condition(
                new,
                "Ready",
                false,
                "DoesNotExist",
                &message,
                now,
                generation,
            );
        });
        return later(session, case);
    }
    let mut names = texts(object, "/spec/dnsNames");
    let common = text(object, "/spec/commonName");
    if names.is_empty() && !common.is_empty() {
        names.push(common);
    }
    let world = session.tx().identity();
    let issued = tls::issue(world, case.id, &names);
    let (_, authority) = tls::authority(world);
    let mut value = json!({
        "metadata": {
            "name": text(object, "/spec/secretName"), "namespace": case.namespace(),
            "annotations": { "cert-manager.io/certificate-name": case.name(), "cert-manager.io/issuer-name": issuer },
        },
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": STANDARD.encode(issued.0), "tls.key": STANDARD.encode(issued.1), "ca.crt": STANDARD.encode(authority),
        },
    });
    for (key, label) in members(object, "/spec/secretTemplate/labels") {
        set(
            &mut value,
            &format!("metadata/labels/{}", key.replace('/', "~1")),
            label.clone(),
        );
    }
    // As cert-manager's own default, the Secret outlives its Certificate.
    let secrets = super::super::super::kinds::known("", "secrets");
    session.make(&secrets, value);
    let now = session.now;
    let day = 24 * 3600 * 1000;
    ready(session, case, &["Ready"], |new| {
        set(new, "status/revision", 1);
        super::super::super::value::default(new, "status/notBefore", iso8601(now));
        super::super::super::value::default(new, "status/notAfter", iso8601(now + 90 * day));
        super::super::super::value::default(new, "status/renewalTime", iso8601(now + 60 * day));
    });
}

/// Secrets that come from elsewhere.
pub(super) fn secrets(session: &mut Session<'_>, case: &Case<'_>) {
    let object = case.object;
    match case.kind() {
        "SecretStore" | "ClusterSecretStore" => {
            ready(session, case, &["Ready"], |new| {
                set(new, "status/capabilities", "ReadWrite");
            });
        }
        "ExternalSecret" => {
            let store = text(object, "/spec/secretStoreRef/name");
            let (plural, place) = match text(object, "/spec/secretStoreRef/kind") {
                "ClusterSecretStore" => ("clustersecretstores", ""),
                _ => ("secretstores", case.namespace()),
            };
            let found = session.find("external-secrets.io", plural, place, store);
            if !store.is_empty() && found.is_none_or(|found| status_of(&found, "Ready") != "True") {
                say(session, case, |new, now, generation| {
                    let message = format!("could not get {plural} {store:?}");
                    condition(
                        new,
                        "Ready",
                        false,
                        "SecretSyncedError",
                        &message,
                        now,
                        generation,
                    );
                });
                return later(session, case);
            }
            let mut data = json!({});
            for entry in list(object, "/spec/data") {
                data[text(entry, "/secretKey")] =
                    value_of(case.id, text(entry, "/secretKey")).into();
            }
            if !list(object, "/spec/dataFrom").is_empty() {
                for key in ["username", "password"] {
                    data[key] = value_of(case.id, key).into();
                }
            }
            let name = match text(object, "/spec/target/name") {
                "" => case.name(),
                name => name,
            };
            let kind = match text(object, "/spec/target/template/type") {
                "" => "Opaque",
                kind => kind,
            };
            child(
                session,
                case,
                "",
                "secrets",
                json!({ "metadata": { "name": name }, "type": kind, "data": data }),
            );
            let now = session.time();
            ready(session, case, &["Ready"], |new| {
                super::super::super::value::default(new, "status/refreshTime", now.as_str());
                set(new, "status/binding/name", name);
            });
        }
        "PushSecret" => super::pushed::push(session, case),
        "SealedSecret" => {
            let template = &object["spec"]["template"];
            let mut data = json!({});
            for (key, _) in members(object, "/spec/encryptedData") {
                data[key.as_str()] = value_of(case.id, key).into();
            }
            let mut value = json!({ "metadata": { "name": case.name() }, "data": data });
            if let Some(kind) = template["type"].as_str() {
                value["type"] = kind.into();
            }
            for member in ["labels", "annotations"] {
                if let Some(found) = template["metadata"].get(member) {
                    set(&mut value, &format!("metadata/{member}"), found.clone());
                }
            }
            child(session, case, "", "secrets", value);
            ready(session, case, &["Synced"], |_| {});
        }
        _ => ready(session, case, &["Ready"], |_| {}),
    }
}

/// The sandbox has no private key and no store: what a secret holds is made up, the same each time.
fn value_of(id: &str, key: &str) -> String {
    STANDARD.encode(super::super::super::hash(&format!("{id}/{key}")))
}
