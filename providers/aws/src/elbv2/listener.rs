//! `aws_lb_listener`.

use super::action::{self, Action};
use super::attributes::{self, Attribute, Of, Pairs, fill, on, text};
use super::{list, parent, tagging, there};
use crate::batch;
use crate::client::Client;
use crate::family::ELB_WRITE;
use crate::tags::{self, Tags};
use crate::wait::{self, Pace};
use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    AdvertiseTrustStoreCaNamesEnum, Certificate, Listener as Found, MutualAuthenticationAttributes,
    ProtocolEnum,
};
use infra_model::resource::Item;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
    Value, planning,
};
use std::time::Duration;

/// A port of a load balancer, and what it does with what comes in.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ListenerRecord {
    /// The load balancer.
    #[record(required, force_new)]
    pub(crate) load_balancer_arn: String,
    /// The port. Not for gateway load balancers.
    #[record(optional)]
    pub(crate) port: Option<i32>,
    /// `HTTP` or `HTTPS`; `TCP`, `TLS`, `UDP` or `TCP_UDP`. Not for gateway load balancers.
    #[record(optional, computed)]
    pub(crate) protocol: Option<String>,
    /// The policy that names TLS versions and ciphers.
    #[record(optional, computed)]
    pub(crate) ssl_policy: Option<String>,
    /// The certificate of `HTTPS` and `TLS`.
    #[record(optional)]
    pub(crate) certificate_arn: Option<String>,
    /// What TLS offers besides: `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`, `HTTP2Preferred` or `None`.
    #[record(optional)]
    pub(crate) alpn_policy: Option<String>,
    /// What is done with requests that no rule takes.
    #[record(block, min = 1)]
    pub(crate) default_action: Vec<Action>,
    /// Whether clients show certificates.
    #[record(block, max = 1, computed)]
    pub(crate) mutual_authentication: Vec<MutualAuthentication>,
    /// Seconds after which an idle connection is forgotten, of `TCP`.
    #[record(optional, computed)]
    pub(crate) tcp_idle_timeout_seconds: Option<i64>,
    /// Whether answers have a `Server` header.
    #[record(optional, computed)]
    pub(crate) routing_http_response_server_enabled: Option<bool>,
    /// The `Strict-Transport-Security` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_strict_transport_security_header_value: Option<String>,
    /// The `Content-Security-Policy` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_content_security_policy_header_value: Option<String>,
    /// The `X-Content-Type-Options` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_x_content_type_options_header_value: Option<String>,
    /// The `X-Frame-Options` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_x_frame_options_header_value: Option<String>,
    /// The `Access-Control-Allow-Origin` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_allow_origin_header_value: Option<String>,
    /// The `Access-Control-Allow-Methods` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_allow_methods_header_value: Option<String>,
    /// The `Access-Control-Allow-Headers` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_allow_headers_header_value: Option<String>,
    /// The `Access-Control-Allow-Credentials` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_allow_credentials_header_value: Option<String>,
    /// The `Access-Control-Expose-Headers` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_expose_headers_header_value: Option<String>,
    /// The `Access-Control-Max-Age` header of answers.
    #[record(optional, computed)]
    pub(crate) routing_http_response_access_control_max_age_header_value: Option<String>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// The ARN.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct MutualAuthentication {
    /// `off`, `passthrough` or `verify`.
    #[record(required)]
    pub(crate) mode: String,
    /// The certificates that are trusted, for `verify`.
    #[record(optional)]
    pub(crate) trust_store_arn: Option<String>,
    /// Whether expired certificates pass.
    #[record(optional, default = false)]
    pub(crate) ignore_client_certificate_expiry: bool,
    /// `on` or `off`: whether clients are told which authorities are trusted.
    #[record(optional, computed)]
    pub(crate) advertise_trust_store_ca_names: Option<String>,
}

const WEB: &[&str] = &["HTTP", "HTTPS"];
/// Those whose attributes can be asked for.
const ATTRIBUTED: &[&str] = &["HTTP", "HTTPS", "TCP"];

macro_rules! header {
    ($name:literal, $field:ident) => {
        Attribute {
            key: concat!("routing.http.response.", $name, ".header_value"),
            kinds: WEB,
            default: "",
            get: |r| r.$field.clone(),
            set: |r, v| r.$field = Some(v.to_owned()),
        }
    };
}

const ATTRIBUTES: &[Attribute<ListenerRecord>] = &[
    Attribute {
        key: "tcp.idle_timeout.seconds",
        kinds: &["TCP"],
        default: "",
        get: |r| r.tcp_idle_timeout_seconds.map(|s| s.to_string()),
        set: |r, v| r.tcp_idle_timeout_seconds = v.parse().ok(),
    },
    Attribute {
        key: "routing.http.response.server.enabled",
        kinds: WEB,
        default: "",
        get: |r| {
            r.routing_http_response_server_enabled
                .map(|b| b.to_string())
        },
        set: |r, v| r.routing_http_response_server_enabled = text(v).map(|v| on(&v)),
    },
    header!(
        "strict_transport_security",
        routing_http_response_strict_transport_security_header_value
    ),
    header!(
        "content_security_policy",
        routing_http_response_content_security_policy_header_value
    ),
    header!(
        "x_content_type_options",
        routing_http_response_x_content_type_options_header_value
    ),
    header!(
        "x_frame_options",
        routing_http_response_x_frame_options_header_value
    ),
    header!(
        "access_control_allow_origin",
        routing_http_response_access_control_allow_origin_header_value
    ),
    header!(
        "access_control_allow_methods",
        routing_http_response_access_control_allow_methods_header_value
    ),
    header!(
        "access_control_allow_headers",
        routing_http_response_access_control_allow_headers_header_value
    ),
    header!(
        "access_control_allow_credentials",
        routing_http_response_access_control_allow_credentials_header_value
    ),
    header!(
        "access_control_expose_headers",
        routing_http_response_access_control_expose_headers_header_value
    ),
    header!(
        "access_control_max_age",
        routing_http_response_access_control_max_age_header_value
    ),
];

pub(crate) struct Listener;

#[async_trait]
impl Resource<Client> for Listener {
    type Record = ListenerRecord;
    const TYPE: &'static str = "aws_lb_listener";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(ELB_WRITE.name)
            .unique(&["load_balancer_arn", "port"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        if planned.value.get("protocol") == prior.get("protocol") {
            return Ok(());
        }
        // Another protocol has other settings, except for those that are said.
        let block = ListenerRecord::block();
        let open: Vec<&str> = block
            .attributes
            .iter()
            .filter(|(name, a)| {
                a.optional && a.computed && request.config.get(name).is_none_or(Value::is_null)
            })
            .map(|(name, _)| &**name)
            .collect();
        planning::mark_unknown(planned, &block, &open);
        let said = request.config.get("mutual_authentication");
        if let Some(nested) = block.blocks.get("mutual_authentication")
            && said.and_then(Value::elements).is_none_or(<[_]>::is_empty)
        {
            let unknown = Value::Unknown(nested.value_type());
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("mutual_authentication", unknown);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let secure = matches!(
            config.get("protocol").and_then(Value::as_str),
            Some("HTTPS" | "TLS")
        );
        let absent = |name: &str| config.get(name).is_none_or(Value::is_null);
        if secure && absent("certificate_arn") {
            return vec![ProviderError::invalid(
                "certificate_arn",
                "a listener of HTTPS or TLS needs `certificate_arn`",
            )];
        }
        Vec::new()
    }

    fn id(record: &ListenerRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ListenerRecord>],
    ) -> Vec<Result<Option<ListenerRecord>, ProviderError>> {
        let balancers: Vec<String> = items
            .iter()
            .map(|i| parent(&i.id).unwrap_or_default())
            .collect();
        // One listing a load balancer; one that is gone takes its listeners along.
        let listings = batch::by_key(
            &balancers,
            1,
            |l: &Found| l.load_balancer_arn.clone(),
            |arns| async move {
                match arns.first() {
                    Some(arn) => listeners(client, context, arn).await,
                    None => Ok(Vec::new()),
                }
            },
        )
        .await;
        let found: Vec<Result<Option<Found>, ProviderError>> = listings
            .into_iter()
            .zip(items)
            .map(|(listing, item)| {
                Ok(listing?
                    .into_iter()
                    .find(|l| l.listener_arn.as_ref() == Some(&item.id)))
            })
            .collect();
        let there = |attributed: bool| -> Vec<String> {
            let found = found.iter().filter_map(|f| f.as_ref().ok()?.as_ref());
            found
                .filter(|l| ATTRIBUTED.contains(&protocol(l)) == attributed)
                .filter_map(|l| l.listener_arn.clone())
                .collect()
        };
        let (with, without) = (there(true), there(false));
        let (mut beside, mut tags) = futures::join!(
            attributes::beside(client, context, Of::Listener, &with),
            tagging::read(client, context, &without)
        );
        found
            .into_iter()
            .zip(items)
            .map(|(found, item)| {
                let Some(listener) = found? else {
                    return Ok(None);
                };
                let (found_tags, attributes) = if let Some(both) = beside.remove(&item.id) {
                    let both = both?;
                    (both.tags, both.attributes)
                } else if let Some(tags) = tags.remove(&item.id) {
                    (tags?, Pairs::new())
                } else {
                    return Ok(None);
                };
                let prior = item.prior.as_ref();
                let mut record = record(listener, &attributes, prior);
                (record.tags, record.tags_all) =
                    tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
                Ok(Some(record))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ListenerRecord,
    ) -> Result<ListenerRecord, ProviderError> {
        let request = client
            .elbv2()
            .create_listener()
            .load_balancer_arn(&desired.load_balancer_arn)
            .set_port(desired.port)
            .set_protocol(desired.protocol.as_deref().map(ProtocolEnum::from))
            .set_ssl_policy(desired.ssl_policy.clone())
            .set_certificates(certificates(&desired))
            .set_alpn_policy(desired.alpn_policy.clone().map(|p| vec![p]))
            .set_mutual_authentication(mutual(&desired))
            .set_default_actions(Some(action::to_sdk(&desired.default_action)))
            .set_tags(Some(tagging::for_create(client, operation, &desired.tags)));
        let arn = propagated(context, operation, &desired, || {
            client.begin_named(
                context,
                operation,
                ELB_WRITE,
                "CreateListener",
                || find(client, context, operation, &desired),
                || request.clone().send(),
                |made| made.listeners().first()?.listener_arn(),
            )
        })
        .await?;
        configure(client, context, &arn, &desired).await?;
        wait::settled::<Listener>(client, context, operation, &arn, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ListenerRecord,
        desired: ListenerRecord,
    ) -> Result<ListenerRecord, ProviderError> {
        let arn = Listener::id(&prior);
        propagated(context, operation, &desired, || {
            client.call(context, ELB_WRITE, "ModifyListener", || {
                client
                    .elbv2()
                    .modify_listener()
                    .listener_arn(&arn)
                    .set_port(desired.port)
                    .set_protocol(desired.protocol.as_deref().map(ProtocolEnum::from))
                    .set_ssl_policy(desired.ssl_policy.clone())
                    .set_certificates(certificates(&desired))
                    .set_alpn_policy(desired.alpn_policy.clone().map(|p| vec![p]))
                    .set_mutual_authentication(mutual(&desired))
                    .set_default_actions(Some(action::to_sdk(&desired.default_action)))
                    .send()
            })
        })
        .await?;
        configure(client, context, &arn, &desired).await?;
        let (before, own) = (&prior.tags_all, &desired.tags);
        tagging::update(client, context, operation, &arn, before, own).await?;
        wait::settled::<Listener>(client, context, operation, &arn, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ListenerRecord,
    ) -> Result<(), ProviderError> {
        let arn = Listener::id(&prior);
        wait::while_in_use(context, operation, wait::QUICK, || {
            client.call(context, ELB_WRITE, "DeleteListener", || {
                client.elbv2().delete_listener().listener_arn(&arn).send()
            })
        })
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ListenerRecord,
    ) -> Result<Recovered, ProviderError> {
        find(client, context, operation, &desired).await
    }
}

/// A certificate that IAM has just got is not known everywhere yet.
async fn propagated<T, F>(
    context: &CallContext,
    operation: &Operation,
    desired: &ListenerRecord,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let pace = Pace {
        limit: Duration::from_mins(2),
        ..wait::QUICK
    };
    let from_iam = desired
        .certificate_arn
        .as_ref()
        .is_some_and(|c| c.contains(":iam:"));
    let passes = |error: &ProviderError| from_iam && error.code.starts_with("CertificateNotFound");
    wait::while_refused(context, operation, pace, passes, call).await
}

fn certificates(record: &ListenerRecord) -> Option<Vec<Certificate>> {
    let arn = record.certificate_arn.as_ref()?;
    Some(vec![Certificate::builder().certificate_arn(arn).build()])
}

fn mutual(record: &ListenerRecord) -> Option<MutualAuthenticationAttributes> {
    let mutual = record.mutual_authentication.first()?;
    let verifies = mutual.mode == "verify";
    Some(
        MutualAuthenticationAttributes::builder()
            .mode(&mutual.mode)
            .set_trust_store_arn(mutual.trust_store_arn.clone())
            .set_ignore_client_certificate_expiry(
                verifies.then_some(mutual.ignore_client_certificate_expiry),
            )
            .set_advertise_trust_store_ca_names(
                mutual
                    .advertise_trust_store_ca_names
                    .as_deref()
                    .filter(|_| verifies)
                    .map(AdvertiseTrustStoreCaNamesEnum::from),
            )
            .build(),
    )
}

async fn listeners(
    client: &Client,
    context: &CallContext,
    balancer: &str,
) -> Result<Vec<Found>, ProviderError> {
    let listed = list!(client, context, "DescribeListeners": describe_listeners.load_balancer_arn(balancer) => listeners);
    there(listed.await)
}

/// What has the port, and whether the operation made it.
async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &ListenerRecord,
) -> Result<Recovered, ProviderError> {
    let found = listeners(client, context, &desired.load_balancer_arn).await?;
    let arns = found
        .into_iter()
        .filter(|l| desired.port.is_none() || l.port == desired.port)
        .filter_map(|l| l.listener_arn);
    tagging::whose(client, context, operation, arns.collect()).await
}

/// Sets the attributes that differ.
async fn configure(
    client: &Client,
    context: &CallContext,
    arn: &str,
    desired: &ListenerRecord,
) -> Result<(), ProviderError> {
    let protocol = desired.protocol.as_deref().unwrap_or_default();
    if attributes::wanted(ATTRIBUTES, protocol, desired, &Pairs::new()).is_empty() {
        return Ok(());
    }
    let found = attributes::read(client, context, Of::Listener, arn).await?;
    let pairs = attributes::wanted(ATTRIBUTES, protocol, desired, &found);
    attributes::set(client, context, Of::Listener, arn, &pairs).await
}

fn protocol(found: &Found) -> &str {
    found.protocol().map_or("", ProtocolEnum::as_str)
}

fn record(found: Found, attributes: &Pairs, prior: Option<&ListenerRecord>) -> ListenerRecord {
    let mutual = found.mutual_authentication().map(|m| MutualAuthentication {
        mode: m.mode.clone().unwrap_or_default(),
        trust_store_arn: m.trust_store_arn.clone(),
        ignore_client_certificate_expiry: m.ignore_client_certificate_expiry.unwrap_or(false),
        advertise_trust_store_ca_names: m
            .advertise_trust_store_ca_names()
            .map(|a| a.as_str().to_owned()),
    });
    let mut record = ListenerRecord {
        protocol: found.protocol().map(|p| p.as_str().to_owned()),
        certificate_arn: found
            .certificates()
            .first()
            .and_then(|c| c.certificate_arn.clone()),
        alpn_policy: found.alpn_policy().first().cloned(),
        default_action: action::from_sdk(
            found.default_actions(),
            prior.map(|p| p.default_action.as_slice()),
        ),
        mutual_authentication: mutual.into_iter().collect(),
        id: found.listener_arn.clone(),
        arn: found.listener_arn,
        load_balancer_arn: found.load_balancer_arn.unwrap_or_default(),
        port: found.port,
        ssl_policy: found.ssl_policy.filter(|p| !p.is_empty()),
        ..ListenerRecord::default()
    };
    let protocol = record.protocol.clone().unwrap_or_default();
    fill(ATTRIBUTES, &protocol, attributes, prior, &mut record);
    record
}
