//! What is open for the time of a run: opened when its configuration is known, renewed while it is used, closed after its last
//! user. Its values carry the ephemeral mark, and nothing of it is stored.

use crate::engine::Engine;
use crate::graph::{ProgramGraph, ProgramNode};
use crate::lock::lock;
use crate::sessions::Sessions;
use infra_model::address::{Address, Mode, ProviderAddress};
use infra_model::program::Program;
use infra_model::provider::{CallContext, NoEvents, Session};
use infra_model::provider_error::ProviderError;
use infra_model::time::{Clock, Timestamp};
use infra_model::value::{Marks, Value};
use petgraph::Direction;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// One that is open.
#[derive(Clone)]
struct Lease {
    address: Address,
    session: Arc<dyn Session>,
    context: CallContext,
    renew_at: Option<Timestamp>,
    private: Option<serde_json::Value>,
}

/// All that is open, in the order of opening.
pub(crate) struct Leases {
    clock: Arc<dyn Clock>,
    open: Mutex<Vec<Lease>>,
    /// Something was opened.
    news: Notify,
    /// What could not be renewed or closed.
    failed: Mutex<Vec<(Address, ProviderError)>>,
}

impl Leases {
    pub(crate) fn new(engine: &Engine) -> Leases {
        Leases {
            clock: engine.clock.clone(),
            open: Mutex::default(),
            news: Notify::new(),
            failed: Mutex::default(),
        }
    }

    /// Opens one, and gives its value with its marks.
    pub(crate) async fn open(
        &self,
        sessions: &Sessions,
        session: Arc<dyn Session>,
        address: &Address,
        provider: &ProviderAddress,
        config: &Value,
    ) -> Result<Value, ProviderError> {
        let context = sessions.context(&provider.name, &*session, Arc::new(NoEvents));
        let known = config.without_unknowns().unmark_deep();
        let opened = session
            .open(&context, &address.block.type_name, &known)
            .await?;
        lock(&self.open).push(Lease {
            address: address.clone(),
            session,
            context,
            renew_at: opened.renew_at,
            private: opened.private,
        });
        self.news.notify_one();
        Ok(crate::codec::carry_marks(config, opened.value).with_marks(Marks::EPHEMERAL))
    }

    /// Renews what is open when it is time, for as long as it is polled.
    pub(crate) async fn keep(&self) {
        loop {
            let due = lock(&self.open)
                .iter()
                .filter_map(|lease| Some((lease.renew_at?, lease.address.clone())))
                .min_by_key(|(at, _)| *at);
            let Some((at, address)) = due else {
                self.news.notified().await;
                continue;
            };
            tokio::select! {
                () = self.clock.sleep(at.since(self.clock.now())) => self.renew(&address).await,
                () = self.news.notified() => {}
            }
        }
    }

    async fn renew(&self, address: &Address) {
        let find = |open: &[Lease]| open.iter().position(|lease| lease.address == *address);
        let found = {
            let open = lock(&self.open);
            find(&open).map(|i| open[i].clone())
        };
        let Some(lease) = found else { return };
        let renewed = lease
            .session
            .renew(
                &lease.context,
                &address.block.type_name,
                lease.private.as_ref(),
            )
            .await;
        let mut open = lock(&self.open);
        let Some(i) = find(&open) else { return };
        match renewed {
            Ok(renewed) => {
                open[i].renew_at = renewed.renew_at;
                open[i].private = renewed.private;
            }
            Err(error) => {
                open[i].renew_at = None;
                lock(&self.failed).push((address.clone(), error));
            }
        }
    }

    /// Closes those that are chosen, the last opened first.
    pub(crate) async fn close(&self, chosen: impl Fn(&Address) -> bool) {
        let closing: Vec<Lease> = {
            let mut open = lock(&self.open);
            let (closing, kept) = open.drain(..).partition(|lease| chosen(&lease.address));
            *open = kept;
            closing
        };
        for lease in closing.into_iter().rev() {
            let type_name = &lease.address.block.type_name;
            let private = lease.private.as_ref();
            let closed = lease.session.close(&lease.context, type_name, private);
            if let Err(error) = closed.await {
                lock(&self.failed).push((lease.address, error));
            }
        }
    }

    /// Closes everything, and gives what could not be renewed or closed.
    pub(crate) async fn end(&self) -> Vec<(Address, ProviderError)> {
        self.close(|_| true).await;
        std::mem::take(&mut lock(&self.failed))
    }
}

/// Which ephemeral blocks each block needs, directly, through values and providers, or through one another: what must be
/// opened first stands first.
#[derive(Default)]
pub(crate) struct Needs {
    by_block: HashMap<usize, Vec<usize>>,
    /// Those that a provider is configured with: they stay open to the end.
    pub(crate) of_providers: HashSet<usize>,
}

impl Needs {
    /// Costs nothing where the program has no ephemeral block.
    pub(crate) fn new(program: &Program, graph: &ProgramGraph) -> Needs {
        let mut needs = Needs::default();
        let is = |i: usize| program.blocks[i].address.mode == Mode::Ephemeral;
        for i in (0..program.blocks.len()).filter(|i| is(*i)) {
            let Some(start) = graph.index(&ProgramNode::Block(i)) else {
                continue;
            };
            let (mut seen, mut open) = (HashSet::from([start]), vec![start]);
            while let Some(node) = open.pop() {
                for next in graph.graph.neighbors_directed(node, Direction::Outgoing) {
                    if !seen.insert(next) {
                        continue;
                    }
                    match &graph.graph[next] {
                        ProgramNode::Block(user) => {
                            needs.by_block.entry(*user).or_default().push(i);
                            if is(*user) {
                                open.push(next);
                            }
                        }
                        ProgramNode::Provider(_) => {
                            needs.of_providers.insert(i);
                            open.push(next);
                        }
                        _ => open.push(next),
                    }
                }
            }
        }
        // One that needs another has more before it.
        let depth: HashMap<usize, usize> = needs
            .by_block
            .iter()
            .map(|(block, needed)| (*block, needed.len()))
            .collect();
        for needed in needs.by_block.values_mut() {
            needed.sort_by_key(|i| (depth.get(i).copied().unwrap_or(0), *i));
        }
        needs
    }

    /// What a block needs.
    pub(crate) fn of(&self, block: usize) -> &[usize] {
        self.by_block.get(&block).map_or(&[], Vec::as_slice)
    }
}
