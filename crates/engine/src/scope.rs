//! What references mean while planning and applying: the engine's side of evaluation. It also notes which instances an
//! expression has really touched, which is what dependencies are made of.

mod dependencies;
mod modules;
mod outputs;

use crate::engine::Engine;
use crate::graph::ProgramGraph;
use crate::lock::lock;
use crate::values::{Keying, Values};
use infra_model::address::{Address, BlockAddress, InstanceKey, Mode, ProviderAddress, ScopePath};
use infra_model::codes::Code;
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use infra_model::evaluate::{Evaluate, KnownStep, Phase, Resolved, Scope};
use infra_model::expr::{At, Expr, Root};
use infra_model::hash::HashMap;
use infra_model::program::{Program, ResourceBlock};
use infra_model::time::Timestamp;
use infra_model::types::Type;
use infra_model::value::{Marks, Str, Value};
use infra_state::DependencyRef;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// What an expression has touched.
pub(crate) type Touched = BTreeSet<DependencyRef>;

/// The program with everything that is known of its values so far.
pub(crate) struct World<'a> {
    pub(crate) program: &'a Program,
    pub(crate) graph: &'a ProgramGraph,
    evaluator: &'a dyn Evaluate,
    values: Mutex<Values>,
    /// Locals, module variables and outputs, evaluated once: whoever uses one waits for all that it touches.
    memo: Mutex<HashMap<Memo, (Value, Arc<Touched>)>>,
    /// What everything in a module waits for.
    gates: Mutex<HashMap<usize, Arc<Touched>>>,
    /// What ephemeral blocks depend on: who uses one depends on that, as the block itself is never stored.
    behind: Mutex<HashMap<BlockAddress, Touched>>,
    /// Whether preconditions of module outputs are asked: not where all is destroyed.
    pub(crate) conditions: bool,
    phase: Phase,
    now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Memo {
    /// Of the stack, or of a module.
    Local(Option<usize>, Str),
    Variable(usize, Str),
    Output(usize, Str),
}

/// Values of `each`, `count` and `self` for one evaluation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) scope: ScopePath,
    pub(crate) each: Option<(Value, Value)>,
    pub(crate) count: Option<u64>,
    pub(crate) this: Option<Value>,
}

impl Frame {
    /// A frame in which nothing but the scope is bound.
    pub(crate) fn at(scope: &ScopePath) -> Frame {
        Frame {
            scope: scope.clone(),
            ..Frame::default()
        }
    }

    /// The frame of an instance of which no more than the key is known.
    pub(crate) fn of_key(scope: &ScopePath, key: Option<&InstanceKey>) -> Frame {
        let mut frame = Frame::at(scope);
        match key {
            Some(InstanceKey::Index(i)) => frame.count = Some(*i),
            Some(InstanceKey::Name(key)) => {
                frame.each = Some((Value::String(key.clone()), Value::UNKNOWN));
            }
            None => {}
        }
        frame
    }
}

/// The message of a condition, as far as it may be shown.
pub(crate) fn shown(message: &Value) -> &str {
    if message.deep_marks() == Marks::NONE {
        message.as_str().unwrap_or_default()
    } else {
        "(sensitive message)"
    }
}

impl<'a> World<'a> {
    /// Before anything is planned: no instance has a value.
    pub(crate) fn planning(
        engine: &'a Engine,
        program: &'a Program,
        graph: &'a ProgramGraph,
    ) -> World<'a> {
        World::new(
            program,
            graph,
            &*engine.evaluator,
            Values::default(),
            Phase::Plan,
            engine.clock.now(),
        )
    }

    pub(crate) fn new(
        program: &'a Program,
        graph: &'a ProgramGraph,
        evaluator: &'a dyn Evaluate,
        values: Values,
        phase: Phase,
        now: Timestamp,
    ) -> World<'a> {
        World {
            program,
            graph,
            evaluator,
            values: Mutex::new(values),
            memo: Mutex::default(),
            gates: Mutex::default(),
            behind: Mutex::default(),
            conditions: true,
            phase,
            now,
        }
    }

    pub(crate) fn values(&self) -> MutexGuard<'_, Values> {
        lock(&self.values)
    }

    /// Notes what an ephemeral block depends on.
    pub(crate) fn waits_for(&self, block: &BlockAddress, touched: Touched) {
        lock(&self.behind).insert(block.clone(), touched);
    }

    /// Evaluates an expression and returns what it touched.
    pub(crate) fn evaluate(
        &self,
        expr: &Expr,
        frame: &Frame,
    ) -> Result<(Value, Touched), Diagnostics> {
        if let Some(value) = expr.as_literal() {
            return Ok((value.clone(), Touched::new()));
        }
        let scope = FrameScope {
            world: self,
            frame,
            touched: RefCell::default(),
        };
        let value = self.evaluator.evaluate(expr, &scope)?;
        Ok((value, scope.touched.into_inner()))
    }

    /// The provider configuration of one instance.
    pub(crate) fn provider_of(
        &self,
        block: &ResourceBlock,
        frame: &Frame,
    ) -> Result<ProviderAddress, Diagnostics> {
        let Some(key) = &block.provider_key else {
            return Ok(block.provider.clone());
        };
        let (value, _) = self.evaluate(key, frame)?;
        let name = convert(value.bare(), &Type::String).ok();
        let refuse = |message: String, help: String| {
            let refusal = Diagnostic::error(Code::UnknownAlias, message)
                .at(key.span, "")
                .help(help);
            vec![refusal.about(&block.address)]
        };
        let Some(name) = name.as_ref().and_then(Value::as_str) else {
            return Err(refuse(
                "the key of a provider must be a string that is known while planning".to_owned(),
                "use `each.key`, or text".to_owned(),
            ));
        };
        let address = block.provider.with_key(&InstanceKey::Name(name.into()));
        if self.graph.provider(&address).is_some() {
            return Ok(address);
        }
        let there: Vec<String> = self
            .program
            .providers
            .iter()
            .filter(|p| p.address.is_one_of(&block.provider))
            .map(|p| p.address.to_string())
            .collect();
        Err(refuse(
            format!("there is no provider configuration {address}"),
            format!("there is {}", there.join(", ")),
        ))
    }

    fn local(&self, name: &Str, scope: &ScopePath) -> Result<(Value, Arc<Touched>), Diagnostics> {
        let found = match self.graph.module_at(self.program, scope) {
            None => self.program.locals.get(name).map(|local| (None, local)),
            Some((i, module)) => module.locals.get(name).map(|local| (Some(i), local)),
        };
        let Some((level, local)) = found else {
            return Ok((Value::NULL, Arc::default()));
        };
        let frame = Frame::at(&scope.module());
        self.remember(Memo::Local(level, name.clone()), &local.value, &frame)
    }

    fn remember(
        &self,
        key: Memo,
        expr: &Expr,
        frame: &Frame,
    ) -> Result<(Value, Arc<Touched>), Diagnostics> {
        if let Some(known) = lock(&self.memo).get(&key) {
            return Ok(known.clone());
        }
        let (value, touched) = self.evaluate(expr, frame)?;
        let entry = (value, Arc::new(touched));
        self.keep(key, &entry);
        Ok(entry)
    }

    /// Remembers what was evaluated, unless more of it will be known: during apply, what goes ahead of something that it refers to
    /// asks for what others need as it is afterwards.
    fn keep(&self, key: Memo, entry: &(Value, Arc<Touched>)) {
        if self.is_final(&entry.0) {
            lock(&self.memo).insert(key, entry.clone());
        }
    }

    fn is_final(&self, value: &Value) -> bool {
        self.phase == Phase::Plan || value.is_wholly_known()
    }

    /// The same before anything is evaluated, with some instances as they are given here; those that are given none are not there.
    pub(crate) fn supposing<'v>(
        &self,
        given: impl IntoIterator<Item = (&'v Address, Option<&'v Value>)>,
    ) -> World<'a> {
        let mut values = self.values().clone();
        for (address, value) in given {
            match value {
                Some(value) => values.set(address, value.clone()),
                None => values.remove(address),
            }
        }
        World {
            values: Mutex::new(values),
            memo: Mutex::default(),
            gates: Mutex::default(),
            behind: Mutex::new(lock(&self.behind).clone()),
            ..*self
        }
    }
}

struct FrameScope<'w, 'a> {
    world: &'w World<'a>,
    frame: &'w Frame,
    touched: RefCell<Touched>,
}

/// The first problem of several: a reference that failed is reported where it failed.
fn first(mut diagnostics: Diagnostics) -> Diagnostic {
    if diagnostics.is_empty() {
        Diagnostic::error(Code::Evaluation, "the value could not be computed")
    } else {
        diagnostics.swap_remove(0)
    }
}

impl FrameScope<'_, '_> {
    fn resource(
        &self,
        block: &BlockAddress,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        if block.mode == Mode::Ephemeral {
            let behind = lock(&self.world.behind).get(block).cloned();
            let touched = self.touched.take();
            let found = self.instance(block, steps, span);
            *self.touched.borrow_mut() = touched;
            self.touched
                .borrow_mut()
                .extend(behind.into_iter().flatten());
            return found.map(|found| Resolved {
                value: found.value.with_marks(Marks::EPHEMERAL),
                ..found
            });
        }
        self.instance(block, steps, span)
    }

    fn instance(
        &self,
        block: &BlockAddress,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let mut values = self.world.values();
        let Some(known) = values.block_mut(block) else {
            // Not planned (left out by -target, or still to come): its values are not known.
            self.touched
                .borrow_mut()
                .insert(DependencyRef::Block(block.clone()));
            return Ok(Resolved::whole(Value::UNKNOWN));
        };
        match (known.keying(), steps.first()) {
            (Keying::Single, _) => {
                self.touched
                    .borrow_mut()
                    .insert(DependencyRef::Block(block.clone()));
                Ok(Resolved::whole(known.whole()))
            }
            (Keying::Count | Keying::ForEach, Some(KnownStep::Key(key))) if !known.is_unknown() => {
                let key = match (known.keying(), key) {
                    // `x["0"]` is the same instance as `x[0]`, as in Terraform.
                    (Keying::Count, InstanceKey::Name(n)) => {
                        n.parse().map_or_else(|_| key.clone(), InstanceKey::Index)
                    }
                    (Keying::ForEach, InstanceKey::Index(i)) => {
                        InstanceKey::Name(i.to_string().into())
                    }
                    _ => key.clone(),
                };
                let key = Some(key);
                let Some(value) = known.get(&key) else {
                    let keys: Vec<String> = known
                        .keys()
                        .flatten()
                        .map(|k| k.to_string().trim_matches(['[', ']', '"']).to_owned())
                        .collect();
                    let wanted = key
                        .as_ref()
                        .map(|k| k.to_string().trim_matches(['[', ']', '"']).to_owned())
                        .unwrap_or_default();
                    let mut error = Diagnostic::error(
                        Code::NoSuchInstance,
                        format!("there is no instance {}", block.instance(key)),
                    )
                    .at(span, "");
                    if let Some(near) = did_you_mean(&wanted, keys.iter().map(String::as_str)) {
                        error = error.help(format!("did you mean the key `{near}`?"));
                    } else if keys.is_empty() {
                        error = error.help("it has no instances");
                    } else {
                        error = error.help(format!("its keys are {}", keys.join(", ")));
                    }
                    return Err(error);
                };
                self.touched
                    .borrow_mut()
                    .insert(DependencyRef::from(block.instance(key)));
                Ok(Resolved {
                    value: value.clone(),
                    consumed: 1,
                })
            }
            _ => {
                self.touched
                    .borrow_mut()
                    .insert(DependencyRef::Block(block.clone()));
                Ok(Resolved::whole(known.whole()))
            }
        }
    }

    fn component(
        &self,
        kind: &Str,
        name: &Str,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let instances = self
            .world
            .graph
            .components_named(&self.frame.scope, kind, name);
        let components = &self.world.program.components;
        let keyed = instances.iter().any(|i| components[*i].step.key.is_some());
        let outputs_of = |i: usize| -> Result<Value, Diagnostic> {
            let names: Vec<Str> = components[i].outputs.keys().cloned().collect();
            let values = names
                .into_iter()
                .map(|n| Ok((n.clone(), self.output(i, &n)?)));
            Ok(Value::object(
                values.collect::<Result<Vec<_>, Diagnostic>>()?,
            ))
        };
        if !keyed {
            let Some(i) = instances.first() else {
                return Ok(Resolved::whole(Value::NULL));
            };
            return match steps.first() {
                Some(KnownStep::Attribute(output)) => Ok(Resolved {
                    value: self.output(*i, output)?,
                    consumed: 1,
                }),
                _ => Ok(Resolved::whole(outputs_of(*i)?)),
            };
        }
        if let Some(KnownStep::Key(key)) = steps.first() {
            let Some(i) = instances
                .iter()
                .find(|i| components[**i].step.key.as_ref() == Some(key))
            else {
                return Err(Diagnostic::error(
                    Code::NoSuchInstance,
                    format!("there is no {kind}.{name}{key}"),
                )
                .at(span, ""));
            };
            return match steps.get(1) {
                Some(KnownStep::Attribute(output)) => Ok(Resolved {
                    value: self.output(*i, output)?,
                    consumed: 2,
                }),
                _ => Ok(Resolved {
                    value: outputs_of(*i)?,
                    consumed: 1,
                }),
            };
        }
        let mut named = Vec::new();
        let mut listed = Vec::new();
        for i in instances {
            match &components[*i].step.key {
                Some(InstanceKey::Name(key)) => named.push((key.clone(), outputs_of(*i)?)),
                _ => listed.push(outputs_of(*i)?),
            }
        }
        Ok(Resolved::whole(if named.is_empty() {
            Value::tuple(listed)
        } else {
            Value::object(named)
        }))
    }

    fn output(&self, component: usize, name: &Str) -> Result<Value, Diagnostic> {
        let (value, touched) = self
            .world
            .component_output(component, name)
            .map_err(first)?;
        self.touched.borrow_mut().extend(touched.iter().cloned());
        Ok(value)
    }
}

impl Scope for FrameScope<'_, '_> {
    fn resolve(
        &self,
        root: &Root,
        steps: &[KnownStep],
        span: Span,
    ) -> Result<Resolved, Diagnostic> {
        let unbound = |what: &str| {
            Diagnostic::error(Code::BadReference, format!("`{what}` has no value here"))
                .at(span, "")
        };
        Ok(match root {
            Root::Variable(name) if let Some(i) = self.world.graph.module(&self.frame.scope) => {
                let (value, touched) = self.world.module_variable(i, name).map_err(first)?;
                self.touched.borrow_mut().extend(touched.iter().cloned());
                Resolved::whole(value)
            }
            Root::Variable(name) => match self.world.program.variables.get(name) {
                Some(variable) => Resolved::whole(variable.value.clone()),
                None => {
                    return Err(Diagnostic::error(
                        Code::UnknownVariable,
                        format!("there is no variable `{name}`"),
                    )
                    .at(span, ""));
                }
            },
            Root::Local(name) => {
                let (value, touched) = self.world.local(name, &self.frame.scope).map_err(first)?;
                self.touched.borrow_mut().extend(touched.iter().cloned());
                Resolved::whole(value)
            }
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                let scope = match at {
                    At::Module => self.frame.scope.module(),
                    At::Component => self.frame.scope.clone(),
                };
                let block = BlockAddress {
                    scope,
                    mode: *mode,
                    type_name: type_name.clone(),
                    name: name.clone(),
                };
                return self.resource(&block, steps, span);
            }
            Root::Component { kind, name } => return self.component(kind, name, steps, span),
            Root::EachKey => Resolved::whole(
                self.frame
                    .each
                    .as_ref()
                    .map(|(k, _)| k.clone())
                    .ok_or_else(|| unbound("each.key"))?,
            ),
            Root::EachValue => Resolved::whole(
                self.frame
                    .each
                    .as_ref()
                    .map(|(_, v)| v.clone())
                    .ok_or_else(|| unbound("each.value"))?,
            ),
            Root::CountIndex => {
                let index = self.frame.count.ok_or_else(|| unbound("count.index"))?;
                Resolved::whole(Value::Number(infra_model::Number::from(index)))
            }
            Root::SelfValue => {
                Resolved::whole(self.frame.this.clone().ok_or_else(|| unbound("self"))?)
            }
            Root::Stack(field) => Resolved::whole(match &**field {
                "name" => Value::string(self.world.program.stack.name.clone()),
                "instance" => self
                    .world
                    .program
                    .stack
                    .instance
                    .clone()
                    .map_or(Value::Null(Type::String), Value::string),
                other => return Err(unbound(&format!("stack.{other}"))),
            }),
            // Resolved by the language before the program reaches the engine.
            Root::Path(_) | Root::SplatItem => {
                return Err(unbound("this reference"));
            }
        })
    }

    fn phase(&self) -> Phase {
        self.world.phase
    }

    fn now(&self) -> Timestamp {
        self.world.now
    }

    fn planned(&self) -> Timestamp {
        self.world.program.now
    }
}
