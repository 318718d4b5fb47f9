//! What a person asks the state to do by address: move, forget, taint, give to another provider configuration. Pure: from a
//! state and texts come the [`StateChange`]s, or an error that says what the state has instead.

use crate::document::{DependencyRef, DeposedKey, ResourceState, State};
use crate::journal::StateChange;
use infra_model::address::{AddressError, Mode};
use infra_model::codes::Code;
use infra_model::diagnostic::did_you_mean;
use infra_model::{Address, BlockAddress, InstanceKey, ProviderAddress, ScopePath, ScopeStep};
use std::collections::{BTreeMap, BTreeSet};

/// Why the state cannot be edited so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Text that is no address.
    #[error("{error}")]
    Address {
        /// What is wrong with it.
        error: AddressError,
        /// What in the state is most like it.
        near: Option<String>,
    },
    /// Nothing in the state has this address.
    #[error("there is no {address} in the state")]
    Missing {
        /// As it was given.
        address: String,
        /// What is most like it.
        near: Option<String>,
    },
    /// The new address is taken.
    #[error("{0} is in the state already")]
    Occupied(Address),
    /// Old and new address are of different kinds.
    #[error("{from} cannot become {to}: {why}")]
    Kind {
        /// The old address.
        from: String,
        /// The new one.
        to: String,
        /// What does not fit.
        why: &'static str,
        /// What to give instead.
        remedy: &'static str,
    },
    /// An interrupted run was at work on it.
    #[error("{0} has an operation under way that was interrupted")]
    Unfinished(Address),
    /// No resource belongs to that provider configuration.
    #[error("no resource belongs to the provider {provider}")]
    NoProvider {
        /// As it was given.
        provider: ProviderAddress,
        /// Those that resources belong to.
        known: Vec<String>,
    },
    /// Another cloud's provider.
    #[error("resources of {from} cannot belong to {to}: a type's provider follows from its name")]
    OtherProvider {
        /// The present one.
        from: ProviderAddress,
        /// The one that was asked for.
        to: ProviderAddress,
    },
}

impl EditError {
    /// Which kind of mistake it is, for `infra explain`.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            EditError::Address { .. } => Code::BadAddress,
            EditError::Missing { .. } | EditError::NoProvider { .. } => Code::NotInState,
            EditError::Occupied(_) => Code::Occupied,
            EditError::Kind { .. } => Code::OtherKind,
            EditError::Unfinished(_) => Code::UnderWay,
            EditError::OtherProvider { .. } => Code::WrongProvider,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        Some(match self {
            EditError::Missing {
                near: Some(near), ..
            }
            | EditError::Address {
                near: Some(near), ..
            } => format!("did you mean `{near}`?"),
            EditError::Missing { near: None, .. } | EditError::Address { near: None, .. } => {
                "`infra state list` prints what there is".to_owned()
            }
            EditError::Occupied(address) => {
                format!("move that one first, or forget it with `infra state rm '{address}'`")
            }
            EditError::Unfinished(_) => "`infra apply` takes it up first".to_owned(),
            EditError::NoProvider { known, .. } => format!("there are {}", known.join(", ")),
            EditError::OtherProvider { from, .. } => {
                format!(
                    "choose between the configurations of {}: {0}, {0}.ALIAS",
                    from.name
                )
            }
            EditError::Kind { remedy, .. } => (*remedy).to_owned(),
        })
    }
}

/// The resources that a text names: an instance, all instances of a block, everything in a component or module. Sorted.
///
/// # Errors
/// No address, or nothing in the state has it.
pub fn select(state: &State, text: &str) -> Result<Vec<Address>, EditError> {
    let named: DependencyRef = address(state, text)?.into();
    let mut found: Vec<Address> = state
        .resources
        .keys()
        .filter(|a| named.covers(a))
        .cloned()
        .collect();
    if found.is_empty() {
        return Err(missing(state, text));
    }
    found.sort();
    Ok(found)
}

/// The one instance that a text names.
///
/// # Errors
/// No address, or the state has no such instance.
pub fn present(state: &State, text: &str) -> Result<Address, EditError> {
    let address = address(state, text)?;
    if state
        .resource(&address)
        .is_some_and(ResourceState::has_current)
    {
        Ok(address)
    } else {
        Err(missing(state, text))
    }
}

fn address(state: &State, text: &str) -> Result<Address, EditError> {
    text.parse().map_err(|error| EditError::Address {
        error,
        near: nearest(state, text),
    })
}

fn missing(state: &State, text: &str) -> EditError {
    EditError::Missing {
        address: text.to_owned(),
        near: nearest(state, text),
    }
}

/// The name of something in the state that may have been meant: one that is spelt alike, or that begins so.
fn nearest(state: &State, text: &str) -> Option<String> {
    let mut names = BTreeSet::new();
    for address in state.resources.keys() {
        names.insert(address.to_string());
        names.insert(address.block.to_string());
        let mut scope = ScopePath::root();
        for step in address.block.scope.steps() {
            // All instances of a module have a name too.
            names.insert(
                scope
                    .join(ScopeStep {
                        key: None,
                        ..step.clone()
                    })
                    .to_string(),
            );
            scope = scope.join(step.clone());
            names.insert(scope.to_string());
        }
    }
    did_you_mean(text, names.iter().map(String::as_str))
        .or_else(|| {
            let mut names = names.iter().map(String::as_str);
            names.find(|n| {
                n.strip_prefix(text)
                    .is_some_and(|rest| rest.starts_with(['.', '[']))
            })
        })
        .map(str::to_owned)
}

/// Forgets resources without destroying them.
///
/// # Errors
/// As [`select`], for any of the texts; and resources that an interrupted run was at work on.
pub fn forget(state: &State, texts: &[&str]) -> Result<Vec<StateChange>, EditError> {
    let mut chosen = BTreeSet::new();
    for text in texts {
        chosen.extend(select(state, text)?);
    }
    settled(state, chosen.iter())?;
    Ok(chosen
        .into_iter()
        .map(|address| StateChange::Forget { address })
        .collect())
}

/// Marks an instance so that the next apply replaces it, or takes the mark away. Empty when it is so already.
///
/// # Errors
/// As [`present`].
pub fn taint(state: &State, text: &str, tainted: bool) -> Result<Vec<StateChange>, EditError> {
    let address = present(state, text)?;
    if state.resource(&address).is_some_and(|r| r.tainted) == tainted {
        return Ok(Vec::new());
    }
    Ok(vec![StateChange::Taint { address, tainted }])
}

/// Gives resources to another configuration of their provider, such as `aws` → `aws.us`: all of `from`, in address order.
///
/// # Errors
/// No resource of `from`, or another cloud's provider.
pub fn replace_provider(
    state: &State,
    from: &ProviderAddress,
    to: &ProviderAddress,
) -> Result<Vec<StateChange>, EditError> {
    if from.name != to.name {
        let (from, to) = (from.clone(), to.clone());
        return Err(EditError::OtherProvider { from, to });
    }
    let of = |r: &ResourceState| {
        (r.has_current() && r.provider == *from) || r.deposed.values().any(|d| d.provider == *from)
    };
    let mut chosen: Vec<&Address> = state
        .resources
        .iter()
        .filter(|(_, r)| of(r))
        .map(|(a, _)| a)
        .collect();
    if chosen.is_empty() {
        let known: BTreeSet<String> = state
            .resources
            .values()
            .map(|r| r.provider.to_string())
            .collect();
        return Err(EditError::NoProvider {
            provider: from.clone(),
            known: known.into_iter().collect(),
        });
    }
    chosen.sort();
    settled(state, chosen.iter().copied())?;
    Ok(chosen
        .into_iter()
        .map(|address| StateChange::Provider {
            address: address.clone(),
            from: from.clone(),
            to: to.clone(),
        })
        .collect())
}

fn settled<'a>(
    state: &State,
    addresses: impl Iterator<Item = &'a Address>,
) -> Result<(), EditError> {
    let busy: BTreeSet<&Address> = state
        .unfinished
        .values()
        .map(|u| &u.intent.address)
        .collect();
    match addresses.into_iter().find(|a| busy.contains(a)) {
        Some(address) => Err(EditError::Unfinished(address.clone())),
        None => Ok(()),
    }
}

/// Which addresses change, and how.
enum Rule {
    /// One instance.
    Instance(Address, Address),
    /// All instances of a block, each under its key.
    Block(BlockAddress, BlockAddress),
    /// Everything in a component or module; without a key in all its instances, which keep theirs.
    Scope(ScopePath, ScopePath),
}

impl Rule {
    fn of(state: &State, from: &str, to: &str) -> Result<Rule, EditError> {
        let old = address(state, from)?;
        // What is not there yet has no likeness in the state.
        let new: Address = to
            .parse()
            .map_err(|error| EditError::Address { error, near: None })?;
        let refuse = |why, remedy| EditError::Kind {
            from: from.to_owned(),
            to: to.to_owned(),
            why,
            remedy,
        };
        let unlike = |why| refuse(why, "give it an address of the same kind");
        let same_type = old.block.type_name == new.block.type_name;
        let keyless = || {
            refuse(
                "without a key the old address stands for several instances",
                "leave the key of the new one out",
            )
        };
        if state.resources.contains_key(&old) {
            return match (same_type, new.block.mode) {
                (true, Mode::Managed) => Ok(Rule::Instance(old, new)),
                _ => Err(unlike("a resource keeps its type")),
            };
        }
        if old.key.is_none() && state.resources.keys().any(|a| a.block == old.block) {
            return match (same_type, &new.key) {
                (true, None) => Ok(Rule::Block(old.block, new.block)),
                (true, Some(_)) => Err(keyless()),
                (false, _) => Err(unlike("a resource keeps its type")),
            };
        }
        let whole = DependencyRef::from(old.clone());
        let Some(inside) = state.resources.keys().find(|a| whole.covers(a)) else {
            return Err(missing(state, from));
        };
        if !same_type {
            return Err(unlike(
                "a module stays a module, and a component keeps its kind",
            ));
        }
        let depth = old.block.scope.steps().len();
        let repeated = old.key.is_none() && inside.block.scope.steps()[depth].key.is_some();
        if repeated && new.key.is_some() {
            return Err(keyless());
        }
        Ok(Rule::Scope(scope_of(&old), scope_of(&new)))
    }

    fn address(&self, address: &Address) -> Option<Address> {
        match self {
            Rule::Instance(from, to) => (address == from).then(|| to.clone()),
            Rule::Block(from, to) => {
                (address.block == *from).then(|| to.instance(address.key.clone()))
            }
            Rule::Scope(from, to) => {
                let mut new = address.clone();
                new.block.scope = rescope(&address.block.scope, from, to)?;
                Some(new)
            }
        }
    }

    /// What a dependency on something that moves becomes; one on a block that loses a single instance stays, and gets another
    /// beside it.
    fn dependency(&self, dependency: &DependencyRef) -> Option<Vec<DependencyRef>> {
        let (block, key) = dependency.parts();
        match self {
            Rule::Instance(from, to) if *block == from.block => match key {
                Some(key) => (Some(key) == from.key.as_ref()).then(|| vec![to.clone().into()]),
                None if from.key.is_none() => Some(vec![to.clone().into()]),
                None => Some(vec![dependency.clone(), to.clone().into()]),
            },
            Rule::Instance(..) => None,
            Rule::Block(from, to) => {
                (block == from).then(|| vec![to.instance(key.cloned()).into()])
            }
            Rule::Scope(from, to) => {
                // It may name something inside, or the component or module itself.
                if let Some(scope) = rescope(&block.scope, from, to) {
                    let mut block = block.clone();
                    block.scope = scope;
                    return Some(vec![block.instance(key.cloned()).into()]);
                }
                let named = scope_of(&block.instance(key.cloned()));
                let whole = rescope(&named, from, to)?;
                let (last, outer) = whole.steps().split_last()?;
                let scope = outer
                    .iter()
                    .fold(ScopePath::root(), |s, step| s.join(step.clone()));
                let block = BlockAddress {
                    scope,
                    mode: Mode::Managed,
                    type_name: last.kind.clone(),
                    name: last.name.clone(),
                };
                Some(vec![block.instance(last.key.clone()).into()])
            }
        }
    }
}

/// The scope that an address without its type's meaning names: `network.main["eu"]`.
fn scope_of(address: &Address) -> ScopePath {
    address.block.scope.join(ScopeStep {
        kind: address.block.type_name.clone(),
        name: address.block.name.clone(),
        key: address.key.clone(),
    })
}

/// A scope with `from` at its beginning exchanged for `to`.
fn rescope(scope: &ScopePath, from: &ScopePath, to: &ScopePath) -> Option<ScopePath> {
    let (last, outer) = from.steps().split_last()?;
    let steps = scope.steps();
    let here = steps.get(outer.len())?;
    let same = steps[..outer.len()] == *outer
        && here.kind == last.kind
        && here.name == last.name
        && (last.key.is_none() || here.key == last.key);
    if !same {
        return None;
    }
    let (new, above) = to.steps().split_last()?;
    let kept: Option<InstanceKey> = if last.key.is_none() && here.key.is_some() {
        here.key.clone()
    } else {
        new.key.clone()
    };
    let moved = ScopeStep {
        key: kept,
        ..new.clone()
    };
    let path = above
        .iter()
        .chain([&moved])
        .chain(&steps[outer.len() + 1..]);
    Some(path.fold(ScopePath::root(), |s, step| s.join(step.clone())))
}

/// Old and new addresses, sorted by the old one.
///
/// # Errors
/// Texts that are no addresses, nothing at the old one, something at the new one, another type or kind, and resources that an
/// interrupted run was at work on.
pub fn moves(state: &State, from: &str, to: &str) -> Result<Vec<(Address, Address)>, EditError> {
    planned(state, from, to).map(|(_, moves)| moves.into_iter().collect())
}

fn planned(
    state: &State,
    from: &str,
    to: &str,
) -> Result<(Rule, BTreeMap<Address, Address>), EditError> {
    let rule = Rule::of(state, from, to)?;
    let moves: BTreeMap<Address, Address> = state
        .resources
        .keys()
        .filter_map(|a| Some((a.clone(), rule.address(a)?)))
        .collect();
    if let Some(taken) = moves.values().find(|a| state.resources.contains_key(*a)) {
        return Err(EditError::Occupied(taken.clone()));
    }
    settled(state, moves.keys())?;
    Ok((rule, moves))
}

/// The changes of [`moves`], and the dependencies of everything that referred to what moves.
///
/// # Errors
/// As [`moves`].
pub fn relocate(state: &State, from: &str, to: &str) -> Result<Vec<StateChange>, EditError> {
    let (rule, moves) = planned(state, from, to)?;
    let renamed = |dependencies: &[DependencyRef]| {
        let mut changed = false;
        let mut needs = Vec::with_capacity(dependencies.len());
        for dependency in dependencies {
            match rule.dependency(dependency) {
                Some(new) => {
                    changed = true;
                    needs.extend(new);
                }
                None => needs.push(dependency.clone()),
            }
        }
        changed.then_some(needs)
    };
    let mut dependents: Vec<(&Address, Option<DeposedKey>, Vec<DependencyRef>)> = Vec::new();
    for (address, resource) in &state.resources {
        let address = moves.get(address).unwrap_or(address);
        if let Some(needs) = renamed(&resource.dependencies) {
            dependents.push((address, None, needs));
        }
        for (key, object) in &resource.deposed {
            if let Some(needs) = renamed(&object.dependencies) {
                dependents.push((address, Some(key.clone()), needs));
            }
        }
    }
    dependents.sort();
    let dependents: Vec<StateChange> = dependents
        .into_iter()
        .map(|(address, deposed, dependencies)| StateChange::Depends {
            address: address.clone(),
            deposed,
            dependencies,
        })
        .collect();
    let moved = moves
        .into_iter()
        .map(|(from, to)| StateChange::Move { from, to });
    Ok(moved.chain(dependents).collect())
}
