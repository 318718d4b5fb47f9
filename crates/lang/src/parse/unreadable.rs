//! What is wrong with an expression or a template that cannot be parsed, in the words of someone who writes them.

use crate::codes::Code;
use crate::parse::text::Text;
use crate::report::error;
use infra_model::diagnostic::Diagnostic;
use std::ops::Range;

/// A parse error of hcl-edit as a diagnostic.
pub(crate) fn syntax_error(text: &Text, parse: &hcl_edit::parser::Error) -> Diagnostic {
    let value = &*text.value;
    let at = value.floor_char_boundary(parse.location().offset());
    let wrong = |message: &str, range: Range<usize>, label: &str| {
        error(Code::ExpressionSyntax, message, text.span(range), label)
    };
    if let Some(found) = directive(value) {
        return wrong(found.message, found.range, "").help(found.help);
    }
    if let Some(open) = unclosed(value) {
        let diagnostic = wrong(
            "this `${` is never closed",
            open..value.len(),
            "no `}` follows",
        )
        .help("close it with `}`; for the characters `${` themselves write `$${`");
        let inner = &value[open + 2..];
        let is_name = !inner.is_empty()
            && inner
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        return if is_name {
            diagnostic.replace(text.span(value.len()..value.len()), "", "}")
        } else {
            diagnostic
        };
    }
    let rest = &value[at..];
    let length = rest.chars().next().map_or(0, char::len_utf8);
    let label = match parse.message() {
        // The parser lists every character that an expression can begin with.
        message if message.starts_with("invalid expression;") => "a value must stand here",
        message => message,
    };
    wrong("this expression cannot be read", at..at + length, label).help(remedy(value, at))
}

/// What to try, by what stands where reading stopped.
fn remedy(value: &str, at: usize) -> &'static str {
    let rest = value[at..].trim_start();
    let before = value[..at].trim_end();
    // Where the whole is refused, what stands in it tells why.
    if let Some(inner) = rest.strip_prefix("${") {
        let inner = inner.replace("&&", "").replace("||", "");
        if inner.contains('&') {
            return "write `&&` for and";
        }
        if inner.contains('|') {
            return "write `||` for or";
        }
    }
    let word = |w: &str| {
        rest.strip_prefix(w)
            .is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    if rest.starts_with('\'') {
        "text inside an expression stands in double quotes"
    } else if word("and") {
        "write `&&` for and"
    } else if word("or") {
        "write `||` for or"
    } else if word("not") || before.ends_with("not") {
        "write `!` for not"
    } else if word("if") || word("then") || before.ends_with(" if") {
        "a choice is written `CONDITION ? VALUE : OTHER`"
    } else if rest.starts_with("<<") {
        "write text of several lines between `\"\"\"` and `\"\"\"`, outside of `${…}`"
    } else if rest.starts_with('&') || before.ends_with('&') {
        "write `&&` for and"
    } else if rest.starts_with('|') || before.ends_with('|') {
        "write `||` for or"
    } else if rest.starts_with('=') || before.ends_with('=') {
        "values are compared with `==`"
    } else if rest.is_empty() {
        "it ends too early: is a `}`, a bracket or a quote missing?"
    } else if rest.starts_with(['}', ')', ']']) {
        "a value is missing before it, or a bracket was not opened"
    } else {
        "is an operator, a comma or a bracket missing before it? `infra console` tries expressions"
    }
}

/// A directive of a template that misses its other half.
struct Broken {
    message: &'static str,
    range: Range<usize>,
    help: &'static str,
}

/// The first `%{…}` without its partner.
fn directive(value: &str) -> Option<Broken> {
    let mut open: Vec<(&str, Range<usize>)> = Vec::new();
    let mut at = 0;
    while let Some(found) = value[at..].find("%{") {
        let start = at + found;
        at = start + 2;
        if value[..start].ends_with('%') {
            continue;
        }
        let inner = value[at..].trim_start_matches(['~', ' ']);
        let word: &str = inner
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let end = value[at..].find('}').map_or(value.len(), |i| at + i + 1);
        let range = start..end;
        let stray = |message, help| {
            Some(Broken {
                message,
                range: range.clone(),
                help,
            })
        };
        match (word, open.last().map(|(word, _)| *word)) {
            ("if" | "for", _) => open.push((word, range)),
            ("else", Some("if")) => {}
            ("endif", Some("if")) | ("endfor", Some("for")) => {
                open.pop();
            }
            ("else", _) => {
                return stray(
                    "this `%{ else }` belongs to no `%{ if }`",
                    "write `%{ if CONDITION }` before it",
                );
            }
            ("endif", _) => {
                return stray(
                    "this `%{ endif }` ends no `%{ if }`",
                    "write `%{ if CONDITION }` before it, or take it out",
                );
            }
            ("endfor", _) => {
                return stray(
                    "this `%{ endfor }` ends no `%{ for }`",
                    "write `%{ for x in … }` before it, or take it out",
                );
            }
            _ => {
                return stray(
                    "this is not a directive",
                    "`%{ if CONDITION }`, `%{ else }`, `%{ endif }`, `%{ for x in … }` and `%{ endfor }` are; for the characters `%{` themselves write `%%{`",
                );
            }
        }
    }
    let (word, range) = open.pop()?;
    Some(if word == "if" {
        Broken {
            message: "this `%{ if }` has no `%{ endif }`",
            range,
            help: "write `%{ endif }` where it ends",
        }
    } else {
        Broken {
            message: "this `%{ for }` has no `%{ endfor }`",
            range,
            help: "write `%{ endfor }` where it ends",
        }
    })
}

/// Where the `${` stands that no `}` closes.
fn unclosed(value: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quoted = false;
    let mut previous = (' ', ' ');
    for (at, c) in value.char_indices() {
        match c {
            '{' if previous.1 == '$' && previous.0 != '$' => {
                open.push((at - 1, quoted));
                quoted = false;
            }
            '{' if !open.is_empty() && !quoted => open.push((at, false)),
            '}' if !quoted => {
                if let Some((_, outer)) = open.pop() {
                    quoted = outer;
                }
            }
            '"' if !open.is_empty() && previous.1 != '\\' => quoted = !quoted,
            _ => {}
        }
        previous = (previous.1, c);
    }
    open.first()
        .map(|(at, _)| *at)
        .filter(|at| value[*at..].starts_with("${"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brace_that_is_never_closed_is_found() {
        for (value, at) in [
            ("${a", Some(0)),
            ("x ${a} ${b", Some(7)),
            ("${a}", None),
            ("$${a", None),
            ("${ { a = 1 }", Some(0)),
            ("${ \"}\" }", None),
            ("${ \"${b}\" }", None),
            ("${ \"}\"", Some(0)),
        ] {
            assert_eq!(unclosed(value), at, "{value}");
        }
    }

    #[test]
    fn directives_come_in_pairs() {
        for (value, message) in [
            ("%{ if true }x%{ endif }", None),
            ("%{ if true }x%{ else }y%{~ endif ~}", None),
            ("%%{ if true }x", None),
            ("%{ if true }x", Some("this `%{ if }` has no `%{ endif }`")),
            (
                "%{ for x in y }",
                Some("this `%{ for }` has no `%{ endfor }`"),
            ),
            ("%{ endif }", Some("this `%{ endif }` ends no `%{ if }`")),
            (
                "%{ if a }%{ for x in y }%{ endif }",
                Some("this `%{ endif }` ends no `%{ if }`"),
            ),
            ("%{ wehn x }", Some("this is not a directive")),
        ] {
            assert_eq!(directive(value).map(|b| b.message), message, "{value}");
        }
    }
}
