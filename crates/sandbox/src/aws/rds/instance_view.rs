//! An instance as RDS shows it.

use super::instance::Instance;
use super::instance_settings::Settings;
use super::subnet_group;
use crate::aws::context::Ctx;
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::tags::Tags;

/// So far behind now a database can be restored to: RDS archives what is written every five minutes.
const BEHIND: Millis = 300_000;

impl Instance {
    /// Writes what is inside `DBInstance`.
    pub(super) fn write(&self, xml: &mut Xml, ctx: &Ctx<'_>, tags: &Tags) {
        let settings = &self.settings;
        let made = ctx.past(self.available_at);
        xml.text("DBInstanceIdentifier", &self.name)
            .text("DBInstanceClass", &settings.class)
            .text("Engine", &self.engine)
            .text("DBInstanceStatus", self.status(ctx))
            .text("MasterUsername", &self.master)
            .opt("DBName", self.database.as_ref());
        if made {
            xml.node("Endpoint", |xml| {
                xml.text(
                    "Address",
                    format!(
                        "{}.{}.{}.rds.amazonaws.com",
                        self.name, self.digits, ctx.region
                    ),
                )
                .text("Port", settings.port)
                .text("HostedZoneId", "Z29XKXDKYMONMX");
            })
            .text(
                "InstanceCreateTime",
                iso8601_millis(self.available_at.min(ctx.now)),
            );
        }
        if made && settings.backup_retention > 0 {
            let last = self.available_at.max(ctx.now - BEHIND);
            xml.text("LatestRestorableTime", iso8601_millis(last));
        }
        xml.text("AllocatedStorage", settings.storage)
            .text("PreferredBackupWindow", &settings.backup_window)
            .text("BackupRetentionPeriod", settings.backup_retention)
            .texts("DBSecurityGroups", "DBSecurityGroup", [""; 0])
            .list(
                "VpcSecurityGroups",
                "VpcSecurityGroupMembership",
                &settings.groups,
                |xml, group| {
                    xml.text("VpcSecurityGroupId", group)
                        .text("Status", "active");
                },
            )
            .list(
                "DBParameterGroups",
                "DBParameterGroup",
                [&settings.parameter_group],
                |xml, group| {
                    let in_sync = *group == self.started_with;
                    xml.text("DBParameterGroupName", group).text(
                        "ParameterApplyStatus",
                        if in_sync { "in-sync" } else { "pending-reboot" },
                    );
                },
            )
            .text("AvailabilityZone", &self.zone);
        if let Ok(group) = subnet_group::find(ctx, &self.subnet_group) {
            xml.node("DBSubnetGroup", |xml| subnet_group::write(xml, ctx, &group));
        }
        xml.text("PreferredMaintenanceWindow", &settings.maintenance_window)
            .node("PendingModifiedValues", |xml| {
                if let Some(pending) = &self.pending {
                    write_pending(xml, settings, pending);
                }
            })
            .text("MultiAZ", settings.multi_az)
            .text("EngineVersion", &settings.version)
            .text("AutoMinorVersionUpgrade", settings.auto_minor_upgrade)
            .texts(
                "ReadReplicaDBInstanceIdentifiers",
                "ReadReplicaDBInstanceIdentifier",
                [""; 0],
            )
            .text("LicenseModel", self.engine().license)
            .opt("Iops", settings.iops)
            .opt("StorageThroughput", settings.throughput);
        let family = self.settings.version.split('.').next().unwrap_or_default();
        xml.list(
            "OptionGroupMemberships",
            "OptionGroupMembership",
            [family],
            |xml, family| {
                xml.text(
                    "OptionGroupName",
                    format!("default:{}-{family}", self.engine),
                )
                .text("Status", "in-sync");
            },
        );
        if settings.multi_az && made {
            xml.opt("SecondaryAvailabilityZone", self.second_zone.as_ref());
        }
        xml.text("PubliclyAccessible", settings.public)
            .text("StorageType", &settings.storage_type)
            .text("DbInstancePort", 0)
            .text("StorageEncrypted", self.key.is_some())
            .opt("KmsKeyId", self.key.as_ref())
            .text("DbiResourceId", &self.resource_id)
            .text("CACertificateIdentifier", &settings.certificate)
            .texts("DomainMemberships", "DomainMembership", [""; 0])
            .text("CopyTagsToSnapshot", settings.copy_tags)
            .text("MonitoringInterval", settings.monitoring_interval)
            .opt("MonitoringRoleArn", settings.monitoring_role.as_ref())
            .text("DBInstanceArn", self.arn(ctx))
            .text(
                "IAMDatabaseAuthenticationEnabled",
                settings.iam_authentication,
            )
            .text("DatabaseInsightsMode", &settings.insights_mode)
            .text("PerformanceInsightsEnabled", settings.insights);
        if settings.insights {
            let key = settings
                .insights_key
                .clone()
                .unwrap_or_else(|| super::instance::managed_key(ctx, "rds"));
            xml.text("PerformanceInsightsKMSKeyId", key).text(
                "PerformanceInsightsRetentionPeriod",
                settings.insights_retention,
            );
        }
        if !settings.logs.is_empty() {
            xml.texts("EnabledCloudwatchLogsExports", "member", &settings.logs);
        }
        xml.text("DeletionProtection", settings.deletion_protection)
            .texts("AssociatedRoles", "DBInstanceRole", [""; 0])
            .opt("MaxAllocatedStorage", settings.max_storage)
            .list("TagList", "Tag", tags.iter(), |xml, (key, value)| {
                xml.text("Key", key).text("Value", value);
            })
            .text("CustomerOwnedIpEnabled", false)
            .text("NetworkType", &settings.network_type)
            .text("ActivityStreamStatus", "stopped")
            .text("BackupTarget", "region")
            .node("CertificateDetails", |xml| {
                xml.text("CAIdentifier", &settings.certificate);
            });
        if let Some((arn, key)) = &self.secret {
            xml.node("MasterUserSecret", |xml| {
                xml.text("SecretArn", arn)
                    .text("SecretStatus", if made { "active" } else { "creating" })
                    .text("KmsKeyId", key);
            });
        }
        xml.text("MultiTenant", false)
            .text("DedicatedLogVolume", settings.dedicated_log_volume)
            .text("IsStorageConfigUpgradeAvailable", false)
            .text("EngineLifecycleSupport", &settings.lifecycle_support);
    }
}

fn write_pending(xml: &mut Xml, running: &Settings, pending: &Settings) {
    fn changed<T: PartialEq + std::fmt::Display>(
        xml: &mut Xml,
        name: &str,
        running: &T,
        pending: &T,
    ) {
        if running != pending {
            xml.text(name, pending);
        }
    }
    changed(xml, "DBInstanceClass", &running.class, &pending.class);
    changed(xml, "AllocatedStorage", &running.storage, &pending.storage);
    changed(xml, "Port", &running.port, &pending.port);
    changed(
        xml,
        "BackupRetentionPeriod",
        &running.backup_retention,
        &pending.backup_retention,
    );
    changed(xml, "MultiAZ", &running.multi_az, &pending.multi_az);
    changed(xml, "EngineVersion", &running.version, &pending.version);
    if running.iops != pending.iops {
        xml.opt("Iops", pending.iops);
    }
    if running.throughput != pending.throughput {
        xml.opt("StorageThroughput", pending.throughput);
    }
    changed(
        xml,
        "StorageType",
        &running.storage_type,
        &pending.storage_type,
    );
    changed(
        xml,
        "CACertificateIdentifier",
        &running.certificate,
        &pending.certificate,
    );
    changed(
        xml,
        "IAMDatabaseAuthenticationEnabled",
        &running.iam_authentication,
        &pending.iam_authentication,
    );
    changed(
        xml,
        "DedicatedLogVolume",
        &running.dedicated_log_volume,
        &pending.dedicated_log_volume,
    );
}
