//! Auto Scaling as far as managed node groups need it: their groups are made by EKS, and clients attach target
//! groups to them and tag them.

pub(crate) mod group;
mod tagging;
mod traffic;

use super::error::{AwsError, AwsResult};
use super::query::{Params, QueryService, Style};

/// The service.
pub(super) const SERVICE: QueryService = QueryService {
    style: Style::Aws,
    namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    operations: &[group::OPERATIONS, traffic::OPERATIONS, tagging::OPERATIONS],
};

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

/// `MaxRecords` and `NextToken` of a list.
fn pages<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    params: &Params,
) -> AwsResult<super::context::Page<T>> {
    let limit = match params.int("MaxRecords")? {
        None => 50,
        Some(limit @ 1..=100) => limit as usize,
        Some(_) => return Err(validation("MaxRecords must be between 1 and 100")),
    };
    let token = params.str("NextToken").filter(|token| !token.is_empty());
    let bad = || AwsError::new("InvalidNextToken", "The NextToken value is not valid.");
    super::context::page(items, key, token, Some(limit), bad)
}
