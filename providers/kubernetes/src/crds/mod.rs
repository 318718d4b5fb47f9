//! `kubernetes_crds`: definitions of kinds, pinned, before everything that needs them.

mod permissive;
mod sources;

pub(crate) use sources::{fetch as fetched, permitted};

use crate::apply::{self, Settings};
use crate::client::{Call, Client};
use crate::object::Reference;
use crate::options::{self, FieldManager, Timeouts, Wait};
use crate::{deletion, family, read};
use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};
use infra_cloud::absence::there;
use infra_model::planning::mark_unknown;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many definitions are applied at once.
const AT_ONCE: usize = 8;

/// Custom resource definitions from files, a chart or the stack itself, applied on the server and waited for until they are
/// established. Charts then run with their own left out. They stay when this is destroyed, unless `keep_on_destroy` is false.
#[derive(Clone, Debug, Record)]
pub(crate) struct CrdsRecord {
    /// Digest of the names.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// URLs of files with definitions, one or many in each. Other objects in them are left out.
    #[record(optional)]
    pub(crate) urls: Vec<String>,
    /// The SHA-256 of each file, in the order of `urls`.
    #[record(optional)]
    pub(crate) sha256: Vec<String>,
    /// A chart whose definitions are taken: those of its `crds` folder, and those that it renders.
    #[record(block, max = 1)]
    pub(crate) chart: Vec<CrdChart>,
    /// Definitions themselves.
    #[record(optional)]
    pub(crate) manifests: Value,
    /// The kinds that are defined, as `GROUP/VERSION/KIND`, or `GROUP/VERSION/KIND:Cluster` for those in no namespace. With
    /// them custom resources can be planned before; a kind that is missing from the definitions is an error. In the sandbox,
    /// which reaches no internet, definitions that accept every field are made of them.
    #[record(optional)]
    pub(crate) provides: Vec<String>,
    /// Whether the definitions stay when this is destroyed, and with them all objects of their kinds.
    #[record(optional, default = true)]
    pub(crate) keep_on_destroy: bool,
    /// The names of the definitions, such as `certificates.cert-manager.io`.
    #[record(computed)]
    pub(crate) names: Vec<String>,
    /// Digest of what was applied.
    #[record(computed)]
    pub(crate) digest: Option<String>,
    /// Who applies.
    #[record(block, max = 1)]
    pub(crate) field_manager: Vec<FieldManager>,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// A chart with definitions.
#[derive(Clone, Debug, Record)]
pub(crate) struct CrdChart {
    /// The repository's URL, `https://…` or `oci://…`.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// The chart's name in the repository, or the path of a folder or archive.
    #[record(required)]
    pub(crate) name: String,
    /// Its version.
    #[record(optional)]
    pub(crate) version: Option<String>,
    /// The archive's digest, `sha256:…`; another one is refused.
    #[record(optional)]
    pub(crate) digest: Option<String>,
    /// Values under which the chart renders its definitions, such as `{ crds = { enabled = true } }`.
    #[record(optional)]
    pub(crate) values: Value,
}

/// The type.
pub(crate) struct Crds;

#[async_trait]
impl Resource<Client> for Crds {
    type Record = CrdsRecord;
    const TYPE: &'static str = "kubernetes_crds";

    fn traits() -> Traits {
        Traits {
            settle: Duration::ZERO,
            ..Traits::default()
        }
        .seconds(5, 5, 2)
        .family(family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let Some(prior) = request.prior else {
            return Ok(());
        };
        let changed = |name: &&str| {
            let of = |value: &Value| value.get(name).map(Value::unmark_deep);
            of(prior) != of(&planned.value)
        };
        let sources = [
            "urls",
            "sha256",
            "chart",
            "manifests",
            "provides",
            "field_manager",
        ];
        // Without a digest something is missing, or somebody else has changed it.
        let spoilt = prior.get("digest").is_none_or(Value::is_null);
        if spoilt || sources.iter().any(changed) {
            mark_unknown(planned, &CrdsRecord::block(), &["names", "digest"]);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = options::validate(config);
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let count = |name: &str| {
            config
                .get(name)
                .and_then(Value::elements)
                .map(<[Value]>::len)
        };
        let sources = [
            count("urls") != Some(0) && given("urls"),
            count("chart") != Some(0),
            given("manifests"),
        ];
        if !sources.contains(&true) {
            errors.push(ProviderError::invalid(
                "urls",
                "nothing says which definitions: set `urls`, `chart` or `manifests`",
            ));
        }
        if let (Some(urls), Some(sums)) = (count("urls"), count("sha256"))
            && sums != 0
            && urls != sums
        {
            errors.push(ProviderError::invalid(
                "sha256",
                format!(
                    "there are {urls} urls and {sums} digests; each file has one, in the same order"
                ),
            ));
        }
        let kinds = config.get("provides").and_then(Value::elements);
        for kind in kinds.into_iter().flatten().filter_map(Value::as_str) {
            errors.extend(permissive::Provided::parse(kind).err());
        }
        errors
    }

    fn id(record: &CrdsRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<CrdsRecord>],
    ) -> Vec<Result<Option<CrdsRecord>, ProviderError>> {
        // One list for all: there are hundreds, and each is large.
        let all: Vec<Result<Reference, ProviderError>> = items
            .iter()
            .filter_map(|item| item.prior.as_ref())
            .flat_map(|prior| prior.names.iter().map(|name| Ok(reference(name))))
            .collect();
        let live = read::many(client, context, &all).await;
        let counts = items
            .iter()
            .map(|item| item.prior.as_ref().map_or(0, |p| p.names.len()));
        items
            .iter()
            .zip(shares(live, counts))
            .map(|(item, found)| {
                let Some(prior) = &item.prior else {
                    return Ok(None);
                };
                let found = found?;
                if !prior.names.is_empty() && found.iter().all(Option::is_none) {
                    return Ok(None);
                }
                let manager = settings(prior)?.manager;
                let there: Vec<Json> = found.into_iter().flatten().collect();
                let found = digest(&there, &manager);
                // What was imported has none yet.
                let known = prior.digest.clone().filter(|d| !d.is_empty());
                let same = there.len() == prior.names.len() && known.is_none_or(|k| k == found);
                let spoilt = prior.digest.is_none();
                Ok(Some(CrdsRecord {
                    digest: (same && !spoilt).then_some(found),
                    ..prior.clone()
                }))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: CrdsRecord,
    ) -> Result<CrdsRecord, ProviderError> {
        let definitions = sources::definitions(client, context, operation, &desired).await?;
        let id = id_of(definitions.keys());
        context.events.id_known(operation, &id).await?;
        put(client, context, operation, desired, id, &definitions).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CrdsRecord,
        desired: CrdsRecord,
    ) -> Result<CrdsRecord, ProviderError> {
        let definitions = sources::definitions(client, context, operation, &desired).await?;
        let id = Self::id(&prior);
        let record = put(client, context, operation, desired, id, &definitions).await?;
        if !record.keep_on_destroy {
            let gone: Vec<String> = prior
                .names
                .iter()
                .filter(|name| !definitions.contains_key(*name))
                .cloned()
                .collect();
            unused(client, context, &gone).await?;
            remove(client, context, operation, &gone, &record).await?;
        }
        Ok(record)
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: CrdsRecord,
    ) -> Result<(), ProviderError> {
        if prior.keep_on_destroy {
            return Ok(());
        }
        remove(client, context, operation, &prior.names, &prior).await
    }

    /// Applying the same definitions again is the same: nothing has to be looked for.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: CrdsRecord,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    /// By the names of the definitions. What they were made from is not told by them.
    fn import(id: &str) -> Result<Imported<CrdsRecord>, ProviderError> {
        let names: Vec<String> = id.split(',').map(str::to_owned).collect();
        if names
            .iter()
            .any(|name| !name.contains('.') || name.contains(['/', ' ']))
        {
            return Err(ProviderError::invalid(
                "id",
                format!(
                    "`{id}` is not NAME,NAME,… of definitions, as in certificates.cert-manager.io"
                ),
            ));
        }
        let prior = CrdsRecord {
            id: Some(id_of(names.iter())),
            urls: Vec::new(),
            sha256: Vec::new(),
            chart: Vec::new(),
            manifests: Value::NULL,
            provides: Vec::new(),
            keep_on_destroy: true,
            names,
            digest: Some(String::new()),
            field_manager: Vec::new(),
            timeouts: Vec::new(),
        };
        Ok(Imported {
            id: Self::id(&prior),
            prior: Some(prior),
        })
    }
}

fn id_of<'n>(names: impl Iterator<Item = &'n String>) -> String {
    format!("crds-{}", &hash(names.map(String::as_bytes))[..16])
}

fn settings(record: &CrdsRecord) -> Result<Settings, ProviderError> {
    let mut settings =
        options::settings(record.field_manager.first(), None, record.timeouts.first())?;
    settings.wait = Some(Wait {
        established: Some(true),
        ..Wait::default()
    });
    settings.propagation = "Background".to_owned();
    Ok(settings)
}

fn reference(name: &str) -> Reference {
    Reference::new(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        None,
        name,
    )
}

/// The answers of each item, which has so many of them: one that failed is its own item's failure, and no other's.
fn shares(
    answers: Vec<Result<Option<Json>, ProviderError>>,
    counts: impl Iterator<Item = usize>,
) -> Vec<Result<Vec<Option<Json>>, ProviderError>> {
    let mut answers = answers.into_iter();
    counts
        .map(|count| {
            // All are taken before they are looked at, also those past a failure.
            let own: Vec<_> = answers.by_ref().take(count).collect();
            own.into_iter().collect()
        })
        .collect()
}

/// Applies all definitions and waits until each is established. What is there already is taken over.
async fn put(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: CrdsRecord,
    id: String,
    definitions: &BTreeMap<String, Json>,
) -> Result<CrdsRecord, ProviderError> {
    let settings = settings(&desired)?;
    let calls: Vec<_> = definitions
        .values()
        .map(|body| apply::update(client, context, operation, body, &settings, &settings))
        .collect();
    let applied: Vec<Json> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    Ok(CrdsRecord {
        id: Some(id),
        names: definitions.keys().cloned().collect(),
        digest: Some(digest(&applied, &settings.manager)),
        ..desired
    })
}

/// Refuses to delete definitions that have objects: those would go with them.
async fn unused(
    client: &Client,
    context: &CallContext,
    names: &[String],
) -> Result<(), ProviderError> {
    for name in names {
        let Some(live) = apply::find(client, context, &reference(name)).await? else {
            continue;
        };
        let count = objects(client, context, &live).await?;
        if count > 0 {
            return Err(ProviderError {
                code: "HasObjects".to_owned(),
                ..crate::error::of(
                    ErrorKind::Conflict,
                    "delete CustomResourceDefinition",
                    format!(
                        "{name} has {count} objects, which would be lost with it; delete them before, or keep the definition with `keep_on_destroy = true`"
                    ),
                )
            });
        }
    }
    Ok(())
}

async fn remove(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    names: &[String],
    record: &CrdsRecord,
) -> Result<(), ProviderError> {
    let settings = settings(record)?;
    for name in names {
        deletion::delete(
            client,
            context,
            operation,
            &reference(name),
            None,
            &settings,
        )
        .await?;
    }
    Ok(())
}

/// How many objects of a definition there are, up to one page.
async fn objects(
    client: &Client,
    context: &CallContext,
    live: &Json,
) -> Result<usize, ProviderError> {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let versions = live["spec"]["versions"].as_array().into_iter().flatten();
    let Some(version) = versions.into_iter().find(|v| v["served"] == true) else {
        return Ok(0);
    };
    let path = format!(
        "/apis/{}/{}/{}?limit=500",
        text(&live["spec"]["group"]),
        text(&version["name"]),
        text(&live["spec"]["names"]["plural"])
    );
    let call = Call::get(
        format!("list {}", text(&live["spec"]["names"]["kind"])),
        path,
    );
    let found = there(client.call(context, &call).await)?;
    Ok(found
        .and_then(|f| f["items"].as_array().map(Vec::len))
        .unwrap_or(0))
}

/// What of the definitions is ours: it changes when somebody else sets a field of theirs, or takes it away.
fn digest(live: &[Json], manager: &str) -> String {
    let mut parts: Vec<String> = live
        .iter()
        .map(|one| {
            let entries = one["metadata"]["managedFields"]
                .as_array()
                .into_iter()
                .flatten();
            let ours = entries.filter(|e| e["manager"] == *manager && e["operation"] == "Apply");
            let fields: Vec<String> = ours.map(|e| e["fieldsV1"].to_string()).collect();
            format!("{} {}", one["metadata"]["name"], fields.join(" "))
        })
        .collect();
    parts.sort();
    hash(parts.iter().map(String::as_bytes))
}

fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_is_of_its_own_item_alone() {
        let failed = || Err(ProviderError::new(ErrorKind::Denied, "no"));
        let there = |n: i64| Ok(Some(json!(n)));
        let answers = vec![there(1), failed(), there(2), there(3), Ok(None), there(4)];
        let shares = shares(answers, [1, 3, 0, 2].into_iter());
        let texts: Vec<String> = shares
            .iter()
            .map(|share| format!("{:?}", share.as_ref().map_err(|e| e.kind)))
            .collect();
        assert_eq!(
            texts,
            [
                "Ok([Some(Number(1))])",
                "Err(Denied)",
                "Ok([])",
                "Ok([None, Some(Number(4))])"
            ]
        );
    }
}
