//! Services, config maps, secrets, claims, quotas.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::error::Cause;
use super::super::kinds::Resource;
use super::super::meta::{immutable, is_label_1035};
use super::super::quantity;
use super::super::store::Session;
use super::super::value::{list, members, number, remove, set, text};

/// The addresses of Services: all of this range but the first.
pub(in super::super) const SERVICE_RANGE: [u8; 2] = [10, 96];

/// Gives a Service its cluster address and node ports.
pub(super) fn prepare_service(session: &mut Session<'_>, old: Option<&Value>, new: &mut Value) {
    let kind = text(new, "/spec/type").to_owned();
    if kind == "ExternalName" {
        for member in ["clusterIP", "clusterIPs"] {
            remove(new, &format!("spec/{member}"));
        }
        return;
    }
    if let Some(old) = old
        && text(new, "/spec/clusterIP").is_empty()
        && !text(old, "/spec/clusterIP").is_empty()
    {
        let address = text(old, "/spec/clusterIP").to_owned();
        set(new, "spec/clusterIP", address);
    }
    if text(new, "/spec/clusterIP").is_empty() {
        let taken: BTreeSet<String> = session
            .all("", "services")
            .iter()
            .map(|service| text(service, "/spec/clusterIP").to_owned())
            .collect();
        let hash = session.tx_mut().hex(4);
        let start = u32::from_str_radix(&hash, 16).unwrap_or_default() % 65_000;
        let [a, b] = SERVICE_RANGE;
        let free = (0..65_000u32)
            .map(|step| (start + step) % 65_000 + 10)
            .map(|host| format!("{a}.{b}.{}.{}", host >> 8, host & 255))
            .find(|address| !taken.contains(address));
        set(new, "spec/clusterIP", free.unwrap_or_default());
    }
    let address = text(new, "/spec/clusterIP").to_owned();
    set(new, "spec/clusterIPs", json!([address]));
    let ports = matches!(kind.as_str(), "NodePort" | "LoadBalancer")
        && new["spec"]["allocateLoadBalancerNodePorts"] != false;
    node_ports(session, old, new, ports);
}

fn node_ports(session: &Session<'_>, old: Option<&Value>, new: &mut Value, wanted: bool) {
    let name = text(new, "/metadata/name").to_owned();
    let namespace = text(new, "/metadata/namespace").to_owned();
    let mut taken: BTreeSet<i64> = BTreeSet::new();
    if wanted {
        for service in session.all("", "services") {
            let own = text(&service, "/metadata/name") == name
                && text(&service, "/metadata/namespace") == namespace;
            if !own {
                let ports = list(&service, "/spec/ports").iter();
                taken.extend(ports.filter_map(|port| number(port, "/nodePort")));
            }
        }
    }
    let before: Vec<Value> = old
        .map(|old| list(old, "/spec/ports").to_vec())
        .unwrap_or_default();
    let Some(ports) = new["spec"]["ports"].as_array_mut() else {
        return;
    };
    taken.extend(ports.iter().filter_map(|port| number(port, "/nodePort")));
    for port in ports {
        if !wanted {
            if old.is_some_and(|old| text(old, "/spec/type") != "ClusterIP") {
                remove(port, "nodePort");
            }
            continue;
        }
        if number(port, "/nodePort").unwrap_or(0) != 0 {
            continue;
        }
        let same = before
            .iter()
            .find(|other| other["port"] == port["port"] && other["protocol"] == port["protocol"]);
        let kept = same.and_then(|other| number(other, "/nodePort"));
        let start = number(port, "/port").unwrap_or(0) % 2768;
        let free = (0..2768)
            .map(|step| 30_000 + (start + step) % 2768)
            .find(|port| !taken.contains(port));
        if let Some(chosen) = kept.or(free) {
            taken.insert(chosen);
            set(port, "nodePort", chosen);
        }
    }
}

pub(super) fn check_service(
    session: &Session<'_>,
    old: Option<&Value>,
    new: &Value,
    causes: &mut Vec<Cause>,
) {
    let kind = text(new, "/spec/type");
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.contains(&kind) {
        causes.push(Cause::unsupported("spec.type", &kind.into(), &kinds));
    }
    let ports = list(new, "/spec/ports");
    let headless = text(new, "/spec/clusterIP") == "None";
    if ports.is_empty() && kind != "ExternalName" && !headless {
        causes.push(Cause::required("spec.ports", ""));
    }
    if kind == "ExternalName" && text(new, "/spec/externalName").is_empty() {
        causes.push(Cause::required("spec.externalName", ""));
    }
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = |member: &str| format!("spec.ports[{index}].{member}");
        let name = text(port, "/name");
        if name.is_empty() {
            if ports.len() > 1 {
                causes.push(Cause::required(at("name"), ""));
            }
        } else if !is_label_1035(name) && !super::super::meta::is_label(name) {
            causes.push(Cause::invalid(
                at("name"),
                &name.into(),
                super::super::meta::LABEL,
            ));
        } else if !names.insert(name) {
            causes.push(Cause::duplicate(at("name"), &name.into()));
        }
        check_port(&port["port"], at("port"), causes);
        let target = &port["targetPort"];
        if target.is_number() {
            check_port(target, at("targetPort"), causes);
        }
        let protocol = text(port, "/protocol");
        if !["TCP", "UDP", "SCTP"].contains(&protocol) {
            causes.push(Cause::unsupported(
                at("protocol"),
                &protocol.into(),
                &["SCTP", "TCP", "UDP"],
            ));
        }
        if !numbers.insert((number(port, "/port"), protocol)) {
            causes.push(Cause::duplicate(format!("spec.ports[{index}]"), port));
        }
        if let Some(node) = number(port, "/nodePort").filter(|node| *node != 0) {
            node_port(session, new, node, at("nodePort"), causes);
        }
    }
    let Some(old) = old else { return };
    let kept = text(old, "/spec/type") != "ExternalName" && kind != "ExternalName";
    let before = text(old, "/spec/clusterIP");
    if kept && !before.is_empty() && text(new, "/spec/clusterIP") != before {
        for member in ["/spec/clusterIPs/0", "/spec/clusterIP"] {
            let path = match member {
                "/spec/clusterIP" => "spec.clusterIP",
                _ => "spec.clusterIPs[0]",
            };
            let value = new.pointer(member).cloned().unwrap_or_default();
            let detail = "may not change once set";
            causes.push(Cause::invalid(path, &value, detail));
        }
    }
}

fn node_port(
    session: &Session<'_>,
    service: &Value,
    port: i64,
    path: String,
    causes: &mut Vec<Cause>,
) {
    if !(30_000..=32_767).contains(&port) {
        let detail =
            "provided port is not in the valid range. The range of valid ports is 30000-32767";
        causes.push(Cause::invalid(path, &port.into(), detail));
        return;
    }
    let own = (
        text(service, "/metadata/namespace"),
        text(service, "/metadata/name"),
    );
    let taken = session.all("", "services").iter().any(|other| {
        let name = (
            text(other, "/metadata/namespace"),
            text(other, "/metadata/name"),
        );
        name != own
            && list(other, "/spec/ports")
                .iter()
                .any(|one| number(one, "/nodePort") == Some(port))
    });
    if taken {
        let detail = "provided port is already allocated";
        causes.push(Cause::invalid(path, &port.into(), detail));
    }
}

pub(super) fn check_port(port: &Value, path: String, causes: &mut Vec<Cause>) {
    let good = port
        .as_i64()
        .is_some_and(|port| (1..=65_535).contains(&port));
    if !good {
        causes.push(Cause::invalid(
            path,
            port,
            "must be between 1 and 65535, inclusive",
        ));
    }
}

/// Config maps and secrets: keys, size, what is immutable.
pub(super) fn check_data(old: Option<&Value>, new: &Value, causes: &mut Vec<Cause>) {
    use base64::Engine;
    let secret = text(new, "/kind") == "Secret";
    let mut size = 0;
    for part in ["data", "binaryData"] {
        for (key, value) in members(new, &format!("/{part}")) {
            let inner = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
            if key.is_empty()
                || key.len() > 253
                || !key.bytes().all(inner)
                || key == "."
                || key == ".."
            {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                causes.push(Cause::invalid(
                    format!("{part}[{key}]"),
                    &key.as_str().into(),
                    detail,
                ));
            }
            let text = value.as_str().unwrap_or_default();
            size += text.len();
            if (secret || part == "binaryData")
                && base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .is_err()
            {
                let detail = "illegal base64 data";
                causes.push(Cause::invalid(
                    format!("{part}[{key}]"),
                    &"<hidden>".into(),
                    detail,
                ));
            }
        }
    }
    if size > 1 << 20 {
        let message = format!("Too long: may not be more than {} bytes", 1 << 20);
        causes.push(Cause::new("FieldValueTooLong", message, ""));
    }
    if secret {
        let needed: &[&str] = match text(new, "/type") {
            "kubernetes.io/tls" => &["tls.crt", "tls.key"],
            "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
            "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
            _ => &[],
        };
        for key in needed {
            if new["data"].get(*key).is_none() {
                causes.push(Cause::required(format!("data[{key}]"), ""));
            }
        }
    }
    let Some(old) = old else { return };
    if secret {
        immutable(old, new, "/type", causes);
    }
    if old["immutable"] == true {
        let detail = "field is immutable when `immutable` is set";
        if new["immutable"] != true {
            causes.push(Cause::forbidden("immutable", detail));
        }
        for part in ["data", "binaryData"] {
            let (before, after) = (&old[part], &new[part]);
            if before != after {
                causes.push(Cause::forbidden(part, detail));
            }
        }
    }
}

pub(super) fn check_claim(old: Option<&Value>, new: &Value, causes: &mut Vec<Cause>) {
    if list(new, "/spec/accessModes").is_empty() {
        causes.push(Cause::required(
            "spec.accessModes",
            "at least 1 access mode is required",
        ));
    }
    let size = &new["spec"]["resources"]["requests"]["storage"];
    match quantity::read(size) {
        None if size.is_null() => {
            causes.push(Cause::required("spec.resources[storage]", ""));
        }
        None => causes.push(Cause::invalid(
            "spec.resources.requests[storage]",
            size,
            quantity::FORM,
        )),
        Some(_) => {}
    }
    let Some(old) = old else { return };
    let frozen = |value: &Value| {
        let mut spec = value["spec"].clone();
        remove(&mut spec, "resources");
        remove(&mut spec, "volumeName");
        remove(&mut spec, "volumeAttributesClassName");
        spec
    };
    if frozen(old) != frozen(new) {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        causes.push(Cause::forbidden("spec", detail));
    }
    let before = quantity::read(&old["spec"]["resources"]["requests"]["storage"]);
    if let (Some(before), Some(after)) = (before, quantity::read(size))
        && after < before
    {
        let detail = "field can not be less than status.capacity";
        causes.push(Cause::forbidden("spec.resources.requests.storage", detail));
    }
}

/// Amounts of quotas and ranges are quantities.
pub(super) fn check_amounts(resource: &Resource, new: &Value, causes: &mut Vec<Cause>) {
    let check = |value: &Value, path: String, causes: &mut Vec<Cause>| {
        if quantity::read(value).is_none() {
            causes.push(Cause::invalid(path, value, quantity::FORM));
        }
    };
    if resource.kind == "ResourceQuota" {
        for (name, amount) in members(new, "/spec/hard") {
            check(amount, format!("spec.hard[{name}]"), causes);
        }
        return;
    }
    for (index, limit) in list(new, "/spec/limits").iter().enumerate() {
        for part in ["max", "min", "default", "defaultRequest"] {
            for (name, amount) in members(limit, &format!("/{part}")) {
                let path = format!("spec.limits[{index}].{part}[{name}]");
                check(amount, path, causes);
            }
        }
        for (name, least) in members(limit, "/min") {
            let most = &limit["max"][name.as_str()];
            if let (Some(least_of), Some(most)) = (quantity::read(least), quantity::read(most))
                && least_of > most
            {
                let detail = "min value is greater than max value";
                causes.push(Cause::invalid(
                    format!("spec.limits[{index}].min[{name}]"),
                    least,
                    detail,
                ));
            }
        }
    }
}
