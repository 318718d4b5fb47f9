//! Service Quotas: the limits that the services of the sandbox keep, under the codes that AWS gives them. None can be raised here.

use serde_json::{Value, json};

use super::context::{Ctx, global_arn};
use super::error::{AwsError, AwsResult};
use super::json::{JsonOperation, JsonService, Paging};
use super::tagging::GLOBAL;
use super::{acm, ec2, eks, elbv2, rds, route53, s3};

/// The service.
pub(super) const SERVICE: JsonService = JsonService {
    target: "ServiceQuotasV20190624",
    operations: &[OPERATIONS],
};

/// A limit: service, code, name, value, AWS's default, and whether it counts for all regions together.
struct Quota(&'static str, &'static str, &'static str, usize, usize, bool);

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

/// Codes and names as `ListServiceQuotas` has them, and AWS's defaults, by the pages above each; values are those that the services here
/// keep. The tables of these pages link each quota to its code in the console.
const QUOTAS: &[Quota] = &[
    // "Number of ACM certificates: 2500", <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>
    Quota(
        "acm",
        "L-F141DD1D",
        "ACM certificates",
        acm::request::QUOTA,
        2_500,
        false,
    ),
    // "Elastic IP addresses per Region: 5", <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>
    Quota(
        "ec2",
        "L-0263D0A3",
        "EC2-VPC Elastic IPs",
        ec2::address::QUOTA,
        5,
        false,
    ),
    // 5 vCPUs of a new account, which AWS raises by itself with use:
    // <https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>
    Quota(
        "ec2",
        "L-1216C47A",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        ec2::instance_type::STANDARD_VCPUS,
        5,
        false,
    ),
    // <https://docs.aws.amazon.com/general/latest/gr/eks.html>
    Quota(
        "eks",
        "L-1194D53C",
        "Clusters",
        eks::cluster::QUOTA,
        100,
        false,
    ),
    Quota(
        "eks",
        "L-6D54EA21",
        "Managed node groups per cluster",
        eks::nodegroup::QUOTA,
        30,
        false,
    ),
    Quota(
        "eks",
        "L-BD136A63",
        "Nodes per managed node group",
        eks::nodegroup::NODES,
        450,
        false,
    ),
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>
    Quota(
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
        elbv2::load_balancer::QUOTA,
        50,
        false,
    ),
    // <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html>
    Quota(
        "elasticloadbalancing",
        "L-69A177A2",
        "Network Load Balancers per Region",
        elbv2::load_balancer::QUOTA,
        50,
        false,
    ),
    // For load balancers of all kinds together; of the page for application load balancers.
    Quota(
        "elasticloadbalancing",
        "L-B22855CB",
        "Target Groups per Region",
        elbv2::target_group::QUOTA,
        3_000,
        false,
    ),
    // Subnet groups are 20 in ap-south-1. <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html>
    Quota(
        "rds",
        "L-7B6409FD",
        "DB instances",
        rds::instance::QUOTA,
        40,
        false,
    ),
    Quota(
        "rds",
        "L-48C6BF61",
        "DB subnet groups",
        rds::subnet_group::QUOTA,
        50,
        false,
    ),
    // "Hosted zones: 500 per AWS account", <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
    Quota(
        "route53",
        "L-4EA4796A",
        "Hosted zones",
        route53::zone::QUOTA,
        500,
        true,
    ),
    // "Up to 10,000 general purpose buckets per AWS account", which "can only be viewed and managed from US East (N. Virginia)":
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>
    Quota(
        "s3",
        "L-DC2B2D3D",
        "General purpose buckets",
        s3::bucket::QUOTA,
        10_000,
        true,
    ),
    // <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>, as the next three.
    Quota(
        "vpc",
        "L-F678F1CE",
        "VPCs per Region",
        ec2::vpc::QUOTA,
        5,
        false,
    ),
    Quota(
        "vpc",
        "L-407747CB",
        "Subnets per VPC",
        ec2::subnet::QUOTA,
        200,
        false,
    ),
    Quota(
        "vpc",
        "L-E79EC296",
        "VPC security groups per Region",
        ec2::security_group::QUOTA,
        2_500,
        false,
    ),
    Quota(
        "vpc",
        "L-FE5A380F",
        "NAT gateways per Availability Zone",
        ec2::nat_gateway::QUOTA,
        5,
        false,
    ),
];

/// Names are in the order of their codes already.
const PAGES: Paging = Paging {
    limit: "MaxResults",
    token: "NextToken",
    default: 100,
    most: 100,
    wrong: |message| AwsError::new("IllegalArgumentException", message),
    strange: |message| AwsError::new("InvalidPaginationTokenException", message),
};

const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "GetServiceQuota",
        accepts: &["ServiceCode", "QuotaCode"],
        handler: get,
    },
    JsonOperation {
        name: "GetAWSDefaultServiceQuota",
        accepts: &["ServiceCode", "QuotaCode"],
        handler: get_default,
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
        let Quota(service, code, name, value, _, global) = self;
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

/// What counts for all regions is told in one.
fn of_service(ctx: &Ctx<'_>, service: &str) -> AwsResult<Vec<&'static Quota>> {
    let here = |quota: &&Quota| quota.0 == service && (!quota.5 || ctx.region == GLOBAL);
    let found: Vec<&Quota> = QUOTAS.iter().filter(here).collect();
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

fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<&'static Quota> {
    let (service, code) = (require(body, "ServiceCode")?, require(body, "QuotaCode")?);
    let mut quotas = of_service(ctx, service)?.into_iter();
    quotas.find(|q| q.1 == code).ok_or_else(no_such)
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    Ok(json!({"Quota": find(ctx, body)?.show(ctx)}))
}

/// What an account has that never asked for more.
fn get_default(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let quota = find(ctx, body)?;
    let mut shown = quota.show(ctx);
    shown["Value"] = (quota.4 as f64).into();
    Ok(json!({"Quota": shown}))
}

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut quotas = of_service(ctx, require(body, "ServiceCode")?)?;
    if let Some(code) = text(body, "QuotaCode") {
        quotas.retain(|q| q.1 == code);
    }
    quotas.sort_by_key(|q| q.1);
    PAGES.answer(body, "Quotas", quotas, |q| q.1, |q| q.show(ctx))
}

fn services(_: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let show = |(code, name): &(&str, &str)| json!({"ServiceCode": code, "ServiceName": name});
    PAGES.answer(body, "Services", NAMES.to_vec(), |(code, _)| code, show)
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
