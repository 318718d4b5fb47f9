//! Service Quotas: the limits that the services of the sandbox keep, under the codes that AWS gives them. None can be raised here.

use serde_json::{Value, json};

use super::context::{Ctx, global_arn, page};
use super::error::{AwsError, AwsResult};
use super::json::{JsonOperation, JsonService};
use super::{acm, ec2, eks, elbv2, rds, route53, s3};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "ServiceQuotasV20190624",
    operations: &[OPERATIONS],
};

/// A limit: service, code, name, value, and whether it counts for all regions together.
struct Quota(&'static str, &'static str, &'static str, usize, bool);

const NAMES: [(&str, &str); 8] = [
    ("acm", "AWS Certificate Manager (ACM)"),
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("eks", "Amazon Elastic Kubernetes Service (Amazon EKS)"),
    ("elasticloadbalancing", "Elastic Load Balancing"),
    ("rds", "Amazon Relational Database Service (Amazon RDS)"),
    ("route53", "Amazon Route 53"),
    ("s3", "Amazon Simple Storage Service (Amazon S3)"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
];

/// Codes and names as the console of Service Quotas shows them
/// (<https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>); values are those that the services here keep.
const QUOTAS: &[Quota] = &[
    Quota(
        "acm",
        "L-F141DD1D",
        "ACM certificates",
        acm::request::QUOTA,
        false,
    ),
    Quota(
        "ec2",
        "L-0263D0A3",
        "EC2-VPC Elastic IPs",
        ec2::address::QUOTA,
        false,
    ),
    Quota(
        "ec2",
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        ec2::instance_type::STANDARD_VCPUS,
        false,
    ),
    Quota("eks", "L-1194D53C", "Clusters", eks::cluster::QUOTA, false),
    Quota(
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
        elbv2::load_balancer::QUOTA,
        false,
    ),
    Quota(
        "elasticloadbalancing",
        "L-69A177A2",
        "Network Load Balancers per Region",
        elbv2::load_balancer::QUOTA,
        false,
    ),
    Quota(
        "elasticloadbalancing",
        "L-B22855CB",
        "Target Groups per Region",
        elbv2::target_group::QUOTA,
        false,
    ),
    Quota(
        "rds",
        "L-7B6409FD",
        "DB instances",
        rds::instance::QUOTA,
        false,
    ),
    Quota(
        "rds",
        "L-48C6BF61",
        "DB subnet groups",
        rds::subnet_group::QUOTA,
        false,
    ),
    Quota(
        "route53",
        "L-4EA4796A",
        "Hosted zones",
        route53::zone::QUOTA,
        true,
    ),
    Quota(
        "s3",
        "L-DC2B2D3D",
        "General purpose buckets",
        s3::bucket::QUOTA,
        true,
    ),
    Quota(
        "vpc",
        "L-F678F1CE",
        "VPCs per Region",
        ec2::vpc::QUOTA,
        false,
    ),
    Quota(
        "vpc",
        "L-407747CB",
        "Subnets per VPC",
        ec2::subnet::QUOTA,
        false,
    ),
    Quota(
        "vpc",
        "L-E79EC296",
        "VPC security groups per Region",
        ec2::security_group::QUOTA,
        false,
    ),
    Quota(
        "vpc",
        "L-FE5A380F",
        "NAT gateways per Availability Zone",
        ec2::nat_gateway::QUOTA,
        false,
    ),
];

const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "GetServiceQuota",
        accepts: &["ServiceCode", "QuotaCode"],
        handler: get,
    },
    JsonOperation {
        name: "GetAWSDefaultServiceQuota",
        accepts: &["ServiceCode", "QuotaCode"],
        handler: get,
    },
    JsonOperation {
        name: "ListServiceQuotas",
        accepts: &["ServiceCode", "QuotaCode", "NextToken", "MaxResults"],
        handler: list,
    },
    JsonOperation {
        name: "ListServices",
        accepts: &["NextToken", "MaxResults"],
        handler: services,
    },
];

impl Quota {
    fn show(&self, ctx: &Ctx<'_>) -> Value {
        let Quota(service, code, name, value, global) = self;
        let place = format!("{service}/{code}");
        let arn = if *global {
            global_arn("servicequotas", &place)
        } else {
            ctx.arn("servicequotas", &place)
        };
        let names = NAMES.iter().find(|(known, _)| known == service);
        json!({
            "ServiceCode": service,
            "ServiceName": names.map(|(_, name)| name),
            "QuotaArn": arn,
            "QuotaCode": code,
            "QuotaName": name,
            "Value": *value as f64,
            "Unit": "None",
            "Adjustable": true,
            "GlobalQuota": global,
            "QuotaAppliedAtLevel": "ACCOUNT",
        })
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    text(body, name).filter(|t| !t.is_empty()).ok_or_else(|| {
        AwsError::new(
            "IllegalArgumentException",
            format!("{name} must be specified"),
        )
    })
}

fn of_service(service: &str) -> AwsResult<Vec<&'static Quota>> {
    let found: Vec<&Quota> = QUOTAS.iter().filter(|q| q.0 == service).collect();
    if found.is_empty() {
        return Err(no_such());
    }
    Ok(found)
}

fn no_such() -> AwsError {
    AwsError::new(
        "NoSuchResourceException",
        "The request failed because the specified service or quota does not exist.",
    )
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let (service, code) = (require(body, "ServiceCode")?, require(body, "QuotaCode")?);
    let quotas = of_service(service)?.into_iter();
    let quota = quotas.filter(|q| q.1 == code).map(|q| q.show(ctx)).next();
    Ok(json!({"Quota": quota.ok_or_else(no_such)?}))
}

/// One page of items by their keys.
fn paged<T>(
    body: &Value,
    name: &str,
    mut items: Vec<T>,
    key: fn(&T) -> &str,
    show: impl Fn(&T) -> Value,
) -> AwsResult<Value> {
    let size = match body.get("MaxResults").map(Value::as_u64) {
        None => 100,
        Some(Some(size @ 1..=100)) => size as usize,
        Some(_) => {
            return Err(AwsError::new(
                "IllegalArgumentException",
                "MaxResults must be between 1 and 100",
            ));
        }
    };
    items.sort_by(|a, b| key(a).cmp(key(b)));
    let bad = || AwsError::new("InvalidPaginationTokenException", "Invalid token");
    let page = page(items, key, text(body, "NextToken"), Some(size), bad)?;
    let mut answer = json!({ name: page.items.iter().map(show).collect::<Vec<_>>() });
    if let Some(next) = page.next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut quotas = of_service(require(body, "ServiceCode")?)?;
    if let Some(code) = text(body, "QuotaCode") {
        quotas.retain(|q| q.1 == code);
    }
    paged(body, "Quotas", quotas, |q| q.1, |q| q.show(ctx))
}

fn services(_: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let show = |(code, name): &(&str, &str)| json!({"ServiceCode": code, "ServiceName": name});
    paged(body, "Services", NAMES.to_vec(), |(code, _)| code, show)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_quota_is_of_a_service_and_has_a_code_of_its_own() {
        let codes: BTreeSet<&str> = QUOTAS.iter().map(|q| q.1).collect();
        assert_eq!(codes.len(), QUOTAS.len());
        for quota in QUOTAS {
            assert!(
                NAMES.iter().any(|(name, _)| *name == quota.0),
                "{}",
                quota.1
            );
        }
    }
}
