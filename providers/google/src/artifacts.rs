//! `google_artifact_registry_repository`.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::family::ARTIFACTS;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
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
}
