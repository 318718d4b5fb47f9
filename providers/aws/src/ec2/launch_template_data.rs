//! What a version of `aws_launch_template` holds: its blocks, and both ways between them and the API.

use super::launch_template::LaunchTemplateRecord;
use crate::tags::Tags;
use aws_sdk_ec2::types::{
    CreditSpecificationRequest, InstanceType, LaunchTemplateBlockDeviceMappingRequest,
    LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateIamInstanceProfileSpecificationRequest,
    LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest, LaunchTemplatePlacementRequest,
    LaunchTemplateTagSpecificationRequest, LaunchTemplatesMonitoringRequest,
    RequestLaunchTemplateData, ResourceType, ResponseLaunchTemplateData, ShutdownBehavior, Tag,
    Tenancy,
};
use infra_model::Record;
use std::collections::BTreeSet;

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
    /// Whether metadata is served over IPv6: `enabled` or `disabled`.
    #[record(optional, computed)]
    pub(crate) http_protocol_ipv6: Option<String>,
    /// Whether the instance's tags are in the metadata: `enabled` or `disabled`.
    #[record(optional, computed)]
    pub(crate) instance_metadata_tags: Option<String>,
}

/// One disk.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Mapping {
    /// Where it appears, such as `/dev/xvda`.
    #[record(optional)]
    pub(crate) device_name: Option<String>,
    /// Set to leave out a disk that the image has.
    #[record(optional)]
    pub(crate) no_device: Option<String>,
    /// An instance store volume, such as `ephemeral0`.
    #[record(optional)]
    pub(crate) virtual_name: Option<String>,
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

/// The identity that instances have: by ARN or by name.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct InstanceProfile {
    /// The ARN of the instance profile.
    #[record(optional)]
    pub(crate) arn: Option<String>,
    /// Its name.
    #[record(optional)]
    pub(crate) name: Option<String>,
}

/// Metrics.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Monitoring {
    /// Whether they come every minute rather than every five.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// What burstable instances do past their credits.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct CreditSpecification {
    /// `standard` or `unlimited`.
    #[record(optional)]
    pub(crate) cpu_credits: Option<String>,
}

/// Where instances run.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Placement {
    /// The zone.
    #[record(optional)]
    pub(crate) availability_zone: Option<String>,
    /// The placement group.
    #[record(optional)]
    pub(crate) group_name: Option<String>,
    /// `default`, `dedicated` or `host`.
    #[record(optional)]
    pub(crate) tenancy: Option<String>,
    /// Whether instances stay on their dedicated host.
    #[record(optional)]
    pub(crate) affinity: Option<String>,
    /// The dedicated host.
    #[record(optional)]
    pub(crate) host_id: Option<String>,
    /// A group of dedicated hosts.
    #[record(optional)]
    pub(crate) host_resource_group_arn: Option<String>,
    /// The partition of the placement group.
    #[record(optional)]
    pub(crate) partition_number: Option<i32>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct NetworkInterface {
    /// Whether it has a public address.
    #[record(optional)]
    pub(crate) associate_public_ip_address: Option<bool>,
    /// Whether it goes with its instance.
    #[record(optional)]
    pub(crate) delete_on_termination: Option<bool>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Its position.
    #[record(optional)]
    pub(crate) device_index: Option<i32>,
    /// An existing one to use.
    #[record(optional)]
    pub(crate) network_interface_id: Option<String>,
    /// Its private address.
    #[record(optional)]
    pub(crate) private_ip_address: Option<String>,
    /// Its security groups.
    #[record(optional)]
    pub(crate) security_groups: BTreeSet<String>,
    /// Its subnet.
    #[record(optional)]
    pub(crate) subnet_id: Option<String>,
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn owned(ids: &BTreeSet<String>) -> Option<Vec<String>> {
    some(ids.iter().cloned().collect())
}

/// What the create calls send.
pub(super) fn to_api(desired: &LaunchTemplateRecord) -> RequestLaunchTemplateData {
    let profile = desired.iam_instance_profile.first().map(|p| {
        LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .set_arn(p.arn.clone())
            .set_name(p.name.clone())
            .build()
    });
    let monitoring = desired.monitoring.first().map(|m| {
        LaunchTemplatesMonitoringRequest::builder()
            .set_enabled(m.enabled)
            .build()
    });
    let credits = desired.credit_specification.first().and_then(|c| {
        let credits = c.cpu_credits.clone()?;
        Some(
            CreditSpecificationRequest::builder()
                .cpu_credits(credits)
                .build(),
        )
    });
    let placement = desired.placement.first().map(|p| {
        LaunchTemplatePlacementRequest::builder()
            .set_availability_zone(p.availability_zone.clone())
            .set_group_name(p.group_name.clone())
            .set_tenancy(p.tenancy.as_deref().map(Tenancy::from))
            .set_affinity(p.affinity.clone())
            .set_host_id(p.host_id.clone())
            .set_host_resource_group_arn(p.host_resource_group_arn.clone())
            .set_partition_number(p.partition_number)
            .build()
    });
    super::launch_template_options::to_api(desired, RequestLaunchTemplateData::builder())
        .set_image_id(desired.image_id.clone())
        .set_instance_type(desired.instance_type.as_deref().map(InstanceType::from))
        .set_key_name(desired.key_name.clone())
        .set_user_data(desired.user_data.clone())
        .set_ebs_optimized(desired.ebs_optimized)
        .set_disable_api_stop(desired.disable_api_stop)
        .set_disable_api_termination(desired.disable_api_termination)
        .set_instance_initiated_shutdown_behavior(
            desired
                .instance_initiated_shutdown_behavior
                .as_deref()
                .map(ShutdownBehavior::from),
        )
        .set_security_group_ids(owned(&desired.vpc_security_group_ids))
        .set_iam_instance_profile(profile)
        .set_monitoring(monitoring)
        .set_credit_specification(credits)
        .set_placement(placement)
        .set_metadata_options(desired.metadata_options.first().map(metadata))
        .set_block_device_mappings(some(
            desired.block_device_mappings.iter().map(mapping).collect(),
        ))
        .set_network_interfaces(some(
            desired.network_interfaces.iter().map(interface).collect(),
        ))
        .set_tag_specifications(some(
            desired.tag_specifications.iter().map(tagged).collect(),
        ))
        .build()
}

fn metadata(m: &MetadataOptions) -> LaunchTemplateInstanceMetadataOptionsRequest {
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .set_http_endpoint(m.http_endpoint.as_deref().map(Into::into))
        .set_http_tokens(m.http_tokens.as_deref().map(Into::into))
        .set_http_put_response_hop_limit(m.http_put_response_hop_limit)
        .set_http_protocol_ipv6(m.http_protocol_ipv6.as_deref().map(Into::into))
        .set_instance_metadata_tags(m.instance_metadata_tags.as_deref().map(Into::into))
        .build()
}

fn mapping(m: &Mapping) -> LaunchTemplateBlockDeviceMappingRequest {
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
        .set_no_device(m.no_device.clone())
        .set_virtual_name(m.virtual_name.clone())
        .set_ebs(ebs)
        .build()
}

fn interface(i: &NetworkInterface) -> LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
        .set_associate_public_ip_address(i.associate_public_ip_address)
        .set_delete_on_termination(i.delete_on_termination)
        .set_description(i.description.clone())
        .set_device_index(i.device_index)
        .set_network_interface_id(i.network_interface_id.clone())
        .set_private_ip_address(i.private_ip_address.clone())
        .set_groups(owned(&i.security_groups))
        .set_subnet_id(i.subnet_id.clone())
        .build()
}

fn tagged(s: &TagSpecification) -> LaunchTemplateTagSpecificationRequest {
    let tags = s
        .tags
        .iter()
        .map(|(k, v)| Tag::builder().key(k).value(v).build())
        .collect();
    LaunchTemplateTagSpecificationRequest::builder()
        .set_resource_type(s.resource_type.as_deref().map(ResourceType::from))
        .set_tags(Some(tags))
        .build()
}

/// The record's data as EC2 has it.
pub(super) fn from_api(data: &ResponseLaunchTemplateData, record: &mut LaunchTemplateRecord) {
    let text = |t: &str| t.to_owned();
    super::launch_template_options::from_api(data, record);
    record.image_id.clone_from(&data.image_id);
    record.instance_type = data.instance_type.as_ref().map(|t| text(t.as_str()));
    record.key_name.clone_from(&data.key_name);
    record.user_data.clone_from(&data.user_data);
    record.ebs_optimized = data.ebs_optimized;
    record.disable_api_stop = data.disable_api_stop;
    record.disable_api_termination = data.disable_api_termination;
    record.instance_initiated_shutdown_behavior = data
        .instance_initiated_shutdown_behavior
        .as_ref()
        .map(|b| text(b.as_str()));
    record.vpc_security_group_ids = data.security_group_ids().iter().cloned().collect();
    let profile = data.iam_instance_profile.iter().map(|p| InstanceProfile {
        arn: p.arn.clone(),
        name: p.name.clone(),
    });
    record.iam_instance_profile = profile.collect();
    let monitoring = data
        .monitoring
        .iter()
        .map(|m| Monitoring { enabled: m.enabled });
    record.monitoring = monitoring.collect();
    let credits = data
        .credit_specification
        .iter()
        .map(|c| CreditSpecification {
            cpu_credits: c.cpu_credits.clone(),
        });
    record.credit_specification = credits.collect();
    let placement = data.placement.iter().map(|p| Placement {
        availability_zone: p.availability_zone.clone(),
        group_name: p.group_name.clone(),
        tenancy: p.tenancy.as_ref().map(|t| text(t.as_str())),
        affinity: p.affinity.clone(),
        host_id: p.host_id.clone(),
        host_resource_group_arn: p.host_resource_group_arn.clone(),
        partition_number: p.partition_number,
    });
    record.placement = placement.collect();
    let metadata = data.metadata_options.iter().map(|m| MetadataOptions {
        http_endpoint: m.http_endpoint.as_ref().map(|v| text(v.as_str())),
        http_tokens: m.http_tokens.as_ref().map(|v| text(v.as_str())),
        http_put_response_hop_limit: m.http_put_response_hop_limit,
        http_protocol_ipv6: m.http_protocol_ipv6.as_ref().map(|v| text(v.as_str())),
        instance_metadata_tags: m.instance_metadata_tags.as_ref().map(|v| text(v.as_str())),
    });
    record.metadata_options = metadata.collect();
    let mappings = data.block_device_mappings().iter().map(|m| Mapping {
        device_name: m.device_name.clone(),
        no_device: m.no_device.clone(),
        virtual_name: m.virtual_name.clone(),
        ebs: m.ebs.iter().map(volume).collect(),
    });
    record.block_device_mappings = mappings.collect();
    let interfaces = data.network_interfaces().iter().map(|i| NetworkInterface {
        associate_public_ip_address: i.associate_public_ip_address,
        delete_on_termination: i.delete_on_termination,
        description: i.description.clone(),
        device_index: i.device_index,
        network_interface_id: i.network_interface_id.clone(),
        private_ip_address: i.private_ip_address.clone(),
        security_groups: i.groups().iter().cloned().collect(),
        subnet_id: i.subnet_id.clone(),
    });
    record.network_interfaces = interfaces.collect();
    let specifications = data
        .tag_specifications()
        .iter()
        // The template's own tags are no part of what it makes, though some servers list them here.
        .filter(|s| s.resource_type != Some(ResourceType::LaunchTemplate))
        .map(|s| TagSpecification {
            resource_type: s.resource_type.as_ref().map(|t| text(t.as_str())),
            tags: s
                .tags()
                .iter()
                .filter_map(|t| Some((t.key.clone()?, t.value.clone().unwrap_or_default())))
                .collect(),
        });
    record.tag_specifications = specifications.collect();
}

fn volume(e: &aws_sdk_ec2::types::LaunchTemplateEbsBlockDevice) -> Ebs {
    Ebs {
        delete_on_termination: e.delete_on_termination,
        encrypted: e.encrypted,
        kms_key_id: e.kms_key_id.clone(),
        iops: e.iops,
        throughput: e.throughput,
        snapshot_id: e.snapshot_id.clone(),
        volume_size: e.volume_size,
        volume_type: e.volume_type.as_ref().map(|t| t.as_str().to_owned()),
    }
}
