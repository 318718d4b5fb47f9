//! Pods as ECK 3 makes them of our Elasticsearch, Kibana and Beat: the template that is written here is what it begins with, and what it
//! adds is said with the file of its source (<https://github.com/elastic/cloud-on-k8s>, `pkg/controller`).

use super::operators::pod;
use serde_json::{Value as Json, json};

/// The image of a component, in the version that the object asks for (`common/container/container.go`).
fn image(object: &Json, name: &str) -> Json {
    let version = object["spec"]["version"].as_str().expect("a version");
    json!(format!("docker.elastic.co/{name}:{version}"))
}

/// What has a value keeps it (`common/defaults/pod_template.go`).
fn default(of: &mut Json, field: &str, value: Json) {
    if of[field].is_null() {
        of[field] = value;
    }
}

/// The containers of a kind, which may be none.
fn containers<'s>(spec: &'s mut Json, kind: &str) -> &'s mut Vec<Json> {
    default(spec, kind, json!([]));
    spec[kind].as_array_mut().expect("containers")
}

/// The pod's main container with image and resources, unless the template has them.
fn main_container(spec: &mut Json, name: &str, image: Json, resources: Json) -> Json {
    let all = containers(spec, "containers");
    if !all.iter().any(|c| c["name"] == name) {
        all.push(json!({ "name": name }));
    }
    let main = all.iter_mut().find(|c| c["name"] == name);
    let main = main.expect("it was put there");
    default(main, "image", image);
    default(main, "resources", resources);
    main.clone()
}

/// Puts init containers before those of the template; one that the template names keeps what is said of it there, and gets the rest.
fn init_containers(spec: &mut Json, added: Vec<Json>) {
    let given = containers(spec, "initContainers");
    let mut all = Vec::new();
    for mut container in added {
        if let Some(at) = given.iter().position(|g| g["name"] == container["name"]) {
            let own = given.remove(at);
            for (field, value) in own.as_object().into_iter().flatten() {
                container[field] = value.clone();
            }
        }
        all.push(container);
    }
    all.append(given);
    *given = all;
}

/// Init containers get the main one's image and resources where they have none.
fn init_defaults(spec: &mut Json, main: &Json) {
    for container in containers(spec, "initContainers") {
        for field in ["image", "resources"] {
            default(container, field, main[field].clone());
        }
    }
}

/// A security context for all containers that are there and have none.
fn contexts(spec: &mut Json, context: &Json) {
    for kind in ["containers", "initContainers"] {
        for container in containers(spec, kind) {
            default(container, "securityContext", context.clone());
        }
    }
}

/// That of the pod.
fn pod_context() -> Json {
    json!({ "fsGroup": 1000, "seccompProfile": { "type": "RuntimeDefault" } })
}

/// What an init container of the operator's may use.
fn small() -> Json {
    let few = json!({ "cpu": "100m", "memory": "50Mi" });
    json!({ "requests": few, "limits": few })
}

/// `elasticsearch/nodespec/podspec.go` and `elasticsearch/initcontainer/prepare_fs.go`, `suspend.go`; the containers' context is
/// `elasticsearch/securitycontext/securitycontext.go`, for 8.8 and later with a volume for data.
pub(super) fn elasticsearch(object: &Json) -> Vec<Json> {
    let sets = object["spec"]["nodeSets"].as_array().into_iter().flatten();
    let one = |set: &Json| {
        let mut spec = set["podTemplate"]["spec"].clone();
        default(&mut spec, "automountServiceAccountToken", json!(false));
        default(&mut spec, "securityContext", pod_context());
        let memory = json!({ "memory": "2Gi" });
        let resources = json!({ "requests": memory, "limits": memory });
        let image = image(object, "elasticsearch/elasticsearch");
        let main = main_container(&mut spec, "elasticsearch", image, resources);
        let prepare = json!({ "name": "elastic-internal-init-filesystem", "resources": small() });
        let suspend = json!({ "name": "elastic-internal-suspend" });
        init_containers(&mut spec, vec![prepare, suspend]);
        init_defaults(&mut spec, &main);
        let context = json!({
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": { "drop": ["ALL"] },
        });
        contexts(&mut spec, &context);
        let name = &object["metadata"]["name"];
        let labels = json!({
            "common.k8s.elastic.co/type": "elasticsearch", "elasticsearch.k8s.elastic.co/cluster-name": name,
        });
        pod(object, "logs-es-default-0", labels, spec)
    };
    sets.map(one).collect()
}

/// `kibana/pod.go`, `kibana/securitycontext.go` and `kibana/initcontainer/prepare_fs.go`. Its own init container comes after the others
/// have got their security context, and has none.
pub(super) fn kibana(object: &Json) -> Json {
    let mut spec = object["spec"]["podTemplate"]["spec"].clone();
    default(&mut spec, "automountServiceAccountToken", json!(false));
    let memory = json!({ "memory": "1Gi" });
    let resources = json!({ "requests": memory, "limits": memory });
    let image = image(object, "kibana/kibana");
    let main = main_container(&mut spec, "kibana", image, resources);
    let context = json!({
        "allowPrivilegeEscalation": false,
        "privileged": false,
        "readOnlyRootFilesystem": true,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "capabilities": { "drop": ["ALL"] },
    });
    contexts(&mut spec, &context);
    default(&mut spec, "securityContext", pod_context());
    let init = json!({ "name": "elastic-internal-init", "resources": small() });
    init_containers(&mut spec, vec![init]);
    init_defaults(&mut spec, &main);
    let labels = json!({
        "common.k8s.elastic.co/type": "kibana", "kibana.k8s.elastic.co/name": object["metadata"]["name"],
    });
    pod(object, "logs-kb", labels, spec)
}

/// `beat/common/pod.go`: configuration, and on the node a folder of the beat's own.
pub(super) fn beat(object: &Json) -> Json {
    let mut spec = object["spec"]["daemonSet"]["podTemplate"]["spec"].clone();
    let kind = object["spec"]["type"].as_str().expect("a kind of beat");
    let few = json!({ "cpu": "100m", "memory": "300Mi" });
    let resources = json!({ "requests": few, "limits": few });
    let image = image(object, &format!("beats/{kind}"));
    main_container(&mut spec, kind, image, resources);
    let metadata = &object["metadata"];
    let text = |field: &str| metadata[field].as_str().expect("a name");
    let folder = format!(
        "/var/lib/{}/{}/{kind}-data",
        text("namespace"),
        text("name")
    );
    default(&mut spec, "volumes", json!([]));
    let volumes = spec["volumes"].as_array_mut().expect("volumes");
    volumes.push(
        json!({ "name": "beat-data", "hostPath": { "path": folder, "type": "DirectoryOrCreate" } }),
    );
    volumes
        .push(json!({ "name": "config", "secret": { "secretName": "logs-beat-filebeat-config" } }));
    let labels = json!({
        "common.k8s.elastic.co/type": "beat", "beat.k8s.elastic.co/name": metadata["name"],
    });
    pod(object, "logs-beat-filebeat", labels, spec)
}
