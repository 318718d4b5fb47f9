//! Who manages which field: `managedFields`, kept at every write, and server-side apply with its conflicts. As
//! "Server-Side Apply" in the Kubernetes reference has it.

pub(super) mod fields;
mod typed;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::fields::FieldSet;
use super::error::{ApiError, ApiResult, Cause};
use super::kinds::Resource;
use super::value::{list, same, set, text};

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) apply: bool,
    pub(super) version: String,
    pub(super) subresource: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Owned {
    fields: FieldSet,
    time: String,
    /// The version of an entry.
    version: String,
}

type Managers = BTreeMap<(String, bool, String, String), Owned>;

/// Members that nobody manages.
const UNMANAGED: [&[&str]; 11] = [
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:managedFields"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:generateName"],
];

impl Manager {
    fn key(&self) -> (String, bool, String, String) {
        // An applier has one entry, whatever version it applied.
        let version = if self.apply { "" } else { &self.version };
        (
            self.name.clone(),
            self.apply,
            self.subresource.clone(),
            version.to_owned(),
        )
    }
}

fn read(object: &Value) -> Managers {
    let mut managers = Managers::new();
    for entry in list(object, "/metadata/managedFields") {
        let manager = Manager {
            name: text(entry, "/manager").to_owned(),
            apply: text(entry, "/operation") == "Apply",
            version: text(entry, "/apiVersion").to_owned(),
            subresource: text(entry, "/subresource").to_owned(),
        };
        let owned = Owned {
            fields: FieldSet::from_json(&entry["fieldsV1"]),
            time: text(entry, "/time").to_owned(),
            version: manager.version.clone(),
        };
        managers.insert(manager.key(), owned);
    }
    managers
}

fn write(object: &mut Value, managers: &Managers) {
    let mut entries: Vec<_> = managers.iter().collect();
    entries.sort_by(|(a, x), (b, y)| (!a.1, &x.time, &a.0).cmp(&(!b.1, &y.time, &b.0)));
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|((name, apply, subresource, _), owned)| {
            let mut entry = json!({
                "manager": name,
                "operation": if *apply { "Apply" } else { "Update" },
                "apiVersion": owned.version,
                "time": owned.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": owned.fields.to_json(),
            });
            if !subresource.is_empty() {
                entry["subresource"] = subresource.as_str().into();
            }
            entry
        })
        .collect();
    if entries.is_empty() {
        super::value::remove(object, "metadata/managedFields");
    } else {
        set(object, "metadata/managedFields", entries);
    }
}

/// Without what nobody manages, and what the request cannot change.
fn managed(mut fields: FieldSet, resource: &Resource, manager: &Manager) -> FieldSet {
    for path in UNMANAGED {
        fields = fields.without(path);
    }
    match manager.subresource.as_str() {
        "status" => {
            let mut kept = fields.only(&["f:status"]);
            if resource.is_custom() {
                return kept;
            }
            // Metadata of built-in kinds can be changed with their status.
            kept.add(&fields.only(&["f:metadata"]));
            kept
        }
        _ if resource.has_status() => fields.without(&["f:status"]),
        _ => fields,
    }
}

/// What a comparison leaves of the others' fields; those that have none left are gone.
fn let_go(managers: &mut Managers, except: &(String, bool, String, String), gone: &FieldSet) {
    managers.retain(|key, owned| {
        if key != except {
            owned.fields = owned.fields.difference(gone);
        }
        !owned.fields.is_empty()
    });
}

/// Notes that a manager has made the new object of the old one by a write that is no apply.
pub(super) fn updated(
    resource: &Resource,
    old: Option<&Value>,
    new: &mut Value,
    manager: &Manager,
    now: &str,
) {
    let schema = resource.schema();
    let empty = json!({});
    // What a client sends counts: it may give fields to another manager, and an empty list clears them. With a part of an object
    // it has no say.
    let sent = list(new, "/metadata/managedFields");
    let mut managers = match old {
        Some(_) if !sent.is_empty() && manager.subresource.is_empty() => read(new),
        _ => old.map(read).unwrap_or_default(),
    };
    if old.is_some() && new.pointer("/metadata/managedFields").is_some() && sent.is_empty() {
        managers.clear();
    }
    let difference = typed::compare(schema, old.unwrap_or(&empty), new);
    let changed = managed(difference.changed, resource, manager);
    let key = manager.key();
    let gone = changed.union(&difference.removed);
    let mut mine = managers.remove(&key);
    let_go(&mut managers, &key, &gone);
    if !changed.is_empty() || mine.is_some() {
        let owned = mine.get_or_insert_with(|| Owned {
            fields: FieldSet::default(),
            time: now.to_owned(),
            version: manager.version.clone(),
        });
        let fields = owned.fields.union(&changed).difference(&difference.removed);
        if fields != owned.fields || !changed.is_empty() {
            owned.fields = fields;
            now.clone_into(&mut owned.time);
        }
    }
    if let Some(owned) = mine.filter(|owned| !owned.fields.is_empty()) {
        managers.insert(key, owned);
    }
    write(new, &managers);
}

/// What an apply makes of an object; nothing is changed when others manage what it would change, unless forced.
pub(super) fn apply(
    resource: &Resource,
    live: Option<&Value>,
    config: &Value,
    manager: &Manager,
    force: bool,
    now: &str,
) -> ApiResult<Value> {
    let schema = resource.schema();
    if let Some((path, element)) = typed::duplicate(schema, config, "") {
        let message = format!(
            "failed to create typed patch object: {path}: duplicate entries for key [{element}]"
        );
        return Err(ApiError::internal(message));
    }
    let mut managers = live.map(read).unwrap_or_default();
    let key = manager.key();
    let fields = managed(typed::fields(schema, config), resource, manager);
    let mut new = live.cloned().unwrap_or_else(|| json!({}));
    typed::merge(schema, &mut new, config);
    let last = managers.get(&key).cloned();
    if let Some(last) = &last {
        let mut kept = fields.clone();
        // An object has metadata, whoever manages what of it.
        kept.insert(&["f:metadata".to_owned(), "f:name".to_owned()]);
        for (other, owned) in &managers {
            if *other != key {
                kept.add(&owned.fields);
            }
        }
        typed::prune(schema, &mut new, &last.fields, &kept);
    }
    let empty = json!({});
    let difference = typed::compare(schema, live.unwrap_or(&empty), &new);
    let mut causes = Vec::new();
    let mut conflicts: Vec<(String, Vec<String>)> = Vec::new();
    for (other, owned) in &managers {
        if *other == key {
            continue;
        }
        let both = owned.fields.intersection(&difference.changed);
        if both.is_empty() {
            continue;
        }
        let who = shown(other, owned);
        for path in both.paths() {
            causes.push(Cause::new(
                "FieldManagerConflict",
                format!("conflict with {who}"),
                path,
            ));
        }
        conflicts.push((who, both.paths()));
    }
    if !force && !causes.is_empty() {
        return Err(refused(&conflicts).causes(causes));
    }
    let gone = difference.changed.union(&difference.removed);
    let_go(&mut managers, &key, &gone);
    managers.remove(&key);
    let time = match &last {
        Some(last) if last.fields == fields && live.is_some_and(|live| same(live, &new)) => {
            last.time.clone()
        }
        _ => now.to_owned(),
    };
    if !fields.is_empty() {
        let owned = Owned {
            fields,
            time,
            version: manager.version.clone(),
        };
        managers.insert(key, owned);
    }
    write(&mut new, &managers);
    Ok(new)
}

/// A manager as messages name it.
fn shown(key: &(String, bool, String, String), owned: &Owned) -> String {
    let (name, apply, subresource, _) = key;
    let mut text = format!("{name:?}");
    if !subresource.is_empty() {
        text = format!("{text} with subresource {subresource:?}");
    }
    if *apply {
        return text;
    }
    match owned.time.as_str() {
        "" => format!("{text} using {}", owned.version),
        time => format!("{text} using {} at {time}", owned.version),
    }
}

fn refused(conflicts: &[(String, Vec<String>)]) -> ApiError {
    let count: usize = conflicts.iter().map(|(_, paths)| paths.len()).sum();
    let message = match conflicts {
        [(who, paths)] if count == 1 => {
            format!(
                "Apply failed with 1 conflict: conflict with {who}: {}",
                paths[0]
            )
        }
        conflicts => {
            let said: Vec<String> = conflicts
                .iter()
                .map(|(who, paths)| format!("conflicts with {who}:\n- {}", paths.join("\n- ")))
                .collect();
            format!("Apply failed with {count} conflicts: {}", said.join("\n"))
        }
    };
    ApiError::new(409, "Conflict", message)
}
