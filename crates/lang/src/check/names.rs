//! Goes through everything that a file declares, and looks at all that its expressions name.

use crate::check::knowledge::{Keying, Knowledge};
use crate::check::references::{References, Standing};
use crate::expansion::Expanded;
use crate::load::LoadRequest;
use crate::modules::inputs;
use crate::modules::library::Source;
use crate::report::Report;
use infra_model::address::ScopePath;
use infra_model::hash::HashMap;
use infra_model::program::{Condition, ResourceBlock};
use std::cell::Cell;

/// How many searches for similar names one run makes; each looks at every name of the stack.
pub(crate) const SEARCHES: u32 = 20;

/// Does everything that a file names exist?
pub(crate) fn check_file(
    request: &LoadRequest<'_>,
    source: &Source,
    searches: &Cell<u32>,
    report: &Report,
) {
    let natives = HashMap::default();
    let references = References {
        source,
        natives: &natives,
        kinds: request.expand.kinds(),
        report,
        searches,
    };
    let declared = &source.declared;
    let root = ScopePath::root();
    let here = Standing::at(&root);
    let conditions = |conditions: &[Condition], standing: &Standing<'_>| {
        for condition in conditions {
            references.check(&condition.condition, standing);
            references.check(&condition.message, standing);
        }
    };
    for variable in declared.variables.values() {
        conditions(&variable.validations, &here);
    }
    for local in declared.locals.values() {
        references.check(&local.value, &here);
    }
    for provider in &declared.providers {
        if let Some(expr) = provider.repeat.expr() {
            references.check(expr, &here);
        }
        let inside = Standing {
            keying: Keying::of(&provider.repeat),
            ..Standing::at(&root)
        };
        references.check(&provider.block.config, &inside);
    }
    for block in &declared.blocks {
        check_block(block, &references);
    }
    for component in &declared.components {
        if let Some(expr) = component.repeat.expr() {
            references.check(expr, &here);
        }
        let standing = Standing {
            keying: Keying::of(&component.repeat),
            ..Standing::at(&root)
        };
        references.check(&component.inputs, &standing);
        conditions(&component.lifecycle.preconditions, &here);
        for dependency in &component.depends_on {
            references.check_dependency(dependency, &here);
        }
    }
    for call in &declared.modules {
        if let Some(expr) = call.repeat.expr() {
            references.check(expr, &here);
        }
        let standing = Standing {
            keying: Keying::of(&call.repeat),
            ..Standing::at(&root)
        };
        for (input, _) in call.inputs.values() {
            references.check(input, &standing);
        }
        for key in call.providers.iter().filter_map(|p| p.key.as_ref()) {
            references.check(key, &standing);
        }
        for dependency in &call.depends_on {
            references.check_dependency(dependency, &here);
        }
        if let Some(child) = source.children.get(&call.name) {
            inputs::check(call, child, report);
        }
    }
    for output in declared.outputs.values() {
        references.check(&output.value, &here);
        conditions(&output.preconditions, &here);
        for dependency in &output.depends_on {
            references.check_dependency(dependency, &here);
        }
    }
    for import in &declared.imports {
        if let Some(expr) = import.repeat.expr() {
            references.check(expr, &here);
        }
        let inside = Standing {
            keying: Keying::of(&import.repeat),
            ..Standing::at(&root)
        };
        for expr in import.key.iter().chain([&import.id]) {
            references.check(expr, &inside);
        }
    }
    for check in &declared.checks {
        let inside = Standing {
            check: Some(&check.name),
            ..Standing::at(&root)
        };
        conditions(&check.assertions, &inside);
    }
}

/// The references of one resource block.
fn check_block(block: &ResourceBlock, references: &References<'_>) {
    let facts = references.block(&block.address);
    let outside = Standing {
        own: Some(&block.address),
        check: block.check.as_deref(),
        ..Standing::at(&block.address.scope)
    };
    if let Some(expr) = block.repeat.expr() {
        references.check(expr, &outside);
    }
    let inside = Standing {
        keying: Keying::of(&block.repeat),
        ..outside
    };
    references.check(&block.config, &inside);
    if let Some(key) = &block.provider_key {
        references.check(key, &inside);
    }
    for dependency in block
        .depends_on
        .iter()
        .chain(&block.lifecycle.replace_triggered_by)
    {
        references.check_dependency(dependency, &inside);
        if let Some(key) = &dependency.key {
            references.check(key, &inside);
        }
    }
    if let Some(prevent) = &block.lifecycle.prevent_destroy {
        references.check(prevent, &inside);
    }
    let any = infra_model::Type::Any;
    let this = facts
        .and_then(|f| f.schema.as_ref())
        .map_or(&any, |schema| schema.implied_type());
    for condition in &block.lifecycle.preconditions {
        references.check(&condition.condition, &inside);
        references.check(&condition.message, &inside);
    }
    let after = Standing {
        own: None,
        this: Some(this),
        ..inside
    };
    for condition in &block.lifecycle.postconditions {
        references.check(&condition.condition, &after);
        references.check(&condition.message, &after);
    }
}

/// What components became refers only to what exists; if not, the component is to blame, at its own block.
pub(crate) fn check_natives(
    request: &LoadRequest<'_>,
    expanded: &Expanded,
    knowledge: &Knowledge,
    report: &Report,
) {
    let searches = Cell::new(SEARCHES);
    let own = report.beside();
    let references = |scope: &ScopePath| {
        Some(References {
            source: &knowledge.level(scope)?.source,
            natives: &knowledge.natives,
            kinds: request.expand.kinds(),
            report: &own,
            searches: &searches,
        })
    };
    for block in &expanded.blocks {
        if knowledge.natives.contains_key(&block.address)
            && let Some(references) = references(&block.address.scope)
        {
            check_block(block, &references);
        }
    }
    for component in expanded.components.iter().filter(|c| c.module.is_none()) {
        let scope = component.scope();
        let Some(references) = references(&scope) else {
            continue;
        };
        for output in component.outputs.values() {
            references.check(output, &Standing::at(&scope));
        }
    }
    // An input's own expression was checked where it is written; equal messages are told once.
    report.extend(own.into_diagnostics());
}
