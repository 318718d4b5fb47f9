//! A plan in Terraform's documented JSON, so that policy, cost and security tools read it as it is.

use super::tree::{self, Modules, PLAN_FORMAT, Resource, STATE_FORMAT, TERRAFORM_VERSION};
use super::{checks, values};
use crate::render::plan::block_of;
use crate::render::veil::veil;
use infra_engine::{Change, ChangeAction, Drift, Held, HeldReason, OutputChange, Plan, Reason};
use infra_model::address::{Address, Mode};
use infra_model::path::{Path, Step};
use infra_model::schema::Schemas;
use infra_model::time::Timestamp;
use infra_model::value::{Str, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The document. `variables` are those of the run; sensitive ones come marked.
pub(crate) fn plan_json(plan: &Plan, variables: &[(Str, Value)], schemas: &dyn Schemas) -> Json {
    let variables: Map<_, _> = variables
        .iter()
        .map(|(name, value)| (name.to_string(), json!({ "value": values::plain(value) })))
        .collect();
    // Terraform's order: by address.
    // What a plan leaves as it is has no part in it.
    let mut changes: Vec<&Change> = plan.changes.iter().filter(|c| !c.untouched).collect();
    changes.sort_by_key(|c| (&c.address, &c.deposed));
    let changes: Vec<Json> = changes
        .into_iter()
        .map(|c| resource_change(c, schemas))
        .collect();
    let mut drift: Vec<&Drift> = plan.drift.iter().collect();
    drift.sort_by_key(|d| &d.address);
    let drift: Vec<Json> = drift
        .into_iter()
        .map(|d| resource_drift(d, schemas))
        .collect();
    let outputs = plan.outputs.iter().filter(|(_, c)| !c.untouched);
    let outputs = tree::by_name(outputs.map(|(n, c)| (n, output_change(c))));
    let mut document = Map::new();
    let mut put = |name: &str, value: Json| {
        document.insert(name.to_owned(), value);
    };
    put("format_version", PLAN_FORMAT.into());
    put("terraform_version", TERRAFORM_VERSION.into());
    put("infra_version", env!("CARGO_PKG_VERSION").into());
    put("variables", Json::Object(variables));
    put("planned_values", planned_values(plan, schemas));
    if !drift.is_empty() {
        put("resource_drift", Json::Array(drift));
    }
    put("resource_changes", Json::Array(changes));
    let deferred: Vec<Json> = plan
        .deferred()
        .map(|held| deferred_change(held, schemas))
        .collect();
    if !deferred.is_empty() {
        put("deferred_changes", Json::Array(deferred));
    }
    if !plan.outputs.is_empty() {
        put("output_changes", outputs);
    }
    put("prior_state", prior_state(plan, schemas));
    put("configuration", configuration(plan));
    put("relevant_attributes", json!([]));
    if !plan.checked.is_empty() {
        put("checks", checks::json(&plan.checked));
    }
    put("timestamp", timestamp(plan.created).into());
    put("applyable", plan.has_changes().into());
    put("complete", plan.is_complete().into());
    put("errored", false.into());
    Json::Object(document)
}

/// RFC 3339, in seconds as Terraform writes it.
pub(crate) fn timestamp(moment: Timestamp) -> String {
    jiff::Timestamp::from_second(moment.0.div_euclid(1000))
        .map_or_else(|_| moment.0.to_string(), |t| t.to_string())
}

/// Terraform's word or words for an action.
pub(crate) fn actions(action: ChangeAction) -> Json {
    match action {
        ChangeAction::NoOp => json!(["no-op"]),
        ChangeAction::Read => json!(["read"]),
        ChangeAction::Create => json!(["create"]),
        ChangeAction::Update => json!(["update"]),
        ChangeAction::DeleteThenCreate => json!(["delete", "create"]),
        ChangeAction::CreateThenDelete => json!(["create", "delete"]),
        ChangeAction::Delete => json!(["delete"]),
        ChangeAction::Forget => json!(["forget"]),
    }
}

/// Terraform's word for a reason, where it has one.
pub(crate) fn action_reason(change: &Change) -> Option<&'static str> {
    Some(match change.reason.as_ref()? {
        Reason::CannotUpdate { .. } => "replace_because_cannot_update",
        Reason::Tainted => "replace_because_tainted",
        Reason::Requested => "replace_by_request",
        Reason::TriggeredBy(_) => "replace_by_triggers",
        Reason::NotInConfiguration => "delete_because_no_resource_config",
        Reason::NoSuchInstance => match change.address.key {
            Some(infra_model::InstanceKey::Index(_)) => "delete_because_count_index",
            Some(infra_model::InstanceKey::Name(_)) => "delete_because_each_key",
            None => "delete_because_wrong_repetition",
        },
        Reason::ConfigUnknown => "read_because_config_unknown",
        Reason::DependencyPending => "read_because_dependency_pending",
        Reason::Destroy
        | Reason::Removed
        | Reason::HandedOver(_)
        | Reason::TakenOver { .. }
        | Reason::GivenBack
        | Reason::Deposed
        | Reason::WithHost(_)
        | Reason::Vanished => return None,
    })
}

/// `before`, `after` and their parallel shapes.
fn sides(before: Option<&Value>, after: Option<&Value>, into: &mut Map<String, Json>) {
    let or = |value: Option<&Value>, f: fn(&Value) -> Json, absent: Json| value.map_or(absent, f);
    into.insert("before".into(), or(before, values::plain, Json::Null));
    into.insert("after".into(), or(after, values::plain, Json::Null));
    into.insert(
        "after_unknown".into(),
        or(after, values::unknown, json!({})),
    );
    into.insert(
        "before_sensitive".into(),
        or(before, values::sensitive, Json::Bool(false)),
    );
    into.insert(
        "after_sensitive".into(),
        or(after, values::sensitive, Json::Bool(false)),
    );
}

fn resource_change(change: &Change, schemas: &dyn Schemas) -> Json {
    let schema = block_of(schemas, &change.address);
    let veiled = |v: &Option<Value>| v.as_ref().map(|v| veil(v, schema));
    let (before, after) = (veiled(&change.before), veiled(&change.after));
    let mut inner = Map::new();
    inner.insert("actions".into(), actions(change.action));
    sides(before.as_ref(), after.as_ref(), &mut inner);
    if !change.replace_paths.is_empty() {
        let paths: Vec<Json> = change.replace_paths.iter().map(path_json).collect();
        inner.insert("replace_paths".into(), Json::Array(paths));
    }
    if let Some(id) = &change.importing {
        inner.insert("importing".into(), json!({ "id": id }));
    }
    let mut entry = located(&change.address);
    if let Some(old) = &change.previous_address {
        entry.insert("previous_address".into(), old.to_string().into());
    }
    if let Some(key) = &change.deposed {
        entry.insert("deposed".into(), key.to_string().into());
    }
    entry.insert("change".into(), Json::Object(inner));
    if let Some(reason) = action_reason(change) {
        entry.insert("action_reason".into(), reason.into());
    }
    Json::Object(entry)
}

fn resource_drift(drift: &Drift, schemas: &dyn Schemas) -> Json {
    let schema = block_of(schemas, &drift.address);
    let before = veil(&drift.before, schema);
    let after = drift.after.as_ref().map(|a| veil(a, schema));
    let action = if after.is_some() {
        ChangeAction::Update
    } else {
        ChangeAction::Delete
    };
    let mut inner = Map::new();
    inner.insert("actions".into(), actions(action));
    sides(Some(&before), after.as_ref(), &mut inner);
    let mut entry = located(&drift.address);
    entry.insert("change".into(), Json::Object(inner));
    Json::Object(entry)
}

/// Terraform's word for why something waits for the next plan.
pub(crate) fn deferred_reason(reason: &HeldReason) -> &'static str {
    match reason {
        HeldReason::Instances => "instance_count_unknown",
        HeldReason::Import => "resource_config_unknown",
        HeldReason::Waits(_)
        | HeldReason::Needed(_)
        | HeldReason::LeftOut
        | HeldReason::Outlives => "deferred_prereq",
    }
}

/// The address of something that waits; `[*]` where its instances are not known.
pub(crate) fn deferred_address(held: &Held) -> String {
    let any = if held.whole { "[*]" } else { "" };
    format!("{}{any}", held.address)
}

fn deferred_change(held: &Held, schemas: &dyn Schemas) -> Json {
    let schema = block_of(schemas, &held.address);
    let veiled = |v: &Option<Value>| v.as_ref().map(|v| veil(v, schema));
    let (before, after) = (veiled(&held.before), veiled(&held.after));
    let action = match (&held.reason, &before) {
        (HeldReason::Needed(_), _) => ChangeAction::Delete,
        (_, Some(_)) => ChangeAction::Update,
        _ if held.address.block.mode == Mode::Data => ChangeAction::Read,
        (_, None) => ChangeAction::Create,
    };
    let mut inner = Map::new();
    inner.insert("actions".into(), actions(action));
    sides(before.as_ref(), after.as_ref(), &mut inner);
    let mut entry = located(&held.address);
    entry.insert("address".into(), deferred_address(held).into());
    entry.insert("change".into(), Json::Object(inner));
    json!({ "reason": deferred_reason(&held.reason), "resource_change": entry })
}

fn located(address: &Address) -> Map<String, Json> {
    let mut entry = tree::identity(address);
    if !address.block.scope.is_root() {
        entry.insert(
            "module_address".into(),
            address.block.scope.to_string().into(),
        );
    }
    entry.insert(
        "provider_name".into(),
        tree::provider_name(&address.block.type_name).into(),
    );
    entry
}

fn path_json(path: &Path) -> Json {
    path.0
        .iter()
        .map(|step| match step {
            Step::Attribute(name) | Step::Key { key: name } => Json::from(&**name),
            Step::Index(i) => Json::from(*i),
        })
        .collect()
}

/// An output is sensitive or not as a whole.
fn output_change(change: &OutputChange) -> Json {
    let side = |value: &Option<Value>| {
        value
            .as_ref()
            .filter(|_| !change.sensitive)
            .map_or(Json::Null, values::plain)
    };
    let action = match (&change.before, &change.after) {
        _ if !change.is_change() => ChangeAction::NoOp,
        (None, _) => ChangeAction::Create,
        (Some(_), None) => ChangeAction::Delete,
        (Some(_), Some(_)) => ChangeAction::Update,
    };
    let unknown = match &change.after {
        None => Json::Bool(false),
        Some(after) if change.sensitive => Json::Bool(!after.is_wholly_known()),
        Some(after) if after.is_wholly_known() => Json::Bool(false),
        Some(after) => values::unknown(after),
    };
    let mut entry = Map::new();
    entry.insert("actions".into(), actions(action));
    entry.insert("before".into(), side(&change.before));
    if unknown != Json::Bool(true) {
        entry.insert("after".into(), side(&change.after));
    }
    entry.insert("after_unknown".into(), unknown);
    entry.insert("before_sensitive".into(), change.sensitive.into());
    entry.insert("after_sensitive".into(), change.sensitive.into());
    Json::Object(entry)
}

fn schema_version(schemas: &dyn Schemas, address: &Address) -> u32 {
    let schema = schemas.of_mode(address.block.mode, &address.block.type_name);
    schema.map_or(0, |s| s.version)
}

fn modules<'p>(
    values: impl Iterator<Item = (&'p Change, &'p Value)>,
    schemas: &dyn Schemas,
) -> Json {
    let mut modules = Modules::default();
    for (change, value) in values {
        let mut more = Map::new();
        if let Some(key) = &change.deposed {
            more.insert("deposed_key".into(), key.to_string().into());
        }
        modules.add(Resource {
            address: &change.address,
            schema_version: schema_version(schemas, &change.address),
            value: &veil(value, block_of(schemas, &change.address)),
            more,
        });
    }
    modules.finish()
}

fn planned_values(plan: &Plan, schemas: &dyn Schemas) -> Json {
    let after = plan
        .changes
        .iter()
        .filter(|c| c.deposed.is_none() && c.action != ChangeAction::Forget)
        .filter_map(|c| Some((c, c.after.as_ref()?)));
    let outputs = tree::by_name(
        plan.outputs
            .iter()
            .filter_map(|(name, c)| Some((name, tree::output(c.after.as_ref()?, c.sensitive)))),
    );
    tree::state_values(outputs, modules(after, schemas))
}

fn prior_state(plan: &Plan, schemas: &dyn Schemas) -> Json {
    let before = plan
        .changes
        .iter()
        .filter_map(|c| Some((c, c.before.as_ref()?)));
    let outputs = tree::by_name(
        plan.outputs
            .iter()
            .filter_map(|(name, c)| Some((name, tree::output(c.before.as_ref()?, c.sensitive)))),
    );
    json!({
        "format_version": STATE_FORMAT,
        "terraform_version": TERRAFORM_VERSION,
        "values": tree::state_values(outputs, modules(before, schemas)),
    })
}

/// What a plan knows of the configuration: the providers and blocks it was made from.
fn configuration(plan: &Plan) -> Json {
    let mut providers = BTreeMap::new();
    let mut blocks = BTreeSet::new();
    let mut resources = Vec::new();
    for change in plan.changes.iter().filter(|c| c.after.is_some()) {
        let block = &change.address.block;
        let name = tree::provider_prefix(&block.type_name);
        let key = match &change.provider.alias {
            Some(alias) => format!("{name}.{alias}"),
            None => name.to_owned(),
        };
        providers.entry(key.clone()).or_insert_with(
            || json!({ "name": name, "full_name": tree::provider_name(&block.type_name) }),
        );
        if blocks.insert(block) {
            let mut entry = tree::identity(&block.instance(None));
            entry.insert("provider_config_key".into(), key.into());
            entry.insert("schema_version".into(), 0.into());
            let needs: Vec<String> = change
                .dependencies
                .iter()
                .map(ToString::to_string)
                .collect();
            if !needs.is_empty() {
                entry.insert("depends_on".into(), json!(needs));
            }
            resources.push(Json::Object(entry));
        }
    }
    json!({ "provider_config": providers, "root_module": { "resources": resources } })
}
