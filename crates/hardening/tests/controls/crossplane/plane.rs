//! Who may write what Crossplane makes, judged by a real API server: an app its claims in its own namespace, Crossplane what is made of
//! them, and an app nothing of that, whatever roles it was given.

use super::{CLOUDS, OFFERED, asked, made};
use crate::alternatives::{on, rendered};
use crate::fixture::{nodes, shop, with};
use crate::kube::ControlPlane;
use crate::plane::{list, with_definitions};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

/// Whom the account of the shop's folder is.
const FOLDER: &str = "--as=system:serviceaccount:flux-system:app-shop";
/// Somebody of the shop's who was given every right over what the cloud's providers define.
const TEAM: &str = "--as=team";
/// The providers of Crossplane.
const PROVIDER: &str = "--as=system:serviceaccount:crossplane-system:crossplane-provider";
/// What deletes objects whose owner is gone.
const COLLECTOR: &str = "--as=system:serviceaccount:kube-system:generic-garbage-collector";

fn expansion(cloud: &str) -> Expansion {
    let flux =
        json!({ "gitops": { "engine": "flux", "repository": "https://github.com/acme/config" } });
    on(cloud).harden(&["gitops", "crossplane"], with(shop(), flux))
}

/// The objects of an expansion with a name, of these kinds.
fn named(expansion: &Expansion, name: &str, kinds: &[&str]) -> Vec<Json> {
    let all = nodes(expansion).into_iter();
    let mut all: Vec<Json> = all
        .map(|(_, mut body)| rendered(&body["manifest"].take()))
        .collect();
    all.retain(|o| kinds.iter().any(|k| o["kind"] == *k) && o["metadata"]["name"] == name);
    all
}

/// Does something with an object in somebody's name: what is said about it.
fn act(plane: &ControlPlane, verb: &[&str], who: &str, object: &Json) -> Result<String, String> {
    let mut arguments: Vec<String> = verb.iter().map(|v| (*v).to_owned()).collect();
    arguments.extend(["-f".to_owned(), "-".to_owned()]);
    if !who.is_empty() {
        arguments.push(who.to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = plane.kubectl_with(&arguments, &object.to_string());
    if answer.ok {
        Ok(answer.stdout)
    } else {
        Err(answer.stderr)
    }
}

fn apply(plane: &ControlPlane, who: &str, object: &Json) -> Result<String, String> {
    act(
        plane,
        &["apply", "--server-side", "--force-conflicts"],
        who,
        object,
    )
}

fn delete(plane: &ControlPlane, who: &str, object: &Json) -> Result<String, String> {
    act(plane, &["delete", "--wait=false"], who, object)
}

/// Gives rights over whole groups, in all namespaces: what an administrator does who means well.
fn give(plane: &ControlPlane, subjects: &Json, groups: &[&str], name: &str) {
    let rbac = "rbac.authorization.k8s.io/v1";
    let role = json!({
        "apiVersion": rbac, "kind": "ClusterRole", "metadata": { "name": name },
        "rules": [{ "apiGroups": groups, "resources": ["*"], "verbs": ["*"] }],
    });
    let binding = json!({
        "apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
        "subjects": subjects,
    });
    plane.apply(&list(&[role, binding])).done();
}

/// What Crossplane makes of its definitions: the API server's.
fn define(plane: &ControlPlane, expansion: &Expansion, plurals: &[&str]) {
    let composites = plurals.iter().flat_map(|plural| {
        let name = format!("{plural}.platform.infra");
        named(expansion, &name, &["CompositeResourceDefinition"])
    });
    let composites: Vec<Json> = composites.collect();
    assert_eq!(composites.len(), plurals.len());
    crate::gitops_plane::define(plane, &composites);
}

#[test]
fn a_real_server_lets_apps_claim_and_only_crossplane_make() {
    let test = "a_real_server_lets_apps_claim_and_only_crossplane_make";
    let Some(plane) = with_definitions(test) else {
        return;
    };
    let namespaces: Vec<Json> = ["shop", "reviews", "flux-system", "crossplane-system"]
        .iter()
        .map(
            |name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        )
        .collect();
    plane.apply(&list(&namespaces)).done();
    for cloud in CLOUDS {
        let expansion = expansion(cloud);
        define(&plane, &expansion, &OFFERED);
        let rights = named(&expansion, "app-folder", &["ClusterRole", "RoleBinding"]);
        assert_eq!(rights.len(), 2);
        plane.apply(&list(&rights)).done();
        let guard = [
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ];
        let guard = named(&expansion, "crossplane-managed-resources", &guard);
        assert_eq!(guard.len(), 2);
        let groups = &guard
            .iter()
            .find_map(|o| o["spec"]["matchConstraints"]["resourceRules"][0]["apiGroups"].as_array())
            .expect("groups");
        let groups: Vec<&str> = groups.iter().filter_map(Json::as_str).collect();
        let team =
            json!([{ "kind": "User", "name": "team", "apiGroup": "rbac.authorization.k8s.io" }]);
        give(&plane, &team, &groups, "team");
        let providers = json!([{ "kind": "ServiceAccount", "name": "crossplane-provider", "namespace": "crossplane-system" }]);
        give(&plane, &providers, &groups, "providers");
        let all: Vec<Json> = OFFERED
            .iter()
            .flat_map(|plural| made(&expansion, plural))
            .filter(|o| {
                o["apiVersion"]
                    .as_str()
                    .is_some_and(|api| api.contains(".m.upbound.io"))
            })
            .map(|o| rendered(&o))
            .collect();
        assert!(all.len() >= 2, "{cloud}: {all:?}");

        // Before the policy counts, rights are all that is asked for: that is what it is there against.
        apply(&plane, TEAM, &all[0]).expect("accepted");
        delete(&plane, TEAM, &all[0]).expect("accepted");
        plane.apply(&list(&guard)).done();
        plane.until("the policy counts", || {
            let answer = apply(&plane, TEAM, &all[0]);
            if answer.is_ok() {
                delete(&plane, "", &all[0]).expect("accepted");
            }
            answer.is_err()
        });

        claims(&plane, &expansion);
        for object in &all {
            let told = apply(&plane, FOLDER, object).expect_err("refused");
            assert!(told.contains("forbidden"), "{told}");
            let told = apply(&plane, TEAM, object).expect_err("refused");
            assert!(told.contains("ask for a Bucket or a Database"), "{told}");
            apply(&plane, PROVIDER, object).expect("accepted");
            // Nor is one changed or taken away that is there.
            let mut changed = object.clone();
            changed["metadata"]["annotations"]["crossplane.io/external-name"] =
                json!("the-platforms-own");
            apply(&plane, TEAM, &changed).expect_err("refused");
            delete(&plane, TEAM, object).expect_err("refused");
            delete(&plane, COLLECTOR, object).expect("accepted");
            // Who administers the cluster may.
            apply(&plane, "", object).expect("accepted");
            delete(&plane, PROVIDER, object).expect("accepted");
        }
        let settings = named(&expansion, "default", &["ClusterProviderConfig"]);
        assert_eq!(settings.len(), 1);
        let told = apply(&plane, TEAM, &settings[0]).expect_err("refused");
        assert!(told.contains("ask for a Bucket or a Database"), "{told}");
        apply(&plane, "", &settings[0]).expect("accepted");
        for object in &guard {
            delete(&plane, "", object).expect("accepted");
        }
    }
}

/// An app asks in its own namespace, by the account of its folder, and in no other's.
fn claims(plane: &ControlPlane, expansion: &Expansion) {
    for plural in OFFERED {
        let mut claim = asked(expansion, plural);
        claim["apiVersion"] = json!("platform.infra/v1");
        claim["kind"] = json!(if plural == "buckets" {
            "Bucket"
        } else {
            "Database"
        });
        claim["metadata"] = json!({ "name": "orders", "namespace": "shop" });
        apply(plane, FOLDER, &claim).expect("accepted");
        delete(plane, FOLDER, &claim).expect("accepted");
        claim["metadata"]["namespace"] = json!("reviews");
        let told = apply(plane, FOLDER, &claim).expect_err("refused");
        assert!(told.contains("forbidden"), "{told}");
    }
}
