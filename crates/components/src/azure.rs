//! What several kinds need on Azure: where things stand, names that the whole world shares, vaults, keys and identities. No
//! kind's own natives.

use crate::draft::Draft;
use crate::network::Site;
use serde_json::{Value as Json, json};

/// The longest name of most things in a network.
pub(crate) const NAME: usize = 80;

/// The provider's location. Needs [`client`].
pub(crate) const LOCATION: &str = "${data.azurerm_client_config.this.location}";

/// The network watcher that Azure makes by itself in a region, and its resource group. The name, a template, needs [`client`].
pub(crate) const WATCHER: &str =
    "NetworkWatcher_${lower(replace(data.azurerm_client_config.this.location, \" \", \"\"))}";
pub(crate) const WATCHERS: &str = "NetworkWatcherRG";

/// The domain of vaults in the provider's Azure, which may be the government's or China's. Needs [`client`].
pub(crate) const VAULT_DOMAIN: &str = "${data.azurerm_client_config.this.vault_domain}";

/// The domain of PostgreSQL servers there, with which the names of their private zones end. Needs [`client`].
pub(crate) const POSTGRES_DOMAIN: &str = "${data.azurerm_client_config.this.postgres_domain}";

/// The domain of MySQL servers there, the same. Needs [`client`].
pub(crate) const MYSQL_DOMAIN: &str = "${data.azurerm_client_config.this.mysql_domain}";

/// Declares the data source behind [`LOCATION`], [`unique`] and the domains.
pub(crate) fn client(draft: &mut Draft<'_>) {
    draft.data("azurerm_client_config", "this", json!({}));
}

/// The zones' names in a region, for something in all of them.
pub(crate) fn zones(site: &Site) -> Vec<String> {
    (1..=site.zones.len())
        .map(|zone| zone.to_string())
        .collect()
}

/// A resource group of the component's own, `azurerm_resource_group.this`; a template of its name.
pub(crate) fn own_group(draft: &mut Draft<'_>) -> String {
    client(draft);
    let body =
        json!({ "name": draft.name("", 90), "location": LOCATION, "tags": draft.plain_tags() });
    draft.resource("azurerm_resource_group", "this", body);
    "${azurerm_resource_group.this.name}".to_owned()
}

/// The resource group of a network, in which all stands that stands in the network; a template of its name.
pub(crate) fn group_of(site: &Site, draft: &mut Draft<'_>) -> String {
    client(draft);
    // /subscriptions/ID/resourceGroups/NAME/…
    format!("${{split(\"/\", {}.id)[4]}}", site.reference)
}

/// The id of something that stands beside a network in its group: a template.
pub(crate) fn beside(site: &Site, collection: &str, name: &str) -> String {
    let provider = "Microsoft.Network";
    format!(
        "${{split(\"/providers/\", {}.id)[0]}}/providers/{provider}/{collection}/{name}",
        site.reference
    )
}

/// The end of a name that nobody else in the world may have, the same on every run: it follows from the subscription and the
/// component. Eight digits; needs [`client`].
pub(crate) fn unique(draft: &Draft<'_>) -> String {
    format!(
        "substr(sha256(\"${{data.azurerm_client_config.this.subscription_id}}/{}\"), 0, 8)",
        draft.name("", 200)
    )
}

/// A place in the order of an NSG's rules for this component, from 200 to 3999. Rules of one group must not share one: the
/// first that is free after the one that the name stands for. `kind`'s earlier instances say theirs as the fact `priority`.
pub(crate) fn priority(draft: &mut Draft<'_>, group: &str) -> i64 {
    let kind = draft.instance.kind;
    let taken: Vec<i64> = (draft.instance.list)(kind)
        .iter()
        .filter(|known| known.facts.get("rule_group").and_then(|v| v.as_str()) == Some(group))
        .filter_map(|known| {
            known
                .facts
                .get("priority")
                .and_then(infra_model::Value::as_i64)
        })
        .collect();
    let start = i64::from(crate::names::number(&draft.name("", 200)) % 3800);
    let free = (0..3800)
        .map(|step| 200 + (start + step) % 3800)
        .find(|priority| !taken.contains(priority))
        .unwrap_or(200 + start);
    draft.fact("rule_group", group.into());
    draft.fact("priority", free.into());
    free
}

/// A vault of the component's own, `azurerm_key_vault.this`, in which the one who applies may write: those who need that depend
/// on `azurerm_role_assignment.operator`.
pub(crate) fn vault(draft: &mut Draft<'_>, group: &str) {
    let days = if draft.protect() { LONGEST } else { 7 };
    vault_kept(draft, group, days);
}

/// How long a vault keeps what is deleted, at most, in days.
pub(crate) const LONGEST: i64 = 90;

/// The same, of which what is deleted can be had back for so many days.
pub(crate) fn vault_kept(draft: &mut Draft<'_>, group: &str, days: i64) {
    client(draft);
    // The name of a vault stays taken for a while after its end, so that it cannot follow from the component alone.
    draft.builtin("random_id", "this", json!({ "byte_length": 4 }));
    let name = format!("{}-${{random_id.this.hex}}", draft.start(15));
    let body = infra_draft::azure::vault(&name, group, days, draft.plain_tags());
    draft.resource("azurerm_key_vault", "this", body);
    let body = infra_draft::azure::vault_operator("this");
    draft.resource("azurerm_role_assignment", "operator", body);
}

/// A key in the vault, `azurerm_key_vault_key.this`. One that `rotates` gets a new version every 90 days: only for services
/// that follow to the new one by themselves.
pub(crate) fn key(draft: &mut Draft<'_>, name: &str, rotates: bool) {
    key_as(draft, "this", name, rotates);
}

/// The same, `azurerm_key_vault_key.BLOCK`, for a vault that has several.
pub(crate) fn key_as(draft: &mut Draft<'_>, block: &str, name: &str, rotates: bool) {
    let rotation = json!({ "automatic": { "time_after_creation": "P90D" } });
    let body = json!({
        "name": name,
        "key_vault_id": "${azurerm_key_vault.this.id}",
        "key_type": "RSA",
        "key_size": 3072,
        "key_opts": ["decrypt", "encrypt", "unwrapKey", "wrapKey"],
        "rotation_policy": rotates.then_some(rotation),
        "tags": draft.plain_tags(),
        "depends_on": ["azurerm_role_assignment.operator"],
    });
    draft.resource("azurerm_key_vault_key", block, body);
}

/// A storage account that nobody reaches but over TLS and by an identity; what it is for is still to be added.
pub(crate) fn account(name: Json, group: &str) -> Json {
    json!({
        "name": name,
        "resource_group_name": group,
        "location": LOCATION,
        "account_kind": "StorageV2",
        "account_tier": "Standard",
        // Three copies, one in each zone.
        "account_replication_type": "ZRS",
        "https_traffic_only_enabled": true,
        "min_tls_version": "TLS1_2",
        "allow_nested_items_to_be_public": false,
        "shared_access_key_enabled": false,
        "default_to_oauth_authentication": true,
        "local_user_enabled": false,
        "cross_tenant_replication_enabled": false,
    })
}

/// An identity, `azurerm_user_assigned_identity.NAME`.
pub(crate) fn identity(draft: &mut Draft<'_>, block: &str, suffix: &str, group: &str) {
    let body = json!({
        "name": draft.name(suffix, 128),
        "resource_group_name": group,
        "location": LOCATION,
        "tags": draft.plain_tags(),
    });
    draft.resource("azurerm_user_assigned_identity", block, body);
}

/// A vault with a key, and an identity `azurerm_user_assigned_identity.this` that may encrypt with it: who uses the key comes after
/// `azurerm_role_assignment.key`.
pub(crate) fn encryption(
    draft: &mut Draft<'_>,
    group: &str,
    name: &str,
    rotates: bool,
    suffix: &str,
) {
    vault(draft, group);
    encryption_within(draft, group, name, rotates, suffix);
}

/// The same, in the component's vault.
pub(crate) fn encryption_within(
    draft: &mut Draft<'_>,
    group: &str,
    name: &str,
    rotates: bool,
    suffix: &str,
) {
    key(draft, name, rotates);
    identity(draft, "this", suffix, group);
    grant(
        draft,
        "key",
        "this",
        "Key Vault Crypto Service Encryption User",
        "${azurerm_key_vault_key.this.resource_versionless_id}",
    );
}

/// A role of an identity of the component, `azurerm_role_assignment.BLOCK`.
pub(crate) fn grant(draft: &mut Draft<'_>, block: &str, identity: &str, role: &str, scope: &str) {
    let body = json!({
        "scope": scope,
        "role_definition_name": role,
        "principal_id": format!("${{azurerm_user_assigned_identity.{identity}.principal_id}}"),
        "principal_type": "ServicePrincipal",
    });
    draft.resource("azurerm_role_assignment", block, body);
}

/// Keeps a resource from being deleted by anybody, `azurerm_management_lock.this`, where the stack is protected. It goes before the
/// resource does, and before `inside`, which is in it; so it has `afresh`, an attribute that is another one in another resource. For types
/// without a protection of their own, in which nothing comes and goes while they stay: a lock holds for all that is in a resource, role
/// assignments too (<https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>).
pub(crate) fn lock(draft: &mut Draft<'_>, resource: &str, afresh: &str, inside: &[&str]) {
    if !draft.protect() {
        return;
    }
    let body = json!({
        "name": "protected",
        "scope": format!("${{{resource}.id}}"),
        "lock_level": "CanNotDelete",
        "notes": "The stack is protected: infra destroy --unprotect takes this away first.",
        "deletion_protection": true,
        "depends_on": inside,
        "lifecycle": { "replace_triggered_by": [format!("{resource}.{afresh}")] },
    });
    draft.resource("azurerm_management_lock", "this", body);
}

/// A rule of a network security group that lets somebody in.
pub(crate) struct Opening<'a> {
    pub(crate) group: &'a str,
    pub(crate) security_group: &'a str,
    pub(crate) priority: i64,
    /// A service tag, or ranges.
    pub(crate) from: Json,
    pub(crate) ports: Json,
    pub(crate) description: &'a str,
}

/// The rule, `azurerm_network_security_rule.BLOCK`.
pub(crate) fn open(draft: &mut Draft<'_>, block: &str, opening: &Opening<'_>) {
    let ranges = opening.from.is_array();
    let body = json!({
        "name": draft.name(block, NAME),
        "resource_group_name": opening.group,
        "network_security_group_name": opening.security_group,
        "description": opening.description,
        "priority": opening.priority,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "source_address_prefix": (!ranges).then(|| opening.from.clone()),
        "source_address_prefixes": ranges.then(|| opening.from.clone()),
        "source_port_range": "*",
        "destination_address_prefix": "*",
        "destination_port_ranges": opening.ports,
    });
    draft.resource("azurerm_network_security_rule", block, body);
}
