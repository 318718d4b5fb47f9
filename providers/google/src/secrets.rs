//! `google_secret_manager_secret` and `google_secret_manager_secret_version`.

use crate::api::{Api, Create, Labelled, Operations, Update, relative, short};
use crate::client::{Client, Request};
use crate::family::SECRETS;
use crate::kind::Kind;
use crate::wire::{Rule, Rules};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use infra_cloud::absence::{absent_is_done, there};
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource, Value,
};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A secret: a name under which versions of it are kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct SecretRecord {
    /// Its name.
    #[record(required, force_new)]
    pub(crate) secret_id: String,
    /// Where it is kept.
    #[record(block, min = 1, max = 1, force_new)]
    pub(crate) replication: Vec<Replication>,
    /// Labels.
    #[record(optional)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels with the provider's default ones.
    #[record(computed)]
    pub(crate) effective_labels: BTreeMap<String, String>,
    /// Notes.
    #[record(optional)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// After so many seconds a destroyed version is gone, such as `86400s`.
    #[record(optional)]
    pub(crate) version_destroy_ttl: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) create_time: Option<String>,
    /// `projects/{number}/secrets/{secret_id}`
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// The project. By default the provider's.
    #[record(optional, computed, force_new)]
    pub(crate) project: Option<String>,
    /// `projects/{project}/secrets/{secret_id}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Where it is kept.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Replication {
    /// Where Google wants.
    #[record(block, max = 1)]
    pub(crate) auto: Vec<Auto>,
    /// In places that are named.
    #[record(block, max = 1)]
    pub(crate) user_managed: Vec<UserManaged>,
}

/// Where Google wants.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Auto {
    /// A key of one's own.
    #[record(block, max = 1)]
    pub(crate) customer_managed_encryption: Vec<Encryption>,
}

/// In places that are named.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct UserManaged {
    /// They.
    #[record(block, min = 1)]
    pub(crate) replicas: Vec<Replica>,
}

/// A place.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Replica {
    /// The region.
    #[record(required)]
    pub(crate) location: String,
    /// A key of one's own, of the same region.
    #[record(block, max = 1)]
    pub(crate) customer_managed_encryption: Vec<Encryption>,
}

/// A key of one's own.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct Encryption {
    /// The key's id.
    #[record(required, compare = resource_name)]
    pub(crate) kms_key_name: String,
}

pub(crate) struct Secret;

impl Kind for Secret {
    type Record = SecretRecord;
    const TYPE: &'static str = "google_secret_manager_secret";
    const API: Api = Api {
        service: SECRETS,
        name: "secretmanager.projects.secrets",
        collection: "projects/{project}/secrets",
        key: "secret_id",
        create: Create::Named("secretId"),
        update: Update::Masked,
        items: "secrets",
        operations: Operations::None,
        labels: Labelled::At("labels", "/labels"),
    };
    const RULES: Rules = &[
        ("secret_id", Rule::ShownOnly),
        ("replication", Rule::Present("replication")),
        ("replication.auto", Rule::Present("automatic")),
    ];

    fn traits() -> Traits {
        Traits::default().seconds(2, 2, 2)
    }

    fn body(_: &Client, desired: &SecretRecord, body: &mut Map<String, Json>) {
        let auto = desired
            .replication
            .first()
            .is_some_and(|r| !r.auto.is_empty());
        if auto && body["replication"].get("automatic").is_none() {
            body["replication"]["automatic"] = json!({});
        }
    }
}

/// A version of a secret.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct VersionRecord {
    /// The secret's id.
    #[record(required, force_new, compare = resource_name)]
    pub(crate) secret: String,
    /// What is secret, stored encrypted.
    #[record(optional, force_new, sensitive)]
    pub(crate) secret_data: Option<String>,
    /// What is secret, never stored.
    #[record(optional, write_only, sensitive)]
    pub(crate) secret_data_wo: Option<String>,
    /// Change it to send `secret_data_wo` as a new version.
    #[record(optional, force_new)]
    pub(crate) secret_data_wo_version: Option<i64>,
    /// Whether it can be read.
    #[record(optional, default = true)]
    pub(crate) enabled: bool,
    /// `DELETE`, `DISABLE` or `ABANDON`: what becomes of it.
    #[record(optional, default = "DELETE")]
    pub(crate) deletion_policy: String,
    /// Its number.
    #[record(computed)]
    pub(crate) version: Option<String>,
    /// When it was made.
    #[record(computed)]
    pub(crate) create_time: Option<String>,
    /// `projects/{number}/secrets/{secret}/versions/{version}`
    #[record(computed)]
    pub(crate) name: Option<String>,
    /// `projects/{project}/secrets/{secret}/versions/{version}`
    #[record(computed)]
    pub(crate) id: Option<String>,
}

pub(crate) struct Version;

pub(crate) const VERSIONS: &str = "secretmanager.projects.secrets.versions";
const FORM: &str = "projects/{project}/secrets/{secret}/versions/{version}";

async fn find(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<Json>, ProviderError> {
    let request = Request::get(SECRETS, format!("{VERSIONS}.get"), id);
    let found = there(client.call(context, &request).await)?;
    // A destroyed version is shown for ever.
    Ok(found.filter(|v| v["state"] != "DESTROYED"))
}

/// What a version holds; none where that is no text.
pub(crate) async fn held(
    client: &Client,
    context: &CallContext,
    id: &str,
) -> Result<Option<String>, ProviderError> {
    let request = Request::get(
        SECRETS,
        format!("{VERSIONS}.access"),
        format!("{id}:access"),
    );
    let answer = client.call(context, &request).await?;
    let data = answer["payload"]["data"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(data).unwrap_or_default();
    Ok(String::from_utf8(bytes).ok())
}

async fn order(
    client: &Client,
    context: &CallContext,
    id: &str,
    verb: &str,
) -> Result<(), ProviderError> {
    let call = format!("{VERSIONS}.{verb}");
    let request = Request::send(
        SECRETS,
        call,
        Method::POST,
        format!("{id}:{verb}"),
        json!({}),
    );
    client.call(context, &request).await.map(|_| ())
}

/// Destroys a version, which is done only once: a refusal may be about an attempt whose answer was lost.
async fn destroy(client: &Client, context: &CallContext, id: &str) -> Result<(), ProviderError> {
    match absent_is_done(order(client, context, id, "destroy").await) {
        Err(refused) if refused.kind == ErrorKind::Conflict => {
            match find(client, context, id).await? {
                Some(_) => Err(refused),
                None => Ok(()),
            }
        }
        ended => ended,
    }
}

fn shown(id: &str, found: &Json, prior: Option<&VersionRecord>) -> VersionRecord {
    let said = prior.cloned().unwrap_or_default();
    let secret = id.split("/versions/").next().unwrap_or_default();
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    let kept = !said.secret.is_empty();
    VersionRecord {
        secret: if kept { said.secret } else { secret.to_owned() },
        secret_data: said.secret_data,
        secret_data_wo: None,
        secret_data_wo_version: said.secret_data_wo_version,
        enabled: found["state"] == "ENABLED",
        deletion_policy: if kept {
            said.deletion_policy
        } else {
            "DELETE".to_owned()
        },
        version: Some(short(id).to_owned()),
        create_time: text("createTime"),
        name: text("name"),
        id: Some(id.to_owned()),
    }
}

/// What a version is known by while it is added: it is the first after the newest that there was. Versions bear no mark, and
/// clocks differ, but numbers only grow, and the number of a destroyed version is never used again.
const AFTER: &str = "/versions?after=";

/// The secret, and the number of the newest version that there was.
fn awaited(known: &str) -> Option<(&str, u64)> {
    let (secret, number) = known.split_once(AFTER)?;
    Some((secret, number.parse().ok()?))
}

/// The id of a version that is known by it, or by what was there before; none when nothing has been added since.
async fn resolved(
    client: &Client,
    context: &CallContext,
    known: &str,
) -> Result<Option<String>, ProviderError> {
    let Some((secret, newest)) = awaited(known) else {
        return Ok(Some(known.to_owned()));
    };
    let versions = client.list(context, versions_of(secret), "versions").await;
    let versions = there(versions)?.unwrap_or_default();
    let later = versions.iter().filter_map(number).filter(|n| *n > newest);
    Ok(later.min().map(|n| format!("{secret}/versions/{n}")))
}

/// All versions of a secret, the newest first.
fn versions_of(secret: &str) -> Request {
    let path = format!("{secret}/versions");
    Request::get(SECRETS, format!("{VERSIONS}.list"), path)
}

fn number(version: &Json) -> Option<u64> {
    short(version["name"].as_str()?).parse().ok()
}

/// Adds a version, once it is written down which it will be.
async fn add(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    desired: &VersionRecord,
) -> Result<String, ProviderError> {
    let secret = relative(&desired.secret).to_owned();
    // Of two that are added at the same time, each would take the other's for its own.
    let _turn = client.turns.at(&secret).await;
    let known = match operation.known_id.clone() {
        Some(known) => known,
        None => {
            let newest = versions_of(&secret).query("pageSize", "1");
            let newest = there(client.call(context, &newest).await)?.unwrap_or_default();
            let known = format!(
                "{secret}{AFTER}{}",
                number(&newest["versions"][0]).unwrap_or(0)
            );
            context.events.id_known(operation, &known).await?;
            known
        }
    };
    let own = desired.secret_data_wo.as_ref();
    let data = own.or(desired.secret_data.as_ref());
    let data = STANDARD.encode(data.map_or("", |d| d));
    let mut request = Request::send(
        SECRETS,
        "secretmanager.projects.secrets.addVersion",
        Method::POST,
        format!("{secret}:addVersion"),
        json!({ "payload": { "data": data } }),
    );
    // Sent twice it would be two versions.
    request.resend = infra_cloud::retry::Resend::Never;
    let answer = match client.call(context, &request).await {
        Err(error) if error.kind == ErrorKind::Transient => {
            if let Some(id) = resolved(client, context, &known).await? {
                return Ok(id);
            }
            client.call(context, &request).await?
        }
        answer => answer?,
    };
    let version = short(answer["name"].as_str().unwrap_or_default());
    Ok(format!("{secret}/versions/{version}"))
}

#[async_trait]
impl Resource<Client> for Version {
    type Record = VersionRecord;
    const TYPE: &'static str = "google_secret_manager_secret_version";

    fn traits() -> Traits {
        Traits::default()
            .seconds(2, 2, 2)
            .family(SECRETS.write.name)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        if said("secret_data") == said("secret_data_wo") {
            return vec![ProviderError::invalid(
                "secret_data",
                "a version needs either `secret_data` or `secret_data_wo`",
            )];
        }
        Vec::new()
    }

    fn id(record: &VersionRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<VersionRecord>],
    ) -> Vec<Result<Option<VersionRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async move {
            // As it was read before, where what it was known by first is kept as its id.
            let read = item.prior.as_ref().and_then(|p| p.id.clone());
            let read = read.filter(|read| awaited(read).is_none());
            let known = match read {
                Some(read) => Some(read),
                None => resolved(client, context, &item.id).await?,
            };
            let Some(id) = known else {
                return Ok(None);
            };
            let Some(found) = find(client, context, &id).await? else {
                return Ok(None);
            };
            let mut record = shown(&id, &found, item.prior.as_ref());
            // What a version holds never changes (https://cloud.google.com/secret-manager/docs/add-secret-version), so that it
            // is not asked for again.
            if item.prior.is_none() && record.enabled {
                record.secret_data = held(client, context, &id).await?;
            }
            Ok(Some(record))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: VersionRecord,
    ) -> Result<VersionRecord, ProviderError> {
        let known = match &operation.known_id {
            Some(known) => resolved(client, context, known).await?,
            None => None,
        };
        let id = match known {
            Some(id) => id,
            None => add(client, context, operation, &desired).await?,
        };
        if operation.known_id.as_ref() != Some(&id) {
            context.events.id_known(operation, &id).await?;
        }
        if !desired.enabled {
            order(client, context, &id, "disable").await?;
        }
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: VersionRecord,
        desired: VersionRecord,
    ) -> Result<VersionRecord, ProviderError> {
        let id = Self::id(&prior);
        if prior.enabled != desired.enabled {
            let verb = if desired.enabled { "enable" } else { "disable" };
            order(client, context, &id, verb).await?;
        }
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: VersionRecord,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        match prior.deletion_policy.as_str() {
            "ABANDON" => Ok(()),
            "DISABLE" => absent_is_done(order(client, context, &id, "disable").await),
            _ => match find(client, context, &id).await? {
                Some(_) => destroy(client, context, &id).await,
                None => Ok(()),
            },
        }
    }

    /// Nothing: a version is added only when it is written down which it will be.
    async fn recover(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: VersionRecord,
    ) -> Result<Recovered, ProviderError> {
        Ok(Recovered::Absent)
    }

    /// It bears no marks: the newest version of its secret that can be read.
    async fn rediscover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        config: &Value,
    ) -> Result<Vec<String>, ProviderError> {
        let Some(secret) = config.get("secret").and_then(Value::as_str) else {
            return Ok(Vec::new());
        };
        let secret = relative(secret);
        let versions = client.list(context, versions_of(secret), "versions").await;
        let versions = there(versions)?.unwrap_or_default();
        let readable = versions.iter().filter(|v| v["state"] == "ENABLED");
        let newest = readable.filter_map(number).max();
        Ok(newest
            .map(|n| format!("{secret}/versions/{n}"))
            .into_iter()
            .collect())
    }

    fn import(id: &str) -> Result<Imported<VersionRecord>, ProviderError> {
        let id = relative(id);
        let parts: Vec<&str> = id.split('/').collect();
        match parts[..] {
            ["projects", _, "secrets", _, "versions", _] => Ok(Imported {
                id: id.to_owned(),
                prior: None,
            }),
            _ => Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `{FORM}`"),
            )),
        }
    }
}
