//! What runs is what a repository says: Argo CD or Flux watches it and brings the cluster to it.

mod argocd;
mod flux;
mod flux_controllers;
mod held;

use crate::control::Control;
use crate::delivery::Delivery;
use crate::inside::Inside;
use crate::node::identifier;
use infra_draft::input::Input;
use infra_model::Record;
use infra_model::diagnostic::meant;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// A controller that watches a repository and keeps the cluster as it says. Each app has a folder in it, and what is in the folder
/// can only reach the app's own namespace, and only with what runs there, how it is set up and reached, sealed secrets, and what the
/// platform offers: no rights, quotas or network policies.
#[derive(Record)]
pub(crate) struct Config {
    /// Who watches: `argocd` or `flux`.
    #[record(optional, default = "argocd")]
    pub(crate) engine: String,
    /// The repository, `https://…` or `ssh://…`.
    #[record(optional)]
    pub(crate) repository: Option<Input<String>>,
    /// The branch.
    #[record(optional, default = "main")]
    pub(crate) branch: String,
    /// The folder with everything but the apps, under `delivery = "gitops"`: it is written whole. Each cluster has one of its own.
    #[record(optional, default = "platform")]
    pub(crate) platform: String,
    /// How commits are pushed, under `delivery = "gitops"`, where not as `git` is set up for whoever applies.
    #[record(block, max = 1)]
    pub(crate) push: Vec<Push>,
    /// The folder with a folder for each app.
    #[record(optional, default = "apps")]
    pub(crate) path: String,
    /// How the repository is logged in to, if it is private.
    #[record(block, max = 1)]
    pub(crate) credentials: Vec<Credentials>,
    /// Who may look at Argo CD: people of an identity provider. Without it there is no way in but `kubectl port-forward` and a token.
    #[record(block, max = 1)]
    pub(crate) sso: Vec<Sso>,
    /// Images whose newest version Flux writes into the repository, by name.
    #[record(block)]
    pub(crate) images: Vec<Image>,
}

/// How the repository is logged in to: a name with a token, or a key.
#[derive(Record)]
pub(crate) struct Credentials {
    /// The name, for `https`.
    #[record(optional)]
    pub(crate) username: Option<Input<String>>,
    /// The password or token, for `https`.
    #[record(optional, sensitive)]
    pub(crate) password: Option<Input<String>>,
    /// The private key, for `ssh`.
    #[record(optional, sensitive)]
    pub(crate) ssh_key: Option<Input<String>>,
    /// The server's keys, as `ssh-keyscan` prints them, for `ssh`.
    #[record(optional)]
    pub(crate) known_hosts: Option<Input<String>>,
}

/// How commits are pushed.
#[derive(Record)]
pub(crate) struct Push {
    /// Where to, if that is another address than the one that the cluster reads: `https://…`, `ssh://…` or `file://…`.
    #[record(optional)]
    pub(crate) url: Option<Input<String>>,
    /// The name, for `https`.
    #[record(optional)]
    pub(crate) username: Option<Input<String>>,
    /// The password or token, for `https`.
    #[record(optional, sensitive)]
    pub(crate) password: Option<Input<String>>,
    /// The private key, for `ssh`.
    #[record(optional, sensitive)]
    pub(crate) ssh_key: Option<Input<String>>,
    /// The server's keys, as `ssh-keyscan` prints them, for `ssh`.
    #[record(optional)]
    pub(crate) known_hosts: Option<Input<String>>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Record)]
pub(crate) struct Sso {
    /// Its address.
    #[record(required)]
    pub(crate) issuer: Input<String>,
    /// What Argo CD is called there.
    #[record(required)]
    pub(crate) client_id: Input<String>,
    /// What it proves that by.
    #[record(required, sensitive)]
    pub(crate) client_secret: Input<String>,
    /// Where Argo CD is reached by a browser.
    #[record(required)]
    pub(crate) url: Input<String>,
    /// The group of administrators; all others can look.
    #[record(optional)]
    pub(crate) admins: Option<Input<String>>,
}

/// An image that Flux looks for new versions of.
#[derive(Record)]
pub(crate) struct Image {
    /// A name for it, by which files mark where it stands: `# {"$imagepolicy": "flux-system:NAME"}`.
    #[record(required)]
    pub(crate) name: String,
    /// The image, without a tag.
    #[record(required)]
    pub(crate) image: String,
    /// Which versions are wanted.
    #[record(optional, default = ">=0.0.0")]
    pub(crate) range: String,
}

/// The control.
pub(crate) struct Gitops;

impl Control for Gitops {
    const NAME: &'static str = "gitops";
    const BASELINE: bool = false;
    type Config = Config;

    /// It reads what the real one reads, and writes nothing there.
    fn beside(config: &mut Config) {
        config.push.clear();
        config.images.clear();
    }

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        if !check(config, inside) {
            return;
        }
        if inside.commits {
            inside.delivery = Some(delivery(config));
        }
        if config.engine == "flux" {
            flux::expand(config, inside);
        } else {
            argocd::expand(config, inside);
        }
    }

    /// What folders may hold follows from what all controls bring.
    fn finish(config: &Config, inside: &mut Inside<'_>) {
        if config.engine == "flux" {
            flux::folders(config, inside);
        } else {
            argocd::folders(config, inside);
        }
    }
}

/// How everything is committed.
fn delivery(config: &Config) -> Delivery {
    let flux = config.engine == "flux";
    let watched = repository(config);
    let base = format!("flatten([{}.push])[0]", Inside::input("gitops"));
    let mut repository = watched.clone();
    let mut login = Map::new();
    if let Some(push) = config.push.first() {
        if let Some(url) = &push.url {
            repository = url.json(&format!("{base}.url"));
        }
        for (name, value) in [
            ("username", &push.username),
            ("password", &push.password),
            ("ssh_key", &push.ssh_key),
            ("known_hosts", &push.known_hosts),
        ] {
            if let Some(value) = value {
                login.insert(name.to_owned(), value.json(&format!("{base}.{name}")));
            }
        }
    }
    Delivery {
        flux,
        namespace: if flux {
            flux::NAMESPACE
        } else {
            argocd::NAMESPACE
        },
        repository,
        watched,
        branch: config.branch.clone(),
        path: config.platform.clone(),
        login: if login.is_empty() {
            Json::Null
        } else {
            Json::Object(login)
        },
        bootstrap: BTreeSet::new(),
    }
}

fn check(config: &Config, inside: &mut Inside<'_>) -> bool {
    let name = inside.draft.instance.name.to_owned();
    let commits = inside.commits;
    let local = inside.committed;
    let draft = &mut inside.draft;
    let before = draft.is_refused();
    if !["argocd", "flux"].contains(&config.engine.as_str()) {
        let meant = meant(&config.engine, ["argocd", "flux"]);
        draft.refuse(
            "gitops.engine",
            format!("repositories are not watched by `{}`{meant}", config.engine),
            "write \"argocd\" or \"flux\"",
        );
    }
    match &config.repository {
        None => draft.refuse(
            "gitops",
            "there is no repository to watch",
            format!("write `repository = \"https://github.com/acme/config\"` in [hardening.{name}.gitops], or `enabled = false`"),
        ),
        Some(Input::Known(url)) if !schemes(local).iter().any(|s| url.starts_with(s)) => draft.refuse(
            "gitops.repository",
            format!("`{url}` is neither `https://…` nor `ssh://…`"),
            "write the address in full: \"ssh://git@github.com/acme/config\"",
        ),
        Some(_) => {}
    }
    if let Some(credentials) = config.credentials.first() {
        let token = credentials.password.is_some();
        let key = credentials.ssh_key.is_some();
        if token == key {
            draft.refuse(
                "gitops.credentials",
                "a repository is logged in to by a password or by a key",
                "write `username` and `password` for https, `ssh_key` and `known_hosts` for ssh",
            );
        }
        if key && credentials.known_hosts.is_none() {
            draft.refuse(
                "gitops.credentials",
                "without the server's keys anybody could answer for it",
                "write `known_hosts` with what `ssh-keyscan HOST` prints",
            );
        }
    }
    for (name, folder, usual) in [
        ("path", &config.path, "apps"),
        ("platform", &config.platform, "platform"),
    ] {
        if is_folder(folder) {
            continue;
        }
        draft.refuse(
            &format!("gitops.{name}"),
            format!("`{folder}` is no folder of the repository"),
            format!(
                "write it from the root, without a slash at either end: `{name} = \"{usual}\"`"
            ),
        );
    }
    if commits && below(&config.path, &config.platform) {
        draft.refuse(
            "gitops.platform",
            format!(
                "`{}` and `{}` are in each other, and only one is written whole",
                config.platform, config.path
            ),
            "give the platform and the apps folders of their own",
        );
    }
    if !config.images.is_empty() && config.engine != "flux" {
        draft.refuse(
            "gitops.images",
            "Argo CD writes no versions into repositories",
            format!(
                "let the pipeline that builds them commit their names into the folder of the app, such as `{}/shop/image.yaml`, or write `engine = \"flux\"`",
                config.path
            ),
        );
    }
    before == draft.is_refused()
}

/// Whether a text is a folder of a repository.
fn is_folder(text: &str) -> bool {
    let part = |p: &str| {
        !matches!(p, "" | "." | ".." | ".git")
            && p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    text.split('/').all(part)
}

/// Whether one of two folders is the other or in it.
fn below(a: &str, b: &str) -> bool {
    let within = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|r| r.starts_with('/'));
    within(a, b) || within(b, a)
}

/// How addresses of repositories begin. A folder of this machine is one that the cluster has too, as in the sandbox.
fn schemes(local: bool) -> &'static [&'static str] {
    if local {
        &["https://", "ssh://", "file://"]
    } else {
        &["https://", "ssh://"]
    }
}

/// The repository's address, for an object.
fn repository(config: &Config) -> Json {
    let input = format!("{}.repository", Inside::input("gitops"));
    config
        .repository
        .as_ref()
        .map_or(Json::Null, |r| r.json(&input))
}

/// A Secret of the control's; its address.
fn secret(
    inside: &mut Inside<'_>,
    namespace: &str,
    name: &str,
    labels: Json,
    data: Map<String, Json>,
) -> String {
    let metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
    inside.secret(
        &identifier(&[namespace, name]),
        metadata,
        None,
        Json::Object(data),
    )
}

/// What logs in, by the names that an engine has for it.
fn login(credentials: &Credentials, names: [&str; 4]) -> Map<String, Json> {
    let base = format!("flatten([{}.credentials])[0]", Inside::input("gitops"));
    let fields = [
        ("username", &credentials.username),
        ("password", &credentials.password),
        ("ssh_key", &credentials.ssh_key),
        ("known_hosts", &credentials.known_hosts),
    ];
    let mut out = Map::new();
    for ((field, value), name) in fields.into_iter().zip(names) {
        if let Some(value) = value {
            out.insert(name.to_owned(), value.json(&format!("{base}.{field}")));
        }
    }
    out
}
