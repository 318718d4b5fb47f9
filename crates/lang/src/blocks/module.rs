//! `[module.NAME]`: a call of another stack file. What is not a meta-argument is an input.

use crate::blocks::fields::Reading;
use crate::blocks::resource;
use crate::codes::Code;
use crate::modules::source::{self, ModuleSource};
use crate::parse::node::{Entry, Table};
use crate::report::error;
use indexmap::IndexMap;
use infra_model::address::ProviderAddress;
use infra_model::diagnostic::Span;
use infra_model::expr::{Expr, ExprKind};
use infra_model::program::{Dependency, Repeat};
use infra_model::{Str, Value};

/// Keys that are never inputs.
pub(crate) const META: [&str; 6] = [
    "source",
    "for_each",
    "count",
    "depends_on",
    "providers",
    "lifecycle",
];

/// A module as it is called.
#[derive(Clone)]
pub(crate) struct ModuleCall {
    pub(crate) name: Str,
    /// Where its file is, and as it is written; `None` when that is wrong.
    pub(crate) source: Option<(ModuleSource, Str)>,
    /// Where `source` is written.
    pub(crate) source_span: Span,
    pub(crate) repeat: Repeat,
    pub(crate) depends_on: Vec<Dependency>,
    pub(crate) providers: Vec<Handed>,
    /// By name, with the place of the name.
    pub(crate) inputs: IndexMap<Str, (Expr, Span)>,
    pub(crate) span: Span,
}

/// A provider configuration that is handed to a module.
#[derive(Clone)]
pub(crate) struct Handed {
    /// What the module calls it.
    pub(crate) inner: ProviderAddress,
    /// What it is here, without the key when that is computed.
    pub(crate) outer: ProviderAddress,
    /// The key in `aws.by_region[each.key]`.
    pub(crate) key: Option<Expr>,
    pub(crate) span: Span,
}

/// Reads all calls.
pub(crate) fn read_all(entry: &Entry, out: &mut Vec<ModuleCall>, reading: Reading<'_>) {
    let shape = "`[module.NAME]`";
    let Some(table) = reading.table(&entry.node, shape) else {
        return;
    };
    for (name, entry) in &table.entries {
        if !reading.name(name, entry, "a module") {
            continue;
        }
        if let Some(table) = reading.table(&entry.node, shape) {
            out.push(read(name, table, entry.node.span, reading));
        }
    }
}

fn read(name: &Str, table: &Table, span: Span, reading: Reading<'_>) -> ModuleCall {
    let enabled = table.get("lifecycle").and_then(|entry| {
        let table = reading.table(&entry.node, "`lifecycle`")?;
        reading.only(table, &["enabled"], "`lifecycle` of a module");
        let enabled = table.get("enabled")?;
        Some((reading.expression(&enabled.node), enabled.key_span()))
    });
    let written = reading.required(table, "source", span, "a module");
    let inputs = crate::parse::table_expression(table, &META, span, reading.names, reading.report);
    ModuleCall {
        name: name.clone(),
        source: written.and_then(|entry| source_of(entry, reading)),
        source_span: written.map_or(span, |entry| entry.node.span),
        repeat: resource::repeat(table, enabled, reading),
        depends_on: table
            .get("depends_on")
            .map(|entry| reading.addresses(&entry.node, "depends_on"))
            .unwrap_or_default(),
        providers: table
            .get("providers")
            .map(|entry| providers(entry, reading))
            .unwrap_or_default(),
        inputs: inputs_of(&inputs, reading),
        span,
    }
}

fn source_of(entry: &Entry, reading: Reading<'_>) -> Option<(ModuleSource, Str)> {
    let text = reading.constant_string(&entry.node, "`source`")?;
    match source::parse(&text) {
        Ok(source) => Some((source, text)),
        Err(problem) => {
            reading.report.push(
                error(
                    Code::BadModule,
                    format!("`source` is not understood: {}", problem.why),
                    entry.node.span,
                    "",
                )
                .help(problem.help),
            );
            None
        }
    }
}

/// The inputs by name; a name that is computed is refused.
fn inputs_of(object: &Expr, reading: Reading<'_>) -> IndexMap<Str, (Expr, Span)> {
    let ExprKind::Object(items) = &*object.kind else {
        return IndexMap::new();
    };
    let mut out = IndexMap::with_capacity(items.len());
    for (key, value) in items {
        match key.as_literal() {
            Some(Value::String(name)) => {
                out.insert(name.clone(), (value.clone(), key.span));
            }
            _ => reading.report.error(
                Code::MustBeConstant,
                "the name of an input must be written out",
                key.span,
                "this is computed",
            ),
        }
    }
    out
}

/// `providers = { aws = "aws.us" }`
fn providers(entry: &Entry, reading: Reading<'_>) -> Vec<Handed> {
    let Some(table) = reading.table(&entry.node, "`providers`") else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(table.entries.len());
    for (name, entry) in &table.entries {
        let inner = name.parse::<ProviderAddress>().ok();
        if inner.is_none() {
            reading.report.push(
                error(
                    Code::BadAddress,
                    format!("`{name}` is not a provider configuration"),
                    entry.key_span(),
                    "",
                )
                .help("write `{ aws = \"aws.us\" }`: what the module calls it, and what it is called here"),
            );
        }
        let outer = resource::configuration(entry, "a provider configuration", reading);
        let (Some(inner), Some((outer, key))) = (inner, outer) else {
            continue;
        };
        if inner.name != outer.name {
            reading.report.push(
                error(
                    Code::WrongProvider,
                    format!("`{outer}` cannot be the `{}` of a module", inner.name),
                    entry.node.span,
                    "a configuration of another provider",
                )
                .help(format!("write `{0}` or `{0}.ALIAS`", inner.name)),
            );
            continue;
        }
        out.push(Handed {
            inner,
            outer,
            key,
            span: entry.node.span,
        });
    }
    out
}
