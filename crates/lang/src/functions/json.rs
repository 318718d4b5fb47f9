//! JSON text to values and back, with numbers exact to the last digit, which general JSON libraries are not.

use infra_model::convert::normalise;
use infra_model::{Number, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Arrays and objects inside one another; more are refused rather than the stack exhausted.
const MAX_DEPTH: usize = 500;

/// The value as JSON, as Terraform's `jsonencode` writes it. It must be known and unmarked.
pub(super) fn encode(value: &Value, out: &mut String) {
    match value {
        Value::Null(_) | Value::Unknown(_) => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(s) => quote(s, out),
        Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                encode(item, out);
            }
            out.push(']');
        }
        Value::Map(_, entries) | Value::Object(entries) => {
            out.push('{');
            for (i, (key, item)) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                encode(item, out);
            }
            out.push('}');
        }
        Value::Marked(_, inner) => encode(inner, out),
    }
}

/// Text in quotes; characters that matter in HTML are escaped too.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string succeeds");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// The value that JSON text means: arrays are tuples.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.unexpected("the end")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.text[self.at..].chars().next() {
            None => format!("the JSON ends where {wanted} should be"),
            Some(c) => {
                let line = self.text[..self.at].matches('\n').count() + 1;
                format!("line {line} of the JSON has {c:?} where {wanted} should be")
            }
        }
    }

    fn accept(&mut self, wanted: u8) -> bool {
        self.space();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("the JSON is nested too deeply".to_owned());
        }
        self.space();
        for (word, value) in [
            ("null", Value::NULL),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        match self.peek() {
            Some(b'"') => Ok(Value::String(normalise(&self.string()?))),
            Some(b'[') => {
                self.at += 1;
                let mut items = Vec::new();
                if self.accept(b']') {
                    return Ok(Value::tuple(items));
                }
                loop {
                    items.push(self.value(depth + 1)?);
                    if self.accept(b']') {
                        return Ok(Value::tuple(items));
                    }
                    if !self.accept(b',') {
                        return Err(self.unexpected("a comma or `]`"));
                    }
                }
            }
            Some(b'{') => {
                self.at += 1;
                let mut entries = BTreeMap::new();
                if self.accept(b'}') {
                    return Ok(Value::Object(Arc::new(entries)));
                }
                loop {
                    self.space();
                    if self.peek() != Some(b'"') {
                        return Err(self.unexpected("a key in quotes"));
                    }
                    let key = normalise(&self.string()?);
                    if !self.accept(b':') {
                        return Err(self.unexpected("a colon"));
                    }
                    entries.insert(key, self.value(depth + 1)?);
                    if self.accept(b'}') {
                        return Ok(Value::Object(Arc::new(entries)));
                    }
                    if !self.accept(b',') {
                        return Err(self.unexpected("a comma or `}`"));
                    }
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn digits(&mut self) -> Result<(), String> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at {
            Err(self.unexpected("a digit"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        text.parse::<Number>()
            .map(Value::Number)
            .map_err(|_| format!("{text} is out of range"))
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c| c == '"' || c == '\\' || c < ' ')
                .unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                _ => return Err(self.unexpected("a quote that ends the string")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let high = self.unit(1)?;
                self.at += 5;
                let low = if self.text[self.at..].starts_with("\\u") {
                    self.unit(2).ok()
                } else {
                    None
                };
                let paired = low.and_then(|low| char::decode_utf16([high, low]).next()?.ok());
                let single = char::from_u32(u32::from(high));
                // Half of a pair alone means no character.
                let c = single.or(paired).unwrap_or(char::REPLACEMENT_CHARACTER);
                if single.is_none() && paired.is_some() {
                    self.at += 6;
                }
                out.push(c);
                return Ok(());
            }
            _ => return Err(self.unexpected("an escape")),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    /// Four hexadecimal digits, so many bytes ahead.
    fn unit(&self, ahead: usize) -> Result<u16, String> {
        self.text
            .get(self.at + ahead..self.at + ahead + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.unexpected("four hexadecimal digits"))
    }
}
