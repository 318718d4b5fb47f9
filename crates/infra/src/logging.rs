//! `INFRA_LOG=debug`: tracing to standard error, with secrets taken out. Costs nothing when it is not set.

use std::io::{self, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Names whose values never reach the log.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "credential",
    "private_key",
    "access_key",
    "session_key",
    "signature",
    "api_key",
    "key_material",
];

/// Starts it, if asked for.
pub(crate) fn install() {
    let Ok(filter) = std::env::var("INFRA_LOG") else {
        return;
    };
    if filter.is_empty() || filter == "off" {
        return;
    }
    // A bare level means our own rooms: the HTTP stacks' wire logs would carry bodies.
    let directives = if filter.contains(['=', ',']) {
        filter
    } else {
        [
            "infra",
            "infra_engine",
            "infra_state",
            "infra_lang",
            "infra_components",
            "infra_hardening",
            "infra_aws",
            "infra_builtin",
            "infra_sandbox",
        ]
        .map(|room| format!("{room}={filter}"))
        .join(",")
    };
    let filter = EnvFilter::builder().parse_lossy(directives);
    // Only one subscriber can be set, and this is the only place that does it.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Redacting)
        .with_ansi(false)
        .try_init();
}

#[derive(Clone, Copy)]
struct Redacting;

/// One event on its way out.
struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        let _ = io::stderr().lock().write_all(redact(&text).as_bytes());
    }
}

/// The text with the values of secret-sounding names taken out: `name=value`, `name: value`, `"name":"value"`.
fn redact(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let next = SECRET_NAMES
            .iter()
            .filter_map(|name| lower[at..].find(name).map(|i| at + i + name.len()))
            .min();
        let Some(end) = next else {
            break;
        };
        out.push_str(&text[at..end]);
        at = end;
        // The rest of the name, then what separates it from its value.
        let rest = &text[at..];
        let name_end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        let separator = rest[name_end..]
            .find(|c: char| !matches!(c, '"' | '\'' | '=' | ':' | ' ' | '\\'))
            .unwrap_or(rest.len() - name_end);
        let gap = &rest[..name_end + separator];
        if !gap.contains(['=', ':']) {
            continue;
        }
        out.push_str(gap);
        let value = &rest[gap.len()..];
        let quoted = gap.ends_with(['"', '\'']);
        let stop = |c: char| {
            if quoted {
                matches!(c, '"' | '\'')
            } else {
                matches!(c, ',' | '}' | ')' | '\n')
            }
        };
        let length = value.find(stop).unwrap_or(value.len());
        out.push_str("(redacted)");
        at += gap.len() + length;
    }
    out.push_str(&text[at.min(text.len())..]);
    out
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn secrets_are_taken_out_of_every_notation() {
        let cases = [
            ("password=hunter2, user=x", "password=(redacted), user=x"),
            (
                "\"db_password\":\"hunter2\",\"a\":1",
                "\"db_password\":\"(redacted)\",\"a\":1",
            ),
            (
                "Authorization: Bearer hunter2\nnext",
                "Authorization: (redacted)\nnext",
            ),
            (
                "secret_string: Some(\"hunter2\") }",
                "secret_string: (redacted)) }",
            ),
            ("a token was sent", "a token was sent"),
            ("nothing here", "nothing here"),
        ];
        for (given, expected) in cases {
            assert_eq!(redact(given), expected);
        }
    }
}
