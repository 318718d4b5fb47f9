//! One member of one role in a resource's policy: all the `google_…_iam_member` types. Policies are read and written whole,
//! under their etag.

use crate::api::relative;
use crate::client::{Client, Request};
use crate::family::Service;
use crate::late;
use crate::part;
use async_trait::async_trait;
use infra_cloud::absence::there;
use infra_cloud::read;
use infra_model::resource::{Imported, Item};
use infra_model::schema::Traits;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Record, Recovered, Resource};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::marker::PhantomData;

/// Holds only while an expression does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub(crate) struct Condition {
    /// What it is.
    #[record(required)]
    pub(crate) title: String,
    /// More of it.
    #[record(optional)]
    pub(crate) description: Option<String>,
    /// In the Common Expression Language.
    #[record(required)]
    pub(crate) expression: String,
}

/// How a service is asked for a policy, and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `POST …:getIamPolicy`, `POST …:setIamPolicy`.
    Posts,
    /// The same, but that asking has no body.
    PostsBare,
    /// `GET …:getIamPolicy`, `POST …:setIamPolicy`.
    GetAndPost,
    /// `GET …/iam`, `PUT …/iam`: buckets.
    Storage,
}

/// Who may do what, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The resource's path.
    pub(crate) on: String,
    pub(crate) role: String,
    pub(crate) member: String,
    pub(crate) condition: Option<Condition>,
}

/// What differs between the types.
pub(crate) trait Policy: Send + Sync + 'static {
    type Record: Record + Clone;
    const TYPE: &'static str;
    /// How an import id is written.
    const FORM: &'static str;
    const SERVICE: Service;
    const NAME: &'static str;
    const STYLE: Style;

    /// The grant that attributes say.
    fn grant(client: &Client, record: &Self::Record) -> Result<Grant, ProviderError>;

    /// The attributes of a grant; `prior` says how the resource was named.
    fn record(grant: &Grant, prior: Option<&Self::Record>) -> Self::Record;

    /// The path of a resource as an import id names it.
    fn path(name: &str) -> String {
        relative(name).to_owned()
    }

    /// The same, made whole by what a configuration says, where an import id may be short.
    fn whole(client: &Client, path: &str) -> String {
        let _ = client;
        path.to_owned()
    }
}

/// A [`Policy`]'s member as a resource.
pub(crate) struct Member<P>(PhantomData<fn() -> P>);

/// `RESOURCE ROLE MEMBER`, and the title of the condition if there is one.
pub(crate) fn id_of(grant: &Grant) -> String {
    let title = grant.condition.as_ref().map(|c| format!(" {}", c.title));
    format!(
        "{} {} {}{}",
        grant.on,
        grant.role,
        grant.member,
        title.unwrap_or_default()
    )
}

/// The policy of a resource; none where there is no such resource.
pub(crate) async fn get<P: Policy>(
    client: &Client,
    context: &CallContext,
    on: &str,
) -> Result<Option<Json>, ProviderError> {
    let call = format!("{}.getIamPolicy", P::NAME);
    let request = match P::STYLE {
        Style::Posts => {
            let body = json!({ "options": { "requestedPolicyVersion": 3 } });
            Request::send(
                P::SERVICE,
                call,
                Method::POST,
                format!("{on}:getIamPolicy"),
                body,
            )
        }
        Style::PostsBare => Request::send(
            P::SERVICE,
            call,
            Method::POST,
            format!("{on}:getIamPolicy"),
            Json::Null,
        )
        .query("options.requestedPolicyVersion", "3"),
        Style::GetAndPost => Request::get(P::SERVICE, call, format!("{on}:getIamPolicy"))
            .query("options.requestedPolicyVersion", "3"),
        Style::Storage => Request::get(P::SERVICE, call, format!("{on}/iam"))
            .query("optionsRequestedPolicyVersion", "3"),
    };
    there(client.call(context, &request).await)
}

async fn set<P: Policy>(
    client: &Client,
    context: &CallContext,
    on: &str,
    policy: Json,
) -> Result<(), ProviderError> {
    let call = format!("{}.setIamPolicy", P::NAME);
    let request = match P::STYLE {
        Style::Storage => Request::send(P::SERVICE, call, Method::PUT, format!("{on}/iam"), policy),
        _ => {
            let body = json!({ "policy": policy });
            Request::send(
                P::SERVICE,
                call,
                Method::POST,
                format!("{on}:setIamPolicy"),
                body,
            )
        }
    };
    client.call(context, &request).await.map(|_| ())
}

fn condition_of(binding: &Json) -> Option<Condition> {
    let condition = binding.get("condition")?;
    let text = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
    Some(Condition {
        title: text("title"),
        description: condition["description"].as_str().map(str::to_owned),
        expression: text("expression"),
    })
}

fn condition_json(condition: &Condition) -> Json {
    let mut json = json!({ "title": condition.title, "expression": condition.expression });
    if let Some(description) = &condition.description {
        json["description"] = description.as_str().into();
    }
    json
}

/// Whether a binding is that of a grant's role and condition. Only the title is known of one that is read by its id.
fn is_for(binding: &Json, grant: &Grant, by_title: bool) -> bool {
    let condition = condition_of(binding);
    let same = if by_title {
        condition.as_ref().map(|c| &c.title) == grant.condition.as_ref().map(|c| &c.title)
    } else {
        condition == grant.condition
    };
    binding["role"] == grant.role.as_str() && same
}

fn holds(binding: &Json, member: &str) -> bool {
    let members = binding["members"].as_array().into_iter().flatten();
    members
        .filter_map(Json::as_str)
        .any(|m| m.eq_ignore_ascii_case(member))
}

/// A policy with a grant or without; nothing when it is so already.
fn changed(mut policy: Json, grant: &Grant, wanted: bool) -> Option<Json> {
    if !policy["bindings"].is_array() {
        policy["bindings"] = json!([]);
    }
    let bindings = policy["bindings"].as_array_mut()?;
    let at = bindings.iter().position(|b| is_for(b, grant, false));
    let there = at.is_some_and(|at| holds(&bindings[at], &grant.member));
    if there == wanted {
        return None;
    }
    match at {
        Some(at) if wanted => bindings[at]["members"]
            .as_array_mut()?
            .push(grant.member.as_str().into()),
        Some(at) => {
            let members = bindings[at]["members"].as_array_mut()?;
            members.retain(|m| {
                !m.as_str()
                    .is_some_and(|m| m.eq_ignore_ascii_case(&grant.member))
            });
            if members.is_empty() {
                bindings.remove(at);
            }
        }
        None => {
            let mut binding = json!({ "role": grant.role, "members": [grant.member] });
            if let Some(condition) = &grant.condition {
                binding["condition"] = condition_json(condition);
            }
            bindings.push(binding);
        }
    }
    let conditions = bindings.iter().any(|b| b.get("condition").is_some());
    if conditions {
        // Policies with conditions are of version 3 (IAM, "Policy versions").
        policy["version"] = 3.into();
    }
    Some(policy)
}

async fn write<P: Policy>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    grant: &Grant,
    wanted: bool,
) -> Result<(), ProviderError> {
    let whole = format!("{} policy of {}", P::NAME, grant.on);
    let change = || async move {
        let Some(policy) = get::<P>(client, context, &grant.on).await? else {
            if !wanted {
                return Ok(());
            }
            return Err(ProviderError::new(
                ErrorKind::NotFound,
                format!("there is no `{}`", grant.on),
            ));
        };
        match changed(policy, grant, wanted) {
            Some(policy) => set::<P>(client, context, &grant.on, policy).await,
            None => Ok(()),
        }
    };
    // Turns are not held while the member is waited for: others' may be known.
    late::once_known(client, context, operation, &[], || {
        part::change(client, context, operation, &whole, change)
    })
    .await
}

fn parse<P: Policy>(id: &str) -> Option<Grant> {
    let mut parts = id.splitn(4, ' ');
    let (on, role, member) = (parts.next()?, parts.next()?, parts.next()?);
    let condition = parts.next().map(|title| Condition {
        title: title.to_owned(),
        ..Condition::default()
    });
    (!on.is_empty() && !role.is_empty() && member.contains(':') || member.starts_with("all")).then(
        || Grant {
            on: P::path(on),
            role: role.to_owned(),
            member: member.to_owned(),
            condition,
        },
    )
}

#[async_trait]
impl<P: Policy> Resource<Client> for Member<P> {
    type Record = P::Record;
    const TYPE: &'static str = P::TYPE;

    fn traits() -> Traits {
        Traits::default()
            .seconds(4, 4, 4)
            .family(P::SERVICE.write.name)
    }

    fn id(record: &P::Record) -> String {
        crate::managed::text(&record.to_value(), "id").unwrap_or_default()
    }

    async fn read(
        client: &Client,
        context: &CallContext,
        items: &[Item<P::Record>],
    ) -> Vec<Result<Option<P::Record>, ProviderError>> {
        let whole = |grant: Grant| Grant {
            on: P::whole(client, &grant.on),
            ..grant
        };
        let grants = items.iter().map(|item| parse::<P>(&item.id).map(whole));
        let grants: Vec<Option<Grant>> = grants.collect();
        let resources = grants.iter().flatten().map(|g| &*g.on);
        let policies = part::once(resources, |on| get::<P>(client, context, on)).await;
        let one = |(item, grant): (&Item<P::Record>, &Option<Grant>)| {
            let Some(grant) = grant else {
                return Err(not_the_form::<P>(&item.id));
            };
            let policy = policies.get(&*grant.on).cloned().transpose()?.flatten();
            let bindings = policy.as_ref().and_then(|p| p["bindings"].as_array());
            let binding = bindings
                .into_iter()
                .flatten()
                .find(|b| is_for(b, grant, true) && holds(b, &grant.member));
            Ok(binding.map(|binding| {
                let condition = condition_of(binding);
                let grant = Grant {
                    condition,
                    ..grant.clone()
                };
                P::record(&grant, item.prior.as_ref())
            }))
        };
        items.iter().zip(&grants).map(one).collect()
    }

    async fn create(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        desired: P::Record,
    ) -> Result<P::Record, ProviderError> {
        let grant = P::grant(client, &desired)?;
        let id = id_of(&grant);
        // The id says all there is to know, and granting twice is granting once.
        context.events.id_known(operation, &id).await?;
        write::<P>(client, context, operation, &grant, true).await?;
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn update(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: P::Record,
        desired: P::Record,
    ) -> Result<P::Record, ProviderError> {
        let id = Self::id(&prior);
        crate::managed::settled::<Self>(client, context, operation, &id, desired).await
    }

    async fn delete(
        client: &Client,
        context: &CallContext,
        operation: &Operation,
        prior: P::Record,
    ) -> Result<(), ProviderError> {
        let grant = P::grant(client, &prior)?;
        write::<P>(client, context, operation, &grant, false).await
    }

    async fn recover(
        client: &Client,
        context: &CallContext,
        _: &Operation,
        desired: P::Record,
    ) -> Result<Recovered, ProviderError> {
        let id = id_of(&P::grant(client, &desired)?);
        let found = read::one::<_, Self>(client, context, &id, Some(desired)).await?;
        Ok(match found {
            Some(_) => Recovered::Found(id),
            None => Recovered::Absent,
        })
    }

    fn import(id: &str) -> Result<Imported<P::Record>, ProviderError> {
        match parse::<P>(id) {
            Some(grant) => Ok(Imported {
                id: id_of(&grant),
                prior: None,
            }),
            None => Err(not_the_form::<P>(id)),
        }
    }
}

fn not_the_form<P: Policy>(id: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("`{id}` is not `{}`", P::FORM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(member: &str) -> Grant {
        Grant {
            on: "projects/p".to_owned(),
            role: "roles/viewer".to_owned(),
            member: member.to_owned(),
            condition: None,
        }
    }

    #[test]
    fn a_grant_joins_its_role_and_leaves_it() {
        let policy = json!({ "etag": "e", "bindings": [{ "role": "roles/viewer", "members": ["user:a@x"] }] });
        let with = changed(policy.clone(), &grant("user:b@x"), true).expect("a change");
        assert_eq!(
            with["bindings"][0]["members"],
            json!(["user:a@x", "user:b@x"])
        );
        assert_eq!(with["etag"], "e");
        assert_eq!(
            changed(with.clone(), &grant("user:B@x"), true),
            None,
            "there already"
        );
        let without = changed(with, &grant("user:b@x"), false).expect("a change");
        assert_eq!(without, policy);
        let empty = changed(policy, &grant("user:a@x"), false).expect("a change");
        assert_eq!(empty["bindings"], json!([]));
    }

    #[test]
    fn conditions_keep_bindings_apart() {
        let policy = json!({ "bindings": [{ "role": "roles/viewer", "members": ["user:a@x"] }] });
        let conditional = Grant {
            condition: Some(Condition {
                title: "until friday".to_owned(),
                description: None,
                expression: "true".to_owned(),
            }),
            ..grant("user:a@x")
        };
        let with = changed(policy.clone(), &conditional, true).expect("a change");
        assert_eq!(with["bindings"].as_array().map(Vec::len), Some(2));
        assert_eq!(with["version"], 3);
        let without = changed(with, &grant("user:a@x"), false).expect("a change");
        assert_eq!(without["bindings"][0]["condition"]["title"], "until friday");
    }
}
