//! A database as RDS tells it, as a record. A change that waits for the maintenance window counts as made: it is what the
//! stack asked for, and RDS will not be asked again.

use super::instance::{InstanceRecord, MasterUserSecret};
use super::tagging;
use crate::client::Client;
use crate::tags;
use aws_sdk_rds::types::{DatabaseInsightsMode, DbInstance as Found};
use infra_model::{ErrorKind, ProviderError};

/// Whether a version, or a part of one, is what runs: `17` covers `17.5`, and not `170`.
pub(super) fn covers(version: &str, runs: &str) -> bool {
    runs == version
        || runs
            .strip_prefix(version)
            .is_some_and(|rest| rest.starts_with('.'))
}

/// The one with the id; an import gives the name.
pub(super) fn pick<'a>(
    listing: &'a [Found],
    id: &str,
    prior: Option<&InstanceRecord>,
) -> Option<&'a Found> {
    let named = |f: &&Found, name: Option<&str>| f.db_instance_identifier() == name;
    let mut same = listing
        .iter()
        .filter(|f| f.dbi_resource_id() == Some(id))
        .collect::<Vec<_>>();
    // Emulators give every database the same id.
    let name = prior.and_then(|p| p.identifier.as_deref());
    if same.len() > 1 {
        same.retain(|f| named(f, name));
    }
    same.first()
        .copied()
        .or_else(|| listing.iter().find(|f| named(f, Some(id))))
}

/// Where it stands, or what broke it.
pub(super) fn status(found: &Found) -> Result<&str, ProviderError> {
    let status = found.db_instance_status().unwrap_or("creating");
    let broken = status.starts_with("incompatible-")
        || matches!(
            status,
            "failed" | "restore-error" | "storage-full" | "inaccessible-encryption-credentials"
        );
    if !broken {
        return Ok(status);
    }
    let why = found
        .status_infos()
        .iter()
        .find_map(|i| i.message.clone())
        .unwrap_or_else(|| format!("the database is `{status}`"));
    Err(ProviderError {
        service: "rds".to_owned(),
        code: status.to_owned(),
        ..ProviderError::new(ErrorKind::Failed, why)
    })
}

/// Whether something of what was asked for at once has not happened yet. Certificates, log volumes and what else waits for
/// a restart may wait.
pub(super) fn changing(found: &Found) -> bool {
    let pending = found.pending_modified_values().is_some_and(|p| {
        p.db_instance_class.is_some()
            || p.allocated_storage.is_some()
            || p.master_user_password.is_some()
            || p.port.is_some()
            || p.backup_retention_period.is_some()
            || p.multi_az.is_some()
            || p.engine_version.is_some()
            || p.iops.is_some()
            || p.storage_throughput.is_some()
            || p.storage_type.is_some()
            || p.db_instance_identifier.is_some()
            || p.db_subnet_group_name.is_some()
            || p.iam_database_authentication_enabled.is_some()
    });
    pending || settling(found)
}

/// What goes on after an instance is `available`.
pub(super) fn settling(found: &Found) -> bool {
    let groups = found.vpc_security_groups().iter();
    let secret = found.master_user_secret().and_then(|s| s.secret_status());
    groups
        .filter_map(|g| g.status())
        .any(|s| matches!(s, "adding" | "removing"))
        || found
            .db_parameter_groups()
            .iter()
            .any(|g| g.parameter_apply_status() == Some("applying"))
        || secret == Some("creating")
}

/// The record.
pub(super) fn record(
    client: &Client,
    found: &Found,
    prior: Option<&InstanceRecord>,
) -> InstanceRecord {
    let found_tags = tagging::from_sdk(found.tag_list());
    let (tags, tags_all) = tags::split(found_tags, &client.config().tags, prior.map(|p| &p.tags));
    let pending = found.pending_modified_values();
    macro_rules! soon {
        ($field:ident) => {
            pending
                .and_then(|p| p.$field.clone())
                .or_else(|| found.$field.clone())
        };
    }
    let actual = found.engine_version.clone();
    let version = soon!(engine_version);
    // What the stack wrote, where it means this version.
    let said = prior.and_then(|p| p.engine_version.clone());
    let engine_version = match (said, version) {
        (Some(said), Some(version)) if covers(&said, &version) => Some(said),
        (_, version) => version,
    };
    let secret = found.master_user_secret();
    let endpoint = found.endpoint();
    let port = pending
        .and_then(|p| p.port)
        .or(endpoint.and_then(|e| e.port))
        .or(found.db_instance_port.filter(|p| *p != 0));
    InstanceRecord {
        identifier: soon!(db_instance_identifier),
        identifier_prefix: prior.and_then(|p| p.identifier_prefix.clone()),
        engine: found.engine.clone().unwrap_or_default(),
        engine_version,
        engine_version_actual: actual,
        auto_minor_version_upgrade: found.auto_minor_version_upgrade.unwrap_or(true),
        allow_major_version_upgrade: prior.and_then(|p| p.allow_major_version_upgrade),
        engine_lifecycle_support: found.engine_lifecycle_support.clone(),
        instance_class: soon!(db_instance_class).unwrap_or_default(),
        storage_type: soon!(storage_type),
        allocated_storage: soon!(allocated_storage),
        max_allocated_storage: found
            .max_allocated_storage
            // Switched off by a zero.
            .or(prior
                .and_then(|p| p.max_allocated_storage)
                .filter(|m| *m == 0)),
        iops: soon!(iops),
        storage_throughput: soon!(storage_throughput),
        dedicated_log_volume: soon!(dedicated_log_volume).unwrap_or(false),
        storage_encrypted: found.storage_encrypted.unwrap_or(false),
        kms_key_id: found.kms_key_id.clone(),
        db_name: found.db_name.clone(),
        username: found.master_username.clone(),
        password: prior.and_then(|p| p.password.clone()),
        password_wo: None,
        password_wo_version: prior.and_then(|p| p.password_wo_version),
        manage_master_user_password: match secret {
            Some(_) => Some(true),
            // Not said, and said not to be, are the same.
            None => prior
                .and_then(|p| p.manage_master_user_password)
                .map(|_| false),
        },
        master_user_secret_kms_key_id: secret.and_then(|s| {
            // A key that was given by its id is told by its ARN.
            let told = s.kms_key_id.clone();
            let said = prior.and_then(|p| p.master_user_secret_kms_key_id.clone());
            match (said, told) {
                (Some(said), Some(told)) if told.ends_with(&format!("/{said}")) => Some(said),
                (_, told) => told,
            }
        }),
        master_user_secret: secret
            .map(|s| MasterUserSecret {
                secret_arn: s.secret_arn.clone(),
                secret_status: s.secret_status.clone(),
                kms_key_id: s.kms_key_id.clone(),
            })
            .into_iter()
            .collect(),
        iam_database_authentication_enabled: soon!(iam_database_authentication_enabled)
            .unwrap_or(false),
        port,
        multi_az: soon!(multi_az),
        availability_zone: found.availability_zone.clone(),
        db_subnet_group_name: pending
            .and_then(|p| p.db_subnet_group_name.clone())
            .or_else(|| found.db_subnet_group()?.db_subnet_group_name.clone()),
        vpc_security_group_ids: Some(
            found
                .vpc_security_groups()
                .iter()
                .filter_map(|g| g.vpc_security_group_id.clone())
                .collect(),
        ),
        publicly_accessible: found.publicly_accessible.unwrap_or(false),
        network_type: found.network_type.clone(),
        customer_owned_ip_enabled: found.customer_owned_ip_enabled.unwrap_or(false),
        parameter_group_name: found
            .db_parameter_groups()
            .first()
            .and_then(|g| g.db_parameter_group_name.clone()),
        option_group_name: found
            .option_group_memberships()
            .first()
            .and_then(|g| g.option_group_name.clone()),
        ca_cert_identifier: soon!(ca_certificate_identifier),
        license_model: soon!(license_model),
        character_set_name: found.character_set_name.clone(),
        timezone: found.timezone.clone(),
        backup_retention_period: soon!(backup_retention_period),
        backup_window: found.preferred_backup_window.clone(),
        maintenance_window: same_window(
            found.preferred_maintenance_window.clone(),
            prior.and_then(|p| p.maintenance_window.clone()),
        ),
        copy_tags_to_snapshot: found.copy_tags_to_snapshot.unwrap_or(false),
        delete_automated_backups: prior.is_none_or(|p| p.delete_automated_backups),
        skip_final_snapshot: prior.is_some_and(|p| p.skip_final_snapshot),
        final_snapshot_identifier: prior.and_then(|p| p.final_snapshot_identifier.clone()),
        deletion_protection: found.deletion_protection.unwrap_or(false),
        apply_immediately: prior.is_some_and(|p| p.apply_immediately),
        enabled_cloudwatch_logs_exports: found
            .enabled_cloudwatch_logs_exports()
            .iter()
            .cloned()
            .collect(),
        monitoring_interval: found.monitoring_interval.unwrap_or(0),
        monitoring_role_arn: found.monitoring_role_arn.clone(),
        database_insights_mode: found
            .database_insights_mode()
            .map(DatabaseInsightsMode::as_str)
            .map(str::to_owned),
        performance_insights_enabled: found.performance_insights_enabled.unwrap_or(false),
        performance_insights_kms_key_id: found.performance_insights_kms_key_id.clone(),
        performance_insights_retention_period: found.performance_insights_retention_period,
        tags,
        tags_all,
        id: found.dbi_resource_id.clone(),
        resource_id: found.dbi_resource_id.clone(),
        arn: found.db_instance_arn.clone(),
        address: endpoint.and_then(|e| e.address.clone()),
        endpoint: endpoint.and_then(|e| Some(format!("{}:{}", e.address.as_ref()?, e.port?))),
        hosted_zone_id: endpoint.and_then(|e| e.hosted_zone_id.clone()),
    }
}

/// RDS writes days in lower case.
fn same_window(found: Option<String>, said: Option<String>) -> Option<String> {
    match (found, said) {
        (Some(found), Some(said)) if said.eq_ignore_ascii_case(&found) => Some(said),
        (found, _) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::PendingModifiedValues;

    #[test]
    fn a_version_covers_those_that_start_with_it() {
        for (version, runs, covered) in [
            ("17", "17.5", true),
            ("17.5", "17.5", true),
            ("8.0", "8.0.39", true),
            ("17", "170.1", false),
            ("17.5", "17.50", false),
            ("17.5", "17", false),
        ] {
            assert_eq!(covers(version, runs), covered, "{version} {runs}");
        }
    }

    #[test]
    fn what_waits_for_a_restart_is_not_waited_for() {
        let found = |pending: PendingModifiedValues| {
            Found::builder().pending_modified_values(pending).build()
        };
        let certificate = PendingModifiedValues::builder().ca_certificate_identifier("x");
        assert!(!changing(&found(certificate.build())));
        let class = PendingModifiedValues::builder().db_instance_class("db.m7g.large");
        assert!(changing(&found(class.build())));
    }

    #[test]
    fn a_database_is_known_by_its_id_and_imported_by_its_name() {
        let found = |id: &str, name: &str| {
            Found::builder()
                .dbi_resource_id(id)
                .db_instance_identifier(name)
                .build()
        };
        let listing = [found("db-A", "one"), found("db-B", "two")];
        let name = |id: &str| pick(&listing, id, None).and_then(|f| f.db_instance_identifier());
        assert_eq!(name("db-B"), Some("two"));
        assert_eq!(name("one"), Some("one"));
        assert_eq!(name("db-C"), None);
    }
}
