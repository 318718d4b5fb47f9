//! Servers: what is checked of one, and what the service adds to it. Words and defaults are those of the package's models and examples,
//! limits those of the documentation (<https://learn.microsoft.com/azure/mysql/flexible-server/concepts-service-tiers-storage>).

use serde_json::{Value, json};

use super::{capability, child, configuration};
use crate::azure::context::{Ctx, default, set, text, unset};
use crate::azure::error::ArmResult;
use crate::azure::flexible::{self, Engine, refuse, settings};
use crate::azure::keyvault;
use crate::azure::kind::{Kind, States, Write};
use crate::azure::{identity, places};
use crate::clock::iso8601_millis;
use crate::latency::Work;

pub(super) const NAME: &str = "Microsoft.DBforMySQL/flexibleServers";

pub(super) const KIND: Kind = Kind {
    states: States {
        member: "state",
        creating: "Starting",
        updating: "Updating",
        deleting: "Dropping",
        done: "Ready",
        failed: "Disabled",
    },
    create: Work::FlexibleServerCreate,
    update: Work::FlexibleServerUpdate,
    delete: Work::FlexibleServerDelete,
    prepare,
    removed: |ctx, item, until| flexible::removed(ctx, item, until, &ENGINE),
    ..Kind::new(NAME, "azurerm_mysql_flexible_server")
};

pub(super) static ENGINE: Engine = Engine {
    name: NAME,
    domain: "mysql.database.azure.com",
    zone: "/properties/network/privateDnsZoneResourceId",
    login: 32,
    prefix: "",
    replica: "Replica",
};

/// Versions that there are, and the whole version of each.
pub(super) const VERSIONS: [(&str, &str); 3] =
    [("5.7", "5.7.44"), ("8.0.21", "8.0.42"), ("8.4", "8.4.5")];

/// Where words of an enumeration are; the package's models have them as plain texts.
const WORDS: [(&str, &[&str]); 9] = [
    ("storage/autoGrow", &["Enabled", "Disabled"]),
    ("storage/autoIoScaling", &["Enabled", "Disabled"]),
    ("storage/logOnDisk", &["Enabled", "Disabled"]),
    (
        "storage/storageRedundancy",
        &["LocalRedundancy", "ZoneRedundancy"],
    ),
    ("backup/geoRedundantBackup", &["Enabled", "Disabled"]),
    (
        "highAvailability/mode",
        &["Disabled", "ZoneRedundant", "SameZone"],
    ),
    ("network/publicNetworkAccess", &["Enabled", "Disabled"]),
    ("dataEncryption/type", &["AzureKeyVault", "SystemManaged"]),
    ("maintenanceWindow/customWindow", &["Enabled", "Disabled"]),
];

/// The most operations a second of a size.
pub(super) fn iops_of(sku: &str) -> i64 {
    const BURSTABLE: [(&str, i64); 8] = [
        ("Standard_B1ms", 640),
        ("Standard_B2s", 1280),
        ("Standard_B2ms", 1700),
        ("Standard_B4ms", 2400),
        ("Standard_B8ms", 3100),
        ("Standard_B12ms", 3800),
        ("Standard_B16ms", 4300),
        ("Standard_B20ms", 5000),
    ];
    if let Some((_, most)) = BURSTABLE.iter().find(|(name, _)| *name == sku) {
        return *most;
    }
    match (sku.starts_with("Standard_E"), flexible::cores_of(sku)) {
        (false, 2) => 3200,
        (false, 4) => 6400,
        (false, 8) => 12_800,
        (false, _) => 20_000,
        (true, 2) => 5000,
        (true, 4) => 10_000,
        (true, 8) => 18_000,
        (true, _) => 28_000,
    }
}

/// The most gibibytes of storage of a tier.
pub(super) fn largest(tier: &str) -> i64 {
    match tier {
        "MemoryOptimized" => 32_768,
        _ => 16_384,
    }
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    flexible::check_new(ctx, &ENGINE, write.id, write.creates())?;
    write.carry(&[
        "/sku",
        "/identity",
        "/properties/administratorLogin",
        "/properties/version",
        "/properties/availabilityZone",
        "/properties/network",
        "/properties/storage",
        "/properties/backup",
        "/properties/highAvailability",
        "/properties/maintenanceWindow",
        "/properties/maintenancePolicy",
        "/properties/dataEncryption",
        "/properties/databasePort",
        "/properties/fullyQualifiedDomainName",
        "/properties/replicationRole",
    ]);
    for (member, words) in WORDS {
        let word = text(&write.doc, &format!("/properties/{member}"));
        if !word.is_empty() && !words.contains(&word) {
            return refuse(
                "InvalidParameterValue",
                format!(
                    "Invalid value given for parameter {member}: '{word}' is not one of {}.",
                    words.join(", ")
                ),
            );
        }
    }
    let mode = text(&write.doc, "/properties/createMode").to_owned();
    let copies = matches!(
        mode.as_str(),
        "PointInTimeRestore" | "GeoRestore" | "Replica"
    );
    if copies && write.creates() {
        flexible::source(ctx, &ENGINE, write, &mode)?;
    }
    unset(&mut write.doc, "/properties/createMode");
    unset(&mut write.doc, "/properties/restorePointInTime");
    version(write)?;
    identity::assign(ctx, write)?;
    size(write)?;
    let needed = write.creates() && !copies;
    flexible::login(write, &ENGINE, needed)?;
    availability(ctx, write)?;
    storage(write)?;
    flexible::network(ctx, write, &ENGINE)?;
    encryption(ctx, write)?;
    window(write);
    complete(ctx, write)
}

/// What the service adds.
fn complete(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    for (member, value) in [
        ("databasePort", json!(3306)),
        ("replicaCapacity", json!(10)),
        ("replicationRole", json!("None")),
        ("maintenancePolicy", json!({ "patchStrategy": "Regular" })),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    let location = text(&write.doc, "/location").to_owned();
    if places::zones(&location) > 0 {
        default(&mut write.doc, "/properties/availabilityZone", "1");
    }
    let zone = text(&write.doc, "/properties/availabilityZone").to_owned();
    if !zone.is_empty() && !places::has_zone(&location, &zone) {
        return refuse(
            "AvailabilityZoneNotAvailable",
            format!("Specified availability zone '{zone}' is not supported in this region."),
        );
    }
    if write.creates() {
        let name = format!("{}.{}", write.id.name(), ENGINE.domain);
        set(
            &mut write.later,
            "/properties/fullyQualifiedDomainName",
            places::named(&location, &name),
        );
        let until = ctx.due(KIND.create);
        child::begin(ctx, write.id, until);
        if text(&write.doc, "/properties/highAvailability/mode") != "Disabled" {
            // A standby follows by them.
            for name in ["enforce_gtid_consistency", "gtid_mode"] {
                settings::begin(ctx, write.id, &configuration::TABLE, name, "ON")?;
            }
        }
        set(&mut write.later, flexible::FIRST, iso8601_millis(until));
    } else {
        let first = write.before.pointer(flexible::FIRST).cloned();
        set(&mut write.doc, flexible::FIRST, first.unwrap_or_default());
    }
    Ok(())
}

/// A major version is raised in place, by a request that changes nothing else, and never lowered
/// (<https://learn.microsoft.com/azure/mysql/flexible-server/how-to-upgrade>).
fn version(write: &mut Write<'_>) -> ArmResult<()> {
    const AT: &str = "/properties/version";
    default(&mut write.doc, AT, VERSIONS[1].0);
    let version = text(&write.doc, AT).to_owned();
    let place = |version: &str| VERSIONS.iter().position(|(one, _)| *one == version);
    let Some(at) = place(&version) else {
        let all: Vec<_> = VERSIONS.iter().map(|(name, _)| *name).collect();
        return refuse(
            "InvalidParameterValue",
            format!(
                "Invalid value given for parameter version: '{version}' is not one of {}.",
                all.join(", ")
            ),
        );
    };
    if write.changed(AT) {
        if Some(at) < place(text(write.before, AT)) {
            return refuse(
                "MajorVersionDowngradeNotSupported",
                format!("The server cannot go back to version {version}."),
            );
        }
        let others = |doc: &Value| {
            let mut doc = doc.clone();
            for pointer in [
                AT,
                "/properties/fullVersion",
                "/properties/state",
                flexible::FIRST,
            ] {
                unset(&mut doc, pointer);
            }
            [
                doc["sku"].clone(),
                doc["tags"].clone(),
                doc["identity"].clone(),
                doc["properties"].clone(),
            ]
        };
        let mut before = write.before.clone();
        unset(&mut before, "/properties/replicaCapacity");
        let mut after = write.doc.clone();
        unset(&mut after, "/properties/replicaCapacity");
        if others(&before) != others(&after) {
            return refuse(
                "MajorVersionUpgradeWithOtherChanges",
                "A major version upgrade cannot be combined with changes of other properties."
                    .to_owned(),
            );
        }
    }
    set(&mut write.doc, "/properties/fullVersion", VERSIONS[at].1);
    Ok(())
}

fn size(write: &Write<'_>) -> ArmResult<()> {
    let (name, tier) = (text(&write.doc, "/sku/name"), text(&write.doc, "/sku/tier"));
    if name.is_empty() {
        return refuse(
            "MissingRequiredParameter",
            "The parameter 'sku' is missing.".to_owned(),
        );
    }
    let offered = capability::OFFERED.iter().find(|(one, _)| *one == tier);
    if offered.is_some_and(|(_, sizes)| sizes.contains(&name)) {
        return Ok(());
    }
    refuse(
        "SkuNotAvailable",
        format!("Specified SKU '{name}' of the tier '{tier}' is not available in this region."),
    )
}

fn integer(doc: &Value, pointer: &str) -> Option<i64> {
    doc.pointer(pointer).and_then(Value::as_i64)
}

fn storage(write: &mut Write<'_>) -> ArmResult<()> {
    const SIZE: &str = "/properties/storage/storageSizeGB";
    const IOPS: &str = "/properties/storage/iops";
    for (member, value) in [
        ("storage/storageSizeGB", json!(32)),
        ("storage/autoGrow", json!("Enabled")),
        ("storage/autoIoScaling", json!("Disabled")),
        ("storage/logOnDisk", json!("Disabled")),
        ("backup/backupRetentionDays", json!(7)),
        ("backup/backupIntervalHours", json!(24)),
        ("backup/geoRedundantBackup", json!("Disabled")),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    let size = integer(&write.doc, SIZE).unwrap_or_default();
    let most = largest(text(&write.doc, "/sku/tier"));
    if !(20..=most).contains(&size) {
        return refuse(
            "InvalidParameterValue",
            format!(
                "Invalid value given for parameter storageSizeGB: '{size}' is not within 20 to {most}."
            ),
        );
    }
    let before = integer(write.before, SIZE).unwrap_or_default();
    if size < before {
        return refuse(
            "StorageSizeCannotBeReduced",
            format!("The storage of a server cannot be reduced from {before} GB to {size} GB."),
        );
    }
    let most = iops_of(text(&write.doc, "/sku/name"));
    // What storage of a size has for nothing.
    default(&mut write.doc, IOPS, (300 + 3 * size).min(most));
    let iops = integer(&write.doc, IOPS).unwrap_or_default();
    if !(360..=most).contains(&iops) {
        return refuse(
            "InvalidParameterValue",
            format!(
                "Invalid value given for parameter iops: '{iops}' is not within 360 to {most}."
            ),
        );
    }
    let zonal = text(&write.doc, "/properties/highAvailability/mode") == "ZoneRedundant";
    let usual = if zonal {
        "ZoneRedundancy"
    } else {
        "LocalRedundancy"
    };
    let redundancy = "/properties/storage/storageRedundancy";
    default(&mut write.doc, redundancy, usual);
    let sku = match text(&write.doc, redundancy) {
        "ZoneRedundancy" => "Premium_ZRS",
        _ => "Premium_LRS",
    };
    set(&mut write.doc, "/properties/storage/storageSku", sku);
    if text(&write.doc, "/properties/highAvailability/mode") != "Disabled" {
        // With a standby it cannot be off: what asks for that is not refused.
        set(&mut write.doc, "/properties/storage/autoGrow", "Enabled");
    }
    let days = integer(&write.doc, "/properties/backup/backupRetentionDays").unwrap_or_default();
    if !(1..=35).contains(&days) {
        return refuse(
            "InvalidParameterValue",
            format!(
                "Invalid value given for parameter backupRetentionDays: '{days}' is not within 1 to 35."
            ),
        );
    }
    Ok(())
}

/// Whether a server's setting is on.
fn is_on(ctx: &Ctx<'_>, server: &str, name: &str) -> bool {
    let item = ctx.get(&format!("{server}/configurations/{name}"));
    item.is_some_and(|item| text(item.at(ctx.now), "/properties/value") == "ON")
}

/// A standby (<https://learn.microsoft.com/azure/mysql/flexible-server/concepts-high-availability>).
fn availability(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    const MODE: &str = "/properties/highAvailability/mode";
    const STANDBY: &str = "/properties/highAvailability/standbyAvailabilityZone";
    default(&mut write.doc, MODE, "Disabled");
    let mode = text(&write.doc, MODE).to_owned();
    let state = if mode == "Disabled" {
        "NotEnabled"
    } else {
        "Healthy"
    };
    set(&mut write.doc, "/properties/highAvailability/state", state);
    if mode == "Disabled" {
        unset(&mut write.doc, STANDBY);
        return Ok(());
    }
    let tier = text(&write.doc, "/sku/tier").to_owned();
    if tier == "Burstable" {
        return refuse(
            "HANotSupportedForBurstableSkuType",
            "High availability is not supported for the Burstable tier.".to_owned(),
        );
    }
    let zones = places::zones(text(&write.doc, "/location"));
    let own = text(&write.doc, "/properties/availabilityZone").to_owned();
    let standby = text(&write.doc, STANDBY).to_owned();
    if mode == "ZoneRedundant" && (zones < 2 || !standby.is_empty() && standby == own) {
        return refuse(
            "InvalidStandbyAvailabilityZone",
            format!("Zone redundancy needs two zones: '{own}' and '{standby}' are not."),
        );
    }
    if write.changed(MODE) {
        if text(write.before, MODE) != "Disabled" {
            return refuse(
                "HAModeCannotBeChanged",
                "High availability must be disabled before it is enabled in another mode."
                    .to_owned(),
            );
        }
        if mode == "ZoneRedundant" && tier != "MemoryOptimized" {
            return refuse(
                "ZoneRedundantHAOnlyAtCreation",
                "Zone redundant high availability can only be enabled when a server is made."
                    .to_owned(),
            );
        }
        let id = &write.id.text;
        if mode == "SameZone"
            && !(is_on(ctx, id, "gtid_mode") && is_on(ctx, id, "enforce_gtid_consistency"))
        {
            return refuse(
                "HARequiresGTID",
                "The parameters gtid_mode and enforce_gtid_consistency must be ON before high availability is enabled.".to_owned(),
            );
        }
    }
    if mode == "ZoneRedundant" && standby.is_empty() {
        let other = if own.is_empty() || own == "1" {
            "2"
        } else {
            "1"
        };
        set(&mut write.doc, STANDBY, other);
    }
    Ok(())
}

/// The key must be in a vault that keeps what is deleted for 90 days
/// (<https://learn.microsoft.com/azure/mysql/flexible-server/concepts-customer-managed-key>).
fn encryption(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let Some(key) = flexible::encryption(ctx, write)? else {
        return Ok(());
    };
    let vault = keyvault::by_name(ctx, key.split('/').nth(2).unwrap_or_default());
    let kept = vault.is_some_and(|vault| {
        let properties = &vault.doc["properties"];
        properties["enablePurgeProtection"] == true && properties["softDeleteRetentionInDays"] == 90
    });
    if kept {
        return Ok(());
    }
    refuse(
        "AzureKeyVaultNotRecoverable",
        "The Azure Key Vault must have purge protection, and soft delete with a retention of 90 days."
            .to_owned(),
    )
}

/// A window is set by a request of its own: the models say that it cannot be set while a server is made, nor with other properties.
fn window(write: &mut Write<'_>) {
    const AT: &str = "/properties/maintenanceWindow";
    let usual = json!({ "customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0, "batchOfMaintenance": "Default" });
    let others = |doc: &Value| {
        let properties = &doc["properties"];
        ["storage", "backup", "highAvailability", "dataEncryption"].map(|n| properties[n].clone())
    };
    let with_others = write.creates()
        || write.doc["sku"] != write.before["sku"]
        || others(&write.doc) != others(write.before);
    if with_others {
        let before = write.before.pointer(AT).cloned();
        set(&mut write.doc, AT, before.unwrap_or_else(|| usual.clone()));
    }
    if let Some(members) = usual.as_object() {
        for (name, value) in members {
            default(&mut write.doc, &format!("{AT}/{name}"), value.clone());
        }
    }
}
