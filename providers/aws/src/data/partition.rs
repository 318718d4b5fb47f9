//! `aws_partition`: which of the separate clouds of AWS it is.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// The partition: `aws`, `aws-cn`, `aws-us-gov`.
#[derive(Clone, Debug, Record)]
pub(crate) struct PartitionRecord {
    /// Its name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its name, as in ARNs.
    #[record(computed)]
    pub(crate) partition: Option<String>,
    /// The domain of its services.
    #[record(computed)]
    pub(crate) dns_suffix: Option<String>,
    /// The domain of its services, reversed.
    #[record(computed)]
    pub(crate) reverse_dns_prefix: Option<String>,
}

pub(crate) struct Partition;

#[async_trait]
impl DataSource<Client> for Partition {
    type Record = PartitionRecord;
    const TYPE: &'static str = "aws_partition";

    async fn read(
        client: &Client,
        _: &CallContext,
        _: PartitionRecord,
    ) -> Result<PartitionRecord, ProviderError> {
        let partition = client.partition().to_owned();
        // AWS General Reference, "Service endpoints and quotas": China has a domain of its own.
        let suffix = if partition == "aws-cn" {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let reversed: Vec<&str> = suffix.rsplit('.').collect();
        Ok(PartitionRecord {
            id: Some(partition.clone()),
            partition: Some(partition),
            dns_suffix: Some(suffix.to_owned()),
            reverse_dns_prefix: Some(reversed.join(".")),
        })
    }
}
