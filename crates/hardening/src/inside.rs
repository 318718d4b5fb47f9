//! The inside of a cluster in the making: what controls write, collected until everything is known that decides about order,
//! policies and limits.

use crate::app::{App, Running};
use crate::charts::{self, Chart, Pins};
use crate::delivery::Delivery;
use crate::drill::Origin;
use crate::flow::{Flow, Peer, Pods, Port};
use crate::inputs::Found;
use crate::node::{Node, Wait, Where, identifier};
use crate::objects;
use crate::pins;
use crate::site::Site;
use crate::versions;
use infra_draft::draft::Draft;
use infra_draft::input::{self, Input};
use infra_model::{Diagnostics, Record};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A namespace that is made.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// What its pods may do: `restricted`, `baseline` or `privileged`.
    pub(crate) pod_security: String,
    /// Whether it is an app's, and not the platform's.
    pub(crate) app: bool,
    /// Resources that come before whatever makes pods in it, by address: limits, keys.
    pub(crate) gates: Vec<String>,
}

/// A chart to install.
#[derive(Default)]
pub(crate) struct Release<'a> {
    /// The chart's key in `pins.rs`, which is also the release's name unless there is another.
    pub(crate) chart: &'a str,
    /// The release's name.
    pub(crate) name: Option<&'a str>,
    /// The namespace, which is declared by [`Inside::namespace`].
    pub(crate) namespace: &'a str,
    /// The chart's values.
    pub(crate) values: Json,
    /// What its objects are of beside the cluster's own kinds: `monitoring.coreos.com/ServiceMonitor`.
    pub(crate) kinds: &'a [&'a str],
    /// The API groups whose objects its webhooks judge.
    pub(crate) serves: &'a [&'static str],
    /// Its workloads, as `Deployment/NAME`.
    pub(crate) provides: &'a [&'a str],
    /// What comes before it, by address.
    pub(crate) after: Vec<String>,
}

/// Pods that tell metrics.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    /// Which.
    pub(crate) pods: Pods,
    /// On which port.
    pub(crate) port: u16,
    /// Under which path.
    pub(crate) path: String,
    /// What else a PodMonitor says of the endpoint, where it is not asked in the usual way.
    pub(crate) more: Json,
}

/// The inside of a cluster in the making.
pub(crate) struct Inside<'a> {
    /// Refusals, remarks, outputs and facts.
    pub(crate) draft: Draft<'a>,
    /// The cluster.
    pub(crate) site: Site,
    /// The domain that services are reached under.
    pub(crate) domain: Option<Input<String>>,
    /// What runs there.
    pub(crate) apps: Vec<App>,
    /// What is made, in order of writing.
    pub(crate) nodes: Vec<Node>,
    /// The namespaces that are made, by name.
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    /// Who talks to whom.
    pub(crate) flows: BTreeSet<Flow>,
    /// Where what is reached from outside comes in: an expression.
    pub(crate) address: Option<String>,
    /// The certificate that secrets are sealed with: an expression.
    pub(crate) sealing_certificate: Option<String>,
    /// Who tells metrics.
    pub(crate) scrapes: Vec<Scrape>,
    /// Whether objects are committed to a repository.
    pub(crate) commits: bool,
    /// Whether the stack says so, whoever brings them now.
    pub(crate) committed: bool,
    /// What it is made from, when it is a copy for a drill.
    pub(crate) origin: Option<Origin>,
    /// What the stack pins of charts.
    pub(crate) pins: Pins,
    /// How they are, once the control `gitops` has said so.
    pub(crate) delivery: Option<Delivery>,
    /// What names of images begin with that controls bring into apps' namespaces.
    pub(crate) images: BTreeSet<&'static str>,
    on: BTreeSet<&'static str>,
    services: BTreeMap<String, Vec<Running>>,
}

impl<'a> Inside<'a> {
    /// An empty one, but for the apps' namespaces.
    pub(crate) fn new(draft: Draft<'a>, found: Found) -> Inside<'a> {
        let mut inside = Inside {
            draft,
            site: found.site,
            domain: found.domain,
            apps: found.apps,
            nodes: Vec::new(),
            namespaces: BTreeMap::new(),
            flows: BTreeSet::new(),
            address: None,
            sealing_certificate: None,
            scrapes: Vec::new(),
            images: BTreeSet::new(),
            commits: found.commits,
            committed: found.commits,
            origin: None,
            pins: found.pins,
            delivery: None,
            on: found.on,
            services: BTreeMap::new(),
        };
        for app in inside.apps.clone() {
            let services = crate::app::services(&app, &mut inside.draft);
            inside.services.insert(app.name.clone(), services);
            for running in inside.services(&app.name).to_vec() {
                let port = App::port(&running.service);
                if let (Some(path), Some(port)) = (&running.service.metrics, port) {
                    let pods = running.pods(app.namespace());
                    inside.scrape(&pods, port.number, &infra_draft::input::escape(path));
                }
            }
            let mut labels =
                BTreeMap::from([("app.kubernetes.io/part-of".to_owned(), app.name.clone())]);
            labels.extend(
                app.inputs
                    .team
                    .clone()
                    .map(|team| ("team".to_owned(), team)),
            );
            inside.namespaces.insert(
                app.namespace().to_owned(),
                Namespace {
                    labels,
                    pod_security: app.inputs.pod_security.clone(),
                    app: true,
                    gates: Vec::new(),
                },
            );
        }
        inside
    }

    /// Whether a control is on.
    pub(crate) fn on(&self, control: &str) -> bool {
        self.on.contains(control)
    }

    /// A control's configuration, the defaults where nothing is written. Refused values are errors.
    pub(crate) fn config<C: Record>(&self, control: &str) -> Result<C, Diagnostics> {
        input::read_block(self.draft.instance, control)
    }

    /// The expression that reaches a control's table, for [`Input::json`].
    pub(crate) fn input(control: &str) -> String {
        input::table(control, 0)
    }

    /// The name of a service account that has rights in the cloud. That of a copy for a drill is another one: on Google Cloud rights are
    /// given to a namespace and a name, in whichever cluster of the project those are.
    pub(crate) fn account(&self, name: &str) -> String {
        match self.origin {
            Some(_) => format!("{name}-drill"),
            None => name.to_owned(),
        }
    }

    /// The services of an app.
    pub(crate) fn services(&self, app: &str) -> &[Running] {
        self.services
            .get(app)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// A namespace of the platform's. What is declared twice keeps the laxer standard; what an app has is refused.
    pub(crate) fn namespace(&mut self, name: &str, pod_security: &str) {
        if let Some(app) = self.apps.iter().find(|app| app.namespace() == name) {
            let path = match app.inputs.namespace {
                Some(_) => format!("{}.namespace", app.path()),
                None => app.path(),
            };
            let message = format!("the namespace `{name}` is one of the platform's");
            let help = "give the app one that nothing else is in: `namespace = \"shop\"`";
            self.draft.refuse(&path, message, help);
        }
        let rank = |s: &str| {
            ["restricted", "baseline", "privileged"]
                .iter()
                .position(|n| *n == s)
        };
        let namespace = self
            .namespaces
            .entry(name.to_owned())
            .or_insert_with(|| Namespace {
                labels: BTreeMap::new(),
                pod_security: pod_security.to_owned(),
                app: false,
                gates: Vec::new(),
            });
        if rank(pod_security) > rank(&namespace.pod_security) {
            namespace.pod_security = pod_security.to_owned();
        }
    }

    /// The definitions of a system's kinds, as published, once; its address.
    pub(crate) fn crds(&mut self, system: &str) -> String {
        let name = identifier(&[system]);
        let address = format!("kubernetes_crds.{name}");
        if self.nodes.iter().any(|n| n.address() == address) {
            return address;
        }
        let all: Vec<pins::Crd> = pins::crds(system).collect();
        let provides: Vec<String> = all.iter().flat_map(pins::Crd::provides).collect();
        let body = json!({
            "urls": all.iter().map(pins::Crd::url).collect::<Vec<_>>(),
            "sha256": all.iter().map(|c| c.sha256).collect::<Vec<_>>(),
            "provides": provides,
        });
        let mut node = Node::new("kubernetes_crds", name, Where::Cluster, body);
        node.kinds = all
            .iter()
            .map(|c| format!("{}/{}", c.group, c.kind))
            .collect();
        self.push(node)
    }

    /// A chart as it is pinned.
    pub(crate) fn chart(&self, name: &str) -> Chart {
        charts::pinned(name, &self.pins)
    }

    /// A chart; its address.
    pub(crate) fn release(&mut self, release: Release<'_>) -> String {
        let chart = self.chart(release.chart);
        let name = release.name.unwrap_or(chart.name);
        let body = json!({
            "name": name,
            "namespace": release.namespace,
            "repository": chart.repository,
            "chart": chart.chart,
            "version": chart.version,
            "digest": chart.digest,
            "values": release.values,
            "skip_crds": true,
            "wait_for_jobs": true,
            "timeout": 900,
            "kube_version": self.site.kubernetes,
            "kube_versions": versions::said(&chart),
            "provides": release.provides,
        });
        let mut node = Node::new("helm_release", identifier(&[name]), Where::Cluster, body);
        node.kinds = release.kinds.iter().map(|k| (*k).to_owned()).collect();
        node.serves = release.serves.to_vec();
        node.after = release.after;
        self.push(node)
    }

    /// An object; its address.
    pub(crate) fn object(&mut self, object: Json) -> String {
        self.waited(object, Wait::default())
    }

    /// An object that counts as made only when something has come true; its address.
    pub(crate) fn waited(&mut self, object: Json, wait: Wait) -> String {
        let body = json!({ "manifest": objects::managed(object), "wait": wait.json() });
        let node = Node::new("kubernetes_manifest", String::new(), Where::Cluster, body);
        self.push_object(node)
    }

    /// A node with an object, named by it; its address.
    pub(crate) fn push_object(&mut self, mut node: Node) -> String {
        let text = |pointer: &str| {
            let object = node.object().unwrap_or(&Json::Null);
            object
                .pointer(pointer)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let parts = [
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name"),
        ];
        node.name = identifier(&parts.each_ref().map(String::as_str));
        self.push(node)
    }

    /// A Secret; its address. Without a type it is `Opaque`.
    pub(crate) fn secret(
        &mut self,
        name: &str,
        metadata: Json,
        kind: Option<&str>,
        data: Json,
    ) -> String {
        let body = json!({ "metadata": metadata, "type": kind, "data": data });
        self.push(Node::new("kubernetes_secret", name, Where::Cluster, body))
    }

    /// A resource of the cluster's cloud; its address.
    pub(crate) fn cloud(&mut self, type_name: &'static str, name: &str, body: Json) -> String {
        self.push(Node::new(type_name, name, Where::Cloud, body))
    }

    /// A resource of this program's own, such as a key; its address.
    pub(crate) fn builtin(&mut self, type_name: &'static str, name: &str, body: Json) -> String {
        self.push(Node::new(type_name, name, Where::Builtin, body))
    }

    /// A node; its address.
    pub(crate) fn push(&mut self, node: Node) -> String {
        let address = node.address();
        self.nodes.push(node);
        address
    }

    /// A rule that the API server itself holds everybody to, whatever the engine of policies is: [`objects::admission`] says what
    /// with.
    pub(crate) fn admission(&mut self, name: &str, spec: Json, within: Option<Json>) {
        let [policy, binding] = objects::admission(name, spec, within);
        let policy = self.object(policy);
        let binding = self.object(binding);
        self.after(&binding, [policy]);
    }

    /// A node comes after others, by address.
    pub(crate) fn after(&mut self, address: &str, earlier: impl IntoIterator<Item = String>) {
        if let Some(node) = self.nodes.iter_mut().find(|n| n.address() == address) {
            node.after.extend(earlier);
        }
    }

    /// Allows a flow.
    pub(crate) fn allow(&mut self, from: Peer, to: Peer, ports: &[Port]) {
        let ports = ports.to_vec();
        self.flows.insert(Flow { from, to, ports });
    }

    /// Pods that call the Kubernetes API.
    pub(crate) fn calls_api(&mut self, pods: &Pods) {
        self.allow(Peer::Pods(pods.clone()), Peer::Api, &[]);
    }

    /// Pods whose port the Kubernetes API calls: webhooks.
    pub(crate) fn called_by_api(&mut self, pods: &Pods, port: u16) {
        self.allow(Peer::Api, Peer::Pods(pods.clone()), &[Port::tcp(port)]);
    }

    /// Pods that tell metrics, for the control `monitoring`.
    pub(crate) fn scrape(&mut self, pods: &Pods, port: u16, path: &str) {
        self.scrape_by(pods, port, path, Json::Null);
    }

    /// The same, where more must be said of how they are asked.
    pub(crate) fn scrape_by(&mut self, pods: &Pods, port: u16, path: &str, more: Json) {
        self.scrapes.push(Scrape {
            pods: pods.clone(),
            port,
            path: path.to_owned(),
            more,
        });
    }
}
