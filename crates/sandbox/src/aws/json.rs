//! The JSON protocol of KMS, Certificate Manager, CloudWatch Logs and others: the operation is in `X-Amz-Target`,
//! parameters and answers are JSON.

use serde_json::{Value, json};

use super::context::{self, Ctx, Page};
use super::error::{AwsError, AwsResult};
use crate::http::{HttpReply, HttpRequest};
use crate::tags::{TagError, Tags};

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

fn not_a(name: &str, what: &str) -> AwsError {
    AwsError::new("SerializationException", format!("{name} must be {what}"))
}

/// A member that is text.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> AwsResult<Option<&'a str>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(not_a(name, "a string")),
    }
}

/// A member that is a whole number.
pub(crate) fn integer(body: &Value, name: &str) -> AwsResult<Option<i64>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(Some)
            .ok_or_else(|| not_a(name, "a whole number")),
    }
}

/// A member that is true or false; left out it is false.
pub(crate) fn flag(body: &Value, name: &str) -> AwsResult<bool> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| not_a(name, "true or false")),
    }
}

/// A member that is a list; left out it has no items.
pub(crate) fn items<'a>(body: &'a Value, name: &str) -> AwsResult<&'a [Value]> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(value) => value
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| not_a(name, "a list")),
    }
}

/// A member that is a list of texts; left out it has no items.
pub(crate) fn texts<'a>(body: &'a Value, name: &str) -> AwsResult<Vec<&'a str>> {
    let items = items(body, name)?.iter();
    items
        .map(|item| {
            item.as_str()
                .ok_or_else(|| not_a(name, "a list of strings"))
        })
        .collect()
}

/// A member that must be there and say something, in the words of services that are made of Smithy's models.
pub(crate) fn require<'a>(body: &'a Value, name: &str) -> AwsResult<&'a str> {
    let found = text(body, name)?.filter(|text| !text.is_empty());
    found.ok_or_else(|| {
        let member = name[..1].to_lowercase() + &name[1..];
        validation(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

pub(crate) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationException", message)
}

/// A refusal of tags, which services call otherwise where there are too many.
pub(crate) fn tags_refused(error: &TagError, too_many: &str, otherwise: &str) -> AwsError {
    let code = match error {
        TagError::TooMany => too_many,
        _ => otherwise,
    };
    AwsError::new(code, error.to_string())
}

/// Tags as lists in answers have them.
pub(crate) fn tag_list(tags: &Tags) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// How a service's lists are cut into pages.
pub(crate) struct Paging {
    /// The member with the most items that a page may have.
    pub(crate) limit: &'static str,
    /// The member with the token of the page, in requests and answers.
    pub(crate) token: &'static str,
    /// How many items a page has when nothing is said.
    pub(crate) default: usize,
    /// The most that may be asked for.
    pub(crate) most: i64,
    /// The error of a limit that is out of its bounds.
    pub(crate) wrong: fn(String) -> AwsError,
    /// The error of a token that nobody gave.
    pub(crate) strange: fn(String) -> AwsError,
}

impl Paging {
    /// The page that a request asks for, of items sorted by key, as the members of the answer.
    pub(crate) fn answer<T>(
        &self,
        body: &Value,
        name: &str,
        items: Vec<T>,
        key: impl Fn(&T) -> &str,
        each: impl FnMut(&T) -> Value,
    ) -> AwsResult<Value> {
        let limit = match integer(body, self.limit)? {
            None => self.default,
            Some(limit) if (1..=self.most).contains(&limit) => limit as usize,
            Some(limit) => {
                let at = format!("Value '{limit}' at '{}'", self.limit);
                let rule = format!("must be between 1 and {}", self.most);
                return Err((self.wrong)(format!(
                    "1 validation error detected: {at} failed to satisfy constraint: Member {rule}"
                )));
            }
        };
        let token = text(body, self.token)?.filter(|token| !token.is_empty());
        let bad = || (self.strange)(format!("The specified {} is invalid.", self.token));
        let Page { items, next } = context::page(items, key, token, Some(limit), bad)?;
        let mut answer = serde_json::Map::new();
        answer.insert(name.to_owned(), items.iter().map(each).collect());
        if let Some(next) = next {
            answer.insert(self.token.to_owned(), next.into());
        }
        Ok(Value::Object(answer))
    }
}
