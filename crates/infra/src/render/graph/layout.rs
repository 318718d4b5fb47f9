//! Where everything stands in a drawing: what is needed is to the left of what needs it. Each component or module is laid out
//! by itself, and then is one box among the others of its level.

use super::{Boxed, Drawing};
use infra_model::address::{BlockAddress, ScopePath};
use std::collections::{BTreeMap, BTreeSet};

const ROW: f64 = 26.0;
const GAP: f64 = 10.0;
/// Between columns: room for the lines.
const AISLE: f64 = 56.0;
const PADDING: f64 = 14.0;
/// A box's name stands in its upper edge.
const TITLE: f64 = 24.0;
/// The width of a letter at the size that nodes are written in.
const LETTER: f64 = 6.7;
/// With more blocks than this every line is drawn: finding those that follow from others takes too long.
const REDUCED: usize = 2000;

/// A place and a size, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A drawing with places.
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// By the number of the block.
    pub(super) nodes: Vec<Area>,
    /// Outer ones first.
    pub(super) boxes: Vec<(ScopePath, Area)>,
    /// Sorted.
    pub(super) edges: Vec<Edge>,
}

/// A line between two blocks, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) needed: usize,
    pub(super) needs: usize,
    /// A longer way says it already: it need not be seen.
    pub(super) implied: bool,
}

/// One thing of a level.
enum Item {
    Node(usize),
    Inner(ScopePath, Placed),
}

/// A level that is laid out, with places relative to its own corner.
#[derive(Default)]
struct Placed {
    width: f64,
    height: f64,
    nodes: Vec<(usize, Area)>,
    boxes: Vec<(ScopePath, Area)>,
}

struct Builder<'a> {
    number: BTreeMap<&'a BlockAddress, usize>,
    blocks: &'a [BlockAddress],
    edges: Vec<Edge>,
}

/// Places everything.
pub(super) fn layout(drawing: &Drawing) -> Layout {
    let number = drawing.number();
    let mut edges: Vec<(usize, usize)> = drawing
        .edges
        .iter()
        .filter_map(|(needed, needs)| Some((*number.get(needed)?, *number.get(needs)?)))
        .filter(|(a, b)| a != b)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    let builder = Builder {
        number,
        blocks: &drawing.blocks,
        edges: told_apart(drawing.blocks.len(), edges),
    };
    let placed = builder.level(&drawing.boxed(), &ScopePath::root());
    let mut nodes = vec![Area::default(); drawing.blocks.len()];
    for (number, area) in &placed.nodes {
        nodes[*number] = area.moved(PADDING, PADDING);
    }
    let moved = |(scope, area): (ScopePath, Area)| (scope, area.moved(PADDING, PADDING));
    Layout {
        width: placed.width + 2.0 * PADDING,
        height: placed.height + 2.0 * PADDING,
        nodes,
        boxes: placed.boxes.into_iter().map(moved).collect(),
        edges: builder.edges,
    }
}

impl Area {
    fn moved(self, x: f64, y: f64) -> Area {
        Area {
            x: self.x + x,
            y: self.y + y,
            ..self
        }
    }
}

impl Builder<'_> {
    fn level(&self, boxed: &Boxed<'_>, scope: &ScopePath) -> Placed {
        let mut items: Vec<Item> = boxed
            .blocks
            .iter()
            .filter_map(|b| self.number.get(b))
            .map(|n| Item::Node(*n))
            .collect();
        for (scope, inner) in &boxed.inside {
            items.push(Item::Inner(scope.clone(), self.level(inner, scope)));
        }
        let between = self.between(&items, scope);
        let columns = ordered(items.len(), &between);
        self.place(&items, &columns)
    }

    /// The edges between the items of a level, by their positions.
    fn between(&self, items: &[Item], scope: &ScopePath) -> BTreeSet<(usize, usize)> {
        let mut nodes = BTreeMap::new();
        let mut scopes = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            match item {
                Item::Node(number) => {
                    nodes.insert(*number, i);
                }
                Item::Inner(scope, _) => {
                    scopes.insert(scope, i);
                }
            }
        }
        let depth = scope.steps().len();
        let item = |number: usize| {
            let inside = &self.blocks[number].scope;
            let steps = inside.steps();
            if !steps.starts_with(scope.steps()) {
                return None;
            }
            match steps.get(depth) {
                None => nodes.get(&number),
                Some(step) => scopes.get(&scope.join(step.clone())),
            }
        };
        self.edges
            .iter()
            .filter_map(|e| Some((*item(e.needed)?, *item(e.needs)?)))
            .filter(|(a, b)| a != b)
            .collect()
    }

    fn size(&self, item: &Item) -> (f64, f64) {
        match item {
            Item::Node(number) => {
                let letters = super::short(&self.blocks[*number]).chars().count();
                #[allow(
                    clippy::cast_precision_loss,
                    reason = "a name is no longer than 2^52 letters"
                )]
                let width = letters as f64 * LETTER + 18.0;
                (width, ROW)
            }
            Item::Inner(_, placed) => (
                placed.width + 2.0 * PADDING,
                placed.height + PADDING + TITLE,
            ),
        }
    }

    fn place(&self, items: &[Item], columns: &[Vec<usize>]) -> Placed {
        let mut placed = Placed::default();
        let tall = |column: &Vec<usize>| {
            let heights = column.iter().map(|i| self.size(&items[*i]).1 + GAP);
            heights.sum::<f64>() - GAP
        };
        placed.height = columns.iter().map(tall).fold(0.0, f64::max);
        let mut x = 0.0;
        for column in columns {
            let wide = column
                .iter()
                .map(|i| self.size(&items[*i]).0)
                .fold(0.0, f64::max);
            let mut y = (placed.height - tall(column)) / 2.0;
            for i in column {
                let (width, height) = self.size(&items[*i]);
                let area = Area {
                    x,
                    y,
                    width,
                    height,
                };
                match &items[*i] {
                    Item::Node(number) => placed.nodes.push((*number, area)),
                    Item::Inner(scope, inner) => {
                        placed.boxes.push((scope.clone(), area));
                        let (dx, dy) = (x + PADDING, y + TITLE);
                        let nodes = inner.nodes.iter().map(|(n, a)| (*n, a.moved(dx, dy)));
                        placed.nodes.extend(nodes);
                        let boxes = inner.boxes.iter();
                        placed
                            .boxes
                            .extend(boxes.map(|(s, a)| (s.clone(), a.moved(dx, dy))));
                    }
                }
                y += height + GAP;
            }
            x += wide + AISLE;
        }
        placed.width = (x - AISLE).max(0.0);
        placed
    }
}

/// Columns from left to right: each item right of everything that it needs, and near the height of that.
fn ordered(count: usize, edges: &BTreeSet<(usize, usize)>) -> Vec<Vec<usize>> {
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (needed, item) in edges {
        needs[*item].push(*needed);
    }
    let ranks = ranks(&needs);
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (item, rank) in ranks.into_iter().enumerate() {
        if columns.len() <= rank {
            columns.resize_with(rank + 1, Vec::new);
        }
        columns[rank].push(item);
    }
    let mut height: Vec<usize> = vec![0; count];
    for column in &mut columns {
        // Those with something to the left stand beside it; the others keep their order below.
        column.sort_by_key(|item| {
            let above = &needs[*item];
            match above.len() {
                0 => (usize::MAX, *item),
                n => (
                    above.iter().map(|a| height[*a]).sum::<usize>() * 16 / n,
                    *item,
                ),
            }
        });
        for (at, item) in column.iter().enumerate() {
            height[*item] = at;
        }
    }
    columns
}

/// The length of the longest chain of needs below each item. Boxes can need each other both ways: what leads back into the
/// chain that it came from does not count.
fn ranks(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut rank: Vec<Option<usize>> = vec![None; needs.len()];
    let mut open = vec![false; needs.len()];
    for start in 0..needs.len() {
        // An item, and how many of its needs have been looked at.
        let mut chain = vec![(start, 0)];
        while let Some((item, looked)) = chain.last_mut() {
            let item = *item;
            open[item] = true;
            match needs[item].get(*looked) {
                _ if rank[item].is_some() => {}
                Some(needed) => {
                    *looked += 1;
                    if rank[*needed].is_none() && !open[*needed] {
                        chain.push((*needed, 0));
                    }
                    continue;
                }
                None => {
                    let below = needs[item].iter().filter_map(|n| rank[*n]);
                    rank[item] = Some(below.max().map_or(0, |deepest| deepest + 1));
                }
            }
            open[item] = false;
            chain.pop();
        }
    }
    rank.into_iter().map(Option::unwrap_or_default).collect()
}

/// Finds the edges that a longer way says already.
fn told_apart(count: usize, edges: Vec<(usize, usize)>) -> Vec<Edge> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in &edges {
        next[*from].push(*to);
    }
    let longer = |from: usize, to: usize| {
        let mut seen = vec![false; count];
        let mut open: Vec<usize> = next[from].iter().copied().filter(|n| *n != to).collect();
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(&next[at]);
            }
        }
        false
    };
    edges
        .iter()
        .map(|(needed, needs)| Edge {
            needed: *needed,
            needs: *needs,
            implied: count <= REDUCED && longer(*needed, *needs),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> BlockAddress {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_needed_is_left_of_what_needs_it_and_boxes_hold_their_own() {
        let vpc = block("network.main.aws_vpc.this");
        let subnet = block("network.main.aws_subnet.private");
        let role = block("aws_iam_role.nodes");
        let cluster = block("cluster.main.aws_eks_cluster.this");
        let drawing = Drawing {
            blocks: vec![role.clone(), vpc.clone(), subnet.clone(), cluster.clone()],
            edges: vec![
                (vpc.clone(), subnet.clone()),
                (subnet.clone(), cluster.clone()),
                (vpc.clone(), cluster.clone()),
                (role.clone(), cluster.clone()),
            ],
        };
        let layout = layout(&drawing);
        let number = drawing.number();
        let implied: Vec<_> = layout.edges.iter().filter(|e| e.implied).collect();
        assert_eq!(
            implied.len(),
            1,
            "only the vpc's edge to the cluster follows from others"
        );
        assert_eq!(
            (implied[0].needed, implied[0].needs),
            (number[&vpc], number[&cluster])
        );
        for (needed, needs) in &drawing.edges {
            let (a, b) = (layout.nodes[number[needed]], layout.nodes[number[needs]]);
            assert!(a.x + a.width < b.x, "{needed} {needs}");
        }
        for (scope, area) in &layout.boxes {
            for (block, node) in drawing.blocks.iter().zip(&layout.nodes) {
                let inside = node.x >= area.x
                    && node.x + node.width <= area.x + area.width
                    && node.y >= area.y
                    && node.y + node.height <= area.y + area.height;
                assert_eq!(inside, block.scope == *scope, "{block} in {scope}");
            }
        }
    }

    #[test]
    fn boxes_that_need_each_other_are_still_placed() {
        let (a, b) = (block("network.a.aws_vpc.x"), block("network.b.aws_vpc.x"));
        let (c, d) = (
            block("network.a.aws_subnet.y"),
            block("network.b.aws_subnet.y"),
        );
        let drawing = Drawing {
            blocks: vec![a.clone(), b.clone(), c.clone(), d.clone()],
            edges: vec![(a, d), (b, c)],
        };
        assert_eq!(layout(&drawing).boxes.len(), 2);
    }
}
