//! What pods may do in their cloud. A control says which service account of which namespace may do what with what; here that
//! becomes the cloud's own: a role with a pod-identity association on EKS, bindings of the workload's principal on GKE, a
//! federated identity with role assignments on AKS. No key is made anywhere.

mod managed;

use crate::azure;
use crate::drill::Bucket;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

pub(crate) use managed::{Joins, Managed};

/// What is allowed.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// To read, write and delete the objects of a bucket of the stack, by its reference, such as `bucket.backups`.
    Objects(String),
    /// To read the objects of a bucket that is not the stack's own.
    Read(Bucket),
    /// To see which objects are in a bucket of the stack, by its reference, and nothing of what is in them.
    List(String),
    /// To encrypt and decrypt with a key, by a template of its id: the ARN on AWS.
    Key(String),
    /// To read the password of a managed database of the stack, by its reference, such as `database.shop`.
    Password(String),
    /// To write a secret of the secret manager, by a template of its id: the ARN on AWS, on Azure the id of a vault that holds nothing
    /// else. Who writes it reads it too, to leave alone what is the same.
    Write(String),
    /// To make and change what Crossplane makes.
    Manage(Managed),
    /// To pull images from a registry and list what is in it, by a template of the ARN of its repositories, on Google Cloud of the
    /// repository's id, on Azure of the registry's id.
    Pull(String),
    /// To add nodes to the groups of an EKS cluster and take them away, by a template of its name.
    Scale(String),
}

/// Who may do it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// A name for it in names of resources.
    pub(crate) name: String,
    /// The pods, whose policy gets what they need to log in.
    pub(crate) pods: Pods,
    /// The service account that they run as.
    pub(crate) service_account: String,
    /// What it may do.
    pub(crate) grants: Vec<Grant>,
}

/// A service account that nothing runs as: a controller logs in to the cloud in its name, with tokens that it asks the cluster for.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// A name for it in names of resources.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Itself.
    pub(crate) service_account: String,
    /// What may be done in its name.
    pub(crate) grants: Vec<Grant>,
}

/// What the cluster must say for it to count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lowered {
    /// Annotations of the service account.
    pub(crate) annotations: Json,
    /// Labels of the pods.
    pub(crate) labels: Json,
    /// What must be there before the pods, by address.
    pub(crate) before: Vec<String>,
}

impl Lowered {
    /// Labels of pods with those that their identity needs.
    pub(crate) fn labelled(&self, mut own: Json) -> Json {
        if let (Some(all), Some(more)) = (own.as_object_mut(), self.labels.as_object()) {
            all.extend(more.clone());
        }
        own
    }
}

impl Inside<'_> {
    /// Gives pods an identity in the cluster's cloud.
    pub(crate) fn identity(&mut self, identity: &Identity) -> Lowered {
        let me = Peer::Pods(identity.pods.clone());
        let identity = &Account {
            name: identity.name.clone(),
            namespace: identity.pods.namespace.clone(),
            service_account: identity.service_account.clone(),
            grants: identity.grants.clone(),
        };
        match self.site.cloud.clone() {
            Cloud::Aws(_) => {
                // The agent of the node, and no other link-local address.
                self.allow(
                    me.clone(),
                    Peer::Range("169.254.170.23/32".into()),
                    &[Port::tcp(80)],
                );
                self.allow(me, Peer::Internet, &[Port::tcp(443)]);
                aws(identity, self)
            }
            Cloud::Google(_) => {
                // The metadata server of GKE, which gives pods tokens of their own; Dataplane V2 sees its second port.
                let server = Peer::Range("169.254.169.254/32".into());
                self.allow(me.clone(), server, &[Port::tcp(80), Port::tcp(8080)]);
                self.allow(me, Peer::Internet, &[Port::tcp(443)]);
                google(identity, self)
            }
            Cloud::Azure(_) => {
                self.allow(me, Peer::Internet, &[Port::tcp(443)]);
                federated(identity, self)
            }
        }
    }

    /// Gives an account an identity in the cluster's cloud, in which a controller's pods log in.
    pub(crate) fn token_identity(&mut self, account: &Account, controller: &Pods) -> Lowered {
        // Tokens of the cluster are exchanged by the cloud itself; nobody on the node is asked.
        let controller = Peer::Pods(controller.clone());
        self.allow(controller, Peer::Internet, &[Port::tcp(443)]);
        match self.site.cloud.clone() {
            Cloud::Aws(_) => aws_by_token(account, self),
            Cloud::Google(_) => google(account, self),
            Cloud::Azure(_) => federated(account, self),
        }
    }
}

fn block(identity: &Account) -> String {
    crate::node::identifier(&[&identity.name])
}

/// What a role may do.
fn aws_statements(grants: &[Grant]) -> Vec<Json> {
    let statement = |grant: &Grant| match grant {
        Grant::Objects(bucket) => json!([
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": format!("${{{bucket}.arn}}/*"),
            },
            { "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": format!("${{{bucket}.arn}}") },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": format!("${{{bucket}.key_id}}"),
            },
        ]),
        Grant::Read(bucket) => {
            let arn = escape(&bucket.arn);
            json!([
                { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": format!("{arn}/*") },
                { "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": arn },
                { "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": escape(&bucket.key) },
            ])
        }
        Grant::List(bucket) => json!([{
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
            "Resource": format!("${{{bucket}.arn}}"),
        }]),
        Grant::Key(key) => json!([
            { "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"], "Resource": key },
        ]),
        // It is encrypted with the account's own key for secrets, which whoever may read them may use.
        Grant::Password(database) => json!([{
            "Effect": "Allow",
            "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
            "Resource": format!("${{{database}.secret_scope}}"),
        }]),
        // The last is asked for whenever there is no policy to set.
        Grant::Write(secret) => json!([{
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
                "secretsmanager:DeleteResourcePolicy",
            ],
            "Resource": secret,
        }]),
        Grant::Manage(managed) => managed.statements(),
        Grant::Pull(repositories) => pull(repositories),
        Grant::Scale(cluster) => scale(cluster),
    };
    let all = grants.iter().map(statement);
    let mut out: Vec<Json> = Vec::new();
    for statement in all.flat_map(|s| s.as_array().cloned().unwrap_or_default()) {
        // The login to registries is one for all of them.
        if !out.contains(&statement) {
            out.push(statement);
        }
    }
    out
}

/// What `AmazonEC2ContainerRegistryPullOnly` allows, but for certain repositories, with what it takes to list tags and signatures. The
/// login has no resource of its own.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/security-iam-awsmanpol.html>,
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html>
fn pull(repositories: &str) -> Json {
    json!([
        { "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": "*" },
        {
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
                "ecr:DescribeImages", "ecr:ListImages", "ecr:ListImageReferrers",
            ],
            "Resource": repositories,
        },
    ])
}

/// What the Cluster Autoscaler asks, which has no resource of its own, and what it changes: the groups that EKS has tagged as the cluster's.
/// <https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md>
fn scale(cluster: &str) -> Json {
    json!([
        {
            "Effect": "Allow",
            "Action": [
                "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
                "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            "Resource": "*",
        },
        { "Effect": "Allow", "Action": ["eks:DescribeNodegroup"], "Resource": format!("arn:*:eks:*:*:nodegroup/{cluster}/*/*") },
        {
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": "*",
            "Condition": { "StringEquals": {
                "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
                format!("aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}"): "owned",
            } },
        },
    ])
}

/// A role for an account; what must be there before it is used, by address.
fn aws_role(identity: &Account, trust: Json, inside: &mut Inside<'_>) -> Vec<String> {
    let name = block(identity);
    let policy =
        |statements: Json| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let body = json!({
        "name": inside.draft.name(&identity.name, 64),
        "assume_role_policy": policy(json!([trust])),
        "tags": inside.draft.tags(&identity.name, &[]),
    });
    inside.cloud("aws_iam_role", &name, body);
    let statements = aws_statements(&identity.grants);
    // A policy says something.
    if statements.is_empty() {
        return Vec::new();
    }
    let body = json!({
        "name": "cluster", "role": format!("${{aws_iam_role.{name}.name}}"), "policy": policy(json!(statements)),
    });
    vec![inside.cloud("aws_iam_role_policy", &name, body)]
}

/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html>
fn aws(identity: &Account, inside: &mut Inside<'_>) -> Lowered {
    let name = block(identity);
    let trust = json!({
        "Effect": "Allow",
        "Principal": { "Service": "pods.eks.amazonaws.com" },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    });
    // The agent is one of the cluster's add-ons.
    let mut before = vec![inside.site.reference.clone()];
    before.extend(aws_role(identity, trust, inside));
    let body = json!({
        "cluster_name": inside.site.output("name"),
        "namespace": identity.namespace,
        "service_account": identity.service_account,
        "role_arn": format!("${{aws_iam_role.{name}.arn}}"),
        "tags": inside.draft.tags(&identity.name, &[]),
    });
    let association = inside.cloud("aws_eks_pod_identity_association", &name, body);
    inside.after(&association, before);
    Lowered {
        annotations: json!({}),
        labels: json!({}),
        before: vec![association],
    }
}

/// The agent gives credentials to pods alone; for an account that none runs as the cluster's own identity provider vouches.
/// <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>
fn aws_by_token(account: &Account, inside: &mut Inside<'_>) -> Lowered {
    // The issuer's address without `https://`: quotes would end the text that the policy is.
    let issuer = format!(
        "${{substr({}.oidc_issuer_url, 8, -1)}}",
        inside.site.reference
    );
    let subject = format!(
        "system:serviceaccount:{}:{}",
        account.namespace, account.service_account
    );
    let trust = json!({
        "Effect": "Allow",
        "Principal": { "Federated": inside.site.output("oidc_provider_arn") },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            format!("{issuer}:aud"): "sts.amazonaws.com",
            format!("{issuer}:sub"): subject,
        } },
    });
    let before = aws_role(account, trust, inside);
    let role = format!("${{aws_iam_role.{}.arn}}", block(account));
    Lowered {
        annotations: json!({ "eks.amazonaws.com/role-arn": role }),
        labels: json!({}),
        before,
    }
}

/// <https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to>
fn google(identity: &Account, inside: &mut Inside<'_>) -> Lowered {
    inside.draft.data("google_project", "this", json!({}));
    let member = format!(
        "principal://iam.googleapis.com/projects/${{data.google_project.this.number}}/locations/global/workloadIdentityPools/${{data.google_project.this.project_id}}.svc.id.goog/subject/ns/{}/sa/{}",
        identity.namespace, identity.service_account
    );
    let mut before = Vec::new();
    for (index, grant) in identity.grants.iter().enumerate() {
        let (type_name, field, target, roles) = google_roles(grant);
        for (which, (role, condition)) in roles.iter().enumerate() {
            let mut name = format!("{}_{index}", block(identity));
            if which > 0 {
                name = format!("{name}_{which}");
            }
            let body =
                json!({ field: target, "role": role, "member": member, "condition": condition });
            let address = inside.cloud(type_name, &name, body);
            // The pool of workloads is there with the first cluster that has one.
            let cluster = inside.site.reference.clone();
            inside.after(&address, [cluster]);
            before.push(address);
        }
    }
    Lowered {
        annotations: json!({}),
        labels: json!({}),
        before,
    }
}

/// The project of the cluster; needs its data source.
const PROJECT: &str = "${data.google_project.this.project_id}";

/// A role, and the condition under which it is given, or null.
type Role = (&'static str, Json);

/// The type of a binding, how it names its target, the target, and the roles.
/// <https://cloud.google.com/iam/docs/roles-permissions>
fn google_roles(grant: &Grant) -> (&'static str, &'static str, String, Vec<Role>) {
    let secret = "google_secret_manager_secret_iam_member";
    let always = |roles: &[&'static str]| roles.iter().map(|r| (*r, Json::Null)).collect();
    match grant {
        Grant::Objects(bucket) => (
            "google_storage_bucket_iam_member",
            "bucket",
            format!("${{{bucket}.name}}"),
            always(&["roles/storage.objectAdmin"]),
        ),
        Grant::Read(bucket) => (
            "google_storage_bucket_iam_member",
            "bucket",
            escape(&bucket.name),
            always(&["roles/storage.objectViewer"]),
        ),
        Grant::List(bucket) => (
            "google_storage_bucket_iam_member",
            "bucket",
            format!("${{{bucket}.name}}"),
            always(&["roles/storage.legacyBucketReader"]),
        ),
        Grant::Key(key) => (
            "google_kms_crypto_key_iam_member",
            "crypto_key_id",
            key.clone(),
            always(&["roles/cloudkms.cryptoKeyEncrypterDecrypter"]),
        ),
        Grant::Password(database) => (
            secret,
            "secret_id",
            format!("${{{database}.secret_scope}}"),
            always(&["roles/secretmanager.secretAccessor"]),
        ),
        Grant::Write(id) => (
            secret,
            "secret_id",
            id.clone(),
            always(&[
                "roles/secretmanager.secretVersionAdder",
                "roles/secretmanager.secretAccessor",
                // To see the secret and its labels.
                "roles/secretmanager.viewer",
            ]),
        ),
        Grant::Pull(repository) => (
            "google_artifact_registry_repository_iam_member",
            "repository",
            repository.clone(),
            always(&["roles/artifactregistry.reader"]),
        ),
        Grant::Manage(managed) => (
            "google_project_iam_member",
            "project",
            PROJECT.to_owned(),
            managed.roles(PROJECT),
        ),
        // Node pools of GKE grow by themselves.
        Grant::Scale(_) => (secret, "secret_id", String::new(), Vec::new()),
    }
}

/// <https://learn.microsoft.com/azure/aks/workload-identity-overview>
fn federated(identity: &Account, inside: &mut Inside<'_>) -> Lowered {
    let name = block(identity);
    azure::config(inside);
    let body = json!({
        "name": inside.draft.name(&identity.name, 128),
        "resource_group_name": inside.site.group(),
        "location": "${data.azurerm_client_config.this.location}",
        "tags": inside.draft.plain_tags(),
    });
    inside.cloud("azurerm_user_assigned_identity", &name, body);
    let subject = format!(
        "system:serviceaccount:{}:{}",
        identity.namespace, identity.service_account
    );
    let body = json!({
        "name": identity.name,
        "resource_group_name": inside.site.group(),
        "parent_id": format!("${{azurerm_user_assigned_identity.{name}.id}}"),
        "issuer": inside.site.output("oidc_issuer_url"),
        "subject": subject,
        "audience": [azure::POD_AUDIENCE],
    });
    let mut before = vec![inside.cloud("azurerm_federated_identity_credential", &name, body)];
    for (index, grant) in identity.grants.iter().enumerate() {
        let one = |scope: String, role| vec![(scope, role)];
        let roles = match grant {
            Grant::Objects(bucket) => {
                one(format!("${{{bucket}.id}}"), "Storage Blob Data Contributor")
            }
            Grant::Read(bucket) => one(escape(&bucket.id), "Storage Blob Data Reader"),
            // Nobody on Azure sees names without what is under them.
            Grant::List(bucket) => one(format!("${{{bucket}.id}}"), "Storage Blob Data Reader"),
            Grant::Key(key) => one(key.clone(), "Key Vault Crypto User"),
            Grant::Password(database) => one(
                format!("${{{database}.secret_scope}}"),
                "Key Vault Secrets User",
            ),
            Grant::Write(vault) => one(vault.clone(), "Key Vault Secrets Officer"),
            Grant::Pull(registry) => one(registry.clone(), "AcrPull"),
            Grant::Manage(managed) => managed.scopes(),
            // And those of AKS.
            Grant::Scale(_) => continue,
        };
        for (which, (scope, role)) in roles.into_iter().enumerate() {
            let body = json!({
                "scope": scope,
                "role_definition_name": role,
                "principal_id": format!("${{azurerm_user_assigned_identity.{name}.principal_id}}"),
                "principal_type": "ServicePrincipal",
            });
            let mut block = format!("{name}_{index}");
            if which > 0 {
                block = format!("{block}_{which}");
            }
            before.push(inside.cloud("azurerm_role_assignment", &block, body));
        }
    }
    Lowered {
        annotations: json!({
            "azure.workload.identity/client-id": format!("${{azurerm_user_assigned_identity.{name}.client_id}}"),
        }),
        labels: json!({ "azure.workload.identity/use": "true" }),
        before,
    }
}
