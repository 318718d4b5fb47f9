//! Draws diagnostics: what is wrong, the source underlined, what to do. Never a debug dump.

use super::fix;
use super::literal::tame;
use super::paint::Paint;
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Severity, Sources};
use miette::{
    Diagnostic as Drawable, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource,
    SourceCode,
};
use std::fmt;
use std::sync::Arc;

/// How wide and how colourful.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canvas {
    pub(crate) colours: bool,
    pub(crate) width: usize,
}

/// One diagnostic as text that ends in a line break.
pub(crate) fn draw(diagnostic: &Diagnostic, sources: &Sources, canvas: Canvas) -> String {
    let theme = if canvas.colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(canvas.width)
        .with_context_lines(1)
        .with_links(false)
        .with_wrap_lines(true);
    let mut text = String::new();
    let drawn = Drawn::new(diagnostic, sources);
    if handler.render_report(&mut text, &drawn).is_err() {
        // A place that does not fit its text: the message still matters.
        text = format!("  × {}\n", tame(&diagnostic.message));
    }
    // The handler begins with an empty line when there is a code; one such line stands between reports in any case.
    let text = text.trim_start_matches('\n').trim_end();
    let mend = fix::diff(&diagnostic.fix, sources, Paint::of(canvas.colours));
    format!("{text}\n{mend}")
}

/// A diagnostic with the file of its main place; places in other files become related remarks.
#[derive(Debug)]
struct Drawn {
    severity: miette::Severity,
    message: String,
    code: Option<Code>,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<NamedSource<Arc<str>>>,
    related: Vec<Drawn>,
}

impl Drawn {
    fn new(diagnostic: &Diagnostic, sources: &Sources) -> Drawn {
        let message = match &diagnostic.address {
            Some(address) if !diagnostic.message.contains(address.as_str()) => {
                format!("{address}: {}", diagnostic.message)
            }
            _ => diagnostic.message.clone(),
        };
        let mut drawn = Drawn {
            severity: match diagnostic.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            message: tame(&message),
            code: Some(diagnostic.code),
            help: diagnostic.help.as_deref().map(tame),
            labels: Vec::new(),
            source: None,
            related: Vec::new(),
        };
        let main = diagnostic.labels.first().map(|(span, _)| span.file);
        for (span, label) in &diagnostic.labels {
            let Some(file) = sources.file(span.file) else {
                continue;
            };
            let length = u32::try_from(file.text.len()).unwrap_or(u32::MAX);
            let (start, end) = (span.start.min(length), span.end.min(length));
            let label = Some(tame(label)).filter(|l| !l.is_empty());
            let mark = |label: Option<String>| {
                LabeledSpan::new(label, start as usize, end.saturating_sub(start) as usize)
            };
            let source = || NamedSource::new(&*file.name, file.text.clone());
            if Some(span.file) == main {
                drawn.labels.push(mark(label));
                drawn.source.get_or_insert_with(source);
            } else {
                drawn.related.push(Drawn {
                    severity: miette::Severity::Advice,
                    message: label.unwrap_or_else(|| "see also".to_owned()),
                    code: None,
                    help: None,
                    labels: vec![mark(None)],
                    source: Some(source()),
                    related: Vec::new(),
                });
            }
        }
        drawn
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl Drawable for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|c| Box::new(c) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| s as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Drawable> + 'a>> {
        (!self.related.is_empty())
            .then(|| Box::new(self.related.iter().map(|d| d as &dyn Drawable)) as Box<_>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::diagnostic::Span;

    const CANVAS: Canvas = Canvas {
        colours: false,
        width: 80,
    };

    #[test]
    fn a_place_is_underlined_and_other_files_follow() {
        let mut sources = Sources::default();
        let main = sources.add(
            "stacks/prod.toml",
            "[network.main]\ncidr = \"10.0.0.0/16\"\nzoness = 3\n",
        );
        let base = sources.add("stacks/base.toml", "[network.main]\nzones = 2\n");
        let diagnostic = Diagnostic::error(Code::UnknownKey, "there is no attribute `zoness`")
            .at(
                Span {
                    file: main,
                    start: 36,
                    end: 42,
                },
                "did you mean `zones`?",
            )
            .at(
                Span {
                    file: base,
                    start: 15,
                    end: 20,
                },
                "it is set here",
            )
            .help("a network has: cidr, zones, …");
        insta::assert_snapshot!(draw(&diagnostic, &sources, CANVAS));
    }

    #[test]
    fn without_a_place_the_address_leads() {
        let diagnostic =
            Diagnostic::warning(Code::Advice, "this takes long\u{1b}[2J").about("aws_vpc.main");
        insta::assert_snapshot!(draw(&diagnostic, &Sources::default(), CANVAS));
    }
}
