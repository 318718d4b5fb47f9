//! `aws_vpc_endpoint`.

use super::tagging::{self, filter, list};
use crate::batch::{self, FILTER_VALUES, by_key};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::{EC2_READ, EC2_WRITE};
use crate::recover::Lost;
use crate::tags::Tags;
use crate::wait::{self, Progress};
use async_trait::async_trait;
use aws_sdk_ec2::types::{
    IpAddressType, PrefixList, ResourceType, State, VpcEndpoint as Found, VpcEndpointType,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, planning,
};
use std::collections::{BTreeMap, BTreeSet};

/// A private way from a VPC to a service.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VpcEndpointRecord {
    /// The VPC.
    #[record(required, force_new)]
    pub(crate) vpc_id: String,
    /// The service, such as `com.amazonaws.eu-west-1.s3`.
    #[record(required, force_new)]
    pub(crate) service_name: String,
    /// `Gateway`, `Interface` or `GatewayLoadBalancer`.
    #[record(optional, force_new, default = "Gateway")]
    pub(crate) vpc_endpoint_type: String,
    /// Who may do what through it, as an IAM policy; by default everything.
    #[record(optional, computed, compare = json)]
    pub(crate) policy: Option<String>,
    /// The route tables that lead to a gateway.
    #[record(optional, computed)]
    pub(crate) route_table_ids: BTreeSet<String>,
    /// The subnets with an interface.
    #[record(optional, computed)]
    pub(crate) subnet_ids: BTreeSet<String>,
    /// The security groups of the interfaces; by default the VPC's default one.
    #[record(optional, computed)]
    pub(crate) security_group_ids: BTreeSet<String>,
    /// Whether the service's public name leads to the endpoint inside the VPC.
    #[record(optional, computed)]
    pub(crate) private_dns_enabled: Option<bool>,
    /// `ipv4`, `dualstack` or `ipv6`.
    #[record(optional, computed)]
    pub(crate) ip_address_type: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `vpce-…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The ranges of a gateway's service.
    #[record(computed)]
    pub(crate) cidr_blocks: Vec<String>,
    /// The prefix list of a gateway's service.
    #[record(computed)]
    pub(crate) prefix_list_id: Option<String>,
    /// The names of the interfaces.
    #[record(block, computed)]
    pub(crate) dns_entry: Vec<DnsEntry>,
    /// The interfaces.
    #[record(computed)]
    pub(crate) network_interface_ids: BTreeSet<String>,
    /// The account that owns it.
    #[record(computed)]
    pub(crate) owner_id: Option<String>,
    /// Whether a service of AWS manages it.
    #[record(computed)]
    pub(crate) requester_managed: Option<bool>,
    /// `available`, or `pendingAcceptance` until the service's owner agrees.
    #[record(computed)]
    pub(crate) state: Option<String>,
}

/// A name of an interface.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct DnsEntry {
    /// The name.
    #[record(computed)]
    pub(crate) dns_name: Option<String>,
    /// The hosted zone that it is in.
    #[record(computed)]
    pub(crate) hosted_zone_id: Option<String>,
}

pub(crate) struct VpcEndpoint;

#[async_trait]
impl Resource<Client> for VpcEndpoint {
    type Record = VpcEndpointRecord;
    const TYPE: &'static str = "aws_vpc_endpoint";

    fn traits() -> Traits {
        Traits::default().seconds(60, 30, 60).family(EC2_WRITE.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let changed = |name: &str| prior.get(name) != planned.value.get(name);
        let mut unknown = Vec::new();
        if changed("subnet_ids") || changed("ip_address_type") || changed("private_dns_enabled") {
            unknown.extend(["network_interface_ids"]);
            let entries = VpcEndpointRecord::block().blocks["dns_entry"].value_type();
            let value = std::mem::replace(&mut planned.value, infra_model::Value::NULL);
            planned.value = value.with_attribute("dns_entry", infra_model::Value::Unknown(entries));
        }
        planning::mark_unknown(planned, &VpcEndpointRecord::block(), &unknown);
        Ok(())
    }

    fn id(record: &VpcEndpointRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<VpcEndpointRecord>],
    ) -> Vec<Result<Option<VpcEndpointRecord>, ProviderError>> {
        // By id when there is one, and else all there are: there are few, and emulators lack the filter by ids.
        let ids: Vec<String> = items.iter().map(|i| i.id.clone()).collect();
        let found = batch::by_listing(&ids, |e: &Found| e.vpc_endpoint_id.clone(), |one| async move {
            match one {
                Some(id) => Ok(find(client, context, &id).await?.into_iter().collect()),
                None => list!(client, context, "DescribeVpcEndpoints": describe_vpc_endpoints.set_filters(Vec::new()) -> vpc_endpoints).await,
            }
        })
        .await;
        let read = found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let there = found?.filter(|f| !gone(f));
                Ok(there.map(|f| record(client, f, item.prior.as_ref())))
            })
            .collect();
        with_prefix_lists(client, context, read).await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: VpcEndpointRecord,
    ) -> Result<VpcEndpointRecord, ProviderError> {
        let some = |ids: &BTreeSet<String>| {
            (!ids.is_empty()).then(|| ids.iter().cloned().collect::<Vec<_>>())
        };
        let request = client
            .ec2()
            .create_vpc_endpoint()
            .client_token(operation.token.as_str())
            .vpc_id(&desired.vpc_id)
            .service_name(&desired.service_name)
            .vpc_endpoint_type(VpcEndpointType::from(desired.vpc_endpoint_type.as_str()))
            .set_policy_document(desired.policy.clone())
            .set_route_table_ids(some(&desired.route_table_ids))
            .set_subnet_ids(some(&desired.subnet_ids))
            .set_security_group_ids(some(&desired.security_group_ids))
            .set_private_dns_enabled(desired.private_dns_enabled)
            .set_ip_address_type(desired.ip_address_type.as_deref().map(IpAddressType::from))
            .tag_specifications(tagging::specification(
                client,
                operation,
                ResourceType::VpcEndpoint,
                &desired.tags,
            ));
        let id = client
            .begin(
                context,
                operation,
                EC2_WRITE,
                "CreateVpcEndpoint",
                Lost::Resend,
                || request.clone().send(),
                |made| made.vpc_endpoint()?.vpc_endpoint_id(),
            )
            .await?;
        available(client, context, operation, &id).await?;
        wait::settled::<VpcEndpoint>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VpcEndpointRecord,
        desired: VpcEndpointRecord,
    ) -> Result<VpcEndpointRecord, ProviderError> {
        let id = VpcEndpoint::id(&prior);
        let added = |was: &BTreeSet<String>, will: &BTreeSet<String>| {
            let ids: Vec<String> = will.difference(was).cloned().collect();
            (!ids.is_empty()).then_some(ids)
        };
        let (tables, subnets, groups) = (
            (&prior.route_table_ids, &desired.route_table_ids),
            (&prior.subnet_ids, &desired.subnet_ids),
            (&prior.security_group_ids, &desired.security_group_ids),
        );
        let policy = (prior.policy != desired.policy)
            .then(|| desired.policy.clone())
            .flatten();
        let dns = (prior.private_dns_enabled != desired.private_dns_enabled)
            .then_some(desired.private_dns_enabled)
            .flatten();
        let addresses = (prior.ip_address_type != desired.ip_address_type)
            .then(|| desired.ip_address_type.as_deref().map(IpAddressType::from))
            .flatten();
        if tables.0 != tables.1
            || subnets.0 != subnets.1
            || groups.0 != groups.1
            || policy.is_some()
            || dns.is_some()
            || addresses.is_some()
        {
            let request = client
                .ec2()
                .modify_vpc_endpoint()
                .vpc_endpoint_id(&id)
                .set_policy_document(policy)
                .set_private_dns_enabled(dns)
                .set_ip_address_type(addresses)
                .set_add_route_table_ids(added(tables.0, tables.1))
                .set_remove_route_table_ids(added(tables.1, tables.0))
                .set_add_subnet_ids(added(subnets.0, subnets.1))
                .set_remove_subnet_ids(added(subnets.1, subnets.0))
                .set_add_security_group_ids(added(groups.0, groups.1))
                .set_remove_security_group_ids(added(groups.1, groups.0));
            let sent = client
                .call(context, EC2_WRITE, "ModifyVpcEndpoint", || {
                    request.clone().send()
                })
                .await;
            if let Err(refused) = sent {
                // What was added already, by an attempt whose answer was lost, cannot be added again.
                let found = find(client, context, &id).await.ok().flatten();
                if !refused.maybe_done || !found.is_some_and(|f| is_within(&f, &desired)) {
                    return Err(refused);
                }
            }
            available(client, context, operation, &id).await?;
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
        wait::settled::<VpcEndpoint>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VpcEndpointRecord,
    ) -> Result<(), ProviderError> {
        let id = VpcEndpoint::id(&prior);
        let answer = client
            .call(context, EC2_WRITE, "DeleteVpcEndpoints", || {
                client
                    .ec2()
                    .delete_vpc_endpoints()
                    .vpc_endpoint_ids(&id)
                    .send()
            })
            .await;
        // Whether it is gone, the wait tells: what is not found may be another thing.
        match answer {
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(answer) => {
                let done = tagging::all_done("DeleteVpcEndpoints", answer.unsuccessful());
                absent_is_done(done)?;
            }
        }
        wait::until(context, operation, wait::MINUTES, || {
            let id = &id;
            async move {
                Ok(match find(client, context, id).await? {
                    Some(found) if !gone(&found) => Progress::Pending(status(&found)),
                    _ => Progress::Done(()),
                })
            }
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: VpcEndpointRecord,
    ) -> Result<Recovered, ProviderError> {
        tagging::recover::<VpcEndpoint>(client, context, operation).await
    }
}

async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Found>, ProviderError> {
    let answer = client
        .call(context, EC2_READ, "DescribeVpcEndpoints", || {
            client
                .ec2()
                .describe_vpc_endpoints()
                .vpc_endpoint_ids(id)
                .send()
        })
        .await;
    Ok(there(answer)?.and_then(|a| a.vpc_endpoints.unwrap_or_default().pop()))
}

/// Whether it is where it shall be: its tables, subnets and groups.
fn is_within(found: &Found, desired: &VpcEndpointRecord) -> bool {
    let same = |there: &[String], wanted: &BTreeSet<String>| {
        let there: BTreeSet<String> = there.iter().cloned().collect();
        there == *wanted
    };
    let groups = found.groups().iter().filter_map(|g| g.group_id.clone());
    same(found.route_table_ids(), &desired.route_table_ids)
        && same(found.subnet_ids(), &desired.subnet_ids)
        && same(&groups.collect::<Vec<_>>(), &desired.security_group_ids)
}

/// The states differ in letter case between the API's answers and its documentation.
fn status(found: &Found) -> String {
    found
        .state()
        .map_or("pending", State::as_str)
        .to_ascii_lowercase()
}

fn gone(found: &Found) -> bool {
    status(found) == "deleted"
}

async fn available(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::MINUTES, || async move {
        let Some(found) = find(client, context, id).await? else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        match status(&found).as_str() {
            // Accepting is somebody else's decision, perhaps days away.
            "available" | "pendingacceptance" => Ok(Progress::Done(())),
            state @ ("failed" | "rejected" | "expired" | "deleted") => Err(ProviderError {
                service: "ec2".to_owned(),
                operation: "CreateVpcEndpoint".to_owned(),
                code: state.to_owned(),
                ..ProviderError::new(
                    ErrorKind::Failed,
                    found
                        .last_error()
                        .and_then(|e| e.message())
                        .or(found.failure_reason())
                        .unwrap_or("the endpoint did not become available"),
                )
            }),
            state => Ok(Progress::Pending(state.to_owned())),
        }
    })
    .await
}

fn record(client: &Client, found: Found, prior: Option<&VpcEndpointRecord>) -> VpcEndpointRecord {
    let (tags, tags_all) = tagging::read(client, found.tags(), prior.map(|p| &p.tags));
    let id = found.vpc_endpoint_id.clone().unwrap_or_default();
    let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<String>>();
    VpcEndpointRecord {
        vpc_endpoint_type: found
            .vpc_endpoint_type()
            .map_or("Gateway", VpcEndpointType::as_str)
            .to_owned(),
        policy: found.policy_document.clone().filter(|p| !p.is_empty()),
        route_table_ids: set(found.route_table_ids()),
        subnet_ids: set(found.subnet_ids()),
        security_group_ids: found
            .groups()
            .iter()
            .filter_map(|g| g.group_id.clone())
            .collect(),
        private_dns_enabled: Some(found.private_dns_enabled.unwrap_or_default()),
        ip_address_type: found
            .ip_address_type()
            .map(|t| t.as_str().to_owned())
            .or_else(|| prior.and_then(|p| p.ip_address_type.clone())),
        tags,
        tags_all,
        arn: Some(client.arn("ec2", &format!("vpc-endpoint/{id}"))),
        cidr_blocks: Vec::new(),
        prefix_list_id: None,
        dns_entry: found
            .dns_entries()
            .iter()
            .map(|e| DnsEntry {
                dns_name: e.dns_name.clone(),
                hosted_zone_id: e.hosted_zone_id.clone(),
            })
            .collect(),
        network_interface_ids: set(found.network_interface_ids()),
        requester_managed: Some(found.requester_managed.unwrap_or_default()),
        state: found.state().map(|s| s.as_str().to_owned()),
        owner_id: found.owner_id,
        vpc_id: found.vpc_id.unwrap_or_default(),
        service_name: found.service_name.unwrap_or_default(),
        id: Some(id),
    }
}

/// Gateways with the prefix lists of their services, all in one listing.
async fn with_prefix_lists(
    client: &Client,
    context: &CallContext,
    mut read: Vec<Result<Option<VpcEndpointRecord>, ProviderError>>,
) -> Vec<Result<Option<VpcEndpointRecord>, ProviderError>> {
    let is_gateway = |record: &VpcEndpointRecord| record.vpc_endpoint_type == "Gateway";
    let names: Vec<String> = read
        .iter()
        .flatten()
        .flatten()
        .filter(|r| is_gateway(r))
        .map(|r| r.service_name.clone())
        .collect();
    let lists = by_key(
        &names,
        FILTER_VALUES,
        |l: &PrefixList| l.prefix_list_name.clone(),
        |names| list!(client, context, "DescribePrefixLists": describe_prefix_lists.set_filters(vec![filter("prefix-list-name", names)]) -> prefix_lists),
    )
    .await;
    let lists: BTreeMap<String, _> = names.into_iter().zip(lists).collect();
    for answer in &mut read {
        let Ok(Some(record)) = answer else { continue };
        match lists.get(&record.service_name) {
            Some(Ok(lists)) if is_gateway(record) => {
                if let Some(list) = lists.first() {
                    record.cidr_blocks = list.cidrs().to_vec();
                    record.prefix_list_id.clone_from(&list.prefix_list_id);
                }
            }
            Some(Err(error)) if is_gateway(record) => *answer = Err(error.clone()),
            _ => {}
        }
    }
    read
}
