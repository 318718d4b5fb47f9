//! Outputs of components and modules, and what outputs ask before their value counts.

use super::{Frame, Memo, Touched, World, lock, shown};
use crate::codec;
use infra_model::address::ScopePath;
use infra_model::codes::Code;
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::program::Output;
use infra_model::types::Type;
use infra_model::value::{Str, Value};
use std::sync::Arc;

impl World<'_> {
    /// An output of a component instance.
    pub(crate) fn component_output(
        &self,
        component: usize,
        name: &Str,
    ) -> Result<(Value, Arc<Touched>), Diagnostics> {
        let instance = &self.program.components[component];
        let Some(expr) = instance.outputs.get(name) else {
            return Ok((Value::NULL, Arc::default()));
        };
        let memo = Memo::Output(component, name.clone());
        let scope = instance.scope();
        let declared = instance.module.as_ref().and_then(|m| m.outputs.get(name));
        let Some(output) = declared else {
            return self.remember(memo, expr, &Frame::at(&scope));
        };
        if let Some(known) = lock(&self.memo).get(&memo) {
            return Ok(known.clone());
        }
        let mut touched = if self.conditions {
            self.output_holds(name, output, &scope)?
        } else {
            Touched::new()
        };
        let (value, seen) = self.evaluate(expr, &Frame::at(&scope))?;
        touched.extend(seen);
        let value = codec::to_type(&value, output.ty.as_ref()).map_err(|problem| {
            let message = format!("the output `{name}` does not fit its type: {problem}");
            vec![
                Diagnostic::error(Code::WrongType, message)
                    .at(expr.span, "")
                    .about(&scope),
            ]
        })?;
        for dependency in &output.depends_on {
            touched.extend(self.dependency(dependency, &scope));
        }
        let entry = (output.mark(value), Arc::new(touched));
        self.keep(memo, &entry);
        Ok(entry)
    }

    /// Every output of a module that has preconditions: they are asked also when nobody uses the output.
    pub(crate) fn conditional_outputs(&self) -> impl Iterator<Item = (usize, &Str)> {
        let components = self.program.components.iter().enumerate();
        components.flat_map(|(i, component)| {
            let outputs = component.module.iter().flat_map(|m| m.outputs.iter());
            outputs
                .filter(|(_, output)| !output.preconditions.is_empty())
                .map(move |(name, _)| (i, name))
        })
    }

    /// What the preconditions of an output touch.
    ///
    /// # Errors
    /// When one is known not to hold; what is not known yet is asked again during apply.
    pub(crate) fn output_holds(
        &self,
        name: &Str,
        output: &Output,
        scope: &ScopePath,
    ) -> Result<Touched, Diagnostics> {
        let frame = Frame::at(scope);
        let mut touched = Touched::new();
        let mut failed = Diagnostics::new();
        for condition in &output.preconditions {
            let (holds, seen) = self.evaluate(&condition.condition, &frame)?;
            touched.extend(seen);
            if convert(holds.bare(), &Type::Bool) == Ok(Value::Bool(false)) {
                let (message, _) = self.evaluate(&condition.message, &frame)?;
                let message = format!(
                    "precondition of the output `{name}` failed: {}",
                    shown(&message)
                );
                let refusal = Diagnostic::error(Code::ConditionFailed, message)
                    .at(condition.condition.span, "this does not hold");
                failed.push(if scope.is_root() {
                    refusal
                } else {
                    refusal.about(scope)
                });
            }
        }
        if failed.is_empty() {
            Ok(touched)
        } else {
            Err(failed)
        }
    }
}
