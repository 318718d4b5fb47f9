//! What holds for every control: profiles, order, references, documentation.

use crate::expansions::{address, references};
use crate::fixture::{Fixture, comes_after, givens, nodes, shop, with};
use infra_hardening::hardening;
use infra_model::expand::{Expand, Expansion};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Every control that there is.
fn all() -> Vec<String> {
    let hardening = hardening();
    let blocks = &hardening.kinds()[0].inputs.blocks;
    blocks.keys().map(ToString::to_string).collect()
}

fn everything(cloud: &str) -> Expansion {
    let mut fixture = crate::alternatives::on(cloud);
    let inputs = with(with(shop(), givens()), json!({ "cluster": "main" }));
    fixture.add("hardening", "main", &inputs)
}

fn on(expansion: &Expansion) -> Vec<String> {
    let text = expansion.outputs["controls"].as_str();
    let list = text.trim_start_matches("${").trim_end_matches('}');
    serde_json::from_str(list).expect("a list")
}

#[test]
fn production_is_everything_and_baseline_what_costs_nothing() {
    assert_eq!(on(&everything("aws")), all());
    let inputs = with(shop(), json!({ "cluster": "main", "profile": "baseline" }));
    let baseline = on(&Fixture::new().add("hardening", "main", &inputs));
    for control in ["quotas", "tls"] {
        assert!(baseline.contains(&control.to_owned()), "{control}");
    }
}

#[test]
fn a_table_switches_a_control_on_and_off() {
    let inputs = json!({ "quotas": {}, "tls": { "enabled": false } });
    assert_eq!(on(&Fixture::new().harden(&["tls"], inputs)), ["quotas"]);
}

#[test]
fn what_is_refused() {
    let mut fixture = Fixture::new();
    let one = fixture.refused(
        &["quota", "tls"],
        json!({ "cluster": "mian", "delivery": "git" }),
    );
    let two = fixture.refused(
        &[],
        json!({ "profile": "prod", "quotas": { "enabled": "?" } }),
    );
    let three = fixture.refused(&["tls"], json!({ "apps": "?" }));
    insta::assert_snapshot!([one, two, three].join("\n\n"));
}

#[test]
fn expressions_parse_and_refer_to_what_is_there() {
    let components = infra_components::components();
    let kinds = ["network", "cluster", "bucket"];
    for cloud in ["aws", "google", "azure"] {
        let expansion = everything(cloud);
        let mut there: BTreeSet<String> = expansion.blocks.iter().map(address).collect();
        for kind in components.kinds() {
            for name in ["main", "backups", "logs"] {
                let component = format!("{}.{name}", kind.name);
                let outputs = kind.outputs.iter().map(|o| o.name);
                there.extend(outputs.map(|output| format!("{component}.{output}")));
                there.insert(component);
            }
        }
        for reference in references(&expansion, &kinds) {
            let root = reference.split('.').next().unwrap_or_default();
            let given = ["each", "input"].contains(&root);
            assert!(
                given || there.contains(&reference),
                "{cloud}: {reference} is not there"
            );
        }
    }
}

#[test]
fn nothing_waits_for_itself() {
    let expansion = everything("aws");
    let nodes = nodes(&expansion);
    for (address, body) in &nodes {
        for earlier in body["depends_on"].as_array().into_iter().flatten() {
            let earlier = earlier.as_str().expect("an address");
            if nodes.contains_key(earlier) {
                assert!(
                    !comes_after(&expansion, earlier, address),
                    "{address} and {earlier}"
                );
            }
        }
    }
}

/// A custom resource is applied when its kind is defined, and everything when its cluster is there.
#[test]
fn definitions_come_first_and_the_cluster_before_them() {
    let expansion = everything("aws");
    let nodes = nodes(&expansion);
    let definitions = nodes
        .iter()
        .filter(|(a, _)| a.starts_with("kubernetes_crds."));
    let kinds: Vec<(String, String)> = definitions
        .flat_map(|(address, body)| {
            let provides = body["provides"].as_array().expect("a list").iter();
            let text = provides.map(|p| p.as_str().expect("text").trim_end_matches(":Cluster"));
            text.map(|p| (p.to_owned(), address.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    for (address, body) in &nodes {
        let is_cloud = !address.starts_with("kubernetes_") && !address.starts_with("helm_");
        assert!(
            is_cloud || comes_after(&expansion, address, "cluster.main"),
            "{address}"
        );
        let object = &body["manifest"];
        let (Some(version), Some(kind)) = (object["apiVersion"].as_str(), object["kind"].as_str())
        else {
            continue;
        };
        if let Some((_, crds)) = kinds
            .iter()
            .find(|(k, _)| *k == format!("{version}/{kind}"))
        {
            assert!(
                comes_after(&expansion, address, crds),
                "{address} before {crds}"
            );
        } else {
            let own = ["k8s.io/v1", "v1", "apps/v1", "batch/v1", "policy/v1"];
            assert!(
                own.iter().any(|o| version.ends_with(o)),
                "nobody defines {version} {kind}"
            );
        }
    }
}

#[test]
fn every_input_is_documented() {
    let hardening = hardening();
    let kind = &hardening.kinds()[0];
    let mut open = vec![(String::new(), kind.inputs.clone())];
    while let Some((at, block)) = open.pop() {
        for (name, attribute) in &block.attributes {
            let said = attribute.doc.ends_with('.') || attribute.doc.contains("\n- ");
            assert!(said, "{at}{name}");
        }
        for (name, nested) in &block.blocks {
            assert!(nested.doc.ends_with('.'), "{at}{name}");
            open.push((format!("{at}{name}."), nested.block.clone()));
        }
    }
}

/// The judge of all other tests can say no.
#[test]
fn a_wrong_field_is_seen() {
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "a" },
        "spec": { "podSelector": {}, "egress": [{ "too": [] }] },
    });
    assert_eq!(
        crate::schema::problems(&policy),
        ["/spec/egress/0/too: there is no such field"]
    );
    if std::env::var_os("INFRA_SHARED").is_none() {
        return;
    }
    let certificate = |spec: Json| {
        crate::schema::problems(&json!({
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": { "name": "a" }, "spec": spec,
        }))
    };
    let issuer = json!({ "name": "ca", "kind": "ClusterIssuer" });
    assert!(certificate(json!({ "secretName": "a", "issuerRef": issuer })).is_empty());
    for wrong in [
        json!({ "secretName": "a", "issuerRef": issuer, "dnsName": ["a"] }),
        json!({ "secretName": "a", "issuerRef": issuer, "dnsNames": "a" }),
        json!({ "secretName": "a" }),
    ] {
        assert!(!certificate(wrong.clone()).is_empty(), "{wrong}");
    }
    let unserved = json!({ "apiVersion": "cert-manager.io/v1alpha2", "kind": "Certificate" });
    assert!(!crate::schema::problems(&unserved).is_empty());
}
