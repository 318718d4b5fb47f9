//! Stores of External Secrets, each with an account of its own in the cloud. The controller itself may do nothing there: a store that
//! names no account reaches nothing, whoever made it.

use super::external::{NAMESPACE, VERSION, controller};
use crate::app::App;
use crate::azure;
use crate::identity::{Account, Grant};
use crate::inside::Inside;
use crate::objects::object;
use infra_draft::cloud::Cloud;
use serde_json::{Value as Json, json};

/// Where a store is open.
#[derive(Clone, Copy)]
pub(super) enum Open {
    /// In one namespace, which its account is in too.
    In(&'static str),
    /// Wherever its conditions say; its account is beside the controller.
    Wide,
}

/// How a store logs in to a cloud's secret manager.
pub(super) struct Login {
    /// The store's `provider`.
    pub(super) provider: Json,
    /// What comes before the store, by address.
    pub(super) before: Vec<String>,
}

/// An account that may do one thing, and the `provider` of a store that uses it. `place` is an expression that says which secret manager:
/// on AWS and Google Cloud the id of a secret in it, on Azure the vault's address.
/// <https://external-secrets.io/latest/provider/aws-secrets-manager/>, `google-secrets-manager`, `azure-key-vault`.
pub(super) fn login(
    name: &str,
    open: Open,
    grant: Grant,
    place: &str,
    inside: &mut Inside<'_>,
) -> Login {
    let namespace = match open {
        Open::In(namespace) => namespace,
        Open::Wide => NAMESPACE,
    };
    let account = Account {
        name: format!("external-secrets-{name}"),
        namespace: namespace.to_owned(),
        service_account: inside.account(name),
        grants: vec![grant],
    };
    let lowered = inside.token_identity(&account, &controller());
    let mut own = object(
        "v1",
        "ServiceAccount",
        namespace,
        &account.service_account,
        json!({}),
    );
    own["automountServiceAccountToken"] = json!(false);
    if lowered
        .annotations
        .as_object()
        .is_some_and(|a| !a.is_empty())
    {
        own["metadata"]["annotations"] = lowered.annotations;
    }
    let mut before = lowered.before;
    before.push(inside.object(own));
    let mut reference = json!({ "name": account.service_account });
    if let Open::Wide = open {
        reference["namespace"] = json!(namespace);
    }
    let provider = provider(place, &reference, inside);
    Login { provider, before }
}

fn provider(place: &str, account: &Json, inside: &mut Inside<'_>) -> Json {
    match inside.site.cloud {
        Cloud::Aws(_) => json!({ "aws": {
            "service": "SecretsManager",
            // arn:aws:secretsmanager:REGION:…
            "region": format!("${{split(\":\", {place})[3]}}"),
            "auth": { "jwt": { "serviceAccountRef": account } },
        } }),
        Cloud::Google(_) => {
            // projects/PROJECT/locations/LOCATION/clusters/NAME
            let cluster =
                |part: usize| format!("${{split(\"/\", {}.id)[{part}]}}", inside.site.reference);
            json!({ "gcpsm": {
                // projects/PROJECT/secrets/NAME
                "projectID": format!("${{split(\"/\", {place})[1]}}"),
                "auth": { "workloadIdentity": {
                    "serviceAccountRef": account,
                    "clusterProjectID": cluster(1),
                    "clusterLocation": cluster(3),
                    "clusterName": cluster(5),
                } },
            } })
        }
        Cloud::Azure(_) => json!({ "azurekv": {
            "authType": "WorkloadIdentity",
            "environmentType": azure::EXTERNAL_SECRETS.here(inside),
            "vaultUrl": format!("${{{place}}}"),
            "tenantId": "${data.azurerm_client_config.this.tenant_id}",
            "serviceAccountRef": account,
        } }),
    }
}

/// In the apps' namespaces nobody makes a store, a push or a generator who may not also make stores for the whole cluster: those act with
/// the controller's reach, whoever wrote them. The API server itself holds to it, whatever the engine of policies is.
pub(super) fn guard(inside: &mut Inside<'_>) {
    let namespaces: Vec<String> = inside
        .apps
        .iter()
        .map(|a: &App| a.namespace().to_owned())
        .collect();
    if namespaces.is_empty() {
        return;
    }
    let group = VERSION.split('/').next().unwrap_or_default();
    let rule = |group: &str, resources: Json| json!({ "apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources });
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": { "resourceRules": [
            rule(group, json!(["secretstores", "pushsecrets"])),
            rule(&format!("generators.{group}"), json!(["*"])),
        ] },
        "matchConditions": [
            // What the controller itself remembers of generators.
            { "name": "not-the-controllers-own", "expression": "request.resource.resource != 'generatorstates'" },
        ],
        "validations": [{
            // The controller marks them with finalizers.
            "expression": format!(
                "(request.operation == 'UPDATE' && object.spec == oldObject.spec) || \
                 authorizer.group('{group}').resource('clustersecretstores').check('create').allowed()"
            ),
            "message": "stores, pushes and generators of secrets are the platform's; an ExternalSecret of a store that is there brings a secret",
            "reason": "Forbidden",
        }],
    });
    let apps = json!({ "matchExpressions": [
        { "key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces },
    ] });
    inside.admission("external-secrets-stores", spec, Some(apps));
}
