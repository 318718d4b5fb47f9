//! Releases among hostile operators, and such that are killed.

use super::operators::{CONFIG_MAPS, Release};
use super::webhook::{Does, Webhook};
use super::{APPLY, Crowd, DESTROY, World, until};
use crate::support::root;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The project's own chart as a release.
fn release(greeting: &str, more: &str) -> String {
    let chart = root().join("tests/charts/hello").display().to_string();
    format!(
        r#"
[resource.helm_release.hello]
name       = "hello"
namespace  = "NAMESPACE"
chart      = {chart:?}
values     = {{ greeting = "{greeting}", password = "hush-hush"{more} }}
timeout    = 60
depends_on = ["kubernetes_namespace.n"]
"#
    )
}

/// The whole life of a release, among all operators.
fn lives(world: &World, mutated: bool) {
    let hostile = world.hostile();
    let crowd = Crowd::of(&hostile);
    let hook = mutated.then(|| Webhook::register(&hostile, "hostile-mirror", Does::Mutate));
    if let Some(hook) = &hook {
        hook.serve();
    }
    world.write(&release("Hello", ""));
    world.apply();
    world.settled();
    until("all have meddled", || crowd.meddled.count() > 3);
    world.settled();
    world.write(&release("Good day", ""));
    world.apply();
    world.settled();
    // A live edit among all that others change is still seen, and put right.
    world.patch(
        &["configmap", "hello"],
        r#"{"data": {"GREETING": "Go away"}}"#,
    );
    let drift = world.run(&["drift"]).expect(2);
    assert!(drift.stdout.contains("data.GREETING"), "{drift:?}");
    world.apply();
    world.settled();
    world.destroy();
    assert!(world.is_gone());
    if let Some(hook) = hook {
        assert!(hook.asked() > 4, "{}", hook.asked());
        hook.unregister();
    }
}

#[test]
fn a_release_lives_among_hostile_operators() {
    let test = "a_release_lives_among_hostile_operators";
    if let Some(world) = World::real(test, "hostile-release") {
        lives(&world, true);
    }
}

#[test]
fn a_release_lives_among_hostile_operators_in_the_sandbox() {
    let test = "a_release_lives_among_hostile_operators_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-release") {
        lives(&world, false);
    }
}

/// What a release leaves because nobody lets go of it is said, also when Helm has forgotten the release, and waited for.
fn held(world: &World) {
    let hostile = world.hostile();
    hostile.holds(&[CONFIG_MAPS], Release::By("nowhere", "nobody"));
    world.write(&release("Hello", "").replace("timeout    = 60", "timeout    = 15"));
    world.apply();
    until("it is held", || {
        let map = ["get", "configmap", "hello", "-n", world.name, "-o", "yaml"];
        world.kubectl(&map).stdout.contains(super::operators::HOLD)
    });
    for _ in 0..2 {
        let told = world.run(&DESTROY).expect(1);
        let told = format!("{}{}", told.stdout, told.stderr);
        for part in ["ConfigMap hello", super::operators::HOLD, "is it running?"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    drop(hostile);
    world.patch(
        &["configmap", "hello"],
        r#"{"metadata": {"finalizers": null}}"#,
    );
    world.destroy();
    assert!(world.is_gone());
}

#[test]
fn what_holds_a_release_that_is_taken_away_is_named() {
    let test = "what_holds_a_release_that_is_taken_away_is_named";
    if let Some(world) = World::real(test, "hostile-left") {
        held(&world);
    }
}

#[test]
fn what_holds_a_release_that_is_taken_away_is_named_in_the_sandbox() {
    let test = "what_holds_a_release_that_is_taken_away_is_named_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-left") {
        held(&world);
    }
}

/// No pod is let in, so that a hook of the release is never done.
const NO_PODS: &str = r#"{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}"#;
/// The hook that it waits for.
const HOOK: &str = r#", hook = "post-install,post-upgrade""#;

/// A `helm` that tells which process it is when it changes a release.
fn watched(world: &mut World) {
    let folder = world.folder.path();
    let script = format!(
        "#!/bin/sh\ncase $1 in upgrade|uninstall) echo $$ > {}/helm.pid;; esac\nexec {} \"$@\"\n",
        folder.display(),
        world.helm.display()
    );
    let path = folder.join("helm");
    std::fs::write(&path, script).expect("written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("can be run");
    world.helm = path;
}

impl World {
    /// Revisions of the release in these states.
    fn revisions(&self, status: &str) -> usize {
        let selector = format!("owner=helm,name=hello,status in ({status})");
        let query = [
            "get", "secrets", "-n", self.name, "-l", &selector, "-o", "name",
        ];
        self.kubectl(&query).stdout.lines().count()
    }

    /// Kills a run and its `helm` when the release is in this state.
    fn kill(&self, arguments: &[&str], status: &str) {
        let mut run = self.begin(arguments);
        until(status, || self.revisions(status) > 0);
        let pid = std::fs::read_to_string(self.folder.path().join("helm.pid"));
        let pid = pid.expect("helm was run");
        run.kill().expect("it runs");
        run.wait().expect("it ends");
        let killed = Command::new("kill").args(["-9", pid.trim()]).status();
        assert!(killed.expect("kill runs").success(), "helm had ended");
        assert!(self.revisions(status) > 0, "it was not cut off");
    }

    fn no_pods(&self) {
        self.folder.write("quota.json", NO_PODS);
        let path = self.folder.path().join("quota.json").display().to_string();
        self.kubectl(&["create", "-n", self.name, "-f", &path])
            .expect(0);
    }

    fn pods_again(&self) {
        self.kubectl(&["delete", "resourcequota", "none", "-n", self.name])
            .expect(0);
    }

    fn greeting(&self) -> String {
        let query = ["-n", self.name, "-o", "jsonpath={.data.GREETING}"];
        self.kubectl(&[&["get", "configmap", "hello"], &query[..]].concat())
            .stdout
    }
}

/// Killed while it is installed, upgraded and taken away, a release is put right by the next run, which then goes on.
fn killed(mut world: World) {
    watched(&mut world);
    world.write("");
    world.apply();
    world.no_pods();
    world.write(&release("Hello", HOOK));
    world.kill(&APPLY, "pending-install");
    world.pods_again();
    world.apply();
    assert_eq!(
        (&*world.greeting(), world.revisions("deployed")),
        ("Hello", 1)
    );
    // It was taken away and made again.
    assert_eq!(world.revisions("superseded,failed,pending-install"), 0);
    world.settled();

    world.no_pods();
    world.write(&release("Good day", HOOK));
    world.kill(&APPLY, "pending-upgrade");
    // It is seen, and nothing is touched by looking.
    world.run(&["plan", "-detailed-exitcode"]).expect(2);
    assert_eq!(world.revisions("pending-upgrade"), 1);
    world.pods_again();
    world.apply();
    assert_eq!(
        (&*world.greeting(), world.revisions("deployed")),
        ("Good day", 1)
    );
    let history = Command::new(&world.helm)
        .args(["history", "hello", "-n", world.name])
        .env("KUBECONFIG", world.kubeconfig())
        .output()
        .expect("helm runs");
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    assert!(history.contains("Rollback to 1"), "{history}");
    world.settled();

    let hostile = world.hostile();
    hostile.holds(&[CONFIG_MAPS], Release::By("nowhere", "nobody"));
    until("it is held", || {
        let map = ["get", "configmap", "hello", "-n", world.name, "-o", "yaml"];
        world.kubectl(&map).stdout.contains(super::operators::HOLD)
    });
    world.kill(&DESTROY, "uninstalling");
    drop(hostile);
    world.patch(
        &["configmap", "hello"],
        r#"{"metadata": {"finalizers": null}}"#,
    );
    // What was half gone comes back whole, and goes whole.
    world.apply();
    assert_eq!(
        (&*world.greeting(), world.revisions("deployed")),
        ("Good day", 1)
    );
    world.settled();
    world.destroy();
    assert!(world.is_gone());
}

#[test]
fn a_release_that_is_killed_is_put_right_and_goes_on() {
    let test = "a_release_that_is_killed_is_put_right_and_goes_on";
    if let Some(world) = World::real(test, "hostile-killed") {
        killed(world);
    }
}

#[test]
fn a_release_that_is_killed_is_put_right_and_goes_on_in_the_sandbox() {
    let test = "a_release_that_is_killed_is_put_right_and_goes_on_in_the_sandbox";
    if let Some(world) = World::sandbox(test, "hostile-killed") {
        killed(world);
    }
}
