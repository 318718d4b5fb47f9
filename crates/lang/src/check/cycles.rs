//! Blocks that need each other in a circle. The graph here is of blocks, not of instances: local values, resources, provider
//! configurations and the outputs of components.

use crate::codes::Code;
use crate::report::error;
use indexmap::IndexMap;
use infra_model::address::{BlockAddress, InstanceKey, ProviderAddress};
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::expr::{At, Expr, Root, StaticStep};
use infra_model::hash::HashMap;
use infra_model::program::{
    ComponentInstance, Dependency, Local, Module, ProviderBlock, ResourceBlock,
};
use infra_model::{ScopePath, Str};

/// An edge: what is needed, and where that is written.
type Edge = (u32, Span);

/// What can be part of a cycle. The variables and local values of modules are in their instances.
pub(crate) struct Parts<'a> {
    pub(crate) locals: &'a IndexMap<Str, Local>,
    pub(crate) blocks: &'a [ResourceBlock],
    pub(crate) providers: &'a [ProviderBlock],
    pub(crate) components: &'a [ComponentInstance],
}

/// Tells every circle.
pub(crate) fn check(parts: &Parts<'_>) -> Diagnostics {
    let graph = Graph::of(parts);
    // A block that names itself was reported where its references were checked.
    let own = |group: &Vec<u32>| group.len() == 1 && group[0] as usize >= parts.locals.len();
    let groups = circles(&graph.edges).into_iter().filter(|g| !own(g));
    groups.filter_map(|g| told(&graph, &g)).collect()
}

fn index(i: usize) -> u32 {
    u32::try_from(i).expect("a program has fewer than 2^32 blocks")
}

/// The key of an instance of a component or module, the node of its first output, and the instance.
type Outputs<'a> = (Option<&'a InstanceKey>, u32, &'a ComponentInstance);

struct Graph {
    names: Vec<String>,
    edges: Vec<Vec<Edge>>,
}

/// The names of the stack itself, or of one instance of a module: the nodes of its first local value and variable, and of the
/// gate that everything in it waits for.
struct Level<'a> {
    locals: &'a IndexMap<Str, Local>,
    first_local: u32,
    module: Option<(&'a Module, u32, u32)>,
}

struct Nodes<'a> {
    levels: HashMap<ScopePath, Level<'a>>,
    blocks: HashMap<&'a BlockAddress, u32>,
    providers: HashMap<&'a ProviderAddress, u32>,
    /// Those with keys, by what they are without.
    keyed: HashMap<ProviderAddress, Vec<u32>>,
    /// First output of each instance, by the call.
    components: HashMap<BlockAddress, Vec<Outputs<'a>>>,
    /// All that is in the instances of a component or module, by the call.
    insides: HashMap<BlockAddress, u32>,
}

impl<'a> Nodes<'a> {
    /// Gives every part a number and a name, in the order in which [`Graph::of`] gives them edges.
    fn of(parts: &Parts<'a>) -> (Nodes<'a>, Vec<String>) {
        let mut names = Vec::new();
        let mut nodes = Nodes {
            levels: HashMap::default(),
            blocks: HashMap::with_capacity_and_hasher(parts.blocks.len(), Default::default()),
            providers: HashMap::default(),
            keyed: HashMap::default(),
            components: HashMap::default(),
            insides: HashMap::default(),
        };
        names.extend(parts.locals.keys().map(|n| format!("local.{n}")));
        let root = Level {
            locals: parts.locals,
            first_local: 0,
            module: None,
        };
        nodes.levels.insert(ScopePath::root(), root);
        for block in parts.blocks {
            nodes.blocks.insert(&block.address, index(names.len()));
            names.push(block.address.to_string());
        }
        for provider in parts.providers {
            let node = index(names.len());
            nodes.providers.insert(&provider.address, node);
            if let Some(all) = provider.address.without_key() {
                nodes.keyed.entry(all).or_default().push(node);
            }
            names.push(format!("clouds.{}", provider.address));
        }
        for component in parts.components {
            let scope = component.scope();
            if let Some(call) = scope.call() {
                let key = component.step.key.as_ref();
                let all = nodes.components.entry(call).or_default();
                all.push((key, index(names.len()), component));
            }
            names.extend(component.outputs.keys().map(|o| format!("{scope}.{o}")));
            if let Some(module) = &component.module {
                let first_local = index(names.len());
                names.extend(module.locals.keys().map(|n| format!("{scope}.local.{n}")));
                let first_variable = index(names.len());
                names.extend(module.variables.keys().map(|n| format!("{scope}.var.{n}")));
                let gate = index(names.len());
                names.push(scope.to_string());
                let level = Level {
                    locals: &module.locals,
                    first_local,
                    module: Some((module, first_variable, gate)),
                };
                nodes.levels.insert(scope, level);
            }
        }
        for component in parts.components {
            if let Some(call) = component.scope().call() {
                nodes.insides.entry(call).or_insert_with_key(|call| {
                    names.push(call.to_string());
                    index(names.len() - 1)
                });
            }
        }
        (nodes, names)
    }
}

impl Graph {
    fn of(parts: &Parts<'_>) -> Graph {
        let (nodes, names) = Nodes::of(parts);
        let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(names.len());
        let root = ScopePath::root();
        for local in parts.locals.values() {
            edges.push(nodes.of_expr(&local.value, &root));
        }
        for block in parts.blocks {
            edges.push(nodes.of_block(block));
        }
        for provider in parts.providers {
            edges.push(nodes.of_expr(&provider.config, &provider.scope));
        }
        for component in parts.components {
            let scope = component.scope();
            for (name, output) in &component.outputs {
                let mut own = nodes.of_expr(output, &scope);
                let declared = component.module.as_ref().and_then(|m| m.outputs.get(name));
                for condition in declared.iter().flat_map(|output| &output.preconditions) {
                    own.extend(nodes.of_expr(&condition.condition, &scope));
                }
                edges.push(own);
            }
            if let Some(module) = &component.module {
                nodes.of_module(module, component, &scope, &mut edges);
            }
        }
        edges.resize_with(names.len(), Vec::new);
        for block in parts.blocks {
            let Some(node) = nodes.blocks.get(&block.address) else {
                continue;
            };
            let mut path = block.address.scope.clone();
            while let Some(call) = path.call() {
                if let Some(inside) = nodes.insides.get(&call) {
                    edges[*inside as usize].push((*node, Span::default()));
                }
                path = call.scope;
            }
        }
        Graph { names, edges }
    }
}

impl Nodes<'_> {
    fn of_block(&self, block: &ResourceBlock) -> Vec<Edge> {
        let scope = &block.address.scope;
        let mut out = self.of_expr(&block.config, scope);
        if let Some(expr) = block.repeat.expr() {
            out.extend(self.of_expr(expr, scope));
        }
        for condition in &block.lifecycle.preconditions {
            out.extend(self.of_expr(&condition.condition, scope));
        }
        for dependency in block
            .depends_on
            .iter()
            .chain(&block.lifecycle.replace_triggered_by)
        {
            self.of_dependency(dependency, scope, &mut out);
            if let Some(key) = &dependency.key {
                out.extend(self.of_expr(key, scope));
            }
        }
        if let Some(provider) = self.providers.get(&block.provider) {
            out.push((*provider, block.span));
        }
        if let Some(key) = &block.provider_key {
            out.extend(self.of_expr(key, scope));
            let own = self.keyed.get(&block.provider).into_iter().flatten();
            out.extend(own.map(|node| (*node, block.span)));
        }
        out.extend(self.gate(scope));
        out
    }

    /// The edges of a module's local values, variables and gate.
    fn of_module(
        &self,
        module: &Module,
        instance: &ComponentInstance,
        scope: &ScopePath,
        edges: &mut Vec<Vec<Edge>>,
    ) {
        for local in module.locals.values() {
            edges.push(self.of_expr(&local.value, scope));
        }
        for name in module.variables.keys() {
            let given = module.given.get(name);
            edges.push(given.map_or_else(Vec::new, |expr| self.of_expr(expr, &instance.parent)));
        }
        let mut gate = Vec::new();
        for dependency in &*module.depends_on {
            self.of_dependency(dependency, &instance.parent, &mut gate);
        }
        gate.extend(self.gate(&instance.parent));
        edges.push(gate);
    }

    /// What everything at a path waits for.
    fn gate(&self, scope: &ScopePath) -> Option<Edge> {
        let (_, _, gate) = self.levels.get(&scope.module())?.module?;
        Some((gate, Span::default()))
    }

    fn of_expr(&self, expr: &Expr, scope: &ScopePath) -> Vec<Edge> {
        let mut out = Vec::new();
        expr.references(&mut |root, steps, span| {
            self.of_root(root, steps, span, scope, false, &mut out);
        });
        out
    }

    fn of_dependency(&self, dependency: &Dependency, scope: &ScopePath, out: &mut Vec<Edge>) {
        self.of_root(
            &dependency.root,
            &dependency.steps,
            dependency.span,
            scope,
            true,
            out,
        );
    }

    fn of_root(
        &self,
        root: &Root,
        steps: &[StaticStep],
        span: Span,
        scope: &ScopePath,
        whole: bool,
        out: &mut Vec<Edge>,
    ) {
        match root {
            Root::Variable(name) => {
                let level = self.levels.get(&scope.module());
                if let Some((module, first, _)) = level.and_then(|l| l.module) {
                    let place = module.variables.get_index_of(name);
                    out.extend(place.map(|i| (first + index(i), span)));
                }
            }
            Root::Local(name) => {
                if let Some(level) = self.levels.get(&scope.module()) {
                    let place = level.locals.get_index_of(name);
                    out.extend(place.map(|i| (level.first_local + index(i), span)));
                }
            }
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                let address = BlockAddress {
                    scope: match at {
                        At::Module => scope.module(),
                        At::Component => scope.clone(),
                    },
                    mode: *mode,
                    type_name: type_name.clone(),
                    name: name.clone(),
                };
                out.extend(self.blocks.get(&address).map(|node| (*node, span)));
            }
            Root::Component { kind, name } => {
                let call = BlockAddress::call(scope.module(), kind.clone(), name.clone());
                if whole {
                    out.extend(self.insides.get(&call).map(|node| (*node, span)));
                    return;
                }
                self.of_outputs(&call, steps, span, out);
            }
            _ => {}
        }
    }

    fn of_outputs(
        &self,
        call: &BlockAddress,
        steps: &[StaticStep],
        span: Span,
        out: &mut Vec<Edge>,
    ) {
        let (wanted, steps) = match steps {
            [StaticStep::Key(k), rest @ ..] => (Some(InstanceKey::Name(k.clone())), rest),
            [StaticStep::Index(i), rest @ ..] => (Some(InstanceKey::Index(*i)), rest),
            [StaticStep::Computed, rest @ ..] => (None, rest),
            _ => (None, steps),
        };
        let output = match steps.first() {
            Some(StaticStep::Attribute(output)) => Some(output),
            _ => None,
        };
        for (key, first, instance) in self.components.get(call).into_iter().flatten() {
            if wanted.is_some() && *key != wanted.as_ref() {
                continue;
            }
            match output {
                Some(output) => out.extend(
                    instance
                        .outputs
                        .get_index_of(output)
                        .map(|i| (first + index(i), span)),
                ),
                None => {
                    out.extend((0..instance.outputs.len()).map(|i| (first + index(i), span)));
                }
            }
        }
    }
}

/// The groups of nodes that reach each other (Tarjan, without recursion), smallest node first.
fn circles(edges: &[Vec<Edge>]) -> Vec<Vec<u32>> {
    const NEW: u32 = u32::MAX;
    let mut number = vec![NEW; edges.len()];
    let mut low = vec![0u32; edges.len()];
    let mut on_stack = vec![false; edges.len()];
    let (mut stack, mut groups, mut next) = (Vec::new(), Vec::new(), 0u32);
    for start in 0..edges.len() {
        if number[start] != NEW {
            continue;
        }
        let mut work = vec![(start, 0usize)];
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                (number[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                let child = edges[node][edge - 1].0 as usize;
                if on_stack[child] {
                    low[node] = low[node].min(low[child]);
                }
            }
            let rest = &edges[node][edge..];
            let unseen = rest.iter().position(|(child, _)| {
                let child = *child as usize;
                if number[child] == NEW {
                    return true;
                }
                if on_stack[child] {
                    low[node] = low[node].min(number[child]);
                }
                false
            });
            if let Some(skip) = unseen {
                work.push((node, edge + skip + 1));
                work.push((edges[node][edge + skip].0 as usize, 0));
                continue;
            }
            if low[node] == number[node] {
                let mut group = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    group.push(index(member));
                    if member == node {
                        break;
                    }
                }
                let own = |n: u32| edges[n as usize].iter().any(|(t, _)| *t == n);
                if group.len() > 1 || own(group[0]) {
                    group.sort_unstable();
                    groups.push(group);
                }
            }
        }
    }
    groups.sort();
    groups
}

/// One shortest way round, told with its places.
fn told(graph: &Graph, group: &[u32]) -> Option<Diagnostic> {
    let start = group[0];
    let mut from: HashMap<u32, (u32, Span)> = HashMap::default();
    let mut queue = std::collections::VecDeque::from([start]);
    let mut last = None;
    'search: while let Some(node) = queue.pop_front() {
        for (child, span) in &graph.edges[node as usize] {
            if *child == start {
                last = Some((node, *span));
                break 'search;
            }
            if group.binary_search(child).is_ok() && !from.contains_key(child) {
                from.insert(*child, (node, *span));
                queue.push_back(*child);
            }
        }
    }
    let (mut node, span) = last?;
    let mut way = vec![(start, span)];
    while node != start {
        let (before, span) = from[&node];
        way.push((node, span));
        node = before;
    }
    way.reverse();
    let names: Vec<&str> = std::iter::once(start)
        .chain(way.iter().map(|(node, _)| *node))
        .map(|node| graph.names[node as usize].as_str())
        .collect();
    let shown = if names.len() > 12 {
        format!(
            "{} → … → {}",
            names[..8].join(" → "),
            names[names.len() - 2..].join(" → ")
        )
    } else {
        names.join(" → ")
    };
    let mut labels = way
        .iter()
        .zip(&names)
        .filter(|((_, span), _)| *span != Span::default())
        .take(8)
        .map(|((node, span), needing)| {
            let needed = &graph.names[*node as usize];
            (*span, format!("`{needing}` needs `{needed}`"))
        });
    let (span, label) = labels.next()?;
    let mut diagnostic = if names.len() == 2 {
        error(
            Code::SelfReference,
            format!("`{}` refers to itself", names[0]),
            span,
            "its own value",
        )
    } else {
        error(
            Code::Cycle,
            format!("these need each other: {shown}"),
            span,
            label,
        )
    };
    diagnostic.labels.extend(labels);
    Some(diagnostic.help(if names.len() == 2 {
        "a value cannot be made of itself"
    } else {
        "break the circle: leave one reference out, or move what both need to a block of its own"
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_reach_each_other_are_found() {
        let edge = |n: u32| (n, Span::default());
        let edges = vec![
            vec![edge(1)],
            vec![edge(2), edge(3)],
            vec![edge(0)],
            vec![edge(4)],
            vec![edge(4)],
            vec![edge(3)],
        ];
        assert_eq!(circles(&edges), vec![vec![0, 1, 2], vec![4]]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_stack() {
        let edges: Vec<Vec<Edge>> = (0..100_000u32)
            .map(|i| {
                if i == 99_999 {
                    vec![]
                } else {
                    vec![(i + 1, Span::default())]
                }
            })
            .collect();
        assert!(circles(&edges).is_empty());
    }
}
