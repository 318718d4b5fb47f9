//! `filter`, `maxResults` of lists: `name = x`, `name eq x.*`, `labels.k:v`, joined by AND or in parentheses.

use serde_json::Value;

use super::super::context::Input;
use super::super::error::{GoogleError, GoogleResult};

/// A comparison.
struct Test {
    path: Vec<String>,
    operator: String,
    value: String,
}

/// How many items a page has.
pub(crate) fn size(input: &Input<'_>) -> GoogleResult<usize> {
    let Some(text) = input.query("maxResults") else {
        return Ok(500);
    };
    match text.parse() {
        Ok(number @ 0..=500) => Ok(if number == 0 { 500 } else { number }),
        _ => Err(GoogleError::field(
            "maxResults",
            text,
            "Values must be within the range: [0, 500]",
        )),
    }
}

/// The items that the request's filter lets through.
pub(crate) fn apply(items: Vec<Value>, input: &Input<'_>) -> GoogleResult<Vec<Value>> {
    let Some(filter) = input.query("filter") else {
        return Ok(items);
    };
    let tests = read(filter)
        .ok_or_else(|| GoogleError::field("filter", filter, "Invalid list filter expression."))?;
    Ok(items
        .into_iter()
        .filter(|item| tests.iter().all(|test| test.holds(item)))
        .collect())
}

fn read(filter: &str) -> Option<Vec<Test>> {
    let plain = filter.replace(['(', ')'], " ");
    let mut words = tokens(&plain).into_iter().peekable();
    let mut tests = Vec::new();
    while let Some(field) = words.next() {
        if field == "AND" {
            continue;
        }
        let operator = words.next()?;
        if !matches!(
            operator.as_str(),
            "=" | "!=" | ":" | "eq" | "ne" | ">" | "<" | ">=" | "<="
        ) {
            return None;
        }
        tests.push(Test {
            path: field.split('.').map(str::to_owned).collect(),
            operator,
            value: words.next()?,
        });
    }
    Some(tests)
}

/// Words, operators and quoted texts.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    // A colon is an operator only where an operator can be: URLs have them too.
    let mut value = false;
    while let Some(c) = chars.next() {
        let operator = matches!(c, '=' | '!' | '<' | '>') || c == ':' && !value;
        if c == '"' || c == '\'' {
            word.extend(chars.by_ref().take_while(|next| *next != c));
            found.push(std::mem::take(&mut word));
            value = false;
        } else if c.is_whitespace() || operator {
            if !word.is_empty() {
                value = !value && matches!(word.as_str(), "eq" | "ne");
                found.push(std::mem::take(&mut word));
            }
            if operator {
                let two = c != ':' && chars.next_if_eq(&'=').is_some();
                found.push(if two { format!("{c}=") } else { c.to_string() });
                value = true;
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

impl Test {
    fn holds(&self, item: &Value) -> bool {
        let mut at = item;
        for name in &self.path {
            match at.get(name) {
                Some(next) => at = next,
                None => return matches!(self.operator.as_str(), "!=" | "ne"),
            }
        }
        let text = match at {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.operator.as_str() {
            "=" => like(&text, &self.value, "*"),
            "!=" => !like(&text, &self.value, "*"),
            "eq" => like(&text, &self.value, ".*"),
            "ne" => !like(&text, &self.value, ".*"),
            ":" => self.value == "*" || text.contains(self.value.trim_matches('*')),
            operator => {
                let order = match (text.parse::<f64>(), self.value.parse::<f64>()) {
                    (Ok(a), Ok(b)) => a.total_cmp(&b),
                    _ => text.cmp(&self.value),
                };
                match operator {
                    ">" => order.is_gt(),
                    "<" => order.is_lt(),
                    ">=" => order.is_ge(),
                    _ => order.is_le(),
                }
            }
        }
    }
}

/// Whether a text is the pattern, in which `any` stands for anything.
fn like(text: &str, pattern: &str, any: &str) -> bool {
    let mut parts = pattern.split(any);
    let Some(first) = parts.next() else {
        return text.is_empty();
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn filters_are_read_in_both_styles() {
        let item = json!({ "name": "net-1", "labels": { "team": "core" }, "mtu": 1460,
            "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n" });
        let cases = [
            ("name=net-1", true),
            ("name = \"net-1\"", true),
            ("name eq net-.*", true),
            ("name eq net", false),
            ("name ne net-1", false),
            ("name:net", true),
            ("labels.team=core AND mtu>1400", true),
            ("(labels.team=core) (mtu<1400)", false),
            ("labels.none=x", false),
            (
                "network = \"https://www.googleapis.com/compute/v1/projects/p/global/networks/n\"",
                true,
            ),
            (
                "network eq https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
                true,
            ),
        ];
        for (filter, holds) in cases {
            let tests = read(filter).expect(filter);
            assert_eq!(
                tests.iter().all(|test| test.holds(&item)),
                holds,
                "{filter}"
            );
        }
        assert!(read("name").is_none());
        assert!(read("name like x").is_none());
    }
}
