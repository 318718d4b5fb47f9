//! `google_artifact_registry_repository`.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::Client;
use crate::family::ARTIFACTS;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A repository of images or packages.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RepositoryRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) repository_id: String,
    /// A region, `europe`, `us` or `asia`. By default the provider's region.
    #[record(optional, computed, force_new)]
    pub(crate) location: Option<String>,
    /// `DOCKER`, `MAVEN`, `NPM`, `PYTHON`, `GO`, …
    #[record(required, force_new)]
    pub(crate) format: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// `STANDARD_REPOSITORY`, `VIRTUAL_REPOSITORY` or `REMOTE_REPOSITORY`.
    #[record(optional, force_new, default = "STANDARD_REPOSITORY")]
    pub(crate) mode: String,
    /// The key of its contents.
    #[record(optional, force_new, compare = resource_name)]
    pub(crate) kms_key_name: Option<String>,
    /// Whether clean-up only says what it would do.
    #[record(optional)]
    pub(crate) cleanup_policy_dry_run: Option<bool>,
    /// What becomes of old versions.
    #[record(block, set)]
    pub(crate) cleanup_policies: Vec<CleanupPolicy>,
    /// Options of image repositories.
    #[record(block, max = 1)]
    pub(crate) docker_config: Vec<Docker>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) create_time: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/{location}/repositories/{repository_id}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Options of image repositories.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Docker {
    /// Whether a tag stays where it is.
    #[record(optional)]
    pub(crate) immutable_tags: Option<bool>,
}

/// What becomes of old versions. What one policy keeps no other deletes.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CleanupPolicy {
    /// Its name.
    #[record(required)]
    pub(crate) id: String,
    /// `DELETE` or `KEEP`.
    #[record(required)]
    pub(crate) action: String,
    /// Of which versions.
    #[record(block, max = 1)]
    pub(crate) condition: Vec<CleanupCondition>,
    /// How many of the newest are kept.
    #[record(block, max = 1)]
    pub(crate) most_recent_versions: Vec<MostRecent>,
}

/// Which versions a policy is about.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CleanupCondition {
    /// `TAGGED`, `UNTAGGED` or `ANY`.
    #[record(optional, default = "ANY")]
    pub(crate) tag_state: String,
    /// How their tags start.
    #[record(optional)]
    pub(crate) tag_prefixes: Vec<String>,
    /// How their names start.
    #[record(optional)]
    pub(crate) version_name_prefixes: Vec<String>,
    /// How the names of their packages start.
    #[record(optional)]
    pub(crate) package_name_prefixes: Vec<String>,
    /// Those that are older, in seconds: `1209600s`.
    #[record(optional)]
    pub(crate) older_than: Option<String>,
    /// Those that are younger, in seconds.
    #[record(optional)]
    pub(crate) newer_than: Option<String>,
}

/// The newest versions.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct MostRecent {
    /// How the names of their packages start.
    #[record(optional)]
    pub(crate) package_name_prefixes: Vec<String>,
    /// How many of each package.
    #[record(optional)]
    pub(crate) keep_count: Option<i64>,
}

/// The field of clean-up policies: a map by their ids, where Terraform has a set.
const POLICIES: &str = "cleanupPolicies";

/// Writes policies as the service has them.
fn by_id(body: &mut Map<String, Json>) {
    if let Some(Json::Array(policies)) = body.get_mut(POLICIES) {
        let policies = std::mem::take(policies).into_iter();
        let named = policies.filter_map(|p| Some((p["id"].as_str()?.to_owned(), p)));
        let named = named.collect();
        body.insert(POLICIES.to_owned(), Json::Object(named));
    }
}

pub(crate) struct Repository;

impl Kind for Repository {
    type Record = RepositoryRecord;
    const TYPE: &'static str = "google_artifact_registry_repository";
    const API: Api = Api {
        service: ARTIFACTS,
        name: "artifactregistry.projects.locations.repositories",
        collection: "projects/{project}/locations/{location}/repositories",
        key: "repository_id",
        create: Create::Named("repositoryId"),
        update: Update::Masked,
        items: "repositories",
        operations: Operations::Rpc,
        labels: Labelled::At("labels", "/labels"),
    };
    const RULES: Rules = &[("repository_id", Rule::ShownOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(8, 3, 8)
    }

    fn body(_: &Client, _: &RepositoryRecord, body: &mut Map<String, Json>) {
        by_id(body);
    }

    fn shown(found: &mut Json) {
        if let Some(Json::Object(policies)) = found.get_mut(POLICIES) {
            let policies = std::mem::take(policies).into_iter();
            found[POLICIES] = policies.map(|(_, policy)| policy).collect();
        }
    }

    fn patch(_: &RepositoryRecord, _: &RepositoryRecord, patch: &mut Map<String, Json>) {
        by_id(patch);
    }
}
