//! Values as a person reads them: HCL literals on one line. Marks are the caller's business; a marked value never shows.

use infra_model::address::is_identifier;
use infra_model::value::Value;

/// What stands for a sensitive value.
pub(crate) const SENSITIVE: &str = "(sensitive value)";
/// What stands for a value that only apply will tell.
pub(crate) const UNKNOWN: &str = "(known after apply)";

/// A value on one line.
pub(crate) fn literal(value: &Value) -> String {
    let list = |items: &[Value]| {
        let items: Vec<_> = items.iter().map(literal).collect();
        format!("[{}]", items.join(", "))
    };
    match value {
        Value::Null(_) => "null".to_owned(),
        Value::Unknown(_) => UNKNOWN.to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => list(items),
        Value::Map(_, items) | Value::Object(items) if items.is_empty() => "{}".to_owned(),
        Value::Map(_, items) => braces(items.iter().map(|(k, v)| (quoted(k), v))),
        Value::Object(items) => braces(items.iter().map(|(k, v)| (key(k), v))),
        Value::Marked(marks, inner) if !marks.sensitive => literal(inner),
        Value::Marked(..) => SENSITIVE.to_owned(),
    }
}

fn braces<'a>(entries: impl Iterator<Item = (String, &'a Value)>) -> String {
    let entries: Vec<_> = entries
        .map(|(k, v)| format!("{k} = {}", literal(v)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// An attribute's name, in quotes when it is no identifier.
pub(crate) fn key(name: &str) -> String {
    if is_identifier(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Text in quotes, escaped so that it stays on one line and cannot steer the terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // What would interpolate is doubled, as in the stack language.
            '$' | '%' if rest.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if steers(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text as it is, except what would steer the terminal.
pub(crate) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| {
            if steers(c) && c != '\n' && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Control characters, and the marks that reverse the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::types::Type;

    #[test]
    fn values_read_as_hcl() {
        let cases: Vec<(Value, &str)> = vec![
            (Value::NULL, "null"),
            (Value::from(true), "true"),
            (Value::from(42), "42"),
            ("a\"b\n${x}".into(), r#""a\"b\n$${x}""#),
            ("\u{1b}[31m".into(), r#""\u001b[31m""#),
            (Value::strings(["a", "b"]), r#"["a", "b"]"#),
            (
                Value::map(Type::String, [("a.b", "x".into())]),
                r#"{ "a.b" = "x" }"#,
            ),
            (
                Value::object([("a", 1.into()), ("b c", 2.into())]),
                r#"{ a = 1, "b c" = 2 }"#,
            ),
            (Value::from("secret").sensitive(), SENSITIVE),
            (Value::UNKNOWN, UNKNOWN),
        ];
        for (value, expected) in cases {
            assert_eq!(literal(&value), expected);
        }
    }
}
