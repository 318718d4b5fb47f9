//! Functions on strings. What is counted are characters as people see them (graphemes), as in Terraform.

use super::pattern;
use super::{Call, Outcome, bad, failed};
use infra_model::convert::normalise;
use infra_model::{Type, Value};
use unicode_segmentation::UnicodeSegmentation;

/// A string result, in normal form.
pub(super) fn text(value: impl AsRef<str>) -> Outcome {
    Ok(Value::String(normalise(value.as_ref())))
}

pub(super) fn chomp(call: &Call<'_>) -> Outcome {
    text(call.text(0).trim_end_matches(['\r', '\n']))
}

pub(super) fn endswith(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0).ends_with(call.text(1))))
}

pub(super) fn startswith(call: &Call<'_>) -> Outcome {
    let prefix = call.text(1);
    match call.bare(0) {
        Value::String(s) => Ok(Value::Bool(s.starts_with(prefix))),
        // Everything begins with nothing.
        _ if prefix.is_empty() => Ok(Value::Bool(true)),
        _ => Ok(Value::Unknown(Type::Bool)),
    }
}

pub(super) fn strcontains(call: &Call<'_>) -> Outcome {
    Ok(Value::Bool(call.text(0).contains(call.text(1))))
}

pub(super) fn indent(call: &Call<'_>) -> Outcome {
    let spaces = call.size(0)?;
    text(
        call.text(1)
            .replace('\n', &format!("\n{}", " ".repeat(spaces))),
    )
}

pub(super) fn join(call: &Call<'_>) -> Outcome {
    if call.arguments.len() < 2 {
        return failed("at least one list is required");
    }
    let mut pieces = Vec::new();
    let mut unknown = false;
    for list in 1..call.arguments.len() {
        unknown |= call.bare(list).is_unknown();
        for (i, item) in call.items(list).iter().enumerate() {
            match item {
                Value::String(s) => pieces.push(&**s),
                Value::Null(_) => {
                    return bad(
                        list,
                        format!("element {i} is null, which cannot be part of a string"),
                    );
                }
                _ => unknown = true,
            }
        }
    }
    if unknown {
        return Ok(Value::Unknown(Type::String));
    }
    text(pieces.join(call.text(0)))
}

/// One character for one, as Go maps case: `ß` stays, and `İ` becomes `i`.
fn map_case<I: ExactSizeIterator<Item = char>>(s: &str, map: impl Fn(char) -> I) -> String {
    s.chars()
        .map(|c| {
            let mut mapped = map(c);
            match (mapped.len(), mapped.next()) {
                (1, Some(single)) => single,
                (_, Some(first)) if c == 'İ' => first,
                _ => c,
            }
        })
        .collect()
}

pub(super) fn lower(call: &Call<'_>) -> Outcome {
    text(map_case(call.text(0), char::to_lowercase))
}

pub(super) fn upper(call: &Call<'_>) -> Outcome {
    text(map_case(call.text(0), char::to_uppercase))
}

pub(super) fn title(call: &Call<'_>) -> Outcome {
    let mut boundary = true;
    let mut out = String::new();
    for c in call.text(0).chars() {
        if boundary {
            match c {
                // Letters of two parts have a third case, for titles.
                'Ǆ' | 'ǅ' | 'ǆ' => out.push('ǅ'),
                'Ǉ' | 'ǈ' | 'ǉ' => out.push('ǈ'),
                'Ǌ' | 'ǋ' | 'ǌ' => out.push('ǋ'),
                'Ǳ' | 'ǲ' | 'ǳ' => out.push('ǲ'),
                _ => out.push_str(&map_case(c.encode_utf8(&mut [0; 4]), char::to_uppercase)),
            }
        } else {
            out.push(c);
        }
        boundary = if c.is_ascii() {
            !c.is_ascii_alphanumeric() && c != '_'
        } else {
            c.is_whitespace()
        };
    }
    text(out)
}

pub(super) fn replace(call: &Call<'_>) -> Outcome {
    let (source, substring, replacement) = (call.text(0), call.text(1), call.text(2));
    match substring
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'))
    {
        Some(pattern) => match pattern::compile(pattern) {
            Ok(regex) => text(regex.replace_all(source, replacement)),
            Err(reason) => bad(1, reason),
        },
        None => text(source.replace(substring, replacement)),
    }
}

pub(super) fn split(call: &Call<'_>) -> Outcome {
    let (separator, source) = (call.text(0), call.text(1));
    let pieces: Vec<&str> = if separator.is_empty() {
        source.split("").filter(|s| !s.is_empty()).collect()
    } else {
        source.split(separator).collect()
    };
    Ok(Value::strings(pieces.into_iter().map(normalise)))
}

pub(super) fn strrev(call: &Call<'_>) -> Outcome {
    text(call.text(0).graphemes(true).rev().collect::<String>())
}

pub(super) fn substr(call: &Call<'_>) -> Outcome {
    let (offset, length) = (call.integer(1)?, call.integer(2)?);
    let graphemes: Vec<&str> = call.text(0).graphemes(true).collect();
    let total = graphemes.len();
    let start = match usize::try_from(offset) {
        Ok(offset) => offset.min(total),
        Err(_) => {
            total.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    // Any negative length means the rest.
    let end = match usize::try_from(length) {
        Ok(length) => start.saturating_add(length).min(total),
        Err(_) => total,
    };
    text(graphemes[start..end].concat())
}

pub(super) fn trim(call: &Call<'_>) -> Outcome {
    let cutset: Vec<char> = call.text(1).chars().collect();
    text(call.text(0).trim_matches(cutset.as_slice()))
}

pub(super) fn trimprefix(call: &Call<'_>) -> Outcome {
    let source = call.text(0);
    text(source.strip_prefix(call.text(1)).unwrap_or(source))
}

pub(super) fn trimsuffix(call: &Call<'_>) -> Outcome {
    let source = call.text(0);
    text(source.strip_suffix(call.text(1)).unwrap_or(source))
}

pub(super) fn trimspace(call: &Call<'_>) -> Outcome {
    text(call.text(0).trim())
}
