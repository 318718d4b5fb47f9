//! `aws_eks_cluster_auth`: a token to log in to a cluster with.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// A token to log in to a cluster with, good for a quarter of an hour. It is made here, without a call, and another one each
/// time: a provider `kubernetes` that names the cluster gets its tokens by itself, and needs none of these.
#[derive(Clone, Debug, Record)]
pub(crate) struct ClusterAuthRecord {
    /// The cluster's name.
    #[record(required)]
    pub(crate) name: String,
    /// The token.
    #[record(computed, sensitive)]
    pub(crate) token: Option<String>,
    /// The cluster's name.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct ClusterAuth;

#[async_trait]
impl DataSource<Client> for ClusterAuth {
    type Record = ClusterAuthRecord;
    const TYPE: &'static str = "aws_eks_cluster_auth";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ClusterAuthRecord,
    ) -> Result<ClusterAuthRecord, ProviderError> {
        let made = client
            .cluster_token(&config.name, context.clock.now())
            .await?;
        Ok(ClusterAuthRecord {
            token: Some(made.token),
            id: Some(config.name.clone()),
            ..config
        })
    }
}
