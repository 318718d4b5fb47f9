//! Whether the pools, at their fewest nodes, have room for what the controls install: requests, pods, and nodes or zones for what
//! must be apart. All from what is written; a number that is not known decides nothing.

mod asked;
mod charts;

use crate::inside::Inside;
use asked::{Apart, Asked, Count, Requests};
use infra_model::Value;
use serde_json::Value as Json;

/// A pool as the cluster tells of it, of which pods without tolerations may run.
struct Pool {
    name: String,
    machine: String,
    /// Its fewest nodes.
    nodes: i64,
    /// In how many zones these are.
    zones: i64,
    /// Thousandths of a processor for pods, on a node.
    cpu: Option<i64>,
    /// MiB.
    memory: Option<i64>,
    pods: Option<i64>,
}

/// Refuses what has no room.
pub(crate) fn check(inside: &mut Inside<'_>) {
    let Some(pools) = pools(inside) else { return };
    let asked = asked(inside);
    let cluster = inside.site.reference.clone();
    for (message, help) in apart(&asked, &pools, &cluster)
        .into_iter()
        .chain(room(&asked, &pools, &cluster))
    {
        inside.draft.refuse("cluster", message, help);
    }
}

/// The pools; nothing when the cluster tells nothing of them.
fn pools(inside: &Inside<'_>) -> Option<Vec<Pool>> {
    let all = inside.site.pools.entries()?;
    let one = |(name, fact): (&infra_model::value::Str, &Value)| {
        let number = |name: &str| fact.get(name).and_then(Value::as_i64);
        let open = fact.get("open").and_then(Value::as_bool)?;
        open.then(|| Pool {
            name: name.to_string(),
            machine: fact
                .get("machine")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            nodes: number("nodes").unwrap_or(0),
            zones: number("zones").unwrap_or(0),
            cpu: number("cpu"),
            memory: number("memory"),
            pods: number("pods"),
        })
    };
    Some(all.iter().filter_map(one).collect())
}

/// Everything that is installed, overrides in it.
fn asked(inside: &mut Inside<'_>) -> Vec<Asked> {
    let mut bodies = Vec::with_capacity(inside.nodes.len());
    for node in &inside.nodes {
        if matches!(node.type_name, "helm_release" | "kubernetes_manifest") {
            let body = node.body.clone();
            let body = inside.draft.shaped(node.type_name, &node.name, body);
            bodies.push((node.type_name, body));
        }
    }
    let objects: Vec<Json> = bodies.iter().map(|(_, b)| b["manifest"].clone()).collect();
    let one = |(type_name, body): &(&str, Json)| {
        let named = crate::pins::charts().find(|c| body["chart"] == c.chart);
        asked::of_node(type_name, body, named.map(|c| c.name), &objects)
    };
    bodies.iter().flat_map(one).collect()
}

/// What must be apart and has not so many nodes or zones.
fn apart(asked: &[Asked], pools: &[Pool], cluster: &str) -> Vec<(String, String)> {
    let nodes: i64 = pools.iter().map(|p| p.nodes).sum();
    // Nodes of several pools may share zones: as many as the pool has that reaches the most.
    let zones = pools.iter().map(|p| p.zones).max().unwrap_or(0);
    let mut out = Vec::new();
    for one in asked {
        let (Count::Pods(count), Some(apart)) = (one.count, one.apart) else {
            continue;
        };
        let (there, what) = match apart {
            Apart::Nodes => (nodes, "nodes"),
            Apart::Zones => (zones, "zones"),
        };
        if count > there {
            let message = format!(
                "the {count} pods of {} are never two in one of the {what}, and the pools of {cluster} have at their minimum nodes in {there}: {}",
                one.name,
                described(pools),
            );
            let help = match largest(pools) {
                Some(pool) => format!(
                    "write `min = {count}` in [{cluster}.pools.{}], or ask for fewer",
                    pool.name
                ),
                None => add_a_pool(cluster),
            };
            out.push((message, help));
        }
    }
    out
}

/// What has no room by its sums, or no node that is large enough.
fn room(asked: &[Asked], pools: &[Pool], cluster: &str) -> Option<(String, String)> {
    let nodes: i64 = pools.iter().map(|p| p.nodes).sum();
    let wanted = Sums::asked(asked, nodes);
    let there = Sums::there(pools);
    let fits = there.as_ref().is_none_or(|there| wanted.fit(there));
    let too_large = asked.iter().find(|one| !pools_fit(one, pools));
    if fits && too_large.is_none() {
        return None;
    }
    let mut message = match (fits, &there) {
        (false, Some(there)) => format!(
            "what is installed asks for {wanted}; the pools of {cluster} have at their minimum room for {there}: {}",
            described(pools)
        ),
        _ => String::new(),
    };
    if let Some(one) = too_large {
        let of_one = format!(
            "a pod of {} asks for {}, which no node has: {}",
            one.name,
            written(one.each),
            described(pools)
        );
        message = if message.is_empty() {
            of_one
        } else {
            format!("{message}; {of_one}")
        };
    }
    let help = match (largest(pools), too_large) {
        (None, _) => add_a_pool(cluster),
        (Some(pool), Some(_)) => format!(
            "write a larger `size` or `instance` in [{cluster}.pools.{}]",
            pool.name
        ),
        (Some(pool), None) => match enough(pool, asked, pools) {
            Some(min) => format!(
                "write `min = {min}` in [{cluster}.pools.{}], or a larger `size`",
                pool.name
            ),
            None => format!("write a larger `size` in [{cluster}.pools.{}]", pool.name),
        },
    };
    Some((message, help))
}

fn add_a_pool(cluster: &str) -> String {
    format!("add a pool without taints, such as [{cluster}.pools.general]")
}

/// The pool with the most room on a node.
fn largest(pools: &[Pool]) -> Option<&Pool> {
    pools.iter().max_by_key(|p| (p.cpu, p.memory))
}

/// The fewest nodes of a pool with which all of it has room.
fn enough(pool: &Pool, asked: &[Asked], pools: &[Pool]) -> Option<i64> {
    const MOST: i64 = 1000;
    let others: i64 = pools.iter().map(|p| p.nodes).sum::<i64>() - pool.nodes;
    let rest: Vec<&Pool> = pools.iter().filter(|p| p.name != pool.name).collect();
    (pool.nodes..MOST).find(|min| {
        let there = Sums::of(rest.iter().map(|p| (*p, p.nodes)).chain([(pool, *min)]));
        there.is_some_and(|there| Sums::asked(asked, others + min).fit(&there))
    })
}

/// Whether there is a node for one of these pods; where it is not known, there is.
fn pools_fit(one: &Asked, pools: &[Pool]) -> bool {
    let fits = |of: Option<i64>, wanted: i64| of.is_none_or(|of| wanted <= of);
    pools
        .iter()
        .any(|p| fits(p.cpu, one.each.cpu) && fits(p.memory, one.each.memory))
}

fn described(pools: &[Pool]) -> String {
    if pools.is_empty() {
        return "there is none without taints".to_owned();
    }
    let one = |pool: &Pool| {
        let mut text = format!("`{}` {} × {}", pool.name, pool.nodes, pool.machine);
        if let (Some(cpu), Some(memory), Some(pods)) = (pool.cpu, pool.memory, pool.pods) {
            let requests = written(Requests { cpu, memory });
            text.push_str(&format!(" with {requests} and {pods} pods each"));
        }
        text
    };
    pools.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `1.9 CPUs and 7.3 GiB`, rounded down.
fn written(requests: Requests) -> String {
    let memory = requests.memory * 10 / 1024;
    format!(
        "{}.{} CPUs and {}.{} GiB",
        requests.cpu / 1000,
        requests.cpu % 1000 / 100,
        memory / 10,
        memory % 10
    )
}

/// Requests and pods of many.
struct Sums {
    requests: Requests,
    pods: i64,
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {} pods", written(self.requests), self.pods)
    }
}

impl Sums {
    /// Of all pods on so many nodes.
    fn asked(asked: &[Asked], nodes: i64) -> Sums {
        let counted = |one: &Asked| match one.count {
            Count::Pods(count) => count,
            Count::OnEachNode => nodes,
        };
        Sums {
            requests: Requests {
                cpu: asked.iter().map(|a| counted(a) * a.each.cpu).sum(),
                memory: asked.iter().map(|a| counted(a) * a.each.memory).sum(),
            },
            pods: asked.iter().map(counted).sum(),
        }
    }

    /// Of all nodes that there are at least; nothing where one of them is not known.
    fn there(pools: &[Pool]) -> Option<Sums> {
        Sums::of(pools.iter().map(|p| (p, p.nodes)))
    }

    fn of<'p>(pools: impl Iterator<Item = (&'p Pool, i64)>) -> Option<Sums> {
        let mut sums = Sums {
            requests: Requests::default(),
            pods: 0,
        };
        for (pool, nodes) in pools.filter(|(_, nodes)| *nodes > 0) {
            sums.requests.cpu += pool.cpu? * nodes;
            sums.requests.memory += pool.memory? * nodes;
            sums.pods += pool.pods? * nodes;
        }
        Some(sums)
    }

    fn fit(&self, there: &Sums) -> bool {
        self.requests.cpu <= there.requests.cpu
            && self.requests.memory <= there.requests.memory
            && self.pods <= there.pods
    }
}

/// The table of charts, for the test that holds it against them: chart, workload as `KIND/NAME`, how many of its containers say
/// what they ask for, and whether its pods are never on one node.
#[doc(hidden)]
pub fn table_of_charts() -> impl Iterator<Item = (&'static str, &'static str, usize, bool)> {
    charts::table()
}
