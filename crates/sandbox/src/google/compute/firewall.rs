//! Firewall rules of networks.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::kind::{Default, Kind, Subject, to};

pub(crate) const KIND: Kind = Kind {
    resource: "firewalls",
    collection: "firewalls",
    word: "firewall",
    terraform: |_| "google_compute_firewall",
    references: &[to("network", &["networks"])],
    required: &["network"],
    fixed: &["network", "direction"],
    quota: Some(("FIREWALLS", 1000)),
    defaults: &[
        ("direction", Default::Text("INGRESS")),
        ("priority", Default::Number(1000)),
        ("disabled", Default::Bool(false)),
    ],
    prepare,
    ..Kind::BASE
};

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let whole = Value::Object(doc.clone());
    let filled = |name: &str| whole[name].as_array().is_some_and(|list| !list.is_empty());
    match (filled("allowed"), filled("denied")) {
        (true, true) => {
            let message = "Firewall cannot have both allowed and denied rules.";
            return Err(GoogleError::invalid(message));
        }
        (false, false) => {
            let message = "Invalid value for field 'resource.allowed': ''. One of allowed or denied must be specified.";
            return Err(GoogleError::invalid(message));
        }
        _ => {}
    }
    for (name, list) in [("allowed", &whole["allowed"]), ("denied", &whole["denied"])] {
        for (at, rule) in list.as_array().into_iter().flatten().enumerate() {
            check_rule(&format!("resource.{name}[{at}]"), rule)?;
        }
    }
    let priority = whole["priority"].as_i64().unwrap_or(1000);
    if !(0..=65535).contains(&priority) {
        let why = "Must be between 0 and 65535.";
        return Err(GoogleError::field(
            "resource.priority",
            &priority.to_string(),
            why,
        ));
    }
    for name in ["sourceRanges", "destinationRanges"] {
        for (at, range) in whole[name].as_array().into_iter().flatten().enumerate() {
            let range = range.as_str().unwrap_or_default();
            if range.parse::<ipnet::IpNet>().is_err() && range.parse::<std::net::IpAddr>().is_err()
            {
                let field = format!("resource.{name}[{at}]");
                return Err(GoogleError::field(
                    &field,
                    range,
                    "Must be a valid CIDR range.",
                ));
            }
        }
    }
    let ingress = whole["direction"] == "INGRESS";
    let wrong = if ingress {
        "destinationRanges"
    } else {
        "sourceRanges"
    };
    if !ingress && (filled(wrong) || filled("sourceTags") || filled("sourceServiceAccounts")) {
        let why = "Sources cannot be given for an EGRESS rule.";
        return Err(GoogleError::field("resource.sourceRanges", "", why));
    }
    if filled("sourceTags") && filled("sourceServiceAccounts")
        || filled("targetTags") && filled("targetServiceAccounts")
        || filled("sourceTags") && filled("targetServiceAccounts")
    {
        let message = "Tags and service accounts cannot be used in the same firewall rule.";
        return Err(GoogleError::invalid(message));
    }
    if ingress
        && !filled("sourceRanges")
        && !filled("sourceTags")
        && !filled("sourceServiceAccounts")
    {
        doc.insert("sourceRanges".into(), json!(["0.0.0.0/0"]));
    }
    if !ingress && !filled("destinationRanges") {
        doc.insert("destinationRanges".into(), json!(["0.0.0.0/0"]));
    }
    default(doc, "logConfig", json!({ "enable": false }));
    Ok(())
}

fn check_rule(field: &str, rule: &Value) -> GoogleResult<()> {
    const NAMED: [&str; 8] = ["tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all"];
    let protocol = text(rule, "/IPProtocol").to_lowercase();
    if protocol.is_empty() {
        return Err(GoogleError::required(&format!("{field}.IPProtocol")));
    }
    if !NAMED.contains(&protocol.as_str()) && protocol.parse::<u8>().is_err() {
        let field = format!("{field}.IPProtocol");
        return Err(GoogleError::field(
            &field,
            &protocol,
            "Must be a protocol's name or number.",
        ));
    }
    let ports = rule["ports"].as_array().cloned().unwrap_or_default();
    if !ports.is_empty()
        && !matches!(
            protocol.as_str(),
            "tcp" | "udp" | "sctp" | "6" | "17" | "132"
        )
    {
        let field = format!("{field}.ports");
        return Err(GoogleError::field(
            &field,
            &protocol,
            "Ports need tcp, udp or sctp.",
        ));
    }
    for port in &ports {
        let port = port.as_str().unwrap_or_default();
        let (from, to) = port.split_once('-').unwrap_or((port, port));
        let good =
            matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if from <= to);
        if !good {
            let field = format!("{field}.ports");
            return Err(GoogleError::field(
                &field,
                port,
                "Must be a port or a range of ports.",
            ));
        }
    }
    Ok(())
}
