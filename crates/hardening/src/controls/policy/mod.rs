//! Policies: what a pod must not be. Apps are judged from the first apply. The platform is only looked at, until all of it is there
//! and a scan of it was clean; then it is judged too.

mod exceptions;
mod gatekeeper;
mod kyverno;
mod rules;
mod scan;

use crate::control::Control;
use crate::inside::Inside;
use crate::system;
use exceptions::Exception;
use infra_model::Record;
use infra_model::diagnostic::meant;
use rules::{RULES, Rule};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Policies as code: no root, limits of processor and memory, images from trusted registries under a fixed name, nothing of the
/// node's, no more privileges. The cloud's own namespaces are exempt.
#[derive(Record)]
pub(crate) struct Config {
    /// Who judges: `kyverno` or `gatekeeper`.
    #[record(optional, default = "kyverno")]
    pub(crate) engine: String,
    /// What names of images of apps begin with, such as `ghcr.io/acme/`. Without any, images may come from everywhere.
    #[record(optional)]
    pub(crate) registries: Vec<String>,
    /// What becomes of what breaks a rule: `enforce` refuses it, `audit` only reports it.
    #[record(optional, default = "enforce")]
    pub(crate) mode: String,
    /// The same for the platform's own namespaces. What runs there is looked at first: nothing is refused before a scan has found
    /// nothing that would be. Where it finds something, the apply ends with the list of it.
    #[record(optional, default = "enforce")]
    pub(crate) platform: String,
    /// More that names of images of the platform may begin with: mirrors.
    #[record(optional)]
    pub(crate) platform_registries: Vec<String>,
    /// Namespaces that are not judged, beside those of the cloud.
    #[record(optional)]
    pub(crate) exempt: Vec<String>,
    /// Workloads that need what a rule forbids.
    #[record(block)]
    pub(crate) exceptions: Vec<Except>,
}

/// A workload that needs what rules forbid.
#[derive(Record)]
pub(crate) struct Except {
    /// Its namespace.
    #[record(required)]
    pub(crate) namespace: String,
    /// Labels of its pods, by which it is known.
    #[record(required)]
    pub(crate) labels: BTreeMap<String, String>,
    /// The rules that it is excepted from: `no-root`, `limits-required`, `trusted-registries`, `pinned-images`, `no-host-access`,
    /// `no-privilege-escalation`.
    #[record(required)]
    pub(crate) rules: Vec<String>,
    /// Why, for whoever reads it later.
    #[record(required)]
    pub(crate) reason: String,
}

/// Whose namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// All but the platform's and the cloud's.
    Apps,
    /// The platform's.
    Platform,
}

impl Tier {
    fn text(self) -> &'static str {
        match self {
            Tier::Apps => "apps",
            Tier::Platform => "platform",
        }
    }
}

/// What policies do of what policies can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    /// All of it.
    Whole,
    /// They look at what is there, and tell.
    Looks,
    /// They refuse what comes.
    Refuses,
}

/// Some namespaces, and how strictly they are judged.
#[derive(Clone)]
struct Scope {
    tier: Tier,
    half: Half,
    enforce: bool,
    registries: Vec<String>,
    namespaces: Vec<String>,
    /// What tells its exceptions from others.
    excepted: String,
}

impl Scope {
    /// Whether what breaks a rule is refused.
    fn refuses(&self) -> bool {
        self.enforce && self.half != Half::Looks
    }

    /// The rules that they are judged by: none where there are none of them, and nothing about registries where none is named.
    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        // A selector by no names would be one of everything, or none at all.
        let nobody = self.tier == Tier::Platform && self.namespaces.is_empty();
        let anywhere = self.registries.is_empty();
        RULES
            .iter()
            .filter(move |rule| !(nobody || anywhere && rule.name == rules::REGISTRIES))
    }

    /// What selects them: those that are named for the platform, all that are not for apps.
    fn selector(&self) -> Json {
        let operator = match self.tier {
            Tier::Apps => "NotIn",
            Tier::Platform => "In",
        };
        json!({ "matchExpressions": [{
            "key": "kubernetes.io/metadata.name",
            "operator": operator,
            "values": self.namespaces,
        }] })
    }
}

/// Where the platform's images come from: the projects' own places, no wider.
const PLATFORM_REGISTRIES: &[&str] = &[
    "cgr.dev/chainguard/",
    "docker.elastic.co/",
    "docker.io/bitnami/sealed-secrets-controller:",
    "docker.io/curlimages/curl:",
    "docker.io/envoyproxy/",
    "docker.io/grafana/",
    "docker.io/hashicorp/",
    "docker.io/kiwigrid/",
    "docker.io/nginxinc/nginx-unprivileged:",
    "docker.io/openpolicyagent/",
    "docker.io/rclone/rclone:",
    "ecr-public.aws.com/docker/library/",
    "ghcr.io/aquasecurity/",
    "ghcr.io/cloudnative-pg/",
    "ghcr.io/external-secrets/",
    "ghcr.io/fluxcd/",
    "ghcr.io/grafana/",
    "ghcr.io/jkroepke/",
    "ghcr.io/kyverno/",
    "ghcr.io/sigstore/",
    "ghcr.io/zalando/",
    "mirror.gcr.io/aquasec/",
    "quay.io/argoproj/",
    "quay.io/jetstack/",
    "quay.io/kiwigrid/",
    "quay.io/projectquay/",
    "quay.io/prometheus/",
    "quay.io/prometheus-operator/",
    "reg.kyverno.io/kyverno/",
    "registry.k8s.io/",
    "xpkg.crossplane.io/",
    "xpkg.upbound.io/",
];

pub(crate) use rules::CHANGES;
pub(crate) use scan::TYPE as SCAN;

/// The control.
pub(crate) struct Policy;

impl Control for Policy {
    const NAME: &'static str = "policy";
    const BASELINE: bool = false;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        check(config, inside);
        if config.engine == "gatekeeper" {
            let exempt = exempt(config, inside, gatekeeper::NAMESPACE);
            gatekeeper::install(inside, &exempt);
        } else {
            let exempt = exempt(config, inside, kyverno::NAMESPACE);
            kyverno::install(inside, &exempt);
        }
        if config.registries.is_empty() {
            inside.draft.remark(
                "policy.registries",
                "images of apps may come from everywhere",
                "write `registries = [\"ghcr.io/acme/\"]` with what the names of your images begin with",
            );
        }
    }

    fn finish(config: &Config, inside: &mut Inside<'_>) {
        let engine = Engine::of(config);
        let exempt = exempt(config, inside, engine.namespace());
        let named: Vec<String> = inside
            .namespaces
            .iter()
            .filter(|(name, namespace)| !namespace.app && !exempt.contains(*name))
            .map(|(name, _)| name.clone())
            .collect();
        let exceptions = exceptions(config, &named);
        let excepted = scan::digest(&format!("{exceptions:?}"));
        let mut of_apps = config.registries.clone();
        if !of_apps.is_empty() {
            of_apps.extend(inside.images.iter().map(|i| (*i).to_owned()));
        }
        let of_platform = PLATFORM_REGISTRIES.iter().map(|r| (*r).to_owned());
        let apps = Scope {
            tier: Tier::Apps,
            half: Half::Whole,
            enforce: config.mode == "enforce",
            registries: of_apps,
            namespaces: exempt.iter().chain(&named).cloned().collect(),
            excepted: excepted.clone(),
        };
        let looks = Scope {
            tier: Tier::Platform,
            half: Half::Looks,
            enforce: config.platform == "enforce",
            registries: of_platform
                .chain(config.platform_registries.iter().cloned())
                .collect(),
            namespaces: named,
            excepted,
        };
        let first = engine.before(&exceptions, inside);
        engine.judge(&apps, &exceptions, &first, inside);
        let scanned = engine.judge(&looks, &exceptions, &first, inside);
        if looks.enforce && !scanned.is_empty() {
            let excepted = match engine {
                Engine::Kyverno => exceptions.iter().map(|e| e.name.clone()).collect(),
                // Its constraints say themselves whom they are not for.
                Engine::Gatekeeper => Vec::new(),
            };
            let scan = scan::node(&looks, excepted, scanned, inside);
            let refuses = Scope {
                half: Half::Refuses,
                ..looks
            };
            // After the scan alone: an exception that goes is gone before there is another scan, and must wait for nothing behind it.
            engine.judge(&refuses, &exceptions, &[scan], inside);
        }
    }
}

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Kyverno,
    Gatekeeper,
}

impl Engine {
    fn of(config: &Config) -> Engine {
        match config.engine.as_str() {
            "gatekeeper" => Engine::Gatekeeper,
            _ => Engine::Kyverno,
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Engine::Kyverno => kyverno::NAMESPACE,
            Engine::Gatekeeper => gatekeeper::NAMESPACE,
        }
    }

    /// What its policies come after; addresses.
    fn before(self, exceptions: &[Exception], inside: &mut Inside<'_>) -> Vec<String> {
        match self {
            Engine::Kyverno => kyverno::exceptions(exceptions)
                .into_iter()
                .map(|exception| inside.object(exception))
                .collect(),
            Engine::Gatekeeper => gatekeeper::templates()
                .into_iter()
                .map(|template| inside.waited(template, gatekeeper::ready()))
                .collect(),
        }
    }

    /// The policies for some namespaces, after what comes before them; each with its rule.
    fn judge(
        self,
        scope: &Scope,
        exceptions: &[Exception],
        after: &[String],
        inside: &mut Inside<'_>,
    ) -> Vec<scan::Judge> {
        let policies = match self {
            Engine::Kyverno => kyverno::policies(scope),
            Engine::Gatekeeper => gatekeeper::constraints(scope, exceptions),
        };
        scope
            .rules()
            .zip(policies)
            .map(|(rule, policy)| {
                let address = match self {
                    Engine::Kyverno => inside.waited(policy.clone(), kyverno::ready()),
                    Engine::Gatekeeper => inside.object(policy.clone()),
                };
                inside.after(&address, after.iter().cloned());
                scan::Judge {
                    rule: rule.name,
                    policy,
                    address,
                }
            })
            .collect()
    }
}

/// The exceptions, those of the platform's own first; `platform` are its namespaces.
fn exceptions(config: &Config, platform: &[String]) -> Vec<Exception> {
    let own = exceptions::platform(|name| platform.iter().any(|p| p == name));
    let given = config.exceptions.iter().enumerate();
    own.chain(given.map(|(index, except)| self::given(index, except, platform)))
        .collect()
}

fn exempt(config: &Config, inside: &Inside<'_>, engine: &str) -> Vec<String> {
    let own = system::namespaces(&inside.site.cloud);
    let mut out: Vec<String> = own.map(str::to_owned).collect();
    out.push(engine.to_owned());
    out.extend(config.exempt.iter().cloned());
    out.dedup();
    out
}

fn given(index: usize, except: &Except, platform: &[String]) -> Exception {
    let tier = if platform.contains(&except.namespace) {
        Tier::Platform
    } else {
        Tier::Apps
    };
    Exception {
        name: format!("{}-{}", except.namespace, index + 1),
        tier,
        rules: except.rules.clone(),
        namespace: except.namespace.clone(),
        labels: except.labels.clone(),
        reason: except.reason.clone(),
    }
}

fn check(config: &Config, inside: &mut Inside<'_>) {
    let draft = &mut inside.draft;
    for (path, given, known) in [
        ("policy.engine", &config.engine, ["kyverno", "gatekeeper"]),
        ("policy.mode", &config.mode, ["enforce", "audit"]),
        ("policy.platform", &config.platform, ["enforce", "audit"]),
    ] {
        if !known.contains(&given.as_str()) {
            let meant = meant(given, known);
            draft.refuse(
                path,
                format!("`{path}` cannot be `{given}`{meant}"),
                format!("write \"{}\" or \"{}\"", known[0], known[1]),
            );
        }
    }
    for (name, registries) in [
        ("registries", &config.registries),
        ("platform_registries", &config.platform_registries),
    ] {
        for (index, registry) in registries.iter().enumerate() {
            let host = registry.split('/').next().unwrap_or_default();
            let path = format!("policy.{name}[{index}]");
            if !registry.ends_with('/') {
                draft.refuse(
                    &path,
                    format!("`{registry}` would also trust `{registry}-of-somebody-else`"),
                    format!("end it with a slash: \"{registry}/\""),
                );
            } else if !host.contains(['.', ':']) && host != "localhost" {
                draft.refuse(
                    &path,
                    format!("`{registry}` names no registry"),
                    format!("write the host first; for Docker Hub \"docker.io/{registry}\""),
                );
            }
        }
    }
    for (index, except) in config.exceptions.iter().enumerate() {
        let path = format!("policy.exceptions[{index}]");
        let names = RULES.iter().map(|r| r.name);
        for (at, rule) in except.rules.iter().enumerate() {
            if !names.clone().any(|n| n == rule) {
                let meant = meant(rule, names.clone());
                draft.refuse(
                    &format!("{path}.rules[{at}]"),
                    format!("there is no rule `{rule}`{meant}"),
                    format!("there is: {}", names.clone().collect::<Vec<_>>().join(", ")),
                );
            }
        }
        if except.labels.is_empty() {
            draft.refuse(
                &format!("{path}.labels"),
                "an exception is for one workload, known by the labels of its pods",
                "write `labels = { \"app.kubernetes.io/name\" = \"agent\" }`",
            );
        }
    }
}
