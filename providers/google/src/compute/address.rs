//! `google_compute_address` and `google_compute_global_address`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeMap;

/// A static address of a region.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AddressRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The address itself, of an internal one.
    #[record(optional, computed, force_new)]
    pub(crate) address: Option<String>,
    /// `EXTERNAL` or `INTERNAL`.
    #[record(optional, force_new, default = "EXTERNAL")]
    pub(crate) address_type: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// `PREMIUM` or `STANDARD`.
    #[record(optional, computed, force_new)]
    pub(crate) network_tier: Option<String>,
    /// `GCE_ENDPOINT`, `SHARED_LOADBALANCER_VIP`, `VPC_PEERING`, …
    #[record(optional, computed, force_new)]
    pub(crate) purpose: Option<String>,
    /// The subnetwork of an internal address.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) subnetwork: Option<String>,
    /// The network, of a range for peering.
    #[record(optional, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// The length of a range.
    #[record(optional, force_new)]
    pub(crate) prefix_length: Option<i64>,
    /// `IPV4` or `IPV6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_version: Option<String>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/regions/{region}/addresses/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A static address, or a range of a network, that belongs to no region.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct GlobalAddressRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The address, or the first of a range.
    #[record(optional, computed, force_new)]
    pub(crate) address: Option<String>,
    /// `EXTERNAL` or `INTERNAL`.
    #[record(optional, force_new, default = "EXTERNAL")]
    pub(crate) address_type: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// `VPC_PEERING` for a range that services are reached in, or `PRIVATE_SERVICE_CONNECT`.
    #[record(optional, computed, force_new)]
    pub(crate) purpose: Option<String>,
    /// The network of an internal range.
    #[record(optional, force_new, compare = resource_name)]
    pub(crate) network: Option<String>,
    /// The length of a range.
    #[record(optional, computed, force_new)]
    pub(crate) prefix_length: Option<i64>,
    /// `IPV4` or `IPV6`.
    #[record(optional, computed, force_new)]
    pub(crate) ip_version: Option<String>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/addresses/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

pub(crate) struct Address;

impl Kind for Address {
    type Record = AddressRecord;
    const TYPE: &'static str = "google_compute_address";
    const API: Api = super::labelled(super::api(
        "compute.addresses",
        "projects/{project}/regions/{region}/addresses",
        Update::None,
    ));

    fn traits() -> Traits {
        Traits::default().seconds(4, 4, 4)
    }
}

pub(crate) struct GlobalAddress;

impl Kind for GlobalAddress {
    type Record = GlobalAddressRecord;
    const TYPE: &'static str = "google_compute_global_address";
    const API: Api = super::labelled(super::api(
        "compute.globalAddresses",
        "projects/{project}/global/addresses",
        Update::None,
    ));

    fn traits() -> Traits {
        Traits::default().seconds(4, 4, 4)
    }
}
