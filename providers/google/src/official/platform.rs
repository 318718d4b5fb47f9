//! Accounts, projects, services, keys, secrets and packages, each through the crate of its own.

use super::arguments::Body::{Field, None, Whole};
use super::{Method, answer, rpc};
use google_cloud_api_serviceusage_v1::{client::ServiceUsage, model as usage};
use google_cloud_artifactregistry_v1::{client::ArtifactRegistry, model as artifacts};
use google_cloud_iam_admin_v1::{client::Iam, model as iam};
use google_cloud_kms_v1::{client::KeyManagementService, model as kms};
use google_cloud_resourcemanager_v3::{client::Projects, model as projects};
use google_cloud_secretmanager_v1::{client::SecretManagerService, model as secrets};

/// Long-running operations of a crate. The type of their requests is that of another crate, so that they are built by name.
macro_rules! operation {
    ($call:literal $path:literal $client:ident) => {
        Method {
            call: $call,
            path: $path,
            body: None,
            exact: false,
            send: |clients, mut arguments| {
                Box::pin(async move {
                    let name: String = arguments.take("name")?;
                    arguments.done()?;
                    let client = clients.of::<$client>().await?;
                    let call = client.get_operation().set_name(name);
                    answer(&call.with_options(clients.options()).send().await?)
                })
            },
        }
    };
}

/// All methods.
#[rustfmt::skip]
pub(super) static METHODS: &[Method] = &[
    rpc!("iam.projects.serviceAccounts.create" "{name=projects/*}/serviceAccounts"
        Iam.create_service_account(iam::CreateServiceAccountRequest) Whole),
    rpc!("iam.projects.serviceAccounts.list" "{name=projects/*}/serviceAccounts"
        Iam.list_service_accounts(iam::ListServiceAccountsRequest) None),
    rpc!("iam.projects.serviceAccounts.get" "{name=projects/*/serviceAccounts/*}"
        Iam.get_service_account(iam::GetServiceAccountRequest) None),
    rpc!("iam.projects.serviceAccounts.patch" "{serviceAccount.name=projects/*/serviceAccounts/*}"
        Iam.patch_service_account(iam::PatchServiceAccountRequest) Whole),
    rpc!("iam.projects.serviceAccounts.enable" "{name=projects/*/serviceAccounts/*}:enable"
        Iam.enable_service_account(iam::EnableServiceAccountRequest) Whole),
    rpc!("iam.projects.serviceAccounts.disable" "{name=projects/*/serviceAccounts/*}:disable"
        Iam.disable_service_account(iam::DisableServiceAccountRequest) Whole),
    rpc!("iam.projects.serviceAccounts.delete" "{name=projects/*/serviceAccounts/*}"
        Iam.delete_service_account(iam::DeleteServiceAccountRequest) None),

    rpc!("cloudresourcemanager.projects.get" "{name=projects/*}"
        Projects.get_project(projects::GetProjectRequest) None),

    rpc!("serviceusage.services.batchGet" "{parent=projects/*}/services:batchGet"
        ServiceUsage.batch_get_services(usage::BatchGetServicesRequest) None),
    rpc!("serviceusage.services.enable" "{name=projects/*/services/*}:enable"
        ServiceUsage.enable_service(usage::EnableServiceRequest) Whole),
    rpc!("serviceusage.services.disable" "{name=projects/*/services/*}:disable"
        ServiceUsage.disable_service(usage::DisableServiceRequest) Whole),
    operation!("serviceusage.operations.get" "{name=operations/*}" ServiceUsage),

    rpc!("cloudkms.projects.locations.keyRings.create" "{parent=projects/*/locations/*}/keyRings"
        KeyManagementService.create_key_ring(kms::CreateKeyRingRequest) Field("key_ring")),
    rpc!("cloudkms.projects.locations.keyRings.list" "{parent=projects/*/locations/*}/keyRings"
        KeyManagementService.list_key_rings(kms::ListKeyRingsRequest) None),
    rpc!("cloudkms.projects.locations.keyRings.get" "{name=projects/*/locations/*/keyRings/*}"
        KeyManagementService.get_key_ring(kms::GetKeyRingRequest) None),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.create" "{parent=projects/*/locations/*/keyRings/*}/cryptoKeys"
        KeyManagementService.create_crypto_key(kms::CreateCryptoKeyRequest) Field("crypto_key")),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.list" "{parent=projects/*/locations/*/keyRings/*}/cryptoKeys"
        KeyManagementService.list_crypto_keys(kms::ListCryptoKeysRequest) None),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.get" "{name=projects/*/locations/*/keyRings/*/cryptoKeys/*}"
        KeyManagementService.get_crypto_key(kms::GetCryptoKeyRequest) None),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.patch" "{crypto_key.name=projects/*/locations/*/keyRings/*/cryptoKeys/*}"
        KeyManagementService.update_crypto_key(kms::UpdateCryptoKeyRequest) Field("crypto_key")),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.updatePrimaryVersion"
        "{name=projects/*/locations/*/keyRings/*/cryptoKeys/*}:updatePrimaryVersion"
        KeyManagementService.update_crypto_key_primary_version(kms::UpdateCryptoKeyPrimaryVersionRequest) Whole),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.create"
        "{parent=projects/*/locations/*/keyRings/*/cryptoKeys/*}/cryptoKeyVersions"
        KeyManagementService.create_crypto_key_version(kms::CreateCryptoKeyVersionRequest) Field("crypto_key_version")),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.list"
        "{parent=projects/*/locations/*/keyRings/*/cryptoKeys/*}/cryptoKeyVersions"
        KeyManagementService.list_crypto_key_versions(kms::ListCryptoKeyVersionsRequest) None),
    rpc!("cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.destroy"
        "{name=projects/*/locations/*/keyRings/*/cryptoKeys/*/cryptoKeyVersions/*}:destroy"
        KeyManagementService.destroy_crypto_key_version(kms::DestroyCryptoKeyVersionRequest) Whole),

    rpc!("secretmanager.projects.secrets.create" "{parent=projects/*}/secrets"
        SecretManagerService.create_secret(secrets::CreateSecretRequest) Field("secret")),
    rpc!("secretmanager.projects.secrets.list" "{parent=projects/*}/secrets"
        SecretManagerService.list_secrets(secrets::ListSecretsRequest) None),
    rpc!("secretmanager.projects.secrets.get" "{name=projects/*/secrets/*}"
        SecretManagerService.get_secret(secrets::GetSecretRequest) None),
    rpc!("secretmanager.projects.secrets.patch" "{secret.name=projects/*/secrets/*}"
        SecretManagerService.update_secret(secrets::UpdateSecretRequest) Field("secret")),
    rpc!("secretmanager.projects.secrets.delete" "{name=projects/*/secrets/*}"
        SecretManagerService.delete_secret(secrets::DeleteSecretRequest) None),
    rpc!("secretmanager.projects.secrets.addVersion" "{parent=projects/*/secrets/*}:addVersion"
        SecretManagerService.add_secret_version(secrets::AddSecretVersionRequest) Whole),
    rpc!("secretmanager.projects.secrets.versions.list" "{parent=projects/*/secrets/*}/versions"
        SecretManagerService.list_secret_versions(secrets::ListSecretVersionsRequest) None),
    rpc!("secretmanager.projects.secrets.versions.get" "{name=projects/*/secrets/*/versions/*}"
        SecretManagerService.get_secret_version(secrets::GetSecretVersionRequest) None),
    rpc!("secretmanager.projects.secrets.versions.access" "{name=projects/*/secrets/*/versions/*}:access"
        SecretManagerService.access_secret_version(secrets::AccessSecretVersionRequest) None),
    rpc!("secretmanager.projects.secrets.versions.enable" "{name=projects/*/secrets/*/versions/*}:enable"
        SecretManagerService.enable_secret_version(secrets::EnableSecretVersionRequest) Whole),
    rpc!("secretmanager.projects.secrets.versions.disable" "{name=projects/*/secrets/*/versions/*}:disable"
        SecretManagerService.disable_secret_version(secrets::DisableSecretVersionRequest) Whole),
    rpc!("secretmanager.projects.secrets.versions.destroy" "{name=projects/*/secrets/*/versions/*}:destroy"
        SecretManagerService.destroy_secret_version(secrets::DestroySecretVersionRequest) Whole),

    rpc!("artifactregistry.projects.locations.repositories.create" "{parent=projects/*/locations/*}/repositories"
        ArtifactRegistry.create_repository(artifacts::CreateRepositoryRequest) Field("repository")),
    rpc!("artifactregistry.projects.locations.repositories.list" "{parent=projects/*/locations/*}/repositories"
        ArtifactRegistry.list_repositories(artifacts::ListRepositoriesRequest) None),
    rpc!("artifactregistry.projects.locations.repositories.get" "{name=projects/*/locations/*/repositories/*}"
        ArtifactRegistry.get_repository(artifacts::GetRepositoryRequest) None),
    rpc!("artifactregistry.projects.locations.repositories.patch" "{repository.name=projects/*/locations/*/repositories/*}"
        ArtifactRegistry.update_repository(artifacts::UpdateRepositoryRequest) Field("repository")),
    rpc!("artifactregistry.projects.locations.repositories.delete" "{name=projects/*/locations/*/repositories/*}"
        ArtifactRegistry.delete_repository(artifacts::DeleteRepositoryRequest) None),
    operation!("artifactregistry.operations.get" "{name=projects/*/locations/*/operations/*}" ArtifactRegistry),
];
