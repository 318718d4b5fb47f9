//! Label and field selectors: of lists and watches, and of the objects that select others.

use serde_json::Value;

use super::error::{ApiError, ApiResult};
use super::value::{list, members, text};

/// One requirement of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Label {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// One requirement of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    path: String,
    value: String,
    equal: bool,
}

/// What objects must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Label>,
    fields: Vec<Field>,
}

impl Selector {
    /// Reads both parameters of a request.
    pub(super) fn read(labels: &str, fields: &str) -> ApiResult<Self> {
        Ok(Self {
            labels: read_labels(labels)?,
            fields: read_fields(fields)?,
        })
    }

    /// The selector of an object: `matchLabels` and `matchExpressions`.
    pub(super) fn of(selector: &Value) -> Self {
        let mut labels: Vec<Label> = members(selector, "/matchLabels")
            .map(|(key, value)| {
                let value = value.as_str().unwrap_or_default().to_owned();
                Label::In(key.clone(), vec![value])
            })
            .collect();
        for expression in list(selector, "/matchExpressions") {
            let key = text(expression, "/key").to_owned();
            let values = list(expression, "/values").iter();
            let values = values
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect();
            labels.push(match text(expression, "/operator") {
                "In" => Label::In(key, values),
                "NotIn" => Label::NotIn(key, values),
                "Exists" => Label::Exists(key),
                _ => Label::Missing(key),
            });
        }
        Self {
            labels,
            fields: Vec::new(),
        }
    }

    /// The plain map of a Service's selector.
    pub(super) fn of_map(map: &Value) -> Self {
        let labels = map.as_object().into_iter().flatten().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default().to_owned();
            Label::In(key.clone(), vec![value])
        });
        Self {
            labels: labels.collect(),
            fields: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is like that.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(&object["metadata"]["labels"])
            && self.fields.iter().all(|field| {
                let pointer = format!("/{}", field.path.replace('.', "/"));
                let found = match object.pointer(&pointer) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Bool(flag)) => flag.to_string(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => String::new(),
                };
                (found == field.value) == field.equal
            })
    }

    /// Whether labels are like that.
    pub(super) fn matches_labels(&self, labels: &Value) -> bool {
        self.labels.iter().all(|label| {
            let found = |key: &str| labels.get(key).and_then(Value::as_str);
            match label {
                Label::In(key, values) => {
                    found(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
                }
                Label::NotIn(key, values) => {
                    !found(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
                }
                Label::Exists(key) => found(key).is_some(),
                Label::Missing(key) => found(key).is_none(),
            }
        })
    }

    /// As parameters write it: `a=b,c in (d,e)`.
    pub(super) fn to_text(&self) -> String {
        let labels = self.labels.iter().map(|label| match label {
            Label::In(key, values) if values.len() == 1 => format!("{key}={}", values[0]),
            Label::In(key, values) => format!("{key} in ({})", values.join(",")),
            Label::NotIn(key, values) if values.len() == 1 => format!("{key}!={}", values[0]),
            Label::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
            Label::Exists(key) => key.clone(),
            Label::Missing(key) => format!("!{key}"),
        });
        labels.collect::<Vec<_>>().join(",")
    }
}

/// Parts between commas that are not in parentheses.
fn parts(selector: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, c) in selector.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&selector[start..]);
    found
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn read_labels(selector: &str) -> ApiResult<Vec<Label>> {
    let bad = |part: &str| {
        ApiError::bad(format!(
            "unable to parse requirement: found '{part}', expected: a label selector"
        ))
    };
    parts(selector)
        .into_iter()
        .map(|part| {
            if let Some((key, value)) = part.split_once("!=") {
                return Ok(Label::NotIn(key.trim().into(), vec![value.trim().into()]));
            }
            if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                return Ok(Label::In(key.trim().into(), vec![value.trim().into()]));
            }
            if let Some(key) = part.strip_prefix('!') {
                return Ok(Label::Missing(key.trim().into()));
            }
            let mut words = part.splitn(3, ' ');
            let (key, operator, rest) = (words.next(), words.next(), words.next());
            let (Some(key), Some(operator)) = (key, operator) else {
                return Ok(Label::Exists(part.to_owned()));
            };
            let rest = rest.map(str::trim).unwrap_or_default();
            let values = rest
                .strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .ok_or_else(|| bad(part))?;
            let values = values.split(',').map(|value| value.trim().to_owned());
            match operator {
                "in" => Ok(Label::In(key.to_owned(), values.collect())),
                "notin" => Ok(Label::NotIn(key.to_owned(), values.collect())),
                _ => Err(bad(part)),
            }
        })
        .collect()
}

fn read_fields(selector: &str) -> ApiResult<Vec<Field>> {
    parts(selector)
        .into_iter()
        .map(|part| {
            let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                (path, value, false)
            } else if let Some((path, value)) =
                part.split_once("==").or_else(|| part.split_once('='))
            {
                (path, value, true)
            } else {
                let message = format!("invalid selector: '{selector}'; can't understand '{part}'");
                return Err(ApiError::bad(message));
            };
            Ok(Field {
                path: path.trim().to_owned(),
                value: value.trim().to_owned(),
                equal,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_are_read_in_every_form() {
        let object = json!({"metadata": {"name": "x", "labels": {"app": "a", "tier": "web"}}});
        for (labels, fields, wanted) in [
            ("app=a", "", true),
            ("app==b", "", false),
            ("app!=b,tier", "", true),
            ("app in (a, b),!gone", "", true),
            ("tier notin (web)", "", false),
            ("", "metadata.name=x", true),
            ("", "metadata.name!=x", false),
        ] {
            let selector = Selector::read(labels, fields).expect("good");
            assert_eq!(selector.matches(&object), wanted, "{labels} {fields}");
        }
        assert!(Selector::read("a in b", "").is_err());
        assert!(Selector::read("", "a").is_err());
    }
}
