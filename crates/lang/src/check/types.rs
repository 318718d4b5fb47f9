//! Do the types and provider configurations that blocks use exist? Default configurations need no table and are added.

use crate::codes::Code;
use crate::report::{Report, error, suggesting};
use infra_model::Str;
use infra_model::address::{Mode, ProviderAddress, ScopePath};
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::{Expr, ExprKind};
use infra_model::hash::HashSet;
use infra_model::near::near;
use infra_model::program::{ProviderBlock, ResourceBlock};
use infra_model::schema::Schemas;
use std::collections::{BTreeMap, BTreeSet};

/// Do the types exist?
pub(crate) fn check_types(blocks: &[ResourceBlock], schemas: &dyn Schemas, report: &Report) {
    let mut told: HashSet<(Mode, &str)> = HashSet::default();
    let mut inside: BTreeMap<(Str, Str), (Span, BTreeSet<&str>)> = BTreeMap::new();
    for block in blocks {
        let type_name = &*block.address.type_name;
        let mode = block.address.mode;
        let (known, code, what) = match mode {
            Mode::Managed => (
                schemas.resource(type_name).is_some(),
                Code::UnknownType,
                "resource type",
            ),
            Mode::Data => (
                schemas.data(type_name).is_some(),
                Code::UnknownDataType,
                "data source",
            ),
            Mode::Ephemeral => (
                schemas.ephemeral(type_name).is_some(),
                Code::UnknownType,
                "ephemeral resource type",
            ),
        };
        if known {
            continue;
        }
        // A component needs all of its types or none: one message names them.
        let of_component = block.address.scope.steps().last();
        if let Some(step) = of_component.filter(|step| &*step.kind != "module") {
            let all = inside
                .entry((step.kind.clone(), step.name.clone()))
                .or_insert_with(|| (block.span, BTreeSet::new()));
            all.1.insert(type_name);
            continue;
        }
        if !told.insert((mode, type_name)) {
            continue;
        }
        let names = match mode {
            Mode::Managed => schemas.resource_names(),
            Mode::Data => schemas.data_names(),
            Mode::Ephemeral => schemas.ephemeral_names(),
        };
        let close = near(type_name, names);
        if close.is_none() && ProviderAddress::of_type(type_name).is_none() {
            let prefix = type_name.split('_').next().unwrap_or_default();
            report.push(
                error(
                    Code::UnknownProvider,
                    format!("no provider has types that begin with `{prefix}_`"),
                    block.span,
                    "no provider has it",
                )
                .help(format!(
                    "providers here are {}",
                    schemas.provider_names().join(", ")
                )),
            );
            continue;
        }
        let other = match mode {
            Mode::Managed => schemas.data(type_name).map(|_| {
                format!(
                    "it is a data source: write `[data.{type_name}.{}]`",
                    block.address.name
                )
            }),
            Mode::Data | Mode::Ephemeral => schemas.resource(type_name).map(|_| {
                format!(
                    "it is a resource type: write `[resource.{type_name}.{}]`",
                    block.address.name
                )
            }),
        };
        let mut diagnostic = error(
            code,
            format!("there is no {what} `{type_name}`"),
            block.span,
            "unknown",
        );
        if let (None, Some(near)) = (&other, close)
            && near.certain
        {
            let header = |name: &str| {
                let word = mode.table();
                format!("[{word}.{name}.{}]", block.address.name)
            };
            diagnostic = diagnostic.replace(block.span, header(type_name), header(near.name));
        }
        let family =
            ProviderAddress::of_type(type_name).map_or_else(String::new, |p| p.name.to_string());
        diagnostic.help = other
            .or_else(|| close.map(|near| format!("did you mean `{}`?", near.name)))
            .or_else(|| Some(format!("this version of infra has no such type of the provider `{family}`; `infra schema` lists those it has")));
        report.push(diagnostic);
    }
    for ((kind, name), (span, types)) in &inside {
        report.push(unbuildable(kind, name, *span, types));
    }
}

/// A component whose native types this binary lacks.
fn unbuildable(kind: &str, name: &str, span: Span, types: &BTreeSet<&str>) -> Diagnostic {
    let list: Vec<&str> = types.iter().copied().collect();
    error(
        Code::UnknownType,
        format!("`{kind}.{name}` cannot be built by this version of infra"),
        span,
        format!("it needs types that are not there: {}", list.join(", ")),
    )
    .help("build it on another cloud, or use a version of infra with that cloud's provider")
}

/// Default configurations need no table; aliases do.
pub(crate) fn imply_providers(
    blocks: &[ResourceBlock],
    providers: &mut Vec<ProviderBlock>,
    report: &Report,
) {
    let mut known: HashSet<ProviderAddress> = providers.iter().map(|p| p.address.clone()).collect();
    let keyed: HashSet<ProviderAddress> = providers
        .iter()
        .filter_map(|p| p.address.without_key())
        .collect();
    for block in blocks {
        let (one, several) = (
            known.contains(&block.provider),
            keyed.contains(&block.provider),
        );
        match (block.provider_key.is_some(), one, several) {
            (false, true, _) | (true, _, true) => continue,
            (true, true, false) => {
                report.push(
                    error(
                        Code::UnknownAlias,
                        format!("`{}` is one configuration and takes no key", block.provider),
                        block.span,
                        "used here with a key",
                    )
                    .help(format!(
                        "write `{}`, or give `[clouds.{}.alias.…]` a `for_each`",
                        block.provider, block.provider.name
                    )),
                );
                continue;
            }
            (false, false, true) => {
                report.push(
                    error(
                        Code::UnknownAlias,
                        format!(
                            "`{}` has `for_each`, so this names no one configuration",
                            block.provider
                        ),
                        block.span,
                        "which one?",
                    )
                    .help(format!(
                        "write `{}[each.key]`, or one key in quotes",
                        block.provider
                    )),
                );
                continue;
            }
            (_, false, false) => {}
        }
        known.insert(block.provider.clone());
        if block.provider.alias.is_none() {
            providers.push(ProviderBlock {
                address: block.provider.clone(),
                scope: ScopePath::root(),
                config: Expr::new(ExprKind::Object(Vec::new()), Span::default()),
                span: Span::default(),
            });
            continue;
        }
        let name = block.provider.to_string();
        let others: Vec<String> = providers.iter().map(|p| p.address.to_string()).collect();
        let diagnostic = error(
            Code::UnknownAlias,
            format!("there is no provider configuration `{name}`"),
            report.provider_place(block.span).unwrap_or(block.span),
            "used here",
        );
        let table = format!(
            "add `[clouds.{}.alias.{}]`",
            block.provider.name,
            block.provider.alias.as_deref().unwrap_or_default()
        );
        report.push(suggesting(
            diagnostic,
            &name,
            others.iter().map(String::as_str),
            &table,
        ));
    }
}
