//! What a pool's nodes have room for, as far as the name of their kind of machine tells: for whoever puts something on them.
//! A machine whose name tells nothing has no numbers, and none are made up.

use super::pool::{Pool, spread};
use crate::cloud::Cloud;
use crate::draft::Draft;
use infra_model::Value;

/// Processors and memory of a kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Machine {
    cpus: i64,
    /// MiB.
    memory: i64,
    /// On EKS the pods for which the kubelet keeps memory back.
    kept_for: i64,
}

/// What pods may ask of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    /// Thousandths of a processor.
    cpu: i64,
    /// MiB.
    memory: i64,
    pods: i64,
}

/// The fact `pools`: each pool by name with its machine, its fewest nodes, in how many zones those are, whether pods without
/// tolerations run there, and as far as they are known `cpu` (thousandths), `memory` (MiB) and `pods` of a node.
pub(super) fn tell<'p>(
    cloud: &Cloud,
    zones: usize,
    pools: impl Iterator<Item = (&'p str, &'p Pool, String)>,
    draft: &mut Draft<'_>,
) {
    if overrides_nodes(draft) {
        return;
    }
    let one = |(name, pool, machine): (&str, &Pool, String)| {
        let room = room(cloud, &machine);
        let number = |of: fn(&Room) -> i64| {
            let known = room.as_ref().map(of);
            known.map_or(Value::NULL, Value::from)
        };
        let at_least = spread(pool.min, zones);
        let reached = at_least.iter().filter(|nodes| **nodes > 0).count();
        let fact = Value::object([
            ("machine", Value::from(machine.as_str())),
            ("nodes", Value::from(pool.min)),
            ("zones", Value::from(i64::try_from(reached).unwrap_or(1))),
            ("open", Value::from(is_open(cloud, pool))),
            ("cpu", number(|r| r.cpu)),
            ("memory", number(|r| r.memory)),
            ("pods", number(|r| r.pods)),
        ]);
        (name.to_owned(), fact)
    };
    let facts: Vec<(String, Value)> = pools.map(one).collect();
    draft.fact("pools", Value::object(facts));
}

/// Whether an override says something else of nodes than the pools do.
fn overrides_nodes(draft: &Draft<'_>) -> bool {
    const ATTRIBUTES: &[&str] = &[
        "autoscaling",
        "default_max_pods_per_node",
        "default_node_pool",
        "instance_type",
        "instance_types",
        "max_pods",
        "max_pods_per_node",
        "min_count",
        "node_config",
        "node_taints",
        "scaling_config",
        "taint",
        "vm_size",
    ];
    fn mentions(value: &Value) -> bool {
        let below = value.entries().into_iter().flatten();
        let mut named = below.clone().map(|(name, _)| &**name);
        named.any(|name| ATTRIBUTES.contains(&name))
            || below.map(|(_, v)| v).any(mentions)
            || value.elements().into_iter().flatten().any(mentions)
    }
    draft.instance.inputs.get("override").is_some_and(mentions)
}

/// Whether pods without tolerations run there. AKS puts a taint of its own on spot nodes.
fn is_open(cloud: &Cloud, pool: &Pool) -> bool {
    let spot = pool.spot && matches!(cloud, Cloud::Azure(_));
    !spot && pool.taints.iter().all(|t| t.effect == "PreferNoSchedule")
}

fn room(cloud: &Cloud, machine: &str) -> Option<Room> {
    match cloud {
        Cloud::Aws(_) => ec2(machine).map(eks),
        Cloud::Google(_) => compute_engine(machine).map(gke),
        Cloud::Azure(_) => azure_vm(machine).map(aks),
    }
}

/// Instance types of the families whose sizes are regular: https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html and its
/// neighbours; the pods are those of `eni-max-pods.txt` in github.com/awslabs/amazon-eks-ami.
fn ec2(machine: &str) -> Option<Machine> {
    let (family, size) = machine.split_once('.')?;
    if matches!(family, "t3" | "t3a" | "t4g") {
        let (cpus, gib, kept_for) = match size {
            "small" => (2, 2, 11),
            "medium" => (2, 4, 17),
            "large" => (2, 8, 35),
            "xlarge" => (4, 16, 58),
            "2xlarge" => (8, 32, 58),
            _ => return None,
        };
        return Some(Machine {
            cpus,
            memory: gib * 1024,
            kept_for,
        });
    }
    let gib_per_cpu = match family.chars().next()? {
        'c' => 2,
        'm' => 4,
        'r' => 8,
        _ => return None,
    };
    let rest = family.get(1..)?;
    let generation = rest.chars().next()?.to_digit(10)?;
    let options = rest.get(1..)?;
    let regular = options.strip_suffix("-flex").unwrap_or(options);
    // `c5n` has more memory than its family.
    if generation < 5 || family == "c5n" || !regular.chars().all(|c| "abdginz".contains(c)) {
        return None;
    }
    let (cpus, kept_for) = match size {
        "large" => (2, 29),
        "xlarge" => (4, 58),
        "2xlarge" => (8, 58),
        "4xlarge" => (16, 234),
        "8xlarge" => (32, 234),
        _ => return None,
    };
    Some(Machine {
        cpus,
        memory: cpus * gib_per_cpu * 1024,
        kept_for,
    })
}

/// https://cloud.google.com/compute/docs/general-purpose-machines: series with the same memory for each processor in all sizes.
fn compute_engine(machine: &str) -> Option<Machine> {
    let [series, kind, cpus]: [&str; 3] = machine.split('-').collect::<Vec<_>>().try_into().ok()?;
    let gib_per_cpu = match (series, kind) {
        ("e2" | "n2" | "n2d", "highcpu") => 1,
        ("e2" | "n2" | "n2d" | "t2d" | "c2" | "c2d" | "c3" | "n4", "standard") => 4,
        ("e2" | "n2" | "n2d" | "c2d" | "c3" | "n4", "highmem") => 8,
        _ => return None,
    };
    let cpus: i64 = cpus.parse().ok().filter(|c| (2..=96).contains(c))?;
    Some(Machine {
        cpus,
        memory: cpus * gib_per_cpu * 1024,
        kept_for: 0,
    })
}

/// https://learn.microsoft.com/azure/virtual-machines/sizes/overview: the D, E and B series, where every size has the same memory
/// for each processor.
fn azure_vm(machine: &str) -> Option<Machine> {
    let mut parts = machine.strip_prefix("Standard_")?.split('_');
    let (size, version) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let version: u32 = version.strip_prefix('v')?.parse().ok()?;
    let family = size.chars().next()?;
    let digits: String = size[1..].chars().take_while(char::is_ascii_digit).collect();
    let options = size.get(1 + digits.len()..)?;
    let little = options.contains('l');
    let gib_per_cpu = match (family, version) {
        ('D', 3..=6) | ('B', 2) if little => 2,
        ('D', 3..=6) | ('B', 2) => 4,
        ('E', 3..=6) if !little => 8,
        _ => return None,
    };
    let regular = options.chars().all(|c| "abdlps".contains(c));
    let cpus: i64 = digits.parse().ok().filter(|c| (2..=48).contains(c))?;
    regular.then_some(Machine {
        cpus,
        memory: cpus * gib_per_cpu * 1024,
        kept_for: 0,
    })
}

/// What the kubelet keeps back of processors on EKS and GKE: 6 % of the first, 1 % of the second, half a per cent of the next two,
/// a quarter of the rest. In thousandths.
fn cpu_after_tiers(cpus: i64) -> i64 {
    let tier = |from: i64, to: i64| (cpus.min(to) - from).max(0);
    let kept = tier(0, 1) * 600 + tier(1, 2) * 100 + tier(2, 4) * 50 + tier(4, i64::MAX) * 25;
    cpus * 1000 - kept / 10
}

/// Memory that the kubelet does not give away: pods are evicted before. On all three clouds.
const EVICTION: i64 = 100;

/// `nodeadm/internal/kubelet/config.go` in github.com/awslabs/amazon-eks-ami; pods by
/// https://docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses-procedure.html: with prefixes, as the cluster has
/// them, 110 on machines with less than 30 processors and 250 on others.
fn eks(machine: Machine) -> Room {
    Room {
        cpu: cpu_after_tiers(machine.cpus),
        memory: machine.memory - 255 - 11 * machine.kept_for - EVICTION,
        pods: if machine.cpus < 30 { 110 } else { 250 },
    }
}

/// https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes: a share of memory that grows less with it, and 110
/// pods where nothing else is asked for.
fn gke(machine: Machine) -> Room {
    let tiers = [(0, 4, 25), (4, 8, 20), (8, 16, 10), (16, 128, 6)];
    let kept: i64 = tiers
        .iter()
        .map(|(from, to, percent)| {
            (machine.memory.min(to * 1024) - from * 1024).max(0) * percent / 100
        })
        .sum();
    let above = (machine.memory - 128 * 1024).max(0) * 2 / 100;
    Room {
        cpu: cpu_after_tiers(machine.cpus),
        memory: machine.memory - kept - above - EVICTION,
        pods: 110,
    }
}

/// https://learn.microsoft.com/azure/aks/node-resource-reservations; 250 pods with the overlay that the cluster has:
/// https://learn.microsoft.com/azure/aks/concepts-network-azure-cni-overlay.
fn aks(machine: Machine) -> Room {
    const PODS: i64 = 250;
    let table = [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420)];
    // Between the sizes of the table it is what the smaller one has.
    let kept = table.iter().rev().find(|(cpus, _)| *cpus <= machine.cpus);
    Room {
        cpu: machine.cpus * 1000 - kept.map_or(0, |(_, kept)| *kept),
        memory: machine.memory - (20 * PODS + 50).min(machine.memory / 4) - EVICTION,
        pods: PODS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_what_their_names_say_and_others_are_not_guessed() {
        let told = |m: Option<Machine>| m.map(|m| (m.cpus, m.memory / 1024));
        for (machine, expected) in [
            ("t3.medium", Some((2, 4))),
            ("m7i.large", Some((2, 8))),
            ("m7i-flex.xlarge", Some((4, 16))),
            ("c7gn.2xlarge", Some((8, 16))),
            ("r6idn.4xlarge", Some((16, 128))),
            ("c5n.large", None),
            ("m4.large", None),
            ("m7i.metal-24xl", None),
            ("x2idn.16xlarge", None),
            ("mac1.metal", None),
        ] {
            assert_eq!(told(ec2(machine)), expected, "{machine}");
        }
        for (machine, expected) in [
            ("e2-standard-2", Some((2, 8))),
            ("n2-highmem-8", Some((8, 64))),
            ("n2-highcpu-4", Some((4, 4))),
            ("e2-medium", None),
            ("n1-standard-4", None),
            ("n2-custom-4-8192", None),
        ] {
            assert_eq!(told(compute_engine(machine)), expected, "{machine}");
        }
        for (machine, expected) in [
            ("Standard_B2s_v2", Some((2, 8))),
            ("Standard_D8s_v5", Some((8, 32))),
            ("Standard_D4lds_v5", Some((4, 8))),
            ("Standard_E4pds_v6", Some((4, 32))),
            ("Standard_E4-2s_v5", None),
            ("Standard_NC6s_v3", None),
            ("Standard_D2", None),
        ] {
            assert_eq!(told(azure_vm(machine)), expected, "{machine}");
        }
    }

    /// The numbers that the clouds' own pages give as examples.
    #[test]
    fn what_is_kept_back_is_what_each_cloud_documents() {
        let machine = |cpus: i64, gib: i64, kept_for: i64| Machine {
            cpus,
            memory: gib * 1024,
            kept_for,
        };
        assert_eq!(
            eks(machine(2, 8, 29)),
            Room {
                cpu: 1930,
                memory: 8192 - 255 - 319 - 100,
                pods: 110
            }
        );
        assert_eq!(
            gke(machine(4, 16, 0)),
            Room {
                cpu: 3920,
                memory: 16384 - 1024 - 819 - 819 - 100,
                pods: 110
            }
        );
        // A quarter, which is less than twenty megabytes for each of 250 pods.
        assert_eq!(
            aks(machine(8, 16, 0)),
            Room {
                cpu: 7820,
                memory: 16384 - 4096 - 100,
                pods: 250
            }
        );
    }
}
