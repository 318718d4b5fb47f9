//! Component blocks such as `[network.main]`: their inputs and meta-arguments.

use crate::blocks::fields::Reading;
use crate::blocks::resource;
use crate::codes::Code;
use crate::parse::node::Entry;
use crate::report::error;
use infra_model::Str;
use infra_model::address::Mode;
use infra_model::diagnostic::Span;
use infra_model::expr::Expr;
use infra_model::program::{Dependency, Lifecycle, Repeat};

/// A component as it is declared.
#[derive(Clone)]
pub(crate) struct ComponentDeclaration {
    pub(crate) kind: Str,
    pub(crate) name: Str,
    pub(crate) repeat: Repeat,
    pub(crate) depends_on: Vec<Dependency>,
    pub(crate) lifecycle: Lifecycle,
    /// An object constructor of the inputs.
    pub(crate) inputs: Expr,
    pub(crate) span: Span,
}

/// Reads all components of a kind.
pub(crate) fn read_all(
    kind: &Str,
    entry: &Entry,
    out: &mut Vec<ComponentDeclaration>,
    reading: Reading<'_>,
) {
    let shape = format!("`[{kind}.NAME]`");
    let Some(table) = reading.table(&entry.node, &shape) else {
        return;
    };
    for (name, entry) in &table.entries {
        if !reading.name(name, entry, &format!("a {kind}")) {
            continue;
        }
        let Some(table) = reading.table(&entry.node, &shape) else {
            continue;
        };
        let (lifecycle, enabled) = match table.get("lifecycle") {
            Some(entry) => {
                let (lifecycle, enabled) = resource::lifecycle(&entry.node, Mode::Managed, reading);
                only_for_resources(entry, reading);
                (lifecycle, enabled)
            }
            None => (Lifecycle::default(), None),
        };
        if let Some(entry) = table.get("provider") {
            reading.report.push(
                error(
                    Code::UnknownKey,
                    "a component has no setting `provider`",
                    entry.key_span(),
                    "unknown",
                )
                .help("name the cloud and its alias with `cloud`, as in `cloud = \"aws.us\"`"),
            );
        }
        out.push(ComponentDeclaration {
            kind: kind.clone(),
            name: name.clone(),
            repeat: resource::repeat(table, enabled, reading),
            depends_on: table
                .get("depends_on")
                .map(|entry| reading.addresses(&entry.node, "depends_on"))
                .unwrap_or_default(),
            lifecycle,
            inputs: crate::parse::table_expression(
                table,
                &resource::META,
                entry.node.span,
                reading.names,
                reading.report,
            ),
            span: entry.node.span,
        });
    }
}

/// What makes sense for one resource only, not for the many that a component becomes.
fn only_for_resources(lifecycle: &Entry, reading: Reading<'_>) {
    let Some(table) = lifecycle.node.as_table() else {
        return;
    };
    for key in [
        "create_before_destroy",
        "ignore_changes",
        "replace_triggered_by",
        "postcondition",
    ] {
        if let Some(entry) = table.get(key) {
            reading.report.push(
                error(
                    Code::NotSupported,
                    format!("`lifecycle.{key}` is not supported on a component"),
                    entry.key_span(),
                    "a component becomes several resources",
                )
                .help("it can be set on resources; on a component, `override` reaches their attributes"),
            );
        }
    }
}
