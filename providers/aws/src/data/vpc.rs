//! `aws_vpc` as a data source: a VPC that somebody else made.

use super::availability_zones::FilterRecord;
use crate::client::Client;
use crate::ec2::tagging::{filter, list};
use crate::ec2::vpc::Vpc as Managed;
use crate::tags::Tags;
use async_trait::async_trait;
use infra_cloud::read;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};

/// The one VPC that everything given here is true of.
#[derive(Clone, Debug, Record)]
pub(crate) struct VpcRecord {
    /// `vpc-…`
    #[record(optional, computed)]
    pub(crate) id: Option<String>,
    /// The IPv4 range.
    #[record(optional, computed)]
    pub(crate) cidr_block: Option<String>,
    /// The DHCP options.
    #[record(optional, computed)]
    pub(crate) dhcp_options_id: Option<String>,
    /// Whether it is the region's default VPC.
    #[record(optional, computed)]
    pub(crate) default: Option<bool>,
    /// `available` or `pending`.
    #[record(optional, computed)]
    pub(crate) state: Option<String>,
    /// Tags that it has.
    #[record(optional, computed)]
    pub(crate) tags: Tags,
    /// Filters of `DescribeVpcs`.
    #[record(block, set)]
    pub(crate) filter: Vec<FilterRecord>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
    /// Whether the resolver of AWS answers in it.
    #[record(computed)]
    pub(crate) enable_dns_support: Option<bool>,
    /// Whether instances with public addresses get public names.
    #[record(computed)]
    pub(crate) enable_dns_hostnames: Option<bool>,
    /// Whether metrics of address usage are kept.
    #[record(computed)]
    pub(crate) enable_network_address_usage_metrics: Option<bool>,
    /// `default` or `dedicated`.
    #[record(computed)]
    pub(crate) instance_tenancy: Option<String>,
    /// The IPv6 range.
    #[record(computed)]
    pub(crate) ipv6_cidr_block: Option<String>,
    /// The association of the IPv6 range.
    #[record(computed)]
    pub(crate) ipv6_association_id: Option<String>,
    /// The route table of subnets without one of their own.
    #[record(computed)]
    pub(crate) main_route_table_id: Option<String>,
}

pub(crate) struct Vpc;

#[async_trait]
impl DataSource<Client> for Vpc {
    type Record = VpcRecord;
    const TYPE: &'static str = "aws_vpc";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: VpcRecord,
    ) -> Result<VpcRecord, ProviderError> {
        let mut filters: Vec<_> = config
            .filter
            .iter()
            .map(|f| filter(&f.name, f.values.clone()))
            .collect();
        for (name, value) in [
            ("vpc-id", config.id.clone()),
            ("cidr", config.cidr_block.clone()),
            ("dhcp-options-id", config.dhcp_options_id.clone()),
            ("is-default", config.default.map(|d| d.to_string())),
            ("state", config.state.clone()),
        ] {
            filters.extend(value.map(|v| filter(name, [v])));
        }
        filters.extend(
            config
                .tags
                .iter()
                .map(|(k, v)| filter(&format!("tag:{k}"), [v])),
        );
        let found =
            list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(filters) -> vpcs)
                .await?;
        let count = found.len();
        let [vpc] = <[_; 1]>::try_from(found).map_err(|_| {
            ProviderError::new(
                ErrorKind::NotFound,
                format!("exactly one VPC must match, and {count} do: say more or less of it"),
            )
        })?;
        let id = vpc.vpc_id.clone().unwrap_or_default();
        let Some(read) = read::one::<_, Managed>(client, context, id, None).await? else {
            return Err(ProviderError::new(
                ErrorKind::NotFound,
                "the VPC disappeared while it was read",
            ));
        };
        Ok(VpcRecord {
            id: read.id,
            cidr_block: read.cidr_block,
            dhcp_options_id: read.dhcp_options_id,
            default: vpc.is_default,
            state: vpc.state.map(|s| s.as_str().to_owned()),
            tags: read.tags_all,
            filter: config.filter,
            arn: read.arn,
            owner_id: read.owner_id,
            enable_dns_support: Some(read.enable_dns_support),
            enable_dns_hostnames: Some(read.enable_dns_hostnames),
            enable_network_address_usage_metrics: Some(read.enable_network_address_usage_metrics),
            instance_tenancy: Some(read.instance_tenancy),
            ipv6_cidr_block: read.ipv6_cidr_block,
            ipv6_association_id: read.ipv6_association_id,
            main_route_table_id: read.main_route_table_id,
        })
    }
}
