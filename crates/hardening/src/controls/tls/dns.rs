//! The records by which hosts are found: they point to the Gateway, and certificates of Let's Encrypt wait for them.

use super::{Config, Host};
use crate::inside::Inside;
use crate::node::identifier;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// A record for each host, or a word about who has to make them.
pub(super) fn records(config: &Config, hosts: &[Host], inside: &mut Inside<'_>) {
    let Some(dns) = config.dns.first() else {
        if config.issuer.starts_with("letsencrypt") && !hosts.is_empty() {
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
    match &inside.site.cloud {
        Cloud::Google(_) => {
            let zone = dns
                .zone
                .json(&format!("flatten([{}.dns])[0].zone", Inside::input("tls")));
            for host in hosts {
                let body = json!({
                    "managed_zone": zone,
                    "name": dotted(&host.host),
                    "type": "A",
                    "ttl": 300,
                    "rrdatas": [format!("${{{address}}}")],
                });
                inside.cloud("google_dns_record_set", &block(host), body);
            }
        }
        Cloud::Aws(_) | Cloud::Azure(_) => inside.draft.refuse(
            "tls.dns",
            "records cannot be made on this cloud yet",
            "leave `dns` out, and make a record that points to `address` of the hardening",
        ),
    }
}

/// The address of a host's record, where there is one.
pub(super) fn record(config: &Config, host: &Host, inside: &Inside<'_>) -> Option<String> {
    let made = !config.dns.is_empty() && matches!(inside.site.cloud, Cloud::Google(_));
    made.then(|| format!("google_dns_record_set.{}", block(host)))
}

fn block(host: &Host) -> String {
    identifier(&["host", &host.key])
}

/// A name as DNS has it, from the root.
fn dotted(host: &Json) -> String {
    format!("{}.", host.as_str().unwrap_or_default())
}
