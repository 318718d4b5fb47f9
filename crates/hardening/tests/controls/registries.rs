//! Registries of the cluster's own cloud: who verifies, scans and looks for images reads there by an identity, and nobody else does.

use crate::alternatives::{objects, on, values};
use crate::fixture::{Fixture, comes_after, node, nodes, object, shop, with};
use crate::reach::{End, reaches};
use infra_hardening::{Origin, ReadRegistry};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

const CLOUDS: [&str; 3] = ["aws", "google", "azure"];
const CONTROLS: [&str; 4] = ["network", "policy", "supply_chain", "gitops"];

/// Who reads: a name for it, its namespace and its account.
type Reader = (&'static str, &'static str, &'static str);
const FIRST: &[Reader] = &[
    (
        "kyverno-admission-controller",
        "kyverno",
        "kyverno-admission-controller",
    ),
    (
        "kyverno-reports-controller",
        "kyverno",
        "kyverno-reports-controller",
    ),
    ("trivy-operator", "trivy-system", "trivy-operator"),
];
const SECOND: &[Reader] = &[
    (
        "policy-controller",
        "cosign-system",
        "policy-controller-webhook",
    ),
    ("trivy-operator", "trivy-system", "trivy-operator"),
    (
        "image-reflector-controller",
        "flux-system",
        "image-reflector-controller",
    ),
];

fn identities() -> Json {
    json!([{ "issuer": "https://gitlab.com", "subject": "ci" }])
}

/// What names of images in a registry of a cloud begin with.
fn host(cloud: &str) -> &'static str {
    match cloud {
        "aws" => "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/",
        "google" => "europe-west1-docker.pkg.dev/acme/shop/",
        _ => "acme.azurecr.io/",
    }
}

/// Kyverno and Argo CD, or sigstore's controller and Flux.
fn inputs(cloud: &str, second: bool) -> Json {
    let registries = json!(["ghcr.io/acme/"]);
    let mut chosen = json!({
        "supply_chain": { "identities": identities() },
        "policy": { "registries": registries },
        "gitops": { "repository": "https://github.com/acme/config" },
    });
    if second {
        chosen["policy"]["engine"] = json!("gatekeeper");
        let image = |name: &str, at: &str| json!({ "name": name, "image": at });
        let front = format!("{}front", host(cloud));
        chosen["gitops"]["engine"] = json!("flux");
        chosen["gitops"]["images"] =
            json!([image("front", &front), image("back", "ghcr.io/acme/back")]);
    }
    with(shop(), chosen)
}

fn with_registry(cloud: &str) -> Fixture {
    let mut fixture = on(cloud);
    fixture.add("registry", "app", &json!({ "cloud": cloud }));
    fixture
}

fn block(reader: &Reader) -> String {
    reader.0.replace('-', "_")
}

/// The nodes of a type.
fn of_type(expansion: &Expansion, type_name: &str) -> Vec<String> {
    let all = nodes(expansion).into_iter().map(|(address, _)| address);
    let head = format!("{type_name}.");
    all.filter(|address| address.starts_with(&head)).collect()
}

#[test]
fn each_reader_has_an_identity_that_may_read_the_stacks_registry_and_nothing_else() {
    for cloud in CLOUDS {
        for (second, readers) in [(false, FIRST), (true, SECOND)] {
            let expansion = with_registry(cloud).harden(&CONTROLS, inputs(cloud, second));
            for reader in readers {
                let (_, namespace, account) = *reader;
                match cloud {
                    "aws" => {
                        let association = node(
                            &expansion,
                            &format!("aws_eks_pod_identity_association.{}", block(reader)),
                        );
                        assert_eq!(association["namespace"], namespace);
                        assert_eq!(association["service_account"], account);
                        let policy = node(
                            &expansion,
                            &format!("aws_iam_role_policy.{}", block(reader)),
                        );
                        let policy: Json =
                            serde_json::from_str(policy["policy"].as_str().expect("a policy"))
                                .expect("JSON");
                        reads_only(&policy, second);
                    }
                    "google" => {
                        let binding = node(
                            &expansion,
                            &format!(
                                "google_artifact_registry_repository_iam_member.{}_0",
                                block(reader)
                            ),
                        );
                        assert_eq!(binding["repository"], "${registry.app.arn}");
                        assert_eq!(binding["role"], "roles/artifactregistry.reader");
                        let member = binding["member"].as_str().expect("a member");
                        assert!(
                            member.ends_with(&format!("/subject/ns/{namespace}/sa/{account}")),
                            "{member}"
                        );
                    }
                    _ => {
                        let assignment = node(
                            &expansion,
                            &format!("azurerm_role_assignment.{}_0", block(reader)),
                        );
                        assert_eq!(assignment["scope"], "${registry.app.arn}");
                        assert_eq!(assignment["role_definition_name"], "AcrPull");
                        let login = node(
                            &expansion,
                            &format!("azurerm_federated_identity_credential.{}", block(reader)),
                        );
                        assert_eq!(
                            login["subject"],
                            format!("system:serviceaccount:{namespace}:{account}")
                        );
                    }
                }
            }
            // Others read nothing.
            let given = match cloud {
                "aws" => of_type(&expansion, "aws_eks_pod_identity_association"),
                "google" => of_type(&expansion, "google_artifact_registry_repository_iam_member"),
                _ => of_type(&expansion, "azurerm_federated_identity_credential"),
            };
            assert_eq!(given.len(), readers.len(), "{cloud}: {given:?}");
        }
    }
}

/// The login is one for all registries; the rest is for the repositories, and writes nothing.
fn reads_only(policy: &Json, second: bool) {
    let mut over = Vec::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        let actions = statement["Action"].as_array().expect("actions");
        if statement["Resource"] == "*" {
            assert_eq!(*actions, [json!("ecr:GetAuthorizationToken")]);
            over.push("*".to_owned());
            continue;
        }
        for action in actions.iter().filter_map(Json::as_str) {
            let reads = ["ecr:Batch", "ecr:Get", "ecr:Describe", "ecr:List"];
            assert!(reads.iter().any(|r| action.starts_with(r)), "{action}");
            assert!(!action.contains("Delete"), "{action}");
        }
        over.push(statement["Resource"].as_str().expect("one").to_owned());
    }
    let mut wanted = vec!["*".to_owned(), "${registry.app.arn}".to_owned()];
    if second {
        let image = "arn:aws:ecr:eu-west-1:123456789012:repository/shop/front";
        wanted.push(image.to_owned());
    }
    assert_eq!(over, wanted);
}

/// What the cloud needs to know a pod by stands where each chart has a word for it.
#[test]
fn charts_are_told_of_their_identity() {
    let client = |name: &str| json!({ "azure.workload.identity/client-id": format!("${{azurerm_user_assigned_identity.{name}.client_id}}") });
    let expansion = with_registry("azure").harden(&CONTROLS, inputs("azure", false));
    let raw =
        |release: &str| node(&expansion, &format!("helm_release.{release}"))["values"].clone();
    let kyverno = raw("kyverno");
    for (part, name) in [
        ("admissionController", "kyverno_admission_controller"),
        ("reportsController", "kyverno_reports_controller"),
    ] {
        assert_eq!(
            kyverno[part]["podLabels"],
            json!({ "azure.workload.identity/use": "true" })
        );
        assert_eq!(
            kyverno[part]["rbac"]["serviceAccount"]["annotations"],
            client(name)
        );
    }
    for part in ["backgroundController", "cleanupController"] {
        assert!(kyverno[part]["podLabels"].is_null() && kyverno[part]["rbac"].is_null());
    }
    let trivy = raw("trivy_operator");
    assert_eq!(
        trivy["trivyOperator"]["scanJobPodTemplateLabels"],
        "azure.workload.identity/use=true"
    );
    assert_eq!(
        trivy["serviceAccount"]["annotations"],
        client("trivy_operator")
    );
    let signed = object(&expansion, "imagevalidatingpolicy_signed_images");
    assert_eq!(
        signed["spec"]["credentials"],
        json!({ "providers": ["default", "azure"] })
    );

    let expansion = with_registry("azure").harden(&CONTROLS, inputs("azure", true));
    let controller = node(&expansion, "helm_release.policy_controller");
    let webhook = &controller["values"]["webhook"];
    assert_eq!(
        webhook["serviceAccount"]["annotations"],
        client("policy_controller")
    );
    assert_eq!(webhook["env"]["ACR_NAME"], "${registry.app.name}");
    let file = webhook["env"]["AZURE_FEDERATED_TOKEN_FILE"].as_str();
    let mounted = webhook["volumeMounts"][0]["mountPath"]
        .as_str()
        .expect("a path");
    let token = &webhook["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(token["audience"], "api://AzureADTokenExchange");
    let path = token["path"].as_str().expect("a path");
    assert_eq!(file, Some(&*format!("{mounted}/{path}")));
    let account = object(
        &expansion,
        "serviceaccount_flux_system_image_reflector_controller",
    );
    assert_eq!(
        account["metadata"]["annotations"],
        client("image_reflector_controller")
    );
    let deployment = object(
        &expansion,
        "deployment_flux_system_image_reflector_controller",
    );
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["azure.workload.identity/use"], "true");
    // It is no part of what selects the pods, which cannot be changed.
    assert_eq!(
        deployment["spec"]["selector"]["matchLabels"],
        json!({ "app": "image-reflector-controller" })
    );
}

#[test]
fn flux_logs_in_where_an_image_is_in_the_clusters_own_cloud() {
    for (cloud, provider) in [("aws", "aws"), ("google", "gcp"), ("azure", "azure")] {
        let expansion = with_registry(cloud).harden(&CONTROLS, inputs(cloud, true));
        let of = |name: &str| {
            let name = format!("imagerepository_flux_system_{name}");
            object(&expansion, &name)["spec"]["provider"].clone()
        };
        assert_eq!(of("front"), provider);
        assert_eq!(of("back"), Json::Null);
    }
    let elsewhere = on("google").harden(&CONTROLS, inputs("aws", true));
    let front = object(&elsewhere, "imagerepository_flux_system_front");
    assert!(front["spec"]["provider"].is_null());
}

/// Whoever reads comes after it may, and reaches what hands out tokens; others of its namespace do not.
#[test]
fn the_way_to_the_clouds_tokens_is_open_to_readers_alone() {
    for (cloud, endpoint, port) in [
        ("aws", "169.254.170.23", 80),
        ("google", "169.254.169.254", 8080),
    ] {
        let expansion = with_registry(cloud).harden(&CONTROLS, inputs(cloud, false));
        let mut policies = objects(&expansion);
        policies.retain(|o| o["kind"] == "NetworkPolicy");
        let kyverno = |name: &'static str, part: &str| {
            End::pod(
                name,
                "kyverno",
                &[&format!("app.kubernetes.io/component={part}")],
            )
        };
        let scan = End::pod(
            "scan",
            "trivy-system",
            &["app.kubernetes.io/managed-by=trivy-operator"],
        );
        for (pod, open) in [
            (kyverno("admission", "admission-controller"), true),
            (kyverno("reports", "reports-controller"), true),
            (kyverno("cleanup", "cleanup-controller"), false),
            (scan, true),
            (
                End::pod("front", "shop", &["app.kubernetes.io/name=front"]),
                false,
            ),
        ] {
            let reached = reaches(&policies, &pod, &End::address(endpoint), "TCP", port);
            assert_eq!(reached, open, "{cloud}: {}", pod.name());
        }
        let before = match cloud {
            "aws" => "aws_eks_pod_identity_association.kyverno_admission_controller",
            _ => "google_artifact_registry_repository_iam_member.kyverno_admission_controller_0",
        };
        assert!(comes_after(&expansion, "helm_release.kyverno", before));
    }
}

/// A repository of ECR's says in its name what rights are for; other clouds' registries do not, and that nobody may read them is told.
#[test]
fn registries_that_are_named_are_read_where_their_names_tell_how() {
    let with_policy = |cloud: &str| {
        let mut inputs = inputs(cloud, false);
        inputs["policy"]["registries"] = json!([host(cloud)]);
        on(cloud).harden(&CONTROLS, inputs)
    };
    let expansion = with_policy("aws");
    let policy = node(&expansion, "aws_iam_role_policy.trivy_operator");
    let text = policy["policy"].as_str().expect("a policy");
    assert!(text.contains("\"arn:aws:ecr:eu-west-1:123456789012:repository/shop/*\""));
    for cloud in ["google", "azure"] {
        let expansion = with_policy(cloud);
        let told = crate::expansions::told(&expansion.diagnostics);
        assert!(told.contains("none of the stack's"), "{told}");
        assert!(told.contains("[registry.app]"), "{told}");
    }
}

#[test]
fn without_a_registry_nobody_is_given_anything() {
    for cloud in CLOUDS {
        let mut expansions = vec![on(cloud).harden(&CONTROLS, inputs(cloud, false))];
        // One of another cloud is not reached by identities of this one.
        let mut fixture = on(cloud);
        let other = if cloud == "aws" { "google" } else { "aws" };
        fixture.add("registry", "app", &json!({ "cloud": other }));
        expansions.push(fixture.harden(&CONTROLS, inputs(cloud, false)));
        // Nor does who asks for no signature and scans nothing.
        let mut idle = inputs(cloud, false);
        idle["supply_chain"] = json!({ "scan": false });
        expansions.push(with_registry(cloud).harden(&CONTROLS, idle));
        for expansion in expansions {
            for type_name in [
                "aws_iam_role",
                "google_artifact_registry_repository_iam_member",
                "azurerm_user_assigned_identity",
            ] {
                assert_eq!(of_type(&expansion, type_name), [""; 0], "{cloud}");
            }
            let kyverno = values(&expansion, "kyverno");
            assert!(kyverno["admissionController"]["rbac"].is_null());
        }
    }
}

/// A copy for a drill has no registry of its own: it reads the real one. On Google Cloud the accounts are the real ones, and to give them
/// anything, and take it away afterwards, would be to take it from those.
#[test]
fn a_copy_reads_the_real_registry() {
    let real = ReadRegistry {
        name: "real".to_owned(),
        target: "arn:aws:ecr:eu-west-1:123456789012:repository/real".to_owned(),
    };
    for cloud in CLOUDS {
        let origin = Origin {
            registries: vec![real.clone()],
            ..Origin::default()
        };
        let mut fixture = with_registry(cloud);
        let expansion = fixture
            .beside(origin, &CONTROLS, inputs(cloud, false))
            .expect("a copy");
        let text = format!("{:?}", nodes(&expansion));
        assert!(!text.contains("registry.app"), "{cloud}");
        let given = of_type(&expansion, "google_artifact_registry_repository_iam_member");
        assert_eq!(given, [""; 0]);
        assert_eq!(text.contains(&real.target), cloud != "google", "{cloud}");
    }
}
