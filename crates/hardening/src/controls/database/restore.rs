//! A database as it was at a moment, beside the one that is: a new cluster that reads the old one's archive and writes to one of
//! its own.

use serde_json::{Value as Json, json};

/// Why a database cannot be restored from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The object is no database of CloudNativePG's or Zalando's.
    NoDatabase,
    /// It archives nothing.
    NoArchive,
    /// The new one would have the name of the old one.
    SameName,
    /// The moment is not one: RFC 3339 is meant.
    NoMoment,
}

impl std::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RestoreError::NoDatabase => "the object is no database",
            RestoreError::NoArchive => "the database has no backups: nothing can be restored",
            RestoreError::SameName => {
                "what is restored must not have the name of what it is restored from"
            }
            RestoreError::NoMoment => "a moment is written as 2026-01-31T12:00:00Z",
        })
    }
}

impl std::error::Error for RestoreError {}

/// The object that restores `database` (as it was applied) under another name as of a moment (RFC 3339); without one as of its
/// last change that was archived.
///
/// # Errors
/// What cannot be restored.
pub fn restore(database: &Json, name: &str, moment: Option<&str>) -> Result<Json, RestoreError> {
    let old = database
        .pointer("/metadata/name")
        .and_then(Json::as_str)
        .ok_or(RestoreError::NoDatabase)?;
    if old == name {
        return Err(RestoreError::SameName);
    }
    if let Some(moment) = moment
        && !is_moment(moment)
    {
        return Err(RestoreError::NoMoment);
    }
    let metadata = json!({
        "name": name,
        "namespace": database.pointer("/metadata/namespace"),
        "labels": { "app.kubernetes.io/managed-by": "infra" },
    });
    let spec = match database.get("kind").and_then(Json::as_str) {
        Some("Cluster") => cnpg(database, name, moment)?,
        Some("postgresql") => zalando(database, old, moment)?,
        _ => return Err(RestoreError::NoDatabase),
    };
    Ok(json!({
        "apiVersion": database["apiVersion"],
        "kind": database["kind"],
        "metadata": metadata,
        "spec": spec,
    }))
}

/// The labels by which operators mark the pods of a database with its name: CloudNativePG's and Zalando's.
const DATABASE: [&str; 2] = ["cnpg.io/cluster", "cluster-name"];

/// The policies that let what is restored talk to whom the old one talks to: of those policies that speak of the old one, with its
/// name instead. Without them it stands in a namespace that denies everything.
#[must_use]
pub fn policies_of_restored(policies: &[Json], database: &Json, name: &str) -> Vec<Json> {
    let text = |pointer: &str| database.pointer(pointer).and_then(Json::as_str);
    let (Some(old), Some(namespace)) = (text("/metadata/name"), text("/metadata/namespace")) else {
        return Vec::new();
    };
    let one = |policy: &Json| {
        let here = policy.pointer("/metadata/namespace").and_then(Json::as_str) == Some(namespace);
        let mut spec = policy.get("spec")?.clone();
        let mine = here && renamed(spec.get_mut("podSelector")?, old, name);
        let mut theirs = false;
        for (rules, ends) in [("ingress", "from"), ("egress", "to")] {
            let Some(all) = spec.get_mut(rules).and_then(Json::as_array_mut) else {
                continue;
            };
            for rule in all.iter_mut() {
                let Some(peers) = rule.get_mut(ends).and_then(Json::as_array_mut) else {
                    continue;
                };
                peers.retain_mut(|peer| {
                    let there = peer
                        .pointer("/namespaceSelector/matchLabels/kubernetes.io~1metadata.name")
                        .is_some_and(|n| n == namespace);
                    let of_it = there
                        && peer
                            .get_mut("podSelector")
                            .is_some_and(|s| renamed(s, old, name));
                    theirs |= of_it;
                    mine || of_it
                });
            }
            // What speaks of nobody would speak of all.
            all.retain(|rule| {
                rule[ends]
                    .as_array()
                    .map_or(mine, |peers| !peers.is_empty())
            });
            if all.is_empty()
                && let Some(fields) = spec.as_object_mut()
            {
                fields.shift_remove(rules);
            }
        }
        if !mine && !theirs {
            return None;
        }
        let types: Vec<&str> = [("ingress", "Ingress"), ("egress", "Egress")]
            .into_iter()
            .filter(|(rules, _)| spec.get(rules).is_some())
            .map(|(_, kind)| kind)
            .collect();
        spec["policyTypes"] = json!(types);
        let metadata = policy.get("metadata")?;
        let was = metadata.get("name").and_then(Json::as_str)?;
        Some(json!({
            "apiVersion": policy["apiVersion"],
            "kind": policy["kind"],
            "metadata": {
                "name": format!("{was}-{name}"),
                "namespace": metadata["namespace"],
                "labels": { "app.kubernetes.io/managed-by": "infra" },
            },
            "spec": spec,
        }))
    };
    policies
        .iter()
        .filter(|p| p["kind"] == "NetworkPolicy")
        .filter_map(one)
        .collect()
}

/// Puts the new name where a selector has the old one; whether it had.
fn renamed(selector: &mut Json, old: &str, new: &str) -> bool {
    let Some(labels) = selector
        .get_mut("matchLabels")
        .and_then(Json::as_object_mut)
    else {
        return false;
    };
    let mut found = false;
    for label in DATABASE {
        if let Some(value) = labels.get_mut(label).filter(|v| **v == *old) {
            *value = json!(new);
            found = true;
        }
    }
    found
}

fn cnpg(database: &Json, name: &str, moment: Option<&str>) -> Result<Json, RestoreError> {
    let mut spec = database
        .get("spec")
        .cloned()
        .ok_or(RestoreError::NoDatabase)?;
    let plugin = archiver(&spec).ok_or(RestoreError::NoArchive)?;
    recovers(&mut spec, &plugin, moment);
    // The archive of the new one is its own: that of the old one stays as it is.
    let mut own = plugin;
    let stamp = moment.map_or_else(
        || "last".to_owned(),
        |m| m.chars().filter(char::is_ascii_digit).collect(),
    );
    own["parameters"]["serverName"] = json!(format!("{name}-{stamp}"));
    spec["plugins"] = json!([own]);
    Ok(spec)
}

/// The plugin by which a cluster of CloudNativePG's archives.
pub(super) fn archiver(spec: &Json) -> Option<Json> {
    let plugins = spec["plugins"].as_array()?;
    plugins
        .iter()
        .find(|plugin| plugin["isWALArchiver"] == true)
        .cloned()
}

/// Lets a cluster of CloudNativePG's begin as what an archive has, read by a plugin, as of a moment or of its last change.
pub(super) fn recovers(spec: &mut Json, plugin: &Json, moment: Option<&str>) {
    let mut recovery = json!({ "source": "origin", "database": "app", "owner": "app" });
    if let Some(moment) = moment {
        recovery["recoveryTarget"] = json!({ "targetTime": moment });
    }
    spec["bootstrap"] = json!({ "recovery": recovery });
    spec["externalClusters"] = json!([{
        "name": "origin",
        "plugin": { "name": plugin["name"], "parameters": plugin["parameters"] },
    }]);
}

fn zalando(database: &Json, old: &str, moment: Option<&str>) -> Result<Json, RestoreError> {
    let mut spec = database
        .get("spec")
        .cloned()
        .ok_or(RestoreError::NoDatabase)?;
    let archives = |e: &Json| e["name"] == "USE_WALG_BACKUP" && e["value"] == "true";
    let environment = spec.get("env").and_then(Json::as_array);
    if !environment.is_some_and(|all| all.iter().any(archives)) {
        return Err(RestoreError::NoArchive);
    }
    // Without a moment this operator copies from the running database, not from the archive.
    let moment = moment.ok_or(RestoreError::NoMoment)?;
    spec["clone"] = clone_of(old, &database["metadata"]["uid"], moment);
    Ok(spec)
}

/// How a database of Zalando's operator begins as another one was at a moment.
pub(super) fn clone_of(cluster: &str, uid: &Json, moment: &str) -> Json {
    // It knows no `Z`.
    let timestamp = moment
        .strip_suffix('Z')
        .map_or_else(|| moment.to_owned(), |m| format!("{m}+00:00"));
    let mut clone = json!({ "cluster": cluster, "timestamp": timestamp });
    if uid.is_string() {
        clone["uid"] = uid.clone();
    }
    clone
}

/// `2026-01-31T12:00:00Z`, with a fraction or an offset instead of `Z` where wished.
#[must_use]
pub fn is_moment(text: &str) -> bool {
    let shape = |part: &str, pattern: &str| {
        part.len() == pattern.len()
            && part.bytes().zip(pattern.bytes()).all(|(c, p)| {
                if p == b'0' {
                    c.is_ascii_digit()
                } else {
                    c == p
                }
            })
    };
    let Some((head, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    shape(head, "0000-00-00T00:00:00")
        && (rest == "Z" || shape(rest, "+00:00") || shape(rest, "-00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Json {
        json!({
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Cluster",
            "metadata": { "name": "postgres", "namespace": "shop" },
            "spec": {
                "instances": 3,
                "bootstrap": { "initdb": { "database": "app", "owner": "app" } },
                "plugins": [{
                    "name": "barman-cloud.cloudnative-pg.io",
                    "isWALArchiver": true,
                    "parameters": { "barmanObjectName": "postgres-archive", "serverName": "postgres-1f2e" },
                }],
            },
        })
    }

    #[test]
    fn what_is_restored_reads_one_archive_and_writes_another() {
        let made =
            restore(&cluster(), "postgres-before", Some("2026-01-31T12:00:00Z")).expect("restored");
        let spec = &made["spec"];
        assert_eq!(
            spec["bootstrap"]["recovery"]["recoveryTarget"]["targetTime"],
            "2026-01-31T12:00:00Z"
        );
        assert_eq!(spec["bootstrap"]["initdb"], Json::Null);
        let from = &spec["externalClusters"][0]["plugin"]["parameters"];
        let to = &spec["plugins"][0]["parameters"];
        assert_eq!(from["serverName"], "postgres-1f2e");
        assert_eq!(from["barmanObjectName"], to["barmanObjectName"]);
        assert_eq!(to["serverName"], "postgres-before-20260131120000");
    }

    #[test]
    fn what_cannot_be_restored_is_said() {
        let moment = Some("2026-01-31T12:00:00Z");
        assert_eq!(
            restore(&cluster(), "postgres", moment),
            Err(RestoreError::SameName)
        );
        assert_eq!(
            restore(&cluster(), "other", Some("yesterday")),
            Err(RestoreError::NoMoment)
        );
        let mut bare = cluster();
        bare["spec"]["plugins"] = json!([]);
        assert_eq!(
            restore(&bare, "other", moment),
            Err(RestoreError::NoArchive)
        );
        assert_eq!(
            restore(&json!({ "kind": "Pod" }), "other", moment),
            Err(RestoreError::NoDatabase)
        );
    }

    #[test]
    fn moments_are_of_rfc_3339() {
        for good in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.25Z",
            "2026-01-31T12:00:00+02:00",
        ] {
            assert!(is_moment(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-31",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00+2",
        ] {
            assert!(!is_moment(bad), "{bad}");
        }
    }
}
