//! What `-target`, `-exclude` and `-replace` mean in this program and state.

use super::{PlanMode, PlanOptions};
use crate::graph::ProgramGraph;
use infra_model::address::{Address, BlockAddress};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use infra_model::hash::{HashMap, HashSet};
use infra_model::pattern::AddressPattern;
use infra_model::program::Program;
use infra_state::{DependencyRef, State};

/// Why an address has no part in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// `-target` names others.
    NotTargeted,
    /// `-exclude` names it.
    Excluded,
    /// It holds what outlives the stack, which is destroyed.
    Outlives,
}

/// What a plan is limited to.
pub(crate) struct Selection<'o> {
    options: &'o PlanOptions,
    /// Blocks that are in as a whole: named so, or needed by what is named. None without `-target`.
    whole: Option<HashSet<BlockAddress>>,
    /// What a destroy leaves.
    outliving: &'o [AddressPattern],
}

impl<'o> Selection<'o> {
    /// Finds out what is named.
    ///
    /// # Errors
    /// Patterns that name nothing.
    pub(crate) fn new(
        program: &'o Program,
        graph: &ProgramGraph,
        state: &State,
        options: &'o PlanOptions,
    ) -> Result<Selection<'o>, Diagnostics> {
        // A stack that is there for a while only leaves nothing.
        let passing = program.stack.ttl.is_some() || program.stack.instance.is_some();
        let outliving: &[AddressPattern] = match options.mode {
            PlanMode::Destroy if !passing => &program.outliving,
            _ => &[],
        };
        let flags = [
            ("-target", &options.targets),
            ("-exclude", &options.excludes),
            ("-replace", &options.replace),
        ];
        if flags.iter().all(|(_, patterns)| patterns.is_empty()) {
            return Ok(Selection {
                options,
                whole: None,
                outliving,
            });
        }
        let blocks: HashSet<&BlockAddress> = program
            .blocks
            .iter()
            .map(|b| &b.address)
            .chain(state.resources.keys().map(|a| &a.block))
            .collect();
        let mut errors = Diagnostics::new();
        for (flag, patterns) in flags {
            for pattern in patterns {
                if !blocks.iter().any(|block| pattern.reaches(block)) {
                    errors.push(unmatched(flag, pattern, &blocks));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let whole = (!options.targets.is_empty())
            .then(|| whole_blocks(program, graph, state, options, &blocks));
        Ok(Selection {
            options,
            whole,
            outliving,
        })
    }

    /// Whether the address is not to be changed by this plan.
    pub(crate) fn left_out(&self, address: &Address) -> Option<LeftOut> {
        if self.options.excludes.iter().any(|p| p.matches(address)) {
            return Some(LeftOut::Excluded);
        }
        let named = |patterns: &[AddressPattern]| patterns.iter().any(|p| p.matches(address));
        if named(self.outliving) && !named(&self.options.data_loss) {
            return Some(LeftOut::Outlives);
        }
        let whole = self.whole.as_ref()?;
        let targeted = whole.contains(&address.block)
            || self.options.targets.iter().any(|p| p.matches(address));
        (!targeted).then_some(LeftOut::NotTargeted)
    }

    /// Patterns that name instances of a block which has none of these keys, once all instances are known.
    pub(crate) fn without_instances(
        &self,
        exists: impl Fn(&AddressPattern) -> bool,
    ) -> Diagnostics {
        let options = self.options;
        let flags = [
            ("-target", &options.targets),
            ("-exclude", &options.excludes),
            ("-replace", &options.replace),
        ];
        let mut errors = Diagnostics::new();
        for (flag, patterns) in flags {
            for pattern in patterns {
                if !exists(pattern) {
                    errors.push(
                        Diagnostic::error(Code::NoSuchInstance, format!("{flag}={pattern} names no instance"))
                            .help("`infra state list` shows what there is; without the key, all instances are meant"),
                    );
                }
            }
        }
        errors
    }
}

fn unmatched(flag: &str, pattern: &AddressPattern, blocks: &HashSet<&BlockAddress>) -> Diagnostic {
    let mut names: Vec<String> = blocks.iter().map(ToString::to_string).collect();
    for block in blocks {
        let steps = block.scope.steps();
        let mut scope = String::new();
        for step in steps {
            scope = format!(
                "{scope}{}{}.{}",
                if scope.is_empty() { "" } else { "." },
                step.kind,
                step.name
            );
            names.push(scope.clone());
        }
    }
    names.sort();
    names.dedup();
    let text = pattern.to_string();
    let help = match did_you_mean(&text, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "the stack has no resources".to_owned(),
        None if pattern.is_glob() => {
            "`*` stands within one part of an address, `**` for any number of parts".to_owned()
        }
        None => "`infra state list` shows what there is".to_owned(),
    };
    Diagnostic::error(
        Code::NoSuchInstance,
        format!("{flag}={text} names nothing in the stack file or the state"),
    )
    .help(help)
}

/// The blocks that are targeted as a whole, and all that targets depend on.
fn whole_blocks(
    program: &Program,
    graph: &ProgramGraph,
    state: &State,
    options: &PlanOptions,
    blocks: &HashSet<&BlockAddress>,
) -> HashSet<BlockAddress> {
    let destroy = options.mode == PlanMode::Destroy;
    // By what a dependency names: a block, or a module with all in it.
    let mut edges: HashMap<DependencyRef, Vec<BlockAddress>> = HashMap::default();
    for (address, resource) in &state.resources {
        // What goes takes along what depends on it.
        if destroy || graph.block_at(&address.block).is_none() {
            for dependency in &resource.dependencies {
                let on = DependencyRef::Block(dependency.parts().0.clone());
                edges.entry(on).or_default().push(address.block.clone());
            }
        }
    }
    if !destroy {
        for (from, to) in graph.block_edges(program) {
            if blocks.contains(&from) {
                let from = DependencyRef::Block(from);
                edges.entry(from).or_default().push(to);
            }
        }
    }
    let named = |block: &&&BlockAddress| options.targets.iter().any(|p| p.reaches(block));
    let mut queue: Vec<&BlockAddress> = blocks.iter().filter(named).copied().collect();
    let mut seen: HashSet<&BlockAddress> = queue.iter().copied().collect();
    let mut whole: HashSet<BlockAddress> = queue
        .iter()
        .filter(|block| options.targets.iter().any(|p| p.covers(block)))
        .map(|block| (*block).clone())
        .collect();
    while let Some(block) = queue.pop() {
        let address = block.instance(None);
        let nexts = DependencyRef::naming(&address).filter_map(|name| edges.get(&name));
        for next in nexts.flatten() {
            whole.insert(next.clone());
            if let Some(next) = blocks.get(next)
                && seen.insert(next)
            {
                queue.push(next);
            }
        }
    }
    whole
}
