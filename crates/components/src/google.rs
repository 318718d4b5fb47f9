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

/// The accounts by which Google's services use keys: <https://cloud.google.com/iam/docs/service-agents>.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agent {
    /// Artifact Registry's.
    Artifacts,
    /// Kubernetes Engine's.
    Clusters,
    /// Cloud SQL's.
    Databases,
    /// Cloud Storage's.
    Storage,
}

impl Agent {
    /// Has the agent made, which a new project may not have yet, and without which nothing is granted to it: the agent as policies call
    /// it, and what the grant must come after.
    fn declare(self, draft: &mut Draft<'_>) -> (String, Option<&'static str>) {
        let (service, domain) = match self {
            Agent::Artifacts => ("artifactregistry", "gcp-sa-artifactregistry"),
            Agent::Clusters => ("container", "container-engine-robot"),
            Agent::Databases => ("sqladmin", "gcp-sa-cloud-sql"),
            Agent::Storage => {
                // It is made by asking for it.
                draft.data("google_storage_project_service_account", "this", json!({}));
                let member = "${data.google_storage_project_service_account.this.member}";
                return (member.to_owned(), None);
            }
        };
        let body = json!({ "service": format!("{service}.googleapis.com") });
        draft.resource("google_project_service_identity", "this", body);
        // Its own attribute can be empty right after it was made: Google does not always tell the address at once.
        let member = format!(
            "serviceAccount:service-${{data.google_project.this.number}}@{domain}.iam.gserviceaccount.com"
        );
        (member, Some("google_project_service_identity.this"))
    }
}

/// A key that changes every 90 days, `google_kms_crypto_key.this`, for the use of a service's own account. The grant is
/// `google_kms_crypto_key_iam_member.this`.
pub(crate) fn key(draft: &mut Draft<'_>, kind: &str, agent: Agent) {
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
    let (member, after) = agent.declare(draft);
    draft.resource(
        "google_kms_crypto_key_iam_member",
        "this",
        json!({
            "crypto_key_id": "${google_kms_crypto_key.this.id}",
            "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
            "member": member,
            "depends_on": after.map(|after| [after]),
        }),
    );
}
