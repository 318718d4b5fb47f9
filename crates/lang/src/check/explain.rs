//! Problems of a configuration in words, at their places, with what to write instead.

use crate::codes::Code;
use crate::locate::{Place, locate};
use crate::report::{Report, error, suggesting};
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::{Expr, ExprKind};
use infra_model::near::near;
use infra_model::path::{Path, Step};
use infra_model::schema::{Block, ConfigError};
use infra_model::{Type, Value};

/// What a configuration is of, for messages.
pub(crate) struct Subject<'a> {
    /// `aws_vpc`
    pub(crate) type_name: &'a str,
    /// The block's header.
    pub(crate) header: Span,
    /// What a component's `override` says about this native resource: there its attributes are written.
    pub(crate) overrides: Vec<&'a Expr>,
}

impl<'a> Subject<'a> {
    /// A block of the file.
    pub(crate) fn of(type_name: &'a str, header: Span) -> Subject<'a> {
        Subject {
            type_name,
            header,
            overrides: Vec::new(),
        }
    }
}

/// A configuration beside its schema.
pub(crate) struct Explaining<'a> {
    pub(crate) root: &'a Block,
    pub(crate) value: &'a Value,
    pub(crate) config: &'a Expr,
    pub(crate) subject: &'a Subject<'a>,
}

impl Explaining<'_> {
    /// Every problem; one that is required is not missed beside the misspelling of it.
    pub(crate) fn all(&self, problems: &[ConfigError]) -> Vec<Diagnostic> {
        let misspelt = |missing: &ConfigError| {
            problems.iter().any(|other| {
                let (Some(parent), Some(name)) =
                    (missing.path.0.split_last(), missing.path.0.last())
                else {
                    return false;
                };
                let Some((Step::Attribute(word), beside)) = other.path.0.split_last() else {
                    return false;
                };
                let (block, _) = innermost(self.root, &other.path);
                let unknown = block.is_some_and(|b| !knows(b, word));
                let Step::Attribute(name) = name else {
                    return false;
                };
                unknown && beside == parent.1 && near(word, [&**name]).is_some()
            })
        };
        problems
            .iter()
            .filter(|problem| !(self.is_missing(problem) && misspelt(problem)))
            .map(|problem| self.one(problem))
            .collect()
    }

    fn place(&self, path: &Path) -> Place {
        let written = self
            .subject
            .overrides
            .iter()
            .map(|config| locate(config, path))
            .find(|place| place.exact);
        written.unwrap_or_else(|| locate(self.config, path))
    }

    /// Whether something required is not there.
    fn is_missing(&self, problem: &ConfigError) -> bool {
        let (Some(block), Some(name)) = innermost(self.root, &problem.path) else {
            return false;
        };
        let absent = !self.place(&problem.path).exact
            || problem.path.get(self.value).is_some_and(Value::is_null);
        absent
            && (block.attributes.get(name).is_some_and(|a| a.required)
                || block.blocks.get(name).is_some_and(|b| b.min > 0))
    }

    fn one(&self, problem: &ConfigError) -> Diagnostic {
        let place = self.place(&problem.path);
        let (block, name) = innermost(self.root, &problem.path);
        let inside = match problem.path.0.len() {
            0 | 1 => format!("`{}`", self.subject.type_name),
            n => format!(
                "`{}` of `{}`",
                Path(problem.path.0[..n - 1].to_vec()),
                self.subject.type_name
            ),
        };
        let what = match name {
            Some(name) if problem.path.0.len() == 1 => {
                format!("`{name}` of `{}`", self.subject.type_name)
            }
            _ if problem.path.0.is_empty() => format!("`{}`", self.subject.type_name),
            _ => format!("`{}` of `{}`", problem.path, self.subject.type_name),
        };
        if let (Some(block), Some(name)) = (block, name) {
            if !knows(block, name) {
                return suggesting(
                    error(
                        Code::UnknownArgument,
                        format!("{inside} has no attribute `{name}`"),
                        place.key,
                        "unknown",
                    ),
                    name,
                    settable(block),
                    &match settable(block).count() {
                        0..=12 => String::new(),
                        _ => format!("`infra docs {}` lists what it has", self.subject.type_name),
                    },
                );
            }
            if self.is_missing(problem) {
                return self.missing(problem, &place, block, &inside, name);
            }
            if let Some(attribute) = block.attributes.get(name)
                && attribute.computed
                && !attribute.optional
                && !attribute.required
            {
                return error(
                    Code::ComputedSet,
                    format!("{what}: {}", problem.message),
                    place.key,
                    "computed",
                )
                .help("leave it out; to manage an object that exists already, use `infra import`");
            }
        }
        let at = if place.exact { place.value } else { place.key };
        let given = problem.path.get(self.value).filter(|v| !v.is_null());
        let is_shape = problem.message.ends_with("required");
        let label = given
            .filter(|v| is_shape && v.deep_marks().is_empty())
            .map(|v| v.ty().friendly())
            .filter(|ty| ty != "any type")
            .map_or_else(String::new, |ty| format!("this is {} {ty}", article(&ty)));
        let diagnostic = error(
            Code::WrongType,
            format!("{what}: {}", problem.message),
            at,
            label,
        );
        let wanted = block
            .zip(name)
            .and_then(|(block, name)| Some(&block.attributes.get(name)?.ty));
        match (given, wanted) {
            (Some(given), Some(wanted)) if is_shape => mend(diagnostic, given, wanted, at),
            _ => diagnostic,
        }
    }

    fn missing(
        &self,
        problem: &ConfigError,
        place: &Place,
        block: &Block,
        inside: &str,
        name: &str,
    ) -> Diagnostic {
        let parent = Path(problem.path.0[..problem.path.0.len() - 1].to_vec());
        let at = if place.exact {
            place.value
        } else if parent.0.is_empty() {
            self.subject.header
        } else {
            locate(self.config, &parent).key
        };
        let (kind, doc, example) = match block.attributes.get(name) {
            Some(attribute) => ("attribute", &attribute.doc, example(&attribute.ty)),
            None => ("block", &block.blocks[name].doc, "{ … }"),
        };
        let meaning = doc
            .split(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches('.');
        let meaning = match meaning.lines().next() {
            Some(first) if !first.is_empty() => format!(" ({})", first.trim()),
            _ => String::new(),
        };
        error(
            Code::MissingRequired,
            format!("{inside} needs the {kind} `{name}`"),
            at,
            format!("`{name}` is missing"),
        )
        .help(format!("write `{name} = {example}`{meaning}"))
    }
}

/// What to write for a value of the wrong type, and the mend where there is only one.
fn mend(diagnostic: Diagnostic, given: &Value, wanted: &Type, at: Span) -> Diagnostic {
    let single = matches!(
        given.bare(),
        Value::String(_) | Value::Number(_) | Value::Bool(_)
    );
    match wanted {
        Type::Bool => match given.bare().as_str().map(str::to_lowercase).as_deref() {
            Some(word @ ("yes" | "on" | "y")) => truth(diagnostic, given, word, "true", at),
            Some(word @ ("no" | "off" | "n")) => truth(diagnostic, given, word, "false", at),
            _ => diagnostic.help("write `true` or `false`, without quotes"),
        },
        Type::Number => diagnostic.help("write a number, without quotes"),
        Type::List(element) | Type::Set(element) if single && is_primitive(element) => {
            let (start, end) = (
                Span {
                    end: at.start,
                    ..at
                },
                Span {
                    start: at.end,
                    ..at
                },
            );
            diagnostic
                .help("an array of one is written `[…]`")
                .replace(start, "", "[")
                .replace(end, "", "]")
        }
        Type::List(_) | Type::Set(_) => diagnostic.help("write an array: `[…, …]`"),
        Type::Map(_) => diagnostic.help("write a table: `{ name = … }`"),
        Type::String if given.bare().elements().is_some() => diagnostic
            .help("one value is wanted: take an element (`[0]`), or join them (`join(\",\", …)`)"),
        _ => diagnostic,
    }
}

fn truth(diagnostic: Diagnostic, given: &Value, word: &str, truth: &str, at: Span) -> Diagnostic {
    let written = given.bare().as_str().unwrap_or(word);
    diagnostic
        .help(format!("write `{truth}`"))
        .replace(at, format!("\"{written}\""), truth)
}

fn is_primitive(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Number | Type::Bool)
}

/// What a value of a type looks like.
fn example(ty: &Type) -> &'static str {
    match ty {
        Type::String => "\"…\"",
        Type::Number | Type::Any => "…",
        Type::Bool => "true",
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => "[…]",
        Type::Map(_) | Type::Object(_) => "{ … }",
    }
}

/// `a` or `an`.
pub(crate) fn article(name: &str) -> &'static str {
    if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

fn knows(block: &Block, name: &str) -> bool {
    block.attributes.contains_key(name) || block.blocks.contains_key(name)
}

/// The names that a configuration can set.
fn settable(block: &Block) -> impl Iterator<Item = &str> {
    block
        .attributes
        .iter()
        .filter(|(_, a)| a.required || a.optional)
        .map(|(name, _)| &**name)
        .chain(block.blocks.keys().map(|name| &**name))
}

/// The schema block that the last attribute of a path belongs to, and that attribute; `None` inside a value.
fn innermost<'a>(root: &'a Block, path: &'a Path) -> (Option<&'a Block>, Option<&'a str>) {
    let mut block = root;
    let mut steps = path.0.iter().peekable();
    let mut name = None;
    while let Some(step) = steps.next() {
        match step {
            Step::Attribute(attribute) => {
                name = Some(&**attribute);
                if steps.peek().is_none() {
                    return (Some(block), name);
                }
                match block.blocks.get(attribute) {
                    Some(nested) => block = &nested.block,
                    None => return (None, name),
                }
            }
            Step::Index(_) => {}
            Step::Key { .. } => return (None, name),
        }
    }
    (None, name)
}

/// Numbers that stand where text is meant and would come out as other text than is written: `1.30` as `1.3`.
pub(crate) fn lossy_texts(block: &Block, config: &Expr, what: &str, report: &Report) -> bool {
    let ExprKind::Object(items) = &*config.kind else {
        return match &*config.kind {
            ExprKind::Tuple(items) => any(items
                .iter()
                .map(|item| lossy_texts(block, item, what, report))),
            _ => false,
        };
    };
    let mut found = false;
    for (key, value) in items {
        let Some(name) = key.as_literal().and_then(Value::as_str) else {
            continue;
        };
        if let Some(attribute) = block.attributes.get(name) {
            found |= lossy_text(
                &attribute.ty,
                value,
                &format!("`{name}` of `{what}`"),
                report,
            );
        } else if let Some(nested) = block.blocks.get(name) {
            found |= lossy_texts(&nested.block, value, what, report);
        }
    }
    found
}

/// Whether one of them is true; unlike [`Iterator::any`] it asks them all.
fn any(found: impl Iterator<Item = bool>) -> bool {
    found.filter(|found| *found).count() > 0
}

/// Whether such a number stands where this type wants text; it is reported.
pub(crate) fn lossy_text(ty: &Type, value: &Expr, what: &str, report: &Report) -> bool {
    match (ty, &*value.kind) {
        (Type::String, ExprKind::Literal(Value::Number(number))) => {
            let Some(written) = report.written(value.span) else {
                return false;
            };
            report.push(
                error(
                    Code::LossyText,
                    format!("{what} is text, and `{written}` is a number"),
                    value.span,
                    format!("this would become \"{number}\""),
                )
                .help(format!("put it in quotes: `\"{written}\"`"))
                .replace(value.span, &*written, format!("\"{written}\"")),
            );
            true
        }
        (Type::List(element) | Type::Set(element), ExprKind::Tuple(items)) => any(items
            .iter()
            .map(|item| lossy_text(element, item, what, report))),
        (Type::Map(element), ExprKind::Object(items)) => any(items
            .iter()
            .map(|(_, item)| lossy_text(element, item, what, report))),
        _ => false,
    }
}
