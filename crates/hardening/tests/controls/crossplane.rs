//! `crossplane`.

#[path = "crossplane/compose.rs"]
mod compose;
#[cfg(unix)]
#[path = "crossplane/plane.rs"]
mod plane;

use crate::alternatives::{objects, on, rendered};
use crate::fixture::{comes_after, node, nodes, object, readable, shop, with};
use crate::policy::operators::packages;
use crate::reach::{End, reaches};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const CLOUDS: [&str; 3] = ["aws", "google", "azure"];

#[test]
fn buckets_and_databases_on_each_cloud() {
    for cloud in CLOUDS {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        insta::with_settings!({ snapshot_suffix => cloud }, { insta::assert_snapshot!(readable(&expansion)); });
    }
}

/// What somebody asks for, with its defaults.
fn asked(expansion: &Expansion, plural: &str) -> Json {
    let definition = object(
        expansion,
        &format!("compositeresourcedefinition_{plural}_platform_infra"),
    );
    let properties = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        ["spec"]["properties"];
    let defaults = properties.as_object().expect("properties").iter();
    let spec: serde_json::Map<String, Json> = defaults
        .map(|(name, p)| (name.clone(), p["default"].clone()))
        .collect();
    json!({
        "metadata": { "name": "orders", "namespace": "shop", "uid": "0f8fad5b-d9cb-469f-a165-70867728950e" },
        "spec": spec,
    })
}

/// What it becomes.
fn made(expansion: &Expansion, plural: &str) -> Vec<Json> {
    let composition = object(expansion, &format!("composition_{plural}_platform_infra"));
    compose::compose(&composition, &asked(expansion, plural))
}

/// What is offered on every cloud.
const OFFERED: [&str; 2] = ["buckets", "databases"];

/// The managed resources that compositions make are valid themselves: nobody else looks before they are made.
#[test]
fn what_compositions_make_is_as_its_definition_wants_it() {
    let mut judged = 0;
    for cloud in CLOUDS {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        for plural in OFFERED {
            for object in made(&expansion, plural) {
                let wrong = crate::schema::problems(&rendered(&object));
                assert!(wrong.is_empty(), "{cloud}, {plural}: {wrong:?}\n{object:#}");
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 12);
}

/// Names in the cloud are under the one that rights are given for, and as the cloud wants them.
#[test]
fn what_is_made_can_be_reached_by_its_rights_and_nothing_else_can() {
    let prefix = "shop-main-crossplane";
    for cloud in CLOUDS {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        for object in OFFERED.iter().flat_map(|plural| made(&expansion, plural)) {
            let name = object["metadata"]["annotations"]["crossplane.io/external-name"].as_str();
            match (cloud, object["kind"].as_str().expect("a kind")) {
                ("azure", "Account") => {
                    let name = name.expect("a name");
                    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                    assert!(name.len() <= 24 && name.chars().all(legal), "{name}");
                    assert_eq!(
                        object["spec"]["forProvider"]["resourceGroupName"],
                        "${azurerm_resource_group.crossplane.name}"
                    );
                }
                // It is in a server, whose name tells whose it is.
                ("azure", "FlexibleServerDatabase") => assert_eq!(name, Some("app")),
                (_, "Bucket" | "Instance" | "DatabaseInstance" | "FlexibleServer") => {
                    let name = name.expect("a name");
                    assert!(
                        name.starts_with(&format!("{prefix}-")) && name.len() <= 63,
                        "{name}"
                    );
                }
                _ => assert!(name.is_none(), "{object:#}"),
            }
        }
        let nodes = nodes(&expansion);
        let rights = |type_name: &str| {
            nodes
                .iter()
                .filter(|(a, _)| a.starts_with(type_name))
                .map(|(_, b)| b.clone())
                .collect::<Vec<_>>()
        };
        match cloud {
            "aws" => {
                let policy = rights("aws_iam_role_policy.crossplane").remove(0);
                let policy: Json =
                    serde_json::from_str(policy["policy"].as_str().expect("a policy"))
                        .expect("JSON");
                for statement in policy["Statement"].as_array().expect("statements") {
                    let actions = statement["Action"].to_string();
                    for wide in [
                        "s3:*",
                        "rds:*",
                        "GetObject",
                        "PutObject",
                        "secretsmanager",
                        "iam:",
                        "sts:",
                    ] {
                        assert!(!actions.contains(wide), "{actions}");
                    }
                    if statement["Resource"] == "*" {
                        let all = statement["Action"].as_array().expect("actions");
                        assert!(
                            all.iter().all(|a| ["Describe", "List"]
                                .iter()
                                .any(|w| a.as_str().is_some_and(|a| a.contains(w)))),
                            "{actions}"
                        );
                        continue;
                    }
                    let resources = statement["Resource"]
                        .as_array()
                        .cloned()
                        .unwrap_or_else(|| vec![statement["Resource"].clone()]);
                    for resource in resources.iter().map(|r| r.as_str().expect("a resource")) {
                        let own = resource.contains(&format!(":::{prefix}-*"))
                            || resource.contains(&format!(":{prefix}-*"));
                        let shared = [
                            ":og:default*",
                            ":pg:default*",
                            "${aws_db_subnet_group.crossplane.arn}",
                        ]
                        .iter()
                        .any(|s| resource.ends_with(s));
                        assert!(own || shared, "{resource}");
                    }
                }
            }
            "google" => {
                let all = rights("google_project_iam_member.");
                assert_eq!(all.len(), 3);
                for grant in all {
                    let expression = grant["condition"]["expression"]
                        .as_str()
                        .unwrap_or_default();
                    let reads = grant["role"] == "roles/cloudsql.viewer";
                    assert!(
                        reads || expression.contains(&format!("/{prefix}-\")")),
                        "{grant:#}"
                    );
                }
            }
            _ => {
                let all = rights("azurerm_role_assignment.crossplane");
                let pairs: Vec<(&str, &str)> = all
                    .iter()
                    .filter_map(|a| {
                        Some((a["scope"].as_str()?, a["role_definition_name"].as_str()?))
                    })
                    .collect();
                let subnet = "${network.main.id}/subnets/shop-main-database";
                assert_eq!(
                    pairs,
                    [
                        (
                            "${azurerm_resource_group.crossplane.id}",
                            "Storage Account Contributor"
                        ),
                        (
                            "${azurerm_resource_group.crossplane_databases.id}",
                            "Contributor"
                        ),
                        (subnet, "Network Contributor"),
                        (
                            "${azurerm_private_dns_zone.crossplane.id}",
                            "Private DNS Zone Contributor"
                        ),
                    ]
                );
            }
        }
    }
}

/// A name that is long is cut, and still one that a bucket can begin with and its rights are for.
#[test]
fn long_names_stay_within_what_a_cloud_allows() {
    let mut fixture = crate::fixture::Fixture::on("aws");
    let long = with(
        shop(),
        json!({ "cluster": "main", "profile": ["crossplane"] }),
    );
    let expansion = fixture
        .expand(
            "hardening",
            "a-name-that-is-much-too-long-for-any-bucket",
            &long,
        )
        .expect("it is right");
    for object in ["buckets", "databases"]
        .iter()
        .flat_map(|plural| made(&expansion, plural))
    {
        if let Some(name) =
            object["metadata"]["annotations"]["crossplane.io/external-name"].as_str()
        {
            assert!((62..=63).contains(&name.len()), "{name}");
        }
    }
}

#[test]
fn a_database_is_reached_by_those_who_declare_it_and_they_find_its_login() {
    for cloud in CLOUDS {
        let mut inputs = shop();
        inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["crossplane.database"]);
        let expansion = on(cloud).harden(&["crossplane", "network"], inputs);
        let policies: Vec<Json> = objects(&expansion)
            .into_iter()
            .filter(|o| o["kind"] == "NetworkPolicy")
            .collect();
        let pod = |label: &str| End::pod("pod", "shop", &[label]);
        let database = End::address("10.0.40.9");
        assert!(
            reaches(&policies, &pod("app=back"), &database, "TCP", 5432),
            "{cloud}"
        );
        assert!(
            !reaches(&policies, &pod("app=back"), &database, "TCP", 22),
            "{cloud}"
        );
        assert!(
            !reaches(
                &policies,
                &pod("app.kubernetes.io/name=front"),
                &database,
                "TCP",
                5432
            ),
            "{cloud}"
        );

        let made = made(&expansion, "databases");
        let server = made
            .iter()
            .find(|o| o["spec"]["writeConnectionSecretToRef"].is_object())
            .expect("a server");
        let settings = &server["spec"]["forProvider"];
        assert_eq!(
            server["spec"]["writeConnectionSecretToRef"]["name"],
            "orders-connection"
        );
        let composition = object(&expansion, "composition_databases_platform_infra");
        let mut told = compose::told(&composition);
        told.sort();
        assert_eq!(told, ["database", "host", "secret", "username"]);
        if cloud == "aws" {
            assert_eq!(
                settings["vpcSecurityGroupIds"],
                json!(["${aws_security_group.crossplane.id}"])
            );
            assert_eq!(settings["autoGeneratePassword"], true);
            assert_eq!(
                settings["passwordSecretRef"],
                json!({ "key": "password", "name": "orders-password" })
            );
            let rule = node(&expansion, "aws_vpc_security_group_ingress_rule.crossplane");
            assert_eq!(
                rule["referenced_security_group_id"],
                "${cluster.main.node_security_group_id}"
            );
            assert_eq!(
                (&rule["from_port"], &rule["to_port"]),
                (&json!(5432), &json!(5432))
            );
        } else if cloud == "azure" {
            assert_eq!(settings["publicNetworkAccessEnabled"], false);
            assert_eq!(
                settings["privateDnsZoneId"],
                "${azurerm_private_dns_zone.crossplane.id}"
            );
            assert_eq!(settings["storageMb"], 32 * 1024);
            assert_eq!(
                settings["administratorPasswordSecretRef"],
                json!({ "key": "password", "name": "orders-password" })
            );
            let rule = node(
                &expansion,
                "azurerm_network_security_rule.crossplane_databases",
            );
            assert_eq!(rule["destination_port_ranges"], json!(["5432"]));
            assert_eq!(rule["source_address_prefixes"], json!(["10.0.0.0/20"]));
            assert!(comes_after(
                &expansion,
                "kubernetes_manifest.composition_databases_platform_infra",
                "azurerm_private_dns_zone_virtual_network_link.crossplane"
            ));
        } else {
            let asked = made
                .iter()
                .find(|o| o["kind"] == "ExternalSecret")
                .expect("a password");
            assert_eq!(
                asked["spec"]["target"]["name"],
                settings["rootPasswordSecretRef"]["name"]
            );
            assert!(nodes(&expansion).contains_key("helm_release.external_secrets"));
            let generator = &asked["spec"]["dataFrom"][0]["sourceRef"]["generatorRef"]["name"];
            assert_eq!(
                object(&expansion, "clustergenerator_crossplane_password")["metadata"]["name"],
                *generator
            );
        }
    }
}

#[test]
fn a_database_of_crossplanes_needs_crossplane() {
    let mut inputs = shop();
    inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["crossplane.database"]);
    insta::assert_snapshot!(on("aws").refused(&["network"], inputs));
}

/// Functions and providers may be in their namespace, and are called by Crossplane and nobody else.
#[test]
fn packages_run_and_are_reached_where_they_stand() {
    let expansion = on("aws").harden(&["crossplane", "network"], shop());
    let objects = objects(&expansion);
    let policies: Vec<Json> = objects
        .iter()
        .filter(|o| o["kind"] == "NetworkPolicy")
        .cloned()
        .collect();
    let pods = packages(&objects);
    assert_eq!(pods.len(), 3);
    let core = End::pod("core", "crossplane-system", &["app=crossplane"]);
    for pod in &pods {
        let name = &pod["metadata"]["name"];
        let container = &pod["spec"]["containers"][0];
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"]),
            "{name}"
        );
        assert_eq!(
            container["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        assert!(
            container["resources"]["limits"]["memory"].is_string(),
            "{name}"
        );
        let labels: Vec<String> = pod["metadata"]["labels"]
            .as_object()
            .expect("labels")
            .iter()
            .map(|(k, v)| format!("{k}={}", v.as_str().expect("a label")))
            .collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let package = End::pod("package", "crossplane-system", &labels);
        assert!(reaches(&policies, &core, &package, "TCP", 9443), "{name}");
        let elsewhere = End::pod("elsewhere", "shop", &["app=back"]);
        assert!(
            !reaches(&policies, &elsewhere, &package, "TCP", 9443),
            "{name}"
        );
    }
    let account = |config: &str| {
        object(&expansion, config)["spec"]["serviceAccountTemplate"]["metadata"]["name"].clone()
    };
    let functions = account("deploymentruntimeconfig_infra_functions");
    let association = node(&expansion, "aws_eks_pod_identity_association.crossplane");
    assert_eq!(
        association["service_account"],
        account("deploymentruntimeconfig_infra")
    );
    assert_ne!(association["service_account"], functions);
}

/// An app that may write a managed resource, with any name, has all that Crossplane may do.
#[test]
fn managed_resources_are_crossplanes_own() {
    for (cloud, groups) in [
        (
            "aws",
            json!([
                "aws.m.upbound.io",
                "rds.aws.m.upbound.io",
                "s3.aws.m.upbound.io"
            ]),
        ),
        (
            "google",
            json!([
                "gcp.m.upbound.io",
                "sql.gcp.m.upbound.io",
                "storage.gcp.m.upbound.io"
            ]),
        ),
        (
            "azure",
            json!([
                "azure.m.upbound.io",
                "dbforpostgresql.azure.m.upbound.io",
                "storage.azure.m.upbound.io"
            ]),
        ),
    ] {
        let expansion = on(cloud).harden(&["crossplane"], shop());
        let policy = object(
            &expansion,
            "validatingadmissionpolicy_crossplane_managed_resources",
        );
        let rules = &policy["spec"]["matchConstraints"]["resourceRules"];
        assert_eq!(rules[0]["apiGroups"], groups);
        assert_eq!(policy["spec"]["failurePolicy"], "Fail");
        let binding = object(
            &expansion,
            "validatingadmissionpolicybinding_crossplane_managed_resources",
        );
        assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny"]));
    }
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
    let nodes = nodes(&expansion);
    for of_databases in [
        "kubernetes_manifest.provider_provider_aws_rds",
        "aws_security_group.crossplane",
        "aws_db_subnet_group.crossplane",
    ] {
        assert!(!nodes.contains_key(of_databases), "{of_databases}");
    }
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
        json!({ "crossplane": { "resources": ["databse"] } }),
    );
    insta::assert_snapshot!(on("azure").refused(&["crossplane"], inputs));
}

/// Azure protects no server from deletion: Crossplane does not delete it, and says so, until whoever has asked for it says otherwise.
#[test]
fn a_server_of_azures_is_deleted_when_that_is_allowed() {
    let expansion = on("azure").harden(&["crossplane"], shop());
    let composition = object(&expansion, "composition_databases_platform_infra");
    let mut claim = asked(&expansion, "databases");
    for (protected, deletes) in [(true, false), (false, true)] {
        claim["spec"]["deletionProtection"] = json!(protected);
        let made = compose::compose(&composition, &claim);
        let server = made.iter().find(|o| o["kind"] == "FlexibleServer");
        let server = server.expect("a server");
        let policies = server["spec"]["managementPolicies"].as_array();
        let policies = policies.expect("policies");
        let all = policies.iter().any(|p| p == "*" || p == "Delete");
        assert_eq!(all, deletes, "{policies:?}");
        let mark = &server["metadata"]["annotations"]["platform.infra/deletion-protection"];
        assert_eq!(*mark, protected.to_string());
        let wrong = crate::schema::problems(&rendered(server));
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
