//! Blocks of `azurerm_application_gateway`. They refer to each other by their names.

use infra_model::Record;
use std::collections::BTreeSet;

/// The kind of gateway.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Sku {
    /// `Standard_v2`, `WAF_v2` or `Basic`.
    #[record(required)]
    pub(crate) name: String,
    /// The same.
    #[record(required)]
    pub(crate) tier: String,
    /// How many instances, without `autoscale_configuration`.
    #[record(optional)]
    pub(crate) capacity: Option<i64>,
}

/// Between how many instances it scales by itself.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Autoscale {
    /// At least so many.
    #[record(required)]
    pub(crate) min_capacity: i64,
    /// At most so many.
    #[record(optional)]
    pub(crate) max_capacity: Option<i64>,
}

/// The subnet that the gateway is in, which nothing else may be in.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct GatewayIp {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The subnet.
    #[record(required, compare = case_insensitive)]
    pub(crate) subnet_id: String,
}

/// An address that it listens on.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct FrontendIp {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The public address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) public_ip_address_id: Option<String>,
    /// The subnet of a private address.
    #[record(optional, compare = case_insensitive)]
    pub(crate) subnet_id: Option<String>,
    /// The private address.
    #[record(optional, computed)]
    pub(crate) private_ip_address: Option<String>,
    /// `Dynamic` or `Static`.
    #[record(optional, default = "Dynamic")]
    pub(crate) private_ip_address_allocation: String,
}

/// A port that it listens on.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct FrontendPort {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The port.
    #[record(required)]
    pub(crate) port: i64,
}

/// Where requests go to.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct BackendPool {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Names of machines.
    #[record(optional)]
    pub(crate) fqdns: BTreeSet<String>,
    /// Addresses of machines.
    #[record(optional)]
    pub(crate) ip_addresses: BTreeSet<String>,
}

/// How requests are sent on.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct BackendSettings {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The port.
    #[record(required)]
    pub(crate) port: i64,
    /// `Http` or `Https`.
    #[record(required)]
    pub(crate) protocol: String,
    /// `Enabled` or `Disabled`: whether a client stays with a machine.
    #[record(required)]
    pub(crate) cookie_based_affinity: String,
    /// The cookie's name.
    #[record(optional)]
    pub(crate) affinity_cookie_name: Option<String>,
    /// What is put before paths.
    #[record(optional)]
    pub(crate) path: Option<String>,
    /// Seconds that a machine may take to answer.
    #[record(optional, default = 30)]
    pub(crate) request_timeout: i64,
    /// The probe that tells which machines work.
    #[record(optional)]
    pub(crate) probe_name: Option<String>,
    /// The host that machines are asked for.
    #[record(optional)]
    pub(crate) host_name: Option<String>,
    /// Whether machines are asked for their own names.
    #[record(optional, default = false)]
    pub(crate) pick_host_name_from_backend_address: bool,
    /// Whose certificates machines may have.
    #[record(optional)]
    pub(crate) trusted_root_certificate_names: Vec<String>,
    /// What becomes of connections to machines that go.
    #[record(block, max = 1)]
    pub(crate) connection_draining: Vec<Draining>,
}

/// What becomes of connections to machines that go.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Draining {
    /// Whether they may end by themselves.
    #[record(required)]
    pub(crate) enabled: bool,
    /// For so many seconds.
    #[record(required)]
    pub(crate) drain_timeout_sec: i64,
}

/// How the gateway finds out which machines work.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Probe {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// `Http` or `Https`.
    #[record(required)]
    pub(crate) protocol: String,
    /// The path that it asks for.
    #[record(required)]
    pub(crate) path: String,
    /// The host that it asks for.
    #[record(optional)]
    pub(crate) host: Option<String>,
    /// The port, where it is not that of the settings.
    #[record(optional)]
    pub(crate) port: Option<i64>,
    /// Seconds between two probes.
    #[record(required)]
    pub(crate) interval: i64,
    /// Seconds that a machine may take to answer.
    #[record(required)]
    pub(crate) timeout: i64,
    /// How many unanswered ones take a machine out.
    #[record(required)]
    pub(crate) unhealthy_threshold: i64,
    /// Whether it asks for the host of the settings.
    #[record(optional, default = false)]
    pub(crate) pick_host_name_from_backend_http_settings: bool,
    /// How many machines always count as working.
    #[record(optional, default = 0)]
    pub(crate) minimum_servers: i64,
    /// Which answers are good.
    #[record(block, max = 1, rename = "match")]
    pub(crate) matching: Vec<Match>,
}

/// Which answers are good.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Match {
    /// Status codes, such as `200-399`.
    #[record(required)]
    pub(crate) status_code: Vec<String>,
    /// What the answer contains.
    #[record(optional)]
    pub(crate) body: Option<String>,
}

/// What it listens for.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Listener {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The address.
    #[record(required)]
    pub(crate) frontend_ip_configuration_name: String,
    /// The port.
    #[record(required)]
    pub(crate) frontend_port_name: String,
    /// `Http` or `Https`.
    #[record(required)]
    pub(crate) protocol: String,
    /// The host; any without one.
    #[record(optional)]
    pub(crate) host_name: Option<String>,
    /// Several hosts, also such as `*.example.com`.
    #[record(optional)]
    pub(crate) host_names: BTreeSet<String>,
    /// Whether clients must say the host when they connect.
    #[record(optional, default = false)]
    pub(crate) require_sni: bool,
    /// The certificate of `Https`.
    #[record(optional)]
    pub(crate) ssl_certificate_name: Option<String>,
    /// A firewall's rules for it.
    #[record(optional, compare = case_insensitive)]
    pub(crate) firewall_policy_id: Option<String>,
}

/// Which way requests go.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RoutingRule {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// `Basic`, or `PathBasedRouting` with `url_path_map_name`.
    #[record(required)]
    pub(crate) rule_type: String,
    /// 1 to 20000: lower ones go before.
    #[record(optional)]
    pub(crate) priority: Option<i64>,
    /// Where they come in.
    #[record(required)]
    pub(crate) http_listener_name: String,
    /// Where they go to.
    #[record(optional)]
    pub(crate) backend_address_pool_name: Option<String>,
    /// How they are sent on.
    #[record(optional)]
    pub(crate) backend_http_settings_name: Option<String>,
    /// Where they are redirected to instead.
    #[record(optional)]
    pub(crate) redirect_configuration_name: Option<String>,
    /// What decides by paths.
    #[record(optional)]
    pub(crate) url_path_map_name: Option<String>,
    /// What is changed in requests and answers on the way.
    #[record(optional)]
    pub(crate) rewrite_rule_set_name: Option<String>,
}

/// What is changed in requests and answers on the way
/// (https://learn.microsoft.com/azure/application-gateway/rewrite-http-headers-url).
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Rewrites {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its rules.
    #[record(block)]
    pub(crate) rewrite_rule: Vec<Rewrite>,
}

/// One change of requests and answers.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Rewrite {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// 1 to 1000: lower ones go before.
    #[record(required)]
    pub(crate) rule_sequence: i64,
    /// When it applies: when all of them hold.
    #[record(block)]
    pub(crate) condition: Vec<RewriteCondition>,
    /// Headers of requests.
    #[record(block)]
    pub(crate) request_header_configuration: Vec<Header>,
    /// Headers of answers.
    #[record(block)]
    pub(crate) response_header_configuration: Vec<Header>,
    /// The URL that requests are sent on with.
    #[record(block, max = 1)]
    pub(crate) url: Vec<RewrittenUrl>,
}

/// When requests and answers are changed.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RewriteCondition {
    /// What is looked at, such as `http_req_Authorization` or `var_uri_path`.
    #[record(required)]
    pub(crate) variable: String,
    /// A text, or a regular expression.
    #[record(required)]
    pub(crate) pattern: String,
    /// Whether upper and lower case are the same.
    #[record(optional, default = false)]
    pub(crate) ignore_case: bool,
    /// Whether it holds where the pattern does not match.
    #[record(optional, default = false)]
    pub(crate) negate: bool,
}

/// A header that is set; an empty value takes it away.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Header {
    /// Its name.
    #[record(required)]
    pub(crate) header_name: String,
    /// Its value, in which `{var_…}` and `{http_req_…}` stand for what the request has.
    #[record(required)]
    pub(crate) header_value: String,
}

/// The URL that requests are sent on with.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RewrittenUrl {
    /// The path.
    #[record(optional)]
    pub(crate) path: Option<String>,
    /// The query.
    #[record(optional)]
    pub(crate) query_string: Option<String>,
    /// Whether paths are decided about once more with it.
    #[record(optional, default = false)]
    pub(crate) reroute: bool,
}

/// Where requests are redirected to.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Redirect {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// `Permanent`, `Temporary`, `Found` or `SeeOther`.
    #[record(required)]
    pub(crate) redirect_type: String,
    /// Another listener.
    #[record(optional)]
    pub(crate) target_listener_name: Option<String>,
    /// A URL.
    #[record(optional)]
    pub(crate) target_url: Option<String>,
    /// Whether the path goes along.
    #[record(optional, default = false)]
    pub(crate) include_path: bool,
    /// Whether the query goes along.
    #[record(optional, default = false)]
    pub(crate) include_query_string: bool,
}

/// What decides by paths.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct PathMap {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Where requests go to that no rule is for.
    #[record(optional)]
    pub(crate) default_backend_address_pool_name: Option<String>,
    /// How these are sent on.
    #[record(optional)]
    pub(crate) default_backend_http_settings_name: Option<String>,
    /// Where these are redirected to instead.
    #[record(optional)]
    pub(crate) default_redirect_configuration_name: Option<String>,
    /// What is changed in these on the way.
    #[record(optional)]
    pub(crate) default_rewrite_rule_set_name: Option<String>,
    /// Its rules.
    #[record(block, min = 1)]
    pub(crate) path_rule: Vec<PathRule>,
}

/// Which way requests of some paths go.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct PathRule {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The paths, such as `/images/*`.
    #[record(required)]
    pub(crate) paths: Vec<String>,
    /// Where they go to.
    #[record(optional)]
    pub(crate) backend_address_pool_name: Option<String>,
    /// How they are sent on.
    #[record(optional)]
    pub(crate) backend_http_settings_name: Option<String>,
    /// Where they are redirected to instead.
    #[record(optional)]
    pub(crate) redirect_configuration_name: Option<String>,
    /// What is changed in them on the way.
    #[record(optional)]
    pub(crate) rewrite_rule_set_name: Option<String>,
    /// A firewall's rules for them.
    #[record(optional, compare = case_insensitive)]
    pub(crate) firewall_policy_id: Option<String>,
}

/// A certificate that it shows.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Certificate {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// A PFX file in base 64.
    #[record(optional, sensitive)]
    pub(crate) data: Option<String>,
    /// The file's password.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
    /// Its secret in a vault, instead of `data`.
    #[record(optional)]
    pub(crate) key_vault_secret_id: Option<String>,
}

/// Whose certificates machines may have.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct RootCertificate {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The certificate in base 64.
    #[record(optional)]
    pub(crate) data: Option<String>,
    /// Its secret in a vault, instead of `data`.
    #[record(optional)]
    pub(crate) key_vault_secret_id: Option<String>,
}

/// Which TLS it speaks.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct SslPolicy {
    /// `Predefined`, `Custom` or `CustomV2`.
    #[record(optional)]
    pub(crate) policy_type: Option<String>,
    /// The predefined one, such as `AppGwSslPolicy20220101`.
    #[record(optional)]
    pub(crate) policy_name: Option<String>,
    /// The oldest version of a custom one: `TLSv1_2`.
    #[record(optional)]
    pub(crate) min_protocol_version: Option<String>,
    /// Ciphers of a custom one.
    #[record(optional)]
    pub(crate) cipher_suites: Vec<String>,
    /// Versions that it does not speak.
    #[record(optional)]
    pub(crate) disabled_protocols: Vec<String>,
}

/// A firewall for web applications.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Firewall {
    /// Whether it is on.
    #[record(required)]
    pub(crate) enabled: bool,
    /// `Detection` or `Prevention`.
    #[record(required)]
    pub(crate) firewall_mode: String,
    /// `OWASP`, `Microsoft_BotManagerRuleSet` or `Microsoft_DefaultRuleSet`.
    #[record(optional, default = "OWASP")]
    pub(crate) rule_set_type: String,
    /// The version of the rules, such as `3.2`.
    #[record(required)]
    pub(crate) rule_set_version: String,
    /// The largest file, in MB.
    #[record(optional, default = 100)]
    pub(crate) file_upload_limit_mb: i64,
    /// Whether bodies are looked at.
    #[record(optional, default = true)]
    pub(crate) request_body_check: bool,
    /// The largest body, in KB.
    #[record(optional, default = 128)]
    pub(crate) max_request_body_size_kb: i64,
}
