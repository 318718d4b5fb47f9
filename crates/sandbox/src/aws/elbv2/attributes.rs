//! Attributes of load balancers, target groups and listeners: which there are, their defaults, which values fit.

use std::collections::BTreeMap;

use super::{configuration, require, validation};
use crate::aws::error::AwsResult;
use crate::aws::query::Params;
use crate::aws::xml::Xml;

/// Whose attributes; the text is the load balancer's type, or the target group's or listener's protocol.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    LoadBalancer(&'a str),
    TargetGroup(&'a str),
    Listener(&'a str),
}

/// Which values fit.
#[derive(Debug, Clone, Copy)]
enum Fits {
    Bool,
    Number(i64, i64),
    OneOf(&'static [&'static str]),
    Any,
}

type Attribute = (&'static str, &'static str, Fits);

const COMMON_BALANCER: &[Attribute] = &[("deletion_protection.enabled", "false", Fits::Bool)];

const ZONES: &[Attribute] = &[
    ("access_logs.s3.enabled", "false", Fits::Bool),
    ("access_logs.s3.bucket", "", Fits::Any),
    ("access_logs.s3.prefix", "", Fits::Any),
    ("zonal_shift.config.enabled", "false", Fits::Bool),
];

const APPLICATION: &[Attribute] = &[
    ("connection_logs.s3.enabled", "false", Fits::Bool),
    ("connection_logs.s3.bucket", "", Fits::Any),
    ("connection_logs.s3.prefix", "", Fits::Any),
    (
        "client_keep_alive.seconds",
        "3600",
        Fits::Number(60, 604_800),
    ),
    ("health_check_logs.s3.enabled", "false", Fits::Bool),
    ("health_check_logs.s3.bucket", "", Fits::Any),
    ("health_check_logs.s3.prefix", "", Fits::Any),
    ("idle_timeout.timeout_seconds", "60", Fits::Number(1, 4000)),
    ("ipv6.deny_all_igw_traffic", "false", Fits::Bool),
    (
        "load_balancing.cross_zone.enabled",
        "true",
        Fits::OneOf(&["true"]),
    ),
    (
        "routing.http.desync_mitigation_mode",
        "defensive",
        Fits::OneOf(&["monitor", "defensive", "strictest"]),
    ),
    (
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
        Fits::Bool,
    ),
    (
        "routing.http.preserve_host_header.enabled",
        "false",
        Fits::Bool,
    ),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
        Fits::Bool,
    ),
    ("routing.http.xff_client_port.enabled", "false", Fits::Bool),
    (
        "routing.http.xff_header_processing.mode",
        "append",
        Fits::OneOf(&["append", "preserve", "remove"]),
    ),
    ("routing.http2.enabled", "true", Fits::Bool),
    ("waf.fail_open.enabled", "false", Fits::Bool),
];

const NETWORK: &[Attribute] = &[
    (
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Fits::OneOf(&[
            "any_availability_zone",
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
        ]),
    ),
    ("ipv6.deny_all_igw_traffic", "false", Fits::Bool),
    ("load_balancing.cross_zone.enabled", "false", Fits::Bool),
    (
        "secondary_ips.auto_assigned.per_subnet",
        "0",
        Fits::Number(0, 7),
    ),
];

const GATEWAY: &[Attribute] = &[("load_balancing.cross_zone.enabled", "false", Fits::Bool)];

const GROUP: &[Attribute] = &[
    (
        "deregistration_delay.timeout_seconds",
        "300",
        Fits::Number(0, 3600),
    ),
    ("stickiness.enabled", "false", Fits::Bool),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Fits::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        Fits::Any,
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Fits::Any,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Fits::Number(1, 1000),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Fits::Any,
    ),
];

const GROUP_HTTP: &[Attribute] = &[
    (
        "stickiness.type",
        "lb_cookie",
        Fits::OneOf(&["lb_cookie", "app_cookie"]),
    ),
    (
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        Fits::Number(1, 604_800),
    ),
    ("stickiness.app_cookie.cookie_name", "", Fits::Any),
    (
        "stickiness.app_cookie.duration_seconds",
        "86400",
        Fits::Number(1, 604_800),
    ),
    ("slow_start.duration_seconds", "0", Fits::Number(0, 900)),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Fits::OneOf(&[
            "round_robin",
            "least_outstanding_requests",
            "weighted_random",
        ]),
    ),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "off",
        Fits::OneOf(&["on", "off"]),
    ),
];

const GROUP_TCP: &[Attribute] = &[
    (
        "stickiness.type",
        "source_ip",
        Fits::OneOf(&["source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"]),
    ),
    (
        "deregistration_delay.connection_termination.enabled",
        "false",
        Fits::Bool,
    ),
    ("preserve_client_ip.enabled", "true", Fits::Bool),
    ("proxy_protocol_v2.enabled", "false", Fits::Bool),
    (
        "target_health_state.unhealthy.connection_termination.enabled",
        "true",
        Fits::Bool,
    ),
    (
        "target_health_state.unhealthy.draining_interval_seconds",
        "0",
        Fits::Number(0, 360_000),
    ),
];

const LISTENER_HTTP: &[Attribute] = &[
    ("routing.http.response.server.enabled", "true", Fits::Bool),
    (
        "routing.http.response.strict_transport_security.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_allow_origin.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_allow_methods.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_allow_headers.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_allow_credentials.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_expose_headers.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.access_control_max_age.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.content_security_policy.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.x_content_type_options.header_value",
        "",
        Fits::Any,
    ),
    (
        "routing.http.response.x_frame_options.header_value",
        "",
        Fits::Any,
    ),
];

const LISTENER_HTTPS: &[Attribute] = &[
    (
        "routing.http.request.x_amzn_tls_version.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "",
        Fits::Any,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "",
        Fits::Any,
    ),
];

const LISTENER_TCP: &[Attribute] = &[("tcp.idle_timeout.seconds", "350", Fits::Number(60, 6000))];

fn tables(of: Of<'_>) -> Vec<&'static [Attribute]> {
    match of {
        Of::LoadBalancer("application") => vec![COMMON_BALANCER, ZONES, APPLICATION],
        Of::LoadBalancer("network") => vec![COMMON_BALANCER, ZONES, NETWORK],
        Of::LoadBalancer(_) => vec![COMMON_BALANCER, GATEWAY],
        Of::TargetGroup("HTTP" | "HTTPS") => vec![GROUP, GROUP_HTTP],
        Of::TargetGroup(_) => vec![GROUP, GROUP_TCP],
        Of::Listener("HTTP") => vec![LISTENER_HTTP],
        Of::Listener("HTTPS") => vec![LISTENER_HTTP, LISTENER_HTTPS],
        Of::Listener("TCP") => vec![LISTENER_TCP],
        Of::Listener(_) => vec![],
    }
}

fn find(of: Of<'_>, key: &str) -> Option<&'static Attribute> {
    tables(of)
        .into_iter()
        .flatten()
        .find(|(name, ..)| *name == key)
}

/// The value of an attribute.
pub(super) fn value<'a>(of: Of<'_>, set: &'a BTreeMap<String, String>, key: &str) -> &'a str {
    let default = find(of, key).map_or("", |(_, default, _)| *default);
    set.get(key).map_or(default, String::as_str)
}

/// What is set after a request has changed it.
pub(super) fn change(
    of: Of<'_>,
    set: &BTreeMap<String, String>,
    params: &Params,
) -> AwsResult<BTreeMap<String, String>> {
    let mut set = set.clone();
    let items = params.items("Attributes");
    if items.is_empty() {
        return Err(validation("At least one attribute must be specified"));
    }
    for item in items {
        let key = require(item, "Key")?;
        let value = item.str("Value").unwrap_or_default();
        let Some((_, _, fits)) = find(of, key) else {
            return Err(validation(format!(
                "Attribute key '{key}' is not recognized"
            )));
        };
        let good = match fits {
            Fits::Bool => matches!(value, "true" | "false"),
            Fits::Number(least, most) => value
                .parse::<i64>()
                .is_ok_and(|number| (*least..=*most).contains(&number)),
            Fits::OneOf(values) => values.contains(&value),
            Fits::Any => true,
        };
        if !good {
            return Err(validation(format!(
                "The value '{value}' is not valid for attribute '{key}'"
            )));
        }
        set.insert(key.to_owned(), value.to_owned());
    }
    for logs in ["access_logs", "connection_logs", "health_check_logs"] {
        let key = |name: &str| format!("{logs}.s3.{name}");
        let on = set
            .get(&key("enabled"))
            .is_some_and(|value| value == "true");
        if on && set.get(&key("bucket")).is_none_or(String::is_empty) {
            return Err(configuration(format!(
                "{logs}.s3.bucket must be set when logs are enabled"
            )));
        }
    }
    Ok(set)
}

/// All attributes as operations answer them.
pub(super) fn answer(of: Of<'_>, set: &BTreeMap<String, String>) -> Xml {
    let mut xml = Xml::new();
    xml.list(
        "Attributes",
        "member",
        tables(of).into_iter().flatten(),
        |xml, (key, default, _)| {
            xml.text("Key", key)
                .text("Value", set.get(*key).map_or(*default, String::as_str));
        },
    );
    xml
}
