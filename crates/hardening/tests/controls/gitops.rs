//! `gitops`.

use crate::alternatives::on;
use crate::fixture::{comes_after, node, object, readable, shop, with};
use serde_json::{Value as Json, json};

fn inputs(gitops: Json) -> Json {
    let mut gitops = gitops;
    if gitops["repository"].is_null() {
        gitops["repository"] = json!("https://github.com/acme/config");
    }
    with(shop(), json!({ "gitops": gitops }))
}

#[test]
fn argo_cd() {
    let sso = json!({
        "issuer": "https://login.example.com", "client_id": "argocd", "client_secret": "?",
        "url": "https://argocd.example.com", "admins": "ops",
    });
    let gitops = json!({ "sso": sso, "credentials": { "username": "infra", "password": "?" } });
    let expansion = on("aws").harden(&["gitops"], inputs(gitops));
    insta::assert_snapshot!(readable(&expansion));
}

#[test]
fn argo_cd_has_no_account_that_everybody_knows() {
    let expansion = on("aws").harden(&["gitops"], inputs(json!({})));
    let cm = &node(&expansion, "helm_release.argo_cd")["values"]["configs"]["cm"];
    assert_eq!(cm["admin.enabled"], "false");
    assert_eq!(cm["exec.enabled"], "false");
}

/// `$SECRET:KEY` is how Argo CD's settings say what stands in a Secret.
#[test]
fn argo_cd_finds_what_it_proves_itself_by() {
    let sso = json!({
        "issuer": "https://login.example.com", "client_id": "argocd", "client_secret": "?",
        "url": "https://argocd.example.com",
    });
    let expansion = on("aws").harden(&["gitops"], inputs(json!({ "sso": sso })));
    let values = crate::alternatives::values(&expansion, "argo_cd");
    let oidc = values["configs"]["cm"]["oidc.config"]
        .as_str()
        .expect("text");
    assert!(
        oidc.contains("\nclientSecret: $argocd-sso:clientSecret\n"),
        "{oidc}"
    );
}

#[test]
fn flux() {
    let gitops =
        json!({ "engine": "flux", "images": [{ "name": "front", "image": "ghcr.io/acme/front" }] });
    let expansion = on("aws").harden(&["gitops"], inputs(gitops));
    insta::assert_snapshot!(readable(&expansion));
    let source = "kubernetes_manifest.gitrepository_flux_system_config";
    assert!(comes_after(
        &expansion,
        source,
        "kubernetes_manifest.deployment_flux_system_source_controller"
    ));
}

/// What an app's folder says reaches its own namespace, and no limit of it.
#[test]
fn folders_of_apps_stay_in_their_namespaces() {
    let expansion = on("aws").harden(&["gitops"], inputs(json!({})));
    let project = object(&expansion, "appproject_argocd_apps");
    assert_eq!(project["spec"]["clusterResourceWhitelist"], json!([]));
    assert_eq!(
        project["spec"]["destinations"],
        json!([{ "server": "https://kubernetes.default.svc", "namespace": "shop" }])
    );
    let kinds = project["spec"]["namespaceResourceBlacklist"].to_string();
    for kind in ["LimitRange", "ResourceQuota", "NetworkPolicy"] {
        assert!(kinds.contains(kind), "{kinds}");
    }
    let expansion = on("aws").harden(&["gitops"], inputs(json!({ "engine": "flux" })));
    let kustomization = object(&expansion, "kustomization_flux_system_shop");
    assert_eq!(kustomization["spec"]["serviceAccountName"], "app-shop");
    let binding = object(&expansion, "rolebinding_shop_flux");
    assert_eq!(binding["roleRef"]["name"], "edit");
    assert_eq!(binding["subjects"][0]["name"], "app-shop");
}

#[test]
fn secrets_never_stand_in_values_or_manifests() {
    for engine in ["argocd", "flux"] {
        let gitops =
            json!({ "engine": engine, "credentials": { "username": "infra", "password": "?" } });
        let expansion = on("aws").harden(&["gitops"], inputs(gitops));
        let secret = expansion
            .blocks
            .iter()
            .filter(|b| b.body.to_string().contains("credentials])[0].password"))
            .map(|b| b.type_name.to_string())
            .collect::<Vec<_>>();
        assert_eq!(secret, ["kubernetes_secret"], "{engine}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused =
        |gitops: Json| on("aws").refused(&["gitops"], with(shop(), json!({ "gitops": gitops })));
    let repository = "https://github.com/acme/config";
    let all = [
        refused(json!({})),
        refused(json!({ "repository": "git@github.com:acme/config" })),
        refused(json!({ "repository": repository, "engine": "argo" })),
        refused(json!({ "repository": repository, "credentials": { "username": "infra" } })),
        refused(json!({ "repository": repository, "credentials": { "ssh_key": "?" } })),
        refused(json!({ "repository": repository, "path": "../other" })),
        refused(
            json!({ "repository": repository, "images": [{ "name": "front", "image": "ghcr.io/acme/front" }] }),
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}
