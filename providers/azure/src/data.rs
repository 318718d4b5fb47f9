//! Data sources: who and where one is.

use crate::client::{Client, Request};
use crate::resources::VERSION;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// The provider's own subscription, tenant and identity.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ConfigRecord {
    /// The subscription.
    #[record(computed)]
    pub(crate) subscription_id: Option<String>,
    /// The tenant.
    #[record(computed)]
    pub(crate) tenant_id: Option<String>,
    /// The application that is signed in.
    #[record(computed)]
    pub(crate) client_id: Option<String>,
    /// The user, application or identity that is signed in, as the directory knows it.
    #[record(computed)]
    pub(crate) object_id: Option<String>,
    /// The provider's region.
    #[record(computed)]
    pub(crate) location: Option<String>,
    /// `clientConfigs/…`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct ClientConfig;

#[async_trait]
impl DataSource<Client> for ClientConfig {
    type Record = ConfigRecord;
    const TYPE: &'static str = "azurerm_client_config";

    async fn read(
        client: &Client,
        context: &CallContext,
        _: ConfigRecord,
    ) -> Result<ConfigRecord, ProviderError> {
        let config = client.config();
        let who = client.claims().await?;
        // Without a tenant in configuration or token, the subscription tells.
        let tenant = match config.tenant_id.clone().or(who.tenant) {
            Some(tenant) => Some(tenant),
            None => {
                let of = "Microsoft.Resources/subscriptions";
                let request = Request::get(of, VERSION, client.subscription());
                let found = client.call(context, &request).await?;
                found["tenantId"].as_str().map(str::to_owned)
            }
        };
        let application = who.application.or_else(|| config.client_id.clone());
        let id = format!(
            "clientConfigs/clientId={};objectId={};subscriptionId={};tenantId={}",
            application.as_deref().unwrap_or_default(),
            who.object.as_deref().unwrap_or_default(),
            config.subscription(),
            tenant.as_deref().unwrap_or_default()
        );
        Ok(ConfigRecord {
            subscription_id: config.subscription_id.clone(),
            tenant_id: tenant,
            client_id: application,
            object_id: who.object,
            location: config.location.clone(),
            id: Some(id),
        })
    }
}
