//! `azurerm_key_vault_certificate_issuer`.

use super::object::{self, Address, Collection, request};
use super::{once_granted, uri_of};
use crate::client::{Client, Method};
use crate::{error, family};
use async_trait::async_trait;
use futures::future::join_all;
use infra_cloud::absence::{absent_is_done, there};
use infra_cloud::wait;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::{Value as Json, json};

/// An authority that gives certificates to a vault, and renews them: policies of certificates name it. DigiCert and GlobalSign are
/// Azure's partners; what is ordered there is paid for there, for domains that they have seen to be yours.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct IssuerRecord {
    /// Its name, which policies say.
    #[record(required, force_new)]
    pub(crate) name: String,
    /// The vault.
    #[record(required, force_new, compare = case_insensitive)]
    pub(crate) key_vault_id: String,
    /// `DigiCert`, `GlobalSign`, `OneCertV2-PrivateCA`, `OneCertV2-PublicCA` or `SslAdminV2`.
    #[record(required)]
    pub(crate) provider_name: String,
    /// The account there.
    #[record(optional)]
    pub(crate) account_id: Option<String>,
    /// The account's password, or its key for programs. Stored encrypted.
    #[record(optional, sensitive)]
    pub(crate) password: Option<String>,
    /// The organisation there, which DigiCert and GlobalSign need to know.
    #[record(optional)]
    pub(crate) org_id: Option<String>,
    /// Who is asked there.
    #[record(block)]
    pub(crate) admin: Vec<Admin>,
    /// Its address.
    #[record(computed)]
    pub(crate) id: Option<String>,
}

/// Who is asked at an authority.
#[derive(Clone, Debug, Default, PartialEq, Record)]
pub(crate) struct Admin {
    /// The address of mail.
    #[record(required)]
    pub(crate) email_address: String,
    /// The first name.
    #[record(optional)]
    pub(crate) first_name: Option<String>,
    /// The last name.
    #[record(optional)]
    pub(crate) last_name: Option<String>,
    /// The number of the telephone.
    #[record(optional)]
    pub(crate) phone: Option<String>,
}

pub(crate) struct Issuer;

const ISSUERS: Collection = Collection {
    one: "issuer",
    name: "certificates/issuers",
    of: "Microsoft.KeyVault/vaults/certificates",
    // What is deleted is gone.
    deleted: "",
};

/// What there is of two or more.
fn some(pairs: &[(&str, Option<&String>)]) -> Json {
    let mut json = json!({});
    for (name, value) in pairs {
        if let Some(value) = value {
            json[*name] = value.as_str().into();
        }
    }
    json
}

/// The whole of it ("Set Certificate Issuer").
fn body(desired: &IssuerRecord) -> Json {
    let admins: Vec<Json> = desired
        .admin
        .iter()
        .map(|one| {
            some(&[
                ("email", Some(&one.email_address)),
                ("first_name", one.first_name.as_ref()),
                ("last_name", one.last_name.as_ref()),
                ("phone", one.phone.as_ref()),
            ])
        })
        .collect();
    let mut organisation = some(&[("id", desired.org_id.as_ref())]);
    if !admins.is_empty() {
        organisation["admin_details"] = admins.into();
    }
    json!({
        "provider": desired.provider_name,
        "credentials": some(&[("account_id", desired.account_id.as_ref()), ("pwd", desired.password.as_ref())]),
        "org_details": organisation,
        "attributes": { "enabled": true },
    })
}

fn shown(id: &str, name: String, found: &Json, prior: Option<&IssuerRecord>) -> IssuerRecord {
    let text = |json: &Json| json.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let organisation = &found["org_details"];
    let admins = organisation["admin_details"].as_array();
    IssuerRecord {
        name,
        key_vault_id: prior.map(|p| p.key_vault_id.clone()).unwrap_or_default(),
        provider_name: text(&found["provider"]).unwrap_or_default(),
        account_id: text(&found["credentials"]["account_id"]),
        // It is never given back.
        password: prior.and_then(|p| p.password.clone()),
        org_id: text(&organisation["id"]),
        admin: admins
            .into_iter()
            .flatten()
            .map(|one| Admin {
                email_address: text(&one["email"]).unwrap_or_default(),
                first_name: text(&one["first_name"]),
                last_name: text(&one["last_name"]),
                phone: text(&one["phone"]),
            })
            .collect(),
        id: Some(id.to_owned()),
    }
}

async fn set(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    url: &str,
    desired: &IssuerRecord,
) -> Result<(), ProviderError> {
    let put = request(Method::Put, ISSUERS, url).body(body(desired));
    once_granted(client, context, operation, &put)
        .await
        .map(|_| ())
}

/// Where it is, by its configuration.
async fn place(
    client: &Client,
    context: &CallContext,
    desired: &IssuerRecord,
) -> Result<String, ProviderError> {
    let uri = uri_of(client, context, &desired.key_vault_id).await?;
    Ok(format!("{uri}/{}/{}", ISSUERS.name, desired.name))
}

#[async_trait]
impl Resource<Client> for Issuer {
    type Record = IssuerRecord;
    const TYPE: &'static str = "azurerm_key_vault_certificate_issuer";

    fn traits() -> Traits {
        Traits::default().seconds(5, 5, 5).family(family::VAULT)
    }

    fn validate(config: &Value) -> Vec<ProviderError> {
        let said = |name: &str| config.get(name).is_some_and(|v| !v.is_null());
        let provider = config.get("provider_name").and_then(Value::as_str);
        let public = provider.is_some_and(|p| ["DigiCert", "GlobalSign"].contains(&p));
        if public && !said("org_id") {
            return vec![ProviderError::invalid(
                "org_id",
                "`org_id` must be set: DigiCert and GlobalSign give certificates to organisations",
            )];
        }
        Vec::new()
    }

    fn plan(_: &PlanRequest<'_>, _: &mut Planned) -> Result<(), ProviderError> {
        Ok(())
    }

    fn id(record: &IssuerRecord) -> String {
        record.id.clone().unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<IssuerRecord>],
    ) -> Vec<Result<Option<IssuerRecord>, ProviderError>> {
        join_all(items.iter().map(|item| async move {
            let prior = item.prior.as_ref();
            let vault = prior.map(|p| &*p.key_vault_id).filter(|v| !v.is_empty());
            let found = object::find_in(client, context, ISSUERS, &item.id, vault).await?;
            let (Some(found), Some(address)) = (found, Address::parse(&item.id, ISSUERS)) else {
                return Ok(None);
            };
            let mut record = shown(&item.id, address.name, &found, prior);
            if record.key_vault_id.is_empty() {
                let vault = object::vault_at(client, context, &address.vault).await?;
                let id = vault.and_then(|v| v["id"].as_str().map(str::to_owned));
                record.key_vault_id = id.unwrap_or_default();
            }
            Ok(Some(record))
        }))
        .await
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: IssuerRecord,
    ) -> Result<IssuerRecord, ProviderError> {
        let url = match &operation.known_id {
            Some(url) => url.clone(),
            None => {
                let url = place(client, context, &desired).await?;
                let look = request(Method::Get, ISSUERS, &*url);
                if there(once_granted(client, context, operation, &look).await)?.is_some() {
                    return Err(error::foreign(&url));
                }
                // Nothing on it will tell whose it is: this does.
                context.events.id_known(operation, &url).await?;
                url
            }
        };
        set(client, context, operation, &url, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &url, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: IssuerRecord,
        desired: IssuerRecord,
    ) -> Result<IssuerRecord, ProviderError> {
        let url = Self::id(&prior);
        set(client, context, operation, &url, &desired).await?;
        wait::settled::<_, Self>(client, context, operation, &url, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        prior: IssuerRecord,
    ) -> Result<(), ProviderError> {
        let url = Self::id(&prior);
        let vault = Some(&*prior.key_vault_id).filter(|v| !v.is_empty());
        if object::find_in(client, context, ISSUERS, &url, vault)
            .await?
            .is_none()
        {
            return Ok(());
        }
        let delete = request(Method::Delete, ISSUERS, url);
        absent_is_done(client.send(context, &delete).await.map(|_| ()))
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: IssuerRecord,
    ) -> Result<Recovered, ProviderError> {
        let Some(url) = there(place(client, context, &desired).await)? else {
            return Ok(Recovered::Absent);
        };
        let vault = Some(&*desired.key_vault_id);
        let found = object::find_in(client, context, ISSUERS, &url, vault).await?;
        Ok(match (found.is_some(), operation.known_id.is_some()) {
            (false, _) => Recovered::Absent,
            (true, true) => Recovered::Found(url),
            (true, false) => Recovered::Foreign(url),
        })
    }

    fn import(id: &str) -> Result<Imported<IssuerRecord>, ProviderError> {
        if Address::parse(id, ISSUERS).is_none_or(|address| !address.version.is_empty()) {
            return Err(ProviderError::new(
                ErrorKind::Invalid,
                format!("`{id}` is not `https://VAULT.vault.azure.net/certificates/issuers/NAME`"),
            ));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}
