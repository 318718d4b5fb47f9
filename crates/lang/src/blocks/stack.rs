//! `[stack]`: the name of the stack and how it may be treated.

use crate::blocks::fields::Reading;
use crate::codes::Code;
use crate::parse::node::Entry;
use crate::report::error;
use infra_model::Str;

/// `[stack]` as it is written.
#[derive(Clone, Default)]
pub(crate) struct StackDeclaration {
    pub(crate) name: Option<Str>,
    pub(crate) description: Option<Str>,
    pub(crate) protect: bool,
    pub(crate) ttl: Option<u64>,
}

/// Reads `[stack]`.
pub(crate) fn read(entry: &Entry, reading: Reading<'_>) -> StackDeclaration {
    let Some(table) = reading.table(&entry.node, "`[stack]`") else {
        return StackDeclaration::default();
    };
    reading.only(
        table,
        &["name", "description", "extends", "protect", "ttl"],
        "`[stack]`",
    );
    let name = table.get("name").and_then(|entry| {
        let name = reading.constant_string(&entry.node, "the name of a stack")?;
        if is_stack_name(&name) {
            return Some(name);
        }
        reading.report.push(
            error(
                Code::BadIdentifier,
                format!("`{name}` cannot be the name of a stack"),
                entry.node.span,
                "it names files and tags",
            )
            .help(
                "use letters, digits, `-`, `_` and `.`, up to 64, beginning with a letter or digit",
            ),
        );
        None
    });
    let ttl = table.get("ttl").and_then(|entry| {
        let text = reading.constant_string(&entry.node, "`ttl`")?;
        let seconds = parse_duration(&text);
        if seconds.is_none() {
            reading.report.push(
                error(
                    Code::WrongShape,
                    format!("`{text}` is not a duration"),
                    entry.node.span,
                    "",
                )
                .help("write a number with a unit: `90m`, `8h`, `1d12h`"),
            );
        }
        seconds
    });
    StackDeclaration {
        name,
        description: reading.optional_string(table, "description"),
        protect: reading.flag(table, "protect"),
        ttl,
    }
}

/// Whether a text can name a stack: it becomes part of file names and tags.
#[must_use]
pub(crate) fn is_stack_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// `8h`, `1d12h`, `90s` in seconds; never zero.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [
            ("8h", Some(28_800)),
            ("1d12h", Some(129_600)),
            ("90s", Some(90)),
            ("", None),
            ("8", None),
            ("h", None),
            ("0h", None),
            ("8x", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(parse_duration(text), seconds, "{text:?}");
        }
    }
}
