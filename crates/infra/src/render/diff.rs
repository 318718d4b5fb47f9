//! Compares two values into a [`tree`](super::tree). Decides what is shown, never how. Sensitive values stop here: nothing of
//! them gets into the tree.

use super::literal::{SENSITIVE, key, literal, quoted, tame};
use super::tree::{Body, Entry, Inside, Item, Line, Mark, NestedDiff, Node};
use infra_model::json;
use infra_model::path::{Path, Step};
use infra_model::schema::{Block, NestedBlock, Nesting};
use infra_model::value::{Str, Value};
use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices};
use std::collections::{BTreeMap, BTreeSet};

/// Unchanged lines shown around a change of a text.
const CONTEXT: usize = 3;
/// Attributes that say which object it is: shown although they do not change.
const TELLING: [&str; 3] = ["id", "name", "tags"];

/// How to compare.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compare<'a> {
    /// What forces a replacement.
    pub(crate) replace: &'a [Path],
    /// Nothing is left out.
    pub(crate) show_all: bool,
}

/// What is there: null is absent.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|v| !v.is_null())
}

/// Whether two values mean the same to a reader; marks do not count.
pub(crate) fn same(before: &Value, after: &Value) -> bool {
    before == after || before.unmark_deep() == after.unmark_deep()
}

impl Compare<'_> {
    /// A resource, or a nested block.
    pub(crate) fn inside(
        self,
        schema: Option<&Block>,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
    ) -> Inside {
        let mut inside = Inside::default();
        let names: BTreeSet<&Str> = [before, after]
            .into_iter()
            .filter_map(|v| v.and_then(Value::entries))
            .flat_map(BTreeMap::keys)
            .collect();
        for name in names {
            let (old, new) = (
                before.and_then(|v| v.get(name)),
                after.and_then(|v| v.get(name)),
            );
            let at = path.join(Step::Attribute(name.clone()));
            if let Some(nested) = schema.and_then(|s| s.blocks.get(name))
                && [old, new].into_iter().all(is_readable_list)
            {
                self.nested(nested, name, old, new, &at, &mut inside);
                continue;
            }
            let Some(node) = self.value(old, new, &at) else {
                continue;
            };
            let telling = path.0.is_empty() && TELLING.contains(&&**name);
            if node.mark == Mark::Same && !self.show_all && !telling {
                inside.hidden_attributes += 1;
            } else {
                inside.attributes.push((key(name), node));
            }
        }
        inside
    }

    fn nested(
        self,
        nested: &NestedBlock,
        name: &str,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
        into: &mut Inside,
    ) {
        let list = |v: Option<&Value>| v.and_then(Value::elements).unwrap_or_default().to_vec();
        let (before, after) = (list(before), list(after));
        let below = nested.nesting == Nesting::Set && self.forces_below(path);
        for pair in pairs(&before, &after, nested.nesting == Nesting::Set) {
            let (old, new, index) = pair.values(&before, &after);
            let mark = pair.mark();
            if mark == Mark::Same && !self.show_all {
                into.hidden_blocks += 1;
                continue;
            }
            let at = path.join(Step::Index(index));
            into.blocks.push(NestedDiff {
                name: name.to_owned(),
                mark,
                forces: mark != Mark::Same
                    && (below || self.forces(&at) || (self.forces(path) && mark != Mark::Change)),
                inside: self.inside(Some(&nested.block), old, new, &at),
            });
        }
    }

    /// One value; none when there is nothing before and nothing after.
    pub(crate) fn value(
        self,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
    ) -> Option<Node> {
        let (before, after) = (present(before), present(after));
        let mark = match (before, after) {
            (None, None) => return None,
            (None, Some(_)) => Mark::Add,
            (Some(_), None) => Mark::Remove,
            (Some(b), Some(a)) if same(b, a) => Mark::Same,
            (Some(_), Some(_)) => Mark::Change,
        };
        let sensitive = |v: Option<&Value>| v.is_some_and(|v| v.marks().sensitive);
        let body = if sensitive(before) || sensitive(after) {
            Body::Veiled(SENSITIVE)
        } else {
            self.body(before.map(Value::bare), after.map(Value::bare), path)
        };
        Some(Node {
            mark,
            forces: mark != Mark::Same && self.forces(path),
            body,
        })
    }

    fn body(self, before: Option<&Value>, after: Option<&Value>, path: &Path) -> Body {
        let shapes = (before.map(shape), after.map(shape));
        match shapes {
            (None | Some(Shape::Leaf), None | Some(Shape::Leaf)) => self.leaf(before, after),
            (Some(s), None) | (None, Some(s)) => self.collection(s, before, after, path),
            (Some(b), Some(a)) if b == a => self.collection(b, before, after, path),
            (Some(Shape::Leaf), Some(s)) if is_empty(before) => {
                self.collection(s, before, after, path)
            }
            (Some(s), Some(Shape::Leaf)) if is_empty(after) => {
                self.collection(s, before, after, path)
            }
            (Some(Shape::Leaf), Some(_)) => leaf(before, after),
            (Some(s), Some(_)) => Body::Turned {
                before: Box::new(Node {
                    mark: Mark::Remove,
                    forces: false,
                    body: Compare {
                        replace: &[],
                        ..self
                    }
                    .collection(s, before, None, path),
                }),
                after: after.map(literal).unwrap_or_default(),
            },
        }
    }

    /// Strings, numbers, and collections without anything in them.
    fn leaf(self, before: Option<&Value>, after: Option<&Value>) -> Body {
        let (old, new) = (
            before.and_then(Value::as_str),
            after.and_then(Value::as_str),
        );
        let textual = (before.is_none() || old.is_some()) && (after.is_none() || new.is_some());
        if !textual {
            return leaf(before, after);
        }
        if let Some(document) = self.document(old, new) {
            return document;
        }
        let lines =
            |text: Option<&str>| text.is_some_and(|t| t.trim_end_matches('\n').contains('\n'));
        if lines(old) || lines(new) {
            return Body::Text(self.lines(old, new));
        }
        leaf(before, after)
    }

    /// The difference of two JSON texts.
    fn document(self, before: Option<&str>, after: Option<&str>) -> Option<Body> {
        let parse = |text: Option<&str>| match text {
            None => Some(None),
            Some(text) if text.trim_start().starts_with(['{', '[']) => {
                let parsed: serde_json::Value = serde_json::from_str(text).ok()?;
                Some(Some(json::implied(&parsed)))
            }
            Some(_) => None,
        };
        let (old, new) = (parse(before)?, parse(after)?);
        let spacing_only = before != after && old.is_some() && old == new;
        // Replacements are forced by attributes, not by what their text means.
        let plain = Compare {
            replace: &[],
            show_all: self.show_all,
        };
        let document = plain.value(old.as_ref(), new.as_ref(), &Path::default())?;
        Some(Body::Json {
            document: Box::new(document),
            spacing_only,
        })
    }

    fn lines(self, before: Option<&str>, after: Option<&str>) -> Vec<Line> {
        let show = |line: &str| tame(line.strip_suffix('\n').unwrap_or(line));
        let (Some(before), Some(after)) = (before, after) else {
            let text = before.or(after).unwrap_or_default();
            return text
                .lines()
                .map(|l| Line::Shown(Mark::Same, tame(l)))
                .collect();
        };
        let diff = TextDiff::from_lines(before, after);
        let marked: Vec<(Mark, String)> = diff
            .iter_all_changes()
            .map(|change| {
                let mark = match change.tag() {
                    similar::ChangeTag::Equal => Mark::Same,
                    similar::ChangeTag::Insert => Mark::Add,
                    similar::ChangeTag::Delete => Mark::Remove,
                };
                let mut line = show(change.value());
                if mark != Mark::Same && change.missing_newline() {
                    line.push_str(" # no line break at the end");
                }
                (mark, line)
            })
            .collect();
        if self.show_all || marked.iter().all(|(m, _)| *m == Mark::Same) {
            return marked.into_iter().map(|(m, l)| Line::Shown(m, l)).collect();
        }
        let changed: Vec<usize> = (0..marked.len())
            .filter(|i| marked[*i].0 != Mark::Same)
            .collect();
        let mut next = 0;
        let mut out = Vec::new();
        let mut hidden = 0;
        for (i, (mark, line)) in marked.into_iter().enumerate() {
            while next < changed.len() && changed[next] < i {
                next += 1;
            }
            let after_last = next > 0 && i - changed[next - 1] <= CONTEXT;
            let before_next = changed.get(next).is_some_and(|c| c - i <= CONTEXT);
            if after_last || before_next {
                if hidden > 0 {
                    out.push(Line::Hidden(std::mem::take(&mut hidden)));
                }
                out.push(Line::Shown(mark, line));
            } else {
                hidden += 1;
            }
        }
        if hidden > 0 {
            out.push(Line::Hidden(hidden));
        }
        out
    }

    fn collection(
        self,
        shape: Shape,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
    ) -> Body {
        match shape {
            Shape::Leaf => self.leaf(before, after),
            Shape::Map | Shape::Object => self.entries(shape, before, after, path),
            Shape::List | Shape::Set => self.items(shape, before, after, path),
        }
    }

    fn entries(
        self,
        shape: Shape,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
    ) -> Body {
        let (old, new) = (
            before.and_then(Value::entries),
            after.and_then(Value::entries),
        );
        let names: BTreeSet<&Str> = [old, new]
            .into_iter()
            .flatten()
            .flat_map(BTreeMap::keys)
            .collect();
        let mut shown = Vec::new();
        let mut hidden = 0;
        for name in names {
            let (step, label) = match shape {
                Shape::Map => (Step::Key { key: name.clone() }, quoted(name)),
                _ => (Step::Attribute(name.clone()), key(name)),
            };
            let (old, new) = (old.and_then(|m| m.get(name)), new.and_then(|m| m.get(name)));
            match self.value(old, new, &path.join(step)) {
                None => {}
                Some(node) if node.mark == Mark::Same && !self.show_all && after.is_some() => {
                    hidden += 1;
                }
                Some(node) => shown.push(Entry::Shown(label, node)),
            }
        }
        if hidden > 0 {
            let noun = if shape == Shape::Map {
                "element"
            } else {
                "attribute"
            };
            shown.push(Entry::Hidden(hidden, noun));
        }
        Body::Entries(shown)
    }

    fn items(
        self,
        shape: Shape,
        before: Option<&Value>,
        after: Option<&Value>,
        path: &Path,
    ) -> Body {
        let (old, new) = (
            before.and_then(Value::elements).unwrap_or_default(),
            after.and_then(Value::elements).unwrap_or_default(),
        );
        let below = shape == Shape::Set && self.forces_below(path);
        let mut items = Vec::new();
        let mut hidden = 0;
        for pair in pairs(old, new, shape == Shape::Set) {
            if pair.mark() == Mark::Same && !self.show_all {
                hidden += 1;
                continue;
            }
            if hidden > 0 {
                items.push(Item::Hidden(std::mem::take(&mut hidden)));
            }
            let (old, new, index) = pair.values(old, new);
            let node = self.value(old, new, &path.join(Step::Index(index)));
            let mut node = node.unwrap_or(Node {
                mark: pair.mark(),
                forces: false,
                body: leaf(old, new),
            });
            node.forces |= below && node.mark != Mark::Same;
            items.push(Item::Shown(node));
        }
        if hidden > 0 {
            items.push(Item::Hidden(hidden));
        }
        Body::Items(items)
    }

    fn forces(self, path: &Path) -> bool {
        self.replace
            .iter()
            .any(|p| p.is_prefix_of(path) && path.is_prefix_of(p))
    }

    /// Members of a set have no place of their own: what forces lies somewhere below.
    fn forces_below(self, path: &Path) -> bool {
        self.replace
            .iter()
            .any(|p| path.is_prefix_of(p) && !p.is_prefix_of(path))
    }
}

fn leaf(before: Option<&Value>, after: Option<&Value>) -> Body {
    Body::Leaf {
        before: before.map(literal),
        after: after.map(literal),
    }
}

fn is_readable_list(value: Option<&Value>) -> bool {
    value.is_none_or(|v| !matches!(v, Value::Unknown(_) | Value::Marked(..)))
}

fn is_empty(value: Option<&Value>) -> bool {
    value.is_some_and(|v| {
        v.elements().is_some_and(<[Value]>::is_empty) || v.entries().is_some_and(BTreeMap::is_empty)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Map,
    Object,
    List,
    Set,
}

fn shape(value: &Value) -> Shape {
    match value {
        v if is_empty(Some(v)) => Shape::Leaf,
        Value::Map(..) => Shape::Map,
        Value::Object(_) => Shape::Object,
        Value::List(..) | Value::Tuple(_) => Shape::List,
        Value::Set(..) => Shape::Set,
        _ => Shape::Leaf,
    }
}

/// Elements of two lists that belong together, by index.
#[derive(Clone, Copy)]
enum Pair {
    Same(usize, usize),
    Change(usize, usize),
    Add(usize),
    Remove(usize),
}

impl Pair {
    fn mark(self) -> Mark {
        match self {
            Pair::Same(..) => Mark::Same,
            Pair::Change(..) => Mark::Change,
            Pair::Add(_) => Mark::Add,
            Pair::Remove(_) => Mark::Remove,
        }
    }

    fn values<'v>(
        self,
        before: &'v [Value],
        after: &'v [Value],
    ) -> (Option<&'v Value>, Option<&'v Value>, usize) {
        match self {
            Pair::Same(i, j) | Pair::Change(i, j) => (Some(&before[i]), Some(&after[j]), j),
            Pair::Add(j) => (None, Some(&after[j]), j),
            Pair::Remove(i) => (Some(&before[i]), None, i),
        }
    }
}

fn pairs(before: &[Value], after: &[Value], set: bool) -> Vec<Pair> {
    // Numbers stand for equal elements: numbers can be hashed, values cannot.
    let mut known: BTreeMap<Value, usize> = BTreeMap::new();
    let mut number = |values: &[Value]| -> Vec<usize> {
        values
            .iter()
            .map(|v| {
                let next = known.len();
                *known.entry(v.unmark_deep()).or_insert(next)
            })
            .collect()
    };
    let (old, new) = (number(before), number(after));
    if set {
        let places: BTreeMap<usize, usize> = new.iter().enumerate().map(|(j, n)| (*n, j)).collect();
        let members: BTreeSet<usize> = old.iter().copied().collect();
        let removed = (0..old.len()).map(|i| match places.get(&old[i]) {
            Some(j) => Pair::Same(i, *j),
            None => Pair::Remove(i),
        });
        let added = (0..new.len())
            .filter(|j| !members.contains(&new[*j]))
            .map(Pair::Add);
        return removed.chain(added).collect();
    }
    let mut out = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        match op {
            DiffOp::Equal {
                old_index,
                new_index,
                len,
            } => {
                out.extend((0..len).map(|k| Pair::Same(old_index + k, new_index + k)));
            }
            DiffOp::Delete {
                old_index, old_len, ..
            } => out.extend((old_index..old_index + old_len).map(Pair::Remove)),
            DiffOp::Insert {
                new_index, new_len, ..
            } => out.extend((new_index..new_index + new_len).map(Pair::Add)),
            DiffOp::Replace {
                old_index,
                old_len,
                new_index,
                new_len,
            } => {
                let both = old_len.min(new_len);
                for k in 0..both {
                    let (i, j) = (old_index + k, new_index + k);
                    // Objects at the same place are one object that changes; other values are exchanged.
                    if before[i].entries().is_some() && after[j].entries().is_some() {
                        out.push(Pair::Change(i, j));
                    } else {
                        out.extend([Pair::Remove(i), Pair::Add(j)]);
                    }
                }
                out.extend((old_index + both..old_index + old_len).map(Pair::Remove));
                out.extend((new_index + both..new_index + new_len).map(Pair::Add));
            }
        }
    }
    out
}
