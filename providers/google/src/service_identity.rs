//! `google_project_service_identity`.

use crate::api::Operations;
use crate::client::{Client, Request};
use crate::error;
use crate::family::USAGE_BETA;
use crate::managed::name_it;
use crate::operation;
use crate::project_service::SERVICES;
use async_trait::async_trait;
use infra_cloud::wait::MINUTES;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

/// The service agent of a service in a project: the account by which the service acts there, made before its first use, so that roles
/// can be granted to it (<https://cloud.google.com/iam/docs/create-service-agents>). Making it twice makes it once. Google keeps it for
/// ever and has no call that reads or deletes one, so nothing is asked at a refresh, and destroying it only forgets it. Compute Engine's
/// agent is not made this way; Cloud Storage's is the data source `google_storage_project_service_account`.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IdentityRecord {
    /// `artifactregistry.googleapis.com`, …, which is enabled in the project.
    #[record(required, force_new)]
    pub(crate) service: String,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// The account's address. Google tells none for some services.
    #[record(computed)]
    pub(crate) email: Option<String>,
    /// `serviceAccount:{email}`, as policies call it.
    #[record(computed)]
    pub(crate) member: Option<String>,
    /// `projects/{project}/services/{service}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Identity;

/// Asks for the agent; what the operation answers, which is the same when there is one already.
async fn generate(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<Json, ProviderError> {
    // Version 1 of the API has no such call, nor has the official crate, which is of that version.
    let request = Request::send(
        USAGE_BETA,
        "serviceusage.services.generateServiceIdentity",
        Method::POST,
        format!("{id}:generateServiceIdentity"),
        Json::Null,
    );
    let answer = operation::when_free(client, context, operation, MINUTES, &request).await?;
    let call = &*request.call;
    let answer = match operation::path(Operations::Rpc, id, &answer) {
        // Most often it is done when it is answered.
        Some(_) if answer["done"] == true => {
            match error::of_operation(USAGE_BETA.name, call, &answer) {
                Some(error) => return Err(error),
                None => answer,
            }
        }
        Some(path) => {
            operation::wait(client, context, operation, USAGE_BETA, call, &path, MINUTES).await?
        }
        None => json!({ "response": answer }),
    };
    Ok(answer["response"].clone())
}

#[async_trait]
impl Resource<Client> for Identity {
    type Record = IdentityRecord;
    const TYPE: &'static str = "google_project_service_identity";

    fn traits() -> Traits {
        Traits::default()
            .seconds(4, 1, 1)
            .family(USAGE_BETA.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_none() || !planned.replace.is_empty() {
            name_it(&SERVICES, &IdentityRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &IdentityRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        _: &Client,
        _: &CallContext,
        items: &[Item<IdentityRecord>],
    ) -> Vec<Result<Option<IdentityRecord>, ProviderError>> {
        items.iter().map(|item| Ok(item.prior.clone())).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: IdentityRecord,
    ) -> Result<IdentityRecord, ProviderError> {
        let collection = SERVICES.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.service);
        context.events.id_known(operation, &id).await?;
        let made = generate(client, context, operation, &id).await?;
        let email = made["email"].as_str().filter(|email| !email.is_empty());
        Ok(IdentityRecord {
            project: id.split('/').nth(1).map(str::to_owned),
            email: email.map(str::to_owned),
            member: email.map(|email| format!("serviceAccount:{email}")),
            id: Some(id),
            ..desired
        })
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: IdentityRecord,
        desired: IdentityRecord,
    ) -> Result<IdentityRecord, ProviderError> {
        Ok(desired)
    }

    async fn delete(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: IdentityRecord,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: IdentityRecord,
    ) -> Result<Recovered, ProviderError> {
        // Whether there is one cannot be asked, and asking for it again makes no second one.
        Ok(Recovered::Absent)
    }

    fn import(_: &str) -> Result<Imported<IdentityRecord>, ProviderError> {
        Err(ProviderError::new(
            ErrorKind::Invalid,
            "a google_project_service_identity cannot be imported: Google has no call that reads one. Apply it: the agent that is there \
             is answered, and no second one is made",
        ))
    }
}
