//! Certificates: their life from pending to issued, shown, listed and deleted.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{require, validation};
use crate::aws::context::{ACCOUNT, Ctx};
use crate::aws::elbv2::listener::Listener;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::json::{JsonOperation, Paging};
use crate::aws::regions::REGIONS;
use crate::aws::route53::record;
use crate::clock::Millis;
use crate::latency::Work;
use crate::world::{Document, Listed, Stored};

const DAY: Millis = 24 * 60 * 60 * 1000;
/// "ACM certificates are valid for 13 months (395 days)."
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html>
const VALID: Millis = 395 * DAY;

/// A certificate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(super) arn: String,
    /// The first of its names, then the others.
    pub(super) names: Vec<String>,
    pub(super) algorithm: String,
    pub(super) created: Millis,
    /// Of a requested one.
    pub(super) request: Option<Request>,
    /// Of an imported one.
    pub(super) imported: Option<Imported>,
    pub(super) logging: String,
    pub(super) export: String,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request {
    /// `DNS` or `EMAIL`.
    pub(super) method: String,
    /// From when on the records that it waits for are told.
    pub(super) told_at: Millis,
    /// By name: to which domain the mail goes.
    pub(super) validation_domains: Vec<String>,
    /// When it is issued, once all its records stand.
    pub(super) issued_at: Option<Millis>,
}

/// What was brought in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Imported {
    pub(super) certificate: String,
    pub(super) chain: Option<String>,
    pub(super) serial: String,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) not_before: Millis,
    pub(super) not_after: Millis,
    pub(super) at: Millis,
}

impl Document for Certificate {
    const KIND: &'static str = "acm/certificate";

    fn id(&self) -> &str {
        &self.arn
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_acm_certificate")
    }
}

impl Certificate {
    fn issued_at(&self) -> Option<Millis> {
        self.request.as_ref().and_then(|request| request.issued_at)
    }

    fn status(&self, now: Millis) -> &'static str {
        match (&self.imported, self.issued_at()) {
            (Some(imported), _) if imported.not_after <= now => "EXPIRED",
            (Some(_), _) => "ISSUED",
            (None, Some(at)) if at <= now => "ISSUED",
            (None, _) => "PENDING_VALIDATION",
        }
    }

    fn kind(&self) -> &'static str {
        match self.imported {
            Some(_) => "IMPORTED",
            None => "AMAZON_ISSUED",
        }
    }

    /// When it becomes valid, and until when it is.
    fn validity(&self, now: Millis) -> Option<(Millis, Millis)> {
        match &self.imported {
            Some(imported) => Some((imported.not_before, imported.not_after)),
            None => {
                let start = self.issued_at().filter(|at| *at <= now)?;
                Some((start, start + VALID))
            }
        }
    }

    /// The record that shows that a name is the account's: the same for a name and its wildcard, on every request.
    pub(super) fn record(name: &str) -> (String, String) {
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let digits = crate::token::fingerprint(&format!("{ACCOUNT} {bare}"));
        let (left, right) = (&digits[..32], &digits[32..]);
        let target = &crate::token::fingerprint(bare)[..10];
        (
            format!("_{left}.{bare}."),
            format!("_{right}.{target}.acm-validations.aws."),
        )
    }

    fn validation(&self, name: &str, mail: &str, request: &Request, now: Millis) -> Value {
        let done = request.issued_at.is_some_and(|at| at <= now);
        let status = if done {
            "SUCCESS"
        } else {
            "PENDING_VALIDATION"
        };
        let mut option = json!({
            "DomainName": name,
            "ValidationDomain": mail,
            "ValidationStatus": status,
            "ValidationMethod": request.method,
        });
        if request.method == "EMAIL" {
            let people = [
                "admin",
                "administrator",
                "hostmaster",
                "postmaster",
                "webmaster",
            ];
            let addresses: Vec<String> = people.map(|who| format!("{who}@{mail}")).to_vec();
            option["ValidationEmails"] = addresses.into();
        } else if request.told_at <= now {
            let (name, value) = Self::record(name);
            option["ResourceRecord"] = json!({"Name": name, "Type": "CNAME", "Value": value});
        }
        option
    }

    fn detail(&self, ctx: &Ctx<'_>) -> Value {
        let status = self.status(ctx.now);
        let users = users(ctx, &self.arn);
        let mut detail = json!({
            "CertificateArn": self.arn,
            "DomainName": self.names[0],
            "SubjectAlternativeNames": self.names,
            "Status": status,
            "Type": self.kind(),
            "KeyAlgorithm": self.algorithm,
            "InUseBy": users,
            "RenewalEligibility": if users.is_empty() || status != "ISSUED" || self.imported.is_some() { "INELIGIBLE" } else { "ELIGIBLE" },
            "Options": {"CertificateTransparencyLoggingPreference": self.logging, "Export": self.export},
        });
        if let Some((start, end)) = self.validity(ctx.now) {
            detail["NotBefore"] = seconds(start);
            detail["NotAfter"] = seconds(end);
        }
        if let Some(request) = &self.request {
            detail["CreatedAt"] = seconds(self.created);
            detail["Issuer"] = "Amazon".into();
            detail["Subject"] = format!("CN={}", self.names[0]).into();
            if let Some(at) = request.issued_at.filter(|at| *at <= ctx.now) {
                detail["IssuedAt"] = seconds(at);
            }
            let names = self.names.iter().zip(&request.validation_domains);
            let options = names.map(|(name, mail)| self.validation(name, mail, request, ctx.now));
            detail["DomainValidationOptions"] = options.collect();
        }
        if let Some(imported) = &self.imported {
            detail["ImportedAt"] = seconds(imported.at);
            detail["Serial"] = imported.serial.clone().into();
            detail["Issuer"] = imported.issuer.clone().into();
            detail["Subject"] = imported.subject.clone().into();
        }
        detail
    }
}

/// Seconds since 1970, as the JSON protocols write times.
pub(super) fn seconds(at: Millis) -> Value {
    json!(at as f64 / 1000.0)
}

/// Whether a listener can use the certificate of an ARN; none when there is no such certificate.
pub(crate) fn is_issued(ctx: &Ctx<'_>, arn: &str) -> Option<bool> {
    let certificate = ctx.get::<Certificate>(arn)?;
    Some(certificate.status(ctx.now) == "ISSUED")
}

/// Load balancers whose listeners use a certificate.
fn users(ctx: &Ctx<'_>, arn: &str) -> Vec<String> {
    let listeners = ctx.referrers::<Listener>(arn);
    let mut users: Vec<String> = listeners.iter().map(|l| l.balancer().to_owned()).collect();
    users.sort();
    users.dedup();
    users
}

/// Gives out, after their time, the certificates whose records all stand. ACM looks by itself; here it is told of each change.
pub(crate) fn look_at_records(ctx: &mut Ctx<'_>) {
    for (region, _) in REGIONS {
        for found in ctx.tx.list::<Certificate>(region) {
            let mut certificate = found.edit();
            if settle(ctx, &mut certificate) {
                ctx.tx.put(region, certificate, None);
            }
        }
    }
}

/// Decides when a pending certificate is issued; whether that is decided now.
pub(super) fn settle(ctx: &Ctx<'_>, certificate: &mut Certificate) -> bool {
    let Some(request) = &mut certificate.request else {
        return false;
    };
    if request.issued_at.is_some() || request.method != "DNS" {
        return false;
    }
    let stands = |name: &String| {
        let (name, value) = Certificate::record(name);
        let found = record::public(ctx, &name, "CNAME");
        let mut right = found.into_iter().filter(|(target, _)| {
            target
                .trim_end_matches('.')
                .eq_ignore_ascii_case(value.trim_end_matches('.'))
        });
        right.next().map(|(_, changed)| changed)
    };
    let since: Option<Vec<Millis>> = certificate.names.iter().map(stands).collect();
    let Some(last) = since.and_then(|all| all.into_iter().max()) else {
        return false;
    };
    let start = last.max(request.told_at);
    request.issued_at = Some(ctx.due_after(start, Work::CertificateIssue));
    true
}

pub(super) const OPERATIONS: &[JsonOperation] = &[
    JsonOperation {
        name: "DescribeCertificate",
        accepts: &["CertificateArn"],
        handler: describe,
    },
    JsonOperation {
        name: "ListCertificates",
        accepts: &[
            "CertificateStatuses",
            "Includes",
            "NextToken",
            "MaxItems",
            "SortBy",
            "SortOrder",
        ],
        handler: list,
    },
    JsonOperation {
        name: "GetCertificate",
        accepts: &["CertificateArn"],
        handler: get,
    },
    JsonOperation {
        name: "DeleteCertificate",
        accepts: &["CertificateArn"],
        handler: delete,
    },
];

/// The certificate that a request names.
pub(super) fn find(ctx: &Ctx<'_>, body: &Value) -> AwsResult<Stored<Certificate>> {
    let arn = require(body, "CertificateArn")?;
    let start = ctx.arn("acm", "certificate/");
    if !arn.starts_with("arn:aws:acm:") || !arn.contains(":certificate/") {
        return Err(validation(format!(
            "Value '{arn}' at 'certificateArn' failed to satisfy constraint: Member must satisfy regular expression pattern"
        )));
    }
    let found = ctx
        .get::<Certificate>(arn)
        .filter(|_| arn.starts_with(&start));
    found.ok_or_else(|| {
        AwsError::new(
            "ResourceNotFoundException",
            format!("Could not find certificate {arn}."),
        )
    })
}

fn describe(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let certificate = find(ctx, body)?;
    Ok(json!({"Certificate": certificate.detail(ctx)}))
}

fn strings<'a>(value: Option<&'a Value>, name: &str) -> Option<Vec<&'a str>> {
    let items = value?.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).collect())
}

const PAGES: Paging = Paging {
    limit: "MaxItems",
    token: "NextToken",
    default: 1000,
    most: 1000,
    wrong: |message| validation(message),
    strange: |message| validation(message),
};

fn list(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    // "Default filtering returns only RSA_1024 and RSA_2048 certificates with at least one domain."
    let algorithms =
        strings(body.get("Includes"), "keyTypes").unwrap_or_else(|| vec!["RSA_1024", "RSA_2048"]);
    let statuses = strings(Some(body), "CertificateStatuses");
    let mut certificates = ctx.list::<Certificate>();
    certificates.retain(|c| {
        algorithms.contains(&c.algorithm.as_str())
            && statuses
                .as_ref()
                .is_none_or(|s| s.contains(&c.status(ctx.now)))
    });
    let name = "CertificateSummaryList";
    PAGES.answer(
        body,
        name,
        certificates,
        |c| c.arn.as_str(),
        |c| {
            let mut summary = json!({
                "CertificateArn": c.arn,
                "DomainName": c.names[0],
                "SubjectAlternativeNameSummaries": c.names,
                "HasAdditionalSubjectAlternativeNames": false,
                "Status": c.status(ctx.now),
                "Type": c.kind(),
                "KeyAlgorithm": c.algorithm,
                "InUse": !users(ctx, &c.arn).is_empty(),
            });
            if let Some((start, end)) = c.validity(ctx.now) {
                summary["NotBefore"] = seconds(start);
                summary["NotAfter"] = seconds(end);
            }
            summary
        },
    )
}

fn get(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let certificate = find(ctx, body)?;
    if certificate.status(ctx.now) == "PENDING_VALIDATION" {
        return Err(AwsError::new(
            "RequestInProgressException",
            format!("Certificate {} is not issued yet.", certificate.arn),
        ));
    }
    Ok(match &certificate.imported {
        Some(imported) => {
            json!({"Certificate": imported.certificate, "CertificateChain": imported.chain})
        }
        None => {
            let serial = crate::token::fingerprint(&certificate.arn);
            json!({"Certificate": crate::certificate::pem(&serial)})
        }
    })
}

fn delete(ctx: &mut Ctx<'_>, body: &Value) -> AwsResult<Value> {
    let arn = find(ctx, body)?.arn.clone();
    let users = users(ctx, &arn);
    if !users.is_empty() {
        return Err(AwsError::new(
            "ResourceInUseException",
            format!("Certificate {arn} in use."),
        ));
    }
    ctx.delete::<Certificate>(&arn);
    Ok(Value::Null)
}
