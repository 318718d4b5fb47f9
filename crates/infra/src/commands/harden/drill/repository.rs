//! What is sealed in the repository that the cluster follows: fetched once, read, and opened with the keys that were found. Nothing is
//! written to it, and nothing that was opened is kept.

use super::clouds::Clouds;
use super::report::Report;
use crate::commands::harden::audit::documents;
use crate::commands::harden::restore::with_uid;
use crate::commands::harden::seen::Seen;
use crate::system::write_for_owner;
use infra_hardening::SealingKey;
use infra_hardening::seal::Keys;
use infra_model::program::ComponentInstance;
use infra_repository::branch::Branch;
use infra_repository::git::{Git, Login};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const WHAT: &str = "repository";

/// Opens what is sealed in a hardening's repository.
pub(super) fn open(
    seen: &Seen,
    hardening: &ComponentInstance,
    keys: &BTreeMap<String, SealingKey>,
    clouds: &Clouds,
    report: &mut Report,
) {
    let objects: Vec<Json> = seen.nodes(hardening).iter().filter_map(with_uid).collect();
    let Some((url, branch)) = followed(&objects) else {
        return;
    };
    let directory = &clouds.environment.directory;
    let Some(reached) = reached(&url, clouds.is_sandbox(), directory) else {
        let why = "in the sandbox no repository of the internet is read";
        report.aside(WHAT, format!("{url}: {why}"));
        return;
    };
    match sealed(seen, hardening, &reached, &branch) {
        Err(why) => report.lost(WHAT, format!("{url} cannot be read: {why}")),
        Ok((tip, files)) => judge(&format!("{url} {branch} {tip}"), &files, keys, report),
    }
}

/// The address of the repository and the branch, as the engine in the cluster has them.
fn followed(objects: &[Json]) -> Option<(String, String)> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    objects.iter().find_map(|object| {
        let spec = &object["spec"];
        let source = &spec["template"]["spec"]["source"];
        match object["kind"].as_str()? {
            "GitRepository" => Some((text(&spec["url"])?, text(&spec["ref"]["branch"])?)),
            "ApplicationSet" => Some((text(&source["repoURL"])?, text(&source["targetRevision"])?)),
            _ => None,
        }
    })
}

/// Where it is reached from here; in the sandbox only what is of this machine.
fn reached(url: &str, sandbox: bool, directory: &Path) -> Option<String> {
    if !sandbox || url.starts_with("file://") {
        return Some(url.to_owned());
    }
    let own = infra_kubernetes::sandbox_repository(directory, url);
    let own = own.canonicalize().ok()?;
    Some(format!("file://{}", own.display()))
}

/// The newest commit, and the texts of the files that may have something sealed in them, by their paths.
fn sealed(
    seen: &Seen,
    hardening: &ComponentInstance,
    url: &str,
    branch: &str,
) -> Result<(String, BTreeMap<String, String>), String> {
    // Its owner alone may enter it, and it goes in the end.
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let login = login(seen, hardening, scratch.path()).map_err(|e| e.to_string())?;
    let folder = scratch.path().join("repository");
    fs::create_dir(&folder).map_err(|e| e.to_string())?;
    let git = Git::at(&folder).with_login(login);
    let fetched = Branch::fetch(git, url, branch, 1).map_err(|e| e.to_string())?;
    let tip = fetched
        .tip()
        .ok_or_else(|| format!("it has no branch `{branch}`"))?;
    let mut texts = BTreeMap::new();
    for (path, blob) in fetched.files(tip, ".").map_err(|e| e.to_string())? {
        if ![".yaml", ".yml", ".json"]
            .iter()
            .any(|end| path.ends_with(end))
        {
            continue;
        }
        let content = fetched.content(&blob).map_err(|e| e.to_string())?;
        if let Ok(text) = String::from_utf8(content)
            && text.contains("SealedSecret")
        {
            texts.insert(path, text);
        }
    }
    Ok((tip.chars().take(8).collect(), texts))
}

/// The login of the engine's, from the state, or from the stack file where there is none; by default that of whoever runs this.
fn login(seen: &Seen, hardening: &ComponentInstance, scratch: &Path) -> std::io::Result<Login> {
    let file = |name: &str, text: &str| {
        let path = scratch.join(name);
        write_for_owner(&path, format!("{}\n", text.trim_end()).as_bytes())?;
        Ok::<_, std::io::Error>(path)
    };
    let mut login = Login::default();
    for block in seen.blocks(hardening) {
        if &*block.address.type_name != "kubernetes_secret"
            || !block.address.name.ends_with("config_repository")
        {
            continue;
        }
        let recorded = seen.recorded(hardening, "kubernetes_secret", &block.address.name);
        let value = match recorded {
            Some(recorded) => recorded.clone(),
            None if seen.is_without_state() => seen.value(&block.config, hardening),
            None => continue,
        };
        let Some(data) = value.get("data").map(infra_model::Value::unmark_deep) else {
            continue;
        };
        let text = |name: &str| data.get(name)?.as_str().map(str::to_owned);
        login.username = text("username");
        login.password = text("password");
        let key = text("identity").or_else(|| text("sshPrivateKey"));
        login.key = key.map(|k| file("key", &k)).transpose()?;
        let hosts = text("known_hosts");
        login.known_hosts = hosts.map(|h| file("hosts", &h)).transpose()?;
    }
    Ok(login)
}

/// Opens every sealed secret of some files.
fn judge(
    place: &str,
    files: &BTreeMap<String, String>,
    keys: &BTreeMap<String, SealingKey>,
    report: &mut Report,
) {
    let keys = match Keys::parse(keys.values().map(|key| key.0.as_str())) {
        Ok(keys) => keys,
        Err(error) => return report.lost(WHAT, error.to_string()),
    };
    let (mut opened, mut closed) = (0, Vec::new());
    for (path, text) in files {
        // Templates of Helm's are no manifests.
        for object in documents(Path::new(path), text).unwrap_or_default() {
            if object["kind"] != "SealedSecret" {
                continue;
            }
            match keys.open(&object) {
                Ok(_) => opened += 1,
                Err(error) => closed.push(format!("{path}: {error}")),
            }
        }
    }
    for closed in closed {
        report.lost(WHAT, closed);
    }
    let secrets = if opened == 1 {
        "sealed secret opens"
    } else {
        "sealed secrets open"
    };
    report.holds(WHAT, format!("{place}: {opened} {secrets}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_repository_is_the_one_that_the_engine_follows() {
        let flux = json!({ "kind": "GitRepository", "spec": { "url": "https://a/b", "ref": { "branch": "main" } } });
        let argo = json!({ "kind": "ApplicationSet", "spec": { "template": { "spec": { "source": {
            "repoURL": "https://a/b", "targetRevision": "main",
        } } } } });
        for object in [flux, argo] {
            let found = followed(&[json!({ "kind": "Secret" }), object]);
            assert_eq!(found, Some(("https://a/b".to_owned(), "main".to_owned())));
        }
        assert_eq!(followed(&[json!({ "kind": "Secret" })]), None);
    }

    #[test]
    fn in_the_sandbox_nothing_of_the_internet_is_read() {
        let nowhere = Path::new("/nowhere");
        assert_eq!(reached("https://a/b", true, nowhere), None);
        for (url, sandbox) in [("https://a/b", false), ("file:///a/b", true)] {
            assert_eq!(reached(url, sandbox, nowhere).as_deref(), Some(url));
        }
    }
}
