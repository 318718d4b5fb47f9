//! What a release would render, for the plan.

use super::chart;
use super::files::Bench;
use super::program::{Helm, Run};
use super::release::ReleaseRecord;
use super::render;
use crate::client::{Call, Client};
use crate::discovery;
use infra_model::provider::{RefineItem, Refined};
use infra_model::{CallContext, ProviderError, Record, Value};

/// The planned release with the objects that it would render, where all that decides about them is known.
///
/// # Errors
/// No `helm`, a chart that is not there or is another than was pinned, values that the chart refuses.
pub(crate) async fn refined(
    client: &Client,
    context: &CallContext,
    item: &RefineItem,
) -> Result<Refined, ProviderError> {
    let decided = [
        "id",
        "objects",
        "manifest_digest",
        "revision",
        "status",
        "app_version",
        "version",
        "drift",
    ];
    let known = item.planned.entries().is_some_and(|entries| {
        entries
            .iter()
            .all(|(name, value)| decided.contains(&&**name) || value.is_wholly_known())
    });
    // What does not change its inputs renders what it rendered.
    let renders = item.planned.get("objects").is_some_and(Value::is_unknown);
    if !known || !renders {
        return Ok(Refined::default());
    }
    let record = ReleaseRecord::from_value(&item.planned.without_unknowns())?;
    if record.stands_in(client) {
        return Ok(Refined::default());
    }
    let helm = Helm::find(client, context).await?;
    let bench = Bench::new()?;
    let path = chart::fetched(
        &helm,
        client,
        context,
        &record.chart(),
        &bench,
        record.dependency_update,
    )
    .await?;
    let mut run = Run::new(["template"]);
    run.arg(&record.name).arg(path.display());
    run.arg("--namespace")
        .arg(&record.namespace)
        .arg("--no-hooks");
    run.values(&record.all_values()?);
    run.flag(item.prior.is_some(), "--is-upgrade");
    // Only what the release itself would have: the folder of definitions is applied before, and not kept with it.
    let version = client
        .call(context, &Call::get("version", "/version"))
        .await?;
    if let Some(version) = version["gitVersion"].as_str() {
        run.arg("--kube-version").arg(version);
    }
    let mut kinds = discovery::all(client, context).await?;
    kinds.extend(record.api_versions.iter().cloned());
    for kinds in kinds.chunks(50) {
        run.arg("--api-versions").arg(kinds.join(","));
    }
    let manifest = helm.run(context, &run).await?;
    let texts = render::texts(&manifest, &record.namespace)?;
    let objects = Value::map(
        infra_model::Type::String,
        texts
            .into_iter()
            .map(|(key, text)| (key.as_str().into(), Value::from(text)))
            .collect::<Vec<(infra_model::Str, Value)>>(),
    );
    Ok(Refined {
        value: Some(item.planned.clone().with_attribute("objects", objects)),
        ..Refined::default()
    })
}
