//! `kubernetes_manifest`: any object.

use crate::apply::{self, Settings};
use crate::fields::{self, without_nulls};
use crate::kind::Kind;
use crate::object::{self, Reference};
use crate::options::{self, FieldManager, Timeouts, Wait};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::{Path, PlanRequest, Planned, ProviderError, Record, Type, Value, json};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Any Kubernetes object, applied on the server: what the manifest says is owned by infra and kept as it says; what others add
/// is left alone. A custom resource and the definition of its kind may be made by one apply.
#[derive(Clone, Debug, Record)]
pub(crate) struct ManifestRecord {
    /// `apiVersion=…,kind=…,namespace=…,name=…`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The object, with `apiVersion`, `kind` and `metadata.name`. `status` has no place in it.
    #[record(required)]
    pub(crate) manifest: Value,
    /// What is there of it: the fields that the manifest has, as the server keeps them, those of `computed_fields`, and the
    /// `uid`.
    #[record(computed)]
    pub(crate) object: Value,
    /// Paths of fields that others decide, such as `spec.replicas` or `status.loadBalancer.ingress`: they are in `object` as they are, and
    /// another value than the manifest's is no difference.
    #[record(optional)]
    pub(crate) computed_fields: BTreeSet<String>,
    /// What becomes of an object's dependents when it is deleted: `Foreground`, `Background` or `Orphan`.
    #[record(optional, default = "Foreground")]
    pub(crate) deletion_propagation: String,
    /// What must have come true before the object counts as made.
    #[record(block, max = 1)]
    pub(crate) wait: Vec<Wait>,
    /// Who applies.
    #[record(block, max = 1)]
    pub(crate) field_manager: Vec<FieldManager>,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// The type.
pub(crate) struct Manifest;

impl Kind for Manifest {
    type Record = ManifestRecord;
    const TYPE: &'static str = "kubernetes_manifest";

    fn id(record: &ManifestRecord) -> String {
        if let Some(id) = &record.id {
            return id.clone();
        }
        Reference::of(&json::to_json(&record.manifest)).map_or_else(String::new, |o| o.to_string())
    }

    fn object(id: &str) -> Result<Reference, ProviderError> {
        Reference::parse(id)
    }

    /// The text of secrets is sent in the form that is kept, so that who owns it can be told.
    fn body(record: &ManifestRecord) -> Result<Json, ProviderError> {
        let mut body = without_nulls(json::to_json(&record.manifest));
        apply::reference(&body)?;
        if is_secret(&body)
            && let Some(Json::Object(texts)) =
                body.as_object_mut().and_then(|b| b.remove("stringData"))
        {
            if !body["data"].is_object() {
                body["data"] = json!({});
            }
            for (name, text) in texts {
                let text = text
                    .as_str()
                    .map_or_else(|| text.to_string(), str::to_owned);
                body["data"][name] = json!(STANDARD.encode(text));
            }
        }
        Ok(body)
    }

    fn settings(record: &ManifestRecord) -> Result<Settings, ProviderError> {
        let mut settings = options::settings(
            record.field_manager.first(),
            record.wait.first(),
            record.timeouts.first(),
        )?;
        settings
            .propagation
            .clone_from(&record.deletion_propagation);
        Ok(settings)
    }

    fn made(desired: ManifestRecord, live: &Json) -> ManifestRecord {
        let object = object_of(&desired, live);
        ManifestRecord {
            id: Some(Self::id(&desired)),
            object,
            ..desired
        }
    }

    fn found(prior: Option<ManifestRecord>, body: &Json, live: &Json) -> ManifestRecord {
        let Some(mut prior) = prior else {
            let manifest = secretive(json::implied(body));
            let record = ManifestRecord {
                id: None,
                manifest,
                object: Value::NULL,
                computed_fields: BTreeSet::new(),
                deletion_propagation: "Foreground".to_owned(),
                wait: Vec::new(),
                field_manager: Vec::new(),
                timeouts: Vec::new(),
            };
            return Self::made(record, live);
        };
        let mut seen = body.clone();
        let said = json::to_json(&prior.manifest);
        for path in &prior.computed_fields {
            // Others decide: whatever is there is what was said.
            if let Some(said) = object::at(&said, path) {
                object::put(&mut seen, path, said.clone());
            }
        }
        // Only what has changed is another value: the manifest keeps its own forms.
        if Self::body(&prior).ok().as_ref() != Some(&seen) {
            prior.manifest = secretive(json::implied(&seen));
        }
        Self::made(prior, live)
    }

    fn uid(record: &ManifestRecord) -> Option<String> {
        let metadata = record.object.get("metadata")?;
        metadata.get("uid")?.as_str().map(str::to_owned)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let manifest = planned
            .value
            .get("manifest")
            .cloned()
            .unwrap_or(Value::NULL);
        let identity = identity(&manifest);
        let id = identity
            .as_ref()
            .map_or(Value::Unknown(Type::String), |o| Value::from(o.to_string()));
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value
            .with_attribute("id", id.clone())
            .with_attribute("manifest", secretive(manifest.clone()));
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let old = prior
            .get("id")
            .and_then(Value::as_str)
            .map(Reference::parse);
        if let (Some(Ok(old)), Some(new)) = (old, &identity)
            && !old.is(new)
        {
            planned.replace.push(Path::attribute("manifest"));
            return Ok(());
        }
        let same = |name: &str| {
            let (old, new) = (prior.get(name), planned.value.get(name));
            old.map(Value::unmark_deep) == new.map(Value::unmark_deep)
        };
        if !(same("manifest") && same("computed_fields")) {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("object", Value::UNKNOWN);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = options::validate(config);
        let Some(manifest) = config.get("manifest").filter(|m| !m.is_unknown()) else {
            return errors;
        };
        let mut wrong = |message: String| errors.push(ProviderError::invalid("manifest", message));
        let Some(entries) = manifest.entries() else {
            wrong("a manifest is a table with `apiVersion`, `kind` and `metadata`".to_owned());
            return errors;
        };
        for (holder, name) in [
            (Some(manifest), "apiVersion"),
            (Some(manifest), "kind"),
            (manifest.get("metadata"), "name"),
        ] {
            let Some(holder) = holder.filter(|h| !h.is_null()) else {
                wrong("`metadata` is missing, with the object's `name` in it".to_owned());
                continue;
            };
            if holder.is_unknown() || holder.get(name).is_some_and(Value::is_unknown) {
                continue;
            }
            if holder
                .get(name)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                let place = if name == "name" {
                    "metadata.name"
                } else {
                    name
                };
                wrong(format!("`{place}` is missing"));
            }
        }
        if entries.contains_key("status") {
            wrong("`status` is said by the cluster; name the paths that you want to know in `computed_fields`".to_owned());
        }
        if manifest
            .get("kind")
            .and_then(Value::as_str)
            .is_some_and(|k| k.ends_with("List") && entries.contains_key("items"))
        {
            wrong(
                "this is a list of objects; make one resource of each, with `for_each`".to_owned(),
            );
        }
        let propagation = config.get("deletion_propagation").and_then(Value::as_str);
        if let Some(other) =
            propagation.filter(|p| !["Foreground", "Background", "Orphan"].contains(p))
        {
            errors.push(ProviderError::invalid(
                "deletion_propagation",
                format!("`{other}` is not `Foreground`, `Background` or `Orphan`"),
            ));
        }
        errors
    }
}

/// Which object it is, as far as that is known.
pub(crate) fn identity(manifest: &Value) -> Option<Reference> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let metadata = manifest.get("metadata")?;
    let namespace = metadata.get("namespace");
    if namespace.is_some_and(Value::is_unknown) || manifest.is_unknown() {
        return None;
    }
    Some(Reference {
        api_version: text(manifest.get("apiVersion"))?,
        kind: text(manifest.get("kind"))?,
        namespace: text(namespace).filter(|n| !n.is_empty()),
        name: text(metadata.get("name"))?,
    })
}

/// What the server says of the fields that were asked for.
fn object_of(record: &ManifestRecord, live: &Json) -> Value {
    let said = json::to_json(&record.manifest);
    let mut object = common(&without_nulls(said), live);
    object["apiVersion"] = live["apiVersion"].clone();
    object["kind"] = live["kind"].clone();
    for path in ["metadata.name", "metadata.namespace", "metadata.uid"]
        .into_iter()
        .chain(record.computed_fields.iter().map(String::as_str))
        .chain(
            record
                .wait
                .iter()
                .flat_map(|w| w.fields.keys().map(String::as_str)),
        )
    {
        if let Some(found) = object::at(live, path) {
            object::put(&mut object, path, found.clone());
        }
    }
    let value = json::implied(&object);
    if is_secret(live) {
        value.sensitive()
    } else {
        value
    }
}

/// The part of an object that a manifest speaks of. Of lists it is the items that the manifest has, where each of them is found
/// again: others may have put items of theirs beside them. Other lists are whole.
fn common(said: &Json, live: &Json) -> Json {
    match (said, live) {
        (Json::Object(said), Json::Object(live)) => said
            .iter()
            .filter_map(|(name, said)| Some((name.clone(), common(said, live.get(name)?))))
            .collect(),
        (Json::Array(said), Json::Array(live)) => {
            let same = |said: &Json, live: &Json| match said.get("name") {
                Some(name) => live.get("name") == Some(name),
                None => fields::covers(said, live),
            };
            let found = said.iter().map(|said| {
                let live = live.iter().find(|live| same(said, live))?;
                Some(common(said, live))
            });
            let found: Option<Vec<Json>> = found.collect();
            Json::Array(found.unwrap_or_else(|| live.clone()))
        }
        _ => live.clone(),
    }
}

fn is_secret(object: &Json) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// The entries of a secret are one, however they were written.
fn secretive(manifest: Value) -> Value {
    let text = |name: &str| manifest.get(name).and_then(Value::as_str);
    if text("kind") != Some("Secret") || text("apiVersion") != Some("v1") {
        return manifest;
    }
    ["data", "stringData"]
        .into_iter()
        .fold(manifest, |manifest, name| {
            match manifest.get(name).filter(|v| !v.is_null()).cloned() {
                Some(entries) => manifest.with_attribute(name, entries.sensitive()),
                None => manifest,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_others_put_beside_ours_are_theirs() {
        let said = json!({"containers": [{"name": "web", "image": "a"}], "args": ["x"]});
        let live = json!({"containers": [{"name": "sidecar"}, {"name": "web", "image": "b", "stdin": true}], "args": ["x", "y"]});
        let ours = json!({"containers": [{"name": "web", "image": "b"}], "args": ["x"]});
        assert_eq!(common(&said, &live), ours);
        // What is not found again shows the whole list.
        let other = json!({"args": ["z"]});
        assert_eq!(common(&said, &other), other);
    }
}
