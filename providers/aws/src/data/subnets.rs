//! `aws_subnets`: ids of the subnets that filters and tags choose.

use super::availability_zones::FilterRecord;
use crate::client::Client;
use crate::ec2::tagging::{filter, list};
use crate::tags::Tags;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// Ids of the subnets that filters and tags choose, sorted.
#[derive(Clone, Debug, Record)]
pub(crate) struct SubnetsRecord {
    /// Filters of `DescribeSubnets`.
    #[record(block, set)]
    pub(crate) filter: Vec<FilterRecord>,
    /// Tags that they have.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// The region.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Their ids.
    #[record(computed)]
    pub(crate) ids: Vec<String>,
}

pub(crate) struct Subnets;

#[async_trait]
impl DataSource<Client> for Subnets {
    type Record = SubnetsRecord;
    const TYPE: &'static str = "aws_subnets";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: SubnetsRecord,
    ) -> Result<SubnetsRecord, ProviderError> {
        let tags = config
            .tags
            .iter()
            .map(|(k, v)| filter(&format!("tag:{k}"), [v]));
        let filters = config
            .filter
            .iter()
            .map(|f| filter(&f.name, f.values.clone()))
            .chain(tags)
            .collect();
        let found = list!(client, context, "DescribeSubnets": describe_subnets.set_filters(filters) -> subnets).await?;
        let mut ids: Vec<String> = found.into_iter().filter_map(|s| s.subnet_id).collect();
        ids.sort();
        Ok(SubnetsRecord {
            id: Some(client.region().to_owned()),
            ids,
            ..config
        })
    }
}
