//! `google_compute_managed_ssl_certificate` and `google_compute_ssl_certificate`.

use crate::api::{Api, Update};
use crate::client::Client;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use infra_model::Record;
use infra_model::schema::Traits;
use serde_json::{Map, Value as Json};

/// A certificate that Google gets and renews. It is good once the domains point at the load balancer.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ManagedRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// For what.
    #[record(block, min = 1, max = 1, force_new)]
    pub(crate) managed: Vec<Domains>,
    /// The domains that it holds.
    #[record(computed)]
    pub(crate) subject_alternative_names: Vec<String>,
    /// Until when.
    #[record(computed)]
    pub(crate) expire_time: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/sslCertificates/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

/// Domains.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Domains {
    /// Their names.
    #[record(required)]
    pub(crate) domains: Vec<String>,
}

/// A certificate with its key.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CertificateRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// What it is for.
    #[record(optional, force_new)]
    pub(crate) description: Option<String>,
    /// The certificate and those that vouch for it, PEM.
    #[record(required, force_new, sensitive)]
    pub(crate) certificate: String,
    /// Its key, PEM.
    #[record(required, force_new, sensitive)]
    pub(crate) private_key: Option<String>,
    /// Until when.
    #[record(computed)]
    pub(crate) expire_time: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/global/sslCertificates/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its URL.
    #[record(computed)]
    pub(crate) self_link: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) creation_timestamp: Option<String>,
}

const API: Api = super::api(
    "compute.sslCertificates",
    "projects/{project}/global/sslCertificates",
    Update::None,
);

pub(crate) struct Managed;

impl Kind for Managed {
    type Record = ManagedRecord;
    const TYPE: &'static str = "google_compute_managed_ssl_certificate";
    const API: Api = API;

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8)
    }

    fn body(_: &Client, _: &ManagedRecord, body: &mut Map<String, Json>) {
        body.insert("type".to_owned(), Json::from("MANAGED"));
    }
}

pub(crate) struct Certificate;

impl Kind for Certificate {
    type Record = CertificateRecord;
    const TYPE: &'static str = "google_compute_ssl_certificate";
    const API: Api = API;
    const RULES: Rules = &[("certificate", Rule::Kept), ("private_key", Rule::SentOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8)
    }
}
