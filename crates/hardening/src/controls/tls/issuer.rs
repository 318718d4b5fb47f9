//! Who issues certificates, and the certificates themselves.

use super::{CERT_MANAGER, Config, GATEWAY, Host, dns, object_address};
use crate::inside::Inside;
use crate::node::Wait;
use crate::objects::object;
use serde_json::{Value as Json, json};

/// The issuers that there are.
pub(super) const KINDS: [&str; 5] = [
    "letsencrypt",
    "letsencrypt-staging",
    "self-signed",
    "ca",
    "vault",
];

const API: &str = "cert-manager.io/v1";

/// The issuer that services use.
pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    let spec = match config.issuer.as_str() {
        "letsencrypt" => acme(config, "https://acme-v02.api.letsencrypt.org/directory"),
        "letsencrypt-staging" => acme(
            config,
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        ),
        "self-signed" => json!({ "selfSigned": {} }),
        "ca" => authority(config, inside),
        "vault" => vault(config, inside),
        _ => return,
    };
    let issuer = object(
        API,
        "ClusterIssuer",
        "",
        &config.issuer,
        json!({ "spec": spec }),
    );
    let address = inside.waited(issuer, Wait::default().condition("Ready"));
    if config.issuer == "ca" {
        let earlier = match config.ca.first() {
            Some(_) => "kubernetes_secret.authority".to_owned(),
            None => object_address("Certificate", CERT_MANAGER, "authority"),
        };
        inside.after(&address, [earlier]);
    }
}

/// A certificate for each host, beside the Gateway that shows them.
pub(super) fn certificates(config: &Config, hosts: &[Host], inside: &mut Inside<'_>) {
    let issuer = object_address("ClusterIssuer", "", &config.issuer);
    let gateway = object_address("Gateway", GATEWAY, super::gateway::NAME);
    for host in hosts {
        let spec = json!({
            "secretName": secret(host),
            "dnsNames": [host.host],
            "issuerRef": { "group": "cert-manager.io", "kind": "ClusterIssuer", "name": config.issuer },
            "privateKey": { "algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always" },
            // Of its life, whatever that is: Let's Encrypt shortens it.
            "renewBeforePercentage": 33,
            "usages": ["digital signature", "server auth"],
        });
        let certificate = object(
            API,
            "Certificate",
            GATEWAY,
            &secret(host),
            json!({ "spec": spec }),
        );
        // Let's Encrypt answers only when the host's record points here, which nobody may have made yet: the audit says so
        // until it is there.
        let record = dns::record(config, host, inside);
        let wait = if config.issuer.starts_with("letsencrypt") && record.is_none() {
            Wait::default()
        } else {
            Wait::default().condition("Ready")
        };
        let address = inside.waited(certificate, wait);
        // The challenge comes in through the Gateway's port 80.
        inside.after(
            &address,
            [issuer.clone(), gateway.clone()].into_iter().chain(record),
        );
    }
}

/// The Secret of a host's certificate.
pub(super) fn secret(host: &Host) -> String {
    format!("tls-{}", host.key)
}

fn acme(config: &Config, server: &str) -> Json {
    let gateway = json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway",
        "name": super::gateway::NAME, "namespace": GATEWAY, "sectionName": "http",
    });
    let email = config
        .email
        .as_ref()
        .map(|e| e.json(&format!("{}.email", Inside::input("tls"))));
    json!({ "acme": {
        "server": server,
        "email": email,
        "privateKeySecretRef": { "name": format!("{}-account", config.issuer) },
        "solvers": [{ "http01": { "gatewayHTTPRoute": {
            "parentRefs": [gateway],
            // Pods of the restricted standard, which the Gateway's namespace holds.
            "podTemplate": { "spec": { "securityContext": {
                "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" },
            } } },
        } } }],
    } })
}

/// An authority that was given, or one that the cluster makes.
fn authority(config: &Config, inside: &mut Inside<'_>) -> Json {
    if let Some(given) = config.ca.first() {
        let table = format!("flatten([{}.ca])[0]", Inside::input("tls"));
        let metadata = json!({ "name": "authority", "namespace": CERT_MANAGER });
        let data = json!({
            "tls.crt": given.certificate.json(&format!("{table}.certificate")),
            "tls.key": given.key.json(&format!("{table}.key")),
        });
        inside.secret("authority", metadata, Some("kubernetes.io/tls"), data);
    } else {
        let root = object(
            API,
            "ClusterIssuer",
            "",
            "root",
            json!({ "spec": { "selfSigned": {} } }),
        );
        let root = inside.waited(root, Wait::default().condition("Ready"));
        let spec = json!({
            "isCA": true,
            "commonName": "Cluster authority",
            "secretName": "authority",
            // Ten years; renewed as the others are.
            "duration": "87600h",
            "privateKey": { "algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always" },
            "issuerRef": { "group": "cert-manager.io", "kind": "ClusterIssuer", "name": "root" },
        });
        let certificate = object(
            API,
            "Certificate",
            CERT_MANAGER,
            "authority",
            json!({ "spec": spec }),
        );
        let address = inside.waited(certificate, Wait::default().condition("Ready"));
        inside.after(&address, [root]);
    }
    json!({ "ca": { "secretName": "authority" } })
}

fn vault(config: &Config, inside: &mut Inside<'_>) -> Json {
    let Some(given) = config.vault.first() else {
        return Json::Null;
    };
    // cert-manager asks for tokens of the account that it shows to Vault, and of that one alone.
    let rest = json!({ "rules": [{
        "apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": [ACCOUNT], "verbs": ["create"],
    }] });
    inside.object(object(
        "v1",
        "ServiceAccount",
        CERT_MANAGER,
        ACCOUNT,
        json!({}),
    ));
    inside.object(object(
        "rbac.authorization.k8s.io/v1",
        "Role",
        CERT_MANAGER,
        ACCOUNT,
        rest,
    ));
    let rest = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT },
        "subjects": [{ "kind": "ServiceAccount", "name": "cert-manager", "namespace": CERT_MANAGER }],
    });
    inside.object(object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        CERT_MANAGER,
        ACCOUNT,
        rest,
    ));
    let at = |name: &str| format!("flatten([{}.vault])[0].{name}", Inside::input("tls"));
    let ca = match &given.ca {
        None => Json::Null,
        Some(_) => json!(format!("${{base64encode({})}}", at("ca"))),
    };
    json!({ "vault": {
        "server": given.server.json(&at("server")),
        "path": given.path.json(&at("path")),
        "caBundle": ca,
        "auth": { "kubernetes": {
            "role": given.role.json(&at("role")),
            "mountPath": infra_draft::input::escape(&given.mount),
            "serviceAccountRef": { "name": ACCOUNT },
        } },
    } })
}

/// The account that cert-manager shows to Vault.
const ACCOUNT: &str = "vault-issuer";
