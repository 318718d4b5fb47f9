//! What an instance can be set to: versions, tiers, disks, networks, backups. It keeps nothing.

use serde_json::{Map, Value, json};

use super::super::compute::kind::table;
use super::super::compute::reference::path_of;
use super::super::context::{Ctx, default, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::{labels, peering, places};
use super::invalid;

/// Versions, what is installed of each, how they are called.
pub(super) const VERSIONS: &[(&str, &str)] = &[
    ("POSTGRES_9_6", "POSTGRES_9_6_24"),
    ("POSTGRES_10", "POSTGRES_10_23"),
    ("POSTGRES_11", "POSTGRES_11_22"),
    ("POSTGRES_12", "POSTGRES_12_22"),
    ("POSTGRES_13", "POSTGRES_13_20"),
    ("POSTGRES_14", "POSTGRES_14_17"),
    ("POSTGRES_15", "POSTGRES_15_12"),
    ("POSTGRES_16", "POSTGRES_16_8"),
    ("POSTGRES_17", "POSTGRES_17_4"),
    ("POSTGRES_18", "POSTGRES_18_0"),
    ("MYSQL_5_6", "MYSQL_5_6_51"),
    ("MYSQL_5_7", "MYSQL_5_7_44"),
    ("MYSQL_8_0", "MYSQL_8_0_41"),
    ("MYSQL_8_4", "MYSQL_8_4_4"),
    ("SQLSERVER_2019_STANDARD", "SQLSERVER_2019_STANDARD_CU28"),
    ("SQLSERVER_2022_STANDARD", "SQLSERVER_2022_STANDARD_CU14"),
];

/// What of a version is installed.
pub(super) fn installed(version: &str) -> Option<&'static str> {
    let exact = VERSIONS.iter().find(|(name, _)| *name == version);
    exact.map(|(_, installed)| *installed)
}

/// Newer major versions of the same engine.
pub(super) fn upgrades(version: &str) -> Vec<Value> {
    let engine = version.split('_').next().unwrap_or_default();
    let at = VERSIONS.iter().position(|(name, _)| *name == version);
    let newer = VERSIONS.iter().skip(at.map_or(VERSIONS.len(), |at| at + 1));
    newer
        .filter(|(name, _)| name.starts_with(engine))
        .map(|(name, _)| {
            let title = name
                .replace("POSTGRES_", "PostgreSQL ")
                .replace("MYSQL_", "MySQL ")
                .replace('_', ".");
            json!({ "name": name, "majorVersion": name, "displayName": title })
        })
        .collect()
}

const SHARED: [&str; 2] = ["db-f1-micro", "db-g1-small"];

/// Processors of the tiers of Enterprise Plus.
const OPTIMIZED: [u32; 10] = [2, 4, 8, 16, 32, 48, 64, 80, 96, 128];

/// `tiers.list`.
pub(super) fn tiers() -> Value {
    let regions: Vec<_> = places::regions().collect();
    let rows: Vec<_> = SHARED
        .iter()
        .map(|tier| (*tier).to_owned())
        .chain([1, 2, 4, 8, 16, 32, 64, 96].map(|cpus| format!("db-n1-standard-{cpus}")))
        .chain([2, 4, 8, 16, 32, 64, 96].map(|cpus| format!("db-n1-highmem-{cpus}")))
        .chain(OPTIMIZED.map(|cpus| format!("db-perf-optimized-N-{cpus}")))
        .map(|tier| json!({ "kind": "sql#tier", "tier": tier, "RAM": "3840000000", "DiskQuota": "3298534883328", "region": regions }))
        .collect();
    json!({ "kind": "sql#tiersList", "items": rows })
}

/// Flags that instances can have, and whose they are.
const FLAGS: [(&str, &str, &[&str]); 15] = [
    ("max_connections", "INTEGER", &["POSTGRES", "MYSQL"]),
    ("log_min_duration_statement", "INTEGER", &["POSTGRES"]),
    ("log_connections", "BOOLEAN", &["POSTGRES"]),
    ("log_disconnections", "BOOLEAN", &["POSTGRES"]),
    ("log_checkpoints", "BOOLEAN", &["POSTGRES"]),
    ("log_lock_waits", "BOOLEAN", &["POSTGRES"]),
    ("log_temp_files", "INTEGER", &["POSTGRES"]),
    ("cloudsql.iam_authentication", "BOOLEAN", &["POSTGRES"]),
    ("cloudsql.logical_decoding", "BOOLEAN", &["POSTGRES"]),
    ("cloudsql_iam_authentication", "BOOLEAN", &["MYSQL"]),
    ("slow_query_log", "BOOLEAN", &["MYSQL"]),
    ("long_query_time", "FLOAT", &["MYSQL"]),
    (
        "contained database authentication",
        "BOOLEAN",
        &["SQLSERVER"],
    ),
    ("cross db ownership chaining", "BOOLEAN", &["SQLSERVER"]),
    ("user connections", "INTEGER", &["SQLSERVER"]),
];

/// `flags.list`: of one version, or of all.
pub(super) fn flags(version: Option<&str>) -> Vec<Value> {
    let of = |engines: &[&str]| -> Vec<&str> {
        let names = VERSIONS.iter().map(|(name, _)| *name);
        names
            .filter(|name| engines.iter().any(|engine| name.starts_with(engine)))
            .collect()
    };
    FLAGS
        .iter()
        .map(|(name, kind, engines)| (name, kind, of(engines)))
        .filter(|(_, _, versions)| version.is_none_or(|wanted| versions.contains(&wanted)))
        .map(|(name, kind, versions)| json!({ "kind": "sql#flag", "name": name, "type": kind, "appliesTo": versions }))
        .collect()
}

/// Whether a tier is one of an edition: processors and memory of a custom one by the documented rules.
fn check_tier(tier: &str, edition: &str) -> GoogleResult<()> {
    let plus = edition == "ENTERPRISE_PLUS";
    let optimized = tier
        .strip_prefix("db-perf-optimized-N-")
        .and_then(|cpus| cpus.parse::<u32>().ok())
        .is_some_and(|cpus| OPTIMIZED.contains(&cpus));
    let custom = tier.strip_prefix("db-custom-").and_then(|rest| {
        let (cpus, memory) = rest.split_once('-')?;
        let (cpus, memory) = (cpus.parse::<u32>().ok()?, memory.parse::<u32>().ok()?);
        let processors = cpus == 1 || cpus % 2 == 0 && (2..=96).contains(&cpus);
        let per = f64::from(memory) / f64::from(cpus) / 1024.0;
        Some(processors && memory % 256 == 0 && memory >= 3840 && (0.9..=6.5).contains(&per))
    });
    let standard = ["db-n1-standard-", "db-n1-highmem-"].iter().any(|prefix| {
        tier.strip_prefix(prefix)
            .is_some_and(|cpus| cpus.parse::<u32>().is_ok_and(|cpus| cpus <= 96))
    });
    let other = SHARED.contains(&tier) || standard || custom == Some(true);
    if plus && optimized || !plus && other {
        return Ok(());
    }
    if optimized || other {
        return Err(invalid(format!(
            "Invalid Tier ({tier}) for ({edition}) Edition. Use a predefined Tier of that edition instead"
        )));
    }
    Err(invalid(format!("Invalid machine tier \"{tier}\"")))
}

/// Checks settings and fills in what the server decides; gives what they refer to.
pub(super) fn settle(
    ctx: &Ctx<'_>,
    project: &str,
    name: &str,
    version: &str,
    region: &str,
    settings: &mut Map<String, Value>,
) -> GoogleResult<Vec<String>> {
    labels::check(settings.get("userLabels"))?;
    let postgres = version.starts_with("POSTGRES");
    let major: u32 = version.trim_start_matches("POSTGRES_").parse().unwrap_or(0);
    default(
        settings,
        "edition",
        if postgres && major >= 16 {
            "ENTERPRISE_PLUS"
        } else {
            "ENTERPRISE"
        },
    );
    let edition = settings["edition"].as_str().unwrap_or_default().to_owned();
    let tier = settings
        .get("tier")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if tier.is_empty() {
        return Err(GoogleError::required("settings.tier"));
    }
    check_tier(&tier, &edition)?;
    for (field, value) in [
        ("kind", json!("sql#settings")),
        ("activationPolicy", json!("ALWAYS")),
        ("authorizedGaeApplications", json!([])),
        ("availabilityType", json!("ZONAL")),
        ("connectorEnforcement", json!("NOT_REQUIRED")),
        ("dataDiskType", json!("PD_SSD")),
        ("dataDiskSizeGb", json!("10")),
        ("deletionProtectionEnabled", json!(false)),
        ("pricingPlan", json!("PER_USE")),
        ("replicationType", json!("SYNCHRONOUS")),
        ("storageAutoResize", json!(true)),
        ("storageAutoResizeLimit", json!("0")),
    ] {
        default(settings, field, value);
    }
    let size: i64 = settings["dataDiskSizeGb"]
        .as_str()
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    if !(10..=65_536).contains(&size) {
        return Err(invalid(format!(
            "Disk size {size} GB is out of range: it must be between 10 and 65536"
        )));
    }
    let zone = text(&Value::Object(settings.clone()), "/locationPreference/zone").to_owned();
    if !zone.is_empty() && places::region_of(&zone) != Some(region) {
        return Err(invalid(format!(
            "Zone \"{zone}\" is not in region \"{region}\""
        )));
    }
    if zone.is_empty() {
        let first = places::zones(region).into_iter().next().unwrap_or_default();
        settings.insert(
            "locationPreference".into(),
            json!({ "kind": "sql#locationPreference", "zone": first }),
        );
    }
    backups(postgres, settings)?;
    for flag in settings
        .get("databaseFlags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let flag = text(flag, "/name");
        if flag.is_empty()
            || !flag
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._ ".contains(c))
        {
            return Err(invalid(format!("Invalid flag name \"{flag}\"")));
        }
    }
    connectivity(ctx, project, name, settings)
}

fn backups(postgres: bool, settings: &mut Map<String, Value>) -> GoogleResult<()> {
    let regional = settings["availabilityType"] == "REGIONAL";
    let plus = settings["edition"] == "ENTERPRISE_PLUS";
    let backup = settings
        .entry("backupConfiguration")
        .or_insert_with(|| json!({}));
    let Some(backup) = backup.as_object_mut() else {
        return Ok(());
    };
    default(backup, "kind", "sql#backupConfiguration");
    default(backup, "enabled", false);
    default(backup, "startTime", "12:00");
    default(
        backup,
        "backupRetentionSettings",
        json!({ "retainedBackups": if plus { 15 } else { 7 }, "retentionUnit": "COUNT" }),
    );
    default(
        backup,
        "transactionLogRetentionDays",
        if plus { 14 } else { 7 },
    );
    backup.insert(
        "transactionalLogStorageState".into(),
        "TRANSACTIONAL_LOG_STORAGE_STATE_UNSPECIFIED".into(),
    );
    let enabled = backup["enabled"] == true;
    let recovery = backup.get("pointInTimeRecoveryEnabled") == Some(&true.into());
    let logs = backup.get("binaryLogEnabled") == Some(&true.into());
    if backup.contains_key("pointInTimeRecoveryEnabled") || postgres && enabled {
        backup.insert("replicationLogArchivingEnabled".into(), false.into());
    }
    if backup.get("binaryLogEnabled") == Some(&false.into()) {
        backup.remove("binaryLogEnabled");
    }
    if !enabled && (recovery || logs) {
        return Err(invalid(
            "Point-in-time recovery and binary logs need backups to be enabled",
        ));
    }
    if postgres && logs {
        return Err(invalid("Binary log is for MySQL instances only"));
    }
    if regional && !(enabled && (postgres || logs || recovery)) {
        let message = if postgres {
            "Backups must be enabled on an instance with REGIONAL availability"
        } else {
            "Backups and binary logs must be enabled on an instance with REGIONAL availability"
        };
        return Err(invalid(message));
    }
    let days = backup["transactionLogRetentionDays"].as_i64().unwrap_or(7);
    let most = if plus { 35 } else { 7 };
    if !(1..=most).contains(&days) {
        return Err(invalid(format!(
            "Transaction log retention days must be between 1 and {most}"
        )));
    }
    Ok(())
}

fn connectivity(
    ctx: &Ctx<'_>,
    project: &str,
    name: &str,
    settings: &mut Map<String, Value>,
) -> GoogleResult<Vec<String>> {
    let config = settings
        .entry("ipConfiguration")
        .or_insert_with(|| json!({}));
    let Some(config) = config.as_object_mut() else {
        return Ok(Vec::new());
    };
    default(config, "ipv4Enabled", true);
    default(config, "authorizedNetworks", json!([]));
    default(config, "sslMode", "ALLOW_UNENCRYPTED_AND_ENCRYPTED");
    let strict = config["sslMode"] != "ALLOW_UNENCRYPTED_AND_ENCRYPTED";
    config.insert("requireSsl".into(), strict.into());
    for (at, network) in config["authorizedNetworks"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let value = text(network, "/value");
        let good =
            value.parse::<ipnet::IpNet>().is_ok() || value.parse::<std::net::IpAddr>().is_ok();
        let private = value
            .parse::<ipnet::Ipv4Net>()
            .is_ok_and(|net| net.addr().is_private());
        if !good || private {
            return Err(invalid(format!(
                "Invalid value for authorizedNetworks[{at}]: \"{value}\""
            )));
        }
    }
    let wanted = config
        .get("privateNetwork")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let psc = config
        .get("pscConfig")
        .is_some_and(|psc| psc["pscEnabled"] == true);
    if wanted.is_empty() {
        if config["ipv4Enabled"] == false && !psc {
            return Err(invalid(
                "At least one of Public IP or Private IP or PSC connectivity must be enabled",
            ));
        }
        return Ok(Vec::new());
    }
    let path = path_of(ctx, &wanted, project).filter(|path| path.contains("/global/networks/"));
    let Some(path) = path else {
        return Err(invalid(format!("Invalid network \"{wanted}\"")));
    };
    if ctx.get(&table("networks"), &path).is_none() {
        return Err(invalid(format!("Network \"{path}\" does not exist")));
    }
    let Some(connection) = peering::connection(ctx, &path) else {
        return Err(invalid(format!(
            "Incorrect Service Networking config for instance: {project}:{name}:NETWORK_NOT_PEERED"
        )));
    };
    config.insert("privateNetwork".into(), path.clone().into());
    Ok(vec![path, connection])
}
