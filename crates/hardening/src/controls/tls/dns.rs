//! The records by which hosts are found: they point to the Gateway, and certificates of Let's Encrypt wait for them.

use super::{Config, Host, gateway::Balancer};
use crate::inside::Inside;
use crate::node::identifier;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// For how many seconds resolvers keep a record.
const TTL: u32 = 300;

/// A record for each host, or a word about who has to make them.
pub(super) fn records(
    config: &Config,
    hosts: &[Host],
    before: Option<&Balancer>,
    inside: &mut Inside<'_>,
) {
    let Some(dns) = config.dns.first() else {
        // A load balancer's certificate is not for Let's Encrypt to give.
        if before.is_none() && config.issuer.starts_with("letsencrypt") && !hosts.is_empty() {
            let names: Vec<&str> = hosts.iter().filter_map(|h| h.host.as_str()).collect();
            let name = inside.draft.instance.name;
            inside.draft.remark(
                "tls",
                format!("Let's Encrypt gives certificates only when DNS records point here: {}", names.join(", ")),
                format!("make them, to the address in `hardening.{name}.address`; or name a zone: `dns = {{ zone = \"…\" }}` in the table `tls`"),
            );
        }
        return;
    };
    let Some(address) = inside.address.clone() else {
        return;
    };
    let place = format!("flatten([{}.dns])[0].zone", Inside::input("tls"));
    let zone = dns.zone.json(&place);
    for host in hosts {
        let kind = kind(&inside.site.cloud);
        let body = match (&inside.site.cloud, before) {
            (Cloud::Google(_), _) => google(&zone, host, &address),
            (Cloud::Aws(_), None) => aws(&zone, host, &address),
            (Cloud::Aws(_), Some(balancer)) => aws_alias(&zone, host, &balancer.reference),
            (Cloud::Azure(_), _) => azure(&place, host, &address, before),
        };
        inside.cloud(kind, &block(host), body);
    }
}

/// The type of a record.
fn kind(cloud: &Cloud) -> &'static str {
    match cloud {
        Cloud::Google(_) => "google_dns_record_set",
        Cloud::Aws(_) => "aws_route53_record",
        Cloud::Azure(_) => "azurerm_dns_a_record",
    }
}

fn google(zone: &Json, host: &Host, address: &str) -> Json {
    json!({
        "managed_zone": zone,
        "name": dotted(&host.host),
        "type": "A",
        "ttl": TTL,
        "rrdatas": [format!("${{{address}}}")],
    })
}

/// A load balancer on AWS has a name and no address of its own. In which zone that is the Gateway does not tell, so that it is no
/// alias: a host that is the zone's own name cannot have it.
fn aws(zone: &Json, host: &Host, address: &str) -> Json {
    json!({
        "zone_id": zone,
        "name": host.host,
        "type": "CNAME",
        "ttl": TTL,
        "records": [format!("${{{address}}}")],
    })
}

/// A load balancer of the stack tells in which zone its name is.
fn aws_alias(zone: &Json, host: &Host, balancer: &str) -> Json {
    json!({
        "zone_id": zone,
        "name": host.host,
        "type": "A",
        "alias": {
            "name": format!("${{{balancer}.dns_name}}"),
            "zone_id": format!("${{{balancer}.zone_id}}"),
            "evaluate_target_health": true,
        },
    })
}

/// Group and name of the zone are parts of its id. A load balancer of the stack has a public address, which the record follows; an
/// internal one has only an address.
fn azure(zone: &str, host: &Host, address: &str, before: Option<&Balancer>) -> Json {
    let followed = before.filter(|balancer| !balancer.internal);
    let part = |at: usize| format!("split(\"/\", {zone})[{at}]");
    let (name, domain) = (host.host.as_str().unwrap_or_default(), part(8));
    json!({
        "resource_group_name": format!("${{{}}}", part(4)),
        "zone_name": format!("${{{domain}}}"),
        "name": format!(
            "${{\"{name}\" == {domain} ? \"@\" : trimsuffix(\"{name}\", \".${{{domain}}}\")}}"
        ),
        "ttl": TTL,
        "records": followed.is_none().then(|| json!([format!("${{{address}}}")])),
        "target_resource_id": followed.map(|balancer| format!("${{{}.zone_id}}", balancer.reference)),
    })
}

/// The address of a host's record, where there is one.
pub(super) fn record(config: &Config, host: &Host, inside: &Inside<'_>) -> Option<String> {
    let kind = kind(&inside.site.cloud);
    (!config.dns.is_empty()).then(|| format!("{kind}.{}", block(host)))
}

fn block(host: &Host) -> String {
    identifier(&["host", &host.key])
}

/// A name as DNS has it, from the root.
fn dotted(host: &Json) -> String {
    format!("{}.", host.as_str().unwrap_or_default())
}
