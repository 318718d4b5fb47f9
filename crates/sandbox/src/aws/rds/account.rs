//! What an account may have of RDS, and has.

use super::instance::{self, Instance};
use super::subnet_group::{self, SubnetGroup};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeAccountAttributes",
    accepts: &[],
    handler: attributes,
}];

fn attributes(ctx: &mut Ctx<'_>, _: &Params) -> AwsResult<Xml> {
    let quotas = [
        ("DBInstances", ctx.count::<Instance>(), instance::QUOTA),
        (
            "DBSubnetGroups",
            ctx.count::<SubnetGroup>(),
            subnet_group::QUOTA,
        ),
    ];
    let mut xml = Xml::new();
    xml.list(
        "AccountQuotas",
        "AccountQuota",
        quotas,
        |xml, (name, used, most)| {
            xml.text("AccountQuotaName", name)
                .text("Used", used)
                .text("Max", most);
        },
    );
    Ok(xml)
}
