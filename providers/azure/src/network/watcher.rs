//! `azurerm_network_watcher`.

use super::VERSION;
use crate::api::{Api, grouped};
use crate::kind::Kind;
use infra_model::Record;
use infra_model::schema::Traits;
use std::collections::BTreeMap;

/// What records the traffic of a region's networks. A subscription has one in each region: Azure makes `NetworkWatcher_REGION` in the
/// resource group `NetworkWatcherRG` by itself with the first virtual network there, unless that was switched off.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct WatcherRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Watcher;

pub(super) const API: Api = Api::new(
    "Microsoft.Network/networkWatchers",
    VERSION,
    grouped!("Microsoft.Network/networkWatchers/{name}"),
);

#[async_trait::async_trait]
impl Kind for Watcher {
    type Record = WatcherRecord;
    const TYPE: &'static str = "azurerm_network_watcher";
    const API: Api = API;

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 10)
    }
}
