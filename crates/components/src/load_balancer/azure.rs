//! `load_balancer` on Azure: an application gateway with a public address, in front of an address in the network that is kept
//! for a Service of the cluster.

use super::{Inputs, Kind, Listen, Target};
use crate::azure::{self, LOCATION, NAME, Opening};
use crate::cluster::Target as Cluster;
use crate::draft::Draft;
use crate::input::{escape, literal, table};
use crate::names;
use crate::network::Site;
use infra_model::Value;
use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};
use std::net::Ipv4Addr;

/// TLS 1.2 and 1.3 with forward secrecy.
const TLS_POLICY: &str = "AppGwSslPolicy20220101";

/// How many addresses at the end of the nodes' range are kept for Services: nodes take theirs from its beginning.
const KEPT: u32 = 1024;

pub(super) fn expand(
    inputs: &Inputs,
    kind: Kind,
    target: &Target,
    site: &Site,
    cluster: &Cluster,
    draft: &mut Draft<'_>,
) {
    super::check_public_application(inputs, kind, "Azure", draft);
    let Some(address) = address(site, cluster, target) else {
        return;
    };
    draft.remark(
        "target",
        format!(
            "an application gateway reaches no ports of nodes: it sends to {address}, which {} must answer on port {}",
            cluster.reference, target.node_port
        ),
        format!(
            "give it a Service of type LoadBalancer on port {} with the annotations `service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"` and `service.beta.kubernetes.io/azure-load-balancer-ipv4: {address}`",
            target.node_port
        ),
    );
    let group = azure::group_of(site, draft);
    firewall(inputs, site, &group, draft);
    let body = json!({
        "name": draft.name("", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "allocation_method": "Static",
        "sku": "Standard",
        "domain_name_label": format!("{}-${{{}}}", draft.start(54), azure::unique(draft)),
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_public_ip", "this", body);
    gateway(inputs, target, site, &group, address, draft);
    let firewall = azure::beside(site, "networkSecurityGroups", site.fact("public_name"));
    let firewall = format!("\"{firewall}\"");
    for (name, expression) in [
        ("id", "azurerm_application_gateway.this.id"),
        ("name", "azurerm_application_gateway.this.name"),
        ("arn", "azurerm_application_gateway.this.id"),
        ("dns_name", "azurerm_public_ip.this.fqdn"),
        ("zone_id", "azurerm_public_ip.this.id"),
        ("security_group_id", &*firewall),
    ] {
        draft.output(name, expression);
    }
}

/// The address that is kept for the Service: near the end of the nodes' range, by cluster and port, the same on every run.
fn address(site: &Site, cluster: &Cluster, target: &Target) -> Option<Ipv4Addr> {
    let range: Ipv4Net = site.fact("private_range").parse().ok()?;
    let size = u32::from(range.broadcast()) - u32::from(range.network());
    let kept = KEPT.min(size / 4);
    let place = names::number(&format!("{} {}", cluster.reference, target.node_port)) % kept;
    // The last address of a range is nobody's.
    Some(Ipv4Addr::from(u32::from(range.broadcast()) - 1 - place))
}

fn firewall(inputs: &Inputs, site: &Site, group: &str, draft: &mut Draft<'_>) {
    let priority = azure::priority(draft, &format!("{} public", site.reference));
    let ports: Vec<String> = inputs.listen.iter().map(|l| l.port.to_string()).collect();
    let from = match &inputs.from {
        Some(ranges) if ranges.is_empty() => return,
        Some(ranges) => json!(ranges),
        None => json!("Internet"),
    };
    let opening = Opening {
        group,
        security_group: site.fact("public_name"),
        priority,
        from,
        ports: json!(ports),
        description: "Clients to the load balancer",
    };
    azure::open(draft, "listen", &opening);
}

fn gateway(
    inputs: &Inputs,
    target: &Target,
    site: &Site,
    group: &str,
    address: Ipv4Addr,
    draft: &mut Draft<'_>,
) {
    let certificates = certificates(inputs, group, draft);
    let secure = inputs.listen.iter().find(|l| l.protocol == "https");
    let redirect = secure.filter(|_| inputs.listen.iter().any(plain_80));
    let ports = inputs
        .listen
        .iter()
        .map(|l| json!({ "name": front(l), "port": l.port }));
    let listeners = inputs.listen.iter().map(|l| {
        json!({
            "name": front(l),
            "frontend_ip_configuration_name": "public",
            "frontend_port_name": front(l),
            "protocol": if l.protocol == "https" { "Https" } else { "Http" },
            "ssl_certificate_name": (l.protocol == "https").then(|| front(l)),
        })
    });
    let rules = inputs.listen.iter().enumerate().map(|(index, l)| {
        let away = redirect.is_some() && plain_80(l);
        json!({
            "name": front(l),
            "rule_type": "Basic",
            "priority": 100 + 10 * index,
            "http_listener_name": front(l),
            "backend_address_pool_name": (!away).then_some("nodes"),
            "backend_http_settings_name": (!away).then_some("nodes"),
            "redirect_configuration_name": away.then_some("to-https"),
        })
    });
    let identity = (!certificates.is_empty()).then(|| {
        json!({ "type": "UserAssigned", "identity_ids": ["${azurerm_user_assigned_identity.this.id}"] })
    });
    let granted = !certificates.is_empty() && inputs.listen.iter().any(|l| in_a_vault(l).is_some());
    let mut depends = vec![site.reference.clone()];
    if granted {
        depends.push("azurerm_role_assignment.certificates".to_owned());
    }
    let body = json!({
        "name": draft.name("", NAME),
        "resource_group_name": group,
        "location": LOCATION,
        "zones": azure::zones(site),
        "sku": { "name": "Standard_v2", "tier": "Standard_v2" },
        "autoscale_configuration": { "min_capacity": 1, "max_capacity": 10 },
        "http2_enabled": true,
        "identity": identity,
        "ssl_policy": { "policy_type": "Predefined", "policy_name": TLS_POLICY },
        "gateway_ip_configuration": {
            "name": "subnet",
            "subnet_id": format!("${{{}.public_subnet_ids[0]}}", site.reference),
        },
        "frontend_ip_configuration": { "name": "public", "public_ip_address_id": "${azurerm_public_ip.this.id}" },
        "frontend_port": ports.collect::<Vec<Json>>(),
        "ssl_certificate": (!certificates.is_empty()).then_some(certificates),
        "backend_address_pool": { "name": "nodes", "ip_addresses": [address.to_string()] },
        "backend_http_settings": {
            "name": "nodes",
            "port": target.node_port,
            "protocol": "Http",
            "cookie_based_affinity": "Disabled",
            "request_timeout": 30,
            "probe_name": "nodes",
        },
        "probe": {
            "name": "nodes",
            "protocol": "Http",
            "host": "127.0.0.1",
            "path": escape(&target.health_path),
            "interval": 15,
            "timeout": 5,
            "unhealthy_threshold": 3,
            "match": { "status_code": ["200-399"] },
        },
        "http_listener": listeners.collect::<Vec<Json>>(),
        "redirect_configuration": redirect.map(|secure| json!({
            "name": "to-https",
            "redirect_type": "Permanent",
            "target_listener_name": front(secure),
            "include_path": true,
            "include_query_string": true,
        })),
        "request_routing_rule": rules.collect::<Vec<Json>>(),
        "tags": draft.plain_tags(),
        // Its subnet's rules come with the network, and without the grant it cannot read its certificates.
        "depends_on": depends,
    });
    draft.resource("azurerm_application_gateway", "this", body);
}

fn plain_80(listen: &Listen) -> bool {
    listen.protocol == "http" && listen.port == 80
}

fn front(listen: &Listen) -> String {
    format!("port-{}", listen.port)
}

/// A certificate's id, where it is known to be one in a vault.
fn in_a_vault(listen: &Listen) -> Option<(String, String)> {
    let given = &listen.certificate;
    let id = given.get("id").unwrap_or(given);
    let parts: Vec<&str> = id.as_str()?.split('/').collect();
    match parts[..] {
        [
            "",
            "subscriptions",
            _,
            _,
            _,
            "providers",
            "Microsoft.KeyVault",
            "vaults",
            vault,
            "secrets" | "certificates",
            name,
        ] => {
            let scope = parts[..9].join("/");
            // A certificate with its key is a secret of the same name.
            let secret = format!("https://{vault}.vault.azure.net/secrets/{name}");
            Some((scope, secret))
        }
        _ => None,
    }
}

/// The certificates, by their listeners' names; the identity that reads them, and what it may.
fn certificates(inputs: &Inputs, group: &str, draft: &mut Draft<'_>) -> Vec<Json> {
    let mut all = Vec::new();
    let mut vaults: Vec<String> = Vec::new();
    for (index, listen) in inputs.listen.iter().enumerate() {
        if listen.protocol != "https" {
            continue;
        }
        let secret = if let Some((vault, secret)) = in_a_vault(listen) {
            if !vaults.contains(&vault) {
                vaults.push(vault);
            }
            json!(secret)
        } else {
            elsewhere(index, &listen.certificate, draft)
        };
        all.push(json!({ "name": front(listen), "key_vault_secret_id": secret }));
    }
    if !all.is_empty() {
        azure::identity(draft, "this", "", group);
    }
    if !vaults.is_empty() {
        let scopes: serde_json::Map<String, Json> = vaults
            .iter()
            .map(|vault| {
                let name = vault.rsplit('/').next().unwrap_or_default();
                (name.to_owned(), json!(vault))
            })
            .collect();
        draft.resource(
            "azurerm_role_assignment",
            "certificates",
            json!({
                "for_each": scopes,
                "scope": "${each.value}",
                "role_definition_name": "Key Vault Secrets User",
                "principal_id": "${azurerm_user_assigned_identity.this.principal_id}",
                "principal_type": "ServicePrincipal",
            }),
        );
    }
    all
}

/// A certificate by the address of its secret: whose vault it is in is not known, so that reading it must be granted elsewhere.
fn elsewhere(index: usize, given: &Value, draft: &mut Draft<'_>) -> Json {
    let path = format!("listen[{index}].certificate");
    let expression = format!("{}.certificate", table("listen", index));
    let (id, expression) = match given.entries() {
        Some(fields) if fields.len() == 1 && fields.contains_key("id") => {
            (&fields["id"], format!("{expression}.id"))
        }
        Some(_) => {
            draft.refuse(
                &path,
                "a certificate cannot be made on Azure: no authority there gives one for a domain, and an application gateway takes one of your own from a vault",
                "give the id of one in a vault: `certificate = { id = \"/subscriptions/…/vaults/NAME/certificates/NAME\" }`",
            );
            return Json::Null;
        }
        None => (given, expression),
    };
    if let Some(text) = id.as_str()
        && !text.starts_with("https://")
    {
        draft.refuse(
            &path,
            format!("`{text}` is not a certificate in a vault"),
            "write its id, \"/subscriptions/…/vaults/NAME/certificates/NAME\", or the address of its secret, \"https://NAME.vault.azure.net/secrets/NAME\"",
        );
    }
    let name = draft.name("", 128);
    draft.remark(
        &path,
        format!("the identity {name} must be allowed to read this certificate before it can be used"),
        "give it the role \"Key Vault Secrets User\" on the vault, or write the certificate's id, \"/subscriptions/…/vaults/NAME/certificates/NAME\", and it is given",
    );
    literal(id, &expression)
}
