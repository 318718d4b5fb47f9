//! What apps may say of themselves, and where they may stand.

use crate::alternatives::on;
use crate::fixture::{Fixture, nodes};
use serde_json::{Value as Json, json};

/// What a person is told about an app, with these controls.
fn refused(cloud: &str, controls: &[&str], app: Json) -> String {
    on(cloud).refused(controls, json!({ "apps": { "shop": app } }))
}

/// A namespace of the cluster's, of its cloud's, or of a control's that is on: there an app would be given default-deny, quotas and a
/// project over what is not its own.
#[test]
fn an_app_stands_in_no_namespace_of_somebody_elses() {
    for (cloud, controls, namespace) in [
        ("aws", &["network"][..], "kube-system"),
        ("aws", &["network"], "kube-node-lease"),
        ("aws", &["network"], "kube-of-somebody"),
        ("aws", &["network"], "default"),
        ("aws", &["network"], "amazon-guardduty"),
        ("google", &["network"], "gmp-system"),
        ("azure", &["network"], "calico-system"),
        ("aws", &["monitoring"], "monitoring"),
        ("aws", &["tls"], "cert-manager"),
        ("aws", &["tls"], "gateway"),
        ("aws", &["policy"], "kyverno"),
    ] {
        let told = refused(cloud, controls, json!({ "namespace": namespace }));
        assert!(
            told.contains(&format!("the namespace `{namespace}` is")),
            "{told}"
        );
        assert!(told.contains("apps.shop.namespace"), "{told}");
        assert!(
            told.contains("give the app one that nothing else is in"),
            "{told}"
        );
    }
    // What another cloud makes, or a control that is off, is there for all.
    for namespace in ["gmp-system", "monitoring"] {
        let apps = json!({ "apps": { "shop": { "namespace": namespace } } });
        let expansion = Fixture::new().harden(&["network"], apps);
        let name = namespace.replace('-', "_");
        assert!(nodes(&expansion).contains_key(&format!("kubernetes_namespace.{name}")));
    }
    // The app's name is its namespace where none is written.
    let apps = json!({ "apps": { "cert-manager": {} } });
    let told = on("aws").refused(&["tls"], apps);
    assert!(
        told.contains("`cert-manager` is one of the platform's"),
        "{told}"
    );
}

/// A team is a label of the namespace, and a tenant of Loki's: what cannot be both is refused before anything is made.
#[test]
fn the_name_of_a_team_is_a_label() {
    for team in ["Team Shop", "a|b", "", "shop.", &"x".repeat(64)] {
        let told = refused("aws", &["network"], json!({ "team": team }));
        assert!(told.contains("cannot be the name of a team"), "{told}");
        assert!(told.contains("apps.shop.team"), "{told}");
    }
    for team in ["shop", "Team_Shop.1"] {
        let apps = json!({ "apps": { "shop": { "team": team } } });
        Fixture::new().harden(&["network"], apps);
    }
    let told = on("aws").refused(
        &["network"],
        json!({ "apps": { "Shop One": { "namespace": "shop" } } }),
    );
    assert!(
        told.contains("`Shop One` cannot be the name of a team"),
        "{told}"
    );
}

#[test]
fn labels_are_such_that_pods_can_have_them() {
    for labels in [
        json!({ "app": "a b" }),
        json!({ "Example.com/app": "a" }),
        json!({ "app": "-" }),
    ] {
        let services = json!({ "services": { "back": { "labels": labels } } });
        let told = refused("aws", &["network"], services);
        assert!(told.contains("no pod can have the label"), "{told}");
        assert!(told.contains("apps.shop.services.back.labels"), "{told}");
    }
}

#[test]
fn a_path_of_a_host_is_one_services() {
    let apps = |first: Json, second: Json| {
        json!({ "domain": "shop.example.com", "apps": {
            "shop": { "services": { "front": { "port": 80, "route": first } } },
            "mail": { "services": { "web": { "port": 80, "route": second } } },
        } })
    };
    for (first, second) in [
        (json!({}), json!({})),
        (
            json!({ "path": "/api" }),
            json!({ "path": "/api/", "host": "shop.example.com" }),
        ),
    ] {
        let told = on("aws").refused(&["tls"], apps(first, second));
        assert!(
            told.contains("only one of the two would be reached"),
            "{told}"
        );
        assert!(
            told.contains("apps.mail.services.web.route")
                || told.contains("apps.shop.services.front.route"),
            "{told}"
        );
    }
    for (first, second) in [
        (json!({}), json!({ "path": "/mail" })),
        (json!({}), json!({ "host": "mail.example.com" })),
    ] {
        on("aws").harden(&["tls"], apps(first, second));
    }
}

/// Let's Encrypt gives wildcards only to who can write in the zone, which nobody here does for it.
#[test]
fn a_wildcard_has_no_certificate_of_lets_encrypts() {
    let apps = |issuer: &str| {
        let route = |host: &str| json!({ "port": 80, "route": { "host": host } });
        json!({ "tls": { "issuer": issuer, "email": "ops@example.com" }, "apps": { "shop": { "services": {
            "all": route("*.example.com"), "one": route("example.com"),
        } } } })
    };
    for issuer in ["letsencrypt", "letsencrypt-staging"] {
        let told = on("aws").refused(&["tls"], apps(issuer));
        assert!(told.contains("`*.example.com`"), "{told}");
        assert!(told.contains("apps.shop.services.all.route"), "{told}");
        assert!(told.contains("write each host"), "{told}");
    }
    let expansion = on("aws").harden(&["tls"], apps("ca"));
    // The wildcard is a host of its own beside the name that it is of.
    let certificates = nodes(&expansion)
        .into_iter()
        .filter(|(address, _)| address.starts_with("kubernetes_manifest.certificate_gateway_tls_"));
    let mut names: Vec<String> = certificates
        .map(|(_, body)| {
            body["manifest"]["spec"]["dnsNames"][0]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["*.example.com", "example.com"]);
}
