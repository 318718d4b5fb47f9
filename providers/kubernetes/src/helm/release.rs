//! `helm_release`.

use crate::kind::Kind;
use infra_model::{Record, Value};
use std::collections::BTreeMap;

/// A chart, installed by the `helm` program (3.14 or newer). Version and digest are pinned; what a change of them means for each
/// object shows in the plan. The release is waited for by infra itself.
#[derive(Clone, Debug, Record)]
pub(crate) struct ReleaseRecord {
    /// `NAMESPACE/NAME`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// The release's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The namespace that it is installed in.
    #[record(optional, force_new, default = "default")]
    pub(crate) namespace: String,
    /// The chart's name in the repository, an `oci://` URL, or the path of a folder or archive.
    #[record(required)]
    pub(crate) chart: String,
    /// The repository's URL, `https://…` or `oci://…`.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// A user of the repository.
    #[record(optional)]
    pub(crate) repository_username: Option<String>,
    /// The user's password.
    #[record(optional, sensitive)]
    pub(crate) repository_password: Option<String>,
    /// The chart's version. Without one, the newest when the release is made.
    #[record(optional, computed)]
    pub(crate) version: Option<String>,
    /// The archive's digest, `sha256:…`; another one is refused.
    #[record(optional)]
    pub(crate) digest: Option<String>,
    /// The chart's values: a table, or a list of tables and YAML texts, of which later ones go before.
    #[record(optional)]
    pub(crate) values: Value,
    /// Values that are never shown; they go before the others.
    #[record(optional, sensitive)]
    pub(crate) values_sensitive: Value,
    /// Whether the chart's `crds` folder is left out.
    #[record(optional, default = false)]
    pub(crate) skip_crds: bool,
    /// Whether the namespace is made where there is none. It stays when the release goes.
    #[record(optional, default = false)]
    pub(crate) create_namespace: bool,
    /// Whether an upgrade that fails is rolled back, and an installation that fails is taken away.
    #[record(optional, default = false)]
    pub(crate) atomic: bool,
    /// Whether the release's objects are waited for until they are ready.
    #[record(optional, default = true)]
    pub(crate) wait: bool,
    /// Whether its jobs are waited for too.
    #[record(optional, default = false)]
    pub(crate) wait_for_jobs: bool,
    /// How many seconds are waited.
    #[record(optional, default = 300)]
    pub(crate) timeout: i64,
    /// Whether a chart in a folder gets its dependencies before.
    #[record(optional, default = false)]
    pub(crate) dependency_update: bool,
    /// Whether the chart's hooks are left out.
    #[record(optional, default = false)]
    pub(crate) disable_webhooks: bool,
    /// How many revisions are kept; 0 for all.
    #[record(optional, default = 10)]
    pub(crate) max_history: i64,
    /// A remark in the release's history.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// The version of Kubernetes that the chart is rendered for in plans made before the cluster exists.
    #[record(optional)]
    pub(crate) kube_version: Option<String>,
    /// API versions that the chart finds in plans made before the cluster exists.
    #[record(optional)]
    pub(crate) api_versions: Vec<String>,
    /// What others wait for, as `Deployment/NAME`, `StatefulSet/NAME`, `DaemonSet/NAME` or `Service/NAME`: the sandbox, which
    /// reaches no internet, makes these instead of the chart's. By default one Deployment of the release's name.
    #[record(optional)]
    pub(crate) provides: Vec<String>,
    /// The release's revision.
    #[record(computed)]
    pub(crate) revision: Option<i64>,
    /// `deployed`, `failed`, …
    #[record(computed)]
    pub(crate) status: Option<String>,
    /// The version of what the chart installs.
    #[record(computed)]
    pub(crate) app_version: Option<String>,
    /// The rendered objects by `KIND/NAMESPACE/NAME`, as they were when this was planned. Secrets are left out.
    #[record(computed)]
    pub(crate) objects: Option<BTreeMap<String, String>>,
    /// Digest of the rendered objects.
    #[record(computed)]
    pub(crate) manifest_digest: Option<String>,
    /// Fields of rendered objects that were changed in the cluster since; the next apply puts them right.
    #[record(computed)]
    pub(crate) drift: Vec<String>,
}

/// The type.
pub(crate) struct Release;

impl Kind for Release {
    type Record = ReleaseRecord;
    const TYPE: &'static str = "helm_release";
}
