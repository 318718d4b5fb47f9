//! Servers: what is checked of one, and what the service adds to it.

use serde_json::json;

use super::child;
use crate::azure::context::{Ctx, TENANT, default, set, text, unset};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::flexible::{self, Engine, cores_of, refuse};
use crate::azure::kind::{Kind, States, Write};
use crate::azure::{identity, places};
use crate::clock::iso8601_millis;
use crate::latency::Work;

pub(super) const NAME: &str = "Microsoft.DBforPostgreSQL/flexibleServers";

pub(super) const KIND: Kind = Kind {
    states: States {
        member: "state",
        creating: "Provisioning",
        updating: "Updating",
        deleting: "Dropping",
        done: "Ready",
        failed: "Inaccessible",
    },
    create: Work::FlexibleServerCreate,
    update: Work::FlexibleServerUpdate,
    delete: Work::FlexibleServerDelete,
    prepare,
    removed: |ctx, item, until| flexible::removed(ctx, item, until, &ENGINE),
    ..Kind::new(NAME, "azurerm_postgresql_flexible_server")
};

pub(super) static ENGINE: Engine = Engine {
    name: NAME,
    domain: "postgres.database.azure.com",
    zone: "/properties/network/privateDnsZoneArmResourceId",
    login: 63,
    prefix: "pg_",
    replica: "AsyncReplica",
};

/// Versions that there are.
pub(super) const VERSIONS: [&str; 8] = ["11", "12", "13", "14", "15", "16", "17", "18"];

/// Sizes of storage, in gigabytes.
pub(super) const SIZES: [i64; 11] = [
    32, 64, 128, 256, 512, 1024, 2048, 4095, 8192, 16_384, 32_767,
];

/// Cores of a subscription in a region.
pub(super) const CORES: u64 = 200;

/// Cores in use in a region.
pub(super) fn cores(ctx: &Ctx<'_>, location: &str) -> usize {
    ctx.of_kind("/subscriptions/", NAME)
        .iter()
        .filter(|item| text(&item.doc, "/location").eq_ignore_ascii_case(location))
        .map(|item| cores_of(text(&item.doc, "/sku/name")))
        .sum()
}

/// Whether a size is one of its tier.
pub(super) fn fits(name: &str, tier: &str) -> bool {
    let cores = cores_of(name);
    let rest = name.trim_start_matches("Standard_");
    let burst = [
        "B1ms", "B2s", "B2ms", "B4ms", "B8ms", "B12ms", "B16ms", "B20ms",
    ];
    let even = [2, 4, 8, 16, 32, 48, 64, 96].contains(&cores);
    let generation = ["s_v3", "ds_v4", "ds_v5", "ads_v5", "s_v4", "s_v5"]
        .iter()
        .any(|end| rest.ends_with(end));
    name.starts_with("Standard_")
        && match tier {
            "Burstable" => burst.iter().any(|one| one.eq_ignore_ascii_case(rest)),
            "GeneralPurpose" => rest.starts_with('D') && even && generation,
            "MemoryOptimized" => rest.starts_with('E') && (even || cores == 20) && generation,
            _ => false,
        }
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let name = write.id.name().to_owned();
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
        "/properties/authConfig",
        "/properties/highAvailability",
        "/properties/maintenanceWindow",
        "/properties/dataEncryption",
        "/properties/fullyQualifiedDomainName",
        "/properties/minorVersion",
        "/properties/replicationRole",
        "/properties/replica",
    ]);
    let mode = text(&write.doc, "/properties/createMode").to_owned();
    let copies = matches!(
        mode.as_str(),
        "PointInTimeRestore" | "GeoRestore" | "Replica" | "ReviveDropped"
    );
    if copies && write.creates() {
        flexible::source(ctx, &ENGINE, write, &mode)?;
    }
    unset(&mut write.doc, "/properties/createMode");
    unset(&mut write.doc, "/properties/pointInTimeUTC");
    identity::assign(ctx, write)?;
    size(ctx, write)?;
    login(write, copies)?;
    storage(write)?;
    flexible::network(ctx, write, &ENGINE)?;
    availability(write)?;
    if flexible::encryption(ctx, write)?.is_some() {
        let status = "/properties/dataEncryption/primaryEncryptionKeyStatus";
        set(&mut write.doc, status, "Valid");
    }
    let version = text(&write.doc, "/properties/version").to_owned();
    if version.is_empty() {
        set(&mut write.doc, "/properties/version", "17");
    } else if !VERSIONS.contains(&version.as_str()) {
        return refuse(
            "ParameterOutOfRange",
            format!(
                "The value '{version}' of the parameter 'Version' is not one of {}.",
                VERSIONS.join(", ")
            ),
        );
    }
    let place = |version: &str| VERSIONS.iter().position(|one| *one == version);
    if write.changed("/properties/version")
        && place(&version) < place(text(write.before, "/properties/version"))
    {
        return refuse(
            "MajorVersionDowngradeNotSupported",
            format!("The server cannot go back to version {version}."),
        );
    }
    set(&mut write.doc, "/properties/minorVersion", "4");
    default(&mut write.doc, "/properties/replicationRole", "Primary");
    default(
        &mut write.doc,
        "/properties/maintenanceWindow",
        json!({ "customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0 }),
    );
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
        set(
            &mut write.later,
            "/properties/fullyQualifiedDomainName",
            places::named(&location, &format!("{name}.postgres.database.azure.com")),
        );
        let until = ctx.due(KIND.create);
        child::begin(ctx, write.id, until);
        set(&mut write.later, flexible::FIRST, iso8601_millis(until));
    } else {
        let first = write.before.pointer(flexible::FIRST).cloned();
        set(&mut write.doc, flexible::FIRST, first.unwrap_or_default());
    }
    Ok(())
}

fn size(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    let (name, tier) = (
        text(&write.doc, "/sku/name").to_owned(),
        text(&write.doc, "/sku/tier").to_owned(),
    );
    if name.is_empty() {
        return refuse(
            "MissingRequiredParameter",
            "The parameter 'sku' is missing.".to_owned(),
        );
    }
    if !fits(&name, &tier) {
        return refuse(
            "SkuNotAvailable",
            format!("Specified SKU '{name}' of the tier '{tier}' is not available in this region."),
        );
    }
    let location = text(&write.doc, "/location").to_owned();
    let before = cores_of(text(write.before, "/sku/name"));
    let wanted = cores(ctx, &location) + cores_of(&name) - before.min(cores(ctx, &location));
    if u64::try_from(wanted).unwrap_or(u64::MAX) > CORES {
        return Err(ArmError::conflict(
            "QuotaExceeded",
            format!(
                "Operation could not be completed as it results in exceeding approved quota of {CORES} vCores in region {location}."
            ),
        ));
    }
    Ok(())
}

fn login(write: &mut Write<'_>, copies: bool) -> ArmResult<()> {
    default(
        &mut write.doc,
        "/properties/authConfig/activeDirectoryAuth",
        "Disabled",
    );
    default(
        &mut write.doc,
        "/properties/authConfig/passwordAuth",
        "Enabled",
    );
    let directory = text(&write.doc, "/properties/authConfig/activeDirectoryAuth") == "Enabled";
    let by_password = text(&write.doc, "/properties/authConfig/passwordAuth") == "Enabled";
    if directory {
        default(&mut write.doc, "/properties/authConfig/tenantId", TENANT);
    }
    if !directory && !by_password {
        return refuse(
            "InvalidAuthConfig",
            "At least one way of authentication must be enabled.".to_owned(),
        );
    }
    flexible::login(write, &ENGINE, by_password && write.creates() && !copies)
}

fn storage(write: &mut Write<'_>) -> ArmResult<()> {
    for (member, value) in [
        ("storage/storageSizeGB", json!(32)),
        ("storage/autoGrow", json!("Disabled")),
        ("storage/type", json!("Premium_LRS")),
        ("backup/backupRetentionDays", json!(7)),
        ("backup/geoRedundantBackup", json!("Disabled")),
    ] {
        default(&mut write.doc, &format!("/properties/{member}"), value);
    }
    let size = write.doc["properties"]["storage"]["storageSizeGB"]
        .as_i64()
        .unwrap_or_default();
    let premium = text(&write.doc, "/properties/storage/type") == "Premium_LRS";
    if premium && !SIZES.contains(&size) && ![4096, 32_768].contains(&size) || size < 32 {
        return refuse(
            "ParameterOutOfRange",
            format!("The value '{size}' of the parameter 'StorageSizeGB' is not one of {SIZES:?}."),
        );
    }
    let before = write.before["properties"]["storage"]["storageSizeGB"]
        .as_i64()
        .unwrap_or_default();
    if size < before {
        return refuse(
            "StorageSizeCannotBeReduced",
            format!("The storage of a server cannot be reduced from {before} GB to {size} GB."),
        );
    }
    let tiers = [
        "P4", "P6", "P10", "P15", "P20", "P30", "P40", "P50", "P60", "P70", "P80",
    ];
    let at = SIZES.iter().position(|one| *one >= size).unwrap_or(0);
    if premium {
        default(&mut write.doc, "/properties/storage/tier", tiers[at]);
        let grown = size > before
            && before > 0
            && text(write.before, "/properties/storage/tier")
                == text(&write.doc, "/properties/storage/tier");
        if grown {
            set(&mut write.doc, "/properties/storage/tier", tiers[at]);
        }
        let iops = [
            120, 240, 500, 1100, 2300, 5000, 7500, 7500, 16_000, 18_000, 20_000,
        ];
        set(&mut write.doc, "/properties/storage/iops", iops[at]);
    }
    let days = write.doc["properties"]["backup"]["backupRetentionDays"]
        .as_i64()
        .unwrap_or_default();
    if !(7..=35).contains(&days) {
        return refuse(
            "ParameterOutOfRange",
            format!(
                "The value '{days}' of the parameter 'BackupRetentionDays' is not within 7 to 35."
            ),
        );
    }
    if write.changed("/properties/backup/geoRedundantBackup") {
        return refuse(
            "GeoRedundantBackupCannotBeChanged",
            "Geo-redundant backup is decided when a server is made.".to_owned(),
        );
    }
    Ok(())
}

fn availability(write: &mut Write<'_>) -> ArmResult<()> {
    default(
        &mut write.doc,
        "/properties/highAvailability/mode",
        "Disabled",
    );
    let mode = text(&write.doc, "/properties/highAvailability/mode").to_owned();
    let state = if mode == "Disabled" {
        "NotEnabled"
    } else {
        "Healthy"
    };
    set(&mut write.doc, "/properties/highAvailability/state", state);
    if mode == "Disabled" {
        unset(
            &mut write.doc,
            "/properties/highAvailability/standbyAvailabilityZone",
        );
        return Ok(());
    }
    if text(&write.doc, "/sku/tier") == "Burstable" {
        return refuse(
            "HANotSupportedForBurstableSkuType",
            "High availability is not supported for the Burstable tier.".to_owned(),
        );
    }
    let zones = places::zones(text(&write.doc, "/location"));
    let (own, standby) = (
        text(&write.doc, "/properties/availabilityZone").to_owned(),
        text(
            &write.doc,
            "/properties/highAvailability/standbyAvailabilityZone",
        )
        .to_owned(),
    );
    if mode == "ZoneRedundant" && (zones < 2 || !standby.is_empty() && standby == own) {
        return refuse(
            "InvalidStandbyAvailabilityZone",
            format!("Zone redundancy needs two zones: '{own}' and '{standby}' are not."),
        );
    }
    Ok(())
}
