//! The `kube` crate drives the sandbox's Kubernetes API over TLS: applies, waits, meets conflicts, as any client of it does.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_sandbox::{Options, Sandbox};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

/// A client of the cluster that is always there.
async fn client(sandbox: &Sandbox) -> Client {
    let server = sandbox.endpoints().kubernetes.replace("http:", "https:");
    let kubeconfig: Kubeconfig = serde_json::from_value(json!({
        "current-context": "local",
        "clusters": [{ "name": "local", "cluster": { "server": format!("{server}/clusters/local"), "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "me", "user": { "token": "sandbox" } }],
        "contexts": [{ "name": "local", "context": { "cluster": "local", "user": "me" } }],
    }))
    .expect("a good configuration");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("a good configuration");
    Client::try_from(config).expect("a client")
}

#[tokio::test]
async fn kube_applies_and_waits() {
    let sandbox = Sandbox::start(Options::default()).await.expect("starts");
    let client = client(&sandbox).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).expect("good");
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .expect("made");
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    let labels = json!({"app": "web"});
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "x:1"}]}},
        },
    });
    let parameters = PatchParams::apply("infra");
    deployments
        .patch("web", &parameters, &Patch::Apply(&web))
        .await
        .expect("applied");
    let mut ready = None;
    for _ in 0..500 {
        let found = deployments.get("web").await.expect("there");
        ready = found.status.and_then(|status| status.ready_replicas);
        if ready == Some(2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ready, Some(2));
    // Another manager is told who has it.
    let mut other = web.clone();
    other["spec"]["replicas"] = 3.into();
    let refused = deployments
        .patch("web", &PatchParams::apply("other"), &Patch::Apply(&other))
        .await;
    let Err(kube::Error::Api(status)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status.code, 409);
    assert!(
        status.message.contains("conflict with \"infra\""),
        "{status:?}"
    );
    deployments
        .delete("web", &DeleteParams::foreground())
        .await
        .expect("deleted");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_world_file_keeps_clusters() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options {
        world: Some(folder.path().join("world")),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options()).await.expect("starts");
    let maps: Api<ConfigMap> = Api::namespaced(client(&sandbox).await, "default");
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some("a".into()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
        ..ConfigMap::default()
    };
    let made = maps
        .create(&PostParams::default(), &map)
        .await
        .expect("made");
    sandbox.shutdown().await;
    // Connections under way let go of the file a moment later.
    let mut again = None;
    for _ in 0..500 {
        match Sandbox::start(options()).await {
            Ok(sandbox) => {
                again = Some(sandbox);
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    let sandbox = again.expect("the file is free");
    let maps: Api<ConfigMap> = Api::namespaced(client(&sandbox).await, "default");
    let found = maps.get("a").await.expect("there");
    assert_eq!(
        (found.metadata.uid, found.data),
        (made.metadata.uid, made.data)
    );
    let listed = maps.list(&ListParams::default()).await.expect("a list");
    assert_eq!(listed.items.len(), 2);
    sandbox.shutdown().await;
}
