//! Outputs and checks, once everything that they refer to is planned.

use super::walk::Walk;
use super::{OutputChange, PlanMode};
use crate::codec;
use crate::scope::Frame;
use infra_model::address::ScopePath;
use infra_model::diagnostic::Diagnostic;
use infra_model::value::Value;
use infra_state::OutputState;

impl Walk<'_> {
    /// Plans an output.
    pub(super) fn plan_output(&mut self, i: usize) {
        let Some((name, output)) = self.program.outputs.get_index(i) else {
            return;
        };
        let before = self.state.outputs.get(name).map(output_value);
        let after = if self.options.mode == PlanMode::Destroy {
            None
        } else {
            match self
                .world
                .evaluate(&output.value, &Frame::at(&ScopePath::root()))
            {
                Ok((value, _)) => match codec::to_type(&value, output.ty.as_ref()) {
                    Ok(value) => Some(value),
                    Err(error) => {
                        self.errors.push(
                            Diagnostic::error(format!("output `{name}`: {error}"))
                                .at(output.value.span, ""),
                        );
                        return;
                    }
                },
                Err(errors) => {
                    self.errors.extend(errors);
                    return;
                }
            }
        };
        let marks = after.as_ref().map(Value::deep_marks).unwrap_or_default();
        if marks.sensitive && !output.sensitive {
            let help = "add `sensitive = true` to the output, or use nonsensitive() if it really is no secret";
            self.errors.push(
                Diagnostic::error(format!("output `{name}` would show a sensitive value"))
                    .at(output.value.span, "")
                    .help(help),
            );
        }
        self.outputs.insert(
            name.clone(),
            OutputChange {
                before,
                after,
                sensitive: output.sensitive,
            },
        );
    }

    /// Assertions that warn.
    pub(super) fn checks(&mut self) {
        if self.options.mode != PlanMode::Normal {
            return;
        }
        for check in &self.program.checks {
            for condition in &check.assertions {
                if let Ok((value, _)) = self.world.evaluate(&condition.condition, &Frame::default())
                    && value.as_bool() == Some(false)
                {
                    let message = self.world.evaluate(&condition.message, &Frame::default());
                    let text = message
                        .ok()
                        .and_then(|(v, _)| v.as_str().map(str::to_owned))
                        .unwrap_or_default();
                    self.warnings.push(
                        Diagnostic::warning(format!("check `{}` failed: {text}", check.name))
                            .at(condition.condition.span, ""),
                    );
                }
            }
        }
    }
}

/// The value of a stored output.
pub(super) fn output_value(output: &OutputState) -> Value {
    if output.sensitive {
        output.value.clone().sensitive()
    } else {
        output.value.clone()
    }
}
