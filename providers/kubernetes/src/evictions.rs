//! PodDisruptionBudgets that let no pod go. When nodes are replaced, what runs on them is evicted, and waits for these:
//! https://kubernetes.io/docs/tasks/run-application/configure-pdb/

use crate::client::Client;
use crate::read;
use infra_model::provider::Finding;
use infra_model::{Address, CallContext, ErrorKind, ProviderError};
use serde_json::Value as Json;

/// A warning about what holds an eviction up; none where the cluster cannot be asked.
pub(crate) async fn forbidden(
    client: &Client,
    context: &CallContext,
    moved: &Address,
) -> Vec<Finding> {
    let budgets = read::everywhere(client, context, "policy/v1", "PodDisruptionBudget").await;
    let Ok(budgets) = budgets else {
        return Vec::new();
    };
    let mut names: Vec<String> = budgets.iter().filter(|b| forbids(b)).map(name).collect();
    if names.is_empty() {
        return Vec::new();
    }
    names.sort();
    let message = format!(
        "nodes are emptied, and no pod may go for: {}. Nodes are held up until one may, or the cloud's patience ends. Give them more replicas, or a budget that allows one to be away (`kubectl get poddisruptionbudgets -A`)",
        names.join(", ")
    );
    vec![Finding {
        address: moved.clone(),
        error: ProviderError::new(ErrorKind::Conflict, message),
        fatal: false,
    }]
}

/// Whether it is for pods that there are, and lets none of them go.
fn forbids(budget: &Json) -> bool {
    let number = |name: &str| budget["status"][name].as_i64();
    number("disruptionsAllowed") == Some(0) && number("expectedPods").is_some_and(|pods| pods > 0)
}

/// `NAMESPACE/NAME`
pub(crate) fn name(object: &Json) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_budget_forbids_when_it_has_pods_and_lets_none_go() {
        let budget = |allowed: i64, pods: i64| json!({ "status": { "disruptionsAllowed": allowed, "expectedPods": pods } });
        assert!(forbids(&budget(0, 1)));
        assert!(!forbids(&budget(1, 2)));
        assert!(!forbids(&budget(0, 0)));
        // Nobody has looked at it yet.
        assert!(!forbids(&json!({ "spec": { "minAvailable": 1 } })));
    }
}
