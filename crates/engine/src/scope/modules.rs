//! What modules add to the world: variables that a call gives, dependencies on a module as a whole, and what everything in one
//! waits for.

use super::dependencies::static_key;
use super::{Frame, Memo, Touched, World, lock, shown};
use infra_model::address::{BlockAddress, MODULE, ScopePath};
use infra_model::codes::Code;
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics};
use infra_model::expr::StaticStep;
use infra_model::program::ModuleVariable;
use infra_model::types::Type;
use infra_model::value::{Str, Value};
use infra_state::DependencyRef;
use std::sync::Arc;

impl World<'_> {
    /// A dependency on a module as a whole, or on one of its outputs.
    pub(super) fn module_dependency(
        &self,
        name: &Str,
        steps: &[StaticStep],
        scope: &ScopePath,
        touched: &mut Touched,
    ) {
        let kind: Str = MODULE.into();
        let key = steps.first().and_then(static_key);
        let output = steps.iter().find_map(|step| match step {
            StaticStep::Attribute(output) => Some(output),
            _ => None,
        });
        let Some(output) = output else {
            // One reference stands for everything inside.
            let call = BlockAddress::call(scope.module(), kind, name.clone());
            touched.insert(DependencyRef::from(call.instance(key)));
            return;
        };
        for i in self.graph.components_named(scope, &kind, name) {
            if key.is_some() && self.program.components[*i].step.key != key {
                continue;
            }
            if let Ok((_, deps)) = self.component_output(*i, output) {
                touched.extend(deps.iter().cloned());
            }
        }
    }

    /// What a block waits for because of the `depends_on` of the modules around it.
    pub(crate) fn gate(&self, scope: &ScopePath) -> Arc<Touched> {
        let Some((i, module)) = self.graph.module_at(self.program, scope) else {
            return Arc::default();
        };
        if let Some(known) = lock(&self.gates).get(&i) {
            return known.clone();
        }
        let outer = &self.program.components[i].parent;
        let mut touched = Touched::clone(&self.gate(outer));
        for dependency in &*module.depends_on {
            touched.extend(self.dependency(dependency, outer));
        }
        let touched = Arc::new(touched);
        lock(&self.gates).insert(i, touched.clone());
        touched
    }

    /// A variable of a module: what the call gives it, converted and validated.
    pub(crate) fn module_variable(
        &self,
        i: usize,
        name: &Str,
    ) -> Result<(Value, Arc<Touched>), Diagnostics> {
        let instance = &self.program.components[i];
        let Some((module, variable)) = instance
            .module
            .as_ref()
            .and_then(|m| Some((m, m.variables.get(name)?)))
        else {
            return Ok((Value::NULL, Arc::default()));
        };
        let memo = Memo::Variable(i, name.clone());
        if let Some(known) = lock(&self.memo).get(&memo) {
            return Ok(known.clone());
        }
        let scope = instance.scope();
        let given = module.given.get(name);
        let (value, touched) = match given {
            Some(expr) => self.evaluate(expr, &Frame::at(&instance.parent))?,
            None => (Value::NULL, Touched::new()),
        };
        let refuse = |message: String| {
            let at = given.map_or(instance.span, |e| e.span);
            vec![
                Diagnostic::error(Code::WrongType, message)
                    .at(at, "")
                    .at(variable.span, format!("declared as {}", variable.ty))
                    .about(&scope),
            ]
        };
        let accepted = match given {
            None => None,
            Some(_) => variable.accept(&value).map_err(|problem| {
                // The problem with a secret may quote it.
                if variable.marks().union(value.deep_marks()).is_empty() {
                    refuse(format!("the input `{name}` does not fit: {problem}"))
                } else {
                    refuse(format!("the input `{name}` is not of type {}", variable.ty))
                }
            })?,
        };
        let value = match accepted {
            Some(value) => value,
            None => match &variable.default {
                Some(default) => default.clone().with_marks(variable.marks()),
                None => return Err(refuse(format!("the input `{name}` cannot be null"))),
            },
        };
        // Known before it is validated: conditions are about the value itself.
        let entry = (value, Arc::new(touched));
        lock(&self.memo).insert(memo.clone(), entry.clone());
        let held = self.validations(name, variable, &scope);
        if held.is_err() || !self.is_final(&entry.0) {
            lock(&self.memo).remove(&memo);
        }
        held.map(|()| entry)
    }

    /// Conditions on a module's variable; one that is not known is looked at again during apply.
    fn validations(
        &self,
        name: &str,
        variable: &ModuleVariable,
        scope: &ScopePath,
    ) -> Result<(), Diagnostics> {
        let frame = Frame::at(scope);
        for condition in &variable.validations {
            let (holds, _) = self.evaluate(&condition.condition, &frame)?;
            match convert(holds.bare(), &Type::Bool) {
                Ok(Value::Bool(false)) => {}
                Ok(_) => continue,
                Err(_) => {
                    let wrong = "a condition: a bool is required";
                    return Err(vec![
                        Diagnostic::error(Code::WrongType, wrong)
                            .at(condition.condition.span, "")
                            .about(scope),
                    ]);
                }
            }
            let (message, _) = self.evaluate(&condition.message, &frame)?;
            let text = shown(&message);
            return Err(vec![
                Diagnostic::error(
                    Code::ValidationFailed,
                    format!("the value of `{name}` is refused: {text}"),
                )
                .at(condition.condition.span, "this does not hold")
                .at(variable.span, "the variable")
                .about(scope),
            ]);
        }
        Ok(())
    }
}
