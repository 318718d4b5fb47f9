//! The program as a graph of blocks, locals, module variables, component and module outputs and provider configurations: what
//! must be planned before what.

use infra_model::address::{BlockAddress, InstanceKey, Mode, ProviderAddress, ScopePath};
use infra_model::expr::{At, Expr, Root, StaticStep};
use infra_model::hash::HashMap;
use infra_model::program::{Dependency, Module, Program};
use infra_model::value::Str;
use petgraph::graph::{DiGraph, NodeIndex};

mod cycle;

/// A node of the program graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProgramNode {
    /// `program.providers[i]`
    Provider(usize),
    /// `program.blocks[i]`
    Block(usize),
    /// `program.locals[i]`
    Local(usize),
    /// Output `name` of `program.components[i]`, which may be a module.
    ComponentOutput(usize, Str),
    /// Local value `j` of the module `program.components[i]`.
    ModuleLocal(usize, usize),
    /// Variable `j` of the module `program.components[i]`.
    ModuleVariable(usize, usize),
    /// What everything in the module `program.components[i]` waits for.
    Gate(usize),
    /// Everything in the module `program.components[i]`.
    Whole(usize),
    /// `program.outputs[i]`
    Output(usize),
}

/// The program's graph; an edge a → b says that a must be planned before b.
#[derive(Debug)]
pub struct ProgramGraph {
    /// Nodes and edges.
    pub graph: DiGraph<ProgramNode, ()>,
    index: HashMap<ProgramNode, NodeIndex>,
    blocks: HashMap<BlockAddress, usize>,
    /// The instances of components and modules, by their call.
    components: HashMap<BlockAddress, Vec<usize>>,
    /// Module instances by their path.
    modules: HashMap<ScopePath, usize>,
    scopes: HashMap<ScopePath, Vec<usize>>,
    providers: HashMap<ProviderAddress, usize>,
}

impl ProgramGraph {
    /// Builds the graph; linear in the size of the program.
    #[must_use]
    pub fn new(program: &Program) -> ProgramGraph {
        let many = program.blocks.len();
        let mut graph = ProgramGraph {
            graph: DiGraph::with_capacity(many, 2 * many),
            index: HashMap::with_capacity_and_hasher(many, Default::default()),
            blocks: program
                .blocks
                .iter()
                .enumerate()
                .map(|(i, b)| (b.address.clone(), i))
                .collect(),
            components: HashMap::default(),
            modules: HashMap::default(),
            scopes: HashMap::default(),
            providers: program
                .providers
                .iter()
                .enumerate()
                .map(|(i, p)| (p.address.clone(), i))
                .collect(),
        };
        for (i, component) in program.components.iter().enumerate() {
            let scope = component.scope();
            if let Some(call) = scope.call() {
                graph.components.entry(call).or_default().push(i);
            }
            if component.module.is_some() {
                graph.modules.insert(scope, i);
            }
        }
        for (i, block) in program.blocks.iter().enumerate() {
            graph
                .scopes
                .entry(block.address.scope.clone())
                .or_default()
                .push(i);
        }
        (0..program.providers.len()).for_each(|i| graph.add(ProgramNode::Provider(i)));
        (0..program.locals.len()).for_each(|i| graph.add(ProgramNode::Local(i)));
        (0..program.blocks.len()).for_each(|i| graph.add(ProgramNode::Block(i)));
        for (i, component) in program.components.iter().enumerate() {
            component
                .outputs
                .keys()
                .for_each(|name| graph.add(ProgramNode::ComponentOutput(i, name.clone())));
            if let Some(module) = &component.module {
                (0..module.locals.len()).for_each(|j| graph.add(ProgramNode::ModuleLocal(i, j)));
                (0..module.variables.len())
                    .for_each(|j| graph.add(ProgramNode::ModuleVariable(i, j)));
                graph.add(ProgramNode::Gate(i));
                graph.add(ProgramNode::Whole(i));
            }
        }
        (0..program.outputs.len()).for_each(|i| graph.add(ProgramNode::Output(i)));
        graph.connect(program);
        graph
    }

    fn add(&mut self, node: ProgramNode) {
        let index = self.graph.add_node(node.clone());
        self.index.insert(node, index);
    }

    fn connect(&mut self, program: &Program) {
        let mut edges: Vec<(ProgramNode, ProgramNode)> =
            Vec::with_capacity(2 * program.blocks.len());
        for (i, provider) in program.providers.iter().enumerate() {
            self.of_expr(
                program,
                &provider.config,
                &provider.scope,
                &ProgramNode::Provider(i),
                &mut edges,
            );
        }
        for (i, local) in program.locals.values().enumerate() {
            self.of_expr(
                program,
                &local.value,
                &ScopePath::root(),
                &ProgramNode::Local(i),
                &mut edges,
            );
        }
        for (i, component) in program.components.iter().enumerate() {
            let scope = component.scope();
            for (name, expr) in &component.outputs {
                self.of_expr(
                    program,
                    expr,
                    &scope,
                    &ProgramNode::ComponentOutput(i, name.clone()),
                    &mut edges,
                );
            }
            if let Some(module) = &component.module {
                self.of_module(program, i, module, &scope, &mut edges);
            }
        }
        for (i, block) in program.blocks.iter().enumerate() {
            let (scope, node) = (&block.address.scope, ProgramNode::Block(i));
            let lifecycle = &block.lifecycle;
            let conditions = lifecycle
                .preconditions
                .iter()
                .flat_map(|c| [&c.condition, &c.message]);
            let exprs = [&block.config]
                .into_iter()
                .chain(block.repeat.expr())
                .chain(&lifecycle.prevent_destroy)
                .chain(conditions);
            for expr in exprs {
                self.of_expr(program, expr, scope, &node, &mut edges);
            }
            for dependency in block
                .depends_on
                .iter()
                .chain(&lifecycle.replace_triggered_by)
            {
                self.of_dependency(program, dependency, scope, &node, &mut edges);
                if let Some(key) = &dependency.key {
                    self.of_expr(program, key, scope, &node, &mut edges);
                }
            }
            if let Some(key) = &block.provider_key {
                self.of_expr(program, key, scope, &node, &mut edges);
                // Which of them is known only with the instances: all come first.
                for (i, provider) in program.providers.iter().enumerate() {
                    if provider.address.is_one_of(&block.provider) {
                        edges.push((ProgramNode::Provider(i), node.clone()));
                    }
                }
            }
            if let Some(provider) = self.providers.get(&block.provider) {
                edges.push((ProgramNode::Provider(*provider), node.clone()));
            }
            if let Some(module) = self.module(scope) {
                edges.push((ProgramNode::Gate(module), node.clone()));
                edges.push((node, ProgramNode::Whole(module)));
            }
        }
        for import in &program.imports {
            let Some(block) = self.blocks.get(&import.to.block) else {
                continue;
            };
            let node = ProgramNode::Block(*block);
            let exprs = [&import.id].into_iter().chain(&import.key);
            for expr in exprs.chain(import.repeat.expr()) {
                self.of_expr(program, expr, &ScopePath::root(), &node, &mut edges);
            }
        }
        for (i, output) in program.outputs.values().enumerate() {
            let node = ProgramNode::Output(i);
            self.of_expr(
                program,
                &output.value,
                &ScopePath::root(),
                &node,
                &mut edges,
            );
            for dependency in &output.depends_on {
                self.of_dependency(program, dependency, &ScopePath::root(), &node, &mut edges);
            }
            for condition in &output.preconditions {
                for expr in [&condition.condition, &condition.message] {
                    self.of_expr(program, expr, &ScopePath::root(), &node, &mut edges);
                }
            }
        }
        for (from, to) in edges {
            if let (Some(from), Some(to)) = (self.index.get(&from), self.index.get(&to)) {
                self.graph.add_edge(*from, *to, ());
            }
        }
    }

    /// A module's local values, variables and outputs, and how what is around it and in it waits for it.
    fn of_module(
        &self,
        program: &Program,
        i: usize,
        module: &Module,
        scope: &ScopePath,
        edges: &mut Vec<(ProgramNode, ProgramNode)>,
    ) {
        let outer = &program.components[i].parent;
        for (j, local) in module.locals.values().enumerate() {
            let node = ProgramNode::ModuleLocal(i, j);
            self.of_expr(program, &local.value, scope, &node, edges);
        }
        for (j, (name, variable)) in module.variables.iter().enumerate() {
            let node = ProgramNode::ModuleVariable(i, j);
            if let Some(given) = module.given.get(name) {
                self.of_expr(program, given, outer, &node, edges);
            }
            for condition in &variable.validations {
                for expr in [&condition.condition, &condition.message] {
                    self.of_validation(program, expr, scope, &node, edges);
                }
            }
        }
        for (name, output) in &*module.outputs {
            let node = ProgramNode::ComponentOutput(i, name.clone());
            for dependency in &output.depends_on {
                self.of_dependency(program, dependency, scope, &node, edges);
            }
            for condition in &output.preconditions {
                for expr in [&condition.condition, &condition.message] {
                    self.of_expr(program, expr, scope, &node, edges);
                }
            }
        }
        let gate = ProgramNode::Gate(i);
        for dependency in &*module.depends_on {
            self.of_dependency(program, dependency, outer, &gate, edges);
        }
        if let Some(around) = self.module(outer) {
            edges.push((ProgramNode::Gate(around), gate));
            edges.push((ProgramNode::Whole(i), ProgramNode::Whole(around)));
        }
    }

    /// What a validation needs besides variables of its own module: these may ask about each other.
    fn of_validation(
        &self,
        program: &Program,
        expr: &Expr,
        scope: &ScopePath,
        node: &ProgramNode,
        edges: &mut Vec<(ProgramNode, ProgramNode)>,
    ) {
        let asks = |root: &Root| !matches!(root, Root::Variable(_));
        self.of_roots(program, expr, scope, node, asks, edges);
    }

    fn of_expr(
        &self,
        program: &Program,
        expr: &Expr,
        scope: &ScopePath,
        node: &ProgramNode,
        edges: &mut Vec<(ProgramNode, ProgramNode)>,
    ) {
        self.of_roots(program, expr, scope, node, |_| true, edges);
    }

    fn of_roots(
        &self,
        program: &Program,
        expr: &Expr,
        scope: &ScopePath,
        node: &ProgramNode,
        counts: impl Fn(&Root) -> bool,
        edges: &mut Vec<(ProgramNode, ProgramNode)>,
    ) {
        expr.references(&mut |root, steps, _| {
            if !counts(root) {
                return;
            }
            self.targets(program, root, steps, scope, &mut |target| {
                if &target != node {
                    edges.push((target, node.clone()));
                }
            });
        });
    }

    fn of_dependency(
        &self,
        program: &Program,
        dependency: &Dependency,
        scope: &ScopePath,
        node: &ProgramNode,
        edges: &mut Vec<(ProgramNode, ProgramNode)>,
    ) {
        self.targets(
            program,
            &dependency.root,
            &dependency.steps,
            scope,
            &mut |target| {
                if &target != node {
                    edges.push((target, node.clone()));
                }
            },
        );
        for module in self.whole_modules(program, &dependency.root, &dependency.steps, scope) {
            edges.push((ProgramNode::Whole(module), node.clone()));
        }
        // A dependency on a whole component waits for everything in it, exported or not.
        for block in self.component_blocks(program, &dependency.root, &dependency.steps, scope) {
            edges.push((ProgramNode::Block(block), node.clone()));
        }
    }

    /// The blocks of the component instances that a bare dependency names.
    pub(crate) fn component_blocks(
        &self,
        program: &Program,
        root: &Root,
        steps: &[StaticStep],
        scope: &ScopePath,
    ) -> Vec<usize> {
        self.whole(program, root, steps, scope)
            .into_iter()
            .map(|i| &program.components[i])
            .filter(|c| c.module.is_none())
            .flat_map(|c| self.scopes.get(&c.scope()).cloned().unwrap_or_default())
            .collect()
    }

    /// The module instances that a bare dependency names.
    fn whole_modules(
        &self,
        program: &Program,
        root: &Root,
        steps: &[StaticStep],
        scope: &ScopePath,
    ) -> Vec<usize> {
        let mut all = self.whole(program, root, steps, scope);
        all.retain(|i| program.components[*i].module.is_some());
        all
    }

    /// The instances of a component or module that are named without an output.
    fn whole(
        &self,
        program: &Program,
        root: &Root,
        steps: &[StaticStep],
        scope: &ScopePath,
    ) -> Vec<usize> {
        let Root::Component { kind, name } = root else {
            return Vec::new();
        };
        if steps.iter().any(|s| matches!(s, StaticStep::Attribute(_))) {
            return Vec::new();
        }
        let instances = self.components_named(scope, kind, name).iter().copied();
        let key = |i: &usize| &program.components[*i].step.key;
        instances
            .filter(|i| match (steps.first(), key(i)) {
                (Some(StaticStep::Key(key)), Some(InstanceKey::Name(own))) => key == own,
                (Some(StaticStep::Index(index)), Some(InstanceKey::Index(own))) => index == own,
                _ => true,
            })
            .collect()
    }

    /// The nodes that a reference means.
    fn targets(
        &self,
        program: &Program,
        root: &Root,
        steps: &[StaticStep],
        scope: &ScopePath,
        found: &mut dyn FnMut(ProgramNode),
    ) {
        match root {
            Root::Local(name) => match self.module_at(program, scope) {
                None => {
                    if let Some(i) = program.locals.get_index_of(name) {
                        found(ProgramNode::Local(i));
                    }
                }
                Some((i, module)) => {
                    if let Some(j) = module.locals.get_index_of(name) {
                        found(ProgramNode::ModuleLocal(i, j));
                    }
                }
            },
            Root::Variable(name) => {
                if let Some((i, module)) = self.module_at(program, scope)
                    && let Some(j) = module.variables.get_index_of(name)
                {
                    found(ProgramNode::ModuleVariable(i, j));
                }
            }
            Root::Resource {
                at,
                mode,
                type_name,
                name,
            } => {
                if let Some(i) = self.block(*at, *mode, type_name, name, scope) {
                    found(ProgramNode::Block(i));
                }
            }
            Root::Component { kind, name } => {
                let output = steps.iter().find_map(|s| match s {
                    StaticStep::Attribute(name) => Some(name),
                    _ => None,
                });
                for i in self.components_named(scope, kind, name) {
                    match output {
                        Some(output) => found(ProgramNode::ComponentOutput(*i, output.clone())),
                        None => {
                            program.components[*i]
                                .outputs
                                .keys()
                                .for_each(|o| found(ProgramNode::ComponentOutput(*i, o.clone())));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The block that a reference from a scope means.
    pub(crate) fn block(
        &self,
        at: At,
        mode: Mode,
        type_name: &Str,
        name: &Str,
        scope: &ScopePath,
    ) -> Option<usize> {
        let scope = match at {
            At::Module => scope.module(),
            At::Component => scope.clone(),
        };
        self.blocks
            .get(&BlockAddress {
                scope,
                mode,
                type_name: type_name.clone(),
                name: name.clone(),
            })
            .copied()
    }

    /// The place of a node.
    pub(crate) fn index(&self, node: &ProgramNode) -> Option<NodeIndex> {
        self.index.get(node).copied()
    }

    /// The block at an address.
    pub(crate) fn block_at(&self, address: &BlockAddress) -> Option<usize> {
        self.blocks.get(address).copied()
    }

    /// The instances of a component that a reference from a scope means.
    pub(crate) fn components_named(&self, scope: &ScopePath, kind: &Str, name: &Str) -> &[usize] {
        self.components
            .get(&BlockAddress::call(
                scope.module(),
                kind.clone(),
                name.clone(),
            ))
            .map_or(&[], Vec::as_slice)
    }

    /// The module instance in which a scope is; none at the stack's own level.
    pub(crate) fn module(&self, scope: &ScopePath) -> Option<usize> {
        if scope.is_root() {
            return None;
        }
        self.modules.get(&scope.module()).copied()
    }

    /// [`Self::module`] with what it has.
    pub(crate) fn module_at<'p>(
        &self,
        program: &'p Program,
        scope: &ScopePath,
    ) -> Option<(usize, &'p Module)> {
        let i = self.module(scope)?;
        Some((i, program.components[i].module.as_ref()?))
    }

    /// The provider configuration of an address.
    pub(crate) fn provider(&self, address: &ProviderAddress) -> Option<usize> {
        self.providers.get(address).copied()
    }

    /// What a graph drawing shows: resource blocks and their direct dependencies, seen through locals, outputs and the
    /// configurations of providers; each pair is what needs and what is needed.
    #[must_use]
    pub fn block_edges(&self, program: &Program) -> Vec<(BlockAddress, BlockAddress)> {
        let mut edges = Vec::new();
        for (i, block) in program.blocks.iter().enumerate() {
            let mut seen = infra_model::hash::HashSet::default();
            let mut stack = vec![self.index[&ProgramNode::Block(i)]];
            while let Some(at) = stack.pop() {
                for before in self
                    .graph
                    .neighbors_directed(at, petgraph::Direction::Incoming)
                {
                    if !seen.insert(before) {
                        continue;
                    }
                    match &self.graph[before] {
                        ProgramNode::Block(j) => {
                            edges.push((block.address.clone(), program.blocks[*j].address.clone()));
                        }
                        ProgramNode::Local(_)
                        | ProgramNode::ComponentOutput(..)
                        | ProgramNode::ModuleLocal(..)
                        | ProgramNode::ModuleVariable(..)
                        | ProgramNode::Gate(_)
                        | ProgramNode::Whole(_)
                        | ProgramNode::Provider(_) => stack.push(before),
                        ProgramNode::Output(_) => {}
                    }
                }
            }
        }
        edges
    }
}
