//! Diagnostics as Terraform's machine-readable output has them: summary, detail, address, range and snippet.

use infra_model::diagnostic::{Diagnostic, Severity, Sources, Span};
use infra_model::fix::Edit;
use serde_json::{Map, Value as Json, json};

/// One diagnostic.
pub(crate) fn diagnostic_json(diagnostic: &Diagnostic, sources: &Sources) -> Json {
    let mut entry = Map::new();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    entry.insert("severity".into(), severity.into());
    entry.insert("summary".into(), diagnostic.message.as_str().into());
    entry.insert("detail".into(), detail(diagnostic).into());
    entry.insert("code".into(), diagnostic.code.as_str().into());
    if let Some(address) = &diagnostic.address {
        entry.insert("address".into(), address.as_str().into());
    }
    if let Some((span, _)) = diagnostic.labels.first()
        && let Some((range, snippet)) = located(*span, sources)
    {
        entry.insert("range".into(), range);
        entry.insert("snippet".into(), snippet);
    }
    if !diagnostic.fix.is_empty() {
        entry.insert("fix".into(), fix(&diagnostic.fix, sources));
    }
    Json::Object(entry)
}

/// Replacements that belong together: where, what stands there, what is to stand there.
fn fix(edits: &[Edit], sources: &Sources) -> Json {
    edits
        .iter()
        .filter_map(|edit| {
            let (range, _) = located(edit.span, sources)?;
            Some(json!({ "range": range, "old": edit.old, "new": edit.new }))
        })
        .collect()
}

fn detail(diagnostic: &Diagnostic) -> String {
    let labels = diagnostic.labels.iter().map(|(_, text)| text.as_str());
    let parts: Vec<&str> = labels
        .chain(diagnostic.help.as_deref())
        .filter(|t| !t.is_empty())
        .collect();
    parts.join("\n")
}

/// `{line, column, byte}`; lines and columns count from 1, columns in characters.
fn position(text: &str, byte: usize) -> Json {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    json!({
        "line": before.matches('\n').count() + 1,
        "column": before[line_start..].chars().count() + 1,
        "byte": byte,
    })
}

fn located(span: Span, sources: &Sources) -> Option<(Json, Json)> {
    let file = sources.file(span.file)?;
    let text = &*file.text;
    let (start, end) = (span.start as usize, (span.end as usize).min(text.len()));
    if !text.is_char_boundary(start) || !text.is_char_boundary(end) || start > end {
        return None;
    }
    let range = json!({
        "filename": &*file.name,
        "start": position(text, start),
        "end": position(text, end),
    });
    let first = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let last = text[end..].find('\n').map_or(text.len(), |i| end + i);
    let snippet = json!({
        "context": Json::Null,
        "code": &text[first..last],
        "start_line": text[..start].matches('\n').count() + 1,
        "highlight_start_offset": start - first,
        "highlight_end_offset": end - first,
        "values": [],
    });
    Some((range, snippet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::codes::Code;

    #[test]
    fn ranges_count_lines_from_one_and_columns_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("stacks/x.toml", "a = 1\nü = \"b\"\n");
        let span = Span {
            file,
            start: 11,
            end: 14,
        };
        let diagnostic = Diagnostic::error(Code::UnknownKey, "no such thing")
            .at(span, "here")
            .help("try another");
        let json = diagnostic_json(&diagnostic, &sources);
        assert_eq!(
            json["range"]["start"],
            json!({ "line": 2, "column": 5, "byte": 11 })
        );
        assert_eq!(json["snippet"]["code"], "ü = \"b\"");
        assert_eq!(json["snippet"]["highlight_start_offset"], 5);
        assert_eq!(json["detail"], "here\ntry another");
    }
}
