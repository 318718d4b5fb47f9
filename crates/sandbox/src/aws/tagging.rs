//! The Resource Groups Tagging API: the tags of everything in a region, by ARN. It answers for all types of resources but IAM's roles
//! and users and Auto Scaling groups; for what is global in us-east-1.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html>
//!
//! Real accounts also show what had tags once, without any; here it is not shown.

use serde_json::{Map, Value, json};

use super::context::{self, Ctx};
use super::error::{AwsError, AwsResult};
use super::json::{
    JsonOperation, JsonService, flag, integer, items, require, tag_list, text, texts,
};
use super::{
    acm, cloudcontrol, ec2, ecr, eks, elbv2, iam, kms, logs, rds, route53, s3, secretsmanager,
};
use crate::tags::Tags;
use crate::world::Document;

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "ResourceGroupsTaggingAPI_20170126",
    operations: &[OPERATIONS],
};

const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "GetResources",
        accepts: &[
            "PaginationToken",
            "TagFilters",
            "ResourcesPerPage",
            "TagsPerPage",
            "ResourceTypeFilters",
            "IncludeComplianceDetails",
            "ExcludeCompliantResources",
            "ResourceARNList",
        ],
        handler: resources,
    },
    JsonOperation {
        name: "GetTagKeys",
        accepts: &["PaginationToken"],
        handler: keys,
    },
    JsonOperation {
        name: "GetTagValues",
        accepts: &["PaginationToken", "Key"],
        handler: values,
    },
];

/// The region that answers for what is global.
pub(super) const GLOBAL: &str = "us-east-1";

/// What one may ask for by ARN at once; also the most resources of a page.
const MOST: usize = 100;

/// The resources of a page, when nothing is said.
const PAGE: usize = 50;

/// How many keys, or values of a key, a page has.
const NAMES: usize = 128;

/// A resource that may have tags.
pub(super) struct Tagged {
    arn: String,
    tags: Tags,
}

impl Tagged {
    pub(super) fn new(arn: String, tags: Tags) -> Self {
        Self { arn, tags }
    }

    /// All documents of a kind in the region of the request, or all of a global kind.
    pub(super) fn all<T: Document>(ctx: &Ctx<'_>, arn: impl Fn(&T) -> String) -> Vec<Self> {
        let found = ctx.list::<T>().into_iter();
        found
            .map(|found| Self::new(arn(&found), found.tags().clone()))
            .collect()
    }
}

/// What each service has.
const SERVICES: &[fn(&Ctx<'_>) -> Vec<Tagged>] = &[
    acm::tagged,
    cloudcontrol::tagged,
    ec2::tagged,
    ecr::tagged,
    eks::tagged,
    elbv2::tagged,
    iam::tagged,
    kms::tagged,
    logs::tagged,
    rds::tagged,
    route53::tagged,
    s3::tagged,
    secretsmanager::tagged,
];

/// What has tags, by ARN.
fn tagged(ctx: &Ctx<'_>) -> Vec<Tagged> {
    let all = SERVICES.iter().flat_map(|of| of(ctx));
    let mut found: Vec<Tagged> = all.filter(|one| !one.tags.is_empty()).collect();
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    found
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn constraint(name: &str, value: impl std::fmt::Display, rule: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must {rule}"
    ))
}

fn resources(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let arns = texts(body, "ResourceARNList")?;
    let compliance = flag(body, "IncludeComplianceDetails")?;
    let exclude = flag(body, "ExcludeCompliantResources")?;
    if exclude && !compliance {
        return Err(invalid(
            "ExcludeCompliantResources can only be true if IncludeComplianceDetails is true",
        ));
    }
    let mut found = tagged(ctx);
    // There is no tag policy, so that all are compliant with it.
    found.retain(|_| !exclude);
    let (page, next) = if body.get("ResourceARNList").is_some() {
        let others = [
            "TagFilters",
            "ResourceTypeFilters",
            "ResourcesPerPage",
            "TagsPerPage",
            "PaginationToken",
        ];
        if let Some(other) = others.into_iter().find(|name| body.get(name).is_some()) {
            return Err(invalid(format!(
                "ResourceARNList and {other} cannot be in the same request"
            )));
        }
        if !(1..=MOST).contains(&arns.len()) {
            let rule = "have length less than or equal to 100, and greater than or equal to 1";
            return Err(constraint(
                "resourceARNList",
                format!("[{}]", arns.join(", ")),
                rule,
            ));
        }
        if let Some(arn) = arns.iter().find(|arn| arn.splitn(6, ':').count() < 6) {
            return Err(invalid(format!("{arn} is not a valid ARN")));
        }
        found.retain(|one| arns.contains(&one.arn.as_str()));
        (found, None)
    } else {
        filter(&mut found, body)?;
        page(found, body)?
    };
    let show = |one: &Tagged| {
        let mut shown = json!({"ResourceARN": one.arn, "Tags": tag_list(&one.tags)});
        if compliance {
            shown["ComplianceDetails"] = json!({"ComplianceStatus": true});
        }
        shown
    };
    Ok(json!({
        "PaginationToken": next.unwrap_or_default(),
        "ResourceTagMappingList": page.iter().map(show).collect::<Vec<_>>(),
    }))
}

/// Whether an ARN is of a type such as `ec2` or `ec2:instance`. Buckets have no type in theirs.
fn is_of(arn: &str, kind: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, rest) = (
        parts.next().unwrap_or_default(),
        parts.nth(2).unwrap_or_default(),
    );
    match kind.split_once(':') {
        None => service == kind,
        Some(("s3", wanted)) => service == "s3" && wanted == "bucket",
        Some((of, wanted)) => {
            let after = rest.strip_prefix(wanted);
            service == of && after.is_some_and(|a| a.is_empty() || a.starts_with([':', '/']))
        }
    }
}

/// Leaves what has one of the types and passes all of the filters.
fn filter(found: &mut Vec<Tagged>, body: &Value) -> AwsResult<()> {
    let kinds = texts(body, "ResourceTypeFilters")?;
    if kinds.len() > MOST {
        return Err(constraint(
            "resourceTypeFilters",
            kinds.len(),
            "have length less than or equal to 100",
        ));
    }
    if let Some(kind) = kinds
        .iter()
        .find(|kind| kind.is_empty() || kind.starts_with(':'))
    {
        return Err(invalid(format!("{kind:?} is not a resource type")));
    }
    found.retain(|one| kinds.is_empty() || kinds.iter().any(|kind| is_of(&one.arn, kind)));
    let filters = items(body, "TagFilters")?;
    if filters.len() > 50 {
        return Err(constraint(
            "tagFilters",
            filters.len(),
            "have length less than or equal to 50",
        ));
    }
    for filter in filters {
        let key = text(filter, "Key")?.unwrap_or_default();
        let wanted = texts(filter, "Values")?;
        if key.is_empty() || wanted.len() > 20 {
            return Err(invalid("A tag filter has a key, and up to 20 values"));
        }
        found.retain(|one| {
            let value = one.tags.get(key);
            value.is_some_and(|value| wanted.is_empty() || wanted.contains(&value))
        });
    }
    Ok(())
}

fn bounded(body: &Value, name: &str, least: usize, most: usize) -> AwsResult<Option<usize>> {
    let said = integer(body, name)?;
    let size = said.map(|said| usize::try_from(said).unwrap_or_default());
    match size {
        Some(size) if !(least..=most).contains(&size) => {
            let rule = format!("be between {least} and {most}");
            let name = name[..1].to_lowercase() + &name[1..];
            Err(constraint(&name, said.unwrap_or_default(), &rule))
        }
        size => Ok(size),
    }
}

fn expired() -> AwsError {
    AwsError::new(
        "PaginationTokenExpiredException",
        "The pagination token has expired or is not one of this service",
    )
}

/// The page that a request asks for, and the token of the next one: by resources, and where it says so by tags too.
fn page(found: Vec<Tagged>, body: &Value) -> AwsResult<(Vec<Tagged>, Option<String>)> {
    let mut limit = bounded(body, "ResourcesPerPage", 1, MOST)?.unwrap_or(PAGE);
    let token = text(body, "PaginationToken")?.filter(|token| !token.is_empty());
    if let Some(most) = bounded(body, "TagsPerPage", 100, 500)? {
        let rest = context::page(found, |one| &one.arn, token, None, expired)?.items;
        let sums = rest.iter().scan(0, |sum, one| {
            *sum += one.tags.iter().count();
            Some(*sum)
        });
        limit = limit.min(sums.take_while(|sum| *sum <= most).count());
        let page = context::page(rest, |one| &one.arn, None, Some(limit), expired)?;
        return Ok((page.items, page.next));
    }
    let page = context::page(found, |one| &one.arn, token, Some(limit), expired)?;
    Ok((page.items, page.next))
}

/// A page of names, each once.
fn names(body: &Value, shown: &str, found: Vec<String>) -> AwsResult<Value> {
    let unique: std::collections::BTreeSet<String> = found.into_iter().collect();
    let token = text(body, "PaginationToken")?.filter(|token| !token.is_empty());
    let all = unique.into_iter().collect();
    let page = context::page(all, |name: &String| name, token, Some(NAMES), expired)?;
    let mut answer = Map::new();
    answer.insert(
        "PaginationToken".to_owned(),
        page.next.unwrap_or_default().into(),
    );
    answer.insert(shown.to_owned(), page.items.into());
    Ok(Value::Object(answer))
}

fn keys(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let all = tagged(ctx);
    let keys = all
        .iter()
        .flat_map(|one| one.tags.iter().map(|(key, _)| key.to_owned()));
    names(body, "TagKeys", keys.collect())
}

fn values(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let key = require(body, "Key")?;
    let all = tagged(ctx);
    let values = all
        .iter()
        .filter_map(|one| one.tags.get(key).map(str::to_owned));
    names(body, "TagValues", values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_arns() {
        for (arn, kind, expected) in [
            ("arn:aws:ec2:eu-west-1:1:vpc/vpc-1", "ec2", true),
            ("arn:aws:ec2:eu-west-1:1:vpc/vpc-1", "ec2:vpc", true),
            (
                "arn:aws:ec2:eu-west-1:1:vpc-endpoint/vpce-1",
                "ec2:vpc",
                false,
            ),
            (
                "arn:aws:logs:eu-west-1:1:log-group:a:b",
                "logs:log-group",
                true,
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/x/1",
                "elasticloadbalancing:loadbalancer",
                true,
            ),
            (
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/x/1",
                "elasticloadbalancing:loadbalancer/app",
                true,
            ),
            ("arn:aws:s3:::b", "s3:bucket", true),
            ("arn:aws:s3:::b", "s3", true),
            ("arn:aws:kms:eu-west-1:1:key/x", "s3", false),
        ] {
            assert_eq!(is_of(arn, kind), expected, "{arn} {kind}");
        }
    }
}
