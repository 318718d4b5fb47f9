//! Cloud DNS, through `google-cloud-dns-v1`.

use super::{Method, discovery};
use google_cloud_dns_v1::client::{ManagedZones, ResourceRecordSets};
use google_cloud_dns_v1::model::{managed_zones, resource_record_sets};

/// All methods.
#[rustfmt::skip]
pub(super) static METHODS: &[Method] = &[
    discovery!(
        "dns.managedZones.create", "projects/{project}/managedZones",
        ManagedZones.create, managed_zones::CreateRequest, project body
    ),
    discovery!(
        "dns.managedZones.list", "projects/{project}/managedZones",
        ManagedZones.list, managed_zones::ListRequest, project page_token
    ),
    discovery!(
        "dns.managedZones.get", "projects/{project}/managedZones/{managed_zone}",
        ManagedZones.get, managed_zones::GetRequest, project managed_zone
    ),
    discovery!(
        "dns.managedZones.patch", "projects/{project}/managedZones/{managed_zone}",
        ManagedZones.patch, managed_zones::PatchRequest, project managed_zone body; exact
    ),
    discovery!(
        "dns.managedZones.delete", "projects/{project}/managedZones/{managed_zone}",
        ManagedZones.delete, managed_zones::DeleteRequest, project managed_zone
    ),
    discovery!(
        "dns.resourceRecordSets.create", "projects/{project}/managedZones/{managed_zone}/rrsets",
        ResourceRecordSets.create, resource_record_sets::CreateRequest, project managed_zone body
    ),
    discovery!(
        "dns.resourceRecordSets.get", "projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}",
        ResourceRecordSets.get, resource_record_sets::GetRequest, project managed_zone name r#type
    ),
    discovery!(
        "dns.resourceRecordSets.patch", "projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}",
        ResourceRecordSets.patch, resource_record_sets::PatchRequest, project managed_zone name r#type body; exact
    ),
    discovery!(
        "dns.resourceRecordSets.delete", "projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}",
        ResourceRecordSets.delete, resource_record_sets::DeleteRequest, project managed_zone name r#type
    ),
];
