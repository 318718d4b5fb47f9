//! Which object: apiVersion, kind, namespace and name.

use infra_model::ProviderError;
use serde_json::Value as Json;
use std::fmt;

/// An object by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// `v1`, `apps/v1`
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Reference {
    /// Which object a manifest is.
    pub(crate) fn of(manifest: &Json) -> Option<Reference> {
        let text = |json: &Json| json.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        Some(Reference {
            api_version: text(&manifest["apiVersion"])?,
            kind: text(&manifest["kind"])?,
            namespace: text(&manifest["metadata"]["namespace"]),
            name: text(&manifest["metadata"]["name"])?,
        })
    }

    /// An object of a kind that comes with Kubernetes.
    pub(crate) fn new(
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Reference {
        Reference {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// From an id.
    ///
    /// # Errors
    /// Text of another form, with the right one in the message.
    pub(crate) fn parse(id: &str) -> Result<Reference, ProviderError> {
        let wrong = || {
            ProviderError::invalid(
                "id",
                format!(
                    "`{id}` is not apiVersion=VERSION,kind=KIND,namespace=NAMESPACE,name=NAME, without the namespace for what is in none"
                ),
            )
        };
        let mut found = Reference::default();
        for part in id.split(',') {
            let (key, value) = part.split_once('=').ok_or_else(wrong)?;
            let value = value.trim().to_owned();
            match key.trim() {
                "apiVersion" => found.api_version = value,
                "kind" => found.kind = value,
                "namespace" => found.namespace = Some(value),
                "name" => found.name = value,
                _ => return Err(wrong()),
            }
        }
        let complete = [&found.api_version, &found.kind, &found.name];
        if complete.iter().any(|part| part.is_empty()) {
            return Err(wrong());
        }
        Ok(found)
    }

    /// The group, `""` for the core's.
    pub(crate) fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// Whether it is the same object, whatever version of its kind is meant.
    pub(crate) fn is(&self, other: &Reference) -> bool {
        let namespace = |r: &Reference| r.namespace.clone().unwrap_or_else(|| "default".to_owned());
        self.group() == other.group()
            && self.kind == other.kind
            && self.name == other.name
            && namespace(self) == namespace(other)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "apiVersion={},kind={}", self.api_version, self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, ",namespace={namespace}")?;
        }
        write!(f, ",name={}", self.name)
    }
}

/// What the server keeps beside what was asked for, taken off.
pub(crate) fn without_server_fields(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in [
            "managedFields",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            metadata.remove(name);
        }
    }
    object
}

/// The path of an object's field, `status.loadBalancer.ingress.0.hostname` or `metadata.labels["a.b/c"]`.
pub(crate) fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            steps.push(inner[..end].trim_matches(['"', '\'']).to_owned());
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    steps
}

/// What is at a path.
pub(crate) fn at<'j>(object: &'j Json, path: &str) -> Option<&'j Json> {
    steps(path).iter().try_fold(object, |at, step| match at {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Puts a value at a path of objects.
pub(crate) fn put(object: &mut Json, path: &str, value: Json) {
    let steps = steps(path);
    let Some((last, outer)) = steps.split_last() else {
        return;
    };
    let mut here = object;
    for step in outer {
        here = match here {
            Json::Array(items) => {
                let Some(item) = step.parse::<usize>().ok().and_then(|i| items.get_mut(i)) else {
                    return;
                };
                item
            }
            Json::Object(map) => map
                .entry(step.as_str())
                .or_insert_with(|| Json::Object(Default::default())),
            _ => return,
        };
    }
    match here {
        Json::Object(map) => {
            map.insert(last.clone(), value);
        }
        Json::Array(items) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                *item = value;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_read_back_as_they_print() {
        for id in [
            "apiVersion=v1,kind=Namespace,name=shop",
            "apiVersion=apps/v1,kind=Deployment,namespace=shop,name=web",
        ] {
            assert_eq!(Reference::parse(id).expect("is one").to_string(), id);
        }
        for wrong in [
            "",
            "shop/web",
            "apiVersion=v1,kind=Pod",
            "a=b",
            "apiVersion=v1,kind=,name=x",
        ] {
            assert!(Reference::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_object_has_many_versions_of_its_kind() {
        let parse = |id: &str| Reference::parse(id).expect("is one");
        let a = parse("apiVersion=x.io/v1beta1,kind=A,name=a");
        assert!(a.is(&parse("apiVersion=x.io/v1,kind=A,namespace=default,name=a")));
        assert!(!a.is(&parse("apiVersion=y.io/v1,kind=A,name=a")));
        assert!(!a.is(&parse("apiVersion=x.io/v1,kind=A,namespace=b,name=a")));
    }

    #[test]
    fn paths_reach_into_lists_and_quoted_keys() {
        let mut object =
            json!({"status": {"ingress": [{"host": "a"}]}, "metadata": {"labels": {"a.b/c": "x"}}});
        assert_eq!(at(&object, "status.ingress[0].host"), Some(&json!("a")));
        assert_eq!(at(&object, "status.ingress.0.host"), Some(&json!("a")));
        assert_eq!(at(&object, "metadata.labels[\"a.b/c\"]"), Some(&json!("x")));
        assert_eq!(at(&object, "spec.replicas"), None);
        put(&mut object, "spec.replicas", json!(3));
        assert_eq!(at(&object, "spec.replicas"), Some(&json!(3)));
    }
}
