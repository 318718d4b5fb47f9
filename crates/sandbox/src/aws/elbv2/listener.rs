//! Listeners. Attributes and further certificates are in `listener_settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::load_balancer::{self, LoadBalancer};
use super::rule::{self, Rule};
use super::{action, configuration, pages, require, ssl_policy, tagging, validation, write_value};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::references::{self, CertificateRef};
use crate::aws::xml::Xml;
use crate::token;
use crate::world::{Document, Listed, Stored};

/// Listeners per load balancer.
const QUOTA: usize = 50;

/// A listener.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listener {
    pub(super) arn: String,
    pub(super) balancer: String,
    pub(super) protocol: String,
    pub(super) port: u32,
    ssl_policy: Option<String>,
    pub(super) certificate: Option<String>,
    /// Certificates besides the default one.
    pub(super) certificates: Vec<String>,
    actions: Vec<Value>,
    alpn: Vec<String>,
    pub(super) attributes: BTreeMap<String, String>,
    fingerprint: String,
}

impl Document for Listener {
    const KIND: &'static str = "elbv2/listener";

    fn id(&self) -> &str {
        &self.arn
    }

    fn links(&self) -> Vec<String> {
        let mut links = action::groups(&self.actions);
        links.push(self.balancer.clone());
        links.extend(self.certificate.clone());
        links.extend(self.certificates.iter().cloned());
        links
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_lb_listener")
    }
}

impl Listener {
    /// The ARN of its load balancer.
    pub(crate) fn balancer(&self) -> &str {
        &self.balancer
    }

    fn is_secure(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateListener",
        accepts: &[
            "LoadBalancerArn",
            "Protocol",
            "Port",
            "SslPolicy",
            "Certificates.CertificateArn",
            "DefaultActions.*",
            "AlpnPolicy",
            "Tags.Key",
            "Tags.Value",
        ],
        handler: create,
    },
    Operation {
        name: "ModifyListener",
        accepts: &[
            "ListenerArn",
            "Protocol",
            "Port",
            "SslPolicy",
            "Certificates.CertificateArn",
            "DefaultActions.*",
            "AlpnPolicy",
        ],
        handler: modify,
    },
    Operation {
        name: "DescribeListeners",
        accepts: &["LoadBalancerArn", "ListenerArns", "Marker", "PageSize"],
        handler: describe,
    },
    Operation {
        name: "DeleteListener",
        accepts: &["ListenerArn"],
        handler: delete,
    },
];

/// The listener of an ARN.
pub(super) fn find_arn(ctx: &Ctx<'_>, arn: &str) -> AwsResult<Stored<Listener>> {
    if !arn.starts_with("arn:") || !arn.contains(":listener/") {
        return Err(validation(format!("'{arn}' is not a valid listener ARN")));
    }
    ctx.get::<Listener>(arn)
        .ok_or_else(|| AwsError::new("ListenerNotFound", format!("Listener '{arn}' not found")))
}

pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Listener>> {
    find_arn(ctx, require(params, "ListenerArn")?)
}

/// Takes a listener and its rules away.
pub(super) fn remove(ctx: &mut Ctx<'_>, arn: &str) {
    for rule in ctx.referrers::<Rule>(arn) {
        ctx.delete::<Rule>(&rule.arn);
    }
    ctx.delete::<Listener>(arn);
}

fn port(params: &Params) -> AwsResult<Option<u32>> {
    match params.int("Port")? {
        None => Ok(None),
        Some(port @ 1..=65535) => Ok(Some(port as u32)),
        Some(port) => Err(validation(format!(
            "Port '{port}' must be between 1 and 65535"
        ))),
    }
}

fn check_protocol(balancer: &LoadBalancer, protocol: &str) -> AwsResult<()> {
    let allowed: &[&str] = match balancer.kind.as_str() {
        "application" => &["HTTP", "HTTPS"],
        "network" => &["TCP", "TLS", "UDP", "TCP_UDP"],
        _ => &["GENEVE"],
    };
    if allowed.contains(&protocol) {
        return Ok(());
    }
    Err(validation(format!(
        "Protocol '{protocol}' must be one of '{}'",
        allowed.join(", ")
    )))
}

/// The certificate that a request names, if it does.
pub(super) fn certificates(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Vec<String>> {
    let mut arns = Vec::new();
    for item in params.items("Certificates") {
        let arn = require(item, "CertificateArn")?;
        match references::certificate(ctx, arn) {
            CertificateRef::Ready => {}
            CertificateRef::NotReady => {
                return Err(AwsError::new(
                    "UnsupportedCertificate",
                    format!(
                        "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size."
                    ),
                ));
            }
            CertificateRef::None => {
                return Err(AwsError::new(
                    "CertificateNotFound",
                    format!("Certificate ARN '{arn}' is not valid"),
                ));
            }
        }
        arns.push(arn.to_owned());
    }
    Ok(arns)
}

/// Applies what a request says of TLS and checks that it fits the protocol.
fn secure(ctx: &Ctx<'_>, params: &Params, listener: &mut Listener) -> AwsResult<()> {
    let certificates = certificates(ctx, params)?;
    if certificates.len() > 1 {
        return Err(configuration(
            "Exactly one certificate must be specified; more are added with AddListenerCertificates",
        ));
    }
    if let Some(policy) = params.str("SslPolicy") {
        ssl_policy::check(policy)?;
        listener.ssl_policy = Some(policy.to_owned());
    }
    if let Some(certificate) = certificates.into_iter().next() {
        listener.certificate = Some(certificate);
    }
    let alpn = params.strings("AlpnPolicy");
    if !alpn.is_empty() {
        listener.alpn = alpn.into_iter().map(str::to_owned).collect();
    }
    if listener.is_secure() {
        if listener.certificate.is_none() {
            return Err(AwsError::new(
                "ValidationError",
                format!(
                    "A certificate must be specified for {} listeners",
                    listener.protocol
                ),
            ));
        }
        listener
            .ssl_policy
            .get_or_insert_with(|| ssl_policy::DEFAULT.to_owned());
    } else if params.has("SslPolicy") && params.str("SslPolicy") != Some("") {
        return Err(validation(format!(
            "An SSL policy cannot be specified for {} listeners",
            listener.protocol
        )));
    } else if params.has("Certificates") && listener.certificate.is_some() {
        return Err(validation(format!(
            "A certificate cannot be specified for {} listeners",
            listener.protocol
        )));
    } else {
        listener.ssl_policy = None;
        listener.certificate = None;
    }
    Ok(())
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let balancer = load_balancer::find(ctx, params)?;
    let gateway = balancer.kind == "gateway";
    let protocol = match params.str("Protocol") {
        Some(protocol) => protocol,
        None if gateway => "GENEVE",
        None => return Err(validation("A protocol must be specified")),
    };
    check_protocol(&balancer, protocol)?;
    let port = match port(params)? {
        Some(port) => port,
        None if gateway => 6081,
        None => return Err(validation("A port must be specified")),
    };
    let tags = tagging::read(params)?;
    let fingerprint = token::fingerprint(&params.to_json().to_string());
    let siblings = ctx.referrers::<Listener>(&balancer.arn);
    if let Some(old) = siblings.iter().find(|listener| listener.port == port) {
        if old.fingerprint == fingerprint {
            return Ok(answer(std::slice::from_ref(old)));
        }
        return Err(AwsError::new(
            "DuplicateListener",
            "A listener already exists on this port for this load balancer",
        ));
    }
    if siblings.len() >= QUOTA {
        return Err(AwsError::new(
            "TooManyListeners",
            "The maximum number of listeners has been reached",
        ));
    }
    let actions = action::read(ctx, &balancer, params, "DefaultActions")?;
    let id = ctx.new_hex(16);
    let arn = ctx.arn(
        "elasticloadbalancing",
        &format!("listener/{}/{id}", balancer.path()),
    );
    let mut listener = Listener {
        arn: arn.clone(),
        balancer: balancer.arn.clone(),
        protocol: protocol.to_owned(),
        port,
        ssl_policy: None,
        certificate: None,
        certificates: Vec::new(),
        actions,
        alpn: Vec::new(),
        attributes: BTreeMap::new(),
        fingerprint,
    };
    secure(ctx, params, &mut listener)?;
    ctx.put_tagged(listener, tags);
    rule::make_default(ctx, &arn);
    let listener = find_arn(ctx, &arn)?;
    Ok(answer(&[listener]))
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut listener = find(ctx, params)?.edit();
    let balancer = action::balancer_of(ctx, &listener)?;
    if let Some(protocol) = params.str("Protocol") {
        check_protocol(&balancer, protocol)?;
        if protocol != listener.protocol {
            listener.attributes.clear();
        }
        protocol.clone_into(&mut listener.protocol);
    }
    if let Some(port) = port(params)? {
        let taken = ctx
            .referrers::<Listener>(&balancer.arn)
            .iter()
            .any(|other| other.port == port && other.arn != listener.arn);
        if taken {
            return Err(AwsError::new(
                "DuplicateListener",
                "A listener already exists on this port for this load balancer",
            ));
        }
        listener.port = port;
    }
    secure(ctx, params, &mut listener)?;
    if params.has("DefaultActions") {
        listener.actions = action::read(ctx, &balancer, params, "DefaultActions")?;
    }
    let arn = listener.arn.clone();
    ctx.put(listener);
    let listener = find_arn(ctx, &arn)?;
    Ok(answer(&[listener]))
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arns = params.strings("ListenerArns");
    let mut found = Vec::new();
    match params.str("LoadBalancerArn") {
        Some(_) if !arns.is_empty() => {
            return Err(validation(
                "A load balancer ARN and listener ARNs cannot be specified at the same time",
            ));
        }
        Some(arn) => {
            let balancer = load_balancer::find_arn(ctx, arn)?;
            found = ctx.referrers::<Listener>(&balancer.arn);
        }
        None if arns.is_empty() => {
            return Err(validation(
                "You must specify either listener ARNs or a load balancer ARN",
            ));
        }
        None => {}
    }
    for arn in arns {
        found.push(find_arn(ctx, arn)?);
    }
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    found.dedup_by(|a, b| a.arn == b.arn);
    let page = pages(found, |listener| listener.arn.as_str(), params)?;
    let mut xml = answer(&page.items);
    xml.opt("NextMarker", page.next);
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let arn = find(ctx, params)?.arn.clone();
    remove(ctx, &arn);
    Ok(Xml::new())
}

/// The default actions, as the default rule shows them.
pub(super) fn actions(listener: &Listener) -> &[Value] {
    &listener.actions
}

fn answer(listeners: &[Stored<Listener>]) -> Xml {
    let mut xml = Xml::new();
    xml.list("Listeners", "member", listeners, |xml, listener| {
        xml.text("ListenerArn", &listener.arn)
            .text("LoadBalancerArn", &listener.balancer)
            .text("Port", listener.port)
            .text("Protocol", &listener.protocol)
            .list(
                "Certificates",
                "member",
                &listener.certificate,
                |xml, arn| {
                    xml.text("CertificateArn", arn);
                },
            )
            .opt("SslPolicy", listener.ssl_policy.as_ref());
        write_value(
            xml,
            "DefaultActions",
            &Value::Array(listener.actions.clone()),
        );
        if !listener.alpn.is_empty() {
            xml.texts("AlpnPolicy", "member", &listener.alpn);
        }
        if listener.protocol == "HTTPS" {
            xml.node("MutualAuthentication", |xml| {
                xml.text("Mode", "off");
            });
        }
    });
    xml
}
