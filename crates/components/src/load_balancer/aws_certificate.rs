//! Certificates of a `load_balancer` on AWS: one that is there, one that is made for a domain and proved by a record in the
//! domain's zone, or one's own.

use super::{Certificate, Listen};
use crate::draft::Draft;
use crate::input::table;
use serde_json::{Value as Json, json};

/// The ARN of a listener's certificate; whatever is to be made of it.
pub(super) fn arn(index: usize, listen: &Listen, draft: &mut Draft<'_>) -> Option<Json> {
    let block = format!("port_{}", listen.port);
    match super::certificate(index, &listen.certificate, draft)? {
        Certificate::There(arn) => Some(arn),
        Certificate::ForDomain { domain, zone, .. } => {
            Some(for_domain(listen, &block, domain, zone, draft))
        }
        Certificate::Own { pem: _, key } => {
            let pem = format!("{}.certificate.pem", table("listen", index));
            let body = json!({
                "certificate_body": format!("${{{}}}", first(&pem)),
                "certificate_chain": chain(&pem),
                "private_key": key,
                "tags": draft.tags(&listen.port.to_string(), &[]),
                // A listener has the new one before the old one goes.
                "lifecycle": { "create_before_destroy": true },
            });
            draft.resource("aws_acm_certificate", &block, body);
            Some(json!(format!("${{aws_acm_certificate.{block}.arn}}")))
        }
    }
}

/// The first certificate of a PEM text. Certificate Manager takes it apart from those of its authorities.
fn first(pem: &str) -> String {
    format!("regex(\"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\", {pem})")
}

/// What stands behind it, if anything does.
fn chain(pem: &str) -> String {
    let first = first(pem);
    format!(
        "${{length(regexall(\"BEGIN CERTIFICATE\", {pem})) > 1 ? trimspace(replace({pem}, {first}, \"\")) : null}}"
    )
}

/// The certificate, the record that proves the domain, and the wait for both.
fn for_domain(
    listen: &Listen,
    block: &str,
    domain: Json,
    zone: Option<Json>,
    draft: &mut Draft<'_>,
) -> Json {
    let body = json!({
        "domain_name": domain,
        "validation_method": "DNS",
        "tags": draft.tags(&listen.port.to_string(), &[]),
        "lifecycle": { "create_before_destroy": true },
    });
    draft.resource("aws_acm_certificate", block, body);
    let zone = zone.unwrap_or_else(|| {
        draft.data("aws_route53_zone", block, json!({ "encloses": domain }));
        json!(format!("${{data.aws_route53_zone.{block}.zone_id}}"))
    });
    let option = format!("aws_acm_certificate.{block}.domain_validation_options[0]");
    let body = json!({
        "zone_id": zone,
        "name": format!("${{{option}.resource_record_name}}"),
        "type": format!("${{{option}.resource_record_type}}"),
        "records": [format!("${{{option}.resource_record_value}}")],
        "ttl": 300,
        // It is the same for all certificates of the domain.
        "allow_overwrite": true,
    });
    draft.resource("aws_route53_record", block, body);
    let body = json!({
        "certificate_arn": format!("${{aws_acm_certificate.{block}.arn}}"),
        "validation_record_fqdns": [format!("${{aws_route53_record.{block}.fqdn}}")],
    });
    draft.resource("aws_acm_certificate_validation", block, body);
    json!(format!(
        "${{aws_acm_certificate_validation.{block}.certificate_arn}}"
    ))
}
