//! `google_compute_network_endpoint_group`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;

/// A group of addresses and ports of a zone that a backend service sends to.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct EndpointGroupRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The network.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) network: String,
    /// The subnetwork.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) subnetwork: Option<String>,
    /// `GCE_VM_IP_PORT`, `GCE_VM_IP`, `NON_GCP_PRIVATE_IP_PORT`.
    #[record(optional, force_new, default = "GCE_VM_IP_PORT")]
    pub(crate) network_endpoint_type: String,
    /// The port of endpoints without one of their own.
    #[record(optional, force_new)]
    pub(crate) default_port: Option<i64>,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// How many endpoints it has.
    #[record(computed)]
    pub(crate) size: Option<i64>,
    /// The zone. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) zone: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/zones/{zone}/networkEndpointGroups/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
}

pub(crate) struct EndpointGroup;

impl Kind for EndpointGroup {
    type Record = EndpointGroupRecord;
    const TYPE: &'static str = "google_compute_network_endpoint_group";
    const API: Api = super::api(
        "compute.networkEndpointGroups",
        "projects/{project}/zones/{zone}/networkEndpointGroups",
        Update::None,
    );

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8)
    }
}
