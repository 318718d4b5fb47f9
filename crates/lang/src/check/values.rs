//! Evaluates everything as far as it is known and holds it against the schemas: wrong types, missing and unknown attributes,
//! expressions that cannot succeed.

use crate::check::ephemeral;
use crate::check::explain::{Explaining, Subject, lossy_texts};
use crate::check::knowledge::{Knowledge, StaticScope};
use crate::check::repeat;
use crate::codes::Code;
use crate::locate::locate;
use crate::report::{Report, error, suggesting};
use infra_model::address::Mode;
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::Expr;
use infra_model::path::Path;
use infra_model::program::{
    Condition, IgnoreChanges, Import, Output, ProviderBlock, ResourceBlock,
};
use infra_model::schema::{Block, Schema};
use infra_model::{Type, Value};

/// Checks configurations against what is known.
pub(crate) struct Values<'a> {
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) report: &'a Report,
    /// The inputs of the component whose native resources are checked.
    pub(crate) inputs: Option<&'a Expr>,
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
                    overrides: self.overrides_of(block),
                    ..Subject::of(&schema.type_name, block.span)
                };
                self.coerce(&schema.block, &value, &block.config, &what);
                if block.address.mode != Mode::Ephemeral {
                    ephemeral::stored(
                        &schema.block,
                        &value,
                        &block.config,
                        &schema.type_name,
                        self.report,
                    );
                }
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
        self.conditions(&output.preconditions, scope);
        if output.ephemeral {
            self.report.push(ephemeral::refusal(
                format!("the output `{name}` of the stack cannot be ephemeral: outputs of a stack are stored"),
                output.span,
            ));
        } else if value.is_some_and(|value| value.deep_marks().ephemeral) {
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
            let what = Subject::of(&name, provider.span);
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
        let lossy = lossy_texts(block, config, subject.type_name, self.report);
        match block.coerce(value) {
            Ok(_) if lossy => None,
            Ok(value) => {
                self.deprecations(block, config, subject);
                Some(value)
            }
            Err(errors) => {
                let explaining = Explaining {
                    root: block,
                    value,
                    config,
                    subject,
                };
                self.report.extend(explaining.all(&errors));
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
                    Diagnostic::warning(
                        Code::Deprecated,
                        format!("`{name}` of `{}` is deprecated", subject.type_name),
                    )
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
        for (path, span) in paths {
            let Some(name) = path.root() else { continue };
            if !schema.block.names().any(|known| known == name) {
                // Inside the quotes, and only the first step.
                let start = span.start + 1;
                let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
                let own = Span {
                    start,
                    end: start.saturating_add(length).min(span.end),
                    ..*span
                };
                self.report.push(suggesting(
                    error(
                        Code::UnknownArgument,
                        format!("`{}` has no attribute `{name}` to ignore", schema.type_name),
                        own,
                        "unknown",
                    ),
                    name,
                    schema.block.names(),
                    "write an attribute of the type, or \"all\" instead of the array",
                ));
            }
        }
    }

    /// What the `override` of its component says about a native resource.
    fn overrides_of(&self, block: &ResourceBlock) -> Vec<&Expr> {
        let Some(given) = self.inputs.and_then(|inputs| inputs.attribute("override")) else {
            return Vec::new();
        };
        let address = &block.address;
        let by_type = match address.mode {
            Mode::Managed => address.type_name.to_string(),
            mode => format!("{}.{}", mode.table(), address.type_name),
        };
        [format!("{by_type}.{}", address.name), by_type]
            .iter()
            .filter_map(|key| given.attribute(key))
            .collect()
    }
}
