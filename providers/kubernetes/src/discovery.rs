//! Which kinds a cluster has, and where: asked for by group and version, and remembered for the run. What was not there may
//! come during the run, so an absence is never remembered.

use crate::client::{Call, Client};
use crate::object::Reference;
use futures::future::{join_all, try_join_all};
use infra_cloud::absence::there;
use infra_model::{CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a kind's objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `/api/v1` or `/apis/GROUP/VERSION`
    root: String,
    plural: String,
    pub(crate) namespaced: bool,
}

/// What was found so far, by group and version.
#[derive(Default)]
pub(crate) struct Discovery(Mutex<BTreeMap<String, Arc<BTreeMap<String, Place>>>>);

impl Place {
    /// `v1` or `GROUP/VERSION`
    fn api_version(&self) -> &str {
        let within = ["/apis/", "/api/"]
            .iter()
            .find_map(|p| self.root.strip_prefix(p));
        within.unwrap_or(&self.root)
    }

    /// An object of a list with what it is: items do not repeat what the list is of.
    pub(crate) fn whole(&self, kind: &str, mut item: Json) -> Json {
        item["apiVersion"] = self.api_version().into();
        item["kind"] = kind.into();
        item
    }

    /// The collection that an object of a namespace is in.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", self.root, self.plural),
            None => format!("{}/{}", self.root, self.plural),
        }
    }

    /// An object. One of a namespaced kind without a namespace is in `default`.
    pub(crate) fn of(&self, object: &Reference) -> String {
        let namespace = object.namespace.as_deref().unwrap_or("default");
        format!("{}/{}", self.collection(Some(namespace)), object.name)
    }
}

/// The place of a kind; none while the cluster does not have it.
pub(crate) async fn place(
    client: &Client,
    context: &CallContext,
    api_version: &str,
    kind: &str,
) -> Result<Option<Place>, ProviderError> {
    {
        let held = client.discovery.0.lock();
        let held = held.unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = held.get(api_version).and_then(|found| found.get(kind)) {
            return Ok(Some(place.clone()));
        }
    }
    let found = kinds(client, context, api_version).await?;
    Ok(found.and_then(|found| found.get(kind).cloned()))
}

/// The kinds of a group and version; none when there is no such.
async fn kinds(
    client: &Client,
    context: &CallContext,
    api_version: &str,
) -> Result<Option<Arc<BTreeMap<String, Place>>>, ProviderError> {
    let root = if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    };
    let call = Call::get(format!("discover {api_version}"), root.clone());
    let Some(list) = there(client.call(context, &call).await)? else {
        return Ok(None);
    };
    let found = Arc::new(parse(&root, &list));
    let held = client.discovery.0.lock();
    held.unwrap_or_else(PoisonError::into_inner)
        .insert(api_version.to_owned(), found.clone());
    Ok(Some(found))
}

/// Everything that the cluster has, as charts ask for it: `apps/v1` and `apps/v1/Deployment`.
pub(crate) async fn all(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<String>, ProviderError> {
    let groups = client
        .call(context, &Call::get("discover", "/apis"))
        .await?;
    let groups = groups["groups"].as_array().into_iter().flatten();
    let versions = groups.flat_map(|g| g["versions"].as_array().into_iter().flatten());
    let mut wanted: Vec<String> = versions
        .filter_map(|v| v["groupVersion"].as_str().map(str::to_owned))
        .collect();
    wanted.push("v1".to_owned());
    let asked = wanted.iter().map(|version| async move {
        // An aggregated API whose server is away does not stand in the way of the others.
        let found = kinds(client, context, version).await.ok().flatten();
        let kinds = found.iter().flat_map(|found| found.keys());
        let mut names = vec![version.clone()];
        names.extend(kinds.map(|kind| format!("{version}/{kind}")));
        names
    });
    Ok(join_all(asked).await.into_iter().flatten().collect())
}

/// A kind with its categories, by which `kubectl get CATEGORY` finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Categorised {
    /// `GROUP/VERSION`
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) categories: Vec<String>,
}

/// The kinds that others have defined, each in the version that its group prefers.
///
/// # Errors
/// The cluster does not say what it has.
pub(crate) async fn categorised(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<Categorised>, ProviderError> {
    let groups = client
        .call(context, &Call::get("discover", "/apis"))
        .await?;
    let groups = groups["groups"].as_array().into_iter().flatten();
    let preferred = groups.filter_map(|g| g["preferredVersion"]["groupVersion"].as_str());
    // Kubernetes' own groups have no dot, or are of k8s.io.
    let defined = |v: &&str| {
        let group = v.split('/').next().unwrap_or_default();
        group.contains('.') && !group.ends_with(".k8s.io")
    };
    let asked = preferred.filter(defined).map(|version| async move {
        let call = Call::get(format!("discover {version}"), format!("/apis/{version}"));
        let list = there(client.call(context, &call).await)?;
        Ok::<_, ProviderError>(
            list.map(|list| in_categories(version, &list))
                .unwrap_or_default(),
        )
    });
    let found: Vec<Vec<Categorised>> = try_join_all(asked).await?;
    Ok(found.into_iter().flatten().collect())
}

fn in_categories(version: &str, list: &Json) -> Vec<Categorised> {
    let resources = list["resources"].as_array().into_iter().flatten();
    let whole = resources.filter(|r| r["name"].as_str().is_some_and(|name| !name.contains('/')));
    let one = |r: &Json| {
        let categories = r["categories"].as_array().into_iter().flatten();
        Some(Categorised {
            api_version: version.to_owned(),
            kind: r["kind"].as_str()?.to_owned(),
            categories: categories
                .filter_map(|c| c.as_str().map(str::to_owned))
                .collect(),
        })
    };
    whole.filter_map(one).collect()
}

/// The same, of a kind that must be there.
pub(crate) async fn must(
    client: &Client,
    context: &CallContext,
    object: &Reference,
) -> Result<Place, ProviderError> {
    place(client, context, &object.api_version, &object.kind)
        .await?
        .ok_or_else(|| no_kind(object))
}

/// The error of a kind that the cluster does not have.
pub(crate) fn no_kind(object: &Reference) -> ProviderError {
    ProviderError {
        code: "NoKind".to_owned(),
        ..crate::error::of(
            ErrorKind::NotFound,
            &format!("apply {}", object.kind),
            format!(
                "the cluster has no kind {} of {}; its definition must be there before: `kubernetes_crds`, or `depends_on` what brings it",
                object.kind, object.api_version
            ),
        )
    }
}

fn parse(root: &str, list: &Json) -> BTreeMap<String, Place> {
    let resources = list["resources"].as_array().into_iter().flatten();
    resources
        // `deployments/status` is no kind of its own.
        .filter(|r| r["name"].as_str().is_some_and(|name| !name.contains('/')))
        .filter_map(|r| {
            let place = Place {
                root: root.to_owned(),
                plural: r["name"].as_str()?.to_owned(),
                namespaced: r["namespaced"].as_bool()?,
            };
            Some((r["kind"].as_str()?.to_owned(), place))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_where_discovery_says() {
        let found = parse(
            "/apis/apps/v1",
            &json!({"resources": [
                {"name": "deployments", "namespaced": true, "kind": "Deployment"},
                {"name": "deployments/scale", "namespaced": true, "kind": "Scale"},
            ]}),
        );
        assert_eq!(found.len(), 1);
        let object =
            Reference::parse("apiVersion=apps/v1,kind=Deployment,name=web").expect("is one");
        assert_eq!(
            found["Deployment"].of(&object),
            "/apis/apps/v1/namespaces/default/deployments/web"
        );
        let core = Place {
            root: "/api/v1".into(),
            plural: "nodes".into(),
            namespaced: false,
        };
        assert_eq!(
            core.of(&Reference {
                kind: "Node".into(),
                name: "n".into(),
                ..Reference::default()
            }),
            "/api/v1/nodes/n"
        );
    }
}
