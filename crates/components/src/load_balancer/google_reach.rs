//! Who reaches a `load_balancer` on Google Cloud: a Cloud Armor policy before one that the internet reaches; an address of the
//! network's, and proxies in it, for one that only the network reaches.

use super::{Inputs, Kind};
use crate::draft::Draft;
use crate::google;
use crate::network::Site;
use infra_model::Value;
use serde_json::{Value as Json, json};

/// How many ranges a rule has at most (`SecurityPolicyRuleMatcherConfig` in Compute's reference).
const RANGES: usize = 10;
/// The priority of the rule for what no other matches.
const LAST: i64 = 2_147_483_647;
/// What names of Certificate Manager's certificates begin with.
const CERTIFICATE_MANAGER: &str = "//certificatemanager.googleapis.com/";

/// The policy that lets only `from` in, if that says anything: an expression of its id.
/// <https://cloud.google.com/armor/docs/security-policy-overview> has the load balancers that it stands before: both kinds, if they are
/// reached from the internet.
pub(super) fn policy(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<&'static str> {
    let from = inputs.from.as_ref()?;
    let rule = |priority: i64, action: &str, description: &str, ranges: &[String]| {
        json!({
            "priority": priority,
            "action": action,
            "description": description,
            "match": {
                "versioned_expr": "SRC_IPS_V1",
                "config": { "src_ip_ranges": ranges },
            },
        })
    };
    let mut rules: Vec<Json> = (1000..)
        .zip(from.chunks(RANGES))
        .map(|(priority, ranges)| rule(priority, "allow", "From these ranges", ranges))
        .collect();
    rules.push(rule(LAST, "deny(403)", "From nowhere else", &["*".into()]));
    let body = json!({
        "name": draft.name("", google::NAME),
        "description": google::description(draft),
        "rule": rules,
        "labels": draft.labels(),
    });
    draft.resource("google_compute_security_policy", "this", body);
    Some("${google_compute_security_policy.this.id}")
}

/// What an internal one cannot have. <https://cloud.google.com/load-balancing/docs/ssl-certificates> and
/// <https://cloud.google.com/load-balancing/docs/tcp/internal-proxy> say what those across regions can.
pub(super) fn check(inputs: &Inputs, kind: Kind, draft: &mut Draft<'_>) {
    if inputs.from.is_some() {
        draft.refuse(
            "from",
            "no Cloud Armor policy stands before an internal load balancer of Google Cloud: its network reaches it, and networks that are connected with that",
            "leave `from` out, and let a network policy of the hardening say who reaches the service behind it",
        );
    }
    let sends_on = inputs
        .listen
        .iter()
        .any(|l| l.protocol == "http" && l.port == 80);
    for (index, listen) in inputs.listen.iter().enumerate() {
        if listen.protocol == "https" && listen.port != 443 && sends_on {
            draft.refuse(
                &format!("listen[{index}].port"),
                "port 80 sends people on to port 443, where this load balancer does not listen",
                "write `port = 443`, or another port than 80 for `http`",
            );
        }
        if listen.protocol == "tls" && kind == Kind::Network {
            draft.refuse(
                &format!("listen[{index}].protocol"),
                "an internal load balancer of Google Cloud does not end TLS of kind `network`",
                "write `protocol = \"tcp\"` and end TLS behind it, or `kind = \"application\"` with `protocol = \"https\"`",
            );
        }
        if listen.protocol == "https" && !is_named(&listen.certificate) {
            draft.refuse(
                &format!("listen[{index}].certificate"),
                "an internal load balancer of Google Cloud takes certificates of Certificate Manager only, by their names",
                format!(
                    "write `{{ id = \"{CERTIFICATE_MANAGER}projects/…/locations/global/certificates/NAME\" }}`, of one whose scope is ALL_REGIONS"
                ),
            );
        }
    }
}

/// Whether what is given names a certificate of Certificate Manager, as far as that is known.
fn is_named(certificate: &Value) -> bool {
    let id = match certificate.entries() {
        None => Some(certificate.clone()),
        Some(fields) => match fields.len() {
            1 => fields.get("id").cloned(),
            _ => None,
        },
    };
    id.is_some_and(|id| {
        let text = id.as_str();
        text.is_none_or(|text| text.starts_with(CERTIFICATE_MANAGER))
    })
}

/// An address in the nodes' subnetwork; all ports of the load balancer share it.
pub(super) fn address(name: &str, site: &Site, draft: &mut Draft<'_>) {
    let body = json!({
        "name": name,
        "address_type": "INTERNAL",
        "purpose": "SHARED_LOADBALANCER_VIP",
        "subnetwork": subnetwork(site),
        "labels": draft.labels(),
    });
    draft.resource("google_compute_address", "this", body);
}

/// What a rule says further that only the network reaches. Its proxies need their subnetwork before, which nothing else names.
pub(super) fn rule(site: &Site, body: &mut Json) {
    body["network"] = json!(site.output("id"));
    body["subnetwork"] = json!(subnetwork(site));
    body["depends_on"] = json!([site.reference]);
}

/// The nodes' subnetwork, which spans all zones.
fn subnetwork(site: &Site) -> String {
    format!("${{{}.private_subnet_ids[0]}}", site.reference)
}
