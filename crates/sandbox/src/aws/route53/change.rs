//! Changes on their way to the name servers: pending, then in sync.

use http::Method;
use serde::{Deserialize, Serialize};

use super::{Operation, Request, answer};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::http::HttpReply;
use crate::latency::Work;
use crate::world::{Document, Scope};

/// How long a change can be asked for.
const LIFETIME: Millis = 24 * 60 * 60 * 1000;

/// A change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    /// `C…`
    id: String,
    comment: Option<String>,
    submitted: Millis,
    in_sync_at: Millis,
}

impl Document for Change {
    const KIND: &'static str = "route53/change";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.id
    }

    fn gone_at(&self) -> Option<Millis> {
        Some(self.in_sync_at + LIFETIME)
    }
}

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    name: "GetChange",
    method: Method::GET,
    path: "change/*",
    accepts: &[],
    query: &[],
    handler: get,
}];

/// Begins one.
pub(super) fn begin(ctx: &mut Ctx<'_>, comment: Option<&str>) -> Change {
    let change = Change {
        id: format!("C{}", ctx.new_hex(19).to_uppercase()),
        comment: comment.filter(|c| !c.is_empty()).map(str::to_owned),
        submitted: ctx.now,
        in_sync_at: ctx.due(Work::DnsChange),
    };
    ctx.put(change.clone());
    change
}

impl Change {
    pub(super) fn write(&self, ctx: &Ctx<'_>, xml: &mut Xml) {
        let status = if ctx.past(self.in_sync_at) {
            "INSYNC"
        } else {
            "PENDING"
        };
        xml.node("ChangeInfo", |xml| {
            xml.text("Id", format!("/change/{}", self.id))
                .text("Status", status)
                .text("SubmittedAt", iso8601_millis(self.submitted))
                .opt("Comment", self.comment.as_ref());
        });
    }
}

fn get(ctx: &mut Ctx<'_>, request: &Request<'_>) -> AwsResult<HttpReply> {
    let id = request.id();
    let change = ctx.get::<Change>(id).ok_or_else(|| {
        AwsError::with_status(
            404,
            "NoSuchChange",
            format!("A change with the specified ID does not exist: {id}"),
        )
    })?;
    Ok(answer(200, "GetChangeResponse", |xml| {
        change.write(ctx, xml);
    }))
}
