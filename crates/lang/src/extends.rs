//! `extends`: other stack files that are merged before this one. Tables merge, arrays replace, the lists of one-time
//! instructions (moved, import, removed, check) append.

use crate::codes::Code;
use crate::files::Files;
use crate::parse::document;
use crate::parse::node::{Entry, Node, NodeKind, Table};
use crate::report::{Report, error};
use infra_model::diagnostic::{FileId, Sources, Span};
use std::path::{Component, Path, PathBuf};

/// What appends instead of replacing.
const APPENDED: [&str; 4] = ["moved", "import", "removed", "check"];

/// Reads a file with everything that it extends.
pub(crate) struct Extending<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) sources: &'a mut Sources,
    pub(crate) report: &'a Report,
    /// The files being read, outermost first.
    pub(crate) open: Vec<PathBuf>,
}

impl Extending<'_> {
    /// The whole table of a file. `None` when it is not TOML.
    pub(crate) fn read(&mut self, path: &Path, text: &str, file: FileId) -> Option<Table> {
        let own = document::parse(text, file, self.report)?;
        let bases: Vec<(String, Span)> = match own
            .get("stack")
            .and_then(|entry| entry.node.as_table())
            .and_then(|stack| stack.get("extends"))
        {
            None => return Some(own),
            Some(entry) => self.names(&entry.node),
        };
        self.open.push(lexical(path));
        let mut merged = Table::default();
        for (name, span) in bases {
            let folder = path.parent().unwrap_or_else(|| Path::new(""));
            if let Some(base) = self.base(&folder.join(&name), &name, span) {
                merge(&mut merged, base, true);
            }
        }
        self.open.pop();
        merge(&mut merged, own, true);
        Some(merged)
    }

    fn names(&self, node: &Node) -> Vec<(String, Span)> {
        let items: Vec<&Node> = match &node.kind {
            NodeKind::Array(items) => items.iter().collect(),
            NodeKind::Text(_) => vec![node],
            _ => Vec::new(),
        };
        let names: Vec<(String, Span)> = items
            .iter()
            .filter_map(|item| Some((item.as_text()?.value.to_string(), item.span)))
            .collect();
        if names.len() != items.len()
            || items.is_empty() && !matches!(node.kind, NodeKind::Array(_))
        {
            self.report.error(
                Code::WrongShape,
                "`extends` is an array of file names",
                node.span,
                "",
            );
        }
        names
    }

    fn base(&mut self, path: &Path, name: &str, span: Span) -> Option<Table> {
        let refuse =
            |message: String, help: &str| error(Code::BadExtends, message, span, "").help(help);
        if name.contains("${") {
            self.report.push(refuse(
                "`extends` must be written out".to_owned(),
                "it decides what the file says, so it cannot be computed",
            ));
            return None;
        }
        if self.open.contains(&lexical(path)) {
            self.report.push(refuse(
                format!("`{name}` extends itself"),
                "a file cannot be its own base, directly or through others",
            ));
            return None;
        }
        let content = match self.files.read(path) {
            Ok(content) => content,
            Err(problem) => {
                self.report.push(refuse(
                    format!("`{name}` cannot be read: {problem}"),
                    "names are relative to the file that extends",
                ));
                return None;
            }
        };
        let Ok(text) = String::from_utf8(content) else {
            self.report.push(refuse(
                format!("`{name}` is not text"),
                "stack files are UTF-8",
            ));
            return None;
        };
        let file = self
            .sources
            .add(path.to_string_lossy().as_ref(), text.as_str());
        self.read(path, &text, file)
    }
}

/// A path without `.` and `a/..`, to compare.
pub(crate) fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Puts `over` on top of `base`.
fn merge(base: &mut Table, over: Table, top: bool) {
    for (name, entry) in over.entries {
        match base.entries.get_mut(&name) {
            None => {
                base.entries.insert(name, entry);
            }
            Some(below) => merge_entry(below, entry, top && APPENDED.contains(&&*name)),
        }
    }
}

/// A table as an array of one.
fn listed(node: &mut Node) {
    if matches!(node.kind, NodeKind::Table(_)) {
        let table = Node {
            span: node.span,
            kind: std::mem::replace(&mut node.kind, NodeKind::Invalid),
        };
        node.kind = NodeKind::Array(vec![table]);
    }
}

fn merge_entry(below: &mut Entry, mut over: Entry, append: bool) {
    if append {
        // One table alone is an array of one.
        listed(&mut below.node);
        listed(&mut over.node);
    }
    match (&mut below.node.kind, over.node.kind) {
        (NodeKind::Table(base), NodeKind::Table(table)) => {
            merge(base, table, false);
            below.node.span = over.node.span;
            below.key = over.key;
        }
        (NodeKind::Array(base), NodeKind::Array(items)) if append => base.extend(items),
        (_, kind) => {
            *below = Entry {
                key: over.key,
                node: Node {
                    span: over.node.span,
                    kind,
                },
            };
        }
    }
}
