//! Metadata of the kinds that have types of their own.

use infra_model::Record;
use std::collections::BTreeMap;

/// An object's metadata, inside a namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Metadata {
    /// The object's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Its namespace.
    #[record(optional, force_new, default = "default")]
    pub(crate) namespace: String,
    /// Labels. What others add is left alone.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations. What others add is left alone.
    #[record(optional)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Tells the object from others of the same name before and after it.
    #[record(computed)]
    pub(crate) uid: Option<String>,
}

/// Metadata of what is in no namespace.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ClusterMetadata {
    /// The object's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Labels. What others add is left alone.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations. What others add is left alone.
    #[record(optional)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Tells the object from others of the same name before and after it.
    #[record(computed)]
    pub(crate) uid: Option<String>,
}
