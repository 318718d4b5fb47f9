//! `aws_launch_template`. A change makes a new version.

use super::launch_template_data::{
    CreditSpecification, InstanceProfile, Mapping, MetadataOptions, Monitoring, NetworkInterface,
    Placement, TagSpecification, from_api, to_api,
};
use super::launch_template_options::{
    Capacity, Cpu, DnsNames, Enclave, Hibernation, License, Maintenance, Market,
};
use super::tagging::{self, list};
use crate::batch;
use crate::client::Client;
use crate::family::{EC2_READ, EC2_WRITE};
use crate::naming;
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait;
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    LaunchTemplate as Found, LaunchTemplateVersion, ResourceType, ResponseLaunchTemplateData,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    planning,
};
use std::collections::BTreeSet;

/// How instances are made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LaunchTemplateRecord {
    /// Its name, unique in the region. By default one that no other has.
    #[record(optional, computed, force_new)]
    pub(crate) name: Option<String>,
    /// The beginning of a name that no other has.
    #[record(optional, force_new)]
    pub(crate) name_prefix: Option<String>,
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
    /// Whether instances cannot be stopped through the API.
    #[record(optional)]
    pub(crate) disable_api_stop: Option<bool>,
    /// Whether instances cannot be terminated through the API.
    #[record(optional)]
    pub(crate) disable_api_termination: Option<bool>,
    /// What shutting down does: `stop` or `terminate`.
    #[record(optional)]
    pub(crate) instance_initiated_shutdown_behavior: Option<String>,
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
    /// The identity that instances have.
    #[record(block, max = 1)]
    pub(crate) iam_instance_profile: Vec<InstanceProfile>,
    /// Metrics.
    #[record(block, max = 1)]
    pub(crate) monitoring: Vec<Monitoring>,
    /// What burstable instances do past their credits.
    #[record(block, max = 1)]
    pub(crate) credit_specification: Vec<CreditSpecification>,
    /// Where instances run.
    #[record(block, max = 1)]
    pub(crate) placement: Vec<Placement>,
    /// A kernel of its own (paravirtual images).
    #[record(optional)]
    pub(crate) kernel_id: Option<String>,
    /// A RAM disk of its own (paravirtual images).
    #[record(optional)]
    pub(crate) ram_disk_id: Option<String>,
    /// Which reserved capacity instances take.
    #[record(block, max = 1)]
    pub(crate) capacity_reservation_specification: Vec<Capacity>,
    /// Processors.
    #[record(block, max = 1)]
    pub(crate) cpu_options: Vec<Cpu>,
    /// Enclaves.
    #[record(block, max = 1)]
    pub(crate) enclave_options: Vec<Enclave>,
    /// Hibernation.
    #[record(block, max = 1)]
    pub(crate) hibernation_options: Vec<Hibernation>,
    /// How instances are bought.
    #[record(block, max = 1)]
    pub(crate) instance_market_options: Vec<Market>,
    /// Licenses.
    #[record(block)]
    pub(crate) license_specification: Vec<License>,
    /// Maintenance.
    #[record(block, max = 1)]
    pub(crate) maintenance_options: Vec<Maintenance>,
    /// Names in the VPC's DNS.
    #[record(block, max = 1)]
    pub(crate) private_dns_name_options: Vec<DnsNames>,
    /// Network interfaces.
    #[record(block)]
    pub(crate) network_interfaces: Vec<NetworkInterface>,
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

pub(crate) struct LaunchTemplate;

/// What makes a new version when it changes.
const VERSIONED: &[&str] = &[
    "description",
    "image_id",
    "instance_type",
    "key_name",
    "user_data",
    "ebs_optimized",
    "disable_api_stop",
    "disable_api_termination",
    "instance_initiated_shutdown_behavior",
    "vpc_security_group_ids",
    "metadata_options",
    "block_device_mappings",
    "iam_instance_profile",
    "monitoring",
    "credit_specification",
    "placement",
    "kernel_id",
    "ram_disk_id",
    "capacity_reservation_specification",
    "cpu_options",
    "enclave_options",
    "hibernation_options",
    "instance_market_options",
    "license_specification",
    "maintenance_options",
    "private_dns_name_options",
    "network_interfaces",
    "tag_specifications",
];

#[async_trait]
impl Resource<Client> for LaunchTemplate {
    type Record = LaunchTemplateRecord;
    const TYPE: &'static str = "aws_launch_template";

    fn traits() -> Traits {
        Traits::default().family(EC2_WRITE.name).unique(&["name"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        naming::adopt::<LaunchTemplateRecord>(request, planned, ("name", "name_prefix"));
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
        let versions = latest(client, context, &ids).await;
        found
            .into_iter()
            .zip(versions)
            .zip(items)
            .map(|((found, version), item)| {
                let Some(found) = found? else { return Ok(None) };
                let Some(version) = version? else {
                    return Ok(None);
                };
                let Some(data) = version.launch_template_data else {
                    return Ok(None);
                };
                let description = version.version_description;
                let prior = item.prior.as_ref();
                Ok(Some(record(client, found, description, &data, prior)))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: LaunchTemplateRecord,
    ) -> Result<LaunchTemplateRecord, ProviderError> {
        let name = desired.name.clone().unwrap_or_else(|| {
            let prefix = desired.name_prefix.as_deref().unwrap_or("infra-");
            format!("{prefix}{}", operation.id)
        });
        let request = client
            .ec2()
            .create_launch_template()
            .client_token(operation.token.as_str())
            .launch_template_name(name)
            .set_version_description(desired.description.clone())
            .launch_template_data(to_api(&desired))
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
                        .launch_template_data(to_api(&desired))
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
                            .client_token(operation.token.derived("default").as_str())
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

/// The newest version of each template. Without a template the API gives those of all.
async fn latest(
    client: &Client,
    context: &CallContext,
    ids: &[String],
) -> Vec<Result<Option<LaunchTemplateVersion>, ProviderError>> {
    let id_of = |version: &LaunchTemplateVersion| version.launch_template_id.clone();
    batch::by_listing(ids, id_of, |one| {
        batch::all_pages(move |token| {
            let request = client
                .ec2()
                .describe_launch_template_versions()
                .set_launch_template_id(one.clone())
                .versions("$Latest")
                .set_next_token(token);
            async move {
                let call = "DescribeLaunchTemplateVersions";
                let answer = client
                    .call(context, EC2_READ, call, || request.clone().send())
                    .await?;
                Ok::<_, ProviderError>(batch::Page {
                    items: answer.launch_template_versions.unwrap_or_default(),
                    next: answer.next_token,
                })
            }
        })
    })
    .await
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
    let mut record = LaunchTemplateRecord {
        name: found.launch_template_name,
        name_prefix: prior.and_then(|p| p.name_prefix.clone()),
        description: description.filter(|d| !d.is_empty()),
        update_default_version: prior.is_some_and(|p| p.update_default_version),
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("launch-template/{id}"))),
        default_version: found.default_version_number,
        latest_version: found.latest_version_number,
        id: Some(id),
        ..LaunchTemplateRecord::default()
    };
    from_api(data, &mut record);
    record
}
