//! `google_dns_managed_zone` and `google_dns_record_set`.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::Client;
use crate::family::DNS;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A zone of names.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZoneRecord {
    /// Its name in the project.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The domain, with a dot at its end.
    #[record(required, force_new)]
    pub(crate) dns_name: String,
    /// What it is for.
    #[record(optional, default = "Managed by infra")]
    pub(crate) description: String,
    /// `public` or `private`.
    #[record(optional, force_new, default = "public")]
    pub(crate) visibility: String,
    /// Who sees a private zone.
    #[record(block, max = 1)]
    pub(crate) private_visibility_config: Vec<Visibility>,
    /// Signatures.
    #[record(block, max = 1, computed)]
    pub(crate) dnssec_config: Vec<Dnssec>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// Whom the domain's parent must name.
    #[record(computed)]
    pub(crate) name_servers: Vec<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_time: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/managedZones/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who sees a private zone.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Visibility {
    /// Networks.
    #[record(block, min = 1)]
    pub(crate) networks: Vec<Network>,
}

/// A network.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Network {
    /// Its URL or id.
    #[record(required, compare = resource_name)]
    pub(crate) network_url: String,
}

/// Signatures.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Dnssec {
    /// `off`, `on` or `transfer`.
    #[record(optional, computed)]
    pub(crate) state: Option<String>,
}

pub(crate) struct Zone;

impl Kind for Zone {
    type Record = ZoneRecord;
    const TYPE: &'static str = "google_dns_managed_zone";
    const API: Api = Api {
        service: DNS,
        name: "dns.managedZones",
        collection: "projects/{project}/managedZones",
        key: "name",
        create: Create::Bare,
        update: Update::Patch,
        items: "managedZones",
        operations: Operations::None,
        labels: Labelled::At("labels", "/labels"),
    };

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    fn body(_: &Client, _: &ZoneRecord, body: &mut Map<String, Json>) {
        full_urls(body);
    }

    fn patch(_: &ZoneRecord, _: &ZoneRecord, patch: &mut Map<String, Json>) {
        full_urls(patch);
    }
}

/// Networks are named by their whole URL here.
fn full_urls(body: &mut Map<String, Json>) {
    let networks = body
        .get_mut("privateVisibilityConfig")
        .and_then(|c| c.get_mut("networks")?.as_array_mut());
    for network in networks.into_iter().flatten() {
        let name = network["networkUrl"].as_str().unwrap_or_default();
        if name.starts_with("projects/") {
            let url = format!("https://www.googleapis.com/compute/v1/{name}");
            network["networkUrl"] = url.into();
        }
    }
}

/// What a name means.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RecordSetRecord {
    /// The zone, by name or id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) managed_zone: String,
    /// The name, with a dot at its end.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// `A`, `AAAA`, `CNAME`, `TXT`, `MX`, …
    #[record(required, force_new)]
    pub(crate) r#type: String,
    /// Seconds for which others may remember it.
    #[record(optional, default = 300)]
    pub(crate) ttl: i64,
    /// What it means.
    #[record(required)]
    pub(crate) rrdatas: Vec<String>,
    /// The project. By default that of the zone's id, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct RecordSet;

impl Kind for RecordSet {
    type Record = RecordSetRecord;
    const TYPE: &'static str = "google_dns_record_set";
    const API: Api = Api {
        service: DNS,
        name: "dns.resourceRecordSets",
        collection: "projects/{project}/managedZones/{managed_zone}/rrsets/{name}",
        key: "type",
        create: Create::Bare,
        update: Update::Patch,
        items: "",
        operations: Operations::None,
        labels: Labelled::No,
    };
    const RULES: Rules = &[("name", Rule::Named("name"))];

    fn traits() -> Traits {
        Traits::default().seconds(3, 3, 3)
    }

    /// Sets are made in the zone, and found under their name.
    fn posted_to(collection: &str) -> String {
        collection
            .rsplit_once('/')
            .map_or(collection, |(zone, _)| zone)
            .to_owned()
    }

    fn body(_: &Client, desired: &RecordSetRecord, body: &mut Map<String, Json>) {
        body.insert("name".to_owned(), desired.name.as_str().into());
    }
}
