//! Regions of Azure, in the order of their names.

use super::error::{ArmError, ArmResult};

/// A region: its name, how it is displayed, its pair, and how many availability zones it has.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) name: &'static str,
    pub(crate) display: &'static str,
    pub(crate) geography: &'static str,
    pub(crate) pair: &'static str,
    pub(crate) zones: u8,
}

macro_rules! regions {
    ($($name:literal $display:literal $geography:literal $pair:literal $zones:literal;)*) => {
        pub(crate) const REGIONS: &[Region] = &[$(Region {
            name: $name, display: $display, geography: $geography, pair: $pair, zones: $zones,
        }),*];
    };
}

regions! {
    "australiaeast" "Australia East" "Asia Pacific" "australiasoutheast" 3;
    "brazilsouth" "Brazil South" "South America" "southcentralus" 3;
    "canadacentral" "Canada Central" "Canada" "canadaeast" 3;
    "centralindia" "Central India" "Asia Pacific" "southindia" 3;
    "centralus" "Central US" "US" "eastus2" 3;
    "chinaeast2" "China East 2" "China" "chinanorth2" 0;
    "chinanorth2" "China North 2" "China" "chinaeast2" 0;
    "chinanorth3" "China North 3" "China" "chinaeast3" 3;
    "eastasia" "East Asia" "Asia Pacific" "southeastasia" 3;
    "eastus" "East US" "US" "westus" 3;
    "eastus2" "East US 2" "US" "centralus" 3;
    "francecentral" "France Central" "Europe" "francesouth" 3;
    "germanywestcentral" "Germany West Central" "Europe" "germanynorth" 3;
    "italynorth" "Italy North" "Europe" "" 3;
    "japaneast" "Japan East" "Asia Pacific" "japanwest" 3;
    "koreacentral" "Korea Central" "Asia Pacific" "koreasouth" 3;
    "northcentralus" "North Central US" "US" "southcentralus" 0;
    "northeurope" "North Europe" "Europe" "westeurope" 3;
    "norwayeast" "Norway East" "Europe" "norwaywest" 3;
    "polandcentral" "Poland Central" "Europe" "" 3;
    "southafricanorth" "South Africa North" "Africa" "southafricawest" 3;
    "southcentralus" "South Central US" "US" "northcentralus" 3;
    "southeastasia" "Southeast Asia" "Asia Pacific" "eastasia" 3;
    "spaincentral" "Spain Central" "Europe" "" 3;
    "swedencentral" "Sweden Central" "Europe" "swedensouth" 3;
    "switzerlandnorth" "Switzerland North" "Europe" "switzerlandwest" 3;
    "uaenorth" "UAE North" "Middle East" "uaecentral" 3;
    "uksouth" "UK South" "Europe" "ukwest" 3;
    "ukwest" "UK West" "Europe" "uksouth" 0;
    "usgovarizona" "USGov Arizona" "US Government" "usgovtexas" 0;
    "usgovvirginia" "USGov Virginia" "US Government" "usgovtexas" 3;
    "westcentralus" "West Central US" "US" "westus2" 0;
    "westeurope" "West Europe" "Europe" "northeurope" 3;
    "westus" "West US" "US" "eastus" 0;
    "westus2" "West US 2" "US" "westcentralus" 3;
    "westus3" "West US 3" "US" "eastus" 3;
}

/// `West Europe` as `westeurope`.
pub(crate) fn read(text: &str) -> String {
    text.chars()
        .filter(|c| *c != ' ')
        .collect::<String>()
        .to_ascii_lowercase()
}

/// The region of a name.
pub(crate) fn find(name: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.name == name)
}

/// How many availability zones a region has.
pub(crate) fn zones(region: &str) -> u8 {
    find(region).map_or(0, |region| region.zones)
}

/// Whether a region has an availability zone.
pub(crate) fn has_zone(region: &str, zone: &str) -> bool {
    zone.parse::<u8>()
        .is_ok_and(|zone| (1..=zones(region)).contains(&zone))
}

/// Domains of services: of Azure itself, of the government's, and of China's
/// (<https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
/// <https://learn.microsoft.com/azure/china/resources-developer-guide>). Real subscriptions are in one of the three; here the region
/// tells which it would be.
const DOMAINS: [[&str; 3]; 7] = [
    [
        "core.windows.net",
        "core.usgovcloudapi.net",
        "core.chinacloudapi.cn",
    ],
    [
        "vault.azure.net",
        "vault.usgovcloudapi.net",
        "vault.azure.cn",
    ],
    [
        "mysql.database.azure.com",
        "mysql.database.usgovcloudapi.net",
        "mysql.database.chinacloudapi.cn",
    ],
    [
        "postgres.database.azure.com",
        "postgres.database.usgovcloudapi.net",
        "postgres.database.chinacloudapi.cn",
    ],
    ["azurecr.io", "azurecr.us", "azurecr.cn"],
    [
        "azmk8s.io",
        "cx.aks.containerservice.azure.us",
        "cx.prod.service.azk8s.cn",
    ],
    [
        "cloudapp.azure.com",
        "cloudapp.usgovcloudapi.net",
        "cloudapp.chinacloudapi.cn",
    ],
];

/// What a name of Azure's own, such as `x.blob.core.windows.net`, is in a region.
pub(crate) fn named(region: &str, name: &str) -> String {
    let at = match region {
        _ if region.starts_with("usgov") => 1,
        _ if region.starts_with("china") => 2,
        _ => 0,
    };
    let found = DOMAINS.iter().find_map(|domains| {
        let start = name.strip_suffix(domains[0])?;
        Some(format!("{start}{}", domains[at]))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// The private zone in which what has a public domain is found: that of vaults is called otherwise
/// (<https://learn.microsoft.com/azure/private-link/private-endpoint-dns>).
pub(crate) fn private_zone(public: &str) -> String {
    match public.strip_prefix("vault.") {
        Some(rest) => format!("privatelink.vaultcore.{rest}"),
        None => format!("privatelink.{public}"),
    }
}

/// Refuses a location where a type is not to be had.
pub(crate) fn check(location: &str, kind: &str) -> ArmResult<()> {
    const GLOBAL: [&str; 3] = [
        "Microsoft.Network/dnsZones",
        "Microsoft.Network/privateDnsZones",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    ];
    let global = GLOBAL.iter().any(|one| one.eq_ignore_ascii_case(kind));
    if global && location == "global" || !global && find(location).is_some() {
        return Ok(());
    }
    let all = if global {
        "global".to_owned()
    } else {
        let names: Vec<_> = REGIONS.iter().map(|region| region.name).collect();
        names.join(",")
    };
    Err(ArmError::bad(
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{location}' is not available for resource type '{kind}'. List of available regions for the resource type is '{all}'."
        ),
    ))
}
