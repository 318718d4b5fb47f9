//! What pods may do in their cloud. A control says which service account of which namespace may do what with what; here that
//! becomes the cloud's own: a role with a pod-identity association on EKS, bindings of the workload's principal on GKE, a
//! federated identity with role assignments on AKS. No key is made anywhere.

use crate::drill::Bucket;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// What is allowed.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// To read, write and delete the objects of a bucket of the stack, by its reference, such as `bucket.backups`.
    Objects(String),
    /// To read the objects of a bucket that is not the stack's own.
    Read(Bucket),
    /// To encrypt and decrypt with a key, by a template of its id: the ARN on AWS.
    Key(String),
    /// To read the password of a managed database of the stack, by its reference, such as `database.shop`.
    Password(String),
    /// To write a secret of the secret manager, by a template of its id: the ARN on AWS, on Azure the id of a vault that holds nothing
    /// else. Who writes it reads it too, to leave alone what is the same.
    Write(String),
    /// To make and change what Crossplane makes: `bucket`, `database`.
    Manage(&'static str),
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
                azure(identity, self)
            }
        }
    }
}

fn block(identity: &Identity) -> String {
    crate::node::identifier(&[&identity.name])
}

/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html>
fn aws(identity: &Identity, inside: &mut Inside<'_>) -> Lowered {
    let name = block(identity);
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
        // Names of what is yet to be made are not known; that others' things are left alone is Crossplane's own rule.
        Grant::Manage("database") => json!([
            { "Effect": "Allow", "Action": ["rds:*"], "Resource": "*" },
            {
                "Effect": "Allow",
                "Action": ["ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeSecurityGroups", "ec2:DescribeAvailabilityZones"],
                "Resource": "*",
            },
            // The password that RDS makes and keeps.
            {
                "Effect": "Allow",
                "Action": ["secretsmanager:CreateSecret", "secretsmanager:TagResource", "kms:DescribeKey", "kms:CreateGrant"],
                "Resource": "*",
            },
        ]),
        Grant::Manage(_) => json!([{ "Effect": "Allow", "Action": ["s3:*"], "Resource": "*" }]),
    };
    let statements: Vec<Json> = identity
        .grants
        .iter()
        .flat_map(|g| statement(g).as_array().cloned().unwrap_or_default())
        .collect();
    let policy =
        |statements: Json| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let trust = policy(json!([{
        "Effect": "Allow",
        "Principal": { "Service": "pods.eks.amazonaws.com" },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }]));
    let tags = inside.draft.tags(&identity.name, &[]);
    let body = json!({
        "name": inside.draft.name(&identity.name, 64), "assume_role_policy": trust, "tags": tags,
    });
    inside.cloud("aws_iam_role", &name, body);
    // The agent is one of the cluster's add-ons.
    let mut before = vec![inside.site.reference.clone()];
    // A policy says something.
    if !statements.is_empty() {
        let body = json!({
            "name": "cluster", "role": format!("${{aws_iam_role.{name}.name}}"), "policy": policy(json!(statements)),
        });
        before.push(inside.cloud("aws_iam_role_policy", &name, body));
    }
    let body = json!({
        "cluster_name": inside.site.output("name"),
        "namespace": identity.pods.namespace,
        "service_account": identity.service_account,
        "role_arn": format!("${{aws_iam_role.{name}.arn}}"),
        "tags": tags,
    });
    let association = inside.cloud("aws_eks_pod_identity_association", &name, body);
    inside.after(&association, before);
    Lowered {
        annotations: json!({}),
        labels: json!({}),
        before: vec![association],
    }
}

/// <https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to>
fn google(identity: &Identity, inside: &mut Inside<'_>) -> Lowered {
    inside.draft.data("google_project", "this", json!({}));
    let member = format!(
        "principal://iam.googleapis.com/projects/${{data.google_project.this.number}}/locations/global/workloadIdentityPools/${{data.google_project.this.project_id}}.svc.id.goog/subject/ns/{}/sa/{}",
        identity.pods.namespace, identity.service_account
    );
    let mut before = Vec::new();
    for (index, grant) in identity.grants.iter().enumerate() {
        let (type_name, field, target, roles) = google_roles(grant);
        for (which, role) in roles.iter().enumerate() {
            let mut name = format!("{}_{index}", block(identity));
            if which > 0 {
                name = format!("{name}_{which}");
            }
            let body = json!({ field: target, "role": role, "member": member });
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

/// The type of a binding, how it names its target, the target, and the roles.
/// <https://cloud.google.com/iam/docs/roles-permissions>
fn google_roles(grant: &Grant) -> (&'static str, &'static str, String, &'static [&'static str]) {
    let secret = "google_secret_manager_secret_iam_member";
    match grant {
        Grant::Objects(bucket) => (
            "google_storage_bucket_iam_member",
            "bucket",
            format!("${{{bucket}.name}}"),
            &["roles/storage.objectAdmin"],
        ),
        Grant::Read(bucket) => (
            "google_storage_bucket_iam_member",
            "bucket",
            escape(&bucket.name),
            &["roles/storage.objectViewer"],
        ),
        Grant::Key(key) => (
            "google_kms_crypto_key_iam_member",
            "crypto_key_id",
            key.clone(),
            &["roles/cloudkms.cryptoKeyEncrypterDecrypter"],
        ),
        Grant::Password(database) => (
            secret,
            "secret_id",
            format!("${{{database}.secret_scope}}"),
            &["roles/secretmanager.secretAccessor"],
        ),
        Grant::Write(id) => (
            secret,
            "secret_id",
            id.clone(),
            &[
                "roles/secretmanager.secretVersionAdder",
                "roles/secretmanager.secretAccessor",
                // To see the secret and its labels.
                "roles/secretmanager.viewer",
            ],
        ),
        Grant::Manage(what) => (
            "google_project_iam_member",
            "project",
            "${data.google_project.this.project_id}".to_owned(),
            match *what {
                "database" => &["roles/cloudsql.admin"],
                _ => &["roles/storage.admin"],
            },
        ),
    }
}

/// <https://learn.microsoft.com/azure/aks/workload-identity-overview>
fn azure(identity: &Identity, inside: &mut Inside<'_>) -> Lowered {
    let name = block(identity);
    inside
        .draft
        .data("azurerm_client_config", "this", json!({}));
    let cluster = inside.site.reference.clone();
    let body = json!({
        "name": inside.draft.name(&identity.name, 128),
        "resource_group_name": inside.site.group(),
        "location": "${data.azurerm_client_config.this.location}",
        "tags": inside.draft.plain_tags(),
    });
    inside.cloud("azurerm_user_assigned_identity", &name, body);
    let subject = format!(
        "system:serviceaccount:{}:{}",
        identity.pods.namespace, identity.service_account
    );
    let body = json!({
        "name": identity.name,
        "resource_group_name": inside.site.group(),
        "parent_id": format!("${{azurerm_user_assigned_identity.{name}.id}}"),
        "issuer": inside.site.output("oidc_issuer_url"),
        "subject": subject,
        "audience": ["api://AzureADTokenExchange"],
    });
    let mut before = vec![inside.cloud("azurerm_federated_identity_credential", &name, body)];
    for (index, grant) in identity.grants.iter().enumerate() {
        let (scope, role) = match grant {
            Grant::Objects(bucket) => {
                (format!("${{{bucket}.id}}"), "Storage Blob Data Contributor")
            }
            Grant::Read(bucket) => (escape(&bucket.id), "Storage Blob Data Reader"),
            Grant::Key(key) => (key.clone(), "Key Vault Crypto User"),
            Grant::Password(database) => (
                format!("${{{database}.secret_scope}}"),
                "Key Vault Secrets User",
            ),
            Grant::Write(vault) => (vault.clone(), "Key Vault Secrets Officer"),
            // Of the resource group that the cluster is in: accounts are made there.
            Grant::Manage(_) => (
                format!("${{join(\"/\", slice(split(\"/\", {cluster}.id), 0, 5))}}"),
                "Storage Account Contributor",
            ),
        };
        let body = json!({
            "scope": scope,
            "role_definition_name": role,
            "principal_id": format!("${{azurerm_user_assigned_identity.{name}.principal_id}}"),
            "principal_type": "ServicePrincipal",
        });
        before.push(inside.cloud("azurerm_role_assignment", &format!("{name}_{index}"), body));
    }
    Lowered {
        annotations: json!({
            "azure.workload.identity/client-id": format!("${{azurerm_user_assigned_identity.{name}.client_id}}"),
        }),
        labels: json!({ "azure.workload.identity/use": "true" }),
        before,
    }
}
