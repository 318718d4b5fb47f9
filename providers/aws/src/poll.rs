//! Batched polls: resources of a type that wait at the same time are asked for in one listing.

use crate::batch;
use infra_model::{CallContext, ErrorKind, ProviderError};
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the first asker waits for others.
const GATHER: Duration = Duration::from_millis(100);

type Answer<T> = Result<Option<T>, ProviderError>;

/// Those who ask for resources of one type.
pub struct Polls<T> {
    asking: Mutex<Vec<(String, oneshot::Sender<Answer<T>>)>>,
}

impl<T> Default for Polls<T> {
    fn default() -> Self {
        Polls {
            asking: Mutex::new(Vec::new()),
        }
    }
}

impl<T: Clone + Send> Polls<T> {
    /// What is under an id, listed together with what others ask for at this time.
    ///
    /// # Errors
    /// Those of listing.
    pub async fn ask<F>(
        &self,
        context: &CallContext,
        id: &str,
        id_of: impl Fn(&T) -> Option<String> + Send + Sync,
        list: impl Fn(Vec<String>) -> F + Send + Sync,
    ) -> Answer<T>
    where
        F: Future<Output = Result<Vec<T>, ProviderError>> + Send,
    {
        let (answer, answered) = oneshot::channel();
        let first = {
            let mut asking = self.asking();
            asking.push((id.to_owned(), answer));
            asking.len() == 1
        };
        if first {
            let lead = Lead(self);
            context.clock.sleep(GATHER).await;
            let asking = lead.take();
            let (ids, waiting): (Vec<String>, Vec<_>) = asking.into_iter().unzip();
            let found = batch::by_id(&ids, id_of, list).await;
            for (waiting, found) in waiting.into_iter().zip(found) {
                // One that waits no longer needs no answer.
                let _ = waiting.send(found);
            }
        }
        answered.await.unwrap_or_else(|_| {
            Err(ProviderError::new(
                ErrorKind::Transient,
                "the poll was given up",
            ))
        })
    }
}

impl<T> Polls<T> {
    fn asking(&self) -> std::sync::MutexGuard<'_, Vec<(String, oneshot::Sender<Answer<T>>)>> {
        self.asking
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The first asker's duty: when it is dropped before it listed, the others are told rather than left waiting.
struct Lead<'a, T>(&'a Polls<T>);

impl<T> Lead<'_, T> {
    fn take(self) -> Vec<(String, oneshot::Sender<Answer<T>>)> {
        let asking = std::mem::take(&mut *self.0.asking());
        std::mem::forget(self);
        asking
    }
}

impl<T> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        self.0.asking().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::World;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn those_who_ask_together_are_answered_by_one_listing() {
        let context = Arc::new(World::default()).context();
        let polls = Polls::<String>::default();
        let calls = AtomicUsize::new(0);
        let ask = |id: &'static str| {
            polls.ask(
                &context,
                id,
                |found: &String| Some(found.clone()),
                |ids| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    async move { Ok(ids.into_iter().filter(|i| i != "gone").collect()) }
                },
            )
        };
        let (a, gone) = futures::join!(ask("a"), ask("gone"));
        let b = ask("b").await;
        assert_eq!(a, Ok(Some("a".to_owned())));
        assert_eq!(b, Ok(Some("b".to_owned())));
        assert_eq!(gone, Ok(None));
        assert_eq!(calls.into_inner(), 2, "one for both, one for the third");
    }
}
