//! Single expressions, as `infra console` takes them: without `${}` around them.

use crate::parse::names::{Names, Paths};
use crate::parse::template;
use crate::parse::text::Text;
use crate::report::Report;
use infra_model::Str;
use infra_model::diagnostic::{Diagnostics, Sources};
use infra_model::expand::Expand;
use infra_model::expr::Expr;
use std::path::Path;

/// Parses one expression; places are in a text of `sources` called `<console>`.
///
/// # Errors
/// What is wrong with its syntax. What it refers to is found out when it is evaluated.
pub fn parse_expression(
    text: &str,
    expand: &dyn Expand,
    working_directory: &Path,
    sources: &mut Sources,
) -> Result<Expr, Diagnostics> {
    let file = sources.add("<console>", text);
    let kinds: Vec<Str> = expand.kinds().iter().map(|k| k.name.clone()).collect();
    let paths = Paths::of(working_directory);
    let report = Report::default();
    let expr = template::of_bare(
        &Text::plain(text, file, 0),
        &Names::of_stack(&kinds, &paths),
        &report,
    );
    match expr {
        Some(expr) if !report.has_errors() => Ok(expr),
        _ => Err(report.into_diagnostics()),
    }
}
