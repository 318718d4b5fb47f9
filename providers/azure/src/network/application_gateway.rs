//! `azurerm_application_gateway`.

use super::VERSION;
use super::gateway_blocks::{
    Autoscale, BackendPool, BackendSettings, Certificate, Firewall, FrontendIp, FrontendPort,
    GatewayIp, Listener, PathMap, Probe, Redirect, Rewrites, RootCertificate, RoutingRule, Sku,
    SslPolicy,
};
use crate::api::{Api, grouped};
use crate::client::Client;
use crate::identity::{self, Identity};
use crate::kind::Kind;
use crate::wire::{self, Rule, Rules};
use infra_model::schema::Traits;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// An application gateway: a load balancer for HTTP.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GatewayRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Availability zones.
    #[record(optional, force_new)]
    pub(crate) zones: BTreeSet<String>,
    /// The kind of gateway.
    #[record(block, min = 1, max = 1)]
    pub(crate) sku: Vec<Sku>,
    /// Between how many instances it scales by itself.
    #[record(block, max = 1)]
    pub(crate) autoscale_configuration: Vec<Autoscale>,
    /// Whether it speaks HTTP/2.
    #[record(optional, default = false)]
    pub(crate) http2_enabled: bool,
    /// Whether cryptography is FIPS 140-2's.
    #[record(optional)]
    pub(crate) fips_enabled: Option<bool>,
    /// A firewall's rules.
    #[record(optional, compare = case_insensitive)]
    pub(crate) firewall_policy_id: Option<String>,
    /// The identities that it reads vaults with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// The subnet that it is in, which nothing else may be in.
    #[record(block, min = 1, max = 2)]
    pub(crate) gateway_ip_configuration: Vec<GatewayIp>,
    /// Addresses that it listens on.
    #[record(block, min = 1)]
    pub(crate) frontend_ip_configuration: Vec<FrontendIp>,
    /// Ports that it listens on.
    #[record(block, set, min = 1)]
    pub(crate) frontend_port: Vec<FrontendPort>,
    /// Where requests go to.
    #[record(block, set, min = 1)]
    pub(crate) backend_address_pool: Vec<BackendPool>,
    /// How requests are sent on.
    #[record(block, set, min = 1)]
    pub(crate) backend_http_settings: Vec<BackendSettings>,
    /// How it finds out which machines work.
    #[record(block, set)]
    pub(crate) probe: Vec<Probe>,
    /// What it listens for.
    #[record(block, set, min = 1)]
    pub(crate) http_listener: Vec<Listener>,
    /// Which way requests go.
    #[record(block, set, min = 1)]
    pub(crate) request_routing_rule: Vec<RoutingRule>,
    /// Where requests are redirected to.
    #[record(block, set)]
    pub(crate) redirect_configuration: Vec<Redirect>,
    /// What is changed in requests and answers on the way.
    #[record(block)]
    pub(crate) rewrite_rule_set: Vec<Rewrites>,
    /// What decides by paths.
    #[record(block, set)]
    pub(crate) url_path_map: Vec<PathMap>,
    /// Certificates that it shows.
    #[record(block, set)]
    pub(crate) ssl_certificate: Vec<Certificate>,
    /// Whose certificates machines may have.
    #[record(block, set)]
    pub(crate) trusted_root_certificate: Vec<RootCertificate>,
    /// Which TLS it speaks.
    #[record(block, max = 1, computed)]
    pub(crate) ssl_policy: Vec<SslPolicy>,
    /// A firewall for web applications.
    #[record(block, max = 1)]
    pub(crate) waf_configuration: Vec<Firewall>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Gateway;

const POOLS: &str = "properties/backendAddressPools";

/// Puts machines into the pools of a body: names and addresses are in one list there.
fn put_machines(body: &mut Json, pools: &[BackendPool]) {
    let Some(Json::Array(items)) = wire::get(body, POOLS).cloned() else {
        return;
    };
    let items = items.into_iter().map(|mut item| {
        let pool = pools.iter().find(|p| item["name"] == p.name.as_str());
        if let Some(pool) = pool {
            let names = pool.fqdns.iter().map(|name| json!({ "fqdn": name }));
            let addresses = pool.ip_addresses.iter();
            let addresses = addresses.map(|address| json!({ "ipAddress": address }));
            let all: Vec<Json> = names.chain(addresses).collect();
            item["properties"]["backendAddresses"] = Json::Array(all);
        }
        item
    });
    let items = items.collect();
    wire::put(body, POOLS, items);
}

/// The machines of a pool, as names or as addresses.
fn machines(found: &Json, pool: &str, field: &str) -> BTreeSet<String> {
    let pools = wire::get(found, POOLS).and_then(Json::as_array);
    let pool = pools.into_iter().flatten().find(|p| p["name"] == pool);
    let all = pool.and_then(|p| p["properties"]["backendAddresses"].as_array());
    let texts = all.into_iter().flatten().filter_map(|m| m[field].as_str());
    texts.map(str::to_owned).collect()
}

#[async_trait::async_trait]
impl Kind for Gateway {
    type Record = GatewayRecord;
    const TYPE: &'static str = "azurerm_application_gateway";
    const API: Api = Api::new(
        "Microsoft.Network/applicationGateways",
        VERSION,
        grouped!("Microsoft.Network/applicationGateways/{name}"),
    );
    const RULES: Rules = &[
        ("sku", Rule::At("properties/sku")),
        (
            "autoscale_configuration",
            Rule::At("properties/autoscaleConfiguration"),
        ),
        ("http2_enabled", Rule::At("properties/enableHttp2")),
        ("fips_enabled", Rule::At("properties/enableFips")),
        ("firewall_policy_id", Rule::Ref("properties/firewallPolicy")),
        ("identity", Rule::Own),
        (
            "gateway_ip_configuration",
            Rule::Parts("properties/gatewayIPConfigurations"),
        ),
        (
            "gateway_ip_configuration.subnet_id",
            Rule::Ref("properties/subnet"),
        ),
        (
            "frontend_ip_configuration",
            Rule::Parts("properties/frontendIPConfigurations"),
        ),
        (
            "frontend_ip_configuration.public_ip_address_id",
            Rule::Ref("properties/publicIPAddress"),
        ),
        (
            "frontend_ip_configuration.subnet_id",
            Rule::Ref("properties/subnet"),
        ),
        (
            "frontend_ip_configuration.private_ip_address",
            Rule::At("properties/privateIPAddress"),
        ),
        (
            "frontend_ip_configuration.private_ip_address_allocation",
            Rule::At("properties/privateIPAllocationMethod"),
        ),
        ("frontend_port", Rule::Parts("properties/frontendPorts")),
        ("backend_address_pool", Rule::Parts(POOLS)),
        ("backend_address_pool.fqdns", Rule::Own),
        ("backend_address_pool.ip_addresses", Rule::Own),
        (
            "backend_http_settings",
            Rule::Parts("properties/backendHttpSettingsCollection"),
        ),
        (
            "backend_http_settings.probe_name",
            Rule::Sibling("properties/probe", "probes"),
        ),
        (
            "backend_http_settings.trusted_root_certificate_names",
            Rule::Sibling(
                "properties/trustedRootCertificates",
                "trustedRootCertificates",
            ),
        ),
        (
            "backend_http_settings.connection_draining",
            Rule::At("properties/connectionDraining"),
        ),
        (
            "backend_http_settings.connection_draining.drain_timeout_sec",
            Rule::At("drainTimeoutInSec"),
        ),
        ("probe", Rule::Parts("properties/probes")),
        ("probe.minimum_servers", Rule::At("properties/minServers")),
        ("probe.match", Rule::At("properties/match")),
        ("probe.match.status_code", Rule::At("statusCodes")),
        ("http_listener", Rule::Parts("properties/httpListeners")),
        (
            "http_listener.frontend_ip_configuration_name",
            Rule::Sibling(
                "properties/frontendIPConfiguration",
                "frontendIPConfigurations",
            ),
        ),
        (
            "http_listener.frontend_port_name",
            Rule::Sibling("properties/frontendPort", "frontendPorts"),
        ),
        (
            "http_listener.require_sni",
            Rule::At("properties/requireServerNameIndication"),
        ),
        (
            "http_listener.ssl_certificate_name",
            Rule::Sibling("properties/sslCertificate", "sslCertificates"),
        ),
        (
            "http_listener.firewall_policy_id",
            Rule::Ref("properties/firewallPolicy"),
        ),
        (
            "request_routing_rule",
            Rule::Parts("properties/requestRoutingRules"),
        ),
        (
            "request_routing_rule.http_listener_name",
            Rule::Sibling("properties/httpListener", "httpListeners"),
        ),
        (
            "request_routing_rule.backend_address_pool_name",
            Rule::Sibling("properties/backendAddressPool", "backendAddressPools"),
        ),
        (
            "request_routing_rule.backend_http_settings_name",
            Rule::Sibling(
                "properties/backendHttpSettings",
                "backendHttpSettingsCollection",
            ),
        ),
        (
            "request_routing_rule.redirect_configuration_name",
            Rule::Sibling("properties/redirectConfiguration", "redirectConfigurations"),
        ),
        (
            "request_routing_rule.url_path_map_name",
            Rule::Sibling("properties/urlPathMap", "urlPathMaps"),
        ),
        (
            "request_routing_rule.rewrite_rule_set_name",
            Rule::Sibling("properties/rewriteRuleSet", "rewriteRuleSets"),
        ),
        (
            "rewrite_rule_set",
            Rule::Parts("properties/rewriteRuleSets"),
        ),
        (
            "rewrite_rule_set.rewrite_rule",
            Rule::At("properties/rewriteRules"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.condition",
            Rule::At("conditions"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.request_header_configuration",
            Rule::At("actionSet/requestHeaderConfigurations"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.response_header_configuration",
            Rule::At("actionSet/responseHeaderConfigurations"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.url",
            Rule::At("actionSet/urlConfiguration"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.url.path",
            Rule::At("modifiedPath"),
        ),
        (
            "rewrite_rule_set.rewrite_rule.url.query_string",
            Rule::At("modifiedQueryString"),
        ),
        (
            "redirect_configuration",
            Rule::Parts("properties/redirectConfigurations"),
        ),
        (
            "redirect_configuration.target_listener_name",
            Rule::Sibling("properties/targetListener", "httpListeners"),
        ),
        ("url_path_map", Rule::Parts("properties/urlPathMaps")),
        (
            "url_path_map.default_backend_address_pool_name",
            Rule::Sibling(
                "properties/defaultBackendAddressPool",
                "backendAddressPools",
            ),
        ),
        (
            "url_path_map.default_backend_http_settings_name",
            Rule::Sibling(
                "properties/defaultBackendHttpSettings",
                "backendHttpSettingsCollection",
            ),
        ),
        (
            "url_path_map.default_redirect_configuration_name",
            Rule::Sibling(
                "properties/defaultRedirectConfiguration",
                "redirectConfigurations",
            ),
        ),
        (
            "url_path_map.default_rewrite_rule_set_name",
            Rule::Sibling("properties/defaultRewriteRuleSet", "rewriteRuleSets"),
        ),
        (
            "url_path_map.path_rule.rewrite_rule_set_name",
            Rule::Sibling("properties/rewriteRuleSet", "rewriteRuleSets"),
        ),
        (
            "url_path_map.path_rule",
            Rule::Parts("properties/pathRules"),
        ),
        (
            "url_path_map.path_rule.backend_address_pool_name",
            Rule::Sibling("properties/backendAddressPool", "backendAddressPools"),
        ),
        (
            "url_path_map.path_rule.backend_http_settings_name",
            Rule::Sibling(
                "properties/backendHttpSettings",
                "backendHttpSettingsCollection",
            ),
        ),
        (
            "url_path_map.path_rule.redirect_configuration_name",
            Rule::Sibling("properties/redirectConfiguration", "redirectConfigurations"),
        ),
        (
            "url_path_map.path_rule.firewall_policy_id",
            Rule::Ref("properties/firewallPolicy"),
        ),
        ("ssl_certificate", Rule::Parts("properties/sslCertificates")),
        ("ssl_certificate.data", Rule::SentOnly("properties/data")),
        (
            "ssl_certificate.password",
            Rule::SentOnly("properties/password"),
        ),
        (
            "trusted_root_certificate",
            Rule::Parts("properties/trustedRootCertificates"),
        ),
        ("ssl_policy", Rule::At("properties/sslPolicy")),
        (
            "ssl_policy.disabled_protocols",
            Rule::At("disabledSslProtocols"),
        ),
        (
            "waf_configuration",
            Rule::At("properties/webApplicationFirewallConfiguration"),
        ),
        (
            "waf_configuration.file_upload_limit_mb",
            Rule::At("fileUploadLimitInMb"),
        ),
        (
            "waf_configuration.max_request_body_size_kb",
            Rule::At("maxRequestBodySizeInKb"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(360, 120, 240)
    }

    fn turn(id: &str) -> Option<&str> {
        Some(id)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &GatewayRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        put_machines(body, &desired.backend_address_pool);
        identity::put(body, &[], &desired.identity);
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &GatewayRecord,
        desired: &GatewayRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        if prior.backend_address_pool != desired.backend_address_pool {
            put_machines(body, &desired.backend_address_pool);
        }
        identity::put(body, &prior.identity, &desired.identity);
        Ok(())
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&GatewayRecord>,
        record: &mut GatewayRecord,
    ) {
        record.identity = identity::found(found, prior.map_or(&[][..], |p| &p.identity));
        for pool in &mut record.backend_address_pool {
            pool.fqdns = machines(found, &pool.name, "fqdn");
            pool.ip_addresses = machines(found, &pool.name, "ipAddress");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_a_pool_are_one_list_to_azure() {
        let pool = BackendPool {
            name: "p".to_owned(),
            fqdns: BTreeSet::from(["a.example".to_owned()]),
            ip_addresses: BTreeSet::from(["10.0.0.1".to_owned()]),
        };
        let mut body =
            json!({ "properties": { "backendAddressPools": [{ "name": "p" }, { "name": "q" }] } });
        put_machines(&mut body, &[pool]);
        assert_eq!(
            machines(&body, "p", "fqdn"),
            BTreeSet::from(["a.example".to_owned()])
        );
        assert_eq!(
            machines(&body, "p", "ipAddress"),
            BTreeSet::from(["10.0.0.1".to_owned()])
        );
        assert!(machines(&body, "q", "fqdn").is_empty());
    }
}
