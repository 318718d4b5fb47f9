//! Updates of clusters, node groups and add-ons: what was asked, and how it goes.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{not_found, paged, seconds};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::rest::{RestOperation, RestRequest};
use crate::clock::Millis;
use crate::world::Document;

/// An update.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Update {
    id: String,
    cluster: String,
    /// The node group or add-on that it is of, if it is not of the cluster.
    part: Option<String>,
    kind: String,
    params: Vec<(String, String)>,
    created: Millis,
    done_at: Millis,
    /// Whether it ends in failure, with everything as before.
    #[serde(default)]
    failed: bool,
}

impl Document for Update {
    const KIND: &'static str = "eks/update";

    fn id(&self) -> &str {
        &self.id
    }

    fn links(&self) -> Vec<String> {
        vec![self.cluster.clone()]
    }
}

/// An update to record.
pub(super) struct NewUpdate<'a> {
    pub(super) cluster: &'a str,
    pub(super) part: Option<String>,
    pub(super) kind: &'a str,
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) done_at: Millis,
}

/// Records an update that has begun.
pub(super) fn begin(ctx: &mut Ctx<'_>, new: NewUpdate<'_>) -> Update {
    let update = Update {
        id: ctx.new_uuid(),
        cluster: new.cluster.to_owned(),
        part: new.part,
        kind: new.kind.to_owned(),
        params: new
            .params
            .into_iter()
            .map(|(kind, value)| (kind.to_owned(), value))
            .collect(),
        created: ctx.now,
        done_at: new.done_at,
        failed: ctx.pace.fails,
    };
    ctx.put(update.clone());
    update
}

impl Update {
    /// The answer of an operation that began it.
    pub(super) fn answer(&self, ctx: &Ctx<'_>) -> Value {
        let params: Vec<Value> = self
            .params
            .iter()
            .map(|(kind, value)| json!({"type": kind, "value": value}))
            .collect();
        let (status, errors) = match (ctx.past(self.done_at), self.failed) {
            (false, _) => ("InProgress", json!([])),
            (true, false) => ("Successful", json!([])),
            (true, true) => {
                let error = json!({
                    "errorCode": "Unknown",
                    "errorMessage": "The update failed",
                    "resourceIds": [],
                });
                ("Failed", json!([error]))
            }
        };
        json!({"update": {
            "id": self.id,
            "status": status,
            "type": self.kind,
            "params": params,
            "createdAt": seconds(self.created),
            "errors": errors,
        }})
    }
}

/// The key of an update's node group.
pub(super) fn nodegroup_part(name: &str) -> String {
    format!("nodegroup/{name}")
}

/// The key of an update's add-on.
pub(super) fn addon_part(name: &str) -> String {
    format!("addon/{name}")
}

/// The update that a repeated request began.
pub(super) fn again(ctx: &Ctx<'_>, id: &str) -> AwsResult<Value> {
    let update = ctx.get::<Update>(id).ok_or_else(|| missing(id))?;
    Ok(update.answer(ctx))
}

fn missing(id: &str) -> AwsError {
    not_found(format!("No update found for ID: {id}"))
}

pub(super) const OPERATIONS: &[RestOperation] = &[
    RestOperation {
        name: "DescribeUpdate",
        method: Method::GET,
        path: "/clusters/{name}/updates/{updateId}",
        accepts: &[],
        query: &["nodegroupName", "addonName", "capabilityName"],
        handler: describe,
    },
    RestOperation {
        name: "ListUpdates",
        method: Method::GET,
        path: "/clusters/{name}/updates",
        accepts: &[],
        query: &[
            "nodegroupName",
            "addonName",
            "capabilityName",
            "nextToken",
            "maxResults",
        ],
        handler: list,
    },
];

fn part(request: &RestRequest) -> Option<String> {
    request
        .query("nodegroupName")
        .map(nodegroup_part)
        .or_else(|| request.query("addonName").map(addon_part))
}

fn describe(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let name = request.label("name");
    super::cluster::find(ctx, name)?;
    let id = request.label("updateId");
    let found = ctx
        .get::<Update>(id)
        .filter(|update| update.cluster == name && update.part == part(request));
    Ok(found.ok_or_else(|| missing(id))?.answer(ctx))
}

fn list(ctx: &mut Ctx<'_>, request: &RestRequest) -> AwsResult<Value> {
    let name = request.label("name");
    super::cluster::find(ctx, name)?;
    let mut updates = ctx.referrers::<Update>(name);
    updates.retain(|update| update.part == part(request));
    updates.sort_by(|a, b| a.id.cmp(&b.id));
    let answer = paged(
        request,
        "updateIds",
        updates,
        |update| update.id.as_str(),
        |update| update.id.clone().into(),
    )?;
    Ok(Value::Object(answer))
}
