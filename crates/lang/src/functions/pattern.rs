//! Regular expressions with the syntax and meaning of RE2, on the `regex` crate: classes such as `\d` are ASCII there.

use super::{Call, Outcome, bad, failed};
use infra_model::convert::normalise;
use infra_model::{Type, Value};
use regex::{Captures, Regex};

/// Compiles a pattern written for RE2.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translation::of(pattern)?;
    Regex::new(&translated).map_err(|e| {
        let reason = e.to_string();
        // The crate draws the pattern over several lines; its last line says why.
        let last = reason.lines().last().unwrap_or_default();
        format!(
            "invalid regular expression: {}",
            last.trim_start_matches("error: ")
        )
    })
}

/// A pattern on its way from RE2's syntax to the crate's.
struct Translation<'a> {
    rest: &'a str,
    out: String,
    /// Whether what was just written may be repeated no further.
    repeated: bool,
}

impl<'a> Translation<'a> {
    fn of(pattern: &'a str) -> Result<String, String> {
        let mut translation = Translation {
            rest: pattern,
            out: String::with_capacity(pattern.len()),
            repeated: false,
        };
        while let Some(c) = translation.rest.chars().next() {
            translation.step(c)?;
        }
        Ok(translation.out)
    }

    fn copy(&mut self, bytes: usize) {
        let (head, tail) = self.rest.split_at(bytes);
        self.out.push_str(head);
        self.rest = tail;
    }

    fn step(&mut self, c: char) -> Result<(), String> {
        let repetition = match c {
            '*' | '+' | '?' => Some(1),
            '{' => repetition_length(self.rest),
            _ => None,
        };
        if let Some(length) = repetition {
            if self.repeated {
                return Err(format!(
                    "invalid regular expression: nothing to repeat before {:?}",
                    &self.rest[..length]
                ));
            }
            self.copy(length);
            if self.rest.starts_with('?') {
                self.copy(1);
            }
            self.repeated = true;
            return Ok(());
        }
        self.repeated = false;
        match c {
            '\\' => self.escape(false),
            '[' => self.class(),
            '(' if self.rest.starts_with("(?") => return self.group(),
            // A brace that begins no repetition is itself.
            '{' => {
                self.out.push_str("\\{");
                self.rest = &self.rest[1..];
            }
            _ => self.copy(c.len_utf8()),
        }
        Ok(())
    }

    /// `(?…`: RE2 knows fewer flags.
    fn group(&mut self) -> Result<(), String> {
        let flags = self.rest[2..]
            .split([':', ')', 'P', '<'])
            .next()
            .unwrap_or_default();
        if let Some(flag) = flags.chars().find(|c| !"imsU-".contains(*c)) {
            return Err(format!(
                "invalid regular expression: there is no flag {flag:?}"
            ));
        }
        self.copy(2);
        Ok(())
    }

    fn escape(&mut self, in_class: bool) {
        let Some(next) = self.rest[1..].chars().next() else {
            self.copy(1);
            return;
        };
        let replacement = match (next, in_class) {
            ('d', false) => "[0-9]",
            ('D', _) => "[^0-9]",
            ('w', false) => "[0-9A-Za-z_]",
            ('W', _) => "[^0-9A-Za-z_]",
            ('s', false) => "[\\t\\n\\x0c\\r ]",
            ('S', _) => "[^\\t\\n\\x0c\\r ]",
            ('d', true) => "0-9",
            ('w', true) => "0-9A-Za-z_",
            ('s', true) => "\\t\\n\\x0c\\r ",
            ('b', false) => "(?-u:\\b)",
            ('B', false) => "(?-u:\\B)",
            // What stands in braces belongs to the escape.
            ('x' | 'p' | 'P', _) if self.rest[2..].starts_with('{') => {
                let end = self.rest.find('}').map_or(self.rest.len(), |i| i + 1);
                self.copy(end);
                return;
            }
            ('<', _) => "<",
            ('>', _) => ">",
            ('Q', false) => {
                let quoted = &self.rest[2..];
                let (literal, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                self.out.push_str(&regex::escape(literal));
                self.rest = rest;
                return;
            }
            (other, _) => {
                self.copy(1 + other.len_utf8());
                return;
            }
        };
        self.out.push_str(replacement);
        self.rest = &self.rest[1 + next.len_utf8()..];
    }

    /// A bracketed class: no nesting and no set operations in RE2.
    fn class(&mut self) {
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        while let Some(c) = self.rest.chars().next() {
            match c {
                ']' if !first => {
                    self.copy(1);
                    return;
                }
                ']' => {
                    self.out.push_str("\\]");
                    self.rest = &self.rest[1..];
                }
                '[' if self.rest.starts_with("[:") && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(self.rest.len(), |i| i + 2);
                    self.copy(end);
                }
                '[' | '&' | '~' => {
                    self.out.push('\\');
                    self.copy(1);
                }
                '-' if self.rest.starts_with("--") => {
                    self.out.push_str("\\-");
                    self.rest = &self.rest[1..];
                }
                '\\' => self.escape(true),
                _ => self.copy(c.len_utf8()),
            }
            first = false;
        }
    }
}

/// The length of `{n}`, `{n,}` or `{n,m}` at the start.
fn repetition_length(text: &str) -> Option<usize> {
    let end = text.find('}')?;
    let (low, high) = text[1..end].split_once(',').unwrap_or((&text[1..end], ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(end + 1)
}

/// How the groups of a pattern shape the result.
enum Groups {
    None,
    Unnamed(usize),
    Named(Vec<String>),
}

fn groups(regex: &Regex) -> Result<Groups, String> {
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    let named: Vec<String> = names.iter().flatten().map(|&n| n.to_owned()).collect();
    match (names.len(), named.len()) {
        (0, _) => Ok(Groups::None),
        (count, 0) => Ok(Groups::Unnamed(count)),
        (count, n) if count == n => Ok(Groups::Named(named)),
        _ => Err("named and unnamed groups cannot be mixed".to_owned()),
    }
}

/// The type of one match of a pattern.
pub(super) fn match_type(pattern: &str) -> Option<Type> {
    let regex = compile(pattern).ok()?;
    Some(match groups(&regex).ok()? {
        Groups::None => Type::String,
        Groups::Unnamed(count) => Type::tuple(std::iter::repeat_n(Type::String, count)),
        Groups::Named(names) => Type::object(names.into_iter().map(|n| (n, Type::String))),
    })
}

fn captured(captures: &Captures<'_>, shape: &Groups) -> Value {
    let group = |m: Option<regex::Match<'_>>| {
        m.map_or(Value::Null(Type::String), |m| {
            Value::String(normalise(m.as_str()))
        })
    };
    match shape {
        Groups::None => group(captures.get(0)),
        Groups::Unnamed(count) => {
            Value::tuple((1..=*count).map(|i| group(captures.get(i))).collect())
        }
        Groups::Named(names) => {
            Value::object(names.iter().map(|n| (n.as_str(), group(captures.name(n)))))
        }
    }
}

fn prepared(call: &Call<'_>) -> Result<(Regex, Groups), super::FunctionError> {
    let regex = compile(call.text(0)).or_else(|reason| bad(0, reason))?;
    let shape = groups(&regex).or_else(|reason| bad(0, reason))?;
    Ok((regex, shape))
}

pub(super) fn regex(call: &Call<'_>) -> Outcome {
    let (regex, shape) = prepared(call)?;
    match regex.captures(call.text(1)) {
        Some(captures) => Ok(captured(&captures, &shape)),
        None => failed("the pattern does not match"),
    }
}

pub(super) fn regexall(call: &Call<'_>) -> Outcome {
    let (regex, shape) = prepared(call)?;
    let matches: Vec<Value> = regex
        .captures_iter(call.text(1))
        .map(|captures| captured(&captures, &shape))
        .collect();
    let element = match_type(call.text(0)).unwrap_or(Type::Any);
    Ok(Value::list(element, matches))
}
