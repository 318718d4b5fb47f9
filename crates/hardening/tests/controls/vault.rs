//! Vault's set-up, run as its job does, before a real Vault (of the last line under the MPL) with the configuration that is written
//! here, and a real Kubernetes API that says whose a token is. The key that unseals is another Vault's.

mod scene;

use scene::{Recipient, Scene, run};
use serde_json::Value as Json;
use std::process::Command;

/// Killed after each of its calls and begun again it comes to its end; then there is nothing left to do; and what is there is right.
#[test]
fn vault_is_set_up_however_often_that_is_killed() {
    let Some(scene) = Scene::new("vault_is_set_up_however_often_that_is_killed") else {
        return;
    };
    let _server = scene.fresh();
    let (said, root) = killed_until_it_is_done(&scene);
    assert!(!said.contains(&root), "the root token is told");
    let lookup = scene.ask(&root, &["token", "lookup"]);
    assert!(lookup.refused().contains("permission denied"));

    // Again, in another pod: it looks, and leaves everything as it is.
    scene.pod_is_lost();
    assert_eq!(scene.set_up("").done(), "");
    let calls = scene.read("calls");
    for changes in [
        "operator init",
        "enable",
        "policy write",
        "kv put",
        "kubernetes/role",
        "kubernetes/config",
    ] {
        assert!(!calls.contains(changes), "{calls}");
    }

    let (keys, root) = recovered(&scene);
    for key in &keys {
        assert!(!said.contains(key), "a recovery key is told");
    }
    each_reads_its_own(&scene, &root);
    others_are_refused(&scene);
    audited(&scene, &root, &keys);
    snapshots(&scene);
}

/// Runs the job again and again, killed after a call that it was never killed after; what it said all in all, and the root token that
/// it had.
fn killed_until_it_is_done(scene: &Scene) -> (String, String) {
    let mut said = String::new();
    let mut root = None;
    for _ in 0..60 {
        let one = scene.set_up("each");
        let told = format!("{}{}{}", one.out, one.err, scene.read("termination"));
        said += &told;
        if root.is_none() && !scene.read("work/init").is_empty() {
            root = Some(scene.root_token());
        }
        if one.code == Some(0) {
            let stopped = scene.read("stopped");
            for call in [
                "operator init",
                "auth enable",
                "role/vault-init",
                "revoke-accessor",
            ] {
                assert!(
                    stopped.contains(call),
                    "never killed after {call}: {stopped}"
                );
            }
            return (said, root.expect("Vault's answer"));
        }
        assert_eq!(one.code, None, "{told}");
    }
    panic!("it never ends: {said}");
}

/// Where Vault's answer is lost before anything is set up, the job says what to do, and that is enough. Where the pod is lost before the
/// root token is revoked, the next one revokes it.
#[test]
fn what_a_lost_pod_leaves_is_told_or_put_right() {
    let Some(scene) = Scene::new("what_a_lost_pod_leaves_is_told_or_put_right") else {
        return;
    };
    let server = scene.fresh();
    assert_eq!(scene.set_up("operator init").code, None);
    scene.pod_is_lost();
    scene.set_up("").refused();
    let told = scene.read("termination");
    assert!(told.contains("delete its volumes"), "{told}");
    drop(server);
    let server = scene.fresh();
    scene.set_up("").done();
    drop(server);

    let _server = scene.fresh();
    assert_eq!(scene.set_up("role/vault-init").code, None);
    let root = scene.root_token();
    scene.ask(&root, &["token", "lookup"]).done();
    scene.pod_is_lost();
    scene.set_up("").done();
    scene.ask(&root, &["token", "lookup"]).refused();
}

/// The recovery keys as they are brought to the secret manager, each opened by its recipient and by nobody else; and the root token that
/// two of three make of them.
fn recovered(scene: &Scene) -> (Vec<String>, String) {
    let store = scene.log_in(
        "namespace",
        &scene.account("vault", "external-secrets", "vault"),
    );
    let store = store.done();
    let get = [
        "kv",
        "get",
        "-mount=secret",
        "-field=keys",
        "vault/recovery-keys",
    ];
    let sealed = scene.ask(&store, &get).done();
    let sealed: Vec<&str> = sealed.lines().collect();
    assert_eq!(sealed.len(), 3, "{sealed:?}");
    let open = |recipient: &Recipient, message: &str| {
        run(Command::new(&scene.pgp).args(["open", &recipient.private, message]))
    };
    let mut keys = Vec::new();
    for (index, recipient) in scene.recipients.iter().enumerate() {
        keys.push(open(recipient, sealed[index]).done());
        open(recipient, sealed[(index + 1) % 3]).refused();
    }
    let begun = scene.ask("", &["operator", "generate-root", "-init", "-format=json"]);
    let begun: Json = serde_json::from_str(&begun.done()).expect("JSON");
    let text = |json: &Json, field: &str| json[field].as_str().expect("a text").to_owned();
    let nonce = format!("-nonce={}", text(&begun, "nonce"));
    let give = |key: &str| {
        let given = scene.ask(
            "",
            &["operator", "generate-root", "-format=json", &nonce, key],
        );
        serde_json::from_str::<Json>(&given.done()).expect("JSON")
    };
    give(&keys[0]);
    let made = give(&keys[2]);
    assert_eq!(made["complete"], true, "{made}");
    let decode = format!("-decode={}", text(&made, "encoded_root_token"));
    let otp = format!("-otp={}", text(&begun, "otp"));
    let root = scene
        .ask("", &["operator", "generate-root", &decode, &otp])
        .done();
    (keys, root)
}

/// An app's namespace reads what stands under its name, and nothing else.
fn each_reads_its_own(scene: &Scene, root: &str) {
    for place in ["shop/database", "blog/database"] {
        scene
            .ask(root, &["kv", "put", "-mount=secret", place, "password=x"])
            .done();
    }
    for (namespace, other) in [("shop", "blog"), ("blog", "shop")] {
        let jwt = scene.account(namespace, "external-secrets", "vault");
        let token = scene.log_in("namespace", &jwt).done();
        let own = format!("{namespace}/database");
        let read = |place: &str| {
            scene.ask(
                &token,
                &["kv", "get", "-mount=secret", "-field=password", place],
            )
        };
        assert_eq!(read(&own).done(), "x");
        for denied in [
            format!("{other}/database"),
            "vault/recovery-keys".to_owned(),
        ] {
            assert!(read(&denied).refused().contains("permission denied"));
        }
        let may = |place: &str| scene.ask("", &["token", "capabilities", &token, place]);
        let may = |place: &str| match may(place) {
            // Who asks about a token must have one.
            said if said.code == Some(0) => said.done(),
            _ => scene
                .ask(root, &["token", "capabilities", &token, place])
                .done(),
        };
        assert_eq!(may(&format!("secret/data/{own}")), "read");
        assert_eq!(may(&format!("secret/metadata/{own}")), "list, read");
        for place in [
            "secret/data/other",
            "sys/policies/acl/namespace",
            "sys/storage/raft/snapshot",
        ] {
            assert_eq!(may(place), "deny", "{place}");
        }
    }
}

/// Other accounts, tokens for others, and roles that are somebody else's.
fn others_are_refused(scene: &Scene) {
    let api = scene.account("shop", "external-secrets", "");
    let other = scene.account("shop", "default", "vault");
    let own = scene.account("shop", "external-secrets", "vault");
    for (role, jwt) in [
        ("namespace", &api),
        ("namespace", &other),
        ("vault-init", &own),
        ("vault-snapshot", &own),
    ] {
        let told = scene.log_in(role, jwt).refused();
        assert!(
            told.contains("Code: 403") || told.contains("Code: 400"),
            "{told}"
        );
    }
}

/// Two devices write down who did what, and no secret.
fn audited(scene: &Scene, root: &str, keys: &[String]) {
    let devices = scene.ask(root, &["audit", "list", "-format=json"]).done();
    let devices: Json = serde_json::from_str(&devices).expect("JSON");
    assert!(
        devices["file/"].is_object() && devices["stdout/"].is_object(),
        "{devices}"
    );
    let log = scene.read("audit/audit.log");
    assert!(log.contains("auth/kubernetes/login"), "nothing is audited");
    for secret in keys.iter().map(String::as_str).chain([root]) {
        assert!(!log.contains(secret), "a secret stands in the log");
    }
}

/// The account of snapshots takes one, and can do nothing else.
fn snapshots(scene: &Scene) {
    let jwt = scene.account("vault", "vault-snapshot", "vault");
    std::fs::write(scene.at("snapshot-token"), &jwt).expect("written");
    scene.shell(&scene.snapshot, "").done();
    let taken = std::fs::metadata(scene.at("snapshot")).expect("a snapshot");
    assert!(taken.len() > 10_000, "{taken:?}");
    let token = scene.log_in("vault-snapshot", &jwt).done();
    let read = scene.ask(&token, &["read", "secret/data/shop/database"]);
    assert!(read.refused().contains("permission denied"));
}
