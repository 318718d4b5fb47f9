//! The two streams: results to standard output, talk to standard error. The only place that writes to either.

use crate::render::diagnostic::{Canvas, draw};
use crate::render::json::diagnostic::diagnostic_json;
use crate::render::paint::{Paint, Surroundings};
use console::Term;
use infra_model::diagnostic::{Diagnostic, Severity, Sources};
use serde_json::{Map, Value as Json};
use std::io::{self, BufRead, IsTerminal, Write};

/// The widest a diagnostic is drawn; without a terminal, exactly so wide.
const WIDTH: usize = 100;

/// Where output goes and what it looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    /// How results are decorated.
    pub(crate) out: Paint,
    /// How talk is decorated.
    pub(crate) err: Paint,
    width: usize,
    /// Everything is one JSON object a line on standard output.
    stream: bool,
}

impl Ui {
    /// For this process.
    pub(crate) fn of_process(no_color: bool) -> Ui {
        let surroundings = Surroundings::of_process(no_color);
        let (out, err) = (Term::stdout(), Term::stderr());
        Ui {
            out: Paint::for_stream(surroundings, &out),
            err: Paint::for_stream(surroundings, &err),
            width: if err.is_term() {
                usize::from(err.size().1).clamp(40, WIDTH)
            } else {
                WIDTH
            },
            stream: false,
        }
    }

    /// As a stream of JSON objects, if asked for.
    pub(crate) fn streaming(mut self, json: bool) -> Ui {
        self.stream = json;
        self
    }

    /// Whether output is a stream of JSON objects.
    pub(crate) fn is_stream(self) -> bool {
        self.stream
    }

    /// The width of the terminal that talk goes to.
    pub(crate) fn columns(self) -> usize {
        usize::from(Term::stderr().size().1)
    }

    /// Whether a person sits at both ends.
    pub(crate) fn is_interactive(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether lines on standard error can be redrawn.
    pub(crate) fn can_redraw(self) -> bool {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        io::stderr().is_terminal() && !dumb
    }

    /// A result, as it is.
    pub(crate) fn result(self, text: &str) {
        // Whoever reads may have gone away: then there is nobody to tell.
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// A result as JSON over several lines.
    pub(crate) fn json(self, value: &Json) {
        self.result(&format!("{value:#}\n"));
    }

    /// A line of talk; a stream of JSON has none.
    pub(crate) fn talk(self, text: &str) {
        if !self.stream {
            say(text);
        }
    }

    /// One event of the JSON stream, in the shape of Terraform's machine-readable output.
    pub(crate) fn event(self, level: &str, kind: &str, message: &str, fields: Map<String, Json>) {
        let mut event = Map::new();
        event.insert("@level".into(), level.into());
        event.insert("@message".into(), message.into());
        event.insert("@module".into(), "infra.ui".into());
        event.insert(
            "@timestamp".into(),
            jiff::Timestamp::now().to_string().into(),
        );
        event.insert("type".into(), kind.into());
        event.extend(fields);
        self.result(&format!("{}\n", Json::Object(event)));
    }

    /// Problems, where the reader of this kind of output looks for them.
    pub(crate) fn diagnostics(self, diagnostics: &[Diagnostic], sources: &Sources) {
        for diagnostic in diagnostics {
            if self.stream {
                let (level, word) = match diagnostic.severity {
                    Severity::Error => ("error", "Error"),
                    Severity::Warning => ("warn", "Warning"),
                };
                let mut fields = Map::new();
                fields.insert("diagnostic".into(), diagnostic_json(diagnostic, sources));
                self.event(
                    level,
                    "diagnostic",
                    &format!("{word}: {}", diagnostic.message),
                    fields,
                );
            } else {
                let canvas = Canvas {
                    colours: self.err.enabled(),
                    width: self.width,
                };
                say(&draw(diagnostic, sources, canvas));
            }
        }
    }

    /// Asks a question; the answer without white space around it.
    pub(crate) fn ask(self, question: &str) -> Option<String> {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question}");
        let _ = err.flush();
        let mut answer = String::new();
        match io::stdin().lock().read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim().to_owned()),
        }
    }
}

/// A line to the person at the terminal.
pub(crate) fn say(text: &str) {
    // One write, so that lines of two processes do not mix. Nobody is left to tell if it cannot be made.
    let _ = io::stderr().lock().write_all(
        format!(
            "{text}
"
        )
        .as_bytes(),
    );
}
