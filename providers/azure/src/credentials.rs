//! Who we are to Azure: the first of the credentials that are configured. Tokens come from the official `azure_identity`.

use crate::certificate::Certified;
use crate::config::{Config, SignIn};
use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Method, Pipeline, Request, Transport, Url,
};
use azure_identity as identity;
use infra_model::{ErrorKind, ProviderError};
use std::path::PathBuf;
use std::sync::Arc;

/// What most often helps.
pub(crate) const SIGN_IN: &str = "run `az login`, or set ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET or ARM_CLIENT_CERTIFICATE_PATH, or ARM_USE_OIDC or ARM_USE_MSI";

/// The credentials that a configuration asks for. No call is made.
///
/// # Errors
/// What they need and nobody said.
pub(crate) fn of(
    config: &Config,
    sign_in: SignIn,
) -> Result<Arc<dyn TokenCredential>, ProviderError> {
    over(config, sign_in, None)
}

/// The same, by other means of transport than the usual ones.
pub(crate) fn over(
    config: &Config,
    sign_in: SignIn,
    transport: Option<Transport>,
) -> Result<Arc<dyn TokenCredential>, ProviderError> {
    let options = ClientOptions {
        transport,
        ..options(config)
    };
    let tenant = || given(config.tenant_id.as_ref(), "tenant_id", "ARM_TENANT_ID");
    let client = || given(config.client_id.as_ref(), "client_id", "ARM_CLIENT_ID");
    let built: azure_core::Result<Arc<dyn TokenCredential>> = if let Some(secret) =
        &config.client_secret
    {
        let options = identity::ClientSecretCredentialOptions {
            client_options: options,
        };
        let secret = Secret::new(secret.clone());
        identity::ClientSecretCredential::new(&tenant()?, client()?, secret, Some(options))
            .map(|c| c as _)
    } else if let Some(path) = &config.client_certificate_path {
        let (tenant, client) = (tenant()?, client()?);
        let own = Certified::read(path, authority(config), &tenant, &client)?;
        let options = identity::ClientAssertionCredentialOptions {
            client_options: options,
        };
        identity::ClientAssertionCredential::new(tenant, client, own, Some(options)).map(|c| c as _)
    } else if let Some(assertion) = federated(config, sign_in) {
        let options = identity::ClientAssertionCredentialOptions {
            client_options: options,
        };
        match assertion {
            Federated::File(path) => {
                let options = identity::WorkloadIdentityCredentialOptions {
                    credential_options: options,
                    client_id: Some(client()?),
                    tenant_id: Some(tenant()?),
                    token_file_path: Some(path),
                };
                identity::WorkloadIdentityCredential::new(Some(options)).map(|c| c as _)
            }
            Federated::Asked(assertion) => identity::ClientAssertionCredential::new(
                tenant()?,
                client()?,
                assertion,
                Some(options),
            )
            .map(|c| c as _),
        }
    } else if config.use_oidc == Some(true) {
        return Err(ProviderError::invalid(
            "use_oidc",
            "there is no federated token: set ARM_OIDC_TOKEN, ARM_OIDC_TOKEN_FILE_PATH, or both \
                 ARM_OIDC_REQUEST_URL and ARM_OIDC_REQUEST_TOKEN",
        ));
    } else if config.use_msi == Some(true) {
        let options = identity::ManagedIdentityCredentialOptions {
            user_assigned_id: config
                .client_id
                .clone()
                .map(identity::UserAssignedId::ClientId),
            client_options: options,
        };
        identity::ManagedIdentityCredential::new(Some(options)).map(|c| c as _)
    } else if config.use_cli != Some(false) {
        let options = identity::AzureCliCredentialOptions {
            subscription: config.subscription_id.clone(),
            ..identity::AzureCliCredentialOptions::default()
        };
        identity::AzureCliCredential::new(Some(options)).map(|c| c as _)
    } else {
        return Err(ProviderError::new(
            ErrorKind::Denied,
            format!("no Azure credentials are configured: {SIGN_IN}"),
        ));
    };
    built.map_err(|e| {
        ProviderError::new(
            ErrorKind::Denied,
            format!("no Azure credentials: {e}; {SIGN_IN}"),
        )
    })
}

fn given(own: Option<&String>, name: &str, variable: &str) -> Result<String, ProviderError> {
    own.cloned().ok_or_else(|| {
        ProviderError::invalid(
            name,
            format!("signing in needs `{name}`, here or in {variable}"),
        )
    })
}

/// Where tokens come from.
fn authority(config: &Config) -> &str {
    let own = config.authority_host.as_deref();
    own.unwrap_or(config.cloud().authority)
}

/// How it is asked.
fn options(config: &Config) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    custom.authority_host = authority(config).to_owned();
    ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::Custom(custom))),
        ..ClientOptions::default()
    }
}

enum Federated {
    File(PathBuf),
    Asked(Assertion),
}

/// The federated token that is configured: one that was given, in a file, or to be asked for.
fn federated(config: &Config, sign_in: SignIn) -> Option<Federated> {
    let wanted = config.use_oidc;
    if wanted == Some(true) {
        if let Some(token) = sign_in.token {
            return Some(Federated::Asked(Assertion::Given(Secret::new(token))));
        }
        if let Some((url, token)) = sign_in.request {
            let pipeline = Pipeline::new(
                option_env!("CARGO_PKG_NAME"),
                option_env!("CARGO_PKG_VERSION"),
                ClientOptions::default(),
                Vec::new(),
                Vec::new(),
                None,
            );
            return Some(Federated::Asked(Assertion::Request {
                url,
                token: Secret::new(token),
                pipeline,
            }));
        }
    }
    let file = config.oidc_token_file_path.as_ref();
    // Workload identity sets the file without being asked, but a managed identity may be wanted instead.
    let unless_told = wanted.unwrap_or(config.use_msi != Some(true));
    file.filter(|_| unless_told)
        .map(|path| Federated::File(PathBuf::from(path)))
}

/// A token of somebody whom the application trusts.
#[derive(Debug)]
enum Assertion {
    Given(Secret),
    /// GitHub Actions (GitHub, "OpenID Connect reference", "Methods for requesting the OIDC token").
    Request {
        url: String,
        token: Secret,
        pipeline: Pipeline,
    },
}

#[async_trait]
impl identity::ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        match self {
            Assertion::Given(token) => Ok(token.secret().to_owned()),
            Assertion::Request {
                url,
                token,
                pipeline,
            } => {
                let mut url = Url::parse(url)?;
                url.query_pairs_mut()
                    .append_pair("audience", "api://AzureADTokenExchange");
                let mut request = Request::new(url, Method::Get);
                request.insert_header("authorization", format!("Bearer {}", token.secret()));
                request.insert_header("accept", "application/json");
                let answer = pipeline
                    .send(&azure_core::http::Context::new(), &mut request, None)
                    .await?;
                let json: serde_json::Value = answer.body().json()?;
                json["value"].as_str().map(str::to_owned).ok_or_else(|| {
                    azure_core::Error::with_message(
                        azure_core::error::ErrorKind::Credential,
                        "the answer holds no token",
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            subscription_id: Some("s".to_owned()),
            tenant_id: Some("00000000-0000-0000-0000-000000000001".to_owned()),
            client_id: Some("c".to_owned()),
            ..Config::default()
        }
    }

    #[test]
    fn what_is_configured_first_is_used() {
        let kind = |config: &Config, sign_in: SignIn| {
            let credential = of(config, sign_in).expect("is enough");
            format!("{credential:?}")
        };
        let secret = Config {
            client_secret: Some("hunter2".to_owned()),
            use_msi: Some(true),
            ..config()
        };
        let shown = kind(&secret, SignIn::default());
        assert!(shown.contains("ClientSecretCredential"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let token = SignIn {
            token: Some("t".to_owned()),
            ..SignIn::default()
        };
        let oidc = Config {
            use_oidc: Some(true),
            ..config()
        };
        assert!(kind(&oidc, token).contains("ClientAssertionCredential"));
        let managed = Config {
            use_msi: Some(true),
            ..config()
        };
        assert!(kind(&managed, SignIn::default()).contains("ManagedIdentityCredential"));
        assert!(kind(&config(), SignIn::default()).contains("AzureCliCredential"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |config: Config| of(&config, SignIn::default()).expect_err("lacks something");
        let no_tenant = Config {
            client_secret: Some("x".to_owned()),
            tenant_id: None,
            ..config()
        };
        assert!(refused(no_tenant).message.contains("ARM_TENANT_ID"));
        let no_token = Config {
            use_oidc: Some(true),
            ..config()
        };
        assert!(refused(no_token).message.contains("ARM_OIDC_TOKEN"));
        let nothing = Config {
            use_cli: Some(false),
            ..config()
        };
        assert!(refused(nothing).message.contains("az login"));
    }
}
