//! SSL certificates: managed by Google, or with a key that the client brings.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, pacific, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::kind::{Kind, Subject};

pub(crate) const KIND: Kind = Kind {
    resource: "sslCertificates",
    collection: "sslCertificates",
    word: "sslCertificate",
    terraform: |doc| match doc["type"].as_str() {
        Some("MANAGED") => "google_compute_managed_ssl_certificate",
        _ => "google_compute_ssl_certificate",
    },
    quota: Some(("SSL_CERTIFICATES", 300)),
    prepare,
    view,
    ..Kind::BASE
};

fn prepare(ctx: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    let whole = Value::Object(doc.clone());
    let managed = doc.contains_key("managed") || whole["type"] == "MANAGED";
    if managed {
        let domains = whole["managed"]["domains"].as_array().map_or(0, Vec::len);
        if domains == 0 {
            return Err(GoogleError::required("resource.managed.domains"));
        }
        if domains > 100 {
            let why = "A managed certificate has at most 100 domains.";
            return Err(GoogleError::field("resource.managed.domains", "", why));
        }
        doc.insert("type".into(), "MANAGED".into());
        return Ok(());
    }
    let (certificate, key) = match &whole["selfManaged"] {
        Value::Object(_) => ("/selfManaged/certificate", "/selfManaged/privateKey"),
        _ => ("/certificate", "/privateKey"),
    };
    for (pointer, mark) in [(certificate, "BEGIN CERTIFICATE"), (key, "PRIVATE KEY")] {
        let value = text(&whole, pointer);
        let field = format!("resource{}", pointer.replace('/', "."));
        if value.is_empty() {
            return Err(GoogleError::required(&field));
        }
        if !value.contains(mark) {
            let message =
                format!("Invalid value for field '{field}': the value is not in PEM form.");
            return Err(GoogleError::invalid(message));
        }
    }
    // The key is never shown again, and nothing here needs it.
    let certificate = text(&whole, certificate).to_owned();
    doc.remove("privateKey");
    doc.insert("selfManaged".into(), json!({ "certificate": certificate }));
    doc.insert("certificate".into(), certificate.into());
    doc.insert("type".into(), "SELF_MANAGED".into());
    let year = 365 * 24 * 3_600_000;
    doc.insert("expireTime".into(), pacific(ctx.now + year).into());
    Ok(())
}

/// Managed ones wait for their domains to point at a load balancer, which nobody can see here.
fn view(_: &Ctx<'_>, item: &Item, doc: &mut Map<String, Value>) {
    if item.doc["type"] != "MANAGED" {
        return;
    }
    let domains = item.doc["managed"]["domains"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let states: Map<_, _> = domains
        .iter()
        .map(|domain| {
            (
                domain.as_str().unwrap_or_default().to_owned(),
                "PROVISIONING".into(),
            )
        })
        .collect();
    let managed = json!({ "domains": domains, "status": "PROVISIONING", "domainStatus": states });
    doc.insert("managed".into(), managed);
}
