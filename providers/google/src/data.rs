//! Data sources: who and where one is, zones, versions of Kubernetes.

use crate::client::{Client, Request};
use crate::family::{COMPUTE, CONTAINER, PROJECTS, STORAGE};
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};
use serde_json::Value as Json;

/// The provider's own project, region and zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ConfigRecord {
    /// The project.
    #[record(computed)]
    pub(crate) project: Option<String>,
    /// The region.
    #[record(computed)]
    pub(crate) region: Option<String>,
    /// The zone.
    #[record(computed)]
    pub(crate) zone: Option<String>,
    /// The project.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct ClientConfig;

#[async_trait]
impl DataSource<Client> for ClientConfig {
    type Record = ConfigRecord;
    const TYPE: &'static str = "google_client_config";

    async fn read(
        client: &Client,
        _: &CallContext,
        _: ConfigRecord,
    ) -> Result<ConfigRecord, ProviderError> {
        let config = client.config();
        Ok(ConfigRecord {
            project: config.project.clone(),
            region: config.region.clone(),
            zone: config.zone.clone(),
            id: config.project.clone(),
        })
    }
}

/// A project.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ProjectRecord {
    /// Its id. By default the provider's project.
    #[record(optional, computed)]
    pub(crate) project_id: Option<String>,
    /// Its number.
    #[record(computed)]
    pub(crate) number: Option<String>,
    /// What people call it.
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// `projects/{project_id}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Project;

#[async_trait]
impl DataSource<Client> for Project {
    type Record = ProjectRecord;
    const TYPE: &'static str = "google_project";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ProjectRecord,
    ) -> Result<ProjectRecord, ProviderError> {
        let project = config
            .project_id
            .unwrap_or_else(|| client.project().to_owned());
        let path = format!("projects/{project}");
        let request = Request::get(PROJECTS, "cloudresourcemanager.projects.get", &*path);
        let found = client.call(context, &request).await?;
        Ok(ProjectRecord {
            number: found["name"]
                .as_str()
                .map(|n| crate::api::short(n).to_owned()),
            name: found["displayName"].as_str().map(str::to_owned),
            project_id: Some(project),
            id: Some(path),
        })
    }
}

/// The service agent of Cloud Storage in a project: the account that uses the keys of buckets. Google makes it when it is first asked
/// for (<https://cloud.google.com/storage/docs/getting-service-agent>), and `google_project_service_identity` does not.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct StorageAccountRecord {
    /// The project. By default the provider's.
    #[record(optional, computed)]
    pub(crate) project: Option<String>,
    /// The project that the call is charged to.
    #[record(optional)]
    pub(crate) user_project: Option<String>,
    /// Its address.
    #[record(computed)]
    pub(crate) email_address: Option<String>,
    /// `serviceAccount:{email_address}`, as policies call it.
    #[record(computed)]
    pub(crate) member: Option<String>,
    /// Its address.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct StorageAccount;

#[async_trait]
impl DataSource<Client> for StorageAccount {
    type Record = StorageAccountRecord;
    const TYPE: &'static str = "google_storage_project_service_account";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: StorageAccountRecord,
    ) -> Result<StorageAccountRecord, ProviderError> {
        let project = config
            .project
            .unwrap_or_else(|| client.project().to_owned());
        let mut request = Request::get(
            STORAGE,
            "storage.projects.serviceAccount.get",
            format!("projects/{project}/serviceAccount"),
        );
        if let Some(charged) = &config.user_project {
            request = request.query("userProject", charged);
        }
        let found = client.call(context, &request).await?;
        let email = found["email_address"].as_str().map(str::to_owned);
        Ok(StorageAccountRecord {
            project: Some(project),
            user_project: config.user_project,
            member: email
                .as_ref()
                .map(|email| format!("serviceAccount:{email}")),
            id: email.clone(),
            email_address: email,
        })
    }
}

/// The zones of a region, in alphabetical order.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZonesRecord {
    /// The region. By default the provider's.
    #[record(optional, computed)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed)]
    pub(crate) project: Option<String>,
    /// `UP` or `DOWN`; both without it.
    #[record(optional)]
    pub(crate) status: Option<String>,
    /// Their names.
    #[record(computed)]
    pub(crate) names: Vec<String>,
    /// `projects/{project}/regions/{region}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Zones;

fn region_of(client: &Client, said: Option<String>) -> Result<String, ProviderError> {
    said.or_else(|| client.config().region.clone())
        .ok_or_else(|| {
            ProviderError::invalid(
                "region",
                "`region` is set neither here nor under [clouds.google]",
            )
        })
}

#[async_trait]
impl DataSource<Client> for Zones {
    type Record = ZonesRecord;
    const TYPE: &'static str = "google_compute_zones";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ZonesRecord,
    ) -> Result<ZonesRecord, ProviderError> {
        let region = region_of(client, config.region)?;
        let project = config
            .project
            .unwrap_or_else(|| client.project().to_owned());
        let request = Request::get(
            COMPUTE,
            "compute.zones.list",
            format!("projects/{project}/zones"),
        );
        let zones = client.list(context, request, "items").await?;
        let mut names: Vec<String> = zones
            .iter()
            .filter(|z| {
                z["region"]
                    .as_str()
                    .is_some_and(|r| crate::api::short(r) == region)
            })
            .filter(|z| {
                config
                    .status
                    .as_ref()
                    .is_none_or(|s| z["status"] == s.as_str())
            })
            .filter_map(|z| z["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        Ok(ZonesRecord {
            id: Some(format!("projects/{project}/regions/{region}")),
            region: Some(region),
            project: Some(project),
            status: config.status,
            names,
        })
    }
}

/// The versions of Kubernetes that a place offers.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VersionsRecord {
    /// A region or zone. By default the provider's region.
    #[record(optional, computed)]
    pub(crate) location: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed)]
    pub(crate) project: Option<String>,
    /// Only versions that begin so, such as `1.34.`.
    #[record(optional)]
    pub(crate) version_prefix: Option<String>,
    /// Of control planes, the newest first.
    #[record(computed)]
    pub(crate) valid_master_versions: Vec<String>,
    /// Of nodes, the newest first.
    #[record(computed)]
    pub(crate) valid_node_versions: Vec<String>,
    /// The newest of control planes.
    #[record(computed)]
    pub(crate) latest_master_version: Option<String>,
    /// The newest of nodes.
    #[record(computed)]
    pub(crate) latest_node_version: Option<String>,
    /// What new clusters get.
    #[record(computed)]
    pub(crate) default_cluster_version: Option<String>,
    /// `projects/{project}/locations/{location}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct EngineVersions;

#[async_trait]
impl DataSource<Client> for EngineVersions {
    type Record = VersionsRecord;
    const TYPE: &'static str = "google_container_engine_versions";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: VersionsRecord,
    ) -> Result<VersionsRecord, ProviderError> {
        let location = region_of(client, config.location)?;
        let project = config
            .project
            .unwrap_or_else(|| client.project().to_owned());
        let id = format!("projects/{project}/locations/{location}");
        let request = Request::get(
            CONTAINER,
            "container.projects.locations.getServerConfig",
            format!("{id}/serverConfig"),
        );
        let found = client.call(context, &request).await?;
        let begins = |version: &&str| {
            let prefix = config.version_prefix.as_deref().unwrap_or_default();
            version.starts_with(prefix)
        };
        let list = |name: &str| -> Vec<String> {
            let versions = found[name].as_array().into_iter().flatten();
            let versions = versions.filter_map(Json::as_str).filter(begins);
            versions.map(str::to_owned).collect()
        };
        let (masters, nodes) = (list("validMasterVersions"), list("validNodeVersions"));
        Ok(VersionsRecord {
            latest_master_version: masters.first().cloned(),
            latest_node_version: nodes.first().cloned(),
            valid_master_versions: masters,
            valid_node_versions: nodes,
            default_cluster_version: found["defaultClusterVersion"].as_str().map(str::to_owned),
            version_prefix: config.version_prefix,
            location: Some(location),
            project: Some(project),
            id: Some(id),
        })
    }
}
