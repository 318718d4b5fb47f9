//! Waiting for AWS.

use crate::client::Client;
pub use infra_cloud::wait::*;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Resource, Timestamp};
use std::future::Future;
use std::time::Duration;

/// For what is known everywhere within seconds, such as a role or a key that was just made.
pub const BRIEF: Pace = Pace {
    limit: Duration::from_mins(1),
    ..QUICK
};

/// [`infra_cloud::wait::settled`] with this provider's client.
///
/// # Errors
/// As there.
pub async fn settled<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: R::Record,
) -> Result<R::Record, ProviderError> {
    infra_cloud::wait::settled::<Client, R>(client, context, operation, id, desired).await
}

/// What is in the way of a deletion is looked for once it has lasted so long, and again as often.
const LOOK: Duration = Duration::from_secs(10);
/// So much of it is named.
const NAMED: usize = 4;

/// As [`while_in_use`], and names what is in the way where AWS only says that something is. `holders` lists that; what cannot be listed
/// is not named.
///
/// # Errors
/// The refusal, with what is in the way, when it stands for longer than the pace's limit; any other error.
pub async fn while_held<T, F, H>(
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    holders: impl Fn() -> H + Send + Sync,
    delete: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
    H: Future<Output = Result<Vec<String>, ProviderError>> + Send,
{
    let start = context.clock.now();
    let mut pause = pace.first;
    let mut looked: (Timestamp, Vec<String>) = (start, Vec::new());
    loop {
        let mut error = match delete().await {
            Err(error) if error.kind == ErrorKind::Conflict => error,
            other => return infra_cloud::absence::absent_is_done(other),
        };
        let now = context.clock.now();
        let over = now.since(start) >= pace.limit;
        if over || now.since(looked.0) >= LOOK {
            looked = (now, holders().await.unwrap_or_default());
        }
        let held = named(&looked.1);
        if over {
            if let Some(held) = held {
                error.message = format!("{} In its way: {held}", error.message);
            }
            return Err(error);
        }
        let status = held.map(|held| format!("{}: {held}", error.code));
        (context.events).status(operation, status.as_ref().unwrap_or(&error.code));
        context.clock.sleep(pause).await;
        pause = (pause * 3 / 2).min(pace.longest);
    }
}

/// The first of them, and how many more there are.
fn named(holders: &[String]) -> Option<String> {
    let first = holders.get(..NAMED.min(holders.len()))?.join(", ");
    match holders.len() {
        0 => None,
        all if all > NAMED => Some(format!("{first} and {} more", all - NAMED)),
        _ => Some(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::{World, operation};
    use std::sync::Arc;

    #[tokio::test]
    async fn what_is_in_the_way_is_named_while_it_lasts_and_in_the_end() {
        let world = Arc::new(World::default());
        let operation = operation("aws_vpc.main");
        let refused = || async {
            Err::<(), _>(ProviderError {
                code: "DependencyViolation".to_owned(),
                ..ProviderError::new(ErrorKind::Conflict, "It has dependencies.")
            })
        };
        let holders = || async { Ok((1..=6).map(|n| format!("eni-{n}")).collect()) };
        let ended = while_held(&world.context(), &operation, MINUTES, holders, refused).await;
        let message = ended.expect_err("it is never let go").message;
        let all = "eni-1, eni-2, eni-3, eni-4 and 2 more";
        assert_eq!(message, format!("It has dependencies. In its way: {all}"));
        let statuses = world.statuses.lock().expect("not poisoned");
        // Most of what refuses is gone after some seconds.
        assert_eq!(statuses[0], "DependencyViolation");
        assert_eq!(
            statuses.last(),
            Some(&format!("DependencyViolation: {all}"))
        );
    }

    #[tokio::test]
    async fn who_may_not_look_is_told_what_aws_says() {
        let world = Arc::new(World::default());
        let refusal =
            |kind| async move { Err::<(), _>(ProviderError::new(kind, "It has dependencies.")) };
        let denied = || async { Err(ProviderError::new(ErrorKind::Denied, "no")) };
        let (context, operation) = (world.context(), operation("aws_vpc.main"));
        for (kind, ends) in [
            (ErrorKind::Conflict, Err("It has dependencies.".to_owned())),
            (ErrorKind::NotFound, Ok(())),
        ] {
            let ended = while_held(&context, &operation, QUICK, denied, || refusal(kind)).await;
            assert_eq!(ended.map_err(|e| e.message), ends);
        }
    }
}
