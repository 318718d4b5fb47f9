//! What keys and secrets share: their addresses in a vault, whose they are, and how they go.

use super::{DATA, once_granted, uri_of, vault};
use crate::client::{Answer, Audience, Client, Method, Request};
use crate::error;
use crate::kind::Kind;
use crate::managed::text;
use crate::tags::{self, MARKS, Tags};
use infra_cloud::absence::there;
use infra_cloud::retry::Resend;
use infra_cloud::wait::{self, MINUTES, Progress};
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered, Value};
use serde_json::{Value as Json, json};

/// `keys` or `secrets`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Collection {
    /// `key`
    pub(crate) one: &'static str,
    /// `keys`
    pub(crate) name: &'static str,
    /// `Microsoft.KeyVault/vaults/keys`
    pub(crate) of: &'static str,
    /// `deletedkeys`
    pub(crate) deleted: &'static str,
}

/// The parts of `https://NAME.vault.azure.net/keys/NAME/VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The vault's address.
    pub(crate) vault: String,
    /// The object's name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

impl Address {
    /// Reads an id; its version may be missing.
    pub(crate) fn parse(id: &str, collection: Collection) -> Option<Address> {
        let (vault, rest) = id.split_once(&format!("/{}/", collection.name))?;
        let (name, version) = rest.split_once('/').unwrap_or((rest, ""));
        let whole = vault.contains("://") && !name.is_empty() && !version.contains('/');
        whole.then(|| Address {
            vault: vault.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// Its id without a version.
    pub(crate) fn versionless(&self, collection: Collection) -> String {
        format!("{}/{}/{}", self.vault, collection.name, self.name)
    }
}

/// A call of a vault.
pub(crate) fn request(method: Method, collection: Collection, url: impl Into<String>) -> Request {
    let mut request = Request::new(method, collection.of, DATA, url);
    request.audience = Audience::Vaults;
    request
}

/// What is under an address, its newest version.
async fn find(
    client: &Client,
    context: &CallContext,
    collection: Collection,
    url: &str,
) -> Result<Option<Json>, ProviderError> {
    // A vault that is gone has no name any more, and is told apart by Resource Manager.
    there(
        client
            .call(context, &request(Method::Get, collection, url))
            .await,
    )
}

/// The same, where the vault itself may be gone: then nobody answers at its address.
pub(crate) async fn find_in(
    client: &Client,
    context: &CallContext,
    collection: Collection,
    url: &str,
    vault: Option<&str>,
) -> Result<Option<Json>, ProviderError> {
    match find(client, context, collection, url).await {
        Err(error) if error.kind == ErrorKind::Transient => {
            let Some(vault) = vault else {
                return Err(error);
            };
            match crate::found::fetch(client, context, &vault::Vault::API, vault).await? {
                Some(_) => Err(error),
                None => Ok(None),
            }
        }
        other => other,
    }
}

/// Whose an object is.
fn whose(operation: &Operation, found: &Json, id: &str) -> Recovered {
    let id = id.to_owned();
    if MARKS.made_by(operation, &tags::of(found)) {
        Recovered::Found(id)
    } else {
        Recovered::Foreign(id)
    }
}

/// The id that an object says of itself.
pub(crate) fn id_in(found: &Json) -> Option<&str> {
    found["id"]
        .as_str()
        .or_else(|| found["key"]["kid"].as_str())
}

/// What an operation made, if it made something.
pub(crate) async fn recovered(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    collection: Collection,
    vault: &str,
    name: &str,
) -> Result<Recovered, ProviderError> {
    let Some(uri) = there(uri_of(client, context, vault).await)? else {
        return Ok(Recovered::Absent);
    };
    let url = format!("{uri}/{}/{name}", collection.name);
    // The run that was interrupted may have been waiting for its role.
    let look = request(Method::Get, collection, &*url);
    let found = once_granted(client, context, operation, &look).await;
    Ok(match there(found)? {
        Some(found) => whose(operation, &found.body, id_in(&found.body).unwrap_or(&url)),
        None => Recovered::Absent,
    })
}

/// Makes an object: `send` is the call that makes a version. What stands there already is ours or somebody else's; what was
/// deleted and is kept is recovered first. The id is noted.
pub(crate) async fn make(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    collection: Collection,
    url: &str,
    mut send: Request,
) -> Result<String, ProviderError> {
    let look = request(Method::Get, collection, url);
    let found = once_granted(client, context, operation, &look).await;
    if let Some(found) = there(found)? {
        return match whose(operation, &found.body, id_in(&found.body).unwrap_or(url)) {
            Recovered::Found(id) => noted(context, operation, id).await,
            _ => Err(error::foreign(url)),
        };
    }
    // Sent twice it would be two versions.
    send.resend = Resend::Never;
    let send = &send;
    let made = match once_granted(client, context, operation, send).await {
        Err(error) if error.kind == ErrorKind::Conflict && error.message.contains("deleted") => {
            recover_deleted(client, context, operation, collection, url).await?;
            client.send(context, send).await?
        }
        Err(error) if error.kind == ErrorKind::Transient => {
            match find(client, context, collection, url).await? {
                Some(found) => Answer {
                    body: found,
                    ..Answer::default()
                },
                None => client.send(context, send).await?,
            }
        }
        other => other?,
    };
    let id = id_in(&made.body).unwrap_or(url).to_owned();
    noted(context, operation, id).await
}

/// Changes an object: `send` gives the call, by the id of its newest version and by its tags as they are to be. The id that it has
/// then.
pub(crate) async fn changed(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    look: Request,
    (known, desired): (Option<&str>, &Value),
    send: impl FnOnce(&str, Json) -> Result<Request, ProviderError>,
) -> Result<String, ProviderError> {
    let found = once_granted(client, context, operation, &look).await?.body;
    let known = known.unwrap_or_default();
    let tags = changed_tags(client, desired, operation, &found);
    let send = send(id_in(&found).unwrap_or(known), tags)?;
    let answer = client.send(context, &send).await?;
    Ok(id_in(&answer.body).unwrap_or(known).to_owned())
}

async fn noted(
    context: &CallContext,
    operation: &Operation,
    id: String,
) -> Result<String, ProviderError> {
    context.events.id_known(operation, &id).await?;
    Ok(id)
}

/// Brings back what was deleted and is kept.
async fn recover_deleted(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    collection: Collection,
    url: &str,
) -> Result<(), ProviderError> {
    let deleted = url.replacen(
        &format!("/{}/", collection.name),
        &format!("/{}/", collection.deleted),
        1,
    );
    let recover = request(Method::Post, collection, format!("{deleted}/recover"));
    client.send(context, &recover).await?;
    wait::until(context, operation, MINUTES, || async move {
        Ok(match find(client, context, collection, url).await? {
            Some(_) => Progress::Done(()),
            None => Progress::Pending("recovering".to_owned()),
        })
    })
    .await
}

/// Deletes an object, waits until it is gone, and purges it where that is allowed.
pub(crate) async fn remove(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    collection: Collection,
    address: &Address,
    vault: &str,
) -> Result<(), ProviderError> {
    let url = address.versionless(collection);
    if find_in(client, context, collection, &url, Some(vault))
        .await?
        .is_none()
    {
        return Ok(());
    }
    let delete = request(Method::Delete, collection, &*url);
    let Some(answer) = there(client.send(context, &delete).await)? else {
        return Ok(());
    };
    let level = answer.body["attributes"]["recoveryLevel"]
        .as_str()
        .unwrap_or_default();
    let purgeable = level.contains("Purgeable") && !level.contains("ProtectedSubscription");
    let deleted = format!("{}/{}/{}", address.vault, collection.deleted, address.name);
    let deleted = &*deleted;
    let kept = wait::until(context, operation, MINUTES, || async move {
        if find(client, context, collection, deleted).await?.is_some() {
            return Ok(Progress::Done(true));
        }
        // A vault that keeps nothing has nothing deleted.
        Ok(Progress::Pending("deleting".to_owned()))
    });
    if !level.contains("Recoverable") || !kept.await? || !purgeable {
        return Ok(());
    }
    let purge = request(Method::Delete, collection, deleted);
    match client.send(context, &purge).await {
        // Then it goes by itself, when its time has come.
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The tags of a new object.
pub(crate) fn new_tags(client: &Client, value: &Value, operation: &Operation) -> Json {
    let own = crate::found::tags_of(value);
    tags::json(&MARKS.for_create(&client.config().tags, &own, operation))
}

/// The tags of an object that changes.
pub(crate) fn changed_tags(
    client: &Client,
    value: &Value,
    operation: &Operation,
    found: &Json,
) -> Json {
    let own = crate::found::tags_of(value);
    let there = tags::of(found);
    tags::json(&MARKS.for_update(&client.config().tags, &own, operation, &there))
}

/// One's own tags of an object, and all of them.
fn split_tags(client: &Client, found: &Json, said: &Value) -> (Tags, Tags) {
    let said = crate::found::tags_of(said);
    MARKS.split(tags::of(found), &client.config().tags, Some(&said))
}

/// The vault at an address, among the subscription's.
///
/// # Errors
/// What Resource Manager answers.
pub(crate) async fn vault_at(
    client: &Client,
    context: &CallContext,
    uri: &str,
) -> Result<Option<Json>, ProviderError> {
    let path = format!(
        "{}/providers/Microsoft.KeyVault/vaults",
        client.subscription()
    );
    let request = Request::get(vault::Vault::API.name, super::VERSION, path);
    let all = client.list(context, request).await?;
    let bare = |uri: &str| uri.trim_end_matches('/').to_ascii_lowercase();
    Ok(all.into_iter().find(|vault| {
        let address = vault["properties"]["vaultUri"].as_str();
        address.is_some_and(|a| bare(a) == bare(uri))
    }))
}

/// What was found of an object that keys and secrets have alike.
pub(crate) struct Seen {
    /// Its address without a version, as it was asked for.
    pub(crate) url: String,
    /// The vault's resource id.
    pub(crate) vault: String,
    /// Its newest version.
    pub(crate) newest: Address,
    /// The id of that.
    pub(crate) id: String,
    /// Its id without a version.
    pub(crate) versionless: String,
    /// Its resource id without a version.
    pub(crate) resource: String,
    /// From when on it is good.
    pub(crate) not_before: Option<String>,
    /// Until when it is.
    pub(crate) expiration: Option<String>,
    /// Its own tags.
    pub(crate) tags: Tags,
    /// All of them.
    pub(crate) tags_all: Tags,
}

impl Seen {
    /// The resource id of its newest version.
    pub(crate) fn resource_id(&self) -> String {
        format!("{}/versions/{}", self.resource, self.newest.version)
    }
}

/// What was found of an object under an address; `said` is what the state has.
///
/// # Errors
/// What Resource Manager answers when the vault is looked up.
pub(crate) async fn seen(
    client: &Client,
    context: &CallContext,
    collection: Collection,
    address: &Address,
    found: &Json,
    said: &Value,
) -> Result<Seen, ProviderError> {
    let id = id_in(found).unwrap_or_default().to_owned();
    let newest = Address::parse(&id, collection).unwrap_or_else(|| address.clone());
    let vault = match text(said, "key_vault_id").filter(|v| !v.is_empty()) {
        Some(vault) => vault,
        // An object that is imported.
        None => vault_at(client, context, &address.vault)
            .await?
            .and_then(|vault| vault["id"].as_str().map(str::to_owned))
            .unwrap_or_default(),
    };
    let (tags, tags_all) = split_tags(client, found, said);
    let when =
        |field: &str, name: &str| moment(&found["attributes"][field], text(said, name).as_ref());
    Ok(Seen {
        url: address.versionless(collection),
        resource: format!("{vault}/{}/{}", collection.name, newest.name),
        versionless: newest.versionless(collection),
        not_before: when("nbf", "not_before_date"),
        expiration: when("exp", "expiration_date"),
        vault,
        newest,
        id,
        tags,
        tags_all,
    })
}

/// The attributes of an object that is good from one moment on and until another.
///
/// # Errors
/// What is no moment.
pub(crate) fn attributes(
    not_before: Option<&String>,
    expiration: Option<&String>,
) -> Result<Json, ProviderError> {
    let mut out = json!({ "enabled": true });
    for (field, moment) in [("nbf", not_before), ("exp", expiration)] {
        if let Some(seconds) = seconds(moment)? {
            out[field] = seconds.into();
        }
    }
    Ok(out)
}

/// Seconds since 1970 of an RFC 3339 moment.
fn seconds(moment: Option<&String>) -> Result<Option<i64>, ProviderError> {
    let Some(text) = moment else {
        return Ok(None);
    };
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed.map(|t| Some(t.as_second())).map_err(|_| {
        ProviderError::new(
            ErrorKind::Invalid,
            format!("`{text}` is not a moment such as 2030-01-31T00:00:00Z"),
        )
    })
}

/// The moment of seconds since 1970, as it was said where it is the same.
pub(crate) fn moment(found: &Json, said: Option<&String>) -> Option<String> {
    let seconds = found.as_i64()?;
    let same = said.filter(|said| {
        let parsed: Result<jiff::Timestamp, _> = said.parse();
        parsed.is_ok_and(|t| t.as_second() == seconds)
    });
    match same {
        Some(said) => Some(said.clone()),
        None => jiff::Timestamp::from_second(seconds)
            .ok()
            .map(|t| t.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vaults::key::KEYS;

    #[test]
    fn an_id_tells_vault_name_and_version() {
        for (vault, version) in [
            ("https://v.vault.azure.net", "0123"),
            ("http://127.0.0.1:4702/_vault/v", ""),
        ] {
            let id = format!("{vault}/keys/k/{version}");
            let address = Address::parse(id.trim_end_matches('/'), KEYS).expect("an id");
            assert_eq!((&*address.vault, &*address.version), (vault, version));
            assert_eq!(address.versionless(KEYS), format!("{vault}/keys/k"));
        }
        for wrong in [
            "",
            "k",
            "/keys/k",
            "https://v.vault.azure.net/secrets/k",
            "https://v/keys/k/1/2",
        ] {
            assert_eq!(Address::parse(wrong, KEYS), None, "{wrong}");
        }
    }

    #[test]
    fn moments_stay_as_they_were_said() {
        let said = "2030-01-31T00:00:00Z".to_owned();
        let seconds = seconds(Some(&said)).expect("a moment").expect("said");
        assert_eq!(moment(&seconds.into(), Some(&said)), Some(said.clone()));
        assert_eq!(moment(&seconds.into(), None), Some(said));
        assert_eq!(moment(&Json::Null, None), None);
    }
}
