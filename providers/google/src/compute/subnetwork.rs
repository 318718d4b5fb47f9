//! `google_compute_subnetwork`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::number::Number;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Map, Value as Json, json};

/// A range of a VPC network in one region.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SubnetworkRecord {
    /// Its name: lowercase letters, digits and `-`, up to 63.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The network.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) network: String,
    /// The IPv4 range of nodes. It can be made larger in place; any other change replaces the subnetwork.
    #[record(required)]
    pub(crate) ip_cidr_range: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// Whether machines without public addresses reach Google's services.
    #[record(optional, computed)]
    pub(crate) private_ip_google_access: Option<bool>,
    /// `PRIVATE`, `REGIONAL_MANAGED_PROXY`, `GLOBAL_MANAGED_PROXY`, `PRIVATE_SERVICE_CONNECT`.
    #[record(optional, computed, force_new)]
    pub(crate) purpose: Option<String>,
    /// `ACTIVE` or `BACKUP`, of a subnetwork for proxies.
    #[record(optional)]
    pub(crate) role: Option<String>,
    /// `IPV4_ONLY` or `IPV4_IPV6`.
    #[record(optional, computed, force_new)]
    pub(crate) stack_type: Option<String>,
    /// `EXTERNAL` or `INTERNAL`, of a dual-stack subnetwork.
    #[record(optional, force_new)]
    pub(crate) ipv6_access_type: Option<String>,
    /// Further ranges, such as those of pods and services.
    #[record(block)]
    pub(crate) secondary_ip_range: Vec<SecondaryRange>,
    /// Flow logs.
    #[record(block, max = 1)]
    pub(crate) log_config: Vec<FlowLogs>,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/regions/{region}/subnetworks/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// The gateway's address.
    #[record(computed)]
    pub(crate) gateway_address: Option<String>,
    /// The IPv6 range that it was given.
    #[record(computed)]
    pub(crate) ipv6_cidr_range: Option<String>,
    /// Changes with every change: one made by others in between is refused.
    #[record(computed)]
    pub(crate) fingerprint: Option<String>,
}

/// A further range.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecondaryRange {
    /// Its name.
    #[record(required)]
    pub(crate) range_name: String,
    /// Its addresses.
    #[record(required)]
    pub(crate) ip_cidr_range: String,
}

/// Flow logs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FlowLogs {
    /// `INTERVAL_5_SEC` to `INTERVAL_15_MIN`.
    #[record(optional, default = "INTERVAL_5_SEC")]
    pub(crate) aggregation_interval: String,
    /// The share of packets that are logged, 0 to 1.
    #[record(optional, computed)]
    pub(crate) flow_sampling: Option<Number>,
    /// `INCLUDE_ALL_METADATA`, `EXCLUDE_ALL_METADATA` or `CUSTOM_METADATA`.
    #[record(optional, default = "INCLUDE_ALL_METADATA")]
    pub(crate) metadata: String,
    /// Which packets, as an expression.
    #[record(optional, default = "true")]
    pub(crate) filter_expr: String,
}

pub(crate) struct Subnetwork;

#[async_trait]
impl Kind for Subnetwork {
    type Record = SubnetworkRecord;
    const TYPE: &'static str = "google_compute_subnetwork";
    const API: Api = super::api(
        "compute.subnetworks",
        "projects/{project}/regions/{region}/subnetworks",
        Update::Patch,
    );
    const RULES: Rules = &[
        ("secondary_ip_range", Rule::Named("secondaryIpRanges")),
        ("ipv6_cidr_range", Rule::ShownOnly),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(15, 15, 15)
    }

    fn plan(
        request: &infra_model::PlanRequest<'_>,
        planned: &mut infra_model::Planned,
    ) -> Result<(), ProviderError> {
        let range = |value: Option<&infra_model::Value>| {
            value?.get("ip_cidr_range")?.as_str().map(str::to_owned)
        };
        if let (Some(old), Some(new)) = (range(request.prior), range(Some(&planned.value)))
            && old != new
        {
            if contains(&new, &old) {
                let block = SubnetworkRecord::block();
                infra_model::planning::mark_unknown(planned, &block, &["gateway_address"]);
            } else {
                planned
                    .replace
                    .push(infra_model::Path::attribute("ip_cidr_range"));
            }
        }
        Ok(())
    }

    fn body(_: &Client, _: &SubnetworkRecord, body: &mut Map<String, Json>) {
        super::say_enabled(body);
    }

    fn shown(found: &mut Json) {
        super::hide_disabled_logs(found);
    }

    fn patch(_: &SubnetworkRecord, _: &SubnetworkRecord, patch: &mut Map<String, Json>) {
        patch.remove("ipCidrRange");
        patch.remove("privateIpGoogleAccess");
        super::say_enabled(patch);
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &SubnetworkRecord,
        desired: &SubnetworkRecord,
    ) -> Result<(), ProviderError> {
        if prior.ip_cidr_range != desired.ip_cidr_range {
            let body = json!({ "ipCidrRange": desired.ip_cidr_range });
            super::set::<Self>(client, context, operation, id, "expandIpCidrRange", body).await?;
        }
        if let Some(access) = desired.private_ip_google_access
            && prior.private_ip_google_access != desired.private_ip_google_access
        {
            let body = json!({ "privateIpGoogleAccess": access });
            super::set::<Self>(
                client,
                context,
                operation,
                id,
                "setPrivateIpGoogleAccess",
                body,
            )
            .await?;
        }
        Ok(())
    }
}

/// Whether a range holds another; what is no range is left for the service to refuse.
fn contains(outer: &str, inner: &str) -> bool {
    match (outer.parse::<ipnet::IpNet>(), inner.parse::<ipnet::IpNet>()) {
        (Ok(outer), Ok(inner)) => outer.contains(&inner),
        _ => true,
    }
}
