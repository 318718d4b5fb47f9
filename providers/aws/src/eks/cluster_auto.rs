//! The parts of `aws_eks_cluster` in which EKS looks after machines, disks and load balancers itself, called Auto Mode. They
//! are switched together.

use super::cluster::ClusterRecord;
use super::{list, set};
use aws_sdk_eks::types as sdk;
use infra_model::{Path, Planned, ProviderError, Record, Value};
use std::collections::BTreeSet;

/// Whether EKS makes machines.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct ComputeConfig {
    /// Whether it does.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
    /// Node pools that it brings along: `general-purpose`, `system`.
    #[record(optional)]
    pub(crate) node_pools: BTreeSet<String>,
    /// The role of the machines.
    #[record(optional)]
    pub(crate) node_role_arn: Option<String>,
}

/// Whether EKS makes disks.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct StorageConfig {
    /// Block storage.
    #[record(block, max = 1)]
    pub(crate) block_storage: Vec<Switch>,
}

/// Something on or off.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Switch {
    /// Whether it is on.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// The three parts, as requests have them.
#[derive(PartialEq)]
pub(super) struct Auto {
    compute: ComputeConfig,
    balancing: bool,
    storage: bool,
}

impl Auto {
    /// What a record says; what it does not speak of is off.
    pub(super) fn of(record: &ClusterRecord) -> Auto {
        let on = |switch: Option<&Switch>| switch.and_then(|s| s.enabled) == Some(true);
        let network = record.kubernetes_network_config.first();
        let storage = record.storage_config.first();
        let compute = record.compute_config.first().cloned().unwrap_or_default();
        Auto {
            balancing: on(network.and_then(|n| n.elastic_load_balancing.first())),
            storage: on(storage.and_then(|s| s.block_storage.first())),
            compute: if compute.enabled == Some(true) {
                compute
            } else {
                ComputeConfig::default()
            },
        }
    }

    /// Whether any part is on.
    pub(super) fn any(&self) -> bool {
        self.balancing || self.storage || self.compute.enabled == Some(true)
    }

    pub(super) fn compute(&self) -> sdk::ComputeConfigRequest {
        let pools = list(&self.compute.node_pools).filter(|pools| !pools.is_empty());
        sdk::ComputeConfigRequest::builder()
            .enabled(self.compute.enabled == Some(true))
            .set_node_pools(pools)
            .set_node_role_arn(self.compute.node_role_arn.clone())
            .build()
    }

    pub(super) fn balancing(&self) -> sdk::ElasticLoadBalancing {
        sdk::ElasticLoadBalancing::builder()
            .enabled(self.balancing)
            .build()
    }

    pub(super) fn storage(&self) -> sdk::StorageConfigRequest {
        let blocks = sdk::BlockStorage::builder().enabled(self.storage).build();
        sdk::StorageConfigRequest::builder()
            .block_storage(blocks)
            .build()
    }
}

/// Compute as it is read. Whether it is off or was never spoken of is the same to EKS.
pub(super) fn compute(
    found: Option<&sdk::ComputeConfigResponse>,
    prior: Option<&ClusterRecord>,
) -> Vec<ComputeConfig> {
    let said = prior.is_some_and(|p| !p.compute_config.is_empty());
    let shown = found.map_or_else(ComputeConfig::default, |c| ComputeConfig {
        enabled: c.enabled,
        node_pools: set(c.node_pools()),
        node_role_arn: c.node_role_arn.clone(),
    });
    let on = shown.enabled == Some(true);
    (on || said)
        .then_some(ComputeConfig {
            enabled: Some(on),
            ..shown
        })
        .into_iter()
        .collect()
}

/// Storage as it is read, shown as [`compute`] is.
pub(super) fn storage(
    found: Option<&sdk::StorageConfigResponse>,
    prior: Option<&ClusterRecord>,
) -> Vec<StorageConfig> {
    let said = prior.and_then(|p| p.storage_config.first());
    let blocks = found.and_then(|s| s.block_storage());
    let on = blocks.and_then(|b| b.enabled) == Some(true);
    let shown = on || said.is_some_and(|s| !s.block_storage.is_empty());
    (on || said.is_some())
        .then(|| StorageConfig {
            block_storage: shown
                .then_some(Switch { enabled: Some(on) })
                .into_iter()
                .collect(),
        })
        .into_iter()
        .collect()
}

/// The role of machines cannot be changed while EKS makes them.
pub(super) fn plan(prior: &Value, planned: &mut Planned) {
    let part = |value: &Value, name: &str| -> Option<Value> {
        let compute = value.get("compute_config")?.elements()?.first()?;
        compute.get(name).cloned()
    };
    let on = |value: &Value| part(value, "enabled") == Some(Value::Bool(true));
    let role = |value: &Value| part(value, "node_role_arn").filter(|role| !role.is_null());
    if on(prior)
        && on(&planned.value)
        && role(prior).is_some_and(|was| role(&planned.value) != Some(was))
    {
        planned.replace.push(Path::attribute("compute_config"));
    }
}

/// Refuses one part without the others.
pub(super) fn validate(config: &Value) -> Vec<ProviderError> {
    let parts = [
        switched(config, &["compute_config"]),
        switched(
            config,
            &["kubernetes_network_config", "elastic_load_balancing"],
        ),
        switched(config, &["storage_config", "block_storage"]),
    ];
    let known: Vec<bool> = parts.into_iter().flatten().collect();
    if known.contains(&true) && known.contains(&false) {
        return vec![ProviderError::invalid(
            "compute_config",
            "`compute_config`, `storage_config.block_storage` and `kubernetes_network_config.elastic_load_balancing` are \
             `enabled` together or not at all",
        )];
    }
    Vec::new()
}

/// Whether the block at a path is `enabled`, a missing one being off; none when that is not known yet.
fn switched(config: &Value, path: &[&str]) -> Option<bool> {
    let mut at = config.clone();
    for name in path {
        let block = at.get(name)?;
        if block.is_unknown() {
            return None;
        }
        match block.elements().and_then(<[_]>::first).cloned() {
            Some(inside) => at = inside,
            None => return Some(false),
        }
    }
    match at.get("enabled") {
        Some(enabled) if enabled.is_unknown() => None,
        enabled => Some(enabled.and_then(Value::as_bool) == Some(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_switched_together() {
        let switch = |on: Value| Value::object([("enabled", on)]);
        let unknown = || Value::Unknown(infra_model::Type::Bool);
        let on = || Some(Value::from(true));
        let off = || Some(Value::from(false));
        for (compute, balancing, storage, refused) in [
            (None, None, None, false),
            (on(), on(), on(), false),
            (off(), None, None, false),
            (on(), None, None, true),
            (on(), on(), None, true),
            (None, on(), on(), true),
            (Some(unknown()), on(), on(), false),
            (Some(unknown()), on(), off(), true),
        ] {
            let label = format!("{compute:?} {balancing:?} {storage:?}");
            let vpc = Value::object([("subnet_ids", Value::tuple(Vec::new()))]);
            let mut said = vec![
                ("name", Value::from("shop")),
                ("role_arn", Value::from("arn:aws:iam::123456789012:role/x")),
                ("vpc_config", vpc),
            ];
            said.extend(compute.map(|on| ("compute_config", switch(on))));
            said.extend(balancing.map(|on| {
                let inside = Value::object([("elastic_load_balancing", switch(on))]);
                ("kubernetes_network_config", inside)
            }));
            said.extend(storage.map(|on| {
                let inside = Value::object([("block_storage", switch(on))]);
                ("storage_config", inside)
            }));
            let config = ClusterRecord::block().coerce(&Value::object(said));
            let config = config.expect("is accepted");
            assert_eq!(!validate(&config).is_empty(), refused, "{label}");
        }
    }
}
