//! An admission webhook that one can let start late and die early. The API server asks it by a Service, as it asks those of charts: one
//! of type ExternalName, which leads to this process. The sandbox calls nobody: to it, a webhook is there when its Service has
//! endpoints, which are written and taken away as the webhook comes and goes.

use super::operators::{Api, HERE, Hostile, sidecar};
use crate::kube::process::free_port;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What it says of what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It lets everything through, and deletions too.
    Allow,
    /// It changes what is made and what is changed.
    Mutate,
}

/// A webhook that fails closed, for the namespaces with the label.
pub struct Webhook<'h> {
    hostile: &'h Hostile,
    name: &'static str,
    does: Does,
    port: u16,
    tls: TlsAcceptor,
    asked: Arc<AtomicUsize>,
    serving: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl<'h> Webhook<'h> {
    /// Registers it and waits until it is asked for; nobody answers yet. The name is also that of its namespace.
    pub fn register(hostile: &'h Hostile, name: &'static str, does: Does) -> Webhook<'h> {
        let host = format!("hook.{name}.svc");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new(vec![host])
            .expect("a name")
            .self_signed(&key)
            .expect("signed");
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual suites")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .expect("the key is the certificate's");
        let webhook = Webhook {
            hostile,
            name,
            does,
            port: free_port(),
            tls: TlsAcceptor::from(Arc::new(config)),
            asked: Arc::default(),
            serving: Mutex::new(None),
        };
        let bundle = STANDARD.encode(certificate.pem());
        hostile
            .runtime()
            .block_on(webhook.make(hostile.api(), &bundle));
        webhook
    }

    async fn make(&self, api: &Api, bundle: &str) {
        let (name, port) = (self.name, self.port);
        let here = api.here().expect("it is for some namespaces only");
        let post = async |path: &str, body: Json| {
            let done = api
                .tried(http::Method::POST, path, "application/json", &body)
                .await;
            done.unwrap_or_else(|e| panic!("{path}: {e}"));
        };
        let namespace = json!({ "metadata": { "name": name, "labels": { HERE: here } } });
        post("/api/v1/namespaces", namespace).await;
        let service = json!({ "metadata": { "name": "hook" }, "spec": {
            "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": port }],
        } });
        post(&format!("/api/v1/namespaces/{name}/services"), service).await;
        let (kind, operations) = match self.does {
            Does::Allow => ("validating", json!(["CREATE", "UPDATE", "DELETE"])),
            Does::Mutate => ("mutating", json!(["CREATE", "UPDATE"])),
        };
        let resources = json!(["configmaps", "deployments", "secrets", "services"]);
        let configuration = json!({ "metadata": { "name": name }, "webhooks": [{
            "name": format!("{name}.example.com"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 5,
            "namespaceSelector": { "matchLabels": { HERE: here } },
            "clientConfig": { "caBundle": bundle, "service": { "name": "hook", "namespace": name, "port": port, "path": "/" } },
            "rules": [{ "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": operations, "resources": resources }],
        }] });
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations");
        post(&path, configuration).await;
        let since = Instant::now();
        while !self.refuses(api).await {
            assert!(since.elapsed().as_secs() < 60, "{name} is never asked for");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Whether it is asked for, and does not answer.
    async fn refuses(&self, api: &Api) -> bool {
        let path = format!("/api/v1/namespaces/{}/configmaps?dryRun=All", self.name);
        let map = json!({ "metadata": { "name": "trial" } });
        let tried = api
            .tried(http::Method::POST, &path, "application/json", &map)
            .await;
        tried.is_err_and(|e| e.contains("failed calling webhook") && e.contains(self.name))
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Begins to answer.
    pub fn serve(&self) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", self.port)).expect("its port");
        listener.set_nonblocking(true).expect("not blocking");
        let (tls, asked, does) = (self.tls.clone(), self.asked.clone(), self.does);
        let task = self.hostile.runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("its port");
            // They end with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, asked) = (tls.clone(), asked.clone());
                connections.spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let service = hyper::service::service_fn(move |request| {
                        asked.fetch_add(1, Ordering::Relaxed);
                        answer(does, request)
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let endpoints = json!({ "metadata": { "name": "hook" }, "subsets": [{
            "addresses": [{ "ip": "10.9.9.9" }], "ports": [{ "port": self.port }],
        }] });
        self.endpoints(http::Method::POST, "", &endpoints);
        *self.running() = Some(task);
    }

    /// Answers no more.
    pub fn die(&self) {
        if let Some(task) = self.running().take() {
            task.abort();
            while !task.is_finished() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.endpoints(http::Method::DELETE, "/hook", &json!({}));
    }

    /// Asks for it no more, whatever it was doing.
    pub fn unregister(&self) {
        let kind = match self.does {
            Does::Allow => "validating",
            Does::Mutate => "mutating",
        };
        for path in [
            format!(
                "/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{}",
                self.name
            ),
            format!("/api/v1/namespaces/{}", self.name),
        ] {
            let (api, none) = (self.hostile.api(), json!({}));
            let delete = api.call(http::Method::DELETE, &path, "application/json", &none);
            self.hostile.runtime().block_on(delete);
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<tokio::task::JoinHandle<()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoints(&self, method: http::Method, name: &str, body: &Json) {
        let path = format!("/api/v1/namespaces/{}/endpoints{name}", self.name);
        let call = self
            .hostile
            .api()
            .tried(method, &path, "application/json", body);
        self.hostile
            .runtime()
            .block_on(call)
            .unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

async fn answer(
    does: Does,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let review: Json = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    let asked = &review["request"];
    let mut response = json!({ "uid": asked["uid"], "allowed": true });
    if does == Does::Mutate {
        let patch = mutated(&asked["object"]).to_string();
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(patch));
    }
    let answer = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response });
    let mut answered = Response::new(Full::from(answer.to_string()));
    let json = http::HeaderValue::from_static("application/json");
    answered.headers_mut().insert("content-type", json);
    Ok(answered)
}

/// What it makes of an object, as a JSON patch: a label, an annotation, an entry of config maps; in Deployments another number of
/// replicas, images from a mirror, and a sidecar.
fn mutated(object: &Json) -> Json {
    const MARK: &str = "hostile.example.com/mutated";
    let mut patch = Vec::new();
    let mut put = |path: &str, value: Json| {
        patch.push(json!({ "op": "add", "path": path, "value": value }));
    };
    for member in ["labels", "annotations"] {
        let mut all = object["metadata"][member].clone();
        all[MARK] = json!("yes");
        put(&format!("/metadata/{member}"), all);
    }
    match object["kind"].as_str() {
        Some("ConfigMap") => {
            let mut data = object["data"].clone();
            data["hostile-mutated"] = json!("yes");
            put("/data", data);
        }
        Some("Deployment") => {
            put("/spec/replicas", json!(3));
            let containers = object["spec"]["template"]["spec"]["containers"].as_array();
            let mut containers = containers.cloned().unwrap_or_default();
            for container in &mut containers {
                if let Some(image) = container["image"].as_str() {
                    let mirrored = image.replace("registry.k8s.io/", "mirror.example.com/");
                    container["image"] = json!(mirrored);
                }
                container["imagePullPolicy"] = json!("Always");
            }
            if !containers.iter().any(|c| c["name"] == "mutator") {
                containers.push(sidecar("mutator"));
            }
            put("/spec/template/spec/containers", json!(containers));
        }
        _ => {}
    }
    Json::Array(patch)
}
