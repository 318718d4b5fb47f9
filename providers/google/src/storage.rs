//! `google_storage_bucket`.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::family::STORAGE;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_cloud::absence::{absent_is_done, there};
use infra_cloud::fields::moment;
use infra_model::kept::{Folder, Stored};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// A bucket.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct BucketRecord {
    /// Its name, which no other bucket in the world can have.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// `EU`, `US`, `ASIA`, a region, or a pair of them.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) location: String,
    /// `STANDARD`, `NEARLINE`, `COLDLINE` or `ARCHIVE`.
    #[record(optional, default = "STANDARD")]
    pub(crate) storage_class: String,
    /// Whether it is deleted with all that is in it.
    #[record(optional, default = false)]
    pub(crate) force_destroy: bool,
    /// Whether only policies decide about access.
    #[record(optional, computed)]
    pub(crate) uniform_bucket_level_access: Option<bool>,
    /// `enforced`, or `inherited` from the organisation.
    #[record(optional, computed)]
    pub(crate) public_access_prevention: Option<String>,
    /// Whether requesters pay.
    #[record(optional)]
    pub(crate) requester_pays: Option<bool>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// Whether objects are kept from their beginning until an event lets go of them.
    #[record(optional)]
    pub(crate) default_event_based_hold: Option<bool>,
    /// How fast the places of a dual-region follow each other: `DEFAULT`, or `ASYNC_TURBO` within 15 minutes.
    #[record(optional, computed)]
    pub(crate) rpo: Option<String>,
    /// The pages of a website.
    #[record(block, max = 1)]
    pub(crate) website: Vec<Website>,
    /// Which pages of others may use it.
    #[record(block)]
    pub(crate) cors: Vec<Cors>,
    /// Whether objects change their class as they are used.
    #[record(block, max = 1)]
    pub(crate) autoclass: Vec<Autoclass>,
    /// The two regions of a dual-region.
    #[record(block, max = 1, force_new)]
    pub(crate) custom_placement_config: Vec<Placement>,
    /// Former versions.
    #[record(block, max = 1)]
    pub(crate) versioning: Vec<Versioning>,
    /// Encryption with a key of one's own.
    #[record(block, max = 1)]
    pub(crate) encryption: Vec<Encryption>,
    /// What becomes of objects with time.
    #[record(block)]
    pub(crate) lifecycle_rule: Vec<LifecycleRule>,
    /// How long deleted objects can be got back.
    #[record(block, max = 1, computed)]
    pub(crate) soft_delete_policy: Vec<SoftDelete>,
    /// How long objects must be kept.
    #[record(block, max = 1)]
    pub(crate) retention_policy: Vec<Retention>,
    /// Where accesses are logged.
    #[record(block, max = 1)]
    pub(crate) logging: Vec<Logging>,
    /// Its number of changes: one made by others in between is refused.
    #[record(computed)]
    pub(crate) metageneration: Option<String>,
    /// `gs://…`
    #[record(computed)]
    pub(crate) url: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `b/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

/// The pages of a website.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Website {
    /// What stands for a folder, such as `index.html`.
    #[record(optional)]
    pub(crate) main_page_suffix: Option<String>,
    /// What is shown where nothing is, such as `404.html`.
    #[record(optional)]
    pub(crate) not_found_page: Option<String>,
}

/// Pages of others.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Cors {
    /// Where they come from, `*` for anywhere.
    #[record(optional)]
    pub(crate) origin: Vec<String>,
    /// HTTP's methods.
    #[record(optional)]
    pub(crate) method: Vec<String>,
    /// Headers of answers that they may see.
    #[record(optional)]
    pub(crate) response_header: Vec<String>,
    /// Seconds that browsers may remember it.
    #[record(optional)]
    pub(crate) max_age_seconds: Option<i64>,
}

/// Classes that follow use.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Autoclass {
    /// Whether they do.
    #[record(required)]
    pub(crate) enabled: bool,
    /// The coldest: `NEARLINE` or `ARCHIVE`.
    #[record(optional, computed)]
    pub(crate) terminal_storage_class: Option<String>,
}

/// Two regions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Placement {
    /// Their names, such as `EUROPE-WEST1`.
    #[record(required)]
    pub(crate) data_locations: BTreeSet<String>,
}

/// Former versions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Versioning {
    /// Whether they are kept.
    #[record(required)]
    pub(crate) enabled: bool,
}

/// Encryption.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// The key, of the bucket's location.
    #[record(required, compare = resource_name)]
    pub(crate) default_kms_key_name: String,
}

/// What becomes of objects.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct LifecycleRule {
    /// What is done.
    #[record(block, min = 1, max = 1)]
    pub(crate) action: Vec<Action>,
    /// When.
    #[record(block, min = 1, max = 1)]
    pub(crate) condition: Vec<Condition>,
}

/// What is done.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Action {
    /// `Delete`, `SetStorageClass` or `AbortIncompleteMultipartUpload`.
    #[record(required)]
    pub(crate) r#type: String,
    /// The class of `SetStorageClass`.
    #[record(optional)]
    pub(crate) storage_class: Option<String>,
}

/// When.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Condition {
    /// Days since it was made.
    #[record(optional)]
    pub(crate) age: Option<i64>,
    /// Made before this day.
    #[record(optional)]
    pub(crate) created_before: Option<String>,
    /// With so many newer versions.
    #[record(optional)]
    pub(crate) num_newer_versions: Option<i64>,
    /// Days since it is no longer the present version.
    #[record(optional)]
    pub(crate) days_since_noncurrent_time: Option<i64>,
    /// Days since the time that the object was given.
    #[record(optional)]
    pub(crate) days_since_custom_time: Option<i64>,
    /// With such a time before this day.
    #[record(optional)]
    pub(crate) custom_time_before: Option<String>,
    /// No longer the present version since before this day.
    #[record(optional)]
    pub(crate) noncurrent_time_before: Option<String>,
    /// Of these classes.
    #[record(optional)]
    pub(crate) matches_storage_class: Vec<String>,
    /// With one of these beginnings.
    #[record(optional)]
    pub(crate) matches_prefix: Vec<String>,
    /// With one of these ends.
    #[record(optional)]
    pub(crate) matches_suffix: Vec<String>,
}

/// How long deleted objects can be got back.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SoftDelete {
    /// Seconds; 0 for not at all.
    #[record(optional, default = 604_800)]
    pub(crate) retention_duration_seconds: i64,
}

/// How long objects must be kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Retention {
    /// Seconds.
    #[record(required)]
    pub(crate) retention_period: i64,
}

/// Where accesses are logged.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Logging {
    /// The bucket.
    #[record(required)]
    pub(crate) log_bucket: String,
    /// What the logs' names begin with.
    #[record(optional, computed)]
    pub(crate) log_object_prefix: Option<String>,
}

/// What is wrong with a bucket's name (Cloud Storage, "About Cloud Storage buckets", names).
fn bad_name(name: &str) -> Option<&'static str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let longest = if name.contains('.') { 222 } else { 63 };
    let legal = (3..=longest).contains(&name.len())
        && name.chars().all(|c| word(c) || "-_.".contains(c))
        && name.starts_with(word)
        && name.ends_with(word)
        && name.split('.').all(|part| (1..=63).contains(&part.len()));
    if !legal {
        return Some(
            "must be 3 to 63 lower-case letters, digits, `-`, `_` and dots, first and last a letter or digit",
        );
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("must not look like an address");
    }
    (name.starts_with("goog") || name.contains("google"))
        .then_some("must neither begin with `goog` nor contain `google`")
}

pub(crate) struct Bucket;

#[async_trait]
impl Kind for Bucket {
    type Record = BucketRecord;
    const TYPE: &'static str = "google_storage_bucket";
    const API: Api = Api {
        service: STORAGE,
        name: "storage.buckets",
        collection: "b",
        key: "name",
        create: Create::Insert,
        update: Update::Patch,
        // Listing wants a project, which ids do not tell.
        items: "",
        operations: Operations::None,
        labels: Labelled::At("labels", "/labels"),
    };
    const RULES: Rules = &[
        ("force_destroy", Rule::Own),
        (
            "uniform_bucket_level_access",
            Rule::Named("iamConfiguration/uniformBucketLevelAccess/enabled"),
        ),
        (
            "public_access_prevention",
            Rule::Named("iamConfiguration/publicAccessPrevention"),
        ),
        ("requester_pays", Rule::Named("billing/requesterPays")),
        ("lifecycle_rule", Rule::Named("lifecycle/rule")),
        ("project", Rule::Own),
        ("url", Rule::ShownOnly),
        ("location", Rule::Named("location")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 5)
    }

    /// The buckets of the provider's project.
    async fn listed(
        client: &Client,
        context: &CallContext,
        _: &[&str],
    ) -> Result<BTreeMap<String, Json>, ProviderError> {
        let request = Request::get(STORAGE, "storage.buckets.list", "b");
        let request = request.query("project", client.project());
        let found = client.list(context, request, "items").await?;
        let named = |bucket: Json| Some((format!("b/{}", bucket["name"].as_str()?), bucket));
        Ok(found.into_iter().filter_map(named).collect())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let name = config.get("name").and_then(Value::as_str);
        let problem = name.and_then(|name| Some(format!("`{name}` {}", bad_name(name)?)));
        let told = problem.map(|why| ProviderError::invalid("name", why));
        told.into_iter().collect()
    }

    fn plan(
        request: &infra_model::PlanRequest<'_>,
        planned: &mut infra_model::Planned,
    ) -> Result<(), ProviderError> {
        let open = planned.value.get("project").is_some_and(Value::is_unknown);
        let default = request
            .provider
            .and_then(|p| crate::managed::text(p, "project"));
        if let (true, Some(project)) = (open, default) {
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("project", project.into());
        }
        if request.prior.is_some_and(|p| *p != planned.value) && planned.replace.is_empty() {
            infra_model::planning::mark_unknown(
                planned,
                &BucketRecord::block(),
                &["metageneration"],
            );
        }
        Ok(())
    }

    fn query(client: &Client, desired: &BucketRecord) -> Vec<(&'static str, String)> {
        let project = desired
            .project
            .clone()
            .unwrap_or_else(|| client.project().to_owned());
        vec![("project", project)]
    }

    fn shown(found: &mut Json) {
        let name = found["name"].as_str().unwrap_or_default();
        found["url"] = format!("gs://{name}").into();
    }

    fn complete(client: &Client, record: &mut BucketRecord) {
        // A bucket tells the number of its project only.
        record
            .project
            .get_or_insert_with(|| client.project().to_owned());
    }

    async fn folder(
        client: &Client,
        context: &CallContext,
        id: &str,
        path: &str,
    ) -> Result<Folder, ProviderError> {
        let request = Request::get(STORAGE, "storage.objects.list", format!("{id}/o"))
            .query("prefix", path)
            .query("delimiter", "/")
            .query("maxResults", "1000")
            .query("fields", "nextPageToken,prefixes,items(name,updated)");
        let mut found = Folder::default();
        for page in client.pages(context, request).await? {
            let list = |name: &str| page[name].as_array().cloned().unwrap_or_default();
            let folders = list("prefixes").into_iter();
            let folders = folders.filter_map(|f| f.as_str().map(str::to_owned));
            found.folders.extend(folders);
            let stored = |object: &Json| {
                Some(Stored {
                    name: object["name"].as_str()?.to_owned(),
                    written: moment(&object["updated"])?,
                })
            };
            found
                .objects
                .extend(list("items").iter().filter_map(stored));
        }
        Ok(found)
    }

    fn guards(prior: &BucketRecord, patch: &Map<String, Json>) -> bool {
        !patch.is_empty() && prior.metageneration.is_some()
    }

    async fn send_patch(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        id: &str,
        prior: &BucketRecord,
        _: &BucketRecord,
        patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        if patch.is_empty() {
            return Ok(());
        }
        let mut request = Request::send(
            STORAGE,
            "storage.buckets.patch",
            Method::PATCH,
            id,
            Json::Object(patch),
        );
        if let Some(seen) = &prior.metageneration {
            request = request.query("ifMetagenerationMatch", seen);
        }
        client.call(context, &request).await.map(|_| ())
    }

    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &BucketRecord,
    ) -> Result<(), ProviderError> {
        if !prior.force_destroy {
            return Ok(());
        }
        loop {
            let request = Request::get(STORAGE, "storage.objects.list", format!("{id}/o"))
                .query("versions", "true")
                .query("maxResults", "1000")
                .query("fields", "items(name,generation)");
            let Some(page) = there(client.call(context, &request).await)? else {
                return Ok(());
            };
            let objects = page["items"].as_array().cloned().unwrap_or_default();
            if objects.is_empty() {
                return Ok(());
            }
            let status = format!("deleting {} objects", objects.len());
            context.events.status(operation, &status);
            for batch in objects.chunks(16) {
                let ended = futures::future::join_all(batch.iter().map(|object| async move {
                    let name = object["name"].as_str().unwrap_or_default();
                    let path = format!("{id}/o/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
                    let request = Request::send(
                        STORAGE,
                        "storage.objects.delete",
                        Method::DELETE,
                        path,
                        Json::Null,
                    )
                    .query(
                        "generation",
                        object["generation"].as_str().unwrap_or_default(),
                    );
                    absent_is_done(client.call(context, &request).await)
                }))
                .await;
                ended.into_iter().collect::<Result<(), _>>()?;
            }
        }
    }
}
