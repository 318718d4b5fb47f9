//! What IAM's types share: names, paths, policy documents, tags and marker pages.

use serde_json::Value;

use crate::aws::context::{Page, page};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::Params;
use crate::aws::xml::Xml;
use crate::tags::{Characters, TagError, Tags};

/// Something of a name is not there.
pub(crate) fn no_such_entity(message: impl Into<String>) -> AwsError {
    AwsError::with_status(404, "NoSuchEntity", message)
}

/// Something of that name is there already.
pub(crate) fn already_exists(message: impl Into<String>) -> AwsError {
    AwsError::with_status(409, "EntityAlreadyExists", message)
}

/// Something still hangs on it.
pub(crate) fn delete_conflict(message: impl Into<String>) -> AwsError {
    AwsError::with_status(409, "DeleteConflict", message)
}

/// More than an account may have.
pub(crate) fn limit_exceeded(message: impl Into<String>) -> AwsError {
    AwsError::with_status(409, "LimitExceeded", message)
}

/// A parameter that breaks its constraint.
pub(crate) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

/// A required scalar, in IAM's words.
pub(crate) fn require<'a>(params: &'a Params, name: &str) -> AwsResult<&'a str> {
    params.str(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let small = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        validation(format!(
            "1 validation error detected: Value null at '{small}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

/// A name of letters, digits and `+=,.@_-`.
pub(crate) fn name<'a>(params: &'a Params, parameter: &str, longest: usize) -> AwsResult<&'a str> {
    let text = require(params, parameter)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if text.len() > longest {
        return Err(validation(format!(
            "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have length less than or equal to {longest}"
        )));
    }
    if !text.chars().all(allowed) {
        return Err(validation(format!(
            "The specified value for {parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )));
    }
    Ok(text)
}

/// `/` or `/team/`.
pub(crate) fn path(params: &Params) -> AwsResult<String> {
    let path = params.str("Path").unwrap_or("/");
    let printable = path.chars().all(|c| ('\u{21}'..='\u{7e}').contains(&c));
    if !path.starts_with('/') || !path.ends_with('/') || !printable || path.len() > 512 {
        return Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ));
    }
    Ok(path.to_owned())
}

/// What a policy document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who may assume a role: statements name a principal and no resource.
    Trust,
    /// What may be done: statements name resources and no principal.
    Permissions,
}

/// Checks a policy document as IAM does; it is kept as it was sent.
pub(crate) fn document(text: &str, purpose: Purpose) -> AwsResult<()> {
    match check(text, purpose) {
        Ok(()) => Ok(()),
        Err(message) => Err(AwsError::new("MalformedPolicyDocument", message)),
    }
}

fn check(text: &str, purpose: Purpose) -> Result<(), String> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| "This policy contains invalid Json".to_owned())?;
    let Value::Object(policy) = &value else {
        return Err("Syntax errors in policy.".to_owned());
    };
    for (name, value) in policy {
        let fits = match name.as_str() {
            "Version" => matches!(value.as_str(), Some("2012-10-17" | "2008-10-17")),
            "Id" => value.is_string(),
            "Statement" => value.is_object() || value.is_array(),
            _ => false,
        };
        if !fits {
            return Err("Syntax errors in policy.".to_owned());
        }
    }
    let statements: Vec<&Value> = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    if statements.is_empty() {
        return Err("Syntax errors in policy.".to_owned());
    }
    let mut sids = std::collections::BTreeSet::new();
    for statement in statements {
        check_statement(statement, purpose)?;
        if let Some(sid) = statement
            .get("Sid")
            .and_then(Value::as_str)
            .filter(|sid| !sid.is_empty())
            && !sids.insert(sid)
        {
            return Err("Statement IDs (SID) in a single policy must be unique.".to_owned());
        }
    }
    Ok(())
}

fn check_statement(statement: &Value, purpose: Purpose) -> Result<(), String> {
    const MEMBERS: [&str; 9] = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let syntax = || "Syntax errors in policy.".to_owned();
    let Value::Object(members) = statement else {
        return Err(syntax());
    };
    if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(syntax());
    }
    if !matches!(
        members.get("Effect").and_then(Value::as_str),
        Some("Allow" | "Deny")
    ) {
        return Err(syntax());
    }
    let exactly_one = |a: &str, b: &str| members.contains_key(a) != members.contains_key(b);
    if !exactly_one("Action", "NotAction") {
        return Err("Policy statement must contain actions.".to_owned());
    }
    for action in
        strings(members.get("Action").or_else(|| members.get("NotAction"))).ok_or_else(syntax)?
    {
        if action != "*" && !action.contains(':') {
            return Err(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                    .to_owned(),
            );
        }
    }
    let principal = exactly_one("Principal", "NotPrincipal");
    let resource = exactly_one("Resource", "NotResource");
    match purpose {
        Purpose::Trust if !principal => Err("Missing required field Principal".to_owned()),
        Purpose::Trust if members.contains_key("Resource") => {
            Err("Has prohibited field Resource".to_owned())
        }
        Purpose::Trust => Ok(()),
        Purpose::Permissions if members.contains_key("Principal") => {
            Err("Policy document should not specify a principal.".to_owned())
        }
        Purpose::Permissions if !resource => {
            Err("Policy statement must contain resources.".to_owned())
        }
        Purpose::Permissions => {
            let resources = strings(
                members
                    .get("Resource")
                    .or_else(|| members.get("NotResource")),
            )
            .ok_or_else(syntax)?;
            match resources
                .iter()
                .find(|arn| **arn != "*" && !arn.starts_with("arn:"))
            {
                Some(arn) => Err(format!("Resource {arn} must be in ARN format or \"*\".")),
                None => Ok(()),
            }
        }
    }
}

/// A string or a list of strings.
fn strings(value: Option<&Value>) -> Option<Vec<&str>> {
    match value? {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Policy documents are percent-encoded in answers.
pub(crate) fn encode(document: &str) -> String {
    percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Reads `Tags`.
pub(crate) fn tags(params: &Params) -> AwsResult<Tags> {
    let pairs = params.items("Tags").into_iter().map(|tag| {
        let text = |name| tag.str(name).unwrap_or_default().to_owned();
        (text("Key"), text("Value"))
    });
    Tags::from_pairs(pairs, Characters::Restricted).map_err(tag_error)
}

/// The error of tags that are refused.
pub(crate) fn tag_error(error: TagError) -> AwsError {
    match error {
        TagError::TooMany => limit_exceeded(error.to_string()),
        TagError::Duplicate(_) => AwsError::new(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        _ => validation(error.to_string()),
    }
}

/// Writes `Tags`.
pub(crate) fn write_tags(xml: &mut Xml, tags: &Tags) {
    xml.list("Tags", "member", tags.iter(), |xml, (key, value)| {
        xml.text("Key", key).text("Value", value);
    });
}

/// Cuts the page that `Marker` and `MaxItems` ask for, of items sorted by key.
pub(crate) fn pages<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    params: &Params,
) -> AwsResult<Page<T>> {
    let limit = match params.int("MaxItems")? {
        None => 100,
        Some(limit @ 1..=1000) => limit as usize,
        Some(limit) => {
            return Err(validation(format!(
                "1 validation error detected: Value '{limit}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000"
            )));
        }
    };
    page(items, key, params.str("Marker"), Some(limit), || {
        validation("Invalid Marker.")
    })
}

/// Writes `IsTruncated` and `Marker`.
pub(crate) fn write_page(xml: &mut Xml, next: Option<String>) {
    xml.text("IsTruncated", next.is_some()).opt("Marker", next);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_documents_are_checked_as_iam_does() {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let permissions = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::b"}}"#;
        let cases = [
            (trust, Purpose::Trust, true),
            (permissions, Purpose::Permissions, true),
            (trust, Purpose::Permissions, false),
            (permissions, Purpose::Trust, false),
            ("{", Purpose::Trust, false),
            (r#"{"Statement":[]}"#, Purpose::Permissions, false),
            (
                r#"{"Statement":[{"Effect":"Allow","Action":"bogus","Resource":"*"}]}"#,
                Purpose::Permissions,
                false,
            ),
            (
                r#"{"Statement":[{"Effect":"Maybe","Action":"s3:*","Resource":"*"}]}"#,
                Purpose::Permissions,
                false,
            ),
            (
                r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}]}"#,
                Purpose::Permissions,
                false,
            ),
            (
                r#"{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
                Purpose::Permissions,
                false,
            ),
            (
                r#"{"Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
                Purpose::Permissions,
                false,
            ),
        ];
        for (text, purpose, good) in cases {
            assert_eq!(document(text, purpose).is_ok(), good, "{text}");
        }
    }
}
