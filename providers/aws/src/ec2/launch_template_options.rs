//! Options of instances in a version of `aws_launch_template`: blocks of one or two values, and both ways between them and the API.

use super::launch_template::LaunchTemplateRecord;
use aws_sdk_ec2::types::builders::RequestLaunchTemplateDataBuilder;
use aws_sdk_ec2::types::{
    CapacityReservationTarget, LaunchTemplateCapacityReservationSpecificationRequest,
    LaunchTemplateCpuOptionsRequest, LaunchTemplateEnclaveOptionsRequest,
    LaunchTemplateHibernationOptionsRequest, LaunchTemplateInstanceMaintenanceOptionsRequest,
    LaunchTemplateInstanceMarketOptionsRequest, LaunchTemplateLicenseConfigurationRequest,
    LaunchTemplatePrivateDnsNameOptionsRequest, LaunchTemplateSpotMarketOptionsRequest,
    ResponseLaunchTemplateData,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use infra_model::Record;

/// Which reserved capacity instances take.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Capacity {
    /// `open`, `none` or `capacity-reservations-only`.
    #[record(optional)]
    pub(crate) capacity_reservation_preference: Option<String>,
    /// One reservation, or a group of them.
    #[record(block, max = 1)]
    pub(crate) capacity_reservation_target: Vec<CapacityTarget>,
}

/// A reservation.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct CapacityTarget {
    /// Its id.
    #[record(optional)]
    pub(crate) capacity_reservation_id: Option<String>,
    /// The ARN of a group of reservations.
    #[record(optional)]
    pub(crate) capacity_reservation_resource_group_arn: Option<String>,
}

/// Processors.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Cpu {
    /// So many cores.
    #[record(optional)]
    pub(crate) core_count: Option<i32>,
    /// So many threads of each, 1 or 2.
    #[record(optional)]
    pub(crate) threads_per_core: Option<i32>,
    /// Encrypted memory, AMD SEV-SNP: `enabled` or `disabled`.
    #[record(optional)]
    pub(crate) amd_sev_snp: Option<String>,
}

/// How instances are bought.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Market {
    /// `spot` or `capacity-block`.
    #[record(optional)]
    pub(crate) market_type: Option<String>,
    /// What spot instances are.
    #[record(block, max = 1)]
    pub(crate) spot_options: Vec<Spot>,
}

/// Spot instances.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Spot {
    /// What becomes of one that is taken back: `hibernate`, `stop` or `terminate`.
    #[record(optional)]
    pub(crate) instance_interruption_behavior: Option<String>,
    /// The most that an hour may cost, in US dollars.
    #[record(optional)]
    pub(crate) max_price: Option<String>,
    /// `one-time` or `persistent`.
    #[record(optional)]
    pub(crate) spot_instance_type: Option<String>,
    /// Until when a persistent request holds, such as `2030-01-01T00:00:00Z`.
    #[record(optional)]
    pub(crate) valid_until: Option<String>,
}

/// A switch.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Enclave {
    /// Whether instances can have enclaves (Nitro Enclaves).
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// A switch.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Hibernation {
    /// Whether instances can be hibernated.
    #[record(required)]
    pub(crate) configured: bool,
}

/// Maintenance.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Maintenance {
    /// Whether instances are moved off broken hardware: `default` or `disabled`.
    #[record(optional)]
    pub(crate) auto_recovery: Option<String>,
}

/// A license.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct License {
    /// The ARN of its configuration in License Manager.
    #[record(required)]
    pub(crate) license_configuration_arn: String,
}

/// Names in the VPC's DNS.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct DnsNames {
    /// `ip-name` or `resource-name`.
    #[record(optional)]
    pub(crate) hostname_type: Option<String>,
    /// Whether the instance's id has an A record.
    #[record(optional)]
    pub(crate) enable_resource_name_dns_a_record: Option<bool>,
    /// Whether it has an AAAA record.
    #[record(optional)]
    pub(crate) enable_resource_name_dns_aaaa_record: Option<bool>,
}

/// Adds the options to what the create calls send. A moment that is none is left out, and refused while planning.
pub(super) fn to_api(
    desired: &LaunchTemplateRecord,
    builder: RequestLaunchTemplateDataBuilder,
) -> RequestLaunchTemplateDataBuilder {
    let capacity = desired.capacity_reservation_specification.first().map(|c| {
        let target = c.capacity_reservation_target.first().map(|t| {
            CapacityReservationTarget::builder()
                .set_capacity_reservation_id(t.capacity_reservation_id.clone())
                .set_capacity_reservation_resource_group_arn(
                    t.capacity_reservation_resource_group_arn.clone(),
                )
                .build()
        });
        let preference = c.capacity_reservation_preference.as_deref();
        LaunchTemplateCapacityReservationSpecificationRequest::builder()
            .set_capacity_reservation_preference(preference.map(Into::into))
            .set_capacity_reservation_target(target)
            .build()
    });
    let cpu = desired.cpu_options.first().map(|c| {
        LaunchTemplateCpuOptionsRequest::builder()
            .set_core_count(c.core_count)
            .set_threads_per_core(c.threads_per_core)
            .set_amd_sev_snp(c.amd_sev_snp.as_deref().map(Into::into))
            .build()
    });
    let enclave = desired.enclave_options.first().map(|e| {
        LaunchTemplateEnclaveOptionsRequest::builder()
            .set_enabled(e.enabled)
            .build()
    });
    let hibernation = desired.hibernation_options.first().map(|h| {
        LaunchTemplateHibernationOptionsRequest::builder()
            .configured(h.configured)
            .build()
    });
    let maintenance = desired.maintenance_options.first().map(|m| {
        LaunchTemplateInstanceMaintenanceOptionsRequest::builder()
            .set_auto_recovery(m.auto_recovery.as_deref().map(Into::into))
            .build()
    });
    let licenses = desired.license_specification.iter().map(|l| {
        LaunchTemplateLicenseConfigurationRequest::builder()
            .license_configuration_arn(&l.license_configuration_arn)
            .build()
    });
    let licenses: Vec<_> = licenses.collect();
    let names = desired.private_dns_name_options.first().map(|n| {
        LaunchTemplatePrivateDnsNameOptionsRequest::builder()
            .set_hostname_type(n.hostname_type.as_deref().map(Into::into))
            .set_enable_resource_name_dns_a_record(n.enable_resource_name_dns_a_record)
            .set_enable_resource_name_dns_aaaa_record(n.enable_resource_name_dns_aaaa_record)
            .build()
    });
    builder
        .set_capacity_reservation_specification(capacity)
        .set_cpu_options(cpu)
        .set_enclave_options(enclave)
        .set_hibernation_options(hibernation)
        .set_instance_market_options(desired.instance_market_options.first().map(market))
        .set_kernel_id(desired.kernel_id.clone())
        .set_license_specifications((!licenses.is_empty()).then_some(licenses))
        .set_maintenance_options(maintenance)
        .set_private_dns_name_options(names)
        .set_ram_disk_id(desired.ram_disk_id.clone())
}

fn market(m: &Market) -> LaunchTemplateInstanceMarketOptionsRequest {
    let spot = m.spot_options.first().map(|s| {
        let until = s.valid_until.as_deref();
        let until = until.and_then(|text| DateTime::from_str(text, Format::DateTime).ok());
        let behavior = s.instance_interruption_behavior.as_deref();
        LaunchTemplateSpotMarketOptionsRequest::builder()
            .set_instance_interruption_behavior(behavior.map(Into::into))
            .set_max_price(s.max_price.clone())
            .set_spot_instance_type(s.spot_instance_type.as_deref().map(Into::into))
            .set_valid_until(until)
            .build()
    });
    LaunchTemplateInstanceMarketOptionsRequest::builder()
        .set_market_type(m.market_type.as_deref().map(Into::into))
        .set_spot_options(spot)
        .build()
}

/// The record's options as EC2 has them.
pub(super) fn from_api(data: &ResponseLaunchTemplateData, record: &mut LaunchTemplateRecord) {
    record.kernel_id.clone_from(&data.kernel_id);
    record.ram_disk_id.clone_from(&data.ram_disk_id);
    let capacity = data.capacity_reservation_specification.iter().map(|c| {
        let target = c
            .capacity_reservation_target
            .iter()
            .map(|t| CapacityTarget {
                capacity_reservation_id: t.capacity_reservation_id.clone(),
                capacity_reservation_resource_group_arn: t
                    .capacity_reservation_resource_group_arn
                    .clone(),
            });
        Capacity {
            capacity_reservation_preference: c
                .capacity_reservation_preference
                .as_ref()
                .map(|p| p.as_str().to_owned()),
            capacity_reservation_target: target.collect(),
        }
    });
    record.capacity_reservation_specification = capacity.collect();
    let cpu = data.cpu_options.iter().map(|c| Cpu {
        core_count: c.core_count,
        threads_per_core: c.threads_per_core,
        amd_sev_snp: c.amd_sev_snp.as_ref().map(|v| v.as_str().to_owned()),
    });
    record.cpu_options = cpu.collect();
    let enclave = data
        .enclave_options
        .iter()
        .map(|e| Enclave { enabled: e.enabled });
    record.enclave_options = enclave.collect();
    let hibernation = data.hibernation_options.iter().map(|h| Hibernation {
        configured: h.configured.unwrap_or(false),
    });
    record.hibernation_options = hibernation.collect();
    let maintenance = data.maintenance_options.iter().map(|m| Maintenance {
        auto_recovery: m.auto_recovery.as_ref().map(|v| v.as_str().to_owned()),
    });
    record.maintenance_options = maintenance.collect();
    let licenses = data.license_specifications().iter().map(|l| License {
        license_configuration_arn: l.license_configuration_arn.clone().unwrap_or_default(),
    });
    record.license_specification = licenses.collect();
    let names = data.private_dns_name_options.iter().map(|n| DnsNames {
        hostname_type: n.hostname_type.as_ref().map(|v| v.as_str().to_owned()),
        enable_resource_name_dns_a_record: n.enable_resource_name_dns_a_record,
        enable_resource_name_dns_aaaa_record: n.enable_resource_name_dns_aaaa_record,
    });
    record.private_dns_name_options = names.collect();
    let market = data.instance_market_options.iter().map(|m| Market {
        market_type: m.market_type.as_ref().map(|v| v.as_str().to_owned()),
        spot_options: m.spot_options.iter().map(spot).collect(),
    });
    record.instance_market_options = market.collect();
}

fn spot(s: &aws_sdk_ec2::types::LaunchTemplateSpotMarketOptions) -> Spot {
    let until = s.valid_until.as_ref();
    Spot {
        instance_interruption_behavior: s
            .instance_interruption_behavior
            .as_ref()
            .map(|v| v.as_str().to_owned()),
        max_price: s.max_price.clone(),
        spot_instance_type: s.spot_instance_type.as_ref().map(|v| v.as_str().to_owned()),
        valid_until: until.and_then(|at| at.fmt(Format::DateTime).ok()),
    }
}
