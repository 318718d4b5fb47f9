//! The tokens of a text that is known to be TOML; white space between them is dropped.

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Newline,
    Comment,
    /// One of `[ ] { } , = .`
    Punctuation,
    /// A quoted string of any kind.
    Quoted,
    /// A bare key, number, date or bool.
    Bare,
}

/// Reads tokens one by one.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Tokens<'a> {
        Tokens {
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        }
    }

    /// The next token that is not white space.
    pub(super) fn next_significant(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let first = self.rest.chars().next()?;
        let (kind, length) = match first {
            '\n' => (Kind::Newline, 1),
            '\r' => (Kind::Newline, self.rest.len().min(2)),
            '#' => (
                Kind::Comment,
                self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()),
            ),
            '[' | ']' | '{' | '}' | ',' | '=' | '.' => (Kind::Punctuation, 1),
            '"' | '\'' => (Kind::Quoted, quoted_length(self.rest)),
            _ => (Kind::Bare, bare_length(self.rest)),
        };
        Some(self.take(kind, length))
    }

    fn take(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Token { kind, text }
    }

    /// The next token, which stays where it is.
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        Tokens { rest: self.rest }.next_significant()
    }

    /// A comment that follows on the same line.
    pub(super) fn comment_on_line(&mut self) -> Option<&'a str> {
        let token = self.peek().filter(|t| t.kind == Kind::Comment)?;
        self.next_significant();
        Some(token.text.trim_end())
    }

    /// The end of the line, if it is next.
    pub(super) fn skip_newline(&mut self) {
        if self.peek().is_some_and(|t| t.kind == Kind::Newline) {
            self.next_significant();
        }
    }

    /// A number, date or bool: unlike a bare key it has dots, and a date may have a space.
    pub(super) fn next_scalar(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.starts_with(['"', '\'']) {
            return self.next_significant();
        }
        let end = |text: &str| {
            text.find([' ', '\t', '\n', '\r', '#', ',', ']', '}'])
                .unwrap_or(text.len())
        };
        let mut length = end(self.rest);
        let bytes = self.rest.as_bytes();
        let is_date = length == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        if is_date && bytes.get(10) == Some(&b' ') && bytes.get(11).is_some_and(u8::is_ascii_digit)
        {
            length = 11 + end(&self.rest[11..]);
        }
        (length > 0).then(|| self.take(Kind::Bare, length))
    }
}

fn bare_length(text: &str) -> usize {
    text.find([
        ' ', '\t', '\n', '\r', '#', '[', ']', '{', '}', ',', '=', '.', '"', '\'',
    ])
    .unwrap_or(text.len())
    .max(1)
}

fn quoted_length(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (open, close) = if text.starts_with(&triple) {
        (3, triple.as_str())
    } else {
        (1, quote)
    };
    let mut at = open;
    while at < text.len() {
        if quote == "\"" && text[at..].starts_with('\\') {
            at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
        } else if text[at..].starts_with(close) {
            at += close.len();
            // Up to two quotes may stand right before the closing three.
            let more = text[at..]
                .bytes()
                .take(2)
                .take_while(|b| quote.as_bytes()[0] == *b);
            return if open == 3 { at + more.count() } else { at };
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
