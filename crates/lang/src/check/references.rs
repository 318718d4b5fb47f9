//! Does everything that an expression names exist? Names, attributes, instance keys and functions; values are checked
//! elsewhere.

use crate::check::knowledge::{BlockFacts, Keying, here};
use crate::check::steps::{Step, chain};
use crate::codes::Code;
use crate::eval::traversal::name_span;
use crate::modules::library::Source;
use crate::report::{Report, error, suggesting};
use infra_model::address::{BlockAddress, MODULE, Mode, ScopePath};
use infra_model::diagnostic::Span;
use infra_model::expand::ComponentKind;
use infra_model::expr::{At, Expr, ExprKind, Root, StaticStep, TemplatePart};
use infra_model::hash::HashMap;
use infra_model::program::Dependency;
use infra_model::{Str, Type};
use std::cell::Cell;

mod outputs;

/// The names of a file, and what is known of them.
pub(crate) struct References<'a> {
    pub(crate) source: &'a Source,
    /// The blocks that components became.
    pub(crate) natives: &'a HashMap<BlockAddress, BlockFacts>,
    pub(crate) kinds: &'a [ComponentKind],
    pub(crate) report: &'a Report,
    /// How many searches for similar names are left: each looks at every name there is.
    pub(crate) searches: &'a Cell<u32>,
}

/// Where an expression stands, and so what it may say.
pub(crate) struct Standing<'a> {
    /// The scope of the block.
    pub(crate) path: &'a ScopePath,
    /// The block itself, which it must not refer to.
    pub(crate) own: Option<&'a BlockAddress>,
    /// What repeats it.
    pub(crate) keying: Keying,
    /// The type of `self`, where it means something.
    pub(crate) this: Option<&'a Type>,
    /// The `[[check]]` that it is part of: only there can its data sources be referred to.
    pub(crate) check: Option<&'a str>,
}

impl<'a> Standing<'a> {
    /// Outside every block that repeats.
    pub(crate) fn at(path: &'a ScopePath) -> Standing<'a> {
        Standing {
            path,
            own: None,
            keying: Keying::Single,
            this: None,
            check: None,
        }
    }
}

impl References<'_> {
    /// Checks everything in an expression.
    pub(crate) fn check(&self, expr: &Expr, standing: &Standing<'_>) {
        self.walk(expr, &mut Vec::new(), standing);
    }

    /// What is known of a block, by its address in the file or of what a component became.
    pub(crate) fn block(&self, address: &BlockAddress) -> Option<&BlockFacts> {
        if address.scope.is_root() {
            self.source.facts.get(address)
        } else {
            self.natives.get(address)
        }
    }

    /// Checks a bare address.
    pub(crate) fn check_dependency(&self, dependency: &Dependency, standing: &Standing<'_>) {
        let steps: Vec<Step> = dependency
            .steps
            .iter()
            .map(|step| match step {
                StaticStep::Attribute(name) => Step::Attribute(name.clone(), dependency.span),
                _ => Step::Key,
            })
            .collect();
        self.root(&dependency.root, dependency.span, &steps, standing, false);
    }

    /// `after` holds the steps that follow the expression, the nearest last.
    fn walk(&self, expr: &Expr, after: &mut Vec<Step>, standing: &Standing<'_>) {
        match &*expr.kind {
            ExprKind::Literal(_) | ExprKind::Binding(_) => {}
            ExprKind::Template(parts) => self.template(parts, standing),
            ExprKind::Reference(root) => {
                after.reverse();
                self.root(root, expr.span, after, standing, true);
                after.reverse();
            }
            ExprKind::Attribute(source, name) => {
                after.push(Step::Attribute(name.clone(), name_span(expr, source, name)));
                self.walk(source, after, standing);
                after.pop();
            }
            ExprKind::Index(source, key) => {
                after.push(Step::Key);
                self.walk(source, after, standing);
                after.pop();
                self.walk(key, &mut Vec::new(), standing);
            }
            ExprKind::Splat { source, each } => {
                let mut steps = Vec::new();
                chain(each, &mut steps);
                steps.push(Step::Splat);
                self.walk(source, &mut steps, standing);
                self.walk(each, &mut Vec::new(), standing);
            }
            ExprKind::Call {
                name,
                name_span,
                arguments,
                expand_last,
            } => {
                self.function(name, *name_span, arguments, *expand_last);
                for argument in arguments {
                    self.walk(argument, &mut Vec::new(), standing);
                }
            }
            ExprKind::Unary(_, a) => self.walk(a, &mut Vec::new(), standing),
            ExprKind::Binary(_, a, b) => self.all([a, b], standing),
            ExprKind::Conditional(a, b, c) => self.all([a, b, c], standing),
            ExprKind::For(f) => {
                self.all([&f.source, &f.value], standing);
                self.all(f.key.iter().chain(&f.condition), standing);
            }
            ExprKind::Tuple(items) => self.all(items, standing),
            ExprKind::Object(items) => {
                for (key, value) in items {
                    self.all([key, value], standing);
                }
            }
        }
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>, standing: &Standing<'_>) {
        for expr in exprs {
            self.walk(expr, &mut Vec::new(), standing);
        }
    }

    fn template(&self, parts: &[TemplatePart], standing: &Standing<'_>) {
        for part in parts {
            match part {
                TemplatePart::Text(_) => {}
                TemplatePart::Value(e) => self.check(e, standing),
                TemplatePart::If {
                    condition,
                    then,
                    otherwise,
                } => {
                    self.check(condition, standing);
                    self.template(then, standing);
                    self.template(otherwise, standing);
                }
                TemplatePart::For { source, body, .. } => {
                    self.check(source, standing);
                    self.template(body, standing);
                }
            }
        }
    }

    fn function(&self, name: &str, span: Span, arguments: &[Expr], expand_last: bool) {
        let Some(function) = crate::functions::find(name) else {
            self.report.push(crate::functions::unknown(name, span));
            return;
        };
        if !expand_last && let Some(problem) = function.arity_error(arguments.len()) {
            self.report.push(
                error(Code::WrongArity, problem, span, "")
                    .help(format!("it is called as `{function}`")),
            );
        }
    }

    fn root(
        &self,
        root: &Root,
        span: Span,
        steps: &[Step],
        standing: &Standing<'_>,
        in_expression: bool,
    ) {
        match root {
            Root::Variable(name) => match self.source.declared.variables.get(name) {
                Some(variable) => self.steps(&variable.ty, steps, || format!("`var.{name}`")),
                None => self.missing(
                    Code::UnknownVariable,
                    "variable",
                    "var.",
                    name,
                    span,
                    || self.source.declared.variables.keys().cloned().collect(),
                ),
            },
            Root::Local(name) => {
                let locals = &self.source.declared.locals;
                if !locals.contains_key(name) {
                    self.missing(
                        Code::UnknownLocal,
                        "local value",
                        "local.",
                        name,
                        span,
                        || locals.keys().cloned().collect(),
                    );
                }
            }
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                let block = BlockAddress {
                    scope: match at {
                        At::Module => ScopePath::root(),
                        At::Component => standing.path.clone(),
                    },
                    mode: *mode,
                    type_name: type_name.clone(),
                    name: name.clone(),
                };
                self.resource(&block, span, steps, standing, in_expression);
            }
            Root::Component { kind, name } => {
                self.component(kind, name, span, steps, in_expression);
            }
            Root::EachKey | Root::EachValue => {
                if standing.keying != Keying::ForEach {
                    self.report.push(
                        error(
                            Code::EachOutside,
                            "`each` has no meaning here",
                            span,
                            "this block has no `for_each`",
                        )
                        .help("add `for_each` to the block, or refer to a value directly"),
                    );
                }
            }
            Root::CountIndex => {
                if standing.keying != Keying::Count {
                    self.report.push(
                        error(
                            Code::CountOutside,
                            "`count.index` has no meaning here",
                            span,
                            "this block has no `count`",
                        )
                        .help("add `count` to the block, or refer to a value directly"),
                    );
                }
            }
            Root::SelfValue => match standing.this {
                Some(ty) => self.steps(ty, steps, || "`self`".to_owned()),
                None => self.report.push(
                    error(
                        Code::SelfOutside,
                        "`self` has no meaning here",
                        span,
                        "only postconditions know `self`",
                    )
                    .help("refer to the block by its address"),
                ),
            },
            Root::Stack(_) | Root::Path(_) | Root::SplatItem => {}
        }
    }

    fn missing(
        &self,
        code: Code,
        what: &str,
        prefix: &str,
        name: &str,
        span: Span,
        names: impl FnOnce() -> Vec<Str>,
    ) {
        let diagnostic = error(
            code,
            format!("there is no {what} `{name}`"),
            span,
            "not declared in this stack",
        );
        let declare = match code {
            Code::UnknownVariable => {
                format!("declare it: `[variables.{name}]` with `type = \"string\"`")
            }
            Code::UnknownLocal => format!("define it: `{name} = …` under `[locals]`"),
            _ => format!("declare it: `[{prefix}{name}]`"),
        };
        let names: Vec<String> = self
            .search()
            .then(names)
            .unwrap_or_default()
            .iter()
            .map(|n| format!("{prefix}{n}"))
            .collect();
        let otherwise = match names.len() {
            1..=6 => format!("{declare}; there is `{}`", names.join("`, `")),
            _ => declare,
        };
        self.report.push(suggesting(
            diagnostic,
            &format!("{prefix}{name}"),
            names.iter().map(String::as_str),
            &otherwise,
        ));
    }

    /// Whether one more search is allowed.
    fn search(&self) -> bool {
        let left = self.searches.get();
        self.searches.set(left.saturating_sub(1));
        left > 0
    }

    fn resource(
        &self,
        block: &BlockAddress,
        span: Span,
        steps: &[Step],
        standing: &Standing<'_>,
        in_expression: bool,
    ) {
        if standing.own == Some(block) {
            self.report.push(
                error(
                    Code::SelfReference,
                    format!("`{}` refers to itself", here(block)),
                    span,
                    "its own block",
                )
                .help("a value that is needed twice belongs under `[locals]`"),
            );
            return;
        }
        let Some(facts) = self.block(block) else {
            self.unknown_block(block, span);
            return;
        };
        if let Some(check) = facts.check.as_deref().filter(|c| standing.check != Some(c)) {
            self.report.push(
                error(
                    Code::UnknownData,
                    format!("`{}` belongs to the check `{check}`", here(block)),
                    span,
                    "known only there",
                )
                .help("what others need as well stands in `[data.TYPE.NAME]`"),
            );
            return;
        }
        if !in_expression {
            return;
        }
        let Some(schema) = &facts.schema else { return };
        let steps = match (facts.keying, steps.first()) {
            (Keying::Single, _) => steps,
            (_, Some(Step::Key | Step::Splat)) => &steps[1..],
            (_, None) => return,
            (keying, Some(Step::Attribute(name, _))) => {
                let address = here(block);
                let (setting, one, all) = match keying {
                    Keying::Count => (
                        "count",
                        format!("{address}[0].{name}"),
                        format!("{address}[*].{name}"),
                    ),
                    _ => (
                        "for_each",
                        format!("{address}[\"KEY\"].{name}"),
                        format!("values({address})[*].{name}"),
                    ),
                };
                self.report.push(
                    error(
                        Code::MissingInstance,
                        format!("`{address}` has `{setting}`, so this names no one instance"),
                        span,
                        "which instance?",
                    )
                    .help(format!("write `{one}` for one of them, `{all}` for all")),
                );
                return;
            }
        };
        self.steps(schema.implied_type(), steps, || {
            format!("`{}`", block.type_name)
        });
    }

    fn unknown_block(&self, block: &BlockAddress, span: Span) {
        let (code, what, prefix) = match block.mode {
            Mode::Managed => (Code::UnknownResource, "resource", ""),
            Mode::Data => (Code::UnknownData, "data source", "data."),
            Mode::Ephemeral => (Code::UnknownResource, "ephemeral resource", "ephemeral."),
        };
        let wanted = format!("{prefix}{}.{}", block.type_name, block.name);
        let mut diagnostic = error(
            code,
            format!("there is no {what} `{}.{}`", block.type_name, block.name),
            span,
            "not declared in this stack",
        );
        if self.search() {
            let mut names: Vec<String> = if block.scope.is_root() {
                self.source.facts.keys().map(ToString::to_string).collect()
            } else {
                let siblings = self.natives.keys().filter(|b| b.scope == block.scope);
                siblings.map(|b| here(b).to_string()).collect()
            };
            let declared = &self.source.declared;
            names.extend(
                declared
                    .components
                    .iter()
                    .map(|c| format!("{}.{}", c.kind, c.name)),
            );
            names.extend(
                declared
                    .modules
                    .iter()
                    .map(|m| format!("{MODULE}.{}", m.name)),
            );
            names.sort();
            // The other mode is the commonest mistake that no edit distance finds.
            let other = match block.mode {
                Mode::Managed => format!("data.{}.{}", block.type_name, block.name),
                Mode::Data | Mode::Ephemeral => format!("{}.{}", block.type_name, block.name),
            };
            let candidates: Vec<&str> = match names.contains(&other) {
                true => vec![&other],
                false => names.iter().map(String::as_str).collect(),
            };
            let word = block.mode.table();
            let table = format!("[{word}.{}.{}]", block.type_name, block.name);
            diagnostic = match candidates.as_slice() {
                [only] if *only == other => diagnostic
                    .replace(span, wanted, other.clone())
                    .help(format!("did you mean `{other}`?")),
                _ => suggesting(
                    diagnostic,
                    &wanted,
                    candidates,
                    &format!("declare it: `{table}`"),
                ),
            };
        }
        self.report.push(diagnostic);
    }

    /// Follows steps into a type as far as it is known.
    fn steps(&self, ty: &Type, steps: &[Step], what: impl Fn() -> String) {
        let mut ty = ty;
        for step in steps {
            ty = match (step, ty) {
                (Step::Attribute(name, at), Type::Object(object)) => {
                    match object.attributes.get(name) {
                        Some(attribute) => &attribute.ty,
                        None => {
                            self.report.push(suggesting(
                                error(
                                    Code::UnknownAttribute,
                                    format!("{} has no attribute `{name}`", what()),
                                    *at,
                                    "unknown",
                                ),
                                name,
                                object.attributes.keys().map(|k| &**k),
                                "",
                            ));
                            return;
                        }
                    }
                }
                (Step::Attribute(name, at), Type::List(_) | Type::Tuple(_)) => {
                    // `list.0` and blocks that are lists of one.
                    self.report.push(
                        error(
                            Code::UnknownAttribute,
                            format!("a list has no attribute `{name}`"),
                            *at,
                            "of a list",
                        )
                        .help(format!(
                            "write `[0].{name}` for its first element, `[*].{name}` for all"
                        )),
                    );
                    return;
                }
                (
                    Step::Attribute(name, at),
                    Type::Bool | Type::Number | Type::String | Type::Set(_),
                ) => {
                    self.report.push(
                        error(
                            Code::UnknownAttribute,
                            format!("a {} has no attribute `{name}`", ty.friendly()),
                            *at,
                            "unknown",
                        )
                        .help(format!("this is the value itself: leave `.{name}` out")),
                    );
                    return;
                }
                (_, Type::Map(element) | Type::List(element))
                | (Step::Splat, Type::Set(element)) => element,
                // Nothing is known, or the evaluator knows better.
                _ => return,
            };
        }
    }
}
