//! Instance groups: unmanaged ones that clients make, and managed ones as GKE makes them for node pools.

use serde_json::{Map, Value, json};

use super::super::context::{Ctx, Input, text};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::engine;
use super::kind::{Guard, Kind, Place, Subject, table, to};
use super::reference::{PREFIX, missing, path_of};
use crate::clock::Millis;
use crate::http::HttpReply;

pub(crate) const KIND: Kind = Kind {
    resource: "instanceGroups",
    collection: "instanceGroups",
    word: "instanceGroup",
    terraform: |_| "google_compute_instance_group",
    references: &[
        to("network", &["networks"]),
        to("subnetwork", &["subnetworks"]),
    ],
    guard: Guard::Optional,
    quota: Some(("INSTANCE_GROUPS", 500)),
    prepare,
    view,
    delete,
    ..Kind::BASE
};

pub(crate) const MANAGERS: Kind = Kind {
    resource: "instanceGroupManagers",
    collection: "instanceGroupManagers",
    word: "instanceGroupManager",
    ..Kind::BASE
};

fn prepare(_: &mut Ctx<'_>, _: &Subject<'_>, doc: &mut Map<String, Value>) -> GoogleResult<()> {
    check_ports(doc.get("namedPorts"))
}

fn check_ports(ports: Option<&Value>) -> GoogleResult<()> {
    for port in ports.and_then(Value::as_array).into_iter().flatten() {
        if text(port, "/name").is_empty() {
            return Err(GoogleError::required("resource.namedPorts[0].name"));
        }
        if !port["port"]
            .as_i64()
            .is_some_and(|number| (1..=65535).contains(&number))
        {
            let value = port["port"].to_string();
            let field = "resource.namedPorts[0].port";
            return Err(GoogleError::field(
                field,
                &value,
                "Must be between 1 and 65535.",
            ));
        }
    }
    Ok(())
}

fn members(ctx: &Ctx<'_>, item: &Item) -> Vec<Value> {
    item.at(ctx.now)["instances"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn view(ctx: &Ctx<'_>, item: &Item, doc: &mut Map<String, Value>) {
    doc.insert("size".into(), members(ctx, item).len().into());
    doc.remove("instances");
}

fn delete(_: &mut Ctx<'_>, item: &Item, _: Millis) -> GoogleResult<()> {
    if item.hidden["managed"] == true {
        let manager = item
            .id
            .replace("/instanceGroups/", "/instanceGroupManagers/");
        return Err(engine::in_use(&KIND, &item.id, &manager));
    }
    Ok(())
}

/// `setNamedPorts`.
pub(crate) fn set_named_ports(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    check_ports(input.body.get("namedPorts"))?;
    engine::assign(ctx, kind, input, "setNamedPorts")
}

/// `addInstances`.
pub(crate) fn add_instances(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    change_members(ctx, kind, input, "addInstances", |list, instance| {
        if list.contains(&instance) {
            return Err(GoogleError::new(
                400,
                "memberAlreadyExists",
                "INVALID_ARGUMENT",
                format!(
                    "Instance '{}' is already a member of the group.",
                    instance.as_str().unwrap_or_default()
                ),
            ));
        }
        list.push(instance);
        Ok(())
    })
}

/// `removeInstances`.
pub(crate) fn remove_instances(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    change_members(ctx, kind, input, "removeInstances", |list, instance| {
        let before = list.len();
        list.retain(|one| *one != instance);
        if list.len() == before {
            return Err(GoogleError::new(
                400,
                "memberNotFound",
                "INVALID_ARGUMENT",
                format!(
                    "Instance '{}' is not a member of the group.",
                    instance.as_str().unwrap_or_default()
                ),
            ));
        }
        Ok(())
    })
}

fn change_members(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
    operation: &str,
    change: impl Fn(&mut Vec<Value>, Value) -> GoogleResult<()>,
) -> GoogleResult<HttpReply> {
    if let Some(reply) = engine::seen(ctx, input)? {
        return Ok(reply);
    }
    let item = engine::find_idle(ctx, kind, input)?;
    if item.hidden["managed"] == true {
        return Err(GoogleError::invalid(
            "Instances of a managed group belong to its manager.",
        ));
    }
    let mut list = members(ctx, &item);
    for one in input.body["instances"].as_array().into_iter().flatten() {
        let url = text(one, "/instance");
        let path = path_of(ctx, url, input.project()).ok_or_else(|| {
            GoogleError::field("instances[0].instance", url, "The URL is malformed.")
        })?;
        if ctx.get(&table("instances"), &path).is_none() {
            return Err(missing(&path));
        }
        change(&mut list, format!("{PREFIX}{path}").into())?;
    }
    let mut doc = item.at(ctx.now).clone();
    doc["instances"] = list.into();
    let sent = doc["fingerprint"].as_str().map(str::to_owned);
    engine::change(ctx, kind, input, item, doc, sent.as_deref(), operation)
}

/// `listInstances`.
pub(crate) fn list_instances(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let item = engine::find(ctx, kind, input)?;
    let ports = item.at(ctx.now)["namedPorts"].clone();
    let items: Vec<_> = members(ctx, &item)
        .into_iter()
        .map(|instance| {
            let mut row = json!({ "instance": instance, "status": "RUNNING" });
            if !ports.is_null() {
                row["namedPorts"] = ports.clone();
            }
            row
        })
        .collect();
    let mut answer = json!({
        "kind": "compute#instanceGroupsListInstances",
        "id": format!("{}/listInstances", item.id),
    });
    if !items.is_empty() {
        answer["items"] = items.into();
    }
    Ok(HttpReply::json(200, &answer))
}

/// `listManagedInstances`.
pub(crate) fn list_managed(
    ctx: &mut Ctx<'_>,
    kind: &Kind,
    input: &Input<'_>,
) -> GoogleResult<HttpReply> {
    let item = engine::find(ctx, kind, input)?;
    let group = item
        .id
        .replace("/instanceGroupManagers/", "/instanceGroups/");
    let list = ctx
        .get(&KIND.table(), &group)
        .map(|group| members(ctx, &group));
    let rows: Vec<_> = list
        .unwrap_or_default()
        .into_iter()
        .map(|instance| json!({ "instance": instance, "instanceStatus": "RUNNING", "currentAction": "NONE" }))
        .collect();
    Ok(HttpReply::json(200, &json!({ "managedInstances": rows })))
}

/// A managed group that GKE wants.
pub(crate) struct Managed<'m> {
    pub(crate) name: &'m str,
    /// Full name of the network and subnetwork.
    pub(crate) network: &'m str,
    pub(crate) subnetwork: &'m str,
    pub(crate) size: i64,
    pub(crate) owner: &'m str,
    pub(crate) ready_at: Millis,
    pub(crate) gone_at: Option<Millis>,
}

/// Makes a managed group with its manager and instances, or changes its size; gives the manager's URL.
pub(crate) fn manage(ctx: &mut Ctx<'_>, place: &Place, wanted: &Managed<'_>) -> String {
    let name = wanted.name;
    let group = engine::id(&KIND, place, name);
    let manager = engine::id(&MANAGERS, place, name);
    let zone = format!("{PREFIX}{}", place.path());
    let links = vec![wanted.network.to_owned(), wanted.subnetwork.to_owned()];
    let prefix = format!("{}/instances/{name}-", place.path());
    let old = ctx.list(&table("instances"), &prefix);
    let mut instances: Vec<String> = old.iter().map(|item| item.id.clone()).collect();
    let size = usize::try_from(wanted.size).unwrap_or_default();
    for surplus in instances
        .drain(size.min(instances.len())..)
        .collect::<Vec<_>>()
    {
        ctx.remove(&table("instances"), &surplus);
    }
    while instances.len() < size {
        let suffix = ctx.hex(4);
        let id = format!("{prefix}{suffix}");
        let doc = json!({
            "kind": "compute#instance", "id": ctx.number(), "name": super::super::item::short(&id),
            "zone": zone, "status": "RUNNING", "selfLink": format!("{PREFIX}{id}"),
        });
        let mut item = Item::new(id.clone(), doc);
        item.links = links.clone();
        item.gone_at = wanted.gone_at;
        ctx.put(&table("instances"), item, None);
        instances.push(id);
    }
    let urls: Vec<_> = instances.iter().map(|id| format!("{PREFIX}{id}")).collect();
    let id = ctx.number();
    let common = json!({
        "id": id, "name": name, "zone": zone,
        "creationTimestamp": super::super::context::pacific(ctx.now), "fingerprint": "42WmSpB8rSM=",
    });
    let mut group_doc = common.clone();
    group_doc["kind"] = "compute#instanceGroup".into();
    group_doc["selfLink"] = format!("{PREFIX}{group}").into();
    group_doc["network"] = format!("{PREFIX}{}", wanted.network).into();
    group_doc["subnetwork"] = format!("{PREFIX}{}", wanted.subnetwork).into();
    group_doc["instances"] = urls.into();
    let mut manager_doc = common;
    manager_doc["kind"] = "compute#instanceGroupManager".into();
    manager_doc["selfLink"] = format!("{PREFIX}{manager}").into();
    manager_doc["instanceGroup"] = format!("{PREFIX}{group}").into();
    manager_doc["baseInstanceName"] = name.into();
    manager_doc["targetSize"] = wanted.size.into();
    manager_doc["status"] = json!({ "isStable": true });
    let region = place.region().to_owned();
    for (kind, id, doc, listed) in [
        (&KIND, group, group_doc, false),
        (&MANAGERS, manager.clone(), manager_doc, true),
    ] {
        let mut item = Item::new(id, doc);
        item.links = links.clone();
        item.hidden = json!({ "managed": true });
        item.ready_at = wanted.ready_at;
        item.gone_at = wanted.gone_at;
        if listed {
            let owner = Some(wanted.owner.to_owned());
            item.list_as("google_compute_instance_group_manager", &region, owner);
        }
        ctx.put(&kind.table(), item, None);
    }
    format!("{PREFIX}{manager}")
}

/// Takes a managed group away at `done`, with all that belongs to it.
pub(crate) fn unmanage(ctx: &mut Ctx<'_>, manager: &str, done: Millis) {
    let manager = manager.trim_start_matches(PREFIX).to_owned();
    let group = manager.replace("/instanceGroupManagers/", "/instanceGroups/");
    let instances = format!(
        "{}-",
        manager.replace("/instanceGroupManagers/", "/instances/")
    );
    let mut all = vec![(KIND.table(), group), (MANAGERS.table(), manager)];
    let table = table("instances");
    all.extend(
        ctx.list(&table, &instances)
            .iter()
            .map(|item| (table.clone(), item.id.clone())),
    );
    for (table, id) in all {
        if let Some(item) = ctx.get(&table, &id) {
            let mut item = item.edit();
            item.gone_at = Some(done);
            item.deleting = true;
            ctx.keep(&table, item);
        }
    }
}
