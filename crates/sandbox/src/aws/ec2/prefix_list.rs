//! Prefix lists that AWS manages: the address ranges of S3 and DynamoDB in each region.

use super::common::{Filters, pages};
use crate::aws::context::{Ctx, Page};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

/// Services with a gateway endpoint, and ranges that stand for theirs.
const SERVICES: &[(&str, &str)] = &[("dynamodb", "52.94.0.0/22"), ("s3", "52.218.0.0/17")];

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribePrefixLists",
        accepts: &["PrefixListId", "Filter.*", "MaxResults", "NextToken"],
        handler: |ctx, params| {
            let page = select(ctx, params)?;
            Ok(write(page, |xml, list| {
                xml.text("prefixListId", &list.id)
                    .text("prefixListName", &list.name)
                    .texts("cidrSet", "item", [list.range]);
            }))
        },
    },
    Operation {
        name: "DescribeManagedPrefixLists",
        accepts: &["PrefixListId", "Filter.*", "MaxResults", "NextToken"],
        handler: |ctx, params| {
            let arn = |id: &str| format!("arn:aws:ec2:{}:aws:prefix-list/{id}", ctx.region);
            let page = select(ctx, params)?;
            Ok(write(page, |xml, list| {
                xml.text("prefixListId", &list.id)
                    .text("prefixListName", &list.name)
                    .text("prefixListArn", arn(&list.id))
                    .text("addressFamily", "IPv4")
                    .text("state", "create-complete")
                    .text("ownerId", "AWS")
                    .node("tagSet", |_| {});
            }))
        },
    },
];

struct List {
    id: String,
    name: String,
    range: &'static str,
}

fn all(region: &str) -> Vec<List> {
    let mut lists: Vec<_> = SERVICES
        .iter()
        .map(|(service, range)| List {
            id: id_of(region, service),
            name: format!("com.amazonaws.{region}.{service}"),
            range,
        })
        .collect();
    lists.sort_by(|a, b| a.id.cmp(&b.id));
    lists
}

/// `pl-` and eight digits, different in each region, always the same.
fn id_of(region: &str, service: &str) -> String {
    format!(
        "pl-{}",
        &crate::token::fingerprint(&format!("{region}.{service}"))[..8]
    )
}

/// The list of an endpoint service such as `com.amazonaws.eu-west-1.s3`.
pub(super) fn of_service(ctx: &Ctx<'_>, name: &str) -> Option<String> {
    all(&ctx.region)
        .into_iter()
        .find(|list| list.name == name)
        .map(|list| list.id)
}

/// Whether there is such a list.
pub(super) fn exists(ctx: &Ctx<'_>, id: &str) -> bool {
    all(&ctx.region).iter().any(|list| list.id == id)
}

fn select(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Page<List>> {
    let filters = Filters::parse(params, &["owner-id", "prefix-list-id", "prefix-list-name"])?;
    let ids = params.strings("PrefixListId");
    if let Some(id) = ids.iter().find(|id| !exists(ctx, id)) {
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(AwsError::new("InvalidPrefixListID.NotFound", message));
    }
    let mut lists = all(&ctx.region);
    lists.retain(|list| ids.is_empty() || ids.contains(&list.id.as_str()));
    lists.retain(|list| {
        filters.pass(&crate::tags::Tags::default(), |name| {
            vec![match name {
                "owner-id" => "AWS".to_owned(),
                "prefix-list-id" => list.id.clone(),
                _ => list.name.clone(),
            }]
        })
    });
    pages(lists, |list| &list.id, params)
}

fn write(page: Page<List>, mut each: impl FnMut(&mut Xml, &List)) -> Xml {
    let mut xml = Xml::new();
    xml.list("prefixListSet", "item", &page.items, |xml, list| {
        each(xml, list);
    });
    xml.opt("nextToken", page.next);
    xml
}
