//! `aws_availability_zones`: the zones of the region.

use crate::client::Client;
use crate::ec2::tagging::filter;
use crate::family::EC2_READ;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};

/// The availability zones of the region, sorted by name.
#[derive(Clone, Debug, Record)]
pub(crate) struct AvailabilityZonesRecord {
    /// Only zones in this state, such as `available`.
    #[record(optional)]
    pub(crate) state: Option<String>,
    /// Zones that were not opted into, too.
    #[record(optional, default = false)]
    pub(crate) all_availability_zones: bool,
    /// Names to leave out.
    #[record(optional)]
    pub(crate) exclude_names: Vec<String>,
    /// Zone ids to leave out.
    #[record(optional)]
    pub(crate) exclude_zone_ids: Vec<String>,
    /// Filters of `DescribeAvailabilityZones`.
    #[record(block, set)]
    pub(crate) filter: Vec<FilterRecord>,
    /// Their names, such as `eu-west-1a`.
    #[record(computed)]
    pub(crate) names: Vec<String>,
    /// Their ids, such as `euw1-az1`.
    #[record(computed)]
    pub(crate) zone_ids: Vec<String>,
    /// The groups they belong to.
    #[record(computed)]
    pub(crate) group_names: Vec<String>,
    /// The region.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// One filter: any of the values.
#[derive(Clone, Debug, Record)]
pub(crate) struct FilterRecord {
    /// The filter's name.
    #[record(required)]
    pub(crate) name: String,
    /// Its values.
    #[record(required)]
    pub(crate) values: Vec<String>,
}

pub(crate) struct AvailabilityZones;

#[async_trait]
impl DataSource<Client> for AvailabilityZones {
    type Record = AvailabilityZonesRecord;
    const TYPE: &'static str = "aws_availability_zones";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: AvailabilityZonesRecord,
    ) -> Result<AvailabilityZonesRecord, ProviderError> {
        let mut filters: Vec<_> = config
            .filter
            .iter()
            .map(|f| filter(&f.name, f.values.clone()))
            .collect();
        filters.extend(config.state.as_ref().map(|s| filter("state", [s.as_str()])));
        let filters = (!filters.is_empty()).then_some(filters);
        let answer = client
            .call(context, EC2_READ, "DescribeAvailabilityZones", || {
                client
                    .ec2()
                    .describe_availability_zones()
                    .all_availability_zones(config.all_availability_zones)
                    .set_filters(filters.clone())
                    .send()
            })
            .await?;
        let mut zones: Vec<(String, String, String)> = answer
            .availability_zones()
            .iter()
            .map(|z| {
                let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
                (text(z.zone_name()), text(z.zone_id()), text(z.group_name()))
            })
            .filter(|(name, id, _)| {
                !config.exclude_names.contains(name) && !config.exclude_zone_ids.contains(id)
            })
            .collect();
        zones.sort();
        let mut groups: Vec<String> = zones.iter().map(|z| z.2.clone()).collect();
        groups.sort();
        groups.dedup();
        Ok(AvailabilityZonesRecord {
            names: zones.iter().map(|z| z.0.clone()).collect(),
            zone_ids: zones.iter().map(|z| z.1.clone()).collect(),
            group_names: groups,
            id: Some(client.region().to_owned()),
            ..config
        })
    }
}
