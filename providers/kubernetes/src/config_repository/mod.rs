//! `kubernetes_config_repository`: objects that are committed, and brought to the cluster by the GitOps engine that runs there.

mod contents;
mod engine;
mod release;
mod stand_in;
mod work;

pub(crate) use engine::merge;
pub use work::sandbox_repository;

use crate::client::Client;
use crate::object::Reference;
use crate::options::{self, Condition, Timeouts, Wait};
use crate::{apply, family};
use async_trait::async_trait;
use infra_model::planning::mark_unknown;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A folder of a repository that infra writes whole, by one commit an apply, and that Argo CD or Flux brings to the cluster. What
/// stands beside the folder is never touched; what others change in it is drift. An apply ends when the engine says that it has
/// synchronised this very commit and that all of it is healthy. Needs the program `git`.
#[derive(Clone, Debug, Record)]
pub(crate) struct RepositoryRecord {
    /// `REPOSITORY#BRANCH:PATH`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Where commits are pushed to: `https://…`, `ssh://…` or `file://…`.
    #[record(required)]
    pub(crate) repository: String,
    /// The branch; it is made when the repository is empty.
    #[record(optional, default = "main")]
    pub(crate) branch: String,
    /// The folder, from the root of the repository. Another one is written anew, and the old one left.
    #[record(required)]
    pub(crate) path: String,
    /// Whose folder it is, such as `shop/main`. A folder that says that it is somebody else's is not touched.
    #[record(required)]
    pub(crate) owner: String,
    /// How the repository is pushed to, where that is not by what `git` is set up with for whoever runs this.
    #[record(block, max = 1)]
    pub(crate) login: Vec<Login>,
    /// The files by their paths in the folder: each an object of Kubernetes, which becomes YAML. Nothing sensitive can be in it.
    #[record(required)]
    pub(crate) files: Value,
    /// Files with definitions of kinds, copied as they were published.
    #[record(block)]
    pub(crate) definition: Vec<Definition>,
    /// Who brings it to the cluster.
    #[record(block, min = 1, max = 1)]
    pub(crate) engine: Vec<Engine>,
    /// What must have come true besides, before this counts as made.
    #[record(block)]
    pub(crate) ready: Vec<Ready>,
    /// What charts bring, by release, as `provides` of `helm_release`: for the sandbox, which reaches no internet.
    #[record(optional)]
    pub(crate) provides: BTreeMap<String, Vec<String>>,
    /// The charts among the files, with the minors of Kubernetes that they are supported on.
    #[record(block)]
    pub(crate) chart: Vec<Chart>,
    /// The commit that has the folder as it is.
    #[record(computed)]
    pub(crate) commit: Option<String>,
    /// What git calls the folder's content.
    #[record(computed)]
    pub(crate) tree: Option<String>,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// How a repository is pushed to: a name with a token, or a key.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Login {
    /// The name, for `https`.
    #[record(optional)]
    pub(crate) username: Option<String>,
    /// The password or token, for `https`.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
    /// The private key, for `ssh`.
    #[record(optional, sensitive)]
    pub(crate) ssh_key: Option<String>,
    /// The server's keys, as `ssh-keyscan` prints them, for `ssh`.
    #[record(optional)]
    pub(crate) known_hosts: Option<String>,
}

/// A file with definitions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Definition {
    /// Its path in the folder.
    #[record(required)]
    pub(crate) path: String,
    /// Where it is published.
    #[record(required)]
    pub(crate) url: String,
    /// Its SHA-256.
    #[record(required)]
    pub(crate) sha256: String,
    /// The kinds, as `GROUP/VERSION/KIND`, or `GROUP/VERSION/KIND:Cluster`.
    #[record(optional)]
    pub(crate) provides: Vec<String>,
}

/// A chart that an engine installs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Chart {
    /// Its name.
    #[record(required)]
    pub(crate) chart: String,
    /// Its version.
    #[record(optional)]
    pub(crate) version: Option<String>,
    /// The minors of Kubernetes that this version is supported on, as of `helm_release`: `1.33 - 1.36`.
    #[record(optional)]
    pub(crate) kube_versions: Option<String>,
}

/// A GitOps engine.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Engine {
    /// `argocd` or `flux`.
    #[record(required)]
    pub(crate) kind: String,
    /// The namespace that it runs in.
    #[record(required)]
    pub(crate) namespace: String,
    /// The Application or Kustomization that watches the folder.
    #[record(required)]
    pub(crate) root: String,
}

/// What an object must have come to.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Ready {
    /// `v1`, `apps/v1`, …
    #[record(required)]
    pub(crate) api_version: String,
    /// `Deployment`, …
    #[record(required)]
    pub(crate) kind: String,
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// Its namespace, where its kind has one.
    #[record(optional)]
    pub(crate) namespace: Option<String>,
    /// Whether it is rolled out.
    #[record(optional)]
    pub(crate) rollout: Option<bool>,
    /// Conditions of its status.
    #[record(block)]
    pub(crate) condition: Vec<Condition>,
    /// Fields by path, and the regular expression that their text must match; `*` for any value.
    #[record(optional)]
    pub(crate) fields: BTreeMap<String, String>,
}

impl Ready {
    fn reference(&self) -> Reference {
        Reference::new(
            &self.api_version,
            &self.kind,
            self.namespace.as_deref(),
            &self.name,
        )
    }

    fn wait(&self) -> Wait {
        Wait {
            rollout: self.rollout,
            condition: self.condition.clone(),
            fields: self.fields.clone(),
            ..Wait::default()
        }
    }
}

impl RepositoryRecord {
    fn engine(&self) -> Engine {
        self.engine.first().cloned().unwrap_or_default()
    }

    fn place(&self) -> String {
        format!("{}#{}:{}", self.repository, self.branch, self.path)
    }

    fn limits(&self) -> Result<apply::Settings, ProviderError> {
        options::settings(None, None, self.timeouts.first())
    }
}

/// The type.
pub(crate) struct ConfigRepository;

/// What makes another commit when it changes, or another place of it.
const INPUTS: [&str; 9] = [
    "repository",
    "branch",
    "path",
    "owner",
    "files",
    "definition",
    "engine",
    "ready",
    "provides",
];

#[async_trait]
impl Resource<Client> for ConfigRepository {
    type Record = RepositoryRecord;
    const TYPE: &'static str = "kubernetes_config_repository";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            ..Traits::default()
        }
        .seconds(120, 60, 30)
        .family(family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if let Some(files) = planned.value.get("files") {
            nothing_sensitive(files)?;
        }
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let of = |value: &Value, name: &str| value.get(name).map(Value::unmark_deep);
        let changed = |name: &&str| of(prior, name) != of(&planned.value, name);
        // Without a commit somebody has changed a file, or an apply did not come to its end.
        let spoilt = prior.get("commit").is_none_or(Value::is_null);
        if !spoilt && !INPUTS.iter().any(changed) {
            return Ok(());
        }
        let moved = ["repository", "branch", "path"].iter().any(changed);
        let block = RepositoryRecord::block();
        mark_unknown(planned, &block, &["commit", "tree"]);
        if moved {
            mark_unknown(planned, &block, &["id"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = options::validate(config);
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        if let Some(url) = text("repository") {
            errors.extend(work::check_url(url).err());
        }
        if let Some(path) = text("path")
            && !contents::is_path(path)
        {
            errors.push(ProviderError::invalid(
                "path",
                format!("`{path}` is no folder of a repository; write it from the root, without a slash at either end"),
            ));
        }
        let files = config.get("files").and_then(Value::entries);
        let paths = files.into_iter().flat_map(BTreeMap::keys).map(|p| &**p);
        let definitions = config.get("definition").and_then(Value::elements);
        let copied = definitions.into_iter().flatten();
        let copied = copied.filter_map(|d| d.get("path").and_then(Value::as_str));
        for path in paths.chain(copied) {
            if !contents::is_path(path) {
                errors.push(ProviderError::invalid(
                    "files",
                    format!("`{path}` is no path of a file below a folder"),
                ));
            }
        }
        let engines = config.get("engine").and_then(Value::elements);
        for engine in engines.into_iter().flatten() {
            let kind = engine.get("kind").and_then(Value::as_str);
            if kind.is_some_and(|k| !["argocd", "flux"].contains(&k)) {
                errors.push(ProviderError::invalid(
                    "engine",
                    "an engine is of the kind \"argocd\" or \"flux\"",
                ));
            }
        }
        errors
    }

    fn id(record: &RepositoryRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<RepositoryRecord>],
    ) -> Vec<Result<Option<RepositoryRecord>, ProviderError>> {
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            answers.push(match &item.prior {
                Some(prior) => match work::found(client, prior).await {
                    Ok(Some(found)) => Ok(Some(engine::watched(client, context, found).await)),
                    other => other,
                },
                None => Ok(None),
            });
        }
        answers
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: RepositoryRecord,
    ) -> Result<RepositoryRecord, ProviderError> {
        let limit = desired.limits()?.create;
        put(client, context, operation, desired, limit).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: RepositoryRecord,
        desired: RepositoryRecord,
    ) -> Result<RepositoryRecord, ProviderError> {
        if operation.hands_over {
            release::stop(client, context, operation, &desired).await?;
            return Ok(desired);
        }
        let limit = desired.limits()?.update;
        put(client, context, operation, desired, limit).await
    }

    /// The engine takes away what it has brought, in its own order, while it still knows all of it; then the folder goes by a
    /// commit. Where others have taken all of it over, it lets go of it before.
    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: RepositoryRecord,
    ) -> Result<(), ProviderError> {
        if operation.hands_over {
            // As long as something watches the folder, all goes with it.
            release::stop(client, context, operation, &prior).await?;
            return work::remove(client, operation, &prior, "applied directly from now on").await;
        }
        engine::withdraw(client, context, operation, &prior).await?;
        work::remove(client, operation, &prior, "gone").await
    }

    async fn recover(
        client: &Client,
        _: &CallContext,
        operation: &Operation,
        desired: RepositoryRecord,
    ) -> Result<Recovered, ProviderError> {
        let found = work::made_by(client, operation, &desired).await?;
        Ok(if found {
            Recovered::Found(desired.place())
        } else {
            Recovered::Absent
        })
    }

    fn import(id: &str) -> Result<Imported<RepositoryRecord>, ProviderError> {
        let _ = id;
        Err(ProviderError::new(
            ErrorKind::Invalid,
            "kubernetes_config_repository cannot be imported: an apply takes over a folder that says it is this owner's",
        ))
    }
}

/// Commits, pushes, and waits until the cluster is as the commit says.
async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: RepositoryRecord,
    limit: Duration,
) -> Result<RepositoryRecord, ProviderError> {
    let id = desired.place();
    let files = contents::of(client, context, operation, &desired).await?;
    context.events.status(operation, "committing");
    context.events.id_known(operation, &id).await?;
    let written = work::write(client, operation, &desired, files).await?;
    let record = RepositoryRecord {
        id: Some(id),
        commit: Some(written.commit),
        tree: Some(written.tree),
        ..desired
    };
    let synced = engine::synced(client, context, operation, &record, limit).await;
    // The commit stands whatever becomes of it: nothing is to be made anew.
    synced.map_err(|error| ProviderError {
        kind: match error.kind {
            ErrorKind::Failed => ErrorKind::Other,
            other => other,
        },
        ..error
    })?;
    Ok(record)
}

/// What is committed can be read by all who read the repository, for ever.
fn nothing_sensitive(value: &Value) -> Result<(), ProviderError> {
    let entries = value.bare().entries();
    let path = entries
        .into_iter()
        .flatten()
        .find(|(_, file)| file.deep_marks().sensitive)
        .map(|(path, _)| path.to_string());
    let whole = value.marks().sensitive.then(String::new);
    match path.or(whole) {
        None => Ok(()),
        Some(path) => Err(ProviderError::invalid(
            "files",
            format!(
                "`{path}` would be committed with something secret in it; put that in a Secret, which is sealed or applied directly, and refer to it"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Type;

    #[test]
    fn secrets_are_refused_before_anything_is_committed() {
        let file = |value: Value| Value::object([("a.yaml", Value::object([("data", value)]))]);
        assert!(nothing_sensitive(&file(Value::from("plain"))).is_ok());
        let error = nothing_sensitive(&file(Value::from("hush").sensitive()));
        let error = error.expect_err("is refused");
        assert!(error.message.contains("`a.yaml`") && !error.message.contains("hush"));
        let whole = Value::Unknown(Type::Any).sensitive();
        assert!(nothing_sensitive(&whole).is_err());
    }
}
