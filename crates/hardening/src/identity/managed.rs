//! What Crossplane may do in the cloud: make and change what is its own, and nothing else.

use serde_json::{Value as Json, json};

/// What Crossplane may make. Nothing that is not its own can be reached by it: the names of all that it makes begin in the same way,
/// and on Azure it is in a resource group of its own.
#[derive(Clone, Debug)]
pub(crate) struct Managed {
    /// `bucket`, `database`.
    pub(crate) kind: &'static str,
    /// What names of what it makes begin with, before a hyphen.
    pub(crate) prefix: String,
    /// Where it is made, a template: on AWS the ARN of the group of subnets of databases, on Azure the id of the resource group.
    pub(crate) place: Option<String>,
    /// On Azure what it is put into that stands elsewhere: templates of ids.
    pub(crate) joins: Option<Joins>,
}

/// Where databases stand on Azure.
#[derive(Clone, Debug)]
pub(crate) struct Joins {
    /// The id of the subnet that is delegated to them.
    pub(crate) subnet: String,
    /// The id of the private zone of their names.
    pub(crate) zone: String,
}

impl Managed {
    /// Statements of a policy: of buckets what they are, and nothing that is in them; databases in the subnets that are meant for
    /// them, with the groups of options and parameters that every account has. Needs the data source of the partition.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_id-based-policy-examples-create-and-modify-examples.html>
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
    pub(super) fn statements(&self) -> Json {
        let arn = "arn:${data.aws_partition.this.partition}";
        let prefix = &self.prefix;
        if self.kind != "database" {
            return json!([{
                "Effect": "Allow",
                "Action": [
                    "s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket", "s3:GetBucket*", "s3:PutBucket*",
                    "s3:GetAccelerateConfiguration", "s3:GetReplicationConfiguration", "s3:GetLifecycleConfiguration",
                    "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration",
                    "s3:ListTagsForResource", "s3:TagResource", "s3:UntagResource",
                ],
                "Resource": format!("{arn}:s3:::{prefix}-*"),
            }]);
        }
        let own = |kind: &str| format!("{arn}:rds:*:*:{kind}:{prefix}-*");
        let any = |kind: &str| format!("{arn}:rds:*:*:{kind}:default*");
        let within: Vec<String> = self
            .place
            .iter()
            .cloned()
            .chain([any("og"), any("pg")])
            .collect();
        json!([
            {
                "Effect": "Allow",
                "Action": [
                    "rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:DeleteDBInstance", "rds:RebootDBInstance",
                    "rds:CreateDBSnapshot", "rds:AddTagsToResource", "rds:RemoveTagsFromResource",
                ],
                "Resource": [own("db"), own("snapshot")],
            },
            {
                "Effect": "Allow",
                "Action": ["rds:CreateDBInstance", "rds:ModifyDBInstance"],
                "Resource": within,
            },
            {
                "Effect": "Allow",
                "Action": [
                    "rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:DescribeDBEngineVersions", "rds:ListTagsForResource",
                    "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", "ec2:DescribeAvailabilityZones",
                ],
                "Resource": "*",
            },
        ])
    }

    /// Scopes with a role there, on Azure. Of PostgreSQL there is no role of Azure's that makes servers and nothing else: so they are in a
    /// group in which nothing else is.
    /// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>,
    /// <https://learn.microsoft.com/azure/postgresql/network/concepts-networking-private>
    pub(super) fn scopes(&self) -> Vec<(String, &'static str)> {
        let place = self.place.clone().unwrap_or_default();
        let Some(joins) = &self.joins else {
            // In a resource group of its own: accounts have names that nobody else in the world may have.
            return vec![(place, "Storage Account Contributor")];
        };
        vec![
            (place, "Contributor"),
            (joins.subnet.clone(), "Network Contributor"),
            (joins.zone.clone(), "Private DNS Zone Contributor"),
        ]
    }

    /// Roles in a project, each with the condition under which it is given: what is under the name, and of the project itself what
    /// concerns no bucket and no instance, as to list them. Conditions know buckets with what is in them, instances and their backups,
    /// and no other things of Cloud SQL's; of operations it is asked how far they are.
    /// <https://cloud.google.com/iam/docs/conditions-resource-attributes>
    pub(super) fn roles(&self, project: &str) -> Vec<(&'static str, Json)> {
        let under = |path: String| {
            let parent = "cloudresourcemanager.googleapis.com/Project";
            json!({
                "title": format!("{} of Crossplane", self.kind),
                "expression": format!(
                    "resource.type == \"{parent}\" || resource.name.startsWith(\"{path}/{}-\")",
                    self.prefix
                ),
            })
        };
        match self.kind {
            "database" => vec![
                (
                    "roles/cloudsql.admin",
                    under(format!("projects/{project}/instances")),
                ),
                ("roles/cloudsql.viewer", Json::Null),
            ],
            _ => vec![(
                "roles/storage.admin",
                under("projects/_/buckets".to_owned()),
            )],
        }
    }
}
