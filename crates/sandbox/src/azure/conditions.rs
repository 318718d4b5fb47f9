//! Conditional requests: `If-Match` and `If-None-Match`.

use super::context::Input;
use super::error::{ArmError, ArmResult};

/// Refuses a request whose conditions do not hold.
pub(crate) fn check(input: &Input<'_>, etag: Option<&str>) -> ArmResult<()> {
    let bare = |text: &str| text.trim_start_matches("W/").trim_matches('"').to_owned();
    if let Some(wanted) = input.request.header("if-match") {
        let holds = match etag {
            Some(etag) => wanted == "*" || bare(wanted) == bare(etag),
            None => false,
        };
        if !holds {
            return Err(ArmError::precondition(wanted));
        }
    }
    if let Some(unwanted) = input.request.header("if-none-match")
        && let Some(etag) = etag
        && (unwanted == "*" || bare(unwanted) == bare(etag))
    {
        return Err(ArmError::precondition(unwanted));
    }
    Ok(())
}
