//! The one-time instructions of a stack: moved, import, removed. They must fit what is declared.

use crate::codes::Code;
use crate::report::{Report, error};
use infra_model::address::BlockAddress;
use infra_model::hash::HashMap;
use infra_model::program::{ComponentInstance, Import, Removed, Repeat, ResourceBlock};

/// `import` fills what is declared, `removed` names what is not.
pub(crate) fn check_instructions(
    blocks: &[ResourceBlock],
    components: &[ComponentInstance],
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
        if removed.from.key.is_some() {
            continue;
        }
        let block = &removed.from.block;
        let declared = match by_address.get(block) {
            Some(found) => Some(found.span),
            None => components
                .iter()
                .find(|c| c.scope().call().as_ref() == Some(block))
                .map(|c| c.span),
        };
        if let Some(span) = declared {
            report.push(
                error(
                    Code::Exclusive,
                    format!("`{block}` is removed and declared at once"),
                    removed.span,
                    "said to be gone",
                )
                .at(span, "but declared here")
                .help("take one of the two away"),
            );
        }
    }
}
