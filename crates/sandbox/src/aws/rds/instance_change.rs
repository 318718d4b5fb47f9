//! Changes of instances: at once, or in the maintenance window, which never comes here by itself; restarts.

use super::engine;
use super::instance::{self, Instance};
use super::instance_settings::{SHARED, Settings, check_password};
use super::{combination, identifier, invalid, subnet_group};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::latency::Work;
use crate::world::Stored;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ModifyDBInstance",
        accepts: MODIFY,
        handler: modify,
    },
    Operation {
        name: "RebootDBInstance",
        accepts: &["DBInstanceIdentifier", "ForceFailover"],
        handler: reboot,
    },
    Operation {
        name: "StopDBInstance",
        accepts: &["DBInstanceIdentifier"],
        handler: stop,
    },
    Operation {
        name: "StartDBInstance",
        accepts: &["DBInstanceIdentifier"],
        handler: start,
    },
];

const MODIFY: &[&str] = &[
    SHARED[0],
    SHARED[1],
    SHARED[2],
    SHARED[3],
    SHARED[4],
    SHARED[5],
    SHARED[6],
    SHARED[7],
    SHARED[8],
    SHARED[9],
    SHARED[10],
    SHARED[11],
    SHARED[12],
    SHARED[13],
    SHARED[14],
    SHARED[15],
    SHARED[16],
    SHARED[17],
    SHARED[18],
    SHARED[19],
    SHARED[20],
    SHARED[21],
    SHARED[22],
    SHARED[23],
    SHARED[24],
    "ApplyImmediately",
    "MasterUserPassword",
    "AllowMajorVersionUpgrade",
    "NewDBInstanceIdentifier",
    "CACertificateIdentifier",
    "DBPortNumber",
    "DBSubnetGroupName",
    "CloudwatchLogsExportConfiguration.EnableLogTypes",
    "CloudwatchLogsExportConfiguration.DisableLogTypes",
    "ManageMasterUserPassword",
    "RotateMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "NetworkType",
    "DedicatedLogVolume",
    "EngineLifecycleSupport",
    "CertificateRotationRestart",
];

fn unavailable(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidDBInstanceState", message)
}

/// The instance, when it is available.
fn available(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Instance>> {
    let instance = instance::find(ctx, params)?;
    match instance.status(ctx) {
        "available" => Ok(instance),
        status => Err(unavailable(format!(
            "Database instance is not in available state (it is {status})."
        ))),
    }
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let stored = available(ctx, params)?;
    let mut instance = stored.edit();
    let engine = instance.engine();
    let vpc = subnet_group::find(ctx, &instance.subnet_group)?.vpc.clone();
    let mut wanted = instance
        .pending
        .clone()
        .unwrap_or_else(|| instance.settings.clone());
    // What waits for the window keeps waiting; what is at once is read from what runs.
    let immediate = params.bool("ApplyImmediately")?.unwrap_or(false);
    upgrade(ctx, params, &instance, &mut wanted)?;
    wanted.apply(ctx, params, engine, &vpc)?;
    logs(params, &instance, &mut wanted)?;
    let family = engine::version(engine, Some(&wanted.version))?.family();
    instance::check_family(ctx, &wanted, &family)?;
    if params
        .str("DBSubnetGroupName")
        .is_some_and(|name| name.to_lowercase() != instance.subnet_group)
    {
        let message = "You cannot move DB instance to another subnet group of the same VPC while it is in use by the sandbox";
        return Err(AwsError::new("InvalidVPCNetworkStateFault", message));
    }
    secret(ctx, params, &mut instance)?;
    let rest = now_and_later(&instance.settings, &wanted, immediate);
    if rest.0.groups != instance.settings.groups {
        let owner = instance.resource_id.clone();
        network_interface::set_groups(ctx, &owner, &rest.0.groups);
    }
    let changed = json(&rest.0) != json(&instance.settings);
    let disruptive =
        json(&disruptive_only(&instance.settings, &rest.0)) != json(&instance.settings);
    instance.settings = rest.0;
    instance.pending = rest.1;
    if changed && instance.settings.backup_retention == 0 && stored.settings.backup_retention > 0 {
        // Turning backups off is done in the background too.
        instance.busy = Some(("modifying".to_owned(), ctx.due(Work::DatabaseModify)));
    } else if disruptive || params.has("MasterUserPassword") {
        let doing = if instance.settings.version == stored.settings.version {
            "modifying"
        } else {
            "upgrading"
        };
        instance.busy = Some((doing.to_owned(), ctx.due(Work::DatabaseModify)));
    }
    let old = instance.name.clone();
    if let Some(name) = new_name(ctx, params, &old)? {
        if !immediate {
            return Err(combination(
                "A new identifier is taken with ApplyImmediately only, in the sandbox",
            ));
        }
        instance.name.clone_from(&name);
        let tags = stored.tags().clone();
        ctx.delete::<Instance>(&old);
        ctx.put_tagged(instance, tags);
        return instance::answer(ctx, &name);
    }
    ctx.put(instance);
    instance::answer(ctx, &old)
}

fn json(settings: &Settings) -> serde_json::Value {
    serde_json::to_value(settings).expect("settings are plain data")
}

fn new_name(ctx: &Ctx<'_>, params: &Params, old: &str) -> AwsResult<Option<String>> {
    if params
        .str("NewDBInstanceIdentifier")
        .is_none_or(str::is_empty)
    {
        return Ok(None);
    }
    let name = identifier(params, "NewDBInstanceIdentifier")?;
    if name == old {
        return Ok(None);
    }
    if ctx.exists::<Instance>(&name) {
        return Err(AwsError::new(
            "DBInstanceAlreadyExists",
            "DB instance already exists",
        ));
    }
    Ok(Some(name))
}

/// Sets the version that a request asks for, and the parameter group that comes with a major one.
fn upgrade(
    ctx: &Ctx<'_>,
    params: &Params,
    instance: &Instance,
    wanted: &mut Settings,
) -> AwsResult<()> {
    let Some(text) = params.str("EngineVersion").filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let engine = instance.engine();
    let old = engine::version(engine, Some(&instance.settings.version))?;
    // A major version alone names what runs when that is of it.
    if text == old.name || text == old.major() {
        return Ok(());
    }
    let new = engine::version(engine, Some(text))?;
    if !old.upgrades_to(&new) {
        let message = format!(
            "Cannot upgrade {} from {} to {}",
            engine.name, old.name, new.name
        );
        return Err(combination(message));
    }
    if old.major() != new.major() {
        if !params.bool("AllowMajorVersionUpgrade")?.unwrap_or(false) {
            let message = "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.";
            return Err(combination(message));
        }
        let default = format!("default.{}", old.family());
        if wanted.parameter_group == default && !params.has("DBParameterGroupName") {
            wanted.parameter_group = format!("default.{}", new.family());
        } else if !params.has("DBParameterGroupName") {
            let group = super::parameter_group::find(ctx, &wanted.parameter_group)?;
            let message = format!(
                "Current Parameter Group ({}) is non-default. You need to explicitly specify a new Parameter Group in this case (default or custom)",
                group.name
            );
            return Err(combination(message));
        }
    }
    new.name.clone_into(&mut wanted.version);
    Ok(())
}

fn logs(params: &Params, instance: &Instance, wanted: &mut Settings) -> AwsResult<()> {
    let Some(change) = params.node("CloudwatchLogsExportConfiguration") else {
        return Ok(());
    };
    let (on, off) = (
        change.strings("EnableLogTypes"),
        change.strings("DisableLogTypes"),
    );
    instance::check_logs(instance.engine(), &on)?;
    instance::check_logs(instance.engine(), &off)?;
    wanted.logs.retain(|name| !off.contains(&name.as_str()));
    for name in on {
        if !wanted.logs.iter().any(|known| known == name) {
            wanted.logs.push(name.to_owned());
        }
    }
    Ok(())
}

fn secret(ctx: &mut Ctx<'_>, params: &Params, instance: &mut Instance) -> AwsResult<()> {
    let manage = params.bool("ManageMasterUserPassword")?;
    let password = params
        .str("MasterUserPassword")
        .filter(|text| !text.is_empty());
    if let Some(text) = password {
        check_password(text)?;
    }
    match (manage, password, instance.secret.is_some()) {
        (Some(true), Some(_), _) | (None, Some(_), true) => Err(combination(
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )),
        (Some(true), None, false) => {
            instance.secret = Some(instance::new_secret(
                ctx,
                params.str("MasterUserSecretKmsKeyId"),
            )?);
            Ok(())
        }
        (Some(false), None, true) => Err(combination(
            "MasterUserPassword must be specified when ManageMasterUserPassword is turned off",
        )),
        (Some(false), Some(_), true) => {
            instance.secret = None;
            Ok(())
        }
        (_, _, managed) => {
            let rotate = params.bool("RotateMasterUserPassword")?.unwrap_or(false);
            if rotate && !managed {
                return Err(invalid(
                    "RotateMasterUserPassword requires ManageMasterUserPassword",
                ));
            }
            Ok(())
        }
    }
}

/// The running settings with those of `wanted` that a restart or a longer change brings.
fn disruptive_only(running: &Settings, wanted: &Settings) -> Settings {
    Settings {
        class: wanted.class.clone(),
        version: wanted.version.clone(),
        storage: wanted.storage,
        storage_type: wanted.storage_type.clone(),
        iops: wanted.iops,
        throughput: wanted.throughput,
        multi_az: wanted.multi_az,
        port: wanted.port,
        certificate: wanted.certificate.clone(),
        dedicated_log_volume: wanted.dedicated_log_volume,
        iam_authentication: wanted.iam_authentication,
        parameter_group: wanted.parameter_group.clone(),
        groups: wanted.groups.clone(),
        monitoring_interval: wanted.monitoring_interval,
        monitoring_role: wanted.monitoring_role.clone(),
        logs: wanted.logs.clone(),
        insights: wanted.insights,
        ..running.clone()
    }
}

/// What runs after a request, and what waits for the maintenance window.
fn now_and_later(
    running: &Settings,
    wanted: &Settings,
    immediate: bool,
) -> (Settings, Option<Settings>) {
    if immediate {
        return (wanted.clone(), None);
    }
    let now = Settings {
        class: running.class.clone(),
        version: running.version.clone(),
        storage: running.storage,
        storage_type: running.storage_type.clone(),
        iops: running.iops,
        throughput: running.throughput,
        multi_az: running.multi_az,
        port: running.port,
        certificate: running.certificate.clone(),
        dedicated_log_volume: running.dedicated_log_volume,
        iam_authentication: running.iam_authentication,
        backup_retention: running.backup_retention,
        parameter_group: if wanted.version == running.version {
            wanted.parameter_group.clone()
        } else {
            running.parameter_group.clone()
        },
        ..wanted.clone()
    };
    let later = (json(&now) != json(wanted)).then(|| wanted.clone());
    (now, later)
}

fn reboot(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut instance = available(ctx, params)?.edit();
    if params.bool("ForceFailover")?.unwrap_or(false) && !instance.settings.multi_az {
        return Err(combination(
            "ForceFailover cannot be specified since the instance is not configured for either MultiAZ or High Availability.",
        ));
    }
    instance
        .started_with
        .clone_from(&instance.settings.parameter_group);
    instance.busy = Some(("rebooting".to_owned(), ctx.due(Work::InstanceLaunch)));
    let name = instance.name.clone();
    ctx.put(instance);
    instance::answer(ctx, &name)
}

fn stop(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut instance = available(ctx, params)?.edit();
    instance.stopped = true;
    instance.busy = Some(("stopping".to_owned(), ctx.due(Work::DatabaseModify)));
    let name = instance.name.clone();
    ctx.put(instance);
    instance::answer(ctx, &name)
}

fn start(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let stored = instance::find(ctx, params)?;
    if stored.status(ctx) != "stopped" {
        return Err(unavailable("Instance is not in the stopped state."));
    }
    let mut instance = stored.edit();
    instance.stopped = false;
    instance
        .started_with
        .clone_from(&instance.settings.parameter_group);
    instance.busy = Some(("starting".to_owned(), ctx.due(Work::DatabaseModify)));
    let name = instance.name.clone();
    ctx.put(instance);
    instance::answer(ctx, &name)
}
