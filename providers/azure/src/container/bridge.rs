//! Calls about clusters and node pools, made by the operations of `azure_mgmt_containerservice` over our own pipeline. That crate
//! was last published in 2023 and speaks a preview version of that time: the bridge replaces the version with a stable one, and
//! puts what is newer than the crate's models beside what they say.

use crate::client::{Client, Exchanged, Method, Request};
use aks::models;
use async_trait::async_trait;
use azure_core::http::{Request as Raw, Url};
use azure_core_010 as v0;
use azure_mgmt_containerservice as aks;
use futures::future::BoxFuture;
use infra_model::{ErrorKind, ProviderError};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, PoisonError};

/// An operation of the crate's, by the request that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target<'a> {
    Cluster(&'a str),
    Pool(&'a str, &'a str),
    UserCredentials(&'a str),
    AdminCredentials(&'a str),
}

/// Subscription, resource group and target of a path; none when no operation of the crate's makes such a request.
fn target(path: &str) -> Option<(&str, &str, Target<'_>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let [
        "",
        subscriptions,
        subscription,
        groups,
        group,
        providers,
        namespace,
        kind,
        name,
        rest @ ..,
    ] = &*parts
    else {
        return None;
    };
    let fixed = [
        (subscriptions, "subscriptions"),
        (groups, "resourceGroups"),
        (providers, "providers"),
        (namespace, "Microsoft.ContainerService"),
        (kind, "managedClusters"),
    ];
    if !fixed
        .iter()
        .all(|(part, text)| part.eq_ignore_ascii_case(text))
    {
        return None;
    }
    let target = match rest {
        [] => Target::Cluster(name),
        [pools, pool] if pools.eq_ignore_ascii_case("agentPools") => Target::Pool(name, pool),
        ["listClusterUserCredential"] => Target::UserCredentials(name),
        ["listClusterAdminCredential"] => Target::AdminCredentials(name),
        _ => return None,
    };
    Some((subscription, group, target))
}

/// The transport under the crate's operations: our pipeline.
#[derive(Debug)]
struct Bridge {
    pipeline: azure_core::http::Pipeline,
    version: &'static str,
    headers: Vec<(&'static str, String)>,
    /// What the crate's models do not know.
    beside: Json,
    answered: Arc<Mutex<Option<azure_core::Result<Exchanged>>>>,
}

#[async_trait]
impl v0::HttpClient for Bridge {
    async fn execute_request(&self, old: &v0::Request) -> v0::Result<v0::Response> {
        let wrong = |what: String| v0::Error::message(v0::error::ErrorKind::Other, what);
        let raw = self.translated(old).map_err(wrong)?;
        let answer = crate::client::exchange(&self.pipeline, raw).await;
        let status = match &answer {
            Ok(answer) => answer.status,
            Err(_) => 503,
        };
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        // What was answered is told by the slot; the crate need not understand it.
        let status = v0::StatusCode::try_from(status).map_err(|e| wrong(e.to_string()))?;
        let empty = futures::stream::empty();
        Ok(v0::Response::new(
            status,
            v0::headers::Headers::new(),
            Box::pin(empty),
        ))
    }
}

impl Bridge {
    /// A request of the crate's as one of our pipeline's.
    fn translated(&self, old: &v0::Request) -> Result<Raw, String> {
        let mut url = Url::parse(old.url().as_str()).map_err(|e| e.to_string())?;
        let query: Vec<(String, String)> = old
            .url()
            .query_pairs()
            .filter(|(name, _)| name != "api-version")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .append_pair("api-version", self.version)
            .extend_pairs(query);
        let method = match old.method() {
            v0::Method::Get => Method::Get,
            v0::Method::Put => Method::Put,
            v0::Method::Post => Method::Post,
            v0::Method::Delete => Method::Delete,
            other => return Err(format!("no operation of ours is a {other}")),
        };
        let mut raw = Raw::new(url, method);
        raw.insert_header("accept", "application/json");
        for (name, value) in &self.headers {
            raw.insert_header(*name, value.clone());
        }
        match old.body() {
            v0::Body::Bytes(bytes) if !bytes.is_empty() => {
                let mut body: Json = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
                lay(&mut body, &self.beside);
                raw.insert_header("content-type", "application/json");
                raw.set_body(body.to_string().into_bytes());
            }
            v0::Body::Bytes(_) if method == Method::Post => {
                raw.insert_header("content-length", "0");
            }
            v0::Body::Bytes(_) => {}
            v0::Body::SeekableStream(_) => return Err("no operation of ours streams".to_owned()),
        }
        Ok(raw)
    }
}

/// Our pipeline signs in.
struct Nobody;

#[async_trait]
impl v0::auth::TokenCredential for Nobody {
    async fn get_token(&self, _: &str) -> v0::Result<v0::auth::TokenResponse> {
        let token = v0::auth::AccessToken::new("");
        let never = azure_core::time::OffsetDateTime::UNIX_EPOCH;
        Ok(v0::auth::TokenResponse::new(token, never))
    }
}

/// What a body holds that another, made of it, has lost.
fn lost(body: &Json, kept: &Json) -> Json {
    match (body, kept) {
        (Json::Object(body), Json::Object(kept)) => {
            let missing = body.iter().filter_map(|(name, json)| match kept.get(name) {
                None => Some((name.clone(), json.clone())),
                Some(kept) => match lost(json, kept) {
                    Json::Null => None,
                    more => Some((name.clone(), more)),
                },
            });
            let missing: serde_json::Map<_, _> = missing.collect();
            if missing.is_empty() {
                Json::Null
            } else {
                Json::Object(missing)
            }
        }
        (Json::Array(body), Json::Array(kept)) if body.len() == kept.len() => {
            let items: Vec<Json> = body.iter().zip(kept).map(|(b, k)| lost(b, k)).collect();
            if items.iter().all(Json::is_null) {
                Json::Null
            } else {
                Json::Array(items)
            }
        }
        (body, kept) if body == kept => Json::Null,
        (body, _) => body.clone(),
    }
}

/// Lays what was lost over a body.
fn lay(body: &mut Json, beside: &Json) {
    match (body, beside) {
        (_, Json::Null) => {}
        (Json::Object(body), Json::Object(beside)) => {
            for (name, more) in beside {
                lay(body.entry(name).or_insert(Json::Null), more);
            }
        }
        (Json::Array(body), Json::Array(beside)) if body.len() == beside.len() => {
            for (item, more) in body.iter_mut().zip(beside) {
                lay(item, more);
            }
        }
        (body, more) => *body = more.clone(),
    }
}

/// A body as the crate's model, and what that does not know.
fn modelled<M>(body: &Json, of: &str) -> Result<(M, Json), ProviderError>
where
    M: serde::de::DeserializeOwned + serde::Serialize,
{
    let wrong = |e: serde_json::Error| {
        ProviderError::new(
            ErrorKind::Invalid,
            format!("what would be sent is no {of}: {e}"),
        )
    };
    let model: M = serde_json::from_value(body.clone()).map_err(wrong)?;
    let kept = serde_json::to_value(&model).map_err(wrong)?;
    let beside = lost(body, &kept);
    Ok((model, beside))
}

/// Makes a call by the crate's operation for it; none when it has none.
///
/// # Errors
/// A body that is none of the crate's models.
pub(crate) fn call<'a>(
    client: &'a Client,
    request: &'a Request,
) -> Result<Option<BoxFuture<'a, azure_core::Result<Exchanged>>>, ProviderError> {
    // What says its version by itself is no type of ours.
    let Some((subscription, group, target)) =
        target(&request.path).filter(|_| !request.version.is_empty())
    else {
        return Ok(None);
    };
    let body = request.body.as_ref();
    let mut beside = Json::Null;
    let (mut cluster, mut pool) = (None, None);
    match (&target, request.method, body) {
        (Target::Cluster(_), Method::Put, Some(body)) => {
            let (model, more) = modelled::<models::ManagedCluster>(body, "managed cluster")?;
            (cluster, beside) = (Some(model), more);
        }
        (Target::Pool(..), Method::Put, Some(body)) => {
            let (model, more) = modelled::<models::AgentPool>(body, "agent pool")?;
            (pool, beside) = (Some(model), more);
        }
        (_, Method::Get | Method::Delete | Method::Post, None) => {}
        _ => return Ok(None),
    }
    let answered = Arc::new(Mutex::new(None));
    let bridge = Bridge {
        pipeline: client.manager().clone(),
        version: request.version,
        headers: request.headers.clone(),
        beside,
        answered: Arc::clone(&answered),
    };
    let operations = aks::Client::builder(Arc::new(Nobody))
        .endpoint(client.config().resource_manager())
        .retry(v0::RetryOptions::none())
        .transport(v0::TransportOptions::new(Arc::new(bridge)))
        .build();
    let (clusters, pools) = (
        operations.managed_clusters_client(),
        operations.agent_pools_client(),
    );
    let (subscription, group) = (subscription.to_owned(), group.to_owned());
    let method = request.method;
    let sent: BoxFuture<'static, v0::Result<()>> = match (target, method) {
        (Target::Cluster(name), Method::Get) => {
            done(clusters.get(subscription, group, name).send())
        }
        (Target::Cluster(name), Method::Delete) => {
            done(clusters.delete(subscription, group, name).send())
        }
        (Target::Cluster(name), Method::Put) => {
            let Some(model) = cluster else {
                return Ok(None);
            };
            done(
                clusters
                    .create_or_update(subscription, group, name, model)
                    .send(),
            )
        }
        (Target::UserCredentials(name), Method::Post) => done(
            clusters
                .list_cluster_user_credentials(subscription, group, name)
                .send(),
        ),
        (Target::AdminCredentials(name), Method::Post) => done(
            clusters
                .list_cluster_admin_credentials(subscription, group, name)
                .send(),
        ),
        (Target::Pool(name, pool), Method::Get) => {
            done(pools.get(subscription, group, name, pool).send())
        }
        (Target::Pool(name, pool), Method::Delete) => {
            done(pools.delete(subscription, group, name, pool).send())
        }
        (Target::Pool(name, pool_name), Method::Put) => {
            let Some(model) = pool else { return Ok(None) };
            done(
                pools
                    .create_or_update(subscription, group, name, pool_name, model)
                    .send(),
            )
        }
        _ => return Ok(None),
    };
    Ok(Some(Box::pin(async move {
        let ended = sent.await;
        let answer = answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        answer.unwrap_or_else(|| {
            let why = ended.err().map_or_else(String::new, |e| e.to_string());
            Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Other,
                why,
            ))
        })
    })))
}

fn done<T: Send + 'static>(
    sent: impl Future<Output = v0::Result<T>> + Send + 'static,
) -> BoxFuture<'static, v0::Result<()>> {
    Box::pin(async move { sent.await.map(|_| ()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_have_operations() {
        let at = |rest: &str| {
            format!(
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c{rest}"
            )
        };
        for (rest, expected) in [
            ("", Target::Cluster("c")),
            ("/agentPools/p", Target::Pool("c", "p")),
            ("/listClusterUserCredential", Target::UserCredentials("c")),
        ] {
            assert_eq!(target(&at(rest)), Some(("s", "g", expected)));
        }
        for none in [&*at("/agentPools"), "/subscriptions/s", "https://x"] {
            assert_eq!(target(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_newer_than_the_models_is_sent_beside_them() {
        let body = json!({
            "location": "westeurope",
            "properties": {
                "dnsPrefix": "x",
                "bootstrapProfile": { "artifactSource": "Direct" },
                "agentPoolProfiles": [{ "name": "a", "count": 1, "localDNSProfile": { "mode": "Preferred" } }],
                "networkProfile": { "networkPlugin": "azure", "networkDataplane": "cilium", "advancedNetworking": { "enabled": true } },
            },
        });
        let (model, beside) =
            modelled::<models::ManagedCluster>(&body, "managed cluster").expect("is one");
        assert_eq!(
            beside["properties"]["bootstrapProfile"]["artifactSource"],
            "Direct"
        );
        assert_eq!(beside["properties"].get("dnsPrefix"), None);
        let mut sent = serde_json::to_value(&model).expect("is JSON");
        lay(&mut sent, &beside);
        assert_eq!(sent, body);
    }
}
