//! Data sources: who and where one is.

use crate::client::{Client, Request};
use crate::tags;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};
use std::collections::BTreeMap;

/// The version of calls about subscriptions.
pub(crate) const SUBSCRIPTIONS: &str = "2022-12-01";

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
    /// Which Azure it is: `public`, `usgovernment` or `china`.
    #[record(computed)]
    pub(crate) environment: Option<String>,
    /// The domain of vaults there, such as `vault.azure.net`.
    #[record(computed)]
    pub(crate) vault_domain: Option<String>,
    /// The domain of storage accounts there, after the service, such as `core.windows.net`.
    #[record(computed)]
    pub(crate) storage_domain: Option<String>,
    /// The domain of MySQL servers there, such as `mysql.database.azure.com`.
    #[record(computed)]
    pub(crate) mysql_domain: Option<String>,
    /// The domain of PostgreSQL servers there, such as `postgres.database.azure.com`.
    #[record(computed)]
    pub(crate) postgres_domain: Option<String>,
    /// The domain of container registries there, such as `azurecr.io`.
    #[record(computed)]
    pub(crate) registry_domain: Option<String>,
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
                let request = Request::get(of, SUBSCRIPTIONS, client.subscription());
                let found = client.call(context, &request).await?;
                found["tenantId"].as_str().map(str::to_owned)
            }
        };
        let cloud = config.cloud();
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
            environment: Some(cloud.name.to_owned()),
            vault_domain: Some(config.vault_domain().to_owned()),
            storage_domain: Some(cloud.storage.to_owned()),
            mysql_domain: Some(cloud.mysql.to_owned()),
            postgres_domain: Some(cloud.postgres.to_owned()),
            registry_domain: Some(cloud.registry.to_owned()),
            id: Some(id),
        })
    }
}

/// A subscription.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubscriptionRecord {
    /// Its id. By default the provider's.
    #[record(optional, computed)]
    pub(crate) subscription_id: Option<String>,
    /// What people call it.
    #[record(computed)]
    pub(crate) display_name: Option<String>,
    /// Its tenant.
    #[record(computed)]
    pub(crate) tenant_id: Option<String>,
    /// `Enabled`, `Disabled`, `Warned`, `PastDue` or `Deleted`.
    #[record(computed)]
    pub(crate) state: Option<String>,
    /// Where its resources may be placed, as Azure's offers say.
    #[record(computed)]
    pub(crate) location_placement_id: Option<String>,
    /// The offer that it was bought by.
    #[record(computed)]
    pub(crate) quota_id: Option<String>,
    /// Whether there is a limit of costs: `On`, `Off` or `CurrentPeriodOff`.
    #[record(computed)]
    pub(crate) spending_limit: Option<String>,
    /// Its tags.
    #[record(computed)]
    pub(crate) tags: BTreeMap<String, String>,
    /// `/subscriptions/{subscription_id}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Subscription;

#[async_trait]
impl DataSource<Client> for Subscription {
    type Record = SubscriptionRecord;
    const TYPE: &'static str = "azurerm_subscription";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: SubscriptionRecord,
    ) -> Result<SubscriptionRecord, ProviderError> {
        let asked = config.subscription_id.filter(|id| !id.is_empty());
        let subscription = asked.unwrap_or_else(|| client.config().subscription().to_owned());
        let id = format!("/subscriptions/{subscription}");
        let of = "Microsoft.Resources/subscriptions";
        let found = client
            .call(context, &Request::get(of, SUBSCRIPTIONS, &*id))
            .await?;
        let text = |name: &str| found[name].as_str().map(str::to_owned);
        let policy = |name: &str| {
            let found = &found["subscriptionPolicies"][name];
            found.as_str().map(str::to_owned)
        };
        Ok(SubscriptionRecord {
            subscription_id: Some(subscription),
            display_name: text("displayName"),
            tenant_id: text("tenantId"),
            state: text("state"),
            location_placement_id: policy("locationPlacementId"),
            quota_id: policy("quotaId"),
            spending_limit: policy("spendingLimit"),
            tags: tags::at(&found, "tags"),
            id: Some(id),
        })
    }
}
