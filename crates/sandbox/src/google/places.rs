//! Regions and zones. It holds no resources.

/// Regions and the letters of their zones.
const REGIONS: &[(&str, &str)] = &[
    ("africa-south1", "abc"),
    ("asia-east1", "abc"),
    ("asia-east2", "abc"),
    ("asia-northeast1", "abc"),
    ("asia-northeast2", "abc"),
    ("asia-northeast3", "abc"),
    ("asia-south1", "abc"),
    ("asia-south2", "abc"),
    ("asia-southeast1", "abc"),
    ("asia-southeast2", "abc"),
    ("australia-southeast1", "abc"),
    ("australia-southeast2", "abc"),
    ("europe-central2", "abc"),
    ("europe-north1", "abc"),
    ("europe-north2", "abc"),
    ("europe-southwest1", "abc"),
    ("europe-west1", "bcd"),
    ("europe-west10", "abc"),
    ("europe-west12", "abc"),
    ("europe-west2", "abc"),
    ("europe-west3", "abc"),
    ("europe-west4", "abc"),
    ("europe-west6", "abc"),
    ("europe-west8", "abc"),
    ("europe-west9", "abc"),
    ("me-central1", "abc"),
    ("me-central2", "abc"),
    ("me-west1", "abc"),
    ("northamerica-northeast1", "abc"),
    ("northamerica-northeast2", "abc"),
    ("northamerica-south1", "abc"),
    ("southamerica-east1", "abc"),
    ("southamerica-west1", "abc"),
    ("us-central1", "abcf"),
    ("us-east1", "bcd"),
    ("us-east4", "abc"),
    ("us-east5", "abc"),
    ("us-south1", "abc"),
    ("us-west1", "abc"),
    ("us-west2", "abc"),
    ("us-west3", "abc"),
    ("us-west4", "abc"),
];

/// All regions.
pub(crate) fn regions() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().map(|(region, _)| *region)
}

pub(crate) fn is_region(name: &str) -> bool {
    regions().any(|region| region == name)
}

/// The zones of a region.
pub(crate) fn zones(region: &str) -> Vec<String> {
    REGIONS
        .iter()
        .filter(|(name, _)| *name == region)
        .flat_map(|(name, letters)| {
            letters
                .chars()
                .map(move |letter| format!("{name}-{letter}"))
        })
        .collect()
}

pub(crate) fn is_zone(name: &str) -> bool {
    region_of(name).is_some_and(|region| region != name)
}

/// The region of a region or zone.
pub(crate) fn region_of(place: &str) -> Option<&'static str> {
    REGIONS.iter().find_map(|(region, letters)| {
        let rest = place.strip_prefix(region)?;
        let letter = rest.strip_prefix('-').unwrap_or(rest);
        let known =
            rest.is_empty() || letter.len() == 1 && rest != letter && letters.contains(letter);
        known.then_some(*region)
    })
}
