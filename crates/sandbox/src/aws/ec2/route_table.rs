//! Route tables and which subnets use them; the main one serves subnets that name none. Routes are in `route`.

use serde::{Deserialize, Serialize};

use super::common::{Describe, in_use, page_xml, remember, replay, tag_set, tag_specification};
use super::route::{self, Route};
use super::subnet;
use super::vpc::{self, Vpc};
use super::vpc_endpoint::VpcEndpoint;
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::world::{Document, Listed, Stored};

/// A route table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RouteTable {
    pub(crate) id: String,
    pub(crate) vpc: String,
    /// The id of its association with the network itself, if it is the main table.
    main: Option<String>,
    /// Made with the network, as its first main table.
    original: bool,
    associations: Vec<Association>,
    pub(crate) routes: Vec<Route>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Association {
    id: String,
    subnet: String,
}

impl Document for RouteTable {
    const KIND: &'static str = "ec2/route-table";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        let mut links = vec![self.vpc.clone()];
        links.extend(self.main.clone());
        for association in &self.associations {
            links.extend([association.id.clone(), association.subnet.clone()]);
        }
        links
    }

    fn listed(&self) -> Option<Listed> {
        if self.original {
            None
        } else {
            Listed::aws("aws_route_table")
        }
    }
}

impl RouteTable {
    pub(super) fn is_main(&self) -> bool {
        self.main.is_some()
    }

    /// Whether a client made it.
    pub(super) fn is_original(&self) -> bool {
        self.original
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRouteTable",
        accepts: &["VpcId", "ClientToken", "TagSpecification.*"],
        handler: create,
    },
    Operation {
        name: "DeleteRouteTable",
        accepts: &["RouteTableId"],
        handler: delete,
    },
    Operation {
        name: "DescribeRouteTables",
        accepts: &["RouteTableId", "Filter.*", "MaxResults", "NextToken"],
        handler: describe,
    },
    Operation {
        name: "AssociateRouteTable",
        accepts: &["RouteTableId", "SubnetId"],
        handler: associate,
    },
    Operation {
        name: "DisassociateRouteTable",
        accepts: &["AssociationId"],
        handler: disassociate,
    },
    Operation {
        name: "ReplaceRouteTableAssociation",
        accepts: &["AssociationId", "RouteTableId"],
        handler: replace_association,
    },
];

pub(crate) fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidRouteTableID.NotFound",
        format!("The routeTable ID '{id}' does not exist"),
    )
}

/// The table that a request names.
pub(crate) fn find(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<RouteTable>> {
    ctx.get::<RouteTable>(id).ok_or_else(|| not_found(id))
}

/// Makes a table with the network's own routes.
pub(super) fn make(ctx: &mut Ctx<'_>, vpc: &Vpc, original: bool) -> RouteTable {
    let main = original.then(|| ctx.new_id("rtbassoc"));
    let table = RouteTable {
        id: ctx.new_id("rtb"),
        vpc: vpc.id().to_owned(),
        main,
        original,
        associations: Vec::new(),
        routes: route::local(vpc),
    };
    ctx.put(table.clone());
    table
}

/// Lets go of a subnet that is deleted.
pub(super) fn forget_subnet(ctx: &mut Ctx<'_>, table: &Stored<RouteTable>, subnet: &str) {
    let mut table = table.edit();
    table
        .associations
        .retain(|association| association.subnet != subnet);
    ctx.put(table);
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    const OPERATION: &str = "CreateRouteTable";
    let id = match replay(ctx, OPERATION, params)? {
        Some(id) => id,
        None => {
            let vpc = vpc::find(ctx, params.require("VpcId")?)?;
            let tags = tag_specification(params, "route-table")?;
            let table = make(ctx, &vpc, false);
            ctx.set_tags::<RouteTable>(&table.id, tags);
            remember(ctx, OPERATION, params, &table.id);
            table.id
        }
    };
    let table = find(ctx, &id)?;
    let mut xml = Xml::new();
    xml.node("routeTable", |xml| write(xml, ctx, &table))
        .opt("clientToken", params.str("ClientToken"));
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("RouteTableId")?;
    let table = find(ctx, id)?;
    if table.is_main() || !table.associations.is_empty() {
        return Err(in_use(format!(
            "The routeTable '{id}' has dependencies and cannot be deleted."
        )));
    }
    ctx.delete::<RouteTable>(id);
    Ok(Xml::done())
}

fn associate(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let table = find(ctx, params.require("RouteTableId")?)?;
    let subnet = subnet::find(ctx, params.require("SubnetId")?)?;
    if table.vpc != subnet.vpc {
        let message = format!(
            "route table {} and subnet {} belong to different networks",
            table.id, subnet.id
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    if let Some(other) = ctx.referrers::<RouteTable>(&subnet.id).first() {
        if other.id == table.id {
            let same = other
                .associations
                .iter()
                .find(|association| association.subnet == subnet.id);
            let id = same
                .map(|association| association.id.clone())
                .unwrap_or_default();
            return Ok(association_xml("associationId", &id));
        }
        let message = format!(
            "the specified association for route table {} conflicts with an existing association",
            table.id
        );
        return Err(AwsError::new("Resource.AlreadyAssociated", message));
    }
    let id = add(ctx, &table, &subnet.id);
    Ok(association_xml("associationId", &id))
}

fn add(ctx: &mut Ctx<'_>, table: &Stored<RouteTable>, subnet: &str) -> String {
    let id = ctx.new_id("rtbassoc");
    let mut table = table.edit();
    table.associations.push(Association {
        id: id.clone(),
        subnet: subnet.to_owned(),
    });
    ctx.put(table);
    id
}

fn association_xml(name: &str, id: &str) -> Xml {
    let mut xml = Xml::new();
    xml.text(name, id).node("associationState", |xml| {
        xml.text("state", "associated");
    });
    xml
}

fn by_association(ctx: &Ctx<'_>, id: &str) -> AwsResult<Stored<RouteTable>> {
    ctx.referrers::<RouteTable>(id)
        .into_iter()
        .next()
        .filter(|_| id.starts_with("rtbassoc-"))
        .ok_or_else(|| {
            let message = format!("The association ID '{id}' does not exist");
            AwsError::new("InvalidAssociationID.NotFound", message)
        })
}

fn disassociate(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("AssociationId")?;
    let mut table = by_association(ctx, id)?.edit();
    if table.main.as_deref() == Some(id) {
        let message = "cannot disassociate the main route table association";
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    table
        .associations
        .retain(|association| association.id != id);
    ctx.put(table);
    Ok(Xml::done())
}

fn replace_association(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let id = params.require("AssociationId")?;
    let old = by_association(ctx, id)?;
    let new = find(ctx, params.require("RouteTableId")?)?;
    if old.vpc != new.vpc {
        let message = format!(
            "route tables {} and {} belong to different networks",
            old.id, new.id
        );
        return Err(AwsError::new("InvalidParameterValue", message));
    }
    if old.main.as_deref() == Some(id) {
        let association = ctx.new_id("rtbassoc");
        ctx.put(RouteTable {
            main: None,
            ..old.edit()
        });
        let new = find(ctx, &new.id)?;
        ctx.put(RouteTable {
            main: Some(association.clone()),
            ..new.edit()
        });
        return Ok(association_xml("newAssociationId", &association));
    }
    let mut edited = old.edit();
    let position = edited
        .associations
        .iter()
        .position(|association| association.id == id);
    let Some(position) = position else {
        return Err(not_found(&old.id));
    };
    let association = edited.associations.remove(position);
    ctx.put(edited);
    let new = find(ctx, &new.id)?;
    let added = add(ctx, &new, &association.subnet);
    Ok(association_xml("newAssociationId", &added))
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let page = Describe::<RouteTable> {
        ids: "RouteTableId",
        not_found,
        filters: &[
            "association.main",
            "association.route-table-association-id",
            "association.route-table-id",
            "association.subnet-id",
            "owner-id",
            "route-table-id",
            "route.destination-cidr-block",
            "route.destination-ipv6-cidr-block",
            "route.destination-prefix-list-id",
            "route.gateway-id",
            "route.nat-gateway-id",
            "route.origin",
            "route.state",
            "vpc-id",
        ],
        indexed: &[
            "association.subnet-id",
            "association.route-table-association-id",
            "vpc-id",
        ],
        field: |ctx, table, name| match name {
            "association.main" => {
                let explicit = table.associations.iter().map(|_| "false".to_owned());
                table
                    .main
                    .iter()
                    .map(|_| "true".to_owned())
                    .chain(explicit)
                    .collect()
            }
            "association.route-table-association-id" => table
                .main
                .iter()
                .chain(table.associations.iter().map(|association| &association.id))
                .cloned()
                .collect(),
            "association.route-table-id" => {
                let used = table.main.is_some() || !table.associations.is_empty();
                used.then(|| table.id.clone()).into_iter().collect()
            }
            "association.subnet-id" => table
                .associations
                .iter()
                .map(|association| association.subnet.clone())
                .collect(),
            "owner-id" => vec![ACCOUNT.to_owned()],
            "route-table-id" => vec![table.id.clone()],
            "vpc-id" => vec![table.vpc.clone()],
            route => {
                let field = route.trim_start_matches("route.");
                table
                    .routes
                    .iter()
                    .filter_map(|route| route.field(ctx, &table.vpc, field))
                    .collect()
            }
        },
    }
    .select(ctx, params)?;
    Ok(page_xml("routeTableSet", page, |xml, table| {
        write(xml, ctx, table);
    }))
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, table: &Stored<RouteTable>) {
    let state = |xml: &mut Xml| {
        xml.node("associationState", |xml| {
            xml.text("state", "associated");
        });
    };
    xml.text("routeTableId", &table.id)
        .text("vpcId", &table.vpc)
        .text("ownerId", ACCOUNT);
    xml.node("routeSet", |xml| {
        for route in &table.routes {
            xml.node("item", |xml| route.write(xml, ctx, &table.vpc));
        }
        for endpoint in ctx.referrers::<VpcEndpoint>(&table.id) {
            if let Some(list) = endpoint.prefix_list(ctx) {
                xml.node("item", |xml| {
                    xml.text("destinationPrefixListId", list)
                        .text("gatewayId", endpoint.id())
                        .text("state", "active")
                        .text("origin", "CreateRoute");
                });
            }
        }
    });
    xml.node("associationSet", |xml| {
        if let Some(id) = &table.main {
            xml.node("item", |xml| {
                xml.text("routeTableAssociationId", id)
                    .text("routeTableId", &table.id)
                    .text("main", true);
                state(xml);
            });
        }
        for association in &table.associations {
            xml.node("item", |xml| {
                xml.text("routeTableAssociationId", &association.id)
                    .text("routeTableId", &table.id)
                    .text("subnetId", &association.subnet)
                    .text("main", false);
                state(xml);
            });
        }
    });
    xml.node("propagatingVgwSet", |_| {});
    tag_set(xml, table.tags());
}
