//! Levels: the stack itself, and every instance of every module. Names get their values in the order of the file's schedule,
//! components and modules are expanded when what decides them is known.

use super::inputs;
use super::library::Source;
use crate::blocks::module::{Handed, ModuleCall};
use crate::check::ephemeral;
use crate::check::knowledge::{Knowledge, Level};
use crate::check::repeat::{self, Instances};
use crate::check::values::Values;
use crate::codes::Code;
use crate::expansion::{Expander, Here};
use crate::modules::schedule::Item;
use crate::report::{error, suggesting};
use crate::substitute::Repetition;
use crate::variables::Validation;
use indexmap::IndexMap;
use infra_model::address::{InstanceKey, MODULE, ProviderAddress, ScopePath, ScopeStep};
use infra_model::diagnostic::Span;
use infra_model::expr::Expr;
use infra_model::hash::HashMap;
use infra_model::program::{ComponentInstance, Dependency, Module, Repeat};
use infra_model::{Str, Type, Value};
use std::sync::Arc;

/// What a level's provider configurations are in the whole program.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// By what the level calls them.
    names: HashMap<ProviderAddress, ProviderAddress>,
    /// The stack's own level calls them what they are.
    root: bool,
}

impl Passed {
    /// For the stack's own file.
    pub(crate) fn root() -> Passed {
        Passed {
            names: HashMap::default(),
            root: true,
        }
    }

    /// A configuration that something in the level itself defines.
    pub(crate) fn define(&mut self, name: ProviderAddress, real: ProviderAddress) {
        self.names.insert(name, real);
    }

    /// What a name means; a default configuration is inherited.
    pub(crate) fn resolve(&self, name: &ProviderAddress) -> Option<ProviderAddress> {
        match self.names.get(name) {
            Some(real) => Some(real.clone()),
            None => (self.root || name.alias.is_none()).then(|| name.clone()),
        }
    }
}

impl Expander<'_> {
    /// Evaluates and expands everything of a level, modules inside included.
    pub(crate) fn level(
        &mut self,
        scope: &ScopePath,
        source: &Arc<Source>,
        variables: HashMap<Str, Value>,
        passed: Passed,
        knowledge: &mut Knowledge,
    ) {
        let level = Level::new(Arc::clone(source), variables);
        knowledge.levels.insert(scope.clone(), level);
        let here = Here::new(scope, source, passed, self.report);
        let kinds = self.expand.kinds();
        for rank in 0..=kinds.len() {
            for item in source.schedule.after(rank) {
                match item {
                    Item::Local(i) => local(&here, *i, knowledge),
                    Item::Module(i) => self.call(&here, &source.declared.modules[*i], knowledge),
                }
            }
            let Some(kind) = kinds.get(rank) else {
                continue;
            };
            for declaration in source
                .declared
                .components
                .iter()
                .filter(|d| d.kind == kind.name)
            {
                self.component(kind, declaration, &here, knowledge);
            }
        }
        if !scope.is_root() {
            self.own_blocks(&here);
        }
        self.report.about(here.report.into_diagnostics(), scope);
    }

    /// The blocks and instructions of a module's file, as those of one instance.
    fn own_blocks(&mut self, here: &Here<'_>) {
        let declared = &here.source.declared;
        let passed = here.passed.borrow();
        for block in &declared.blocks {
            let mut block = block.clone();
            block.address.scope = here.scope.clone();
            match passed.resolve(&block.provider) {
                Some(real) => block.provider = real,
                None => {
                    here.report.push(not_passed(&block.provider, block.span));
                    // Said once: nothing looks for it again.
                    block.provider = ProviderAddress::default_of(block.provider.name.clone());
                    block.provider_key = None;
                }
            }
            self.out.blocks.push(block);
        }
        let within = |address: &infra_model::Address| {
            let mut address = address.clone();
            address.block.scope = address.block.scope.within(here.scope);
            address
        };
        for moved in &declared.moved {
            let mut moved = moved.clone();
            (moved.from, moved.to) = (within(&moved.from), within(&moved.to));
            self.out.moved.push(moved);
        }
        for removed in &declared.removed {
            let mut removed = removed.clone();
            removed.from = within(&removed.from);
            self.out.removed.push(removed);
        }
    }

    /// Expands all instances of a module.
    fn call(&mut self, here: &Here<'_>, call: &ModuleCall, knowledge: &mut Knowledge) {
        let Some(source) = here.source.children.get(&call.name) else {
            return;
        };
        let scope = knowledge.scope(here.scope);
        let instances = match repeat::instances(&call.repeat, knowledge, &scope, &here.report) {
            Instances::Known(instances) => instances,
            Instances::Wrong => return,
            Instances::Unknown(_) => {
                let span = call.repeat.expr().map_or(call.span, |e| e.span);
                here.report.push(
                    error(
                        Code::UnknownInput,
                        format!("which instances `module.{}` has must be known while planning", call.name),
                        span,
                        "this depends on what exists only after apply",
                    )
                    .help("use literals, variables, and local values and outputs that depend on no resource; what is unknown can be an input"),
                );
                return;
            }
        };
        let depends_on: Arc<[Dependency]> = call.depends_on.clone().into();
        let mut outputs = Vec::with_capacity(instances.len());
        for (key, repetition) in instances {
            let values = self.instance_of(
                here,
                call,
                source,
                (key.clone(), &repetition),
                &depends_on,
                knowledge,
            );
            outputs.push((key, values));
        }
        if let Some(facts) = knowledge
            .levels
            .get_mut(here.scope)
            .and_then(|level| level.components.get_mut(MODULE))
            .and_then(|all| all.get_mut(&call.name))
        {
            facts.instances = Some(outputs);
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    fn instance_of(
        &mut self,
        here: &Here<'_>,
        call: &ModuleCall,
        source: &Arc<Source>,
        (key, repetition): (Option<InstanceKey>, &Repetition),
        depends_on: &Arc<[Dependency]>,
        knowledge: &mut Knowledge,
    ) -> IndexMap<Str, Value> {
        let step = ScopeStep {
            kind: MODULE.into(),
            name: call.name.clone(),
            key,
        };
        let scope = here.scope.join(step.clone());
        let variables = &source.shared.variables;
        let given: IndexMap<Str, Expr> = call
            .inputs
            .iter()
            .filter(|(name, _)| variables.contains_key(*name))
            .map(|(name, (expr, _))| (name.clone(), repetition.apply(expr, &call.repeat)))
            .collect();
        let values = variables.iter().map(|(name, variable)| {
            let value = inputs::value(name, variable, given.get(name), here.scope, knowledge);
            let value = value.unwrap_or_else(|found| {
                self.report.about(found, &scope);
                Value::Unknown(variable.ty.clone()).with_marks(variable.marks())
            });
            (name.clone(), value)
        });
        let values: HashMap<Str, Value> = values.collect();
        let declared = source.declared.outputs.iter();
        self.out.components.push(ComponentInstance {
            checks: Vec::new(),
            parent: here.scope.clone(),
            step,
            outputs: declared
                .map(|(name, output)| (name.clone(), output.value.clone()))
                .collect(),
            module: Some(Module {
                source: call
                    .source
                    .as_ref()
                    .map(|(_, s)| s.clone())
                    .unwrap_or_default(),
                variables: Arc::clone(&source.shared.variables),
                given,
                locals: Arc::clone(&source.shared.locals),
                outputs: Arc::clone(&source.shared.outputs),
                checks: Arc::clone(&source.shared.checks),
                depends_on: Arc::clone(depends_on),
            }),
            span: call.span,
        });
        let passed = pass(here, call, repetition, knowledge);
        self.level(&scope, source, values, passed, knowledge);
        let own = Here::new(&scope, source, Passed::root(), self.report);
        for (name, variable) in &**variables {
            let validation = Validation {
                name,
                declared: variable.span,
                path: &scope,
                knowledge,
                report: &own.report,
            };
            for condition in &variable.validations {
                validation.decided(condition);
            }
        }
        let checking = Values {
            knowledge,
            report: &own.report,
            inputs: None,
        };
        let inside = knowledge.scope(&scope);
        let outputs = source.declared.outputs.iter().map(|(name, output)| {
            let value = match &output.ty {
                Some(ty) => checking.converts(&output.value, ty, &inside, "the value of an output"),
                None => checking.value(&output.value, &inside),
            };
            let value = value.unwrap_or(Value::UNKNOWN);
            checking.conditions(&output.preconditions, &inside);
            if value.deep_marks().ephemeral && !output.ephemeral {
                own.report.push(
                    ephemeral::refusal(
                        format!("the output `{name}` has an ephemeral value and does not say so"),
                        output.value.span,
                    )
                    .help("write `ephemeral = true` in the output: then the caller can use it where ephemeral values may be"),
                );
            }
            (name.clone(), output.mark(value))
        });
        let outputs = outputs.collect();
        for check in &source.declared.checks {
            checking.conditions(&check.assertions, &inside);
        }
        self.report.about(own.report.into_diagnostics(), &scope);
        outputs
    }
}

/// The value of a local.
fn local(here: &Here<'_>, i: usize, knowledge: &mut Knowledge) {
    let Some((name, local)) = here.source.declared.locals.get_index(i) else {
        return;
    };
    let value = knowledge.evaluate(&local.value, &knowledge.scope(here.scope));
    let value = value.unwrap_or_else(|found| {
        here.report.extend(found);
        Value::UNKNOWN
    });
    if let Some(level) = knowledge.levels.get_mut(here.scope) {
        level.locals.insert(name.clone(), value);
    }
}

/// The configurations that a call hands to one instance.
fn pass(
    here: &Here<'_>,
    call: &ModuleCall,
    repetition: &Repetition,
    knowledge: &Knowledge,
) -> Passed {
    let own = here.passed.borrow();
    let inherited = own.names.iter().filter(|(name, _)| name.alias.is_none());
    let mut names: HashMap<_, _> = inherited
        .map(|(name, real)| (name.clone(), real.clone()))
        .collect();
    for handed in &call.providers {
        let Some(outer) = keyed(here, call, handed, repetition, knowledge) else {
            continue;
        };
        let declared = &here.source.declared.providers;
        let base = outer.without_key();
        let known = !own.root
            || outer.alias.is_none()
            || own.names.contains_key(&outer)
            || declared.iter().any(|p| match p.repeat {
                Repeat::Single => p.block.address == outer,
                _ => Some(&p.block.address) == base.as_ref(),
            })
            || is_component(here.source, &outer);
        match own.resolve(&outer).filter(|_| known) {
            Some(real) => {
                names.insert(handed.inner.clone(), real);
            }
            None if own.root => {
                let all: Vec<String> = declared
                    .iter()
                    .map(|p| match p.repeat {
                        Repeat::Single => p.block.address.to_string(),
                        _ => format!("{}[each.key]", p.block.address),
                    })
                    .collect();
                let diagnostic = error(
                    Code::UnknownAlias,
                    format!("there is no provider configuration `{outer}`"),
                    handed.span,
                    "unknown",
                );
                here.report.push(suggesting(
                    diagnostic,
                    &outer.to_string(),
                    all.iter().map(String::as_str),
                    "add it as `[clouds.NAME.alias.ALIAS]`",
                ));
            }
            None => here.report.push(not_passed(&outer, handed.span)),
        }
    }
    Passed { names, root: false }
}

/// What is handed over, with its key computed.
fn keyed(
    here: &Here<'_>,
    call: &ModuleCall,
    handed: &Handed,
    repetition: &Repetition,
    knowledge: &Knowledge,
) -> Option<ProviderAddress> {
    let Some(key) = &handed.key else {
        return Some(handed.outer.clone());
    };
    let key = repetition.apply(key, &call.repeat);
    let values = Values {
        knowledge,
        report: &here.report,
        inputs: None,
    };
    let scope = knowledge.scope(here.scope);
    let value = values.converts(&key, &Type::String, &scope, "the key of a provider")?;
    let Some(name) = value.as_str() else {
        here.report.push(
            error(
                Code::UnknownInput,
                "the key of a provider must be a string that is known while planning",
                key.span,
                "",
            )
            .help("use `each.key`, or text"),
        );
        return None;
    };
    Some(handed.outer.with_key(&InstanceKey::Name(name.into())))
}

/// Whether a component of the file may define a configuration of that name.
fn is_component(source: &Source, provider: &ProviderAddress) -> bool {
    let components = &source.declared.components;
    provider
        .alias
        .as_ref()
        .is_some_and(|alias| components.iter().any(|c| c.name == *alias))
}

fn not_passed(provider: &ProviderAddress, span: Span) -> infra_model::Diagnostic {
    error(
        Code::UnknownAlias,
        format!("this module is given no provider configuration `{provider}`"),
        span,
        "used here",
    )
    .help(format!(
        "hand it over where the module is called: `providers = {{ \"{provider}\" = \"{provider}\" }}`"
    ))
}
