//! Requests for certificates, and the options that can be changed afterwards.

use serde_json::{Value, json};

use super::certificate::{self, Certificate, Request};
use super::{invalid, require, tagging, text, validation};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::JsonOperation;
use crate::latency::Work;
use crate::token::Token;

/// Certificates of an account and region (L-F141DD1D).
pub(crate) const QUOTA: usize = 2500;
/// Names of a certificate (L-FB94F0B0).
const NAMES: usize = 10;
const ALGORITHMS: [&str; 3] = ["RSA_2048", "EC_prime256v1", "EC_secp384r1"];

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "RequestCertificate",
        accepts: &[
            "DomainName",
            "ValidationMethod",
            "SubjectAlternativeNames",
            "IdempotencyToken",
            "DomainValidationOptions",
            "Options",
            "Tags",
            "KeyAlgorithm",
        ],
        handler: request,
    },
    JsonOperation {
        name: "UpdateCertificateOptions",
        accepts: &["CertificateArn", "Options"],
        handler: update_options,
    },
];

/// A domain name, or a wildcard of one.
fn check_name(name: &str) -> AwsResult<()> {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if bare.contains('.') && name.len() <= 253 && bare.split('.').all(label) {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '{name}' at 'domainName' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\*\\.)?(((?!-)[A-Za-z0-9-]{{0,62}}[A-Za-z0-9])\\.)+((?!-)[A-Za-z0-9-]{{1,62}}[A-Za-z0-9])"
    )))
}

fn names(body: &Value) -> AwsResult<Vec<String>> {
    let first = require(body, "DomainName")?;
    let others = body
        .get("SubjectAlternativeNames")
        .and_then(Value::as_array);
    let others = others.into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<String> = Vec::new();
    for name in [first].into_iter().chain(others) {
        check_name(name)?;
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > NAMES {
        return Err(AwsError::new(
            "LimitExceededException",
            format!("Error: the maximum number of domain names per certificate is {NAMES}"),
        ));
    }
    Ok(names)
}

/// To which domain the mail of each name goes: itself, or one above it.
fn validation_domains(body: &Value, names: &[String]) -> AwsResult<Vec<String>> {
    let mut domains: Vec<String> = names
        .iter()
        .map(|name| name.strip_prefix("*.").unwrap_or(name).to_owned())
        .collect();
    let options = body
        .get("DomainValidationOptions")
        .and_then(Value::as_array);
    for option in options.into_iter().flatten() {
        let (name, domain) = (
            require(option, "DomainName")?,
            require(option, "ValidationDomain")?,
        );
        let wrong =
            |message: String| AwsError::new("InvalidDomainValidationOptionsException", message);
        let Some(index) = names.iter().position(|n| n == name) else {
            return Err(wrong(format!("{name} is not a name of the certificate")));
        };
        if name != domain && !name.ends_with(&format!(".{domain}")) {
            return Err(wrong(format!("{domain} is not {name} or above it")));
        }
        domain.clone_into(&mut domains[index]);
    }
    Ok(domains)
}

fn switch(options: Option<&Value>, name: &str, default: &str) -> AwsResult<String> {
    match options.map_or(Ok(None), |options| text(options, name))? {
        None => Ok(default.to_owned()),
        Some(switch @ ("ENABLED" | "DISABLED")) => Ok(switch.to_owned()),
        Some(other) => Err(invalid(format!("{name} {other:?}: ENABLED or DISABLED"))),
    }
}

fn request(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let names = names(body)?;
    let method = match text(body, "ValidationMethod")? {
        None | Some("EMAIL") => "EMAIL",
        Some("DNS") => "DNS",
        Some(other) => {
            return Err(invalid(format!(
                "Validation method {other:?} is not one of DNS and EMAIL"
            )));
        }
    };
    let algorithm = text(body, "KeyAlgorithm")?.unwrap_or("RSA_2048");
    if !ALGORITHMS.contains(&algorithm) {
        return Err(invalid(format!(
            "The key algorithm {algorithm} is not supported for public certificates"
        )));
    }
    let token = text(body, "IdempotencyToken")?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if token.is_some_and(|t| t.is_empty() || t.len() > 32 || !t.chars().all(word)) {
        return Err(validation(
            "Value at 'idempotencyToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \\w+",
        ));
    }
    let domains = validation_domains(body, &names)?;
    let (logging, export) = (
        switch(
            body.get("Options"),
            "CertificateTransparencyLoggingPreference",
            "ENABLED",
        )?,
        switch(body.get("Options"), "Export", "DISABLED")?,
    );
    let tags = tagging::read(body)?;
    // The same token for other names is another request: the API has no error for it.
    let parameters = format!("{names:?} {method} {algorithm}");
    const OPERATION: &str = "acm/RequestCertificate";
    if let Some(token) = token
        && let Token::Seen(arn) = ctx.token(OPERATION, token, &parameters)
    {
        return Ok(json!({"CertificateArn": arn}));
    }
    if ctx.count::<Certificate>() >= QUOTA {
        return Err(AwsError::new(
            "LimitExceededException",
            format!("Error: you have reached your limit of {QUOTA} certificates"),
        ));
    }
    let mut certificate = Certificate {
        arn: {
            let id = ctx.new_uuid();
            ctx.arn("acm", &format!("certificate/{id}"))
        },
        names,
        algorithm: algorithm.to_owned(),
        created: ctx.now,
        request: Some(Request {
            method: method.to_owned(),
            told_at: ctx.due(Work::CertificateRecords),
            validation_domains: domains,
            issued_at: None,
        }),
        imported: None,
        logging,
        export,
    };
    certificate::settle(ctx, &mut certificate);
    let arn = certificate.arn.clone();
    ctx.put_tagged(certificate, tags);
    ctx.remember(OPERATION, token, &parameters, arn.clone());
    Ok(json!({"CertificateArn": arn}))
}

fn update_options(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let mut certificate = certificate::find(ctx, body)?.edit();
    if certificate.request.is_none() {
        return Err(AwsError::new(
            "InvalidStateException",
            "Options of imported certificates cannot be changed",
        ));
    }
    let name = "CertificateTransparencyLoggingPreference";
    certificate.logging = switch(body.get("Options"), name, &certificate.logging)?;
    certificate.export = switch(body.get("Options"), "Export", &certificate.export)?;
    ctx.put(certificate);
    Ok(Value::Null)
}
