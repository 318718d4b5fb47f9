use crate::fixture::{Fixture, at, native, policy, readable, told, unfolded};
use serde_json::{Value as Json, json};

#[test]
fn a_network_over_two_zones() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws" }));
    insta::assert_snapshot!(unfolded(&expansion));
}

#[test]
fn the_default_security_group_is_closed() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws" }));
    let group = native(&expansion, "aws_default_security_group.this");
    assert_eq!((group.get("ingress"), group.get("egress")), (None, None));
}

#[test]
fn machines_get_no_public_address() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws" }));
    for subnet in ["aws_subnet.public", "aws_subnet.private"] {
        assert_eq!(
            at(&expansion, subnet, "/map_public_ip_on_launch"),
            json!(false)
        );
    }
}

#[test]
fn all_traffic_is_recorded_in_a_private_bucket() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws" }));
    assert_eq!(
        at(&expansion, "aws_flow_log.this", "/traffic_type"),
        json!("ALL")
    );
    assert_eq!(
        at(
            &expansion,
            "aws_s3_bucket_public_access_block.flow_logs",
            "/restrict_public_buckets"
        ),
        json!(true)
    );
    let document = policy(&expansion, "aws_s3_bucket_policy.flow_logs", "policy");
    assert_eq!(document["Statement"][0]["Sid"], "DenyPlainText");
    // The delivery service acts for this account and region only.
    assert_eq!(
        document["Statement"][2]["Condition"]["StringEquals"]["aws:SourceAccount"],
        "${data.aws_caller_identity.this.account_id}"
    );
}

#[test]
fn addresses_stay_where_they_are_when_zones_are_added() {
    let mut before = Json::Null;
    for zones in 1..=6 {
        let expansion = Fixture::new().add(
            "network",
            "main",
            &json!({ "cloud": "aws", "zones": zones, "cidr": "10.8.0.0/20" }),
        );
        let now = json!([
            at(&expansion, "aws_subnet.private", "/for_each"),
            at(&expansion, "aws_subnet.public", "/for_each"),
        ]);
        for (kind, subnets) in before.as_array().into_iter().flatten().enumerate() {
            for (key, subnet) in subnets.as_object().expect("subnets by key") {
                assert_eq!(&now[kind][key], subnet);
            }
        }
        before = now;
    }
    assert_eq!(before[0]["f"], json!({ "zone": 5, "cidr": "10.8.5.0/24" }));
    assert_eq!(
        before[1]["f"],
        json!({ "zone": 5, "cidr": "10.8.15.80/28" })
    );
}

#[test]
fn ways_out() {
    for (nat, gateways, route) in [
        (
            "per_zone",
            json!("${toset([\"a\", \"b\", \"c\"])}"),
            json!("${aws_nat_gateway.this[each.key].id}"),
        ),
        (
            "single",
            json!("${toset([\"a\"])}"),
            json!("${aws_nat_gateway.this[\"a\"].id}"),
        ),
    ] {
        let expansion = Fixture::new().add(
            "network",
            "main",
            &json!({ "cloud": "aws", "zones": 3, "nat": nat }),
        );
        assert_eq!(
            at(&expansion, "aws_nat_gateway.this", "/for_each"),
            gateways
        );
        assert_eq!(
            at(&expansion, "aws_route.private", "/nat_gateway_id"),
            route
        );
    }
    let expansion =
        Fixture::new().add("network", "main", &json!({ "cloud": "aws", "nat": "none" }));
    let natives = readable(&expansion)["natives"].clone();
    assert!(
        natives.get("aws_nat_gateway.this").is_none() && natives.get("aws_route.private").is_none()
    );
    assert_eq!(expansion.outputs["egress_addresses"], "${[]}");
}

#[test]
fn an_alias_reaches_every_native() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws.us" }));
    for block in &expansion.blocks {
        let expected = if &*block.type_name == "random_id" {
            "builtin"
        } else {
            "aws.us"
        };
        assert_eq!(block.provider.to_string(), expected, "{}", block.type_name);
    }
}

#[test]
fn an_instance_of_a_stack_and_a_key_have_names_of_their_own() {
    let mut fixture = Fixture::new();
    fixture.0.stack.instance = Some("PR 12".into());
    let expansion = fixture.add_keyed("network", "main", Some("eu"), &json!({ "cloud": "aws" }));
    assert_eq!(
        at(&expansion, "aws_vpc.this", "/tags/Name"),
        "shop-pr-12-main-eu"
    );
}

#[test]
fn what_is_refused() {
    let cases = [
        json!({ "cloud": "azur" }),
        json!({ "cloud": "awz" }),
        json!({ "cloud": "aws", "cidr": "10.0.1.0/16" }),
        json!({ "cloud": "aws", "cidr": "10.0.0.0/24" }),
        json!({ "cloud": "aws", "cidr": "ten" }),
        json!({ "cloud": "aws", "cidr": "?" }),
        json!({ "cloud": "aws", "zones": 7, "nat": "each" }),
        json!({ "cloud": "aws", "override": { "aws_vcp": {} } }),
        json!({ "cloud": "aws", "override": "?" }),
        json!({ "cloud": "aws", "zonse": 2 }),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|c| Fixture::new().refused("network", c))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn nothing_is_remarked_upon() {
    let expansion = Fixture::new().add("network", "main", &json!({ "cloud": "aws" }));
    assert_eq!(told(&expansion.diagnostics), "");
}
