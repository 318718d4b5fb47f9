//! Sending calls again: a throttled one always, one whose answer was lost only where that is safe.

use futures::future::BoxFuture;
use infra_model::{CallContext, ErrorKind, ProviderError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How often a throttled call is sent again before the error is given back.
const THROTTLED_ATTEMPTS: u32 = 12;
/// How often a call is sent again after a failure that may pass.
const TRANSIENT_ATTEMPTS: u32 = 6;

/// What may be done when the answer to a mutating call is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The same call again: it has a token, or doing it twice is doing it once.
    Safe,
    /// Nothing: the caller looks up what happened.
    Never,
}

/// Makes a call of an API family until it is answered: one permit per attempt, and none is held while waiting.
///
/// # Errors
/// The cloud's answer after so many attempts as are worth while.
pub async fn retried<'a, T: Send>(
    context: &CallContext,
    family: &'static str,
    operation: &str,
    resend: Resend,
    attempt: &(dyn Fn() -> BoxFuture<'a, Result<T, ProviderError>> + Send + Sync),
) -> Result<T, ProviderError> {
    let (mut throttled, mut transient) = (0, 0);
    loop {
        let permit = context.enter(family).await?;
        let result = attempt().await;
        drop(permit);
        let error = match result {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let tries = match error.kind {
            ErrorKind::Throttled => {
                context.gate.throttled(context.provider, family);
                throttled += 1;
                if throttled >= THROTTLED_ATTEMPTS {
                    return Err(if transient > 0 {
                        error.after_lost_answer()
                    } else {
                        error
                    });
                }
                throttled
            }
            ErrorKind::Transient if resend == Resend::Safe => {
                transient += 1;
                if transient >= TRANSIENT_ATTEMPTS {
                    return Err(error);
                }
                transient
            }
            // A refusal of this attempt says nothing about one whose answer was lost.
            _ if transient > 0 => return Err(error.after_lost_answer()),
            _ => return Err(error),
        };
        tracing::debug!(operation, %error, tries, "sending again");
        let pause = error
            .retry_after
            .unwrap_or_else(|| backoff(context, operation, tries));
        context.clock.sleep(pause).await;
    }
}

/// 200 ms, doubled each time up to 20 s, of which the second half varies, so that many do not come back at once.
fn backoff(context: &CallContext, operation: &str, tries: u32) -> Duration {
    let whole = (200_u64 << tries.min(7).saturating_sub(1)).min(20_000);
    let mut hasher = DefaultHasher::new();
    (operation, tries, context.clock.now()).hash(&mut hasher);
    Duration::from_millis(whole / 2 + hasher.finish() % (whole / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    /// Runs a call that fails with these kinds, one after the other, and then works; how it ended, and how often it was sent.
    async fn sent(failures: &[ErrorKind], resend: Resend) -> (Result<(), ErrorKind>, usize, usize) {
        let world = Arc::new(World::default());
        let left = Mutex::new(failures.to_vec());
        let sent = AtomicUsize::new(0);
        let attempt = || -> BoxFuture<'_, Result<(), ProviderError>> {
            sent.fetch_add(1, Ordering::Relaxed);
            let mut left = left.lock().expect("not poisoned");
            let next = (!left.is_empty()).then(|| left.remove(0));
            Box::pin(async move { next.map_or(Ok(()), |kind| Err(ProviderError::new(kind, "no"))) })
        };
        let result = retried(&world.context(), "ec2.write", "Call", resend, &attempt).await;
        assert_eq!(
            world.entered.load(Ordering::Relaxed),
            sent.load(Ordering::Relaxed),
            "one permit for each attempt"
        );
        (
            result.map_err(|e| e.kind),
            sent.load(Ordering::Relaxed),
            world.throttled.load(Ordering::Relaxed),
        )
    }

    #[tokio::test]
    async fn a_refusal_after_a_lost_answer_is_not_definite() {
        use ErrorKind::{Denied, Throttled, Transient};
        for (first, definite) in [(Transient, false), (Throttled, true)] {
            let left = Mutex::new(vec![first, Denied]);
            let attempt = || -> BoxFuture<'_, Result<(), ProviderError>> {
                let kind = left.lock().expect("not poisoned").remove(0);
                Box::pin(async move { Err(ProviderError::new(kind, "no")) })
            };
            let world = Arc::new(World::default());
            let context = world.context();
            let error = retried(&context, "ec2.write", "Call", Resend::Safe, &attempt).await;
            let error = error.expect_err("is refused");
            assert_eq!(error.kind, Denied);
            assert_eq!(error.is_definite_refusal(), definite, "after {first:?}");
        }
    }

    #[tokio::test]
    async fn calls_are_sent_again_only_when_that_is_safe() {
        use ErrorKind::{Denied, Throttled, Transient};
        for (failures, resend, expected) in [
            (vec![Throttled, Throttled], Resend::Safe, (Ok(()), 3, 2)),
            (vec![Throttled], Resend::Never, (Ok(()), 2, 1)),
            (vec![Transient, Transient], Resend::Safe, (Ok(()), 3, 0)),
            (vec![Transient], Resend::Never, (Err(Transient), 1, 0)),
            (vec![Denied], Resend::Safe, (Err(Denied), 1, 0)),
            (vec![Transient; 20], Resend::Safe, (Err(Transient), 6, 0)),
            (vec![Throttled; 20], Resend::Safe, (Err(Throttled), 12, 12)),
        ] {
            assert_eq!(
                sent(&failures, resend).await,
                expected,
                "{failures:?} {resend:?}"
            );
        }
    }
}
