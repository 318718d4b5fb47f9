//! What clients decide of an instance, and which of it RDS accepts. Shared by creating and changing.

use serde::{Deserialize, Serialize};

use super::engine::{self, Engine};
use super::{combination, invalid, parameter_group};
use crate::aws::context::Ctx;
use crate::aws::ec2::security_group::SecurityGroup;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::Params;
use crate::aws::references;

/// Certificate authorities of instances; the first is the default.
pub(super) const CERTIFICATES: [&str; 3] =
    ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"];

/// Settings that can change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) class: String,
    pub(super) version: String,
    pub(super) storage: i64,
    pub(super) storage_type: String,
    pub(super) iops: Option<i64>,
    pub(super) throughput: Option<i64>,
    pub(super) max_storage: Option<i64>,
    pub(super) multi_az: bool,
    pub(super) port: u32,
    pub(super) groups: Vec<String>,
    pub(super) parameter_group: String,
    pub(super) backup_retention: i64,
    pub(super) backup_window: String,
    pub(super) maintenance_window: String,
    pub(super) auto_minor_upgrade: bool,
    pub(super) public: bool,
    pub(super) copy_tags: bool,
    pub(super) monitoring_interval: i64,
    pub(super) monitoring_role: Option<String>,
    pub(super) iam_authentication: bool,
    pub(super) insights: bool,
    pub(super) insights_key: Option<String>,
    pub(super) insights_retention: i64,
    pub(super) insights_mode: String,
    pub(super) logs: Vec<String>,
    pub(super) deletion_protection: bool,
    pub(super) certificate: String,
    pub(super) network_type: String,
    pub(super) dedicated_log_volume: bool,
    /// Whether the version is supported past its end.
    #[serde(default = "extended_support")]
    pub(super) lifecycle_support: String,
}

/// Whether a new instance has extended support unless it says otherwise.
const LIFECYCLES: [&str; 2] = [
    "open-source-rds-extended-support",
    "open-source-rds-extended-support-disabled",
];

fn extended_support() -> String {
    LIFECYCLES[0].to_owned()
}

/// Parameters that creating and changing have in common.
pub(super) const SHARED: [&str; 25] = [
    "DBInstanceIdentifier",
    "DBInstanceClass",
    "EngineVersion",
    "AllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "MaxAllocatedStorage",
    "MultiAZ",
    "VpcSecurityGroupIds.VpcSecurityGroupId",
    "DBParameterGroupName",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "AutoMinorVersionUpgrade",
    "PubliclyAccessible",
    "CopyTagsToSnapshot",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "EnableIAMDatabaseAuthentication",
    "EnablePerformanceInsights",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "DatabaseInsightsMode",
    "DeletionProtection",
];

impl Settings {
    /// The settings of an instance for which nothing was said.
    pub(super) fn defaults(engine: &Engine, version: &str, parameter_group: String) -> Self {
        Self {
            class: String::new(),
            version: version.to_owned(),
            storage: 0,
            storage_type: "gp2".to_owned(),
            iops: None,
            throughput: None,
            max_storage: None,
            multi_az: false,
            port: engine.port,
            groups: Vec::new(),
            parameter_group,
            backup_retention: 1,
            backup_window: "03:11-03:41".to_owned(),
            maintenance_window: "sun:04:37-sun:05:07".to_owned(),
            auto_minor_upgrade: true,
            public: false,
            copy_tags: false,
            monitoring_interval: 0,
            monitoring_role: None,
            iam_authentication: false,
            insights: false,
            insights_key: None,
            insights_retention: 7,
            insights_mode: "standard".to_owned(),
            logs: Vec::new(),
            deletion_protection: false,
            certificate: CERTIFICATES[0].to_owned(),
            network_type: "IPV4".to_owned(),
            dedicated_log_volume: false,
            lifecycle_support: extended_support(),
        }
    }

    /// Applies what a request says, apart from the engine's version, and checks the whole.
    pub(super) fn apply(
        &mut self,
        ctx: &Ctx<'_>,
        params: &Params,
        engine: &Engine,
        vpc: &str,
    ) -> AwsResult<()> {
        let text = |name: &str| params.str(name).filter(|value| !value.is_empty());
        if let Some(class) = text("DBInstanceClass") {
            if !engine::class_exists(class) {
                return Err(invalid(format!("Invalid DB Instance class: {class}")));
            }
            class.clone_into(&mut self.class);
        }
        self.apply_storage(params, engine)?;
        self.multi_az = params.bool("MultiAZ")?.unwrap_or(self.multi_az);
        if let Some(port) = params.int("Port")?.or(params.int("DBPortNumber")?) {
            if !(1150..=65535).contains(&port) {
                return Err(invalid(format!(
                    "Invalid endpoint port {port}. Must be between 1150 and 65535"
                )));
            }
            self.port = port as u32;
        }
        let groups = params.strings("VpcSecurityGroupIds");
        if !groups.is_empty() {
            self.groups = check_groups(ctx, &groups, vpc)?;
        }
        if let Some(name) = text("DBParameterGroupName") {
            self.parameter_group = parameter_group::find(ctx, name)?.name;
        }
        self.apply_backup(params)?;
        self.auto_minor_upgrade = params
            .bool("AutoMinorVersionUpgrade")?
            .unwrap_or(self.auto_minor_upgrade);
        self.public = params.bool("PubliclyAccessible")?.unwrap_or(self.public);
        self.copy_tags = params.bool("CopyTagsToSnapshot")?.unwrap_or(self.copy_tags);
        self.iam_authentication = params
            .bool("EnableIAMDatabaseAuthentication")?
            .unwrap_or(self.iam_authentication);
        self.deletion_protection = params
            .bool("DeletionProtection")?
            .unwrap_or(self.deletion_protection);
        self.dedicated_log_volume = params
            .bool("DedicatedLogVolume")?
            .unwrap_or(self.dedicated_log_volume);
        if let Some(support) = text("EngineLifecycleSupport") {
            if !LIFECYCLES.contains(&support) {
                return Err(invalid(format!(
                    "Invalid engine lifecycle support: {support}"
                )));
            }
            support.clone_into(&mut self.lifecycle_support);
        }
        if let Some(name) = text("CACertificateIdentifier") {
            if !CERTIFICATES.contains(&name) {
                let message = format!("Certificate {name} not found");
                return Err(AwsError::with_status(404, "CertificateNotFound", message));
            }
            name.clone_into(&mut self.certificate);
        }
        if let Some(kind) = text("NetworkType") {
            if !matches!(kind, "IPV4" | "DUAL") {
                return Err(invalid(format!("Invalid network type {kind}")));
            }
            kind.clone_into(&mut self.network_type);
        }
        self.apply_monitoring(ctx, params)
    }

    fn apply_storage(&mut self, params: &Params, engine: &Engine) -> AwsResult<()> {
        let before = self.storage;
        if let Some(kind) = params.str("StorageType") {
            if !engine::STORAGE.iter().any(|(name, ..)| *name == kind) {
                return Err(invalid(format!("Invalid storage type: {kind}")));
            }
            kind.clone_into(&mut self.storage_type);
        } else if before == 0 && params.has("Iops") {
            self.storage_type = "io1".to_owned();
        }
        if let Some(size) = params.int("AllocatedStorage")? {
            if size < before {
                let message = format!(
                    "Requested size ({size}) must not be smaller than the current size ({before})"
                );
                return Err(combination(message));
            }
            // What is not at least a tenth more is rounded up.
            let least = before + (before + 9) / 10;
            self.storage = if before > 0 && size > before {
                size.max(least)
            } else {
                size
            };
        }
        let size = self.storage;
        let kind = self.storage_type.as_str();
        let name = engine.name;
        let (_, least, most) = engine::STORAGE
            .iter()
            .find(|(known, ..)| *known == kind)
            .expect("storage types are checked above");
        if !(*least..=*most).contains(&size) {
            let message = format!(
                "Invalid storage size for engine name {name} and storage type {kind}: {size}"
            );
            return Err(invalid(message));
        }
        if let Some(iops) = params.int("Iops")? {
            self.iops = Some(iops);
        }
        if let Some(throughput) = params.int("StorageThroughput")? {
            self.throughput = Some(throughput);
        }
        match kind {
            "gp3" if size < 400 => {
                if params.has("Iops") || params.has("StorageThroughput") {
                    return Err(combination(format!(
                        "You can't specify IOPS or storage throughput for engine {name} and a storage size less than 400."
                    )));
                }
                (self.iops, self.throughput) = (Some(3000), Some(125));
            }
            "gp3" => {
                let iops = *self.iops.insert(self.iops.unwrap_or(12_000).max(12_000));
                let throughput = *self
                    .throughput
                    .insert(self.throughput.unwrap_or(500).max(500));
                if iops > 64_000 || throughput > 4000 {
                    return Err(combination(
                        "IOPS must be at most 64000 and throughput at most 4000 MiBps",
                    ));
                }
            }
            "io1" | "io2" => {
                if self
                    .iops
                    .is_none_or(|iops| !(1000..=256_000).contains(&iops))
                {
                    let message = format!(
                        "You must specify both the storage size and iops when modifying the storage size or iops on a DB instance that has iops, or iops are out of range for {kind}"
                    );
                    return Err(combination(message));
                }
                self.throughput = None;
            }
            _ => {
                if params.has("Iops") {
                    return Err(combination(format!(
                        "Iops cannot be given for storage type {kind}"
                    )));
                }
                (self.iops, self.throughput) = (None, None);
            }
        }
        if let Some(most) = params.int("MaxAllocatedStorage")? {
            if most < size {
                return Err(combination(format!(
                    "Invalid max storage size for engine name {name} and storage type {kind}: {most}"
                )));
            }
            // As much as there is: growing by itself is off.
            self.max_storage = (most > size).then_some(most);
        }
        Ok(())
    }

    fn apply_backup(&mut self, params: &Params) -> AwsResult<()> {
        if let Some(days) = params.int("BackupRetentionPeriod")? {
            if !(0..=35).contains(&days) {
                return Err(invalid(format!(
                    "Invalid backup retention period: {days}. Must be between 0 and 35"
                )));
            }
            self.backup_retention = days;
        }
        if let Some(window) = params.str("PreferredBackupWindow") {
            let minutes = |text: &str| {
                let (hours, minutes) = text.split_once(':')?;
                let time = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
                (hours.len() == 2 && time.0 < 24 && time.1 < 60).then_some(time.0 * 60 + time.1)
            };
            let times = window
                .split_once('-')
                .and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
            let long_enough = times.is_some_and(|(from, to)| (to + 1440 - from) % 1440 >= 30);
            if !long_enough {
                return Err(invalid(format!(
                    "Invalid time format or window shorter than 30 minutes: {window}. Must be hh24:mi-hh24:mi"
                )));
            }
            window.clone_into(&mut self.backup_window);
        }
        if let Some(window) = params.str("PreferredMaintenanceWindow") {
            let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            let fits = |text: &str| {
                let mut parts = text.split(':');
                let day = parts
                    .next()
                    .is_some_and(|day| days.contains(&day.to_ascii_lowercase().as_str()));
                day && parts.clone().count() == 2
                    && parts.all(|part| part.len() == 2 && part.parse::<u32>().is_ok())
            };
            if !window
                .split_once('-')
                .is_some_and(|(from, to)| fits(from) && fits(to))
            {
                return Err(invalid(format!(
                    "Invalid maintenance window format: {window}. Must be ddd:hh24:mi-ddd:hh24:mi"
                )));
            }
            self.maintenance_window = window.to_ascii_lowercase();
        }
        Ok(())
    }

    fn apply_monitoring(&mut self, ctx: &Ctx<'_>, params: &Params) -> AwsResult<()> {
        if let Some(interval) = params.int("MonitoringInterval")? {
            if ![0, 1, 5, 10, 15, 30, 60].contains(&interval) {
                return Err(invalid(format!(
                    "Invalid monitoring interval: {interval}. Must be 0, 1, 5, 10, 15, 30 or 60"
                )));
            }
            self.monitoring_interval = interval;
        }
        if let Some(role) = params
            .str("MonitoringRoleArn")
            .filter(|role| !role.is_empty())
        {
            if !references::may_assume(ctx, role, "monitoring.rds.amazonaws.com") {
                let message = format!(
                    "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING ({role})"
                );
                return Err(invalid(message));
            }
            self.monitoring_role = Some(role.to_owned());
        }
        match (self.monitoring_interval, &self.monitoring_role) {
            (0, _) => self.monitoring_role = None,
            (_, None) => {
                let message = "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.";
                return Err(combination(message));
            }
            _ => {}
        }
        self.insights = params
            .bool("EnablePerformanceInsights")?
            .unwrap_or(self.insights);
        if let Some(mode) = params.str("DatabaseInsightsMode") {
            if !matches!(mode, "standard" | "advanced") {
                return Err(invalid(format!("Invalid database insights mode: {mode}")));
            }
            mode.clone_into(&mut self.insights_mode);
        }
        if let Some(days) = params.int("PerformanceInsightsRetentionPeriod")? {
            let months = days % 31 == 0 && (1..=23).contains(&(days / 31));
            if days != 7 && days != 731 && !months {
                return Err(invalid(format!(
                    "Invalid Performance Insights retention period: {days}"
                )));
            }
            self.insights_retention = days;
        }
        if let Some(key) = params
            .str("PerformanceInsightsKMSKeyId")
            .filter(|key| !key.is_empty())
        {
            self.insights_key = Some(key_arn(ctx, key)?);
        }
        Ok(())
    }
}

/// The ARN of a key that can be used.
pub(super) fn key_arn(ctx: &Ctx<'_>, key: &str) -> AwsResult<String> {
    references::enabled_key(ctx, key).ok_or_else(|| {
        let message = format!("The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it.");
        AwsError::new("KMSKeyNotAccessibleFault", message)
    })
}

fn check_groups(ctx: &Ctx<'_>, ids: &[&str], vpc: &str) -> AwsResult<Vec<String>> {
    for id in ids {
        match ctx.get::<SecurityGroup>(id) {
            None => {
                return Err(invalid(format!(
                    "Invalid security group , groupId= {id}, groupName=."
                )));
            }
            Some(group) if group.vpc != vpc => {
                return Err(combination(format!(
                    "The DB instance and EC2 security group are in different VPCs. The DB instance is in {vpc} and the EC2 security group is in {}",
                    group.vpc
                )));
            }
            Some(_) => {}
        }
    }
    Ok(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// Checks a master password.
pub(super) fn check_password(password: &str) -> AwsResult<()> {
    let printable = password
        .chars()
        .all(|c| (' '..='~').contains(&c) && !"/\"@ ".contains(c));
    if !printable {
        let message = "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.";
        return Err(invalid(message));
    }
    if !(8..=128).contains(&password.len()) {
        let message = "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters or longer than 128.";
        return Err(invalid(message));
    }
    Ok(())
}
