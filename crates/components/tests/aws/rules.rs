//! What holds for every expansion: its expressions parse, what they refer to is there, tags and overrides reach everything.

use crate::expansions::{address, references};
use crate::fixture::{Fixture, at, native, small_cluster};
use infra_components::components;
use infra_model::expand::{Expand, Expansion};
use infra_model::{Mode, Severity};
use serde_json::json;
use std::collections::BTreeSet;

const CLOUDS: [&str; 3] = ["aws", "google", "azure"];

/// One instance of each kind on every cloud, with everything that makes more natives.
fn everything() -> Vec<(&'static str, Expansion)> {
    CLOUDS.into_iter().flat_map(everything_on).collect()
}

fn everything_on(cloud: &str) -> Vec<(&'static str, Expansion)> {
    let mut fixture = Fixture::new();
    let mut all = Vec::new();
    let (engine, version) = match cloud {
        "azure" => ("postgres", "17"),
        _ => ("mysql", "8.4"),
    };
    for (kind, inputs) in [
        (
            "network",
            json!({ "cloud": cloud, "zones": 3, "nat": "per_zone" }),
        ),
        ("cluster", {
            let mut inputs = small_cluster();
            inputs["admins"] = json!(["?"]);
            inputs["api"] = json!({ "public_from": ["?"] });
            inputs
        }),
        (
            "database",
            json!({ "network": "main", "engine": engine, "version": version, "clients": ["main", "10.8.0.0/16"], "username": "?" }),
        ),
        (
            "bucket",
            json!({ "cloud": cloud, "retention": { "expire_days": 30 } }),
        ),
        ("registry", json!({ "cloud": cloud, "clusters": ["main"] })),
        (
            "load_balancer",
            json!({
                "network": "main",
                "listen": [{ "port": 80, "protocol": "http" }, { "port": 443, "protocol": "https", "certificate": { "id": "?" } }],
                "target": { "cluster": "main", "node_port": 30080 },
            }),
        ),
    ] {
        all.push((kind, fixture.add(kind, "main", &inputs)));
    }
    all
}

#[test]
fn expressions_parse_and_refer_to_what_is_there() {
    let outputs: BTreeSet<String> = components()
        .kinds()
        .iter()
        .map(|kind| format!("{}.main", kind.name))
        .collect();
    for (kind, expansion) in everything() {
        let natives: BTreeSet<String> = expansion.blocks.iter().map(address).collect();
        for reference in references(&expansion, &[]) {
            let root = reference.split('.').next().unwrap_or_default();
            let there = natives.contains(&reference)
                || outputs.contains(&reference)
                || matches!(root, "each" | "input")
                // What a `for` goes through.
                || matches!(root, "address" | "url");
            assert!(there, "{kind} refers to {reference}");
        }
    }
}

#[test]
fn outputs_are_those_declared() {
    let components = components();
    for (kind, expansion) in everything() {
        let kind = components
            .kinds()
            .iter()
            .find(|k| &*k.name == kind)
            .expect("a kind");
        let declared: BTreeSet<&str> = kind.outputs.iter().map(|o| o.name).collect();
        let made: BTreeSet<&str> = expansion.outputs.keys().map(|k| &**k).collect();
        assert_eq!(declared, made, "{}", kind.name);
    }
}

#[test]
fn every_input_is_documented() {
    for kind in components().kinds() {
        assert!(!kind.doc.is_empty());
        for (name, attribute) in &kind.inputs.attributes {
            assert!(
                attribute.doc.ends_with('.') || attribute.doc.contains("\n- "),
                "{}.{name}",
                kind.name
            );
        }
    }
}

#[test]
fn pools_are_documented_field_by_field() {
    let components = components();
    let cluster = components
        .kinds()
        .iter()
        .find(|k| &*k.name == "cluster")
        .expect("a kind");
    insta::assert_snapshot!(cluster.inputs.attributes["pools"].doc);
}

#[test]
fn tags_reach_everything_that_has_them() {
    let mut fixture = Fixture::new();
    let expansion = fixture.add(
        "network",
        "main",
        &json!({ "cloud": "aws", "tags": { "team": "shop ${x}" } }),
    );
    for block in expansion.blocks.iter().filter(|b| b.mode == Mode::Managed) {
        if let Some(tags) = block.body.get("tags") {
            assert_eq!(tags["team"], "shop $${x}", "{}", block.type_name);
        }
    }
    let expansion = fixture.add(
        "network",
        "other",
        &json!({ "cloud": "aws", "tags": { "team": "?" } }),
    );
    assert_eq!(
        at(&expansion, "aws_subnet.public", "/tags"),
        "${merge({ \"Name\" = \"shop-other-public-${each.key}\", \"kubernetes.io/role/elb\" = \"1\" }, input.tags)}"
    );
}

#[test]
fn overrides_reach_natives_by_type_and_by_name() {
    let inputs = json!({ "cloud": "aws", "override": {
        "aws_vpc": { "enable_dns_hostnames": null, "tags": { "cost": "12" }, "ipv4_ipam_pool_id": "?" },
        "aws_subnet.public": { "map_public_ip_on_launch": true },
        "data.aws_availability_zones": { "exclude_names": ["us-east-1e"] },
    } });
    let expansion = Fixture::new().add("network", "main", &inputs);
    assert_eq!(
        native(&expansion, "aws_vpc.this"),
        json!({
            "cidr_block": "10.0.0.0/16",
            "enable_dns_support": true,
            "tags": { "Name": "shop-main", "cost": "12" },
            "ipv4_ipam_pool_id": "${input.override[\"aws_vpc\"][\"ipv4_ipam_pool_id\"]}",
        })
    );
    assert_eq!(
        at(&expansion, "aws_subnet.public", "/map_public_ip_on_launch"),
        true
    );
    assert_eq!(
        at(&expansion, "aws_subnet.private", "/map_public_ip_on_launch"),
        false
    );
    assert_eq!(
        at(
            &expansion,
            "data.aws_availability_zones.this",
            "/exclude_names/0"
        ),
        "us-east-1e"
    );
    for block in &expansion.blocks {
        let shaped = matches!(
            (&*block.type_name, &*block.name),
            ("aws_vpc" | "aws_availability_zones", _) | ("aws_subnet", "public")
        );
        assert_eq!(
            block.span.is_some(),
            shaped,
            "{}.{}",
            block.type_name,
            block.name
        );
    }
}

#[test]
fn an_expansion_that_is_accepted_has_no_errors() {
    for (kind, expansion) in everything() {
        let errors = expansion
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{kind}");
    }
}
