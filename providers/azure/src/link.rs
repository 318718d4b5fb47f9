//! Links between two resources that are no resources of Azure's own, but a reference in the body of one of them: the type says
//! which field of which whole holds the reference.

use crate::api::Api;
use crate::client::Client;
use crate::found::fetch;
use crate::managed::{plan_id, text};
use crate::part;
use crate::wire;
use async_trait::async_trait;
use infra_cloud::pending::split;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::{Value as Json, json};
use std::marker::PhantomData;

/// How the field of the whole holds the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It is the one reference.
    One,
    /// It is a list of references, of which this is one.
    Many,
}

/// What differs between links.
pub(crate) trait Link: Send + Sync + 'static {
    type Record: Record + Clone;
    const TYPE: &'static str;
    /// The whole.
    const API: Api;
    /// The attribute with the whole's id, and that with the other's.
    const ENDS: (&'static str, &'static str);
    /// The field that holds the reference.
    const FIELD: &'static str;
    const HOLDS: Holds;

    /// What a change to the whole must wait its turn for.
    fn turn(whole: &str) -> &str {
        whole
    }
}

/// A [`Link`] as a resource.
pub(crate) struct Linked<L>(PhantomData<fn() -> L>);

/// Both ends of an id: a whole with one reference is named by itself alone, and then the other is not told.
fn ends<L: Link>(id: &str) -> Option<(&str, Option<&str>)> {
    let (whole, other) = match L::HOLDS {
        Holds::One => (id, None),
        Holds::Many => {
            let (whole, other) = id.split_once('|')?;
            (whole, Some(other))
        }
    };
    L::API.parts(whole)?;
    Some((whole, other))
}

fn id_of<L: Link>(value: &Value) -> Option<String> {
    let said = |name: &str| text(value, name).filter(|v| !v.is_empty());
    let (whole, other) = (said(L::ENDS.0)?, said(L::ENDS.1)?);
    Some(match L::HOLDS {
        Holds::One => whole,
        Holds::Many => format!("{whole}|{other}"),
    })
}

fn said<L: Link>(value: &Value) -> Result<(String, String), ProviderError> {
    let end = |name: &str| {
        text(value, name)
            .ok_or_else(|| ProviderError::invalid(name, format!("`{name}` must be set")))
    };
    Ok((end(L::ENDS.0)?, end(L::ENDS.1)?))
}

/// The reference that a whole holds: the one, or the one of many that is asked for.
fn held<L: Link>(found: &Json, other: Option<&str>) -> Option<String> {
    let field = wire::get(found, L::FIELD)?;
    let is = |id: &&str| other.is_none_or(|other| id.eq_ignore_ascii_case(other));
    let id = match field {
        Json::Array(items) => items.iter().filter_map(|item| item["id"].as_str()).find(is),
        one => one["id"].as_str().filter(is),
    };
    id.map(str::to_owned)
}

/// A whole with the reference or without; whether there was anything to do.
fn changed<L: Link>(whole: &mut Json, other: &str, wanted: bool) -> Result<bool, ProviderError> {
    if held::<L>(whole, Some(other)).is_some() == wanted {
        return Ok(false);
    }
    match (L::HOLDS, wanted) {
        (Holds::One, true) => {
            if let Some(there) = held::<L>(whole, None) {
                return Err(ProviderError {
                    code: "AlreadyExists".to_owned(),
                    ..ProviderError::new(
                        ErrorKind::Conflict,
                        format!("`{there}` is there already: import the association, or remove it"),
                    )
                });
            }
            wire::put(whole, L::FIELD, json!({ "id": other }));
        }
        (Holds::One, false) => wire::remove(whole, L::FIELD),
        (Holds::Many, wanted) => {
            let mut items = match wire::get(whole, L::FIELD) {
                Some(Json::Array(items)) => items.clone(),
                _ => Vec::new(),
            };
            items.retain(|i| {
                !i["id"]
                    .as_str()
                    .is_some_and(|id| id.eq_ignore_ascii_case(other))
            });
            if wanted {
                items.push(json!({ "id": other }));
            }
            wire::put(whole, L::FIELD, Json::Array(items));
        }
    }
    Ok(true)
}

async fn write<L: Link>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    value: &Value,
    wanted: bool,
) -> Result<(), ProviderError> {
    let (whole, other) = said::<L>(value)?;
    let edit = |body: &mut Json| changed::<L>(body, &other, wanted);
    let turn = L::turn(&whole);
    part::change(client, context, operation, &L::API, turn, &whole, edit).await
}

fn record<L: Link>(
    id: &str,
    whole: &str,
    other: &str,
    prior: Option<&L::Record>,
) -> Result<L::Record, ProviderError> {
    let prior = prior.map_or(Value::NULL, Record::to_value);
    let as_said = |name: &str, found: &str| {
        let said = prior.get(name).and_then(Value::as_str);
        Value::from(
            said.filter(|s| s.eq_ignore_ascii_case(found))
                .unwrap_or(found),
        )
    };
    let value = Value::object([
        ("id", Value::from(id)),
        (L::ENDS.0, as_said(L::ENDS.0, whole)),
        (L::ENDS.1, as_said(L::ENDS.1, other)),
    ]);
    Ok(L::Record::from_value(&value)?)
}

#[async_trait]
impl<L: Link> Resource<Client> for Linked<L> {
    type Record = L::Record;
    const TYPE: &'static str = L::TYPE;

    fn traits() -> Traits {
        Traits::default()
            .seconds(6, 6, 8)
            .family(crate::family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        plan_id(request, planned, id_of::<L>);
        Ok(())
    }

    fn id(record: &L::Record) -> String {
        text(&record.to_value(), "id").unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<L::Record>],
    ) -> Vec<Result<Option<L::Record>, ProviderError>> {
        let named: Vec<_> = items.iter().map(|i| ends::<L>(split(&i.id).0)).collect();
        let wholes = named.iter().flatten().map(|(whole, _)| *whole);
        let found = part::once(wholes, |whole| fetch(client, context, &L::API, whole)).await;
        let one = |(item, ends): (&Item<L::Record>, &Option<(&str, Option<&str>)>)| {
            let Some((whole, other)) = ends else {
                return Err(not_the_form::<L>(&item.id));
            };
            let Some(body) = found.get(whole).cloned().transpose()?.flatten() else {
                return Ok(None);
            };
            let held = held::<L>(&body, *other);
            held.map(|other| record::<L>(&item.id, whole, &other, item.prior.as_ref()))
                .transpose()
        };
        items.iter().zip(&named).map(one).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: L::Record,
    ) -> Result<L::Record, ProviderError> {
        let value = desired.to_value();
        let (whole, other) = said::<L>(&value)?;
        write::<L>(client, context, operation, &value, true).await?;
        let id = id_of::<L>(&value).unwrap_or_default();
        context.events.id_known(operation, &id).await?;
        record::<L>(&id, &whole, &other, Some(&desired))
    }

    async fn update(
        _: &Client,
        _: &CallContext,
        _: &Operation,
        _: L::Record,
        desired: L::Record,
    ) -> Result<L::Record, ProviderError> {
        // Both ends are what it is: another end is another link.
        Ok(desired)
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: L::Record,
    ) -> Result<(), ProviderError> {
        let gone = write::<L>(client, context, operation, &prior.to_value(), false).await;
        infra_cloud::absence::absent_is_done(gone)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: L::Record,
    ) -> Result<Recovered, ProviderError> {
        let value = desired.to_value();
        let (whole, other) = said::<L>(&value)?;
        let found = fetch(client, context, &L::API, &whole).await?;
        // A link is nobody's: making it twice is making it once.
        let there = found.and_then(|body| held::<L>(&body, Some(&other)));
        Ok(match there {
            Some(_) => Recovered::Found(id_of::<L>(&value).unwrap_or_default()),
            None => Recovered::Absent,
        })
    }

    fn import(id: &str) -> Result<Imported<L::Record>, ProviderError> {
        if ends::<L>(id).is_none() {
            return Err(not_the_form::<L>(id));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

fn not_the_form<L: Link>(id: &str) -> ProviderError {
    let form = match L::HOLDS {
        Holds::One => L::API.form.to_owned(),
        Holds::Many => format!("{}|{{{}}}", L::API.form, L::ENDS.1),
    };
    ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not `{form}`"))
}
