//! Snapshots of instances, made on demand or when an instance is deleted.

use serde::{Deserialize, Serialize};

use super::instance::{self, Instance};
use super::{identifier, invalid, pages, tagging};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601_millis};
use crate::latency::Work;
use crate::tags::Tags;
use crate::world::{Document, Listed, Stored};

/// A snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) name: String,
    /// The instance as it was.
    of: Instance,
    created: Millis,
    available_at: Millis,
}

impl Document for Snapshot {
    const KIND: &'static str = "rds/snapshot";

    fn id(&self) -> &str {
        &self.name
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_db_snapshot")
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDBSnapshot",
        accepts: &[
            "DBSnapshotIdentifier",
            "DBInstanceIdentifier",
            "Tags.Tag.Key",
            "Tags.Tag.Value",
        ],
        handler: create,
    },
    Operation {
        name: "DescribeDBSnapshots",
        accepts: &[
            "DBInstanceIdentifier",
            "DBSnapshotIdentifier",
            "SnapshotType",
            "Filters.Filter.Name",
            "Filters.Filter.Values.Value",
            "MaxRecords",
            "Marker",
            "IncludeShared",
            "IncludePublic",
            "DbiResourceId",
        ],
        handler: describe,
    },
    Operation {
        name: "DeleteDBSnapshot",
        accepts: &["DBSnapshotIdentifier"],
        handler: delete,
    },
];

/// Begins a snapshot of an instance.
pub(super) fn make(ctx: &mut Ctx<'_>, name: &str, of: &Stored<Instance>, tags: Tags) {
    let available_at = ctx.due(Work::DatabaseModify);
    let snapshot = Snapshot {
        name: name.to_owned(),
        of: of.edit(),
        created: ctx.now,
        available_at,
    };
    ctx.put_tagged(snapshot, tags);
}

fn find(ctx: &Ctx<'_>, name: &str) -> AwsResult<Stored<Snapshot>> {
    let own = ctx.arn("rds", "snapshot:");
    let short = name
        .strip_prefix(own.as_str())
        .unwrap_or(name)
        .to_ascii_lowercase();
    ctx.get::<Snapshot>(&short).ok_or_else(|| {
        AwsError::with_status(
            404,
            "DBSnapshotNotFound",
            format!("DBSnapshot {short} not found."),
        )
    })
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = identifier(params, "DBSnapshotIdentifier")?;
    let instance = instance::find(ctx, params)?;
    let tags = tagging::read(params)?;
    if ctx.exists::<Snapshot>(&name) {
        let message = format!(
            "Cannot create the snapshot because a snapshot with the identifier {name} already exists."
        );
        return Err(AwsError::new("DBSnapshotAlreadyExists", message));
    }
    if instance.status(ctx) != "available" {
        let message = format!(
            "Cannot create a snapshot because the database instance {} is not currently in the available state.",
            instance.name
        );
        return Err(AwsError::new("InvalidDBInstanceState", message));
    }
    make(ctx, &name, &instance, tags);
    let snapshot = find(ctx, &name)?;
    let mut xml = Xml::new();
    xml.node("DBSnapshot", |xml| write(xml, ctx, &snapshot));
    Ok(xml)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut found = match params.str("DBSnapshotIdentifier") {
        Some(name) => vec![find(ctx, name)?],
        None => ctx.list::<Snapshot>(),
    };
    if let Some(name) = params.str("DBInstanceIdentifier") {
        found.retain(|snapshot| snapshot.of.name == name.to_ascii_lowercase());
    }
    if params
        .str("SnapshotType")
        .is_some_and(|kind| kind != "manual")
    {
        found.clear();
    }
    for (name, values) in super::filters(params)? {
        found.retain(|snapshot| match name {
            "db-instance-id" => values.contains(&snapshot.of.name.as_str()),
            "db-snapshot-id" => values.contains(&snapshot.name.as_str()),
            "dbi-resource-id" => values.contains(&snapshot.of.resource_id.as_str()),
            "engine" => values.contains(&snapshot.of.engine.as_str()),
            "snapshot-type" => values.contains(&"manual"),
            _ => true,
        });
        if ![
            "db-instance-id",
            "db-snapshot-id",
            "dbi-resource-id",
            "engine",
            "snapshot-type",
        ]
        .contains(&name)
        {
            return Err(invalid(format!("Unrecognized filter name: {name}")));
        }
    }
    let page = pages(found, |snapshot| snapshot.name.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list("DBSnapshots", "DBSnapshot", &page.items, |xml, snapshot| {
        write(xml, ctx, snapshot);
    })
    .opt("Marker", page.next);
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let snapshot = find(ctx, params.require("DBSnapshotIdentifier")?)?;
    if !ctx.past(snapshot.available_at) {
        let message = format!(
            "Cannot delete the snapshot {} because it is not in the available state",
            snapshot.name
        );
        return Err(AwsError::new("InvalidDBSnapshotState", message));
    }
    let mut xml = Xml::new();
    xml.node("DBSnapshot", |xml| write(xml, ctx, &snapshot));
    ctx.delete::<Snapshot>(&snapshot.name);
    Ok(xml)
}

fn write(xml: &mut Xml, ctx: &Ctx<'_>, snapshot: &Stored<Snapshot>) {
    let of = &snapshot.of;
    let done = ctx.past(snapshot.available_at);
    xml.text("DBSnapshotIdentifier", &snapshot.name)
        .text("DBInstanceIdentifier", &of.name)
        .text("SnapshotCreateTime", iso8601_millis(snapshot.created))
        .text("Engine", &of.engine)
        .text("AllocatedStorage", of.settings.storage)
        .text("Status", if done { "available" } else { "creating" })
        .text("Port", of.settings.port)
        .text("AvailabilityZone", &of.zone)
        .text("InstanceCreateTime", iso8601_millis(of.created))
        .text("MasterUsername", &of.master)
        .text("EngineVersion", &of.settings.version)
        .text("LicenseModel", of.engine().license)
        .text("SnapshotType", "manual")
        .text("PercentProgress", if done { 100 } else { 0 })
        .text("StorageType", &of.settings.storage_type)
        .text("Encrypted", of.key.is_some())
        .opt("KmsKeyId", of.key.as_ref())
        .text(
            "DBSnapshotArn",
            ctx.arn("rds", &format!("snapshot:{}", snapshot.name)),
        )
        .text(
            "IAMDatabaseAuthenticationEnabled",
            of.settings.iam_authentication,
        )
        .text("DbiResourceId", &of.resource_id)
        .list(
            "TagList",
            "Tag",
            snapshot.tags().iter(),
            |xml, (key, value)| {
                xml.text("Key", key).text("Value", value);
            },
        )
        .text("SnapshotTarget", "region");
}
