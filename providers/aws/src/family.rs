//! The API families whose call limits the engine keeps, with AWS's documented numbers (token bucket sizes and refill
//! rates of each service's throttling page). Nothing is called here.

use infra_model::schema::ApiFamily;

/// A group of API calls that share limits.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// `ec2`, as errors name the service.
    pub service: &'static str,
    /// `ec2.read`
    pub name: &'static str,
    concurrent: usize,
    burst: f64,
    per_second: f64,
}

const fn family(
    service: &'static str,
    name: &'static str,
    concurrent: usize,
    burst: f64,
    per_second: f64,
) -> Family {
    Family {
        service,
        name,
        concurrent,
        burst,
        per_second,
    }
}

/// `Describe…` of EC2.
pub const EC2_READ: Family = family("ec2", "ec2.read", 32, 100.0, 20.0);
/// Mutating calls of EC2.
pub const EC2_WRITE: Family = family("ec2", "ec2.write", 32, 50.0, 5.0);
/// `CreateTags` and `DeleteTags` of EC2, which have a bucket of their own.
pub const EC2_TAGS: Family = family("ec2", "ec2.tags", 16, 100.0, 10.0);
/// All of STS.
pub const STS: Family = family("sts", "sts", 8, 100.0, 50.0);
/// All of EKS: its documentation gives no bucket; the describe calls are known to allow ten a second.
pub const EKS: Family = family("eks", "eks", 16, 20.0, 5.0);
/// All of IAM, a global service with small buckets.
pub const IAM: Family = family("iam", "iam", 16, 20.0, 10.0);
/// `Describe…` of Elastic Load Balancing.
pub const ELB_READ: Family = family("elbv2", "elbv2.read", 16, 40.0, 10.0);
/// Mutating calls of Elastic Load Balancing.
pub const ELB_WRITE: Family = family("elbv2", "elbv2.write", 16, 20.0, 3.0);
/// All of RDS.
pub const RDS: Family = family("rds", "rds", 16, 40.0, 10.0);
/// Bucket-level calls of S3.
pub const S3: Family = family("s3", "s3", 16, 50.0, 10.0);
/// Key management, not cryptography.
pub const KMS: Family = family("kms", "kms", 16, 15.0, 5.0);
/// Log groups of CloudWatch Logs: ten calls a second of each kind, by its service quotas.
pub const LOGS: Family = family("logs", "logs", 16, 10.0, 10.0);
/// Repositories of ECR, not images: its service quotas have ten a second of those that change one.
pub const ECR: Family = family("ecr", "ecr", 16, 20.0, 10.0);
/// All of Secrets Manager: its service quotas have 40 a second of the calls that describe, 50 of those that change.
pub const SECRETS: Family = family("secretsmanager", "secretsmanager", 16, 40.0, 40.0);
/// Parameters of Systems Manager: 40 transactions a second of `GetParameter`, by its service quotas.
pub const SSM: Family = family("ssm", "ssm", 16, 40.0, 40.0);
/// All of EC2 Auto Scaling.
pub const AUTOSCALING: Family = family("autoscaling", "autoscaling", 16, 40.0, 10.0);

/// Cloud Control: its documentation gives no bucket; what it calls has limits of its own.
pub const CLOUDCONTROL: Family = family("cloudcontrol", "cloudcontrol", 16, 20.0, 5.0);

/// All of Route 53: "All requests – Five requests per second per AWS account", of which `ChangeResourceRecordSets` waits for the one
/// before in its zone. <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
pub const ROUTE53: Family = family("route53", "route53", 8, 5.0, 5.0);
/// All of Certificate Manager, whose smallest limits are five requests a second.
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html>
pub const ACM: Family = family("acm", "acm", 8, 10.0, 5.0);
/// All of Service Quotas. <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference_limits.html>
pub const SERVICEQUOTAS: Family = family("servicequotas", "servicequotas", 8, 10.0, 5.0);

/// `GetResources` of the Resource Groups Tagging API, which has no documented limit: that of a cautious client.
pub const TAGGING: Family = family("tagging", "tagging", 8, 10.0, 5.0);

/// Every family, for the provider's schema.
const ALL: [Family; 21] = [
    EC2_READ,
    EC2_WRITE,
    EC2_TAGS,
    STS,
    EKS,
    IAM,
    ELB_READ,
    ELB_WRITE,
    RDS,
    S3,
    KMS,
    LOGS,
    ECR,
    SECRETS,
    SSM,
    AUTOSCALING,
    CLOUDCONTROL,
    ROUTE53,
    ACM,
    SERVICEQUOTAS,
    TAGGING,
];

/// The limits as the engine takes them.
pub(crate) fn limits() -> Vec<ApiFamily> {
    ALL.iter()
        .map(|f| ApiFamily {
            name: f.name,
            concurrent: f.concurrent,
            burst: f.burst,
            per_second: f.per_second,
        })
        .collect()
}
