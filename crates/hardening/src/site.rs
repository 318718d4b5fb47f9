//! The cluster as hardening sees it.

use infra_draft::cloud::Cloud;
use infra_draft::draft::Draft;
use infra_model::expand::Known;
use infra_model::{ProviderAddress, Value};
use ipnet::Ipv4Net;

/// The cluster that is hardened.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// `cluster.main`: how expressions reach it.
    pub(crate) reference: String,
    /// The cloud that it stands on, with the provider configuration of its natives.
    pub(crate) cloud: Cloud,
    /// The provider configuration that reaches it: `kubernetes.main`.
    pub(crate) provider: ProviderAddress,
    /// The ranges from which its API can be reached over the internet, where they are written and known.
    pub(crate) public_from: Option<Vec<String>>,
    /// The version of Kubernetes.
    pub(crate) kubernetes: String,
    /// `network.main`: how expressions reach its network.
    pub(crate) network: Option<String>,
    /// The addresses of its network.
    pub(crate) range: Option<Ipv4Net>,
    /// How many zones it spans.
    pub(crate) zones: usize,
    /// Its pools with what their nodes have room for, by name; null where the cluster does not tell.
    pub(crate) pools: Value,
}

impl Site {
    /// The cluster that an input names.
    pub(crate) fn find(cluster: &Value, draft: &mut Draft<'_>) -> Option<Site> {
        let known = draft.find("cluster", "cluster", cluster)?;
        let cloud = draft.land("cluster", text(&known, "cloud")?)?;
        let network = text(&known, "network").and_then(|reference| {
            let name = reference.strip_prefix("network.")?;
            (draft.instance.lookup)("network", name)
        });
        let fact = |name: &str| network.as_ref()?.facts.get(name).cloned();
        let range = fact("cidr").and_then(|v| v.as_str()?.parse().ok());
        let zones = fact("zones").and_then(|v| Some(v.elements()?.len()));
        let provider = text(&known, "kubernetes_provider")?.parse().ok()?;
        let ranges = known.facts.get("public_from").and_then(Value::elements);
        let public_from = ranges.map(|ranges| {
            let texts = ranges.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        });
        Some(Site {
            reference: known.reference.clone(),
            cloud,
            provider,
            public_from,
            kubernetes: text(&known, "kubernetes").unwrap_or_default().to_owned(),
            network: network.map(|n| n.reference),
            range,
            zones: zones.unwrap_or(1),
            pools: known.facts.get("pools").cloned().unwrap_or(Value::NULL),
        })
    }

    /// On Azure a template of the resource group that it is in, which stands in its id: /subscriptions/ID/resourceGroups/NAME/…
    pub(crate) fn group(&self) -> String {
        format!("${{split(\"/\", {}.id)[4]}}", self.reference)
    }

    /// A template with one of its outputs.
    pub(crate) fn output(&self, name: &str) -> String {
        format!("${{{}.{name}}}", self.reference)
    }
}

fn text<'a>(known: &'a Known, fact: &str) -> Option<&'a str> {
    known.facts.get(fact).and_then(Value::as_str)
}
