//! STS: who asks.

use super::context::{ACCOUNT, Ctx, global_arn};
use super::error::AwsResult;
use super::query::{Operation, Params, QueryService, Style};
use super::xml::Xml;

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    operations: &[OPERATIONS],
};

/// The name of the only user.
pub(crate) const USER: &str = "sandbox";

const OPERATIONS: &[Operation] = &[Operation {
    name: "GetCallerIdentity",
    accepts: &[],
    handler: caller_identity,
}];

fn caller_identity(_: &mut Ctx<'_>, _: &Params) -> AwsResult<Xml> {
    let mut xml = Xml::new();
    xml.text("UserId", "AIDASANDBOXSANDBOX000")
        .text("Account", ACCOUNT)
        .text("Arn", global_arn("iam", &format!("user/{USER}")));
    Ok(xml)
}
