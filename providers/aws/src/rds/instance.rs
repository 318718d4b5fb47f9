//! `aws_db_instance`.

use super::{check_name, instance_call as call, instance_look as look, instance_view as view};
use crate::client::Client;
use crate::family::RDS;
use crate::late::{About, once_known};
use crate::naming::adopt;
use crate::tags::Tags;
use crate::trust::Trust;
use crate::wait;
use async_trait::async_trait;
use infra_model::kept::Backups;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value, planning,
};
use std::collections::BTreeSet;

/// A database.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct InstanceRecord {
    /// Its name, in lower case. Left out, one is made up.
    #[record(optional, computed)]
    pub(crate) identifier: Option<String>,
    /// What a made-up name starts with.
    #[record(optional, force_new)]
    pub(crate) identifier_prefix: Option<String>,
    /// `postgres`, `mysql`, `mariadb`, `oracle-se2`, `sqlserver-ex`, …
    #[record(required, force_new)]
    pub(crate) engine: String,
    /// The version; a part of it, as `17`, holds for all versions that start so.
    #[record(optional, computed)]
    pub(crate) engine_version: Option<String>,
    /// The version that runs.
    #[record(computed)]
    pub(crate) engine_version_actual: Option<String>,
    /// Whether new minor versions are installed by themselves.
    #[record(optional, default = true)]
    pub(crate) auto_minor_version_upgrade: bool,
    /// Whether `engine_version` may move to another major version.
    #[record(optional)]
    pub(crate) allow_major_version_upgrade: Option<bool>,
    /// Whether AWS goes on supporting the version past its end, for money.
    #[record(optional, computed)]
    pub(crate) engine_lifecycle_support: Option<String>,
    /// The class, as `db.t4g.micro`.
    #[record(required)]
    pub(crate) instance_class: String,
    /// `gp2`, `gp3`, `io1`, `io2` or `standard`.
    #[record(optional, computed)]
    pub(crate) storage_type: Option<String>,
    /// GiB of storage.
    #[record(optional, computed)]
    pub(crate) allocated_storage: Option<i32>,
    /// GiB up to which storage grows by itself.
    #[record(optional)]
    pub(crate) max_allocated_storage: Option<i32>,
    /// Operations a second of the storage.
    #[record(optional, computed)]
    pub(crate) iops: Option<i32>,
    /// MiB a second of the storage.
    #[record(optional, computed)]
    pub(crate) storage_throughput: Option<i32>,
    /// Whether logs have a volume of their own.
    #[record(optional, default = false)]
    pub(crate) dedicated_log_volume: bool,
    /// Whether storage is encrypted.
    #[record(optional, force_new, default = false)]
    pub(crate) storage_encrypted: bool,
    /// The key of the encryption, by its ARN.
    #[record(optional, computed, force_new)]
    pub(crate) kms_key_id: Option<String>,
    /// The database that is made along.
    #[record(optional, computed, force_new)]
    pub(crate) db_name: Option<String>,
    /// The administrator.
    #[record(optional, computed, force_new)]
    pub(crate) username: Option<String>,
    /// The administrator's password.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
    /// The administrator's password, which is not stored.
    #[record(optional, sensitive, write_only)]
    pub(crate) password_wo: Option<String>,
    /// Changes when `password_wo` does.
    #[record(optional)]
    pub(crate) password_wo_version: Option<i64>,
    /// Whether RDS makes the password and keeps it in Secrets Manager.
    #[record(optional)]
    pub(crate) manage_master_user_password: Option<bool>,
    /// The key that encrypts that secret.
    #[record(optional, computed)]
    pub(crate) master_user_secret_kms_key_id: Option<String>,
    /// That secret.
    #[record(block, computed)]
    pub(crate) master_user_secret: Vec<MasterUserSecret>,
    /// Whether AWS' identities may log in.
    #[record(optional, default = false)]
    pub(crate) iam_database_authentication_enabled: bool,
    /// The port.
    #[record(optional, computed)]
    pub(crate) port: Option<i32>,
    /// Whether a standby in another zone takes over.
    #[record(optional, computed)]
    pub(crate) multi_az: Option<bool>,
    /// The zone.
    #[record(optional, computed, force_new)]
    pub(crate) availability_zone: Option<String>,
    /// The subnets that it may stand in.
    #[record(optional, computed)]
    pub(crate) db_subnet_group_name: Option<String>,
    /// Its security groups.
    #[record(optional, computed)]
    pub(crate) vpc_security_group_ids: Option<BTreeSet<String>>,
    /// Whether it has a public address.
    #[record(optional, default = false)]
    pub(crate) publicly_accessible: bool,
    /// `IPV4` or `DUAL`.
    #[record(optional, computed)]
    pub(crate) network_type: Option<String>,
    /// Whether an Outpost's own addresses are used.
    #[record(optional, default = false)]
    pub(crate) customer_owned_ip_enabled: bool,
    /// The parameters.
    #[record(optional, computed)]
    pub(crate) parameter_group_name: Option<String>,
    /// The options.
    #[record(optional, computed)]
    pub(crate) option_group_name: Option<String>,
    /// The authority of its certificate.
    #[record(optional, computed)]
    pub(crate) ca_cert_identifier: Option<String>,
    /// `license-included`, `bring-your-own-license` or `general-public-license`.
    #[record(optional, computed)]
    pub(crate) license_model: Option<String>,
    /// The character set, of Oracle and SQL Server.
    #[record(optional, computed, force_new)]
    pub(crate) character_set_name: Option<String>,
    /// The time zone, of SQL Server and Db2.
    #[record(optional, computed, force_new)]
    pub(crate) timezone: Option<String>,
    /// Days for which backups are kept; 0 for none.
    #[record(optional, computed)]
    pub(crate) backup_retention_period: Option<i32>,
    /// When backups are made, as `09:46-10:16` in UTC.
    #[record(optional, computed)]
    pub(crate) backup_window: Option<String>,
    /// When changes are made, as `mon:00:00-mon:03:00` in UTC.
    #[record(optional, computed, compare = case_insensitive)]
    pub(crate) maintenance_window: Option<String>,
    /// Whether snapshots get its tags.
    #[record(optional, default = false)]
    pub(crate) copy_tags_to_snapshot: bool,
    /// Whether its backups go with it.
    #[record(optional, default = true)]
    pub(crate) delete_automated_backups: bool,
    /// Whether it goes without a last snapshot.
    #[record(optional, default = false)]
    pub(crate) skip_final_snapshot: bool,
    /// The name of the last snapshot.
    #[record(optional)]
    pub(crate) final_snapshot_identifier: Option<String>,
    /// Whether it refuses to be deleted.
    #[record(optional, default = false, protects)]
    pub(crate) deletion_protection: bool,
    /// Whether changes are made at once instead of in the maintenance window.
    #[record(optional, default = false)]
    pub(crate) apply_immediately: bool,
    /// Logs that go to CloudWatch.
    #[record(optional)]
    pub(crate) enabled_cloudwatch_logs_exports: BTreeSet<String>,
    /// Seconds between measurements of the machine; 0 for none.
    #[record(optional, default = 0)]
    pub(crate) monitoring_interval: i32,
    /// The role that sends these measurements.
    #[record(optional, computed)]
    pub(crate) monitoring_role_arn: Option<String>,
    /// `standard` or `advanced`.
    #[record(optional, computed)]
    pub(crate) database_insights_mode: Option<String>,
    /// Whether performance is watched.
    #[record(optional, default = false)]
    pub(crate) performance_insights_enabled: bool,
    /// The key of what is kept of that.
    #[record(optional, computed)]
    pub(crate) performance_insights_kms_key_id: Option<String>,
    /// Days for which it is kept.
    #[record(optional, computed)]
    pub(crate) performance_insights_retention_period: Option<i32>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: Tags,
    /// Tags with the provider's default ones.
    #[record(computed)]
    pub(crate) tags_all: Tags,
    /// `db-…`, which stays when the name changes.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// `db-…`
    #[record(computed)]
    pub(crate) resource_id: Option<String>,
    /// Its ARN.
    #[record(computed)]
    pub(crate) arn: Option<String>,
    /// Its name in DNS.
    #[record(computed)]
    pub(crate) address: Option<String>,
    /// `address:port`
    #[record(computed)]
    pub(crate) endpoint: Option<String>,
    /// The hosted zone of its DNS name, for aliases.
    #[record(computed)]
    pub(crate) hosted_zone_id: Option<String>,
}

/// The secret that RDS keeps the password in.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct MasterUserSecret {
    /// The secret.
    #[record(computed)]
    pub(crate) secret_arn: Option<String>,
    /// `active`, `rotating` or `impaired`.
    #[record(computed)]
    pub(crate) secret_status: Option<String>,
    /// The key that encrypts it.
    #[record(computed)]
    pub(crate) kms_key_id: Option<String>,
}

pub(crate) struct Instance;

#[async_trait]
impl Resource<Client> for Instance {
    type Record = InstanceRecord;
    const TYPE: &'static str = "aws_db_instance";

    fn traits() -> Traits {
        Traits::default()
            .seconds(420, 120, 240)
            .family(RDS.name)
            .unique(&["identifier"])
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        adopt::<InstanceRecord>(request, planned, ("identifier", "identifier_prefix"));
        let Some(prior) = request.prior.filter(|_| planned.replace.is_empty()) else {
            return Ok(());
        };
        keep_version(prior, planned);
        keep_grown_storage(prior, planned);
        let block = InstanceRecord::block();
        let said = |name: &str| request.config.get(name).is_some_and(|v| !v.is_null());
        let changed = |planned: &Planned, name: &str| planned.value.get(name) != prior.get(name);
        let mut open = Vec::new();
        if changed(planned, "identifier") {
            open.extend(["arn", "address", "endpoint"]);
        }
        if changed(planned, "port") {
            open.push("endpoint");
        }
        if changed(planned, "engine_version") {
            open.push("engine_version_actual");
            // The engine's own groups are of a version.
            for name in ["parameter_group_name", "option_group_name"] {
                let group = prior.get(name).and_then(Value::as_str).unwrap_or_default();
                if !said(name) && group.starts_with("default") {
                    open.push(name);
                }
            }
        }
        if changed(planned, "storage_type") {
            open.extend(
                ["iops", "storage_throughput"]
                    .into_iter()
                    .filter(|name| !said(name)),
            );
        }
        if changed(planned, "allocated_storage") {
            // gp3 gets faster when it grows past a bound.
            open.extend(
                ["iops", "storage_throughput"]
                    .into_iter()
                    .filter(|name| !said(name)),
            );
        }
        if changed(planned, "performance_insights_enabled") {
            open.extend(
                [
                    "performance_insights_kms_key_id",
                    "performance_insights_retention_period",
                ]
                .into_iter()
                .filter(|name| !said(name)),
            );
        }
        if changed(planned, "monitoring_interval") && !said("monitoring_role_arn") {
            open.push("monitoring_role_arn");
        }
        let managed = changed(planned, "manage_master_user_password")
            || changed(planned, "master_user_secret_kms_key_id");
        if managed && !said("master_user_secret_kms_key_id") {
            open.push("master_user_secret_kms_key_id");
        }
        planning::mark_unknown(planned, &block, &open);
        if managed && let Some(nested) = block.blocks.get("master_user_secret") {
            let unknown = Value::Unknown(nested.value_type());
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value.with_attribute("master_user_secret", unknown);
        }
        Ok(())
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let mut errors = check_name(config, "identifier", "");
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        if text("kms_key_id").is_some_and(|key| !key.starts_with("arn:")) {
            errors.push(ProviderError::invalid(
                "kms_key_id",
                "`kms_key_id` must be the ARN of a key",
            ));
        }
        let given = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let managed = config
            .get("manage_master_user_password")
            .and_then(Value::as_bool)
            == Some(true);
        for name in ["password", "password_wo"] {
            if managed && given(name) {
                errors.push(ProviderError::invalid(
                    name,
                    format!("`{name}` and `manage_master_user_password` exclude each other"),
                ));
            }
        }
        errors
    }

    fn id(record: &InstanceRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    /// By the name, or by the id.
    fn import(id: &str) -> Result<Imported<InstanceRecord>, ProviderError> {
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<InstanceRecord>],
    ) -> Vec<Result<Option<InstanceRecord>, ProviderError>> {
        let listing = match items {
            [] => return Vec::new(),
            [item] => call::one(client, context, &item.id).await,
            _ => call::all(client, context).await,
        };
        items
            .iter()
            .map(|item| {
                let listing = listing.as_ref().map_err(Clone::clone)?;
                let prior = item.prior.as_ref();
                Ok(view::pick(listing, &item.id, prior)
                    .map(|found| view::record(client, found, prior)))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        mut desired: InstanceRecord,
    ) -> Result<InstanceRecord, ProviderError> {
        let name = call::name(&desired, operation);
        desired.identifier = Some(name.clone());
        let request = call::create(client, operation, &desired, &name);
        let passes =
            |e: &ProviderError| e.kind == ErrorKind::Invalid && e.message.contains("IAM role ARN");
        let role = desired.monitoring_role_arn.clone().unwrap_or_default();
        let about = About::Assumed(Trust {
            role: &role,
            service: "monitoring.rds.amazonaws.com",
            attribute: "monitoring_role_arn",
        });
        let id = once_known(client, context, operation, about, passes, || {
            client.begin_named(
                context,
                operation,
                RDS,
                "CreateDBInstance",
                || call::find(client, context, operation, &name),
                || request.clone().send(),
                |made| made.db_instance()?.dbi_resource_id(),
            )
        })
        .await?;
        call::ready(client, context, operation, &id, &name, true).await?;
        desired.id = Some(id.clone());
        wait::settled::<Instance>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: InstanceRecord,
        desired: InstanceRecord,
    ) -> Result<InstanceRecord, ProviderError> {
        let id = Instance::id(&prior);
        let old = prior.identifier.clone().unwrap_or_default();
        let name = desired.identifier.clone().unwrap_or_else(|| old.clone());
        if old != name {
            let request = call::renamed(client, &old, &name);
            call::send(client, context, operation, &request).await?;
            call::ready(client, context, operation, &id, &name, true).await?;
        }
        for request in call::modify(client, &prior, &desired, &name) {
            call::send(client, context, operation, &request).await?;
            let all = desired.apply_immediately;
            call::ready(client, context, operation, &id, &name, all).await?;
        }
        let arn = client.arn("rds", &format!("db:{name}"));
        let (before, own) = (&prior.tags_all, &desired.tags);
        super::tagging::update(client, context, operation, Some(&arn), before, own).await?;
        wait::settled::<Instance>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: InstanceRecord,
    ) -> Result<(), ProviderError> {
        call::delete(client, context, operation, &prior).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: InstanceRecord,
    ) -> Result<Recovered, ProviderError> {
        let name = call::name(&desired, operation);
        call::find(client, context, operation, &name).await
    }

    async fn rediscover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        _: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        look::marked(client, context, operation).await
    }

    async fn backups(
        client: &Client,
        context: &CallContext,
        id: &str,
    ) -> Result<Option<Backups>, ProviderError> {
        look::backups(client, context, id).await
    }
}

/// A part of the version that runs is that version: nothing changes.
fn keep_version(prior: &Value, planned: &mut Planned) {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let (Some(wanted), Some(stored)) = (
        text(&planned.value, "engine_version"),
        text(prior, "engine_version"),
    ) else {
        return;
    };
    let runs = text(prior, "engine_version_actual").unwrap_or_else(|| stored.clone());
    if wanted != stored && view::covers(&wanted, &runs) {
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("engine_version", Value::from(stored));
    }
}

/// Storage that grew by itself does not shrink to what it once was.
fn keep_grown_storage(prior: &Value, planned: &mut Planned) {
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_i64);
    let grows = number(&planned.value, "max_allocated_storage").is_some_and(|max| max > 0);
    let (wanted, is) = (
        number(&planned.value, "allocated_storage"),
        number(prior, "allocated_storage"),
    );
    if grows && wanted < is {
        let stored = prior.get("allocated_storage").cloned();
        let value = std::mem::replace(&mut planned.value, Value::NULL);
        planned.value = value.with_attribute("allocated_storage", stored.unwrap_or(Value::NULL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Schema;

    fn planned(prior: &InstanceRecord, config: &[(&'static str, Value)]) -> Planned {
        let schema = Schema::new(
            "aws_db_instance",
            0,
            "",
            InstanceRecord::block(),
            Instance::traits(),
        );
        let config = schema
            .block
            .coerce(&Value::object(config.iter().cloned()))
            .expect("a configuration");
        let prior = prior.to_value();
        let request = PlanRequest {
            type_name: "aws_db_instance",
            prior: Some(&prior),
            config: &config,
            private: None,
            provider: None,
        };
        let mut planned = planning::by_schema(&schema, &request);
        Instance::plan(&request, &mut planned).expect("plans");
        planned
    }

    fn running() -> InstanceRecord {
        InstanceRecord {
            engine: "postgres".to_owned(),
            engine_version: Some("17.5".to_owned()),
            engine_version_actual: Some("17.5".to_owned()),
            instance_class: "db.t4g.micro".to_owned(),
            allocated_storage: Some(100),
            parameter_group_name: Some("default.postgres17".to_owned()),
            ..InstanceRecord::default()
        }
    }

    fn config(version: &str) -> Vec<(&'static str, Value)> {
        vec![
            ("engine", Value::from("postgres")),
            ("engine_version", Value::from(version)),
            ("instance_class", Value::from("db.t4g.micro")),
        ]
    }

    #[test]
    fn a_part_of_the_running_version_changes_nothing() {
        for (wanted, becomes) in [
            ("17", "17.5"),
            ("17.5", "17.5"),
            ("17.6", "17.6"),
            ("18", "18"),
        ] {
            let planned = planned(&running(), &config(wanted));
            let version = planned.value.get("engine_version").and_then(Value::as_str);
            assert_eq!(version, Some(becomes), "{wanted}");
            let moves = becomes != "17.5";
            for name in ["engine_version_actual", "parameter_group_name"] {
                let value = planned.value.get(name).expect("an attribute");
                assert_eq!(value.is_unknown(), moves, "{wanted} {name}");
            }
        }
    }

    #[test]
    fn storage_that_grew_stays() {
        for (max, becomes) in [(Some(200), 100), (None, 20)] {
            let mut config = config("17.5");
            config.push(("allocated_storage", Value::from(20)));
            config.extend(max.map(|m: i64| ("max_allocated_storage", Value::from(m))));
            let planned = planned(&running(), &config);
            let storage = planned
                .value
                .get("allocated_storage")
                .and_then(Value::as_i64);
            assert_eq!(storage, Some(becomes));
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let record = InstanceRecord {
            password: Some("hidden".to_owned()),
            ..running()
        };
        let value = record.to_value();
        let password = value.get("password").expect("an attribute");
        assert!(password.marks().sensitive);
    }
}
