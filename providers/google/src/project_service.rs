//! `google_project_service`.

use crate::api::{Api, Create, Labelled, Operations, Update, short};
use crate::client::{Client, Request};
use crate::family::USAGE;
use crate::managed::name_it;
use crate::operation;
use async_trait::async_trait;
use infra_cloud::wait::MINUTES;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A service that a project uses.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct ServiceRecord {
    /// `compute.googleapis.com`, …
    #[record(required, force_new)]
    pub(crate) service: String,
    /// Whether it ends with the resource; otherwise infra only forgets it.
    #[record(optional, default = true)]
    pub(crate) disable_on_destroy: bool,
    /// Whether services that need it end with it.
    #[record(optional)]
    pub(crate) disable_dependent_services: Option<bool>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/services/{service}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// The collection of services in a project.
pub(crate) const SERVICES: Api = Api {
    service: USAGE,
    name: "serviceusage.services",
    collection: "projects/{project}/services",
    key: "service",
    create: Create::Bare,
    update: Update::None,
    items: "services",
    operations: Operations::Rpc,
    labels: Labelled::No,
};

pub(crate) struct Service;

/// Sends a call on a service and waits for its operation.
async fn run(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    request: Request,
) -> Result<Json, ProviderError> {
    operation::run(client, context, operation, &SERVICES, MINUTES, id, request).await
}

/// Which of some services, by their ids, are enabled.
pub(crate) async fn enabled(
    client: &Client,
    context: &CallContext,
    ids: &[&str],
) -> Result<BTreeMap<String, bool>, ProviderError> {
    // Up to thirty at once: `services.batchGet`.
    let mut out = BTreeMap::new();
    let mut projects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in ids {
        let project = id.split("/services/").next().unwrap_or_default();
        projects.entry(project).or_default().push(id);
    }
    for (project, ids) in projects {
        for batch in ids.chunks(30) {
            let mut request = Request::get(
                USAGE,
                "serviceusage.services.batchGet",
                format!("{project}/services:batchGet"),
            );
            for id in batch {
                request = request.query("names", *id);
            }
            let answer = client.call(context, &request).await?;
            for service in answer["services"].as_array().into_iter().flatten() {
                let name = short(service["name"].as_str().unwrap_or_default());
                let id = format!("{project}/services/{name}");
                out.insert(id, service["state"] == "ENABLED");
            }
        }
    }
    Ok(out)
}

#[async_trait]
impl Resource<Client> for Service {
    type Record = ServiceRecord;
    const TYPE: &'static str = "google_project_service";

    fn traits() -> Traits {
        Traits::default()
            .seconds(20, 2, 20)
            .family(USAGE.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_none() || !planned.replace.is_empty() {
            name_it(&SERVICES, &ServiceRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &ServiceRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<ServiceRecord>],
    ) -> Vec<Result<Option<ServiceRecord>, ProviderError>> {
        let items = &SERVICES.wholes(items, client);
        let ids: Vec<&str> = items.iter().map(|i| &*i.id).collect();
        let states = match enabled(client, context, &ids).await {
            Ok(states) => states,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let one = |item: &Item<ServiceRecord>| {
            states.get(&item.id).copied().unwrap_or(false).then(|| {
                let said = item.prior.as_ref();
                ServiceRecord {
                    service: short(&item.id).to_owned(),
                    disable_on_destroy: said.is_none_or(|p| p.disable_on_destroy),
                    disable_dependent_services: said.and_then(|p| p.disable_dependent_services),
                    project: item.id.split('/').nth(1).map(str::to_owned),
                    id: Some(item.id.clone()),
                }
            })
        };
        items.iter().map(|item| Ok(one(item))).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: ServiceRecord,
    ) -> Result<ServiceRecord, ProviderError> {
        let collection = SERVICES.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.service);
        // Enabling twice is enabling once, also what others have enabled: the id says all there is to know.
        context.events.id_known(operation, &id).await?;
        let request = Request::send(
            USAGE,
            "serviceusage.services.enable",
            Method::POST,
            format!("{id}:enable"),
            json!({}),
        );
        run(client, context, operation, &id, request).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ServiceRecord,
        desired: ServiceRecord,
    ) -> Result<ServiceRecord, ProviderError> {
        crate::managed::settled::<Self>(client, context, operation, &Self::id(&prior), desired)
            .await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: ServiceRecord,
    ) -> Result<(), ProviderError> {
        if !prior.disable_on_destroy {
            return Ok(());
        }
        let id = Self::id(&prior);
        let dependents = prior.disable_dependent_services == Some(true);
        let request = Request::send(
            USAGE,
            "serviceusage.services.disable",
            Method::POST,
            format!("{id}:disable"),
            json!({ "disableDependentServices": dependents }),
        );
        infra_cloud::absence::absent_is_done(run(client, context, operation, &id, request).await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: ServiceRecord,
    ) -> Result<Recovered, ProviderError> {
        let collection = SERVICES.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.service);
        let states = enabled(client, context, &[&id]).await?;
        Ok(if states.get(&id) == Some(&true) {
            Recovered::Found(id)
        } else {
            Recovered::Absent
        })
    }

    fn import(id: &str) -> Result<Imported<ServiceRecord>, ProviderError> {
        SERVICES.import(id)
    }
}
