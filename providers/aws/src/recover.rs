//! Beginning a creation so that nothing is lost: an id that is known is gone on with, a new one is made durable before
//! anything else, and an answer that got lost is looked up rather than asked for twice.

use crate::client::Client;
use crate::family::Family;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::future::BoxFuture;
use infra_cloud::retry::Resend;
use infra_model::resource::Item;
use infra_model::{CallContext, ErrorKind, Operation, ProviderError, Recovered, Resource};
use std::error::Error;
use std::future::Future;
use std::time::Duration;

/// What to do when the answer to the create call was lost.
#[derive(Clone, Copy)]
pub enum Lost<'a> {
    /// Send it again: it carries the operation's token.
    Resend,
    /// Look for what it made (by the operation's tag), and send it again only when there is nothing past this settle time.
    LookUp(
        Duration,
        &'a (dyn Fn() -> BoxFuture<'a, Result<Option<String>, ProviderError>> + Send + Sync),
    ),
}

impl Client {
    /// The id of what the operation creates: the known one, or that of the create call, made durable.
    ///
    /// # Errors
    /// The cloud's refusal, or the id could not be made durable.
    #[allow(clippy::too_many_arguments, reason = "one call's whole description")]
    pub async fn begin<T, E, F>(
        &self,
        context: &CallContext,
        operation: &Operation,
        family: Family,
        call: &'static str,
        lost: Lost<'_>,
        send: impl Fn() -> F + Send + Sync,
        id_of: impl Fn(&T) -> Option<&str> + Send + Sync,
    ) -> Result<String, ProviderError>
    where
        T: Send + Sync,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        if let Some(id) = &operation.known_id {
            return Ok(id.clone());
        }
        let resend = match lost {
            Lost::Resend => Resend::Safe,
            Lost::LookUp(..) => Resend::Never,
        };
        let mut attempts = 0;
        let id = loop {
            match (
                self.call_as(context, family, call, resend, &send).await,
                lost,
            ) {
                (Ok(answer), _) => {
                    break id_of(&answer).map(str::to_owned).ok_or_else(|| {
                        ProviderError::new(
                            ErrorKind::Other,
                            format!("{call} answered without an id"),
                        )
                    })?;
                }
                (Err(error), Lost::LookUp(settle, find))
                    if error.kind == ErrorKind::Transient && attempts < 4 =>
                {
                    attempts += 1;
                    context.clock.sleep(settle).await;
                    // What cannot be looked up now may be there all the same.
                    let found = find().await.map_err(ProviderError::after_lost_answer)?;
                    if let Some(id) = found {
                        break id;
                    }
                }
                (Err(error), _) => return Err(error),
            }
        };
        context.events.id_known(operation, &id).await?;
        Ok(id)
    }

    /// [`Client::begin`] for what has a name or a place that only one can have, and no token: what the operation made earlier
    /// is gone on with, and what stands there otherwise is not taken over. `find` tells which it is.
    ///
    /// # Errors
    /// The place is taken; otherwise as [`Client::begin`].
    #[allow(clippy::too_many_arguments, reason = "one call's whole description")]
    pub async fn begin_named<T, E, F, G>(
        &self,
        context: &CallContext,
        operation: &Operation,
        family: Family,
        call: &'static str,
        find: impl Fn() -> G + Send + Sync,
        send: impl Fn() -> F + Send + Sync,
        id_of: impl Fn(&T) -> Option<&str> + Send + Sync,
    ) -> Result<String, ProviderError>
    where
        T: Send + Sync,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        G: Future<Output = Result<Recovered, ProviderError>> + Send,
    {
        if let Some(id) = &operation.known_id {
            return Ok(id.clone());
        }
        let ours = || -> BoxFuture<'_, Result<Option<String>, ProviderError>> {
            Box::pin(async {
                match find().await? {
                    Recovered::Found(id) => Ok(Some(id)),
                    Recovered::Absent => Ok(None),
                    Recovered::Foreign(id) => Err(taken(family, call, &id)),
                }
            })
        };
        if let Some(id) = ours().await? {
            context.events.id_known(operation, &id).await?;
            return Ok(id);
        }
        let lost = Lost::LookUp(SETTLE, &ours);
        self.begin(context, operation, family, call, lost, send, id_of)
            .await
    }
}

/// How long what was just made may be missing from answers.
const SETTLE: Duration = Duration::from_secs(5);

/// What stands in a place and is not the operation's.
pub(crate) fn taken(family: Family, call: &str, id: &str) -> ProviderError {
    ProviderError {
        service: family.service.to_owned(),
        operation: call.to_owned(),
        code: "AlreadyExists".to_owned(),
        ..ProviderError::new(
            ErrorKind::Conflict,
            format!(
                "`{id}` exists already and was not made by this stack: import it, or choose another name"
            ),
        )
    }
}

/// What was found of an operation, if it is still there: tags outlive what they were on.
///
/// # Errors
/// Errors of reading.
pub async fn found<R: Resource<Client>>(
    client: &Client,
    context: &CallContext,
    candidates: Vec<String>,
) -> Result<Recovered, ProviderError> {
    let items: Vec<Item<R::Record>> = candidates
        .iter()
        .map(|id| Item {
            id: id.clone(),
            prior: None,
        })
        .collect();
    for (id, answer) in candidates
        .into_iter()
        .zip(R::read(client, context, &items).await)
    {
        if answer?.is_some() {
            return Ok(Recovered::Found(id));
        }
    }
    Ok(Recovered::Absent)
}
