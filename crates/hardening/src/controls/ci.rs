//! `ci`: what the pipelines of apps need that are not in the cluster, and what `infra ci render` writes them from. In the cloud the
//! pipelines of one branch of one repository may push into one registry, by the tokens that GitHub or GitLab gives them; no key is made.

mod access;

use crate::app::App;
use crate::control::Control;
use crate::controls::{gitops, policy, supply_chain};
use crate::inside::Inside;
use infra_draft::input::{self, Input, escape};
use infra_model::diagnostic::meant;
use infra_model::expand::Known;
use infra_model::{Record, Value};
use serde_json::{Value as Json, json};

/// What the output of `infra ci render` is called.
pub(crate) const OUTPUT: &str = "pipelines";
/// Its attributes.
pub(crate) const PARTS: &[&str] = &[
    "settings",
    "registry",
    "role",
    "client",
    "tenant",
    "provider",
    "repository",
    "known_hosts",
];

/// The name of its resources.
const NAME: &str = "ci";
/// Where Clair answers in the cluster.
const CLAIR: &str = "http://clair.clair:6060";

/// Pipelines of the apps, which `infra ci render` writes: lint, test, look for holes, build without a daemon, scan, push, sign, and tell
/// the repository that the cluster watches. Nothing of them runs in the cluster. With a `repository` and a registry of the stack's they
/// may push there by their own identity, without a key.
#[derive(Record)]
pub(crate) struct Config {
    /// Who runs pipelines: `github` or `gitlab`.
    #[record(optional)]
    pub(crate) platform: Option<String>,
    /// GitLab's address, where it is not `https://gitlab.com`.
    #[record(optional)]
    pub(crate) server: Option<String>,
    /// Where the code is, `OWNER/NAME`: its pipelines, and nobody else, may push.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// The branch that is released.
    #[record(optional, default = "main")]
    pub(crate) branch: String,
    /// Where images go: a `registry` of the stack, by name, or a host with a path, such as `harbor.example.com/acme`. By default the
    /// only registry of the stack, or the first of those that the control `policy` trusts.
    #[record(optional)]
    pub(crate) registry: Option<String>,
    /// Who vouches for pipelines in the cloud, where that is there already: on AWS the ARN of the account's OpenID Connect provider (an
    /// account has one for each address; without this one is made), on Google Cloud the name of a provider in a pool of workload
    /// identities, `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/NAME`.
    #[record(optional)]
    pub(crate) identity_provider: Option<Input<String>>,
    /// What builds images: `buildah`, or `kaniko` (the fork that is maintained).
    #[record(optional, default = "buildah")]
    pub(crate) builder: String,
    /// What looks into images before they are released: `trivy` or `clair`. By default Clair, where the control `supply_chain` runs it.
    #[record(optional)]
    pub(crate) scanner: Option<String>,
    /// Where Clair answers, as runners see it.
    #[record(optional, default = "http://clair.clair:6060")]
    pub(crate) clair: String,
    /// Where SonarQube answers, if it is to look at the sources too.
    #[record(optional)]
    pub(crate) sonarqube: Option<String>,
    /// Labels (GitLab: tags) of the runners that jobs run on; by default the platform's own.
    #[record(optional)]
    pub(crate) runner: Vec<String>,
    /// How a release reaches the configuration repository: by a `commit`, or by a `pull_request` that somebody takes.
    #[record(optional, default = "commit")]
    pub(crate) deliver: String,
    /// The file that says how an image is built.
    #[record(optional, default = "Dockerfile")]
    pub(crate) file: String,
    /// What is otherwise for single apps, by name. Must be known while planning.
    #[record(optional)]
    pub(crate) apps: Value,
}

/// What is otherwise for one app.
#[derive(Record)]
pub(crate) struct Build {
    /// Where its code is.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// Its folder in there. By default the whole repository, or where several apps share it, the folder of the app's name.
    #[record(optional)]
    pub(crate) path: Option<String>,
    /// The services that have an image of their own; by default all.
    #[record(optional)]
    pub(crate) services: Option<Vec<String>>,
    /// The file that says how an image is built.
    #[record(optional)]
    pub(crate) file: Option<String>,
}

/// The control.
pub(crate) struct Ci;

/// Where images go.
enum Registry {
    /// A component of the stack's.
    Own(Known),
    /// Somewhere else.
    Place(String),
}

impl Control for Ci {
    const NAME: &'static str = "ci";
    const BASELINE: bool = true;
    type Config = Config;

    fn describe(config: &mut infra_model::Block) {
        input::document_fields(config, "apps", &Build::block());
    }

    /// Nobody pushes into what a copy has.
    fn beside(config: &mut Config) {
        config.repository = None;
        config.apps = Value::NULL;
    }

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        let Some(built) = read(config, inside) else {
            return;
        };
        let registry = registry(config, inside);
        let mut parts: Vec<(&str, String)> = Vec::new();
        let text = |text: &str| json!(escape(text)).to_string();
        let provider = config
            .identity_provider
            .as_ref()
            .map(|_| format!("{}.identity_provider", Inside::input(NAME)));
        match &registry {
            Some(Registry::Own(known)) => {
                parts.push(("registry", format!("{}.url", known.reference)));
                if built.iter().any(|b| b.build.repository.is_some()) {
                    parts.extend(access::grant(config, known, &built, inside));
                }
            }
            Some(Registry::Place(place)) => parts.push(("registry", text(place))),
            None => {}
        }
        if let Some(provider) = provider {
            parts.push(("provider", provider));
        }
        let watched = watched(config, inside);
        if watched.is_some() {
            let gitops = Inside::input(gitops::Gitops::NAME);
            parts.push(("repository", format!("{gitops}.repository")));
            for login in ["push", "credentials"] {
                let known = format!("flatten([{gitops}.{login}])[0].known_hosts");
                parts.push(("known_hosts", format!("try({known}, null)")));
            }
        }
        let settings = settings(config, &built, watched, inside);
        parts.push(("settings", text(&settings.to_string())));
        let mut fields = Vec::new();
        for name in PARTS {
            let mut all = parts
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, e)| e.as_str());
            let first = all.next().unwrap_or("null");
            let rest: Vec<&str> = all.collect();
            let expression = if rest.is_empty() {
                first.to_owned()
            } else {
                format!("try(coalesce({first}, {}), null)", rest.join(", "))
            };
            fields.push(format!("{name} = {expression}"));
        }
        inside
            .draft
            .output(OUTPUT, format!("{{ {} }}", fields.join(", ")));
    }
}

/// An app, and what is said of its pipeline.
struct Built {
    app: App,
    build: Build,
    shared: bool,
}

/// Reads what is said, and checks it.
fn read(config: &Config, inside: &mut Inside<'_>) -> Option<Vec<Built>> {
    let before = inside.draft.is_refused();
    let scanner = config.scanner.as_deref().unwrap_or("trivy");
    let platform = config.platform.as_deref().unwrap_or("github");
    for (path, given, known) in [
        ("ci.platform", platform, ["github", "gitlab"]),
        ("ci.builder", config.builder.as_str(), ["buildah", "kaniko"]),
        ("ci.scanner", scanner, ["trivy", "clair"]),
        (
            "ci.deliver",
            config.deliver.as_str(),
            ["commit", "pull_request"],
        ),
    ] {
        if !known.contains(&given) {
            let meant = meant(given, known);
            inside.draft.refuse(
                path,
                format!("`{path}` cannot be `{given}`{meant}"),
                format!("write \"{}\" or \"{}\"", known[0], known[1]),
            );
        }
    }
    for (path, url) in [
        ("ci.server", config.server.as_deref()),
        ("ci.sonarqube", config.sonarqube.as_deref()),
    ] {
        if let Some(url) = url.filter(|u| !u.starts_with("https://") || u.ends_with('/')) {
            inside.draft.refuse(
                path,
                format!("`{url}` is no address of a server"),
                "write it as \"https://gitlab.example.com\", without a slash at the end",
            );
        }
    }
    if config.branch.is_empty() || !config.branch.chars().all(of_path) {
        inside.draft.refuse(
            "ci.branch",
            format!("`{}` is not the name of one branch", config.branch),
            "write it in full: whoever may push to it may release",
        );
    }
    let mut named = std::collections::BTreeMap::new();
    if !config.apps.is_null() {
        let Some(entries) = config.apps.entries() else {
            inside.draft.refuse(
                "ci.apps",
                "`apps` is a table of apps by name, known while planning",
                "write `[hardening.main.ci.apps.shop]`",
            );
            return None;
        };
        for (name, table) in entries {
            let path = format!("ci.apps.{name}");
            if !inside.apps.iter().any(|app| *app.name == **name) {
                let all: Vec<&str> = inside.apps.iter().map(|a| a.name.as_str()).collect();
                let meant = meant(name, all.iter().copied());
                let message = format!("there is no app `{name}`{meant}");
                inside.draft.refuse(&path, message, "name an app of `apps`");
                continue;
            }
            match input::read_table::<Build>(inside.draft.instance, &path, table) {
                Ok(build) => {
                    named.insert(name.to_string(), build);
                }
                Err(errors) => inside.draft.refuse_all(errors),
            }
        }
    }
    let mut out = Vec::new();
    for app in inside.apps.clone() {
        let mut build = named.remove(&app.name).unwrap_or(Build {
            repository: None,
            path: None,
            services: None,
            file: None,
        });
        let path = format!("ci.apps.{}", app.name);
        for name in build.services.iter().flatten() {
            if !inside.services(&app.name).iter().any(|s| s.name == *name) {
                inside.draft.refuse(
                    &format!("{path}.services"),
                    format!("the app `{}` has no service `{name}`", app.name),
                    "name services of the app",
                );
            }
        }
        build.repository = build.repository.or_else(|| config.repository.clone());
        if let Some(repository) = &build.repository {
            let fits = repository.split('/').count() >= 2
                && repository
                    .split('/')
                    .all(|part| !part.is_empty() && part != "..")
                && repository.chars().all(of_path);
            if !fits {
                inside.draft.refuse(
                    "ci.repository",
                    format!("`{repository}` is no repository"),
                    "write OWNER/NAME, without an address: `repository = \"acme/shop\"`",
                );
            }
        }
        out.push(Built {
            app,
            build,
            shared: false,
        });
    }
    let repositories: Vec<Option<String>> =
        out.iter().map(|b| b.build.repository.clone()).collect();
    for built in &mut out {
        let same = repositories
            .iter()
            .filter(|r| **r == built.build.repository);
        built.shared = same.count() > 1;
    }
    (before == inside.draft.is_refused()).then_some(out)
}

fn of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./".contains(c)
}

/// Where images go.
fn registry(config: &Config, inside: &mut Inside<'_>) -> Option<Registry> {
    if let Some(named) = &config.registry {
        if named.contains(['/', '.']) && !named.starts_with("registry.") {
            return Some(Registry::Place(named.trim_end_matches('/').to_owned()));
        }
        let value = Value::from(named.as_str());
        let found = inside.draft.find("registry", "ci.registry", &value)?;
        return Some(Registry::Own(found));
    }
    let all = (inside.draft.instance.list)("registry");
    if let [only] = all.as_slice() {
        return Some(Registry::Own(only.clone()));
    }
    let trusted = policies(inside)?.registries;
    let first = trusted.first()?.trim_end_matches('/').to_owned();
    Some(Registry::Place(first))
}

fn policies(inside: &Inside<'_>) -> Option<policy::Config> {
    let on = inside.on("policy");
    on.then(|| inside.config::<policy::Config>("policy").ok())
        .flatten()
}

/// The repository that the cluster watches.
fn watched(config: &Config, inside: &Inside<'_>) -> Option<Json> {
    let on = inside.on(gitops::Gitops::NAME);
    let gitops = on
        .then(|| inside.config::<gitops::Config>(gitops::Gitops::NAME).ok())
        .flatten()?;
    gitops.repository.as_ref()?;
    Some(json!({
        "branch": gitops.branch,
        "path": gitops.path,
        "how": config.deliver,
        "automated": !gitops.images.is_empty(),
    }))
}

/// What is known while planning, as `infra_pipelines::Settings` reads it.
fn settings(config: &Config, built: &[Built], watched: Option<Json>, inside: &Inside<'_>) -> Json {
    let on = inside.on("supply_chain");
    let chain = on
        .then(|| inside.config::<supply_chain::Config>("supply_chain").ok())
        .flatten();
    let clair = chain.as_ref().is_some_and(|c| c.clair);
    let scanner = config
        .scanner
        .as_deref()
        .unwrap_or(if clair { "clair" } else { "trivy" });
    let identities: Vec<Json> = chain
        .iter()
        .flat_map(|c| &c.identities)
        .map(|i| json!({ "issuer": i.issuer, "subject": i.subject, "subject_regexp": i.subject_regexp }))
        .collect();
    let key = inside.draft.instance.key.map(ToString::to_string);
    json!({
        "owner": format!("{}/{}{}", inside.draft.instance.stack.name, inside.draft.instance.name, key.unwrap_or_default()),
        "platform": config.platform,
        "server": config.server,
        "branch": config.branch,
        "runner": config.runner,
        "builder": config.builder,
        "scanner": scanner,
        "clair": if config.clair.is_empty() { CLAIR } else { &config.clair },
        "severity": chain.as_ref().map_or("HIGH,CRITICAL", |c| &c.severity),
        "unfixed": chain.as_ref().is_some_and(|c| c.unfixed),
        "sonarqube": config.sonarqube,
        "identities": identities,
        "keys": chain.as_ref().map(|c| c.keys.clone()).unwrap_or_default(),
        "registries": policies(inside).map(|p| p.registries).unwrap_or_default(),
        "config": watched,
        "apps": built.iter().map(|b| app(config, b, inside)).collect::<Vec<_>>(),
    })
}

fn app(config: &Config, built: &Built, inside: &Inside<'_>) -> Json {
    let name = &built.app.name;
    let path = match &built.build.path {
        Some(path) => path.clone(),
        None if built.shared => name.clone(),
        None => ".".to_owned(),
    };
    let services: Vec<&str> = match &built.build.services {
        Some(named) => named.iter().map(String::as_str).collect(),
        None => inside
            .services(name)
            .iter()
            .map(|s| s.name.as_str())
            .collect(),
    };
    let below = |service: &str| match (path.as_str(), services.len()) {
        (".", 1) => ".".to_owned(),
        (".", _) => service.to_owned(),
        (path, 1) => path.to_owned(),
        (path, _) => format!("{path}/{service}"),
    };
    let images: Vec<Json> = services
        .iter()
        .map(|service| {
            json!({
                "name": service,
                "context": below(service),
                "file": built.build.file.as_ref().unwrap_or(&config.file),
            })
        })
        .collect();
    json!({ "name": name, "repository": built.build.repository, "path": path, "images": images })
}
