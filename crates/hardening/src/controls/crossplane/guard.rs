//! Managed resources are written by Crossplane alone. Whoever may write one, with any name of something that is there already, would have
//! all that Crossplane's identity may do in the cloud.

use super::NAMESPACE;
use crate::inside::Inside;
use serde_json::json;
use std::collections::BTreeSet;

/// The name of the policy.
const NAME: &str = "crossplane-managed-resources";

/// Refuses managed resources of these kinds (`buckets.s3.aws.m.upbound.io`), and configurations of their providers, to everybody but
/// the accounts of Crossplane's namespace. Those who could take this policy away may write them too: the cluster's administrators, and
/// the parts of Kubernetes that delete what belongs to what is gone.
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>
pub(super) fn write(kinds: impl Iterator<Item = &'static str>, inside: &mut Inside<'_>) {
    let mut groups: BTreeSet<&str> = BTreeSet::new();
    for (_, group) in kinds.filter_map(|kind| kind.split_once('.')) {
        groups.insert(group);
        // s3.aws.m.upbound.io is of the family aws.m.upbound.io, whose kinds say how the cloud is reached.
        groups.extend(group.split_once('.').map(|(_, family)| family));
    }
    if groups.is_empty() {
        return;
    }
    let own = format!(
        "has(request.userInfo.groups) && request.userInfo.groups.exists(g, g == 'system:serviceaccounts:{NAMESPACE}')"
    );
    let policies =
        "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies')";
    let administrates = format!("{policies}.check('delete').allowed()");
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": { "resourceRules": [{
            "apiGroups": groups,
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": ["*"],
        }] },
        "validations": [{
            "expression": format!("({own}) || {administrates}"),
            "message": "managed resources are Crossplane's own: ask for a Bucket or a Database of platform.infra instead",
            "reason": "Forbidden",
        }],
    });
    inside.admission(NAME, spec, None);
}
