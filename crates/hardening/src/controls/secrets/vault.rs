//! Vault: three instances that agree by Raft, TLS of its own, unsealed by a key of the cloud; and External Secrets, which brings
//! what is in it to namespaces. A job initialises it once: the recovery keys come out encrypted to people's PGP keys, and the root
//! token is revoked before the job ends.

use super::external::{self, ACCOUNT};
use super::{Config, Vault};
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity, Lowered};
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

const NAMESPACE: &str = "vault";
/// The image of the job, which is that of the chart.
const IMAGE: &str = "docker.io/hashicorp/vault:2.0.4";
/// Ten years: Vault's own, which nobody outside of the cluster sees.
const VALID_HOURS: i64 = 87_600;

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    let Some(vault) = config.vault.first() else {
        inside.draft.refuse(
            "secrets.engine",
            "a Vault gives its recovery keys to somebody",
            "write `vault = { recovery_recipients = [\"…\"] }` with PGP public keys in base64, as `gpg --export ID | base64 -w0` gives them",
        );
        return;
    };
    check(vault, inside);
    inside.namespace(NAMESPACE, "baseline");
    let server = Pods::of(
        NAMESPACE,
        "server",
        &[("app.kubernetes.io/name", "vault"), ("component", "server")],
    );
    let tls = certificate(inside);
    let (seal, key, before) = unseal(inside);
    let identity = Identity {
        name: "vault".to_owned(),
        pods: server.clone(),
        service_account: "vault".to_owned(),
        grants: vec![Grant::Key(key)],
    };
    let identity = inside.identity(&identity);
    let release = release(
        vault,
        &seal,
        &identity,
        before.into_iter().chain([tls]).collect(),
        inside,
    );
    let init = init(vault, inside, release);
    external::expand(true, inside);
    stores(&init, inside);
    traffic(&server, inside);
}

fn check(vault: &Vault, inside: &mut Inside<'_>) {
    let draft = &mut inside.draft;
    let people = i64::try_from(vault.recovery_recipients.len()).unwrap_or(i64::MAX);
    if people == 0 {
        draft.refuse(
            "secrets.vault.recovery_recipients",
            "nobody would have the recovery keys",
            "write PGP public keys in base64, as `gpg --export ID | base64 -w0` gives them",
        );
    }
    if vault
        .recovery_threshold
        .is_some_and(|t| !(1..=people.max(1)).contains(&t))
    {
        draft.refuse(
            "secrets.vault.recovery_threshold",
            format!("it takes from 1 to {people} of them to come together"),
            "leave it out for a majority",
        );
    }
    if ![3, 5].contains(&vault.replicas) {
        draft.refuse(
            "secrets.vault.replicas",
            "Raft needs three or five instances to survive the loss of one or two",
            "write `replicas = 3`",
        );
    }
}

/// Vault's own certificate, which is also what is trusted; its secret's address.
fn certificate(inside: &mut Inside<'_>) -> String {
    let body = json!({ "algorithm": "ECDSA", "ecdsa_curve": "P256" });
    inside.builtin("tls_private_key", "vault", body);
    let names = json!([
        "vault.vault.svc",
        "vault-active.vault.svc",
        "vault-standby.vault.svc",
        "*.vault-internal",
        "*.vault-internal.vault.svc",
        "localhost",
    ]);
    let body = json!({
        "private_key_pem": "${tls_private_key.vault.private_key_pem}",
        "validity_period_hours": VALID_HOURS,
        "allowed_uses": ["digital_signature", "key_encipherment", "server_auth", "client_auth"],
        "dns_names": names,
        "ip_addresses": ["127.0.0.1"],
        "subject": { "common_name": "vault" },
    });
    inside.builtin("tls_self_signed_cert", "vault", body);
    let metadata = json!({ "name": "vault-tls", "namespace": NAMESPACE });
    let data = json!({
        "tls.crt": "${tls_self_signed_cert.vault.cert_pem}",
        "tls.key": "${tls_private_key.vault.private_key_pem}",
        "ca.crt": "${tls_self_signed_cert.vault.cert_pem}",
    });
    inside.secret("vault_tls", metadata, Some("kubernetes.io/tls"), data)
}

/// The stanza that unseals, the key's id, and what it needs.
fn unseal(inside: &mut Inside<'_>) -> (String, String, Vec<String>) {
    match inside.site.cloud.clone() {
        Cloud::Aws(_) => {
            let body = json!({
                "description": "Unseals Vault",
                "enable_key_rotation": true,
                "deletion_window_in_days": 30,
                "tags": inside.draft.tags("vault", &[]),
            });
            let key = inside.cloud("aws_kms_key", "vault", body);
            let seal = "seal \"awskms\" {\n  region = \"${split(\":\", aws_kms_key.vault.arn)[3]}\"\n  kms_key_id = \"${aws_kms_key.vault.arn}\"\n}";
            (
                seal.to_owned(),
                "${aws_kms_key.vault.arn}".to_owned(),
                vec![key],
            )
        }
        Cloud::Google(_) => {
            let name = inside.draft.name("vault", 63);
            inside.cloud("google_kms_key_ring", "vault", json!({ "name": name }));
            let body = json!({
                "name": name,
                "key_ring": "${google_kms_key_ring.vault.id}",
                "rotation_period": "7776000s",
                "labels": inside.draft.labels(),
            });
            let key = inside.cloud("google_kms_crypto_key", "vault", body);
            // projects/PROJECT/locations/REGION/keyRings/RING
            let part =
                |index: usize| format!("${{split(\"/\", google_kms_key_ring.vault.id)[{index}]}}");
            let seal = format!(
                "seal \"gcpckms\" {{\n  project = \"{}\"\n  region = \"{}\"\n  key_ring = \"{name}\"\n  crypto_key = \"{name}\"\n}}",
                part(1),
                part(3)
            );
            (
                seal,
                "${google_kms_crypto_key.vault.id}".to_owned(),
                vec![key],
            )
        }
        Cloud::Azure(_) => {
            let operator = super::key_vault("vault", inside);
            let tags = inside.draft.plain_tags();
            let body = json!({
                "name": "unseal",
                "key_vault_id": "${azurerm_key_vault.vault.id}",
                "key_type": "RSA",
                "key_size": 3072,
                "key_opts": ["decrypt", "encrypt", "unwrapKey", "wrapKey"],
                "tags": tags,
            });
            let key = inside.cloud("azurerm_key_vault_key", "vault", body);
            inside.after(&key, [operator]);
            let seal = "seal \"azurekeyvault\" {\n  tenant_id = \"${data.azurerm_client_config.this.tenant_id}\"\n  vault_name = \"${azurerm_key_vault.vault.name}\"\n  key_name = \"unseal\"\n}";
            (
                seal.to_owned(),
                "${azurerm_key_vault_key.vault.resource_versionless_id}".to_owned(),
                vec![key],
            )
        }
    }
}

fn configuration(vault: &Vault, seal: &str) -> String {
    let join: Vec<String> = (0..vault.replicas)
        .map(|index| {
            format!(
                "  retry_join {{\n    leader_api_addr = \"https://vault-{index}.vault-internal:8200\"\n    leader_ca_cert_file = \"/vault/userconfig/vault-tls/ca.crt\"\n  }}"
            )
        })
        .collect();
    format!(
        "ui = false
listener \"tcp\" {{
  address = \"[::]:8200\"
  cluster_address = \"[::]:8201\"
  tls_cert_file = \"/vault/userconfig/vault-tls/tls.crt\"
  tls_key_file = \"/vault/userconfig/vault-tls/tls.key\"
  tls_min_version = \"tls12\"
  telemetry {{
    unauthenticated_metrics_access = true
  }}
}}
storage \"raft\" {{
  path = \"/vault/data\"
{}
}}
{seal}
service_registration \"kubernetes\" {{}}
telemetry {{
  prometheus_retention_time = \"12h\"
  disable_hostname = true
}}
",
        join.join("\n")
    )
}

fn release(
    vault: &Vault,
    seal: &str,
    identity: &Lowered,
    after: Vec<String>,
    inside: &mut Inside<'_>,
) -> String {
    let values = json!({
        "global": { "tlsDisable": false },
        "injector": { "enabled": false },
        "server": {
            "resources": resources(["250m", "256Mi"], ["1", "1Gi"]),
            "dataStorage": { "enabled": true, "size": escape(&vault.storage) },
            "auditStorage": { "enabled": true, "size": escape(&vault.storage) },
            "serviceAccount": { "annotations": identity.annotations },
            "extraLabels": identity.labels,
            "extraEnvironmentVars": { "VAULT_CACERT": "/vault/userconfig/vault-tls/ca.crt" },
            "volumes": [{ "name": "vault-tls", "secret": { "secretName": "vault-tls" } }],
            "volumeMounts": [{ "name": "vault-tls", "mountPath": "/vault/userconfig/vault-tls", "readOnly": true }],
            "ha": {
                "enabled": true,
                "replicas": vault.replicas,
                "raft": { "enabled": true, "setNodeId": true, "config": configuration(vault, seal) },
            },
        },
    });
    let address = inside.release(Release {
        chart: "vault",
        namespace: NAMESPACE,
        values,
        provides: &["StatefulSet/vault"],
        after: after
            .into_iter()
            .chain(identity.before.iter().cloned())
            .collect(),
        ..Release::default()
    });
    // Its pods are ready only when it is unsealed, and that needs the job that comes after it.
    if let Some(node) = inside.nodes.iter_mut().find(|n| n.address() == address) {
        node.body["wait"] = json!(false);
        node.body["wait_for_jobs"] = json!(false);
    }
    address
}

/// What the job does: once, and after it was stopped what is left of it. It waits for the first instance. While the job's pod lives, what
/// Vault answered is in its memory, and a container that is started anew goes on with it; where Vault is initialised and that is lost, the
/// job is done if it can log in, and fails with what to do if it cannot. Lines of answers are read with `sed`: the image has no better
/// tool.
fn script(vault: &Vault) -> String {
    let shares = vault.recovery_recipients.len();
    let threshold = vault
        .recovery_threshold
        .unwrap_or_else(|| i64::try_from(shares / 2 + 1).unwrap_or(1));
    let keys: Vec<String> = (0..shares).map(|i| format!("/recipients/{i}")).collect();
    format!(
        r#"set -eu
state() {{ vault status -format=json 2>/dev/null || true; }}
until state | grep -q '"initialized"'; do sleep 3; done
if [ ! -s /work/init ]; then
  if state | grep -q '"initialized": true'; then
    vault write auth/kubernetes/login role=vault-init jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token > /dev/null && exit 0
    echo "Vault is initialised, but was not set up to its end: make a root token of the recovery keys (vault operator generate-root) and set up what is missing, or delete its volumes and apply again" > /dev/termination-log
    exit 1
  fi
  vault operator init -format=json -recovery-shares={shares} -recovery-threshold={threshold} -recovery-pgp-keys={keys} > /work/init.part
  mv /work/init.part /work/init
fi
sed -n '/recovery_keys_b64/,/]/p' /work/init > /work/keys
cp /work/keys /dev/termination-log
VAULT_TOKEN=$(sed -n 's/.*"root_token": "\(.*\)".*/\1/p' /work/init)
export VAULT_TOKEN
until vault status >/dev/null 2>&1; do sleep 3; done
has() {{ vault "$1" list -format=json | grep -q "\"$2/\""; }}
has audit file || vault audit enable file file_path=/vault/audit/audit.log
has secrets secret || vault secrets enable -path=secret kv-v2
has auth kubernetes || vault auth enable kubernetes
vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
namespace="{{{{identity.entity.aliases.$(vault read -field=accessor sys/auth/kubernetes).metadata.service_account_namespace}}}}"
printf 'path "secret/data/%s/*" {{ capabilities = ["read"] }}\npath "secret/metadata/%s/*" {{ capabilities = ["read", "list"] }}\n' "$namespace" "$namespace" | vault policy write namespace -
vault write auth/kubernetes/role/namespace bound_service_account_names={ACCOUNT} 'bound_service_account_namespaces=*' policies=namespace ttl=15m
until vault kv put -mount=secret {NAMESPACE}/recovery-keys keys=@/work/keys; do sleep 3; done
vault write auth/kubernetes/role/vault-init bound_service_account_names=vault-init bound_service_account_namespaces={NAMESPACE} policies=default ttl=5m
vault token revoke -self
rm /work/init
"#,
        keys = keys.join(","),
    )
}

fn init(vault: &Vault, inside: &mut Inside<'_>, release: String) -> String {
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
        "volumeMounts": [
            { "name": "tls", "mountPath": "/tls", "readOnly": true },
            { "name": "recipients", "mountPath": "/recipients", "readOnly": true },
            { "name": "work", "mountPath": "/work" },
        ],
    });
    let pod = json!({
        "restartPolicy": "OnFailure",
        "serviceAccountName": "vault-init",
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 100, "runAsGroup": 1000, "fsGroup": 1000, "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [container],
        "volumes": [
            // The certificate without its key.
            { "name": "tls", "secret": { "secretName": "vault-tls", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            { "name": "recipients", "configMap": { "name": "recovery-recipients" } },
            // In memory: the root token is in it for a moment.
            { "name": "work", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
        ],
    });
    let account = object("v1", "ServiceAccount", NAMESPACE, "vault-init", json!({}));
    let account = inside.object(account);
    let template = json!({ "metadata": { "labels": { "app.kubernetes.io/name": "vault-init" } }, "spec": pod });
    let rest = json!({ "spec": { "backoffLimit": 6, "template": template } });
    let job = object("batch/v1", "Job", NAMESPACE, "vault-init", rest);
    let address = inside.waited(job, Wait::default().condition("Complete"));
    inside.after(&address, [release, people, account]);
    address
}

/// In each app's namespace a store `vault`, by which External Secrets reads what stands in Vault under the namespace's name, and nothing
/// else; and here the recovery keys, which only those can read to whom they are encrypted, in a Secret.
fn stores(init: &str, inside: &mut Inside<'_>) {
    let apps = inside.apps.iter().map(|app| app.namespace().to_owned());
    let namespaces: Vec<String> = apps.chain([NAMESPACE.to_owned()]).collect();
    for namespace in &namespaces {
        let rest = json!({ "automountServiceAccountToken": false });
        let account = object("v1", "ServiceAccount", namespace, ACCOUNT, rest);
        let account = inside.object(account);
        let provider = json!({ "vault": {
            "server": "https://vault-active.vault.svc:8200",
            "path": "secret",
            "version": "v2",
            "caBundle": "${base64encode(tls_self_signed_cert.vault.cert_pem)}",
            "auth": { "kubernetes": {
                "mountPath": "kubernetes", "role": "namespace", "serviceAccountRef": { "name": ACCOUNT },
            } },
        } });
        let rest = json!({ "spec": { "provider": provider } });
        let store = external::store(namespace, "vault", rest, inside);
        inside.after(&store, [account, init.to_owned()]);
        if namespace == NAMESPACE {
            let name = "vault-recovery-keys";
            let spec = json!({
                "refreshInterval": "1h",
                "secretStoreRef": { "kind": "SecretStore", "name": "vault" },
                "target": { "name": name, "creationPolicy": "Owner" },
                "data": [{ "secretKey": "keys", "remoteRef": { "key": format!("{NAMESPACE}/recovery-keys"), "property": "keys" } }],
            });
            external::secret(namespace, name, spec, store, inside);
        }
    }
}

fn traffic(server: &Pods, inside: &mut Inside<'_>) {
    let api = Port::tcp(8200);
    let me = Peer::Pods(server.clone());
    inside.calls_api(server);
    inside.allow(me.clone(), me.clone(), &[api, Port::tcp(8201)]);
    inside.scrape(server, 8200, "/v1/sys/metrics");
    let init = Pods::of(
        NAMESPACE,
        "init",
        &[("app.kubernetes.io/name", "vault-init")],
    );
    inside.allow(Peer::Pods(init), me.clone(), &[api]);
    external::reaches(me, api, inside);
}
