//! The order in which the names of one file get their values while it is checked: local values and module calls need each
//! other and components; components are expanded kind by kind. Each is evaluated once, in linear time.

use crate::blocks::Declarations;
use infra_model::Str;
use infra_model::address::MODULE;
use infra_model::expr::{Expr, Root};
use infra_model::hash::HashMap;

/// Something with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `locals[i]`
    Local(usize),
    /// `modules[i]`
    Module(usize),
}

/// Local values and module calls in an order in which they can be evaluated, by what must be expanded before: nothing, the
/// first kind of component, the first two, and so on. Those in a circle come where they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule(Vec<Vec<Item>>);

impl Schedule {
    /// For one file.
    pub(crate) fn of(declared: &Declarations, kinds: &[Str]) -> Schedule {
        let modules: HashMap<&str, usize> = declared
            .modules
            .iter()
            .enumerate()
            .map(|(i, call)| (&*call.name, declared.locals.len() + i))
            .collect();
        let needs = |expr: &Expr, node: &mut Node| {
            expr.references(&mut |root, _, _| match root {
                Root::Local(name) => node.needs.extend(declared.locals.get_index_of(name)),
                Root::Component { kind, name } if &**kind == MODULE => {
                    node.needs.extend(modules.get(&**name));
                }
                Root::Component { kind, .. } => {
                    let rank = kinds.iter().position(|k| k == kind).map_or(0, |i| i + 1);
                    node.rank = node.rank.max(rank);
                }
                _ => {}
            });
        };
        let mut nodes = Vec::with_capacity(declared.locals.len() + declared.modules.len());
        for local in declared.locals.values() {
            let mut node = Node::default();
            needs(&local.value, &mut node);
            nodes.push(node);
        }
        for call in &declared.modules {
            let mut node = Node::default();
            let inputs = call.inputs.values().map(|(input, _)| input);
            inputs
                .chain(call.repeat.expr())
                .for_each(|expr| needs(expr, &mut node));
            for handed in &call.providers {
                if let Some(key) = &handed.key {
                    needs(key, &mut node);
                }
                // A component may define what is handed over.
                let alias = handed.outer.alias.as_ref();
                if declared.components.iter().any(|c| Some(&c.name) == alias) {
                    node.rank = kinds.len();
                }
            }
            nodes.push(node);
        }
        let mut ranks = vec![Vec::new(); kinds.len() + 1];
        for i in order(&mut nodes) {
            ranks[nodes[i].rank].push(match i.checked_sub(declared.locals.len()) {
                None => Item::Local(i),
                Some(module) => Item::Module(module),
            });
        }
        Schedule(ranks)
    }

    /// What can be evaluated when that many kinds of components are expanded, and not before.
    pub(crate) fn after(&self, kinds: usize) -> &[Item] {
        self.0.get(kinds).map_or(&[], Vec::as_slice)
    }
}

#[derive(Clone, Debug, Default)]
struct Node {
    needs: Vec<usize>,
    /// How many kinds of components must be expanded before.
    rank: usize,
}

/// What is needed before what needs it, ranks passed on. Without recursion: chains can be long.
fn order(nodes: &mut [Node]) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut seen = vec![false; nodes.len()];
    for start in 0..nodes.len() {
        let mut stack = vec![(start, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 {
                if seen[node] {
                    continue;
                }
                seen[node] = true;
            }
            match nodes[node].needs.get(next).copied() {
                Some(needed) => {
                    stack.push((node, next + 1));
                    if !seen[needed] {
                        stack.push((needed, 0));
                    }
                }
                None => {
                    let needed = nodes[node].needs.iter().map(|n| nodes[*n].rank).max();
                    nodes[node].rank = nodes[node].rank.max(needed.unwrap_or(0));
                    order.push(node);
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_passes_its_rank_on() {
        let node = |needs: &[usize], rank| Node {
            needs: needs.to_vec(),
            rank,
        };
        let mut nodes = [
            node(&[2], 0),
            node(&[0], 0),
            node(&[], 1),
            node(&[4], 0),
            node(&[3], 0),
        ];
        assert_eq!(order(&mut nodes), [2, 0, 1, 4, 3]);
        let ranks: Vec<usize> = nodes.iter().map(|n| n.rank).collect();
        assert_eq!(ranks, [1, 1, 1, 0, 0]);
    }
}
