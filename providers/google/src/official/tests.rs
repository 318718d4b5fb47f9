//! Every method that the provider calls has its line.

use super::*;
use crate::api::Update;
use crate::family::Service;
use crate::kind::Kind;
use crate::managed::verb;
use crate::{artifacts, compute, container, dns, iam, kms, secrets, sql};
use google_cloud_gax::error::rpc::Code;
use reqwest::Method as Http;

/// The calls of the life that all types share, which have no line.
fn missing<K: Kind>() -> Vec<String> {
    let api = K::API;
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| match part.strip_prefix('{') {
            Some(_) => "x",
            None => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let (collection, member) = (filled(api.collection), filled(&api.form()));
    let mut calls = vec![
        ("insert", K::posted_to(&collection)),
        ("get", member.clone()),
    ];
    if !api.items.is_empty() {
        calls.push(("list", collection));
    }
    if !K::stays() {
        calls.push(("delete", member.clone()));
    }
    match api.update {
        Update::None => {}
        // Clusters and pools have no PATCH.
        _ if api.service.name == "container" => calls.push(("update", member)),
        _ => calls.push(("patch", member)),
    }
    let lacks = |(name, path): (&str, String)| {
        let request = Request::get(api.service, verb(&api, name), path);
        line(&request).is_none().then_some(request.call)
    };
    calls.into_iter().filter_map(lacks).collect()
}

#[test]
fn every_call_of_every_type_has_its_line() {
    let found: Vec<String> = [
        missing::<artifacts::Repository>(),
        missing::<compute::address::Address>(),
        missing::<compute::address::GlobalAddress>(),
        missing::<compute::backend_service::BackendService>(),
        missing::<compute::certificate::Certificate>(),
        missing::<compute::certificate::Managed>(),
        missing::<compute::endpoint_group::EndpointGroup>(),
        missing::<compute::firewall::Firewall>(),
        missing::<compute::forwarding_rule::ForwardingRule>(),
        missing::<compute::forwarding_rule::GlobalRule>(),
        missing::<compute::health_check::HealthCheck>(),
        missing::<compute::instance_group::InstanceGroup>(),
        missing::<compute::network::Network>(),
        missing::<compute::router::Router>(),
        missing::<compute::subnetwork::Subnetwork>(),
        missing::<compute::target_proxy::HttpProxy>(),
        missing::<compute::target_proxy::HttpsProxy>(),
        missing::<compute::url_map::UrlMap>(),
        missing::<container::cluster::Cluster>(),
        missing::<container::node_pool::NodePool>(),
        missing::<dns::RecordSet>(),
        missing::<dns::Zone>(),
        missing::<iam::service_account::Account>(),
        missing::<kms::Key>(),
        missing::<kms::KeyRing>(),
        missing::<secrets::Secret>(),
        missing::<sql::database::Database>(),
        missing::<sql::instance::Instance>(),
    ]
    .concat();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn lines_are_of_services_that_have_a_crate() {
    let services: Vec<Service> = crate::family::ALL
        .into_iter()
        .filter(|s| s.official)
        .collect();
    for method in methods() {
        let name = method.call.split('.').next().unwrap_or_default();
        let name = if name == "cloudkms" { "kms" } else { name };
        assert!(services.iter().any(|s| s.name == name), "{}", method.call);
    }
    for service in services {
        let own = |m: &&Method| m.call.replace("cloudkms", "kms").starts_with(service.name);
        assert!(methods().any(|m| own(&m)), "{} has no line", service.name);
    }
}

#[test]
fn what_no_line_has_is_refused() {
    let request = Request::send(
        crate::family::COMPUTE,
        "compute.networks.switchToCustomMode",
        Http::POST,
        "projects/p/global/networks/n/switchToCustomMode",
        Json::Null,
    );
    assert!(line(&request).is_none());
}

#[test]
fn a_refusal_is_read_as_its_service_wrote_it() {
    let of = |text: &str| {
        let status = serde_json::from_str::<Json>(text).expect("is JSON");
        let details = status["error"]["details"].clone();
        let mut read = google_cloud_gax::error::rpc::Status::default()
            .set_message(status["error"]["message"].as_str().unwrap_or_default());
        if let Some(code) = status["error"]["status"].as_str() {
            read = read.set_code(Code::try_from(code).expect("is a code"));
        }
        read.details = serde_json::from_value(details).expect("are details");
        body(&Error::service_with_http_metadata(read, Some(403), None))
    };
    let disabled = of(
        r#"{"error": {"message": "disabled", "status": "PERMISSION_DENIED", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com"}]}}"#,
    );
    assert_eq!(disabled["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(
        disabled["error"]["details"][0]["reason"],
        "SERVICE_DISABLED"
    );
    // Compute's form: no status, and the client makes details of the list of errors.
    let compute = of(r#"{"error": {"message": "in use", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "resourceInUseByAnotherResource"}]}}"#);
    assert!(compute["error"].get("status").is_none());
    let error = error::of_answer("compute", "x", 400, &compute, None);
    assert_eq!(
        (error.kind, &*error.code),
        (ErrorKind::Conflict, "resourceInUseByAnotherResource")
    );
}
