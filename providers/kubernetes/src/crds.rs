//! `kubernetes_crds`: definitions of kinds, pinned, before everything that needs them.

use crate::kind::Kind;
use crate::options::{FieldManager, Timeouts};
use infra_model::{Record, Value};

/// Custom resource definitions from files, a chart or the stack itself, applied on the server and waited for until they are
/// established. Charts then run with their own left out. They stay when this is destroyed, unless `keep_on_destroy` is false.
#[derive(Clone, Debug, Record)]
pub(crate) struct CrdsRecord {
    /// Digest of the names.
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// URLs of files with definitions, one or many in each. Other objects in them are left out.
    #[record(optional)]
    pub(crate) urls: Vec<String>,
    /// The SHA-256 of each file, in the order of `urls`.
    #[record(optional)]
    pub(crate) sha256: Vec<String>,
    /// A chart whose definitions are taken: those of its `crds` folder, and those that it renders.
    #[record(block, max = 1)]
    pub(crate) chart: Vec<CrdChart>,
    /// Definitions themselves.
    #[record(optional)]
    pub(crate) manifests: Value,
    /// The kinds that are defined, as `GROUP/VERSION/KIND`, or `GROUP/VERSION/KIND:Cluster` for those in no namespace. With
    /// them custom resources can be planned before; a kind that is missing from the definitions is an error. In the sandbox,
    /// which reaches no internet, definitions that accept every field are made of them.
    #[record(optional)]
    pub(crate) provides: Vec<String>,
    /// Whether the definitions stay when this is destroyed, and with them all objects of their kinds.
    #[record(optional, default = true)]
    pub(crate) keep_on_destroy: bool,
    /// Whether definitions may be deleted that have objects: those go with them.
    #[record(optional, default = false)]
    pub(crate) allow_data_loss: bool,
    /// The names of the definitions, such as `certificates.cert-manager.io`.
    #[record(computed)]
    pub(crate) names: Vec<String>,
    /// Digest of what was applied.
    #[record(computed)]
    pub(crate) digest: Option<String>,
    /// Who applies.
    #[record(block, max = 1)]
    pub(crate) field_manager: Vec<FieldManager>,
    /// How long is waited.
    #[record(block, max = 1)]
    pub(crate) timeouts: Vec<Timeouts>,
}

/// A chart with definitions.
#[derive(Clone, Debug, Record)]
pub(crate) struct CrdChart {
    /// The repository's URL, `https://…` or `oci://…`.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// The chart's name in the repository, or the path of a folder or archive.
    #[record(required)]
    pub(crate) name: String,
    /// Its version.
    #[record(optional)]
    pub(crate) version: Option<String>,
    /// The archive's digest, `sha256:…`; another one is refused.
    #[record(optional)]
    pub(crate) digest: Option<String>,
    /// Values under which the chart renders its definitions, such as `{ crds = { enabled = true } }`.
    #[record(optional)]
    pub(crate) values: Value,
}

/// The type.
pub(crate) struct Crds;

impl Kind for Crds {
    type Record = CrdsRecord;
    const TYPE: &'static str = "kubernetes_crds";
}
