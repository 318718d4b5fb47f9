//! Listings: a page of rows under `value`, and where the next one is under `nextLink`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::context::{Ctx, Input};
use super::error::{ArmError, ArmResult};
use crate::http::HttpReply;

/// Rows of a page when the client does not say.
const USUAL: usize = 100;

/// A page of a listing.
pub(crate) fn reply(ctx: &Ctx<'_>, input: &Input<'_>, rows: Vec<Value>) -> ArmResult<HttpReply> {
    let size = ["$top", "$maxpagesize", "maxresults"]
        .iter()
        .find_map(|name| input.query(name)?.parse().ok())
        .unwrap_or(USUAL)
        .clamp(1, 1000);
    let start = match input.query("$skiptoken") {
        None => 0,
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_prefix("from:")?.parse().ok())
            .ok_or_else(|| {
                ArmError::bad(
                    "InvalidSkipToken",
                    format!("The skip token '{token}' is invalid."),
                )
            })?,
    };
    let total = rows.len();
    let page: Vec<_> = rows.into_iter().skip(start).take(size).collect();
    let end = start + page.len();
    let mut answer = json!({ "value": page });
    if end < total {
        let token = URL_SAFE_NO_PAD.encode(format!("from:{end}"));
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
