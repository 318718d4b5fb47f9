//! `azurerm_lb_probe`: an entry in a load balancer.

use super::lb;
use crate::api::Api;
use crate::entry::Entry;
use infra_model::Record;

/// How a load balancer finds out which machines work.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ProbeRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The load balancer.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) loadbalancer_id: String,
    /// `Tcp`, `Http` or `Https`.
    #[record(optional, default = "Tcp")]
    pub(crate) protocol: String,
    /// The port.
    #[record(required)]
    pub(crate) port: i64,
    /// The path that `Http` and `Https` ask for.
    #[record(optional)]
    pub(crate) request_path: Option<String>,
    /// Seconds between two probes.
    #[record(optional, default = 15)]
    pub(crate) interval_in_seconds: i64,
    /// How many unanswered ones take a machine out, in Azure's old way of counting.
    #[record(optional, default = 2)]
    pub(crate) number_of_probes: i64,
    /// How many failures or successes in a row take a machine out or in.
    #[record(optional, default = 1)]
    pub(crate) probe_threshold: i64,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Probe;

impl Entry for Probe {
    type Record = ProbeRecord;
    const TYPE: &'static str = "azurerm_lb_probe";
    const WHOLE: Api = lb::API;
    const OF: &'static str = "loadbalancer_id";
    const LIST: &'static str = "probes";
}
