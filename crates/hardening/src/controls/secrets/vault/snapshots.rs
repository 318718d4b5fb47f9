//! Snapshots of everything that is in Vault, each night, in a bucket of the stack. They are sealed by the same key as Vault, so that what
//! they hold is no less secret there.

use super::super::Vault;
use super::{IMAGE, NAMESPACE, authority, security, token};
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity};
use crate::inside::Inside;
use crate::objects::{object, resources};
use crate::storage::{COPIER, remote};
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// The account of the job, which is also the role and the policy that the set-up makes for it.
pub(super) const NAME: &str = "vault-snapshot";

/// What is said of the bucket: its reference; none where there is none, or where what is said is wrong.
pub(super) fn bucket(vault: &Vault, inside: &mut Inside<'_>) -> Option<String> {
    if vault.snapshot_days < 1 {
        inside.draft.refuse(
            "secrets.vault.snapshot_days",
            "snapshots are kept for at least one day",
            "write `snapshot_days = 30`",
        );
    }
    if vault.bucket.is_null() {
        inside.draft.remark(
            "secrets.vault",
            "nothing takes snapshots of Vault: what is deleted in it is gone",
            "write `bucket = \"backups\"` with a bucket of this stack",
        );
        return None;
    }
    let bucket = inside
        .draft
        .find("bucket", "secrets.vault.bucket", &vault.bucket)?;
    inside.draft.outlived_by(&bucket.reference);
    Some(bucket.reference)
}

const TAKE: &str = r"set -eu
VAULT_TOKEN=$(vault write -field=token auth/kubernetes/login role=vault-snapshot jwt=@/token/vault)
export VAULT_TOKEN
vault operator raft snapshot save /work/snapshot
vault token revoke -self
";

fn container(name: &str, image: &str, script: &str, env: Json, mounts: Json) -> Json {
    json!({
        "name": name,
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "env": env,
        "volumeMounts": mounts,
        "resources": resources(["10m", "64Mi"], ["500m", "512Mi"]),
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        },
    })
}

/// What asks Vault for a snapshot, as the account of the pod.
fn take() -> Json {
    let env = json!([
        { "name": "VAULT_ADDR", "value": "https://vault-active.vault.svc:8200" },
        { "name": "VAULT_CACERT", "value": "/tls/ca.crt" },
        { "name": "HOME", "value": "/work" },
    ]);
    let mounts = json!([
        { "name": "tls", "mountPath": "/tls", "readOnly": true },
        { "name": "token", "mountPath": "/token", "readOnly": true },
        { "name": "work", "mountPath": "/work" },
    ]);
    container("take", IMAGE, &escape(TAKE), env, mounts)
}

/// What brings it to the bucket, and takes away what is older than it need be.
fn keep(folder: &str, days: i64) -> Json {
    let script = format!(
        r#"set -eu
rclone copyto /work/snapshot "$FOLDER/$(date -u +%Y-%m-%dT%H-%M-%SZ).snap"
rclone delete --min-age {days}d "$FOLDER"
"#
    );
    let env = json!([
        { "name": "FOLDER", "value": folder },
        { "name": "RCLONE_CONFIG", "value": "/work/rclone.conf" },
        { "name": "HOME", "value": "/work" },
    ]);
    let mounts = json!([{ "name": "work", "mountPath": "/work" }]);
    container("keep", COPIER, &script, env, mounts)
}

/// The job, once in a night.
pub(super) fn expand(
    vault: &Vault,
    bucket: &str,
    server: &Pods,
    setup: String,
    inside: &mut Inside<'_>,
) {
    let pods = Pods::of(NAMESPACE, NAME, &[("app.kubernetes.io/name", NAME)]);
    let identity = inside.identity(&Identity {
        name: NAME.to_owned(),
        pods: pods.clone(),
        service_account: NAME.to_owned(),
        grants: vec![Grant::Objects(bucket.to_owned())],
    });
    let account = json!({
        "metadata": { "annotations": identity.annotations }, "automountServiceAccountToken": false,
    });
    let account = inside.object(object("v1", "ServiceAccount", NAMESPACE, NAME, account));
    let folder = remote(&inside.site.cloud, bucket, "vault");
    let labels = identity.labelled(json!({ "app.kubernetes.io/name": NAME }));
    let pod = json!({
        "restartPolicy": "OnFailure",
        "serviceAccountName": NAME,
        "automountServiceAccountToken": false,
        "securityContext": security(),
        "initContainers": [take()],
        "containers": [keep(&folder, vault.snapshot_days)],
        "volumes": [authority(), token(), { "name": "work", "emptyDir": {} }],
    });
    let template = json!({ "metadata": { "labels": labels }, "spec": pod });
    let rest = json!({ "spec": {
        "schedule": "17 3 * * *",
        "concurrencyPolicy": "Forbid",
        "jobTemplate": { "spec": { "backoffLimit": 3, "template": template } },
    } });
    let job = inside.object(object("batch/v1", "CronJob", NAMESPACE, NAME, rest));
    inside.after(&job, identity.before.into_iter().chain([setup, account]));
    let (from, to) = (Peer::Pods(pods), Peer::Pods(server.clone()));
    inside.allow(from, to, &[Port::tcp(8200)]);
}
