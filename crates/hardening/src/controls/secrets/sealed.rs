//! Sealed Secrets. The keys are made before the controller, so that secrets can be sealed before there is a cluster, and a cluster
//! that is made anew reads what stands in the repository. The controller makes none itself: a key that it made would be in no
//! backup.

use super::Config;
use crate::flow::{Peer, Pods, Port};
use crate::inside::{Inside, Release};
use crate::node::identifier;
use crate::objects::resources;
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

const NAMESPACE: &str = "sealed-secrets";
/// What `kubeseal` looks for.
const CONTROLLER: &str = "sealed-secrets-controller";
/// The label by which the controller finds its keys.
const ACTIVE: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// Ten years, as the controller's own.
const VALID_HOURS: i64 = 87_600;

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    let names = names(config, inside);
    inside.namespace(NAMESPACE, "restricted");
    inside.crds("sealed-secrets");
    let mut before = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if inside.origin.is_some() {
            before.extend(found(index, name, inside));
            continue;
        }
        before.push(key(name, inside));
        backup(name, inside);
    }
    let values = json!({
        "fullnameOverride": CONTROLLER,
        // Keys are renewed by a new name in the stack.
        "keyrenewperiod": "0",
        "resources": resources(["25m", "64Mi"], ["200m", "256Mi"]),
        // The controller reads its keys when it starts.
        "podAnnotations": { "keys": names.join(" ") },
        "networkPolicy": { "enabled": false },
        "metrics": { "serviceMonitor": { "enabled": false } },
        "priorityClassName": "system-cluster-critical",
    });
    inside.release(Release {
        chart: "sealed-secrets",
        namespace: NAMESPACE,
        values,
        kinds: &["bitnami.com/SealedSecret"],
        provides: &["Deployment/sealed-secrets-controller"],
        after: before,
        ..Release::default()
    });
    let controller = Pods::of(
        NAMESPACE,
        "controller",
        &[("app.kubernetes.io/name", "sealed-secrets")],
    );
    inside.calls_api(&controller);
    // `kubeseal --fetch-cert` comes through the API.
    inside.allow(
        Peer::Api,
        Peer::Pods(controller.clone()),
        &[Port::tcp(8080)],
    );
    inside.scrape(&controller, 8081, "/metrics");
    if let Some(newest) = names.last().filter(|_| inside.origin.is_none()) {
        let certificate = format!("tls_self_signed_cert.{}.cert_pem", block(newest));
        if let Some(file) = &config.certificate_file {
            let body = json!({
                "filename": format!("${{path.root}}/{}", escape(file)), "content": format!("${{{certificate}}}"), "file_permission": "0644",
            });
            inside.builtin("local_file", "sealing_certificate", body);
        }
        inside.sealing_certificate = Some(certificate);
    }
}

fn names(config: &Config, inside: &mut Inside<'_>) -> Vec<String> {
    if config.keys.is_empty() {
        return vec!["first".to_owned()];
    }
    for (index, name) in config.keys.iter().enumerate() {
        let path = format!("secrets.keys[{index}]");
        if !crate::flow::is_label(name) {
            inside.draft.refuse(
                &path,
                format!("`{name}` cannot be the name of a sealing key"),
                "use lower-case letters, digits and hyphens, such as \"2026-11\"",
            );
        }
        if config.keys[..index].contains(name) {
            inside.draft.refuse(
                &path,
                format!("there is a key `{name}` already"),
                "give each a name of its own",
            );
        }
    }
    config.keys.clone()
}

fn block(name: &str) -> String {
    identifier(&["sealing", name])
}

/// A key with its certificate, as the controller finds it; its address.
fn key(name: &str, inside: &mut Inside<'_>) -> String {
    let block = block(name);
    let body = json!({ "algorithm": "RSA", "rsa_bits": 4096 });
    inside.builtin("tls_private_key", &block, body);
    let private_key = format!("${{tls_private_key.{block}.private_key_pem}}");
    secret(name, &private_key, inside)
}

/// A key of the origin's, which is all that a copy needs: its backup is the origin's too.
fn found(index: usize, name: &str, inside: &mut Inside<'_>) -> Option<String> {
    let origin = inside.origin.as_ref();
    let Some(key) = origin.and_then(|o| o.keys.get(name)).cloned() else {
        inside.draft.refuse(
            &format!("secrets.keys[{index}]"),
            format!("the sealing key `{name}` was not found: what it has sealed stays closed"),
            "make it, by `infra apply`",
        );
        return None;
    };
    Some(secret(name, &escape(&key.0), inside))
}

/// A key with a certificate, as the controller finds it; its address.
fn secret(name: &str, private_key: &str, inside: &mut Inside<'_>) -> String {
    let block = block(name);
    let body = json!({
        "private_key_pem": private_key,
        "validity_period_hours": VALID_HOURS,
        "allowed_uses": ["key_encipherment"],
        "subject": { "common_name": format!("sealing key {name}") },
    });
    inside.builtin("tls_self_signed_cert", &block, body);
    let metadata = json!({
        "name": format!("sealing-key-{name}"), "namespace": NAMESPACE, "labels": { ACTIVE: "active" },
    });
    let data = json!({
        "tls.crt": format!("${{tls_self_signed_cert.{block}.cert_pem}}"), "tls.key": private_key,
    });
    inside.secret(&block, metadata, Some("kubernetes.io/tls"), data)
}

/// The key in the cloud's secret manager, for the day on which cluster and state are lost.
fn backup(name: &str, inside: &mut Inside<'_>) {
    let block = block(name);
    let key: Json = json!(format!("${{tls_private_key.{block}.private_key_pem}}"));
    match inside.site.cloud.clone() {
        Cloud::Aws(_) => {
            let body = json!({
                // A name stays taken for a while after its end.
                "name_prefix": format!("{}-", inside.draft.name(&format!("sealing-{name}"), 200)),
                "description": format!("Sealing key {name}"),
                "recovery_window_in_days": if inside.draft.protect() { 30 } else { 7 },
                "tags": inside.draft.tags(&format!("sealing-{name}"), &[]),
            });
            inside.cloud("aws_secretsmanager_secret", &block, body);
            let body = json!({
                "secret_id": format!("${{aws_secretsmanager_secret.{block}.id}}"), "secret_string": key,
            });
            inside.cloud("aws_secretsmanager_secret_version", &block, body);
        }
        Cloud::Google(_) => {
            let body = json!({
                "secret_id": inside.draft.name(&format!("sealing-{name}"), 200),
                "replication": { "auto": {} },
                "labels": inside.draft.labels(),
            });
            inside.cloud("google_secret_manager_secret", &block, body);
            let body = json!({
                "secret": format!("${{google_secret_manager_secret.{block}.id}}"), "secret_data": key,
            });
            inside.cloud("google_secret_manager_secret_version", &block, body);
        }
        Cloud::Azure(_) => {
            let vault = "azurerm_key_vault.sealing";
            if !inside.nodes.iter().any(|node| node.address() == vault) {
                super::key_vault("sealing", inside);
            }
            let body = json!({
                "name": format!("sealing-{name}"),
                "key_vault_id": format!("${{{vault}.id}}"),
                "value": key,
                "content_type": "application/x-pem-file",
                "tags": inside.draft.plain_tags(),
            });
            let secret = inside.cloud("azurerm_key_vault_secret", &block, body);
            inside.after(&secret, [super::operator("sealing")]);
        }
    }
}
