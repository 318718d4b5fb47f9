//! `[[moved]]`: where what the state knows is now.

use infra_model::address::{Address, ScopePath};
use infra_model::program::{Moved, Program};
use infra_state::State;
use std::collections::HashMap;

/// Where the state's resources are now. Chains are followed.
pub(crate) fn moves(program: &Program, state: &State) -> HashMap<Address, Address> {
    let mut moves = HashMap::new();
    if program.moved.is_empty() {
        return moves;
    }
    for address in state.resources.keys() {
        let mut at = address.clone();
        for moved in &program.moved {
            if let Some(to) = follow(moved, &at) {
                at = to;
            }
        }
        if at != *address && !state.resources.contains_key(&at) {
            moves.insert(address.clone(), at);
        }
    }
    moves
}

/// Where an address goes; none when the move is not about it.
fn follow(moved: &Moved, at: &Address) -> Option<Address> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::Span;

    fn moved(from: &str, to: &str, at: &str) -> Option<String> {
        let address = |text: &str| text.parse::<Address>().expect(text);
        let moved = Moved {
            from: address(from),
            to: address(to),
            span: Span::default(),
        };
        follow(&moved, &address(at)).map(|a| a.to_string())
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
