//! `tls`: everything that is reached from outside is reached encrypted. Envoy Gateway is the way in, cert-manager gets and renews
//! the certificates. The issuers are in `issuer`, the way in is in `gateway`, who talks to whom in `traffic`.

mod dns;
mod gateway;
mod issuer;
mod traffic;

pub(crate) use gateway::refuse_without;

use crate::app::Running;
use crate::control::Control;
use crate::inside::{Inside, Release};
use crate::node::identifier;
use crate::objects::resources;
use infra_draft::input::Input;
use infra_draft::names;
use infra_model::{Record, Value};
use serde_json::{Value as Json, json};

/// Encrypted traffic: Envoy Gateway takes what comes from outside, with a certificate for each host from cert-manager; plain HTTP
/// is only sent on to HTTPS, but for the challenges by which Let's Encrypt sees who owns a host.
#[derive(Record)]
pub(crate) struct Config {
    /// Who issues certificates: `letsencrypt`, `letsencrypt-staging` (the same with certificates that no browser trusts, for
    /// trying), `self-signed`, `ca` (an authority of the cluster's own, or the one given under `ca`), `vault`.
    #[record(optional, default = "letsencrypt")]
    pub(crate) issuer: String,
    /// Whom Let's Encrypt writes to when a certificate is about to end.
    #[record(optional)]
    pub(crate) email: Option<Input<String>>,
    /// The authority for `issuer = "ca"`. Without one the cluster makes its own.
    #[record(block, max = 1)]
    pub(crate) ca: Vec<Authority>,
    /// The Vault for `issuer = "vault"`.
    #[record(block, max = 1)]
    pub(crate) vault: Vec<VaultIssuer>,
    /// The oldest version of TLS that is spoken, `1.2` or `1.3`.
    #[record(optional, default = "1.2")]
    pub(crate) min_version: String,
    /// For how long browsers insist on HTTPS, in seconds; 0 says nothing to them.
    #[record(optional, default = 31_536_000)]
    pub(crate) hsts_seconds: i64,
    /// Who makes the records of the hosts; without it, that is for somebody else to do.
    #[record(block, max = 1)]
    pub(crate) dns: Vec<Dns>,
    /// Instances of the proxy.
    #[record(optional, default = 2)]
    pub(crate) replicas: i64,
}

/// Who makes DNS records. They point to the Gateway, or to the `load_balancer` of the stack before it.
#[derive(Record)]
pub(crate) struct Dns {
    /// The zone in the cluster's cloud, as that names it: on Google Cloud the managed zone's name, on AWS the hosted zone's id, on
    /// Azure the zone's id, `/subscriptions/…/dnsZones/NAME`. On AWS no host may be the zone's own name, unless a `load_balancer`
    /// stands before the Gateway.
    #[record(required)]
    pub(crate) zone: Input<String>,
}

/// A certificate authority.
#[derive(Record)]
pub(crate) struct Authority {
    /// Its certificate, PEM.
    #[record(required)]
    pub(crate) certificate: Input<String>,
    /// Its key, PEM. It is kept in a Secret of the cluster and in the state, encrypted.
    #[record(required, sensitive)]
    pub(crate) key: Input<String>,
}

/// A Vault that issues certificates.
#[derive(Record)]
pub(crate) struct VaultIssuer {
    /// Its address, such as `https://vault.example.com:8200`.
    #[record(required)]
    pub(crate) server: Input<String>,
    /// The path that signs, such as `pki/sign/shop`.
    #[record(required)]
    pub(crate) path: Input<String>,
    /// The role that cert-manager logs in with.
    #[record(required)]
    pub(crate) role: Input<String>,
    /// Where the Kubernetes login is mounted.
    #[record(optional, default = "/v1/auth/kubernetes")]
    pub(crate) mount: String,
    /// The certificate of the authority that Vault's own certificate comes from, PEM.
    #[record(optional)]
    pub(crate) ca: Option<Input<String>>,
}

/// Where cert-manager runs.
const CERT_MANAGER: &str = "cert-manager";
/// Where Envoy Gateway and its proxies run.
const ENVOY: &str = "envoy-gateway-system";
/// Where the Gateway and its certificates are.
const GATEWAY: &str = "gateway";
/// A host with its routes.
struct Host {
    /// A name for it in names of objects.
    key: String,
    /// The host itself, or the expression that reaches it.
    host: Json,
    routes: Vec<(String, Running)>,
}

/// The control.
pub(crate) struct Tls;

impl Control for Tls {
    const NAME: &'static str = "tls";
    const BASELINE: bool = true;
    type Config = Config;

    /// The records stay the real one's, so that nobody outside would give a certificate, and asking counts against the real one.
    fn beside(config: &mut Config) {
        config.dns.clear();
        config.vault.clear();
        if config.issuer != "ca" {
            config.issuer = "self-signed".to_owned();
        }
    }

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        check(config, inside);
        let hosts = hosts(config, inside);
        inside.namespace(CERT_MANAGER, "restricted");
        inside.namespace(ENVOY, "baseline");
        inside.namespace(GATEWAY, "restricted");
        let gateway_api = inside.crds("gateway-api");
        inside.crds("envoy-gateway");
        inside.crds("cert-manager");
        cert_manager(gateway_api.clone(), inside);
        envoy_gateway(gateway_api, inside);
        let before = gateway::before(inside);
        issuer::expand(config, inside);
        gateway::expand(config, &hosts, before.as_ref(), inside);
        dns::records(config, &hosts, before.as_ref(), inside);
        if before.is_none() {
            issuer::certificates(config, &hosts, inside);
        }
        traffic::expand(config, &hosts, inside);
    }
}

fn check(config: &Config, inside: &mut Inside<'_>) {
    let draft = &mut inside.draft;
    if !issuer::KINDS.contains(&config.issuer.as_str()) {
        let meant = infra_model::diagnostic::meant(&config.issuer, issuer::KINDS);
        draft.refuse(
            "tls.issuer",
            format!("there is no issuer `{}`{meant}", config.issuer),
            format!("write one of {}", issuer::KINDS.join(", ")),
        );
    }
    if !["1.2", "1.3"].contains(&config.min_version.as_str()) {
        draft.refuse(
            "tls.min_version",
            format!(
                "`{}` is not a version of TLS that is safe",
                config.min_version
            ),
            "write \"1.2\" or \"1.3\"",
        );
    }
    if config.issuer == "vault" && config.vault.is_empty() {
        draft.refuse(
            "tls.issuer",
            "the issuer `vault` needs to know where Vault is",
            "write `vault = { server = \"https://…\", path = \"pki/sign/shop\", role = \"cert-manager\" }`",
        );
    }
    if config.replicas < 1 {
        draft.refuse(
            "tls.replicas",
            "the proxy runs at least once",
            "write `replicas = 2`",
        );
    }
    if let Some(Input::Known(email)) = &config.email
        && !email.contains('@')
    {
        draft.refuse(
            "tls.email",
            format!("`{email}` is no e-mail address"),
            "write one that somebody reads: \"ops@example.com\"",
        );
    }
    if config.issuer.starts_with("letsencrypt") && config.email.is_none() {
        draft.remark(
            "tls",
            "Let's Encrypt can tell nobody about certificates that are about to end",
            "write `email = \"ops@example.com\"` in the table `tls`",
        );
    }
}

/// The hosts of all routes, each once.
fn hosts(config: &Config, inside: &mut Inside<'_>) -> Vec<Host> {
    let mut out: Vec<Host> = Vec::new();
    for app in inside.apps.clone() {
        for running in inside.services(&app.name).to_vec() {
            let Some(route) = running.service.route.first() else {
                continue;
            };
            let place = format!(
                "input.apps[{}].services[{}]",
                quoted(&app.name),
                quoted(&running.name)
            );
            let (host, expression) = match (&route.host, &inside.domain) {
                (Some(host), _) => (host.clone(), format!("flatten([{place}.route])[0].host")),
                (None, Some(domain)) => (domain.clone(), "input.domain".to_owned()),
                (None, None) => {
                    inside.draft.refuse(
                        &format!("{}.route", running.path),
                        "this route has no host, and the hardening no domain",
                        "write `route = { host = \"shop.example.com\" }`, or `domain = \"…\"` for all",
                    );
                    continue;
                }
            };
            if let Input::Known(name) = &host
                && !is_host(name)
            {
                inside.draft.refuse(
                    &format!("{}.route", running.path),
                    format!("`{name}` is no host"),
                    "write a name of DNS in lower case, such as \"shop.example.com\"",
                );
                continue;
            }
            if let Input::Known(name) = &host
                && name.starts_with("*.")
                && config.issuer.starts_with("letsencrypt")
            {
                inside.draft.refuse(
                    &format!("{}.route.host", running.path),
                    format!("Let's Encrypt gives no certificate for `{name}` to who answers under single hosts (HTTP-01)"),
                    "write each host, or another `issuer` in the table `tls`: \"ca\", \"self-signed\" or \"vault\"",
                );
                continue;
            }
            if !route.path.starts_with('/') {
                inside.draft.refuse(
                    &format!("{}.route.path", running.path),
                    format!("`{}` is no path", route.path),
                    "paths begin with a slash: `path = \"/api\"`",
                );
            }
            let key = match &host {
                Input::Known(name) => {
                    let name = name.replace("*.", "wildcard.");
                    names::fit(&names::slug(&name), "", 40)
                }
                Input::Later => names::fit(
                    &names::slug(&format!("{}-{}", app.name, running.name)),
                    "",
                    40,
                ),
            };
            let routed = (app.namespace().to_owned(), running);
            match out.iter_mut().find(|h| h.key == key) {
                Some(there) => {
                    let is_same =
                        |other: &&(String, Running)| path_of(&other.1) == path_of(&routed.1);
                    if let Some((_, other)) = there.routes.iter().find(is_same) {
                        inside.draft.refuse(
                            &format!("{}.route", routed.1.path),
                            format!("{} has the same path of the same host: only one of the two would be reached", other.path),
                            "give one of them another `path` or `host`",
                        );
                    }
                    there.routes.push(routed);
                }
                None => out.push(Host {
                    key,
                    host: host.json(&expression),
                    routes: vec![routed],
                }),
            }
        }
    }
    out
}

/// What paths of a service begin with, as the Gateway compares them: `/a` and `/a/` are one.
fn path_of(running: &Running) -> &str {
    let path = running
        .service
        .route
        .first()
        .map_or("/", |route| &route.path);
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

fn quoted(text: &str) -> String {
    Json::String(text.to_owned()).to_string()
}

fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    text.len() <= 253 && name.contains('.') && name.split('.').all(crate::flow::is_label)
}

fn cert_manager(gateway_api: String, inside: &mut Inside<'_>) {
    let small = || resources(["10m", "32Mi"], ["100m", "128Mi"]);
    let disruption = || json!({ "enabled": true, "minAvailable": 1 });
    let values = json!({
        // Definitions are resources of their own.
        "crds": { "enabled": false },
        "config": {
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
            "gatewayAPI": { "enabled": true },
        },
        "global": {
            "priorityClassName": "system-cluster-critical",
            // Autopilot clusters keep everybody out of kube-system.
            "leaderElection": { "namespace": CERT_MANAGER },
        },
        "replicaCount": 2,
        "podDisruptionBudget": disruption(),
        "resources": resources(["10m", "64Mi"], ["200m", "256Mi"]),
        "webhook": {
            "replicaCount": 3,
            "timeoutSeconds": 10,
            "podDisruptionBudget": disruption(),
            "resources": small(),
        },
        "cainjector": {
            "replicaCount": 2,
            "podDisruptionBudget": disruption(),
            "resources": resources(["10m", "128Mi"], ["200m", "512Mi"]),
        },
        "startupapicheck": { "resources": small() },
    });
    inside.release(Release {
        chart: "cert-manager",
        namespace: CERT_MANAGER,
        values,
        kinds: &[
            "cert-manager.io/Certificate",
            "acme.cert-manager.io/Challenge",
        ],
        serves: &["cert-manager.io", "acme.cert-manager.io"],
        provides: &[
            "Deployment/cert-manager",
            "Deployment/cert-manager-webhook",
            "Deployment/cert-manager-cainjector",
        ],
        // It looks for the Gateway API once, when it starts.
        after: vec![gateway_api],
        ..Release::default()
    });
}

fn envoy_gateway(gateway_api: String, inside: &mut Inside<'_>) {
    let values = json!({
        "crds": { "enabled": false },
        "deployment": {
            "replicas": 2,
            "priorityClassName": "system-cluster-critical",
            "envoyGateway": { "resources": resources(["100m", "256Mi"], ["1", "1024Mi"]) },
        },
        "podDisruptionBudget": { "minAvailable": 1 },
        // Without any, a quota would refuse the job.
        "certgen": { "job": { "resources": resources(["10m", "32Mi"], ["200m", "128Mi"]) } },
    });
    inside.release(Release {
        chart: "envoy-gateway",
        namespace: ENVOY,
        values,
        kinds: &["gateway.envoyproxy.io/EnvoyProxy"],
        provides: &["Deployment/envoy-gateway"],
        after: vec![gateway_api],
        ..Release::default()
    });
}

/// The address of an object of ours, by what it is.
fn object_address(kind: &str, namespace: &str, name: &str) -> String {
    format!(
        "kubernetes_manifest.{}",
        identifier(&[kind, namespace, name])
    )
}

/// A fact of another component's.
fn fact<'a>(known: &'a infra_model::expand::Known, name: &str) -> Option<&'a Value> {
    known.facts.get(name)
}
