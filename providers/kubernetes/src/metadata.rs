//! Metadata of the kinds that have types of their own.

use infra_model::{Path, PlanRequest, Planned, ProviderError, Record, Type, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// An object's metadata, inside a namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Metadata {
    /// The object's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Its namespace.
    #[record(optional, force_new, default = "default")]
    pub(crate) namespace: String,
    /// Labels. What others add is left alone.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations. What others add is left alone.
    #[record(optional)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Tells the object from others of the same name before and after it.
    #[record(computed)]
    pub(crate) uid: Option<String>,
}

/// Metadata of what is in no namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterMetadata {
    /// The object's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Labels. What others add is left alone.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations. What others add is left alone.
    #[record(optional)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Tells the object from others of the same name before and after it.
    #[record(computed)]
    pub(crate) uid: Option<String>,
}

/// Labels or annotations by key.
type Texts = BTreeMap<String, String>;

/// Metadata as it is applied.
pub(crate) fn body(
    name: &str,
    namespace: Option<&str>,
    labels: &Texts,
    annotations: &Texts,
) -> Json {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    for (key, texts) in [("labels", labels), ("annotations", annotations)] {
        if !texts.is_empty() {
            metadata[key] = json!(texts);
        }
    }
    metadata
}

/// Entries of a map of texts.
pub(crate) fn texts(json: &Json) -> Texts {
    let entries = json.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned())))
        .collect()
}

/// The uid of a live object.
pub(crate) fn uid(live: &Json) -> Option<String> {
    live["metadata"]["uid"].as_str().map(str::to_owned)
}

impl Metadata {
    /// As it is found.
    pub(crate) fn found(body: &Json, live: &Json) -> Metadata {
        let metadata = &body["metadata"];
        let text = |name: &str| {
            live["metadata"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Metadata {
            name: text("name"),
            namespace: text("namespace"),
            labels: texts(&metadata["labels"]),
            annotations: texts(&metadata["annotations"]),
            uid: uid(live),
        }
    }

    /// As it is applied.
    pub(crate) fn body(&self) -> Json {
        body(
            &self.name,
            Some(&self.namespace),
            &self.labels,
            &self.annotations,
        )
    }

    /// `NAMESPACE/NAME`
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The namespace and the name of an id `NAMESPACE/NAME`.
///
/// # Errors
/// Text of another form.
pub(crate) fn parse(id: &str) -> Result<(String, String), ProviderError> {
    match id.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(ProviderError::invalid(
            "id",
            format!("`{id}` is not NAMESPACE/NAME"),
        )),
    }
}

/// Plans the id, which the metadata makes.
pub(crate) fn plan_id(planned: &mut Planned) {
    let metadata = planned.value.get("metadata").and_then(Value::elements);
    let metadata = metadata.and_then(<[Value]>::first).cloned();
    plan_id_of(planned, &metadata.unwrap_or(Value::NULL));
}

/// The same where name and namespace stand at the top.
pub(crate) fn plan_name(planned: &mut Planned) {
    let whole = planned.value.clone();
    plan_id_of(planned, &whole);
}

fn plan_id_of(planned: &mut Planned, named: &Value) {
    let part = |name: &str| named.get(name).map(|v| v.as_str().map(str::to_owned));
    let id = match (part("namespace"), part("name")) {
        (Some(Some(namespace)), Some(Some(name))) => Value::from(format!("{namespace}/{name}")),
        (None, Some(Some(name))) => Value::from(name),
        _ => Value::Unknown(Type::String),
    };
    let value = std::mem::replace(&mut planned.value, Value::NULL);
    planned.value = value.with_attribute("id", id);
}

/// What cannot change is replaced when it changes.
pub(crate) fn plan_immutable(request: &PlanRequest<'_>, planned: &mut Planned, names: &[&str]) {
    let Some(prior) = request.prior else { return };
    if prior.get("immutable").and_then(Value::as_bool) != Some(true) {
        return;
    }
    for name in names.iter().chain(&["immutable"]) {
        let of = |value: &Value| value.get(name).map(Value::unmark_deep);
        if of(prior) != of(&planned.value) {
            planned.replace.push(Path::attribute(*name));
        }
    }
}
