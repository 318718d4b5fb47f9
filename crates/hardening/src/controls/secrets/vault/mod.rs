//! Vault: three instances that agree by Raft, TLS of its own, unsealed by a key of the cloud; and External Secrets, which brings
//! what is in it to namespaces. A job initialises it once (`setup`): the recovery keys come out encrypted to people's PGP keys and go
//! to the cloud's secret manager (`recovery`), and the root token is revoked before the job ends.

mod recovery;
mod setup;
mod snapshots;
mod unseal;

use super::external::{self, ACCOUNT};
use super::{Config, Vault};
use crate::flow::{Peer, Pods, Port};
use crate::identity::{Grant, Identity, Lowered};
use crate::inside::{Inside, Release};
use crate::objects::{object, resources};
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

const NAMESPACE: &str = "vault";
/// The image of the job, which is that of the chart.
const IMAGE: &str = "docker.io/hashicorp/vault:2.0.4";
/// Whom the tokens of service accounts are for that log in to it: the API server takes no such token, and Vault no other.
const AUDIENCE: &str = "vault";
/// What the recovery keys are called in it, below the namespace's name.
const RECOVERY: &str = "recovery-keys";
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
    let (seal, key, before) = unseal::unseal(inside);
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
    let init = setup::job(vault, inside, release);
    if let Some(bucket) = snapshots::bucket(vault, inside) {
        snapshots::expand(vault, &bucket, &server, init.clone(), inside);
    }
    let kept = recovery::kept(inside);
    external::expand(true, inside);
    let own = stores(&init, inside);
    recovery::push(kept, own, inside);
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

/// Whom the pods of jobs are.
fn security() -> Json {
    json!({
        "runAsNonRoot": true, "runAsUser": 100, "runAsGroup": 1000, "fsGroup": 1000, "seccompProfile": { "type": "RuntimeDefault" },
    })
}

/// The volume `tls`: Vault's certificate without its key.
fn authority() -> Json {
    let items = json!([{ "key": "ca.crt", "path": "ca.crt" }]);
    json!({ "name": "tls", "secret": { "secretName": "vault-tls", "items": items } })
}

/// The volume `token`, with the token that a pod's account logs in to Vault by.
fn token() -> Json {
    let token = json!({ "audience": AUDIENCE, "path": "vault", "expirationSeconds": 3600 });
    json!({ "name": "token", "projected": { "sources": [{ "serviceAccountToken": token }] } })
}

/// In each app's namespace a store `vault`, by which External Secrets reads what stands in Vault under the namespace's name, and nothing
/// else; and one in Vault's own namespace, whose address this gives.
fn stores(init: &str, inside: &mut Inside<'_>) -> String {
    let apps = inside.apps.iter().map(|app| app.namespace().to_owned());
    for namespace in apps.collect::<Vec<_>>() {
        store(&namespace, init, inside);
    }
    store(NAMESPACE, init, inside)
}

fn store(namespace: &str, init: &str, inside: &mut Inside<'_>) -> String {
    let rest = json!({ "automountServiceAccountToken": false });
    let account = object("v1", "ServiceAccount", namespace, ACCOUNT, rest);
    let account = inside.object(account);
    let provider = json!({ "vault": {
        "server": "https://vault-active.vault.svc:8200",
        "path": "secret",
        "version": "v2",
        "caBundle": "${base64encode(tls_self_signed_cert.vault.cert_pem)}",
        "auth": { "kubernetes": {
            "mountPath": "kubernetes",
            "role": "namespace",
            "serviceAccountRef": { "name": ACCOUNT, "audiences": [AUDIENCE] },
        } },
    } });
    let rest = json!({ "spec": { "provider": provider } });
    let store = external::store(namespace, "vault", rest, inside);
    inside.after(&store, [account, init.to_owned()]);
    store
}

fn traffic(server: &Pods, inside: &mut Inside<'_>) {
    let api = Port::tcp(8200);
    let me = Peer::Pods(server.clone());
    inside.calls_api(server);
    inside.allow(me.clone(), me.clone(), &[api, Port::tcp(8201)]);
    // By its certificate, and in Prometheus' format, which is not its own:
    // https://developer.hashicorp.com/vault/api-docs/system/metrics
    let asked = json!({
        "scheme": "https",
        "tlsConfig": {
            "ca": { "secret": { "name": "vault-tls", "key": "ca.crt" } },
            "serverName": "vault-active.vault.svc",
        },
        "params": { "format": ["prometheus"] },
    });
    inside.scrape_by(server, 8200, "/v1/sys/metrics", asked);
    let init = Pods::of(
        NAMESPACE,
        "init",
        &[("app.kubernetes.io/name", "vault-init")],
    );
    inside.allow(Peer::Pods(init), me.clone(), &[api]);
    external::reaches(me, api, inside);
}
