use crate::fixture::{Fixture, at, native, readable, told, unfolded};
use serde_json::{Value as Json, json};

const THIS: &str = "azurerm_application_gateway.this";
const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/certs/providers/Microsoft.KeyVault/vaults/certs";

fn web(more: Json) -> Json {
    let mut inputs = json!({
        "network": "main",
        "listen": { "port": 80, "protocol": "http" },
        "target": { "cluster": "main", "node_port": 30080, "health_path": "/healthz" },
    });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

fn both(certificate: Json) -> Json {
    web(json!({ "listen": [
        { "port": 80, "protocol": "http" },
        { "port": 443, "protocol": "https", "certificate": certificate },
    ] }))
}

#[test]
fn an_application_load_balancer() {
    let inputs = both(json!(format!("{VAULT}/certificates/shop")));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &inputs);
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn what_the_service_must_be_like_is_said_aloud() {
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &web(json!({})));
    insta::assert_snapshot!(told(&expansion.diagnostics));
    // The address lies in the nodes' range, where nodes come last.
    let address = at(&expansion, THIS, "/backend_address_pool/ip_addresses/0");
    let address = address.as_str().expect("an address").to_owned();
    let nodes: ipnet::Ipv4Net = "10.0.12.0/22".parse().expect("a range");
    assert!(
        nodes.contains(&address.parse::<std::net::Ipv4Addr>().expect("an address")),
        "{address}"
    );
    assert!(told(&expansion.diagnostics).contains(&address));
}

/// The hardening makes the Service, so that nobody is told to, and its listener's port is known.
#[test]
fn the_gateway_of_a_hardening_has_an_address_of_its_own() {
    let mut fixture = Fixture::with_cluster_on("azure");
    let hardening = json!({ "cluster": "main" });
    fixture.0.declare("hardening", "main", &hardening);
    let gateway = web(json!({ "target": { "gateway": "hardening.main" } }));
    let expansion = fixture.add("load_balancer", "web", &gateway);
    assert_eq!(told(&expansion.diagnostics), "");
    let get = |pointer: &str| at(&expansion, THIS, pointer);
    let address = get("/backend_address_pool/ip_addresses/0");
    assert_eq!(
        expansion.facts["gateway_address"].as_str(),
        address.as_str()
    );
    assert_eq!(get("/backend_http_settings/port"), 80);
    assert_eq!(get("/probe/path"), "/healthz");
    // Who called is told without a port, which is what the Gateway reads.
    assert_eq!(
        get("/rewrite_rule_set/rewrite_rule/request_header_configuration/header_value"),
        "{var_add_x_forwarded_for_proxy}"
    );
    assert_eq!(
        get("/request_routing_rule/0/rewrite_rule_set_name"),
        "client"
    );
}

#[test]
fn connections_are_over_tls_12_or_newer_and_port_80_sends_there() {
    let inputs = both(json!(format!("{VAULT}/certificates/shop")));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &inputs);
    assert_eq!(
        at(&expansion, THIS, "/ssl_policy/policy_name"),
        "AppGwSslPolicy20220101"
    );
    let rules = at(&expansion, THIS, "/request_routing_rule");
    assert_eq!(rules[0]["redirect_configuration_name"], "to-https");
    assert_eq!(rules[0].get("backend_address_pool_name"), None);
    assert_eq!(rules[1]["backend_address_pool_name"], "nodes");
    assert_eq!(
        at(
            &expansion,
            THIS,
            "/redirect_configuration/target_listener_name"
        ),
        "port-443"
    );
}

#[test]
fn it_may_read_its_certificates() {
    let inputs = both(json!({ "id": format!("{VAULT}/secrets/shop") }));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &inputs);
    let grant = native(&expansion, "azurerm_role_assignment.certificates");
    assert_eq!(grant["for_each"], json!({ "certs": VAULT }));
    assert_eq!(grant["role_definition_name"], "Key Vault Secrets User");
    assert_eq!(
        at(&expansion, THIS, "/ssl_certificate/0/key_vault_secret_id"),
        "https://certs.${data.azurerm_client_config.this.vault_domain}/secrets/shop"
    );
    let elsewhere = both(json!("?"));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &elsewhere);
    assert_eq!(
        at(&expansion, THIS, "/ssl_certificate/0/key_vault_secret_id"),
        "${flatten([input.listen])[1].certificate}"
    );
    assert!(told(&expansion.diagnostics).contains("must be allowed to read"));
}

#[test]
fn a_certificate_of_ones_own_stands_in_a_vault_that_it_may_read() {
    let inputs = both(json!({ "pem": "PEM", "key": "KEY" }));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &inputs);
    let of = |pointer: &str| {
        at(
            &expansion,
            "azurerm_key_vault_certificate.port_443",
            pointer,
        )
        .clone()
    };
    // As references, so that a secret key stays one.
    let given = "flatten([input.listen])[1].certificate";
    assert_eq!(
        of("/certificate/contents"),
        format!("${{trimspace({given}.pem)}}\n${{trimspace({given}.key)}}\n")
    );
    assert_eq!(of("/key_vault_id"), "${azurerm_key_vault.this.id}");
    // Gateways take no PEM.
    assert_eq!(
        of("/certificate_policy/secret_properties/content_type"),
        "application/x-pkcs12"
    );
    assert_eq!(
        at(&expansion, THIS, "/ssl_certificate/0/key_vault_secret_id"),
        "${azurerm_key_vault_certificate.port_443.secret_id}"
    );
    let grant = native(&expansion, "azurerm_role_assignment.certificate");
    assert_eq!(grant["role_definition_name"], "Key Vault Secrets User");
    assert_eq!(grant["scope"], "${azurerm_key_vault.this.id}");
    let depends = at(&expansion, THIS, "/depends_on").to_string();
    assert!(
        depends.contains("azurerm_role_assignment.certificate\""),
        "{depends}"
    );
    // One vault for all of them.
    let two = web(json!({ "listen": [
        { "port": 443, "protocol": "https", "certificate": { "pem": "?", "key": "?" } },
        { "port": 8443, "protocol": "https", "certificate": { "pem": "?", "key": "?" } },
    ] }));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &two);
    native(&expansion, "azurerm_key_vault_certificate.port_8443");
}

#[test]
fn a_certificate_for_a_domain_is_ordered_of_an_issuer_that_a_vault_knows() {
    let given =
        json!({ "domain": "shop.example.com", "issuer": { "vault": VAULT, "name": "digicert" } });
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &both(given));
    let block = "azurerm_key_vault_certificate.port_443";
    let of = |pointer: &str| at(&expansion, block, pointer).clone();
    assert_eq!(of("/key_vault_id"), VAULT);
    let policy = "/certificate_policy";
    for (pointer, value) in [
        ("issuer_parameters/name", json!("digicert")),
        (
            "secret_properties/content_type",
            json!("application/x-pkcs12"),
        ),
        ("lifetime_action/action/action_type", json!("AutoRenew")),
        (
            "x509_certificate_properties/subject",
            json!("CN=shop.example.com"),
        ),
        (
            "x509_certificate_properties/subject_alternative_names/dns_names",
            json!(["shop.example.com"]),
        ),
    ] {
        assert_eq!(of(&format!("{policy}/{pointer}")), value);
    }
    // It follows to what is renewed, and may read this secret alone.
    assert_eq!(
        at(&expansion, THIS, "/ssl_certificate/0/key_vault_secret_id"),
        "${azurerm_key_vault_certificate.port_443.versionless_secret_id}"
    );
    let grant = native(&expansion, "azurerm_role_assignment.certificate_443");
    let name = of("/name");
    let name = name.as_str().expect("a name");
    assert_eq!(grant["scope"], format!("{VAULT}/secrets/{name}"));
    let depends = at(&expansion, THIS, "/depends_on").to_string();
    assert!(
        depends.contains("azurerm_role_assignment.certificate_443"),
        "{depends}"
    );
    let said = told(&expansion.diagnostics);
    assert!(said.contains("Key Vault Certificates Officer"), "{said}");
    // What comes from the same stack is an expression.
    let given = json!({ "domain": "?", "issuer": { "vault": "?", "name": "?" } });
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &both(given));
    let of = |pointer: &str| at(&expansion, block, pointer).clone();
    let path = "flatten([input.listen])[1].certificate";
    assert_eq!(of("/key_vault_id"), format!("${{{path}.issuer.vault}}"));
    assert_eq!(
        of("/certificate_policy/x509_certificate_properties/subject"),
        format!("CN=${{{path}.domain}}")
    );
}

#[test]
fn it_is_reached_from_where_it_says() {
    let rule = |inputs: &Json| {
        let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", inputs);
        readable(&expansion)["natives"]
            .get("azurerm_network_security_rule.listen")
            .cloned()
    };
    let all = rule(&web(json!({}))).expect("a rule");
    assert_eq!(all["source_address_prefix"], "Internet");
    assert_eq!(all["destination_port_ranges"], json!(["80"]));
    assert_eq!(all["network_security_group_name"], "shop-main-public");
    let office = rule(&web(json!({ "from": ["203.0.113.0/24"] }))).expect("a rule");
    assert_eq!(office["source_address_prefixes"], json!(["203.0.113.0/24"]));
    assert_eq!(rule(&web(json!({ "from": [] }))), None);
}

/// It has a public address, because Azure demands one, on which nothing listens.
#[test]
fn an_internal_one_listens_only_on_an_address_of_its_subnet() {
    let internal = web(json!({ "internal": true }));
    let expansion = Fixture::with_cluster_on("azure").add("load_balancer", "web", &internal);
    let get = |pointer: &str| at(&expansion, THIS, pointer);
    assert_eq!(
        get("/http_listener/0/frontend_ip_configuration_name"),
        "private"
    );
    let address = get("/frontend_ip_configuration/1/private_ip_address");
    let address = address.as_str().expect("an address");
    let subnet: ipnet::Ipv4Net = expansion_of_network("public_range");
    assert!(
        subnet.contains(&address.parse::<std::net::Ipv4Addr>().expect("an address")),
        "{address}"
    );
    assert_eq!(expansion.outputs["dns_name"], format!("${{\"{address}\"}}"));
    let rule = native(&expansion, "azurerm_network_security_rule.listen");
    assert_eq!(
        rule["source_address_prefixes"],
        json!(["${network.main.cidr}"])
    );
}

/// A range that the network of the fixtures tells of.
fn expansion_of_network(fact: &str) -> ipnet::Ipv4Net {
    let network = Fixture::new().add("network", "main", &json!({ "cloud": "azure" }));
    let range = network.facts[fact].as_str().expect("a range");
    range.parse().expect("a range")
}

#[test]
fn what_is_refused() {
    let cases = [
        web(json!({ "kind": "network", "listen": { "port": 5000, "protocol": "tcp" } })),
        both(json!({ "domain": "shop.example.com" })),
        both(json!({ "domain": "shop.example.com", "issuer": "digicert" })),
        both(json!("arn:aws:acm:eu-west-1:123456789012:certificate/x")),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::with_cluster_on("azure").refused("load_balancer", c))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}
