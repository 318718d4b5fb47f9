//! What is known of a stack and its modules without asking any cloud, and the scope in which expressions are evaluated over
//! it: variables and locals have values, resources are unknowns of their type.

use crate::codes::Code;
use crate::eval::Evaluator;
use crate::modules::library::Source;
use indexmap::IndexMap;
use infra_model::address::{BlockAddress, InstanceKey, MODULE, Mode, ScopePath};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expr::{At, Expr, Root};
use infra_model::hash::HashMap;
use infra_model::program::{Repeat, Stack};
use infra_model::schema::Schema;
use infra_model::value::Marks;
use infra_model::{Str, Timestamp, Type, Value};
use std::sync::Arc;

/// How the instances of a block are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keying {
    /// One, without a key.
    Single,
    /// By number.
    Count,
    /// By name.
    ForEach,
}

impl Keying {
    /// Of a block.
    pub(crate) fn of(repeat: &Repeat) -> Keying {
        match repeat {
            Repeat::Single | Repeat::Enabled(_) => Keying::Single,
            Repeat::Count(_) => Keying::Count,
            Repeat::ForEach(_) => Keying::ForEach,
        }
    }
}

/// What is known of a resource block.
#[derive(Clone, Debug)]
pub(crate) struct BlockFacts {
    pub(crate) keying: Keying,
    /// Of its type, if the type exists.
    pub(crate) schema: Option<Arc<Schema>>,
    /// The `[[check]]` that it stands in.
    pub(crate) check: Option<Str>,
}

/// The key of a component instance and the values of its outputs.
pub(crate) type InstanceOutputs = (Option<InstanceKey>, IndexMap<Str, Value>);

/// What is known of a component or module.
#[derive(Clone, Debug)]
pub(crate) struct ComponentFacts {
    pub(crate) keying: Keying,
    /// The outputs of its instances, once it is expanded.
    pub(crate) instances: Option<Vec<InstanceOutputs>>,
}

/// The names of the stack itself, or of one instance of a module, and their values as far as they are known.
pub(crate) struct Level {
    /// The file that declares them.
    pub(crate) source: Arc<Source>,
    pub(crate) variables: HashMap<Str, Value>,
    /// The values of locals, as far as they were evaluated.
    pub(crate) locals: HashMap<Str, Value>,
    /// Components and modules, by kind and name.
    pub(crate) components: HashMap<Str, IndexMap<Str, ComponentFacts>>,
}

impl Level {
    /// Before anything in it is evaluated.
    pub(crate) fn new(source: Arc<Source>, variables: HashMap<Str, Value>) -> Level {
        let declared = &source.declared;
        let mut components: HashMap<Str, IndexMap<Str, ComponentFacts>> = HashMap::default();
        let mut declare = |kind: &Str, name: &Str, repeat: &Repeat| {
            let facts = ComponentFacts {
                keying: Keying::of(repeat),
                instances: None,
            };
            let all = components.entry(kind.clone()).or_default();
            all.insert(name.clone(), facts);
        };
        for component in &declared.components {
            declare(&component.kind, &component.name, &component.repeat);
        }
        let kind: Str = MODULE.into();
        for call in &declared.modules {
            declare(&kind, &call.name, &call.repeat);
        }
        Level {
            locals: HashMap::with_capacity_and_hasher(declared.locals.len(), Default::default()),
            source,
            variables,
            components,
        }
    }

    /// A component or module by kind and name.
    pub(crate) fn component(&self, kind: &str, name: &str) -> Option<&ComponentFacts> {
        self.components.get(kind)?.get(name)
    }
}

/// Everything that is known.
pub(crate) struct Knowledge {
    /// By path: the stack itself, and every instance of a module.
    pub(crate) levels: HashMap<ScopePath, Level>,
    /// The blocks that components became.
    pub(crate) natives: HashMap<BlockAddress, BlockFacts>,
    pub(crate) stack: Stack,
    pub(crate) now: Timestamp,
    pub(crate) evaluator: Evaluator,
}

impl Knowledge {
    /// The level that a path belongs to: of a component, the one that encloses it.
    pub(crate) fn level(&self, path: &ScopePath) -> Option<&Level> {
        match self.levels.get(path) {
            None => self.levels.get(&path.module()),
            found => found,
        }
    }

    /// What is known of a block.
    pub(crate) fn block(&self, address: &BlockAddress) -> Option<&BlockFacts> {
        match self.levels.get(&address.scope) {
            Some(level) => level.source.facts.get(&here(address)),
            None => self.natives.get(address),
        }
    }

    /// The scope at a path.
    pub(crate) fn scope<'a>(&'a self, path: &'a ScopePath) -> StaticScope<'a> {
        StaticScope {
            knowledge: self,
            level: self.level(path),
            path,
            each: None,
            count: None,
            this: None,
            components_by_name: false,
        }
    }

    /// The value of an expression; errors get a place when they have none.
    pub(crate) fn evaluate(
        &self,
        expr: &Expr,
        scope: &StaticScope<'_>,
    ) -> Result<Value, Diagnostics> {
        self.evaluator
            .evaluate(expr, scope)
            .map_err(|found| found.into_iter().map(|d| d.or_at(expr.span)).collect())
    }
}

/// An address as its own file writes it.
pub(crate) fn here(address: &BlockAddress) -> BlockAddress {
    BlockAddress {
        scope: ScopePath::root(),
        ..address.clone()
    }
}

/// The scope of one block.
pub(crate) struct StaticScope<'a> {
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) level: Option<&'a Level>,
    pub(crate) path: &'a ScopePath,
    pub(crate) each: Option<(Value, Value)>,
    pub(crate) count: Option<Value>,
    /// The type of `self`, where it means something.
    pub(crate) this: Option<Type>,
    /// Whether a component as a whole is its name: in the inputs of other components.
    pub(crate) components_by_name: bool,
}

/// Nothing known, whatever follows: what is wrong has been said already.
fn nothing(steps: &[KnownStep]) -> Resolved {
    Resolved {
        value: Value::UNKNOWN,
        consumed: steps.len(),
    }
}

/// An unknown of the type that is left after as many steps as make sense.
fn unknown_of(ty: &Type, steps: &[KnownStep], consumed: usize) -> Resolved {
    let mut ty = ty.clone();
    for step in &steps[consumed..] {
        let next = match (step, &ty) {
            (_, Type::Any) => return nothing(steps),
            (
                KnownStep::Attribute(name) | KnownStep::Key(InstanceKey::Name(name)),
                Type::Object(_) | Type::Map(_),
            ) => ty.attribute(name).cloned(),
            (KnownStep::Key(InstanceKey::Index(_)), Type::List(element)) => {
                Some((**element).clone())
            }
            _ => None,
        };
        match next {
            Some(next) => ty = next,
            None => return nothing(steps),
        }
    }
    Resolved {
        value: Value::Unknown(ty),
        consumed: steps.len(),
    }
}

impl StaticScope<'_> {
    fn resource(&self, block: &BlockAddress, steps: &[KnownStep]) -> Resolved {
        let Some(facts) = self.knowledge.block(block) else {
            return nothing(steps);
        };
        let Some(schema) = &facts.schema else {
            return nothing(steps);
        };
        let ty = schema.implied_type();
        let found = match (facts.keying, steps.first()) {
            (Keying::Single, _) => unknown_of(ty, steps, 0),
            (_, Some(KnownStep::Key(_))) => unknown_of(ty, steps, 1),
            (_, Some(KnownStep::Attribute(_))) => nothing(steps),
            (Keying::Count, None) => Resolved::whole(Value::Unknown(Type::list(ty.clone()))),
            (Keying::ForEach, None) => Resolved::whole(Value::Unknown(Type::map(ty.clone()))),
        };
        if block.mode != Mode::Ephemeral {
            return found;
        }
        Resolved {
            value: found.value.with_marks(Marks::EPHEMERAL),
            ..found
        }
    }

    fn component(&self, kind: &str, name: &str, steps: &[KnownStep]) -> Resolved {
        let Some(facts) = self.level.and_then(|level| level.component(kind, name)) else {
            return nothing(steps);
        };
        let whole = |key: Option<&InstanceKey>, outputs: &IndexMap<Str, Value>| {
            if self.components_by_name && kind != MODULE {
                let key = key.map(ToString::to_string).unwrap_or_default();
                Value::string(format!("{name}{key}"))
            } else {
                Value::object(outputs.iter().map(|(k, v)| (k.clone(), v.clone())))
            }
        };
        let Some(instances) = &facts.instances else {
            return nothing(steps);
        };
        if facts.keying == Keying::Single {
            let Some((_, outputs)) = instances.first() else {
                return Resolved {
                    value: Value::NULL,
                    consumed: steps.len(),
                };
            };
            return match steps.first() {
                None => Resolved::whole(whole(None, outputs)),
                Some(KnownStep::Attribute(output)) => match outputs.get(output) {
                    Some(value) => Resolved {
                        value: value.clone(),
                        consumed: 1,
                    },
                    None => nothing(steps),
                },
                Some(KnownStep::Key(_)) => nothing(steps),
            };
        }
        match steps {
            [KnownStep::Key(key), rest @ ..] => {
                let found = instances.iter().find(|(k, _)| k.as_ref() == Some(key));
                match (found, rest.first()) {
                    (Some((_, outputs)), Some(KnownStep::Attribute(output))) => {
                        match outputs.get(output) {
                            Some(value) => Resolved {
                                value: value.clone(),
                                consumed: 2,
                            },
                            None => nothing(steps),
                        }
                    }
                    (Some((key, outputs)), None) => Resolved {
                        value: whole(key.as_ref(), outputs),
                        consumed: 1,
                    },
                    _ => nothing(steps),
                }
            }
            [KnownStep::Attribute(_), ..] => nothing(steps),
            [] => {
                let all = instances.iter().map(|(k, o)| (k, whole(k.as_ref(), o)));
                Resolved::whole(if facts.keying == Keying::Count {
                    Value::tuple(all.map(|(_, value)| value).collect())
                } else {
                    Value::object(all.filter_map(|(key, value)| match key {
                        Some(InstanceKey::Name(key)) => Some((key.clone(), value)),
                        _ => None,
                    }))
                })
            }
        }
    }
}

impl Scope for StaticScope<'_> {
    fn resolve(
        &self,
        root: &Root,
        steps: &[KnownStep],
        _span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let value = match root {
            Root::Variable(name) => self.level.and_then(|l| l.variables.get(name)).cloned(),
            Root::Local(name) => self.level.and_then(|l| l.locals.get(name)).cloned(),
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                let scope = match at {
                    At::Module => self.path.module(),
                    At::Component => self.path.clone(),
                };
                let block = BlockAddress {
                    scope,
                    mode: *mode,
                    type_name: type_name.clone(),
                    name: name.clone(),
                };
                return Ok(self.resource(&block, steps));
            }
            Root::Component { kind, name } => return Ok(self.component(kind, name, steps)),
            Root::EachKey => self.each.as_ref().map(|(key, _)| key.clone()),
            Root::EachValue => self.each.as_ref().map(|(_, value)| value.clone()),
            Root::CountIndex => self.count.clone(),
            Root::SelfValue => match &self.this {
                Some(ty) => return Ok(unknown_of(ty, steps, 0)),
                None => None,
            },
            Root::Stack(field) => Some(match &**field {
                "name" => Value::string(self.knowledge.stack.name.clone()),
                _ => self
                    .knowledge
                    .stack
                    .instance
                    .clone()
                    .map_or(Value::Null(Type::String), Value::string),
            }),
            Root::Path(_) | Root::SplatItem => None,
        };
        Ok(match value {
            Some(value) => Resolved::whole(value),
            None => nothing(steps),
        })
    }

    fn phase(&self) -> Phase {
        Phase::Validate
    }

    fn now(&self) -> Timestamp {
        self.knowledge.now
    }
}

/// A scope without anything: what is constant evaluates in it, and every reference is an error.
pub(crate) struct EmptyScope {
    pub(crate) now: Timestamp,
    /// What a reference here is told.
    pub(crate) refusal: &'static str,
}

impl Scope for EmptyScope {
    fn resolve(
        &self,
        _root: &Root,
        _steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        Err(crate::report::error(
            Code::MustBeConstant,
            self.refusal,
            span,
            "this refers to something",
        ))
    }

    fn phase(&self) -> Phase {
        Phase::Validate
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
