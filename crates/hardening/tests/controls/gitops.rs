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

/// The shop and the reviews.
fn two_apps(gitops: Json) -> Json {
    let mut inputs = inputs(gitops);
    inputs["apps"]["reviews"] = json!({ "namespace": "opinions" });
    inputs
}

/// What an app's folder says reaches its own namespace, not another app's, and no limit of it: an object of the folder may name any
/// namespace, and is judged by the project.
#[test]
fn folders_of_apps_stay_in_their_namespaces() {
    let expansion = on("aws").harden(&["gitops"], two_apps(json!({})));
    let set = object(&expansion, "applicationset_argocd_apps");
    let template = &set["spec"]["template"];
    assert_eq!(template["spec"]["project"], "app-{{ .app }}");
    for (app, namespace) in [("shop", "shop"), ("reviews", "opinions")] {
        let address = format!("appproject_argocd_app_{app}");
        let project = object(&expansion, &address);
        assert_eq!(project["metadata"]["name"], format!("app-{app}"));
        let spec = &project["spec"];
        assert_eq!(spec["clusterResourceWhitelist"], json!([]));
        assert_eq!(
            spec["destinations"],
            json!([{ "server": "https://kubernetes.default.svc", "namespace": namespace }])
        );
        let element = json!({ "app": app, "namespace": namespace });
        let elements = &set["spec"]["generators"][0]["list"]["elements"];
        assert!(
            elements
                .as_array()
                .is_some_and(|all| all.contains(&element))
        );
        let set = "kubernetes_manifest.applicationset_argocd_apps";
        assert!(comes_after(
            &expansion,
            set,
            &format!("kubernetes_manifest.{address}")
        ));
    }
    let expansion = on("aws").harden(&["gitops"], two_apps(json!({ "engine": "flux" })));
    for (app, namespace) in [("shop", "shop"), ("reviews", "opinions")] {
        let kustomization = object(&expansion, &format!("kustomization_flux_system_{app}"));
        assert_eq!(
            kustomization["spec"]["serviceAccountName"],
            format!("app-{app}")
        );
        let binding = object(&expansion, &format!("rolebinding_{namespace}_app_folder"));
        assert_eq!(binding["roleRef"]["name"], "app-folder");
        assert_eq!(binding["subjects"][0]["name"], format!("app-{app}"));
        assert_eq!(binding["subjects"].as_array().map(Vec::len), Some(1));
    }
}

/// Both engines let folders hold the same: what runs, and what the platform offers, and nothing that limits an app or acts for the
/// platform.
#[test]
fn what_folders_may_hold() {
    let controls = &["tls", "secrets", "gitops", "crossplane", "database"];
    let held = |engine: &str| {
        let mut inputs = two_apps(json!({ "engine": engine }));
        inputs["apps"]["shop"]["services"]["back"]["to"] = json!(["database.orders"]);
        on("aws").harden(controls, inputs)
    };
    let argo = held("argocd");
    let project = object(&argo, "appproject_argocd_app_shop");
    let listed = project["spec"]["namespaceResourceWhitelist"].to_string();
    for kind in [
        "Deployment",
        "CronJob",
        "HTTPRoute",
        "SealedSecret",
        "ExternalSecret",
        "Bucket",
        "Database",
        "Service",
        "ConfigMap",
    ] {
        assert!(
            listed.contains(&format!("\"kind\":\"{kind}\"")),
            "{kind}: {listed}"
        );
    }
    for kind in [
        "LimitRange",
        "ResourceQuota",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "Secret",
        "SecretStore",
        "PushSecret",
        "Cluster",
        "postgresql",
        "Application",
        "Gateway",
        "*",
    ] {
        assert!(
            !listed.contains(&format!("\"kind\":\"{kind}\"")),
            "{kind}: {listed}"
        );
    }
    let role = object(&held("flux"), "clusterrole_app_folder");
    let rules = role["rules"].as_array().expect("rules");
    let writes = rules
        .iter()
        .filter(|r| r["verbs"].to_string().contains("create"));
    let resources: usize = writes
        .map(|r| r["resources"].as_array().map_or(0, Vec::len))
        .sum();
    let kinds = project["spec"]["namespaceResourceWhitelist"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(resources, kinds, "the same for both");
    // Without what brings a kind there is none of it.
    let bare = on("aws").harden(&["gitops"], inputs(json!({})));
    let project = object(&bare, "appproject_argocd_app_shop").to_string();
    assert!(
        !project.contains("SealedSecret") && !project.contains("platform.infra"),
        "{project}"
    );
}

/// What cannot be is refused with what can.
#[test]
fn what_is_said_about_images_is_there_to_be_done() {
    let gitops = json!({ "images": [{ "name": "front", "image": "ghcr.io/acme/front" }] });
    let told = on("aws").refused(&["gitops"], inputs(gitops));
    assert!(told.contains("apps/shop/image.yaml"), "{told}");
    assert!(!told.contains("infra ci"), "{told}");
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
