//! What modules and components protect with `prevent_destroy`: it is known from what is declared, so that it counts also when the
//! last instance has gone.

use super::library::Source;
use infra_model::address::{MODULE, ScopePath, ScopeStep};
use infra_model::program::Protected;

/// What is protected inside a file that is called, and by the components of any file.
pub(crate) fn protected(source: &Source) -> Vec<Protected> {
    let mut out = Vec::new();
    collect(source, &ScopePath::root(), &mut out);
    out
}

fn collect(source: &Source, scope: &ScopePath, out: &mut Vec<Protected>) {
    // The stack's own blocks are in the program whatever instances they have.
    let own = source.declared.blocks.iter().filter(|_| !scope.is_root());
    out.extend(own.filter_map(|block| {
        Some(Protected {
            scope: scope.clone(),
            resource: Some((block.address.type_name.clone(), block.address.name.clone())),
            condition: block.lifecycle.prevent_destroy.clone()?,
        })
    }));
    let within = |kind: &str, name: &infra_model::Str| {
        scope.join(ScopeStep {
            kind: kind.into(),
            name: name.clone(),
            key: None,
        })
    };
    for component in &source.declared.components {
        if let Some(condition) = &component.lifecycle.prevent_destroy {
            out.push(Protected {
                scope: within(&component.kind, &component.name),
                resource: None,
                condition: condition.clone(),
            });
        }
    }
    for (name, child) in &source.children {
        collect(child, &within(MODULE, name), out);
    }
}
