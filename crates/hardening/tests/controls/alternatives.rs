//! Every control under every alternative, on every cloud, for tests that judge all that is made.

use crate::fixture::{Fixture, shop, with};
use infra_model::expand::{Expansion, NativeBlock};
use serde_json::{Value as Json, json};

/// The controls of this page, whatever else there is.
pub(crate) const CONTROLS: &[&str] = &[
    "tls",
    "network",
    "database",
    "monitoring",
    "logging",
    "gitops",
    "quotas",
    "supply_chain",
    "policy",
    "crossplane",
    "secrets",
    "autoscaler",
];

/// The shop, with a database of its own.
pub(crate) fn with_database() -> Json {
    let mut shop = shop();
    shop["apps"]["shop"]["postgres"] =
        json!({ "from": ["back"], "backup": { "bucket": "backups" } });
    shop
}

/// A fixture with the buckets that the controls need, and a managed database.
pub(crate) fn on(cloud: &str) -> Fixture {
    let mut fixture = Fixture::on(cloud);
    for bucket in ["backups", "logs"] {
        fixture.add("bucket", bucket, &json!({ "cloud": cloud }));
    }
    let orders = json!({ "network": "main", "engine": "postgres", "version": "17" });
    fixture.add("database", "orders", &orders);
    fixture
}

/// One choice for each control that has one.
pub(crate) fn choices() -> [(&'static str, Json); 2] {
    let identities = json!([{
        "issuer": "https://token.actions.githubusercontent.com",
        "subject_regexp": "^https://github.com/acme/.+",
    }]);
    let first = json!({
        "database": { "operator": "cloudnative-pg" },
        "secrets": { "engine": "sealed-secrets", "keys": ["2026"] },
        "monitoring": { "slack_webhook": "https://hooks.slack.com/services/x", "slack_channel": "#ops" },
        "logging": { "engine": "loki", "bucket": "logs" },
        "gitops": {
            "engine": "argocd",
            "repository": "https://github.com/acme/config",
            "credentials": { "username": "infra", "password": "?" },
            "sso": {
                "issuer": "https://login.example.com", "client_id": "argocd", "client_secret": "?",
                "url": "https://argocd.example.com", "admins": "ops",
            },
        },
        "supply_chain": { "identities": identities, "clair": true },
        "policy": {
            "engine": "kyverno",
            "registries": ["ghcr.io/acme/"],
            "exceptions": [{
                "namespace": "shop",
                "labels": { "app": "legacy" },
                "rules": ["no-root"],
                "reason": "until it is rewritten",
            }],
        },
    });
    let second = json!({
        "database": { "operator": "zalando", "pooler": true },
        "secrets": { "engine": "vault", "vault": { "recovery_recipients": ["bQ=="], "bucket": "backups" } },
        "monitoring": {},
        "logging": { "engine": "elk" },
        "gitops": {
            "engine": "flux",
            "repository": "ssh://git@github.com/acme/config",
            "credentials": { "ssh_key": "?", "known_hosts": "github.com ssh-ed25519 AAAA" },
            "images": [{ "name": "front", "image": "ghcr.io/acme/front" }],
        },
        "supply_chain": { "identities": identities, "keys": ["-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"] },
        "policy": { "engine": "gatekeeper", "registries": ["ghcr.io/acme/"], "mode": "audit" },
    });
    [("first", first), ("second", second)]
}

/// All of it, each with a name.
pub(crate) fn all() -> Vec<(String, Expansion)> {
    let mut out = Vec::new();
    for cloud in ["aws", "google", "azure"] {
        for (name, choice) in choices() {
            let mut inputs = with_database();
            inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["database.orders"]);
            if name == "second" {
                inputs["apps"]["shop"]["pod_security"] = json!("baseline");
                if cloud == "azure" {
                    // Zalando's archives are not reached by an identity there.
                    inputs["apps"]["shop"]["postgres"] = json!({ "from": ["back"] });
                }
            }
            let expansion = on(cloud).harden(CONTROLS, with(inputs, choice));
            out.push((format!("{cloud}, {name} choice"), expansion));
        }
    }
    out
}

/// What the language would make of a node's texts, where values that are not known yet are a word.
pub(crate) fn rendered(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(template(text)),
        Json::Array(items) => items.iter().map(rendered).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(k, v)| (k.clone(), rendered(v)))
            .collect(),
        other => other.clone(),
    }
}

fn template(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let mark = &after[..1];
        if let Some(escaped) = after.strip_prefix(&format!("{mark}{mark}{{")) {
            out.push_str(mark);
            out.push('{');
            rest = escaped;
        } else if let Some(inner) = after.strip_prefix("${") {
            let mut depth = 1;
            let end = inner.char_indices().find(|(_, c)| {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth == 0
            });
            rest = end.map_or("", |(at, _)| &inner[at + 1..]);
            let prefix = rest.strip_prefix('/').map(str::parse::<u8>);
            out.push_str(match prefix {
                Some(Ok(_)) => "192.0.2.1",
                // "unknown" in base64
                _ if inner.starts_with("base64encode(") => "dW5rbm93bg==",
                // One of the words that it chooses among.
                _ if inner.starts_with("lookup({") => inner.split('"').nth(1).unwrap_or("unknown"),
                _ => "unknown",
            });
        } else {
            out.push_str(mark);
            rest = &after[1..];
        }
    }
    out + rest
}

/// The objects among the nodes, with namespaces, as they would be applied.
pub(crate) fn objects(expansion: &Expansion) -> Vec<Json> {
    let one = |block: &NativeBlock| match &*block.type_name {
        "kubernetes_manifest" => Some(rendered(&block.body["manifest"])),
        "kubernetes_namespace" => {
            let metadata = rendered(&block.body["metadata"]);
            Some(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }))
        }
        "kubernetes_secret" | "kubernetes_config_map" => {
            let kind = if &*block.type_name == "kubernetes_secret" {
                "Secret"
            } else {
                "ConfigMap"
            };
            let texts = if kind == "Secret" {
                "stringData"
            } else {
                "data"
            };
            Some(json!({
                "apiVersion": "v1", "kind": kind,
                "metadata": rendered(&block.body["metadata"]),
                texts: rendered(&block.body["data"]),
            }))
        }
        _ => None,
    };
    expansion.blocks.iter().filter_map(one).collect()
}

/// The values of a release.
pub(crate) fn values(expansion: &Expansion, release: &str) -> Json {
    rendered(&crate::fixture::node(expansion, &format!("helm_release.{release}"))["values"])
}

#[test]
fn templates_become_what_the_language_makes_of_them() {
    assert_eq!(template("a ${x.y[\"}\"]} b"), "a unknown\"]} b");
    assert_eq!(template("s3://${bucket.b.name}/x"), "s3://unknown/x");
    assert_eq!(template("${cluster.main.endpoint}/32"), "192.0.2.1/32");
    assert_eq!(template("$${NODE} 5 %, %%{x} $1"), "${NODE} 5 %, %{x} $1");
    assert_eq!(template("${lookup({ a = \"A\", b = \"B\" }, x.y)}"), "A");
}

#[test]
fn every_control_is_whole_under_every_alternative() {
    // Each is held against the definitions as it is made.
    let all = all();
    assert_eq!(all.len(), 6);
    for (name, expansion) in &all {
        let objects = objects(expansion);
        assert!(objects.len() > 60, "{name}: {} objects", objects.len());
        let mut seen = std::collections::BTreeSet::new();
        for object in &objects {
            let metadata = &object["metadata"];
            let identity = format!(
                "{} {} {}",
                object["kind"], metadata["namespace"], metadata["name"]
            );
            assert!(seen.insert(identity.clone()), "{name}: {identity} twice");
        }
    }
}

/// What the engine refuses at apply, refused here: nothing refers to what comes after it.
#[test]
fn nothing_waits_for_itself() {
    for (name, expansion) in all() {
        let nodes = crate::fixture::nodes(&expansion);
        for address in nodes.keys() {
            let after = nodes[address]["depends_on"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for earlier in after.iter().filter_map(Json::as_str) {
                assert!(
                    !crate::fixture::comes_after(&expansion, earlier, address),
                    "{name}: {address} and {earlier} wait for each other"
                );
                let known = nodes.contains_key(earlier)
                    || earlier.starts_with("cluster.")
                    || earlier.contains("data.");
                assert!(
                    known,
                    "{name}: {address} waits for {earlier}, which nobody makes"
                );
            }
        }
    }
}
