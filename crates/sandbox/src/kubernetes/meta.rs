//! Metadata: names, labels, annotations, finalizers, and what of them may not change.

use serde_json::Value;

use super::error::Cause;
use super::kinds::Resource;
use super::value::{is_deleting, list, members, same, text};

/// Checks the metadata of a new object, or of one that is changed.
pub(super) fn check(
    resource: &Resource,
    old: Option<&Value>,
    new: &Value,
    causes: &mut Vec<Cause>,
) {
    let name = text(new, "/metadata/name");
    if let Some(detail) = bad_name(resource, name) {
        causes.push(Cause::invalid("metadata.name", &name.into(), detail));
    }
    for (key, value) in members(new, "/metadata/labels") {
        if let Some(detail) = bad_key(key) {
            causes.push(Cause::invalid(
                "metadata.labels",
                &key.as_str().into(),
                &detail,
            ));
        }
        let value = value.as_str().unwrap_or_default();
        if !is_label_value(value) {
            causes.push(Cause::invalid(
                "metadata.labels",
                &value.into(),
                LABEL_VALUE,
            ));
        }
    }
    let mut size = 0;
    for (key, value) in members(new, "/metadata/annotations") {
        if let Some(detail) = bad_key(&key.to_lowercase()) {
            causes.push(Cause::invalid(
                "metadata.annotations",
                &key.as_str().into(),
                &detail,
            ));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > 256 << 10 {
        causes.push(Cause::new(
            "FieldValueTooLong",
            format!("Too long: may not be more than {} bytes", 256 << 10),
            "metadata.annotations",
        ));
    }
    for (index, owner) in list(new, "/metadata/ownerReferences").iter().enumerate() {
        for member in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, &format!("/{member}")).is_empty() {
                let path = format!("metadata.ownerReferences[{index}].{member}");
                causes.push(Cause::required(path, "must not be empty"));
            }
        }
    }
    let controllers = list(new, "/metadata/ownerReferences")
        .iter()
        .filter(|owner| owner["controller"] == true);
    if controllers.count() > 1 {
        let value = new["metadata"]["ownerReferences"].clone();
        let detail = "Only one reference can have Controller set to true";
        causes.push(Cause::invalid("metadata.ownerReferences", &value, detail));
    }
    for finalizer in list(new, "/metadata/finalizers") {
        let name = finalizer.as_str().unwrap_or_default();
        // The last is the server's own, on definitions.
        let bare = matches!(
            name,
            "orphan"
                | "foregroundDeletion"
                | "kubernetes"
                | "customresourcecleanup.apiextensions.k8s.io"
        );
        if !name.contains('/') && !bare && !resource.is_custom() {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid("metadata.finalizers", finalizer, detail));
        }
    }
    if let Some(old) = old {
        let before = list(old, "/metadata/finalizers");
        let added: Vec<&Value> = list(new, "/metadata/finalizers")
            .iter()
            .filter(|finalizer| !before.contains(finalizer))
            .collect();
        if is_deleting(old) && !added.is_empty() {
            let detail = "no new finalizers can be added if the object is being deleted";
            causes.push(Cause::forbidden(
                "metadata.finalizers",
                &format!("{detail}, found new finalizers {added:?}"),
            ));
        }
    }
}

/// A field that may not change.
pub(super) fn immutable(old: &Value, new: &Value, pointer: &str, causes: &mut Vec<Cause>) {
    let null = Value::Null;
    let before = old.pointer(pointer).unwrap_or(&null);
    let after = new.pointer(pointer).unwrap_or(&null);
    if !same(before, after) {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        causes.push(Cause::invalid(path, after, "field is immutable"));
    }
}

pub(super) const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
pub(super) const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
pub(super) const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const PATH: &str = "may not contain '/' or '%', or be '.' or '..'";

/// What is wrong with a name.
fn bad_name(resource: &Resource, name: &str) -> Option<&'static str> {
    let core = resource.group.is_empty();
    let (good, detail) = match resource.kind.as_str() {
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" | "FlowSchema" => {
            (is_path_segment(name), PATH)
        }
        "Namespace" if core => (is_label(name), LABEL),
        "Service" if core => (is_label_1035(name), LABEL_1035),
        _ => (is_subdomain(name), SUBDOMAIN),
    };
    (!good).then_some(detail)
}

fn is_path_segment(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%'])
}

pub(super) fn is_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

pub(super) fn is_label_1035(name: &str) -> bool {
    is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

pub(super) fn is_subdomain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|part| {
            let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
            !part.is_empty()
                && part.bytes().all(inner)
                && !part.starts_with('-')
                && !part.ends_with('-')
        })
}

pub(super) fn is_label_value(value: &str) -> bool {
    let edge = |c: u8| c.is_ascii_alphanumeric();
    value.is_empty()
        || value.len() <= 63
            && value.bytes().all(|c| edge(c) || b"-_.".contains(&c))
            && value.bytes().next().is_some_and(edge)
            && value.bytes().last().is_some_and(edge)
}

/// What is wrong with the key of a label or annotation.
fn bad_key(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if let Some(prefix) = prefix
        && !is_subdomain(prefix)
    {
        return Some(format!("prefix part {SUBDOMAIN}"));
    }
    if name.is_empty() || !is_label_value(name) {
        return Some(QUALIFIED.to_owned());
    }
    None
}
