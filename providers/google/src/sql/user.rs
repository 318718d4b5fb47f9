//! `google_sql_user`.

use crate::api::{Api, Update, relative, short};
use crate::client::{Client, Request};
use crate::error;
use crate::family::SQL;
use crate::managed::{is_taken, name_it};
use crate::operation;
use crate::part;
use async_trait::async_trait;
use infra_cloud::absence::{absent_is_done, there};
use infra_cloud::read;
use infra_cloud::wait::MINUTES;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Recovered, Resource,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

/// A user of an instance's databases.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct UserRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The instance, by name or id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) instance: String,
    /// Its password, stored encrypted.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
    /// Its password, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) password_wo: Option<String>,
    /// Raise it to send `password_wo` again.
    #[record(optional)]
    pub(crate) password_wo_version: Option<i64>,
    /// `BUILT_IN`, `CLOUD_IAM_USER`, `CLOUD_IAM_SERVICE_ACCOUNT`, `CLOUD_IAM_GROUP`.
    #[record(optional, computed, force_new)]
    pub(crate) r#type: Option<String>,
    /// From where, of MySQL.
    #[record(optional, computed, force_new)]
    pub(crate) host: Option<String>,
    /// The project. By default that of the instance's id, then the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/instances/{instance}/users/{name}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct User;

const API: Api = super::api(
    "sql.users",
    "projects/{project}/instances/{instance}/users",
    Update::None,
);

fn collection_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(collection, _)| collection)
}

/// Sends a call and waits for its operation.
async fn run(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    request: Request,
) -> Result<(), ProviderError> {
    operation::run(client, context, operation, &API, MINUTES, id, request)
        .await
        .map(|_| ())
}

/// Gives a user the password that it shall have.
async fn change(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: &UserRecord,
) -> Result<(), ProviderError> {
    let mut request = Request::send(
        SQL,
        "sql.users.update",
        Method::PUT,
        collection_of(id),
        body(id, desired),
    )
    .query("name", &desired.name);
    if let Some(host) = desired.host.as_ref().filter(|h| !h.is_empty()) {
        request = request.query("host", host);
    }
    run(client, context, operation, id, request).await
}

fn body(id: &str, record: &UserRecord) -> Json {
    let parts: Vec<&str> = id.split('/').collect();
    let mut body =
        json!({ "name": record.name, "project": parts.get(1), "instance": parts.get(3) });
    let password = record.password_wo.as_ref().or(record.password.as_ref());
    for (field, value) in [
        ("password", password),
        ("type", record.r#type.as_ref()),
        ("host", record.host.as_ref()),
    ] {
        if let Some(value) = value {
            body[field] = value.as_str().into();
        }
    }
    body
}

#[async_trait]
impl Resource<Client> for User {
    type Record = UserRecord;
    const TYPE: &'static str = "google_sql_user";

    fn traits() -> Traits {
        Traits::default().seconds(8, 8, 8).family(SQL.write.name)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_none() || !planned.replace.is_empty() {
            name_it(&API, &UserRecord::block(), request, planned);
        }
        Ok(())
    }

    fn id(record: &UserRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<UserRecord>],
    ) -> Vec<Result<Option<UserRecord>, ProviderError>> {
        let items = &API.wholes(items, client);
        let collections = items.iter().map(|i| collection_of(&i.id));
        let listed = part::once(collections, |collection| async move {
            let request = Request::get(SQL, "sql.users.list", collection);
            there(client.list(context, request, "items").await)
        })
        .await;
        items
            .iter()
            .map(|item| {
                let users = listed
                    .get(collection_of(&item.id))
                    .cloned()
                    .transpose()?
                    .flatten();
                let name = short(&item.id);
                let host = item.prior.as_ref().and_then(|p| p.host.clone());
                let user = users.into_iter().flatten().find(|u| {
                    u["name"] == name
                        && host
                            .as_deref()
                            .is_none_or(|h| u["host"].as_str().unwrap_or_default() == h)
                });
                Ok(user.map(|user| shown(&item.id, &user, item.prior.as_ref())))
            })
            .collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: UserRecord,
    ) -> Result<UserRecord, ProviderError> {
        let collection = API.collection_of(&desired.to_value(), client)?;
        let id = format!("{collection}/{}", desired.name);
        if operation.known_id.is_none() {
            // Inserting a user that exists would give it another password.
            if let Recovered::Foreign(id) =
                Self::recover(client, context, operation, desired.clone()).await?
            {
                return Err(error::foreign(&id));
            }
            context.events.id_known(operation, &id).await?;
        }
        let request = Request::send(
            SQL,
            "sql.users.insert",
            Method::POST,
            collection,
            body(&id, &desired),
        );
        match run(client, context, operation, &id, request).await {
            // Nobody had the name before: an earlier attempt has made it, perhaps with another password.
            Err(error)
                if is_taken(&error) && (error.maybe_done || operation.known_id.is_some()) =>
            {
                change(client, context, operation, &id, &desired).await?;
            }
            ended => ended?,
        }
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: UserRecord,
        desired: UserRecord,
    ) -> Result<UserRecord, ProviderError> {
        let id = Self::id(&prior);
        if prior.password != desired.password
            || prior.password_wo_version != desired.password_wo_version
        {
            change(client, context, operation, &id, &desired).await?;
        }
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: UserRecord,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        let mut request = Request::send(
            SQL,
            "sql.users.delete",
            Method::DELETE,
            collection_of(&id),
            Json::Null,
        )
        .query("name", &prior.name);
        if let Some(host) = prior.host.as_ref().filter(|h| !h.is_empty()) {
            request = request.query("host", host);
        }
        absent_is_done(run(client, context, operation, &id, request).await)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: UserRecord,
    ) -> Result<Recovered, ProviderError> {
        let id = format!(
            "{}/{}",
            API.collection_of(&desired.to_value(), client)?,
            desired.name
        );
        // A user has no mark and no time; an id is reported before the call, so that one found here is somebody else's.
        Ok(
            match read::one::<_, Self>(client, context, &id, None).await? {
                Some(_) => Recovered::Foreign(id),
                None => Recovered::Absent,
            },
        )
    }

    fn import(id: &str) -> Result<Imported<UserRecord>, ProviderError> {
        API.import(relative(id))
    }
}

fn shown(id: &str, user: &Json, prior: Option<&UserRecord>) -> UserRecord {
    let parts: Vec<&str> = id.split('/').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default().to_owned();
    let instance = prior
        .map(|p| p.instance.clone())
        .filter(|i| !i.is_empty() && short(i) == part(3));
    let said = prior.cloned().unwrap_or_default();
    UserRecord {
        name: text_of(user, "name"),
        instance: instance.unwrap_or_else(|| part(3)),
        password: said.password,
        password_wo: None,
        password_wo_version: said.password_wo_version,
        r#type: Some(user["type"].as_str().unwrap_or("BUILT_IN").to_owned()),
        host: Some(text_of(user, "host")),
        project: Some(part(1)),
        id: Some(id.to_owned()),
    }
}

fn text_of(json: &Json, field: &str) -> String {
    json[field].as_str().unwrap_or_default().to_owned()
}
