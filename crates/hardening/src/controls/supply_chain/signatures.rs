//! Signatures: images of the registries named must be signed by one of the identities or keys named.

use super::{Config, Identity};
use crate::azure;
use crate::control::plain;
use crate::controls::policy;
use crate::flow::{Peer, Pods, Port};
use crate::identity::Lowered;
use crate::inside::{Inside, Release};
use crate::node::Wait;
use crate::objects::{object, resources};
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

const FULCIO: &str = "https://fulcio.sigstore.dev";
const REKOR: &str = "https://rekor.sigstore.dev";
const NAME: &str = "signed-images";
/// Where sigstore's own controller stands.
const CONTROLLER: &str = "cosign-system";
/// The account of its pods.
const ACCOUNT: &str = "policy-controller-webhook";
/// Where tokens for Azure are in its pods.
const TOKENS: &str = "/var/run/secrets/azure/tokens";
/// The label of the namespaces that it judges.
const OPT_IN: (&str, &str) = ("policy.sigstore.dev/include", "true");

pub(super) fn expand(config: &Config, inside: &mut Inside<'_>) {
    let policies = inside
        .on("policy")
        .then(|| inside.config::<policy::Config>("policy").ok())
        .flatten();
    let mut registries = config.registries.clone();
    if registries.is_empty()
        && let Some(policies) = &policies
    {
        registries.clone_from(&policies.registries);
    }
    if registries.is_empty() {
        inside.draft.refuse(
            "supply_chain",
            "it is not said which images must be signed",
            "write `registries = [\"ghcr.io/acme/\"]` here, or in the control `policy`",
        );
        return;
    }
    if verifier(config, inside) == "kyverno" {
        if policies.is_none_or(|p| p.engine != "kyverno") {
            inside.draft.refuse(
                "supply_chain.verifier",
                "Kyverno is not installed: the control `policy` is off, or Gatekeeper's",
                "write `verifier = \"policy-controller\"`",
            );
            return;
        }
        let policy = image_policy(config, &registries, inside);
        let ready = Wait::default().field("status.conditionStatus.ready", "^true$");
        inside.waited(policy, ready);
    } else {
        install(inside);
        inside.object(cluster_policy(config, &registries));
    }
}

/// Who verifies: who is named, or Kyverno where it judges pods anyway.
pub(super) fn verifier(config: &Config, inside: &Inside<'_>) -> &'static str {
    let kyverno = || {
        let policies = inside.on("policy");
        let policies = policies.then(|| inside.config::<policy::Config>("policy").ok());
        policies.flatten().is_some_and(|p| p.engine == "kyverno")
    };
    match config.verifier.as_deref() {
        Some("kyverno") => "kyverno",
        None if kyverno() => "kyverno",
        _ => "policy-controller",
    }
}

/// Everything but the cloud's and the platform's namespaces: the apps'.
fn apps(inside: &Inside<'_>) -> Vec<String> {
    inside
        .namespaces
        .iter()
        .filter(|(_, n)| n.app)
        .map(|(name, _)| name.clone())
        .collect()
}

/// An identity, in the words that both verifiers have for it.
fn who(identity: &Identity) -> Json {
    let mut who = json!({ "issuer": identity.issuer });
    match (&identity.subject, &identity.subject_regexp) {
        (Some(subject), _) => who["subject"] = json!(subject),
        (None, expression) => who["subjectRegExp"] = json!(expression),
    }
    who
}

/// For Kyverno.
fn image_policy(config: &Config, registries: &[String], inside: &Inside<'_>) -> Json {
    let mut attestors = Vec::new();
    for (index, identity) in config.identities.iter().enumerate() {
        attestors.push(json!({
            "name": format!("identity{index}"),
            "cosign": { "keyless": { "identities": [who(identity)] }, "ctlog": { "url": REKOR } },
        }));
    }
    for (index, key) in config.keys.iter().enumerate() {
        attestors
            .push(json!({ "name": format!("key{index}"), "cosign": { "key": { "data": key } } }));
    }
    let all: Vec<String> = attestors
        .iter()
        .filter_map(|a| Some(format!("attestors.{}", a["name"].as_str()?)))
        .collect();
    let verified = |list: &str| {
        format!(
            "images.{list}.map(image, verifyImageSignatures(image, [{}])).all(count, count > 0)",
            all.join(", ")
        )
    };
    let validations: Vec<Json> = ["containers", "initContainers", "ephemeralContainers"]
        .map(|list| {
            json!({
                "expression": verified(list),
                "message": "images must be signed by one of the identities that the stack names",
            })
        })
        .to_vec();
    let references: Vec<Json> = registries
        .iter()
        .map(|r| json!({ "glob": format!("{r}*") }))
        .collect();
    // Beside what needs no login, that of the cluster's cloud.
    let credentials = (!inside.registries().is_empty()).then(|| {
        let provider = match inside.site.cloud {
            Cloud::Aws(_) => "amazon",
            Cloud::Google(_) => "google",
            Cloud::Azure(_) => "azure",
        };
        json!({ "providers": ["default", provider] })
    });
    let mut spec = plain(json!({
        "validationActions": [if config.mode == "enforce" { "Deny" } else { "Audit" }],
        "failurePolicy": "Fail",
        // Registries are far away.
        "webhookConfiguration": { "timeoutSeconds": 15 },
        "evaluation": { "background": { "enabled": false } },
        "matchConstraints": {
            "namespaceSelector": { "matchExpressions": [{
                "key": "kubernetes.io/metadata.name", "operator": "In", "values": apps(inside),
            }] },
            "resourceRules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["pods", "pods/ephemeralcontainers"],
            }],
        },
        // Registries are asked when something is to run, and not when a pod is labelled or says how it is.
        "matchConditions": [{ "name": "changes-what-runs", "expression": policy::CHANGES }],
        "matchImageReferences": references,
        // What was verified is what runs: the tag becomes the digest.
        "validationConfigurations": { "mutateDigest": true, "verifyDigest": true, "required": true },
        "attestors": attestors,
        "validations": validations,
    }));
    if let Some(credentials) = credentials {
        spec["credentials"] = credentials;
    }
    object(
        "policies.kyverno.io/v1",
        "ImageValidatingPolicy",
        "",
        NAME,
        json!({ "spec": spec }),
    )
}

/// Sigstore's own controller.
fn install(inside: &mut Inside<'_>) {
    for name in apps(inside) {
        if let Some(namespace) = inside.namespaces.get_mut(&name) {
            namespace.labels.insert(OPT_IN.0.into(), OPT_IN.1.into());
        }
    }
    inside.namespace(CONTROLLER, "restricted");
    inside.crds("sigstore-policy-controller");
    let pods = Pods::of(
        CONTROLLER,
        "webhook",
        &[("control-plane", "policy-controller-webhook")],
    );
    inside.calls_api(&pods);
    // The chart's, when it goes.
    inside.calls_api(&Pods::job(CONTROLLER, "leases-cleanup"));
    inside.called_by_api(&pods, 8443);
    inside.scrape(&pods, 9090, "/metrics");
    inside.allow(Peer::Pods(pods.clone()), Peer::Internet, &[Port::tcp(443)]);
    let reader = inside.reads_images("policy-controller", &pods, ACCOUNT);
    let safe = json!({ "enabled": true, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    let mut cleanup = safe.clone();
    cleanup["allowPrivilegeEscalation"] = json!(false);
    cleanup["capabilities"] = json!({ "drop": ["ALL"] });
    let mut webhook = json!({
        "replicaCount": 2,
        "failurePolicy": "Fail",
        "podSecurityContext": safe,
        "podDisruptionBudget": { "enabled": true, "minAvailable": 1 },
        // What no policy is for is let in: only the registries named are asked for signatures.
        "configData": { "no-match-policy": "allow" },
        "resources": resources(["100m", "128Mi"], ["500m", "512Mi"]),
    });
    let mut before = Vec::new();
    if let Some(reader) = reader {
        logs_in(&mut webhook, &reader, inside);
        before = reader.before;
    }
    inside.release(Release {
        chart: "policy-controller",
        namespace: CONTROLLER,
        values: json!({
            "installCRDs": false,
            "webhook": webhook,
            // It is the container's, in spite of its name, and has nothing of a restricted one by itself.
            "leasescleanup": { "podSecurityContext": cleanup, "resources": resources(["10m", "32Mi"], ["100m", "128Mi"]) },
        }),
        serves: &["policy.sigstore.dev"],
        provides: &["Deployment/policy-controller-webhook"],
        after: before,
        ..Release::default()
    });
}

/// How the controller logs in to the registries. Its chart has no word for labels of pods, by which AKS would hand it a token: so it asks
/// for the token itself, and is told what AKS would tell it. It knows one registry of Azure's, which must be in public Azure.
/// <https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html>,
/// <https://github.com/sigstore/policy-controller/blob/main/pkg/webhook/registryauth/azure/acrhelper.go>
fn logs_in(webhook: &mut Json, reader: &Lowered, inside: &mut Inside<'_>) {
    webhook["serviceAccount"] = json!({ "annotations": reader.annotations });
    if !matches!(inside.site.cloud, Cloud::Azure(_)) {
        return;
    }
    let mut names: Vec<String> = inside
        .registries()
        .into_iter()
        .filter_map(|r| r.name)
        .collect();
    if names.len() > 1 {
        inside.draft.remark(
            "supply_chain.verifier",
            format!("sigstore's policy-controller logs in to one registry of Azure's: here to the first of {}", names.len()),
            "let Kyverno verify: `verifier = \"kyverno\"`; or keep what must be signed in one registry",
        );
    }
    azure::public_only(
        "policy_controller_registry",
        "sigstore's policy-controller logs in to registries of public Azure alone, and refuses all images of others: let Kyverno verify, `verifier = \"kyverno\"` under `supply_chain`",
        inside,
    );
    names.truncate(1);
    let client = reader.annotations["azure.workload.identity/client-id"].clone();
    webhook["env"] = json!({
        "AZURE_CLIENT_ID": client,
        "AZURE_TENANT_ID": "${data.azurerm_client_config.this.tenant_id}",
        "AZURE_FEDERATED_TOKEN_FILE": format!("{TOKENS}/azure-identity-token"),
        "ACR_NAME": names.pop(),
    });
    let token = json!({ "serviceAccountToken": {
        "audience": azure::POD_AUDIENCE, "expirationSeconds": 3600, "path": "azure-identity-token",
    } });
    webhook["volumes"] =
        json!([{ "name": "azure-identity-token", "projected": { "sources": [token] } }]);
    webhook["volumeMounts"] =
        json!([{ "name": "azure-identity-token", "mountPath": TOKENS, "readOnly": true }]);
}

/// For sigstore's own controller.
fn cluster_policy(config: &Config, registries: &[String]) -> Json {
    let mut authorities = Vec::new();
    if !config.identities.is_empty() {
        authorities.push(json!({
            "name": "identities",
            "keyless": { "url": FULCIO, "identities": config.identities.iter().map(who).collect::<Vec<_>>() },
            "ctlog": { "url": REKOR },
            // What cosign 3 writes.
            "signatureFormat": "bundle",
        }));
    }
    for (index, key) in config.keys.iter().enumerate() {
        authorities.push(json!({
            "name": format!("key{index}"),
            "key": { "data": key, "hashAlgorithm": "sha256" },
        }));
    }
    let images: Vec<Json> = registries
        .iter()
        .map(|r| json!({ "glob": format!("{r}**") }))
        .collect();
    let mode = if config.mode == "enforce" {
        "enforce"
    } else {
        "warn"
    };
    let spec = plain(json!({ "images": images, "authorities": authorities, "mode": mode }));
    object(
        "policy.sigstore.dev/v1beta1",
        "ClusterImagePolicy",
        "",
        NAME,
        json!({ "spec": spec }),
    )
}
