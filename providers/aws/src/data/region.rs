//! `aws_region`: where the provider works.

use crate::client::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// The provider's region.
#[derive(Clone, Debug, Record)]
pub(crate) struct RegionRecord {
    /// Its name, such as `eu-west-1`.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its name.
    #[record(computed, deprecated = "use `region`")]
    pub(crate) name: Option<String>,
    /// Its name.
    #[record(computed)]
    pub(crate) region: Option<String>,
}

pub(crate) struct Region;

#[async_trait]
impl DataSource<Client> for Region {
    type Record = RegionRecord;
    const TYPE: &'static str = "aws_region";

    async fn read(
        client: &Client,
        _: &CallContext,
        _: RegionRecord,
    ) -> Result<RegionRecord, ProviderError> {
        let region = Some(client.region().to_owned());
        Ok(RegionRecord {
            id: region.clone(),
            name: region.clone(),
            region,
        })
    }
}
