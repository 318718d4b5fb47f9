//! The block that an existing resource would have in a stack file: only what can be set, and so chosen that planning it over
//! the resource changes nothing.

use crate::engine::{Engine, Input};
use crate::error::EngineError;
use crate::graph::ProgramGraph;
use crate::scope::World;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::Diagnostic;
use infra_model::program::Program;
use infra_model::provider::{PlanRequest, Provider};
use infra_model::schema::{Attribute, Block, Schema};
use infra_model::value::{Str, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A block that was made from an existing resource.
#[derive(Clone, Debug)]
pub struct Generated {
    /// Its address.
    pub address: Address,
    /// The import id, as it was given.
    pub id: String,
    /// Its type.
    pub schema: Arc<Schema>,
    /// The arguments, without those that are left out; sensitive ones are marked.
    pub arguments: Value,
    /// Arguments that must be set and that the cloud does not tell.
    pub missing: Vec<Str>,
    /// Attributes that the first apply will change all the same.
    pub changing: Vec<Str>,
}

/// How often what the plan asks for is added.
const ROUNDS: usize = 4;

impl Engine {
    /// Reads a resource by its import id, and makes the block for it. The state is not changed.
    ///
    /// # Errors
    /// A type that there is not, a provider that is not configured, an id that the cloud does not know.
    pub async fn generate(
        &self,
        input: Input<'_>,
        address: &Address,
        id: &str,
    ) -> Result<Generated, EngineError> {
        let type_name = &address.block.type_name;
        let unknown = || {
            Diagnostic::error(
                Code::UnknownType,
                format!("there is no resource type {type_name}"),
            )
        };
        let provider = ProviderAddress::of_type(type_name).ok_or_else(unknown)?;
        let schema = self
            .schema(&provider.name, Mode::Managed, type_name)
            .ok_or_else(unknown)?;
        let empty = Program::default();
        let program = input.program.unwrap_or(&empty);
        let graph = ProgramGraph::new(program);
        let world = World::planning(self, program, &graph);
        let (connected, value) = self.look_up(&world, &graph, &provider, address, id).await?;
        let provider = self.provider(&provider.name).ok_or_else(unknown)?;
        let choice = Choice {
            provider: &**provider,
            schema,
            prior: &value,
            config: &connected.value,
        };
        Ok(choice.generated(address, id))
    }
}

/// Choosing the arguments of one resource.
struct Choice<'a> {
    provider: &'a dyn Provider,
    schema: &'a Arc<Schema>,
    prior: &'a Value,
    config: &'a Value,
}

impl Choice<'_> {
    fn generated(&self, address: &Address, id: &str) -> Generated {
        let block = &self.schema.block;
        let mut chosen = settable(block, self.prior);
        self.drop_conflicts(&mut chosen);
        let mut changing = Vec::new();
        for _ in 0..ROUNDS {
            changing = self.changing(&chosen);
            let before = chosen.len();
            for name in &changing {
                if let Some(value) = self.prior.get(name).filter(|v| !v.is_null())
                    && block.attributes.get(name).is_some_and(can_be_set)
                {
                    chosen.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            if chosen.len() == before {
                break;
            }
        }
        let missing = block
            .attributes
            .iter()
            .filter(|(name, a)| a.required && !chosen.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        Generated {
            address: address.clone(),
            id: id.to_owned(),
            schema: self.schema.clone(),
            arguments: Value::Object(Arc::new(chosen)),
            missing,
            changing,
        }
    }

    /// The arguments in the schema's shape; what the cloud does not tell is as good as unknown.
    fn coerced(&self, chosen: &BTreeMap<Str, Value>) -> Value {
        let mut whole = chosen.clone();
        for (name, attribute) in &self.schema.block.attributes {
            if attribute.required && !whole.contains_key(name) {
                whole.insert(name.clone(), Value::Unknown(attribute.ty.clone()));
            }
        }
        let whole = Value::Object(Arc::new(whole));
        self.schema.block.coerce(&whole).unwrap_or(whole)
    }

    /// Of arguments that exclude each other the provider decides those that may be left out.
    fn drop_conflicts(&self, chosen: &mut BTreeMap<Str, Value>) {
        for _ in 0..chosen.len() {
            let errors = self
                .provider
                .validate(&self.schema.type_name, &self.coerced(chosen));
            let optional = |name: &&str| {
                let attribute = self.schema.block.attributes.get(*name);
                attribute.is_some_and(|a| a.optional && a.computed)
            };
            let at_fault = errors
                .iter()
                .filter_map(|e| e.attribute.as_ref()?.root())
                .find(|name| optional(name) && chosen.contains_key(*name));
            match at_fault {
                Some(name) => {
                    let name = name.to_owned();
                    chosen.remove(name.as_str());
                }
                None => return,
            }
        }
    }

    /// The attributes that planning these arguments over the resource would change.
    fn changing(&self, chosen: &BTreeMap<Str, Value>) -> Vec<Str> {
        let planned = self.provider.plan(&PlanRequest {
            type_name: &self.schema.type_name,
            prior: Some(self.prior),
            config: &self.coerced(chosen),
            private: None,
            provider: Some(self.config),
        });
        let Ok(planned) = planned else {
            return Vec::new();
        };
        let differs = |name: &&Str| match (planned.value.get(name), self.prior.get(name)) {
            (Some(after), Some(before)) => after.unmark_deep() != before.unmark_deep(),
            (after, before) => after.is_some() != before.is_some(),
        };
        let block = &self.schema.block;
        let names = block.attributes.keys().chain(block.blocks.keys());
        names.filter(differs).cloned().collect()
    }
}

fn can_be_set(attribute: &Attribute) -> bool {
    (attribute.required || attribute.optional) && !attribute.write_only
}

/// What of a value can be set and says something.
fn settable(block: &Block, value: &Value) -> BTreeMap<Str, Value> {
    let mut chosen = BTreeMap::new();
    for (name, attribute) in block.attributes.iter().filter(|(_, a)| can_be_set(a)) {
        if let Some(value) = value.get(name)
            && !value.is_null()
            && (attribute.required || says_something(attribute, value))
        {
            chosen.insert(name.clone(), value.clone());
        }
    }
    for (name, nested) in &block.blocks {
        let items = value
            .get(name)
            .and_then(Value::elements)
            .unwrap_or_default();
        let tables: Vec<Value> = items
            .iter()
            .map(|item| Value::Object(Arc::new(settable(&nested.block, item))))
            .collect();
        if !tables.is_empty() {
            chosen.insert(name.clone(), Value::tuple(tables));
        }
    }
    chosen
}

/// Not the default, and not empty.
fn says_something(attribute: &Attribute, value: &Value) -> bool {
    let bare = value.unmark_deep();
    if attribute.default.as_ref() == Some(&bare) {
        return false;
    }
    match &bare {
        Value::String(text) => !text.is_empty(),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => !items.is_empty(),
        Value::Map(_, items) | Value::Object(items) => !items.is_empty(),
        _ => true,
    }
}
