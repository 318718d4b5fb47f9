//! `cluster`: a managed Kubernetes cluster with its node pools. Inputs and outputs, the same on every cloud.

mod aws;
mod azure;
mod google;
mod pool;
mod room;

use crate::Component;
use crate::cloud::Cloud;
use crate::draft::Draft;
use crate::input::{self, Input, escape};
use crate::network::Site;
use infra_model::expand::Known;
use infra_model::expand::OutputType;
use infra_model::{Block, ProviderAddress, Record, Value};
use pool::Pool;
use serde_json::{Map, Value as Json, json};

/// A managed Kubernetes cluster: private nodes, secrets encrypted with their own key, network policies enforced, workload
/// identity on, every control-plane log kept, and an API that only those reach who are named.
///
/// On Azure one pool runs what the cluster itself needs: the one called `system`, else the first of at least one node without
/// taints that is not of spot nodes. Nodes' disks and volumes are encrypted with a key of the cluster's, or by the set of
/// `override = { azurerm_kubernetes_cluster = { disk_encryption_set_id = "…" } }`; that is fixed for the cluster's life.
#[derive(Record)]
pub(crate) struct Inputs {
    /// The network it stands in, by name, such as `main`; for one of several `'main["eu"]'`. Must be known while planning.
    #[record(required)]
    pub(crate) network: Value,
    /// The version of Kubernetes, such as `1.34`. Must be known while planning.
    #[record(required)]
    pub(crate) kubernetes: String,
    /// Its pools of nodes by name; at least one. Must be known while planning.
    #[record(required)]
    pub(crate) pools: Value,
    /// From where its API can be reached.
    #[record(block, max = 1)]
    pub(crate) api: Vec<Api>,
    /// Who administers it, beside whoever creates it: on AWS the ARNs of IAM users and roles, on Google Cloud
    /// members such as `group:ops@example.com`, on Azure the object ids of users, groups and identities in Entra.
    #[record(optional)]
    pub(crate) admins: Vec<Input<String>>,
    /// Keep the control plane's logs, the audit log among them. On AWS for 90 days, encrypted with the cluster's key; they go
    /// with the cluster.
    #[record(optional, default = true)]
    pub(crate) control_plane_logs: bool,
}

/// From where the API of a cluster can be reached.
#[derive(Record)]
pub(crate) struct Api {
    /// Ranges of addresses from which it can be reached over the internet. It can always be reached from inside the network;
    /// with `[]` only from there. Without any, it is reached from the address that the machine calls from on which this program
    /// runs, as each plan finds it (`INFRA_CALLER_ADDRESS` says another one).
    #[record(optional)]
    pub(crate) public_from: Option<Vec<Input<String>>>,
}

/// The data source that tells by which address this machine is known outside.
const CALLER: &str = "caller_address";

/// The kind.
pub(crate) struct Cluster;

impl Component for Cluster {
    const NAME: &'static str = "cluster";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        ("id", OutputType::Text, "Its id."),
        ("name", OutputType::Text, "Its name in the cloud."),
        ("endpoint", OutputType::Text, "The address of its API."),
        (
            "ca",
            OutputType::Text,
            "The certificate of the authority that signed its API's certificate, PEM in base64.",
        ),
        ("version", OutputType::Text, "The version of Kubernetes."),
        (
            "oidc_issuer_url",
            OutputType::Text,
            "Who issues its service accounts' tokens.",
        ),
        (
            "oidc_provider_arn",
            OutputType::Text,
            "How the cloud's policies name that issuer: the OIDC provider's ARN on AWS, the issuer itself on Azure.",
        ),
        (
            "security_group_id",
            OutputType::Text,
            "The firewall group of its control plane.",
        ),
        (
            "node_security_group_id",
            OutputType::Text,
            "The firewall group of its nodes.",
        ),
        (
            "node_role",
            OutputType::Text,
            "The identity of its nodes: the IAM role's name on AWS, the object id of the nodes' identity on Azure.",
        ),
        (
            "node_groups",
            OutputType::TextsByKey,
            "The groups of machines behind its pools, by pool and zone, such as `general-a`: autoscaling groups on AWS. On Azure the pools, by name.",
        ),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_cloudwatch_log_group",
        "aws_eks_access_entry",
        "aws_eks_access_policy_association",
        "aws_eks_addon",
        "aws_eks_cluster",
        "aws_eks_node_group",
        "aws_iam_openid_connect_provider",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_kms_alias",
        "aws_kms_key",
        "aws_launch_template",
        "aws_security_group",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
        "google_compute_firewall",
        "google_container_cluster",
        "google_container_node_pool",
        "google_kms_crypto_key",
        "google_kms_crypto_key_iam_member",
        "google_kms_key_ring",
        "google_project_iam_member",
        "google_project_service_identity",
        "google_service_account",
        "azurerm_disk_encryption_set",
        "azurerm_key_vault",
        "azurerm_key_vault_key",
        "azurerm_kubernetes_cluster",
        "azurerm_kubernetes_cluster_node_pool",
        "azurerm_log_analytics_workspace",
        "azurerm_monitor_diagnostic_setting",
        "azurerm_role_assignment",
        "azurerm_user_assigned_identity",
        "random_id",
    ];
    type Inputs = Inputs;

    fn describe(inputs: &mut Block) {
        input::document_fields(inputs, "pools", &Pool::block());
    }

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let site = Site::find("network", &inputs.network, draft);
        let pools = pool::read(&inputs.pools, draft);
        check_api(inputs, draft);
        let (Some(site), Some(pools)) = (site, pools) else {
            return;
        };
        draft.fact("kubernetes", Value::from(inputs.kubernetes.as_str()));
        tell_rooms(&site, &pools, draft);
        match site.cloud {
            Cloud::Aws(_) => aws::expand(inputs, &site, &pools, draft),
            Cloud::Google(_) => google::expand(inputs, &site, &pools, draft),
            Cloud::Azure(_) => azure::expand(inputs, &site, &pools, draft),
        }
    }
}

/// Tells later components what the nodes have room for.
fn tell_rooms(site: &Site, pools: &[(String, Pool)], draft: &mut Draft<'_>) {
    let sizes = match site.cloud {
        Cloud::Aws(_) => &aws::SIZES,
        Cloud::Google(_) => &google::SIZES,
        Cloud::Azure(_) => &azure::SIZES,
    };
    let each = pools.iter().filter_map(|(name, pool)| {
        let machine = pool.machine(sizes)?;
        Some((name.as_str(), pool, machine))
    });
    room::tell(&site.cloud, site.zones.len(), each, draft);
}

/// The versions of Kubernetes that a cloud offers, as known when this was written.
struct Offer {
    /// `EKS`
    service: &'static str,
    /// 1.…
    minors: std::ops::RangeInclusive<u32>,
    /// How an override that asks for another one begins: `aws_eks_cluster = { version`.
    attribute: &'static str,
}

impl Inputs {
    fn check_version(&self, offer: &Offer, draft: &mut Draft<'_>) {
        let (text, minors) = (&self.kubernetes, &offer.minors);
        let minor = text.strip_prefix("1.").and_then(|m| m.parse::<u32>().ok());
        if minor.is_some_and(|m| minors.contains(&m)) {
            return;
        }
        let offered: Vec<String> = minors.clone().rev().map(|m| format!("1.{m}")).collect();
        let message = match minor {
            None => format!(
                "`{text}` is not a version of Kubernetes: it is written \"1.{}\"",
                minors.end()
            ),
            Some(_) => format!(
                "{} does not offer Kubernetes {text}, as far as this version of infra knows",
                offer.service
            ),
        };
        let help = format!(
            "write one of {}; a newer one can be asked for with `override = {{ {} = \"…\" }} }}`",
            offered.join(", "),
            offer.attribute
        );
        draft.refuse("kubernetes", message, help);
    }

    /// The administrators as a `for_each`, keyed by what is known of them. `wrong` says what is the matter with a name, and the
    /// remedy.
    fn admins(
        &self,
        wrong: impl Fn(&str) -> Option<(String, &'static str)>,
        draft: &mut Draft<'_>,
    ) -> Map<String, Json> {
        let mut each = Map::new();
        for (index, admin) in self.admins.iter().enumerate() {
            let path = format!("admins[{index}]");
            let key = match admin {
                Input::Known(name) => {
                    if let Some((message, help)) = wrong(name) {
                        draft.refuse(&path, message, help);
                    }
                    escape(name)
                }
                Input::Later => index.to_string(),
            };
            each.insert(key, admin.json(&format!("input.{path}")));
        }
        each
    }

    /// The ranges from which the API can be reached over the internet, where they are written.
    fn public_from(&self) -> Option<&[Input<String>]> {
        self.api.first()?.public_from.as_deref()
    }

    /// Whether the API can be reached over the internet at all.
    fn is_public(&self) -> bool {
        self.public_from().is_none_or(|ranges| !ranges.is_empty())
    }

    /// The ranges for natives: those that are written, else the caller's address.
    fn public_ranges(&self) -> Vec<Json> {
        let Some(written) = self.public_from() else {
            return vec![json!(format!("${{data.{CALLER}.this.cidr}}"))];
        };
        let api = input::table("api", 0);
        let all = written.iter().enumerate();
        all.map(|(i, range)| range.json(&format!("{api}.public_from[{i}]")))
            .collect()
    }
}

/// The provider configuration that reaches the cluster, `kubernetes.NAME`: where it is, whom it is trusted by, and how to log in
/// with the credentials of its cloud.
fn kubernetes_provider(host: &str, certificate: &str, login: (&str, Json), draft: &mut Draft<'_>) {
    let instance = draft.instance;
    let key = instance.key.map(ToString::to_string).unwrap_or_default();
    let address = ProviderAddress {
        name: "kubernetes".into(),
        alias: Some(format!("{}{key}", instance.name).into()),
    };
    draft.fact(
        "kubernetes_provider",
        Value::from(address.to_string().as_str()),
    );
    let config = json!({
        "host": format!("${{{host}}}"),
        "cluster_ca_certificate": format!("${{try(base64decode({certificate}), null)}}"),
        login.0: login.1,
    });
    draft.provider(address, config);
}

/// Looks at who reaches the API, and asks for the caller's address where nobody is named.
fn check_api(inputs: &Inputs, draft: &mut Draft<'_>) {
    let Some(ranges) = inputs.public_from() else {
        draft.remark(
            "api",
            "over the internet the API of this cluster can be reached only from the address that this machine calls from",
            "name who reaches it: `api = { public_from = [\"203.0.113.7/32\"] }`; with `public_from = []` it is reached only from inside its network",
        );
        let builtin = ProviderAddress::default_of("builtin");
        draft.data_of(&builtin, CALLER, "this", json!({}));
        return;
    };
    for (index, range) in ranges.iter().enumerate() {
        let path = format!("api.public_from[{index}]");
        let Some(text) = range.known() else { continue };
        match text.parse::<ipnet::IpNet>() {
            Ok(range) if range.prefix_len() == 0 => draft.remark(
                &path,
                "the whole internet can reach the API of this cluster",
                "name the ranges that need it",
            ),
            Ok(_) => {}
            Err(_) => draft.refuse(
                &path,
                format!("`{text}` is not a range of addresses"),
                "write an address and a prefix length, such as \"203.0.113.7/32\"",
            ),
        }
    }
    let known = ranges.iter().map(Input::known).collect::<Option<Vec<_>>>();
    if let Some(known) = known {
        let known = known.into_iter().map(String::as_str);
        draft.fact("public_from", Value::strings(known));
    }
}

/// A cluster as later components see it.
pub(crate) struct Target {
    /// `cluster.main`: how expressions reach it.
    pub(crate) reference: String,
    /// The network it stands in, `network.main`.
    pub(crate) network: String,
    /// Where it is built, `aws` or `aws.NAME`.
    pub(crate) cloud: String,
    /// The keys of its output `node_groups`.
    pub(crate) node_groups: Vec<String>,
}

impl Target {
    /// The cluster that an input names.
    pub(crate) fn find(path: &str, value: &Value, draft: &mut Draft<'_>) -> Option<Target> {
        draft
            .find("cluster", path, value)
            .map(|known| Target::of(&known))
    }

    /// All clusters of a network.
    pub(crate) fn in_network(network: &str, draft: &Draft<'_>) -> Vec<Target> {
        let all = (draft.instance.list)("cluster");
        let targets = all.iter().map(Target::of);
        targets.filter(|t| t.network == network).collect()
    }

    fn of(known: &Known) -> Target {
        let fact = |name: &str| known.facts.get(name);
        let text = |name: &str| {
            let text = fact(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let groups = fact("node_groups")
            .and_then(Value::elements)
            .unwrap_or_default();
        Target {
            reference: known.reference.clone(),
            network: text("network"),
            cloud: text("cloud"),
            node_groups: groups
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// A template with one of its outputs.
    pub(crate) fn output(&self, name: &str) -> String {
        format!("${{{}.{name}}}", self.reference)
    }
}
