//! What an account may have of load balancing.

use super::{load_balancer, pages, target_group};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

pub(crate) const OPERATIONS: &[Operation] = &[Operation {
    name: "DescribeAccountLimits",
    accepts: &["Marker", "PageSize"],
    handler: limits,
}];

fn limits(_: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let limits = vec![
        ("application-load-balancers", load_balancer::QUOTA),
        ("gateway-load-balancers", load_balancer::QUOTA),
        ("network-load-balancers", load_balancer::QUOTA),
        ("target-groups", target_group::QUOTA),
    ];
    let page = pages(limits, |(name, _)| name, params)?;
    let mut xml = Xml::new();
    xml.list("Limits", "member", page.items, |xml, (name, most)| {
        xml.text("Name", name).text("Max", most);
    });
    xml.opt("NextMarker", page.next);
    Ok(xml)
}
