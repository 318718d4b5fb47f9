//! Resource providers: which are registered in the subscription. Those that every subscription has from the beginning are;
//! others must be registered before anything of theirs is made.

use serde_json::{Value, json};

use crate::azure::context::{Ctx, Input, text};
use crate::azure::error::{ArmError, ArmResult};
use crate::azure::item::Item;
use crate::azure::schema::{Segment, catalogue};
use crate::azure::{engine, page, places};
use crate::http::HttpReply;
use crate::latency::Work;

/// Providers that are not registered in a new subscription.
const ASLEEP: [&str; 4] = [
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.DBforMySQL",
    "Microsoft.DBforPostgreSQL",
];

/// Names of all providers.
fn namespaces() -> Vec<&'static str> {
    let mut names: Vec<_> = catalogue()
        .operations
        .iter()
        .map(crate::azure::schema::Operation::namespace)
        .filter(|name| name.contains('.'))
        .collect();
    names.push("Microsoft.Quota");
    names.sort_unstable();
    names.dedup();
    names
}

fn path(subscription: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/providers/{name}")
}

fn state(ctx: &Ctx<'_>, subscription: &str, name: &str) -> String {
    match ctx.get(&path(subscription, name)) {
        Some(item) => match item.busy(ctx.now) {
            Some(busy) => busy.verb.clone(),
            None => text(item.at(ctx.now), "/registrationState").to_owned(),
        },
        None if ASLEEP.contains(&name) => "NotRegistered".to_owned(),
        None => "Registered".to_owned(),
    }
}

/// Refuses to change anything of a provider that is not registered.
pub(crate) fn check_registered(ctx: &Ctx<'_>, input: &Input<'_>) -> ArmResult<()> {
    let name = input.operation.namespace();
    if input.operation.http == "GET" || !name.contains('.') || name == "Microsoft.Resources" {
        return Ok(());
    }
    let subscription = input.id.subscription();
    let state = state(ctx, subscription, name);
    // Where it is being registered it may be used already.
    if subscription.is_empty() || state == "Registered" || state == "Registering" {
        return Ok(());
    }
    let message = format!(
        "The subscription is not registered to use namespace '{name}'. See https://aka.ms/rps-not-found for how to register subscriptions."
    );
    let error = ArmError::conflict("MissingSubscriptionRegistration", message.clone());
    Err(error.detail("MissingSubscriptionRegistration", message))
}

fn show(ctx: &Ctx<'_>, subscription: &str, name: &str) -> Value {
    let mut types: Vec<(String, &str)> = Vec::new();
    for operation in &catalogue().operations {
        if operation.namespace() != name {
            continue;
        }
        let at = operation
            .path
            .iter()
            .rposition(|segment| *segment == Segment::Literal("providers"));
        let tail = &operation.path[at.map_or(0, |at| at + 2)..];
        let words: Vec<_> = tail
            .iter()
            .step_by(2)
            .map_while(|segment| match segment {
                Segment::Literal(word) => Some(*word),
                _ => None,
            })
            .collect();
        if operation.http == "GET" && tail.len() % 2 == 0 && words.len() * 2 == tail.len() {
            types.push((words.join("/"), operation.version));
        }
    }
    types.sort();
    types.dedup_by(|a, b| a.0 == b.0);
    let locations: Vec<_> = places::REGIONS
        .iter()
        .map(|region| region.display)
        .collect();
    let types: Vec<_> = types
        .into_iter()
        .map(|(name, version)| {
            json!({ "resourceType": name, "apiVersions": [version], "defaultApiVersion": version, "locations": locations })
        })
        .collect();
    json!({
        "id": path(subscription, name), "namespace": name, "registrationPolicy": "RegistrationRequired",
        "registrationState": state(ctx, subscription, name), "resourceTypes": types,
    })
}

/// Answers a request.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Input<'_>) -> ArmResult<HttpReply> {
    let subscription = input.variable("subscriptionId").to_owned();
    if input.operation.name == "Providers_List" {
        let rows = namespaces()
            .into_iter()
            .map(|name| show(ctx, &subscription, name))
            .collect();
        return page::reply(ctx, input, rows);
    }
    let asked = input.variable("resourceProviderNamespace");
    let name = namespaces()
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(asked))
        .ok_or_else(|| {
            ArmError::new(
                404,
                "InvalidResourceNamespace",
                format!("The resource namespace '{asked}' is invalid."),
            )
        })?;
    let (verb, becomes) = match input.operation.name {
        "Providers_Register" => ("Registering", "Registered"),
        "Providers_Unregister" => ("Unregistering", "Unregistered"),
        _ => return Ok(HttpReply::json(200, &show(ctx, &subscription, name))),
    };
    let id = path(&subscription, name);
    let before = state(ctx, &subscription, name);
    if before != becomes {
        let mut item = Item::new(&id, json!({ "registrationState": before }), ctx.now);
        let then = json!({ "registrationState": becomes });
        engine::work(&mut item, verb, ctx.due(Work::ServiceEnable), "", then);
        item.settle(ctx.now);
        ctx.put(item);
    }
    Ok(HttpReply::json(200, &show(ctx, &subscription, name)))
}
