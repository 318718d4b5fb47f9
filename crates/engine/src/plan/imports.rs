//! `[[import]]`: what is there already and comes under management. It is read by its id before its block is planned, and is
//! then planned like anything else that exists.

use super::config::about;
use super::instance::Planner;
use super::repeat;
use super::walk::{Done, Walk};
use crate::import::managed_as;
use crate::scope::{Frame, World};
use crate::sessions::{Connected, Sessions};
use futures::future::{BoxFuture, join_all};
use infra_model::address::{Address, InstanceKey, ProviderAddress};
use infra_model::codes::Code;
use infra_model::convert::convert;
use infra_model::diagnostic::{Diagnostic, Diagnostics, Span};
use infra_model::program::{Import, ResourceBlock};
use infra_model::provider::NoEvents;
use infra_model::provider_error::{ErrorKind, ProviderError};
use infra_model::types::Type;
use infra_model::value::Value;
use infra_state::ResourceState;
use std::sync::Arc;

/// An instance that comes under management.
#[derive(Clone, Debug)]
pub(crate) enum Importing {
    /// Read by this id.
    Read { id: String, span: Span },
    /// Its id, or the provider to read it with, is not known before apply.
    Later,
}

/// What one import has read.
pub(super) type Imported = (Address, String, Span, Result<Value, ProviderError>);

/// One import on its way: where to, by which id, and where that is written.
struct Wanted {
    to: Address,
    id: Option<String>,
    span: Span,
}

impl<'a> Walk<'a> {
    /// Starts reading what a block's imports name; none when there is nothing to wait for.
    pub(super) fn start_imports(&mut self, i: usize) -> Option<BoxFuture<'a, Done>> {
        let block = &self.program.blocks[i];
        let mut wanted = Vec::new();
        for import in self.imports.remove(&i)? {
            match wanted_of(&self.world, &self.program.imports[import]) {
                Ok(found) => wanted.extend(found),
                Err(errors) => self.errors.extend(errors),
            }
        }
        let mut reads = Vec::new();
        for Wanted { to, id, span } in wanted {
            // What is managed already stays what it is: an import that has been done may stay in the file.
            if self.planner.is_managed(&to) || self.planner.selection.left_out(&to).is_some() {
                continue;
            }
            let connected = match provider_for(&self.world, block, &to) {
                Ok(provider) => self.sessions.get(&provider),
                Err(errors) => {
                    self.errors.extend(errors);
                    continue;
                }
            };
            match (id, connected) {
                (Some(id), Some(connected)) => {
                    if let Some(problem) = self.taken(&to, &id, &connected, span) {
                        self.errors.push(problem);
                        continue;
                    }
                    let reading = Importing::Read {
                        id: id.clone(),
                        span,
                    };
                    self.planner.importing.insert(to.clone(), reading);
                    reads.push((to, id, span, connected));
                }
                _ => {
                    self.planner.importing.insert(to, Importing::Later);
                }
            }
        }
        if reads.is_empty() {
            return None;
        }
        let sessions = self.sessions;
        let provider = block.provider.name.clone();
        Some(Box::pin(async move {
            let reading = reads.into_iter().map(|(to, id, span, connected)| {
                let provider = &provider;
                async move {
                    let type_name = &to.block.type_name;
                    let value = read_import(sessions, &connected, provider, type_name, &id).await;
                    (to, id, span, value)
                }
            });
            Done::Imported(i, join_all(reading).await)
        }))
    }

    /// The problem that an object is already managed elsewhere, or imported twice.
    fn taken(
        &self,
        to: &Address,
        id: &str,
        connected: &Connected,
        span: Span,
    ) -> Option<Diagnostic> {
        let same = |at: &Address| at != to && at.block.type_name == to.block.type_name;
        let managed = managed_as(self.state, to, &connected.resolved, id);
        let importing = self.planner.importing.iter().find_map(|(at, i)| {
            let Importing::Read { id: other, .. } = i else {
                return None;
            };
            (same(at) && other == id).then_some(at)
        });
        let (other, how) = match (managed, importing) {
            (Some(at), _) => (at, "is managed as"),
            (None, Some(at)) => (at.clone(), "is imported as"),
            (None, None) => return None,
        };
        Some(
            Diagnostic::error(
                Code::ManagedAlready,
                format!("`{id}` cannot be imported as {to}: it {how} {other}"),
            )
            .at(span, "imported here")
            .about(to)
            .help("one object has one address; use [[moved]] to give it another"),
        )
    }

    /// Takes what was read; it is planned like what the state has.
    pub(super) fn take_imports(&mut self, imported: Vec<Imported>) {
        for (address, id, span, result) in imported {
            match result {
                Ok(value) => self.planner.import(address, value),
                Err(error) => {
                    self.planner.importing.remove(&address);
                    let missing = error.kind == ErrorKind::NotFound;
                    let message = if missing {
                        format!("{address} cannot be imported: there is no `{id}` ({error})")
                    } else {
                        format!("{address} cannot be imported: {error}")
                    };
                    let help = if missing {
                        "check the id, the account and the region; to make a new one, take the [[import]] away"
                    } else {
                        "correct the id, or take the [[import]] away"
                    };
                    self.errors.push(
                        Diagnostic::error(Code::of_provider(error.kind), message)
                            .at(span, "")
                            .about(&address)
                            .help(help),
                    );
                }
            }
        }
    }

    /// Imports for instances that their blocks do not have.
    pub(super) fn check_imports(&mut self) {
        let mut lost: Vec<(&Address, Span)> = self
            .planner
            .importing
            .iter()
            .filter(|(at, _)| {
                !self.planner.changes.contains_key(*at) && !self.planner.held.contains(at)
            })
            .filter_map(|(at, importing)| match importing {
                Importing::Read { span, .. } => Some((at, *span)),
                Importing::Later => None,
            })
            .collect();
        lost.sort();
        for (address, span) in lost {
            self.errors.push(
                Diagnostic::error(
                    Code::NoSuchInstance,
                    format!("the stack file has no instance {address} to import"),
                )
                .at(span, "")
                .about(address)
                .help("add its key to for_each or count, or take the [[import]] away"),
            );
        }
    }
}

impl Planner<'_> {
    fn is_managed(&self, address: &Address) -> bool {
        let recorded = self.previous.get(address).unwrap_or(address);
        let resource = self.state.resource(recorded);
        resource.is_some_and(ResourceState::has_current)
    }

    /// What an import has read is there from now on.
    fn import(&mut self, address: Address, value: Value) {
        self.by_block
            .entry(address.block.clone())
            .or_default()
            .push(address.clone());
        self.prior.insert(address, value);
    }
}

/// The provider configuration of an instance that is to be filled.
fn provider_for(
    world: &World<'_>,
    block: &ResourceBlock,
    to: &Address,
) -> Result<ProviderAddress, Diagnostics> {
    if block.provider_key.is_none() {
        return Ok(block.provider.clone());
    }
    let frame = repeat::frame_of(world, block, &to.key)?;
    world.provider_of(block, &frame.unwrap_or_default())
}

/// What one statement imports; an id or key that is not known yet leaves the id out.
fn wanted_of(world: &World<'_>, import: &Import) -> Result<Vec<Wanted>, Diagnostics> {
    let frames = match import.repeat.expr() {
        None => vec![Frame::default()],
        Some(expr) => {
            let (value, _) = world.evaluate(expr, &Frame::default())?;
            if repeat::is_undecided(&value) {
                return Err(vec![
                    Diagnostic::error(Code::UnknownInstances, "what is to be imported is not known while planning")
                        .at(expr.span, "not known before apply")
                        .help("use a for_each that is written in the stack file, or apply what it depends on first with -target"),
                ]);
            }
            repeat::elements(&import.repeat, expr, &value, &Frame::default())
                .map_err(|e| vec![e])?
                .into_iter()
                .map(|(_, frame)| frame)
                .collect()
        }
    };
    frames
        .iter()
        .map(|frame| one(world, import, frame))
        .collect()
}

fn one(world: &World<'_>, import: &Import, frame: &Frame) -> Result<Wanted, Diagnostics> {
    let mut to = import.to.clone();
    let wrong =
        |message: String| vec![Diagnostic::error(Code::BadAddress, message).at(import.id.span, "")];
    if let Some(key) = &import.key {
        let (value, _) = world.evaluate(key, frame)?;
        to.key = match value.bare() {
            Value::String(name) => Some(InstanceKey::Name(name.clone())),
            Value::Number(n) => Some(InstanceKey::Index(
                n.to_i64()
                    .and_then(|i| u64::try_from(i).ok())
                    .ok_or_else(|| wrong(format!("{n} is no index of an instance")))?,
            )),
            Value::Unknown(_) => {
                return Err(vec![
                    Diagnostic::error(
                        Code::UnknownInstances,
                        "the key of an import is not known while planning",
                    )
                    .at(key.span, "not known before apply"),
                ]);
            }
            _ => return Err(wrong("the key of an import is text or a number".to_owned())),
        };
    }
    let (value, _) = world
        .evaluate(&import.id, frame)
        .map_err(|e| about(e, &to))?;
    let value = convert(value.bare(), &Type::String)
        .map_err(|e| wrong(format!("the id of an import is text: {e}")))?;
    let id = match value.bare() {
        Value::Unknown(_) => None,
        Value::String(id) if !id.is_empty() => Some(id.to_string()),
        _ => return Err(wrong(format!("the id to import {to} by is empty"))),
    };
    Ok(Wanted {
        to,
        id,
        span: import.span,
    })
}

/// Reads an existing object by its import id.
pub(crate) async fn read_import(
    sessions: &Sessions,
    connected: &Connected,
    provider: &str,
    type_name: &str,
    id: &str,
) -> Result<Value, ProviderError> {
    let context = sessions.context(provider, &*connected.session, Arc::new(NoEvents));
    connected.session.import(&context, type_name, id).await
}
