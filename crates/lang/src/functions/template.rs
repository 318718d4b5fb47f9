//! Templates that are rendered with variables of their own, which see nothing else.

use super::{Call, Outcome, bad};
use crate::parse::expression::Lowering;
use crate::parse::names::{Names, Paths};
use crate::parse::text::Text;
use crate::report::Report;
use hcl_edit::template::Template;
use infra_model::diagnostic::Span;
use infra_model::expr::{Expr, Root};
use infra_model::{Str, Value};

/// Templates that render templates that render templates.
const MAX_DEPTH: usize = 20;

/// The text of a template whose variables are the second argument.
pub(super) fn render(call: &Call<'_>, source: &str) -> Outcome {
    if call.context.depth >= MAX_DEPTH {
        return bad(0, "templates render each other too deeply");
    }
    let vars = call.bare(1);
    let Some(entries) = vars.entries() else {
        return bad(1, "a map or an object is required");
    };
    let variables: Vec<(Str, Value)> = entries
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let identifier = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if let Some((name, _)) = variables.iter().find(|(name, _)| !identifier(name)) {
        return bad(1, format!("{name:?} cannot be the name of a variable"));
    }
    let expr = parse(source, &variables).or_else(|reason| bad(0, reason))?;
    let context = call.context;
    let rendered =
        context
            .evaluator
            .with_variables(&expr, context.scope, &variables, context.depth + 1);
    match rendered {
        Ok(value) if value.is_null() => bad(0, "the template makes null"),
        Ok(value) => Ok(value),
        Err(errors) => {
            let reasons: Vec<String> = errors.into_iter().map(|d| d.message).collect();
            bad(0, format!("the template fails: {}", reasons.join("; ")))
        }
    }
}

/// The template as an expression over its variables.
fn parse(source: &str, variables: &[(Str, Value)]) -> Result<Expr, String> {
    let report = Report::default();
    let paths = Paths::default();
    let names = Names::of_stack(&[], &paths);
    // Places inside the template would point into no file that is shown.
    let text = Text::fixed(source, Span::default());
    let template: Template = source.parse().map_err(|e: hcl_edit::parser::Error| {
        format!(
            "line {} of the template: {}",
            e.location().line(),
            e.message()
        )
    })?;
    let expr = Lowering {
        names: &names,
        text: &text,
        report: &report,
        bound: variables.iter().map(|(name, _)| name.clone()).collect(),
    }
    .template(&template, Span::default());
    if let Some(problem) = report.into_diagnostics().into_iter().next() {
        return Err(problem.message);
    }
    let mut foreign = None;
    expr.references(&mut |root, _, _| {
        if *root != Root::SplatItem && foreign.is_none() {
            foreign = Some(first_name(root));
        }
    });
    match foreign {
        Some(name) => Err(format!(
            "the template uses `{name}`, which is not among its variables"
        )),
        None => Ok(expr),
    }
}

fn first_name(root: &Root) -> String {
    match root {
        Root::Variable(_) => "var".to_owned(),
        Root::Local(_) => "local".to_owned(),
        Root::Resource { type_name, .. } => type_name.to_string(),
        Root::Component { kind, .. } => kind.to_string(),
        Root::EachKey | Root::EachValue => "each".to_owned(),
        Root::CountIndex => "count".to_owned(),
        Root::SelfValue | Root::SplatItem => "self".to_owned(),
        Root::Stack(_) => "stack".to_owned(),
        Root::Path(_) => "path".to_owned(),
    }
}
