//! VPC endpoints: gateway endpoints put routes into tables, interface endpoints put interfaces into subnets.

use serde::{Deserialize, Serialize};

use super::common::{Describe, invalid, page_xml, remember, replay, tag_set, tag_specification};
use super::network_interface::{self, NetworkInterface, NewInterface};
use super::{prefix_list, route_table, security_group, subnet, vpc};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Lets everyone use the endpoint.
const FULL_ACCESS: &str = "{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}";

/// Services with interface endpoints in every region.
const INTERFACE_SERVICES: &[&str] = &[
    "autoscaling",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "rds",
    "s3",
    "secretsmanager",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
];

/// An endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VpcEndpoint {
    id: String,
    vpc: String,
    service: String,
    kind: String,
    policy: String,
    route_tables: Vec<String>,
    subnets: Vec<String>,
    groups: Vec<String>,
    private_dns: bool,
    address_type: String,
    created_at: Millis,
    available_at: Millis,
    gone_at: Option<Millis>,
}

impl Document for VpcEndpoint {
    const KIND: &'static str = "ec2/vpc-endpoint";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        [&self.vpc]
            .into_iter()
            .chain(&self.route_tables)
            .chain(&self.subnets)
            .cloned()
            .collect()
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_vpc_endpoint")
    }
}

impl VpcEndpoint {
    /// The destination of the routes that a gateway endpoint makes.
    pub(super) fn prefix_list(&self, ctx: &Ctx<'_>) -> Option<String> {
        if self.kind == "Gateway" {
            prefix_list::of_service(ctx, &self.service)
        } else {
            None
        }
    }

    fn state(&self, ctx: &Ctx<'_>) -> &'static str {
        if self.gone_at.is_some() {
            "deleting"
        } else if ctx.past(self.available_at) {
            "available"
        } else {
            "pending"
        }
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpcEndpoint",
        accepts: &[
            "VpcId",
            "ServiceName",
            "VpcEndpointType",
            "PolicyDocument",
            "RouteTableId",
            "SubnetId",
            "SecurityGroupId",
            "PrivateDnsEnabled",
            "IpAddressType",
            "ClientToken",
            "TagSpecification.*",
        ],
        handler: create,
    },
    Operation {
        name: "ModifyVpcEndpoint",
        accepts: &[
            "VpcEndpointId",
            "ResetPolicy",
            "PolicyDocument",
            "AddRouteTableId",
            "RemoveRouteTableId",
            "AddSubnetId",
            "RemoveSubnetId",
            "AddSecurityGroupId",
            "RemoveSecurityGroupId",
            "PrivateDnsEnabled",
        ],
        handler: modify,
    },
    Operation {
        name: "DeleteVpcEndpoints",
        accepts: &["VpcEndpointId"],
        handler: delete,
    },
    Operation {
        name: "DescribeVpcEndpoints",
        accepts: &["VpcEndpointId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
];

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidVpcEndpointId.NotFound",
        format!("The Vpc Endpoint Id '{id}' does not exist"),
    )
}

fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<VpcEndpoint>> {
    ctx.get::<VpcEndpoint>(id).ok_or_else(|| not_found(id))
}

fn policy(text: &str) -> AwsResult<String> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if value.is_object() => Ok(text.to_owned()),
        _ => Err(AwsError::new(
            "InvalidPolicyDocument",
            "The policy document is not valid JSON",
        )),
    }
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateVpcEndpoint";
    let id = match replay(ctx, OPERATION, params)? {
        Some(id) => id,
        None => {
            let id = make(ctx, params)?;
            remember(ctx, OPERATION, params, &id);
            id
        }
    };
    let endpoint = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.node("vpcEndpoint", |xml| write(xml, ctx, &endpoint))
        .opt("clientToken", params.str("ClientToken"));
    Ok(xml)
}

fn make(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<String> {
    let vpc = vpc::find(ctx, params.require("VpcId")?)?;
    let service = params.require("ServiceName")?;
    let kind = params.str("VpcEndpointType").unwrap_or("Gateway");
    let tags = tag_specification(params, "vpc-endpoint")?;
    let known = match kind {
        "Gateway" => prefix_list::of_service(ctx, service).is_some(),
        "Interface" => {
            let prefix = format!("com.amazonaws.{}.", ctx.region);
            service
                .strip_prefix(&prefix)
                .is_some_and(|name| INTERFACE_SERVICES.contains(&name))
        }
        other => return Err(invalid("vpcEndpointType", other)),
    };
    if !known {
        let message = format!("The Vpc Endpoint Service '{service}' does not exist");
        return Err(AwsError::new("InvalidServiceName", message));
    }
    let owned = |name: &str| {
        params
            .strings(name)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (route_tables, subnets, mut groups) = (
        owned("RouteTableId"),
        owned("SubnetId"),
        owned("SecurityGroupId"),
    );
    let wrong = if kind == "Gateway" {
        !subnets.is_empty() || !groups.is_empty()
    } else {
        !route_tables.is_empty()
    };
    if wrong {
        let message = format!("An endpoint of type {kind} does not take these parameters");
        return Err(AwsError::new("InvalidParameter", message));
    }
    let clash = ctx.referrers::<VpcEndpoint>(vpc.id()).iter().any(|other| {
        let same = other.service == service && other.gone_at.is_none();
        same && (kind == "Gateway"
            && other
                .route_tables
                .iter()
                .any(|table| route_tables.contains(table)))
    });
    if clash {
        let message = format!("route table already has a route for the service {service}");
        return Err(AwsError::new("RouteAlreadyExists", message));
    }
    let private_dns = params
        .bool("PrivateDnsEnabled")?
        .unwrap_or(kind == "Interface");
    if kind == "Interface" {
        if private_dns && !(vpc.dns_support && vpc.dns_hostnames) {
            let message = format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
                vpc.id()
            );
            return Err(AwsError::new("InvalidParameter", message));
        }
        if groups.is_empty() {
            groups.extend(security_group::default_of(ctx, vpc.id()).map(|group| group.id.clone()));
        }
    }
    for table in &route_tables {
        if route_table::find(ctx, table)?.vpc != vpc.id() {
            return Err(invalid("routeTableId", table));
        }
    }
    let endpoint = VpcEndpoint {
        id: ctx.new_id("vpce"),
        vpc: vpc.id().to_owned(),
        service: service.to_owned(),
        kind: kind.to_owned(),
        policy: params
            .str("PolicyDocument")
            .map_or_else(|| Ok(FULL_ACCESS.to_owned()), policy)?,
        route_tables,
        subnets: Vec::new(),
        groups,
        private_dns,
        address_type: params.str("IpAddressType").unwrap_or("ipv4").to_owned(),
        created_at: ctx.now,
        // Gateway endpoints are only routes, which are there at once.
        available_at: if kind == "Gateway" {
            ctx.now
        } else {
            ctx.due(Work::VpcEndpointCreate)
        },
        gone_at: None,
    };
    let id = endpoint.id.clone();
    ctx.put_tagged(endpoint, tags);
    for subnet in &subnets {
        add_subnet(ctx, &id, subnet)?;
    }
    Ok(id)
}

fn add_subnet(ctx: &mut Ctx<'_>, id: &str, subnet: &str) -> AwsResult<()> {
    let mut endpoint = find(ctx, id)?.edit();
    let wanted = subnet::find(ctx, subnet)?;
    if wanted.vpc != endpoint.vpc {
        return Err(invalid("subnetId", subnet));
    }
    let taken = endpoint.subnets.iter().any(|other| {
        ctx.get::<subnet::Subnet>(other)
            .is_some_and(|other| other.zone == wanted.zone)
    });
    if taken {
        let message =
            format!("Found another VPC endpoint subnet in the availability zone of {subnet}");
        return Err(AwsError::new("DuplicateSubnetsInSameZone", message));
    }
    let interface = NewInterface {
        subnet,
        groups: endpoint.groups.clone(),
        description: format!("VPC Endpoint Interface {id}"),
        interface_type: "vpc_endpoint",
        requester: ACCOUNT,
        owner: id,
        instance: None,
        controller: None,
        public: false,
    };
    network_interface::create(ctx, interface, Tags::default())?;
    endpoint.subnets.push(subnet.to_owned());
    ctx.put(endpoint);
    Ok(())
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("VpcEndpointId")?;
    let mut endpoint = find(ctx, id)?.edit();
    if endpoint.gone_at.is_some() {
        return Err(not_found(id));
    }
    if params.bool("ResetPolicy")?.unwrap_or(false) {
        endpoint.policy = FULL_ACCESS.to_owned();
    }
    if let Some(text) = params.str("PolicyDocument") {
        endpoint.policy = policy(text)?;
    }
    if let Some(enabled) = params.bool("PrivateDnsEnabled")? {
        endpoint.private_dns = enabled;
    }
    for table in params.strings("AddRouteTableId") {
        if route_table::find(ctx, table)?.vpc != endpoint.vpc {
            return Err(invalid("routeTableId", table));
        }
        if !endpoint.route_tables.iter().any(|other| other == table) {
            endpoint.route_tables.push(table.to_owned());
        }
    }
    let removed = params.strings("RemoveRouteTableId");
    endpoint
        .route_tables
        .retain(|table| !removed.contains(&table.as_str()));
    for group in params.strings("AddSecurityGroupId") {
        security_group::find(ctx, group)?;
        if !endpoint.groups.iter().any(|other| other == group) {
            endpoint.groups.push(group.to_owned());
        }
    }
    let removed = params.strings("RemoveSecurityGroupId");
    endpoint
        .groups
        .retain(|group| !removed.contains(&group.as_str()));
    network_interface::set_groups(ctx, id, &endpoint.groups);
    let removed = params.strings("RemoveSubnetId");
    endpoint
        .subnets
        .retain(|subnet| !removed.contains(&subnet.as_str()));
    for interface in ctx.referrers::<NetworkInterface>(id) {
        if removed.contains(&interface.subnet.as_str()) {
            ctx.delete::<NetworkInterface>(&interface.id);
        }
    }
    ctx.put(endpoint);
    for subnet in params.strings("AddSubnetId") {
        add_subnet(ctx, id, subnet)?;
    }
    Ok(Xml::done())
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut failed = Vec::new();
    for id in params.strings("VpcEndpointId") {
        match find(ctx, id) {
            Err(error) => failed.push((id, error)),
            Ok(endpoint) if endpoint.kind == "Gateway" => {
                ctx.delete::<VpcEndpoint>(id);
            }
            Ok(endpoint) if endpoint.gone_at.is_none() => {
                let at = ctx.due(Work::VpcEndpointDelete);
                network_interface::release(ctx, id, at);
                ctx.put(VpcEndpoint {
                    gone_at: Some(at),
                    ..endpoint.edit()
                });
            }
            Ok(_) => {}
        }
    }
    let mut xml = Xml::new();
    xml.list("unsuccessful", "item", failed, |xml, (id, error)| {
        xml.text("resourceId", id).node("error", |xml| {
            xml.text("code", error.code).text("message", error.message);
        });
    });
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<VpcEndpoint> {
        ids: "VpcEndpointId",
        not_found,
        filters: &[
            "ip-address-type",
            "service-name",
            "vpc-endpoint-id",
            "vpc-endpoint-state",
            "vpc-endpoint-type",
            "vpc-id",
        ],
        indexed: &["vpc-id"],
        field: |ctx, endpoint, name| {
            vec![match name {
                "ip-address-type" => endpoint.address_type.clone(),
                "service-name" => endpoint.service.clone(),
                "vpc-endpoint-id" => endpoint.id.clone(),
                "vpc-endpoint-state" => endpoint.state(ctx).to_owned(),
                "vpc-endpoint-type" => endpoint.kind.clone(),
                _ => endpoint.vpc.clone(),
            }]
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("vpcEndpointSet", page, |xml, endpoint| {
        write(xml, ctx, endpoint);
    }))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, endpoint: &Stored<VpcEndpoint>) {
    let interfaces = ctx.referrers::<NetworkInterface>(&endpoint.id);
    xml.text("vpcEndpointId", &endpoint.id)
        .text("vpcEndpointType", &endpoint.kind)
        .text("vpcId", &endpoint.vpc)
        .text("serviceName", &endpoint.service)
        .text("serviceRegion", &ctx.region)
        .text("state", endpoint.state(ctx))
        .text("policyDocument", &endpoint.policy)
        .texts("routeTableIdSet", "item", &endpoint.route_tables)
        .texts("subnetIdSet", "item", &endpoint.subnets)
        .list("groupSet", "item", &endpoint.groups, |xml, group| {
            let name = ctx
                .get::<security_group::SecurityGroup>(group)
                .map(|group| group.name.clone());
            xml.text("groupId", group).opt("groupName", name);
        })
        .text("ipAddressType", &endpoint.address_type)
        .text("privateDnsEnabled", endpoint.private_dns)
        .text("requesterManaged", false)
        .texts(
            "networkInterfaceIdSet",
            "item",
            interfaces.iter().map(|interface| &interface.id),
        )
        .node("dnsEntrySet", |xml| {
            if endpoint.kind == "Interface" {
                let name = endpoint.service.rsplit('.').next().unwrap_or_default();
                let suffix = &endpoint.id["vpce-".len()..];
                xml.node("item", |xml| {
                    xml.text(
                        "dnsName",
                        format!(
                            "{}-{}.{name}.{}.vpce.amazonaws.com",
                            endpoint.id,
                            &suffix[..8],
                            ctx.region
                        ),
                    )
                    .text("hostedZoneId", "Z38GZ743OKFT7T");
                });
            }
        })
        .text("creationTimestamp", iso8601_millis(endpoint.created_at))
        .text("ownerId", ACCOUNT);
    tag_set(xml, endpoint.tags());
}
