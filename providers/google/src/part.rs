//! What is no resource of Google's own but a part of one: a member of a list or a policy that several of ours share. Changes
//! read the whole, change the part and write the whole again, one after the other, and under the whole's etag or fingerprint
//! where it has one, so that nobody's change is lost.

use crate::client::Client;
use futures::future::join_all;
use infra_cloud::wait;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who changes which whole.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<String, Arc<Turn<()>>>>);

impl Turns {
    /// Waits for one's turn at a whole.
    pub(crate) async fn at(&self, whole: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(whole.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

/// Reads each of some wholes once, all at the same time.
pub(crate) async fn once<'a, T, F>(
    wholes: impl Iterator<Item = &'a str>,
    read: impl Fn(&'a str) -> F,
) -> BTreeMap<&'a str, T>
where
    F: Future<Output = T>,
{
    let distinct: BTreeSet<&str> = wholes.collect();
    let read = &read;
    let answers = distinct
        .into_iter()
        .map(|whole| async move { (whole, read(whole).await) });
    join_all(answers).await.into_iter().collect()
}

/// Changes a whole in turn; when someone else was faster, reads again and tries again.
pub(crate) async fn change<F>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    whole: &str,
    change: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    F: Future<Output = Result<(), ProviderError>> + Send,
{
    let _turn = client.turns.at(whole).await;
    let overtaken = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    wait::while_refused(context, operation, wait::QUICK, overtaken, change).await
}
