//! The recovery keys outside of the cluster: in a secret of the cloud's secret manager that the stack makes empty, and that External
//! Secrets may write, and no other. They are encrypted to people's keys, and never in the state.

use super::super::external;
use super::super::stores::{self, Open};
use super::{NAMESPACE, RECOVERY};
use crate::identity::Grant;
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// By this tag or label External Secrets knows what it may write to.
const MANAGED: (&str, &str) = ("managed-by", "external-secrets");

/// Where the keys are kept.
pub(super) struct Kept {
    /// What a store's account may do for it.
    grant: Grant,
    /// Which secret manager, for [`stores::login`].
    place: &'static str,
    /// What the secret is called there.
    key: String,
}

/// Tags or labels with the one that External Secrets looks for, which no other of its name replaces.
fn managed(tags: Json) -> Json {
    let (key, value) = MANAGED;
    match tags {
        Json::String(template) => {
            let given = template
                .strip_prefix("${")
                .and_then(|t| t.strip_suffix('}'));
            let given = given.unwrap_or("{}");
            json!(format!(
                "${{merge({given}, {{ \"{key}\" = \"{value}\" }})}}"
            ))
        }
        Json::Object(mut tags) => {
            tags.insert(key.to_owned(), json!(value));
            Json::Object(tags)
        }
        _ => json!({ key: value }),
    }
}

/// The secret, without anything in it. Azure has none that are empty: there it is a vault for this one alone.
pub(super) fn kept(inside: &mut Inside<'_>) -> Kept {
    let name = "vault-recovery-keys";
    match inside.site.cloud.clone() {
        Cloud::Aws(_) => {
            let body = json!({
                // A name stays taken for a while after its end.
                "name_prefix": format!("{}-", inside.draft.name(name, 200)),
                "description": "Recovery keys of Vault, each encrypted to one of its recipients",
                "recovery_window_in_days": if inside.draft.protect() { 30 } else { 7 },
                "tags": managed(inside.draft.tags(name, &[])),
            });
            inside.cloud("aws_secretsmanager_secret", "vault_recovery", body);
            let arn = "aws_secretsmanager_secret.vault_recovery.arn";
            Kept {
                grant: Grant::Write(format!("${{{arn}}}")),
                place: arn,
                key: format!("${{{arn}}}"),
            }
        }
        Cloud::Google(_) => {
            let secret = inside.draft.name(name, 200);
            let body = json!({
                "secret_id": secret, "replication": { "auto": {} }, "labels": managed(inside.draft.labels()),
            });
            inside.cloud("google_secret_manager_secret", "vault_recovery", body);
            let id = "google_secret_manager_secret.vault_recovery.id";
            Kept {
                grant: Grant::Write(format!("${{{id}}}")),
                place: id,
                key: secret,
            }
        }
        Cloud::Azure(_) => {
            super::super::key_vault("vault_recovery", inside);
            Kept {
                grant: Grant::Write("${azurerm_key_vault.vault_recovery.id}".to_owned()),
                place: "trimsuffix(azurerm_key_vault.vault_recovery.vault_uri, \"/\")",
                key: name.to_owned(),
            }
        }
    }
}

/// How each cloud's is pushed: as text on AWS, and with the labels that the secret has on Google Cloud.
/// <https://external-secrets.io/latest/provider/aws-secrets-manager/#additional-metadata-for-pushsecret>, `google-secrets-manager`.
fn metadata(cloud: &Cloud) -> Option<Json> {
    let spec = match cloud {
        Cloud::Aws(_) => json!({ "secretPushFormat": "string" }),
        Cloud::Google(_) => json!({ "mergePolicy": "Merge" }),
        Cloud::Azure(_) => return None,
    };
    Some(json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    }))
}

/// Brings the keys from Vault, where the job has put them, to the namespace, and from there to the secret manager. `store` is the store
/// of Vault.
pub(super) fn push(kept: Kept, store: String, inside: &mut Inside<'_>) {
    let name = "vault-recovery-keys";
    let spec = json!({
        "refreshInterval": "1h",
        "secretStoreRef": { "kind": "SecretStore", "name": "vault" },
        "target": { "name": name, "creationPolicy": "Owner" },
        "data": [{ "secretKey": "keys", "remoteRef": { "key": format!("{NAMESPACE}/{RECOVERY}"), "property": "keys" } }],
    });
    let secret = external::secret(NAMESPACE, name, spec, store, inside);
    let login = stores::login(
        "vault-recovery",
        Open::In(NAMESPACE),
        kept.grant,
        kept.place,
        inside,
    );
    let rest = json!({ "spec": { "provider": login.provider } });
    let manager = external::store(NAMESPACE, "recovery", rest, inside);
    inside.after(&manager, login.before);
    let mut data =
        json!({ "match": { "secretKey": "keys", "remoteRef": { "remoteKey": kept.key } } });
    if let Some(metadata) = metadata(&inside.site.cloud) {
        data["metadata"] = metadata;
    }
    let spec = json!({
        "refreshInterval": "1h",
        "secretStoreRefs": [{ "kind": "SecretStore", "name": "recovery" }],
        "selector": { "secret": { "name": name } },
        // They outlive this object, and are replaced by those of a Vault that is made anew.
        "deletionPolicy": "None",
        "updatePolicy": "Replace",
        "data": [data],
    });
    external::push(NAMESPACE, name, spec, [secret, manager], inside);
}
