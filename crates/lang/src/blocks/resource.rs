//! Resource blocks: configuration and meta-arguments, from a stack file or from a component's expansion.

use crate::blocks::fields::Reading;
use crate::blocks::top::last_key;
use crate::codes::Code;
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::parse::template;
use crate::report::error;
use infra_model::Value;
use infra_model::address::{BlockAddress, Mode, ProviderAddress};
use infra_model::diagnostic::Span;
use infra_model::expr::Expr;
use infra_model::program::{Condition, IgnoreChanges, Lifecycle, Repeat, ResourceBlock};

/// Keys that are never part of a resource's configuration.
pub(crate) const META: [&str; 5] = ["for_each", "count", "depends_on", "provider", "lifecycle"];

/// Reads one block.
pub(crate) fn read(
    address: BlockAddress,
    provider: Option<&ProviderAddress>,
    table: &Table,
    span: Span,
    reading: Reading<'_>,
) -> ResourceBlock {
    let (lifecycle, enabled) = match table.get("lifecycle") {
        Some(entry) => lifecycle(&entry.node, address.mode, reading),
        None => (Lifecycle::default(), None),
    };
    let (provider, provider_key) = match (table.get("provider"), provider) {
        (Some(entry), _) => {
            reading.report.provider_at(span, entry.node.span);
            match self::provider(entry, &address, reading) {
                Some((provider, key)) => (Some(provider), key),
                None => (None, None),
            }
        }
        (None, given) => (given.cloned(), None),
    };
    let provider = provider
        .or_else(|| ProviderAddress::of_type(&address.type_name))
        .unwrap_or_else(|| {
            ProviderAddress::default_of(address.type_name.split('_').next().unwrap_or_default())
        });
    ResourceBlock {
        repeat: repeat(table, enabled, reading),
        config: crate::parse::table_expression(table, &META, span, reading.names, reading.report),
        depends_on: table
            .get("depends_on")
            .map(|entry| reading.addresses(&entry.node, "depends_on"))
            .unwrap_or_default(),
        address,
        provider,
        provider_key,
        lifecycle,
        check: None,
        span,
    }
}

/// `provider = "aws.us"`, or `"aws.by_region[each.key]"` with its key apart.
fn provider(
    entry: &Entry,
    address: &BlockAddress,
    reading: Reading<'_>,
) -> Option<(ProviderAddress, Option<Expr>)> {
    let (provider, key) = configuration(entry, "`provider`", reading)?;
    let own = ProviderAddress::of_type(&address.type_name)?;
    if own.name != provider.name {
        reading.report.push(
            error(
                Code::WrongProvider,
                format!(
                    "`{}` belongs to the provider `{}`, not to `{}`",
                    address.type_name, own.name, provider.name
                ),
                entry.node.span,
                "a configuration of another provider",
            )
            .help(format!("write `{0}` or `{0}.ALIAS`", own.name)),
        );
        return None;
    }
    Some((provider, key))
}

/// The name of a provider configuration, with its key apart where that is an expression.
pub(crate) fn configuration(
    entry: &Entry,
    what: &str,
    reading: Reading<'_>,
) -> Option<(ProviderAddress, Option<Expr>)> {
    let text = reading.constant_text(&entry.node, what)?;
    let mut key = None;
    let mut parsed = text.value.parse::<ProviderAddress>();
    if parsed.is_err()
        && let Some(open) = last_key(&text.value)
    {
        let inner = text.slice(open + 1..text.value.len() - 1);
        key = Some(template::of_bare(&inner, reading.names, reading.report)?);
        parsed = text.value[..open].parse();
    }
    let text = &text.value;
    let Ok(provider) = parsed else {
        reading.report.push(
            error(
                Code::BadAddress,
                format!("`{text}` is not a provider configuration"),
                entry.node.span,
                "",
            )
            .help("write `NAME` or `NAME.ALIAS`, as in `aws.us`, with a key where the alias has `for_each`: `aws.by_region[each.key]`"),
        );
        return None;
    };
    Some((provider, key))
}

/// `for_each`, `count` or `lifecycle.enabled`.
pub(crate) fn repeat(table: &Table, enabled: Option<(Expr, Span)>, reading: Reading<'_>) -> Repeat {
    let given = |key: &str| {
        table
            .get(key)
            .map(|entry| (entry.key_span(), reading.expression(&entry.node)))
    };
    if let Some(entry) = table.get("for_each")
        && matches!(entry.node.kind, NodeKind::Array(_))
    {
        reading.report.array_at(entry.node.span);
    }
    let (for_each, count) = (given("for_each"), given("count"));
    let ways: Vec<(&str, Span)> = [
        for_each.as_ref().map(|(span, _)| ("for_each", *span)),
        count.as_ref().map(|(span, _)| ("count", *span)),
        enabled
            .as_ref()
            .map(|(_, span)| ("lifecycle.enabled", *span)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [(first, first_span), (second, second_span), ..] = ways.as_slice() {
        reading.report.push(
            error(
                Code::Exclusive,
                format!("`{first}` and `{second}` exclude each other"),
                *second_span,
                "one too many",
            )
            .at(*first_span, "the other one")
            .help("keep one of them"),
        );
    }
    match (for_each, count, enabled) {
        (Some((_, e)), _, _) => Repeat::ForEach(e),
        (_, Some((_, e)), _) => Repeat::Count(e),
        (_, _, Some((e, _))) if !matches!(e.as_literal(), Some(Value::Bool(true))) => {
            Repeat::Enabled(e)
        }
        _ => Repeat::Single,
    }
}

const LIFECYCLE: [&str; 7] = [
    "create_before_destroy",
    "prevent_destroy",
    "ignore_changes",
    "replace_triggered_by",
    "precondition",
    "postcondition",
    "enabled",
];

/// `lifecycle`, and its `enabled` apart.
pub(crate) fn lifecycle(
    node: &Node,
    mode: Mode,
    reading: Reading<'_>,
) -> (Lifecycle, Option<(Expr, Span)>) {
    let Some(table) = reading.table(node, "`lifecycle`") else {
        return (Lifecycle::default(), None);
    };
    reading.only(table, &LIFECYCLE, "`lifecycle`");
    if mode != Mode::Managed {
        for key in [
            "create_before_destroy",
            "prevent_destroy",
            "ignore_changes",
            "replace_triggered_by",
        ] {
            if let Some(entry) = table.get(key) {
                reading.report.error(
                    Code::UnknownKey,
                    format!("{} has no `lifecycle.{key}`", what(mode)),
                    entry.key_span(),
                    "it is only read, never changed",
                );
            }
        }
    }
    let ignore_changes = match table.get("ignore_changes").map(|e| &e.node) {
        None => IgnoreChanges::None,
        Some(node) => match &node.kind {
            NodeKind::Text(text) if &*text.value == "all" => IgnoreChanges::All,
            NodeKind::Array(items) => {
                let paths: Vec<_> = items
                    .iter()
                    .filter_map(|i| Some((reading.path(i)?, i.span)))
                    .collect();
                if paths.is_empty() {
                    IgnoreChanges::None
                } else {
                    IgnoreChanges::Paths(paths)
                }
            }
            NodeKind::Invalid => IgnoreChanges::None,
            _ => {
                reading.wrong(
                    node,
                    "`ignore_changes` is an array of attributes, or \"all\"",
                );
                IgnoreChanges::None
            }
        },
    };
    let lifecycle = Lifecycle {
        create_before_destroy: reading.flag(table, "create_before_destroy"),
        prevent_destroy: table
            .get("prevent_destroy")
            .map(|entry| reading.expression(&entry.node)),
        ignore_changes,
        replace_triggered_by: table
            .get("replace_triggered_by")
            .map(|entry| reading.addresses(&entry.node, "replace_triggered_by"))
            .unwrap_or_default(),
        preconditions: conditions(table, "precondition", reading),
        postconditions: conditions(table, "postcondition", reading),
    };
    let enabled = table
        .get("enabled")
        .map(|entry| (reading.expression(&entry.node), entry.key_span()));
    (lifecycle, enabled)
}

/// `[{ condition, message }]`; Terraform's `error_message` is understood as well.
pub(crate) fn conditions(table: &Table, key: &str, reading: Reading<'_>) -> Vec<Condition> {
    let Some(entry) = table.get(key) else {
        return Vec::new();
    };
    let what = format!("`{key}`");
    reading
        .tables(&entry.node, &what)
        .into_iter()
        .filter_map(|(table, span)| {
            reading.only(table, &["condition", "message", "error_message"], &what);
            let condition = reading.required(table, "condition", span, &what);
            let message = match table.get("error_message") {
                Some(entry) => Some(entry),
                None => reading.required(table, "message", span, &what),
            };
            Some(Condition {
                condition: reading.expression(&condition?.node),
                message: reading.expression(&message?.node),
            })
        })
        .collect()
}

/// A name for messages: `a resource`, `a data source`, `an ephemeral resource`.
pub(crate) fn what(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "a resource",
        Mode::Data => "a data source",
        Mode::Ephemeral => "an ephemeral resource",
    }
}
