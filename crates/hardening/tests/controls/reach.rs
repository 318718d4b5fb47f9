//! What policies allow, computed from the policies alone, as the documentation of NetworkPolicy has it: a pod that no policy
//! selects for a direction is open in it; otherwise a connection needs a rule of any policy that selects the pod, at both ends.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>

use ipnet::IpNet;
use serde_json::{Map, Value as Json};
use std::net::IpAddr;

/// Something that opens connections or takes them.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// A pod.
    Pod {
        name: &'static str,
        namespace: &'static str,
        labels: Map<String, Json>,
    },
    /// An address outside of the cluster.
    Address(IpAddr),
}

impl End {
    /// A pod with labels, as `key=value`.
    pub(crate) fn pod(name: &'static str, namespace: &'static str, labels: &[&str]) -> End {
        let labels = labels.iter().map(|text| {
            let (key, value) = text.split_once('=').expect("key=value");
            (key.to_owned(), Json::from(value))
        });
        End::Pod {
            name,
            namespace,
            labels: labels.collect(),
        }
    }

    /// An address.
    pub(crate) fn address(text: &str) -> End {
        End::Address(text.parse().expect("an address"))
    }

    /// For people.
    pub(crate) fn name(&self) -> String {
        match self {
            End::Pod { name, .. } => (*name).to_owned(),
            End::Address(address) => address.to_string(),
        }
    }
}

/// Whether a connection goes through.
pub(crate) fn reaches(policies: &[Json], from: &End, to: &End, protocol: &str, port: u16) -> bool {
    let one = |me: &End, other: &End, direction: &str| {
        let End::Pod {
            namespace, labels, ..
        } = me
        else {
            return true;
        };
        let mut applies = policies.iter().filter(|policy| {
            let types = policy["spec"]["policyTypes"].as_array();
            policy["metadata"]["namespace"] == *namespace
                && selects(&policy["spec"]["podSelector"], labels)
                && types.is_some_and(|t| t.iter().any(|t| t == direction))
        });
        let (rules, ends) = match direction {
            "Ingress" => ("ingress", "from"),
            _ => ("egress", "to"),
        };
        let mut selected = false;
        let allowed = applies.any(|policy| {
            selected = true;
            let all = policy["spec"][rules].as_array().into_iter().flatten();
            all.into_iter().any(|rule| {
                ends_allow(&rule[ends], other) && ports_allow(&rule["ports"], protocol, port)
            })
        });
        allowed || !selected
    };
    one(from, to, "Egress") && one(to, from, "Ingress")
}

fn ends_allow(ends: &Json, other: &End) -> bool {
    let Some(ends) = ends.as_array() else {
        return true;
    };
    ends.iter().any(|end| match other {
        End::Pod {
            namespace, labels, ..
        } => {
            // A range never stands for pods.
            if end["ipBlock"].is_object() {
                return false;
            }
            let name = Map::from_iter([(
                "kubernetes.io/metadata.name".to_owned(),
                Json::from(*namespace),
            )]);
            selects(&end["namespaceSelector"], &name)
                && (end["podSelector"].is_null() || selects(&end["podSelector"], labels))
        }
        End::Address(address) => {
            let inside = |json: &Json| {
                let range = json.as_str().and_then(|t| t.parse::<IpNet>().ok());
                range.is_some_and(|r| r.contains(address))
            };
            let except = end["ipBlock"]["except"].as_array();
            inside(&end["ipBlock"]["cidr"]) && !except.is_some_and(|e| e.iter().any(inside))
        }
    })
}

fn ports_allow(ports: &Json, protocol: &str, port: u16) -> bool {
    let Some(ports) = ports.as_array() else {
        return true;
    };
    ports
        .iter()
        .any(|p| p["protocol"] == protocol && p["port"] == port)
}

fn selects(selector: &Json, labels: &Map<String, Json>) -> bool {
    let Some(wanted) = selector.as_object() else {
        return false;
    };
    assert!(
        wanted.keys().all(|k| k == "matchLabels"),
        "another kind of selector: {selector}"
    );
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    wanted
        .into_iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}
