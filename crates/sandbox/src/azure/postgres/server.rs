//! Servers: what is checked of one, and what the service adds to it.

use serde_json::json;

use super::{child, network};
use crate::azure::context::{Ctx, TENANT, default, set, text, unset};
use crate::azure::engine;
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::azure::kind::{Kind, States, Write};
use crate::azure::{identity, keyvault, places};
use crate::clock::{Millis, iso8601_millis};
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
    removed,
    ..Kind::new(NAME, "azurerm_postgresql_flexible_server")
};

/// Versions that there are.
pub(super) const VERSIONS: [&str; 8] = ["11", "12", "13", "14", "15", "16", "17", "18"];

/// Sizes of storage, in gigabytes.
pub(super) const SIZES: [i64; 11] = [
    32, 64, 128, 256, 512, 1024, 2048, 4095, 8192, 16_384, 32_767,
];

/// Cores of a subscription in a region.
pub(super) const CORES: u64 = 200;

/// Names that no administrator may have.
const RESERVED: [&str; 8] = [
    "azure_superuser",
    "azure_pg_admin",
    "admin",
    "administrator",
    "root",
    "guest",
    "public",
    "azuresu",
];

pub(super) fn refuse<T>(code: &str, message: String) -> ArmResult<T> {
    Err(ArmError::bad(code, message))
}

pub(super) fn check_name(name: &str) -> ArmResult<()> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = (3..=63).contains(&name.len())
        && name.starts_with(word)
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || c == '-');
    if good {
        return Ok(());
    }
    refuse(
        "InvalidServerName",
        format!(
            "Specified server name '{name}' is invalid: it is of 3 to 63 lower-case letters, digits and hyphens, and begins and ends with no hyphen."
        ),
    )
}

/// Whether another server has a name: names are those of the whole cloud.
pub(super) fn taken(ctx: &Ctx<'_>, name: &str, own: &str) -> bool {
    ctx.named(NAME, name).iter().any(|item| item.id != own)
}

/// The cores of a size: `Standard_D4s_v3`, `Standard_B1ms`.
pub(super) fn cores_of(sku: &str) -> usize {
    let digits: String = sku
        .trim_start_matches("Standard_")
        .chars()
        .skip_while(char::is_ascii_alphabetic)
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0)
}

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
    check_name(&name)?;
    if write.creates() && taken(ctx, &name, &write.id.key()) {
        return Err(ArmError::conflict(
            "ServerNameAlreadyExists",
            "Specified server name is already used.",
        ));
    }
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
        source(ctx, write, &mode)?;
    }
    unset(&mut write.doc, "/properties/createMode");
    unset(&mut write.doc, "/properties/pointInTimeUTC");
    identity::assign(ctx, write)?;
    size(ctx, write)?;
    login(write, copies)?;
    storage(write)?;
    network::check(ctx, write)?;
    availability(write)?;
    encryption(ctx, write)?;
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
        set(&mut write.later, FIRST, iso8601_millis(until));
    } else {
        let first = write.before.pointer(FIRST).cloned();
        set(&mut write.doc, FIRST, first.unwrap_or_default());
    }
    Ok(())
}

/// The first moment that a server can be restored to.
const FIRST: &str = "/properties/backup/earliestRestoreDate";

/// A copy takes what its source is.
fn source(ctx: &Ctx<'_>, write: &mut Write<'_>, mode: &str) -> ArmResult<()> {
    let Some(id) = write.refer(ctx, "/properties/sourceServerResourceId")? else {
        return refuse(
            "MissingRequiredParameter",
            format!("createMode {mode} needs 'sourceServerResourceId'."),
        );
    };
    let Some(item) = ctx.get(&id.text) else {
        return refuse(
            "SourceServerNotFound",
            format!("The source server {} was not found.", id.text),
        );
    };
    let from = item.at(ctx.now).clone();
    for pointer in [
        "/sku",
        "/properties/version",
        "/properties/storage",
        "/properties/administratorLogin",
    ] {
        if let Some(value) = from.pointer(pointer) {
            default(&mut write.doc, pointer, value.clone());
        }
    }
    if mode == "Replica" {
        set(
            &mut write.doc,
            "/properties/replicationRole",
            "AsyncReplica",
        );
    } else {
        unset(&mut write.doc, "/properties/sourceServerResourceId");
        write.links.clear();
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
    let user = text(&write.doc, "/properties/administratorLogin").to_owned();
    let password = text(&write.doc, "/properties/administratorLoginPassword").to_owned();
    unset(&mut write.doc, "/properties/administratorLoginPassword");
    if by_password && write.creates() && !copies {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let good = (1..=63).contains(&user.len())
            && user.chars().all(word)
            && !user.starts_with(|c: char| c.is_ascii_digit())
            && !user.starts_with("pg_")
            && !RESERVED.contains(&user.to_lowercase().as_str());
        if !good {
            return refuse(
                "InvalidAdministratorLogin",
                format!("Specified administrator login '{user}' is invalid or reserved."),
            );
        }
        if password.is_empty() {
            return refuse(
                "MissingRequiredParameter",
                "The parameter 'administratorLoginPassword' is missing.".to_owned(),
            );
        }
    }
    if write.changed("/properties/administratorLogin") {
        return refuse(
            "PropertyCannotBeChanged",
            "The administrator login of a server cannot be changed.".to_owned(),
        );
    }
    if !password.is_empty() {
        let classes = [
            password.chars().any(|c| c.is_ascii_lowercase()),
            password.chars().any(|c| c.is_ascii_uppercase()),
            password.chars().any(|c| c.is_ascii_digit()),
            password.chars().any(|c| !c.is_ascii_alphanumeric()),
        ];
        let enough = classes.iter().filter(|one| **one).count() >= 3;
        let named = !user.is_empty() && password.to_lowercase().contains(&user.to_lowercase());
        if !(8..=128).contains(&password.len()) || !enough || named {
            return refuse("PasswordNotComplex", "Password validation failed. The password does not meet policy requirements because it is not complex enough.".to_owned());
        }
        write.hidden["password"] = password.into();
    }
    Ok(())
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

fn encryption(ctx: &Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    default(
        &mut write.doc,
        "/properties/dataEncryption/type",
        "SystemManaged",
    );
    if text(&write.doc, "/properties/dataEncryption/type") != "AzureKeyVault" {
        return Ok(());
    }
    let url = text(&write.doc, "/properties/dataEncryption/primaryKeyURI").to_owned();
    let user = write.refer(
        ctx,
        "/properties/dataEncryption/primaryUserAssignedIdentityId",
    )?;
    let Some(found) = keyvault::key_at(ctx, &url) else {
        return refuse(
            "AzureKeyVaultKeyNameNotFound",
            format!("The key '{url}' was not found."),
        );
    };
    if user.is_none() {
        return refuse(
            "MissingUserAssignedIdentity",
            "A key of a vault is used with a user-assigned identity.".to_owned(),
        );
    }
    // Documented of the databases that came before it: "401 AzureKeyVaultMissingPermissions"
    // (https://learn.microsoft.com/azure/azure-sql/database/transparent-data-encryption-byok-troubleshoot).
    if !keyvault::usable(ctx, &found, &write.doc) {
        return refuse(
            "AzureKeyVaultMissingPermissions",
            "The server is missing required permissions on the Azure Key Vault.".to_owned(),
        );
    }
    write.link(&found);
    set(
        &mut write.doc,
        "/properties/dataEncryption/primaryEncryptionKeyStatus",
        "Valid",
    );
    Ok(())
}

/// The record of a server in its zone goes with it.
fn removed(ctx: &mut Ctx<'_>, item: &Item, until: Millis) -> ArmResult<()> {
    let zone = text(&item.doc, "/properties/network/privateDnsZoneArmResourceId");
    let record = text(&item.hidden, "/record");
    if !record.is_empty()
        && let Some(found) = ctx.get(&format!("{zone}/A/{record}"))
    {
        engine::vanish(ctx, found.edit(), "", until, "");
    }
    Ok(())
}
