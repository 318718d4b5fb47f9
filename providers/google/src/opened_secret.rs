//! The ephemeral `google_secret_manager_secret_version`: a secret that is read when a run needs it, and never stored.

use crate::api::{relative, short};
use crate::client::{Client, Request};
use crate::family::SECRETS;
use crate::secrets::{VERSIONS, held};
use async_trait::async_trait;
use infra_model::resource::EphemeralResource;
use infra_model::{CallContext, ProviderError, Record};

/// A version of a secret, read when it is needed and never stored.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct OpenedRecord {
    /// The secret, by name or id.
    #[record(required)]
    pub(crate) secret: String,
    /// Its number, or an alias; by default the newest.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// The project. By default that of the secret's id, then the provider's.
    #[record(optional, computed)]
    pub(crate) project: Option<String>,
    /// What is secret.
    #[record(computed, sensitive)]
    pub(crate) secret_data: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) create_time: Option<String>,
    /// Whether it can be read.
    #[record(computed)]
    pub(crate) enabled: Option<bool>,
    /// `projects/{number}/secrets/{secret}/versions/{version}`
    #[record(computed)]
    pub(crate) name: Option<String>,
}

pub(crate) struct Opened;

#[async_trait]
impl EphemeralResource<Client> for Opened {
    type Record = OpenedRecord;
    const TYPE: &'static str = "google_secret_manager_secret_version";

    async fn open(
        client: &Client,
        context: &CallContext,
        config: OpenedRecord,
    ) -> Result<OpenedRecord, ProviderError> {
        let project = config.project.as_deref().unwrap_or(client.project());
        let secret = match relative(&config.secret) {
            full if full.contains('/') => full.to_owned(),
            name => format!("projects/{project}/secrets/{name}"),
        };
        let asked = config.version.as_deref().unwrap_or("latest");
        let id = format!("{secret}/versions/{asked}");
        let look = Request::get(SECRETS, format!("{VERSIONS}.get"), &*id);
        let found = client.call(context, &look).await?;
        let name = found["name"].as_str().map(str::to_owned);
        let version = name.as_deref().map(|name| short(name).to_owned());
        let project = secret.split('/').nth(1).map(str::to_owned);
        Ok(OpenedRecord {
            secret_data: held(client, context, &id).await?,
            create_time: found["createTime"].as_str().map(str::to_owned),
            enabled: Some(found["state"] == "ENABLED"),
            version: config.version.or(version),
            project: config.project.or(project),
            secret: config.secret,
            name,
        })
    }
}
