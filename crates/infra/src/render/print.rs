//! Prints a difference tree: symbols in their column, names aligned, Terraform's layout. Decides nothing about contents.

use super::literal::tame;
use super::paint::Paint;
use super::tree::{Body, Entry, Inside, Item, Line, Mark, NestedDiff, Node};

/// Columns from one level to the next.
const STEP: usize = 4;

/// Collects the text. A level is the column of names; its symbols stand two columns before.
pub(crate) struct Printer {
    paint: Paint,
    out: String,
}

/// What follows a value on its line.
#[derive(Clone, Copy)]
struct After {
    /// An element of a list ends in a comma and never says `-> null`.
    in_list: bool,
}

impl Printer {
    pub(crate) fn new(paint: Paint) -> Printer {
        Printer {
            paint,
            out: String::new(),
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A line at a level without a symbol.
    pub(crate) fn at(&mut self, level: usize, text: &str) {
        self.row(level, "", text);
    }

    fn row(&mut self, level: usize, symbol: &str, text: &str) {
        if symbol.is_empty() {
            self.out.extend(std::iter::repeat_n(' ', level));
        } else {
            self.out
                .extend(std::iter::repeat_n(' ', level.saturating_sub(2)));
            self.out.push_str(symbol);
            self.out.push(' ');
        }
        self.line(text);
    }

    fn symbol(&self, mark: Mark) -> String {
        match mark {
            Mark::Same => String::new(),
            Mark::Add => self.paint.green("+"),
            Mark::Remove => self.paint.red("-"),
            Mark::Change => self.paint.yellow("~"),
        }
    }

    fn comment(&self, text: &str) -> String {
        self.paint.dim(format!("# ({text})"))
    }

    fn hidden(&mut self, level: usize, count: usize, noun: &str) {
        if count > 0 {
            let s = if count == 1 { "" } else { "s" };
            let text = self.comment(&format!("{count} unchanged {noun}{s} hidden"));
            self.at(level, &text);
        }
    }

    /// A block with its header and closing brace.
    pub(crate) fn block(
        &mut self,
        level: usize,
        symbol: &str,
        header: &str,
        inside: &Inside,
        note: &str,
    ) {
        if *inside == Inside::default() {
            self.row(level, symbol, &format!("{header} {{}}{note}"));
            return;
        }
        self.row(level, symbol, &format!("{header} {{{note}"));
        self.inside(level + STEP, inside);
        self.at(level, "}");
    }

    /// A block whose symbol is wider than one character: it begins at `start`, the names stay at their level.
    pub(crate) fn wide_block(
        &mut self,
        level: usize,
        start: usize,
        symbol: &str,
        header: &str,
        inside: &Inside,
    ) {
        self.out
            .extend(std::iter::repeat_n(' ', start.saturating_sub(2)));
        self.line(&format!("{symbol} {header} {{"));
        self.inside(level + STEP, inside);
        self.at(level, "}");
    }

    fn inside(&mut self, level: usize, inside: &Inside) {
        self.named(
            level,
            inside.attributes.iter().map(|(k, n)| (k.as_str(), n)),
        );
        self.hidden(level, inside.hidden_attributes, "attribute");
        let mut previous: Option<&str> = None;
        let before_blocks = !inside.attributes.is_empty() || inside.hidden_attributes > 0;
        for NestedDiff {
            name,
            mark,
            forces,
            inside,
        } in &inside.blocks
        {
            if previous.map_or(before_blocks, |p| p != name) {
                self.line("");
            }
            previous = Some(name);
            let note = self.forces(*forces);
            let symbol = self.symbol(*mark);
            self.block(level, &symbol, name, inside, &note);
        }
        if inside.hidden_blocks > 0 {
            if before_blocks || !inside.blocks.is_empty() {
                self.line("");
            }
            self.hidden(level, inside.hidden_blocks, "block");
        }
    }

    /// Rows of names and values, aligned.
    pub(crate) fn named<'n>(
        &mut self,
        level: usize,
        rows: impl Iterator<Item = (&'n str, &'n Node)> + Clone,
    ) {
        let width = rows
            .clone()
            .map(|(name, _)| console::measure_text_width(name))
            .max()
            .unwrap_or(0);
        for (name, node) in rows {
            let gap = " ".repeat(width - console::measure_text_width(name));
            self.node(
                level,
                &format!("{}{gap} = ", tame(name)),
                node,
                After { in_list: false },
            );
        }
    }

    /// A value by itself.
    pub(crate) fn bare(&mut self, node: &Node) {
        self.node(0, "", node, After { in_list: false });
    }

    fn forces(&self, forces: bool) -> String {
        if forces {
            format!(" {}", self.paint.red("# forces replacement"))
        } else {
            String::new()
        }
    }

    fn node(&mut self, level: usize, label: &str, node: &Node, after: After) {
        let symbol = self.symbol(node.mark);
        let note = self.forces(node.forces);
        let gone = if node.mark == Mark::Remove && !after.in_list {
            format!(" {}", self.paint.dim("-> null"))
        } else {
            String::new()
        };
        let comma = if after.in_list { "," } else { "" };
        let arrow = self.paint.yellow("->");
        match &node.body {
            Body::Leaf { before, after } => {
                let value = match (before, after, node.mark) {
                    (Some(b), Some(a), Mark::Change) => format!("{b} {arrow} {a}"),
                    (_, Some(a), _) => a.clone(),
                    (Some(b), None, _) => b.clone(),
                    (None, None, _) => "null".to_owned(),
                };
                self.row(
                    level,
                    &symbol,
                    &format!("{label}{value}{gone}{comma}{note}"),
                );
            }
            Body::Veiled(text) => {
                let text = self.paint.dim(text);
                self.row(level, &symbol, &format!("{label}{text}{gone}{comma}{note}"));
            }
            Body::Text(lines) => {
                self.row(level, &symbol, &format!("{label}<<-EOT{note}"));
                for line in lines {
                    match line {
                        Line::Shown(mark, text) => {
                            let symbol = self.symbol(*mark);
                            let text = self.coloured(*mark, text);
                            self.row(level + STEP, &symbol, &text);
                        }
                        Line::Hidden(count) => self.hidden(level + STEP, *count, "line"),
                    }
                }
                self.at(level, &format!("EOT{gone}{comma}"));
            }
            Body::Json {
                document,
                spacing_only,
            } => {
                self.row(level, &symbol, &format!("{label}jsonencode({note}"));
                let mut document = document.clone();
                // The attribute's own symbol has said that the whole document comes or goes.
                if matches!(document.mark, Mark::Add | Mark::Remove) {
                    document.mark = Mark::Same;
                }
                self.node(level + STEP, "", &document, After { in_list: false });
                let spacing = if *spacing_only {
                    format!(" {}", self.paint.dim("# only white space changes"))
                } else {
                    String::new()
                };
                self.at(level, &format!("){gone}{comma}{spacing}"));
            }
            Body::Entries(entries) => {
                self.row(level, &symbol, &format!("{label}{{{note}"));
                self.entries(level + STEP, entries);
                self.at(level, &format!("}}{gone}{comma}"));
            }
            Body::Items(items) => {
                self.row(level, &symbol, &format!("{label}[{note}"));
                self.items(level + STEP, items);
                self.at(level, &format!("]{gone}{comma}"));
            }
            Body::Turned { before, after } => {
                let (open, close) = match before.body {
                    Body::Items(_) => ("[", "]"),
                    _ => ("{", "}"),
                };
                self.row(level, &symbol, &format!("{label}{open}{note}"));
                match &before.body {
                    Body::Items(items) => self.items(level + STEP, items),
                    Body::Entries(entries) => self.entries(level + STEP, entries),
                    _ => {}
                }
                self.at(level, &format!("{close} {arrow} {after}{comma}"));
            }
        }
    }

    fn coloured(&self, mark: Mark, text: &str) -> String {
        match mark {
            Mark::Add => self.paint.green(text),
            Mark::Remove => self.paint.red(text),
            Mark::Same | Mark::Change => text.to_owned(),
        }
    }

    fn entries(&mut self, level: usize, entries: &[Entry]) {
        let rows = entries.iter().filter_map(|e| match e {
            Entry::Shown(name, node) => Some((name.as_str(), node)),
            Entry::Hidden(..) => None,
        });
        self.named(level, rows);
        for entry in entries {
            if let Entry::Hidden(count, noun) = entry {
                self.hidden(level, *count, noun);
            }
        }
    }

    fn items(&mut self, level: usize, items: &[Item]) {
        for item in items {
            match item {
                Item::Shown(node) => self.node(level, "", node, After { in_list: true }),
                Item::Hidden(count) => self.hidden(level, *count, "element"),
            }
        }
    }
}
