//! What several kinds need on Google Cloud: who one is, keys, names. No kind's own natives.

use crate::draft::Draft;
use serde_json::json;

/// The longest name of most resources (RFC 1035 labels).
pub(crate) const NAME: usize = 63;

/// The secondary range of pods in a network's subnetwork.
pub(crate) const PODS: &str = "pods";

/// The project's id. Needs [`project`].
pub(crate) const PROJECT: &str = "${data.google_project.this.project_id}";

/// Declares the data source behind [`PROJECT`].
pub(crate) fn project(draft: &mut Draft<'_>) {
    draft.data("google_project", "this", json!({}));
}

/// What a resource without labels says about itself.
pub(crate) fn description(draft: &Draft<'_>) -> String {
    format!(
        "{} {} of stack {}",
        draft.instance.kind, draft.instance.name, draft.instance.stack.name
    )
}

/// A key that changes every 90 days, `google_kms_crypto_key.this`, for the use of a service's own account. The grant is
/// `google_kms_crypto_key_iam_member.this`.
pub(crate) fn key(draft: &mut Draft<'_>, kind: &str, agent: &str) {
    project(draft);
    let name = draft.name(kind, NAME);
    draft.resource("google_kms_key_ring", "this", json!({ "name": name }));
    let body = json!({
        "name": name,
        "key_ring": "${google_kms_key_ring.this.id}",
        "rotation_period": "7776000s",
        "labels": draft.labels(),
    });
    draft.resource("google_kms_crypto_key", "this", body);
    draft.resource(
        "google_kms_crypto_key_iam_member",
        "this",
        json!({
            "crypto_key_id": "${google_kms_crypto_key.this.id}",
            "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
            "member": format!("serviceAccount:service-${{data.google_project.this.number}}@{agent}.iam.gserviceaccount.com"),
        }),
    );
}
