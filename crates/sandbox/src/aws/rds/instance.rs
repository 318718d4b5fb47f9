//! Database instances: made, described, deleted. Changes are in `instance_change`, the wire shape in
//! `instance_view`. Passwords are checked and forgotten.

use serde::{Deserialize, Serialize};

use super::engine::{self, Engine};
use super::instance_settings::{SHARED, Settings, check_password, key_arn};
use super::snapshot::{self, Snapshot};
use super::{combination, identifier, invalid, pages, parameter_group, subnet_group, tagging};
use crate::aws::context::Ctx;
use crate::aws::ec2::network_interface::{self, NewInterface};
use crate::aws::ec2::security_group;
use crate::aws::ec2::subnet::Subnet;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::regions;
use crate::aws::xml::Xml;
use crate::clock::Millis;
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// Instances per region; raised from AWS's default of 40.
pub(crate) const QUOTA: usize = 200;

/// An instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) engine: String,
    /// `db-…`: stays when the instance is renamed.
    pub(super) resource_id: String,
    pub(super) database: Option<String>,
    pub(super) master: String,
    /// The secret of a password that RDS manages: its ARN and key.
    pub(super) secret: Option<(String, String)>,
    pub(super) zone: String,
    pub(super) second_zone: Option<String>,
    subnet: Option<String>,
    pub(super) subnet_group: String,
    /// The key, when storage is encrypted.
    pub(super) key: Option<String>,
    pub(super) settings: Settings,
    /// Settings that wait for the maintenance window.
    pub(super) pending: Option<Settings>,
    /// The parameter group that it has been started with.
    pub(super) started_with: String,
    pub(super) digits: String,
    pub(super) created: Millis,
    pub(super) available_at: Millis,
    /// Whether making it ends in failure.
    #[serde(default)]
    failed: bool,
    /// What it is doing until then.
    pub(super) busy: Option<(String, Millis)>,
    pub(super) stopped: bool,
    pub(super) gone_at: Option<Millis>,
}

impl Document for Instance {
    const KIND: &'static str = "rds/instance";

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        vec![
            subnet_group::link(&self.subnet_group),
            parameter_group::link(&self.settings.parameter_group),
            self.resource_id.clone(),
        ]
    }

    fn gone_at(&self) -> Option<Millis> {
        self.gone_at
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_db_instance")
    }
}

impl Instance {
    pub(super) fn arn(&self, ctx: &Ctx<'_>) -> String {
        ctx.arn("rds", &format!("db:{}", self.name))
    }

    /// The subnet that its network interface is in.
    pub(super) fn subnet(&self) -> Option<&str> {
        self.subnet.as_deref()
    }

    pub(super) fn parameter_group(&self) -> &str {
        &self.settings.parameter_group
    }

    pub(super) fn status<'a>(&'a self, ctx: &Ctx<'_>) -> &'a str {
        if self.gone_at.is_some() {
            return "deleting";
        }
        if !ctx.past(self.available_at) {
            return "creating";
        }
        if self.failed {
            return "failed";
        }
        match &self.busy {
            Some((doing, until)) if !ctx.past(*until) => doing,
            _ if self.stopped => "stopped",
            _ => "available",
        }
    }

    pub(super) fn engine(&self) -> &'static Engine {
        engine::find(&self.engine).expect("instances are made of engines of the catalogue")
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDBInstance",
        accepts: CREATE,
        handler: create,
    },
    Operation {
        name: "DescribeDBInstances",
        accepts: &[
            "DBInstanceIdentifier",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
        ],
        handler: describe,
    },
    Operation {
        name: "DeleteDBInstance",
        accepts: &[
            "DBInstanceIdentifier",
            "SkipFinalSnapshot",
            "FinalDBSnapshotIdentifier",
            "DeleteAutomatedBackups",
        ],
        handler: delete,
    },
];

const CREATE: &[&str] = &[
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
    "DBName",
    "Engine",
    "MasterUsername",
    "MasterUserPassword",
    "AvailabilityZone",
    "DBSubnetGroupName",
    "Port",
    "LicenseModel",
    "StorageEncrypted",
    "KmsKeyId",
    "EnableCloudwatchLogsExports",
    "NetworkType",
    "CACertificateIdentifier",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "DedicatedLogVolume",
    "EngineLifecycleSupport",
    "Tags.Tag.Key",
    "Tags.Tag.Value",
];

/// The instance of a name or ARN.
pub(super) fn find_name(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Instance>> {
    let own = ctx.arn("rds", "db:");
    let short = name
        .strip_prefix(own.as_str())
        .unwrap_or(name)
        .to_ascii_lowercase();
    ctx.get::<Instance>(&short).ok_or_else(|| {
        AwsError::with_status(
            404,
            "DBInstanceNotFound",
            format!("DBInstance {short} not found."),
        )
    })
}

pub(super) fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<Instance>> {
    find_name(ctx, params.require("DBInstanceIdentifier")?)
}

/// A new secret of a master password: its ARN and key.
pub(super) fn new_secret(ctx: &mut Ctx<'_>, key: Option<&str>) -> AwsResult<(String, String)> {
    let key = match key {
        Some(key) => key_arn(ctx, key)?,
        None => managed_key(ctx, "secretsmanager"),
    };
    let uuid = ctx.new_uuid();
    let suffix: String = ctx.new_hex(6);
    Ok((
        ctx.arn("secretsmanager", &format!("secret:rds!db-{uuid}-{suffix}")),
        key,
    ))
}

/// The ARN of the key that AWS itself has for a service in a region.
pub(super) fn managed_key(ctx: &Ctx<'_>, service: &str) -> String {
    let digest = crate::token::fingerprint(&format!("aws/{service}/{}", ctx.region));
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[12..16],
        &digest[16..20],
        &digest[20..32]
    );
    ctx.arn("kms", &format!("key/{uuid}"))
}

fn check_database(name: &str) -> AwsResult<()> {
    let fits = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        Ok(())
    } else {
        Err(invalid(format!(
            "DBName must begin with a letter and contain only alphanumeric characters: {name}"
        )))
    }
}

fn check_master(engine: &Engine, name: &str) -> AwsResult<()> {
    let most = if engine.name == "postgres" { 63 } else { 32 };
    if engine
        .reserved
        .contains(&name.to_ascii_lowercase().as_str())
    {
        let message = format!(
            "MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        );
        return Err(invalid(message));
    }
    let fits = (1..=most).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        Ok(())
    } else {
        Err(invalid(format!(
            "The parameter MasterUsername is not valid: {name}"
        )))
    }
}

/// The secret of a managed password, or none when the client gives one.
fn password(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Option<(String, String)>> {
    let managed = params.bool("ManageMasterUserPassword")?.unwrap_or(false);
    match (managed, params.str("MasterUserPassword")) {
        (true, Some(_)) => Err(combination(
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
        )),
        (true, None) => new_secret(ctx, params.str("MasterUserSecretKmsKeyId")).map(Some),
        (false, _) if params.has("MasterUserSecretKmsKeyId") => Err(combination(
            "MasterUserSecretKmsKeyId requires ManageMasterUserPassword",
        )),
        (false, Some(text)) => check_password(text).map(|()| None),
        (false, None) => Err(invalid(
            "The parameter MasterUserPassword must be provided and must not be blank.",
        )),
    }
}

fn encryption(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Option<String>> {
    let encrypted = params.bool("StorageEncrypted")?.unwrap_or(false);
    match (
        encrypted,
        params.str("KmsKeyId").filter(|key| !key.is_empty()),
    ) {
        (true, Some(key)) => key_arn(ctx, key).map(Some),
        (true, None) => Ok(Some(managed_key(ctx, "rds"))),
        (false, Some(_)) => Err(combination(
            "KmsKeyId cannot be given for an instance whose storage is not encrypted",
        )),
        (false, None) => Ok(None),
    }
}

/// Checks log types against the engine's.
pub(super) fn check_logs(engine: &Engine, logs: &[&str]) -> AwsResult<()> {
    match logs.iter().find(|name| !engine.logs.contains(name)) {
        Some(name) => Err(combination(format!(
            "You cannot use the log types '{name}' with engine {}. The supported types are: {}",
            engine.name,
            engine.logs.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Subnet, zone and second zone of a new instance.
fn place(
    ctx: &Ctx<'_>,
    params: &Params,
    subnets: &[String],
    multi_az: bool,
) -> AwsResult<(String, String, Option<String>)> {
    let zones: Vec<(String, String)> = subnets
        .iter()
        .filter_map(|id| ctx.get::<Subnet>(id))
        .map(|subnet| (subnet.id.clone(), subnet.zone.clone()))
        .collect();
    let wanted = params.str("AvailabilityZone");
    if let Some(zone) = wanted {
        if multi_az {
            return Err(combination(
                "Requesting a specific availability zone is not valid for Multi-AZ instances.",
            ));
        }
        if !regions::zones(&ctx.region)
            .iter()
            .any(|known| known == zone)
        {
            return Err(invalid(format!("Invalid Availability Zone: {zone}")));
        }
    }
    let chosen = zones
        .iter()
        .find(|(_, zone)| wanted.is_none_or(|wanted| wanted == zone));
    let Some((subnet, zone)) = chosen else {
        let message = "The DB subnet group has no subnet in the requested Availability Zone";
        return Err(AwsError::new("InvalidSubnet", message));
    };
    let second = zones
        .iter()
        .map(|(_, other)| other)
        .find(|other| *other != zone)
        .cloned();
    Ok((subnet.clone(), zone.clone(), second))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = identifier(params, "DBInstanceIdentifier")?;
    if name.len() > 63 {
        return Err(invalid(
            "The parameter DBInstanceIdentifier has more than 63 characters",
        ));
    }
    let engine = engine::find(params.require("Engine")?)?;
    params.require("DBInstanceClass")?;
    let version = engine::version(engine, params.str("EngineVersion"))?;
    let tags = tagging::read(params)?;
    if ctx.exists::<Instance>(&name) {
        return Err(AwsError::new(
            "DBInstanceAlreadyExists",
            "DB instance already exists",
        ));
    }
    if ctx.count::<Instance>() >= QUOTA {
        return Err(AwsError::new(
            "InstanceQuotaExceeded",
            "The quota of DB instances is reached",
        ));
    }
    if params.int("AllocatedStorage")?.is_none() {
        return Err(combination(
            "The request must contain the parameter AllocatedStorage",
        ));
    }
    if params
        .str("LicenseModel")
        .is_some_and(|license| license != engine.license)
    {
        return Err(combination(format!(
            "Invalid license model for {}",
            engine.name
        )));
    }
    let database = params.str("DBName").filter(|name| !name.is_empty());
    database.map_or(Ok(()), check_database)?;
    let master = params.require("MasterUsername")?;
    check_master(engine, master)?;
    let group = subnet_group::find(ctx, params.str("DBSubnetGroupName").unwrap_or("default"))?;
    let default_parameters = format!("default.{}", version.family());
    let mut settings = Settings::defaults(engine, version.name, default_parameters);
    settings.apply(ctx, params, engine, &group.vpc)?;
    check_family(ctx, &settings, &version.family())?;
    if settings.groups.is_empty() {
        settings
            .groups
            .extend(security_group::default_of(ctx, &group.vpc).map(|group| group.id.clone()));
    }
    let logs = params.strings("EnableCloudwatchLogsExports");
    check_logs(engine, &logs)?;
    settings.logs = logs.into_iter().map(str::to_owned).collect();
    let (subnet, zone, second) = place(ctx, params, &group.subnets, settings.multi_az)?;
    let key = encryption(ctx, params)?;
    let secret = password(ctx, params)?;
    let resource_id = format!("db-{}", ctx.new_hex(26).to_uppercase());
    let new = NewInterface {
        subnet: &subnet,
        groups: settings.groups.clone(),
        description: "RDSNetworkInterface".to_owned(),
        interface_type: "interface",
        requester: "amazon-rds",
        owner: &resource_id,
        instance: None,
        controller: None,
        public: settings.public,
    };
    network_interface::create(ctx, new, Tags::default())
        .map_err(|error| AwsError::new("InvalidSubnet", error.message))?;
    let instance = Instance {
        name: name.clone(),
        engine: engine.name.to_owned(),
        resource_id,
        database: database.map(str::to_owned),
        master: master.to_owned(),
        secret,
        zone,
        second_zone: second,
        subnet: Some(subnet),
        subnet_group: group.name.clone(),
        key,
        started_with: settings.parameter_group.clone(),
        settings,
        pending: None,
        digits: ctx.new_hex(12),
        created: ctx.now,
        available_at: ctx.due(Work::DatabaseCreate),
        failed: ctx.pace.fails,
        busy: None,
        stopped: false,
        gone_at: None,
    };
    ctx.put_tagged(instance, tags);
    answer(ctx, &name)
}

/// Checks that the parameter group is for the engine and version.
pub(super) fn check_family(ctx: &Ctx<'_>, settings: &Settings, family: &str) -> AwsResult<()> {
    let group = parameter_group::find(ctx, &settings.parameter_group)?;
    if group.family == family {
        return Ok(());
    }
    Err(combination(format!(
        "The Parameter Group {} with DBParameterGroupFamily {} can't be used for this instance. Please use a Parameter Group with DBParameterGroupFamily {family}",
        group.name, group.family
    )))
}

/// The answer of an operation on one instance.
pub(super) fn answer(ctx: &Ctx<'_>, name: &str) -> AwsResult<Xml> {
    let instance = find_name(ctx, name)?;
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| {
        instance.write(xml, ctx, instance.tags());
    });
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut instances = match params
        .str("DBInstanceIdentifier")
        .filter(|name| !name.is_empty())
    {
        Some(name) => vec![find_name(ctx, name)?],
        None => ctx.list::<Instance>(),
    };
    for (name, values) in super::filters(params)? {
        if ![
            "db-instance-id",
            "dbi-resource-id",
            "engine",
            "db-cluster-id",
            "domain",
        ]
        .contains(&name)
        {
            return Err(invalid(format!("Unrecognized filter name: {name}")));
        }
        instances.retain(|instance| {
            let has = |field: &str| values.contains(&field);
            match name {
                "db-instance-id" => has(&instance.name) || has(&instance.arn(ctx)),
                "dbi-resource-id" => has(&instance.resource_id),
                "engine" => has(&instance.engine),
                _ => false,
            }
        });
    }
    let page = pages(instances, |instance| instance.name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list("DBInstances", "DBInstance", &page.items, |xml, instance| {
        instance.write(xml, ctx, instance.tags());
    })
    .opt("Marker", page.next);
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let stored = find(ctx, params)?;
    let skip = params.bool("SkipFinalSnapshot")?.unwrap_or(false);
    let snapshot = params
        .str("FinalDBSnapshotIdentifier")
        .filter(|name| !name.is_empty());
    match (skip, snapshot) {
        (true, Some(_)) => {
            return Err(combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting a read replica or when SkipFinalSnapshot is true",
            ));
        }
        (false, None) => {
            return Err(combination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            ));
        }
        _ => {}
    }
    if stored.settings.deletion_protection {
        return Err(combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    let status = stored.status(ctx);
    let busy = |message: String| Err(AwsError::new("InvalidDBInstanceState", message));
    if status == "deleting" {
        return busy(format!(
            "Instance {} is already being deleted.",
            stored.name
        ));
    }
    if !skip && status != "available" {
        return busy(format!(
            "Cannot create a snapshot because the database instance {} is not currently in the available state.",
            stored.name
        ));
    }
    if !skip {
        let name = identifier(params, "FinalDBSnapshotIdentifier")?;
        if ctx.exists::<Snapshot>(&name) {
            let message = format!(
                "Cannot create the snapshot because a snapshot with the identifier {name} already exists."
            );
            return Err(AwsError::new("DBSnapshotAlreadyExists", message));
        }
        let tags = if stored.settings.copy_tags {
            stored.tags().clone()
        } else {
            Tags::default()
        };
        snapshot::make(ctx, &name, &stored, tags);
    }
    let gone_at = ctx.due(Work::DatabaseDelete);
    network_interface::release(ctx, &stored.resource_id, gone_at);
    let mut instance = stored.edit();
    instance.gone_at = Some(gone_at);
    ctx.put(instance);
    let answer = answer(ctx, &stored.name);
    if ctx.past(gone_at) {
        ctx.delete::<Instance>(&stored.name);
    }
    answer
}
