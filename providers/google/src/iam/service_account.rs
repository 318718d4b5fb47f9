//! `google_service_account`.

use crate::api::{Api, Create, Labelled, Operations, Update};
use crate::client::{Client, Request};
use crate::family::IAM;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, PlanRequest, Planned, ProviderError, Record, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

/// An account for programs.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct AccountRecord {
    /// Its name: 6 to 30 lowercase letters, digits and `-`.
    #[record(required, force_new)]
    pub(crate) account_id: String,
    /// What people call it.
    #[record(optional)]
    pub(crate) display_name: Option<String>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Whether it is good for nothing.
    #[record(optional, default = false)]
    pub(crate) disabled: bool,
    /// `ACCOUNT@PROJECT.iam.gserviceaccount.com`
    #[record(computed)]
    pub(crate) email: Option<String>,
    /// `serviceAccount:` and its address, as policies name it.
    #[record(computed)]
    pub(crate) member: Option<String>,
    /// Its number.
    #[record(computed)]
    pub(crate) unique_id: Option<String>,
    /// `projects/{project}/serviceAccounts/{email}`
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/serviceAccounts/{email}`
    #[record(computed)]
    pub(crate) id: Option<String>,
    /// Its etag.
    #[record(computed)]
    pub(crate) etag: Option<String>,
}

pub(crate) struct Account;

#[async_trait]
impl Kind for Account {
    type Record = AccountRecord;
    const TYPE: &'static str = "google_service_account";
    const API: Api = Api {
        service: IAM,
        name: "iam.projects.serviceAccounts",
        collection: "projects/{project}/serviceAccounts",
        key: "email",
        create: Create::Bare,
        update: Update::None,
        items: "accounts",
        operations: Operations::None,
        labels: Labelled::No,
    };
    const RULES: Rules = &[("account_id", Rule::ShownOnly), ("member", Rule::ShownOnly)];

    fn traits() -> Traits {
        // A new account may be unknown to policies for a while (IAM, "Access change propagation").
        Traits::default().seconds(3, 3, 3)
    }

    /// The address is made of name and project.
    fn name(client: &Client, desired: &AccountRecord, _: &Operation) -> Option<String> {
        let project = desired.project.as_deref().unwrap_or(client.project());
        Some(email(&desired.account_id, project))
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        if request.prior.is_some() && planned.replace.is_empty() {
            return Ok(());
        }
        let text = |name: &str| crate::managed::text(&planned.value, name);
        let project =
            text("project").or_else(|| crate::managed::text(request.provider?, "project"));
        if let (Some(account), Some(project)) = (text("account_id"), project) {
            let email = email(&account, &project);
            let name = format!("projects/{project}/serviceAccounts/{email}");
            let value = std::mem::replace(&mut planned.value, Value::NULL);
            planned.value = value
                .with_attribute("project", project.into())
                .with_attribute("member", format!("serviceAccount:{email}").into())
                .with_attribute("email", email.into())
                .with_attribute("name", name.clone().into())
                .with_attribute("id", name.into());
        }
        Ok(())
    }

    fn body(_: &Client, desired: &AccountRecord, body: &mut Map<String, Json>) {
        let account = std::mem::take(body);
        body.insert("accountId".to_owned(), desired.account_id.as_str().into());
        body.insert("serviceAccount".to_owned(), Json::Object(account));
        if let Some(account) = body["serviceAccount"].as_object_mut() {
            account.remove("disabled");
        }
    }

    fn shown(found: &mut Json) {
        if let Some(email) = found["email"].as_str().map(str::to_owned) {
            found["member"] = format!("serviceAccount:{email}").into();
            found["accountId"] = email.split('@').next().unwrap_or_default().into();
        }
    }

    fn is_as_asked(found: &Json, desired: &AccountRecord) -> bool {
        let same = |field: &str, wanted: &Option<String>| {
            found[field].as_str().unwrap_or_default() == wanted.as_deref().unwrap_or_default()
        };
        same("displayName", &desired.display_name) && same("description", &desired.description)
    }

    async fn created(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &AccountRecord,
    ) -> Result<(), ProviderError> {
        let fresh = AccountRecord::default();
        switch(client, context, operation, id, &fresh, desired).await
    }

    fn guards(prior: &AccountRecord, patch: &Map<String, Json>) -> bool {
        prior.etag.is_some() && patch.keys().any(|field| field != "disabled")
    }

    async fn send_patch(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        prior: &AccountRecord,
        desired: &AccountRecord,
        mut patch: Map<String, Json>,
    ) -> Result<(), ProviderError> {
        patch.remove("disabled");
        if patch.is_empty() {
            return switch(client, context, operation, id, prior, desired).await;
        }
        let mask: Vec<&str> = patch
            .keys()
            .map(|k| {
                if k == "displayName" {
                    "display_name"
                } else {
                    k
                }
            })
            .collect();
        let mask = mask.join(",");
        if let Some(etag) = &prior.etag {
            patch.insert("etag".to_owned(), etag.as_str().into());
        }
        let body = json!({ "serviceAccount": patch, "updateMask": mask });
        let request = Request::send(
            IAM,
            "iam.projects.serviceAccounts.patch",
            Method::PATCH,
            id,
            body,
        );
        client.call(context, &request).await?;
        switch(client, context, operation, id, prior, desired).await
    }
}

fn email(account: &str, project: &str) -> String {
    // Projects of a domain are `example.com:p`, and their accounts' addresses end in `p.example.com`.
    match project.split_once(':') {
        Some((domain, project)) => {
            format!("{account}@{project}.{domain}.iam.gserviceaccount.com")
        }
        None => format!("{account}@{project}.iam.gserviceaccount.com"),
    }
}

/// Switches it off or on.
async fn switch(
    client: &Client,
    context: &CallContext,
    _: &Operation,
    id: &str,
    prior: &AccountRecord,
    desired: &AccountRecord,
) -> Result<(), ProviderError> {
    let off = |record: &AccountRecord| record.disabled;
    if off(prior) == off(desired) {
        return Ok(());
    }
    let verb = if off(desired) { "disable" } else { "enable" };
    let request = Request::send(
        IAM,
        format!("iam.projects.serviceAccounts.{verb}"),
        Method::POST,
        format!("{id}:{verb}"),
        json!({}),
    );
    client.call(context, &request).await.map(|_| ())
}
