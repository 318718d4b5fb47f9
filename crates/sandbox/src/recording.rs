//! Whole exchanges as they went over the wire, from when a test asks for them: for judges that know the clouds' own models.
//! Secrets are in them, so nothing is kept until then.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::core::{Cloud, Outcome};
use crate::http::HttpRequest;

/// A request and its answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exchange {
    cloud: &'static str,
    method: String,
    /// Path and query.
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    /// None where the connection was closed without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Serialize)]
struct Answer {
    status: u16,
    body: String,
}

/// What was recorded, if it is wanted.
#[derive(Debug, Default)]
pub(crate) struct Recording(Option<Vec<Exchange>>);

impl Recording {
    /// From now on, everything is kept.
    pub(crate) fn begin(&mut self) {
        self.0.get_or_insert_default();
    }

    pub(crate) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn add(&mut self, exchange: Exchange) {
        if let Some(kept) = &mut self.0 {
            kept.push(exchange);
        }
    }

    /// Everything since the last time.
    pub(crate) fn take(&mut self) -> Vec<Exchange> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Exchange {
    pub(crate) fn new(cloud: Cloud, request: &HttpRequest, outcome: &Outcome) -> Exchange {
        let mut url = request.path.clone();
        if !request.query.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&request.query);
            url.push('?');
            url.push_str(&query.finish());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Exchange {
            cloud: cloud.name(),
            method: request.method.to_string(),
            url,
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(&request.body),
            answer: match outcome {
                Outcome::Answer(reply, _) => Some(Answer {
                    status: reply.status,
                    body: text(&reply.body),
                }),
                Outcome::Drop => None,
            },
        }
    }
}
