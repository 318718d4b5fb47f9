//! Which clusters there are. Clouds say so through `Source`; one cluster with no cloud is always there. What has
//! gone with a cluster that its cloud deleted is taken away here.

use std::collections::BTreeMap;

use super::error::ApiError;
use super::store::{Object, Timer, Wake};
use crate::clock::Millis;
use crate::core::Frame;
use crate::world::Tx;

/// A cluster that a cloud has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// `aws`, `google`, `azure` or `local`.
    pub(crate) cloud: &'static str,
    /// Region or zone.
    pub(crate) location: String,
    pub(crate) name: String,
    /// Tells it from others of the same name that were before it.
    pub(crate) uid: String,
    /// The version that it runs: `1.33` or `1.33.4`.
    pub(crate) version: String,
    /// Whether its control plane answers.
    pub(crate) ready: bool,
    /// Since when it may know who may do what in it.
    pub(crate) since: Millis,
}

impl Found {
    /// Where its objects are in the world.
    pub(crate) fn scope(&self) -> String {
        format!(
            "{}/{}/{}/{}",
            self.cloud, self.location, self.name, self.uid
        )
    }

    /// The name that no other cluster has.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}.{}", self.cloud, self.location, self.name)
    }
}

/// A node that a cloud's pool or group has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// `aws:///eu-west-1a/i-0…`.
    pub(crate) provider_id: String,
    pub(crate) address: String,
    pub(crate) zone: String,
    pub(crate) region: String,
    pub(crate) machine_type: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Key, value, effect.
    pub(crate) taints: Vec<(String, String, String)>,
    /// Millicores and MiB.
    pub(crate) size: (u64, u64),
    pub(crate) max_pods: u64,
}

/// A Service of type LoadBalancer, as clouds see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exposed {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Port, node port, protocol.
    pub(crate) ports: Vec<(u16, u16, String)>,
    pub(crate) sources: Vec<String>,
    /// The address that is asked for.
    pub(crate) address: Option<String>,
}

impl Exposed {
    /// The name of what belongs to it in its cloud.
    pub(crate) fn cloud_name(&self) -> String {
        let digits: String = self.uid.chars().filter(|c| *c != '-').collect();
        format!("a{}", digits.get(..31).unwrap_or(&digits))
    }

    /// An annotation under `service.beta.kubernetes.io/`, empty where it has none.
    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.annotations
            .get(&format!("service.beta.kubernetes.io/{name}"))
            .map_or("", String::as_str)
    }
}

/// What is to stand in a cloud's secret manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Where: a region of AWS, a project of Google Cloud, the address of a vault of Azure.
    pub(crate) place: String,
    /// The secret's name, or its ARN.
    pub(crate) key: String,
    /// What it shall hold.
    pub(crate) value: Vec<u8>,
    /// Whether as text, where a cloud tells text from bytes.
    pub(crate) text: bool,
}

/// The tag or label of what External Secrets may write.
pub(crate) const PUSHED_BY: (&str, &str) = ("managed-by", "external-secrets");

/// Where a load balancer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Host(String),
    Ip(String),
}

/// A cloud, as the Kubernetes API sees it.
pub(crate) trait Source: Sync {
    /// Its clusters, also those that are not ready.
    fn clusters(&self, frame: &Frame<'_>) -> Vec<Found>;

    /// The nodes of a cluster.
    fn machines(&self, frame: &Frame<'_>, cluster: &Found) -> Vec<Machine>;

    /// Makes the load balancer of a Service, or changes it to what the Service is now; or says why it cannot.
    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        cluster: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>);

    /// Takes the load balancer of a Service away.
    fn withdraw<'a>(&self, frame: Frame<'a>, cluster: &Found, service: &Exposed) -> Frame<'a>;

    /// Puts something into the cloud's secret manager, as External Secrets does; or says why it cannot.
    fn push<'a>(&self, frame: Frame<'a>, secret: &Pushed) -> (Frame<'a>, Result<(), String>);
}

/// The clouds that have clusters, by name.
const SOURCES: &[(&str, &dyn Source)] = &[
    ("local", &super::local::Local),
    ("aws", &crate::aws::Clusters),
    ("google", &crate::google::Clusters),
    ("azure", &crate::azure::Clusters),
];

/// The cloud of a cluster.
pub(super) fn source(cloud: &str) -> &'static dyn Source {
    SOURCES
        .iter()
        .find(|(name, _)| *name == cloud)
        .map(|(_, source)| *source)
        .expect("clusters are of these clouds")
}

/// Every cluster.
fn all(frame: &Frame<'_>) -> Vec<Found> {
    SOURCES
        .iter()
        .flat_map(|(_, source)| source.clusters(frame))
        .collect()
}

/// The cluster of a name: `CLOUD.LOCATION.NAME`, or the name alone where only one has it.
pub(super) fn find(frame: &Frame<'_>, name: &str) -> Result<Found, ApiError> {
    pick(&all(frame), name)
}

/// The cluster of a name, for a request: what has gone with others is taken away first.
pub(super) fn enter(frame: &mut Frame<'_>, name: &str) -> Result<Found, ApiError> {
    let all = all(frame);
    clear(frame, &all);
    pick(&all, name)
}

fn pick(all: &[Found], name: &str) -> Result<Found, ApiError> {
    if let Some(found) = all.iter().find(|cluster| cluster.full_name() == name) {
        return ready(found);
    }
    let named: Vec<_> = all.iter().filter(|cluster| cluster.name == name).collect();
    match named.as_slice() {
        [one] => ready(one),
        [] => {
            let message = format!("The sandbox has no cluster {name:?}");
            Err(ApiError::new(404, "NotFound", message))
        }
        many => {
            let names: Vec<_> = many.iter().map(|cluster| cluster.full_name()).collect();
            let message = format!(
                "More than one cluster is named {name:?}: say one of {}",
                names.join(", ")
            );
            Err(ApiError::new(404, "NotFound", message))
        }
    }
}

fn ready(cluster: &Found) -> Result<Found, ApiError> {
    if cluster.ready {
        return Ok(cluster.clone());
    }
    let message = format!(
        "The control plane of cluster {:?} is not ready",
        cluster.name
    );
    Err(ApiError::new(503, "ServiceUnavailable", message).retry_after(1))
}

/// Takes away what was in clusters that are gone; what their controllers made in a cloud stays behind.
pub(crate) fn purge(frame: &mut Frame<'_>) {
    let all = all(frame);
    clear(frame, &all);
}

fn clear(frame: &mut Frame<'_>, live: &[Found]) {
    for scope in frame.tx.scopes::<Object>() {
        if !live.iter().any(|cluster| cluster.scope() == scope) {
            frame.tx.clear::<Object>(&scope);
            frame.tx.clear::<Wake>(&scope);
            frame.tx.clear::<Timer>(&scope);
        }
    }
}

/// Where a cluster's API is: host, port and path, without the scheme.
pub(crate) fn address(tx: &Tx<'_>, cloud: &str, location: &str, name: &str) -> String {
    format!(
        "{}/clusters/{cloud}.{location}.{name}",
        tx.kubernetes_authority()
    )
}
