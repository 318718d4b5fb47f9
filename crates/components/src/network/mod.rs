//! `network`: a private network over several zones. Inputs, outputs and the address plan, the same on every cloud.

mod aws;
mod azure;
mod google;

use crate::Component;
use crate::cloud::Cloud;
use crate::draft::Draft;
use infra_model::expand::Known;
use infra_model::expand::OutputType;
use infra_model::{Record, Value};
use ipnet::Ipv4Net;

/// A private network over several zones: in each a public subnet for load balancers and NAT gateways, and a private one for
/// everything else.
///
/// Addresses follow from `cidr` alone and never move when zones are added. The range is cut into sixteen parts: the
/// private subnet of zone `a` is the first, of `b` the second, and so on to `f`; the last part is cut into sixteen again and
/// holds the public subnets in the same order. Of `10.0.0.0/16` the private subnets are `10.0.0.0/20`, `10.0.16.0/20`, …, the
/// public ones `10.0.240.0/24`, `10.0.241.0/24`, …, and `10.0.96.0` to `10.0.239.255` stays free for your own subnets.
///
/// On Google Cloud a subnetwork spans all zones: the first of the sixteen parts is the nodes', the second that of the proxies of
/// internal load balancers, the third that of Google's own services such as Cloud SQL, and the upper half the pods'. There are no
/// public subnets.
///
/// On Azure a subnet spans all zones too: the first of the sixteen parts is the nodes', the third that of PostgreSQL databases, the
/// fourth that of MySQL databases, the last one public. Each has a network security group of its own, in which components open what they need; from the internet only
/// ports 80 and 443 of Services of type LoadBalancer are reached. All of it stands in a resource group that the network makes.
#[derive(Record)]
pub(crate) struct Inputs {
    /// Where it is built: `aws`, `google` or `azure`, or `aws.NAME` for an alias.
    #[record(required)]
    pub(crate) cloud: String,
    /// Its range of IPv4 addresses, from /16 to /20. Must be known while planning.
    #[record(optional, default = "10.0.0.0/16")]
    pub(crate) cidr: String,
    /// Over how many zones it spreads, 1 to 6. Clusters, databases and load balancers need two; three survive the loss of one.
    #[record(optional, default = 2)]
    pub(crate) zones: i64,
    /// How private subnets reach the internet: `per_zone` (a gateway in each zone), `single` (one for all: cheaper, but lost
    /// with its zone), or `none`. On Google Cloud one gateway serves all zones in any case; on Azure `per_zone` is one that
    /// spans them.
    #[record(optional, default = "single")]
    pub(crate) nat: String,
    /// Keep a record of all traffic for 90 days, in a bucket of its own.
    #[record(optional, default = true)]
    pub(crate) flow_logs: bool,
}

/// The kind.
pub(crate) struct Network;

impl Component for Network {
    const NAME: &'static str = "network";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        (
            "id",
            OutputType::Text,
            "The network's id: of the VPC on AWS.",
        ),
        ("name", OutputType::Text, "Its name."),
        ("cidr", OutputType::Text, "Its range of addresses."),
        (
            "zones",
            OutputType::Texts,
            "The names of its zones, a list.",
        ),
        (
            "private_subnet_ids",
            OutputType::Texts,
            "Ids of the private subnets, one a zone, in the order of `zones`.",
        ),
        (
            "public_subnet_ids",
            OutputType::Texts,
            "Ids of the public subnets, one a zone, in the order of `zones`.",
        ),
        (
            "egress_addresses",
            OutputType::Texts,
            "The public addresses from which private subnets reach the internet, a list.",
        ),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_default_security_group",
        "aws_eip",
        "aws_flow_log",
        "aws_internet_gateway",
        "aws_nat_gateway",
        "aws_route",
        "aws_route_table",
        "aws_route_table_association",
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_subnet",
        "aws_vpc",
        "google_compute_address",
        "google_compute_global_address",
        "google_compute_network",
        "google_compute_router",
        "google_compute_router_nat",
        "google_compute_subnetwork",
        "google_service_networking_connection",
        "azurerm_nat_gateway",
        "azurerm_nat_gateway_public_ip_association",
        "azurerm_network_security_group",
        "azurerm_network_security_rule",
        "azurerm_network_watcher_flow_log",
        "azurerm_public_ip",
        "azurerm_resource_group",
        "azurerm_role_assignment",
        "azurerm_storage_account",
        "azurerm_subnet",
        "azurerm_subnet_nat_gateway_association",
        "azurerm_subnet_network_security_group_association",
        "azurerm_user_assigned_identity",
        "azurerm_virtual_network",
        "random_id",
    ];
    type Inputs = Inputs;

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let cloud = draft.land("cloud", &inputs.cloud);
        let plan = Plan::new(inputs, draft);
        let nat = Nat::parse(inputs, draft);
        let (Some(cloud), Some(plan), Some(nat)) = (cloud, plan, nat) else {
            return;
        };
        draft.fact("cidr", Value::from(inputs.cidr.as_str()));
        draft.fact("zones", Value::strings(plan.zones.iter().map(|z| z.key)));
        match cloud {
            Cloud::Aws(_) => aws::expand(inputs, &plan, nat, draft),
            Cloud::Google(_) => google::expand(inputs, &plan, nat, draft),
            Cloud::Azure(_) => azure::expand(inputs, &plan, nat, draft),
        }
    }
}

/// One zone's part of the network.
struct Zone {
    /// `a`, `b`, …: its key in `for_each`, whatever the cloud calls the zone.
    key: &'static str,
    private: Ipv4Net,
    public: Ipv4Net,
}

/// Who gets which addresses.
struct Plan {
    range: Ipv4Net,
    zones: Vec<Zone>,
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Plan {
    fn new(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<Plan> {
        let range = range(&inputs.cidr, draft);
        let zones = usize::try_from(inputs.zones)
            .ok()
            .filter(|n| (1..=KEYS.len()).contains(n));
        if zones.is_none() {
            draft.refuse(
                "zones",
                format!(
                    "a network spreads over 1 to {} zones, not {}",
                    KEYS.len(),
                    inputs.zones
                ),
                "write `zones = 3`: it survives the loss of one",
            );
        }
        let (range, zones) = (range?, zones?);
        let nth = |range: Ipv4Net, index: usize| {
            range
                .subnets(range.prefix_len() + 4)
                .expect("a range of at most /24 can be cut into sixteen")
                .nth(index)
                .expect("an index below sixteen")
        };
        let zone = |(index, key)| Zone {
            key,
            private: nth(range, index),
            public: nth(nth(range, 15), index),
        };
        let keys = KEYS.into_iter().take(zones);
        Some(Plan {
            range,
            zones: keys.enumerate().map(zone).collect(),
        })
    }
}

fn range(text: &str, draft: &mut Draft<'_>) -> Option<Ipv4Net> {
    let Ok(range) = text.parse::<Ipv4Net>() else {
        draft.refuse(
            "cidr",
            format!("`{text}` is not a range of IPv4 addresses"),
            "write an address and a prefix length, such as `cidr = \"10.0.0.0/16\"`",
        );
        return None;
    };
    if range != range.trunc() {
        draft.refuse(
            "cidr",
            format!(
                "`{text}` has bits set after its first {}",
                range.prefix_len()
            ),
            format!("write `cidr = \"{}\"`", range.trunc()),
        );
        return None;
    }
    if !(16..=20).contains(&range.prefix_len()) {
        draft.refuse(
            "cidr",
            format!(
                "a network is from /16 to /20 large, not /{}",
                range.prefix_len()
            ),
            format!("write `cidr = \"{}/16\"`", range.addr()),
        );
        return None;
    }
    Some(range)
}

/// How private subnets reach the internet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nat {
    PerZone,
    Single,
    None,
}

impl Nat {
    fn parse(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<Nat> {
        match inputs.nat.as_str() {
            "per_zone" => Some(Nat::PerZone),
            "single" => Some(Nat::Single),
            "none" => Some(Nat::None),
            other => {
                draft.refuse(
                    "nat",
                    format!("there is no way out of a network called `{other}`"),
                    "write \"per_zone\", \"single\" or \"none\"",
                );
                None
            }
        }
    }
}

/// A network as later components see it.
pub(crate) struct Site {
    /// `network.main`: how expressions reach it.
    pub(crate) reference: String,
    /// The cloud it stands in.
    pub(crate) cloud: Cloud,
    /// Its zones' keys.
    pub(crate) zones: Vec<String>,
    known: Known,
}

impl Site {
    /// The network that an input names; what is built in it lands on the same cloud.
    pub(crate) fn find(path: &str, value: &Value, draft: &mut Draft<'_>) -> Option<Site> {
        let known = draft.find("network", path, value)?;
        let cloud = draft.land(path, known.facts.get("cloud").and_then(Value::as_str)?)?;
        draft.fact("network", Value::from(known.reference.as_str()));
        let site = Site::of(&known, cloud);
        Some(site)
    }

    fn of(known: &Known, cloud: Cloud) -> Site {
        let zones = known
            .facts
            .get("zones")
            .and_then(Value::elements)
            .unwrap_or_default();
        Site {
            reference: known.reference.clone(),
            cloud,
            zones: zones
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            known: known.clone(),
        }
    }

    /// A text that only its own cloud's components know of it.
    pub(crate) fn fact(&self, name: &str) -> &str {
        let fact = self.known.facts.get(name);
        fact.and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether something is said of it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.facts.get(name) == Some(&Value::Bool(true))
    }

    /// A template with one of its outputs.
    pub(crate) fn output(&self, name: &str) -> String {
        format!("${{{}.{name}}}", self.reference)
    }

    /// Managed services insist on two zones.
    pub(crate) fn spans_two_zones(&self, what: &str, draft: &mut Draft<'_>) {
        if self.zones.len() < 2 {
            draft.refuse(
                "network",
                format!(
                    "{what} needs a network over at least two zones, and {} has one",
                    self.reference
                ),
                format!("write `zones = 2` in [{}]", self.reference),
            );
        }
    }
}
