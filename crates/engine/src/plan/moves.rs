//! `[[moved]]`: where the resources of the state are now. Statements are followed like a chain, whatever their order in the
//! file. A block that gets or loses `count` keeps its object: `x` and `x[0]` are the same one.

use crate::graph::ProgramGraph;
use infra_model::address::{Address, BlockAddress, InstanceKey, ScopePath};
use infra_model::codes::Code;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::hash::{HashMap, HashSet};
use infra_model::program::{Moved, Program, Repeat};
use infra_state::State;

/// The moves of a state's resources.
#[derive(Default)]
pub(crate) struct Moves {
    /// From the address in the state to the present one, where they differ.
    pub(crate) to: HashMap<Address, Address>,
    /// Moves that could not be made.
    pub(crate) warnings: Diagnostics,
}

/// Works out the moves.
///
/// # Errors
/// Statements that contradict each other, that go round in a circle, or that move what is still declared.
pub(crate) fn moves(
    program: &Program,
    graph: &ProgramGraph,
    state: &State,
) -> Result<Moves, Diagnostics> {
    let chains = Chains::new(program, graph)?;
    let mut moves = Moves::default();
    let mut taken: HashMap<Address, Address> = HashMap::default();
    for (address, resource) in &state.resources {
        if !resource.has_current() && resource.deposed.is_empty() {
            continue;
        }
        let Some(at) = chains.follow(address)? else {
            continue;
        };
        if let Some(other) = taken.get(&at) {
            moves.warnings.push(blocked(address, &at, other));
        } else if state.resources.contains_key(&at) && chains.follow(&at)?.is_none() {
            moves.warnings.push(blocked(address, &at, &at));
        } else {
            taken.insert(at.clone(), address.clone());
            moves.to.insert(address.clone(), at);
        }
    }
    for (address, at) in chains.implied(program, graph, state) {
        if !moves.to.contains_key(&address) && !taken.contains_key(&at) {
            taken.insert(at.clone(), address.clone());
            moves.to.insert(address, at);
        }
    }
    Ok(moves)
}

fn blocked(from: &Address, to: &Address, by: &Address) -> Diagnostic {
    let why = if to == by {
        format!("the state has a {to} already")
    } else {
        format!("{by} has moved there")
    };
    Diagnostic::warning(Code::LeftAlone, format!("{from} was not moved to {to}: {why}"))
        .about(from)
        .help(format!(
            "it is planned for what the stack file says of {from}; to keep both, give one another address"
        ))
}

/// The statements, by what they move.
struct Chains<'p> {
    /// A whole block, whichever instances it has.
    blocks: HashMap<&'p BlockAddress, &'p Moved>,
    /// One instance, or the instance without a key.
    instances: HashMap<&'p Address, &'p Moved>,
}

impl<'p> Chains<'p> {
    fn new(program: &'p Program, graph: &ProgramGraph) -> Result<Chains<'p>, Diagnostics> {
        let mut chains = Chains {
            blocks: HashMap::default(),
            instances: HashMap::default(),
        };
        let mut errors = Diagnostics::new();
        let mut targets: HashMap<&Address, &Moved> = HashMap::default();
        for moved in &program.moved {
            let twice = if moves_block(moved) {
                chains.blocks.insert(&moved.from.block, moved)
            } else {
                chains.instances.insert(&moved.from, moved)
            };
            if let Some(first) = twice.filter(|first| first.to != moved.to) {
                let message = format!(
                    "{} is moved to {} and to {} at once",
                    moved.from, first.to, moved.to
                );
                errors.push(
                    Diagnostic::error(Code::BadMove, message)
                        .at(moved.span, "moved here")
                        .at(first.span, "and here")
                        .help("keep the statement that says where it is now"),
                );
            }
            if let Some(first) = targets
                .insert(&moved.to, moved)
                .filter(|first| first.from != moved.from)
            {
                let message = format!(
                    "{} and {} are both moved to {}",
                    first.from, moved.from, moved.to
                );
                errors.push(
                    Diagnostic::error(Code::BadMove, message)
                        .at(moved.span, "moved here")
                        .at(first.span, "and here")
                        .help("only one of them can be there: take the other statement away"),
                );
            }
            if moves_block(moved)
                && moved.from.block != moved.to.block
                && let Some(declared) = declared(program, graph, &moved.from.block)
            {
                let message = format!("{} is moved away and still declared", moved.from);
                errors.push(
                    Diagnostic::error(Code::BadMove, message)
                        .at(moved.span, "moved away here")
                        .at(declared, "declared here")
                        .help("rename the block, or take the [[moved]] statement away"),
                );
            }
        }
        for moved in &program.moved {
            if let Err(circle) = chains.follow(&moved.from) {
                errors.extend(circle);
                break;
            }
        }
        if errors.is_empty() {
            Ok(chains)
        } else {
            Err(errors)
        }
    }

    /// Where an address has moved to; none when it has not.
    fn follow(&self, address: &Address) -> Result<Option<Address>, Diagnostics> {
        let mut at = address.clone();
        let mut seen: Vec<(Address, &Moved)> = Vec::new();
        while let Some((next, moved)) = self.step(&at) {
            if seen.iter().any(|(before, _)| *before == at) {
                return Err(vec![circle(&seen)]);
            }
            seen.push((at, moved));
            at = next;
        }
        Ok((at != *address).then_some(at))
    }

    fn step(&self, at: &Address) -> Option<(Address, &'p Moved)> {
        if self.blocks.is_empty() && self.instances.is_empty() {
            return None;
        }
        let scope = &at.block.scope;
        let around = (1..=scope.steps().len()).filter_map(|depth| {
            let path = scope.first(depth);
            let key = path.steps().last().and_then(|step| step.key.clone());
            Some(path.call()?.instance(key))
        });
        // The innermost statement counts: what is said of a resource before what is said of the modules around it.
        let mut named: Vec<Address> = around.collect();
        named.push(at.clone());
        named.iter().rev().find_map(|address| {
            let moved = self.instances.get(address);
            let moved = *moved.or_else(|| self.blocks.get(&address.block))?;
            Some((moved_to(moved, at)?, moved))
        })
    }

    /// `x` ↔ `x[0]`, where `count` came or went and no statement says otherwise.
    fn implied(
        &self,
        program: &Program,
        graph: &ProgramGraph,
        state: &State,
    ) -> Vec<(Address, Address)> {
        let mut found = Vec::new();
        let mut seen = HashSet::default();
        for address in state.resources.keys() {
            let first = InstanceKey::Index(0);
            let other = match &address.key {
                None => address.block.instance(Some(first)),
                Some(key) if *key == first => address.block.instance(None),
                Some(_) => continue,
            };
            let Some(i) = graph.block_at(&address.block) else {
                continue;
            };
            let wanted = match program.blocks[i].repeat {
                Repeat::Count(_) => address.key.is_none(),
                Repeat::Single | Repeat::Enabled(_) => address.key.is_some(),
                Repeat::ForEach(_) => false,
            };
            let mentioned = self.step(address).is_some();
            if wanted
                && !mentioned
                && !state.resources.contains_key(&other)
                && seen.insert(other.clone())
            {
                found.push((address.clone(), other));
            }
        }
        found
    }
}

/// Where a block, module or component is declared; none when it is not.
fn declared(program: &Program, graph: &ProgramGraph, block: &BlockAddress) -> Option<Span> {
    let resource = graph.block_at(block).map(|i| program.blocks[i].span);
    resource.or_else(|| {
        let mut components = program.components.iter();
        let found = components.find(|c| c.scope().call().as_ref() == Some(block));
        found.map(|component| component.span)
    })
}

/// Where a statement moves an address; none when it is not about it.
fn moved_to(moved: &Moved, at: &Address) -> Option<Address> {
    let (from, to) = (&moved.from, &moved.to);
    // Without keys all instances move and keep theirs; a key on one side alone is about the instance without a key.
    let key = |own: &Option<_>| match (&from.key, &to.key) {
        (None, None) => Some(own.clone()),
        (from, to) => (own == from).then(|| to.clone()),
    };
    if from.block == at.block {
        return Some(to.block.instance(key(&at.key)?));
    }
    // A module or component: everything inside moves.
    let mut step = from.block.step_in(&at.block.scope)?.clone();
    step.key = key(&step.key)?;
    step.kind = to.block.type_name.clone();
    step.name = to.block.name.clone();
    let depth = from.block.scope.steps().len() + 1;
    let inner = at.block.scope.steps()[depth..].iter().cloned();
    let mut address = at.clone();
    address.block.scope = inner.fold(to.block.scope.join(step), |path: ScopePath, s| path.join(s));
    Some(address)
}

/// Whether a statement is about a block with all its instances. With a key on either side it is about one instance.
fn moves_block(moved: &Moved) -> bool {
    moved.from.key.is_none() && moved.to.key.is_none()
}

fn circle(seen: &[(Address, &Moved)]) -> Diagnostic {
    let names: Vec<String> = seen
        .iter()
        .map(|(address, _)| address.to_string())
        .chain(seen.first().map(|(address, _)| address.to_string()))
        .collect();
    let start = Diagnostic::error(
        Code::BadMove,
        format!(
            "[[moved]] statements go round in a circle: {}",
            names.join(" → ")
        ),
    );
    seen.iter()
        .fold(start, |d, (_, moved)| {
            d.at(moved.span, format!("{} → {}", moved.from, moved.to))
        })
        .help("take the statement away that is no longer true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str, at: &str) -> Option<String> {
        let address = |text: &str| text.parse::<Address>().expect(text);
        let moved = Moved {
            from: address(from),
            to: address(to),
            span: Span::default(),
        };
        moved_to(&moved, &address(at)).map(|a| a.to_string())
    }

    #[test]
    fn resources_modules_and_components_move_with_their_keys() {
        for (from, to, at, now) in [
            ("a_x.a", "a_x.b", "a_x.a[\"k\"]", Some("a_x.b[\"k\"]")),
            ("a_x.a", "a_x.b[0]", "a_x.a", Some("a_x.b[0]")),
            ("a_x.a", "a_x.b[0]", "a_x.a[1]", None),
            ("a_x.a[1]", "a_x.a", "a_x.a[1]", Some("a_x.a")),
            ("a_x.a", "module.m.a_x.b", "a_x.a", Some("module.m.a_x.b")),
            (
                "a_x.a",
                "network.n.a_x.this",
                "a_x.a",
                Some("network.n.a_x.this"),
            ),
            (
                "module.a",
                "module.b",
                "module.a[\"k\"].network.n.a_x.y[0]",
                Some("module.b[\"k\"].network.n.a_x.y[0]"),
            ),
            (
                "module.a",
                "module.a[\"k\"]",
                "module.a.a_x.y",
                Some("module.a[\"k\"].a_x.y"),
            ),
            ("module.a", "module.a[\"k\"]", "module.a[0].a_x.y", None),
            (
                "module.a.module.b[\"k\"]",
                "module.b",
                "module.a.module.b[\"k\"].a_x.y",
                Some("module.b.a_x.y"),
            ),
            ("module.a", "module.b", "module.ab.a_x.y", None),
        ] {
            assert_eq!(moved(from, to, at).as_deref(), now, "{from} -> {to}: {at}");
        }
    }
}
