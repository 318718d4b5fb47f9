//! Node pools: their inputs and how their totals spread over zones, the same on every cloud.

use crate::draft::Draft;
use crate::input;
use crate::sizes::Sizes;
use infra_model::address::is_identifier;
use infra_model::{Record, Value};
use std::collections::BTreeMap;

/// A pool of nodes.
#[derive(Record)]
pub(crate) struct Pool {
    /// How large a node is: `small`, `medium` or `large`. On AWS `t3.medium`, `m7i.large`, `m7i.2xlarge`.
    #[record(optional)]
    pub(crate) size: Option<String>,
    /// The cloud's own name of a kind of machine, such as `m7i.large`, instead of `size`.
    #[record(optional)]
    pub(crate) instance: Option<String>,
    /// At least so many nodes, over all zones.
    #[record(optional, default = 1)]
    pub(crate) min: i64,
    /// At most so many nodes, over all zones; by default as many as `min`.
    #[record(optional)]
    pub(crate) max: Option<i64>,
    /// So many nodes to begin with, over all zones; by default `min`. Afterwards an autoscaler decides.
    #[record(optional)]
    pub(crate) desired: Option<i64>,
    /// The size of a node's disk, in GiB.
    #[record(optional, default = 50)]
    pub(crate) disk_gb: i64,
    /// Cheaper nodes that the cloud may take away at any time. On Azure they have the taint
    /// `kubernetes.azure.com/scalesetpriority=spot:NoSchedule`, which pods must tolerate.
    #[record(optional, default = false)]
    pub(crate) spot: bool,
    /// Kubernetes labels of the nodes.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Kubernetes taints of the nodes: only pods that tolerate them run there.
    #[record(block)]
    pub(crate) taints: Vec<Taint>,
}

/// A Kubernetes taint.
#[derive(Record)]
pub(crate) struct Taint {
    /// Its key.
    #[record(required)]
    pub(crate) key: String,
    /// Its value.
    #[record(optional)]
    pub(crate) value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[record(optional, default = "NoSchedule")]
    pub(crate) effect: String,
}

impl Taint {
    /// The effect as the clouds' APIs write it.
    pub(crate) fn api_effect(&self) -> &'static str {
        match self.effect.as_str() {
            "NoExecute" => "NO_EXECUTE",
            "PreferNoSchedule" => "PREFER_NO_SCHEDULE",
            _ => "NO_SCHEDULE",
        }
    }
}

impl Pool {
    /// The cloud's name of its machines; none where `size` is none of those.
    pub(crate) fn machine(&self, sizes: &Sizes) -> Option<String> {
        let size = self.size.as_deref().unwrap_or("medium");
        let by_size = || {
            let found = sizes.iter().find(|(name, _)| *name == size);
            found.map(|(_, machine)| (*machine).to_owned())
        };
        self.instance.clone().or_else(by_size)
    }

    /// The most nodes over all zones.
    pub(crate) fn most(&self) -> i64 {
        self.max.unwrap_or(self.min.max(1))
    }

    /// The nodes to begin with over all zones.
    pub(crate) fn first(&self) -> i64 {
        self.desired.unwrap_or(self.min)
    }
}

/// A total spread over zones as evenly as can be, the first zones getting what is left over. A lesser total spread the same
/// way is never greater in any zone, so `min` stays within `max` everywhere.
pub(crate) fn spread(total: i64, zones: usize) -> Vec<i64> {
    let count = i64::try_from(zones).expect("a network has a few zones");
    (0..count)
        .map(|zone| total / count + i64::from(zone < total % count))
        .collect()
}

/// The pools by name, checked; `None` when something about them is wrong.
pub(crate) fn read(value: &Value, draft: &mut Draft<'_>) -> Option<Vec<(String, Pool)>> {
    let help = "write a table each, such as [cluster.main.pools.general] with `size = \"medium\"`, `min = 2`, `max = 6`";
    let Some(entries) = value.entries() else {
        draft.refuse(
            "pools",
            "`pools` is a table by name that is known while planning",
            help,
        );
        return None;
    };
    if entries.is_empty() {
        draft.refuse(
            "pools",
            "a cluster without a pool of nodes runs nothing",
            help,
        );
        return None;
    }
    let mut pools = Vec::new();
    let mut sound = true;
    for (name, table) in entries {
        let path = format!("pools.{name}");
        if !is_identifier(name) || name.len() > 40 {
            draft.refuse(
                &path,
                format!("`{name}` cannot be the name of a pool"),
                "use up to 40 letters, digits, `_` and `-`, first a letter",
            );
            sound = false;
            continue;
        }
        match input::read_table::<Pool>(draft.instance, &path, table) {
            Ok(pool) => {
                sound &= check(&path, &pool, draft);
                pools.push((name.to_string(), pool));
            }
            Err(errors) => {
                draft.refuse_all(errors);
                sound = false;
            }
        }
    }
    sound.then_some(pools)
}

fn check(path: &str, pool: &Pool, draft: &mut Draft<'_>) -> bool {
    let mut sound = true;
    let mut refuse = |field: &str, message: String, help: &str| {
        draft.refuse(&format!("{path}.{field}"), message, help);
        sound = false;
    };
    if pool.size.is_some() && pool.instance.is_some() {
        let message = "both say how large a node is: `size` and `instance`".to_owned();
        refuse("instance", message, "leave one of them out");
    }
    if pool.min < 0 {
        refuse(
            "min",
            format!("there cannot be {} nodes", pool.min),
            "write `min = 0` or more",
        );
    }
    if pool.most() < 1 {
        refuse(
            "max",
            "a pool may have at least one node".to_owned(),
            "write `max = 1` or more",
        );
    }
    if pool.min > pool.most() {
        let message = format!(
            "at least {} nodes cannot be at most {}",
            pool.min,
            pool.most()
        );
        refuse("max", message, "make `max` as large as `min` or larger");
    }
    if let Some(desired) = pool.desired
        && !(pool.min..=pool.most()).contains(&desired)
    {
        let message = format!(
            "{desired} nodes are not between {} and {}",
            pool.min,
            pool.most()
        );
        refuse("desired", message, "keep `desired` between `min` and `max`");
    }
    if !(20..=16384).contains(&pool.disk_gb) {
        let message = format!("a node's disk has 20 to 16384 GiB, not {}", pool.disk_gb);
        refuse("disk_gb", message, "write `disk_gb = 50`");
    }
    for (index, taint) in pool.taints.iter().enumerate() {
        if !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&taint.effect.as_str()) {
            refuse(
                &format!("taints[{index}].effect"),
                format!("a taint has no effect `{}`", taint.effect),
                "write \"NoSchedule\", \"PreferNoSchedule\" or \"NoExecute\"",
            );
        }
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_stay_totals_and_min_stays_within_max() {
        for zones in 1..=6 {
            for total in 0..=20 {
                let spread_out = spread(total, zones);
                assert_eq!(spread_out.iter().sum::<i64>(), total);
                let less = spread(total / 2, zones);
                assert!(
                    less.iter().zip(&spread_out).all(|(a, b)| a <= b),
                    "{total} over {zones}"
                );
            }
        }
        assert_eq!(spread(7, 3), [3, 2, 2]);
    }
}
