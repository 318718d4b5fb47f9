//! Who may push: in the cloud of the registry, the pipelines of one branch of each repository, by the tokens that GitHub or GitLab gives
//! them.

use super::{Built, Config, NAME};
use crate::azure;
use crate::inside::Inside;
use infra_draft::cloud::Cloud;
use infra_model::Value;
use infra_model::expand::Known;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Whose tokens count in the cloud: those of pipelines of the branch.
/// <https://docs.github.com/actions/reference/security/oidc>
/// <https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload>
fn subjects(config: &Config, built: &[Built]) -> BTreeSet<String> {
    let branch = &config.branch;
    let of = |repository: &String| match config.platform.as_deref() {
        Some("gitlab") => format!("project_path:{repository}:ref_type:branch:ref:{branch}"),
        _ => format!("repo:{repository}:ref:refs/heads/{branch}"),
    };
    built
        .iter()
        .filter_map(|b| b.build.repository.as_ref().map(of))
        .collect()
}

fn issuer(config: &Config) -> String {
    match config.platform.as_deref() {
        Some("gitlab") => config
            .server
            .clone()
            .unwrap_or_else(|| "https://gitlab.com".to_owned()),
        _ => "https://token.actions.githubusercontent.com".to_owned(),
    }
}

/// Who pushes in the cloud of the registry, which must be that of the cluster; parts of the output.
pub(super) fn grant(
    config: &Config,
    registry: &Known,
    built: &[Built],
    inside: &mut Inside<'_>,
) -> Vec<(&'static str, String)> {
    let cloud = registry.facts.get("cloud").and_then(Value::as_str);
    let here = inside.site.cloud.clone();
    if cloud.is_some_and(|cloud| *cloud != *here.text()) {
        inside.draft.remark(
            "ci.registry",
            format!("{} is in another cloud than the cluster: nobody is let in there", registry.reference),
            "give pipelines their identity there yourself, or name a registry in the cluster's cloud",
        );
        return Vec::new();
    }
    match here {
        Cloud::Aws(_) => aws(config, registry, &subjects(config, built), inside),
        Cloud::Azure(_) => federated(config, registry, &subjects(config, built), inside),
        Cloud::Google(_) => {
            google(config, registry, built, inside);
            Vec::new()
        }
    }
}

/// <https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines>
fn google(config: &Config, registry: &Known, built: &[Built], inside: &mut Inside<'_>) {
    let (attribute, claim) = match config.platform.as_deref() {
        Some("gitlab") => ("attribute.project_path", "assertion.project_path"),
        _ => ("attribute.repository", "assertion.repository"),
    };
    if config.identity_provider.is_none() {
        inside.draft.remark(
            "ci.identity_provider",
            "pipelines cannot log in to Google Cloud: nobody there vouches for them",
            format!(
                "make a pool of workload identities with a provider for {}, the mapping {attribute} = {claim} and a condition for the branch, and name the provider here",
                issuer(config)
            ),
        );
        return;
    }
    let pool = format!(
        "${{split(\"/providers/\", {}.identity_provider)[0]}}",
        Inside::input(NAME)
    );
    let repositories: BTreeSet<&String> = built
        .iter()
        .filter_map(|b| b.build.repository.as_ref())
        .collect();
    for (index, repository) in repositories.iter().enumerate() {
        let body = json!({
            "repository": format!("${{{}.id}}", registry.reference),
            "role": "roles/artifactregistry.writer",
            "member": format!("principalSet://iam.googleapis.com/{pool}/{attribute}/{repository}"),
        });
        inside.cloud(
            "google_artifact_registry_repository_iam_member",
            &format!("{NAME}_{index}"),
            body,
        );
    }
}

/// <https://docs.github.com/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html>
fn aws(
    config: &Config,
    registry: &Known,
    subjects: &BTreeSet<String>,
    inside: &mut Inside<'_>,
) -> Vec<(&'static str, String)> {
    const AUDIENCE: &str = "sts.amazonaws.com";
    let issuer = issuer(config);
    let provider = match &config.identity_provider {
        Some(given) => given.json(&format!("{}.identity_provider", Inside::input(NAME))),
        None => {
            let body = json!({
                "url": issuer,
                "client_id_list": [AUDIENCE],
                "tags": inside.draft.tags(NAME, &[]),
            });
            inside.cloud("aws_iam_openid_connect_provider", NAME, body);
            json!("${aws_iam_openid_connect_provider.ci.arn}")
        }
    };
    let host = issuer.trim_start_matches("https://");
    let policy =
        |statements: Json| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let trust = policy(json!([{
        "Effect": "Allow",
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            format!("{host}:aud"): AUDIENCE,
            format!("{host}:sub"): subjects,
        } },
    }]));
    let body = json!({
        "name": inside.draft.name(NAME, 64),
        "assume_role_policy": trust,
        // As long as a job, and no longer.
        "max_session_duration": 3600,
        "tags": inside.draft.tags(NAME, &[]),
    });
    inside.cloud("aws_iam_role", NAME, body);
    let body = json!({
        "name": "registry",
        "role": "${aws_iam_role.ci.name}",
        "policy": policy(json!([
            { "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": "*" },
            {
                "Effect": "Allow",
                "Action": [
                    "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",
                    "ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages",
                ],
                "Resource": format!("${{{}.arn}}", registry.reference),
            },
        ])),
    });
    inside.cloud("aws_iam_role_policy", NAME, body);
    vec![("role", "aws_iam_role.ci.arn".to_owned())]
}

/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust>
fn federated(
    config: &Config,
    registry: &Known,
    subjects: &BTreeSet<String>,
    inside: &mut Inside<'_>,
) -> Vec<(&'static str, String)> {
    let audience = azure::PIPELINES.here(inside);
    let body = json!({
        "name": inside.draft.name(NAME, 128),
        "resource_group_name": inside.site.group(),
        "location": "${data.azurerm_client_config.this.location}",
        "tags": inside.draft.plain_tags(),
    });
    inside.cloud("azurerm_user_assigned_identity", NAME, body);
    for (index, subject) in subjects.iter().enumerate() {
        let name = format!("{NAME}_{index}");
        let body = json!({
            "name": name,
            "resource_group_name": inside.site.group(),
            "parent_id": "${azurerm_user_assigned_identity.ci.id}",
            "issuer": issuer(config),
            "subject": subject,
            "audience": [audience],
        });
        inside.cloud("azurerm_federated_identity_credential", &name, body);
    }
    let body = json!({
        "scope": format!("${{{}.id}}", registry.reference),
        "role_definition_name": "AcrPush",
        "principal_id": "${azurerm_user_assigned_identity.ci.principal_id}",
        "principal_type": "ServicePrincipal",
    });
    inside.cloud("azurerm_role_assignment", NAME, body);
    let identity = |what: &str| format!("azurerm_user_assigned_identity.ci.{what}");
    vec![
        ("client", identity("client_id")),
        ("tenant", identity("tenant_id")),
    ]
}
