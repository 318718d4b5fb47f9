//! Pods as operators make them of the objects and values that are written here. What an operator adds by itself is said with the file of
//! its project that does so; what is ours is read from the expansion, so that a limit or an identity that is forgotten here is found.

use super::elastic;
use crate::alternatives::{objects, values};
use infra_model::expand::Expansion;
use serde_json::{Value as Json, json};

/// What most operators give every container of theirs.
fn safe() -> Json {
    json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

pub(super) fn pod(of: &Json, name: &str, labels: Json, spec: Json) -> Json {
    let namespace = &of["metadata"]["namespace"];
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "labels": labels },
        "spec": spec,
    })
}

/// A pod of a template, beside the object that it is of.
fn of_template(object: &Json, template: &Json) -> Json {
    let name = object["metadata"]["name"].as_str().expect("a name");
    let labels = template["metadata"]["labels"].clone();
    pod(object, name, labels, template["spec"].clone())
}

/// All of them, and those of our own jobs.
pub(super) fn pods(expansion: &Expansion) -> Vec<Json> {
    let objects = objects(expansion);
    let of = |kind: &'static str| objects.iter().filter(move |o| o["kind"] == kind);
    let mut out = Vec::new();
    out.extend(of("Job").map(|o| of_template(o, &o["spec"]["template"])));
    out.extend(
        of("CronJob").map(|o| of_template(o, &o["spec"]["jobTemplate"]["spec"]["template"])),
    );
    for cluster in of("Cluster") {
        let stores: Vec<&Json> = of("ObjectStore")
            .filter(|o| o["metadata"]["namespace"] == cluster["metadata"]["namespace"])
            .collect();
        out.extend(postgres(cluster, stores.first().copied()));
    }
    out.extend(of("Pooler").map(pooler));
    out.extend(of("postgresql").map(|o| spilo(o, &values(expansion, "zalando_postgres_operator"))));
    out.extend(of("EnvoyProxy").map(envoy));
    for issuer in of("ClusterIssuer").filter(|o| o["spec"]["acme"].is_object()) {
        out.push(solver(issuer));
    }
    if objects.iter().any(|o| o["kind"] == "PrometheusRule") {
        out.extend(prometheus(&values(expansion, "kube_prometheus_stack")));
    }
    out.extend(of("Elasticsearch").flat_map(elastic::elasticsearch));
    out.extend(of("Kibana").map(elastic::kibana));
    out.extend(of("Beat").map(elastic::beat));
    out.push(scan(&values(expansion, "trivy_operator")));
    out.extend(packages(&objects));
    out
}

/// Crossplane, `internal/controller/pkg/runtime/runtime.go`: the template that the package names, and what is put into it where it says
/// nothing, a security context as a whole.
pub(crate) fn packages(objects: &[Json]) -> Vec<Json> {
    let of = |kinds: &'static [&str]| {
        objects
            .iter()
            .filter(move |o| kinds.contains(&o["kind"].as_str().unwrap_or_default()))
    };
    let one = |package: &Json| {
        let name = package["metadata"]["name"].as_str().expect("a name");
        let runtime = &package["spec"]["runtimeConfigRef"]["name"];
        let config = of(&["DeploymentRuntimeConfig"]).find(|o| o["metadata"]["name"] == *runtime);
        let mut template = config.map_or(json!({}), |c| {
            c["spec"]["deploymentTemplate"]["spec"]["template"].clone()
        });
        let mut fill = |pointer: &str, default: Json| {
            let found = template.pointer(pointer).filter(|f| !f.is_null());
            if found.is_none() {
                let (parent, field) = pointer.rsplit_once('/').expect("a path");
                let field = field.replace("~1", "/");
                template.pointer_mut(parent).expect("its place")[field] = default;
            }
        };
        let user = || json!({ "runAsNonRoot": true, "runAsUser": 2000, "runAsGroup": 2000 });
        fill("/metadata", json!({ "labels": {} }));
        fill("/spec", json!({}));
        fill("/spec/securityContext", user());
        fill("/spec/containers", json!([{ "name": "package-runtime" }]));
        let mut context = user();
        context["privileged"] = json!(false);
        context["allowPrivilegeEscalation"] = json!(false);
        fill("/spec/containers/0/securityContext", context);
        fill(
            "/spec/containers/0/image",
            package["spec"]["package"].clone(),
        );
        let kind = package["kind"].as_str().unwrap_or_default().to_lowercase();
        fill(
            &format!("/metadata/labels/pkg.crossplane.io~1{kind}"),
            json!(name),
        );
        let system = json!({ "metadata": { "namespace": "crossplane-system" } });
        pod(
            &system,
            name,
            template["metadata"]["labels"].clone(),
            template["spec"].clone(),
        )
    };
    of(&["Provider", "Function"])
        .filter(|o| o["apiVersion"] == "pkg.crossplane.io/v1")
        .map(one)
        .collect()
}

/// CloudNativePG, `pkg/specs/pods.go` and `containers.go`, and what the Barman plug-in puts beside Postgres
/// (`internal/cnpgi/operator/lifecycle.go`).
fn postgres(cluster: &Json, store: Option<&Json>) -> Vec<Json> {
    let spec = &cluster["spec"];
    let operator = json!({
        "name": "bootstrap-controller",
        "image": "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0",
        "resources": spec["resources"],
        "securityContext": safe(),
    });
    let sidecar = store.map(|store| {
        json!({
            "name": "plugin-barman-cloud",
            "image": "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.13.0",
            "restartPolicy": "Always",
            "resources": store["spec"]["instanceSidecarConfiguration"]["resources"],
            "securityContext": safe(),
        })
    });
    let inits: Vec<Json> = [operator].into_iter().chain(sidecar).collect();
    let made = |role: &str, container: &str| {
        let main = json!({
            "name": container,
            "image": spec["imageName"],
            "resources": spec["resources"],
            "securityContext": safe(),
        });
        let user = json!({
            "runAsNonRoot": true, "runAsUser": 26, "runAsGroup": 26, "fsGroup": 26,
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        let name = cluster["metadata"]["name"].as_str().expect("a name");
        let spec =
            json!({ "securityContext": user, "initContainers": inits, "containers": [main] });
        pod(
            cluster,
            &format!("{name}-{role}"),
            json!({ "cnpg.io/cluster": name }),
            spec,
        )
    };
    vec![made("1", "postgres"), made("1-initdb", "initdb")]
}

/// CloudNativePG, `pkg/specs/pgbouncer/deployments.go`.
fn pooler(pooler: &Json) -> Json {
    let mut container = pooler["spec"]["template"]["spec"]["containers"][0].clone();
    container["securityContext"] = safe();
    if container["image"].is_null() {
        container["image"] = json!("ghcr.io/cloudnative-pg/pgbouncer:1.25.1");
    }
    let fixed = json!({ "cpu": "100m", "memory": "256Mi" });
    let operator = json!({
        "name": "bootstrap-controller",
        "image": "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0",
        "resources": { "requests": fixed, "limits": fixed },
        "securityContext": safe(),
    });
    let user = json!({
        "runAsNonRoot": true, "runAsUser": 998, "runAsGroup": 996, "seccompProfile": { "type": "RuntimeDefault" },
    });
    let spec =
        json!({ "securityContext": user, "initContainers": [operator], "containers": [container] });
    pod(
        pooler,
        "pooler",
        json!({ "cnpg.io/podRole": "pooler" }),
        spec,
    )
}

/// Zalando's operator, `pkg/cluster/k8sres.go`.
fn spilo(database: &Json, values: &Json) -> Json {
    let settings = &values["configKubernetes"];
    let container = json!({
        "name": "postgres",
        "image": "ghcr.io/zalando/spilo-17:4.0-p3",
        "resources": database["spec"]["resources"],
        "securityContext": {
            "privileged": settings["spilo_privileged"],
            "allowPrivilegeEscalation": settings["spilo_allow_privilege_escalation"],
            "readOnlyRootFilesystem": false,
        },
    });
    let user = json!({
        "runAsUser": settings["spilo_runasuser"],
        "runAsGroup": settings["spilo_runasgroup"],
        "fsGroup": settings["spilo_fsgroup"],
    });
    let spec = json!({ "securityContext": user, "containers": [container] });
    pod(database, "spilo-0", json!({ "application": "spilo" }), spec)
}

/// Envoy Gateway, `internal/infrastructure/kubernetes/proxy/resource.go`: beside the proxy a container that ends its connections,
/// whose own defaults have no limit of processor (`api/v1alpha1/envoyproxy_helpers.go`).
fn envoy(proxy: &Json) -> Json {
    let deployment = &proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"];
    let mut envoy = deployment["container"].clone();
    envoy["name"] = json!("envoy");
    envoy["image"] = json!("docker.io/envoyproxy/envoy:distroless-v1.37.0");
    let patched = deployment.pointer("/patch/value/spec/template/spec/containers");
    let patched = patched.and_then(Json::as_array).into_iter().flatten();
    let mut manager = json!({
        "name": "shutdown-manager",
        "image": "docker.io/envoyproxy/gateway:v1.9.0",
        "resources": {
            "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "memory": "64Mi" },
        },
        "securityContext": safe(),
    });
    for patch in patched.filter(|p| p["name"] == "shutdown-manager") {
        manager["resources"] = patch["resources"].clone();
    }
    let spec = json!({ "securityContext": deployment["pod"]["securityContext"], "containers": [envoy, manager] });
    let labels = json!({ "gateway.envoyproxy.io/owning-gateway-name": "main" });
    pod(proxy, "envoy", labels, spec)
}

/// cert-manager, `pkg/issuer/acme/http/pod.go`, with the limits that its flags have by default
/// (`--acme-http01-solver-resource-limits-cpu` and `-memory`).
fn solver(issuer: &Json) -> Json {
    let ours = issuer.pointer("/spec/acme/solvers/0/http01/gatewayHTTPRoute/podTemplate/spec");
    let container = json!({
        "name": "acmesolver",
        "image": "quay.io/jetstack/cert-manager-acmesolver:v1.21.2",
        "resources": {
            "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "cpu": "100m", "memory": "64Mi" },
        },
        "securityContext": { "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] } },
    });
    let spec = json!({
        "securityContext": ours.map(|o| &o["securityContext"]), "containers": [container],
    });
    // It stands where the certificate does: with the Gateway.
    let gateway = json!({ "metadata": { "namespace": "gateway" } });
    let labels = json!({ "acme.cert-manager.io/http01-solver": "true" });
    pod(&gateway, "cm-acme-http-solver", labels, spec)
}

/// The Prometheus operator, `pkg/prometheus/server/statefulset.go`, `pkg/alertmanager/statefulset.go` and
/// `pkg/operator/config_reloader.go`; the pods' user is what the chart's `securityContext` has by default.
fn prometheus(values: &Json) -> Vec<Json> {
    let user = json!({
        "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 2000,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let container = |name: &str, image: &str, resources: &Json| {
        json!({
            "name": name,
            "image": format!("quay.io/{image}"),
            "resources": resources,
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            },
        })
    };
    let reloader = &values["prometheusOperator"]["prometheusConfigReloader"]["resources"];
    let image = "prometheus-operator/prometheus-config-reloader:v0.91.0";
    let made = |name: &str, image_of: &str, resources: &Json| {
        let spec = json!({
            "securityContext": user,
            "initContainers": [container("init-config-reloader", image, reloader)],
            "containers": [container(name, image_of, resources), container("config-reloader", image, reloader)],
        });
        let of = json!({ "metadata": { "namespace": "monitoring" } });
        pod(&of, name, json!({ "app.kubernetes.io/name": name }), spec)
    };
    let server = &values["prometheus"]["prometheusSpec"]["resources"];
    let alerts = &values["alertmanager"]["alertmanagerSpec"]["resources"];
    vec![
        made("prometheus", "prometheus/prometheus:v3.10.0", server),
        made("alertmanager", "prometheus/alertmanager:v0.31.1", alerts),
    ]
}

/// The Trivy operator, `pkg/plugins/trivy/image.go`: a scan is a job whose first container brings the data of holes.
fn scan(values: &Json) -> Json {
    let template = &values["trivyOperator"];
    let container = |name: &str| {
        json!({
            "name": name,
            "image": "mirror.gcr.io/aquasec/trivy:0.69.1",
            "resources": values["trivy"]["resources"],
            "securityContext": template["scanJobPodTemplateContainerSecurityContext"],
        })
    };
    let spec = json!({
        "securityContext": template["scanJobPodTemplatePodSecurityContext"],
        "initContainers": [container("init")],
        "containers": [container("scan")],
    });
    let of = json!({ "metadata": { "namespace": "trivy-system" } });
    let labels = json!({ "app.kubernetes.io/managed-by": "trivy-operator" });
    pod(&of, "scan-vulnerabilityreport", labels, spec)
}
