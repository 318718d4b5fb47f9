//! Compute Engine, through `google-cloud-compute-v1`.

use super::{Method, discovery};
use google_cloud_compute_v1::client::{
    Addresses, BackendServices, Firewalls, ForwardingRules, GlobalAddresses, GlobalForwardingRules,
    GlobalOperations, HealthChecks, InstanceGroups, MachineTypes, NetworkEndpointGroups, Networks,
    Projects, RegionOperations, Regions, Routers, SecurityPolicies, SslCertificates, SslPolicies,
    Subnetworks, TargetHttpProxies, TargetHttpsProxies, TargetSslProxies, TargetTcpProxies,
    UrlMaps, ZoneOperations, Zones,
};
use google_cloud_compute_v1::model::{
    addresses, backend_services, firewalls, forwarding_rules, global_addresses,
    global_forwarding_rules, global_operations, health_checks, instance_groups, machine_types,
    network_endpoint_groups, networks, projects, region_operations, regions, routers,
    security_policies, ssl_certificates, ssl_policies, subnetworks, target_http_proxies,
    target_https_proxies, target_ssl_proxies, target_tcp_proxies, url_maps, zone_operations, zones,
};

/// What collections have in common: name, path, the fields that the path is made of, client, module of its requests, and the field
/// that names a member; then the methods.
macro_rules! collection {
    ($name:literal $at:literal $place:tt $client:ident $module:ident $key:ident: $($verb:ident)*) => {
        &[$(collection!(@$verb $name, $at, $place, $client, $module, $key)),*]
    };
    (@insert $name:literal, $at:literal, ($($place:ident)*), $client:ident, $module:ident, $key:ident) => {
        discovery!(
            concat!($name, ".insert"), $at,
            $client.insert, $module::InsertRequest, $($place)* request_id body
        )
    };
    (@list $name:literal, $at:literal, ($($place:ident)*), $client:ident, $module:ident, $key:ident) => {
        discovery!(
            concat!($name, ".list"), $at,
            $client.list, $module::ListRequest, $($place)* filter page_token
        )
    };
    (@get $name:literal, $at:literal, ($($place:ident)*), $client:ident, $module:ident, $key:ident) => {
        discovery!(
            concat!($name, ".get"), concat!($at, "/{", stringify!($key), "}"),
            $client.get, $module::GetRequest, $($place)* $key
        )
    };
    (@patch $name:literal, $at:literal, ($($place:ident)*), $client:ident, $module:ident, $key:ident) => {
        discovery!(
            concat!($name, ".patch"), concat!($at, "/{", stringify!($key), "}"),
            $client.patch, $module::PatchRequest, $($place)* $key request_id body; exact
        )
    };
    (@delete $name:literal, $at:literal, ($($place:ident)*), $client:ident, $module:ident, $key:ident) => {
        discovery!(
            concat!($name, ".delete"), concat!($at, "/{", stringify!($key), "}"),
            $client.delete, $module::DeleteRequest, $($place)* $key request_id
        )
    };
}

static COLLECTIONS: [&[Method]; 20] = [
    collection!("compute.networks" "projects/{project}/global/networks" (project)
        Networks networks network: insert get list patch delete),
    collection!("compute.subnetworks" "projects/{project}/regions/{region}/subnetworks" (project region)
        Subnetworks subnetworks subnetwork: insert get list patch delete),
    collection!("compute.routers" "projects/{project}/regions/{region}/routers" (project region)
        Routers routers router: insert get list patch delete),
    collection!("compute.addresses" "projects/{project}/regions/{region}/addresses" (project region)
        Addresses addresses address: insert get list delete),
    collection!("compute.globalAddresses" "projects/{project}/global/addresses" (project)
        GlobalAddresses global_addresses address: insert get list delete),
    collection!("compute.firewalls" "projects/{project}/global/firewalls" (project)
        Firewalls firewalls firewall: insert get list patch delete),
    collection!("compute.healthChecks" "projects/{project}/global/healthChecks" (project)
        HealthChecks health_checks health_check: insert get list patch delete),
    collection!("compute.networkEndpointGroups" "projects/{project}/zones/{zone}/networkEndpointGroups" (project zone)
        NetworkEndpointGroups network_endpoint_groups network_endpoint_group: insert get list delete),
    collection!("compute.instanceGroups" "projects/{project}/zones/{zone}/instanceGroups" (project zone)
        InstanceGroups instance_groups instance_group: insert get list delete),
    collection!("compute.backendServices" "projects/{project}/global/backendServices" (project)
        BackendServices backend_services backend_service: insert get list patch delete),
    collection!("compute.urlMaps" "projects/{project}/global/urlMaps" (project)
        UrlMaps url_maps url_map: insert get list patch delete),
    collection!("compute.targetHttpProxies" "projects/{project}/global/targetHttpProxies" (project)
        TargetHttpProxies target_http_proxies target_http_proxy: insert get list delete),
    collection!("compute.targetHttpsProxies" "projects/{project}/global/targetHttpsProxies" (project)
        TargetHttpsProxies target_https_proxies target_https_proxy: insert get list delete),
    collection!("compute.targetSslProxies" "projects/{project}/global/targetSslProxies" (project)
        TargetSslProxies target_ssl_proxies target_ssl_proxy: insert get list delete),
    collection!("compute.targetTcpProxies" "projects/{project}/global/targetTcpProxies" (project)
        TargetTcpProxies target_tcp_proxies target_tcp_proxy: insert get list delete),
    collection!("compute.sslCertificates" "projects/{project}/global/sslCertificates" (project)
        SslCertificates ssl_certificates ssl_certificate: insert get list delete),
    collection!("compute.securityPolicies" "projects/{project}/global/securityPolicies" (project)
        SecurityPolicies security_policies security_policy: insert get list delete),
    collection!("compute.sslPolicies" "projects/{project}/global/sslPolicies" (project)
        SslPolicies ssl_policies ssl_policy: insert get list patch delete),
    collection!("compute.globalForwardingRules" "projects/{project}/global/forwardingRules" (project)
        GlobalForwardingRules global_forwarding_rules forwarding_rule: insert get list delete),
    collection!("compute.forwardingRules" "projects/{project}/regions/{region}/forwardingRules" (project region)
        ForwardingRules forwarding_rules forwarding_rule: insert get list patch delete),
];

/// Calls that change one thing; lists and labels are sent whole, also when nothing is left of them. Those on labels of what is global take no `requestId`.
static SETTERS: [Method; 25] = [
    discovery!(
        "compute.subnetworks.expandIpCidrRange",
        "projects/{project}/regions/{region}/subnetworks/{subnetwork}/expandIpCidrRange",
        Subnetworks.expand_ip_cidr_range, subnetworks::ExpandIpCidrRangeRequest,
        project region subnetwork request_id body
    ),
    discovery!(
        "compute.subnetworks.setPrivateIpGoogleAccess",
        "projects/{project}/regions/{region}/subnetworks/{subnetwork}/setPrivateIpGoogleAccess",
        Subnetworks.set_private_ip_google_access, subnetworks::SetPrivateIpGoogleAccessRequest,
        project region subnetwork request_id body
    ),
    discovery!(
        "compute.addresses.setLabels",
        "projects/{project}/regions/{region}/addresses/{resource}/setLabels",
        Addresses.set_labels, addresses::SetLabelsRequest,
        project region resource request_id body; exact
    ),
    discovery!(
        "compute.globalAddresses.setLabels",
        "projects/{project}/global/addresses/{resource}/setLabels",
        GlobalAddresses.set_labels, global_addresses::SetLabelsRequest,
        project resource body; exact
    ),
    discovery!(
        "compute.forwardingRules.setLabels",
        "projects/{project}/regions/{region}/forwardingRules/{resource}/setLabels",
        ForwardingRules.set_labels, forwarding_rules::SetLabelsRequest,
        project region resource request_id body; exact
    ),
    discovery!(
        "compute.globalForwardingRules.setLabels",
        "projects/{project}/global/forwardingRules/{resource}/setLabels",
        GlobalForwardingRules.set_labels, global_forwarding_rules::SetLabelsRequest,
        project resource body; exact
    ),
    discovery!(
        "compute.forwardingRules.setTarget",
        "projects/{project}/regions/{region}/forwardingRules/{forwarding_rule}/setTarget",
        ForwardingRules.set_target, forwarding_rules::SetTargetRequest,
        project region forwarding_rule request_id body
    ),
    discovery!(
        "compute.globalForwardingRules.setTarget",
        "projects/{project}/global/forwardingRules/{forwarding_rule}/setTarget",
        GlobalForwardingRules.set_target, global_forwarding_rules::SetTargetRequest,
        project forwarding_rule request_id body
    ),
    discovery!(
        "compute.backendServices.setSecurityPolicy",
        "projects/{project}/global/backendServices/{backend_service}/setSecurityPolicy",
        BackendServices.set_security_policy, backend_services::SetSecurityPolicyRequest,
        project backend_service request_id body
    ),
    discovery!(
        "compute.securityPolicies.patch",
        "projects/{project}/global/securityPolicies/{security_policy}",
        SecurityPolicies.patch, security_policies::PatchRequest,
        project security_policy request_id update_mask body; exact
    ),
    discovery!(
        "compute.securityPolicies.addRule",
        "projects/{project}/global/securityPolicies/{security_policy}/addRule",
        SecurityPolicies.add_rule, security_policies::AddRuleRequest,
        project security_policy body
    ),
    discovery!(
        "compute.securityPolicies.patchRule",
        "projects/{project}/global/securityPolicies/{security_policy}/patchRule",
        SecurityPolicies.patch_rule, security_policies::PatchRuleRequest,
        project security_policy priority update_mask body; exact
    ),
    discovery!(
        "compute.securityPolicies.removeRule",
        "projects/{project}/global/securityPolicies/{security_policy}/removeRule",
        SecurityPolicies.remove_rule, security_policies::RemoveRuleRequest,
        project security_policy priority
    ),
    discovery!(
        "compute.securityPolicies.setLabels",
        "projects/{project}/global/securityPolicies/{resource}/setLabels",
        SecurityPolicies.set_labels, security_policies::SetLabelsRequest,
        project resource body; exact
    ),
    discovery!(
        "compute.instanceGroups.setNamedPorts",
        "projects/{project}/zones/{zone}/instanceGroups/{instance_group}/setNamedPorts",
        InstanceGroups.set_named_ports, instance_groups::SetNamedPortsRequest,
        project zone instance_group request_id body; exact
    ),
    discovery!(
        "compute.targetHttpProxies.setUrlMap",
        "projects/{project}/targetHttpProxies/{target_http_proxy}/setUrlMap",
        TargetHttpProxies.set_url_map, target_http_proxies::SetUrlMapRequest,
        project target_http_proxy request_id body
    ),
    discovery!(
        "compute.targetHttpsProxies.setUrlMap",
        "projects/{project}/targetHttpsProxies/{target_https_proxy}/setUrlMap",
        TargetHttpsProxies.set_url_map, target_https_proxies::SetUrlMapRequest,
        project target_https_proxy request_id body
    ),
    discovery!(
        "compute.targetHttpsProxies.setSslCertificates",
        "projects/{project}/targetHttpsProxies/{target_https_proxy}/setSslCertificates",
        TargetHttpsProxies.set_ssl_certificates, target_https_proxies::SetSslCertificatesRequest,
        project target_https_proxy request_id body
    ),
    discovery!(
        "compute.targetHttpsProxies.setSslPolicy",
        "projects/{project}/global/targetHttpsProxies/{target_https_proxy}/setSslPolicy",
        TargetHttpsProxies.set_ssl_policy, target_https_proxies::SetSslPolicyRequest,
        project target_https_proxy request_id body
    ),
    discovery!(
        "compute.targetSslProxies.setBackendService",
        "projects/{project}/global/targetSslProxies/{target_ssl_proxy}/setBackendService",
        TargetSslProxies.set_backend_service, target_ssl_proxies::SetBackendServiceRequest,
        project target_ssl_proxy request_id body
    ),
    discovery!(
        "compute.targetSslProxies.setSslCertificates",
        "projects/{project}/global/targetSslProxies/{target_ssl_proxy}/setSslCertificates",
        TargetSslProxies.set_ssl_certificates, target_ssl_proxies::SetSslCertificatesRequest,
        project target_ssl_proxy request_id body
    ),
    discovery!(
        "compute.targetSslProxies.setSslPolicy",
        "projects/{project}/global/targetSslProxies/{target_ssl_proxy}/setSslPolicy",
        TargetSslProxies.set_ssl_policy, target_ssl_proxies::SetSslPolicyRequest,
        project target_ssl_proxy request_id body
    ),
    discovery!(
        "compute.targetSslProxies.setProxyHeader",
        "projects/{project}/global/targetSslProxies/{target_ssl_proxy}/setProxyHeader",
        TargetSslProxies.set_proxy_header, target_ssl_proxies::SetProxyHeaderRequest,
        project target_ssl_proxy request_id body
    ),
    discovery!(
        "compute.targetTcpProxies.setBackendService",
        "projects/{project}/global/targetTcpProxies/{target_tcp_proxy}/setBackendService",
        TargetTcpProxies.set_backend_service, target_tcp_proxies::SetBackendServiceRequest,
        project target_tcp_proxy request_id body
    ),
    discovery!(
        "compute.targetTcpProxies.setProxyHeader",
        "projects/{project}/global/targetTcpProxies/{target_tcp_proxy}/setProxyHeader",
        TargetTcpProxies.set_proxy_header, target_tcp_proxies::SetProxyHeaderRequest,
        project target_tcp_proxy request_id body
    ),
];

/// Calls that only read, and one setter more: what is no collection of resources.
static OTHERS: [Method; 12] = [
    discovery!(
        "compute.targetHttpsProxies.setQuicOverride",
        "projects/{project}/global/targetHttpsProxies/{target_https_proxy}/setQuicOverride",
        TargetHttpsProxies.set_quic_override, target_https_proxies::SetQuicOverrideRequest,
        project target_https_proxy request_id body
    ),
    discovery!(
        "compute.subnetworks.aggregatedList", "projects/{project}/aggregated/subnetworks",
        Subnetworks.aggregated_list, subnetworks::AggregatedListRequest,
        project filter page_token
    ),
    discovery!(
        "compute.operations.get", "projects/{project}/global/operations/{operation}",
        GlobalOperations.get, global_operations::GetRequest,
        project operation
    ),
    discovery!(
        "compute.operations.get", "projects/{project}/regions/{region}/operations/{operation}",
        RegionOperations.get, region_operations::GetRequest,
        project region operation
    ),
    discovery!(
        "compute.operations.get", "projects/{project}/zones/{zone}/operations/{operation}",
        ZoneOperations.get, zone_operations::GetRequest,
        project zone operation
    ),
    discovery!(
        "compute.operations.list", "projects/{project}/global/operations",
        GlobalOperations.list, global_operations::ListRequest,
        project filter page_token
    ),
    discovery!(
        "compute.operations.list", "projects/{project}/regions/{region}/operations",
        RegionOperations.list, region_operations::ListRequest,
        project region filter page_token
    ),
    discovery!(
        "compute.operations.list", "projects/{project}/zones/{zone}/operations",
        ZoneOperations.list, zone_operations::ListRequest,
        project zone filter page_token
    ),
    discovery!(
        "compute.projects.get",
        "projects/{project}",
        Projects.get,
        projects::GetRequest,
        project
    ),
    discovery!(
        "compute.regions.get", "projects/{project}/regions/{region}",
        Regions.get, regions::GetRequest,
        project region
    ),
    discovery!(
        "compute.zones.list", "projects/{project}/zones",
        Zones.list, zones::ListRequest,
        project filter page_token
    ),
    discovery!(
        "compute.machineTypes.get", "projects/{project}/zones/{zone}/machineTypes/{machine_type}",
        MachineTypes.get, machine_types::GetRequest,
        project zone machine_type
    ),
];

/// All methods.
pub(super) fn methods() -> impl Iterator<Item = &'static Method> {
    COLLECTIONS
        .iter()
        .copied()
        .flatten()
        .chain(&SETTERS)
        .chain(&OTHERS)
}
