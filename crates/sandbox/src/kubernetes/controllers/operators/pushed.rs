//! External Secrets' PushSecrets: what a Secret holds goes to the secret manager of the cloud that a store names
//! (`pkg/controllers/pushsecret/pushsecret_controller.go`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::super::clusters::{Pushed, source};
use super::super::super::store::Session;
use super::super::super::value::{list, set, text};
use super::super::condition as status_of;
use super::{Case, condition, later, say};

/// Pushes what is to be pushed, and says how that went.
pub(super) fn push(session: &mut Session<'_>, case: &Case<'_>) {
    let result = all(session, case);
    let time = session.time();
    let failed = result.is_err();
    say(session, case, |new, now, generation| {
        let (reason, message) = match &result {
            Ok(_) => ("Synced", "PushSecret synced successfully".to_owned()),
            Err(error) => ("Errored", error.clone()),
        };
        condition(new, "Ready", !failed, reason, &message, now, generation);
        if let Ok(synced) = &result {
            super::super::super::value::default(new, "status/refreshTime", time.as_str());
            set(new, "status/syncedPushSecrets", synced.clone());
        }
    });
    if failed {
        later(session, case);
    }
}

/// What was pushed, by store and by name there; or what is missing.
fn all(session: &mut Session<'_>, case: &Case<'_>) -> Result<Value, String> {
    let object = case.object;
    let name = text(object, "/spec/selector/secret/name");
    let secret = session
        .find("", "secrets", case.namespace(), name)
        .ok_or_else(|| format!("could not get source secret: Secret {name:?} not found"))?;
    let mut synced = json!({});
    for reference in list(object, "/spec/secretStoreRefs") {
        let (kind, store) = (text(reference, "/kind"), text(reference, "/name"));
        let (plural, place) = match kind {
            "ClusterSecretStore" => ("clustersecretstores", ""),
            _ => ("secretstores", case.namespace()),
        };
        let found = session.find("external-secrets.io", plural, place, store);
        let found = found
            .filter(|found| status_of(found, "Ready") == "True")
            .ok_or_else(|| {
                format!("could not get {kind} {store:?}: it is not there, or not ready")
            })?;
        let mut done = json!({});
        for entry in list(object, "/spec/data") {
            let key = text(entry, "/match/secretKey");
            let held = secret["data"][key].as_str();
            let value = held.and_then(|held| STANDARD.decode(held).ok());
            let value = value.ok_or_else(|| format!("secret key {key:?} does not exist"))?;
            let remote = text(entry, "/match/remoteRef/remoteKey");
            one(session, &found["spec"]["provider"], entry, remote, value)
                .map_err(|error| format!("set secret failed: could not write remote ref {key} to target secretstore {store}: {error}"))?;
            done[remote] = json!({ "match": entry["match"] });
        }
        synced[format!("{kind}/{store}")] = done;
    }
    Ok(synced)
}

/// Pushes one entry to where its store says.
fn one(
    session: &mut Session<'_>,
    provider: &Value,
    entry: &Value,
    key: &str,
    value: Vec<u8>,
) -> Result<(), String> {
    let (cloud, place) = if provider["aws"]["service"] == "SecretsManager" {
        ("aws", text(provider, "/aws/region"))
    } else if provider["gcpsm"].is_object() {
        ("google", text(provider, "/gcpsm/projectID"))
    } else if provider["azurekv"].is_object() {
        ("azure", text(provider, "/azurekv/vaultUrl"))
    } else {
        // Nothing of what others keep runs here.
        return Ok(());
    };
    let pushed = Pushed {
        place: place.to_owned(),
        key: key.to_owned(),
        value,
        text: entry["metadata"]["spec"]["secretPushFormat"] == "string",
    };
    session.lend(|frame, _| source(cloud).push(frame, &pushed))
}
