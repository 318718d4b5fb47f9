//! Reading the settings of a block: which keys it has, constants of the right kind, names and bare addresses.

use crate::codes::Code;
use crate::parse::names::{Names, Paths, RESERVED};
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::parse::template;
use crate::parse::text::Text;
use crate::report::{Report, error, suggesting};
use infra_model::Str;
use infra_model::address::is_identifier;
use infra_model::convert::normalise;
use infra_model::diagnostic::{Diagnostic, Span};
use infra_model::expr::{Expr, ExprKind, Root, StaticStep};
use infra_model::near::near;
use infra_model::path::{Path, Step};
use infra_model::program::Dependency;

/// What reading a block needs everywhere.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// What names mean.
    pub(crate) names: &'a Names<'a>,
    /// Where errors go.
    pub(crate) report: &'a Report,
}

impl<'a> Reading<'a> {
    /// The table of a block, or an error.
    pub(crate) fn table<'n>(self, node: &'n Node, what: &str) -> Option<&'n Table> {
        match &node.kind {
            NodeKind::Table(table) => Some(table),
            NodeKind::Invalid => None,
            _ => {
                self.wrong(node, &format!("{what} is a table"));
                None
            }
        }
    }

    /// The tables of an array of tables; one table alone counts as an array of one.
    pub(crate) fn tables<'n>(self, node: &'n Node, what: &str) -> Vec<(&'n Table, Span)> {
        match &node.kind {
            NodeKind::Table(table) => vec![(table, node.span)],
            NodeKind::Array(items) => items
                .iter()
                .filter_map(|item| Some((self.table(item, what)?, item.span)))
                .collect(),
            _ => {
                self.wrong(node, &format!("{what} is an array of tables"));
                Vec::new()
            }
        }
    }

    /// Reports every key that is not among the known ones.
    pub(crate) fn only(self, table: &Table, known: &[&str], what: &str) {
        for (name, entry) in &table.entries {
            if !known.contains(&&**name) {
                self.unknown_key(name, entry, known, what);
            }
        }
    }

    fn unknown_key(self, name: &str, entry: &Entry, known: &[&str], what: &str) {
        let diagnostic = error(
            Code::UnknownKey,
            format!("{what} has no setting `{name}`"),
            entry.key_span(),
            "unknown",
        );
        self.report
            .push(suggesting(diagnostic, name, known.iter().copied(), ""));
    }

    /// "a bool is required": the value is of another kind.
    pub(crate) fn wrong(self, node: &Node, requirement: &str) {
        self.report.error(
            Code::WrongShape,
            requirement,
            node.span,
            format!("this is {}", node.what()),
        );
    }

    /// A key that must be there.
    pub(crate) fn required<'n>(
        self,
        table: &'n Table,
        key: &str,
        span: Span,
        what: &str,
    ) -> Option<&'n Entry> {
        let entry = table.get(key);
        // A misspelt one was told already.
        let misspelt = |(name, entry): (&Str, &Entry)| {
            near(name, [key]).is_some() && self.report.has(Code::UnknownKey, entry.key_span())
        };
        if entry.is_none() && !table.entries.iter().any(misspelt) {
            self.report.push(
                error(
                    Code::MissingKey,
                    format!("{what} needs `{key}`"),
                    span,
                    format!("`{key}` is missing"),
                )
                .help(format!("write `{key} = …`")),
            );
        }
        entry
    }

    /// A string without expressions.
    pub(crate) fn constant_text<'n>(self, node: &'n Node, what: &str) -> Option<&'n Text> {
        match &node.kind {
            NodeKind::Text(text) if text.value.contains("${") || text.value.contains("%{") => {
                self.report.push(
                    error(
                        Code::MustBeConstant,
                        format!("{what} must be written out"),
                        node.span,
                        "this is an expression",
                    )
                    .help("give the text itself, without `${}`"),
                );
                None
            }
            NodeKind::Text(text) => Some(text),
            NodeKind::Invalid => None,
            _ => {
                self.wrong(node, &format!("{what} is a string"));
                None
            }
        }
    }

    /// A string without expressions, normalised.
    pub(crate) fn constant_string(self, node: &Node, what: &str) -> Option<Str> {
        self.constant_text(node, what).map(|t| normalise(&t.value))
    }

    /// A bool without expressions.
    pub(crate) fn constant_bool(self, node: &Node, what: &str) -> Option<bool> {
        match &node.kind {
            NodeKind::Bool(b) => Some(*b),
            NodeKind::Invalid => None,
            NodeKind::Text(text) if text.value.contains("${") => {
                self.report.error(
                    Code::MustBeConstant,
                    format!("{what} must be written out"),
                    node.span,
                    "this is an expression; give `true` or `false`",
                );
                None
            }
            _ => {
                self.wrong(node, &format!("{what} is `true` or `false`"));
                None
            }
        }
    }

    /// The optional settings that most blocks share.
    pub(crate) fn optional_string(self, table: &Table, key: &str) -> Option<Str> {
        self.constant_string(&table.get(key)?.node, &format!("`{key}`"))
    }

    /// An optional bool, false when absent.
    pub(crate) fn flag(self, table: &Table, key: &str) -> bool {
        table
            .get(key)
            .and_then(|entry| self.constant_bool(&entry.node, &format!("`{key}`")))
            .unwrap_or(false)
    }

    /// Whether a block's name can be referred to; reports why not.
    pub(crate) fn name(self, name: &str, entry: &Entry, what: &str) -> bool {
        if !is_identifier(name) {
            self.report.push(
                error(
                    Code::BadIdentifier,
                    format!("`{name}` cannot be the name of {what}"),
                    entry.key_span(),
                    "not an identifier",
                )
                .help(
                    "names begin with a letter or `_` and go on with letters, digits, `_` and `-`",
                ),
            );
            return false;
        }
        true
    }

    /// As [`Self::name`], for types: what references begin with cannot be one.
    pub(crate) fn type_name(self, name: &str, entry: &Entry, what: &str) -> bool {
        let kind = self.names.is_kind(name);
        if !kind && !RESERVED.contains(&name) {
            return self.name(name, entry, what);
        }
        self.report.push(
            error(
                Code::ReservedName,
                format!("`{name}` cannot be the name of {what}"),
                entry.key_span(),
                "reserved: references begin with it",
            )
            .help(if kind {
                format!("a component is written `[{name}.NAME]`")
            } else {
                "types are those of providers, such as `aws_vpc`".to_owned()
            }),
        );
        false
    }

    /// The expression of a value.
    pub(crate) fn expression(self, node: &Node) -> Expr {
        crate::parse::expression_of(node, self.names, self.report)
    }

    /// A list of bare addresses.
    pub(crate) fn addresses(self, node: &Node, setting: &str) -> Vec<Dependency> {
        let NodeKind::Array(items) = &node.kind else {
            if !matches!(node.kind, NodeKind::Invalid) {
                self.wrong(node, &format!("`{setting}` is an array of addresses"));
            }
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.address(item, setting))
            .collect()
    }

    /// A bare address such as `aws_vpc.main` or `network.main`.
    pub(crate) fn address(self, node: &Node, setting: &str) -> Option<Dependency> {
        let text = self.bare_text(node, setting)?;
        let (mut found, mut key) = (None, None);
        if let Some(expr) = self.quietly(text).filter(is_traversal) {
            key = own_key(&expr).filter(|_| setting == "replace_triggered_by");
            expr.references(&mut |root, steps, _| {
                found.get_or_insert((root.clone(), steps.to_vec()));
            });
        }
        if let Some((Root::Resource { .. }, steps)) = &mut found
            && key.is_some()
        {
            steps.retain(|step| *step != StaticStep::Computed);
        }
        let dependency = found.filter(|(root, steps)| {
            matches!(
                root,
                Root::Resource { .. } | Root::Component { .. } | Root::Variable(_) | Root::Local(_)
            ) && !steps.contains(&StaticStep::Computed)
        });
        match dependency {
            Some((root, steps)) => Some(Dependency {
                root,
                steps,
                key,
                span: node.span,
            }),
            None => {
                self.bad_address(node.span, &text.value, "write `TYPE.NAME`, `data.TYPE.NAME` or `network.NAME`, with `[\"key\"]` for one instance");
                None
            }
        }
    }

    /// A path into a resource, as `ignore_changes` takes it.
    pub(crate) fn path(self, node: &Node) -> Option<Path> {
        let text = self.bare_text(node, "ignore_changes")?;
        let path = parse_path(&text.value);
        if path.is_none() {
            self.bad_address(
                node.span,
                &text.value,
                "write an attribute, such as `tags` or `scaling_config[0].desired_size`",
            );
        }
        path
    }

    fn bare_text<'n>(self, node: &'n Node, setting: &str) -> Option<&'n Text> {
        match &node.kind {
            NodeKind::Text(text) if text.value.contains("${") => {
                self.report.push(bare(
                    error(
                        Code::BadAddress,
                        format!("`{setting}` takes bare addresses"),
                        node.span,
                        "not an expression",
                    ),
                    text,
                ));
                None
            }
            NodeKind::Text(text) => Some(text),
            NodeKind::Invalid => None,
            _ => {
                self.wrong(node, &format!("`{setting}` takes addresses as strings"));
                None
            }
        }
    }

    fn bad_address(self, span: Span, text: &str, help: &str) {
        self.report.push(
            error(
                Code::BadAddress,
                format!("`{text}` is not an address"),
                span,
                "",
            )
            .help(help),
        );
    }

    /// The bare expression of a text; `None`, without a word, when it is none.
    fn quietly(self, text: &Text) -> Option<Expr> {
        let silent = Report::default();
        let names = Names {
            kinds: self.names.kinds,
            at: self.names.at,
            inputs: None,
            paths: self.names.paths,
            values: &[],
        };
        template::of_bare(text, &names, &silent).filter(|_| !silent.has_errors())
    }
}

/// With the mend for an address that stands in `${}`: the address alone.
pub(crate) fn bare(diagnostic: Diagnostic, text: &Text) -> Diagnostic {
    let value = text.value.trim();
    let inner = value.replace("${", "").replace('}', "");
    let diagnostic = diagnostic.help(format!("write `{}`", inner.trim()));
    let whole = value
        .strip_prefix("${")
        .and_then(|v| v.strip_suffix('}'))
        .filter(|v| !v.contains(['$', '{', '"']));
    match whole {
        Some(inner) => diagnostic.replace(text.whole(), &*text.value, inner.trim()),
        None => diagnostic,
    }
}

/// Whether an expression is nothing but a reference with steps.
fn is_traversal(expr: &Expr) -> bool {
    match &*expr.kind {
        ExprKind::Reference(_) => true,
        ExprKind::Attribute(source, _) | ExprKind::Index(source, _) => is_traversal(source),
        _ => false,
    }
}

/// The key in `aws_vpc.main[each.key]`, if it is one that each instance has of its own.
fn own_key(expr: &Expr) -> Option<Expr> {
    let ExprKind::Attribute(source, _) = &*expr.kind else {
        let ExprKind::Index(source, key) = &*expr.kind else {
            return None;
        };
        let mut own = false;
        key.references(&mut |root, _, _| {
            own |= matches!(root, Root::EachKey | Root::EachValue | Root::CountIndex);
        });
        return own
            .then(|| key.clone())
            .filter(|_| matches!(&*source.kind, ExprKind::Reference(_)));
    };
    own_key(source)
}

/// `a.b[0]["c"].1` as a path.
pub(crate) fn parse_path(text: &str) -> Option<Path> {
    let silent = Report::default();
    let paths = Paths::default();
    let names = Names::of_stack(&[], &paths);
    // A leading name of its own makes any attribute path a reference.
    let expr = template::of_bare(
        &Text::fixed(&format!("self.{text}"), Span::default()),
        &names,
        &silent,
    )?;
    if silent.has_errors() || !is_traversal(&expr) {
        return None;
    }
    let mut path = None;
    expr.references(&mut |_, steps, _| {
        let steps = steps.iter().map(|step| match step {
            StaticStep::Attribute(name) => Some(Step::Attribute(name.clone())),
            StaticStep::Key(key) => Some(Step::Key { key: key.clone() }),
            StaticStep::Index(i) => usize::try_from(*i).ok().map(Step::Index),
            StaticStep::Computed => None,
        });
        path.get_or_insert(steps.collect::<Option<Vec<Step>>>().map(Path));
    });
    path.flatten()
}
