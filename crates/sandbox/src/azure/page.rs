//! Listings: a page of rows under `value`, and where the next one is under `nextLink`.

use serde_json::{Value, json};

use super::context::{Ctx, Input};
use super::error::{ArmError, ArmResult};
use crate::http::HttpReply;
use crate::json::page;

/// Rows of a page when the client does not say.
const USUAL: usize = 100;

/// A page of a listing.
pub(crate) fn reply(ctx: &Ctx<'_>, input: &Input<'_>, rows: Vec<Value>) -> ArmResult<HttpReply> {
    let size = ["$top", "$maxpagesize", "maxresults"]
        .iter()
        .find_map(|name| input.query(name)?.parse().ok())
        .unwrap_or(USUAL)
        .clamp(1, 1000);
    let token = input.query("$skiptoken");
    let (page, next) = page(rows, size, token).ok_or_else(|| {
        let token = token.unwrap_or_default();
        ArmError::bad(
            "InvalidSkipToken",
            format!("The skip token '{token}' is invalid."),
        )
    })?;
    let mut answer = json!({ "value": page });
    if let Some(token) = next {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &input.request.query {
            if !name.eq_ignore_ascii_case("$skiptoken") {
                query.append_pair(name, value);
            }
        }
        query.append_pair("$skiptoken", &token);
        answer["nextLink"] =
            format!("{}{}?{}", ctx.base, input.request.path, query.finish()).into();
    }
    Ok(HttpReply::json(200, &answer))
}
