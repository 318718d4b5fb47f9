//! `azurerm_container_registry`.

mod replications;

use crate::api::{Api, grouped};
use crate::client::{Client, Method, Request};
use crate::identity::{self, Identity};
use crate::kind::{Kind, Update};
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, Path, PlanRequest, Planned, ProviderError, Record, Value,
    planning,
};
use replications::Georeplication;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The version of its calls.
pub(crate) const VERSION: &str = "2025-11-01";

/// A registry for container images. Network rules, retention, export, trust and zone redundancy need the `Premium` one.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct RegistryRecord {
    /// Its name, unique in the whole world: 5 to 50 letters and digits.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is, such as `West Europe`.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// `Basic`, `Standard` or `Premium`.
    #[record(required)]
    pub(crate) sku: String,
    /// Whether one can log in as its administrator, with a password.
    #[record(optional, default = false)]
    pub(crate) admin_enabled: bool,
    /// Whether it is reached from the internet.
    #[record(optional, default = true)]
    pub(crate) public_network_access_enabled: bool,
    /// Whether everybody may pull images.
    #[record(optional, default = false)]
    pub(crate) anonymous_pull_enabled: bool,
    /// Whether layers come from addresses of its own.
    #[record(optional, default = false)]
    pub(crate) data_endpoint_enabled: bool,
    /// Whether its images may leave it.
    #[record(optional, default = true)]
    pub(crate) export_policy_enabled: bool,
    /// Whether images wait until they were scanned.
    #[record(optional, default = false)]
    pub(crate) quarantine_policy_enabled: bool,
    /// After so many days manifests without a tag are deleted.
    #[record(optional)]
    pub(crate) retention_policy_in_days: Option<i64>,
    /// Whether images may be signed with Notary.
    #[record(optional, default = false)]
    pub(crate) trust_policy_enabled: bool,
    /// Whether it spans the zones of its region.
    #[record(optional, force_new, default = false)]
    pub(crate) zone_redundancy_enabled: bool,
    /// `AzureServices` or `None`: who reaches it in any case.
    #[record(optional, default = "AzureServices")]
    pub(crate) network_rule_bypass_option: String,
    /// Other regions that have all of its images too, which needs `Premium`.
    #[record(block, set)]
    pub(crate) georeplications: Vec<Georeplication>,
    /// From where it is reached.
    #[record(block, max = 1)]
    pub(crate) network_rule_set: Vec<NetworkRuleSet>,
    /// The key that encrypts it.
    #[record(block, max = 1)]
    pub(crate) encryption: Vec<Encryption>,
    /// The identities that it acts with.
    #[record(block, max = 1)]
    pub(crate) identity: Vec<Identity>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// What its images are named with.
    #[record(computed)]
    pub(crate) login_server: Option<String>,
    /// The administrator's name, where one can log in as such.
    #[record(computed)]
    pub(crate) admin_username: Option<String>,
    /// The administrator's password.
    #[record(computed, sensitive)]
    pub(crate) admin_password: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// From where a registry is reached.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NetworkRuleSet {
    /// `Allow` or `Deny`: what holds for all others.
    #[record(optional, default = "Allow")]
    pub(crate) default_action: String,
    /// Addresses that reach it.
    #[record(block, set)]
    pub(crate) ip_rule: Vec<IpRule>,
}

/// Addresses that reach a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Record)]
pub(crate) struct IpRule {
    /// `Allow`
    #[record(required)]
    pub(crate) action: String,
    /// The range.
    #[record(required)]
    pub(crate) ip_range: String,
}

/// The key that encrypts a registry.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// The key's address in its vault.
    #[record(required, force_new)]
    pub(crate) key_vault_key_id: String,
    /// The client id of the identity it is used with.
    #[record(required, force_new)]
    pub(crate) identity_client_id: String,
}

pub(crate) struct Registry;

/// What only the largest registry has.
fn policies(desired: &RegistryRecord) -> Json {
    let status = |on: bool| if on { "enabled" } else { "disabled" };
    let days = desired.retention_policy_in_days;
    let mut retention = json!({ "status": status(days.is_some()) });
    if let Some(days) = days {
        retention["days"] = days.into();
    }
    json!({
        "quarantinePolicy": { "status": status(desired.quarantine_policy_enabled) },
        "retentionPolicy": retention,
        "trustPolicy": { "type": "Notary", "status": status(desired.trust_policy_enabled) },
        "exportPolicy": { "status": status(desired.export_policy_enabled) },
    })
}

fn is_premium(sku: &str) -> bool {
    sku.eq_ignore_ascii_case("Premium")
}

/// Puts what only the largest registry has into its body, and takes it out of that of others.
fn complete_body(desired: &RegistryRecord, body: &mut Json) {
    if is_premium(&desired.sku) {
        wire::put(body, "properties/policies", policies(desired));
        return;
    }
    for name in [
        "dataEndpointEnabled",
        "zoneRedundancy",
        "networkRuleSet",
        "networkRuleBypassOptions",
    ] {
        wire::remove(body, &format!("properties/{name}"));
    }
    if desired.public_network_access_enabled {
        wire::remove(body, "properties/publicNetworkAccess");
    }
}

#[async_trait]
impl Kind for Registry {
    type Record = RegistryRecord;
    const TYPE: &'static str = "azurerm_container_registry";
    const API: Api = Api::new(
        "Microsoft.ContainerRegistry/registries",
        VERSION,
        grouped!("Microsoft.ContainerRegistry/registries/{name}"),
    );
    const RULES: Rules = &[
        ("sku", Rule::At("sku/name")),
        ("admin_enabled", Rule::At("properties/adminUserEnabled")),
        (
            "public_network_access_enabled",
            Rule::Switch("properties/publicNetworkAccess"),
        ),
        ("georeplications", Rule::Own),
        ("export_policy_enabled", Rule::Own),
        ("quarantine_policy_enabled", Rule::Own),
        ("retention_policy_in_days", Rule::Own),
        ("trust_policy_enabled", Rule::Own),
        (
            "zone_redundancy_enabled",
            Rule::Switch("properties/zoneRedundancy"),
        ),
        (
            "network_rule_bypass_option",
            Rule::At("properties/networkRuleBypassOptions"),
        ),
        ("network_rule_set.ip_rule", Rule::At("ipRules")),
        ("network_rule_set.ip_rule.ip_range", Rule::At("value")),
        (
            "encryption",
            Rule::At("properties/encryption/keyVaultProperties"),
        ),
        ("encryption.key_vault_key_id", Rule::At("keyIdentifier")),
        ("encryption.identity_client_id", Rule::At("identity")),
        ("identity", Rule::Own),
        ("admin_username", Rule::ShownOnly("credentials/username")),
        ("admin_password", Rule::ShownOnly("credentials/password")),
    ];
    const UPDATE: Update = Update::Patch;

    fn traits() -> Traits {
        Traits::default().seconds(20, 10, 10)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        let mut errors = Vec::new();
        let legal = |name: &str| {
            (5..=50).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric())
        };
        if text("name").is_some_and(|name| !legal(name)) {
            errors.push(ProviderError::invalid(
                "name",
                "a registry's name has 5 to 50 letters and digits",
            ));
        }
        let on = |name: &str| config.get(name).and_then(Value::as_bool) == Some(true);
        let said = |name: &str| {
            config
                .get(name)
                .is_some_and(|v| !v.is_null() && !v.is_unknown())
        };
        if text("sku").is_some_and(|sku| !is_premium(sku)) {
            let wanting = [
                "zone_redundancy_enabled",
                "data_endpoint_enabled",
                "quarantine_policy_enabled",
                "trust_policy_enabled",
            ]
            .into_iter()
            .find(|name| on(name))
            .or_else(|| said("retention_policy_in_days").then_some("retention_policy_in_days"));
            let replicated = config
                .get("georeplications")
                .and_then(Value::elements)
                .is_some_and(|all| !all.is_empty());
            if let Some(name) = wanting.or(replicated.then_some("georeplications")) {
                errors.push(ProviderError::invalid(
                    name,
                    format!("`{name}` needs `sku = \"Premium\"`"),
                ));
            }
        }
        errors.extend(replications::wrong(config));
        errors
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        // A key can be neither given nor taken later.
        let count = |value: Option<&Value>| {
            let blocks = value
                .and_then(|v| v.get("encryption"))
                .and_then(Value::elements);
            blocks.map(<[Value]>::len)
        };
        let (old, new) = (count(request.prior), count(Some(&planned.value)));
        if matches!((old, new), (Some(old), Some(new)) if old != new) {
            planned.replace.push(Path::attribute("encryption"));
        }
        if let Some(prior) = request.prior
            && prior.get("admin_enabled") != planned.value.get("admin_enabled")
        {
            let block = RegistryRecord::block();
            planning::mark_unknown(planned, &block, &["admin_username", "admin_password"]);
        }
        identity::plan(request, planned);
        Ok(())
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &RegistryRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_body(desired, body);
        identity::put(body, &[], &desired.identity);
        if !desired.encryption.is_empty() {
            wire::put(body, "properties/encryption/status", "enabled".into());
        }
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &RegistryRecord,
        desired: &RegistryRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        complete_body(desired, body);
        identity::put(body, &prior.identity, &desired.identity);
        if desired.network_rule_set.is_empty()
            && !prior.network_rule_set.is_empty()
            && is_premium(&desired.sku)
        {
            let open = json!({ "defaultAction": "Allow", "ipRules": [] });
            wire::put(body, "properties/networkRuleSet", open);
        }
        Ok(())
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &RegistryRecord,
    ) -> Result<(), ProviderError> {
        replications::change(
            client,
            context,
            operation,
            id,
            &[],
            &desired.georeplications,
        )
        .await
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &RegistryRecord,
        desired: &RegistryRecord,
    ) -> Result<(), ProviderError> {
        let (old, new) = (&prior.georeplications, &desired.georeplications);
        replications::change(client, context, operation, id, old, new).await
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        _: Option<&RegistryRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        if is_premium(found["sku"]["name"].as_str().unwrap_or_default()) {
            found["replications"] = replications::list(client, context, id).await?.into();
        }
        if found["properties"]["adminUserEnabled"] != true {
            return Ok(());
        }
        let path = format!("{id}/listCredentials");
        let request = Request::new(Method::Post, Self::API.name, VERSION, path);
        match client.call(context, &request).await {
            Ok(answer) => {
                found["credentials"] = json!({
                    "username": answer["username"],
                    "password": answer["passwords"][0]["value"],
                });
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::Denied => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn shown(found: &mut Json) {
        if found["properties"]["encryption"]["status"] != "enabled" {
            wire::remove(found, "properties/encryption");
        }
    }

    fn complete(
        _: &Client,
        found: &Json,
        prior: Option<&RegistryRecord>,
        record: &mut RegistryRecord,
    ) {
        let said = prior.map(|p| &*p.identity).unwrap_or_default();
        record.identity = identity::found(found, said);
        let said = prior.map(|p| &*p.georeplications).unwrap_or_default();
        // Where they were not asked for, what was said stands.
        record.georeplications = match found.get("replications") {
            Some(_) => replications::found(found, said),
            None => said.to_vec(),
        };
        let policies = &found["properties"]["policies"];
        let on = |name: &str| policies[name]["status"] == "enabled";
        record.quarantine_policy_enabled = on("quarantinePolicy");
        record.trust_policy_enabled = on("trustPolicy");
        record.export_policy_enabled = policies["exportPolicy"]["status"] != "disabled";
        let days = policies["retentionPolicy"]["days"].as_i64();
        record.retention_policy_in_days = days.filter(|_| on("retentionPolicy"));
        let unsaid = prior.is_none_or(|p| p.network_rule_set.is_empty());
        record.network_rule_set.retain(|rules| {
            !(unsaid && rules.default_action == "Allow" && rules.ip_rule.is_empty())
        });
    }
}
