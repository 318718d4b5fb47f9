//! Which fields are ours, by the object's `managedFields`, and what of a manifest is no longer as it says. What the server or
//! a webhook made of a field when we applied it is still ours, and no difference; what somebody else set since is theirs.
//!
//! The form of `fieldsV1` is that of `FieldsV1` in `k8s.io/apimachinery/pkg/apis/meta/v1` and of
//! `sigs.k8s.io/structured-merge-diff/v6/fieldpath`: `f:NAME` for a field, `k:{…}` for an item of a list by its keys, `v:…` for a
//! value of a set, `i:N` for an item by its place, `.` for the thing itself.

use serde_json::{Map, Value as Json};

/// The fields of one manager, as the server keeps them; empty for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned(Map<String, Json>);

/// All fields that a manager applied.
pub(crate) fn owned(object: &Json, manager: &str) -> Owned {
    owned_by(object, |name, operation| {
        name == manager && operation == "Apply"
    })
}

/// All fields of the managers that are meant, by name and by how they set them: `Apply` or `Update`.
pub(crate) fn owned_by(object: &Json, meant: impl Fn(&str, &str) -> bool) -> Owned {
    let entries = object["metadata"]["managedFields"].as_array();
    let (mut ours, mut theirs) = (Map::new(), Map::new());
    for entry in entries.into_iter().flatten() {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let is_ours = meant(text("manager"), text("operation")) && text("subresource").is_empty();
        if let Some(fields) = entry["fieldsV1"].as_object() {
            merge(if is_ours { &mut ours } else { &mut theirs }, fields);
        }
    }
    open(&mut ours, &theirs);
    Owned(ours)
}

/// What is null is not said: a conditional expression leaves a field out so.
pub(crate) fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(map) => map
            .into_iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k, without_nulls(v)))
            .collect(),
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// The fields of both.
pub(crate) fn merge(into: &mut Map<String, Json>, from: &Map<String, Json>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Json::Object(inner)), Json::Object(more)) => merge(inner, more),
            (Some(_), _) => {}
            (None, _) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// A map of ours of which others own all that is in it is written like a value of ours, `{}`. That others own something in it
/// tells the two apart: only the thing itself is ours then.
fn open(ours: &mut Map<String, Json>, theirs: &Map<String, Json>) {
    for (key, inner) in ours {
        let (Json::Object(inner), Some(Json::Object(other))) = (inner, theirs.get(key)) else {
            continue;
        };
        if inner.is_empty() && other.keys().any(|k| k != ".") {
            inner.insert(".".to_owned(), Json::Object(Map::new()));
        } else {
            open(inner, other);
        }
    }
}

impl Owned {
    /// A value, or a list or map that has one owner as a whole. With `.` alone it is only there because of the owner: what is in
    /// it is somebody else's by now.
    fn is_leaf(&self) -> bool {
        self.0.is_empty()
    }

    fn child(&self, key: &str) -> Option<Owned> {
        Some(Owned(self.0.get(key)?.as_object()?.clone()))
    }

    fn field(&self, name: &str) -> Option<Owned> {
        self.child(&format!("f:{name}"))
    }

    /// The items of a list that has keys, each with the values of its keys.
    fn items(&self) -> impl Iterator<Item = (Map<String, Json>, &Json)> {
        self.0.iter().filter_map(|(key, inner)| {
            let keys = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
            Some((keys, inner))
        })
    }

    /// The values of a list that is a set.
    fn values(&self) -> impl Iterator<Item = Json> {
        self.0
            .keys()
            .filter_map(|key| serde_json::from_str(key.strip_prefix("v:")?).ok())
    }
}

/// The manifest as it is there: where somebody else has set a field to another value, or taken it away, that is what it says.
/// Equal to the manifest when nothing of it has changed.
pub(crate) fn found(manifest: &Json, live: &Json, owned: &Owned) -> Json {
    let mut out = Map::new();
    for (name, wanted) in manifest.as_object().into_iter().flatten() {
        // Identity: it is this object.
        if matches!(&**name, "apiVersion" | "kind") {
            out.insert(name.clone(), wanted.clone());
            continue;
        }
        if name == "metadata" {
            let mut metadata = Map::new();
            for (name, wanted) in wanted.as_object().into_iter().flatten() {
                if matches!(&**name, "name" | "namespace") {
                    metadata.insert(name.clone(), wanted.clone());
                    continue;
                }
                let inside = owned.field("metadata");
                let ours = inside.as_ref().and_then(|o| o.field(name));
                field(
                    &mut metadata,
                    name,
                    wanted,
                    live["metadata"].get(name),
                    ours.as_ref(),
                );
            }
            out.insert(name.clone(), Json::Object(metadata));
            continue;
        }
        field(
            &mut out,
            name,
            wanted,
            live.get(name),
            owned.field(name).as_ref(),
        );
    }
    Json::Object(out)
}

fn field(
    out: &mut Map<String, Json>,
    name: &str,
    wanted: &Json,
    live: Option<&Json>,
    ours: Option<&Owned>,
) {
    if let Some(value) = value(wanted, live, ours) {
        out.insert(name.to_owned(), value);
    }
}

/// What is there of one value; none when it has been taken away.
fn value(wanted: &Json, live: Option<&Json>, ours: Option<&Owned>) -> Option<Json> {
    // The server does not keep what is empty.
    if is_empty(wanted) && live.is_none_or(is_empty) {
        return Some(wanted.clone());
    }
    if ours.is_some_and(Owned::is_leaf) {
        return Some(wanted.clone());
    }
    let live = live.filter(|l| !l.is_null())?;
    Some(match (wanted, live) {
        (Json::Object(wanted), Json::Object(_)) => {
            let mut out = Map::new();
            for (name, wanted) in wanted {
                let inside = ours.and_then(|o| o.field(name));
                field(&mut out, name, wanted, live.get(name), inside.as_ref());
            }
            Json::Object(out)
        }
        (Json::Array(wanted), Json::Array(live)) => list(wanted, live, ours),
        _ if same(wanted, live) => wanted.clone(),
        _ => live.clone(),
    })
}

fn list(wanted: &[Json], live: &[Json], ours: Option<&Owned>) -> Json {
    let keyed: Vec<(Map<String, Json>, &Json)> =
        ours.map(|o| o.items().collect()).unwrap_or_default();
    if !keyed.is_empty() {
        let names: Vec<&String> = keyed[0].0.keys().collect();
        let is_at = |item: &Json, keys: &Map<String, Json>| {
            keys.iter()
                .all(|(k, v)| item.get(k).is_none_or(|found| same(found, v)))
        };
        let mut out = Vec::new();
        for item in wanted {
            let own = keyed.iter().find(|(keys, _)| is_at(item, keys));
            let there = live.iter().find(|l| match own {
                Some((keys, _)) => is_at(l, keys),
                None => names.iter().all(|name| l.get(*name) == item.get(*name)),
            });
            let inside = own
                .and_then(|(_, inner)| inner.as_object())
                .cloned()
                .map(Owned);
            out.extend(value(item, there, inside.as_ref()));
        }
        return Json::Array(out);
    }
    let set: Vec<Json> = ours.map(|o| o.values().collect()).unwrap_or_default();
    if !set.is_empty() {
        let there = |item: &&Json| set.contains(item) || live.contains(item);
        return Json::Array(wanted.iter().filter(there).cloned().collect());
    }
    // Nobody's, or somebody else's as a whole: the same as long as all that was asked for is there.
    if covers(&Json::Array(wanted.to_vec()), &Json::Array(live.to_vec())) {
        Json::Array(wanted.to_vec())
    } else {
        Json::Array(live.to_vec())
    }
}

/// Whether everything that is wanted is there, whatever else is.
pub(crate) fn covers(wanted: &Json, live: &Json) -> bool {
    match (wanted, live) {
        (Json::Object(wanted), Json::Object(live)) => {
            wanted.iter().all(|(name, wanted)| match live.get(name) {
                Some(live) => covers(wanted, live),
                None => is_empty(wanted),
            })
        }
        (Json::Array(wanted), Json::Array(live)) => {
            wanted.len() == live.len() && wanted.iter().zip(live).all(|(w, l)| covers(w, l))
        }
        _ => same(wanted, live),
    }
}

fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Object(map) => map.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Equal, or numbers of one value, or quantities of one amount.
fn same(a: &Json, b: &Json) -> bool {
    if a == b {
        return true;
    }
    let number = |json: &Json| json.as_f64();
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a == b;
    }
    let text = |json: &Json| {
        json.as_str()
            .map(str::to_owned)
            .or_else(|| Some(json.as_number()?.to_string()))
    };
    match (text(a), text(b)) {
        (Some(a), Some(b)) => {
            let (a, b) = (quantity(&a), quantity(&b));
            a.is_some() && a == b
        }
        _ => false,
    }
}

/// A quantity such as `500m` or `2Gi`, in thousandths: the server writes them in the shortest form
/// (`k8s.io/apimachinery/pkg/api/resource`).
fn quantity(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale: i128 = match unit {
        "m" => 1,
        "" => 1000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 6 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(digits * scale * 1000 / 10_i128.pow(u32::try_from(fraction.len()).ok()?))
}

/// The paths at which two values differ, for people.
pub(crate) fn differences(wanted: &Json, live: &Json, at: &str, out: &mut Vec<String>) {
    match (wanted, live) {
        (Json::Object(wanted), Json::Object(live)) => {
            for (name, wanted) in wanted {
                let at = if at.is_empty() {
                    name.clone()
                } else {
                    format!("{at}.{name}")
                };
                match live.get(name) {
                    Some(live) => differences(wanted, live, &at, out),
                    None => out.push(at),
                }
            }
        }
        (Json::Array(wanted), Json::Array(live)) if wanted.len() == live.len() => {
            for (i, (wanted, live)) in wanted.iter().zip(live).enumerate() {
                differences(wanted, live, &format!("{at}[{i}]"), out);
            }
        }
        _ if wanted == live => {}
        _ => out.push(at.to_owned()),
    }
}

#[cfg(test)]
mod tests;
