//! Named entries of a list in another resource's body, which have an id but no calls of their own: probes and rules of a load
//! balancer.

use crate::api::{Api, collection, parent, short};
use crate::client::Client;
use crate::error;
use crate::found::fetch;
use crate::managed::{plan_id, text};
use crate::part;
use crate::wire::{self, Rules};
use async_trait::async_trait;
use infra_cloud::fields::understood;
use infra_cloud::pending::split;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{
    CallContext, ErrorKind, Operation, PlanRequest, Planned, ProviderError, Record, Recovered,
    Resource, Value,
};
use serde_json::Value as Json;
use std::marker::PhantomData;

/// What differs between types of entries.
pub(crate) trait Entry: Send + Sync + 'static {
    /// With `name`, the attribute of the whole, and `id` (computed).
    type Record: Record + Clone;
    const TYPE: &'static str;
    /// The whole.
    const WHOLE: Api;
    /// The attribute that is the whole's id.
    const OF: &'static str;
    /// The list, which is also what stands before the name in an id: `probes`.
    const LIST: &'static str;
    const RULES: Rules = &[];

    /// Adjusts an entry before it is written.
    fn body(desired: &Self::Record, entry: &mut Json) {
        let (_, _) = (desired, entry);
    }
}

/// An [`Entry`] as a resource.
pub(crate) struct Listed<E>(PhantomData<fn() -> E>);

fn field<E: Entry>() -> String {
    format!("properties/{}", E::LIST)
}

/// The id that a value asks for.
fn id_of<E: Entry>(value: &Value) -> Option<String> {
    let said = |name: &str| text(value, name).filter(|v| !v.is_empty());
    Some(format!("{}/{}/{}", said(E::OF)?, E::LIST, said("name")?))
}

/// The whole of an id, and the entry's name.
fn named<E: Entry>(id: &str) -> Option<(&str, &str)> {
    let whole = parent(id);
    let list = short(collection(id));
    (list.eq_ignore_ascii_case(E::LIST) && E::WHOLE.parts(whole).is_some())
        .then(|| (whole, short(id)))
}

fn is_named(entry: &Json, name: &str) -> bool {
    entry["name"]
        .as_str()
        .is_some_and(|n| n.eq_ignore_ascii_case(name))
}

fn find<'a, E: Entry>(whole: &'a Json, name: &str) -> Option<&'a Json> {
    let items = wire::get(whole, &field::<E>())?.as_array()?;
    items.iter().find(|item| is_named(item, name))
}

fn record<E: Entry>(
    id: &str,
    found: &Json,
    prior: Option<&E::Record>,
) -> Result<E::Record, ProviderError> {
    let block = E::Record::block();
    let said = prior.map_or(Value::NULL, Record::to_value);
    let mut shown = wire::shown(&block, found, &said, E::RULES);
    shown["id"] = id.into();
    let whole = parent(id);
    let as_said = text(&said, E::OF).filter(|s| s.eq_ignore_ascii_case(whole));
    shown[E::OF] = as_said.unwrap_or_else(|| whole.to_owned()).into();
    understood(&block, format_args!("`{id}`"), &shown)
}

/// Writes an entry into its whole, or takes it out.
async fn write<E: Entry>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    wanted: Option<&E::Record>,
) -> Result<(), ProviderError> {
    let Some((whole, name)) = named::<E>(id) else {
        return Err(not_the_form::<E>(id));
    };
    let edit = |body: &mut Json| {
        let mut items = match wire::get(body, &field::<E>()) {
            Some(Json::Array(items)) => items.clone(),
            _ => Vec::new(),
        };
        let at = items.iter().position(|item| is_named(item, name));
        match (wanted, at) {
            (Some(record), at) => {
                let (block, value) = (E::Record::block(), record.to_value());
                let mut entry = wire::body(&block, &value, E::RULES, whole, &[E::OF]);
                E::body(record, &mut entry);
                match at {
                    Some(at) => items[at] = entry,
                    None => items.push(entry),
                }
            }
            (None, Some(at)) => drop(items.remove(at)),
            (None, None) => return Ok(false),
        }
        wire::put(body, &field::<E>(), Json::Array(items));
        Ok(true)
    };
    let api = &E::WHOLE;
    part::change(client, context, operation, api, whole, whole, edit).await
}

#[async_trait]
impl<E: Entry> Resource<Client> for Listed<E> {
    type Record = E::Record;
    const TYPE: &'static str = E::TYPE;

    fn traits() -> Traits {
        Traits::default()
            .seconds(5, 5, 5)
            .family(crate::family::WRITE)
    }

    fn plan(request: &PlanRequest<'_>, planned: &mut Planned) -> Result<(), ProviderError> {
        plan_id(request, planned, id_of::<E>);
        Ok(())
    }

    fn id(record: &E::Record) -> String {
        text(&record.to_value(), "id").unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<E::Record>],
    ) -> Vec<Result<Option<E::Record>, ProviderError>> {
        let all: Vec<_> = items.iter().map(|i| named::<E>(split(&i.id).0)).collect();
        let wholes = all.iter().flatten().map(|(whole, _)| *whole);
        let found = part::once(wholes, |whole| fetch(client, context, &E::WHOLE, whole)).await;
        let one = |(item, named): (&Item<E::Record>, &Option<(&str, &str)>)| {
            let Some((whole, name)) = named else {
                return Err(not_the_form::<E>(&item.id));
            };
            let body = found.get(whole).cloned().transpose()?.flatten();
            let entry = body.as_ref().and_then(|body| find::<E>(body, name));
            entry
                .map(|entry| record::<E>(split(&item.id).0, entry, item.prior.as_ref()))
                .transpose()
        };
        items.iter().zip(&all).map(one).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: E::Record,
    ) -> Result<E::Record, ProviderError> {
        let id = id_of::<E>(&desired.to_value())
            .ok_or_else(|| ProviderError::invalid("name", "`name` must be set"))?;
        if operation.known_id.is_none() {
            let (whole, name) = named::<E>(&id).ok_or_else(|| not_the_form::<E>(&id))?;
            let found = fetch(client, context, &E::WHOLE, whole).await?;
            if found.is_some_and(|body| find::<E>(&body, name).is_some()) {
                return Err(error::foreign(&id));
            }
            // Nothing on it will tell whose it is: this does.
            context.events.id_known(operation, &id).await?;
        }
        write::<E>(client, context, operation, &id, Some(&desired)).await?;
        infra_cloud::wait::settled::<Client, Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: E::Record,
        desired: E::Record,
    ) -> Result<E::Record, ProviderError> {
        let id = Self::id(&prior);
        write::<E>(client, context, operation, &id, Some(&desired)).await?;
        infra_cloud::wait::settled::<Client, Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: E::Record,
    ) -> Result<(), ProviderError> {
        let id = Self::id(&prior);
        let gone = write::<E>(client, context, operation, &id, None).await;
        infra_cloud::absence::absent_is_done(gone)
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: E::Record,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of::<E>(&desired.to_value()).unwrap_or_default();
        let Some((whole, name)) = named::<E>(&id) else {
            return Ok(Recovered::Absent);
        };
        // An operation that wrote it would know its id.
        let found = fetch(client, context, &E::WHOLE, whole).await?;
        let there = found.is_some_and(|body| find::<E>(&body, name).is_some());
        Ok(if there {
            Recovered::Foreign(id)
        } else {
            Recovered::Absent
        })
    }

    fn import(id: &str) -> Result<Imported<E::Record>, ProviderError> {
        if named::<E>(id).is_none() {
            return Err(not_the_form::<E>(id));
        }
        Ok(Imported {
            id: id.to_owned(),
            prior: None,
        })
    }
}

fn not_the_form<E: Entry>(id: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::Invalid,
        format!("`{id}` is not `{}/{}/{{name}}`", E::WHOLE.form, E::LIST),
    )
}
