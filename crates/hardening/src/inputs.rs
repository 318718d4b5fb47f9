//! What stands in `[hardening.NAME]` itself, beside the controls' own tables, and which controls are on.

use crate::Entry;
use crate::app::{self, App};
use crate::charts::{self, Pins};
use crate::site::Site;
use infra_draft::draft::Draft;
use infra_draft::input::{self, Input};
use infra_model::diagnostic::meant;
use infra_model::{Block, Record, Value};
use std::collections::BTreeSet;

/// The inside of a cluster, hardened in the same apply that makes the cluster: encrypted traffic, sealed secrets, networks that
/// deny by default, databases that survive, monitoring, logs, policies. Each control is a table of its own; the profile says
/// which are on without one.
#[derive(Record)]
pub(crate) struct Inputs {
    /// The cluster, by name, such as `main`; for one of several `'main["eu"]'`. Must be known while planning.
    #[record(required)]
    pub(crate) cluster: Value,
    /// Which controls are on: `production` (all of them), `baseline` (those that cost nothing to run), or a list of their names. A control
    /// whose table is written is on too, unless it says `enabled = false`. Must be known while planning.
    #[record(optional)]
    pub(crate) profile: Value,
    /// The domain that services are reached under.
    #[record(optional)]
    pub(crate) domain: Option<Input<String>>,
    /// Who brings objects to the cluster: `direct`, this program; or `gitops`: they are committed to the repository of the control
    /// `gitops`, and Argo CD or Flux brings them from there.
    #[record(optional, default = "direct")]
    pub(crate) delivery: String,
    /// Pins of charts by their names, where they are not those that this infra was tested with: `repository`, `version`, `digest`.
    /// `infra harden lock` writes them. Must be known while planning.
    #[record(optional)]
    pub(crate) charts: Value,
    /// What runs there, by name: who may talk to whom, what is reached from outside, how much it may use. Must be known while planning.
    #[record(optional)]
    pub(crate) apps: Value,
}

/// What every control's table has.
#[derive(Record)]
pub(crate) struct Switch {
    /// `false` switches off what the profile switches on.
    #[record(optional)]
    pub(crate) enabled: Option<bool>,
}

/// Completes the documentation.
pub(crate) fn describe(inputs: &mut Block) {
    input::document_fields(inputs, "apps", &app::Inputs::block());
    input::document_fields(inputs, "charts", &charts::Pin::block());
}

/// What is known before any control is asked.
pub(crate) struct Found {
    pub(crate) site: Site,
    pub(crate) on: BTreeSet<&'static str>,
    pub(crate) domain: Option<Input<String>>,
    pub(crate) apps: Vec<App>,
    /// Whether objects are committed.
    pub(crate) commits: bool,
    /// What the stack pins of charts.
    pub(crate) pins: Pins,
}

/// Reads the inputs; what is wrong is refused.
pub(crate) fn find(inputs: &Inputs, registry: &[Entry], draft: &mut Draft<'_>) -> Option<Found> {
    let site = Site::find(&inputs.cluster, draft);
    let on = controls(inputs, registry, draft);
    let watched = on.as_ref().is_some_and(|on| on.contains("gitops"));
    match inputs.delivery.as_str() {
        "direct" => {}
        "gitops" if watched || on.is_none() => {}
        "gitops" => draft.refuse(
            "delivery",
            "nothing in the cluster would watch the repository: the control `gitops` is off",
            "switch it on, with its `repository`, or write `delivery = \"direct\"`",
        ),
        other => {
            let meant = meant(other, ["direct", "gitops"]);
            draft.refuse(
                "delivery",
                format!("objects are not delivered by `{other}`{meant}"),
                "write \"direct\" or \"gitops\"",
            );
        }
    }
    let pins = charts::read(&inputs.charts, draft);
    let cloud = site.as_ref().map(|site| &site.cloud);
    let apps = app::read(&inputs.apps, cloud, draft)?;
    Some(Found {
        site: site?,
        on: on?,
        domain: inputs.domain.clone(),
        apps,
        commits: inputs.delivery == "gitops",
        pins,
    })
}

fn controls(
    inputs: &Inputs,
    registry: &[Entry],
    draft: &mut Draft<'_>,
) -> Option<BTreeSet<&'static str>> {
    let mut on = profile(&inputs.profile, registry, draft)?;
    for entry in registry {
        let table = draft.instance.inputs.get(entry.name);
        let Some(table) = table.and_then(Value::elements).and_then(<[_]>::first) else {
            continue;
        };
        let enabled = table.get("enabled").unwrap_or(&Value::NULL);
        match (enabled.is_null(), enabled.as_bool()) {
            (true, _) | (_, Some(true)) => {
                on.insert(entry.name);
            }
            (_, Some(false)) => {
                on.remove(entry.name);
            }
            _ => draft.refuse(
                &format!("{}.enabled", entry.name),
                "whether a control is on must be known while planning",
                "use a literal, a variable or a local value that depends on no resource",
            ),
        }
    }
    Some(on)
}

fn profile(
    profile: &Value,
    registry: &[Entry],
    draft: &mut Draft<'_>,
) -> Option<BTreeSet<&'static str>> {
    let names = || registry.iter().map(|e| e.name);
    let help = format!(
        "write \"production\", \"baseline\" or a list of these: {}",
        names().collect::<Vec<_>>().join(", ")
    );
    if profile.is_null() {
        return Some(names().collect());
    }
    if let Some(text) = profile.as_str() {
        return match text {
            "production" => Some(names().collect()),
            "baseline" => {
                let cheap = registry.iter().filter(|e| e.baseline);
                Some(cheap.map(|e| e.name).collect())
            }
            other => {
                let meant = meant(other, ["production", "baseline"]);
                draft.refuse(
                    "profile",
                    format!("there is no profile `{other}`{meant}"),
                    help,
                );
                None
            }
        };
    }
    let Some(items) = profile.elements() else {
        draft.refuse(
            "profile",
            "a profile is a name or a list of controls, known while planning",
            help,
        );
        return None;
    };
    let mut on = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("profile[{index}]");
        let Some(name) = item.as_str() else {
            draft.refuse(
                &path,
                "a control is named by text that is known while planning",
                help.as_str(),
            );
            continue;
        };
        match names().find(|n| *n == name) {
            Some(name) => {
                on.insert(name);
            }
            None => {
                let meant = meant(name, names());
                draft.refuse(
                    &path,
                    format!("there is no control `{name}`{meant}"),
                    help.as_str(),
                );
            }
        }
    }
    Some(on)
}
