//! `aws_eks_cluster` as a data source: a cluster that somebody else made.

use crate::client::Client;
use crate::eks::cluster::{
    AccessConfig, CertificateAuthority, Cluster as Managed, Identity, NetworkConfig, UpgradePolicy,
    VpcConfig, ZonalShift,
};
use crate::eks::cluster_auto::{ComputeConfig, StorageConfig};
use crate::tags::Tags;
use async_trait::async_trait;
use infra_cloud::read;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use std::collections::BTreeSet;

/// A Kubernetes cluster of EKS, by name.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterRecord {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The name.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// The id of a local cluster on an Outpost.
    #[record(computed)]
    pub(crate) cluster_id: Option<String>,
    /// The URL of the API.
    #[record(computed)]
    pub(crate) endpoint: Option<String>,
    /// What the API's certificate is checked against.
    #[record(block, computed)]
    pub(crate) certificate_authority: Vec<CertificateAuthority>,
    /// The Kubernetes version, as `1.34`.
    #[record(computed)]
    pub(crate) version: Option<String>,
    /// EKS' own version.
    #[record(computed)]
    pub(crate) platform_version: Option<String>,
    /// `ACTIVE`, …
    #[record(computed)]
    pub(crate) status: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) created_at: Option<String>,
    /// The role that the control plane takes.
    #[record(computed)]
    pub(crate) role_arn: Option<String>,
    /// Logs that go to CloudWatch.
    #[record(computed)]
    pub(crate) enabled_cluster_log_types: BTreeSet<String>,
    /// Whether it refuses to be deleted.
    #[record(computed)]
    pub(crate) deletion_protection: Option<bool>,
    /// Where it stands and who reaches it.
    #[record(block, computed)]
    pub(crate) vpc_config: Vec<VpcConfig>,
    /// Who may use it.
    #[record(block, computed)]
    pub(crate) access_config: Vec<AccessConfig>,
    /// Whether EKS makes machines.
    #[record(block, computed)]
    pub(crate) compute_config: Vec<ComputeConfig>,
    /// Whether EKS makes disks.
    #[record(block, computed)]
    pub(crate) storage_config: Vec<StorageConfig>,
    /// The addresses of services.
    #[record(block, computed)]
    pub(crate) kubernetes_network_config: Vec<NetworkConfig>,
    /// What happens when the version's standard support ends.
    #[record(block, computed)]
    pub(crate) upgrade_policy: Vec<UpgradePolicy>,
    /// Whether traffic may be moved away from a zone.
    #[record(block, computed)]
    pub(crate) zonal_shift_config: Vec<ZonalShift>,
    /// What vouches for the cluster's service accounts.
    #[record(block, computed)]
    pub(crate) identity: Vec<Identity>,
    /// Its tags.
    #[record(computed)]
    pub(crate) tags: Tags,
}

pub(crate) struct Cluster;

#[async_trait]
impl DataSource<Client> for Cluster {
    type Record = ClusterRecord;
    const TYPE: &'static str = "aws_eks_cluster";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: ClusterRecord,
    ) -> Result<ClusterRecord, ProviderError> {
        let found = read::one::<_, Managed>(client, context, &config.name, None).await?;
        let found = found.ok_or_else(|| {
            let (name, region) = (&config.name, client.region());
            ProviderError::new(
                ErrorKind::NotFound,
                format!("there is no cluster `{name}` in {region}"),
            )
        })?;
        Ok(ClusterRecord {
            name: found.name,
            id: found.id,
            arn: found.arn,
            cluster_id: found.cluster_id,
            endpoint: found.endpoint,
            certificate_authority: found.certificate_authority,
            version: found.version,
            platform_version: found.platform_version,
            status: found.status,
            created_at: found.created_at,
            role_arn: Some(found.role_arn),
            enabled_cluster_log_types: found.enabled_cluster_log_types,
            deletion_protection: found.deletion_protection,
            vpc_config: found.vpc_config,
            access_config: found.access_config,
            compute_config: found.compute_config,
            storage_config: found.storage_config,
            kubernetes_network_config: found.kubernetes_network_config,
            upgrade_policy: found.upgrade_policy,
            zonal_shift_config: found.zonal_shift_config,
            identity: found.identity,
            tags: found.tags_all,
        })
    }
}
