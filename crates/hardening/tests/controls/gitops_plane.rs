//! What an app's folder may do, judged by a real API server: in the name of the account that Flux applies it with, and against the
//! admission policy that keeps stores of secrets to the platform.

use crate::alternatives::on;
use crate::fixture::{nodes, shop, with};
use crate::kube::ControlPlane;
use crate::plane::{list, with_definitions};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

/// The account of the shop's folder.
const SHOP: &str = "--as=system:serviceaccount:flux-system:app-shop";

/// Two apps with all that a folder may use.
fn expansion() -> Expansion {
    let mut inputs = with(
        shop(),
        json!({ "gitops": { "engine": "flux", "repository": "https://github.com/acme/config" } }),
    );
    inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["database.orders"]);
    let route = |port: i64, route: Json| json!({ "port": port, "route": route });
    inputs["apps"]["reviews"] = json!({ "services": {
        "api": route(8000, json!({ "host": "reviews.example.com" })),
        // A part of the shop's own host.
        "stars": route(8001, json!({ "path": "/reviews" })),
    } });
    on("aws").harden(&["tls", "secrets", "gitops", "crossplane"], inputs)
}

/// What Crossplane makes of a definition of its own: one of the API server's.
fn defined(composite: &Json) -> Json {
    let spec = &composite["spec"];
    let mut names = spec["names"].clone();
    names["listKind"] = json!(format!(
        "{}List",
        names["kind"].as_str().unwrap_or_default()
    ));
    let version = &spec["versions"][0];
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": composite["metadata"]["name"] },
        "spec": {
            "group": spec["group"], "scope": "Namespaced", "names": names,
            "versions": [{ "name": version["name"], "served": true, "storage": true, "schema": version["schema"] }],
        },
    })
}

/// Has the API server serve what these definitions of Crossplane's define.
pub(crate) fn define(plane: &ControlPlane, composites: &[Json]) {
    let all: Vec<Json> = composites.iter().map(defined).collect();
    plane.apply(&list(&all)).done();
    let established = [
        "wait",
        "crd",
        "--all",
        "--for=condition=Established",
        "--timeout=60s",
    ];
    plane.kubectl(&established).done();
}

/// The namespaces, rights and admission policies of an expansion, in a cluster.
fn prepare(plane: &ControlPlane, expansion: &Expansion) {
    let all: Vec<Json> = nodes(expansion)
        .into_iter()
        .map(|(_, mut body)| body["manifest"].take())
        .collect();
    let of = |kinds: &[&str]| {
        let chosen = all.iter().filter(|o| kinds.iter().any(|k| o["kind"] == *k));
        chosen.cloned().collect::<Vec<_>>()
    };
    let namespace = |name: &&str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let namespaces: Vec<Json> = ["shop", "reviews", "flux-system"]
        .iter()
        .map(namespace)
        .collect();
    plane.apply(&list(&namespaces)).done();
    let composites = of(&["CompositeResourceDefinition"]);
    assert_eq!(composites.len(), 2);
    define(plane, &composites);
    let mut rights = of(&["ClusterRole", "RoleBinding"]);
    rights.retain(|o| o["metadata"]["name"] == "app-folder");
    assert_eq!(rights.len(), 3, "one role, bound in two namespaces");
    plane.apply(&list(&rights)).done();
    let mut policies = of(&[
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]);
    policies.retain(|o| {
        let name = o["metadata"]["name"].as_str();
        ["external-secrets-stores", "gateway-hosts"].contains(&name.unwrap_or_default())
    });
    assert_eq!(policies.len(), 4);
    plane.apply(&list(&policies)).done();
}

fn thing(api: &str, kind: &str, namespace: &str, rest: Json) -> Json {
    let mut object = json!({ "apiVersion": api, "kind": kind, "metadata": { "name": "thing", "namespace": namespace } });
    if let (Some(all), Json::Object(rest)) = (object.as_object_mut(), rest) {
        all.extend(rest);
    }
    object
}

/// Workloads, configuration, routes, sealed secrets and what the platform offers.
fn good() -> Vec<Json> {
    let pod = json!({
        "metadata": { "labels": { "app": "thing" } },
        "spec": { "containers": [{ "name": "main", "image": "ghcr.io/acme/front@sha256:0000000000000000000000000000000000000000000000000000000000000000" }] },
    });
    let deployment =
        json!({ "spec": { "selector": { "matchLabels": { "app": "thing" } }, "template": pod } });
    let route =
        json!({ "spec": { "rules": [{ "backendRefs": [{ "name": "front", "port": 3000 }] }] } });
    let sealed = json!({ "spec": { "encryptedData": { "key": "AgA=" } } });
    let external = json!({ "spec": {
        "secretStoreRef": { "kind": "ClusterSecretStore", "name": "database-orders" },
        "data": [{ "secretKey": "password", "remoteRef": { "key": "orders" } }],
    } });
    vec![
        thing("apps/v1", "Deployment", "shop", deployment),
        thing("v1", "ConfigMap", "shop", json!({ "data": { "a": "b" } })),
        thing(
            "v1",
            "Service",
            "shop",
            json!({ "spec": { "ports": [{ "port": 80 }] } }),
        ),
        thing("v1", "ServiceAccount", "shop", json!({})),
        thing("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", route),
        thing("bitnami.com/v1alpha1", "SealedSecret", "shop", sealed),
        thing("external-secrets.io/v1", "ExternalSecret", "shop", external),
        thing("platform.infra/v1", "Bucket", "shop", json!({ "spec": {} })),
        thing(
            "platform.infra/v1",
            "Database",
            "shop",
            json!({ "spec": { "size": "small" } }),
        ),
    ]
}

fn store(namespace: &str) -> Json {
    // Without a login: as the controller itself.
    let provider = json!({ "aws": { "service": "SecretsManager", "region": "eu-central-1" } });
    thing(
        "external-secrets.io/v1",
        "SecretStore",
        namespace,
        json!({ "spec": { "provider": provider } }),
    )
}

fn bad() -> Vec<Json> {
    let open = json!({ "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": [{}] } });
    let role =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin" });
    let secret = json!({ "stringData": { "password": "plain" } });
    vec![
        thing("networking.k8s.io/v1", "NetworkPolicy", "shop", open),
        thing(
            "v1",
            "ResourceQuota",
            "shop",
            json!({ "spec": { "hard": { "pods": "9999" } } }),
        ),
        thing(
            "v1",
            "LimitRange",
            "shop",
            json!({ "spec": { "limits": [] } }),
        ),
        thing(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "shop",
            json!({ "roleRef": role, "subjects": [] }),
        ),
        thing("v1", "Secret", "shop", secret),
        thing(
            "v1",
            "ConfigMap",
            "reviews",
            json!({ "data": { "a": "b" } }),
        ),
        thing(
            "bitnami.com/v1alpha1",
            "SealedSecret",
            "reviews",
            json!({ "spec": { "encryptedData": { "key": "AgA=" } } }),
        ),
        store("shop"),
    ]
}

/// Applies an object in somebody's name: what is said about it.
fn apply(plane: &ControlPlane, who: &[&str], object: &Json) -> Result<String, String> {
    let arguments = [&["apply", "--server-side", "-f", "-"], who].concat();
    let answer = plane.kubectl_with(&arguments, &object.to_string());
    if answer.ok {
        Ok(answer.stdout)
    } else {
        Err(answer.stderr)
    }
}

#[test]
fn a_real_server_lets_folders_do_what_is_theirs_and_no_more() {
    let test = "a_real_server_lets_folders_do_what_is_theirs_and_no_more";
    let Some(plane) = with_definitions(test) else {
        return;
    };
    prepare(&plane, &expansion());
    for object in good() {
        apply(&plane, &[SHOP], &object).expect("accepted");
        // Again, and away: what Flux does with what is gone from the folder.
        apply(&plane, &[SHOP], &object).expect("accepted");
        plane
            .kubectl_with(&["delete", SHOP, "-f", "-"], &object.to_string())
            .done();
    }
    for object in bad() {
        let told = apply(&plane, &[SHOP], &object).expect_err("refused");
        assert!(told.contains("forbidden"), "{object}: {told}");
    }
    // That `edit` would have let it is why there is a role of its own.
    plane
        .kubectl(&[
            "create",
            "rolebinding",
            "edit",
            "-n",
            "shop",
            "--clusterrole=edit",
            "--user=editor",
        ])
        .done();
    let editor = ["--as=editor"];
    apply(&plane, &editor, &bad()[0]).expect("accepted");

    stores_are_the_platforms(&plane);
    hosts_are_whose_the_stack_says(&plane);
}

/// A route on the shared Gateway for hosts, under paths of a kind.
fn route(namespace: &str, hosts: &[&str], paths: &[(&str, &str)]) -> Json {
    let matches: Vec<Json> = paths
        .iter()
        .map(|(kind, path)| json!({ "path": { "type": kind, "value": path } }))
        .collect();
    let mut spec = json!({
        "parentRefs": [{ "name": "main", "namespace": "gateway" }],
        "rules": [{ "backendRefs": [{ "name": "thing", "port": 8000 }] }],
    });
    if !hosts.is_empty() {
        spec["hostnames"] = json!(hosts);
    }
    if !matches.is_empty() {
        spec["rules"][0]["matches"] = json!(matches);
    }
    thing(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        namespace,
        json!({ "spec": spec }),
    )
}

/// Nobody's routes take another app's host or its part of one: neither what Flux applies from a folder, nor what somebody with all rights
/// does, as Argo CD has them.
fn hosts_are_whose_the_stack_says(plane: &ControlPlane) {
    let (shop, reviews) = ("shop.example.com", "reviews.example.com");
    let all: &[&str] = &[];
    plane.until("the policy counts", || {
        apply(plane, all, &route("shop", &[reviews], &[])).is_err()
    });
    let (prefix, exact, pattern) = ("PathPrefix", "Exact", "RegularExpression");
    let good = [
        route("shop", &[shop], &[]),
        route(
            "shop",
            &[shop],
            &[(prefix, "/checkout"), (exact, "/reviewsers")],
        ),
        route("reviews", &[reviews], &[(pattern, "/any.*")]),
        route(
            "reviews",
            &[shop],
            &[(prefix, "/reviews"), (exact, "/reviews/all")],
        ),
        route("reviews", &[reviews, shop], &[(prefix, "/reviews/")]),
    ];
    let bad = [
        (route("reviews", &[shop], &[]), "shared, and the path"),
        (
            route("reviews", &[shop], &[(prefix, "/review")]),
            "shared, and the path",
        ),
        (
            route(
                "reviews",
                &[shop],
                &[(prefix, "/reviews"), (exact, "/checkout")],
            ),
            "shared, and the path",
        ),
        (
            route("shop", &[shop], &[(exact, "/reviews")]),
            "shared, and the path",
        ),
        (
            route("shop", &[shop], &[(prefix, "/reviews/5")]),
            "shared, and the path",
        ),
        (
            route("shop", &[shop], &[(pattern, "/.*")]),
            "shared, and the path",
        ),
        (
            route("shop", &[shop, reviews], &[]),
            "names hosts that the stack gives",
        ),
        (
            route("shop", &["*.example.com"], &[]),
            "names hosts that the stack gives",
        ),
        (route("shop", &[], &[]), "names hosts that the stack gives"),
        // A namespace that the stack knows nothing of.
        (
            route("flux-system", &[shop], &[]),
            "names hosts that the stack gives",
        ),
    ];
    let folder = |object: &Json| {
        let namespace = object["metadata"]["namespace"].as_str().expect("one");
        format!("--as=system:serviceaccount:flux-system:app-{namespace}")
    };
    for object in &good {
        let who = folder(object);
        apply(plane, &[&who], object).expect("accepted");
    }
    for (object, why) in &bad {
        let told = apply(plane, all, object).expect_err("refused");
        assert!(told.contains(why), "{object}: {told}");
        let namespace = &object["metadata"]["namespace"];
        if namespace != "flux-system" {
            apply(plane, &[&folder(object)], object).expect_err("refused");
        }
    }
    // Of a host with several owners nobody has services of GRPC; of one's own one may.
    let grpc = |host: &str| {
        let spec = json!({
            "parentRefs": [{ "name": "main", "namespace": "gateway" }],
            "hostnames": [host],
            "rules": [{ "backendRefs": [{ "name": "thing", "port": 8000 }] }],
        });
        let api = "gateway.networking.k8s.io/v1";
        thing(api, "GRPCRoute", "reviews", json!({ "spec": spec }))
    };
    apply(plane, all, &grpc(reviews)).expect("accepted");
    apply(plane, all, &grpc(shop)).expect_err("refused");
    // Elsewhere than on the Gateway it is not infra's to say.
    let mut other = route("shop", &[reviews], &[]);
    other["spec"]["parentRefs"] = json!([{ "name": "main", "namespace": "elsewhere" }]);
    apply(plane, all, &other).expect("accepted");
}

/// Who may write stores in an app's namespace, as the chart's own roles for editors allow it, may not where it is the platform's to say.
fn stores_are_the_platforms(plane: &ControlPlane) {
    for namespace in ["shop", "flux-system"] {
        let stores = "--resource=secretstores.external-secrets.io,pushsecrets.external-secrets.io,uuids.generators.external-secrets.io";
        plane
            .kubectl(&[
                "create",
                "role",
                "stores",
                "-n",
                namespace,
                "--verb=get,create,patch,update",
                stores,
            ])
            .done();
        plane
            .kubectl(&[
                "create",
                "rolebinding",
                "stores",
                "-n",
                namespace,
                "--role=stores",
                "--user=editor",
            ])
            .done();
    }
    let push = json!({ "spec": {
        "secretStoreRefs": [{ "kind": "SecretStore", "name": "thing" }],
        "selector": { "secret": { "name": "thing" } },
        "data": [{ "match": { "secretKey": "key", "remoteRef": { "remoteKey": "key" } } }],
    } });
    let push = thing("external-secrets.io/v1alpha1", "PushSecret", "shop", push);
    let generator = thing(
        "generators.external-secrets.io/v1alpha1",
        "UUID",
        "shop",
        json!({ "spec": {} }),
    );
    let editor = ["--as=editor"];
    // The policy counts a moment after it is there.
    plane.until("the policy counts", || {
        let answer = apply(plane, &editor, &store("shop"));
        if answer.is_ok() {
            plane
                .kubectl(&["delete", "secretstore", "-n", "shop", "thing"])
                .done();
        }
        answer.is_err()
    });
    for object in [store("shop"), push, generator] {
        let told = apply(plane, &editor, &object).expect_err("refused");
        assert!(told.contains("are the platform's"), "{told}");
    }
    // Elsewhere it is not infra's to say.
    apply(plane, &editor, &store("flux-system")).expect("accepted");
    // The platform makes it, and it is changed by nobody else; who only marks it, as the controller does, may.
    apply(plane, &[], &store("shop")).expect("accepted");
    let mark = [
        "patch",
        "secretstore",
        "thing",
        "-n",
        "shop",
        "--as=editor",
        "--type=merge",
        "-p",
    ];
    let patch = |what: &str| plane.kubectl(&[&mark[..], &[what]].concat());
    patch(r#"{"metadata":{"finalizers":["example.com/kept"]}}"#).done();
    patch(r#"{"spec":{"provider":{"aws":{"region":"us-east-1"}}}}"#).refused();
    patch(r#"{"metadata":{"finalizers":null}}"#).done();
}
