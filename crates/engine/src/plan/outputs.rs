//! Outputs and checks, once everything that they refer to is planned.

use super::walk::Walk;
use super::{OutputChange, PlanMode};
use crate::codec;
use crate::scope::{Frame, Touched, World, shown};
use infra_model::address::ScopePath;
use infra_model::codes::Code;
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use infra_model::program::{Check, Condition, Output, Program};
use infra_model::types::Type;
use infra_model::value::{Str, Value};
use infra_state::OutputState;

/// What came of asking the preconditions of an output.
enum Asked {
    Holds,
    /// They refer to what this plan holds back.
    Held,
}

impl Walk<'_> {
    /// Plans an output.
    pub(super) fn plan_output(&mut self, i: usize) {
        let Some((name, output)) = self.program.outputs.get_index(i) else {
            return;
        };
        let before = self.state.outputs.get(name).map(output_value);
        let mut untouched = false;
        let after = if self.options.mode == PlanMode::Destroy {
            // What is left may still be what the output tells of.
            untouched = self.keeps_outputs();
            before.clone().filter(|_| untouched)
        } else {
            let root = ScopePath::root();
            let found = self
                .output_holds(name, output, &root)
                .and_then(|asked| match asked {
                    Asked::Held => Ok(None),
                    Asked::Holds => self
                        .world
                        .evaluate(&output.value, &Frame::at(&root))
                        .map(Some),
                });
            match found {
                Ok(None) => {
                    untouched = true;
                    before.clone()
                }
                Ok(Some((_, touched))) if self.planner.held.reason(&touched).is_some() => {
                    untouched = true;
                    before.clone()
                }
                Ok(Some((value, _))) => match codec::to_type(&value, output.ty.as_ref()) {
                    // As in Terraform, an output that is null is none.
                    Ok(value) if value.bare().is_null() && before.is_none() => None,
                    Ok(value) => Some(value),
                    Err(error) => {
                        self.errors.push(
                            Diagnostic::error(Code::WrongType, format!("output `{name}`: {error}"))
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
                Diagnostic::error(
                    Code::SensitiveOutput,
                    format!("output `{name}` would show a sensitive value"),
                )
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
                untouched,
            },
        );
    }

    /// Asks the preconditions of an output. Where they refer to what the plan leaves out, they are asked when it comes.
    fn output_holds(
        &mut self,
        name: &Str,
        output: &Output,
        scope: &ScopePath,
    ) -> Result<Asked, Diagnostics> {
        let frame = Frame::at(scope);
        let mut touched = Touched::new();
        for condition in &output.preconditions {
            touched.extend(self.world.evaluate(&condition.condition, &frame)?.1);
        }
        if self.planner.held.reason(&touched).is_some() {
            return Ok(Asked::Held);
        }
        let held = self.world.output_holds(name, output, scope);
        match (held, self.options.mode) {
            (Ok(_), _) => {}
            (Err(failed), PlanMode::Normal) => return Err(failed),
            // As in Terraform, refreshing takes over what is there, and warns.
            (Err(failed), _) => self.warnings.extend(failed.into_iter().map(|d| Diagnostic {
                severity: Severity::Warning,
                ..d
            })),
        }
        Ok(Asked::Holds)
    }

    /// Asks the preconditions of a module's output, also when nobody uses it.
    pub(super) fn module_output(&mut self, i: usize, name: &Str) {
        let component = &self.program.components[i];
        let module = component.module.as_ref();
        let Some(output) = module.and_then(|m| m.outputs.get(name)) else {
            return;
        };
        if output.preconditions.is_empty() || self.options.mode == PlanMode::Destroy {
            return;
        }
        if let Err(failed) = self.output_holds(name, output, &component.scope()) {
            self.errors.extend(failed);
        }
    }

    /// Whether only a part is destroyed.
    pub(super) fn keeps_outputs(&self) -> bool {
        let partial = !self.options.targets.is_empty() || !self.options.excludes.is_empty();
        self.options.mode == PlanMode::Destroy && partial
    }

    /// Assertions that warn, and conditions on variables that needed the plan to be known.
    pub(super) fn checks(&mut self) {
        if self.options.mode != PlanMode::Normal {
            return;
        }
        for (name, variable) in &self.program.variables {
            for condition in &variable.validations {
                if let Ok(Some(text)) = failing(&self.world, condition, &Frame::default()) {
                    let message = format!("the value of `{name}` is refused: {text}");
                    self.errors.push(
                        Diagnostic::error(Code::ValidationFailed, message)
                            .at(condition.condition.span, "this does not hold")
                            .at(variable.span, "the variable"),
                    );
                }
            }
        }
        self.warnings
            .extend(failed_checks(self.program, &self.world));
    }

    /// Evaluates a variable of a module, so that what is wrong with it is told whoever uses it.
    pub(super) fn module_variable(&mut self, i: usize, j: usize) {
        let module = self.program.components[i].module.as_ref();
        let name = module.and_then(|m| m.variables.get_index(j));
        if let Some((name, _)) = name
            && self.options.mode == PlanMode::Normal
            && let Err(found) = self.world.module_variable(i, name)
        {
            self.errors.extend(found);
        }
    }
}

/// A warning for each assertion that is known not to hold, in the stack file and in modules.
pub(crate) fn failed_checks(program: &Program, world: &World<'_>) -> Diagnostics {
    let mut warnings = failed_of(world, &ScopePath::root(), &program.checks);
    for component in &program.components {
        let of_module = component.module.as_ref().map(|m| &*m.checks);
        for checks in [of_module.unwrap_or_default(), &component.checks] {
            if checks.is_empty() {
                continue;
            }
            let scope = component.scope();
            let failed = failed_of(world, &scope, checks).into_iter();
            warnings.extend(failed.map(|warning| warning.about(&scope)));
        }
    }
    warnings
}

fn failed_of(world: &World<'_>, scope: &ScopePath, checks: &[Check]) -> Diagnostics {
    let frame = Frame::at(scope);
    let mut warnings = Diagnostics::new();
    for check in checks {
        for assertion in &check.assertions {
            match failing(world, assertion, &frame) {
                Ok(Some(text)) => warnings.push(
                    Diagnostic::warning(
                        Code::CheckFailed,
                        format!("check `{}` failed: {text}", check.name),
                    )
                    .at(assertion.condition.span, ""),
                ),
                Ok(None) => {}
                // What cannot be computed does not hold either; it stops nothing.
                Err(errors) => warnings.extend(errors.into_iter().map(|e| Diagnostic {
                    severity: Severity::Warning,
                    message: format!("check `{}` cannot be made: {}", check.name, e.message),
                    ..e
                })),
            }
        }
    }
    warnings
}

/// The message of a condition that is known not to hold.
fn failing(
    world: &World<'_>,
    condition: &Condition,
    frame: &Frame,
) -> Result<Option<String>, Diagnostics> {
    let (value, _) = world.evaluate(&condition.condition, frame)?;
    if convert(value.bare(), &Type::Bool) != Ok(Value::Bool(false)) {
        return Ok(None);
    }
    let message = world.evaluate(&condition.message, frame).ok();
    let text = message.map_or_else(String::new, |(message, _)| shown(&message).to_owned());
    Ok(Some(text))
}

/// The value of a stored output.
pub(super) fn output_value(output: &OutputState) -> Value {
    if output.sensitive {
        output.value.clone().sensitive()
    } else {
        output.value.clone()
    }
}
