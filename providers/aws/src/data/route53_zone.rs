//! `aws_route53_zone` as a data source: a hosted zone that somebody else made.

use crate::client::Client;
use crate::route53::{bare, plain, zone_view, zones};
use crate::tags::Tags;
use async_trait::async_trait;
use aws_sdk_route53::types::HostedZone;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};

/// The one hosted zone that everything given here is true of.
#[derive(Clone, Debug, Record)]
pub(crate) struct ZoneRecord {
    /// Its domain.
    #[record(optional, computed)]
    pub(crate) name: Option<String>,
    /// Its id.
    #[record(optional, computed)]
    pub(crate) zone_id: Option<String>,
    /// A name whose zone is looked for: that with the longest domain that the name is in. Only here, not in Terraform.
    #[record(optional)]
    pub(crate) encloses: Option<String>,
    /// Whether it answers in VPCs only.
    #[record(optional, default = false)]
    pub(crate) private_zone: bool,
    /// A VPC in which it answers.
    #[record(optional)]
    pub(crate) vpc_id: Option<String>,
    /// Tags that it has.
    #[record(optional, computed)]
    pub(crate) tags: Tags,
    /// Its id.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// What it is for.
    #[record(computed)]
    pub(crate) comment: Option<String>,
    /// Its name servers, sorted.
    #[record(computed)]
    pub(crate) name_servers: Vec<String>,
    /// The first of them.
    #[record(computed)]
    pub(crate) primary_name_server: Option<String>,
}

pub(crate) struct Zone;

#[async_trait]
impl DataSource<Client> for Zone {
    type Record = ZoneRecord;
    const TYPE: &'static str = "aws_route53_zone";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ZoneRecord,
    ) -> Result<ZoneRecord, ProviderError> {
        let candidates = match &config.zone_id {
            Some(id) => vec![bare(id).to_owned()],
            None => candidates(&config, &zones(client, context).await?)?,
        };
        let mut found = Vec::new();
        for id in candidates {
            let zone = zone_view::one(client, context, &id).await?;
            found.extend(zone.filter(|zone| {
                let in_vpc = |vpc: &String| zone.vpc.iter().any(|v| v.vpc_id == *vpc);
                let tagged =
                    |(key, value): (&String, &String)| zone.tags_all.get(key) == Some(value);
                config.vpc_id.as_ref().is_none_or(in_vpc) && config.tags.iter().all(tagged)
            }));
        }
        let count = found.len();
        let [zone] = <[_; 1]>::try_from(found).map_err(|_| {
            ProviderError::new(
                ErrorKind::NotFound,
                format!(
                    "exactly one hosted zone must match, and {count} do: say more or less of it"
                ),
            )
        })?;
        Ok(ZoneRecord {
            name: Some(plain(&zone.name)),
            zone_id: zone.zone_id,
            encloses: config.encloses,
            private_zone: !zone.vpc.is_empty(),
            vpc_id: config.vpc_id,
            tags: zone.tags_all,
            id: zone.id,
            arn: zone.arn,
            comment: Some(zone.comment),
            name_servers: zone.name_servers,
            primary_name_server: zone.primary_name_server,
        })
    }
}

/// Ids of the zones that have the name, or the longest of those that a name is in.
fn candidates(config: &ZoneRecord, zones: &[HostedZone]) -> Result<Vec<String>, ProviderError> {
    if config.name.is_none() && config.encloses.is_none() {
        return Err(ProviderError::invalid(
            "name",
            "say which zone: `name`, `zone_id` or `encloses`",
        ));
    }
    let private = |zone: &&HostedZone| {
        let config_of = zone.config().is_some_and(|c| c.private_zone);
        config_of == config.private_zone
    };
    let wanted = config.name.as_deref().map(plain);
    let inner = config.encloses.as_deref().map(plain);
    let within = |domain: &str| {
        let inside = |name: &String| name == domain || name.ends_with(&format!(".{domain}"));
        inner.as_ref().is_none_or(inside)
    };
    let matching: Vec<(String, String)> = zones
        .iter()
        .filter(private)
        .map(|zone| (plain(&zone.name), bare(&zone.id).to_owned()))
        .filter(|(name, _)| wanted.as_ref().is_none_or(|w| w == name) && within(name))
        .collect();
    let longest = matching.iter().map(|(name, _)| name.len()).max();
    Ok(matching
        .into_iter()
        .filter(|(name, _)| Some(name.len()) == longest)
        .map(|(_, id)| id)
        .collect())
}
