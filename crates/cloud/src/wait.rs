//! Waiting for the cloud: polls with growing pauses on the run's clock, passes the cloud's status on, and never gives a
//! resource up: a wait that runs out keeps the id.

use crate::absence::absent_is_done;
use crate::read;
use crate::shape::is_empty;
use infra_model::time::next_pause;
use infra_model::{
    Block, CallContext, ErrorKind, NestedBlock, Nesting, Operation, ProviderError, Record,
    Resource, Value, planning,
};
use std::future::Future;
use std::time::Duration;

/// How a poll went.
#[derive(Debug)]
pub enum Progress<T> {
    /// It is there.
    Done(T),
    /// Not yet; the cloud's own status.
    Pending(String),
    /// The same, where the cloud says when to ask again.
    PendingFor(String, Duration),
}

/// How patiently to wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// When to stop waiting.
    pub limit: Duration,
}

/// For what takes seconds.
pub const QUICK: Pace = Pace {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(2),
    limit: Duration::from_mins(5),
};
/// For what takes a minute or two.
pub const MINUTES: Pace = Pace {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(5),
    limit: Duration::from_mins(20),
};
/// For control planes and databases.
pub const LONG: Pace = Pace {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(15),
    limit: Duration::from_hours(1),
};

/// Polls until done.
///
/// # Errors
/// What the poll fails with; [`ErrorKind::TimedOut`] with the last status when the limit is reached.
pub async fn until<T, F>(
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    mut poll: impl FnMut() -> F + Send,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<Progress<T>, ProviderError>> + Send,
{
    let start = context.clock.now();
    let mut pause = pace.first;
    loop {
        let (status, asked) = match poll().await? {
            Progress::Done(done) => return Ok(done),
            Progress::Pending(status) => (status, None),
            Progress::PendingFor(status, asked) => (status, Some(asked)),
        };
        context.events.status(operation, &status);
        let waited = context.clock.now().since(start);
        if waited >= pace.limit {
            return Err(ProviderError::new(
                ErrorKind::TimedOut,
                format!(
                    "still `{status}` after {}; the next run goes on waiting",
                    match pace.limit.as_secs() {
                        seconds @ 0..120 => format!("{seconds} seconds"),
                        seconds => format!("{} minutes", seconds / 60),
                    }
                ),
            ));
        }
        context.clock.sleep(asked.unwrap_or(pause)).await;
        pause = next_pause(pause, waited, pace.longest);
    }
}

/// Reads a resource that has just been made or changed, until what it should be is what reads say: clouds answer reads from
/// replicas that lag. When the two never agree, what was read last is returned, and the engine tells the difference.
///
/// # Errors
/// Errors of reading; [`ErrorKind::TimedOut`] when it never shows.
pub async fn settled<C: Send + Sync + 'static, R: Resource<C>>(
    client: &C,
    context: &CallContext,
    operation: &Operation,
    id: &str,
    desired: R::Record,
) -> Result<R::Record, ProviderError> {
    let agreement = Duration::from_secs(20);
    let block = R::Record::block();
    let wanted = desired.to_value();
    let start = context.clock.now();
    until(context, operation, QUICK, || {
        let prior = Some(desired.clone());
        let (block, wanted) = (&block, &wanted);
        async move {
            match read::one::<C, R>(client, context, id, prior).await? {
                Some(record)
                    if agrees(block, wanted, &record.to_value())
                        || context.clock.now().since(start) >= agreement =>
                {
                    Ok(Progress::Done(record))
                }
                Some(_) => Ok(Progress::Pending("settling".to_owned())),
                None => Ok(Progress::Pending("appearing".to_owned())),
            }
        }
    })
    .await
}

/// Whether everything that was asked for is what is.
fn agrees(block: &Block, wanted: &Value, found: &Value) -> bool {
    let attributes = block
        .attributes
        .iter()
        .filter(|(_, a)| (a.required || a.optional) && !a.write_only)
        .all(
            |(name, attribute)| match (wanted.get(name), found.get(name)) {
                // A record's empty collection is one that nobody spoke of: what the cloud computes of it is its affair.
                (Some(wanted), Some(_)) if attribute.computed && is_empty(wanted) => true,
                (Some(wanted), Some(found)) if !wanted.is_null() => {
                    planning::same(attribute.compare, wanted, found)
                }
                _ => true,
            },
        );
    let inside = |nested: &NestedBlock, wanted: &[Value], found: &[Value]| match nested.nesting {
        Nesting::List => wanted
            .iter()
            .zip(found)
            .all(|(w, f)| agrees(&nested.block, w, f)),
        Nesting::Set => wanted
            .iter()
            .all(|w| found.iter().any(|f| agrees(&nested.block, w, f))),
    };
    attributes
        && block.blocks.iter().all(|(name, nested)| {
            let of = |value: &Value| value.get(name).and_then(Value::elements).map(<[_]>::to_vec);
            match (of(wanted), of(found)) {
                // What is not asked for is decided by the cloud where the schema says so.
                (Some(wanted), Some(_)) if wanted.is_empty() && nested.computed => true,
                (Some(wanted), Some(found)) => {
                    wanted.len() == found.len() && inside(nested, &wanted, &found)
                }
                _ => true,
            }
        })
}

/// What is in the way of a deletion is looked for once it has lasted so long, and again as often.
const LOOK: Duration = Duration::from_secs(10);
/// So much of it is named.
const NAMED: usize = 4;

/// Sends a delete until it is accepted: what depends on the resource may take a while to let go of it. What is absent is
/// done.
///
/// # Errors
/// The refusal, when it stands for longer than the pace's limit; any other error.
pub async fn while_in_use<T, F>(
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    delete: impl Fn() -> F + Send + Sync,
) -> Result<(), ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    while_held(context, operation, pace, unnamed, delete).await
}

/// As [`while_in_use`], and names what is in the way where the cloud only says that something is. `holders` lists that; what cannot be
/// listed is not named.
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
    let refused = |error: &ProviderError| error.kind == ErrorKind::Conflict;
    absent_is_done(again(context, operation, pace, refused, holders, delete).await)
}

/// Sends a call again while it is refused for a reason that passes by itself, such as a role that is not known everywhere
/// yet.
///
/// # Errors
/// The refusal, when it stands for longer than the pace's limit; any other error.
pub async fn while_refused<T, F>(
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    passes: impl Fn(&ProviderError) -> bool + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
{
    again(context, operation, pace, passes, unnamed, call).await
}

/// Nothing is known of what is in the way.
async fn unnamed() -> Result<Vec<String>, ProviderError> {
    Ok(Vec::new())
}

/// Sends a call again while its refusal passes; what is in its way, if that can be listed, is the status and part of the error.
async fn again<T, F, H>(
    context: &CallContext,
    operation: &Operation,
    pace: Pace,
    passes: impl Fn(&ProviderError) -> bool + Send + Sync,
    holders: impl Fn() -> H + Send + Sync,
    call: impl Fn() -> F + Send + Sync,
) -> Result<T, ProviderError>
where
    T: Send,
    F: Future<Output = Result<T, ProviderError>> + Send,
    H: Future<Output = Result<Vec<String>, ProviderError>> + Send,
{
    let start = context.clock.now();
    let mut pause = pace.first;
    let mut looked = (start, None);
    loop {
        let mut error = match call().await {
            Err(error) if passes(&error) => error,
            other => return other,
        };
        let now = context.clock.now();
        let over = now.since(start) >= pace.limit;
        if over || now.since(looked.0) >= LOOK {
            looked = (now, named(&holders().await.unwrap_or_default()));
        }
        let held = looked.1.as_ref();
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
    let first = &holders[..NAMED.min(holders.len())];
    let more = holders.len() - first.len();
    let first = first.join(", ");
    match (first.is_empty(), more) {
        (true, _) => None,
        (_, 0) => Some(first),
        _ => Some(format!("{first} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, operation};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_wait_shows_the_status_and_ends_in_time() {
        let world = Arc::new(World::default());
        let operation = operation("aws_vpc.main");
        let polls = AtomicUsize::new(0);
        let result = until(&world.context(), &operation, QUICK, || async {
            Ok(match polls.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Progress::Pending("pending".to_owned()),
                _ => Progress::Done(7),
            })
        })
        .await;
        assert_eq!(result, Ok(7));
        assert_eq!(
            *world.statuses.lock().expect("not poisoned"),
            ["pending", "pending"]
        );

        let never = until(&world.context(), &operation, QUICK, || async {
            Ok(Progress::<()>::Pending("stuck".to_owned()))
        })
        .await;
        let error = never.expect_err("ends");
        assert_eq!(error.kind, ErrorKind::TimedOut);
        assert!(error.message.contains("`stuck` after 5 minutes"), "{error}");
    }

    #[tokio::test]
    async fn a_delete_waits_for_what_is_in_the_way() {
        let world = Arc::new(World::default());
        let operation = operation("aws_vpc.main");
        for (kind, tries, ends) in [
            (ErrorKind::Conflict, 3, Ok(())),
            (ErrorKind::Conflict, usize::MAX, Err(ErrorKind::Conflict)),
            (ErrorKind::NotFound, usize::MAX, Ok(())),
            (ErrorKind::Denied, usize::MAX, Err(ErrorKind::Denied)),
        ] {
            let sent = AtomicUsize::new(0);
            let result = while_in_use(&world.context(), &operation, QUICK, || async {
                if sent.fetch_add(1, Ordering::Relaxed) < tries {
                    Err(ProviderError::new(kind, "no"))
                } else {
                    Ok(())
                }
            })
            .await;
            assert_eq!(result.map_err(|e| e.kind), ends, "{kind:?}");
        }
    }

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

    #[test]
    fn what_the_cloud_computes_of_an_empty_collection_is_its_affair() {
        /// Names that the cloud gives where none are said.
        #[derive(Clone, Debug, Record)]
        struct Given {
            /// Names.
            #[record(optional, computed)]
            names: Vec<String>,
        }
        /// Names that are none where none are said.
        #[derive(Clone, Debug, Record)]
        struct Said {
            /// Names.
            #[record(optional)]
            names: Vec<String>,
        }
        let given = |names: &[&str]| {
            let names = names.iter().map(|n| (*n).to_owned()).collect();
            Given { names }.to_value()
        };
        let block = Given::block();
        assert!(agrees(&block, &given(&[]), &given(&["a"])));
        assert!(!agrees(&block, &given(&["b"]), &given(&["a"])));
        let names = vec!["a".to_owned()];
        let none = Said { names: Vec::new() }.to_value();
        assert!(!agrees(&Said::block(), &none, &Said { names }.to_value()));
    }
}
