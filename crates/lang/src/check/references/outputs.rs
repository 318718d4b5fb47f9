//! References to what components and modules give.

use super::References;
use crate::check::knowledge::Keying;
use crate::check::steps::Step;
use crate::codes::Code;
use crate::report::{error, suggesting};
use infra_model::Str;
use infra_model::address::MODULE;
use infra_model::diagnostic::Span;

impl References<'_> {
    pub(super) fn component(
        &self,
        kind: &Str,
        name: &Str,
        span: Span,
        steps: &[Step],
        in_expression: bool,
    ) {
        let declared = &self.source.declared;
        let repeat = if &**kind == MODULE {
            let found = declared.modules.iter().find(|m| m.name == *name);
            found.map(|m| &m.repeat)
        } else {
            let mut all = declared.components.iter();
            all.find(|c| c.kind == *kind && c.name == *name)
                .map(|c| &c.repeat)
        };
        let Some(repeat) = repeat else {
            self.missing(
                Code::UnknownComponent,
                kind,
                &format!("{kind}."),
                name,
                span,
                || {
                    if &**kind == MODULE {
                        return declared.modules.iter().map(|m| m.name.clone()).collect();
                    }
                    let same = declared.components.iter().filter(|c| c.kind == *kind);
                    same.map(|c| c.name.clone()).collect()
                },
            );
            return;
        };
        if !in_expression {
            return;
        }
        let steps = match (Keying::of(repeat), steps.first()) {
            (Keying::Single, _) => steps,
            (_, Some(Step::Key | Step::Splat)) => &steps[1..],
            (_, None) => return,
            (keying, Some(Step::Attribute(output, _))) => {
                let (setting, key) = match keying {
                    Keying::Count => ("count", "0"),
                    _ => ("for_each", "\"KEY\""),
                };
                self.report.push(
                    error(
                        Code::MissingInstance,
                        format!("`{kind}.{name}` has `{setting}`, so this names no one instance"),
                        span,
                        "which instance?",
                    )
                    .help(format!("write `{kind}.{name}[{key}].{output}`")),
                );
                return;
            }
        };
        let Some(Step::Attribute(output, at)) = steps.first() else {
            return;
        };
        if &**kind == MODULE {
            self.module_output(name, output, *at, &steps[1..]);
            return;
        }
        let Some(declared) = self.kinds.iter().find(|k| k.name == *kind) else {
            return;
        };
        let known = declared.outputs.iter().find(|o| o.name == &**output);
        if let Some(known) = known {
            let what = || format!("`{output}` of a {kind}");
            self.steps(&known.ty.ty(), &steps[1..], what);
        } else {
            self.report.push(suggesting(
                error(
                    Code::UnknownOutput,
                    format!("a {kind} has no output `{output}`"),
                    *at,
                    "unknown",
                ),
                output,
                declared.outputs.iter().map(|o| o.name),
                "",
            ));
        }
    }

    /// An output of a module, whose file says which there are.
    pub(super) fn module_output(&self, module: &str, output: &str, at: Span, steps: &[Step]) {
        let Some(child) = self.source.children.get(module) else {
            return;
        };
        let outputs = &child.declared.outputs;
        match outputs.get(output) {
            Some(declared) => {
                if let Some(ty) = &declared.ty {
                    self.steps(ty, steps, || format!("`{output}` of `module.{module}`"));
                }
            }
            None => self.report.push(suggesting(
                error(
                    Code::UnknownOutput,
                    format!("the module `{module}` has no output `{output}`"),
                    at,
                    "unknown",
                ),
                output,
                outputs.keys().map(|k| &**k),
                if child
                    .facts
                    .keys()
                    .any(|b| *b.name == *output || *b.type_name == *output)
                {
                    "what is inside a module is reached by its `[outputs]` only: add one"
                } else {
                    ""
                },
            )),
        }
    }
}
