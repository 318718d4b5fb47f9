//! `helm_release`.

use super::chart::Chart;
use super::install::{self, Change};
use super::stored::{self, Stored, UNINSTALLING};
use super::{drift, render, stand_in, supported, upgrade};
use crate::client::Client;
use crate::{family, metadata, yaml};
use async_trait::async_trait;
use infra_cloud::config::variable;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, json,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A chart, installed by the `helm` program (3.14 or newer). Version and digest are pinned; what a change of them means for each
/// object shows in the plan. The release is waited for by infra itself.
#[derive(Clone, Debug, Record)]
pub(crate) struct ReleaseRecord {
    /// `NAMESPACE/NAME`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The release's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The namespace that it is installed in.
    #[record(optional, force_new, default = "default")]
    pub(crate) namespace: String,
    /// The chart's name in the repository, an `oci://` URL, or the path of a folder or archive.
    #[record(required)]
    pub(crate) chart: String,
    /// The repository's URL, `https://…` or `oci://…`.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// A user of the repository.
    #[record(optional)]
    pub(crate) repository_username: Option<String>,
    /// The user's password.
    #[record(optional, sensitive)]
    pub(crate) repository_password: Option<String>,
    /// The chart's version. Without one, the newest when the release is made.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// The archive's digest, `sha256:…`; another one is refused.
    #[record(optional)]
    pub(crate) digest: Option<String>,
    /// The chart's values: a table, or a list of tables and YAML texts, of which later ones go before.
    #[record(optional)]
    pub(crate) values: Value,
    /// Values that are never shown; they go before the others.
    #[record(optional, sensitive)]
    pub(crate) values_sensitive: Value,
    /// Whether the chart's `crds` folder is left out.
    #[record(optional, default = false)]
    pub(crate) skip_crds: bool,
    /// Whether the namespace is made where there is none. It stays when the release goes.
    #[record(optional, default = false)]
    pub(crate) create_namespace: bool,
    /// Whether an upgrade that fails is rolled back, and an installation that fails is taken away.
    #[record(optional, default = false)]
    pub(crate) atomic: bool,
    /// Whether the release's objects are waited for until they are ready.
    #[record(optional, default = true)]
    pub(crate) wait: bool,
    /// Whether its jobs are waited for too.
    #[record(optional, default = false)]
    pub(crate) wait_for_jobs: bool,
    /// How many seconds are waited.
    #[record(optional, default = 300)]
    pub(crate) timeout: i64,
    /// Whether a chart in a folder gets its dependencies before.
    #[record(optional, default = false)]
    pub(crate) dependency_update: bool,
    /// Whether the chart's hooks are left out.
    #[record(optional, default = false)]
    pub(crate) disable_webhooks: bool,
    /// How many revisions are kept; 0 for all.
    #[record(optional, default = 10)]
    pub(crate) max_history: i64,
    /// A remark in the release's history.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// The version of Kubernetes that the chart is rendered for in plans made before the cluster exists. A release that is there is
    /// not changed by another one.
    #[record(optional)]
    pub(crate) kube_version: Option<String>,
    /// The minors of Kubernetes that this version of the chart is supported on, such as `1.33 - 1.36`. A cluster in the same stack
    /// is not raised out of them, and a chart that is raised with it must be supported on the version before and on the one after.
    #[record(optional)]
    pub(crate) kube_versions: Option<String>,
    /// API versions that the chart finds in plans made before the cluster exists.
    #[record(optional)]
    pub(crate) api_versions: Vec<String>,
    /// What others wait for, as `Deployment/NAME`, `StatefulSet/NAME`, `DaemonSet/NAME` or `Service/NAME`: the sandbox, which
    /// reaches no internet, makes these instead of the chart's. By default one Deployment of the release's name.
    #[record(optional)]
    pub(crate) provides: Vec<String>,
    /// The release's revision.
    #[record(computed)]
    pub(crate) revision: Option<i64>,
    /// `deployed`, `failed`, …
    #[record(computed)]
    pub(crate) status: Option<String>,
    /// The version of what the chart installs.
    #[record(computed)]
    pub(crate) app_version: Option<String>,
    /// The rendered objects by `KIND/NAMESPACE/NAME`, as they were when this was planned. Secrets are left out.
    #[record(computed)]
    pub(crate) objects: Option<BTreeMap<String, String>>,
    /// Digest of the rendered objects.
    #[record(computed)]
    pub(crate) manifest_digest: Option<String>,
    /// Fields of rendered objects that were changed in the cluster since; the next apply puts them right.
    #[record(computed)]
    pub(crate) drift: Vec<String>,
}

/// The type.
pub(crate) struct Release;

impl ReleaseRecord {
    /// Which chart.
    pub(crate) fn chart(&self) -> Chart {
        let login = self
            .repository_username
            .clone()
            .zip(self.repository_password.clone());
        Chart {
            name: self.chart.clone(),
            repository: self.repository.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            login,
        }
    }

    /// How long it is waited for.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.timeout).unwrap_or(300).max(1))
    }

    /// All values as one table.
    ///
    /// # Errors
    /// Text that is no YAML, or values that are no table.
    pub(crate) fn all_values(&self) -> Result<Json, ProviderError> {
        let mut all = json!({});
        for (name, given) in [
            ("values", &self.values),
            ("values_sensitive", &self.values_sensitive),
        ] {
            let one = [given.clone()];
            for item in given.elements().unwrap_or(&one) {
                if item.is_null() {
                    continue;
                }
                let tables = match item.as_str() {
                    // What the text says may be secret.
                    Some(text) => yaml::documents(text, "this")
                        .map_err(|_| ProviderError::invalid(name, "a text of values is no YAML"))?,
                    None => vec![json::to_json(item)],
                };
                for table in tables {
                    if !table.is_object() {
                        return Err(ProviderError::invalid(
                            name,
                            "values are a table, or a list of tables and YAML texts",
                        ));
                    }
                    merge(&mut all, table);
                }
            }
        }
        Ok(all)
    }

    /// Whether something else takes the place of the chart: the sandbox reaches no internet.
    pub(crate) fn stands_in(&self, client: &Client) -> bool {
        client.is_sandbox() && self.chart().is_remote()
    }

    /// With what the cluster says.
    fn filled(mut self, stored: &Stored) -> Result<ReleaseRecord, ProviderError> {
        let release = stored.release()?;
        let texts = render::texts(
            release["manifest"].as_str().unwrap_or_default(),
            &self.namespace,
        )?;
        let metadata = &release["chart"]["metadata"];
        let text = |json: &Json| json.as_str().map(str::to_owned);
        self.id = Some(format!("{}/{}", self.namespace, self.name));
        self.version = self.version.or_else(|| text(&metadata["version"]));
        self.app_version = text(&metadata["appVersion"]);
        self.revision = Some(stored.revision);
        self.status = Some(stored.status.clone());
        self.manifest_digest = Some(render::digest(&texts));
        self.objects = self.objects.or(Some(texts));
        self.drift = Vec::new();
        Ok(self)
    }
}

/// Tables are merged, everything else goes before what was.
fn merge(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Json::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[async_trait]
impl Resource<Client> for Release {
    type Record = ReleaseRecord;
    const TYPE: &'static str = "helm_release";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            plans_online: true,
            ..Traits::default()
        }
        .seconds(60, 45, 30)
        .family(family::HELM)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        metadata::plan_name(planned);
        upgrade::plan(request, planned);
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = Vec::new();
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        if let Some(name) = text("name")
            && (name.len() > 53
                || name.is_empty()
                || !name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c)))
        {
            errors.push(ProviderError::invalid(
                "name",
                format!("`{name}` is no name of a release: at most 53 of a-z, 0-9, `-` and `.`"),
            ));
        }
        let both = ["repository_username", "repository_password"]
            .map(|name| config.get(name).is_some_and(|v| !v.is_null()));
        if both[0] != both[1] {
            errors.push(ProviderError::invalid(
                "repository_password",
                "a user has a password, and a password a user",
            ));
        }
        if text("chart").is_some_and(|c| c.starts_with("oci://")) && text("repository").is_some() {
            errors.push(ProviderError::invalid(
                "repository",
                "an oci:// chart names its registry itself; leave `repository` out",
            ));
        }
        errors.extend(supported::misspelt(config));
        let provides = config.get("provides").and_then(Value::elements);
        for wanted in provides.into_iter().flatten().filter_map(Value::as_str) {
            errors.extend(stand_in::parse(wanted).err());
        }
        errors
    }

    fn id(record: &ReleaseRecord) -> String {
        format!("{}/{}", record.namespace, record.name)
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ReleaseRecord>],
    ) -> Vec<Result<Option<ReleaseRecord>, ProviderError>> {
        let ids: Vec<_> = items.iter().map(|item| metadata::parse(&item.id)).collect();
        let mut namespaces: BTreeMap<&str, Result<Vec<Stored>, ProviderError>> = BTreeMap::new();
        for (namespace, _) in ids.iter().flatten() {
            if !namespaces.contains_key(&**namespace) {
                let found = stored::revisions(client, context, namespace, None).await;
                namespaces.insert(namespace, found);
            }
        }
        let mut answers = Vec::with_capacity(items.len());
        for (item, id) in items.iter().zip(&ids) {
            answers.push(match id {
                Err(error) => Err(error.clone()),
                Ok((namespace, name)) => match &namespaces[&**namespace] {
                    Err(error) => Err(error.clone()),
                    Ok(all) => match newest(all, name) {
                        None => install::half_gone(client, context, item.prior.clone()).await,
                        Some(stored) => found(client, context, item.prior.clone(), stored)
                            .await
                            .map(Some),
                    },
                },
            });
        }
        answers
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ReleaseRecord,
    ) -> Result<ReleaseRecord, ProviderError> {
        let id = Self::id(&desired);
        if operation.known_id.is_none() {
            let all =
                stored::revisions(client, context, &desired.namespace, Some(&desired.name)).await?;
            if let Some(there) = newest(&all, &desired.name)
                && !operation.hands_over
                && there.operation.as_deref() != Some(&*operation.id.0)
            {
                return Err(crate::error::of(
                    ErrorKind::Conflict,
                    "install",
                    format!(
                        "there is a release {} in {} already, and this stack did not make it; to manage it, import it: infra import {} {id}",
                        desired.name, desired.namespace, operation.address
                    ),
                ));
            }
            // One that is taken over is ours when all of it is, and not before.
            if !operation.hands_over {
                context.events.id_known(operation, &id).await?;
            }
        }
        let made = put(client, context, operation, desired).await?;
        if operation.hands_over {
            context.events.id_known(operation, &id).await?;
        }
        Ok(made)
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ReleaseRecord,
        desired: ReleaseRecord,
    ) -> Result<ReleaseRecord, ProviderError> {
        if prior.status.as_deref() == Some(UNINSTALLING) {
            let change = Change {
                client,
                context,
                operation,
                record: &prior,
                values: &Json::Null,
            };
            change.left().await?;
        }
        if !upgrade::is_due(&prior.to_value(), &desired.to_value()) {
            return Ok(desired);
        }
        put(client, context, operation, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ReleaseRecord,
    ) -> Result<(), ProviderError> {
        // What was imported does not say where its chart is from.
        let there = stored::revisions(client, context, &prior.namespace, Some(&prior.name)).await?;
        if prior.stands_in(client) || there.iter().any(stand_in::is_one) {
            return stand_in::uninstall(client, context, operation, &prior, there).await;
        }
        Change {
            client,
            context,
            operation,
            record: &prior,
            values: &Json::Null,
        }
        .remove()
        .await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ReleaseRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = Self::id(&desired);
        let all =
            stored::revisions(client, context, &desired.namespace, Some(&desired.name)).await?;
        Ok(match newest(&all, &desired.name) {
            None => Recovered::Absent,
            Some(there) if there.operation.as_deref() == Some(&*operation.id.0) => {
                Recovered::Found(id)
            }
            Some(_) if operation.hands_over => Recovered::Absent,
            Some(_) => Recovered::Foreign(id),
        })
    }

    fn import(id: &str) -> Result<Imported<ReleaseRecord>, ProviderError> {
        metadata::parse(id)?;
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

/// The newest revision of a release that is there.
fn newest<'s>(all: &'s [Stored], name: &str) -> Option<&'s Stored> {
    let newest = all.iter().rev().find(|s| s.name == name);
    newest.filter(|s| s.status != "uninstalled")
}

async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: ReleaseRecord,
) -> Result<ReleaseRecord, ProviderError> {
    let values = desired.all_values()?;
    if desired.stands_in(client) {
        stand_in::install(client, context, operation, &desired, &values).await?;
    } else {
        let change = Change {
            client,
            context,
            operation,
            record: &desired,
            values: &values,
        };
        change.converge().await?;
    }
    let all = stored::revisions(client, context, &desired.namespace, Some(&desired.name)).await?;
    match newest(&all, &desired.name) {
        Some(stored) => desired.filled(stored),
        None => Err(ProviderError::new(
            ErrorKind::Failed,
            "the release went away while it was installed",
        )),
    }
}

/// A release as it is found, with what was changed of it since.
async fn found(
    client: &Client,
    context: &CallContext,
    prior: Option<ReleaseRecord>,
    stored: &Stored,
) -> Result<ReleaseRecord, ProviderError> {
    let release = stored.release()?;
    let metadata = &release["chart"]["metadata"];
    let version = metadata["version"].as_str().unwrap_or_default();
    let Some(prior) = prior else {
        let mut record = imported(&release, stored);
        record.version = Some(version.to_owned());
        return record.filled(stored);
    };
    let mut drift = Vec::new();
    let was = prior.revision;
    let mut record = prior.filled(stored)?;
    if was.is_some_and(|was| was != stored.revision) {
        drift.push(format!("revision {} is somebody else's", stored.revision));
        // A pinned version that is no longer the one that runs; ranges are left as they are.
        if record.version.as_deref().is_some_and(|v| {
            v.starts_with(|c: char| c.is_ascii_digit()) && !v.contains([' ', 'x', '*', '|'])
        }) {
            record.version = Some(version.to_owned());
        }
    }
    let manifest = release["manifest"].as_str().unwrap_or_default();
    let objects = drift::live(client, context, manifest, &record.namespace).await?;
    let program = variable(client.environment(), &["INFRA_HELM"]).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    drift.extend(drift::changed(&objects, &["helm", program, "infra"]));
    record.drift = drift;
    Ok(record)
}

/// A release that was made by hand.
fn imported(release: &Json, stored: &Stored) -> ReleaseRecord {
    let values = &release["config"];
    let empty = values.as_object().is_none_or(serde_json::Map::is_empty);
    ReleaseRecord {
        id: None,
        name: stored.name.clone(),
        namespace: stored.namespace.clone(),
        chart: release["chart"]["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        repository: None,
        repository_username: None,
        repository_password: None,
        version: None,
        digest: None,
        values: if empty {
            Value::NULL
        } else {
            json::implied(values)
        },
        values_sensitive: Value::NULL,
        skip_crds: false,
        create_namespace: false,
        atomic: false,
        wait: true,
        wait_for_jobs: false,
        timeout: 300,
        dependency_update: false,
        disable_webhooks: false,
        max_history: 10,
        description: None,
        kube_version: None,
        kube_versions: None,
        api_versions: Vec::new(),
        provides: Vec::new(),
        revision: None,
        status: None,
        app_version: None,
        objects: None,
        manifest_digest: None,
        drift: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_values_go_before() {
        let release = json!({"chart": {"metadata": {"name": "web"}}, "config": {}});
        let mut record = imported(&release, &Stored::default());
        record.values = json::implied(&json!([{"a": {"b": 1, "c": [1]}}, "a:\n  c: [2]\n"]));
        record.values_sensitive = json::implied(&json!({"a": {"password": "hush"}})).sensitive();
        assert_eq!(
            record.all_values().expect("are values"),
            json!({"a": {"b": 1, "c": [2], "password": "hush"}})
        );
        record.values = json::implied(&json!("[1]"));
        assert!(record.all_values().is_err());
        record.values = json::implied(&json!("a: [hush"));
        assert!(
            !record
                .all_values()
                .expect_err("is none")
                .to_string()
                .contains("hush")
        );
    }
}
