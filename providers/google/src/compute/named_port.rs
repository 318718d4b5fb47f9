//! `google_compute_instance_group_named_port`: an entry in the list of ports of an instance group, such as a node pool's.

use super::instance_group::InstanceGroup;
use crate::api::{Api, relative, short};
use crate::client::{Client, Request};
use crate::family::COMPUTE;
use crate::found::find;
use crate::managed::run;
use crate::part;
use async_trait::async_trait;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

/// A port of an instance group by name.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct NamedPortRecord {
    /// The instance group, by name or URL.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) group: String,
    /// The port's name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// Its number.
    #[record(required, force_new)]
    pub(crate) port: i64,
    /// The zone. By default the group's, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) zone: Option<String>,
    /// The project. By default the group's, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/zones/{zone}/instanceGroups/{group}/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct NamedPort;

const API: Api = super::api(
    "compute.instanceGroups",
    "projects/{project}/zones/{zone}/instanceGroups/{group}",
    crate::api::Update::None,
);

fn id_of(client: &Client, record: &NamedPortRecord) -> Result<String, ProviderError> {
    // Node pools give the URL of the group's manager, which has the group's name.
    let value = record.to_value();
    let group = record
        .group
        .replace("/instanceGroupManagers/", "/instanceGroups/");
    let value = value.with_attribute("group", group.into());
    let collection = API.collection_of(&value, client)?;
    Ok(format!("{collection}/{}", record.name))
}

fn group_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(group, _)| group)
}

async fn write(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    port: Option<i64>,
) -> Result<(), ProviderError> {
    let group = group_of(id);
    part::change(client, context, operation, group, || async move {
        let Some(found) = find::<InstanceGroup>(client, context, group).await? else {
            return match port {
                None => Ok(()),
                Some(_) => Err(ProviderError::new(
                    ErrorKind::NotFound,
                    format!("there is no instance group `{group}`"),
                )),
            };
        };
        let name = short(id);
        let mut ports = found["namedPorts"].as_array().cloned().unwrap_or_default();
        let before = ports.clone();
        ports.retain(|p| p["name"] != name);
        if let Some(port) = port {
            ports.push(json!({ "name": name, "port": port }));
        }
        if ports == before {
            return Ok(());
        }
        let body = json!({ "namedPorts": ports, "fingerprint": found["fingerprint"] });
        let request = Request::send(
            COMPUTE,
            "compute.instanceGroups.setNamedPorts",
            Method::POST,
            format!("{group}/setNamedPorts"),
            body,
        )
        .query(
            "requestId",
            operation.token.derived("setNamedPorts").as_uuid(),
        );
        run::<InstanceGroup>(client, context, operation, group, request)
            .await
            .map(|_| ())
    })
    .await
}

#[async_trait]
impl Resource<Client> for NamedPort {
    type Record = NamedPortRecord;
    const TYPE: &'static str = "google_compute_instance_group_named_port";

    fn traits() -> Traits {
        Traits::default()
            .seconds(5, 5, 5)
            .family(COMPUTE.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        let full = planned
            .value
            .get("group")
            .and_then(Value::as_str)
            .is_some_and(|g| !g.contains('/'));
        if full && (request.prior.is_none() || !planned.replace.is_empty()) {
            crate::managed::name_it(&API, &NamedPortRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &NamedPortRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<NamedPortRecord>],
    ) -> Vec<Result<Option<NamedPortRecord>, ProviderError>> {
        let items = &API.wholes(items, client);
        let groups = items.iter().map(|i| group_of(&i.id));
        let found = part::once(groups, |group| {
            find::<InstanceGroup>(client, context, group)
        })
        .await;
        items
            .iter()
            .map(|item| {
                let group = found.get(group_of(&item.id)).cloned().transpose()?;
                Ok(group.flatten().and_then(|group| shown(item, &group)))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: NamedPortRecord,
    ) -> Result<NamedPortRecord, ProviderError> {
        let id = id_of(client, &desired)?;
        if operation.known_id.is_none() {
            match Self::recover(client, context, operation, desired.clone()).await? {
                Recovered::Foreign(id) => {
                    return Err(ProviderError {
                        code: "alreadyExists".to_owned(),
                        ..ProviderError::new(
                            ErrorKind::Conflict,
                            format!(
                                "`{id}` has another number already: import it, or choose another name"
                            ),
                        )
                    });
                }
                _ => context.events.id_known(operation, &id).await?,
            }
        }
        write(client, context, operation, &id, Some(desired.port)).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NamedPortRecord,
        desired: NamedPortRecord,
    ) -> Result<NamedPortRecord, ProviderError> {
        crate::managed::settled::<Self>(client, context, operation, &Self::id(&prior), desired)
            .await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: NamedPortRecord,
    ) -> Result<(), ProviderError> {
        write(client, context, operation, &Self::id(&prior), None).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: NamedPortRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of(client, &desired)?;
        let port = desired.port;
        let found = read::one::<_, Self>(client, context, &id, Some(desired)).await?;
        Ok(match found {
            Some(found) if found.port == port => Recovered::Found(id),
            Some(_) => Recovered::Foreign(id),
            None => Recovered::Absent,
        })
    }

    fn import(id: &str) -> Result<Imported<NamedPortRecord>, ProviderError> {
        API.import(relative(id))
    }
}

/// A port of a group that was found.
fn shown(item: &Item<NamedPortRecord>, group: &Json) -> Option<NamedPortRecord> {
    let name = short(&item.id);
    let ports = group["namedPorts"].as_array()?;
    let entry = ports.iter().find(|p| p["name"] == name)?;
    let parts = API.parts(&item.id)?;
    let part = |name: &str| {
        parts
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, text)| (*text).to_owned())
    };
    let said = item.prior.as_ref().map(|p| p.group.clone());
    Some(NamedPortRecord {
        group: said
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| group_of(&item.id).to_owned()),
        name: name.to_owned(),
        port: number(&entry["port"])?,
        zone: part("zone"),
        project: part("project"),
        id: Some(item.id.clone()),
    })
}

fn number(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.parse().ok())
}
