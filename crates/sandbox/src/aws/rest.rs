//! The REST-JSON protocol of EKS: the operation is in method and path, parameters in path, query and JSON body.
//! Also a door for services, such as S3, that route by themselves.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use super::json;
use crate::http::{HttpReply, HttpRequest};

/// A service that speaks REST-JSON.
#[derive(Debug)]
pub(crate) struct RestService {
    pub(crate) operations: &'static [&'static [RestOperation]],
}

/// One operation.
#[derive(Debug)]
pub(crate) struct RestOperation {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// Such as `/clusters/{name}/node-groups`.
    pub(crate) path: &'static str,
    /// Members of the body that it takes.
    pub(crate) accepts: &'static [&'static str],
    /// Query parameters that it takes.
    pub(crate) query: &'static [&'static str],
    pub(crate) handler: fn(&mut Ctx<'_>, &RestRequest) -> AwsResult<Value>,
}

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct RestRequest {
    labels: BTreeMap<&'static str, String>,
    query: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl RestRequest {
    /// A part of the path; the template has it, so it is there.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// A query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter that may repeat.
    pub(crate) fn queries(&self, name: &str) -> Vec<&str> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

impl RestOperation {
    fn matches(
        &self,
        method: &Method,
        segments: &[String],
    ) -> Option<BTreeMap<&'static str, String>> {
        if self.method != method {
            return None;
        }
        let template: Vec<&'static str> = self
            .path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let mut labels = BTreeMap::new();
        // Only a last label marked with + takes several segments (an ARN with slashes, sent unescaped).
        for (index, part) in template.iter().enumerate() {
            let label = part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'));
            match label {
                Some(name) => match name.strip_suffix('+') {
                    Some(name) => {
                        labels.insert(name, segments.get(index..)?.join("/"));
                        return Some(labels);
                    }
                    None => {
                        labels.insert(name, segments.get(index)?.clone());
                    }
                },
                None if segments.get(index).is_some_and(|segment| segment == part) => {}
                None => return None,
            }
        }
        (template.len() == segments.len()).then_some(labels)
    }
}

impl RestService {
    /// The operation that a request means.
    pub(crate) fn find(
        &self,
        request: &HttpRequest,
    ) -> Option<(&'static RestOperation, BTreeMap<&'static str, String>)> {
        let segments = request.segments();
        let matched = |operation: &'static RestOperation| {
            Some((operation, operation.matches(&request.method, &segments)?))
        };
        // A fixed path comes before one with labels.
        let mut found: Vec<_> = self
            .operations
            .iter()
            .copied()
            .flatten()
            .filter_map(matched)
            .collect();
        found.sort_by_key(|(_, labels)| labels.len());
        found.into_iter().next()
    }

    pub(crate) fn run(&self, ctx: &mut Ctx<'_>, request: &HttpRequest) -> AwsResult<Value> {
        let Some((operation, labels)) = self.find(request) else {
            let message = format!(
                "Unable to determine service/operation name for {} {}",
                request.method, request.path
            );
            return Err(AwsError::with_status(
                404,
                "UnknownOperationException",
                message,
            ));
        };
        let body = json::parse(&request.body)?;
        json::refuse_unknown(&body, operation.accepts)
            .map_err(|error| AwsError::new("InvalidParameterException", error.message))?;
        let query = request.query.clone();
        if let Some((name, _)) = query.iter().find(|(name, _)| {
            !operation.query.contains(&name.as_str()) && !name.starts_with("X-Amz-")
        }) {
            let message = format!("Unknown query parameter {name:?}");
            return Err(AwsError::new("InvalidParameterException", message));
        }
        (operation.handler)(
            ctx,
            &RestRequest {
                labels,
                query,
                body,
            },
        )
    }

    pub(crate) fn answer(value: &Value, request_id: &str) -> HttpReply {
        HttpReply::json(200, value).with("x-amzn-requestid", request_id)
    }

    pub(crate) fn fail(error: &AwsError, request_id: &str) -> HttpReply {
        let mut body = (*error.members).clone();
        body.insert("message".to_owned(), error.message.clone().into());
        HttpReply::json(error.status, &Value::Object(body))
            .with("x-amzn-requestid", request_id)
            .with("x-amzn-errortype", error.code.clone())
    }
}

/// A service that reads and writes HTTP itself.
#[derive(Debug)]
pub(crate) struct RawService {
    /// The operation that a request means, for counts and faults.
    pub(crate) operation: fn(&HttpRequest) -> &'static str,
    pub(crate) run: fn(&mut Ctx<'_>, &HttpRequest, &'static str) -> AwsResult<HttpReply>,
    pub(crate) fail: fn(&AwsError, &HttpRequest, &str) -> HttpReply,
}
