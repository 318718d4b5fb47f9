//! What somebody else changed is told from what the server made of what we asked for.

use super::*;
use serde_json::json;

fn deployment(replicas: i64, image: &str) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [
            {"name": "web", "image": image, "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m"}}},
        ]}}},
    })
}

/// What `infra` owns of it, as a server writes it.
fn ours() -> Json {
    json!({"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
            ".": {}, "f:name": {}, "f:image": {},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            "f:resources": {"f:limits": {"f:cpu": {}}},
        }}}},
    }})
}

fn live(object: &Json, fields: &Json) -> Json {
    let mut live = object.clone();
    live["metadata"]["managedFields"] = json!([
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
        {"manager": "infra", "operation": "Apply", "fieldsV1": fields},
    ]);
    live
}

fn read(manifest: &Json, live: &Json) -> Json {
    found(manifest, live, &owned(live, "infra"))
}

#[test]
fn defaults_and_mutations_are_no_difference() {
    let manifest = deployment(2, "web:1");
    let mut object = deployment(2, "registry.example.com/web:1");
    object["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("1");
    object["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = json!("TCP");
    object["spec"]["strategy"] = json!({"type": "RollingUpdate"});
    let sidecar = json!({"name": "sidecar", "image": "mesh"});
    object["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .expect("a list")
        .insert(0, sidecar);
    object["metadata"]["labels"]["theirs"] = json!("x");
    assert_eq!(read(&manifest, &live(&object, &ours())), manifest);
}

/// The only entry of a map is somebody else's by now: the map itself is still ours, and written as `{}`.
#[test]
fn what_somebody_else_set_in_a_map_of_ours_is_seen() {
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"greeting": "Hello"}});
    let edited = |theirs: Json| {
        let mut live = manifest.clone();
        live["data"]["greeting"] = json!("Go away");
        live["metadata"]["managedFields"] = json!([
            {"manager": "infra", "operation": "Apply", "fieldsV1": {"f:data": {}}},
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": theirs},
        ]);
        read(&manifest, &live)["data"]["greeting"].clone()
    };
    assert_eq!(edited(json!({"f:data": {"f:greeting": {}}})), "Go away");
    // A webhook's doing, of a map that has one owner as a whole.
    assert_eq!(edited(json!({"f:immutable": {}})), "Hello");
}

#[test]
fn what_somebody_else_set_is_seen() {
    let manifest = deployment(2, "web:1");
    let mut fields = ours();
    // An edit of the replicas and of the image took them over.
    fields["f:spec"]
        .as_object_mut()
        .expect("a map")
        .remove("f:replicas");
    fields["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"web\"}"]
        .as_object_mut()
        .expect("a map")
        .remove("f:image");
    let object = deployment(5, "web:bad");
    assert_eq!(
        read(&manifest, &live(&object, &fields)),
        deployment(5, "web:bad")
    );
    // To the same value: nothing has changed.
    assert_eq!(read(&manifest, &live(&manifest, &fields)), manifest);
}

#[test]
fn what_somebody_took_away_is_seen() {
    let manifest = deployment(2, "web:1");
    let mut fields = ours();
    // The map is still there because of us, and nothing in it is ours.
    fields["f:metadata"]["f:labels"] = json!({".": {}});
    fields["f:spec"]["f:template"]["f:spec"]["f:containers"] =
        json!({"k:{\"name\":\"other\"}": {".": {}}});
    let mut object = manifest.clone();
    object["metadata"]
        .as_object_mut()
        .expect("a map")
        .remove("labels");
    object["spec"]["template"]["spec"]["containers"] = json!([{"name": "other"}]);
    let seen = read(&manifest, &live(&object, &fields));
    assert_eq!(seen["spec"]["template"]["spec"]["containers"], json!([]));
    let mut paths = Vec::new();
    differences(&manifest, &seen, "", &mut paths);
    assert_eq!(paths, ["metadata.labels", "spec.template.spec.containers"]);
}

#[test]
fn lists_without_keys_have_one_owner() {
    let manifest = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "finalizers": ["a", "b"]}, "spec": {"args": ["a", "b"]}});
    let fields = json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}, "v:\"b\"": {}}}, "f:spec": {"f:args": {}}});
    let mut object = manifest.clone();
    object["spec"]["args"] = json!(["--mutated", "a", "b"]);
    assert_eq!(read(&manifest, &live(&object, &fields)), manifest);
    let theirs = json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}}}, "f:spec": {".": {}}});
    object["metadata"]["finalizers"] = json!(["a"]);
    let seen = read(&manifest, &live(&object, &theirs));
    assert_eq!(seen["spec"]["args"], json!(["--mutated", "a", "b"]));
    assert_eq!(seen["metadata"]["finalizers"], json!(["a"]));
}

#[test]
fn quantities_and_numbers_have_many_forms() {
    for (a, b, equal) in [
        (json!("1000m"), json!("1"), true),
        (json!("1"), json!(1), true),
        (json!("0.5"), json!("500m"), true),
        (json!("1Gi"), json!("1024Mi"), true),
        (json!("1G"), json!("1Gi"), false),
        (json!(1), json!(1.0), true),
        (json!("a"), json!("b"), false),
        (json!(true), json!("true"), false),
    ] {
        assert_eq!(same(&a, &b), equal, "{a} {b}");
    }
}
