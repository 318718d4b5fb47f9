//! The blocks that stand at the top besides resources: outputs, moved, import, removed, check.

use crate::blocks::fields::Reading;
use crate::blocks::{address, constraint};
use crate::codes::Code;
use crate::parse::node::Entry;
use crate::parse::template;
use crate::report::error;
use indexmap::IndexMap;
use infra_model::expr::Expr;
use infra_model::program::{Check, Import, Moved, Output, Removed, Repeat, ResourceBlock};
use infra_model::{Address, Mode, Str};

/// `[outputs.NAME]`
pub(crate) fn outputs(entry: &Entry, out: &mut IndexMap<Str, Output>, reading: Reading<'_>) {
    let Some(table) = reading.table(&entry.node, "`[outputs.NAME]`") else {
        return;
    };
    for (name, entry) in &table.entries {
        if !reading.name(name, entry, "an output") {
            continue;
        }
        let Some(table) = entry.node.as_table() else {
            reading.report.push(
                error(
                    Code::WrongShape,
                    "`[outputs.NAME]` is a table",
                    entry.node.span,
                    format!("this is {}", entry.node.what()),
                )
                .help(format!("write `{name} = {{ value = … }}`")),
            );
            continue;
        };
        reading.only(
            table,
            &[
                "value",
                "type",
                "sensitive",
                "ephemeral",
                "description",
                "depends_on",
                "precondition",
            ],
            "an output",
        );
        let Some(value) = reading.required(table, "value", entry.key_span(), "an output") else {
            continue;
        };
        out.insert(
            name.clone(),
            Output {
                value: reading.expression(&value.node),
                ty: table.get("type").and_then(|entry| {
                    let text = reading.constant_text(&entry.node, "a type")?;
                    constraint::parse(text, reading.report)
                }),
                sensitive: reading.flag(table, "sensitive"),
                ephemeral: reading.flag(table, "ephemeral"),
                description: reading.optional_string(table, "description"),
                depends_on: table
                    .get("depends_on")
                    .map(|entry| reading.addresses(&entry.node, "depends_on"))
                    .unwrap_or_default(),
                preconditions: super::resource::conditions(table, "precondition", reading),
                span: entry.key_span(),
            },
        );
    }
}

/// `[[moved]]`
pub(crate) fn moved(entry: &Entry, reading: Reading<'_>) -> Vec<Moved> {
    let what = "`[[moved]]`";
    reading
        .tables(&entry.node, what)
        .into_iter()
        .filter_map(|(table, span)| {
            reading.only(table, &["from", "to"], what);
            let from = reading.required(table, "from", span, what);
            let to = reading.required(table, "to", span, what);
            let from = address(from?, "from", reading);
            let to_entry = to?;
            let (from, to) = (from?, address(to_entry, "to", reading)?);
            if from.block.type_name != to.block.type_name || from.block.mode != to.block.mode {
                reading.report.push(
                    error(
                        Code::BadAddress,
                        format!(
                            "a `{}` cannot become a `{}` by moving",
                            from.block.type_name, to.block.type_name
                        ),
                        to_entry.node.span,
                        "another type",
                    )
                    .help("only names, scopes and keys move"),
                );
                return None;
            }
            Some(Moved { from, to, span })
        })
        .collect()
}

/// `[[import]]`
pub(crate) fn imports(entry: &Entry, reading: Reading<'_>) -> Vec<Import> {
    let what = "`[[import]]`";
    reading
        .tables(&entry.node, what)
        .into_iter()
        .filter_map(|(table, span)| {
            reading.only(table, &["for_each", "to", "id"], what);
            let to = reading.required(table, "to", span, what);
            let id = reading.required(table, "id", span, what);
            let repeat = match table.get("for_each") {
                Some(entry) => Repeat::ForEach(reading.expression(&entry.node)),
                None => Repeat::Single,
            };
            let (address, key) = target(to?, reading)?;
            Some(Import {
                to: address,
                key,
                repeat,
                id: reading.expression(&id?.node),
                span: to?.node.span,
            })
        })
        .collect()
}

/// What an import fills: an address, whose last key may be an expression (`aws_vpc.main[each.key]`).
fn target(entry: &Entry, reading: Reading<'_>) -> Option<(Address, Option<Expr>)> {
    if let Some(text) = entry.node.as_text()
        && text.value.parse::<Address>().is_err()
        && let Some(open) = last_key(&text.value)
        && let Ok(address) = text.value[..open].parse::<Address>()
    {
        let inner = text.slice(open + 1..text.value.len() - 1);
        let key = template::of_bare(&inner, reading.names, reading.report)?;
        return Some((address, Some(key)));
    }
    Some((super::address(entry, "to", reading)?, None))
}

/// The data sources of a check; their names must be free in the whole stack.
fn own_data(entry: &Entry, check: &Str, blocks: &mut Vec<ResourceBlock>, reading: Reading<'_>) {
    let mut own = Vec::new();
    super::resources(entry, Mode::Data, &mut own, reading);
    for mut block in own {
        if let Some(other) = blocks.iter().find(|b| b.address == block.address) {
            reading.report.push(
                error(
                    Code::DuplicateName,
                    format!("there are two `{}`", block.address),
                    block.span,
                    "the second",
                )
                .at(other.span, "the first")
                .help("data sources of checks share their names with those of the stack"),
            );
            continue;
        }
        block.check = Some(check.clone());
        blocks.push(block);
    }
}

/// Where the bracket opens that closes at the end of the text.
pub(crate) fn last_key(text: &str) -> Option<usize> {
    let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => open.push(at),
            ']' if !quoted => {
                let start = open.pop()?;
                if open.is_empty() && at + 1 == text.len() {
                    return Some(start);
                }
            }
            _ => {}
        }
    }
    None
}

/// `[[removed]]`
pub(crate) fn removed(entry: &Entry, reading: Reading<'_>) -> Vec<Removed> {
    let what = "`[[removed]]`";
    reading
        .tables(&entry.node, what)
        .into_iter()
        .filter_map(|(table, span)| {
            reading.only(table, &["from", "destroy", "lifecycle"], what);
            let from = reading.required(table, "from", span, what)?;
            // Terraform has it in a block of its own.
            let lifecycle = table
                .get("lifecycle")
                .and_then(|entry| reading.table(&entry.node, "`lifecycle`"));
            if let Some(lifecycle) = lifecycle {
                reading.only(lifecycle, &["destroy"], "`lifecycle` of `[[removed]]`");
            }
            let destroy = table
                .get("destroy")
                .or_else(|| lifecycle.and_then(|table| table.get("destroy")));
            Some(Removed {
                from: address(from, "from", reading)?,
                destroy: destroy
                    .and_then(|entry| reading.constant_bool(&entry.node, "`destroy`"))
                    .unwrap_or(true),
                span: from.node.span,
            })
        })
        .collect()
}

/// `[[check]]`, and the data sources in them.
pub(crate) fn checks(
    entry: &Entry,
    blocks: &mut Vec<ResourceBlock>,
    reading: Reading<'_>,
) -> Vec<Check> {
    let what = "`[[check]]`";
    let mut names: Vec<Str> = Vec::new();
    reading
        .tables(&entry.node, what)
        .into_iter()
        .enumerate()
        .map(|(i, (table, span))| {
            reading.only(table, &["name", "assert", "data"], what);
            let name = match reading.required(table, "name", span, what) {
                Some(entry) => {
                    let name = reading.constant_string(&entry.node, "`name`");
                    if let Some(name) = &name
                        && names.contains(name)
                    {
                        reading.report.error(
                            Code::DuplicateName,
                            format!("there are two checks `{name}`"),
                            entry.node.span,
                            "already defined above",
                        );
                    }
                    name
                }
                None => None,
            }
            .unwrap_or_else(|| format!("check {}", i + 1).into());
            names.push(name.clone());
            if let Some(data) = table.get("data") {
                own_data(data, &name, blocks, reading);
            }
            reading.required(table, "assert", span, what);
            Check {
                name,
                assertions: super::resource::conditions(table, "assert", reading),
                span,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::last_key;

    #[test]
    fn the_last_key_of_an_address_is_found() {
        for (text, open) in [
            ("a.b[each.key]", Some(3)),
            ("a.b[each.value[\"x]\"]]", Some(3)),
            ("m.q[\"x\"].a.b[each.key]", Some(12)),
            ("m.q[\"x\"].a.b", None),
            ("a.b", None),
            ("a.b]", None),
            ("a.b[", None),
        ] {
            assert_eq!(last_key(text), open, "{text}");
        }
    }
}
