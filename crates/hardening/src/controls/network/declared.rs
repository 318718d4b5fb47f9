//! Reads `from` and `to` of services.

use super::super::crossplane::around;
use crate::app::{App, Running};
use crate::flow::{Peer, Port};
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_model::Value;
use infra_model::diagnostic::meant;

/// Declares the flows of all apps.
pub(super) fn flows(inside: &mut Inside<'_>) {
    for app in inside.apps.clone() {
        for running in inside.services(&app.name).to_vec() {
            let me = Peer::Pods(running.pods(app.namespace()));
            let ports: Vec<Port> = App::port(&running.service).into_iter().collect();
            for (index, text) in running.service.from.iter().enumerate() {
                let path = format!("{}.from[{index}]", running.path);
                if let Some(peer) = source(text, Some(&app), &path, inside) {
                    inside.allow(peer, me.clone(), &ports);
                }
            }
            for (index, text) in running.service.to.iter().enumerate() {
                let path = format!("{}.to[{index}]", running.path);
                if let Some((peer, ports)) = target(text, &app, &path, inside) {
                    inside.allow(me.clone(), peer, &ports);
                }
            }
        }
    }
}

/// Who calls something of a control's, as its table names them: services of apps (`shop.front`) or ranges of addresses.
pub(crate) fn callers(texts: &[String], path: &str, inside: &mut Inside<'_>) -> Vec<Peer> {
    let each = texts.iter().enumerate();
    each.filter_map(|(index, text)| source(text, None, &format!("{path}[{index}]"), inside))
        .collect()
}

fn source(text: &str, app: Option<&App>, path: &str, inside: &mut Inside<'_>) -> Option<Peer> {
    if let Ok(range) = text.parse::<ipnet::IpNet>() {
        return outside(range, path, inside).then(|| Peer::Range(range.to_string()));
    }
    service(text, app, path, inside)
        .map(|(namespace, running)| Peer::Pods(running.pods(&namespace)))
}

fn target(text: &str, app: &App, path: &str, inside: &mut Inside<'_>) -> Option<(Peer, Vec<Port>)> {
    if let Some((range, port)) = text.rsplit_once(':') {
        let (Ok(range), Some(port)) = (
            range.parse::<ipnet::IpNet>(),
            port.parse().ok().filter(|p| *p > 0),
        ) else {
            inside.draft.refuse(
                path,
                format!("`{text}` is not a range of addresses with a port"),
                "write it so: \"203.0.113.0/24:443\"",
            );
            return None;
        };
        // What a copy for a drill did out there would be taken for the real one's doing.
        return (outside(range, path, inside) && inside.origin.is_none())
            .then(|| (Peer::Range(range.to_string()), vec![Port::tcp(port)]));
    }
    if text.parse::<ipnet::IpNet>().is_ok() {
        inside.draft.refuse(
            path,
            format!("`{text}` has no port"),
            format!("write the port that is called: \"{text}:443\""),
        );
        return None;
    }
    if let Some(name) = text.strip_prefix("database.") {
        return database(name, path, inside);
    }
    if text == "crossplane.database" {
        return crossplane(path, inside);
    }
    let (namespace, running) = service(text, Some(app), path, inside)?;
    let Some(port) = App::port(&running.service) else {
        inside.draft.refuse(
            path,
            format!("`{text}` has no port that could be called"),
            format!("write `port` in its table, {}", running.path),
        );
        return None;
    };
    Some((Peer::Pods(running.pods(&namespace)), vec![port]))
}

/// A managed database of the stack.
fn database(name: &str, path: &str, inside: &mut Inside<'_>) -> Option<(Peer, Vec<Port>)> {
    let known = inside.draft.find("database", path, &Value::from(name))?;
    let port = known.facts.get("port").and_then(Value::as_i64)?;
    let port = Port::tcp(u16::try_from(port).ok()?);
    let range = match &inside.site.cloud {
        // It answers under a name, from an address of the network's private subnets that changes when the standby takes over.
        Cloud::Aws(_) => inside.site.range?.to_string(),
        // One in a subnet that was delegated to it.
        Cloud::Azure(_) => inside.site.range?.to_string(),
        Cloud::Google(_) => format!("${{{}.address}}/32", known.reference),
    };
    Some((Peer::Range(range), vec![port]))
}

/// Databases that Crossplane makes for those who ask for them.
fn crossplane(path: &str, inside: &mut Inside<'_>) -> Option<(Peer, Vec<Port>)> {
    if !inside.on("crossplane") {
        inside.draft.refuse(
            path,
            "the control `crossplane` is off, and nobody makes such a database",
            format!(
                "write `[hardening.{}.crossplane]`",
                inside.draft.instance.name
            ),
        );
        return None;
    }
    around::databases(inside)
}

/// A service by its name, in the same app where there is one, or by app and name.
fn service(
    text: &str,
    app: Option<&App>,
    path: &str,
    inside: &mut Inside<'_>,
) -> Option<(String, Running)> {
    let own = app.map_or("", |app| app.name.as_str());
    let (wanted, name) = text.split_once('.').unwrap_or((own, text));
    let found = inside.apps.iter().find(|a| a.name == wanted);
    let all = inside.services(wanted);
    if let (Some(found), Some(running)) = (found, all.iter().find(|r| r.name == name)) {
        return Some((found.namespace().to_owned(), running.clone()));
    }
    let names: Vec<String> = inside
        .apps
        .iter()
        .flat_map(|a| inside.services(&a.name).iter().map(move |r| (a, r)))
        .map(|(a, r)| {
            if a.name == own {
                r.name.clone()
            } else {
                format!("{}.{}", a.name, r.name)
            }
        })
        .collect();
    let meant = meant(text, names.iter().map(String::as_str));
    let help = match names[..] {
        [] => "declare one with `[hardening.….apps.NAME.services.NAME]`, or write a range of addresses"
            .to_owned(),
        _ => format!("there is: {}; or write a range of addresses", names.join(", ")),
    };
    let message = format!("there is no service `{text}`{meant}");
    inside.draft.refuse(path, message, help);
    None
}

/// Ranges stand for what is outside the cluster: network engines do not apply them to pods and nodes.
fn outside(range: ipnet::IpNet, path: &str, inside: &mut Inside<'_>) -> bool {
    let ipnet::IpNet::V4(four) = range else {
        return true;
    };
    let metadata: ipnet::Ipv4Net =
        ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(169, 254, 0, 0), 16);
    if metadata.contains(&four) {
        inside.draft.refuse(
            path,
            format!(
                "`{range}` is the cloud's own: pods get what they need of it by their identity"
            ),
            "leave it out",
        );
        return false;
    }
    true
}
