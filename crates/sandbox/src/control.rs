//! `/_sandbox/…` on the AWS port: what exists, what was asked, how often, and the switches that tests turn. It
//! needs no signature: the port is on loopback.

use std::str::FromStr;

use http::Method;
use serde_json::json;

use crate::core::{Core, lock};
use crate::faults::FaultSpec;
use crate::http::{HttpReply, HttpRequest};

/// Answers a control request; `path` is what follows `/_sandbox/`.
pub(crate) fn answer(core: &Core, path: &str, request: &HttpRequest) -> HttpReply {
    match (&request.method, path) {
        (&Method::GET, "resources") => HttpReply::json(200, &core.resources()),
        (&Method::GET, "requests") => {
            let since = request
                .query("since")
                .and_then(|number| number.parse().ok())
                .unwrap_or(0);
            HttpReply::json(200, &lock(&core.requests).since(since))
        }
        (&Method::GET, "counts") => HttpReply::json(200, lock(&core.requests).counts()),
        (&Method::GET, "statistics") => HttpReply::json(200, &lock(&core.requests).statistics()),
        (&Method::POST, "recording") => {
            lock(&core.recording).begin();
            HttpReply::json(200, &json!({}))
        }
        (&Method::GET, "recording") => HttpReply::json(200, &lock(&core.recording).take()),
        (&Method::GET, "world") => HttpReply::json(
            200,
            &json!({ "id": lock(&core.world).id(), "endpoints": core.endpoints.get() }),
        ),
        (&Method::POST, "reset") => match lock(&core.world).reset() {
            Ok(()) => {
                lock(&core.requests).clear();
                HttpReply::json(200, &json!({}))
            }
            Err(error) => HttpReply::json(500, &json!({ "error": error.to_string() })),
        },
        (&Method::POST, "counts/reset") => {
            lock(&core.requests).clear();
            HttpReply::json(200, &json!({}))
        }
        (&Method::POST, "faults") => {
            let spec = String::from_utf8_lossy(&request.body);
            match FaultSpec::from_str(spec.trim()) {
                Ok(spec) => {
                    lock(&core.faults).replace(spec);
                    HttpReply::json(200, &json!({}))
                }
                Err(error) => HttpReply::json(400, &json!({ "error": error.to_string() })),
            }
        }
        _ => HttpReply::json(
            404,
            &json!({ "error": "GET resources, requests, recording, counts, statistics or world; POST recording, reset, counts/reset or faults" }),
        ),
    }
}
