//! Access that comes late (IAM, "Access change propagation"): a service account that others do not know yet, a key that a service's agent
//! may not use yet, a service that has not heard that it is enabled. Whether that is so is asked of IAM, of the key's policy and of Service
//! Usage. None of them says since when.

use crate::client::{Client, Request};
use crate::family::IAM;
use crate::iam::member::{self, Policy};
use crate::iam::member_types::{KeyMember, ProjectMember};
use crate::project_service;
use infra_cloud::absence::there;
use infra_cloud::late::{Standing, asked, until_known};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use serde_json::Value as Json;
use std::future::Future;

/// What a refusal may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// A service account, by its address.
    Account(String),
    /// That a service's agent may use a key.
    Key,
    /// A service that a project has enabled: `projects/{project}/services/{host}`.
    Service(String),
}

/// Makes a call again while it is refused for what is not known everywhere yet. `keys` are those that the call wants to be used.
///
/// # Errors
/// As [`until_known`]'s.
pub(crate) async fn once_known<T, F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    keys: &[&str],
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    let words = |error: &ProviderError| {
        Some(match about(error)? {
            About::Account(email) => format!("the service account {email}"),
            About::Key => "the grant of the key".to_owned(),
            About::Service(id) => format!("that {} is enabled", crate::api::short(&id)),
        })
    };
    let standing = |error: ProviderError| async move {
        match about(&error) {
            Some(About::Account(email)) => of_account(client, context, &email).await,
            Some(About::Key) => of_grants(client, context, &error.service, keys).await,
            Some(About::Service(id)) => of_service(client, context, &id).await,
            None => Standing::Missing,
        }
    };
    until_known(context, operation, words, standing, call).await
}

/// The keys that a body names.
pub(crate) fn keys(body: Option<&Json>) -> Vec<&str> {
    match body {
        Some(Json::String(text)) if text.contains("/cryptoKeys/") => vec![text],
        Some(Json::Array(items)) => items.iter().flat_map(|item| keys(Some(item))).collect(),
        Some(Json::Object(members)) => members
            .values()
            .flat_map(|member| keys(Some(member)))
            .collect(),
        _ => Vec::new(),
    }
}

/// What a refusal may be about, by the services' words. The tests have them, with where they were reported.
fn about(error: &ProviderError) -> Option<About> {
    let message = &*error.message;
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if matches!(&*error.code, "SERVICE_DISABLED" | "accessNotConfigured") {
        let host = message.split_once("/apis/api/")?.1.split('/').next()?;
        let project = message.split_once("in project ")?.1.split(' ').next()?;
        return Some(About::Service(format!(
            "projects/{project}/services/{host}"
        )));
    }
    let refused = matches!(
        error.kind,
        ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound
    );
    if !refused {
        return None;
    }
    if says(&["does not exist", "Verify if principal exists"]) {
        return email(message).map(About::Account);
    }
    // Permissions to manage keys are the caller's own.
    says(&[
        "ermission denied on Cloud KMS key",
        "cloudkms.cryptoKeyVersions.useTo",
    ])
    .then_some(About::Key)
}

/// The first address of a service account in a text.
fn email(text: &str) -> Option<String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "@.-:".contains(c);
    let mut words = text.split(|c: char| !inside(c));
    let word = words.find(|word| word.contains('@') && word.contains(".gserviceaccount.com"))?;
    let word = word.rsplit(':').next().unwrap_or(word);
    Some(word.trim_end_matches('.').to_owned())
}

async fn of_account(client: &Client, context: &CallContext, email: &str) -> Standing {
    let domain = email.split_once('@').map_or("", |(_, domain)| domain);
    let project = domain.strip_suffix(".iam.gserviceaccount.com");
    // Agents of services are Google's own, made when a service is enabled or used, and shown to nobody.
    let Some(project) = project.filter(|_| !email.starts_with("service-")) else {
        return Standing::Old;
    };
    let path = format!("projects/{project}/serviceAccounts/{email}");
    let request = &Request::get(IAM, "iam.projects.serviceAccounts.get", path);
    let found = asked(context, || async move {
        there(client.call(context, request).await)
    });
    known(found.await.map(|found| found.is_some()))
}

/// Whether the agent of a service has a role on each of some keys, or in the keys' project.
async fn of_grants(
    client: &Client,
    context: &CallContext,
    service: &str,
    keys: &[&str],
) -> Standing {
    let Some(agent) = agent(service).filter(|_| !keys.is_empty()) else {
        return Standing::Old;
    };
    let mut standing = Standing::New;
    for key in keys {
        // A version is a part of its key, which has the policy.
        let key = key.split("/cryptoKeyVersions/").next().unwrap_or(key);
        let project = key.split("/locations/").next().unwrap_or(key);
        let on_key = granted::<KeyMember>(client, context, key, agent).await;
        let granted = match on_key {
            Ok(false) => granted::<ProjectMember>(client, context, project, agent).await,
            other => other,
        };
        standing = standing.min(known(granted));
    }
    standing
}

async fn granted<P: Policy>(
    client: &Client,
    context: &CallContext,
    on: &str,
    agent: &str,
) -> Result<bool, ProviderError> {
    let policy = member::get::<P>(client, context, on).await?;
    Ok(policy.is_some_and(|policy| lets_use(&policy, agent)))
}

/// Whether a policy has a role of Cloud KMS, or one of somebody's own, for an agent.
fn lets_use(policy: &Json, agent: &str) -> bool {
    let domain = format!("@{agent}.iam.gserviceaccount.com");
    let bindings = policy["bindings"].as_array().into_iter().flatten();
    bindings
        .filter(|binding| {
            let role = binding["role"].as_str().unwrap_or_default();
            role.contains("cloudkms.") || !role.starts_with("roles/")
        })
        .flat_map(|binding| binding["members"].as_array().into_iter().flatten())
        .filter_map(Json::as_str)
        .any(|member| member.ends_with(&domain))
}

/// The domain of the agent by which a service uses keys (Cloud KMS, "Service agents").
fn agent(service: &str) -> Option<&'static str> {
    Some(match service {
        "storage" => "gs-project-accounts",
        "sql" => "gcp-sa-cloud-sql",
        "artifactregistry" => "gcp-sa-artifactregistry",
        "container" => "container-engine-robot",
        "secretmanager" => "gcp-sa-secretmanager",
        "compute" => "compute-system",
        _ => return None,
    })
}

async fn of_service(client: &Client, context: &CallContext, id: &str) -> Standing {
    let states = project_service::enabled(client, context, &[id]).await;
    known(states.map(|states| states.values().any(|enabled| *enabled)))
}

/// What is there may be new; who may not ask cannot tell.
fn known(there: Result<bool, ProviderError>) -> Standing {
    match there {
        Ok(true) => Standing::New,
        Ok(false) => Standing::Missing,
        Err(_) => Standing::Old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(kind: ErrorKind, code: &str, message: &str) -> ProviderError {
        ProviderError {
            code: code.to_owned(),
            ..ProviderError::new(kind, message)
        }
    }

    #[test]
    fn refusals_that_may_be_early_are_told_from_those_of_the_caller() {
        use ErrorKind::{Conflict, Denied, Invalid, NotFound};
        let account = |email: &str| Some(About::Account(email.to_owned()));
        for (kind, code, message, expected) in [
            // github.com/sassoftware/viya4-iac-gcp/issues/148
            (
                Invalid,
                "badRequest",
                "Service account \"tf-gke-main@demo.iam.gserviceaccount.com\" does not exist.",
                account("tf-gke-main@demo.iam.gserviceaccount.com"),
            ),
            // github.com/terraform-google-modules/terraform-google-kubernetes-engine/issues/2002
            (
                Conflict,
                "FAILED_PRECONDITION",
                "Failed precondition: failed to check status for \"tf@demo.iam.gserviceaccount.com\"; Verify if principal exists and is valid.",
                account("tf@demo.iam.gserviceaccount.com"),
            ),
            // github.com/googleapis/google-cloud-java/issues/3594
            (
                Denied,
                "forbidden",
                "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key.",
                Some(About::Key),
            ),
            // github.com/hashicorp/terraform-provider-google/issues/15415
            (
                Denied,
                "forbidden",
                "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource 'projects/p/locations/l/keyRings/r/cryptoKeys/k' (or it may not exist).",
                Some(About::Key),
            ),
            // github.com/GoogleChrome/CrUX/issues/37
            (
                Denied,
                "SERVICE_DISABLED",
                "Cloud SQL Admin API has not been used in project 713 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/sqladmin.googleapis.com/overview?project=713 then retry.",
                Some(About::Service(
                    "projects/713/services/sqladmin.googleapis.com".to_owned(),
                )),
            ),
            // github.com/terraform-google-modules/terraform-google-kms/issues/51
            (
                Denied,
                "forbidden",
                "Permission 'cloudkms.cryptoKeys.setIamPolicy' denied on resource 'projects/p/locations/l/keyRings/r/cryptoKeys/k' (or it may not exist).",
                None,
            ),
            (
                Denied,
                "notAuthorized",
                "The client is not authorized to make this request.",
                None,
            ),
            (NotFound, "notFound", "The network n does not exist", None),
            (
                ErrorKind::Transient,
                "",
                "Service account a@p.iam.gserviceaccount.com does not exist.",
                None,
            ),
        ] {
            assert_eq!(about(&refusal(kind, code, message)), expected, "{message}");
        }
    }

    #[test]
    fn agents_use_keys_by_roles_of_kms() {
        let policy = |role: &str, member: &str| json!({ "bindings": [{ "role": role, "members": [member] }] });
        let member = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com";
        let role = "roles/cloudkms.cryptoKeyEncrypterDecrypter";
        for (policy, expected) in [
            (policy(role, member), true),
            (policy("projects/p/roles/uses_keys", member), true),
            (policy("roles/storage.admin", member), false),
            (
                policy(
                    role,
                    "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com",
                ),
                false,
            ),
            (json!({}), false),
        ] {
            let agent = agent("storage").expect("an agent");
            assert_eq!(lets_use(&policy, agent), expected, "{policy}");
        }
        assert_eq!(agent("dns"), None);
    }

    #[test]
    fn keys_are_found_wherever_a_body_names_them() {
        let key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
        let body = json!({ "name": "b", "encryption": { "defaultKmsKeyName": key }, "replicas": [{ "key": key }, { "key": "" }] });
        assert_eq!(keys(Some(&body)), [key, key]);
        assert_eq!(keys(None), Vec::<&str>::new());
    }
}
