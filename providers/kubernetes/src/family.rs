//! Limits of the API server. It has priority and fairness of its own; these keep a run from filling its queues.

use infra_model::schema::ApiFamily;

/// Calls that read.
pub(crate) const READ: &str = "kubernetes.read";
/// Calls that write.
pub(crate) const WRITE: &str = "kubernetes.write";
/// Runs of the `helm` program.
pub(crate) const HELM: &str = "helm";

/// All of them.
pub(crate) fn limits() -> Vec<ApiFamily> {
    let family = |name, concurrent, burst, per_second| ApiFamily {
        name,
        concurrent,
        burst,
        per_second,
    };
    vec![
        family(READ, 16, 400.0, 100.0),
        family(WRITE, 16, 200.0, 50.0),
        family(HELM, 4, 20.0, 10.0),
    ]
}
