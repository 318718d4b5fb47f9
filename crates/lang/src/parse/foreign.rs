//! HCL that was pasted into a stack file: recognised, and said in TOML.

use std::ops::Range;

/// A block of HCL.
pub(crate) struct ForeignBlock {
    /// From its first line to its closing brace.
    pub(crate) range: Range<usize>,
    /// How it is written here.
    pub(crate) help: String,
}

/// The block of HCL that begins on a line, if one does.
pub(crate) fn block(text: &str, line: &Range<usize>) -> Option<ForeignBlock> {
    let statement = text[line.clone()].trim();
    let head = statement.strip_suffix('{')?.trim_end();
    if head.contains(['=', '[', '{']) {
        return None;
    }
    let words: Vec<&str> = head
        .split_whitespace()
        .map(|w| w.trim_matches('"'))
        .collect();
    let is_name = |w: &&str| {
        !w.is_empty()
            && w.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    if words.is_empty() || !words.iter().all(is_name) {
        return None;
    }
    let header = match words.as_slice() {
        [kind @ ("resource" | "data" | "ephemeral"), ty, name] => format!("[{kind}.{ty}.{name}]"),
        ["variable", name] => format!("[variables.{name}]"),
        ["output", name] => format!("[outputs.{name}]"),
        ["module", name] => format!("[module.{name}]"),
        ["provider", name] => format!("[clouds.{name}]"),
        ["locals"] => "[locals]".to_owned(),
        ["terraform"] => "[stack]".to_owned(),
        [kind @ ("moved" | "import" | "removed" | "check"), ..] => format!("[[{kind}]]"),
        [nested, ..] => format!("[resource.TYPE.NAME.{nested}]"),
        [] => return None,
    };
    let end = closing(text, line.start).unwrap_or(line.end);
    Some(ForeignBlock {
        range: line.start..end,
        help: format!(
            "write `{header}` and the settings below it, without braces; what computes stands in a string: `\"${{var.x}}\"`"
        ),
    })
}

/// Past the brace that closes the first one after a position.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut quoted = false;
    for (at, c) in text[from..].char_indices() {
        match c {
            '"' => quoted = !quoted,
            '\n' => quoted = false,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(from + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Past the heredoc that begins on a line.
pub(crate) fn heredoc(text: &str, line: &Range<usize>) -> Option<usize> {
    let (_, after) = text[line.clone()].split_once("<<")?;
    let marker = after.trim_start_matches(['-', '~']).trim();
    if marker.is_empty() || !marker.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let mut at = line.end;
    for line in text[line.end..].split_inclusive('\n') {
        at += line.len();
        if line.trim() == marker {
            return Some(at);
        }
    }
    None
}

/// The line of the heredoc that a position lies in.
pub(crate) fn enclosing_heredoc(text: &str, at: usize) -> Option<Range<usize>> {
    let open = text[..at].rfind("<<")?;
    let start = text[..open].rfind('\n').map_or(0, |i| i + 1);
    let end = text[open..].find('\n').map_or(text.len(), |i| open + i);
    let line = start..end;
    (heredoc(text, &line)? > at).then_some(line)
}

/// Whether text without quotes is an expression of HCL: a reference with dots, or a call.
pub(crate) fn is_expression(text: &str) -> bool {
    let first = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(first);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return false;
    }
    let parses = text.parse::<hcl_edit::expr::Expression>().is_ok();
    let called = rest.starts_with('(');
    let dotted = rest.starts_with('.')
        && (matches!(
            name,
            "var" | "local" | "data" | "module" | "each" | "count" | "path" | "self"
        ) || name.contains('_') && text.matches('.').count() >= 2);
    parses && (called || dotted)
}
