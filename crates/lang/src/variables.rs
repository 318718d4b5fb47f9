//! The values of the variables in this run: the environment, then files and `-var` in their order, then the defaults.

use crate::blocks::fields::Reading;
use crate::blocks::variable::VariableDeclaration;
use crate::check::knowledge::{EmptyScope, Knowledge};
use crate::codes::Code;
use crate::eval::Evaluator;
use crate::locate::locate;
use crate::parse::node::Node;
use crate::parse::text::Text;
use crate::parse::{document, template};
use crate::report::{Report, error, suggesting};
use indexmap::IndexMap;
use infra_model::convert::{convert, normalise};
use infra_model::diagnostic::{Diagnostic, Sources, Span};
use infra_model::evaluate::Evaluate;
use infra_model::hash::HashMap;
use infra_model::program::{Condition, Variable};
use infra_model::value::Marks;
use infra_model::{ScopePath, Str, Timestamp, Type, Value};

/// The prefix of environment variables that set variables.
pub const ENVIRONMENT_PREFIX: &str = "INFRA_VAR_";

/// Values given on the command line, in their order.
#[derive(Clone, Debug)]
pub enum Given {
    /// `-var NAME=VALUE`
    Value {
        /// Before the `=`.
        name: String,
        /// After it.
        value: String,
    },
    /// `-var-file`: TOML, or JSON when the name ends so.
    File {
        /// As the user wrote it.
        name: String,
        /// What is in it.
        text: String,
    },
}

/// A value that has not met its declaration yet.
struct Candidate {
    value: Raw,
    /// `-var`, a file's name, an environment variable.
    source: String,
}

enum Raw {
    Text(String),
    Node(Node),
}

/// Everything that gives variables their values.
pub(crate) struct Resolving<'a> {
    pub(crate) declarations: &'a IndexMap<Str, VariableDeclaration>,
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) reading: Reading<'a>,
    pub(crate) now: Timestamp,
    /// Whether one without value is an error; else it is unknown.
    pub(crate) required: bool,
}

impl Resolving<'_> {
    /// All variables with their values.
    pub(crate) fn resolve(
        &self,
        environment: &[(String, String)],
        given: &[Given],
    ) -> IndexMap<Str, Variable> {
        let mut candidates: HashMap<&str, Candidate> = HashMap::default();
        for (name, value) in environment {
            // An environment may hold what other stacks need.
            let name = name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(name);
            if let Some((declared, _)) = self.declarations.get_key_value(name) {
                candidates.insert(
                    declared,
                    Candidate {
                        value: Raw::Text(value.clone()),
                        source: format!("{ENVIRONMENT_PREFIX}{name}"),
                    },
                );
            }
        }
        for given in given {
            match given {
                Given::Value { name, value } => match self.declarations.get_key_value(&**name) {
                    Some((declared, _)) => {
                        candidates.insert(
                            declared,
                            Candidate {
                                value: Raw::Text(value.clone()),
                                source: "-var".to_owned(),
                            },
                        );
                    }
                    None => self.undeclared(name),
                },
                Given::File { name, text } => {
                    self.file(name, text, &mut candidates);
                }
            }
        }
        self.declarations
            .iter()
            .map(|(name, declaration)| {
                let value = self.value(name, declaration, candidates.remove(&**name));
                let marks = Marks {
                    sensitive: declaration.sensitive,
                    ephemeral: declaration.ephemeral,
                };
                let variable = Variable {
                    ty: declaration.ty.clone(),
                    value: value.with_marks(marks),
                    sensitive: declaration.sensitive,
                    ephemeral: declaration.ephemeral,
                    validations: Vec::new(),
                    description: declaration.description.clone(),
                    span: declaration.span,
                };
                (name.clone(), variable)
            })
            .collect()
    }

    fn undeclared(&self, name: &str) {
        let diagnostic = Diagnostic::error(
            Code::UndeclaredVariable,
            format!("`-var` gives a value to `{name}`, which the stack does not declare"),
        );
        self.reading.report.push(suggesting(
            diagnostic,
            name,
            self.declarations.keys().map(|k| &**k),
            &format!("declare it as `[variables.{name}]`, or leave it out"),
        ));
    }

    /// A file of values. It may hold secrets, so no line of it is ever drawn: its places are told in words.
    fn file<'c>(&'c self, name: &str, text: &str, candidates: &mut HashMap<&'c str, Candidate>) {
        let mut sources = Sources::default();
        let file = sources.add(name, text);
        let report = self.reading.report;
        let silent = Report::default();
        let refuse = |place: Option<String>, problem: &str| {
            let place = place.unwrap_or_else(|| name.to_owned());
            report.push(
                Diagnostic::error(
                    Code::TomlSyntax,
                    format!("{place} is not a file of values: {problem}"),
                )
                .help("give one `NAME = VALUE` a line, as TOML"),
            );
        };
        let table = if name.ends_with(".json") {
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(json) => Node::of_json(&json, Span::default()).as_table().cloned(),
                Err(problem) => {
                    refuse(None, &problem.to_string());
                    None
                }
            }
        } else {
            document::parse(text, file, &silent)
        };
        for problem in silent.into_diagnostics() {
            let label = problem.labels.first();
            let place = label.and_then(|(span, _)| sources.place(*span));
            let words = match label {
                Some((_, label)) if !label.is_empty() => label,
                _ => &problem.message,
            };
            refuse(place, words);
        }
        for (key, entry) in table.unwrap_or_default().entries {
            let place = sources
                .place(entry.key_span())
                .filter(|_| !name.ends_with(".json"))
                .unwrap_or_else(|| name.to_owned());
            let Some((declared, _)) = self.declarations.get_key_value(&*key) else {
                let warning = Diagnostic::warning(
                    Code::UndeclaredVariable,
                    format!("{place} gives a value to `{key}`, which the stack does not declare"),
                );
                report.push(suggesting(
                    warning,
                    &key,
                    self.declarations.keys().map(|k| &**k),
                    "declare it, or take the line out; a file may serve several stacks",
                ));
                continue;
            };
            candidates.insert(
                declared,
                Candidate {
                    value: Raw::Node(entry.node),
                    source: place,
                },
            );
        }
    }

    fn value(
        &self,
        name: &str,
        declaration: &VariableDeclaration,
        candidate: Option<Candidate>,
    ) -> Value {
        let default = self.default(name, declaration);
        let Some(candidate) = candidate else {
            return match default {
                Some(value) => value,
                None if self.required && declaration.default.is_none() => {
                    self.reading.report.push(
                        error(
                            Code::MissingVariable,
                            format!("the variable `{name}` has no value"),
                            declaration.span,
                            "neither a default nor a value",
                        )
                        .help(format!(
                            "give one with `-var {name}=VALUE`, in a file given with `-var-file`, or as {ENVIRONMENT_PREFIX}{name} in the environment"
                        )),
                    );
                    Value::Unknown(declaration.ty.clone())
                }
                None => Value::Unknown(declaration.ty.clone()),
            };
        };
        match self.read(&candidate, declaration) {
            Ok(value) if value.is_null() && !declaration.nullable => {
                default.unwrap_or_else(|| Value::Unknown(declaration.ty.clone()))
            }
            Ok(value) => value,
            Err(problem) => {
                // The problem with a secret may quote it.
                let problem = if declaration.sensitive || declaration.ephemeral {
                    format!("it is not of type {}", declaration.ty)
                } else {
                    problem
                };
                self.reading.report.push(error(
                    Code::BadVariableValue,
                    format!(
                        "the value of `{name}` from {} does not fit: {problem}",
                        candidate.source
                    ),
                    declaration.span,
                    format!("declared as {}", declaration.ty),
                ));
                Value::Unknown(declaration.ty.clone())
            }
        }
    }

    /// The default as a constant of the declared type.
    pub(crate) fn default(&self, name: &str, declaration: &VariableDeclaration) -> Option<Value> {
        let expr = declaration.default.as_ref()?;
        let scope = EmptyScope {
            now: self.now,
            refusal: "the default of a variable cannot refer to anything",
        };
        let value = match self.evaluator.evaluate(expr, &scope) {
            Ok(value) => value,
            Err(found) => {
                self.reading
                    .report
                    .extend(found.into_iter().map(|d| d.or_at(expr.span)));
                return Some(Value::Unknown(declaration.ty.clone()));
            }
        };
        match convert(&value, &declaration.ty) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.reading.report.push(
                    error(
                        Code::BadVariableValue,
                        format!("the default of `{name}` does not fit: {problem}"),
                        locate(expr, &problem.path).value,
                        "",
                    )
                    .at(declaration.span, format!("declared as {}", declaration.ty)),
                );
                Some(Value::Unknown(declaration.ty.clone()))
            }
        }
    }

    /// The value that was given, or what is wrong with it.
    fn read(
        &self,
        candidate: &Candidate,
        declaration: &VariableDeclaration,
    ) -> Result<Value, String> {
        let silent = Report::default();
        let expr = match &candidate.value {
            // Plain types take the text as it is; for the others it is HCL.
            Raw::Text(text) if declaration.ty.is_primitive() || declaration.ty == Type::Any => {
                let value = Value::String(normalise(text));
                return convert(&value, &declaration.ty).map_err(|problem| problem.to_string());
            }
            Raw::Text(text) => template::of_bare(
                &Text::fixed(text, Span::default()),
                self.reading.names,
                &silent,
            ),
            Raw::Node(node) => Some(crate::parse::expression_of(
                node,
                self.reading.names,
                &silent,
            )),
        };
        let first = |found: Vec<Diagnostic>| {
            let message = found.into_iter().next().map(|d| d.message);
            message.unwrap_or_else(|| "it has no value".to_owned())
        };
        let Some(expr) = expr.filter(|_| !silent.has_errors()) else {
            return Err(first(silent.into_diagnostics()));
        };
        let scope = EmptyScope {
            now: self.now,
            refusal: "a value cannot refer to anything",
        };
        let value = self.evaluator.evaluate(&expr, &scope).map_err(first)?;
        convert(&value, &declaration.ty).map_err(|problem| problem.to_string())
    }

    /// The stack's own conditions on its variables, over all that is known before anything is planned. Those that are not
    /// known to hold yet are left to the plan.
    pub(crate) fn validate(&self, knowledge: &Knowledge, variables: &mut IndexMap<Str, Variable>) {
        let root = ScopePath::root();
        for (name, declaration) in self.declarations {
            let validation = Validation {
                name,
                declared: declaration.span,
                path: &root,
                knowledge,
                report: self.reading.report,
            };
            if let Some(variable) = variables.get_mut(name) {
                let all = declaration.validations.iter();
                variable.validations = all.filter(|c| !validation.decided(c)).cloned().collect();
            }
        }
    }
}

/// The conditions on one variable, of the stack or of a module.
pub(crate) struct Validation<'a> {
    pub(crate) name: &'a str,
    pub(crate) declared: Span,
    /// Where it is declared: conditions are evaluated there.
    pub(crate) path: &'a ScopePath,
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) report: &'a Report,
}

impl Validation<'_> {
    /// Whether a condition is known; one that does not hold is reported.
    pub(crate) fn decided(&self, condition: &Condition) -> bool {
        let (knowledge, report) = (self.knowledge, self.report);
        let scope = knowledge.scope(self.path);
        let holds = match knowledge.evaluate(&condition.condition, &scope) {
            Ok(value) => convert(value.bare(), &Type::Bool),
            Err(found) => {
                report.extend(found);
                return true;
            }
        };
        match holds {
            Ok(Value::Bool(true)) => true,
            Ok(Value::Unknown(_)) => false,
            Ok(Value::Bool(false)) => {
                let message = match knowledge.evaluate(&condition.message, &scope) {
                    Ok(value) if value.deep_marks().sensitive => {
                        "the message is about a sensitive value and is not shown".to_owned()
                    }
                    Ok(value) => match convert(value.bare(), &Type::String) {
                        Ok(text) => text.as_str().unwrap_or_default().to_owned(),
                        Err(_) => String::new(),
                    },
                    Err(found) => {
                        report.extend(found);
                        String::new()
                    }
                };
                report.push(
                    error(
                        Code::ValidationFailed,
                        format!("the value of `{}` is refused: {message}", self.name),
                        condition.condition.span,
                        "this does not hold",
                    )
                    .at(self.declared, "the variable"),
                );
                true
            }
            _ => {
                report.error(
                    Code::WrongType,
                    "a condition: a bool is required",
                    condition.condition.span,
                    "",
                );
                true
            }
        }
    }
}
