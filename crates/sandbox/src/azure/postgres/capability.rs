//! What a region has for servers.

use serde_json::{Value, json};

use super::server::{SIZES, VERSIONS, fits};
use crate::azure::flexible::cores_of;
use crate::azure::places;

/// Sizes of each tier that are spoken of.
const OFFERED: [(&str, &[&str]); 3] = [
    (
        "Burstable",
        &[
            "Standard_B1ms",
            "Standard_B2s",
            "Standard_B2ms",
            "Standard_B4ms",
        ],
    ),
    (
        "GeneralPurpose",
        &[
            "Standard_D2s_v3",
            "Standard_D4s_v3",
            "Standard_D2ds_v4",
            "Standard_D4ds_v4",
            "Standard_D2ds_v5",
            "Standard_D4ds_v5",
            "Standard_D8ds_v5",
            "Standard_D16ds_v5",
        ],
    ),
    (
        "MemoryOptimized",
        &[
            "Standard_E2s_v3",
            "Standard_E4s_v3",
            "Standard_E2ds_v5",
            "Standard_E4ds_v5",
            "Standard_E8ds_v5",
        ],
    ),
];

/// The capabilities of a region.
pub(super) fn of(location: &str) -> Value {
    let zones: Vec<String> = (1..=places::zones(&places::read(location)))
        .map(|zone| zone.to_string())
        .collect();
    let versions: Vec<Value> = VERSIONS
        .iter()
        .enumerate()
        .map(|(at, name)| json!({ "name": name, "supportedVersionsToUpgrade": VERSIONS[at + 1..], "status": "Available" }))
        .collect();
    let editions: Vec<Value> = OFFERED
        .iter()
        .map(|(tier, sizes)| {
            let skus: Vec<Value> = sizes
                .iter()
                .filter(|name| fits(name, tier))
                .map(|name| {
                    let modes = match *tier {
                        "Burstable" => json!([]),
                        _ if zones.len() > 1 => json!(["SameZone", "ZoneRedundant"]),
                        _ => json!(["SameZone"]),
                    };
                    json!({
                        "name": name, "vCores": cores_of(name), "supportedZones": zones,
                        "supportedHaMode": modes, "supportedMemoryPerVcoreMb": 4096, "status": "Available",
                    })
                })
                .collect();
            let storage: Vec<Value> = SIZES
                .iter()
                .map(|size| json!({ "storageSizeMb": size * 1024, "status": "Available" }))
                .collect();
            json!({
                "name": tier, "defaultSkuName": sizes[0], "supportedServerSkus": skus, "status": "Available",
                "supportedStorageEditions": [{ "name": "ManagedDisk", "defaultStorageSizeMb": 32_768, "supportedStorageMb": storage, "status": "Available" }],
            })
        })
        .collect();
    json!({
        "name": "FlexibleServerCapabilities", "supportedServerEditions": editions, "supportedServerVersions": versions,
        "geoBackupSupported": "Enabled", "storageAutoGrowthSupported": "Enabled", "onlineResizeSupported": "Enabled",
        "zoneRedundantHaSupported": if zones.len() > 1 { "Enabled" } else { "Disabled" }, "restricted": "Disabled", "status": "Available",
    })
}
