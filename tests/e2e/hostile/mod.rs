//! A cluster in which others work too: operators that make anew what is deleted, hold it, and change what they are given, and
//! webhooks that answer late or no more. Installed, planned again and destroyed beside a real API server and in the sandbox: the
//! second plan is empty, nothing is left, nothing hangs; and what cannot be done says by whom it is held up.

mod engine;
mod operators;
mod releases;
mod takeover;
mod webhook;

use crate::kube::{ControlPlane, tool, upstream_crds};
use crate::support::{Folder, Ran, Server};
pub use operators::Hostile;
use operators::{CONFIG_MAPS, Deeds, HERE, Release};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use webhook::{Does, Webhook};

/// How long an object is held that is being deleted.
const HELD: Duration = Duration::from_millis(1500);
/// How long something may take on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster, a stack in it, and what helps to look at it.
struct World {
    folder: Folder,
    name: &'static str,
    kubectl: PathBuf,
    helm: PathBuf,
    _plane: Option<Arc<ControlPlane>>,
    _server: Option<Server>,
}

impl World {
    /// Beside the real API server.
    fn real(test: &str, name: &'static str) -> Option<World> {
        let plane = ControlPlane::shared(test)?;
        let config = std::fs::read_to_string(plane.kubeconfig()).expect("a kubeconfig");
        let mut world = World::new(test, name, &config)?;
        world._plane = Some(plane);
        Some(world)
    }

    /// In the sandbox, on the cluster that is always there.
    fn sandbox(test: &str, name: &'static str) -> Option<World> {
        let server = Server::sandbox(&["--latency", "none"]);
        let mut world = World::new(test, name, &server.kubeconfig("local"))?;
        world._server = Some(server);
        Some(world)
    }

    fn new(test: &str, name: &'static str, config: &str) -> Option<World> {
        let (kubectl, helm) = (tool("kubectl", test)?, tool("helm", test)?);
        let folder = Folder::new();
        folder.write("kubeconfig", config);
        Some(World {
            folder,
            name,
            kubectl,
            helm,
            _plane: None,
            _server: None,
        })
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn hostile(&self) -> Hostile {
        Hostile::against(&self.kubeconfig(), Some(self.name))
    }

    /// Writes the stack, with the namespace that it is in.
    fn write(&self, resources: &str) {
        let (path, name) = (self.kubeconfig().display().to_string(), self.name);
        let text = format!(
            r#"[stack]
name = "t"
[clouds.kubernetes]
config_path = {path:?}
[resource.kubernetes_namespace.n]
metadata = {{ name = "{name}", labels = {{ "{HERE}" = "{name}" }} }}
{}"#,
            resources.replace("NAMESPACE", name)
        );
        self.folder.write("stacks/t.toml", &text);
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.folder.command(arguments);
        command.env("INFRA_HELM", &self.helm);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().expect("the binary runs"))
    }

    /// Begins a run.
    fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    }

    fn apply(&self) -> Ran {
        self.run(&APPLY).expect(0)
    }

    fn settled(&self) {
        self.run(&["plan", "-detailed-exitcode"]).expect(0);
        self.run(&["drift"]).expect(0);
    }

    fn destroy(&self) {
        self.run(&DESTROY).expect(0);
    }

    fn kubectl(&self, arguments: &[&str]) -> Ran {
        let mut command = std::process::Command::new(&self.kubectl);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.kubeconfig());
        ran(command.output().expect("kubectl runs"))
    }

    /// Changes something without asking anybody whose it is.
    fn patch(&self, what: &[&str], patch: &str) {
        let base = ["patch", "--type=merge", "-p", patch, "-n", self.name];
        self.kubectl(&[&base[..], what].concat()).expect(0);
    }

    /// Names of objects of some kinds in the namespace.
    fn names(&self, kinds: &str) -> Vec<String> {
        let told = self.kubectl(&["get", kinds, "-n", self.name, "-o", "name"]);
        told.stdout.lines().map(str::to_owned).collect()
    }

    /// The namespace has gone, and nothing holds it.
    fn is_gone(&self) -> bool {
        let told = self.kubectl(&["get", "namespace", self.name]);
        told.stderr.contains("not found")
    }
}

const APPLY: [&str; 2] = ["apply", "-auto-approve"];
const DESTROY: [&str; 4] = ["destroy", "-auto-approve", "--allow-data-loss", "**"];

fn ran(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All operators at once, and what they have done.
pub struct Crowd {
    remade: Deeds,
    pub held: Deeds,
    pub meddled: Deeds,
}

impl Crowd {
    pub fn of(hostile: &Hostile) -> Crowd {
        Crowd {
            remade: hostile.remakes(false),
            held: hostile.holds(operators::ALL, Release::After(HELD)),
            meddled: hostile.meddles(),
        }
    }

    /// Each of them had something to do.
    #[track_caller]
    fn were_there(&self) {
        let done = [&self.remade, &self.held, &self.meddled].map(Deeds::count);
        assert!(done.iter().all(|&n| n > 0), "{done:?}");
    }
}

/// A workload with what goes with it.
fn shop(replicas: usize) -> String {
    format!(
        r#"
[resource.kubernetes_manifest.web]
manifest = {{ apiVersion = "apps/v1", kind = "Deployment", metadata = {{ name = "web", namespace = "NAMESPACE", labels = {{ app = "web" }} }}, spec = {{ replicas = {replicas}, selector = {{ matchLabels = {{ app = "web" }} }}, template = {{ metadata = {{ labels = {{ app = "web" }} }}, spec = {{ containers = [{{ name = "web", image = "registry.k8s.io/pause:3.10", imagePullPolicy = "IfNotPresent", ports = [{{ containerPort = 80 }}] }}] }} }} }} }}
wait       = {{ rollout = true }}
depends_on = ["kubernetes_namespace.n", "kubernetes_config_map.settings", "kubernetes_secret.password"]

[resource.kubernetes_manifest.service]
manifest = {{ apiVersion = "v1", kind = "Service", metadata = {{ name = "web", namespace = "NAMESPACE" }}, spec = {{ selector = {{ app = "web" }}, ports = [{{ port = 80 }}] }} }}
depends_on = ["kubernetes_manifest.web"]

[resource.kubernetes_config_map.settings]
metadata = {{ name = "settings", namespace = "${{kubernetes_namespace.n.id}}" }}
data     = {{ replicas = "{replicas}" }}

[resource.kubernetes_secret.password]
metadata = {{ name = "password", namespace = "${{kubernetes_namespace.n.id}}" }}
data     = {{ password = "hush-hush" }}
"#
    )
}

/// The whole life of objects, among all operators.
fn objects_live(world: &World, mutated: bool) {
    let hostile = world.hostile();
    let crowd = Crowd::of(&hostile);
    let hook = mutated.then(|| Webhook::register(&hostile, "hostile-mutator", Does::Mutate));
    if let Some(hook) = &hook {
        hook.serve();
    }
    world.write(&shop(2));
    world.apply();
    world.settled();
    until("all have meddled", || {
        world
            .names("configmaps")
            .iter()
            .any(|n| n.ends_with("web-child"))
            && crowd.meddled.count() > 3
    });
    world.settled();
    // What an operator keeps comes again when it is deleted, and is no affair of the stack's.
    world
        .kubectl(&["delete", "configmap", "web-child", "-n", world.name])
        .expect(0);
    until("the child is made anew", || crowd.remade.count() > 0);
    world.settled();
    world.write(&shop(1));
    world.apply();
    world.settled();
    world.destroy();
    assert!(world.is_gone());
    crowd.were_there();
    if let Some(hook) = hook {
        assert!(hook.asked() > 4, "{}", hook.asked());
        hook.unregister();
    }
}

#[test]
fn objects_live_among_hostile_operators() {
    let test = "objects_live_among_hostile_operators";
    if let Some(world) = World::real(test, "hostile-objects") {
        objects_live(&world, true);
    }
}

#[test]
fn objects_live_among_hostile_operators_in_the_sandbox() {
    let test = "objects_live_among_hostile_operators_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-objects") {
        objects_live(&world, false);
    }
}

/// What is deleted with what it owns, while an operator makes that anew for as long as its owner is there.
fn stubborn_children_do_not_hold_their_owner(world: &World) {
    let hostile = world.hostile();
    world.write(&shop(1));
    world.apply();
    let remade = hostile.remakes(true);
    hostile.holds(&[CONFIG_MAPS], Release::After(HELD));
    until("there is a child", || {
        world
            .names("configmaps")
            .iter()
            .any(|n| n.ends_with("web-child"))
    });
    world.destroy();
    assert!(world.is_gone());
    assert!(remade.count() > 0, "nothing was made anew");
}

#[test]
fn children_that_are_made_anew_do_not_hold_their_owner() {
    let test = "children_that_are_made_anew_do_not_hold_their_owner";
    if let Some(world) = World::real(test, "hostile-children") {
        stubborn_children_do_not_hold_their_owner(&world);
    }
}

/// An operator, and something that it lets go of only while it runs.
fn operated(order: &str) -> String {
    format!(
        r#"
[resource.kubernetes_manifest.operator]
manifest = {{ apiVersion = "apps/v1", kind = "Deployment", metadata = {{ name = "operator", namespace = "NAMESPACE" }}, spec = {{ replicas = 1, selector = {{ matchLabels = {{ app = "operator" }} }}, template = {{ metadata = {{ labels = {{ app = "operator" }} }}, spec = {{ containers = [{{ name = "operator", image = "registry.k8s.io/pause:3.10" }}] }} }} }} }}
wait       = {{ rollout = true }}
depends_on = ["kubernetes_namespace.n"]

[resource.kubernetes_manifest.database]
manifest   = {{ apiVersion = "v1", kind = "ConfigMap", metadata = {{ name = "database", namespace = "NAMESPACE" }} }}
timeouts   = {{ delete = "20s" }}
depends_on = ["{order}"]
"#
    )
}

fn an_operator_lets_go_while_it_runs(world: &World, operator: Release) {
    let hostile = world.hostile();
    let held = hostile.holds(&[CONFIG_MAPS], operator);
    world.write(&operated("kubernetes_manifest.operator"));
    world.apply();
    until("it is held", || {
        finalizers(world, "database").contains(operators::HOLD)
    });
    world.settled();
    // What needs the operator goes before it.
    world.destroy();
    assert!(world.is_gone());
    assert!(held.count() > 0);

    // Without the operator, it is said what holds it, and by which name to look for it.
    world.write(&operated("kubernetes_manifest.operator"));
    world.apply();
    until("it is held", || {
        finalizers(world, "database").contains(operators::HOLD)
    });
    world
        .kubectl(&["delete", "deployment", "operator", "-n", world.name])
        .expect(0);
    until("the operator is gone", || {
        !world
            .names("deployments")
            .iter()
            .any(|n| n.ends_with("/operator"))
    });
    let told = world.run(&DESTROY).expect(1);
    let told = format!("{}{}", told.stdout, told.stderr);
    for part in [
        operators::HOLD,
        "is it running?",
        "kubectl patch configmap database",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // It comes again with the next apply, and everything goes on.
    world.apply();
    world.settled();
    world.destroy();
    assert!(world.is_gone());
}

fn finalizers(world: &World, map: &str) -> String {
    let query = ["-n", world.name, "-o", "jsonpath={.metadata.finalizers}"];
    world
        .kubectl(&[&["get", "configmap", map], &query[..]].concat())
        .stdout
}

#[test]
fn what_an_operator_holds_goes_before_the_operator() {
    let test = "what_an_operator_holds_goes_before_the_operator";
    if let Some(world) = World::real(test, "hostile-held") {
        an_operator_lets_go_while_it_runs(&world, Release::By("hostile-held", "operator"));
    }
}

#[test]
fn what_an_operator_holds_goes_before_the_operator_in_the_sandbox() {
    let test = "what_an_operator_holds_goes_before_the_operator_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-held") {
        an_operator_lets_go_while_it_runs(&world, Release::By("hostile-held", "operator"));
    }
}

/// A map that is written through a webhook that fails closed.
const JUDGED: &str = r#"
[resource.kubernetes_manifest.map]
manifest   = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "judged", namespace = "NAMESPACE" }, data = { a = "1" } }
timeouts   = { delete = "20s" }
depends_on = ["kubernetes_namespace.n"]
"#;

/// The webhook starts when the run has begun to wait for it, and is gone when everything is to be destroyed.
fn a_webhook_comes_late_and_dies_early(world: &World, hook: &'static str) {
    let hostile = world.hostile();
    let webhook = Webhook::register(&hostile, hook, Does::Allow);
    world.write(JUDGED);
    let run = world.begin(&APPLY);
    until("the namespace is there", || !world.is_gone());
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        !world
            .names("configmaps")
            .iter()
            .any(|n| n.ends_with("/judged"))
    );
    webhook.serve();
    ran(run.wait_with_output().expect("it ends")).expect(0);
    world.settled();

    webhook.die();
    // Nothing is to be done, so nobody needs to be asked.
    world.settled();
    let told = world.run(&DESTROY).expect(1);
    let told = format!("{}{}", told.stdout, told.stderr);
    for part in [
        &format!("webhook \"{hook}.example.com\""),
        "kubernetes_manifest.map",
        "is its server running?",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // It comes again while a run waits for it.
    let run = world.begin(&DESTROY);
    std::thread::sleep(Duration::from_secs(2));
    webhook.serve();
    ran(run.wait_with_output().expect("it ends")).expect(0);
    assert!(world.is_gone());
    webhook.unregister();
}

#[test]
fn a_webhook_that_comes_late_is_waited_for_and_a_dead_one_is_named() {
    let test = "a_webhook_that_comes_late_is_waited_for_and_a_dead_one_is_named";
    if let Some(world) = World::real(test, "hostile-judged") {
        a_webhook_comes_late_and_dies_early(&world, "hostile-judge");
    }
}

#[test]
fn a_webhook_that_comes_late_is_waited_for_and_a_dead_one_is_named_in_the_sandbox() {
    let test = "a_webhook_that_comes_late_is_waited_for_and_a_dead_one_is_named_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-judged") {
        a_webhook_comes_late_and_dies_early(&world, "hostile-judge");
    }
}

/// What controls make for the inside of a cluster, as far as it runs without the internet: the objects of network, quotas, TLS and
/// sealing, among operators that hold and change everything.
#[test]
fn objects_of_controls_live_among_hostile_operators() {
    let test = "objects_of_controls_live_among_hostile_operators";
    let Some(crds) = upstream_crds(test) else {
        return;
    };
    let Some(plane) = ControlPlane::start(test) else {
        return;
    };
    plane.install_crds(&crds, &["gateway-api", "envoy-gateway", "cert-manager"]);
    let config = std::fs::read_to_string(plane.kubeconfig()).expect("a kubeconfig");
    let Some(mut world) = World::new(test, "shop", &config) else {
        return;
    };
    world._plane = Some(Arc::new(plane));
    let rendered = crate::hardening::hardened().run(&["harden", "render"]);
    let text = rendered.expect(0).stdout;
    let mut stack = format!(
        "[stack]\nname = \"t\"\n[clouds.kubernetes]\nconfig_path = {:?}\n",
        world.kubeconfig().display().to_string()
    );
    let (mut namespaces, mut objects) = (Vec::new(), 0);
    for document in text.split("\n---\n") {
        let object: Json = serde_saphyr::from_str(document).unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        // Other namespaces than those of the stack are nobody's here.
        if kind.is_empty() || kind == "CustomResourceDefinition" {
            continue;
        }
        world
            .folder
            .write(&format!("stacks/{objects}.json"), &object.to_string());
        stack += &format!(
            "[resource.kubernetes_manifest.o{objects}]\nmanifest = '${{jsondecode(file(\"{objects}.json\"))}}'\n"
        );
        if kind == "Namespace" {
            namespaces.push(format!("kubernetes_manifest.o{objects}"));
        } else {
            stack += &format!("depends_on = {namespaces:?}\n");
        }
        objects += 1;
    }
    assert!(objects > 20 && namespaces.len() > 2, "{objects} objects");
    world.folder.write("stacks/t.toml", &stack);
    let hostile = Hostile::against(&world.kubeconfig(), None);
    let crowd = Crowd::of(&hostile);
    world.apply();
    until("all have meddled", || crowd.meddled.count() > 10);
    world.settled();
    world.apply();
    world.settled();
    world.destroy();
    assert!(world.is_gone());
    assert!(crowd.held.count() > 10, "{}", crowd.held.count());
}
