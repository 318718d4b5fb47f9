//! Pod identity associations: which role pods of a service account take.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{cluster, in_use, invalid, not_found, paged, read, remember, replay, seconds, tags};
use crate::aws::context::Ctx;
use crate::aws::error::AwsResult;
use crate::aws::references;
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// An association.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Association {
    /// `a-…`.
    pub(super) id: String,
    pub(super) cluster: String,
    namespace: String,
    service_account: String,
    role: String,
    target_role: Option<String>,
    disable_session_tags: bool,
    /// The ARN of the add-on that made it, if one did.
    owner: Option<String>,
    created: Millis,
    modified: Millis,
}

impl Document for Association {
    const KIND: &'static str = "eks/pod-identity-association";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        let mut links = vec![self.cluster.clone()];
        links.extend(self.owner.clone());
        links
    }

    fn listed(&self) -> Option<Listed> {
        if self.owner.is_some() {
            None
        } else {
            Listed::aws("aws_eks_pod_identity_association")
        }
    }
}

impl Association {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn(
            "eks",
            &format!("podidentityassociation/{}/{}", self.cluster, self.id),
        )
    }

    fn view(&self, ctx: &Ctx<'_>, tags: &Tags) -> Value {
        let mut view = json!({
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "roleArn": self.role,
            "associationArn": self.arn(ctx),
            "associationId": self.id,
            "tags": tags.to_map(),
            "createdAt": seconds(self.created),
            "modifiedAt": seconds(self.modified),
            "disableSessionTags": self.disable_session_tags,
        });
        if let Some(role) = &self.target_role {
            view["targetRoleArn"] = role.clone().into();
        }
        if let Some(owner) = &self.owner {
            view["ownerArn"] = owner.clone().into();
        }
        view
    }
}

const ALL: &str = "/clusters/{name}/pod-identity-associations";
const ONE: &str = "/clusters/{name}/pod-identity-associations/{associationId}";

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "CreatePodIdentityAssociation",
        method: Method::POST,
        path: ALL,
        accepts: &[
            "namespace",
            "serviceAccount",
            "roleArn",
            "clientRequestToken",
            "tags",
            "disableSessionTags",
            "targetRoleArn",
        ],
        query: &[],
        handler: create,
    },
    RestOperation {
        name: "ListPodIdentityAssociations",
        method: Method::GET,
        path: ALL,
        accepts: &[],
        query: &["namespace", "serviceAccount", "maxResults", "nextToken"],
        handler: list,
    },
    RestOperation {
        name: "DescribePodIdentityAssociation",
        method: Method::GET,
        path: ONE,
        accepts: &[],
        query: &[],
        handler: describe,
    },
    RestOperation {
        name: "UpdatePodIdentityAssociation",
        method: Method::POST,
        path: ONE,
        accepts: &[
            "roleArn",
            "clientRequestToken",
            "disableSessionTags",
            "targetRoleArn",
        ],
        query: &[],
        handler: update,
    },
    RestOperation {
        name: "DeletePodIdentityAssociation",
        method: Method::DELETE,
        path: ONE,
        accepts: &[],
        query: &[],
        handler: delete,
    },
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) role_arn: String,
    #[serde(default)]
    pub(super) disable_session_tags: bool,
    pub(super) target_role_arn: Option<String>,
}

fn check_role(ctx: &Ctx<'_>, arn: &str) -> AwsResult<()> {
    if references::may_assume(ctx, arn, "pods.eks.amazonaws.com") {
        Ok(())
    } else {
        Err(invalid(format!(
            "The role {arn} does not exist or does not trust pods.eks.amazonaws.com"
        )))
    }
}

/// Makes an association, for a client or for an add-on; its ARN.
pub(super) fn make(
    ctx: &mut Ctx<'_>,
    cluster: &str,
    new: New,
    owner: Option<&str>,
    tags: Tags,
) -> AwsResult<Association> {
    check_role(ctx, &new.role_arn)?;
    let taken = ctx.referrers::<Association>(cluster).iter().any(|other| {
        other.namespace == new.namespace && other.service_account == new.service_account
    });
    if taken {
        return Err(in_use(format!(
            "Association already exists: service account {} in namespace {} of cluster {cluster}",
            new.service_account, new.namespace
        )));
    }
    let association = Association {
        id: format!("a-{}", ctx.new_hex(17)),
        cluster: cluster.to_owned(),
        namespace: new.namespace,
        service_account: new.service_account,
        role: new.role_arn,
        target_role: new.target_role_arn,
        disable_session_tags: new.disable_session_tags,
        owner: owner.map(str::to_owned),
        created: ctx.now,
        modified: ctx.now,
    };
    ctx.put_tagged(association.clone(), tags);
    Ok(association)
}

/// Takes away what an add-on made.
pub(super) fn remove_owned(ctx: &mut Ctx<'_>, owner: &str) {
    for association in ctx.referrers::<Association>(owner) {
        ctx.delete::<Association>(&association.id);
    }
}

/// ARNs of what an add-on made.
pub(super) fn owned(ctx: &Ctx<'_>, owner: &str) -> Vec<String> {
    ctx.referrers::<Association>(owner)
        .iter()
        .map(|association| association.arn(ctx))
        .collect()
}

fn find(ctx: &Ctx<'_>, request: &RestRequest) -> AwsResult<Stored<Association>> {
    let cluster = request.label("name");
    cluster::find(ctx, cluster)?;
    let id = request.label("associationId");
    ctx.get::<Association>(id)
        .filter(|association| association.cluster == cluster)
        .ok_or_else(|| not_found(format!("No association found for ID: {id}")))
}

fn create(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    if let Some(id) = replay(ctx, request, "CreatePodIdentityAssociation")? {
        let found = ctx
            .get::<Association>(&id)
            .ok_or_else(|| not_found("No association found"))?;
        return Ok(json!({"association": found.view(ctx, found.tags())}));
    }
    let cluster = cluster::find_active(ctx, request.label("name"))?;
    let tags = tags(request)?;
    let made = make(ctx, &cluster.name, read(request)?, None, tags.clone())?;
    remember(ctx, request, "CreatePodIdentityAssociation", &made.id);
    Ok(json!({"association": made.view(ctx, &tags)}))
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let cluster = cluster::find(ctx, request.label("name"))?;
    let mut found = ctx.referrers::<Association>(&cluster.name);
    found.retain(|association| {
        request
            .query("namespace")
            .is_none_or(|name| name == association.namespace)
            && request
                .query("serviceAccount")
                .is_none_or(|name| name == association.service_account)
    });
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(
        request,
        "associations",
        found,
        |association| association.id.as_str(),
        |association| {
            let mut summary = json!({
                "clusterName": association.cluster,
                "namespace": association.namespace,
                "serviceAccount": association.service_account,
                "associationArn": association.arn(ctx),
                "associationId": association.id,
            });
            if let Some(owner) = &association.owner {
                summary["ownerArn"] = owner.clone().into();
            }
            summary
        },
    )?;
    Ok(Value::Object(answer))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let found = find(ctx, request)?;
    Ok(json!({"association": found.view(ctx, found.tags())}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    role_arn: Option<String>,
    disable_session_tags: Option<bool>,
    target_role_arn: Option<String>,
}

fn update(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let stored = find(ctx, request)?;
    let change: Change = read(request)?;
    let mut association = stored.edit();
    if let Some(role) = change.role_arn {
        check_role(ctx, &role)?;
        association.role = role;
    }
    if let Some(disable) = change.disable_session_tags {
        association.disable_session_tags = disable;
    }
    if let Some(role) = change.target_role_arn {
        association.target_role = Some(role).filter(|role| !role.is_empty());
    }
    association.modified = ctx.now;
    let view = association.view(ctx, stored.tags());
    ctx.put(association);
    Ok(json!({"association": view}))
}

fn delete(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let found = find(ctx, request)?;
    if let Some(owner) = &found.owner {
        return Err(invalid(format!(
            "The association is owned by {owner} and cannot be deleted by itself"
        )));
    }
    let view = found.view(ctx, found.tags());
    ctx.delete::<Association>(&found.id);
    Ok(json!({"association": view}))
}
