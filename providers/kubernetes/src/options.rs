//! Blocks that several types share: who applies, what is waited for, and for how long.

use infra_model::Record;
use std::collections::BTreeMap;

/// Who applies.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FieldManager {
    /// The name under which fields are owned.
    #[record(optional, default = "infra")]
    pub(crate) name: String,
    /// Whether fields that others own are taken from them.
    #[record(optional, default = false)]
    pub(crate) force_conflicts: bool,
}

/// What must have come true before the object counts as made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Wait {
    /// The Deployment, StatefulSet, DaemonSet, Job, Pod or PersistentVolumeClaim is rolled out: what `kubectl rollout status`
    /// asks for, and its like for the others.
    #[record(optional)]
    pub(crate) rollout: Option<bool>,
    /// The CustomResourceDefinition is established and its names are accepted, or the APIService is available.
    #[record(optional)]
    pub(crate) established: Option<bool>,
    /// The webhook configuration can be served: each of its services has ready endpoints, and its CA bundle is filled.
    #[record(optional)]
    pub(crate) webhook: Option<bool>,
    /// Conditions of its status.
    #[record(block)]
    pub(crate) condition: Vec<Condition>,
    /// Fields by path, such as `status.phase`, and the regular expression that their text must match; `*` for any value.
    #[record(optional)]
    pub(crate) fields: BTreeMap<String, String>,
}

/// A condition of an object's status.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Condition {
    /// `Ready`, `Programmed`, …
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// `True`, `False` or `Unknown`.
    #[record(optional, default = "True")]
    pub(crate) status: String,
    /// Its reason, where that matters.
    #[record(optional)]
    pub(crate) reason: Option<String>,
}

/// How long is waited, as in `30s`, `10m` or `1h`.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Timeouts {
    /// For it to be made; by default 10 minutes.
    #[record(optional)]
    pub(crate) create: Option<String>,
    /// For a change; by default 10 minutes.
    #[record(optional)]
    pub(crate) update: Option<String>,
    /// For it to be gone; by default 10 minutes.
    #[record(optional)]
    pub(crate) delete: Option<String>,
}
