//! What a call gives to the variables of a module.

use super::library::Source;
use crate::blocks::module::{META, ModuleCall};
use crate::check::explain::lossy_text;
use crate::check::knowledge::Knowledge;
use crate::codes::Code;
use crate::locate::locate;
use crate::report::{Report, error, suggesting};
use infra_model::Value;
use infra_model::address::ScopePath;
use infra_model::diagnostic::Diagnostics;
use infra_model::expr::Expr;
use infra_model::program::ModuleVariable;

/// Are all inputs variables, and all variables without a default inputs?
pub(crate) fn check(call: &ModuleCall, source: &Source, report: &Report) {
    let variables = &source.shared.variables;
    for (name, (value, span)) in &call.inputs {
        if let Some(variable) = variables.get(name) {
            let what = format!("`{name}` of the module `{}`", call.name);
            lossy_text(&variable.ty, value, &what, report);
            continue;
        }
        let diagnostic = error(
            Code::UnknownArgument,
            format!("the module `{}` has no variable `{name}`", call.name),
            *span,
            "unknown",
        );
        report.push(suggesting(
            diagnostic,
            name,
            variables.keys().map(|k| &**k).chain(META),
            "inputs of a module are the `[variables]` of its file",
        ));
    }
    for (name, variable) in &**variables {
        if variable.default.is_none() && !call.inputs.contains_key(name) {
            report.push(
                error(
                    Code::MissingRequired,
                    format!("the module `{}` needs `{name}`", call.name),
                    call.span,
                    format!("`{name}` is missing"),
                )
                .at(variable.span, "declared here, without a default"),
            );
        }
    }
}

/// The value of a variable as far as it is known while checking.
pub(super) fn value(
    name: &str,
    variable: &ModuleVariable,
    given: Option<&Expr>,
    outer: &ScopePath,
    knowledge: &Knowledge,
) -> Result<Value, Diagnostics> {
    let default = || {
        variable
            .default
            .clone()
            .map(|value| value.with_marks(variable.marks()))
    };
    let unknown = || Value::Unknown(variable.ty.clone()).with_marks(variable.marks());
    let Some(expr) = given else {
        // That it is missing is said of the call.
        return Ok(default().unwrap_or_else(unknown));
    };
    let value = knowledge.evaluate(expr, &knowledge.scope(outer))?;
    let label = format!("declared as {}", variable.ty);
    match variable.accept(&value) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => default().ok_or_else(|| {
            let refusal = error(
                Code::WrongType,
                format!("`{name}` cannot be null"),
                expr.span,
                "this is null",
            );
            vec![refusal.at(variable.span, label)]
        }),
        Err(problem) => {
            // The problem with a secret may quote it.
            let words = if variable.sensitive || value.deep_marks().sensitive {
                format!("it is not of type {}", variable.ty)
            } else {
                problem.to_string()
            };
            let place = locate(expr, &problem.path).value;
            let refusal = error(
                Code::WrongType,
                format!("the input `{name}` does not fit: {words}"),
                place,
                "",
            );
            Err(vec![refusal.at(variable.span, label)])
        }
    }
}
