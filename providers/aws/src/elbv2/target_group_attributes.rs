//! The attributes of a target group: which there are, and what of them must be set.

use super::attributes::{self, Attribute, Of, Pairs, number, on, text};
use super::target_group::{Stickiness, TargetGroupRecord, TargetHealthState};
use crate::client::Client;
use infra_model::{CallContext, ProviderError};

const HTTP: &[&str] = &["HTTP", "HTTPS"];
const FLOW: &[&str] = &["TCP", "UDP", "TCP_UDP", "TLS"];
const PORTED: &[&str] = &["HTTP", "HTTPS", "TCP", "UDP", "TCP_UDP", "TLS", "GENEVE"];
/// What the kind of a group without a protocol is called here.
pub(super) const LAMBDA: &str = "lambda";

// The keys and defaults are those of "Target group attributes" in the user guides.
pub(super) const ATTRIBUTES: &[Attribute<TargetGroupRecord>] = &[
    Attribute {
        key: "deregistration_delay.timeout_seconds",
        kinds: PORTED,
        default: "300",
        get: |r| Some(r.deregistration_delay.to_string()),
        set: |r, v| r.deregistration_delay = number(v),
    },
    Attribute {
        key: "slow_start.duration_seconds",
        kinds: HTTP,
        default: "0",
        get: |r| Some(r.slow_start.to_string()),
        set: |r, v| r.slow_start = number(v),
    },
    Attribute {
        key: "load_balancing.algorithm.type",
        kinds: HTTP,
        default: "",
        get: |r| r.load_balancing_algorithm_type.clone(),
        set: |r, v| r.load_balancing_algorithm_type = text(v),
    },
    Attribute {
        key: "load_balancing.algorithm.anomaly_mitigation",
        kinds: HTTP,
        default: "",
        get: |r| r.load_balancing_anomaly_mitigation.clone(),
        set: |r, v| r.load_balancing_anomaly_mitigation = text(v),
    },
    Attribute {
        key: "load_balancing.cross_zone.enabled",
        kinds: PORTED,
        default: "",
        get: |r| r.load_balancing_cross_zone_enabled.clone(),
        set: |r, v| r.load_balancing_cross_zone_enabled = text(v),
    },
    Attribute {
        key: "deregistration_delay.connection_termination.enabled",
        kinds: FLOW,
        default: "",
        get: |r| r.connection_termination.map(|b| b.to_string()),
        set: |r, v| r.connection_termination = text(v).map(|v| on(&v)),
    },
    Attribute {
        key: "preserve_client_ip.enabled",
        kinds: FLOW,
        default: "",
        get: |r| r.preserve_client_ip.map(|b| b.to_string()),
        set: |r, v| r.preserve_client_ip = text(v).map(|v| on(&v)),
    },
    Attribute {
        key: "proxy_protocol_v2.enabled",
        kinds: FLOW,
        default: "false",
        get: |r| Some(r.proxy_protocol_v2.to_string()),
        set: |r, v| r.proxy_protocol_v2 = on(v),
    },
    Attribute {
        key: "lambda.multi_value_headers.enabled",
        kinds: &[LAMBDA],
        default: "false",
        get: |r| Some(r.lambda_multi_value_headers_enabled.to_string()),
        set: |r, v| r.lambda_multi_value_headers_enabled = on(v),
    },
];

/// Which attributes it has.
pub(super) fn kind(record: &TargetGroupRecord) -> &str {
    record.protocol.as_deref().unwrap_or(LAMBDA)
}

/// Sets the attributes that differ.
pub(super) async fn configure(
    client: &Client,
    context: &CallContext,
    arn: &str,
    desired: &TargetGroupRecord,
) -> Result<(), ProviderError> {
    let found = attributes::read(client, context, Of::TargetGroup, arn).await?;
    let mut pairs = attributes::wanted(ATTRIBUTES, kind(desired), desired, &found);
    let mut wanted = Vec::new();
    if let Some(sticky) = desired.stickiness.first() {
        wanted.push(("stickiness.enabled", sticky.enabled.to_string()));
        wanted.push(("stickiness.type", sticky.kind.clone()));
        let duration = sticky.cookie_duration.to_string();
        match sticky.kind.as_str() {
            "lb_cookie" => wanted.push(("stickiness.lb_cookie.duration_seconds", duration)),
            "app_cookie" => {
                wanted.push(("stickiness.app_cookie.duration_seconds", duration));
                let name = sticky.cookie_name.clone().unwrap_or_default();
                wanted.push(("stickiness.app_cookie.cookie_name", name));
            }
            _ => {}
        }
    }
    if let Some(state) = desired.target_health_state.first() {
        let on = state.enable_unhealthy_connection_termination.to_string();
        wanted.push((TERMINATION, on));
        if let Some(seconds) = state.unhealthy_draining_interval {
            wanted.push((DRAINING, seconds.to_string()));
        }
    }
    pairs.extend(
        wanted
            .into_iter()
            .filter(|(k, v)| found.get(*k) != Some(v))
            .map(|(k, v)| (k.to_owned(), v)),
    );
    attributes::set(client, context, Of::TargetGroup, arn, &pairs).await
}

const TERMINATION: &str = "target_health_state.unhealthy.connection_termination.enabled";
const DRAINING: &str = "target_health_state.unhealthy.draining_interval_seconds";

/// Whether a client comes back, as it is.
pub(super) fn stickiness(found: &Pairs, prior: Option<&TargetGroupRecord>) -> Vec<Stickiness> {
    let before = prior.and_then(|p| p.stickiness.first());
    let Some(kind) = found.get("stickiness.type").filter(|k| !k.is_empty()) else {
        return Vec::new();
    };
    let duration = found
        .get(&format!("stickiness.{kind}.duration_seconds"))
        .map(|d| number(d));
    vec![Stickiness {
        enabled: found.get("stickiness.enabled").is_some_and(|e| on(e)),
        cookie_duration: duration
            .or(before.map(|b| b.cookie_duration))
            .unwrap_or(86400),
        cookie_name: found
            .get("stickiness.app_cookie.cookie_name")
            .and_then(|n| text(n))
            .filter(|_| kind == "app_cookie"),
        kind: kind.clone(),
    }]
}

/// What happens to connections of unhealthy targets, as it is.
pub(super) fn health_state(
    found: &Pairs,
    prior: Option<&TargetGroupRecord>,
) -> Vec<TargetHealthState> {
    let before = prior.and_then(|p| p.target_health_state.first());
    let Some(termination) = found.get(TERMINATION) else {
        return Vec::new();
    };
    let interval = found.get(DRAINING).map(|d| number(d));
    vec![TargetHealthState {
        enable_unhealthy_connection_termination: on(termination),
        // Zero is as nothing said.
        unhealthy_draining_interval: interval
            .filter(|i| *i != 0 || before.is_some_and(|b| b.unhealthy_draining_interval.is_some())),
    }]
}
