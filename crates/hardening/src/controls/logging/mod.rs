//! Logs of all pods in one place that can be searched: Loki with Alloy, or Elasticsearch with Filebeat and Kibana.

mod alloy;
mod elk;
mod loki;

use crate::control::Control;
use crate::inside::Inside;
use infra_model::diagnostic::meant;
use infra_model::{Record, Value};
use std::collections::BTreeMap;

/// The logs of all pods, kept and searched in one place, apart for each team.
#[derive(Record)]
pub(crate) struct Config {
    /// Where they are kept: `loki` (on a bucket of the stack, read in Grafana) or `elk` (Elasticsearch and Kibana; free of charge under the
    /// Elastic License, which is no open-source one).
    #[record(optional, default = "loki")]
    pub(crate) engine: String,
    /// The bucket of Loki, by its name in this stack.
    #[record(optional)]
    pub(crate) bucket: Value,
    /// For how many days logs are kept.
    #[record(optional, default = 31)]
    pub(crate) retention_days: i64,
    /// The volume of each instance.
    #[record(optional)]
    pub(crate) storage: Option<String>,
    /// Instances.
    #[record(optional, default = 3)]
    pub(crate) replicas: i64,
}

/// Where everything stands.
const NAMESPACE: &str = "logging";
/// The tenant of what no team owns.
const PLATFORM: &str = "platform";

/// The control.
pub(crate) struct Logging;

impl Control for Logging {
    const NAME: &'static str = "logging";
    const BASELINE: bool = false;
    type Config = Config;

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        if !check(config, inside) {
            return;
        }
        if config.engine == "elk" {
            elk::expand(config, inside);
            return;
        }
        let found = (!config.bucket.is_null()).then(|| {
            inside
                .draft
                .find("bucket", "logging.bucket", &config.bucket)
        });
        match found {
            Some(Some(bucket)) => {
                inside.draft.outlived_by(&bucket.reference);
                loki::expand(config, &bucket.reference, inside);
                alloy::expand(inside);
            }
            Some(None) => {}
            None => {
                let name = inside.draft.instance.name.to_owned();
                inside.draft.refuse(
                    "logging",
                    "Loki keeps logs in a bucket, and none is named",
                    format!("declare `[bucket.logs]` and write `bucket = \"logs\"` in [hardening.{name}.logging]"),
                );
            }
        }
    }
}

/// The tenants, by the namespace whose logs are theirs.
fn tenants(inside: &Inside<'_>) -> BTreeMap<String, String> {
    inside
        .apps
        .iter()
        .map(|app| (app.namespace().to_owned(), app.team().to_owned()))
        .collect()
}

fn check(config: &Config, inside: &mut Inside<'_>) -> bool {
    let mut good = true;
    if !["loki", "elk"].contains(&config.engine.as_str()) {
        let meant = meant(&config.engine, ["loki", "elk"]);
        inside.draft.refuse(
            "logging.engine",
            format!("logs are not kept by `{}`{meant}", config.engine),
            "write \"loki\" or \"elk\"",
        );
        good = false;
    }
    if config.retention_days < 1 {
        inside.draft.refuse(
            "logging.retention_days",
            "logs are kept for at least one day",
            "write `retention_days = 31`",
        );
        good = false;
    }
    if config.replicas < 1 {
        inside.draft.refuse(
            "logging.replicas",
            "there is at least one instance",
            "write `replicas = 3`, or `enabled = false` to keep no logs",
        );
        good = false;
    }
    good
}
