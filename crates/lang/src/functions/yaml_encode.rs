//! Values as YAML, laid out as Terraform's `yamlencode` does: block style, every string in quotes, texts of several lines as
//! literal blocks.

use infra_model::Value;
use std::fmt::Write as _;

/// Lines of quoted text are folded past this column.
const WIDTH: usize = 80;

/// A document.
pub(super) fn encode(value: &Value) -> String {
    let mut out = Emitter {
        out: String::new(),
        column: 0,
    };
    out.value(value, 0);
    if !out.out.ends_with('\n') {
        out.out.push('\n');
    }
    if matches!(
        value.bare(),
        Value::Null(_) | Value::Bool(_) | Value::Number(_)
    ) {
        // A plain scalar as the whole document ends explicitly.
        out.out.push_str("...\n");
    }
    out.out
}

struct Emitter {
    out: String,
    column: usize,
}

impl Emitter {
    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
    }

    /// A value whose collection stands at `indent`, the first line being begun already.
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Marked(_, inner) => self.value(inner, indent),
            Value::Null(_) | Value::Unknown(_) => self.write("null"),
            Value::Bool(b) => self.write(if *b { "true" } else { "false" }),
            Value::Number(n) => self.write(&n.to_string()),
            Value::String(text) => self.string(text, indent + 2),
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items) => {
                if items.is_empty() {
                    self.write("[]");
                }
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.next(indent);
                    }
                    self.write("- ");
                    // What an element begins stands two columns further in.
                    match item.bare() {
                        Value::String(text) => self.string(text, indent + 2),
                        _ => self.value(item, indent + 2),
                    }
                }
            }
            Value::Map(_, entries) | Value::Object(entries) => {
                if entries.is_empty() {
                    self.write("{}");
                }
                for (i, (key, item)) in entries.iter().enumerate() {
                    if i > 0 {
                        self.next(indent);
                    }
                    self.quoted(key, None);
                    self.write(":");
                    self.entry(item, indent);
                }
            }
        }
    }

    /// To the next element, unless a literal block has ended its line already.
    fn next(&mut self, indent: usize) {
        if self.out.ends_with('\n') {
            self.out.push_str(&" ".repeat(indent));
            self.column = indent;
        } else {
            self.line(indent);
        }
    }

    /// What stands after a key.
    fn entry(&mut self, item: &Value, indent: usize) {
        let empty = |len: usize| len == 0;
        match item.bare() {
            // Sequences in mappings stand no further in than the mapping.
            Value::List(_, items) | Value::Set(_, items) | Value::Tuple(items)
                if !empty(items.len()) =>
            {
                self.line(indent);
                self.value(item, indent);
            }
            Value::Map(_, entries) | Value::Object(entries) if !empty(entries.len()) => {
                self.line(indent + 2);
                self.value(item, indent + 2);
            }
            _ => {
                self.write(" ");
                self.value(item, indent);
            }
        }
    }

    fn string(&mut self, text: &str, indent: usize) {
        if text.contains('\n') && literal_allowed(text) {
            self.literal(text, indent);
        } else {
            self.quoted(text, Some(indent));
        }
    }

    /// `|` and the lines as they are.
    fn literal(&mut self, text: &str, indent: usize) {
        self.write("|");
        if text.starts_with([' ', '\n']) {
            self.write("2");
        }
        match text.strip_suffix('\n') {
            None => self.write("-"),
            Some(before) if before.is_empty() || before.ends_with('\n') => self.write("+"),
            Some(_) => {}
        }
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(indent));
                self.out.push_str(line);
            }
        }
        if text.ends_with('\n') {
            self.out.push('\n');
        }
    }

    /// Text in double quotes, folded at spaces when `fold` says how far the next line is indented.
    fn quoted(&mut self, text: &str, fold: Option<usize>) {
        self.write("\"");
        let chars: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (i, &c) in chars.iter().enumerate() {
            if c == ' ' {
                let inside = i > 0 && i + 1 < chars.len();
                match fold {
                    Some(indent) if !after_space && self.column > WIDTH && inside => {
                        self.line(indent);
                        if chars[i + 1] == ' ' {
                            self.write("\\");
                        }
                    }
                    _ => self.write(" "),
                }
                after_space = true;
                continue;
            }
            after_space = false;
            if printable(c) && c != '"' && c != '\\' && c != '\n' {
                self.out.push(c);
                self.column += 1;
            } else {
                let escaped = escape(c);
                self.write(&escaped);
            }
        }
        self.write("\"");
    }
}

/// Whether a literal block gives the text back.
fn literal_allowed(text: &str) -> bool {
    !text.ends_with(' ') && !text.contains(" \n") && text.chars().all(|c| c == '\n' || printable(c))
}

/// The characters that are written as they are.
fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(c);
            let mut out = String::new();
            match code {
                0..=0xff => write!(out, "\\x{code:02X}"),
                0x100..=0xffff => write!(out, "\\u{code:04X}"),
                _ => write!(out, "\\U{code:08X}"),
            }
            .expect("writing to a string succeeds");
            return out;
        }
    };
    format!("\\{short}")
}
