//! The regions and availability zones that exist.

/// Regions with the number of zones that an account sees in each.
pub(crate) const REGIONS: &[(&str, usize)] = &[
    ("ap-northeast-1", 3),
    ("ap-northeast-2", 4),
    ("ap-northeast-3", 3),
    ("ap-south-1", 3),
    ("ap-southeast-1", 3),
    ("ap-southeast-2", 3),
    ("ca-central-1", 3),
    ("eu-central-1", 3),
    ("eu-north-1", 3),
    ("eu-west-1", 3),
    ("eu-west-2", 3),
    ("eu-west-3", 3),
    ("sa-east-1", 3),
    ("us-east-1", 6),
    ("us-east-2", 3),
    ("us-west-1", 2),
    ("us-west-2", 4),
];

/// Whether there is such a region.
pub(crate) fn exists(region: &str) -> bool {
    REGIONS.iter().any(|(name, _)| *name == region)
}

/// Zone names of a region: `eu-west-1a`, `eu-west-1b`, ….
pub(crate) fn zones(region: &str) -> Vec<String> {
    let count = REGIONS
        .iter()
        .find(|(name, _)| *name == region)
        .map_or(0, |(_, count)| *count);
    ('a'..='z')
        .take(count)
        .map(|letter| format!("{region}{letter}"))
        .collect()
}

/// The zone's id, the same in every account: `euw1-az1`.
pub(crate) fn zone_id(zone: &str) -> String {
    let mut parts = zone.split('-');
    let area = parts.next().unwrap_or_default();
    let direction: String = match parts.next().unwrap_or_default() {
        "central" => "c".to_owned(),
        "north" => "n".to_owned(),
        "south" => "s".to_owned(),
        "east" => "e".to_owned(),
        "west" => "w".to_owned(),
        "northeast" => "ne".to_owned(),
        "southeast" => "se".to_owned(),
        other => other.to_owned(),
    };
    let rest = parts.next().unwrap_or_default();
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let letter = rest.chars().last().unwrap_or('a');
    let index = (letter as u32).saturating_sub('a' as u32) + 1;
    format!("{area}{direction}{number}-az{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names_and_ids() {
        assert_eq!(zones("us-west-1"), ["us-west-1a", "us-west-1b"]);
        assert_eq!(zone_id("eu-west-1b"), "euw1-az2");
        assert_eq!(zone_id("ap-northeast-1c"), "apne1-az3");
        assert!(zones("mars-1").is_empty());
    }
}
