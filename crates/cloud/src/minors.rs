//! Versions of Kubernetes: control planes are raised one minor at a time, on EKS, GKE and AKS alike
//! (docs.aws.amazon.com/eks/latest/userguide/update-cluster.html, cloud.google.com/kubernetes-engine/docs/concepts/cluster-upgrades,
//! learn.microsoft.com/azure/aks/upgrade-aks-cluster).

pub use infra_model::versions::minor_of;
use infra_model::{ProviderError, Value};

/// Refuses a change of a control plane's version that leaves a minor out, by the attribute that says the new one and the one that
/// says which version runs. What is not known yet is not judged.
///
/// # Errors
/// The step is too long; the message says which comes next.
pub fn one_at_a_time(
    prior: &Value,
    running: &str,
    planned: &Value,
    wanted: &str,
) -> Result<(), ProviderError> {
    let read = |value: &Value, name: &str| minor_of(value.get(name).and_then(Value::as_str)?);
    let (Some((major, minor)), Some((new_major, new_minor))) =
        (read(prior, running), read(planned, wanted))
    else {
        return Ok(());
    };
    if new_major != major || new_minor <= minor + 1 {
        return Ok(());
    }
    Err(ProviderError::invalid(
        wanted,
        format!(
            "the cluster runs Kubernetes {major}.{minor}, and a control plane is raised one minor at a time: apply {major}.{} first, then go on to {major}.{new_minor}",
            minor + 1
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_is_never_left_out() {
        let step = |from: &str, to: Value| {
            let prior = Value::object([("version", Value::from(from))]);
            let planned = Value::object([("version", to)]);
            one_at_a_time(&prior, "version", &planned, "version").map_err(|e| e.message)
        };
        for (from, to) in [
            ("1.33", "1.34"),
            ("1.33.4-gke.1", "1.34.1-gke.7"),
            ("1.33", "1.33.9"),
            ("1.34", "1.33"),
            ("1.33", "latest"),
        ] {
            assert_eq!(step(from, Value::from(to)), Ok(()), "{from} to {to}");
        }
        assert_eq!(step("1.31", Value::UNKNOWN), Ok(()));
        let told = step("1.31.2", Value::from("1.34")).expect_err("too far");
        assert!(told.contains("apply 1.32 first"), "{told}");
    }
}
