//! The one-time instructions of a stack: moved, import, removed. They must fit what is declared.

use crate::blocks::component::ComponentDeclaration;
use crate::codes::Code;
use crate::report::{Report, error};
use infra_model::address::{BlockAddress, ScopePath};
use infra_model::program::{Import, Moved, Removed, Repeat, ResourceBlock};
use std::collections::HashMap;

/// A moved component moves everything in it.
pub(crate) fn moves(
    declared: Vec<Moved>,
    blocks: &[ResourceBlock],
    components: &[ComponentDeclaration],
) -> Vec<Moved> {
    let mut out = Vec::with_capacity(declared.len());
    for moved in declared {
        let (from, to) = (&moved.from, &moved.to);
        let component = components
            .iter()
            .any(|c| c.kind == to.block.type_name && c.name == to.block.name);
        if !component || !to.block.scope.is_root() {
            out.push(moved);
            continue;
        }
        let step = |address: &infra_model::Address| infra_model::ScopeStep {
            kind: address.block.type_name.clone(),
            name: address.block.name.clone(),
            key: address.key.clone(),
        };
        let (old, new) = (step(from), step(to));
        for block in blocks {
            let [inner] = block.address.scope.steps() else {
                continue;
            };
            if (&inner.kind, &inner.name) != (&new.kind, &new.name)
                || new.key.is_some() && inner.key != new.key
            {
                continue;
            }
            let mut before = old.clone();
            if before.key.is_none() && new.key.is_none() {
                before.key = inner.key.clone();
            }
            let from = BlockAddress {
                scope: ScopePath::root().join(before),
                ..block.address.clone()
            };
            out.push(Moved {
                from: from.instance(None),
                to: block.address.instance(None),
                span: moved.span,
            });
        }
    }
    out
}

/// `import` fills what is declared, `removed` names what is not.
pub(crate) fn check_instructions(
    blocks: &[ResourceBlock],
    imports: &[Import],
    removed: &[Removed],
    report: &Report,
) {
    if imports.is_empty() && removed.is_empty() {
        return;
    }
    let by_address: HashMap<&BlockAddress, &ResourceBlock> =
        blocks.iter().map(|b| (&b.address, b)).collect();
    for import in imports {
        let address = &import.to;
        match by_address.get(&address.block) {
            None => report.push(
                error(
                    Code::UnknownResource,
                    format!("there is no resource `{}` to import into", address.block),
                    import.span,
                    "not declared in this stack",
                )
                .help(format!(
                    "add `[resource.{}.{}]` with what it should be",
                    address.block.type_name, address.block.name
                )),
            ),
            Some(block) => {
                let keyed = matches!(block.repeat, Repeat::Count(_) | Repeat::ForEach(_));
                if keyed != (address.key.is_some() || import.key.is_some()) {
                    let message = if keyed {
                        format!("`{}` has several instances", address.block)
                    } else {
                        format!("`{}` has no instances with keys", address.block)
                    };
                    report.error(Code::BadAddress, message, import.span, "which one?");
                } else if import.key.is_none() && import.repeat.expr().is_some() {
                    report.push(
                        error(
                            Code::BadAddress,
                            format!("every element would be imported as `{address}`"),
                            import.span,
                            "the same for every element",
                        )
                        .help("use the element's key: `TYPE.NAME[each.key]`"),
                    );
                }
            }
        }
    }
    for removed in removed {
        if removed.from.key.is_none()
            && let Some(block) = by_address.get(&removed.from.block)
        {
            report.push(
                error(
                    Code::Exclusive,
                    format!("`{}` is removed and declared at once", removed.from.block),
                    removed.span,
                    "said to be gone",
                )
                .at(block.span, "but declared here")
                .help("take one of the two away"),
            );
        }
    }
}
