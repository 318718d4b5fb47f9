//! Blocks that several types share: who applies, what is waited for, and for how long.

use crate::apply::Settings;
use crate::wait::expression;
use infra_model::{ProviderError, Record, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who applies.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct FieldManager {
    /// The name under which fields are owned.
    #[record(optional, default = "infra")]
    pub(crate) name: String,
    /// Whether fields that others own are taken from them.
    #[record(optional, default = false)]
    pub(crate) force_conflicts: bool,
}

/// What must have come true before the object counts as made.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Wait {
    /// The Deployment, StatefulSet, DaemonSet, Job, Pod or PersistentVolumeClaim is rolled out: what `kubectl rollout status`
    /// asks for, and its like for the others.
    #[record(optional)]
    pub(crate) rollout: Option<bool>,
    /// The CustomResourceDefinition is established and its names are accepted, or the APIService is available.
    #[record(optional)]
    pub(crate) established: Option<bool>,
    /// The webhook configuration can be served: each of its services has ready endpoints, and its CA bundle is filled.
    #[record(optional)]
    pub(crate) webhook: Option<bool>,
    /// Conditions of its status.
    #[record(block)]
    pub(crate) condition: Vec<Condition>,
    /// Fields by path, such as `status.phase`, and the regular expression that their text must match; `*` for any value.
    #[record(optional)]
    pub(crate) fields: BTreeMap<String, String>,
}

/// A condition of an object's status.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Condition {
    /// `Ready`, `Programmed`, …
    #[record(required, rename = "type")]
    pub(crate) kind: String,
    /// `True`, `False` or `Unknown`.
    #[record(optional, default = "True")]
    pub(crate) status: String,
    /// Its reason, where that matters.
    #[record(optional)]
    pub(crate) reason: Option<String>,
}

/// How long is waited, as in `30s`, `10m` or `1h`.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Timeouts {
    /// For it to be made; by default 10 minutes.
    #[record(optional)]
    pub(crate) create: Option<String>,
    /// For a change; by default 10 minutes.
    #[record(optional)]
    pub(crate) update: Option<String>,
    /// For it to be gone; by default 10 minutes.
    #[record(optional)]
    pub(crate) delete: Option<String>,
}

/// How it is applied, by its blocks.
///
/// # Errors
/// A duration that is none.
pub(crate) fn settings(
    manager: Option<&FieldManager>,
    wait: Option<&Wait>,
    timeouts: Option<&Timeouts>,
) -> Result<Settings, ProviderError> {
    let mut settings = Settings {
        wait: wait.cloned(),
        ..Settings::default()
    };
    if let Some(manager) = manager {
        settings.manager.clone_from(&manager.name);
        settings.force = manager.force_conflicts;
    }
    if let Some(timeouts) = timeouts {
        for (text, limit) in [
            (&timeouts.create, &mut settings.create),
            (&timeouts.update, &mut settings.update),
            (&timeouts.delete, &mut settings.delete),
        ] {
            if let Some(text) = text {
                *limit = duration(text)?;
            }
        }
    }
    Ok(settings)
}

/// `30s`, `10m`, `1h30m`
fn duration(text: &str) -> Result<Duration, ProviderError> {
    let wrong = || {
        ProviderError::invalid(
            "timeouts",
            format!("`{text}` is no duration; write `30s`, `10m` or `1h`"),
        )
    };
    let (mut total, mut number) = (0, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let seconds = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(wrong()),
        };
        let count: u64 = number.parse().map_err(|_| wrong())?;
        total += count.checked_mul(seconds).ok_or_else(wrong)?;
        number.clear();
    }
    if !number.is_empty() || text.is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(total))
}

/// Checks the blocks of a configuration that may hold unknown values.
pub(crate) fn validate(config: &Value) -> Vec<ProviderError> {
    let mut errors = Vec::new();
    let inside = |name: &str| {
        config
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default()
            .to_vec()
    };
    for timeouts in inside("timeouts") {
        for text in timeouts.entries().into_iter().flat_map(BTreeMap::values) {
            errors.extend(text.as_str().and_then(|t| duration(t).err()));
        }
    }
    for wait in inside("wait") {
        let fields = wait.get("fields").and_then(Value::entries);
        for pattern in fields.into_iter().flat_map(BTreeMap::values) {
            let pattern = pattern.as_str().filter(|p| *p != "*");
            errors.extend(pattern.and_then(|p| expression(p).err()));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h30m", 5400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "10", "m", "1d", "1.5h", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
