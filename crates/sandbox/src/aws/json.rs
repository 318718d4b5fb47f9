//! The JSON protocol of KMS, Certificate Manager and others: the operation is in `X-Amz-Target`,
//! parameters and answers are JSON.

use serde_json::Value;

use super::context::Ctx;
use super::error::{AwsError, AwsResult};
use crate::http::{HttpReply, HttpRequest};

/// A service that speaks JSON 1.1.
#[derive(Debug)]
pub(crate) struct JsonService {
    /// What comes before the dot in `X-Amz-Target`.
    pub(crate) target: &'static str,
    pub(crate) operations: &'static [&'static [JsonOperation]],
}

/// One operation.
#[derive(Debug)]
pub(crate) struct JsonOperation {
    pub(crate) name: &'static str,
    /// Names of the members it takes.
    pub(crate) accepts: &'static [&'static str],
    pub(crate) handler: fn(&mut Ctx<'_>, &Value) -> AwsResult<Value>,
}

impl JsonService {
    pub(crate) fn operation(&self, request: &HttpRequest) -> String {
        let target = request.header("x-amz-target").unwrap_or_default();
        match target.split_once('.') {
            Some((service, operation)) if service == self.target => operation.to_owned(),
            _ => target.to_owned(),
        }
    }

    pub(crate) fn run(&self, ctx: &mut Ctx<'_>, name: &str, body: &[u8]) -> AwsResult<Value> {
        let found = self
            .operations
            .iter()
            .copied()
            .flatten()
            .find(|operation| operation.name == name);
        let Some(operation) = found else {
            return Err(AwsError::new(
                "UnknownOperationException",
                format!("Unknown operation {name}"),
            ));
        };
        let body = parse(body)?;
        refuse_unknown(&body, operation.accepts)?;
        (operation.handler)(ctx, &body)
    }

    pub(crate) fn answer(value: &Value, request_id: &str) -> HttpReply {
        let body = if value.is_null() {
            Vec::new()
        } else {
            value.to_string().into_bytes()
        };
        HttpReply::new(200, "application/x-amz-json-1.1", body).with("x-amzn-requestid", request_id)
    }

    pub(crate) fn fail(error: &AwsError, request_id: &str) -> HttpReply {
        let mut body = (*error.members).clone();
        body.insert("__type".to_owned(), error.code.clone().into());
        body.insert("message".to_owned(), error.message.clone().into());
        HttpReply::new(
            error.status,
            "application/x-amz-json-1.1",
            Value::Object(body).to_string(),
        )
        .with("x-amzn-requestid", request_id)
    }
}

/// Reads a body; an empty one is an empty object.
pub(crate) fn parse(body: &[u8]) -> AwsResult<Value> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(AwsError::new(
            "SerializationException",
            "The request body is not a JSON object",
        )),
    }
}

/// Refuses members that the operation does not take.
pub(crate) fn refuse_unknown(body: &Value, accepts: &[&str]) -> AwsResult<()> {
    let unknown = body.as_object().and_then(|members| {
        members
            .keys()
            .find(|name| !accepts.contains(&name.as_str()))
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(AwsError::new(
            "ValidationException",
            format!("Unknown parameter {name:?} in input"),
        )),
    }
}
