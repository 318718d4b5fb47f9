//! What is wrong, where, and what to do about it. Rendering is the binary's business.

use crate::codes::Code;
use crate::fix::Edit;
use crate::near::near;
use crate::value::Str;
use serde::Serialize;
use std::sync::Arc;

/// Index of a file in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u16);

/// Bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// The texts that spans point into.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// One text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user knows it: a path relative to where the command runs.
    pub name: Str,
    /// Its contents.
    pub text: Arc<str>,
}

impl Sources {
    /// Adds a text and returns its id.
    ///
    /// # Panics
    /// Past 65,535 files.
    pub fn add(&mut self, name: impl Into<Str>, text: impl Into<Arc<str>>) -> FileId {
        let id =
            FileId(u16::try_from(self.files.len()).expect("a program has fewer than 65,536 files"));
        self.files.push(SourceFile {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    /// The file of a span; `None` for text that was never registered.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::from(id.0))
    }

    /// All files in the order they were added.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// `stacks/prod.toml:14`.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<String> {
        let file = self.file(span.file)?;
        let before = file.text.get(..span.start as usize)?;
        Some(format!(
            "{}:{}",
            file.name,
            before.bytes().filter(|b| *b == b'\n').count() + 1
        ))
    }
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// The run cannot go on.
    Error,
}

/// One message to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of mistake it is, for `infra explain`.
    pub code: Code,
    /// What is wrong, one sentence without a full stop at the end.
    pub message: String,
    /// Places in the source with a word each; the first is the main one.
    pub labels: Vec<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
    /// The resource or component it is about, when no place says it.
    pub address: Option<String>,
    /// The mend, where it is certain: replacements that belong together.
    pub fix: Vec<Edit>,
}

/// Several messages.
pub type Diagnostics = Vec<Diagnostic>;

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            address: None,
            fix: Vec::new(),
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// With a place.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.labels.push((span, label.into()));
        self
    }

    /// With a place, unless it has one already: the innermost place is the best.
    #[must_use]
    pub fn or_at(self, span: Span) -> Diagnostic {
        if self.labels.is_empty() {
            self.at(span, "")
        } else {
            self
        }
    }

    /// With a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With a mend that is certain: what to write at a place instead of what stands there.
    #[must_use]
    pub fn replace(
        mut self,
        span: Span,
        old: impl Into<String>,
        new: impl Into<String>,
    ) -> Diagnostic {
        self.fix.push(Edit {
            span,
            old: old.into(),
            new: new.into(),
        });
        self
    }

    /// About a resource.
    #[must_use]
    pub fn about(mut self, address: impl ToString) -> Diagnostic {
        self.address = Some(address.to_string());
        self
    }

    /// Whether it stops the run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The candidate most like `word`, if one is close enough to be meant.
#[must_use]
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    near(word, candidates).map(|near| near.name)
}

/// What a message about an unknown `word` ends in: `` ; did you mean `x`? ``, or nothing.
#[must_use]
pub fn meant<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, candidates)
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}
