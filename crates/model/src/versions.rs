//! Versions such as `1.34`, `v1.34.1` or `1.34.1-gke.7`: their minors, and those that a cloud moves by itself.

use crate::schema::{Block, Compare};
use crate::value::Value;

/// Major and minor of a version such as `1.34`, `v1.34.1` or `1.34.1-gke.7`.
#[must_use]
pub fn minor_of(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether a version says less of the same than another: `1.34` of `1.34.2`, but not of `1.345`.
pub(crate) fn begins(short: &str, long: &str) -> bool {
    let rest = long.strip_prefix(short).filter(|_| !short.is_empty());
    rest.is_some_and(|rest| rest.starts_with(['.', '-', '+']))
}

/// What was found of a resource, with the versions as they were before that its cloud has moved inside their minor (attributes
/// compared as [versions](Compare::Version)): what remains different is drift. A version without a minor, such as `eks.4`, is
/// nobody's but the cloud's.
#[must_use]
pub fn as_before(block: &Block, before: &Value, after: &Value) -> Value {
    let mut out = after.clone();
    for (name, attribute) in &block.attributes {
        if attribute.compare == Compare::Version
            && let (Some(old), Some(new)) = (before.get(name), after.get(name))
            && let (Some(was), Some(is)) = (old.bare().as_str(), new.bare().as_str())
            && minor_of(was) == minor_of(is)
        {
            out = out.with_attribute(name, old.clone());
        }
    }
    for (name, nested) in block.blocks.iter().filter(|(_, b)| moves(&b.block)) {
        let elements = |value: &Value| value.get(name)?.elements().map(<[Value]>::to_vec);
        if let (Some(old), Some(new)) = (elements(before), elements(after))
            && old.len() == new.len()
        {
            let pairs = old.iter().zip(&new);
            let settled = pairs.map(|(old, new)| as_before(&nested.block, old, new));
            let list = Value::list(nested.block.implied_type(), settled.collect());
            if after
                .get(name)
                .is_some_and(|v| matches!(v.bare(), Value::List(..)))
            {
                out = out.with_attribute(name, list);
            }
        }
    }
    out
}

/// Whether a cloud moves anything in a block by itself.
fn moves(block: &Block) -> bool {
    let mut attributes = block.attributes.values();
    attributes.any(|a| a.compare == Compare::Version)
        || block.blocks.values().any(|b| moves(&b.block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    /// A cluster.
    #[derive(Clone, Debug, Record)]
    struct Cluster {
        /// What runs.
        #[record(computed, compare = version)]
        runs: Option<String>,
        /// Of the cloud's own.
        #[record(computed, compare = version)]
        platform: Option<String>,
        /// Its pools.
        #[record(block)]
        pool: Vec<Pool>,
    }

    /// A pool.
    #[derive(Clone, Debug, Record)]
    struct Pool {
        /// Its version.
        #[record(optional, computed, compare = version)]
        version: Option<String>,
        /// Its size.
        #[record(optional)]
        size: Option<i64>,
    }

    fn cluster(runs: &str, platform: &str, version: &str, size: i64) -> Value {
        let pool = Pool {
            version: Some(version.to_owned()),
            size: Some(size),
        };
        let cluster = Cluster {
            runs: Some(runs.to_owned()),
            platform: Some(platform.to_owned()),
            pool: vec![pool],
        };
        cluster.to_value()
    }

    #[test]
    fn what_the_cloud_moves_inside_a_minor_is_as_before() {
        let block = Cluster::block();
        let before = cluster("1.34.1-gke.7", "eks.4", "1.34.1", 3);
        let moved = cluster("1.34.3-gke.1", "eks.9", "1.34.3", 3);
        assert_eq!(as_before(&block, &before, &moved), before);
        // Another minor is no patch, and what is no version stays as it was found.
        let raised = cluster("1.35.0-gke.2", "eks.4", "1.34.1", 3);
        assert_eq!(as_before(&block, &before, &raised), raised);
        let resized = cluster("1.34.3-gke.1", "eks.4", "1.34.3", 5);
        let settled = cluster("1.34.1-gke.7", "eks.4", "1.34.1", 5);
        assert_eq!(as_before(&block, &before, &resized), settled);
    }

    #[test]
    fn one_version_is_the_beginning_of_another() {
        for (short, long, expected) in [
            ("1.34", "1.34.2", true),
            ("1.34.2", "1.34.2-gke.7", true),
            ("1.34", "1.345", false),
            ("1.34.2", "1.34.5", false),
            ("", "1.34", false),
        ] {
            assert_eq!(begins(short, long), expected, "{short} of {long}");
        }
    }
}
