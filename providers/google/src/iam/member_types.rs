//! `google_project_iam_member`, `google_service_account_iam_member`, `google_kms_crypto_key_iam_member`,
//! `google_secret_manager_secret_iam_member`, `google_artifact_registry_repository_iam_member` and `google_storage_bucket_iam_member`.

use super::member::{Condition, Grant, Policy, Style, id_of};
use crate::api::{relative, short};
use crate::client::Client;
use crate::family::{ARTIFACTS, IAM, KMS, PROJECTS, SECRETS, STORAGE, Service};
use crate::kind::Kind;
use infra_model::{ProviderError, Record};

macro_rules! member {
    (
        $(#[$doc:meta])* $record:ident, $kind:ident, $type:literal, $form:literal,
        $(#[$on_doc:meta])* $on:ident, $service:expr, $name:literal, $style:expr,
        path $path:expr, shown $shown:expr $(, of $parent:ty)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Record)]
        pub(crate) struct $record {
            $(#[$on_doc])*
            #[record(required, force_new, compare = resource_name)]
            pub(crate) $on: String,
            /// `roles/viewer`, or a custom role's full name.
            #[record(required, force_new)]
            pub(crate) role: String,
            /// `serviceAccount:…`, `user:…`, `group:…`, `domain:…`, `principal://…`.
            #[record(required, force_new, compare = case_insensitive)]
            pub(crate) member: String,
            /// Holds only while an expression does.
            #[record(block, max = 1, force_new)]
            pub(crate) condition: Vec<Condition>,
            /// Where, which role, who: with spaces between.
            #[record(computed)]
            pub(crate) id: Option<String>,
        }

        pub(crate) struct $kind;

        impl Policy for $kind {
            type Record = $record;
            const TYPE: &'static str = $type;
            const FORM: &'static str = $form;
            const SERVICE: Service = $service;
            const NAME: &'static str = $name;
            const STYLE: Style = $style;

            fn grant(_: &Client, record: &$record) -> Result<Grant, ProviderError> {
                Ok(Grant {
                    on: Self::path(&record.$on),
                    role: record.role.clone(),
                    member: record.member.clone(),
                    condition: record.condition.first().cloned(),
                })
            }

            fn record(grant: &Grant, prior: Option<&$record>) -> $record {
                let said = |p: &&$record| !p.$on.is_empty() && Self::path(&p.$on) == grant.on;
                let shown: fn(&str) -> String = $shown;
                $record {
                    $on: prior.filter(said).map_or_else(|| shown(&grant.on), |p| p.$on.clone()),
                    role: grant.role.clone(),
                    member: prior
                        .filter(|p| p.member.eq_ignore_ascii_case(&grant.member))
                        .map_or_else(|| grant.member.clone(), |p| p.member.clone()),
                    condition: grant.condition.clone().into_iter().collect(),
                    id: Some(id_of(grant)),
                }
            }

            fn path(name: &str) -> String {
                let path: fn(&str) -> String = $path;
                path(name)
            }

            $(fn whole(client: &Client, path: &str) -> String {
                let whole = <$parent as Kind>::API.whole_of(path, client);
                whole.unwrap_or_else(|_| path.to_owned())
            })?
        }
    };
}

member!(
    /// A member of a role in a project.
    ProjectMemberRecord, ProjectMember, "google_project_iam_member", "projects/{project} {role} {member}",
    /// The project.
    project, PROJECTS, "cloudresourcemanager.projects", Style::Posts,
    path |name| format!("projects/{}", short(name)),
    shown |on| short(on).to_owned()
);

member!(
    /// A member of a role on a service account: who may act as it.
    AccountMemberRecord, AccountMember, "google_service_account_iam_member",
    "projects/{project}/serviceAccounts/{email} {role} {member}",
    /// The service account's id.
    service_account_id, IAM, "iam.projects.serviceAccounts", Style::PostsBare,
    path |name| relative(name).to_owned(),
    shown |on| on.to_owned(), of super::service_account::Account
);

member!(
    /// A member of a role on a key: who may encrypt with it.
    KeyMemberRecord, KeyMember, "google_kms_crypto_key_iam_member",
    "projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key} {role} {member}",
    /// The key's id.
    crypto_key_id, KMS, "cloudkms.projects.locations.keyRings.cryptoKeys", Style::GetAndPost,
    path |name| relative(name).to_owned(),
    shown |on| on.to_owned(), of crate::kms::Key
);

member!(
    /// A member of a role on a secret: who may read it.
    SecretMemberRecord, SecretMember, "google_secret_manager_secret_iam_member",
    "projects/{project}/secrets/{secret} {role} {member}",
    /// The secret's id.
    secret_id, SECRETS, "secretmanager.projects.secrets", Style::GetAndPost,
    path |name| relative(name).to_owned(),
    shown |on| on.to_owned(), of crate::secrets::Secret
);

member!(
    /// A member of a role on a repository: who may pull from it.
    RepositoryMemberRecord, RepositoryMember, "google_artifact_registry_repository_iam_member",
    "projects/{project}/locations/{location}/repositories/{repository} {role} {member}",
    /// The repository's id, `projects/…/locations/…/repositories/…`.
    repository, ARTIFACTS, "artifactregistry.projects.locations.repositories", Style::GetAndPost,
    path |name| relative(name).to_owned(),
    shown |on| on.to_owned(), of crate::artifacts::Repository
);

member!(
    /// A member of a role on a bucket.
    BucketMemberRecord, BucketMember, "google_storage_bucket_iam_member", "b/{bucket} {role} {member}",
    /// The bucket's name.
    bucket, STORAGE, "storage.buckets", Style::Storage,
    path |name| format!("b/{}", short(name)),
    shown |on| short(on).to_owned()
);
