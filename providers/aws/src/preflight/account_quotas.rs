//! Room in the quotas that only Service Quotas tells. Who may not ask it is told nothing; so is who may not list what is there.

use crate::batch::{self, Page};
use crate::client::{Client, Place};
use crate::ec2::tagging::list;
use crate::family::{EKS, SERVICEQUOTAS};
use crate::route53;
use crate::s3::bucket;
use futures::future::join_all;
use infra_cloud::preflight::{Usage, full, of_type};
use infra_model::provider::{Finding, PreflightItem};
use infra_model::{CallContext, ProviderError};

/// What is counted: the type, its attribute, and the quota by service, code and as people call it.
struct Counted {
    kind: &'static str,
    attribute: &'static str,
    service: &'static str,
    code: &'static str,
    shown: &'static str,
    /// Whether it counts in the region, or for all regions together.
    place: Place,
}

const fn counted(
    kind: &'static str,
    attribute: &'static str,
    service: &'static str,
    code: &'static str,
    shown: &'static str,
    place: Place,
) -> Counted {
    Counted {
        kind,
        attribute,
        service,
        code,
        shown,
        place,
    }
}

/// Codes as `ListServiceQuotas` has them: of VPC by <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>, of EKS by
/// <https://docs.aws.amazon.com/general/latest/gr/eks.html>, of S3 by <https://docs.aws.amazon.com/general/latest/gr/s3.html>, of Route 53
/// by <https://docs.aws.amazon.com/general/latest/gr/r53.html>: their tables link to each quota by its code.
const COUNTED: [Counted; 5] = [
    counted(
        "aws_vpc",
        "cidr_block",
        "vpc",
        "L-F678F1CE",
        "VPCs",
        Place::Region,
    ),
    counted(
        "aws_security_group",
        "name",
        "vpc",
        "L-E79EC296",
        "security groups",
        Place::Region,
    ),
    counted(
        "aws_eks_cluster",
        "name",
        "eks",
        "L-1194D53C",
        "EKS clusters",
        Place::Region,
    ),
    counted(
        "aws_s3_bucket",
        "bucket",
        "s3",
        "L-DC2B2D3D",
        "buckets",
        Place::Global,
    ),
    counted(
        "aws_route53_zone",
        "name",
        "route53",
        "L-4EA4796A",
        "hosted zones",
        Place::Global,
    ),
];

pub(super) async fn check(
    client: &Client,
    context: &CallContext,
    items: &[&PreflightItem],
) -> Vec<Finding> {
    let found = COUNTED.iter().map(|counted| async move {
        let new = of_type(items, counted.kind);
        new.last()?;
        let (limit, used) = futures::join!(
            limit(
                client,
                context,
                counted.place,
                (counted.service, counted.code)
            ),
            used(client, context, counted.kind)
        );
        let usage = Usage {
            used: u64::try_from(used.ok()?).ok()?,
            limit: limit?,
            shown: counted.shown.to_owned(),
        };
        let place = match counted.place {
            Place::Global => "the account",
            Place::Region => client.region(),
        };
        full(&new, counted.attribute, place, &usage)
    });
    join_all(found).await.into_iter().flatten().collect()
}

/// The quota of the account, by service and code, raised or not.
pub(super) async fn limit(
    client: &Client,
    context: &CallContext,
    place: Place,
    (service, code): (&str, &str),
) -> Option<u64> {
    let request = client
        .servicequotas_in(place)
        .get_service_quota()
        .service_code(service)
        .quota_code(code);
    let answer = client
        .call(context, SERVICEQUOTAS, "GetServiceQuota", || {
            request.clone().send()
        })
        .await;
    let value = answer.ok()?.quota?.value?;
    // Quotas are whole numbers, written as fractions.
    (value >= 0.0).then_some(value as u64)
}

/// How many of a type there are.
async fn used(client: &Client, context: &CallContext, kind: &str) -> Result<usize, ProviderError> {
    match kind {
        "aws_vpc" => {
            let all = list!(client, context, "DescribeVpcs": describe_vpcs.set_filters(Vec::new()) -> vpcs);
            Ok(all.await?.len())
        }
        "aws_security_group" => {
            let all = list!(client, context, "DescribeSecurityGroups": describe_security_groups.set_filters(Vec::new()) -> security_groups);
            Ok(all.await?.len())
        }
        "aws_eks_cluster" => clusters(client, context).await,
        "aws_s3_bucket" => Ok(bucket::listed(client, context, None).await?.len()),
        _ => Ok(route53::zones(client, context).await?.len()),
    }
}

async fn clusters(client: &Client, context: &CallContext) -> Result<usize, ProviderError> {
    let all = batch::all_pages(|token| {
        let request = client.eks().list_clusters().set_next_token(token);
        async move {
            let answer = client
                .call(context, EKS, "ListClusters", || request.clone().send())
                .await?;
            Ok(Page {
                items: answer.clusters.unwrap_or_default(),
                next: answer.next_token,
            })
        }
    });
    Ok(all.await?.len())
}
