//! `[hardening.X.apps.NAME]`: what runs in the cluster, who may talk to whom, and how much it may use. Controls read here what
//! concerns them; nothing is written from here.

use crate::flow::{self, Pods, Port};
use crate::system;
use infra_draft::cloud::Cloud;
use infra_draft::draft::Draft;
use infra_draft::input::{self, Input};
use infra_model::{Record, Value};
use std::collections::BTreeMap;

/// Something that runs in the cluster, in a namespace of its own.
#[derive(Clone, Record)]
pub(crate) struct Inputs {
    /// Its namespace; by default the app's name.
    #[record(optional)]
    pub(crate) namespace: Option<String>,
    /// The team that it belongs to: a label of the namespace, the tenant of its logs. Up to 63 letters, digits, `-`, `_` and `.`.
    #[record(optional)]
    pub(crate) team: Option<String>,
    /// What its pods may do: `restricted`, `baseline` or `privileged` of the Pod Security Standards.
    #[record(optional, default = "restricted")]
    pub(crate) pod_security: String,
    /// How much all its pods together may use.
    #[record(block, max = 1)]
    pub(crate) quota: Vec<Quota>,
    /// Its services by name.
    #[record(optional)]
    pub(crate) services: Value,
    /// A Postgres of its own, run by the control `database`.
    #[record(block, max = 1)]
    pub(crate) postgres: Vec<Postgres>,
}

/// How much all pods of an app together may use.
#[derive(Clone, Record)]
pub(crate) struct Quota {
    /// Processors, such as `8` or `500m`.
    #[record(optional)]
    pub(crate) cpu: Option<String>,
    /// Memory, such as `16Gi`.
    #[record(optional)]
    pub(crate) memory: Option<String>,
    /// Pods.
    #[record(optional)]
    pub(crate) pods: Option<i64>,
    /// Volumes together, such as `100Gi`.
    #[record(optional)]
    pub(crate) storage: Option<String>,
}

/// A service of an app: the pods with certain labels, behind a Service of this name.
#[derive(Clone, Record)]
pub(crate) struct Service {
    /// The port on which its pods and its Service listen. A service without one only calls others.
    #[record(optional)]
    pub(crate) port: Option<i64>,
    /// Who may call it: services of the same app (`front`), of another one (`shop.front`), or ranges of addresses.
    #[record(optional)]
    pub(crate) from: Vec<String>,
    /// What it may call beside services that name it under `from`: a service (`back`, `shop.back`), a managed database
    /// (`database.shop`), databases that Crossplane makes (`crossplane.database`), or a range of addresses with a port
    /// (`203.0.113.0/24:443`).
    #[record(optional)]
    pub(crate) to: Vec<String>,
    /// Where it is reached from outside.
    #[record(block, max = 1)]
    pub(crate) route: Vec<Route>,
    /// The labels of its pods; by default `app.kubernetes.io/name` with the service's name.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// The path under which its pods tell their metrics, on the service's port.
    #[record(optional)]
    pub(crate) metrics: Option<String>,
}

/// Where a service is reached from outside.
#[derive(Clone, Record)]
pub(crate) struct Route {
    /// The host; by default the domain of the hardening.
    #[record(optional)]
    pub(crate) host: Option<Input<String>>,
    /// What paths begin with.
    #[record(optional, default = "/")]
    pub(crate) path: String,
}

/// A Postgres of an app's own.
#[derive(Clone, Record)]
pub(crate) struct Postgres {
    /// The major version.
    #[record(optional, default = "17")]
    pub(crate) version: String,
    /// How many instances; the first writes, the others follow.
    #[record(optional, default = 3)]
    pub(crate) instances: i64,
    /// `small`, `medium`, `large` or `xlarge`.
    #[record(optional, default = "small")]
    pub(crate) size: String,
    /// The volume of each instance.
    #[record(optional, default = "20Gi")]
    pub(crate) storage: String,
    /// Which services of the app may connect.
    #[record(optional)]
    pub(crate) from: Vec<String>,
    /// Backups.
    #[record(block, max = 1)]
    pub(crate) backup: Vec<Backup>,
}

/// Backups of a Postgres.
#[derive(Clone, Record)]
pub(crate) struct Backup {
    /// The bucket that they go to, by its name in this stack.
    #[record(required)]
    pub(crate) bucket: Value,
    /// When a whole one is made, with seconds first; in between every change is archived.
    #[record(optional, default = "0 0 2 * * *")]
    pub(crate) schedule: String,
    /// How long they are kept.
    #[record(optional, default = "14d")]
    pub(crate) retention: String,
}

/// An app, read.
#[derive(Clone)]
pub(crate) struct App {
    /// Its name.
    pub(crate) name: String,
    /// As it is written.
    pub(crate) inputs: Inputs,
}

/// A service, read, with what follows from where it stands.
#[derive(Clone)]
pub(crate) struct Running {
    /// Its name.
    pub(crate) name: String,
    /// Its place in the inputs: `apps.shop.services.front`.
    pub(crate) path: String,
    /// As it is written.
    pub(crate) service: Service,
    /// The labels that select its pods.
    pub(crate) labels: BTreeMap<String, String>,
}

impl App {
    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        self.inputs.namespace.as_deref().unwrap_or(&self.name)
    }

    /// Whose it is: its team, or it is one of its own.
    pub(crate) fn team(&self) -> &str {
        self.inputs.team.as_deref().unwrap_or(&self.name)
    }

    /// Its place in the inputs.
    pub(crate) fn path(&self) -> String {
        format!("apps.{}", self.name)
    }

    /// The port of a service.
    pub(crate) fn port(service: &Service) -> Option<Port> {
        let port = service.port?;
        u16::try_from(port).ok().filter(|p| *p > 0).map(Port::tcp)
    }
}

/// Reads the apps and checks what can be checked of each by itself, and of where it stands.
pub(crate) fn read(apps: &Value, cloud: Option<&Cloud>, draft: &mut Draft<'_>) -> Option<Vec<App>> {
    if apps.is_null() {
        return Some(Vec::new());
    }
    let Some(entries) = apps.entries() else {
        draft.refuse(
            "apps",
            "`apps` is a table of apps by name, known while planning",
            "write `[hardening.main.apps.shop]`",
        );
        return None;
    };
    let mut out: Vec<App> = Vec::new();
    let mut good = true;
    for (name, table) in entries {
        let path = format!("apps.{name}");
        match input::read_table::<Inputs>(draft.instance, &path, table) {
            Ok(inputs) => {
                let app = App {
                    name: name.to_string(),
                    inputs,
                };
                good &= check(&app, cloud, draft);
                if let Some(other) = out.iter().find(|a| a.namespace() == app.namespace()) {
                    let message = format!("`{name}` and `{}` share a namespace", other.name);
                    draft.refuse(
                        &format!("{path}.namespace"),
                        message,
                        "give each app a namespace of its own",
                    );
                    good = false;
                }
                out.push(app);
            }
            Err(errors) => {
                draft.refuse_all(errors);
                good = false;
            }
        }
    }
    good.then_some(out)
}

fn check(app: &App, cloud: Option<&Cloud>, draft: &mut Draft<'_>) -> bool {
    let path = app.path();
    let mut good = true;
    let mut refuse = |path: String, message: String, help: &str| {
        draft.refuse(&path, message, help);
        good = false;
    };
    // Where none is written, the app's name is the namespace's.
    let place = match app.inputs.namespace {
        Some(_) => format!("{path}.namespace"),
        None => path.clone(),
    };
    let namespace = app.namespace();
    if !flow::is_label(namespace) {
        refuse(
            place,
            format!("`{namespace}` cannot be the name of a namespace"),
            "use up to 63 lower-case letters, digits and hyphens, first and last a letter or digit: `namespace = \"shop\"`",
        );
    } else if cloud.is_some_and(|cloud| system::is_taken(namespace, cloud)) {
        refuse(
            place,
            format!("the namespace `{namespace}` is the cluster's own"),
            "give the app one that nothing else is in: `namespace = \"shop\"`",
        );
    }
    let team = app.team();
    if !flow::is_label_value(team) {
        let place = match app.inputs.team {
            Some(_) => format!("{path}.team"),
            None => path.clone(),
        };
        refuse(
            place,
            format!("`{team}` cannot be the name of a team: it is a label, and the tenant of logs"),
            "use up to 63 letters, digits, `-`, `_` and `.`, first and last a letter or digit: `team = \"shop\"`",
        );
    }
    let standard = &app.inputs.pod_security;
    if !["restricted", "baseline", "privileged"].contains(&standard.as_str()) {
        refuse(
            format!("{path}.pod_security"),
            format!("there is no pod security standard `{standard}`"),
            "write \"restricted\", \"baseline\" or \"privileged\"",
        );
    }
    good
}

/// The services of an app; what is wrong is refused.
pub(crate) fn services(app: &App, draft: &mut Draft<'_>) -> Vec<Running> {
    let base = format!("{}.services", app.path());
    if app.inputs.services.is_null() {
        return Vec::new();
    }
    let Some(entries) = app.inputs.services.entries() else {
        draft.refuse(
            &base,
            "`services` is a table of services by name, known while planning",
            format!("write `[hardening.{}.{base}.front]`", draft.instance.name),
        );
        return Vec::new();
    };
    let mut out = Vec::new();
    for (name, table) in entries {
        let path = format!("{base}.{name}");
        if !flow::is_label(name) {
            draft.refuse(
                &path,
                format!("`{name}` cannot be the name of a Service"),
                "use lower-case letters, digits and hyphens",
            );
            continue;
        }
        let service = match input::read_table::<Service>(draft.instance, &path, table) {
            Ok(service) => service,
            Err(errors) => {
                draft.refuse_all(errors);
                continue;
            }
        };
        if service.port.is_some() && App::port(&service).is_none() {
            draft.refuse(
                &format!("{path}.port"),
                "a port is a number from 1 to 65535",
                "write the one on which the pods listen",
            );
            continue;
        }
        let needs_port = !service.route.is_empty() || !service.from.is_empty();
        if service.port.is_none() && needs_port {
            draft.refuse(
                &path,
                format!("`{name}` is called, but has no port"),
                "write `port = 8000` with the port on which its pods listen",
            );
            continue;
        }
        let unfit = service.labels.iter().find(|(key, value)| {
            !flow::is_label_key(key) || !(value.is_empty() || flow::is_label_value(value))
        });
        if let Some((key, value)) = unfit {
            draft.refuse(
                &format!("{path}.labels"),
                format!("no pod can have the label `{key}` with the value `{value}`"),
                "values are up to 63 letters, digits, `-`, `_` and `.`, first and last a letter or digit; names too, as `app` or `example.com/app`",
            );
            continue;
        }
        let labels = if service.labels.is_empty() {
            BTreeMap::from([("app.kubernetes.io/name".to_owned(), name.to_string())])
        } else {
            service.labels.clone()
        };
        out.push(Running {
            name: name.to_string(),
            path,
            service,
            labels,
        });
    }
    out
}

impl Running {
    /// Its pods.
    pub(crate) fn pods(&self, namespace: &str) -> Pods {
        Pods {
            namespace: namespace.to_owned(),
            name: self.name.clone(),
            labels: self.labels.clone(),
        }
    }
}
