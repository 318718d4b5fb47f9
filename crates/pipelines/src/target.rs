//! Where images go, how one logs in there, and who signs them: what follows from the stack, and what of it cannot be.

use crate::setup::{App, Identity, Image, Place, Platform, Settings};
use crate::{Error, wrong};
use regex::Regex;
use serde_json::{Map, Value as Json, json};

/// A registry.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// Its host.
    pub(crate) host: String,
    /// What names of images begin with, without a slash at the end.
    base: String,
    /// How one logs in.
    pub(crate) login: Login,
}

/// How one logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// ECR, by a role that trusts the pipeline.
    Aws,
    /// Artifact Registry, by a pool of workload identities.
    Google,
    /// A container registry of Azure's, by a federated identity.
    Azure,
    /// GitHub's own, with the token of the job.
    GitHub,
    /// GitLab's own, with the token of the job.
    GitLab,
    /// Harbor and others: a robot account.
    Password,
}

/// One of Microsoft's separate clouds, which a registry's domain tells.
struct Azure {
    /// `.azurecr.io`
    domain: &'static str,
    /// For whom a pipeline's token is.
    audience: &'static str,
    /// Who exchanges it.
    authority: &'static str,
    /// What it is exchanged for: what registries take.
    scope: &'static str,
}

/// <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
/// <https://learn.microsoft.com/azure/china/resources-developer-guide>; of audiences
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
const AZURES: [Azure; 3] = [
    Azure {
        domain: ".azurecr.io",
        audience: "api://AzureADTokenExchange",
        authority: "https://login.microsoftonline.com",
        scope: "https://management.azure.com/.default",
    },
    Azure {
        domain: ".azurecr.us",
        audience: "api://AzureADTokenExchangeUSGov",
        authority: "https://login.microsoftonline.us",
        scope: "https://management.usgovcloudapi.net/.default",
    },
    Azure {
        domain: ".azurecr.cn",
        audience: "api://AzureADTokenExchangeChina",
        authority: "https://login.partner.microsoftonline.cn",
        scope: "https://management.chinacloudapi.cn/.default",
    },
];

/// Where a registry's host is, if it is Azure's.
fn azure(host: &str) -> Option<&'static Azure> {
    AZURES.iter().find(|azure| host.ends_with(azure.domain))
}

impl Registry {
    pub(crate) fn find(
        settings: &Settings,
        place: &Place,
        platform: Platform,
    ) -> Result<Registry, Error> {
        let Some(base) = &place.registry else {
            return Err(wrong(
                "it is not known where images go: the registry was never applied",
                "apply the stack first, or write `registry = \"harbor.example.com/acme\"` in [hardening.….ci]",
            ));
        };
        let base = base.trim_end_matches('/').to_owned();
        let host = base.split('/').next().unwrap_or_default().to_owned();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        if base.is_empty() || !base.chars().all(fits) {
            return Err(wrong(
                format!("`{base}` is no place for images"),
                "write a host with a path: `registry = \"harbor.example.com/acme\"`",
            ));
        }
        let own = settings.server.as_deref().unwrap_or_default();
        let own = own.trim_start_matches("https://");
        let login = if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
            Login::Aws
        } else if host.ends_with("-docker.pkg.dev") {
            Login::Google
        } else if azure(&host).is_some() {
            Login::Azure
        } else if host == "ghcr.io" && platform == Platform::GitHub {
            Login::GitHub
        } else if platform == Platform::GitLab
            && (host == "registry.gitlab.com" || !own.is_empty() && host.ends_with(own))
        {
            Login::GitLab
        } else {
            Login::Password
        };
        let missing = |what: &str, help: &str| {
            Err(wrong(
                format!("it is not known {what}, by which pipelines log in to {host}"),
                help,
            ))
        };
        let help = "write `repository = \"acme/shop\"` and `registry = \"NAME\"`, a registry of the stack, in [hardening.….ci], and apply";
        match login {
            Login::Aws if place.role.is_none() => missing("which role is theirs", help),
            Login::Azure if place.client.is_none() || place.tenant.is_none() => {
                missing("which identity is theirs", help)
            }
            Login::Google if place.provider.is_none() => missing(
                "which provider of workload identities",
                "write `identity_provider = \"projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/NAME\"` in [hardening.….ci]",
            ),
            _ => Ok(Registry { host, base, login }),
        }
    }

    /// The name of an image, without a tag. A repository of ECR's is one image's name.
    pub(crate) fn image(&self, app: &App, image: &Image) -> String {
        match self.login {
            Login::Aws => self.base.clone(),
            _ => format!("{}/{}/{}", self.base, app.name, image.name),
        }
    }

    /// What its tags begin with. Where all images of an app share a repository, tags tell them apart.
    pub(crate) fn tag_prefix(&self, app: &App, image: &Image) -> String {
        match self.login {
            Login::Aws => format!("{}-{}-", app.name, image.name),
            _ => String::new(),
        }
    }

    /// The environment of `login`, beside secrets.
    pub(crate) fn environment(&self, place: &Place) -> Map<String, Json> {
        let mut out = Map::new();
        let mut set = |name: &str, value: &str| out.insert(name.to_owned(), json!(value));
        set("REGISTRY_HOST", &self.host);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let word = match self.login {
            Login::Aws => {
                // 123456789012.dkr.ecr.eu-west-1.amazonaws.com
                set(
                    "AWS_REGION",
                    self.host.split('.').nth(3).unwrap_or_default(),
                );
                set("AWS_ROLE", &text(&place.role));
                "aws"
            }
            Login::Google => {
                set("GOOGLE_PROVIDER", &text(&place.provider));
                "google"
            }
            Login::Azure => {
                set("AZURE_CLIENT", &text(&place.client));
                set("AZURE_TENANT", &text(&place.tenant));
                if let Some(azure) = azure(&self.host) {
                    set("AZURE_AUDIENCE", azure.audience);
                    set("AZURE_AUTHORITY", azure.authority);
                    set("AZURE_SCOPE", azure.scope);
                }
                "azure"
            }
            Login::GitHub => "github",
            Login::GitLab => "gitlab",
            Login::Password => "password",
        };
        set("LOGIN", word);
        out
    }

    /// For whom the pipeline's token is, where one is exchanged.
    pub(crate) fn audience(&self, place: &Place) -> Option<String> {
        match self.login {
            Login::Aws => Some("sts.amazonaws.com".to_owned()),
            Login::Google => Some(format!(
                "https://iam.googleapis.com/{}",
                place.provider.clone().unwrap_or_default()
            )),
            Login::Azure => azure(&self.host).map(|azure| azure.audience.to_owned()),
            _ => None,
        }
    }

    /// Refuses a name that the cluster would not let in.
    pub(crate) fn check(&self, settings: &Settings, app: &App, image: &Image) -> Result<(), Error> {
        let name = self.image(app, image);
        let fits = |r: &String| name.starts_with(r.as_str());
        if settings.registries.is_empty() || settings.registries.iter().any(fits) {
            return Ok(());
        }
        Err(wrong(
            format!("the cluster would refuse {name}: its policies trust other registries"),
            format!(
                "add \"{}/\" to `registries` of the control `policy` (and of `supply_chain`, if it has its own)",
                self.base
            ),
        ))
    }
}

/// Who signs, as the cluster asks.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    /// A key: its public half, PEM. The other half is a secret of the pipeline's.
    Key(String),
    /// The pipeline itself.
    Keyless {
        issuer: String,
        /// Its name, or a regular expression for it.
        subject: Result<String, String>,
    },
}

impl Signer {
    /// Who vouches for pipelines, and the name that one has there. `file` is the pipeline's.
    /// <https://docs.github.com/actions/reference/security/oidc>
    /// <https://docs.gitlab.com/ci/yaml/signing_examples/>
    pub(crate) fn find(
        settings: &Settings,
        app: &App,
        platform: Platform,
        file: &str,
    ) -> Result<Signer, Error> {
        let server = settings.server.as_deref();
        let (issuer, base, slash) = match platform {
            Platform::GitHub => (
                "https://token.actions.githubusercontent.com",
                "https://github.com",
                "/",
            ),
            Platform::GitLab => {
                let server = server.unwrap_or("https://gitlab.com");
                (server, server, "//")
            }
        };
        let branch = &settings.branch;
        let subject = app
            .repository
            .as_ref()
            .map(|r| format!("{base}/{r}{slash}{file}@refs/heads/{branch}"));
        let mut others = Vec::new();
        for identity in settings.identities.iter().filter(|i| i.issuer == issuer) {
            if let Some(found) = matching(identity, subject.as_deref())? {
                return Ok(Signer::Keyless {
                    issuer: issuer.to_owned(),
                    subject: found,
                });
            }
            others.push(
                identity
                    .subject
                    .clone()
                    .or(identity.subject_regexp.clone())
                    .unwrap_or_default(),
            );
        }
        if let Some(key) = settings.keys.first() {
            return Ok(Signer::Key(key.clone()));
        }
        let named = subject
            .clone()
            .unwrap_or_else(|| format!("{base}/OWNER/NAME{slash}{file}@refs/heads/{branch}"));
        if settings.identities.is_empty() {
            // The cluster asks for no signature yet; what is signed now counts when it does.
            let subject = subject.map_or_else(
                || {
                    let any = regex::escape(&format!("{slash}{file}@refs/heads/{branch}"));
                    Err(format!("^{}/.+{any}$", regex::escape(base)))
                },
                Ok,
            );
            return Ok(Signer::Keyless {
                issuer: issuer.to_owned(),
                subject,
            });
        }
        let asked = if others.is_empty() {
            let all: Vec<&str> = settings
                .identities
                .iter()
                .map(|i| i.issuer.as_str())
                .collect();
            format!("the cluster asks for signatures of {}", all.join(", "))
        } else {
            format!("the cluster asks for {}", others.join(", "))
        };
        Err(wrong(
            format!(
                "what the pipeline of `{}` signs would be refused: {asked}",
                app.name
            ),
            format!(
                "add {{ issuer = \"{issuer}\", subject = \"{named}\" }} to `identities` of [hardening.….supply_chain]"
            ),
        ))
    }

    /// The environment of `sign`, beside secrets.
    pub(crate) fn environment(&self) -> Map<String, Json> {
        let mut out = Map::new();
        match self {
            Signer::Key(key) => {
                out.insert("PUBLIC_KEY".into(), json!(key.trim()));
            }
            Signer::Keyless { issuer, subject } => {
                out.insert("ISSUER".into(), json!(issuer));
                let (name, text) = match subject {
                    Ok(subject) => ("SUBJECT", subject),
                    Err(expression) => ("SUBJECT_REGEXP", expression),
                };
                out.insert(name.into(), json!(text));
            }
        }
        out
    }
}

/// How an identity that the cluster asks for is verified, if the pipeline has it. Without a repository an expression is taken at its
/// word: the pipeline itself finds out.
fn matching(
    identity: &Identity,
    subject: Option<&str>,
) -> Result<Option<Result<String, String>>, Error> {
    if let Some(wanted) = &identity.subject {
        let same = subject.is_none_or(|s| s == wanted);
        return Ok(same.then(|| Ok(wanted.clone())));
    }
    let Some(expression) = &identity.subject_regexp else {
        return Ok(None);
    };
    let read = Regex::new(expression).map_err(|_| {
        wrong(
            format!("`{expression}` is no regular expression"),
            "write one: \"^https://github.com/acme/.+\"",
        )
    })?;
    let fits = subject.is_none_or(|s| read.is_match(s));
    Ok(fits.then(|| Err(expression.clone())))
}
