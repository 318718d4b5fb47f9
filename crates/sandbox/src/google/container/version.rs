//! Versions of GKE: which there are, which a word stands for.

use serde_json::{Value, json};

/// Versions of masters and nodes, newest first.
const VERSIONS: [&str; 9] = [
    "1.34.1-gke.2909000",
    "1.34.1-gke.1829001",
    "1.33.5-gke.1308000",
    "1.33.5-gke.1162000",
    "1.32.9-gke.1207000",
    "1.32.9-gke.1130000",
    "1.31.13-gke.1139000",
    "1.31.13-gke.1023000",
    "1.30.14-gke.1854000",
];

/// Channels, the default version and the valid ones of each.
const CHANNELS: [(&str, usize, &[usize]); 4] = [
    ("RAPID", 0, &[0, 1, 2, 4, 6]),
    ("REGULAR", 2, &[1, 2, 3, 4, 5, 6, 7]),
    ("STABLE", 5, &[3, 5, 7]),
    ("EXTENDED", 2, &[2, 3, 4, 5, 6, 7, 8]),
];

/// `serverConfig`.
pub(super) fn server_config() -> Value {
    let channels: Vec<_> = CHANNELS
        .iter()
        .map(|(channel, default, valid)| {
            let valid: Vec<_> = valid.iter().map(|at| VERSIONS[*at]).collect();
            json!({ "channel": channel, "defaultVersion": VERSIONS[*default], "validVersions": valid })
        })
        .collect();
    json!({
        "defaultClusterVersion": VERSIONS[2],
        "defaultImageType": "COS_CONTAINERD",
        "validImageTypes": ["COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD"],
        "validMasterVersions": VERSIONS,
        "validNodeVersions": VERSIONS,
        "channels": channels,
    })
}

/// The version that a word stands for: empty or `-` for the channel's default, `latest`, or a beginning.
pub(super) fn resolve(wanted: &str, channel: &str) -> Option<&'static str> {
    let default = CHANNELS
        .iter()
        .find(|(name, ..)| *name == channel)
        .map_or(2, |(_, default, _)| *default);
    match wanted {
        "" | "-" => Some(VERSIONS[default]),
        "latest" => Some(VERSIONS[0]),
        wanted => {
            let begins = |version: &&&str| {
                version
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
            };
            // The channel's default before what is newer.
            let usual = Some(&VERSIONS[default]).filter(begins);
            usual.or_else(|| VERSIONS.iter().find(begins)).copied()
        }
    }
}

/// Major, minor, patch and build as numbers.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['.', '-'])
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Whether a version is newer than another.
pub(super) fn newer(version: &str, than: &str) -> bool {
    numbers(version) > numbers(than)
}

/// By how many minor versions one is ahead of another.
pub(super) fn minors_ahead(version: &str, of: &str) -> i64 {
    let minor = |version| numbers(version).get(1).copied().unwrap_or_default() as i64;
    minor(version) - minor(of)
}

/// Whether nodes of that version can be in a cluster whose master has the other.
pub(super) fn fits(node: &str, master: &str) -> bool {
    !newer(node, master) && minors_ahead(master, node) <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_versions() {
        let cases = [
            ("", "REGULAR", Some("1.33.5-gke.1308000")),
            ("latest", "STABLE", Some("1.34.1-gke.2909000")),
            ("1.32", "REGULAR", Some("1.32.9-gke.1207000")),
            ("1.33.5", "STABLE", Some("1.33.5-gke.1308000")),
            ("1.3", "REGULAR", None),
            ("1.19", "REGULAR", None),
            ("1.31.13-gke.1023000", "RAPID", Some("1.31.13-gke.1023000")),
        ];
        for (wanted, channel, expected) in cases {
            assert_eq!(resolve(wanted, channel), expected, "{wanted} in {channel}");
        }
        assert!(fits(VERSIONS[6], VERSIONS[0]) && !fits(VERSIONS[8], VERSIONS[0]));
        assert!(!fits(VERSIONS[0], VERSIONS[2]));
    }
}
