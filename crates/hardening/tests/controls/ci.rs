//! `ci`: whom the cloud lets in, and what pipelines are told.

use crate::fixture::{Fixture, node, nodes, shop, with};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

fn stack(cloud: &str, ci: Json) -> Expansion {
    let mut fixture = Fixture::on(cloud);
    fixture.add("registry", "shop", &json!({ "cloud": cloud }));
    fixture.harden(&["ci"], with(shop(), json!({ "ci": ci })))
}

/// What the pipelines are told, as far as it is known while planning.
fn settings(expansion: &Expansion) -> Json {
    let output = &expansion.outputs["pipelines"];
    let from = output.find("settings = \"").expect("settings") + "settings = ".len();
    let mut texts = serde_json::Deserializer::from_str(&output[from..]).into_iter::<String>();
    let text = texts.next().expect("a text").expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

/// A profile that says nothing of pipelines makes nothing in the cloud.
#[test]
fn nothing_is_made_for_pipelines_that_nobody_names() {
    for cloud in ["aws", "google", "azure"] {
        let expansion = stack(cloud, json!({}));
        let made = nodes(&expansion);
        let found: Vec<&String> = made
            .keys()
            .filter(|a| a.ends_with(".ci") || a.contains(".ci_"))
            .collect();
        assert!(found.is_empty(), "{cloud}: {found:?}");
        let told = settings(&expansion);
        assert_eq!(told["apps"][0]["images"][1]["name"], "front");
        assert!(expansion.outputs["pipelines"].contains("registry = registry.shop.url"));
    }
}

/// The pipelines of one branch of one repository may push to one registry, and do nothing else.
#[test]
fn pipelines_of_one_branch_push_to_one_registry() {
    let ci = json!({ "repository": "acme/shop", "registry": "shop" });
    let aws = stack("aws", ci.clone());
    let provider = node(&aws, "aws_iam_openid_connect_provider.ci");
    assert_eq!(
        provider["url"],
        "https://token.actions.githubusercontent.com"
    );
    let role = node(&aws, "aws_iam_role.ci");
    let trust: Json =
        serde_json::from_str(role["assume_role_policy"].as_str().expect("a policy")).expect("JSON");
    assert_eq!(
        trust["Statement"][0]["Condition"],
        json!({ "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": ["repo:acme/shop:ref:refs/heads/main"],
        } })
    );
    let policy = node(&aws, "aws_iam_role_policy.ci");
    let policy: Json =
        serde_json::from_str(policy["policy"].as_str().expect("a policy")).expect("JSON");
    for statement in policy["Statement"].as_array().expect("statements") {
        let actions = statement["Action"].to_string();
        if actions.contains("Put") || actions.contains("Upload") {
            assert_eq!(statement["Resource"], "${registry.shop.arn}");
        }
        assert!(
            !actions.contains('*') && !actions.contains("Delete"),
            "{actions}"
        );
    }

    let given = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
    let own = stack(
        "aws",
        with(ci.clone(), json!({ "identity_provider": given })),
    );
    assert!(!nodes(&own).contains_key("aws_iam_openid_connect_provider.ci"));
    let role = node(&own, "aws_iam_role.ci")["assume_role_policy"].to_string();
    assert!(role.contains(given), "{role}");

    let azure = stack("azure", ci.clone());
    let credential = node(&azure, "azurerm_federated_identity_credential.ci_0");
    assert_eq!(credential["subject"], "repo:acme/shop:ref:refs/heads/main");
    let assignment = node(&azure, "azurerm_role_assignment.ci");
    assert_eq!(assignment["role_definition_name"], "AcrPush");
    assert_eq!(assignment["scope"], "${registry.shop.id}");

    let provider = "projects/1/locations/global/workloadIdentityPools/ci/providers/github";
    let google = stack("google", with(ci, json!({ "identity_provider": provider })));
    let member = node(
        &google,
        "google_artifact_registry_repository_iam_member.ci_0",
    );
    assert_eq!(member["role"], "roles/artifactregistry.writer");
    let who = member["member"].as_str().expect("a member");
    assert!(who.ends_with("/attribute.repository/acme/shop"), "{who}");
}

/// GitLab's tokens name projects otherwise.
#[test]
fn gitlab_has_names_of_its_own() {
    let ci = json!({
        "platform": "gitlab", "server": "https://gitlab.example.com", "repository": "acme/platform/shop", "branch": "trunk",
    });
    let aws = stack("aws", ci);
    let provider = node(&aws, "aws_iam_openid_connect_provider.ci");
    assert_eq!(provider["url"], "https://gitlab.example.com");
    let trust = node(&aws, "aws_iam_role.ci")["assume_role_policy"].to_string();
    assert!(
        trust.contains("project_path:acme/platform/shop:ref_type:branch:ref:trunk"),
        "{trust}"
    );
}

/// What the other controls ask for is what pipelines are told.
#[test]
fn pipelines_are_told_what_the_cluster_asks_for() {
    let mut fixture = Fixture::new();
    let identity = json!({ "issuer": "https://gitlab.com", "subject_regexp": "^https://gitlab\\.com/${x}acme/.+" });
    let expansion = fixture.harden(
        &["ci", "gitops", "policy", "supply_chain"],
        with(
            shop(),
            json!({
                "gitops": { "repository": "https://github.com/acme/config", "branch": "live", "path": "teams" },
                "policy": { "registries": ["ghcr.io/acme/"] },
                "supply_chain": { "severity": "CRITICAL", "unfixed": true, "identities": [identity] },
                "ci": { "deliver": "pull_request", "apps": { "shop": { "path": "code", "services": ["back"] } } },
            }),
        ),
    );
    let told = settings(&expansion);
    assert_eq!(told["severity"], "CRITICAL");
    assert_eq!(told["unfixed"], true);
    assert_eq!(told["registries"], json!(["ghcr.io/acme/"]));
    // As it is written: templates are for others.
    assert!(
        told["identities"][0]["subject_regexp"]
            .as_str()
            .is_some_and(|s| s.contains("$${x}acme")),
        "{told}"
    );
    assert_eq!(
        told["config"],
        json!({ "branch": "live", "path": "teams", "how": "pull_request", "automated": false })
    );
    assert_eq!(
        told["apps"][0]["images"],
        json!([{ "name": "back", "context": "code", "file": "Dockerfile" }])
    );
    let output = &expansion.outputs["pipelines"];
    assert!(output.contains("registry = \"ghcr.io/acme\""), "{output}");
    assert!(
        output.contains("repository = flatten([input.gitops])[0].repository"),
        "{output}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (ci, told) in [
        (json!({ "platform": "jenkins" }), "cannot be `jenkins`"),
        (json!({ "builder": "docker" }), "cannot be `docker`"),
        (
            json!({ "repository": "https://github.com/acme/shop" }),
            "is no repository",
        ),
        (json!({ "registry": "shpo" }), "there is no registry `shpo`"),
        (
            json!({ "branch": "release/*" }),
            "not the name of one branch",
        ),
        (
            json!({ "apps": { "shpo": {} } }),
            "there is no app `shpo`; did you mean `shop`?",
        ),
        (
            json!({ "apps": { "shop": { "services": ["middle"] } } }),
            "has no service `middle`",
        ),
        (
            json!({ "sonarqube": "http://sonar.example.com" }),
            "is no address of a server",
        ),
    ] {
        let said = Fixture::new().refused(&["ci"], with(shop(), json!({ "ci": ci })));
        assert!(said.contains(told), "`{told}` is not in {said}");
    }
}
