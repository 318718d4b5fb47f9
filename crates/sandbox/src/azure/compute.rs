//! Microsoft.Compute: sizes of machines, their quotas, scale sets of clusters, and disk encryption sets.

use std::sync::LazyLock;

use serde_json::json;

use super::context::{Ctx, Input, default, set, text};
use super::error::{ArmError, ArmResult};
use super::id::Id;
use super::item::Item;
use super::kind::{Kind, Write};
use super::{identity, keyvault, page, places, usage};
use crate::http::HttpReply;

pub(crate) const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";

pub(crate) const KINDS: &[Kind] = &[
    Kind::new(SCALE_SETS, "azurerm_linux_virtual_machine_scale_set"),
    Kind {
        prepare,
        guard,
        ..Kind::new(
            "Microsoft.Compute/diskEncryptionSets",
            "azurerm_disk_encryption_set",
        )
    },
];

/// A size of machines.
#[derive(Debug)]
pub(crate) struct Size {
    pub(crate) name: String,
    /// `standardDSv5Family`.
    family: &'static str,
    pub(crate) cores: u32,
    pub(crate) memory: u32,
}

/// Families: name, how its sizes are written around the number of cores, gigabytes per core.
const FAMILIES: [(&str, &str, &str, u32); 14] = [
    ("standardDSv3Family", "D", "s_v3", 4),
    ("standardDSv4Family", "D", "s_v4", 4),
    ("standardDSv5Family", "D", "s_v5", 4),
    ("standardDDSv5Family", "D", "ds_v5", 4),
    ("standardDASv5Family", "D", "as_v5", 4),
    ("standardDADSv5Family", "D", "ads_v5", 4),
    ("standardDPSv5Family", "D", "ps_v5", 4),
    ("StandardDsv6Family", "D", "s_v6", 4),
    ("standardESv3Family", "E", "s_v3", 8),
    ("standardESv5Family", "E", "s_v5", 8),
    ("standardEDSv5Family", "E", "ds_v5", 8),
    ("standardEASv5Family", "E", "as_v5", 8),
    ("standardFSv2Family", "F", "s_v2", 2),
    ("StandardFsv2Family", "F", "as_v6", 4),
];

/// Numbers of cores that each family has.
const CORES: [u32; 6] = [2, 4, 8, 16, 32, 64];

/// Sizes that are paid for by what they burst: name, cores, gigabytes.
const BURSTABLE: [(&str, u32, u32); 11] = [
    ("Standard_B2ls_v2", 2, 4),
    ("Standard_B2s_v2", 2, 8),
    ("Standard_B4s_v2", 4, 16),
    ("Standard_B8s_v2", 8, 32),
    ("Standard_B1ms", 1, 2),
    ("Standard_B2s", 2, 4),
    ("Standard_B2ms", 2, 8),
    ("Standard_B4ms", 4, 16),
    ("Standard_B8ms", 8, 32),
    ("Standard_DS2_v2", 2, 7),
    ("Standard_DS3_v2", 4, 14),
];

/// All sizes.
static SIZES: LazyLock<Vec<Size>> = LazyLock::new(|| {
    let burstable = BURSTABLE.iter().map(|(name, cores, memory)| Size {
        name: (*name).to_owned(),
        family: if name.starts_with("Standard_B") && name.ends_with("_v2") {
            "standardBsv2Family"
        } else if name.starts_with("Standard_B") {
            "standardBSFamily"
        } else {
            "standardDSv2Family"
        },
        cores: *cores,
        memory: *memory,
    });
    let families = FAMILIES.iter().flat_map(|(family, letter, rest, memory)| {
        CORES.map(|cores| Size {
            name: format!("Standard_{letter}{cores}{rest}"),
            family,
            cores,
            memory: cores * memory,
        })
    });
    burstable.chain(families).collect()
});

/// The size of a name.
pub(crate) fn size(name: &str) -> Option<&'static Size> {
    SIZES
        .iter()
        .find(|size| size.name.eq_ignore_ascii_case(name))
}

/// Cores of a family that a subscription may have in a region.
const FAMILY_LIMIT: u64 = 350;
/// Cores that it may have there altogether.
const TOTAL_LIMIT: u64 = 500;

/// Answers what not all types have.
pub(crate) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<Option<HttpReply>> {
    match input.operation.name {
        "Usage_List" => usages(ctx, input).map(Some),
        "ResourceSkus_List" => skus(ctx, input).map(Some),
        _ => Ok(None),
    }
}

fn usages(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let location = input.variable("location").to_lowercase();
    if places::find(&location).is_none() {
        return Err(ArmError::bad(
            "NoRegisteredProviderFound",
            format!("No registered resource provider found for location '{location}'."),
        ));
    }
    let subscription = format!("/subscriptions/{}/", input.variable("subscriptionId"));
    let mut families: Vec<(&str, usize)> = Vec::new();
    for size in SIZES.iter() {
        if !families.iter().any(|(name, _)| *name == size.family) {
            families.push((size.family, 0));
        }
    }
    let mut total = 0;
    for set in ctx.of_kind(&subscription, SCALE_SETS) {
        if text(&set.doc, "/location") != location {
            continue;
        }
        let Some(size) = size(text(&set.doc, "/sku/name")) else {
            continue;
        };
        let count = set.doc["sku"]["capacity"].as_u64().unwrap_or_default();
        let cores = usize::try_from(count * u64::from(size.cores)).unwrap_or_default();
        total += cores;
        for (name, used) in &mut families {
            if *name == size.family {
                *used += cores;
            }
        }
    }
    let mut rows = vec![usage("cores", "Total Regional vCPUs", total, TOTAL_LIMIT)];
    rows.extend(
        families
            .iter()
            .map(|(name, used)| usage(name, name, *used, FAMILY_LIMIT)),
    );
    page::reply(ctx, input, rows)
}

fn skus(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let filter = input.query("$filter").unwrap_or_default();
    let wanted = filter
        .split_once("location eq '")
        .and_then(|(_, rest)| rest.split('\'').next())
        .unwrap_or_default()
        .to_lowercase();
    let mut rows = Vec::new();
    for region in places::REGIONS {
        if !wanted.is_empty() && region.name != wanted {
            continue;
        }
        for size in SIZES.iter() {
            let zones: Vec<String> = (1..=region.zones).map(|zone| zone.to_string()).collect();
            let capability = |name: &str, value: &str| json!({ "name": name, "value": value });
            let architecture = if size.name.contains("ps_") {
                "Arm64"
            } else {
                "x64"
            };
            rows.push(json!({
                "resourceType": "virtualMachines", "name": size.name, "tier": "Standard", "family": size.family,
                "size": size.name.trim_start_matches("Standard_"), "locations": [region.name], "restrictions": [],
                "locationInfo": [{ "location": region.name, "zones": zones, "zoneDetails": [] }],
                "capabilities": [
                    capability("vCPUs", &size.cores.to_string()), capability("vCPUsAvailable", &size.cores.to_string()),
                    capability("MemoryGB", &size.memory.to_string()), capability("PremiumIO", "True"),
                    capability("CpuArchitectureType", architecture), capability("EncryptionAtHostSupported", "True"),
                ],
            }));
        }
    }
    page::reply(ctx, input, rows)
}

fn prepare(ctx: &mut Ctx<'_>, write: &mut Write<'_>) -> ArmResult<()> {
    write.carry(&["/identity"]);
    identity::assign(ctx, write)?;
    if !write.doc["identity"].is_object() {
        return Err(ArmError::bad(
            "InvalidParameter",
            "A disk encryption set needs an identity.",
        )
        .target("identity"));
    }
    default(
        &mut write.doc,
        "/properties/encryptionType",
        "EncryptionAtRestWithCustomerKey",
    );
    default(
        &mut write.doc,
        "/properties/rotationToLatestKeyVersionEnabled",
        false,
    );
    let url = text(&write.doc, "/properties/activeKey/keyUrl").to_owned();
    let mut parts = url
        .split_once("/keys/")
        .map_or("", |(_, rest)| rest)
        .split('/');
    let (name, version) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let rotates = write.doc["properties"]["rotationToLatestKeyVersionEnabled"] == true;
    if name.is_empty() || version.is_empty() && !rotates {
        return Err(ArmError::bad(
            "InvalidParameter",
            format!("The key URL '{url}' is not one of a version of a key in a vault."),
        )
        .target("activeKey.keyUrl"));
    }
    let Some(key) = keyvault::key_at(ctx, &url) else {
        return Err(ArmError::bad(
            "KeyVaultKeyNotFound",
            format!(
                "Unable to access key vault resource '{url}' to enable encryption at rest. Please grant get, wrap and unwrap key permissions to disk encryption set. Please visit https://aka.ms/keyvaultaccessssecmk for more information."
            ),
        ));
    };
    // As reported in https://github.com/ansible-collections/azure/pull/1676.
    // The set's own identity is there after it, and can be given a role only then.
    let assigned = write.doc["identity"]["userAssignedIdentities"].as_object();
    if let Some(who) = assigned.and_then(|all| all.keys().next())
        && !keyvault::usable(ctx, &key, &write.doc)
    {
        return Err(ArmError::bad(
            "KeyVaultAccessForbidden",
            format!(
                "Unable to access key vault resource '{url}' to enable encryption at rest. Please grant get, wrap and unwrap key permissions to user-assigned identity '{who}'. Please visit https://aka.ms/keyvaultaccessssecmk for more information."
            ),
        ));
    }
    if !keyvault::protected(ctx, &key) {
        return Err(ArmError::bad(
            "KeyVaultNotSoftDeletable",
            format!("The key vault of '{url}' must have soft delete and purge protection on."),
        ));
    }
    write.link(&key);
    write.refer(ctx, "/properties/activeKey/sourceVault/id")?;
    set(&mut write.doc, "/properties/previousKeys", json!([]));
    let old = text(write.before, "/properties/activeKey/keyUrl");
    if !old.is_empty() && old != url {
        set(
            &mut write.doc,
            "/properties/previousKeys",
            json!([write.before["properties"]["activeKey"]]),
        );
    }
    Ok(())
}

fn guard(ctx: &Ctx<'_>, _item: &Item, id: &Id) -> ArmResult<()> {
    let users = ctx.users(&id.text, &id.text);
    if users.is_empty() {
        return Ok(());
    }
    Err(ArmError::conflict(
        "OperationNotAllowed",
        format!(
            "Disk encryption set '{}' is in use and cannot be deleted: {}.",
            id.name(),
            users.join(", ")
        ),
    ))
}

/// Refuses cores that the quota of a family in a region does not have.
pub(crate) fn check_quota(
    ctx: &Ctx<'_>,
    location: &str,
    name: &str,
    more: u64,
    own: &str,
) -> ArmResult<()> {
    let Some(wanted) = size(name) else {
        return Ok(());
    };
    let mut used = 0;
    for set in ctx.of_kind("/subscriptions/", SCALE_SETS) {
        let same = size(text(&set.doc, "/sku/name")).filter(|size| size.family == wanted.family);
        if let Some(size) = same
            && text(&set.doc, "/location") == location
            && set.id != own.to_lowercase()
        {
            used += u64::from(size.cores) * set.doc["sku"]["capacity"].as_u64().unwrap_or_default();
        }
    }
    let asked = more * u64::from(wanted.cores);
    if used + asked <= FAMILY_LIMIT {
        return Ok(());
    }
    Err(ArmError::bad(
        "ErrCode_InsufficientVCPUQuota",
        format!(
            "Insufficient vcpu quota requested {asked}, remaining {} for family {} for region {location}.",
            FAMILY_LIMIT.saturating_sub(used),
            wanted.family
        ),
    ))
}
