//! YAML as charts and files of definitions have it: many documents in one text.

use infra_model::{ErrorKind, ProviderError};
use serde_json::Value as Json;

/// The documents of a text, without empty ones; a `List` is what it lists.
///
/// # Errors
/// Text that is no YAML; `what` says of what.
pub(crate) fn documents(text: &str, what: &str) -> Result<Vec<Json>, ProviderError> {
    let mut all = Vec::new();
    for document in split(text) {
        let parsed: Json = serde_saphyr::from_str(document).map_err(|e| {
            ProviderError::new(ErrorKind::Invalid, format!("{what} is no YAML: {e}"))
        })?;
        match parsed {
            Json::Null => {}
            Json::Object(mut list) if list.get("kind").is_some_and(|k| k == "List") => {
                if let Some(Json::Array(items)) = list.remove("items") {
                    all.extend(items);
                }
            }
            other => all.push(other),
        }
    }
    Ok(all)
}

/// The documents as text: what stands between lines of `---`.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(text.len());
    let pieces: Vec<&str> = starts
        .windows(2)
        .filter_map(|w| text.get(w[0]..w[1]))
        .map(|piece| {
            piece
                .strip_prefix("---")
                .unwrap_or(piece)
                .trim_matches(['\n', '\r'])
        })
        .filter(|piece| {
            let said = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
            piece.lines().any(said)
        })
        .collect();
    pieces.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_have_many_documents() {
        let text = "# a head\n---\na: 1\nb: |\n  ---x\n---\n# nothing\n---\nkind: List\nitems:\n- c: [=]\n--- \nd: 1.5\n";
        let found = documents(text, "this").expect("is YAML");
        assert_eq!(
            found,
            [
                json!({"a": 1, "b": "---x\n"}),
                json!({"c": ["="]}),
                json!({"d": 1.5})
            ]
        );
        assert!(
            documents("a: [", "this")
                .expect_err("is none")
                .message
                .contains("this is no YAML")
        );
    }
}
