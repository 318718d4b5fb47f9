use crate::fixture::{Fixture, at, native, readable, told, unfolded};
use serde_json::{Value as Json, json};

fn network(more: Json) -> Json {
    let mut inputs = json!({ "cloud": "azure", "flow_logs": false });
    let more = more.as_object().expect("inputs").clone();
    inputs.as_object_mut().expect("inputs").extend(more);
    inputs
}

#[test]
fn a_network_over_two_zones() {
    let expansion = Fixture::new().add("network", "main", &network(json!({})));
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn it_has_a_resource_group_in_the_providers_location() {
    let expansion = Fixture::new().add("network", "main", &network(json!({})));
    assert_eq!(
        at(&expansion, "azurerm_resource_group.this", "/location"),
        "${data.azurerm_client_config.this.location}"
    );
    for (address, body) in readable(&expansion)["natives"]
        .as_object()
        .expect("natives")
    {
        let Some(group) = body.get("resource_group_name") else {
            continue;
        };
        assert_eq!(group, "${azurerm_resource_group.this.name}", "{address}");
    }
}

#[test]
fn every_subnet_has_a_closed_security_group() {
    let expansion = Fixture::new().add("network", "main", &network(json!({})));
    for subnet in ["private", "public", "database"] {
        let association = format!("azurerm_subnet_network_security_group_association.{subnet}");
        assert_eq!(
            at(&expansion, &association, "/subnet_id"),
            format!("${{azurerm_subnet.{subnet}.id}}")
        );
        assert_eq!(
            at(&expansion, &association, "/network_security_group_id"),
            format!("${{azurerm_network_security_group.{subnet}.id}}")
        );
    }
    // From the internet come only HTTP and HTTPS, and only to the private subnet.
    let natives = readable(&expansion)["natives"].clone();
    let open: Vec<&Json> = natives
        .as_object()
        .expect("natives")
        .iter()
        .filter(|(address, _)| address.starts_with("azurerm_network_security_rule."))
        .map(|(_, body)| body)
        .filter(|body| body["access"] == "Allow")
        .filter(|body| !body["source_address_prefixes"].is_array())
        .filter(|body| body["source_address_prefix"] != "GatewayManager")
        .collect();
    assert_eq!(open.len(), 1, "{open:#?}");
    assert_eq!(open[0]["source_address_prefix"], "Internet");
    assert_eq!(open[0]["destination_port_ranges"], json!(["80", "443"]));
    let closed = native(&expansion, "azurerm_network_security_rule.closed");
    assert_eq!(closed["access"], "Deny");
    assert_eq!(closed["source_address_prefix"], "*");
    assert_eq!(
        closed["network_security_group_name"],
        "${azurerm_network_security_group.database.name}"
    );
}

#[test]
fn nothing_leaves_but_through_the_gateway() {
    let expansion = Fixture::new().add("network", "main", &network(json!({})));
    assert_eq!(
        at(
            &expansion,
            "azurerm_subnet.private",
            "/default_outbound_access_enabled"
        ),
        false
    );
    assert_eq!(
        at(
            &expansion,
            "azurerm_subnet_nat_gateway_association.private",
            "/subnet_id"
        ),
        "${azurerm_subnet.private.id}"
    );
}

#[test]
fn a_way_out_for_each_zone_is_one_that_spans_them() {
    for (nat, sku) in [("single", "Standard"), ("per_zone", "StandardV2")] {
        let expansion = Fixture::new().add("network", "main", &network(json!({ "nat": nat })));
        assert_eq!(at(&expansion, "azurerm_nat_gateway.this", "/sku_name"), sku);
        assert_eq!(at(&expansion, "azurerm_public_ip.nat", "/sku"), sku);
    }
    let expansion = Fixture::new().add("network", "main", &network(json!({ "nat": "none" })));
    assert_eq!(
        readable(&expansion)["natives"].get("azurerm_nat_gateway.this"),
        None
    );
    assert_eq!(readable(&expansion)["outputs"]["egress_addresses"], "${[]}");
}

#[test]
fn addresses_stay_where_they_are_when_zones_are_added() {
    let ranges = |zones: i64| {
        let inputs = network(json!({ "zones": zones, "cidr": "10.8.0.0/20" }));
        let expansion = Fixture::new().add("network", "main", &inputs);
        ["private", "database", "public"].map(|subnet| {
            at(
                &expansion,
                &format!("azurerm_subnet.{subnet}"),
                "/address_prefixes",
            )
        })
    };
    assert_eq!(
        ranges(1),
        [
            json!(["10.8.0.0/24"]),
            json!(["10.8.2.0/24"]),
            json!(["10.8.15.0/24"])
        ]
    );
    assert_eq!(ranges(1), ranges(3));
}

#[test]
fn traffic_is_recorded_without_any_key() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "azure" }));
    assert_eq!(told(&expansion.diagnostics), "");
    let log = native(&expansion, "azurerm_network_watcher_flow_log.this");
    assert_eq!(
        log["target_resource_id"],
        "${azurerm_virtual_network.this.id}"
    );
    assert_eq!(
        log["retention_policy"],
        json!({ "enabled": true, "days": 90 })
    );
    assert_eq!(
        log["identity"]["identity_ids"],
        json!(["${azurerm_user_assigned_identity.flow_logs.id}"])
    );
    let account = native(&expansion, "azurerm_storage_account.flow_logs");
    assert_eq!(account["shared_access_key_enabled"], false);
    assert_eq!(account["allow_nested_items_to_be_public"], false);
    let grant = native(&expansion, "azurerm_role_assignment.flow_logs");
    assert_eq!(grant["scope"], "${azurerm_storage_account.flow_logs.id}");
    // Nobody's bucket of the same name has the same account.
    let name = account["name"].as_str().expect("a name");
    assert!(name.contains("flow${"), "{name}");
    let without = Fixture::new().add("network", "main", &network(json!({})));
    let natives = readable(&without)["natives"].clone();
    assert_eq!(natives.get("azurerm_network_watcher_flow_log.this"), None);
    assert_eq!(natives.get("azurerm_storage_account.flow_logs"), None);
}

#[test]
fn what_is_refused() {
    let told = Fixture::new().refused("network", &network(json!({ "zones": 4 })));
    insta::assert_snapshot!(told, @r"
    zones: a region of Azure has 3 zones, not 4
      help: write `zones = 3` or less
    ");
}

#[test]
fn tags_reach_everything_that_has_them() {
    let known = network(json!({ "tags": { "team": "shop ${x}" } }));
    let later = network(json!({ "tags": { "team": "?" } }));
    let mut fixture = Fixture::new();
    for (name, inputs, expected) in [
        ("main", known, json!({ "team": "shop $${x}" })),
        ("other", later, json!("${input.tags}")),
    ] {
        let expansion = fixture.add("network", name, &inputs);
        for kind in [
            "resource_group.this",
            "virtual_network.this",
            "public_ip.nat",
            "nat_gateway.this",
        ] {
            assert_eq!(
                at(&expansion, &format!("azurerm_{kind}"), "/tags"),
                expected,
                "{kind}"
            );
        }
    }
}
