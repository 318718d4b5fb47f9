//! What holds for every expansion: its expressions parse, what they refer to is there, tags and overrides reach everything.

use crate::expansions::{address, references};
use crate::fixture::{Fixture, at, native, small_cluster};
use infra_components::components;
use infra_model::expand::{Expand, Expansion};
use infra_model::{Mode, Severity};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

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

/// What a kind says that it makes is made by something here; that it makes nothing else is looked at in every expansion.
#[test]
fn natives_are_those_that_are_made() {
    let mut made: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |kind: &str, expansion: &Expansion| {
        let all = expansion.blocks.iter().map(|b| b.type_name.to_string());
        made.entry(kind.to_owned()).or_default().extend(all);
    };
    for (kind, expansion) in everything() {
        note(kind, &expansion);
    }
    let mut two_pools = small_cluster();
    two_pools["pools"]["batch"] = json!({ "size": "small", "min": 1, "max": 2 });
    for cloud in CLOUDS {
        let mut fixture = Fixture::protected();
        let issuer = json!({ "vault": "/subscriptions/S/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v", "name": "i" });
        let engine = match cloud {
            "aws" => {
                json!({ "network": "main", "engine": "postgres", "version": "17", "clients": ["main"] })
            }
            _ => {
                json!({ "network": "main", "engine": "postgres", "version": "17", "clients": ["main", "10.8.0.0/16"] })
            }
        };
        let listen = |listen: Json, more: Json| {
            let mut inputs = json!({
                "network": "main",
                "listen": listen,
                "target": { "cluster": "main", "node_port": 30080 },
            });
            let more = more.as_object().expect("inputs").clone();
            inputs.as_object_mut().expect("inputs").extend(more);
            inputs
        };
        let secure = |certificate: Json| {
            listen(
                json!([{ "port": 80, "protocol": "http" }, { "port": 443, "protocol": "https", "certificate": certificate }]),
                json!({}),
            )
        };
        let mut cases = vec![
            ("network", json!({ "cloud": cloud, "nat": "single" })),
            ("cluster", two_pools.clone()),
            ("database", engine),
            (
                "bucket",
                json!({ "cloud": cloud, "retention": { "expire_days": 30 } }),
            ),
            ("registry", json!({ "cloud": cloud })),
            (
                "load_balancer",
                secure(json!({ "domain": "shop.example.com", "issuer": issuer })),
            ),
            ("load_balancer", secure(json!({ "pem": "?", "key": "?" }))),
        ];
        if cloud == "google" {
            let certificate = json!({ "id": "?" });
            let both = json!([{ "port": 81, "protocol": "tcp" }, { "port": 444, "protocol": "tls", "certificate": certificate }]);
            cases.push(("load_balancer", listen(both, json!({ "kind": "network" }))));
            let plain = json!([{ "port": 80, "protocol": "http" }]);
            for more in [json!({ "from": [] }), json!({ "internal": true })] {
                cases.push(("load_balancer", listen(plain.clone(), more)));
            }
        }
        if cloud == "azure" {
            let mysql = json!({ "network": "main", "engine": "mysql", "version": "8.4" });
            cases.push(("database", mysql));
        }
        for (number, (kind, inputs)) in cases.iter().enumerate() {
            let name = if number < 5 {
                "main".to_owned()
            } else {
                format!("n{number}")
            };
            note(kind, &fixture.add(kind, &name, inputs));
        }
    }
    let components = components();
    let unmade = components.kinds().iter().flat_map(|kind| {
        let said = kind.natives.iter();
        said.filter(|native| !made[&*kind.name].contains(**native))
            .map(|native| format!("{} makes no {native}", kind.name))
    });
    assert_eq!(unmade.collect::<Vec<_>>(), Vec::<String>::new());
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
