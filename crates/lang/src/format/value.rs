//! Values as they are laid out: on one line, or with one element a line when they were written over several.

use super::key;
use super::tokens::{Kind, Tokens};

/// A value.
pub(super) enum Value<'a> {
    /// As it is written.
    Scalar(&'a str),
    /// An array or an inline table.
    Group(Group<'a>),
}

/// Elements between brackets or braces.
pub(super) struct Group<'a> {
    open: char,
    close: char,
    items: Vec<Item<'a>>,
    /// One element a line.
    tall: bool,
}

/// An element, or a comment on a line of its own.
enum Item<'a> {
    Comment(&'a str),
    Element {
        /// Of an inline table.
        key: Option<String>,
        value: Value<'a>,
        comment: Option<&'a str>,
    },
}

/// Reads the value that comes next.
pub(super) fn read_value<'a>(tokens: &mut Tokens<'a>) -> Value<'a> {
    match tokens.peek().map(|t| t.text) {
        Some("[") => group(tokens, '[', ']'),
        Some("{") => group(tokens, '{', '}'),
        _ => Value::Scalar(tokens.next_scalar().map_or("", |t| t.text)),
    }
}

fn group<'a>(tokens: &mut Tokens<'a>, open: char, close: char) -> Value<'a> {
    tokens.next_significant();
    let (mut items, mut tall) = (Vec::new(), false);
    let mut fresh_line = false;
    while let Some(token) = tokens.peek() {
        match token.kind {
            Kind::Newline => {
                tokens.next_significant();
                tall = true;
                fresh_line = true;
            }
            Kind::Comment => {
                tokens.next_significant();
                let text = token.text.trim_end();
                tall = true;
                match items.last_mut() {
                    Some(Item::Element { comment, .. }) if !fresh_line && comment.is_none() => {
                        *comment = Some(text);
                    }
                    _ => items.push(Item::Comment(text)),
                }
            }
            Kind::Punctuation if token.text == "," => {
                tokens.next_significant();
            }
            Kind::Punctuation if token.text.starts_with(close) => {
                tokens.next_significant();
                break;
            }
            _ => {
                fresh_line = false;
                let key = (open == '{').then(|| {
                    tokens.next_significant();
                    let mut comments = Vec::new();
                    let name = key(tokens, token, &mut comments);
                    while let Some(next) = tokens
                        .peek()
                        .filter(|t| matches!(t.kind, Kind::Newline | Kind::Comment))
                    {
                        tokens.next_significant();
                        tall = true;
                        if next.kind == Kind::Comment {
                            comments.push(next.text.trim_end());
                        }
                    }
                    tall |= !comments.is_empty();
                    items.extend(comments.into_iter().map(Item::Comment));
                    name
                });
                let value = read_value(tokens);
                items.push(Item::Element {
                    key,
                    value,
                    comment: None,
                });
            }
        }
    }
    let tall = tall && !items.is_empty();
    Value::Group(Group {
        open,
        close,
        items,
        tall,
    })
}

impl Value<'_> {
    /// Whether it takes more than one line.
    pub(super) fn is_tall(&self) -> bool {
        match self {
            Value::Scalar(text) => text.contains('\n'),
            Value::Group(group) => {
                group.tall
                    || group.items.iter().any(|item| match item {
                        Item::Comment(_) => true,
                        Item::Element { value, .. } => value.is_tall(),
                    })
            }
        }
    }

    /// Writes it; lines after the first are indented by `depth` levels.
    pub(super) fn write(&self, out: &mut String, depth: usize) {
        let group = match self {
            Value::Scalar(text) => return out.push_str(text),
            Value::Group(group) => group,
        };
        out.push(group.open);
        if group.tall {
            group.write_tall(out, depth);
        } else {
            group.write_flat(out, depth);
        }
        out.push(group.close);
    }
}

impl Group<'_> {
    fn write_flat(&self, out: &mut String, depth: usize) {
        let padding = if self.open == '{' && !self.items.is_empty() {
            " "
        } else {
            ""
        };
        out.push_str(padding);
        for (i, item) in self.items.iter().enumerate() {
            if let Item::Element { key, value, .. } = item {
                if i > 0 {
                    out.push_str(", ");
                }
                if let Some(key) = key {
                    out.push_str(key);
                    out.push_str(" = ");
                }
                value.write(out, depth);
            }
        }
        out.push_str(padding);
    }

    fn write_tall(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth + 1);
        out.push('\n');
        for item in &self.items {
            out.push_str(&indent);
            match item {
                Item::Comment(text) => out.push_str(text),
                Item::Element {
                    key,
                    value,
                    comment,
                } => {
                    if let Some(key) = key {
                        out.push_str(key);
                        out.push_str(" = ");
                    }
                    value.write(out, depth + 1);
                    out.push(',');
                    if let Some(comment) = comment {
                        out.push(' ');
                        out.push_str(comment);
                    }
                }
            }
            out.push('\n');
        }
        out.push_str(&"  ".repeat(depth));
    }
}
