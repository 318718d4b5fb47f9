//! One resource in the making, with what it needs before it, as far as that is not plain from what it is.

use infra_draft::names;
use serde_json::{Map, Value as Json, json};

/// Which provider configuration a node uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// The cluster.
    Cluster,
    /// The cluster's cloud.
    Cloud,
    /// Nowhere: the state alone.
    Builtin,
}

/// A resource in the making.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// `kubernetes_manifest`
    pub(crate) type_name: &'static str,
    /// Unique for its type.
    pub(crate) name: String,
    /// Its attributes.
    pub(crate) body: Json,
    /// Whose it is.
    pub(crate) place: Where,
    /// What comes before it, by address.
    pub(crate) after: Vec<String>,
    /// Kinds that its objects have, `GROUP/KIND`, beside that of a manifest.
    pub(crate) kinds: Vec<String>,
    /// The API groups whose objects its webhooks judge: they come after it.
    pub(crate) serves: Vec<&'static str>,
}

impl Node {
    /// A node of these attributes.
    pub(crate) fn new(
        type_name: &'static str,
        name: impl Into<String>,
        place: Where,
        body: Json,
    ) -> Node {
        Node {
            type_name,
            name: name.into(),
            body,
            place,
            after: Vec::new(),
            kinds: Vec::new(),
            serves: Vec::new(),
        }
    }

    /// `kubernetes_manifest.gateway_main`
    pub(crate) fn address(&self) -> String {
        format!("{}.{}", self.type_name, self.name)
    }

    /// The object, if it is one.
    pub(crate) fn object(&self) -> Option<&Json> {
        self.body.get("manifest")
    }

    /// The namespace that it stands in.
    pub(crate) fn namespace(&self) -> Option<&str> {
        let place = match self.type_name {
            "helm_release" => self.body.get("namespace"),
            "kubernetes_manifest" => self.body.pointer("/manifest/metadata/namespace"),
            "kubernetes_secret" | "kubernetes_config_map" => {
                self.body.pointer("/metadata/namespace")
            }
            _ => None,
        };
        place.and_then(Json::as_str)
    }
}

/// What must have come true before an object counts as made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wait(Map<String, Json>);

impl Wait {
    /// A condition of its status is true.
    pub(crate) fn condition(mut self, kind: &str) -> Wait {
        let conditions = self.0.entry("condition").or_insert_with(|| json!([]));
        if let Some(all) = conditions.as_array_mut() {
            all.push(json!({ "type": kind, "status": "True" }));
        }
        self
    }

    /// It is rolled out.
    pub(crate) fn rollout(mut self) -> Wait {
        self.0.insert("rollout".into(), json!(true));
        self
    }

    /// A field's text matches a regular expression.
    pub(crate) fn field(mut self, path: &str, pattern: &str) -> Wait {
        let fields = self.0.entry("fields").or_insert_with(|| json!({}));
        fields[path] = json!(pattern);
        self
    }

    /// For a body; null when nothing is waited for.
    pub(crate) fn json(self) -> Json {
        if self.0.is_empty() {
            Json::Null
        } else {
            Json::Object(self.0)
        }
    }
}

/// A name of a resource made from texts: letters, digits and underscores, within reason.
pub(crate) fn identifier(parts: &[&str]) -> String {
    let joined = parts
        .iter()
        .filter(|p| !p.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("-");
    names::fit(&names::slug(&joined), "", 120).replace('-', "_")
}
