//! The job that sets Vault up, once.

use super::super::Vault;
use super::super::external::ACCOUNT;
use super::{AUDIENCE, IMAGE, NAMESPACE, RECOVERY, authority, security, snapshots, token};
use crate::inside::Inside;
use crate::node::Wait;
use crate::objects::{object, resources};
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// The account of the job.
const SETUP: &str = "vault-init";

/// What the job does: once, and after it was stopped what is left of it. While its pod lives, what Vault answered is in the pod's
/// memory, and a container that is started anew goes on with it. Where Vault is initialised and that is lost, the job can log in when
/// everything was set up, and else fails with what to do: it cannot know what Vault holds. However it got there, it ends by revoking
/// the root token, which it knows by an accessor that is good for nothing else. Lines of answers are read with `sed`: the image has no
/// better tool.
fn script(vault: &Vault) -> String {
    let shares = vault.recovery_recipients.len();
    let threshold = vault
        .recovery_threshold
        .unwrap_or_else(|| i64::try_from(shares / 2 + 1).unwrap_or(1));
    let keys: Vec<String> = (0..shares).map(|i| format!("/recipients/{i}")).collect();
    // Braces are the shell's and Vault's own; what is ours is put in by name.
    SCRIPT
        .replace("SHARES", &shares.to_string())
        .replace("THRESHOLD", &threshold.to_string())
        .replace("RECIPIENTS", &keys.join(","))
        .replace("ACCOUNT", ACCOUNT)
        .replace("AUDIENCE", AUDIENCE)
        .replace("SETUP", SETUP)
        .replace("SNAPSHOT", snapshots::NAME)
        .replace("NAMESPACE", NAMESPACE)
        .replace("RECOVERY", RECOVERY)
}

const SCRIPT: &str = r#"set -eu
state() { vault status -format=json 2>/dev/null || true; }
fail() { echo "$1" > /dev/termination-log; exit 1; }
serving() { until vault read -field=leader_address sys/leader 2>/dev/null | grep -q .; do sleep 3; done; }
enter() { vault write -field=token auth/kubernetes/login role=SETUP jwt=@/token/vault 2>/dev/null; }
end() {
  accessor=$(vault kv get -mount=secret -field=accessor NAMESPACE/init)
  said=$(vault write auth/token/revoke-accessor accessor="$accessor" 2>&1) && return
  case $said in *"invalid accessor"*) ;; *) fail "the root token could not be revoked: $said" ;; esac
}
until state | grep -q '"initialized"'; do sleep 3; done
# Answered to the last line, but not yet in its place.
if [ ! -s /work/init ] && tail -n 1 /work/init.part 2>/dev/null | grep -q '^}'; then mv /work/init.part /work/init; fi
if [ ! -s /work/init ]; then
  if state | grep -q '"initialized": true'; then
    serving
    VAULT_TOKEN=$(enter) || fail "Vault is initialised, but this job cannot log in to it. \
If it was never set up to its end, because a pod was lost with what it answered, it holds nothing: delete its volumes (the claims \
of StatefulSet/vault, and its pods) and apply again. Else see what has become of auth/kubernetes/role/SETUP"
    export VAULT_TOKEN
    end
    exit 0
  fi
  vault operator init -format=json -recovery-shares=SHARES -recovery-threshold=THRESHOLD -recovery-pgp-keys=RECIPIENTS > /work/init.part
  mv /work/init.part /work/init
fi
VAULT_TOKEN=$(sed -n 's/.*"root_token": "\(.*\)".*/\1/p' /work/init)
export VAULT_TOKEN
serving
# Revoked already, it has done all of this.
if accessor=$(vault token lookup -format=json 2>/dev/null | sed -n 's/.*"accessor": "\(.*\)".*/\1/p' | grep .); then
  has() { vault "$1" list -format=json | grep -q "\"$2/\""; }
  # Vault answers nobody when no audit device can write: two of them do not fail together.
  has audit file || vault audit enable file file_path=/vault/audit/audit.log
  has audit stdout || vault audit enable -path=stdout file file_path=stdout
  has secrets secret || vault secrets enable -path=secret kv-v2
  has auth kubernetes || vault auth enable kubernetes
  vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
  role() {
    vault write "auth/kubernetes/role/$1" "bound_service_account_names=$2" "bound_service_account_namespaces=$3" \
      audience=AUDIENCE "token_policies=$1" "token_ttl=$4"
  }
  namespace="{{identity.entity.aliases.$(vault read -field=accessor sys/auth/kubernetes).metadata.service_account_namespace}}"
  printf 'path "secret/data/%s/*" { capabilities = ["read"] }\npath "secret/metadata/%s/*" { capabilities = ["read", "list"] }\n' \
    "$namespace" "$namespace" | vault policy write namespace -
  role namespace ACCOUNT '*' 15m
  printf 'path "sys/storage/raft/snapshot" { capabilities = ["read"] }\n' | vault policy write SNAPSHOT -
  role SNAPSHOT SNAPSHOT NAMESPACE 15m
  sed -n '/"recovery_keys_b64"/,/]/s/^ *"\([A-Za-z0-9+\/=]*\)",*$/\1/p' /work/init > /work/keys
  # The store is made ready after it is mounted.
  until vault kv put -mount=secret NAMESPACE/RECOVERY keys=@/work/keys; do sleep 3; done
  vault kv put -mount=secret NAMESPACE/init accessor="$accessor"
  printf 'path "secret/data/NAMESPACE/init" { capabilities = ["read"] }\npath "auth/token/revoke-accessor" { capabilities = ["update"] }\n' |
    vault policy write SETUP -
  role SETUP SETUP NAMESPACE 5m
fi
VAULT_TOKEN=$(enter) || fail "what the job logs in with is refused: see auth/kubernetes/role/SETUP"
end
rm /work/init
"#;

/// The recipients' keys, the job, and who it is; the job's address.
pub(super) fn job(vault: &Vault, inside: &mut Inside<'_>, release: String) -> String {
    let table = format!(
        "flatten([{}.vault])[0].recovery_recipients",
        Inside::input("secrets")
    );
    let recipients = vault
        .recovery_recipients
        .iter()
        .enumerate()
        .map(|(index, key)| (index.to_string(), key.json(&format!("{table}[{index}]"))));
    let recipients: serde_json::Map<String, Json> = recipients.collect();
    let rest = json!({ "data": recipients });
    let people = inside.object(object(
        "v1",
        "ConfigMap",
        NAMESPACE,
        "recovery-recipients",
        rest,
    ));
    let container = json!({
        "name": "init",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", escape(&script(vault))],
        "env": [
            { "name": "VAULT_ADDR", "value": "https://vault-0.vault-internal:8200" },
            { "name": "VAULT_CACERT", "value": "/tls/ca.crt" },
            { "name": "HOME", "value": "/work" },
        ],
        "resources": resources(["10m", "64Mi"], ["200m", "256Mi"]),
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        },
        "terminationMessagePath": "/dev/termination-log",
        // What it does not say itself, such as why a call failed.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            { "name": "tls", "mountPath": "/tls", "readOnly": true },
            { "name": "recipients", "mountPath": "/recipients", "readOnly": true },
            { "name": "token", "mountPath": "/token", "readOnly": true },
            { "name": "work", "mountPath": "/work" },
        ],
    });
    let pod = json!({
        "restartPolicy": "OnFailure",
        "serviceAccountName": SETUP,
        "automountServiceAccountToken": false,
        "securityContext": security(),
        "containers": [container],
        "volumes": [
            authority(),
            { "name": "recipients", "configMap": { "name": "recovery-recipients" } },
            token(),
            // In memory: the root token is in it for a moment.
            { "name": "work", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
        ],
    });
    let account = object("v1", "ServiceAccount", NAMESPACE, SETUP, json!({}));
    let account = inside.object(account);
    let template =
        json!({ "metadata": { "labels": { "app.kubernetes.io/name": SETUP } }, "spec": pod });
    let rest = json!({ "spec": { "backoffLimit": 6, "template": template } });
    let job = object("batch/v1", "Job", NAMESPACE, SETUP, rest);
    let address = inside.waited(job, Wait::default().condition("Complete"));
    inside.after(&address, [release, people, account]);
    address
}
