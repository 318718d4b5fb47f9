//! Crossplane's work: composite resources become managed ones as their composition says, by the function that patches and transforms;
//! managed ones stand for something that is not there. Whoever deletes one waits until that has gone, as in a cloud, unless it is let go.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::super::kinds::Resource;
use super::super::super::store::Session;
use super::super::super::value::{default, hold, is_deleting, list, set, text};
use super::{Case, ready, say};

/// Who does it.
pub(super) const NAMES: &[&str] = &["crossplane"];
/// What holds a composite resource, and a managed one.
const FINALIZERS: [&str; 2] = [
    "composite.apiextensions.crossplane.io",
    "finalizer.managedresource.crossplane.io",
];
const EXTERNAL: &str = "crossplane.io/external-name";

pub(super) fn is_composite(resource: &Resource) -> bool {
    resource.categories.iter().any(|c| c == "composite")
}

pub(super) fn is_managed(resource: &Resource) -> bool {
    resource.group.ends_with(".upbound.io") && !resource.kind.contains("ProviderConfig")
}

/// Whether the deletion of something waits for Crossplane.
pub(super) fn holds(object: &Value) -> bool {
    let held = list(object, "/metadata/finalizers");
    FINALIZERS.iter().any(|f| held.iter().any(|h| h == f))
}

/// Makes of a composite resource what its composition says, and keeps it so.
pub(super) fn composite(session: &mut Session<'_>, case: &Case<'_>) {
    if is_deleting(case.object) {
        // What it is made of belongs to it.
        session.let_go(case.resource, case.id, FINALIZERS[0]);
        return;
    }
    keep(session, case, |new| hold(new, FINALIZERS[0]));
    let compositions = session.all("apiextensions.crossplane.io", "compositions");
    let kind = json!({ "apiVersion": case.object["apiVersion"], "kind": case.object["kind"] });
    let Some(composition) = compositions
        .iter()
        .find(|c| c["spec"]["compositeTypeRef"] == kind)
    else {
        return;
    };
    for template in list(composition, "/spec/pipeline/0/input/resources") {
        let base = &template["base"];
        let made = session.resource_of_kind(text(base, "/apiVersion"), text(base, "/kind"));
        let Some(made) = made else { continue };
        let name = format!("{}-{}", case.name(), text(template, "/name"));
        let mut value = base.clone();
        set(&mut value, "metadata/name", name.as_str());
        set(&mut value, "metadata/namespace", case.namespace());
        set(
            &mut value,
            "metadata/ownerReferences",
            json!([super::owner_reference(case.object)]),
        );
        patched(case.object, template, &mut value);
        match session.get(&made.id(case.namespace(), &name)) {
            None => drop(session.make(&made, value)),
            Some(old) => {
                let mut new = Value::clone(&old);
                merge(&mut new["spec"], &value["spec"]);
                if value["metadata"]["annotations"].is_object() {
                    merge(
                        &mut new["metadata"]["annotations"],
                        &value["metadata"]["annotations"],
                    );
                }
                session.update(&made, &old, new);
            }
        }
    }
    ready(session, case, &["Synced", "Ready"], |_| {});
}

/// What a managed resource stands for is there at once, and goes when it does.
pub(super) fn managed(session: &mut Session<'_>, case: &Case<'_>) {
    let spec = &case.object["spec"];
    if is_deleting(case.object) {
        let policies = list(spec, "/managementPolicies");
        let deletes = policies.is_empty() || policies.iter().any(|p| p == "*" || p == "Delete");
        let protected = case.object["status"]["atProvider"]["deletionProtection"] == true;
        if deletes && protected {
            say(session, case, |new, now, generation| {
                let why = "the cloud refuses to delete what is protected from deletion";
                super::condition(new, "Synced", false, "ReconcileError", why, now, generation);
            });
            return;
        }
        session.let_go(case.resource, case.id, FINALIZERS[1]);
        return;
    }
    let name = case.name().to_owned();
    let now = session.time();
    keep(session, case, |new| {
        hold(new, FINALIZERS[1]);
        let annotations = &mut new["metadata"]["annotations"];
        if !annotations.is_object() {
            *annotations = json!({});
        }
        for (key, value) in [
            (EXTERNAL, name),
            ("crossplane.io/external-create-succeeded", now),
        ] {
            if annotations[key].is_null() {
                annotations[key] = value.into();
            }
        }
    });
    let protected = spec["forProvider"]["deletionProtection"].clone();
    let group = in_group(session, case);
    ready(session, case, &["Synced", "Ready"], |new| {
        let name = text(new, "/metadata/annotations/crossplane.io~1external-name").to_owned();
        let id = match &group {
            Some(group) => format!("{group}/{name}"),
            None => name,
        };
        default(new, "status/atProvider/id", id);
        if protected.is_boolean() {
            set(new, "status/atProvider/deletionProtection", protected);
        }
    });
}

/// How the ids of what is in a resource group of Azure's begin:
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>.
fn in_group(session: &Session<'_>, case: &Case<'_>) -> Option<String> {
    let group = case.object["spec"]["forProvider"]["resourceGroupName"].as_str()?;
    let family = "azure.m.upbound.io";
    let service = case.resource.group.strip_suffix(family)?;
    let configs = session.all(family, "clusterproviderconfigs");
    let subscription = text(configs.first()?, "/spec/subscriptionID").to_owned();
    let service = service.trim_end_matches('.');
    let plural = &case.resource.plural;
    Some(format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.{service}/{plural}"
    ))
}

/// Changes what is not the status.
fn keep(session: &mut Session<'_>, case: &Case<'_>, change: impl FnOnce(&mut Value)) {
    if let Some(old) = session.get(case.id) {
        let mut new = Value::clone(&old);
        change(&mut new);
        session.update(case.resource, &old, new);
    }
}

fn merge(into: &mut Value, from: &Value) {
    match from {
        Value::Object(members) => {
            for (name, value) in members {
                merge(&mut into[name.as_str()], value);
            }
        }
        other => *into = other.clone(),
    }
}

/// Copies into an object what its composite has.
fn patched(composite: &Value, template: &Value, into: &mut Value) {
    for patch in list(template, "/patches") {
        let (from, to) = (text(patch, "/fromFieldPath"), text(patch, "/toFieldPath"));
        if text(patch, "/type") != "FromCompositeFieldPath" {
            continue;
        }
        let found = steps(from)
            .iter()
            .try_fold(composite, |at, step| at.get(step));
        let Some(found) = found.filter(|f| !f.is_null()) else {
            continue;
        };
        let transforms = list(patch, "/transforms").iter();
        let value = transforms.fold(found.clone(), transformed);
        let mut at = &mut *into;
        for step in steps(to) {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[step.as_str()];
        }
        *at = value;
    }
}

/// `metadata.annotations[crossplane.io/external-name]`
fn steps(path: &str) -> Vec<String> {
    let pieces = path.split(['[', ']']).enumerate();
    let each = pieces.flat_map(|(index, piece)| match index % 2 {
        1 => vec![piece.to_owned()],
        _ => piece
            .split('.')
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect(),
    });
    each.collect()
}

fn transformed(value: Value, transform: &Value) -> Value {
    let string = &transform["string"];
    let words = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match (text(transform, "/type"), text(string, "/type")) {
        ("map", _) => transform["map"][words.as_str()].clone(),
        ("match", _) => {
            let patterns = list(transform, "/match/patterns").iter();
            let found = patterns
                .into_iter()
                .find(|p| text(p, "/type") == "literal" && text(p, "/literal") == words);
            found.map_or_else(
                || transform["match"]["fallbackValue"].clone(),
                |pattern| pattern["result"].clone(),
            )
        }
        ("math", _) => {
            let by = transform["math"]["multiply"].as_i64();
            value
                .as_i64()
                .zip(by)
                .map_or(value, |(v, by)| (v * by).into())
        }
        ("convert", _) => words.into(),
        ("string", "Format") => text(string, "/fmt").replace("%s", &words).into(),
        ("string", "Convert") => hex::encode(Sha256::digest(words.as_bytes())).into(),
        // The beginning: no other pattern is used.
        ("string", "Regexp") => words.chars().take(20).collect::<String>().into(),
        _ => value,
    }
}
