//! Kubernetes and Helm against a real control plane: what is applied, what is seen, what stands in the way.

use crate::kube::{ControlPlane, tool};
use crate::support::{Folder, Ran, root};
use std::path::PathBuf;
use std::sync::Arc;

/// A stack of a test on the control plane that all share.
struct Stack {
    folder: Folder,
    plane: Arc<ControlPlane>,
    helm: Option<PathBuf>,
}

impl Stack {
    fn new(test: &str, resources: &str) -> Option<Stack> {
        let plane = ControlPlane::shared(test)?;
        let stack = Stack {
            folder: Folder::new(),
            plane,
            helm: None,
        };
        stack.write(resources);
        Some(stack)
    }

    fn write(&self, resources: &str) {
        let path = self.plane.kubeconfig();
        let text = format!(
            "[stack]\nname = \"t\"\n[clouds.kubernetes]\nconfig_path = {:?}\n{resources}",
            path.display().to_string()
        );
        self.folder.write("stacks/t.toml", &text);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.folder.command(arguments);
        if let Some(helm) = &self.helm {
            command.env("INFRA_HELM", helm);
        }
        let output = command.output().expect("the binary runs");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    fn apply(&self) -> Ran {
        self.run(&["apply", "-auto-approve"]).expect(0)
    }

    #[track_caller]
    fn destroy(&self) {
        self.run(&["destroy", "-auto-approve", "--allow-data-loss", "**"])
            .expect(0);
    }

    #[track_caller]
    fn unchanged(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        self.run(&["drift"]).expect(0);
    }

    fn patch(&self, what: &[&str], patch: &str) {
        let base = [
            "patch",
            "--field-manager=kubectl-edit",
            "--type=merge",
            "-p",
            patch,
        ];
        self.plane.kubectl(&[&base[..], what].concat()).done();
    }

    fn state(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("state/t.json")).expect("a state")
    }
}

fn deployment(namespace: &str, replicas: i64, app: &str, more: &str) -> String {
    format!(
        r#"
[resource.kubernetes_manifest.web]
manifest = {{ apiVersion = "apps/v1", kind = "Deployment", metadata = {{ name = "web", namespace = "{namespace}" }}, spec = {{ replicas = {replicas}, selector = {{ matchLabels = {{ app = "{app}" }} }}, template = {{ metadata = {{ labels = {{ app = "{app}" }} }}, spec = {{ containers = [{{ name = "web", image = "registry.k8s.io/pause:3.10", resources = {{ limits = {{ cpu = "1000m" }} }}, ports = [{{ containerPort = 80 }}] }}] }} }} }} }}
wait = {{ rollout = true }}
depends_on = ["kubernetes_namespace.n"]
{more}
"#
    )
}

fn namespace(name: &str) -> String {
    format!("\n[resource.kubernetes_namespace.n]\nmetadata = {{ name = \"{name}\" }}\n")
}

#[test]
fn objects_are_applied_once_and_go_whole() {
    let name = "k-objects";
    let resources = format!(
        r#"{}{}
[resource.kubernetes_config_map.c]
metadata = {{ name = "settings", namespace = "${{kubernetes_namespace.n.id}}", labels = {{ a = "b" }} }}
data = {{ a = "1" }}

[resource.kubernetes_secret.s]
metadata = {{ name = "password", namespace = "${{kubernetes_namespace.n.id}}" }}
data = {{ password = "hush-hush" }}

[resource.kubernetes_manifest.secret]
manifest = {{ apiVersion = "v1", kind = "Secret", metadata = {{ name = "written", namespace = "${{kubernetes_namespace.n.id}}" }}, stringData = {{ password = "hush-hush" }} }}

[resource.kubernetes_crds.things]
provides = ["k-objects.example.com/v1/Thing"]
manifests = [{{ apiVersion = "apiextensions.k8s.io/v1", kind = "CustomResourceDefinition", metadata = {{ name = "things.k-objects.example.com" }}, spec = {{ group = "k-objects.example.com", scope = "Namespaced", names = {{ kind = "Thing", plural = "things" }}, versions = [{{ name = "v1", served = true, storage = true, schema = {{ openAPIV3Schema = {{ type = "object", properties = {{ spec = {{ type = "object", properties = {{ size = {{ type = "integer" }}, mode = {{ type = "string", default = "fast" }} }} }} }} }} }} }}] }} }}]
keep_on_destroy = false

[resource.kubernetes_manifest.thing]
manifest = {{ apiVersion = "k-objects.example.com/v1", kind = "Thing", metadata = {{ name = "one", namespace = "${{kubernetes_namespace.n.id}}" }}, spec = {{ size = 3 }} }}
computed_fields = ["spec.mode"]
depends_on = ["kubernetes_crds.things"]

[outputs.mode]
value = "${{kubernetes_manifest.thing.object.spec.mode}}"

[data.kubernetes_resource.web]
api_version = "apps/v1"
kind        = "Deployment"
metadata    = {{ name = "web", namespace = "{name}" }}
depends_on  = ["kubernetes_manifest.web"]

[outputs.ready]
value = "${{data.kubernetes_resource.web.object.status.readyReplicas}}"
"#,
        namespace(name),
        deployment(name, 2, "web", ""),
    );
    let Some(stack) = Stack::new("objects_are_applied_once_and_go_whole", &resources) else {
        return;
    };
    stack.apply();
    // The kind and its object came with one apply; the server's defaults are no difference.
    assert!(
        stack
            .run(&["output", "-raw", "mode"])
            .stdout
            .contains("fast")
    );
    assert_eq!(stack.run(&["output", "-raw", "ready"]).stdout, "2");
    stack.unchanged();
    let secret = stack.plane.get(&["secret", "written", "-n", name]);
    assert_eq!(secret["data"]["password"], "aHVzaC1odXNo");
    let state = stack.state();
    assert!(
        !state.contains("hush-hush") && !state.contains("aHVzaC1odXNo"),
        "{state}"
    );

    let refused = stack.run(&["destroy", "-auto-approve"]).expect(1);
    assert!(
        refused
            .stderr
            .contains("everything in the namespace would be lost"),
        "{refused:?}"
    );
    stack.destroy();
    let left = stack.plane.kubectl(&["get", "namespace", name]);
    assert!(left.refused().contains("not found"));
    let left = stack
        .plane
        .kubectl(&["get", "crd", "things.k-objects.example.com"]);
    assert!(left.refused().contains("not found"));
}

#[test]
fn what_others_changed_is_seen_and_taken_over_only_when_asked() {
    let name = "k-drift";
    let resources = |more: &str| format!("{}{}", namespace(name), deployment(name, 2, "web", more));
    let Some(stack) = Stack::new(
        "what_others_changed_is_seen_and_taken_over_only_when_asked",
        &resources(""),
    ) else {
        return;
    };
    stack.apply();
    // What others add is theirs.
    stack.patch(
        &["deployment", "web", "-n", name],
        r#"{"metadata": {"labels": {"theirs": "x"}}, "spec": {"paused": false}}"#,
    );
    stack.unchanged();

    stack.patch(
        &["deployment", "web", "-n", name],
        r#"{"spec": {"replicas": 3}}"#,
    );
    let drift = stack.run(&["drift"]).expect(2);
    assert!(drift.stdout.contains("replicas"), "{drift:?}");
    // Told while planning, before anything is done.
    let refused = stack.run(&["plan"]).expect(1);
    for part in [
        "`kubectl-edit` owns .spec.replicas",
        "force_conflicts = true",
    ] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    stack.write(&resources("field_manager = { force_conflicts = true }"));
    stack.apply();
    let replicas = stack.plane.get(&["deployment", "web", "-n", name])["spec"]["replicas"].clone();
    assert_eq!(replicas, 2);
    stack.unchanged();

    // Deleted outside: made again.
    stack
        .plane
        .kubectl(&["delete", "deployment", "web", "-n", name])
        .done();
    stack.run(&["drift"]).expect(2);
    stack.apply();
    stack.unchanged();
    stack.destroy();
}

#[test]
fn what_cannot_change_in_place_is_replaced() {
    let name = "k-replace";
    let resources = |app: &str| format!("{}{}", namespace(name), deployment(name, 1, app, ""));
    let Some(stack) = Stack::new("what_cannot_change_in_place_is_replaced", &resources("one"))
    else {
        return;
    };
    stack.apply();
    stack.write(&resources("two"));
    let plan = stack.run(&["plan"]).expect(0);
    assert!(
        plan.stdout.contains("1 to add, 0 to change, 1 to destroy"),
        "{plan:?}"
    );
    stack.apply();
    stack.unchanged();
    // What the server does not know is told while planning, and by the field's name.
    stack.write(&resources("two").replace("replicas = ", "replicaz = "));
    let refused = stack.run(&["plan"]).expect(1);
    assert!(refused.stderr.contains("replicaz"), "{refused:?}");
    stack.write(&resources("two"));
    stack.destroy();
}

#[test]
fn a_deletion_that_is_held_says_by_what() {
    let name = "k-held";
    let resources = format!(
        r#"{}
[resource.kubernetes_manifest.held]
manifest = {{ apiVersion = "v1", kind = "ConfigMap", metadata = {{ name = "held", namespace = "{name}", finalizers = ["example.com/holds"] }} }}
timeouts = {{ delete = "2s" }}
depends_on = ["kubernetes_namespace.n"]
"#,
        namespace(name)
    );
    let Some(stack) = Stack::new("a_deletion_that_is_held_says_by_what", &resources) else {
        return;
    };
    stack.apply();
    stack.unchanged();
    let held = stack
        .run(&["destroy", "-auto-approve", "--allow-data-loss", "**"])
        .expect(1);
    for part in ["example.com/holds", "kubectl patch configmap held"] {
        assert!(
            held.stderr.contains(part) || held.stdout.contains(part),
            "{held:?}"
        );
    }
    stack.patch(
        &["configmap", "held", "-n", name],
        r#"{"metadata": {"finalizers": null}}"#,
    );
    stack.destroy();
}

#[test]
fn what_others_made_is_imported_and_not_taken_over() {
    let name = "k-import";
    let resources = format!(
        r#"{}
[resource.kubernetes_config_map.c]
metadata = {{ name = "theirs", namespace = "{name}" }}
data = {{ a = "1" }}
depends_on = ["kubernetes_namespace.n"]
"#,
        namespace(name)
    );
    let Some(stack) = Stack::new(
        "what_others_made_is_imported_and_not_taken_over",
        &resources,
    ) else {
        return;
    };
    stack.plane.kubectl(&["create", "namespace", name]).done();
    stack
        .plane
        .kubectl(&[
            "create",
            "configmap",
            "theirs",
            "-n",
            name,
            "--from-literal=a=1",
        ])
        .done();
    let refused = stack.run(&["apply", "-auto-approve"]).expect(1);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        said.contains("infra import kubernetes_namespace.n"),
        "{said}"
    );
    stack
        .run(&["import", "kubernetes_namespace.n", name])
        .expect(0);
    stack
        .run(&[
            "import",
            "kubernetes_config_map.c",
            &format!("{name}/theirs"),
        ])
        .expect(0);
    stack.apply();
    stack.unchanged();
    stack.destroy();
}

#[test]
fn a_release_lives() {
    let test = "a_release_lives";
    let name = "k-helm";
    let Some(helm) = tool("helm", test) else {
        return;
    };
    let chart = root().join("tests/charts/hello").display().to_string();
    let resources = |greeting: &str, more: &str| {
        format!(
            r#"
[resource.helm_release.hello]
name             = "hello"
namespace        = "{name}"
create_namespace = true
chart            = {chart:?}
values           = {{ greeting = "{greeting}" }}
values_sensitive = {{ password = "hush-hush" }}
{more}
"#
        )
    };
    let Some(mut stack) = Stack::new(test, &resources("Hello", "")) else {
        return;
    };
    stack.helm = Some(helm);
    let plan = stack.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("Deployment/k-helm/hello"), "{plan:?}");
    assert!(!plan.stdout.contains("hush-hush"), "{plan:?}");
    stack.apply();
    let ready =
        || stack.plane.get(&["deployment", "hello", "-n", name])["status"]["readyReplicas"].clone();
    assert_eq!(ready(), 2);
    stack.unchanged();
    assert!(!stack.state().contains("hush-hush"));

    stack.write(&resources("Good day", ""));
    let plan = stack.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("GREETING: \"Good day\""), "{plan:?}");
    stack.apply();
    stack.unchanged();

    // A live edit is drift, and put right.
    stack.patch(
        &["configmap", "hello", "-n", name],
        r#"{"data": {"GREETING": "Go away"}}"#,
    );
    let drift = stack.run(&["drift"]).expect(2);
    assert!(
        drift
            .stdout
            .contains("ConfigMap/k-helm/hello: data.GREETING"),
        "{drift:?}"
    );
    stack.apply();
    let greeting = stack.plane.get(&["configmap", "hello", "-n", name])["data"]["GREETING"].clone();
    assert_eq!(greeting, "Good day");
    stack.unchanged();

    // What fails is rolled back.
    let bad = "atomic = true\ntimeout = 5";
    stack.write(&resources("Good day", bad).replace(
        "values           = { ",
        "values           = { replicas = 2, port = \"none\", ",
    ));
    let failed = stack.run(&["apply", "-auto-approve"]).expect(1);
    assert!(!format!("{failed:?}").contains("hush-hush"));
    stack.write(&resources("Good day", ""));
    stack.apply();
    assert_eq!(ready(), 2);

    stack.destroy();
    let left = stack
        .plane
        .kubectl(&["get", "all,secrets", "-n", name, "-o", "name"])
        .done();
    assert!(!left.contains("hello"), "{left}");
    stack.plane.kubectl(&["delete", "namespace", name]).done();
}

#[test]
fn every_type_lives_in_the_sandbox() {
    crate::types::in_the_sandbox("kubernetes");
}

#[test]
fn every_type_has_a_table() {
    crate::types::all_have_tables("kubernetes", &*infra_kubernetes::provider());
}
