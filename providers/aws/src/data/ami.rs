//! `aws_ami`: a machine image that AWS or somebody else made.

use super::availability_zones::FilterRecord;
use crate::batch::{self, Page};
use crate::client::Client;
use crate::ec2::tagging::filter;
use crate::family::EC2_READ;
use crate::tags::Tags;
use async_trait::async_trait;
use aws_sdk_ec2::types::{BlockDeviceMapping, Image as Found};
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use regex::Regex;

/// The one machine image that everything given here is true of.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AmiRecord {
    /// Whose images are looked through: `amazon`, `aws-marketplace`, `self`, or accounts. Who leaves it out may get an image
    /// that anybody has given a well-known name.
    #[record(optional)]
    pub(crate) owners: Vec<String>,
    /// Whether the newest is taken where several match.
    #[record(optional, default = false)]
    pub(crate) most_recent: bool,
    /// Filters of `DescribeImages`.
    #[record(block, set)]
    pub(crate) filter: Vec<FilterRecord>,
    /// What the name must match: a regular expression, applied here to what the filters leave.
    #[record(optional)]
    pub(crate) name_regex: Option<String>,
    /// Only images that these may launch: accounts, `self` or `all`.
    #[record(optional)]
    pub(crate) executable_users: Vec<String>,
    /// Whether images that are out of use are looked through, too.
    #[record(optional, default = false)]
    pub(crate) include_deprecated: bool,
    /// `ami-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// `ami-…`
    #[record(computed)]
    pub(crate) image_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its name.
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// What it is.
    #[record(computed)]
    pub(crate) description: Option<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
    /// The owner's alias, such as `amazon`.
    #[record(computed)]
    pub(crate) image_owner_alias: Option<String>,
    /// Where it is kept.
    #[record(computed)]
    pub(crate) image_location: Option<String>,
    /// `machine`, `kernel` or `ramdisk`.
    #[record(computed)]
    pub(crate) image_type: Option<String>,
    /// `x86_64`, `arm64`, …
    #[record(computed)]
    pub(crate) architecture: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_date: Option<String>,
    /// When it goes out of use.
    #[record(computed)]
    pub(crate) deprecation_time: Option<String>,
    /// `available`, …
    #[record(computed)]
    pub(crate) state: Option<String>,
    /// Whether everybody may launch it.
    #[record(computed)]
    pub(crate) public: Option<bool>,
    /// `windows`, or nothing.
    #[record(computed)]
    pub(crate) platform: Option<String>,
    /// What is billed for it.
    #[record(computed)]
    pub(crate) platform_details: Option<String>,
    /// The operation that is billed for it.
    #[record(computed)]
    pub(crate) usage_operation: Option<String>,
    /// `hvm` or `paravirtual`.
    #[record(computed)]
    pub(crate) virtualization_type: Option<String>,
    /// `xen` or `ovm`.
    #[record(computed)]
    pub(crate) hypervisor: Option<String>,
    /// How it boots.
    #[record(computed)]
    pub(crate) boot_mode: Option<String>,
    /// `v2.0` where instances of it answer only to the second version of the metadata service.
    #[record(computed)]
    pub(crate) imds_support: Option<String>,
    /// The version of its trusted platform module.
    #[record(computed)]
    pub(crate) tpm_support: Option<String>,
    /// Whether it has enhanced networking.
    #[record(computed)]
    pub(crate) ena_support: Option<bool>,
    /// Whether it has the older enhanced networking.
    #[record(computed)]
    pub(crate) sriov_net_support: Option<String>,
    /// Its kernel, of old images.
    #[record(computed)]
    pub(crate) kernel_id: Option<String>,
    /// Its initial memory disk, of old images.
    #[record(computed)]
    pub(crate) ramdisk_id: Option<String>,
    /// The device of the root volume.
    #[record(computed)]
    pub(crate) root_device_name: Option<String>,
    /// `ebs` or `instance-store`.
    #[record(computed)]
    pub(crate) root_device_type: Option<String>,
    /// The snapshot of the root volume.
    #[record(computed)]
    pub(crate) root_snapshot_id: Option<String>,
    /// Its volumes.
    #[record(block, set, computed)]
    pub(crate) block_device_mappings: Vec<Device>,
    /// Its tags.
    #[record(computed)]
    pub(crate) tags: Tags,
}

/// A volume of an image.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Device {
    /// The device.
    #[record(computed)]
    pub(crate) device_name: Option<String>,
    /// The name of a disk of the machine.
    #[record(computed)]
    pub(crate) virtual_name: Option<String>,
    /// The device that is left out.
    #[record(computed)]
    pub(crate) no_device: Option<String>,
    /// The volume, as text.
    #[record(computed)]
    pub(crate) ebs: Tags,
}

pub(crate) struct Ami;

#[async_trait]
impl DataSource<Client> for Ami {
    type Record = AmiRecord;
    const TYPE: &'static str = "aws_ami";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: AmiRecord,
    ) -> Result<AmiRecord, ProviderError> {
        let named = config.name_regex.as_deref().map(Regex::new).transpose();
        let named = named.map_err(|e| ProviderError::invalid("name_regex", e.to_string()))?;
        let mut found = images(client, context, &config).await?;
        if let Some(named) = named {
            found.retain(|i| named.is_match(i.name().unwrap_or_default()));
        }
        Ok(record(client, chosen(found, config.most_recent)?, config))
    }
}

async fn images(
    client: &Client,
    context: &CallContext,
    config: &AmiRecord,
) -> Result<Vec<Found>, ProviderError> {
    let filters: Vec<_> = config
        .filter
        .iter()
        .map(|f| filter(&f.name, f.values.clone()))
        .collect();
    let some = |texts: &[String]| Some(texts.to_vec()).filter(|t| !t.is_empty());
    let request = client
        .ec2()
        .describe_images()
        .set_owners(some(&config.owners))
        .set_executable_users(some(&config.executable_users))
        .set_filters(Some(filters).filter(|f| !f.is_empty()))
        .include_deprecated(config.include_deprecated);
    batch::all_pages(|token| {
        let request = request.clone().set_next_token(token);
        async move {
            let answer = client
                .call(context, EC2_READ, "DescribeImages", || {
                    request.clone().send()
                })
                .await?;
            Ok(Page {
                items: answer.images.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    })
    .await
}

/// The only image, or the newest of several where that is asked for.
fn chosen(mut found: Vec<Found>, most_recent: bool) -> Result<Found, ProviderError> {
    if found.len() > 1 && !most_recent {
        return Err(ProviderError::new(
            ErrorKind::Invalid,
            format!(
                "exactly one image must match, and {} do: say more of it, or write `most_recent = true`",
                found.len()
            ),
        ));
    }
    // Dates are written alike, so that their order is that of their texts.
    found.sort_by(|a, b| (a.creation_date(), a.image_id()).cmp(&(b.creation_date(), b.image_id())));
    found.pop().ok_or_else(|| {
        ProviderError::new(
            ErrorKind::NotFound,
            "no image matches: say less of it, and look at `owners`",
        )
    })
}

fn record(client: &Client, found: Found, config: AmiRecord) -> AmiRecord {
    macro_rules! text {
        ($field:expr) => {
            $field.map(|v| v.as_str().to_owned())
        };
    }
    let devices = found.block_device_mappings.unwrap_or_default();
    let root = devices
        .iter()
        .find(|d| d.device_name.is_some() && d.device_name == found.root_device_name);
    let id = found.image_id.clone().unwrap_or_default();
    let (partition, region) = (client.partition(), client.region());
    AmiRecord {
        arn: Some(format!("arn:{partition}:ec2:{region}::image/{id}")),
        id: Some(id),
        image_id: found.image_id,
        name: found.name,
        description: found.description,
        owner_id: found.owner_id,
        image_owner_alias: found.image_owner_alias,
        image_location: found.image_location,
        image_type: text!(found.image_type),
        architecture: text!(found.architecture),
        creation_date: found.creation_date,
        deprecation_time: found.deprecation_time,
        state: text!(found.state),
        public: found.public,
        platform: text!(found.platform),
        platform_details: found.platform_details,
        usage_operation: found.usage_operation,
        virtualization_type: text!(found.virtualization_type),
        hypervisor: text!(found.hypervisor),
        boot_mode: text!(found.boot_mode),
        imds_support: text!(found.imds_support),
        tpm_support: text!(found.tpm_support),
        ena_support: found.ena_support,
        sriov_net_support: found.sriov_net_support,
        kernel_id: found.kernel_id,
        ramdisk_id: found.ramdisk_id,
        root_snapshot_id: root.and_then(|d| d.ebs.as_ref()?.snapshot_id.clone()),
        root_device_name: found.root_device_name,
        root_device_type: text!(found.root_device_type),
        block_device_mappings: devices.into_iter().map(device).collect(),
        tags: found
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter_map(|t| Some((t.key?, t.value.unwrap_or_default())))
            .collect(),
        ..config
    }
}

fn device(found: BlockDeviceMapping) -> Device {
    let mut ebs = Tags::new();
    if let Some(volume) = found.ebs {
        let number = |n: Option<i32>| n.map(|n| n.to_string());
        let facts = [
            (
                "delete_on_termination",
                volume.delete_on_termination.map(|d| d.to_string()),
            ),
            ("encrypted", volume.encrypted.map(|e| e.to_string())),
            ("iops", number(volume.iops)),
            ("snapshot_id", volume.snapshot_id),
            ("throughput", number(volume.throughput)),
            ("volume_size", number(volume.volume_size)),
            (
                "volume_type",
                volume.volume_type.map(|t| t.as_str().to_owned()),
            ),
        ];
        ebs.extend(
            facts
                .into_iter()
                .filter_map(|(name, fact)| Some((name.to_owned(), fact?))),
        );
    }
    Device {
        device_name: found.device_name,
        virtual_name: found.virtual_name,
        no_device: found.no_device,
        ebs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, date: &str) -> Found {
        Found::builder().image_id(id).creation_date(date).build()
    }

    #[test]
    fn the_newest_is_taken_only_where_that_is_asked_for() {
        let all = || {
            vec![
                image("ami-1", "2026-01-14T00:00:00.000Z"),
                image("ami-2", "2025-12-09T00:00:00.000Z"),
            ]
        };
        let newest = chosen(all(), true).expect("is one");
        assert_eq!(newest.image_id(), Some("ami-1"));
        let error = chosen(all(), false).expect_err("are two");
        assert!(error.message.contains("most_recent = true"), "{error}");
        let error = chosen(Vec::new(), true).expect_err("is none");
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}
