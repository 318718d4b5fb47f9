//! What is sent, held against the types of Google's official crates: every field that a type can send is one that they know.

use crate::kind::Kind;
use crate::{compute, container, sql, wire};
use google_cloud_compute_v1::model as compute_v1;
use google_cloud_container_v1::model as container_v1;
use google_cloud_sql_v1::model as sql_v1;
use infra_model::{Block, Nesting, Record, Type, Value};
use serde_json::Value as Json;

/// A value with everything in it.
fn everything(block: &Block) -> Value {
    let one = |ty: &Type| match ty {
        Type::Bool => Value::Bool(true),
        Type::Number => Value::from(1),
        Type::List(_) => Value::list(Type::String, vec!["x".into()]),
        Type::Set(_) => Value::set(Type::String, vec!["x".into()]),
        Type::Map(_) => Value::map(Type::String, [("x", Value::from("x"))]),
        _ => Value::from("x"),
    };
    let attributes = block.attributes.iter().map(|(name, a)| {
        let value = if name.ends_with("_time") {
            Value::from("2026-01-01T00:00:00Z")
        } else {
            one(&a.ty)
        };
        (name.clone(), value)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let (ty, inner) = (nested.block.implied_type(), vec![everything(&nested.block)]);
        let value = match nested.nesting {
            Nesting::List => Value::list(ty, inner),
            Nesting::Set => Value::set(ty, inner),
        };
        (name.clone(), value)
    });
    Value::object(attributes.chain(blocks))
}

/// Numbers as text, which the crates read too.
fn quoted(json: Json) -> Json {
    match json {
        Json::Number(n) => Json::String(n.to_string()),
        Json::Array(items) => items.into_iter().map(quoted).collect(),
        Json::Object(fields) => fields.into_iter().map(|(k, v)| (k, quoted(v))).collect(),
        other => other,
    }
}

/// The fields of a type's body that an official type does not know.
fn unknown<K: Kind, M: serde::de::DeserializeOwned + std::fmt::Debug>() -> Option<String> {
    unknown_without::<K, M>("")
}

/// The same, without the block at a dotted path: of some there can be only one or the other.
fn unknown_without<K: Kind, M: serde::de::DeserializeOwned + std::fmt::Debug>(
    path: &str,
) -> Option<String> {
    let block = K::Record::block();
    let mut body = wire::body(&block, &everything(&block), K::RULES);
    if let Some((at, field)) = path.rsplit_once('/')
        && let Some(around) = body
            .get_mut(at.split('/').next().unwrap_or_default())
            .and_then(|b| at.split('/').skip(1).try_fold(b, |b, part| b.get_mut(part)))
            .and_then(Json::as_object_mut)
    {
        around.remove(field);
    }
    for name in K::API.path_attributes() {
        body.remove(&wire::camel(name));
    }
    let model: M = serde_json::from_value(quoted(Json::Object(body)))
        .unwrap_or_else(|e| panic!("{}: {e}", K::TYPE));
    let text = format!("{model:?}");
    let at = text.find("_unknown_fields")?;
    Some(format!(
        "{}: {}",
        K::TYPE,
        &text[at..text.len().min(at + 200)]
    ))
}

#[test]
fn every_field_that_is_sent_is_known_to_the_official_crates() {
    let found: Vec<String> = [
        unknown::<compute::address::Address, compute_v1::Address>(),
        unknown::<compute::address::GlobalAddress, compute_v1::Address>(),
        unknown::<compute::backend_service::BackendService, compute_v1::BackendService>(),
        unknown::<compute::certificate::Certificate, compute_v1::SslCertificate>(),
        unknown::<compute::certificate::Managed, compute_v1::SslCertificate>(),
        unknown::<compute::endpoint_group::EndpointGroup, compute_v1::NetworkEndpointGroup>(),
        unknown::<compute::firewall::Firewall, compute_v1::Firewall>(),
        unknown::<compute::forwarding_rule::ForwardingRule, compute_v1::ForwardingRule>(),
        unknown::<compute::forwarding_rule::GlobalRule, compute_v1::ForwardingRule>(),
        unknown::<compute::health_check::HealthCheck, compute_v1::HealthCheck>(),
        unknown::<compute::instance_group::InstanceGroup, compute_v1::InstanceGroup>(),
        unknown::<compute::network::Network, compute_v1::Network>(),
        unknown::<compute::router::Router, compute_v1::Router>(),
        unknown::<compute::subnetwork::Subnetwork, compute_v1::Subnetwork>(),
        unknown::<compute::target_proxy::HttpProxy, compute_v1::TargetHttpProxy>(),
        unknown::<compute::target_proxy::HttpsProxy, compute_v1::TargetHttpsProxy>(),
        unknown::<compute::url_map::UrlMap, compute_v1::UrlMap>(),
        unknown_without::<container::cluster::Cluster, container_v1::Cluster>(
            "maintenancePolicy/window/dailyMaintenanceWindow",
        ),
        unknown_without::<container::cluster::Cluster, container_v1::Cluster>(
            "maintenancePolicy/window/recurringWindow",
        ),
        unknown::<container::node_pool::NodePool, container_v1::NodePool>(),
        unknown::<sql::database::Database, sql_v1::Database>(),
        unknown::<sql::instance::Instance, sql_v1::DatabaseInstance>(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(found.is_empty(), "{found:#?}");
}
