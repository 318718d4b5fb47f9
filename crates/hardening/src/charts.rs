//! `[hardening.X.charts.NAME]`: pins of charts that the stack says itself. `infra harden lock` writes them.

use crate::pins;
use infra_draft::draft::Draft;
use infra_draft::input;
use infra_model::diagnostic::meant;
use infra_model::{Record, Value};
use std::collections::BTreeMap;

/// A chart as it is pinned.
#[derive(Record)]
pub(crate) struct Pin {
    /// Another repository than the published one: a mirror, `https://…` or `oci://…`.
    #[record(optional)]
    pub(crate) repository: Option<String>,
    /// The version; by default the one that this infra was tested with.
    #[record(optional)]
    pub(crate) version: Option<String>,
    /// The digest, `sha256:…`: of the archive or, in a registry, of its manifest. Another chart under the same version is refused.
    #[record(optional)]
    pub(crate) digest: Option<String>,
}

/// A chart to install, and what pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// How controls name it, and what its table under `charts` is called: `cert-manager`.
    pub name: &'static str,
    /// The repository; `oci://…` for registries.
    pub repository: String,
    /// The chart's name in it.
    pub chart: &'static str,
    /// Its version.
    pub version: String,
    /// The digest, if one is known.
    pub digest: Option<String>,
}

/// The charts that controls install, as they are pinned where a stack says nothing else.
pub fn charts() -> impl Iterator<Item = Chart> {
    pins::charts().map(|chart| Chart {
        name: chart.name,
        repository: chart.repository.to_owned(),
        chart: chart.chart,
        version: chart.version.to_owned(),
        digest: chart.digest.map(str::to_owned),
    })
}

/// Pins by the names of charts.
pub(crate) type Pins = BTreeMap<String, Pin>;

/// Reads the table; what is wrong is refused.
pub(crate) fn read(charts: &Value, draft: &mut Draft<'_>) -> Pins {
    let mut out = Pins::new();
    if charts.is_null() {
        return out;
    }
    let Some(entries) = charts.entries() else {
        draft.refuse(
            "charts",
            "`charts` is a table of pins by the names of charts, known while planning",
            "write `[hardening.main.charts.cert-manager]`, or let `infra harden lock` write it",
        );
        return out;
    };
    for (name, table) in entries {
        let path = format!("charts[{:?}]", &**name);
        if !pins::charts().any(|c| c.name == &**name) {
            let meant = meant(name, pins::charts().map(|c| c.name));
            let all: Vec<&str> = pins::charts().map(|c| c.name).collect();
            draft.refuse(
                "charts",
                format!("no control installs a chart `{name}`{meant}"),
                format!("there is: {}", all.join(", ")),
            );
            continue;
        }
        match input::read_table::<Pin>(draft.instance, &path, table) {
            Ok(pin) => {
                check(name, &pin, draft);
                out.insert(name.to_string(), pin);
            }
            Err(errors) => draft.refuse_all(errors),
        }
    }
    out
}

fn check(name: &str, pin: &Pin, draft: &mut Draft<'_>) {
    let is_digest = |text: &str| {
        text.strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if let Some(digest) = pin.digest.as_deref().filter(|d| !is_digest(d)) {
        draft.refuse(
            "charts",
            format!("`{digest}` is no digest of the chart `{name}`"),
            "write `sha256:` and 64 hexadecimal digits, or let `infra harden lock` write it",
        );
    }
    if pin.digest.is_some() && pin.version.is_none() {
        draft.refuse(
            "charts",
            format!("the digest of `{name}` is of no version"),
            "write the `version` beside it",
        );
    }
}

/// A chart by the name that controls use, with what the stack says of it.
pub(crate) fn pinned(name: &str, pins: &Pins) -> Chart {
    let published = pins::chart(name);
    let said = pins.get(name);
    let text =
        |own: Option<&String>, other: &str| own.map_or_else(|| other.to_owned(), Clone::clone);
    let version = text(said.and_then(|p| p.version.as_ref()), published.version);
    let repository = text(
        said.and_then(|p| p.repository.as_ref()),
        published.repository,
    );
    // A digest is of one version, and in a registry it is the manifest's, not the archive's.
    let registry = |repository: &str| repository.starts_with("oci://");
    let same =
        version == published.version && registry(&repository) == registry(published.repository);
    let digest = match said.and_then(|p| p.digest.clone()) {
        Some(digest) => Some(digest),
        None if same => published.digest.map(str::to_owned),
        None => None,
    };
    Chart {
        name: published.name,
        repository,
        chart: published.chart,
        version,
        digest,
    }
}
