//! What `function-patch-and-transform` makes of a composition: the objects, with what is copied into them.
//! <https://github.com/crossplane-contrib/function-patch-and-transform/blob/v0.9.0/transforms.go>

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// A field by its path: `metadata.annotations[crossplane.io/external-name]`.
fn steps(path: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (index, piece) in path.split(['[', ']']).enumerate() {
        if index % 2 == 1 {
            out.push(piece.to_owned());
        } else {
            out.extend(
                piece
                    .split('.')
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned),
            );
        }
    }
    out
}

fn get<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    let found = steps(path).iter().try_fold(json, |at, step| at.get(step))?;
    (!found.is_null()).then_some(found)
}

fn set(json: &mut Json, path: &str, value: Json) {
    let mut at = json;
    for step in steps(path) {
        if at.is_null() {
            *at = json!({});
        }
        at = &mut at[step];
    }
    *at = value;
}

fn transformed(value: Json, transform: &Json) -> Json {
    let text = || value.as_str().expect("a text");
    match transform["type"].as_str() {
        Some("map") => transform["map"][text()].clone(),
        Some("convert") => json!(value.to_string()),
        Some("match") => {
            let patterns = transform["match"]["patterns"]
                .as_array()
                .into_iter()
                .flatten();
            let found = patterns.into_iter().find(|p| {
                assert_eq!(p["type"], "literal");
                p["literal"] == value
            });
            found
                .map_or(&transform["match"]["fallbackValue"], |p| &p["result"])
                .clone()
        }
        Some("math") => {
            assert_eq!(transform["math"]["type"], "Multiply");
            let by = transform["math"]["multiply"].as_i64().expect("a number");
            json!(value.as_i64().expect("a number") * by)
        }
        Some("string") => {
            let how = &transform["string"];
            json!(match how["type"].as_str() {
                Some("Format") => how["fmt"].as_str().expect("a format").replace("%s", text()),
                Some("Convert") => {
                    assert_eq!(how["convert"], "ToSha256");
                    hex::encode(Sha256::digest(text().as_bytes()))
                }
                Some("Regexp") => {
                    assert_eq!(how["regexp"]["match"], "^[0-9a-f]{20}");
                    text()[..20].to_owned()
                }
                other => panic!("{other:?}"),
            })
        }
        other => panic!("{other:?}"),
    }
}

/// The objects that a composition makes of what was asked for.
pub(super) fn compose(composition: &Json, asked: &Json) -> Vec<Json> {
    let resources = composition["spec"]["pipeline"][0]["input"]["resources"].as_array();
    let one = |resource: &Json| {
        let mut made = resource["base"].clone();
        made["metadata"]["name"] = json!("made");
        made["metadata"]["namespace"] = asked["metadata"]["namespace"].clone();
        for patch in resource["patches"].as_array().into_iter().flatten() {
            let path = |name: &str| patch[name].as_str().expect("a path");
            if patch["type"] != "FromCompositeFieldPath" {
                assert_eq!(patch["type"], "ToCompositeFieldPath");
                continue;
            }
            let Some(value) = get(asked, path("fromFieldPath")).cloned() else {
                continue;
            };
            let transforms = patch["transforms"].as_array().into_iter().flatten();
            set(
                &mut made,
                path("toFieldPath"),
                transforms.fold(value, transformed),
            );
        }
        made
    };
    resources.expect("resources").iter().map(one).collect()
}

/// The fields of what was asked for that a composition fills in, without `status.`.
pub(super) fn told(composition: &Json) -> Vec<String> {
    let resources = composition["spec"]["pipeline"][0]["input"]["resources"].as_array();
    let patches = resources
        .into_iter()
        .flatten()
        .flat_map(|r| r["patches"].as_array().into_iter().flatten());
    let to = patches
        .filter(|p| p["type"] == "ToCompositeFieldPath")
        .filter_map(|p| p["toFieldPath"].as_str());
    to.filter_map(|p| p.strip_prefix("status."))
        .map(str::to_owned)
        .collect()
}
