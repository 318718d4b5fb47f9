//! `load_balancer`: the way in from the internet to a port of a cluster's nodes. Inputs and outputs, the same on every cloud.

mod aws;
mod aws_certificate;
mod azure;
mod azure_certificates;
mod google;
mod google_reach;

use crate::Component;
use crate::cloud::Cloud;
use crate::cluster::Target as Cluster;
use crate::draft::Draft;
use crate::input::{literal, table};
use crate::network::Site;
use infra_model::expand::OutputType;
use infra_model::{Record, Value};
use serde_json::Value as Json;

/// A load balancer in front of a port on the nodes of a cluster. Of an application load balancer that listens on port 80 and
/// with HTTPS, port 80 only sends people on to HTTPS.
///
/// On Azure it is an application gateway, which reaches no ports of nodes: it sends to an address in the network that is kept
/// for a Service of type LoadBalancer. With `target.gateway` the hardening makes that Service; with `target.cluster` it is yours, on
/// the port `node_port`, and the plan says the address and what the Service must bear.
#[derive(Record)]
pub(crate) struct Inputs {
    /// The network it stands in, by name, such as `main`; for one of several `'main["eu"]'`. Must be known while planning.
    #[record(required)]
    pub(crate) network: Value,
    /// `application` (HTTP and HTTPS) or `network` (TCP and TLS; on Azure a Service of type LoadBalancer does that).
    #[record(optional, default = "application")]
    pub(crate) kind: String,
    /// Where it listens.
    #[record(block, min = 1)]
    pub(crate) listen: Vec<Listen>,
    /// What it sends connections to.
    #[record(block, min = 1, max = 1)]
    pub(crate) target: Vec<Target>,
    /// Reachable only from inside the network. On Google Cloud such a one takes certificates of Certificate Manager only, and ends no
    /// TLS of kind `network`.
    #[record(optional, default = false)]
    pub(crate) internal: bool,
    /// Ranges of addresses from which it can be reached; by default all, or the network's own when it is internal. On Google Cloud a
    /// Cloud Armor policy decides that, and an internal one takes none: its network reaches it, and what is connected with that.
    #[record(optional)]
    pub(crate) from: Option<Vec<String>>,
}

/// A port on which a load balancer listens.
#[derive(Record)]
pub(crate) struct Listen {
    /// The port.
    #[record(required)]
    pub(crate) port: i64,
    /// `http` or `https` of an application load balancer, `tcp` or `tls` of a network one.
    #[record(required)]
    pub(crate) protocol: String,
    /// The certificate of `https` and `tls`: by `{ id = "…" }` one that is there, on AWS by its ARN, on Azure by the id of a secret
    /// or certificate in a vault, `/subscriptions/…/vaults/NAME/certificates/NAME`, on Google Cloud of an internal one by its name in
    /// Certificate Manager, `//certificatemanager.googleapis.com/projects/…/locations/global/certificates/NAME`; by `{ domain = "shop.example.com" }` one that
    /// is made; by `{ pem = "…", key = "…" }` one of your own, on Azure in a vault of the load balancer's. On AWS the
    /// domain is proved by a record in its public zone of Route 53: the one that is there, or that of `zone = "…"` beside `domain`,
    /// by its id. Azure has nobody who makes one for nothing: there it comes from an authority whose account stands in a vault, which
    /// `issuer = { vault = "/subscriptions/…/vaults/NAME", name = "digicert" }` beside `domain` names, and which others ignore.
    #[record(optional)]
    pub(crate) certificate: Value,
}

/// What a load balancer sends connections to: `{ gateway = "hardening.main" }`, or a port of a cluster's nodes,
/// `{ cluster = "main", node_port = 30080 }`.
#[derive(Record)]
pub(crate) struct Target {
    /// A hardening by name, whose Gateway takes the connections to the services that have a `route`. Encryption ends in the load
    /// balancer. Must be known while planning.
    #[record(optional)]
    pub(crate) gateway: Value,
    /// A cluster by name. Must be known while planning.
    #[record(optional)]
    pub(crate) cluster: Value,
    /// The port on its nodes, of a Service of type NodePort; of a Gateway by default 30080.
    #[record(optional)]
    pub(crate) node_port: Option<i64>,
    /// What an application load balancer asks to learn whether a node is well; of a Gateway by default `/healthz`, which it
    /// answers itself, else `/`.
    #[record(optional)]
    pub(crate) health_path: Option<String>,
}

/// The port on the nodes of a Gateway whose load balancer names none.
const GATEWAY_PORT: i64 = 30080;
/// What a Gateway answers itself, as `hardening` sets it up.
const GATEWAY_HEALTH: &str = "/healthz";

/// What stands behind a load balancer.
pub(crate) struct Behind {
    pub(crate) cluster: Cluster,
    /// The port on its nodes.
    pub(crate) node_port: i64,
    pub(crate) health_path: String,
    /// Whether the Gateway of a hardening answers there, which is set up to.
    pub(crate) gateway: bool,
}

impl Target {
    /// What it names. A hardening is expanded later, but where it is declared stands the name of its cluster.
    fn find(&self, draft: &mut Draft<'_>) -> Option<Behind> {
        if self.gateway.is_null() {
            return self.find_nodes(draft);
        }
        if !self.cluster.is_null() {
            draft.refuse(
                "target.cluster",
                "a load balancer has one target: a Gateway, whose cluster is known, or a port of a cluster's nodes",
                "leave `cluster` out, or `gateway`",
            );
            return None;
        }
        let (name, given) = draft.declared("hardening", "target.gateway", &self.gateway)?;
        let named = given.entries().and_then(|inputs| inputs.get("cluster"));
        let named = named.cloned().unwrap_or(Value::UNKNOWN);
        if named.as_str().is_none() {
            draft.refuse(
                "target.gateway",
                format!("the cluster of hardening.{name} must be known while planning"),
                format!("write the cluster's name in [hardening.{name}]: `cluster = \"main\"`"),
            );
            return None;
        }
        draft.fact("gateway", Value::from(format!("hardening.{name}").as_str()));
        Some(Behind {
            cluster: Cluster::find("target.gateway", &named, draft)?,
            node_port: self.node_port.unwrap_or(GATEWAY_PORT),
            health_path: self
                .health_path
                .clone()
                .unwrap_or_else(|| GATEWAY_HEALTH.into()),
            gateway: true,
        })
    }

    fn find_nodes(&self, draft: &mut Draft<'_>) -> Option<Behind> {
        if self.cluster.is_null() {
            draft.refuse(
                "target",
                "the target of a load balancer is a Gateway or a port of a cluster's nodes",
                "write `{ gateway = \"hardening.main\" }`, or `{ cluster = \"main\", node_port = 30080 }`",
            );
            return None;
        }
        let cluster = Cluster::find("target.cluster", &self.cluster, draft);
        let Some(node_port) = self.node_port else {
            draft.refuse(
                "target.node_port",
                "the port of the cluster's nodes is missing",
                "write that of a Service of type NodePort, such as `node_port = 30080`; the Gateway of a hardening needs none: `gateway = \"hardening.main\"`",
            );
            return None;
        };
        Some(Behind {
            cluster: cluster?,
            node_port,
            health_path: self.health_path.clone().unwrap_or_else(|| "/".into()),
            gateway: false,
        })
    }
}

/// The kinds of load balancers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Application,
    Network,
}

/// The kind.
pub(crate) struct LoadBalancer;

impl Component for LoadBalancer {
    const NAME: &'static str = "load_balancer";
    const OUTPUTS: &'static [(&'static str, OutputType, &'static str)] = &[
        ("id", OutputType::Text, "Its id."),
        ("name", OutputType::Text, "Its name in the cloud."),
        (
            "arn",
            OutputType::Text,
            "How policies name it: the ARN on AWS, its id on Azure.",
        ),
        ("dns_name", OutputType::Text, "The name that reaches it."),
        (
            "zone_id",
            OutputType::Text,
            "The DNS zone of that name, for alias records; on Azure the id of the address that they point to.",
        ),
        ("security_group_id", OutputType::Text, "Its firewall group."),
    ];
    const NATIVES: &'static [&'static str] = &[
        "aws_acm_certificate",
        "aws_acm_certificate_validation",
        "aws_autoscaling_attachment",
        "aws_lb",
        "aws_lb_listener",
        "aws_lb_target_group",
        "aws_route53_record",
        "aws_security_group",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
        "google_compute_address",
        "google_compute_backend_service",
        "google_compute_firewall",
        "google_compute_global_address",
        "google_compute_global_forwarding_rule",
        "google_compute_health_check",
        "google_compute_instance_group_named_port",
        "google_compute_managed_ssl_certificate",
        "google_compute_security_policy",
        "google_compute_ssl_certificate",
        "google_compute_ssl_policy",
        "google_compute_target_http_proxy",
        "google_compute_target_https_proxy",
        "google_compute_target_ssl_proxy",
        "google_compute_target_tcp_proxy",
        "google_compute_url_map",
        "azurerm_application_gateway",
        "azurerm_key_vault",
        "azurerm_key_vault_certificate",
        "azurerm_network_security_rule",
        "azurerm_public_ip",
        "azurerm_role_assignment",
        "azurerm_user_assigned_identity",
        "random_id",
    ];
    type Inputs = Inputs;

    fn expand(inputs: &Inputs, draft: &mut Draft<'_>) {
        let site = Site::find("network", &inputs.network, draft);
        let kind = kind(inputs, draft);
        let target = inputs.target.first().and_then(|t| t.find(draft));
        let (Some(site), Some(kind), Some(target)) = (site, kind, target) else {
            return;
        };
        check(inputs, kind, &target, draft);
        let cluster = &target.cluster;
        if cluster.network != site.reference {
            draft.refuse(
                if target.gateway {
                    "target.gateway"
                } else {
                    "target.cluster"
                },
                format!(
                    "{} stands in {}, not in {}",
                    cluster.reference, cluster.network, site.reference
                ),
                "name a cluster of the load balancer's network",
            );
        }
        draft.fact("cluster", Value::from(cluster.reference.as_str()));
        draft.fact("node_port", Value::from(target.node_port));
        let ends_tls = inputs
            .listen
            .iter()
            .any(|l| l.protocol == kind.protocols()[1]);
        draft.fact("ends_tls", Value::from(ends_tls));
        draft.fact("internal", Value::from(inputs.internal));
        match site.cloud {
            Cloud::Aws(_) => aws::expand(inputs, kind, &target, &site, draft),
            Cloud::Google(_) => google::expand(inputs, kind, &target, &site, draft),
            Cloud::Azure(_) => azure::expand(inputs, kind, &target, &site, draft),
        }
    }
}

impl Kind {
    fn protocols(self) -> [&'static str; 2] {
        match self {
            Kind::Application => ["http", "https"],
            Kind::Network => ["tcp", "tls"],
        }
    }
}

fn kind(inputs: &Inputs, draft: &mut Draft<'_>) -> Option<Kind> {
    match inputs.kind.as_str() {
        "application" => Some(Kind::Application),
        "network" => Some(Kind::Network),
        other => {
            draft.refuse(
                "kind",
                format!("there is no load balancer of kind `{other}`"),
                "write \"application\" for HTTP and HTTPS, \"network\" for TCP and TLS",
            );
            None
        }
    }
}

/// A certificate, as it can be given.
enum Certificate {
    /// One that is there: an expression of its id.
    There(Json),
    /// One that is to be made for a domain, proved in a zone that is given or found, by an issuer where there is none of the cloud's.
    ForDomain {
        domain: Json,
        zone: Option<Json>,
        issuer: Option<Issuer>,
    },
    /// One of one's own, with its key.
    Own { pem: Json, key: Json },
}

/// An authority that a vault knows: the vault's id, and its name there.
struct Issuer {
    vault: Json,
    name: Json,
}

/// What is given as the issuer of a certificate.
fn issuer(index: usize, given: &Value, draft: &mut Draft<'_>) -> Option<Issuer> {
    let expression = format!("{}.certificate.issuer", table("listen", index));
    let fields = given.entries();
    let field = |name: &str| {
        let value = fields.as_ref()?.get(name)?;
        Some(literal(value, &format!("{expression}.{name}")))
    };
    match (field("vault"), field("name")) {
        (Some(vault), Some(name)) => Some(Issuer { vault, name }),
        _ => {
            draft.refuse(
                &format!("listen[{index}].certificate.issuer"),
                "an issuer is named by the vault that knows it, and by its name there",
                "write `{ vault = \"/subscriptions/…/vaults/NAME\", name = \"digicert\" }`",
            );
            None
        }
    }
}

/// What is given as a listener's certificate.
fn certificate(index: usize, given: &Value, draft: &mut Draft<'_>) -> Option<Certificate> {
    let expression = format!("{}.certificate", table("listen", index));
    let Some(fields) = given.entries() else {
        return Some(Certificate::There(literal(given, &expression)));
    };
    let field = |name: &str| literal(&fields[name], &format!("{expression}.{name}"));
    let names: Vec<&str> = fields.keys().map(|k| &**k).collect();
    match names[..] {
        ["id"] => Some(Certificate::There(field("id"))),
        ["domain"] | ["domain", "zone" | "issuer"] | ["domain", "issuer", "zone"] => {
            let (domain, zone) = (field("domain"), fields.contains_key("zone"));
            let zone = zone.then(|| field("zone"));
            let issuer = match fields.get("issuer") {
                Some(given) => Some(issuer(index, given, draft)?),
                None => None,
            };
            Some(Certificate::ForDomain {
                domain,
                zone,
                issuer,
            })
        }
        ["key", "pem"] => Some(Certificate::Own {
            pem: field("pem"),
            key: field("key"),
        }),
        _ => {
            draft.refuse(
                &format!("listen[{index}].certificate"),
                "a certificate has an id, a domain, or a certificate and a key",
                "write `{ id = \"…\" }`, `{ domain = \"shop.example.com\" }` or `{ pem = \"…\", key = \"…\" }`",
            );
            None
        }
    }
}

fn check(inputs: &Inputs, kind: Kind, target: &Behind, draft: &mut Draft<'_>) {
    let mut ports = Vec::new();
    for (index, listen) in inputs.listen.iter().enumerate() {
        let at = |field: &str| format!("listen[{index}].{field}");
        if !(1..=65535).contains(&listen.port) {
            draft.refuse(
                &at("port"),
                format!("{} is not a port", listen.port),
                "write 1 to 65535",
            );
        }
        if ports.contains(&listen.port) {
            draft.refuse(
                &at("port"),
                format!("port {} is listened on twice", listen.port),
                "give each listener a port of its own",
            );
        }
        ports.push(listen.port);
        let [plain, secure] = kind.protocols();
        let (is_plain, is_secure) = (listen.protocol == plain, listen.protocol == secure);
        if !is_plain && !is_secure {
            draft.refuse(
                &at("protocol"),
                format!(
                    "a load balancer of kind `{}` does not speak `{}`",
                    inputs.kind, listen.protocol
                ),
                format!("write \"{plain}\" or \"{secure}\""),
            );
        }
        if is_secure && listen.certificate.is_null() {
            draft.refuse(
                &at("certificate"),
                format!("{secure} on port {} needs a certificate", listen.port),
                "write `certificate = \"…\"` with the id of one",
            );
        }
        if is_plain && !listen.certificate.is_null() {
            draft.refuse(
                &at("certificate"),
                format!(
                    "{plain} on port {} has no use for a certificate",
                    listen.port
                ),
                format!("write `protocol = \"{secure}\"`, or leave the certificate out"),
            );
        }
    }
    if target.gateway && kind == Kind::Network {
        draft.refuse(
            "kind",
            "a load balancer of kind `network` does not end the encryption that a Gateway behind one expects to be ended",
            "write `kind = \"application\"`; or leave this load balancer out: the Gateway then has one of kind `network` of its own, and ends the encryption itself",
        );
    }
    if !(30000..=32767).contains(&target.node_port) {
        draft.refuse(
            "target.node_port",
            format!("{} is not a node port", target.node_port),
            "Kubernetes hands out 30000 to 32767; write the one of the Service",
        );
    }
    for (index, range) in inputs.from.iter().flatten().enumerate() {
        if range.parse::<ipnet::Ipv4Net>().is_err() {
            draft.refuse(
                &format!("from[{index}]"),
                format!("`{range}` is not a range of IPv4 addresses"),
                "write an address and a prefix length, such as \"203.0.113.0/24\"",
            );
        }
    }
}
