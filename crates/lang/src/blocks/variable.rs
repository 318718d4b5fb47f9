//! `[variables.NAME]`: declarations. Their values are found in `crate::variables`.

use crate::blocks::constraint;
use crate::blocks::fields::Reading;
use crate::blocks::module::META;
use crate::blocks::resource::conditions;
use crate::codes::Code;
use crate::parse::node::Entry;
use crate::report::error;
use indexmap::IndexMap;
use infra_model::diagnostic::Span;
use infra_model::expr::Expr;
use infra_model::program::Condition;
use infra_model::{Str, Type};

/// Reserved beside the settings that `[module.NAME]` has: Terraform's calls have these.
const RESERVED: [&str; 2] = ["version", "locals"];

/// A variable as it is declared.
#[derive(Clone)]
pub(crate) struct VariableDeclaration {
    pub(crate) ty: Type,
    pub(crate) default: Option<Expr>,
    pub(crate) sensitive: bool,
    pub(crate) ephemeral: bool,
    pub(crate) nullable: bool,
    pub(crate) description: Option<Str>,
    pub(crate) validations: Vec<Condition>,
    pub(crate) span: Span,
}

/// Reads `[variables]`.
pub(crate) fn read_all(
    entry: &Entry,
    out: &mut IndexMap<Str, VariableDeclaration>,
    reading: Reading<'_>,
) {
    let Some(table) = reading.table(&entry.node, "`[variables.NAME]`") else {
        return;
    };
    for (name, entry) in &table.entries {
        if META.contains(&&**name) || RESERVED.contains(&&**name) {
            reading.report.push(
                error(
                    Code::ReservedName,
                    format!("`{name}` cannot be the name of a variable"),
                    entry.key_span(),
                    "reserved: `[module.NAME]` has a setting of this name",
                )
                .help("choose another name, so that the file can be used as a module"),
            );
        }
        if reading.name(name, entry, "a variable")
            && let Some(declaration) = read(entry, reading)
        {
            out.insert(name.clone(), declaration);
        }
    }
}

fn read(entry: &Entry, reading: Reading<'_>) -> Option<VariableDeclaration> {
    let table = reading.table(&entry.node, "`[variables.NAME]`")?;
    reading.only(
        table,
        &[
            "type",
            "default",
            "sensitive",
            "ephemeral",
            "nullable",
            "description",
            "validation",
        ],
        "a variable",
    );
    let ty = table
        .get("type")
        .and_then(|entry| {
            let text = reading.constant_text(&entry.node, "a type")?;
            constraint::parse(text, reading.report)
        })
        .unwrap_or(Type::Any);
    Some(VariableDeclaration {
        ty,
        default: table
            .get("default")
            .map(|entry| reading.expression(&entry.node)),
        sensitive: reading.flag(table, "sensitive"),
        ephemeral: reading.flag(table, "ephemeral"),
        nullable: table
            .get("nullable")
            .and_then(|entry| reading.constant_bool(&entry.node, "`nullable`"))
            .unwrap_or(true),
        description: reading.optional_string(table, "description"),
        validations: conditions(table, "validation", reading),
        span: entry.key_span(),
    })
}
