//! `aws_iam_openid_connect_provider`.

use super::{arn, tagging};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::IAM;
use crate::tags::{self, Tags};
use crate::wait;
use async_trait::async_trait;
use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput as Found;
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Recovered, Resource, Value};
use std::collections::BTreeSet;

/// An issuer of identities that AWS trusts, such as a cluster's or GitHub's.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct OidcRecord {
    /// The issuer.
    #[record(required, force_new)]
    pub(crate) url: String,
    /// For whom its tokens are, such as `sts.amazonaws.com`.
    #[record(required)]
    pub(crate) client_id_list: BTreeSet<String>,
    /// Thumbprints of its certificate authorities. AWS finds them by itself.
    #[record(optional, computed)]
    pub(crate) thumbprint_list: Option<Vec<String>>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// Its ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

pub(crate) struct OpenIdConnectProvider;

#[async_trait]
impl Resource<Client> for OpenIdConnectProvider {
    type Record = OidcRecord;
    const TYPE: &'static str = "aws_iam_openid_connect_provider";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 1)
            .family(IAM.name)
            .unique(&["url"])
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        match config.get("url").and_then(Value::as_str) {
            Some(url) if !url.starts_with("https://") => vec![ProviderError::invalid(
                "url",
                format!("`{url}` must begin with `https://`"),
            )],
            _ => Vec::new(),
        }
    }

    fn id(record: &OidcRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<OidcRecord>],
    ) -> Vec<Result<Option<OidcRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async {
            let Some(found) = get(client, context, &item.id).await? else {
                return Ok(None);
            };
            let prior = item.prior.as_ref();
            let (tags, tags_all) = tags::split(
                tagging::from_sdk(found.tags()),
                &client.config().tags,
                prior.map(|p| &p.tags),
            );
            // IAM keeps the address without its scheme.
            let host = found.url().map(bare).unwrap_or_default();
            let said = prior.map(|p| &p.url).filter(|said| bare(said) == host);
            Ok(Some(OidcRecord {
                url: said.map_or_else(|| format!("https://{host}"), Clone::clone),
                client_id_list: found.client_id_list().iter().cloned().collect(),
                thumbprint_list: Some(found.thumbprint_list().to_vec()),
                tags,
                tags_all,
                id: Some(item.id.clone()),
                arn: Some(item.id.clone()),
            }))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: OidcRecord,
    ) -> Result<OidcRecord, ProviderError> {
        let request = client
            .iam()
            .create_open_id_connect_provider()
            .url(&desired.url)
            .set_client_id_list(Some(desired.client_id_list.iter().cloned().collect()))
            .set_thumbprint_list(desired.thumbprint_list.clone())
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)?));
        let id = client
            .begin_named(
                context,
                operation,
                IAM,
                "CreateOpenIDConnectProvider",
                || find(client, context, operation, &desired.url),
                || request.clone().send(),
                aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIdConnectProviderOutput::open_id_connect_provider_arn,
            )
            .await?;
        wait::settled::<OpenIdConnectProvider>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: OidcRecord,
        desired: OidcRecord,
    ) -> Result<OidcRecord, ProviderError> {
        let id = OpenIdConnectProvider::id(&prior);
        let iam = client.iam();
        for added in desired.client_id_list.difference(&prior.client_id_list) {
            let request = iam
                .add_client_id_to_open_id_connect_provider()
                .open_id_connect_provider_arn(&id)
                .client_id(added);
            let call = "AddClientIDToOpenIDConnectProvider";
            client
                .call(context, IAM, call, || request.clone().send())
                .await?;
        }
        for gone in prior.client_id_list.difference(&desired.client_id_list) {
            let request = iam
                .remove_client_id_from_open_id_connect_provider()
                .open_id_connect_provider_arn(&id)
                .client_id(gone);
            let call = "RemoveClientIDFromOpenIDConnectProvider";
            client
                .call(context, IAM, call, || request.clone().send())
                .await?;
        }
        let thumbprints = desired.thumbprint_list.clone();
        if thumbprints.is_some() && prior.thumbprint_list != thumbprints {
            let request = iam
                .update_open_id_connect_provider_thumbprint()
                .open_id_connect_provider_arn(&id)
                .set_thumbprint_list(thumbprints);
            let call = "UpdateOpenIDConnectProviderThumbprint";
            client
                .call(context, IAM, call, || request.clone().send())
                .await?;
        }
        tagging::update!(client, context, operation, &prior.tags_all, &desired.tags,
            open_id_connect_provider_arn(&id),
            "TagOpenIDConnectProvider": tag_open_id_connect_provider,
            "UntagOpenIDConnectProvider": untag_open_id_connect_provider);
        wait::settled::<OpenIdConnectProvider>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: OidcRecord,
    ) -> Result<(), ProviderError> {
        let request = client
            .iam()
            .delete_open_id_connect_provider()
            .open_id_connect_provider_arn(OpenIdConnectProvider::id(&prior));
        let call = "DeleteOpenIDConnectProvider";
        let gone = client.call(context, IAM, call, || request.clone().send());
        absent_is_done(gone.await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: OidcRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired.url).await
    }
}

fn bare(url: &str) -> &str {
    url.trim_start_matches("https://")
}

async fn get(
    client: &Client,
    context: &CallContext,
    arn: &str,
) -> Result<Option<Found>, ProviderError> {
    let request = client
        .iam()
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(arn);
    let call = "GetOpenIDConnectProvider";
    there(
        client
            .call(context, IAM, call, || request.clone().send())
            .await,
    )
}

/// What the account has for the issuer, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    url: &str,
) -> Result<Recovered, ProviderError> {
    let arn = arn(client, &format!("oidc-provider/{}", bare(url)));
    let found = get(client, context, &arn).await?;
    Ok(tagging::whose(
        operation,
        arn,
        found.as_ref().map(Found::tags),
    ))
}
