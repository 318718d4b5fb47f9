//! Which operations come before which: Terraform's `graph -type=apply` and infra's `graph PLAN`, as pairs.

use std::collections::{BTreeMap, BTreeSet};

/// A step of apply: an address, and whether its object is made (or changed) or taken away.
pub type Operation = (String, &'static str);

/// Everything that comes before something, over any number of steps between.
#[derive(Debug, Default)]
pub struct Order(BTreeMap<String, BTreeSet<String>>);

impl Order {
    /// Reads a drawing in Graphviz' language in which an arrow leads from what waits to what is waited for.
    pub fn of_dot(dot: &str) -> Order {
        let mut order = BTreeMap::<String, BTreeSet<String>>::new();
        for line in dot.lines() {
            let Some((from, to)) = line.split_once("\" -> \"") else {
                continue;
            };
            let from = unquoted(from.trim_start().trim_start_matches('"'));
            let to = unquoted(to.trim_end_matches([';', '"']));
            order.entry(from).or_default().insert(to);
        }
        Order(order)
    }

    /// All pairs (before, after) of operations.
    pub fn pairs(&self) -> BTreeSet<(Operation, Operation)> {
        let mut pairs = BTreeSet::new();
        for (node, after) in self.0.keys().filter_map(|n| Some((n, operation(n)?))) {
            let mut seen = BTreeSet::new();
            let mut open = vec![node];
            while let Some(node) = open.pop() {
                for next in self.0.get(node).into_iter().flatten() {
                    if seen.insert(next) {
                        open.push(next);
                        pairs.extend(operation(next).map(|before| (before, after.clone())));
                    }
                }
            }
        }
        pairs
    }
}

fn unquoted(text: &str) -> String {
    text.trim_start_matches("[root] ")
        .replace("\\\"", "\"")
        .replace("\\\\", "\\")
}

/// What a node does, by its name in either drawing.
fn operation(node: &str) -> Option<Operation> {
    let (address, word) = match node.rsplit_once(" (") {
        Some((address, word)) => (address, word.trim_end_matches(')')),
        None => (node, "create"),
    };
    let last = address.rsplit('.').nth(1)?;
    if last != "terraform_data" {
        return None;
    }
    let what = match word {
        "create" | "update" | "import" => "made",
        word if word.starts_with("destroy") => "taken",
        _ => return None,
    };
    Some((address.to_owned(), what))
}
