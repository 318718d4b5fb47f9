//! Policies of access, which each crate has calls for. The type of their requests is that of a crate that they share, which has no
//! name here: it is taken from the crate's trait for a service.

use super::arguments::{Arguments, Body};
use super::{Failure, Method, answer};
use google_cloud_artifactregistry_v1::client::ArtifactRegistry;
use google_cloud_gax::options::RequestOptions;
use google_cloud_iam_admin_v1::client::Iam;
use google_cloud_kms_v1::client::KeyManagementService;
use google_cloud_resourcemanager_v3::client::Projects;
use google_cloud_secretmanager_v1::client::SecretManagerService;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A service that nobody calls: only its types are of use.
#[derive(Debug)]
struct Types;

impl google_cloud_artifactregistry_v1::stub::ArtifactRegistry for Types {}
impl google_cloud_iam_admin_v1::stub::Iam for Types {}
impl google_cloud_kms_v1::stub::KeyManagementService for Types {}
impl google_cloud_resourcemanager_v3::stub::Projects for Types {}
impl google_cloud_secretmanager_v1::stub::SecretManagerService for Types {}

/// The arguments as the request that a function of a service takes.
fn typed<'a, R: DeserializeOwned + Serialize, A>(
    _: impl FnOnce(&'a Types, R, RequestOptions) -> A,
    arguments: Arguments,
) -> Result<R, Failure> {
    arguments.whole()
}

macro_rules! policy {
    ($call:literal $path:literal $stub:path, $client:ident.$method:ident $body:expr) => {
        Method {
            call: $call,
            path: $path,
            body: $body,
            exact: false,
            send: |clients, arguments| {
                Box::pin(async move {
                    let request = typed(<Types as $stub>::$method, arguments)?;
                    let client = clients.of::<$client>().await?;
                    let call = client.$method().with_request(request);
                    answer(&call.with_options(clients.options()).send().await?)
                })
            },
        }
    };
}

/// All methods.
#[rustfmt::skip]
pub(super) static METHODS: &[Method] = &[
    policy!("cloudresourcemanager.projects.getIamPolicy" "{resource=projects/*}:getIamPolicy"
        google_cloud_resourcemanager_v3::stub::Projects, Projects.get_iam_policy Body::Whole),
    policy!("cloudresourcemanager.projects.setIamPolicy" "{resource=projects/*}:setIamPolicy"
        google_cloud_resourcemanager_v3::stub::Projects, Projects.set_iam_policy Body::Whole),
    policy!("iam.projects.serviceAccounts.getIamPolicy" "{resource=projects/*/serviceAccounts/*}:getIamPolicy"
        google_cloud_iam_admin_v1::stub::Iam, Iam.get_iam_policy Body::None),
    policy!("iam.projects.serviceAccounts.setIamPolicy" "{resource=projects/*/serviceAccounts/*}:setIamPolicy"
        google_cloud_iam_admin_v1::stub::Iam, Iam.set_iam_policy Body::Whole),
    policy!("cloudkms.projects.locations.keyRings.cryptoKeys.getIamPolicy"
        "{resource=projects/*/locations/*/keyRings/*/cryptoKeys/*}:getIamPolicy"
        google_cloud_kms_v1::stub::KeyManagementService, KeyManagementService.get_iam_policy Body::None),
    policy!("cloudkms.projects.locations.keyRings.cryptoKeys.setIamPolicy"
        "{resource=projects/*/locations/*/keyRings/*/cryptoKeys/*}:setIamPolicy"
        google_cloud_kms_v1::stub::KeyManagementService, KeyManagementService.set_iam_policy Body::Whole),
    policy!("secretmanager.projects.secrets.getIamPolicy" "{resource=projects/*/secrets/*}:getIamPolicy"
        google_cloud_secretmanager_v1::stub::SecretManagerService, SecretManagerService.get_iam_policy Body::None),
    policy!("secretmanager.projects.secrets.setIamPolicy" "{resource=projects/*/secrets/*}:setIamPolicy"
        google_cloud_secretmanager_v1::stub::SecretManagerService, SecretManagerService.set_iam_policy Body::Whole),
    policy!("artifactregistry.projects.locations.repositories.getIamPolicy"
        "{resource=projects/*/locations/*/repositories/*}:getIamPolicy"
        google_cloud_artifactregistry_v1::stub::ArtifactRegistry, ArtifactRegistry.get_iam_policy Body::None),
    policy!("artifactregistry.projects.locations.repositories.setIamPolicy"
        "{resource=projects/*/locations/*/repositories/*}:setIamPolicy"
        google_cloud_artifactregistry_v1::stub::ArtifactRegistry, ArtifactRegistry.set_iam_policy Body::Whole),
];
