//! Why a plan does what it does: the reasons of changes, a chain of replacements followed to its beginning.

use super::literal::quoted;
use infra_engine::{Change, ChangeAction, Held, HeldReason, Plan, Reason};
use infra_model::address::Address;
use std::collections::HashMap;

/// A longer chain is told by its first links and its beginning.
const LINKS: usize = 3;

/// The changes by their addresses.
pub(super) struct Why<'p>(HashMap<&'p Address, &'p Change>);

impl<'p> Why<'p> {
    pub(super) fn new(plan: &'p Plan) -> Why<'p> {
        let current = plan.changes.iter().filter(|c| c.deposed.is_none());
        Why(current.map(|c| (&c.address, c)).collect())
    }

    /// What stands in brackets under a change's heading.
    pub(super) fn reasons(&self, change: &Change) -> Vec<String> {
        let mut out = Vec::new();
        match &change.reason {
            Some(Reason::CannotUpdate { place, because }) => {
                out.push(match because {
                    Some(address) => self.chain(change, address, place.as_deref()),
                    None => format!("because {}", changed(change, place.as_deref())),
                });
            }
            Some(Reason::TriggeredBy(what)) => out.push(format!("because {what} changes")),
            Some(Reason::NotInConfiguration) => {
                out.push(format!(
                    "because {} is not in the stack file",
                    change.address.block
                ));
            }
            Some(Reason::NoSuchInstance) => {
                out.push(match &change.address.key {
                    Some(key) => format!("because key {key} is not in count or for_each"),
                    None => {
                        "because the block now has count or for_each, or is switched off".to_owned()
                    }
                });
            }
            Some(Reason::WithHost(host)) => out.push(format!("it ends with {host}")),
            Some(Reason::Removed) => out.push("because of a [[removed]] block".to_owned()),
            Some(Reason::HandedOver(taker)) => {
                out.push(format!("{taker} brings it now; it is not touched"));
            }
            Some(Reason::TakenOver { by, differs }) => {
                out.push(format!("{by} has brought it; it is not made anew"));
                if !differs.is_empty() {
                    out.push(format!("it changes in {}", differs.join(", ")));
                }
            }
            Some(Reason::GivenBack) => {
                out.push(
                    "what it has brought is taken over before; none of that is deleted".to_owned(),
                );
            }
            Some(Reason::Deposed) => {
                out.push(
                    "left over from a replacement of this instance that did not finish".to_owned(),
                );
            }
            Some(Reason::ConfigUnknown) => {
                out.push("its configuration refers to values not yet known".to_owned());
            }
            Some(Reason::DependencyPending) => {
                out.push("it depends on a resource with changes pending".to_owned());
            }
            Some(Reason::Vanished) => {
                out.push("because it was deleted outside of infra".to_owned());
            }
            Some(Reason::Tainted | Reason::Requested | Reason::Destroy) | None => {}
        }
        if !change.lifts.is_empty() {
            let names: Vec<String> = change.lifts.iter().map(ToString::to_string).collect();
            let what = names.join(", ");
            out.push(format!("protected from deletion: {what} is lifted first"));
        }
        if let Some(old) = change
            .previous_address
            .as_ref()
            .filter(|_| change.action != ChangeAction::NoOp)
        {
            out.push(format!("moved from {old}"));
        }
        if let Some(id) = &change.importing {
            out.push(format!("imported from {}", quoted(id)));
        }
        match &change.resuming {
            Some(Some(id)) => out.push(format!(
                "an interrupted run began it, and {} exists already",
                quoted(id)
            )),
            Some(None) => out.push("an interrupted run began it".to_owned()),
            None => {}
        }
        out
    }

    /// `replaced because aws_vpc.main is replaced: cidr_block changed at stacks/prod.toml:14`
    fn chain(&self, change: &Change, because: &Address, place: Option<&str>) -> String {
        let mut links = Vec::new();
        let mut at = because;
        let cause = loop {
            let Some(next) = self.0.get(at).copied() else {
                links.push(format!("{at} changes"));
                break None;
            };
            if !next.action.is_replace() {
                let set = place.map(|p| format!(", set at {p},")).unwrap_or_default();
                let attribute = if links.is_empty() {
                    format!("{}{set} changes when ", paths(change))
                } else {
                    String::new()
                };
                links.push(format!("{attribute}{at} is {}", done(next.action)));
                break None;
            }
            links.push(format!("{at} is replaced"));
            match &next.reason {
                Some(Reason::CannotUpdate {
                    because: Some(further),
                    ..
                }) if links.len() <= self.0.len() => at = further,
                Some(Reason::CannotUpdate { place, .. }) => {
                    break Some(changed(next, place.as_deref()));
                }
                Some(Reason::TriggeredBy(what)) => break Some(format!("{what} changes")),
                Some(Reason::Tainted) => break Some("it is tainted".to_owned()),
                Some(Reason::Requested) => break Some("as requested".to_owned()),
                _ => break None,
            }
        };
        if links.len() > LINKS + 1 {
            let last = links.len() - 1;
            links.splice(LINKS..last, ["…".to_owned()]);
        }
        let cause = cause.map(|c| format!(": {c}")).unwrap_or_default();
        format!("replaced because {}{cause}", links.join(", because "))
    }
}

fn paths(change: &Change) -> String {
    let paths: Vec<String> = change
        .replace_paths
        .iter()
        .map(ToString::to_string)
        .collect();
    if paths.is_empty() {
        "an attribute".to_owned()
    } else {
        paths.join(", ")
    }
}

fn changed(change: &Change, place: Option<&str>) -> String {
    let what = paths(change);
    match place {
        Some(place) => format!("{what} changed at {place}"),
        None => format!("{what} changed"),
    }
}

fn done(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Create => "created",
        ChangeAction::Update => "updated",
        ChangeAction::Read => "read",
        ChangeAction::Delete => "destroyed",
        ChangeAction::Forget => "forgotten",
        ChangeAction::DeleteThenCreate | ChangeAction::CreateThenDelete => "replaced",
        ChangeAction::NoOp => "changed",
    }
}

/// What is held, why, and where that is decided.
pub(super) fn held(held: &Held) -> String {
    let place = held
        .place
        .as_ref()
        .map(|p| format!(" ({p})"))
        .unwrap_or_default();
    let address = &held.address;
    match &held.reason {
        HeldReason::Instances => {
            format!("{address}: which instances there will be is not known yet{place}")
        }
        HeldReason::Import => {
            format!("{address}: what it is imported from is not known yet{place}")
        }
        HeldReason::Waits(on) => format!("{address}: it refers to {on}"),
        HeldReason::Needed(by) => {
            format!("{address}: it goes once {by} does not depend on it any more")
        }
        HeldReason::LeftOut => format!("{address}: left out"),
        HeldReason::Outlives => format!("{address}: it outlives the stack"),
    }
}
