//! `aws_launch_template`. A change makes a new version.

use super::tagging::{self, list};
use crate::batch;
use crate::client::Client;
use crate::family::{EC2_READ, EC2_WRITE};
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    InstanceType, LaunchTemplate as Found, LaunchTemplateBlockDeviceMappingRequest,
    LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateTagSpecificationRequest, RequestLaunchTemplateData, ResourceType,
    ResponseLaunchTemplateData, Tag,
};
use futures::future::join_all;
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, planning,
};
use std::collections::{BTreeMap, BTreeSet};

/// How instances are made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LaunchTemplateRecord {
    /// Its name, unique in the region.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What this version is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// The image.
    #[record(optional)]
    pub(crate) image_id: Option<String>,
    /// The machine, such as `m7i.large`.
    #[record(optional)]
    pub(crate) instance_type: Option<String>,
    /// The key pair for SSH.
    #[record(optional)]
    pub(crate) key_name: Option<String>,
    /// What runs at the first start, base64.
    #[record(optional)]
    pub(crate) user_data: Option<String>,
    /// Whether EBS has bandwidth of its own.
    #[record(optional)]
    pub(crate) ebs_optimized: Option<bool>,
    /// The security groups.
    #[record(optional)]
    pub(crate) vpc_security_group_ids: BTreeSet<String>,
    /// Whether a new version becomes the default one.
    #[record(optional, default = false)]
    pub(crate) update_default_version: bool,
    /// How instances reach their metadata.
    #[record(block, max = 1)]
    pub(crate) metadata_options: Vec<MetadataOptions>,
    /// Disks.
    #[record(block)]
    pub(crate) block_device_mappings: Vec<Mapping>,
    /// Tags of what is made from it.
    #[record(block)]
    pub(crate) tag_specifications: Vec<TagSpecification>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `lt-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The default version.
    #[record(computed)]
    pub(crate) default_version: Option<i64>,
    /// The newest version.
    #[record(computed)]
    pub(crate) latest_version: Option<i64>,
}

/// How instances reach their metadata.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct MetadataOptions {
    /// `enabled` or `disabled`.
    #[record(optional, computed)]
    pub(crate) http_endpoint: Option<String>,
    /// `required` for IMDSv2 alone, or `optional`.
    #[record(optional, computed)]
    pub(crate) http_tokens: Option<String>,
    /// How many hops an answer may travel.
    #[record(optional, computed)]
    pub(crate) http_put_response_hop_limit: Option<i32>,
    /// Whether the instance's tags are in the metadata.
    #[record(optional, computed)]
    pub(crate) instance_metadata_tags: Option<String>,
}

/// One disk.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Mapping {
    /// Where it appears, such as `/dev/xvda`.
    #[record(optional)]
    pub(crate) device_name: Option<String>,
    /// An EBS volume.
    #[record(block, max = 1)]
    pub(crate) ebs: Vec<Ebs>,
}

/// An EBS volume.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Ebs {
    /// Whether it goes with its instance.
    #[record(optional)]
    pub(crate) delete_on_termination: Option<bool>,
    /// Whether it is encrypted.
    #[record(optional)]
    pub(crate) encrypted: Option<bool>,
    /// The key.
    #[record(optional)]
    pub(crate) kms_key_id: Option<String>,
    /// Operations per second.
    #[record(optional)]
    pub(crate) iops: Option<i32>,
    /// MiB per second.
    #[record(optional)]
    pub(crate) throughput: Option<i32>,
    /// The snapshot that it starts from.
    #[record(optional)]
    pub(crate) snapshot_id: Option<String>,
    /// GiB.
    #[record(optional)]
    pub(crate) volume_size: Option<i32>,
    /// `gp3`, …
    #[record(optional)]
    pub(crate) volume_type: Option<String>,
}

/// Tags of one kind of thing made from the template.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct TagSpecification {
    /// `instance`, `volume`, …
    #[record(optional)]
    pub(crate) resource_type: Option<String>,
    /// The tags.
    #[record(optional)]
    pub(crate) tags: Tags,
}

pub(crate) struct LaunchTemplate;

/// What makes a new version when it changes.
const VERSIONED: &[&str] = &[
    "description",
    "image_id",
    "instance_type",
    "key_name",
    "user_data",
    "ebs_optimized",
    "vpc_security_group_ids",
    "metadata_options",
    "block_device_mappings",
    "tag_specifications",
];

#[async_trait]
impl Resource<Client> for LaunchTemplate {
    type Record = LaunchTemplateRecord;
    const TYPE: &'static str = "aws_launch_template";

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let changed = VERSIONED
            .iter()
            .any(|n| prior.get(n) != planned.value.get(n));
        if changed && planned.replace.is_empty() {
            let both: &[&str] = &["latest_version", "default_version"];
            let follows = planned
                .value
                .get("update_default_version")
                .and_then(infra_model::Value::as_bool);
            let names = if follows == Some(false) {
                &both[..1]
            } else {
                both
            };
            planning::mark_unknown(planned, &LaunchTemplateRecord::block(), names);
        }
        Ok(())
    }

    fn id(record: &LaunchTemplateRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<LaunchTemplateRecord>],
    ) -> Vec<Result<Option<LaunchTemplateRecord>, ProviderError>> {
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(&ids, |t: &Found| t.launch_template_id.clone(), |one| async move {
            match one {
                Some(id) => client
                    .call(context, EC2_READ, "DescribeLaunchTemplates", || {
                        client.ec2().describe_launch_templates().launch_template_ids(&id).send()
                    })
                    .await
                    .map(|answer| answer.launch_templates.unwrap_or_default()),
                None => list!(client, context, "DescribeLaunchTemplates": describe_launch_templates.set_filters(Vec::new()) -> launch_templates).await,
            }
        })
        .await;
        join_all(
            found
                .into_iter()
                .zip(items)
                .map(|(found, item)| async move {
                    let Some(found) = found? else { return Ok(None) };
                    let data = latest(client, context, &item.id).await?;
                    Ok(data.map(|(description, data)| {
                        record(client, found, description, &data, item.prior.as_ref())
                    }))
                }),
        )
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: LaunchTemplateRecord,
    ) -> Result<LaunchTemplateRecord, ProviderError> {
        let request = client
            .ec2()
            .create_launch_template()
            .client_token(operation.token.as_str())
            .launch_template_name(&desired.name)
            .set_version_description(desired.description.clone())
            .launch_template_data(data(&desired))
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::LaunchTemplate,
                &desired.tags,
            ));
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "CreateLaunchTemplate",
                Lost::Resend,
                || request.clone().send(),
                |made| made.launch_template()?.launch_template_id(),
            )
            .await?;
        wait::settled::<LaunchTemplate>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LaunchTemplateRecord,
        desired: LaunchTemplateRecord,
    ) -> Result<LaunchTemplateRecord, ProviderError> {
        let id = LaunchTemplate::id(&prior);
        let (old, new) = (prior.to_value(), desired.to_value());
        if VERSIONED.iter().any(|n| old.get(n) != new.get(n)) {
            let made = client
                .call(context, EC2_WRITE, "CreateLaunchTemplateVersion", || {
                    client
                        .ec2()
                        .create_launch_template_version()
                        .client_token(operation.token.as_str())
                        .launch_template_id(&id)
                        .set_version_description(desired.description.clone())
                        .launch_template_data(data(&desired))
                        .send()
                })
                .await?;
            let version = made.launch_template_version.and_then(|v| v.version_number);
            if let (true, Some(version)) = (desired.update_default_version, version) {
                client
                    .call(context, EC2_WRITE, "ModifyLaunchTemplate", || {
                        client
                            .ec2()
                            .modify_launch_template()
                            .launch_template_id(&id)
                            .default_version(version.to_string())
                            .send()
                    })
                    .await?;
            }
        }
        tagging::update(
            client,
            context,
            operation,
            &id,
            &prior.tags_all,
            &desired.tags,
        )
        .await?;
        wait::settled::<LaunchTemplate>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: LaunchTemplateRecord,
    ) -> Result<(), ProviderError> {
        let id = LaunchTemplate::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, EC2_WRITE, "DeleteLaunchTemplate", || {
                client
                    .ec2()
                    .delete_launch_template()
                    .launch_template_id(&id)
                    .send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: LaunchTemplateRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<LaunchTemplate>(client, context, operation).await
    }
}

/// The newest version's description and data.
async fn latest(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<(Option<String>, ResponseLaunchTemplateData)>, ProviderError> {
    let answer = client
        .call(context, EC2_READ, "DescribeLaunchTemplateVersions", || {
            client
                .ec2()
                .describe_launch_template_versions()
                .launch_template_id(id)
                .versions("$Latest")
                .send()
        })
        .await;
    match answer {
        Ok(answer) => {
            let version = answer.launch_template_versions.unwrap_or_default().pop();
            Ok(version.and_then(|v| Some((v.version_description, v.launch_template_data?))))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn data(desired: &LaunchTemplateRecord) -> RequestLaunchTemplateData {
    let groups: Vec<String> = desired.vpc_security_group_ids.iter().cloned().collect();
    let metadata = desired.metadata_options.first().map(|m| {
        LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .set_http_endpoint(m.http_endpoint.as_deref().map(Into::into))
            .set_http_tokens(m.http_tokens.as_deref().map(Into::into))
            .set_http_put_response_hop_limit(m.http_put_response_hop_limit)
            .set_instance_metadata_tags(m.instance_metadata_tags.as_deref().map(Into::into))
            .build()
    });
    let mappings = desired.block_device_mappings.iter().map(|m| {
        let ebs = m.ebs.first().map(|e| {
            LaunchTemplateEbsBlockDeviceRequest::builder()
                .set_delete_on_termination(e.delete_on_termination)
                .set_encrypted(e.encrypted)
                .set_kms_key_id(e.kms_key_id.clone())
                .set_iops(e.iops)
                .set_throughput(e.throughput)
                .set_snapshot_id(e.snapshot_id.clone())
                .set_volume_size(e.volume_size)
                .set_volume_type(e.volume_type.as_deref().map(Into::into))
                .build()
        });
        LaunchTemplateBlockDeviceMappingRequest::builder()
            .set_device_name(m.device_name.clone())
            .set_ebs(ebs)
            .build()
    });
    let specifications = desired.tag_specifications.iter().map(|s| {
        let tags: Vec<Tag> = s
            .tags
            .iter()
            .map(|(k, v)| Tag::builder().key(k).value(v).build())
            .collect();
        LaunchTemplateTagSpecificationRequest::builder()
            .set_resource_type(s.resource_type.as_deref().map(ResourceType::from))
            .set_tags(Some(tags))
            .build()
    });
    let (mappings, specifications): (Vec<_>, Vec<_>) =
        (mappings.collect(), specifications.collect());
    RequestLaunchTemplateData::builder()
        .set_image_id(desired.image_id.clone())
        .set_instance_type(desired.instance_type.as_deref().map(InstanceType::from))
        .set_key_name(desired.key_name.clone())
        .set_user_data(desired.user_data.clone())
        .set_ebs_optimized(desired.ebs_optimized)
        .set_security_group_ids((!groups.is_empty()).then_some(groups))
        .set_metadata_options(metadata)
        .set_block_device_mappings((!mappings.is_empty()).then_some(mappings))
        .set_tag_specifications((!specifications.is_empty()).then_some(specifications))
        .build()
}

fn record(
    client: &Client,
    found: Found,
    description: Option<String>,
    data: &ResponseLaunchTemplateData,
    prior: Option<&LaunchTemplateRecord>,
) -> LaunchTemplateRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let id = found.launch_template_id.clone().unwrap_or_default();
    let text = |t: &str| t.to_owned();
    LaunchTemplateRecord {
        name: found.launch_template_name.unwrap_or_default(),
        description,
        image_id: data.image_id.clone(),
        instance_type: data.instance_type.as_ref().map(|t| text(t.as_str())),
        key_name: data.key_name.clone(),
        user_data: data.user_data.clone(),
        ebs_optimized: data.ebs_optimized,
        vpc_security_group_ids: data.security_group_ids().iter().cloned().collect(),
        update_default_version: prior.is_some_and(|p| p.update_default_version),
        metadata_options: data
            .metadata_options
            .iter()
            .map(|m| MetadataOptions {
                http_endpoint: m.http_endpoint.as_ref().map(|v| text(v.as_str())),
                http_tokens: m.http_tokens.as_ref().map(|v| text(v.as_str())),
                http_put_response_hop_limit: m.http_put_response_hop_limit,
                instance_metadata_tags: m.instance_metadata_tags.as_ref().map(|v| text(v.as_str())),
            })
            .collect(),
        block_device_mappings: data
            .block_device_mappings()
            .iter()
            .map(|m| Mapping {
                device_name: m.device_name.clone(),
                ebs: m
                    .ebs
                    .iter()
                    .map(|e| Ebs {
                        delete_on_termination: e.delete_on_termination,
                        encrypted: e.encrypted,
                        kms_key_id: e.kms_key_id.clone(),
                        iops: e.iops,
                        throughput: e.throughput,
                        snapshot_id: e.snapshot_id.clone(),
                        volume_size: e.volume_size,
                        volume_type: e.volume_type.as_ref().map(|t| text(t.as_str())),
                    })
                    .collect(),
            })
            .collect(),
        tag_specifications: data
            .tag_specifications()
            .iter()
            .map(|s| TagSpecification {
                resource_type: s.resource_type.as_ref().map(|t| text(t.as_str())),
                tags: s
                    .tags()
                    .iter()
                    .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
                    .collect::<BTreeMap<_, _>>(),
            })
            .collect(),
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("launch-template/{id}"))),
        default_version: found.default_version_number,
        latest_version: found.latest_version_number,
        id: Some(id),
    }
}
