//! The attributes of a load balancer: which there are, and what of them must be set.

use super::attributes::{self, Attribute, Of, Pairs, number, on, text};
use super::load_balancer::{LoadBalancerRecord, Logs};
use crate::client::Client;
use infra_model::{CallContext, ProviderError};

const HTTP: &[&str] = &["application"];
const ZONAL: &[&str] = &["network", "gateway"];
const NETWORK: &[&str] = &["network"];

macro_rules! attribute {
    ($key:literal, $kinds:expr, $default:literal, bool $field:ident) => {
        Attribute {
            key: $key,
            kinds: $kinds,
            default: $default,
            get: |r| Some(r.$field.to_string()),
            set: |r, v| r.$field = on(v),
        }
    };
    ($key:literal, $kinds:expr, $default:literal, number $field:ident) => {
        Attribute {
            key: $key,
            kinds: $kinds,
            default: $default,
            get: |r| Some(r.$field.to_string()),
            set: |r, v| r.$field = number(v),
        }
    };
    ($key:literal, $kinds:expr, $default:literal, text $field:ident) => {
        Attribute {
            key: $key,
            kinds: $kinds,
            default: $default,
            get: |r| Some(r.$field.clone()),
            set: |r, v| r.$field = v.to_owned(),
        }
    };
}

// The keys and defaults are those of "Load balancer attributes" in the user guides.
pub(super) const ATTRIBUTES: &[Attribute<LoadBalancerRecord>] = &[
    attribute!("idle_timeout.timeout_seconds", HTTP, "60", number idle_timeout),
    attribute!("client_keep_alive.seconds", HTTP, "3600", number client_keep_alive),
    attribute!("deletion_protection.enabled", &[], "false", bool enable_deletion_protection),
    attribute!("load_balancing.cross_zone.enabled", ZONAL, "false", bool enable_cross_zone_load_balancing),
    attribute!("routing.http2.enabled", HTTP, "true", bool enable_http2),
    attribute!(
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        HTTP,
        "false",
        bool enable_tls_version_and_cipher_suite_headers
    ),
    attribute!("routing.http.xff_client_port.enabled", HTTP, "false", bool enable_xff_client_port),
    attribute!("waf.fail_open.enabled", HTTP, "false", bool enable_waf_fail_open),
    attribute!("zonal_shift.config.enabled", &["application", "network"], "false", bool enable_zonal_shift),
    attribute!("routing.http.drop_invalid_header_fields.enabled", HTTP, "false", bool drop_invalid_header_fields),
    attribute!("routing.http.preserve_host_header.enabled", HTTP, "false", bool preserve_host_header),
    attribute!("routing.http.xff_header_processing.mode", HTTP, "append", text xff_header_processing_mode),
    attribute!("routing.http.desync_mitigation_mode", HTTP, "defensive", text desync_mitigation_mode),
    attribute!(
        "dns_record.client_routing_policy",
        NETWORK,
        "any_availability_zone",
        text dns_record_client_routing_policy
    ),
];

/// Sets the attributes that differ.
pub(super) async fn configure(
    client: &Client,
    context: &CallContext,
    arn: &str,
    desired: &LoadBalancerRecord,
) -> Result<(), ProviderError> {
    let found = attributes::read(client, context, Of::LoadBalancer, arn).await?;
    let kind = desired.load_balancer_type.as_str();
    let mut pairs = attributes::wanted(ATTRIBUTES, kind, desired, &found);
    for (start, logs) in [
        ("access_logs", &desired.access_logs),
        ("connection_logs", &desired.connection_logs),
    ] {
        let key = |name: &str| format!("{start}.s3.{name}");
        let mut wanted = vec![(key("enabled"), logs.iter().any(|l| l.enabled).to_string())];
        if let Some(logs) = logs.first() {
            wanted.push((key("bucket"), logs.bucket.clone()));
            wanted.push((key("prefix"), logs.prefix.clone().unwrap_or_default()));
        }
        let is = |key: &str| found.get(key).map_or("", String::as_str);
        let off = |value: &str| matches!(value, "" | "false");
        pairs.extend(
            wanted
                .into_iter()
                .filter(|(k, v)| is(k) != v && !(off(is(k)) && off(v))),
        );
    }
    attributes::set(client, context, Of::LoadBalancer, arn, &pairs).await
}

/// A place for logs; one that is switched off is as not there, unless the stack says so itself.
pub(super) fn logs(start: &str, found: &Pairs, prior: Option<&Vec<Logs>>) -> Vec<Logs> {
    let value = |name: &str| found.get(&format!("{start}.s3.{name}"));
    let enabled = value("enabled").is_some_and(|v| on(v));
    if !enabled && prior.is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let before = prior.and_then(|p| p.first());
    let bucket = value("bucket").filter(|b| !b.is_empty()).cloned();
    vec![Logs {
        bucket: bucket
            .or_else(|| before.map(|b| b.bucket.clone()))
            .unwrap_or_default(),
        prefix: value("prefix").and_then(|p| text(p)),
        enabled,
    }]
}
