//! The official clients: one for each of a crate's services, made for its first call and kept.

use super::{Failure, options};
use crate::access::Access;
use crate::family::{
    ARTIFACTS, COMPUTE, CONTAINER, DNS, IAM, KMS, PROJECTS, SECRETS, SQL, Service, USAGE,
};
use futures::future::BoxFuture;
use futures::lock::Mutex;
use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder::Result as Built;
use google_cloud_gax::options::RequestOptions;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// A client of an official crate.
pub(super) trait Connect: Clone + Send + Sync + 'static {
    /// The service that it calls.
    const SERVICE: Service;

    /// Makes one. No call is made.
    fn connect(
        endpoint: Option<String>,
        credentials: Credentials,
    ) -> BoxFuture<'static, Built<Self>>;
}

macro_rules! connects {
    ($($service:ident $krate:ident { $($client:ident)* })*) => {
        $($(impl Connect for $krate::client::$client {
            const SERVICE: Service = $service;

            fn connect(
                endpoint: Option<String>,
                credentials: Credentials,
            ) -> BoxFuture<'static, Built<Self>> {
                Box::pin(async move {
                    let builder = Self::builder().with_credentials(credentials);
                    match endpoint {
                        Some(endpoint) => builder.with_endpoint(endpoint).build().await,
                        None => builder.build().await,
                    }
                })
            }
        })*)*
    };
}

connects! {
    COMPUTE google_cloud_compute_v1 {
        Addresses BackendServices Firewalls ForwardingRules GlobalAddresses GlobalForwardingRules GlobalOperations
        HealthChecks InstanceGroups MachineTypes NetworkEndpointGroups Networks Projects RegionOperations Regions
        Routers SecurityPolicies SslCertificates SslPolicies Subnetworks TargetHttpProxies TargetHttpsProxies TargetSslProxies
        TargetTcpProxies UrlMaps ZoneOperations Zones
    }
    CONTAINER google_cloud_container_v1 { ClusterManager }
    SQL google_cloud_sql_v1 {
        SqlBackupRunsService SqlDatabasesService SqlFlagsService SqlInstancesService SqlOperationsService SqlTiersService SqlUsersService
    }
    DNS google_cloud_dns_v1 { ManagedZones ResourceRecordSets }
    IAM google_cloud_iam_admin_v1 { Iam }
    PROJECTS google_cloud_resourcemanager_v3 { Projects }
    USAGE google_cloud_api_serviceusage_v1 { ServiceUsage }
    KMS google_cloud_kms_v1 { KeyManagementService }
    SECRETS google_cloud_secretmanager_v1 { SecretManagerService }
    ARTIFACTS google_cloud_artifactregistry_v1 { ArtifactRegistry }
}

/// The clients of one configuration.
pub(crate) struct Clients {
    access: Arc<Access>,
    options: RequestOptions,
    made: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Clients {
    /// None is made yet.
    pub(crate) fn new(access: Arc<Access>) -> Clients {
        Clients {
            options: options(&access),
            access,
            made: Mutex::default(),
        }
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// How calls are made.
    pub(super) fn options(&self) -> RequestOptions {
        self.options.clone()
    }

    /// A client.
    ///
    /// # Errors
    /// None can be made.
    pub(super) async fn of<C: Connect>(&self) -> Result<C, Failure> {
        let mut made = self.made.lock().await;
        let known = made.get(&TypeId::of::<C>());
        if let Some(client) = known.and_then(|client| client.downcast_ref::<C>()) {
            return Ok(client.clone());
        }
        let endpoint = self.access.own_endpoint(C::SERVICE).map(str::to_owned);
        let shown = self.access.endpoint(C::SERVICE, None);
        let credentials = self.access.credentials(&shown).clone();
        let client = C::connect(endpoint, credentials)
            .await
            .map_err(Failure::Client)?;
        made.insert(TypeId::of::<C>(), Box::new(client.clone()));
        Ok(client)
    }
}
