//! Objects of the cluster's own kinds, and what all objects of ours have.

pub(crate) use infra_repository::object::object;
use serde_json::{Value as Json, json};

/// The label that says who brought an object.
pub(crate) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "infra");

/// The annotation of a Gateway that says what ends TLS before it: `load_balancer.web`.
pub(crate) const TLS_ENDED_BY: &str = "infra/tls-ended-by";

/// The object with the label that says who brought it.
pub(crate) fn managed(mut object: Json) -> Json {
    let labels = &mut object["metadata"]["labels"];
    if labels.is_null() {
        *labels = json!({});
    }
    labels[MANAGED_BY.0] = json!(MANAGED_BY.1);
    object
}

/// Requests and limits of a container.
pub(crate) fn resources(requests: [&str; 2], limits: [&str; 2]) -> Json {
    json!({
        "requests": { "cpu": requests[0], "memory": requests[1] },
        "limits": { "cpu": limits[0], "memory": limits[1] },
    })
}

/// What the API server itself holds everybody to, whatever the engine of policies is: a policy with this specification, and its binding,
/// which refuses; `within` selects namespaces, without it all of them.
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>
pub(crate) fn admission(name: &str, policy: Json, within: Option<Json>) -> [Json; 2] {
    let mut binding = json!({ "policyName": name, "validationActions": ["Deny"] });
    if let Some(selector) = within {
        binding["matchResources"] = json!({ "namespaceSelector": selector });
    }
    [
        ("ValidatingAdmissionPolicy", policy),
        ("ValidatingAdmissionPolicyBinding", binding),
    ]
    .map(|(kind, spec)| {
        let api = "admissionregistration.k8s.io/v1";
        object(api, kind, "", name, json!({ "spec": spec }))
    })
}
