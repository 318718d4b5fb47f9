//! `secrets`: nothing secret stands in a repository or in a manifest. Sealed Secrets (`sealed`), which only this cluster can open,
//! or Vault (`vault`), from which External Secrets brings them.

mod external;
mod sealed;
mod stores;
mod vault;

use crate::control::Control;
use crate::inside::Inside;
use infra_draft::input::Input;
use infra_model::{Record, Value};
use serde_json::json;

/// Secrets: sealed ones that may stand in a repository, because only this cluster can open them, or those of a Vault that runs
/// in the cluster, brought to where they are used by External Secrets. The services that name a managed database under `to` find
/// its password, address and user in the secret `database-NAME` of their namespace: External Secrets brings it from the cloud's
/// secret manager, and follows when it is rotated there.
#[derive(Record)]
pub(crate) struct Config {
    /// `sealed-secrets` or `vault`.
    #[record(optional, default = "sealed-secrets")]
    pub(crate) engine: String,
    /// Names of the sealing keys, the newest last. A new name makes a new key, with which is sealed from then on; the older ones
    /// stay and open what they sealed. Must be known while planning.
    #[record(optional)]
    pub(crate) keys: Vec<String>,
    /// A file beside the stack file that gets the newest certificate, for `infra secrets seal` and `kubeseal --cert`: commit it.
    #[record(optional)]
    pub(crate) certificate_file: Option<String>,
    /// The Vault.
    #[record(block, max = 1)]
    pub(crate) vault: Vec<Vault>,
}

/// A Vault in the cluster.
#[derive(Record)]
pub(crate) struct Vault {
    /// PGP public keys in base64, one of each person: each gets a recovery key, encrypted to it, in the cloud's secret manager.
    #[record(optional)]
    pub(crate) recovery_recipients: Vec<Input<String>>,
    /// How many of them must come together.
    #[record(optional)]
    pub(crate) recovery_threshold: Option<i64>,
    /// Instances.
    #[record(optional, default = 3)]
    pub(crate) replicas: i64,
    /// The volume of each.
    #[record(optional, default = "10Gi")]
    pub(crate) storage: String,
    /// The bucket of snapshots, one each night, by its name in this stack.
    #[record(optional)]
    pub(crate) bucket: Value,
    /// For how many days snapshots are kept.
    #[record(optional, default = 30)]
    pub(crate) snapshot_days: i64,
}

/// The control.
pub(crate) struct Secrets;

impl Control for Secrets {
    const NAME: &'static str = "secrets";
    const BASELINE: bool = true;
    type Config = Config;

    /// The file is the real one's, and would go with the copy.
    fn beside(config: &mut Config) {
        config.certificate_file = None;
    }

    fn expand(config: &Config, inside: &mut Inside<'_>) {
        match config.engine.as_str() {
            "sealed-secrets" => {
                sealed::expand(config, inside);
                external::expand(false, inside);
            }
            "vault" => vault::expand(config, inside),
            other => {
                let meant = infra_model::diagnostic::meant(other, ["sealed-secrets", "vault"]);
                inside.draft.refuse(
                    "secrets.engine",
                    format!("secrets are not kept by `{other}`{meant}"),
                    "write \"sealed-secrets\" or \"vault\"",
                );
            }
        }
    }
}

/// External Secrets for what another control needs of it, unless it is there already.
pub(super) fn external(inside: &mut Inside<'_>) {
    let release = "helm_release.external_secrets";
    if !inside.nodes.iter().any(|n| n.address() == release) {
        external::expand(true, inside);
    }
}

/// On Azure a vault of its own, `azurerm_key_vault.NAME`, in which the one who applies may write once [`operator`] is there.
fn key_vault(name: &str, inside: &mut Inside<'_>) -> String {
    inside
        .draft
        .data("azurerm_client_config", "this", json!({}));
    // The name of a vault stays taken for a while after its end, so that it cannot follow from the stack alone.
    inside.builtin("random_id", name, json!({ "byte_length": 4 }));
    let unique = format!("{}-${{random_id.{name}.hex}}", inside.draft.start(15));
    let tags = inside.draft.plain_tags();
    let body = infra_draft::azure::vault(&unique, &inside.site.group(), 90, tags);
    inside.cloud("azurerm_key_vault", name, body);
    let body = infra_draft::azure::vault_operator(name);
    let block = format!("{name}_operator");
    inside.cloud("azurerm_role_assignment", &block, body);
    operator(name)
}

/// The address of the right to write in a vault.
fn operator(name: &str) -> String {
    format!("azurerm_role_assignment.{name}_operator")
}
