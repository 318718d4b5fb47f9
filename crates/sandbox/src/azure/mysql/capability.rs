//! What a region has for servers, in the form of the package's examples ("Get the location capability set").

use serde_json::{Value, json};

use super::server::{VERSIONS, iops_of, largest};
use crate::azure::context::Input;
use crate::azure::flexible::cores_of;
use crate::azure::places;

/// The one set that there is.
pub(super) const NAME: &str = "default";

/// Sizes of each tier (<https://learn.microsoft.com/azure/mysql/flexible-server/concepts-service-tiers-storage>).
pub(super) const OFFERED: [(&str, &[&str]); 3] = [
    (
        "Burstable",
        &[
            "Standard_B1ms",
            "Standard_B2s",
            "Standard_B2ms",
            "Standard_B4ms",
            "Standard_B8ms",
            "Standard_B12ms",
            "Standard_B16ms",
            "Standard_B20ms",
        ],
    ),
    (
        "GeneralPurpose",
        &[
            "Standard_D2ads_v5",
            "Standard_D2ds_v4",
            "Standard_D4ads_v5",
            "Standard_D4ds_v4",
            "Standard_D8ads_v5",
            "Standard_D8ds_v4",
            "Standard_D16ads_v5",
            "Standard_D16ds_v4",
            "Standard_D32ads_v5",
            "Standard_D32ds_v4",
        ],
    ),
    (
        "MemoryOptimized",
        &[
            "Standard_E2ds_v4",
            "Standard_E2ads_v5",
            "Standard_E2ds_v5",
            "Standard_E4ds_v4",
            "Standard_E4ads_v5",
            "Standard_E4ds_v5",
            "Standard_E8ds_v4",
            "Standard_E8ads_v5",
            "Standard_E8ds_v5",
            "Standard_E16ads_v5",
            "Standard_E16ds_v5",
        ],
    ),
];

/// The capabilities of the region that is asked about.
pub(super) fn of(input: &Input<'_>) -> Value {
    let location = input.variable("locationName");
    let zones: Vec<String> = (1..=places::zones(&places::read(location)))
        .map(|zone| zone.to_string())
        .collect();
    let editions: Vec<Value> = OFFERED
        .iter()
        .map(|(tier, sizes)| {
            let skus: Vec<Value> = sizes
                .iter()
                .map(|name| {
                    let modes = match *tier {
                        "Burstable" => json!([]),
                        _ if zones.len() > 1 => json!(["SameZone", "ZoneRedundant"]),
                        _ => json!(["SameZone"]),
                    };
                    json!({
                        "name": name, "vCores": cores_of(name), "supportedZones": zones, "supportedHAMode": modes,
                        "supportedIops": iops_of(name), "supportedMemoryPerVCoreMB": 4096,
                    })
                })
                .collect();
            json!({
                "name": tier, "defaultSku": sizes[0], "defaultStorageSize": 65_536, "supportedSkus": skus,
                "supportedStorageEditions": [{
                    "name": "Premium", "minStorageSize": 20_480, "maxStorageSize": largest(tier) * 1024, "minBackupRetentionDays": 1,
                    "maxBackupRetentionDays": 35, "minBackupIntervalHours": 1, "maxBackupIntervalHours": 24,
                }],
            })
        })
        .collect();
    let versions: Vec<Value> = VERSIONS
        .iter()
        .map(|(name, _)| json!({ "name": name }))
        .collect();
    json!({
        "name": NAME, "type": "Microsoft.DBforMySQL/capabilities",
        "id": format!("/subscriptions/{}/providers/Microsoft.DBforMySQL/locations/{location}/capabilitySets/{NAME}", input.variable("subscriptionId")),
        "properties": {
            "supportedFlexibleServerEditions": editions, "supportedServerVersions": versions,
            "supportedGeoBackupRegions": [], "supportedFeatures": [],
        },
    })
}
