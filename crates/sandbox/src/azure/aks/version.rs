//! The Kubernetes versions of a region, and which follows which.

use serde_json::{Map, Value, json};

/// A minor version, its patches from old to new, and whether long-term support alone keeps it.
pub(super) struct Minor {
    pub(super) name: &'static str,
    pub(super) patches: &'static [&'static str],
    long_term: bool,
}

pub(super) const MINORS: [Minor; 5] = [
    Minor {
        name: "1.31",
        patches: &["1.31.11", "1.31.13"],
        long_term: true,
    },
    Minor {
        name: "1.32",
        patches: &["1.32.7", "1.32.9"],
        long_term: false,
    },
    Minor {
        name: "1.33",
        patches: &["1.33.3", "1.33.5"],
        long_term: false,
    },
    Minor {
        name: "1.34",
        patches: &["1.34.0", "1.34.1"],
        long_term: false,
    },
    Minor {
        name: "1.35",
        patches: &["1.35.0"],
        long_term: false,
    },
];

/// The minor version of clusters that are made without one.
pub(super) const DEFAULT: &str = "1.34";

/// The patch that a name stands for: itself, or the newest of its minor version.
pub(super) fn patch(name: &str) -> Option<&'static str> {
    MINORS.iter().find_map(|minor| {
        if minor.name == name {
            return minor.patches.last().copied();
        }
        minor.patches.iter().find(|patch| **patch == name).copied()
    })
}

/// Where a patch stands among all.
fn place(patch: &str) -> (usize, usize) {
    for (at, minor) in MINORS.iter().enumerate() {
        if let Some(within) = minor.patches.iter().position(|one| *one == patch) {
            return (at, within);
        }
    }
    (0, 0)
}

/// Patches to which one can be upgraded: later ones of its minor version, and those of the next.
pub(super) fn upgrades(from: &str) -> Vec<&'static str> {
    let (at, within) = place(from);
    let own = MINORS[at].patches.iter().skip(within + 1);
    let next = MINORS.get(at + 1).map(|minor| minor.patches.iter());
    own.chain(next.into_iter().flatten()).copied().collect()
}

/// How a patch stands to another: minor versions after it, and whether it is older.
pub(super) fn distance(from: &str, to: &str) -> (usize, bool) {
    let (a, b) = (place(from), place(to));
    (b.0.abs_diff(a.0), b < a)
}

/// What is listed of a region.
pub(super) fn list() -> Value {
    let values: Vec<Value> = MINORS
        .iter()
        .map(|minor| {
            let patches: Map<String, Value> = minor
                .patches
                .iter()
                .map(|patch| ((*patch).to_owned(), json!({ "upgrades": upgrades(patch) })))
                .collect();
            let plans = if minor.long_term {
                json!(["AKSLongTermSupport"])
            } else {
                json!(["KubernetesOfficial", "AKSLongTermSupport"])
            };
            let mut row = json!({
                "version": minor.name, "capabilities": { "supportPlan": plans }, "patchVersions": patches, "isPreview": false,
            });
            if minor.name == DEFAULT {
                row["isDefault"] = true.into();
            }
            row
        })
        .collect();
    json!({ "values": values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other() {
        assert_eq!(patch("1.33"), Some("1.33.5"));
        assert_eq!(patch("1.20"), None);
        assert_eq!(upgrades("1.33.3"), ["1.33.5", "1.34.0", "1.34.1"]);
        assert_eq!(upgrades("1.35.0"), [""; 0]);
        assert_eq!(distance("1.33.5", "1.35.0"), (2, false));
        assert_eq!(distance("1.33.5", "1.33.3"), (0, true));
    }
}
