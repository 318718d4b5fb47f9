//! Objects as YAML that people read: block style, texts of several lines as such, quotes only where YAML would read something
//! else.

use serde_json::Value as Json;

/// One document, ending with a line break.
#[must_use]
pub fn document(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(entries) if !entries.is_empty() => write(value, 0, &mut out),
        Json::Array(items) if !items.is_empty() => write(value, 0, &mut out),
        plain => {
            scalar(plain, 0, &mut out);
        }
    }
    out
}

fn write(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                pad(indent, out);
                text(key, out);
                out.push(':');
                after(value, indent, indent + 2, out);
            }
        }
        Json::Array(items) => {
            for item in items {
                pad(indent, out);
                out.push('-');
                match item {
                    // The first key stands behind the dash.
                    Json::Object(entries) if !entries.is_empty() => {
                        let mut inner = String::new();
                        write(item, indent + 2, &mut inner);
                        out.push(' ');
                        out.push_str(inner.trim_start_matches(' '));
                    }
                    other => after(other, indent, indent + 2, out),
                }
            }
        }
        _ => {}
    }
}

/// A value after its key or dash.
fn after(value: &Json, indent: usize, inner: usize, out: &mut String) {
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            write(value, inner, out);
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            write(value, indent + 2, out);
        }
        plain => {
            out.push(' ');
            scalar(plain, inner, out);
        }
    }
}

fn scalar(value: &Json, inner: usize, out: &mut String) {
    match value {
        Json::String(lines) if literal(lines) => {
            let chomp = if lines.ends_with('\n') { "|" } else { "|-" };
            out.push_str(chomp);
            out.push('\n');
            for line in lines.trim_end_matches('\n').split('\n') {
                if !line.is_empty() {
                    pad(inner, out);
                    out.push_str(line);
                }
                out.push('\n');
            }
            return;
        }
        Json::String(plain) => text(plain, out),
        Json::Object(_) => out.push_str("{}"),
        Json::Array(_) => out.push_str("[]"),
        other => out.push_str(&other.to_string()),
    }
    out.push('\n');
}

/// Whether a text may stand line by line: several lines, of which the first is not indented, with at most one break at the end.
fn literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || !c.is_control())
        && !text.contains(" \n")
}

fn text(text: &str, out: &mut String) {
    if plain(text) {
        out.push_str(text);
    } else {
        out.push_str(&Json::String(text.to_owned()).to_string());
    }
}

/// Whether a text is read as that text without quotes, by readers of YAML 1.1 too.
fn plain(text: &str) -> bool {
    let first = text.chars().next();
    let words = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "~",
    ];
    let safe = |c: char| c.is_alphanumeric() || " -_./:@+=,()*<>!%&#[]{}|'\"?$;^`~\\".contains(c);
    first.is_some_and(|c| c.is_alphabetic() || c == '/' || c == '_')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !words.contains(&text.to_lowercase().as_str())
        && text.chars().all(safe)
        && text.parse::<f64>().is_err()
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}
