//! Who talks to whom. Controls and apps declare flows; the control `network` makes policies of them that allow exactly these.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Where the control `monitoring` runs.
pub(crate) const MONITORING: &str = "monitoring";

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    /// `TCP` or `UDP`.
    pub(crate) protocol: &'static str,
    /// Its number on the pod.
    pub(crate) number: u16,
}

impl Port {
    /// Of TCP.
    pub(crate) const fn tcp(number: u16) -> Port {
        Port {
            protocol: "TCP",
            number,
        }
    }

    /// Of UDP.
    pub(crate) const fn udp(number: u16) -> Port {
        Port {
            protocol: "UDP",
            number,
        }
    }

    /// As a policy has it.
    pub(crate) fn json(self) -> Json {
        json!({ "protocol": self.protocol, "port": self.number })
    }
}

/// Some pods of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pods {
    /// The namespace.
    pub(crate) namespace: String,
    /// What their policy is called; one name for the same labels.
    pub(crate) name: String,
    /// Their labels; none selects all pods of the namespace.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Pods {
    /// Those with certain labels.
    pub(crate) fn of(namespace: &str, name: &str, labels: &[(&str, &str)]) -> Pods {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Pods {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            labels: labels.collect(),
        }
    }

    /// Those of a job of a chart, which Kubernetes labels with its name
    /// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#batch-kubernetes-io-job-name>).
    pub(crate) fn job(namespace: &str, name: &str) -> Pods {
        Pods::of(namespace, name, &[("batch.kubernetes.io/job-name", name)])
    }

    /// Those that ask for metrics.
    pub(crate) fn monitoring() -> Pods {
        let labels = [("app.kubernetes.io/name", "prometheus")];
        Pods::of(MONITORING, "prometheus", &labels)
    }
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// Pods.
    Pods(Pods),
    /// A range of addresses outside the cluster; may be a template. It never stands for pods or nodes: some network engines do not apply
    /// ranges to them.
    Range(String),
    /// Every address outside the cluster, but none of the cloud's link-local ones.
    Internet,
    /// The cluster's nodes, with what listens on their own addresses: kubelets, exporters.
    Nodes,
    /// The Kubernetes API: as a target its addresses, as a source whoever reaches the port, for its own address is not known (webhooks).
    Api,
}

/// A flow that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flow {
    /// Who opens connections.
    pub(crate) from: Peer,
    /// To whom.
    pub(crate) to: Peer,
    /// On which ports of the target; none for all.
    pub(crate) ports: Vec<Port>,
}

/// Whether a text can be a label of DNS, which names of most objects are.
pub(crate) fn is_label(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(legal)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether a text can be the value of a label: up to 63 letters, digits, `-`, `_` and `.`, first and last a letter or digit
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>). Loki takes it for the name of a tenant as well
/// (<https://grafana.com/docs/loki/latest/operations/multi-tenancy/>).
pub(crate) fn is_label_value(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.chars().all(legal)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether a text can be the key of a label: a name as above, behind a name of DNS and a slash where one is written.
pub(crate) fn is_label_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    is_label_value(name) && prefix.is_none_or(|p| p.len() <= 253 && p.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_kubernetes_takes() {
        for (text, value, key) in [
            ("shop", true, true),
            ("Team_Shop.1-a", true, true),
            ("Team Shop", false, false),
            ("a|b", false, false),
            ("", false, false),
            ("-a", false, false),
            ("a.", false, false),
            ("app.kubernetes.io/name", false, true),
            ("App/name", false, false),
            ("a/b/c", false, false),
        ] {
            assert_eq!(is_label_value(text), value, "{text}");
            assert_eq!(is_label_key(text), key, "{text}");
        }
        assert!(is_label_value(&"a".repeat(63)) && !is_label_value(&"a".repeat(64)));
    }
}
