//! Evaluates everything as far as it is known and holds it against the schemas: wrong types, missing and unknown attributes,
//! expressions that cannot succeed.

use crate::check::ephemeral;
use crate::check::knowledge::{Knowledge, StaticScope};
use crate::check::repeat;
use crate::codes::Code;
use crate::locate::{Place, locate};
use crate::report::{Report, error, suggest};
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::Expr;
use infra_model::path::{Path, Step};
use infra_model::program::{
    Condition, IgnoreChanges, Import, Output, ProviderBlock, ResourceBlock,
};
use infra_model::schema::{Block, ConfigError, Schema};
use infra_model::{Type, Value};

/// Checks configurations against what is known.
pub(crate) struct Values<'a> {
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) report: &'a Report,
}

impl Values<'_> {
    /// A resource or data source.
    pub(crate) fn block(&self, block: &ResourceBlock, schema: Option<&Schema>) {
        let scope = self.knowledge.scope(&block.address.scope);
        let repetition =
            repeat::instances(&block.repeat, self.knowledge, &scope, self.report).representative();
        let mut scope = StaticScope {
            each: repetition.each,
            count: repetition.count,
            ..scope
        };
        let value = self.value(&block.config, &scope);
        if let Some(schema) = schema {
            if let Some(value) = value {
                let what = Subject {
                    type_name: &schema.type_name,
                    header: block.span,
                };
                self.coerce(&schema.block, &value, &block.config, &what);
                ephemeral::stored(
                    &schema.block,
                    &value,
                    &block.config,
                    &schema.type_name,
                    self.report,
                );
            }
            self.ignored(block, schema);
        }
        if let Some(key) = &block.provider_key {
            self.converts(key, &Type::String, &scope, "the key of a provider");
        }
        if let Some(prevent) = &block.lifecycle.prevent_destroy {
            self.converts(prevent, &Type::Bool, &scope, "`prevent_destroy`");
        }
        self.conditions(&block.lifecycle.preconditions, &scope);
        scope.this = Some(schema.map_or(Type::Any, |s| s.implied_type().clone()));
        self.conditions(&block.lifecycle.postconditions, &scope);
    }

    /// An import: its keys are strings or numbers, its ids strings.
    pub(crate) fn import(&self, import: &Import, scope: &StaticScope<'_>) {
        let repetition =
            repeat::instances(&import.repeat, self.knowledge, scope, self.report).representative();
        let scope = StaticScope {
            each: repetition.each,
            ..self.knowledge.scope(scope.path)
        };
        if let Some(key) = &import.key {
            self.converts(key, &Type::String, &scope, "the key of an import");
        }
        if let Some(id) = self.converts(&import.id, &Type::String, &scope, "the id of an import")
            && (id.is_null() || id.bare().as_str() == Some(""))
        {
            self.report.error(
                Code::WrongType,
                "the id of an import: it is empty",
                import.id.span,
                "nothing has this id",
            );
        }
    }

    /// An output, with the type that it declares.
    pub(crate) fn output(&self, name: &str, output: &Output, scope: &StaticScope<'_>) {
        let value = match &output.ty {
            Some(ty) => self.converts(&output.value, ty, scope, "the value of an output"),
            None => self.value(&output.value, scope),
        };
        if value.is_some_and(|value| value.deep_marks().ephemeral) {
            self.report.push(ephemeral::refusal(
                format!("the output `{name}` would store an ephemeral value"),
                output.value.span,
            ));
        }
    }

    /// A provider's configuration.
    pub(crate) fn provider(&self, provider: &ProviderBlock, block: &Block) {
        let scope = self.knowledge.scope(&provider.scope);
        if let Some(value) = self.value(&provider.config, &scope) {
            let name = format!("clouds.{}", provider.address);
            let what = Subject {
                type_name: &name,
                header: provider.span,
            };
            self.coerce(block, &value, &provider.config, &what);
        }
    }

    /// The value of an expression; `None` after an error.
    pub(crate) fn value(&self, expr: &Expr, scope: &StaticScope<'_>) -> Option<Value> {
        match self.knowledge.evaluate(expr, scope) {
            Ok(value) => Some(value),
            Err(found) => {
                self.report.extend(found);
                None
            }
        }
    }

    /// The value of an expression as a type.
    pub(crate) fn converts(
        &self,
        expr: &Expr,
        ty: &Type,
        scope: &StaticScope<'_>,
        what: &str,
    ) -> Option<Value> {
        let value = self.value(expr, scope)?;
        match infra_model::convert::convert(&value, ty) {
            Ok(value) => Some(value),
            Err(problem) => {
                let place = locate(expr, &problem.path);
                self.report.error(
                    Code::WrongType,
                    format!("{what}: {}", problem.message),
                    place.value,
                    "",
                );
                None
            }
        }
    }

    /// Conditions and their messages.
    pub(crate) fn conditions(&self, conditions: &[Condition], scope: &StaticScope<'_>) {
        for condition in conditions {
            self.converts(&condition.condition, &Type::Bool, scope, "a condition");
            self.converts(
                &condition.message,
                &Type::String,
                scope,
                "the message of a condition",
            );
        }
    }

    /// Against a schema, with every problem at its place.
    pub(crate) fn coerce(
        &self,
        block: &Block,
        value: &Value,
        config: &Expr,
        subject: &Subject<'_>,
    ) -> Option<Value> {
        match block.coerce(value) {
            Ok(value) => {
                self.deprecations(block, config, subject);
                Some(value)
            }
            Err(errors) => {
                for problem in errors {
                    self.report
                        .push(explain(block, value, config, &problem, subject));
                }
                None
            }
        }
    }

    fn deprecations(&self, block: &Block, config: &Expr, subject: &Subject<'_>) {
        for (name, attribute) in &block.attributes {
            if let Some(instead) = &attribute.deprecated
                && config.attribute(name).is_some()
            {
                let place = locate(config, &Path::attribute(name.clone()));
                self.report.push(
                    Diagnostic::warning(format!(
                        "`{name}` of `{}` is deprecated",
                        subject.type_name
                    ))
                    .at(place.key, "deprecated")
                    .help(instead.to_string()),
                );
            }
        }
    }

    /// `ignore_changes` names attributes that exist.
    fn ignored(&self, block: &ResourceBlock, schema: &Schema) {
        let IgnoreChanges::Paths(paths) = &block.lifecycle.ignore_changes else {
            return;
        };
        for path in paths {
            let Some(name) = path.root() else { continue };
            if !schema.block.names().any(|known| known == name) {
                let mut diagnostic = error(
                    Code::UnknownArgument,
                    format!("`{}` has no attribute `{name}` to ignore", schema.type_name),
                    block.span,
                    "in `ignore_changes` of this block",
                );
                diagnostic.help = suggest(name, schema.block.names(), "");
                self.report.push(diagnostic);
            }
        }
    }
}

/// What a configuration is of, for messages.
pub(crate) struct Subject<'a> {
    /// `aws_vpc`
    pub(crate) type_name: &'a str,
    /// The block's header.
    pub(crate) header: Span,
}

/// A problem with a configuration, in words and at its place.
fn explain(
    root: &Block,
    value: &Value,
    config: &Expr,
    problem: &ConfigError,
    subject: &Subject<'_>,
) -> Diagnostic {
    let place = locate(config, &problem.path);
    let (block, name) = innermost(root, &problem.path);
    let inside = match problem.path.0.len() {
        0 | 1 => format!("`{}`", subject.type_name),
        n => format!(
            "`{}` of `{}`",
            Path(problem.path.0[..n - 1].to_vec()),
            subject.type_name
        ),
    };
    if let (Some(block), Some(name)) = (block, name) {
        if !block.attributes.contains_key(name) && !block.blocks.contains_key(name) {
            let mut diagnostic = error(
                Code::UnknownArgument,
                format!("{inside} has no attribute `{name}`"),
                place.key,
                "unknown",
            );
            diagnostic.help = suggest(name, settable(block), "");
            return diagnostic;
        }
        let absent = !place.exact || problem.path.get(value).is_some_and(Value::is_null);
        let required = block.attributes.get(name).is_some_and(|a| a.required)
            || block.blocks.get(name).is_some_and(|b| b.min > 0);
        if absent && required {
            let kind = if block.blocks.contains_key(name) {
                "the block"
            } else {
                "the attribute"
            };
            return missing(
                config,
                problem,
                &place,
                subject,
                format!("{inside} needs {kind} `{name}`"),
                name,
            );
        }
    }
    let at = if place.exact { place.value } else { place.key };
    let what = match name {
        Some(name) if problem.path.0.len() == 1 => format!("`{name}` of `{}`", subject.type_name),
        _ if problem.path.0.is_empty() => format!("`{}`", subject.type_name),
        _ => format!("`{}` of `{}`", problem.path, subject.type_name),
    };
    let given = problem
        .path
        .get(value)
        .filter(|v| !v.is_null() && v.deep_marks().is_empty())
        .map(|v| v.ty().friendly())
        .filter(|ty| ty != "any type");
    error(
        Code::WrongType,
        format!("{what}: {}", problem.message),
        at,
        given.map_or_else(String::new, |ty| format!("this is of type {ty}")),
    )
}

fn missing(
    config: &Expr,
    problem: &ConfigError,
    place: &Place,
    subject: &Subject<'_>,
    message: String,
    name: &str,
) -> Diagnostic {
    let parent = Path(problem.path.0[..problem.path.0.len() - 1].to_vec());
    let at = if place.exact {
        place.value
    } else if parent.0.is_empty() {
        subject.header
    } else {
        locate(config, &parent).key
    };
    error(
        Code::MissingRequired,
        message,
        at,
        format!("`{name}` is missing"),
    )
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
