//! What several resources share: a whole that each of them is a part of, or a parent that changes one child at a time. Such a
//! whole is changed in turn, and read once for all of its parts.

use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who changes which whole.
#[derive(Default)]
pub struct Turns(Mutex<BTreeMap<String, Arc<Turn<()>>>>);

impl Turns {
    /// Waits for one's turn at a whole.
    pub async fn at(&self, whole: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(whole.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

/// Reads each of some wholes once, all at the same time.
pub async fn once<'a, T, F>(
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
