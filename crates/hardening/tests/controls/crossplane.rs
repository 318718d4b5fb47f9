//! `crossplane`.

use crate::alternatives::{on, rendered};
use crate::fixture::{comes_after, node, nodes, object, readable, shop, with};
use serde_json::json;

#[test]
fn buckets_and_databases_on_each_cloud() {
    for cloud in ["aws", "google", "azure"] {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        insta::with_settings!({ snapshot_suffix => cloud }, { insta::assert_snapshot!(readable(&expansion)); });
    }
}

/// The managed resources that compositions hold are valid themselves: nobody else looks before they are made.
#[test]
fn what_compositions_make_is_as_its_definition_wants_it() {
    let mut judged = 0;
    for cloud in ["aws", "google", "azure"] {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        for (address, body) in nodes(&expansion) {
            if body["manifest"]["kind"] != "Composition" {
                continue;
            }
            let resources = body["manifest"]["spec"]["pipeline"][0]["input"]["resources"].clone();
            for resource in resources.as_array().expect("resources") {
                let mut base = rendered(&resource["base"]);
                base["metadata"] = json!({ "name": "made", "namespace": "shop" });
                // A list that is known later stands as a text.
                if base["spec"]["forProvider"]["subnetIds"].is_string() {
                    base["spec"]["forProvider"]["subnetIds"] = json!(["subnet-1"]);
                }
                let wrong = crate::schema::problems(&base);
                assert!(wrong.is_empty(), "{address}: {wrong:?}");
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 11);
}

#[test]
fn only_what_is_used_is_activated_and_after_what_brings_it() {
    let expansion = on("aws").harden(
        &["crossplane"],
        with(shop(), json!({ "crossplane": { "resources": ["bucket"] } })),
    );
    let activation = object(&expansion, "managedresourceactivationpolicy_infra");
    let kinds = activation["spec"]["activate"]
        .as_array()
        .expect("kinds")
        .len();
    assert_eq!(kinds, 4);
    assert!(!nodes(&expansion).contains_key("kubernetes_manifest.provider_provider_aws_rds"));
    let values = &node(&expansion, "helm_release.crossplane")["values"];
    assert_eq!(values["provider"]["defaultActivations"], json!([]));
    assert!(comes_after(
        &expansion,
        "kubernetes_manifest.composition_buckets_platform_infra",
        "kubernetes_manifest.provider_provider_aws_s3"
    ));
}

#[test]
fn what_a_cloud_does_not_offer_is_refused() {
    let inputs = with(
        shop(),
        json!({ "crossplane": { "resources": ["database"] } }),
    );
    insta::assert_snapshot!(on("azure").refused(&["crossplane"], inputs));
}
