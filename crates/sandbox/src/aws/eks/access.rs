//! Access entries: which principals may do what in a cluster, through AWS's access policies or Kubernetes groups.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{self, Cluster};
use super::nodegroup::Nodegroup;
use super::{
    in_use, invalid, invalid_request, not_found, paged, read, remember, replay, seconds, tags,
};
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::references;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// An access entry with the policies associated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// `CLUSTER/PRINCIPAL`.
    pub(super) id: String,
    cluster: String,
    principal: String,
    groups: Vec<String>,
    username: String,
    kind: String,
    uuid: String,
    policies: Vec<Policy>,
    /// Made by EKS itself, for the cluster's creator or its nodes.
    own: bool,
    created: Millis,
    modified: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Policy {
    arn: String,
    scope: Scope,
    associated: Millis,
    modified: Millis,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    namespaces: Vec<String>,
}

impl Document for Entry {
    const KIND: &'static str = "eks/access-entry";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.cluster.clone()]
    }

    fn listed(&self) -> Option<Listed> {
        let id = format!("{}:{}", self.cluster, self.principal);
        let listed = Listed::aws("aws_eks_access_entry")?;
        (!self.own).then_some(Listed {
            id: Some(id),
            ..listed
        })
    }
}

impl Entry {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        let (kind, name) = match references::role_name(&self.principal) {
            Some(name) => ("role", name),
            None => (
                "user",
                self.principal.rsplit('/').next().unwrap_or_default(),
            ),
        };
        let account = crate::aws::context::ACCOUNT;
        ctx.arn(
            "eks",
            &format!(
                "access-entry/{}/{kind}/{account}/{name}/{}",
                self.cluster, self.uuid
            ),
        )
    }

    fn view(&self, ctx: &Ctx<'_>, tags: &Tags) -> Value {
        json!({
            "clusterName": self.cluster,
            "principalArn": self.principal,
            "kubernetesGroups": self.groups,
            "accessEntryArn": self.arn(ctx),
            "createdAt": seconds(self.created),
            "modifiedAt": seconds(self.modified),
            "tags": tags.to_map(),
            "username": self.username,
            "type": self.kind,
        })
    }
}

/// The policies that AWS has, by the last part of their ARN.
const POLICIES: [&str; 10] = [
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSViewPolicy",
];

fn policy_arn(name: &str) -> String {
    format!("arn:aws:eks::aws:cluster-access-policy/{name}")
}

const ENTRIES: &str = "/clusters/{name}/access-entries";
const ENTRY: &str = "/clusters/{name}/access-entries/{principalArn}";
const ASSOCIATIONS: &str = "/clusters/{name}/access-entries/{principalArn}/access-policies";

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "CreateAccessEntry",
        method: Method::POST,
        path: ENTRIES,
        accepts: &[
            "principalArn",
            "kubernetesGroups",
            "tags",
            "clientRequestToken",
            "username",
            "type",
        ],
        query: &[],
        handler: create,
    },
    RestOperation {
        name: "ListAccessEntries",
        method: Method::GET,
        path: ENTRIES,
        accepts: &[],
        query: &["associatedPolicyArn", "maxResults", "nextToken"],
        handler: list,
    },
    RestOperation {
        name: "DescribeAccessEntry",
        method: Method::GET,
        path: ENTRY,
        accepts: &[],
        query: &[],
        handler: describe,
    },
    RestOperation {
        name: "UpdateAccessEntry",
        method: Method::POST,
        path: ENTRY,
        accepts: &["kubernetesGroups", "clientRequestToken", "username"],
        query: &[],
        handler: update,
    },
    RestOperation {
        name: "DeleteAccessEntry",
        method: Method::DELETE,
        path: ENTRY,
        accepts: &[],
        query: &[],
        handler: delete,
    },
    RestOperation {
        name: "AssociateAccessPolicy",
        method: Method::POST,
        path: ASSOCIATIONS,
        accepts: &["policyArn", "accessScope"],
        query: &[],
        handler: associate,
    },
    RestOperation {
        name: "ListAssociatedAccessPolicies",
        method: Method::GET,
        path: ASSOCIATIONS,
        accepts: &[],
        query: &["maxResults", "nextToken"],
        handler: list_associated,
    },
    RestOperation {
        name: "DisassociateAccessPolicy",
        method: Method::DELETE,
        path: "/clusters/{name}/access-entries/{principalArn}/access-policies/{policyArn}",
        accepts: &[],
        query: &[],
        handler: disassociate,
    },
    RestOperation {
        name: "ListAccessPolicies",
        method: Method::GET,
        path: "/access-policies",
        accepts: &[],
        query: &["maxResults", "nextToken"],
        handler: list_policies,
    },
];

fn new_entry(ctx: &mut Ctx<'_>, cluster: &str, principal: &str, kind: &str) -> Entry {
    Entry {
        id: format!("{cluster}/{principal}"),
        cluster: cluster.to_owned(),
        principal: principal.to_owned(),
        groups: Vec::new(),
        username: principal.to_owned(),
        kind: kind.to_owned(),
        uuid: ctx.new_uuid(),
        policies: Vec::new(),
        own: true,
        created: ctx.now,
        modified: ctx.now,
    }
}

/// Makes the creator of a cluster its administrator, when the cluster's settings say so.
pub(super) fn bootstrap(ctx: &mut Ctx<'_>, cluster: &Cluster) {
    let wanted = cluster
        .config
        .access_config
        .bootstrap_cluster_creator_admin_permissions
        .unwrap_or(true);
    if !wanted || !cluster.has_access_entries() {
        return;
    }
    let principal = global_arn("iam", "root");
    let mut entry = new_entry(ctx, &cluster.name, &principal, "STANDARD");
    entry.policies.push(Policy {
        arn: policy_arn("AmazonEKSClusterAdminPolicy"),
        scope: Scope {
            kind: "cluster".to_owned(),
            namespaces: Vec::new(),
        },
        associated: ctx.now,
        modified: ctx.now,
    });
    ctx.put(entry);
}

/// Lets the nodes of a managed group join.
pub(super) fn nodes(ctx: &mut Ctx<'_>, cluster: &Cluster, role: &str) {
    let id = format!("{}/{role}", cluster.name);
    if cluster.has_access_entries() && !ctx.exists::<Entry>(&id) {
        let mut entry = new_entry(ctx, &cluster.name, role, "EC2_LINUX");
        entry.groups = vec!["system:nodes".to_owned()];
        entry.username = "system:node:{{EC2PrivateDNSName}}".to_owned();
        ctx.put(entry);
    }
}

/// Takes the entry of a group's nodes away when no other group has their role.
pub(super) fn nodes_gone(ctx: &mut Ctx<'_>, gone: &Nodegroup) {
    let others = ctx.referrers::<Nodegroup>(&super::nodegroup::of_cluster(&gone.cluster));
    let role = &gone.config.node_role;
    if others
        .iter()
        .any(|other| other.id != gone.id && other.config.node_role == *role)
    {
        return;
    }
    let id = format!("{}/{role}", gone.cluster);
    if ctx.get::<Entry>(&id).is_some_and(|entry| entry.own) {
        ctx.delete::<Entry>(&id);
    }
}

/// Takes all entries of a cluster away.
pub(super) fn remove_all(ctx: &mut Ctx<'_>, cluster: &str) {
    for entry in ctx.referrers::<Entry>(cluster) {
        ctx.delete::<Entry>(&entry.id);
    }
}

/// The cluster, when it has access entries.
fn cluster_of(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Stored<Cluster>> {
    let cluster = cluster::find(ctx, request.label("name"))?;
    if !cluster.has_access_entries() {
        let message = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
        return Err(invalid_request(message));
    }
    Ok(cluster)
}

fn find(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Stored<Entry>> {
    cluster_of(ctx, request)?;
    let principal = request.label("principalArn");
    ctx.get::<Entry>(&format!("{}/{principal}", request.label("name")))
        .ok_or_else(|| {
            not_found(format!(
                "The specified principalArn could not be found: {principal}"
            ))
        })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct New {
    principal_arn: String,
    #[serde(default)]
    kubernetes_groups: Vec<String>,
    username: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

fn check_principal(ctx: &Ctx<'_>, arn: &str) -> AwsResult<()> {
    let user = global_arn("iam", "user/");
    let known = references::knows_role(ctx, arn)
        || arn
            .strip_prefix(user.as_str())
            .is_some_and(|name| !name.is_empty())
        || arn == global_arn("iam", "root");
    if known {
        Ok(())
    } else {
        Err(invalid(format!(
            "The specified principalArn is invalid: invalid principal {arn}"
        )))
    }
}

fn check_groups(groups: &[String]) -> AwsResult<()> {
    match groups
        .iter()
        .find(|group| group.starts_with("system:") || group.starts_with("eks:"))
    {
        Some(group) => Err(invalid(format!(
            "The kubernetes group name {group} is invalid, it cannot start with system:"
        ))),
        None => Ok(()),
    }
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "CreateAccessEntry")? {
        let entry = ctx
            .get::<Entry>(&id)
            .ok_or_else(|| not_found("The access entry could not be found"))?;
        return Ok(json!({"accessEntry": entry.view(ctx, entry.tags())}));
    }
    let cluster = cluster_of(ctx, request)?;
    let new: New = read(request)?;
    let tags = tags(request)?;
    check_principal(ctx, &new.principal_arn)?;
    check_groups(&new.kubernetes_groups)?;
    let kind = new.kind.as_deref().unwrap_or("STANDARD");
    if !matches!(
        kind,
        "STANDARD"
            | "EC2_LINUX"
            | "EC2_WINDOWS"
            | "FARGATE_LINUX"
            | "EC2"
            | "HYBRID_LINUX"
            | "HYPERPOD_LINUX"
    ) {
        return Err(invalid(format!("Invalid access entry type {kind}")));
    }
    if kind != "STANDARD" && (!new.kubernetes_groups.is_empty() || new.username.is_some()) {
        return Err(invalid_request(format!(
            "Groups and username cannot be given for type {kind}"
        )));
    }
    let mut entry = new_entry(ctx, &cluster.name, &new.principal_arn, kind);
    if ctx.exists::<Entry>(&entry.id) {
        return Err(in_use(
            "The specified access entry resource is already in use on this cluster.",
        ));
    }
    entry.own = false;
    entry.username = match (new.username, kind) {
        (Some(name), _) => name,
        (None, "STANDARD") => match references::role_name(&entry.principal) {
            Some(role) => {
                let account = crate::aws::context::ACCOUNT;
                format!("arn:aws:sts::{account}:assumed-role/{role}/{{{{SessionName}}}}")
            }
            None => entry.principal.clone(),
        },
        (None, _) => "system:node:{{EC2PrivateDNSName}}".to_owned(),
    };
    entry.groups = if kind == "EC2_LINUX" {
        vec!["system:nodes".to_owned()]
    } else {
        new.kubernetes_groups
    };
    let view = entry.view(ctx, &tags);
    let id = entry.id.clone();
    ctx.put_tagged(entry, tags);
    remember(ctx, request, "CreateAccessEntry", &id);
    Ok(json!({"accessEntry": view}))
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = cluster_of(ctx, request)?;
    let mut entries = ctx.referrers::<Entry>(&cluster.name);
    if let Some(arn) = request.query("associatedPolicyArn") {
        entries.retain(|entry| entry.policies.iter().any(|policy| policy.arn == arn));
    }
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(
        request,
        "accessEntries",
        entries,
        |entry| entry.id.as_str(),
        |entry| entry.principal.clone().into(),
    )?;
    Ok(Value::Object(answer))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let entry = find(ctx, request)?;
    Ok(json!({"accessEntry": entry.view(ctx, entry.tags())}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryChange {
    kubernetes_groups: Option<Vec<String>>,
    username: Option<String>,
}

fn update(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let stored = find(ctx, request)?;
    let change: EntryChange = read(request)?;
    let mut entry = stored.edit();
    if entry.kind != "STANDARD" {
        return Err(invalid_request(
            "Only entries of type STANDARD can be updated",
        ));
    }
    if let Some(groups) = change.kubernetes_groups {
        check_groups(&groups)?;
        entry.groups = groups;
    }
    if let Some(username) = change.username {
        entry.username = username;
    }
    entry.modified = ctx.now;
    let view = entry.view(ctx, stored.tags());
    ctx.put(entry);
    Ok(json!({"accessEntry": view}))
}

fn delete(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let entry = find(ctx, request)?;
    ctx.delete::<Entry>(&entry.id);
    Ok(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPolicy {
    policy_arn: String,
    access_scope: Scope,
}

fn associated(policy: &Policy) -> Value {
    json!({
        "policyArn": policy.arn,
        "accessScope": policy.scope,
        "associatedAt": seconds(policy.associated),
        "modifiedAt": seconds(policy.modified),
    })
}

fn no_policy(arn: &str) -> AwsError {
    invalid(format!(
        "The policyArn parameter format is not valid, or there is no such policy: {arn}"
    ))
}

fn associate(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let mut entry = find(ctx, request)?.edit();
    let new: NewPolicy = read(request)?;
    if !POLICIES
        .iter()
        .any(|name| policy_arn(name) == new.policy_arn)
    {
        return Err(no_policy(&new.policy_arn));
    }
    if entry.kind != "STANDARD" && entry.kind != "EC2" {
        return Err(invalid_request(format!(
            "Policies cannot be associated with entries of type {}",
            entry.kind
        )));
    }
    match (
        new.access_scope.kind.as_str(),
        new.access_scope.namespaces.is_empty(),
    ) {
        ("cluster", true) | ("namespace", false) => {}
        ("cluster", false) => {
            return Err(invalid("Namespaces cannot be given for the scope cluster"));
        }
        ("namespace", true) => {
            return Err(invalid("Namespaces must be given for the scope namespace"));
        }
        (kind, _) => return Err(invalid(format!("Invalid access scope type {kind}"))),
    }
    let now = ctx.now;
    let policy = match entry
        .policies
        .iter_mut()
        .find(|policy| policy.arn == new.policy_arn)
    {
        Some(policy) => {
            policy.scope = new.access_scope;
            policy.modified = now;
            policy.clone()
        }
        None => {
            let policy = Policy {
                arn: new.policy_arn,
                scope: new.access_scope,
                associated: now,
                modified: now,
            };
            entry.policies.push(policy.clone());
            policy
        }
    };
    let answer = json!({
        "clusterName": entry.cluster,
        "principalArn": entry.principal,
        "associatedAccessPolicy": associated(&policy),
    });
    ctx.put(entry);
    Ok(answer)
}

fn list_associated(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let entry = find(ctx, request)?;
    let mut policies = entry.policies.clone();
    policies.sort_by(|a, b| a.arn.cmp(&b.arn));
    let mut answer = paged(
        request,
        "associatedAccessPolicies",
        policies,
        |policy| policy.arn.as_str(),
        associated,
    )?;
    answer.insert("clusterName".to_owned(), entry.cluster.clone().into());
    answer.insert("principalArn".to_owned(), entry.principal.clone().into());
    Ok(Value::Object(answer))
}

fn disassociate(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let mut entry = find(ctx, request)?.edit();
    let arn = request.label("policyArn");
    let before = entry.policies.len();
    entry.policies.retain(|policy| policy.arn != arn);
    if entry.policies.len() == before {
        return Err(not_found(format!(
            "The specified policyArn is not associated: {arn}"
        )));
    }
    ctx.put(entry);
    Ok(json!({}))
}

fn list_policies(_: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let answer = paged(
        request,
        "accessPolicies",
        POLICIES.to_vec(),
        |name| name,
        |name| json!({"name": name, "arn": policy_arn(name)}),
    )?;
    Ok(Value::Object(answer))
}
