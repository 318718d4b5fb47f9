//! STS: who asks, and roles that are taken on. Trust policies decide who may; what a session may do is not looked into, as nothing is
//! authorised here.

mod assume;
mod session;
mod web_identity;

use super::context::{ACCOUNT, Ctx, global_arn};
use super::error::AwsResult;
use super::query::{Operation, Params, QueryService, Style};
use super::xml::Xml;

pub(super) use self::session::{Unfit, check};

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    operations: &[OPERATIONS, assume::OPERATIONS, web_identity::OPERATIONS],
};

/// The name of the only user.
const USER: &str = "sandbox";

/// What is called without a signature: the token in it says who asks.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub(super) const UNSIGNED: &str = "AssumeRoleWithWebIdentity";

const OPERATIONS: &[Operation] = &[Operation {
    name: "GetCallerIdentity",
    accepts: &[],
    handler: caller_identity,
}];

/// Who asks: the user whose keys are anybody's, or the session of a role.
struct Caller {
    id: String,
    arn: String,
    /// The role of a session.
    role: Option<String>,
}

fn caller(ctx: &Ctx<'_>) -> Caller {
    match session::of(ctx) {
        Some(session) => Caller {
            id: session.user_id.clone(),
            arn: session.arn.clone(),
            role: Some(session.role.clone()),
        },
        None => Caller {
            id: "AIDASANDBOXSANDBOX000".to_owned(),
            arn: global_arn("iam", &format!("user/{USER}")),
            role: None,
        },
    }
}

fn caller_identity(ctx: &mut Ctx<'_>, _: &Params) -> AwsResult<Xml> {
    let caller = caller(ctx);
    let mut xml = Xml::new();
    xml.text("UserId", caller.id)
        .text("Account", ACCOUNT)
        .text("Arn", caller.arn);
    Ok(xml)
}
