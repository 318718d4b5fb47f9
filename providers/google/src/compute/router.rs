//! `google_compute_router`.

use crate::api::{Api, Update};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;

/// A cloud router: where routes and address translation of a network in a region are decided.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RouterRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The network.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) network: String,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Its BGP speaker.
    #[record(block, max = 1)]
    pub(crate) bgp: Vec<Bgp>,
    /// The region. By default the provider's.
    #[record(optional, computed, force_new, compare = resource_name)]
    pub(crate) region: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/regions/{region}/routers/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// A BGP speaker.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Bgp {
    /// Its autonomous system, a private number.
    #[record(required)]
    pub(crate) asn: i64,
    /// `DEFAULT` or `CUSTOM`.
    #[record(optional, default = "DEFAULT")]
    pub(crate) advertise_mode: String,
    /// `ALL_SUBNETS`.
    #[record(optional)]
    pub(crate) advertised_groups: Vec<String>,
    /// Seconds between keepalives.
    #[record(optional, default = 20)]
    pub(crate) keepalive_interval: i64,
    /// Ranges that are advertised.
    #[record(block)]
    pub(crate) advertised_ip_ranges: Vec<AdvertisedRange>,
}

/// An advertised range.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AdvertisedRange {
    /// Its addresses.
    #[record(required)]
    pub(crate) range: String,
    /// What it is.
    #[record(optional)]
    pub(crate) description: Option<String>,
}

pub(crate) struct Router;

impl Kind for Router {
    type Record = RouterRecord;
    const TYPE: &'static str = "google_compute_router";
    const API: Api = super::api(
        "compute.routers",
        "projects/{project}/regions/{region}/routers",
        Update::Patch,
    );

    fn traits() -> Traits {
        Traits::default().seconds(12, 12, 12)
    }
}
