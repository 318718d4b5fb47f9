//! What references mean in the console: variables and locals as the stack file has them, resources as the state has them.

use crate::providers::Providers;
use crate::render::state::schema_of;
use crate::render::stored::stored_value;
use infra_lang::Evaluator;
use infra_model::address::{BlockAddress, InstanceKey, ScopePath};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expr::{At, Expr, Root};
use infra_model::program::{ComponentInstance, Module, Program, Repeat};
use infra_model::time::Timestamp;
use infra_model::types::Type;
use infra_model::value::{Str, Value};
use infra_state::State;
use std::collections::{BTreeMap, HashMap};

/// The values of everything recorded, by block and instance.
pub(crate) struct Recorded(HashMap<BlockAddress, BTreeMap<Option<InstanceKey>, Value>>);

impl Recorded {
    /// Decodes the state.
    pub(crate) fn new(program: &Program, state: &State, providers: &Providers) -> Recorded {
        let mut blocks: HashMap<BlockAddress, BTreeMap<_, _>> = program
            .blocks
            .iter()
            .map(|b| (b.address.clone(), BTreeMap::new()))
            .collect();
        for (address, resource) in state.resources.iter().filter(|(_, r)| r.has_current()) {
            let schema = schema_of(providers, address).map(|s| &**s);
            let value = stored_value(resource, schema);
            blocks
                .entry(address.block.clone())
                .or_default()
                .insert(address.key.clone(), value);
        }
        Recorded(blocks)
    }

    /// What is recorded of a block that has one instance without a key.
    pub(crate) fn single(&self, block: &BlockAddress) -> Option<&Value> {
        self.0.get(block)?.get(&None)
    }
}

/// References at one place of the stack.
pub(crate) struct StateScope<'a> {
    program: &'a Program,
    recorded: &'a Recorded,
    evaluator: &'a Evaluator,
    at: ScopePath,
    now: Timestamp,
}

impl<'a> StateScope<'a> {
    /// At the stack's own level.
    pub(crate) fn root(
        program: &'a Program,
        recorded: &'a Recorded,
        evaluator: &'a Evaluator,
        now: Timestamp,
    ) -> Self {
        StateScope {
            program,
            recorded,
            evaluator,
            at: ScopePath::root(),
            now,
        }
    }

    /// The same, at another level of the stack.
    pub(crate) fn at(self, at: ScopePath) -> Self {
        StateScope { at, ..self }
    }

    fn within(&self, expr: &Expr, at: ScopePath) -> Result<Value, Diagnostic> {
        let scope = StateScope { at, ..*self };
        self.evaluator.evaluate(expr, &scope).map_err(first)
    }

    fn resource(&self, block: &BlockAddress, span: Span) -> Result<Resolved, Diagnostic> {
        let Some(instances) = self.recorded.0.get(block) else {
            return Err(
                Diagnostic::error(Code::UnknownResource, format!("there is no {block}"))
                    .at(span, ""),
            );
        };
        let repeat = self
            .program
            .blocks
            .iter()
            .find(|b| b.address == *block)
            .map(|b| &b.repeat);
        let keyed = |instances: &BTreeMap<Option<InstanceKey>, Value>| {
            let named = instances.iter().filter_map(|(k, v)| match k {
                Some(InstanceKey::Name(name)) => Some((name.clone(), v.clone())),
                _ => None,
            });
            Value::object(named)
        };
        let value = match repeat {
            Some(Repeat::Count(_)) => Value::tuple(instances.values().cloned().collect()),
            Some(Repeat::ForEach(_)) => keyed(instances),
            _ if instances
                .keys()
                .any(|k| matches!(k, Some(InstanceKey::Name(_)))) =>
            {
                keyed(instances)
            }
            _ => match instances.get(&None) {
                Some(value) => value.clone(),
                None if instances.is_empty() => Value::Unknown(Type::Any),
                None => Value::tuple(instances.values().cloned().collect()),
            },
        };
        Ok(Resolved::whole(value))
    }

    fn component(
        &self,
        kind: &str,
        name: &str,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let instances: Vec<&ComponentInstance> = self
            .program
            .components
            .iter()
            .filter(|c| *c.step.kind == *kind && *c.step.name == *name)
            .filter(|c| c.parent == self.at.module())
            .collect();
        let missing = |what: String| {
            Diagnostic::error(Code::UnknownResource, format!("there is no {what}")).at(span, "")
        };
        match (instances.as_slice(), steps) {
            ([], _) => Err(missing(format!("{kind}.{name}"))),
            ([only], _) if only.step.key.is_none() => {
                let (value, consumed) = self.outputs(only, steps, span)?;
                Ok(Resolved { value, consumed })
            }
            (some, [KnownStep::Key(key), rest @ ..]) => {
                let instance = some
                    .iter()
                    .find(|c| c.step.key.as_ref() == Some(key))
                    .ok_or_else(|| missing(format!("{kind}.{name}{key}")))?;
                let (value, consumed) = self.outputs(instance, rest, span)?;
                Ok(Resolved {
                    value,
                    consumed: consumed + 1,
                })
            }
            (some, _) => {
                let mut named: BTreeMap<Str, Value> = BTreeMap::new();
                let mut counted = Vec::new();
                for instance in some {
                    let (value, _) = self.outputs(instance, &[], span)?;
                    match &instance.step.key {
                        Some(InstanceKey::Name(name)) => drop(named.insert(name.clone(), value)),
                        _ => counted.push(value),
                    }
                }
                Ok(Resolved::whole(if named.is_empty() {
                    Value::tuple(counted)
                } else {
                    Value::object(named)
                }))
            }
        }
    }

    /// The value of an output, a module's with the marks that it declares.
    fn output(
        &self,
        instance: &ComponentInstance,
        name: &str,
        expr: &Expr,
    ) -> Result<Value, Diagnostic> {
        let value = self.within(expr, instance.scope())?;
        let declared = instance.module.as_ref().and_then(|m| m.outputs.get(name));
        Ok(match declared {
            Some(output) => output.mark(value),
            None => value,
        })
    }

    /// The module at hand; none at the stack's own level.
    fn module(&self) -> Option<(&'a ComponentInstance, &'a Module)> {
        let path = self.at.module();
        if path.is_root() {
            return None;
        }
        let mut all = self.program.components.iter();
        all.find_map(|c| Some((c, c.module.as_ref().filter(|_| c.scope() == path)?)))
    }

    /// A variable of the module at hand.
    fn variable(
        &self,
        instance: &ComponentInstance,
        module: &Module,
        name: &str,
    ) -> Option<Result<Value, Diagnostic>> {
        let variable = module.variables.get(name)?;
        let default = || {
            let value = variable.default.clone().unwrap_or(Value::NULL);
            value.with_marks(variable.marks())
        };
        let Some(given) = module.given.get(name) else {
            return Some(Ok(default()));
        };
        let value = self.within(given, instance.parent.clone());
        Some(value.and_then(|value| match variable.accept(&value) {
            Ok(value) => Ok(value.unwrap_or_else(default)),
            Err(problem) => {
                Err(Diagnostic::error(Code::WrongType, problem.to_string()).at(given.span, ""))
            }
        }))
    }

    /// One output, or all of them; and how many steps that took.
    fn outputs(
        &self,
        instance: &ComponentInstance,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<(Value, usize), Diagnostic> {
        if let Some(KnownStep::Attribute(name)) = steps.first() {
            let Some(expr) = instance.outputs.get(name) else {
                let names: Vec<&str> = instance.outputs.keys().map(|k| &**k).collect();
                return Err(Diagnostic::error(
                    Code::UnknownOutput,
                    format!("{} has no output `{name}`", instance.scope()),
                )
                .at(span, "")
                .help(format!("it has {}", names.join(", "))));
            };
            return Ok((self.output(instance, name, expr)?, 1));
        }
        let mut all: BTreeMap<Str, Value> = BTreeMap::new();
        for (name, expr) in &instance.outputs {
            all.insert(name.clone(), self.output(instance, name, expr)?);
        }
        Ok((Value::object(all), 0))
    }
}

/// One problem stands for all: the scope has room for one.
fn first(diagnostics: Diagnostics) -> Diagnostic {
    diagnostics
        .into_iter()
        .next()
        .unwrap_or_else(|| Diagnostic::error(Code::Evaluation, "this has no value"))
}

impl Scope for StateScope<'_> {
    fn resolve(
        &self,
        root: &Root,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let missing = |what: String| {
            Diagnostic::error(Code::BadReference, format!("there is no {what} here")).at(span, "")
        };
        Ok(Resolved::whole(match root {
            Root::Variable(name) => {
                if let Some((instance, module)) = self.module() {
                    let found = self.variable(instance, module, name);
                    let value = found.ok_or_else(|| missing(format!("var.{name}")))?;
                    return value.map(Resolved::whole);
                }
                let variable = self
                    .program
                    .variables
                    .get(name)
                    .ok_or_else(|| missing(format!("var.{name}")))?;
                if variable.sensitive {
                    variable.value.clone().sensitive()
                } else {
                    variable.value.clone()
                }
            }
            Root::Local(name) => {
                let locals = match self.module() {
                    Some((_, module)) => &*module.locals,
                    None => &self.program.locals,
                };
                let local = locals
                    .get(name)
                    .ok_or_else(|| missing(format!("local.{name}")))?;
                self.within(&local.value, self.at.module())?
            }
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                let scope = match at {
                    At::Module => self.at.module(),
                    At::Component => self.at.clone(),
                };
                let block = BlockAddress {
                    scope,
                    mode: *mode,
                    type_name: type_name.clone(),
                    name: name.clone(),
                };
                return self.resource(&block, span);
            }
            Root::Component { kind, name } => return self.component(kind, name, steps, span),
            Root::Stack(field) if &**field == "name" => {
                Value::string(self.program.stack.name.clone())
            }
            Root::Stack(field) if &**field == "instance" => self
                .program
                .stack
                .instance
                .clone()
                .map_or(Value::Null(Type::String), Value::string),
            Root::Stack(field) => return Err(missing(format!("stack.{field}"))),
            Root::Path(field) => return Err(missing(format!("path.{field}"))),
            Root::EachKey | Root::EachValue => return Err(missing("`each`".to_owned())),
            Root::CountIndex => return Err(missing("`count.index`".to_owned())),
            Root::SelfValue | Root::SplatItem => return Err(missing("`self`".to_owned())),
        }))
    }

    fn phase(&self) -> Phase {
        Phase::Plan
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
