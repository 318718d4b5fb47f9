//! `azurerm_private_endpoint`.

use super::VERSION;
use crate::api::{Api, grouped, short};
use crate::client::{Client, Method, Request};
use crate::kind::Kind;
use crate::operation;
use crate::wire::{self, Rule, Rules};
use infra_cloud::absence::absent_is_done;
use infra_cloud::wait::MINUTES;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// An address of a service in a subnet.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct EndpointRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The resource group.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) resource_group_name: String,
    /// Where it is.
    #[record(required, force_new, compare = blanks)]
    pub(crate) location: String,
    /// The subnet of the address.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) subnet_id: String,
    /// The name of its network interface.
    #[record(optional, force_new)]
    pub(crate) custom_network_interface_name: Option<String>,
    /// The service.
    #[record(block, min = 1, max = 1)]
    pub(crate) private_service_connection: Vec<Connection>,
    /// Addresses of its own choice.
    #[record(block)]
    pub(crate) ip_configuration: Vec<Address>,
    /// Private DNS zones that name it.
    #[record(block, max = 1)]
    pub(crate) private_dns_zone_group: Vec<ZoneGroup>,
    /// Tags.
    #[record(optional)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Tags, with the stack's default ones.
    #[record(computed)]
    pub(crate) tags_all: BTreeMap<String, String>,
    /// Its network interface.
    #[record(computed, compare = case_insensitive)]
    pub(crate) network_interface_id: Option<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// The service of a private endpoint.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Connection {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Whether the owner of the service must agree.
    #[record(required, force_new)]
    pub(crate) is_manual_connection: bool,
    /// The service's resource.
    #[record(optional, force_new, compare = case_insensitive)]
    pub(crate) private_connection_resource_id: Option<String>,
    /// Its alias, which its owner tells.
    #[record(optional, force_new)]
    pub(crate) private_connection_resource_alias: Option<String>,
    /// Which part of it, such as `blob`, `vault`, `registry`, `mysqlServer`, `postgresqlServer`.
    #[record(optional, force_new)]
    pub(crate) subresource_names: Vec<String>,
    /// What the owner is told, with `is_manual_connection`.
    #[record(optional)]
    pub(crate) request_message: Option<String>,
    /// The address.
    #[record(computed)]
    pub(crate) private_ip_address: Option<String>,
}

/// An address of a private endpoint.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Address {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The address.
    #[record(required, force_new)]
    pub(crate) private_ip_address: String,
    /// Which part of the service it is for.
    #[record(optional, force_new)]
    pub(crate) subresource_name: Option<String>,
    /// Which member of that part.
    #[record(optional, computed, force_new)]
    pub(crate) member_name: Option<String>,
}

/// Private DNS zones that name a private endpoint.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ZoneGroup {
    /// Its name.
    #[record(required)]
    pub(crate) name: String,
    /// The zones.
    #[record(required, compare = case_insensitive)]
    pub(crate) private_dns_zone_ids: Vec<String>,
    /// Its resource id.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Endpoint;

const GROUPS: &str = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups";

/// Azure keeps what was agreed and what must be in two lists, of which one has the connection.
fn listed(manual: bool) -> &'static str {
    if manual {
        "manualPrivateLinkServiceConnections"
    } else {
        "privateLinkServiceConnections"
    }
}

fn connection(desired: &Connection) -> Json {
    let mut properties = json!({});
    let service = desired.private_connection_resource_id.as_ref();
    if let Some(service) = service.or(desired.private_connection_resource_alias.as_ref()) {
        properties["privateLinkServiceId"] = json!(service);
    }
    if !desired.subresource_names.is_empty() {
        properties["groupIds"] = json!(desired.subresource_names);
    }
    if let Some(message) = &desired.request_message {
        properties["requestMessage"] = json!(message);
    }
    json!({ "name": desired.name, "properties": properties })
}

fn group_body(group: &ZoneGroup) -> Json {
    let configs = group
        .private_dns_zone_ids
        .iter()
        .map(|zone| json!({ "name": short(zone), "properties": { "privateDnsZoneId": zone } }));
    json!({ "properties": { "privateDnsZoneConfigs": configs.collect::<Vec<_>>() } })
}

/// Makes or deletes the group of zones.
async fn write_group(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    name: &str,
    group: Option<&ZoneGroup>,
) -> Result<(), ProviderError> {
    let method = if group.is_some() {
        Method::Put
    } else {
        Method::Delete
    };
    let path = format!("{id}/privateDnsZoneGroups/{name}");
    let mut request = Request::new(method, GROUPS, VERSION, path);
    request.body = group.map(group_body);
    absent_is_done(operation::run(client, context, operation, MINUTES, request).await)
}

#[async_trait::async_trait]
impl Kind for Endpoint {
    type Record = EndpointRecord;
    const TYPE: &'static str = "azurerm_private_endpoint";
    const API: Api = Api::new(
        "Microsoft.Network/privateEndpoints",
        VERSION,
        grouped!("Microsoft.Network/privateEndpoints/{name}"),
    );
    const RULES: Rules = &[
        ("subnet_id", Rule::Ref("properties/subnet")),
        ("private_service_connection", Rule::ShownOnly("connection")),
        ("private_dns_zone_group", Rule::ShownOnly("zoneGroup")),
        ("network_interface_id", Rule::At("interface")),
        (
            "ip_configuration",
            Rule::Parts("properties/ipConfigurations"),
        ),
        (
            "ip_configuration.private_ip_address",
            Rule::At("properties/privateIPAddress"),
        ),
        (
            "ip_configuration.subresource_name",
            Rule::At("properties/groupId"),
        ),
        (
            "ip_configuration.member_name",
            Rule::At("properties/memberName"),
        ),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(30, 15, 30)
    }

    async fn body(
        _: &Client,
        _: &CallContext,
        _: &str,
        desired: &EndpointRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        for wanted in &desired.private_service_connection {
            let field = format!("properties/{}", listed(wanted.is_manual_connection));
            wire::put(body, &field, json!([connection(wanted)]));
        }
        Ok(())
    }

    async fn changed(
        _: &Client,
        _: &CallContext,
        prior: &EndpointRecord,
        desired: &EndpointRecord,
        body: &mut Json,
    ) -> Result<(), ProviderError> {
        let pairs = prior
            .private_service_connection
            .iter()
            .zip(&desired.private_service_connection);
        for (old, new) in pairs.filter(|(old, new)| old.request_message != new.request_message) {
            let field = format!("properties/{}", listed(old.is_manual_connection));
            wire::put(body, &field, json!([connection(new)]));
        }
        Ok(())
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &EndpointRecord,
    ) -> Result<(), ProviderError> {
        for group in &desired.private_dns_zone_group {
            write_group(client, context, operation, id, &group.name, Some(group)).await?;
        }
        Ok(())
    }

    async fn changing(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &EndpointRecord,
        desired: &EndpointRecord,
    ) -> Result<(), ProviderError> {
        let (old, new) = (
            prior.private_dns_zone_group.first(),
            desired.private_dns_zone_group.first(),
        );
        let zones = |g: &ZoneGroup| g.private_dns_zone_ids.clone();
        let same = old.map(|g| (&g.name, zones(g))) == new.map(|g| (&g.name, zones(g)));
        if same {
            return Ok(());
        }
        if let Some(old) = old.filter(|old| new.is_none_or(|new| new.name != old.name)) {
            write_group(client, context, operation, id, &old.name, None).await?;
        }
        if let Some(new) = new {
            write_group(client, context, operation, id, &new.name, Some(new)).await?;
        }
        Ok(())
    }

    async fn more(
        client: &Client,
        context: &CallContext,
        id: &str,
        _: Option<&EndpointRecord>,
        found: &mut Json,
    ) -> Result<(), ProviderError> {
        let request = Request::get(GROUPS, VERSION, format!("{id}/privateDnsZoneGroups"));
        let groups = client.list(context, request).await?;
        if let Some(group) = groups.first() {
            let configs = group["properties"]["privateDnsZoneConfigs"].as_array();
            let zones = configs
                .into_iter()
                .flatten()
                .map(|c| c["properties"]["privateDnsZoneId"].clone());
            found["zoneGroup"] = json!({
                "name": group["name"], "id": group["id"], "privateDnsZoneIds": zones.collect::<Vec<_>>(),
            });
        }
        Ok(())
    }

    fn shown(found: &mut Json) {
        for manual in [false, true] {
            let Some(one) = found["properties"][listed(manual)].get(0).cloned() else {
                continue;
            };
            let service = one["properties"]["privateLinkServiceId"].clone();
            let is_id = service.as_str().is_some_and(|s| s.starts_with('/'));
            let named = if is_id {
                "privateConnectionResourceId"
            } else {
                "privateConnectionResourceAlias"
            };
            let address = found["properties"]["customDnsConfigs"][0]["ipAddresses"][0].clone();
            found["connection"] = json!({
                "name": one["name"], "isManualConnection": manual, named: service,
                "subresourceNames": one["properties"]["groupIds"],
                "requestMessage": one["properties"]["requestMessage"].as_str().filter(|_| manual),
                "privateIpAddress": address,
            });
        }
        found["interface"] = found["properties"]["networkInterfaces"][0]["id"].clone();
    }
}
