//! What is known of a stack that its pipelines need.

use serde::Deserialize;

/// Who runs pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

impl Platform {
    /// `github`, `gitlab`
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Platform::GitHub => "github",
            Platform::GitLab => "gitlab",
        }
    }
}

/// What a hardening says of its pipelines, as far as it is known while planning: the output `pipelines`, key `settings`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `prod/main`: the stack and the hardening.
    pub owner: String,
    /// Who runs pipelines, where the stack says so.
    pub platform: Option<String>,
    /// The server, where it is not the platform's own: `https://gitlab.example.com`.
    pub server: Option<String>,
    /// The branch that is released.
    pub branch: String,
    /// Labels of the runners; empty: the platform's own.
    pub runner: Vec<String>,
    /// `buildah` or `kaniko`.
    pub builder: String,
    /// `trivy` or `clair`.
    pub scanner: String,
    /// Where Clair answers.
    pub clair: Option<String>,
    /// Which holes stop a release: `HIGH,CRITICAL`.
    pub severity: String,
    /// Whether those count that nobody has mended.
    pub unfixed: bool,
    /// Where SonarQube answers.
    pub sonarqube: Option<String>,
    /// Whose signatures the cluster counts, made without keys.
    pub identities: Vec<Identity>,
    /// The same, made with keys: public keys, PEM.
    pub keys: Vec<String>,
    /// What names of images begin with that the cluster lets in; empty: any.
    pub registries: Vec<String>,
    /// The configuration repository; nothing where none is watched.
    pub config: Option<Config>,
    /// What is built.
    pub apps: Vec<App>,
}

/// An identity that signs without a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Who vouches for it.
    pub issuer: String,
    /// Itself.
    pub subject: Option<String>,
    /// A regular expression for it.
    pub subject_regexp: Option<String>,
}

/// The configuration repository.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The branch that is watched.
    pub branch: String,
    /// The folder of the apps.
    pub path: String,
    /// `commit` or `pull_request`.
    pub how: String,
    /// Whether image automation of Flux's writes versions there: pipelines do not, then.
    pub automated: bool,
}

/// An app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Where its code is: `acme/shop`.
    pub repository: Option<String>,
    /// Its folder in there; `.` is all of it.
    pub path: String,
    /// Its images.
    pub images: Vec<Image>,
}

/// An image.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The service that it is of.
    pub name: String,
    /// The folder that it is built from.
    pub context: String,
    /// The file in there that says how.
    pub file: String,
}

/// What only the clouds know, or the stack's variables: the other keys of the output.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What names of images begin with: `ghcr.io/acme`, or a whole repository of ECR's.
    pub registry: Option<String>,
    /// The role of AWS's that may push.
    pub role: Option<String>,
    /// The identity of Azure's that may push.
    pub client: Option<String>,
    /// Its tenant.
    pub tenant: Option<String>,
    /// The provider in a pool of workload identities of Google's.
    pub provider: Option<String>,
    /// The configuration repository.
    pub repository: Option<String>,
    /// The keys of its server, for `ssh`.
    pub known_hosts: Option<String>,
}
