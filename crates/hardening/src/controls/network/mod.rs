//! `network`: nobody talks to anybody, but for what is declared. Every namespace that infra makes denies by default, in and out;
//! each flow that an app or a control declares is allowed at both ends. What apps declare is read in `declared`, policies are made
//! in `policy`; whether there is anybody to whom they apply is looked at in `selected`.

mod declared;
mod policy;
mod selected;

pub(crate) use declared::callers;

use crate::control::Control;
use crate::flow::{Peer, Pods, Port};
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_draft::input::Input;
use infra_model::Record;
use serde_json::json;

/// Networks that deny by default: in every namespace that infra makes, pods reach DNS and what is declared, and are reached by
/// what is declared. The cloud's metadata service, which hands out the node's identity, is reached by nobody; its token
/// endpoint only by pods with an identity of their own.
#[derive(Record)]
pub(crate) struct Config {
    /// Addresses of DNS beside the cluster's own pods, the node-local cache and the cloud's.
    #[record(optional)]
    pub(crate) dns: Vec<Input<String>>,
    /// The ranges in which pods reach the Kubernetes API, if they are others than follow from the cluster.
    #[record(optional)]
    pub(crate) api: Vec<Input<String>>,
}

/// The control.
pub(crate) struct Network;

impl Control for Network {
    const NAME: &'static str = "network";
    const BASELINE: bool = true;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        for (index, range) in config.dns.iter().enumerate() {
            check(range, &format!("network.dns[{index}]"), inside);
        }
        for (index, range) in config.api.iter().enumerate() {
            check(range, &format!("network.api[{index}]"), inside);
        }
        declared::flows(inside);
    }

    fn finish(config: &Config, inside: &mut Inside<'_>) {
        if inside.on("monitoring") {
            let from = Peer::Pods(Pods::monitoring());
            for scrape in inside.scrapes.clone() {
                inside.allow(
                    from.clone(),
                    Peer::Pods(scrape.pods),
                    &[Port::tcp(scrape.port)],
                );
            }
        }
        let rules = policy::Rules {
            nodes: nodes(inside),
            api: api(config, inside),
            dns: dns(config, inside),
            forbidden: forbidden(inside),
        };
        policy::write(&rules, inside);
        // A copy has none of the apps' pods.
        if inside.origin.is_none() {
            selected::check(inside);
        }
    }
}

fn check(range: &Input<String>, path: &str, inside: &mut Inside<'_>) {
    if let Some(text) = range.known()
        && text.parse::<ipnet::IpNet>().is_err()
    {
        inside.draft.refuse(
            path,
            format!("`{text}` is not a range of addresses"),
            "write an address and a prefix length, such as \"10.0.0.2/32\"",
        );
    }
}

/// Where nodes are. Cilium, which GKE and AKS enforce policies with, never takes a range for a node: there only "everywhere" means
/// nodes too, on the ports that are named (<https://docs.cilium.io/en/stable/network/kubernetes/policy/>).
fn nodes(inside: &Inside<'_>) -> Option<String> {
    match &inside.site.cloud {
        Cloud::Aws(_) => inside.site.range.map(|r| r.to_string()),
        Cloud::Google(_) | Cloud::Azure(_) => None,
    }
}

/// The API's own service on EKS: the first address of one of the two ranges that it takes services' addresses from when none is
/// asked for (`KubernetesNetworkConfigRequest` of its API).
const EKS_API: [&str; 2] = ["10.100.0.1/32", "172.20.0.1/32"];

/// Where pods reach the Kubernetes API. Its service's address stands for these, and network engines look at what it stands for.
fn api(config: &Config, inside: &Inside<'_>) -> Vec<String> {
    if !config.api.is_empty() {
        return given(&config.api, "api");
    }
    let own = inside.site.range.map(|r| r.to_string());
    match &inside.site.cloud {
        // Interfaces of the control plane in the network's own subnets, others after every upgrade. What enforces policies there sees
        // packets as pods send them: still to the service.
        Cloud::Aws(_) => own.into_iter().chain(EKS_API.map(str::to_owned)).collect(),
        // One address, inside the network or outside of it.
        Cloud::Google(_) => {
            let endpoint = format!(
                "${{regex(\"[0-9]+(?:[.][0-9]+){{3}}\", {}.endpoint)}}/32",
                inside.site.reference
            );
            own.into_iter().chain([endpoint]).collect()
        }
        // An endpoint in the network where nobody reaches it from outside; else an address that Azure chooses and gives only a name for.
        // https://learn.microsoft.com/azure/aks/private-clusters
        Cloud::Azure(_) => {
            let private = inside.site.public_from.as_ref().is_some_and(Vec::is_empty);
            let anywhere = (!private || own.is_none()).then(|| "0.0.0.0/0".to_owned());
            own.into_iter().chain(anywhere).collect()
        }
    }
}

/// Where pods ask for names beside the pods of the cluster's DNS, which selectors match: the node-local cache and
/// Google's own service, which they do not.
fn dns(config: &Config, inside: &Inside<'_>) -> Vec<String> {
    let mut out = vec!["169.254.20.10/32".to_owned()];
    if matches!(inside.site.cloud, Cloud::Google(_)) {
        out.push("169.254.169.254/32".to_owned());
    }
    out.extend(given(&config.dns, "dns"));
    out
}

fn given(ranges: &[Input<String>], name: &str) -> Vec<String> {
    let table = Inside::input("network");
    let one = |(index, range): (usize, &Input<String>)| {
        let json = range.json(&format!("{table}.{name}[{index}]"));
        json.as_str().map(str::to_owned)
    };
    ranges.iter().enumerate().filter_map(one).collect()
}

/// What "the internet" is not: link-local addresses, among them the metadata service, and the network's own.
fn forbidden(inside: &Inside<'_>) -> Vec<String> {
    let mut out = vec!["169.254.0.0/16".to_owned()];
    if matches!(inside.site.cloud, Cloud::Azure(_)) {
        // The host's own services, under an address that looks like any other.
        out.push("168.63.129.16/32".to_owned());
    }
    out.extend(inside.site.range.map(|r| r.to_string()));
    out
}

/// The name that a namespace is selected by.
fn namespace_selector(name: &str) -> serde_json::Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": name } })
}
