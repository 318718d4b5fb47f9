//! The calls of a database's life: create, change, wait, delete, find.

use super::instance::InstanceRecord;
use super::{instance_view as view, list, tagging};
use crate::client::Client;
use crate::error::{absent_is_done, there};
use crate::family::RDS;
use crate::naming;
use crate::tags;
use crate::wait::{self, Progress};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::{
    CloudwatchLogsExportConfiguration, DatabaseInsightsMode, DbInstance as Found, Filter,
};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered};
use std::collections::BTreeSet;

pub(super) fn name(record: &InstanceRecord, operation: &Operation) -> String {
    naming::chosen(
        record.identifier.as_deref(),
        record.identifier_prefix.as_deref(),
        operation,
    )
}

/// The one with the id or, when it is no id, the name; none when there is none.
pub(super) async fn one(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Vec<Found>, ProviderError> {
    // Names are in lower case, ids in upper.
    let is_id = id
        .strip_prefix("db-")
        .is_some_and(|rest| rest.len() > 1 && !rest.contains(|c: char| c.is_ascii_lowercase()));
    let filter = Filter::builder().name("dbi-resource-id").values(id).build();
    let filters = is_id.then(|| vec![filter]);
    let name = (!is_id).then(|| id.to_owned());
    let found = list!(client, context, "DescribeDBInstances": describe_db_instances.set_db_instance_identifier(name).set_filters(filters) => db_instances)
        .await;
    Ok(there(found)?.unwrap_or_default())
}

pub(super) async fn all(
    client: &Client,
    context: &CallContext,
) -> Result<Vec<Found>, ProviderError> {
    list!(client, context, "DescribeDBInstances": describe_db_instances => db_instances).await
}

/// What has the name, and whether the operation made it.
pub(super) async fn find(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let Some(found) = one(client, context, name).await?.pop() else {
        return Ok(Recovered::Absent);
    };
    let tagged = tagging::from_sdk(found.tag_list());
    let whose = tags::whose(operation, name.to_owned(), Some(&tagged));
    Ok(match (whose, found.dbi_resource_id) {
        (Recovered::Found(_), Some(id)) => Recovered::Found(id),
        (whose, _) => whose,
    })
}

/// The call that gives another name.
pub(super) fn renamed(client: &Client, old: &str, name: &str) -> ModifyDBInstanceFluentBuilder {
    client
        .rds()
        .modify_db_instance()
        .db_instance_identifier(old)
        .new_db_instance_identifier(name)
        .apply_immediately(true)
}

/// Sends a change, as soon as the instance can take one.
pub(super) async fn send(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    request: &ModifyDBInstanceFluentBuilder,
) -> Result<(), ProviderError> {
    let busy = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    wait::while_refused(context, operation, wait::MINUTES, busy, || {
        client.call(context, RDS, "ModifyDBInstance", || request.clone().send())
    })
    .await?;
    Ok(())
}

fn set(values: &BTreeSet<String>) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.iter().cloned().collect())
}

pub(super) fn create(
    client: &Client,
    operation: &Operation,
    desired: &InstanceRecord,
    name: &str,
) -> CreateDBInstanceFluentBuilder {
    let d = desired.clone();
    let insights = d.performance_insights_enabled;
    client
        .rds()
        .create_db_instance()
        .db_instance_identifier(name)
        .engine(d.engine)
        .set_engine_version(d.engine_version)
        .auto_minor_version_upgrade(d.auto_minor_version_upgrade)
        .set_engine_lifecycle_support(d.engine_lifecycle_support)
        .db_instance_class(d.instance_class)
        .set_storage_type(d.storage_type)
        .set_allocated_storage(d.allocated_storage)
        .set_max_allocated_storage(d.max_allocated_storage.filter(|m| *m != 0))
        .set_iops(d.iops)
        .set_storage_throughput(d.storage_throughput)
        .set_dedicated_log_volume(d.dedicated_log_volume.then_some(true))
        .storage_encrypted(d.storage_encrypted)
        .set_kms_key_id(d.kms_key_id)
        .set_db_name(d.db_name)
        .set_master_username(d.username)
        .set_master_user_password(d.password.or(d.password_wo))
        .set_manage_master_user_password(d.manage_master_user_password.filter(|m| *m))
        .set_master_user_secret_kms_key_id(d.master_user_secret_kms_key_id)
        .set_enable_iam_database_authentication(
            d.iam_database_authentication_enabled.then_some(true),
        )
        .set_port(d.port)
        .set_multi_az(d.multi_az)
        .set_availability_zone(d.availability_zone)
        .set_db_subnet_group_name(d.db_subnet_group_name)
        .set_vpc_security_group_ids(d.vpc_security_group_ids.as_ref().and_then(set))
        .publicly_accessible(d.publicly_accessible)
        .set_network_type(d.network_type)
        .set_enable_customer_owned_ip(d.customer_owned_ip_enabled.then_some(true))
        .set_db_parameter_group_name(d.parameter_group_name)
        .set_option_group_name(d.option_group_name)
        .set_ca_certificate_identifier(d.ca_cert_identifier)
        .set_license_model(d.license_model)
        .set_character_set_name(d.character_set_name)
        .set_timezone(d.timezone)
        .set_backup_retention_period(d.backup_retention_period)
        .set_preferred_backup_window(d.backup_window)
        .set_preferred_maintenance_window(d.maintenance_window)
        .copy_tags_to_snapshot(d.copy_tags_to_snapshot)
        .deletion_protection(d.deletion_protection)
        .set_enable_cloudwatch_logs_exports(set(&d.enabled_cloudwatch_logs_exports))
        .set_monitoring_interval((d.monitoring_interval != 0).then_some(d.monitoring_interval))
        .set_monitoring_role_arn(d.monitoring_role_arn)
        .set_database_insights_mode(
            d.database_insights_mode
                .as_deref()
                .map(DatabaseInsightsMode::from),
        )
        .set_enable_performance_insights(insights.then_some(true))
        .set_performance_insights_kms_key_id(d.performance_insights_kms_key_id.filter(|_| insights))
        .set_performance_insights_retention_period(
            d.performance_insights_retention_period.filter(|_| insights),
        )
        .set_tags(Some(tagging::for_create(client, operation, &desired.tags)))
}

/// The changes, each of which must be over before the next: protection goes off before and on after the others. None when
/// nothing is RDS' business.
pub(super) fn modify(
    client: &Client,
    prior: &InstanceRecord,
    desired: &InstanceRecord,
    name: &str,
) -> Vec<ModifyDBInstanceFluentBuilder> {
    let begin = || {
        client
            .rds()
            .modify_db_instance()
            .db_instance_identifier(name)
            .apply_immediately(desired.apply_immediately)
    };
    let mut request = begin();
    let mut any = false;
    // Only what changes is sent: RDS checks whatever it is sent.
    macro_rules! changed {
        ($($field:ident => $method:ident,)*) => {
            $(
                if prior.$field != desired.$field && desired.$field.is_some() {
                    request = request.$method(desired.$field.clone());
                    any = true;
                }
            )*
        };
    }
    macro_rules! switched {
        ($($field:ident => $method:ident,)*) => {
            $(
                if prior.$field != desired.$field {
                    request = request.$method(desired.$field);
                    any = true;
                }
            )*
        };
    }
    changed! {
        storage_type => set_storage_type,
        allocated_storage => set_allocated_storage,
        iops => set_iops,
        storage_throughput => set_storage_throughput,
        port => set_db_port_number,
        multi_az => set_multi_az,
        db_subnet_group_name => set_db_subnet_group_name,
        network_type => set_network_type,
        parameter_group_name => set_db_parameter_group_name,
        option_group_name => set_option_group_name,
        ca_cert_identifier => set_ca_certificate_identifier,
        license_model => set_license_model,
        engine_lifecycle_support => set_engine_lifecycle_support,
        backup_retention_period => set_backup_retention_period,
        backup_window => set_preferred_backup_window,
        maintenance_window => set_preferred_maintenance_window,
        password => set_master_user_password,
    }
    switched! {
        auto_minor_version_upgrade => auto_minor_version_upgrade,
        dedicated_log_volume => dedicated_log_volume,
        iam_database_authentication_enabled => enable_iam_database_authentication,
        publicly_accessible => publicly_accessible,
        customer_owned_ip_enabled => enable_customer_owned_ip,
        copy_tags_to_snapshot => copy_tags_to_snapshot,
        deletion_protection => deletion_protection,
    }
    if prior.instance_class != desired.instance_class {
        request = request.db_instance_class(&desired.instance_class);
        any = true;
    }
    let version = |record: &InstanceRecord| record.engine_version.clone().unwrap_or_default();
    let runs = prior.engine_version_actual.as_deref().unwrap_or_default();
    if version(prior) != version(desired) && !view::covers(&version(desired), runs) {
        request = request
            .engine_version(version(desired))
            .set_allow_major_version_upgrade(desired.allow_major_version_upgrade);
        any = true;
    }
    if prior.max_allocated_storage != desired.max_allocated_storage {
        // RDS has no word for "no more": a limit that is reached is one.
        let limit = desired
            .max_allocated_storage
            .filter(|m| *m != 0)
            .or(desired.allocated_storage);
        request = request.set_max_allocated_storage(limit);
        any = true;
    }
    if prior.vpc_security_group_ids != desired.vpc_security_group_ids {
        request = request
            .set_vpc_security_group_ids(desired.vpc_security_group_ids.as_ref().and_then(set));
        any = true;
    }
    if prior.password_wo_version != desired.password_wo_version && desired.password_wo.is_some() {
        request = request.set_master_user_password(desired.password_wo.clone());
        any = true;
    }
    let managed = |record: &InstanceRecord| record.manage_master_user_password == Some(true);
    let key = |record: &InstanceRecord| record.master_user_secret_kms_key_id.clone();
    if managed(prior) != managed(desired) {
        request = request.manage_master_user_password(managed(desired));
        if managed(desired) {
            request = request.set_master_user_secret_kms_key_id(key(desired));
        } else if let Some(password) = desired.password.clone().or(desired.password_wo.clone()) {
            request = request.master_user_password(password);
        }
        any = true;
    } else if managed(desired) && key(desired).is_some() && key(prior) != key(desired) {
        request = request
            .rotate_master_user_password(true)
            .set_master_user_secret_kms_key_id(key(desired));
        any = true;
    }
    let (had, wants) = (
        &prior.enabled_cloudwatch_logs_exports,
        &desired.enabled_cloudwatch_logs_exports,
    );
    if had != wants {
        let exports = CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(set(&(wants - had)))
            .set_disable_log_types(set(&(had - wants)));
        request = request.cloudwatch_logs_export_configuration(exports.build());
        any = true;
    }
    if prior.monitoring_interval != desired.monitoring_interval
        || (desired.monitoring_interval != 0
            && prior.monitoring_role_arn != desired.monitoring_role_arn)
    {
        request = request
            .monitoring_interval(desired.monitoring_interval)
            .set_monitoring_role_arn(
                desired
                    .monitoring_role_arn
                    .clone()
                    .filter(|_| desired.monitoring_interval != 0),
            );
        any = true;
    }
    let insights = |r: &InstanceRecord| {
        (
            r.performance_insights_enabled,
            r.performance_insights_retention_period,
            r.database_insights_mode.clone(),
        )
    };
    if insights(prior) != insights(desired) {
        let on = desired.performance_insights_enabled;
        request = request
            .enable_performance_insights(on)
            .set_performance_insights_kms_key_id(
                desired
                    .performance_insights_kms_key_id
                    .clone()
                    .filter(|_| on && !prior.performance_insights_enabled),
            )
            .set_performance_insights_retention_period(
                desired.performance_insights_retention_period.filter(|_| on),
            )
            .set_database_insights_mode(
                desired
                    .database_insights_mode
                    .as_deref()
                    .map(DatabaseInsightsMode::from),
            );
        any = true;
    }
    if any { vec![request] } else { Vec::new() }
}

/// Waits until the database can be used; `all` also waits for changes that were asked for at once.
pub(super) async fn ready(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    name: &str,
    all: bool,
) -> Result<(), ProviderError> {
    wait::until(context, operation, wait::LONG, || async move {
        let listing = one(client, context, id).await?;
        let named = InstanceRecord {
            identifier: Some(name.to_owned()),
            ..InstanceRecord::default()
        };
        let Some(found) = view::pick(&listing, id, Some(&named)) else {
            return Ok(Progress::Pending("appearing".to_owned()));
        };
        let status = view::status(found)?;
        let busy = if all {
            view::changing(found)
        } else {
            view::settling(found)
        };
        Ok(match status {
            "available" | "storage-optimization" | "storage-config-upgrade" if !busy => {
                Progress::Done(())
            }
            // It changes when someone starts it.
            "stopped" => Progress::Done(()),
            "available" => Progress::Pending("modifying".to_owned()),
            status => Progress::Pending(status.to_owned()),
        })
    })
    .await
}

/// An older life of the database has left a snapshot of the same name: it is kept, and what can be done is said.
fn snapshot_taken(error: ProviderError, prior: &InstanceRecord) -> ProviderError {
    if error.code != "DBSnapshotAlreadyExists" {
        return error;
    }
    let name = prior.final_snapshot_identifier.as_deref();
    ProviderError {
        message: format!(
            "{}; delete that snapshot if it is not needed any more, or apply another `final_snapshot_identifier` than `{}` first",
            error.message.trim_end_matches('.'),
            name.unwrap_or_default()
        ),
        ..error
    }
}

pub(super) async fn delete(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    prior: &InstanceRecord,
) -> Result<(), ProviderError> {
    let id = prior.id.clone().unwrap_or_default();
    let listing = one(client, context, &id).await?;
    let Some(found) = view::pick(&listing, &id, Some(prior)) else {
        return Ok(());
    };
    let name = found.db_instance_identifier.clone().unwrap_or_default();
    let snapshot = prior.final_snapshot_identifier.clone();
    if !prior.skip_final_snapshot && snapshot.is_none() {
        return Err(ProviderError::invalid(
            "final_snapshot_identifier",
            "a database goes with a last snapshot: set `final_snapshot_identifier`, or `skip_final_snapshot = true`, and apply first",
        ));
    }
    if found.db_instance_status() != Some("deleting") {
        let busy = |e: &ProviderError| e.code.starts_with("InvalidDBInstanceState");
        let sent = wait::while_refused(context, operation, wait::MINUTES, busy, || {
            client.call(context, RDS, "DeleteDBInstance", || {
                client
                    .rds()
                    .delete_db_instance()
                    .db_instance_identifier(&name)
                    .skip_final_snapshot(prior.skip_final_snapshot)
                    .set_final_db_snapshot_identifier(
                        snapshot.clone().filter(|_| !prior.skip_final_snapshot),
                    )
                    .delete_automated_backups(prior.delete_automated_backups)
                    .send()
            })
        });
        absent_is_done(sent.await.map_err(|e| snapshot_taken(e, prior)))?;
    }
    wait::until(context, operation, wait::LONG, || {
        let (id, name) = (&id, &name);
        async move {
            let listing = one(client, context, id).await?;
            let same = |f: &&Found| f.db_instance_identifier() == Some(name);
            Ok(match listing.iter().find(same) {
                None => Progress::Done(()),
                Some(found) => Progress::Pending(view::status(found)?.to_owned()),
            })
        }
    })
    .await
}
