//! `google_iam_workload_identity_pool` and `google_iam_workload_identity_pool_provider`: identities of others, such as those of a CI
//! service or of another cloud, that act in a project without keys. IAM keeps what was deleted for 30 days, and its name with it:
//! making it again in that time undeletes it. The official crate of IAM does not have them.
//! <https://cloud.google.com/iam/docs/workload-identity-federation>

use crate::api::{Api, Create, Labelled, Operations, Update, short};
use crate::client::{Client, Request};
use crate::family::FEDERATION;
use crate::kind::Kind;
use crate::managed::run;
use crate::wire::{self, Rule, Rules};
use async_trait::async_trait;
use infra_cloud::absence::{absent_is_done, there};
use infra_model::schema::Traits;
use infra_model::{CallContext, Operation, ProviderError, Record, Value};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A pool of identities from outside of Google Cloud.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct PoolRecord {
    /// Its name: 4 to 32 lowercase letters, digits and `-`, which does not begin with `gcp-`.
    #[record(required, force_new)]
    pub(crate) workload_identity_pool_id: String,
    /// What people call it.
    #[record(optional)]
    pub(crate) display_name: Option<String>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Whether it is good for nothing.
    #[record(optional, default = false)]
    pub(crate) disabled: bool,
    /// `projects/{number}/locations/global/workloadIdentityPools/{pool}`, as members of policies name it:
    /// `principalSet://iam.googleapis.com/{name}/attribute.repository/OWNER/NAME`.
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// `ACTIVE`
    #[record(computed)]
    pub(crate) state: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/global/workloadIdentityPools/{pool}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who says who somebody is, in a pool.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IssuerRecord {
    /// The pool, by name or id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) workload_identity_pool_id: String,
    /// Its name: 4 to 32 lowercase letters, digits and `-`, which does not begin with `gcp-`.
    #[record(required, force_new)]
    pub(crate) workload_identity_pool_provider_id: String,
    /// What people call it.
    #[record(optional)]
    pub(crate) display_name: Option<String>,
    /// What it is for.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// Whether it is good for nothing.
    #[record(optional, default = false)]
    pub(crate) disabled: bool,
    /// What becomes of what a token says: `{ "google.subject" = "assertion.sub" }`, which OIDC needs at least.
    #[record(optional, computed)]
    pub(crate) attribute_mapping: BTreeMap<String, String>,
    /// Which tokens are taken, such as `assertion.repository_owner_id == '1234'`; all that the issuer signs, unless said.
    #[record(optional)]
    pub(crate) attribute_condition: Option<String>,
    /// An issuer of OpenID Connect.
    #[record(block, max = 1)]
    pub(crate) oidc: Vec<Oidc>,
    /// An account of AWS.
    #[record(block, max = 1)]
    pub(crate) aws: Vec<Aws>,
    /// A provider of SAML.
    #[record(block, max = 1)]
    pub(crate) saml: Vec<Saml>,
    /// `projects/{number}/locations/global/workloadIdentityPools/{pool}/providers/{provider}`, as tokens are asked for it.
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// `ACTIVE`
    #[record(computed)]
    pub(crate) state: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/locations/global/workloadIdentityPools/{pool}/providers/{provider}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// An issuer of OpenID Connect.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Oidc {
    /// `https://token.actions.githubusercontent.com`, …
    #[record(required)]
    pub(crate) issuer_uri: String,
    /// Whom tokens are for; by default the provider's own full name.
    #[record(optional)]
    pub(crate) allowed_audiences: Vec<String>,
    /// Its keys, where Google cannot ask for them.
    #[record(optional)]
    pub(crate) jwks_json: Option<String>,
}

/// An account of AWS.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Aws {
    /// Its number.
    #[record(required)]
    pub(crate) account_id: String,
}

/// A provider of SAML.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Saml {
    /// What it says of itself, as XML.
    #[record(required)]
    pub(crate) idp_metadata_xml: String,
}

/// A collection of pools or of their issuers.
const fn api(
    name: &'static str,
    collection: &'static str,
    key: &'static str,
    parameter: &'static str,
    items: &'static str,
) -> Api {
    Api {
        service: FEDERATION,
        name,
        collection,
        key,
        create: Create::Named(parameter),
        update: Update::Masked,
        items,
        operations: Operations::Rpc,
        labels: Labelled::No,
    }
}

/// What was deleted is shown for 30 days.
fn is_alive(found: &Json) -> bool {
    found["state"] != "DELETED"
}

/// Whether everything that was asked for is as it was asked for, where no answer told who made it.
fn is_as_asked<K: Kind>(found: &Json, desired: &K::Record) -> bool {
    let wanted = wire::body(&K::Record::block(), &desired.to_value(), K::RULES);
    wanted.iter().all(|(field, json)| {
        let off = matches!(json, Json::Bool(false)) && found.get(field).is_none();
        let path = K::API.path_attributes().any(|a| wire::camel(a) == *field);
        off || path || found.get(field) == Some(json)
    })
}

/// Undeletes what was deleted, and makes it what is asked for.
async fn undelete<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: &K::Record,
    fields: &[&str],
) -> Result<bool, ProviderError> {
    let api = K::API;
    let request = Request::get(api.service, format!("{}.get", api.name), id);
    let found = there(client.call(context, &request).await)?;
    if found.is_none_or(|found| is_alive(&found)) {
        return Ok(false);
    }
    let request = Request::send(
        api.service,
        format!("{}.undelete", api.name),
        Method::POST,
        format!("{id}:undelete"),
        json!({}),
    );
    run::<K>(client, context, operation, id, request).await?;
    let said = wire::body(&K::Record::block(), &desired.to_value(), K::RULES);
    let body: Map<String, Json> = fields
        .iter()
        .map(|field| {
            let said = said.get(*field).cloned();
            ((*field).to_owned(), said.unwrap_or(Json::Null))
        })
        .collect();
    let request = Request::send(
        api.service,
        format!("{}.patch", api.name),
        Method::PATCH,
        id,
        Json::Object(body),
    )
    .query("updateMask", fields.join(","));
    run::<K>(client, context, operation, id, request).await?;
    Ok(true)
}

/// Deletes what is there: what was deleted already is not deleted again.
async fn end<K: Kind>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
) -> Result<(), ProviderError> {
    let api = K::API;
    let request = Request::get(api.service, format!("{}.get", api.name), id);
    let found = there(client.call(context, &request).await)?;
    if found.is_none_or(|found| !is_alive(&found)) {
        return Ok(());
    }
    let request = Request::send(
        api.service,
        format!("{}.delete", api.name),
        Method::DELETE,
        id,
        Json::Null,
    );
    let ended = run::<K>(client, context, operation, id, request).await;
    absent_is_done(ended.map(|_| ()))
}

pub(crate) struct Pool;

#[async_trait]
impl Kind for Pool {
    type Record = PoolRecord;
    const TYPE: &'static str = "google_iam_workload_identity_pool";
    const API: Api = api(
        "iam.projects.locations.workloadIdentityPools",
        "projects/{project}/locations/global/workloadIdentityPools",
        "workload_identity_pool_id",
        "workloadIdentityPoolId",
        "workloadIdentityPools",
    );
    const RULES: Rules = &[("workload_identity_pool_id", Rule::ShownOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 5)
    }

    fn body(_: &Client, _: &PoolRecord, body: &mut Map<String, Json>) {
        body.remove("workloadIdentityPoolId");
    }

    fn shown(found: &mut Json) {
        let id = short(found["name"].as_str().unwrap_or_default()).to_owned();
        found["workloadIdentityPoolId"] = id.into();
    }

    fn is_there(found: &Json) -> bool {
        is_alive(found)
    }

    fn is_as_asked(found: &Json, desired: &PoolRecord) -> bool {
        is_as_asked::<Self>(found, desired)
    }

    async fn revive(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &PoolRecord,
    ) -> Result<bool, ProviderError> {
        let fields = ["displayName", "description", "disabled"];
        undelete::<Self>(client, context, operation, id, desired, &fields).await
    }

    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &PoolRecord,
    ) -> Result<(), ProviderError> {
        end::<Self>(client, context, operation, id).await
    }

    fn stays() -> bool {
        true
    }
}

pub(crate) struct Issuer;

#[async_trait]
impl Kind for Issuer {
    type Record = IssuerRecord;
    const TYPE: &'static str = "google_iam_workload_identity_pool_provider";
    const API: Api = api(
        "iam.projects.locations.workloadIdentityPools.providers",
        "projects/{project}/locations/global/workloadIdentityPools/{workload_identity_pool_id}/providers",
        "workload_identity_pool_provider_id",
        "workloadIdentityPoolProviderId",
        "workloadIdentityPoolProviders",
    );
    const RULES: Rules = &[("workload_identity_pool_provider_id", Rule::ShownOnly)];

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 5)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let blocks = |name: &str| config.get(name).and_then(Value::elements);
        let unknown = |name: &str| config.get(name).is_some_and(Value::is_unknown);
        let kinds = ["oidc", "aws", "saml"];
        let said = kinds
            .iter()
            .filter(|k| blocks(k).is_some_and(|b| !b.is_empty()));
        if said.count() == 1 || kinds.iter().any(|kind| unknown(kind)) {
            return Vec::new();
        }
        let message = "a provider is one of `oidc`, `aws` and `saml`";
        vec![ProviderError::invalid("oidc", message)]
    }

    fn body(_: &Client, _: &IssuerRecord, body: &mut Map<String, Json>) {
        body.remove("workloadIdentityPoolProviderId");
    }

    fn shown(found: &mut Json) {
        let name = found["name"].as_str().unwrap_or_default().to_owned();
        found["workloadIdentityPoolProviderId"] = short(&name).into();
    }

    fn is_there(found: &Json) -> bool {
        is_alive(found)
    }

    fn is_as_asked(found: &Json, desired: &IssuerRecord) -> bool {
        is_as_asked::<Self>(found, desired)
    }

    async fn revive(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        desired: &IssuerRecord,
    ) -> Result<bool, ProviderError> {
        let mut fields = vec![
            "displayName",
            "description",
            "disabled",
            "attributeCondition",
        ];
        // Of the three only the one that is said: the others are not this provider's.
        for (field, said) in [
            ("attributeMapping", !desired.attribute_mapping.is_empty()),
            ("oidc", !desired.oidc.is_empty()),
            ("aws", !desired.aws.is_empty()),
            ("saml", !desired.saml.is_empty()),
        ] {
            fields.extend(said.then_some(field));
        }
        undelete::<Self>(client, context, operation, id, desired, &fields).await
    }

    async fn deleting(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        id: &str,
        _: &IssuerRecord,
    ) -> Result<(), ProviderError> {
        end::<Self>(client, context, operation, id).await
    }

    fn stays() -> bool {
        true
    }
}
