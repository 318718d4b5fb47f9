//! Where definitions come from: files on the internet, charts, the stack itself.

use super::permissive::{self, Provided};
use super::{CrdChart, CrdsRecord};
use crate::client::Client;
use crate::helm::chart::Chart;
use crate::helm::program::Helm;
use crate::yaml;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Value, json};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// All definitions of a record, by name.
///
/// # Errors
/// A file that cannot be fetched or is another than was pinned; text that is no YAML; kinds that were promised and are not there.
pub(crate) async fn definitions(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    record: &CrdsRecord,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    let chart = record.chart.first();
    let remote = !record.urls.is_empty() || chart.is_some_and(|c| as_chart(c).is_remote());
    let mut found = Vec::new();
    if !record.manifests.is_null() {
        found.extend(given(&record.manifests)?);
    }
    if remote && client.is_sandbox() {
        return stand_ins(context, operation, record, found);
    }
    for (i, url) in record.urls.iter().enumerate() {
        context.events.status(operation, &format!("fetching {url}"));
        let text = fetch(url, record.sha256.get(i).map(String::as_str)).await?;
        found.extend(yaml::documents(&text, url)?);
    }
    if let Some(chart) = chart {
        context
            .events
            .status(operation, &format!("reading the chart {}", chart.name));
        let helm = Helm::find(client, context).await?;
        let text = helm
            .definitions(client, context, &as_chart(chart), &chart.values)
            .await?;
        found.extend(yaml::documents(&text, &chart.name)?);
    }
    let all = by_name(found);
    if all.is_empty() {
        return Err(ProviderError::new(
            ErrorKind::Invalid,
            "there is no CustomResourceDefinition in what was given",
        ));
    }
    for text in &record.provides {
        let kind = Provided::parse(text)?;
        let serves = |one: &Json| {
            let mut versions = one["spec"]["versions"].as_array().into_iter().flatten();
            one["spec"]["group"] == *kind.group
                && one["spec"]["names"]["kind"] == *kind.kind
                && versions.any(|v| v["name"] == *kind.version && v["served"] == true)
        };
        if !all.values().any(serves) {
            return Err(ProviderError::invalid(
                "provides",
                format!("`{text}` is not among what was given: {}", names(&all)),
            ));
        }
    }
    Ok(all)
}

/// What stands for definitions from the internet in the sandbox.
fn stand_ins(
    context: &CallContext,
    operation: &Operation,
    record: &CrdsRecord,
    found: Vec<Json>,
) -> Result<BTreeMap<String, Json>, ProviderError> {
    if record.provides.is_empty() {
        return Err(ProviderError::invalid(
            "provides",
            "the sandbox reaches no internet to take these definitions from; list the kinds in `provides`, and it makes stand-ins of them",
        ));
    }
    context.events.status(
        operation,
        "the sandbox reaches no internet: definitions that accept every field stand in for the real ones",
    );
    let mut all = permitted(&record.provides)?;
    all.extend(by_name(found));
    Ok(all)
}

/// Definitions that accept every field, of kinds as `GROUP/VERSION/KIND`; by name.
///
/// # Errors
/// Text of another form.
pub(crate) fn permitted(provides: &[String]) -> Result<BTreeMap<String, Json>, ProviderError> {
    let kinds = provides.iter().map(|text| Provided::parse(text));
    Ok(permissive::definitions(
        &kinds.collect::<Result<Vec<_>, _>>()?,
    ))
}

/// Definitions in the stack itself: tables, or YAML texts.
fn given(manifests: &Value) -> Result<Vec<Json>, ProviderError> {
    let one = [manifests.clone()];
    let mut found = Vec::new();
    for item in manifests.elements().unwrap_or(&one) {
        match item.as_str() {
            Some(text) => found.extend(yaml::documents(text, "`manifests`")?),
            None => found.push(json::to_json(item)),
        }
    }
    Ok(found)
}

fn by_name(found: Vec<Json>) -> BTreeMap<String, Json> {
    found
        .into_iter()
        .filter(|one| one["kind"] == "CustomResourceDefinition")
        .filter_map(|mut one| {
            // What only the server can say stands in many files.
            one.as_object_mut()?.remove("status");
            one["metadata"].as_object_mut()?.remove("creationTimestamp");
            Some((one["metadata"]["name"].as_str()?.to_owned(), one))
        })
        .collect()
}

fn names(all: &BTreeMap<String, Json>) -> String {
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    names.join(", ")
}

fn as_chart(chart: &CrdChart) -> Chart {
    Chart {
        name: chart.name.clone(),
        repository: chart.repository.clone(),
        version: chart.version.clone(),
        digest: chart.digest.clone(),
        login: None,
    }
}

/// A file of the internet, checked.
///
/// # Errors
/// It is not there, or another one than was pinned.
pub(crate) async fn fetch(url: &str, sha256: Option<&str>) -> Result<String, ProviderError> {
    let failed = |kind: ErrorKind, why: String| {
        crate::error::of(kind, "fetch", format!("{url} cannot be fetched: {why}"))
    };
    let answer = reqwest::get(url)
        .await
        .map_err(|e| failed(ErrorKind::Transient, e.to_string()))?;
    if !answer.status().is_success() {
        let kind = if answer.status().is_server_error() {
            ErrorKind::Transient
        } else {
            ErrorKind::NotFound
        };
        return Err(failed(kind, answer.status().to_string()));
    }
    let bytes = answer
        .bytes()
        .await
        .map_err(|e| failed(ErrorKind::Transient, e.to_string()))?;
    let found = hex::encode(Sha256::digest(&bytes));
    if let Some(wanted) = sha256.filter(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
        return Err(ProviderError::invalid(
            "sha256",
            format!(
                "{url} is another file than was pinned: its SHA-256 is {found}, and not {wanted}. If the change is meant, pin the new one"
            ),
        ));
    }
    String::from_utf8(bytes.to_vec())
        .map_err(|_| failed(ErrorKind::Invalid, "it is no text".to_owned()))
}
