//! Components become native resources: their inputs are evaluated as far as they are known, `Expand` answers in the stack
//! language, and what it says is lowered as if it had stood in the file, in a scope of its own.

use crate::blocks::component::ComponentDeclaration;
use crate::blocks::fields::{Reading, parse_path};
use crate::blocks::resource;
use crate::check::explain::Subject;
use crate::check::knowledge::{BlockFacts, Keying, Knowledge, StaticScope};
use crate::check::repeat::{self, Instances};
use crate::check::values::Values;
use crate::codes::Code;
use crate::locate::locate;
use crate::modules::calls::Passed;
use crate::modules::library::Source;
use crate::parse::names::Names;
use crate::parse::node::Node;
use crate::parse::template;
use crate::parse::text::Text;
use crate::report::{Report, error};
use crate::substitute::Repetition;
use indexmap::IndexMap;
use infra_model::address::{BlockAddress, InstanceKey, Mode, ScopePath, ScopeStep};
use infra_model::diagnostic::Diagnostic;
use infra_model::expand::{ComponentKind, Expand, Expansion, Instance, Known};
use infra_model::expr::{At, Expr};
use infra_model::pattern::AddressPattern;
use infra_model::program::{
    Check, ComponentInstance, Condition, HandOver, Moved, ProviderBlock, Removed, ResourceBlock,
};
use infra_model::schema::Schemas;
use infra_model::{Str, Value};
use std::cell::RefCell;

/// What components and modules became.
#[derive(Default)]
pub(crate) struct Expanded {
    pub(crate) blocks: Vec<ResourceBlock>,
    pub(crate) components: Vec<ComponentInstance>,
    pub(crate) providers: Vec<ProviderBlock>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) removed: Vec<Removed>,
    pub(crate) handed_over: Vec<HandOver>,
    pub(crate) outliving: Vec<AddressPattern>,
}

/// Expands components, level by level.
pub(crate) struct Expander<'a> {
    pub(crate) expand: &'a dyn Expand,
    pub(crate) schemas: &'a dyn Schemas,
    pub(crate) kinds: &'a [Str],
    pub(crate) report: &'a Report,
    pub(crate) out: Expanded,
}

/// The level at hand: the stack's own, or an instance of a module.
pub(crate) struct Here<'a> {
    pub(crate) scope: &'a ScopePath,
    pub(crate) source: &'a Source,
    /// What is wrong here; whose it is is said when the level is done.
    pub(crate) report: Report,
    pub(crate) passed: RefCell<Passed>,
    /// What earlier instances have become, by kind and then by `name` or `name["key"]`.
    known: RefCell<IndexMap<Str, IndexMap<String, Known>>>,
}

impl<'a> Here<'a> {
    pub(crate) fn new(
        scope: &'a ScopePath,
        source: &'a Source,
        passed: Passed,
        report: &Report,
    ) -> Here<'a> {
        Here {
            scope,
            source,
            report: report.beside(),
            passed: RefCell::new(passed),
            known: RefCell::default(),
        }
    }
}

impl Expander<'_> {
    /// Expands all instances of a component.
    pub(crate) fn component(
        &mut self,
        kind: &ComponentKind,
        declaration: &ComponentDeclaration,
        here: &Here<'_>,
        knowledge: &mut Knowledge,
    ) {
        let report = &here.report;
        let found = repeat::instances(
            &declaration.repeat,
            knowledge,
            &knowledge.scope(here.scope),
            report,
        );
        let instances = match found {
            Instances::Known(instances) => instances,
            Instances::Wrong => return,
            Instances::Unknown(_) => {
                let span = declaration
                    .repeat
                    .expr()
                    .map_or(declaration.span, |e| e.span);
                report.push(
                    error(
                        Code::UnknownInput,
                        format!(
                            "how many `{}.{}` there are must be known while planning",
                            declaration.kind, declaration.name
                        ),
                        span,
                        "this depends on what exists only after apply",
                    )
                    .help("use literals, variables, and local values that depend on no resource"),
                );
                return;
            }
        };
        let mut outputs = Vec::with_capacity(instances.len());
        for (key, repetition) in instances {
            if let Some(values) = self.instance(
                kind,
                declaration,
                (key.clone(), &repetition),
                here,
                knowledge,
            ) {
                outputs.push((key, values));
            }
        }
        if let Some(facts) = knowledge
            .levels
            .get_mut(here.scope)
            .and_then(|level| level.components.get_mut(&declaration.kind))
            .and_then(|all| all.get_mut(&declaration.name))
        {
            facts.instances = Some(outputs);
        }
    }

    /// Expands one instance; the values of its outputs as far as they are known.
    fn instance(
        &mut self,
        kind: &ComponentKind,
        declaration: &ComponentDeclaration,
        (key, repetition): (Option<InstanceKey>, &Repetition),
        here: &Here<'_>,
        knowledge: &mut Knowledge,
    ) -> Option<IndexMap<Str, Value>> {
        let inputs = repetition.apply(&declaration.inputs, &declaration.repeat);
        let values = Values {
            knowledge,
            report: &here.report,
            inputs: None,
        };
        let scope = StaticScope {
            components_by_name: true,
            ..knowledge.scope(here.scope)
        };
        let name = format!("{}.{}", declaration.kind, declaration.name);
        let given = values.value(&inputs, &scope)?;
        let subject = Subject::of(&name, declaration.span);
        let coerced = values.coerce(&kind.inputs, &given, &inputs, &subject)?;
        let expansion = self.ask(
            declaration,
            key.as_ref(),
            &inputs,
            &coerced,
            here,
            knowledge,
        )?;

        let step = ScopeStep {
            kind: declaration.kind.clone(),
            name: declaration.name.clone(),
            key,
        };
        let key_text = step
            .key
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        here.known
            .borrow_mut()
            .entry(declaration.kind.clone())
            .or_default()
            .insert(
                format!("{}{key_text}", declaration.name),
                Known {
                    reference: format!("{name}{key_text}"),
                    inputs: coerced,
                    facts: expansion.facts.clone(),
                },
            );
        let instance = self.lower(kind, declaration, &inputs, step, expansion, here, knowledge);
        let path = instance.scope();
        let scope = knowledge.scope(&path);
        let outputs = instance
            .outputs
            .iter()
            .map(|(name, expr)| {
                let value = knowledge.evaluate(expr, &scope).unwrap_or(Value::UNKNOWN);
                (name.clone(), value)
            })
            .collect();
        self.out.components.push(instance);
        Some(outputs)
    }

    fn ask(
        &self,
        declaration: &ComponentDeclaration,
        key: Option<&InstanceKey>,
        inputs: &Expr,
        coerced: &Value,
        here: &Here<'_>,
        knowledge: &Knowledge,
    ) -> Option<Expansion> {
        let span_of = |path: &str| {
            let Some(path) = parse_path(path) else {
                return declaration.span;
            };
            let place = locate(inputs, &path);
            if place.exact {
                place.value
            } else if place.key == inputs.span {
                declaration.span
            } else {
                place.key
            }
        };
        let known = here.known.borrow();
        let lookup = |kind: &str, name: &str| known.get(kind)?.get(name).cloned();
        let list = |kind: &str| {
            known
                .get(kind)
                .map(|all| all.values().cloned().collect())
                .unwrap_or_default()
        };
        let declared = |kind: &str| declared(kind, here, knowledge);
        let answer = self.expand.expand(&Instance {
            kind: &declaration.kind,
            name: &declaration.name,
            key,
            inputs: coerced,
            stack: &knowledge.stack,
            lookup: &lookup,
            list: &list,
            declared: &declared,
            span_of: &span_of,
        });
        let finish = |d: Diagnostic| d.or_at(declaration.span);
        match answer {
            Ok(mut expansion) => {
                here.report.extend(
                    std::mem::take(&mut expansion.diagnostics)
                        .into_iter()
                        .map(finish),
                );
                Some(expansion)
            }
            Err(found) => {
                here.report.extend(found.into_iter().map(finish));
                None
            }
        }
    }

    /// The natives, outputs and providers of one instance, as if they stood in a file.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    fn lower(
        &mut self,
        kind: &ComponentKind,
        declaration: &ComponentDeclaration,
        inputs: &Expr,
        step: ScopeStep,
        expansion: Expansion,
        here: &Here<'_>,
        knowledge: &mut Knowledge,
    ) -> ComponentInstance {
        let span = declaration.span;
        let input = |name: &str| -> Option<Expr> {
            if let Some(given) = inputs.attribute(name) {
                return Some(given.clone());
            }
            let default = match kind.inputs.attributes.get(name) {
                Some(attribute) => attribute.default.clone().unwrap_or(Value::NULL),
                None if kind.inputs.blocks.contains_key(name) => Value::tuple(Vec::new()),
                None => return None,
            };
            Some(Expr::literal(default, span))
        };
        let names = Names {
            kinds: self.kinds,
            at: At::Component,
            inputs: Some(&input),
            paths: &here.source.paths,
            values: &[],
        };
        let reading = Reading {
            names: &names,
            report: &here.report,
        };
        let scope = here.scope.join(step.clone());
        for (address, config) in &expansion.providers {
            let node = Node::of_json(config, span);
            let real = address.within(here.scope);
            here.passed
                .borrow_mut()
                .define(address.clone(), real.clone());
            self.out.providers.push(ProviderBlock {
                address: real,
                scope: scope.clone(),
                config: reading.expression(&node),
                span,
            });
        }
        let mut preconditions = declaration.lifecycle.preconditions.clone();
        for native in &expansion.blocks {
            let span = native.span.unwrap_or(span);
            let node = Node::of_json(&native.body, span);
            let Some(table) = reading.table(&node, "the body of a native resource") else {
                continue;
            };
            let address = BlockAddress {
                scope: scope.clone(),
                mode: native.mode,
                type_name: native.type_name.clone(),
                name: native.name.clone(),
            };
            let provider = here.passed.borrow().resolve(&native.provider);
            let mut block = resource::read(
                address.clone(),
                Some(provider.as_ref().unwrap_or(&native.provider)),
                table,
                span,
                reading,
            );
            let looked_at = |(type_name, name): &(Str, Str)| {
                native.mode == Mode::Data && *type_name == native.type_name && *name == native.name
            };
            let mut checks = expansion.checks.iter();
            block.check = checks
                .find(|check| check.data.iter().any(looked_at))
                .map(|check| check.name.clone());
            block
                .depends_on
                .extend(declaration.depends_on.iter().cloned());
            if native.mode == Mode::Managed {
                if block.lifecycle.prevent_destroy.is_none() {
                    block.lifecycle.prevent_destroy = declaration.lifecycle.prevent_destroy.clone();
                }
                // Once is enough: a failed one stops the plan.
                block.lifecycle.preconditions.append(&mut preconditions);
            }
            let facts = facts_of(&block, self.schemas);
            if knowledge.natives.insert(address.clone(), facts).is_some() {
                reading.report.error(
                    Code::Expansion,
                    format!("`{address}` is made twice"),
                    span,
                    "this is an error in infra itself: please report it",
                );
            }
            self.out.blocks.push(block);
        }
        for [from, to] in &expansion.handed_over {
            let [from, to] = [from, to].map(|(type_name, name)| BlockAddress {
                scope: scope.clone(),
                mode: Mode::Managed,
                type_name: type_name.clone(),
                name: name.clone(),
            });
            self.out.handed_over.push(HandOver { from, to });
        }
        // They stand beside the component: in the same file.
        let beside = here.scope.to_string();
        let dot = if beside.is_empty() { "" } else { "." };
        let named = expansion.outlived_by.iter();
        let patterns = named.filter_map(|name| format!("{beside}{dot}{name}").parse().ok());
        self.out.outliving.extend(patterns);
        let read =
            |text: &str| template::of_text(&Text::fixed(text, span), span, &names, &here.report);
        let outputs = expansion.outputs.iter();
        let outputs = outputs
            .map(|(name, text)| (name.clone(), read(text)))
            .collect();
        let assertion = |[condition, message]: &[String; 2]| Condition {
            condition: read(condition),
            message: read(message),
        };
        let checks = expansion.checks.iter().map(|check| Check {
            name: check.name.clone(),
            assertions: check.assertions.iter().map(assertion).collect(),
            span,
        });
        let checks = checks.collect();
        ComponentInstance {
            parent: here.scope.clone(),
            step,
            outputs,
            checks,
            module: None,
            span,
        }
    }
}

/// The instances of a kind as they are declared, with inputs as far as they are known. What is wrong with them is said when they are
/// expanded themselves.
fn declared(kind: &str, here: &Here<'_>, knowledge: &Knowledge) -> Vec<(String, Value)> {
    let report = here.report.beside();
    let values = Values {
        knowledge,
        report: &report,
        inputs: None,
    };
    let scope = StaticScope {
        components_by_name: true,
        ..knowledge.scope(here.scope)
    };
    let all = &here.source.declared.components;
    let mut out = Vec::new();
    for declaration in all.iter().filter(|d| &*d.kind == kind) {
        let found = repeat::instances(&declaration.repeat, knowledge, &scope, &report);
        let Instances::Known(instances) = found else {
            continue;
        };
        for (key, repetition) in instances {
            let key = key.map(|key| key.to_string()).unwrap_or_default();
            let inputs = repetition.apply(&declaration.inputs, &declaration.repeat);
            let value = values.value(&inputs, &scope).unwrap_or(Value::UNKNOWN);
            out.push((format!("{}{key}", declaration.name), value));
        }
    }
    out
}

/// What is known of a block before anything is evaluated.
pub(crate) fn facts_of(block: &ResourceBlock, schemas: &dyn Schemas) -> BlockFacts {
    let type_name = &block.address.type_name;
    BlockFacts {
        keying: Keying::of(&block.repeat),
        schema: schemas.of_mode(block.address.mode, type_name).cloned(),
        check: block.check.clone(),
    }
}
