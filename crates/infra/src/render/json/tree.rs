//! Resources grouped as Terraform's `root_module` and `child_modules`; components are child modules.

use super::values;
use infra_model::address::{Address, InstanceKey, Mode, ScopePath};
use infra_model::value::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The version of the plan format that is followed.
pub(crate) const PLAN_FORMAT: &str = "1.2";
/// The version of the state format that is followed.
pub(crate) const STATE_FORMAT: &str = "1.0";
/// The Terraform whose language and formats these are: tools that read them look at it.
pub(crate) const TERRAFORM_VERSION: &str = "1.11.0";

/// A resource on its way into the tree.
pub(crate) struct Resource<'a> {
    pub(crate) address: &'a Address,
    pub(crate) schema_version: u32,
    /// Already veiled.
    pub(crate) value: &'a Value,
    /// What else belongs to it: `depends_on`, `tainted`, `deposed_key`.
    pub(crate) more: Map<String, Json>,
}

/// Builds the tree.
#[derive(Default)]
pub(crate) struct Modules {
    resources: BTreeMap<ScopePath, Vec<(Address, Json)>>,
}

impl Modules {
    pub(crate) fn add(&mut self, resource: Resource<'_>) {
        let mut entry = identity(resource.address);
        entry.insert(
            "provider_name".into(),
            provider_name(&resource.address.block.type_name).into(),
        );
        entry.insert("schema_version".into(), resource.schema_version.into());
        entry.insert("values".into(), values::plain(resource.value));
        entry.insert("sensitive_values".into(), values::sensitive(resource.value));
        entry.extend(resource.more);
        let scope = resource.address.block.scope.clone();
        // Enclosing scopes appear even when they hold nothing themselves.
        let mut enclosing = ScopePath::root();
        self.resources.entry(enclosing.clone()).or_default();
        for step in scope.steps() {
            enclosing = enclosing.join(step.clone());
            self.resources.entry(enclosing.clone()).or_default();
        }
        self.resources
            .entry(scope)
            .or_default()
            .push((resource.address.clone(), Json::Object(entry)));
    }

    /// `root_module`
    pub(crate) fn finish(mut self) -> Json {
        for resources in self.resources.values_mut() {
            resources.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        self.module(&ScopePath::root())
    }

    fn module(&mut self, scope: &ScopePath) -> Json {
        let mut module = Map::new();
        if let Some(resources) = self.resources.remove(scope).filter(|r| !r.is_empty()) {
            let resources = resources.into_iter().map(|(_, entry)| entry).collect();
            module.insert("resources".into(), Json::Array(resources));
        }
        if !scope.is_root() {
            module.insert("address".into(), scope.to_string().into());
        }
        let depth = scope.steps().len();
        let inside =
            |s: &ScopePath| s.steps().len() == depth + 1 && s.steps()[..depth] == *scope.steps();
        let children: Vec<ScopePath> = self
            .resources
            .range(scope.clone()..)
            .map(|(s, _)| s)
            .take_while(|s| s.steps().len() >= depth && s.steps()[..depth] == *scope.steps())
            .filter(|s| inside(s))
            .cloned()
            .collect();
        let children: Vec<Json> = children.iter().map(|c| self.module(c)).collect();
        if !children.is_empty() {
            module.insert("child_modules".into(), Json::Array(children));
        }
        Json::Object(module)
    }
}

/// The fields that name an instance, as in every Terraform document.
pub(crate) fn identity(address: &Address) -> Map<String, Json> {
    let mut entry = Map::new();
    entry.insert("address".into(), address.to_string().into());
    entry.insert("mode".into(), mode(address).into());
    entry.insert("type".into(), (&*address.block.type_name).into());
    entry.insert("name".into(), (&*address.block.name).into());
    if let Some(key) = &address.key {
        entry.insert("index".into(), key_json(key));
    }
    entry
}

pub(crate) fn key_json(key: &InstanceKey) -> Json {
    match key {
        InstanceKey::Index(i) => json!(i),
        InstanceKey::Name(name) => json!(&**name),
    }
}

fn mode(address: &Address) -> &'static str {
    match address.block.mode {
        Mode::Managed => "managed",
        Mode::Data => "data",
        Mode::Ephemeral => "ephemeral",
    }
}

/// The provider's source address as Terraform writes it; policies and cost tools match on it.
pub(crate) fn provider_name(type_name: &str) -> String {
    let prefix = type_name.split('_').next().unwrap_or_default();
    match prefix {
        "terraform" => "terraform.io/builtin/terraform".to_owned(),
        "azapi" => "registry.terraform.io/azure/azapi".to_owned(),
        other => format!("registry.terraform.io/hashicorp/{other}"),
    }
}

/// The provider's name in Terraform, which has one for each prefix of our built-in types.
pub(crate) fn provider_prefix(type_name: &str) -> &str {
    type_name.split('_').next().unwrap_or_default()
}

/// A table whose entries stand in the order of their names, as Terraform writes all tables.
pub(crate) fn by_name<N: AsRef<str> + Ord>(entries: impl IntoIterator<Item = (N, Json)>) -> Json {
    let sorted: BTreeMap<N, Json> = entries.into_iter().collect();
    let entries = sorted.into_iter();
    Json::Object(
        entries
            .map(|(name, value)| (name.as_ref().to_owned(), value))
            .collect(),
    )
}

/// `planned_values`, and the values of a state: what is empty is left out.
pub(crate) fn state_values(outputs: Json, root_module: Json) -> Json {
    let mut values = Map::new();
    if outputs.as_object().is_some_and(|o| !o.is_empty()) {
        values.insert("outputs".into(), outputs);
    }
    values.insert("root_module".into(), root_module);
    Json::Object(values)
}

/// An output's value, with what tools need to know of it; one that is not known yet has neither type nor value.
pub(crate) fn output(value: &Value, sensitive: bool) -> Json {
    let hidden = sensitive || value.marks().sensitive;
    let mut entry = Map::new();
    entry.insert("sensitive".into(), hidden.into());
    if value.is_wholly_known() {
        let shown = if hidden {
            Json::Null
        } else {
            values::plain(value)
        };
        entry.insert("type".into(), infra_model::json::type_to_json(&value.ty()));
        entry.insert("value".into(), shown);
    }
    Json::Object(entry)
}
