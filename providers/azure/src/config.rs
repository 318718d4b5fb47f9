//! The provider's configuration: what a stack says under `[clouds.azure]`, and the same resolved, as the state keeps it.
//! Secrets are never kept.

use infra_cloud::config::{check_endpoints, fill, not_secure, stated, variable};
use infra_model::provider::Environment;
use infra_model::{ProviderError, Record};
use std::collections::BTreeMap;

/// Azure. Credentials come, in this order, from a client secret or certificate, a federated token (workload identity, GitHub
/// Actions), a managed identity, and the login of `az`: the first that is configured, here or in the environment.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Config {
    /// The subscription. By default `ARM_SUBSCRIPTION_ID` or `AZURE_SUBSCRIPTION_ID`.
    #[record(optional)]
    pub(crate) subscription_id: Option<String>,
    /// The tenant of the credentials. By default `ARM_TENANT_ID` or `AZURE_TENANT_ID`.
    #[record(optional)]
    pub(crate) tenant_id: Option<String>,
    /// The application or user-assigned identity. By default `ARM_CLIENT_ID` or `AZURE_CLIENT_ID`.
    #[record(optional)]
    pub(crate) client_id: Option<String>,
    /// The application's secret. By default `ARM_CLIENT_SECRET` or `AZURE_CLIENT_SECRET`, where a secret is better kept.
    #[record(optional, sensitive)]
    pub(crate) client_secret: Option<String>,
    /// A PEM file with the application's certificate and its private key (RSA), instead of a secret. By default
    /// `ARM_CLIENT_CERTIFICATE_PATH` or `AZURE_CLIENT_CERTIFICATE_PATH`.
    #[record(optional)]
    pub(crate) client_certificate_path: Option<String>,
    /// The region of what names none: of resource groups, and of what components make. By default `ARM_LOCATION` or
    /// `AZURE_LOCATION`.
    #[record(optional, compare = blanks)]
    pub(crate) location: Option<String>,
    /// Which Azure: `public`, `usgovernment` or `china`. By default `ARM_ENVIRONMENT`, or `public`.
    #[record(optional)]
    pub(crate) environment: Option<String>,
    /// Where tokens come from, of an Azure of its own: `https://login.example.com`. By default `AZURE_AUTHORITY_HOST`.
    #[record(optional)]
    pub(crate) authority_host: Option<String>,
    /// Whether to sign in with a federated token. By default `ARM_USE_OIDC`; a token file in `AZURE_FEDERATED_TOKEN_FILE` is
    /// taken without it.
    #[record(optional)]
    pub(crate) use_oidc: Option<bool>,
    /// A file with the federated token. By default `ARM_OIDC_TOKEN_FILE_PATH` or `AZURE_FEDERATED_TOKEN_FILE`.
    #[record(optional)]
    pub(crate) oidc_token_file_path: Option<String>,
    /// Whether to sign in with the machine's managed identity. By default `ARM_USE_MSI`.
    #[record(optional)]
    pub(crate) use_msi: Option<bool>,
    /// Whether to sign in with the login of `az` when nothing else is configured. By default `ARM_USE_CLI`, or true.
    #[record(optional)]
    pub(crate) use_cli: Option<bool>,
    /// Endpoints by service: `resource_manager`, `vault` (the domain of vaults, such as `vault.azure.net`).
    /// `INFRA_AZURE_ENDPOINT` goes before, for all of them.
    #[record(optional)]
    pub(crate) endpoints: BTreeMap<String, String>,
    /// Tags on everything that can have tags; a resource's own go before.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// One of Microsoft's separate clouds (Azure, "Compare Azure Government and global Azure", "Azure China developer guide"): all that
/// differs between them. Whoever needs a domain takes it from here; stacks and components from the data source
/// `azurerm_client_config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sovereign {
    /// As `environment` says it.
    pub(crate) name: &'static str,
    /// Resource Manager.
    pub(crate) resource_manager: &'static str,
    /// Where tokens come from.
    pub(crate) authority: &'static str,
    /// The domain of vaults.
    pub(crate) vault: &'static str,
    /// The domain of storage accounts, after the service: `blob.` before it.
    pub(crate) storage: &'static str,
    /// The domain of MySQL servers, and the end of the names of their private zones.
    pub(crate) mysql: &'static str,
    /// The domain of PostgreSQL servers, and the end of the names of their private zones.
    pub(crate) postgres: &'static str,
    /// The domain of container registries.
    pub(crate) registry: &'static str,
}

const CLOUDS: [Sovereign; 3] = [
    Sovereign {
        name: "public",
        resource_manager: "https://management.azure.com",
        authority: "https://login.microsoftonline.com",
        vault: "vault.azure.net",
        storage: "core.windows.net",
        mysql: "mysql.database.azure.com",
        postgres: "postgres.database.azure.com",
        registry: "azurecr.io",
    },
    Sovereign {
        name: "usgovernment",
        resource_manager: "https://management.usgovcloudapi.net",
        authority: "https://login.microsoftonline.us",
        vault: "vault.usgovcloudapi.net",
        storage: "core.usgovcloudapi.net",
        mysql: "mysql.database.usgovcloudapi.net",
        postgres: "postgres.database.usgovcloudapi.net",
        registry: "azurecr.us",
    },
    Sovereign {
        name: "china",
        resource_manager: "https://management.chinacloudapi.cn",
        authority: "https://login.partner.microsoftonline.cn",
        vault: "vault.azure.cn",
        storage: "core.chinacloudapi.cn",
        mysql: "mysql.database.chinacloudapi.cn",
        postgres: "postgres.database.chinacloudapi.cn",
        registry: "azurecr.cn",
    },
];

/// What the environment says about signing in that no stack says: tokens, and where to ask for one.
#[derive(Clone, Default)]
pub(crate) struct SignIn {
    /// A federated token itself.
    pub(crate) token: Option<String>,
    /// Where GitHub Actions gives one, and the token to ask with.
    pub(crate) request: Option<(String, String)>,
    /// The endpoint of an emulator or the sandbox.
    pub(crate) emulator: Option<String>,
}

impl Config {
    /// With what the environment gives. `INFRA_AZURE_ENDPOINT` stands before the stack's own endpoints, because a state that
    /// was made against a sandbox is read again under the sandbox's next address.
    ///
    /// # Errors
    /// No subscription, an unknown environment or service, or an endpoint that is no URL.
    pub(crate) fn within(
        self,
        environment: &Environment,
    ) -> Result<(Config, SignIn), ProviderError> {
        let (config, sign_in) = self.filled(environment)?;
        if config.subscription_id.is_none() {
            return Err(ProviderError::invalid(
                "subscription_id",
                "no subscription: set `subscription_id` under [clouds.azure], or ARM_SUBSCRIPTION_ID (`az account show` \
                 tells it)",
            ));
        }
        config.check()?;
        Ok((config, sign_in))
    }

    /// The same for what is of no subscription.
    ///
    /// # Errors
    /// An unknown environment or service, or an endpoint that is no URL.
    pub(crate) fn without_subscription(
        self,
        environment: &Environment,
    ) -> Result<(Config, SignIn), ProviderError> {
        let (config, sign_in) = self.filled(environment)?;
        config.check()?;
        Ok((config, sign_in))
    }

    fn filled(mut self, environment: &Environment) -> Result<(Config, SignIn), ProviderError> {
        let of = |names: &[&str]| variable(environment, names);
        let or = |own: &mut Option<String>, names: &[&str]| fill(own, environment, names);
        or(
            &mut self.subscription_id,
            &["ARM_SUBSCRIPTION_ID", "AZURE_SUBSCRIPTION_ID"],
        );
        or(&mut self.tenant_id, &["ARM_TENANT_ID", "AZURE_TENANT_ID"]);
        or(&mut self.client_id, &["ARM_CLIENT_ID", "AZURE_CLIENT_ID"]);
        or(
            &mut self.client_secret,
            &["ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET"],
        );
        or(
            &mut self.client_certificate_path,
            &[
                "ARM_CLIENT_CERTIFICATE_PATH",
                "AZURE_CLIENT_CERTIFICATE_PATH",
            ],
        );
        or(&mut self.location, &["ARM_LOCATION", "AZURE_LOCATION"]);
        or(&mut self.environment, &["ARM_ENVIRONMENT"]);
        or(&mut self.authority_host, &["AZURE_AUTHORITY_HOST"]);
        or(
            &mut self.oidc_token_file_path,
            &["ARM_OIDC_TOKEN_FILE_PATH", "AZURE_FEDERATED_TOKEN_FILE"],
        );
        let flag = |own: &mut Option<bool>, name: &str| -> Result<(), ProviderError> {
            if let (None, Some(text)) = (*own, of(&[name])) {
                *own = match &*text.to_ascii_lowercase() {
                    "true" | "1" => Some(true),
                    "false" | "0" => Some(false),
                    _ => {
                        return Err(ProviderError::new(
                            infra_model::ErrorKind::Invalid,
                            format!("{name} is `{text}`, and must be `true` or `false`"),
                        ));
                    }
                };
            }
            Ok(())
        };
        flag(&mut self.use_oidc, "ARM_USE_OIDC")?;
        flag(&mut self.use_msi, "ARM_USE_MSI")?;
        flag(&mut self.use_cli, "ARM_USE_CLI")?;
        let asked = |url: &[&str], token: &[&str]| Some((of(url)?, of(token)?));
        let sign_in = SignIn {
            token: of(&["ARM_OIDC_TOKEN"]),
            request: asked(
                &["ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"],
                &["ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"],
            ),
            emulator: of(&["INFRA_AZURE_ENDPOINT"]),
        };
        if let Some(url) = &sign_in.emulator {
            self.endpoints
                .insert("resource_manager".to_owned(), url.clone());
        }
        Ok((self, sign_in))
    }

    fn check(&self) -> Result<(), ProviderError> {
        if let Some(name) = &self.environment
            && self.named().is_none()
        {
            let known = CLOUDS.map(|c| c.name);
            let hint = infra_model::diagnostic::meant(name, known);
            return Err(ProviderError::invalid(
                "environment",
                format!("`{name}` is not `public`, `usgovernment` or `china`{hint}"),
            ));
        }
        let is_not = |service: &str, value: &str| {
            let domain = !value.contains("//") && value.contains('.');
            match service {
                "vault" if domain => None,
                "vault" => Some("a domain such as `vault.azure.net`"),
                _ => not_secure(value),
            }
        };
        check_endpoints(&self.endpoints, &["resource_manager", "vault"], is_not)?;
        match &self.authority_host {
            Some(host) if !host.starts_with("https://") => Err(ProviderError::invalid(
                "authority_host",
                format!("`{host}` is not an https:// URL"),
            )),
            _ => Ok(()),
        }
    }

    fn named(&self) -> Option<Sovereign> {
        let name = self.environment.as_deref().unwrap_or("public");
        CLOUDS.into_iter().find(|c| c.name == name)
    }

    /// Which of Microsoft's clouds it is.
    pub(crate) fn cloud(&self) -> Sovereign {
        self.named().unwrap_or(CLOUDS[0])
    }

    /// The subscription.
    pub(crate) fn subscription(&self) -> &str {
        self.subscription_id.as_deref().unwrap_or_default()
    }

    /// The base of every call to Resource Manager.
    pub(crate) fn resource_manager(&self) -> &str {
        let own = self.endpoints.get("resource_manager");
        own.map_or(self.cloud().resource_manager, |url| {
            url.trim_end_matches('/')
        })
    }

    /// The domain of vaults.
    pub(crate) fn vault_domain(&self) -> &str {
        let own = self.endpoints.get("vault");
        own.map_or(self.cloud().vault, |domain| domain)
    }

    /// As the state keeps it: what is not set is left out, and so is what is secret.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        stated(&Config {
            client_secret: None,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::environment;

    #[test]
    fn the_environment_fills_what_the_stack_leaves_out() {
        let config = Config {
            tenant_id: Some("t".to_owned()),
            ..Config::default()
        };
        let (config, sign_in) = config
            .within(&environment(&[
                ("AZURE_SUBSCRIPTION_ID", "other"),
                ("ARM_SUBSCRIPTION_ID", "s"),
                ("ARM_TENANT_ID", "u"),
                ("ARM_CLIENT_SECRET", "hunter2"),
                ("ARM_USE_MSI", "true"),
                ("INFRA_AZURE_ENDPOINT", "http://127.0.0.1:4702/"),
            ]))
            .expect("is right");
        assert_eq!(config.subscription(), "s");
        assert_eq!(config.tenant_id.as_deref(), Some("t"));
        assert_eq!(config.use_msi, Some(true));
        assert_eq!(config.resource_manager(), "http://127.0.0.1:4702");
        assert!(sign_in.emulator.is_some());
        let kept = config.to_json().to_string();
        assert!(
            !kept.contains("hunter2") && !kept.contains("location"),
            "{kept}"
        );
    }

    #[test]
    fn other_clouds_have_other_hosts() {
        let of = |name: &str| {
            let config = Config {
                subscription_id: Some("s".to_owned()),
                environment: Some(name.to_owned()),
                ..Config::default()
            };
            config.within(&Environment::default()).map(|(c, _)| c)
        };
        let china = of("china").expect("is known");
        assert_eq!(
            china.resource_manager(),
            "https://management.chinacloudapi.cn"
        );
        assert_eq!(china.vault_domain(), "vault.azure.cn");
        // Nothing of one cloud is another's.
        for (at, one) in CLOUDS.iter().enumerate() {
            for other in &CLOUDS[..at] {
                let all = |c: &Sovereign| {
                    [
                        c.name,
                        c.resource_manager,
                        c.authority,
                        c.vault,
                        c.storage,
                        c.mysql,
                        c.postgres,
                        c.registry,
                    ]
                };
                let same = all(one).into_iter().zip(all(other)).find(|(a, b)| a == b);
                assert_eq!(same, None, "{} and {}", one.name, other.name);
            }
        }
        let wrong = of("usgoverment").expect_err("is unknown");
        assert!(
            wrong.message.contains("did you mean `usgovernment`?"),
            "{wrong}"
        );
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_remedy() {
        let none = Config::default().within(&Environment::default());
        let Err(none) = none else {
            panic!("no subscription")
        };
        assert!(none.message.contains("ARM_SUBSCRIPTION_ID"));
        for (service, url, message) in [
            (
                "resource_manger",
                "https://x",
                "did you mean `resource_manager`?",
            ),
            (
                "resource_manager",
                "http://example.com",
                "is not an https:// URL",
            ),
            ("vault", "https://vault.azure.net", "is not a domain"),
        ] {
            let config = Config {
                subscription_id: Some("s".to_owned()),
                endpoints: BTreeMap::from([(service.to_owned(), url.to_owned())]),
                ..Config::default()
            };
            let Err(error) = config.within(&Environment::default()) else {
                panic!("{url} is wrong")
            };
            assert!(error.message.contains(message), "{error}");
        }
    }
}
