//! Bodies of which only some fields are declared: what is there of them, and what changes.

use serde_json::{Map, Value as Json};

/// What is there of the fields that `said` declares. What an answer leaves out stands as it was said: secrets are never told,
/// and what is empty is often left out. Letter case of texts says nothing, since services write ids as they like.
pub(super) fn declared(found: &Json, said: &Json) -> Json {
    match (found, said) {
        (Json::Object(found), Json::Object(said)) => {
            let there = |(name, said): (&String, &Json)| {
                let json = found.get(name).filter(|found| !found.is_null());
                let json = json.map_or_else(|| said.clone(), |found| declared(found, said));
                (name.clone(), json)
            };
            Json::Object(said.iter().map(there).collect())
        }
        (Json::Array(found), Json::Array(said)) if found.len() == said.len() => {
            let twin = |(i, said): (usize, &Json)| {
                let name = said.get("name").filter(|name| name.is_string());
                let same = |found: &&Json| name.is_some() && found.get("name") == name;
                let found = found.iter().find(same).unwrap_or(&found[i]);
                declared(found, said)
            };
            Json::Array(said.iter().enumerate().map(twin).collect())
        }
        (Json::String(found), Json::String(said)) if found.eq_ignore_ascii_case(said) => {
            Json::String(said.clone())
        }
        (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64() => said.clone(),
        _ => found.clone(),
    }
}

/// The fields that change between two bodies, as JSON Merge Patch (RFC 7396) has it: what is said no more is null.
pub(super) fn patch(old: &Map<String, Json>, new: &Map<String, Json>) -> Map<String, Json> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Json::Null));
    let changed = new.iter().filter_map(|(name, new)| {
        let json = match (old.get(name), new) {
            (Some(old), new) if old == new => return None,
            (Some(Json::Object(old)), Json::Object(new)) => Json::Object(patch(old, new)),
            (_, new) => new.clone(),
        };
        Some((name.clone(), json))
    });
    changed.chain(gone).collect()
}

/// The fields of an answer that paths name, in their places: `properties.ipAddress`; `*` is the whole answer.
pub(super) fn exported<'a>(found: &Json, paths: impl Iterator<Item = &'a str>) -> Json {
    let mut out = Json::Object(Map::new());
    for path in paths {
        if path == "*" {
            return found.clone();
        }
        let place = path.replace('.', "/");
        let json = crate::wire::get(found, &place).cloned();
        crate::wire::put(&mut out, &place, json.unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_declared_is_looked_at() {
        let said = json!({ "sku": { "name": "Standard" }, "properties": {
            "secret": "s", "id": "/subscriptions/S/x", "rules": [{ "name": "b", "port": 2 }, { "name": "a", "port": 1 }],
        } });
        let found = json!({ "id": "i", "sku": { "name": "Standard", "tier": "Regional" }, "properties": {
            "state": "Ready", "id": "/subscriptions/s/X", "rules": [{ "name": "a", "port": 1.0 }, { "name": "b", "port": 2, "x": 1 }],
        } });
        assert_eq!(declared(&found, &said), said);
        let mut drifted = found;
        drifted["properties"]["rules"][0]["port"] = json!(7);
        let there = declared(&drifted, &said);
        assert_eq!(
            there["properties"]["rules"][1],
            json!({ "name": "a", "port": 7 })
        );
        drifted["properties"]["rules"] = json!([]);
        assert_eq!(declared(&drifted, &said)["properties"]["rules"], json!([]));
    }

    #[test]
    fn a_patch_has_what_changes_and_what_goes() {
        let fields = |json: Json| json.as_object().cloned().unwrap_or_default();
        let old = fields(json!({ "a": 1, "p": { "x": 1, "y": 2 }, "z": [1] }));
        let new = fields(json!({ "a": 1, "p": { "x": 3 }, "w": true }));
        let expected = json!({ "p": { "x": 3, "y": null }, "w": true, "z": null });
        assert_eq!(Json::Object(patch(&old, &new)), expected);
        assert!(patch(&old, &old).is_empty());
    }

    #[test]
    fn exports_keep_their_places() {
        let found = json!({ "id": "i", "properties": { "a": { "b": 1 }, "c": 2 } });
        let paths = ["properties.a.b", "properties.none"];
        let expected = json!({ "properties": { "a": { "b": 1 }, "none": null } });
        assert_eq!(exported(&found, paths.into_iter()), expected);
        assert_eq!(exported(&found, ["*"].into_iter()), found);
    }
}
