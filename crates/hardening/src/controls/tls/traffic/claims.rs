//! Whose a host is. The Gateway is shared, and a route that comes from an app's folder or from whoever writes to a namespace could name any
//! host: so the API server takes only what the stack gives that namespace. Where apps share a host, each has its own paths of it.

use super::super::{GATEWAY, Host, gateway, path_of};
use crate::inside::Inside;
use infra_draft::input::escape;
use serde_json::{Value as Json, json};

/// The name of the policy.
const NAME: &str = "gateway-hosts";

/// Refuses routes on the Gateway whose hosts and paths are another namespace's, to everybody: Argo CD applies what is in an app's folder
/// with rights over the whole cluster. What routes were before stays, and only marks of controllers are put on them.
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>,
/// <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule> (of matches the longest path goes first)
pub(super) fn write(hosts: &[Host], inside: &mut Inside<'_>) {
    let on_gateway = format!(
        "object.spec.?parentRefs.orValue([]).exists(p, p.name == '{}' && p.?namespace.orValue(object.metadata.namespace) == '{GATEWAY}')",
        gateway::NAME
    );
    let own = "variables.claims.exists(c, c.host == h && c.namespace == request.namespace)";
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            // There the redirect is, and what answers the challenges of certificates.
            "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [GATEWAY] },
            ] },
            "resourceRules": [{
                "apiGroups": ["gateway.networking.k8s.io"],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["httproutes", "grpcroutes"],
            }],
        },
        "matchConditions": [
            { "name": "on-the-gateway", "expression": on_gateway },
            { "name": "says-something-else", "expression": "oldObject == null || object.spec != oldObject.spec" },
        ],
        "variables": [{ "name": "claims", "expression": claims(hosts) }],
        "validations": [
            {
                // Without hosts it would answer for all of them.
                "expression": format!("size(object.spec.?hostnames.orValue([])) > 0 && object.spec.hostnames.all(h, {own})"),
                "message": "the Gateway is shared: a route names hosts that the stack gives this namespace, by `route = { host = \"…\" }` of a service there",
                "reason": "Forbidden",
            },
            {
                "expression": others(),
                "message": "this host is shared, and the path another namespace's: a route stays under the path that the stack gives this one",
                "reason": "Forbidden",
            },
        ],
    });
    inside.admission(NAME, spec, None);
}

/// What namespaces have, as a list of CEL's; hosts may be templates.
fn claims(hosts: &[Host]) -> String {
    let all = hosts.iter().flat_map(|host| {
        let name = host.host.as_str().unwrap_or_default();
        host.routes.iter().map(move |(namespace, running)| {
            let path = escape(&Json::from(path_of(running)).to_string());
            format!("{{'namespace': '{namespace}', 'host': '{name}', 'path': {path}}}")
        })
    });
    format!("[{}]", all.collect::<Vec<_>>().join(", "))
}

/// That no match is under what another namespace has of the same host, but where this one has something longer that it is under.
/// Expressions cannot be bounded by paths, nor the services of GRPC.
fn others() -> String {
    let under = |path: &str, of: &str| {
        format!("({of} == '/' || {path} == {of} || {path}.startsWith({of} + '/'))")
    };
    let path = "m.path.value";
    let longer = format!(
        "variables.claims.exists(c, c.namespace == request.namespace && c.host == h && {} && {})",
        under(path, "c.path"),
        under("c.path", "o.path"),
    );
    let matched = format!(
        "m.path.type != 'RegularExpression' && (!{} || {longer})",
        under(path, "o.path")
    );
    format!(
        "object.spec.?hostnames.orValue([]).all(h, variables.claims.all(o, o.host != h || o.namespace == request.namespace || \
         (object.kind == 'HTTPRoute' && object.spec.rules.all(r, r.matches.all(m, {matched})))))"
    )
}
