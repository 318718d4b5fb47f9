//! Access that comes late. Clouds say that an identity was made or a grant was given, and their services hear of it later: within
//! minutes, each in its own time. Until then they refuse in words that are those of a real refusal. Which refusals may be meant so is
//! for each provider to say, by its services' words; whether one is so, by asking whoever keeps identities and grants: what is there
//! according to them, and new, is waited for; what is not there is refused at once.

use infra_model::time::next_pause;
use infra_model::{CallContext, Operation, ProviderError};
use std::future::Future;
use std::time::Duration;

/// For how long what is new may stay unknown.
pub const BOUND: Duration = Duration::from_mins(10);

/// For how long, where the identity is not new: what belongs to it, such as its permissions, may still be.
pub const OLD: Duration = Duration::from_mins(2);

/// The first pause.
const FIRST: Duration = Duration::from_millis(200);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// How often something is asked for before it is taken not to be there.
const TRIES: u32 = 3;

/// The pause between two of them.
const BETWEEN: Duration = Duration::from_secs(2);

/// How it stands with what a refusal is about, according to whoever keeps identities and grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is not there: the refusal is meant.
    Missing,
    /// It has been there for longer than [`BOUND`], or nobody may say.
    Old,
    /// It was made within [`BOUND`], or is there, and nobody says since when: the refusal is only early.
    New,
}

impl Standing {
    /// Of something that was made at a time, by the same clock.
    #[must_use]
    pub fn since(context: &CallContext, made: infra_model::Timestamp) -> Standing {
        if context.clock.now().since(made) < BOUND {
            Standing::New
        } else {
            Standing::Old
        }
    }

    /// For how long a refusal is not believed.
    fn patience(self) -> Duration {
        match self {
            Standing::Missing => Duration::ZERO,
            Standing::Old => OLD,
            Standing::New => BOUND,
        }
    }
}

/// Makes a call again while it is refused for what is not known everywhere yet. `about` says of a refusal what that may be, as in
/// `the role x`; `standing` asks after it, until it is found to be new.
///
/// # Errors
/// The refusal, at once where it is meant, otherwise when it stands for longer than is waited; any other error at once.
pub async fn until_known<T, F, S>(
    context: &CallContext,
    operation: &Operation,
    about: impl Fn(&ProviderError) -> Option<String> + Send + Sync,
    standing: impl Fn(ProviderError) -> S + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
    S: Future<Output = Standing> + Send,
{
    let mut found = Standing::Missing;
    let mut start = None;
    let mut pause = FIRST;
    loop {
        let error = match call().await {
            Err(error) => error,
            done => return done,
        };
        let Some(what) = about(&error) else {
            return Err(error);
        };
        // A call may itself take long: what was waited counts from the first refusal.
        let start = *start.get_or_insert_with(|| context.clock.now());
        if found < Standing::New {
            found = standing(error.clone()).await;
        }
        let waited = context.clock.now().since(start);
        if waited >= found.patience() {
            return Err(given_up(error, &what, waited));
        }
        let status = format!("waits until {what} is known everywhere: {}", error.code);
        context.events.status(operation, &status);
        context
            .clock
            .sleep(pause.min(found.patience() - waited))
            .await;
        pause = next_pause(pause, waited, LONGEST);
    }
}

/// Asks after something, and again where it is not found: whoever keeps it may answer late too.
///
/// # Errors
/// As `ask`.
pub async fn asked<T, F>(
    context: &CallContext,
    ask: impl Fn() -> F + Send + Sync,
) -> Result<Option<T>, ProviderError>
where
    T: Send,
    F: Future<Output = Result<Option<T>, ProviderError>> + Send,
{
    for _ in 1..TRIES {
        if let Some(found) = ask().await? {
            return Ok(Some(found));
        }
        context.clock.sleep(BETWEEN).await;
    }
    ask().await
}

/// A refusal that stands, with how long it was not believed.
fn given_up(mut error: ProviderError, what: &str, waited: Duration) -> ProviderError {
    let minutes = waited.as_secs() / 60;
    if minutes > 0 {
        let message = error.message.trim_end().trim_end_matches('.');
        error.message = format!(
            "{message}. It was waited for {minutes} minutes, in case {what} was not known everywhere yet"
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, operation};
    use infra_model::{Clock, ErrorKind, Timestamp};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Calls what refuses so many times in these words: how it ended, how often it was called and asked after, and for how long.
    async fn called(
        refusals: usize,
        words: &'static str,
        found: &[Standing],
    ) -> (Result<(), String>, usize, usize, Duration) {
        let world = Arc::new(World::default());
        let (calls, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = world.now();
        let result = until_known(
            &world.context(),
            &operation("aws_eks_cluster.main"),
            |error| error.message.contains("role").then(|| "the role r".into()),
            |_| {
                let at = asked.fetch_add(1, Ordering::Relaxed);
                let standing = found[at.min(found.len() - 1)];
                async move { standing }
            },
            || async {
                if calls.fetch_add(1, Ordering::Relaxed) < refusals {
                    return Err(ProviderError {
                        code: "InvalidParameterException".to_owned(),
                        ..ProviderError::new(ErrorKind::Invalid, words)
                    });
                }
                Ok(())
            },
        )
        .await;
        for status in world.statuses.lock().expect("not poisoned").iter() {
            let expected = "waits until the role r is known everywhere: InvalidParameterException";
            assert_eq!(status, expected);
        }
        let took = world.now().since(start);
        let (calls, asked) = (calls.load(Ordering::Relaxed), asked.load(Ordering::Relaxed));
        (result.map_err(|e| e.message), calls, asked, took)
    }

    #[tokio::test]
    async fn what_is_new_is_waited_for_and_what_is_not_there_is_not() {
        use Standing::{Missing, New, Old};
        let role = "no such role.";
        // Known in time, and asked after once.
        let (result, calls, asked, took) = called(5, role, &[New]).await;
        assert_eq!((result, calls, asked), (Ok(()), 6, 1));
        assert!(took < Duration::from_secs(10), "{took:?}");
        // Never known: ten minutes, and then what was refused, and for how long.
        let (result, calls, _, took) = called(usize::MAX, role, &[New]).await;
        let message = result.expect_err("is refused");
        assert!(
            message.starts_with("no such role. It was waited for 10 minutes"),
            "{message}"
        );
        assert!(calls < 250, "{calls}");
        assert_eq!(took, BOUND);
        // It has long been there: two minutes.
        assert_eq!(called(usize::MAX, role, &[Old]).await.3, OLD);
        // It is not there, or the refusal is about something else: at once, as it is.
        let refused = |words: &str| (Err(words.to_owned()), 1, Duration::ZERO);
        for (words, asked) in [(role, 1), ("not allowed", 0)] {
            let (result, calls, times, took) = called(usize::MAX, words, &[Missing]).await;
            assert_eq!((result, calls, took), refused(words));
            assert_eq!(times, asked, "{words}");
        }
        // What is found to be new later is waited for as long.
        assert_eq!(called(usize::MAX, role, &[Old, Old, New]).await.3, BOUND);
    }

    #[tokio::test]
    async fn what_is_not_found_is_asked_for_again() {
        let context = Arc::new(World::default()).context();
        for (found_at, expected) in [(1, Some(1)), (3, Some(3)), (4, None)] {
            let times = AtomicUsize::new(0);
            let answer = asked(&context, || async {
                let time = times.fetch_add(1, Ordering::Relaxed) + 1;
                Ok((time == found_at).then_some(time))
            });
            assert_eq!(answer.await, Ok(expected));
        }
    }

    #[test]
    fn what_was_made_a_moment_ago_is_new() {
        let world = Arc::new(World::default());
        let context = world.context();
        let since = |seconds: i64| Standing::since(&context, Timestamp(-seconds * 1000));
        assert_eq!(since(599), Standing::New);
        assert_eq!(since(600), Standing::Old);
        // By a clock that goes before ours.
        assert_eq!(since(-60), Standing::New);
    }
}
